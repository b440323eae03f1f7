// SPDX-License-Identifier: Apache-2.0
// Peak kernels on the tiles of AMX: 8 tiles of 16 rows of 64 bytes. 0-4 accumulate: five times the
// 16 cycles of a product are more than its latency of 52. 5 and 6 hold the factors, 7 the second
// one with its sign changed.
#include "machine/kernels/x86/peak.h"

#if defined(__x86_64__)

#include <sys/syscall.h>
#include <unistd.h>

// Linux Documentation/arch/x86/xstate.rst: a process must ask before it may use the tiles.
bool sz_kernel_tiles_allowed(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

// Intel SDM, LDTILECFG: palette 1, bytes per row at 16, rows at 48.
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static const tile_config all_tiles = {.palette = 1,
                                      .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                      .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// A row of an operand serves as all rows: its stride is 0.
#define TILES(function, op)                                                                        \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        int64_t n = job->n;                                                                        \
        __asm__ volatile("ldtilecfg %[config]\n\t"                                                 \
                         "tileloadd (%[s],%[zero],1), %%tmm5\n\t"                                  \
                         "tileloadd 256(%[s],%[zero],1), %%tmm6\n\t"                               \
                         "tileloadd 512(%[s],%[zero],1), %%tmm7\n\t"                               \
                         ".irp r, 0,1,2,3,4\n\t"                                                   \
                         "tileloadd 1024+1024*\\r(%[s],%[row],1), %%tmm\\r\n\t.endr\n\t"           \
                         ".p2align 6\n"                                                            \
                         "1:\n\t"                                                                  \
                         ".rept 3\n\t.irp r, 0,1,2,3,4\n\t" op " %%tmm6, %%tmm5, %%tmm\\r\n\t"     \
                         ".endr\n\t.endr\n\t"                                                      \
                         ".irp r, 0,1,2,3,4\n\t" op " %%tmm7, %%tmm5, %%tmm\\r\n\t.endr\n\t"       \
                         "dec %[n]\n\t"                                                            \
                         "jnz 1b\n\t"                                                              \
                         ".irp r, 0,1,2,3,4\n\t"                                                   \
                         "tilestored %%tmm\\r, 1024+1024*\\r(%[s],%[row],1)\n\t.endr\n\t"          \
                         "tilerelease"                                                             \
                         : [n] "+r"(n)                                                             \
                         : [s] "r"(job->state), [config] "m"(all_tiles), [zero] "r"((int64_t)0),   \
                           [row] "r"((int64_t)64)                                                  \
                         : "cc", "memory");                                                        \
    }

// The clock beside work on the tiles: 32 dependent multiplies of 3 cycles each, and a product of 16
// cycles beside each six of them. Without it a core that lowers its clock for tiles raises it again
// some microseconds after them. Eight times as long as the other chains, because the tiles come to
// speed within the first microsecond.
#define SIX(r) ".rept 6\n\timul %[y], %[x]\n\t.endr\n\ttdpbf16ps %%tmm6, %%tmm5, %%tmm" r "\n\t"
void sz_kernel_x86_clock_imul_amx(sz_kernel_job *job) {
    int64_t n = job->n;
    uint32_t x = 3, y = 5;
    __asm__ volatile("ldtilecfg %[config]\n\t"
                     ".irp r, 0,1,2,3,4,5,6\n\ttilezero %%tmm\\r\n\t.endr\n\t"
                     ".p2align 6\n"
                     "1:\n\t.rept 8\n\t" SIX("0") SIX("1") SIX("2") SIX("3") SIX("4")
                     "imul %[y], %[x]\n\timul %[y], %[x]\n\t.endr\n\t"
                     "dec %[n]\n\t"
                     "jnz 1b\n\t"
                     "tilerelease"
                     : [n] "+r"(n), [x] "+r"(x)
                     : [y] "r"(y), [config] "m"(all_tiles)
                     : "cc");
    job->sink ^= x;
}

TILES(x86_amx_dot_bf16, "tdpbf16ps")
TILES(x86_amx_dot_int8, "tdpbusd")

#else
bool sz_kernel_tiles_allowed(void) { return false; }
#endif
