// SPDX-License-Identifier: Apache-2.0
// Greedy by size (Pisarchyk and Lee 2020, algorithm 3): the largest buffer first, each at the lowest
// place of the smallest gap between those that are alive with it. That looks at every buffer placed
// before, so it is given a number of looks; nets with more buffers are stacked instead: each buffer
// lies on the highest that is alive with it, which a tree over the steps tells in log n.
#include "model/cost/arena_plan.h"

#include <stdlib.h>

enum { MAX_LOOKS = 64 << 20 };

typedef struct places {
    sz_costs *costs;
    sz_buffer **by_size;
    sz_buffer **by_offset; // placed so far
    size_t n;
} places;

// Largest first, then by birth, then by the order of the tensors: the same everywhere.
static int larger_first(const void *a, const void *b) {
    const sz_buffer *x = *(sz_buffer *const *)a, *y = *(sz_buffer *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x > y) - (x < y);
}

static bool meets(const sz_buffer *a, const sz_buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

static bool finish(places *p, const sz_buffer *b) {
    int64_t end;
    if (!sz_add(b->offset, b->bytes, &end)) return false;
    if (end > p->costs->memory.arena_bytes) p->costs->memory.arena_bytes = end;
    return true;
}

// ---- greedy ------------------------------------------------------------------------------------

static void find_gap(const places *p, size_t placed, sz_buffer *b) {
    int64_t end = 0, best = INT64_MAX;
    bool found = false;
    for (size_t i = 0; i < placed; i++) {
        const sz_buffer *other = p->by_offset[i];
        if (!meets(b, other)) continue;
        const int64_t gap = other->offset - end;
        if (gap >= b->bytes && gap < best) best = gap, b->offset = end, found = true;
        if (other->offset + other->bytes > end) end = other->offset + other->bytes;
    }
    if (!found) b->offset = end;
}

static void insert(places *p, size_t placed, sz_buffer *b) {
    size_t at = placed;
    while (at > 0 && p->by_offset[at - 1]->offset > b->offset) at--;
    memmove(p->by_offset + at + 1, p->by_offset + at, (placed - at) * sizeof(sz_buffer *));
    p->by_offset[at] = b;
}

static bool greedy(places *p) {
    p->costs->memory.method = "greedy by size";
    for (size_t i = 0; i < p->n; i++) {
        find_gap(p, i, p->by_size[i]);
        if (!finish(p, p->by_size[i])) return false;
        insert(p, i, p->by_size[i]);
    }
    return true;
}

// ---- stacked -----------------------------------------------------------------------------------

// Highest end per range of steps. `all` holds for the whole range below a node of the tree, `most`
// is the largest inside. Ends only grow, so nothing is ever pushed down.
typedef struct tree {
    int64_t *all, *most;
    int32_t leaves; // a power of two
} tree;

static int64_t most_in(const tree *t, int32_t from, int32_t to) {
    int64_t most = 0;
    for (int32_t l = from + t->leaves, r = to + t->leaves; l <= r; l /= 2, r /= 2) {
        if (l % 2 == 1 && t->most[l] > most) most = t->most[l];
        if (r % 2 == 0 && t->most[r] > most) most = t->most[r];
        if (l % 2 == 1) l++;
        if (r % 2 == 0) r--;
    }
    for (int32_t end = from;; end = to) { // ranges that hold one of the two ends
        for (int32_t k = (end + t->leaves) / 2; k >= 1; k /= 2)
            if (t->all[k] > most) most = t->all[k];
        if (end == to) break;
    }
    return most;
}

static void raise_one(tree *t, int32_t k, int64_t end) {
    if (end > t->all[k]) t->all[k] = end;
    for (; k >= 1; k /= 2)
        if (end > t->most[k]) t->most[k] = end;
}

static void raise_all(tree *t, int32_t from, int32_t to, int64_t end) {
    for (int32_t l = from + t->leaves, r = to + t->leaves; l <= r; l /= 2, r /= 2) {
        if (l % 2 == 1) raise_one(t, l++, end);
        if (r % 2 == 0) raise_one(t, r--, end);
    }
}

static sz_status stacked(places *p) {
    tree t = {NULL, NULL, 1};
    while ((size_t)t.leaves < p->costs->n_nodes) t.leaves *= 2;
    t.all = sz_arena_array(&p->costs->arena, 2 * (size_t)t.leaves, sizeof *t.all);
    t.most = sz_arena_array(&p->costs->arena, 2 * (size_t)t.leaves, sizeof *t.most);
    if (!t.all || !t.most) return sz_no_memory(p->costs->ctx);
    p->costs->memory.method = "stacked";
    for (size_t i = 0; i < p->n; i++) {
        sz_buffer *b = p->by_size[i];
        b->offset = most_in(&t, (int32_t)b->first, (int32_t)b->last);
        if (!finish(p, b))
            return sz_fail(p->costs->ctx, SZ_ERR_INPUT, "the arena exceeds 2^63 bytes");
        raise_all(&t, (int32_t)b->first, (int32_t)b->last, b->offset + b->bytes);
    }
    return SZ_OK;
}

sz_status sz_arena_place(sz_costs *costs) {
    places p = {.costs = costs, .n = costs->n_buffers};
    p.by_size = sz_arena_array(&costs->arena, p.n + 1, sizeof *p.by_size);
    p.by_offset = sz_arena_array(&costs->arena, p.n + 1, sizeof *p.by_offset);
    if (!p.by_size || !p.by_offset) return sz_no_memory(costs->ctx);
    for (size_t i = 0; i < p.n; i++) p.by_size[i] = &costs->buffers[i];
    qsort(p.by_size, p.n, sizeof *p.by_size, larger_first);
    if (p.n > MAX_LOOKS / (p.n + 1)) return stacked(&p);
    return greedy(&p) ? SZ_OK : sz_fail(costs->ctx, SZ_ERR_INPUT, "the arena exceeds 2^63 bytes");
}
