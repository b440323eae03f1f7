// SPDX-License-Identifier: Apache-2.0
// Which events of a core tell its floating-point operations.
#include <stdio.h>
#include <stdlib.h>

#include "machine/measure/counters.h"
#include "os/procfs.h"

typedef enum set {
    SET_none,
    SET_avx2,
    SET_avx512,
    SET_zen,
    SET_zen4,
    SET_zen5,
    SET_sve128,
    SET_sve256,
    SET_sve512
} set;

static const struct {
    const char *vendor;
    int family, first, last;
    set events;
    const char *why;
} cores[] = {
#define CORE(vendor, family, first, last, events)                                                  \
    {vendor, family, first, last, SET_##events, NULL},
#define CORE_NONE(vendor, family, first, last, why) {vendor, family, first, last, SET_none, why},
#define EVENT(events, config, each)
#include "machine/measure/flop_events.def"
#undef CORE
#undef CORE_NONE
#undef EVENT
};

static const struct {
    set events;
    uint64_t config;
    double each;
} rows[] = {
#define CORE(vendor, family, first, last, events)
#define CORE_NONE(vendor, family, first, last, why)
#define EVENT(events, config, each) {SET_##events, config, each},
#include "machine/measure/flop_events.def"
#undef CORE
#undef CORE_NONE
#undef EVENT
};

typedef struct core {
    char vendor[32];
    int family, model;
} core;

static int number(const char *text, const char *key) {
    char value[32];
    return sz_proc_value(text, key, value, sizeof value) ? (int)strtol(value, NULL, 0) : -1;
}

static bool read_core(const char *root, core *c) {
    char text[4096];
    if (sz_proc_read(root ? root : "", "/proc/cpuinfo", text, sizeof text) <= 0) return false;
    if (sz_proc_value(text, "vendor_id", c->vendor, sizeof c->vendor)) {
        c->family = number(text, "cpu family"), c->model = number(text, "model");
        return true;
    }
    c->family = 8, c->model = number(text, "CPU part");
    return sz_proc_value(text, "CPU implementer", c->vendor, sizeof c->vendor);
}

static void take(set events, sz_flop_events *ret) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows && ret->n < SZ_FLOP_EVENTS; i++) {
        if (rows[i].events != events) continue;
        ret->config[ret->n] = rows[i].config;
        ret->each[ret->n++] = rows[i].each;
    }
}

void sz_flop_events_of(const char *root, sz_flop_events *ret) {
    core c;
    *ret = (sz_flop_events){.n = 0};
    if (!read_core(root, &c)) {
        snprintf(ret->why, sizeof ret->why, "/proc/cpuinfo does not name the processor");
        return;
    }
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++) {
        if (strcmp(cores[i].vendor, c.vendor) != 0 || cores[i].family != c.family ||
            c.model < cores[i].first || c.model > cores[i].last)
            continue;
        snprintf(ret->why, sizeof ret->why, "%s", cores[i].why ? cores[i].why : "");
        take(cores[i].events, ret);
        return;
    }
    snprintf(ret->why, sizeof ret->why,
             "no event of this core is known here (%.24s, family %d, model 0x%x)", c.vendor,
             c.family, (unsigned)c.model);
}
