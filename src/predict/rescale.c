// SPDX-License-Identifier: Apache-2.0
// From a time that was measured on one machine to the time on another one.
//
// What a program reaches of the paper time on one machine it is taken to reach on the other, but
// never more than all of it (Habitat, Yu et al. 2021; the guard is NeuSight's, Lee et al. 2025).
// Between the ratios of compute times and of memory times lies what may come out.
#include "predict/predict.h"

#include "base/record.h"

#include <math.h>

SZ_RECORD_TYPE(rescaled, SZ_RESCALED_FIELDS)

static sz_status paper(sz_ctx *ctx, const sz_costs *costs, const sz_machine *machine,
                       const sz_predict_options *options, sz_prediction *ret) {
    sz_estimate *e = NULL;
    SZ_TRY(sz_estimate_create(ctx, costs, machine, options, &e));
    *ret = sz_estimate_total(e);
    sz_estimate_destroy(e);
    ret->bound = NULL; // the estimate's
    return SZ_OK;
}

// NaN where there is nothing to compare.
static double ratio(double a, double b) { return a > 0 && b > 0 ? a / b : SZ_NAN; }

sz_status sz_rescale(sz_ctx *ctx, const sz_costs *costs, const sz_machine *from,
                     const sz_machine *to, const sz_predict_options *options, double measured_s,
                     sz_rescaled *r) {
    sz_prediction a, b;
    if (!(measured_s > 0)) return sz_fail(ctx, SZ_ERR_USAGE, "a measured time must be above 0");
    SZ_TRY(paper(ctx, costs, from, options, &a));
    SZ_TRY(paper(ctx, costs, to, options, &b));
    if (!(a.time_s > 0) || !(b.time_s > 0))
        return sz_fail(ctx, SZ_ERR_INPUT, "the net takes no time on paper: nothing can be carried");
    *r = (sz_rescaled){.measured_s = measured_s, .from_paper_s = a.time_s, .to_paper_s = b.time_s};
    r->efficiency = a.time_s / measured_s;
    r->time_s = b.time_s / fmin(1, r->efficiency);
    r->by_compute_s = measured_s * ratio(b.computation_s, a.computation_s);
    r->by_memory_s = measured_s * ratio(b.communication_s, a.communication_s);
    r->time_lo_s = fmax(b.time_lo_s, fmin(r->time_s, fmin(r->by_compute_s, r->by_memory_s)));
    r->time_hi_s = fmax(r->time_s, fmax(r->by_compute_s, r->by_memory_s));
    if (r->efficiency > 1)
        sz_warn(ctx,
                "the measured time is below the paper time of machine '%s': its record or the "
                "time is of something else; the paper time of '%s' is given",
                from->identity.name, to->identity.name);
    return SZ_OK;
}
