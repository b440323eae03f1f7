// SPDX-License-Identifier: Apache-2.0
// Energy and power: what this machine has for sensors, and the energy of a window of time.
//
// A sensor has channels: counters of joules, which may wrap, or gauges of watts. A window begins,
// is looked at again and again while the work runs (a gauge must be, and a counter that wraps), and
// ends. The energy comes with its uncertainty: what one tick of the sensor is worth. A sensor that
// ticked fewer than SZ_ENOUGH_TICKS times in the window says that the window was too short: the
// RAPL counters tick about every millisecond, those of GPUs every 20 to 100 ms.
#ifndef SZ_SENSOR_H
#define SZ_SENSOR_H

#include "base/base.h"
#include "os/perf.h"

enum { SZ_ENOUGH_TICKS = 10 };

typedef enum sz_channel_kind { SZ_COUNTS_JOULES, SZ_SHOWS_WATTS } sz_channel_kind;

typedef struct sz_channel {
    const char *sensor; // name of its row
    const char *name;   // "package-0", "GPU 0 NVIDIA H100"
    sz_channel_kind kind;
    bool is_whole;  // of a processor, a board or a device, and not a part of another channel
    double range_j; // where a counter begins anew; 0 = nowhere
    double limit_w; // power that the device may take for long; 0 = not told
    // inside
    double scale; // of what is read
    char *path;
    int fd;
    void *device;
    bool (*read)(const struct sz_channel *c, double *ret); // joules so far, or watts now
    void (*close)(struct sz_channel *c);
} sz_channel;

typedef struct sz_sensor_gap {
    const char *sensor, *why;
} sz_sensor_gap;

// Where to look; every member may be NULL for this machine as it is.
typedef struct sz_sensor_options {
    const char *root;        // of /proc and /sys
    const sz_perf_api *perf; // the kernel's counters
    // Names of the library to try, NULL-ended. Beside a root none is tried unless it is given.
    const char *const *nvml;
} sz_sensor_options;

typedef struct sz_sensors {
    sz_ctx *ctx;
    sz_arena arena;
    sz_sensor_options options;
    SZ_VEC(sz_channel) channels;
    SZ_VEC(sz_sensor_gap) gaps; // one for each sensor without a channel
    void *nvml;                 // the library, NULL = not open
    int (*nvml_shutdown)(void);
} sz_sensors;

// Finds all channels. `options` may be NULL. Having none is no failure.
sz_status sz_sensors_open(sz_ctx *ctx, const sz_sensor_options *options, sz_sensors **ret_sensors);
void sz_sensors_close(sz_sensors *s); // NULL is fine

// Rows of the table, for lists; name NULL past the end.
const char *sz_sensor_name(size_t i, const char **ret_what);

// ---- windows -----------------------------------------------------------------------------------

typedef struct sz_energy {
    double joule;         // NaN = not known, see `why`
    double uncertainty_j; // one tick of the sensor, or half of what a gauge varied
    double seconds, watt;
    int64_t ticks;   // times that the reading was seen to change
    const char *why; // NULL, or what is wrong with the number
} sz_energy;

typedef struct sz_energy_state {
    double last, seen_s, lowest, highest;
    double joule;
    int64_t ticks;
    bool lost; // could not be read
} sz_energy_state;

typedef struct sz_energy_window {
    sz_sensors *sensors;
    double (*now)(void); // seconds
    double start_s;
    sz_energy_state *states; // one per channel
} sz_energy_window;

// `now` tells the time; NULL = the monotonic clock.
sz_status sz_energy_begin(sz_sensors *s, double (*now)(void), sz_energy_window *ret_window);
void sz_energy_look(sz_energy_window *w);
// Looks a last time; one result per channel into ret (may be NULL). Releases the window.
void sz_energy_end(sz_energy_window *w, sz_energy *ret);

// The whole machine: the sum of the whole channels of the first sensor that has any. joule NaN and
// `why` when there is none. *ret_sensor is its name.
sz_energy sz_energy_whole(const sz_sensors *s, const sz_energy *channels, const char **ret_sensor);

// ---- for the sensors ---------------------------------------------------------------------------

sz_status sz_sensor_add(sz_sensors *s, const sz_channel *channel, const char *fmt, ...)
    SZ_PRINTF(3, 4); // the name
sz_status sz_sensor_lacks(sz_sensors *s, const char *sensor, const char *fmt, ...) SZ_PRINTF(3, 4);
// A channel that is a number in a file of /sys, times `scale`.
bool sz_sensor_read_file(const sz_channel *c, double *ret);

#define SENSOR(name, what) sz_status sz_sensor_find_##name(sz_sensors *s);
#include "machine/measure/sensors.def"
#undef SENSOR

#endif
