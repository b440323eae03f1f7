// SPDX-License-Identifier: Apache-2.0
#include "machine/kernels/kernels.h"

#include <math.h>

#define BUILT_C(function) sz_kernel_##function
#define PORTABLE_C true
#if defined(__x86_64__)
#define BUILT_X86(function) sz_kernel_##function
#else
#define BUILT_X86(function) NULL
#endif
#define PORTABLE_X86 false
#if defined(__aarch64__)
#define BUILT_ARM(function) sz_kernel_##function
#else
#define BUILT_ARM(function) NULL
#endif
#define PORTABLE_ARM false

static const sz_kernel kernels[] = {
#define SZ_KERNEL(where, family, op, dtype, isa, needs, bits, flops, loads, stores, bytes, cycles, \
                  function)                                                                        \
    {#function, SZ_KERNEL_##family, op,     dtype, isa,    needs,            bits,                 \
     flops,     loads,              stores, bytes, cycles, PORTABLE_##where,                       \
     BUILT_##where(function)},
#include "machine/kernels/kernels.def"
#undef SZ_KERNEL
};

const sz_kernel *sz_kernel_get(size_t i) {
    return i < sizeof kernels / sizeof kernels[0] ? &kernels[i] : NULL;
}

bool sz_kernel_runs(const sz_kernel *k, sz_cpu_set cpu) {
    return k->run && (k->needs & cpu) == k->needs;
}

const sz_kernel *sz_kernel_widest(sz_kernel_family family, sz_cpu_set cpu) {
    const sz_kernel *best = NULL, *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (k->family == family && sz_kernel_runs(k, cpu) && (!best || k->bits > best->bits))
            best = k;
    return best;
}

// ---- values of the peak kernels ----------------------------------------------------------------

// 1 - 2^-10 and 2^-10: exact in f32, and the fixed point is exactly 1.
static const double FACTOR = 0.9990234375, TERM = 0.0009765625;

static bool is_f64(const sz_kernel *k) { return strcmp(k->dtype, "f64") == 0; }

static int lanes(const sz_kernel *k) { return k->bits / (is_f64(k) ? 64 : 32); }

static void put(const sz_kernel *k, unsigned char *at, int lane, double value) {
    float narrow = (float)value;
    if (is_f64(k)) memcpy(at + 8 * lane, &value, sizeof value);
    else memcpy(at + 4 * lane, &narrow, sizeof narrow);
}

static double get(const sz_kernel *k, const unsigned char *at, int lane) {
    double value;
    float narrow;
    if (is_f64(k)) return memcpy(&value, at + 8 * lane, sizeof value), value;
    return memcpy(&narrow, at + 4 * lane, sizeof narrow), narrow;
}

// Every lane of every accumulator starts at another number, so that a kernel which skips or swaps
// registers is found out.
static double start_value(const sz_kernel *k, int acc, int lane) {
    return 2 + (acc * lanes(k) + lane) / 64.0;
}

void sz_kernel_state_init(const sz_kernel *k, sz_kernel_state *state) {
    memset(state, 0, sizeof *state);
    for (int lane = 0; lane < lanes(k); lane++) {
        put(k, state->factor, lane, FACTOR);
        put(k, state->term, lane, TERM);
        for (int acc = 0; acc < SZ_KERNEL_ACCUMULATORS; acc++)
            put(k, state->acc[acc], lane, start_value(k, acc, lane));
    }
}

// a -> factor * a + term has the fixed point 1, so after s steps a = 1 + (a0 - 1) factor^s. The
// kernels that only add gain 3 - 1 terms in an iteration.
static double expected(const sz_kernel *k, double start, int64_t iterations) {
    const double gained = 2.0 * (double)iterations;
    if (strcmp(k->op, "add") == 0) return start + gained * TERM;
    if (strcmp(k->isa, "neon") == 0) return start + gained * TERM * FACTOR;
    return 1 + (start - 1) * pow(FACTOR, (double)iterations * SZ_KERNEL_PASSES);
}

// One part in 2^16 leaves room for the rounding of f32 and none for a wrong number of steps.
bool sz_kernel_state_holds(const sz_kernel *k, const sz_kernel_state *state, int64_t iterations) {
    for (int acc = 0; acc < SZ_KERNEL_ACCUMULATORS; acc++)
        for (int lane = 0; lane < lanes(k); lane++) {
            double want = expected(k, start_value(k, acc, lane), iterations);
            double have = get(k, state->acc[acc], lane);
            if (!(fabs(have - want) <= want / 65536)) return false;
        }
    return true;
}
