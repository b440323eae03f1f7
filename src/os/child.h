// SPDX-License-Identifier: Apache-2.0
// Run a program and take what it prints.
#ifndef SZ_OS_CHILD_H
#define SZ_OS_CHILD_H

#include "base/base.h"

#include <sizeup/text.h>

// Run argv[0] with the given environment (NULL-ended both) and put its standard output, at most 1
// MiB, at the end of `buf`. Its standard error is thrown away; its standard input is empty. It is
// killed after `limit_s` seconds. *ret_code is its exit code, or minus the signal that ended it.
// SZ_ERR_UNAVAILABLE when it could not be started or took too long.
sz_status sz_child_run(sz_ctx *ctx, const char *const *argv, const char *const *environment,
                       double limit_s, sz_buf *buf, int *ret_code);

// The same, watched: what it prints is taken as it comes.
typedef struct sz_child_watch {
    double limit_s;           // for all of it; 0 = no limit
    double idle_s;            // without a byte; 0 = no limit
    const volatile int *stop; // when this becomes 1 the child is killed; NULL = never
    bool (*take)(void *user, const char *bytes, size_t n); // false: it is to be killed
    void (*wait)(void *user); // called a few times a second while nothing comes; NULL = nobody
    void *user;
} sz_child_watch;
// *ret_whole: it ended by itself.
sz_status sz_child_watch_run(sz_ctx *ctx, const char *const *argv, const char *const *environment,
                             const sz_child_watch *watch, bool *ret_whole, int *ret_code);

// Run `work` in a copy of this process, for what may crash: the copy ends with it, without what is
// done at an exit. What `work` puts into its buffer comes to the end of `buf`. *ret_signal is what
// ended the copy before it was done, 0 = nothing did. SZ_ERR_UNAVAILABLE as of sz_child_run(). Of
// several threads only the one that calls is copied.
sz_status sz_child_copy(sz_ctx *ctx, void (*work)(void *user, sz_buf *said), void *user,
                        double limit_s, sz_buf *buf, int *ret_signal);

// In a child: end with the parent, however that ends, instead of going on for nobody.
void sz_child_follow_parent(void);

#endif
