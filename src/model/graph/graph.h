// SPDX-License-Identifier: Apache-2.0
// The graph: values and nodes by dense id, one arena, names interned.
//
// A graph is a list of nodes in file order; `order` says in which order they can run. A value has
// at most one producer. Subgraphs (bodies of If, Loop, Scan) are graphs of their own that hang on
// an attribute; a value that a body takes from outside is a value of kind SZ_VALUE_CAPTURED whose
// `outer` is the id in the parent graph. Constants keep only where their bytes are; they are read
// when a rule asks for their numbers.
#ifndef SZ_GRAPH_H
#define SZ_GRAPH_H

#include "base/base.h"

#include <sizeup/dtype.h>
#include <sizeup/model.h>

typedef int32_t sz_value_id;
typedef int32_t sz_node_id;
enum { SZ_NONE = -1 };

// A dimension: >= 0 known; SZ_DIM_UNKNOWN not known (depends on data);
// <= SZ_DIM_SYMBOL(0): the symbol with that number in graph->symbols.
enum { SZ_DIM_UNKNOWN = -1, SZ_MAX_RANK = 64 };
enum { SZ_MAX_BODIES = 32 }; // levels of bodies in bodies
#define SZ_DIM_SYMBOL(i)  (-2 - (int64_t)(i))
#define SZ_SYMBOL_OF(dim) ((int32_t)(-2 - (dim)))

typedef enum sz_type_kind {
    SZ_TYPE_NONE, // absent or not known at all
    SZ_TYPE_TENSOR,
    SZ_TYPE_SPARSE,   // sparse tensor
    SZ_TYPE_SEQUENCE, // of *elem
    SZ_TYPE_OPTIONAL, // of *elem
    SZ_TYPE_MAP       // dtype = key, elem = value
} sz_type_kind;

typedef struct sz_type {
    uint8_t kind;               // sz_type_kind
    sz_dtype dtype;             // tensor: element type; 0 = not known
    int32_t rank;               // tensor: -1 = not known
    const int64_t *dims;        // tensor: `rank` of them, in an arena
    const struct sz_type *elem; // sequence, optional, map: type of the elements; NULL = not known
    int64_t n_items; // sequence: number of elements, -1 = not known; optional: 0, 1 or -1
    const struct sz_type *const *items; // sequence: type of each element when known, else NULL
} sz_type;

// Numbers of a small tensor (shape operands and the like).
// Integers and bools are in i, floats of any width in f, strings in s: by the class of dtype.
// An integer element that is not known (it stems from an unbound or data-dependent dimension)
// is SZ_VALUE_UNKNOWN.
#define SZ_VALUE_UNKNOWN INT64_MIN
enum {
    SZ_MAX_VALUE_ELEMENTS = 65536,   // of one value
    SZ_MAX_KNOWN_ELEMENTS = 4 << 20, // of all values that inference computes; then only tiny ones
    SZ_TINY_VALUE_ELEMENTS = 128,
    // Of larger values, for each node that takes one; a byte of a string counts as one more.
    SZ_MAX_LOOKED_ELEMENTS = 64 << 20
};
typedef struct sz_tensor {
    sz_dtype dtype;
    int32_t rank;
    const int64_t *dims;
    int64_t count; // product of dims, <= SZ_MAX_VALUE_ELEMENTS
    int64_t *i;
    double *f;
    sz_str *s;
} sz_tensor;

typedef enum sz_value_kind {
    SZ_VALUE_NODE,    // output of a node
    SZ_VALUE_INPUT,   // graph input (or formal input of a body)
    SZ_VALUE_CONST,   // initializer or Constant node
    SZ_VALUE_CAPTURED // comes from the parent graph: `outer`
} sz_value_kind;

// Where the bytes of a constant are.
typedef enum sz_const_form {
    SZ_CONST_NOWHERE, // dims and dtype only (side file absent, or built by hand)
    SZ_CONST_RAW,     // little-endian elements at `offset`, `length` bytes, in the source or a side
                      // file
    SZ_CONST_VALUE,   // numbers are in `tensor` already
    SZ_CONST_SPARSE,  // sparse initializer: length = bytes of values and indices
    SZ_CONST_RECIPE   // what `recipe` gives; its inputs are constants of the same graph
} sz_const_form;

typedef struct sz_constant {
    uint8_t form;            // sz_const_form
    int32_t side;            // side file number in graph->sides, SZ_NONE = the model file itself
    uint64_t offset, length; // bytes; weight bytes on disk
    const sz_tensor *tensor; // SZ_CONST_VALUE
    int64_t sparse_values;   // SZ_CONST_SPARSE: number of stored values
    // Made by folding: how many weights of the file went in, which is the most parameters that it
    // can be; and, where all its inputs are constants, the node that made it, which is no node of
    // the graph any more, and which of its outputs this is.
    bool is_folded;
    int64_t made_of;
    const struct sz_node *recipe;
    int32_t recipe_output;
} sz_constant;

typedef struct sz_value {
    sz_str name;
    uint8_t kind;                // sz_value_kind
    bool is_output;              // of this graph
    sz_node_id producer;         // SZ_VALUE_NODE
    sz_value_id outer;           // SZ_VALUE_CAPTURED
    sz_type type;                // as inferred (inputs, constants: as given)
    const sz_type *declared;     // type the file states (value_info, outputs), NULL when none
    const sz_constant *constant; // SZ_VALUE_CONST
    const sz_tensor *known;      // numbers, when small and computable; filled by inference
    bool known_tried;            // reading `known` was tried
    bool is_default; // SZ_VALUE_CONST that is listed as a graph input too (default value)
    bool is_retired; // SZ_VALUE_CONST of which optimization took the last use: not printed
} sz_value;

typedef enum sz_attr_kind {
    SZ_ATTR_NONE,
    SZ_ATTR_INT,
    SZ_ATTR_FLOAT,
    SZ_ATTR_STRING,
    SZ_ATTR_INTS,
    SZ_ATTR_FLOATS,
    SZ_ATTR_STRINGS,
    SZ_ATTR_TENSOR,
    SZ_ATTR_GRAPH,
    SZ_ATTR_GRAPHS,
    SZ_ATTR_TYPE,
    SZ_ATTR_OTHER // known to the format, of no use here
} sz_attr_kind;

typedef struct sz_attr {
    sz_str name;
    uint8_t kind; // sz_attr_kind
    int32_t n;    // elements of ints, floats, strings, graphs; 1 otherwise
    int64_t i;
    double f;
    sz_str s;
    const int64_t *ints;
    const double *floats;
    const sz_str *strings;
    sz_value_id tensor;       // a constant value of the graph that holds the node
    struct sz_graph **graphs; // GRAPH (n = 1) and GRAPHS
    const sz_type *type;
} sz_attr;

// A list of integers, which stay the caller's.
static inline sz_attr sz_attr_of_ints(const char *name, int32_t n, const int64_t *ints) {
    return (sz_attr){
        .name = sz_str_c(name), .kind = SZ_ATTR_INTS, .n = n, .ints = ints, .tensor = SZ_NONE};
}

typedef struct sz_node {
    sz_str name, op, domain; // domain "" is ai.onnx
    int32_t row;   // index in the operator table, SZ_NONE = unknown; set by sz_ops_resolve
    int32_t opset; // version of the domain that holds for this node
    int32_t n_inputs, n_outputs, n_attrs;
    const sz_value_id *inputs;  // SZ_NONE where an optional input is left out
    const sz_value_id *outputs; // SZ_NONE where an optional output is left out
    const sz_attr *attrs;
    uint64_t offset; // in the file, for messages; 0 = none
} sz_node;

typedef struct sz_symbol {
    sz_str name;       // "batch"
    sz_value_id input; // graph input that shows it first, SZ_NONE when none
    int32_t axis;
    int64_t bound; // what it was bound to, -1 while it is free
    int64_t usual; // taken where no size is given and none may stay free; -1 = none
    bool by_input; // bound by the shape of an input, not by name
} sz_symbol;

typedef struct sz_side { // a file beside the model
    sz_str name;
    bool present;
    uint64_t size;
} sz_side;

struct sz_source; // base/source.h

typedef struct sz_graph {
    sz_ctx *ctx;
    sz_arena *arena; // shared with the parent; the root owns it
    sz_arena own_arena;
    struct sz_graph *parent; // NULL for the main graph
    int32_t number;          // 0 for the main graph, then the bodies as they were made
    sz_str name, format, producer;
    sz_str arch; // of a language model whose file holds only weights: "llama"; p == NULL: none
    int64_t trained; // tokens that it was trained for, 0 = not said
    char *path;               // of the main file, owned by the arena; NULL when from memory
    struct sz_source *source; // for reading constants; owned by the root; NULL for hand-made graphs
    SZ_VEC(sz_value) values;
    SZ_VEC(sz_node) nodes;
    SZ_VEC(sz_value_id) inputs;
    SZ_VEC(sz_value_id) outputs;
    SZ_VEC(sz_symbol) symbols; // root only
    SZ_VEC(sz_side) sides;     // root only
    SZ_VEC(struct sz_graph *)
    children;                // every body made under the root; root only, for destruction
    sz_map names;            // value name -> id
    const sz_node_id *order; // in which nodes can run; NULL = as they stand (the usual case)
    bool is_scratch;         // root: made to run one node: numbers of any size are worked out
    bool fixed_defaults;     // root: default values can't be replaced (ONNX before IR version 4)
    bool reshaped;           // root: an input shape was overridden, declared types no longer hold
    int64_t known_elements;  // root: numbers computed so far, see SZ_MAX_KNOWN_ELEMENTS
    int64_t looked_elements; // root: numbers looked at so far, see SZ_MAX_LOOKED_ELEMENTS
    uint64_t header_bytes;   // root: bytes of the file that the importer read
    const struct sz_plan *plan; // model/graph/plan.h; NULL = not optimized
} sz_graph;

// ---- building ----------------------------------------------------------------------------------

sz_status sz_graph_create(sz_ctx *ctx, sz_graph **ret_graph);
// A body; lives as long as the root of `parent`.
sz_status sz_graph_create_body(sz_graph *parent, sz_graph **ret_graph);
void sz_graph_destroy(sz_graph *g); // of a root; NULL is fine. Closes the source.
sz_graph *sz_graph_root(const sz_graph *g);

// New value; `name` is copied into the arena. A name that exists fails ("value 'x' is defined
// twice").
sz_status sz_graph_add_value(sz_graph *g, sz_str name, sz_value_kind kind, sz_value_id *ret_id);
// Id by name in this graph only, SZ_NONE when absent.
sz_value_id sz_graph_find(const sz_graph *g, sz_str name);
// Id by name here or, through captured values, in the parents; SZ_NONE when nowhere.
// Makes the captured values on the way.
sz_status sz_graph_capture(sz_graph *g, sz_str name, sz_value_id *ret_id);
// Appends a node (all pointers must live in the arena) and makes it producer of its outputs.
sz_status sz_graph_add_node(sz_graph *g, const sz_node *node, sz_node_id *ret_id);
// Symbol by name, made when new.
sz_status sz_graph_symbol(sz_graph *g, sz_str name, int64_t *ret_dim);

static inline sz_value *sz_graph_value(const sz_graph *g, sz_value_id id) {
    return &g->values.items[id];
}
// The k-th node to run.
static inline sz_node_id sz_graph_nth(const sz_graph *g, size_t k) {
    return g->order ? g->order[k] : (sz_node_id)k;
}
static inline sz_node *sz_graph_node(const sz_graph *g, sz_node_id id) {
    return &g->nodes.items[id];
}

// Every value read by an earlier node than it is written, a cycle, or an input nobody produces is
// an error; for nodes out of order `order` is set, with a warning (needs: all nodes added).
sz_status sz_graph_verify(sz_graph *g);

// ---- types -------------------------------------------------------------------------------------

sz_type sz_type_tensor(sz_dtype dtype, int32_t rank, const int64_t *dims);
// Elements of a tensor type: -1 when a dim is not known; error when the product overflows int64.
// All factors are checked before a zero ends the product.
sz_status sz_type_elements(sz_ctx *ctx, const sz_type *t, int64_t *ret_n);
// sz_dtype of an ONNX TensorProto.DataType, 0 when there is none.
sz_dtype sz_dtype_from_onnx(int64_t code);
// Bytes; sequences and optionals: sum over known items; strings 0; -1 when not known.
sz_status sz_type_bytes(sz_ctx *ctx, const sz_type *t, int64_t *ret_bytes);
bool sz_type_is_static(const sz_type *t); // rank known and every dim >= 0
// "f32[1,3,224,224]", "i64[N,?]", "seq(f32[2,3])"; symbols by name. Arena memory, "" when none
// left.
const char *sz_type_text(const sz_graph *g, const sz_type *t);
// A value for the public headers; strings in the arena.
sz_port sz_graph_port(sz_graph *g, sz_value_id id);
// New array of dims in the graph's arena; NULL = no memory.
int64_t *sz_graph_dims(sz_graph *g, int32_t rank);

// ---- reading constants -------------------------------------------------------------------------

// The numbers of a value: const tensors are read from the source on first demand when they have at
// most SZ_MAX_VALUE_ELEMENTS; captured values ask the parent. NULL in *ret_tensor = not known
// (not an error: side file absent, too large, not constant).
sz_status sz_graph_known(sz_graph *g, sz_value_id id, const sz_tensor **ret_tensor);
// The first `need` bytes of a raw constant of any size. *ret_is_there false: they can't be had (not
// raw, too short, side file absent).
sz_status sz_graph_read_raw(sz_graph *g, const sz_constant *c, uint64_t need, void *ret_bytes,
                            bool *ret_is_there);
// New tensor of numbers in the arena with room for `count` elements; NULL = no memory.
sz_tensor *sz_tensor_new(sz_graph *g, sz_dtype dtype, int32_t rank, const int64_t *dims,
                         int64_t count);

// ---- text form (text.c) ------------------------------------------------------------------------

// Print the graph in the text form that sz_graph_parse reads. Arena memory.
sz_status sz_graph_print(sz_graph *g, const char **ret_text);
sz_status sz_graph_parse(sz_ctx *ctx, const char *text, size_t len, sz_graph **ret_graph);

#endif
