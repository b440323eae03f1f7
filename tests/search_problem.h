// SPDX-License-Identifier: Apache-2.0
// Spaces with two objectives of which all is known, to hold searches to.
#ifndef SEARCH_PROBLEM_H
#define SEARCH_PROBLEM_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/splitmix.h"
#include "explore/hypervolume.h"
#include "explore/settings.h"

static uint64_t state;
static inline double uniform(void) {
    return (double)(sz_splitmix(&state) >> 11) / 9007199254740992.0;
}
static inline int upto(int n) { return (int)(uniform() * n); }

static inline void need(sz_status status) {
    if (status != SZ_OK) abort();
}

// Two objectives over 3 to 6 parameters of 2 to 10 values: a slope and a valley per parameter,
// products of two, and a part that follows no rule; all in logarithms.
typedef struct problem {
    sz_space *space;
    sz_settings settings;
    int64_t size;
    double *y; // 2 of each setting
    double ref[2], whole;
} problem;

typedef struct terms {
    double slope[6], valley[6], place[6], product[6][6];
} terms;

static inline double height(const sz_space *s, const uint32_t *setting, const terms *t) {
    double x[6], y = 0.2 * uniform();
    for (size_t i = 0; i < s->n_parameters; i++) {
        x[i] = (double)setting[i] / (s->parameters[i].n - 1);
        y += t->slope[i] * x[i] + t->valley[i] * (x[i] - t->place[i]) * (x[i] - t->place[i]);
        for (size_t j = 0; j < i; j++) y += t->product[i][j] * x[i] * x[j];
    }
    return y;
}

static inline void draw_terms(terms *t) {
    for (size_t i = 0; i < 6; i++) {
        t->slope[i] = 3 * (uniform() - 0.5), t->valley[i] = 2 * uniform(), t->place[i] = uniform();
        for (size_t j = 0; j < 6; j++) t->product[i][j] = 2 * (uniform() - 0.5);
    }
}

static inline void make_problem(sz_ctx *ctx, uint64_t seed, problem *p) {
    terms t[2];
    char name[2] = "a", range[16];
    uint32_t setting[SZ_SPACE_PARAMETERS];
    state = seed;
    need(sz_space_create(ctx, &p->space));
    for (int i = 0, n = 3 + upto(4); i < n; i++, name[0]++) {
        snprintf(range, sizeof range, "1-%d", 2 + upto(9));
        need(sz_space_add(ctx, p->space, name, range));
    }
    need(sz_space_ready(ctx, p->space));
    need(sz_settings_init(ctx, &p->settings, p->space));
    p->size = sz_space_size(p->space);
    p->y = malloc((size_t)p->size * 2 * sizeof *p->y);
    p->ref[0] = p->ref[1] = -INFINITY;
    draw_terms(&t[0]), draw_terms(&t[1]);
    for (int64_t i = 0; i < p->size; i++) {
        sz_settings_at(&p->settings, i, setting);
        for (int k = 0; k < 2; k++) {
            p->y[2 * i + k] = height(p->space, setting, &t[k]);
            p->ref[k] = fmax(p->ref[k], p->y[2 * i + k]);
        }
    }
    need(sz_hypervolume(ctx, p->y, (size_t)p->size, 2, p->ref, &p->whole));
}

static inline void finish_problem(problem *p) {
    sz_space_destroy(p->space);
    free(p->y);
}

// Number of a setting; the first parameter of the order turns fastest.
static inline int64_t number_of(const problem *p, const uint32_t *setting) {
    int64_t number = 0;
    for (size_t i = p->space->n_parameters; i-- > 0;) {
        const uint32_t k = p->space->order[i];
        number = number * p->space->parameters[k].n + setting[k];
    }
    return number;
}

#endif
