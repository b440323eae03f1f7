// SPDX-License-Identifier: Apache-2.0
// Matrix products with batches, plain, fused and quantized, and Gemm.
#include "run/backends/ref/kernel.h"

#include "model/ops/numbers.h"

#include <math.h>

// One operand seen as batch axes around a matrix.
typedef struct operand {
    const double *at;
    int rank;                  // of the batch axes
    int64_t dims[SZ_MAX_RANK]; // batch
    int64_t strides[SZ_MAX_RANK];
    int64_t rows, columns, row, column;
} operand;

// `batch_first`: axis 0 stands behind the batch axes, as the attribute transBatchA says.
static void view(const sz_buffer *b, const double *at, bool second, bool turned, bool batch_first,
                 operand *ret) {
    int64_t dims[SZ_MAX_RANK + 1], strides[SZ_MAX_RANK + 1], step = 1;
    int rank = b->rank;
    for (int d = rank - 1; d >= 0; d--) dims[d] = b->dims[d], strides[d] = step, step *= b->dims[d];
    if (rank == 1) { // a vector is a row on the left and a column on the right
        dims[second ? 1 : 0] = 1, strides[second ? 1 : 0] = 1;
        dims[second ? 0 : 1] = b->dims[0], strides[second ? 0 : 1] = 1;
        rank = 2;
    }
    if (batch_first && rank > 2) {
        const int64_t dim = dims[0], stride = strides[0];
        for (int d = 0; d < rank - 2; d++) dims[d] = dims[d + 1], strides[d] = strides[d + 1];
        dims[rank - 2] = dim, strides[rank - 2] = stride;
    }
    *ret = (operand){.at = at, .rank = rank - 2};
    for (int d = 0; d < rank - 2; d++) ret->dims[d] = dims[d], ret->strides[d] = strides[d];
    const int r = turned ? rank - 1 : rank - 2, q = turned ? rank - 2 : rank - 1;
    ret->rows = dims[r], ret->row = strides[r];
    ret->columns = dims[q], ret->column = strides[q];
}

// Offset of an operand for batch number `k` of the result's batch dims.
static int64_t batch_offset(const operand *o, int rank, const int64_t *dims, int64_t k) {
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; d--) {
        const int64_t index = k % dims[d];
        const int own = d - (rank - o->rank);
        k /= dims[d];
        if (own >= 0 && o->dims[own] != 1) at += index * o->strides[own];
    }
    return at;
}

static sz_status multiply(const sz_ref_call *c, const operand *a, const operand *b, double *y) {
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dims[SZ_MAX_RANK], batches = 1;
    if (a->columns != b->rows) return sz_op_fail(c->n, "inner sizes differ");
    for (int d = 0; d < rank; d++) {
        const int da = d - (rank - a->rank), db = d - (rank - b->rank);
        const int64_t na = da < 0 ? 1 : a->dims[da], nb = db < 0 ? 1 : b->dims[db];
        dims[d] = na == 1 ? nb : na;
        batches *= dims[d];
    }
    for (int64_t k = 0; k < batches; k++) {
        const sz_matrix ma = {a->at + batch_offset(a, rank, dims, k), a->row, a->column};
        const sz_matrix mb = {b->at + batch_offset(b, rank, dims, k), b->row, b->column};
        SZ_TRY(sz_ref_product(c, a->rows, b->columns, a->columns, ma, mb,
                              y + k * a->rows * b->columns, b->columns));
    }
    return SZ_OK;
}

static sz_status numpy_product(sz_ref_call *c, int ia, int ib, double *a, double *b, double *y) {
    const sz_node *node = c->n->node;
    const bool ta = sz_attr_i(node, "transA", 0) != 0, tb = sz_attr_i(node, "transB", 0) != 0;
    operand oa, ob;
    view(c->in[ia], a, false, ta, sz_attr_i(node, "transBatchA", 0) != 0, &oa);
    view(c->in[ib], b, true, tb, sz_attr_i(node, "transBatchB", 0) != 0, &ob);
    return multiply(c, &oa, &ob, y);
}

sz_status sz_ref_matmul(sz_ref_call *c) {
    double *a, *b, *y;
    SZ_TRY(sz_ref_in(c, 0, &a));
    SZ_TRY(sz_ref_in(c, 1, &b));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    SZ_TRY(numpy_product(c, 0, 1, a, b, y));
    const double alpha = sz_attr_f(c->n->node, "alpha", 1);
    for (int64_t k = 0; alpha != 1 && k < c->out[0]->count; k++) y[k] *= alpha;
    return SZ_OK;
}

// ---- Gemm --------------------------------------------------------------------------------------

// y += beta x input i, broadcast to the output.
static sz_status add_broadcast(sz_ref_call *c, int i, double beta, double *y) {
    double *x;
    sz_walk w;
    const sz_buffer *out = c->out[0];
    SZ_TRY(sz_ref_in(c, i, &x));
    if (!x) return SZ_OK;
    sz_walk_init(&w, out->rank, out->dims, out->count);
    if (!sz_walk_add(&w, 0, c->in[i]->rank, c->in[i]->dims))
        return sz_op_fail(c->n, "input %d does not broadcast to the output", i);
    for (int64_t k = 0; w.left > 0; k++, sz_walk_next(&w)) y[k] += beta * x[w.at[0]];
    return SZ_OK;
}

static sz_status activate(const sz_ref_call *c, const char *attr, double *y, int64_t count) {
    const sz_str name = sz_attr_s(c->n->node, attr, "");
    sz_activation a;
    if (name.len == 0) return SZ_OK;
    if (!sz_ref_activation(name, &a))
        return sz_op_fail(c->n, "no reference for activation '%s'", sz_show(c->ctx, name));
    const sz_attr *p = sz_attr_find(c->n->node, "activation_params");
    a.alpha = p && p->kind == SZ_ATTR_FLOATS && p->n > 0 ? p->floats[0] : a.alpha;
    a.beta = p && p->kind == SZ_ATTR_FLOATS && p->n > 1 ? p->floats[1] : a.beta;
    a.alpha = sz_attr_f(c->n->node, "activation_alpha", a.alpha);
    a.beta = sz_attr_f(c->n->node, "activation_beta", a.beta);
    for (int64_t k = 0; k < count; k++) y[k] = a.f(y[k], a.alpha, a.beta);
    return SZ_OK;
}

sz_status sz_ref_gemm(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    SZ_TRY(sz_ref_matmul(c)); // transA, transB and alpha have the same names
    double *y;
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    SZ_TRY(add_broadcast(c, 2, sz_attr_f(node, "beta", 1), y));
    return activate(c, "activation", y, c->out[0]->count);
}

// ---- quantized ---------------------------------------------------------------------------------

// Input i minus its zero point: one number, or one per row (`rows`) or per column of the last axes.
static sz_status shifted(const sz_ref_call *c, int i, int zero, bool rows, double **ret) {
    double *x, *z;
    SZ_TRY(sz_ref_in(c, i, &x));
    SZ_TRY(sz_ref_in(c, zero, &z));
    *ret = x;
    if (!z) return SZ_OK;
    const sz_buffer *b = c->in[i];
    const int64_t columns = b->rank ? sz_ref_dim(b, -1) : 1, zeros = c->in[zero]->count;
    const int64_t lines = b->rank > 1 ? sz_ref_dim(b, -2) : 1;
    for (int64_t k = 0; k < b->count; k++) {
        const int64_t row = k / columns, column = k % columns;
        int64_t at = zeros == 1 ? 0 : rows ? row % lines : column;
        // per batch too: as many as the matrix has lines or columns, times the batches
        if (zeros > (rows ? lines : columns)) at += row / lines * (rows ? lines : columns);
        x[k] -= at < zeros ? z[at] : 0;
    }
    return SZ_OK;
}

static sz_status integer_product(sz_ref_call *c, int a, int za, int b, int zb, double *y) {
    double *xa, *xb;
    SZ_TRY(shifted(c, a, za, true, &xa));
    SZ_TRY(shifted(c, b, zb, false, &xb));
    return numpy_product(c, a, b, xa, xb, y);
}

sz_status sz_ref_matmul_integer(sz_ref_call *c) {
    double *y;
    SZ_TRY(sz_ref_room(c, 0, &y));
    return y ? integer_product(c, 0, 2, 1, 3, y) : SZ_OK;
}

// Element k of a scale that is one number or one per column.
static double scale_at(const double *s, int64_t count, int64_t column) {
    return !s ? 1 : count == 1 ? s[0] : column < count ? s[column] : 0;
}

// A, B, a_scale, b_scale, a_zero, b_zero, bias -> float
sz_status sz_ref_matmul_to_float(sz_ref_call *c) {
    double *y, *sa, *sb;
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    SZ_TRY(integer_product(c, 0, 4, 1, 5, y));
    SZ_TRY(sz_ref_in(c, 2, &sa));
    SZ_TRY(sz_ref_in(c, 3, &sb));
    const int64_t width = c->out[0]->rank ? sz_ref_dim(c->out[0], -1) : 1;
    for (int64_t k = 0; k < c->out[0]->count; k++)
        y[k] *= sa[0] * scale_at(sb, c->in[3]->count, k % width);
    return add_broadcast(c, 6, 1, y);
}

static double saturate(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static void requantize(const sz_buffer *out, double *y, double scale, double zero) {
    const int bits = sz_dtype_get(out->dtype)->bits;
    const double low = sz_is_unsigned(out->dtype) ? 0 : -ldexp(1, bits - 1);
    const double high = ldexp(1, bits - !sz_is_unsigned(out->dtype)) - 1;
    for (int64_t k = 0; k < out->count; k++)
        y[k] = saturate(nearbyint(y[k] / scale) + zero, low, high);
}

// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero
sz_status sz_ref_matmul_qlinear(sz_ref_call *c) {
    double *y, *sa, *sb;
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    SZ_TRY(integer_product(c, 0, 2, 3, 5, y));
    SZ_TRY(sz_ref_in(c, 1, &sa));
    SZ_TRY(sz_ref_in(c, 4, &sb));
    const int64_t width = c->out[0]->rank ? sz_ref_dim(c->out[0], -1) : 1;
    const int64_t lines = c->out[0]->rank > 1 ? sz_ref_dim(c->out[0], -2) : 1;
    for (int64_t k = 0; k < c->out[0]->count; k++)
        y[k] *= scale_at(sa, c->in[1]->count, k / width % lines) *
                scale_at(sb, c->in[4]->count, k % width);
    requantize(c->out[0], y, sz_ref_scalar(c, 6, 1), sz_ref_scalar(c, 7, 0));
    return SZ_OK;
}

// A (float) is quantized by its own range to 8 bits, then multiplied: B, b_scale, b_zero, bias.
sz_status sz_ref_matmul_dynamic(sz_ref_call *c) {
    double *a, *b, *y, *sb, low = 0, high = 0;
    SZ_TRY(sz_ref_in(c, 0, &a));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    for (int64_t k = 0; k < c->in[0]->count; k++) low = fmin(low, a[k]), high = fmax(high, a[k]);
    const double scale = (double)(float)((high - low) / 255);
    const double zero = scale > 0 ? saturate(nearbyint(-low / scale), 0, 255) : 0;
    for (int64_t k = 0; k < c->in[0]->count; k++)
        a[k] = scale > 0 ? saturate(nearbyint(a[k] / scale) + zero, 0, 255) - zero : 0;
    SZ_TRY(shifted(c, 1, 3, false, &b));
    SZ_TRY(numpy_product(c, 0, 1, a, b, y));
    SZ_TRY(sz_ref_in(c, 2, &sb));
    const int64_t width = sz_ref_dim(c->out[0], -1);
    for (int64_t k = 0; k < c->out[0]->count; k++)
        y[k] *= scale * scale_at(sb, c->in[2]->count, k % width);
    return add_broadcast(c, 4, 1, y);
}

// ---- MatMulNBits -------------------------------------------------------------------------------

typedef struct blocks {
    int64_t k, n, bits, size, per_row; // per_row: blocks of one column of the weights
    const sz_buffer *packed, *zeros;
    const double *scales;
} blocks;

static int64_t bits_of(const sz_buffer *b, int64_t byte, int64_t element, int64_t bits) {
    const uint8_t *p = (const uint8_t *)b->data + byte;
    const int64_t per_byte = 8 / bits;
    return p[element / per_byte] >> (element % per_byte * bits) & ((1 << bits) - 1);
}

// Zero points are packed like the weights, or numbers of the activation's format.
static double zero_of(const blocks *b, int64_t column, int64_t block) {
    const double middle = (double)(INT64_C(1) << (b->bits - 1));
    if (!b->zeros) return middle;
    if (sz_is_float(b->zeros->dtype)) {
        double z;
        sz_buffer_doubles(b->zeros, column * b->per_row + block, 1, &z);
        return z;
    }
    const int64_t row_bytes = (b->per_row * b->bits + 7) / 8;
    return (double)bits_of(b->zeros, column * row_bytes, block, b->bits);
}

// Weights as a [k, n] matrix of doubles.
static void unpack(const blocks *b, double *w) {
    const int64_t block_bytes = b->size * b->bits / 8;
    for (int64_t j = 0; j < b->n; j++)
        for (int64_t p = 0; p < b->k; p++) {
            const int64_t block = p / b->size, at = j * b->per_row + block;
            const int64_t q = bits_of(b->packed, at * block_bytes, p % b->size, b->bits);
            w[p * b->n + j] = b->scales[at] * ((double)q - zero_of(b, j, block));
        }
}

sz_status sz_ref_matmul_bits(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    double *a, *w, *y, *scales;
    blocks b = {sz_attr_i(node, "K", 0),
                sz_attr_i(node, "N", 0),
                sz_attr_i(node, "bits", 4),
                sz_attr_i(node, "block_size", 0),
                0,
                c->in[1],
                c->n_in > 3 ? c->in[3] : NULL,
                NULL};
    const bool good = b.k > 0 && b.n > 0 && b.size > 0 &&
                      (b.bits == 2 || b.bits == 4 || b.bits == 8);
    if (!good || sz_ref_has(c, 4)) return sz_op_fail(c->n, "no reference for this packing");
    b.per_row = (b.k + b.size - 1) / b.size;
    SZ_TRY(sz_ref_in(c, 0, &a));
    SZ_TRY(sz_ref_in(c, 2, &scales));
    SZ_TRY(sz_ref_room(c, 0, &y));
    b.scales = scales;
    SZ_TRY(sz_ref_charge(c, b.k, b.n, 1));
    const int64_t row_bytes = (b.per_row * b.bits + 7) / 8;
    const bool floats = b.zeros && sz_is_float(b.zeros->dtype);
    if (c->in[2]->count < b.n * b.per_row || c->in[0]->count % b.k != 0 ||
        c->in[1]->count < b.n * b.per_row * (b.size * b.bits / 8) ||
        (b.zeros && b.zeros->count < b.n * (floats ? b.per_row : row_bytes)))
        return sz_op_fail(c->n, "weights, scales and sizes do not fit");
    SZ_TRY(sz_ref_array(c, b.k * b.n, &w));
    unpack(&b, w);
    const sz_matrix ma = {a, b.k, 1}, mw = {w, b.n, 1};
    SZ_TRY(sz_ref_product(c, c->in[0]->count / b.k, b.n, b.k, ma, mw, y, b.n));
    return add_broadcast(c, 5, 1, y);
}
