// SPDX-License-Identifier: Apache-2.0
// What happened over time in at most 1024 buckets, and gaps between tokens in bins.
#include "predict/serving/engine.h"

// Pairs of buckets become one, each twice as many events long.
static void halve(sz_moments *m) {
    for (size_t i = 0; i + 1 < m->n; i += 2) {
        const sz_serve_moment *a = &m->all[i], *b = &m->all[i + 1];
        m->all[i / 2] = (sz_serve_moment){a->from_s, b->to_s, a->cache_tokens + b->cache_tokens,
                                          a->waiting + b->waiting, a->running + b->running};
    }
    m->n /= 2;
    m->stride *= 2;
}

void sz_moments_add(sz_moments *m, double from_s, double to_s, double cache, double waiting,
                    double running) {
    const double dt = to_s - from_s;
    if (!m->stride) m->stride = m->in_last = 1;
    if (m->n == 0 || m->in_last == m->stride) {
        if (m->n == SZ_MOMENTS) halve(m);
        m->all[m->n++] = (sz_serve_moment){.from_s = from_s};
        m->in_last = 0;
    }
    sz_serve_moment *last = &m->all[m->n - 1];
    last->to_s = to_s;
    last->cache_tokens += dt * cache;
    last->waiting += dt * waiting;
    last->running += dt * running;
    m->in_last++;
}

// ---- gaps --------------------------------------------------------------------------------------

enum { SMALLEST = 1023 - 32 }; // biased exponent of the first bin

void sz_gaps_add(sz_gaps *g, double gap_s) {
    uint64_t bits;
    memcpy(&bits, &gap_s, sizeof bits);
    int64_t bin = (int64_t)(bits >> 45) - ((int64_t)SMALLEST << 7);
    if (bin < 0) bin = 0;
    if (bin >= SZ_GAP_BINS) bin = SZ_GAP_BINS - 1;
    g->bins[bin]++;
    g->n++;
    g->sum += gap_s;
    if (gap_s > g->max) g->max = gap_s;
}

// The middle of the bin that holds the gap of that rank.
static double rank(const sz_gaps *g, double q) {
    int64_t left = (int64_t)(q * (double)g->n);
    if ((double)left < q * (double)g->n) left++;
    for (int64_t bin = 0; bin < SZ_GAP_BINS; bin++) {
        if ((left -= g->bins[bin]) > 0) continue;
        const uint64_t bits = ((uint64_t)(bin + ((int64_t)SMALLEST << 7)) << 45) |
                              ((uint64_t)1 << 44);
        double middle;
        memcpy(&middle, &bits, sizeof middle);
        return middle < g->max ? middle : g->max;
    }
    return g->max;
}

sz_serve_spread sz_gaps_spread(const sz_gaps *g) {
    if (!g->n) return (sz_serve_spread){0};
    return (sz_serve_spread){rank(g, 0.5),          rank(g, 0.9), rank(g, 0.95), rank(g, 0.99),
                             g->sum / (double)g->n, g->max,       g->n};
}
