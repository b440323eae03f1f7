// SPDX-License-Identifier: Apache-2.0
// Power at rest and at work, where a sensor tells it; and what the counters of the processor say
// about the clock.
#include "machine/survey.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "machine/measure/counters.h"
#include "machine/measure/sensor.h"
#include "machine/measure/walk.h"
#include "os/clock.h"
#include "os/pages.h"

static const double LOOK_S = 0.01, ROUND_S = 0.05;

// ---- work --------------------------------------------------------------------------------------

typedef struct load {
    const sz_kernel *kernel;
    sz_kernel_state *states; // one per thread, and a fresh one behind them
    const sz_kernel_state *fresh;
} load;

static void run_load(void *user, int thread, int64_t n) {
    const load *l = user;
    sz_peak_run(l->kernel, l->fresh, &l->states[thread], n);
}

// The multiply-add of f32 on the widest registers.
static const sz_kernel *widest_fma(const sz_survey *s) {
    const sz_kernel *best = NULL, *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (k->family == SZ_KERNEL_peak && strcmp(k->dtype, "f32") == 0 &&
            (strcmp(k->op, "fma") == 0 || strcmp(k->op, "mul+add") == 0) &&
            sz_kernel_runs(k, s->cpu) &&
            (!best || sz_kernel_bits(k) * sz_kernel_flops_each(k) >
                          sz_kernel_bits(best) * sz_kernel_flops_each(best)))
            best = k;
    return best;
}

// ---- windows -----------------------------------------------------------------------------------

static void rest(sz_energy_window *w, double seconds) {
    const struct timespec pause = {0, (long)(LOOK_S * 1e9)};
    const double until = sz_clock_s() + seconds;
    while (sz_clock_s() < until) {
        nanosleep(&pause, NULL);
        sz_energy_look(w);
    }
}

// Rounds of the work with a look after each; *ret_rate is the mean of what they did in a second.
static sz_status strain(sz_survey *s, sz_energy_window *w, const load *l, double seconds,
                        double *ret_rate) {
    const sz_watch watch = sz_survey_watch(s, true, ROUND_S, 0);
    const sz_work work = {run_load, (void *)l, sz_kernel_flops(l->kernel, 0)};
    const double until = sz_clock_s() + seconds;
    double sum = 0;
    int rounds = 0;
    do {
        sz_reading r;
        SZ_TRY(sz_survey_check(s));
        SZ_TRY(sz_watch_time(s->ctx, &watch, &work, &r));
        sum += r.window_rate;
        rounds++;
        sz_energy_look(w);
    } while (sz_clock_s() < until);
    *ret_rate = sum / rounds;
    return SZ_OK;
}

// What the sensors said of one window, as the whole machine.
static sz_status close_window(sz_survey *s, sz_energy_window *w, sz_energy *ret) {
    sz_sensors *sensors = w->sensors;
    const size_t n = sensors->channels.n;
    const char *sensor;
    sz_energy *each = sz_alloc(s->ctx, (n ? n : 1) * sizeof *each);
    sz_energy_end(w, each);
    if (!each) return sz_no_memory(s->ctx);
    *ret = sz_energy_whole(sensors, each, &sensor);
    sz_free(s->ctx, each, (n ? n : 1) * sizeof *each);
    return SZ_OK;
}

static sz_status at_rest(sz_survey *s, sz_sensors *sensors, double seconds, sz_energy *ret) {
    sz_energy_window w;
    SZ_TRY(sz_energy_begin(sensors, NULL, &w));
    rest(&w, seconds);
    return close_window(s, &w, ret);
}

static sz_status at_work(sz_survey *s, sz_sensors *sensors, const load *l, double seconds,
                         sz_energy *ret, double *ret_rate) {
    sz_energy_window w;
    SZ_TRY(sz_energy_begin(sensors, NULL, &w));
    const sz_status status = strain(s, &w, l, seconds, ret_rate);
    if (status != SZ_OK) {
        sz_energy_end(&w, NULL);
        return status;
    }
    return close_window(s, &w, ret);
}

// ---- the step ----------------------------------------------------------------------------------

static sz_status say(sz_survey *s, const char *sensor, const sz_energy *idle, const sz_energy *busy,
                     double rate) {
    sz_power *p = &s->m->power;
    if (idle->why) SZ_TRY(sz_machine_add_gap(s->m, "power at rest", idle->why));
    if (busy->why) SZ_TRY(sz_machine_add_gap(s->m, "power at work", busy->why));
    if (!idle->why) p->idle_w = idle->watt;
    if (!busy->why) p->busy_w = busy->watt;
    if (!busy->why && rate > 0) p->joule_per_flop = busy->watt / rate;
    if (idle->why && busy->why) return SZ_OK;
    return sz_machine_printf(s->m, &p->method,
                             "%s: %.1f s at rest (+- %.1f W), %.1f s of multiply-adds on all "
                             "threads (+- %.1f W)",
                             sensor, idle->seconds, idle->uncertainty_j / idle->seconds,
                             busy->seconds, busy->uncertainty_j / busy->seconds);
}

// The sensor that speaks for the whole machine; NULL = none. Adds up its power limits.
static const char *whole_sensor(const sz_sensors *sensors, double *ret_limit_w) {
    const char *name = NULL;
    *ret_limit_w = 0;
    for (size_t i = 0; i < sensors->channels.n; i++) {
        const sz_channel *c = &sensors->channels.items[i];
        if (!c->is_whole || (name && strcmp(name, c->sensor) != 0)) continue;
        name = c->sensor;
        *ret_limit_w += c->limit_w;
    }
    return name;
}

static sz_status measure(sz_survey *s, sz_sensors *sensors, const char *sensor, load *l) {
    const double seconds = (s->step_until - sz_clock_s()) / 2;
    sz_energy idle = {.why = "not measured"}, busy = idle;
    double rate = 0;
    SZ_TRY(at_rest(s, sensors, seconds, &idle));
    SZ_TRY(at_work(s, sensors, l, seconds, &busy, &rate));
    return say(s, sensor, &idle, &busy, rate);
}

// Why each sensor is silent, in one line.
static sz_status no_sensor(sz_survey *s, const sz_sensors *sensors) {
    sz_buf text;
    sz_buf_init(&text, s->ctx);
    for (size_t i = 0; i < sensors->gaps.n; i++)
        sz_buf_printf(&text, "%s%s: %s", i ? "; " : "", sensors->gaps.items[i].sensor,
                      sensors->gaps.items[i].why);
    sz_buf_putc(&text, '\0');
    const sz_status status = text.failed ? sz_no_memory(s->ctx)
                                         : sz_machine_add_gap(s->m, "energy", text.data);
    sz_buf_finish(&text);
    return status;
}

static sz_status with_sensors(sz_survey *s, sz_sensors *sensors) {
    double limit_w;
    const char *sensor = whole_sensor(sensors, &limit_w);
    load l = {.kernel = widest_fma(s)};
    if (!sensor) return no_sensor(s, sensors);
    if (limit_w > 0) s->m->power.tdp_w = limit_w;
    if (!l.kernel) return SZ_OK;
    const size_t size = ((size_t)s->n_cpus + 1) * sizeof *l.states;
    l.states = sz_pages_map(size);
    if (!l.states) return sz_no_memory(s->ctx);
    sz_kernel_state_init(l.kernel, &l.states[s->n_cpus]);
    l.fresh = &l.states[s->n_cpus];
    const sz_status status = measure(s, sensors, sensor, &l);
    sz_pages_unmap(l.states, size);
    return status;
}

sz_status sz_measure_power(sz_survey *s) {
    const sz_sensor_options options = {.root = s->root};
    sz_sensors *sensors;
    SZ_TRY(sz_sensors_open(s->ctx, &options, &sensors));
    const sz_status status = with_sensors(s, sensors);
    sz_sensors_close(sensors);
    return status;
}

// ---- for lists ---------------------------------------------------------------------------------

static void put_channels(const sz_sensors *s, const char *sensor, char *buf, size_t cap) {
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < s->gaps.n; i++)
        if (strcmp(s->gaps.items[i].sensor, sensor) == 0)
            snprintf(buf, cap, "%s", s->gaps.items[i].why);
    for (size_t i = 0; i < s->channels.n && at < cap; i++)
        if (strcmp(s->channels.items[i].sensor, sensor) == 0)
            at += (size_t)snprintf(buf + at, cap - at, "%s%s", at ? ", " : "",
                                   s->channels.items[i].name);
}

int sz_list_sensor(sz_ctx *ctx, size_t i, sz_sensor_row *ret_row) {
    sz_sensors *s;
    ret_row->name = sz_sensor_name(i, &ret_row->what);
    ret_row->here[0] = '\0';
    if (!ret_row->name) return 0;
    if (sz_sensors_open(ctx, NULL, &s) != SZ_OK) return 1;
    put_channels(s, ret_row->name, ret_row->here, sizeof ret_row->here);
    sz_sensors_close(s);
    return 1;
}

// ---- counters ----------------------------------------------------------------------------------

// Cycles that the processor counts in a chain against those that it should take.
static double counted_share(const sz_kernel *chain, sz_counters *c) {
    double best = INFINITY, counts[SZ_COUNTERS];
    for (int i = 0; i < 50; i++) {
        sz_kernel_job job = {.n = 10000};
        sz_counters_begin(c);
        chain->run(&job);
        sz_counters_end(c, counts);
        const double share = counts[SZ_COUNTER_cycles] / (10000.0 * chain->cycles);
        if (share < best) best = share; // what comes between only adds
    }
    return best;
}

sz_status sz_check_counters(sz_survey *s) {
    sz_counters c;
    sz_status status = SZ_OK;
    sz_counters_open(&c, NULL);
    const char *why = sz_counter_why_not(&c, SZ_COUNTER_cycles);
    if (why)
        status = sz_machine_add_gap(s->m, "hardware counters", why);
    else if (s->chain) {
        const double share = counted_share(s->chain, &c);
        if (!(share > 0.97 && share < 1.03))
            status = sz_disturbed(s,
                                  "the counter of cycles tells %.2f times the cycles that '%s' "
                                  "should take: the clock is not sure",
                                  share, s->chain->op);
    }
    sz_counters_close(&c);
    return status;
}
