// SPDX-License-Identifier: Apache-2.0
// undertherain/benchmarker: one object per run, of any of its layouts from 2018 on. It knows only
// totals: `time` or `time_epoch` is one epoch in seconds, the mean over `nb_epoch` of them; an
// epoch has problem.cnt_batches_per_epoch batches. The case that we record is one batch.
#include "run/results/records.h"

#include <math.h>
#include <stdio.h>

#include "store/value.h"

#define GIGA 1e9

bool sz_is_benchmarker(const json_t *root) {
    return sz_string(root, "framework") && json_is_object(json_object_get(root, "problem")) &&
           (json_object_get(root, "time") || json_object_get(root, "time_epoch") ||
            json_object_get(root, "time_total") || json_object_get(root, "time_batch"));
}

// Keys that say what came out, where, or of which version; all others are settings.
static bool is_setting(const char *key) {
    static const char *const others[] = {
        "problem",        "platform", "power",      "path_out",           "path_ext",
        "framework_full", "misc",     "start_time", "samples_per_second", NULL};
    for (int i = 0; others[i]; i++)
        if (strcmp(key, others[i]) == 0) return false;
    return strncmp(key, "time", 4) != 0 && strncmp(key, "gflop_per_", 10) != 0 &&
           strncmp(key, "samples_per_", 12) != 0;
}

static bool is_spec(const char *key) { return strcmp(key, "gflop_measured") != 0; }

static json_t *spec_of(const json_t *problem) {
    json_t *kept = sz_foreign_settings(problem, is_spec);
    return kept ? json_pack("{s:s,s:o}", "kind", "benchmarker", "problem", kept) : NULL;
}

static double first_known(double a, double b) { return isnan(a) ? b : a; }

static void take_times(sz_bench *b, const json_t *r) {
    const json_t *problem = json_object_get(r, "problem");
    const double batches = sz_number(problem, "cnt_batches_per_epoch");
    const double epochs = sz_number(r, "nb_epoch"), size = sz_number(r, "batch_size");
    double epoch = first_known(sz_number(r, "time_epoch"), sz_number(r, "time"));
    epoch = first_known(epoch, sz_number(r, "time_total") / epochs);
    const double batch = first_known(sz_number(r, "time_batch"), epoch / batches);
    const double total = batches * first_known(epochs, 1);
    if (batch > 0 && isfinite(batch)) b->time.mean_s = batch;
    if (total >= 1 && total < 1e15) b->time.n = (int64_t)total;
    b->rate.samples_per_s = first_known(sz_number(r, "samples_per_second"), size / b->time.mean_s);
    b->rate.flop_per_s = sz_number(r, "gflop_per_second") * GIGA;
    b->count.flops = b->rate.flop_per_s * b->time.mean_s;
}

// Joules of all batches, so those of one are the share of one. A sum of 0 means that no sensor was
// read; the window is another than that of the time, so no rate is made of it.
static void take_energy(sz_bench *b, const json_t *r) {
    const double joules = sz_number(json_object_get(r, "power"), "joules_total");
    if (!(joules > 0)) {
        b->energy.why = isnan(joules) ? "the file has none"
                                      : "the file says 0 J: no sensor was read";
        return;
    }
    b->energy.method = "benchmarker: RAPL and NVML, sampled";
    b->energy.why =
        "covers preheating and set-up too, unlike the time: see imported.original.power";
}

static json_t *machine_of(const json_t *r) {
    const json_t *cpu = sz_value_at(r, "platform.cpu");
    return json_pack("{s:O*,s:{s:O*,s:O*,s:O*},s:O*}", "name", sz_value_at(r, "platform.host"),
                     "cpu", "model", json_object_get(cpu, "brand"), "cores",
                     json_object_get(cpu, "physical_cores"), "threads",
                     json_object_get(cpu, "logical_cores"), "device", json_object_get(r, "device"));
}

sz_status sz_read_benchmarker(sz_ctx *ctx, sz_bench_set *set, const json_t *r) {
    sz_foreign f;
    const json_t *problem = json_object_get(r, "problem");
    const char *name = sz_string(problem, "name"), *mode = sz_string(r, "mode");
    const char *full = sz_string(r, "framework_full"), *dtype = sz_string(problem, "precision");
    sz_foreign_init(&f, "benchmarker", r);
    snprintf(f.case_name, sizeof f.case_name, "%s %s%s%s batch %.0f", sz_string(r, "framework"),
             name ? name : "?", mode ? " " : "", mode ? mode : "",
             first_known(sz_number(r, "batch_size"), 0));
    f.spec = spec_of(problem);
    f.settings = sz_foreign_settings(r, is_setting);
    f.machine = machine_of(r);
    f.software = json_pack("{s:O*}", "framework", json_object_get(r, "framework_full"));
    f.bench.ran_as.backend = sz_string(r, "framework");
    f.bench.ran_as.version = full;
    f.bench.ran_as.dtype = dtype ? dtype : sz_string(problem, "numerics");
    take_times(&f.bench, r);
    take_energy(&f.bench, r);
    if (isnan(f.bench.time.mean_s))
        sz_warn(ctx, "benchmarker: '%s' has no time of a batch",
                sz_show(ctx, sz_str_c(f.case_name)));
    return sz_foreign_add(ctx, set, &f);
}
