// SPDX-License-Identifier: Apache-2.0
// Peak kernels of x86-64 with 16 registers of 128 bits, and with scalars in them. 12 holds the
// factor, 13 the term, 14 what the last pass uses.
#include "machine/kernels/x86/peak.h"

#if defined(__x86_64__)

#define ON(op, from) op " %%xmm" from ", %%xmm\\r\n\t"
#define BOTH(op)     FOUR(UP_TO_16, op, op)

#define MULADD(s)      SWEEPS(UP_TO_16, ON("mul" s, "12"), ON("add" s, "13"))
#define ADD(s)         FOUR(UP_TO_16, ON("add" s, "13"), ON("sub" s, "13"))
#define MUL(s)         FOUR(UP_TO_16, ON("mul" s, "12"), ON("mul" s, "14"))
#define MAXMUL(s)      SWEEPS(UP_TO_16, ON("mul" s, "12"), ON("max" s, "13"))
#define ADDMAX(s)      SWEEPS(UP_TO_16, ON("add" s, "12"), ON("max" s, "13"))
#define DIV(s)         FOUR(UP_TO_16, ON("div" s, "12"), ON("div" s, "14"))
#define SQRT(s)        BOTH(ON("mul" s, "12") "sqrt" s " %%xmm\\r, %%xmm\\r\n\t")
#define MAXPS(r, next) "maxps %%xmm" next ", %%xmm" r "\n\t"
#define MAXPD(r, next) "maxpd %%xmm" next ", %%xmm" r "\n\t"
#define MAXSS(r, next) "maxss %%xmm" next ", %%xmm" r "\n\t"
#define MAXSD(r, next) "maxsd %%xmm" next ", %%xmm" r "\n\t"

#define VARY(function, body) VARY_16(x86_sse2_##function, "sse2", "xmm", "movups", body, "")
VARY(muladd_f32, MULADD("ps"))
VARY(add_f32, ADD("ps"))
VARY(mul_f32, MUL("ps"))
VARY(max_f32, FOUR_TIMES(NEXT_16(MAXPS)))
VARY(maxmul_f32, MAXMUL("ps"))
VARY(addmax_f32, ADDMAX("ps"))

#define WIDE(function, body)                                                                       \
    FIXED(x86_sse2_##function, "sse2", LOOP_16, 12, "xmm", "movups", body, "")
WIDE(div_f32, DIV("ps"))
WIDE(sqrt_f32, SQRT("ps"))
WIDE(muladd_f64, MULADD("pd"))
WIDE(add_f64, ADD("pd"))
WIDE(mul_f64, MUL("pd"))
WIDE(max_f64, FOUR_TIMES(NEXT_16(MAXPD)))
WIDE(maxmul_f64, MAXMUL("pd"))
WIDE(addmax_f64, ADDMAX("pd"))
WIDE(div_f64, DIV("pd"))
WIDE(sqrt_f64, SQRT("pd"))
WIDE(add_int32, FOUR(UP_TO_16, ON("paddd", "13"), ON("psubd", "13")))

#define SCALAR(function, move, body)                                                               \
    FIXED(x86_scalar_##function, "sse2", LOOP_16, 12, "xmm", move, body, "")
SCALAR(muladd_f32, "movss", MULADD("ss"))
SCALAR(add_f32, "movss", ADD("ss"))
SCALAR(mul_f32, "movss", MUL("ss"))
SCALAR(max_f32, "movss", FOUR_TIMES(NEXT_16(MAXSS)))
SCALAR(maxmul_f32, "movss", MAXMUL("ss"))
SCALAR(div_f32, "movss", DIV("ss"))
SCALAR(sqrt_f32, "movss", SQRT("ss"))
SCALAR(muladd_f64, "movsd", MULADD("sd"))
SCALAR(add_f64, "movsd", ADD("sd"))
SCALAR(mul_f64, "movsd", MUL("sd"))
SCALAR(max_f64, "movsd", FOUR_TIMES(NEXT_16(MAXSD)))
SCALAR(maxmul_f64, "movsd", MAXMUL("sd"))
SCALAR(div_f64, "movsd", DIV("sd"))
SCALAR(sqrt_f64, "movsd", SQRT("sd"))

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
