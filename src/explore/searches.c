// SPDX-License-Identifier: Apache-2.0
// Searches as proposers: drawn settings, a low-discrepancy sequence, and the search for a front.
#include "explore/evolve.h"
#include "explore/spread.h"

#include <math.h>

enum { USUAL_POINTS = 1000 };

typedef struct search {
    sz_ctx *ctx;
    const sz_space *space;
    int64_t left;
    sz_seen seen;
    sz_spread spread;
    sz_evolve *evolve; // NULL = none
    size_t metrics[SZ_MOST_OBJECTIVES], m;
    bool broken; // there was no memory
} search;

// A proposer can't fail: it ends, and says why.
static int give(search *s, sz_status status, bool any) {
    if (status != SZ_OK && !s->broken) {
        s->broken = true;
        sz_warn(s->ctx, "the search ended early: %s", sz_ctx_error(s->ctx));
    }
    s->left--;
    return status == SZ_OK && any;
}

static int next_spread(void *self, uint32_t *ret_setting) {
    search *s = self;
    bool any = false;
    if (s->left <= 0 || s->broken) return 0;
    const sz_status status = sz_spread_next(&s->spread, ret_setting, &any);
    return give(s, status, any);
}

static int next_evolved(void *self, uint32_t *ret_setting) {
    search *s = self;
    bool any = false;
    if (s->left <= 0 || s->broken) return 0;
    const sz_status status = sz_evolve_next(s->evolve, ret_setting, &any);
    return give(s, status, any);
}

// Times and rates are near or far by their ratio; what a user's own numbers mean nobody knows.
static double objective(const sz_space *space, size_t metric, const sz_metrics *m) {
    const double v = m->value[metric];
    const double y = metric < SZ_METRICS_OWN ? v > 0 ? log(v) : NAN : v;
    return sz_space_metric(space, metric).higher ? -y : y;
}

static void told_evolved(void *self, const uint32_t *setting, const sz_metrics *metrics) {
    search *s = self;
    double y[SZ_MOST_OBJECTIVES];
    for (size_t k = 0; k < s->m; k++) y[k] = objective(s->space, s->metrics[k], metrics);
    const sz_status status = sz_evolve_told(s->evolve, setting, y);
    if (status != SZ_OK) (void)give(s, status, false);
}

static void release(void *self) {
    search *s = self;
    sz_ctx *ctx = s->ctx;
    sz_evolve_destroy(s->evolve);
    sz_seen_finish(&s->seen);
    sz_free(ctx, s, sizeof *s);
}

static sz_status make(sz_ctx *ctx, const sz_space *space, const sz_search_options *o,
                      search **ret_search) {
    search *s = sz_alloc(ctx, sizeof *s);
    if (!s) return sz_no_memory(ctx);
    *s = (search){.ctx = ctx, .space = space};
    s->left = o->points > 0 ? o->points : USUAL_POINTS;
    s->spread.seed = o->seed;
    sz_seen_init(&s->seen, ctx);
    const sz_status status = sz_settings_init(ctx, &s->spread.settings, space);
    if (status == SZ_OK)
        *ret_search = s;
    else
        release(s);
    return status;
}

sz_status sz_search_random(sz_ctx *ctx, const sz_space *space, const sz_search_options *options,
                           sz_proposer *ret_proposer) {
    search *s;
    SZ_TRY(make(ctx, space, options, &s));
    *ret_proposer = (sz_proposer){.self = s, .next = next_spread, .release = release};
    return SZ_OK;
}

sz_status sz_search_sobol(sz_ctx *ctx, const sz_space *space, const sz_search_options *options,
                          sz_proposer *ret_proposer) {
    search *s;
    SZ_TRY(make(ctx, space, options, &s));
    s->spread.seen = &s->seen;
    *ret_proposer = (sz_proposer){.self = s, .next = next_spread, .release = release};
    return SZ_OK;
}

sz_status sz_search_evolve(sz_ctx *ctx, const sz_space *space, const sz_search_options *options,
                           sz_proposer *ret_proposer) {
    search *s;
    if (options->n_metrics < 1 || options->n_metrics > SZ_MOST_OBJECTIVES)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "search 'evolve' looks for the front of one to three metrics: name them, "
                       "as --pareto does");
    SZ_TRY(make(ctx, space, options, &s));
    s->m = options->n_metrics;
    memcpy(s->metrics, options->metrics, s->m * sizeof *s->metrics);
    const sz_status status = sz_evolve_create(ctx, space, s->m, options->seed, &s->evolve);
    if (status != SZ_OK) {
        release(s);
        return status;
    }
    *ret_proposer = (sz_proposer){
        .self = s, .next = next_evolved, .told = told_evolved, .release = release};
    return SZ_OK;
}
