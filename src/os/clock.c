// SPDX-License-Identifier: Apache-2.0
#include "os/clock.h"

#include <string.h>
#include <time.h>

double sz_clock_s(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sz_clock_utc(char ret_text[21]) {
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || strftime(ret_text, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        memcpy(ret_text, "1970-01-01T00:00:00Z", 21);
}
