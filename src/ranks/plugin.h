// SPDX-License-Identifier: Apache-2.0
// What a plug-in gives: the part of MPI that is needed, as plain functions, so that the house knows
// no type of any MPI. A call gives 0, or a code that text() explains. One process is one rank.
#ifndef SZ_RANKS_PLUGIN_H
#define SZ_RANKS_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

#include <sizeup/scale.h>

enum { SZ_RANKS_VERSION = 2, SZ_ANY_RANK = -1, SZ_ALL_RANKS = 0 };

typedef struct sz_ranks_table {
    int version; // SZ_RANKS_VERSION
    int (*start)(int *ret_self, int *ret_count);
    // Some are gone: nobody waits for them, and the process has to end soon after.
    void (*stop)(bool some_are_gone);
    void (*abandon)(int code); // end all ranks at once, with this exit status
    void (*text)(int code, char *buf, size_t cap);
    void (*library)(char *buf, size_t cap);

    // Messages: send() returns when the bytes may change, receive() when they are there.
    int (*send)(const void *bytes, size_t n, int to, int tag);
    // The same, but returns at once, with the bytes copied: who takes them may be at work, or dead.
    int (*post)(const void *bytes, size_t n, int to, int tag);
    int (*receive)(void *bytes, size_t cap, int from, int tag, size_t *ret_n);
    // Has one arrived? *ret_from is SZ_ANY_RANK when none has.
    int (*probe)(int from, int tag, int *ret_from, size_t *ret_n);
    // `window` messages at once, one way, and a short answer at the end; the peer does the reverse.
    int (*burst)(bool sends, void *bytes, size_t n, int window, int peer, int tag);

    // Groups: all split at the same time, by colour, in the order of their ranks; colour < 0: into
    // none, and *ret_group is -1. Group SZ_ALL_RANKS is always there.
    int (*split)(int colour, int *ret_group);
    int (*leave)(int group);
    int (*barrier)(int group);
    int (*most)(int group, double *value);          // the largest of the group's values, to all
    int (*agree)(int group, void *bytes, size_t n); // the bytes of its first member, to all
    // `bytes` of the whole message, a multiple of 4 x members. Sums are of f32. in and out have
    // `bytes` each; a broadcast is from the first member's `in` to everybody's `in`.
    int (*collective)(int group, sz_collective what, const void *in, void *out, size_t bytes);
} sz_ranks_table;

// The one symbol of a plug-in.
#define SZ_RANKS_SYMBOL "sz_ranks_plugin"
typedef const sz_ranks_table *sz_ranks_plugin_fn(void);

#endif
