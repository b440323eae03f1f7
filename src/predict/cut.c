// SPDX-License-Identifier: Apache-2.0
// The cut of least cost, as a flow of most (Ford and Fulkerson 1956) by Dinic's algorithm (1970).
//
// Stone, Multiprocessor scheduling with the aid of network flow algorithms, IEEE Transactions on
// Software Engineering 3(1), 1977: the device is the source, the host the sink. A task hangs on the
// source by what it costs on the host, and on the sink by what it costs on the device: the edge
// that the cut goes through is paid. A tensor has a node for each direction it may cross in, so
// that many readers pay once.
#include "predict/cut.h"

#include <math.h>

typedef struct edge {
    int32_t to;
    int64_t left; // capacity that is not used; the edge back is at index ^ 1
} edge;

typedef struct network {
    sz_ctx *ctx;
    SZ_VEC(edge) edges;
    SZ_VEC(int32_t) from; // of each edge: where it starts
    int32_t *first;       // by node, in `list`: edges first[v] .. first[v + 1] - 1
    int32_t *list;
    int32_t *level, *next, *queue, *path; // of a phase; path: edges from the source
    int32_t n;                            // nodes: source 0, sink 1, tasks, tensors
    double unit;                          // cost of one step of capacity
} network;

enum { SOURCE = 0, SINK = 1, TASKS = 2 };
// No cut goes through: more than all costs together, and sums of two do not overflow.
static const int64_t ENDLESS = INT64_C(1) << 60;
static const double STEPS = 1125899906842624.0; // 2^50

// ---- the network -------------------------------------------------------------------------------

static int64_t capacity_of(const network *w, double cost) {
    return isinf(cost) ? ENDLESS : (int64_t)llround(cost / w->unit);
}

static bool add_edge(network *w, int32_t a, int32_t b, int64_t capacity) {
    const edge there = {b, capacity}, back = {a, 0};
    if (capacity <= 0) return true;
    return sz_vec_push(w->ctx, &w->edges, there) && sz_vec_push(w->ctx, &w->from, a) &&
           sz_vec_push(w->ctx, &w->edges, back) && sz_vec_push(w->ctx, &w->from, b);
}

static int32_t node_of(int32_t task) { return task == SZ_CUT_HOST ? (int32_t)SINK : TASKS + task; }

// From the device to the host through `out`, the other way through `in`.
static bool add_tensor(network *w, const sz_cut_tensor *t, int32_t out, int32_t in, bool one_part) {
    const int32_t maker = node_of(t->maker);
    const int64_t cost = capacity_of(w, t->cost);
    bool ok = add_edge(w, maker, out, cost) && add_edge(w, in, maker, cost);
    for (size_t i = 0; ok && i < t->n_readers; i++) {
        const int32_t reader = node_of(t->readers[i]);
        ok = add_edge(w, out, reader, ENDLESS) && add_edge(w, reader, in, ENDLESS);
        if (ok && one_part && t->maker != SZ_CUT_HOST) ok = add_edge(w, reader, maker, ENDLESS);
    }
    return ok;
}

static double limited(double cost) { return isinf(cost) ? 0 : cost; }

static double sum_of(const sz_cut_problem *p) {
    double sum = 0;
    for (size_t i = 0; i < p->n_tasks; i++) sum += limited(p->device[i]) + limited(p->host[i]);
    for (size_t i = 0; i < p->n_tensors; i++) sum += 2 * p->tensors[i].cost;
    return sum;
}

static bool add_edges(network *w, const sz_cut_problem *p) {
    const double sum = sum_of(p);
    bool ok = true;
    w->unit = sum > 0 ? sum / STEPS : 1;
    for (size_t i = 0; ok && i < p->n_tasks; i++) {
        const int32_t v = TASKS + (int32_t)i;
        ok = add_edge(w, SOURCE, v, capacity_of(w, p->host[i])) &&
             add_edge(w, v, SINK, capacity_of(w, p->device[i]));
    }
    const int32_t first = TASKS + (int32_t)p->n_tasks;
    for (size_t i = 0; ok && i < p->n_tensors; i++)
        ok = add_tensor(w, &p->tensors[i], first + 2 * (int32_t)i, first + 2 * (int32_t)i + 1,
                        p->one_part);
    return ok;
}

// Edges by the node that they start from.
static bool index_edges(network *w) {
    const size_t n = (size_t)w->n;
    w->first = sz_alloc(w->ctx, (n + 1) * sizeof *w->first);
    w->list = sz_alloc(w->ctx, (w->edges.n + 1) * sizeof *w->list);
    w->level = sz_alloc(w->ctx, n * sizeof *w->level);
    w->next = sz_alloc(w->ctx, n * sizeof *w->next);
    w->queue = sz_alloc(w->ctx, n * sizeof *w->queue);
    w->path = sz_alloc(w->ctx, n * sizeof *w->path);
    if (!w->first || !w->list || !w->level || !w->next || !w->queue || !w->path) return false;
    for (size_t e = 0; e < w->edges.n; e++) w->first[w->from.items[e] + 1]++;
    for (size_t v = 0; v < n; v++) w->first[v + 1] += w->first[v];
    memcpy(w->next, w->first, n * sizeof *w->next);
    for (size_t e = 0; e < w->edges.n; e++) w->list[w->next[w->from.items[e]]++] = (int32_t)e;
    return true;
}

static void finish(network *w) {
    const size_t n = (size_t)w->n;
    sz_free(w->ctx, w->first, (n + 1) * sizeof *w->first);
    sz_free(w->ctx, w->list, (w->edges.n + 1) * sizeof *w->list);
    sz_free(w->ctx, w->level, n * sizeof *w->level);
    sz_free(w->ctx, w->next, n * sizeof *w->next);
    sz_free(w->ctx, w->queue, n * sizeof *w->queue);
    sz_free(w->ctx, w->path, n * sizeof *w->path);
    sz_vec_finish(w->ctx, &w->edges);
    sz_vec_finish(w->ctx, &w->from);
}

// ---- the flow ----------------------------------------------------------------------------------

// Steps from the source to each node over edges with capacity left, -1 = none.
static bool find_levels(network *w) {
    size_t head = 0, tail = 0;
    for (int32_t v = 0; v < w->n; v++) w->level[v] = -1;
    w->level[SOURCE] = 0;
    w->queue[tail++] = SOURCE;
    while (head < tail) {
        const int32_t v = w->queue[head++];
        for (int32_t k = w->first[v]; k < w->first[v + 1]; k++) {
            const edge *e = &w->edges.items[w->list[k]];
            if (e->left <= 0 || w->level[e->to] >= 0) continue;
            w->level[e->to] = w->level[v] + 1;
            w->queue[tail++] = e->to;
        }
    }
    return w->level[SINK] >= 0;
}

// Send what the path carries; returns how many of its edges stay, up to the first that is full.
static int32_t send(network *w, int32_t depth) {
    int64_t most = INT64_MAX;
    int32_t keep = depth;
    for (int32_t i = 0; i < depth; i++) {
        const int64_t left = w->edges.items[w->path[i]].left;
        if (left < most) most = left;
    }
    for (int32_t i = depth; i-- > 0;) {
        w->edges.items[w->path[i]].left -= most;
        w->edges.items[w->path[i] ^ 1].left += most;
        if (w->edges.items[w->path[i]].left == 0) keep = i;
    }
    return keep;
}

// An edge one level on with capacity left, or -1. Edges that lead nowhere are not tried again.
static int32_t next_edge(network *w, int32_t v) {
    for (; w->next[v] < w->first[v + 1]; w->next[v]++) {
        const int32_t at = w->list[w->next[v]];
        const edge *e = &w->edges.items[at];
        if (e->left > 0 && w->level[e->to] == w->level[v] + 1) return at;
    }
    return -1;
}

// All paths of a phase, depth first.
static void block(network *w) {
    int32_t depth = 0, v = SOURCE;
    memcpy(w->next, w->first, (size_t)w->n * sizeof *w->next);
    for (;;) {
        const int32_t at = v == SINK ? -1 : next_edge(w, v);
        if (v == SINK) {
            depth = send(w, depth);
        } else if (at >= 0) {
            w->path[depth++] = at;
        } else if (depth == 0) {
            return;
        } else {
            depth--;
            w->next[w->from.items[w->path[depth]]]++;
        }
        v = depth ? w->edges.items[w->path[depth - 1]].to : (int32_t)SOURCE;
    }
}

// Of several cuts that cost the same, the one with most tasks on the device: the host has those
// from which the sink can still be reached. Marks them with level 0, the others with -1.
static void find_host(network *w) {
    size_t head = 0, tail = 0;
    for (int32_t v = 0; v < w->n; v++) w->level[v] = -1;
    w->level[SINK] = 0;
    w->queue[tail++] = SINK;
    while (head < tail) {
        const int32_t v = w->queue[head++];
        for (int32_t k = w->first[v]; k < w->first[v + 1]; k++) {
            const int32_t u = w->edges.items[w->list[k]].to;
            if (w->level[u] >= 0 || w->edges.items[w->list[k] ^ 1].left <= 0) continue;
            w->level[u] = 0;
            w->queue[tail++] = u;
        }
    }
}

// ---- all ---------------------------------------------------------------------------------------

bool sz_cut_crosses(const sz_cut_tensor *t, const bool *on_host) {
    const bool made = t->maker == SZ_CUT_HOST || on_host[t->maker];
    for (size_t i = 0; i < t->n_readers; i++) {
        const int32_t r = t->readers[i];
        if ((r == SZ_CUT_HOST || on_host[r]) != made) return true;
    }
    return false;
}

// Does a task of the device read what a task of the host made?
static bool breaks_order(const sz_cut_tensor *t, const bool *on_host) {
    if (t->maker == SZ_CUT_HOST || !on_host[t->maker]) return false;
    for (size_t i = 0; i < t->n_readers; i++)
        if (t->readers[i] != SZ_CUT_HOST && !on_host[t->readers[i]]) return true;
    return false;
}

double sz_cut_cost(const sz_cut_problem *p, const bool *on_host) {
    double cost = 0;
    for (size_t i = 0; i < p->n_tasks; i++) cost += on_host[i] ? p->host[i] : p->device[i];
    for (size_t i = 0; i < p->n_tensors; i++) {
        if (sz_cut_crosses(&p->tensors[i], on_host)) cost += p->tensors[i].cost;
        if (p->one_part && breaks_order(&p->tensors[i], on_host)) cost = INFINITY;
    }
    return cost;
}

sz_status sz_cut_solve(sz_ctx *ctx, const sz_cut_problem *p, bool *on_host, double *ret_cost) {
    enum { MOST = 1 << 28 };
    network w = {.ctx = ctx};
    if (p->n_tasks > MOST || p->n_tensors > MOST)
        return sz_fail(ctx, SZ_ERR_LIMIT, "more than %d nodes to share out", (int)MOST);
    w.n = TASKS + (int32_t)p->n_tasks + 2 * (int32_t)p->n_tensors;
    const bool ok = add_edges(&w, p) && index_edges(&w);
    while (ok && find_levels(&w)) block(&w);
    if (ok) find_host(&w);
    for (size_t i = 0; ok && i < p->n_tasks; i++) on_host[i] = w.level[TASKS + i] == 0;
    finish(&w);
    if (!ok) return sz_no_memory(ctx);
    *ret_cost = sz_cut_cost(p, on_host);
    if (isinf(*ret_cost))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "some node can run on neither processor");
    return SZ_OK;
}
