// SPDX-License-Identifier: Apache-2.0
#include "explore/hypervolume.h"

#include <stdlib.h>

typedef struct spot {
    double x[SZ_MOST_OBJECTIVES];
} spot;

static int by(const void *a, const void *b, int axis) {
    const double p = ((const spot *)a)->x[axis], q = ((const spot *)b)->x[axis];
    return (p > q) - (p < q);
}
static int by_first(const void *a, const void *b) { return by(a, b, 0); }
static int by_last(const void *a, const void *b) { return by(a, b, 2); }

static bool is_below(const double *x, size_t m, const double *reference) {
    for (size_t k = 0; k < m; k++)
        if (!(x[k] < reference[k])) return false;
    return true;
}

// Of points that are sorted by the first: strips from left to right, as high as the lowest so far.
static double area(const spot *s, size_t n, double right, double top) {
    double sum = 0, low = top;
    for (size_t i = 0; i < n; i++) {
        if (s[i].x[1] < low) low = s[i].x[1];
        sum += ((i + 1 < n ? s[i + 1].x[0] : right) - s[i].x[0]) * (top - low);
    }
    return sum;
}

// Slices from the lowest third coordinate up: the area below is that of all points so far, which
// are kept sorted by the first.
static double volume(const spot *s, spot *sorted, size_t n, const double *reference) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && sorted[at - 1].x[0] > s[i].x[0]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = s[i];
        const double up = i + 1 < n ? s[i + 1].x[2] : reference[2];
        if (up > s[i].x[2])
            sum += area(sorted, i + 1, reference[0], reference[1]) * (up - s[i].x[2]);
    }
    return sum;
}

sz_status sz_hypervolume(sz_ctx *ctx, const double *points, size_t n, size_t m,
                         const double *reference, double *ret_volume) {
    size_t kept = 0;
    spot *s = sz_alloc(ctx, (2 * n + 1) * sizeof *s);
    if (!s) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++)
        if (is_below(points + i * m, m, reference))
            memcpy(s[kept++].x, points + i * m, m * sizeof *points);
    if (kept) qsort(s, kept, sizeof *s, m == 3 ? by_last : by_first);
    *ret_volume = 0;
    if (kept && m == 1) *ret_volume = reference[0] - s[0].x[0];
    if (kept && m == 2) *ret_volume = area(s, kept, reference[0], reference[1]);
    if (kept && m == 3) *ret_volume = volume(s, s + n, kept, reference);
    sz_free(ctx, s, (2 * n + 1) * sizeof *s);
    return SZ_OK;
}
