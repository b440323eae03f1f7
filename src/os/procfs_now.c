// SPDX-License-Identifier: Apache-2.0
// What changes from moment to moment: clocks and temperatures.
#include "os/procfs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_CPUS = 1024, MOST_SENSORS = 64, CPUINFO_BYTES = 1 << 20 };

// Mean of what the governor says; kHz, one file for each CPU.
static double scaling_clock(const char *root) {
    double sum = 0;
    int n = 0;
    for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu);
        const int64_t khz = sz_proc_int(root, path, 0);
        if (khz <= 0) break;
        sum += 1e3 * (double)khz;
        n++;
    }
    return n ? sum / n : NAN;
}

// Mean of the lines "cpu MHz" of /proc/cpuinfo.
static double cpuinfo_clock(const char *root) {
    static const char key[] = "cpu MHz";
    char *text = malloc(CPUINFO_BYTES);
    double sum = 0;
    int n = 0;
    if (text && sz_proc_read(root, "/proc/cpuinfo", text, CPUINFO_BYTES) > 0)
        for (const char *at = text; (at = strstr(at, key)); at += sizeof key - 1) {
            const char *colon = strchr(at, ':');
            if (!colon) break;
            sum += 1e6 * strtod(colon + 1, NULL);
            n++;
        }
    free(text);
    return n ? sum / n : NAN;
}

double sz_proc_clock_hz(const char *root) {
    const double hz = scaling_clock(root);
    return isnan(hz) ? cpuinfo_clock(root) : hz;
}

static double warmer(double a, double b) { return b > a || isnan(a) ? b : a; }

static double read_temperature(const char *root, const char *path) {
    const int64_t milli = sz_proc_int(root, path, INT64_MIN);
    return milli == INT64_MIN ? NAN : (double)milli / 1e3;
}

double sz_proc_temperature_c(const char *root) {
    static const char *const chips[] = {"coretemp", "k10temp", "zenpower", "cpu_thermal"};
    double warmest = NAN;
    for (int i = 0; i < MOST_SENSORS; i++) {
        char path[96], name[64];
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon%d/name", i);
        if (!sz_proc_line(root, path, name, sizeof name)) continue;
        for (size_t k = 0; k < sizeof chips / sizeof *chips; k++) {
            if (strcmp(name, chips[k]) != 0) continue;
            snprintf(path, sizeof path, "/sys/class/hwmon/hwmon%d/temp1_input", i);
            warmest = warmer(warmest, read_temperature(root, path));
        }
    }
    for (int i = 0; i < MOST_SENSORS && isnan(warmest); i++) {
        char path[96], type[64];
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/type", i);
        if (!sz_proc_line(root, path, type, sizeof type)) break;
        if (strcmp(type, "x86_pkg_temp") != 0 && !strstr(type, "cpu")) continue;
        snprintf(path, sizeof path, "/sys/class/thermal/thermal_zone%d/temp", i);
        warmest = warmer(warmest, read_temperature(root, path));
    }
    return warmest;
}
