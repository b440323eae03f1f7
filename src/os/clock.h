// SPDX-License-Identifier: Apache-2.0
// Time.
#ifndef SZ_OS_CLOCK_H
#define SZ_OS_CLOCK_H

// Seconds of the monotonic clock.
double sz_clock_s(void);

// Seconds that the calling thread was on a CPU.
double sz_clock_thread_s(void);

// Seconds that all threads of the process were on CPUs.
double sz_clock_process_s(void);

// Write the UTC date and time, "2026-01-31T12:00:00Z", into 21 bytes.
void sz_clock_utc(char ret_text[21]);

#endif
