// SPDX-License-Identifier: Apache-2.0
// Random numbers in every format that weights are written in.
#include "model/export/gguf.h"

#include <math.h>

#include "base/splitmix.h"

enum { NO = -1 };

static const struct row {
    const char *name;
    int scale, offset;
    double shift;
    int from, to;
    unsigned char inner;
    int upper_to; // from `to` on
    unsigned char upper;
    double spread;
} rows[] = {
#define NOISE(dtype, scale, offset, shift, from, to, inner, upper_to, upper, spread)               \
    {#dtype, scale, offset, shift, from, to, inner, upper_to, upper, spread},
#include "model/export/noise.def"
#undef NOISE
};
enum { ROWS = sizeof rows / sizeof *rows };

// Formats without blocks: bits of the fraction, least exponent that is no subnormal.
static const struct plain {
    const char *name;
    int fraction, bias, bits;
} plains[] = {{"f32", 23, 127, 32}, {"f16", 10, 15, 16}, {"bf16", 7, 127, 16}};
enum { PLAINS = sizeof plains / sizeof *plains };

static const struct row *row_of(sz_dtype t) {
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, sz_dtype_get(t)->name) == 0) return &rows[i];
    return NULL;
}

static const struct plain *plain_of(sz_dtype t) {
    for (size_t i = 0; i < PLAINS; i++)
        if (strcmp(plains[i].name, sz_dtype_get(t)->name) == 0) return &plains[i];
    return NULL;
}

static bool is_mxfp4(sz_dtype t) { return strcmp(sz_dtype_get(t)->name, "mxfp4") == 0; }

bool sz_noise_knows(sz_dtype t) { return plain_of(t) || row_of(t) || is_mxfp4(t); }

void sz_noise_names(sz_buf *buf, const char *between) {
    for (size_t i = 0; i < PLAINS; i++) sz_buf_printf(buf, "%s%s", plains[i].name, between);
    for (size_t i = 0; i < ROWS; i++) sz_buf_printf(buf, "%s%s", rows[i].name, between);
    sz_buf_puts(buf, "mxfp4");
}

// ---- plain numbers -----------------------------------------------------------------------------

static void put_low(unsigned char *p, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> (8 * i));
}

// +-(1 + fraction) 2^e with all fractions equally likely: the root of the mean square is
// sqrt(7 / 3) 2^e. `e` is the nearest whole number, so the spread is right to a factor of sqrt(2).
static void fill_plain(const struct plain *f, double spread, uint64_t *state, unsigned char *ret,
                       size_t n) {
    const double most = f->bias, wish = round(log2(spread / sqrt(7.0 / 3)));
    const int e = (int)fmin(fmax(wish, 1 - most), most);
    const uint64_t exponent = (uint64_t)(e + f->bias) << f->fraction;
    const uint64_t fraction = ((uint64_t)1 << f->fraction) - 1, sign = (uint64_t)1 << (f->bits - 1);
    const size_t bytes = (size_t)f->bits / 8, of_draw = 8 / bytes;
    for (size_t i = 0; i < n;) {
        uint64_t draw = sz_splitmix(state);
        for (size_t k = 0; k < of_draw && i < n; k++, i++, draw >>= f->bits - 1, draw >>= 1)
            put_low(ret + i * bytes, exponent | (draw & fraction) | (draw & sign), bytes);
    }
}

// ---- blocks ------------------------------------------------------------------------------------

// The nearest half-precision number of a positive one below 65504, subnormals too.
static uint16_t to_half(double v) {
    int e;
    (void)frexp(v, &e); // v = m 2^e, m in [0.5, 1)
    const int shift = e < -13 ? -24 : e - 11;
    const double units = nearbyint(ldexp(v, -shift)); // of 2^shift; up to 2^11
    if (shift == -24) return (uint16_t)units;         // 1024 of them are the least normal one
    return (uint16_t)(((shift + 24) << 10) + (int)units);
}

static void put_scale(unsigned char *p, double v) {
    const uint16_t half = (uint16_t)(to_half(fabs(v)) | (v < 0 ? 0x8000 : 0));
    put_low(p, half, 2);
}

static void fill_bytes(uint64_t *state, unsigned char *p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) put_low(p, sz_splitmix(state), 8);
    if (n) put_low(p, sz_splitmix(state), n);
}

static void fix_blocks(const struct row *r, double spread, unsigned char *p, size_t n,
                       size_t bytes) {
    // Scales are halves; what is less than their least step would be nothing at all.
    const double scale = fmin(fmax(spread / r->spread, 0x1p-24), 1024);
    for (size_t i = 0; i < n; i++, p += bytes) {
        memset(p + r->from, r->inner, (size_t)(r->to - r->from));
        if (r->upper_to) memset(p + r->to, r->upper, (size_t)(r->upper_to - r->to));
        put_scale(p + r->scale, scale);
        if (r->offset != NO) put_scale(p + r->offset, scale * r->shift);
    }
}

// Codes are +-{0, 0.5, 1, 1.5, 2, 3, 4, 6}, root of the mean square 2.926; the first byte is the
// exponent of their power of two.
static void fix_mxfp4(double spread, unsigned char *p, size_t n, size_t bytes) {
    const double e = fmin(fmax(round(log2(spread / 2.926)), -120), 120);
    for (size_t i = 0; i < n; i++, p += bytes) *p = (unsigned char)(127 + (int)e);
}

void sz_noise_fill(sz_dtype dtype, double spread, uint64_t *state, unsigned char *ret, size_t n) {
    const struct plain *plain = plain_of(dtype);
    const struct row *row = row_of(dtype);
    const size_t bytes = (size_t)sz_dtype_get(dtype)->block_bytes;
    if (plain) {
        fill_plain(plain, spread, state, ret, n);
        return;
    }
    fill_bytes(state, ret, n * bytes);
    if (row)
        fix_blocks(row, spread, ret, n, bytes);
    else
        fix_mxfp4(spread, ret, n, bytes);
}
