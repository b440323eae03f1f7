// SPDX-License-Identifier: Apache-2.0
// What is alive when in a training step: a sweep over the forward pass, the backward pass with what
// runs again before it, and the update.
//
// Every buffer has one span of time or two: a tensor of the forward pass until its last use there,
// or, when it is kept, until the last use backward; what runs again is born a second time.
// Gradients of data live from the first node that adds to them to the node that made the data;
// gradients of parameters live to the update. Weights and the state of the optimizer are always
// there.
#include "model/cost/training.h"

typedef enum use { ACTIVATION, DATA_GRADIENT, WEIGHT_GRADIENT, N_USES } use;

typedef struct sweep {
    sz_train *t;
    int32_t n, end;        // positions; the time of the update
    int32_t *again, *back; // per position: time when it runs again, when backward; -1 never
    int32_t *region_of;    // per root: region of the node that makes it, SZ_NONE
    // per root:
    int32_t *last_forward, *last_again, *last_back; // last use, -1 none
    uint8_t *kept;                                  // from forward to backward
    int32_t *first_gradient;                        // -1 none
    int64_t *delta[N_USES];                         // bytes born less bytes that died, per time
    int32_t at;                                     // position that is looked at
} sweep;

static sz_status too_large(const sweep *s) {
    return sz_fail(s->t->g->ctx, SZ_ERR_INPUT, "memory of the training step exceeds 2^63 bytes");
}

static sz_node_id node_at(const sweep *s, int32_t k) { return sz_graph_nth(s->t->g, (size_t)k); }
static const sz_node_backward *backward_at(const sweep *s, int32_t k) {
    return &s->t->nodes[node_at(s, k)];
}

static sz_value_id root_of(const sweep *s, sz_value_id id) { return s->t->root[id]; }

static int32_t made_at(const sweep *s, sz_value_id root) {
    const sz_value *v = sz_graph_value(s->t->g, root);
    return v->kind == SZ_VALUE_NODE && v->producer != SZ_NONE ? s->t->position[v->producer] : -1;
}

static bool is_weight(const sweep *s, sz_value_id root) {
    return sz_graph_value(s->t->g, root)->constant || s->t->scopes[s->t->g->number].param[root];
}

static bool fresh(sweep *s) {
    const size_t v = s->t->g->values.n + 1, n = (size_t)s->n + 1;
    sz_arena *arena = &s->t->costs->arena;
    int32_t **per_value[] = {&s->region_of, &s->last_forward, &s->last_again, &s->last_back,
                             &s->first_gradient};
    for (size_t i = 0; i < sizeof per_value / sizeof *per_value; i++) {
        *per_value[i] = sz_arena_array(arena, v, sizeof(int32_t));
        if (!*per_value[i]) return false;
        for (size_t k = 0; k < v; k++) (*per_value[i])[k] = -1;
    }
    s->kept = sz_arena_alloc(arena, v);
    s->again = sz_arena_array(arena, n, sizeof *s->again);
    s->back = sz_arena_array(arena, n, sizeof *s->back);
    for (size_t k = 0; s->again && s->back && k < n; k++) s->again[k] = s->back[k] = -1;
    return s->kept && s->again && s->back;
}

// ---- the order of things -----------------------------------------------------------------------

// Backward in reverse order; before the first node of a region goes backward, all of it runs again.
static sz_status order(sweep *s) {
    sz_train *t = s->t;
    int32_t time = s->n;
    uint8_t *done = sz_arena_alloc(&t->costs->arena, (size_t)t->n_regions + 1);
    int32_t *first = sz_arena_array(&t->costs->arena, (size_t)t->n_regions + 1, sizeof *first);
    int32_t *next = sz_arena_array(&t->costs->arena, (size_t)s->n + 1, sizeof *next);
    if (!done || !first || !next) return sz_no_memory(t->g->ctx);
    for (int32_t r = 0; r < t->n_regions; r++) first[r] = -1;
    for (int32_t k = s->n - 1; k >= 0; k--) // a list per region
        if (t->region[k] != SZ_NONE) next[k] = first[t->region[k]], first[t->region[k]] = k;
    for (int32_t k = s->n - 1; k >= 0; k--) {
        const int32_t r = t->region[k];
        if (!backward_at(s, k)->active) continue;
        if (r != SZ_NONE && !done[r]) {
            done[r] = 1;
            for (int32_t i = first[r]; i >= 0; i = next[i]) s->again[i] = time++;
        }
        s->back[k] = time++;
    }
    s->end = time;
    for (int u = 0; u < N_USES; u++) {
        s->delta[u] = sz_arena_array(&t->costs->arena, (size_t)time + 2, sizeof(int64_t));
        if (!s->delta[u]) return sz_no_memory(t->g->ctx);
    }
    return SZ_OK;
}

// ---- uses --------------------------------------------------------------------------------------

static void later(int32_t *last, int32_t time) {
    if (time > *last) *last = time;
}

static sz_status use_forward(void *user, sz_value_id id) {
    sweep *s = user;
    const sz_value_id root = root_of(s, id);
    later(&s->last_forward[root], s->at);
    if (s->again[s->at] < 0) return SZ_OK;
    if (s->region_of[root] == s->t->region[s->at]) {
        later(&s->last_again[root], s->again[s->at]);
    } else { // a region reads it from outside, so it must be there when that runs again
        s->kept[root] = 1;
        later(&s->last_back[root], s->again[s->at]);
    }
    return SZ_OK;
}

static void use_backward(sweep *s, int32_t k) {
    const sz_node_backward *b = backward_at(s, k);
    for (size_t i = 0; i < b->n_kept && s->back[k] >= 0; i++) {
        const sz_value_id root = root_of(s, s->t->kept.items[b->first_kept + i]);
        const int32_t r = s->region_of[root];
        later(&s->last_back[root], s->back[k]);
        if (r == SZ_NONE || r != s->t->region[k]) s->kept[root] = 1;
    }
}

// A node adds to the gradients of its inputs when it runs backward; the caller gives those of the
// outputs before.
static void use_gradient(sweep *s, int32_t k) {
    const sz_node *n = sz_graph_node(s->t->g, node_at(s, k));
    for (int32_t i = 0; i < n->n_inputs && s->back[k] >= 0; i++) {
        if (!sz_has_gradient(s->t, s->t->g, n->inputs[i])) continue;
        int32_t *first = &s->first_gradient[root_of(s, n->inputs[i])];
        if (*first < 0 || s->back[k] < *first) *first = s->back[k];
    }
}

static sz_status find_uses(sweep *s) {
    sz_graph *g = s->t->g;
    for (size_t v = 0; v < g->values.n; v++) {
        const int32_t at = made_at(s, (sz_value_id)v);
        if (at >= 0) s->region_of[v] = s->t->region[at];
    }
    for (s->at = 0; s->at < s->n; s->at++)
        SZ_TRY(sz_for_reads(sz_graph_node(g, node_at(s, s->at)), use_forward, s));
    for (int32_t k = 0; k < s->n; k++) use_backward(s, k), use_gradient(s, k);
    for (size_t i = 0; i < g->outputs.n; i++) { // the loss reads them
        const sz_value_id root = root_of(s, g->outputs.items[i]);
        later(&s->last_forward[root], s->n);
        if (sz_has_gradient(s->t, g, g->outputs.items[i])) s->first_gradient[root] = s->n;
    }
    return SZ_OK;
}

// ---- spans -------------------------------------------------------------------------------------

// No sum of them can exceed what all values have together twice over, which is checked at the end.
static sz_status alive(sweep *s, use what, int32_t from, int32_t to, int64_t bytes) {
    int64_t *delta = s->delta[what];
    if (from < 0 || bytes <= 0) return SZ_OK;
    if (to < from) to = from;
    if (!sz_add(delta[from], bytes, &delta[from]) || !sz_add(delta[to + 1], -bytes, &delta[to + 1]))
        return too_large(s);
    return SZ_OK;
}

static sz_status value_spans(sweep *s, sz_value_id id) {
    const sz_value *v = sz_graph_value(s->t->g, id);
    sz_training *sum = &s->t->costs->training;
    const int32_t made = made_at(s, id);
    int64_t bytes;
    if (s->t->root[id] != id || is_weight(s, id) || v->kind == SZ_VALUE_CAPTURED) return SZ_OK;
    SZ_TRY(sz_train_bytes(s->t, &v->type, &bytes));
    int32_t last = s->last_forward[id];
    if (s->kept[id]) {
        later(&last, s->last_back[id]);
        if (!sz_add(sum->stored_activation_bytes, bytes, &sum->stored_activation_bytes))
            return too_large(s);
        if (made >= 0) s->t->costs->node_training[node_at(s, made)].stored_bytes += bytes;
    } else if (made >= 0 && s->again[made] >= 0) {
        int32_t until = s->last_again[id];
        later(&until, s->last_back[id]);
        SZ_TRY(alive(s, ACTIVATION, s->again[made], until, bytes));
    }
    SZ_TRY(alive(s, ACTIVATION, made < 0 ? 0 : made, last, bytes));
    return alive(s, DATA_GRADIENT, s->first_gradient[id], made >= 0 ? s->back[made] : s->end,
                 bytes);
}

// Arrays of its own: kept, or made when the node runs again. Probabilities of a fused attention are
// made again by its backward pass whenever anything is.
static sz_status node_spans(sweep *s, int32_t k) {
    const sz_node_backward *b = backward_at(s, k);
    sz_training *sum = &s->t->costs->training;
    int64_t own, all;
    if (!b->active) return SZ_OK;
    const bool scores_again = s->t->recompute != SZ_KEEP_ALL;
    if (!sz_add(b->saved_bytes, scores_again ? 0 : b->score_bytes, &own) ||
        !sz_add(own, b->statistic_bytes, &all))
        return too_large(s);
    if (scores_again) SZ_TRY(alive(s, ACTIVATION, s->back[k], s->back[k], b->score_bytes));
    if (s->again[k] >= 0) return alive(s, ACTIVATION, s->again[k], s->back[k], all);
    if (!sz_add(sum->stored_activation_bytes, own, &sum->stored_activation_bytes) ||
        !sz_add(sum->stored_statistic_bytes, b->statistic_bytes, &sum->stored_statistic_bytes))
        return too_large(s);
    s->t->costs->node_training[node_at(s, k)].stored_bytes += all;
    return alive(s, ACTIVATION, k, s->back[k], all);
}

static sz_status parameter_spans(sweep *s) {
    for (size_t v = 0; v < s->t->g->values.n; v++) {
        int64_t bytes;
        if (s->first_gradient[v] < 0 || !is_weight(s, (sz_value_id)v)) continue;
        SZ_TRY(sz_train_bytes(s->t, &sz_graph_value(s->t->g, (sz_value_id)v)->type, &bytes));
        SZ_TRY(alive(s, WEIGHT_GRADIENT, s->first_gradient[v], s->end, bytes));
    }
    return SZ_OK;
}

// ---- what runs again ---------------------------------------------------------------------------

static sz_status recompute_flops(sweep *s, int32_t k) {
    const sz_node_backward *b = backward_at(s, k);
    sz_node_training *n = &s->t->costs->node_training[node_at(s, k)];
    sz_training *sum = &s->t->costs->training;
    const bool mac = strcmp(s->t->costs->convention->unit, "MAC") == 0;
    if (s->again[k] >= 0)
        n->recompute_flops = n->forward_flops;
    else if (s->t->recompute != SZ_KEEP_ALL && b->active)
        n->recompute_flops = b->core_macs * (mac ? 1 : 2); // part of the forward flops
    return sz_add(sum->recompute_flops, n->recompute_flops, &sum->recompute_flops) ? SZ_OK
                                                                                   : too_large(s);
}

// ---- the peak ----------------------------------------------------------------------------------

static sz_status name_moments(sweep *s) {
    sz_training_moment *m;
    m = sz_arena_array(&s->t->costs->arena, (size_t)s->end + 1, sizeof *m);
    if (!m) return sz_no_memory(s->t->g->ctx);
    s->t->costs->moments = m;
    s->t->costs->n_moments = (size_t)s->end + 1;
    for (int32_t k = 0; k < s->n; k++) {
        const int64_t id = node_at(s, k);
        m[k] = (sz_training_moment){id, "forward", 0, 0, 0};
        if (s->again[k] >= 0) m[s->again[k]] = (sz_training_moment){id, "recompute", 0, 0, 0};
        if (s->back[k] >= 0) m[s->back[k]] = (sz_training_moment){id, "backward", 0, 0, 0};
    }
    m[s->end] = (sz_training_moment){-1, "update", 0, 0, 0};
    return SZ_OK;
}

static sz_status find_peak(sweep *s) {
    sz_training *sum = &s->t->costs->training;
    int64_t live[N_USES] = {0}, most = -1;
    SZ_TRY(name_moments(s));
    for (int32_t time = 0; time <= s->end; time++) {
        sz_training_moment *m = &s->t->costs->moments[time];
        int64_t all = 0;
        for (int u = 0; u < N_USES; u++)
            if (!sz_add(live[u], s->delta[u][time], &live[u]) || !sz_add(all, live[u], &all))
                return too_large(s);
        m->activation_bytes = live[ACTIVATION];
        m->data_gradient_bytes = live[DATA_GRADIENT];
        m->weight_gradient_bytes = live[WEIGHT_GRADIENT];
        if (all <= most) continue;
        most = all;
        s->t->costs->training_peak = (sz_training_peak){m->node, m->phase};
    }
    const bool fits = sz_add(sum->weight_bytes, sum->optimizer_state_bytes, &sum->peak_bytes) &&
                      sz_add(sum->peak_bytes, most, &sum->peak_bytes);
    return fits ? SZ_OK : too_large(s);
}

// ---- sparse gradients --------------------------------------------------------------------------

// A table that only look-ups read needs gradients of the rows that they read: as many elements as
// they gave out, and an index each row. All its readers must be look-ups.
static sz_status sparse_gradients(sweep *s) {
    sz_graph *g = s->t->g;
    sz_training *sum = &s->t->costs->training;
    int64_t *rows = sz_arena_array(&s->t->costs->arena, g->values.n + 1, sizeof *rows);
    if (!rows) return sz_no_memory(g->ctx);
    sum->sparse_gradient_bytes = sum->gradient_bytes;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        for (int32_t k = 0; k < n->n_inputs; k++) {
            if (n->inputs[k] == SZ_NONE || !s->t->scopes[g->number].param[n->inputs[k]]) continue;
            const bool look_up = k == 0 && sz_str_is(n->op, "Gather") && n->n_inputs > 1 &&
                                 n->inputs[1] != SZ_NONE && sz_attr_i(n, "axis", 0) == 0;
            int64_t picked = -1, *sum_rows = &rows[root_of(s, n->inputs[k])];
            if (look_up)
                SZ_TRY(sz_type_elements(g->ctx, &sz_graph_value(g, n->inputs[1])->type, &picked));
            if (picked < 0 || *sum_rows < 0 || !sz_add(*sum_rows, picked, sum_rows)) *sum_rows = -1;
        }
    }
    for (size_t v = 0; v < g->values.n; v++) {
        const sz_type *type = &sz_graph_value(g, (sz_value_id)v)->type;
        int64_t dense, sparse;
        if (rows[v] <= 0 || s->first_gradient[v] < 0 || type->rank < 1 || type->dims[0] <= 0)
            continue;
        SZ_TRY(sz_train_bytes(s->t, type, &dense));
        if (sz_mul(dense / type->dims[0] + 8, rows[v], &sparse) && sparse < dense)
            sum->sparse_gradient_bytes -= dense - sparse;
    }
    return SZ_OK;
}

sz_status sz_train_memory(sz_train *t) {
    sweep s = {.t = t, .n = (int32_t)t->g->nodes.n};
    if (!fresh(&s)) return sz_no_memory(t->g->ctx);
    SZ_TRY(order(&s));
    SZ_TRY(find_uses(&s));
    for (size_t v = 0; v < t->g->values.n; v++) SZ_TRY(value_spans(&s, (sz_value_id)v));
    for (int32_t k = 0; k < s.n; k++) {
        SZ_TRY(node_spans(&s, k));
        SZ_TRY(recompute_flops(&s, k));
    }
    SZ_TRY(parameter_spans(&s));
    SZ_TRY(sparse_gradients(&s));
    return find_peak(&s);
}
