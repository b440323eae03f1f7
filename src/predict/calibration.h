// SPDX-License-Identifier: Apache-2.0
// What was measured of a backend on a machine, ready to tell the times of other nets.
//
// Time of a kernel = the line of its kind x exp(what kernels near it took beyond that). The line: a
// start, in each step of a recurrent layer, + another where the run has driven its code out of a
// core's caches + a factor x its compute time at the roofs + another x
// its memory time, of which what the caches of a core serve has a factor of its own + a factor x
// what its reads would wait. Time of a net = a fixed time + a factor x the sum of its kernels.
// Lines are fitted over what was measured.
#ifndef SZ_CALIBRATION_H
#define SZ_CALIBRATION_H

#include "machine/machine.h"
#include "predict/features.h"
#include "predict/line.h"

#include <sizeup/predict.h>

// Kernels of one net that have the same features: one point of the process, whose mark is the index
// of this.
typedef struct sz_measured {
    sz_line_point point; // time_s: geometric mean
    double roofline_s;   // what the level "roofline" tells
    double base_s;       // what the line tells; set by settling
    int32_t net;
    int count;
} sz_measured;

typedef struct sz_calibrated_kind {
    const char *name;
    sz_process process;
    SZ_VEC(sz_measured) measured; // empty where the calibration was read
    sz_line line;
    double half; // of the 90 % interval of a kernel, in logarithms; NaN = too few were measured
} sz_calibrated_kind;

// A net that was measured whole.
typedef struct sz_calibrated_net {
    const char *spec;
    double whole_s; // when nobody disturbs: mean of the quickest runs
    double usual_s; // median of all runs: with whatever else the host did
    double layers_s; // sum of its layers as they were looked at; 0 where the calibration was read
    double parts_s; // sum over its kernels as they are told without it
} sz_calibrated_net;

// What strangers on the host cost: a median over a quick run, >= 1, by what a net takes. A run that
// takes long meets them always, a short one now and then.
enum { SZ_USUAL_KNOTS = 8 };
typedef struct sz_usual {
    int n; // knots, by rising time; 0 = nothing is known, they cost nothing
    double whole_s[SZ_USUAL_KNOTS], factor[SZ_USUAL_KNOTS];
} sz_usual;

// A kernel of the library that ran for kernels of a kind.
typedef struct sz_calibrated_kernel {
    const char *kind, *name;
} sz_calibrated_kernel;

struct sz_calibration {
    sz_ctx *ctx;
    sz_arena arena;
    const char *backend, *version, *dtype,
        *recipe;             // recipe: of the passes that imitate it, or NULL
    const char *fingerprint; // of the machine
    const char *started_utc;
    int threads;
    const char *library; // its file, with size and last change as they were; NULL = not known
    int64_t library_bytes, library_changed_s;
    sz_machine *machine; // its record when the calibration was made
    SZ_VEC(sz_calibrated_kind) kinds;
    SZ_VEC(sz_calibrated_net) nets;
    SZ_VEC(sz_calibrated_kernel) kernels; // each once; none: not known
    double beside_s;        // of a net beside its layers, by the shortest nets
    double fixed_s, factor; // whole = fixed_s + factor x parts
    sz_usual usual;
    double half;            // of the 90 % interval of a net, in logarithms; NaN = too few
};

// What a kernel took of the time of its net.
double sz_calibration_took(const sz_calibration *c, const sz_measured *m);

const sz_calibrated_kind *sz_calibration_kind(const sz_calibration *c, const char *name);
// The same, made where there is none.
sz_status sz_calibration_find(sz_calibration *c, const char *name, int axes,
                              sz_calibrated_kind **ret_kind);

// Where it is kept, by backend, format and threads.
sz_status sz_calibration_file(sz_ctx *ctx, const char *folder, const char *backend,
                              const char *dtype, int threads, char *path, size_t cap);

// A kernel that was measured; the features have what is around it. `group`: number of its net.
sz_status sz_calibration_add(sz_calibration *c, const sz_features *f, double time_s, int32_t group);
// After all kernels of all nets: chooses scales, intervals, and the sum of each net's kernels. More
// kernels may be added after it, and it be called again.
sz_status sz_calibration_settle(sz_calibration *c);
// How far off net `i` is told by the others, |log(told / measured)|; NaN = it was not measured
// whole.
double sz_calibration_net_error(const sz_calibration *c, size_t i);

// What a kernel takes when nobody disturbs, and half of its interval in logarithms.
typedef struct sz_calibrated_value {
    double time_s, half;
    bool is_outside; // nothing near it was measured, or nothing of its kind
} sz_calibrated_value;
// By the features of a row; `any`: those of whatever kind. Both with what is around.
sz_calibrated_value sz_calibration_at(const sz_calibration *c, const sz_features *f,
                                      const sz_features *any);

// The run that its kernels are part of; bytes are at most twice what the caches hold.
const sz_around *sz_estimate_around(const sz_estimate *e);
// Of node `i`.
sz_fetch sz_estimate_fetch(const sz_estimate *e, size_t i);

// Time of a net when nobody disturbs, by the sum of its kernels.
double sz_calibration_whole(const sz_calibration *c, double parts_s);
// What strangers on the host make of it: between two knots by logarithms, beyond them as there.
double sz_calibration_usual(const sz_calibration *c, double whole_s);

#endif
