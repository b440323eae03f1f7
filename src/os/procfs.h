// SPDX-License-Identifier: Apache-2.0
// Facts from /proc and /sys under a root folder, so that a captured tree stands for any machine.
#ifndef SZ_OS_PROCFS_H
#define SZ_OS_PROCFS_H

#include "base/base.h"

// `root` is "" for this machine, else a folder that holds proc/ and sys/. `path` starts with "/".

// Read up to cap - 1 bytes of a small file and end them with NUL. -1 when it cannot be read.
int64_t sz_proc_read(const char *root, const char *path, char *buf, size_t cap);

// First line without its newline. False when it cannot be read or is empty.
bool sz_proc_line(const char *root, const char *path, char *buf, size_t cap);

// An integer, with a suffix K, M or G for sizes. `fallback` when there is none.
int64_t sz_proc_int(const char *root, const char *path, int64_t fallback);

// Value of the first line "key : value" or "key: value" in `text` of a file; copied, trimmed.
bool sz_proc_value(const char *text, const char *key, char *buf, size_t cap);

// Members of a CPU list such as "0-3,8": count, and the members below `cap`. -1 when malformed.
int sz_proc_cpus(const char *list, int *ret_cpus, int cap);

// Clock ticks that the hypervisor gave to others, summed over all CPUs; -1 when not known.
int64_t sz_proc_steal_ticks(const char *root);

// Clock ticks that all CPUs were at work, for whomever; -1 when not known.
int64_t sz_proc_busy_ticks(const char *root);

// Share of all clock ticks since boot that the hypervisor gave to others; NaN when not known.
double sz_proc_steal_share(const char *root);

// ---- of the moment (procfs_now.c) --------------------------------------------------------------

// Clock of the CPUs now, their mean, as the governor or /proc/cpuinfo says; NaN = not known.
double sz_proc_clock_hz(const char *root);

// Of the warmest sensor of a processor, in degrees Celsius; NaN = not known.
double sz_proc_temperature_c(const char *root);

// ---- control groups (procfs_limits.c) ----------------------------------------------------------

// CPUs' worth of time that the control groups of this process may use, of either version, the
// tightest one above it; NaN = no limit.
double sz_proc_quota_cpus(const char *root);

// Bytes that they may use; 0 = no limit.
int64_t sz_proc_memory_limit(const char *root);

// Periods in which the quota stopped this process's groups; -1 = not known.
int64_t sz_proc_throttled(const char *root);

#endif
