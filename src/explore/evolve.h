// SPDX-License-Identifier: Apache-2.0
// A search for the front of up to three objectives that are to be small, on the settings of a
// space: NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002) in its steady-state form, which takes
// turns with a Pareto local search (Paquete, Chiarandini and Stuetzle 2004). One setting is
// proposed at a time, none twice; the outcome of each is told when it is known, in any order. The
// same seed and outcomes give the same settings.
#ifndef SZ_EXPLORE_EVOLVE_H
#define SZ_EXPLORE_EVOLVE_H

#include "explore/hypervolume.h"
#include "explore/settings.h"

typedef struct sz_evolve sz_evolve;

// The space outlives it. The first settings are those of a low-discrepancy sequence.
sz_status sz_evolve_create(sz_ctx *ctx, const sz_space *space, size_t n_objectives, uint64_t seed,
                           sz_evolve **ret_evolve);
void sz_evolve_destroy(sz_evolve *e); // NULL is fine

// *ret_any false: all allowed settings were proposed.
sz_status sz_evolve_next(sz_evolve *e, uint32_t *ret_setting, bool *ret_any);
// An objective that is not known is NaN: the setting is no parent.
sz_status sz_evolve_told(sz_evolve *e, const uint32_t *setting, const double *objectives);

#endif
