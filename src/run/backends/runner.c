// SPDX-License-Identifier: Apache-2.0
#include "run/backends/runner.h"

#include "run/backends/job.h"

// The format that a net is written in: of its first input or weight of floats; 0 = it has none.
static sz_dtype written_in(const sz_graph *g) {
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        if (v->kind == SZ_VALUE_NODE || v->type.kind != SZ_TYPE_TENSOR) continue;
        if (sz_dtype_get(v->type.dtype)->cls == SZ_CLASS_FLOAT) return v->type.dtype;
    }
    return 0;
}

// What a job, which runs nodes as they are written, can't do.
static sz_status check_job(sz_ctx *ctx, const sz_graph *g, const sz_backend *backend,
                           const sz_run_how *how) {
    const sz_dtype own = written_in(g);
    if (how->precision && how->precision != own)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "backend '%s' runs a net in the format in which it is written, %s: for %s "
                       "take a backend that takes nets whole (openvino), or a net written in it",
                       backend->name, own ? sz_dtype_get(own)->name : "no floats",
                       sz_dtype_get(how->precision)->name);
    if (how->streams > 1)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "backend '%s' runs one batch at a time: --streams is for a backend that "
                       "takes nets whole (openvino)",
                       backend->name);
    return SZ_OK;
}

sz_status sz_runner_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                           const sz_run_how *how, sz_runner *r) {
    sz_job *job;
    if (backend->compile && how->training)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "backend '%s' takes nets whole and trains none",
                       backend->name);
    if (backend->compile) return backend->compile(ctx, library, g, how, r);
    SZ_TRY(check_job(ctx, g, backend, how));
    SZ_TRY(sz_job_create(ctx, g, backend, library, how, &job));
    *r = (sz_runner){&sz_job_runner, job};
    return SZ_OK;
}

void sz_runner_finish(sz_runner *r) {
    if (r->type) r->type->finish(r->state);
    *r = (sz_runner){NULL, NULL};
}
