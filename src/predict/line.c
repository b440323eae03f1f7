// SPDX-License-Identifier: Apache-2.0
#include "predict/line.h"

#include <math.h>

#include "machine/measure/stats.h"

// Of a line, but for a factor of all of it: start and memory for compute = 1.
typedef struct shape {
    double start_s, memory;
} shape;

typedef struct fit {
    const sz_line_point *points;
    size_t n;
    double *room; // n
    double factor, error;
    shape best;
} fit;

// The best factor of a shape is a median, and what is left is the sum of |log(told / measured)|.
static bool look(fit *f, shape s) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const sz_line_point *p = &f->points[i];
        const double told = s.start_s * p->starts + p->compute_s + s.memory * p->memory_s;
        if (told > 0) f->room[n++] = log(p->time_s / told);
    }
    if (n < f->n) return false; // something takes no time at all
    sz_sort_values(f->room, n);
    const double middle = sz_quantile(f->room, n, 0.5);
    for (size_t i = 0; i < n; i++) sum += fabs(f->room[i] - middle);
    if (!(sum < f->error)) return false;
    f->error = sum, f->factor = exp(middle), f->best = s;
    return true;
}

// Around the best, by ever smaller steps.
static void refine(fit *f) {
    for (double step = 2; step > 1.002;) {
        const shape s = f->best;
        bool better = look(f, (shape){s.start_s * step, s.memory});
        better |= look(f, (shape){s.start_s / step, s.memory});
        better |= look(f, (shape){s.start_s, s.memory * step});
        better |= look(f, (shape){s.start_s, s.memory / step});
        better |= look(f, (shape){s.start_s * step, s.memory * step});
        better |= look(f, (shape){s.start_s / step, s.memory / step});
        if (!better) step = sqrt(step);
    }
}

sz_status sz_line_fit(sz_ctx *ctx, const sz_line_point *points, size_t n, sz_line *ret_line) {
    static const double most_start_s = 0.1, most_memory = 100;
    fit f = {.points = points, .n = n, .factor = 1, .error = INFINITY, .best = {0, 1}};
    bool has_memory = false, has_compute = false;
    for (size_t i = 0; i < n; i++) {
        has_memory |= points[i].memory_s > 0;
        has_compute |= points[i].compute_s > 0;
    }
    f.room = sz_alloc(ctx, (n + 1) * sizeof *f.room);
    if (!f.room) return sz_no_memory(ctx);
    const bool both = has_memory && has_compute;
    const double step = both ? 2 : 2 * most_memory; // one part alone needs no second factor
    if (both) (void)look(&f, (shape){0, 0});
    for (double memory = both ? 0.01 : 1; n > 0 && memory <= most_memory; memory *= step) {
        (void)look(&f, (shape){0, memory});
        for (double start_s = 1e-8; start_s <= most_start_s; start_s *= 3)
            (void)look(&f, (shape){start_s, memory});
    }
    if (n > 0) refine(&f);
    sz_free(ctx, f.room, (n + 1) * sizeof *f.room);
    *ret_line = (sz_line){f.factor * f.best.start_s, f.factor, f.factor * f.best.memory};
    return SZ_OK;
}
