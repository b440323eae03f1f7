// SPDX-License-Identifier: Apache-2.0
// e^-a on x86-64: see exp.h. Constants come from memory, which costs the load ports only; what
// limits is arithmetic.
#include "machine/kernels/exp.h"
#include "machine/kernels/x86/peak.h"

#if defined(__x86_64__)

static const _Alignas(64) float constants_f32[] = {SZ_EXP_F32(SZ_EXP_16)};
static const _Alignas(64) double constants_f64[] = {SZ_EXP_F64(SZ_EXP_8)};

// clang-format off
#define EXP(function, features, reg, move, start, body, finish, constants, ...)                    \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        __asm__ volatile(start                                                                     \
                         EACH(UP_TO_16, move " 1024+256*\\r(%[s]), %%" reg "\\r")                  \
                         ".p2align 6\n"                                                            \
                         "1:\n\t"                                                                  \
                         body                                                                      \
                         "dec %[n]\n\t"                                                            \
                         "jnz 1b\n\t"                                                              \
                         EACH(UP_TO_16, move " %%" reg "\\r, 1024+256*\\r(%[s])")                  \
                         finish                                                                    \
                         : [n] "+r"(n)                                                             \
                         : [s] "r"(job->state), [k] "r"(constants), [chains] "i"(12)               \
                         : __VA_ARGS__);                                                           \
    }
#define ROW(i) "64*" #i "(%[k])" // of the constants

// Where a constant comes from: from memory where 16 registers leave no room, else from 20-31 as far
// as these go. Two loads in a cycle would be as many as there are multiply-adds.
#define IN_16(reg, i) ROW(i)
#define IN_32(reg, i) "%%" reg KEPT_##i
#define KEPT_0 "20"
#define KEPT_1 "21"
#define KEPT_2 "22"
#define KEPT_3 "23"
#define KEPT_4 "24"
#define KEPT_5 "25"
#define KEPT_6 "26"
#define KEPT_7 "27"
#define KEPT_8 "28"
#define KEPT_9 "29"
#define KEPT_10 "30"
#define KEPT_11 "31"
#define KEEP                                                                                       \
    ".irp i, 0,1,2,3,4,5,6,7,8,9\n\tvmovups 64*\\i(%[k]), %%zmm2\\i\n\t.endr\n\t"                    \
    "vmovups 64*10(%[k]), %%zmm30\n\tvmovups 64*11(%[k]), %%zmm31\n\t"

// With fused multiply-adds: r is the accumulator, t holds t, p first n and then the polynomial.
#define START(s, reg, in, r, t, p, none)                                                           \
    "vmovups " ROW(1) ", %%" reg t "\n\t"                                                          \
    "vfmadd231" s " " in(reg, 0) ", %%" reg r ", %%" reg t "\n\t"
#define WHOLE(s, reg, in, r, t, p, none) "vsub" s " " in(reg, 1) ", %%" reg t ", %%" reg p "\n\t"
#define REST(s, reg, in, r, t, p, i) "vfmadd231" s " " in(reg, i) ", %%" reg p ", %%" reg r "\n\t"
#define FIRST(s, reg, in, r, t, p, i) "vmovups " ROW(i) ", %%" reg p "\n\t"
#define STEP(s, reg, in, r, t, p, i) "vfmadd213" s " " in(reg, i) ", %%" reg r ", %%" reg p "\n\t"
#define FAR(s, reg, in, r, t, p, i) "vfmadd213" s " " ROW(i) ", %%" reg r ", %%" reg p "\n\t"
#define SHIFT(s, reg, in, r, t, p, by) "vpsll" by ", %%" reg t ", %%" reg t "\n\t"
#define SCALE(s, reg, in, r, t, p, add) add " %%" reg t ", %%" reg p ", %%" reg r "\n\t"

// Each step for a group of accumulators before the next step: what waits for the step before would
// fill the scheduler. Two or four are as many as there is scratch for.
#define GROUP_2(M, s, a, b, x)                                                                     \
    M(s, "ymm", IN_16, a, "12", "13", x) M(s, "ymm", IN_16, b, "14", "15", x)
#define GROUP_4(M, s, a, b, c, d, x)                                                               \
    M(s, "zmm", IN_32, a, "12", "16", x) M(s, "zmm", IN_32, b, "13", "17", x)                      \
    M(s, "zmm", IN_32, c, "14", "18", x) M(s, "zmm", IN_32, d, "15", "19", x)
#define STEPS_F32(G, ...)                                                                          \
    G(START, "ps", __VA_ARGS__, 0) G(WHOLE, "ps", __VA_ARGS__, 0)                                  \
    G(REST, "ps", __VA_ARGS__, 2) G(REST, "ps", __VA_ARGS__, 3) G(FIRST, "ps", __VA_ARGS__, 10)    \
    G(STEP, "ps", __VA_ARGS__, 9) G(STEP, "ps", __VA_ARGS__, 8) G(STEP, "ps", __VA_ARGS__, 7)      \
    G(STEP, "ps", __VA_ARGS__, 6) G(STEP, "ps", __VA_ARGS__, 5) G(STEP, "ps", __VA_ARGS__, 4)      \
    G(SHIFT, "ps", __VA_ARGS__, "d $23") G(SCALE, "ps", __VA_ARGS__, "vpaddd")
#define STEPS_F64(G, ...)                                                                          \
    G(START, "pd", __VA_ARGS__, 0) G(WHOLE, "pd", __VA_ARGS__, 0)                                  \
    G(REST, "pd", __VA_ARGS__, 2) G(REST, "pd", __VA_ARGS__, 3) G(FIRST, "pd", __VA_ARGS__, 15)    \
    G(FAR, "pd", __VA_ARGS__, 14) G(FAR, "pd", __VA_ARGS__, 13) G(FAR, "pd", __VA_ARGS__, 12)      \
    G(STEP, "pd", __VA_ARGS__, 11) G(STEP, "pd", __VA_ARGS__, 10) G(STEP, "pd", __VA_ARGS__, 9)    \
    G(STEP, "pd", __VA_ARGS__, 8) G(STEP, "pd", __VA_ARGS__, 7) G(STEP, "pd", __VA_ARGS__, 6)      \
    G(STEP, "pd", __VA_ARGS__, 5) G(STEP, "pd", __VA_ARGS__, 4)                                    \
    G(SHIFT, "pd", __VA_ARGS__, "q $52") G(SCALE, "pd", __VA_ARGS__, "vpaddq")
#define IN_PAIRS(STEPS)                                                                            \
    STEPS(GROUP_2, "0", "1") STEPS(GROUP_2, "2", "3") STEPS(GROUP_2, "4", "5")                     \
    STEPS(GROUP_2, "6", "7") STEPS(GROUP_2, "8", "9") STEPS(GROUP_2, "10", "11")
#define IN_FOURS(STEPS)                                                                            \
    STEPS(GROUP_4, "0", "1", "2", "3") STEPS(GROUP_4, "4", "5", "6", "7")                          \
    STEPS(GROUP_4, "8", "9", "10", "11")

// Without: each step is a multiply and an add.
#define APART(s, i) "mul" s " %%xmm\\r, %%xmm14\n\tadd" s " " ROW(i) ", %%xmm14\n\t"
#define APART_PART(s, i)                                                                           \
    "movaps " ROW(i) ", %%xmm15\n\t"                                                               \
    "mul" s " %%xmm13, %%xmm15\n\t"                                                                \
    "add" s " %%xmm15, %%xmm\\r\n\t"
#define APART_HEAD(s)                                                                              \
    "movaps " ROW(0) ", %%xmm12\n\t"                                                               \
    "mul" s " %%xmm\\r, %%xmm12\n\t"                                                               \
    "add" s " " ROW(1) ", %%xmm12\n\t"                                                             \
    "movaps %%xmm12, %%xmm13\n\t"                                                                  \
    "sub" s " " ROW(1) ", %%xmm13\n\t"                                                             \
    APART_PART(s, 2) APART_PART(s, 3)
#define APART_F32                                                                                  \
    APART_HEAD("ps")                                                                               \
    "movaps " ROW(10) ", %%xmm14\n\t"                                                              \
    APART("ps", 9) APART("ps", 8) APART("ps", 7) APART("ps", 6) APART("ps", 5) APART("ps", 4)      \
    "pslld $23, %%xmm12\n\t"                                                                       \
    "paddd %%xmm12, %%xmm14\n\t"                                                                   \
    "movaps %%xmm14, %%xmm\\r\n\t"
#define APART_F64                                                                                  \
    APART_HEAD("pd")                                                                               \
    "movaps " ROW(15) ", %%xmm14\n\t"                                                              \
    APART("pd", 14) APART("pd", 13) APART("pd", 12) APART("pd", 11) APART("pd", 10) APART("pd", 9) \
    APART("pd", 8) APART("pd", 7) APART("pd", 6) APART("pd", 5) APART("pd", 4)                     \
    "psllq $52, %%xmm12\n\t"                                                                       \
    "paddq %%xmm12, %%xmm14\n\t"                                                                   \
    "movaps %%xmm14, %%xmm\\r\n\t"
// clang-format on

#define FUSED_16(function, steps, constants)                                                       \
    EXP(function, "avx2,fma", "ymm", "vmovups", "", IN_PAIRS(steps), "vzeroupper", constants,      \
        CLOBBERS_16)
#define FUSED_32(function, steps, constants)                                                       \
    EXP(function, "avx512f", "zmm", "vmovups", KEEP, IN_FOURS(steps), "vzeroupper", constants,     \
        CLOBBERS_32)
#define APART_12(function, body, constants)                                                        \
    EXP(function, "sse2", "xmm", "movups", "", EACH(UP_TO_16, body), "", constants, CLOBBERS_16)
FUSED_16(x86_avx2_exp_f32, STEPS_F32, constants_f32)
FUSED_16(x86_avx2_exp_f64, STEPS_F64, constants_f64)
FUSED_32(x86_avx512_exp_f32, STEPS_F32, constants_f32)
FUSED_32(x86_avx512_exp_f64, STEPS_F64, constants_f64)
APART_12(x86_sse2_exp_f32, APART_F32, constants_f32)
APART_12(x86_sse2_exp_f64, APART_F64, constants_f64)

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
