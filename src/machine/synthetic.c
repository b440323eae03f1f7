// SPDX-License-Identifier: Apache-2.0
// A machine that is a line of text, for what-if questions:
// "cpu:cores=8,clock=3e9,fma=32,dram=50e9,l2=1M". What the line does not say is not known.
#include "machine/line.h"
#include "machine/machine.h"

#include <math.h>

// ---- keys --------------------------------------------------------------------------------------

typedef enum key {
    CORES,
    THREADS,
    CLOCK,
    FMA,
    FMA_F64,
    FMA_F16,
    FMA_BF16,
    FMA_INT8,
    ADD,
    DRAM,
    DRAM_ONE,
    DRAM_LATENCY,
    MEMORY,
    L1,
    L2,
    L3,
    L1_BW,
    L2_BW,
    L3_BW,
    L1_LATENCY,
    L2_LATENCY,
    L3_LATENCY,
    TDP,
    N_KEYS
} key;

static const sz_line_key keys[N_KEYS] = {
    [CORES] = {"cores", SZ_LINE_COUNT, true, 1, 1e6, "physical cores"},
    [THREADS] = {"threads", SZ_LINE_COUNT, false, 1, 1e6,
                 "logical CPUs; as many as cores when not given"},
    [CLOCK] = {"clock", SZ_LINE_NUMBER, true, 1e6, 1e11, "clock in Hz"},
    [FMA] = {"fma", SZ_LINE_NUMBER, true, 0.01, 1e6, "f32 FLOP per cycle and core by multiply-add"},
    [FMA_F64] = {"fma_f64", SZ_LINE_NUMBER, false, 0.01, 1e6, "the same for f64"},
    [FMA_F16] = {"fma_f16", SZ_LINE_NUMBER, false, 0.01, 1e6, "the same for f16"},
    [FMA_BF16] = {"fma_bf16", SZ_LINE_NUMBER, false, 0.01, 1e6, "the same for bf16"},
    [FMA_INT8] = {"fma_int8", SZ_LINE_NUMBER, false, 0.01, 1e6, "the same for int8"},
    [ADD] = {"add", SZ_LINE_NUMBER, false, 0.01, 1e6,
             "f32 FLOP per cycle and core of additions alone"},
    [DRAM] = {"dram", SZ_LINE_NUMBER, true, 1e3, 1e15, "main memory, all cores, in B/s"},
    [DRAM_ONE] = {"dram_one", SZ_LINE_NUMBER, false, 1e3, 1e15, "main memory, one core, in B/s"},
    [DRAM_LATENCY] = {"dram_latency", SZ_LINE_NUMBER, false, 1e-10, 1, "in s"},
    [MEMORY] = {"memory", SZ_LINE_BYTES, false, 1, 1e18, "size of main memory"},
    [L1] = {"l1", SZ_LINE_BYTES, false, 64, 1e15, "size of the L1 cache of a core"},
    [L2] = {"l2", SZ_LINE_BYTES, false, 64, 1e15, "size of the L2 cache of a core"},
    [L3] = {"l3", SZ_LINE_BYTES, false, 64, 1e15, "size of the L3 cache, which all cores share"},
    [L1_BW] = {"l1_bw", SZ_LINE_NUMBER, false, 0.01, 1e5, "loads from L1 in B per cycle and core"},
    [L2_BW] = {"l2_bw", SZ_LINE_NUMBER, false, 0.01, 1e5, "loads from L2 in B per cycle and core"},
    [L3_BW] = {"l3_bw", SZ_LINE_NUMBER, false, 0.01, 1e5, "loads from L3 in B per cycle and core"},
    [L1_LATENCY] = {"l1_latency", SZ_LINE_NUMBER, false, 1e-10, 1, "in s"},
    [L2_LATENCY] = {"l2_latency", SZ_LINE_NUMBER, false, 1e-10, 1, "in s"},
    [L3_LATENCY] = {"l3_latency", SZ_LINE_NUMBER, false, 1e-10, 1, "in s"},
    [TDP] = {"tdp", SZ_LINE_NUMBER, false, 1e-3, 1e9, "power at work, in W"},
};

const char *sz_list_synthetic(size_t i, const char **ret_help) {
    if (i >= N_KEYS) return NULL;
    if (ret_help) *ret_help = keys[i].help;
    return keys[i].name;
}

// ---- checks
// --------------------------------------------------------------------------------------

// What no machine can be, though each number alone could.
static sz_status check(sz_ctx *ctx, const double v[N_KEYS]) {
    static const struct {
        key less, more;
    } order[] = {{CORES, THREADS},
                 {L1, L2},
                 {L2, L3},
                 {L1, L3},
                 {DRAM_ONE, DRAM},
                 {L3, MEMORY},
                 {L2, MEMORY},
                 {L1_LATENCY, L2_LATENCY},
                 {L2_LATENCY, L3_LATENCY},
                 {L3_LATENCY, DRAM_LATENCY}};
    static const struct {
        key needs, needed;
    } pairs[] = {{L1_BW, L1},      {L2_BW, L2},      {L3_BW, L3},
                 {L1_LATENCY, L1}, {L2_LATENCY, L2}, {L3_LATENCY, L3}};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (v[order[i].less] > v[order[i].more])
            return sz_fail(ctx, SZ_ERR_INPUT, "'%s' (%g) is more than '%s' (%g)",
                           keys[order[i].less].name, v[order[i].less], keys[order[i].more].name,
                           v[order[i].more]);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (!isnan(v[pairs[i].needs]) && isnan(v[pairs[i].needed]))
            return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is given, but '%s' is not",
                           keys[pairs[i].needs].name, keys[pairs[i].needed].name);
    return SZ_OK;
}

// ---- making the machine ------------------------------------------------------------------------

static sz_status add_peaks(sz_machine *m, const double v[N_KEYS]) {
    static const struct {
        key key;
        const char *op, *dtype;
    } rows[] = {{FMA_F64, "fma", "f64"}, {FMA, "fma", "f32"},       {FMA_F16, "fma", "f16"},
                {ADD, "add", "f32"},     {FMA_BF16, "fma", "bf16"}, {FMA_INT8, "fma", "int8"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int threads = 0; threads <= 1 && !isnan(v[rows[i].key]); threads++) {
            const double rate = v[rows[i].key] * v[CLOCK] * (threads == 0 ? v[CORES] : 1);
            const sz_peak p = {.device = "cpu",
                               .unit = "vector",
                               .op = rows[i].op,
                               .dtype = rows[i].dtype,
                               .threads = threads,
                               .flop_per_s = rate,
                               .theoretical_flop_per_s = rate,
                               .flop_per_cycle = v[rows[i].key],
                               .clock_hz = v[CLOCK],
                               .window_flop_per_s = SZ_NAN};
            if (!sz_vec_push(m->ctx, &m->peaks, p)) return sz_no_memory(m->ctx);
        }
    return SZ_OK;
}

static sz_status add_loads(sz_machine *m, sz_mem_level *level, double one, double all) {
    for (int threads = 0; threads <= 1; threads++) {
        const double rate = threads == 0 ? all : one;
        const sz_bandwidth b = {.mix = "load",
                                .threads = threads,
                                .byte_per_s = rate,
                                .with_write_allocate_byte_per_s = SZ_NAN,
                                .byte_per_cycle = SZ_NAN,
                                .window_byte_per_s = SZ_NAN};
        if (!isnan(rate) && !sz_vec_push(m->ctx, &level->bandwidths, b))
            return sz_no_memory(m->ctx);
    }
    return SZ_OK;
}

static sz_status add_levels(sz_machine *m, const double v[N_KEYS]) {
    static const struct {
        const char *name;
        key size, rate, latency;
        bool shared;
    } rows[] = {{"L1", L1, L1_BW, L1_LATENCY, false},
                {"L2", L2, L2_BW, L2_LATENCY, false},
                {"L3", L3, L3_BW, L3_LATENCY, true}};
    sz_mem_level *level;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (isnan(v[rows[i].size])) continue;
        const int64_t instances = rows[i].shared ? 1 : m->cpu.cores;
        const sz_level l = {.name = rows[i].name,
                            .capacity_bytes = (int64_t)v[rows[i].size],
                            .instances = instances,
                            .line_bytes = 64,
                            .latency_s = v[rows[i].latency],
                            .latency_spread = SZ_NAN,
                            .latency_small_pages_s = SZ_NAN,
                            .shared_by = m->cpu.threads / instances};
        const double rate = v[rows[i].rate] * v[CLOCK];
        SZ_TRY(sz_machine_add_level(m, &l, &level));
        SZ_TRY(add_loads(m, level, rate, rate * v[CORES]));
    }
    const sz_level dram = {.name = "DRAM",
                           .capacity_bytes = m->cpu.memory_bytes,
                           .instances = 1,
                           .line_bytes = 64,
                           .latency_s = v[DRAM_LATENCY],
                           .latency_spread = SZ_NAN,
                           .latency_small_pages_s = SZ_NAN,
                           .shared_by = m->cpu.threads};
    SZ_TRY(sz_machine_add_level(m, &dram, &level));
    // One core reaches no more than all; how much less it reaches must be said.
    return add_loads(m, level, m->cpu.cores == 1 ? v[DRAM] : v[DRAM_ONE], v[DRAM]);
}

static sz_status fill_in(sz_machine *m, const char *text, const double v[N_KEYS]) {
    m->identity.name = sz_machine_text(m, text);
    if (!m->identity.name) return sz_no_memory(m->ctx);
    m->identity.source = "datasheet";
    m->identity.kind = "cpu";
    m->identity.notes = "a synthetic machine: its numbers are what the line says";
    m->cpu.model = "synthetic";
    m->cpu.cores = (int64_t)v[CORES];
    m->cpu.threads = isnan(v[THREADS]) ? m->cpu.cores : (int64_t)v[THREADS];
    m->cpu.clock_hz = m->cpu.clock_all_hz = v[CLOCK];
    m->cpu.memory_bytes = isnan(v[MEMORY]) ? 0 : (int64_t)v[MEMORY];
    m->power.tdp_w = v[TDP];
    SZ_TRY(add_peaks(m, v));
    SZ_TRY(add_levels(m, v));
    SZ_TRY(sz_machine_add_gap(m, "whatever the line does not say", "a synthetic machine"));
    SZ_TRY(sz_fingerprint(m));
    return sz_make_roofs(m);
}

sz_status sz_machine_synthetic(sz_ctx *ctx, const char *text, sz_machine **ret_machine) {
    double values[N_KEYS];
    if (strncmp(text, "custom:", 7) == 0) return sz_machine_custom(ctx, text, ret_machine);
    return sz_line_machine(ctx, text, &(sz_line){"cpu:", keys, N_KEYS, check, fill_in}, values,
                           ret_machine);
}
