// SPDX-License-Identifier: Apache-2.0
// The table of conventions and the sum over their terms.
#include "model/cost/convention.h"

#include <sizeup/cost.h>

#include <stdio.h>

enum {
#define CONVENTION(id, name, unit, bodies, what) BY_##id,
#include "model/cost/conventions.def"
#undef CONVENTION
};

// How often the body of a loop counts.
enum { EVERY_TRIP, ONE_TRIP };

static const sz_convention table[] = {
#define CONVENTION(id, name, unit, bodies, what)                                                   \
    {BY_##id, name, unit, what, bodies, BY_##id != BY_sizeup,      \
     BY_##id == BY_xla},
#include "model/cost/conventions.def"
#undef CONVENTION
};

const sz_convention *sz_convention_get(size_t i) {
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const sz_convention *sz_convention_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!name || strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

int sz_list_convention(size_t i, sz_convention_row *ret_row) {
    const sz_convention *c = sz_convention_get(i);
    if (!c) return 0;
    *ret_row = (sz_convention_row){c->name, c->unit, c->what};
    return 1;
}

// ---- what a node is fed with -------------------------------------------------------------------

enum { MAX_CHAIN = 8 }; // operators between a weight and its product

static bool is_one_of(sz_str op, size_t n, const char *const *names) {
    for (size_t i = 0; i < n; i++)
        if (sz_str_is(op, names[i])) return true;
    return false;
}

// Value `id` as the graph that makes it knows it.
static const sz_value *made(const sz_graph **g, sz_value_id id) {
    const sz_value *v = sz_graph_value(*g, id);
    while (v->kind == SZ_VALUE_CAPTURED) {
        *g = (*g)->parent;
        v = sz_graph_value(*g, v->outer);
    }
    return v;
}

// Back over operators of which only input 0 matters to the one that is none of `names`. NULL when
// the value is no node's; *ret_value is the value at which the walk ended.
static const sz_node *behind(const sz_graph **g, sz_value_id id, size_t n,
                             const char *const *names, const sz_value **ret_value) {
    for (int step = 0; step < MAX_CHAIN && id != SZ_NONE; step++) {
        *ret_value = made(g, id);
        if ((*ret_value)->kind != SZ_VALUE_NODE) return NULL;
        const sz_node *node = sz_graph_node(*g, (*ret_value)->producer);
        if (!is_one_of(node->op, n, names)) return node;
        id = node->n_inputs ? node->inputs[0] : SZ_NONE;
    }
    return NULL;
}

// What may stand between a weight and its use.
static const char *const passing[] = {"Identity", "DequantizeLinear", "Cast", "Transpose",
                                      "Reshape"};
enum { N_PASSING = sizeof passing / sizeof *passing };

// A constant matrix, though perhaps quantized or turned: what a framework has as the weight of a
// layer.
static bool is_weight(const sz_graph *g, const sz_node *node, int i) {
    const sz_value *v = NULL;
    if (i >= node->n_inputs || node->inputs[i] == SZ_NONE) return false;
    const sz_node *maker = behind(&g, node->inputs[i], N_PASSING, passing, &v);
    const bool filled = maker && sz_str_is(maker->op, "ConstantOfShape"); // of stripped weights
    return v && (v->constant || filled) && v->type.kind == SZ_TYPE_TENSOR && v->type.rank >= 2;
}

// A product with a weight is a layer, one of two activations is not. The second operand of
// QLinearMatMul is input 3; scales and zero points have no rows and columns.
static bool is_layer(const sz_graph *g, const sz_node *node) {
    return is_weight(g, node, 0) || is_weight(g, node, 1) || is_weight(g, node, 3);
}

// Input `i` of an addition is a layer's product; a quantized one is cast and scaled first.
static bool is_product(const sz_graph *g, const sz_node *add, int i) {
    static const char *const scaling[] = {"Cast", "Mul"};
    const sz_graph *where = g, *here = g;
    const sz_value *v = NULL;
    const sz_node *node = behind(&where, add->inputs[i], 2, scaling, &v);
    if (!node || !is_layer(where, node)) return false;
    if (sz_str_is(node->op, "MatMulInteger")) return true;
    return sz_str_is(node->op, "MatMul") && v == made(&here, add->inputs[i]);
}

static bool is_vector(const sz_graph *g, const sz_node *add, int i) {
    const sz_value *v = NULL;
    behind(&g, add->inputs[i], N_PASSING, passing, &v);
    return v && v->constant && v->type.kind == SZ_TYPE_TENSOR && v->type.rank == 1;
}

// ---- bases -------------------------------------------------------------------------------------
// Negative = exceeds 2^63; makes the sum fail.

typedef int64_t base_rule(const sz_counted *c);

static int64_t product(int n, const int64_t *factors) {
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        if (!sz_mul(p, factors[i], &p)) return -1;
    return p;
}

static int64_t dim(const sz_type *t, int axis) {
    return axis < t->rank && t->dims[axis] > 0 ? t->dims[axis] : 0;
}

static int rank_in(const sz_counted *c) { return sz_in(c->in, 0)->rank; }

static int64_t base_NOTHING(const sz_counted *c) { return (void)c, 0; }
static int64_t base_MACS(const sz_counted *c) { return c->work->macs; }
static int64_t base_VALID_MACS(const sz_counted *c) {
    return c->work->macs - c->work->skipped_macs;
}
static int64_t base_BIAS(const sz_counted *c) { return c->work->bias; }
static int64_t base_IN(const sz_counted *c) { return c->work->in_elements; }
static int64_t base_OUT(const sz_counted *c) { return c->work->out_elements; }
static int64_t base_OWN(const sz_counted *c) { return c->work->flops; }

// Only of images, or of lines.
static int64_t base_IN_2D(const sz_counted *c) { return rank_in(c) == 4 ? base_IN(c) : 0; }
static int64_t base_OUT_1D(const sz_counted *c) { return rank_in(c) == 3 ? base_OUT(c) : 0; }
static int64_t base_OUT_2D(const sz_counted *c) { return rank_in(c) == 4 ? base_OUT(c) : 0; }

// onnx-tool has no elements in a scalar.
static int64_t base_VOLUME(const sz_counted *c) {
    const sz_type *t = sz_out_get(c->in, 0);
    return t->rank == 0 ? 0 : c->work->out_elements;
}

static int64_t base_LAYER_MACS(const sz_counted *c) {
    return is_layer(c->in->graph, c->in->node) ? c->work->macs : 0;
}

// An addition of a constant vector to a layer's product: the bias of the layer.
static int64_t base_LINEAR_BIAS(const sz_counted *c) {
    const sz_graph *g = c->in->graph;
    const sz_node *add = c->in->node;
    for (int i = 0; i < 2 && add->n_inputs == 2; i++)
        if (is_vector(g, add, i) && is_product(g, add, 1 - i)) return c->work->out_elements;
    return 0;
}

// A bias that a fused operator has at input 4.
static int64_t base_BIAS_4(const sz_counted *c) {
    return sz_has_in(c->in, 4) ? c->work->out_elements : 0;
}

// Activations that an optimizer moved into the operator.
static int64_t base_FUSED_RELU(const sz_counted *c) {
    const sz_str activation = sz_attr_s(c->in->node, "activation", "");
    return sz_str_is(activation, "Relu") ? c->work->out_elements : 0;
}

static int64_t base_FUSED_CLIP(const sz_counted *c) {
    const sz_str activation = sz_attr_s(c->in->node, "activation", "");
    return sz_str_is(activation, "Clip") || sz_str_is(activation, "LeakyRelu")
               ? c->work->out_elements : 0;
}

static int64_t kernel(const sz_counted *c) {
    const sz_type *w = sz_in(c->in, 1);
    int64_t p = 1;
    for (int i = 2; i < w->rank; i++)
        if ((p = product(2, (const int64_t[]){p, dim(w, i)})) < 0) return -1;
    return p;
}

static int64_t base_WINDOW(const sz_counted *c) {
    return product(2, (const int64_t[]){c->work->out_elements, c->work->kernel});
}

static int64_t times_kernel(const sz_counted *c, int64_t elements, int64_t channels) {
    const int64_t k = kernel(c);
    return k < 0 ? -1 : product(3, (const int64_t[]){elements, channels, k});
}

// ConvTranspose, weights [Cin, Cout/group, ...]: output elements x Cin/group x kernel.
static int64_t base_OUT_MACS(const sz_counted *c) {
    const int64_t group = sz_attr_i(c->in->node, "group", 1), channels = dim(sz_in(c->in, 1), 0);
    return times_kernel(c, c->work->out_elements, channels / (group > 0 ? group : 1));
}

// ... and output elements x Cout/group x kernel.
static int64_t base_OUT_MACS_ONNX(const sz_counted *c) {
    return times_kernel(c, c->work->out_elements, dim(sz_in(c->in, 1), 1));
}

// DeformConv: taps of one channel in all places, and those again when they are modulated.
static int64_t base_TAPS(const sz_counted *c) {
    const int64_t channels = dim(sz_out_get(c->in, 0), 1);
    return channels ? times_kernel(c, c->work->out_elements / channels, 1) : 0;
}

static int64_t base_MASK_TAPS(const sz_counted *c) {
    return sz_has_in(c->in, 4) ? base_TAPS(c) : 0;
}

// com.microsoft.Attention: the product with the weights of Q, K and V, and the softmax's elements.
static int64_t base_PROJECTION_MACS(const sz_counted *c) {
    return product(2, (const int64_t[]){c->work->in_elements, dim(sz_in(c->in, 1), 1)});
}

static int64_t base_SCORES(const sz_counted *c) {
    const int64_t projection = base_PROJECTION_MACS(c);
    const int64_t heads = sz_attr_i(c->in->node, "num_heads", 1), *sizes = NULL;
    int64_t both = dim(sz_in(c->in, 1), 1) / 3 * 2; // sizes of Q (or K) and V
    if (sz_attr_ints(c->in->node, "qkv_hidden_sizes", &sizes) == 3 && sizes[0] >= 0 &&
        sizes[2] >= 0 && !sz_add(sizes[0], sizes[2], &both))
        return -1;
    if (projection < 0) return -1;
    const int64_t head = heads > 0 ? both / heads : 0;
    return head > 0 ? (c->work->macs - projection) / head : 0;
}

// Recurrent operators: elements of the hidden state over all steps, in one direction and in all.
static int64_t base_HIDDEN_ONE(const sz_counted *c) {
    const sz_type *x = sz_in(c->in, 0), *r = sz_in(c->in, 2);
    int64_t hidden = sz_attr_i(c->in->node, "hidden_size", dim(r, 2));
    return product(3, (const int64_t[]){dim(x, 0), dim(x, 1), hidden > 0 ? hidden : 0});
}

static int64_t base_HIDDEN(const sz_counted *c) {
    const int64_t one = base_HIDDEN_ONE(c);
    return one < 0 ? -1 : product(2, (const int64_t[]){one, dim(sz_in(c->in, 1), 0)});
}

// Rows that are normalized: elements / size of the axis (the last by default).
static int64_t base_ROWS(const sz_counted *c) {
    const sz_type *t = sz_in(c->in, 0);
    int64_t axis = sz_attr_i(c->in->node, "axis", -1);
    if (axis < 0) axis += t->rank;
    int64_t size = axis >= 0 && axis < t->rank ? dim(t, (int)axis) : 0;
    return size ? c->work->in_elements / size : 0;
}

// Softmax took everything from the axis on (1 by default) as one row up to opset 12.
static int64_t base_SOFTMAX_ROWS(const sz_counted *c) {
    const sz_type *t = sz_in(c->in, 0);
    if (c->in->opset >= 13) return base_ROWS(c);
    int64_t axis = sz_attr_i(c->in->node, "axis", 1), rows = 1;
    if (axis < 0) axis += t->rank;
    for (int i = 0; i < axis && i < t->rank; i++)
        if ((rows = product(2, (const int64_t[]){rows, dim(t, i)})) < 0) return -1;
    return rows;
}

// Sum of n operands: n - 1 additions.
static int64_t base_SUMS(const sz_counted *c) {
    const int64_t n = c->in->node->n_inputs;
    return product(2, (const int64_t[]){base_VOLUME(c), n > 0 ? n - 1 : 0});
}

// MatMulInteger: whatever stands third passes for a bias when nothing stands fourth.
static int64_t base_THIRD(const sz_counted *c) {
    return c->in->node->n_inputs == 3 ? base_VOLUME(c) : 0;
}

static int64_t base_LRN_SIZE(const sz_counted *c) {
    const int64_t size = sz_attr_i(c->in->node, "size", 0);
    return product(2, (const int64_t[]){base_VOLUME(c), size > 0 ? size : 0});
}

// ---- fvcore's einsum ---------------------------------------------------------------------------

// The equation with its letters named a, b, c ... in the order in which they appear.
static void rename_letters(sz_str equation, size_t size, char *ret_text) {
    char seen[26], letter[26];
    size_t n = 0, used = 0;
    for (uint32_t i = 0; i < equation.len && used + 1 < size; i++) {
        char ch = equation.p[i];
        if (ch == ' ') continue;
        size_t k = 0;
        while (k < n && seen[k] != ch) k++;
        bool is_letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (is_letter && k == n && n < sizeof seen) {
            letter[n] = (char)('a' + n);
            seen[n++] = ch;
        }
        ret_text[used++] = k < n ? letter[k] : ch;
    }
    ret_text[used] = '\0';
}

// The four leading digits, halves to even: what is left of a number that was printed as %.3e.
static int64_t four_digits(int64_t n) {
    int64_t unit = 1;
    while (n / unit >= 10000) unit *= 10;
    int64_t head = n / unit, rest = n % unit;
    if (rest > unit - rest || (rest == unit - rest && head % 2)) head++;
    return product(2, (const int64_t[]){head, unit});
}

// fvcore counts two equations itself and reads numpy's report on all others, which shows four
// digits of twice the MACs.
static int64_t base_EINSUM_MACS(const sz_counted *c) {
    char text[16];
    rename_letters(sz_attr_s(c->in->node, "equation", ""), sizeof text, text);
    if (strcmp(text, "abc,abd->acd") == 0 || strcmp(text, "abc,adc->adb") == 0)
        return c->work->macs;
    const int64_t twice = product(2, (const int64_t[]){2, c->work->macs});
    return twice < 0 ? -1 : four_digits(twice) / 2;
}

// ---- terms -------------------------------------------------------------------------------------

typedef struct term {
    int32_t convention;
    const char *op;
    base_rule *base;
    int64_t weight;
    const char *why;
} term;

static const term terms[] = {
#define TERM(convention, op, base, weight, why) {BY_##convention, op, base_##base, weight, why},
#include "model/cost/terms.def"
#undef TERM
};

enum { N_TERMS = sizeof terms / sizeof *terms };

static bool is_for(const term *t, const sz_convention *by, sz_str key) {
    return t->convention == by->id && sz_str_is(key, t->op);
}

static bool has_terms(const sz_convention *by, sz_str key) {
    for (int i = 0; i < N_TERMS; i++)
        if (is_for(&terms[i], by, key)) return true;
    return false;
}

// "com.microsoft.Attention" before "Attention": fused operators can have a meaning of their own.
static sz_str domain_key(const sz_counted *c, size_t size, char *buf) {
    int n = snprintf(buf, size, "%s.%s", c->in->op->domain, c->in->op->name);
    return (sz_str){buf, n > 0 && (size_t)n < size ? (uint32_t)n : 0};
}

static sz_str mode_key(const sz_counted *c, size_t size, char *buf) {
    const sz_str mode = sz_attr_s(c->in->node, "mode", "nearest");
    int n = snprintf(buf, size, "Resize:%.*s", (int)(mode.len < 16 ? mode.len : 0), mode.p);
    return (sz_str){buf, n > 0 ? (uint32_t)n : 0};
}

// The name under which the terms of a node stand: "com.microsoft.Attention", "Conv",
// "Resize:linear", else "@kind".
static sz_str key_of(const sz_convention *by, const sz_counted *c, size_t size, char *buf) {
    const char *name = c->in->op->name;
    if (*c->in->op->domain) {
        sz_str key = domain_key(c, size, buf);
        if (has_terms(by, key)) return key;
    }
    const bool resizes = strcmp(name, "Resize") == 0 || strcmp(name, "Upsample") == 0;
    sz_str op = resizes ? mode_key(c, size, buf) : sz_str_c(name);
    if (has_terms(by, op)) return op;
    int n = snprintf(buf, size, "@%s", sz_kind_name(c->in->op->kind));
    return (sz_str){buf, n > 0 ? (uint32_t)n : 0};
}

static sz_status count_terms(const sz_convention *by, const sz_counted *c, int64_t *ret_count,
                             const char **ret_why) {
    char buf[96];
    const sz_str key = key_of(by, c, sizeof buf, buf);
    int64_t sum = 0;
    *ret_why = "not counted";
    for (int i = 0; i < N_TERMS; i++) {
        if (!is_for(&terms[i], by, key)) continue;
        int64_t base = terms[i].base(c);
        *ret_why = terms[i].why;
        if (base < 0 || !sz_madd(&sum, base, terms[i].weight))
            return sz_op_fail(c->in, "operations exceed 2^63");
    }
    *ret_count = sum;
    return SZ_OK;
}

sz_status sz_convention_count(const sz_convention *by, const sz_counted *c, int64_t *ret_count,
                              const char **ret_why) {
    if (by->id != BY_sizeup) return count_terms(by, c, ret_count, ret_why);
    int64_t flops = c->work->flops;
    *ret_why = NULL;
    if (!sz_madd(&flops, c->work->macs, 2)) return sz_op_fail(c->in, "flops exceed 2^63");
    *ret_count = flops;
    return SZ_OK;
}
