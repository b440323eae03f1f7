// SPDX-License-Identifier: Apache-2.0
// The shortest digits that read back to the same double, without the C library's printing and
// reading of numbers, which would take most of the time of a large report.
#ifndef SZ_SHORTEST_H
#define SZ_SHORTEST_H

#include <stddef.h>

enum { SZ_SHORTEST_SIZE = 32 };
// Writes what "%.15g" gives, or "%.16g" or "%.17g" where that does not read back; no NUL. Returns
// the length; 0: |v| is not within 1e-4 .. 1e15, where that is plain notation.
size_t sz_shortest(double v, char ret[SZ_SHORTEST_SIZE]);

#endif
