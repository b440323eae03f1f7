// SPDX-License-Identifier: Apache-2.0
#include "explore/evolve.h"

#include <math.h>

#include "base/splitmix.h"
#include "explore/spread.h"

// PARENTS: as many as are kept beside a front that is smaller. FIRST: drawn before any child.
enum { PARENTS = 48, FIRST = 16, TRIES = 24 };

typedef struct parent {
    double y[SZ_MOST_OBJECTIVES];
    double room; // crowding distance
    uint32_t rank;
    uint32_t at;     // its setting, by its place among those that were kept
    uint32_t looked; // neighbours of it that were looked at
} parent;

struct sz_evolve {
    sz_ctx *ctx;
    const sz_space *space;
    size_t n, m, n_first; // parameters, objectives
    uint32_t n_told;
    uint64_t random;
    sz_seen seen;
    sz_spread spread;
    SZ_VEC(uint32_t) settings; // n of each parent that ever was
    SZ_VEC(parent) parents;
    uint32_t child[SZ_SPACE_PARAMETERS];
    uint32_t order[PARENTS + 1]; // places of parents, sorted
    bool local;                  // whose turn it is
};

static uint32_t below(sz_evolve *e, uint32_t n) {
    return (uint32_t)((sz_splitmix(&e->random) >> 32) * n >> 32);
}

sz_status sz_evolve_create(sz_ctx *ctx, const sz_space *space, size_t n_objectives, uint64_t seed,
                           sz_evolve **ret_evolve) {
    sz_evolve *e = sz_alloc(ctx, sizeof *e);
    if (!e) return sz_no_memory(ctx);
    *e = (sz_evolve){.ctx = ctx, .space = space, .m = n_objectives, .random = seed};
    e->n = sz_space_parameters(space);
    sz_seen_init(&e->seen, ctx);
    e->spread = (sz_spread){.seed = seed, .seen = &e->seen};
    const sz_status status = sz_settings_init(ctx, &e->spread.settings, space);
    if (status != SZ_OK) {
        sz_evolve_destroy(e);
        return status;
    }
    *ret_evolve = e;
    return SZ_OK;
}

void sz_evolve_destroy(sz_evolve *e) {
    if (!e) return;
    sz_ctx *ctx = e->ctx;
    sz_seen_finish(&e->seen);
    sz_vec_finish(ctx, &e->settings);
    sz_vec_finish(ctx, &e->parents);
    sz_free(ctx, e, sizeof *e);
}

// ---- who stays ---------------------------------------------------------------------------------

static bool dominates(const sz_evolve *e, const parent *a, const parent *b) {
    bool better = false;
    for (size_t k = 0; k < e->m; k++) {
        if (a->y[k] > b->y[k]) return false;
        better |= a->y[k] < b->y[k];
    }
    return better;
}

// Ranks by counting fronts from the best one inwards: who is dominated by nobody of what is left.
static void rank_all(sz_evolve *e) {
    parent *p = e->parents.items;
    size_t left = e->parents.n;
    for (size_t i = 0; i < e->parents.n; i++) p[i].rank = UINT32_MAX;
    for (uint32_t rank = 0; left > 0; rank++) {
        for (size_t i = 0; i < e->parents.n; i++) {
            bool beaten = p[i].rank < rank;
            for (size_t j = 0; j < e->parents.n && !beaten; j++)
                beaten = p[j].rank >= rank && dominates(e, &p[j], &p[i]);
            if (!beaten) p[i].rank = rank, left--;
        }
    }
}

// Parents of a rank in the order of an objective: their places in e->order.
static size_t sort_rank(sz_evolve *e, uint32_t rank, size_t k) {
    const parent *p = e->parents.items;
    size_t n = 0;
    for (size_t i = 0; i < e->parents.n; i++) {
        if (p[i].rank != rank) continue;
        size_t at = n++;
        for (; at > 0 && p[e->order[at - 1]].y[k] > p[i].y[k]; at--)
            e->order[at] = e->order[at - 1];
        e->order[at] = (uint32_t)i;
    }
    return n;
}

// Crowding distance: the ends of a front have all the room there is.
static void make_room(sz_evolve *e, uint32_t rank, size_t k) {
    parent *p = e->parents.items;
    const size_t n = sort_rank(e, rank, k);
    if (n == 0) return;
    const double low = p[e->order[0]].y[k], range = p[e->order[n - 1]].y[k] - low;
    p[e->order[0]].room = p[e->order[n - 1]].room = INFINITY;
    for (size_t i = 1; i + 1 < n && range > 0; i++)
        p[e->order[i]].room += (p[e->order[i + 1]].y[k] - p[e->order[i - 1]].y[k]) / range;
}

static bool is_worse(const parent *a, const parent *b) {
    return a->rank != b->rank ? a->rank > b->rank : a->room < b->room;
}

// The last in rank with the least room goes.
static void drop_worst(sz_evolve *e) {
    parent *p = e->parents.items;
    size_t worst = 0;
    for (size_t i = 1; i < e->parents.n; i++)
        if (is_worse(&p[i], &p[worst])) worst = i;
    p[worst] = p[--e->parents.n];
}

static void settle(sz_evolve *e) {
    parent *p = e->parents.items;
    uint32_t ranks = 0;
    rank_all(e);
    for (size_t i = 0; i < e->parents.n; i++) {
        p[i].room = 0;
        if (p[i].rank >= ranks) ranks = p[i].rank + 1;
    }
    for (uint32_t rank = 0; rank < ranks; rank++)
        for (size_t k = 0; k < e->m; k++) make_room(e, rank, k);
    if (e->parents.n > PARENTS) drop_worst(e);
}

sz_status sz_evolve_told(sz_evolve *e, const uint32_t *setting, const double *objectives) {
    parent one = {.at = e->n_told};
    for (size_t k = 0; k < e->m; k++) {
        if (!isfinite(objectives[k])) return SZ_OK;
        one.y[k] = objectives[k];
    }
    for (size_t i = 0; i < e->n; i++)
        if (!sz_vec_push(e->ctx, &e->settings, setting[i])) return sz_no_memory(e->ctx);
    if (!sz_vec_push(e->ctx, &e->parents, one)) return sz_no_memory(e->ctx);
    e->n_told++;
    settle(e);
    return SZ_OK;
}

// ---- children ----------------------------------------------------------------------------------

static const uint32_t *setting_of(const sz_evolve *e, const parent *p) {
    return e->settings.items + (size_t)p->at * e->n;
}

// New and allowed: it is marked as given.
static sz_status take_child(sz_evolve *e, bool *ret_taken) {
    sz_space_tidy(e->space, e->child);
    *ret_taken = sz_space_allows(e->space, e->child);
    return *ret_taken ? sz_seen_take(&e->seen, e->space, e->child, ret_taken) : SZ_OK;
}

static const parent *choose_parent(sz_evolve *e) {
    const uint32_t n = (uint32_t)e->parents.n;
    const parent *a = &e->parents.items[below(e, n)], *b = &e->parents.items[below(e, n)];
    return is_worse(a, b) ? b : a;
}

// Near values are more likely to be good ones than far values; a parameter of words has no order,
// so half of the changes go anywhere.
static void change(sz_evolve *e, size_t k) {
    const uint32_t n = e->space->parameters[k].n, now = e->child[k];
    if (n < 2) return;
    if (below(e, 2))
        e->child[k] = (now + 1 + below(e, n - 1)) % n;
    else if (now == 0 || (now + 1 < n && below(e, 2)))
        e->child[k] = now + 1;
    else
        e->child[k] = now - 1;
}

// Of two parents, each parameter by lot; then one change at least.
static void breed(sz_evolve *e) {
    const uint32_t *a = setting_of(e, choose_parent(e)), *b = setting_of(e, choose_parent(e));
    for (size_t k = 0; k < e->n; k++) e->child[k] = below(e, 2) ? a[k] : b[k];
    for (size_t k = 0; k < e->n; k++)
        if (below(e, (uint32_t)e->n) == 0) change(e, k);
}

static sz_status breed_one(sz_evolve *e, bool *ret_taken) {
    *ret_taken = false;
    for (int i = 0; i < TRIES && !*ret_taken; i++) {
        breed(e);
        if (i >= TRIES / 2) change(e, below(e, (uint32_t)e->n));
        SZ_TRY(take_child(e, ret_taken));
    }
    return SZ_OK;
}

// Neighbours of a setting: one parameter by one step, down and up.
static bool step(sz_evolve *e, const uint32_t *from, uint32_t which) {
    const size_t k = which / 2;
    memcpy(e->child, from, e->n * sizeof *from);
    if (which % 2 ? from[k] + 1 >= e->space->parameters[k].n : from[k] == 0) return false;
    e->child[k] += which % 2 ? 1 : (uint32_t)-1;
    return true;
}

// The next neighbour of a member of the front that was not given yet, where the front has most
// room.
static sz_status step_one(sz_evolve *e, bool *ret_taken) {
    const uint32_t all = 2 * (uint32_t)e->n;
    *ret_taken = false;
    for (;;) {
        parent *best = NULL;
        for (size_t i = 0; i < e->parents.n; i++) {
            parent *p = &e->parents.items[i];
            if (p->rank == 0 && p->looked < all && (!best || p->room > best->room)) best = p;
        }
        if (!best) return SZ_OK;
        // From a place of its own in each, so that not all take the same step first.
        const uint32_t from = best->at * 7;
        while (best->looked < all) {
            if (!step(e, setting_of(e, best), (from + best->looked++) % all)) continue;
            SZ_TRY(take_child(e, ret_taken));
            if (*ret_taken) return SZ_OK;
        }
    }
}

static void give(const sz_evolve *e, uint32_t *ret_setting) {
    memcpy(ret_setting, e->child, e->n * sizeof *ret_setting);
}

sz_status sz_evolve_next(sz_evolve *e, uint32_t *ret_setting, bool *ret_any) {
    *ret_any = false;
    if (e->n_first >= FIRST && e->parents.n > 0) {
        e->local = !e->local;
        if (e->local) SZ_TRY(step_one(e, ret_any));
        if (!*ret_any) SZ_TRY(breed_one(e, ret_any));
        if (*ret_any) {
            give(e, ret_setting);
            return SZ_OK;
        }
    }
    e->n_first++;
    return sz_spread_next(&e->spread, ret_setting, ret_any);
}
