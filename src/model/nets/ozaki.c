// SPDX-License-Identifier: Apache-2.0
// The workload `ozaki`: one sizeup.OzakiMatMul (model/ops/ozaki.h).
#include "model/nets/families.h"
#include "model/ops/ozaki.h"

#include <stdlib.h>

#define SPREADS "0|0.1|0.2|0.5|1|2|3|4|6|8"

const sz_net_param sz_family_ozaki_params[] = {
    SZ_PARAM_SIZE("m", 1024, "rows of the result"),
    SZ_PARAM_SIZE("n", 1024, "columns of the result"),
    SZ_PARAM_SIZE("k", 1024, "length of the dot products"),
    SZ_PARAM_WORDS("dtype", "f64|f32", "format of the operands and the result"),
    SZ_PARAM_WORDS("pieces", "i8|bf16|f32", "format of the pieces"),
    {"count", 8, 1, SZ_OZAKI_MOST, NULL, "pieces that each operand is split into"},
    SZ_PARAM_WORDS("products", "triangle|all", "of pieces: those that matter, or each with each"),
    SZ_PARAM_WORDS("split", "run|before", "before: the second operand is split beforehand"),
    SZ_PARAM_WORDS("phi", SPREADS, "spread of exponents: inputs are (u - 0.5) exp(phi z)"),
    SZ_PARAM_END};

// The word that was given for a parameter.
static const char *given(sz_net *n, const char *name, const char *words, char *buf, size_t cap) {
    for (const char *at = words; *at; at += strcspn(at, "|"), at += *at == '|') {
        const size_t len = strcspn(at, "|");
        if (len >= cap) continue;
        memcpy(buf, at, len);
        buf[len] = '\0';
        if (sz_net_is(n, name, buf)) return buf;
    }
    return "0";
}

void sz_family_ozaki(sz_net *n) {
    char spread[16], pieces[16];
    const int64_t m = sz_net_get(n, "m"), c = sz_net_get(n, "n"), k = sz_net_get(n, "k");
    int64_t rows = m;
    if (!sz_mul(n->batch, m, &rows)) sz_net_fail(n, "batch x m exceeds 2^63");
    const double phi = strtod(given(n, "phi", SPREADS, spread, sizeof spread), NULL);
    const sz_value_id a = sz_net_input(n, "a", n->dtype, SZ_SHAPE(rows, k));
    const sz_value_id b = sz_net_weight(n, "ozaki.weight", SZ_SHAPE(k, c));
    const char *const all = sz_net_is(n, "products", "all") ? "all" : "triangle";
    const char *const split = sz_net_is(n, "split", "before") ? "before" : "run";
    // the texts of attributes live as long as the graph: these are literals
    const char *const format = given(n, "pieces", "i8|bf16|f32", pieces, sizeof pieces);
    const char *const lasting = strcmp(format, "i8") == 0     ? "i8"
                                : strcmp(format, "bf16") == 0 ? "bf16"
                                                              : "f32";
    sz_net_output(n,
                  sz_net_node(n, &(sz_net_op){.name = "ozaki",
                                              .op = "OzakiMatMul",
                                              .domain = "sizeup",
                                              .n_inputs = 2,
                                              .inputs = {a, b},
                                              .n_attrs = 5,
                                              .attrs = {sz_net_text("pieces", lasting),
                                                        sz_net_int("count", sz_net_get(n, "count")),
                                                        sz_net_text("products", all),
                                                        sz_net_text("split", split),
                                                        sz_net_float("phi", phi)}}));
}
