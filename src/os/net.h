// SPDX-License-Identifier: Apache-2.0
// Two ends of a TCP connection over the loopback interface, for measuring it.
#ifndef SZ_OS_NET_H
#define SZ_OS_NET_H

#include "base/base.h"

typedef struct sz_net_pair {
    int a, b;
} sz_net_pair;

// SZ_ERR_UNAVAILABLE with the reason when the system refuses. No end waits longer than two seconds.
sz_status sz_net_open(sz_ctx *ctx, sz_net_pair *ret_pair);
void sz_net_close(sz_net_pair *pair);

// Send or receive exactly `n` bytes. `poll`: ask again and again instead of sleeping. False when
// the other end has closed, or nothing came for two seconds.
bool sz_net_send(int fd, const void *bytes, size_t n, bool poll);
bool sz_net_receive(int fd, void *bytes, size_t n, bool poll);
// No more comes from this end: the other one's receive ends.
void sz_net_end(int fd);

#endif
