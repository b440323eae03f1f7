// SPDX-License-Identifier: Apache-2.0
// Who runs how much of a net: `bench_rungs BACKEND THREADS RUNS SPEC...` prints for each net the
// median time of a run, memory, the share of it that each backend of the job took, and the slowest
// operators that the library refused.
#include <stdio.h>
#include <stdlib.h>

#include "machine/measure/stats.h"
#include "model/graph/model.h"
#include "os/clock.h"
#include "run/backends/job.h"

enum { MOST = 64, SHOWN = 6 };

typedef struct share {
    char name[64];
    double time_s;
    int nodes;
} share;

static void add(share *all, int *n, const char *name, double time_s) {
    int i = 0;
    while (i < *n && strcmp(all[i].name, name) != 0) i++;
    if (i == MOST) return;
    if (i == *n) {
        snprintf(all[i].name, sizeof all[i].name, "%s", name);
        ++*n;
    }
    all[i].time_s += time_s, all[i].nodes++;
}

static int slower(const void *a, const void *b) {
    const double x = ((const share *)a)->time_s, y = ((const share *)b)->time_s;
    return (x < y) - (x > y);
}

static void print_shares(const sz_runner_type *type, void *state) {
    share rungs[MOST] = {0}, refused[MOST] = {0};
    int n_rungs = 0, n_refused = 0;
    double sum = 0;
    for (size_t i = 0; i < type->layer_count(state); i++) {
        const sz_run_layer l = type->layer(state, i);
        char name[64];
        snprintf(name, sizeof name, "%s/%.*s", l.backend, (int)l.op.len, l.op.p);
        add(rungs, &n_rungs, l.backend, l.time_s);
        if (l.why) add(refused, &n_refused, name, l.time_s);
        sum += l.time_s;
    }
    for (int i = 0; i < n_rungs; i++)
        printf(" %s %.1f%% (%d)", rungs[i].name, 100 * rungs[i].time_s / sum, rungs[i].nodes);
    qsort(refused, (size_t)n_refused, sizeof *refused, slower);
    printf("\n   ");
    for (int i = 0; i < n_refused && i < SHOWN; i++)
        printf(" %s %.3f ms (%d)", refused[i].name, 1e3 * refused[i].time_s, refused[i].nodes);
    printf("\n");
}

static int one(sz_ctx *ctx, const sz_backend *b, void *library, int threads, int runs,
               const char *spec) {
    double times[MOST];
    sz_model *m;
    sz_job *job;
    if (sz_model_load(ctx, spec, NULL, &m) != SZ_OK ||
        sz_job_create(ctx, m->graph, b, library, &(sz_run_how){.threads = threads, .seed = 1},
                      &job) != SZ_OK) {
        printf("%s: %s\n", spec, sz_ctx_error(ctx));
        return 1;
    }
    if (sz_job_run(job) != SZ_OK) return 1;
    for (int i = 0; i < runs; i++) {
        const double start = sz_clock_s();
        if (sz_job_run(job) != SZ_OK) return 1;
        times[i] = sz_clock_s() - start;
    }
    for (int i = 0; i < runs; i++)
        if (sz_job_runner.profile(job) != SZ_OK) return 1;
    printf("%s: %.3f ms;", spec, 1e3 * sz_stats_of(times, (size_t)runs).median);
    print_shares(&sz_job_runner, job);
    fflush(stdout);
    sz_job_destroy(job);
    sz_model_destroy(m);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_backend *b = sz_backend_find(argv[1]);
    const int threads = atoi(argv[2]), runs = atoi(argv[3]);
    void *library = NULL;
    int bad = 0;
    if (!b || runs < 1 || runs > MOST || b->open(ctx, NULL, &library) != SZ_OK) return 2;
    for (int i = 4; i < argc; i++) bad |= one(ctx, b, library, threads, runs, argv[i]);
    sz_ctx_destroy(ctx);
    return bad;
}
