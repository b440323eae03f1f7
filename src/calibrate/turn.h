// SPDX-License-Identifier: Apache-2.0
// Nets that are measured together, several times: of each the record of its quickest visit stays.
#ifndef SZ_CALIBRATE_TURN_H
#define SZ_CALIBRATE_TURN_H

#include "base/base.h"

#include <jansson.h>

enum { SZ_TURN_NETS = 7 };

// Zeroed: no visit yet.
typedef struct sz_turn {
    // "lines:", then a net in each line; the first is the reference, which is in all turns
    char lines[(SZ_TURN_NETS + 1) * 256];
    int sort_of[SZ_TURN_NETS];
    json_t *now[SZ_TURN_NETS];        // records of this visit
    json_t *best[SZ_TURN_NETS];       // of the quickest one; NULL = none yet
    double medians[SZ_TURN_NETS];     // sums of logarithms of the medians of all visits
    int seen[SZ_TURN_NETS];           // visits in which the net was timed
    double reference_s[SZ_TURN_NETS]; // of the reference in the visit of the best
    double reference_now_s;           // in this visit; infinite = not timed
} sz_turn;

void sz_turn_begin_visit(sz_turn *t);
// A record of this visit. It finds its place by the name of its case; one of no net of the turn, or
// a second one, is not held.
void sz_turn_take(sz_turn *t, json_t *record);
void sz_turn_end_visit(sz_turn *t);

// Was the reference slowed in the quickest visit of net i? `usual_s` is what it takes when nobody
// disturbs.
bool sz_turn_met_strangers(const sz_turn *t, int i, double usual_s);
// In those of most of the nets that were timed?
bool sz_turn_is_slowed(const sz_turn *t, double usual_s);

// The record of the quickest visit, with the median of all visits, their geometric mean; the
// caller's, NULL = none. The net is as before its first visit.
json_t *sz_turn_give(sz_turn *t, int i);
void sz_turn_finish(sz_turn *t);

#endif
