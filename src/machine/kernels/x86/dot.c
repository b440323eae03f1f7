// SPDX-License-Identifier: Apache-2.0
// Dot products of short numbers on x86-64. The first operand register holds one factor in every
// place, the second the other, the third the other with its sign changed, for the last pass.
#include "machine/kernels/x86/peak.h"

#if defined(__x86_64__)

#define DOT(registers, op, reg, x, y, minus_y)                                                     \
    FOUR(registers, op " %%" reg y ", %%" reg x ", %%" reg "\\r",                                  \
         op " %%" reg minus_y ", %%" reg x ", %%" reg "\\r")

#define WIDE(function, features, body)                                                             \
    FIXED(function, features, LOOP_32, 24, "zmm", "vmovups", body, "vzeroupper")
#define HALF(function, body)                                                                       \
    FIXED(function, "avx2", LOOP_16, 12, "ymm", "vmovups", body, "vzeroupper")

WIDE(x86_avx512_dot_bf16, "avx512f", DOT(UP_TO_24, "vdpbf16ps", "zmm", "28", "29", "30"))
WIDE(x86_avx512_dot_int8, "avx512f", DOT(UP_TO_24, "vpdpbusd", "zmm", "28", "29", "30"))
// The prefix asks for the encoding of AVX-VNNI instead of AVX-512's.
HALF(x86_avxvnni_dot_int8, DOT(UP_TO_16, "%{vex%} vpdpbusd", "ymm", "12", "13", "14"))

// Without the instruction: products of unsigned and signed bytes in pairs, pairs of pairs times
// one, and the sum. Register 15 or 31 holds ones of 16 bits. The products do not change, and need
// not: no processor knows. `t` is scratch; renaming makes it a new register each time.
#define THREE(reg, x, y, ones, t)                                                                  \
    "vpmaddubsw %%" reg y ", %%" reg x ", %%" reg t "\n\t"                                         \
    "vpmaddwd %%" reg ones ", %%" reg t ", %%" reg t "\n\t"                                        \
    "vpaddd %%" reg t ", %%" reg "\\r, %%" reg "\\r\n\t"
WIDE(x86_avx512_dot3_int8, "avx512f",
     FOUR(UP_TO_24, THREE("zmm", "28", "29", "31", "27"), THREE("zmm", "28", "30", "31", "27")))

// No register is left for scratch: the second factor comes from memory.
#define THREE_16(y)                                                                                \
    "vpmaddubsw " y "(%[s]), %%ymm12, %%ymm14\n\t"                                                 \
    "vpmaddwd %%ymm15, %%ymm14, %%ymm14\n\t"                                                       \
    "vpaddd %%ymm14, %%ymm\\r, %%ymm\\r\n\t"
HALF(x86_avx2_dot3_int8, FOUR(UP_TO_16, THREE_16("256"), THREE_16("512")))

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
