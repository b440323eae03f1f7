// SPDX-License-Identifier: Apache-2.0
// GGUF: a header with keys, the list of tensors, then their numbers, each at a multiple of 32.
#include "model/export/gguf.h"

#include <inttypes.h>

#include "base/splitmix.h"

enum { VERSION = 3, KIND_U32 = 4, KIND_F32 = 6, KIND_STRING = 8, CHUNK = 1 << 16 };

static void put_number(sz_buf *b, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) sz_buf_putc(b, (char)(v >> (8 * i)));
}

static void put_text(sz_buf *b, const char *text, size_t n) {
    put_number(b, n, 8);
    sz_buf_put(b, text, n);
}

static void put_key(sz_buf *b, const sz_gguf_key *k) {
    const float real = (float)k->real;
    uint32_t bits = k->whole;
    if (k->is_real) memcpy(&bits, &real, sizeof bits);
    put_text(b, k->name, strlen(k->name));
    put_number(b, k->text ? KIND_STRING : k->is_real ? KIND_F32 : KIND_U32, 4);
    if (k->text)
        put_text(b, k->text, strlen(k->text));
    else
        put_number(b, bits, 4);
}

static int64_t padding(int64_t n) {
    return (SZ_GGUF_ALIGNMENT - n % SZ_GGUF_ALIGNMENT) % SZ_GGUF_ALIGNMENT;
}

// ---- layout ------------------------------------------------------------------------------------

static sz_status measure(sz_ctx *ctx, sz_gguf_out *t) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (!sz_mul(n, t->dims[i], &n)) n = INT64_MAX;
    const int64_t row = t->rank > 0 ? t->dims[t->rank - 1] : 1;
    if (row % d->block_elements != 0)
        return sz_fail(ctx, SZ_ERR_INPUT,
                       "tensor '%s': rows of %" PRId64 " elements are no whole blocks of %d (%s)",
                       sz_show(ctx, t->name), row, d->block_elements, d->name);
    t->bytes = sz_dtype_bytes(t->dtype, n);
    if (t->bytes >= 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_LIMIT, "tensor '%s': its bytes exceed 2^63", sz_show(ctx, t->name));
}

sz_status sz_gguf_lay_out(sz_ctx *ctx, sz_gguf_out *tensors, size_t n, int64_t *ret_data) {
    int64_t data = 0;
    for (size_t i = 0; i < n; i++) {
        SZ_TRY(measure(ctx, &tensors[i]));
        if (!sz_add(data, tensors[i].bytes, &data) || !sz_add(data, padding(data), &data))
            return sz_fail(ctx, SZ_ERR_LIMIT, "the file exceeds 2^63 bytes");
    }
    *ret_data = data;
    return SZ_OK;
}

static void put_header(const sz_gguf_key *keys, size_t n_keys, const sz_gguf_out *tensors, size_t n,
                       sz_buf *b) {
    int64_t offset = 0;
    sz_buf_puts(b, "GGUF");
    put_number(b, VERSION, 4);
    put_number(b, n, 8);
    put_number(b, n_keys, 8);
    for (size_t i = 0; i < n_keys; i++) put_key(b, &keys[i]);
    for (size_t i = 0; i < n; i++) {
        const sz_gguf_out *t = &tensors[i];
        put_text(b, t->name.p, t->name.len);
        put_number(b, (uint64_t)t->rank, 4);
        for (int32_t d = t->rank; d > 0; d--) put_number(b, (uint64_t)t->dims[d - 1], 8);
        put_number(b, t->code, 4);
        put_number(b, (uint64_t)offset, 8);
        offset += t->bytes + padding(t->bytes);
    }
}

// ---- numbers -----------------------------------------------------------------------------------

// Ones are of f32 only: norms are kept in it.
static void fill(const sz_gguf_out *t, uint64_t *state, unsigned char *chunk, size_t blocks,
                 size_t bytes) {
    static const unsigned char one[] = {0x00, 0x00, 0x80, 0x3f};
    if (t->noise == SZ_NOISE_RANDOM)
        sz_noise_fill(t->dtype, t->spread, state, chunk, blocks);
    else if (t->noise == SZ_NOISE_ZEROS)
        memset(chunk, 0, bytes);
    else
        for (size_t i = 0; i < bytes; i++) chunk[i] = one[i % 4];
}

static sz_status put_tensor(const sz_gguf_out *t, uint64_t seed, unsigned char *chunk, sz_buf *b) {
    const int64_t block = sz_dtype_get(t->dtype)->block_bytes, most = CHUNK / block;
    uint64_t state = seed;
    for (int64_t left = t->bytes / block; left > 0;) {
        const int64_t blocks = left < most ? left : most;
        const size_t bytes = (size_t)(blocks * block);
        fill(t, &state, chunk, (size_t)blocks, bytes);
        sz_buf_put(b, (const char *)chunk, bytes);
        SZ_TRY(sz_buf_status(b));
        left -= blocks;
    }
    sz_buf_pad(b, 0, (size_t)padding(t->bytes));
    return SZ_OK;
}

sz_status sz_gguf_put(const sz_gguf_key *keys, size_t n_keys, const sz_gguf_out *tensors, size_t n,
                      uint64_t seed, sz_buf *b) {
    unsigned char *chunk = sz_alloc(b->ctx, CHUNK);
    sz_buf header;
    if (!chunk) return sz_no_memory(b->ctx);
    sz_buf_init(&header, b->ctx);
    put_header(keys, n_keys, tensors, n, &header);
    sz_status status = sz_buf_status(&header);
    if (status == SZ_OK) {
        sz_buf_put(b, header.data, header.size);
        sz_buf_pad(b, 0, (size_t)padding((int64_t)header.size));
    }
    sz_buf_finish(&header);
    for (size_t i = 0; i < n && status == SZ_OK; i++) {
        const uint64_t own = sz_splitmix(&seed);
        status = put_tensor(&tensors[i], own, chunk, b);
    }
    sz_free(b->ctx, chunk, CHUNK);
    return status == SZ_OK ? sz_buf_status(b) : status;
}
