// SPDX-License-Identifier: Apache-2.0
// The table of micro-kernels. A row exists, and can be listed, also where its code is not built in.
#ifndef SZ_KERNELS_H
#define SZ_KERNELS_H

#include "base/base.h"
#include "os/cpu.h"

typedef enum sz_kernel_family {
    SZ_KERNEL_peak,
    SZ_KERNEL_load,
    SZ_KERNEL_copy,
    SZ_KERNEL_copy_nt,
    SZ_KERNEL_triad,
    SZ_KERNEL_chase,
    SZ_KERNEL_clock,
    SZ_KERNEL_store,
    SZ_KERNEL_store_nt,
    SZ_KERNEL_copy_rep,
    SZ_KERNEL_triad_nt,
    SZ_KERNEL_update,
    SZ_KERNEL_load_any,
    SZ_KERNEL_load_four,
    SZ_KERNEL_gather
} sz_kernel_family;

enum {
    SZ_KERNEL_ACCUMULATORS = 24, // most that a peak kernel has
    SZ_KERNEL_OPERANDS = 4,
    SZ_KERNEL_STEP = 512,        // bytes of each array per iteration of a memory kernel
    SZ_KERNEL_MAX_REGISTER = 256 // bytes: the widest vector that SVE allows
};

// Registers of a peak kernel, kept in memory between calls. An iteration is `passes` passes over
// all accumulators; each accumulator is a chain of its own. Tiles take four accumulators' room
// each.
//
// What values do is a law of values.c; they stay normal numbers for at least SZ_KERNEL_MOST
// iterations from a fresh state, and the law tells whether the work was done.
typedef struct sz_kernel_state {
    // The same number in every lane: factor, term, the operand of the last pass, and one more.
    _Alignas(64) unsigned char operand[SZ_KERNEL_OPERANDS][SZ_KERNEL_MAX_REGISTER];
    unsigned char acc[SZ_KERNEL_ACCUMULATORS][SZ_KERNEL_MAX_REGISTER]; // `bits` of each are used
    int64_t chains; // accumulators in use; only rows that let it vary look at it
} sz_kernel_state;
enum { SZ_KERNEL_MOST = 1 << 20 };

// What a kernel works on. Arrays are 64-byte aligned. A memory kernel walks its arrays from
// `offset` in steps of SZ_KERNEL_STEP; after each step offset = (offset + step) & mask, so a
// working set of a power of two is walked round and round without a branch to mispredict.
typedef struct sz_kernel_job {
    int64_t n; // iterations, > 0
    sz_kernel_state *state;
    const unsigned char *src, *src2;
    unsigned char *dst;
    uint64_t offset, mask;
    uint64_t cursor; // chase: where it stands, in words of 8 bytes from src. load_four: bytes from
                     // each of its places to the next
    uint64_t sink;   // C rows leave a digest here so that the work cannot be removed
} sz_kernel_job;

typedef void sz_kernel_fn(sz_kernel_job *job);

typedef struct sz_kernel {
    const char *name; // of the function: "x86_avx512_fma_f32"
    sz_kernel_family family;
    const char *op, *dtype, *isa;
    sz_cpu_set needs;
    int bits; // of one register; 0 = the CPU tells (SVE): sz_kernel_bits()
    int flops, loads, stores, bytes, cycles; // per iteration; flops of a peak: sz_kernel_flops()
    int chains, passes;        // of a peak: accumulators, and passes over them per iteration
    int lane_flops, lane_work; // of a peak, per lane and pass: operations, instructions
    int pipes;                 // of a peak: most such instructions per cycle on any core we know of
    bool vary;                 // of a peak: the number of chains is a parameter
    bool portable;             // a row of c/: what the compiler makes of it is not known
    sz_kernel_fn *run;         // NULL = not built for this architecture
} sz_kernel;

// Row `i`, NULL past the end.
const sz_kernel *sz_kernel_get(size_t i);

// Can the row run on a CPU that has `cpu`? Tiles also need leave of the system, which is asked for.
bool sz_kernel_runs(const sz_kernel *k, sz_cpu_set cpu);

// The widest row of a family that runs on `cpu`; NULL when there is none.
const sz_kernel *sz_kernel_widest(sz_kernel_family family, sz_cpu_set cpu);

// ---- peak kernels ------------------------------------------------------------------------------

int sz_kernel_bits(const sz_kernel *k);         // of one register of this CPU
int sz_kernel_lanes(const sz_kernel *k);        // results in one register
const char *sz_kernel_unit(const sz_kernel *k); // scalar, vector or matrix

// Operations of an iteration with `chains` accumulators; 0 = all.
int sz_kernel_flops(const sz_kernel *k, int64_t chains);

// Operations of one instruction; what the kernel's instructions do on average where they differ.
double sz_kernel_flops_each(const sz_kernel *k);

// Operations per cycle that no core we know of exceeds.
double sz_kernel_bound(const sz_kernel *k);

// Set operands and accumulators of a peak kernel.
void sz_kernel_state_init(const sz_kernel *k, sz_kernel_state *state);

// Did `iterations` of the kernel since the state was initialised leave what they should?
bool sz_kernel_state_holds(const sz_kernel *k, const sz_kernel_state *state, int64_t iterations);

// Are all numbers normal: no infinity, nothing undefined, nothing denormal, no zero?
bool sz_kernel_state_normal(const sz_kernel *k, const sz_kernel_state *state);

// The number in a lane of an accumulator.
double sz_kernel_value(const sz_kernel *k, const sz_kernel_state *state, int acc, int lane);
void sz_kernel_set_value(const sz_kernel *k, sz_kernel_state *state, int acc, int lane,
                         double value);

// Bytes of an SVE register, 0 where there is none; leave of the system to use tiles. Of arm/, x86/.
int sz_kernel_sve_bytes(void);
bool sz_kernel_tiles_allowed(void);

#define SZ_KERNEL(where, family, op, dtype, isa, needs, bits, flops, loads, stores, bytes, cycles, \
                  function)                                                                        \
    sz_kernel_fn sz_kernel_##function;
#define SZ_PEAK(where, op, dtype, isa, needs, bits, chains, vary, passes, flops, work, pipes,      \
                function)                                                                          \
    sz_kernel_fn sz_kernel_##function;
#include "machine/kernels/kernels.def"
#undef SZ_KERNEL
#undef SZ_PEAK

#endif
