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
    const size_t *metrics;
    size_t n_metrics;
    sz_dominance dominance;
    size_t n; // that are left to be looked at
    corner *worse, *better;
    double *ys;   // of the worse corners, ascending, each once
    double *tree; // least z by rank of y, from 1 on
    size_t n_ys;
} job;

// ---- corners -----------------------------------------------------------------------------------

static double turned(double v, bool higher) { return higher ? -v : v; }

// Worse and better end of a metric; false: it is not known.
static bool ends(const job *j, size_t i, size_t metric, double *ret_worse, double *ret_better) {
    const bool higher = sz_points_space(j->points)->metrics[metric].higher;
    const double value = sz_points_value(j->points, i, metric);
    double at[2] = {value, value};
    if (isnan(value)) return false;
    if (j->dominance == SZ_DOMINANCE_SURE) sz_points_ends(j->points, i, metric, at);
    if (!(at[0] <= at[1])) at[0] = at[1] = value;
    *ret_worse = turned(at[!higher], higher);
    *ret_better = turned(at[higher], higher);
    return true;
}

static bool corners_of(const job *j, size_t i, corner *ret_worse, corner *ret_better) {
    double worse[3] = {0}, better[3] = {0};
    if (sz_points_why(j->points, i)) return false;
    for (size_t k = 0; k < j->n_metrics; k++)
        if (!ends(j, i, j->metrics[k], &worse[k], &better[k])) return false;
    *ret_worse = (corner){worse[0], worse[1], worse[2], (uint32_t)i, 0};
    *ret_better = (corner){better[0], better[1], better[2], (uint32_t)i, 0};
    return true;
}

static int by_value(const void *a, const void *b) {
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

// ---- the sieve ---------------------------------------------------------------------------------

// Most points are far from the front. Marks cut each metric into some ranges; a cell is beaten when
// some worse corner is at or below its marks. Whose better corner is beyond the marks of such a
// cell is dominated, and, dominance being transitive, nobody else needs it to be found out.
enum { MOST_MARKS = 64, SAMPLE = 16 * MOST_MARKS };
typedef struct sieve {
    size_t n; // marks of a metric
    double marks[3][MOST_MARKS];
    unsigned char *beaten; // n x n x n cells, z fastest
} sieve;

// Marks that are below v, or not above it.
static size_t marks_to(const sieve *s, size_t axis, double v, bool or_equal) {
    const double *at = s->marks[axis];
    size_t n = s->n;
    while (n > 1) { // the answer lies in [at, at + n]
        const size_t half = n / 2;
        at += (at[half - 1] < v || (or_equal && at[half - 1] == v)) ? half : 0;
        n -= half;
    }
    return (size_t)(at - s->marks[axis]) + (*at < v || (or_equal && *at == v));
}

static size_t cell_of(const sieve *s, size_t x, size_t y, size_t z) {
    return (x * s->n + y) * s->n + z;
}

// The lowest cell that it beats, if there is any.
static void beat(sieve *s, const corner *worse) {
    const size_t x = marks_to(s, 0, worse->x, false), y = marks_to(s, 1, worse->y, false);
    const size_t z = marks_to(s, 2, worse->z, false);
    if (x < s->n && y < s->n && z < s->n) s->beaten[cell_of(s, x, y, z)] = 1;
}

// Less in x, and no more in y and z.
static bool is_beaten(const sieve *s, const corner *better) {
    const size_t x = marks_to(s, 0, better->x, false), y = marks_to(s, 1, better->y, true);
    const size_t z = marks_to(s, 2, better->z, true);
    return x > 0 && y > 0 && z > 0 && s->beaten[cell_of(s, x - 1, y - 1, z - 1)];
}

// What is beaten at some marks is beaten beyond them.
static void spread(sieve *s) {
    for (size_t x = 0; x < s->n; x++)
        for (size_t y = 0; y < s->n; y++)
            for (size_t z = 0; z < s->n; z++) {
                unsigned char *c = &s->beaten[cell_of(s, x, y, z)];
                if (x > 0) *c |= s->beaten[cell_of(s, x - 1, y, z)];
                if (y > 0) *c |= s->beaten[cell_of(s, x, y - 1, z)];
                if (z > 0) *c |= s->beaten[cell_of(s, x, y, z - 1)];
            }
}

// Quantiles of a sample, of points that know all metrics.
static void set_marks(sieve *s, const job *j) {
    double at[3][SAMPLE];
    corner worse, better;
    size_t n = 0;
    const size_t all = sz_points_count(j->points), step = all / SAMPLE + 1;
    for (size_t i = 0; i < all; i += step)
        if (corners_of(j, i, &worse, &better))
            at[0][n] = worse.x, at[1][n] = worse.y, at[2][n++] = worse.z;
    for (size_t axis = 0; axis < 3 && n > 0; axis++) {
        qsort(at[axis], n, sizeof *at[axis], by_value);
        for (size_t k = 0; k < s->n; k++) s->marks[axis][k] = at[axis][k * n / s->n];
    }
}

static size_t size_of(const sieve *s) { return s->n * s->n * s->n; }

// on[i]: point i may be on the front. *ret_known: points that know all metrics.
static sz_status sift(job *j, unsigned char *on, size_t *ret_known) {
    const size_t n = sz_points_count(j->points);
    corner worse, better;
    sieve s = {.n = 1};
    while (s.n < MOST_MARKS && size_of(&s) < n) s.n++; // few points need no fine sieve
    s.beaten = sz_alloc(j->ctx, size_of(&s));
    if (!s.beaten) return sz_no_memory(j->ctx);
    set_marks(&s, j);
    *ret_known = 0;
    for (size_t i = 0; i < n; i++) {
        on[i] = corners_of(j, i, &worse, &better);
        *ret_known += on[i];
        if (on[i]) beat(&s, &worse);
    }
    spread(&s);
    for (size_t i = 0; i < n; i++) {
        on[i] = on[i] && corners_of(j, i, &worse, &better) && !is_beaten(&s, &better);
        j->n += on[i];
    }
    sz_free(j->ctx, s.beaten, size_of(&s));
    return SZ_OK;
}

static int by_x(const void *a, const void *b) {
    const corner *p = a, *q = b;
    if (p->x != q->x) return p->x < q->x ? -1 : 1;
    return (p->point > q->point) - (p->point < q->point);
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

static sz_status look(job *j, unsigned char *on) {
    const size_t sizes[] = {(j->n + 1) * sizeof(corner), (j->n + 1) * sizeof(double)};
    j->worse = sz_alloc(j->ctx, sizes[0]), j->better = sz_alloc(j->ctx, sizes[0]);
    j->ys = sz_alloc(j->ctx, sizes[1]), j->tree = sz_alloc(j->ctx, sizes[1]);
    const bool ok = j->worse && j->better && j->ys && j->tree;
    for (size_t i = 0, k = 0; ok && i < sz_points_count(j->points); i++)
        if (on[i]) k += corners_of(j, i, &j->worse[k], &j->better[k]);
    if (ok) sweep(j, on);
    if (j->tree) sz_free(j->ctx, j->tree, sizes[1]);
    if (j->ys) sz_free(j->ctx, j->ys, sizes[1]);
    if (j->better) sz_free(j->ctx, j->better, sizes[0]);
    if (j->worse) sz_free(j->ctx, j->worse, sizes[0]);
    return ok ? SZ_OK : sz_no_memory(j->ctx);
}

sz_status sz_front_find(sz_ctx *ctx, const sz_points *points, const size_t *metrics,
                        size_t n_metrics, sz_dominance dominance, unsigned char *ret_on,
                        sz_front *ret_front) {
    const size_t n = sz_points_count(points);
    if (n_metrics < 1 || n_metrics > 3)
        return sz_fail(ctx, SZ_ERR_USAGE, "a front is of 1 to 3 metrics, not %zu", n_metrics);
    job j = {ctx, points, metrics, n_metrics, dominance, .n = 0};
    size_t known;
    SZ_TRY(sift(&j, ret_on, &known));
    SZ_TRY(look(&j, ret_on));
    *ret_front = (sz_front){.unknown = n - known};
    for (size_t i = 0; i < n; i++) ret_front->n += ret_on[i];
    return SZ_OK;
}
