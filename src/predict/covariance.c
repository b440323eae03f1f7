// SPDX-License-Identifier: Apache-2.0
#include "predict/covariance.h"

#include <math.h>

#include "predict/cholesky.h"

sz_status sz_covariance_make(sz_ctx *ctx, sz_process *p, size_t n, sz_covariance *ret) {
    *ret = (sz_covariance){.p = p, .n = n};
    ret->k = sz_alloc(ctx, (n * n + 3 * n) * sizeof *ret->k);
    if (!ret->k) return sz_no_memory(ctx);
    ret->y = ret->k + n * n, ret->a = ret->y + n, ret->off = ret->a + n;
    for (size_t i = 0; i < n; i++) ret->y[i] = p->points.items[i].y - p->level;
    return SZ_OK;
}

void sz_covariance_finish(sz_ctx *ctx, sz_covariance *c) {
    sz_free(ctx, c->k, (c->n * c->n + 3 * c->n) * sizeof *c->k);
}

double sz_covariance_distance(const sz_process *p, const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < p->axes; i++) {
        const double d = (a[i] - b[i]) / (p->spread[i] * p->length[i]);
        sum += d * d;
    }
    return sqrt(sum);
}

double sz_covariance_matern(double d) { return (1 + sqrt(3) * d) * exp(-sqrt(3) * d); }

static double along_plane(const sz_process *p, const double *a, const double *b) {
    double sum = 1;
    for (int i = 0; i < p->axes; i++)
        sum += (a[i] - p->centre[i]) * (b[i] - p->centre[i]) / (p->spread[i] * p->spread[i]);
    return SZ_PLANE_VARIANCE * sum;
}

static void fill_row(sz_covariance *c, size_t i) {
    const sz_process *p = c->p;
    const sz_process_point *a = &p->points.items[i];
    for (size_t j = 0; j <= i; j++) {
        const sz_process_point *b = &p->points.items[j];
        double k = p->height * sz_covariance_matern(sz_covariance_distance(p, a->x, b->x)) +
                   along_plane(p, a->x, b->x);
        if (a->group == b->group) k += p->common;
        if (i == j) k += p->noise * a->looser + 1e-9;
        c->k[i * c->n + j] = k;
    }
}

bool sz_covariance_weigh(sz_covariance *c) {
    for (size_t i = 0; i < c->n; i++) fill_row(c, i);
    if (!sz_cholesky(c->k, c->n)) return false;
    memcpy(c->a, c->y, c->n * sizeof *c->a);
    sz_cholesky_solve(c->k, c->n, c->a);
    return true;
}
