// SPDX-License-Identifier: Apache-2.0
// Bump allocator: a chain of blocks that grow to 1 MiB; large requests get a block of their own.
#include "base/base.h"

typedef struct sz_arena_block {
    struct sz_arena_block *next;
    size_t size; // of the whole block
} block;

enum { ALIGN = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };
#define HEADER ((sizeof(block) + ALIGN - 1) / ALIGN * ALIGN)

void sz_arena_init(sz_arena *a, sz_ctx *ctx) { *a = (sz_arena){.ctx = ctx}; }

void sz_arena_finish(sz_arena *a) {
    block *b = a->head;
    while (b) {
        block *next = b->next;
        sz_free(a->ctx, b, b->size);
        b = next;
    }
    a->head = NULL;
    a->used = a->size = 0;
}

// Not zeroed: what is never handed out is never touched, so it costs no page.
static block *new_block(sz_arena *a, size_t size) {
    block *b = sz_realloc(a->ctx, NULL, 0, size);
    if (b) *b = (block){NULL, size};
    return b;
}

// A request larger than a quarter of the next block goes into a block of its own behind the head,
// so that the head's free tail is not lost.
static void *own_block(sz_arena *a, size_t size) {
    block *b = new_block(a, HEADER + size);
    if (!b) return NULL;
    if (a->head) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        a->head = b;
        a->used = a->size = b->size;
    }
    return (char *)b + HEADER;
}

static bool new_head(sz_arena *a, size_t size) {
    block *b = new_block(a, size);
    if (!b) return false;
    b->next = a->head;
    a->head = b;
    a->used = HEADER;
    a->size = size;
    return true;
}

static void *zeroed(void *p, size_t size) { return p ? memset(p, 0, size) : NULL; }

void *sz_arena_alloc(sz_arena *a, size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (size == 0) size = ALIGN;
    if (a->size - a->used < size) {
        size_t next = a->head ? a->head->size * 2 : FIRST_BLOCK;
        if (next < FIRST_BLOCK) next = FIRST_BLOCK;
        if (next > LARGEST_BLOCK) next = LARGEST_BLOCK;
        if (size > next / 4) return zeroed(own_block(a, size), size);
        if (!new_head(a, next)) return NULL;
    }
    void *p = (char *)a->head + a->used;
    a->used += size;
    return zeroed(p, size);
}

void *sz_arena_array(sz_arena *a, size_t count, size_t size) {
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) return NULL;
    return sz_arena_alloc(a, n);
}

char *sz_arena_strdup(sz_arena *a, const char *s, size_t len) {
    char *p = sz_arena_alloc(a, len + 1);
    if (p && len) memcpy(p, s, len);
    return p;
}
