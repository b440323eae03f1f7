// SPDX-License-Identifier: Apache-2.0
// MatMul, Gemm and their quantized and fused forms. MACs: output elements x inner size.
#include "model/ops/matmul.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

#define FAIL_INNER "inner sizes differ: %lld and %lld"

// ---- numpy-like products -----------------------------------------------------------------------

// The operand as the product sees it: at least two axes, turned. *ret_rank -1 when not known.
static void turned(const sz_infer *n, int i, bool swap, bool batch, bool is_left, int64_t *dims,
                   int32_t *ret_rank) {
    const sz_type *t = sz_in(n, i);
    int32_t r = t->rank;
    *ret_rank = r;
    if (r < 1) return;
    memcpy(dims, t->dims, (size_t)r * sizeof *dims);
    if (r == 1) { // a vector is a row on the left, a column on the right; never turned
        dims[is_left ? 1 : 0] = t->dims[0];
        dims[is_left ? 0 : 1] = 1;
        *ret_rank = 2;
        return;
    }
    if (batch && r > 2) {
        memcpy(dims, t->dims + 1, (size_t)(r - 2) * sizeof *dims);
        dims[r - 2] = t->dims[0];
    }
    if (swap) {
        int64_t last = dims[r - 1];
        dims[r - 1] = dims[r - 2];
        dims[r - 2] = last;
    }
}

sz_status sz_product_shape(const sz_infer *n, const sz_product *p, int64_t *ret_dims,
                           int32_t *ret_rank, int64_t *ret_inner) {
    int64_t a[SZ_MAX_RANK], b[SZ_MAX_RANK];
    int32_t ra, rb;
    sz_type ta, tb;
    turned(n, p->a, p->ta, p->batch_a, true, a, &ra);
    turned(n, p->b, p->tb, p->batch_b, false, b, &rb);
    *ret_inner = SZ_DIM_UNKNOWN;
    *ret_rank = -1;
    if (ra == 0 || rb == 0) return sz_op_fail(n, "a matrix product of a scalar");
    if (ra > 0) *ret_inner = a[ra - 1];
    if (rb > 0 && ra > 0 && b[rb - 2] >= 0 && a[ra - 1] >= 0 && a[ra - 1] != b[rb - 2])
        return sz_op_fail(n, FAIL_INNER, (long long)a[ra - 1], (long long)b[rb - 2]);
    if (rb > 0 && *ret_inner < 0) *ret_inner = b[rb - 2];
    if (ra < 0 || rb < 0) return SZ_OK;
    ta = sz_type_tensor(0, ra - 2, a);
    tb = sz_type_tensor(0, rb - 2, b);
    SZ_TRY(sz_op_broadcast(n, &ta, &tb, ret_dims, ret_rank));
    if (*ret_rank > SZ_MAX_RANK - 2) return sz_op_fail(n, "more than %d dimensions", SZ_MAX_RANK);
    if (sz_in_rank(n, p->a) > 1) ret_dims[(*ret_rank)++] = a[ra - 2];
    if (sz_in_rank(n, p->b) > 1) ret_dims[(*ret_rank)++] = b[rb - 1];
    return SZ_OK;
}

sz_status sz_product_out(sz_infer *n, const sz_product *p, sz_dtype dtype) {
    int64_t dims[SZ_MAX_RANK], inner;
    int32_t rank;
    SZ_TRY(sz_product_shape(n, p, dims, &rank, &inner));
    return rank < 0 ? sz_out_rank(n, 0, dtype, -1) : sz_out(n, 0, dtype, rank, dims);
}

sz_status sz_product_cost(sz_costing *c, const sz_product *p) {
    int64_t dims[SZ_MAX_RANK], inner;
    int32_t rank;
    SZ_TRY(sz_product_shape(&c->in, p, dims, &rank, &inner));
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, inner}));
    if (p->bias < 0 || !sz_has_in(&c->in, p->bias)) return SZ_OK;
    return sz_epilogue_bias(c, c->work->out_elements);
}

sz_status sz_packed_product_out(sz_infer *n, int a, int64_t inner, int64_t width, int o) {
    const sz_type *t = sz_in(n, a);
    int64_t dims[SZ_MAX_RANK], have;
    if (width < 0) width = SZ_DIM_UNKNOWN;
    if (t->rank < 0) return sz_out_rank(n, o, t->dtype, -1);
    if (t->rank == 0) return sz_op_fail(n, "a matrix product of a scalar");
    have = t->dims[t->rank - 1];
    if (have >= 0 && inner >= 0 && have != inner)
        return sz_op_fail(n, FAIL_INNER, (long long)have, (long long)inner);
    memcpy(dims, t->dims, (size_t)t->rank * sizeof *dims);
    dims[t->rank - 1] = width;
    return sz_out(n, o, t->dtype, t->rank, dims);
}

// ---- MatMul and its like -----------------------------------------------------------------------

static const sz_product plain = {.a = 0, .b = 1, .bias = SZ_NONE};
static const sz_product qlinear = {.a = 0, .b = 3, .bias = SZ_NONE};

sz_status sz_shape_matmul(sz_infer *n) { return sz_product_out(n, &plain, sz_in_dtype(n, 0)); }
sz_status sz_cost_matmul(sz_costing *c) { return sz_product_cost(c, &plain); }

// 8 or 16 bits in, 32 out.
sz_status sz_shape_matmul_integer(sz_infer *n) {
    return sz_product_out(n, &plain, sz_dtype_by_name("i32"));
}

sz_status sz_shape_matmul_qlinear(sz_infer *n) {
    return sz_product_out(n, &qlinear, sz_in_dtype(n, 7));
}

sz_status sz_cost_matmul_qlinear(sz_costing *c) {
    SZ_TRY(sz_product_cost(c, &qlinear));
    return sz_epilogue(c, 3); // scale, add the zero point, clamp
}

// com.microsoft.FusedMatMul, FusedMatMulActivation, TransposeMatMul.
static sz_product fused(const sz_infer *n) {
    return (sz_product){.a = 0, .b = 1, .bias = SZ_NONE,
                        .ta = sz_attr_i(n->node, "transA", 0) != 0,
                        .tb = sz_attr_i(n->node, "transB", 0) != 0,
                        .batch_a = sz_attr_i(n->node, "transBatchA", 0) != 0,
                        .batch_b = sz_attr_i(n->node, "transBatchB", 0) != 0};
}

sz_status sz_shape_matmul_fused(sz_infer *n) {
    sz_product p = fused(n);
    return sz_product_out(n, &p, sz_in_dtype(n, 0));
}

sz_status sz_cost_matmul_fused(sz_costing *c) {
    sz_product p = fused(&c->in);
    SZ_TRY(sz_product_cost(c, &p));
    if (sz_attr_f(c->in.node, "alpha", 1) != 1) SZ_TRY(sz_epilogue(c, 1));
    return sz_epilogue(c, sz_activation_work(sz_attr_s(c->in.node, "activation", "")));
}

// com.microsoft.SparseToDenseMatMul: A is sparse, so its stored values alone are multiplied. How
// many there are is not in its type; the dense count would be a guess.
sz_status sz_shape_matmul_sparse(sz_infer *n) {
    sz_product p = fused(n);
    return sz_product_out(n, &p, sz_in_dtype(n, 1));
}

sz_status sz_cost_matmul_sparse(sz_costing *c) {
    return sz_cost_unknown(c, "the number of stored values of its sparse operand is not known");
}

// ---- Gemm --------------------------------------------------------------------------------------

typedef struct gemm_form {
    int a, b, c;
} gemm_form;

static sz_status gemm_read(const sz_infer *n, const gemm_form *f, int64_t *ret_m, int64_t *ret_n,
                           int64_t *ret_k) {
    bool ta = sz_attr_i(n->node, "transA", 0) != 0, tb = sz_attr_i(n->node, "transB", 0) != 0;
    int32_t ra = sz_in_rank(n, f->a), rb = sz_in_rank(n, f->b);
    int64_t ka = sz_in_dim(n, f->a, ta ? 0 : 1), kb = sz_in_dim(n, f->b, tb ? 1 : 0);
    if (ra >= 0 && ra != 2) return sz_op_fail(n, "A has %d dimensions, 2 are needed", (int)ra);
    if (rb >= 0 && rb != 2) return sz_op_fail(n, "B has %d dimensions, 2 are needed", (int)rb);
    if (ka >= 0 && kb >= 0 && ka != kb)
        return sz_op_fail(n, FAIL_INNER, (long long)ka, (long long)kb);
    *ret_m = sz_in_dim(n, f->a, ta ? 1 : 0);
    *ret_n = sz_in_dim(n, f->b, tb ? 0 : 1);
    *ret_k = ka >= 0 ? ka : kb;
    return SZ_OK;
}

// C must spread over [M, N] without growing it.
static sz_status gemm_check_c(const sz_infer *n, int c, const int64_t *dims) {
    const sz_type *t = sz_in(n, c);
    if (t->rank < 0) return SZ_OK;
    if (t->rank > 2) return sz_op_fail(n, "C has %d dimensions, at most 2 fit", (int)t->rank);
    for (int i = 0; i < t->rank; i++) {
        int64_t have = t->dims[i], want = dims[2 - t->rank + i];
        if (have >= 0 && want >= 0 && have != want && have != 1)
            return sz_op_fail(n, "C has %lld elements on an axis where the output has %lld",
                              (long long)have, (long long)want);
    }
    return SZ_OK;
}

static sz_status gemm_out(sz_infer *n, const gemm_form *f, sz_dtype dtype) {
    int64_t dims[2], k;
    SZ_TRY(gemm_read(n, f, &dims[0], &dims[1], &k));
    if (f->c >= 0) SZ_TRY(gemm_check_c(n, f->c, dims));
    return sz_out(n, 0, dtype, 2, dims);
}

static sz_status gemm_cost(sz_costing *c, const gemm_form *f) {
    int64_t m, cols, k;
    SZ_TRY(gemm_read(&c->in, f, &m, &cols, &k));
    SZ_TRY(sz_cost_add_macs(c, 3, (int64_t[]){m, cols, k}));
    if (sz_attr_f(c->in.node, "alpha", 1) != 1) SZ_TRY(sz_epilogue(c, 1));
    if (f->c >= 0 && sz_has_in(&c->in, f->c) && sz_attr_f(c->in.node, "beta", 1) != 0) {
        SZ_TRY(sz_epilogue_bias(c, c->work->out_elements));
        if (sz_attr_f(c->in.node, "beta", 1) != 1) SZ_TRY(sz_epilogue(c, 1));
    }
    return sz_epilogue(c, sz_activation_work(sz_attr_s(c->in.node, "activation", "")));
}

static const gemm_form gemm = {0, 1, 2}, qgemm = {0, 3, 6};

sz_status sz_shape_gemm(sz_infer *n) { return gemm_out(n, &gemm, sz_in_dtype(n, 0)); }
sz_status sz_cost_gemm(sz_costing *c) { return gemm_cost(c, &gemm); }

// com.microsoft.QGemm: float unless a zero point of the output is given.
sz_status sz_shape_gemm_quantized(sz_infer *n) {
    return gemm_out(n, &qgemm, sz_has_in(n, 8) ? sz_in_dtype(n, 8) : sz_dtype_by_name("f32"));
}

sz_status sz_cost_gemm_quantized(sz_costing *c) {
    SZ_TRY(gemm_cost(c, &qgemm));
    return sz_epilogue(c, sz_has_in(&c->in, 8) ? 3 : 1); // scale; and zero point, clamp
}

// com.microsoft.GemmFloat8: `dtype` is an ONNX code, float by default.
static sz_dtype dtype_of_code(int64_t code) {
    for (int t = 1; t < sz_dtype_count(); t++)
        if (sz_dtype_get((sz_dtype)t)->onnx == code) return (sz_dtype)t;
    return 0;
}

sz_status sz_shape_gemm_float8(sz_infer *n) {
    return gemm_out(n, &gemm, dtype_of_code(sz_attr_i(n->node, "dtype", 1)));
}

// com.microsoft.GemmFastGelu: a matrix product of any rank with bias and activation.
sz_status sz_cost_gemm_fast_gelu(sz_costing *c) {
    static const sz_product p = {.a = 0, .b = 1, .bias = 2};
    SZ_TRY(sz_product_cost(c, &p));
    return sz_epilogue(c, sz_activation_work(sz_str_c("fastgelu")));
}

// ---- products that end in float ----------------------------------------------------------------

// com.microsoft.DynamicQuantizeMatMul: A is quantized on the way.
sz_status sz_cost_matmul_dynamic(sz_costing *c) {
    static const sz_product p = {.a = 0, .b = 1, .bias = 4};
    SZ_TRY(sz_product_cost(c, &p));
    // Range of A (two comparisons), quantizing it (scale, zero point, clamp); scaling the result.
    SZ_TRY(sz_cost_add_epilogue(c, 2, (int64_t[]){c->work->in_elements, 5}));
    return sz_epilogue(c, 1);
}

// com.microsoft.MatMulIntegerToFloat: float like the scale of A.
sz_status sz_shape_matmul_to_float(sz_infer *n) {
    return sz_product_out(n, &plain, sz_in_dtype(n, 2));
}

sz_status sz_cost_matmul_to_float(sz_costing *c) {
    static const sz_product p = {.a = 0, .b = 1, .bias = 6};
    SZ_TRY(sz_product_cost(c, &p));
    return sz_epilogue(c, 1);
}

// com.microsoft.QOrderedMatMul: B is transposed in memory for order COL, but its dims are said to
// be [K, N] as written.
sz_status sz_shape_matmul_ordered(sz_infer *n) {
    static const sz_product p = {.a = 0, .b = 2, .bias = 5};
    return sz_product_out(n, &p, sz_in_dtype(n, 0));
}

sz_status sz_cost_matmul_ordered(sz_costing *c) {
    static const sz_product p = {.a = 0, .b = 2, .bias = 5};
    SZ_TRY(sz_product_cost(c, &p));
    if (sz_has_in(&c->in, 6)) SZ_TRY(sz_epilogue(c, 2));
    return sz_epilogue(c, 3);
}
