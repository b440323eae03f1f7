// SPDX-License-Identifier: Apache-2.0
// Fronts, oracles, sensitivities: held to brute force on random spaces, and to sums that are known.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/splitmix.h"
#include "explore/explore.h"

static sz_ctx *ctx;
static uint64_t seed = 1;

static uint32_t below(uint32_t n) { return (uint32_t)(sz_splitmix(&seed) % n); }

static void ok(sz_status status) {
    if (status != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
}

static sz_space *space_of(const char *text) {
    sz_space *s;
    ok(sz_space_read(ctx, "s", text, strlen(text), &s));
    ok(sz_space_ready(ctx, s));
    return s;
}

// ---- brute force -------------------------------------------------------------------------------

static void ends(const sz_space *s, const sz_points *p, size_t i, size_t m, sz_dominance how,
                 double *worse, double *better) {
    sz_metrics v;
    sz_points_metrics(p, i, &v);
    const bool has = how == SZ_DOMINANCE_SURE && !isnan(v.lo[m]);
    const double lo = has ? v.lo[m] : v.value[m], hi = has ? v.hi[m] : v.value[m];
    const bool higher = sz_space_metric(s, m).higher;
    *worse = higher ? -lo : hi;
    *better = higher ? -hi : lo;
}

static bool dominates(const sz_space *s, const sz_points *p, size_t a, size_t b,
                      const size_t *metrics, size_t n, sz_dominance how) {
    bool strictly = false;
    for (size_t k = 0; k < n; k++) {
        double worse, better, unused;
        ends(s, p, a, metrics[k], how, &worse, &unused);
        ends(s, p, b, metrics[k], how, &unused, &better);
        if (worse > better) return false;
        strictly = strictly || worse < better;
    }
    return strictly;
}

static bool knows(const sz_points *p, size_t i, const size_t *metrics, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (isnan(sz_points_value(p, i, metrics[k]))) return false;
    return !sz_points_why(p, i);
}

// Of all values, or, so that settings come again, of a few.
static void draw_setting(const sz_space *s, bool few, uint32_t *setting) {
    for (size_t k = 0; k < sz_space_parameters(s); k++) {
        const uint32_t all = (uint32_t)sz_space_values(s, k);
        setting[k] = below(!few ? all : all > 5 ? 3 : 5);
    }
}

enum { MOST_POINTS = 1500 };

// Few different values, so that ties are common.
static sz_points *random_points(const sz_space *s, size_t n, uint32_t values, bool intervals) {
    sz_points *p;
    ok(sz_points_create(ctx, s, &p));
    for (size_t i = 0; i < n; i++) {
        uint32_t setting[SZ_SPACE_PARAMETERS];
        sz_metrics m;
        sz_metrics_clear(&m);
        draw_setting(s, false, setting);
        for (size_t k = 0; k < SZ_METRICS_OWN; k++) {
            if (below(20) == 0) continue; // not known
            m.value[k] = 1 + below(values);
            if (!intervals || below(3) == 0) continue;
            m.lo[k] = m.value[k] - 0.5 * below(4);
            m.hi[k] = m.value[k] + 0.5 * below(4);
        }
        ok(sz_points_add(ctx, p, setting, &m, below(25) == 0 ? "it can't be had" : ""));
    }
    return p;
}

static void check_front(const sz_space *s, const sz_points *p, size_t n_metrics, sz_dominance how) {
    size_t metrics[3];
    unsigned char on[MOST_POINTS];
    sz_front front;
    const size_t n = sz_points_count(p);
    for (size_t k = 0; k < n_metrics; k++) metrics[k] = (below(3) + 3 * k) % SZ_METRICS_OWN;
    ok(sz_front_find(ctx, p, metrics, n_metrics, how, on, &front));
    size_t unknown = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        bool want = knows(p, i, metrics, n_metrics);
        unknown += !want;
        for (size_t k = 0; want && k < n; k++)
            if (k != i && knows(p, k, metrics, n_metrics))
                want = !dominates(s, p, k, i, metrics, n_metrics, how);
        if (want != on[i])
            fail_msg("point %zu of %zu: %d by brute force, not %d", i, n, want, on[i]);
        count += want;
    }
    assert_int_equal(front.n, count);
    assert_int_equal(front.unknown, unknown);
}

// The same where most points are thrown out before they are sorted.
static void fronts_of_many_points(void **state) {
    (void)state;
    sz_space *s = space_of("parameters: {a: 1-6, b: 1-5, c: 1-4}");
    for (int round = 0; round < 12; round++) {
        sz_points *p = random_points(s, MOST_POINTS, round % 3 ? 1u << (4 * (round % 3)) : 3,
                                     round % 2);
        for (size_t n = 1; n <= 3; n++) {
            check_front(s, p, n, SZ_DOMINANCE_SURE);
            check_front(s, p, n, SZ_DOMINANCE_VALUE);
        }
        sz_points_destroy(p);
    }
    sz_space_destroy(s);
}

static void fronts_equal_brute_force(void **state) {
    (void)state;
    sz_space *s = space_of("parameters: {a: 1-6, b: 1-5, c: 1-4}");
    for (int round = 0; round < 400; round++) {
        const bool intervals = round % 2;
        sz_points *p = random_points(s, 1 + below(120), 2 + below(12), intervals);
        for (size_t n = 1; n <= 3; n++) {
            check_front(s, p, n, SZ_DOMINANCE_SURE);
            check_front(s, p, n, SZ_DOMINANCE_VALUE);
        }
        sz_points_destroy(p);
    }
    sz_space_destroy(s);
}

// ---- order -------------------------------------------------------------------------------------

// Points with the number that they came as; those of one setting stay in that order.
static void check_order(const sz_space *s) {
    const size_t n = 300, row = sz_space_parameters(s) * sizeof(uint32_t);
    sz_points *p;
    ok(sz_points_create(ctx, s, &p));
    for (size_t i = 0; i < n; i++) {
        uint32_t setting[SZ_SPACE_PARAMETERS];
        sz_metrics m;
        sz_metrics_clear(&m);
        draw_setting(s, true, setting);
        m.value[2] = i < n / 2 ? (double)i : NAN; // a column that ends early
        m.lo[1] = (double)i;
        ok(sz_points_add(ctx, p, setting, &m, i % 7 ? "" : "it can't be had"));
    }
    ok(sz_points_sort(ctx, p));
    double before = -1;
    for (size_t i = 0; i < n; i++) {
        double at[2];
        sz_points_ends(p, i, 1, at);
        const size_t came = (size_t)at[0];
        assert_true(isnan(at[1]) && came < n);
        assert_int_equal(sz_points_why(p, i) == NULL, came % 7 != 0);
        const double value = sz_points_value(p, i, 2);
        assert_true(came < n / 2 ? value == (double)came : isnan(value));
        int way = 1;
        for (size_t k = 0; i > 0 && way == 1 && k < row / sizeof(uint32_t); k++) {
            const uint32_t a = sz_points_setting(p, i - 1)[k], b = sz_points_setting(p, i)[k];
            if (a != b) way = a < b ? 2 : 0;
        }
        assert_true(way == 2 || (way == 1 && at[0] > before));
        before = at[0];
    }
    assert_true(sz_points_know(p, 2) && !sz_points_know(p, 0));
    sz_points_destroy(p);
}

static void points_in_order(void **state) {
    (void)state;
    static const char *const spaces[] = {"parameters: {a: 1-5, b: 1-5, c: 1-5}",
                                         "parameters: {a: 1-5, b: 1-3000, c: 1-3000}"};
    for (size_t i = 0; i < 2; i++) {
        sz_space *s = space_of(spaces[i]);
        check_order(s);
        sz_space_destroy(s);
    }
}

// ---- oracle ------------------------------------------------------------------------------------

static double loss(double own, double best) {
    return own == best ? 0 : fabs(own - best) / fabs(best);
}

// The point of a setting, -1 = none that is known.
static int64_t find_point(const sz_points *p, size_t metric, const uint32_t *setting, size_t n) {
    for (size_t i = 0; i < sz_points_count(p); i++)
        if (memcmp(sz_points_setting(p, i), setting, n * sizeof *setting) == 0 &&
            knows(p, i, &metric, 1))
            return (int64_t)i;
    return -1;
}

static double best_value(const sz_space *s, const sz_points *p, size_t parameter, uint32_t value,
                         size_t metric) {
    double best = NAN;
    for (size_t i = 0; i < sz_points_count(p); i++) {
        const double v = sz_points_value(p, i, metric);
        if (sz_points_setting(p, i)[parameter] != value || !knows(p, i, &metric, 1)) continue;
        if (isnan(best) || (sz_space_metric(s, metric).higher ? v > best : v < best)) best = v;
    }
    return best;
}

// Least mean regret over all settings of the others, by trying each point's.
static double least_regret(const sz_space *s, const sz_points *p, size_t parameter, size_t metric) {
    const size_t n = sz_space_parameters(s);
    double least = NAN;
    for (size_t i = 0; i < sz_points_count(p); i++) {
        uint32_t setting[SZ_SPACE_PARAMETERS];
        double sum = 0;
        int64_t rows = 0;
        memcpy(setting, sz_points_setting(p, i), n * sizeof *setting);
        for (uint32_t v = 0; v < sz_space_values(s, parameter) && !isnan(sum); v++) {
            const double best = best_value(s, p, parameter, v, metric);
            if (isnan(best)) continue;
            setting[parameter] = v;
            const int64_t at = find_point(p, metric, setting, n);
            rows++;
            sum += at < 0 ? NAN : loss(sz_points_value(p, (size_t)at, metric), best);
        }
        if (!isnan(sum) && rows > 0 && !(least <= sum / (double)rows)) least = sum / (double)rows;
    }
    return least;
}

static sz_points *random_grid(const sz_space *s, uint32_t values, uint32_t holes) {
    sz_points *p;
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0};
    ok(sz_points_create(ctx, s, &p));
    do {
        sz_metrics m;
        sz_metrics_clear(&m);
        for (size_t k = 0; k < SZ_METRICS_OWN; k++)
            if (below(holes) != 0) m.value[k] = 1 + below(values);
        if (sz_space_allows(s, digits)) ok(sz_points_add(ctx, p, digits, &m, ""));
    } while (sz_space_step(s, digits));
    ok(sz_points_sort(ctx, p));
    return p;
}

static void check_oracle(const sz_space *s, const sz_points *p) {
    const size_t parameter = below((uint32_t)sz_space_parameters(s)), metric = below(4);
    sz_oracle o;
    ok(sz_oracle_find(ctx, p, parameter, metric, &o));
    size_t at = 0;
    for (uint32_t v = 0; v < sz_space_values(s, parameter); v++) {
        const double best = best_value(s, p, parameter, v, metric);
        if (isnan(best)) continue;
        assert_true(at < o.n);
        assert_int_equal(o.rows[at].value, v);
        assert_true(o.rows[at].metric == best);
        assert_true(sz_points_value(p, (size_t)o.rows[at].best, metric) == best);
        at++;
    }
    assert_int_equal(at, o.n);
    const double least = least_regret(s, p, parameter, metric);
    if (isnan(least) != (o.best_fixed < 0)) fail_msg("a best fixed setting: %g", least);
    double most = 0;
    for (size_t r = 0; r < o.n && o.best_fixed >= 0; r++) {
        const double own = sz_points_value(p, (size_t)o.rows[r].fixed, metric);
        assert_true(o.rows[r].regret == loss(own, o.rows[r].metric));
        most = fmax(most, o.rows[r].regret);
    }
    if (o.best_fixed >= 0) assert_true(fabs(o.mean_regret - least) < 1e-12);
    if (o.best_fixed >= 0) assert_true(o.max_regret == most);
    sz_oracle_finish(ctx, &o);
}

// In the second space few of the combinations are there: those are looked up in another way.
static void oracles_equal_brute_force(void **state) {
    (void)state;
    for (int round = 0; round < 60; round++) {
        sz_space *s = space_of(
            round % 2 ? "parameters: {a: 1-4, b: 1-3, c: 1-5}\nconstraints: a*c <= 15\n"
                      : "parameters: {a: 1-4, b: 1-3, c: 1-5, d: 1-200}\n"
                        "constraints: [a*c <= 15, d < 2]\n");
        sz_points *p = random_grid(s, 3 + below(40), round % 3 ? 30 : 1000000);
        check_oracle(s, p);
        sz_points_destroy(p);
        sz_space_destroy(s);
    }
}

// ---- sensitivity -------------------------------------------------------------------------------

// y = a + 2 b + c d on a grid: the shares follow from the variances of a, b, c d by hand.
// a, b in {1, 2, 3}: Var = 2/3. c, d in {-1, 1}: c d has no first order, Var(c d) = 1.
static void shares_of_variance(void **state) {
    (void)state;
    sz_space *s = space_of("parameters: {a: [1, 2, 3], b: [1, 2, 3], c: [-1, 1], d: [-1, 1]}");
    sz_points *p;
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0};
    sz_sensitivity r[SZ_SPACE_PARAMETERS];
    ok(sz_points_create(ctx, s, &p));
    do {
        double v[4];
        sz_metrics m;
        sz_metrics_clear(&m);
        for (size_t k = 0; k < 4; k++) v[k] = sz_space_number(s, k, digits[k]);
        m.value[0] = v[0] + 2 * v[1] + v[2] * v[3] - 5; // not positive throughout: no logarithm
        ok(sz_points_add(ctx, p, digits, &m, ""));
    } while (sz_space_step(s, digits));
    ok(sz_sensitivity_find(ctx, p, 0, r));
    const double all = 2.0 / 3 + 4 * 2.0 / 3 + 1;
    const double first[] = {2.0 / 3 / all, 8.0 / 3 / all, 0, 0};
    const double total[] = {2.0 / 3 / all, 8.0 / 3 / all, 1 / all, 1 / all};
    for (size_t k = 0; k < 4; k++) {
        assert_false(r[k].log);
        assert_true(fabs(r[k].first_order - first[k]) < 1e-12);
        assert_true(fabs(r[k].total - total[k]) < 1e-12);
    }
    sz_points_destroy(p);
    sz_space_destroy(s);
}

// ---- all ---------------------------------------------------------------------------------------

static int begin(void **state) {
    (void)state;
    ctx = sz_ctx_create(NULL);
    return ctx ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    const size_t left = sz_ctx_memory_used(ctx);
    sz_ctx_clear(ctx);
    sz_ctx_destroy(ctx);
    return left > 1 << 20; // warnings and a message may remain
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fronts_equal_brute_force),
        cmocka_unit_test(fronts_of_many_points),
        cmocka_unit_test(points_in_order),
        cmocka_unit_test(oracles_equal_brute_force),
        cmocka_unit_test(shares_of_variance),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
