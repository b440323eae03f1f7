// SPDX-License-Identifier: Apache-2.0
// Two cases of one file: the prompt, and tokens behind it. What came out is read from their
// records.
#include <sizeup/llm_measure.h>
#include <sizeup/model.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/base.h"
#include "base/record.h"

SZ_RECORD_TYPE(llm_step, SZ_LLM_STEP_FIELDS)

struct sz_llm_measured {
    sz_ctx *ctx;
    json_t *records[2]; // of the prompt, of a token
};

typedef struct catcher {
    sz_ctx *ctx;
    json_t *record;
    const sz_run_options *outer;
} catcher;

// The last record counts; there is one.
static sz_status catch_record(void *user, const char *record, size_t size) {
    catcher *c = user;
    json_decref(c->record);
    c->record = json_loadb(record, size, 0, NULL);
    return c->record ? SZ_OK : sz_no_memory(c->ctx);
}

static void pass_on(void *user, const char *what) {
    const catcher *c = user;
    c->outer->progress(c->outer->user, what);
}

enum { MAX_WORDS = 16, MAX_WORD = 128 };

// Sizes of a step, by the names that the file has for its free dimensions.
typedef struct sizes {
    char text[MAX_WORDS][MAX_WORD];
    const char *words[MAX_WORDS];
    size_t n;
} sizes;

static void add_size(sizes *s, const char *name, int64_t size) {
    if (s->n == MAX_WORDS) return; // the one that is missing will be told
    snprintf(s->text[s->n], MAX_WORD, "%s=%" PRId64, name, size);
    s->words[s->n] = s->text[s->n];
    s->n++;
}

// Exporters to OpenVINO give dimensions no names: "input_ids.0" is the first one of that input.
// A mask is as long as what is in the cache and what is new.
static void add_free(sizes *s, const char *name, int64_t batch, int64_t seq, int64_t past) {
    const size_t n = strlen(name);
    if (strcmp(name, "past") == 0 || strcmp(name, "batch") == 0 || strcmp(name, "seq") == 0) return;
    if (n > 2 && strcmp(name + n - 2, ".0") == 0) add_size(s, name, batch);
    if (n > 2 && strcmp(name + n - 2, ".1") == 0)
        add_size(s, name, strcmp(name, "attention_mask.1") == 0 ? past + seq : seq);
}

// A checkpoint has `batch`, `seq` and `past`, and says so itself.
static sz_status find_sizes(sz_ctx *ctx, const char *path, int64_t batch, int64_t seq, int64_t past,
                            sizes *s) {
    const sz_load_options o = {.allow_symbols = 1};
    sz_model *m;
    SZ_TRY(sz_model_load(ctx, path, &o, &m));
    const bool is_checkpoint = strcmp(sz_model_format(m), "openvino") != 0;
    s->n = 0;
    if (is_checkpoint) add_size(s, "batch", batch);
    if (is_checkpoint) add_size(s, "seq", seq);
    for (size_t i = 0; !is_checkpoint && i < sz_model_symbol_count(m); i++)
        add_free(s, sz_model_symbol(m, i, NULL), batch, seq, past);
    add_size(s, "past", past);
    sz_model_destroy(m);
    return SZ_OK;
}

static sz_status measure(sz_ctx *ctx, const char *path, const sz_llm_measure_options *o,
                         int64_t seq, int64_t past, json_t **ret_record) {
    sizes s;
    const char *backend = o->backend ? o->backend : "llama";
    catcher c = {.ctx = ctx, .outer = &o->run};
    sz_run_options run = o->run;
    sz_run_result result;
    run.backends = &backend, run.n_backends = 1;
    run.generate = past > 0 ? (int)o->generate : 0;
    run.emit = catch_record, run.user = &c, run.known = NULL;
    run.progress = o->run.progress ? pass_on : NULL;
    SZ_TRY(find_sizes(ctx, path, o->batch, seq, past, &s));
    const sz_status status = sz_bench_run(ctx, path, s.words, s.n, &run, &result);
    const char *error = json_string_value(json_object_get(c.record, "error"));
    *ret_record = c.record;
    if (status != SZ_OK) return status;
    if (error) return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "%s on %s: %s", path, backend, error);
    if (c.record) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "%s on %s: it was not measured", path, backend);
}

sz_status sz_llm_measure(sz_ctx *ctx, const char *path, const sz_llm_measure_options *o,
                         sz_llm_measured **ret_measured) {
    sz_llm_measured *m = sz_alloc(ctx, sizeof *m);
    if (!m) return sz_no_memory(ctx);
    m->ctx = ctx;
    sz_status status = measure(ctx, path, o, o->prompt, 0, &m->records[0]);
    if (status == SZ_OK) status = measure(ctx, path, o, 1, o->prompt, &m->records[1]);
    if (status == SZ_OK)
        *ret_measured = m;
    else
        sz_llm_measured_destroy(m);
    return status;
}

void sz_llm_measured_destroy(sz_llm_measured *m) {
    if (!m) return;
    for (size_t i = 0; i < 2; i++) json_decref(m->records[i]);
    sz_free(m->ctx, m, sizeof *m);
}

// ---- what came out -----------------------------------------------------------------------------

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static sz_llm_step step_of(const json_t *record) {
    const json_t *time = json_object_get(record, "time");
    return (sz_llm_step){.median_s = number(time, "median_s"),
                         .ci_lo_s = number(time, "ci_lo_s"),
                         .ci_hi_s = number(time, "ci_hi_s"),
                         .min_s = number(time, "min_s"),
                         .mean_s = number(time, "mean_s"),
                         .p90_s = number(time, "p90_s"),
                         .n = json_integer_value(json_object_get(time, "n")),
                         .warmup_s = number(time, "warmup_s"),
                         .compile_s = number(time, "compile_s"),
                         .load_s = number(record, "load_s"),
                         .verdict = json_string_value(json_object_get(record, "verdict")),
                         .next_step = json_string_value(json_object_get(record, "next_step"))};
}

sz_llm_step sz_llm_measured_prefill(const sz_llm_measured *m) { return step_of(m->records[0]); }
sz_llm_step sz_llm_measured_decode(const sz_llm_measured *m) { return step_of(m->records[1]); }

static const json_t *ran_as(const sz_llm_measured *m) {
    return json_object_get(m->records[1], "ran_as");
}
const char *sz_llm_measured_version(const sz_llm_measured *m) {
    return json_string_value(json_object_get(ran_as(m), "version"));
}
const char *sz_llm_measured_kernel(const sz_llm_measured *m) {
    return json_string_value(json_object_get(ran_as(m), "kernel"));
}
int sz_llm_measured_threads(const sz_llm_measured *m) {
    return (int)json_integer_value(json_object_get(ran_as(m), "threads"));
}
