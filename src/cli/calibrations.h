// SPDX-License-Identifier: Apache-2.0
// Where calibrations are kept, and which one serves.
#ifndef SZ_CLI_CALIBRATIONS_H
#define SZ_CLI_CALIBRATIONS_H

#include "cli/cli.h"

#include <sizeup/predict.h>

// By XDG_DATA_HOME or HOME. False when neither is set.
bool cli_calibration_folder(char *buf, size_t cap);

// What a prediction asks for.
typedef struct cli_calibration_wants {
    const char *backend, *dtype; // dtype NULL = f32
    const char *version;         // that ran; NULL = that of the library which is here now
    int threads;
} cli_calibration_wants;

enum { CLI_LEVEL_WHY = 512 };

// The level that can be had: "calibrated" with what it takes, or after a warning the next best one,
// "roofline", with the reason in `why` ("" = as asked). *ret_other: see sz_calibration_choose().
const char *cli_calibration_find(cli_app *app, const cli_calibration_wants *wants,
                                 sz_calibration **ret_calibration, sz_calibration **ret_other,
                                 char why[CLI_LEVEL_WHY]);

#endif
