// SPDX-License-Identifier: Apache-2.0
// The ONNX reader, private to src/model/import/onnx*.c.
//
// The file is walked in two steps per graph: first everything but the nodes (nodes stand before the
// initializers they use), then the nodes. Bodies wait in a queue until the graph around them is
// complete, so every name they capture exists by then; nothing recurses. Calls of local functions
// are expanded in place, with a stack of scopes.
// Schema: onnx.proto of onnx 1.23, field numbers as there.
#ifndef SZ_ONNX_H
#define SZ_ONNX_H

#include "model/graph/graph.h"
#include "model/import/wire.h"

#include <inttypes.h>

// ---- opset imports -----------------------------------------------------------------------------

typedef struct onnx_opset {
    sz_str domain;
    int32_t version;
} onnx_opset;
typedef SZ_VEC(onnx_opset) onnx_opsets;
typedef SZ_VEC(sz_str) onnx_strings;

// ---- functions ---------------------------------------------------------------------------------

typedef struct onnx_function {
    sz_str name, domain, overload;
    sz_span span; // FunctionProto
    onnx_opsets opsets;
    onnx_strings inputs, outputs;
    SZ_VEC(sz_span) defaults; // AttributeProto
    SZ_VEC(int32_t) calls;    // functions it calls, as often as it calls them
    uint64_t raw_bytes;       // of raw data in it, which a call does not read
    int64_t nodes;            // own nodes; after planning: nodes a call turns into
    int32_t depth;            // after planning: levels of calls below, itself included
    uint8_t state;            // of the planning walk
} onnx_function;

// The scope of one call: what the names in the function's body mean.
typedef struct onnx_scope {
    struct onnx_scope *up;   // scope of the caller, NULL in a graph of the file
    const onnx_function *fn;
    sz_graph *graph;         // that the nodes go into
    sz_str prefix;           // of every name made, "layer0"
    sz_map names;            // inner name -> value id * 2 + (1 when a formal input)
    const sz_attr *attrs;    // of the call, defaults included
    int32_t n_attrs;
    int32_t n_outputs;
    const sz_value_id *outputs; // values of the caller that the formal outputs are
    uint64_t at;             // of the call
    bool kept;               // a body of it waits in the queue
    struct onnx_scope *next; // all scopes, for destruction
} onnx_scope;

// ---- tensors -----------------------------------------------------------------------------------

enum { ONNX_DATA_FIELDS = 6 };

// A TensorProto, checked: dims, size and data agree.
typedef struct onnx_tensor {
    sz_span span;
    sz_span name;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank;
    int64_t data_type;
    sz_dtype dtype;
    int64_t count, bytes;            // elements; bytes as raw data
    uint64_t n[ONNX_DATA_FIELDS];    // entries of each typed data field
    sz_span first[ONNX_DATA_FIELDS]; // first chunk of each
    uint32_t chunks[ONNX_DATA_FIELDS];
    bool has_raw, external;
    sz_span raw;
    int32_t side;                    // external: its file
    uint64_t offset;
} onnx_tensor;

// A range of a side file that a tensor uses.
typedef struct onnx_range {
    int32_t side;
    uint64_t offset, length;
} onnx_range;

// ---- the reader --------------------------------------------------------------------------------

typedef struct onnx_body {
    sz_graph *graph;
    sz_span span;
    int32_t depth;
    onnx_scope *scope; // of the function whose text this is, NULL outside
} onnx_body;

typedef struct onnx_item { // a part of a graph that is read later
    sz_span span;
    uint32_t field;
} onnx_item;

typedef struct onnx_frame { // nodes that are being read
    sz_span rest;
    uint32_t field; // of a node in the message
    onnx_scope *scope;
} onnx_frame;

typedef struct onnx {
    sz_ctx *ctx;
    sz_source *source;
    sz_wire wire;
    sz_graph *root;
    sz_arena scratch;         // dies with the import
    int64_t ir_version;
    onnx_opsets opsets;
    SZ_VEC(onnx_function) functions;
    sz_map function_names;    // key (see onnx_plan.c) -> index
    int64_t expanded;         // nodes that calls have turned into
    uint64_t expanded_bytes;  // of function text read for it
    int64_t calls;            // for unique names
    sz_map prefixes;          // in use
    onnx_scope *scopes;       // all of them
    SZ_VEC(onnx_body) bodies; // queue
    SZ_VEC(onnx_frame) frames;
    sz_map symbols;           // dim_param of graph inputs -> index in root->symbols
    sz_map words;             // operator, domain and attribute names -> index in word_list
    SZ_VEC(sz_str) word_list;
    sz_map sides;             // side file name -> index in root->sides
    SZ_VEC(onnx_range) ranges;
    // used again for every node
    SZ_VEC(sz_value_id) in;
    SZ_VEC(sz_value_id) out;
    SZ_VEC(sz_attr) attrs;
    SZ_VEC(int64_t) ints;
    SZ_VEC(double) floats;
    SZ_VEC(sz_str) strings;
    SZ_VEC(sz_span) spans;
    SZ_VEC(onnx_item) items;
} onnx;

// Where something goes: which graph, in whose words, how deep.
typedef struct onnx_place {
    sz_graph *graph;
    onnx_scope *scope;
    int32_t depth;
} onnx_place;

// ---- fields ------------------------------------------------------------------------------------

// A field by number and wire type. Of another wire type it is an unknown field, as protobuf has it.
#define ONNX_VARINT(n) ((uint32_t)(n) << 3 | SZ_WIRE_VARINT)
#define ONNX_BYTES(n) ((uint32_t)(n) << 3 | SZ_WIRE_BYTES)
#define ONNX_FIXED32(n) ((uint32_t)(n) << 3 | SZ_WIRE_FIXED32)
static inline uint32_t onnx_tag(const sz_field *f) { return f->number << 3 | f->type; }

// Field numbers of the messages, as in onnx.proto.
enum {
    MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7,
    MODEL_OPSET = 8, MODEL_TRAINING = 20, MODEL_FUNCTION = 25,
    OPSET_DOMAIN = 1, OPSET_VERSION = 2,
    GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13, GRAPH_SPARSE = 15,
    NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTR = 5, NODE_DOMAIN = 7,
    NODE_OVERLOAD = 8,
    FUNCTION_NAME = 1, FUNCTION_INPUT = 4, FUNCTION_OUTPUT = 5, FUNCTION_NODE = 7,
    FUNCTION_OPSET = 9, FUNCTION_DOMAIN = 10, FUNCTION_DEFAULT = 11, FUNCTION_OVERLOAD = 13,
    ATTR_NAME = 1, ATTR_F = 2, ATTR_I = 3, ATTR_S = 4, ATTR_T = 5, ATTR_G = 6, ATTR_FLOATS = 7,
    ATTR_INTS = 8, ATTR_STRINGS = 9, ATTR_TENSORS = 10, ATTR_GRAPHS = 11, ATTR_TP = 14,
    ATTR_TYPE_PROTOS = 15, ATTR_TYPE = 20, ATTR_REF = 21, ATTR_SPARSE = 22, ATTR_SPARSES = 23,
    TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_SEGMENT = 3, TENSOR_NAME = 8, TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13, TENSOR_LOCATION = 14,
    SPARSE_VALUES = 1, SPARSE_INDICES = 2, SPARSE_DIMS = 3,
    ENTRY_KEY = 1, ENTRY_VALUE = 2,
    INFO_NAME = 1, INFO_TYPE = 2,
    TYPE_TENSOR = 1, TYPE_SEQUENCE = 4, TYPE_MAP = 5, TYPE_SPARSE = 8, TYPE_OPTIONAL = 9
};

// ---- onnx.c ------------------------------------------------------------------------------------

// A singular field that comes again: warns that the last one counts. `seen` has a bit per field.
void onnx_once(onnx *x, uint64_t *seen, const sz_field *f, const char *what);
// Text into the arena of the graph; `onnx_word` keeps each word once.
sz_status onnx_copy(onnx *x, sz_span span, sz_str *ret);
sz_status onnx_word(onnx *x, sz_span span, sz_str *ret);
// "domain" with "ai.onnx" turned into "".
sz_status onnx_domain(onnx *x, sz_span span, sz_str *ret);
sz_status onnx_opset_read(onnx *x, sz_span span, onnx_opsets *opsets);
// Version of the domain that holds in this scope; a domain nobody imports gives a warning.
int32_t onnx_opset_of(onnx *x, const onnx_scope *scope, sz_str domain);

// ---- onnx_type.c -------------------------------------------------------------------------------

// Reads a TypeProto. Free dims: an `input` (of the main graph) makes symbols of them, else
// (SZ_NONE) they are symbols only where an input has the same one. `name` for messages.
sz_status onnx_type_read(onnx *x, sz_span span, sz_str name, sz_value_id input, sz_type *ret);

// ---- onnx_tensor.c, onnx_number.c --------------------------------------------------------------

// Reads and checks a TensorProto wherever it stands; registers its side file.
sz_status onnx_tensor_read(onnx *x, sz_span span, onnx_tensor *ret);
// Its type and where its numbers are, in the arena of the graph.
sz_status onnx_tensor_constant(onnx *x, const onnx_tensor *t, sz_type *ret_type,
                               const sz_constant **ret_constant);
// Entries that the typed data field `*ret_field` of this dtype must have for n elements.
uint64_t onnx_data_entries(const onnx_tensor *t, int *ret_field);
// Numbers of the typed data fields; *ret NULL when they are not kept.
sz_status onnx_tensor_numbers(onnx *x, const onnx_tensor *t, const sz_tensor **ret);
// Field number and wire type of a typed data field.
typedef struct onnx_data_field {
    uint32_t number;
    sz_wire_type type;
    const char *name;
} onnx_data_field;
extern const onnx_data_field onnx_data_fields[ONNX_DATA_FIELDS];
// Product of dims; fails on negative ones and beyond 2^63, zeros or not.
sz_status onnx_count(onnx *x, int32_t rank, const int64_t *dims, int64_t *ret);
// One more dims element (repeated int64, packed or not).
sz_status onnx_dims_add(onnx *x, const sz_field *f, int64_t *dims, int32_t *rank);

// ---- onnx_external.c ---------------------------------------------------------------------------

typedef struct onnx_external {
    bool has_location, has_offset, has_length;
    int32_t side;
    uint64_t offset, length;
} onnx_external;
sz_status onnx_external_entry(onnx *x, sz_span span, onnx_external *e);
sz_status onnx_external_check(onnx *x, const onnx_external *e, onnx_tensor *t);
// After all tensors: do any share bytes of a side file?
void onnx_external_overlaps(onnx *x);

// ---- onnx_sparse.c -----------------------------------------------------------------------------

// A SparseTensorProto. `ret_name` (of the values tensor) may be NULL.
sz_status onnx_sparse_read(onnx *x, sz_span span, sz_span *ret_name, sz_type *ret_type,
                           const sz_constant **ret_constant);

// ---- onnx_attr.c -------------------------------------------------------------------------------

// *ret_keep false: a reference to an attribute that the call of the function does not have.
sz_status onnx_attr_read(onnx *x, const onnx_place *p, sz_span span, sz_attr *ret, bool *ret_keep);
sz_status onnx_attr_name(onnx *x, sz_span span, sz_str *ret);
// A constant of the graph that no name leads to.
sz_status onnx_nameless(onnx *x, sz_graph *g, const sz_type *type, const sz_constant *c,
                        sz_value_id *ret);

// ---- onnx_node.c, onnx_constant.c --------------------------------------------------------------

// Reads the nodes of a graph; calls of functions are expanded on the way.
sz_status onnx_nodes_read(onnx *x, const onnx_place *p, sz_span nodes);
// Id of the value that a node reads; made when nobody has written it yet.
sz_status onnx_value_read(onnx *x, const onnx_place *p, sz_str name, sz_value_id *ret);
// Give the output of a Constant node its numbers.
sz_status onnx_constant_node(onnx *x, sz_graph *g, const sz_node *node);
// "prefix/name" in the scratch arena; `name` itself without a scope.
sz_status onnx_full_name(onnx *x, const onnx_scope *scope, sz_str name, sz_str *ret);
// "base#7" with a number that was never given before, in the scratch arena.
sz_status onnx_numbered_name(onnx *x, sz_str base, sz_str *ret);

// ---- onnx_graph.c ------------------------------------------------------------------------------

sz_status onnx_graph_read(onnx *x, const onnx_body *body);

// ---- onnx_plan.c, onnx_function.c --------------------------------------------------------------

sz_status onnx_function_read(onnx *x, sz_span span);
// SZ_NONE when there is none, or when the operator table knows the operator itself.
sz_status onnx_function_find(onnx *x, sz_str domain, sz_str name, sz_str overload, int32_t *ret);
// Checks every tensor in the functions; counts what a call turns into; refuses recursion.
sz_status onnx_functions_plan(onnx *x);
// Checks every tensor in a GraphProto that is not sized up (training_info).
sz_status onnx_graph_check(onnx *x, sz_span span);
// Opens the scope of a call. `node` is the call as read.
sz_status onnx_call_open(onnx *x, const onnx_place *p, const sz_node *node, int32_t function,
                         onnx_scope **ret_scope);
// After the body: every output must have been produced.
sz_status onnx_call_close(onnx *x, onnx_scope *scope);

#endif
