// SPDX-License-Identifier: Apache-2.0
#include "model/import/wire.h"

#include "model/graph/allowance.h"

#include <inttypes.h>

enum { MAX_VARINT = 10, LAST_FIELD = (1 << 29) - 1 };

// ---- the window --------------------------------------------------------------------------------

sz_status sz_wire_init(sz_wire *w, sz_ctx *ctx, sz_source *source) {
    *w = (sz_wire){.ctx = ctx, .source = source, .memory_base = sz_ctx_memory_used(ctx)};
    sz_ctx_set_job_limit(ctx, w->memory_base + sz_allowance(0));
    w->window = sz_alloc(ctx, SZ_WIRE_WINDOW);
    return w->window ? SZ_OK : sz_no_memory(ctx);
}

void sz_wire_finish(sz_wire *w) {
    sz_free(w->ctx, w->window, SZ_WIRE_WINDOW);
    sz_free(w->ctx, w->big, w->big_size);
    w->window = w->big = NULL;
}

uint64_t sz_wire_header(const sz_wire *w) {
    uint64_t most = w->source->size > UINT64_MAX / 64 ? UINT64_MAX / 64 : w->source->size;
    most *= SZ_IMPORT_MAX_REREAD;
    return w->fetched < most ? w->fetched : most;
}

static void raise_limit(sz_wire *w, uint64_t bytes) {
    w->fetched += bytes;
    sz_ctx_set_job_limit(w->ctx, w->memory_base + sz_allowance(sz_wire_header(w)));
}

// Move the window to `pos`, with at least `need` bytes (which the file has).
static sz_status refill(sz_wire *w, uint64_t pos, size_t need) {
    bool straight = pos >= w->at && pos <= w->at + w->have && w->have > 0;
    w->ahead = straight ? w->ahead * 2 : SZ_WIRE_FIRST_READ;
    if (w->ahead < need) w->ahead = need;
    if (w->ahead > SZ_WIRE_WINDOW) w->ahead = SZ_WIRE_WINDOW;
    uint64_t left = w->source->size - pos;
    size_t len = left < w->ahead ? (size_t)left : w->ahead;
    w->have = 0; // a failed read leaves rubbish
    SZ_TRY(w->source->read(w->source, w->ctx, pos, w->window, len));
    w->at = pos;
    w->have = len;
    raise_limit(w, len);
    return SZ_OK;
}

// Bytes at `pos`: at least `need` of them, need <= SZ_WIRE_WINDOW and inside the file.
static inline sz_status peek(sz_wire *w, uint64_t pos, size_t need, const unsigned char **ret) {
    if (pos < w->at || pos + need > w->at + w->have) SZ_TRY(refill(w, pos, need));
    *ret = w->window + (pos - w->at);
    return SZ_OK;
}

// ---- scalars -----------------------------------------------------------------------------------

static sz_status bad(sz_wire *w, uint64_t at, const char *what) {
    return sz_fail(w->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": %s", at, what);
}

// A varint at p with `n` bytes left; *ret_len 0 when it does not end there.
static inline uint64_t decode_varint(const unsigned char *p, size_t n, size_t *ret_len) {
    uint64_t v = 0;
    *ret_len = 0;
    for (size_t i = 0; i < n && i < MAX_VARINT; i++) {
        v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] & 0x80) continue;
        if (i == MAX_VARINT - 1 && p[i] > 1) return 0; // bits beyond 64
        *ret_len = i + 1;
        return v;
    }
    return 0;
}

static sz_status varint_fault(sz_wire *w, uint64_t at, const unsigned char *p, size_t n) {
    if (n < MAX_VARINT) return bad(w, at, "a varint runs past the end of its message");
    return bad(w, at, p[MAX_VARINT - 1] & 0x80 ? "a varint is longer than 10 bytes"
                                               : "a varint has more than 64 bits");
}

sz_status sz_wire_varint(sz_wire *w, sz_span *packed, uint64_t *ret) {
    uint64_t left = sz_span_len(*packed);
    size_t n = left < MAX_VARINT ? (size_t)left : MAX_VARINT, len;
    const unsigned char *p;
    SZ_TRY(peek(w, packed->at, n, &p));
    *ret = decode_varint(p, n, &len);
    if (len == 0) return varint_fault(w, packed->at, p, n);
    packed->at += len;
    return SZ_OK;
}

sz_status sz_wire_fixed(sz_wire *w, sz_span *packed, int bytes, uint64_t *ret) {
    const unsigned char *p;
    if (sz_span_len(*packed) < (uint64_t)bytes)
        return bad(w, packed->at, "a fixed-size number runs past the end of its message");
    SZ_TRY(peek(w, packed->at, (size_t)bytes, &p));
    *ret = 0;
    for (int i = 0; i < bytes; i++) *ret |= (uint64_t)p[i] << (8 * i);
    packed->at += (uint64_t)bytes;
    return SZ_OK;
}

sz_status sz_wire_count_varints(sz_wire *w, sz_span packed, uint64_t *ret_n) {
    uint64_t n = 0;
    size_t run = 0; // bytes of the varint so far
    while (packed.at < packed.end) {
        uint64_t left = sz_span_len(packed);
        size_t len = left < SZ_WIRE_WINDOW ? (size_t)left : SZ_WIRE_WINDOW;
        const unsigned char *p;
        SZ_TRY(peek(w, packed.at, len, &p));
        for (size_t i = 0; i < len; i++) {
            run++;
            if (run > MAX_VARINT) return bad(w, packed.at + i, "a varint is longer than 10 bytes");
            if (p[i] & 0x80) continue;
            if (run == MAX_VARINT && p[i] > 1)
                return bad(w, packed.at + i, "a varint has more than 64 bits");
            run = 0;
            n++;
        }
        packed.at += len;
    }
    if (run > 0) return bad(w, packed.end, "a varint runs past the end of its message");
    *ret_n = n;
    return SZ_OK;
}

// ---- fields ------------------------------------------------------------------------------------

// Tag and value of one field, groups as bare tags. Moves message->at behind it.
static inline sz_status read_field(sz_wire *w, sz_span *message, sz_field *f) {
    uint64_t left = sz_span_len(*message), tag, number;
    size_t n = left < 2 * MAX_VARINT ? (size_t)left : 2 * MAX_VARINT, len;
    const unsigned char *p;
    SZ_TRY(peek(w, message->at, n, &p));
    f->at = message->at;
    tag = decode_varint(p, n < MAX_VARINT ? n : MAX_VARINT, &len);
    if (len == 0) return varint_fault(w, f->at, p, n < MAX_VARINT ? n : MAX_VARINT);
    number = tag >> 3;
    if (number == 0) return bad(w, f->at, "field number 0, so this is no protobuf message");
    if (number > LAST_FIELD) return bad(w, f->at, "field number beyond 2^29 - 1");
    f->number = (uint32_t)number;
    f->type = tag & 7;
    message->at += len;
    f->span = *message;
    switch (f->type) {
    case SZ_WIRE_VARINT: return sz_wire_varint(w, message, &f->value);
    case SZ_WIRE_FIXED64: return sz_wire_fixed(w, message, 8, &f->value);
    case SZ_WIRE_FIXED32: return sz_wire_fixed(w, message, 4, &f->value);
    case SZ_WIRE_BYTES: break;
    case SZ_WIRE_GROUP:
    case SZ_WIRE_GROUP_END: return SZ_OK;
    default: return bad(w, f->at, "wire type 6 or 7, which protobuf does not have");
    }
    SZ_TRY(sz_wire_varint(w, message, &f->value));
    if (f->value > sz_span_len(*message))
        return sz_fail(w->ctx, SZ_ERR_INPUT,
                       "@%" PRIu64 ": field %" PRIu32 " says it has %" PRIu64
                       " bytes, but %" PRIu64 " are left (is the file cut off?)",
                       f->at, f->number, f->value, sz_span_len(*message));
    f->span = (sz_span){message->at, message->at + f->value};
    message->at = f->span.end;
    return SZ_OK;
}

// Behind the start of group `number`: skip to behind its end.
static sz_status skip_group(sz_wire *w, sz_span *message, const sz_field *start) {
    uint32_t open[SZ_WIRE_MAX_GROUPS];
    size_t depth = 0;
    sz_field f = {0};
    open[depth++] = start->number;
    while (depth > 0) {
        if (message->at == message->end) return bad(w, start->at, "a group does not end");
        SZ_TRY(read_field(w, message, &f));
        if (f.type == SZ_WIRE_GROUP) {
            if (depth == SZ_WIRE_MAX_GROUPS)
                return sz_fail(w->ctx, SZ_ERR_LIMIT,
                               "@%" PRIu64 ": groups are nested more than %d levels deep", f.at,
                               SZ_WIRE_MAX_GROUPS);
            open[depth++] = f.number;
        } else if (f.type == SZ_WIRE_GROUP_END && open[--depth] != f.number) {
            return bad(w, f.at, "the end of a group that is not the open one");
        }
    }
    return SZ_OK;
}

sz_status sz_wire_next(sz_wire *w, sz_span *message, sz_field *ret, bool *ret_more) {
    while (message->at < message->end) {
        SZ_TRY(read_field(w, message, ret));
        if (ret->type == SZ_WIRE_GROUP_END)
            return bad(w, ret->at, "the end of a group that never started");
        if (ret->type != SZ_WIRE_GROUP) {
            *ret_more = true;
            return SZ_OK;
        }
        SZ_TRY(skip_group(w, message, ret));
    }
    *ret_more = false;
    return SZ_OK;
}

// ---- payloads ----------------------------------------------------------------------------------

static sz_status big_text(sz_wire *w, sz_span span, const unsigned char **ret) {
    size_t len = (size_t)sz_span_len(span);
    if (w->big_size < len) {
        sz_free(w->ctx, w->big, w->big_size);
        w->big_size = 0;
        w->big = sz_alloc(w->ctx, len);
        if (!w->big) return sz_no_memory(w->ctx);
        w->big_size = len;
    }
    SZ_TRY(w->source->read(w->source, w->ctx, span.at, w->big, len));
    raise_limit(w, len);
    *ret = w->big;
    return SZ_OK;
}

sz_status sz_wire_text(sz_wire *w, sz_span span, sz_str *ret) {
    uint64_t len = sz_span_len(span);
    const unsigned char *p = (const unsigned char *)"";
    if (len > SZ_WIRE_MAX_TEXT)
        return sz_fail(w->ctx, SZ_ERR_LIMIT, "@%" PRIu64 ": a string of %" PRIu64
                       " bytes, more than the %d that are kept", span.at, len, SZ_WIRE_MAX_TEXT);
    if (len > SZ_WIRE_WINDOW) SZ_TRY(big_text(w, span, &p));
    else if (len > 0) SZ_TRY(peek(w, span.at, (size_t)len, &p));
    *ret = (sz_str){(const char *)p, (uint32_t)len};
    return SZ_OK;
}

bool sz_elements_start(sz_elements *e, const sz_field *f, sz_wire_type type) {
    *e = (sz_elements){*f, {0, 0}, f->type == type};
    if (f->type == SZ_WIRE_BYTES) e->rest = f->span;
    return e->single || f->type == SZ_WIRE_BYTES;
}

sz_status sz_elements_next(sz_wire *w, sz_elements *e, sz_wire_type type, uint64_t *ret,
                           bool *ret_more) {
    *ret_more = true;
    if (e->single) {
        *ret = e->field.value;
        e->single = false;
        return SZ_OK;
    }
    if (e->rest.at == e->rest.end) {
        *ret_more = false;
        return SZ_OK;
    }
    if (type == SZ_WIRE_VARINT) return sz_wire_varint(w, &e->rest, ret);
    return sz_wire_fixed(w, &e->rest, type == SZ_WIRE_FIXED64 ? 8 : 4, ret);
}
