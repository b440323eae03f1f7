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

// Factor of what is moved over that of what is computed. Where caches are told to hold more than
// they do, kernels of deep nets would have the little that is left to caches pay for it, and small
// nets, which caches do hold, with them.
static const double MOST_MEMORY = 4;

// The best factor of a shape is a median, and what is left is the sum of |log(told / measured)|.
static bool look(fit *f, sz_line shape) {
    double sum = 0;
    size_t n = 0;
    if (fmax(fmax(shape.memory, shape.cache), shape.again) > MOST_MEMORY) return false;
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

// Which of its parts take part, and which move together in a step.
typedef struct parts {
    bool start, cold, memory, cache, waits, again;
} parts;

static bool look_both_ways(fit *f, double by, parts s) {
    const sz_line at = f->best;
    bool better = false;
    for (int k = 0; k < 2; k++, by = 1 / by)
        better |= look(f, (sz_line){.start_s = at.start_s * (s.start ? by : 1),
                                    .cold_s = at.cold_s * (s.cold ? by : 1),
                                    .compute = 1,
                                    .memory = at.memory * (s.memory ? by : 1),
                                    .cache = at.cache * (s.cache ? by : 1),
                                    .waits = at.waits * (s.waits ? by : 1),
                                    .again = at.again * (s.again ? by : 1)});
    return better;
}

static bool share_one(parts a, parts b) {
    return (a.start && b.start) || (a.cold && b.cold) || (a.memory && b.memory) ||
           (a.cache && b.cache) || (a.waits && b.waits) || (a.again && b.again);
}

// Around the best, by ever smaller steps; a part that no point has is not stepped through alone.
static void refine(fit *f, parts has) {
    static const parts steps[] = {{.start = true},
                                  {.cold = true},
                                  {.memory = true},
                                  {.cache = true},
                                  {.waits = true},
                                  {.again = true},
                                  {true, true, true, true, true, true}};
    for (double by = 2; by > 1.002;) {
        bool better = false;
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            better |= share_one(steps[i], has) && look_both_ways(f, by, steps[i]);
        if (!better) by = sqrt(by);
    }
}

// What the starts and each kind of memory may cost for compute = 1; 0 = nothing.
static const double starts[] = {0, 1e-8, 1e-7, 1e-6, 5e-6, 2e-5, 1e-4, 1e-3, 1e-2};
static const double memories[] = {0, 0.03, 0.1, 0.3, 1, 3};
#define COUNT(list) (sizeof list / sizeof *list)

// A part that no point has is not varied.
static void search(fit *f, parts has) {
    for (size_t m = 0; m < (has.memory ? COUNT(memories) : 1); m++)
        for (size_t c = 0; c < (has.cache ? COUNT(memories) : 1); c++)
            for (size_t s = 0; s < COUNT(starts); s++)
                (void)look(f, (sz_line){.start_s = starts[s],
                                        .compute = 1,
                                        .memory = has.memory ? memories[m] : 1,
                                        .cache = has.cache ? memories[c] : 1});
}

// A start may be one of warm caches and more where they are cold.
static void split_start(fit *f) {
    static const double warm[] = {1, 0.5, 0.2, 0.05}, cold[] = {0.3, 1, 3};
    const sz_line at = f->best;
    for (size_t i = 0; i < COUNT(warm); i++)
        for (size_t k = 0; k < COUNT(cold); k++) {
            sz_line shape = at;
            shape.start_s = at.start_s * warm[i], shape.cold_s = at.start_s * cold[k];
            (void)look(f, shape);
        }
}

// Reads may wait for some of their lines: then less of the time is the bandwidth's.
static void split_memory(fit *f) {
    static const double left[] = {1, 0.5, 0.1}, waits[] = {0.003, 0.01, 0.03, 0.1, 0.3, 1};
    const sz_line at = f->best;
    for (size_t i = 0; i < COUNT(left); i++)
        for (size_t k = 0; k < COUNT(waits); k++) {
            sz_line shape = at;
            shape.memory = at.memory * left[i], shape.cache = at.cache * left[i];
            shape.waits = waits[k];
            (void)look(f, shape);
        }
}

// Bytes may be read once or again in each step.
static void add_again(fit *f) {
    static const double left[] = {1, 0.3}, again[] = {0.1, 0.3, 1};
    const sz_line at = f->best;
    for (size_t i = 0; i < COUNT(left); i++)
        for (size_t k = 0; k < COUNT(again); k++) {
            sz_line shape = at;
            shape.cache = at.cache * left[i], shape.again = again[k];
            (void)look(f, shape);
        }
}

static parts parts_of(const sz_line_point *points, size_t n) {
    parts has = {.start = true};
    for (size_t i = 0; i < n; i++) {
        has.cold |= points[i].cold > 0;
        has.memory |= points[i].memory_s > 0;
        has.cache |= points[i].cache_s > 0;
        has.waits |= points[i].waits_s > 0;
        has.again |= points[i].again_s > 0;
    }
    return has;
}

sz_status sz_line_fit(sz_ctx *ctx, const sz_line_point *points, size_t n, sz_line *ret_line) {
    fit f = {.points = points, .n = n, .error = INFINITY, .factor = 1};
    const parts has = parts_of(points, n);
    f.best = (sz_line){.compute = 1, .memory = 1, .cache = 1};
    f.room = sz_alloc(ctx, (n + 1) * sizeof *f.room);
    if (!f.room) return sz_no_memory(ctx);
    if (n > 0) {
        search(&f, has);
        refine(&f, has);
        if (has.again) add_again(&f);
        if (f.best.again > 0) refine(&f, has);
        if (has.waits) split_memory(&f);
        if (has.cold) split_start(&f);
        if (f.best.cold_s > 0 || f.best.waits > 0) refine(&f, has);
    }
    sz_free(ctx, f.room, (n + 1) * sizeof *f.room);
    *ret_line = f.best;
    ret_line->start_s *= f.factor, ret_line->cold_s *= f.factor, ret_line->compute *= f.factor;
    ret_line->memory *= f.factor, ret_line->cache *= f.factor, ret_line->waits *= f.factor;
    ret_line->again *= f.factor;
    return SZ_OK;
}
