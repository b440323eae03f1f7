// SPDX-License-Identifier: Apache-2.0
// What the readers of other tools' files share.
#include "run/results/records.h"

#include <math.h>
#include <stdio.h>

double sz_number(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

const char *sz_string(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

void sz_foreign_init(sz_foreign *f, const char *format, const json_t *original) {
    *f = (sz_foreign){.format = format, .original = original};
    sz_bench_init(&f->bench);
}

sz_status sz_foreign_times(sz_ctx *ctx, const json_t *array, const char *name, double unit,
                           double **ret_times, size_t *ret_n) {
    const size_t n = json_array_size(array);
    *ret_n = 0;
    if (n == 0) return SZ_OK;
    double *times = sz_alloc(ctx, n * sizeof *times);
    if (!times) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(array, i);
        times[i] = json_number_value(v) * unit;
        if (json_is_number(v) && times[i] > 0 && isfinite(times[i])) continue;
        sz_free(ctx, times, n * sizeof *times);
        return sz_fail(ctx, SZ_ERR_INPUT, "'%s': element %zu is not a number above 0", name, i + 1);
    }
    *ret_times = times;
    *ret_n = n;
    return SZ_OK;
}

sz_status sz_foreign_take(sz_ctx *ctx, sz_foreign *f, const double *times, size_t n) {
    f->bench.samples_s = times;
    f->bench.n_samples = n;
    return sz_bench_summarize(ctx, times, n, &f->bench.time);
}

json_t *sz_foreign_settings(const json_t *object, bool (*is_setting)(const char *key)) {
    json_t *settings = json_object();
    json_t *from = (json_t *)(uintptr_t)object; // jansson iterates only what is not const
    for (void *at = json_object_iter(from); settings && at; at = json_object_iter_next(from, at))
        if (is_setting(json_object_iter_key(at)) &&
            json_object_set(settings, json_object_iter_key(at), json_object_iter_value(at)) != 0) {
            json_decref(settings);
            return NULL;
        }
    return settings;
}

// ---- adding ------------------------------------------------------------------------------------

// Put `value`, which is taken over, in place of what the record has there. NULL is what a lack of
// memory made of it, and no reason to go on with less.
static bool put(json_t *record, const char *key, json_t *value) {
    return value && json_object_set_new(record, key, value) == 0;
}

static bool put_imported(json_t *record, const sz_foreign *f) {
    json_t *imported = json_object();
    // The original is shared, and stays as it is.
    return imported && json_object_set_new(imported, "format", json_string(f->format)) == 0 &&
           json_object_set(imported, "original", (json_t *)(uintptr_t)f->original) == 0 &&
           json_object_set_new(record, "imported", imported) == 0;
}

// A name that was cut may end within a character.
static void trim(char *text) {
    size_t n = strlen(text);
    for (int i = 0; i < 4 && n > 0; i++) {
        json_t *good = json_string(text);
        json_decref(good);
        if (good) return;
        text[--n] = '\0';
    }
}

static sz_status parse_base(sz_ctx *ctx, sz_foreign *f, json_t **ret_record) {
    sz_bench b = f->bench;
    sz_buf buf;
    trim(f->case_name);
    b.case_name = f->case_name;
    b.case_hash = b.work_hash = "?"; // worked out when all parts are there
    sz_buf_init(&buf, ctx);
    sz_status status = sz_bench_json(ctx, &b, &buf);
    if (status == SZ_OK) {
        *ret_record = json_loadb(buf.data, buf.size, 0, NULL);
        if (!*ret_record) status = sz_no_memory(ctx);
    }
    sz_buf_finish(&buf);
    return status;
}

sz_status sz_foreign_add(sz_ctx *ctx, sz_bench_set *set, sz_foreign *f) {
    json_t *record = NULL;
    sz_status status = parse_base(ctx, f, &record);
    json_object_del(record, "case_hash");
    json_object_del(record, "work_hash");
    bool good = put(record, "spec", f->spec);
    good = put(record, "settings", f->settings) && good;
    good = put(record, "machine", f->machine) && good;
    good = put(record, "software", f->software) && good;
    json_t *rate = json_object_get(record, "rate");
    if (f->extra_rate && rate) good = json_object_update(rate, f->extra_rate) == 0 && good;
    json_decref(f->extra_rate);
    if (status == SZ_OK && (!good || !put_imported(record, f))) status = sz_no_memory(ctx);
    if (status == SZ_OK) status = sz_bench_set_take(ctx, set, record);
    json_decref(record);
    return status;
}
