// SPDX-License-Identifier: Apache-2.0
// What runs again in the backward pass instead of being kept.
//
// selective (Korthikanti et al. 2022): the core of each attention, from the product of queries and
//   keys over the softmax to the product with the values.
// full: whole layers. A layer of a transformer begins at the last place before an attention core
//   where all data goes through one tensor; each layer keeps that tensor alone. What stands before
//   the first layer and behind the last one is kept as usual. In other nets the places are chosen
//   so that what is kept and the largest piece between are least together (Chen et al. 2016).
#include "model/cost/training.h"

enum { MAX_CHAIN = 64 }; // nodes between the softmax and the products around it

typedef struct plan {
    sz_train *t;
    int32_t n;       // positions
    bool *cut;       // behind position k all data goes through one tensor
    int64_t *seam;   // and that has so many bytes
    int64_t *weight; // bytes that are kept of what position k makes, when nothing runs again
    int32_t *core;   // per position: number of its attention core
    int32_t *first;  // per core: its first position
    int32_t n_cores;
} plan;

static const sz_node *node_at(const plan *p, int32_t k) {
    return sz_graph_node(p->t->g, sz_graph_nth(p->t->g, (size_t)k));
}

static sz_node_id producer_of(const plan *p, sz_value_id id) {
    const sz_value *v = sz_graph_value(p->t->g, id);
    return v->kind == SZ_VALUE_NODE && !v->constant ? v->producer : SZ_NONE;
}

static bool is_kind(const sz_node *n, sz_op_kind kind) {
    return n->row != SZ_NONE && sz_op_get(n->row)->kind == kind;
}

// ---- attention cores ---------------------------------------------------------------------------

static bool is_data(const plan *p, sz_value_id id) {
    return sz_has_gradient(p->t, p->t->g, id) && !p->t->scopes[p->t->g->number].param[id];
}

// A product of two tensors that other nodes made.
static bool is_data_product(const plan *p, const sz_node *n) {
    return is_kind(n, SZ_KIND_CONTRACTION) && n->n_inputs >= 2 && n->inputs[0] != SZ_NONE &&
           n->inputs[1] != SZ_NONE && is_data(p, n->inputs[0]) && is_data(p, n->inputs[1]);
}

static bool is_between(const sz_node *n) {
    static const sz_op_kind kinds[] = {SZ_KIND_ELEMENTWISE, SZ_KIND_ACTIVATION, SZ_KIND_CAST,
                                       SZ_KIND_VIEW,        SZ_KIND_MOVE,       SZ_KIND_SOFTMAX};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (is_kind(n, kinds[i])) return true;
    return false;
}

// From the softmax up to the product that made its scores; ids of the nodes on the way.
static int chain_up(const plan *p, sz_node_id at, sz_node_id chain[MAX_CHAIN]) {
    for (int n = 0; n < MAX_CHAIN; n++) {
        const sz_node *node = sz_graph_node(p->t->g, at);
        sz_node_id next = SZ_NONE;
        chain[n] = at;
        if (n > 0 && is_data_product(p, node)) return n + 1;
        if (!is_between(node)) return 0;
        for (int32_t i = 0; i < node->n_inputs && next == SZ_NONE; i++)
            if (node->inputs[i] != SZ_NONE && is_data(p, node->inputs[i]))
                next = producer_of(p, node->inputs[i]);
        if (next == SZ_NONE) return 0;
        at = next;
    }
    return 0;
}

// From the softmax down: `reader` tells the one node that reads a node's output, SZ_NONE when there
// are more.
static int chain_down(const plan *p, const sz_node_id *reader, sz_node_id at,
                      sz_node_id chain[MAX_CHAIN]) {
    for (int n = 0; n < MAX_CHAIN; n++) {
        const sz_node *node = sz_graph_node(p->t->g, at);
        chain[n] = at;
        if (n > 0 && is_data_product(p, node)) return n + 1;
        if (!is_between(node) || reader[at] == SZ_NONE) return 0;
        at = reader[at];
    }
    return 0;
}

static sz_node_id *find_readers(const plan *p) {
    const sz_graph *g = p->t->g;
    sz_node_id *reader = sz_arena_array(&p->t->costs->arena, g->nodes.n + 1, sizeof *reader);
    if (!reader) return NULL;
    for (size_t i = 0; i < g->nodes.n; i++) reader[i] = SZ_NONE;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        for (int32_t k = 0; k < n->n_inputs; k++) {
            if (n->inputs[k] == SZ_NONE || !is_data(p, n->inputs[k])) continue;
            const sz_node_id made = producer_of(p, n->inputs[k]);
            if (made != SZ_NONE) reader[made] = reader[made] == SZ_NONE ? (sz_node_id)i : SZ_NONE;
        }
    }
    return reader;
}

static void add_core(plan *p, const sz_node_id *up, int n_up, const sz_node_id *down, int n_down) {
    const int32_t number = p->n_cores++;
    int32_t first = p->n;
    for (int i = 0; i < n_up + n_down; i++) {
        const int32_t at = p->t->position[i < n_up ? up[i] : down[i - n_up]];
        p->core[at] = number;
        if (at < first) first = at;
    }
    p->first[number] = first;
}

static sz_status find_cores(plan *p) {
    sz_node_id up[MAX_CHAIN], down[MAX_CHAIN];
    const sz_node_id *reader = find_readers(p);
    if (!reader) return sz_no_memory(p->t->g->ctx);
    for (int32_t k = 0; k < p->n; k++) {
        const sz_node_id id = sz_graph_nth(p->t->g, (size_t)k);
        if (p->t->nodes[id].core_macs > 0)
            add_core(p, &id, 1, NULL, 0);
        else if (is_kind(node_at(p, k), SZ_KIND_SOFTMAX)) {
            const int n_up = chain_up(p, id, up), n_down = chain_down(p, reader, id, down);
            if (n_up && n_down) add_core(p, up, n_up, down, n_down);
        }
    }
    return SZ_OK;
}

// ---- places where all data goes through one tensor ---------------------------------------------

typedef struct span {
    const sz_train *t;
    int32_t *last; // per root: position of the last node that reads it
    int32_t at;
} span;

static sz_status mark_last(void *user, sz_value_id id) {
    span *s = user;
    s->last[s->t->root[id]] = s->at;
    return SZ_OK;
}

// Float tensors that the caller gives are data, too, unless that leaves no place at all: then they
// are masks, which all layers read.
static bool counts(const plan *p, sz_value_id id, bool inputs) {
    const sz_value *v = sz_graph_value(p->t->g, id);
    if (p->t->root[id] != id || v->constant) return false;
    if (v->kind == SZ_VALUE_INPUT)
        return inputs && v->type.rank >= 2 && sz_dtype_get(v->type.dtype)->cls == SZ_CLASS_FLOAT;
    return is_data(p, id);
}

static sz_status find_cuts(plan *p, const int32_t *last, int32_t *alive, bool inputs,
                           bool *ret_any) {
    const size_t n = (size_t)p->n + 1;
    int64_t bytes = 0;
    *ret_any = false;
    memset(alive, 0, n * sizeof *alive);
    memset(p->seam, 0, n * sizeof *p->seam);
    for (size_t v = 0; v < p->t->g->values.n; v++) {
        if (!counts(p, (sz_value_id)v, inputs) || last[v] < 0) continue;
        const sz_node_id made = producer_of(p, (sz_value_id)v);
        const int32_t born = made == SZ_NONE ? 0 : p->t->position[made];
        if (last[v] <= born) continue;
        SZ_TRY(sz_train_bytes(p->t, &sz_graph_value(p->t->g, (sz_value_id)v)->type, &bytes));
        alive[born]++; // alive behind born .. last - 1
        alive[last[v]]--;
        p->seam[born] += bytes; // below the sum of all activations, which was checked
        p->seam[last[v]] -= bytes;
    }
    bytes = 0;
    for (int32_t k = 0, live = 0; k + 1 < p->n; k++) {
        live += alive[k];
        p->seam[k] = bytes += p->seam[k];
        p->cut[k] = live == 1;
        *ret_any |= p->cut[k];
    }
    return SZ_OK;
}

static sz_status cuts(plan *p) {
    const size_t n_values = p->t->g->values.n;
    sz_arena *arena = &p->t->costs->arena;
    span s = {p->t, sz_arena_array(arena, n_values + 1, sizeof *s.last), 0};
    int32_t *alive = sz_arena_array(arena, (size_t)p->n + 1, sizeof *alive);
    if (!s.last || !alive) return sz_no_memory(p->t->g->ctx);
    for (size_t v = 0; v < n_values; v++) s.last[v] = -1;
    for (s.at = 0; s.at < p->n; s.at++) SZ_TRY(sz_for_reads(node_at(p, s.at), mark_last, &s));
    bool any;
    SZ_TRY(find_cuts(p, s.last, alive, true, &any));
    return any ? SZ_OK : find_cuts(p, s.last, alive, false, &any);
}

// ---- layers of transformers --------------------------------------------------------------------

static void set_region(plan *p, int32_t from, int32_t to) {
    if (from >= to) return;
    for (int32_t k = from; k < to; k++) p->t->region[k] = p->t->n_regions;
    p->t->n_regions++;
}

static int32_t start_before(const plan *p, int32_t at) {
    while (at > 0 && !p->cut[at - 1]) at--;
    return at;
}

// The last layer ends after as many cuts as the one before it has; a single one runs to the end.
static int32_t end_of_last(const plan *p, int32_t before, int32_t start) {
    int32_t pieces = 0, at = start;
    if (before < 0) return p->n;
    for (int32_t k = before; k < start; k++) pieces += p->cut[k];
    for (; at < p->n && pieces > 0; at++) pieces -= p->cut[at];
    return at;
}

static void layers(plan *p) {
    int32_t before = -1, start = -1;
    for (int32_t k = 0; k < p->n; k++) { // cores in the order of their first positions
        if (p->core[k] == SZ_NONE || p->first[p->core[k]] != k) continue;
        const int32_t next = start_before(p, k);
        if (next == start) continue;
        if (start >= 0) set_region(p, start, next);
        before = start;
        start = next;
    }
    if (start >= 0) set_region(p, start, end_of_last(p, before, start));
}

// ---- other nets --------------------------------------------------------------------------------

// Pieces of at most `limit` bytes where the cuts allow. Gives what is kept at the seams plus the
// largest piece. The last piece is kept: its backward pass begins at once.
static int64_t pieces(plan *p, int64_t limit, bool apply) {
    int64_t sum = 0, largest = 0, seams = 0;
    int32_t from = 0, cut = -1;
    int64_t to_cut = 0; // bytes of the piece up to `cut`
    for (int32_t k = 0; k < p->n; k++) {
        sum += p->weight[k];
        if (sum > limit && cut >= from) {
            if (apply) set_region(p, from, cut + 1);
            if (to_cut > largest) largest = to_cut;
            seams += p->seam[cut];
            sum -= to_cut;
            from = cut + 1;
        }
        if (p->cut[k]) cut = k, to_cut = sum;
    }
    if (sum > largest) largest = sum;
    return seams + largest;
}

static void checkpoints(plan *p) {
    enum { TRIES = 64 };
    int64_t all = 0, best = 0, limit = 0;
    for (int32_t k = 0; k < p->n; k++) all += p->weight[k];
    for (int i = 1; i <= TRIES && all > 0; i++) {
        const int64_t need = pieces(p, all / i, false);
        if (i == 1 || need < best) best = need, limit = all / i;
    }
    if (all > 0) pieces(p, limit, true);
}

// What each position leaves behind: its arrays, and its outputs that a backward pass needs. The
// sums stay below the sum of all activations, which was checked.
static sz_status weigh(plan *p) {
    const sz_train *t = p->t;
    uint8_t *seen = sz_arena_alloc(&t->costs->arena, t->g->values.n + 1);
    if (!seen) return sz_no_memory(t->g->ctx);
    for (size_t i = 0; i < t->kept.n; i++) {
        const sz_value_id root = t->root[t->kept.items[i]];
        const sz_node_id made = producer_of(p, root);
        int64_t bytes;
        if (seen[root]++ || made == SZ_NONE) continue;
        SZ_TRY(sz_train_bytes(t, &sz_graph_value(t->g, root)->type, &bytes));
        p->weight[t->position[made]] += bytes;
    }
    for (int32_t k = 0; k < p->n; k++) {
        const sz_node_backward *b = &t->nodes[sz_graph_nth(t->g, (size_t)k)];
        p->weight[k] += b->saved_bytes + b->statistic_bytes;
    }
    return SZ_OK;
}

// ---- all ---------------------------------------------------------------------------------------

static bool allocate(plan *p) {
    sz_arena *arena = &p->t->costs->arena;
    const size_t n = (size_t)p->n + 1;
    p->cut = sz_arena_array(arena, n, sizeof *p->cut);
    p->seam = sz_arena_array(arena, n, sizeof *p->seam);
    p->weight = sz_arena_array(arena, n, sizeof *p->weight);
    p->core = sz_arena_array(arena, n, sizeof *p->core);
    p->first = sz_arena_array(arena, n, sizeof *p->first);
    p->t->region = sz_arena_array(arena, n, sizeof *p->t->region);
    return p->cut && p->seam && p->weight && p->core && p->first && p->t->region;
}

// A fused attention is one node: the probabilities alone run again, not its projections, so it is
// no region (training_memory.c leaves them out).
static void selective(plan *p) {
    for (int32_t k = 0; k < p->n; k++)
        if (p->core[k] != SZ_NONE && !p->t->nodes[sz_graph_nth(p->t->g, (size_t)k)].core_macs)
            p->t->region[k] = p->core[k];
    p->t->n_regions = p->n_cores;
}

sz_status sz_train_regions(sz_train *t) {
    plan p = {.t = t, .n = (int32_t)t->g->nodes.n};
    if (!allocate(&p)) return sz_no_memory(t->g->ctx);
    for (int32_t k = 0; k < p.n; k++) p.core[k] = t->region[k] = SZ_NONE;
    if (t->recompute == SZ_KEEP_ALL) return SZ_OK;
    SZ_TRY(find_cores(&p));
    if (t->recompute == SZ_SELECTIVE) return selective(&p), SZ_OK;
    SZ_TRY(cuts(&p));
    SZ_TRY(weigh(&p));
    if (p.n_cores > 0)
        layers(&p);
    else
        checkpoints(&p);
    return SZ_OK;
}
