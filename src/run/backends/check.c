// SPDX-License-Identifier: Apache-2.0
// Is a library's result right? Against the reference, whole where that is quick; of large products
// some elements in double.
#include "run/backends/job.h"

#include <math.h>
#include <stdio.h>

#include "model/ops/ozaki.h"
#include "run/backends/ozaki.h"

// FLOP that the reference may take: some seconds for a net, a fraction of one for a product, of
// which spots tell as much.
static const int64_t WHOLE = 4000000000, WHOLE_PRODUCT = 200000000;
enum { SPOTS = 64, CHUNK = 4096 };

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
static double allowed_for(sz_dtype lowest, sz_dtype output) {
    if (sz_dtype_get(output)->cls != SZ_CLASS_FLOAT) return 0;
    return allowed(lower(output, lowest));
}

void sz_check_none(sz_check *c, const char *why) {
    c->how = "none";
    snprintf(c->why, sizeof c->why, "%s", why);
    c->is_right = true;
}

// ---- whole -------------------------------------------------------------------------------------

typedef struct spread {
    double worst, largest;
    bool finite; // where the reference is
} spread;

static void compare(const sz_buffer *got, const sz_buffer *want, spread *s) {
    double a[CHUNK], b[CHUNK];
    for (int64_t at = 0; at < want->count; at += CHUNK) {
        const int64_t n = want->count - at < CHUNK ? want->count - at : CHUNK;
        sz_buffer_doubles(got, at, n, a);
        sz_buffer_doubles(want, at, n, b);
        for (int64_t i = 0; i < n; i++) {
            if (!isfinite(b[i])) continue;
            s->finite &= isfinite(a[i]);
            s->worst = fmax(s->worst, fabs(a[i] - b[i]));
            s->largest = fmax(s->largest, fabs(b[i]));
        }
    }
}

static void judge(sz_check *c, const spread *s, double most) {
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

sz_status sz_check_outputs(sz_ctx *ctx, sz_graph *g, sz_ref *numbers,
                           const sz_buffer *const *outputs, sz_dtype lowest, sz_check *c) {
    *c = (sz_check){.how = "whole", .is_right = true};
    const sz_status status = sz_ref_run(numbers);
    if (status != SZ_OK) {
        sz_check_none(c, sz_ctx_error(ctx));
        sz_ctx_clear(ctx);
        return status == SZ_ERR_MEMORY ? status : SZ_OK;
    }
    for (size_t o = 0; o < g->outputs.n; o++) {
        const sz_buffer *want = sz_ref_output(numbers, o), *got = outputs[o];
        spread s = {.finite = true};
        if (got->count != want->count)
            return sz_fail(ctx, SZ_ERR_INTERNAL, "outputs of different sizes");
        compare(got, want, &s);
        judge(c, &s, allowed_for(lowest, got->dtype));
        c->elements += got->count;
    }
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

// ---- spots -------------------------------------------------------------------------------------

static double at(const sz_buffer *b, int64_t i) {
    double x;
    sz_buffer_doubles(b, i, 1, &x);
    return x;
}

// Element (row, column) of [rows, k] x [k, columns] in double. Scales with the sum of magnitudes,
// which is what the rounding of a sum does.
static void spot(const sz_buffer *a, const sz_buffer *b, const sz_buffer *y, int64_t row,
                 int64_t column, spread *s) {
    const int64_t k = a->dims[a->rank - 1], n = b->dims[b->rank - 1];
    double sum = 0;
    for (int64_t i = 0; i < k; i++) sum += at(a, row * k + i) * at(b, i * n + column);
    const double got = at(y, row * n + column);
    s->finite &= isfinite(got);
    s->worst = fmax(s->worst, fabs(got - sum));
    s->largest = fmax(s->largest, fabs(sum));
}

static sz_status check_spots(sz_job *j, sz_check *c) {
    const sz_node *n = j->nodes.items[0].node;
    const sz_buffer *a = j->slots[0][n->inputs[0]], *b = j->slots[0][n->inputs[1]];
    const sz_buffer *y = j->slots[0][n->outputs[0]];
    const int64_t columns = b->dims[1], rows = y->count / columns;
    spread s = {.finite = true};
    c->how = "spots";
    for (uint64_t i = 0; i < SPOTS; i++) {
        const uint64_t row = (i * 2654435761u) % (uint64_t)rows; // the golden ratio spreads them
        const uint64_t column = (i * 40503u + 7) % (uint64_t)columns;
        spot(a, b, y, (int64_t)row, (int64_t)column, &s);
    }
    judge(c, &s, allowed_for(sz_job_lowest(j), y->dtype));
    c->elements = SPOTS;
    return SZ_OK;
}

static bool is_product(const sz_job *j) {
    if (j->nodes.n != 1) return false;
    const sz_node *n = j->nodes.items[0].node;
    if (!sz_node_is(n, "MatMul") && !sz_node_is(n, "MatMulInteger")) return false;
    return n->n_inputs == 2 && j->slots[0][n->inputs[1]]->rank == 2 &&
           j->slots[0][n->inputs[0]]->rank >= 2;
}

sz_status sz_job_check(sz_job *j, int64_t flops, sz_check *c) {
    const char *why;
    *c = (sz_check){.is_right = true};
    if (j->nodes.n == 1 && sz_is_ozaki(j->nodes.items[0].node))
        return sz_ozaki_check(&j->nodes.items[0].step, c);
    if (flops > WHOLE_PRODUCT && is_product(j)) return check_spots(j, c);
    if (flops > WHOLE) {
        sz_check_none(c, "too much work for the reference");
        return SZ_OK;
    }
    SZ_TRY(sz_ref_supports(j->graph, &why));
    if (!why) return check_whole(j, c);
    sz_check_none(c, why);
    return SZ_OK;
}
