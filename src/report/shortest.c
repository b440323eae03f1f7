// SPDX-License-Identifier: Apache-2.0
// v = m 2^e with a whole m < 2^53. Its D digits are the whole number nearest to v 10^k, with k such
// that it has D digits: m 5^k / 2^-(e + k). Here 5^k < 2^47 and e + k < 0, so that numerator is
// exact in 128 bits, and so are what rounding leaves and half a unit of m, which decides whether
// the digits read back.
#include "report/shortest.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 wide; // gcc and clang both have it

enum { FEWEST = 15, MOST = 17, LOWEST = -4, HIGHEST = 14 }; // digits; powers of ten

typedef struct digits {
    uint64_t all; // they, as a whole number
    bool exact;   // read back to v
} digits;

// The doubles of the negative ones are a little above these, and no double lies between.
static int power_of(double a) {
    static const double tens[] = {1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1,  1e2,  1e3,  1e4, 1e5,
                                  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14};
    int power = HIGHEST;
    while (a < tens[power - LOWEST]) power--;
    return power;
}

static digits round_at(uint64_t m, int e, int k) {
    uint64_t five = 1;
    for (int i = 0; i < k; i++) five *= 5;
    const int shift = -(e + k);
    const wide number = (wide)m * five, half = (wide)1 << (shift - 1);
    const wide rest = number & (((wide)1 << shift) - 1);
    uint64_t all = (uint64_t)(number >> shift);
    const bool up = rest > half || (rest == half && (all & 1));
    // Half a unit of m; below a power of two doubles stand twice as near.
    const wide off = up ? ((wide)1 << shift) - rest : rest;
    const wide within = m == (uint64_t)1 << 52 && !up ? 4 * off : 2 * off;
    return (digits){all + up, within < five || (within == five && !(m & 1))};
}

static size_t write(uint64_t all, int places, bool negative, char *ret) {
    char text[SZ_SHORTEST_SIZE], *p = text + sizeof text;
    size_t n = 0;
    for (; places > 0 && all % 10 == 0; places--) all /= 10;
    for (int i = 0; i < places; i++, all /= 10) *--p = (char)('0' + all % 10);
    if (places > 0) *--p = '.';
    do *--p = (char)('0' + all % 10);
    while (all /= 10);
    if (negative) *--p = '-';
    while (p < text + sizeof text) ret[n++] = *p++;
    return n;
}

size_t sz_shortest(double v, char ret[SZ_SHORTEST_SIZE]) {
    const double a = fabs(v);
    int e;
    if (!(a >= 1e-4 && a < 1e15)) return 0;
    const uint64_t m = (uint64_t)ldexp(frexp(a, &e), 53);
    const int power = power_of(a);
    for (int n = FEWEST;; n++) {
        const int places = n - 1 - power;
        const digits d = round_at(m, e - 53, places);
        if (d.exact || n == MOST) return write(d.all, places, signbit(v), ret);
    }
}
