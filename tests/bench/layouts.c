// SPDX-License-Identifier: Apache-2.0
// What it saves that results stay as oneDNN wrote them: the same net with every result dense, in
// turns. `bench_layouts THREADS SPEC...` prints both medians with their spread (from 5 to 95 % of
// the runs, as a share of the median), their ratio and n. The library's threads are
// OMP_NUM_THREADS.
#include <stdio.h>
#include <stdlib.h>

#include "machine/measure/stats.h"
#include "model/graph/model.h"
#include "os/clock.h"
#include "run/backends/job.h"

enum { TURNS = 12, FIRST = 4, TIMED = 4, N = TURNS * TIMED }; // first ones: caches are the other's

static sz_status prepare_dense(void *library, const sz_node_call *call, sz_step *step) {
    static const bool no[64];
    sz_node_call dense = *call;
    if (call->node->n_outputs > 64) return SZ_ERR_LIMIT;
    dense.loose = no;
    return sz_backend_onednn.prepare(library, &dense, step);
}

static bool turn(sz_job *job, double *times) {
    for (int i = 0; i < FIRST + TIMED; i++) {
        const double start = sz_clock_s();
        if (sz_job_run(job) != SZ_OK) return false;
        if (i >= FIRST) times[i - FIRST] = sz_clock_s() - start;
    }
    return true;
}

static bool compare(sz_ctx *ctx, sz_graph *g, void *library, int threads, const char *spec) {
    sz_backend dense = sz_backend_onednn;
    dense.prepare = prepare_dense;
    const sz_backend *const backends[] = {&sz_backend_onednn, &dense};
    const sz_run_how how = {.threads = threads, .seed = 1};
    sz_job *jobs[2] = {NULL, NULL};
    static double times[2][N];
    bool fine = true;
    for (int k = 0; k < 2 && fine; k++)
        fine = sz_job_create(ctx, g, backends[k], library, &how, &jobs[k]) == SZ_OK;
    for (int t = 0; t < TURNS; t++)
        for (int k = 0; k < 2 && fine; k++) fine = turn(jobs[k], times[k] + (size_t)t * TIMED);
    for (int k = 0; k < 2; k++) sz_job_destroy(jobs[k]);
    if (!fine) return false;
    const sz_stats a = sz_stats_of(times[0], N), z = sz_stats_of(times[1], N);
    printf("layouts on onednn, %d threads: %s takes %.3f ms (spread %.0f %%), dense %.3f ms "
           "(%.0f %%): ratio %.3f, n = %d each\n",
           threads, spec, a.median * 1e3, 100 * a.spread, z.median * 1e3, 100 * z.spread,
           a.median / z.median, N);
    return true;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library = NULL;
    if (sz_backend_onednn.open(ctx, NULL, &library) != SZ_OK) {
        printf("layouts on onednn: skipped: %s\n", sz_ctx_error(ctx));
        sz_ctx_destroy(ctx);
        return 0;
    }
    int bad = 0;
    for (int i = 2; i < argc; i++) {
        sz_model *m;
        if (sz_model_load(ctx, argv[i], NULL, &m) != SZ_OK) {
            printf("layouts on onednn: %s: %s\n", argv[i], sz_ctx_error(ctx));
            bad = 1;
            continue;
        }
        if (!compare(ctx, m->graph, library, atoi(argv[1]), argv[i])) {
            printf("layouts on onednn: %s: %s\n", argv[i], sz_ctx_error(ctx));
            bad = 1;
        }
        sz_model_destroy(m);
    }
    sz_ctx_destroy(ctx);
    return bad;
}
