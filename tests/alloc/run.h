// SPDX-License-Identifier: Apache-2.0
// One run of a scenario, and what it leaves to be compared.
#ifndef SZ_TEST_ALLOC_RUN_H
#define SZ_TEST_ALLOC_RUN_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sizeup/ctx.h>

typedef struct run {
    sz_ctx *ctx;
    uint64_t digest; // of all results
    bool failed;     // some call did not succeed
    const char *complaint;
    char text[512];
} run;

typedef struct scenario {
    const char *name;
    void (*work)(run *r, const struct scenario *s);
    const char *model; // file in models/, or the text of a graph
    const char *option;
    long dense, spread; // how many Ns: all up to `dense`, then `spread` more
} scenario;

static inline void complain(run *r, const char *what) {
    if (r->complaint) return;
    r->complaint = what;
    snprintf(r->text, sizeof r->text, "%s", sz_ctx_error(r->ctx));
}

// Did the call succeed? If not, it must be for want of memory, and say so.
static inline bool succeeds(run *r, sz_status status) {
    if (status == SZ_OK) return true;
    r->failed = true;
    if (status != SZ_ERR_MEMORY) complain(r, "fails with another status than SZ_ERR_MEMORY");
    if (!strstr(sz_ctx_error(r->ctx), "memory")) complain(r, "the sentence does not say why");
    return false;
}

// FNV-1a
static inline void put(run *r, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) r->digest = (r->digest ^ p[i]) * 0x100000001b3u;
}

static inline void put_number(run *r, int64_t v) { put(r, &v, sizeof v); }

#endif
