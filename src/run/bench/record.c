// SPDX-License-Identifier: Apache-2.0
// The record of a case: what was asked for, what ran, what came out, and where.
#include "run/bench/inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <sizeup/bench.h>
#include <sizeup/json.h>

#include "run/backends/backend.h"
#include "run/bench/env.h"
#include "run/bench/layers.h"
#include "store/value.h"

static const char *text_at(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s && *s ? s : NULL;
}
static double number_at(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

// ---- parts -------------------------------------------------------------------------------------

// What the work is done with; together with the spec it names the case.
static json_t *settings_of(const sz_bench_sweep *r, const sz_case *c, const char *backend) {
    const sz_run_options *o = r->options;
    json_t *s = json_pack("{s:s, s:i, s:s, s:s, s:f, s:f, s:I, s:i, s:s*, s:s*}", "backend",
                          backend, "threads", strcmp(backend, "ref") == 0 ? 1 : r->threads, "mode",
                          o->training ? "training" : "inference", "cache", o->cold ? "cold" : "hot",
                          "preheat_s", r->preheat_s, "time_budget_s", r->budget_s, "seed",
                          (json_int_t)o->seed, "input_sets", 2, backend,
                          sz_bench_library(o, backend), "dtype", c->asked);
    if (s && o->streams > 1) json_object_set_new(s, "streams", json_integer(o->streams));
    if (s && o->generate > 1) json_object_set_new(s, "generate", json_integer(o->generate));
    if (s && o->flash)
        json_object_set_new(s, "flash", json_string(o->flash == 1 ? "on" : "off"));
    if (s && o->kv_dtype) json_object_set_new(s, "kv_dtype", json_string(o->kv_dtype));
    if (s && o->training && o->optimizer)
        json_object_set_new(s, "optimizer", json_string(o->optimizer));
    // A library that takes a net whole has to be told beforehand, and may be slower for it.
    const sz_backend *b = sz_backend_find(backend);
    if (s && o->layers && b && b->compile) json_object_set_new(s, "layers", json_true());
    return s;
}

static const char *why_no_roof(const sz_bench_sweep *r, const sz_bench *b) {
    if (!isnan(b->rate.of_roof)) return NULL;
    if (!r->options->roofs)
        return r->options->no_roofs ? r->options->no_roofs : "no machine was given";
    if (!(b->count.flops > 0)) return "it has no FLOPs";
    return "the saved machine has no roof of that format and number of threads";
}

// What the child says of energy; what it says by domain is added as it is.
static sz_status fill_energy(const sz_bench_sweep *r, const sz_case *c, const json_t *answer,
                             sz_bench *b) {
    const json_t *energy = json_object_get(answer, "energy");
    SZ_TRY(sz_record_read(r->ctx, sz_bench_window_type(), energy, "energy", &b->window));
    if (energy)
        SZ_TRY(sz_record_read(r->ctx, sz_bench_energy_type(), energy, "energy", &b->energy));
    else
        b->energy.why = r->options->energy ? "the case was not measured"
                                           : "not asked for (--energy)";
    const double batches = r->options->streams > 1 ? r->options->streams : 1;
    if (b->energy.joule > 0)
        b->energy.samples_per_j = batches * (double)c->samples / b->energy.joule;
    return SZ_OK;
}

static void fill_rates(const sz_bench_sweep *r, const sz_case *c, sz_bench *b) {
    const double s = b->time.median_s;
    if (!(s > 0)) return;
    // With several streams a run is a batch in each.
    const double batches = r->options->streams > 1 ? r->options->streams : 1;
    b->rate.samples_per_s = batches * (double)c->samples / s;
    if (c->flops >= 0) b->rate.flop_per_s = batches * (double)c->flops / s;
    if (c->bytes_moved >= 0) b->rate.byte_per_s = batches * (double)c->bytes_moved / s;
    const double roof = sz_roof_for(r->options->roofs, b->ran_as.dtype, b->ran_as.threads);
    if (c->flops > 0) b->rate.of_roof = b->rate.flop_per_s / roof;
}

static sz_status fill_time(const sz_bench_sweep *r, const json_t *answer, double *samples, size_t n,
                           sz_bench *b) {
    const json_t *from = json_object_get(answer, "samples_s");
    for (size_t i = 0; i < n; i++) samples[i] = json_number_value(json_array_get(from, i));
    if (n) SZ_TRY(sz_bench_summarize(r->ctx, samples, n, &b->time));
    b->time.warmup_s = number_at(answer, "warmup_s");
    b->time.compile_s = number_at(answer, "compile_s");
    b->samples_s = samples, b->n_samples = n;
    return SZ_OK;
}

// `rate` is that of the work that was done, in the format that did it; the product that came of it
// has a rate of its own.
static sz_status fill_accuracy(const sz_bench_sweep *r, const json_t *answer, sz_bench *b) {
    SZ_TRY(sz_record_read(r->ctx, sz_bench_accuracy_type(), json_object_get(answer, "accuracy"),
                          "accuracy", &b->accuracy));
    if (b->time.median_s > 0)
        b->accuracy.useful_flop_per_s = 2 * b->accuracy.useful_macs / b->time.median_s;
    return SZ_OK;
}

static size_t count_of(const json_t *layers, const char *backend) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *name = text_at(layer, "backend");
        count += json_object_get(layer, "why") && name && strcmp(name, backend) == 0;
    }
    return count;
}

// How many, and how many of them the library did not have.
static void name_many(const json_t *layers, size_t n, char *buf, size_t cap) {
    const size_t plain = count_of(layers, "plain"), ref = count_of(layers, "ref");
    char own[48] = "", last[48] = "";
    if (plain) snprintf(own, sizeof own, ", %zu of them own plain ones", plain);
    if (ref) snprintf(last, sizeof last, ", %zu of the reference", ref);
    snprintf(buf, cap, "%zu kernels%s%s", n, own, last);
}

// One kernel where there is one, else how many of them, and of whom where the library refused.
static void name_kernels(const json_t *answer, char *buf, size_t cap) {
    const json_t *layers = json_object_get(answer, "layers");
    const size_t n = json_array_size(layers);
    const char *first = text_at(json_array_get(layers, 0), "kernel");
    if (n == 1)
        snprintf(buf, cap, "%s", first ? first : "");
    else if (n)
        name_many(layers, n, buf, cap);
}

static void put_reproducer(const sz_bench_sweep *r, const sz_case *c, const char *backend,
                           char *buf, size_t cap) {
    const sz_run_options *o = r->options;
    const char *path = sz_bench_library(o, backend);
    char streams[32] = "", optimizer[64] = "", llm[128] = "";
    const size_t n = o->generate > 1
                         ? (size_t)snprintf(llm, sizeof llm, " --generate %d", o->generate)
                         : 0;
    snprintf(llm + n, sizeof llm - n, "%s%s%.32s",
             o->flash == 1 ? " --flash on" : o->flash ? " --flash off" : "",
             o->kv_dtype ? " --kv-dtype " : "", o->kv_dtype ? o->kv_dtype : "");
    if (o->training && o->optimizer)
        snprintf(optimizer, sizeof optimizer, " --optimizer %s", o->optimizer);
    if (o->streams > 1) snprintf(streams, sizeof streams, " --streams %d", o->streams);
    snprintf(buf, cap,
             "sizeup bench %s --backend %s --threads %d --cache %s --preheat %gs "
             "--time-budget %gs --seed %llu%s%s%s%s%s%s%s%s%s%s%s",
             c->words, backend, r->threads, o->cold ? "cold" : "hot", r->preheat_s, r->budget_s,
             (unsigned long long)o->seed, o->training ? " --mode training" : "", optimizer, streams,
             llm, o->layers ? " --layers" : "", o->energy ? " --energy" : "",
             o->counters ? " --counters" : "", path ? " --" : "", path ? backend : "",
             path ? " " : "", path ? path : "");
}

// ---- all ---------------------------------------------------------------------------------------

typedef struct texts {
    char *settings, *machine, *env, *software, *layers, *counters;
    char kernels[128], reproducer[2048];
    double layers_sum_s;
} texts;

static char *take_line(json_t *value) {
    char *line = value ? sz_value_line(value, false) : NULL;
    json_decref(value);
    return line;
}

static void make_texts(const sz_bench_sweep *r, const sz_case *c, const char *backend,
                       const json_t *answer, const json_t *facts, texts *t) {
    json_t *layers = json_object_get(answer, "layers");
    t->settings = take_line(settings_of(r, c, backend));
    t->machine = take_line(json_incref(r->machine));
    t->env = take_line(json_incref(r->env->begin));
    t->software = take_line(sz_env_software(backend, facts));
    const json_t *counters = json_object_get(answer, "counters");
    t->counters = counters ? sz_value_line(counters, false) : NULL;
    t->layers_sum_s = sz_layers_rate(layers, r->options->roofs,
                                     (int)json_integer_value(json_object_get(answer, "threads")));
    t->layers = layers ? sz_value_line(layers, false) : NULL;
    name_kernels(answer, t->kernels, sizeof t->kernels);
    put_reproducer(r, c, backend, t->reproducer, sizeof t->reproducer);
}

static void free_texts(texts *t) {
    free(t->settings);
    free(t->machine);
    free(t->env);
    free(t->software);
    free(t->layers);
    free(t->counters);
}

// Keys beside those of every record.
static sz_status add_keys(const sz_bench_sweep *r, const sz_case *c, const sz_buf *line,
                          const sz_bench *b, const json_t *answer, const char *error) {
    static const char *const taken[] = {
        "check",       "training",          "stopped_by",     "steady",        "calls_per_sample",
        "load_s",
        "layers_runs", "layers_whole_runs", "layers_whole_s", "layers_quick_s"};
    json_t *record = json_loadb(line->data, line->size, 0, NULL);
    const char *why = why_no_roof(r, b);
    if (!record) return sz_no_memory(r->ctx);
    json_object_set_new(record, "env_changed",
                        sz_env_changed(r->ctx, r->env, r->options->environment));
    if (error) json_object_set_new(record, "error", json_string(error));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (json_object_get(answer, taken[i]))
            json_object_set(record, taken[i], json_object_get(answer, taken[i]));
    json_t *domains = json_object_get(json_object_get(answer, "energy"), "domains");
    if (domains) json_object_set(json_object_get(record, "energy"), "domains", domains);
    if (r->options->layers && !error && isnan(b->layers_sum_s))
        json_object_set_new(record, "layers_why",
                            json_string("the library tells no times of layers"));
    char other[128];
    if (sz_bench_other_format(c, answer, other, sizeof other))
        json_object_set_new(record, "warnings", json_pack("[s]", other));
    if (why && !error)
        json_object_set_new(json_object_get(record, "rate"), "of_roof_why", json_string(why));
    sz_buf whole;
    sz_json j;
    sz_buf_init(&whole, r->ctx);
    sz_json_init(&j, &whole, 0);
    sz_value_put(&j, record);
    json_decref(record);
    // The writer ends the outermost object with a newline.
    sz_status status = sz_buf_status(&whole);
    if (status == SZ_OK) status = r->options->emit(r->options->user, whole.data, whole.size);
    sz_buf_finish(&whole);
    return status;
}

// Ran in another format than was asked for? A product of pieces is meant to: its accuracy is told.
bool sz_bench_other_format(const sz_case *c, const json_t *answer, char *buf, size_t cap) {
    const char *ran = text_at(answer, "dtype"), *sums = text_at(answer, "sums");
    if (!c->asked || !ran || strcmp(c->asked, ran) == 0) return false;
    if (json_object_get(answer, "accuracy")) return false;
    snprintf(buf, cap, "asked for %s, ran as %s%s%s", c->asked, ran,
             sums && strcmp(sums, ran) != 0 ? " with sums in " : "",
             sums && strcmp(sums, ran) != 0 ? sums : "");
    return true;
}

static void fill_facts(const sz_case *c, const char *backend, const json_t *answer,
                       const json_t *facts, const texts *t, sz_bench *b) {
    b->case_name = c->name;
    b->spec_json = c->spec, b->settings_json = t->settings;
    b->machine_json = t->machine, b->env_json = t->env, b->software_json = t->software;
    b->layers_json = t->layers, b->reproducer = t->reproducer;
    b->layers_sum_s = t->layers_sum_s;
    b->ran_as.backend = backend;
    b->ran_as.version = text_at(facts, "version");
    b->counters_json = t->counters;
    b->count.macs = c->macs >= 0 ? (double)c->macs : NAN;
    b->count.flops = c->flops >= 0 ? (double)c->flops : NAN;
    b->count.bytes_moved = c->bytes_moved >= 0 ? (double)c->bytes_moved : NAN;
    if (!json_object_get(answer, "samples_s")) return;
    b->ran_as.dtype = text_at(answer, "dtype");
    b->ran_as.accumulation = text_at(answer, "sums");
    b->ran_as.kernel = t->kernels;
    b->ran_as.threads = json_integer_value(json_object_get(answer, "threads"));
    b->verdict = text_at(answer, "verdict"), b->next_step = text_at(answer, "next_step");
}

sz_status sz_bench_emit(const sz_bench_sweep *r, const sz_case *c, const char *backend,
                        const json_t *answer, const json_t *facts, const char *started,
                        const char *error) {
    const size_t n = json_array_size(json_object_get(answer, "samples_s"));
    double *samples = sz_alloc(r->ctx, (n + 1) * sizeof *samples);
    texts *t = sz_alloc(r->ctx, sizeof *t);
    sz_bench b;
    sz_buf line;
    sz_bench_init(&b);
    sz_buf_init(&line, r->ctx);
    sz_status status = samples && t ? SZ_OK : sz_no_memory(r->ctx);
    if (status == SZ_OK) {
        make_texts(r, c, backend, answer, facts, t);
        fill_facts(c, backend, answer, facts, t, &b);
        b.started_utc = started;
        b.asked = (r->options->layers ? SZ_ASKED_LAYERS : 0u) |
                  (r->options->energy ? SZ_ASKED_ENERGY : 0u) |
                  (r->options->counters ? SZ_ASKED_COUNTERS : 0u);
        status = fill_time(r, answer, samples, n, &b);
        fill_rates(r, c, &b);
        if (status == SZ_OK) status = fill_accuracy(r, answer, &b);
    }
    if (status == SZ_OK) status = fill_energy(r, c, answer, &b);
    if (status == SZ_OK) status = sz_bench_json(r->ctx, &b, &line);
    if (status == SZ_OK) status = add_keys(r, c, &line, &b, answer, error);
    sz_buf_finish(&line);
    if (t) free_texts(t);
    sz_free(r->ctx, t, sizeof *t);
    sz_free(r->ctx, samples, (n + 1) * sizeof *samples);
    return status;
}

sz_status sz_bench_hash(const sz_bench_sweep *r, const sz_case *c, const char *backend,
                        char ret_hash[SZ_HASH_DIGITS + 1]) {
    json_t *spec = NULL, *settings = settings_of(r, c, backend);
    sz_status status = sz_value_parse(r->ctx, c->spec, strlen(c->spec), &spec);
    json_t *record = json_pack("{s:o?, s:o?, s:O}", "spec", spec, "settings", settings, "machine",
                               r->machine);
    if (status == SZ_OK) status = record ? sz_record_hash(r->ctx, record) : sz_no_memory(r->ctx);
    if (status == SZ_OK)
        snprintf(ret_hash, SZ_HASH_DIGITS + 1, "%s",
                 json_string_value(json_object_get(record, "case_hash")));
    json_decref(record);
    return status;
}
