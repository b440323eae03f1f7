// SPDX-License-Identifier: Apache-2.0
#include "run/backends/onednn.h"

#include <stdio.h>

#include "machine/libraries.h"
#include "os/dynlib.h"

#ifdef SZ_HAVE_DNNL

static sz_dnnl one; // a child opens one library

// ---- opening -----------------------------------------------------------------------------------

static sz_status load_functions(sz_ctx *ctx, sz_dnnl *d) {
#define F(name)                                                                                    \
    if (!sz_dynlib_symbol(d->library, "dnnl_" #name, &d->name))                                    \
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,                                                    \
                       "the library has no dnnl_" #name ": version 2 "                             \
                       "is needed, from 2.6 on");
    SZ_DNNL_FUNCTIONS(F)
#undef F
    const dnnl_version_t *v = d->version();
    if (v->major == 2 && v->minor >= 6) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "version %d.%d.%d is not called here: version 2 is "
                   "needed, from 2.6 on",
                   v->major, v->minor, v->patch);
}

static sz_status open_onednn(sz_ctx *ctx, const char *path, void **ret_library) {
    const char *const named[] = {path, NULL};
    sz_dnnl d = {.library = NULL};
    SZ_TRY(sz_dynlib_open(ctx, path ? named : sz_library_files(SZ_ONEDNN), &d.library));
    SZ_TRY(load_functions(ctx, &d));
    if (d.engine_create(&d.engine, dnnl_cpu, 0) != dnnl_success ||
        d.stream_create(&d.stream, d.engine, dnnl_stream_default_flags) != dnnl_success)
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

static const char *onednn_refuses(void *library, const sz_graph *g, const sz_node *n) {
    (void)library;
    const sz_dnnl_op *op = sz_dnnl_find(n);
    if (!op) return "no primitive for this operator";
    for (int32_t i = 0; i < n->n_inputs; i++) {
        const sz_type *t = sz_node_type(g, n, i);
        if (!t) continue;
        if (t->kind != SZ_TYPE_TENSOR || t->rank > 6) return "an operand with more than 6 axes";
        for (int32_t d = 0; d < t->rank; d++)
            if (t->dims[d] < 1) return "an empty operand";
    }
    return op->refuses(g, n);
}

// ---- a step ------------------------------------------------------------------------------------

// An operand: its buffers as they lie, and as the primitive wants them where that differs.
typedef struct operand {
    sz_dnnl_arg arg;
    bool is_moved, before, after;  // before, after: moved in each run
    dnnl_memory_t user[8], own[8]; // by set
    dnnl_primitive_t reorder;
} operand;

typedef struct dnnl_step {
    const sz_dnnl *lib;
    sz_node_call call;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    operand operands[SZ_DNNL_ARGS];
    int n;
    dnnl_exec_arg_t args[8][SZ_DNNL_ARGS]; // by set
} dnnl_step;

static sz_status said(const dnnl_step *s, dnnl_status_t status, const char *what) {
    if (status == dnnl_success) return SZ_OK;
    const bool lacks = status == dnnl_unimplemented;
    return sz_fail(s->call.ctx, SZ_ERR_UNAVAILABLE, "oneDNN %s '%s' (%s, status %d)", what,
                   sz_show(s->call.ctx, s->call.node->op),
                   lacks ? "it has no kernel for these formats and sizes" : "failed", (int)status);
}

static int sets_of(const dnnl_step *s, const operand *o) {
    return o->arg.is_output ? 1 : s->call.n_sets;
}

static dnnl_status_t move(const dnnl_step *s, const operand *o, int set, bool in) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, in ? o->user[set] : o->own[set]},
                                    {DNNL_ARG_TO, in ? o->own[set] : o->user[set]}};
    const dnnl_status_t status = s->lib->primitive_execute(o->reorder, s->lib->stream, 2, args);
    return status == dnnl_success ? s->lib->stream_wait(s->lib->stream) : status;
}

static dnnl_status_t make_reorder(dnnl_step *s, operand *o, const dnnl_memory_desc_t *want) {
    const sz_dnnl *d = s->lib;
    const bool out = o->arg.is_output;
    dnnl_primitive_desc_t desc;
    dnnl_status_t status = d->reorder_primitive_desc_create(
        &desc, out ? want : &o->arg.user, d->engine, out ? &o->arg.user : want, d->engine, NULL);
    if (status != dnnl_success) return status;
    status = d->primitive_create(&o->reorder, desc);
    d->primitive_desc_destroy(desc);
    return status;
}

// The memory of one operand. What is there before the run is packed now.
static dnnl_status_t bind(dnnl_step *s, operand *o) {
    const sz_dnnl *d = s->lib;
    const dnnl_memory_desc_t *want = d->primitive_desc_query_md(s->desc, dnnl_query_exec_arg_md,
                                                                o->arg.index);
    dnnl_status_t status = dnnl_success;
    if (!want) return dnnl_invalid_arguments;
    o->is_moved = !d->memory_desc_equal(want, &o->arg.user);
    o->before = o->is_moved && !o->arg.is_output && !s->call.fixed[o->arg.which];
    o->after = o->is_moved && o->arg.is_output && !s->call.last[o->arg.which];
    if (o->is_moved) status = make_reorder(s, o, want);
    for (int set = 0; status == dnnl_success && set < sets_of(s, o); set++) {
        const sz_buffer *b = o->arg.is_output ? s->call.out[o->arg.which]
                                              : s->call.in[set][o->arg.which];
        status = d->memory_create(&o->user[set], &o->arg.user, d->engine, b->data);
        if (status != dnnl_success || !o->is_moved) continue;
        status = d->memory_create(&o->own[set], want, d->engine, DNNL_MEMORY_ALLOCATE);
        if (status == dnnl_success && !o->arg.is_output && !o->before)
            status = move(s, o, set, true);
    }
    for (int set = 0; set < s->call.n_sets; set++) {
        const int from = o->arg.is_output ? 0 : set;
        s->args[set][o - s->operands] = (dnnl_exec_arg_t){
            o->arg.index, o->is_moved ? o->own[from] : o->user[from]};
    }
    return status;
}

static sz_status run_step(void *state, int set) {
    dnnl_step *s = state;
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < s->n && status == dnnl_success; i++)
        if (s->operands[i].before) status = move(s, &s->operands[i], set, true);
    if (status == dnnl_success)
        status = s->lib->primitive_execute(s->primitive, s->lib->stream, s->n, s->args[set]);
    if (status == dnnl_success) status = s->lib->stream_wait(s->lib->stream);
    for (int i = 0; i < s->n && status == dnnl_success; i++)
        if (s->operands[i].after) status = move(s, &s->operands[i], 0, false);
    return said(s, status, "does not run");
}

static sz_status fetch_step(void *state) {
    dnnl_step *s = state;
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < s->n && status == dnnl_success; i++)
        if (s->operands[i].is_moved && s->operands[i].arg.is_output && !s->operands[i].after)
            status = move(s, &s->operands[i], 0, false);
    return said(s, status, "does not give its result of");
}

static void finish_step(sz_ctx *ctx, void *state) {
    dnnl_step *s = state;
    for (int i = 0; i < s->n; i++) {
        operand *o = &s->operands[i];
        for (int set = 0; set < 8; set++) {
            if (o->user[set]) s->lib->memory_destroy(o->user[set]);
            if (o->own[set]) s->lib->memory_destroy(o->own[set]);
        }
        if (o->reorder) s->lib->primitive_destroy(o->reorder);
    }
    if (s->primitive) s->lib->primitive_destroy(s->primitive);
    if (s->desc) s->lib->primitive_desc_destroy(s->desc);
    sz_free(ctx, s, sizeof *s);
}

// ---- preparing ---------------------------------------------------------------------------------

// The kernel, and where an operand is moved in each run, that it is.
static void name_kernel(const dnnl_step *s, sz_step *step) {
    const char *name = NULL;
    int moved = 0;
    if (s->lib->primitive_desc_query(s->desc, dnnl_query_impl_info_str, 0, (void *)&name) !=
        dnnl_success)
        name = NULL;
    for (int i = 0; i < s->n; i++) moved += s->operands[i].before || s->operands[i].after;
    snprintf(step->kernel, sizeof step->kernel, "%s%s", name ? name : "",
             moved ? " + reorder" : "");
}

// The lowest format of the operands; sums are in f32 or s32.
static sz_dtype lowest(const sz_node_call *c) {
    sz_dtype low = 0;
    for (int32_t i = 0; i < c->node->n_inputs; i++) {
        const sz_type *t = sz_node_type(c->graph, c->node, i);
        if (t && (!low || sz_dtype_get(t->dtype)->bits < sz_dtype_get(low)->bits)) low = t->dtype;
    }
    return low;
}

// By oneDNN's documentation of its data types: s32 for int8, f32 for all floats.
static sz_dtype sums_of(sz_dtype lowest) {
    const bool is_float = sz_dtype_get(lowest)->cls == SZ_CLASS_FLOAT;
    return sz_dtype_by_name(is_float ? "f32" : "i32");
}

static sz_status make_step(dnnl_step *s, sz_dnnl_plan *p) {
    const sz_dnnl *d = s->lib;
    sz_dnnl_find(s->call.node)->plan(p);
    SZ_TRY(said(s, p->status, "does not describe"));
    SZ_TRY(said(s, d->primitive_desc_create(&s->desc, &p->desc, NULL, d->engine, NULL),
                "does not take"));
    SZ_TRY(said(s, d->primitive_create(&s->primitive, s->desc), "does not make"));
    s->n = p->n_args;
    for (int i = 0; i < s->n; i++) {
        s->operands[i].arg = p->args[i];
        SZ_TRY(said(s, bind(s, &s->operands[i]), "does not lay out the operands of"));
    }
    return SZ_OK;
}

static sz_status prepare_step(void *library, const sz_node_call *call, sz_step *step) {
    dnnl_step *s = sz_alloc(call->ctx, sizeof *s);
    if (!s) return sz_no_memory(call->ctx);
    s->lib = library, s->call = *call;
    sz_dnnl_plan p = {.lib = library, .call = call, .status = dnnl_success};
    const sz_status status = make_step(s, &p);
    if (status != SZ_OK) {
        finish_step(call->ctx, s);
        return status;
    }
    *step = (sz_step){.state = s,
                      .run = run_step,
                      .fetch = fetch_step,
                      .finish = finish_step,
                      .ran_as = lowest(call),
                      .sums = sums_of(lowest(call))};
    name_kernel(s, step);
    return SZ_OK;
}

#else // built without the header

static sz_status open_onednn(sz_ctx *ctx, const char *path, void **ret_library) {
    (void)path;
    (void)ret_library;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "sizeup was built where oneDNN's header was not installed (libdnnl-dev)");
}
static void onednn_facts(void *library, sz_backend_facts *f) {
    (void)library;
    *f = (sz_backend_facts){.version = ""};
}
static const char *onednn_refuses(void *library, const sz_graph *g, const sz_node *n) {
    (void)library;
    (void)g;
    (void)n;
    return "it is not built in";
}
static sz_status prepare_step(void *library, const sz_node_call *call, sz_step *step) {
    (void)library;
    (void)step;
    return sz_fail(call->ctx, SZ_ERR_UNAVAILABLE, "it is not built in");
}
#endif

const sz_backend sz_backend_onednn = {.name = "onednn",
                                      .what = "oneDNN 2: products, convolutions, norms, more",
                                      .open = open_onednn,
                                      .facts = onednn_facts,
                                      .refuses = onednn_refuses,
                                      .prepare = prepare_step};
