// SPDX-License-Identifier: Apache-2.0
// Common subexpressions: of two nodes that compute the same from the same, the second goes. Small
// constants with the same numbers count as the same.
//
// Needs: types. Keeps: types; an output of the graph keeps its name, so a node that makes one
// stays. Random numbers, control flow and unknown operators are never the same twice.
#include "model/passes/pass.h"

typedef struct table {
    sz_pass_job *job;
    sz_node_id *heads, *next; // buckets, and chains through nodes
    uint64_t *hashes;         // per node
    sz_value_id *same;        // per value: the first constant with these numbers
    size_t n_heads, n_nodes, n_values;
} table;

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return mix(h, n);
}

// ---- constants ---------------------------------------------------------------------------------

enum { MAX_NUMBERS = 16 }; // larger constants are compared by name only

// Type and numbers as bytes; 0 = too large or not known.
static size_t constant_key(const table *t, sz_value_id v, char *key, size_t room) {
    const sz_value *value = sz_edit_value_of(t->job->e, v);
    if (value->kind != SZ_VALUE_CONST || !sz_type_is_static(&value->type)) return 0;
    const int64_t n = sz_count_elements(t->job, v);
    const sz_tensor *numbers = n >= 0 && n <= MAX_NUMBERS ? sz_numbers(t->job, v) : NULL;
    if (!numbers || numbers->count != n) return 0;
    const size_t dims = (size_t)value->type.rank * sizeof(int64_t), data = (size_t)n * 8;
    const int32_t head[2] = {value->type.dtype, value->type.rank};
    if (sizeof head + dims + data > room) return 0;
    memcpy(key, head, sizeof head);
    if (dims) memcpy(key + sizeof head, value->type.dims, dims);
    if (data)
        memcpy(key + sizeof head + dims,
               numbers->f ? (const void *)numbers->f : (const void *)numbers->i, data);
    return sizeof head + dims + data;
}

static sz_status index_constants(table *t) {
    sz_map map;
    sz_map_init(&map, t->job->g->ctx);
    sz_status status = SZ_OK;
    for (size_t i = 0; i < t->n_values && status == SZ_OK; i++) {
        char key[8 + 8 * SZ_MAX_RANK + 8 * MAX_NUMBERS];
        const size_t len = constant_key(t, (sz_value_id)i, key, sizeof key);
        int32_t first;
        t->same[i] = (sz_value_id)i;
        if (!len) continue;
        const sz_str probe = {key, (uint32_t)len};
        if (sz_map_get(&map, probe, &first)) {
            t->same[i] = first;
            continue;
        }
        const char *own = sz_arena_strdup(t->job->g->arena, key, len);
        status = own ? sz_map_put(&map, (sz_str){own, (uint32_t)len}, (int32_t)i)
                     : sz_no_memory(t->job->g->ctx);
    }
    sz_map_finish(&map);
    return status;
}

// ---- attributes --------------------------------------------------------------------------------

static uint64_t hash_attr(uint64_t h, const sz_attr *a) {
    h = mix_bytes(mix(h, a->kind), a->name.p, a->name.len);
    switch (a->kind) {
    case SZ_ATTR_INT:
        return mix(h, (uint64_t)a->i);
    case SZ_ATTR_FLOAT:
        return mix_bytes(h, &a->f, sizeof a->f);
    case SZ_ATTR_STRING:
        return mix_bytes(h, a->s.p, a->s.len);
    case SZ_ATTR_INTS:
        return mix_bytes(h, a->ints, (size_t)a->n * sizeof *a->ints);
    case SZ_ATTR_FLOATS:
        return mix_bytes(h, a->floats, (size_t)a->n * sizeof *a->floats);
    case SZ_ATTR_TENSOR:
        return mix(h, (uint64_t)a->tensor);
    default:
        return h;
    }
}

static bool same_attr(const sz_attr *a, const sz_attr *b) {
    if (a->kind != b->kind || a->n != b->n || !sz_str_eq(a->name, b->name)) return false;
    const size_t n = a->n > 0 ? (size_t)a->n : 0;
    switch (a->kind) {
    case SZ_ATTR_INT:
        return a->i == b->i;
    case SZ_ATTR_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case SZ_ATTR_STRING:
        return sz_str_eq(a->s, b->s);
    case SZ_ATTR_INTS:
        return n == 0 || memcmp(a->ints, b->ints, n * sizeof *a->ints) == 0;
    case SZ_ATTR_FLOATS:
        return n == 0 || memcmp(a->floats, b->floats, n * sizeof *a->floats) == 0;
    case SZ_ATTR_TENSOR:
        return a->tensor == b->tensor;
    case SZ_ATTR_STRINGS:
        for (size_t i = 0; i < n; i++)
            if (!sz_str_eq(a->strings[i], b->strings[i])) return false;
        return true;
    default:
        return false;
    }
}

// ---- nodes -------------------------------------------------------------------------------------

static sz_value_id same_value(const table *t, sz_value_id v) {
    return v == SZ_NONE || (size_t)v >= t->n_values ? v : t->same[v];
}

static uint64_t hash_node(const table *t, const sz_node *n) {
    uint64_t h = mix_bytes((uint64_t)n->row, &n->opset, sizeof n->opset);
    for (int32_t i = 0; i < n->n_inputs; i++) h = mix(h, (uint64_t)same_value(t, n->inputs[i]));
    for (int32_t a = 0; a < n->n_attrs; a++) h = hash_attr(h, &n->attrs[a]);
    return mix(h, (uint64_t)n->n_outputs);
}

static bool same_node(const table *t, const sz_node *a, const sz_node *b) {
    if (a->row != b->row || a->opset != b->opset || a->n_inputs != b->n_inputs ||
        a->n_outputs != b->n_outputs || a->n_attrs != b->n_attrs)
        return false;
    for (int32_t i = 0; i < a->n_inputs; i++)
        if (same_value(t, a->inputs[i]) != same_value(t, b->inputs[i])) return false;
    for (int32_t k = 0; k < a->n_attrs; k++)
        if (!same_attr(&a->attrs[k], &b->attrs[k])) return false;
    return true;
}

static bool may_merge(const table *t, sz_node_id id) {
    switch (sz_kind_of(t->job, id)) {
    case SZ_KIND_RANDOM:
    case SZ_KIND_CONTROL:
    case SZ_KIND_OTHER:
    case SZ_KIND_COUNT:
        return false;
    default:
        break;
    }
    const sz_node *n = sz_edit_node_of(t->job->e, id);
    for (int32_t a = 0; a < n->n_attrs; a++)
        if (n->attrs[a].graphs) return false;
    return n->n_inputs > 0 && !(sz_str_is(n->op, "Dropout") && n->n_inputs > 2);
}

// Takes `second` out in favour of `first`: all outputs that both have, none of them pinned.
static sz_status merge(table *t, sz_node_id first, sz_node_id second, bool *ret_done) {
    sz_edit *e = t->job->e;
    const int32_t n = sz_edit_node_of(e, second)->n_outputs;
    *ret_done = false;
    for (int32_t o = 0; o < n; o++) {
        const sz_value_id a = sz_edit_out(e, first, o), b = sz_edit_out(e, second, o);
        if (b != SZ_NONE && (a == SZ_NONE || sz_edit_is_pinned(e, b))) return SZ_OK;
    }
    for (int32_t o = 0; o < n; o++)
        if (sz_edit_out(e, second, o) != SZ_NONE)
            SZ_TRY(
                sz_edit_replace(e, sz_edit_out(e, second, o), sz_edit_out(e, first, o), ret_done));
    *ret_done = true;
    t->job->changed++;
    SZ_TRY(sz_edit_absorb(e, first, second));
    return sz_edit_remove(e, second);
}

enum { MAX_CHAIN = 64 }; // looks at no more candidates than that

static sz_status visit(table *t, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(t->job->e, id);
    const uint64_t h = hash_node(t, n);
    sz_node_id *head = &t->heads[h & (t->n_heads - 1)];
    int looked = 0;
    for (sz_node_id k = *head; k != SZ_NONE && looked < MAX_CHAIN; k = t->next[k], looked++) {
        bool done;
        if (t->hashes[k] != h || sz_edit_is_dead(t->job->e, k)) continue;
        if (!same_node(t, sz_edit_node_of(t->job->e, k), n)) continue;
        SZ_TRY(merge(t, k, id, &done));
        if (done) return SZ_OK;
    }
    t->hashes[id] = h;
    t->next[id] = *head;
    *head = id;
    return SZ_OK;
}

static sz_status walk(table *t) {
    SZ_TRY(index_constants(t));
    sz_node_id next;
    for (sz_node_id id = t->job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(t->job->e, id);
        if (!sz_edit_is_dead(t->job->e, id) && may_merge(t, id)) SZ_TRY(visit(t, id));
    }
    return SZ_OK;
}

sz_status sz_pass_cse(sz_pass_job *job) {
    sz_ctx *ctx = job->g->ctx;
    table t = {
        .job = job, .n_heads = 64, .n_nodes = job->g->nodes.n + 1, .n_values = job->g->values.n};
    while (t.n_heads < t.n_nodes) t.n_heads *= 2;
    t.heads = sz_alloc(ctx, t.n_heads * sizeof *t.heads);
    t.next = sz_alloc(ctx, t.n_nodes * sizeof *t.next);
    t.hashes = sz_alloc(ctx, t.n_nodes * sizeof *t.hashes);
    t.same = sz_alloc(ctx, (t.n_values + 1) * sizeof *t.same);
    const bool fits = t.heads && t.next && t.hashes && t.same;
    for (size_t i = 0; fits && i < t.n_heads; i++) t.heads[i] = SZ_NONE;
    sz_status status = fits ? walk(&t) : sz_no_memory(ctx);
    sz_free(ctx, t.heads, t.n_heads * sizeof *t.heads);
    sz_free(ctx, t.next, t.n_nodes * sizeof *t.next);
    sz_free(ctx, t.hashes, t.n_nodes * sizeof *t.hashes);
    sz_free(ctx, t.same, (t.n_values + 1) * sizeof *t.same);
    return status;
}
