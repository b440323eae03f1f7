// SPDX-License-Identifier: Apache-2.0
// ONNX: local functions before any of them is expanded: what they are called, what a call of each
// turns into, and that none calls itself. Counting comes first because 40 functions that each call
// the next one twice are a trillion nodes.
#include "model/import/onnx.h"

#include "model/ops/rule.h"

// ---- names -------------------------------------------------------------------------------------

// "domain NUL name NUL overload" in `buf`, or in the scratch arena when it is long.
static sz_status make_key(onnx *x, sz_str domain, sz_str name, sz_str overload, char *buf,
                          size_t size, sz_str *ret) {
    size_t len = (size_t)domain.len + name.len + overload.len + 2, at = 0;
    const sz_str parts[] = {domain, name, overload};
    char *key = len <= size ? buf : sz_arena_alloc(&x->scratch, len);
    if (!key) return sz_no_memory(x->ctx);
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len) memcpy(key + at, parts[i].p, parts[i].len);
        at += parts[i].len;
        if (i < 2) key[at++] = '\0';
    }
    *ret = (sz_str){key, (uint32_t)len};
    return SZ_OK;
}

sz_status onnx_function_find(onnx *x, sz_str domain, sz_str name, sz_str overload, int32_t *ret) {
    char buf[256];
    sz_str key;
    *ret = SZ_NONE;
    if (x->functions.n == 0) return SZ_OK;
    SZ_TRY(make_key(x, domain, name, overload, buf, sizeof buf, &key));
    if (sz_map_get(&x->function_names, key, ret)) return SZ_OK;
    *ret = SZ_NONE;
    return SZ_OK;
}

// ---- reading -----------------------------------------------------------------------------------

static sz_status add_string(onnx *x, sz_span span, onnx_strings *v) {
    sz_str s;
    SZ_TRY(onnx_copy(x, span, &s));
    return sz_vec_push(x->ctx, v, s) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status add_default(onnx *x, onnx_function *fn, sz_span span) {
    if (fn->defaults.n >= SZ_ONNX_MAX_ATTRS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d attributes", SZ_ONNX_MAX_ATTRS);
    return sz_vec_push(x->ctx, &fn->defaults, span) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status function_field(onnx *x, onnx_function *fn, const sz_field *f, uint64_t *seen) {
    switch (onnx_tag(f)) {
    case ONNX_BYTES(FUNCTION_NAME):
        onnx_once(x, seen, f, "name of a function");
        return onnx_word(x, f->span, &fn->name);
    case ONNX_BYTES(FUNCTION_DOMAIN):
        onnx_once(x, seen, f, "domain of a function");
        return onnx_domain(x, f->span, &fn->domain);
    case ONNX_BYTES(FUNCTION_OVERLOAD): return onnx_word(x, f->span, &fn->overload);
    case ONNX_BYTES(FUNCTION_INPUT): return add_string(x, f->span, &fn->inputs);
    case ONNX_BYTES(FUNCTION_OUTPUT): return add_string(x, f->span, &fn->outputs);
    case ONNX_BYTES(FUNCTION_DEFAULT): return add_default(x, fn, f->span);
    case ONNX_BYTES(FUNCTION_OPSET): return onnx_opset_read(x, f->span, &fn->opsets);
    default: return SZ_OK;
    }
}

// The table's own rule for an operator is better than what its body would cost: for those the
// function is not used.
static sz_status name_function(onnx *x, int32_t index) {
    onnx_function *fn = &x->functions.items[index];
    sz_str key;
    if (fn->name.len == 0) return sz_fail(x->ctx, SZ_ERR_INPUT, "it has no name");
    if (sz_op_find(fn->domain, fn->name) != SZ_NONE) return SZ_OK;
    SZ_TRY(make_key(x, fn->domain, fn->name, fn->overload, NULL, 0, &key));
    if (sz_map_get(&x->function_names, key, NULL))
        sz_warn(x->ctx, "function '%s' is given twice: the last one counts",
                sz_show(x->ctx, fn->name));
    return sz_map_put(&x->function_names, key, index);
}

sz_status onnx_function_read(onnx *x, sz_span span) {
    sz_str none = sz_str_c("");
    onnx_function init = {.name = none, .domain = none, .overload = none, .span = span};
    sz_span rest = span;
    uint64_t seen = 0;
    sz_field f;
    if (!sz_vec_push(x->ctx, &x->functions, init)) return sz_no_memory(x->ctx);
    onnx_function *fn = &x->functions.items[x->functions.n - 1];
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &rest, &f, &more));
        if (!more) break;
        SZ_TRY(function_field(x, fn, &f, &seen));
    }
    sz_status status = name_function(x, (int32_t)(x->functions.n - 1));
    if (status == SZ_OK) return SZ_OK;
    return sz_place(x->ctx, status, "function '%s' @%" PRIu64, sz_show(x->ctx, fn->name), span.at);
}

// ---- walking -----------------------------------------------------------------------------------

typedef struct walk_item {
    sz_span span; // GraphProto, or FunctionProto for the first one
    int32_t depth;
} walk_item;

// Goes through the graphs of a message and all their bodies; checks every tensor.
typedef struct walker {
    onnx *x;
    onnx_function *fn; // whose nodes and calls are counted, NULL when it is no function
    SZ_VEC(walk_item) queue;
    int32_t depth;     // of the graph at hand
} walker;

static sz_status walk_tensor(walker *w, sz_span span) {
    onnx_tensor t;
    SZ_TRY(onnx_tensor_read(w->x, span, &t));
    if (w->fn && t.has_raw) w->fn->raw_bytes += sz_span_len(t.raw);
    return SZ_OK;
}

static sz_status walk_body(walker *w, sz_span span) {
    if (w->depth >= SZ_ONNX_MAX_BODIES)
        return sz_fail(w->x->ctx, SZ_ERR_LIMIT, "@%" PRIu64
                       ": bodies are nested more than %d levels deep", span.at, SZ_ONNX_MAX_BODIES);
    walk_item item = {span, w->depth + 1};
    return sz_vec_push(w->x->ctx, &w->queue, item) ? SZ_OK : sz_no_memory(w->x->ctx);
}

static sz_status walk_attr(walker *w, sz_span span) {
    sz_field f;
    sz_type type;
    const sz_constant *c;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&w->x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        switch (onnx_tag(&f)) {
        case ONNX_BYTES(ATTR_T):
        case ONNX_BYTES(ATTR_TENSORS): SZ_TRY(walk_tensor(w, f.span)); break;
        case ONNX_BYTES(ATTR_SPARSE):
        case ONNX_BYTES(ATTR_SPARSES):
            SZ_TRY(onnx_sparse_read(w->x, f.span, NULL, &type, &c));
            break;
        case ONNX_BYTES(ATTR_G):
        case ONNX_BYTES(ATTR_GRAPHS): SZ_TRY(walk_body(w, f.span)); break;
        default: break;
        }
    }
}

static sz_status count_node(walker *w, sz_str domain, sz_str op, sz_str overload) {
    int32_t callee;
    if (!w->fn) return SZ_OK;
    w->fn->nodes++;
    SZ_TRY(onnx_function_find(w->x, domain, op, overload, &callee));
    if (callee == SZ_NONE) return SZ_OK;
    return sz_vec_push(w->x->ctx, &w->fn->calls, callee) ? SZ_OK : sz_no_memory(w->x->ctx);
}

static sz_status walk_node(walker *w, sz_span span) {
    sz_str none = sz_str_c(""), domain = none, op = none, overload = none;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&w->x->wire, &span, &f, &more));
        if (!more) return count_node(w, domain, op, overload);
        switch (onnx_tag(&f)) {
        case ONNX_BYTES(NODE_OP): SZ_TRY(onnx_word(w->x, f.span, &op)); break;
        case ONNX_BYTES(NODE_DOMAIN): SZ_TRY(onnx_domain(w->x, f.span, &domain)); break;
        case ONNX_BYTES(NODE_OVERLOAD): SZ_TRY(onnx_word(w->x, f.span, &overload)); break;
        case ONNX_BYTES(NODE_ATTR): SZ_TRY(walk_attr(w, f.span)); break;
        default: break;
        }
    }
}

static sz_status walk_graph_field(walker *w, const sz_field *f) {
    sz_type type;
    const sz_constant *c;
    switch (onnx_tag(f)) {
    case ONNX_BYTES(GRAPH_NODE): return walk_node(w, f->span);
    case ONNX_BYTES(GRAPH_INITIALIZER): return walk_tensor(w, f->span);
    case ONNX_BYTES(GRAPH_SPARSE): return onnx_sparse_read(w->x, f->span, NULL, &type, &c);
    default: return SZ_OK;
    }
}

static sz_status walk_function_field(walker *w, const sz_field *f) {
    if (onnx_tag(f) == ONNX_BYTES(FUNCTION_NODE)) return walk_node(w, f->span);
    if (onnx_tag(f) == ONNX_BYTES(FUNCTION_DEFAULT)) return walk_attr(w, f->span);
    return SZ_OK;
}

static sz_status walk_all(walker *w, sz_span span) {
    walk_item first = {span, 0};
    if (!sz_vec_push(w->x->ctx, &w->queue, first)) return sz_no_memory(w->x->ctx);
    for (size_t i = 0; i < w->queue.n; i++) {
        sz_span rest = w->queue.items[i].span;
        sz_field f;
        w->depth = w->queue.items[i].depth;
        for (bool more;;) {
            SZ_TRY(sz_wire_next(&w->x->wire, &rest, &f, &more));
            if (!more) break;
            SZ_TRY(i == 0 && w->fn ? walk_function_field(w, &f) : walk_graph_field(w, &f));
        }
    }
    return SZ_OK;
}

static sz_status walk(onnx *x, sz_span span, onnx_function *fn) {
    walker w = {.x = x, .fn = fn};
    sz_status status = walk_all(&w, span);
    sz_vec_finish(x->ctx, &w.queue);
    return status;
}

sz_status onnx_graph_check(onnx *x, sz_span span) { return walk(x, span, NULL); }

// ---- planning ----------------------------------------------------------------------------------

typedef struct plan_frame {
    int32_t fn;
    size_t next; // call to look at
} plan_frame;

typedef struct planner {
    onnx *x;
    SZ_VEC(plan_frame) stack;
} planner;

enum { NEW, OPEN, DONE };

static sz_status recursion(planner *p, int32_t callee) {
    onnx *x = p->x;
    const char *first = sz_show(x->ctx, x->functions.items[callee].name);
    int32_t last = p->stack.items[p->stack.n - 1].fn;
    uint64_t at = x->functions.items[callee].span.at;
    if (last == callee)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "function '%s' @%" PRIu64 " calls itself", first, at);
    return sz_fail(x->ctx, SZ_ERR_INPUT, "function '%s' @%" PRIu64 " calls itself through '%s'",
                   first, at, sz_show(x->ctx, x->functions.items[last].name));
}

// All its calls are planned: add them up. More than the limit is more than the limit.
static void sum_up(onnx *x, onnx_function *fn) {
    fn->depth = 1;
    for (size_t i = 0; i < fn->calls.n; i++) {
        const onnx_function *callee = &x->functions.items[fn->calls.items[i]];
        fn->nodes += callee->nodes;
        if (fn->nodes > SZ_ONNX_MAX_EXPANDED) fn->nodes = SZ_ONNX_MAX_EXPANDED + 1;
        if (callee->depth >= fn->depth) fn->depth = callee->depth + 1;
    }
    fn->state = DONE;
}

static sz_status plan_push(planner *p, int32_t index) {
    plan_frame frame = {index, 0};
    p->x->functions.items[index].state = OPEN;
    return sz_vec_push(p->x->ctx, &p->stack, frame) ? SZ_OK : sz_no_memory(p->x->ctx);
}

static sz_status plan_from(planner *p, int32_t start) {
    onnx *x = p->x;
    if (x->functions.items[start].state == DONE) return SZ_OK;
    SZ_TRY(plan_push(p, start));
    while (p->stack.n > 0) {
        plan_frame *top = &p->stack.items[p->stack.n - 1];
        onnx_function *fn = &x->functions.items[top->fn];
        if (top->next == fn->calls.n) {
            sum_up(x, fn);
            p->stack.n--;
            if (fn->depth > SZ_ONNX_MAX_CALLS)
                return sz_fail(x->ctx, SZ_ERR_LIMIT,
                               "functions call each other more than %d levels deep",
                               SZ_ONNX_MAX_CALLS);
            continue;
        }
        int32_t callee = fn->calls.items[top->next++];
        if (x->functions.items[callee].state == OPEN) return recursion(p, callee);
        if (x->functions.items[callee].state == NEW) SZ_TRY(plan_push(p, callee));
    }
    return SZ_OK;
}

sz_status onnx_functions_plan(onnx *x) {
    planner p = {.x = x};
    sz_status status = SZ_OK;
    for (size_t i = 0; i < x->functions.n && status == SZ_OK; i++) {
        onnx_function *fn = &x->functions.items[i];
        status = walk(x, fn->span, fn);
        if (status != SZ_OK && status != SZ_ERR_MEMORY)
            status = sz_place(x->ctx, status, "function '%s' @%" PRIu64, sz_show(x->ctx, fn->name),
                              fn->span.at);
    }
    for (size_t i = 0; i < x->functions.n && status == SZ_OK; i++)
        status = plan_from(&p, (int32_t)i);
    sz_vec_finish(x->ctx, &p.stack);
    return status;
}
