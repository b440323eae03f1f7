// SPDX-License-Identifier: Apache-2.0
// Sums of the same: x + x + ... + x with n terms is n x, however the additions are nested; a factor
// that is a whole number counts as so many terms. n - 1 additions become one multiplication.
//
// Needs: types. Keeps: types. Integers come out the same, as both wrap around; floats are rounded
// once instead of n - 1 times. n must be exact in the format. Two terms stay: nothing is won.
#include "model/passes/pass.h"

typedef struct term {
    sz_value_id base; // SZ_NONE: the value is not n times another
    int64_t n;
} term;

// Largest whole number up to which all are exact.
static int64_t largest_exact(sz_dtype dtype) {
    static const struct {
        const char *name;
        int bits;
    } floats[] = {{"f64", 53}, {"f32", 24}, {"f16", 11}, {"bf16", 8}};
    const sz_dtype_info *d = sz_dtype_get(dtype);
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        if (strcmp(d->name, floats[i].name) == 0) return (int64_t)1 << floats[i].bits;
    if (d->cls == SZ_CLASS_INT && d->bits >= 8) return INT64_MAX >> (64 - d->bits);
    if (d->cls == SZ_CLASS_UINT && d->bits >= 8)
        return d->bits == 64 ? INT64_MAX : ((int64_t)1 << d->bits) - 1;
    return 0;
}

static term term_of(const term *terms, sz_value_id v) {
    return terms[v].base == SZ_NONE ? (term){v, 1} : terms[v];
}

static bool is_addition(const sz_pass_job *job, sz_node_id id) {
    if (!sz_is_op(job, id, "Add") && !sz_is_op(job, id, "Sum")) return false;
    return sz_edit_node_of(job->e, id)->n_inputs == 2;
}

// n of Mul(x, n); 0 when it is no such thing. *ret_x is x.
static int64_t factor(const sz_pass_job *job, sz_node_id id, sz_value_id *ret_x) {
    if (!sz_is_op(job, id, "Mul")) return 0;
    for (int k = 0; k < 2; k++) {
        double n;
        if (!sz_scalar(job, sz_edit_in(job->e, id, k), &n)) continue;
        *ret_x = sz_edit_in(job->e, id, 1 - k);
        if (n >= 1 && n <= INT32_MAX && n == (double)(int64_t)n) return (int64_t)n;
    }
    return 0;
}

static void follow(const sz_pass_job *job, sz_node_id id, term *terms) {
    const sz_value_id out = sz_edit_out(job->e, id, 0), a = sz_edit_in(job->e, id, 0);
    const sz_value_id b = sz_edit_in(job->e, id, 1);
    sz_value_id x = SZ_NONE;
    const int64_t n = factor(job, id, &x);
    int64_t sum;
    if (n > 0 && sz_same_type(sz_type_of(job, x), sz_type_of(job, out))) {
        const term t = term_of(terms, x);
        if (sz_mul(t.n, n, &sum)) terms[out] = (term){t.base, sum};
    } else if (is_addition(job, id) && a != SZ_NONE && b != SZ_NONE) {
        const term s = term_of(terms, a), t = term_of(terms, b);
        if (s.base == t.base && sz_add(s.n, t.n, &sum)) terms[out] = (term){s.base, sum};
    }
    if (terms[out].n > largest_exact(sz_type_of(job, out)->dtype)) terms[out] = (term){SZ_NONE, 0};
}

// Does anybody use the sum who does not add it up further?
static bool is_wanted(const sz_pass_job *job, sz_value_id v, const term *terms) {
    const sz_edit_value *value = &job->e->values.items[v];
    if (value->pins) return true;
    for (int32_t u = value->first; u != SZ_NONE; u = job->e->uses.items[u].next) {
        const sz_node_id user = job->e->uses.items[u].node;
        const sz_value_id out = sz_edit_out(job->e, user, 0);
        if (!is_addition(job, user) || out == SZ_NONE || terms[out].base != terms[v].base)
            return true;
    }
    return false;
}

static sz_status multiply(sz_pass_job *job, sz_node_id id, term t) {
    const sz_value_id out = sz_edit_out(job->e, id, 0);
    sz_value_id n, y;
    sz_node_id node;
    SZ_TRY(sz_build_scalar(job, sz_type_of(job, t.base)->dtype, (double)t.n, out, &n));
    const sz_build b = {.op = "Mul", .inputs = {t.base, n}, .n_inputs = 2, .like = out};
    SZ_TRY(sz_build_node(job, &b, id, &y, &node));
    return sz_bypass(job, id, y);
}

// The additions that go with a sum leave their names to it: they are its only operands.
static sz_status absorb_chain(sz_pass_job *job, sz_node_id id, const term *terms) {
    sz_node_id at = id;
    for (;;) {
        sz_node_id inner = SZ_NONE;
        for (int k = 0; k < 2 && inner == SZ_NONE; k++) {
            const sz_value_id v = sz_edit_in(job->e, at, k);
            const sz_node_id maker = sz_edit_producer(job->e, v);
            if (maker != SZ_NONE && terms[v].base != SZ_NONE && sz_edit_only_user(job->e, v) == at)
                inner = maker;
        }
        if (inner == SZ_NONE) return SZ_OK;
        SZ_TRY(sz_edit_absorb(job->e, id, inner));
        at = inner;
    }
}

static sz_status rewrite(sz_pass_job *job, const term *terms, size_t n_values) {
    sz_node_id previous;
    for (sz_node_id id = job->e->tail; id != SZ_NONE; id = previous) {
        previous = job->e->nodes.items[id].prev;
        const sz_value_id out = sz_edit_out(job->e, id, 0);
        if (sz_edit_is_dead(job->e, id) || !is_addition(job, id) || out == SZ_NONE) continue;
        if ((size_t)out >= n_values || terms[out].base == SZ_NONE || terms[out].n < 3) continue;
        if (!is_wanted(job, out, terms)) continue;
        SZ_TRY(absorb_chain(job, id, terms));
        SZ_TRY(multiply(job, id, terms[out]));
    }
    return SZ_OK;
}

sz_status sz_pass_sums(sz_pass_job *job) {
    const size_t n = job->g->values.n + 1;
    // room for the values that the pass makes itself: it never looks at their terms
    term *terms = sz_alloc(job->g->ctx, n * 3 * sizeof *terms);
    if (!terms) return sz_no_memory(job->g->ctx);
    for (size_t i = 0; i < n * 3; i++) terms[i].base = SZ_NONE;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = sz_edit_next(job->e, id))
        if (sz_edit_node_of(job->e, id)->opset >= 7 && sz_edit_out(job->e, id, 0) != SZ_NONE)
            follow(job, id, terms);
    sz_status status = rewrite(job, terms, n);
    sz_free(job->g->ctx, terms, n * 3 * sizeof *terms);
    return status;
}
