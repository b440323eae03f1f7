// SPDX-License-Identifier: Apache-2.0
// Memory kernels of x86-64, and the chains that give the clock.
#include "machine/kernels/kernels.h"

#if defined(__x86_64__)

#define CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "cc", "memory"

// Next step: offset = (offset + 512) & mask.
#define NEXT                                                                                       \
    "add $512, %[offset]\n\t"                                                                      \
    "and %[mask], %[offset]\n\t"                                                                   \
    "dec %[n]\n\t"                                                                                 \
    "jnz 1b\n\t"

#define MEMORY(function, features, body, finish)                                                   \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        uint64_t offset = job->offset;                                                             \
        __asm__ volatile(".p2align 6\n1:\n\t" body NEXT finish                                     \
                         : [n] "+r"(n), [offset] "+r"(offset)                                      \
                         : [src] "r"(job->src), [dst] "r"(job->dst), [mask] "r"(job->mask)         \
                         : CLOBBERS);                                                              \
        job->offset = offset;                                                                      \
    }

// 64 bytes as one, two or four registers; x counts lines of 64 bytes.
#define LINES  ".irp x, 0,1,2,3,4,5,6,7\n\t"
#define LOAD64 "vmovaps 64*\\x(%[src],%[offset]), %%zmm\\x\n\t"
#define LOAD32                                                                                     \
    "vmovaps 64*\\x(%[src],%[offset]), %%ymm0\n\t"                                                 \
    "vmovaps 64*\\x+32(%[src],%[offset]), %%ymm1\n\t"
#define LOAD16                                                                                     \
    "movaps 64*\\x(%[src],%[offset]), %%xmm0\n\t"                                                  \
    "movaps 64*\\x+16(%[src],%[offset]), %%xmm1\n\t"                                               \
    "movaps 64*\\x+32(%[src],%[offset]), %%xmm2\n\t"                                               \
    "movaps 64*\\x+48(%[src],%[offset]), %%xmm3\n\t"
#define STORE64(store) store " %%zmm\\x, 64*\\x(%[dst],%[offset])\n\t"
#define STORE32(store)                                                                             \
    store " %%ymm0, 64*\\x(%[dst],%[offset])\n\t" store " %%ymm1, 64*\\x+32(%[dst],%[offset])\n\t"
#define STORE16(store)                                                                             \
    store " %%xmm0, 64*\\x(%[dst],%[offset])\n\t" store                                            \
          " %%xmm1, 64*\\x+16(%[dst],%[offset])\n\t" store                                         \
          " %%xmm2, 64*\\x+32(%[dst],%[offset])\n\t" store                                         \
          " %%xmm3, 64*\\x+48(%[dst],%[offset])\n\t"

MEMORY(x86_sse2_load, "sse2", LINES LOAD16 ".endr\n\t", "")
MEMORY(x86_avx2_load, "avx2", LINES LOAD32 ".endr\n\t", "vzeroupper")
MEMORY(x86_avx512_load, "avx512f", LINES LOAD64 ".endr\n\t", "vzeroupper")
MEMORY(x86_sse2_copy, "sse2", LINES LOAD16 STORE16("movaps") ".endr\n\t", "")
MEMORY(x86_avx2_copy, "avx2", LINES LOAD32 STORE32("vmovaps") ".endr\n\t", "vzeroupper")
MEMORY(x86_avx512_copy, "avx512f", LINES LOAD64 STORE64("vmovaps") ".endr\n\t", "vzeroupper")
// The fence makes the stores part of what is timed.
MEMORY(x86_sse2_copy_nt, "sse2", LINES LOAD16 STORE16("movntps") ".endr\n\t", "sfence")
MEMORY(x86_avx2_copy_nt, "avx2", LINES LOAD32 STORE32("vmovntps") ".endr\n\t",
       "sfence\n\tvzeroupper")
MEMORY(x86_avx512_copy_nt, "avx512f", LINES LOAD64 STORE64("vmovntps") ".endr\n\t",
       "sfence\n\tvzeroupper")

// ---- clock -------------------------------------------------------------------------------------

#define BESIDE(r)              "vfmadd213ps %%zmm13, %%zmm12, %%zmm" r "\n\t"
#define CHAIN_STEP(a, b, c, d) "imul %[y], %[x]\n\t" BESIDE(a) BESIDE(b) BESIDE(c) BESIDE(d)

// 32 dependent multiplies of 3 cycles each.
void sz_kernel_x86_clock_imul(sz_kernel_job *job) {
    int64_t n = job->n;
    uint32_t x = 3, y = 5;
    __asm__ volatile(".p2align 6\n1:\n\t"
                     ".rept 32\n\timul %[y], %[x]\n\t.endr\n\t"
                     "dec %[n]\n\t"
                     "jnz 1b\n\t"
                     : [n] "+r"(n), [x] "+r"(x)
                     : [y] "r"(y)
                     : "cc");
    job->sink ^= x;
}

// The same chain with four independent fused multiply-adds of 512 bits beside each multiply: two
// thirds of what the vector units can do, so that the chain, not they, takes the time.
__attribute__((target("avx512f"))) void sz_kernel_x86_clock_imul_avx512(sz_kernel_job *job) {
    static const float factor = 0.9990234375f, term = 0.0009765625f;
    int64_t n = job->n;
    uint32_t x = 3, y = 5;
    __asm__ volatile("vbroadcastss %[factor], %%zmm12\n\t"
                     "vbroadcastss %[term], %%zmm13\n\t"
                     ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11\n\t"
                     "vmovaps %%zmm12, %%zmm\\r\n\t.endr\n\t"
                     ".p2align 6\n1:\n\t"
                     ".rept 10\n\t" CHAIN_STEP("0", "1", "2", "3") CHAIN_STEP("4", "5", "6", "7")
                         CHAIN_STEP("8", "9", "10", "11") ".endr\n\t" CHAIN_STEP("0", "1", "2", "3")
                             CHAIN_STEP("4", "5", "6", "7") "dec %[n]\n\t"
                                                            "jnz 1b\n\t"
                                                            "vzeroupper"
                     : [n] "+r"(n), [x] "+r"(x)
                     : [y] "r"(y), [factor] "m"(factor), [term] "m"(term)
                     : CLOBBERS, "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
    job->sink ^= x;
}

// The checks of the chain above: 32 dependent crc32 of 3 cycles each, and 96 exclusive-ors of 1.
#define CHAIN(function, times, op)                                                                 \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        int64_t n = job->n;                                                                        \
        uint32_t x = 3, y = 5;                                                                     \
        __asm__ volatile(".p2align 6\n1:\n\t"                                                      \
                         ".rept " times "\n\t" op " %[y], %[x]\n\t.endr\n\t"                       \
                         "dec %[n]\n\t"                                                            \
                         "jnz 1b\n\t"                                                              \
                         : [n] "+r"(n), [x] "+r"(x)                                                \
                         : [y] "r"(y)                                                              \
                         : "cc");                                                                  \
        job->sink ^= x;                                                                            \
    }
CHAIN(x86_clock_crc32, "32", "crc32l")
CHAIN(x86_clock_xor, "96", "xor")

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
