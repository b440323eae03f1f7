// SPDX-License-Identifier: Apache-2.0
// Spaces: parameters, conditions, constraints, and the settings that they allow.
#include "explore/explore.h"

#include <sizeup/model.h>
#include <sizeup/text.h>

#include "run/bench/range.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// ---- known names -------------------------------------------------------------------------------

static const sz_known_parameter known[SZ_P_COUNT] = {
#define KNOWN(id, name, of, values, change, what) {name, of, what, SZ_VALUES_##values, change},
#include "explore/parameters.def"
#undef KNOWN
};

const sz_known_parameter *sz_known_parameter_get(size_t id) { return &known[id]; }

int sz_known_parameter_find(const char *name) {
    for (int i = 0; i < SZ_P_COUNT; i++)
        if (strcmp(known[i].name, name) == 0) return i;
    return -1;
}

int sz_list_explore_parameter(size_t i, sz_explore_parameter_row *ret_row) {
    if (i >= SZ_P_COUNT) return 0;
    *ret_row = (sz_explore_parameter_row){known[i].name, known[i].of, known[i].what};
    return 1;
}

// ---- life --------------------------------------------------------------------------------------

static const sz_metric own_metrics[] = {
#define METRIC(word, key, unit, higher, doc) {word, key, unit, doc, higher},
#include "explore/metrics.def"
#undef METRIC
};
_Static_assert(sizeof own_metrics / sizeof *own_metrics == SZ_METRICS_OWN,
               "the enum and metrics.def have as many rows");

sz_status sz_space_create(sz_ctx *ctx, sz_space **ret_space) {
    sz_space *s = sz_alloc(ctx, sizeof *s);
    if (!s) return sz_no_memory(ctx);
    s->ctx = ctx;
    sz_arena_init(&s->arena, ctx);
    sz_map_init(&s->joined.rows, ctx);
    memcpy(s->metrics, own_metrics, sizeof own_metrics);
    s->n_metrics = SZ_METRICS_OWN;
    *ret_space = s;
    return SZ_OK;
}

void sz_space_destroy(sz_space *s) {
    if (!s) return;
    sz_joined_finish(s->ctx, &s->joined);
    sz_vec_finish(s->ctx, &s->facts);
    sz_vec_finish(s->ctx, &s->wishes);
    sz_arena_finish(&s->arena);
    sz_free(s->ctx, s, sizeof *s);
}

// ---- parameters --------------------------------------------------------------------------------

static sz_parameter *find(sz_space *s, const char *name) {
    size_t i;
    return sz_space_find(s, name, &i) ? &s->parameters[i] : NULL;
}

static sz_status found(sz_ctx *ctx, sz_space *s, const char *name, sz_parameter **ret) {
    *ret = find(s, name);
    if (*ret) return SZ_OK;
    const char *names[SZ_SPACE_PARAMETERS + 1] = {NULL};
    for (size_t i = 0; i < s->n_parameters; i++) names[i] = s->parameters[i].name;
    const char *near = sz_text_nearest(name, names);
    return sz_fail(ctx, SZ_ERR_USAGE, "there is no parameter '%s'%s%s%s", name,
                   near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

// The whole word as a number.
static double number_of(const char *word) {
    char *end;
    if (!strchr("+-.0123456789", *word) || !*word) return SZ_NO_NUMBER;
    const double v = strtod(word, &end);
    return *end || !isfinite(v) ? SZ_NO_NUMBER : v;
}

static sz_status fresh(sz_ctx *ctx, sz_space *s, const char *name, sz_parameter **ret) {
    if (s->n_parameters == SZ_SPACE_PARAMETERS)
        return sz_fail(ctx, SZ_ERR_LIMIT, "more than %d parameters", SZ_SPACE_PARAMETERS);
    char *copy = sz_arena_strdup(&s->arena, name, strlen(name));
    if (!copy) return sz_no_memory(ctx);
    *ret = &s->parameters[s->n_parameters++];
    **ret = (sz_parameter){
        .name = copy, .bare = copy, .of_model = -1, .judge = -1, .change = SZ_NO_NUMBER};
    return SZ_OK;
}

sz_status sz_space_put(sz_ctx *ctx, sz_space *s, const char *name, const char *const *values,
                       size_t n, sz_parameter **ret_parameter) {
    sz_parameter *p = find(s, name);
    if (s->ready) return sz_fail(ctx, SZ_ERR_USAGE, "the space is ready: nothing can be added");
    if (n < 1)
        return sz_fail(ctx, SZ_ERR_INPUT, "parameter '%s' has no values: give one or more", name);
    if (!p) SZ_TRY(fresh(ctx, s, name, &p));
    p->values = sz_arena_array(&s->arena, n, sizeof *p->values);
    p->numbers = sz_arena_array(&s->arena, n, sizeof *p->numbers);
    if (!p->values || !p->numbers) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) {
        p->values[i] = sz_arena_strdup(&s->arena, values[i], strlen(values[i]));
        if (!p->values[i]) return sz_no_memory(ctx);
        p->numbers[i] = number_of(values[i]);
    }
    p->n = (uint32_t)n;
    if (ret_parameter) *ret_parameter = p;
    return SZ_OK;
}

sz_status sz_space_add(sz_ctx *ctx, sz_space *s, const char *name, const char *range) {
    const char **values;
    int64_t n;
    if (!*name) return sz_fail(ctx, SZ_ERR_USAGE, "a parameter needs a name");
    const sz_status status = sz_range_read(ctx, &s->arena, range, &values, &n);
    if (status != SZ_OK) return sz_place(ctx, status, "parameter '%s'", name);
    return sz_space_put(ctx, s, name, values, (size_t)n, NULL);
}

sz_status sz_space_add_word(sz_ctx *ctx, sz_space *s, const char *name, const char *word) {
    const sz_parameter *p = find(s, name);
    const size_t n = p ? p->n : 0, size = n + 1;
    const char **values = sz_arena_array(&s->arena, size, sizeof *values);
    if (!values) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) {
        values[i] = p->values[i];
        if (strcmp(values[i], word) == 0)
            return sz_fail(ctx, SZ_ERR_USAGE, "parameter '%s' has the value '%s' twice", name,
                           word);
    }
    values[n] = word;
    return sz_space_put(ctx, s, name, values, size, NULL);
}

// ---- models ------------------------------------------------------------------------------------

// "FAMILY.NAME", of the model's value.
static sz_status qualify(sz_ctx *ctx, sz_space *s, const char *model, const char *bare,
                         const char **ret) {
    const size_t family = strcspn(model, ":"), size = family + strlen(bare) + 2;
    char *name = sz_arena_array(&s->arena, size, 1);
    if (!name) return sz_no_memory(ctx);
    snprintf(name, size, "%.*s.%s", (int)family, model, bare);
    *ret = name;
    return SZ_OK;
}

// Words of one value stay in the spec; ranges become parameters that exist with this model. With
// one model they go by their own names.
static sz_status add_axis(sz_ctx *ctx, sz_space *s, const sz_axis *axis) {
    const sz_parameter *model = find(s, "model");
    const char *name = axis->name;
    sz_parameter *p;
    size_t at;
    if (model->n > 1) SZ_TRY(qualify(ctx, s, model->values[model->n - 1], axis->name, &name));
    if (sz_space_find(s, name, &at))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       model->n > 1 ? "two models have ranges of '%s': give each value of one of "
                                      "them as a model of its own"
                                    : "parameter '%s' is given by the model and beside it",
                       name);
    SZ_TRY(sz_space_put(ctx, s, name, axis->values, (size_t)axis->n, &p));
    p->bare = sz_arena_strdup(&s->arena, axis->name, strlen(axis->name));
    p->of_model = (int32_t)model->n - 1;
    return p->bare ? SZ_OK : sz_no_memory(ctx);
}

static sz_status put_model(sz_ctx *ctx, sz_space *s, const char *word) {
    SZ_TRY(sz_space_add_word(ctx, s, "model", word));
    const sz_parameter *model = find(s, "model");
    for (size_t i = 0; model->n == 2 && i < s->n_parameters; i++) // the first is no longer alone
        if (s->parameters[i].of_model == 0)
            SZ_TRY(
                qualify(ctx, s, model->values[0], s->parameters[i].bare, &s->parameters[i].name));
    return SZ_OK;
}

static bool is_family(const char *name, size_t len) {
    sz_net_row row;
    for (size_t i = 0; sz_list_net(i, &row); i++)
        if (strlen(row.name) == len && memcmp(row.name, name, len) == 0) return true;
    return false;
}

sz_status sz_space_add_model(sz_ctx *ctx, sz_space *s, const char *spec) {
    const size_t family = strcspn(spec, ":");
    if (!spec[family] || !is_family(spec, family)) return put_model(ctx, s, spec);
    sz_axis axes[SZ_MAX_AXES];
    size_t n = 0;
    const sz_status status = sz_axes_of_spec(ctx, &s->arena, spec + family + 1, axes, &n);
    if (status != SZ_OK) return sz_place(ctx, status, "model '%s'", spec);
    const size_t size = strlen(spec) + 1;
    char *fixed = sz_arena_array(&s->arena, size, 1);
    if (!fixed) return sz_no_memory(ctx);
    size_t used = family;
    memcpy(fixed, spec, family);
    for (size_t i = 0; i < n; i++) {
        if (axes[i].n != 1) continue;
        used += (size_t)snprintf(fixed + used, size - used, "%c%s=%s", used == family ? ':' : ',',
                                 axes[i].name, axes[i].values[0]);
    }
    SZ_TRY(put_model(ctx, s, fixed));
    for (size_t i = 0; i < n; i++)
        if (axes[i].n != 1) SZ_TRY(add_axis(ctx, s, &axes[i]));
    return SZ_OK;
}

void sz_space_forget_models(sz_space *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n_parameters; i++)
        if (s->parameters[i].of_model < 0 && strcmp(s->parameters[i].name, "model") != 0)
            s->parameters[kept++] = s->parameters[i];
    s->n_parameters = kept;
}

// Of several models each has its own words.
static sz_status bind_words(sz_ctx *ctx, sz_space *s) {
    const sz_parameter *model = find(s, "model");
    for (size_t i = 0; model && model->n > 1 && i < s->n_parameters; i++) {
        sz_parameter *p = &s->parameters[i];
        if (p->of_model < 0 || p->when) continue;
        const char *value = model->values[p->of_model];
        const size_t size = strlen(value) + sizeof "model=";
        char *when = sz_arena_array(&s->arena, size, 1);
        if (!when) return sz_no_memory(ctx);
        snprintf(when, size, "model=%s", value);
        p->when = when;
    }
    return SZ_OK;
}

sz_status sz_space_change(sz_ctx *ctx, sz_space *s, const char *name, double cost) {
    sz_parameter *p;
    SZ_TRY(found(ctx, s, name, &p));
    if (!(cost >= 0) || !isfinite(cost))
        return sz_fail(ctx, SZ_ERR_USAGE, "parameter '%s': a cost of changing is 0 or more", name);
    p->change = cost;
    return SZ_OK;
}

sz_status sz_space_when(sz_ctx *ctx, sz_space *s, const char *name, const char *condition) {
    sz_parameter *p;
    SZ_TRY(found(ctx, s, name, &p));
    p->when = sz_arena_strdup(&s->arena, condition, strlen(condition));
    return p->when ? SZ_OK : sz_no_memory(ctx);
}

sz_status sz_space_constrain(sz_ctx *ctx, sz_space *s, const char *text) {
    if (s->n_constraints == SZ_SPACE_CONSTRAINTS)
        return sz_fail(ctx, SZ_ERR_LIMIT, "more than %d constraints", SZ_SPACE_CONSTRAINTS);
    const char *copy = sz_arena_strdup(&s->arena, text, strlen(text));
    if (!copy) return sz_no_memory(ctx);
    s->constraints[s->n_constraints++].text = copy;
    return SZ_OK;
}

sz_status sz_space_fact(sz_ctx *ctx, sz_space *s, const char *parameter, const char *name,
                        const double *numbers) {
    sz_parameter *p;
    SZ_TRY(found(ctx, s, parameter, &p));
    double *copy = sz_arena_array(&s->arena, p->n, sizeof *copy);
    const char *label = sz_arena_strdup(&s->arena, name, strlen(name));
    if (!copy || !label) return sz_no_memory(ctx);
    memcpy(copy, numbers, p->n * sizeof *copy);
    const sz_fact fact = {label, (uint32_t)(p - s->parameters), copy};
    return sz_vec_push(ctx, &s->facts, fact) ? SZ_OK : sz_no_memory(ctx);
}

sz_status sz_space_wishes(sz_ctx *ctx, sz_space *s, const char *key, const char *text) {
    const sz_wish wish = {sz_arena_strdup(&s->arena, key, strlen(key)),
                          sz_arena_strdup(&s->arena, text, strlen(text))};
    if (!wish.key || !wish.text || !sz_vec_push(ctx, &s->wishes, wish)) return sz_no_memory(ctx);
    return SZ_OK;
}

const char *sz_space_wish(const sz_space *s, const char *key) {
    for (size_t i = 0; i < s->wishes.n; i++)
        if (strcmp(s->wishes.items[i].key, key) == 0) return s->wishes.items[i].text;
    return NULL;
}

// ---- conditions --------------------------------------------------------------------------------

static sz_status judge_value(sz_ctx *ctx, const sz_parameter *p, const sz_parameter *judge,
                             const char *word, size_t len, bool *serves) {
    for (uint32_t v = 0; v < judge->n; v++)
        if (strlen(judge->values[v]) == len && memcmp(judge->values[v], word, len) == 0) {
            serves[v] = true;
            return SZ_OK;
        }
    return sz_fail(ctx, SZ_ERR_INPUT, "parameter '%s' is there when '%s', but '%s' never is '%.*s'",
                   p->name, p->when, judge->name, (int)(len < SZ_MAX_SHOWN ? len : SZ_MAX_SHOWN),
                   word);
}

// Values may have commas of their own ("resnet:depth=50,batch=8"): the longest that fits is meant.
static sz_status read_condition(sz_ctx *ctx, sz_space *s, sz_parameter *p) {
    const char *eq = strchr(p->when, '=');
    if (!eq || eq == p->when || !eq[1])
        return sz_fail(ctx, SZ_ERR_INPUT, "parameter '%s': when '%s' is not NAME=VALUE,VALUE",
                       p->name, p->when);
    const char *name = sz_arena_strdup(&s->arena, p->when, (size_t)(eq - p->when));
    if (!name) return sz_no_memory(ctx);
    sz_parameter *judge;
    const sz_status status = found(ctx, s, name, &judge);
    if (status != SZ_OK) return sz_place(ctx, SZ_ERR_INPUT, "parameter '%s': when", p->name);
    bool *serves = sz_arena_array(&s->arena, judge->n, sizeof *serves);
    if (!serves) return sz_no_memory(ctx);
    p->judge = (int32_t)(judge - s->parameters);
    p->serves = serves;
    for (uint32_t v = 0; v < judge->n; v++)
        if (strcmp(judge->values[v], eq + 1) == 0) return serves[v] = true, SZ_OK;
    for (const char *at = eq + 1;; at++) {
        const size_t len = strcspn(at, ",");
        SZ_TRY(judge_value(ctx, p, judge, at, len, serves));
        at += len;
        if (!*at) return SZ_OK;
    }
}

// A circle of conditions: each parameter would wait for the other.
static sz_status check_circle(sz_ctx *ctx, const sz_space *s, size_t at) {
    int32_t p = s->parameters[at].judge;
    for (size_t steps = 0; p >= 0; p = s->parameters[p].judge)
        if (p == (int32_t)at || steps++ > s->n_parameters)
            return sz_fail(ctx, SZ_ERR_INPUT, "parameter '%s' exists when it exists itself: '%s'",
                           s->parameters[at].name, s->parameters[at].when);
    return SZ_OK;
}

// ---- ready -------------------------------------------------------------------------------------

enum { CHANGE_OF_WORDS = 20, CHANGE_OF_DIMENSIONS = 5 };

static double usual_change(const sz_parameter *p) {
    const int k = sz_known_parameter_find(p->name);
    if (k >= 0) return known[k].change;
    return p->of_model >= 0 ? CHANGE_OF_WORDS : CHANGE_OF_DIMENSIONS;
}

static size_t depth_of(const sz_space *s, size_t p) {
    size_t depth = 0;
    for (int32_t j = s->parameters[p].judge; j >= 0; j = s->parameters[j].judge) depth++;
    return depth;
}

// The dearest first, but none before the one that decides whether it is there; among equals the
// order in which they were given.
static void order_sweep(sz_space *s) {
    double weight[SZ_SPACE_PARAMETERS];
    for (size_t i = 0; i < s->n_parameters; i++) weight[i] = s->parameters[i].change;
    for (size_t i = 0; i < s->n_parameters; i++)
        for (int32_t j = s->parameters[i].judge; j >= 0; j = s->parameters[j].judge)
            weight[j] = fmax(weight[j], s->parameters[i].change);
    for (size_t i = 0; i < s->n_parameters; i++) {
        size_t at = i;
        for (; at > 0; at--) {
            const uint32_t before = s->order[at - 1];
            if (weight[before] > weight[i]) break;
            if (weight[before] == weight[i] && depth_of(s, before) <= depth_of(s, i)) break;
            s->order[at] = before;
        }
        s->order[at] = (uint32_t)i;
    }
}

// Settings in all: a value stands for the product of what exists with it.
static int64_t count_settings(const sz_space *s) {
    int64_t of[SZ_SPACE_PARAMETERS], all = 1;
    for (size_t i = s->n_parameters; i-- > 0;) {
        const uint32_t p = s->order[i]; // what depends on it was counted before
        of[p] = 0;
        for (uint32_t v = 0; v < s->parameters[p].n; v++) {
            int64_t with = 1;
            for (size_t k = i + 1; k < s->n_parameters; k++) {
                const sz_parameter *q = &s->parameters[s->order[k]];
                if (q->judge == (int32_t)p && q->serves[v] && !sz_mul(with, of[s->order[k]], &with))
                    return INT64_MAX;
            }
            if (!sz_add(of[p], with, &of[p])) return INT64_MAX;
        }
        if (s->parameters[p].judge < 0 && !sz_mul(all, of[p], &all)) return INT64_MAX;
    }
    return all;
}

sz_status sz_space_ready(sz_ctx *ctx, sz_space *s) {
    SZ_TRY(bind_words(ctx, s));
    for (size_t i = 0; i < s->n_parameters; i++) {
        sz_parameter *p = &s->parameters[i];
        if (isnan(p->change)) p->change = usual_change(p);
        if (p->when) SZ_TRY(read_condition(ctx, s, p));
    }
    for (size_t i = 0; i < s->n_parameters; i++) SZ_TRY(check_circle(ctx, s, i));
    for (size_t i = 0; i < s->n_constraints; i++) {
        sz_constraint *c = &s->constraints[i];
        const sz_status status = sz_expression_read(ctx, s, &s->arena, c->text, &c->expression);
        if (status != SZ_OK) return sz_place(ctx, status, "constraint '%s'", c->text);
    }
    order_sweep(s);
    s->size = count_settings(s);
    s->ready = true;
    return SZ_OK;
}

// ---- questions ---------------------------------------------------------------------------------

size_t sz_space_parameters(const sz_space *s) { return s->n_parameters; }
const char *sz_space_name(const sz_space *s, size_t p) { return s->parameters[p].name; }
int64_t sz_space_values(const sz_space *s, size_t p) { return s->parameters[p].n; }
const char *sz_space_value(const sz_space *s, size_t p, uint32_t v) {
    return s->parameters[p].values[v];
}
double sz_space_number(const sz_space *s, size_t p, uint32_t v) {
    return s->parameters[p].numbers[v];
}
double sz_space_change_of(const sz_space *s, size_t p) { return s->parameters[p].change; }
const char *sz_space_condition(const sz_space *s, size_t p) { return s->parameters[p].when; }
size_t sz_space_constraints(const sz_space *s) { return s->n_constraints; }
const char *sz_space_constraint(const sz_space *s, size_t i) { return s->constraints[i].text; }
size_t sz_space_metrics(const sz_space *s) { return s->n_metrics; }
sz_metric sz_space_metric(const sz_space *s, size_t i) { return s->metrics[i]; }

int sz_space_find(const sz_space *s, const char *name, size_t *ret_parameter) {
    for (size_t i = 0; i < s->n_parameters; i++)
        if (strcmp(s->parameters[i].name, name) == 0) {
            *ret_parameter = i;
            return 1;
        }
    return 0;
}

int64_t sz_space_size(const sz_space *s) { return s->size; }

sz_status sz_space_find_metric(sz_ctx *ctx, const sz_space *s, const char *word, size_t *ret) {
    const char *words[SZ_METRICS_MAX + 1] = {NULL};
    for (size_t i = 0; i < s->n_metrics; i++) {
        words[i] = s->metrics[i].word;
        if (strcmp(word, s->metrics[i].word) == 0 || strcmp(word, s->metrics[i].key) == 0) {
            *ret = i;
            return SZ_OK;
        }
    }
    const char *near = sz_text_nearest(word, words);
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "there is no metric '%s'%s%s%s; there are latency, throughput, energy, memory, "
                   "params and others ('list metrics'), and the columns of --metrics",
                   word, near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

// ---- settings ----------------------------------------------------------------------------------

int sz_space_exists(const sz_space *s, const uint32_t *setting, size_t parameter) {
    for (int32_t p = (int32_t)parameter; s->parameters[p].judge >= 0; p = s->parameters[p].judge)
        if (!s->parameters[p].serves[setting[s->parameters[p].judge]]) return 0;
    return 1;
}

void sz_space_tidy(const sz_space *s, uint32_t *setting) {
    bool gone[SZ_SPACE_PARAMETERS]; // all at once: a judge may be gone itself
    for (size_t i = 0; i < s->n_parameters; i++) gone[i] = !sz_space_exists(s, setting, i);
    for (size_t i = 0; i < s->n_parameters; i++)
        if (gone[i]) setting[i] = 0;
}

static bool is_tidy(const sz_space *s, const uint32_t *setting) {
    for (size_t i = 0; i < s->n_parameters; i++)
        if (setting[i] && s->parameters[i].judge >= 0 && !sz_space_exists(s, setting, i))
            return false;
    return true;
}

int sz_space_allows(const sz_space *s, const uint32_t *setting) {
    if (!is_tidy(s, setting)) return 0;
    for (size_t i = 0; i < s->n_constraints; i++)
        if (!sz_expression_holds(&s->constraints[i].expression, s, setting)) return 0;
    return 1;
}

size_t sz_space_text(const sz_space *s, const uint32_t *setting, char *buf, size_t cap) {
    size_t n = 0;
    if (cap > 0) buf[0] = 0;
    for (size_t i = 0; i < s->n_parameters; i++) {
        if (!sz_space_exists(s, setting, i)) continue;
        const int more = snprintf(n < cap ? buf + n : NULL, n < cap ? cap - n : 0, "%s%s=%s",
                                  n ? "," : "", s->parameters[i].name,
                                  s->parameters[i].values[setting[i]]);
        n += more > 0 ? (size_t)more : 0;
    }
    return n;
}

bool sz_space_step(const sz_space *s, uint32_t *digits) {
    for (size_t i = s->n_parameters; i-- > 0;) {
        const uint32_t p = s->order[i];
        // What decides on it stands further out and has its value of now.
        if (s->parameters[p].judge >= 0 && !sz_space_exists(s, digits, p)) continue;
        if (++digits[p] < s->parameters[p].n) return true;
        digits[p] = 0;
    }
    return false;
}
