// SPDX-License-Identifier: Apache-2.0
// How far off a product of pieces is, and how far a plain product of the same numbers.
//
// Bits are -log2 of the largest |error| / (|A| |B|): the measure in which the error bounds of
// products are stated (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.5),
// and by which the papers on the Ozaki way compare. An element that cancels to nothing has few
// right digits in any way of working; the largest error relative to the element itself is told
// beside it.
#include "run/backends/ozaki.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "run/backends/ozaki_step.h"
#include "run/backends/ref/exact.h"

// Multiplications that may be done exactly, and elements that are looked at beyond that.
enum { MOST = 20000000, SPOTS = 1024 };

typedef struct checking {
    const sz_ozaki_step *step;
    const sz_buffer *a, *b, *y;
    const sz_buffer *plain; // by the library; NULL = sums in order
    double *row, *column, *scaled_row, *scaled_column;
    double worst;  // of |error| / (|A| |B|)
    double excess; // largest of error / allowed, and the two there
    double error, allowed;
    double plain_worst, relative;
    bool is_right, is_double;
    int64_t elements;
} checking;

static double of(const sz_buffer *b, int64_t i) {
    double x;
    sz_buffer_doubles(b, i, 1, &x);
    return x;
}

// The plain product of an element: its terms in order, each operation rounded to the format.
static double in_order(const checking *c) {
    const int64_t k = c->step->k;
    double wide = 0;
    float narrow = 0;
    for (int64_t i = 0; i < k && c->is_double; i++) wide += c->row[i] * c->column[i];
    for (int64_t i = 0; i < k && !c->is_double; i++)
        narrow += (float)c->row[i] * (float)c->column[i];
    return c->is_double ? wide : (double)narrow;
}

// |error| of `got` = x 2^exponent where the exact sum is e 2^exponent. Overflow counts as infinite.
static double error_of(double got, const sz_exact *e, int exponent) {
    const int half = exponent / 2;
    const double scaled = ldexp(ldexp(got, -half), half - exponent);
    return fabs((scaled - e->high) - e->low);
}

// What is allowed of an element, at its scale: what pieces leave out (ozaki.h); the rounding of the
// sums of orders, of which only the last is not shrunk by a piece's width; and of the result.
static double allowed_of(const checking *c, const sz_exact *e, int exponent) {
    const sz_ozaki_step *s = c->step;
    const double most = (double)s->k; // k x largest x largest: those are below 1 here
    const double last = c->is_double ? 0x1p-52 : 0x1p-23;
    const double smallest = c->is_double ? 0x1p-1074 : 0x1p-149;
    return most * sz_ozaki_share(s->a.width, s->how.count, s->how.all) +
           most * ldexp(1, -50 - s->a.width) + fabs(e->high) * last +
           ldexp(smallest, -exponent > 2000 ? 2000 : -exponent);
}

static void look(checking *c, const sz_exact *e, int exponent, double got, double plain) {
    const double allowed = allowed_of(c, e, exponent), error = error_of(got, e, exponent);
    const double size = e->magnitude > 0 ? e->magnitude : 1;
    const double beyond = isfinite(got) ? error / allowed : INFINITY;
    // A product that no number of the format can hold is right as infinity.
    const double largest = c->is_double ? DBL_MAX : FLT_MAX;
    const bool overflows = isinf(ldexp(e->high, exponent)) ||
                           fabs(ldexp(e->high, exponent)) > largest;
    c->elements++;
    if (overflows) {
        c->is_right &= fabs(got) > largest / 2;
        return;
    }
    if (beyond > c->excess) {
        c->excess = beyond;
        c->error = error / size, c->allowed = allowed / size;
    }
    c->worst = fmax(c->worst, isfinite(got) ? error / size : INFINITY);
    c->plain_worst = fmax(c->plain_worst, error_of(plain, e, exponent) / size);
    if (e->high != 0) c->relative = fmax(c->relative, error / fabs(e->high));
    c->is_right &= beyond <= 1;
}

static void look_at(checking *c, int64_t i, int64_t j) {
    const sz_ozaki_step *s = c->step;
    int of_row, of_column;
    sz_buffer_doubles(c->a, i * s->k, s->k, c->row);
    for (int64_t p = 0; p < s->k; p++) c->column[p] = of(c->b, p * s->n + j);
    sz_exact_exponent(c->row, s->k, 1, &of_row); // finite: it ran
    sz_exact_exponent(c->column, s->k, 1, &of_column);
    sz_exact_scale(c->row, s->k, 1, of_row, c->scaled_row);
    sz_exact_scale(c->column, s->k, 1, of_column, c->scaled_column);
    const sz_exact e = sz_exact_dot(c->scaled_row, c->scaled_column, s->k);
    const double plain = c->plain ? of(c->plain, i * s->n + j) : in_order(c);
    look(c, &e, of_row + of_column, of(c->y, i * s->n + j), plain);
}

static void look_around(checking *c) {
    const sz_ozaki_step *s = c->step;
    const int64_t all = s->m * s->n; // a buffer has that many
    const bool whole = all <= MOST / (s->k + 1);
    for (int64_t e = 0; whole && e < all; e++) look_at(c, e / s->n, e % s->n);
    for (int64_t e = 0; !whole && e < SPOTS; e++) { // the golden ratio spreads them
        const uint64_t mix = ((uint64_t)e + 1) * UINT64_C(0x9e3779b97f4a7c15);
        look_at(c, (int64_t)((mix >> 32) % (uint64_t)s->m),
                (int64_t)((mix & 0xffffffff) % (uint64_t)s->n));
    }
}

// ---- the plain product -------------------------------------------------------------------------

typedef struct plain_product {
    sz_step step;
    sz_buffer *result;
} plain_product;

// The same operands through the library's own product; without one, sums in order stand for it.
static sz_status run_plain(const sz_ozaki_step *s, plain_product *p) {
    const sz_node *from = s->call.node;
    static const bool no[] = {false, false};
    sz_node node = *from;
    node.op = sz_str_c("MatMul"), node.domain = (sz_str){"", 0};
    node.opset = 13, node.n_attrs = 0, node.row = SZ_NONE;
    if (s->backend == &sz_backend_ref || s->backend->refuses(s->library, s->call.graph, &node))
        return SZ_OK;
    const sz_type *y = &sz_graph_value(s->call.graph, from->outputs[0])->type;
    SZ_TRY(sz_buffer_create(s->call.ctx, y->dtype, 2, y->dims, &p->result));
    sz_buffer *out[] = {p->result};
    const sz_node_call call = {.ctx = s->call.ctx,
                               .graph = s->call.graph,
                               .node = &node,
                               .n_sets = 1,
                               .in = s->call.in,
                               .out = out,
                               .fixed = no,
                               .last = no,
                               .loose = no,
                               .threads = s->call.threads};
    SZ_TRY(s->backend->prepare(s->library, &call, &p->step));
    const sz_status status = p->step.run(p->step.state, 0);
    p->step.finish(s->call.ctx, p->step.state);
    return status;
}

// A library that fails at it after all is no reason to stop.
static void try_plain(const sz_ozaki_step *s, plain_product *p) {
    if (run_plain(s, p) == SZ_OK) return;
    sz_ctx_clear(s->call.ctx);
    sz_buffer_release(s->call.ctx, p->result);
    p->result = NULL;
}

// ---- all ---------------------------------------------------------------------------------------

static double bits(double share) { return share > 0 ? -log2(share) : INFINITY; }

static void report(const checking *c, sz_check *ret) {
    const sz_ozaki_step *s = c->step;
    const double promise = bits(sz_ozaki_share(s->a.width, s->how.count, s->how.all));
    const double format = c->is_double ? 53 : 24;
    ret->how = c->elements == s->m * s->n ? "whole" : "spots";
    ret->error = c->error, ret->allowed = c->allowed;
    ret->elements = c->elements;
    ret->is_right = c->is_right;
    ret->accuracy = (sz_bench_accuracy){
        .format = sz_dtype_get(c->y->dtype)->name,
        .pieces = sz_dtype_get(s->how.pieces)->name,
        .count = s->how.count,
        .piece_bits = s->a.width,
        .products = s->n_steps,
        .bits = bits(c->worst),
        .bits_promised = promise < format ? promise : format,
        .bits_plain = bits(c->plain_worst),
        .plain_by = c->plain ? s->backend->name : "sums in order",
        .max_relative_error = c->relative,
        .useful_macs = (double)s->m * (double)s->n * (double)s->k,
        .useful_flop_per_s = NAN,
    };
}

sz_status sz_ozaki_check(const sz_step *step, sz_check *ret) {
    const sz_ozaki_step *s = step->state;
    const size_t size = 4 * (size_t)s->k * sizeof(double);
    double *room = sz_alloc(s->call.ctx, size);
    plain_product plain = {.result = NULL};
    if (!room) return sz_no_memory(s->call.ctx);
    try_plain(s, &plain);
    checking c = {.step = s,
                  .a = s->call.in[0][0],
                  .b = s->call.in[0][1],
                  .y = s->call.out[0],
                  .plain = plain.result,
                  .row = room,
                  .column = room + s->k,
                  .scaled_row = room + 2 * s->k,
                  .scaled_column = room + 3 * s->k,
                  .is_right = true,
                  .is_double = sz_buffer_width(s->call.out[0]->dtype) == sizeof(double)};
    look_around(&c);
    report(&c, ret);
    sz_buffer_release(s->call.ctx, plain.result);
    sz_free(s->call.ctx, room, size);
    return SZ_OK;
}
