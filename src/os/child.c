// SPDX-License-Identifier: Apache-2.0
#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"

enum { MAX_OUTPUT = 1 << 20 };

static int start(const char *const *argv, const char *const *environment, int out, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&actions, out, 1);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    // posix_spawn takes the words as they are in C's main: it does not write to them.
    if (!error)
        error = posix_spawn(ret_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
                            (char *const *)(uintptr_t)environment);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

// Everything until the other end is closed; false when something ends it before.
static bool drain(int fd, const sz_child_watch *w) {
    static const double FOREVER_S = 1e9, LOOK_S = 0.2; // LOOK_S: how often `stop` is looked at
    const double until = sz_clock_s() + (w->limit_s > 0 ? w->limit_s : FOREVER_S);
    double idle = sz_clock_s() + (w->idle_s > 0 ? w->idle_s : FOREVER_S);
    for (;;) {
        char bytes[4096];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        double left = (until < idle ? until : idle) - sz_clock_s();
        if (left <= 0 || (w->stop && *w->stop)) return false;
        if (left > LOOK_S) left = LOOK_S;
        const int ready = poll(&p, 1, (int)(left * 1e3) + 1);
        if (ready == 0 && w->wait) w->wait(w->user);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        if (ready < 0) return false;
        const ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        if (!w->take(w->user, bytes, (size_t)n)) return false;
        if (w->idle_s > 0) idle = sz_clock_s() + w->idle_s;
    }
}

static int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static sz_status open_pipe(sz_ctx *ctx, int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) == 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "no pipe to a child: error %d", errno);
}

// Until the child has ended, by itself or by us. Takes the end of the pipe.
static bool see_off(pid_t pid, int end, const sz_child_watch *watch, int *ret_code) {
    const bool whole = drain(end, watch);
    close(end);
    if (!whole) kill(pid, SIGKILL); // our own child, by its number
    *ret_code = wait_for(pid);
    return whole;
}

sz_status sz_child_watch_run(sz_ctx *ctx, const char *const *argv, const char *const *environment,
                             const sz_child_watch *watch, bool *ret_whole, int *ret_code) {
    static const char *const nothing[] = {NULL};
    int ends[2];
    pid_t pid;
    SZ_TRY(open_pipe(ctx, ends));
    const int error = start(argv, environment ? environment : nothing, ends[1], &pid);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "cannot start '%s': %s%s", argv[0],
                       strerror(error),
                       error == ENOENT && strncmp(argv[0], "/proc/", 6) == 0
                           ? "; is /proc mounted?"
                           : "");
    }
    *ret_whole = see_off(pid, ends[0], watch, ret_code);
    return SZ_OK;
}

typedef struct output {
    sz_buf *buf;
    size_t before;
} output;

static bool append(void *user, const char *bytes, size_t n) {
    const output *o = user;
    sz_buf_put(o->buf, bytes, n);
    return o->buf->size - o->before <= MAX_OUTPUT;
}

sz_status sz_child_run(sz_ctx *ctx, const char *const *argv, const char *const *environment,
                       double limit_s, sz_buf *buf, int *ret_code) {
    output o = {buf, buf->size};
    const sz_child_watch watch = {.limit_s = limit_s, .take = append, .user = &o};
    bool whole;
    SZ_TRY(sz_child_watch_run(ctx, argv, environment, &watch, &whole, ret_code));
    if (whole) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the child did not end within %.0f s", limit_s);
}

// The last byte tells that all was said. A signal is an end without what is done at an exit.
static void be_the_copy(sz_ctx *ctx, void (*work)(void *user, sz_buf *said), void *user, int end) {
    sz_buf said;
    sz_child_follow_parent();
    sz_buf_init(&said, ctx);
    work(user, &said);
    sz_buf_puts(&said, ".");
    const size_t size = sz_buf_status(&said) == SZ_OK ? said.size : 0;
    for (size_t at = 0; at < size;) {
        const ssize_t n = write(end, said.data + at, size - at);
        if (n < 0 && errno != EINTR) break;
        if (n > 0) at += (size_t)n;
    }
    for (;;) kill(getpid(), SIGKILL);
}

sz_status sz_child_copy(sz_ctx *ctx, void (*work)(void *user, sz_buf *said), void *user,
                        double limit_s, sz_buf *buf, int *ret_signal) {
    output o = {buf, buf->size};
    const sz_child_watch watch = {.limit_s = limit_s, .take = append, .user = &o};
    int ends[2], code = 0;
    SZ_TRY(open_pipe(ctx, ends));
    const pid_t pid = fork();
    if (pid == 0) be_the_copy(ctx, work, user, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "cannot copy this process: error %d", errno);
    }
    if (!see_off(pid, ends[0], &watch, &code))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the child did not end within %.0f s", limit_s);
    const bool said_all = buf->size > o.before && buf->data[buf->size - 1] == '.';
    if (said_all) buf->size--;
    *ret_signal = said_all ? 0 : -code;
    return SZ_OK;
}

void sz_child_follow_parent(void) { (void)prctl(PR_SET_PDEATHSIG, SIGKILL); }
