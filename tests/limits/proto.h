// SPDX-License-Identifier: Apache-2.0
// ONNX files written by hand: protobuf messages into growing bytes. No memory ends the test.
#ifndef SZ_TEST_PROTO_H
#define SZ_TEST_PROTO_H

#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    unsigned char *p;
    size_t n, cap;
} bytes;

extern const bytes nothing;

void bytes_free(bytes *b);
void put_raw(bytes *b, const void *p, size_t n);
void put_varint(bytes *b, uint64_t v);
void put_tag(bytes *b, uint32_t field, uint32_t type); // wire type
void put_number(bytes *b, uint32_t field, uint64_t v);
void put_text(bytes *b, uint32_t field, const char *text);
void put_fill(bytes *b, uint32_t field, char c, size_t n);  // n times c
void put_message(bytes *b, uint32_t field, bytes *message); // frees the message

// NodeProto: operator, inputs and outputs, "" = left out, NULL-ended.
bytes make_node(const char *op, const char *domain, const char *const *inputs,
                const char *const *outputs);
// ValueInfoProto of a tensor.
bytes make_info(const char *name, int dtype, int rank, const int64_t *dims);
// TensorProto of int64, all of them 1: as raw_data or in the field of varints.
bytes make_ones(const char *name, int64_t n, int as_field);
// ModelProto around a GraphProto, which is freed. opset of ai.onnx and IR version as given.
bytes make_model(bytes *graph, int64_t opset, int64_t ir);

// "v17", good for four calls.
const char *numbered(char letter, int64_t i);
// Nodes, inputs and outputs of a GraphProto. `b` may be NULL.
void add_node(bytes *graph, const char *op, const char *a, const char *b, const char *out);
void add_input(bytes *graph); // x: f32[2]
void add_output(bytes *graph, const char *name);
bytes small_graph(void); // x: f32[2] -> Relu -> y
bytes small_model(void);

#endif
