// SPDX-License-Identifier: Apache-2.0
#include "explore/groups.h"

#include "base/splitmix.h"
#include "explore/settings.h"

#include <math.h>

// A setting without one parameter as 128 bits of two hash functions: among 10^7 settings two that
// differ agree with a chance below 10^-24.
typedef struct slot {
    uint64_t a, b;
    uint32_t group; // + 1; 0 = free
} slot;

static void hash(const sz_space *s, const uint32_t *setting, size_t parameter, slot *ret) {
    uint64_t a = UINT64_C(0x243f6a8885a308d3), b = UINT64_C(0x13198a2e03707344);
    for (size_t i = 0; i < s->n_parameters; i++) {
        const uint64_t v = i == parameter ? 0 : setting[i] + UINT64_C(1);
        a ^= v, b ^= v;
        a = sz_splitmix(&a);
        b = sz_splitmix(&b) * UINT64_C(0x9fb21c651e98df25);
        b ^= b >> 29;
    }
    ret->a = a, ret->b = b;
}

static uint32_t group_of(slot *table, size_t mask, const slot *key, uint32_t *n) {
    size_t at = key->a & mask;
    while (table[at].group && (table[at].a != key->a || table[at].b != key->b))
        at = (at + 1) & mask;
    if (!table[at].group) {
        table[at] = *key;
        table[at].group = ++*n;
    }
    return table[at].group - 1;
}

// Both find a group for each point that counts: those are marked in `of` that do not.
static bool by_hash(sz_ctx *ctx, const sz_points *points, size_t parameter, sz_groups *g) {
    const sz_space *s = sz_points_space(points);
    size_t slots = 64;
    while (slots < 2 * g->n_points) slots *= 2;
    slot *table = sz_alloc(ctx, slots * sizeof *table);
    for (size_t i = 0; table && i < g->n_points; i++) {
        slot key = {0};
        if (g->of[i] == SZ_NO_GROUP) continue;
        hash(s, sz_points_setting(points, i), parameter, &key);
        g->of[i] = group_of(table, slots - 1, &key, &g->n);
    }
    sz_free(ctx, table, table ? slots * sizeof *table : 0);
    return table != NULL;
}

static bool by_place(sz_ctx *ctx, const sz_points *points, const sz_places *places, sz_groups *g) {
    uint32_t *table = sz_alloc(ctx, places->n * sizeof *table); // group + 1; 0 = none yet
    for (size_t i = 0; table && i < g->n_points; i++) {
        if (g->of[i] == SZ_NO_GROUP) continue;
        uint32_t *group = &table[sz_place_of(places, sz_points_setting(points, i))];
        if (!*group) *group = ++g->n;
        g->of[i] = *group - 1;
    }
    sz_free(ctx, table, table ? places->n * sizeof *table : 0);
    return table != NULL;
}

sz_status sz_groups_find(sz_ctx *ctx, const sz_points *points, size_t parameter, size_t metric,
                         sz_groups *ret) {
    const size_t n = sz_points_count(points);
    sz_groups g = {.n_points = n};
    sz_places places;
    g.of = sz_alloc(ctx, (n + 1) * sizeof *g.of);
    for (size_t i = 0; g.of && i < n; i++)
        if (sz_points_why(points, i) || isnan(sz_points_value(points, i, metric)))
            g.of[i] = SZ_NO_GROUP;
    const bool few = sz_places_init(&places, sz_points_space(points), parameter,
                                    sz_places_most(n));
    const bool ok = g.of && (few ? by_place(ctx, points, &places, &g)
                                 : by_hash(ctx, points, parameter, &g));
    if (!ok) sz_groups_finish(ctx, &g);
    if (ok) *ret = g;
    return ok ? SZ_OK : sz_no_memory(ctx);
}

void sz_groups_finish(sz_ctx *ctx, sz_groups *g) {
    if (g->of) sz_free(ctx, g->of, (g->n_points + 1) * sizeof *g->of);
    *g = (sz_groups){0};
}
