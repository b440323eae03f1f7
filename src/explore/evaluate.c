// SPDX-License-Identifier: Apache-2.0
// The evaluator by prediction: which parameter means what, which model is what, one setting.
#include "explore/evaluate.h"

#include <math.h>
#include <stdio.h>

#include <sizeup/text.h>

// ---- values ------------------------------------------------------------------------------------

const char *sz_point_word(const sz_point *p, int id, const char *usual) {
    const int32_t at = p->self->at[id];
    if (at < 0 || !sz_space_exists(p->self->space, p->setting, (size_t)at)) return usual;
    return p->self->space->parameters[at].values[p->setting[at]];
}

double sz_point_number(const sz_point *p, int id, double usual) {
    const int32_t at = p->self->at[id];
    if (at < 0 || !sz_space_exists(p->self->space, p->setting, (size_t)at)) return usual;
    return p->self->space->parameters[at].numbers[p->setting[at]];
}

int64_t sz_point_whole(const sz_point *p, int id, int64_t usual) {
    return (int64_t)sz_point_number(p, id, (double)usual);
}

void sz_point_put(sz_point *p, size_t metric, double value, double lo, double hi) {
    p->ret->value[metric] = value;
    if (!isfinite(lo) || !isfinite(hi) || !(lo <= hi)) return;
    p->ret->lo[metric] = lo;
    p->ret->hi[metric] = hi;
}

sz_status sz_point_refuse(sz_point *p, sz_status status) {
    const char *text = sz_ctx_error(p->self->quiet);
    if (status == SZ_ERR_MEMORY || status == SZ_ERR_INTERNAL)
        return sz_fail(p->self->ctx, status, "%s", text);
    snprintf(p->why, p->cap, "%s", *text ? text : "it can't be predicted");
    return SZ_OK;
}

// ---- which parameter means what ----------------------------------------------------------------

// Whole numbers are exact in a double up to here.
#define MOST 1e9

static sz_status check_value(sz_ctx *ctx, const sz_parameter *p, uint32_t v,
                             sz_explore_values kind) {
    static const char *const wanted[] = {
        [SZ_VALUES_FROM_0] = "a whole number from 0 to 10^9",
        [SZ_VALUES_FROM_1] = "a whole number from 1 to 10^9",
        [SZ_VALUES_SHARES] = "a share from 0 to 1",
    };
    const double n = p->numbers[v];
    if (kind == SZ_VALUES_WORDS) return SZ_OK;
    if (kind == SZ_VALUES_SHARES ? n >= 0 && n <= 1
                                 : n >= (kind == SZ_VALUES_FROM_1) && n <= MOST && n == floor(n))
        return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE, "parameter '%s' has the value '%s' and needs %s", p->name,
                   p->values[v], wanted[kind]);
}

static sz_status check_values(sz_ctx *ctx, const sz_space *s) {
    for (size_t i = 0; i < s->n_parameters; i++) {
        const int id = sz_known_parameter_find(s->parameters[i].name);
        for (uint32_t v = 0; id >= 0 && v < s->parameters[i].n; v++)
            SZ_TRY(
                check_value(ctx, &s->parameters[i], v, sz_known_parameter_get((size_t)id)->values));
    }
    return SZ_OK;
}

static bool family_has(int32_t family, const char *name) {
    sz_net_param_row row;
    for (size_t k = 0; family >= 0 && sz_list_net_param((size_t)family, k, &row); k++)
        if (strcmp(row.name, name) == 0) return true;
    return false;
}

static bool file_has(const sz_model *m, const char *name) {
    for (size_t i = 0; i < sz_model_symbol_count(m); i++)
        if (strcmp(sz_model_symbol(m, i, NULL), name) == 0) return true;
    return false;
}

// ---- models ------------------------------------------------------------------------------------

static int32_t family_of(const char *text) {
    const size_t len = strcspn(text, ":");
    sz_net_row row;
    for (size_t i = 0; sz_list_net(i, &row); i++)
        if (strlen(row.name) == len && memcmp(row.name, text, len) == 0) return (int32_t)i;
    return -1;
}

// The symbol of the batch: the one that says so, else that of the first axis of the first input.
static sz_status find_batch(sz_predictor *self, sz_subject *s, const sz_model *m) {
    const char *found = NULL;
    const sz_port in = sz_model_input_count(m) > 0 ? sz_model_input(m, 0) : (sz_port){.rank = 0};
    for (size_t i = 0; i < sz_model_symbol_count(m) && !(found && strcmp(found, "batch") == 0);
         i++) {
        const char *symbol = sz_model_symbol(m, i, NULL);
        const size_t len = strlen(symbol);
        const bool is_first = in.rank > 0 && in.dims[0] < 0 &&
                              strncmp(in.shape, symbol, len) == 0 &&
                              (in.shape[len] == 'x' || !in.shape[len]);
        if (is_first || strcmp(symbol, "batch") == 0) found = symbol;
    }
    if (found) s->batch = sz_arena_strdup(&self->arena, found, strlen(found));
    return found && !s->batch ? sz_no_memory(self->ctx) : SZ_OK;
}

// Every free dimension has a size, and every parameter that is not known means something.
static sz_status check_file(sz_predictor *self, const sz_subject *s, const sz_model *m) {
    size_t at;
    for (size_t i = 0; i < sz_model_symbol_count(m); i++) {
        const char *symbol = sz_model_symbol(m, i, NULL);
        if (s->batch && strcmp(symbol, s->batch) == 0 && self->at[SZ_P_BATCH] >= 0) continue;
        if (!sz_space_find(self->space, symbol, &at))
            return sz_fail(self->ctx, SZ_ERR_INPUT,
                           "model '%s' has the free dimension '%s': give %s=N, or a range", s->text,
                           symbol, s->batch && strcmp(symbol, s->batch) == 0 ? "batch" : symbol);
    }
    if (self->at[SZ_P_BATCH] >= 0 && !s->batch)
        return sz_fail(self->ctx, SZ_ERR_USAGE,
                       "the batch of '%s' can't be chosen: its inputs have fixed sizes", s->text);
    return SZ_OK;
}

static sz_status open_file(sz_predictor *self, sz_subject *s) {
    const sz_load_options any = {.allow_symbols = 1};
    sz_llm_facts facts;
    sz_model *m = NULL;
    sz_status status = sz_model_load(self->quiet, s->text, &any, &m);
    if (status != SZ_OK) return sz_fail(self->ctx, status, "%s", sz_ctx_error(self->quiet));
    if (sz_model_llm(self->quiet, m, &facts) == SZ_OK) {
        s->llm = m;
        status = sz_llm_form_create(self->quiet, m, &s->form);
        return status == SZ_OK ? SZ_OK
                               : sz_fail(self->ctx, status, "%s", sz_ctx_error(self->quiet));
    }
    status = find_batch(self, s, m);
    if (status == SZ_OK) status = check_file(self, s, m);
    sz_model_destroy(m);
    return status;
}

static bool is_asked_of_file(const char *text, const char *name) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_load_options any = {.allow_symbols = 1};
    sz_model *m = NULL;
    const bool has = ctx && sz_model_load(ctx, text, &any, &m) == SZ_OK && file_has(m, name);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
    return has;
}

// What may have been meant: a word of the families, or one of 'list space'.
static const char *nearest(const sz_predictor *self, const sz_parameter *p) {
    enum { N_WORDS = 128 };
    const char *names[N_WORDS + 1] = {NULL};
    sz_net_param_row row;
    size_t n = 0;
    for (; n < SZ_P_COUNT; n++) names[n] = sz_known_parameter_get(n)->name;
    for (size_t i = 0; i < self->subjects.n; i++) {
        const int32_t family = self->subjects.items[i].family;
        if (family < 0 || (p->of_model >= 0 && p->of_model != (int32_t)i)) continue;
        for (size_t k = 0; n < N_WORDS && sz_list_net_param((size_t)family, k, &row); k++)
            names[n++] = row.name;
    }
    return sz_text_nearest(p->bare, names);
}

// A parameter that no model takes would be a sweep over nothing.
static sz_status check_asked(sz_predictor *self, const sz_parameter *p) {
    bool is_taken = false;
    if (sz_known_parameter_find(p->name) >= 0) return SZ_OK;
    for (size_t i = 0; i < self->subjects.n && !is_taken; i++) {
        const sz_subject *s = &self->subjects.items[i];
        if (p->of_model >= 0 && p->of_model != (int32_t)i) continue;
        is_taken = family_has(s->family, p->bare) ||
                   (s->family < 0 && !s->llm && is_asked_of_file(s->text, p->bare));
    }
    if (is_taken) return SZ_OK;
    const char *near = nearest(self, p);
    return sz_fail(self->ctx, SZ_ERR_USAGE,
                   "parameter '%s' means nothing: it is no word of the model's family, no free "
                   "dimension of its file, and none of 'list space'%s%s%s",
                   p->name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

// Parameters that only language models take need one, and the other way round.
static sz_status check_known(sz_predictor *self) {
    bool any[2] = {false, false}; // nets, language models
    for (size_t i = 0; i < self->subjects.n; i++) any[self->subjects.items[i].llm != NULL] = true;
    for (size_t i = 0; i < self->space->n_parameters; i++) {
        const sz_parameter *p = &self->space->parameters[i];
        const int id = sz_known_parameter_find(p->name);
        const char *of = id < 0 ? "any" : sz_known_parameter_get((size_t)id)->of;
        if (strcmp(of, "llm") == 0 && !any[1] && !p->when)
            return sz_fail(self->ctx, SZ_ERR_USAGE,
                           "parameter '%s' is of language models (GGUF, safetensors, config.json), "
                           "and no model is one",
                           p->name);
        if (strcmp(of, "net") == 0 && !any[0])
            return sz_fail(self->ctx, SZ_ERR_USAGE,
                           "parameter '%s' is not known of language models", p->name);
        if (id < 0) SZ_TRY(check_asked(self, p));
    }
    return SZ_OK;
}

static sz_status open_models(sz_predictor *self) {
    const int32_t at = self->at[SZ_P_MODEL];
    if (at < 0)
        return sz_fail(self->ctx, SZ_ERR_USAGE,
                       "no model is given: a file, or a family such as resnet:depth=18,50");
    const sz_parameter *p = &self->space->parameters[at];
    for (uint32_t v = 0; v < p->n; v++) {
        const sz_subject s = {.text = p->values[v], .family = family_of(p->values[v])};
        if (!sz_vec_push(self->ctx, &self->subjects, s)) return sz_no_memory(self->ctx);
        if (s.family < 0) SZ_TRY(open_file(self, &self->subjects.items[v]));
    }
    return check_known(self);
}

// ---- one setting -------------------------------------------------------------------------------

// What predictions warn about, once each and not too often.
enum { MOST_WARNINGS = 20 };
static void pass_warnings(sz_predictor *self) {
    for (size_t i = 0; i < sz_ctx_warning_count(self->quiet); i++) {
        if (self->warned >= MOST_WARNINGS) break;
        const size_t before = sz_ctx_warning_count(self->ctx);
        sz_warn(self->ctx, "%s", sz_ctx_warning(self->quiet, i));
        self->warned += sz_ctx_warning_count(self->ctx) > before;
        if (self->warned == MOST_WARNINGS)
            sz_warn(self->ctx, "predictions of other settings may warn as well: 'sizeup predict' "
                               "of one of them says it");
    }
}

static sz_status evaluate(sz_ctx *ctx, void *of, const sz_space *space, const uint32_t *setting,
                          sz_metrics *ret, char *why, size_t cap) {
    sz_predictor *self = of;
    const int32_t model = self->at[SZ_P_MODEL], machine = self->at[SZ_P_MACHINE];
    sz_point p = {.self = self, .setting = setting, .ret = ret, .why = why, .cap = cap};
    (void)ctx, (void)space;
    p.subject = &self->subjects.items[setting[model]];
    p.machine_at = setting[machine];
    p.machine = self->setup.machines[p.machine_at];
    p.price_per_h = self->setup.price_per_h ? self->setup.price_per_h[p.machine_at] : 0;
    sz_metrics_clear(ret);
    why[0] = 0;
    const sz_status status = p.subject->form ? sz_point_llm(&p) : sz_point_net(&p);
    if (!why[0]) pass_warnings(self);
    sz_ctx_clear(self->quiet);
    return status;
}

// ---- life --------------------------------------------------------------------------------------

static void release(void *of) {
    sz_predictor *self = of;
    for (size_t i = 0; i < self->n_counted; i++) {
        sz_costs_destroy(self->counted[i].costs);
        sz_model_destroy(self->counted[i].model);
        sz_free(self->ctx, self->counted[i].key, self->counted[i].key_size);
    }
    for (size_t i = 0; i < self->tuned.n; i++) {
        sz_calibration_destroy(self->tuned.items[i]->calibration);
        sz_calibration_destroy(self->tuned.items[i]->other);
    }
    for (size_t i = 0; i < self->subjects.n; i++) {
        sz_llm_form_destroy(self->subjects.items[i].form);
        sz_model_destroy(self->subjects.items[i].llm);
    }
    sz_vec_finish(self->ctx, &self->tuned);
    sz_vec_finish(self->ctx, &self->subjects);
    sz_vec_finish(self->ctx, &self->prompted);
    sz_arena_finish(&self->arena);
    sz_ctx_destroy(self->quiet);
    sz_free(self->ctx, self, sizeof *self);
}

static sz_status prepare(sz_predictor *self) {
    for (int id = 0; id < SZ_P_COUNT; id++) {
        size_t at;
        const bool found = sz_space_find(self->space, sz_known_parameter_get((size_t)id)->name,
                                         &at);
        self->at[id] = found ? (int32_t)at : -1;
    }
    const int32_t machine = self->at[SZ_P_MACHINE];
    if (machine < 0 || self->space->parameters[machine].n != self->setup.n_machines)
        return sz_fail(self->ctx, SZ_ERR_USAGE, "no machine is given: a100, here or another");
    SZ_TRY(check_values(self->ctx, self->space));
    return open_models(self);
}

sz_status sz_evaluator_predict(sz_ctx *ctx, const sz_space *space, const sz_predict_setup *setup,
                               sz_evaluator *ret_evaluator) {
    sz_predictor *self = sz_alloc(ctx, sizeof *self);
    if (!self) return sz_no_memory(ctx);
    self->ctx = ctx;
    self->space = space;
    self->setup = *setup;
    sz_arena_init(&self->arena, ctx);
    self->quiet = sz_ctx_create(NULL);
    const sz_status status = self->quiet ? prepare(self) : sz_no_memory(ctx);
    if (status != SZ_OK) {
        release(self);
        return status;
    }
    *ret_evaluator = (sz_evaluator){.self = self, .evaluate = evaluate, .release = release};
    return SZ_OK;
}
