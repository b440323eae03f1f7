// SPDX-License-Identifier: Apache-2.0
// Numbers of the element-by-element operators: one row per operator, one loop per family.
//
// Integers wrap at the width of their format and an element that is not known makes the result's
// element unknown; floats are computed in double and rounded to their format. A float result that
// would depend on an unknown integer is not produced at all.
#include "model/ops/elementwise.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <math.h>

// ---- one operand -------------------------------------------------------------------------------

// p: the two attributes that the row names.
typedef double unary_float(double x, const double *p);
typedef int64_t unary_int(int64_t x);

// log(1 + e^x), also where e^x is too large
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

#define FLOAT1(name, expr)                                                                         \
    static double name(double x, const double *p) {                                                \
        (void)p;                                                                                   \
        return expr;                                                                               \
    }
FLOAT1(f_abs, fabs(x))
FLOAT1(f_acos, acos(x))
FLOAT1(f_acosh, acosh(x))
FLOAT1(f_asin, asin(x))
FLOAT1(f_asinh, asinh(x))
FLOAT1(f_atan, atan(x))
FLOAT1(f_atanh, atanh(x))
FLOAT1(f_ceil, ceil(x))
FLOAT1(f_celu, x > 0 ? x : p[0] * expm1(x / p[0]))
FLOAT1(f_cos, cos(x))
FLOAT1(f_cosh, cosh(x))
FLOAT1(f_elu, x < 0 ? p[0] * expm1(x) : x)
FLOAT1(f_erf, erf(x))
FLOAT1(f_exp, exp(x))
FLOAT1(f_floor, floor(x))
FLOAT1(f_hard_sigmoid, fmax(0, fmin(1, p[0] * x + p[1])))
FLOAT1(f_hard_swish, x * fmax(0, fmin(1, x / 6 + 0.5)))
FLOAT1(f_is_inf, (p[1] != 0 && x == INFINITY) || (p[0] != 0 && x == -INFINITY))
FLOAT1(f_is_nan, isnan(x) != 0)
FLOAT1(f_leaky_relu, x < 0 ? p[0] * x : x)
FLOAT1(f_log, log(x))
FLOAT1(f_mish, x * tanh(softplus(x)))
FLOAT1(f_neg, -x)
FLOAT1(f_reciprocal, 1 / x)
FLOAT1(f_relu, x < 0 ? 0 : x)
FLOAT1(f_round, nearbyint(x)) // ties to even, the default rounding mode
FLOAT1(f_selu, p[1] * (x > 0 ? x : p[0] * expm1(x)))
FLOAT1(f_shrink, x < -p[1] ? x + p[0] : x > p[1] ? x - p[0] : 0)
FLOAT1(f_sigmoid, 1 / (1 + exp(-x)))
FLOAT1(f_sign, x > 0 ? 1 : x < 0 ? -1 : x)
FLOAT1(f_sin, sin(x))
FLOAT1(f_sinh, sinh(x))
FLOAT1(f_softplus, softplus(x))
FLOAT1(f_softsign, x / (1 + fabs(x)))
FLOAT1(f_sqrt, sqrt(x))
FLOAT1(f_swish, x / (1 + exp(-p[0] * x)))
FLOAT1(f_tan, tan(x))
FLOAT1(f_tanh, tanh(x))
FLOAT1(f_thresholded_relu, x > p[0] ? x : 0)

// x is never SZ_VALUE_UNKNOWN, so -x cannot overflow.
static int64_t i_abs(int64_t x) { return x < 0 ? -x : x; }
static int64_t i_neg(int64_t x) { return -x; }
static int64_t i_relu(int64_t x) { return x < 0 ? 0 : x; }
static int64_t i_sign(int64_t x) { return (x > 0) - (x < 0); }
static int64_t i_not(int64_t x) { return x == 0; }
static int64_t i_invert(int64_t x) { return ~x; }

typedef struct unary_row {
    const char *op;
    unary_float *f;
    unary_int *i;
    const char *attr[2];
    double def[2];
} unary_row;

static const unary_row unary_rows[] = {
    {"Abs", f_abs, i_abs, {0}, {0}},
    {"Acos", f_acos, NULL, {0}, {0}},
    {"Acosh", f_acosh, NULL, {0}, {0}},
    {"Asin", f_asin, NULL, {0}, {0}},
    {"Asinh", f_asinh, NULL, {0}, {0}},
    {"Atan", f_atan, NULL, {0}, {0}},
    {"Atanh", f_atanh, NULL, {0}, {0}},
    {"BitwiseNot", NULL, i_invert, {0}, {0}},
    {"Ceil", f_ceil, NULL, {0}, {0}},
    {"Celu", f_celu, NULL, {"alpha"}, {1.0}},
    {"Cos", f_cos, NULL, {0}, {0}},
    {"Cosh", f_cosh, NULL, {0}, {0}},
    {"Elu", f_elu, NULL, {"alpha"}, {1.0}},
    {"Erf", f_erf, NULL, {0}, {0}},
    {"Exp", f_exp, NULL, {0}, {0}},
    {"Floor", f_floor, NULL, {0}, {0}},
    {"HardSigmoid", f_hard_sigmoid, NULL, {"alpha", "beta"}, {0.2, 0.5}},
    {"HardSwish", f_hard_swish, NULL, {0}, {0}},
    {"IsInf", f_is_inf, NULL, {"detect_negative", "detect_positive"}, {1, 1}},
    {"IsNaN", f_is_nan, NULL, {0}, {0}},
    {"LeakyRelu", f_leaky_relu, NULL, {"alpha"}, {0.01}},
    {"Log", f_log, NULL, {0}, {0}},
    {"Mish", f_mish, NULL, {0}, {0}},
    {"Neg", f_neg, i_neg, {0}, {0}},
    {"Not", NULL, i_not, {0}, {0}},
    {"Reciprocal", f_reciprocal, NULL, {0}, {0}},
    {"Relu", f_relu, i_relu, {0}, {0}},
    {"Round", f_round, NULL, {0}, {0}},
    {"Selu", f_selu, NULL, {"alpha", "gamma"}, {1.6732631921768188, 1.0507010221481323}},
    {"Shrink", f_shrink, NULL, {"bias", "lambd"}, {0, 0.5}},
    {"Sigmoid", f_sigmoid, NULL, {0}, {0}},
    {"Sign", f_sign, i_sign, {0}, {0}},
    {"Sin", f_sin, NULL, {0}, {0}},
    {"Sinh", f_sinh, NULL, {0}, {0}},
    {"Softplus", f_softplus, NULL, {0}, {0}},
    {"Softsign", f_softsign, NULL, {0}, {0}},
    {"Sqrt", f_sqrt, NULL, {0}, {0}},
    {"Swish", f_swish, NULL, {"alpha"}, {1.0}},
    {"Tan", f_tan, NULL, {0}, {0}},
    {"Tanh", f_tanh, NULL, {0}, {0}},
    {"ThresholdedRelu", f_thresholded_relu, NULL, {"alpha"}, {1.0}},
};

static const unary_row *unary_find(const char *op) {
    for (size_t i = 0; i < sizeof unary_rows / sizeof *unary_rows; i++)
        if (strcmp(op, unary_rows[i].op) == 0) return &unary_rows[i];
    return NULL;
}

sz_status sz_value_unary(sz_infer *n) {
    const unary_row *row = unary_find(n->op->name);
    const sz_tensor *x = sz_in_value(n, 0);
    sz_tensor *y = NULL;
    if (!row || !x || !sz_is_computable(x->dtype)) return SZ_OK;
    bool floats = sz_is_float(x->dtype);
    if (floats ? !row->f : !row->i) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    double p[2];
    for (int k = 0; k < 2; k++)
        p[k] = row->attr[k] ? sz_attr_number(n->node, row->attr[k], row->def[k]) : 0;
    for (int64_t k = 0; y && k < y->count && k < x->count; k++) {
        if (floats)
            sz_put_double(y, k, row->f(x->f[k], p));
        else
            y->i[k] = x->i[k] == SZ_VALUE_UNKNOWN ? x->i[k] : sz_wrap(y->dtype, row->i(x->i[k]));
    }
    return SZ_OK;
}

// ---- two operands ------------------------------------------------------------------------------

typedef struct lane {
    bool is_unsigned;
    int bits;
    bool flag; // Mod: fmod; BitShift: to the right
} lane;

typedef double binary_float(double a, double b, const lane *l);
// SZ_VALUE_UNKNOWN where ONNX does not define the result.
typedef int64_t binary_int(int64_t a, int64_t b, const lane *l);

#define FLOAT2(name, expr)                                                                         \
    static double name(double a, double b, const lane *l) {                                        \
        (void)l;                                                                                   \
        return expr;                                                                               \
    }
#define INT2(name, expr)                                                                           \
    static int64_t name(int64_t a, int64_t b, const lane *l) {                                     \
        (void)l;                                                                                   \
        return expr;                                                                               \
    }
FLOAT2(f_add, a + b)
FLOAT2(f_sub, a - b)
FLOAT2(f_mul, (a) * b)
FLOAT2(f_div, a / b)
FLOAT2(f_pow, pow(a, b))
FLOAT2(f_prelu, a < 0 ? a * b : a)
FLOAT2(f_max, isnan(a) || a > b ? a : b)
FLOAT2(f_min, isnan(a) || a < b ? a : b)
FLOAT2(f_swiglu, a / (1 + exp(-a)) * b) // alpha 1
INT2(i_add, (int64_t)((uint64_t)a + (uint64_t)b))
INT2(i_sub, (int64_t)((uint64_t)a - (uint64_t)b))
INT2(i_mul, (int64_t)((uint64_t)a * (uint64_t)b))
INT2(i_and, a & b)
INT2(i_or, a | b)
INT2(i_xor, a ^ b)
INT2(i_prelu, a < 0 ? i_mul(a, b, l) : a)

// Order of unsigned 64-bit numbers that are kept in signed ones.
static bool int_less(int64_t a, int64_t b, const lane *l) {
    return l->is_unsigned ? (uint64_t)a < (uint64_t)b : a < b;
}
INT2(i_max, int_less(a, b, l) ? b : a)
INT2(i_min, int_less(b, a, l) ? b : a)

static double f_mod(double a, double b, const lane *l) {
    double r = fmod(a, b);
    return !l->flag && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t i_div(int64_t a, int64_t b, const lane *l) {
    if (b == 0) return SZ_VALUE_UNKNOWN;
    return l->is_unsigned ? (int64_t)((uint64_t)a / (uint64_t)b) : a / b;
}

static int64_t i_mod(int64_t a, int64_t b, const lane *l) {
    if (b == 0) return SZ_VALUE_UNKNOWN;
    if (l->is_unsigned) return (int64_t)((uint64_t)a % (uint64_t)b);
    int64_t r = a % b;
    return !l->flag && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t i_pow(int64_t a, int64_t b, const lane *l) {
    if (b < 0 && !l->is_unsigned) {
        if (a == 0) return SZ_VALUE_UNKNOWN;
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    }
    uint64_t r = 1, base = (uint64_t)a;
    for (uint64_t e = (uint64_t)b; e; e >>= 1, base *= base)
        if (e & 1) r *= base;
    return (int64_t)r;
}

// A shift by a negative count or by the width and more leaves only copies of the sign.
static int64_t i_shift(int64_t a, int64_t b, const lane *l) {
    bool out = b < 0 || b >= l->bits;
    if (l->flag && !l->is_unsigned) return out ? (a < 0 ? -1 : 0) : a >> b;
    if (out) return 0;
    return (int64_t)(l->flag ? (uint64_t)a >> b : (uint64_t)a << b);
}

static const struct binary_row {
    const char *op;
    binary_float *f;
    binary_int *i;
} binary_rows[] = {
    {"Add", f_add, i_add},        {"Sub", f_sub, i_sub},          {"Mul", f_mul, i_mul},
    {"Div", f_div, i_div},        {"Mod", f_mod, i_mod},          {"Pow", f_pow, i_pow},
    {"Sum", f_add, i_add},        {"Mean", f_add, NULL},          {"Max", f_max, i_max},
    {"Min", f_min, i_min},        {"And", NULL, i_and},           {"Or", NULL, i_or},
    {"Xor", NULL, i_xor},         {"BitwiseAnd", NULL, i_and},    {"BitwiseOr", NULL, i_or},
    {"BitwiseXor", NULL, i_xor},  {"BitShift", NULL, i_shift},    {"PRelu", f_prelu, i_prelu},
    {"SwiGLU", f_swiglu, NULL},
};

static const struct binary_row *binary_find(const char *op) {
    for (size_t i = 0; i < sizeof binary_rows / sizeof *binary_rows; i++)
        if (strcmp(op, binary_rows[i].op) == 0) return &binary_rows[i];
    return NULL;
}

static lane lane_of(const sz_infer *n, sz_dtype t) {
    bool right = sz_str_is(sz_attr_s(n->node, "direction", ""), "RIGHT");
    return (lane){sz_is_unsigned(t), sz_dtype_get(t)->bits,
                  right || sz_attr_i(n->node, "fmod", 0) != 0};
}

// Input i as operand k of a walk, aligned as old opsets ask.
static bool walk_input(const sz_infer *n, sz_walk *w, int k, int i) {
    const sz_tensor *x = sz_in_value(n, i);
    int64_t room[SZ_MAX_RANK], count = 1;
    sz_type b = i == 1 ? sz_legacy_operand(n, room) : sz_type_tensor(x->dtype, x->rank, x->dims);
    for (int32_t d = 0; d < b.rank; d++)
        if (!sz_mul(count, b.dims[d], &count)) return false;
    return b.rank >= 0 && count == x->count && sz_walk_add(w, k, b.rank, b.dims);
}

// y = input 0, broadcast; the formats agree by the operator's definition.
static bool load_first(const sz_infer *n, sz_tensor *y) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_walk w;
    sz_walk_init(&w, y->rank, y->dims, y->count);
    if (!sz_walk_add(&w, 0, x->rank, x->dims)) return false;
    for (int64_t k = 0; w.left > 0; k++, sz_walk_next(&w)) {
        if (sz_is_float(y->dtype))
            y->f[k] = x->f[w.at[0]];
        else
            y->i[k] = x->i[w.at[0]];
    }
    return true;
}

static int64_t int_step(const struct binary_row *row, int64_t a, int64_t b, sz_dtype t,
                        const lane *l) {
    if (a == SZ_VALUE_UNKNOWN || b == SZ_VALUE_UNKNOWN) return SZ_VALUE_UNKNOWN;
    return sz_wrap(t, row->i(a, b, l));
}

// y = y op input i.
static bool fold_input(const sz_infer *n, const struct binary_row *row, sz_tensor *y, int i) {
    const sz_tensor *x = sz_in_value(n, i);
    const lane l = lane_of(n, y->dtype);
    const bool ints = sz_is_integer(y->dtype) && sz_is_integer(x->dtype);
    sz_walk w;
    sz_walk_init(&w, y->rank, y->dims, y->count);
    if (!walk_input(n, &w, 0, i)) return false;
    for (int64_t k = 0; w.left > 0; k++, sz_walk_next(&w)) {
        if (ints)
            y->i[k] = int_step(row, y->i[k], x->i[w.at[0]], y->dtype, &l);
        else // Pow may mix an integer and a float
            sz_put_double(y, k, row->f(sz_as_double(y, k), sz_as_double(x, w.at[0]), &l));
    }
    return true;
}

// Can all operands be folded into a result of dtype t without meeting an unknown? Only Pow may mix
// integers and floats.
static bool operands_fit(const sz_infer *n, const struct binary_row *row, sz_dtype t) {
    const bool mixes = strcmp(row->op, "Pow") == 0;
    bool floats = sz_is_float(t), unknown = false;
    for (int32_t i = 0; i < n->node->n_inputs; i++) {
        const sz_tensor *x = sz_in_value(n, i);
        if (!sz_has_in(n, i)) continue;
        if (!x || !sz_is_computable(x->dtype)) return false;
        if ((i == 0 || !mixes) && sz_is_float(x->dtype) != sz_is_float(t)) return false;
        floats = floats || sz_is_float(x->dtype);
        unknown = unknown || sz_has_unknown(x);
    }
    return floats ? row->f && !unknown : row->i != NULL;
}

static void drop_value(sz_infer *n) {
    if (sz_has_out(n, 0)) sz_graph_value(n->graph, n->node->outputs[0])->known = NULL;
}

sz_status sz_value_fold(sz_infer *n) {
    const struct binary_row *row = binary_find(n->op->name);
    sz_dtype t = sz_out_get(n, 0)->dtype;
    sz_tensor *y = NULL;
    bool fits = row && sz_has_in(n, 0) && sz_is_computable(t) && operands_fit(n, row, t);
    if (!fits || sz_attr_number(n->node, "alpha", 1.0) != 1.0) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y) return SZ_OK;
    int64_t operands = 1;
    fits = load_first(n, y);
    for (int32_t i = 1; fits && i < n->node->n_inputs; i++) {
        if (!sz_has_in(n, i)) continue;
        fits = fold_input(n, row, y, i);
        operands++;
    }
    if (strcmp(n->op->name, "Mean") == 0)
        for (int64_t k = 0; k < y->count; k++) sz_put_double(y, k, y->f[k] / (double)operands);
    if (!fits) drop_value(n);
    return SZ_OK;
}

// ---- comparison --------------------------------------------------------------------------------

typedef enum relation { LESS = 1, EQUAL = 2, GREATER = 4 } relation;

static int accepted(const char *op) {
    static const struct { const char *op; int accepts; } rows[] = {
        {"Equal", EQUAL},   {"Less", LESS},           {"LessOrEqual", LESS | EQUAL},
        {"Greater", GREATER}, {"GreaterOrEqual", GREATER | EQUAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(op, rows[i].op) == 0) return rows[i].accepts;
    return 0;
}

// NaN is in no relation to anything.
static int relate_floats(double a, double b) {
    return a < b ? LESS : a > b ? GREATER : a == b ? EQUAL : 0;
}

static int relate_ints(int64_t a, int64_t b, const lane *l) {
    return a == b ? EQUAL : int_less(a, b, l) ? LESS : GREATER;
}

sz_status sz_value_relation(sz_infer *n) {
    const sz_tensor *a = sz_in_value(n, 0), *b = sz_in_value(n, 1);
    const int accepts = accepted(n->op->name);
    sz_tensor *y = NULL;
    sz_walk w;
    if (!accepts || !a || !b || a->dtype != b->dtype || !sz_is_computable(a->dtype)) return SZ_OK;
    const lane l = lane_of(n, a->dtype);
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y) return SZ_OK;
    sz_walk_init(&w, y->rank, y->dims, y->count);
    if (!walk_input(n, &w, 0, 0) || !walk_input(n, &w, 1, 1)) {
        drop_value(n);
        return SZ_OK;
    }
    for (int64_t k = 0; w.left > 0; k++, sz_walk_next(&w)) {
        const int64_t i = w.at[0], j = w.at[1];
        if (sz_is_float(a->dtype))
            y->i[k] = (relate_floats(a->f[i], b->f[j]) & accepts) != 0;
        else if (a->i[i] == SZ_VALUE_UNKNOWN || b->i[j] == SZ_VALUE_UNKNOWN)
            y->i[k] = SZ_VALUE_UNKNOWN;
        else
            y->i[k] = (relate_ints(a->i[i], b->i[j], &l) & accepts) != 0;
    }
    return SZ_OK;
}

// ---- choice ------------------------------------------------------------------------------------

// y[k] = x[j], whatever the elements are.
static void copy_element(sz_tensor *y, int64_t k, const sz_tensor *x, int64_t j) {
    if (y->i && x->i) y->i[k] = x->i[j];
    if (y->f && x->f) y->f[k] = x->f[j];
    if (y->s && x->s) y->s[k] = x->s[j];
}

sz_status sz_value_where(sz_infer *n) {
    const sz_tensor *c = sz_in_value(n, 0), *a = sz_in_value(n, 1), *b = sz_in_value(n, 2);
    sz_tensor *y = NULL;
    sz_walk w;
    if (!c || !a || !b || !c->i || a->dtype != b->dtype) return SZ_OK;
    if (!sz_is_integer(a->dtype) && sz_has_unknown(c)) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y) return SZ_OK;
    sz_walk_init(&w, y->rank, y->dims, y->count);
    if (!sz_walk_add(&w, 0, c->rank, c->dims) || !sz_walk_add(&w, 1, a->rank, a->dims) ||
        !sz_walk_add(&w, 2, b->rank, b->dims)) {
        drop_value(n);
        return SZ_OK;
    }
    for (int64_t k = 0; w.left > 0; k++, sz_walk_next(&w)) {
        const int64_t choice = c->i[w.at[0]];
        if (choice == SZ_VALUE_UNKNOWN && a->i[w.at[1]] != b->i[w.at[2]])
            y->i[k] = SZ_VALUE_UNKNOWN;
        else if (choice)
            copy_element(y, k, a, w.at[1]);
        else
            copy_element(y, k, b, w.at[2]);
    }
    return SZ_OK;
}

// ---- bounds ------------------------------------------------------------------------------------

// Bound by input i or attribute `name`; false when there is none.
static bool clip_bound(const sz_infer *n, int i, const char *name, double *ret_f, int64_t *ret_i) {
    const sz_tensor *t = sz_in_value(n, i);
    if (t && t->count == 1 && sz_is_computable(t->dtype)) {
        if (t->i) *ret_i = t->i[0];
        if (t->f) *ret_f = t->f[0];
        return true;
    }
    const sz_attr *a = sz_attr_find(n->node, name);
    if (!a || a->kind != SZ_ATTR_FLOAT) return false;
    *ret_f = a->f;
    return true;
}

static int64_t clip_int(int64_t x, bool has_lo, int64_t lo, bool has_hi, int64_t hi,
                        const lane *l) {
    if (x == SZ_VALUE_UNKNOWN || (has_lo && lo == SZ_VALUE_UNKNOWN) ||
        (has_hi && hi == SZ_VALUE_UNKNOWN))
        return SZ_VALUE_UNKNOWN;
    if (has_lo) x = i_max(x, lo, l);
    return has_hi ? i_min(x, hi, l) : x;
}

sz_status sz_value_clip(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    double lo = 0, hi = 0;
    int64_t ilo = 0, ihi = 0;
    sz_tensor *y = NULL;
    if (!x || !sz_is_computable(x->dtype)) return SZ_OK;
    const lane l = lane_of(n, x->dtype);
    bool has_lo = clip_bound(n, 1, "min", &lo, &ilo), has_hi = clip_bound(n, 2, "max", &hi, &ihi);
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && k < y->count && k < x->count; k++) {
        if (y->i) {
            y->i[k] = clip_int(x->i[k], has_lo, ilo, has_hi, ihi, &l);
            continue;
        }
        double v = has_lo && x->f[k] < lo ? lo : x->f[k];
        sz_put_double(y, k, has_hi && v > hi ? hi : v);
    }
    return SZ_OK;
}

// ---- formats -----------------------------------------------------------------------------------

sz_status sz_value_cast(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_dtype to = sz_out_get(n, 0)->dtype;
    sz_tensor *y = NULL;
    if (!x || !sz_is_computable(x->dtype) || !sz_is_computable(to)) return SZ_OK;
    if (sz_is_float(to) && sz_has_unknown(x)) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && k < y->count && k < x->count; k++) {
        if (sz_is_integer(x->dtype) && y->i)
            y->i[k] = sz_wrap(to, x->i[k]);
        else
            sz_put_double(y, k, sz_as_double(x, k));
    }
    return SZ_OK;
}

sz_status sz_value_dropout(sz_infer *n) {
    return sz_dropout_trains(n) ? SZ_OK : sz_value_same(n);
}
