// SPDX-License-Identifier: Apache-2.0
// From the record of a measured net to kernels with features, roofline times and times.
#ifndef SZ_CALIBRATE_OBSERVE_H
#define SZ_CALIBRATE_OBSERVE_H

#include "predict/calibration.h"

#include <jansson.h>

// Adds the net, which is the record's case, and its kernels, with the times of the quickest runs:
// strangers on the same host slow a machine for seconds at a time, and what a kernel takes must not
// depend on when it was asked. A record without layer times adds nothing.
sz_status sz_observe(sz_calibration *c, const json_t *record);

// What the net takes when nobody disturbs: the mean of the quickest quarter of its timed runs.
double sz_observed_quick_s(const json_t *record);

#endif
