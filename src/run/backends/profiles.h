// SPDX-License-Identifier: Apache-2.0
// Times of layers over runs that were looked at layer by layer, and which of these runs to believe.
//
// Medians of single layers would leave out what disturbs each run at another place, and add up to
// less than any run took. So runs are chosen whole, by how long they took: the middle third tells
// what is usual, the quickest quarter what a layer takes when nobody else disturbs.
#ifndef SZ_PROFILES_H
#define SZ_PROFILES_H

#include "base/base.h"

enum { SZ_PROFILES = 64 }; // the last runs are kept

typedef struct sz_profiled_run {
    double time_s;
    int at; // where its layers' times lie
} sz_profiled_run;

typedef struct sz_profiles {
    double *times_s; // [layer][run % SZ_PROFILES]
    size_t n_layers;
    double run_s[SZ_PROFILES];
    int64_t runs, sorted;               // so far; when `order` was made
    sz_profiled_run order[SZ_PROFILES]; // the quickest first
    int n;
} sz_profiles;

sz_status sz_profiles_init(sz_ctx *ctx, sz_arena *arena, size_t n_layers, sz_profiles *p);
// A layer of the run that goes on; then its end, with the time of the whole run.
void sz_profiles_put(sz_profiles *p, size_t layer, double time_s);
void sz_profiles_end(sz_profiles *p, double run_s);
// Mean of a layer over the runs that are believed; NaN = there was no run.
double sz_profiles_usual(sz_profiles *p, size_t layer);
double sz_profiles_quick(sz_profiles *p, size_t layer);
// Mean time of the quickest quarter over that of all runs. 1 = there was no run.
double sz_profiles_quickness(sz_profiles *p);

#endif
