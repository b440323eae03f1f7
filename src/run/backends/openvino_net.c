// SPDX-License-Identifier: Apache-2.0
// A model that OpenVINO can read: the user's file where it can read that, else one that we write
// from the graph, with the weights that the reference takes.
#include "run/backends/openvino.h"

static bool has_all_weights(const sz_graph *g) {
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_constant *c = g->values.items[i].constant;
        if (c && c->form == SZ_CONST_NOWHERE) return false;
    }
    return true;
}

static bool is_readable(const sz_graph *g) {
    return sz_str_is(g->format, "onnx") || sz_str_is(g->format, "openvino");
}

sz_status sz_vino_read(sz_vino_net *net) {
    const sz_vino *lib = net->lib;
    if (net->how.path && is_readable(net->graph) && has_all_weights(net->graph))
        return sz_vino_said(net->ctx, lib,
                          lib->core_read_model(lib->core, net->how.path, NULL, &net->model),
                          "does not read the file");
    return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "not yet");
}
