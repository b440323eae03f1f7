// SPDX-License-Identifier: Apache-2.0
// llama-bench -o json (an array) or jsonl (an object per line). Times of whole tests in
// nanoseconds, rates in tokens per second (tools/llama-bench/README.md, "JSON").
#include "run/results/records.h"

#include <math.h>
#include <stdio.h>

#define NANOSECOND 1e-9

static const json_t *first_of(const json_t *root) {
    return json_is_array(root) ? json_array_get(root, 0) : root;
}

bool sz_is_llama(const json_t *root) {
    const json_t *r = first_of(root);
    return json_object_get(r, "build_commit") && json_object_get(r, "n_prompt") &&
           json_object_get(r, "avg_ns");
}

// "pp512", "tg128", "pp512+tg128", "tg128 @ d1024", as the tool itself calls its tests.
static void name_test(const json_t *r, const char *model, char *text, size_t cap) {
    const double pp = sz_number(r, "n_prompt"), tg = sz_number(r, "n_gen");
    const double depth = sz_number(r, "n_depth");
    size_t n = (size_t)snprintf(text, cap, "%s", model);
    if (pp > 0 && n < cap) n += (size_t)snprintf(text + n, cap - n, " pp%.0f", pp);
    if (tg > 0 && n < cap)
        n += (size_t)snprintf(text + n, cap - n, "%stg%.0f", pp > 0 ? "+" : " ", tg);
    if (depth > 0 && n < cap) snprintf(text + n, cap - n, " @ d%.0f", depth);
}

// What is a result, or stands elsewhere in the record. All other keys are settings, also those of
// later versions: better no match than a wrong one.
static bool is_setting(const char *key) {
    static const char *const others[] = {"build_commit",
                                         "build_number",
                                         "cpu_info",
                                         "gpu_info",
                                         "model_filename",
                                         "model_type",
                                         "model_size",
                                         "model_n_params",
                                         "n_prompt",
                                         "n_gen",
                                         "n_depth",
                                         "test_time",
                                         NULL};
    static const char *const results[] = {"avg_", "stddev_", "samples_", NULL};
    for (int i = 0; others[i]; i++)
        if (strcmp(key, others[i]) == 0) return false;
    for (int i = 0; results[i]; i++)
        if (strncmp(key, results[i], strlen(results[i])) == 0) return false;
    return true;
}

static bool is_spec(const char *key) {
    static const char *const keys[] = {
        "model_type", "model_size", "model_n_params", "n_prompt", "n_gen", "n_depth", NULL};
    for (int i = 0; keys[i]; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

static json_t *spec_of(const json_t *r) {
    json_t *spec = sz_foreign_settings(r, is_spec);
    if (spec && json_object_set_new(spec, "kind", json_string("llm")) == 0) return spec;
    json_decref(spec);
    return NULL;
}

static void take_summary(sz_bench_time *t, const json_t *r) {
    t->mean_s = sz_number(r, "avg_ns") * NANOSECOND;
    t->stddev_s = sz_number(r, "stddev_ns") * NANOSECOND;
}

static sz_status read_test(sz_ctx *ctx, sz_bench_set *set, const json_t *r) {
    sz_foreign f;
    double *times = NULL;
    size_t n;
    const char *model = sz_string(r, "model_type");
    if (!json_is_object(r)) return sz_fail(ctx, SZ_ERR_INPUT, "it is no object");
    SZ_TRY(sz_foreign_times(ctx, json_object_get(r, "samples_ns"), "samples_ns", NANOSECOND, &times,
                            &n));
    sz_foreign_init(&f, "llama-bench", r);
    name_test(r, model ? model : "model", f.case_name, sizeof f.case_name);
    f.spec = spec_of(r);
    f.settings = sz_foreign_settings(r, is_setting);
    f.machine = json_pack("{s:{s:O*},s:O*}", "cpu", "model", json_object_get(r, "cpu_info"), "gpu",
                          json_object_get(r, "gpu_info"));
    f.software = json_pack("{s:{s:O*,s:O*}}", "llama.cpp", "commit",
                           json_object_get(r, "build_commit"), "number",
                           json_object_get(r, "build_number"));
    // Tokens are no samples: they get a key of their own.
    f.extra_rate = json_pack("{s:O*}", "tokens_per_s", json_object_get(r, "avg_ts"));
    f.bench.ran_as.backend = "llama.cpp";
    f.bench.ran_as.version = sz_string(r, "build_commit");
    f.bench.ran_as.threads = json_integer_value(json_object_get(r, "n_threads"));
    f.bench.started_utc = sz_string(r, "test_time"); // UTC: the tool asks gmtime()
    sz_status status = n ? sz_foreign_take(ctx, &f, times, n) : SZ_OK;
    if (n == 0) take_summary(&f.bench.time, r);
    const sz_status added = sz_foreign_add(ctx, set, &f);
    sz_free(ctx, times, n * sizeof *times);
    return status != SZ_OK ? status : added;
}

sz_status sz_read_llama(sz_ctx *ctx, sz_bench_set *set, const json_t *root) {
    if (!json_is_array(root)) return read_test(ctx, set, root);
    for (size_t i = 0; i < json_array_size(root); i++) {
        sz_status status = read_test(ctx, set, json_array_get(root, i));
        if (status != SZ_OK) return sz_place(ctx, status, "test %zu", i + 1);
    }
    return SZ_OK;
}
