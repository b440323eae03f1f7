// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same on every machine: integers by splitmix64 (Steele, Lea and Flood
// 2014), and distributions of them by exact IEEE operations and square roots. The C library's log
// and exp differ in last bits from machine to machine, so they are not used.
#ifndef SZ_SERVING_RANDOM_H
#define SZ_SERVING_RANDOM_H

#include <stdint.h>

typedef struct sz_random {
    uint64_t state;
} sz_random;

uint64_t sz_random_bits(sz_random *r);
double sz_random_uniform(sz_random *r);             // in (0, 1), never an end
double sz_random_exponential(sz_random *r);         // mean 1
double sz_random_normal(sz_random *r);              // mean 0, deviation 1
double sz_random_gamma(sz_random *r, double shape); // mean `shape`, scale 1; shape > 0

// Natural logarithm of a positive normal number, and e^x, to about 1e-15 of their size. Beyond
// +-700 e^x is held at the ends.
double sz_exact_log(double x);
double sz_exact_exp(double x);

#endif
