// SPDX-License-Identifier: Apache-2.0
// Which kernels of the library ran while it was calibrated, by kind. Another one, of another
// instruction set or algorithm, takes other times.
#ifndef SZ_CALIBRATED_KERNELS_H
#define SZ_CALIBRATED_KERNELS_H

#include "predict/calibration.h"

#include <jansson.h>
#include <sizeup/json.h>

// A kernel of the kind of that row ran; NULL is nothing.
sz_status sz_calibration_add_kernel(sz_calibration *c, const sz_costs *costs, size_t row,
                                    const char *kernel);
// Did it? True also where nothing is known: of the kind, of the row, or of its kernel.
bool sz_calibration_saw_kernel(const sz_calibration *c, const sz_costs *costs, size_t row,
                               const char *kernel);

// The key `kernels` of the JSON: an object with a list of names for each kind.
void sz_calibration_put_kernels(const sz_calibration *c, sz_json *j);
sz_status sz_calibration_read_kernels(sz_calibration *c, const json_t *kernels);

#endif
