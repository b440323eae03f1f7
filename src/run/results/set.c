// SPDX-License-Identifier: Apache-2.0
// Sets of records, and files in whatever format: what a file is, is found by its content.
#include "run/results/records.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/folder.h"
#include "store/value.h"

enum { MAX_FILE_BYTES = 1 << 30 };

typedef struct item {
    json_t *json; // holds all strings of `bench`
    sz_bench bench;
    double *samples;
    char *text; // on demand: made by jansson
} item;

struct sz_bench_set {
    sz_ctx *ctx;
    SZ_VEC(item *) items;
};

sz_status sz_bench_set_create(sz_ctx *ctx, sz_bench_set **ret_set) {
    sz_bench_set *set = sz_alloc(ctx, sizeof *set);
    if (!set) return sz_no_memory(ctx);
    set->ctx = ctx;
    *ret_set = set;
    return SZ_OK;
}

static void free_item(sz_ctx *ctx, item *it) {
    json_decref(it->json);
    sz_free(ctx, it->samples, it->bench.n_samples * sizeof *it->samples);
    free(it->text);
    sz_free(ctx, it, sizeof *it);
}

void sz_bench_set_destroy(sz_bench_set *set) {
    if (!set) return;
    sz_ctx *ctx = set->ctx;
    for (size_t i = 0; i < set->items.n; i++) free_item(ctx, set->items.items[i]);
    sz_vec_finish(ctx, &set->items);
    sz_free(ctx, set, sizeof *set);
}

size_t sz_bench_set_count(const sz_bench_set *set) { return set->items.n; }
const sz_bench *sz_bench_set_get(const sz_bench_set *set, size_t i) {
    return &set->items.items[i]->bench;
}
const char *sz_bench_set_text(const sz_bench_set *set, size_t i) {
    return set->items.items[i]->text;
}

size_t sz_bench_set_layer_count(const sz_bench_set *set, size_t i) {
    return json_array_size(json_object_get(set->items.items[i]->json, "layers"));
}

sz_bench_counters sz_bench_set_counters(const sz_bench_set *set, size_t i) {
    const json_t *counters = json_object_get(set->items.items[i]->json, "counters");
    sz_bench_counters c;
    sz_ctx *ctx = set->ctx;
    if (sz_record_read(ctx, sz_bench_counters_type(), counters, "counters", &c) != SZ_OK)
        sz_ctx_clear(ctx);
    return c;
}

// What is of another kind is not known: layers of a file are looked at when they are shown.
sz_bench_layer sz_bench_set_layer(const sz_bench_set *set, size_t i, size_t layer) {
    const json_t *layers = json_object_get(set->items.items[i]->json, "layers");
    sz_bench_layer l;
    sz_ctx *ctx = set->ctx;
    if (sz_record_read(ctx, sz_bench_layer_type(), json_array_get(layers, layer), "layer", &l) !=
        SZ_OK)
        sz_ctx_clear(ctx);
    return l;
}

// ---- a record ----------------------------------------------------------------------------------

static sz_status read_text(sz_ctx *ctx, const json_t *record, const char *key,
                           const char **ret_text) {
    const json_t *v = json_object_get(record, key);
    *ret_text = json_string_value(v);
    if (!v || json_is_null(v) || *ret_text) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is not a string", key);
}

static sz_status read_head(sz_ctx *ctx, const json_t *r, sz_bench *b) {
    SZ_TRY(read_text(ctx, r, "id", &b->id));
    SZ_TRY(read_text(ctx, r, "case", &b->case_name));
    SZ_TRY(read_text(ctx, r, "case_hash", &b->case_hash));
    SZ_TRY(read_text(ctx, r, "work_hash", &b->work_hash));
    SZ_TRY(read_text(ctx, r, "verdict", &b->verdict));
    SZ_TRY(read_text(ctx, r, "next_step", &b->next_step));
    SZ_TRY(read_text(ctx, r, "started_utc", &b->started_utc));
    return read_text(ctx, r, "reproducer", &b->reproducer);
}

static sz_status read_parts(sz_ctx *ctx, const json_t *r, sz_bench *b) {
    SZ_TRY(
        sz_record_read(ctx, sz_ran_as_type(), json_object_get(r, "ran_as"), "ran_as", &b->ran_as));
    SZ_TRY(sz_record_read(ctx, sz_bench_count_type(), json_object_get(r, "count"), "count",
                          &b->count));
    SZ_TRY(sz_record_read(ctx, sz_bench_time_type(), json_object_get(r, "time"), "time", &b->time));
    SZ_TRY(sz_record_read(ctx, sz_bench_rate_type(), json_object_get(r, "rate"), "rate", &b->rate));
    SZ_TRY(sz_record_read(ctx, sz_bench_window_type(), json_object_get(r, "energy"), "energy",
                          &b->window));
    SZ_TRY(sz_record_read(ctx, sz_bench_energy_type(), json_object_get(r, "energy"), "energy",
                          &b->energy));
    return sz_record_read(ctx, sz_bench_accuracy_type(), json_object_get(r, "accuracy"), "accuracy",
                          &b->accuracy);
}

// Times below 0 and a median of 0 are no times: ratios would mean nothing.
static sz_status check_times(sz_ctx *ctx, const sz_bench_time *t) {
    for (size_t i = 0; i < sz_bench_time_type()->n_fields; i++) {
        const sz_field *f = &sz_bench_time_type()->fields[i];
        double v;
        if (f->kind != SZ_FIELD_F64 || strcmp(f->unit, "s") != 0) continue;
        memcpy(&v, (const char *)t + f->offset, sizeof v);
        if (v < 0) return sz_fail(ctx, SZ_ERR_INPUT, "'time.%s' is below 0", f->name);
    }
    return SZ_OK;
}

static sz_status read_record(sz_ctx *ctx, item *it) {
    const json_t *samples = sz_value_at(it->json, "time.samples_s");
    size_t n = 0;
    sz_bench_init(&it->bench);
    SZ_TRY(sz_record_hash(ctx, it->json));
    SZ_TRY(read_head(ctx, it->json, &it->bench));
    SZ_TRY(read_parts(ctx, it->json, &it->bench));
    it->bench.asked = sz_record_asked(it->json);
    it->bench.layers_sum_s = sz_number(it->json, "layers_sum_s");
    it->bench.layers_whole_s = sz_number(it->json, "layers_whole_s");
    it->bench.from_store = sz_string(it->json, "from_store");
    SZ_TRY(check_times(ctx, &it->bench.time));
    if (samples && !json_is_array(samples) && !json_is_null(samples))
        return sz_fail(ctx, SZ_ERR_INPUT, "'time.samples_s' is not an array");
    SZ_TRY(sz_foreign_times(ctx, samples, "time.samples_s", 1, &it->samples, &n));
    it->bench.samples_s = it->samples;
    it->bench.n_samples = n;
    it->text = sz_value_line(it->json, false);
    return it->text ? SZ_OK : sz_no_memory(ctx);
}

static sz_status check_schema(sz_ctx *ctx, const json_t *record) {
    const char *schema = sz_string(record, "schema");
    if (schema && strcmp(schema, "sizeup.bench/1") == 0) return SZ_OK;
    if (schema && strncmp(schema, "sizeup.bench/", 13) == 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "schema '%s' is of a newer sizeup: update sizeup",
                       sz_show(ctx, sz_str_c(schema)));
    return sz_fail(ctx, SZ_ERR_INPUT, "no record of schema sizeup.bench/1");
}

sz_status sz_bench_set_take(sz_ctx *ctx, sz_bench_set *set, json_t *record) {
    SZ_TRY(check_schema(ctx, record));
    item *it = sz_alloc(set->ctx, sizeof *it);
    if (!it) return sz_no_memory(ctx);
    it->json = json_incref(record);
    sz_status status = read_record(ctx, it);
    if (status == SZ_OK && !sz_vec_push(set->ctx, &set->items, it)) status = sz_no_memory(ctx);
    if (status != SZ_OK) free_item(set->ctx, it);
    return status;
}

sz_status sz_bench_set_add(sz_ctx *ctx, sz_bench_set *set, const char *json, size_t size) {
    json_t *record;
    SZ_TRY(sz_value_parse(ctx, json, size, &record));
    sz_status status = sz_bench_set_take(ctx, set, record);
    json_decref(record);
    return status;
}

// ---- our own files -----------------------------------------------------------------------------

static bool is_own(const json_t *v) {
    const char *schema = sz_string(v, "schema");
    return schema &&
           (strncmp(schema, "sizeup.bench/", 13) == 0 || strncmp(schema, "sizeup.run/", 11) == 0);
}

bool sz_is_sizeup(const json_t *root) {
    return is_own(json_is_array(root) ? json_array_get(root, 0) : root);
}

// A line of a store may be the header of a run, and says where it stood.
static sz_status read_own(sz_ctx *ctx, sz_bench_set *set, json_t *record) {
    const char *schema = sz_string(record, "schema");
    if (schema && strncmp(schema, "sizeup.run/", 11) == 0) return SZ_OK;
    json_object_del(record, "stored");
    return sz_bench_set_take(ctx, set, record);
}

sz_status sz_read_sizeup(sz_ctx *ctx, sz_bench_set *set, const json_t *root) {
    if (!json_is_array(root)) return read_own(ctx, set, (json_t *)(uintptr_t)root);
    for (size_t i = 0; i < json_array_size(root); i++) {
        sz_status status = read_own(ctx, set, json_array_get(root, i));
        if (status != SZ_OK) return sz_place(ctx, status, "record %zu", i + 1);
    }
    return SZ_OK;
}

// ---- any file ----------------------------------------------------------------------------------

typedef struct format {
    const char *name, *what;
    bool (*is)(const json_t *root);
    sz_status (*read)(sz_ctx *ctx, sz_bench_set *set, const json_t *root);
} format;
static const format formats[] = {
#define FORMAT(name, ident, what) {name, what, sz_is_##ident, sz_read_##ident},
#include "run/results/formats.def"
#undef FORMAT
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

int sz_list_result_format(size_t i, sz_result_format_row *ret_row) {
    if (i >= N_FORMATS) return 0;
    *ret_row = (sz_result_format_row){formats[i].name, formats[i].what};
    return 1;
}

// JSON lines as an array. The first line decides whether they are; then each must be one. A torn
// last line, which a crash leaves, is left out with a warning.
static sz_status add_line(sz_ctx *ctx, json_t *array, const char *text, size_t size, bool ended,
                          size_t line) {
    json_t *value;
    if (strspn(text, " \t\r") >= size) return SZ_OK;
    sz_status status = sz_value_parse(ctx, text, size, &value);
    if (status == SZ_OK && json_array_append_new(array, value) != 0) return sz_no_memory(ctx);
    if (status == SZ_OK) return SZ_OK;
    if (!ended && status == SZ_ERR_INPUT && json_array_size(array) > 0) {
        sz_warn(ctx, "line %zu is torn and left out", line);
        return SZ_OK;
    }
    return sz_place(ctx, status, "JSON line %zu", line);
}

static sz_status parse_lines(sz_ctx *ctx, const char *text, size_t size, json_t **ret_root) {
    json_t *array = json_array();
    sz_status status = array ? SZ_OK : sz_no_memory(ctx);
    for (size_t at = 0, line = 1; status == SZ_OK && at < size; line++) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t n = end ? (size_t)(end - text) - at : size - at;
        status = add_line(ctx, array, text + at, n, end != NULL, line);
        at += n + 1;
    }
    if (status == SZ_OK)
        *ret_root = array;
    else
        json_decref(array);
    return status;
}

// Is the first line that is not empty an object of its own?
static bool has_lines(const char *text, size_t size) {
    const char *end = memchr(text, '\n', size);
    json_t *first = end && end > text ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
    const bool object = json_is_object(first);
    json_decref(first);
    return object;
}

static sz_status parse_any(sz_ctx *ctx, const char *text, size_t size, json_t **ret_root) {
    if (has_lines(text, size)) return parse_lines(ctx, text, size, ret_root);
    return sz_value_parse(ctx, text, size, ret_root);
}

static sz_status unknown(sz_ctx *ctx, const json_t *root) {
    static const char ours[] = "sizeup.";
    const char *schema = json_string_value(json_object_get(root, "schema"));
    char known[256] = "";
    size_t n = 0;
    if (schema && strncmp(schema, ours, sizeof ours - 1) == 0)
        return sz_fail(ctx, SZ_ERR_INPUT,
                       "its schema is '%s', which holds no results of runs; 'sizeup plot' "
                       "and 'sizeup report --explore' show those of explore",
                       sz_show(ctx, sz_str_c(schema)));
    for (size_t i = 0; i < N_FORMATS && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", formats[i].name);
    return sz_fail(ctx, SZ_ERR_INPUT, "JSON, but no results that are known; known are %s", known);
}

sz_status sz_bench_set_read(sz_ctx *ctx, sz_bench_set *set, const char *text, size_t size,
                            const char **ret_format) {
    json_t *root;
    size_t i = 0;
    SZ_TRY(parse_any(ctx, text, size, &root));
    while (i < N_FORMATS && !formats[i].is(root)) i++;
    sz_status status = i < N_FORMATS ? formats[i].read(ctx, set, root) : unknown(ctx, root);
    json_decref(root);
    if (status == SZ_OK && ret_format) *ret_format = formats[i].name;
    return status;
}

sz_status sz_bench_set_load(sz_ctx *ctx, sz_bench_set *set, const char *path,
                            const char **ret_format) {
    char *text;
    size_t size, cap;
    SZ_TRY(sz_folder_read(ctx, path, MAX_FILE_BYTES, &text, &size, &cap));
    sz_status status = sz_bench_set_read(ctx, set, text, size, ret_format);
    sz_free(ctx, text, cap);
    if (status == SZ_OK) return SZ_OK;
    return sz_place(ctx, status, "file '%s'", sz_show(ctx, sz_str_c(path)));
}
