// SPDX-License-Identifier: Apache-2.0
#include "run/bench/energy.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "os/clock.h"

static void sleep_for(double seconds) {
    const struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

static size_t size_of(const sz_sensors *s) {
    return (s->channels.n ? s->channels.n : 1) * sizeof(sz_energy);
}

// ---- windows -----------------------------------------------------------------------------------

// Have the channels of the whole machine ticked often enough? Those of a GPU do not count: the work
// runs on the processor.
static bool has_ticked(const sz_sensors *s, const sz_energy_window *w) {
    const char *sensor = NULL;
    for (size_t i = 0; i < s->channels.n; i++) {
        const sz_channel *c = &s->channels.items[i];
        if (!c->is_whole || strcmp(c->sensor, "nvml") == 0) continue;
        if (sensor && strcmp(sensor, c->sensor) != 0) continue;
        sensor = c->sensor;
        if (!w->states[i].lost && w->states[i].ticks < SZ_ENOUGH_TICKS) return false;
    }
    return true;
}

static sz_status at_rest(sz_joules *j) {
    sz_energy_window w;
    SZ_TRY(sz_energy_begin(j->sensors, j->now, &w));
    for (;;) {
        j->rest(SZ_ENERGY_LOOK_S);
        sz_energy_look(&w);
        const double spent = w.now() - w.start_s;
        if (spent >= SZ_IDLE_S || (spent >= SZ_IDLE_S / 2 && has_ticked(j->sensors, &w))) break;
    }
    sz_energy_end(&w, j->idle);
    return SZ_OK;
}

sz_status sz_joules_begin(sz_ctx *ctx, const sz_sensor_options *options, double (*now)(void),
                          void (*rest)(double seconds), sz_joules *ret_joules) {
    sz_joules j = {.now = now ? now : sz_clock_s, .rest = rest ? rest : sleep_for};
    SZ_TRY(sz_sensors_open(ctx, options, &j.sensors));
    j.idle = sz_alloc(ctx, size_of(j.sensors));
    sz_status status = j.idle ? SZ_OK : sz_no_memory(ctx);
    if (status == SZ_OK && j.sensors->channels.n) status = at_rest(&j);
    if (status == SZ_OK)
        *ret_joules = j;
    else
        sz_joules_finish(ctx, &j);
    return status;
}

void sz_joules_finish(sz_ctx *ctx, sz_joules *j) {
    if (!j->sensors) return;
    sz_free(ctx, j->idle, size_of(j->sensors));
    sz_sensors_close(j->sensors);
    *j = (sz_joules){NULL, NULL, NULL, NULL};
}

// *ret_runs: how often the case ran in the window.
static sz_status at_work(const sz_joules *j, const sz_joules_case *c, sz_energy *each,
                         int64_t *ret_runs) {
    sz_energy_window w;
    sz_status status = SZ_OK;
    double looked = 0, spent = 0;
    *ret_runs = 0;
    SZ_TRY(sz_energy_begin(j->sensors, j->now, &w));
    do {
        status = c->run(c->user, c->calls);
        *ret_runs += c->calls;
        spent = w.now() - w.start_s;
        if (spent - looked < SZ_ENERGY_LOOK_S) continue;
        sz_energy_look(&w);
        looked = spent;
    } while (status == SZ_OK && spent < c->budget_s &&
             !(spent >= SZ_ENERGY_LEAST_S && has_ticked(j->sensors, &w)));
    sz_energy_end(&w, each);
    return status;
}

// ---- what came out -----------------------------------------------------------------------------

static double watts(const sz_energy *e) { return e->seconds > 0 ? e->watt : NAN; }

static void put_number(sz_json *json, const char *key, double v) {
    if (isfinite(v)) sz_json_key_f64(json, key, v);
}

static void put_channel(sz_json *json, const sz_channel *c, const sz_energy *e,
                        const sz_energy *idle, double runs) {
    sz_json_begin_object(json);
    sz_json_key_str(json, "sensor", c->sensor);
    sz_json_key_str(json, "name", c->name);
    sz_json_key_bool(json, "whole", c->is_whole);
    put_number(json, "joule", e->joule / runs);
    put_number(json, "uncertainty_j", e->uncertainty_j / runs);
    put_number(json, "idle_w", watts(idle));
    sz_json_key_i64(json, "ticks", e->ticks);
    if (e->why) sz_json_key_str(json, "why", e->why);
    sz_json_end_object(json);
}

static void put_whole(sz_json *json, const char *sensor, const sz_energy *e, const sz_energy *idle,
                      int64_t runs) {
    char method[160];
    snprintf(method, sizeof method, "%s, %.2f s of the timed loop after %.2f s at rest", sensor,
             e->seconds, idle->seconds);
    put_number(json, "joule", e->joule / (double)runs);
    put_number(json, "uncertainty_j", e->uncertainty_j / (double)runs);
    put_number(json, "above_idle_j", (e->joule - watts(idle) * e->seconds) / (double)runs);
    put_number(json, "idle_w", watts(idle));
    put_number(json, "window_s", e->seconds);
    sz_json_key_i64(json, "runs", runs);
    sz_json_key_i64(json, "ticks", e->ticks);
    sz_json_key_str(json, "method", method);
    if (e->why) sz_json_key_str(json, "why", e->why);
}

// Why no sensor speaks for the processor.
static void put_silence(sz_json *json, const sz_sensors *s, const char *sensor) {
    char why[1024];
    int n = snprintf(why, sizeof why, "%s",
                     sensor ? "only a GPU has a sensor, and the work ran on the processor" : "");
    for (size_t i = 0; i < s->gaps.n && n >= 0 && (size_t)n < sizeof why; i++)
        n += snprintf(why + n, sizeof why - (size_t)n, "%s%s: %s", n ? "; " : "",
                      s->gaps.items[i].sensor, s->gaps.items[i].why);
    sz_json_key_str(json, "why", n ? why : "the sensors tell of parts of the machine only");
}

static void put_all(const sz_joules *j, const sz_energy *each, int64_t runs, sz_json *json) {
    const sz_sensors *s = j->sensors;
    const char *sensor;
    const sz_energy whole = sz_energy_whole(s, each, &sensor);
    const sz_energy idle = sz_energy_whole(s, j->idle, &sensor);
    sz_json_key_object(json, "energy");
    if (!sensor || strcmp(sensor, "nvml") == 0)
        put_silence(json, s, sensor);
    else
        put_whole(json, sensor, &whole, &idle, runs);
    sz_json_key_array(json, "domains");
    for (size_t i = 0; i < s->channels.n; i++)
        put_channel(json, &s->channels.items[i], &each[i], &j->idle[i], (double)runs);
    sz_json_end_array(json);
    sz_json_end_object(json);
}

sz_status sz_joules_put(sz_ctx *ctx, const sz_joules *j, const sz_joules_case *c, sz_json *json) {
    const size_t size = size_of(j->sensors);
    sz_energy *each = sz_alloc(ctx, size);
    int64_t runs = 0;
    if (!each) return sz_no_memory(ctx);
    const sz_status status = j->sensors->channels.n ? at_work(j, c, each, &runs) : SZ_OK;
    if (status == SZ_OK) put_all(j, each, runs ? runs : 1, json);
    sz_free(ctx, each, size);
    return status;
}
