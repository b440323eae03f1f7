// SPDX-License-Identifier: Apache-2.0
#include "run/backends/job_memory.h"

#include "os/pages.h"

// ---- views -------------------------------------------------------------------------------------

static bool is_view_op(const sz_node *n) {
    static const char *const ops[] = {"Reshape",  "Flatten", "Squeeze", "Unsqueeze",
                                      "Identity", "Dropout", "Cast"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (sz_node_is(n, ops[i])) return true;
    return false;
}

static bool is_plain_dropout(const sz_node *n) { // not that of training, and no mask is asked for
    if (!sz_node_is(n, "Dropout")) return true;
    return (n->n_inputs < 3 || n->inputs[2] == SZ_NONE) &&
           (n->n_outputs < 2 || n->outputs[1] == SZ_NONE);
}

static bool same_numbers(sz_ctx *ctx, const sz_type *a, const sz_type *b) {
    int64_t n = -1, m = -2;
    if (a->kind != SZ_TYPE_TENSOR || b->kind != SZ_TYPE_TENSOR || a->dtype != b->dtype)
        return false;
    if (!sz_type_is_static(a) || !sz_type_is_static(b)) return false;
    if (sz_type_elements(ctx, a, &n) != SZ_OK || sz_type_elements(ctx, b, &m) != SZ_OK)
        return false;
    return n == m;
}

static bool can_view(const sz_job *j, const sz_node *n) {
    const sz_graph *g = j->graph;
    if (!is_view_op(n) || !is_plain_dropout(n) || n->n_inputs < 1 || n->n_outputs < 1) return false;
    if (n->inputs[0] == SZ_NONE || n->outputs[0] == SZ_NONE) return false;
    const sz_value *x = sz_graph_value(g, n->inputs[0]), *y = sz_graph_value(g, n->outputs[0]);
    const bool given = sz_graph_value(g, j->root[n->inputs[0]])->kind != SZ_VALUE_NODE;
    if (y->constant || (y->is_output && (given || j->constant[n->inputs[0]]))) return false;
    return same_numbers(j->ctx, &x->type, &y->type);
}

sz_status sz_job_find_roots(sz_job *j) {
    const sz_graph *g = j->graph;
    j->root = sz_arena_array(&j->arena, g->values.n + 1, sizeof *j->root);
    if (!j->root) return sz_no_memory(j->ctx);
    for (size_t v = 0; v < g->values.n; v++) j->root[v] = (sz_value_id)v;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        if (j->needed[id] && can_view(j, n)) j->root[n->outputs[0]] = j->root[n->inputs[0]];
    }
    return SZ_OK;
}

bool sz_job_is_view(const sz_job *j, const sz_node *n) {
    return n->n_outputs > 0 && n->outputs[0] != SZ_NONE && j->root[n->outputs[0]] != n->outputs[0];
}

// ---- blocks ------------------------------------------------------------------------------------

// No two buffers begin at the same place of a page, or loads would wait for stores elsewhere.
static size_t skew(size_t block) { return 64 * (block % 61); }
static size_t mapped(size_t bytes) { return bytes + 8192; }

// The system gives a process tens of thousands of mappings and no more, which deep nets of small
// layers would use up. So small blocks are parts of a larger one.
enum { CHUNK = 1 << 20, SMALL = 1 << 16 };

static sz_status map(sz_job *j, size_t bytes, char **ret_page) {
    char *page = sz_pages_map(bytes);
    if (!page)
        return sz_fail(j->ctx, SZ_ERR_MEMORY,
                       "the system maps no %zu bytes more for buffer %zu: memory or the number of "
                       "mappings of a process (vm.max_map_count) is used up",
                       bytes, j->blocks.n + 1);
    return *ret_page = page, SZ_OK;
}

static sz_status take_part(sz_job *j, size_t bytes, char **ret_data) {
    const size_t room = (bytes + 127) / 64 * 64; // a line more, so that places in pages differ
    if (j->chunks.n == 0 || j->in_chunk + room > CHUNK) {
        char *page = NULL;
        SZ_TRY(map(j, CHUNK, &page));
        if (!sz_vec_push(j->ctx, &j->chunks, page)) {
            sz_pages_unmap(page, CHUNK);
            return sz_no_memory(j->ctx);
        }
        j->in_chunk = 0;
    }
    *ret_data = j->chunks.items[j->chunks.n - 1] + j->in_chunk;
    j->in_chunk += room;
    return SZ_OK;
}

static sz_status new_block(sz_job *j, size_t bytes, sz_job_block *b) {
    *b = (sz_job_block){.bytes = bytes};
    if (bytes <= SMALL) return take_part(j, bytes, &b->data);
    SZ_TRY(map(j, mapped(bytes), &b->page));
    b->data = b->page + skew(j->blocks.n);
    return SZ_OK;
}

sz_status sz_job_take(sz_job *j, size_t bytes, bool keep, char **ret_data) {
    sz_job_block *best = NULL;
    for (size_t i = 0; !keep && i < j->blocks.n; i++) {
        sz_job_block *b = &j->blocks.items[i];
        // the last that fits is the one that was used last: it may still be in a cache
        if (b->free && b->bytes >= bytes && b->bytes / 2 <= bytes &&
            (!best || b->bytes <= best->bytes))
            best = b;
    }
    if (!best) {
        sz_job_block b;
        SZ_TRY(new_block(j, bytes, &b));
        if (!sz_vec_push(j->ctx, &j->blocks, b)) {
            if (b.page) sz_pages_unmap(b.page, mapped(bytes));
            return sz_no_memory(j->ctx);
        }
        best = &j->blocks.items[j->blocks.n - 1];
    }
    best->free = false;
    *ret_data = best->data;
    return SZ_OK;
}

void sz_job_return(sz_job *j, const char *data) {
    for (size_t i = 0; i < j->blocks.n; i++)
        if (j->blocks.items[i].data == data) j->blocks.items[i].free = true;
}

void sz_job_unmap(sz_job *j) {
    for (size_t i = 0; i < j->blocks.n; i++)
        if (j->blocks.items[i].page)
            sz_pages_unmap(j->blocks.items[i].page, mapped(j->blocks.items[i].bytes));
    for (size_t i = 0; i < j->chunks.n; i++) sz_pages_unmap(j->chunks.items[i], CHUNK);
    sz_vec_finish(j->ctx, &j->blocks);
    sz_vec_finish(j->ctx, &j->chunks);
}
