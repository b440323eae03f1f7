// SPDX-License-Identifier: Apache-2.0
// From the record of a measured net to kernels with features, roofline times and times.
#ifndef SZ_CALIBRATE_OBSERVE_H
#define SZ_CALIBRATE_OBSERVE_H

#include "predict/calibration.h"

#include <jansson.h>

// Adds the net and its kernels. A record without layer times adds nothing. `spec`: of the net.
sz_status sz_observe(sz_calibration *c, const char *spec, const json_t *record);

#endif
