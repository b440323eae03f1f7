// SPDX-License-Identifier: Apache-2.0
// Which constants are parameters, and whose.
//
// A parameter is an element of a float constant, or of an integer constant that stands for floats
// (quantized weights and biases). Indices, shapes and zero points are not parameters.
#include "model/cost/costs.h"
#include "model/ops/llm.h"

typedef struct operand_row {
    const char *op;
    int32_t input;
    bool is_parameter;
} operand_row;

// Integer operands that the general rule (8 bits or fewer, rank 2 or more) gets wrong.
static const operand_row operands[] = {
    {"DequantizeLinear", 0, true}, // weights of any rank, biases as i32
    {"DequantizeLinear", 2, false},
    {"QuantizeLinear", 2, false},
    {"QLinearConv", 8, true}, // bias as i32
    {"QGemm", 6, true},
    {"QLinearAdd", 0, true}, // biases and scales of norms, of rank 1
    {"QLinearAdd", 3, true},
    {"QLinearMul", 0, true},
    {"QLinearMul", 3, true},
    {"QEmbedLayerNormalization", 5, true}, // gamma, beta
    {"QEmbedLayerNormalization", 6, true},
    {"MatMulNBits", 3, false}, // packed zero points
    {"MatMulNBitsMlp", 3, false},
    {"GatherBlockQuantized", 3, false},
    {"MatMulIntegerToFloat", 5, false},
    {"DynamicQuantizeMatMul", 3, false},
    {"DynamicQuantizeLSTM", 9, false},
    {"DynamicQuantizeLSTM", 11, false},
};

// A vector of bytes that is split or gathered before use is data, not a list of zero points.
static bool is_moved(const sz_node *n) {
    return n->row != SZ_NONE && sz_op_get(n->row)->kind == SZ_KIND_MOVE;
}

static bool is_viewed(const sz_node *n) {
    return n->row != SZ_NONE && sz_op_get(n->row)->kind == SZ_KIND_VIEW;
}

// Scales and zero points of a quantized weight: stored, but no parameters.
static bool is_scale(const sz_node *n, int32_t input) {
    static const struct {
        const char *op;
        int32_t from;
    } rows[] = {{"Linear", SZ_LLM_LINEAR_SCALES},
                {"ExpertLinear", SZ_LLM_EXPERT_SCALES},
                {"Embed", SZ_LLM_EMBED_SCALES},
                {"Product", SZ_LLM_PRODUCT_SCALES},
                {"Unplaced", SZ_LLM_UNPLACED_SCALES}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(n->domain, SZ_LLM_DOMAIN) && sz_str_is(n->op, rows[i].op))
            return input >= rows[i].from;
    return false;
}

static bool is_parameter(const sz_node *n, int32_t input, const sz_type *t) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    if (d->cls == SZ_CLASS_FLOAT || d->cls == SZ_CLASS_BLOCK || d->cls == SZ_CLASS_COMPLEX)
        return true;
    if (d->cls != SZ_CLASS_INT && d->cls != SZ_CLASS_UINT) return false;
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++)
        if (operands[i].input == input && sz_str_is(n->op, operands[i].op))
            return operands[i].is_parameter;
    if (is_scale(n, input)) return true; // for its bytes
    if (d->bits > 8 || t->rank < 1) return false;
    return t->rank >= 2 || is_moved(n);
}

// Operators whose 8-bit operands hold several narrower numbers per byte.
static bool is_block_op(const sz_node *n) {
    static const char *const block_ops[] = {"MatMulNBits", "MatMulBnb4", "MatMulFpQ4",
                                            "GatherBlockQuantized", "QMoE"};
    for (size_t i = 0; i < sizeof block_ops / sizeof *block_ops; i++)
        if (sz_str_is(n->op, block_ops[i])) return true;
    return false;
}

static bool is_byte(const sz_type *t) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    return d->bits == 8 && (d->cls == SZ_CLASS_UINT || d->cls == SZ_CLASS_INT);
}

// Elements that one stored element stands for.
static int64_t packed(const sz_node *n, const sz_type *t) {
    if (!is_byte(t) || !is_block_op(n)) return 1;
    const char *attr = sz_str_is(n->op, "QMoE") ? "expert_weight_bits" : "bits";
    int64_t bits = sz_attr_i(n, attr, 4);
    return bits > 0 && bits <= 8 ? 8 / bits : 1;
}

static sz_status elements_of(sz_graph *g, const sz_node *n, int32_t input, const sz_value *v,
                             int64_t *ret_elements) {
    *ret_elements = 0;
    if (is_scale(n, input)) return SZ_OK;
    SZ_TRY(sz_type_elements(g->ctx, &v->type, ret_elements));
    if (*ret_elements < 0) *ret_elements = 0;
    // MatMulNBits pads K up to whole blocks: the matrix itself is N x K.
    if (sz_str_is(n->op, "MatMulNBits") && input == 1) {
        int64_t k = sz_attr_i(n, "K", 0), cols = sz_attr_i(n, "N", 0);
        if (k > 0 && cols > 0 && sz_mul(k, cols, ret_elements)) return SZ_OK;
    }
    if (!sz_mul(*ret_elements, packed(n, &v->type), ret_elements))
        return sz_fail(g->ctx, SZ_ERR_INPUT, "parameters exceed 2^63");
    return SZ_OK;
}

// A float tensor that ConstantOfShape makes from an initializer, and that stands where weights
// stand, is a weight that was left out of the file (the light models of the ONNX wheel are made
// so). Elsewhere it is a mask or a first state, which is no parameter.
bool sz_param_is_made(const sz_graph *g, const sz_node *n, int32_t input, const sz_value *v) {
    if (v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE || n->row == SZ_NONE) return false;
    const sz_node *p = sz_graph_node(g, v->producer);
    if (!sz_str_is(p->op, "ConstantOfShape") || p->n_inputs != 1 || p->inputs[0] == SZ_NONE)
        return false;
    const sz_op_kind kind = sz_op_get(n->row)->kind;
    const bool in_place = (kind == SZ_KIND_CONTRACTION && input >= 1 && input <= 2) ||
                          (kind == SZ_KIND_NORM && input >= 1) ||
                          (kind == SZ_KIND_VIEW && input == 0);
    return in_place && sz_graph_value(g, p->inputs[0])->kind == SZ_VALUE_CONST &&
           sz_dtype_get(v->type.dtype)->cls == SZ_CLASS_FLOAT;
}

// A Constant node in a body is a literal of its program, not a parameter, unless it is a matrix.
static bool is_literal(const sz_graph *owner, const sz_value *v) {
    return owner->parent && v->kind == SZ_VALUE_NODE && v->type.rank < 2;
}

typedef struct walk {
    sz_costs *costs;
    bool is_last;   // of two passes over the nodes
    uint8_t **seen; // per graph by its number: one flag per value, made on demand
    uint8_t *marks; // of the values of the main graph, see sz_decompressed
} walk;

static uint8_t *flags_of(walk *w, const sz_graph *g) {
    uint8_t **flags = &w->seen[g->number];
    if (!*flags) *flags = sz_arena_alloc(&w->costs->arena, g->values.n);
    return *flags;
}

static sz_status stored_bytes(sz_graph *g, const sz_value *v, int64_t *ret_bytes) {
    SZ_TRY(sz_type_bytes(g->ctx, &v->type, ret_bytes));
    if (v->constant && v->constant->form == SZ_CONST_SPARSE)
        *ret_bytes = (int64_t)v->constant->length;
    if (*ret_bytes < 0) *ret_bytes = 0;
    return SZ_OK;
}

// What was folded out of few weights, or of none, is no larger number of them: a mask that was made
// of two numbers has two parameters.
static void limit_folded(const sz_value *v, int64_t *elements, int64_t *bytes) {
    if (!v->constant || !v->constant->is_folded || v->constant->made_of >= *elements) return;
    *elements = v->constant->made_of;
    *bytes = sz_dtype_bytes(v->type.dtype, *elements);
}

// The value that a node reads, and the graph that owns it. A block operator sees through a few
// views: an embedding that shares the packed matrix of the last layer reads it by a Reshape.
static const sz_value *operand_of(sz_graph *g, const sz_node *n, int32_t input,
                                  sz_graph **ret_owner, sz_value_id *ret_id) {
    sz_value_id id = n->inputs[input];
    for (int views = is_block_op(n) ? 4 : 0;; views--) {
        const sz_value *v = sz_graph_value(g, id);
        for (; v->kind == SZ_VALUE_CAPTURED; v = sz_graph_value(g, id)) {
            id = v->outer;
            g = g->parent;
        }
        *ret_owner = g;
        *ret_id = id;
        if (views == 0 || v->constant || v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE)
            return v;
        const sz_node *p = sz_graph_node(g, v->producer);
        if (!is_viewed(p) || p->n_inputs < 1 || p->inputs[0] == SZ_NONE) return v;
        id = p->inputs[0];
    }
}

static sz_status add_operand(walk *w, sz_graph *g, const sz_node *n, int32_t input, sz_cost *cost) {
    sz_graph *owner;
    sz_value_id id;
    const sz_value *v = operand_of(g, n, input, &owner, &id);
    if (!v->constant && !sz_param_is_made(owner, n, input, v)) return SZ_OK;
    if (is_literal(owner, v)) return SZ_OK;
    // XLA writes the numbers of a program as constants: what has no axis is none of its weights
    if (v->type.rank == 0 && sz_str_is(n->domain, "xla")) return SZ_OK;
    const uint8_t mark = owner->parent ? 0 : w->marks[id];
    if (mark == SZ_MARK_ZERO) return SZ_OK;
    if (!mark && !is_parameter(n, input, &v->type)) return SZ_OK;
    // How many numbers a byte holds, only the operator that computes with them says.
    if (!w->is_last && is_byte(&v->type) && (is_moved(n) || is_viewed(n))) return SZ_OK;
    uint8_t *flags = flags_of(w, owner);
    if (!flags) return sz_no_memory(g->ctx);
    if (flags[id]) return SZ_OK;
    flags[id] = 1;
    int64_t elements, bytes;
    SZ_TRY(elements_of(g, n, input, v, &elements));
    SZ_TRY(stored_bytes(owner, v, &bytes));
    limit_folded(v, &elements, &bytes);
    if (!sz_add(cost->params, elements, &cost->params) ||
        !sz_add(cost->weight_bytes, bytes, &cost->weight_bytes))
        return sz_fail(g->ctx, SZ_ERR_INPUT, "parameters exceed 2^63");
    return SZ_OK;
}

static sz_status add_node(walk *w, sz_graph *g, const sz_node *n, sz_cost *cost) {
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) SZ_TRY(add_operand(w, g, n, i, cost));
    return SZ_OK;
}

// Constants that the bodies of a node use belong to the node. Bodies nest at most SZ_MAX_BODIES
// deep (the importer and inference see to it), so the walk may call itself.
static sz_status add_bodies(walk *w, const sz_node *n, sz_cost *cost) {
    for (int32_t a = 0; a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++) {
            sz_graph *body = n->attrs[a].graphs[k];
            for (size_t i = 0; i < body->nodes.n; i++) {
                SZ_TRY(add_node(w, body, &body->nodes.items[i], cost));
                SZ_TRY(add_bodies(w, &body->nodes.items[i], cost));
            }
        }
    return SZ_OK;
}

// Float initializers that no node reads, but that the graph lists among its inputs: they are part
// of what it takes, with these numbers as default.
static sz_status add_defaults(walk *w, sz_cost *cost) {
    sz_graph *g = w->costs->graph;
    const sz_node nobody = {.n_inputs = 0};
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        if (!v->is_default || sz_dtype_get(v->type.dtype)->cls != SZ_CLASS_FLOAT) continue;
        const uint8_t *flags = flags_of(w, g);
        if (!flags) return sz_no_memory(g->ctx);
        int64_t elements;
        if (flags[i]) continue;
        SZ_TRY(elements_of(g, &nobody, 0, v, &elements));
        if (!sz_add(cost->params, elements, &cost->params))
            return sz_fail(g->ctx, SZ_ERR_INPUT, "parameters exceed 2^63");
    }
    return SZ_OK;
}

sz_status sz_costs_params(sz_costs *costs) {
    sz_graph *g = costs->graph;
    walk w = {.costs = costs};
    sz_status status = SZ_OK;
    w.seen = sz_arena_array(&costs->arena, g->children.n + 1, sizeof *w.seen);
    if (!w.seen) return sz_no_memory(g->ctx);
    SZ_TRY(sz_decompressed(costs, &w.marks));
    for (int pass = 0; pass < 2; pass++) {
        w.is_last = pass == 1;
        for (size_t i = 0; i < costs->n_nodes && status == SZ_OK; i++) {
            const sz_node *n = &g->nodes.items[i];
            status = add_node(&w, g, n, &costs->nodes[i].cost);
            if (status == SZ_OK) status = add_bodies(&w, n, &costs->nodes[i].cost);
        }
    }
    if (status == SZ_OK) status = add_defaults(&w, &costs->total);
    return status;
}
