// SPDX-License-Identifier: Apache-2.0
// The bytes of a GGUF file, through a window.
#include "model/import/gguf.h"

#include "model/graph/allowance.h"

#include <inttypes.h>
#include <stdio.h>

sz_status gguf_fail(gguf *x, uint64_t at, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": %s", at, text);
}

uint64_t gguf_left(const gguf *x) { return x->source->size - x->at; }

// Bytes from x->at on into the window: few after a jump, more while the reading goes on.
static sz_status fill(gguf *x, size_t need) {
    const uint64_t left = gguf_left(x);
    if (left < need)
        return gguf_fail(x, x->at, "the file ends inside of its header: %zu bytes are missing",
                         (size_t)(need - left));
    if (x->fetched - x->fetched_before > SZ_GGUF_MAX_HEADER)
        return gguf_fail(x, x->at, "the header goes on behind %d bytes of it, which is the limit",
                         SZ_GGUF_MAX_HEADER);
    size_t n = x->ahead < need ? need : x->ahead;
    if (n > left) n = (size_t)left;
    x->fetched += n;
    sz_ctx_set_job_limit(x->ctx, x->memory_base + sz_allowance(x->fetched));
    x->have = 0;
    SZ_TRY(x->source->read(x->source, x->ctx, x->at, x->window, n));
    x->window_at = x->at;
    x->have = n;
    if (x->ahead < SZ_GGUF_WINDOW) x->ahead *= 2;
    return SZ_OK;
}

// The next `n` bytes, n <= SZ_GGUF_WINDOW; valid until the next call.
static sz_status peek(gguf *x, size_t n, const unsigned char **ret) {
    const bool inside = x->at >= x->window_at && x->at - x->window_at <= x->have &&
                        x->have - (x->at - x->window_at) >= n;
    if (!inside) SZ_TRY(fill(x, n));
    *ret = x->window + (x->at - x->window_at);
    return SZ_OK;
}

sz_status gguf_skip(gguf *x, uint64_t n) {
    if (n > gguf_left(x))
        return gguf_fail(x, x->at, "%" PRIu64 " bytes are said to follow, but %" PRIu64 " are left",
                         n, gguf_left(x));
    x->at += n;
    return SZ_OK;
}

// Compilers make one load of it.
static uint64_t eight(const unsigned char *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

sz_status gguf_number(gguf *x, int bytes, uint64_t *ret) {
    const unsigned char *p;
    uint64_t v = 0;
    SZ_TRY(peek(x, (size_t)bytes, &p));
    if (bytes == 8 && !x->big_endian)
        v = eight(p);
    else
        for (int i = 0; i < bytes; i++)
            v |= (uint64_t)p[x->big_endian ? bytes - 1 - i : i] << (8 * i);
    x->at += (uint64_t)bytes;
    *ret = v;
    return SZ_OK;
}

// Lists of words are most of a header: as long as they lie in the window, one step each.
sz_status gguf_skip_strings(gguf *x, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t at = x->at;
        uint64_t len;
        if (x->version > 1 && !x->big_endian && at >= x->window_at && x->have >= 8 &&
            at - x->window_at <= x->have - 8) {
            len = eight(x->window + (at - x->window_at));
            x->at += 8;
        } else {
            SZ_TRY(gguf_size(x, &len));
        }
        if (len > x->source->size - x->at)
            return gguf_fail(x, at, "a string of %" PRIu64 " bytes, but %" PRIu64 " are left", len,
                             gguf_left(x));
        x->at += len;
    }
    return SZ_OK;
}

sz_status gguf_size(gguf *x, uint64_t *ret) { return gguf_number(x, x->version == 1 ? 4 : 8, ret); }

sz_status gguf_string(gguf *x, const char *what, uint64_t most, sz_str *ret) {
    const uint64_t at = x->at;
    uint64_t len;
    SZ_TRY(gguf_size(x, &len));
    if (len > gguf_left(x))
        return gguf_fail(x, at, "%s of %" PRIu64 " bytes, but %" PRIu64 " are left", what, len,
                         gguf_left(x));
    if (len > most)
        return gguf_fail(x, at, "%s of %" PRIu64 " bytes, the limit is %" PRIu64, what, len, most);
    char *copy = sz_arena_alloc(x->arena, (size_t)len + 1);
    if (!copy) return sz_no_memory(x->ctx);
    for (uint64_t done = 0; done < len;) {
        const unsigned char *p;
        const uint64_t rest = len - done;
        const size_t n = rest < SZ_GGUF_WINDOW ? (size_t)rest : SZ_GGUF_WINDOW;
        SZ_TRY(peek(x, n, &p));
        memcpy(copy + done, p, n);
        x->at += n;
        done += n;
    }
    *ret = (sz_str){copy, (uint32_t)len};
    return SZ_OK;
}

sz_status gguf_open(gguf *x, sz_source *source) {
    const unsigned char *p;
    uint64_t version;
    x->source = source;
    x->at = x->window_at = x->have = 0;
    x->ahead = SZ_GGUF_FIRST_READ;
    x->big_endian = false;
    x->fetched_before = x->fetched;
    SZ_TRY(peek(x, 4, &p));
    if (memcmp(p, "GGUF", 4) != 0) return gguf_fail(x, 0, "this file does not begin with 'GGUF'");
    x->at = 4;
    SZ_TRY(gguf_number(x, 4, &version));
    if ((version & 0xffff) == 0 && version != 0) { // written the other way round
        x->big_endian = true;
        version = version >> 24 | (version >> 8 & 0xff00);
    }
    if (version < 1 || version > SZ_GGUF_MAX_VERSION)
        return gguf_fail(x, 4, "GGUF version %" PRIu64 " is not known, 1 to %d are", version,
                         SZ_GGUF_MAX_VERSION);
    x->version = (uint32_t)version;
    return SZ_OK;
}
