// SPDX-License-Identifier: Apache-2.0
#include "machine/kernels/kernels.h"

#define BUILT_C(function) sz_kernel_##function
#define PORTABLE_C        true
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

#define VARY_vary  true
#define VARY_fixed false

static const sz_kernel kernels[] = {
#define SZ_KERNEL(where, row_family, row_op, row_dtype, row_isa, row_needs, row_bits, row_flops,   \
                  row_loads, row_stores, row_bytes, row_cycles, function)                          \
    {.name = #function,                                                                            \
     .family = SZ_KERNEL_##row_family,                                                             \
     .op = row_op,                                                                                 \
     .dtype = row_dtype,                                                                           \
     .isa = row_isa,                                                                               \
     .needs = row_needs,                                                                           \
     .bits = row_bits,                                                                             \
     .flops = row_flops,                                                                           \
     .loads = row_loads,                                                                           \
     .stores = row_stores,                                                                         \
     .bytes = row_bytes,                                                                           \
     .cycles = row_cycles,                                                                         \
     .portable = PORTABLE_##where,                                                                 \
     .run = BUILT_##where(function)},
#define SZ_PEAK(where, row_op, row_dtype, row_isa, row_needs, row_bits, row_chains, row_vary,      \
                row_passes, row_flops, row_work, row_pipes, function)                              \
    {.name = #function,                                                                            \
     .family = SZ_KERNEL_peak,                                                                     \
     .op = row_op,                                                                                 \
     .dtype = row_dtype,                                                                           \
     .isa = row_isa,                                                                               \
     .needs = row_needs,                                                                           \
     .bits = row_bits,                                                                             \
     .chains = row_chains,                                                                         \
     .vary = VARY_##row_vary,                                                                      \
     .passes = row_passes,                                                                         \
     .lane_flops = row_flops,                                                                      \
     .lane_work = row_work,                                                                        \
     .pipes = row_pipes,                                                                           \
     .portable = PORTABLE_##where,                                                                 \
     .run = BUILT_##where(function)},
#include "machine/kernels/kernels.def"
#undef SZ_KERNEL
#undef SZ_PEAK
};

const sz_kernel *sz_kernel_get(size_t i) {
    return i < sizeof kernels / sizeof kernels[0] ? &kernels[i] : NULL;
}

bool sz_kernel_runs(const sz_kernel *k, sz_cpu_set cpu) {
    if (!k->run || (k->needs & cpu) != k->needs) return false;
    return !(k->needs & SZ_CPU(amx_tile)) || sz_kernel_tiles_allowed();
}

const sz_kernel *sz_kernel_widest(sz_kernel_family family, sz_cpu_set cpu) {
    const sz_kernel *best = NULL, *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (k->family == family && sz_kernel_runs(k, cpu) && (!best || k->bits > best->bits))
            best = k;
    return best;
}

// ---- shape of the peak kernels -----------------------------------------------------------------

// SVE: the least that its length can be where there is none.
int sz_kernel_bits(const sz_kernel *k) {
    const int bytes = k->bits ? 0 : sz_kernel_sve_bytes();
    return k->bits ? k->bits : bytes ? 8 * bytes : 128;
}

static int lane_bits(const sz_kernel *k) {
    if (strcmp(k->dtype, "f64") == 0) return 64;
    return strcmp(k->dtype, "f16") == 0 ? 16 : 32;
}

int sz_kernel_lanes(const sz_kernel *k) { return sz_kernel_bits(k) / lane_bits(k); }

const char *sz_kernel_unit(const sz_kernel *k) {
    if (k->bits == lane_bits(k)) return "scalar";
    return k->bits > 8 * SZ_KERNEL_MAX_REGISTER ? "matrix" : "vector";
}

int sz_kernel_flops(const sz_kernel *k, int64_t chains) {
    if (k->family != SZ_KERNEL_peak) return k->flops;
    const int all = k->passes * k->lane_flops * sz_kernel_lanes(k);
    return chains == 0 ? all : (int)(all / k->chains * chains);
}

double sz_kernel_flops_each(const sz_kernel *k) {
    return (double)sz_kernel_lanes(k) * k->lane_flops / k->lane_work;
}

double sz_kernel_bound(const sz_kernel *k) { return k->pipes * sz_kernel_flops_each(k); }

#if !defined(__aarch64__)
int sz_kernel_sve_bytes(void) { return 0; }
#endif
