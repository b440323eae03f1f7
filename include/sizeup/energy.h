// SPDX-License-Identifier: Apache-2.0
/** @file
 * Energy that a sensor measured (RAPL, NVML, ...: `sizeup bench --energy`) beside what was
 * predicted.
 *
 *     sz_energy_beside(ctx, &prediction, bench, &beside);
 *     printf("%g J measured, %g J predicted: %s\n", beside.measured_j, beside.predicted_j,
 *            beside.finding);
 */
#ifndef SIZEUP_ENERGY_H
#define SIZEUP_ENERGY_H

#include <sizeup/bench.h>
#include <sizeup/predict.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Energy is power x time: ratio = time_ratio x power_ratio. */
#define SZ_ENERGY_BESIDE_FIELDS(F)                                                                 \
    F(double, measured_j, SZ_FIELD_F64, "J", "of one run")                                         \
    F(double, uncertainty_j, SZ_FIELD_F64, "J", "of measured_j: what a tick of the sensor is")     \
    F(double, predicted_j, SZ_FIELD_F64, "J", "predicted power x predicted time")                  \
    F(double, least_j, SZ_FIELD_F64, "J", "what arithmetic and main memory take alone")            \
    F(double, most_j, SZ_FIELD_F64, "J", "thermal design power x measured time")                   \
    F(double, measured_w, SZ_FIELD_F64, "W", "measured_j over the time of a run in the window")    \
    F(double, predicted_w, SZ_FIELD_F64, "W", "power that was assumed")                            \
    F(double, ratio, SZ_FIELD_F64, "", "measured over predicted energy")                           \
    F(double, time_ratio, SZ_FIELD_F64, "", "measured over predicted time")                        \
    F(double, power_ratio, SZ_FIELD_F64, "", "measured over predicted power")                      \
    F(const char *, sensor, SZ_FIELD_STR, "", "how it was measured")                               \
    F(const char *, finding, SZ_FIELD_STR, "", "what follows, in a sentence")
typedef struct sz_energy_pair {
    SZ_ENERGY_BESIDE_FIELDS(SZ_FIELD_MEMBER)
} sz_energy_pair;
SZ_API const sz_record_type *sz_energy_pair_type(void);

/** Strings are those of the record, or live as long as the program. SZ_ERR_UNAVAILABLE: the record
 * has no energy or no time, with the reason; or the power of the machine is not known. */
SZ_API sz_status sz_energy_beside(sz_ctx *ctx, const sz_prediction *predicted,
                                  const sz_bench *measured, sz_energy_pair *ret_pair) SZ_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
