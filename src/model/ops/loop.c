// SPDX-License-Identifier: Apache-2.0
// Loop. One general run of the body settles most loops: the carried types do not change and the
// trip count is a constant. Otherwise, where the numbers are known, the loop is played through step
// by step, so that growing shapes and early exits come out exactly; else what differs between runs
// becomes unknown.
//
// Runtimes leave the loop when the body says so even if the node has no condition input; the
// document of the operator says that such a condition is ignored. Here it counts, as in runtimes.
#include "model/ops/loop.h"

#include <inttypes.h>

#include "model/ops/body.h"
#include "model/ops/container.h"
#include "model/ops/rules.h"

enum { MAX_PASSES = 4, MAX_COLLECTED = 4096 };

// ---- carried types -----------------------------------------------------------------------------

static sz_status run_pass(sz_carried *c) {
    for (int k = 0; k < c->count; k++) {
        const bool same = c->known && sz_body_passes(c->body, c->first_out + k, c->first_in + k);
        SZ_TRY(sz_body_input(c->body, c->first_in + k, &c->types[k], same ? c->known[k] : NULL));
    }
    return sz_body_run(c->n, c->body);
}

// Does input k still fit what output k gives? If not, widen it.
static sz_status widen(sz_carried *c, bool last, bool *ret_changed) {
    *ret_changed = false;
    for (int k = 0; k < c->count; k++) {
        const sz_type *in = &sz_graph_value(c->body, c->body->inputs.items[c->first_in + k])->type;
        const sz_type *out = sz_body_output(c->body, c->first_out + k);
        sz_type merged;
        if (sz_body_passes(c->body, c->first_out + k, c->first_in + k)) continue;
        SZ_TRY(sz_type_merge(c->body, in, out, &merged));
        if (sz_type_equal(&merged, in)) continue;
        if (last) merged.rank = -1, merged.n_items = -1, merged.items = NULL;
        c->types[k] = merged;
        *ret_changed = true;
    }
    return SZ_OK;
}

static sz_status settle(sz_carried *c, sz_trace *budget) {
    for (int pass = 0; pass < MAX_PASSES; pass++) {
        bool changed;
        SZ_TRY(run_pass(c));
        SZ_TRY(widen(c, pass + 2 == MAX_PASSES, &changed));
        if (!changed) break;
        c->is_stable = false;
        c->gave_up = pass + 1 == MAX_PASSES || !sz_trace_charge(budget);
        if (c->gave_up) break;
    }
    for (int k = 0; c->gave_up && k < c->count; k++)
        c->types[k] = (sz_type){.rank = -1, .n_items = -1};
    return SZ_OK;
}

// A carried value keeps its first type while the widening finds that all runs have it.
sz_status sz_carried_settle(sz_carried *c) {
    sz_trace *budget = NULL;
    c->is_stable = true;
    c->gave_up = false;
    SZ_TRY(sz_trace_create(c->n, c->body, &budget));
    sz_status status = settle(c, budget);
    sz_trace_destroy(budget);
    return status;
}

// ---- the loop ----------------------------------------------------------------------------------

typedef struct loop {
    sz_infer *n;
    sz_graph *body;
    int n_carried, n_collected;
    int64_t max_trips;  // the input M; INT64_MAX when there is none, -1 when not known
    int cond;           // before the first run: 1, 0, or -1 = not known
    sz_type *types;     // of the carried values
    const sz_tensor **known;
    // Played through:
    int64_t trips;
    sz_type *collected; // types of one element of the collected values
    SZ_VEC(const sz_tensor *) numbers; // n_collected per step
    bool collects_numbers;
} loop;

// 1, 0, or -1 when it is not known
static int truth(const sz_tensor *t) {
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN) return -1;
    return t->i[0] != 0;
}

static int64_t trip_limit(const sz_infer *n) {
    const sz_tensor *m = sz_in_value(n, 0);
    if (!sz_has_in(n, 0)) return INT64_MAX;
    if (!m || !m->i || m->count != 1 || m->i[0] == SZ_VALUE_UNKNOWN) return -1;
    return m->i[0] > 0 ? m->i[0] : 0;
}

static sz_status read_loop(sz_infer *n, loop *l) {
    *l = (loop){.n = n, .n_carried = n->node->n_inputs > 2 ? n->node->n_inputs - 2 : 0};
    SZ_TRY(sz_body_attr(n, "body", &l->body));
    if (l->body->inputs.n != (size_t)l->n_carried + 2)
        return sz_op_fail(n, "the body has %zu inputs, expected %d", l->body->inputs.n,
                          l->n_carried + 2);
    if (l->body->outputs.n < (size_t)l->n_carried + 1 || l->body->outputs.n > INT32_MAX)
        return sz_op_fail(n, "the body has %zu outputs, expected at least %d", l->body->outputs.n,
                          l->n_carried + 1);
    l->n_collected = (int)l->body->outputs.n - 1 - l->n_carried;
    if (n->node->n_outputs > l->n_carried + l->n_collected)
        return sz_op_fail(n, "has %d outputs, its body gives %d", n->node->n_outputs,
                          l->n_carried + l->n_collected);
    l->max_trips = trip_limit(n);
    l->cond = sz_has_in(n, 1) ? truth(sz_in_value(n, 1)) : 1;
    l->types = sz_op_alloc(n, (size_t)l->n_carried + 1, sizeof *l->types);
    l->known = sz_op_alloc(n, (size_t)l->n_carried + 1, sizeof *l->known);
    l->collected = sz_op_alloc(n, (size_t)l->n_collected + 1, sizeof *l->collected);
    return l->types && l->known && l->collected ? SZ_OK : sz_no_memory(n->ctx);
}

static void start(loop *l) {
    for (int k = 0; k < l->n_carried; k++) {
        l->types[k] = *sz_in(l->n, 2 + k);
        l->known[k] = sz_in_value(l->n, 2 + k);
    }
    for (int k = 0; k < l->n_collected; k++) l->collected[k] = (sz_type){.rank = -1, .n_items = -1};
}

// A number for formal input i of the body: a scalar, or one element where the file says so.
static sz_status give_number(loop *l, int i, const char *dtype, int64_t value, bool is_known) {
    const sz_type said = sz_body_declared(l->body, i);
    const sz_dtype t = said.dtype ? said.dtype : sz_dtype_by_name(dtype);
    const int32_t rank = said.rank == 1 ? 1 : 0;
    int64_t *dims = sz_graph_dims(l->body, 1);
    if (!dims) return sz_no_memory(l->n->ctx);
    dims[0] = 1;
    const sz_type type = sz_type_tensor(t, rank, dims);
    sz_tensor *number = NULL;
    if (is_known) {
        number = sz_tensor_new(l->body, t, rank, dims, 1);
        if (!number) return sz_no_memory(l->n->ctx);
        if (number->i) number->i[0] = value;
    }
    return sz_body_input(l->body, i, &type, number && number->i ? number : NULL);
}

// Rests where inference of the body left it: a tensor has no other use for n_items.
static void note_trips(loop *l, int64_t trips) {
    sz_graph_value(l->body, l->body->inputs.items[0])->type.n_items = trips;
}

bool sz_loop_trips(const sz_infer *n, int64_t *ret_trips) {
    const sz_attr *a = sz_attr_find(n->node, "body");
    if (!a || a->kind != SZ_ATTR_GRAPH || a->graphs[0]->inputs.n == 0) return false;
    const sz_graph *body = a->graphs[0];
    *ret_trips = sz_graph_value(body, body->inputs.items[0])->type.n_items;
    return *ret_trips >= 0;
}

// ---- outputs -----------------------------------------------------------------------------------

static sz_status set_collected(loop *l, int o, const sz_type *elem, int64_t trips) {
    sz_infer *n = l->n;
    if (elem->kind != SZ_TYPE_TENSOR || elem->rank < 0) return sz_out_rank(n, o, elem->dtype, -1);
    if (elem->rank >= SZ_MAX_RANK) return sz_op_fail(n, "output of rank %d", elem->rank + 1);
    int64_t dims[SZ_MAX_RANK];
    dims[0] = trips;
    for (int32_t k = 0; k < elem->rank; k++) dims[k + 1] = elem->dims[k];
    return sz_out(n, o, elem->dtype, elem->rank + 1, dims);
}

static sz_status set_carried(loop *l, int o, bool with_numbers) {
    SZ_TRY(sz_out_type(l->n, o, &l->types[o]));
    if (with_numbers && sz_has_out(l->n, o))
        sz_graph_value(l->n->graph, l->n->node->outputs[o])->known = l->known[o];
    return SZ_OK;
}

static sz_status set_general(loop *l, int64_t trips) {
    note_trips(l, trips);
    for (int o = 0; o < l->n->node->n_outputs; o++) {
        if (o < l->n_carried) {
            bool same = trips == 0 || sz_body_passes(l->body, 1 + o, 2 + o);
            SZ_TRY(set_carried(l, o, same));
        } else {
            SZ_TRY(set_collected(l, o, sz_body_output(l->body, 1 + o), trips));
        }
    }
    return SZ_OK;
}

// The numbers of a collected value, one step after the other.
static sz_status set_numbers(loop *l, int o) {
    sz_tensor *to;
    const int c = o - l->n_carried;
    if (!l->collects_numbers || l->trips == 0) return SZ_OK;
    for (int64_t s = 0; s < l->trips; s++)
        if (!l->numbers.items[s * l->n_collected + c]) return SZ_OK;
    SZ_TRY(sz_out_value(l->n, o, &to));
    if (!to) return SZ_OK;
    const int64_t each = to->count / l->trips;
    for (int64_t s = 0; s < l->trips; s++) {
        const sz_tensor *from = l->numbers.items[s * l->n_collected + c];
        for (int64_t k = 0; k < each && k < from->count; k++) {
            if (to->i && from->i) to->i[s * each + k] = from->i[k];
            if (to->f && from->f) to->f[s * each + k] = from->f[k];
            if (to->s && from->s) to->s[s * each + k] = from->s[k];
        }
    }
    return SZ_OK;
}

static sz_status set_played(loop *l) {
    note_trips(l, l->trips);
    for (int o = 0; o < l->n->node->n_outputs; o++) {
        if (o < l->n_carried) {
            SZ_TRY(set_carried(l, o, true));
        } else {
            SZ_TRY(set_collected(l, o, &l->collected[o - l->n_carried], l->trips));
            SZ_TRY(set_numbers(l, o));
        }
    }
    return SZ_OK;
}

// ---- playing through ---------------------------------------------------------------------------

static sz_status collect(loop *l) {
    for (int c = 0; c < l->n_collected; c++) {
        const int o = 1 + l->n_carried + c;
        const sz_type *t = sz_body_output(l->body, o);
        if (l->trips == 0) l->collected[c] = *t;
        else SZ_TRY(sz_type_merge(l->body, &l->collected[c], t, &l->collected[c]));
        const sz_tensor *numbers = sz_body_output_known(l->n, l->body, o);
        l->collects_numbers &= l->numbers.n < MAX_COLLECTED;
        if (l->collects_numbers && !sz_vec_push(l->n->ctx, &l->numbers, numbers))
            return sz_no_memory(l->n->ctx);
    }
    return SZ_OK;
}

// One run with known numbers; *ret_cond is what the body says about going on.
static sz_status step(loop *l, int *ret_cond) {
    SZ_TRY(give_number(l, 0, "i64", l->trips, true));
    SZ_TRY(give_number(l, 1, "bool", 1, true));
    for (int k = 0; k < l->n_carried; k++)
        SZ_TRY(sz_body_input(l->body, 2 + k, &l->types[k], l->known[k]));
    SZ_TRY(sz_body_run(l->n, l->body));
    *ret_cond = truth(sz_body_output_known(l->n, l->body, 0));
    for (int k = 0; k < l->n_carried; k++) {
        l->types[k] = *sz_body_output(l->body, 1 + k);
        l->known[k] = sz_body_output_known(l->n, l->body, 1 + k);
    }
    SZ_TRY(collect(l));
    l->trips++;
    return SZ_OK;
}

static sz_status play(loop *l, sz_trace *trace, bool *ret_done) {
    int cond = l->cond;
    l->trips = 0;
    l->collects_numbers = true;
    *ret_done = false;
    if (!sz_trace_charge(trace)) return SZ_OK; // for the general run that a failure makes necessary
    while (l->trips < l->max_trips && cond == 1) {
        if (l->trips == SZ_MAX_LOOP_STEPS || !sz_trace_charge(trace)) return SZ_OK;
        if (l->trips == 0) start(l);
        SZ_TRY(step(l, &cond));
        SZ_TRY(sz_trace_add(trace));
    }
    *ret_done = cond >= 0 || l->trips == l->max_trips;
    return SZ_OK;
}

static sz_status play_through(loop *l, bool *ret_done) {
    sz_trace *trace = NULL;
    SZ_TRY(sz_trace_create(l->n, l->body, &trace));
    sz_status status = play(l, trace, ret_done);
    if (status == SZ_OK && *ret_done) {
        sz_trace_keep(trace);
        status = set_played(l);
    }
    sz_trace_destroy(trace);
    sz_vec_finish(l->n->ctx, &l->numbers);
    return status;
}

// ---- the rule ----------------------------------------------------------------------------------

static sz_status run_general(loop *l, sz_carried *c) {
    start(l);
    SZ_TRY(give_number(l, 0, "i64", 0, false));
    SZ_TRY(give_number(l, 1, "bool", 1, true)); // while the body runs, it is true
    *c = (sz_carried){.n = l->n, .body = l->body, .first_in = 2, .first_out = 1,
                      .count = l->n_carried, .types = l->types, .known = l->known};
    return sz_carried_settle(c);
}

// Trips by the general run: the body must be known to go on, or to stop after its first run.
static int64_t general_trips(const loop *l, int again) {
    if (l->cond == 0 || l->max_trips == 0) return 0;
    if (l->cond < 0 || l->max_trips < 0) return -1;
    if (again == 0) return 1;
    return again == 1 && l->max_trips < INT64_MAX ? l->max_trips : -1;
}

// Is there more to learn from playing the loop through?
static bool wants_play(const loop *l, const sz_carried *c, int again) {
    if (l->cond != 1 || l->max_trips <= 0) return false;
    // more trips than that would not come to the end
    if (again == 1 && l->max_trips > SZ_MAX_LOOP_STEPS) return false;
    if (again < 0 || !c->is_stable) return true;
    for (int k = 0; k < l->n_carried; k++)
        if (l->known[k] && !sz_body_passes(l->body, 1 + k, 2 + k)) return true;
    for (int k = 0; k < l->n_collected; k++) { // numbers of the iteration, or shapes made of them
        const sz_type *t = sz_body_output(l->body, 1 + l->n_carried + k);
        if (!sz_type_is_static(t)) return true;
        if (t->rank == 0 && sz_dtype_get(t->dtype)->cls == SZ_CLASS_INT) return true;
    }
    for (int k = 0; k < l->n_carried; k++)
        if (l->types[k].kind == SZ_TYPE_TENSOR && !sz_type_is_static(&l->types[k])) return true;
    return false;
}

sz_status sz_shape_loop(sz_infer *n) {
    loop l;
    sz_carried general;
    bool done = false;
    SZ_TRY(read_loop(n, &l));
    SZ_TRY(run_general(&l, &general));
    int again = general.gave_up ? -1 : truth(sz_body_output_known(n, l.body, 0));
    int64_t trips = general_trips(&l, again);
    if (trips == 0) { // never runs: what goes in comes out
        start(&l);
        return set_general(&l, 0);
    }
    if (wants_play(&l, &general, again)) {
        SZ_TRY(play_through(&l, &done));
        if (done) return SZ_OK;
        if (l.trips > 0) SZ_TRY(run_general(&l, &general)); // the body holds one step's findings
    }
    return set_general(&l, general.gave_up ? -1 : trips);
}
