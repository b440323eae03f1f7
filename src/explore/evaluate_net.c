// SPDX-License-Identifier: Apache-2.0
// A net on paper: counted once per size, told for each machine.
#include "explore/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <sizeup/optimize.h>

// ---- the net at its sizes ----------------------------------------------------------------------

enum { KEY_SIZE = 4096, MOST_BINDS = SZ_SPACE_PARAMETERS };

// What the setting asks of the net: its spec, or binds of a file, and the recipe.
typedef struct asked {
    char spec[KEY_SIZE]; // what is loaded
    char key[KEY_SIZE + KEY_SIZE];
    char binds[KEY_SIZE];
    const char *bind_list[MOST_BINDS];
    size_t n_binds;
    const char *recipe;
    bool optimized;
} asked;

// "NAME=VALUE" behind what is there, with a mark before it where there is one.
static sz_status add(const sz_point *p, char *buf, size_t *used, const char *mark, const char *name,
                     const char *value) {
    const int more = snprintf(buf + *used, KEY_SIZE - *used, "%s%s=%s", mark, name, value);
    if (more < 0 || (size_t)more >= KEY_SIZE - *used)
        return sz_fail(p->self->ctx, SZ_ERR_LIMIT,
                       "the words of model '%s' are longer than %d characters", p->subject->text,
                       KEY_SIZE);
    *used += (size_t)more;
    return SZ_OK;
}

// Is it a word of this model, or one that all of them are asked for?
static bool concerns(const sz_point *p, size_t i) {
    const sz_parameter *q = &p->self->space->parameters[i];
    if (!sz_space_exists(p->self->space, p->setting, i)) return false;
    if (q->of_model >= 0) return q->of_model == (int32_t)p->setting[p->self->at[SZ_P_MODEL]];
    const int id = sz_known_parameter_find(q->name);
    return id < 0 || (id == SZ_P_BATCH && (p->subject->family >= 0 || p->subject->batch));
}

static sz_status ask(const sz_point *p, asked *a) {
    const sz_space *s = p->self->space;
    const bool is_family = p->subject->family >= 0;
    size_t spec = 0, binds = 0;
    spec = (size_t)snprintf(a->spec, sizeof a->spec, "%s", p->subject->text);
    if (spec >= sizeof a->spec)
        return sz_fail(p->self->ctx, SZ_ERR_LIMIT, "the name of a model is longer than %d bytes",
                       KEY_SIZE);
    bool has_words = strchr(p->subject->text, ':') != NULL;
    for (size_t i = 0; i < s->n_parameters; i++) {
        if (!concerns(p, i)) continue;
        const char *name = s->parameters[i].bare, *value = s->parameters[i].values[p->setting[i]];
        if (is_family) {
            SZ_TRY(add(p, a->spec, &spec, has_words ? "," : ":", name, value));
            has_words = true;
            continue;
        }
        const bool is_batch = strcmp(name, "batch") == 0 && p->subject->batch;
        a->bind_list[a->n_binds++] = a->binds + binds;
        SZ_TRY(add(p, a->binds, &binds, "", is_batch ? p->subject->batch : name, value));
        binds++; // its NUL
    }
    return SZ_OK;
}

static void finish_key(asked *a) {
    size_t used = (size_t)snprintf(a->key, sizeof a->key, "%s|%s|", a->spec,
                                   a->optimized ? a->recipe ? a->recipe : "generic" : "");
    for (size_t i = 0; i < a->n_binds && used < sizeof a->key; i++)
        used += (size_t)snprintf(a->key + used, sizeof a->key - used, "%s|", a->bind_list[i]);
}

// ---- kept --------------------------------------------------------------------------------------

static void empty(sz_predictor *self, sz_kept *c) {
    sz_costs_destroy(c->costs);
    sz_model_destroy(c->model);
    sz_free(self->ctx, c->key, c->key_size);
    *c = (sz_kept){0};
}

// A free place, or that of the one that was not asked for longest.
static sz_kept *place_for(sz_predictor *self) {
    if (self->n_counted < SZ_COUNTED_KEPT) return &self->counted[self->n_counted++];
    sz_kept *oldest = &self->counted[0];
    for (size_t i = 1; i < SZ_COUNTED_KEPT; i++)
        if (self->counted[i].used < oldest->used) oldest = &self->counted[i];
    empty(self, oldest);
    return oldest;
}

static sz_status load(sz_predictor *self, const asked *a, sz_kept *c) {
    const sz_optimize_options optimize = {.recipe = a->recipe};
    const sz_load_options how = {
        .binds = a->bind_list, .n_binds = a->n_binds, .optimize = a->optimized ? &optimize : NULL};
    sz_status status = sz_model_load(self->quiet, a->spec, &how, &c->model);
    if (status == SZ_OK) status = sz_costs_create(self->quiet, c->model, NULL, &c->costs);
    if (status != SZ_OK) snprintf(c->why, sizeof c->why, "%s", sz_ctx_error(self->quiet));
    return status == SZ_ERR_MEMORY || status == SZ_ERR_INTERNAL
               ? sz_fail(self->ctx, status, "%s", sz_ctx_error(self->quiet))
               : SZ_OK;
}

static sz_status count(sz_predictor *self, const asked *a, sz_kept **ret) {
    for (size_t i = 0; i < self->n_counted; i++) {
        sz_kept *c = &self->counted[i];
        if (!c->key || strcmp(c->key, a->key) != 0) continue;
        c->used = ++self->clock;
        *ret = c;
        return SZ_OK;
    }
    sz_kept *c = place_for(self);
    c->key_size = strlen(a->key) + 1;
    c->key = sz_alloc(self->ctx, c->key_size);
    if (!c->key) return sz_no_memory(self->ctx);
    memcpy(c->key, a->key, c->key_size);
    c->used = ++self->clock;
    *ret = c;
    return load(self, a, c);
}

// ---- calibrations ------------------------------------------------------------------------------

static sz_status tuned_for(sz_point *p, sz_predict_options *how, const sz_tuned **ret) {
    sz_predictor *self = p->self;
    char key[sizeof((sz_tuned *)NULL)->key];
    const char *usual = self->setup.backend ? self->setup.backend : "onednn";
    const char *backend = sz_point_word(p, SZ_P_BACKEND, usual);
    const int threads = how->streams > 1 && how->threads > 0 ? how->threads / how->streams
                                                             : how->threads;
    snprintf(key, sizeof key, "%s|%s|%d", backend, how->dtype ? how->dtype : "f32", threads);
    for (size_t i = 0; i < self->tuned.n; i++)
        if (strcmp(self->tuned.items[i]->key, key) == 0) {
            *ret = self->tuned.items[i];
            return SZ_OK;
        }
    sz_tuned *t = sz_arena_alloc(&self->arena, sizeof *t);
    if (!t || !sz_vec_push(self->ctx, &self->tuned, t)) return sz_no_memory(self->ctx);
    snprintf(t->key, sizeof t->key, "%s", key);
    if (!self->setup.calibrations)
        snprintf(t->why, sizeof t->why,
                 "level 'calibrated' needs calibrations, and no folder of "
                 "them is known");
    else if (sz_calibration_choose(self->quiet, self->setup.calibrations, backend, how->dtype,
                                   threads > 0 ? threads : 1, &t->calibration, &t->other) != SZ_OK)
        snprintf(t->why, sizeof t->why, "%s", sz_ctx_error(self->quiet));
    *ret = t;
    return SZ_OK;
}

// ---- all ---------------------------------------------------------------------------------------

static void put(sz_point *p, const sz_estimate *e, bool is_calibrated) {
    const sz_prediction t = sz_estimate_total(e);
    const double lo = is_calibrated ? t.time_lo_s : SZ_NO_NUMBER;
    const double hi = is_calibrated ? t.time_hi_s : SZ_NO_NUMBER;
    const double streams = (double)sz_point_whole(p, SZ_P_STREAMS, 1);
    const double samples = t.samples > 0 ? (double)t.samples * streams : SZ_NO_NUMBER;
    const double watt = t.energy_j / t.time_s, per_s = p->price_per_h / 3600;
    const double price = p->price_per_h > 0 ? per_s : SZ_NO_NUMBER;
    sz_point_put(p, SZ_METRIC_LATENCY, t.time_s, lo, hi);
    sz_point_put(p, SZ_METRIC_THROUGHPUT, samples / t.time_s, samples / hi, samples / lo);
    sz_point_put(p, SZ_METRIC_ENERGY, t.energy_j, watt * lo, watt * hi);
    sz_point_put(p, SZ_METRIC_THROUGHPUT_PER_JOULE, samples / t.energy_j, samples / (watt * hi),
                 samples / (watt * lo));
    sz_point_put(p, SZ_METRIC_THROUGHPUT_PER_COST, samples / (t.time_s * price),
                 samples / (hi * price), samples / (lo * price));
    sz_point_put(p, SZ_METRIC_THROUGHPUT_PER_DEVICE, samples / t.time_s, samples / hi,
                 samples / lo);
    sz_point_put(p, SZ_METRIC_COST, t.time_s * price, lo * price, hi * price);
}

static sz_status tell(sz_point *p, const sz_kept *c, sz_predict_options *how) {
    sz_estimate *e = NULL;
    const bool is_calibrated = how->calibration != NULL;
    const sz_status status = sz_estimate_create(p->self->quiet, c->costs, p->machine, how, &e);
    p->ret->value[SZ_METRIC_PARAMS] = (double)sz_costs_total(c->costs).params;
    if (status != SZ_OK) return sz_point_refuse(p, status);
    const double need = sz_estimate_bytes(e);
    p->ret->value[SZ_METRIC_MEMORY] = need;
    if (!sz_estimate_fits(e))
        snprintf(p->why, p->cap, "the model needs %.3g GB, and machine '%s' has less", need * 1e-9,
                 sz_machine_identity(p->machine).name);
    else if (sz_costs_covered(c->costs) < (int64_t)sz_costs_node_count(c->costs))
        snprintf(p->why, p->cap,
                 "some nodes of the model are not costed: 'sizeup count' names "
                 "them");
    else
        put(p, e, is_calibrated);
    sz_estimate_destroy(e);
    return SZ_OK;
}

static sz_status choose(sz_point *p, sz_predict_options *how, asked *a) {
    const char *optimized = sz_point_word(p, SZ_P_OPTIMIZED, "auto");
    const char *own = NULL;
    if (strcmp(how->level, "calibrated") == 0) {
        const sz_tuned *t = NULL;
        SZ_TRY(tuned_for(p, how, &t));
        snprintf(p->why, p->cap, "%s", t->why);
        how->calibration = t->calibration, how->other = t->other;
        own = t->calibration ? sz_calibration_about(t->calibration).recipe : NULL;
    }
    const char *recipe = sz_point_word(p, SZ_P_RECIPE, NULL);
    if (strcmp(optimized, "yes") != 0 && strcmp(optimized, "no") != 0 &&
        strcmp(optimized, "auto") != 0)
        return sz_fail(p->self->ctx, SZ_ERR_USAGE,
                       "parameter 'optimized' is yes, no or auto, not '%s'", optimized);
    a->recipe = recipe ? recipe : own;
    a->optimized = strcmp(optimized, "yes") == 0 ||
                   (strcmp(optimized, "auto") == 0 && a->recipe != NULL);
    return SZ_OK;
}

sz_status sz_point_net(sz_point *p) {
    asked a = {.optimized = false};
    sz_kept *c = NULL;
    sz_predict_options how = {.level = sz_point_word(p, SZ_P_LEVEL, "roofline"),
                              .dtype = sz_point_word(p, SZ_P_DTYPE, NULL),
                              .threads = (int)sz_point_whole(p, SZ_P_THREADS, 0),
                              .streams = (int)sz_point_whole(p, SZ_P_STREAMS, 1),
                              .overlap = SZ_OVERLAP_MEASURED,
                              .price_per_h = p->price_per_h};
    SZ_TRY(choose(p, &how, &a));
    if (p->why[0]) return SZ_OK;
    SZ_TRY(ask(p, &a));
    finish_key(&a);
    SZ_TRY(count(p->self, &a, &c));
    if (c->why[0]) {
        snprintf(p->why, p->cap, "%s", c->why);
        return SZ_OK;
    }
    return tell(p, c, &how);
}
