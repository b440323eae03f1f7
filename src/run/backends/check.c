// SPDX-License-Identifier: Apache-2.0
// Is a library's result right? Against the reference, whole where that is quick; else node by node
// (check_nodes.c).
#include "run/backends/check.h"

#include <math.h>
#include <stdio.h>

#include "model/ops/ops.h"
#include "model/ops/ozaki.h"
#include "run/backends/ozaki.h"

// FLOP that the reference may take: some seconds for a net, a fraction of one for a product, of
// which spots tell as much.
static const int64_t WHOLE = 4000000000, WHOLE_PRODUCT = 200000000;
enum { CHUNK = 4096 };

// What whole numbers between floats may do: at a tie of rounding, a number of 8 bits becomes its
// neighbour, 1/255 of the range away, in one library and not in another; some such add up.
static const double QUANTA = 2e-2;

// What rounding may do, as a share of the largest number: some units in the last place of the
// format that ran, with its sums in f32 or better. Whole numbers are exact.
static double allowed(sz_dtype t) {
    static const struct {
        const char *name;
        double share;
    } rows[] = {{"f64", 1e-11}, {"f32", 1e-4}, {"f16", 4e-3}, {"bf16", 2e-2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(sz_dtype_get(t)->name, rows[i].name) == 0) return rows[i].share;
    return 0;
}

static sz_dtype lower(sz_dtype a, sz_dtype b) {
    const sz_dtype_info *x = sz_dtype_get(a), *y = sz_dtype_get(b);
    if (x->cls != SZ_CLASS_FLOAT) return b;
    return y->cls == SZ_CLASS_FLOAT && y->bits < x->bits ? b : a;
}

// The format that sets the error of an output: that of the output, or a lower one that was touched.
double sz_check_allowed(sz_dtype lowest, sz_dtype output) {
    const sz_dtype_class ran = sz_dtype_get(lowest)->cls;
    if (sz_dtype_get(output)->cls != SZ_CLASS_FLOAT) return 0;
    if (ran == SZ_CLASS_INT || ran == SZ_CLASS_UINT) return QUANTA;
    return allowed(lower(output, lowest));
}

void sz_check_none(sz_check *c, const char *why) {
    c->how = "none";
    snprintf(c->why, sizeof c->why, "%s", why);
    c->is_right = true;
}

// ---- whole -------------------------------------------------------------------------------------

void sz_check_see(sz_spread *s, double got, double want) {
    if (!isfinite(want)) return;
    s->finite &= isfinite(got);
    s->worst = fmax(s->worst, fabs(got - want));
    s->largest = fmax(s->largest, fabs(want));
}

void sz_check_compare(const sz_buffer *got, const sz_buffer *want, sz_spread *s) {
    double a[CHUNK], b[CHUNK];
    for (int64_t at = 0; at < want->count; at += CHUNK) {
        const int64_t n = want->count - at < CHUNK ? want->count - at : CHUNK;
        sz_buffer_doubles(got, at, n, a);
        sz_buffer_doubles(want, at, n, b);
        for (int64_t i = 0; i < n; i++) sz_check_see(s, a[i], b[i]);
    }
}

void sz_check_judge(sz_check *c, const sz_spread *s, double most) {
    const double error = s->largest > 0 ? s->worst / s->largest : s->worst;
    if (error > c->error || c->allowed == 0) c->allowed = most;
    c->error = fmax(c->error, error);
    c->is_right &= s->finite && error <= most;
}

static sz_status give_all(sz_job *j) {
    for (size_t id = 0; id < j->graph->values.n; id++) {
        const sz_value *v = &j->graph->values.items[id];
        if (v->kind == SZ_VALUE_INPUT && j->readers[id] > 0)
            SZ_TRY(sz_ref_give(j->numbers[0], (sz_value_id)id, j->slots[0][id]));
    }
    return SZ_OK;
}

// Products one behind the other, at most. 0: there are none.
static sz_status find_depth(sz_ctx *ctx, const sz_graph *g, int64_t *ret_depth) {
    int64_t *behind = sz_alloc(ctx, (g->nodes.n + 1) * sizeof *behind), most = 0;
    if (!behind) return sz_no_memory(ctx);
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        int64_t depth = 0;
        for (int32_t i = 0; i < n->n_inputs; i++) {
            if (n->inputs[i] == SZ_NONE) continue;
            const sz_value *v = sz_graph_value(g, n->inputs[i]);
            if (v->kind == SZ_VALUE_NODE && behind[v->producer] > depth)
                depth = behind[v->producer];
        }
        depth += n->row != SZ_NONE && sz_op_get(n->row)->kind == SZ_KIND_CONTRACTION;
        behind[id] = depth;
        if (depth > most) most = depth;
    }
    sz_free(ctx, behind, (g->nodes.n + 1) * sizeof *behind);
    *ret_depth = most;
    return SZ_OK;
}

// Where numbers are rounded to 16 bits between products, the roundings of each add up: as their
// root, since none knows of the others.
static double growth(sz_dtype t, int64_t depth) {
    const bool is_narrow = sz_dtype_get(t)->cls == SZ_CLASS_FLOAT && sz_dtype_get(t)->bits <= 16;
    return is_narrow && depth > 1 ? sqrt((double)depth) : 1;
}

sz_status sz_check_outputs(sz_ctx *ctx, sz_graph *g, sz_ref *numbers,
                           const sz_buffer *const *outputs, sz_dtype lowest, sz_check *c) {
    int64_t depth = 0;
    *c = (sz_check){.how = "whole", .is_right = true};
    SZ_TRY(find_depth(ctx, g, &depth));
    const sz_status status = sz_ref_run(numbers);
    if (status != SZ_OK) {
        sz_check_none(c, sz_ctx_error(ctx));
        sz_ctx_clear(ctx);
        return status == SZ_ERR_MEMORY ? status : SZ_OK;
    }
    for (size_t o = 0; o < g->outputs.n; o++) {
        const sz_buffer *want = sz_ref_output(numbers, o), *got = outputs[o];
        sz_spread s = {.finite = true};
        if (got->count != want->count)
            return sz_fail(ctx, SZ_ERR_INTERNAL, "outputs of different sizes");
        sz_check_compare(got, want, &s);
        sz_check_judge(c, &s,
                       sz_check_allowed(lowest, got->dtype) *
                           growth(lower(got->dtype, lowest), depth));
        c->elements += got->count;
    }
    return SZ_OK;
}

sz_status sz_check_net(sz_ctx *ctx, sz_graph *g, sz_ref *numbers, const sz_buffer *const *outputs,
                       sz_dtype lowest, int64_t flops, sz_check *c) {
    const char *why = "too much work for the reference";
    *c = (sz_check){.is_right = true};
    if (flops <= WHOLE) SZ_TRY(sz_ref_supports(g, &why));
    if (!why) return sz_check_outputs(ctx, g, numbers, outputs, lowest, c);
    sz_check_none(c, why);
    return SZ_OK;
}

static sz_status check_whole(sz_job *j, sz_check *c) {
    const sz_graph *g = j->graph;
    const sz_buffer **outputs = sz_arena_array(&j->arena, g->outputs.n + 1, sizeof *outputs);
    if (!outputs) return sz_no_memory(j->ctx);
    for (size_t o = 0; o < g->outputs.n; o++) outputs[o] = j->slots[0][g->outputs.items[o]];
    SZ_TRY(give_all(j));
    return sz_check_outputs(j->ctx, j->graph, j->numbers[0], outputs, sz_job_lowest(j), c);
}

static bool is_product(const sz_job *j) {
    bool known = false;
    if (j->nodes.n == 1) (void)sz_spot(j, j->nodes.items[0].node, 0, 0, &known);
    return known;
}

sz_status sz_job_check(sz_job *j, int64_t flops, sz_check *c) {
    const char *why;
    *c = (sz_check){.is_right = true};
    if (j->nodes.n == 1 && sz_is_ozaki(j->nodes.items[0].node))
        return sz_ozaki_check(&j->nodes.items[0].step, c);
    if (flops > (is_product(j) ? WHOLE_PRODUCT : WHOLE)) return sz_check_nodes(j, c);
    SZ_TRY(sz_ref_supports(j->graph, &why));
    if (!why) return check_whole(j, c);
    sz_check_none(c, why);
    return SZ_OK;
}
