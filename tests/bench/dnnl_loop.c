// SPDX-License-Identifier: Apache-2.0
// Is a matrix product as fast here as where oneDNN is called by hand? The same product three ways,
// in turns: through a job and the protocol; in a bare loop on the primitive, with a wait after each
// call; and as benchdnn times it, many calls and one wait. Prints the ratios of the medians and of
// the 5th percentiles, which others on the machine disturb least; fails where those are off by over
// 2 %.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/measure/stats.h"
#include "model/graph/model.h"
#include "os/clock.h"
#include "os/dynlib.h"
#include "run/backends/job.h"
#include "run/bench/protocol.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#endif

#if defined DNNL_VERSION_MAJOR && DNNL_VERSION_MAJOR == 2
enum { ROUNDS = 301, SETS = 2 };

#define FUNCTIONS(F)                                                                               \
    F(engine_create)                                                                               \
    F(stream_create)                                                                               \
    F(stream_wait)                                                                                 \
    F(memory_desc_init_by_tag)                                                                     \
    F(memory_create)                                                                               \
    F(memory_get_data_handle)                                                                      \
    F(memory_desc_get_size)                                                                        \
    F(matmul_desc_init)                                                                            \
    F(primitive_desc_create)                                                                       \
    F(primitive_desc_query_md)                                                                     \
    F(primitive_create)                                                                            \
    F(primitive_execute)

typedef struct peer {
#define F(name) __typeof__(dnnl_##name) *name;
    FUNCTIONS(F)
#undef F
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[SETS][3];
} peer;

static void must(int fine, const char *what) {
    if (fine) return;
    printf("dnnl loop: %s failed\n", what);
    exit(1);
}

static void find(peer *p, void *library) {
#define F(name) must(sz_dynlib_symbol(library, "dnnl_" #name, &p->name), "dnnl_" #name);
    FUNCTIONS(F)
#undef F
}

// Numbers between -0.5 and 0.5: no denormals, nothing that is 0.
static dnnl_memory_t memory(const peer *p, dnnl_primitive_desc_t pd, dnnl_query_t query) {
    const dnnl_memory_desc_t *md = p->primitive_desc_query_md(pd, query, 0);
    dnnl_memory_t m;
    void *data;
    must(p->memory_create(&m, md, p->engine, DNNL_MEMORY_ALLOCATE) == dnnl_success, "memory");
    must(p->memory_get_data_handle(m, &data) == dnnl_success, "handle");
    float *numbers = data;
    for (size_t i = 0; i < p->memory_desc_get_size(md) / sizeof *numbers; i++)
        numbers[i] = (float)(rand() % 1000 + 1) / 1001 - 0.5f;
    return m;
}

// The library may choose the layouts, as it may for us: inputs and weights are packed beforehand.
static void prepare(peer *p, int n) {
    const dnnl_dims_t dims = {n, n};
    dnnl_memory_desc_t any;
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd;
    must(p->engine_create(&p->engine, dnnl_cpu, 0) == dnnl_success, "engine");
    must(p->stream_create(&p->stream, p->engine, dnnl_stream_default_flags) == dnnl_success,
         "stream");
    must(p->memory_desc_init_by_tag(&any, 2, dims, dnnl_f32, dnnl_format_tag_any) == dnnl_success,
         "description");
    must(p->matmul_desc_init(&desc, &any, &any, NULL, &any) == dnnl_success, "product");
    must(p->primitive_desc_create(&pd, &desc, NULL, p->engine, NULL) == dnnl_success, "choice");
    must(p->primitive_create(&p->primitive, pd) == dnnl_success, "primitive");
    const dnnl_memory_t weights = memory(p, pd, dnnl_query_weights_md),
                        out = memory(p, pd, dnnl_query_dst_md);
    for (int s = 0; s < SETS; s++) {
        p->args[s][0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory(p, pd, dnnl_query_src_md)};
        p->args[s][1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, weights};
        p->args[s][2] = (dnnl_exec_arg_t){DNNL_ARG_DST, out};
    }
}

static double loop(const peer *p, int calls, int waits) {
    const double start = sz_clock_s();
    for (int i = 0; i < calls; i++) {
        must(p->primitive_execute(p->primitive, p->stream, 3, p->args[i & 1]) == dnnl_success,
             "a call");
        if (waits) must(p->stream_wait(p->stream) == dnnl_success, "a wait");
    }
    must(p->stream_wait(p->stream) == dnnl_success, "a wait");
    return (sz_clock_s() - start) / calls;
}

// ---- ours --------------------------------------------------------------------------------------

static double wall(void *user) {
    (void)user;
    return sz_clock_s();
}

static sz_status run(void *user, int64_t n) {
    for (int64_t i = 0; i < n; i++) SZ_TRY(sz_job_run(user));
    return SZ_OK;
}

static double ours_once(sz_ctx *ctx, sz_job *job) {
    const sz_timed timed = {run, NULL, job};
    const sz_protocol p = {.clock = wall, .budget_s = 1e-6, .seed = 1};
    sz_timing t = {.calls = 0};
    must(sz_protocol_run(ctx, &p, &timed, 1, &t) == SZ_OK, "the protocol");
    const double s = t.samples.items[0];
    sz_timing_finish(ctx, &t);
    return s;
}

static int compare(sz_ctx *ctx, void *library, const sz_backend *b, void *opened, int n) {
    static double ours[ROUNDS], bare[ROUNDS], aggregate[ROUNDS];
    char spec[64];
    peer p;
    sz_model *m;
    sz_job *job;
    find(&p, library);
    prepare(&p, n);
    snprintf(spec, sizeof spec, "gemm:m=%d,n=%d,k=%d", n, n, n);
    must(sz_model_load(ctx, spec, NULL, &m) == SZ_OK, "the model");
    must(sz_job_create(ctx, m->graph, b, opened, &(sz_run_how){.threads = 1, .seed = 1}, &job) ==
             SZ_OK,
         "the job");
    const double once = loop(&p, 20, 1);
    const int calls = once < 2e-4 ? (int)(2e-4 / once) + 1 : 1;
    for (int i = 0; i < ROUNDS; i++) {
        bare[i] = loop(&p, calls, 1);
        ours[i] = ours_once(ctx, job);
        aggregate[i] = loop(&p, calls, 0);
    }
    const sz_stats a = sz_stats_of(ours, ROUNDS), z = sz_stats_of(bare, ROUNDS),
                   g = sz_stats_of(aggregate, ROUNDS);
    printf("oneDNN by hand: gemm of %d, n = %d: here %.2f us (5th percentile %.2f)\n"
           "  in a bare loop %.2f us (%.2f): ratio %.4f (%.4f)\n"
           "  as benchdnn times it %.2f us (%.2f): ratio %.4f (%.4f)\n",
           n, ROUNDS, a.median * 1e6, a.p5 * 1e6, z.median * 1e6, z.p5 * 1e6, a.median / z.median,
           a.p5 / z.p5, g.median * 1e6, g.p5 * 1e6, a.median / g.median, a.p5 / g.p5);
    sz_job_destroy(job);
    sz_model_destroy(m);
    return fabs(a.p5 / z.p5 - 1) > 0.02 || fabs(a.p5 / g.p5 - 1) > 0.02;
}

int main(void) {
    static const char *const files[] = {"libdnnl.so.2", NULL};
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_backend *b = sz_backend_find("onednn");
    void *library, *opened;
    int bad = 0;
    if (sz_dynlib_open(ctx, files, &library) != SZ_OK || b->open(ctx, NULL, &opened) != SZ_OK) {
        printf("oneDNN by hand: skipped: %s\n", sz_ctx_error(ctx));
        return 0;
    }
    for (int n = 64; n <= 256; n *= 2) bad |= compare(ctx, library, b, opened, n);
    sz_ctx_destroy(ctx);
    return bad;
}
#else
int main(void) {
    puts("oneDNN by hand: skipped: built without the header of oneDNN 2");
    return 0;
}
#endif
