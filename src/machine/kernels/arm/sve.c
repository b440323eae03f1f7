// SPDX-License-Identifier: Apache-2.0
// Peak kernels of 64-bit ARM with vectors whose length the CPU tells.
#include "machine/kernels/arm/peak.h"

#if defined(__aarch64__)

#include <sys/auxv.h>

// The instruction for it traps where there is no SVE.
int sz_kernel_sve_bytes(void) {
    enum { HWCAP_BIT_SVE = 22 };
    uint64_t bytes = 0;
    if (!(getauxval(AT_HWCAP) >> HWCAP_BIT_SVE & 1)) return 0;
    __asm__ volatile(".arch_extension sve\n\trdvl %0, #1" : "=r"(bytes));
    return (int)bytes;
}

// clang-format off
#define START ".arch_extension sve\n\tptrue p0.b\n\t"
// An address for each: the offsets in these loads count registers, not bytes.
#define AT(offset) "mov %[at], #" offset "\n\tadd %[at], %[at], %[s]\n\t"
#define OPERAND(r, offset) AT(offset) "ldr z" r ", [%[at]]\n\t"
#define LOAD(r, next) AT("1024+256*" r) "ldr z" r ", [%[at]]\n\t"
#define STORE(r, next) AT("1024+256*" r) "str z" r ", [%[at]]\n\t"
#define SVE(function, body) FIXED(arm_sve_##function, START, OPERAND, LOAD, STORE, body)
#define SVE_VARY(function, body) VARY(arm_sve_##function, START, OPERAND, LOAD, STORE, body)

// r = r op c: without a predicate, and with one for the operations that need it.
#define ON(op, r, t, c) op " z" r "." t ", z" r "." t ", z" c "." t "\n\t"
#define WITH(op, r, t, c) op " z" r "." t ", p0/m, z" r "." t ", z" c "." t "\n\t"
#define FROM(op, r, t, x, y) op " z" r "." t ", p0/m, z" x "." t ", z" y "." t "\n\t"

// What each kernel does to register r. S: f32, D: f64.
#define FMLA_S(r, next) FROM("fmla", r, "s", "28", "29")
#define FMLS_S(r, next) FROM("fmls", r, "s", "28", "29")
#define FADD_S(r, next) ON("fadd", r, "s", "29")
#define FSUB_S(r, next) ON("fsub", r, "s", "29")
#define FMUL_S(r, next) ON("fmul", r, "s", "28")
#define BACK_S(r, next) ON("fmul", r, "s", "30")
#define FMAX_S(r, next) WITH("fmax", r, "s", next)
#define MAX_S(r, next) WITH("fmax", r, "s", "29")
#define FSHIFT_S(r, next) ON("fadd", r, "s", "28")
#define FDIV_S(r, next) WITH("fdiv", r, "s", "28")
#define VIDF_S(r, next) WITH("fdiv", r, "s", "30")
#define SQRT_S(r, next) FMUL_S(r, next) "fsqrt z" r ".s, p0/m, z" r ".s\n\t"
#define FMLA_D(r, next) FROM("fmla", r, "d", "28", "29")
#define FMLS_D(r, next) FROM("fmls", r, "d", "28", "29")
#define FADD_D(r, next) ON("fadd", r, "d", "29")
#define FSUB_D(r, next) ON("fsub", r, "d", "29")
#define FMUL_D(r, next) ON("fmul", r, "d", "28")
#define BACK_D(r, next) ON("fmul", r, "d", "30")
#define FMAX_D(r, next) WITH("fmax", r, "d", next)
#define MAX_D(r, next) WITH("fmax", r, "d", "29")
#define FSHIFT_D(r, next) ON("fadd", r, "d", "28")
#define FDIV_D(r, next) WITH("fdiv", r, "d", "28")
#define VIDF_D(r, next) WITH("fdiv", r, "d", "30")
#define SQRT_D(r, next) FMUL_D(r, next) "fsqrt z" r ".d, p0/m, z" r ".d\n\t"
#define SDOT(r, next) "sdot z" r ".s, z28.b, z29.b\n\t"
#define SDOT_BACK(r, next) "sdot z" r ".s, z28.b, z30.b\n\t"

SVE_VARY(fma_f32, FOUR(FMLA_S, FMLS_S))
SVE_VARY(add_f32, FOUR(FADD_S, FSUB_S))
SVE_VARY(mul_f32, FOUR(FMUL_S, BACK_S))
SVE_VARY(max_f32, FOUR(FMAX_S, FMAX_S))
SVE_VARY(maxmul_f32, TWICE_FOUR(FMUL_S, MAX_S))
SVE_VARY(addmax_f32, TWICE_FOUR(FSHIFT_S, MAX_S))
SVE(div_f32, FOUR(FDIV_S, VIDF_S))
SVE(sqrt_f32, FOUR(SQRT_S, SQRT_S))
SVE(fma_f64, FOUR(FMLA_D, FMLS_D))
SVE(add_f64, FOUR(FADD_D, FSUB_D))
SVE(mul_f64, FOUR(FMUL_D, BACK_D))
SVE(max_f64, FOUR(FMAX_D, FMAX_D))
SVE(maxmul_f64, TWICE_FOUR(FMUL_D, MAX_D))
SVE(addmax_f64, TWICE_FOUR(FSHIFT_D, MAX_D))
SVE(div_f64, FOUR(FDIV_D, VIDF_D))
SVE(sqrt_f64, FOUR(SQRT_D, SQRT_D))
SVE(dot_int8, FOUR(SDOT, SDOT_BACK))

// Fused multiply-adds in 0-11, additions in 12-23, one beside the other.
#define PAIRS(F, A)                                                                                \
    F("0", "") A("12", "") F("1", "") A("13", "") F("2", "") A("14", "") F("3", "") A("15", "")    \
    F("4", "") A("16", "") F("5", "") A("17", "") F("6", "") A("18", "") F("7", "") A("19", "")    \
    F("8", "") A("20", "") F("9", "") A("21", "") F("10", "") A("22", "") F("11", "") A("23", "")
#define FOUR_PAIRS(F, A, F_LAST, A_LAST) ".rept 3\n\t" PAIRS(F, A) ".endr\n\t" PAIRS(F_LAST, A_LAST)
SVE(fmaadd_f32, FOUR_PAIRS(FMLA_S, FADD_S, FMLS_S, FSUB_S))
SVE(fmaadd_f64, FOUR_PAIRS(FMLA_D, FADD_D, FMLS_D, FSUB_D))
// clang-format on

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
