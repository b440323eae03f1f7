// SPDX-License-Identifier: Apache-2.0
// Sobol's low-discrepancy sequence (Sobol 1967), with the direction numbers of Joe and Kuo (2008,
// new-joe-kuo-6), as whole numbers: coordinate / 2^32 lies in [0, 1).
#ifndef SZ_EXPLORE_SOBOL_H
#define SZ_EXPLORE_SOBOL_H

#include <stddef.h>
#include <stdint.h>

enum { SZ_SOBOL_DIMENSIONS = 21 };

// Coordinate `dimension` of point i, from 0 on. Any 2^k points that begin at a multiple of 2^k have
// exactly one in each of 2^k equal parts of every axis.
uint32_t sz_sobol(size_t dimension, uint32_t i);

#endif
