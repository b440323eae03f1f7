// SPDX-License-Identifier: Apache-2.0
// Searches: Sobol's sequence against scipy, settings each once, hypervolumes by hand and by
// counting, fronts that are found with few points beside those of brute force, and measurements
// that predictions save.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "explore/evolve.h"
#include "explore/guided.h"
#include "explore/sobol.h"
#include "explore/spread.h"
#include "search_problem.h"

static void assert_near(double a, double b) {
    assert_true(fabs(a - b) <= 1e-12 * fmax(1, fabs(b)));
}

// ---- Sobol -------------------------------------------------------------------------------------

// scipy 1.17.1, qmc.Sobol(21, scramble=False, bits=32), whose points come in the order of a Gray
// code.
static void sobol_is_scipys(void **unused) {
    (void)unused;
    static const struct {
        uint32_t i, x[SZ_SOBOL_DIMENSIONS];
    } points[] = {
        {6, {0x60000000, 0x60000000, 0xa0000000, 0xe0000000, 0x60000000, 0x20000000, 0x60000000,
             0xe0000000, 0xe0000000, 0xa0000000, 0xe0000000, 0x60000000, 0x60000000, 0xa0000000,
             0x60000000, 0xe0000000, 0x60000000, 0xe0000000, 0xe0000000, 0x20000000, 0x20000000}},
        {77, {0xb2000000, 0x7a000000, 0xfe000000, 0x52000000, 0x6a000000, 0x86000000, 0xce000000,
              0x62000000, 0x1a000000, 0x5a000000, 0xae000000, 0x06000000, 0x92000000, 0x32000000,
              0xca000000, 0x36000000, 0xa6000000, 0x66000000, 0xde000000, 0x1e000000, 0x3a000000}},
        {1000,
         {0x17c00000, 0x29400000, 0x73400000, 0xe8c00000, 0xfe400000, 0x29c00000, 0x04400000,
          0xa3c00000, 0xffc00000, 0x1f400000, 0x3b400000, 0xfcc00000, 0x23c00000, 0xeec00000,
          0xe1400000, 0x04400000, 0xaac00000, 0x6ec00000, 0xc3400000, 0x73400000, 0x43400000}},
        {4095,
         {0xfff00000, 0x11100000, 0x00b00000, 0xcff00000, 0xb7900000, 0xfd900000, 0x51700000,
          0x27f00000, 0x6cf00000, 0xea700000, 0xbd300000, 0xf4300000, 0xf0100000, 0x8f300000,
          0x59700000, 0x7b500000, 0xf7900000, 0x2fd00000, 0xf7500000, 0xe7500000, 0xe9300000}},
    };
    for (size_t d = 0; d < SZ_SOBOL_DIMENSIONS; d++) {
        assert_int_equal(sz_sobol(d, 0), 0);
        assert_int_equal(sz_sobol(d, 1), 0x80000000);
        for (size_t k = 0; k < sizeof points / sizeof *points; k++)
            assert_int_equal(sz_sobol(d, points[k].i), points[k].x[d]);
    }
}

// ---- settings ----------------------------------------------------------------------------------

// 2 to 5 parameters of 1 to 6 values; some exist only with values of another, and some pairs of
// values are ruled out.
static sz_space *random_space(sz_ctx *ctx, bool hierarchy) {
    sz_space *space;
    char name[2] = "a", range[16], text[64];
    const int n = 2 + upto(4);
    assert_int_equal(sz_space_create(ctx, &space), SZ_OK);
    for (int i = 0; i < n; i++, name[0]++) {
        snprintf(range, sizeof range, "1-%d", 1 + upto(6));
        assert_int_equal(sz_space_add(ctx, space, name, range), SZ_OK);
        if (!hierarchy || i == 0 || upto(2)) continue;
        const char judge = (char)('a' + upto(i));
        snprintf(text, sizeof text, "%c=1", judge);
        assert_int_equal(sz_space_when(ctx, space, name, text), SZ_OK);
    }
    if (hierarchy) assert_int_equal(sz_space_constrain(ctx, space, "a + b != 4"), SZ_OK);
    assert_int_equal(sz_space_ready(ctx, space), SZ_OK);
    return space;
}

static bool is_same(const sz_space *s, const uint32_t *a, const uint32_t *b) {
    return memcmp(a, b, s->n_parameters * sizeof *a) == 0;
}

// Settings by number are those of the sweep.
static void numbers_are_settings(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (state = 1; state < 60 * 977; state += 977) {
        uint64_t kept = state;
        sz_space *space = random_space(ctx, true);
        sz_settings all;
        uint32_t swept[SZ_SPACE_PARAMETERS] = {0}, one[SZ_SPACE_PARAMETERS];
        const int64_t size = sz_space_size(space);
        unsigned char *had = calloc((size_t)size, 1);
        assert_int_equal(sz_settings_init(ctx, &all, space), SZ_OK);
        int64_t n = 0;
        do {
            int64_t k = 0;
            for (; k < size; k++) {
                sz_settings_at(&all, k, one);
                if (is_same(space, one, swept)) break;
            }
            assert_true(k < size && !had[k]);
            had[k] = 1, n++;
        } while (sz_space_step(space, swept));
        assert_int_equal(n, size);
        free(had);
        sz_space_destroy(space);
        state = kept;
    }
    sz_ctx_destroy(ctx);
}

static void shuffles_each_once(void **unused) {
    (void)unused;
    for (int64_t size = 1; size < 300; size += size < 20 ? 1 : 37) {
        unsigned char had[300] = {0};
        int64_t stayed = 0;
        for (int64_t i = 0; i < size; i++) {
            const int64_t k = sz_shuffled(size, 5, i);
            assert_true(k >= 0 && k < size && !had[k]);
            had[k] = 1, stayed += k == i;
        }
        assert_true(size < 20 || stayed < size / 4);
    }
    const int64_t far = sz_shuffled(SZ_SPACE_SEARCHED, 5, SZ_SPACE_SEARCHED - 1);
    assert_true(far >= 0 && far < SZ_SPACE_SEARCHED);
}

static int64_t count_allowed(const sz_space *space) {
    uint32_t setting[SZ_SPACE_PARAMETERS] = {0};
    int64_t n = 0;
    do n += sz_space_allows(space, setting);
    while (sz_space_step(space, setting));
    return n;
}

// Every search that is given time proposes each allowed setting once.
static void searches_cover(void **unused) {
    (void)unused;
    static const char *const names[] = {"random", "sobol", "evolve", "grid"};
    static const size_t metrics[] = {SZ_METRIC_LATENCY, SZ_METRIC_MEMORY};
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (int i = 0; i < 80; i++) {
        state = 7919 * (uint64_t)i;
        sz_space *space = random_space(ctx, true);
        const sz_search_options o = {
            .seed = state, .points = 100000, .metrics = metrics, .n_metrics = 2};
        const int64_t allowed = count_allowed(space);
        sz_proposer p;
        assert_int_equal(sz_search_create(ctx, names[i % 4], space, &o, &p), SZ_OK);
        uint32_t setting[SZ_SPACE_PARAMETERS];
        sz_seen seen;
        bool is_new;
        int64_t n = 0;
        sz_seen_init(&seen, ctx);
        for (; p.next(p.self, setting); n++) {
            sz_metrics m;
            sz_metrics_clear(&m);
            m.value[SZ_METRIC_LATENCY] = 1 + uniform(), m.value[SZ_METRIC_MEMORY] = 1 + uniform();
            assert_true(sz_space_allows(space, setting));
            assert_int_equal(sz_seen_take(&seen, space, setting, &is_new), SZ_OK);
            assert_true(is_new);
            if (p.told) p.told(p.self, setting, &m);
        }
        assert_int_equal(n, allowed);
        sz_seen_finish(&seen);
        sz_proposer_release(&p);
        sz_space_destroy(space);
    }
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

// Of 2^k values the first 2^k points have each once, on every axis, whatever the seed.
static void sequence_is_even(void **unused) {
    (void)unused;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_space *space;
    sz_proposer p;
    uint32_t setting[SZ_SPACE_PARAMETERS], counts[5][32] = {{0}};
    assert_int_equal(sz_space_create(ctx, &space), SZ_OK);
    for (int i = 0; i < 5; i++) assert_int_equal(sz_space_add(ctx, space, names[i], "1-32"), SZ_OK);
    assert_int_equal(sz_space_ready(ctx, space), SZ_OK);
    const sz_search_options o = {.seed = 99};
    assert_int_equal(sz_search_create(ctx, "sobol", space, &o, &p), SZ_OK);
    for (int k = 0; k < 32; k++) {
        assert_true(p.next(p.self, setting));
        for (int a = 0; a < 5; a++) counts[a][setting[a]]++;
    }
    for (int a = 0; a < 5; a++)
        for (int v = 0; v < 32; v++) assert_int_equal(counts[a][v], 1);
    int rest = 0;
    while (p.next(p.self, setting)) rest++;
    assert_int_equal(rest, 1000 - 32); // the usual number
    sz_proposer_release(&p);
    sz_space_destroy(space);
    sz_ctx_destroy(ctx);
}

// ---- hypervolume -------------------------------------------------------------------------------

static double volume(sz_ctx *ctx, const double *points, size_t n, size_t m, const double *ref) {
    double v;
    assert_int_equal(sz_hypervolume(ctx, points, n, m, ref, &v), SZ_OK);
    return v;
}

static void volumes_by_hand(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    static const double ref[] = {4, 4, 4};
    static const double stairs[] = {1, 3, 2, 2, 3, 1}; // 3 x 1 + 2 x 1 + 1 x 1
    static const double more[] = {1, 3, 2, 2, 3, 1, 3, 3, 9, 0, 2, NAN, 1, 3};
    static const double cube[] = {1, 1, 1}, two[] = {1, 2, 3, 3, 1, 2, 2, 2, 3};
    assert_near(volume(ctx, stairs, 0, 2, ref), 0);
    assert_near(volume(ctx, stairs, 3, 2, ref), 6);
    assert_near(volume(ctx, more, 7, 2, ref), 6); // what is dominated, beyond or unknown adds none
    assert_near(volume(ctx, stairs, 6, 1, ref), 3);
    assert_near(volume(ctx, cube, 1, 3, ref), 27);
    // 3x2x1 and 1x3x2 share 1x2x1
    assert_near(volume(ctx, two, 3, 3, ref), 6 + 6 - 2);
    sz_ctx_destroy(ctx);
}

// Of whole numbers it is the number of cells that some point dominates.
static void volumes_by_counting(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    static const double ref[] = {8, 8, 8};
    state = 4;
    for (int t = 0; t < 100; t++) {
        double p[30 * 3];
        const size_t m = 2 + (size_t)upto(2), n = (size_t)upto(30);
        for (size_t i = 0; i < n * m; i++) p[i] = upto(9);
        int64_t cells = 0;
        for (int c = 0; c < (m == 3 ? 512 : 64); c++) {
            const int at[] = {c % 8, c / 8 % 8, c / 64};
            bool any = false;
            for (size_t i = 0; i < n && !any; i++) {
                any = true;
                for (size_t k = 0; k < m; k++) any = any && p[i * m + k] <= at[k];
            }
            cells += any;
        }
        assert_near(volume(ctx, p, n, m, ref), (double)cells);
    }
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

// ---- fronts ------------------------------------------------------------------------------------

// Share of the hypervolume that is missing after so many points.
static double loss_of(sz_ctx *ctx, const char *name, const problem *p, int64_t budget,
                      uint64_t seed) {
    static const size_t metrics[] = {SZ_METRICS_OWN, SZ_METRICS_OWN + 1};
    const sz_search_options o = {
        .seed = seed, .points = budget, .metrics = metrics, .n_metrics = 2};
    uint32_t setting[SZ_SPACE_PARAMETERS];
    double *got = malloc((size_t)budget * 2 * sizeof *got), v;
    sz_proposer proposer;
    size_t n = 0;
    assert_int_equal(sz_search_create(ctx, name, p->space, &o, &proposer), SZ_OK);
    for (; proposer.next(proposer.self, setting); n++) {
        const double *y = p->y + 2 * number_of(p, setting);
        sz_metrics m;
        sz_metrics_clear(&m);
        assert_true((int64_t)n < budget);
        for (size_t k = 0; k < 2; k++) got[2 * n + k] = m.value[metrics[k]] = y[k];
        if (proposer.told) proposer.told(proposer.self, setting, &m);
    }
    assert_int_equal(n, budget < p->size ? budget : p->size);
    v = volume(ctx, got, n, 2, p->ref);
    free(got);
    sz_proposer_release(&proposer);
    return 1 - v / p->whole;
}

// 200 points in each of 100 spaces.
static void evolution_finds_fronts(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    static const char *const names[] = {"random", "sobol", "evolve"};
    double sums[3] = {0}, worst = 0, settings = 0;
    for (uint64_t t = 0; t < 100; t++) {
        problem p;
        make_problem(ctx, 1000 + t, &p);
        for (int k = 0; k < 3; k++) {
            const double loss = loss_of(ctx, names[k], &p, 200, t);
            sums[k] += loss / 100;
            if (k == 2) worst = fmax(worst, loss);
        }
        settings += (double)p.size / 100;
        finish_problem(&p);
    }
    print_message("hypervolume missing after 200 of %.0f settings (mean of 100 spaces): random "
                  "%.2f %%, sobol %.2f %%, evolve %.2f %% (at worst %.2f %%)\n",
                  settings, 100 * sums[0], 100 * sums[1], 100 * sums[2], 100 * worst);
    assert_true(sums[2] < 0.01 && worst < 0.15);
    assert_true(sums[2] < sums[1] / 4 && sums[2] < sums[0] / 4);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

// ---- predictions that guide --------------------------------------------------------------------

// Predictions are off by a factor, and by more the farther along an axis; measurements by 2 %.
static void guide(sz_ctx *ctx, const problem *p, double *ret_share, double *ret_loss) {
    const size_t n = (size_t)p->size, axes = p->space->n_parameters;
    double *x = malloc(n * axes * sizeof *x), *got = malloc(n * 2 * sizeof *got);
    sz_span *told = malloc(n * 2 * sizeof *told);
    uint32_t setting[SZ_SPACE_PARAMETERS];
    for (size_t i = 0; i < n; i++) {
        sz_settings_at(&p->settings, (int64_t)i, setting);
        for (size_t a = 0; a < axes; a++) x[i * axes + a] = setting[a];
        for (size_t k = 0; k < 2; k++) {
            const double v = exp(p->y[2 * i + k] - 0.5 + 0.1 * setting[0] + 0.1 * uniform());
            told[2 * i + k] = (sz_span){v, v, v};
        }
    }
    const sz_guided_input in = {
        .n = n, .axes = axes, .n_metrics = 2, .x = x, .predicted = told, .seed = 3};
    sz_guided *g;
    size_t group[8], m, measured = 0;
    assert_int_equal(sz_guided_create(ctx, &in, &g), SZ_OK);
    for (;;) {
        assert_int_equal(sz_guided_next(g, 8, group, &m), SZ_OK);
        if (m == 0) break;
        for (size_t j = 0; j < m; j++, measured++) {
            sz_span s[2];
            for (size_t k = 0; k < 2; k++) {
                const double y = p->y[2 * group[j] + k], noise = 0.02 * (uniform() - 0.5);
                s[k] = (sz_span){exp(y + noise - 0.01), exp(y + noise), exp(y + noise + 0.01)};
                got[2 * measured + k] = y;
            }
            assert_int_equal(sz_guided_told(g, group[j], s), SZ_OK);
        }
    }
    *ret_share = (double)measured / (double)n;
    *ret_loss = 1 - volume(ctx, got, measured, 2, p->ref) / p->whole;
    sz_guided_destroy(g);
    free(x), free(got), free(told);
}

static void guidance_saves(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    double share = 0, loss = 0, worst = 0;
    int n = 0;
    for (uint64_t t = 0; n < 20; t++) {
        problem p;
        double one, lost;
        make_problem(ctx, 5000 + t, &p);
        if (p.size >= 60 && p.size <= 2000) {
            guide(ctx, &p, &one, &lost);
            share += one / 20, loss += lost / 20, worst = fmax(worst, lost), n++;
        }
        finish_problem(&p);
    }
    print_message("measured %.1f %% of the settings, %.3f %% of the hypervolume is missing (at "
                  "worst %.3f %%); mean of 20 spaces\n",
                  100 * share, 100 * loss, 100 * worst);
    assert_true(share < 0.5 && loss < 0.01 && worst < 0.05);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

// What nobody can predict is measured, and so is all of what may be on the front.
static void nothing_known_nothing_skipped(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    enum { N = 50 };
    double x[N];
    sz_span told[N];
    size_t group[8], m, measured = 0;
    sz_guided *g;
    for (int i = 0; i < N; i++) x[i] = i, told[i] = (sz_span){NAN, NAN, NAN};
    const sz_guided_input in = {.n = N, .axes = 1, .n_metrics = 1, .x = x, .predicted = told};
    assert_int_equal(sz_guided_create(ctx, &in, &g), SZ_OK);
    for (;;) {
        assert_int_equal(sz_guided_next(g, 8, group, &m), SZ_OK);
        if (m == 0) break;
        for (size_t j = 0; j < m; j++, measured++) {
            const sz_span s = {1 + x[group[j]], 1 + x[group[j]], 1 + x[group[j]]};
            assert_int_equal(sz_guided_told(g, group[j], measured % 5 ? &s : NULL), SZ_OK);
        }
    }
    assert_int_equal(measured, N);
    for (size_t i = 0; i < N; i++) assert_true(sz_guided_dominator(g, i) == SIZE_MAX);
    sz_guided_destroy(g);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sobol_is_scipys),     cmocka_unit_test(numbers_are_settings),
        cmocka_unit_test(shuffles_each_once),  cmocka_unit_test(searches_cover),
        cmocka_unit_test(sequence_is_even),    cmocka_unit_test(volumes_by_hand),
        cmocka_unit_test(volumes_by_counting), cmocka_unit_test(evolution_finds_fronts),
        cmocka_unit_test(guidance_saves),      cmocka_unit_test(nothing_known_nothing_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
