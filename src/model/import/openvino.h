// SPDX-License-Identifier: Apache-2.0
// OpenVINO IR: what the files of this importer share. A net is a list of layers and of edges;
// bodies (TensorIterator, Loop, If) are nets inside of layers. Layers become nodes in their order;
// Parameter, Result and Const become inputs, outputs and constants.
#ifndef SZ_OPENVINO_H
#define SZ_OPENVINO_H

#include "model/graph/graph.h"
#include "model/import/limits.h"
#include "model/import/xml.h"

typedef struct ir_port {
    int64_t id;
    sz_value_id value; // of an output: made with the layer; of an input: SZ_NONE until its edge
} ir_port;

typedef enum ir_role { IR_NODE, IR_PARAMETER, IR_RESULT, IR_CONST } ir_role;

typedef struct ir_layer {
    sz_str name, type;
    ir_role role;
    int32_t opset;
    bool is_executed; // of a graph that a compiled model gave
    uint64_t offset;  // of its tag
    int64_t line, column;
    int32_t n_in, n_out, n_attrs;
    ir_port *in, *out; // arena
    sz_attr *attrs;    // arena
} ir_layer;

// A line of a port map.
typedef struct ir_link {
    bool is_output;
    int64_t external; // port of the layer; -1 = none
    sz_str internal;  // layer of the body
    bool has_axis;
    int64_t axis, start, end, stride, part;
    char purpose; // 'i' the current iteration, 'c' the condition, 0 neither
    int branch;   // of an If: 0 then, 1 else
} ir_link;

typedef struct ir_back {
    sz_str from, to;
} ir_back;

typedef enum ir_state {
    IR_NET,
    IR_LAYERS,
    IR_LAYER,
    IR_INPUT,
    IR_OUTPUT,
    IR_PORT,
    IR_DIM,
    IR_EDGES,
    IR_MAP,
    IR_BACK,
    IR_INFO
} ir_state;

// A port while it is read.
typedef struct ir_open_port {
    int64_t id;
    sz_dtype dtype;
    sz_str names; // arena, "" = none
    bool is_output;
    int32_t rank;
    int64_t dims[SZ_MAX_RANK];
} ir_open_port;

// One net that is being read. The innermost is the last one on the stack.
typedef struct ir_frame {
    sz_graph *graph;
    int branch;        // which body of its layer: 0 body or then, 1 else
    int branch_of_map; // of an If: the port map that is being read
    ir_state state;
    SZ_VEC(ir_layer) layers;
    sz_map ids; // id -> index in layers
    // the layer at hand
    ir_layer layer;
    sz_str id;
    bool has_data;
    sz_str shape; // `shape` of its data, arena; p == NULL: none
    bool has_bytes;
    uint64_t const_offset, const_size;
    sz_dtype element_type;
    ir_open_port port;
    bool has_dim; // the text of a <dim> was read
    SZ_VEC(ir_port) in;
    SZ_VEC(ir_port) out;
    SZ_VEC(sz_type) types; // of out
    SZ_VEC(sz_str) names;  // of out
    SZ_VEC(sz_attr) attrs;
    SZ_VEC(ir_link) links;
    SZ_VEC(ir_back) backs;
    int n_bodies;
    int64_t bodies[2]; // numbers in ir.bodies of the bodies that were read; -1 = none
} ir_frame;

// A body that was read, until its layer ends.
typedef struct ir_body {
    sz_graph *graph;
    sz_map ids;
    SZ_VEC(ir_layer) layers;
} ir_body;

// A parameter of a branch of an If, which takes what goes into a port of the If.
typedef struct ir_capture {
    sz_graph *body;
    sz_value_id value;
    const ir_port *from; // its value is known when the edges are read
} ir_capture;

typedef struct ir {
    sz_ctx *ctx;
    sz_source *source;
    sz_xml xml;
    sz_graph *root;
    SZ_VEC(ir_frame) frames;
    SZ_VEC(ir_body) bodies;
    SZ_VEC(ir_capture) captures;
    SZ_VEC(int64_t) ints; // scratch
    int32_t side;         // the weights beside the model, SZ_NONE until the first constant asks
    uint64_t unnamed;     // for making names that are taken once more
} ir;

static inline ir_frame *ir_top(ir *x) { return &x->frames.items[x->frames.n - 1]; }

// ---- openvino_text.c ---------------------------------------------------------------------------

// The attribute of the tag at hand, copied to the arena; fails when it is absent.
sz_status ir_need(ir *x, const char *name, sz_str *ret_text);
sz_status ir_copy(ir *x, sz_str text, sz_str *ret_copy);
bool ir_int(sz_str text, int64_t *ret_int);
// The whole text as a number, as the attribute `name`; `def` when absent.
sz_status ir_int_attribute(ir *x, const char *name, int64_t def, int64_t *ret_int);
sz_dtype ir_dtype(sz_str text); // "FP32", "f32", "boolean" ...; 0 when not known
// Every attribute of <data>, typed, into frame->attrs.
sz_status ir_data_read(ir *x, ir_frame *f);
// Adds an attribute of integers.
sz_status ir_add_ints(ir *x, ir_frame *f, const char *name, const int64_t *ints, size_t n);
sz_status ir_add_int(ir *x, ir_frame *f, const char *name, int64_t i);
sz_status ir_add_graph(ir *x, ir_frame *f, const char *name, sz_graph *graph);

// ---- openvino_layer.c --------------------------------------------------------------------------

sz_status ir_layer_begin(ir *x, ir_frame *f);
sz_status ir_layer_end(ir *x, ir_frame *f);
sz_status ir_port_begin(ir *x, ir_frame *f, bool is_output);
sz_status ir_port_end(ir *x, ir_frame *f);
sz_status ir_dim(ir *x, ir_frame *f, sz_str text);

// ---- openvino_body.c ---------------------------------------------------------------------------

sz_status ir_link_read(ir *x, ir_frame *f, int branch, bool is_output);
sz_status ir_back_read(ir *x, ir_frame *f);
// The layer at hand has bodies: their port maps as attributes.
sz_status ir_bodies_join(ir *x, ir_frame *f);
void ir_body_finish(ir *x, ir_body *b);
sz_status ir_captures_join(ir *x);

// ---- openvino_graph.c --------------------------------------------------------------------------

sz_status ir_edge_read(ir *x, ir_frame *f);
// All layers and edges were read: nodes and outputs.
sz_status ir_nodes_add(ir *x, ir_frame *f);
const ir_port *ir_port_find(const ir_port *ports, int32_t n, int64_t id);
// Fails with the place of a layer.
sz_status ir_layer_fail(ir *x, const ir_layer *l, const char *fmt, ...) SZ_PRINTF(3, 4);

#endif
