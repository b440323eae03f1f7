// SPDX-License-Identifier: Apache-2.0
#include "run/backends/job_layout.h"

#include "model/ops/ozaki.h"
#include "run/backends/job_memory.h"
#include "run/backends/ozaki.h"

// ---- who may lie as the library likes it -------------------------------------------------------

static bool has_body(const sz_node *n) { // which may read anything
    for (int32_t a = 0; a < n->n_attrs; a++)
        if (n->attrs[a].kind == SZ_ATTR_GRAPH || n->attrs[a].kind == SZ_ATTR_GRAPHS) return true;
    return false;
}

static bool is_candidate(const sz_job *j, size_t v) {
    const sz_value *value = &j->graph->values.items[v];
    return value->kind == SZ_VALUE_NODE && !value->is_output && j->readers[v] > 0 &&
           !j->constant[v] && j->root[v] == (sz_value_id)v && !j->wants_dense[v];
}

sz_status sz_job_find_loose(sz_job *j, const sz_backend *backend, void *library) {
    const sz_graph *g = j->graph;
    j->loose = sz_arena_array(&j->arena, g->values.n + 1, sizeof *j->loose);
    j->shown = sz_arena_array(&j->arena, g->values.n + 1, sizeof *j->shown);
    if (!j->loose || !j->shown) return sz_no_memory(j->ctx);
    if (j->how.training || j->how.step) return SZ_OK; // gradients read what was made before
    for (size_t k = 0; k < g->nodes.n; k++)
        if (has_body(&g->nodes.items[k])) return SZ_OK;
    for (size_t v = 0; v < g->values.n; v++) j->loose[v] = is_candidate(j, v);
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = &g->nodes.items[k];
        if (!j->needed[k]) continue;
        if (!sz_job_is_view(j, n) && !sz_is_ozaki(n) && !sz_node_refuses(backend, library, g, n))
            continue;
        for (int32_t i = 0; i < n->n_inputs; i++)
            if (n->inputs[i] != SZ_NONE) j->loose[n->inputs[i]] = false;
    }
    return SZ_OK;
}

static bool lies_otherwise(const sz_job *j, sz_value_id id) {
    for (size_t k = 0; id != SZ_NONE && k < j->nodes.n; k++)
        if (j->nodes.items[k].step.show && j->nodes.items[k].node->outputs[0] == id) return true;
    return false;
}

void sz_job_ask_for_dense(sz_job *j, const sz_node *n) {
    for (int32_t i = 0; i < n->n_inputs; i++) {
        if (!lies_otherwise(j, n->inputs[i])) continue;
        j->wants_dense[n->inputs[i]] = j->is_mistaken = true;
    }
}

// ---- checks ------------------------------------------------------------------------------------

sz_status sz_job_show(sz_job *j, const sz_job_node *n) {
    if (!n->step.show) return SZ_OK;
    const sz_value_id id = n->node->outputs[0];
    sz_buffer *laid = j->slots[0][id], *to;
    SZ_TRY(sz_buffer_create(j->ctx, laid->dtype, laid->rank, laid->dims, &to));
    const sz_status status = n->step.show(n->step.state, to);
    if (status != SZ_OK) {
        sz_buffer_release(j->ctx, to);
        return status;
    }
    j->shown[id] = (sz_job_shown){laid, j->readers[id]};
    j->slots[0][id] = to;
    return SZ_OK;
}

static void unshow(sz_job *j, size_t id) {
    if (!j->shown[id].laid) return;
    sz_buffer_release(j->ctx, j->slots[0][id]);
    j->slots[0][id] = j->shown[id].laid;
    j->shown[id].laid = NULL;
}

void sz_job_unshow(sz_job *j, const sz_job_node *n) {
    for (int32_t i = 0; i < n->node->n_inputs; i++) {
        const sz_value_id id = n->node->inputs[i];
        if (id != SZ_NONE && j->shown[id].laid && --j->shown[id].to_read <= 0)
            unshow(j, (size_t)id);
    }
}

void sz_job_unshow_all(sz_job *j) {
    for (size_t v = 0; j->shown && v < j->graph->values.n; v++) unshow(j, v);
}
