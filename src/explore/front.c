// SPDX-License-Identifier: Apache-2.0
// Which points no other dominates, in O(n log n) for up to three metrics.
//
// Every point has two corners, all metrics turned so that less is better: the worse ends of its
// intervals and the better ends. A dominates B when A's worse corner is nowhere above B's better
// corner and somewhere below. The points are visited by the first metric of their better corners;
// a tree over the second metric holds, for all worse corners visited so far, the least third one.
#include "explore/explore.h"

#include <math.h>
#include <stdlib.h>

typedef struct corner {
    double x, y, z;
    uint32_t point, rank; // rank of y among the worse corners
} corner;

typedef struct job {
    sz_ctx *ctx;
    const sz_points *points;
    size_t n; // that know all metrics
    corner *worse, *better;
    double *ys;   // of the worse corners, ascending, each once
    double *tree; // least z by rank of y, from 1 on
    size_t n_ys;
} job;

// ---- corners -----------------------------------------------------------------------------------

static double turned(double v, bool higher) { return higher ? -v : v; }

// Worse and better end of a metric.
static void ends(const sz_metrics *m, size_t metric, bool higher, sz_dominance dominance,
                 double ret[2]) {
    const double lo = m->lo[metric], hi = m->hi[metric];
    const bool has = dominance == SZ_DOMINANCE_SURE && isfinite(lo) && isfinite(hi);
    ret[0] = turned(has ? (higher ? lo : hi) : m->value[metric], higher);
    ret[1] = turned(has ? (higher ? hi : lo) : m->value[metric], higher);
}

static bool corners_of(const job *j, size_t i, const size_t *metrics, size_t n_metrics,
                       sz_dominance dominance) {
    const sz_space *s = sz_points_space(j->points);
    double at[3][2] = {{0}};
    sz_metrics m;
    if (sz_points_why(j->points, i)) return false;
    for (size_t k = 0; k < n_metrics; k++)
        if (isnan(sz_points_value(j->points, i, metrics[k]))) return false;
    sz_points_metrics(j->points, i, &m);
    for (size_t k = 0; k < n_metrics; k++)
        ends(&m, metrics[k], s->metrics[metrics[k]].higher, dominance, at[k]);
    j->worse[j->n] = (corner){at[0][0], at[1][0], at[2][0], (uint32_t)i, 0};
    j->better[j->n] = (corner){at[0][1], at[1][1], at[2][1], (uint32_t)i, 0};
    return true;
}

static int by_x(const void *a, const void *b) {
    const corner *p = a, *q = b;
    if (p->x != q->x) return p->x < q->x ? -1 : 1;
    return (p->point > q->point) - (p->point < q->point);
}

static int by_value(const void *a, const void *b) {
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

// ---- the tree: Fenwick's, with minimum for the sum ---------------------------------------------

// How many of the ys are below y, or not above it.
static size_t rank_of(const job *j, double y, bool or_equal) {
    size_t lo = 0, hi = j->n_ys;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (j->ys[mid] < y || (or_equal && j->ys[mid] == y))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(job *j, const corner *c) {
    for (size_t r = rank_of(j, c->y, true); r <= j->n_ys; r += r & -r)
        if (c->z < j->tree[r]) j->tree[r] = c->z;
}

static double least(const job *j, size_t rank) {
    double z = INFINITY;
    for (size_t r = rank; r > 0; r -= r & -r)
        if (j->tree[r] < z) z = j->tree[r];
    return z;
}

// ---- the sweep ---------------------------------------------------------------------------------

// Better corners [from, to) have the same x. `visited`: worse corners in the tree so far.
static size_t sweep_group(job *j, size_t from, size_t to, size_t visited, unsigned char *on) {
    const double x = j->better[from].x;
    for (; visited < j->n && j->worse[visited].x < x; visited++) insert(j, &j->worse[visited]);
    for (size_t i = from; i < to; i++) { // less in x: no more in y and z will do
        const corner *b = &j->better[i];
        if (least(j, rank_of(j, b->y, true)) <= b->z) on[b->point] = 0;
    }
    for (; visited < j->n && j->worse[visited].x == x; visited++) insert(j, &j->worse[visited]);
    for (size_t i = from; i < to; i++) { // the same x at most: less in y or z is needed
        const corner *b = &j->better[i];
        if (least(j, rank_of(j, b->y, true)) < b->z || least(j, rank_of(j, b->y, false)) <= b->z)
            on[b->point] = 0;
    }
    return visited;
}

static void sweep(job *j, unsigned char *on) {
    qsort(j->worse, j->n, sizeof *j->worse, by_x);
    qsort(j->better, j->n, sizeof *j->better, by_x);
    for (size_t i = 0; i < j->n; i++) j->ys[i] = j->worse[i].y;
    qsort(j->ys, j->n, sizeof *j->ys, by_value);
    for (size_t i = 0; i < j->n; i++)
        if (j->n_ys == 0 || j->ys[j->n_ys - 1] != j->ys[i]) j->ys[j->n_ys++] = j->ys[i];
    for (size_t r = 0; r <= j->n_ys; r++) j->tree[r] = INFINITY;
    size_t visited = 0;
    for (size_t i = 0, to; i < j->n; i = to) {
        for (to = i + 1; to < j->n && j->better[to].x == j->better[i].x; to++) {
        }
        visited = sweep_group(j, i, to, visited, on);
    }
}

sz_status sz_front_find(sz_ctx *ctx, const sz_points *points, const size_t *metrics,
                        size_t n_metrics, sz_dominance dominance, unsigned char *ret_on,
                        sz_front *ret_front) {
    const size_t n = sz_points_count(points);
    if (n_metrics < 1 || n_metrics > 3)
        return sz_fail(ctx, SZ_ERR_USAGE, "a front is of 1 to 3 metrics, not %zu", n_metrics);
    const size_t sizes[] = {(n + 1) * sizeof(corner), (n + 1) * sizeof(double)};
    job j = {.ctx = ctx, .points = points};
    j.worse = sz_alloc(ctx, sizes[0]), j.better = sz_alloc(ctx, sizes[0]);
    j.ys = sz_alloc(ctx, sizes[1]), j.tree = sz_alloc(ctx, sizes[1]);
    const bool ok = j.worse && j.better && j.ys && j.tree;
    if (ok) {
        for (size_t i = 0; i < n; i++) {
            ret_on[i] = corners_of(&j, i, metrics, n_metrics, dominance);
            j.n += ret_on[i];
        }
        sweep(&j, ret_on);
        *ret_front = (sz_front){.unknown = n - j.n};
        for (size_t i = 0; i < n; i++) ret_front->n += ret_on[i];
    }
    if (j.tree) sz_free(ctx, j.tree, sizes[1]);
    if (j.ys) sz_free(ctx, j.ys, sizes[1]);
    if (j.better) sz_free(ctx, j.better, sizes[0]);
    if (j.worse) sz_free(ctx, j.worse, sizes[0]);
    return ok ? SZ_OK : sz_no_memory(ctx);
}
