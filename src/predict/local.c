// SPDX-License-Identifier: Apache-2.0
#include "predict/local.h"

#include <math.h>

#include "machine/measure/stats.h"

static const double RIDGE = 0.01, MARGIN = 0.3;
enum { MOST_TUNED = 300 };

bool sz_local_add(sz_ctx *ctx, sz_local *l, const double *x, double y, int32_t group) {
    sz_local_point p = {.y = y, .group = group};
    for (int a = 0; a < l->axes; a++) {
        const bool first = l->points.n == 0;
        p.x[a] = x[a];
        l->least[a] = first ? x[a] : fmin(l->least[a], x[a]);
        l->most[a] = first ? x[a] : fmax(l->most[a], x[a]);
        l->scale[a] = 1;
    }
    return sz_vec_push(ctx, &l->points, p);
}

void sz_local_finish(sz_ctx *ctx, sz_local *l) { sz_vec_finish(ctx, &l->points); }

// ---- neighbours --------------------------------------------------------------------------------

typedef struct near {
    double squared;
    size_t index;
} near;

typedef struct nearest {
    near items[SZ_LOCAL_NEAREST]; // by distance
    size_t n;
} nearest;

static double squared_distance(const sz_local *l, const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < l->axes; i++) {
        const double d = l->scale[i] * (a[i] - b[i]);
        sum += d * d;
    }
    return sum;
}

static void keep_if_near(nearest *to, double squared, size_t index) {
    if (to->n == SZ_LOCAL_NEAREST && squared >= to->items[to->n - 1].squared) return;
    size_t at = to->n < SZ_LOCAL_NEAREST ? to->n++ : to->n - 1;
    for (; at > 0 && to->items[at - 1].squared > squared; at--) to->items[at] = to->items[at - 1];
    to->items[at] = (near){squared, index};
}

static void find_nearest(const sz_local *l, const double *x, int32_t without, nearest *to) {
    to->n = 0;
    for (size_t i = 0; i < l->points.n; i++) {
        const sz_local_point *p = &l->points.items[i];
        if (without >= 0 && p->group == without) continue;
        keep_if_near(to, squared_distance(l, p->x, x), i);
    }
}

// ---- the plane ---------------------------------------------------------------------------------

enum { TERMS = SZ_LOCAL_AXES + 1 };

// Gaussian elimination with pivots; the ridge makes the matrix regular.
static void solve(int n, double m[TERMS][TERMS + 1]) {
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int r = c + 1; r < n; r++)
            if (fabs(m[r][c]) > fabs(m[pivot][c])) pivot = r;
        for (int k = 0; k <= n && pivot != c; k++) {
            const double swap = m[c][k];
            m[c][k] = m[pivot][k];
            m[pivot][k] = swap;
        }
        for (int r = 0; r < n; r++) {
            const double f = r == c ? 0 : m[r][c] / m[c][c];
            for (int k = c; k <= n && f != 0; k++) m[r][k] -= f * m[c][k];
        }
    }
}

// Sums of the normal equations around x.
static void add_equation(const sz_local *l, const double *x, const sz_local_point *p, double w,
                         double m[TERMS][TERMS + 1]) {
    double row[TERMS] = {1};
    const int n = l->axes + 1;
    for (int a = 0; a < l->axes; a++) row[a + 1] = l->scale[a] * (p->x[a] - x[a]);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) m[i][k] += w * row[i] * row[k];
        m[i][n] += w * row[i] * p->y;
    }
}

static double plane(const sz_local *l, const double *x, const nearest *seen) {
    double m[TERMS][TERMS + 1] = {{0}}, weights = 0;
    const double widest = sqrt(seen->items[seen->n - 1].squared) * 1.0001 + 1e-9;
    for (size_t i = 0; i < seen->n; i++) {
        const double u = sqrt(seen->items[i].squared) / widest, v = 1 - u * u * u;
        const double w = fmax(v * v * v, 1e-6);
        weights += w;
        add_equation(l, x, &l->points.items[seen->items[i].index], w, m);
    }
    m[0][0] += 1e-9 * weights;
    for (int a = 1; a <= l->axes; a++) m[a][a] += RIDGE * weights;
    solve(l->axes + 1, m);
    return m[0][l->axes + 1] / m[0][0];
}

static double keep_near(const sz_local *l, const nearest *seen, double y) {
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < seen->n; i++) {
        least = fmin(least, l->points.items[seen->items[i].index].y);
        most = fmax(most, l->points.items[seen->items[i].index].y);
    }
    return fmin(fmax(y, least - MARGIN), most + MARGIN);
}

sz_local_value sz_local_at(const sz_local *l, const double *x, int32_t without) {
    nearest seen;
    sz_local_value v = {.y = 0, .distance = INFINITY, .is_outside = true};
    find_nearest(l, x, without, &seen);
    if (seen.n == 0) return v;
    v.distance = sqrt(seen.items[0].squared);
    v.y = keep_near(l, &seen, plane(l, x, &seen));
    v.is_outside = v.distance > l->reach;
    // A tenth beyond is no other world.
    for (int a = 0; a < l->axes; a++)
        v.is_outside |= x[a] < l->least[a] - 0.1 || x[a] > l->most[a] + 0.1;
    return v;
}

// ---- settling ----------------------------------------------------------------------------------

// Mean error of points that are told by the other groups.
static double left_out_error(const sz_local *l) {
    const size_t step = l->points.n / MOST_TUNED + 1;
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < l->points.n; i += step, n++) {
        const sz_local_point *p = &l->points.items[i];
        sum += fmin(1, fabs(sz_local_at(l, p->x, p->group).y - p->y)); // one wild point is one
    }
    return n ? sum / (double)n : 0;
}

// One axis after the other, twice: would it tell more if it counted for more, or for less?
static void choose_scales(sz_local *l) {
    static const double factors[] = {0.25, 0.5, 2, 4};
    double best = left_out_error(l);
    for (int round = 0; round < 2; round++)
        for (int a = 0; a < l->axes; a++) {
            const double before = l->scale[a];
            double chosen = before;
            for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
                l->scale[a] = before * factors[f];
                const double error = left_out_error(l);
                if (error >= best * 0.995) continue;
                best = error;
                chosen = l->scale[a];
            }
            l->scale[a] = chosen;
        }
}

sz_status sz_local_settle(sz_ctx *ctx, sz_local *l) {
    const size_t n = l->points.n;
    if (n == 0) return SZ_OK;
    if (n >= 2 * SZ_LOCAL_NEAREST) choose_scales(l);
    double *distances = sz_alloc(ctx, n * sizeof *distances);
    if (!distances) return sz_no_memory(ctx);
    l->reach = INFINITY;
    for (size_t i = 0; i < n; i++) {
        const sz_local_point *p = &l->points.items[i];
        distances[i] = sz_local_at(l, p->x, p->group).distance;
    }
    sz_sort_values(distances, n);
    l->reach = sz_quantile(distances, n, 0.95);
    sz_free(ctx, distances, n * sizeof *distances);
    return SZ_OK;
}

sz_status sz_local_interval(sz_ctx *ctx, const sz_local *l, double level, double *ret_half) {
    const size_t n = l->points.n;
    const double rank = ceil(level * (double)(n + 1));
    *ret_half = NAN;
    if (n == 0 || rank > (double)n) return SZ_OK;
    double *errors = sz_alloc(ctx, n * sizeof *errors);
    if (!errors) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) {
        const sz_local_point *p = &l->points.items[i];
        errors[i] = fabs(sz_local_at(l, p->x, p->group).y - p->y);
    }
    sz_sort_values(errors, n);
    *ret_half = errors[(size_t)rank - 1];
    sz_free(ctx, errors, n * sizeof *errors);
    return SZ_OK;
}
