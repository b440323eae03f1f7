// SPDX-License-Identifier: Apache-2.0
// Time the cases of an experiment and set them beside what the model predicts.
#include "run/lab/lab.h"

#include <math.h>

#include "os/pages.h"
#include "run/lab/rates.h"

static const double NEAR = 1.25; // a prediction holds within this factor

// ---- predict -----------------------------------------------------------------------------------

// The longer of the two times; NaN where one is not known.
static double predict(sz_lab_model *model, const sz_lab_case *c, sz_lab_row *row) {
    const double memory_s = sz_lab_memory_time(model, row);
    const double compute_s = sz_lab_compute_time(model, c->ops);
    row->bound = memory_s > compute_s ? "memory" : "compute";
    if (row->working_set_bytes == 0) row->level = "registers";
    if (!isnan(memory_s) && !isnan(compute_s) && !c->unknown) return fmax(memory_s, compute_s);
    row->bound = NULL;
    return SZ_NAN;
}

static void predict_saved(sz_lab_model *model, sz_lab_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++)
        cases[i].row.saved_predicted_s = predict(model, &cases[i], &cases[i].row);
}

// ---- time --------------------------------------------------------------------------------------

typedef struct session {
    sz_lab_model saved, now;
    sz_lab_again again[SZ_LAB_AGAIN];
    size_t n_again;
    sz_turns turns; // the cases, then the kernels of the machine
} session;

static void session_finish(sz_ctx *ctx, session *s) {
    if (!s) return;
    sz_turns_finish(ctx, &s->turns);
    sz_pages_unmap(s, sizeof *s);
}

// Predict by what was saved: that tells which rates are needed, and so which works there are.
static session *session_create(sz_lab *lab, sz_lab_case *cases, size_t n) {
    session *s = sz_pages_map(sizeof *s); // states of kernels want more than the usual alignment
    if (!s) return NULL;
    sz_lab_model_init(&s->saved, lab->machine);
    predict_saved(&s->saved, cases, n);
    s->now = s->saved;
    s->n_again = sz_lab_again_list(lab, &s->now, s->again);
    if (sz_turns_init(lab->ctx, n + s->n_again, &s->turns) == SZ_OK) return s;
    session_finish(lab->ctx, s);
    return NULL;
}

// Each kernel of the machine is put among the cases, not before or after them.
static sz_status time_all(sz_lab *lab, session *s, const sz_lab_case *cases, size_t n) {
    const bool quick = lab->options->quick;
    const double usual = quick ? 0.1 : 0.25, asked = lab->options->case_s;
    const double budget = asked > 0 ? asked : usual;
    for (size_t i = 0; i < s->turns.n; i++) {
        s->turns.watches[i] = (sz_watch){.cpus = &lab->cpu,
                                         .n_threads = 1,
                                         .round_s = fmin(quick ? 0.02 : 0.04, budget),
                                         .budget_s = budget};
        if (i < n)
            s->turns.works[i] = (sz_work){cases[i].run, cases[i].user, 1};
        else
            s->turns.works[i] = (sz_work){sz_lab_again_run, &s->again[i - n],
                                          sz_lab_again_unit(&s->again[i - n])};
    }
    SZ_TRY(sz_watch_interleave(lab->ctx, s->turns.watches, s->turns.works, s->turns.n,
                               s->turns.readings));
    for (size_t i = 0; i < n; i++)
        if (!(s->turns.readings[i].rate.median > 0))
            return sz_fail(lab->ctx, SZ_ERR_UNAVAILABLE, "'%s': no batch could be timed",
                           lab->info.name);
    return SZ_OK;
}

double sz_lab_fast_end(const sz_stats *rate) { return rate->p95; }

// ---- rows --------------------------------------------------------------------------------------

static sz_status add_row(sz_lab *lab, const sz_lab_row *row) {
    sz_lab_row copy = *row;
    copy.flop_per_s = copy.flops > 0 ? copy.flops / copy.time_s : SZ_NAN;
    copy.byte_per_s = (copy.bytes_read + copy.bytes_written) / copy.time_s;
    copy.predicted_ratio = copy.predicted_s / copy.time_s;
    copy.within = fmax(copy.predicted_ratio, 1 / copy.predicted_ratio) <= NEAR;
    if (copy.level) // the machine may go before the lab
        copy.level = sz_arena_strdup(&lab->arena, copy.level, strlen(copy.level));
    if ((row->level && !copy.level) || !sz_vec_push(lab->ctx, &lab->rows, copy))
        return sz_no_memory(lab->ctx);
    if (copy.verified) return SZ_OK;
    return sz_fail(lab->ctx, SZ_ERR_INTERNAL, "'%s': the result of '%s' is wrong", lab->info.name,
                   copy.what);
}

static sz_status finish_rows(sz_lab *lab, session *s, sz_lab_case *cases, size_t n) {
    SZ_TRY(sz_lab_again_take(lab, &s->saved, &s->now, s->again, s->turns.readings + n, s->n_again));
    for (size_t i = 0; i < n; i++) {
        const sz_stats *rate = &s->turns.readings[i].rate;
        sz_lab_row *row = &cases[i].row;
        row->time_s = cases[i].units / sz_lab_fast_end(rate);
        row->median_s = cases[i].units / rate->median;
        row->n = rate->n;
        row->spread = rate->spread;
        row->verdict = sz_verdict_name(s->turns.readings[i].verdict);
        row->predicted_s = predict(&s->now, &cases[i], row);
        SZ_TRY(add_row(lab, row));
    }
    return SZ_OK;
}

// ---- what is off -------------------------------------------------------------------------------

static sz_status explain(sz_lab *lab, const sz_lab_case *c, const sz_lab_row *row) {
    static const double WIDE = 0.5;
    const double factor = row->time_s / row->predicted_s;
    const bool busy = row->spread > WIDE;
    return sz_lab_find(lab, "'%s' took %.2f times the predicted time: %s%s%s", row->what, factor,
                       c->where_off ? c->where_off
                       : busy       ? ""
                                    : "no reason is known",
                       c->where_off && busy ? "; and " : "",
                       busy ? "its batches differ much, something else used the machine" : "");
}

static sz_status explain_all(sz_lab *lab, const sz_lab_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const sz_lab_row *row = &lab->rows.items[i];
        if (!isnan(row->predicted_s) && !row->within) SZ_TRY(explain(lab, &cases[i], row));
    }
    return SZ_OK;
}

// Pairs that the model tells apart: by more than the factor within which it holds.
sz_lab_order sz_lab_order_of(const sz_lab_row *rows, size_t n) {
    sz_lab_order order = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            if (!(rows[i].predicted_s > NEAR * rows[k].predicted_s)) continue;
            order.pairs++;
            if (rows[i].time_s > rows[k].time_s) continue;
            if (order.wrong++ == 0) order.longer = rows[i].what, order.shorter = rows[k].what;
        }
    return order;
}

sz_status sz_lab_measure(sz_lab *lab, sz_lab_case *cases, size_t n) {
    session *s = session_create(lab, cases, n);
    if (!s) return sz_no_memory(lab->ctx);
    sz_lab_tell(lab, "time all cases in turn");
    sz_status status = time_all(lab, s, cases, n);
    if (status == SZ_OK) status = finish_rows(lab, s, cases, n);
    if (status == SZ_OK) status = explain_all(lab, cases, n);
    if (status == SZ_OK) lab->order = sz_lab_order_of(lab->rows.items, lab->rows.n);
    for (size_t i = 0; status == SZ_OK && i < n; i++) cases[i].row = lab->rows.items[i];
    session_finish(lab->ctx, s);
    return status;
}
