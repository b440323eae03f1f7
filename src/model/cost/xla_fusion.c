// SPDX-License-Identifier: Apache-2.0
// What crosses the border of a fusion: of operands what is read, of results what is written.
#include "model/cost/xla_body.h"

#include "model/cost/body_cost.h"
#include "model/ops/xla.h"

// ---- users -------------------------------------------------------------------------------------

sz_status sz_users_init(sz_users *u, const sz_graph *g) {
    *u = (sz_users){.ctx = g->ctx, .graph = g};
    size_t edges = 0;
    for (size_t i = 0; i < g->nodes.n; i++) edges += (size_t)g->nodes.items[i].n_inputs;
    u->n_nodes = edges + 1;
    u->first = sz_alloc(g->ctx, (g->values.n + 2) * sizeof *u->first);
    u->nodes = sz_alloc(g->ctx, u->n_nodes * sizeof *u->nodes);
    if (!u->first || !u->nodes) return sz_no_memory(g->ctx);
    for (int pass = 0; pass < 2; pass++) { // count, then place
        for (size_t i = 0; i < g->nodes.n; i++) {
            const sz_node *n = &g->nodes.items[i];
            for (int32_t k = 0; k < n->n_inputs; k++) {
                if (n->inputs[k] == SZ_NONE || sz_is_named_before(n, k)) continue;
                if (pass == 0)
                    u->first[n->inputs[k] + 2]++;
                else
                    u->nodes[u->first[n->inputs[k] + 1]++] = (sz_node_id)i;
            }
        }
        for (size_t v = 2; pass == 0 && v < g->values.n + 2; v++) u->first[v] += u->first[v - 1];
    }
    return SZ_OK;
}

void sz_users_finish(sz_users *u) {
    if (u->graph) sz_free(u->ctx, u->first, (u->graph->values.n + 2) * sizeof *u->first);
    sz_free(u->ctx, u->nodes, u->n_nodes * sizeof *u->nodes);
}

// ---- sizes -------------------------------------------------------------------------------------

enum { POINTER_BYTES = 8 };

// XLA gives a number of less than a byte a whole one.
sz_status sz_xla_size(const sz_infer *in, const sz_type *t, int64_t *ret) {
    if (t->kind == SZ_TYPE_SEQUENCE)
        return sz_mul(t->n_items > 0 ? t->n_items : 0, POINTER_BYTES, ret)
                   ? SZ_OK
                   : sz_op_fail(in, "bytes exceed 2^63");
    *ret = 0;
    if (t->kind != SZ_TYPE_TENSOR || !sz_type_is_static(t)) return SZ_OK;
    const int bits = sz_dtype_get(t->dtype)->bits;
    sz_status status = sz_type_elements(in->ctx, t, ret);
    if (status != SZ_OK) return sz_op_place(in, status);
    return sz_mul(*ret, bits < 8 ? 1 : bits / 8, ret) ? SZ_OK : sz_op_fail(in, "bytes exceed 2^63");
}

static sz_status true_size(const sz_infer *in, const sz_type *t, int64_t *ret) {
    sz_status status = sz_type_bytes(in->ctx, t, ret);
    if (*ret < 0) *ret = 0;
    return status == SZ_OK ? SZ_OK : sz_op_place(in, status);
}

static const sz_type *type_of(const sz_graph *g, sz_value_id id) {
    return &sz_graph_value(g, id)->type;
}

static const sz_type *result_of(const sz_graph *g, const sz_node *n) {
    return type_of(g, n->outputs[0]);
}

static sz_status add(const sz_infer *in, int64_t *sum, int64_t bytes) {
    return sz_add(*sum, bytes, sum) ? SZ_OK : sz_op_fail(in, "bytes exceed 2^63");
}

// ---- as XLA says it ----------------------------------------------------------------------------

typedef struct reading {
    const sz_infer *in;
    const sz_graph *g;
    int64_t size; // so far
    bool seen;    // a user that reads all of it
} reading;

static sz_status read_all(reading *r, sz_value_id id) {
    int64_t bytes;
    SZ_TRY(sz_xla_size(r->in, type_of(r->g, id), &bytes));
    return add(r->in, &r->size, bytes);
}

static sz_status read_once(reading *r, sz_value_id id) {
    if (r->seen) return SZ_OK;
    r->seen = true;
    return read_all(r, id);
}

static sz_status read_result(reading *r, const sz_node *user) {
    int64_t bytes;
    SZ_TRY(sz_xla_size(r->in, result_of(r->g, user), &bytes));
    return add(r->in, &r->size, bytes);
}

// Slices and updates of a part; false when the user is none of them.
static bool reads_part(reading *r, const sz_node *user, sz_value_id id, sz_status *ret) {
    *ret = SZ_OK;
    if (sz_str_is(user->op, "slice")) {
        *ret = read_result(r, user);
    } else if (sz_str_is(user->op, "dynamic-slice")) {
        *ret = user->inputs[0] == id ? read_result(r, user) : read_once(r, id);
    } else if (sz_str_is(user->op, "dynamic-update-slice")) {
        if (user->inputs[0] != id) *ret = read_once(r, id);
    } else {
        return false;
    }
    return true;
}

static sz_status xla_reads(const sz_infer *in, const sz_users *u, sz_value_id id, int depth,
                           int64_t *ret);

// The users of a fusion that takes the value, as far as it hands on its first operand.
static sz_status nested_input(reading *outer, const sz_users *u, const sz_node *fusion, int32_t i,
                              int depth) {
    const sz_graph *body = sz_xla_body(fusion, "calls");
    if (!body || (size_t)i >= body->inputs.n || body->outputs.n != 1) return SZ_OK;
    const sz_value_id param = body->inputs.items[i];
    const sz_value *root = sz_graph_value(body, body->outputs.items[0]);
    const sz_node *n = root->producer == SZ_NONE ? NULL : sz_graph_node(body, root->producer);
    const bool simple = n && n->n_inputs > 0 && n->inputs[0] == param;
    reading r = {outer->in, outer->g, 0, false};
    const sz_value_id out = fusion->outputs[0];
    for (int32_t k = u->first[out]; k < u->first[out + 1]; k++) {
        sz_status status;
        if (simple && reads_part(&r, sz_graph_node(u->graph, u->nodes[k]), out, &status)) {
            SZ_TRY(status);
        } else if (!r.seen) {
            sz_users inner;
            int64_t bytes = 0;
            r.seen = true;
            status = sz_users_init(&inner, body);
            if (status == SZ_OK) status = xla_reads(r.in, &inner, param, depth + 1, &bytes);
            sz_users_finish(&inner);
            SZ_TRY(status);
            SZ_TRY(add(r.in, &r.size, bytes));
        }
    }
    return add(outer->in, &outer->size, r.size);
}

static sz_status xla_reads(const sz_infer *in, const sz_users *u, sz_value_id id, int depth,
                           int64_t *ret) {
    reading r = {in, u->graph, 0, false};
    if (depth > SZ_MAX_BODIES) return SZ_OK;
    for (int32_t k = u->first[id]; k < u->first[id + 1]; k++) {
        const sz_node *user = sz_graph_node(u->graph, u->nodes[k]);
        sz_status status;
        if (reads_part(&r, user, id, &status)) {
            SZ_TRY(status);
        } else if (sz_str_is(user->op, "fusion")) {
            for (int32_t i = 0; i < user->n_inputs; i++)
                if (user->inputs[i] == id) SZ_TRY(nested_input(&r, u, user, i, depth));
        } else if (sz_str_is(user->op, "broadcast") || sz_str_is(user->op, "reshape")) {
            SZ_TRY(read_all(&r, id));
        } else {
            SZ_TRY(read_once(&r, id));
        }
    }
    *ret = r.size;
    return SZ_OK;
}

// ---- what is needed ----------------------------------------------------------------------------

enum { MAX_VIEWS = 8 };

static bool is_view(const sz_node *n) {
    return sz_str_is(n->op, "bitcast") || sz_str_is(n->op, "reshape");
}

// Only what slices and gathers take, when nobody takes all. Views are looked through.
static sz_status needed(const sz_infer *in, const sz_users *u, sz_value_id id, int depth,
                        int64_t *ret) {
    int64_t whole, sum = 0, part;
    SZ_TRY(true_size(in, type_of(u->graph, id), &whole));
    for (int32_t k = u->first[id]; k < u->first[id + 1] && sum < whole; k++) {
        const sz_node *user = sz_graph_node(u->graph, u->nodes[k]);
        const bool is_source = user->n_inputs > 0 && user->inputs[0] == id &&
                               !sz_is_named_before(user, 0);
        part = whole;
        if (is_source && (sz_str_is(user->op, "slice") || sz_str_is(user->op, "dynamic-slice") ||
                          sz_str_is(user->op, "gather")))
            SZ_TRY(true_size(in, result_of(u->graph, user), &part));
        else if (is_source && sz_str_is(user->op, "dynamic-update-slice"))
            part = 0;
        else if (is_view(user) && depth < MAX_VIEWS)
            SZ_TRY(needed(in, u, user->outputs[0], depth + 1, &part));
        SZ_TRY(add(in, &sum, part));
    }
    *ret = sum < whole ? sum : whole;
    return SZ_OK;
}

sz_status sz_fusion_reads(const sz_infer *in, const sz_users *u, sz_value_id id, bool as_xla,
                          int64_t *ret) {
    return as_xla ? xla_reads(in, u, id, 0, ret) : needed(in, u, id, 0, ret);
}

// ---- writing -----------------------------------------------------------------------------------

// The node that makes the value; views are looked through on demand.
static const sz_node *maker(const sz_graph *g, sz_value_id id, bool through_views) {
    for (int k = 0; k < MAX_VIEWS && id != SZ_NONE; k++) {
        const sz_value *v = sz_graph_value(g, id);
        if (v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE) return NULL;
        const sz_node *n = sz_graph_node(g, v->producer);
        if (!through_views || !is_view(n) || n->n_inputs < 1) return n;
        id = n->inputs[0];
    }
    return NULL;
}

static sz_status written(const sz_infer *in, const sz_graph *body, sz_value_id id,
                         const sz_type *type, bool as_xla, int64_t *sum) {
    const sz_node *n = body ? maker(body, id, !as_xla) : NULL;
    int64_t bytes;
    const bool updates = n && sz_str_is(n->op, "dynamic-update-slice") && n->n_inputs > 1;
    if (updates) type = type_of(body, n->inputs[1]);
    SZ_TRY(as_xla && type->kind == SZ_TYPE_TENSOR ? sz_xla_size(in, type, &bytes)
                                                  : true_size(in, type, &bytes));
    return add(in, sum, bytes);
}

sz_status sz_fusion_writes(const sz_infer *in, bool as_xla, int64_t *ret) {
    const sz_graph *body = sz_xla_body(in->node, "calls");
    const sz_type *type = sz_out_get(in, 0);
    const bool has_root = body && body->outputs.n == 1;
    const sz_value_id root = has_root ? body->outputs.items[0] : SZ_NONE;
    *ret = 0;
    if (type->kind != SZ_TYPE_SEQUENCE)
        return written(in, has_root ? body : NULL, root, type, as_xla, ret);
    const sz_node *tuple = has_root ? maker(body, root, false) : NULL;
    const bool is_tuple = tuple && sz_str_is(tuple->op, "tuple");
    for (int64_t i = 0; i < type->n_items; i++) {
        const sz_type *item = sz_xla_item(type, i);
        const bool has = is_tuple && i < tuple->n_inputs;
        if (item)
            SZ_TRY(written(in, has ? body : NULL, has ? tuple->inputs[i] : SZ_NONE, item, as_xla,
                           ret));
    }
    return SZ_OK;
}
