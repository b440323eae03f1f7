// SPDX-License-Identifier: Apache-2.0
// Peak kernels of 64-bit ARM with NEON, and with scalars in its registers.
#include "machine/kernels/arm/peak.h"
#include "machine/kernels/exp.h"

#if defined(__aarch64__)

static const _Alignas(64) float constants_f32[] = {SZ_EXP_F32(SZ_EXP_16)};
static const _Alignas(64) double constants_f64[] = {SZ_EXP_F64(SZ_EXP_8)};

// clang-format off
#define OPERAND(r, offset) "ldr q" r ", [%[s], #" offset "]\n\t"
#define LOAD(r, next) "ldr q" r ", [%[s], #1024+256*" r "]\n\t"
#define STORE(r, next) "str q" r ", [%[s], #1024+256*" r "]\n\t"
#define NEON(function, body) FIXED(arm_neon_##function, "", OPERAND, LOAD, STORE, body)
#define NEON_VARY(function, body) VARY(arm_neon_##function, "", OPERAND, LOAD, STORE, body)

// r = r op c, and with a third register.
#define ON(op, r, t, c) op " v" r "." t ", v" r "." t ", v" c "." t "\n\t"
#define FROM(op, r, t, x, y) op " v" r "." t ", v" x "." t ", v" y "." t "\n\t"

// What each kernel does to register r. S: f32, D: f64.
#define FMLA_S(r, next) FROM("fmla", r, "4s", "28", "29")
#define FMLS_S(r, next) FROM("fmls", r, "4s", "28", "29")
#define FADD_S(r, next) ON("fadd", r, "4s", "29")
#define FSUB_S(r, next) ON("fsub", r, "4s", "29")
#define FMUL_S(r, next) ON("fmul", r, "4s", "28")
#define BACK_S(r, next) ON("fmul", r, "4s", "30")
#define FMAX_S(r, next) ON("fmax", r, "4s", next)
#define MAX_S(r, next) ON("fmax", r, "4s", "29")
#define FSHIFT_S(r, next) ON("fadd", r, "4s", "28")
#define FDIV_S(r, next) ON("fdiv", r, "4s", "28")
#define VIDF_S(r, next) ON("fdiv", r, "4s", "30")
#define SQRT_S(r, next) FMUL_S(r, next) "fsqrt v" r ".4s, v" r ".4s\n\t"
#define FMLA_D(r, next) FROM("fmla", r, "2d", "28", "29")
#define FMLS_D(r, next) FROM("fmls", r, "2d", "28", "29")
#define FADD_D(r, next) ON("fadd", r, "2d", "29")
#define FSUB_D(r, next) ON("fsub", r, "2d", "29")
#define FMUL_D(r, next) ON("fmul", r, "2d", "28")
#define BACK_D(r, next) ON("fmul", r, "2d", "30")
#define FMAX_D(r, next) ON("fmax", r, "2d", next)
#define MAX_D(r, next) ON("fmax", r, "2d", "29")
#define FSHIFT_D(r, next) ON("fadd", r, "2d", "28")
#define FDIV_D(r, next) ON("fdiv", r, "2d", "28")
#define VIDF_D(r, next) ON("fdiv", r, "2d", "30")
#define SQRT_D(r, next) FMUL_D(r, next) "fsqrt v" r ".2d, v" r ".2d\n\t"
#define IADD(r, next) ON("add", r, "4s", "29")
#define ISUB(r, next) ON("sub", r, "4s", "29")

NEON_VARY(fma_f32, FOUR(FMLA_S, FMLS_S))
NEON_VARY(add_f32, FOUR(FADD_S, FSUB_S))
NEON_VARY(mul_f32, FOUR(FMUL_S, BACK_S))
NEON_VARY(max_f32, FOUR(FMAX_S, FMAX_S))
NEON_VARY(maxmul_f32, TWICE_FOUR(FMUL_S, MAX_S))
NEON_VARY(addmax_f32, TWICE_FOUR(FSHIFT_S, MAX_S))
NEON(div_f32, FOUR(FDIV_S, VIDF_S))
NEON(sqrt_f32, FOUR(SQRT_S, SQRT_S))
NEON(fma_f64, FOUR(FMLA_D, FMLS_D))
NEON(add_f64, FOUR(FADD_D, FSUB_D))
NEON(mul_f64, FOUR(FMUL_D, BACK_D))
NEON(max_f64, FOUR(FMAX_D, FMAX_D))
NEON(maxmul_f64, TWICE_FOUR(FMUL_D, MAX_D))
NEON(addmax_f64, TWICE_FOUR(FSHIFT_D, MAX_D))
NEON(div_f64, FOUR(FDIV_D, VIDF_D))
NEON(sqrt_f64, FOUR(SQRT_D, SQRT_D))
NEON(add_int32, FOUR(IADD, ISUB))

// Fused multiply-adds in 0-11, additions in 12-23, one beside the other.
#define PAIRS(F, A)                                                                                \
    F("0", "") A("12", "") F("1", "") A("13", "") F("2", "") A("14", "") F("3", "") A("15", "")    \
    F("4", "") A("16", "") F("5", "") A("17", "") F("6", "") A("18", "") F("7", "") A("19", "")    \
    F("8", "") A("20", "") F("9", "") A("21", "") F("10", "") A("22", "") F("11", "") A("23", "")
#define FOUR_PAIRS(F, A, F_LAST, A_LAST) ".rept 3\n\t" PAIRS(F, A) ".endr\n\t" PAIRS(F_LAST, A_LAST)
NEON(fmaadd_f32, FOUR_PAIRS(FMLA_S, FADD_S, FMLS_S, FSUB_S))
NEON(fmaadd_f64, FOUR_PAIRS(FMLA_D, FADD_D, FMLS_D, FSUB_D))

// By their numbers: assemblers disagree on how to allow these two, and some do not know them.
// sdot v<r>.4s, v28.16b, v29.16b and bfdot v<r>.4s, v28.8h, v29.8h; the last pass with v30.
#define SDOT(r, next) ".inst 0x4e9d9780+" r "\n\t"
#define SDOT_BACK(r, next) ".inst 0x4e9e9780+" r "\n\t"
#define BFDOT(r, next) ".inst 0x6e5dff80+" r "\n\t"
#define BFDOT_BACK(r, next) ".inst 0x6e5eff80+" r "\n\t"
NEON(dot_int8, FOUR(SDOT, SDOT_BACK))
NEON(dot_bf16, FOUR(BFDOT, BFDOT_BACK))

// e^-a: see exp.h. 24-27 hold the first four constants, 28 t, 29 n, 30 and 31 the polynomial; its
// coefficients come from memory. The operands that LOOP loads are not used.
#define K(r, i) "ldr q" r ", [%[k], #64*" i "]\n\t"
#define CONSTANTS K("24", "0") K("25", "1") K("26", "2") K("27", "3")
#define COPY(to, from) "mov v" to ".16b, v" from ".16b\n\t"
#define EXP_HEAD(r, t)                                                                             \
    COPY("28", "25") FROM("fmla", "28", t, r, "24") FROM("fsub", "29", t, "28", "25")              \
    FROM("fmla", r, t, "29", "26") FROM("fmla", r, t, "29", "27")
#define STEP(to, i, from, r, t) K(to, i) FROM("fmla", to, t, from, r)
#define TWO(r, t, i, j) STEP("31", i, "30", r, t) STEP("30", j, "31", r, t)
#define EXP_S(r, next)                                                                             \
    EXP_HEAD(r, "4s") K("30", "10") TWO(r, "4s", "9", "8") TWO(r, "4s", "7", "6")                  \
    TWO(r, "4s", "5", "4") "shl v28.4s, v28.4s, #23\n\t" FROM("add", r, "4s", "30", "28")
#define EXP_D(r, next)                                                                             \
    EXP_HEAD(r, "2d") K("30", "15") TWO(r, "2d", "14", "13") TWO(r, "2d", "12", "11")              \
    TWO(r, "2d", "10", "9") TWO(r, "2d", "8", "7") TWO(r, "2d", "6", "5")                          \
    STEP("31", "4", "30", r, "2d") "shl v28.2d, v28.2d, #52\n\t" FROM("add", r, "2d", "31", "28")
FIXED_WITH(arm_neon_exp_f32, constants_f32, 16, CONSTANTS, OPERAND, LOAD, STORE, EACH(EXP_S))
FIXED_WITH(arm_neon_exp_f64, constants_f64, 16, CONSTANTS, OPERAND, LOAD, STORE, EACH(EXP_D))

// ---- scalars -----------------------------------------------------------------------------------

// p: the letter of the register, s or d.
#define OPERAND_S(r, offset) "ldr s" r ", [%[s], #" offset "]\n\t"
#define LOAD_S(r, next) "ldr s" r ", [%[s], #1024+256*" r "]\n\t"
#define STORE_S(r, next) "str s" r ", [%[s], #1024+256*" r "]\n\t"
#define OPERAND_D(r, offset) "ldr d" r ", [%[s], #" offset "]\n\t"
#define LOAD_D(r, next) "ldr d" r ", [%[s], #1024+256*" r "]\n\t"
#define STORE_D(r, next) "str d" r ", [%[s], #1024+256*" r "]\n\t"
#define ONE(op, p, r, c) op " " p r ", " p r ", " p c "\n\t"
#define FMADD_1S(r, next) "fmadd s" r ", s28, s29, s" r "\n\t"
#define FMSUB_1S(r, next) "fmsub s" r ", s28, s29, s" r "\n\t"
#define FADD_1S(r, next) ONE("fadd", "s", r, "29")
#define FSUB_1S(r, next) ONE("fsub", "s", r, "29")
#define FMUL_1S(r, next) ONE("fmul", "s", r, "28")
#define BACK_1S(r, next) ONE("fmul", "s", r, "30")
#define FMADD_1D(r, next) "fmadd d" r ", d28, d29, d" r "\n\t"
#define FMSUB_1D(r, next) "fmsub d" r ", d28, d29, d" r "\n\t"
#define FADD_1D(r, next) ONE("fadd", "d", r, "29")
#define FSUB_1D(r, next) ONE("fsub", "d", r, "29")
#define FMUL_1D(r, next) ONE("fmul", "d", r, "28")
#define BACK_1D(r, next) ONE("fmul", "d", r, "30")
FIXED(arm_scalar_fma_f32, "", OPERAND_S, LOAD_S, STORE_S, FOUR(FMADD_1S, FMSUB_1S))
FIXED(arm_scalar_add_f32, "", OPERAND_S, LOAD_S, STORE_S, FOUR(FADD_1S, FSUB_1S))
FIXED(arm_scalar_mul_f32, "", OPERAND_S, LOAD_S, STORE_S, FOUR(FMUL_1S, BACK_1S))
FIXED(arm_scalar_fma_f64, "", OPERAND_D, LOAD_D, STORE_D, FOUR(FMADD_1D, FMSUB_1D))
FIXED(arm_scalar_add_f64, "", OPERAND_D, LOAD_D, STORE_D, FOUR(FADD_1D, FSUB_1D))
FIXED(arm_scalar_mul_f64, "", OPERAND_D, LOAD_D, STORE_D, FOUR(FMUL_1D, BACK_1D))
// clang-format on

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
