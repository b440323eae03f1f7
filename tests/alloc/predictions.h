// SPDX-License-Identifier: Apache-2.0
// Scenarios with predictions.
#ifndef SZ_TEST_ALLOC_PREDICTIONS_H
#define SZ_TEST_ALLOC_PREDICTIONS_H

#include <sizeup/predict.h>

#include "alloc/run.h"

static void put_estimate(run *r, const sz_estimate *e) {
    const sz_prediction t = sz_estimate_total(e);
    const double seconds[] = {t.time_s, t.time_lo_s, t.time_hi_s, t.communication_s,
                              t.best_split_s};
    put(r, seconds, sizeof seconds);
    for (size_t i = 0; i < sz_estimate_node_count(e); i++) {
        const sz_node_time n = sz_estimate_node(e, i);
        put(r, &n.time_s, sizeof n.time_s);
        put(r, n.device, strlen(n.device));
    }
    for (size_t i = 0; i < sz_estimate_fallback_count(e); i++) {
        const sz_fallback f = sz_estimate_fallback(e, i);
        put(r, f.why, strlen(f.why));
        put(r, &f.transfer_s, sizeof f.transfer_s);
    }
    for (size_t i = 0; i < sz_estimate_assumption_count(e); i++) {
        const sz_assumption a = sz_estimate_assumption(e, i);
        put(r, a.text, strlen(a.text));
    }
}

// A graph as text, on the machine of the option.
static void predict_graph(run *r, const scenario *s) {
    const sz_predict_options options = {.dtype = "int8", .split = "best"};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    sz_machine *machine = NULL;
    sz_estimate *e = NULL;
    if (succeeds(r, sz_model_parse(r->ctx, s->model, NULL, &model)) &&
        succeeds(r, sz_costs_create(r->ctx, model, NULL, &costs)) &&
        succeeds(r, sz_machine_load(r->ctx, s->option, NULL, &machine)) &&
        succeeds(r, sz_estimate_create(r->ctx, costs, machine, &options, &e)))
        put_estimate(r, e);
    sz_estimate_destroy(e);
    sz_machine_destroy(machine);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
}

#endif
