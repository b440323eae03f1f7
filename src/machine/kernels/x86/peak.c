// SPDX-License-Identifier: Apache-2.0
// Peak kernels of x86-64. Inline assembly, because compilers spill, reorder or fold the same loop
// written with intrinsics. Registers 0-11 accumulate, 12 is the factor, 13 the term.
#include "machine/kernels/kernels.h"

#if defined(__x86_64__)

#define CLOBBERS                                                                                   \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "cc", "memory"
#define EACH ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11\n\t"

// reg: xmm, ymm or zmm. once: what three passes do to register r, last: what the fourth does.
// finish: leave the upper halves clean.
#define PEAK(function, features, reg, move, once, last, finish)                                    \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        __asm__ volatile(move " (%[factor]), %%" reg "12\n\t"                                      \
                         move " (%[term]), %%" reg "13\n\t"                                        \
                         EACH move " 64*\\r(%[acc]), %%" reg "\\r\n\t.endr\n\t"                    \
                         ".p2align 6\n"                                                            \
                         "1:\n\t"                                                                  \
                         ".rept 3\n\t" EACH once "\n\t.endr\n\t"                                 \
                         ".endr\n\t"                                                               \
                         EACH last "\n\t.endr\n\t"                                                \
                         "dec %[n]\n\t"                                                            \
                         "jnz 1b\n\t"                                                              \
                         EACH move " %%" reg "\\r, 64*\\r(%[acc])\n\t.endr\n\t"                    \
                         finish                                                                    \
                         : [n] "+r"(n)                                                             \
                         : [factor] "r"(job->state->factor), [term] "r"(job->state->term),         \
                           [acc] "r"(job->state->acc)                                              \
                         : CLOBBERS);                                                              \
    }

#define FMA(suffix, reg) "vfmadd213" suffix " %%" reg "13, %%" reg "12, %%" reg "\\r"
#define ADD(reg) "vaddps %%" reg "13, %%" reg "\\r, %%" reg "\\r"
#define SUB(reg) "vsubps %%" reg "13, %%" reg "\\r, %%" reg "\\r"
#define MULADD(suffix) "mul" suffix " %%xmm12, %%xmm\\r\n\tadd" suffix " %%xmm13, %%xmm\\r"

#define FMAS(suffix, reg) FMA(suffix, reg), FMA(suffix, reg)
#define MULADDS(suffix) MULADD(suffix), MULADD(suffix)
#define ROW(...) PEAK(__VA_ARGS__) // lets the pairs above become two arguments

ROW(x86_sse2_muladd_f32, "sse2", "xmm", "movups", MULADDS("ps"), "")
ROW(x86_sse2_muladd_f64, "sse2", "xmm", "movups", MULADDS("pd"), "")
ROW(x86_sse2_add_f32, "sse2", "xmm", "movups", "addps %%xmm13, %%xmm\\r",
    "subps %%xmm13, %%xmm\\r", "")
ROW(x86_avx2_fma_f32, "avx2,fma", "ymm", "vmovups", FMAS("ps", "ymm"), "vzeroupper")
ROW(x86_avx2_fma_f64, "avx2,fma", "ymm", "vmovups", FMAS("pd", "ymm"), "vzeroupper")
ROW(x86_avx2_add_f32, "avx2", "ymm", "vmovups", ADD("ymm"), SUB("ymm"), "vzeroupper")
ROW(x86_avx512_fma_f32, "avx512f", "zmm", "vmovups", FMAS("ps", "zmm"), "vzeroupper")
ROW(x86_avx512_fma_f64, "avx512f", "zmm", "vmovups", FMAS("pd", "zmm"), "vzeroupper")
ROW(x86_avx512_add_f32, "avx512f", "zmm", "vmovups", ADD("zmm"), SUB("zmm"), "vzeroupper")

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
