// SPDX-License-Identifier: Apache-2.0
// The inside of a machine, and the steps that fill it in. Strings live in its arena.
#ifndef SZ_MACHINE_INSIDE_H
#define SZ_MACHINE_INSIDE_H

#include "base/base.h"
#include "os/cpu.h"

#include <sizeup/machine.h>
#include <sizeup/network.h>

// A level with its bandwidths.
typedef struct sz_mem_level {
    sz_level level;
    SZ_VEC(sz_bandwidth) bandwidths;
} sz_mem_level;

// A link; scope.level is NULL where it was not measured between ranks, and then there is no more.
typedef struct sz_full_link {
    sz_link link;
    sz_link_scope scope;
    SZ_VEC(sz_segment) segments;
    SZ_VEC(sz_message) messages;
} sz_full_link;

struct sz_machine {
    sz_ctx *ctx;
    sz_arena arena;
    sz_identity identity;
    sz_cpu_facts cpu;
    SZ_VEC(const char *) isa;
    SZ_VEC(sz_peak) peaks;
    SZ_VEC(sz_mem_level) levels;
    SZ_VEC(sz_full_link) links;
    SZ_VEC(sz_curve_point) curve;
    sz_overhead overhead;
    sz_power power;
    SZ_VEC(sz_op_energy) op_energy;
    SZ_VEC(sz_byte_energy) byte_energy;
    SZ_VEC(sz_citation) citations;
    SZ_VEC(sz_operator) operators; // that it runs; none = all
    sz_coprocessor coprocessor;    // host NULL: it works alone
    sz_overlap overlap;            // n = 0: not measured
    SZ_VEC(sz_roof) roofs;
    SZ_VEC(sz_gap) gaps;
    double transfer_latency_s; // added to each node's transfer, 0 = none (custom machines)
    bool has_host;             // was described here
    sz_host host;
    SZ_VEC(sz_core_kind) kinds;
    SZ_VEC(sz_variable) variables;
    SZ_VEC(sz_library_run) libraries;
    bool ok;
    SZ_VEC(const char *) notes;
};

sz_status sz_machine_create(sz_ctx *ctx, sz_machine **ret_machine);

// Copy a string into the machine; NULL when there is no memory or `text` is NULL.
const char *sz_machine_text(sz_machine *m, const char *text);
sz_status sz_machine_printf(sz_machine *m, const char **ret_text, const char *fmt, ...)
    SZ_PRINTF(3, 4);

sz_status sz_machine_add_level(sz_machine *m, const sz_level *level, sz_mem_level **ret_level);
sz_status sz_machine_add_link(sz_machine *m, const sz_link *link);
sz_status sz_machine_add_gap(sz_machine *m, const char *what, const char *why);
sz_status sz_machine_add_note(sz_machine *m, const char *fmt, ...) SZ_PRINTF(2, 3);
sz_mem_level *sz_machine_find_level(sz_machine *m, const char *name); // NULL when there is none

// Fill in identity, cpu, isa and the levels' sizes from proc/ and sys/ under root ("" = this
// machine).
sz_status sz_describe(sz_machine *m, const char *root);

// Fill in what surrounds the CPU: host and kinds of cores (describe_host.c, describe_cores.c).
sz_status sz_describe_host(sz_machine *m, const char *root, const int *cpus, int n);
sz_status sz_describe_cores(sz_machine *m, const char *root, const int *cpus, int n);
// Keep the variables that change libraries.
sz_status sz_describe_environment(sz_machine *m, const char *const *environment);
// Describe with all of it, as the options say.
sz_status sz_describe_all(sz_machine *m, const sz_measure_options *options);
// How many of the CPUs are the lowest of the list in cpuN/FILE: the number of groups.
int64_t sz_count_groups(const char *root, const int *cpus, int n, const char *file);

// Time the installed libraries in children and compare them with the roofs (libraries.c).
sz_status sz_measure_libraries(sz_machine *m, const sz_measure_options *options, int threads);

// Is a run above its roof? Then the roof is wrong, or the clock was higher: say which.
sz_status sz_library_above_roof(sz_machine *m, sz_library_run *run);

// Hash text of what stays the same as long as the machine does.
sz_status sz_fingerprint(sz_machine *m);

// Best bandwidth of a level with that many threads, of any mix or (mix != NULL) of one; NaN = none.
double sz_best_bandwidth(const sz_machine *m, size_t level, const char *mix, int64_t threads);

// Make the roofs from the peaks.
sz_status sz_make_roofs(sz_machine *m);

// Index of the level that weights stream from, always called DRAM (HBM and GDDR too); -1 = none.
int sz_main_memory(const sz_machine *m);

#define SZ_NAN __builtin_nan("")

#endif
