// SPDX-License-Identifier: Apache-2.0
// Peak kernels of x86-64 with 16 registers of 256 bits, and scalar fused multiply-adds. 12 holds
// the factor, 13 the term, 14 what the last pass uses.
#include "machine/kernels/x86/peak.h"

#if defined(__x86_64__)

#define ON(op, from) op " %%ymm" from ", %%ymm\\r, %%ymm\\r\n\t"
#define BOTH(op)     FOUR(UP_TO_16, op, op)

#define FMA(s)         BOTH("vfmadd213" s " %%ymm13, %%ymm12, %%ymm\\r\n\t")
#define ADD(s)         FOUR(UP_TO_16, ON("vadd" s, "13"), ON("vsub" s, "13"))
#define MUL(s)         FOUR(UP_TO_16, ON("vmul" s, "12"), ON("vmul" s, "14"))
#define MAXMUL(s)      SWEEPS(UP_TO_16, ON("vmul" s, "12"), ON("vmax" s, "13"))
#define ADDMAX(s)      SWEEPS(UP_TO_16, ON("vadd" s, "12"), ON("vmax" s, "13"))
#define DIV(s)         FOUR(UP_TO_16, ON("vdiv" s, "12"), ON("vdiv" s, "14"))
#define SQRT(s)        BOTH(ON("vmul" s, "12") "vsqrt" s " %%ymm\\r, %%ymm\\r\n\t")
#define MAXPS(r, next) "vmaxps %%ymm" next ", %%ymm" r ", %%ymm" r "\n\t"
#define MAXPD(r, next) "vmaxpd %%ymm" next ", %%ymm" r ", %%ymm" r "\n\t"

#define VARY(function, body)                                                                       \
    VARY_16(x86_avx2_##function, "avx2,fma", "ymm", "vmovups", body, "vzeroupper")
VARY(fma_f32, FMA("ps"))
VARY(add_f32, ADD("ps"))
VARY(mul_f32, MUL("ps"))
VARY(max_f32, FOUR_TIMES(NEXT_16(MAXPS)))
VARY(maxmul_f32, MAXMUL("ps"))
VARY(addmax_f32, ADDMAX("ps"))

#define WIDE(function, body)                                                                       \
    FIXED(x86_avx2_##function, "avx2,fma", LOOP_16, 12, "ymm", "vmovups", body, "vzeroupper")
WIDE(div_f32, DIV("ps"))
WIDE(sqrt_f32, SQRT("ps"))
WIDE(fma_f64, FMA("pd"))
WIDE(add_f64, ADD("pd"))
WIDE(mul_f64, MUL("pd"))
WIDE(max_f64, FOUR_TIMES(NEXT_16(MAXPD)))
WIDE(maxmul_f64, MAXMUL("pd"))
WIDE(addmax_f64, ADDMAX("pd"))
WIDE(div_f64, DIV("pd"))
WIDE(sqrt_f64, SQRT("pd"))
WIDE(add_int32, FOUR(UP_TO_16, ON("vpaddd", "13"), ON("vpsubd", "13")))

#define SCALAR(function, move, body)                                                               \
    FIXED(x86_scalar_##function, "avx2,fma", LOOP_16, 12, "xmm", move, body, "vzeroupper")
SCALAR(fma_f32, "vmovss", BOTH("vfmadd213ss %%xmm13, %%xmm12, %%xmm\\r\n\t"))
SCALAR(fma_f64, "vmovsd", BOTH("vfmadd213sd %%xmm13, %%xmm12, %%xmm\\r\n\t"))

// Fused multiply-adds in 0-7 and additions in 8-14, one beside the other; 15 holds the term, and
// the factor comes from memory, since all registers are taken. Eight chains are what two pipes with
// a latency of four cycles need.
#define MIXED(order, fma, add)                                                                     \
    ".irp r, " order "\n\t.if \\r < 8\n\t" fma "\n\t.else\n\t" add "\n\t.endif\n\t.endr\n\t"
#define ORDER "0,8,1,9,2,10,3,11,4,12,5,13,6,14,7"
#define FMAADD(s)                                                                                  \
    ".rept 3\n\t" MIXED(                                                                           \
        ORDER, "vfmadd132" s " (%[s]), %%ymm15, %%ymm\\r",                                         \
        ON("vadd" s, "15")) ".endr\n\t" MIXED(ORDER, "vfmadd132" s " (%[s]), %%ymm15, %%ymm\\r",   \
                                              ON("vsub" s, "15"))
#define LOOP_15(n_chains, reg, move, body, finish)                                                 \
    LOOP(n_chains, UP_TO_16, reg, "12", "15", "12", "13", move, body, finish, CLOBBERS_16)
FIXED(x86_avx2_fmaadd_f32, "avx2,fma", LOOP_15, 15, "ymm", "vmovups", FMAADD("ps"), "vzeroupper")
FIXED(x86_avx2_fmaadd_f64, "avx2,fma", LOOP_15, 15, "ymm", "vmovups", FMAADD("pd"), "vzeroupper")

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
