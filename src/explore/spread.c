// SPDX-License-Identifier: Apache-2.0
#include "explore/spread.h"

#include "base/splitmix.h"
#include "explore/sobol.h"

// A sequence that hits nothing new so often has found most of a small grid: the rest is walked.
enum { ENOUGH_MISSES = 64 };

// Digits are shifted by the seed (a random digital shift, as in Owen 1995), which keeps them even.
// Axes beyond those of the sequence are drawn.
static uint32_t coordinate(const sz_spread *s, size_t axis, uint32_t i) {
    uint64_t state = s->seed + axis * UINT64_C(0x2545f4914f6cdd1d);
    const uint32_t shift = (uint32_t)(sz_splitmix(&state) >> 32);
    if (axis < SZ_SOBOL_DIMENSIONS) return sz_sobol(axis, i) ^ shift;
    state += i;
    return (uint32_t)(sz_splitmix(&state) >> 32);
}

// Parameters with one value need no axis.
static void draw(const sz_spread *s, uint32_t i, uint32_t *ret_setting) {
    const sz_space *space = s->settings.space;
    size_t axis = 0;
    for (size_t k = 0; k < space->n_parameters; k++) {
        const uint32_t n = space->parameters[k].n;
        ret_setting[k] = n > 1 ? (uint32_t)((uint64_t)coordinate(s, axis++, i) * n >> 32) : 0;
    }
    sz_space_tidy(space, ret_setting);
}

static sz_status take(const sz_spread *s, const uint32_t *setting, bool *ret_new) {
    const sz_space *space = s->settings.space;
    *ret_new = sz_space_allows(space, setting);
    return *ret_new && s->seen ? sz_seen_take(s->seen, space, setting, ret_new) : SZ_OK;
}

static sz_status walk(sz_spread *s, uint32_t *ret_setting, bool *ret_any) {
    const int64_t size = sz_space_size(s->settings.space);
    *ret_any = false;
    for (int64_t k = 0; k < SZ_SPACE_SWEPT && s->walked < size && !*ret_any; k++) {
        sz_settings_at(&s->settings, sz_shuffled(size, s->seed, s->walked++), ret_setting);
        SZ_TRY(take(s, ret_setting, ret_any));
    }
    return SZ_OK;
}

sz_status sz_spread_next(sz_spread *s, uint32_t *ret_setting, bool *ret_any) {
    while (s->seen && s->misses < ENOUGH_MISSES && s->drawn < UINT32_MAX) {
        draw(s, s->drawn++, ret_setting);
        SZ_TRY(take(s, ret_setting, ret_any));
        s->misses = *ret_any ? 0 : s->misses + 1;
        if (*ret_any) return SZ_OK;
    }
    return walk(s, ret_setting, ret_any);
}
