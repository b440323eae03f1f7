// SPDX-License-Identifier: Apache-2.0
// A graph as a file of another format.
#ifndef SZ_EXPORT_H
#define SZ_EXPORT_H

#include "model/graph/graph.h"

#include <sizeup/text.h>

typedef struct sz_export_options {
    // The numbers of a constant, as the file keeps them: `bytes` of little-endian elements, packed
    // without gaps. *ret_is_there false: it has none. NULL: those that the graph and its files
    // have.
    sz_status (*fill)(void *user, sz_graph *g, sz_value_id id, unsigned char *ret_raw, size_t bytes,
                      bool *ret_is_there);
    void *user;
    bool number_nodes; // node k of the main graph is called "k", so that it can be told apart
} sz_export_options;

// Bytes of constants whose numbers are nowhere: they are said to be in this file beside the model.
extern const char sz_export_absent[]; // "weights.absent"

// The graph as an ONNX model, at the end of `buf`. Free dimensions keep their names. Types are
// those that the file stated; inferred ones for outputs, and everywhere once a shape was given.
// SZ_ERR_UNAVAILABLE with the reason when ONNX can't say it: a format of numbers that it lacks, an
// attribute that was not kept, two versions of one set of operators. SZ_ERR_LIMIT from 2 GB on,
// which is all that protobuf holds.
sz_status sz_export_onnx(sz_graph *g, const sz_export_options *options, sz_buf *buf);

// ---- protobuf, as far as it is written ---------------------------------------------------------

void sz_proto_int(sz_buf *b, uint32_t field, int64_t v);
void sz_proto_float(sz_buf *b, uint32_t field, double v); // in single precision
void sz_proto_bytes(sz_buf *b, uint32_t field, const char *bytes, size_t n);
// A message inside of another one: its place, which goes to the end. Its length is written in five
// bytes however short it is, as the format allows, so that nothing is moved.
size_t sz_proto_begin(sz_buf *b, uint32_t field);
void sz_proto_end(sz_buf *b, size_t place);

#endif
