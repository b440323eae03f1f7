// SPDX-License-Identifier: Apache-2.0
// A model that OpenVINO can read: the user's file where it can read that, else an ONNX model that
// is written from the graph, in memory, with the weights that the reference takes.
#include "run/backends/openvino.h"

#include "model/export/export.h"
#include "run/backends/ref/session.h"

// ---- weights -----------------------------------------------------------------------------------

// A buffer has a byte for every element of less; a file packs them.
static void pack(const sz_buffer *b, unsigned char *raw) {
    const int bits = sz_dtype_get(b->dtype)->bits;
    const unsigned char *from = b->data;
    for (int64_t k = 0; k < b->count; k++) {
        const int64_t at = k * bits;
        raw[at / 8] = (unsigned char)(raw[at / 8] | (from[k] & ((1u << bits) - 1)) << at % 8);
    }
}

static sz_status fill(void *user, sz_graph *g, sz_value_id id, unsigned char *raw, size_t bytes,
                      bool *ret_is_there) {
    sz_vino_net *net = user;
    sz_buffer *b;
    SZ_TRY(sz_ref_constant(net->numbers[0], g, id, &b));
    if (sz_dtype_get(b->dtype)->bits < 8)
        pack(b, raw);
    else if (b->bytes == bytes)
        memcpy(raw, b->data, bytes);
    *ret_is_there = sz_dtype_get(b->dtype)->bits < 8 || b->bytes == bytes;
    sz_buffer_release(net->ctx, b);
    if (*ret_is_there) return SZ_OK;
    return sz_fail(net->ctx, SZ_ERR_INTERNAL, "numbers of another size");
}

// Can the names of nodes be told apart, also in a list with commas?
static sz_status are_plain(const sz_graph *g, bool *ret_plain) {
    sz_map names;
    sz_status status = SZ_OK;
    sz_map_init(&names, g->ctx);
    *ret_plain = true;
    for (size_t k = 0; k < g->nodes.n && status == SZ_OK && *ret_plain; k++) {
        const sz_str name = g->nodes.items[k].name;
        *ret_plain = name.len > 0 && !memchr(name.p, ',', name.len) &&
                     !sz_map_get(&names, name, NULL);
        status = sz_map_put(&names, name, 1);
    }
    sz_map_finish(&names);
    return status;
}

// ---- reading -----------------------------------------------------------------------------------

// OpenVINO's reader looks at the bytes to find out what they are: ONNX it is.
static sz_status read_ours(sz_vino_net *net) {
    const sz_vino *lib = net->lib;
    bool is_plain;
    SZ_TRY(are_plain(net->graph, &is_plain));
    const sz_export_options o = {.fill = fill, .user = net, .number_nodes = !is_plain};
    sz_buf buf;
    sz_buf_init(&buf, net->ctx);
    sz_status status = sz_export_onnx(net->graph, &o, &buf);
    if (status == SZ_OK)
        status = sz_vino_said(net->ctx, lib,
                              lib->core_read_model_from_memory_buffer(lib->core, buf.data, buf.size,
                                                                      NULL, &net->model),
                              "does not take the net");
    sz_buf_finish(&buf);
    net->is_numbered = o.number_nodes;
    return status;
}

static bool has_all_weights(const sz_graph *g) {
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_constant *c = g->values.items[i].constant;
        if (c && c->form == SZ_CONST_NOWHERE) return false;
    }
    return true;
}

bool sz_vino_has_weights(const sz_graph *g) {
    bool whole = has_all_weights(g);
    for (size_t i = 0; whole && i < g->children.n; i++)
        whole = has_all_weights(g->children.items[i]);
    return whole;
}

// ONNX has no operators of these; OpenVINO's own format is read from its file only.
static sz_status check_operators(const sz_vino_net *net) {
    static const char *const others[] = {"hlo", "stablehlo", "openvino", "chlo"};
    const sz_graph *g = net->graph;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (sz_str_is(g->format, others[i]))
            return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE,
                           "OpenVINO is given ONNX, or its own format with its weights beside it; "
                           "this net is neither: '%s'",
                           others[i]);
    return SZ_OK;
}

sz_status sz_vino_read(sz_vino_net *net) {
    const sz_vino *lib = net->lib;
    const sz_graph *g = net->graph;
    const bool is_known = sz_str_is(g->format, "onnx") || sz_str_is(g->format, "openvino");
    if (net->how.path && is_known && sz_vino_has_weights(g))
        return sz_vino_said(net->ctx, lib,
                            lib->core_read_model(lib->core, net->how.path, NULL, &net->model),
                            "does not take the file");
    SZ_TRY(check_operators(net));
    return read_ours(net);
}
