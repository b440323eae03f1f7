// SPDX-License-Identifier: Apache-2.0
// The context: messages, warnings, and all memory through one counted allocator.
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef SZ_VERSION
#define SZ_VERSION "0.1.0"
#endif

enum { MESSAGE_SIZE = 2048, SHOW_RING = 8, SHOW_SIZE = SZ_MAX_SHOWN + 32, LARGE_VEC = 4096 };

struct sz_ctx {
    sz_allocator allocator;
    size_t used, peak, limit, job_limit, refused;
    char error[MESSAGE_SIZE];
    char scratch[MESSAGE_SIZE];
    char *warnings[SZ_MAX_WARNINGS];
    size_t n_warnings, n_dropped;
    char dropped[64];
    char show[SHOW_RING][SHOW_SIZE];
    unsigned next_show;
};

static void *libc_realloc(void *user, void *old, size_t old_size, size_t new_size) {
    (void)user, (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

sz_ctx *sz_ctx_create(const sz_allocator *allocator) {
    const sz_allocator chosen = allocator ? *allocator : (sz_allocator){libc_realloc, NULL};
    sz_ctx *ctx = chosen.realloc(chosen.user, NULL, 0, sizeof *ctx);
    if (!ctx) return NULL;
    memset(ctx, 0, sizeof *ctx);
    ctx->allocator = chosen;
    return ctx;
}

void sz_ctx_clear(sz_ctx *ctx) {
    for (size_t i = 0; i < ctx->n_warnings; i++)
        sz_free(ctx, ctx->warnings[i], strlen(ctx->warnings[i]) + 1);
    ctx->n_warnings = ctx->n_dropped = 0;
    ctx->error[0] = '\0';
}

void sz_ctx_destroy(sz_ctx *ctx) {
    if (!ctx) return;
    sz_ctx_clear(ctx);
    const sz_allocator a = ctx->allocator;
    a.realloc(a.user, ctx, sizeof *ctx, 0);
}

const char *sz_ctx_error(const sz_ctx *ctx) { return ctx->error; }

size_t sz_ctx_warning_count(const sz_ctx *ctx) { return ctx->n_warnings + (ctx->n_dropped > 0); }

const char *sz_ctx_warning(const sz_ctx *ctx, size_t i) {
    if (i < ctx->n_warnings) return ctx->warnings[i];
    return i == ctx->n_warnings && ctx->n_dropped ? ctx->dropped : "";
}

void sz_ctx_set_memory_limit(sz_ctx *ctx, size_t bytes) { ctx->limit = bytes; }
size_t sz_ctx_set_job_limit(sz_ctx *ctx, size_t bytes) {
    size_t before = ctx->job_limit;
    ctx->job_limit = bytes;
    return before;
}
size_t sz_ctx_memory_used(const sz_ctx *ctx) { return ctx->used; }
size_t sz_ctx_memory_peak(const sz_ctx *ctx) { return ctx->peak; }
size_t sz_ctx_refused(const sz_ctx *ctx) { return ctx->refused; }
const char *sz_version(void) { return SZ_VERSION; }

// ---- messages ----------------------------------------------------------------------------------

sz_status sz_fail(sz_ctx *ctx, sz_status status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(ctx->error, sizeof ctx->error, fmt, args);
    va_end(args);
    return status;
}

// The tighter of the two limits, 0 when there is none.
static size_t limit_of(const sz_ctx *ctx) {
    if (!ctx->limit || !ctx->job_limit) return ctx->limit + ctx->job_limit;
    return ctx->limit < ctx->job_limit ? ctx->limit : ctx->job_limit;
}

sz_status sz_no_memory(sz_ctx *ctx) {
    const size_t limit = limit_of(ctx);
    if (limit == 0)
        return sz_fail(ctx, SZ_ERR_MEMORY, "out of memory (%zu bytes in use)", ctx->used);
    return sz_fail(ctx, SZ_ERR_MEMORY, "out of memory: %sthe limit is %zu bytes, %zu are in use",
                   limit == ctx->limit ? "" : "for a header of this size ", limit, ctx->used);
}

sz_status sz_place(sz_ctx *ctx, sz_status status, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(ctx->scratch, sizeof ctx->scratch, fmt, args);
    va_end(args);
    if (n < 0) return status;
    size_t at = (size_t)n < sizeof ctx->scratch ? (size_t)n : sizeof ctx->scratch - 1;
    size_t room = sizeof ctx->scratch - 1 - at, len = strlen(ctx->error);
    if (room > 2) {
        memcpy(ctx->scratch + at, ": ", 2);
        at += 2;
        room -= 2;
        if (len > room) len = room; // a chain longer than the buffer loses its tail
        memcpy(ctx->scratch + at, ctx->error, len);
        at += len;
    }
    memcpy(ctx->error, ctx->scratch, at);
    ctx->error[at] = '\0';
    return status;
}

static bool is_known_warning(const sz_ctx *ctx, const char *text) {
    for (size_t i = 0; i < ctx->n_warnings; i++)
        if (strcmp(ctx->warnings[i], text) == 0) return true;
    return false;
}

void sz_warn(sz_ctx *ctx, const char *fmt, ...) {
    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n < 0 || is_known_warning(ctx, text)) return;
    size_t size = strlen(text) + 1;
    char *copy = ctx->n_warnings < SZ_MAX_WARNINGS ? sz_alloc(ctx, size) : NULL;
    if (copy) {
        memcpy(copy, text, size);
        ctx->warnings[ctx->n_warnings++] = copy;
    } else {
        ctx->n_dropped++;
        snprintf(ctx->dropped, sizeof ctx->dropped, "%zu more warnings not shown", ctx->n_dropped);
    }
}

// Longest prefix of at most `max` bytes that does not cut a UTF-8 sequence.
static size_t cut_utf8(sz_str s, size_t max) {
    if (s.len <= max) return s.len;
    size_t n = max;
    while (n > max - 4 && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return n;
}

const char *sz_show(sz_ctx *ctx, sz_str s) {
    char *buf = ctx->show[ctx->next_show++ % SHOW_RING];
    size_t out = 0, i = 0;
    size_t n = cut_utf8(s, SZ_MAX_SHOWN);
    for (; i < n && out + 4 <= SZ_MAX_SHOWN + 4; i++) {
        if (s.p[i] != '\0') {
            buf[out++] = s.p[i];
        } else {
            memcpy(buf + out, "\\x00", 4);
            out += 4;
        }
    }
    if (i < s.len) {
        memcpy(buf + out, "...", 3);
        out += 3;
    }
    buf[out] = '\0';
    return buf;
}

// ---- memory ------------------------------------------------------------------------------------

void *sz_realloc(sz_ctx *ctx, void *old, size_t old_size, size_t new_size) {
    const size_t limit = limit_of(ctx);
    if (limit && new_size > old_size && !sz_in_range(ctx->used - old_size, new_size, limit)) {
        ctx->refused++;
        return NULL;
    }
    void *p = ctx->allocator.realloc(ctx->allocator.user, old, old_size, new_size);
    if (!p && new_size) {
        ctx->refused++;
        return NULL;
    }
    ctx->used += new_size - old_size; // wraps back for shrinking: both are size_t
    if (ctx->used > ctx->peak) ctx->peak = ctx->used;
    return p;
}

void *sz_alloc(sz_ctx *ctx, size_t size) {
    void *p = sz_realloc(ctx, NULL, 0, size ? size : 1);
    if (p) memset(p, 0, size ? size : 1);
    return p;
}

void sz_free(sz_ctx *ctx, void *p, size_t size) {
    if (p) sz_realloc(ctx, p, size ? size : 1, 0);
}

bool sz_vec_grow(sz_ctx *ctx, void **items, size_t *cap, size_t item_size) {
    // Large ones grow by half only: what a file may take is counted, and unused room counts too.
    size_t n = *cap < LARGE_VEC ? *cap * 2 : *cap + *cap / 2;
    if (n < 8) n = 8;
    if (n < *cap || n > SIZE_MAX / item_size) return false;
    void *p = sz_realloc(ctx, *items, *cap * item_size, n * item_size);
    if (!p) return false;
    memset((char *)p + *cap * item_size, 0, (n - *cap) * item_size);
    *items = p;
    *cap = n;
    return true;
}
