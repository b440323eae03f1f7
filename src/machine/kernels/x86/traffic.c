// SPDX-License-Identifier: Apache-2.0
// More memory kernels of x86-64: stores, updates, the triad, `rep movsb`, walks over any length.
#include "machine/kernels/kernels.h"

#if defined(__x86_64__)

#define CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "cc", "memory"

#define NEXT                                                                                       \
    "add $512, %[offset]\n\t"                                                                      \
    "and %[mask], %[offset]\n\t"                                                                   \
    "dec %[n]\n\t"                                                                                 \
    "jnz 1b\n\t"

// Back to 0 at the end of an array of any length: two operations more than the mask, and like it
// no branch to mispredict.
#define NEXT_ANY                                                                                   \
    "add $512, %[offset]\n\t"                                                                      \
    "cmp %[mask], %[offset]\n\t"                                                                   \
    "cmovae %[zero], %[offset]\n\t"                                                                \
    "dec %[n]\n\t"                                                                                 \
    "jnz 1b\n\t"

// Register 7 holds the constant of the kernel.
#define MEMORY(function, features, constant, start, body, next, finish)                            \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        uint64_t offset = job->offset;                                                             \
        __asm__ volatile(start ".p2align 6\n1:\n\t.irp x, 0,1,2,3,4,5,6,7\n\t" body                \
                               ".endr\n\t" next finish                                             \
                         : [n] "+r"(n), [offset] "+r"(offset)                                      \
                         : [src] "r"(job->src), [src2] "r"(job->src2), [dst] "r"(job->dst),        \
                           [mask] "r"(job->mask), [zero] "r"((uint64_t)0), [value] "r"(constant)   \
                         : CLOBBERS);                                                              \
        job->offset = offset;                                                                      \
    }

static const float HALF = 0.5f;
static const uint32_t LOWEST_BIT = 1;

// One line of 64 bytes, in one, two or four registers; x counts the lines of a step. OF(at) is the
// place `at` bytes into the line.
#define OF(array, at) "64*\\x+" at "(%[" array "],%[offset])"
#define LINE64(M)     M("zmm", "0")
#define LINE32(M)     M("ymm", "0") M("ymm", "32")
#define LINE16(M)     M("xmm", "0") M("xmm", "16") M("xmm", "32") M("xmm", "48")

// ---- constants ---------------------------------------------------------------------------------

// The store kernels write what lies at src; the others spread one number of 4 bytes.
#define TAKE_SSE        "movups (%[value]), %%xmm7\n\t"
#define TAKE_AVX(reg)   "vmovups (%[value]), %%" reg "7\n\t"
#define SPREAD_SSE      "movss (%[value]), %%xmm7\n\tshufps $0, %%xmm7, %%xmm7\n\t"
#define SPREAD_AVX(reg) "vbroadcastss (%[value]), %%" reg "7\n\t"

// ---- stores ------------------------------------------------------------------------------------

#define PUT(reg, at)     "movaps %%" reg "7, " OF("dst", at) "\n\t"
#define PUT_NT(reg, at)  "movntps %%" reg "7, " OF("dst", at) "\n\t"
#define VPUT(reg, at)    "vmovaps %%" reg "7, " OF("dst", at) "\n\t"
#define VPUT_NT(reg, at) "vmovntps %%" reg "7, " OF("dst", at) "\n\t"

MEMORY(x86_sse2_store, "sse2", job->src, TAKE_SSE, LINE16(PUT), NEXT, "")
MEMORY(x86_avx2_store, "avx2", job->src, TAKE_AVX("ymm"), LINE32(VPUT), NEXT, "vzeroupper")
MEMORY(x86_avx512_store, "avx512f", job->src, TAKE_AVX("zmm"), LINE64(VPUT), NEXT, "vzeroupper")
MEMORY(x86_sse2_store_nt, "sse2", job->src, TAKE_SSE, LINE16(PUT_NT), NEXT, "sfence")
MEMORY(x86_avx2_store_nt, "avx2", job->src, TAKE_AVX("ymm"), LINE32(VPUT_NT), NEXT,
       "sfence\n\tvzeroupper")
MEMORY(x86_avx512_store_nt, "avx512f", job->src, TAKE_AVX("zmm"), LINE64(VPUT_NT), NEXT,
       "sfence\n\tvzeroupper")

// ---- update ------------------------------------------------------------------------------------

#define TURN(reg, at)                                                                              \
    "movaps " OF("dst", at) ", %%" reg "0\n\t"                                                     \
                            "xorps %%" reg "7, %%" reg "0\n\t"                                     \
                            "movaps %%" reg "0, " OF("dst", at) "\n\t"
// Of integers: vxorps on 512 bits is no part of AVX-512F.
#define VTURN(xor, reg, at)                                                                        \
    xor" " OF("dst", at) ", %%" reg "7, %%" reg "0\n\t"                                            \
                         "vmovaps %%" reg "0, " OF("dst", at) "\n\t"
#define TURN32(reg, at) VTURN("vpxor", reg, at)
#define TURN64(reg, at) VTURN("vpxord", reg, at)

MEMORY(x86_sse2_update, "sse2", &LOWEST_BIT, SPREAD_SSE, LINE16(TURN), NEXT, "")
MEMORY(x86_avx2_update, "avx2", &LOWEST_BIT, SPREAD_AVX("ymm"), LINE32(TURN32), NEXT, "vzeroupper")
MEMORY(x86_avx512_update, "avx512f", &LOWEST_BIT, SPREAD_AVX("zmm"), LINE64(TURN64), NEXT,
       "vzeroupper")

// ---- triad: dst = src + 0.5 src2 ---------------------------------------------------------------

#define SUM(store, reg, at)                                                                        \
    "movaps " OF("src2", at) ", %%" reg "0\n\t"                                                    \
                             "mulps %%" reg "7, %%" reg "0\n\t"                                    \
                             "addps " OF("src", at) ", %%" reg "0\n\t" store " %%" reg             \
                                                    "0, " OF("dst", at) "\n\t"
#define VSUM(store, reg, at)                                                                       \
    "vmovaps " OF("src2", at) ", %%" reg "0\n\t"                                                   \
                              "vfmadd213ps " OF("src", at) ", %%" reg "7, %%" reg "0\n\t" store    \
                                                           " %%" reg "0, " OF("dst", at) "\n\t"
#define SUM16(reg, at)    SUM("movaps", reg, at)
#define SUM16_NT(reg, at) SUM("movntps", reg, at)
#define SUM_V(reg, at)    VSUM("vmovaps", reg, at)
#define SUM_V_NT(reg, at) VSUM("vmovntps", reg, at)

MEMORY(x86_sse2_triad, "sse2", &HALF, SPREAD_SSE, LINE16(SUM16), NEXT, "")
MEMORY(x86_avx2_triad, "avx2,fma", &HALF, SPREAD_AVX("ymm"), LINE32(SUM_V), NEXT, "vzeroupper")
MEMORY(x86_avx512_triad, "avx512f", &HALF, SPREAD_AVX("zmm"), LINE64(SUM_V), NEXT, "vzeroupper")
MEMORY(x86_sse2_triad_nt, "sse2", &HALF, SPREAD_SSE, LINE16(SUM16_NT), NEXT, "sfence")
MEMORY(x86_avx2_triad_nt, "avx2,fma", &HALF, SPREAD_AVX("ymm"), LINE32(SUM_V_NT), NEXT,
       "sfence\n\tvzeroupper")
MEMORY(x86_avx512_triad_nt, "avx512f", &HALF, SPREAD_AVX("zmm"), LINE64(SUM_V_NT), NEXT,
       "sfence\n\tvzeroupper")

// ---- loads over any length ---------------------------------------------------------------------

#define GET(reg, at)  "movaps " OF("src", at) ", %%" reg "0\n\t"
#define VGET(reg, at) "vmovaps " OF("src", at) ", %%" reg "0\n\t"

MEMORY(x86_sse2_load_any, "sse2", job->src, "", LINE16(GET), NEXT_ANY, "")
MEMORY(x86_avx2_load_any, "avx2", job->src, "", LINE32(VGET), NEXT_ANY, "vzeroupper")
MEMORY(x86_avx512_load_any, "avx512f", job->src, "", LINE64(VGET), NEXT_ANY, "vzeroupper")

// ---- loads at four places ----------------------------------------------------------------------

#define FOUR(function, features, LINE, finish)                                                     \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        uint64_t offset = job->offset;                                                             \
        __asm__ volatile(".p2align 6\n1:\n\t.irp x, 0,1,2,3,4,5,6,7\n\t" LINE                      \
                         ".endr\n\t" NEXT finish                                                   \
                         : [n] "+r"(n), [offset] "+r"(offset)                                      \
                         : [src] "r"(job->src), [one] "r"(job->src + job->cursor),                 \
                           [two] "r"(job->src + 2 * job->cursor),                                  \
                           [three] "r"(job->src + 3 * job->cursor), [mask] "r"(job->mask)          \
                         : CLOBBERS);                                                              \
        job->offset = offset;                                                                      \
    }
#define TAKE(array, load, reg, at) load " " OF(array, at) ", %%" reg "0\n\t"
#define LINE_OF(array, M)          M(array, "0") M(array, "16") M(array, "32") M(array, "48")
#define TAKE16(array, at)          TAKE(array, "movaps", "xmm", at)
#define EACH16(array)              LINE_OF(array, TAKE16)
#define TAKE32(array, at)          TAKE(array, "vmovaps", "ymm", at)
#define EACH32(array)              TAKE32(array, "0") TAKE32(array, "32")
#define EACH64(array)              TAKE(array, "vmovaps", "zmm", "0")
#define PLACES(EACH)               EACH("src") EACH("one") EACH("two") EACH("three")

FOUR(x86_sse2_load_four, "sse2", PLACES(EACH16), "")
FOUR(x86_avx2_load_four, "avx2", PLACES(EACH32), "vzeroupper")
FOUR(x86_avx512_load_four, "avx512f", PLACES(EACH64), "vzeroupper")

// ---- rep movsb ---------------------------------------------------------------------------------

// Each instruction goes as far as it can, because it has a start-up cost.
void sz_kernel_x86_rep_movsb(sz_kernel_job *job) {
    for (uint64_t left = (uint64_t)job->n * SZ_KERNEL_STEP; left > 0;) {
        const uint64_t room = job->mask - job->offset + 1; // 0 = without end
        const uint64_t bytes = room == 0 || left < room ? left : room;
        const unsigned char *from = job->src + job->offset;
        unsigned char *to = job->dst + job->offset;
        uint64_t count = bytes;
        __asm__ volatile("rep movsb" : "+c"(count), "+S"(from), "+D"(to) : : "memory");
        job->offset = (job->offset + bytes) & job->mask;
        left -= bytes;
    }
}

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
