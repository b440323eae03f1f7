// SPDX-License-Identifier: Apache-2.0
// e^-a as all rows compute it: t = a x minus_log2e + magic rounds a power of two n into the lowest
// bits of t; u = a + n ln 2 lies within half of ln 2 around 0; e^-u is a polynomial; adding the low
// bits of t to its exponent multiplies by 2^n. The coefficients interpolate e^-u at the Chebyshev
// nodes of [-0.3467, 0.3467]: within 2.1e-8 in f32 and 1.6e-17 in f64 of it, before rounding.
// ln 2 comes in two parts: the first has few bits, so that n times it is exact.
//
// Numbers stand so often because registers are loaded from here: 16 x 32 or 8 x 64 bits.
#ifndef SZ_EXP_H
#define SZ_EXP_H

// The order of the rows, each 64 bytes.
enum { EXP_MINUS_LOG2E, EXP_MAGIC, EXP_LN2_HIGH, EXP_LN2_LOW, EXP_C0 };

// clang-format off
#define SZ_EXP_F32(R)                                                                              \
    R(-1.44269502f) R(12582912.0f) R(0.693359375f) R(-2.12194442e-4f)                              \
    R(1.0f) R(-1.0f) R(0.5f) R(-0.166664153f) R(0.0416663513f) R(-0.00837515667f)                  \
    R(0.00139411469f)
#define SZ_EXP_F64(R)                                                                              \
    R(-1.4426950408889634) R(6755399441055744.0) R(0.693145751953125) R(1.42860682030941723e-6)    \
    R(1.0) R(-1.0) R(0.50000000000000189) R(-0.1666666666666668) R(0.041666666666487572)           \
    R(-0.0083333333333195612) R(0.0013888888952453789) R(-0.00019841269890154013)                  \
    R(2.4801485333574577e-05) R(-2.7557240804190355e-06) R(2.763269466207279e-07)                  \
    R(-2.5110079917407737e-08)
// clang-format on
#define SZ_EXP_8(x)  x, x, x, x, x, x, x, x,
#define SZ_EXP_16(x) SZ_EXP_8(x) SZ_EXP_8(x)

#endif
