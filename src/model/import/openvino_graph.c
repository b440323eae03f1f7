// SPDX-License-Identifier: Apache-2.0
// OpenVINO IR: edges, and nodes from layers.
#include "model/import/openvino.h"

// Ids rise by one in nearly every file; where they only rise a search halves, else it is linear
// over few ports (see keep_ports).
const ir_port *ir_port_find(const ir_port *ports, int32_t n, int64_t id) {
    if (n == 0) return NULL;
    int64_t guess;
    if (sz_sub(id, ports[0].id, &guess) && guess >= 0 && guess < n && ports[guess].id == id)
        return &ports[guess];
    if (n <= SZ_IR_MAX_UNSORTED) {
        for (int32_t i = 0; i < n; i++)
            if (ports[i].id == id) return &ports[i];
        return NULL;
    }
    int32_t low = 0, high = n;
    while (low < high) {
        const int32_t mid = low + (high - low) / 2;
        if (ports[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && ports[low].id == id ? &ports[low] : NULL;
}

// ---- edges -------------------------------------------------------------------------------------

static sz_status find_layer(ir *x, ir_frame *f, const char *name, ir_layer **ret_layer) {
    sz_str id;
    int32_t index;
    if (!sz_xml_attribute(&x->xml, name, &id))
        return sz_xml_fail(&x->xml, "<edge> has no attribute '%s'", name);
    if (!sz_map_get(&f->ids, id, &index))
        return sz_xml_fail(&x->xml, "%s '%s': there is no layer of that id above", name,
                           sz_show(x->ctx, id));
    *ret_layer = &f->layers.items[index];
    return SZ_OK;
}

sz_status ir_edge_read(ir *x, ir_frame *f) {
    ir_layer *from, *to;
    int64_t from_port, to_port;
    SZ_TRY(find_layer(x, f, "from-layer", &from));
    SZ_TRY(find_layer(x, f, "to-layer", &to));
    SZ_TRY(ir_int_attribute(x, "from-port", 0, &from_port));
    SZ_TRY(ir_int_attribute(x, "to-port", 0, &to_port));
    const ir_port *out = ir_port_find(from->out, from->n_out, from_port);
    if (!out)
        return sz_xml_fail(&x->xml, "layer '%s' has no output port %lld",
                           sz_show(x->ctx, from->name), (long long)from_port);
    const ir_port *found = ir_port_find(to->in, to->n_in, to_port);
    if (!found)
        return sz_xml_fail(&x->xml, "layer '%s' has no input port %lld", sz_show(x->ctx, to->name),
                           (long long)to_port);
    ir_port *in = &to->in[found - to->in];
    if (in->value != SZ_NONE)
        return sz_xml_fail(&x->xml, "input port %lld of layer '%s' has two edges",
                           (long long)to_port, sz_show(x->ctx, to->name));
    in->value = out->value;
    return SZ_OK;
}

// ---- nodes -------------------------------------------------------------------------------------

static sz_status ids_of(ir *x, const ir_port *ports, int32_t n, const sz_value_id **ret_ids) {
    sz_value_id *ids = sz_arena_array(x->root->arena, n > 0 ? (size_t)n : 1, sizeof *ids);
    if (!ids) return sz_no_memory(x->ctx);
    for (int32_t i = 0; i < n; i++) ids[i] = ports[i].value;
    *ret_ids = ids;
    return SZ_OK;
}

static sz_status check_edges(ir *x, const ir_layer *l) {
    for (int32_t i = 0; i < l->n_in; i++)
        if (l->in[i].value == SZ_NONE)
            return ir_layer_fail(x, l, "input port %lld has no edge", (long long)l->in[i].id);
    return SZ_OK;
}

static sz_status add_node(ir *x, ir_frame *f, const ir_layer *l) {
    sz_node n = {.name = l->name,
                 .op = l->type,
                 .opset = l->opset,
                 .attrs = l->attrs,
                 .domain = sz_str_c(l->is_executed ? "openvino.exec" : "openvino"),
                 .n_inputs = l->n_in,
                 .n_outputs = l->n_out,
                 .n_attrs = l->n_attrs,
                 .offset = l->offset};
    SZ_TRY(ids_of(x, l->in, l->n_in, &n.inputs));
    SZ_TRY(ids_of(x, l->out, l->n_out, &n.outputs));
    return sz_graph_add_node(f->graph, &n, NULL);
}

static sz_status add_result(ir *x, ir_frame *f, const ir_layer *l) {
    sz_graph_value(f->graph, l->in[0].value)->is_output = true;
    return sz_vec_push(x->ctx, &f->graph->outputs, l->in[0].value) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status ir_nodes_add(ir *x, ir_frame *f) {
    for (size_t i = 0; i < f->layers.n; i++) {
        const ir_layer *l = &f->layers.items[i];
        SZ_TRY(check_edges(x, l));
        if (l->role == IR_NODE) SZ_TRY(add_node(x, f, l));
        if (l->role == IR_RESULT) SZ_TRY(add_result(x, f, l));
    }
    return SZ_OK;
}
