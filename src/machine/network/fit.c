// SPDX-License-Identifier: Apache-2.0
// Lines through the times of messages. MPI changes its way of sending with the size (at once, with
// a handshake, in pieces), so one start and one rate do not fit: up to four lines do, each over
// sizes that follow each other. Errors are relative, as times span four orders of magnitude. Of all
// cuts the best is found by dynamic programming; how many lines there are says the criterion of
// Schwarz (Ann. Stat. 6(2), 1978), with two numbers for each line and one for each cut.
#include "machine/network/network.h"

#include <math.h>

enum { LEAST_POINTS = 3 };
static const double FLOOR = 0.01; // what stands nearer to a line than that is on it

typedef struct line {
    double alpha, beta, squares; // squares: of the relative distances
} line;

typedef struct sums {
    double w, x, y, xx, xy;
} sums;

// Weighted by 1 / seconds^2. A start or a cost of size below 0 means that there is none.
static line fit(const double *x, const double *y, size_t n) {
    sums s = {0};
    line l = {0};
    for (size_t i = 0; i < n; i++) {
        const double w = 1 / (y[i] * y[i]);
        s.w += w, s.x += w * x[i], s.y += w * y[i];
        s.xx += w * x[i] * x[i], s.xy += w * x[i] * y[i];
    }
    const double d = s.w * s.xx - s.x * s.x;
    if (d > 0) {
        l.beta = (s.w * s.xy - s.x * s.y) / d;
        l.alpha = (s.y - l.beta * s.x) / s.w;
    }
    if (!(d > 0) || l.beta < 0) l.beta = 0, l.alpha = s.y / s.w;
    if (l.alpha < 0) l.alpha = 0, l.beta = s.xy / s.xx;
    for (size_t i = 0; i < n; i++) {
        const double off = (l.alpha + l.beta * x[i]) / y[i] - 1;
        l.squares += off * off;
    }
    return l;
}

typedef struct cuts {
    double squares[SZ_MOST_SEGMENTS][SZ_MOST_SIZES + 1]; // best of the first j points, k + 1 lines
    size_t from[SZ_MOST_SEGMENTS][SZ_MOST_SIZES + 1];    // where its last line begins
} cuts;

static void fill(cuts *c, const double *x, const double *y, size_t n, size_t least) {
    for (size_t k = 0; k < SZ_MOST_SEGMENTS; k++)
        for (size_t j = 0; j <= n; j++) {
            c->squares[k][j] = INFINITY;
            c->from[k][j] = 0;
            for (size_t i = k * least; i + least <= j; i++) {
                if ((k == 0) != (i == 0)) continue;
                const double before = k ? c->squares[k - 1][i] : 0;
                if (!isfinite(before)) continue;
                const double all = before + fit(x + i, y + i, j - i).squares;
                if (all < c->squares[k][j]) c->squares[k][j] = all, c->from[k][j] = i;
            }
        }
}

static size_t choose(const cuts *c, size_t n) {
    size_t best = 0;
    double least = INFINITY;
    for (size_t k = 0; k < SZ_MOST_SEGMENTS; k++) {
        if (!isfinite(c->squares[k][n])) continue;
        const double points = (double)n, numbers = 3 * (double)(k + 1) - 1;
        const double score = points * log(c->squares[k][n] / points + FLOOR * FLOOR) +
                             numbers * log(points);
        if (score < least) least = score, best = k;
    }
    return best;
}

static sz_segment segment_of(const double *x, const double *y, size_t n) {
    const line l = fit(x, y, n);
    sz_segment s = {.from_bytes = (int64_t)x[0],
                    .to_bytes = (int64_t)x[n - 1],
                    .latency_s = l.alpha,
                    .byte_per_s = l.beta > 0 ? 1 / l.beta : SZ_NAN,
                    .points = (int64_t)n};
    for (size_t i = 0; i < n; i++)
        s.error = fmax(s.error, fabs((l.alpha + l.beta * x[i]) / y[i] - 1));
    return s;
}

size_t sz_fit_segments(const double *bytes, const double *seconds, size_t n,
                       sz_segment ret[SZ_MOST_SEGMENTS]) {
    cuts c;
    if (n > SZ_MOST_SIZES) n = SZ_MOST_SIZES;
    fill(&c, bytes, seconds, n, n < LEAST_POINTS ? n : LEAST_POINTS);
    const size_t last = choose(&c, n);
    size_t end = n;
    for (size_t k = last + 1; k-- > 0;) {
        const size_t from = c.from[k][end];
        ret[k] = segment_of(bytes + from, seconds + from, end - from);
        end = from;
    }
    return last + 1;
}

double sz_segments_s(const sz_segment *segments, size_t n, double bytes) {
    size_t i = 0;
    // between two lines the smaller sizes belong to the first one
    while (i + 1 < n &&
           bytes > sqrt((double)segments[i].to_bytes * (double)segments[i + 1].from_bytes))
        i++;
    const double rate = segments[i].byte_per_s;
    return segments[i].latency_s + (rate > 0 ? bytes / rate : 0);
}
