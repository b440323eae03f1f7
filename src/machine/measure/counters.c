// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/counters.h"

#include <errno.h>
#include <math.h>

static const struct {
    const char *name, *what;
    uint32_t type;
    uint64_t config;
} rows[SZ_COUNTERS] = {
#define COUNTER(name, type, config, what) {#name, what, type, config},
#include "machine/measure/counters.def"
#undef COUNTER
};

const char *sz_counter_name(size_t i, const char **ret_what) {
    if (i >= SZ_COUNTERS) return NULL;
    if (ret_what) *ret_what = rows[i].what;
    return rows[i].name;
}

enum { RAW = 4 }; // type of an event that is the processor's own number; perf_event_open(2)

static void open_for(sz_counters *c, const sz_perf_api *api, int whom) {
    *c = (sz_counters){.api = api ? api : sz_perf_system()};
    for (int i = 0; i < SZ_COUNTERS; i++)
        c->fds[i] = c->api->open(rows[i].type, rows[i].config, whom);
}

void sz_counters_open(sz_counters *c, const sz_perf_api *api) {
    open_for(c, api, SZ_PERF_THREAD);
}

void sz_counters_open_heirs(sz_counters *c, const sz_perf_api *api, const char *root) {
    open_for(c, api, SZ_PERF_HEIRS);
    sz_flop_events_of(root, &c->flops);
    for (int i = 0; i < c->flops.n; i++)
        c->flop_fds[i] = c->api->open(RAW, c->flops.config[i], SZ_PERF_HEIRS);
}

void sz_counters_close(sz_counters *c) {
    for (int i = 0; i < SZ_COUNTERS; i++) {
        if (c->fds[i] >= 0) c->api->close(c->fds[i]);
        c->fds[i] = -EBADF;
    }
    for (int i = 0; i < c->flops.n; i++)
        if (c->flop_fds[i] >= 0) c->api->close(c->flop_fds[i]);
    c->flops.n = 0;
}

bool sz_counter_works(const sz_counters *c, sz_counter_id id) { return c->fds[id] >= 0; }

static const char *why_not(int fd) {
    switch (-fd) {
    case EACCES:
    case EPERM:
        return "this user may not count (kernel.perf_event_paranoid)";
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
        return "the processor offers no such counter (virtual machines often hide it)";
    case ENOSYS:
        return "the kernel was built without perf events";
    default:
        return "the kernel refuses to open it";
    }
}

const char *sz_counter_why_not(const sz_counters *c, sz_counter_id id) {
    return c->fds[id] >= 0 ? NULL : why_not(c->fds[id]);
}

const char *sz_counters_why_no_flops(const sz_counters *c) {
    if (c->flops.n == 0) return c->flops.why;
    for (int i = 0; i < c->flops.n; i++)
        if (c->flop_fds[i] < 0) return why_not(c->flop_fds[i]);
    return NULL;
}

static void begin_one(const sz_counters *c, int fd, sz_perf_value *start) {
    if (fd >= 0 && !c->api->read(fd, start)) *start = (sz_perf_value){0, 0, 0};
}

void sz_counters_begin(sz_counters *c) {
    for (int i = 0; i < SZ_COUNTERS; i++) begin_one(c, c->fds[i], &c->start[i]);
    for (int i = 0; i < c->flops.n; i++) begin_one(c, c->flop_fds[i], &c->flop_start[i]);
}

static double since(const sz_perf_value *a, const sz_perf_value *b) {
    const double enabled = (double)(b->enabled_ns - a->enabled_ns);
    const double running = (double)(b->running_ns - a->running_ns);
    if (running <= 0) return NAN;
    return (double)(b->count - a->count) * enabled / running;
}

static double now_since(const sz_counters *c, int fd, const sz_perf_value *start) {
    sz_perf_value now;
    return fd >= 0 && c->api->read(fd, &now) ? since(start, &now) : NAN;
}

void sz_counters_end(const sz_counters *c, double ret[SZ_COUNTERS]) {
    for (int i = 0; i < SZ_COUNTERS; i++) ret[i] = now_since(c, c->fds[i], &c->start[i]);
}

double sz_counters_flops(const sz_counters *c) {
    double sum = c->flops.n > 0 ? 0 : NAN;
    for (int i = 0; i < c->flops.n; i++)
        sum += c->flops.each[i] * now_since(c, c->flop_fds[i], &c->flop_start[i]);
    return sum;
}

static double share_of(const sz_counters *c, int fd, const sz_perf_value *start) {
    sz_perf_value now;
    if (fd < 0 || !c->api->read(fd, &now)) return 1;
    const double enabled = (double)(now.enabled_ns - start->enabled_ns);
    const double running = (double)(now.running_ns - start->running_ns);
    return enabled > 0 ? running / enabled : 1;
}

double sz_counters_share(const sz_counters *c) {
    double least = 1;
    for (int i = 0; i < SZ_COUNTERS; i++)
        least = fmin(least, share_of(c, c->fds[i], &c->start[i]));
    for (int i = 0; i < c->flops.n; i++)
        least = fmin(least, share_of(c, c->flop_fds[i], &c->flop_start[i]));
    return least;
}
