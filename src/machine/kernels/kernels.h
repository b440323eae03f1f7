// SPDX-License-Identifier: Apache-2.0
// The table of micro-kernels. A row exists, and can be listed, also where its code is not built in.
#ifndef SZ_KERNELS_H
#define SZ_KERNELS_H

#include "base/base.h"
#include "os/cpu.h"

typedef enum sz_kernel_family {
    SZ_KERNEL_peak, SZ_KERNEL_load, SZ_KERNEL_copy, SZ_KERNEL_copy_nt, SZ_KERNEL_triad,
    SZ_KERNEL_chase, SZ_KERNEL_clock,
    SZ_KERNEL_store, SZ_KERNEL_store_nt, SZ_KERNEL_copy_rep, SZ_KERNEL_triad_nt, SZ_KERNEL_update,
    SZ_KERNEL_load_any, SZ_KERNEL_gather
} sz_kernel_family;

enum {
    SZ_KERNEL_ACCUMULATORS = 12,
    SZ_KERNEL_PASSES = 4,         // over all accumulators, per iteration of a peak kernel
    SZ_KERNEL_STEP = 512,         // bytes of each array per iteration of a memory kernel
    SZ_KERNEL_MAX_REGISTER = 64   // bytes
};

// Registers of a peak kernel, kept in memory between calls. Values never become 0, Inf or denormal:
// - most multiply-add kernels do a = a * factor + term; with |factor| < 1 that stays near
//   term / (1 - factor);
// - the add kernels add term in three passes and subtract it in the fourth; the growth ends where
//   term is lost in rounding. NEON's fmla adds a product to its accumulator and works the same way
//   with factor * term.
// The closed forms tell whether the work was done.
typedef struct sz_kernel_state {
    _Alignas(64) unsigned char factor[SZ_KERNEL_MAX_REGISTER]; // the same number in every lane
    unsigned char term[SZ_KERNEL_MAX_REGISTER];
    unsigned char acc[SZ_KERNEL_ACCUMULATORS][SZ_KERNEL_MAX_REGISTER]; // `bits` of each are used
} sz_kernel_state;

// What a kernel works on. Arrays are 64-byte aligned. A memory kernel walks its arrays from
// `offset` in steps of SZ_KERNEL_STEP; after each step offset = (offset + step) & mask, so a
// working set of a power of two is walked round and round without a branch to mispredict.
typedef struct sz_kernel_job {
    int64_t n; // iterations, > 0
    sz_kernel_state *state;
    const unsigned char *src, *src2;
    unsigned char *dst;
    uint64_t offset, mask;
    uint64_t cursor; // chase: where it stands, in words of 8 bytes from src
    uint64_t sink;   // C rows leave a digest here so that the work cannot be removed
} sz_kernel_job;

typedef void sz_kernel_fn(sz_kernel_job *job);

typedef struct sz_kernel {
    const char *name; // of the function: "x86_avx512_fma_f32"
    sz_kernel_family family;
    const char *op, *dtype, *isa;
    sz_cpu_set needs;
    int bits; // of one register
    int flops, loads, stores, bytes, cycles; // per iteration
    bool portable; // a row of c/: what the compiler makes of it is not known
    sz_kernel_fn *run; // NULL = not built for this architecture
} sz_kernel;

// Row `i`, NULL past the end.
const sz_kernel *sz_kernel_get(size_t i);

// Can the row run on a CPU that has `cpu`?
bool sz_kernel_runs(const sz_kernel *k, sz_cpu_set cpu);

// The widest row of a family that runs on `cpu`; NULL when there is none.
const sz_kernel *sz_kernel_widest(sz_kernel_family family, sz_cpu_set cpu);

// Set factor, term and accumulators of a peak kernel.
void sz_kernel_state_init(const sz_kernel *k, sz_kernel_state *state);

// Did `iterations` of the kernel since the state was initialised leave what they should?
bool sz_kernel_state_holds(const sz_kernel *k, const sz_kernel_state *state, int64_t iterations);

#define SZ_KERNEL(where, family, op, dtype, isa, needs, bits, flops, loads, stores, bytes, cycles, \
                  function)                                                                        \
    sz_kernel_fn sz_kernel_##function;
#include "machine/kernels/kernels.def"
#undef SZ_KERNEL

#endif
