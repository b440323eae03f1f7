// SPDX-License-Identifier: Apache-2.0
// The numbers of the rows of the operator table, made from the table: SZ_ROW_ONNX_MatMul.
#ifndef SZ_ROWS_H
#define SZ_ROWS_H

enum {
#define OP(domain, name, since, kind, min_in, max_in, max_out, shape, value, cost, work)           \
    SZ_ROW_##domain##_##name,
#include "model/ops/ops.def"
#undef OP
};

#endif
