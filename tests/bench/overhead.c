// SPDX-License-Identifier: Apache-2.0
// What the harness adds to a library's call: the same matrix product through a job and the protocol
// and in a bare loop, in turns; and of oneDNN, the step against its primitive alone. Prints the
// ratio of the medians; fails above 2 %.
#include <stdio.h>
#include <stdlib.h>

#include "machine/measure/stats.h"
#include "model/graph/model.h"
#include "os/clock.h"
#include "run/backends/job.h"
#include "run/backends/onednn/onednn.h"
#include "run/bench/protocol.h"

enum { ROUNDS = 300, CALLS = 20, SIZE = 64 };

static double wall(void *user) {
    (void)user;
    return sz_clock_s();
}

static sz_status run(void *user, int64_t n) {
    for (int64_t i = 0; i < n; i++) SZ_TRY(sz_job_run(user));
    return SZ_OK;
}

// Bare: the step's own function on the first set, with nothing around it. In turns, so that the
// clock and the neighbours of the machine are the same for both.
static double bare_loop(const sz_step *s) {
    const double start = sz_clock_s();
    for (int i = 0; i < CALLS; i++)
        if (s->run(s->state, i & 1) != SZ_OK) return 0;
    return (sz_clock_s() - start) / CALLS;
}

static double harness(sz_ctx *ctx, sz_job *job) {
    const sz_timed timed = {run, NULL, job};
    const sz_protocol p = {.clock = wall, .budget_s = 1e-4, .seed = 1};
    sz_timing t = {.calls = 0};
    if (sz_protocol_run(ctx, &p, &timed, 1, &t) != SZ_OK) return 0;
    const double s = t.samples.items[0];
    sz_timing_finish(ctx, &t);
    return s;
}

static int compare(sz_ctx *ctx, const char *backend) {
    const sz_backend *b = sz_backend_find(backend);
    char spec[64];
    void *library = NULL;
    sz_model *m;
    sz_job *job;
    double ours[ROUNDS], theirs[ROUNDS];
    if (b->open(ctx, NULL, &library) != SZ_OK) {
        printf("harness on %s: skipped: %s\n", backend, sz_ctx_error(ctx));
        return 0;
    }
    snprintf(spec, sizeof spec, "gemm:m=%d,n=%d,k=%d", SIZE, SIZE, SIZE);
    if (sz_model_load(ctx, spec, NULL, &m) != SZ_OK ||
        sz_job_create(ctx, m->graph, b, library, &(sz_run_how){.threads = 1, .seed = 1}, &job) !=
            SZ_OK) {
        printf("harness on %s: %s\n", backend, sz_ctx_error(ctx));
        return 1;
    }
    for (int i = 0; i < ROUNDS; i++) {
        theirs[i] = bare_loop(&job->nodes.items[0].step);
        ours[i] = harness(ctx, job);
    }
    const double a = sz_stats_of(ours, ROUNDS).median, z = sz_stats_of(theirs, ROUNDS).median;
    printf("harness on %s: gemm of %d takes %.2f us, in a bare loop %.2f us: ratio %.4f\n", backend,
           SIZE, a * 1e6, z * 1e6, a / z);
    sz_job_destroy(job);
    sz_model_destroy(m);
    return a / z > 1.02;
}

// ---- a primitive of oneDNN by hand -------------------------------------------------------------

typedef struct bare {
    const sz_dnnl *lib;
    void *primitive;
    sz_dnnl_exec args[3];
} bare;

static float numbers[3][SIZE * SIZE];

// Weights in the layout that the primitive likes, as the step has them. Nothing is given back: the
// program ends.
static int make_bare(bare *b, sz_dnnl_plan *p) {
    static const int roles[] = {SZ_DNNL_SRC, SZ_DNNL_WEIGHTS, SZ_DNNL_DST};
    const int64_t dims[] = {SIZE, SIZE}, strides[] = {SIZE, 1};
    sz_dnnl_stage s = {.kind = SZ_DNNL_MATMUL, .direction = SZ_DNNL_INFERENCE, .n = 3};
    void *desc;
    int status = 0;
    for (int i = 0; i < 3; i++) {
        s.operands[i].role = roles[i];
        status |= b->lib->by->describe(p, 2, dims, SZ_DNNL_F32, i == 1 ? NULL : strides,
                                       &s.operands[i].dense);
        s.operands[i].asked = s.operands[i].dense;
    }
    status |= b->lib->by->primitive(p, &s, NULL, &desc);
    if (status != SZ_DNNL_SUCCESS) return status;
    for (int i = 0; i < 3; i++) {
        const void *md = b->lib->primitive_desc_query_md(desc, SZ_DNNL_EXEC_ARG, roles[i]);
        void *at = i == 1 ? (void *)UINTPTR_MAX : numbers[i]; // the library's own memory
        b->args[i].role = roles[i];
        status |= b->lib->memory_create(&b->args[i].memory, md, b->lib->engine, at);
    }
    return status | b->lib->primitive_create(&b->primitive, desc);
}

static double primitive_loop(const bare *b) {
    const double start = sz_clock_s();
    for (int i = 0; i < CALLS; i++) {
        b->lib->primitive_execute(b->primitive, b->lib->stream, 3, b->args);
        b->lib->stream_wait(b->lib->stream);
    }
    return (sz_clock_s() - start) / CALLS;
}

static int compare_step(sz_ctx *ctx) {
    static double ours[ROUNDS], theirs[ROUNDS];
    char spec[64];
    void *library = NULL;
    sz_model *m;
    sz_job *job;
    if (sz_backend_onednn.open(ctx, NULL, &library) != SZ_OK) return 0; // said above
    bare b = {.lib = library};
    sz_dnnl_plan *p = sz_alloc(ctx, sizeof *p);
    if (!p) return 1;
    p->lib = library;
    sz_arena_init(&p->arena, ctx);
    snprintf(spec, sizeof spec, "gemm:m=%d,n=%d,k=%d", SIZE, SIZE, SIZE);
    if (make_bare(&b, p) != SZ_DNNL_SUCCESS || sz_model_load(ctx, spec, NULL, &m) != SZ_OK ||
        sz_job_create(ctx, m->graph, &sz_backend_onednn, library,
                      &(sz_run_how){.threads = 1, .seed = 1}, &job) != SZ_OK) {
        printf("step of onednn: %s\n", sz_ctx_error(ctx));
        return 1;
    }
    for (int i = 0; i < ROUNDS; i++) {
        theirs[i] = primitive_loop(&b);
        ours[i] = bare_loop(&job->nodes.items[0].step);
    }
    const double a = sz_stats_of(ours, ROUNDS).median, z = sz_stats_of(theirs, ROUNDS).median;
    printf("step of onednn: gemm of %d takes %.2f us, its primitive alone %.2f us: ratio %.4f\n",
           SIZE, a * 1e6, z * 1e6, a / z);
    sz_job_destroy(job);
    sz_model_destroy(m);
    sz_arena_finish(&p->arena);
    sz_free(ctx, p, sizeof *p);
    return a / z > 1.02;
}

int main(void) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    int bad = compare(ctx, "blas");
    sz_ctx_clear(ctx);
    bad |= compare(ctx, "onednn");
    bad |= compare_step(ctx);
    sz_ctx_destroy(ctx);
    return bad;
}
