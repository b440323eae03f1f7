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

static void open_for(sz_counters *c, const sz_perf_api *api, int whom) {
    *c = (sz_counters){.api = api ? api : sz_perf_system()};
    for (int i = 0; i < SZ_COUNTERS; i++)
        c->fds[i] = c->api->open(rows[i].type, rows[i].config, whom);
}

void sz_counters_open(sz_counters *c, const sz_perf_api *api) {
    open_for(c, api, SZ_PERF_THREAD);
}

void sz_counters_open_heirs(sz_counters *c, const sz_perf_api *api) {
    open_for(c, api, SZ_PERF_HEIRS);
}

void sz_counters_close(sz_counters *c) {
    for (int i = 0; i < SZ_COUNTERS; i++) {
        if (c->fds[i] >= 0) c->api->close(c->fds[i]);
        c->fds[i] = -EBADF;
    }
}

bool sz_counter_works(const sz_counters *c, sz_counter_id id) { return c->fds[id] >= 0; }

const char *sz_counter_why_not(const sz_counters *c, sz_counter_id id) {
    if (c->fds[id] >= 0) return NULL;
    switch (-c->fds[id]) {
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

void sz_counters_begin(sz_counters *c) {
    for (int i = 0; i < SZ_COUNTERS; i++)
        if (c->fds[i] >= 0 && !c->api->read(c->fds[i], &c->start[i]))
            c->start[i] = (sz_perf_value){0, 0, 0};
}

static double since(const sz_perf_value *a, const sz_perf_value *b) {
    const double enabled = (double)(b->enabled_ns - a->enabled_ns);
    const double running = (double)(b->running_ns - a->running_ns);
    if (running <= 0) return NAN;
    return (double)(b->count - a->count) * enabled / running;
}

void sz_counters_end(const sz_counters *c, double ret[SZ_COUNTERS]) {
    for (int i = 0; i < SZ_COUNTERS; i++) {
        sz_perf_value now;
        ret[i] = c->fds[i] >= 0 && c->api->read(c->fds[i], &now) ? since(&c->start[i], &now) : NAN;
    }
}

double sz_counters_share(const sz_counters *c) {
    double least = 1;
    for (int i = 0; i < SZ_COUNTERS; i++) {
        sz_perf_value now;
        if (c->fds[i] < 0 || !c->api->read(c->fds[i], &now)) continue;
        const double enabled = (double)(now.enabled_ns - c->start[i].enabled_ns);
        const double running = (double)(now.running_ns - c->start[i].running_ns);
        if (enabled > 0 && running / enabled < least) least = running / enabled;
    }
    return least;
}
