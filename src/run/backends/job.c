// SPDX-License-Identifier: Apache-2.0
#include "run/backends/job.h"

#include <math.h>
#include <stdio.h>

#include "machine/measure/stats.h"
#include "model/train/train.h"
#include "os/clock.h"
#include "run/backends/job_layout.h"
#include "run/backends/job_memory.h"
#include "run/backends/ozaki.h"
#include "run/backends/plain/plain.h"

// ---- a step of training ------------------------------------------------------------------------

// A new weight lies where the old one lay: the step is run in place. What it changes follows from
// no constant and is never packed beforehand.
static sz_status find_changes(sz_job *j) {
    const sz_train_step *step = j->how.step;
    j->becomes = sz_arena_array(&j->arena, j->graph->values.n + 1, sizeof *j->becomes);
    j->changes = sz_arena_array(&j->arena, j->graph->values.n + 1, sizeof *j->changes);
    j->trained = (sz_trained){NAN, NAN, 0};
    if (!j->becomes || !j->changes) return sz_no_memory(j->ctx);
    for (size_t v = 0; v < j->graph->values.n; v++) j->becomes[v] = SZ_NONE;
    for (size_t k = 0; step && k < step->n_pairs; k++) {
        j->becomes[step->pairs[k].updated] = step->pairs[k].constant;
        j->changes[step->pairs[k].constant] = true;
        j->constant[step->pairs[k].constant] = false;
    }
    return SZ_OK;
}

static void note_loss(sz_job *j, int set) {
    if (!j->how.step) return;
    j->trained.steps++;
    if (set != 0) return;
    sz_buffer_doubles(j->slots[0][j->how.step->loss], 0, 1, &j->trained.loss_last);
    if (isnan(j->trained.loss_first)) j->trained.loss_first = j->trained.loss_last;
}

// ---- what the outputs need ---------------------------------------------------------------------

// Backwards from the outputs: a node is needed when one of its outputs is read.
static sz_status find_needed(sz_job *j) {
    const sz_graph *g = j->graph;
    j->needed = sz_arena_array(&j->arena, g->nodes.n + 1, sizeof *j->needed);
    j->readers = sz_arena_array(&j->arena, g->values.n + 1, sizeof *j->readers);
    j->constant = sz_arena_array(&j->arena, g->values.n + 1, sizeof *j->constant);
    if (!j->needed || !j->readers || !j->constant) return sz_no_memory(j->ctx);
    for (size_t v = 0; v < g->values.n; v++) j->constant[v] = g->values.items[v].constant != NULL;
    for (size_t o = 0; o < g->outputs.n; o++) j->readers[g->outputs.items[o]]++;
    for (size_t k = g->nodes.n; k-- > 0;) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        for (int32_t o = 0; o < n->n_outputs; o++) {
            const sz_value_id out = n->outputs[o];
            // the outputs of Constant nodes are constants already
            if (out != SZ_NONE && j->readers[out] > 0 && !g->values.items[out].constant)
                j->needed[id] = true;
        }
        for (int32_t i = 0; j->needed[id] && i < n->n_inputs; i++)
            if (n->inputs[i] != SZ_NONE) j->readers[n->inputs[i]]++;
    }
    return SZ_OK;
}

// Do all inputs follow from constants? A graph of such nodes alone is run as it stands.
static bool is_constant(const sz_job *j, const sz_node *n) {
    bool all = n->n_inputs > 0;
    for (int32_t i = 0; i < n->n_inputs; i++)
        all &= n->inputs[i] == SZ_NONE || j->constant[n->inputs[i]];
    for (int32_t o = 0; o < n->n_outputs; o++)
        all &= n->outputs[o] == SZ_NONE || !sz_graph_value(j->graph, n->outputs[o])->is_output;
    return all;
}

static void find_constants(sz_job *j) {
    const sz_graph *g = j->graph;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        if (!j->needed[id] || !is_constant(j, n)) continue;
        for (int32_t o = 0; o < n->n_outputs; o++)
            if (n->outputs[o] != SZ_NONE) j->constant[n->outputs[o]] = true;
    }
}

// ---- memory ------------------------------------------------------------------------------------

static sz_status bytes_of(sz_ctx *ctx, const sz_graph *g, const sz_value *v, int64_t *ret_bytes) {
    int64_t n = 0;
    (void)g;
    if (v->type.kind != SZ_TYPE_TENSOR || !sz_type_is_static(&v->type))
        return sz_fail(ctx, SZ_ERR_INPUT, "the type of '%s' is not known before it runs",
                       sz_show(ctx, v->name));
    SZ_TRY(sz_type_elements(ctx, &v->type, &n));
    const int64_t width = (int64_t)sz_buffer_width(v->type.dtype);
    if (width == 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "'%s' holds no numbers", sz_show(ctx, v->name));
    if (!sz_mul(n, width, ret_bytes))
        return sz_fail(ctx, SZ_ERR_LIMIT, "'%s' has more than 2^63 bytes", sz_show(ctx, v->name));
    return SZ_OK;
}

// Every value once, inputs once for each set; and weights once more, packed.
sz_status sz_job_bytes(sz_ctx *ctx, const sz_graph *g, int64_t *ret_bytes) {
    int64_t sum = 0;
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        int64_t bytes;
        if (v->kind == SZ_VALUE_NODE && v->type.kind == SZ_TYPE_NONE) continue; // nobody needs it
        SZ_TRY(bytes_of(ctx, g, v, &bytes));
        const int64_t times = v->kind == SZ_VALUE_INPUT ? 2 * SZ_INPUT_SETS : 2;
        if (!sz_madd(&sum, bytes, times))
            return sz_fail(ctx, SZ_ERR_LIMIT, "it needs more than 2^63 bytes");
    }
    for (size_t k = 0; k < g->nodes.n; k++) {
        int64_t own;
        if (!sz_node_bytes(g, &g->nodes.items[k], &own) || !sz_add(sum, own, &sum))
            return sz_fail(ctx, SZ_ERR_LIMIT, "it needs more than 2^63 bytes");
    }
    *ret_bytes = sum;
    return SZ_OK;
}

// Before the run: such numbers stay where they are.
static bool is_there(const sz_job *j, sz_value_id id) {
    return j->constant[id] || j->changes[id] || sz_graph_value(j->graph, id)->kind != SZ_VALUE_NODE;
}

static sz_status make_buffer(sz_job *j, sz_value_id id, sz_buffer **ret_buffer) {
    const sz_value *v = sz_graph_value(j->graph, id);
    int64_t bytes;
    SZ_TRY(bytes_of(j->ctx, j->graph, v, &bytes));
    sz_buffer *b = sz_arena_alloc(&j->arena, sizeof *b);
    if (!b) return sz_no_memory(j->ctx);
    *b = (sz_buffer){.dtype = v->type.dtype,
                     .rank = v->type.rank,
                     .bytes = (size_t)bytes,
                     .count = bytes / (int64_t)sz_buffer_width(v->type.dtype),
                     .holders = 1};
    memcpy(b->dims, v->type.dims, (size_t)v->type.rank * sizeof *b->dims);
    char *data;
    const sz_status status = sz_job_take(j, b->bytes, is_there(j, id), &data);
    if (status != SZ_OK) return sz_place(j->ctx, status, "'%s'", sz_show(j->ctx, v->name));
    b->data = data;
    memset(b->data, 0, b->bytes);
    *ret_buffer = b;
    return SZ_OK;
}

// Numbers of an input or a constant, copied to where they are measured.
static sz_status fill(sz_job *j, int set, sz_value_id id) {
    sz_buffer *from;
    SZ_TRY(sz_ref_source(j->numbers[set], id, &from));
    sz_status status = make_buffer(j, id, &j->slots[set][id]);
    if (status == SZ_OK && from->bytes != j->slots[set][id]->bytes)
        status = sz_fail(j->ctx, SZ_ERR_INTERNAL, "numbers of another size");
    if (status == SZ_OK) memcpy(j->slots[set][id]->data, from->data, from->bytes);
    sz_buffer_release(j->ctx, from);
    return status;
}

// Of a view: the same numbers, an own shape.
static sz_status share(sz_job *j, sz_value_id id) {
    const sz_type *t = &sz_graph_value(j->graph, id)->type;
    for (int s = 0; s < SZ_INPUT_SETS; s++) {
        const sz_buffer *from = j->slots[s][j->root[id]];
        if (s > 0 && from == j->slots[0][j->root[id]]) {
            j->slots[s][id] = j->slots[0][id];
            continue;
        }
        sz_buffer *b = sz_arena_alloc(&j->arena, sizeof *b);
        if (!b) return sz_no_memory(j->ctx);
        *b = *from;
        b->rank = t->rank;
        memcpy(b->dims, t->dims, (size_t)t->rank * sizeof *b->dims);
        j->slots[s][id] = b;
    }
    return SZ_OK;
}

static sz_status fill_own(sz_job *j, sz_value_id id) {
    const sz_value *v = sz_graph_value(j->graph, id);
    if (j->slots[0][id]) return SZ_OK;
    if (j->root[id] != id) return share(j, id);
    if (v->kind == SZ_VALUE_INPUT && !v->constant) {
        for (int s = 0; s < SZ_INPUT_SETS; s++) SZ_TRY(fill(j, s, id));
        return SZ_OK;
    }
    // what a step begins with and no file has is a state of the optimizer: zeros, as in its recipe
    if (v->constant && !(j->changes[id] && v->constant->form == SZ_CONST_RECIPE))
        SZ_TRY(fill(j, 0, id));
    else
        SZ_TRY(make_buffer(j, id, &j->slots[0][id]));
    for (int s = 1; s < SZ_INPUT_SETS; s++) j->slots[s][id] = j->slots[0][id];
    return SZ_OK;
}

static sz_status fill_value(sz_job *j, sz_value_id id) {
    const sz_value_id home = j->becomes[id];
    if (home == SZ_NONE) return fill_own(j, id);
    SZ_TRY(fill_own(j, home));
    for (int s = 0; s < SZ_INPUT_SETS; s++) j->slots[s][id] = j->slots[0][home];
    return SZ_OK;
}

// How many nodes, and outputs of the graph, are still to read the numbers of each root.
static sz_status count_uses(sz_job *j, int32_t **ret_uses) {
    const sz_graph *g = j->graph;
    int32_t *uses = sz_arena_array(&j->arena, g->values.n + 1, sizeof *uses);
    if (!uses) return sz_no_memory(j->ctx);
    for (size_t o = 0; o < g->outputs.n; o++) uses[j->root[g->outputs.items[o]]]++;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = &g->nodes.items[k];
        for (int32_t i = 0; j->needed[k] && i < n->n_inputs; i++)
            if (n->inputs[i] != SZ_NONE) uses[j->root[n->inputs[i]]]++;
    }
    *ret_uses = uses;
    return SZ_OK;
}

// The block of what is no longer read is free. Numbers that are there before the run stay.
static void give_back(sz_job *j, sz_value_id id, const int32_t *uses) {
    const sz_value_id root = id == SZ_NONE ? SZ_NONE : j->root[id];
    if (root == SZ_NONE || uses[root] > 0 || is_there(j, root)) return;
    if (j->becomes[root] != SZ_NONE) return; // a weight lies there
    sz_job_return(j, j->slots[0][root]->data);
}

// In the order of the run. An output that nobody reads is written all the same.
static sz_status fill_node(sz_job *j, const sz_node *n, int32_t *uses) {
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) SZ_TRY(fill_value(j, n->inputs[i]));
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) SZ_TRY(fill_value(j, n->outputs[o]));
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) uses[j->root[n->inputs[i]]]--;
    for (int32_t i = 0; i < n->n_inputs; i++) give_back(j, n->inputs[i], uses);
    for (int32_t o = 0; o < n->n_outputs; o++) give_back(j, n->outputs[o], uses);
    return SZ_OK;
}

static sz_status fill_all(sz_job *j) {
    const sz_graph *g = j->graph;
    int32_t *uses = NULL;
    SZ_TRY(count_uses(j, &uses));
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        if (j->needed[id]) SZ_TRY(fill_node(j, sz_graph_node(g, id), uses));
    }
    for (size_t id = 0; id < g->values.n; id++)
        if (j->readers[id] > 0) SZ_TRY(fill_value(j, (sz_value_id)id));
    return SZ_OK;
}

// ---- steps -------------------------------------------------------------------------------------

static sz_buffer **gather(sz_job *j, int set, const sz_value_id *ids, int32_t n) {
    sz_buffer **to = sz_arena_array(&j->arena, (size_t)n + 1, sizeof *to);
    for (int32_t i = 0; to && i < n; i++) to[i] = ids[i] == SZ_NONE ? NULL : j->slots[set][ids[i]];
    return to;
}

static sz_status make_call(sz_job *j, const sz_node *n, sz_node_call *c) {
    sz_buffer *const **in = sz_arena_array(&j->arena, SZ_INPUT_SETS, sizeof *in);
    bool *fixed = sz_arena_array(&j->arena, (size_t)n->n_inputs + 1, sizeof *fixed);
    bool *last = sz_arena_array(&j->arena, (size_t)n->n_outputs + 1, sizeof *last);
    bool *loose = sz_arena_array(&j->arena, (size_t)n->n_outputs + 1, sizeof *loose);
    if (!in || !fixed || !last || !loose) return sz_no_memory(j->ctx);
    for (int s = 0; s < SZ_INPUT_SETS; s++)
        if (!(in[s] = gather(j, s, n->inputs, n->n_inputs))) return sz_no_memory(j->ctx);
    for (int32_t i = 0; i < n->n_inputs; i++)
        fixed[i] = n->inputs[i] != SZ_NONE && is_there(j, j->root[n->inputs[i]]) &&
                   !j->changes[j->root[n->inputs[i]]];
    for (int32_t o = 0; o < n->n_outputs; o++) {
        const sz_value_id id = n->outputs[o];
        if (id == SZ_NONE) continue;
        loose[o] = j->loose[id];
        last[o] = j->becomes[id] == SZ_NONE && sz_graph_value(j->graph, id)->is_output &&
                  j->readers[id] == 1;
    }
    *c = (sz_node_call){.ctx = j->ctx,
                        .graph = j->graph,
                        .node = n,
                        .n_sets = SZ_INPUT_SETS,
                        .in = in,
                        .out = gather(j, 0, n->outputs, n->n_outputs),
                        .fixed = fixed,
                        .last = last,
                        .loose = loose,
                        .threads = j->how.threads};
    return c->out ? SZ_OK : sz_no_memory(j->ctx);
}

static sz_status refuse(sz_job *j, const sz_backend *b, const sz_node *n, const char *why) {
    return sz_fail(j->ctx, SZ_ERR_UNAVAILABLE, "backend '%s' does not run operator '%s' here: %s",
                   b->name, sz_show(j->ctx, n->op), why);
}

// What follows from constants is worked out before the clock starts, as libraries do it.
static sz_status run_once(sz_job *j, sz_step *s) {
    const sz_status status = s->run(s->state, 0);
    s->finish(j->ctx, s->state);
    return status;
}

// *ret_why: NULL = it is prepared.
static sz_status try_rung(sz_job *j, const sz_backend *b, void *library, const sz_node_call *call,
                          sz_job_node *one, const char **ret_why) {
    *ret_why = sz_node_refuses(b, library, j->graph, call->node);
    if (*ret_why) return SZ_OK;
    const sz_status status = sz_node_prepare(b, library, call, &one->step);
    if (status == SZ_OK) one->backend = b->name;
    if (status != SZ_ERR_UNAVAILABLE) return status;
    const char *why = sz_ctx_error(j->ctx);
    *ret_why = sz_arena_strdup(&j->arena, why, strlen(why));
    sz_ctx_clear(j->ctx);
    return *ret_why ? SZ_OK : sz_no_memory(j->ctx);
}

// The library, else own kernels, else the reference.
static sz_status prepare(sz_job *j, const sz_backend *backend, void *library, bool alone,
                         const sz_node_call *call, sz_job_node *one) {
    const char *why;
    SZ_TRY(try_rung(j, backend, library, call, one, &one->why));
    if (!one->why) return SZ_OK;
    if (alone) return refuse(j, backend, call->node, one->why);
    sz_job_ask_for_dense(j, call->node);
    if (backend != &sz_backend_plain && backend != &sz_backend_ref) {
        SZ_TRY(try_rung(j, &sz_backend_plain, j->plain, call, one, &why));
        if (!why) return SZ_OK;
    }
    SZ_TRY(try_rung(j, &sz_backend_ref, NULL, call, one, &why));
    return why ? refuse(j, &sz_backend_ref, call->node, why) : SZ_OK;
}

static sz_status add_node(sz_job *j, sz_node_id id, const sz_backend *backend, void *library,
                          bool alone) {
    const sz_node *n = sz_graph_node(j->graph, id);
    sz_job_node one = {.node = n, .id = id};
    sz_node_call call;
    SZ_TRY(make_call(j, n, &call));
    SZ_TRY(prepare(j, backend, library, alone, &call, &one));
    if (is_constant(j, n)) return run_once(j, &one.step);
    if (sz_vec_push(j->ctx, &j->nodes, one)) return SZ_OK;
    one.step.finish(j->ctx, one.step.state);
    return sz_no_memory(j->ctx);
}

static sz_status add_nodes(sz_job *j, const sz_backend *backend, void *library) {
    const sz_graph *g = j->graph;
    size_t needed = 0, taken = 0;
    for (size_t k = 0; k < g->nodes.n; k++)
        needed += j->needed[k] && !sz_job_is_view(j, &g->nodes.items[k]);
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        if (!j->needed[id] || sz_job_is_view(j, sz_graph_node(g, id))) continue;
        SZ_TRY(add_node(j, id, backend, library, needed == 1));
    }
    for (size_t k = 0; k < j->nodes.n; k++) taken += j->nodes.items[k].why == NULL;
    if (taken == 0)
        return sz_fail(j->ctx, SZ_ERR_UNAVAILABLE,
                       "backend '%s' runs no node of it: '%s' because: %s", backend->name,
                       j->nodes.n ? sz_show(j->ctx, j->nodes.items[0].node->op) : "",
                       j->nodes.n ? j->nodes.items[0].why : "there is none");
    return SZ_OK;
}

static sz_status create(sz_job *j, const sz_backend *backend, void *library) {
    for (int s = 0; s < SZ_INPUT_SETS; s++) {
        const sz_ref_options o = {.seed = j->how.seed + 1000003 * (uint64_t)s};
        SZ_TRY(sz_ref_create(j->ctx, j->graph, &o, &j->numbers[s]));
        j->slots[s] = sz_arena_array(&j->arena, j->graph->values.n + 1, sizeof *j->slots[s]);
        if (!j->slots[s]) return sz_no_memory(j->ctx);
    }
    void *plain = NULL;
    SZ_TRY(sz_backend_plain.open(j->ctx, NULL, &plain));
    j->plain = plain;
    SZ_TRY(find_needed(j));
    SZ_TRY(find_changes(j));
    find_constants(j);
    SZ_TRY(sz_job_find_roots(j));
    SZ_TRY(sz_job_find_loose(j, backend, library));
    SZ_TRY(fill_all(j));
    return add_nodes(j, backend, library);
}

static sz_status try_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                            const sz_run_how *how, bool *dense, sz_job **ret_job) {
    sz_job *j = sz_alloc(ctx, sizeof *j);
    if (!j) return sz_no_memory(ctx);
    j->ctx = ctx, j->graph = g, j->how = *how, j->wants_dense = dense;
    sz_arena_init(&j->arena, ctx);
    const sz_status status = create(j, backend, library);
    if (status == SZ_OK)
        *ret_job = j;
    else
        sz_job_destroy(j);
    return status;
}

// Again where a node read what did not lie dense, and is not the library's after all: with that
// dense, and at last with everything.
sz_status sz_job_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                        const sz_run_how *how, sz_job **ret_job) {
    const size_t n = g->values.n + 1;
    bool *dense = sz_alloc(ctx, n * sizeof *dense);
    if (!dense) return sz_no_memory(ctx);
    sz_job *j = NULL;
    sz_status status = SZ_OK;
    for (int round = 0; status == SZ_OK && (!j || j->is_mistaken); round++) {
        sz_job_destroy(j);
        j = NULL;
        if (round == 2) memset(dense, true, n * sizeof *dense);
        status = try_create(ctx, g, backend, library, how, dense, &j);
    }
    sz_free(ctx, dense, n * sizeof *dense);
    if (status != SZ_OK) return status;
    j->wants_dense = NULL;
    *ret_job = j;
    return SZ_OK;
}

void sz_job_destroy(sz_job *j) {
    if (!j) return;
    for (size_t k = 0; k < j->nodes.n; k++)
        j->nodes.items[k].step.finish(j->ctx, j->nodes.items[k].step.state);
    sz_vec_finish(j->ctx, &j->nodes);
    for (int s = 0; s < SZ_INPUT_SETS; s++) sz_ref_destroy(j->numbers[s]);
    sz_plain_close(j->plain);
    sz_job_unmap(j);
    sz_arena_finish(&j->arena);
    sz_free(j->ctx, j, sizeof *j);
}

// ---- running -----------------------------------------------------------------------------------

static sz_status run_set(sz_job *j, int set) {
    for (size_t k = 0; k < j->nodes.n; k++) {
        const sz_step *s = &j->nodes.items[k].step;
        SZ_TRY(s->run(s->state, set));
    }
    note_loss(j, set);
    return SZ_OK;
}

sz_status sz_job_run(sz_job *j) {
    const int set = j->next;
    j->next = set + 1 < SZ_INPUT_SETS ? set + 1 : 0;
    return run_set(j, set);
}

sz_status sz_job_first(sz_job *j) {
    SZ_TRY(run_set(j, 0));
    for (size_t k = 0; k < j->nodes.n; k++) {
        const sz_step *s = &j->nodes.items[k].step;
        if (s->fetch) SZ_TRY(s->fetch(s->state));
    }
    return SZ_OK;
}

static const sz_step *lowest_step(const sz_job *j) {
    const sz_step *lowest = NULL;
    for (size_t k = 0; k < j->nodes.n; k++) {
        const sz_job_node *n = &j->nodes.items[k];
        if (n->why || !n->step.ran_as) continue;
        if (!lowest || sz_dtype_get(n->step.ran_as)->bits < sz_dtype_get(lowest->ran_as)->bits)
            lowest = &n->step;
    }
    return lowest;
}

sz_dtype sz_job_lowest(const sz_job *j) {
    const sz_step *s = lowest_step(j);
    return s ? s->ran_as : 0;
}

// ---- as a runner -------------------------------------------------------------------------------

static sz_status runner_run(void *state) { return sz_job_run(state); }

static sz_status runner_check(void *state, int64_t flops, sz_check *ret_check) {
    SZ_TRY(sz_job_first(state));
    const sz_job *j = state;
    return (j->how.step ? sz_job_check_step : sz_job_check)(state, flops, ret_check);
}

static sz_status runner_profile(void *state) {
    sz_job *j = state;
    if (!j->profiles.times_s) SZ_TRY(sz_profiles_init(j->ctx, &j->arena, j->nodes.n, &j->profiles));
    const int set = j->next;
    j->next = set + 1 < SZ_INPUT_SETS ? set + 1 : 0;
    const double start = sz_clock_s();
    double before = start;
    for (size_t k = 0; k < j->nodes.n; k++) {
        const sz_job_node *n = &j->nodes.items[k];
        SZ_TRY(n->step.run(n->step.state, set));
        const double after = sz_clock_s();
        sz_profiles_put(&j->profiles, k, after - before);
        before = after;
    }
    note_loss(j, set);
    sz_profiles_end(&j->profiles, before - start);
    return SZ_OK;
}

static size_t runner_layer_count(void *state) { return ((const sz_job *)state)->nodes.n; }

static sz_run_layer runner_layer(void *state, size_t i) {
    sz_job *j = state;
    const sz_job_node *n = &j->nodes.items[i];
    const sz_dtype_info *d = n->step.ran_as ? sz_dtype_get(n->step.ran_as) : NULL;
    const sz_dtype_info *sums = n->step.sums ? sz_dtype_get(n->step.sums) : NULL;
    return (sz_run_layer){.name = n->node->name,
                          .op = n->node->op,
                          .kernel = n->step.kernel,
                          .backend = n->backend,
                          .why = n->why,
                          .dtype = d ? d->name : NULL,
                          .sums = sums ? sums->name : NULL,
                          .sources = &n->id,
                          .n_sources = 1,
                          .time_s = sz_profiles_usual(&j->profiles, i),
                          .quick_s = sz_profiles_quick(&j->profiles, i)};
}

static sz_dtype runner_lowest(void *state) { return sz_job_lowest(state); }

static sz_dtype runner_sums(void *state) {
    const sz_step *s = lowest_step(state);
    return s ? s->sums : 0;
}

// The reference has one thread, whatever is asked for.
static int runner_threads(void *state) {
    const sz_job *j = state;
    for (size_t k = 0; k < j->nodes.n; k++)
        if (strcmp(j->nodes.items[k].backend, sz_backend_ref.name) != 0) return j->how.threads;
    return 1;
}

static void runner_trained(void *state, sz_trained *ret) {
    *ret = ((const sz_job *)state)->trained;
}

static void runner_finish(void *state) { sz_job_destroy(state); }

const sz_runner_type sz_job_runner = {.run = runner_run,
                                      .check = runner_check,
                                      .profile = runner_profile,
                                      .layer_count = runner_layer_count,
                                      .layer = runner_layer,
                                      .lowest = runner_lowest,
                                      .sums = runner_sums,
                                      .threads = runner_threads,
                                      .trained = runner_trained,
                                      .finish = runner_finish};
