// SPDX-License-Identifier: Apache-2.0
#include "predict/features.h"

#include <math.h>
#include <stdio.h>

#include "model/ops/spatial.h"
#include "model/passes/layouts.h"

typedef struct asked {
    const sz_costs *c;
    const sz_node *n; // that gives the row its name
    const sz_node_cost *row;
    sz_features *f;
} asked;

static void put(asked *a, double size) {
    if (a->f->n < SZ_PROCESS_AXES) a->f->x[a->f->n++] = log(fmax(size, 1));
}

static const sz_type *input(const asked *a, int i) {
    static const sz_type none = {.kind = SZ_TYPE_NONE};
    if (i >= a->n->n_inputs || a->n->inputs[i] == SZ_NONE) return &none;
    return &sz_graph_value(a->c->graph, a->n->inputs[i])->type;
}
static const sz_type *output(const asked *a) {
    return &sz_graph_value(a->c->graph, a->n->outputs[0])->type;
}
static double axis(const sz_type *t, int i) {
    if (t->kind != SZ_TYPE_TENSOR || !sz_type_is_static(t)) return 1;
    const int at = i < 0 ? t->rank + i : i;
    return at >= 0 && at < t->rank ? (double)t->dims[at] : 1;
}
static double axes(const sz_type *t, int from, int to) {
    double product = 1;
    for (int i = from; t->kind == SZ_TYPE_TENSOR && i < to; i++) product *= axis(t, i);
    return product;
}
static double elements(const sz_type *t) {
    return t->kind == SZ_TYPE_TENSOR ? axes(t, 0, t->rank) : 1;
}

enum { BLOCK = 64 }; // rows or columns of a product that a thread takes at once

// Rows of f32 that are 4 KiB apart, or 2, fall into the same places of a cache: products with such
// matrices take up to twice as long. 1 = they do not.
static double clash(double row) {
    const int64_t n = (int64_t)row;
    return n % 1024 == 0 ? 4 : n % 512 == 0 ? 2 : 1;
}

// Vectors hold 16 numbers of f32 at most, and channels are dealt out in such blocks: what they hold
// over what is asked.
static double blocks(double n) { return ceil(n / 16) * 16 / n; }

// Rows that end within a line of a cache: each begins at another place of its lines, and a masked
// vector ends it.
static double ragged(double n) { return fmod(n, 16) == 0 ? 0 : 1; }

// ---- kinds -------------------------------------------------------------------------------------

// Long names of operators are cut.
static void name_by_op(asked *a) {
    const int len = a->n->op.len < 39 ? (int)a->n->op.len : 39;
    snprintf(a->f->kind, sizeof a->f->kind, "%.*s", len, a->n->op.p);
}

static int64_t nth(const sz_node *n, const char *name, int i, int64_t none) {
    const int64_t *values;
    return i < sz_attr_ints(n, name, &values) ? values[i] : none;
}

static sz_axis axis_of(const asked *a, const sz_type *x, const sz_type *w, const sz_type *y,
                       int i) {
    sz_axis v = {.in = x->dims[2 + i],
                 .out = y->dims[2 + i],
                 .kernel = w->dims[2 + i],
                 .stride = nth(a->n, "strides", i, 1),
                 .dilation = nth(a->n, "dilations", i, 1)};
    const sz_str pad = sz_attr_s(a->n, "auto_pad", "NOTSET");
    const int64_t all = (v.out - 1) * v.stride + (v.kernel - 1) * v.dilation + 1 - v.in;
    v.before = nth(a->n, "pads", i, 0);
    if (sz_str_is(pad, "SAME_UPPER") && all > 0) v.before = all / 2;
    if (sz_str_is(pad, "SAME_LOWER") && all > 0) v.before = all - all / 2;
    return v;
}

// Outputs for which tap t lies within the input.
static int64_t hits(const sz_axis *v, int64_t t) {
    sz_axis tap = *v;
    tap.kernel = 1, tap.before -= t * v->dilation;
    return sz_axis_taps(&tap, v->out, v->in);
}

// The share of a window that is multiplied: taps that meet padding alone are left out, and where
// they are far apart so are whole rows of padding. (Of near taps few are, and those cost as much.)
static double taps(const asked *a, const sz_type *x, const sz_type *w, const sz_type *y) {
    enum { MOST_TAPS = 4096 };
    const int space = y->rank - 2;
    double share = 1;
    if (!sz_type_is_static(x) || !sz_type_is_static(w) || x->rank != y->rank || w->rank != y->rank)
        return 1;
    for (int i = 0; i < space; i++) {
        const sz_axis v = axis_of(a, x, w, y, i);
        const bool is_row = i + 1 < space && v.dilation > 1;
        double hit = 0;
        if (v.kernel < 1 || v.kernel > MOST_TAPS || v.out < 1 || v.stride < 1 || v.dilation < 1)
            return 1;
        for (int64_t t = 0; t < v.kernel; t++) {
            const int64_t n = hits(&v, t);
            hit += is_row ? (double)n / (double)v.out : (double)(n > 0);
        }
        share *= hit / (double)v.kernel;
    }
    return share > 0 ? share : 1;
}

// Batch, channels in and out of a group, positions, window, groups, stride, how full the last block
// of channels is, and of how many of its tensors rows are ragged. The operator's own layout: data
// [N, C, ...], weights [M, C / groups, ...].
static void convolution(asked *a) {
    const sz_type *x = input(a, 0), *w = input(a, 1), *y = output(a);
    const bool is_transposed = sz_str_is(a->n->op, "ConvTranspose");
    const double groups = (double)sz_attr_i(a->n, "group", 1), window = axes(w, 2, w->rank);
    const double in = axis(x, 1) / groups, out = axis(y, 1) / groups;
    const char *kind = is_transposed           ? "transposed convolution"
                       : in == 1 && groups > 1 ? "depthwise convolution"
                       : groups > 1            ? "grouped convolution"
                       : window == 1           ? "pointwise convolution"
                                               : "convolution";
    snprintf(a->f->kind, sizeof a->f->kind, "%s", kind);
    put(a, axis(x, 0));
    put(a, in);
    put(a, out);
    put(a, axes(y, 2, y->rank));
    put(a, window);
    put(a, groups);
    put(a, axes(x, 2, x->rank) / axes(y, 2, y->rank) + 1);
    const double filled = blocks(in == 1 ? groups : out);
    a->f->worked = filled * (is_transposed ? 1 : taps(a, x, w, y));
    put(a, filled);
    put(a, 1 + ragged(in * groups) + ragged(out * groups));
}

// Rows, columns and depth, how many such products, whether rows of the second matrix clash, and
// whether rows are ragged. One row is another kernel, bound by memory. Threads divide blocks of 64
// rows and columns (oneDNN's): with two threads a product of 30 x 19 has one of them idle.
static void product(asked *a) {
    const sz_type *x = input(a, 0), *w = input(a, 1), *y = output(a);
    const bool is_gemm = sz_str_is(a->n->op, "Gemm");
    const bool turned = is_gemm ? sz_attr_i(a->n, "transA", 0) != 0
                                : sz_attr_i(a->n, "transA", 0) != 0 && x->rank > 1;
    const double depth = axis(x, turned ? -2 : -1), columns = axis(y, -1);
    const bool is_fixed = w->rank <= 2;
    const double batch = is_fixed ? 1 : axes(y, 0, y->rank - 2);
    const double n_rows = elements(y) / columns / batch;
    const bool is_turned = is_gemm && sz_attr_i(a->n, "transB", 0) != 0;
    snprintf(a->f->kind, sizeof a->f->kind, "%s%s", is_fixed ? "" : "batched ",
             n_rows == 1 ? "product with a row" : "product");
    put(a, batch);
    put(a, n_rows);
    put(a, columns);
    put(a, depth);
    put(a, clash(is_turned ? depth : columns));
    put(a, 1 + ragged(columns) + ragged(depth));
    a->f->blocks = batch * ceil(n_rows / BLOCK) * ceil(columns / BLOCK);
}

// [T, B, I], weights [directions, gates H, I]. Some libraries multiply the inputs of all steps at
// once, others read those weights in each step too, I / H more. Rows of recurrent weights may
// clash.
static void recurrent(asked *a) {
    const sz_type *x = input(a, 0), *r = input(a, 2);
    name_by_op(a);
    a->f->starts = fmax(1, axis(x, 0));
    put(a, axis(x, 0));
    put(a, axis(x, 1));
    put(a, axis(x, 2));
    put(a, axis(r, 2));
    put(a, axis(r, 0));
    put(a, 1 + axis(x, 2) / axis(r, 2));
    put(a, clash(axis(r, 2)));
}

static const struct {
    const char *op;
    void (*put)(asked *a);
} rows[] = {
    {"Conv", convolution},
    {"ConvInteger", convolution},
    {"QLinearConv", convolution},
    {"FusedConv", convolution},
    {"ConvTranspose", convolution},
    {"MatMul", product},
    {"MatMulInteger", product},
    {"QLinearMatMul", product},
    {"Gemm", product},
    {"FusedMatMul", product},
    {"FusedGemm", product},
    {"LSTM", recurrent},
    {"GRU", recurrent},
    {"RNN", recurrent},
};

// ---- whatever it is ----------------------------------------------------------------------------

static void sizes(asked *a) {
    const sz_cost *c = &a->row->cost;
    put(a, (double)c->bytes_read);
    put(a, (double)c->bytes_written);
    put(a, (double)c->flops);
}

// Elements that stay together: of a transpose, those of the last axes that keep their places.
static double run_of(const asked *a) {
    const sz_type *y = output(a);
    const int64_t *perm;
    if (!sz_str_is(a->n->op, "Transpose")) return axis(y, -1);
    const int32_t n = sz_attr_ints(a->n, "perm", &perm);
    double run = 1;
    for (int32_t i = n - 1; i >= 0 && perm[i] == i; i--) run *= axis(y, i);
    return run;
}

// Images, channels and places of a tensor that is laid out otherwise, and which way.
static void turn(asked *a, sz_turn way) {
    const sz_type *y = output(a);
    snprintf(a->f->kind, sizeof a->f->kind, "reorder");
    put(a, axis(y, 0));
    put(a, axis(y, 1));
    put(a, axes(y, 2, y->rank));
    put(a, way == SZ_TURN_TO_LAST ? 1 : 2);
}

// What a contraction does beside: bytes that are not its own operands', and work that is no
// multiply-add, both per element of its output.
static void beside(asked *a) {
    const double n = elements(output(a));
    const double own = elements(input(a, 0)) + elements(input(a, 1)) + n;
    put(a, fmax(1, (double)a->row->cost.bytes_moved / (4 * own)));
    put(a, 1 + (double)(a->row->cost.flops - 2 * a->row->cost.macs) / n);
}

// ---- members -----------------------------------------------------------------------------------

typedef struct members {
    const sz_node_id *nodes;
    int32_t n;
    sz_node_id one;
} members;

static void members_of(const sz_costs *c, size_t row, members *m) {
    const sz_group *group = sz_costs_group_of(c, row);
    m->one = c->row_nodes ? c->row_nodes[row] : (sz_node_id)row;
    m->nodes = group ? group->nodes : &m->one;
    m->n = group ? group->n_nodes : 1;
}

static sz_op_kind kind_of(const sz_node *n) {
    return n->row == SZ_NONE ? SZ_KIND_OTHER : sz_op_get(n->row)->kind;
}

static int count(const sz_costs *c, const members *m, sz_op_kind kind, sz_node_id *ret_last) {
    int n = 0;
    for (int32_t i = 0; i < m->n; i++)
        if (kind_of(sz_graph_node(c->graph, m->nodes[i])) == kind) {
            *ret_last = m->nodes[i];
            n++;
        }
    return n;
}

// What several nodes without a contraction are together.
static const char *name_group(const sz_costs *c, const members *m) {
    sz_node_id last;
    if (count(c, m, SZ_KIND_SOFTMAX, &last)) return "group of softmax";
    if (count(c, m, SZ_KIND_NORM, &last) || count(c, m, SZ_KIND_REDUCE, &last))
        return "group of norm";
    const int moves = count(c, m, SZ_KIND_MOVE, &last) + count(c, m, SZ_KIND_VIEW, &last) +
                      count(c, m, SZ_KIND_SHAPE, &last);
    return moves == m->n ? "group of layout" : "group of elementwise";
}

static asked ask(const sz_costs *c, size_t row, sz_node_id id, sz_features *f) {
    *f = (sz_features){.starts = 1, .worked = 1};
    return (asked){c, sz_graph_node(c->graph, id), &c->nodes[row], f};
}

// The busiest thread's share of the blocks over an equal one: 1 = all have as many.
static double unevenness(double blocks, double threads) {
    return threads * ceil(blocks / threads) / blocks;
}

void sz_features_put_around(sz_features *f, double compute_s, double memory_s, sz_fetch fetch,
                            const sz_around *around) {
    f->compute_s = compute_s, f->memory_s = memory_s, f->fetch = fetch;
    f->cold = around->cold;
    if (f->n + 2 + (f->blocks > 0) > SZ_PROCESS_AXES) return;
    if (f->blocks > 0) f->x[f->n++] = log(unevenness(f->blocks, around->threads));
    f->x[f->n++] = log(fmax(fmax(compute_s, memory_s), 1e-9));
    f->x[f->n++] = log(fmax(around->bytes, 1));
}

// ---- all ---------------------------------------------------------------------------------------

void sz_features_any(const sz_costs *c, size_t row, sz_features *f) {
    asked a = ask(c, row, c->row_nodes ? c->row_nodes[row] : (sz_node_id)row, f);
    snprintf(f->kind, sizeof f->kind, "any");
    sizes(&a);
}

static void contraction(asked *a, bool is_attention) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(a->n->op, rows[i].op)) {
            rows[i].put(a);
            if (rows[i].put == recurrent) return; // nothing is fused to it
        }
    if (a->f->n == 0) { // einsum, attention as one operator, ...
        name_by_op(a);
        sizes(a);
    }
    if (is_attention) snprintf(a->f->kind, sizeof a->f->kind, "attention");
    beside(a);
}

bool sz_features_of(const sz_costs *c, size_t row, sz_features *f) {
    members m;
    const sz_node_cost *cost = &c->nodes[row];
    if (cost->unknown || (cost->cost.bytes_moved == 0 && cost->cost.flops == 0)) return false;
    members_of(c, row, &m);
    sz_node_id id = m.nodes[m.n - 1];
    const int contractions = count(c, &m, SZ_KIND_CONTRACTION, &id);
    asked a = ask(c, row, id, f);
    if (a.n->n_outputs < 1 || a.n->outputs[0] == SZ_NONE) return false;
    if (contractions > 0) {
        contraction(&a, contractions > 1);
        return true;
    }
    const sz_turn way = m.n == 1 ? sz_turn_of(a.n) : SZ_TURN_NONE;
    if (way) {
        turn(&a, way);
        return true;
    }
    if (m.n > 1)
        snprintf(f->kind, sizeof f->kind, "%s", name_group(c, &m));
    else
        name_by_op(&a);
    sizes(&a);
    put(&a, run_of(&a));
    return true;
}
