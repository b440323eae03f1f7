// SPDX-License-Identifier: Apache-2.0
#include "predict/covariance.h"

#include <math.h>

#include "predict/cholesky.h"

// Of the belief in lengths: a spread of e is worth so much likelihood.
static const double BELIEF = 0.1, BELIEVED = 2;

double sz_covariance_unlikely(sz_covariance *c) {
    double sum = 0;
    if (!sz_covariance_weigh(c)) return INFINITY;
    for (size_t i = 0; i < c->n; i++) sum += c->y[i] * c->a[i] / 2;
    sum += sz_cholesky_log_root(c->k, c->n);
    for (int a = 0; a < c->p->axes; a++) {
        const double l = log(c->p->length[a] / BELIEVED);
        sum += BELIEF * l * l;
    }
    return sum;
}

// ---- slopes ------------------------------------------------------------------------------------

// A pair of points by what a change of their covariance changes.
static void add_pair(const sz_covariance *c, size_t i, size_t j, double share, sz_slopes *to) {
    const sz_process *p = c->p;
    const sz_process_point *a = &p->points.items[i], *b = &p->points.items[j];
    double squares[SZ_PROCESS_AXES], sum = 0;
    for (int k = 0; k < p->axes; k++) {
        const double d = (a->x[k] - b->x[k]) / (p->spread[k] * p->length[k]);
        squares[k] = d * d, sum += squares[k];
    }
    const double d = sqrt(3 * sum), e = share * p->height * exp(-d);
    for (int k = 0; k < p->axes; k++) to->length[k] += 3 * e * squares[k];
    to->height += (1 + d) * e;
    if (a->group == b->group) to->common += share * p->common;
}

void sz_covariance_slopes(sz_covariance *c, sz_slopes *ret_slopes) {
    const sz_process *p = c->p;
    *ret_slopes = (sz_slopes){.height = 0};
    sz_cholesky_invert(c->k, c->n);
    sz_cholesky_invert_all(c->k, c->n);
    for (size_t i = 0; i < c->n; i++) {
        const double *row = c->k + i * c->n;
        for (size_t j = 0; j < i; j++) add_pair(c, i, j, row[j] - c->a[i] * c->a[j], ret_slopes);
        const double own = (row[i] - c->a[i] * c->a[i]) / 2;
        add_pair(c, i, i, own, ret_slopes);
        ret_slopes->noise += own * p->noise * p->points.items[i].looser;
    }
    for (int a = 0; a < p->axes; a++)
        ret_slopes->length[a] += 2 * BELIEF * log(p->length[a] / BELIEVED);
}

// ---- tuning ------------------------------------------------------------------------------------

typedef struct knob {
    double *value, least, most;
    const double *slope; // of the logarithm of the value
    double before;       // slope at the step before, 0 where that led too far
    double step;         // of the logarithm
    double best;
} knob;

static int knobs_of(sz_process *p, const sz_slopes *slopes, knob *knobs) {
    int n = 0;
    for (int a = 0; a < p->axes; a++)
        if (p->most[a] > p->least[a])
            knobs[n++] = (knob){&p->length[a], 0.13, 150, .slope = &slopes->length[a]};
    knobs[n++] = (knob){&p->height, 2.5e-3, 20, .slope = &slopes->height};
    knobs[n++] = (knob){&p->noise, 1e-4, 2.7, .slope = &slopes->noise};
    knobs[n++] = (knob){&p->common, 1e-4, 0.0225, .slope = &slopes->common};
    for (int k = 0; k < n; k++) knobs[k].step = 0.4, knobs[k].best = *knobs[k].value;
    return n;
}

// Down the slope, by a step that grows while the slope keeps its sign; where the sign changes the
// step was too long, and the next does not count as a change.
static void turn(knob *k) {
    const double kept = *k->slope * k->before;
    k->before = kept < 0 ? 0 : *k->slope;
    if (kept > 0) k->step = fmin(1.2 * k->step, 1);
    if (kept < 0) k->step *= 0.5;
    if (k->before == 0) return;
    const double by = exp(k->before > 0 ? -k->step : k->step);
    *k->value = fmin(fmax(*k->value * by, k->least), k->most);
}

void sz_covariance_tune(sz_covariance *c) {
    enum { MOST = 60, PATIENCE = 8 }; // steps, and those without a gain
    static const double gain = 0.05;
    knob knobs[SZ_PROCESS_AXES + 3];
    sz_slopes slopes;
    const int n = knobs_of(c->p, &slopes, knobs);
    double best = INFINITY;
    for (int i = 0, last = 0; i < MOST && i - last < PATIENCE; i++) {
        const double now = sz_covariance_unlikely(c);
        if (!isfinite(now)) break;
        if (now < best - gain) last = i;
        for (int k = 0; k < n && now < best; k++) knobs[k].best = *knobs[k].value;
        best = fmin(best, now);
        sz_covariance_slopes(c, &slopes);
        for (int k = 0; k < n; k++) turn(&knobs[k]);
    }
    for (int k = 0; k < n; k++) *knobs[k].value = knobs[k].best;
}
