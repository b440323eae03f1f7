// SPDX-License-Identifier: Apache-2.0
// The full grid, and why it may be empty.
#include "explore/explore.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct grid {
    const sz_space *space;
    uint32_t digits[SZ_SPACE_PARAMETERS];
    bool is_done;
} grid;

static int next(void *self, uint32_t *ret_setting) {
    grid *g = self;
    while (!g->is_done) {
        const bool allowed = sz_space_allows(g->space, g->digits);
        if (allowed) memcpy(ret_setting, g->digits, g->space->n_parameters * sizeof *ret_setting);
        g->is_done = !sz_space_step(g->space, g->digits);
        if (allowed) return 1;
    }
    return 0;
}

static void release(void *self) {
    const grid *g = self;
    sz_free(g->space->ctx, self, sizeof *g);
}

sz_status sz_search_grid(sz_ctx *ctx, const sz_space *space, const sz_search_options *options,
                         sz_proposer *ret_proposer) {
    (void)options;
    if (sz_space_size(space) > SZ_SPACE_SWEPT)
        return sz_fail(ctx, SZ_ERR_LIMIT,
                       "the space has %s%" PRId64 " settings, and a sweep visits at most %" PRId64
                       ": give fewer values, or choose them by --search",
                       sz_space_size(space) == INT64_MAX ? "more than " : "", sz_space_size(space),
                       SZ_SPACE_SWEPT);
    grid *g = sz_alloc(space->ctx, sizeof *g);
    if (!g) return sz_no_memory(ctx);
    g->space = space;
    *ret_proposer = (sz_proposer){.self = g, .next = next, .release = release};
    return SZ_OK;
}

// ---- the table ---------------------------------------------------------------------------------

static const struct search_row {
    const char *name, *what;
    sz_search *make;
} searches[] = {
#define SEARCH(name, function, what) {name, what, function},
#include "explore/searches.def"
#undef SEARCH
};
enum { N_SEARCHES = sizeof searches / sizeof *searches };

int sz_list_search(size_t i, sz_search_row *ret_row) {
    if (i >= N_SEARCHES) return 0;
    *ret_row = (sz_search_row){searches[i].name, searches[i].what};
    return 1;
}

sz_status sz_search_create(sz_ctx *ctx, const char *name, const sz_space *space,
                           const sz_search_options *options, sz_proposer *ret_proposer) {
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < N_SEARCHES; i++) {
        if (strcmp(searches[i].name, name) == 0)
            return searches[i].make(ctx, space, options, ret_proposer);
        const int more = snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                  searches[i].name);
        if (more > 0 && used + (size_t)more < sizeof names) used += (size_t)more;
    }
    return sz_fail(ctx, SZ_ERR_USAGE, "there is no search '%s'; there are %s", name, names);
}

// ---- why it is empty ---------------------------------------------------------------------------

// Which constraints hold at some setting, alone and two by two.
typedef struct census {
    int64_t alone[SZ_SPACE_CONSTRAINTS];
    uint32_t with[SZ_SPACE_CONSTRAINTS]; // bit j: some setting has i and j
    bool any;
} census;

static void take(const sz_space *s, const uint32_t *setting, census *c) {
    uint32_t holds = 0;
    for (size_t i = 0; i < s->n_constraints; i++)
        if (sz_expression_holds(&s->constraints[i].expression, s, setting))
            holds |= UINT32_C(1) << i;
    for (size_t i = 0; i < s->n_constraints; i++)
        if (holds >> i & 1) c->alone[i]++, c->with[i] |= holds;
    const uint32_t all = s->n_constraints == 32 ? UINT32_MAX
                                                : (UINT32_C(1) << s->n_constraints) - 1;
    c->any = c->any || holds == all;
}

static sz_status tell(sz_ctx *ctx, const sz_space *s, const census *c) {
    for (size_t i = 0; i < s->n_constraints; i++)
        if (c->alone[i] == 0)
            return sz_fail(ctx, SZ_ERR_INPUT,
                           "constraint '%s' holds in none of the %" PRId64
                           " settings: loosen it, or give other values",
                           s->constraints[i].text, s->size);
    for (size_t i = 0; i < s->n_constraints; i++)
        for (size_t j = i + 1; j < s->n_constraints; j++)
            if (!(c->with[i] >> j & 1))
                return sz_fail(ctx, SZ_ERR_INPUT,
                               "constraints '%s' and '%s' contradict each other: each holds in "
                               "some of the %" PRId64 " settings, both in none",
                               s->constraints[i].text, s->constraints[j].text, s->size);
    return sz_fail(ctx, SZ_ERR_INPUT,
                   "the %zu constraints together hold in none of the %" PRId64
                   " settings, though any two of them do in some",
                   s->n_constraints, s->size);
}

sz_status sz_space_explain(sz_ctx *ctx, const sz_space *s) {
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0};
    census c = {.any = false};
    if (s->size > SZ_SPACE_SWEPT) return SZ_OK; // nobody knows
    do take(s, digits, &c);
    while (!c.any && sz_space_step(s, digits));
    return c.any ? SZ_OK : tell(ctx, s, &c);
}
