// SPDX-License-Identifier: Apache-2.0
// The table of sensors, and the energy of a window.
#include "machine/measure/sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/clock.h"

typedef struct row {
    const char *name, *what;
    sz_status (*find)(sz_sensors *s);
} row;

static const row rows[] = {
#define SENSOR(name, what) {#name, what, sz_sensor_find_##name},
#include "machine/measure/sensors.def"
#undef SENSOR
};
enum { ROWS = sizeof rows / sizeof *rows };

const char *sz_sensor_name(size_t i, const char **ret_what) {
    if (i >= ROWS) return NULL;
    if (ret_what) *ret_what = rows[i].what;
    return rows[i].name;
}

// ---- opening -----------------------------------------------------------------------------------

SZ_PRINTF(2, 0)
static const char *vtext(sz_sensors *s, const char *fmt, va_list args) {
    char text[256];
    vsnprintf(text, sizeof text, fmt, args);
    return sz_arena_strdup(&s->arena, text, strlen(text));
}

sz_status sz_sensor_add(sz_sensors *s, const sz_channel *channel, const char *fmt, ...) {
    sz_channel c = *channel;
    va_list args;
    va_start(args, fmt);
    c.name = vtext(s, fmt, args);
    va_end(args);
    if (c.name && sz_vec_push(s->ctx, &s->channels, c)) return SZ_OK;
    if (c.close) c.close(&c);
    return sz_no_memory(s->ctx);
}

sz_status sz_sensor_lacks(sz_sensors *s, const char *sensor, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const sz_sensor_gap gap = {sensor, vtext(s, fmt, args)};
    va_end(args);
    return gap.why && sz_vec_push(s->ctx, &s->gaps, gap) ? SZ_OK : sz_no_memory(s->ctx);
}

static sz_status find_all(sz_sensors *s) {
    for (size_t i = 0; i < ROWS; i++) {
        const size_t before = s->channels.n, gaps = s->gaps.n;
        SZ_TRY(rows[i].find(s));
        if (s->channels.n == before && s->gaps.n == gaps)
            SZ_TRY(sz_sensor_lacks(s, rows[i].name, "there are none"));
    }
    return SZ_OK;
}

sz_status sz_sensors_open(sz_ctx *ctx, const sz_sensor_options *options, sz_sensors **ret_sensors) {
    sz_sensors *s = sz_alloc(ctx, sizeof *s);
    if (!s) return sz_no_memory(ctx);
    s->ctx = ctx;
    sz_arena_init(&s->arena, ctx);
    if (options) s->options = *options;
    if (!s->options.root) s->options.root = "";
    if (!s->options.perf) s->options.perf = sz_perf_system();
    const sz_status status = find_all(s);
    if (status == SZ_OK)
        *ret_sensors = s;
    else
        sz_sensors_close(s);
    return status;
}

void sz_sensors_close(sz_sensors *s) {
    if (!s) return;
    for (size_t i = 0; i < s->channels.n; i++)
        if (s->channels.items[i].close) s->channels.items[i].close(&s->channels.items[i]);
    if (s->nvml_shutdown) s->nvml_shutdown(); // the library stays loaded: it has threads of its own
    sz_vec_finish(s->ctx, &s->channels);
    sz_vec_finish(s->ctx, &s->gaps);
    sz_arena_finish(&s->arena);
    sz_free(s->ctx, s, sizeof *s);
}

// Opened for each reading: a file of /sys that is kept open may go away with its device.
bool sz_sensor_read_file(const sz_channel *c, double *ret) {
    char text[64], *end;
    const int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return false;
    text[n] = '\0';
    errno = 0;
    const double v = strtod(text, &end);
    if (end == text || errno || !isfinite(v) || v < 0) return false;
    *ret = v * c->scale;
    return true;
}

// ---- windows -----------------------------------------------------------------------------------

sz_status sz_energy_begin(sz_sensors *s, double (*now)(void), sz_energy_window *ret_window) {
    sz_energy_window w = {.sensors = s, .now = now ? now : sz_clock_s};
    const size_t n = s->channels.n;
    w.states = sz_alloc(s->ctx, (n ? n : 1) * sizeof *w.states);
    if (!w.states) return sz_no_memory(s->ctx);
    w.start_s = w.now();
    for (size_t i = 0; i < n; i++) {
        const sz_channel *c = &s->channels.items[i];
        sz_energy_state *at = &w.states[i];
        at->lost = !c->read(c, &at->last);
        at->seen_s = w.now();
        at->lowest = at->highest = at->last;
    }
    *ret_window = w;
    return SZ_OK;
}

// A counter that fell began anew, or was set back; one without a known range is then lost.
static void count(const sz_channel *c, sz_energy_state *at, double value) {
    double grown = value - at->last;
    if (grown < 0 && c->range_j <= 0) at->lost = true;
    if (grown < 0) grown += c->range_j;
    at->ticks += grown > 0;
    at->joule += grown;
}

// Between two readings a gauge is taken to go from the one to the other evenly.
static void gauge(sz_energy_state *at, double value, double seconds) {
    at->joule += (at->last + value) / 2 * seconds;
    at->ticks += value != at->last;
    at->lowest = fmin(at->lowest, value);
    at->highest = fmax(at->highest, value);
}

void sz_energy_look(sz_energy_window *w) {
    for (size_t i = 0; i < w->sensors->channels.n; i++) {
        const sz_channel *c = &w->sensors->channels.items[i];
        sz_energy_state *at = &w->states[i];
        double value;
        if (at->lost) continue;
        if (!c->read(c, &value)) {
            at->lost = true;
            continue;
        }
        const double now = w->now();
        if (c->kind == SZ_COUNTS_JOULES)
            count(c, at, value);
        else
            gauge(at, value, now - at->seen_s);
        at->last = value;
        at->seen_s = now;
    }
}

static sz_energy result(const sz_channel *c, const sz_energy_state *at, double seconds) {
    sz_energy e = {
        .joule = NAN, .uncertainty_j = NAN, .watt = NAN, .seconds = seconds, .ticks = at->ticks};
    if (at->lost)
        e.why = "the sensor could not be read all the time";
    else if (at->ticks == 0 && c->kind == SZ_COUNTS_JOULES)
        e.why = "the sensor never ticked";
    if (e.why || seconds <= 0) return e;
    e.joule = at->joule;
    e.watt = at->joule / seconds;
    e.uncertainty_j = c->kind == SZ_COUNTS_JOULES ? at->joule / (double)at->ticks
                                                  : (at->highest - at->lowest) / 2 * seconds;
    if (at->ticks < SZ_ENOUGH_TICKS)
        e.why = "the sensor ticked fewer than 10 times: measure for longer";
    return e;
}

void sz_energy_end(sz_energy_window *w, sz_energy *ret) {
    const size_t n = w->sensors->channels.n;
    sz_energy_look(w);
    const double seconds = w->now() - w->start_s;
    for (size_t i = 0; ret && i < n; i++)
        ret[i] = result(&w->sensors->channels.items[i], &w->states[i], seconds);
    sz_free(w->sensors->ctx, w->states, (n ? n : 1) * sizeof *w->states);
    w->states = NULL;
}

static void add_channel(sz_energy *sum, const sz_energy *e) {
    sum->joule += e->joule;
    sum->uncertainty_j += e->uncertainty_j;
    sum->watt += e->watt;
    sum->seconds = e->seconds;
    if (sum->ticks < 0 || e->ticks < sum->ticks) sum->ticks = e->ticks;
    if (!sum->why) sum->why = e->why;
}

sz_energy sz_energy_whole(const sz_sensors *s, const sz_energy *channels, const char **ret_sensor) {
    sz_energy sum = {.ticks = -1};
    *ret_sensor = NULL;
    for (size_t i = 0; i < s->channels.n; i++) {
        const sz_channel *c = &s->channels.items[i];
        if (!c->is_whole || (*ret_sensor && strcmp(*ret_sensor, c->sensor) != 0)) continue;
        *ret_sensor = c->sensor;
        add_channel(&sum, &channels[i]);
    }
    if (*ret_sensor) return sum;
    return (sz_energy){.joule = NAN,
                       .uncertainty_j = NAN,
                       .watt = NAN,
                       .why = "no sensor of energy that this process may read"};
}
