// SPDX-License-Identifier: Apache-2.0
// What searches need of a space: its settings by number, in an order that is drawn, and which have
// been.
#ifndef SZ_EXPLORE_SETTINGS_H
#define SZ_EXPLORE_SETTINGS_H

#include "explore/explore.h"

// Most settings of a space that is searched.
#define SZ_SPACE_SEARCHED (INT64_C(1) << 62)

// Setting `number` of the full grid, 0 <= number < sz_space_size(), tidy; constraints are not
// looked at. `branches` of sz_settings_init.
typedef struct sz_settings {
    const sz_space *space;
    int64_t branches[SZ_SPACE_PARAMETERS]; // settings of a parameter and all that depend on it
} sz_settings;
// SZ_ERR_LIMIT: the space has more than SZ_SPACE_SEARCHED.
sz_status sz_settings_init(sz_ctx *ctx, sz_settings *s, const sz_space *space);
void sz_settings_at(const sz_settings *s, int64_t number, uint32_t *ret_setting);

// Where a setting stands among all combinations of values, in the order of the grid: a number below
// `n`. With a parameter left out, settings that differ in that one only stand at the same place.
typedef struct sz_places {
    size_t n, parameters;
    size_t strides[SZ_SPACE_PARAMETERS];
} sz_places;
// `without` SIZE_MAX: none is left out. false: there are more places than `most`.
bool sz_places_init(sz_places *p, const sz_space *space, size_t without, size_t most);
static inline size_t sz_place_of(const sz_places *p, const uint32_t *setting) {
    size_t place = 0;
    for (size_t i = 0; i < p->parameters; i++) place += setting[i] * p->strides[i];
    return place;
}
// Tables by place are faster than hashes and sorting where they have few rows that nobody uses.
static inline size_t sz_places_most(size_t n_points) { return 4 * n_points + 1024; }

// The numbers 0 .. size-1 in an order drawn by the seed, each once, in no memory: a Feistel network
// over the next power of four, walked until it falls inside (Black and Rogaway 2002).
int64_t sz_shuffled(int64_t size, uint64_t seed, int64_t i);

// Settings that have been, by a hash of 64 bits: of a million, two are taken for the same with a
// chance of 3e-8. Open addressing; 0 = empty.
typedef struct sz_seen {
    sz_ctx *ctx;
    uint64_t *slots;
    size_t cap, n;
} sz_seen;
void sz_seen_init(sz_seen *s, sz_ctx *ctx);
void sz_seen_finish(sz_seen *s);
// *ret_new: it has not been; from now on it has.
sz_status sz_seen_take(sz_seen *s, const sz_space *space, const uint32_t *setting, bool *ret_new);

#endif
