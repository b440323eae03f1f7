// SPDX-License-Identifier: Apache-2.0
// Elementary functions of f32 without branches, so that loops over them become vectors.
//
// Polynomials of exp, tanh and erf are those of Stephen Moshier's Cephes library (expf, tanhf,
// ndtrf), written anew; tests hold each to libm's double.
#ifndef SZ_LOOPS_FUNCTIONS_H
#define SZ_LOOPS_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float sz_f_of_bits(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline uint32_t sz_bits_of_f(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

// x = n ln 2 + r with |r| <= ln 2 / 2; 2^n in two factors, so that the ends of the range are right.
static inline float sz_expf(float x) {
    const float magic = 12582912.0f; // 1.5 x 2^23: the lowest bit is worth 1
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    const float t = x * 1.44269504f + magic, n = t - magic;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t k = (int32_t)(sz_bits_of_f(t) - sz_bits_of_f(magic)), half = k >> 1;
    const float a = sz_f_of_bits((uint32_t)(half + 127) << 23);
    const float b = sz_f_of_bits((uint32_t)(k - half + 127) << 23);
    return p * a * b;
}

static inline float sz_tanhf(float x) {
    const float z = x * x, a = fabsf(x);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float small = p * z * x + x;
    const float large = copysignf(1.0f - 2.0f / (sz_expf(2.0f * a) + 1.0f), x);
    return a < 0.625f ? small : large;
}

static inline float sz_sigmoidf(float x) { return 1.0f / (1.0f + sz_expf(-x)); }

// Below 1 a series in x^2; above it 1 - e^(-x^2) / x times a polynomial in 1 / x^2.
static inline float sz_erff(float x) {
    const float a = fabsf(x), z = x * x, q = 1.0f / (a > 1.0f ? a : 1.0f), w = q * q;
    float p = 7.853861353153693e-5f;
    p = p * z - 8.010193625184903e-4f;
    p = p * z + 5.188327685732524e-3f;
    p = p * z - 2.685381193529856e-2f;
    p = p * z + 1.128358514861418e-1f;
    p = p * z - 3.761262582423300e-1f;
    p = p * z + 1.128379165726710e0f;
    float u = 2.326819970068386e-2f;
    u = u * w - 1.387039388740657e-1f;
    u = u * w + 3.687424674597105e-1f;
    u = u * w - 5.824733027278666e-1f;
    u = u * w + 6.210004621745983e-1f;
    u = u * w - 4.944515323274145e-1f;
    u = u * w + 3.404879937665872e-1f;
    u = u * w - 2.741127028184656e-1f;
    u = u * w + 5.638259427386472e-1f;
    float v = -1.047766399936249e1f;
    v = v * w + 1.297719955372516e1f;
    v = v * w - 7.495518717768503e0f;
    v = v * w + 2.921019019210786e0f;
    v = v * w - 1.015265279202700e0f;
    v = v * w + 4.218463358204948e-1f;
    v = v * w - 2.820767439740514e-1f;
    v = v * w + 5.641895067754075e-1f;
    const float tail = sz_expf(-z) * q * (a < 2.0f ? u : v);
    return a < 1.0f ? p * x : copysignf(1.0f - tail, x);
}

static inline float sz_geluf(float x) { return 0.5f * x * (1.0f + sz_erff(x * 0.707106781f)); }
static inline float sz_gelu_tanhf(float x) {
    return 0.5f * x * (1.0f + sz_tanhf(0.797884561f * (x + 0.044715f * x * x * x)));
}
static inline float sz_softplusf(float x) { return fmaxf(x, 0) + log1pf(sz_expf(-fabsf(x))); }

#endif
