// SPDX-License-Identifier: Apache-2.0
// The loop of rank 0: propose, hand out, evaluate a setting itself, take in, hand on in order.
#include "explore/spread/lead.h"

#include "base/record.h"
#include "os/clock.h"

// Others have work for longer than this rank is away from their messages.
static const double SILENCE_S = 600, AWAY_S = 0.0003;

SZ_RECORD_TYPE(spread, SZ_SPREAD_OUT_FIELDS)

// ---- proposing ---------------------------------------------------------------------------------

// Settings that may be on their way. A proposer that listens hears of each before the one after
// next is asked for, whatever the ranks' speeds: so its proposals follow from the number of ranks.
static int64_t most_ahead(const sz_lead *l) {
    const int64_t pieces = l->spread.ranks > 1 ? l->spread.ranks * SZ_AHEAD : 1;
    const int64_t some = pieces * (int64_t)sz_evaluator_together(l->evaluator);
    return l->proposer->told && some < SZ_RING ? some : SZ_RING;
}

static bool should_stop(const sz_lead *l) {
    const sz_explore_options *o = l->options;
    if (o->stop && o->stop(o->user)) return true;
    return o->seconds > 0 && sz_clock_s() - l->began_s > o->seconds;
}

static void propose(sz_lead *l) {
    while (!l->exhausted && l->proposed - l->handed < most_ahead(l)) {
        uint32_t *setting = sz_setting_of(l, l->proposed);
        if (!l->proposer->next(l->proposer->self, setting)) {
            l->exhausted = true;
            return;
        }
        sz_case *c = sz_case_of(l, l->proposed++);
        c->state = SZ_CASE_OPEN;
        c->losses = 0;
    }
}

// No setting is begun after the end: what was not given is forgotten.
static void end_early(sz_lead *l) {
    l->done.stopped = 1;
    l->exhausted = true;
    l->proposed = l->open;
}

// ---- handing on --------------------------------------------------------------------------------

static sz_status hand_on(sz_lead *l, int64_t number) {
    const sz_case *c = sz_case_of(l, number);
    const uint32_t *setting = sz_setting_of(l, number);
    sz_metrics m = c->metrics;
    sz_space_fill(l->space, setting, &m);
    l->done.proposed++;
    l->done.refused += c->why[0] != 0;
    if (l->proposer->told) l->proposer->told(l->proposer->self, setting, &m);
    for (size_t i = 0; i < l->n_sinks; i++)
        SZ_TRY(l->sinks[i].point(l->ctx, l->sinks[i].self, l->space, setting, &m, c->why));
    return l->points ? sz_points_add(l->ctx, l->points, setting, &m, c->why) : SZ_OK;
}

static sz_status hand_on_all(sz_lead *l) {
    while (l->handed < l->proposed && sz_case_of(l, l->handed)->state == SZ_CASE_DONE) {
        SZ_TRY(hand_on(l, l->handed));
        l->handed++;
        if (l->options->progress && l->handed % 64 == 0)
            l->options->progress(l->options->user, l->handed);
        // One more for each that it heard of; this rank alone goes on as one process does.
        if (l->proposer->told && l->spread.ranks > 1) propose(l);
    }
    return SZ_OK;
}

// ---- its own work ------------------------------------------------------------------------------

static sz_status work_one(sz_lead *l) {
    sz_case *c = sz_case_of(l, l->open);
    SZ_TRY(sz_evaluate(l->ctx, l->evaluator, l->space, sz_setting_of(l, l->open), 1, &c->metrics,
                       c->why));
    c->state = SZ_CASE_DONE;
    l->open++;
    l->spread.own++;
    return SZ_OK;
}

// One setting, and more of those that take no time.
static sz_status work_awhile(sz_lead *l) {
    const int64_t until = l->open + sz_lead_own_share(l);
    const double until_s = sz_clock_s() + AWAY_S;
    do SZ_TRY(work_one(l));
    while (l->open < until && sz_clock_s() < until_s);
    return SZ_OK;
}

static sz_status work_together(sz_lead *l, size_t n) {
    const size_t row = sz_space_parameters(l->space);
    uint32_t settings[SZ_TOGETHER_MOST * SZ_SPACE_PARAMETERS];
    char whys[SZ_TOGETHER_MOST * SZ_WHY_SIZE];
    sz_metrics metrics[SZ_TOGETHER_MOST];
    for (size_t i = 0; i < n; i++)
        memcpy(settings + i * row, sz_setting_of(l, l->open + (int64_t)i), row * sizeof *settings);
    SZ_TRY(sz_evaluate(l->ctx, l->evaluator, l->space, settings, n, metrics, whys));
    for (size_t i = 0; i < n; i++) {
        sz_case *c = sz_case_of(l, l->open++);
        c->state = SZ_CASE_DONE;
        c->metrics = metrics[i];
        memcpy(c->why, whys + i * SZ_WHY_SIZE, sizeof c->why);
    }
    l->spread.own += (int64_t)n;
    // The last ones of a measurement that was interrupted may have been left out.
    if (n > 1 && l->options->stop && l->options->stop(l->options->user)) end_early(l);
    return SZ_OK;
}

// *ret_worked false: there is nothing that was not given.
static sz_status work(sz_lead *l, bool *ret_worked) {
    *ret_worked = true;
    if (l->again.n > 0 && !sz_lead_any_left(l)) return sz_lead_work_apart(l);
    *ret_worked = l->open < l->proposed;
    if (!*ret_worked) return SZ_OK;
    if (sz_evaluator_together(l->evaluator) < 2) return work_awhile(l);
    return work_together(l, (size_t)sz_lead_own_share(l));
}

static sz_status turn(sz_lead *l) {
    bool worked;
    if (!l->done.stopped && should_stop(l)) end_early(l);
    propose(l);
    SZ_TRY(sz_lead_feed(l));
    SZ_TRY(work(l, &worked));
    SZ_TRY(sz_lead_hear(l));
    if (l->failed != SZ_OK) return l->failed;
    SZ_TRY(sz_lead_look(l));
    const int64_t before = l->handed;
    SZ_TRY(hand_on_all(l));
    if (!worked && l->handed == before) sz_ranks_rest();
    return SZ_OK;
}

// Where ranks were lost, numbers are the same but took longer.
static void tell(const sz_lead *l) {
    const sz_spread *s = &l->spread;
    const long long all = s->ranks + s->idle;
    if (s->idle > 0)
        sz_warn(l->ctx,
                "%lld of %lld ranks stood by: of those on one machine only one measures, since "
                "measurements disturb each other",
                (long long)s->idle, all);
    if (s->lost > 0)
        sz_warn(l->ctx, "%lld of %lld ranks were lost; %lld settings were evaluated again",
                (long long)s->lost, all, (long long)s->again);
}

static sz_status lead(sz_lead *l) {
    sz_status status = sz_lead_greet(l);
    while (status == SZ_OK && !(l->exhausted && l->handed == l->proposed)) status = turn(l);
    const sz_status last = sz_lead_dismiss(l, status == SZ_OK);
    tell(l);
    l->done.seconds = sz_clock_s() - l->began_s;
    return status == SZ_OK ? last : status;
}

// ---- all ---------------------------------------------------------------------------------------

static size_t settings_room(const sz_space *space) {
    return SZ_RING * sz_space_parameters(space) * sizeof(uint32_t);
}

static sz_status open_lead(sz_lead *l) {
    if (!(l->how.silence_s > 0)) l->how.silence_s = SILENCE_S;
    l->room = sizeof(sz_parcel) + (SZ_CHUNK_MOST + 1) * (size_t)SZ_RESULT_BYTES;
    l->workers = sz_alloc(l->ctx, (size_t)l->r->count * sizeof *l->workers);
    l->cases = sz_alloc(l->ctx, SZ_RING * sizeof *l->cases);
    l->settings = sz_alloc(l->ctx, settings_room(l->space) + sizeof(uint32_t));
    l->buffer = sz_alloc(l->ctx, l->room);
    for (int i = 0; l->workers && i < l->r->count; i++)
        sz_buf_init(&l->workers[i].record, l->ctx);
    return l->workers && l->cases && l->settings && l->buffer ? SZ_OK : sz_no_memory(l->ctx);
}

static void close_lead(sz_lead *l) {
    for (int i = 0; l->workers && i < l->r->count; i++) sz_buf_finish(&l->workers[i].record);
    sz_free(l->ctx, l->workers, (size_t)l->r->count * sizeof *l->workers);
    sz_free(l->ctx, l->cases, SZ_RING * sizeof *l->cases);
    sz_free(l->ctx, l->settings, settings_room(l->space) + sizeof(uint32_t));
    sz_free(l->ctx, l->buffer, l->room);
    sz_vec_finish(l->ctx, &l->again);
}

sz_status sz_explore_spread(sz_ctx *ctx, sz_ranks *ranks, const sz_space *space,
                            const sz_evaluator *evaluator, const sz_proposer *proposer,
                            const sz_point_sink *sinks, size_t n_sinks,
                            const sz_explore_options *options, const sz_spread_options *how,
                            sz_points *points, sz_explored *ret_explored, sz_spread *ret_spread) {
    static const sz_explore_options none;
    sz_lead l = {.ctx = ctx,
                 .r = ranks,
                 .space = space,
                 .evaluator = evaluator,
                 .proposer = proposer,
                 .sinks = sinks,
                 .n_sinks = n_sinks,
                 .points = points,
                 .options = options ? options : &none,
                 .began_s = sz_clock_s()};
    if (how) l.how = *how;
    l.spread.ranks = ranks->count;
    sz_status status = open_lead(&l);
    if (status == SZ_OK) status = lead(&l);
    ranks->some_are_gone = l.spread.lost > 0;
    close_lead(&l);
    if (status != SZ_OK) return status;
    *ret_explored = l.done;
    *ret_spread = l.spread;
    return SZ_OK;
}
