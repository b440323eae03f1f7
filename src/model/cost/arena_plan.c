// SPDX-License-Identifier: Apache-2.0
// Greedy by size (Pisarchyk and Lee 2020, algorithm 3): the largest buffer first, each at the
// lowest place of the smallest gap between those that are alive with it. Buffers that were placed
// hang in a list for each span of steps that they live in, so that only few are looked at, as long
// as most lives are short. The looks are limited; nets in which nearly all is alive with nearly all
// are stacked instead: each buffer lies on the highest that is alive with it, which a tree over the
// steps tells in log n.
#include "model/cost/arena_plan.h"

#include <stdlib.h>

enum { MAX_LOOKS = 32 << 20 };

typedef struct places {
    sz_costs *costs;
    sz_arena_buffer **by_size;
    size_t n;
    int64_t width;   // steps of a span
    int32_t *heads;  // per span: first entry of its list, -1 none
    int32_t *next;   // per entry
    int32_t *buffer; // per entry: index in by_size
    int32_t *seen;   // per buffer of by_size: the last that looked at it
    int32_t n_entries;
    sz_arena_buffer **near; // alive with the one that is placed
    int64_t looks;
} places;

// Largest first, then by birth, then by the order of the tensors: the same everywhere.
static int larger_first(const void *a, const void *b) {
    const sz_arena_buffer *x = *(sz_arena_buffer *const *)a, *y = *(sz_arena_buffer *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x > y) - (x < y);
}

static bool meets(const sz_arena_buffer *a, const sz_arena_buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

static sz_status too_large(const places *p) {
    return sz_fail(p->costs->ctx, SZ_ERR_INPUT, "the arena exceeds 2^63 bytes");
}

static bool finish(places *p, const sz_arena_buffer *b) {
    int64_t end;
    if (!sz_add(b->offset, b->bytes, &end)) return false;
    if (end > p->costs->memory.arena_bytes) p->costs->memory.arena_bytes = end;
    return true;
}

// ---- greedy ------------------------------------------------------------------------------------

static int lower_first(const void *a, const void *b) {
    const sz_arena_buffer *x = *(sz_arena_buffer *const *)a, *y = *(sz_arena_buffer *const *)b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return (x > y) - (x < y);
}

// Spans so wide that all lists together stay short.
static sz_status make_lists(places *p) {
    enum { LEAST = 16, PER_BUFFER = 8 };
    sz_arena *arena = &p->costs->arena;
    int64_t entries = 0;
    for (p->width = LEAST;; p->width *= 2) {
        entries = 0;
        for (size_t i = 0; i < p->n; i++)
            entries += p->by_size[i]->last / p->width - p->by_size[i]->first / p->width + 1;
        if (entries <= PER_BUFFER * (int64_t)p->n) break;
    }
    const size_t spans = p->costs->n_nodes / (size_t)p->width + 1;
    p->heads = sz_arena_array(arena, spans, sizeof *p->heads);
    p->next = sz_arena_array(arena, (size_t)entries + 1, sizeof *p->next);
    p->buffer = sz_arena_array(arena, (size_t)entries + 1, sizeof *p->buffer);
    p->seen = sz_arena_array(arena, p->n + 1, sizeof *p->seen);
    p->near = sz_arena_array(arena, p->n + 1, sizeof *p->near);
    if (!p->heads || !p->next || !p->buffer || !p->seen || !p->near)
        return sz_no_memory(p->costs->ctx);
    for (size_t i = 0; i < spans; i++) p->heads[i] = -1;
    for (size_t i = 0; i < p->n; i++) p->seen[i] = -1;
    return SZ_OK;
}

// Those placed before that are alive with buffer i, by their offsets.
static size_t find_near(places *p, int32_t i) {
    const sz_arena_buffer *b = p->by_size[i];
    size_t n = 0;
    for (int64_t span = b->first / p->width; span <= b->last / p->width; span++)
        for (int32_t e = p->heads[span]; e >= 0; e = p->next[e], p->looks++) {
            sz_arena_buffer *other = p->by_size[p->buffer[e]];
            if (p->seen[p->buffer[e]] == i || !meets(b, other)) continue;
            p->seen[p->buffer[e]] = i;
            p->near[n++] = other;
        }
    qsort(p->near, n, sizeof *p->near, lower_first);
    p->looks += 8 * (int64_t)n; // sorting is dearer than looking
    return n;
}

static void find_gap(const places *p, size_t n, sz_arena_buffer *b) {
    int64_t end = 0, best = INT64_MAX;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        const sz_arena_buffer *other = p->near[i];
        const int64_t gap = other->offset - end;
        if (gap >= b->bytes && gap < best) best = gap, b->offset = end, found = true;
        if (other->offset + other->bytes > end) end = other->offset + other->bytes;
    }
    if (!found) b->offset = end;
}

static void hang(places *p, int32_t i) {
    const sz_arena_buffer *b = p->by_size[i];
    for (int64_t span = b->first / p->width; span <= b->last / p->width; span++) {
        p->buffer[p->n_entries] = i;
        p->next[p->n_entries] = p->heads[span];
        p->heads[span] = p->n_entries++;
    }
}

// False in *ret_done: too many looks.
static sz_status greedy(places *p, bool *ret_done) {
    p->costs->memory.method = "greedy by size";
    SZ_TRY(make_lists(p));
    for (size_t i = 0; i < p->n && p->looks <= MAX_LOOKS; i++) {
        find_gap(p, find_near(p, (int32_t)i), p->by_size[i]);
        if (!finish(p, p->by_size[i])) return too_large(p);
        hang(p, (int32_t)i);
    }
    *ret_done = p->looks <= MAX_LOOKS;
    return SZ_OK;
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
    p->costs->memory.arena_bytes = 0;
    for (size_t i = 0; i < p->n; i++) {
        sz_arena_buffer *b = p->by_size[i];
        b->offset = most_in(&t, (int32_t)b->first, (int32_t)b->last);
        if (!finish(p, b)) return too_large(p);
        raise_all(&t, (int32_t)b->first, (int32_t)b->last, b->offset + b->bytes);
    }
    return SZ_OK;
}

sz_status sz_arena_place(sz_costs *costs) {
    places p = {.costs = costs, .n = costs->n_buffers};
    bool done = false;
    p.by_size = sz_arena_array(&costs->arena, p.n + 1, sizeof *p.by_size);
    if (!p.by_size) return sz_no_memory(costs->ctx);
    for (size_t i = 0; i < p.n; i++) p.by_size[i] = &costs->buffers[i];
    qsort(p.by_size, p.n, sizeof *p.by_size, larger_first);
    SZ_TRY(greedy(&p, &done));
    return done ? SZ_OK : stacked(&p);
}
