// SPDX-License-Identifier: Apache-2.0
#include "os/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/clock.h"

static const double PATIENCE_S = 2;

static void close_if_open(int fd) {
    if (fd >= 0) close(fd);
}

// Small messages must leave at once, and no call may wait for ever.
static bool prepare(int fd) {
    const int one = 1;
    const struct timeval patience = {(time_t)PATIENCE_S, 0};
    return fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0;
}

static bool connect_pair(int listener, sz_net_pair *p) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    struct sockaddr *address = (struct sockaddr *)(void *)&at;
    if (bind(listener, address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, address, &size) != 0)
        return false;
    p->a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!prepare(p->a) || connect(p->a, address, sizeof at) != 0) return false;
    p->b = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return prepare(p->b);
}

sz_status sz_net_open(sz_ctx *ctx, sz_net_pair *ret_pair) {
    sz_net_pair p = {-1, -1};
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool made = prepare(listener) && connect_pair(listener, &p);
    const int error = errno;
    close_if_open(listener);
    if (made) {
        *ret_pair = p;
        return SZ_OK;
    }
    sz_net_close(&p);
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "no TCP connection over the loopback: %s",
                   strerror(error));
}

void sz_net_close(sz_net_pair *pair) {
    close_if_open(pair->a);
    close_if_open(pair->b);
    pair->a = pair->b = -1;
}

// Is it worth to try again after a call that gave -1?
static bool again(bool poll, double until) {
    if (errno == EINTR) return true;
    return poll && (errno == EAGAIN || errno == EWOULDBLOCK) && sz_clock_s() < until;
}

bool sz_net_send(int fd, const void *bytes, size_t n, bool poll) {
    const char *p = bytes;
    const double until = sz_clock_s() + PATIENCE_S;
    while (n > 0) {
        const ssize_t sent = send(fd, p, n, MSG_NOSIGNAL | (poll ? MSG_DONTWAIT : 0));
        if (sent < 0 && again(poll, until)) continue;
        if (sent <= 0) return false;
        p += sent, n -= (size_t)sent;
    }
    return true;
}

bool sz_net_receive(int fd, void *bytes, size_t n, bool poll) {
    char *p = bytes;
    const double until = sz_clock_s() + PATIENCE_S;
    while (n > 0) {
        const ssize_t got = recv(fd, p, n, poll ? MSG_DONTWAIT : 0);
        if (got < 0 && again(poll, until)) continue;
        if (got <= 0) return false;
        p += got, n -= (size_t)got;
    }
    return true;
}

void sz_net_end(int fd) { shutdown(fd, SHUT_WR); }
