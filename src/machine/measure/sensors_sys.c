// SPDX-License-Identifier: Apache-2.0
// Sensors that are files of /sys, and the kernel's unit of power.
#include "machine/measure/sensor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/procfs.h"

enum { PATH = 512, MOST = 64 };

// A channel on a file below the root; `path` begins with "/sys".
static sz_status add_file(sz_sensors *s, const sz_channel *like, const char *path,
                          const char *name) {
    char whole[PATH];
    sz_channel c = *like;
    double probe;
    snprintf(whole, sizeof whole, "%s%s", s->options.root, path);
    c.path = sz_arena_strdup(&s->arena, whole, strlen(whole));
    c.read = sz_sensor_read_file;
    if (!c.path) return sz_no_memory(s->ctx);
    if (!c.read(&c, &probe)) return SZ_OK;
    return sz_sensor_add(s, &c, "%s", name);
}

// ---- powercap ----------------------------------------------------------------------------------
// https://docs.kernel.org/power/powercap/powercap.html: zones intel-rapl:N, with parts
// intel-rapl:N:M. Processors of AMD use the same names. Memory ("dram") is no part of its package
// on servers, although it hangs below it; "psys" is the whole board and holds the packages.

#define POWERCAP "/sys/class/powercap/"

static sz_status add_zone(sz_sensors *s, const char *zone, bool is_part) {
    char path[PATH], name[64];
    snprintf(path, sizeof path, POWERCAP "%s/name", zone);
    if (!sz_proc_line(s->options.root, path, name, sizeof name)) return SZ_OK;
    snprintf(path, sizeof path, POWERCAP "%s/max_energy_range_uj", zone);
    const int64_t range = sz_proc_int(s->options.root, path, 0);
    snprintf(path, sizeof path, POWERCAP "%s/constraint_0_power_limit_uw", zone);
    const int64_t limit = sz_proc_int(s->options.root, path, 0);
    const sz_channel c = {.sensor = "powercap",
                          .kind = SZ_COUNTS_JOULES,
                          .scale = 1e-6,
                          .range_j = 1e-6 * (double)range,
                          .limit_w = 1e-6 * (double)limit,
                          .is_whole = is_part ? strcmp(name, "dram") == 0
                                              : strncmp(name, "package", 7) == 0};
    snprintf(path, sizeof path, POWERCAP "%s/energy_uj", zone);
    return add_file(s, &c, path, name);
}

sz_status sz_sensor_find_powercap(sz_sensors *s) {
    char path[PATH], zone[48], name[64];
    const size_t before = s->channels.n;
    bool there = false;
    for (int i = 0; i < MOST; i++) {
        snprintf(zone, sizeof zone, "intel-rapl:%d", i);
        snprintf(path, sizeof path, POWERCAP "%s/name", zone);
        if (!sz_proc_line(s->options.root, path, name, sizeof name)) break;
        there = true;
        SZ_TRY(add_zone(s, zone, false));
        for (int part = 0; part < 8; part++) {
            snprintf(zone, sizeof zone, "intel-rapl:%d:%d", i, part);
            SZ_TRY(add_zone(s, zone, true));
        }
    }
    if (s->channels.n > before) return SZ_OK;
    return sz_sensor_lacks(s, "powercap", "%s",
                           there
                               ? "energy_uj may not be read by this user: run as root, or let the "
                                 "administrator give leave to read it"
                               : "/sys/class/powercap holds no zone of the processor");
}

// ---- the kernel's unit of power ----------------------------------------------------------------
// /sys/bus/event_source/devices/power: type, events/energy-pkg ("event=0x02") and its .scale in
// joules for a count.

#define POWER_UNIT "/sys/bus/event_source/devices/power/"

static bool read_perf(const sz_channel *c, double *ret) {
    const sz_perf_api *perf = c->device;
    sz_perf_value v;
    if (!perf->read(c->fd, &v)) return false;
    *ret = (double)v.count * c->scale;
    return true;
}

static void close_perf(sz_channel *c) { ((const sz_perf_api *)c->device)->close(c->fd); }

static sz_status open_domain(sz_sensors *s, int64_t type, const char *domain, bool is_whole,
                             int *ret_error) {
    char path[PATH], text[64];
    unsigned config = 0;
    snprintf(path, sizeof path, POWER_UNIT "events/%s", domain);
    if (!sz_proc_line(s->options.root, path, text, sizeof text) ||
        sscanf(text, "event=%x", &config) != 1)
        return SZ_OK;
    snprintf(path, sizeof path, POWER_UNIT "events/%s.scale", domain);
    const double scale =
        sz_proc_line(s->options.root, path, text, sizeof text) ? strtod(text, NULL) : 0;
    if (!(scale > 0)) return SZ_OK;
    // One CPU stands for its package; the first package is that of CPU 0.
    const int fd = s->options.perf->open((uint32_t)type, config, 0);
    if (fd < 0) {
        *ret_error = -fd;
        return SZ_OK;
    }
    const sz_channel c = {.sensor = "perf",
                          .kind = SZ_COUNTS_JOULES,
                          .scale = scale,
                          .fd = fd,
                          .is_whole = is_whole,
                          .device = (void *)s->options.perf,
                          .read = read_perf,
                          .close = close_perf};
    return sz_sensor_add(s, &c, "%s", domain);
}

sz_status sz_sensor_find_perf(sz_sensors *s) {
    const size_t before = s->channels.n;
    const int64_t type = sz_proc_int(s->options.root, POWER_UNIT "type", -1);
    int error = 0;
    if (type < 0) return sz_sensor_lacks(s, "perf", "the kernel has no unit 'power'");
    SZ_TRY(open_domain(s, type, "energy-pkg", true, &error));
    SZ_TRY(open_domain(s, type, "energy-ram", true, &error));
    SZ_TRY(open_domain(s, type, "energy-cores", false, &error));
    if (s->channels.n > before || !error) return SZ_OK;
    return sz_sensor_lacks(s, "perf",
                           error == EACCES || error == EPERM
                               ? "the kernel lets this user not count for a whole CPU "
                                 "(kernel.perf_event_paranoid)"
                               : "the kernel refuses to open it");
}

// ---- hwmon -------------------------------------------------------------------------------------
// https://docs.kernel.org/hwmon/sysfs-interface.html: energyN_input in microjoules, powerN_average
// or powerN_input in microwatts, powerN_label or the chip's name.

#define HWMON "/sys/class/hwmon/"

static sz_status add_meter(sz_sensors *s, const char *chip, int dir, const char *file, int index,
                           const char *what, sz_channel_kind kind) {
    char path[PATH], label[64], name[160];
    snprintf(path, sizeof path, HWMON "hwmon%d/%s%d_label", dir, what, index);
    if (!sz_proc_line(s->options.root, path, label, sizeof label))
        snprintf(label, sizeof label, "%s%d", what, index);
    snprintf(name, sizeof name, "%s %s", chip, label);
    snprintf(path, sizeof path, HWMON "hwmon%d/%s%d_%s", dir, what, index, file);
    // Only a meter of the whole input says what the machine takes; the rest are parts or rails.
    const bool whole = strstr(label, "otal") || strcmp(chip, "acpi_power_meter") == 0 ||
                       strcmp(chip, "power_meter") == 0;
    const sz_channel c = {.sensor = "hwmon", .kind = kind, .scale = 1e-6, .is_whole = whole};
    return add_file(s, &c, path, name);
}

sz_status sz_sensor_find_hwmon(sz_sensors *s) {
    for (int dir = 0; dir < MOST; dir++) {
        char path[PATH], chip[64];
        snprintf(path, sizeof path, HWMON "hwmon%d/name", dir);
        if (!sz_proc_line(s->options.root, path, chip, sizeof chip)) continue;
        for (int i = 1; i <= 16; i++) {
            const size_t before = s->channels.n;
            SZ_TRY(add_meter(s, chip, dir, "input", i, "energy", SZ_COUNTS_JOULES));
            if (s->channels.n > before) continue;
            SZ_TRY(add_meter(s, chip, dir, "average", i, "power", SZ_SHOWS_WATTS));
            if (s->channels.n == before)
                SZ_TRY(add_meter(s, chip, dir, "input", i, "power", SZ_SHOWS_WATTS));
        }
    }
    return SZ_OK;
}

// ---- battery -----------------------------------------------------------------------------------

// A battery tells what the machine takes only while it gives it.
sz_status sz_sensor_find_battery(sz_sensors *s) {
    bool there = false;
    const size_t before = s->channels.n;
    for (int i = 0; i < 4; i++) {
        char path[PATH], status[32], name[16];
        snprintf(name, sizeof name, "BAT%d", i);
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/status", name);
        if (!sz_proc_line(s->options.root, path, status, sizeof status)) continue;
        there = true;
        if (strcmp(status, "Discharging") != 0) continue;
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/power_now", name);
        const sz_channel c = {
            .sensor = "battery", .kind = SZ_SHOWS_WATTS, .scale = 1e-6, .is_whole = true};
        SZ_TRY(add_file(s, &c, path, name));
    }
    if (s->channels.n > before || !there) return SZ_OK;
    return sz_sensor_lacks(s, "battery", "it tells the power only while it gives it: unplug");
}
