// SPDX-License-Identifier: Apache-2.0
// Lines over two parts: known ones come back, also where some points stray and where one of the
// parts is missing.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "predict/line.h"

enum { POINTS = 60 };

static uint64_t state = 1;
static double uniform(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}

static void near_to(double have, double want, double share) {
    if (!(fabs(have - want) <= share * fabs(want))) fail_msg("%.9g is not %.9g", have, want);
}

// From a microsecond to 10 ms, as kernels are.
static double part(void) { return 1e-6 * pow(1e4, uniform()); }

static sz_line fit(const sz_line_point *points, size_t n) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_line line;
    assert_int_equal(sz_line_fit(ctx, points, n, &line), SZ_OK);
    sz_ctx_destroy(ctx);
    return line;
}

// Every fifth point takes three times as long: the others outvote it.
static void comes_back(void **unused) {
    (void)unused;
    for (int stray = 0; stray < 2; stray++) {
        static const sz_line want = {5e-6, 8e-6, 1.25, 0.5, 0.75, 0.02, 0.6};
        sz_line_point points[POINTS];
        for (int i = 0; i < POINTS; i++) {
            sz_line_point *p = &points[i];
            *p = (sz_line_point){1 + i % 7, i % 3 / 2.0, part(), part(),
                                 part(),    20 * part(), part(), 0};
            p->time_s = sz_line_at(&want, p);
            if (stray && i % 5 == 0) p->time_s *= 3;
        }
        const sz_line l = fit(points, POINTS);
        near_to(l.start_s, 5e-6, 0.02);
        near_to(l.cold_s, 8e-6, 0.05);
        near_to(l.compute, 1.25, 0.02);
        near_to(l.memory, 0.5, 0.02);
        near_to(l.cache, 0.75, 0.02);
        near_to(l.waits, 0.02, 0.02);
        near_to(l.again, 0.6, 0.02);
        const sz_line_point other = {4, 0.5, 1e-3, 2e-3, 4e-3, 50e-3, 5e-3, 0};
        near_to(sz_line_at(&l, &other), 20e-6 + 4e-6 + 1.25e-3 + 1e-3 + 3e-3 + 1e-3 + 3e-3, 0.02);
    }
}

static void one_part(void **unused) {
    (void)unused;
    sz_line_point a[POINTS], b[POINTS];
    for (int i = 0; i < POINTS; i++) {
        const double s = part();
        a[i] = (sz_line_point){.starts = 1, .compute_s = s, .time_s = 2e-6 + 3 * s};
        b[i] = (sz_line_point){.starts = 1, .memory_s = s, .time_s = 2e-6 + 3 * s};
    }
    const sz_line computes = fit(a, POINTS), moves = fit(b, POINTS);
    near_to(computes.start_s, 2e-6, 0.02);
    near_to(computes.compute, 3, 0.02);
    near_to(moves.start_s, 2e-6, 0.02);
    near_to(moves.memory, 3, 0.02);
}

// What memory asks is hidden: it has no share.
static void hidden_part(void **unused) {
    (void)unused;
    sz_line_point points[POINTS];
    for (int i = 0; i < POINTS; i++) {
        points[i] = (sz_line_point){1, i % 2, part(), part(), part(), part(), part(), 0};
        points[i].time_s = 1.5 * points[i].compute_s;
    }
    const sz_line l = fit(points, POINTS);
    near_to(l.compute, 1.5, 1e-3);
    assert_true(l.memory < 1e-3 && l.cache < 1e-3 && l.waits < 1e-3 && l.again < 1e-3);
    assert_true(l.start_s < 1e-9 && l.cold_s < 1e-9);
}

static void nothing_to_fit(void **unused) {
    (void)unused;
    const sz_line l = fit(NULL, 0);
    const sz_line_point p = {1, 1, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6, 0};
    near_to(sz_line_at(&l, &p), 9e-6, 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(one_part),
        cmocka_unit_test(hidden_part),
        cmocka_unit_test(nothing_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
