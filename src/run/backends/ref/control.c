// SPDX-License-Identifier: Apache-2.0
// If, Loop and Scan.
#include "run/backends/ref/kernel.h"

#include "model/ops/body.h"

static sz_status body_of(const sz_ref_call *c, const char *name, sz_graph **ret) {
    return sz_body_attr(c->n, name, ret);
}

static sz_buffer **new_list(const sz_ref_call *c, size_t n) {
    return sz_arena_array(c->n->graph->arena, n + 1, sizeof(sz_buffer *));
}

static void release_all(const sz_ref_call *c, sz_buffer **list, size_t n) {
    for (size_t k = 0; k < n; k++) {
        sz_buffer_release(c->ctx, list[k]);
        list[k] = NULL;
    }
}

sz_status sz_ref_if(sz_ref_call *c) {
    sz_graph *body;
    SZ_TRY(body_of(c, sz_ref_scalar(c, 0, 0) != 0 ? "then_branch" : "else_branch", &body));
    if (body->outputs.n < (size_t)c->n_out)
        return sz_op_fail(c->n, "the branch has %zu outputs", body->outputs.n);
    sz_buffer **out = new_list(c, body->outputs.n);
    if (!out) return sz_no_memory(c->ctx);
    SZ_TRY(sz_ref_body(c, body, 0, NULL, out));
    for (int o = 0; o < c->n_out; o++) c->out[o] = sz_buffer_hold(out[o]);
    release_all(c, out, body->outputs.n);
    return SZ_OK;
}

// ---- collected outputs -------------------------------------------------------------------------

typedef struct collected {
    sz_buffer **items;
    size_t n, cap;
} collected;

static void forget(const sz_ref_call *c, collected *l, int n) {
    for (int k = 0; k < n; k++) {
        release_all(c, l[k].items, l[k].n);
        sz_vec_finish(c->ctx, &l[k]);
    }
}

// Slices joined along a new axis; `reverse`: the last comes first.
static sz_status join(const sz_ref_call *c, const collected *l, int axis, bool reverse,
                      sz_buffer **ret) {
    if (l->n == 0) return sz_op_fail(c->n, "no reference for a loop without a turn that collects");
    const sz_buffer *first = l->items[0];
    int64_t dims[SZ_MAX_RANK];
    if (first->is_sequence) return sz_op_fail(c->n, "sequences can't be collected");
    if (axis < 0) axis += first->rank + 1;
    if (axis < 0 || axis > first->rank || first->rank == SZ_MAX_RANK)
        return sz_op_fail(c->n, "the axis of a collected output is out of range");
    for (int d = 0; d <= first->rank; d++)
        dims[d] = d == axis ? (int64_t)l->n : first->dims[d < axis ? d : d - 1];
    for (size_t k = 1; k < l->n; k++) {
        const sz_buffer *b = l->items[k];
        bool same = b->dtype == first->dtype && b->rank == first->rank && !b->is_sequence;
        for (int d = 0; same && d < b->rank; d++) same = b->dims[d] == first->dims[d];
        if (!same) return sz_op_fail(c->n, "collected outputs differ in shape");
    }
    SZ_TRY(sz_buffer_create(c->ctx, first->dtype, first->rank + 1, dims, ret));
    const size_t chunk = (size_t)sz_ref_span(first, axis, first->rank) *
                         sz_buffer_width(first->dtype);
    const int64_t outer = sz_ref_span(first, 0, axis);
    for (size_t k = 0; k < l->n; k++)
        for (int64_t o = 0; o < outer; o++)
            memcpy((char *)(*ret)->data + ((size_t)o * l->n + k) * chunk,
                   (char *)l->items[reverse ? l->n - 1 - k : k]->data + (size_t)o * chunk, chunk);
    return SZ_OK;
}

// ---- Loop --------------------------------------------------------------------------------------

typedef struct loop {
    sz_graph *body;
    int carried, gathered;
    int64_t trips;
    bool go;
    sz_buffer **in, **out; // of the body
    collected *lists;
} loop;

static sz_status number(const sz_ref_call *c, const char *dtype, int64_t x, sz_buffer **ret) {
    SZ_TRY(sz_buffer_create(c->ctx, sz_dtype_by_name(dtype), 0, NULL, ret));
    sz_buffer_put_integers(*ret, 0, 1, &x);
    return SZ_OK;
}

static sz_status turn(const sz_ref_call *c, loop *l, int64_t k) {
    sz_buffer_release(c->ctx, l->in[0]);
    sz_buffer_release(c->ctx, l->in[1]);
    l->in[0] = l->in[1] = NULL;
    SZ_TRY(number(c, "i64", k, &l->in[0]));
    SZ_TRY(number(c, "bool", l->go, &l->in[1]));
    SZ_TRY(sz_ref_body(c, l->body, l->carried + 2, l->in, l->out));
    double go = 1;
    const bool good = !l->out[0]->is_sequence && l->out[0]->count == 1;
    if (good) sz_buffer_doubles(l->out[0], 0, 1, &go);
    l->go = go != 0;
    sz_status status = good ? SZ_OK : sz_op_fail(c->n, "the body's condition is not one number");
    for (int i = 0; status == SZ_OK && i < l->carried; i++) {
        sz_buffer_release(c->ctx, l->in[2 + i]);
        l->in[2 + i] = sz_buffer_hold(l->out[1 + i]);
    }
    for (int i = 0; status == SZ_OK && i < l->gathered; i++) {
        sz_buffer *b = sz_buffer_hold(l->out[1 + l->carried + i]);
        if (sz_vec_push(c->ctx, &l->lists[i], b)) continue;
        sz_buffer_release(c->ctx, b);
        status = sz_no_memory(c->ctx);
    }
    release_all(c, l->out, l->body->outputs.n);
    return status;
}

static sz_status loop_outputs(sz_ref_call *c, const loop *l) {
    for (int o = 0; o < c->n_out; o++) {
        if (c->n->node->outputs[o] == SZ_NONE) continue;
        if (o < l->carried)
            c->out[o] = sz_buffer_hold(l->in[2 + o]);
        else
            SZ_TRY(join(c, &l->lists[o - l->carried], 0, false, &c->out[o]));
    }
    return SZ_OK;
}

static sz_status run_loop(sz_ref_call *c, loop *l) {
    for (int64_t k = 0; l->go && (l->trips < 0 || k < l->trips); k++) SZ_TRY(turn(c, l, k));
    return loop_outputs(c, l);
}

sz_status sz_ref_loop(sz_ref_call *c) {
    loop l = {.trips = -1, .go = sz_ref_scalar(c, 1, 1) != 0, .carried = c->n_in - 2};
    SZ_TRY(body_of(c, "body", &l.body));
    if (l.carried < 0) l.carried = 0;
    l.gathered = (int)l.body->outputs.n - 1 - l.carried;
    if (l.gathered < 0 || c->n_out > l.carried + l.gathered)
        return sz_op_fail(c->n, "the body has %zu outputs", l.body->outputs.n);
    if (sz_ref_has(c, 0) && c->in[0]->count == 1) sz_buffer_integers(c->in[0], 0, 1, &l.trips);
    if (l.trips < 0) l.trips = sz_ref_has(c, 0) ? 0 : -1;
    l.in = new_list(c, (size_t)l.carried + 2), l.out = new_list(c, l.body->outputs.n);
    l.lists = sz_arena_array(c->n->graph->arena, (size_t)l.gathered + 1, sizeof *l.lists);
    if (!l.in || !l.out || !l.lists) return sz_no_memory(c->ctx);
    for (int i = 0; i < l.carried; i++) l.in[2 + i] = sz_buffer_hold(c->in[2 + i]);
    sz_status status = run_loop(c, &l);
    release_all(c, l.in, (size_t)l.carried + 2);
    forget(c, l.lists, l.gathered);
    return status;
}

// ---- Scan --------------------------------------------------------------------------------------

typedef struct scan {
    sz_graph *body;
    int states, scanned, gathered;
    int64_t trips;
    sz_buffer **in, **out;
    collected *lists;
} scan;

static int64_t listed(const sz_ref_call *c, const char *name, int k) {
    const int64_t *list;
    return k < sz_attr_ints(c->n->node, name, &list) ? list[k] : 0;
}

// Slice k along an axis.
static sz_status slice(const sz_ref_call *c, const sz_buffer *b, int axis, int64_t k,
                       sz_buffer **ret) {
    int64_t dims[SZ_MAX_RANK];
    for (int d = 0; d < b->rank - 1; d++) dims[d] = b->dims[d < axis ? d : d + 1];
    SZ_TRY(sz_buffer_create(c->ctx, b->dtype, b->rank - 1, dims, ret));
    const size_t chunk = (size_t)sz_ref_span(b, axis + 1, b->rank) * sz_buffer_width(b->dtype);
    for (int64_t o = 0; o < sz_ref_span(b, 0, axis); o++)
        memcpy((char *)(*ret)->data + (size_t)o * chunk,
               (char *)b->data + (size_t)(o * b->dims[axis] + k) * chunk, chunk);
    return SZ_OK;
}

static sz_status scan_turn(const sz_ref_call *c, scan *s, int64_t k) {
    for (int i = 0; i < s->scanned; i++) {
        const sz_buffer *b = c->in[s->states + i];
        int axis;
        SZ_TRY(sz_op_axis(c->n, listed(c, "scan_input_axes", i), b->rank, &axis));
        const bool back = listed(c, "scan_input_directions", i) != 0;
        sz_buffer_release(c->ctx, s->in[s->states + i]);
        s->in[s->states + i] = NULL;
        SZ_TRY(slice(c, b, axis, back ? s->trips - 1 - k : k, &s->in[s->states + i]));
    }
    SZ_TRY(sz_ref_body(c, s->body, s->states + s->scanned, s->in, s->out));
    sz_status status = SZ_OK;
    for (int i = 0; i < s->states; i++) {
        sz_buffer_release(c->ctx, s->in[i]);
        s->in[i] = sz_buffer_hold(s->out[i]);
    }
    for (int i = 0; status == SZ_OK && i < s->gathered; i++) {
        sz_buffer *b = sz_buffer_hold(s->out[s->states + i]);
        if (sz_vec_push(c->ctx, &s->lists[i], b)) continue;
        sz_buffer_release(c->ctx, b);
        status = sz_no_memory(c->ctx);
    }
    release_all(c, s->out, s->body->outputs.n);
    return status;
}

static sz_status run_scan(sz_ref_call *c, scan *s) {
    for (int64_t k = 0; k < s->trips; k++) SZ_TRY(scan_turn(c, s, k));
    for (int o = 0; o < c->n_out; o++) {
        if (c->n->node->outputs[o] == SZ_NONE) continue;
        const int g = o - s->states;
        if (g < 0)
            c->out[o] = sz_buffer_hold(s->in[o]);
        else
            SZ_TRY(join(c, &s->lists[g], (int)listed(c, "scan_output_axes", g),
                        listed(c, "scan_output_directions", g) != 0, &c->out[o]));
    }
    return SZ_OK;
}

sz_status sz_ref_scan(sz_ref_call *c) {
    const int64_t m = sz_attr_i(c->n->node, "num_scan_inputs", 0);
    scan s = {.trips = -1};
    if (c->n->opset < 9) return sz_op_fail(c->n, "no reference for Scan before opset 9");
    SZ_TRY(body_of(c, "body", &s.body));
    if (m < 1 || m > c->n_in) return sz_op_fail(c->n, "num_scan_inputs does not fit");
    s.scanned = (int)m, s.states = c->n_in - s.scanned;
    s.gathered = (int)s.body->outputs.n - s.states;
    if (s.gathered < 0 || c->n_out > (int)s.body->outputs.n)
        return sz_op_fail(c->n, "the body has %zu outputs", s.body->outputs.n);
    for (int i = 0; i < s.scanned; i++) {
        const sz_buffer *b = c->in[s.states + i];
        int axis;
        if (!b || b->is_sequence || b->rank < 1)
            return sz_op_fail(c->n, "input has no axis to scan");
        SZ_TRY(sz_op_axis(c->n, listed(c, "scan_input_axes", i), b->rank, &axis));
        if (s.trips >= 0 && b->dims[axis] != s.trips)
            return sz_op_fail(c->n, "lengths of the scan inputs differ");
        s.trips = b->dims[axis];
    }
    s.in = new_list(c, (size_t)c->n_in), s.out = new_list(c, s.body->outputs.n);
    s.lists = sz_arena_array(c->n->graph->arena, (size_t)s.gathered + 1, sizeof *s.lists);
    if (!s.in || !s.out || !s.lists) return sz_no_memory(c->ctx);
    for (int i = 0; i < s.states; i++) s.in[i] = sz_buffer_hold(c->in[i]);
    sz_status status = run_scan(c, &s);
    release_all(c, s.in, (size_t)c->n_in);
    forget(c, s.lists, s.gathered);
    return status;
}
