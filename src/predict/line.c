// SPDX-License-Identifier: Apache-2.0
#include "predict/line.h"

#include <math.h>

#include "machine/measure/stats.h"

typedef struct fit {
    const sz_line_point *points;
    size_t n;
    double *room; // n
    double error;
    sz_line best; // but for a factor of all of it
    double factor;
} fit;

// The best factor of a shape is a median, and what is left is the sum of |log(told / measured)|.
static bool look(fit *f, sz_line shape) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const double told = sz_line_at(&shape, &f->points[i]);
        if (told > 0) f->room[n++] = log(f->points[i].time_s / told);
    }
    if (n < f->n) return false; // something takes no time at all
    sz_sort_values(f->room, n);
    const double middle = sz_quantile(f->room, n, 0.5);
    for (size_t i = 0; i < n; i++) sum += fabs(f->room[i] - middle);
    if (!(sum < f->error)) return false;
    f->error = sum, f->factor = exp(middle), f->best = shape;
    return true;
}

typedef struct step {
    bool start, cold, memory, cache; // which parts move together
} step;

static bool look_both_ways(fit *f, double by, step s) {
    const sz_line at = f->best;
    bool better = false;
    for (int k = 0; k < 2; k++, by = 1 / by)
        better |= look(f, (sz_line){at.start_s * (s.start ? by : 1), at.cold_s * (s.cold ? by : 1),
                                    1, at.memory * (s.memory ? by : 1),
                                    at.cache * (s.cache ? by : 1)});
    return better;
}

// Around the best, by ever smaller steps.
static void refine(fit *f) {
    static const step steps[] = {{.start = true},
                                 {.cold = true},
                                 {.memory = true},
                                 {.cache = true},
                                 {true, true, true, true}};
    for (double by = 2; by > 1.002;) {
        bool better = false;
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            better |= look_both_ways(f, by, steps[i]);
        if (!better) by = sqrt(by);
    }
}

// What the starts and each kind of memory may cost for compute = 1; 0 = nothing.
static const double starts[] = {0, 1e-8, 1e-7, 1e-6, 5e-6, 2e-5, 1e-4, 1e-3, 1e-2};
static const double memories[] = {0, 0.03, 0.1, 0.3, 1, 3, 10, 30};
#define COUNT(list) (sizeof list / sizeof *list)

// A start may be one of warm caches and more where they are cold.
static void split_start(fit *f) {
    static const double warm[] = {1, 0.5, 0.2, 0.05}, cold[] = {0.3, 1, 3};
    const sz_line at = f->best;
    for (size_t i = 0; i < COUNT(warm); i++)
        for (size_t k = 0; k < COUNT(cold); k++)
            (void)look(f, (sz_line){at.start_s * warm[i], at.start_s * cold[k], 1, at.memory,
                                    at.cache});
}

// A part that no point has is not varied.
static void search(fit *f, bool has_memory, bool has_cache) {
    for (size_t m = 0; m < (has_memory ? COUNT(memories) : 1); m++)
        for (size_t c = 0; c < (has_cache ? COUNT(memories) : 1); c++)
            for (size_t s = 0; s < COUNT(starts); s++)
                (void)look(f, (sz_line){starts[s], 0, 1, has_memory ? memories[m] : 1,
                                        has_cache ? memories[c] : 1});
}

sz_status sz_line_fit(sz_ctx *ctx, const sz_line_point *points, size_t n, sz_line *ret_line) {
    fit f = {.points = points, .n = n, .error = INFINITY, .best = {0, 0, 1, 1, 1}, .factor = 1};
    bool has_memory = false, has_cache = false, has_cold = false;
    for (size_t i = 0; i < n; i++) {
        has_memory |= points[i].memory_s > 0;
        has_cache |= points[i].cache_s > 0;
        has_cold |= points[i].cold > 0;
    }
    f.room = sz_alloc(ctx, (n + 1) * sizeof *f.room);
    if (!f.room) return sz_no_memory(ctx);
    if (n > 0) {
        search(&f, has_memory, has_cache);
        refine(&f);
        if (has_cold) split_start(&f);
        if (f.best.cold_s > 0) refine(&f);
    }
    sz_free(ctx, f.room, (n + 1) * sizeof *f.room);
    *ret_line = (sz_line){f.factor * f.best.start_s, f.factor * f.best.cold_s, f.factor,
                          f.factor * f.best.memory, f.factor * f.best.cache};
    return SZ_OK;
}
