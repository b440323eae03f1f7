// SPDX-License-Identifier: Apache-2.0
// Buffers of the reference executor: making, sharing, and numbers in and out of any format.
#include "model/graph/format.h"
#include "model/ops/numbers.h"
#include "run/backends/ref/ref.h"

#include <inttypes.h>
#include <math.h>

// ---- life --------------------------------------------------------------------------------------

size_t sz_buffer_width(sz_dtype t) {
    const sz_dtype_info *d = sz_dtype_get(t);
    const bool plain = d->cls == SZ_CLASS_FLOAT || d->cls == SZ_CLASS_INT ||
                       d->cls == SZ_CLASS_UINT || d->cls == SZ_CLASS_BOOL;
    if (!plain) return 0;
    return d->bits < 8 ? 1 : (size_t)d->bits / 8;
}

// Elements and bytes, all factors checked before a zero ends the product.
static bool measure(sz_buffer *b) {
    int64_t all = 1, bytes;
    b->count = 1;
    for (int32_t d = 0; d < b->rank; d++) {
        if (b->dims[d] < 0 || !sz_mul(all, b->dims[d] ? b->dims[d] : 1, &all)) return false;
        b->count *= b->dims[d]; // no larger than `all`
    }
    if (!sz_mul(all, (int64_t)sz_buffer_width(b->dtype), &bytes)) return false;
    b->bytes = (size_t)b->count * sz_buffer_width(b->dtype);
    return true;
}

sz_status sz_buffer_create(sz_ctx *ctx, sz_dtype dtype, int32_t rank, const int64_t *dims,
                           sz_buffer **ret_buffer) {
    if (!sz_buffer_width(dtype))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "no reference for numbers of format '%s'",
                       sz_dtype_get(dtype)->name);
    if (rank < 0 || rank > SZ_MAX_RANK)
        return sz_fail(ctx, SZ_ERR_LIMIT, "a tensor of rank %d", rank);
    sz_buffer *b = sz_alloc(ctx, sizeof *b);
    if (!b) return sz_no_memory(ctx);
    b->dtype = dtype, b->rank = rank, b->holders = 1;
    if (rank > 0) memcpy(b->dims, dims, (size_t)rank * sizeof *dims);
    const bool fits = measure(b);
    b->data = fits ? sz_alloc(ctx, b->bytes ? b->bytes : 1) : NULL;
    if (b->data) {
        *ret_buffer = b;
        return SZ_OK;
    }
    const size_t bytes = b->bytes;
    sz_free(ctx, b, sizeof *b);
    if (!fits) return sz_fail(ctx, SZ_ERR_LIMIT, "a tensor exceeds 2^63 bytes");
    return sz_fail(ctx, SZ_ERR_MEMORY,
                   "a tensor of %zu bytes does not fit: %zu bytes are in use, see the memory limit",
                   bytes, sz_ctx_memory_used(ctx));
}

sz_status sz_buffer_create_sequence(sz_ctx *ctx, int64_t count, sz_buffer **ret_buffer) {
    sz_buffer *b = sz_alloc(ctx, sizeof *b);
    if (!b) return sz_no_memory(ctx);
    b->is_sequence = true, b->holders = 1, b->count = count, b->rank = -1;
    b->items = sz_alloc(ctx, ((size_t)count + 1) * sizeof *b->items);
    if (!b->items) {
        sz_free(ctx, b, sizeof *b);
        return sz_no_memory(ctx);
    }
    *ret_buffer = b;
    return SZ_OK;
}

sz_buffer *sz_buffer_hold(sz_buffer *b) {
    if (b) b->holders++;
    return b;
}

static void free_tensor(sz_ctx *ctx, sz_buffer *b) {
    if (b->data) sz_free(ctx, b->data, b->bytes ? b->bytes : 1);
    sz_free(ctx, b, sizeof *b);
}

void sz_buffer_release(sz_ctx *ctx, sz_buffer *b) {
    if (!b || --b->holders > 0) return;
    for (int64_t k = 0; b->is_sequence && k < b->count; k++) // sequences hold tensors only
        if (b->items[k] && --b->items[k]->holders == 0) free_tensor(ctx, b->items[k]);
    if (b->is_sequence) sz_free(ctx, b->items, ((size_t)b->count + 1) * sizeof *b->items);
    free_tensor(ctx, b);
}

// ---- numbers -----------------------------------------------------------------------------------

// Bits of element k, without sign extension.
static uint64_t bits_at(const sz_buffer *b, int64_t k) {
    switch (sz_buffer_width(b->dtype)) {
    case 1:
        return ((const uint8_t *)b->data)[k];
    case 2:
        return ((const uint16_t *)b->data)[k];
    case 4:
        return ((const uint32_t *)b->data)[k];
    default:
        return ((const uint64_t *)b->data)[k];
    }
}

void sz_buffer_put_bits(sz_buffer *b, int64_t k, uint64_t v) {
    const int bits = sz_dtype_get(b->dtype)->bits;
    switch (sz_buffer_width(b->dtype)) {
    case 1:
        ((uint8_t *)b->data)[k] = (uint8_t)(v & ((1u << bits) - 1));
        break;
    case 2:
        ((uint16_t *)b->data)[k] = (uint16_t)v;
        break;
    case 4:
        ((uint32_t *)b->data)[k] = (uint32_t)v;
        break;
    default:
        ((uint64_t *)b->data)[k] = v;
        break;
    }
}

static bool is_f32(sz_dtype t) { return sz_is_float(t) && sz_dtype_get(t)->bits == 32; }

void sz_buffer_integers(const sz_buffer *b, int64_t from, int64_t n, int64_t *ret) {
    if (sz_is_float(b->dtype)) {
        for (int64_t k = 0; k < n; k++) {
            double x;
            sz_buffer_doubles(b, from + k, 1, &x);
            ret[k] = x > -0x1p63 && x < 0x1p63 ? (int64_t)x : 0;
        }
        return;
    }
    for (int64_t k = 0; k < n; k++) ret[k] = sz_format_integer(b->dtype, bits_at(b, from + k));
}

void sz_buffer_doubles(const sz_buffer *b, int64_t from, int64_t n, double *ret) {
    if (is_f32(b->dtype)) {
        const float *x = (const float *)b->data + from;
        for (int64_t k = 0; k < n; k++) ret[k] = (double)x[k];
    } else if (sz_is_float(b->dtype)) {
        for (int64_t k = 0; k < n; k++) ret[k] = sz_format_decode(b->dtype, bits_at(b, from + k));
    } else {
        const bool wide = sz_is_unsigned(b->dtype) && sz_dtype_get(b->dtype)->bits == 64;
        for (int64_t k = 0; k < n; k++) {
            const int64_t i = sz_format_integer(b->dtype, bits_at(b, from + k));
            ret[k] = wide ? (double)(uint64_t)i : (double)i;
        }
    }
}

void sz_buffer_put_integers(sz_buffer *b, int64_t from, int64_t n, const int64_t *x) {
    if (sz_is_float(b->dtype)) {
        for (int64_t k = 0; k < n; k++) {
            const double v = (double)x[k];
            sz_buffer_put_doubles(b, from + k, 1, &v);
        }
        return;
    }
    const bool is_bool = sz_dtype_get(b->dtype)->cls == SZ_CLASS_BOOL;
    for (int64_t k = 0; k < n; k++)
        sz_buffer_put_bits(b, from + k, (uint64_t)(is_bool ? x[k] != 0 : x[k]));
}

static int64_t cut(double x) {
    if (!(x > -0x1p63)) return isnan(x) ? 0 : INT64_MIN;
    if (x < 0x1p63) return (int64_t)x;
    return x < 0x1p64 ? (int64_t)(uint64_t)x : INT64_MAX;
}

void sz_buffer_put_doubles(sz_buffer *b, int64_t from, int64_t n, const double *x) {
    if (is_f32(b->dtype)) {
        float *y = (float *)b->data + from;
        for (int64_t k = 0; k < n; k++) y[k] = (float)x[k];
    } else if (sz_is_float(b->dtype)) {
        for (int64_t k = 0; k < n; k++)
            sz_buffer_put_bits(b, from + k,
                               sz_format_encode(b->dtype, sz_round_to(b->dtype, x[k]), true));
    } else {
        const bool is_bool = sz_dtype_get(b->dtype)->cls == SZ_CLASS_BOOL;
        for (int64_t k = 0; k < n; k++)
            sz_buffer_put_bits(b, from + k, (uint64_t)(is_bool ? x[k] != 0 : cut(x[k])));
    }
}
