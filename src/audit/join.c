// SPDX-License-Identifier: Apache-2.0
// Layers and predicted kernels that do a node in common belong to one set; a set is a row.
#include "audit/audit.h"

#include <math.h>
#include <string.h>

#include "predict/calibrated_kernels.h"

// Items are the layers, then the kernels of the prediction.
typedef struct joiner {
    sz_audit *a;
    const json_t *layers;
    int32_t n_layers, n; // n: layers and kernels
    int32_t *parent;     // of a tree, whose root stands for the set
    int32_t *row_of;     // of a root, NOWHERE = none yet
    sz_map owner;        // node of the net -> an item that does it
    sz_map listed;       // nodes that are in the list of their row
} joiner;

enum { NOWHERE = -1 };

// ---- sets --------------------------------------------------------------------------------------

static int32_t root_of(joiner *j, int32_t i) {
    while (j->parent[i] != i) i = j->parent[i] = j->parent[j->parent[i]];
    return i;
}

static sz_status own(joiner *j, int32_t item, const char *node) {
    int32_t other;
    if (!*node) return SZ_OK;
    if (sz_map_get(&j->owner, sz_str_c(node), &other)) {
        j->parent[root_of(j, item)] = root_of(j, other);
        return SZ_OK;
    }
    return sz_map_put(&j->owner, sz_str_c(node), item);
}

static const json_t *sources_of(const joiner *j, int32_t layer) {
    return json_object_get(json_array_get(j->layers, (size_t)layer), "sources");
}

static sz_node_cost cost_of(const joiner *j, int32_t item) {
    return sz_costs_node(j->a->costs,
                         sz_estimate_index(j->a->estimate, (size_t)(item - j->n_layers)));
}

static sz_status own_all(joiner *j) {
    for (int32_t i = 0; i < j->n_layers; i++) {
        const json_t *sources = sources_of(j, i);
        for (size_t k = 0; k < json_array_size(sources); k++) {
            const char *name = json_string_value(json_array_get(sources, k));
            if (name) SZ_TRY(own(j, i, name));
        }
    }
    for (int32_t i = j->n_layers; i < j->n; i++) {
        const sz_node_cost n = cost_of(j, i);
        if (n.n_sources == 0) SZ_TRY(own(j, i, n.name));
        for (size_t k = 0; k < n.n_sources; k++) SZ_TRY(own(j, i, n.sources[k]));
    }
    return SZ_OK;
}

// ---- rows --------------------------------------------------------------------------------------

static sz_status find_row(joiner *j, int32_t item, sz_joint **ret_row) {
    const int32_t root = root_of(j, item);
    if (j->row_of[root] == NOWHERE) {
        const sz_joint fresh = {.row = {.of_roof = NAN}};
        j->row_of[root] = (int32_t)j->a->rows.n;
        if (!sz_vec_push(j->a->ctx, &j->a->rows, fresh)) return sz_no_memory(j->a->ctx);
    }
    *ret_row = &j->a->rows.items[j->row_of[root]];
    return SZ_OK;
}

// By the longest of its layers.
static void name_row(const sz_bench_layer *l, sz_joint *r) {
    if (r->row.layer && l->time_s <= r->longest_layer_s) return;
    r->longest_layer_s = l->time_s;
    r->row.layer = l->name, r->row.op = l->op, r->row.kernel = l->kernel;
}

static sz_status add_layer(joiner *j, int32_t i) {
    const sz_bench_layer l = sz_bench_set_layer(j->a->set, j->a->index, (size_t)i);
    sz_joint *r;
    if (isnan(l.time_s)) return SZ_OK;
    SZ_TRY(find_row(j, i, &r));
    name_row(&l, r);
    r->row.of_roof = r->row.layers++ ? NAN : l.of_roof;
    r->row.measured_s += l.time_s;
    if (l.why) r->refused = l.why, r->ran_by = l.backend;
    return SZ_OK;
}

static sz_status add_kernel(joiner *j, int32_t item) {
    const sz_node_time t = sz_estimate_node(j->a->estimate, (size_t)(item - j->n_layers));
    sz_joint *r;
    if (!(t.time_s > 0)) return SZ_OK; // it does nothing
    SZ_TRY(find_row(j, item, &r));
    if (!r->row.predicted || t.time_s > r->longest_kernel_s) {
        r->longest_kernel_s = t.time_s;
        r->row.predicted = t.name;
        if (!r->row.layer) r->row.op = t.op;
    }
    r->row.kernels++;
    r->row.predicted_s += t.time_s;
    r->row.lo_s += t.time_lo_s, r->row.hi_s += t.time_hi_s; // NaN stays NaN
    r->compute_s += t.compute_s;
    r->outside += t.outside;
    return SZ_OK;
}

// A layer and a kernel that were joined: did any net of the calibration run that one for its kind?
static void look_at_kernel(joiner *j, int32_t item) {
    const int32_t at = j->row_of[root_of(j, item)];
    sz_joint *r = at == NOWHERE ? NULL : &j->a->rows.items[at];
    if (!r || r->row.kernels != 1 || r->row.layers != 1 || !j->a->options.calibration) return;
    const size_t row = sz_estimate_index(j->a->estimate, (size_t)(item - j->n_layers));
    r->is_new_kernel = !sz_calibration_saw_kernel(j->a->options.calibration, j->a->costs, row,
                                                  r->row.kernel);
}

static void finish_row(sz_joint *r) {
    sz_audit_row *row = &r->row;
    if (row->kernels == 0) row->lo_s = row->hi_s = NAN;
    row->error_s = row->measured_s - row->predicted_s;
    row->in_interval = row->lo_s <= row->measured_s && row->measured_s <= row->hi_s;
    row->ratio = row->layers && row->kernels ? row->measured_s / row->predicted_s : NAN;
    if (row->kernels == 0) row->predicted_s = NAN;
    if (row->layers == 0) row->measured_s = NAN;
}

// ---- sources -----------------------------------------------------------------------------------

// A node of the net is in one row only, so that each is listed once.
static sz_status list(joiner *j, sz_joint *r, const char *node) {
    if (!node || !*node || sz_map_get(&j->listed, sz_str_c(node), NULL)) return SZ_OK;
    sz_audit_name *name = sz_arena_alloc(&j->a->arena, sizeof *name);
    if (!name) return sz_no_memory(j->a->ctx);
    name->text = node;
    if (r->last)
        r->last->next = name;
    else
        r->first = name;
    r->last = name;
    return sz_map_put(&j->listed, sz_str_c(node), 1);
}

static sz_status list_layer(joiner *j, int32_t item, sz_joint *r) {
    const json_t *sources = sources_of(j, item);
    for (size_t k = 0; k < json_array_size(sources); k++)
        SZ_TRY(list(j, r, json_string_value(json_array_get(sources, k))));
    return SZ_OK;
}

static sz_status list_kernel(joiner *j, int32_t item, sz_joint *r) {
    const sz_node_cost n = cost_of(j, item);
    if (n.n_sources == 0) return list(j, r, n.name);
    for (size_t k = 0; k < n.n_sources; k++) SZ_TRY(list(j, r, n.sources[k]));
    return SZ_OK;
}

// By the layers that ran, else by the prediction.
static sz_status list_all(joiner *j) {
    for (int32_t i = 0; i < j->n; i++) {
        const int32_t at = j->row_of[root_of(j, i)];
        sz_joint *r = at == NOWHERE ? NULL : &j->a->rows.items[at];
        if (r && i < j->n_layers) SZ_TRY(list_layer(j, i, r));
        if (r && i >= j->n_layers && r->row.layers == 0) SZ_TRY(list_kernel(j, i, r));
    }
    return SZ_OK;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status join(joiner *j) {
    for (int32_t i = 0; i < j->n; i++) j->parent[i] = i, j->row_of[i] = NOWHERE;
    SZ_TRY(own_all(j));
    for (int32_t i = 0; i < j->n_layers; i++) SZ_TRY(add_layer(j, i));
    for (int32_t i = j->n_layers; i < j->n; i++) SZ_TRY(add_kernel(j, i));
    for (int32_t i = j->n_layers; i < j->n; i++) look_at_kernel(j, i);
    SZ_TRY(list_all(j));
    for (size_t i = 0; i < j->a->rows.n; i++) finish_row(&j->a->rows.items[i]);
    return SZ_OK;
}

sz_status sz_audit_join(sz_audit *a) {
    joiner j = {.a = a, .layers = json_object_get(a->record, "layers")};
    const size_t layers = sz_bench_set_layer_count(a->set, a->index),
                 kernels = sz_estimate_node_count(a->estimate);
    if (layers + kernels >= INT32_MAX)
        return sz_fail(a->ctx, SZ_ERR_LIMIT, "it has too many layers");
    j.n_layers = (int32_t)layers, j.n = (int32_t)(layers + kernels);
    j.parent = sz_arena_array(&a->arena, layers + kernels + 1, sizeof *j.parent);
    j.row_of = sz_arena_array(&a->arena, layers + kernels + 1, sizeof *j.row_of);
    if (!j.parent || !j.row_of) return sz_no_memory(a->ctx);
    sz_map_init(&j.owner, a->ctx);
    sz_map_init(&j.listed, a->ctx);
    const sz_status status = join(&j);
    sz_map_finish(&j.owner);
    sz_map_finish(&j.listed);
    return status;
}
