// SPDX-License-Identifier: Apache-2.0
// Elements as they are stored: bits to numbers and back.
#include "model/graph/format.h"

#include <math.h>
#include <string.h>

static uint64_t little(const unsigned char *p, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t sz_format_element(sz_dtype t, const unsigned char *raw, int64_t k) {
    const sz_dtype_info *d = sz_dtype_get(t);
    if (d->bits % 8 == 0) return little(raw + k * (d->bits / 8), d->bits / 8);
    // packed from the low bits up; an element may straddle two bytes (6-bit formats)
    const int64_t bit = k * d->bits;
    uint64_t v = raw[bit / 8];
    if (bit % 8 + d->bits > 8) v |= (uint64_t)raw[bit / 8 + 1] << 8;
    return v >> (bit % 8) & ((1ull << d->bits) - 1);
}

int64_t sz_format_integer(sz_dtype t, uint64_t v) {
    const sz_dtype_info *d = sz_dtype_get(t);
    if (d->cls == SZ_CLASS_BOOL) return v != 0;
    if (d->cls != SZ_CLASS_INT || d->bits == 64) return (int64_t)v;
    uint64_t sign = 1ull << (d->bits - 1);
    return (int64_t)((v ^ sign) - sign);
}

// ---- floats ------------------------------------------------------------------------------------

// How a format says "not a number".
typedef enum special {
    IEEE,       // the largest exponent: infinity and NaN
    ALL_ONES,   // exponent and mantissa all ones: NaN; no infinity
    MINUS_ZERO, // the pattern of -0: NaN; no infinity, no -0
    NEVER       // all patterns are numbers
} special;

typedef struct float_form {
    const char *name;
    int exp, man, bias;
    special special;
} float_form;

// Layouts: IEEE 754; bfloat16; OCP OFP8 and MX formats (fnuz: bias + 1, as ONNX documents it).
static const float_form forms[] = {
    {"f16", 5, 10, 15, IEEE},        {"bf16", 8, 7, 127, IEEE},
    {"f8e4m3fn", 4, 3, 7, ALL_ONES}, {"f8e4m3fnuz", 4, 3, 8, MINUS_ZERO},
    {"f8e5m2", 5, 2, 15, IEEE},      {"f8e5m2fnuz", 5, 2, 16, MINUS_ZERO},
    {"f4e2m1", 2, 1, 1, NEVER},      {"f6e2m3", 2, 3, 1, NEVER},
    {"f6e3m2", 3, 2, 3, NEVER},
};

static bool is_nan(const float_form *form, uint32_t v) {
    const uint32_t all = (1u << (form->exp + form->man)) - 1, last = ((1u << form->exp) - 1);
    const uint32_t e = v >> form->man & last, m = v & ((1u << form->man) - 1);
    switch (form->special) {
    case IEEE:
        return e == last && m;
    case ALL_ONES:
        return (v & all) == all;
    case MINUS_ZERO:
        return v == all + 1;
    case NEVER:
        break;
    }
    return false;
}

static double small_float(const float_form *form, uint32_t v) {
    const int exp = form->exp, man = form->man, bias = form->bias;
    const uint32_t last = (1u << exp) - 1, e = v >> man & last, m = v & ((1u << man) - 1);
    const double sign = v >> (exp + man) & 1 ? -1.0 : 1.0;
    if (is_nan(form, v)) return NAN;
    if (form->special == IEEE && e == last) return sign * INFINITY;
    if (e == 0) return sign * ldexp((double)m, 1 - bias - man);
    return sign * ldexp((double)(m | 1u << man), (int)e - bias - man);
}

double sz_format_decode(sz_dtype t, uint64_t v) {
    const sz_dtype_info *d = sz_dtype_get(t);
    if (d->bits == 32) {
        uint32_t u = (uint32_t)v;
        float f;
        memcpy(&f, &u, sizeof f);
        return (double)f;
    }
    if (d->bits == 64) {
        double f;
        memcpy(&f, &v, sizeof f);
        return f;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, d->name) == 0) return small_float(&forms[i], (uint32_t)v);
    return v == 0xff ? (double)NAN : ldexp(1.0, (int)v - 127); // f8e8m0: a power of two
}

// The nearest code of a format of 8 bits or fewer, by looking at all of them.
static uint64_t nearest_code(sz_dtype t, int bits, double x, bool saturate) {
    const uint64_t codes = UINT64_C(1) << bits;
    uint64_t best = 0, nan = 0, largest = 0;
    double distance = INFINITY, max = 0;
    for (uint64_t c = 0; c < codes; c++) {
        const double v = sz_format_decode(t, c);
        if (isnan(v)) {
            nan = c;
            continue;
        }
        if (isinf(v)) continue;
        const bool same_sign = signbit(v) == signbit(x);
        if (same_sign && fabs(v) > max) max = fabs(v), largest = c;
        const double away = fabs(v - x);
        if (!same_sign && v != 0) continue;
        if (away < distance || (away == distance && !(c & 1))) distance = away, best = c;
    }
    if (isnan(x)) return nan;
    if (distance == INFINITY && !isinf(x)) return best; // no number of that sign
    if (!saturate && fabs(x) > max) {
        for (uint64_t c = 0; c < codes; c++)
            if (sz_format_decode(t, c) == copysign(INFINITY, x)) return c;
        return nan;
    }
    return fabs(x) > max ? largest : best;
}

static uint64_t encode_half(double x) { // of a number that f16 holds
    float f = (float)x;
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    const uint32_t sign = u >> 16 & 0x8000, e = u >> 23 & 0xff;
    if (e == 0xff) return sign | 0x7c00 | (u & 0x7fffff ? 0x200 : 0);
    if (e < 113) return sign | (uint32_t)fabs(ldexp(x, 24)); // subnormal, or 0
    return sign | (e - 112) << 10 | (u >> 13 & 0x3ff);
}

uint64_t sz_format_encode(sz_dtype t, double x, bool saturate) {
    const sz_dtype_info *d = sz_dtype_get(t);
    uint64_t v = 0;
    if (d->bits == 64) {
        memcpy(&v, &x, sizeof v);
    } else if (d->bits == 32 || d->name[0] == 'b') { // bf16: the upper half of an f32
        const float f = (float)x;
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        v = d->bits == 32 ? u : isnan(x) ? 0x7fc0 | (u >> 16) : u >> 16;
    } else {
        v = d->bits == 16 ? encode_half(x) : nearest_code(t, d->bits, x, saturate);
    }
    return v;
}
