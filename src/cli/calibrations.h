// SPDX-License-Identifier: Apache-2.0
// Where calibrations are kept.
#ifndef SZ_CLI_CALIBRATIONS_H
#define SZ_CLI_CALIBRATIONS_H

#include "cli/cli.h"

// By XDG_DATA_HOME or HOME. False when neither is set.
bool cli_calibration_folder(char *buf, size_t cap);

#endif
