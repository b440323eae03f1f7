// SPDX-License-Identifier: Apache-2.0
// The reference executor as a backend: one node at a time, in double, to be right and not fast.
#include "run/backends/backend.h"
#include "run/backends/ref/session.h"

#include <stdio.h>

typedef struct ref_step {
    sz_node_call call; // its arrays are the job's
    sz_ref *ref;
    sz_frame frame;
    sz_buffer *made[8];
} ref_step;

static sz_status open_ref(sz_ctx *ctx, const char *path, void **ret_library) {
    if (path) return sz_fail(ctx, SZ_ERR_USAGE, "the reference is no library with a path");
    *ret_library = NULL;
    return SZ_OK;
}

static void ref_facts(void *library, sz_backend_facts *f) {
    (void)library;
    *f = (sz_backend_facts){.version = SZ_VERSION, .kernels = "portable C, in double"};
}

static const char *ref_refuses(void *library, const sz_graph *g, const sz_node *n) {
    (void)library;
    (void)g;
    for (int32_t a = 0; a < n->n_attrs; a++)
        if (n->attrs[a].graphs) return "control flow does not run node by node";
    if (n->n_outputs > 8) return "more than 8 outputs";
    return sz_ref_find(n) ? NULL : "no reference for this operator";
}

static sz_status run_ref(void *state, int set) {
    ref_step *s = state;
    const sz_node *n = s->call.node;
    sz_status status = sz_ref_node(s->ref, &s->frame, n, (sz_buffer **)(uintptr_t)s->call.in[set],
                                   s->made);
    for (int32_t o = 0; o < n->n_outputs; o++) {
        sz_buffer *from = s->made[o], *to = s->call.out[o];
        if (status == SZ_OK && from && to) {
            if (from->bytes != to->bytes)
                status = sz_fail(s->call.ctx, SZ_ERR_INPUT,
                                 "the size of an output of '%s' depends "
                                 "on data",
                                 sz_show(s->call.ctx, n->name));
            else
                memcpy(to->data, from->data, to->bytes);
        }
        sz_buffer_release(s->call.ctx, from);
        s->made[o] = NULL;
    }
    return status;
}

static void finish_ref(sz_ctx *ctx, void *state) {
    ref_step *s = state;
    sz_ref_destroy(s->ref);
    sz_free(ctx, s, sizeof *s);
}

static sz_status prepare_ref(void *library, const sz_node_call *call, sz_step *step) {
    (void)library;
    ref_step *s = sz_alloc(call->ctx, sizeof *s);
    if (!s) return sz_no_memory(call->ctx);
    s->call = *call;
    s->frame.graph = call->graph;
    const sz_status status = sz_ref_create(call->ctx, call->graph, NULL, &s->ref);
    if (status != SZ_OK) {
        sz_free(call->ctx, s, sizeof *s);
        return status;
    }
    *step = (sz_step){.state = s, .run = run_ref, .finish = finish_ref};
    step->ran_as = step->sums = sz_dtype_by_name("f64");
    snprintf(step->kernel, sizeof step->kernel, "reference");
    return SZ_OK;
}

const sz_backend sz_backend_ref = {.name = "ref",
                                   .what = "reference: plain C in double, to be right, not fast",
                                   .open = open_ref,
                                   .facts = ref_facts,
                                   .refuses = ref_refuses,
                                   .prepare = prepare_ref};
