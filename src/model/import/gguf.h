// SPDX-License-Identifier: Apache-2.0
// GGUF (ggml/docs/gguf.md): what the files of this importer share. A file is a header of keys and
// of tensor descriptions, read through a window, and the weights, which are not read.
#ifndef SZ_GGUF_H
#define SZ_GGUF_H

#include "base/source.h"
#include "model/import/limits.h"
#include "model/nets/checkpoint.h"

typedef enum gguf_kind {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_KINDS
} gguf_kind;

// A value of a key. Numbers of small arrays and short texts are kept, of others only how many.
typedef struct gguf_value {
    sz_str key; // arena
    gguf_kind kind;
    gguf_kind of; // of an array: kind of its elements
    int64_t i;    // whole numbers and bools; those beyond 2^63: INT64_MAX
    double f;
    sz_str text;         // arena
    int64_t count;       // of an array
    const int64_t *ints; // of an array, arena; NULL: not kept
    uint64_t at;
} gguf_value;

typedef struct gguf_tensor {
    sz_str name;
    sz_dtype dtype;
    int32_t rank;
    const int64_t *dims; // outermost first
    uint64_t offset, bytes;
    uint64_t at;
} gguf_tensor;

typedef struct gguf {
    sz_ctx *ctx;
    sz_source *source; // that is read now
    sz_arena *arena;
    unsigned char *window;
    uint64_t window_at;
    size_t have, ahead;
    uint64_t at;      // where the next byte is read
    uint64_t fetched; // bytes of all files
    uint64_t fetched_before; // of the files before this one
    size_t memory_base;
    bool big_endian;
    uint32_t version;
    SZ_VEC(gguf_value) values; // of the first shard
    sz_map keys;
    SZ_VEC(gguf_tensor) tensors; // of the shard at hand
    sz_map names;                // of all shards
    int64_t n_tensors;           // of all shards
    uint64_t alignment;
    bool is_later_shard; // its keys are not kept
    int64_t shard, n_shards; // which it is by its name, of how many
} gguf;

// ---- gguf_read.c: bytes ------------------------------------------------------------------------

sz_status gguf_fail(gguf *x, uint64_t at, const char *fmt, ...) SZ_PRINTF(3, 4);
sz_status gguf_open(gguf *x, sz_source *source); // magic, version, byte order
uint64_t gguf_left(const gguf *x);
sz_status gguf_skip(gguf *x, uint64_t n);
// A little- or big-endian number of `bytes` bytes.
sz_status gguf_number(gguf *x, int bytes, uint64_t *ret);
// Goes over `n` strings.
sz_status gguf_skip_strings(gguf *x, uint64_t n);
// A count or length: 32 bits in version 1, 64 later.
sz_status gguf_size(gguf *x, uint64_t *ret);
// A string as it is, in the arena; at most `most` bytes.
sz_status gguf_string(gguf *x, const char *what, uint64_t most, sz_str *ret);

// ---- gguf_keys.c: keys -------------------------------------------------------------------------

sz_status gguf_read_keys(gguf *x, uint64_t n);
bool gguf_is_whole(const gguf_value *v); // a whole number or a bool
const gguf_value *gguf_find(const gguf *x, const char *key);
// What the keys say about the net, and warnings where they contradict each other or themselves.
sz_status gguf_describe(gguf *x, sz_checkpoint *cp);
// The same against the weights.
void gguf_compare(gguf *x, sz_checkpoint *cp);

#endif
