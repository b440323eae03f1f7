// SPDX-License-Identifier: Apache-2.0
// The machine of the simple model of performance: so many operations and so many bytes per second,
// whatever the format, and a latency per transfer. "custom:flops=1e12,bandwidth=1e11,latency=1e-6".
#include "machine/line.h"

#include <math.h>

typedef enum key { FLOPS, BANDWIDTH, LATENCY, MEMORY, POWER, N_KEYS } key;

static const sz_line_key keys[N_KEYS] = {
    [FLOPS] = {"flops", SZ_LINE_NUMBER, true, 1, 1e24, "operations per second, in FLOP/s"},
    [BANDWIDTH] = {"bandwidth", SZ_LINE_NUMBER, true, 1, 1e24, "bytes moved per second, in B/s"},
    [LATENCY] = {"latency", SZ_LINE_NUMBER, false, 1e-12, 1e3, "of each node's transfer, in s"},
    [MEMORY] = {"memory", SZ_LINE_BYTES, false, 1, 1e18, "size of memory"},
    [POWER] = {"tdp", SZ_LINE_NUMBER, false, 1e-3, 1e9, "power at work, in W"},
};

// Every operation counts the same: additions, and half a multiply-add, in all formats.
static sz_status add_peaks(sz_machine *m, double rate) {
    static const char *const dtypes[] = {"f64", "f32", "tf32", "bf16", "f16", "fp8",
                                         "fp6", "fp4", "int8", "int4", "int"};
    static const char *const ops[] = {"fma", "add"};
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++)
        for (size_t o = 0; o < sizeof ops / sizeof *ops; o++) {
            const sz_peak p = {.device = "custom",
                               .unit = "any",
                               .op = ops[o],
                               .dtype = dtypes[d],
                               .flop_per_s = rate,
                               .theoretical_flop_per_s = rate,
                               .flop_per_cycle = SZ_NAN,
                               .clock_hz = SZ_NAN,
                               .window_flop_per_s = SZ_NAN};
            if (!sz_vec_push(m->ctx, &m->peaks, p)) return sz_no_memory(m->ctx);
        }
    return SZ_OK;
}

static sz_status add_memory(sz_machine *m, const double v[N_KEYS]) {
    static const char *const mixes[] = {"load", "copy"};
    sz_mem_level *level;
    const sz_level memory = {.name = "DRAM",
                             .capacity_bytes = isnan(v[MEMORY]) ? 0 : (int64_t)v[MEMORY],
                             .instances = 1,
                             .latency_s = v[LATENCY],
                             .latency_spread = SZ_NAN,
                             .latency_small_pages_s = SZ_NAN};
    SZ_TRY(sz_machine_add_level(m, &memory, &level));
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++) {
        const sz_bandwidth b = {.mix = mixes[i],
                                .byte_per_s = v[BANDWIDTH],
                                .with_write_allocate_byte_per_s = SZ_NAN,
                                .byte_per_cycle = SZ_NAN,
                                .window_byte_per_s = SZ_NAN};
        if (!sz_vec_push(m->ctx, &level->bandwidths, b)) return sz_no_memory(m->ctx);
    }
    return SZ_OK;
}

static sz_status fill_in(sz_machine *m, const char *text, const double v[N_KEYS]) {
    m->identity.name = sz_machine_text(m, text);
    if (!m->identity.name) return sz_no_memory(m->ctx);
    m->identity.source = "datasheet";
    m->identity.kind = "custom";
    m->identity.notes = "a machine of two or three numbers: what the line says";
    m->cpu.model = "custom";
    m->transfer_latency_s = isnan(v[LATENCY]) ? 0 : v[LATENCY];
    m->power.tdp_w = v[POWER];
    SZ_TRY(add_peaks(m, v[FLOPS]));
    SZ_TRY(add_memory(m, v));
    SZ_TRY(sz_machine_add_gap(m, "whatever the line does not say", "a custom machine"));
    SZ_TRY(sz_fingerprint(m));
    return sz_make_roofs(m);
}

sz_status sz_machine_custom(sz_ctx *ctx, const char *text, sz_machine **ret_machine) {
    double values[N_KEYS];
    return sz_line_machine(ctx, text, &(sz_line){"custom:", keys, N_KEYS, NULL, fill_in}, values,
                           ret_machine);
}
