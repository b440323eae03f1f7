// SPDX-License-Identifier: Apache-2.0
// Writing protobuf's wire format. Format: protobuf.dev, "Encoding".
#include "model/export/export.h"

enum { VARINT = 0, BYTES = 2, FIXED32 = 5, LENGTH_ROOM = 5 };

static void varint(sz_buf *b, uint64_t v) {
    for (; v >= 0x80; v >>= 7) sz_buf_putc(b, (char)(v | 0x80));
    sz_buf_putc(b, (char)v);
}

static void tag(sz_buf *b, uint32_t field, uint32_t type) { varint(b, field << 3 | type); }

void sz_proto_int(sz_buf *b, uint32_t field, int64_t v) {
    tag(b, field, VARINT);
    varint(b, (uint64_t)v);
}

void sz_proto_float(sz_buf *b, uint32_t field, double v) {
    const float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    tag(b, field, FIXED32);
    for (int k = 0; k < 4; k++) sz_buf_putc(b, (char)(bits >> 8 * k));
}

void sz_proto_bytes(sz_buf *b, uint32_t field, const char *bytes, size_t n) {
    tag(b, field, BYTES);
    varint(b, n);
    sz_buf_put(b, bytes, n);
}

size_t sz_proto_begin(sz_buf *b, uint32_t field) {
    tag(b, field, BYTES);
    sz_buf_pad(b, '\0', LENGTH_ROOM);
    return b->size;
}

void sz_proto_end(sz_buf *b, size_t place) {
    if (b->failed) return;
    uint64_t n = b->size - place;
    unsigned char *at = (unsigned char *)b->data + place - LENGTH_ROOM;
    for (int k = 0; k < LENGTH_ROOM; k++, n >>= 7)
        at[k] = (unsigned char)((n & 0x7f) | (k + 1 < LENGTH_ROOM ? 0x80 : 0));
}
