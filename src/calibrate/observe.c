// SPDX-License-Identifier: Apache-2.0
// What a layer did together is made a group of the graph, so that costs, roofline times and
// features of what ran are worked out like those of what a recipe says will run.
#include "calibrate/observe.h"

#include <math.h>

#include <sizeup/predict.h>

#include "machine/measure/stats.h"
#include "model/graph/model.h"
#include "model/graph/plan.h"
#include "model/passes/run.h"
#include "predict/calibrated_kernels.h"

typedef struct observer {
    sz_calibration *c;
    sz_graph *g;
    const json_t *layers;
    int32_t *layer_of; // per node, SZ_NONE = of none
    uint8_t *kinds;    // per layer, as the plan wants them
    sz_node_id *anchors;
    double *times_s; // per layer
} observer;

// ---- what nobody disturbed ----------------------------------------------------------------------

double sz_observed_quick_s(const json_t *record) {
    enum { MOST = 1000 }; // samples that the benchmark takes
    const json_t *samples = json_object_get(json_object_get(record, "time"), "samples_s");
    const size_t n = json_array_size(samples);
    double all[MOST];
    if (n == 0 || n > MOST) // made by hand
        return json_number_value(json_object_get(record, "layers_quick_s"));
    for (size_t i = 0; i < n; i++) all[i] = json_number_value(json_array_get(samples, i));
    sz_sort_values(all, n);
    return sz_quick_mean(all, n);
}

// ---- layers to groups --------------------------------------------------------------------------

static sz_node_id find_node(const sz_graph *g, const char *name) {
    for (size_t i = 0; i < g->nodes.n; i++)
        if (sz_str_is(g->nodes.items[i].name, name)) return (sz_node_id)i;
    return SZ_NONE;
}

// A layer that does part of a node is one with the other that does: the node takes the time of
// both. The last node names the group.
static void take_layer(observer *o, int32_t k) {
    const json_t *layer = json_array_get(o->layers, (size_t)k);
    const json_t *sources = json_object_get(layer, "sources");
    int32_t home = k;
    o->anchors[k] = SZ_NONE;
    for (size_t i = 0; i < json_array_size(sources) && home == k; i++) {
        const char *name = json_string_value(json_array_get(sources, i));
        const sz_node_id id = name ? find_node(o->g, name) : SZ_NONE;
        if (id != SZ_NONE && o->layer_of[id] != SZ_NONE) home = o->layer_of[id];
    }
    o->times_s[home] += json_number_value(json_object_get(layer, "quick_s"));
    for (size_t i = 0; i < json_array_size(sources); i++) {
        const char *name = json_string_value(json_array_get(sources, i));
        const sz_node_id id = name ? find_node(o->g, name) : SZ_NONE;
        if (id == SZ_NONE || o->layer_of[id] != SZ_NONE) continue;
        o->layer_of[id] = home;
        o->anchors[home] = id;
    }
}

static sz_status make_groups(observer *o) {
    const int32_t n = (int32_t)json_array_size(o->layers);
    for (size_t i = 0; i < o->g->nodes.n; i++) o->layer_of[i] = SZ_NONE;
    for (int32_t k = 0; k < n; k++) take_layer(o, k);
    return sz_plan_make(o->g, o->layer_of, o->kinds, o->anchors, n, NULL);
}

// ---- rows --------------------------------------------------------------------------------------

static double time_of(const observer *o, sz_node_id id) {
    return o->layer_of[id] == SZ_NONE ? 0 : o->times_s[o->layer_of[id]];
}

static const char *kernel_of(const observer *o, sz_node_id id) {
    const int32_t layer = o->layer_of[id];
    if (layer == SZ_NONE) return NULL;
    return json_string_value(
        json_object_get(json_array_get(o->layers, (size_t)layer), "kernel"));
}

static sz_status add_rows(observer *o, const sz_costs *costs, const sz_estimate *e, int32_t net) {
    const sz_around *around = sz_estimate_around(e);
    for (size_t i = 0; i < sz_estimate_node_count(e); i++) {
        const sz_node_time t = sz_estimate_node(e, i);
        const size_t row = sz_estimate_index(e, i);
        const sz_fetch fetch = sz_estimate_fetch(e, i);
        sz_features f;
        if (!sz_features_of(costs, row, &f)) continue;
        const sz_node_id id = costs->row_nodes ? costs->row_nodes[row] : (sz_node_id)row;
        const double time_s = time_of(o, id);
        sz_features_put_around(&f, t.compute_s, t.memory_s, fetch, around);
        SZ_TRY(sz_calibration_add_kernel(o->c, costs, row, kernel_of(o, id)));
        SZ_TRY(sz_calibration_add(o->c, &f, time_s, net));
        sz_features_any(costs, row, &f);
        sz_features_put_around(&f, t.compute_s, t.memory_s, fetch, around);
        SZ_TRY(sz_calibration_add(o->c, &f, time_s, net));
    }
    return SZ_OK;
}

static double sum_of_layers(const json_t *record) {
    const json_t *layers = json_object_get(record, "layers");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(layers); i++)
        sum += json_number_value(json_object_get(json_array_get(layers, i), "quick_s"));
    return sum;
}

static sz_status add_net(sz_calibration *c, const char *spec, const json_t *record,
                         int32_t *ret_net) {
    const json_t *time = json_object_get(record, "time");
    const sz_calibrated_net net = {
        .spec = sz_arena_strdup(&c->arena, spec, strlen(spec)),
        .whole_s = sz_observed_quick_s(record),
        .layers_s = sum_of_layers(record),
        .usual_s = json_number_value(json_object_get(time, "median_s")),
    };
    *ret_net = (int32_t)c->nets.n;
    return net.spec && sz_vec_push(c->ctx, &c->nets, net) ? SZ_OK : sz_no_memory(c->ctx);
}

static sz_status observe_model(observer *o, const sz_model *m, const char *spec,
                               const json_t *record) {
    const sz_predict_options how = {.level = "roofline", .threads = o->c->threads};
    sz_costs *costs = NULL;
    sz_estimate *e = NULL;
    int32_t net;
    SZ_TRY(make_groups(o));
    sz_status status = sz_costs_create(o->c->ctx, m, NULL, &costs);
    if (status == SZ_OK) status = sz_estimate_create(o->c->ctx, costs, o->c->machine, &how, &e);
    if (status == SZ_OK) status = add_net(o->c, spec, record, &net);
    if (status == SZ_OK) status = add_rows(o, costs, e, net);
    sz_estimate_destroy(e);
    sz_costs_destroy(costs);
    return status;
}

sz_status sz_observe(sz_calibration *c, const json_t *record) {
    const char *spec = json_string_value(json_object_get(record, "case"));
    observer o = {.c = c, .layers = json_object_get(record, "layers")};
    sz_model *m = NULL;
    if (!spec || json_array_size(o.layers) == 0) return SZ_OK;
    SZ_TRY(sz_model_load(c->ctx, spec, NULL, &m));
    o.g = m->graph;
    sz_status status = sz_passes_as_run(o.g, c->recipe, NULL);
    const size_t nodes = o.g->nodes.n + 1, layers = json_array_size(o.layers) + 1;
    o.layer_of = sz_alloc(c->ctx, nodes * sizeof *o.layer_of);
    o.kinds = sz_alloc(c->ctx, layers);
    o.anchors = sz_alloc(c->ctx, layers * sizeof *o.anchors);
    o.times_s = sz_alloc(c->ctx, layers * sizeof *o.times_s);
    if (status == SZ_OK && !(o.layer_of && o.kinds && o.anchors && o.times_s))
        status = sz_no_memory(c->ctx);
    if (status == SZ_OK) status = observe_model(&o, m, spec, record);
    sz_free(c->ctx, o.layer_of, nodes * sizeof *o.layer_of);
    sz_free(c->ctx, o.kinds, layers);
    sz_free(c->ctx, o.anchors, layers * sizeof *o.anchors);
    sz_free(c->ctx, o.times_s, layers * sizeof *o.times_s);
    sz_model_destroy(m);
    return status;
}
