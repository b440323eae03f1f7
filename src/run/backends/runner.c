// SPDX-License-Identifier: Apache-2.0
#include "run/backends/runner.h"

#include "run/backends/job.h"

sz_status sz_runner_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                           const sz_run_how *how, sz_runner *r) {
    sz_job *job;
    if (backend->compile && how->training)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "backend '%s' takes nets whole and trains none",
                       backend->name);
    if (backend->compile) return backend->compile(ctx, library, g, how, r);
    SZ_TRY(sz_job_create(ctx, g, backend, library, how, &job));
    *r = (sz_runner){&sz_job_runner, job};
    return SZ_OK;
}

void sz_runner_finish(sz_runner *r) {
    if (r->type) r->type->finish(r->state);
    *r = (sz_runner){NULL, NULL};
}
