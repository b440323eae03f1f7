// SPDX-License-Identifier: Apache-2.0
// The operator table and its look-up.
#include "model/ops/ops.h"

#include "model/ops/rules.h"

#define ONNX    ""
#define ML      "ai.onnx.ml"
#define TRAIN   "ai.onnx.preview.training"
#define PREVIEW "ai.onnx.preview"
#define STEP    "sizeup.train"
#define MS      "com.microsoft"
#define NCHWC   "com.microsoft.nchwc"
#define OPENVINO      "openvino"
#define OPENVINO_EXEC "openvino.exec"
#define XLA     "xla"
#define CHLO    "chlo"
#define SIZEUP  "sizeup"
#define LLM     "llm"

static const sz_op table[] = {
#define OP(domain, name, since, kind, min_in, max_in, max_out, shape, value, cost, work)           \
    {domain,           #name,          since,   SZ_KIND_##kind,                                    \
     min_in,           max_in,         max_out, sz_shape_##shape,                                  \
     sz_value_##value, sz_cost_##cost, work},
#include "model/ops/ops.def"
#undef OP
};

enum { N_OPS = sizeof table / sizeof *table };

int32_t sz_op_count(void) { return N_OPS; }
const sz_op *sz_op_get(int32_t row) { return &table[row]; }

bool sz_op_is_costed(const sz_op *op) { return op->cost != sz_cost_none; }

const char *sz_kind_name(sz_op_kind kind) {
    static const char *const names[] = {
#define SZ_KIND_TEXT(name, text) text,
        SZ_KINDS(SZ_KIND_TEXT)
#undef SZ_KIND_TEXT
    };
    return kind < SZ_KIND_COUNT ? names[kind] : "unknown";
}

// "ai.onnx" is another spelling of "".
static sz_str plain_domain(sz_str domain) {
    return sz_str_is(domain, "ai.onnx") ? (sz_str){"", 0} : domain;
}

int32_t sz_op_find(sz_str domain, sz_str name) {
    domain = plain_domain(domain);
    for (int32_t i = 0; i < N_OPS; i++)
        if (sz_str_is(name, table[i].name) && sz_str_is(domain, table[i].domain)) return i;
    return SZ_NONE;
}

// Consecutive nodes share few operators: remember rows by name in a map, per domain on collision.
static sz_status build_index(sz_map *index) {
    for (int32_t i = 0; i < N_OPS; i++)
        if (!sz_map_get(index, sz_str_c(table[i].name), NULL))
            SZ_TRY(sz_map_put(index, sz_str_c(table[i].name), i));
    return SZ_OK;
}

static int32_t look_up(const sz_map *index, const sz_node *n) {
    int32_t row;
    if (!sz_map_get(index, n->op, &row)) return SZ_NONE;
    return sz_str_is(plain_domain(n->domain), table[row].domain) ? row
                                                                 : sz_op_find(n->domain, n->op);
}

static void resolve_one(sz_graph *g, const sz_map *index) {
    for (size_t i = 0; i < g->nodes.n; i++)
        g->nodes.items[i].row = look_up(index, &g->nodes.items[i]);
}

sz_status sz_ops_resolve(sz_graph *g) {
    sz_map index;
    sz_map_init(&index, g->ctx);
    sz_status status = build_index(&index);
    if (status == SZ_OK) {
        resolve_one(g, &index);
        for (size_t i = 0; i < g->children.n; i++) resolve_one(g->children.items[i], &index);
    }
    sz_map_finish(&index);
    return status;
}
