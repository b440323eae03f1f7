// SPDX-License-Identifier: Apache-2.0
#include "calibrate/turn.h"

#include <math.h>

#include "calibrate/observe.h"

static const double SLOWED = 1.12;

static bool is_named(const json_t *record, const char *spec, size_t len) {
    const char *name = json_string_value(json_object_get(record, "case"));
    return name && strlen(name) == len && strncmp(name, spec, len) == 0;
}

// -1 = the reference, SZ_TURN_NETS = none.
static int place_of(const sz_turn *t, const json_t *record) {
    const char *spec = t->lines + strlen("lines:");
    for (int i = -1; i < SZ_TURN_NETS; i++) {
        const size_t len = strcspn(spec, "\n");
        if (len > 0 && is_named(record, spec, len)) return i;
        spec += len + (spec[len] == '\n');
    }
    return SZ_TURN_NETS;
}

static double quickness(const json_t *record) {
    const double s = sz_observed_quick_s(record);
    return s > 0 ? s : INFINITY;
}

void sz_turn_begin_visit(sz_turn *t) { t->reference_now_s = INFINITY; }

void sz_turn_take(sz_turn *t, json_t *record) {
    const int i = place_of(t, record);
    if (i < 0)
        t->reference_now_s = quickness(record);
    else if (i < SZ_TURN_NETS && !t->now[i])
        t->now[i] = json_incref(record);
}

static json_t *time_of(const json_t *record) { return json_object_get(record, "time"); }

// What people see is no better in the quickest visit than in the others.
static void add_median(sz_turn *t, int i, const json_t *record) {
    const double median = json_number_value(json_object_get(time_of(record), "median_s"));
    if (median > 0) t->medians[i] += log(median), t->seen[i]++;
}

void sz_turn_end_visit(sz_turn *t) {
    for (int i = 0; i < SZ_TURN_NETS; i++) {
        json_t *now = t->now[i], *best = t->best[i];
        t->now[i] = NULL;
        if (!now) continue;
        add_median(t, i, now);
        if (best && quickness(best) <= quickness(now)) {
            json_decref(now);
            continue;
        }
        json_decref(best);
        t->best[i] = now, t->reference_s[i] = t->reference_now_s;
    }
}

bool sz_turn_met_strangers(const sz_turn *t, int i, double usual_s) {
    return t->reference_s[i] > SLOWED * usual_s;
}

bool sz_turn_is_slowed(const sz_turn *t, double usual_s) {
    int slowed = 0, n = 0;
    for (int i = 0; i < SZ_TURN_NETS; i++) {
        if (!t->best[i]) continue;
        slowed += sz_turn_met_strangers(t, i, usual_s);
        n++;
    }
    return 2 * slowed > n;
}

json_t *sz_turn_give(sz_turn *t, int i) {
    json_t *record = t->best[i];
    if (record && t->seen[i] > 0)
        json_object_set_new(time_of(record), "median_s",
                            json_real(exp(t->medians[i] / t->seen[i])));
    t->best[i] = NULL, t->medians[i] = 0, t->seen[i] = 0;
    return record;
}

void sz_turn_finish(sz_turn *t) {
    for (int i = 0; i < SZ_TURN_NETS; i++) {
        json_decref(t->best[i]);
        json_decref(t->now[i]);
    }
}
