// SPDX-License-Identifier: Apache-2.0
// Measured energy beside predicted energy, and which of its two factors is off.
#include <sizeup/energy.h>

#include <math.h>

#include "base/base.h"

#include "base/record.h"

SZ_RECORD_TYPE(energy_pair, SZ_ENERGY_BESIDE_FIELDS)

// Energy has a window of its own, in which the runs may take longer than those that were timed.
static double time_of_run(const sz_bench *b) {
    if (b->window.runs > 0 && b->window.window_s > 0)
        return b->window.window_s / (double)b->window.runs;
    return b->time.median_s > 0 ? b->time.median_s : b->time.mean_s;
}

static const char *find(const sz_energy_pair *p) {
    const double slack = p->uncertainty_j > 0 ? p->uncertainty_j : 0;
    if (p->measured_j + slack < p->least_j)
        return "less than arithmetic and main memory take: the sensor leaves something out";
    if (p->measured_j - slack > p->most_j)
        return "more than the thermal design power allows: the sensor sees more than the device";
    if (fabs(p->measured_j - p->predicted_j) <= slack)
        return "as predicted, within a tick of the sensor";
    if (fabs(log(p->time_ratio)) > fabs(log(p->power_ratio)))
        return "the difference is mostly one of time";
    return "the difference is mostly one of power";
}

static sz_status check(sz_ctx *ctx, const sz_prediction *p, const sz_bench *b) {
    if (!(b->energy.joule > 0))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the record has no energy: %s",
                       b->energy.why ? b->energy.why : "not asked for (bench --energy)");
    if (!(time_of_run(b) > 0))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the record has energy but no time of a run");
    if (!(p->energy_j > 0) || !(p->time_s > 0))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "no energy was predicted: the power of the machine is not known");
    return SZ_OK;
}

sz_status sz_energy_beside(sz_ctx *ctx, const sz_prediction *p, const sz_bench *b,
                           sz_energy_pair *ret) {
    SZ_TRY(check(ctx, p, b));
    const double run_s = time_of_run(b), tdp_w = p->energy_hi_j / p->time_s;
    *ret = (sz_energy_pair){.measured_j = b->energy.joule,
                            .uncertainty_j = b->window.uncertainty_j,
                            .predicted_j = p->energy_j,
                            .least_j = p->energy_lo_j,
                            .most_j = tdp_w * run_s,
                            .measured_w = b->energy.joule / run_s,
                            .predicted_w = p->energy_j / p->time_s,
                            .ratio = b->energy.joule / p->energy_j,
                            .time_ratio = run_s / p->time_s,
                            .sensor = b->energy.method};
    ret->power_ratio = ret->measured_w / ret->predicted_w;
    ret->finding = find(ret);
    return SZ_OK;
}
