// SPDX-License-Identifier: Apache-2.0
// The base of the house: failing with a sentence, arenas, strings, growing arrays, a string map,
// checked arithmetic. No OS calls. Everything here goes through the allocator of the context.
#ifndef SZ_BASE_H
#define SZ_BASE_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <sizeup/ctx.h>

// ---- failing -----------------------------------------------------------------------------------

// Set the error sentence (no capital, no full stop, subject in quotes) and return `status`.
sz_status sz_fail(sz_ctx *ctx, sz_status status, const char *fmt, ...) SZ_PRINTF(3, 4);

// Put "place: " before the error sentence, and return `status` unchanged. For the way up.
sz_status sz_place(sz_ctx *ctx, sz_status status, const char *fmt, ...) SZ_PRINTF(3, 4);

// Remember a warning. Identical warnings are kept once; at most SZ_MAX_WARNINGS are kept and the
// rest are counted in a last line. Never fails.
void sz_warn(sz_ctx *ctx, const char *fmt, ...) SZ_PRINTF(2, 3);

sz_status sz_no_memory(sz_ctx *ctx);

#define SZ_TRY(call)                                                                               \
    do {                                                                                           \
        sz_status sz_try_ = (call);                                                                \
        if (sz_try_ != SZ_OK) return sz_try_;                                                      \
    } while (0)

enum { SZ_MAX_WARNINGS = 100, SZ_MAX_SHOWN = 200 };

// ---- memory ------------------------------------------------------------------------------------

void *sz_alloc(sz_ctx *ctx, size_t size); // zeroed; NULL = none left
void *sz_realloc(sz_ctx *ctx, void *old, size_t old_size, size_t new_size); // NULL leaves old alone
void sz_free(sz_ctx *ctx, void *p, size_t size);

// Requests for memory refused so far. Some calls can't fail: they give NULL for "not known" or
// "". Where a number could depend on them, a job that saw a refusal must not say SZ_OK.
size_t sz_ctx_refused(const sz_ctx *ctx);

// A limit beside the caller's own, for a job on a file: the tighter one counts. 0 = none. Returns
// the one before, so that jobs nest.
size_t sz_ctx_set_job_limit(sz_ctx *ctx, size_t bytes);

// A bump allocator: everything in it dies together. Memory is zeroed.
typedef struct sz_arena {
    sz_ctx *ctx;
    struct sz_arena_block *head;
    size_t used, size; // of the head block
} sz_arena;

void sz_arena_init(sz_arena *a, sz_ctx *ctx);
void sz_arena_finish(sz_arena *a);
void *sz_arena_alloc(sz_arena *a, size_t size);                // 16-byte aligned; NULL = none left
void *sz_arena_array(sz_arena *a, size_t count, size_t size);  // checks count * size
char *sz_arena_strdup(sz_arena *a, const char *s, size_t len); // adds a NUL

// Growing array: SZ_VEC(int) v = {0}; grow one with sz_vec_push; items live at v.items[0..n-1].
#define SZ_VEC(type)                                                                               \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t n, cap;                                                                             \
    }
// Make room for one more; false when there is no memory.
#define sz_vec_room(ctx, v)                                                                        \
    ((v)->n < (v)->cap || sz_vec_grow((ctx), (void **)&(v)->items, &(v)->cap, sizeof *(v)->items))
#define sz_vec_push(ctx, v, item)                                                                  \
    (sz_vec_room(ctx, v) ? ((v)->items[(v)->n++] = (item), true) : false)
#define sz_vec_finish(ctx, v)                                                                      \
    (sz_free((ctx), (v)->items, (v)->cap * sizeof *(v)->items), (void)((v)->items = NULL),         \
     (v)->n = (v)->cap = 0)
bool sz_vec_grow(sz_ctx *ctx, void **items, size_t *cap, size_t item_size);

// ---- strings -----------------------------------------------------------------------------------

// Bytes with a length; may hold NUL and invalid UTF-8 (names from files). `p` is never NULL for a
// present string; sz_str_none has p == NULL.
typedef struct sz_str {
    const char *p;
    uint32_t len;
} sz_str;

static inline sz_str sz_str_c(const char *s) { return (sz_str){s, (uint32_t)strlen(s)}; }
static inline bool sz_str_eq(sz_str a, sz_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}
static inline bool sz_str_is(sz_str a, const char *c) { return sz_str_eq(a, sz_str_c(c)); }
// The same for ASCII letters of either case; `lower` is in small letters.
static inline bool sz_str_is_word(sz_str a, const char *lower) {
    if (a.len != strlen(lower)) return false;
    for (uint32_t i = 0; i < a.len; i++) {
        const bool is_capital = a.p[i] >= 'A' && a.p[i] <= 'Z';
        if ((is_capital ? a.p[i] + 'a' - 'A' : a.p[i]) != lower[i]) return false;
    }
    return true;
}

// A name made fit for "%s" in a message: at most SZ_MAX_SHOWN bytes, NUL shown as \x00. Returns a
// pointer into a ring of 8 buffers of the context. Other bytes are escaped by the sink, not here.
const char *sz_show(sz_ctx *ctx, sz_str s);

// Decimal digits of v into buf (no NUL); returns their number. printf is too slow for every shape.
enum { SZ_DIGITS_SIZE = 24 };
size_t sz_digits(char buf[SZ_DIGITS_SIZE], int64_t v);

// Map from byte strings to int32. Keys are not copied: they must outlive the map.
typedef struct sz_map {
    sz_ctx *ctx;
    struct sz_map_slot *slots;
    uint32_t cap, n;
} sz_map;

void sz_map_init(sz_map *m, sz_ctx *ctx);
void sz_map_finish(sz_map *m);
bool sz_map_get(const sz_map *m, sz_str key, int32_t *ret_value); // ret_value may be NULL
sz_status sz_map_put(sz_map *m, sz_str key, int32_t value);       // replaces

// ---- checked arithmetic ------------------------------------------------------------------------

// Each returns false on overflow and leaves *ret alone (the built-ins would not).
static inline bool sz_add(int64_t a, int64_t b, int64_t *ret) {
    int64_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *ret = r;
    return true;
}
static inline bool sz_sub(int64_t a, int64_t b, int64_t *ret) {
    int64_t r;
    if (__builtin_sub_overflow(a, b, &r)) return false;
    *ret = r;
    return true;
}
static inline bool sz_mul(int64_t a, int64_t b, int64_t *ret) {
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *ret = r;
    return true;
}

// *acc += a * b
static inline bool sz_madd(int64_t *acc, int64_t a, int64_t b) {
    int64_t t;
    return sz_mul(a, b, &t) && sz_add(*acc, t, acc);
}

// Is [offset, offset + len) inside [0, size)? All unsigned, cannot wrap.
static inline bool sz_in_range(uint64_t offset, uint64_t len, uint64_t size) {
    return len <= size && offset <= size - len;
}

#endif
