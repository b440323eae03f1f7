// SPDX-License-Identifier: Apache-2.0
#include "run/backends/plain/loops/isa.h"
#include "run/backends/plain/loops/functions.h"

static inline float clipf(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

// d/dx of x Phi(x): Phi(x) + x phi(x).
static inline float gelu_slope(float x) {
    return 0.5f * (1 + sz_erff(x * 0.707106781f)) + x * 0.398942280f * sz_expf(-0.5f * x * x);
}
// d/dx of x (1 + tanh u) / 2 with u = c (x + 0.044715 x^3).
static inline float gelu_tanh_slope(float x) {
    const float t = sz_tanhf(0.797884561f * (x + 0.044715f * x * x * x));
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * 0.797884561f * (1 + 3 * 0.044715f * x * x);
}

// ---- one and two operands ----------------------------------------------------------------------

#define UNARY(op, dtype, T, expression)                                                            \
    static void op##_##dtype(const void *const *in, const int64_t *step, void *out, int64_t n,     \
                             const double *numbers) {                                              \
        const T *from = in[0];                                                                     \
        T *restrict y = out;                                                                       \
        const float p[2] = {(float)numbers[0], (float)numbers[1]};                                 \
        (void)p;                                                                                   \
        if (step[0] == 0) {                                                                        \
            const T x = from[0], z = expression;                                                   \
            for (int64_t i = 0; i < n; i++) y[i] = z;                                              \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T x = from[i];                                                               \
                y[i] = expression;                                                                 \
            }                                                                                      \
        }                                                                                          \
    }
#define BINARY(op, dtype, from, to, T, R, expression)                                              \
    static void op##_##dtype(const void *const *in, const int64_t *step, void *out, int64_t n,     \
                             const double *numbers) {                                              \
        const T *p = in[0], *q = in[1];                                                            \
        R *y = out; /* may be an operand */                                                        \
        (void)numbers;                                                                             \
        if (step[0] && step[1]) {                                                                  \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T a = p[i], b = q[i];                                                        \
                y[i] = (R)(expression);                                                            \
            }                                                                                      \
        } else if (step[0]) {                                                                      \
            const T b = q[0];                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T a = p[i];                                                                  \
                y[i] = (R)(expression);                                                            \
            }                                                                                      \
        } else {                                                                                   \
            const T a = p[0];                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T b = q[i * step[1]];                                                        \
                y[i] = (R)(expression);                                                            \
            }                                                                                      \
        }                                                                                          \
    }
#include "run/backends/plain/loops/elements.def"
#undef UNARY
#undef BINARY

// Small whole powers and the root are no powf.
static void Pow_f32(const void *const *in, const int64_t *step, void *out, int64_t n,
                    const double *numbers) {
    const float *x = in[0], *e = in[1], one = step[1] ? 0 : e[0];
    float *y = out;
    (void)numbers;
    if (one == 2)
        for (int64_t i = 0; i < n; i++) y[i] = x[i * step[0]] * x[i * step[0]];
    else if (one == 3)
        for (int64_t i = 0; i < n; i++) y[i] = x[i * step[0]] * x[i * step[0]] * x[i * step[0]];
    else if (one == 0.5f)
        for (int64_t i = 0; i < n; i++) y[i] = sqrtf(x[i * step[0]]);
    else
        for (int64_t i = 0; i < n; i++) y[i] = powf(x[i * step[0]], e[i * step[1]]);
}

// ---- choice ------------------------------------------------------------------------------------

#define WHERE(T, bits)                                                                             \
    static void where_##bits(const void *const *in, const int64_t *step, void *out, int64_t n,     \
                             const double *numbers) {                                              \
        const uint8_t *c = in[0];                                                                  \
        const T *a = in[1], *b = in[2];                                                            \
        T *restrict y = out;                                                                       \
        (void)numbers;                                                                             \
        if (step[0] == 0) {                                                                        \
            const T *from = c[0] ? a : b;                                                          \
            const int64_t by = step[c[0] ? 1 : 2];                                                 \
            for (int64_t i = 0; i < n; i++) y[i] = from[i * by];                                   \
        } else if (step[1] && step[2]) {                                                           \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T t = a[i], f = b[i];                                                        \
                y[i] = c[i] ? t : f;                                                               \
            }                                                                                      \
        } else if (step[1]) {                                                                      \
            const T f = b[0];                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T t = a[i];                                                                  \
                y[i] = c[i] ? t : f;                                                               \
            }                                                                                      \
        } else {                                                                                   \
            const T t = a[0];                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T f = b[i * step[2]];                                                        \
                y[i] = c[i] ? t : f;                                                               \
            }                                                                                      \
        }                                                                                          \
    }
WHERE(uint8_t, 8)
WHERE(uint16_t, 16)
WHERE(uint32_t, 32)
WHERE(uint64_t, 64)

// ---- formats -----------------------------------------------------------------------------------

// Towards zero; NaN gives 0, and what does not fit the end of the range that is nearer.
static inline int64_t to_i64(double x) {
    if (!(x > -0x1p63)) return x <= -0x1p63 ? INT64_MIN : 0;
    return x < 0x1p63 ? (int64_t)x : INT64_MAX;
}

#define CAST(from_name, F, to_name, T, expression)                                                 \
    static void cast_##from_name##_##to_name(const void *const *in, const int64_t *step,           \
                                             void *out, int64_t n, const double *numbers) {        \
        const F *from = in[0];                                                                     \
        T *restrict y = out;                                                                       \
        (void)numbers;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const F x = from[i * step[0]];                                                         \
            y[i] = (T)(expression);                                                                \
        }                                                                                          \
    }
#include "run/backends/plain/loops/casts.def"
#undef CAST

// ---- whole numbers for floats ------------------------------------------------------------------

// x / scale rounded to even, then the zero point, cut to the format. ONNX, QuantizeLinear.
#define QUANTIZE(T, name, low, high)                                                               \
    static void quantize_##name(const void *const *in, const int64_t *step, void *out, int64_t n,  \
                                const double *numbers) {                                           \
        const float *x = in[0], *scale = in[1];                                                    \
        const T *zero = in[2], none = 0;                                                           \
        T *restrict y = out;                                                                       \
        const int64_t by = step[1], zero_by = numbers[0] != 0 ? step[2] : 0;                       \
        if (numbers[0] == 0) zero = &none;                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            float v = rintf(x[i * step[0]] / scale[i * by]) + (float)zero[i * zero_by];            \
            v = v < low ? low : v;                                                                 \
            y[i] = (T)(v > high ? high : v);                                                       \
        }                                                                                          \
    }
QUANTIZE(uint8_t, u8, 0.0f, 255.0f)
QUANTIZE(int8_t, i8, -128.0f, 127.0f)

#define DEQUANTIZE(T, name)                                                                        \
    static void dequantize_##name(const void *const *in, const int64_t *step, void *out,           \
                                  int64_t n, const double *numbers) {                              \
        const T *x = in[0], *zero = in[2], none = 0;                                               \
        const float *scale = in[1];                                                                \
        float *restrict y = out;                                                                   \
        const int64_t by = step[1], zero_by = numbers[0] != 0 ? step[2] : 0;                       \
        if (numbers[0] == 0) zero = &none;                                                         \
        if (by == 0 && zero_by == 0) {                                                             \
            const float s = scale[0], z = (float)zero[0];                                          \
            for (int64_t i = 0; i < n; i++) y[i] = ((float)x[i * step[0]] - z) * s;                \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++)                                                        \
                y[i] = ((float)x[i * step[0]] - (float)zero[i * zero_by]) * scale[i * by];         \
        }                                                                                          \
    }
DEQUANTIZE(uint8_t, u8)
DEQUANTIZE(int8_t, i8)
DEQUANTIZE(int32_t, i32)

const sz_loop_row SZ_GLUE(sz_elements_, SZ_ISA)[] = {
#define UNARY(op, dtype, T, expression)               {#op, #dtype, #dtype, op##_##dtype},
#define BINARY(op, dtype, from, to, T, R, expression) {#op, #from, #to, op##_##dtype},
#include "run/backends/plain/loops/elements.def"
#undef UNARY
#undef BINARY
#define CAST(from, F, to, T, expression) {"Cast", #from, #to, cast_##from##_##to},
#include "run/backends/plain/loops/casts.def"
#undef CAST
    {"Pow", "f32", "f32", Pow_f32},
    {"Where", "8", "8", where_8},
    {"Where", "16", "16", where_16},
    {"Where", "32", "32", where_32},
    {"Where", "64", "64", where_64},
    {"QuantizeLinear", "f32", "u8", quantize_u8},
    {"QuantizeLinear", "f32", "i8", quantize_i8},
    {"DequantizeLinear", "u8", "f32", dequantize_u8},
    {"DequantizeLinear", "i8", "f32", dequantize_i8},
    {"DequantizeLinear", "i32", "f32", dequantize_i32},
    {NULL, NULL, NULL, NULL}};
