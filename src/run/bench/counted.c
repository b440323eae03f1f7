// SPDX-License-Identifier: Apache-2.0
#include "run/bench/counted.h"

#include <math.h>

void sz_counted_init(sz_counted *c) { *c = (sz_counted){.share = 1}; }

void sz_counted_add(sz_counted *c, const sz_counters *counters, int64_t runs) {
    double now[SZ_COUNTERS];
    sz_counters_end(counters, now);
    const double share = sz_counters_share(counters);
    for (int i = 0; i < SZ_COUNTERS; i++) c->sums[i] += now[i];
    c->flops += sz_counters_flops(counters);
    if (share < c->share) c->share = share;
    c->runs += runs;
}

// What the processor counted as executed, and what the rules of counting say of it.
static void put_flops(const sz_counted *c, int64_t counted, sz_json *json) {
    const double executed = c->flops / (double)c->runs;
    sz_json_key_f64(json, "flops", executed);
    if (counted >= 0 && executed > 0)
        sz_json_key_f64(json, "counted_over_executed", (double)counted / executed);
}

static void put_missing(const sz_counted *c, const sz_counters *counters, sz_json *json) {
    sz_json_key_object(json, "why");
    for (int i = 0; i < SZ_COUNTERS; i++) {
        const char *why = sz_counter_why_not(counters, (sz_counter_id)i);
        if (c->runs > 0 && isfinite(c->sums[i])) continue;
        sz_json_key_str(json, sz_counter_name((size_t)i, NULL), why ? why : "it never ran");
    }
    if (c->runs == 0 || !isfinite(c->flops)) {
        const char *why = sz_counters_why_no_flops(counters);
        sz_json_key_str(json, "flops", why ? why : "it never ran");
    }
    sz_json_end_object(json);
}

void sz_counted_put(const sz_counted *c, const sz_counters *counters, int64_t counted,
                    sz_json *json) {
    const double runs = (double)c->runs;
    bool all = c->runs > 0 && isfinite(c->flops);
    sz_json_key_object(json, "counters");
    if (all) put_flops(c, counted, json);
    for (int i = 0; i < SZ_COUNTERS; i++) {
        if (c->runs > 0 && isfinite(c->sums[i]))
            sz_json_key_f64(json, sz_counter_name((size_t)i, NULL), c->sums[i] / runs);
        else
            all = false;
    }
    sz_json_key_i64(json, "runs", c->runs);
    sz_json_key_f64(json, "running_share", c->share);
    sz_json_key_bool(json, "multiplexed", c->share < 1);
    if (!all) put_missing(c, counters, json);
    sz_json_end_object(json);
}
