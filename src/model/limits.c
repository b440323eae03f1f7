// SPDX-License-Identifier: Apache-2.0
// The table of limits: their numbers are the constants that the code itself uses.
#include <sizeup/limits.h>

#include "base/source.h"
#include "model/graph/allowance.h"
#include "model/import/limits.h"
#include "model/ops/container.h"
#include "model/ops/loop.h"

_Static_assert((int)SZ_ONNX_MAX_BODIES == (int)SZ_MAX_BODIES, "what is read can be inferred");

int sz_list_limit(size_t i, sz_limit_row *ret_row) {
    static const sz_limit_row rows[] = {
#define LIMIT(name, value, unit, beyond) {name, value, unit, beyond},
#include "model/limits.def"
#undef LIMIT
    };
    if (i >= sizeof rows / sizeof *rows) return 0;
    *ret_row = rows[i];
    return 1;
}
