// SPDX-License-Identifier: Apache-2.0
// A plan made ready: memory for what lies otherwise than a primitive wants it, moves to and from
// there, and the list of actions that a run goes through. A run allocates nothing.
#include "run/backends/onednn/onednn.h"

#include <stdio.h>

enum { SETS = 8, LINE = 64 }; // sets of inputs, bytes of a line of the cache

typedef enum moment { EACH, ONCE, ON_FETCH } moment;

typedef struct action {
    void *primitive; // NULL: blocks, or zeros
    moment when;
    void *zeros; // memory of so many bytes
    size_t n_zeros;
    int n;
    sz_dnnl_exec *args[SETS]; // by set
    sz_dnnl_blocks blocks;
    const float *from[SETS];
    float *to[SETS];
} action;

// A buffer in between. One that is made beforehand has a copy for each set.
typedef struct temp {
    char *data[SETS];
    void *memory; // hidden: as the library lays it out
    int64_t bytes;
    bool is_fixed;
} temp;

typedef struct dnnl_step {
    sz_dnnl *lib;
    sz_dnnl_left kept; // memory NULL = nothing
    sz_dnnl_left laid; // the first result; memory NULL = it is dense
    sz_node_call call;
    sz_arena arena;
    temp temps[SZ_DNNL_TEMPS];
    SZ_VEC(action) actions;
    SZ_VEC(void *) memories, primitives;
    char kernel[96];
    int n_stages;
    bool is_moved; // in each run
} dnnl_step;

static sz_status said(const dnnl_step *s, int status, const char *what) {
    if (status == SZ_DNNL_SUCCESS) return SZ_OK;
    const bool lacks = status == SZ_DNNL_UNIMPLEMENTED;
    return sz_fail(s->call.ctx, SZ_ERR_UNAVAILABLE, "oneDNN %s '%s' (%s, status %d)", what,
                   sz_show(s->call.ctx, s->call.node->op),
                   lacks ? "it has no kernel for these formats and sizes" : "failed", status);
}

// ---- running -----------------------------------------------------------------------------------

static void move_blocks(const sz_dnnl_blocks *b, const float *from, float *to) {
    for (int64_t k = 0; k < (int64_t)b->groups * b->n_to; k++) {
        const int64_t first = b->first[k % b->n_to], second = b->second[k % b->n_to];
        const float *group = from + k / b->n_to * b->n_from * b->length;
        const float *x = group + first * b->length, *y = group + second * b->length;
        float *made = to + k * b->length;
        for (int64_t i = 0; i < b->length; i++) made[i] = second < 0 ? x[i] : x[i] + y[i];
    }
}

static int act(const dnnl_step *s, const action *a, int set) {
    if (a->primitive)
        return s->lib->primitive_execute(a->primitive, s->lib->stream, a->n, a->args[set]);
    const int status = s->lib->stream_wait(s->lib->stream);
    if (a->zeros)
        memset(a->zeros, 0, a->n_zeros);
    else
        move_blocks(&a->blocks, a->from[set], a->to[set]);
    return status;
}

static int act_all(const dnnl_step *s, moment when, int set) {
    int status = SZ_DNNL_SUCCESS;
    for (size_t i = 0; i < s->actions.n && status == SZ_DNNL_SUCCESS; i++)
        if (s->actions.items[i].when == when) status = act(s, &s->actions.items[i], set);
    return status == SZ_DNNL_SUCCESS ? s->lib->stream_wait(s->lib->stream) : status;
}

static sz_status run_step(void *state, int set) {
    const dnnl_step *s = state;
    return said(s, act_all(s, EACH, set), "does not run");
}

static sz_status fetch_step(void *state) {
    const dnnl_step *s = state;
    return said(s, act_all(s, ON_FETCH, 0), "does not give its result of");
}

static void leave(sz_dnnl_left **list, sz_dnnl_left *one) {
    one->next = *list;
    *list = one;
}

static void forget(sz_dnnl_left **list, const sz_dnnl_left *one) {
    while (*list && *list != one) list = &(*list)->next;
    if (*list) *list = one->next;
}

static void finish_step(sz_ctx *ctx, void *state) {
    dnnl_step *s = state;
    if (s->kept.memory) forget(&s->lib->kept, &s->kept);
    if (s->laid.memory) forget(&s->lib->laid, &s->laid);
    for (size_t i = 0; i < s->memories.n; i++) s->lib->memory_destroy(s->memories.items[i]);
    for (size_t i = 0; i < s->primitives.n; i++) s->lib->primitive_destroy(s->primitives.items[i]);
    sz_vec_finish(ctx, &s->memories);
    sz_vec_finish(ctx, &s->primitives);
    sz_vec_finish(ctx, &s->actions);
    sz_arena_finish(&s->arena);
    sz_free(ctx, s, sizeof *s);
}

// ---- memory ------------------------------------------------------------------------------------

static sz_status make_memory(dnnl_step *s, const void *desc, void *data, void **ret_memory) {
    void *memory;
    void *const at = data ? data : (void *)UINTPTR_MAX; // DNNL_MEMORY_ALLOCATE
    SZ_TRY(said(s, s->lib->memory_create(&memory, desc, s->lib->engine, at), "has no memory for"));
    if (!sz_vec_push(s->call.ctx, &s->memories, memory)) {
        s->lib->memory_destroy(memory);
        return sz_no_memory(s->call.ctx);
    }
    *ret_memory = memory;
    return SZ_OK;
}

static sz_status keep_primitive(dnnl_step *s, const void *desc, void **ret_primitive) {
    SZ_TRY(said(s, s->lib->primitive_create(ret_primitive, desc), "does not make"));
    if (sz_vec_push(s->call.ctx, &s->primitives, *ret_primitive)) return SZ_OK;
    s->lib->primitive_destroy(*ret_primitive);
    return sz_no_memory(s->call.ctx);
}

static char *data_of(const dnnl_step *s, const sz_dnnl_operand *o, int set) {
    if (o->place == SZ_DNNL_IN) return s->call.in[set][o->which]->data;
    return o->place == SZ_DNNL_OUT ? s->call.out[o->which]->data : s->temps[o->which].data[set];
}

static bool is_fixed(const dnnl_step *s, const sz_dnnl_operand *o) {
    if (o->is_written || o->place == SZ_DNNL_OUT) return false;
    return o->place == SZ_DNNL_IN ? s->call.fixed[o->which] : s->temps[o->which].is_fixed;
}

// Is it the same buffer in all sets?
static bool is_shared(const dnnl_step *s, const sz_dnnl_operand *o) {
    for (int set = 1; set < s->call.n_sets; set++)
        if (data_of(s, o, set) != data_of(s, o, 0)) return false;
    return true;
}

static int64_t bytes_of(const sz_dnnl_operand *o) {
    return sz_dnnl_product(o->view.dims, 0, o->view.rank) * (int64_t)sz_dnnl_width(o->type);
}

static sz_status make_temp(dnnl_step *s, temp *t, bool for_each_set) {
    for (int set = 0; set < s->call.n_sets; set++) {
        t->data[set] = t->data[0];
        if (set > 0 && !for_each_set) continue;
        char *data = sz_arena_array(&s->arena, (size_t)t->bytes + LINE, 1);
        if (!data) return sz_no_memory(s->call.ctx);
        t->data[set] = data + (LINE - (uintptr_t)data % LINE) % LINE;
    }
    return SZ_OK;
}

// Buffers in between are as large as the largest that is made of them.
static sz_status make_temps(dnnl_step *s, const sz_dnnl_plan *p) {
    bool each[SZ_DNNL_TEMPS] = {false};
    for (int k = 0; k < p->n; k++) {
        const sz_dnnl_stage *stage = &p->stages[k];
        for (int i = 0; i < stage->n; i++) {
            const sz_dnnl_operand *o = &stage->operands[i];
            if (o->place != SZ_DNNL_TEMP || o->is_hidden) continue;
            temp *t = &s->temps[o->which];
            if (bytes_of(o) > t->bytes) t->bytes = bytes_of(o);
            if (stage->kind != SZ_DNNL_BLOCKS || !o->is_written) continue;
            t->is_fixed = is_fixed(s, &stage->operands[0]);
            each[o->which] = t->is_fixed && !is_shared(s, &stage->operands[0]);
        }
    }
    for (int i = 0; i < p->temps; i++)
        if (s->temps[i].bytes > 0) SZ_TRY(make_temp(s, &s->temps[i], each[i]));
    return SZ_OK;
}

// ---- actions -----------------------------------------------------------------------------------

static sz_status new_action(dnnl_step *s, int n, action **ret_action) {
    action a = {.n = n};
    for (int set = 0; n > 0 && set < s->call.n_sets; set++)
        if (!(a.args[set] = sz_arena_array(&s->arena, (size_t)n, sizeof *a.args[set])))
            return sz_no_memory(s->call.ctx);
    if (!sz_vec_push(s->call.ctx, &s->actions, a)) return sz_no_memory(s->call.ctx);
    *ret_action = &s->actions.items[s->actions.n - 1];
    return SZ_OK;
}

static sz_status add_move(dnnl_step *s, const void *from, const void *to, void *const *froms,
                          void *const *tos, moment when) {
    action *a;
    void *desc, *primitive;
    SZ_TRY(said(s,
                s->lib->reorder_primitive_desc_create(&desc, from, s->lib->engine, to,
                                                      s->lib->engine, NULL),
                "does not move the operands of"));
    const sz_status status = keep_primitive(s, desc, &primitive);
    s->lib->primitive_desc_destroy(desc);
    SZ_TRY(status);
    SZ_TRY(new_action(s, 2, &a));
    a->primitive = primitive, a->when = when;
    for (int set = 0; set < s->call.n_sets; set++) {
        a->args[set][0] = (sz_dnnl_exec){SZ_DNNL_SRC, froms[set]};
        a->args[set][1] = (sz_dnnl_exec){SZ_DNNL_DST, tos[set]};
    }
    s->is_moved |= when == EACH;
    return SZ_OK;
}

// Memory of an operand by set, as it lies and as the primitive wants it; the same where that is the
// same.
typedef struct bound {
    void *lies[SETS], *own[SETS];
    const void *wanted;
    bool is_moved;
} bound;

static sz_status bind_hidden(dnnl_step *s, const sz_dnnl_operand *o, bound *b) {
    temp *t = &s->temps[o->which];
    const void *there = NULL;
    if (t->memory && (s->lib->memory_get_memory_desc(t->memory, &there) != SZ_DNNL_SUCCESS ||
                      !s->lib->memory_desc_equal(there, b->wanted)))
        return said(s, SZ_DNNL_INVALID, "lays out otherwise what was kept for");
    if (!t->memory) SZ_TRY(make_memory(s, b->wanted, NULL, &t->memory));
    for (int set = 0; set < s->call.n_sets; set++) b->own[set] = t->memory;
    return SZ_OK;
}

// A first result that may lie in its buffer as the primitive writes it.
static bool may_lie(const dnnl_step *s, const sz_dnnl_operand *o, const void *wanted) {
    return o->place == SZ_DNNL_OUT && o->which == 0 && s->call.loose[0] && s->n_stages == 1 &&
           s->lib->memory_desc_get_size(wanted) <= s->call.out[0]->bytes;
}

static sz_status lay(dnnl_step *s, const sz_dnnl_operand *o, bound *b) {
    void *memory;
    SZ_TRY(make_memory(s, b->wanted, data_of(s, o, 0), &memory));
    for (int set = 0; set < s->call.n_sets; set++) b->lies[set] = b->own[set] = memory;
    s->laid = (sz_dnnl_left){.graph = s->call.graph,
                             .value = s->call.node->outputs[0],
                             .data = data_of(s, o, 0),
                             .memory = memory};
    leave(&s->lib->laid, &s->laid);
    return SZ_OK;
}

static sz_status bind(dnnl_step *s, const void *primitive_desc, const sz_dnnl_operand *o,
                      bound *b) {
    *b = (bound){.wanted = o->is_formal ? o->lies
                                        : s->lib->primitive_desc_query_md(
                                              primitive_desc, SZ_DNNL_EXEC_ARG, o->role)};
    if (!b->wanted) return said(s, SZ_DNNL_INVALID, "does not lay out the operands of");
    if (o->is_hidden) return bind_hidden(s, o, b);
    b->is_moved = !s->lib->memory_desc_equal(b->wanted, o->lies);
    if (b->is_moved && o->is_written && may_lie(s, o, b->wanted)) {
        b->is_moved = false;
        return lay(s, o, b);
    }
    const bool shared = is_shared(s, o), fixed = is_fixed(s, o);
    for (int set = 0; set < s->call.n_sets; set++) {
        b->lies[set] = b->lies[0], b->own[set] = b->own[0];
        if (set == 0 || !shared) {
            SZ_TRY(make_memory(s, o->lies, data_of(s, o, set), &b->lies[set]));
            if (!b->is_moved) b->own[set] = b->lies[set];
        }
        if (b->is_moved && (set == 0 || (fixed && !shared)))
            SZ_TRY(make_memory(s, b->wanted, NULL, &b->own[set]));
    }
    return SZ_OK;
}

static sz_status add_moves(dnnl_step *s, const sz_dnnl_stage *stage, const bound *bounds,
                           bool out) {
    for (int i = 0; i < stage->n; i++) {
        const sz_dnnl_operand *o = &stage->operands[i];
        const bound *b = &bounds[i];
        if (!b->is_moved || o->is_written != out) continue;
        const bool stays = o->place == SZ_DNNL_OUT && s->call.last[o->which];
        if (out)
            SZ_TRY(add_move(s, b->wanted, o->lies, b->own, b->lies, stays ? ON_FETCH : EACH));
        else
            SZ_TRY(add_move(s, o->lies, b->wanted, b->lies, b->own, is_fixed(s, o) ? ONCE : EACH));
    }
    return SZ_OK;
}

static sz_status add_zeros(dnnl_step *s, const sz_dnnl_operand *o, const bound *b) {
    action *a;
    void *data;
    if (!o->adds_up) return SZ_OK;
    SZ_TRY(said(s, s->lib->memory_get_data_handle(b->own[0], &data), "has no memory for"));
    SZ_TRY(new_action(s, 0, &a));
    a->zeros = data, a->n_zeros = s->lib->memory_desc_get_size(b->wanted);
    return SZ_OK;
}

static sz_status add_primitive(dnnl_step *s, const sz_dnnl_stage *stage, const void *desc) {
    bound bounds[SZ_DNNL_OPERANDS];
    action *a;
    void *primitive;
    for (int i = 0; i < stage->n; i++) SZ_TRY(bind(s, desc, &stage->operands[i], &bounds[i]));
    SZ_TRY(add_moves(s, stage, bounds, false));
    for (int i = 0; i < stage->n; i++) SZ_TRY(add_zeros(s, &stage->operands[i], &bounds[i]));
    SZ_TRY(keep_primitive(s, desc, &primitive));
    SZ_TRY(new_action(s, stage->n, &a));
    a->primitive = primitive;
    for (int set = 0; set < s->call.n_sets; set++)
        for (int i = 0; i < stage->n; i++)
            a->args[set][i] = (sz_dnnl_exec){stage->operands[i].role, bounds[i].own[set]};
    return add_moves(s, stage, bounds, true);
}

static sz_status add_blocks(dnnl_step *s, const sz_dnnl_stage *stage) {
    action *a;
    SZ_TRY(new_action(s, 0, &a));
    a->blocks = stage->blocks;
    if (is_fixed(s, &stage->operands[0])) a->when = ONCE;
    for (int set = 0; set < s->call.n_sets; set++) {
        a->from[set] = (const float *)(const void *)data_of(s, &stage->operands[0], set);
        a->to[set] = (float *)(void *)data_of(s, &stage->operands[1], set);
    }
    return SZ_OK;
}

// ---- primitives --------------------------------------------------------------------------------

// The kernels, each by the library's name for it, in the order of the run.
static void add_name(dnnl_step *s, const char *name) {
    const size_t used = strlen(s->kernel);
    const int n = snprintf(s->kernel + used, sizeof s->kernel - used, "%s%s", used ? " + " : "",
                           name);
    if (n < 0) s->kernel[used] = 0;
}

// The library's, "" = it says none.
static const char *name_of(const dnnl_step *s, const void *desc) {
    const char *name = NULL;
    const int status = s->lib->primitive_desc_query(desc, SZ_DNNL_IMPL_INFO, 0, (void *)&name);
    return status == SZ_DNNL_SUCCESS && name ? name : "";
}

static void name_kernel(dnnl_step *s, const void *desc) {
    const char *name = name_of(s, desc);
    if (*name) add_name(s, name);
}

// What is appended to a primitive.
static int make_attributes(const dnnl_step *s, const sz_dnnl_stage *stage, void **ret_attr) {
    const sz_dnnl *d = s->lib;
    void *post = NULL;
    if (stage->factor == 1) return SZ_DNNL_SUCCESS;
    int status = d->primitive_attr_create(ret_attr);
    if (status == SZ_DNNL_SUCCESS) status = d->post_ops_create(&post);
    if (status == SZ_DNNL_SUCCESS) status = d->by->scale(post, stage->factor);
    if (status == SZ_DNNL_SUCCESS) status = d->primitive_attr_set_post_ops(*ret_attr, post);
    if (post) d->post_ops_destroy(post);
    return status;
}

static int make_desc(dnnl_step *s, sz_dnnl_plan *p, const sz_dnnl_stage *stage, void **ret_desc) {
    void *attr = NULL;
    int status;
    if (stage->kind == SZ_DNNL_REORDER)
        return p->lib->reorder_primitive_desc_create(
            ret_desc, sz_dnnl_asked(stage, SZ_DNNL_SRC), p->lib->engine,
            sz_dnnl_asked(stage, SZ_DNNL_DST), p->lib->engine, NULL);
    status = make_attributes(s, stage, &attr);
    if (status == SZ_DNNL_SUCCESS) status = p->lib->by->primitive(p, stage, attr, ret_desc);
    if (attr) p->lib->primitive_attr_destroy(attr);
    return status;
}

// Kernels that are only there to be right.
static bool is_slow(const dnnl_step *s, const void *desc) {
    return strncmp(name_of(s, desc), "ref", 3) == 0;
}

// With operands as they lie, unless the library has no good kernel for that.
static int choose_desc(dnnl_step *s, sz_dnnl_plan *p, sz_dnnl_stage *stage, void **ret_desc) {
    if (sz_dnnl_keep_layouts(p, stage)) {
        if (make_desc(s, p, stage, ret_desc) == SZ_DNNL_SUCCESS) {
            if (stage->kind == SZ_DNNL_CONCAT || !is_slow(s, *ret_desc)) return SZ_DNNL_SUCCESS;
            s->lib->primitive_desc_destroy(*ret_desc);
        }
        sz_dnnl_drop_layouts(stage);
    }
    return make_desc(s, p, stage, ret_desc);
}

static sz_status add_stage(dnnl_step *s, sz_dnnl_plan *p, sz_dnnl_stage *stage) {
    void *desc;
    if (stage->kind == SZ_DNNL_BLOCKS) return add_blocks(s, stage);
    SZ_TRY(said(s, sz_dnnl_describe(p, stage), "does not describe the operands of"));
    SZ_TRY(said(s, choose_desc(s, p, stage, &desc), "does not take"));
    name_kernel(s, desc);
    const sz_status status = add_primitive(s, stage, desc);
    s->lib->primitive_desc_destroy(desc);
    return status;
}

// ---- a step ------------------------------------------------------------------------------------

// The lowest format of the operands that take part.
static sz_dtype lowest(const sz_node_call *c) {
    sz_dtype low = 0;
    for (int32_t i = 0; i < c->node->n_inputs; i++) {
        const sz_type *t = sz_node_type(c->graph, c->node, i);
        if (!t || sz_dnnl_type_of(t->dtype) == SZ_DNNL_NO_TYPE) continue;
        if (!low || sz_dtype_get(t->dtype)->bits < sz_dtype_get(low)->bits) low = t->dtype;
    }
    return low;
}

// By oneDNN's documentation of its data types: s32 for int8, f32 for all floats.
static sz_dtype sums_of(sz_dtype lowest) {
    if (!lowest) return 0;
    const bool is_float = sz_dtype_get(lowest)->cls == SZ_CLASS_FLOAT;
    return sz_dtype_by_name(is_float ? "f32" : "i32");
}

static sz_status make_step(dnnl_step *s, sz_dnnl_plan *p) {
    if (s->call.n_sets > SETS) return sz_fail(s->call.ctx, SZ_ERR_INTERNAL, "too many sets");
    sz_dnnl_find(s->call.node)->plan(p);
    if (!sz_dnnl_make_dense(p))
        return sz_fail(s->call.ctx, SZ_ERR_UNAVAILABLE, "it reads too much that lies otherwise");
    s->n_stages = p->n;
    SZ_TRY(make_temps(s, p));
    if (p->kept_temp >= 0) s->temps[p->kept_temp].memory = p->kept.memory;
    for (int k = 0; k < p->n; k++) SZ_TRY(add_stage(s, p, &p->stages[k]));
    for (int set = 0; set < s->call.n_sets; set++)
        SZ_TRY(said(s, act_all(s, ONCE, set), "does not pack the operands of"));
    if (p->kept_temp < 0 || p->kept.memory) return SZ_OK;
    s->kept = p->kept;
    s->kept.memory = s->temps[p->kept_temp].memory;
    leave(&s->lib->kept, &s->kept);
    return SZ_OK;
}

static sz_dnnl_plan *new_plan(dnnl_step *s) {
    sz_dnnl_plan *p = sz_alloc(s->call.ctx, sizeof *p);
    if (!p) return NULL;
    p->lib = s->lib, p->call = &s->call, p->kept_temp = -1;
    sz_arena_init(&p->arena, s->call.ctx);
    return p;
}

static void finish_plan(sz_dnnl_plan *p) {
    sz_dnnl_forget(p);
    sz_arena_finish(&p->arena);
    sz_free(p->call->ctx, p, sizeof *p);
}

static sz_status make_plan(dnnl_step *s) {
    sz_dnnl_plan *p = new_plan(s);
    if (!p) return sz_no_memory(s->call.ctx);
    const sz_status status = make_step(s, p);
    finish_plan(p);
    return status;
}

static sz_status show_step(void *state, sz_buffer *to) {
    dnnl_step *s = state;
    sz_dnnl_plan *p = new_plan(s);
    if (!p) return sz_no_memory(s->call.ctx);
    const sz_type *type = &sz_graph_value(s->call.graph, s->laid.value)->type;
    const int status = sz_dnnl_copy_dense(p, s->laid.memory, type, to->data);
    finish_plan(p);
    return said(s, status, "does not show the result of");
}

sz_status sz_dnnl_prepare(void *library, const sz_node_call *call, sz_step *step) {
    dnnl_step *s = sz_alloc(call->ctx, sizeof *s);
    if (!s) return sz_no_memory(call->ctx);
    s->lib = library, s->call = *call;
    sz_arena_init(&s->arena, call->ctx);
    const sz_status status = make_plan(s);
    if (status != SZ_OK) {
        finish_step(call->ctx, s);
        return status;
    }
    *step = (sz_step){.state = s,
                      .run = run_step,
                      .fetch = fetch_step,
                      .show = s->laid.memory ? show_step : NULL,
                      .finish = finish_step,
                      .ran_as = lowest(call),
                      .sums = sums_of(lowest(call))};
    if (s->is_moved) add_name(s, "reorder");
    memcpy(step->kernel, s->kernel, sizeof step->kernel);
    return SZ_OK;
}
