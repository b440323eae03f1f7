// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/two_samples.h"

#include <math.h>
#include <stdlib.h>

#include "machine/measure/stats.h"

static const double LEVEL = 0.95, Z95 = 1.959963984540054; // of the normal distribution

typedef struct pair {
    const double *a, *b; // sorted
    size_t na, nb;
} pair;

// ---- U -----------------------------------------------------------------------------------------

// H. B. Mann, D. R. Whitney, Ann. Math. Stat. 18 (1947): pairs with b > a, ties half. `ties` gets
// the sum of t^3 - t over groups of t equal values of both samples together.
static double count_u(const pair *w, double *ret_ties) {
    double u = 0, ties = 0;
    size_t below = 0, upto = 0;
    for (size_t j = 0; j < w->nb; j++) {
        while (below < w->na && w->a[below] < w->b[j]) below++;
        while (upto < w->na && w->a[upto] <= w->b[j]) upto++;
        u += ((double)below + (double)upto) / 2;
    }
    for (size_t i = 0, j = 0; i < w->na || j < w->nb;) {
        const double v = j >= w->nb || (i < w->na && w->a[i] <= w->b[j]) ? w->a[i] : w->b[j];
        double t = 0;
        for (; i < w->na && w->a[i] == v; i++) t++;
        for (; j < w->nb && w->b[j] == v; j++) t++;
        ties += t * t * t - t;
    }
    *ret_ties = ties;
    return u;
}

// P(U <= u) for u = 0 .. na nb when all orders are equally likely. Ways to choose k of the ranks
// 1 .. na + nb with a given sum, one rank after the other; only additions, so no digits are lost.
// `ways` has (k + 1) (na nb + 1) zeros, k = the smaller size; row k becomes the result.
static double *distribution(size_t na, size_t nb, double *ways) {
    const size_t k = na < nb ? na : nb, total = na + nb, width = na * nb + 1;
    ways[0] = 1;
    // Row j holds sums less 1 + .. + j: rank r as the j-th adds r - j.
    for (size_t r = 1; r <= total; r++)
        for (size_t j = r < k ? r : k; j > 0; j--) {
            double *to = ways + j * width;
            const double *from = ways + (j - 1) * width;
            for (size_t s = width; s-- > r - j;) to[s] += from[s - (r - j)];
        }
    double *row = ways + k * width, sum = 0;
    for (size_t s = 0; s < width; s++) sum += row[s];
    for (size_t s = 0, first = 1; s < width; s++, first = 0)
        row[s] = row[s] / sum + (first ? 0 : row[s - 1]);
    return row;
}

// Deviation of U when all orders are equally likely, corrected for ties (Lehmann, Nonparametrics,
// 1.4).
static double deviation(const pair *w, double ties) {
    const double m = (double)w->na, n = (double)w->nb, all = m + n;
    const double share = all > 1 ? ties / (all * (all - 1)) : 0;
    return sqrt(fmax(0, m * n / 12 * (all + 1 - share)));
}

// With the correction for continuity.
static double normal_p(double u, double middle, double sigma) {
    const double z = (fabs(u - middle) - 0.5) / sigma;
    if (!(sigma > 0)) return 1; // all values are equal
    return fmin(1, erfc(z / sqrt(2)));
}

// ---- differences -------------------------------------------------------------------------------

// Pairs with b - a <= v; the largest such difference too. Both samples are sorted, so one walk.
static double count_upto(const pair *w, double v, double *ret_largest) {
    double n = 0;
    size_t i = 0;
    *ret_largest = -INFINITY;
    for (size_t j = 0; j < w->nb; j++) {
        while (i < w->na && w->b[j] - w->a[i] > v) i++;
        if (i == w->na) break;
        n += (double)(w->na - i);
        *ret_largest = fmax(*ret_largest, w->b[j] - w->a[i]);
    }
    return n;
}

// The k-th smallest of all na nb differences, from 1, by halving an interval that holds it: takes
// no memory, however many pairs there are.
static double difference(const pair *w, double k) {
    double lo = w->b[0] - w->a[w->na - 1], hi = w->b[w->nb - 1] - w->a[0], largest;
    if (count_upto(w, lo, &largest) >= k) return lo;
    for (int i = 0; i < 200; i++) {
        const double middle = lo + (hi - lo) / 2;
        if (middle <= lo || middle >= hi) break;
        if (count_upto(w, middle, &largest) >= k)
            hi = middle;
        else
            lo = middle;
    }
    count_upto(w, hi, &largest);
    return largest;
}

// J. L. Hodges, E. L. Lehmann, Ann. Math. Stat. 34 (1963).
static double hodges_lehmann(const pair *w) {
    const double n = (double)w->na * (double)w->nb, half = floor(n / 2);
    const double upper = difference(w, half + 1);
    return 2 * half < n ? upper : (difference(w, half) + upper) / 2;
}

// ---- both --------------------------------------------------------------------------------------

// Interval from the k-th smallest to the k-th largest difference.
static void set_interval(const pair *w, double k, sz_shift *s) {
    s->lo = difference(w, k);
    s->hi = difference(w, (double)w->na * (double)w->nb + 1 - k);
}

// M. Hollander, D. A. Wolfe, Nonparametric Statistical Methods, 4.3: k is the largest with
// P(U <= k - 1) <= 2.5 %; 1 where no k is.
static void use_distribution(const pair *w, const double *cumulative, sz_shift *s) {
    const size_t n = w->na * w->nb;
    const double far = fmax(s->u, (double)n - s->u);
    const size_t at = (size_t)far;
    size_t k = 0;
    s->p = fmin(1, 2 * (at > 0 ? 1 - cumulative[at - 1] : 1));
    // The other tail has the same chance without the loss of digits in 1 - x.
    if (n - at < at) s->p = fmin(1, 2 * cumulative[n - at]);
    while (k < n / 2 && cumulative[k] <= (1 - LEVEL) / 2) k++;
    if (k == 0) k = 1;
    s->confidence = 1 - 2 * cumulative[k - 1];
    s->exact = true;
    set_interval(w, (double)k, s);
}

static void use_normal(const pair *w, double ties, sz_shift *s) {
    const double middle = (double)w->na * (double)w->nb / 2;
    s->p = normal_p(s->u, middle, deviation(w, ties));
    const double k = floor(middle - Z95 * deviation(w, 0));
    s->confidence = LEVEL;
    set_interval(w, k < 1 ? 1 : k, s);
}

// Exact where both samples have less than 50 values and none are equal, as R's wilcox.test does.
static sz_status compare_sorted(sz_ctx *ctx, const pair *w, sz_shift *s) {
    enum { SMALL = 50 };
    double ties;
    s->u = count_u(w, &ties);
    s->shift = hodges_lehmann(w);
    if (ties > 0 || w->na >= SMALL || w->nb >= SMALL) {
        use_normal(w, ties, s);
        return SZ_OK;
    }
    const size_t least = w->na < w->nb ? w->na : w->nb;
    const size_t bytes = (least + 1) * (w->na * w->nb + 1) * sizeof(double);
    double *ways = sz_alloc(ctx, bytes);
    if (!ways) return sz_no_memory(ctx);
    use_distribution(w, distribution(w->na, w->nb, ways), s);
    sz_free(ctx, ways, bytes);
    return SZ_OK;
}

sz_status sz_compare_samples(sz_ctx *ctx, const double *a, size_t na, const double *b, size_t nb,
                             sz_shift *ret_shift) {
    const size_t bytes = (na + nb) * sizeof(double);
    double *sorted = sz_alloc(ctx, bytes);
    sz_shift s = {0};
    if (!sorted) return sz_no_memory(ctx);
    memcpy(sorted, a, na * sizeof *a);
    memcpy(sorted + na, b, nb * sizeof *b);
    sz_sort_values(sorted, na);
    sz_sort_values(sorted + na, nb);
    const pair w = {sorted, sorted + na, na, nb};
    sz_status status = compare_sorted(ctx, &w, &s);
    sz_free(ctx, sorted, bytes);
    if (status == SZ_OK) *ret_shift = s;
    return status;
}

// ---- many --------------------------------------------------------------------------------------

typedef struct ranked {
    double p;
    size_t at;
} ranked;

static int by_p(const void *x, const void *y) {
    const ranked *a = x, *b = y;
    if (a->p != b->p) return a->p < b->p ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

// S. Holm, Scand. J. Statist. 6 (1979): the i-th smallest of m times m - i + 1, never less than one
// before it.
sz_status sz_holm(sz_ctx *ctx, double *p, size_t n) {
    const size_t bytes = (n + 1) * sizeof(ranked);
    ranked *list = sz_alloc(ctx, bytes);
    size_t m = 0;
    double least = 0;
    if (!list) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i])) list[m++] = (ranked){p[i], i};
    qsort(list, m, sizeof *list, by_p);
    for (size_t i = 0; i < m; i++) {
        least = fmin(1, fmax(least, list[i].p * (double)(m - i)));
        p[list[i].at] = least;
    }
    sz_free(ctx, list, bytes);
    return SZ_OK;
}
