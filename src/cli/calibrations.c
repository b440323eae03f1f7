// SPDX-License-Identifier: Apache-2.0
#include "cli/calibrations.h"

bool cli_calibration_folder(char *buf, size_t cap) {
    return cli_data_place("calibrations", buf, cap);
}
