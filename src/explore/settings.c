// SPDX-License-Identifier: Apache-2.0
#include "explore/settings.h"

#include "base/splitmix.h"

// ---- by number ---------------------------------------------------------------------------------

// Settings of what exists with value v of p; what depends on it stands later in the order.
static bool count_with(const sz_settings *s, size_t place, uint32_t v, int64_t *ret_n) {
    const sz_space *space = s->space;
    const uint32_t p = space->order[place];
    int64_t n = 1;
    for (size_t k = place + 1; k < space->n_parameters; k++) {
        const sz_parameter *q = &space->parameters[space->order[k]];
        if (q->judge == (int32_t)p && q->serves[v] && !sz_mul(n, s->branches[space->order[k]], &n))
            return false;
    }
    *ret_n = n;
    return true;
}

static bool count_branch(sz_settings *s, size_t place) {
    const uint32_t p = s->space->order[place];
    int64_t sum = 0, with;
    for (uint32_t v = 0; v < s->space->parameters[p].n; v++)
        if (!count_with(s, place, v, &with) || !sz_add(sum, with, &sum)) return false;
    s->branches[p] = sum;
    return true;
}

sz_status sz_settings_init(sz_ctx *ctx, sz_settings *s, const sz_space *space) {
    bool fits = sz_space_size(space) <= SZ_SPACE_SEARCHED;
    *s = (sz_settings){.space = space};
    for (size_t i = space->n_parameters; i-- > 0 && fits;) fits = count_branch(s, i);
    if (fits) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_LIMIT,
                   "the space has more than 2^62 settings, too many to be numbered: give fewer "
                   "values");
}

// The value whose settings hold `number`, which becomes the number within them.
static uint32_t find_value(const sz_settings *s, size_t place, int64_t *number) {
    const sz_parameter *p = &s->space->parameters[s->space->order[place]];
    for (uint32_t v = 0; v + 1 < p->n; v++) {
        int64_t with = 1;
        if (!count_with(s, place, v, &with) || *number < with) return v;
        *number -= with;
    }
    return p->n - 1;
}

// Each parameter hands what is left of its own number to those that depend on it, one factor each.
void sz_settings_at(const sz_settings *s, int64_t number, uint32_t *ret_setting) {
    const sz_space *space = s->space;
    int64_t rest[SZ_SPACE_PARAMETERS]; // of a parameter, for what depends on it
    for (size_t i = 0; i < space->n_parameters; i++) {
        const uint32_t p = space->order[i];
        const int32_t judge = space->parameters[p].judge;
        const bool exists = judge < 0 ||
                            (rest[judge] >= 0 && space->parameters[p].serves[ret_setting[judge]]);
        ret_setting[p] = 0, rest[p] = -1;
        if (!exists) continue;
        int64_t *left = judge < 0 ? &number : &rest[judge];
        rest[p] = *left % s->branches[p];
        *left /= s->branches[p];
        ret_setting[p] = find_value(s, i, &rest[p]);
    }
}

// ---- by place ----------------------------------------------------------------------------------

bool sz_places_init(sz_places *p, const sz_space *space, size_t without, size_t most) {
    *p = (sz_places){.n = 1, .parameters = space->n_parameters};
    for (size_t i = space->n_parameters; i-- > 0;) {
        if (i == without) continue;
        p->strides[i] = p->n;
        if (space->parameters[i].n > most / p->n) return false;
        p->n *= space->parameters[i].n;
    }
    return true;
}

// ---- an order without repeats ------------------------------------------------------------------

static uint64_t round_of(uint64_t half, uint64_t seed, unsigned round) {
    uint64_t state = half ^ (seed + round * UINT64_C(0x9e3779b97f4a7c15));
    sz_splitmix(&state);
    return sz_splitmix(&state);
}

// Each round can be undone, so no two numbers meet.
static uint64_t mix(uint64_t x, unsigned bits, uint64_t seed) {
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t left = x >> bits, right = x & mask;
    for (unsigned round = 0; round < 6; round++) {
        const uint64_t next = left ^ (round_of(right, seed, round) & mask);
        left = right, right = next;
    }
    return left << bits | right;
}

int64_t sz_shuffled(int64_t size, uint64_t seed, int64_t i) {
    unsigned bits = 1; // of a half
    while (bits < 31 && (INT64_C(1) << (2 * bits)) < size) bits++;
    uint64_t x = (uint64_t)i;
    do x = mix(x, bits, seed);
    while (x >= (uint64_t)size);
    return (int64_t)x;
}

// ---- what has been -----------------------------------------------------------------------------

void sz_seen_init(sz_seen *s, sz_ctx *ctx) { *s = (sz_seen){.ctx = ctx}; }

void sz_seen_finish(sz_seen *s) {
    sz_free(s->ctx, s->slots, s->cap * sizeof *s->slots);
    *s = (sz_seen){.ctx = s->ctx};
}

static size_t slot_of(const sz_seen *s, uint64_t hash) {
    size_t at = (size_t)hash & (s->cap - 1);
    while (s->slots[at] && s->slots[at] != hash) at = (at + 1) & (s->cap - 1);
    return at;
}

static sz_status grow(sz_seen *s) {
    sz_seen more = {.ctx = s->ctx, .cap = s->cap ? 2 * s->cap : 64, .n = s->n};
    more.slots = sz_alloc(s->ctx, more.cap * sizeof *more.slots);
    if (!more.slots) return sz_no_memory(s->ctx);
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i]) more.slots[slot_of(&more, s->slots[i])] = s->slots[i];
    sz_seen_finish(s);
    *s = more;
    return SZ_OK;
}

static uint64_t hash_of(const sz_space *space, const uint32_t *setting) {
    uint64_t hash = 1;
    for (size_t i = 0; i < space->n_parameters; i++) {
        uint64_t state = hash ^ setting[i];
        hash = sz_splitmix(&state);
    }
    return hash ? hash : 1;
}

sz_status sz_seen_take(sz_seen *s, const sz_space *space, const uint32_t *setting, bool *ret_new) {
    if (2 * (s->n + 1) > s->cap) SZ_TRY(grow(s));
    const uint64_t hash = hash_of(space, setting);
    const size_t at = slot_of(s, hash);
    *ret_new = !s->slots[at];
    s->n += *ret_new;
    s->slots[at] = hash;
    return SZ_OK;
}
