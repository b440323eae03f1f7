// SPDX-License-Identifier: Apache-2.0
// Gaussian process regression: numbers of numpy, planes and curves, points that stray, groups that
// have something in common, intervals that hold what they say, and what is far from all points.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "predict/cholesky.h"
#include "predict/covariance.h"
#include "predict/process.h"

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= 1e-9 * fmax(1, fabs(b)))

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

static void add(sz_ctx *ctx, sz_process *p, const double *x, double y, int32_t group) {
    sz_process_point one = {.y = y, .group = group};
    for (int a = 0; a < p->axes; a++) one.x[a] = x[a];
    assert_true(sz_process_add(ctx, p, &one));
}

static void fill(sz_ctx *ctx, sz_process *p, int n, double noise) {
    for (int i = 0; i < n; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()}; // the third tells nothing
        add(ctx, p, x, curve(x) + noise * normal(), i);
    }
    assert_int_equal(sz_process_settle(ctx, p), SZ_OK);
}

// A = [4 2 2; 2 5 3; 2 3 6] by hand: L = [2 0 0; 1 2 0; 1 1 2], det 64.
static void takes_a_matrix_apart(void **unused) {
    (void)unused;
    static const double root[] = {2, 0, 0, 1, 2, 0, 1, 1, 2};
    // the inverse by cofactors, over 64
    static const double inverse[] = {21, -6, -4, -6, 20, -8, -4, -8, 16};
    double a[] = {4, 0, 0, 2, 5, 0, 2, 3, 6}, b[] = {4 + 4 + 6, 2 + 10 + 9, 2 + 6 + 18};
    assert_true(sz_cholesky(a, 3));
    for (int i = 0; i < 9; i++) assert_near(a[i], root[i]);
    assert_near(sz_cholesky_log_root(a, 3), log(64) / 2);
    sz_cholesky_solve(a, 3, b);
    for (int i = 0; i < 3; i++) assert_near(b[i], i + 1.0);
    sz_cholesky_invert(a, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            assert_near(sz_cholesky_inverse_at(a, 3, i, j), inverse[3 * i + j] / 64);
    sz_cholesky_invert_all(a, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j <= i; j++) assert_near(a[3 * i + j], inverse[3 * i + j] / 64);
    double none[] = {1, 0, 2, 1}; // [1 2; 2 1] has an eigenvalue below 0
    assert_false(sz_cholesky(none, 2));
}

static double changed(sz_covariance *c, double *value, double by) {
    const double before = *value;
    *value *= exp(by);
    const double unlikely = sz_covariance_unlikely(c);
    *value = before;
    return unlikely;
}

// The slopes that formulas tell are those of small steps.
static void slopes(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3};
    sz_covariance c;
    sz_slopes told;
    for (int i = 0; i < 60; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        add(ctx, &p, x, curve(x) + 0.1 * normal(), i / 3);
    }
    assert_int_equal(sz_process_settle(ctx, &p), SZ_OK);
    p.length[0] = 0.7, p.length[1] = 3, p.length[2] = 9;
    p.height = 0.4, p.noise = 0.02, p.common = 0.003;
    for (int i = 0; i < 60; i++) p.points.items[i].looser = 1 + i % 3;
    assert_int_equal(sz_covariance_make(ctx, &p, 60, &c), SZ_OK);
    assert_true(isfinite(sz_covariance_unlikely(&c)));
    sz_covariance_slopes(&c, &told);
    double *const values[] = {&p.length[0], &p.length[1], &p.length[2],
                              &p.height,    &p.noise,     &p.common};
    const double want[] = {told.length[0], told.length[1], told.length[2],
                           told.height,    told.noise,     told.common};
    for (size_t k = 0; k < 6; k++) {
        const double step = 1e-4;
        const double up = changed(&c, values[k], step), down = changed(&c, values[k], -step);
        assert_true(fabs((up - down) / (2 * step) - want[k]) < 1e-4 * fmax(1, fabs(want[k])));
        assert_true(fabs(want[k]) > 0.01); // or it would prove nothing
    }
    sz_covariance_finish(ctx, &c);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

// Few points keep the variances that they start with; numpy solved the same equations.
static void equals_numpy(void **unused) {
    (void)unused;
    static const double x[] = {0, 1, 2, 4, 5, 7}, y[] = {1, 1.1, 1.05, 0.7, 0.75, 0.95};
    static const double told[] = {1.090245313407, 1.060941958763, 0.978059946750,
                                  0.860148448347, 0.725929867124, 0.715570571362};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 1};
    for (int i = 0; i < 6; i++) add(ctx, &p, &x[i], y[i], i / 2);
    assert_int_equal(sz_process_settle(ctx, &p), SZ_OK);
    const double three = 3, six = 6;
    assert_near(sz_process_at(&p, &three).y, 0.891561636918);
    assert_near(sz_process_at(&p, &six).y, 0.828168721077);
    for (size_t i = 0; i < 6; i++) assert_near(p.points.items[i].told, told[i]);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

// Beyond the points it is what it is at their edge.
static void follows_a_plane(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 2};
    for (int i = 0; i < 200; i++) {
        const double x[] = {10 * uniform(), 10 * uniform()};
        add(ctx, &p, x, 2 + 0.5 * x[0] - 0.25 * x[1], i);
    }
    assert_int_equal(sz_process_settle(ctx, &p), SZ_OK);
    for (int i = 0; i < 100; i++) {
        const double x[] = {12 * uniform(), 12 * uniform()};
        const double want = 2 + 0.5 * fmin(x[0], p.most[0]) - 0.25 * fmin(x[1], p.most[1]);
        assert_true(fabs(sz_process_at(&p, x).y - want) < 0.05);
    }
    const double far[] = {1000, 5}, edge[] = {p.most[0], 5};
    assert_near(sz_process_at(&p, far).y, sz_process_at(&p, edge).y);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

static void follows_a_curve(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3};
    double sum = 0;
    fill(ctx, &p, 400, 0);
    for (int i = 0; i < 500; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        sum += fabs(sz_process_at(&p, x).y - curve(x)) / 500;
    }
    assert_true(sum < 0.01);
    assert_true(p.length[2] > 3 * p.length[0]); // it found out what tells nothing
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

// One in twenty is far off, as when something else ran.
static void does_not_follow_strays(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3};
    double sum = 0;
    for (int i = 0; i < 300; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        add(ctx, &p, x, curve(x) + 0.02 * normal() + (i % 20 == 0 ? 2 : 0), i);
    }
    assert_int_equal(sz_process_settle(ctx, &p), SZ_OK);
    for (int i = 0; i < 500; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        sum += fabs(sz_process_at(&p, x).y - curve(x)) / 500;
    }
    if (sum > 0.15) fail_msg("off by %.3g: strays by 2 were followed", sum);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

// Ten points of a group are off by the same: that is the group's, not the curve's, nor noise.
static void knows_what_a_group_has_in_common(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3};
    for (int g = 0; g < 40; g++) {
        const double off = 0.1 * normal();
        for (int i = 0; i < 10; i++) {
            const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
            add(ctx, &p, x, curve(x) + off + 0.01 * normal(), g);
        }
    }
    assert_int_equal(sz_process_settle(ctx, &p), SZ_OK);
    assert_true(sqrt(p.common) > 0.07 && sqrt(p.common) < 0.14);
    assert_true(sqrt(p.noise) > 0.005 && sqrt(p.noise) < 0.03);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

// 90 % intervals hold 85 to 95 % of what was never seen.
static void intervals(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3};
    double half;
    int held = 0;
    fill(ctx, &p, 400, 0.1);
    assert_int_equal(sz_process_interval(ctx, &p, 0.9, &half), SZ_OK);
    for (int i = 0; i < 2000; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        held += fabs(curve(x) + 0.1 * normal() - sz_process_at(&p, x).y) <= half;
    }
    if (held < 1700 || held > 1900) fail_msg("%d of 2000 are in the interval", held);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

static void outside(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3}, empty = {.axes = 3};
    const double inside[] = {3, 1, 0.5}, beyond[] = {9, 1, 0.5};
    double half;
    fill(ctx, &p, 300, 0);
    assert_false(sz_process_at(&p, inside).is_outside);
    assert_true(sz_process_at(&p, beyond).is_outside);
    assert_int_equal(sz_process_settle(ctx, &empty), SZ_OK);
    assert_true(sz_process_at(&empty, inside).is_outside);
    assert_int_equal(sz_process_interval(ctx, &empty, 0.9, &half), SZ_OK);
    assert_true(isnan(half));
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

// More than tell others: whole groups are left out, and are told all the same.
static void too_many_points(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_process p = {.axes = 3};
    for (int i = 0; i < 1500; i++) {
        const double x[] = {6 * uniform(), 2 * uniform(), uniform()};
        add(ctx, &p, x, curve(x), i / 5);
    }
    assert_int_equal(sz_process_settle(ctx, &p), SZ_OK);
    assert_int_equal(p.points.n, 1500);
    assert_true(p.n_used > 900 && p.n_used <= SZ_PROCESS_POINTS);
    for (size_t i = 0; i < p.n_used; i++)
        for (size_t k = p.n_used; k < 1500; k++)
            assert_true(p.points.items[i].group != p.points.items[k].group);
    for (size_t i = p.n_used; i < 1500; i++)
        assert_true(fabs(p.points.items[i].told - p.points.items[i].y) < 0.1);
    sz_process_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_matrix_apart),
        cmocka_unit_test(slopes),
        cmocka_unit_test(equals_numpy),
        cmocka_unit_test(follows_a_plane),
        cmocka_unit_test(follows_a_curve),
        cmocka_unit_test(does_not_follow_strays),
        cmocka_unit_test(knows_what_a_group_has_in_common),
        cmocka_unit_test(intervals),
        cmocka_unit_test(outside),
        cmocka_unit_test(too_many_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
