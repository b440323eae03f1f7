// SPDX-License-Identifier: Apache-2.0
// Energy of a run: the same loop as the timed one, in a window of its own that is long against the
// tick of the sensor, and power at rest before.
//
// It is not read in the timed slices: a slice of 50 ms that ends within a tick of a sensor of 1 to
// 100 ms would give a number of which 2 to 100 % is luck.
#ifndef SZ_BENCH_ENERGY_H
#define SZ_BENCH_ENERGY_H

#include <sizeup/json.h>

#include "machine/measure/sensor.h"

#define SZ_ENERGY_LOOK_S  2e-3 // sensors are read so often
#define SZ_ENERGY_LEAST_S 0.5  // a window is at least so long, if the time allows
#define SZ_IDLE_S         1.0  // most time at rest

typedef struct sz_joules {
    sz_sensors *sensors; // NULL = none was asked for
    double (*now)(void); // NULL = the monotonic clock
    void (*rest)(double seconds);
    sz_energy *idle; // per channel, at rest
} sz_joules;

// Opens the sensors and measures at rest, until they have ticked often enough or SZ_IDLE_S. `now`
// and `rest` NULL = those of this machine.
sz_status sz_joules_begin(sz_ctx *ctx, const sz_sensor_options *options, double (*now)(void),
                          void (*rest)(double seconds), sz_joules *ret_joules);
void sz_joules_finish(sz_ctx *ctx, sz_joules *j); // zeroed is fine

typedef struct sz_joules_case {
    sz_status (*run)(void *user, int64_t n);
    void *user;
    int64_t calls; // to a piece of work between two looks at the clock
    double budget_s;
} sz_joules_case;

// The object `energy` of the object that is open: of one run, and `domains` by channel.
sz_status sz_joules_put(sz_ctx *ctx, const sz_joules *j, const sz_joules_case *c, sz_json *json);

#endif
