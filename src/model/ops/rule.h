// SPDX-License-Identifier: Apache-2.0
// What the rules of the operator table see: one node under inference or under costing.
//
// A *shape rule* sets the types of all outputs. A *value rule* computes the numbers of small
// outputs; it is called after the shape rule, and only when every input that is present has known
// numbers (single integer elements may be SZ_VALUE_UNKNOWN). A *cost rule* fills in what the node
// costs. Rules never look at machines, files or options.
//
// All accessors are total: an input or attribute that is absent gives a defined answer, so rules
// have no NULL checks. A rule fails with sz_op_fail, which adds the place (node, offset) itself.
#ifndef SZ_RULE_H
#define SZ_RULE_H

#include "model/graph/graph.h"

// ---- the operator table ------------------------------------------------------------------------

// What an operator is, for reports and for counting conventions.
#define SZ_KINDS(X)                                                                                \
    X(CONTRACTION, "contraction") /* conv, matmul, recurrent, attention: has MACs */               \
    X(NORM, "norm")               /* batch, layer, group, RMS ... normalization */                 \
    X(ACTIVATION, "activation")   /* relu, gelu, sigmoid ... */                                    \
    X(SOFTMAX, "softmax")                                                                          \
    X(POOL, "pool")                                                                                \
    X(ELEMENTWISE, "elementwise") /* arithmetic, comparison, logic */                              \
    X(REDUCE, "reduce")                                                                            \
    X(CAST, "cast")     /* numeric format changes, quantize, dequantize */                         \
    X(MOVE, "move")     /* copies data: transpose, concat, gather, pad ... */                      \
    X(VIEW, "view")     /* moves nothing: reshape, squeeze, identity */                            \
    X(SHAPE, "shape")   /* reads metadata: shape, size */                                          \
    X(RESIZE, "resize") /* interpolation */                                                        \
    X(SEARCH, "search") /* sort, top-k, NMS, unique */                                             \
    X(RANDOM, "random")                                                                            \
    X(CONTROL, "control")   /* if, loop, scan */                                                   \
    X(SEQUENCE, "sequence") /* containers */                                                       \
    X(TEXT, "text")         /* strings */                                                          \
    X(TREE, "tree")         /* classic machine learning */                                         \
    X(LOSS, "loss")                                                                                \
    X(FUSION, "fusion") /* a group that a compiler formed */                                        \
    X(OTHER, "other")

typedef enum sz_op_kind {
#define SZ_KIND_ENUM(name, text) SZ_KIND_##name,
    SZ_KINDS(SZ_KIND_ENUM)
#undef SZ_KIND_ENUM
        SZ_KIND_COUNT
} sz_op_kind;

typedef struct sz_infer sz_infer;
typedef struct sz_costing sz_costing;
typedef sz_status sz_shape_rule(sz_infer *n);
typedef sz_status sz_value_rule(sz_infer *n);
typedef sz_status sz_cost_rule(sz_costing *c);

enum { SZ_MANY = INT32_MAX }; // variadic

typedef struct sz_op {
    const char *domain; // "" = ai.onnx
    const char *name;
    int32_t since; // newest version of its domain that changed it, as known here
    sz_op_kind kind;
    int32_t min_in, max_in, max_out; // over all versions; min_in counts leading required inputs
    sz_shape_rule *shape;
    sz_value_rule *value; // NULL: outputs are never known numbers
    sz_cost_rule *cost;
    double work; // elementary operations per element of output 0 (see the cost rule)
} sz_op;

int32_t sz_op_count(void);
const sz_op *sz_op_get(int32_t row);
int32_t sz_op_find(sz_str domain, sz_str name); // SZ_NONE when there is no row
const char *sz_kind_name(sz_op_kind kind);
bool sz_op_is_costed(const sz_op *op); // false: nodes of it are always reported as unknown

// ---- inference ---------------------------------------------------------------------------------

struct sz_infer {
    sz_ctx *ctx;
    sz_graph *graph;
    sz_node_id id;
    const sz_node *node;
    const sz_op *op;
    int32_t opset; // version of the node's domain
    int depth;     // of subgraphs
    bool blind;    // large values are hidden, see sz_op_begin
};

bool sz_has_in(const sz_infer *n, int i);               // present (not left out)
const sz_type *sz_in(const sz_infer *n, int i);         // kind SZ_TYPE_NONE when absent; never NULL
const sz_tensor *sz_in_value(const sz_infer *n, int i); // NULL when not known; reads constants
// May the rule take so many steps of work that is more than linear in its inputs? Few are free,
// many come out of the budget of the model (SZ_MAX_LOOKED_ELEMENTS); false = do without the result.
bool sz_op_afford(const sz_infer *n, int64_t steps);
// For the drivers, before the rules of a node: takes the large values of its inputs out of the
// budget, or hides them from all rules.
void sz_op_begin(sz_infer *n);
// Convenience on sz_in: rank (-1 unknown or absent), dim at axis (SZ_DIM_UNKNOWN when not known;
// negative axis counts from the end), dtype.
int32_t sz_in_rank(const sz_infer *n, int i);
int64_t sz_in_dim(const sz_infer *n, int i, int axis);
sz_dtype sz_in_dtype(const sz_infer *n, int i);
bool sz_has_out(const sz_infer *n, int o);

// Set output o; does nothing when the output is left out. dims are copied. Dims below 0 other than
// unknown/symbols and ranks above SZ_MAX_RANK fail. dtype 0 = not known.
sz_status sz_out(sz_infer *n, int o, sz_dtype dtype, int32_t rank, const int64_t *dims);
sz_status sz_out_rank(sz_infer *n, int o, sz_dtype dtype,
                      int32_t rank);                            // dims unknown; rank may be -1
sz_status sz_out_like(sz_infer *n, int o, int i);               // type of input i
sz_status sz_out_type(sz_infer *n, int o, const sz_type *type); // any type; copied
const sz_type *sz_out_get(const sz_infer *n, int o);            // as set so far
// New numbers for output o, shaped as the (static) type of output o: fill ->i or ->f or ->s.
// *ret NULL when the output is left out, not static or larger than SZ_MAX_VALUE_ELEMENTS: then skip
// it.
sz_status sz_out_value(sz_infer *n, int o, sz_tensor **ret);

// Attributes. The typed getters give the default when the attribute is absent or of another type.
const sz_attr *sz_attr_find(const sz_node *node, const char *name); // NULL when absent
int64_t sz_attr_i(const sz_node *node, const char *name, int64_t def);
double sz_attr_f(const sz_node *node, const char *name, double def);
sz_str sz_attr_s(const sz_node *node, const char *name, const char *def);
// Number of ints (0 when absent), *ret_ints set (NULL when absent).
int32_t sz_attr_ints(const sz_node *node, const char *name, const int64_t **ret_ints);

// Fail with "node 'name' (Op) @offset: <message>".
sz_status sz_op_fail(const sz_infer *n, const char *fmt, ...) SZ_PRINTF(2, 3);
// Put the place of the node before a sentence that has none; returns `status`.
sz_status sz_op_place(const sz_infer *n, sz_status status);
sz_status sz_op_missing_attr(const sz_infer *n, const char *name); // required attribute absent

// Axis in [-rank, rank) -> [0, rank); fails otherwise with the operator's name.
sz_status sz_op_axis(const sz_infer *n, int64_t axis, int32_t rank, int *ret_axis);
// Numpy broadcasting of two dims lists. Unknown/symbolic dims: known > 1 wins over unknown, equal
// symbols stay. Fails when two known dims differ and neither is 1.
sz_status sz_op_broadcast(const sz_infer *n, const sz_type *a, const sz_type *b, int64_t *ret_dims,
                          int32_t *ret_rank); // *ret_rank -1 when either rank is unknown
// Integers of an operand that is an input from some opset on and an attribute before (axes, pads
// ...): input `i` when present, else attribute `name`. *ret_known false: present but not known.
// *ret_n = 0 and *ret_known true when neither is there. `*ret_ints` lives in the arena.
sz_status sz_op_ints(const sz_infer *n, int i, const char *name, bool *ret_known, int32_t *ret_n,
                     const int64_t **ret_ints);
// dim arithmetic that passes unknown on; fails on overflow.
sz_status sz_dim_mul(const sz_infer *n, int64_t a, int64_t b, int64_t *ret);
sz_status sz_dim_add(const sz_infer *n, int64_t a, int64_t b, int64_t *ret);
void *sz_op_alloc(const sz_infer *n, size_t count, size_t size); // arena; NULL = no memory

// Infer a body: types of its inputs have been set by the caller with sz_body_input.
// Output types are then read from the body's outputs.
sz_status sz_infer_body(sz_infer *n, sz_graph *body);

// ---- costing -----------------------------------------------------------------------------------

// What one node costs. All counts are exact int64; the driver checks overflow of sums.
typedef struct sz_work {
    int64_t macs;  // multiply-accumulates of contractions
    int64_t flops; // elementary work of non-contractions (2 x macs is added by the driver)
    int64_t
        epilogue; // elementary work inside a contraction (bias, softmax, activation): not in flops
    int64_t bias; // bias additions of a contraction (part of epilogue)
    int64_t bytes_read, bytes_written;
    int64_t out_elements; // of output 0
    int64_t in_elements;  // of input 0
    int64_t skipped_macs; // multiplications with padding zeros, included in macs
    int64_t kernel;       // pool/conv: elements of the window
    int64_t scores;       // attention: elements of the softmax
    int64_t score_macs, value_macs; // attention: parts of macs, queries x keys and scores x values
} sz_work;

struct sz_costing {
    sz_infer in;   // the same accessors: sz_in(&c->in, i) ...; outputs by sz_out_get(&c->in, o)
    sz_work *work; // prefilled by the driver: out_elements, in_elements, bytes_read = all inputs,
                   // bytes_written = all outputs. Everything else 0.
    const char
        *unknown; // set to a reason when the cost can't be told; the node is reported as unknown
};

// "Cannot be told": the driver reports the node with this reason. Returns SZ_OK.
sz_status sz_cost_unknown(sz_costing *c, const char *why);
// Elements of input i / output o. Shapes are static when a cost rule runs (the driver saw to it);
// absent gives 0.
int64_t sz_cost_in_elements(const sz_costing *c, int i);
int64_t sz_cost_out_elements(const sz_costing *c, int o);
// c->work->macs += product of the n factors; fails with "macs exceed 2^63" on overflow. Same for
// flops.
sz_status sz_cost_add_macs(sz_costing *c, int n, const int64_t *factors);
sz_status sz_cost_add_flops(sz_costing *c, int n, const int64_t *factors);
sz_status sz_cost_add_epilogue(sz_costing *c, int n, const int64_t *factors);

#endif
