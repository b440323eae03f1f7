// SPDX-License-Identifier: Apache-2.0
// What the measured curve of working sets says: one thread that loads so many bytes over and over.
#include "predict/predict.h"

#include <math.h>

static double latency_of(const sz_curve_point *p) { return p->latency_s; }
static double byte_of(const sz_curve_point *p) { return p->byte_per_s > 0 ? 1 / p->byte_per_s : 0; }

// Between the points, which are close, in a straight line; beyond them as at the end. 0 = it was
// not measured.
static double at(const sz_machine *m, double bytes, double (*of)(const sz_curve_point *)) {
    const sz_curve_point *p = m->curve.items;
    size_t low = 0, high = m->curve.n; // the first that is no smaller lies there
    if (high == 0) return 0;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((double)p[middle].bytes < bytes)
            low = middle + 1;
        else
            high = middle;
    }
    const sz_curve_point *to = &p[low < m->curve.n ? low : low - 1],
                         *from = low > 0 ? &p[low - 1] : to;
    if (!(of(from) > 0) || !(of(to) > 0)) return 0;
    if (from->bytes >= to->bytes) return of(to);
    const double share = (bytes - (double)from->bytes) / (double)(to->bytes - from->bytes);
    return of(from) + share * (of(to) - of(from));
}

double sz_curve_latency(const sz_machine *m, double bytes) { return at(m, bytes, latency_of); }

// A level shows where its own end and that of the level before are equally far; the innermost from
// the start. Main memory shows at the end.
static double plateau(const sz_estimate *e, size_t level) {
    const sz_memory_rates *m = &e->levels[level];
    const size_t n = e->machine->curve.n;
    if (n == 0) return 0;
    if (level + 1 == e->n_levels) return byte_of(&e->machine->curve.items[n - 1]);
    const double end = m->capacity / m->instances;
    const sz_memory_rates *before = level > 0 ? &m[-1] : NULL;
    return at(e->machine, before ? sqrt(end * before->capacity / before->instances) : end / 4,
              byte_of);
}

void sz_curve_levels(sz_estimate *e) {
    for (size_t l = 0; l + 1 < e->n_levels; l++)
        e->levels[l].near_s = plateau(e, l), e->levels[l].far_s = plateau(e, l + 1);
}

double sz_share_of_capacity(double distance, double capacity) {
    return fmin(1, fmax(0, 1.5 - distance / capacity));
}

double sz_share_held(const sz_estimate *e, size_t level, double distance) {
    static const double least = 1.2; // the next level is so much slower, or its edge does not show
    const sz_memory_rates *m = &e->levels[level];
    if (!(m->near_s > 0) || !(m->far_s > least * m->near_s))
        return sz_share_of_capacity(distance, m->capacity);
    const double took = at(e->machine, distance / m->instances, byte_of);
    return fmin(1, fmax(0, (m->far_s - took) / (m->far_s - m->near_s)));
}
