// SPDX-License-Identifier: Apache-2.0
// An arena with a block per request, for tests: linked in place of src/base/arena.c, it makes each
// request of the library one that can fail, and one whose bounds a sanitizer knows.
#include "base/base.h"

typedef struct sz_arena_block {
    struct sz_arena_block *next;
    size_t size;
} block;

void sz_arena_init(sz_arena *a, sz_ctx *ctx) { *a = (sz_arena){.ctx = ctx}; }

void sz_arena_finish(sz_arena *a) {
    while (a->head) {
        block *b = a->head;
        a->head = b->next;
        sz_free(a->ctx, b, b->size);
    }
}

void *sz_arena_alloc(sz_arena *a, size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    block *b = sz_alloc(a->ctx, sizeof *b + size);
    if (!b) return NULL;
    b->size = sizeof *b + size;
    b->next = a->head;
    a->head = b;
    return b + 1;
}

void *sz_arena_array(sz_arena *a, size_t count, size_t size) {
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : sz_arena_alloc(a, n);
}

char *sz_arena_strdup(sz_arena *a, const char *s, size_t len) {
    char *p = sz_arena_alloc(a, len + 1);
    if (p && len) memcpy(p, s, len);
    return p;
}
