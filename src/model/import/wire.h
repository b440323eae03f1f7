// SPDX-License-Identifier: Apache-2.0
// Reading protobuf's wire format from a source through a window: offsets are kept, payloads not.
//
// A message is a span of the file. sz_wire_next() hands out its fields one by one and leaves the
// payload of a length-delimited field alone until somebody asks for it, so weights cost nothing.
// No call recurses; groups (long deprecated) are skipped with a counter.
// Format: protobuf.dev, "Encoding".
#ifndef SZ_WIRE_H
#define SZ_WIRE_H

#include "base/source.h"
#include "model/import/limits.h"

// Bytes [at, end) of the file.
typedef struct sz_span {
    uint64_t at, end;
} sz_span;

static inline uint64_t sz_span_len(sz_span s) { return s.end - s.at; }

typedef enum sz_wire_type {
    SZ_WIRE_VARINT, SZ_WIRE_FIXED64, SZ_WIRE_BYTES, SZ_WIRE_GROUP, SZ_WIRE_GROUP_END,
    SZ_WIRE_FIXED32
} sz_wire_type;

typedef struct sz_field {
    uint32_t number;
    uint8_t type;   // sz_wire_type: VARINT, FIXED64, BYTES or FIXED32; groups are never seen
    uint64_t at;    // of the tag
    uint64_t value; // VARINT, FIXED64, FIXED32
    sz_span span;   // BYTES
} sz_field;

typedef struct sz_wire {
    sz_ctx *ctx;
    sz_source *source;
    unsigned char *window; // SZ_WIRE_WINDOW bytes
    uint64_t at;           // place of window[0] in the file
    size_t have, ahead;    // bytes in it; bytes to fetch next time
    unsigned char *big;    // for texts longer than the window
    size_t big_size;
    uint64_t fetched;      // bytes read so far, those read again included
    size_t memory_base;    // in use before the import
} sz_wire;

// The memory limit of `ctx` follows what is read from now on (see limits.h).
sz_status sz_wire_init(sz_wire *w, sz_ctx *ctx, sz_source *source);
void sz_wire_finish(sz_wire *w);

// Bytes of the header as far as it was read (see limits.h).
uint64_t sz_wire_header(const sz_wire *w);

// The next field of the message, which shrinks; *ret_more false when nothing is left. Fails on
// everything that is not wire format, with the offset.
sz_status sz_wire_next(sz_wire *w, sz_span *message, sz_field *ret, bool *ret_more);

// The payload as bytes, NUL-free or not. Points into the window: valid until the next call on `w`.
// Fails beyond SZ_WIRE_MAX_TEXT.
sz_status sz_wire_text(sz_wire *w, sz_span span, sz_str *ret);

// The next element of a packed payload, which shrinks and must not be empty.
sz_status sz_wire_varint(sz_wire *w, sz_span *packed, uint64_t *ret);
sz_status sz_wire_fixed(sz_wire *w, sz_span *packed, int bytes, uint64_t *ret);

// How many varints a packed payload holds; reads all of it.
sz_status sz_wire_count_varints(sz_wire *w, sz_span packed, uint64_t *ret_n);

// Take a scalar element out of a repeated field, packed or not: call until *ret_more is false.
// `packed` starts as f->span; an unpacked field gives one element.
typedef struct sz_elements {
    sz_field field;
    sz_span rest;
    bool single; // the one element of an unpacked field is still to come
} sz_elements;
// `type` is the unpacked wire type of the elements. A field of neither form is empty (an unknown
// field, by protobuf's rules): *ret_ok false.
bool sz_elements_start(sz_elements *e, const sz_field *f, sz_wire_type type);
sz_status sz_elements_next(sz_wire *w, sz_elements *e, sz_wire_type type, uint64_t *ret,
                           bool *ret_more);

#endif
