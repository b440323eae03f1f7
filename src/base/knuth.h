// SPDX-License-Identifier: Apache-2.0
// Knuth's MMIX generator, The Art of Computer Programming 2, 3rd ed., 3.3.4: for what was made with
// it and must stay as it was. Only its high bits are random. The state is any number.
#ifndef SZ_KNUTH_H
#define SZ_KNUTH_H

#include <stdint.h>

static inline uint64_t sz_knuth(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state;
}

#endif
