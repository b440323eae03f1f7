// SPDX-License-Identifier: Apache-2.0
// hyperfine --export-json: {"results": [{"command", "times": [seconds], "mean", ...}]}. All times
// are in seconds (hyperfine's README, "Export results"; src/export/json.rs).
#include "run/results/records.h"

#include <stdio.h>

bool sz_is_hyperfine(const json_t *root) {
    const json_t *first = json_array_get(json_object_get(root, "results"), 0);
    return sz_string(first, "command") &&
           (json_object_get(first, "times") || json_object_get(first, "mean"));
}

// Commands that failed were not what was meant to be timed: say so.
static void warn_of_failures(sz_ctx *ctx, const json_t *result, const char *command) {
    const json_t *codes = json_object_get(result, "exit_codes");
    const size_t n = json_array_size(codes);
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *code = json_array_get(codes, i);
        failed += !json_is_integer(code) || json_integer_value(code) != 0;
    }
    if (failed)
        sz_warn(ctx, "hyperfine: %zu of %zu runs of '%s' failed", failed, n,
                sz_show(ctx, sz_str_c(command)));
}

// Where only the summary was kept.
static void take_summary(sz_bench_time *t, const json_t *result) {
    t->mean_s = sz_number(result, "mean");
    t->stddev_s = sz_number(result, "stddev");
    t->median_s = sz_number(result, "median");
    t->min_s = sz_number(result, "min");
    t->max_s = sz_number(result, "max");
}

static sz_status read_result(sz_ctx *ctx, sz_bench_set *set, const json_t *result) {
    sz_foreign f;
    double *times = NULL;
    size_t n;
    const char *command = sz_string(result, "command");
    if (!command) return sz_fail(ctx, SZ_ERR_INPUT, "'command' is not a string");
    SZ_TRY(sz_foreign_times(ctx, json_object_get(result, "times"), "times", 1, &times, &n));
    sz_foreign_init(&f, "hyperfine", result);
    snprintf(f.case_name, sizeof f.case_name, "%s", command);
    f.spec = json_pack("{s:s,s:s,s:O*}", "kind", "command", "command", command, "parameters",
                       json_object_get(result, "parameters"));
    f.settings = json_object();
    f.machine = json_object(); // the file does not say
    f.software = json_object();
    sz_status status = n ? sz_foreign_take(ctx, &f, times, n) : SZ_OK;
    if (n == 0) take_summary(&f.bench.time, result);
    const sz_status added = sz_foreign_add(ctx, set, &f);
    sz_free(ctx, times, n * sizeof *times);
    warn_of_failures(ctx, result, command);
    return status != SZ_OK ? status : added;
}

sz_status sz_read_hyperfine(sz_ctx *ctx, sz_bench_set *set, const json_t *root) {
    const json_t *results = json_object_get(root, "results");
    for (size_t i = 0; i < json_array_size(results); i++) {
        sz_status status = read_result(ctx, set, json_array_get(results, i));
        if (status != SZ_OK) return sz_place(ctx, status, "result %zu", i + 1);
    }
    return SZ_OK;
}
