// SPDX-License-Identifier: Apache-2.0
// The numbers of the rows of ONNX's operators, made from the table: SZ_ROW_ONNX_MatMul. Its files
// are the first ones of ops.def, in the same order.
#ifndef SZ_ROWS_H
#define SZ_ROWS_H

enum {
#define OP(domain, name, since, kind, min_in, max_in, max_out, shape, value, cost, work)           \
    SZ_ROW_##domain##_##name,
#include "model/ops/elementwise.def"
#include "model/ops/window.def"
#include "model/ops/contraction.def"
#include "model/ops/move.def"
#include "model/ops/control.def"
#undef OP
};

#endif
