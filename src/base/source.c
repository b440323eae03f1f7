// SPDX-License-Identifier: Apache-2.0
// Sources without a file system: bytes in memory, and what a side file may be called.
#include "base/source.h"

void sz_source_close(sz_source *s, sz_ctx *ctx) {
    if (s) s->close(s, ctx);
}

// ---- names of side files -----------------------------------------------------------------------

// ONNX Runtime reads its own memory when a location says this; whoever writes it into a file is up
// to no good (onnxruntime PR 29011).
static const char memory_marker[] = "*/_ORT_MEM_ADDR_/*";

static bool has_dotdot(sz_str name) {
    uint32_t start = 0;
    for (uint32_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.p[i] != '/') continue;
        if (i - start == 2 && name.p[start] == '.' && name.p[start + 1] == '.') return true;
        start = i + 1;
    }
    return false;
}

// The first thing wrong with the name, NULL when it is a plain relative path.
static const char *name_fault(sz_str name) {
    size_t marker = sizeof memory_marker - 1;
    if (name.len == 0) return "is empty";
    if (name.len > SZ_MAX_SIDE_NAME) return "is longer than 4096 bytes";
    for (uint32_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < 0x20 || c == 0x7f) return "holds a control byte";
        if (c == '\\') return "holds a backslash";
    }
    if (name.len >= marker && memcmp(name.p, memory_marker, marker) == 0)
        return "means an address in memory, not a file";
    if (name.p[0] == '/') return "is an absolute path";
    if (has_dotdot(name)) return "leaves the folder of the model by '..'";
    return NULL;
}

sz_status sz_source_check_name(sz_ctx *ctx, sz_str name) {
    const char *fault = name_fault(name);
    if (!fault) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "name of a side file %s: '%s'", fault, sz_show(ctx, name));
}

// ---- bytes in memory ---------------------------------------------------------------------------

typedef struct memory_source {
    sz_source base;
    const unsigned char *bytes;
    size_t own_size; // of this struct with the name behind it
    char name[];
} memory_source;

static sz_status memory_read(sz_source *s, sz_ctx *ctx, uint64_t offset, void *buf, size_t len) {
    const memory_source *m = (const memory_source *)s;
    if (!sz_in_range(offset, len, s->size))
        return sz_fail(ctx, SZ_ERR_INPUT, "read beyond the end of '%s'", s->name);
    if (len > 0) memcpy(buf, m->bytes + offset, len);
    return SZ_OK;
}

static sz_status memory_sibling(sz_source *s, sz_ctx *ctx, sz_str name, sz_source **ret_source) {
    (void)s;
    SZ_TRY(sz_source_check_name(ctx, name));
    *ret_source = NULL;
    return SZ_OK;
}

static void memory_close(sz_source *s, sz_ctx *ctx) {
    memory_source *m = (memory_source *)s;
    sz_free(ctx, m, m->own_size);
}

sz_status sz_source_from_memory(sz_ctx *ctx, const char *name, const void *bytes, uint64_t size,
                                sz_source **ret_source) {
    size_t name_len = strlen(name);
    size_t own_size = sizeof(memory_source) + name_len + 1;
    memory_source *m = sz_alloc(ctx, own_size);
    if (!m) return sz_no_memory(ctx);
    memcpy(m->name, name, name_len + 1);
    m->own_size = own_size;
    m->bytes = bytes;
    m->base = (sz_source){m->name, size, memory_read, memory_sibling, memory_close};
    *ret_source = &m->base;
    return SZ_OK;
}
