// SPDX-License-Identifier: Apache-2.0
// oneDNN 2.x by its C interface, opened at run time. What a primitive is made of is in
// onednn_ops.c; how it is packed and run in onednn.c.
#ifndef SZ_ONEDNN_H
#define SZ_ONEDNN_H

#include "model/ops/rule.h"
#include "run/backends/backend.h"

#ifdef SZ_HAVE_DNNL
#include <oneapi/dnnl/dnnl.h>

// Functions that are called, each by its name.
#define SZ_DNNL_FUNCTIONS(F)                                                                       \
    F(version)                                                                                     \
    F(engine_create)                                                                               \
    F(stream_create)                                                                               \
    F(stream_wait)                                                                                 \
    F(memory_desc_init_by_strides)                                                                 \
    F(memory_desc_init_by_tag)                                                                     \
    F(memory_desc_equal)                                                                           \
    F(memory_create)                                                                               \
    F(memory_destroy)                                                                              \
    F(primitive_desc_create)                                                                       \
    F(primitive_desc_destroy)                                                                      \
    F(primitive_desc_query)                                                                        \
    F(primitive_desc_query_md)                                                                     \
    F(primitive_create)                                                                            \
    F(primitive_destroy)                                                                           \
    F(primitive_execute)                                                                           \
    F(reorder_primitive_desc_create)                                                               \
    F(matmul_desc_init)                                                                            \
    F(dilated_convolution_forward_desc_init)                                                       \
    F(softmax_v2_forward_desc_init)                                                                \
    F(layer_normalization_forward_desc_init)                                                       \
    F(batch_normalization_forward_desc_init)                                                       \
    F(eltwise_forward_desc_init)                                                                   \
    F(binary_desc_init)                                                                            \
    F(pooling_v2_forward_desc_init)

typedef struct sz_dnnl {
    void *library;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
#define F(name) __typeof__(dnnl_##name) *name;
    SZ_DNNL_FUNCTIONS(F)
#undef F
} sz_dnnl;

enum { SZ_DNNL_ARGS = 8 };

// One operand of a primitive and the buffer that it is.
typedef struct sz_dnnl_arg {
    int index; // DNNL_ARG_...
    bool is_output;
    int which;               // input or output of the node
    dnnl_memory_desc_t user; // as it lies in the buffer
} sz_dnnl_arg;

typedef struct sz_dnnl_plan {
    const sz_dnnl *lib;
    const sz_node_call *call;
    union {
        dnnl_matmul_desc_t matmul;
        dnnl_convolution_desc_t conv;
        dnnl_softmax_v2_desc_t softmax;
        dnnl_layer_normalization_desc_t layer_norm;
        dnnl_batch_normalization_desc_t batch_norm;
        dnnl_eltwise_desc_t eltwise;
        dnnl_binary_desc_t binary;
        dnnl_pooling_v2_desc_t pool;
    } desc;
    sz_dnnl_arg args[SZ_DNNL_ARGS];
    int n_args;
    dnnl_status_t status; // the first that was not success
} sz_dnnl_plan;

typedef struct sz_dnnl_op {
    const char *op; // of ai.onnx
    const char *(*refuses)(const sz_graph *g, const sz_node *n);
    void (*plan)(sz_dnnl_plan *p);
} sz_dnnl_op;

const sz_dnnl_op *sz_dnnl_find(const sz_node *n); // NULL: it has no such primitive
dnnl_data_type_t sz_dnnl_type(sz_dtype t);        // dnnl_data_type_undef: it has no such format
#endif
#endif
