// SPDX-License-Identifier: Apache-2.0
#include "cli/calibrations.h"

#include <stdio.h>
#include <stdlib.h>

bool cli_calibration_folder(char *buf, size_t cap) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int len = -1;
    if (data && data[0] == '/')
        len = snprintf(buf, cap, "%s/sizeup/calibrations", data);
    else if (home && home[0] == '/')
        len = snprintf(buf, cap, "%s/.local/share/sizeup/calibrations", home);
    return len > 0 && (size_t)len < cap;
}
