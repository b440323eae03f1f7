// SPDX-License-Identifier: Apache-2.0
#include "hook.h"

#include <stdlib.h>
#include <string.h>

// Before each block, so that the size a caller gives back can be checked.
typedef struct head {
    size_t size, mark;
} head;

enum { ALIVE = 0x5a1e, DEAD = 0xdead };

void hook_arm(hook *h, long fail_at, bool all_after) {
    h->count = h->refused = 0;
    h->fail_at = fail_at;
    h->all_after = all_after;
}

static bool refuses(hook *h) {
    h->count++;
    bool now = h->fail_at && (h->all_after ? h->count >= h->fail_at : h->count == h->fail_at);
    h->refused += now;
    return now;
}

static void drop(hook *h, head *old) {
    h->live_bytes -= old->size;
    h->live_blocks--;
    old->mark = DEAD;
    free(old);
}

// Always moves, so that a pointer kept over a realloc is a dead one.
static void *hook_realloc(void *user, void *p, size_t old_size, size_t new_size) {
    hook *h = user;
    head *old = p ? (head *)p - 1 : NULL;
    if (old && old->mark != ALIVE)
        h->fault = "not a living block";
    else if (old && old->size != old_size)
        h->fault = "the old size is wrong";
    else if (!old && old_size)
        h->fault = "an old size without a block";
    if (h->fault) return NULL;
    if (new_size == 0) {
        if (old) drop(h, old);
        return NULL;
    }
    if (refuses(h)) return NULL;
    head *new_block = malloc(sizeof *new_block + new_size);
    if (!new_block) return NULL;
    *new_block = (head){new_size, ALIVE};
    h->live_bytes += new_size;
    h->live_blocks++;
    // what is not copied is rubbish: nobody may count on zeros
    memset(new_block + 1, 0xa5, new_size);
    if (old) {
        memcpy(new_block + 1, p, old_size < new_size ? old_size : new_size);
        drop(h, old);
    }
    return new_block + 1;
}

sz_allocator hook_allocator(hook *h) { return (sz_allocator){hook_realloc, h}; }
