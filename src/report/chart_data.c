// SPDX-License-Identifier: Apache-2.0
// Points of settings, read from documents of explorations and records of benches.
#include "report/chart_data.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

// ---- columns -----------------------------------------------------------------------------------

sz_status sz_chart_data_create(sz_ctx *ctx, sz_chart_data **ret_data) {
    sz_chart_data *d = sz_alloc(ctx, sizeof *d);
    if (!d) return sz_no_memory(ctx);
    d->ctx = ctx;
    sz_arena_init(&d->arena, ctx);
    sz_map_init(&d->word_ids, ctx);
    if (!sz_vec_push(ctx, &d->words, ((sz_chart_word){"", NAN}))) {
        sz_chart_data_destroy(d);
        return sz_no_memory(ctx);
    }
    *ret_data = d;
    return SZ_OK;
}

void sz_chart_data_destroy(sz_chart_data *d) {
    if (!d) return;
    for (size_t i = 0; i < d->parameters.n; i++)
        sz_vec_finish(d->ctx, &d->parameters.items[i].words);
    for (size_t i = 0; i < d->metrics.n; i++) sz_vec_finish(d->ctx, &d->metrics.items[i].values);
    sz_vec_finish(d->ctx, &d->parameters);
    sz_vec_finish(d->ctx, &d->metrics);
    sz_vec_finish(d->ctx, &d->words);
    sz_vec_finish(d->ctx, &d->on_front);
    sz_map_finish(&d->word_ids);
    sz_arena_finish(&d->arena);
    sz_free(d->ctx, d, sizeof *d);
}

size_t sz_chart_data_count(const sz_chart_data *d) { return d->n; }
const char *sz_chart_data_parameter(const sz_chart_data *d, size_t i) {
    return i < d->parameters.n ? d->parameters.items[i].name : NULL;
}
const char *sz_chart_data_metric(const sz_chart_data *d, size_t i) {
    return i < d->metrics.n ? d->metrics.items[i].key : NULL;
}

uint32_t sz_chart_word_of(const sz_chart_parameter *p, size_t point) {
    return point < p->words.n ? p->words.items[point] : 0;
}

sz_chart_interval sz_chart_value_of(const sz_chart_metric *m, size_t point) {
    return point < m->values.n ? m->values.items[point] : (sz_chart_interval){NAN, NAN, NAN};
}

static const char *keep(sz_chart_data *d, const char *text) {
    return sz_arena_strdup(&d->arena, text, strlen(text));
}

// Metrics of which more is better: rates, and what is had for something.
static bool is_rate(const char *key) {
    return strstr(key, "throughput") || strstr(key, "_per_s") || strstr(key, "_per_j") ||
           strcmp(key, "of_roof") == 0;
}

static sz_status metric_of(sz_chart_data *d, const char *key, sz_chart_metric **ret_metric) {
    enum { MOST = 64 };
    for (size_t i = 0; i < d->metrics.n; i++) {
        *ret_metric = &d->metrics.items[i];
        if (strcmp((*ret_metric)->key, key) == 0) return SZ_OK;
    }
    const sz_chart_metric fresh = {.key = keep(d, key), .higher = is_rate(key)};
    if (d->metrics.n == MOST) return sz_fail(d->ctx, SZ_ERR_INPUT, "more than %d metrics", MOST);
    if (!fresh.key || !sz_vec_push(d->ctx, &d->metrics, fresh)) return sz_no_memory(d->ctx);
    *ret_metric = &d->metrics.items[d->metrics.n - 1];
    return SZ_OK;
}

sz_status sz_chart_data_set_higher(sz_ctx *ctx, sz_chart_data *d, const char *metric) {
    const sz_chart_metric *m = NULL;
    SZ_TRY(sz_chart_find_metric(ctx, d, metric, &m));
    d->metrics.items[m - d->metrics.items].higher = true;
    return SZ_OK;
}

static sz_status put_metric(sz_chart_data *d, const char *key, sz_chart_interval v) {
    sz_chart_metric *m = NULL;
    SZ_TRY(metric_of(d, key, &m));
    while (m->values.n < d->n)
        if (!sz_vec_push(d->ctx, &m->values, ((sz_chart_interval){NAN, NAN, NAN})))
            return sz_no_memory(d->ctx);
    return sz_vec_push(d->ctx, &m->values, v) ? SZ_OK : sz_no_memory(d->ctx);
}

static double number_of(const char *text) {
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    const double number = json_is_number(v) ? json_number_value(v) : NAN;
    json_decref(v);
    return number;
}

static sz_status word_id(sz_chart_data *d, const char *text, uint32_t *ret_id) {
    int32_t id;
    if (sz_map_get(&d->word_ids, sz_str_c(text), &id)) {
        *ret_id = (uint32_t)id;
        return SZ_OK;
    }
    const sz_chart_word w = {keep(d, text), number_of(text)};
    if (!w.text || !sz_vec_push(d->ctx, &d->words, w)) return sz_no_memory(d->ctx);
    *ret_id = (uint32_t)(d->words.n - 1);
    return sz_map_put(&d->word_ids, sz_str_c(w.text), (int32_t)*ret_id);
}

static sz_status parameter_of(sz_chart_data *d, const char *name, sz_chart_parameter **ret) {
    enum { MOST = 256 };
    for (size_t i = 0; i < d->parameters.n; i++) {
        *ret = &d->parameters.items[i];
        if (strcmp((*ret)->name, name) == 0) return SZ_OK;
    }
    const sz_chart_parameter fresh = {.name = keep(d, name)};
    if (d->parameters.n == MOST)
        return sz_fail(d->ctx, SZ_ERR_INPUT, "more than %d parameters", MOST);
    if (!fresh.name || !sz_vec_push(d->ctx, &d->parameters, fresh)) return sz_no_memory(d->ctx);
    *ret = &d->parameters.items[d->parameters.n - 1];
    return SZ_OK;
}

static sz_status put_parameter(sz_chart_data *d, const char *name, const char *text) {
    sz_chart_parameter *p = NULL;
    uint32_t id = 0;
    SZ_TRY(parameter_of(d, name, &p));
    SZ_TRY(word_id(d, text, &id));
    while (p->words.n < d->n)
        if (!sz_vec_push(d->ctx, &p->words, 0)) return sz_no_memory(d->ctx);
    if (p->words.n > d->n) return SZ_OK; // of a spec and of its settings: the first counts
    return sz_vec_push(d->ctx, &p->words, id) ? SZ_OK : sz_no_memory(d->ctx);
}

// ---- JSON --------------------------------------------------------------------------------------

static double number_at(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

// How a time was taken, which is no property of what was timed.
static bool is_of_the_watch(const char *key) {
    static const char *const keys[] = {"preheat_s", "time_budget_s", "timeout_s", "seed",
                                       "input_sets"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

static sz_status put_real(sz_chart_data *d, const char *key, double v) {
    sz_buf text;
    sz_buf_init(&text, d->ctx);
    sz_buf_f64(&text, v);
    sz_buf_putc(&text, '\0');
    sz_status status = sz_buf_status(&text);
    if (status == SZ_OK) status = put_parameter(d, key, text.data);
    sz_buf_finish(&text);
    return status;
}

// Members that are one value; lists and objects are no parameters.
static sz_status put_parameters(sz_chart_data *d, json_t *object) {
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v) {
        char text[40];
        if (is_of_the_watch(key)) continue;
        if (json_is_real(v)) {
            SZ_TRY(put_real(d, key, json_real_value(v)));
            continue;
        }
        if (json_is_integer(v))
            snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        else if (json_is_boolean(v))
            snprintf(text, sizeof text, "%s", json_is_true(v) ? "yes" : "no");
        else if (!json_is_string(v))
            continue;
        SZ_TRY(put_parameter(d, key, json_is_string(v) ? json_string_value(v) : text));
    }
    return SZ_OK;
}

static double item_at(const json_t *list, size_t i) {
    const json_t *v = json_array_get(list, i);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static sz_status put_metrics(sz_chart_data *d, json_t *metrics, const json_t *intervals) {
    const char *key;
    json_t *v;
    json_object_foreach(metrics, key, v) {
        const json_t *ends = json_object_get(intervals, key);
        if (!json_is_number(v)) continue;
        SZ_TRY(put_metric(
            d, key, (sz_chart_interval){json_number_value(v), item_at(ends, 0), item_at(ends, 1)}));
    }
    return SZ_OK;
}

static sz_status close_point(sz_chart_data *d, bool on_front) {
    if (!sz_vec_push(d->ctx, &d->on_front, on_front)) return sz_no_memory(d->ctx);
    d->n++;
    return SZ_OK;
}

static sz_status add_point(sz_chart_data *d, json_t *point) {
    json_t *parameters = json_object_get(point, "parameters");
    if (!json_is_object(parameters))
        return sz_fail(d->ctx, SZ_ERR_INPUT, "a point without 'parameters'");
    const bool on_front = json_is_true(json_object_get(point, "on_front"));
    SZ_TRY(put_parameters(d, parameters));
    SZ_TRY(put_metrics(d, json_object_get(point, "metrics"), json_object_get(point, "intervals")));
    d->has_front |= on_front;
    return close_point(d, on_front);
}

static sz_status add_record(sz_chart_data *d, json_t *record) {
    json_t *time = json_object_get(record, "time"), *rate = json_object_get(record, "rate");
    const sz_chart_interval latency = {number_at(time, "median_s"), number_at(time, "ci_lo_s"),
                                       number_at(time, "ci_hi_s")};
    const struct {
        const char *key;
        double value;
    } others[] = {{"throughput_per_s", number_at(rate, "samples_per_s")},
                  {"flop_per_s", number_at(rate, "flop_per_s")},
                  {"byte_per_s", number_at(rate, "byte_per_s")},
                  {"of_roof", number_at(rate, "of_roof")},
                  {"energy_j", number_at(json_object_get(record, "energy"), "joule")}};
    SZ_TRY(put_parameters(d, json_object_get(record, "spec")));
    SZ_TRY(put_parameters(d, json_object_get(record, "settings")));
    if (isfinite(latency.value)) SZ_TRY(put_metric(d, "latency_s", latency));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (isfinite(others[i].value))
            SZ_TRY(put_metric(d, others[i].key, (sz_chart_interval){others[i].value, NAN, NAN}));
    return close_point(d, false);
}

static sz_status add_object(sz_chart_data *d, json_t *v) {
    if (json_object_get(v, "parameters")) return add_point(d, v);
    if (json_object_get(v, "time")) return add_record(d, v);
    return sz_fail(d->ctx, SZ_ERR_INPUT, "neither a point of an exploration nor a record of bench");
}

// ---- a document, member by member --------------------------------------------------------------

typedef struct reading {
    sz_chart_data *d;
    const char *text;
    size_t size, at;
} reading;

static char skip_blanks(reading *r) {
    while (r->at < r->size && strchr(" \t\r\n", r->text[r->at]) && r->text[r->at]) r->at++;
    return r->at < r->size ? r->text[r->at] : '\0';
}

static sz_status bad(const reading *r, const char *what) {
    return sz_fail(r->d->ctx, SZ_ERR_INPUT, "at byte %zu: %s", r->at, what);
}

static sz_status take(reading *r, char c) {
    char what[32];
    snprintf(what, sizeof what, "'%c' is missing", c);
    if (skip_blanks(r) != c) return bad(r, what);
    r->at++;
    return SZ_OK;
}

// One value; the caller drops it.
static sz_status take_value(reading *r, json_t **ret_value) {
    json_error_t error;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK;
    skip_blanks(r);
    json_t *v = json_loadb(r->text + r->at, r->size - r->at, flags, &error);
    if (!v) {
        r->at += error.position > 0 ? (size_t)error.position : 0;
        return bad(r, error.text);
    }
    r->at += (size_t)error.position; // what was read of it
    *ret_value = v;
    return SZ_OK;
}

static sz_status take_object(reading *r) {
    const size_t start = r->at;
    json_t *v;
    SZ_TRY(take_value(r, &v));
    const sz_status status = add_object(r->d, v);
    json_decref(v);
    return status == SZ_OK ? SZ_OK : sz_place(r->d->ctx, status, "at byte %zu", start);
}

static sz_status take_objects(reading *r) {
    SZ_TRY(take(r, '['));
    if (skip_blanks(r) == ']') return take(r, ']');
    for (;;) {
        SZ_TRY(take_object(r));
        if (skip_blanks(r) != ',') return take(r, ']');
        r->at++;
    }
}

static const char *keep_string(sz_chart_data *d, const json_t *v) {
    return json_is_string(v) ? keep(d, json_string_value(v)) : NULL;
}

// ---- what the document says of itself ----------------------------------------------------------

typedef sz_status take_fact(sz_chart_data *d, const json_t *v);

// Metrics of its front.
static sz_status take_front(sz_chart_data *d, const json_t *v) {
    const json_t *metrics = json_object_get(v, "metrics");
    for (size_t i = 0; i < 3 && i < json_array_size(metrics); i++)
        d->front[i] = keep_string(d, json_array_get(metrics, i));
    return SZ_OK;
}

static sz_status take_oracle(sz_chart_data *d, const json_t *v) {
    d->oracle = keep_string(d, v);
    return SZ_OK;
}

static sz_status take_best(sz_chart_data *d, const json_t *v) {
    d->best = keep_string(d, v);
    return SZ_OK;
}

static sz_status take_schema(sz_chart_data *d, const json_t *v) {
    const char *schema = json_string_value(v);
    if (!schema || strncmp(schema, "sizeup.explore/", 15) != 0 || strcmp(schema + 15, "1") == 0)
        return SZ_OK;
    return sz_fail(d->ctx, SZ_ERR_INPUT,
                   "its schema is '%s', and this sizeup reads sizeup.explore/1: let the same "
                   "version write and draw it",
                   sz_show(d->ctx, sz_str_c(schema)));
}

static sz_status take_metrics(sz_chart_data *d, const json_t *v) {
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *m = json_array_get(v, i);
        const char *key = json_string_value(json_object_get(m, "key"));
        sz_chart_metric *known = NULL;
        if (!key) continue;
        SZ_TRY(metric_of(d, key, &known));
        known->higher = json_is_true(json_object_get(m, "higher"));
    }
    return SZ_OK;
}

static take_fact *taker_of(const char *key) {
    static const struct {
        const char *key;
        take_fact *take;
    } rows[] = {{"schema", take_schema},
                {"pareto", take_front},
                {"oracle_of", take_oracle},
                {"best", take_best},
                {"metrics", take_metrics}};
    for (size_t i = 0; key && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(key, rows[i].key) == 0) return rows[i].take;
    return NULL;
}

static sz_status take_member(reading *r, bool *ret_points) {
    json_t *key, *v = NULL;
    SZ_TRY(take_value(r, &key));
    const char *name = json_string_value(key); // NULL: no string
    const bool is_key = name != NULL, points = name && strcmp(name, "points") == 0;
    take_fact *const fact = taker_of(name);
    json_decref(key);
    if (!is_key) return bad(r, "a key is missing");
    SZ_TRY(take(r, ':'));
    if (points && skip_blanks(r) == '[') {
        if (*ret_points) return bad(r, "'points' is there twice");
        *ret_points = true;
        return take_objects(r);
    }
    SZ_TRY(take_value(r, &v));
    const sz_status status = fact ? fact(r->d, v) : SZ_OK;
    json_decref(v);
    return status;
}

// {"schema": ..., "points": [...]} with the points one by one.
static sz_status take_document(reading *r) {
    bool points = false;
    SZ_TRY(take(r, '{'));
    while (skip_blanks(r) != '}') {
        SZ_TRY(take_member(r, &points));
        if (skip_blanks(r) != ',') break;
        r->at++;
    }
    SZ_TRY(take(r, '}'));
    return points ? SZ_OK : bad(r, "no 'points': not a document of sizeup.explore/1");
}

// Is the object that begins here a record of bench? Its schema says so near its start.
static bool is_record(const reading *r) {
    static const char name[] = "\"sizeup.bench/";
    const size_t end = r->size - r->at < 4096 ? r->size : r->at + 4096;
    for (size_t i = r->at; i + sizeof name - 1 <= end; i++)
        if (memcmp(r->text + i, name, sizeof name - 1) == 0) return true;
    return false;
}

static void note_varying(sz_chart_data *d) {
    for (size_t k = 0; k < d->parameters.n; k++) {
        sz_chart_parameter *p = &d->parameters.items[k];
        p->varies = false;
        for (size_t i = 1; i < d->n && !p->varies; i++)
            p->varies = sz_chart_word_of(p, i) != sz_chart_word_of(p, 0);
    }
}

sz_status sz_chart_data_read(sz_ctx *ctx, sz_chart_data *d, const char *text, size_t size) {
    reading r = {d, text, size, 0};
    const char first = skip_blanks(&r);
    if (first == '[') {
        SZ_TRY(take_objects(&r));
    } else if (first == '{' && !is_record(&r)) {
        SZ_TRY(take_document(&r));
    } else {
        if (first != '{') return sz_fail(ctx, SZ_ERR_INPUT, "no JSON");
        while (skip_blanks(&r)) SZ_TRY(take_object(&r));
    }
    if (skip_blanks(&r)) return bad(&r, "more after the end");
    note_varying(d);
    return SZ_OK;
}
