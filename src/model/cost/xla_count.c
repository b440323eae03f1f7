// SPDX-License-Identifier: Apache-2.0
// XLA's own cost analysis: flops, transcendentals and bytes accessed of an instruction.
#include "model/cost/xla_body.h"

#include "model/ops/ops.h"
#include "model/ops/rules.h"
#include "model/ops/xla.h"

typedef struct counter {
    const sz_infer *in;
    sz_xla_count *sum;
} counter;

typedef sz_status count_rule(const counter *c, int64_t *ret);

static sz_status overflow(const counter *c) { return sz_op_fail(c->in, "operations exceed 2^63"); }

static sz_status product(const counter *c, int64_t a, int64_t b, int64_t *ret) {
    return sz_mul(a, b, ret) ? SZ_OK : overflow(c);
}

static sz_status elements(const counter *c, const sz_type *t, int64_t *ret) {
    *ret = 0;
    if (!t || t->kind != SZ_TYPE_TENSOR) return SZ_OK;
    sz_status status = sz_type_elements(c->in->ctx, t, ret);
    if (*ret < 0) *ret = 0;
    return status == SZ_OK ? SZ_OK : sz_op_place(c->in, status);
}

// Of all tensors in a tuple, which nest at most a few levels deep.
static sz_status all_elements(const counter *c, const sz_type *t, int depth, int64_t *sum) {
    if (t->kind != SZ_TYPE_SEQUENCE) {
        int64_t one;
        SZ_TRY(elements(c, t, &one));
        return sz_add(*sum, one, sum) ? SZ_OK : overflow(c);
    }
    for (int64_t i = 0; i < t->n_items && depth > 0; i++) {
        const sz_type *item = sz_xla_item(t, i);
        if (item) SZ_TRY(all_elements(c, item, depth - 1, sum));
    }
    return SZ_OK;
}

static sz_status size(const counter *c, const sz_type *t, int64_t *sum) {
    int64_t one;
    SZ_TRY(sz_xla_size(c->in, t, &one));
    return sz_add(*sum, one, sum) ? SZ_OK : overflow(c);
}

enum { MAX_LEVELS = 8 };

// Of all tensors in a tuple.
static sz_status leaves(const counter *c, const sz_type *t, int depth, int64_t *sum) {
    if (t->kind != SZ_TYPE_SEQUENCE) return size(c, t, sum);
    for (int64_t i = 0; i < t->n_items && depth > 0; i++) {
        const sz_type *item = sz_xla_item(t, i);
        if (item) SZ_TRY(leaves(c, item, depth - 1, sum));
    }
    return SZ_OK;
}

// ---- operations --------------------------------------------------------------------------------

static sz_status ops_NONE(const counter *c, int64_t *ret) { return (void)c, *ret = 0, SZ_OK; }
static sz_status ops_MINUS_ONE(const counter *c, int64_t *ret) { return (void)c, *ret = -1, SZ_OK; }

static sz_status ops_ELEMENTS(const counter *c, int64_t *ret) {
    return all_elements(c, sz_out_get(c->in, 0), MAX_LEVELS, ret);
}

static sz_status ops_TRANSCENDENTAL(const counter *c, int64_t *ret) {
    *ret = 0;
    return all_elements(c, sz_out_get(c->in, 0), MAX_LEVELS, &c->sum->transcendentals);
}

static sz_status ops_PRODUCTS(const counter *c, int64_t *ret) {
    sz_work work = {0};
    sz_costing costing = {*c->in, &work, NULL};
    SZ_TRY(elements(c, sz_out_get(c->in, 0), &work.out_elements));
    SZ_TRY(c->in->op->cost(&costing));
    return product(c, 2, work.macs - work.skipped_macs, ret);
}

// Last dim x elements: of the matrix, a third; of the right-hand sides, twice.
static sz_status ops_CHOLESKY(const counter *c, int64_t *ret) {
    int64_t n;
    SZ_TRY(elements(c, sz_in(c->in, 0), &n));
    const int64_t dim = sz_in_dim(c->in, 0, -1);
    SZ_TRY(product(c, n, dim > 0 ? dim : 0, ret));
    *ret /= 3;
    return SZ_OK;
}

static sz_status ops_SOLVE(const counter *c, int64_t *ret) {
    int64_t n;
    SZ_TRY(elements(c, sz_in(c->in, 1), &n));
    const int64_t dim = sz_in_dim(c->in, 0, -1);
    SZ_TRY(product(c, n, dim > 0 ? dim : 0, ret));
    return product(c, 2, *ret, ret);
}

static int64_t log2_down(int64_t x) {
    int64_t bits = 0;
    while (x > 1) x /= 2, bits++;
    return bits;
}

static sz_status ops_FFT(const counter *c, int64_t *ret) {
    const int64_t *lengths;
    const int32_t n = sz_attr_ints(c->in->node, "fft_length", &lengths);
    SZ_TRY(elements(c, sz_in(c->in, 0), ret));
    for (int32_t k = 0; k < n; k++) SZ_TRY(product(c, *ret, log2_down(lengths[k]), ret));
    return product(c, 8, *ret, ret);
}

static sz_status ops_SORT(const counter *c, int64_t *ret) {
    int64_t n;
    SZ_TRY(elements(c, sz_in(c->in, 0), &n));
    return product(c, n, sz_log2_up(n), ret);
}

// ---- computations ------------------------------------------------------------------------------

static bool add_times(sz_xla_count *sum, const sz_xla_count *c, int64_t times) {
    return sz_madd(&sum->flops, c->flops, times) &&
           sz_madd(&sum->transcendentals, c->transcendentals, times) &&
           sz_madd(&sum->bytes, c->bytes, times);
}

static sz_status body(const counter *c, sz_graph *g, sz_xla_count *ret) {
    *ret = (sz_xla_count){0, 0, 0};
    const int depth = c->in->depth + 1;
    if (!g) return SZ_OK;
    if (depth > SZ_MAX_BODIES)
        return sz_fail(g->ctx, SZ_ERR_LIMIT, "bodies are nested deeper than %d", SZ_MAX_BODIES);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        sz_xla_count one;
        if (n->row == SZ_NONE) continue;
        const sz_infer in = {g->ctx,   g,     (sz_node_id)i, n, sz_op_get(n->row),
                             n->opset, depth, false};
        SZ_TRY(sz_xla_count_node(&in, &one));
        if (!add_times(ret, &one, 1)) return overflow(c);
    }
    return SZ_OK;
}

static sz_status add_body(const counter *c, sz_graph *g, int64_t times, int64_t *flops) {
    sz_xla_count one;
    SZ_TRY(body(c, g, &one));
    if (!sz_madd(flops, one.flops, times) ||
        !sz_madd(&c->sum->transcendentals, one.transcendentals, times))
        return overflow(c);
    return SZ_OK;
}

// The first of a window or a row is there already; an update is applied each time.
static sz_status applications(const counter *c, int64_t *ret) {
    const sz_str op = c->in->node->op;
    int64_t first = 0;
    SZ_TRY(sz_xla_applications(c->in, ret));
    if (sz_str_is(op, "reduce") || sz_str_is(op, "reduce-window"))
        SZ_TRY(elements(c, sz_xla_item(sz_out_get(c->in, 0), 0), &first));
    if (sz_str_is(op, "select-and-scatter")) SZ_TRY(elements(c, sz_in(c->in, 1), &first));
    *ret -= first;
    return SZ_OK;
}

static int64_t pad(const sz_infer *in, int32_t i) {
    const int64_t *pads;
    return i < sz_attr_ints(in->node, "window_pad", &pads) ? pads[i] : 0;
}

// A running sum, written as a window that reaches from end to end of one axis, counts once per row
// and not once per element: XLA takes it for one pass.
static bool is_running(const counter *c, int64_t *ret_size) {
    const int64_t *sizes;
    const int32_t n = sz_attr_ints(c->in->node, "window_size", &sizes);
    const sz_type *y = sz_out_get(c->in, 0);
    int32_t wide = 0, padded = 0, axis = -1;
    if (!sz_str_is(c->in->node->op, "reduce-window") || y->rank != n) return false;
    for (int32_t k = 0; k < n; k++) {
        const int64_t low = pad(c->in, 2 * k), high = pad(c->in, 2 * k + 1);
        wide += sizes[k] != 1;
        padded += low != 0 || high != 0;
        if (axis < 0 && sizes[k] != 1 && low > 0 && low == high && (sizes[k] - 1) % 2 == 0 &&
            (sizes[k] - 1) / 2 == low)
            axis = k;
    }
    if (wide != 1 || padded != 1 || axis < 0) return false;
    *ret_size = y->dims[axis];
    return *ret_size > 0 && pad(c->in, 2 * axis) == *ret_size - 1;
}

static sz_status ops_APPLIED(const counter *c, int64_t *ret) {
    int64_t times, n;
    *ret = 0;
    SZ_TRY(applications(c, &times));
    if (is_running(c, &n)) {
        int64_t out;
        SZ_TRY(elements(c, sz_out_get(c->in, 0), &out));
        times = out / n + n - 1;
    }
    if (!sz_str_is(c->in->node->op, "select-and-scatter"))
        return add_body(c, sz_xla_body(c->in->node, "to_apply"), times, ret);
    SZ_TRY(add_body(c, sz_xla_body(c->in->node, "select"), times, ret));
    SZ_TRY(elements(c, sz_in(c->in, 1), &n));
    return add_body(c, sz_xla_body(c->in->node, "scatter"), n, ret);
}

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static sz_status branches(const counter *c, sz_xla_count *ret) {
    const sz_attr *a = sz_attr_find(c->in->node, "branches");
    *ret = (sz_xla_count){0, 0, 0};
    for (int32_t k = 0; a && a->graphs && k < a->n; k++) {
        sz_xla_count one;
        SZ_TRY(body(c, a->graphs[k], &one));
        if (k == 0) *ret = one;
        ret->flops = larger(ret->flops, one.flops);
        ret->transcendentals = larger(ret->transcendentals, one.transcendentals);
        ret->bytes = larger(ret->bytes, one.bytes);
    }
    return SZ_OK;
}

// Everything of the computations, bytes too (a fusion replaces those).
static sz_status ops_CALLED(const counter *c, int64_t *ret) {
    static const char *const names[] = {"to_apply", "calls", "body", "condition"};
    sz_xla_count all = {0, 0, 0}, one;
    if (sz_str_is(c->in->node->op, "conditional")) {
        SZ_TRY(branches(c, &all));
    } else {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            SZ_TRY(body(c, sz_xla_body(c->in->node, names[k]), &one));
            if (!add_times(&all, &one, 1)) return overflow(c);
        }
    }
    *c->sum = all;
    *ret = all.flops;
    return SZ_OK;
}

// ---- bytes -------------------------------------------------------------------------------------

static sz_status bytes_NONE(const counter *c, int64_t *ret) { return (void)c, *ret = 0, SZ_OK; }
static sz_status bytes_MINUS_ONE(const counter *c, int64_t *ret) {
    return (void)c, *ret = -1, SZ_OK;
}
static sz_status bytes_CALLED(const counter *c, int64_t *ret) {
    *ret = c->sum->bytes; // found with the operations
    return SZ_OK;
}

static sz_status bytes_OPERANDS(const counter *c, int64_t *ret) {
    *ret = 0;
    for (int i = 0; i < c->in->node->n_inputs; i++) SZ_TRY(size(c, sz_in(c->in, i), ret));
    return SZ_OK;
}

// What is sent to the host, tuples in full.
static sz_status bytes_SENT(const counter *c, int64_t *ret) {
    *ret = 0;
    for (int i = 0; i < c->in->node->n_inputs; i++)
        SZ_TRY(leaves(c, sz_in(c->in, i), MAX_LEVELS, ret));
    return SZ_OK;
}

static sz_status bytes_RESULT(const counter *c, int64_t *ret) {
    *ret = 0;
    return leaves(c, sz_out_get(c->in, 0), MAX_LEVELS, ret);
}

// The table of pointers.
static sz_status bytes_TABLE(const counter *c, int64_t *ret) {
    *ret = 0;
    return size(c, sz_out_get(c->in, 0), ret);
}

static sz_status bytes_ALL(const counter *c, int64_t *ret) {
    SZ_TRY(bytes_OPERANDS(c, ret));
    return leaves(c, sz_out_get(c->in, 0), MAX_LEVELS, ret);
}

static sz_status bytes_TRANSPOSE(const counter *c, int64_t *ret) {
    return sz_attr_i(c->in->node, "is_bitcast", 0) ? bytes_NONE(c, ret) : bytes_ALL(c, ret);
}

// The result twice and the first index.
static sz_status bytes_SLICE(const counter *c, int64_t *ret) {
    *ret = 0;
    SZ_TRY(size(c, sz_out_get(c->in, 0), ret));
    SZ_TRY(size(c, sz_out_get(c->in, 0), ret));
    return sz_has_in(c->in, 1) ? size(c, sz_in(c->in, 1), ret) : SZ_OK;
}

static sz_status bytes_UPDATE(const counter *c, int64_t *ret) {
    *ret = 0;
    SZ_TRY(size(c, sz_in(c->in, 1), ret));
    SZ_TRY(size(c, sz_in(c->in, 1), ret));
    return sz_has_in(c->in, 2) ? size(c, sz_in(c->in, 2), ret) : SZ_OK;
}

// Of n operands, indices and n updates: the updates three times.
static sz_status bytes_SCATTER(const counter *c, int64_t *ret) {
    const int n = (c->in->node->n_inputs - 1) / 2;
    *ret = 0;
    for (int i = n + 1; i < c->in->node->n_inputs; i++)
        for (int k = 0; k < 3; k++) SZ_TRY(size(c, sz_in(c->in, i), ret));
    return size(c, sz_in(c->in, n), ret);
}

static sz_status bytes_HALF(const counter *c, int64_t *ret) {
    int64_t matrix = 0;
    SZ_TRY(size(c, sz_in(c->in, 0), &matrix));
    *ret = matrix / 2;
    SZ_TRY(size(c, sz_in(c->in, 1), ret));
    return size(c, sz_out_get(c->in, 0), ret);
}

static sz_status bytes_HALF_TWICE(const counter *c, int64_t *ret) {
    *ret = 0;
    return size(c, sz_in(c->in, 0), ret);
}

// Constants of more than one element are read from memory.
static sz_status constants(const counter *c, const sz_graph *g, int64_t *sum) {
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        int64_t n;
        if (v->kind != SZ_VALUE_CONST) continue;
        SZ_TRY(elements(c, &v->type, &n));
        if (n > 1) SZ_TRY(size(c, &v->type, sum));
    }
    return SZ_OK;
}

static sz_status parameters(const counter *c, const sz_graph *g, const sz_users *u, int64_t *sum) {
    for (size_t k = 0; k < g->inputs.n; k++) {
        int64_t bytes;
        SZ_TRY(sz_fusion_reads(c->in, u, g->inputs.items[k], true, &bytes));
        if (!sz_add(*sum, bytes, sum)) return overflow(c);
    }
    return SZ_OK;
}

// A custom fusion around a gather or scatter counts as that alone.
static const sz_node *gather_in(const counter *c, const sz_graph *g, sz_node_id *ret_id) {
    if (!sz_str_is(sz_attr_s(c->in->node, "kind", ""), "kCustom")) return NULL;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        *ret_id = (sz_node_id)i;
        if (n->row == SZ_NONE) continue;
        if (sz_str_is(n->op, "gather") || sz_str_is(n->op, "scatter")) return n;
    }
    return NULL;
}

static sz_status bytes_FUSION(const counter *c, int64_t *ret) {
    sz_graph *g = sz_xla_body(c->in->node, "calls");
    sz_users u;
    sz_node_id id;
    if (!g) return bytes_ALL(c, ret);
    const sz_node *special = gather_in(c, g, &id);
    if (special) {
        const sz_infer in = {
            g->ctx,           g,    id, special, sz_op_get(special->row), special->opset,
            c->in->depth + 1, false};
        SZ_TRY(sz_xla_count_node(&in, c->sum));
        *ret = c->sum->bytes;
        return SZ_OK;
    }
    SZ_TRY(sz_fusion_writes(c->in, true, ret));
    SZ_TRY(constants(c, g, ret));
    sz_status status = sz_users_init(&u, g);
    if (status == SZ_OK) status = parameters(c, g, &u, ret);
    sz_users_finish(&u);
    return status;
}

// ---- all ---------------------------------------------------------------------------------------

static const struct {
    const char *op;
    count_rule *ops, *bytes;
} rows[] = {
#define XLA(op, ops, bytes) {#op, ops_##ops, bytes_##bytes},
#include "model/cost/xla_count.def"
#undef XLA
};

sz_status sz_xla_count_node(const sz_infer *in, sz_xla_count *ret) {
    count_rule *ops = ops_NONE, *bytes = bytes_ALL;
    const counter c = {in, ret};
    *ret = (sz_xla_count){0, 0, 0};
    const char first = in->op->name[0]; // most rows are left behind at once
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op[0] == first && strcmp(rows[i].op, in->op->name) == 0)
            ops = rows[i].ops, bytes = rows[i].bytes;
    int64_t flops = 0, moved = 0;
    SZ_TRY(ops(&c, &flops));
    ret->flops = flops;
    SZ_TRY(bytes(&c, &moved));
    ret->bytes = moved;
    return SZ_OK;
}

const char *sz_xla_why(sz_str op) {
    static const struct {
        const char *op, *why;
    } whys[] = {
        {"while", "condition and body count once, however often they run"},
        {"conditional", "of each number the largest among the branches"},
        {"reduce", "inputs less outputs, times the operations of the computation"},
        {"reduce-window", "windows less outputs, times the operations of the computation"},
        {"select-and-scatter", "windows less outputs, and an addition for each source"},
        {"convolution", "2 per multiply-accumulate inside of the image; no padded taps"},
        {"sort", "n log2 n of all elements, whatever the comparison does"},
        {"topk", "not counted"},
        {"fft", "8 per element and log2 of the length, rounded down"},
        {"cholesky", "n^3 / 3"},
        {"triangular-solve", "2 n per element of the right-hand side"},
        {"custom-call", "counts -1: not known"},
        {"fusion", "what is inside, with transcendentals apart and each reduction one less"},
        {"call", "what is inside, with transcendentals apart and each reduction one less"},
        {"select", "a selection counts 1"},
        {"convert", "a conversion counts 1"},
        {"bitcast-convert", "a conversion counts 1"},
        {"clamp", "1 per element"},
    };
    for (size_t i = 0; i < sizeof whys / sizeof *whys; i++)
        if (sz_str_is(op, whys[i].op)) return whys[i].why;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(op, rows[i].op) && rows[i].ops == ops_TRANSCENDENTAL)
            return "listed apart as transcendental";
    return "1 per operation";
}
