// SPDX-License-Identifier: Apache-2.0
// Arithmetic on the numbers of small tensors: formats, wrapping, rounding and numpy broadcasting.
#ifndef SZ_NUMBERS_H
#define SZ_NUMBERS_H

#include "model/ops/rule.h"

// ONNX TensorProto.DataType codes that operators name as defaults.
enum {
    SZ_ONNX_FLOAT = 1, SZ_ONNX_UINT8 = 2, SZ_ONNX_INT32 = 6, SZ_ONNX_INT64 = 7, SZ_ONNX_BOOL = 9,
    SZ_ONNX_FLOAT16 = 10, SZ_ONNX_BFLOAT16 = 16
};

// Attribute `name` as a dtype; `def` when it is absent; fails on a code that ONNX does not have.
sz_status sz_attr_dtype(const sz_infer *n, const char *name, sz_dtype def, sz_dtype *ret_dtype);

// An attribute that may be written as an int or as a float.
double sz_attr_number(const sz_node *node, const char *name, double def);

bool sz_is_float(sz_dtype t);   // numbers are in sz_tensor.f
bool sz_is_integer(sz_dtype t); // int, uint, bool: numbers are in sz_tensor.i
bool sz_is_unsigned(sz_dtype t);
// Integers, and floats wide enough to be worth computing with (16 bits and more).
bool sz_is_computable(sz_dtype t);

// x as stored in `t`: high bits are cut off and the rest is reinterpreted. Unknown stays unknown.
int64_t sz_wrap(sz_dtype t, int64_t x);
// x rounded to the nearest number of the float format `t`, ties to even.
double sz_round_to(sz_dtype t, double x);
// x cut to an integer of `t`; SZ_VALUE_UNKNOWN when it does not fit (ONNX leaves that undefined).
int64_t sz_from_double(sz_dtype t, double x);
// Element k of a computable tensor as a double; its integers must be known.
double sz_as_double(const sz_tensor *t, int64_t k);
// Put x at k: rounded or cut to the format of t.
void sz_put_double(sz_tensor *t, int64_t k, double x);
bool sz_has_unknown(const sz_tensor *t);

// A walk over all indices of a box, in row-major order, that keeps the offset into up to three
// operands whose dims are missing on the left or 1 (numpy broadcasting). Operand k is at w.at[k].
//     for (; w.left > 0; sz_walk_next(&w)) ...
enum { SZ_WALK_OPERANDS = 3 };
typedef struct sz_walk {
    int32_t rank;
    int64_t left;
    const int64_t *dims;
    int64_t index[SZ_MAX_RANK];
    int64_t step[SZ_WALK_OPERANDS][SZ_MAX_RANK];
    int64_t at[SZ_WALK_OPERANDS];
} sz_walk;

void sz_walk_init(sz_walk *w, int32_t rank, const int64_t *dims, int64_t count);
// false when the operand does not broadcast to the box.
bool sz_walk_add(sz_walk *w, int k, int32_t rank, const int64_t *dims);
void sz_walk_next(sz_walk *w);

#endif
