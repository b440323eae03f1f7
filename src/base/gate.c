// SPDX-License-Identifier: Apache-2.0
#include "base/gate.h"

#include <math.h>
#include <stdlib.h>

sz_status sz_gate_parse(sz_ctx *ctx, const char *text, const char *example, sz_gate *ret_gate) {
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    double v = 0;
    if (colon && (colon[1] == '-' || colon[1] == '+')) v = strtod(colon + 1, &end);
    if (!end || end == colon + 1 || strcmp(end, "%") != 0 || colon == text || !isfinite(v))
        return sz_fail(ctx, SZ_ERR_USAGE, "'%s' is no gate such as %s",
                       sz_show(ctx, sz_str_c(text)), example);
    *ret_gate = (sz_gate){{text, (uint32_t)(colon - text)}, v / 100, colon[1] == '-'};
    return SZ_OK;
}

bool sz_gate_breaks(const sz_gate *gate, double ratio) {
    const double change = ratio - 1;
    return gate->falling ? change < gate->limit : change > gate->limit;
}
