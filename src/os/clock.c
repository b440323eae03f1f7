// SPDX-License-Identifier: Apache-2.0
#include "os/clock.h"

#include <string.h>
#include <time.h>

static double seconds_of(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0) return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double sz_clock_s(void) { return seconds_of(CLOCK_MONOTONIC); }
double sz_clock_thread_s(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }
double sz_clock_process_s(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

void sz_clock_utc(char ret_text[21]) {
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || strftime(ret_text, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        memcpy(ret_text, "1970-01-01T00:00:00Z", 21);
}
