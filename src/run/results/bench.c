// SPDX-License-Identifier: Apache-2.0
// The record of a measured case: its types, and its JSON.
#include "run/results/records.h"

#include <math.h>
#include <stdlib.h>

#include "base/record.h"
#include "machine/measure/summary.h"
#include "store/value.h"

SZ_RECORD_TYPE(ran_as, SZ_RAN_AS_FIELDS)
SZ_RECORD_TYPE(bench_count, SZ_BENCH_COUNT_FIELDS)
SZ_RECORD_TYPE(bench_time, SZ_BENCH_TIME_FIELDS)
SZ_RECORD_TYPE(bench_rate, SZ_BENCH_RATE_FIELDS)
SZ_RECORD_TYPE(bench_energy, SZ_BENCH_ENERGY_FIELDS)
SZ_RECORD_TYPE(bench_window, SZ_BENCH_WINDOW_FIELDS)
SZ_RECORD_TYPE(bench_counters, SZ_BENCH_COUNTERS_FIELDS)
SZ_RECORD_TYPE(bench_layer, SZ_BENCH_LAYER_FIELDS)
SZ_RECORD_TYPE(bench_accuracy, SZ_BENCH_ACCURACY_FIELDS)
SZ_RECORD_TYPE(change, SZ_CHANGE_FIELDS)
SZ_RECORD_TYPE(changes, SZ_CHANGES_FIELDS)

// ---- records and JSON --------------------------------------------------------------------------

static json_t *field_json(const sz_field *f, const void *record) {
    const char *at = (const char *)record + f->offset;
    double number;
    const char *text;
    int64_t whole;
    int truth;
    switch (f->kind) {
    case SZ_FIELD_I64:
        memcpy(&whole, at, sizeof whole);
        return json_integer(whole);
    case SZ_FIELD_F64:
        memcpy(&number, at, sizeof number);
        return isfinite(number) ? json_real(number) : json_null();
    case SZ_FIELD_STR:
        memcpy(&text, at, sizeof text);
        return text ? json_string(text) : json_null();
    case SZ_FIELD_BOOL:
        memcpy(&truth, at, sizeof truth);
        return json_boolean(truth);
    }
    return json_null();
}

json_t *sz_record_json(const sz_record_type *type, const void *record) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        if (json_object_set_new(object, f->name, field_json(f, record)) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

// The value that means "not known".
static void clear_field(const sz_field *f, void *record) {
    static const double none = NAN;
    static const int64_t zero = 0;
    static const char *const nothing = NULL;
    char *at = (char *)record + f->offset;
    if (f->kind == SZ_FIELD_F64)
        memcpy(at, &none, sizeof none);
    else if (f->kind == SZ_FIELD_STR)
        memcpy(at, &nothing, sizeof nothing);
    else
        memcpy(at, &zero, f->kind == SZ_FIELD_I64 ? sizeof zero : sizeof(int));
}

static void clear(const sz_record_type *type, void *record) {
    for (size_t i = 0; i < type->n_fields; i++) clear_field(&type->fields[i], record);
}

// False when the value is of another kind.
static bool read_field(const sz_field *f, const json_t *v, void *record) {
    char *at = (char *)record + f->offset;
    const double number = json_number_value(v);
    const int64_t whole = json_integer_value(v);
    const char *text = json_string_value(v);
    const int truth = json_is_true(v);
    switch (f->kind) {
    case SZ_FIELD_I64:
        return memcpy(at, &whole, sizeof whole), json_is_integer(v);
    case SZ_FIELD_F64:
        return memcpy(at, &number, sizeof number), json_is_number(v);
    case SZ_FIELD_STR:
        return memcpy(at, &text, sizeof text), json_is_string(v);
    case SZ_FIELD_BOOL:
        return memcpy(at, &truth, sizeof truth), json_is_boolean(v);
    }
    return false;
}

sz_status sz_record_read(sz_ctx *ctx, const sz_record_type *type, const json_t *object,
                         const char *name, void *record) {
    static const char *const kinds[] = {[SZ_FIELD_I64] = "a whole number",
                                        [SZ_FIELD_F64] = "a number",
                                        [SZ_FIELD_STR] = "a string",
                                        [SZ_FIELD_BOOL] = "true or false"};
    clear(type, record);
    if (object && !json_is_object(object) && !json_is_null(object))
        return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is not an object", name);
    for (size_t i = 0; i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        const json_t *v = json_object_get(object, f->name);
        if (!v || json_is_null(v) || read_field(f, v, record)) continue;
        clear_field(f, record);
        return sz_fail(ctx, SZ_ERR_INPUT, "'%s.%s' is not %s", name, f->name, kinds[f->kind]);
    }
    return SZ_OK;
}

void sz_bench_init(sz_bench *b) {
    memset(b, 0, sizeof *b);
    clear(sz_ran_as_type(), &b->ran_as);
    clear(sz_bench_count_type(), &b->count);
    clear(sz_bench_time_type(), &b->time);
    clear(sz_bench_rate_type(), &b->rate);
    clear(sz_bench_energy_type(), &b->energy);
    clear(sz_bench_window_type(), &b->window);
    b->layers_sum_s = b->layers_whole_s = NAN;
    clear(sz_bench_accuracy_type(), &b->accuracy);
}

sz_status sz_bench_summarize(sz_ctx *ctx, const double *samples_s, size_t n, sz_bench_time *t) {
    sz_summary s;
    SZ_TRY(sz_summarize(ctx, samples_s, n, &s));
    *t = (sz_bench_time){.median_s = s.median,
                         .ci_lo_s = s.ci_lo,
                         .ci_hi_s = s.ci_hi,
                         .confidence = s.confidence,
                         .min_s = s.min,
                         .max_s = s.max,
                         .mean_s = s.mean,
                         .stddev_s = s.stddev,
                         .mad_s = s.mad,
                         .p90_s = s.p90,
                         .p99_s = s.p99,
                         .n = s.n,
                         .outliers_mild = s.mild,
                         .outliers_severe = s.severe,
                         .drift = s.drift,
                         .autocorrelation = s.autocorrelation,
                         .effective_n = s.effective_n,
                         .modes = s.modes,
                         .warmup_s = t->warmup_s,
                         .compile_s = t->compile_s};
    return SZ_OK;
}

// ---- hashes ------------------------------------------------------------------------------------

// What tells machines apart: the fingerprint, else the name, else all that is known.
static const json_t *machine_part(const json_t *record) {
    const json_t *machine = json_object_get(record, "machine");
    const json_t *fingerprint = json_object_get(machine, "fingerprint");
    const json_t *name = json_object_get(machine, "name");
    return json_is_string(fingerprint) ? fingerprint : json_is_string(name) ? name : machine;
}

static sz_status set_hash(sz_ctx *ctx, json_t *record, const char *key, const json_t *machine) {
    char text[SZ_HASH_DIGITS + 1];
    if (json_is_string(json_object_get(record, key))) return SZ_OK;
    json_t *parts = json_object();
    sz_status status = SZ_ERR_MEMORY;
    const json_t *spec = json_object_get(record, "spec");
    const json_t *settings = json_object_get(record, "settings");
    // jansson takes a reference, which changes nothing in the value.
    if (parts && json_object_set(parts, "spec", (json_t *)(uintptr_t)spec) == 0 &&
        json_object_set(parts, "settings", (json_t *)(uintptr_t)settings) == 0 &&
        (!machine || json_object_set(parts, "machine", (json_t *)(uintptr_t)machine) == 0))
        status = sz_value_hash(ctx, parts, SZ_HASH_DIGITS, text);
    json_decref(parts);
    if (status == SZ_OK && json_object_set_new(record, key, json_string(text)) == 0) return SZ_OK;
    return sz_no_memory(ctx);
}

sz_status sz_record_hash(sz_ctx *ctx, json_t *record) {
    static const char *const objects[] = {"spec", "settings"};
    for (int i = 0; i < 2; i++) {
        const json_t *v = json_object_get(record, objects[i]);
        if (v && !json_is_object(v) && !json_is_null(v))
            return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is not an object", objects[i]);
        if (!json_is_object(v) && json_object_set_new(record, objects[i], json_object()) != 0)
            return sz_no_memory(ctx);
    }
    SZ_TRY(set_hash(ctx, record, "work_hash", NULL));
    return set_hash(ctx, record, "case_hash", machine_part(record));
}

// ---- writing -----------------------------------------------------------------------------------

typedef struct building {
    sz_ctx *ctx;
    json_t *record;
    sz_status status;
} building;

static void set(building *w, const char *key, json_t *value) {
    if (w->status != SZ_OK)
        json_decref(value);
    else if (json_object_set_new(w->record, key, value) != 0)
        w->status = sz_no_memory(w->ctx);
}

static void set_text(building *w, const char *key, const char *text) {
    json_t *value = text ? json_string(text) : json_null();
    if (value)
        set(w, key, value);
    else if (w->status == SZ_OK)
        w->status = sz_fail(w->ctx, SZ_ERR_USAGE, "'%s' of a record is not UTF-8", key);
}

static void set_object(building *w, const char *key, const char *text, bool array) {
    json_t *value = NULL;
    if (w->status != SZ_OK) return;
    if (!text) {
        set(w, key, array ? json_array() : json_object());
        return;
    }
    w->status = sz_value_parse(w->ctx, text, strlen(text), &value);
    if (w->status == SZ_OK && (array ? !json_is_array(value) : !json_is_object(value))) {
        json_decref(value);
        w->status = sz_fail(w->ctx, SZ_ERR_USAGE, "it is no %s", array ? "array" : "object");
    }
    if (w->status != SZ_OK)
        sz_place(w->ctx, w->status, "'%s' of a record", key);
    else
        set(w, key, value);
}

static json_t *energy_json(const sz_bench *b) {
    json_t *energy = sz_record_json(sz_bench_energy_type(), &b->energy);
    json_t *window = b->window.runs > 0 ? sz_record_json(sz_bench_window_type(), &b->window) : NULL;
    if (window) json_object_update(energy, window);
    json_decref(window);
    return energy;
}

static json_t *time_json(const sz_bench *b) {
    json_t *time = sz_record_json(sz_bench_time_type(), &b->time);
    json_t *samples = b->n_samples ? json_array() : NULL;
    for (size_t i = 0; samples && i < b->n_samples; i++)
        json_array_append_new(samples, json_real(b->samples_s[i]));
    if (samples) json_object_set_new(time, "samples_s", samples);
    return time;
}

static const char *const askings[] = {"layers", "energy", "counters"};

static json_t *asked_json(unsigned asked) {
    json_t *list = json_array();
    for (unsigned i = 0; i < sizeof askings / sizeof *askings; i++)
        if (asked & 1u << i) json_array_append_new(list, json_string(askings[i]));
    return list;
}

unsigned sz_record_asked(const json_t *record) {
    const json_t *list = json_object_get(record, "asked");
    unsigned asked = 0;
    for (size_t k = 0; k < json_array_size(list); k++)
        for (unsigned i = 0; i < sizeof askings / sizeof *askings; i++) {
            const char *word = json_string_value(json_array_get(list, k));
            if (word && strcmp(word, askings[i]) == 0) asked |= 1u << i;
        }
    return asked;
}

static void build(building *w, const sz_bench *b) {
    set_text(w, "schema", "sizeup.bench/1");
    if (b->id) set_text(w, "id", b->id);
    set_text(w, "case", b->case_name);
    if (b->case_hash) set_text(w, "case_hash", b->case_hash);
    if (b->work_hash) set_text(w, "work_hash", b->work_hash);
    set_object(w, "spec", b->spec_json, false);
    set_object(w, "settings", b->settings_json, false);
    set(w, "ran_as", sz_record_json(sz_ran_as_type(), &b->ran_as));
    set(w, "count", sz_record_json(sz_bench_count_type(), &b->count));
    set(w, "time", time_json(b));
    set(w, "rate", sz_record_json(sz_bench_rate_type(), &b->rate));
    set(w, "energy", energy_json(b));
    if (b->accuracy.pieces)
        set(w, "accuracy", sz_record_json(sz_bench_accuracy_type(), &b->accuracy));
    set_object(w, "counters", b->counters_json, false);
    set_object(w, "layers", b->layers_json, true);
    if (!isnan(b->layers_sum_s)) set(w, "layers_sum_s", json_real(b->layers_sum_s));
    if (b->asked) set(w, "asked", asked_json(b->asked));
    set_object(w, "machine", b->machine_json, false);
    set_object(w, "env", b->env_json, false);
    set_object(w, "software", b->software_json, false);
    set_text(w, "verdict", b->verdict);
    set_text(w, "next_step", b->next_step);
    set_text(w, "started_utc", b->started_utc);
    set_text(w, "reproducer", b->reproducer);
}

sz_status sz_bench_json(sz_ctx *ctx, const sz_bench *b, sz_buf *buf) {
    building w = {.ctx = ctx, .record = json_object()};
    sz_json json;
    if (!w.record) return sz_no_memory(ctx);
    build(&w, b);
    if (w.status == SZ_OK) w.status = sz_record_hash(ctx, w.record);
    if (w.status == SZ_OK) w.status = sz_value_give_id(ctx, w.record);
    if (w.status == SZ_OK) {
        sz_json_init(&json, buf, 0);
        sz_value_put(&json, w.record);
        w.status = sz_buf_status(buf);
    }
    json_decref(w.record);
    return w.status;
}
