// SPDX-License-Identifier: Apache-2.0
// Finding the library and its version, and what it is asked before a node is prepared.
#include "run/backends/onednn/onednn.h"

#include <stdio.h>

#include "machine/libraries.h"
#include "os/dynlib.h"

static sz_dnnl one; // a child opens one library

static const sz_dnnl_version *const versions[] = {&sz_dnnl_v2, &sz_dnnl_v3};

static sz_status lacks(sz_ctx *ctx, const char *name) {
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "the library has no %s: oneDNN 2.6 or later of version 2 or 3 is needed", name);
}

static sz_status find_version(sz_ctx *ctx, sz_dnnl *d) {
    if (!sz_dynlib_symbol(d->library, "dnnl_version", &d->version))
        return lacks(ctx, "dnnl_version");
    const int *v = d->version(); // dnnl_version_t begins with major, minor, patch
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (v[0] == versions[i]->major && v[1] >= versions[i]->minor) d->by = versions[i];
    if (d->by) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "version %d.%d.%d is not called here: oneDNN 2.6 or later of version 2 or 3 is "
                   "needed",
                   v[0], v[1], v[2]);
}

static sz_status load_functions(sz_ctx *ctx, sz_dnnl *d) {
#define F(result, name, arguments)                                                                 \
    if (!sz_dynlib_symbol(d->library, "dnnl_" #name, &d->name)) return lacks(ctx, "dnnl_" #name);
    SZ_DNNL_FUNCTIONS(F)
#undef F
    const char *missing = d->by->load(d->library);
    return missing ? lacks(ctx, missing) : SZ_OK;
}

static sz_status open_onednn(sz_ctx *ctx, const char *path, void **ret_library) {
    const char *const named[] = {path, NULL};
    sz_dnnl d = {.library = NULL};
    SZ_TRY(sz_dynlib_open(ctx, path ? named : sz_library_files(SZ_ONEDNN), &d.library));
    SZ_TRY(find_version(ctx, &d));
    SZ_TRY(load_functions(ctx, &d));
    if (d.engine_create(&d.engine, SZ_DNNL_CPU, 0) != SZ_DNNL_SUCCESS ||
        d.stream_create(&d.stream, d.engine, SZ_DNNL_STREAM) != SZ_DNNL_SUCCESS)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the library makes no engine for the CPU");
    one = d;
    *ret_library = &one;
    return SZ_OK;
}

static void onednn_facts(void *library, sz_backend_facts *f) {
    const sz_dnnl *d = library;
    sz_library_choice c;
    sz_library_ask(SZ_ONEDNN, d->library, &c);
    *f = (sz_backend_facts){.advice = ""};
    snprintf(f->path, sizeof f->path, "%s", c.path);
    snprintf(f->version, sizeof f->version, "%s", c.version);
    snprintf(f->kernels, sizeof f->kernels, "%s", c.kernels);
}

static const char *no_operand(const sz_type *t) {
    if (t->kind != SZ_TYPE_TENSOR) return "an operand that is no tensor";
    if (t->rank > 6) return "an operand with more than 6 axes";
    for (int32_t d = 0; d < t->rank; d++)
        if (t->dims[d] < 1) return "an empty operand";
    return NULL;
}

static const char *onednn_refuses(void *library, const sz_graph *g, const sz_node *n) {
    (void)library;
    const char *why = NULL;
    const sz_dnnl_op *op = sz_dnnl_find(n);
    if (!op) return "no primitive for this operator";
    for (int32_t i = 0; i < n->n_inputs && !why; i++)
        if (sz_node_type(g, n, i) && !sz_dnnl_numbers(g, n, i))
            why = no_operand(sz_node_type(g, n, i));
    for (int32_t o = 0; o < n->n_outputs && !why; o++)
        if (sz_dnnl_has_out(n, o)) why = no_operand(&sz_graph_value(g, n->outputs[o])->type);
    return why ? why : op->refuses(g, n);
}

const sz_backend sz_backend_onednn = {
    .name = "onednn",
    .what = "oneDNN 2 or 3: products, convolutions, recurrent layers, norms, more; and backward",
    .open = open_onednn,
    .facts = onednn_facts,
    .refuses = onednn_refuses,
    .prepare = sz_dnnl_prepare};
