// SPDX-License-Identifier: Apache-2.0
// How long the steps of a prediction take: bench_predictions [NET]. The calibration is made up, of
// as many kernels as ten minutes give; to read it from its file is a step that a program takes
// once. Exit 1 when a prediction (load, costs, estimate) of a net of 1000 nodes takes more than 10
// ms.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/measure/stats.h"
#include "os/clock.h"
#include "predict/calibration.h"

enum { REPEATS = 21, POINTS = 9000 };
static const double LIMIT_S = 10e-3;

static const char machine_json[] =
    "{\"schema\":\"sizeup.machine/1\",\"name\":\"made up\",\"source\":\"measured\","
    "\"fingerprint\":\"0123456789abcdef\",\"cpu\":{\"threads\":1},"
    "\"peaks\":[{\"dtype\":\"f32\",\"op\":\"fma\",\"threads\":1,\"flop_per_s\":1e11}],"
    "\"levels\":[{\"name\":\"L2\",\"capacity_bytes\":1000000,\"instances\":1,\"bandwidth\":"
    "[{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":5e10}]},"
    "{\"name\":\"DRAM\",\"capacity_bytes\":16000000000,\"bandwidth\":"
    "[{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":1e10}]}]}";

typedef enum step { LOAD, COSTS, ROOFLINE, READ, CALIBRATED, N_STEPS } step;
static const char *const names[N_STEPS] = {"load", "costs", "estimate, roofline",
                                           "read the calibration", "estimate, calibrated"};

static void check(sz_ctx *ctx, sz_status status) {
    if (status == SZ_OK) return;
    fprintf(stderr, "bench: %s\n", sz_ctx_error(ctx));
    exit(1);
}

// Points around the kernels of the net, within a factor of e^2.
static void add_points(sz_calibration *c, const sz_costs *costs) {
    unsigned seed = 1;
    const size_t rows = sz_costs_node_count(costs);
    for (int32_t i = 0; i < POINTS; i++) {
        sz_features f, any;
        seed = seed * 1664525u + 1013904223u;
        const size_t row = (seed >> 8) % rows;
        if (!sz_features_of(costs, row, &f)) continue;
        sz_features_any(costs, row, &any);
        for (int a = 0; a < f.n; a++) {
            seed = seed * 1664525u + 1013904223u;
            f.x[a] += 4 * ((double)(seed >> 8) / (1 << 24) - 0.5);
        }
        sz_features_put_around(&f, 1e-6, 0, (sz_fetch){0}, &(sz_around){1e6, 0, 1});
        sz_features_put_around(&any, 1e-6, 0, (sz_fetch){0}, &(sz_around){1e6, 0, 1});
        check(c->ctx, sz_calibration_add(c, &f, 2e-6, i));
        check(c->ctx, sz_calibration_add(c, &any, 2e-6, i));
    }
    check(c->ctx, sz_calibration_settle(c));
}

static void make_calibration(sz_ctx *ctx, const sz_costs *costs, const char *folder) {
    sz_calibration *c;
    check(ctx, sz_calibration_create(ctx, &c));
    c->backend = "ideal", c->version = "1", c->dtype = "f32", c->threads = 1;
    c->fingerprint = "0123456789abcdef";
    check(ctx,
          sz_machine_parse(ctx, "made up", machine_json, sizeof machine_json - 1, &c->machine));
    add_points(c, costs);
    check(ctx, sz_calibration_save(ctx, c, folder));
    sz_calibration_destroy(c);
}

static void estimate(sz_ctx *ctx, const sz_costs *costs, const sz_machine *machine,
                     const sz_calibration *c) {
    const sz_predict_options how = {.level = c ? "calibrated" : "roofline", .calibration = c};
    sz_estimate *e;
    check(ctx, sz_estimate_create(ctx, costs, machine, &how, &e));
    sz_estimate_destroy(e);
}

static size_t run(const char *net, const char *folder, bool first, double times[N_STEPS]) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_machine *machine;
    sz_model *model;
    sz_costs *costs;
    sz_calibration *c;
    check(ctx, sz_machine_parse(ctx, "made up", machine_json, sizeof machine_json - 1, &machine));
    double at[N_STEPS + 1] = {sz_clock_s()};
    check(ctx, sz_model_load(ctx, net, NULL, &model));
    at[COSTS] = sz_clock_s();
    check(ctx, sz_costs_create(ctx, model, NULL, &costs));
    if (first) make_calibration(ctx, costs, folder);
    at[ROOFLINE] = sz_clock_s();
    estimate(ctx, costs, machine, NULL);
    at[READ] = sz_clock_s();
    check(ctx, sz_calibration_load(ctx, folder, "ideal", NULL, 1, &c));
    at[CALIBRATED] = sz_clock_s();
    estimate(ctx, costs, machine, c);
    at[N_STEPS] = sz_clock_s();
    for (int s = 0; s < N_STEPS; s++) times[s] = at[s + 1] - at[s];
    const size_t nodes = sz_costs_node_count(costs);
    sz_calibration_destroy(c);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    sz_machine_destroy(machine);
    sz_ctx_destroy(ctx);
    return nodes;
}

int main(int argc, char **argv) {
    const char *net = argc > 1 ? argv[1] : "bert:layers=31";
    char folder[] = "/tmp/sizeup-predictions-XXXXXX", path[64];
    double times[N_STEPS][REPEATS], one[N_STEPS], medians[N_STEPS];
    size_t nodes = 0;
    if (!mkdtemp(folder)) return 1;
    (void)run(net, folder, true, one);
    for (int r = 0; r < REPEATS; r++) {
        nodes = run(net, folder, false, one);
        for (int s = 0; s < N_STEPS; s++) times[s][r] = one[s];
    }
    snprintf(path, sizeof path, "%s/ideal-t1.json", folder);
    unlink(path);
    rmdir(folder);
    printf("predict %s, %zu nodes; medians of %d, least to most\n", net, nodes, REPEATS);
    for (int s = 0; s < N_STEPS; s++) {
        sz_sort_values(times[s], REPEATS);
        medians[s] = sz_quantile(times[s], REPEATS, 0.5);
        printf("  %-24s %8.3f ms  %8.3f to %.3f ms\n", names[s], medians[s] * 1e3,
               times[s][0] * 1e3, times[s][REPEATS - 1] * 1e3);
    }
    const double roofline = medians[LOAD] + medians[COSTS] + medians[ROOFLINE];
    const double calibrated = roofline - medians[ROOFLINE] + medians[CALIBRATED];
    printf("  load, costs, estimate: roofline %.3f ms, calibrated %.3f ms; allowed %.0f ms\n",
           roofline * 1e3, calibrated * 1e3, LIMIT_S * 1e3);
    return roofline > LIMIT_S || calibrated > LIMIT_S;
}
