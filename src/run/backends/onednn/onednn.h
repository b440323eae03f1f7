// SPDX-License-Identifier: Apache-2.0
// oneDNN by its C interface, opened at run time. The files of operators (ops.def) describe
// primitives in the terms of this header; v2.c and v3.c say them to a library of version 2 or 3;
// step.c lays out the operands, packs them and runs. No header of the library is needed: what is
// called is declared here, and tests/bench/onednn_facts_test.c holds it to the header where one is
// installed.
#ifndef SZ_ONEDNN_H
#define SZ_ONEDNN_H

#include "model/ops/rule.h"
#include "run/backends/backend.h"

// ---- numbers that are the same in versions 2 and 3 ---------------------------------------------

enum { SZ_DNNL_SUCCESS = 0, SZ_DNNL_INVALID = 2, SZ_DNNL_UNIMPLEMENTED = 3 }; // dnnl_status_t
enum { SZ_DNNL_CPU = 1, SZ_DNNL_STREAM = 1, SZ_DNNL_ANY = 1 };
enum { SZ_DNNL_IMPL_INFO = 8, SZ_DNNL_EXEC_ARG = 255 }; // dnnl_query_t

typedef enum sz_dnnl_type {
    SZ_DNNL_NO_TYPE = 0,
    SZ_DNNL_F16 = 1,
    SZ_DNNL_BF16 = 2,
    SZ_DNNL_F32 = 3,
    SZ_DNNL_S32 = 4,
    SZ_DNNL_S8 = 5,
    SZ_DNNL_U8 = 6
} sz_dnnl_type;

typedef enum sz_dnnl_direction { // dnnl_prop_kind_t
    SZ_DNNL_TRAINING = 64,       // forward, and keep what backward needs
    SZ_DNNL_INFERENCE = 96,
    SZ_DNNL_BACKWARD = 128,
    SZ_DNNL_BACKWARD_DATA = 160,
    SZ_DNNL_BACKWARD_WEIGHTS = 192
} sz_dnnl_direction;

typedef enum sz_dnnl_role { // DNNL_ARG_...
    SZ_DNNL_SRC = 1,
    SZ_DNNL_SRC_1 = 2,
    SZ_DNNL_SRC_ITER = 2,
    SZ_DNNL_SRC_ITER_C = 3,
    SZ_DNNL_DST = 17,
    SZ_DNNL_DST_ITER = 18,
    SZ_DNNL_DST_ITER_C = 19,
    SZ_DNNL_WEIGHTS = 33,
    SZ_DNNL_WEIGHTS_ITER = 34,
    SZ_DNNL_BIAS = 41,
    SZ_DNNL_MEAN = 49,
    SZ_DNNL_VARIANCE = 50,
    SZ_DNNL_SCALE = 51,
    SZ_DNNL_SHIFT = 52,
    SZ_DNNL_WORKSPACE = 64,
    SZ_DNNL_DIFF = 128, // of a role: SZ_DNNL_DIFF + SZ_DNNL_SRC
    SZ_DNNL_DIFF_SCALE = 255,
    SZ_DNNL_DIFF_SHIFT = 256,
    SZ_DNNL_MULTIPLE = 1024 // + number, of sources
} sz_dnnl_role;

enum { // dnnl_alg_kind_t, but for those of element-wise primitives
    SZ_DNNL_CONV_DIRECT = 1,
    SZ_DNNL_DECONV_DIRECT = 10,
    SZ_DNNL_POOL_MAX = 511,
    SZ_DNNL_POOL_AVG_PADDED = 767,
    SZ_DNNL_POOL_AVG = 1023,
    SZ_DNNL_RNN_VANILLA = 8191,
    SZ_DNNL_LSTM = 12287,
    SZ_DNNL_GRU = 16383,
    SZ_DNNL_GRU_LINEAR = 20479, // linear before reset
    SZ_DNNL_BINARY_ADD = 131056,
    SZ_DNNL_BINARY_MUL = 131057,
    SZ_DNNL_BINARY_MAX = 131058,
    SZ_DNNL_BINARY_MIN = 131059,
    SZ_DNNL_BINARY_DIV = 131060,
    SZ_DNNL_BINARY_SUB = 131061,
    SZ_DNNL_NEAREST = 196592,
    SZ_DNNL_LINEAR = 196593,
    SZ_DNNL_REDUCE_MAX = 196594,
    SZ_DNNL_REDUCE_MIN = 196595,
    SZ_DNNL_REDUCE_SUM = 196596,
    SZ_DNNL_REDUCE_MUL = 196597,
    SZ_DNNL_REDUCE_MEAN = 196598,
    SZ_DNNL_REDUCE_NORM = 196600,      // (sum |x|^p)^(1/p)
    SZ_DNNL_REDUCE_POWER_SUM = 196602, // sum |x|^p
    SZ_DNNL_SOFTMAX = 196608,
    SZ_DNNL_LOG_SOFTMAX = 196609
};

// Version 2: sizeof(dnnl_memory_desc_t), and more than the largest description of a primitive has.
enum { SZ_DNNL_V2_MEMORY_DESC = 696, SZ_DNNL_V2_PRIMITIVE_DESC = 24576 };

// ---- numbers that differ: ours, which v2.c and v3.c translate ----------------------------------

typedef enum sz_dnnl_eltwise {
    SZ_DNNL_ELTWISE_NONE,
#define ELTWISE(name, v2, v3) SZ_DNNL_##name,
#include "run/backends/onednn/eltwise.def"
#undef ELTWISE
    SZ_DNNL_ELTWISES
} sz_dnnl_eltwise;

enum { SZ_DNNL_FORWARDS, SZ_DNNL_REVERSED, SZ_DNNL_BOTH_WAYS }; // through time
enum { SZ_DNNL_GIVEN_STATS = 1, SZ_DNNL_WITH_SCALE = 2, SZ_DNNL_WITH_SHIFT = 4 };

typedef enum sz_dnnl_kind {
    SZ_DNNL_MATMUL,
    SZ_DNNL_CONV,
    SZ_DNNL_DECONV,
    SZ_DNNL_POOL,
    SZ_DNNL_SOFTMAX_KIND,
    SZ_DNNL_LAYER_NORM,
    SZ_DNNL_BATCH_NORM,
    SZ_DNNL_ELTWISE,
    SZ_DNNL_BINARY,
    SZ_DNNL_REDUCTION,
    SZ_DNNL_RESAMPLING,
    SZ_DNNL_PRELU,
    SZ_DNNL_RNN,
    SZ_DNNL_WITH_DESC, // those above have a description of their own, those below have not
    SZ_DNNL_REORDER = SZ_DNNL_WITH_DESC,
    SZ_DNNL_CONCAT,
    SZ_DNNL_SUM,
    SZ_DNNL_PRIMITIVES,
    SZ_DNNL_BLOCKS = SZ_DNNL_PRIMITIVES // no primitive: gates put in another order, by ourselves
} sz_dnnl_kind;

// ---- the library -------------------------------------------------------------------------------

typedef struct sz_dnnl_exec { // dnnl_exec_arg_t
    int role;
    void *memory;
} sz_dnnl_exec;

// Functions that are called the same way in both versions: F(result, name, arguments). A
// description of memory is passed by its address in version 2 and as a handle in version 3, a
// pointer in both.
#define SZ_DNNL_FUNCTIONS(F)                                                                       \
    F(const int *, version, (void))                                                                \
    F(int, engine_create, (void **, int, size_t))                                                  \
    F(int, stream_create, (void **, void *, unsigned))                                             \
    F(int, stream_wait, (void *))                                                                  \
    F(int, memory_desc_equal, (const void *, const void *))                                        \
    F(int, memory_create, (void **, const void *, void *, void *))                                 \
    F(int, memory_destroy, (void *))                                                               \
    F(int, memory_get_data_handle, (const void *, void **))                                        \
    F(int, memory_get_memory_desc, (const void *, const void **))                                  \
    F(size_t, memory_desc_get_size, (const void *))                                                \
    F(int, primitive_desc_destroy, (void *))                                                       \
    F(int, primitive_desc_query, (const void *, int, int, void *))                                 \
    F(const void *, primitive_desc_query_md, (const void *, int, int))                             \
    F(int, primitive_create, (void **, const void *))                                              \
    F(int, primitive_destroy, (void *))                                                            \
    F(int, primitive_execute, (const void *, void *, int, const sz_dnnl_exec *))                   \
    F(int, primitive_attr_create, (void **))                                                       \
    F(int, primitive_attr_destroy, (void *))                                                       \
    F(int, primitive_attr_set_post_ops, (void *, const void *))                                    \
    F(int, post_ops_create, (void **))                                                             \
    F(int, post_ops_destroy, (void *))                                                             \
    F(int, reorder_primitive_desc_create,                                                          \
      (void **, const void *, void *, const void *, void *, const void *))

struct sz_dnnl_plan;
struct sz_dnnl_stage;

// What a version does in its own way.
typedef struct sz_dnnl_version {
    int major, minor;    // and all later ones of this major
    bool back_has_shift; // batch normalization going back wants the shift, which it does not read
    const char *(*load)(void *library); // NULL = done, else the name of a function that is missing
    // Description of memory; strides NULL = any layout. In memory of the plan.
    int (*describe)(struct sz_dnnl_plan *p, int rank, const int64_t *dims, int type,
                    const int64_t *strides, void **ret_desc);
    void (*forget)(void *desc);
    int (*primitive)(struct sz_dnnl_plan *p, const struct sz_dnnl_stage *s, const void *attr,
                     void **ret_desc);
    int (*scale)(void *post_ops, float factor); // append: times a factor
} sz_dnnl_version;

extern const sz_dnnl_version sz_dnnl_v2, sz_dnnl_v3;

// Memory of the library that a step leaves to those that follow: what a forward step keeps for the
// one that goes back through the same layer; or a result that lies in its buffer as the library
// likes it, since steps of the library alone read it.
typedef struct sz_dnnl_left {
    const sz_graph *graph;
    sz_value_id value; // the first result
    const void *data;  // of a result: its buffer, which tells jobs on one graph apart
    void *memory;      // NULL = none
    struct sz_dnnl_left *next;
} sz_dnnl_left;

typedef struct sz_dnnl {
    void *library, *engine, *stream;
    const sz_dnnl_version *by;
    sz_dnnl_left *kept, *laid; // of steps that are there
#define F(result, name, arguments) result(*name) arguments;
    SZ_DNNL_FUNCTIONS(F)
#undef F
} sz_dnnl;

// ---- a plan: the stages that a node is run in --------------------------------------------------

enum { SZ_DNNL_AXES = 12, SZ_DNNL_OPERANDS = 24, SZ_DNNL_STAGES = 16, SZ_DNNL_TEMPS = 32 };

// How numbers lie: dims and strides in elements.
typedef struct sz_dnnl_view {
    int rank;
    int64_t dims[SZ_DNNL_AXES], strides[SZ_DNNL_AXES];
} sz_dnnl_view;

typedef enum sz_dnnl_place { SZ_DNNL_IN, SZ_DNNL_OUT, SZ_DNNL_TEMP } sz_dnnl_place;

typedef struct sz_dnnl_operand {
    int role;
    sz_dnnl_place place;
    int which;       // input or output of the node, or buffer in between
    bool is_written; // by the stage
    bool any;        // the primitive chooses the layout, and the numbers are moved
    bool is_hidden;  // a buffer in between, of which only the library knows the layout
    bool is_formal;  // some versions want it, though it is not read
    bool adds_up;    // the primitive adds to what is there: zeros before each run
    sz_dnnl_type type;
    sz_dnnl_view view;
    void *dense, *open;       // descriptions of the operand's own: the view, any layout; or NULL
    const void *lies, *asked; // as it lies, as it is asked for: one of those, or lent
} sz_dnnl_operand;

typedef struct sz_dnnl_window {
    int axes;
    int64_t kernel[3], stride[3], dilation[3]; // dilation: 0 = dense
    int64_t left[3], right[3];
} sz_dnnl_window;

// SZ_DNNL_BLOCKS: operand 1 = blocks of operand 0, each a sum of up to two.
typedef struct sz_dnnl_blocks {
    int groups;                 // of blocks, all alike
    int n_from, n_to;           // blocks of a group
    int64_t length;             // numbers of a block
    int8_t first[8], second[8]; // of each block that is made: which are its sum, -1 = none
} sz_dnnl_blocks;

typedef struct sz_dnnl_stage {
    sz_dnnl_kind kind;
    sz_dnnl_direction direction;
    int algorithm;       // of the kind
    int activation, way; // of a recurrent one
    int axis;
    unsigned flags;
    float alpha, beta, epsilon;
    float factor; // of the result, 1 = none
    sz_dnnl_window window;
    sz_dnnl_blocks blocks;
    sz_dnnl_operand operands[SZ_DNNL_OPERANDS];
    int n;
} sz_dnnl_stage;

typedef struct sz_dnnl_plan {
    const sz_dnnl *lib;
    const sz_node_call *call;
    sz_arena arena;
    sz_dnnl_stage stages[SZ_DNNL_STAGES];
    int n, temps;
    // The hidden buffer that a forward step keeps, or that was kept: `kept.memory`; -1 = none.
    int kept_temp;
    sz_dnnl_left kept;
} sz_dnnl_plan;

// Types of the node's operands are static, of at most 6 axes, and none is empty, when these are
// called.
typedef struct sz_dnnl_op {
    const char *domain, *op;
    const char *(*refuses)(const sz_graph *g, const sz_node *n);
    void (*plan)(sz_dnnl_plan *p);
} sz_dnnl_op;

const sz_dnnl_op *sz_dnnl_find(const sz_node *n); // NULL: it has no such primitive
sz_dnnl_type sz_dnnl_type_of(sz_dtype t);         // SZ_DNNL_NO_TYPE: it has no such format
size_t sz_dnnl_width(sz_dnnl_type t);             // bytes

// laid.c: results that lie as the library likes it.
//
// The inputs of the plan's node that lie so, and are seen otherwise than they are, are made dense
// before its other stages. False: the plan has no room for that.
bool sz_dnnl_make_dense(sz_dnnl_plan *p);
// Descriptions of the operands of a stage, and what is asked for: the view, or any layout.
int sz_dnnl_describe(sz_dnnl_plan *p, sz_dnnl_stage *stage);
// Ask for operands as they lie, where the primitive may take them so. False = nothing is changed.
bool sz_dnnl_keep_layouts(sz_dnnl_plan *p, sz_dnnl_stage *stage);
void sz_dnnl_drop_layouts(sz_dnnl_stage *stage); // ask for the view again
void sz_dnnl_forget(sz_dnnl_plan *p);            // all descriptions
// The numbers of `from`, dense, at `to`. A status of the library.
int sz_dnnl_copy_dense(sz_dnnl_plan *p, void *from, const sz_type *type, void *to);

// step.c
sz_status sz_dnnl_prepare(void *library, const sz_node_call *call, sz_step *ret_step);

// ---- for the files of versions -----------------------------------------------------------------

// What is asked for in a role, NULL = nothing; and the same where a forward primitive is made as a
// hint for the one that goes back: it takes the difference of a role for the role.
const void *sz_dnnl_asked(const sz_dnnl_stage *s, int role);
const void *sz_dnnl_forward(const sz_dnnl_stage *s, int role);
static inline bool sz_dnnl_is_back(int direction) { return direction >= SZ_DNNL_BACKWARD; }

// ---- for the files of operators ----------------------------------------------------------------

#define SZ_DNNL_REFUSES(name) const char *sz_dnnl_no_##name(const sz_graph *g, const sz_node *n)
#define SZ_DNNL_PLANS(name)   void sz_dnnl_plan_##name(sz_dnnl_plan *p)

sz_dnnl_view sz_dnnl_dense(int rank, const int64_t *dims);
sz_dnnl_view sz_dnnl_view_of(const sz_type *t);
// The last axes of a result: `rank` axes, those in front of size 1.
sz_dnnl_view sz_dnnl_aligned(const sz_type *t, int rank);
void sz_dnnl_exchange(sz_dnnl_view *v, int a, int b); // two axes
int64_t sz_dnnl_product(const int64_t *dims, int from, int to);

const sz_type *sz_dnnl_in_type(const sz_dnnl_plan *p, int i); // NULL: left out
const sz_type *sz_dnnl_out_type(const sz_dnnl_plan *p, int o);
static inline bool sz_dnnl_has_out(const sz_node *n, int o) {
    return o < n->n_outputs && n->outputs[o] != SZ_NONE;
}

// A new stage, and operands of the last one. `view` NULL = as the value is.
sz_dnnl_stage *sz_dnnl_stage_add(sz_dnnl_plan *p, sz_dnnl_kind kind, sz_dnnl_direction direction,
                                 int algorithm);
sz_dnnl_operand *sz_dnnl_in(sz_dnnl_plan *p, int role, int i, const sz_dnnl_view *view);
sz_dnnl_operand *sz_dnnl_out(sz_dnnl_plan *p, int role, int o, const sz_dnnl_view *view);
// The buffer in between `temp`, which the stage reads or writes.
sz_dnnl_operand *sz_dnnl_temp(sz_dnnl_plan *p, int role, int temp, bool is_written,
                              sz_dnnl_type type, const sz_dnnl_view *view);
// The same, filled with zeros and never written.
sz_dnnl_operand *sz_dnnl_zeros(sz_dnnl_plan *p, int role, const sz_dnnl_view *view);
sz_dnnl_operand *sz_dnnl_hidden(sz_dnnl_plan *p, int role, int temp, bool is_written);
int sz_dnnl_new_temp(sz_dnnl_plan *p);
// One element-wise primitive over a dense buffer in between or operand.
sz_dnnl_stage *sz_dnnl_eltwise_add(sz_dnnl_plan *p, int algorithm, float alpha, float beta);

// Formats: NULL = fine.
const char *sz_dnnl_f32_or_bf16(const sz_graph *g, const sz_node *n);
const char *sz_dnnl_only_f32(const sz_graph *g, const sz_node *n);
bool sz_dnnl_is(const sz_graph *g, const sz_node *n, int i, const char *dtype);
// Numbers of a small constant input; NULL = not known or left out.
const sz_tensor *sz_dnnl_numbers(const sz_graph *g, const sz_node *n, int i);
// Has the integer form of an operator points of zero (inputs 2 and 3) other than 0? NULL = no.
const char *sz_dnnl_zero_points(const sz_graph *g, const sz_node *n);
double sz_dnnl_number(const sz_tensor *t, int64_t k);
bool sz_dnnl_same_dims(const sz_type *a, const sz_type *b);

#endif
