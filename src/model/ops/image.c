// SPDX-License-Identifier: Apache-2.0
// ImageDecoder: the size of an image from the header of its encoded bytes.
#include "model/ops/rules.h"

// The encoded bytes, one per integer. Reads past the end give 0, so no reader checks its place.
typedef struct bytes {
    const int64_t *p;
    int64_t n;
} bytes;

typedef struct extent {
    int64_t width, height;
} extent;

static uint64_t at(const bytes *b, int64_t i) {
    return i >= 0 && i < b->n ? (uint64_t)b->p[i] & 0xff : 0;
}

static int64_t big(const bytes *b, int64_t i, int count) {
    uint64_t v = 0;
    for (int k = 0; k < count; k++) v = v << 8 | at(b, i + k);
    return (int64_t)v;
}

static int64_t little(const bytes *b, int64_t i, int count) {
    uint64_t v = 0;
    for (int k = count - 1; k >= 0; k--) v = v << 8 | at(b, i + k);
    return (int64_t)v;
}

static bool has(const bytes *b, int64_t i, const char *text, int len) {
    for (int k = 0; k < len; k++)
        if (i + k >= b->n || at(b, i + k) != (unsigned char)text[k]) return false;
    return true;
}

// Where `text` stands first, -1 when nowhere.
static int64_t find(const bytes *b, const char *text, int len) {
    for (int64_t i = 0; i + len <= b->n; i++)
        if (has(b, i, text, len)) return i;
    return -1;
}

// ---- one reader per format ---------------------------------------------------------------------

static bool read_png(const bytes *b, extent *e) {
    *e = (extent){big(b, 16, 4), big(b, 20, 4)};
    return has(b, 12, "IHDR", 4);
}

// Segments up to a start of frame: C0 to CF without C4 (tables), C8 (reserved), CC (arithmetic).
static bool read_jpeg(const bytes *b, extent *e) {
    for (int64_t i = 2; i + 9 <= b->n && at(b, i) == 0xff;) {
        uint64_t marker = at(b, i + 1);
        if (marker == 0xff || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
            i += marker == 0xff ? 1 : 2; // filling, or a marker without a length
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
            marker != 0xcc) {
            *e = (extent){big(b, i + 7, 2), big(b, i + 5, 2)};
            return true;
        }
        i += 2 + big(b, i + 2, 2);
    }
    return false;
}

// A negative height means rows from top to bottom.
static bool read_bmp(const bytes *b, extent *e) {
    if (little(b, 14, 4) == 12) {
        *e = (extent){little(b, 18, 2), little(b, 20, 2)};
        return true;
    }
    int64_t height = (int32_t)(uint32_t)little(b, 22, 4);
    *e = (extent){little(b, 18, 4), height < 0 ? -height : height};
    return true;
}

// Lossy (VP8), lossless (VP8L) or extended (VP8X) container.
static bool read_webp(const bytes *b, extent *e) {
    int64_t bits = little(b, 21, 4);
    if (has(b, 12, "VP8 ", 4))
        *e = (extent){little(b, 26, 2) & 0x3fff, little(b, 28, 2) & 0x3fff};
    else if (has(b, 12, "VP8L", 4))
        *e = (extent){(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
    else
        *e = (extent){little(b, 24, 3) + 1, little(b, 27, 3) + 1};
    return has(b, 8, "WEBPVP8", 7);
}

// Entries 256 (width) and 257 (height) of the first directory, as 16 or 32 bits.
static bool read_tiff(const bytes *b, extent *e) {
    int64_t (*number)(const bytes *, int64_t, int) = at(b, 0) == 'I' ? little : big;
    int64_t directory = number(b, 4, 4), entries = number(b, directory, 2);
    *e = (extent){-1, -1};
    for (int64_t k = 0; k < entries; k++) {
        int64_t entry = directory + 2 + 12 * k, tag = number(b, entry, 2);
        int64_t value = number(b, entry + 8, number(b, entry + 2, 2) == 3 ? 2 : 4);
        if (tag == 256) e->width = value;
        if (tag == 257) e->height = value;
    }
    return e->width >= 0 && e->height >= 0;
}

// Next decimal number from *i on; comments run from '#' to the end of the line.
static int64_t next_number(const bytes *b, int64_t *i) {
    int64_t v = 0;
    while (*i < b->n && !(at(b, *i) >= '0' && at(b, *i) <= '9')) {
        if (at(b, *i) == '#')
            while (*i < b->n && at(b, *i) != '\n') ++*i;
        ++*i;
    }
    for (; *i < b->n && at(b, *i) >= '0' && at(b, *i) <= '9' && v < INT32_MAX; ++*i)
        v = v * 10 + (int64_t)(at(b, *i) - '0');
    return v;
}

static bool read_pnm(const bytes *b, extent *e) {
    int64_t i = 2, second = 2;
    if (at(b, 1) == '7') { // PAM: words in any order
        i = find(b, "WIDTH", 5), second = find(b, "HEIGHT", 6);
        if (i < 0 || second < 0) return false;
        *e = (extent){next_number(b, &i), next_number(b, &second)};
        return true;
    }
    e->width = next_number(b, &i);
    e->height = next_number(b, &i);
    return at(b, 1) >= '1' && at(b, 1) <= '6';
}

// Start of the codestream and its SIZ segment: far corner less the image's offset.
static bool read_jpeg2000(const bytes *b, extent *e) {
    int64_t i = find(b, "\xff\x4f\xff\x51", 4);
    *e = (extent){big(b, i + 8, 4) - big(b, i + 16, 4), big(b, i + 12, 4) - big(b, i + 20, 4)};
    return i >= 0;
}

static const struct image_format {
    const char *magic;
    int len;
    bool (*read)(const bytes *b, extent *ret_extent);
} formats[] = {
    {"\x89PNG\r\n\x1a\n", 8, read_png},
    {"\xff\xd8\xff", 3, read_jpeg},
    {"BM", 2, read_bmp},
    {"RIFF", 4, read_webp},
    {"II*\0", 4, read_tiff},
    {"MM\0*", 4, read_tiff},
    {"P", 1, read_pnm},
    {"\0\0\0\x0cjP  ", 8, read_jpeg2000},
    {"\xff\x4f\xff\x51", 4, read_jpeg2000},
};

static bool image_extent(const bytes *b, extent *ret_extent) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (has(b, 0, formats[i].magic, formats[i].len))
            return formats[i].read(b, ret_extent) && ret_extent->width > 0 &&
                   ret_extent->height > 0;
    return false;
}

sz_status sz_shape_image_decoder(sz_infer *n) {
    const sz_tensor *stream = sz_in_value(n, 0);
    sz_str format = sz_attr_s(n->node, "pixel_format", "RGB");
    int64_t dims[3] = {SZ_DIM_UNKNOWN, SZ_DIM_UNKNOWN, sz_str_is(format, "Grayscale") ? 1 : 3};
    extent e;
    if (stream && stream->i) {
        bytes b = {stream->i, stream->count};
        if (image_extent(&b, &e)) {
            dims[0] = e.height;
            dims[1] = e.width;
        }
    }
    return sz_out(n, 0, sz_dtype_from_onnx(2), 3, dims);
}
