// SPDX-License-Identifier: Apache-2.0
// One model on many machines: how near each of their roofs it can come, and which is best.
#include "predict/predict.h"

#include <math.h>
#include <stdio.h>

#include "base/record.h"
#include "model/cost/costs.h"

SZ_RECORD_TYPE(across_row, SZ_ACROSS_ROW_FIELDS)
SZ_RECORD_TYPE(across_score, SZ_ACROSS_SCORE_FIELDS)

struct sz_across {
    sz_ctx *ctx;
    sz_arena arena;
    sz_across_row *rows;
    size_t n;
    sz_across_score score;
};

static const char *keep(sz_across *a, const char *text) {
    return text && *text ? sz_arena_strdup(&a->arena, text, strlen(text)) : NULL;
}

static const char *note_fallbacks(sz_across *a, const sz_estimate *e) {
    char text[128];
    snprintf(text, sizeof text, "%zu of %zu nodes run on %s", e->fallbacks.n, e->nodes.n,
             e->fallbacks.items[0].device);
    return keep(a, text);
}

// A net that the machine runs nothing of says nothing about the machine.
static bool is_idle(const sz_estimate *e) {
    return e->part[SZ_PART_DEVICE] && !(e->part[SZ_PART_DEVICE]->total.computation_s > 0);
}

static void fill_row(sz_across *a, const sz_estimate *e, const sz_ctx *scratch,
                     sz_across_row *row) {
    const sz_prediction t = sz_estimate_total(e);
    row->time_s = t.time_s;
    row->of_roof = t.time_s > 0 ? (t.computation_s - e->slowed_s) / t.time_s : SZ_NAN;
    row->bound = t.bound;
    row->in_score = !e->too_large && !sz_is_narrower(e, true) && !is_idle(e);
    row->energy_j = t.energy_j, row->carbon_g = t.carbon_g, row->cost = t.cost;
    row->samples_per_s = t.samples > 0 ? (double)t.samples / t.time_s : SZ_NAN;
    if (sz_ctx_warning_count(scratch))
        row->note = keep(a, sz_ctx_warning(scratch, 0));
    else if (e->fallbacks.n > 0)
        row->note = note_fallbacks(a, e);
}

// In a context of its own, so that what one machine lacks is a note in its row and not a warning of
// all.
static sz_status estimate_row(sz_across *a, const sz_costs *costs, const sz_machine *machine,
                              const sz_predict_options *options, sz_across_row *row) {
    sz_ctx *scratch = sz_ctx_create(NULL);
    sz_estimate *e = NULL;
    const sz_identity id = sz_machine_identity(machine);
    if (!scratch) return sz_no_memory(a->ctx);
    *row = (sz_across_row){
        .machine = keep(a, id.name),
        .kind = keep(a, strcmp(id.source, "measured") == 0 ? "measured" : id.kind),
        .time_s = SZ_NAN,
        .samples_per_s = SZ_NAN,
        .of_roof = SZ_NAN,
        .energy_j = SZ_NAN,
        .carbon_g = SZ_NAN,
        .cost = SZ_NAN};
    const sz_status status = sz_estimate_create(scratch, costs, machine, options, &e);
    if (status == SZ_OK) fill_row(a, e, scratch, row);
    if (status == SZ_ERR_UNAVAILABLE) row->note = keep(a, sz_ctx_error(scratch));
    const bool is_fatal = status != SZ_OK && status != SZ_ERR_UNAVAILABLE;
    if (is_fatal) (void)sz_fail(a->ctx, status, "%s", sz_ctx_error(scratch));
    sz_estimate_destroy(e);
    sz_ctx_destroy(scratch);
    return is_fatal ? status : SZ_OK;
}

// ---- score -------------------------------------------------------------------------------------

static void keep_least(double value, double *least, const char *name, const char **ret_name) {
    if (isnan(value) || value >= *least) return;
    *least = value;
    *ret_name = name;
}

static void score(sz_across *a) {
    sz_across_score *s = &a->score;
    double time_s = INFINITY, energy_j = INFINITY, cost = INFINITY, logs = 0;
    *s = (sz_across_score){.worst = INFINITY};
    for (size_t i = 0; i < a->n; i++) {
        const sz_across_row *r = &a->rows[i];
        if (!r->in_score || !(r->time_s > 0)) continue;
        s->machines++;
        logs += log(r->of_roof);
        keep_least(r->of_roof, &s->worst, r->machine, &s->worst_machine);
        keep_least(r->time_s, &time_s, r->machine, &s->best_time);
        keep_least(r->energy_j, &energy_j, r->machine, &s->best_energy);
        keep_least(r->cost, &cost, r->machine, &s->best_cost);
    }
    s->geometric_mean = s->machines ? exp(logs / (double)s->machines) : SZ_NAN;
    if (!s->worst_machine) s->worst = SZ_NAN;
}

// ---- all ---------------------------------------------------------------------------------------

sz_status sz_across_create(sz_ctx *ctx, const sz_costs *costs, const sz_machine *const *machines,
                           size_t n, const sz_predict_options *options, const double *price_per_h,
                           sz_across **ret_across) {
    sz_across *a = sz_alloc(ctx, sizeof *a);
    if (!a) return sz_no_memory(ctx);
    a->ctx = ctx, a->n = n;
    sz_arena_init(&a->arena, ctx);
    a->rows = sz_arena_array(&a->arena, n + 1, sizeof *a->rows);
    sz_status status = a->rows ? SZ_OK : sz_no_memory(ctx);
    for (size_t i = 0; status == SZ_OK && i < n; i++) {
        sz_predict_options own = options ? *options : (sz_predict_options){.level = NULL};
        if (price_per_h) own.price_per_h = price_per_h[i];
        status = estimate_row(a, costs, machines[i], &own, &a->rows[i]);
    }
    if (status == SZ_OK) {
        score(a);
        *ret_across = a;
    } else {
        sz_across_destroy(a);
    }
    return status;
}

void sz_across_destroy(sz_across *a) {
    if (!a) return;
    sz_arena_finish(&a->arena);
    sz_free(a->ctx, a, sizeof *a);
}

size_t sz_across_count(const sz_across *a) { return a->n; }
sz_across_row sz_across_get(const sz_across *a, size_t i) { return a->rows[i]; }
sz_across_score sz_across_scored(const sz_across *a) { return a->score; }
