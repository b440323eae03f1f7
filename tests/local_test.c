// SPDX-License-Identifier: Apache-2.0
// Local regression: planes are met, curves are followed, intervals hold what they say, and what is
// far from all points is told to be.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "predict/local.h"

static uint64_t state = 1;
static double uniform(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}
// Sum of 12: near enough to normal with deviation 1 (Irwin-Hall).
static double normal(void) {
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += uniform();
    return sum;
}

static double curve(const double *x) { return sin(x[0]) + 0.3 * x[1] * x[1]; }

static void fill(sz_ctx *ctx, sz_local *l, int n, double noise) {
    for (int i = 0; i < n; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()}; // the third tells nothing
        assert_true(sz_local_add(ctx, l, x, curve(x) + noise * normal(), i));
    }
    assert_int_equal(sz_local_settle(ctx, l), SZ_OK);
}

// On a plane the neighbours' plane is the plane, but for the pull of the ridge.
static void plane(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_local l = {.axes = 2};
    for (int i = 0; i < 400; i++) {
        const double x[] = {10 * uniform(), 10 * uniform()};
        assert_true(sz_local_add(ctx, &l, x, 2 + 0.5 * x[0] - 0.25 * x[1], i));
    }
    assert_int_equal(sz_local_settle(ctx, &l), SZ_OK);
    for (int i = 0; i < 100; i++) {
        const double x[] = {1 + 8 * uniform(), 1 + 8 * uniform()};
        assert_true(fabs(sz_local_at(&l, x, -1).y - (2 + 0.5 * x[0] - 0.25 * x[1])) < 0.05);
    }
    sz_local_finish(ctx, &l);
    sz_ctx_destroy(ctx);
}

static void follows_a_curve(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_local l = {.axes = 3};
    double sum = 0;
    fill(ctx, &l, 1000, 0);
    for (int i = 0; i < 500; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        sum += fabs(sz_local_at(&l, x, -1).y - curve(x)) / 500;
    }
    assert_true(sum < 0.05);
    assert_true(l.scale[2] < l.scale[0]); // it found out what tells nothing
    sz_local_finish(ctx, &l);
    sz_ctx_destroy(ctx);
}

// 90 % intervals hold 85 to 95 % of what was never seen.
static void intervals(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_local l = {.axes = 3};
    double half;
    int held = 0;
    fill(ctx, &l, 600, 0.1);
    assert_int_equal(sz_local_interval(ctx, &l, 0.9, &half), SZ_OK);
    for (int i = 0; i < 2000; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        held += fabs(curve(x) + 0.1 * normal() - sz_local_at(&l, x, -1).y) <= half;
    }
    if (held < 1700 || held > 1900) fail_msg("%d of 2000 are in the interval", held);
    sz_local_finish(ctx, &l);
    sz_ctx_destroy(ctx);
}

static void outside(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_local l = {.axes = 3}, empty = {.axes = 3};
    const double inside[] = {3, 1, 0.5}, beyond[] = {9, 1, 0.5};
    double half;
    fill(ctx, &l, 300, 0);
    assert_false(sz_local_at(&l, inside, -1).is_outside);
    assert_true(sz_local_at(&l, beyond, -1).is_outside);
    // No value goes far beyond what the neighbours have.
    assert_true(fabs(sz_local_at(&l, beyond, -1).y) < 3);
    assert_true(sz_local_at(&empty, inside, -1).is_outside);
    assert_int_equal(sz_local_interval(ctx, &empty, 0.9, &half), SZ_OK);
    assert_true(isnan(half));
    sz_local_finish(ctx, &l);
    sz_ctx_destroy(ctx);
}

// What was seen together does not vouch for itself.
static void groups(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_local l = {.axes = 1};
    const double x[] = {1};
    assert_true(sz_local_add(ctx, &l, x, 5, 7));
    assert_int_equal(sz_local_settle(ctx, &l), SZ_OK);
    assert_true(fabs(sz_local_at(&l, x, -1).y - 5) < 1e-6);
    assert_true(sz_local_at(&l, x, 7).is_outside);
    sz_local_finish(ctx, &l);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plane), cmocka_unit_test(follows_a_curve),
                                       cmocka_unit_test(intervals), cmocka_unit_test(outside),
                                       cmocka_unit_test(groups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
