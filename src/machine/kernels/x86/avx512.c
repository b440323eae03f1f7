// SPDX-License-Identifier: Apache-2.0
// Peak kernels of x86-64 with 32 registers of 512 bits. 28 holds the factor, 29 the term, 30 what
// the last pass uses.
#include "machine/kernels/x86/peak.h"

#if defined(__x86_64__)

#define ON(op, from) op " %%zmm" from ", %%zmm\\r, %%zmm\\r\n\t"
#define BOTH(op)     FOUR(UP_TO_24, op, op)

#define FMA(s)         BOTH("vfmadd213" s " %%zmm29, %%zmm28, %%zmm\\r\n\t")
#define ADD(s)         FOUR(UP_TO_24, ON("vadd" s, "29"), ON("vsub" s, "29"))
#define MUL(s)         FOUR(UP_TO_24, ON("vmul" s, "28"), ON("vmul" s, "30"))
#define MAXMUL(s)      SWEEPS(UP_TO_24, ON("vmul" s, "28"), ON("vmax" s, "29"))
#define ADDMAX(s)      SWEEPS(UP_TO_24, ON("vadd" s, "28"), ON("vmax" s, "29"))
#define DIV(s)         FOUR(UP_TO_24, ON("vdiv" s, "28"), ON("vdiv" s, "30"))
#define SQRT(s)        BOTH(ON("vmul" s, "28") "vsqrt" s " %%zmm\\r, %%zmm\\r\n\t")
#define MAXPS(r, next) "vmaxps %%zmm" next ", %%zmm" r ", %%zmm" r "\n\t"
#define MAXPD(r, next) "vmaxpd %%zmm" next ", %%zmm" r ", %%zmm" r "\n\t"

#define VARY(function, body)                                                                       \
    VARY_32(x86_avx512_##function, "avx512f", "zmm", "vmovups", body, "vzeroupper")
VARY(fma_f32, FMA("ps"))
VARY(add_f32, ADD("ps"))
VARY(mul_f32, MUL("ps"))
VARY(max_f32, FOUR_TIMES(NEXT_32(MAXPS)))
VARY(maxmul_f32, MAXMUL("ps"))
VARY(addmax_f32, ADDMAX("ps"))

#define WIDE(function, body)                                                                       \
    FIXED(x86_avx512_##function, "avx512f", LOOP_32, 24, "zmm", "vmovups", body, "vzeroupper")
WIDE(div_f32, DIV("ps"))
WIDE(sqrt_f32, SQRT("ps"))
WIDE(fma_f64, FMA("pd"))
WIDE(add_f64, ADD("pd"))
WIDE(mul_f64, MUL("pd"))
WIDE(max_f64, FOUR_TIMES(NEXT_32(MAXPD)))
WIDE(maxmul_f64, MAXMUL("pd"))
WIDE(addmax_f64, ADDMAX("pd"))
WIDE(div_f64, DIV("pd"))
WIDE(sqrt_f64, SQRT("pd"))
WIDE(add_int32, FOUR(UP_TO_24, ON("vpaddd", "29"), ON("vpsubd", "29")))
WIDE(fma_f16, BOTH("vfmadd213ph %%zmm29, %%zmm28, %%zmm\\r\n\t"))

// Fused multiply-adds in 0-11 and additions in 12-23, one beside the other.
#define MIXED(fma, add)                                                                            \
    ".irp r, 0,12,1,13,2,14,3,15,4,16,5,17,6,18,7,19,8,20,9,21,10,22,11,23\n\t"                    \
    ".if \\r < 12\n\t" fma "\n\t.else\n\t" add "\n\t.endif\n\t.endr\n\t"
#define FMAADD(s)                                                                                  \
    ".rept 3\n\t" MIXED("vfmadd213" s " %%zmm29, %%zmm28, %%zmm\\r",                               \
                        ON("vadd" s, "29")) ".endr\n\t" MIXED("vfmadd213" s                        \
                                                              " %%zmm29, %%zmm28, %%zmm\\r",       \
                                                              ON("vsub" s, "29"))
WIDE(fmaadd_f32, FMAADD("ps"))
WIDE(fmaadd_f64, FMAADD("pd"))

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
