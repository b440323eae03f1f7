// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml without the trees: linear models, support vectors, encoders, scalers.
// Weights are attributes here, lists of f32: they are no parameters of the graph, but reading them
// is part of the traffic.
#include "model/ops/ml.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- shared with the trees ---------------------------------------------------------------------

int64_t sz_ml_length(const sz_infer *n, const char *name) {
    const sz_attr *a = sz_attr_find(n->node, name);
    bool list = a && (a->kind == SZ_ATTR_INTS || a->kind == SZ_ATTR_FLOATS ||
                      a->kind == SZ_ATTR_STRINGS);
    return list ? a->n : 0;
}

// A single sample may come without the batch axis.
int64_t sz_ml_batch(const sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0);
    return rank < 0 ? SZ_DIM_UNKNOWN : rank < 2 ? 1 : sz_in_dim(n, 0, 0);
}

sz_status sz_ml_scores(sz_infer *n, int64_t classes) {
    const bool strings = sz_ml_length(n, "classlabels_strings") > 0;
    const int64_t dims[2] = {sz_ml_batch(n), classes};
    SZ_TRY(sz_out(n, 0, sz_dtype_by_name(strings ? "string" : "i64"), 1, dims));
    return sz_out(n, 1, sz_dtype_by_name("f32"), 2, dims);
}

// Elementary operations per score. LOGISTIC 1 / (1 + exp(-x)): neg, exp, add, div; SOFTMAX: max,
// sub, exp, add, div; SOFTMAX_ZERO the same; PROBIT sqrt(2) erfinv(2x - 1): mul, sub, erfinv, mul.
int64_t sz_ml_transform_work(const sz_infer *n) {
    static const struct {
        const char *name;
        int64_t code, work; // code: of ai.onnx.ml 5, where the attribute is a number
    } rows[] = {{"SOFTMAX", 1, 5}, {"LOGISTIC", 2, 4}, {"SOFTMAX_ZERO", 3, 5}, {"PROBIT", 4, 4}};
    sz_str name = sz_attr_s(n->node, "post_transform", "NONE");
    int64_t code = sz_attr_i(n->node, "post_transform", 0);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (sz_str_is(name, rows[k].name) || code == rows[k].code) return rows[k].work;
    return 0;
}

// ---- elements ----------------------------------------------------------------------------------

sz_status sz_shape_to_float(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_dtype f32 = sz_dtype_by_name("f32");
    return x->rank < 0 ? sz_out_rank(n, 0, f32, -1) : sz_out(n, 0, f32, x->rank, x->dims);
}

// MAX x / max: max, div = 2. L1 x / sum: add, div = 2. L2 sqrt(x^2 / sum(x^2)): mul, add, div,
// sqrt = 4. Per element.
sz_status sz_cost_normalizer(sz_costing *c) {
    sz_str norm = sz_attr_s(c->in.node, "norm", "MAX");
    int64_t work = sz_str_is(norm, "L2") ? 4 : 2;
    return sz_cost_add_flops(c, 2, (const int64_t[]){c->work->in_elements, work});
}

// ---- picking and joining -----------------------------------------------------------------------

// The indices, whatever their shape, pick from the last axis; a vector becomes one row.
sz_status sz_shape_array_feature_extractor(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK], picked;
    SZ_TRY(sz_type_elements(n->ctx, sz_in(n, 1), &picked));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    if (x->rank == 0) return sz_op_fail(n, "data has rank 0");
    int32_t rank = x->rank == 1 ? 2 : x->rank;
    dims[0] = 1;
    for (int32_t k = 0; k + 1 < x->rank; k++) dims[k] = x->dims[k];
    dims[rank - 1] = picked;
    return sz_out(n, 0, x->dtype, rank, dims);
}

// [N, sum of the widths]; `inputdimensions` gives the widths, else the inputs do. A vector is one
// row.
sz_status sz_shape_feature_vectorizer(sz_infer *n) {
    int64_t dims[2] = {SZ_DIM_UNKNOWN, 0}, width;
    const int64_t *given;
    int32_t n_given = sz_attr_ints(n->node, "inputdimensions", &given);
    bool vectors = true;
    for (int i = 0; i < n->node->n_inputs; i++) {
        int32_t rank = sz_in_rank(n, i);
        if (rank == 2 && dims[0] < 0) dims[0] = sz_in_dim(n, i, 0);
        vectors &= rank == 1;
        width = i < n_given ? given[i] : rank > 0 ? sz_in_dim(n, i, -1) : SZ_DIM_UNKNOWN;
        if (i < n_given && width < 0)
            return sz_op_fail(n, "input %d has width %" PRId64, i, width);
        SZ_TRY(sz_dim_add(n, dims[1], width, &dims[1]));
    }
    if (vectors) dims[0] = 1;
    return sz_out(n, 0, sz_dtype_by_name("f32"), 2, dims);
}

// ---- look-ups ----------------------------------------------------------------------------------

static sz_status same_dims(sz_infer *n, sz_dtype dtype) {
    const sz_type *x = sz_in(n, 0);
    return x->rank < 0 ? sz_out_rank(n, 0, dtype, -1) : sz_out(n, 0, dtype, x->rank, x->dims);
}

// Strings become integers and the reverse.
sz_status sz_shape_category_mapper(sz_infer *n) {
    bool strings = sz_dtype_get(sz_in_dtype(n, 0))->cls == SZ_CLASS_STRING;
    return same_dims(n, sz_dtype_by_name(strings ? "i64" : "string"));
}

// The list of values decides; version 1 had one list of strings for both directions.
sz_status sz_shape_label_encoder(sz_infer *n) {
    static const struct {
        const char *name, *dtype;
    } lists[] = {{"values_strings", "string"}, {"values_int64s", "i64"}, {"values_floats", "f32"}};
    const sz_attr *tensor = sz_attr_find(n->node, "values_tensor");
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        if (sz_ml_length(n, lists[k].name) > 0)
            return same_dims(n, sz_dtype_by_name(lists[k].dtype));
    if (tensor && tensor->kind == SZ_ATTR_TENSOR)
        return same_dims(n, sz_graph_value(n->graph, tensor->tensor)->type.dtype);
    if (n->opset < 2) return sz_shape_category_mapper(n);
    return sz_op_missing_attr(n, "values_*");
}

sz_status sz_shape_one_hot_encoder(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_dtype f32 = sz_dtype_by_name("f32");
    int64_t dims[SZ_MAX_RANK + 1], ints = sz_ml_length(n, "cats_int64s");
    if (x->rank < 0) return sz_out_rank(n, 0, f32, -1);
    for (int32_t k = 0; k < x->rank; k++) dims[k] = x->dims[k];
    dims[x->rank] = ints ? ints : sz_ml_length(n, "cats_strings");
    return sz_out(n, 0, f32, x->rank + 1, dims);
}

// ---- maps --------------------------------------------------------------------------------------

// One map gives a vector, a list of maps one row each.
sz_status sz_shape_dict_vectorizer(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *map = x->kind == SZ_TYPE_SEQUENCE ? x->elem : x;
    int64_t words = sz_ml_length(n, "string_vocabulary");
    if (words == 0) words = sz_ml_length(n, "int64_vocabulary");
    const int64_t dims[2] = {x->n_items < 0 ? SZ_DIM_UNKNOWN : x->n_items, words};
    sz_dtype dtype = map && map->kind == SZ_TYPE_MAP && map->elem ? map->elem->dtype : 0;
    if (x->kind == SZ_TYPE_SEQUENCE) return sz_out(n, 0, dtype, 2, dims);
    return sz_out(n, 0, dtype, 1, dims + 1);
}

// SPARSE says its length; DENSE is as long as the map. One row, as ONNX Runtime has it.
sz_status sz_shape_cast_map(sz_infer *n) {
    sz_str to = sz_attr_s(n->node, "cast_to", "TO_FLOAT");
    bool sparse = sz_str_is(sz_attr_s(n->node, "map_form", "DENSE"), "SPARSE");
    const int64_t length = sz_attr_i(n->node, "max_map", 1);
    const int64_t dims[2] = {1, sparse ? length : SZ_DIM_UNKNOWN};
    const char *name = sz_str_is(to, "TO_STRING")  ? "string"
                       : sz_str_is(to, "TO_INT64") ? "i64"
                                                   : "f32";
    if (sparse && length < 0) return sz_op_fail(n, "max_map is %" PRId64, length);
    return sz_out(n, 0, sz_dtype_by_name(name), 2, dims);
}

// One map from class label to score for each row.
sz_status sz_shape_zip_map(sz_infer *n) {
    sz_type *types = sz_op_alloc(n, 2, sizeof *types);
    if (!types) return sz_no_memory(n->ctx);
    bool strings = sz_ml_length(n, "classlabels_strings") > 0;
    int64_t labels = sz_ml_length(n, strings ? "classlabels_strings" : "classlabels_int64s");
    int64_t columns = sz_in_rank(n, 0) > 0 ? sz_in_dim(n, 0, -1) : SZ_DIM_UNKNOWN;
    if (columns >= 0 && columns != labels)
        return sz_op_fail(n, "%" PRId64 " labels for %" PRId64 " columns", labels, columns);
    types[0] = sz_type_tensor(sz_dtype_by_name("f32"), 0, NULL);
    types[1] = (sz_type){.kind = SZ_TYPE_MAP, .dtype = sz_dtype_by_name(strings ? "string" : "i64"),
                         .rank = -1, .elem = &types[0], .n_items = labels};
    sz_type list = {.kind = SZ_TYPE_SEQUENCE, .rank = -1, .elem = &types[1],
                    .n_items = sz_ml_batch(n)};
    if (list.n_items < 0) list.n_items = -1;
    return sz_out_type(n, 0, &list);
}

// Every score is copied; keys are not counted.
sz_status sz_cost_zip_map(sz_costing *c) {
    c->work->bytes_written = c->work->bytes_read;
    return SZ_OK;
}

// ---- linear models -----------------------------------------------------------------------------

// Rows of the matrix of coefficients: one per class or target.
static sz_status coefficient_rows(const sz_infer *n, int64_t *ret_rows) {
    int64_t length = sz_ml_length(n, "coefficients");
    int64_t features = sz_in_rank(n, 0) > 0 ? sz_in_dim(n, 0, -1) : SZ_DIM_UNKNOWN;
    *ret_rows = SZ_DIM_UNKNOWN;
    if (length == 0) return sz_op_missing_attr(n, "coefficients");
    if (features <= 0) return SZ_OK;
    if (length % features != 0)
        return sz_op_fail(n, "%" PRId64 " coefficients do not divide by %" PRId64 " features",
                          length, features);
    *ret_rows = length / features;
    return SZ_OK;
}

sz_status sz_shape_linear_classifier(sz_infer *n) {
    int64_t rows, labels = sz_ml_length(n, "classlabels_ints");
    if (labels == 0) labels = sz_ml_length(n, "classlabels_strings");
    SZ_TRY(coefficient_rows(n, &rows));
    return sz_ml_scores(n, labels ? labels : rows);
}

sz_status sz_shape_linear_regressor(sz_infer *n) {
    int64_t rows, dims[2] = {sz_ml_batch(n), sz_attr_i(n->node, "targets", 1)};
    SZ_TRY(coefficient_rows(n, &rows));
    if (dims[1] < 1) return sz_op_fail(n, "targets is %" PRId64, dims[1]);
    if (rows >= 0 && rows != dims[1])
        return sz_op_fail(n, "coefficients for %" PRId64 " targets, not for %" PRId64, rows,
                          dims[1]);
    return sz_out(n, 0, sz_dtype_by_name("f32"), 2, dims);
}

// Adds a list of f32 to what is read.
static sz_status read_list(sz_costing *c, const char *name) {
    return sz_madd(&c->work->bytes_read, sz_ml_length(&c->in, name), 4)
               ? SZ_OK
               : sz_op_fail(&c->in, "bytes exceed 2^63");
}

static sz_status add_transform(sz_costing *c, int o) {
    return sz_cost_add_epilogue(
        c, 2, (const int64_t[]){sz_cost_out_elements(c, o), sz_ml_transform_work(&c->in)});
}

// MACs: every coefficient once per sample.
static sz_status cost_linear(sz_costing *c, int scores) {
    const int64_t batch = sz_ml_batch(&c->in);
    SZ_TRY(sz_cost_add_macs(c, 2, (const int64_t[]){batch, sz_ml_length(&c->in, "coefficients")}));
    const int64_t intercepts[2] = {batch, sz_ml_length(&c->in, "intercepts")};
    SZ_TRY(sz_cost_add_epilogue(c, 2, intercepts));
    c->work->bias = c->work->epilogue;
    SZ_TRY(read_list(c, "coefficients"));
    SZ_TRY(read_list(c, "intercepts"));
    return add_transform(c, scores);
}

sz_status sz_cost_linear_classifier(sz_costing *c) { return cost_linear(c, 1); }
sz_status sz_cost_linear_regressor(sz_costing *c) { return cost_linear(c, 0); }

// ---- support vectors ---------------------------------------------------------------------------

// Without probabilities there is one score per pair of classes, and a pair of scores for two
// classes or one (so in the reference and in ONNX Runtime); without support vectors the model is
// linear.
sz_status sz_shape_svm_classifier(sz_infer *n) {
    int64_t classes = sz_ml_length(n, "classlabels_ints");
    if (classes == 0) classes = sz_ml_length(n, "classlabels_strings");
    if (classes == 0) classes = sz_ml_length(n, "vectors_per_class");
    if (sz_ml_length(n, "coefficients") == 0) return sz_op_missing_attr(n, "coefficients");
    bool pairs = sz_ml_length(n, "prob_a") == 0 && sz_ml_length(n, "support_vectors") > 0;
    int64_t scores = classes < 2 ? 2 : classes;
    if (pairs && classes > 2) scores = classes * (classes - 1) / 2;
    return sz_ml_scores(n, scores);
}

sz_status sz_shape_svm_regressor(sz_infer *n) {
    const int64_t dims[2] = {sz_ml_batch(n), 1};
    return sz_out(n, 0, sz_dtype_by_name("f32"), 2, dims);
}

// Operations per kernel value beyond the dot product: RBF exp(-gamma |x - v|^2): mul, exp; POLY
// (gamma x.v + c)^d: mul, add, pow; SIGMOID tanh(gamma x.v + c): mul, add, tanh.
static int64_t kernel_work(const sz_infer *n) {
    sz_str kernel = sz_attr_s(n->node, "kernel_type", "LINEAR");
    if (sz_str_is(kernel, "RBF")) return 2;
    return sz_str_is(kernel, "POLY") || sz_str_is(kernel, "SIGMOID") ? 3 : 0;
}

// MACs per sample: the features of every support vector once (N x vectors x features), then every
// coefficient once. RBF also subtracts once per feature.
static sz_status cost_svm(sz_costing *c, int scores) {
    const sz_infer *n = &c->in;
    const int64_t batch = sz_ml_batch(n), stored = sz_ml_length(n, "support_vectors");
    const int64_t features = sz_in_rank(n, 0) > 0 ? sz_in_dim(n, 0, -1) : 0;
    SZ_TRY(sz_cost_add_macs(c, 2, (const int64_t[]){batch, stored}));
    SZ_TRY(sz_cost_add_macs(c, 2, (const int64_t[]){batch, sz_ml_length(n, "coefficients")}));
    if (features > 0)
        SZ_TRY(sz_cost_add_epilogue(c, 3,
                                    (const int64_t[]){batch, stored / features, kernel_work(n)}));
    if (sz_str_is(sz_attr_s(n->node, "kernel_type", "LINEAR"), "RBF"))
        SZ_TRY(sz_cost_add_epilogue(c, 2, (const int64_t[]){batch, stored}));
    SZ_TRY(read_list(c, "support_vectors"));
    SZ_TRY(read_list(c, "coefficients"));
    return add_transform(c, scores);
}

sz_status sz_cost_svm_classifier(sz_costing *c) { return cost_svm(c, 1); }
sz_status sz_cost_svm_regressor(sz_costing *c) { return cost_svm(c, 0); }
