// SPDX-License-Identifier: Apache-2.0
// The ONNX writer, private to src/model/export/onnx*.c. Field numbers as in onnx.proto of onnx
// 1.23.
#ifndef SZ_EXPORT_ONNX_H
#define SZ_EXPORT_ONNX_H

#include "model/export/export.h"

enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTR = 5,
    NODE_DOMAIN = 7,
    ATTR_NAME = 1,
    ATTR_F = 2,
    ATTR_I = 3,
    ATTR_S = 4,
    ATTR_T = 5,
    ATTR_G = 6,
    ATTR_FLOATS = 7,
    ATTR_INTS = 8,
    ATTR_STRINGS = 9,
    ATTR_GRAPHS = 11,
    ATTR_TP = 14,
    ATTR_TYPE = 20,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_STRINGS = 6,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    INFO_NAME = 1,
    INFO_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_SEQUENCE = 4,
    TYPE_MAP = 5,
    TYPE_SPARSE = 8,
    TYPE_OPTIONAL = 9
};

typedef struct onnx_writer {
    sz_ctx *ctx;
    sz_graph *root;
    const sz_export_options *options;
    sz_buf *out;
    sz_buf *bodies;      // by number of the graph: written already
    int64_t absent;      // bytes in the file that is not there
    int64_t fresh_bytes; // of weights so far, against the limit
} onnx_writer;

static inline void onnx_put(sz_buf *b, uint32_t field, sz_str s) {
    sz_proto_bytes(b, field, s.p ? s.p : "", s.len);
}

// The code of a format of numbers; fails when ONNX has none.
sz_status onnx_code(onnx_writer *w, sz_dtype t, int64_t *ret_code);
// A constant as a TensorProto in `field`.
sz_status onnx_tensor_write(onnx_writer *w, uint32_t field, sz_graph *g, sz_value_id id,
                            sz_str name);

#endif
