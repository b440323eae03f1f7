// SPDX-License-Identifier: Apache-2.0
// Elements as they are stored: bits to numbers and back.
#ifndef SZ_FORMAT_H
#define SZ_FORMAT_H

#include "base/base.h"

#include <sizeup/dtype.h>

// The bits of element k of a packed little-endian array.
uint64_t sz_format_element(sz_dtype t, const unsigned char *raw, int64_t k);
// A float of any width.
double sz_format_decode(sz_dtype t, uint64_t bits);
// An integer or bool of any width; unsigned 64-bit numbers keep their bits.
int64_t sz_format_integer(sz_dtype t, uint64_t bits);
// The bits of x, which a format of 16 bits and more must hold exactly (sz_round_to). Narrower
// formats round to the nearest, ties to even; what is too large becomes the largest number when
// `saturate` is set, else infinity or, where there is none, NaN.
uint64_t sz_format_encode(sz_dtype t, double x, bool saturate);

#endif
