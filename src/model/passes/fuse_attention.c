// SPDX-License-Identifier: Apache-2.0
// Attention: softmax(scale Q K^T + mask) V as one kernel whose scores never reach memory. Around
// the two products: the scale (on the scores, on Q and K, or folded into a Mul or Div), masks by
// Add or Where, a soft cap, casts and dropout; with them the moves that split, repeat and merge
// heads, and where a recipe does so the three products that make Q, K and V of one input.
//
// Needs: static shapes; softmax groups, where softmax was written out. What is inside must have no
// other use: a graph that returns its attention weights keeps them.
#include "model/passes/pass.h"

enum { MAX_NODES = 64, MAX_STEPS = 12 };

typedef struct attention {
    sz_pass_job *job;
    sz_node_id nodes[MAX_NODES];
    int n;
    sz_node_id scores, values; // Q K^T, and P V
} attention;

static bool add(attention *a, sz_node_id id) {
    if (a->n == MAX_NODES) return false;
    a->nodes[a->n++] = id;
    return true;
}

static const char *const passes_on[] = {"Cast", "Dropout", "Identity"};
static const char *const moves[] = {"Transpose", "Reshape", "Expand", "Unsqueeze",
                                    "Squeeze",   "Flatten", "Cast",   "Tile"};

// The node that makes v, when `user` alone reads it; SZ_NONE otherwise.
static sz_node_id own_producer(const sz_pass_job *job, sz_value_id v, sz_node_id user) {
    if (v == SZ_NONE || sz_edit_only_user(job->e, v) != user) return SZ_NONE;
    return sz_edit_producer(job->e, v);
}

static bool is_scaling(const sz_pass_job *job, sz_node_id id) {
    double scale;
    if (!sz_is_op(job, id, "Mul") && !sz_is_op(job, id, "Div")) return false;
    return sz_scalar(job, sz_edit_in(job->e, id, 1), &scale) ||
           (sz_is_op(job, id, "Mul") && sz_scalar(job, sz_edit_in(job->e, id, 0), &scale));
}

// The input that carries the data through a scaling.
static sz_value_id scaled_input(const sz_pass_job *job, sz_node_id id) {
    double scale;
    const sz_value_id a = sz_edit_in(job->e, id, 0), b = sz_edit_in(job->e, id, 1);
    return sz_scalar(job, b, &scale) ? a : b;
}

// ---- the scores --------------------------------------------------------------------------------

static bool is_softmax(const sz_pass_job *job, sz_node_id id) {
    if (id == SZ_NONE) return false;
    if (sz_edit_kind_of(job->e, id) == SZ_GROUP_SOFTMAX) return true;
    if (!sz_is_op(job, id, "Softmax")) return false;
    const sz_node *n = sz_edit_node_of(job->e, id);
    const int32_t rank = sz_type_of(job, sz_edit_out(job->e, id, 0))->rank;
    const int64_t axis = sz_attr_i(n, "axis", n->opset < 13 ? 1 : -1);
    return axis == -1 || axis == rank - 1;
}

// What a group or a node reads from outside and is no constant; SZ_NONE when that is not one value.
static sz_value_id one_input(const sz_pass_job *job, sz_node_id id) {
    const sz_edit *e = job->e;
    const int32_t group = sz_edit_group_of(e, id);
    sz_value_id found = SZ_NONE;
    if (group == SZ_NONE) return sz_edit_in(e, id, 0);
    for (sz_node_id m = e->groups.items[group].first; m != SZ_NONE;
         m = e->nodes.items[m].group_next) {
        const sz_node *n = sz_edit_node_of(e, m);
        for (int32_t i = 0; i < n->n_inputs; i++) {
            const sz_node_id maker = sz_edit_producer(e, n->inputs[i]);
            if (n->inputs[i] == SZ_NONE || sz_is_constant(job, n->inputs[i])) continue;
            if (maker != SZ_NONE && sz_edit_group_of(e, maker) == group) continue;
            if (found != SZ_NONE && found != n->inputs[i]) return SZ_NONE;
            found = n->inputs[i];
        }
    }
    return found;
}

// Does every use of v lie with the softmax that ends in `id`?
static bool is_read_by(const sz_pass_job *job, sz_value_id v, sz_node_id id) {
    const sz_edit *e = job->e;
    const int32_t group = sz_edit_group_of(e, id);
    if (sz_edit_is_pinned(e, v)) return false;
    for (int32_t u = e->values.items[v].first; u != SZ_NONE; u = e->uses.items[u].next) {
        const sz_node_id user = e->uses.items[u].node;
        if (user != id && (group == SZ_NONE || sz_edit_group_of(e, user) != group)) return false;
    }
    return true;
}

static const char *const on_scores[] = {"Add",  "Sub",     "Mul", "Div", "Where",   "Cast",
                                        "Tanh", "Reshape", "Max", "Min", "Identity"};

// Which input of a node on the way carries the scores: it has the elements of the output, and its
// producer lies on the way as well.
static sz_value_id scores_input(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    const int64_t count = sz_count_elements(job, sz_edit_out(job->e, id, 0));
    sz_value_id best = SZ_NONE;
    for (int32_t i = 0; i < n->n_inputs && i < 3; i++) {
        const sz_node_id maker = own_producer(job, n->inputs[i], id);
        if (maker == SZ_NONE || sz_count_elements(job, n->inputs[i]) != count) continue;
        if (sz_is_op(job, maker, "MatMul")) return n->inputs[i];
        if (best == SZ_NONE && SZ_IS_ANY(job, maker, on_scores)) best = n->inputs[i];
    }
    return best;
}

// From the softmax up to the product; false when it is not found.
static bool find_scores(attention *a, sz_value_id v, sz_node_id softmax) {
    const sz_pass_job *job = a->job;
    sz_node_id at = v == SZ_NONE || !is_read_by(job, v, softmax) ? SZ_NONE
                                                                 : sz_edit_producer(job->e, v);
    for (int step = 0; step < MAX_STEPS && at != SZ_NONE; step++) {
        if (sz_edit_group_of(job->e, at) != SZ_NONE || !add(a, at)) return false;
        if (sz_is_op(job, at, "MatMul")) return a->scores = at, true;
        if (!SZ_IS_ANY(job, at, on_scores)) return false;
        const sz_value_id next = scores_input(job, at);
        at = next == SZ_NONE ? SZ_NONE : sz_edit_producer(job->e, next);
    }
    return false;
}

// From P V back to the softmax.
static sz_node_id find_softmax(attention *a) {
    const sz_pass_job *job = a->job;
    sz_node_id user = a->values;
    sz_value_id v = sz_edit_in(job->e, user, 0);
    for (int step = 0; step < MAX_STEPS; step++) {
        const sz_node_id at = own_producer(job, v, user);
        if (is_softmax(job, at)) return at;
        if (at == SZ_NONE || sz_edit_group_of(job->e, at) != SZ_NONE) return SZ_NONE;
        if (sz_is_op(job, at, "Where")) { // rows that are masked as a whole become zeros
            const sz_node_id maker = own_producer(job, sz_edit_in(job->e, at, 2), at);
            v = is_softmax(job, maker) ? sz_edit_in(job->e, at, 2) : sz_edit_in(job->e, at, 1);
        } else if (SZ_IS_ANY(job, at, passes_on)) {
            v = sz_edit_in(job->e, at, 0);
        } else {
            return SZ_NONE;
        }
        if (!add(a, at)) return SZ_NONE;
        user = at;
    }
    return SZ_NONE;
}

// ---- heads and projections ---------------------------------------------------------------------

static bool is_split(const sz_pass_job *job, sz_node_id id, bool is_key) {
    static const char *const plain[] = {"Transpose", "Reshape"};
    if (sz_makes(job, SZ_FUSE_HEADS)) return SZ_IS_ANY(job, id, moves);
    return sz_makes(job, SZ_FUSE_QUERY_HEADS) && !is_key && SZ_IS_ANY(job, id, plain);
}

// Takes in what scales and moves an operand of a product; returns what it all begins with.
static sz_value_id take_operand(attention *a, sz_node_id product, int i) {
    const sz_pass_job *job = a->job;
    const bool is_key = product == a->scores && i == 1;
    sz_node_id user = product;
    sz_value_id v = sz_edit_in(job->e, product, i);
    for (int step = 0; step < MAX_STEPS; step++) {
        const sz_node_id at = own_producer(job, v, user);
        if (at == SZ_NONE || sz_edit_group_of(job->e, at) != SZ_NONE) return v;
        const bool scales = is_scaling(job, at);
        if (!scales && !is_split(job, at, is_key)) return v;
        if (!add(a, at)) return v;
        v = scales ? scaled_input(job, at) : sz_edit_in(job->e, at, 0);
        user = at;
    }
    return v;
}

typedef struct projection {
    sz_node_id product, bias; // bias SZ_NONE: none
    sz_value_id input;
} projection;

// The product with constant weights that makes v, with its bias.
static bool find_projection(const attention *a, sz_value_id v, projection *ret) {
    const sz_pass_job *job = a->job;
    *ret = (projection){SZ_NONE, SZ_NONE, SZ_NONE};
    if (v == SZ_NONE || sz_edit_is_pinned(job->e, v)) return false;
    sz_node_id at = sz_edit_producer(job->e, v);
    if (at != SZ_NONE && sz_is_op(job, at, "Add")) {
        ret->bias = at;
        for (int k = 0; k < 2; k++)
            if (!sz_is_constant(job, sz_edit_in(job->e, ret->bias, k)))
                at = own_producer(job, sz_edit_in(job->e, ret->bias, k), ret->bias);
    }
    if (at == SZ_NONE || at == ret->bias || sz_edit_group_of(job->e, at) != SZ_NONE) return false;
    if (!sz_is_op(job, at, "MatMul") && !sz_is_op(job, at, "Gemm")) return false;
    if (!sz_is_constant(job, sz_edit_in(job->e, at, 1))) return false;
    ret->product = at;
    ret->input = sz_edit_in(job->e, at, 0);
    return true;
}

static void take_projections(attention *a, const sz_value_id *operands) {
    projection p[3];
    if (!sz_makes(a->job, SZ_FUSE_PROJECTIONS)) return;
    for (int i = 0; i < 3; i++)
        if (!find_projection(a, operands[i], &p[i])) return;
    if (p[0].input != p[1].input || p[1].input != p[2].input) return;
    for (int i = 0; i < 3; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++) seen |= p[k].product == p[i].product;
        if (seen || a->n + 2 > MAX_NODES) continue;
        add(a, p[i].product);
        if (p[i].bias != SZ_NONE) add(a, p[i].bias);
    }
}

// The moves that merge heads; returns the last node.
static sz_node_id take_result(attention *a) {
    const sz_pass_job *job = a->job;
    sz_node_id last = a->values;
    const bool heads = sz_makes(job, SZ_FUSE_HEADS) || sz_makes(job, SZ_FUSE_QUERY_HEADS);
    for (int step = 0; step < 4 && heads; step++) {
        const sz_node_id user = sz_edit_only_user(job->e, sz_edit_out(job->e, last, 0));
        const bool merges = sz_is_op(job, user, "Transpose") || sz_is_op(job, user, "Reshape");
        if (!merges || sz_edit_group_of(job->e, user) != SZ_NONE || !add(a, user)) break;
        last = user;
    }
    return last;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status match(sz_pass_job *job, sz_node_id id) {
    attention a = {.job = job, .values = id};
    sz_value_id operands[3];
    add(&a, id);
    const sz_node_id softmax = find_softmax(&a);
    if (softmax == SZ_NONE || !add(&a, softmax)) return SZ_OK;
    if (!find_scores(&a, one_input(job, softmax), softmax)) return SZ_OK;
    const int core = a.n;
    operands[0] = take_operand(&a, a.scores, 0);
    operands[1] = take_operand(&a, a.scores, 1);
    operands[2] = take_operand(&a, a.values, 1);
    const sz_node_id last = take_result(&a);
    const int moved = a.n;
    bool done;
    take_projections(&a, operands);
    SZ_TRY(sz_try_group(job, SZ_GROUP_ATTENTION, id, a.nodes, a.n, last, &done));
    if (!done && moved < a.n)
        SZ_TRY(sz_try_group(job, SZ_GROUP_ATTENTION, id, a.nodes, moved, last, &done));
    if (!done) SZ_TRY(sz_try_group(job, SZ_GROUP_ATTENTION, id, a.nodes, core, id, &done));
    return SZ_OK;
}

sz_status sz_pass_fuse_attention(sz_pass_job *job) {
    if (!sz_makes(job, SZ_FUSE_ATTENTION)) return SZ_OK;
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (sz_is_op(job, id, "MatMul") && sz_edit_group_of(job->e, id) == SZ_NONE)
            SZ_TRY(match(job, id));
    }
    return SZ_OK;
}
