// SPDX-License-Identifier: Apache-2.0
// Points: settings with their metrics, column by column, and the loop that makes them.
#include "explore/explore.h"
#include "explore/settings.h"

#include "os/clock.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 3 * SZ_METRICS_MAX };

// A column that ends early knows no more: NaN, or 0, from there on.
typedef SZ_VEC(double) column;

struct sz_points {
    sz_ctx *ctx;
    const sz_space *space;
    size_t n;
    SZ_VEC(uint32_t) settings; // one row of parameters each
    column columns[COLUMNS];   // values, low ends, high ends
    SZ_VEC(uint32_t) why;      // index into reasons, 0 = none
    sz_arena arena;
    SZ_VEC(const char *) reasons;
    sz_map known;
};

void sz_metrics_clear(sz_metrics *m) {
    for (size_t i = 0; i < SZ_METRICS_MAX; i++) m->value[i] = m->lo[i] = m->hi[i] = SZ_NO_NUMBER;
}

// ---- life --------------------------------------------------------------------------------------

sz_status sz_points_create(sz_ctx *ctx, const sz_space *space, sz_points **ret_points) {
    sz_points *p = sz_alloc(ctx, sizeof *p);
    if (!p) return sz_no_memory(ctx);
    p->ctx = ctx;
    p->space = space;
    sz_arena_init(&p->arena, ctx);
    sz_map_init(&p->known, ctx);
    *ret_points = p;
    return SZ_OK;
}

static size_t row_size(const sz_points *p) { return p->space->n_parameters * sizeof(uint32_t); }

void sz_points_destroy(sz_points *p) {
    if (!p) return;
    sz_vec_finish(p->ctx, &p->settings);
    for (size_t i = 0; i < COLUMNS; i++) sz_vec_finish(p->ctx, &p->columns[i]);
    sz_vec_finish(p->ctx, &p->why);
    sz_vec_finish(p->ctx, &p->reasons);
    sz_map_finish(&p->known);
    sz_arena_finish(&p->arena);
    sz_free(p->ctx, p, sizeof *p);
}

// ---- adding ------------------------------------------------------------------------------------

// Up to the point that comes next. A point that failed to be added may have left its number.
static bool pad(const sz_points *p, column *c) {
    if (c->n > p->n) c->n = p->n;
    while (c->n < p->n)
        if (!sz_vec_push(p->ctx, c, SZ_NO_NUMBER)) return false;
    return true;
}

static sz_status put(const sz_points *p, column *c, double v) {
    if (!isfinite(v)) return SZ_OK;
    return pad(p, c) && sz_vec_push(p->ctx, c, v) ? SZ_OK : sz_no_memory(p->ctx);
}

static sz_status find_reason(sz_points *p, const char *why, uint32_t *ret) {
    int32_t at;
    if (!sz_map_get(&p->known, sz_str_c(why), &at)) {
        const char *copy = sz_arena_strdup(&p->arena, why, strlen(why));
        if (!copy || !sz_vec_push(p->ctx, &p->reasons, copy)) return sz_no_memory(p->ctx);
        at = (int32_t)p->reasons.n;
        SZ_TRY(sz_map_put(&p->known, sz_str_c(copy), at));
    }
    *ret = (uint32_t)at;
    return SZ_OK;
}

static bool pad_why(sz_points *p) {
    if (p->why.n > p->n) p->why.n = p->n;
    while (p->why.n < p->n)
        if (!sz_vec_push(p->ctx, &p->why, 0)) return false;
    return true;
}

static sz_status put_why(sz_points *p, const char *why) {
    uint32_t reason;
    if (!why || !*why) return SZ_OK;
    SZ_TRY(find_reason(p, why, &reason));
    return pad_why(p) && sz_vec_push(p->ctx, &p->why, reason) ? SZ_OK : sz_no_memory(p->ctx);
}

static sz_status put_setting(sz_points *p, const uint32_t *setting) {
    const size_t n = p->space->n_parameters;
    p->settings.n = p->n * n;
    for (size_t i = 0; i < n; i++)
        if (!sz_vec_push(p->ctx, &p->settings, setting[i])) return sz_no_memory(p->ctx);
    return SZ_OK;
}

sz_status sz_points_add(sz_ctx *ctx, sz_points *p, const uint32_t *setting,
                        const sz_metrics *metrics, const char *why) {
    sz_metrics m = *metrics;
    (void)ctx;
    sz_space_fill(p->space, setting, &m);
    SZ_TRY(put_setting(p, setting));
    for (size_t i = 0; i < p->space->n_metrics; i++) {
        SZ_TRY(put(p, &p->columns[i], m.value[i]));
        SZ_TRY(put(p, &p->columns[SZ_METRICS_MAX + i], m.lo[i]));
        SZ_TRY(put(p, &p->columns[2 * SZ_METRICS_MAX + i], m.hi[i]));
    }
    SZ_TRY(put_why(p, why));
    p->n++;
    return SZ_OK;
}

// ---- reading -----------------------------------------------------------------------------------

const sz_space *sz_points_space(const sz_points *p) { return p->space; }
size_t sz_points_count(const sz_points *p) { return p->n; }
const uint32_t *sz_points_setting(const sz_points *p, size_t i) {
    return p->settings.items + i * p->space->n_parameters;
}

static double get(const sz_points *p, size_t at, size_t i) {
    const column *c = &p->columns[at];
    return i < c->n ? c->items[i] : SZ_NO_NUMBER;
}

double sz_points_value(const sz_points *p, size_t i, size_t metric) { return get(p, metric, i); }

int sz_points_know(const sz_points *p, size_t metric) {
    for (size_t i = 0; i < p->n && i < p->columns[metric].n; i++)
        if (!isnan(p->columns[metric].items[i])) return 1;
    return 0;
}

void sz_points_ends(const sz_points *p, size_t i, size_t metric, double ret[2]) {
    ret[0] = get(p, SZ_METRICS_MAX + metric, i);
    ret[1] = get(p, 2 * SZ_METRICS_MAX + metric, i);
}

void sz_points_metrics(const sz_points *p, size_t i, sz_metrics *ret) {
    for (size_t k = 0; k < SZ_METRICS_MAX; k++) {
        ret->value[k] = get(p, k, i);
        ret->lo[k] = get(p, SZ_METRICS_MAX + k, i);
        ret->hi[k] = get(p, 2 * SZ_METRICS_MAX + k, i);
    }
}

const char *sz_points_why(const sz_points *p, size_t i) {
    return i < p->why.n && p->why.items[i] ? p->reasons.items[p->why.items[i] - 1] : NULL;
}

// ---- order -------------------------------------------------------------------------------------

typedef struct keyed {
    const uint32_t *setting;
    uint32_t n, index;
} keyed;

static int by_setting(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    for (size_t i = 0; i < x->n; i++)
        if (x->setting[i] != y->setting[i]) return x->setting[i] < y->setting[i] ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool order_by_comparison(const sz_points *p, uint32_t *ret_order) {
    const uint32_t row = (uint32_t)p->space->n_parameters;
    keyed *all = sz_alloc(p->ctx, p->n * sizeof *all);
    for (size_t i = 0; all && i < p->n; i++)
        all[i] = (keyed){sz_points_setting(p, i), row, (uint32_t)i};
    if (all) qsort(all, p->n, sizeof *all, by_setting);
    for (size_t i = 0; all && i < p->n; i++) ret_order[i] = all[i].index;
    sz_free(p->ctx, all, all ? p->n * sizeof *all : 0);
    return all != NULL;
}

// Each point after all of lower places, and after those of its own that were added before it.
static bool order_by_place(const sz_points *p, const sz_places *places, uint32_t *ret_order) {
    const size_t size = (places->n + 1) * sizeof(uint32_t);
    uint32_t *next = sz_alloc(p->ctx, size);
    for (size_t i = 0; next && i < p->n; i++)
        next[sz_place_of(places, sz_points_setting(p, i)) + 1]++;
    for (size_t k = 0; next && k < places->n; k++) next[k + 1] += next[k];
    for (size_t i = 0; next && i < p->n; i++)
        ret_order[next[sz_place_of(places, sz_points_setting(p, i))]++] = (uint32_t)i;
    sz_free(p->ctx, next, next ? size : 0);
    return next != NULL;
}

static bool find_order(const sz_points *p, uint32_t *ret_order) {
    sz_places places;
    return sz_places_init(&places, p->space, SIZE_MAX, sz_places_most(p->n))
               ? order_by_place(p, &places, ret_order)
               : order_by_comparison(p, ret_order);
}

static void move_rows(const sz_points *p, const uint32_t *order, void *array, size_t item,
                      unsigned char *room) {
    const unsigned char *from = array;
    for (size_t i = 0; i < p->n; i++) memcpy(room + i * item, from + order[i] * item, item);
    memcpy(array, room, p->n * item);
}

static bool pad_all(sz_points *p) {
    bool ok = p->why.n == 0 || pad_why(p);
    for (size_t i = 0; i < COLUMNS && ok; i++)
        ok = p->columns[i].n == 0 || pad(p, &p->columns[i]);
    return ok;
}

sz_status sz_points_sort(sz_ctx *ctx, sz_points *p) {
    const size_t widest = row_size(p) > sizeof(double) ? row_size(p) : sizeof(double);
    if (p->n < 2 || row_size(p) == 0) return SZ_OK;
    uint32_t *order = sz_alloc(ctx, p->n * sizeof *order);
    unsigned char *room = sz_alloc(ctx, p->n * widest);
    const bool ok = order && room && pad_all(p) && find_order(p, order);
    if (ok) {
        for (size_t i = 0; i < COLUMNS; i++)
            if (p->columns[i].n) move_rows(p, order, p->columns[i].items, sizeof(double), room);
        if (p->why.n) move_rows(p, order, p->why.items, sizeof *p->why.items, room);
        move_rows(p, order, p->settings.items, row_size(p), room);
    }
    sz_free(ctx, room, room ? p->n * widest : 0);
    sz_free(ctx, order, order ? p->n * sizeof *order : 0);
    return ok ? SZ_OK : sz_no_memory(ctx);
}

// ---- the loop ----------------------------------------------------------------------------------

void sz_evaluator_release(sz_evaluator *e) {
    if (e->release) e->release(e->self);
    *e = (sz_evaluator){0};
}

size_t sz_evaluator_together(const sz_evaluator *e) {
    if (!e->evaluate_some || e->together < 2) return 1;
    return e->together < SZ_TOGETHER_MOST ? e->together : SZ_TOGETHER_MOST;
}

sz_status sz_evaluate(sz_ctx *ctx, const sz_evaluator *e, const sz_space *space,
                      const uint32_t *settings, size_t n, sz_metrics *ret, char *whys) {
    char text[SZ_WHY_SIZE];
    for (size_t i = 0; i < n; i++) {
        sz_metrics_clear(&ret[i]);
        whys[i * SZ_WHY_SIZE] = '\0';
    }
    const sz_status status =
        e->evaluate_some ? e->evaluate_some(ctx, e->self, space, settings, n, ret, whys)
                         : e->evaluate(ctx, e->self, space, settings, ret, whys, SZ_WHY_SIZE);
    if (status == SZ_OK) return SZ_OK;
    sz_space_text(space, settings, text, sizeof text);
    return sz_place(ctx, status, "setting '%s'%s", text, n > 1 ? " and others" : "");
}

void sz_proposer_release(sz_proposer *p) {
    if (p->release) p->release(p->self);
    *p = (sz_proposer){0};
}

typedef struct loop {
    sz_ctx *ctx;
    const sz_space *space;
    const sz_evaluator *evaluator;
    const sz_proposer *proposer;
    const sz_point_sink *sinks;
    size_t n_sinks;
    const sz_explore_options *options;
    sz_points *points;
    double began_s;
} loop;

static double now_s(const loop *l) { return sz_clock_s() - l->began_s; }

static bool is_interrupted(const loop *l) {
    return l->options->stop && l->options->stop(l->options->user);
}

static bool should_stop(const loop *l, int64_t done) {
    const sz_explore_options *o = l->options;
    if (o->progress && done % 64 == 0) o->progress(o->user, done);
    return is_interrupted(l) || (o->seconds > 0 && now_s(l) > o->seconds);
}

// Settings that are evaluated together.
typedef struct batch {
    uint32_t *settings; // row by row
    sz_metrics *metrics;
    char *whys; // SZ_WHY_SIZE each
    size_t cap, n;
} batch;

static void finish_batch(sz_ctx *ctx, const sz_space *space, batch *b) {
    sz_free(ctx, b->settings, (b->cap * space->n_parameters + 1) * sizeof *b->settings);
    sz_free(ctx, b->metrics, b->cap * sizeof *b->metrics);
    sz_free(ctx, b->whys, b->cap * SZ_WHY_SIZE);
}

static sz_status make_batch(sz_ctx *ctx, const sz_space *space, const sz_evaluator *e, batch *b) {
    const size_t cap = sz_evaluator_together(e);
    *b = (batch){.cap = cap};
    b->settings = sz_alloc(ctx, (cap * space->n_parameters + 1) * sizeof *b->settings);
    b->metrics = sz_alloc(ctx, cap * sizeof *b->metrics);
    b->whys = sz_alloc(ctx, cap * SZ_WHY_SIZE);
    if (b->settings && b->metrics && b->whys) return SZ_OK;
    finish_batch(ctx, space, b);
    return sz_no_memory(ctx);
}

static void gather(const loop *l, batch *b) {
    const size_t row = l->space->n_parameters;
    for (b->n = 0; b->n < b->cap; b->n++)
        if (!l->proposer->next(l->proposer->self, b->settings + b->n * row)) break;
}

static sz_status hand_on(const loop *l, const uint32_t *setting, sz_metrics *m, const char *why,
                         sz_explored *ret) {
    sz_space_fill(l->space, setting, m);
    ret->proposed++;
    ret->refused += why[0] != 0;
    if (l->proposer->told) l->proposer->told(l->proposer->self, setting, m);
    for (size_t i = 0; i < l->n_sinks; i++)
        SZ_TRY(l->sinks[i].point(l->ctx, l->sinks[i].self, l->space, setting, m, why));
    return l->points ? sz_points_add(l->ctx, l->points, setting, m, why) : SZ_OK;
}

// A proposer that learns may have more to propose once it was told of the last ones.
static sz_status run(const loop *l, batch *b, sz_explored *ret) {
    for (;;) {
        gather(l, b);
        if (b->n == 0) return SZ_OK;
        ret->stopped = should_stop(l, ret->proposed);
        if (ret->stopped) return SZ_OK;
        SZ_TRY(sz_evaluate(l->ctx, l->evaluator, l->space, b->settings, b->n, b->metrics, b->whys));
        ret->stopped = b->cap > 1 && is_interrupted(l); // it may have left some out
        for (size_t i = 0; i < b->n; i++)
            SZ_TRY(hand_on(l, b->settings + i * l->space->n_parameters, &b->metrics[i],
                           b->whys + i * SZ_WHY_SIZE, ret));
        if (ret->stopped) return SZ_OK;
    }
}

sz_status sz_explore_run(sz_ctx *ctx, const sz_space *space, const sz_evaluator *evaluator,
                         const sz_proposer *proposer, const sz_point_sink *sinks, size_t n_sinks,
                         const sz_explore_options *options, sz_points *points,
                         sz_explored *ret_explored) {
    static const sz_explore_options none;
    const loop l = {ctx, space, evaluator, proposer, sinks, n_sinks, options ? options : &none,
                    points, sz_clock_s()};
    sz_explored done = {0};
    batch b;
    SZ_TRY(make_batch(ctx, space, evaluator, &b));
    const sz_status status = run(&l, &b, &done);
    finish_batch(ctx, space, &b);
    done.seconds = now_s(&l);
    *ret_explored = done;
    return status;
}
