// SPDX-License-Identifier: Apache-2.0
// Generated signals: window functions and the mel matrix.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// The only number of input i; SZ_VALUE_UNKNOWN when it is not known.
static int64_t scalar_in(const sz_infer *n, int i) {
    const sz_tensor *t = sz_in_value(n, i);
    return t && t->i && t->count == 1 ? t->i[0] : SZ_VALUE_UNKNOWN;
}

static sz_status size_in(const sz_infer *n, int i, const char *what, int64_t *ret_dim) {
    int64_t size = scalar_in(n, i);
    *ret_dim = size == SZ_VALUE_UNKNOWN ? SZ_DIM_UNKNOWN : size;
    if (size < 0 && size != SZ_VALUE_UNKNOWN) return sz_op_fail(n, "%s is %" PRId64, what, size);
    return SZ_OK;
}

static sz_status generated_dtype(const sz_infer *n, sz_dtype *ret_dtype) {
    return sz_attr_dtype(n, "output_datatype", sz_dtype_from_onnx(SZ_ONNX_FLOAT), ret_dtype);
}

sz_status sz_shape_window_function(sz_infer *n) {
    sz_dtype dtype;
    int64_t size;
    SZ_TRY(generated_dtype(n, &dtype));
    SZ_TRY(size_in(n, 0, "size", &size));
    return sz_out(n, 0, dtype, 1, &size);
}

// [dft_length / 2 + 1, num_mel_bins]
sz_status sz_shape_mel_matrix(sz_infer *n) {
    sz_dtype dtype;
    int64_t bins, length;
    SZ_TRY(generated_dtype(n, &dtype));
    SZ_TRY(size_in(n, 0, "num_mel_bins", &bins));
    SZ_TRY(size_in(n, 1, "dft_length", &length));
    return sz_out(n, 0, dtype, 2, (int64_t[]){length < 0 ? length : length / 2 + 1, bins});
}

// Triangles overlap in pairs: each spectrum bin lies on two slopes, and takes one subtraction and
// one division (`work` 2) on each.
sz_status sz_cost_mel_matrix(sz_costing *c) {
    const sz_type *y = sz_out_get(&c->in, 0);
    int64_t spectrum = y->rank == 2 ? y->dims[0] : 0;
    return sz_cost_add_flops(c, 3, (int64_t[]){spectrum, 2, (int64_t)c->in.op->work});
}
