// SPDX-License-Identifier: Apache-2.0
// The search "guided": all settings are predicted first, and those are proposed that may be on the
// front of what is measured.
#include "explore/guided.h"
#include "explore/explore.h"
#include "predict/process.h"

#include <math.h>
#include <stdio.h>

// Each choice looks at every candidate beside every measured one.
enum { MOST_CANDIDATES = 20000, TOGETHER = 8 };

typedef struct search {
    sz_ctx *ctx;
    const sz_space *space;
    size_t metrics[SZ_MOST_OBJECTIVES], m, n;
    int64_t left;                   // that may still be proposed
    uint32_t axes[SZ_PROCESS_AXES]; // parameters with several values
    size_t n_axes;
    SZ_VEC(uint32_t) settings; // of the candidates, row by row
    SZ_VEC(double) x;
    SZ_VEC(sz_span) predicted;
    sz_map places; // bytes of a setting -> candidate
    sz_guided *guided;
    size_t group[TOGETHER], n_group, at; // proposed one after the other
    bool broken;
} search;

static size_t row_bytes(const search *s) { return s->space->n_parameters * sizeof(uint32_t); }

static const uint32_t *setting_of(const search *s, size_t i) {
    return s->settings.items + i * s->space->n_parameters;
}

static sz_str key_of(const search *s, const uint32_t *setting) {
    return (sz_str){(const char *)setting, (uint32_t)row_bytes(s)};
}

static int broken(search *s, sz_status status) {
    if (status != SZ_OK && !s->broken) {
        s->broken = true;
        sz_warn(s->ctx, "the search ended early: %s", sz_ctx_error(s->ctx));
    }
    return 0;
}

// ---- proposing ---------------------------------------------------------------------------------

static int next(void *self, uint32_t *ret_setting) {
    search *s = self;
    if (s->broken || s->left <= 0) return 0;
    if (s->at == s->n_group) {
        s->at = s->n_group = 0;
        const sz_status status = sz_guided_next(s->guided, TOGETHER, s->group, &s->n_group);
        if (status != SZ_OK || s->n_group == 0) return broken(s, status);
    }
    memcpy(ret_setting, setting_of(s, s->group[s->at++]), row_bytes(s));
    s->left--;
    return 1;
}

static sz_span span_of(const sz_metrics *m, size_t k) {
    const double v = m->value[k];
    return (sz_span){isnan(m->lo[k]) ? v : m->lo[k], v, isnan(m->hi[k]) ? v : m->hi[k]};
}

static void told(void *self, const uint32_t *setting, const sz_metrics *metrics) {
    search *s = self;
    int32_t i;
    sz_span spans[SZ_MOST_OBJECTIVES];
    bool known = true;
    if (!sz_map_get(&s->places, key_of(s, setting), &i)) return;
    for (size_t k = 0; k < s->m; k++) {
        spans[k] = span_of(metrics, s->metrics[k]);
        known = known && !isnan(spans[k].value);
    }
    (void)broken(s, sz_guided_told(s->guided, (size_t)i, known ? spans : NULL));
}

static void release(void *self) {
    search *s = self;
    sz_ctx *ctx = s->ctx;
    sz_guided_destroy(s->guided);
    sz_map_finish(&s->places);
    sz_vec_finish(ctx, &s->settings);
    sz_vec_finish(ctx, &s->x);
    sz_vec_finish(ctx, &s->predicted);
    sz_free(ctx, s, sizeof *s);
}

// ---- candidates --------------------------------------------------------------------------------

static void choose_axes(search *s) {
    for (size_t p = 0; p < s->space->n_parameters && s->n_axes < SZ_PROCESS_AXES; p++)
        if (s->space->parameters[p].n > 1) s->axes[s->n_axes++] = (uint32_t)p;
}

// Sizes are near or far by their ratio; words lie where they were given.
static double place_on(const sz_parameter *p, uint32_t value) {
    bool sizes = true;
    for (uint32_t v = 0; v < p->n && sizes; v++) sizes = p->numbers[v] > 0;
    return sizes ? log(p->numbers[value]) : value;
}

static sz_status add(search *s, const sz_evaluator *paper, const uint32_t *setting) {
    sz_metrics m;
    char why[SZ_WHY_SIZE] = "";
    sz_metrics_clear(&m);
    SZ_TRY(paper->evaluate(s->ctx, paper->self, s->space, setting, &m, why, sizeof why));
    sz_space_fill(s->space, setting, &m);
    bool ok = true;
    for (size_t p = 0; p < s->space->n_parameters; p++)
        ok = ok && sz_vec_push(s->ctx, &s->settings, setting[p]);
    for (size_t a = 0; a < s->n_axes; a++) {
        const sz_parameter *p = &s->space->parameters[s->axes[a]];
        ok = ok && sz_vec_push(s->ctx, &s->x, place_on(p, setting[s->axes[a]]));
    }
    for (size_t k = 0; k < s->m; k++)
        ok = ok && sz_vec_push(s->ctx, &s->predicted, span_of(&m, s->metrics[k]));
    s->n++;
    return ok ? SZ_OK : sz_no_memory(s->ctx);
}

static sz_status add_all(search *s, const sz_evaluator *paper) {
    uint32_t setting[SZ_SPACE_PARAMETERS] = {0};
    if (sz_space_size(s->space) > SZ_SPACE_SWEPT)
        return sz_fail(s->ctx, SZ_ERR_LIMIT,
                       "search 'guided' predicts every setting first, and the space has too many: "
                       "give fewer values");
    do {
        if (!sz_space_allows(s->space, setting)) continue;
        if (s->n == MOST_CANDIDATES)
            return sz_fail(s->ctx, SZ_ERR_LIMIT,
                           "search 'guided' chooses among at most %d settings: give fewer values, "
                           "or a constraint",
                           MOST_CANDIDATES);
        SZ_TRY(add(s, paper, setting));
    } while (sz_space_step(s->space, setting));
    for (size_t i = 0; i < s->n; i++)
        SZ_TRY(sz_map_put(&s->places, key_of(s, setting_of(s, i)), (int32_t)i));
    return SZ_OK;
}

// What is counted, and the user's own numbers, are the same on paper and for real.
static bool is_exact(size_t metric) {
    return metric == SZ_METRIC_MEMORY || metric == SZ_METRIC_PARAMS || metric >= SZ_METRICS_OWN;
}

static sz_status prepare(search *s, const sz_search_options *o) {
    choose_axes(s);
    SZ_TRY(add_all(s, o->paper));
    sz_guided_input in = {.n = s->n,
                          .axes = s->n_axes,
                          .n_metrics = s->m,
                          .x = s->x.items,
                          .predicted = s->predicted.items,
                          .seed = o->seed};
    for (size_t k = 0; k < s->m; k++)
        in.metrics[k] = (sz_guided_metric){
            .higher = sz_space_metric(s->space, s->metrics[k]).higher,
            .exact = is_exact(s->metrics[k])};
    return sz_guided_create(s->ctx, &in, &s->guided);
}

sz_status sz_search_guided(sz_ctx *ctx, const sz_space *space, const sz_search_options *o,
                           sz_proposer *ret_proposer) {
    if (!o->paper)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "search 'guided' chooses what to measure by predictions: it is for --by "
                       "bench");
    if (o->n_metrics < 1 || o->n_metrics > SZ_MOST_OBJECTIVES)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "search 'guided' looks for the front of one to three metrics: name them, "
                       "as --pareto does");
    search *s = sz_alloc(ctx, sizeof *s);
    if (!s) return sz_no_memory(ctx);
    *s = (search){.ctx = ctx, .space = space, .m = o->n_metrics};
    s->left = o->points > 0 ? o->points : INT64_MAX;
    memcpy(s->metrics, o->metrics, s->m * sizeof *s->metrics);
    sz_map_init(&s->places, ctx);
    const sz_status status = prepare(s, o);
    if (status != SZ_OK) {
        release(s);
        return status;
    }
    *ret_proposer = (sz_proposer){.self = s, .next = next, .told = told, .release = release};
    return SZ_OK;
}

// ---- what was left out -------------------------------------------------------------------------

int sz_search_candidate(const sz_proposer *proposer, size_t i, uint32_t *ret_setting, char *ret_why,
                        size_t cap) {
    char by[SZ_WHY_SIZE - 48];
    const search *s = proposer->self;
    if (proposer->next != next || i >= s->n) return 0;
    const size_t dominator = sz_guided_dominator(s->guided, i);
    memcpy(ret_setting, setting_of(s, i), row_bytes(s));
    if (cap > 0) ret_why[0] = '\0';
    if (dominator == SIZE_MAX) return 1;
    sz_space_text(s->space, setting_of(s, dominator), by, sizeof by);
    snprintf(ret_why, cap, "skipped: predicted dominated by %s", by);
    return 1;
}
