// SPDX-License-Identifier: Apache-2.0
// Google Benchmark: {"context": {...}, "benchmarks": [rows]} (src/json_reporter.cc). The
// repetitions of a benchmark are rows with the same run_name; real_time is that of one iteration in
// time_unit.
#include "run/results/records.h"

#include <math.h>
#include <stdio.h>

bool sz_is_google(const json_t *root) {
    return json_is_object(json_object_get(root, "context")) &&
           json_is_array(json_object_get(root, "benchmarks"));
}

// Seconds in a time_unit; NaN for one that is not known.
static double unit_of(const json_t *row) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    const char *name = sz_string(row, "time_unit");
    for (size_t i = 0; i < 4; i++)
        if (name && strcmp(name, units[i].name) == 0) return units[i].seconds;
    return NAN;
}

// Old files have no run_name: there a row is called like its run.
static const char *run_name(const json_t *row) {
    const char *name = sz_string(row, "run_name");
    return name ? name : sz_string(row, "name");
}

static bool is_aggregate(const json_t *row) {
    const char *type = sz_string(row, "run_type");
    return type && strcmp(type, "aggregate") == 0;
}

// ---- one benchmark -----------------------------------------------------------------------------

typedef struct gathered {
    const char *name;
    int64_t threads;
    json_t *rows, *times; // arrays: all rows as they are; seconds
    double byte_per_s, items_per_s;
    const char *error, *label;
    sz_bench_time summary; // of aggregates
} gathered;

// Statistics that the tool worked out itself, where it left out the repetitions.
static void take_aggregate(gathered *g, const json_t *row, double unit) {
    const char *what = sz_string(row, "aggregate_name");
    const double time = sz_number(row, "real_time") * unit;
    if (!what) return;
    if (strcmp(what, "mean") == 0) g->summary.mean_s = time;
    if (strcmp(what, "median") == 0) g->summary.median_s = time;
    if (strcmp(what, "stddev") == 0) g->summary.stddev_s = time;
    if (strcmp(what, "mean") == 0 || strcmp(what, "median") == 0) {
        g->byte_per_s = sz_number(row, "bytes_per_second");
        g->items_per_s = sz_number(row, "items_per_second");
    }
}

static sz_status take_row(sz_ctx *ctx, gathered *g, json_t *row) {
    const double unit = unit_of(row), time = sz_number(row, "real_time") * unit;
    if (json_array_append(g->rows, row) != 0) return sz_no_memory(ctx);
    if (json_is_true(json_object_get(row, "error_occurred"))) {
        g->error = sz_string(row, "error_message");
        if (!g->error) g->error = "no reason given";
        return SZ_OK;
    }
    if (sz_string(row, "label")) g->label = sz_string(row, "label");
    if (is_aggregate(row)) return take_aggregate(g, row, unit), SZ_OK;
    if (isnan(unit)) return sz_fail(ctx, SZ_ERR_INPUT, "'time_unit' is not ns, us, ms or s");
    if (!(time > 0)) return sz_fail(ctx, SZ_ERR_INPUT, "'real_time' is not a number above 0");
    g->byte_per_s = sz_number(row, "bytes_per_second");
    g->items_per_s = sz_number(row, "items_per_second");
    return json_array_append_new(g->times, json_real(time)) == 0 ? SZ_OK : sz_no_memory(ctx);
}

static json_t *machine_of(const json_t *context) {
    return json_pack("{s:O*,s:{s:O*,s:O*}}", "name", json_object_get(context, "host_name"), "cpu",
                     "threads", json_object_get(context, "num_cpus"), "mhz",
                     json_object_get(context, "mhz_per_cpu"));
}

static sz_status add(sz_ctx *ctx, sz_bench_set *set, const json_t *context, const gathered *g) {
    sz_foreign f;
    double *times = NULL;
    size_t n;
    SZ_TRY(sz_foreign_times(ctx, g->times, "real_time", 1, &times, &n));
    json_t *original = json_pack("{s:O,s:O}", "context", context, "benchmarks", g->rows);
    sz_foreign_init(&f, "google-benchmark", original);
    snprintf(f.case_name, sizeof f.case_name, "%s", g->name);
    f.spec = json_pack("{s:s,s:s,s:s*}", "kind", "google-benchmark", "name", g->name, "label",
                       g->label);
    f.settings = json_pack("{s:I}", "threads", (json_int_t)g->threads);
    f.machine = machine_of(context);
    f.software = json_pack("{s:O*,s:O*}", "executable", json_object_get(context, "executable"),
                           "library_build_type", json_object_get(context, "library_build_type"));
    f.bench.started_utc = NULL; // "date" has the zone of the machine: it stays in the original
    f.bench.time = g->summary;
    sz_status status = n ? sz_foreign_take(ctx, &f, times, n) : SZ_OK;
    f.bench.ran_as.threads = g->threads;
    f.bench.rate.byte_per_s = g->byte_per_s;
    f.bench.rate.samples_per_s = g->items_per_s;
    const sz_status added = sz_foreign_add(ctx, set, &f);
    json_decref(original);
    sz_free(ctx, times, n * sizeof *times);
    return status != SZ_OK ? status : added;
}

// ---- all ---------------------------------------------------------------------------------------

typedef struct gathering {
    sz_ctx *ctx;
    sz_map index;   // of names with their number of threads
    sz_arena names; // its keys
    SZ_VEC(gathered) runs;
} gathering;

static sz_status begin_run(gathering *w, const json_t *row, int64_t threads) {
    sz_bench none;
    sz_bench_init(&none);
    const gathered g = {.name = run_name(row),
                        .threads = threads,
                        .rows = json_array(),
                        .times = json_array(),
                        .byte_per_s = NAN,
                        .items_per_s = NAN,
                        .summary = none.time};
    if (g.rows && g.times && sz_vec_push(w->ctx, &w->runs, g)) return SZ_OK;
    json_decref(g.rows);
    json_decref(g.times);
    return sz_no_memory(w->ctx);
}

// The run that a row belongs to, begun with its first row.
static sz_status find_run(gathering *w, const json_t *row, gathered **ret_run) {
    char key[1024];
    int32_t at;
    const int64_t threads = json_integer_value(json_object_get(row, "threads"));
    if (!run_name(row)) return sz_fail(w->ctx, SZ_ERR_INPUT, "'name' is not a string");
    const int n = snprintf(key, sizeof key, "%lld %s", (long long)threads, run_name(row));
    if (n < 0 || (size_t)n >= sizeof key)
        return sz_fail(w->ctx, SZ_ERR_LIMIT, "a name is longer than 1000 bytes");
    if (!sz_map_get(&w->index, sz_str_c(key), &at)) {
        const char *copy = sz_arena_strdup(&w->names, key, (size_t)n);
        if (!copy) return sz_no_memory(w->ctx);
        at = (int32_t)w->runs.n;
        SZ_TRY(begin_run(w, row, threads));
        SZ_TRY(sz_map_put(&w->index, (sz_str){copy, (uint32_t)n}, at));
    }
    *ret_run = &w->runs.items[at];
    return SZ_OK;
}

static sz_status gather(gathering *w, const json_t *rows) {
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        gathered *run;
        sz_status status = find_run(w, row, &run);
        if (status == SZ_OK) status = take_row(w->ctx, run, row);
        if (status != SZ_OK) return sz_place(w->ctx, status, "benchmark %zu", i + 1);
    }
    return SZ_OK;
}

static sz_status add_all(gathering *w, sz_bench_set *set, const json_t *context) {
    for (size_t i = 0; i < w->runs.n; i++) {
        gathered *g = &w->runs.items[i];
        // The rate of one repetition is not that of their median.
        if (json_array_size(g->times) > 1) g->byte_per_s = g->items_per_s = NAN;
        if (g->error)
            sz_warn(w->ctx, "google-benchmark: '%s' failed: %s", sz_show(w->ctx, sz_str_c(g->name)),
                    sz_show(w->ctx, sz_str_c(g->error)));
        SZ_TRY(add(w->ctx, set, context, g));
    }
    return SZ_OK;
}

sz_status sz_read_google(sz_ctx *ctx, sz_bench_set *set, const json_t *root) {
    gathering w = {.ctx = ctx};
    sz_map_init(&w.index, ctx);
    sz_arena_init(&w.names, ctx);
    sz_status status = gather(&w, json_object_get(root, "benchmarks"));
    if (status == SZ_OK) status = add_all(&w, set, json_object_get(root, "context"));
    for (size_t i = 0; i < w.runs.n; i++) {
        json_decref(w.runs.items[i].rows);
        json_decref(w.runs.items[i].times);
    }
    sz_vec_finish(ctx, &w.runs);
    sz_map_finish(&w.index);
    sz_arena_finish(&w.names);
    return status;
}
