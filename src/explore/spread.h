// SPDX-License-Identifier: Apache-2.0
// Allowed settings of a space one by one, none twice, until all were given: in an order that is
// drawn, or by a low-discrepancy sequence, which covers each axis evenly however soon it is ended.
#ifndef SZ_EXPLORE_SPREAD_H
#define SZ_EXPLORE_SPREAD_H

#include "explore/settings.h"

typedef struct sz_spread {
    sz_settings settings;
    uint64_t seed;
    sz_seen *seen; // NULL = no sequence; what is in it is left out, what is given goes into it
    uint32_t drawn;
    int64_t walked;  // of the shuffled grid
    uint32_t misses; // in a row
} sz_spread;

// *ret_any false: there are no more, or nothing that is allowed came in SZ_SPACE_SWEPT settings.
sz_status sz_spread_next(sz_spread *s, uint32_t *ret_setting, bool *ret_any);

#endif
