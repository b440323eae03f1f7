// SPDX-License-Identifier: Apache-2.0
// Making machines, and what the public header says about them.
#include "machine/machine.h"

#include <stdio.h>

#include "base/record.h"
#include "machine/kernels/kernels.h"

// ---- record types ------------------------------------------------------------------------------

SZ_RECORD_TYPE(identity, SZ_IDENTITY_FIELDS)
SZ_RECORD_TYPE(cpu_facts, SZ_CPU_FIELDS)
SZ_RECORD_TYPE(peak, SZ_PEAK_FIELDS)
SZ_RECORD_TYPE(level, SZ_LEVEL_FIELDS)
SZ_RECORD_TYPE(bandwidth, SZ_BANDWIDTH_FIELDS)
SZ_RECORD_TYPE(link, SZ_LINK_FIELDS)
SZ_RECORD_TYPE(link_scope, SZ_LINK_SCOPE_FIELDS)
SZ_RECORD_TYPE(segment, SZ_SEGMENT_FIELDS)
SZ_RECORD_TYPE(message, SZ_MESSAGE_FIELDS)
SZ_RECORD_TYPE(overhead, SZ_OVERHEAD_FIELDS)
SZ_RECORD_TYPE(power, SZ_POWER_FIELDS)
SZ_RECORD_TYPE(roof, SZ_ROOF_FIELDS)
SZ_RECORD_TYPE(curve_point, SZ_CURVE_FIELDS)
SZ_RECORD_TYPE(host, SZ_HOST_FIELDS)
SZ_RECORD_TYPE(core_kind, SZ_CORE_KIND_FIELDS)
SZ_RECORD_TYPE(variable, SZ_VARIABLE_FIELDS)
SZ_RECORD_TYPE(library_run, SZ_LIBRARY_RUN_FIELDS)
SZ_RECORD_TYPE(machine_difference, SZ_DIFFERENCE_FIELDS)
SZ_RECORD_TYPE(op_energy, SZ_OP_ENERGY_FIELDS)
SZ_RECORD_TYPE(byte_energy, SZ_BYTE_ENERGY_FIELDS)
SZ_RECORD_TYPE(citation, SZ_CITATION_FIELDS)
SZ_RECORD_TYPE(operator, SZ_OPERATOR_FIELDS)
SZ_RECORD_TYPE(coprocessor, SZ_COPROCESSOR_FIELDS)
SZ_RECORD_TYPE(overlap, SZ_OVERLAP_FIELDS)
SZ_RECORD_TYPE(gap, SZ_GAP_FIELDS)

// ---- life --------------------------------------------------------------------------------------

sz_status sz_machine_create(sz_ctx *ctx, sz_machine **ret_machine) {
    sz_machine *m = sz_alloc(ctx, sizeof *m);
    if (!m) return sz_no_memory(ctx);
    m->ctx = ctx;
    m->ok = true;
    m->cpu.clock_hz = m->cpu.clock_all_hz = SZ_NAN;
    m->overhead = (sz_overhead){SZ_NAN, SZ_NAN, SZ_NAN, SZ_NAN, SZ_NAN, SZ_NAN, SZ_NAN, SZ_NAN};
    m->power = (sz_power){SZ_NAN, SZ_NAN, SZ_NAN, SZ_NAN, NULL};
    m->coprocessor.sync_s = SZ_NAN;
    m->overlap.p = m->overlap.p_lo = m->overlap.p_hi = m->overlap.spread = SZ_NAN;
    sz_arena_init(&m->arena, ctx);
    *ret_machine = m;
    return SZ_OK;
}

void sz_machine_destroy(sz_machine *m) {
    if (!m) return;
    sz_ctx *ctx = m->ctx;
    for (size_t i = 0; i < m->levels.n; i++) sz_vec_finish(ctx, &m->levels.items[i].bandwidths);
    for (size_t i = 0; i < m->links.n; i++) {
        sz_vec_finish(ctx, &m->links.items[i].segments);
        sz_vec_finish(ctx, &m->links.items[i].messages);
    }
    sz_vec_finish(ctx, &m->isa);
    sz_vec_finish(ctx, &m->peaks);
    sz_vec_finish(ctx, &m->levels);
    sz_vec_finish(ctx, &m->links);
    sz_vec_finish(ctx, &m->curve);
    sz_vec_finish(ctx, &m->op_energy);
    sz_vec_finish(ctx, &m->byte_energy);
    sz_vec_finish(ctx, &m->citations);
    sz_vec_finish(ctx, &m->operators);
    sz_vec_finish(ctx, &m->roofs);
    sz_vec_finish(ctx, &m->gaps);
    sz_vec_finish(ctx, &m->kinds);
    sz_vec_finish(ctx, &m->variables);
    sz_vec_finish(ctx, &m->libraries);
    sz_vec_finish(ctx, &m->notes);
    sz_arena_finish(&m->arena);
    sz_free(ctx, m, sizeof *m);
}

// ---- filling in --------------------------------------------------------------------------------

const char *sz_machine_text(sz_machine *m, const char *text) {
    return text ? sz_arena_strdup(&m->arena, text, strlen(text)) : NULL;
}

SZ_PRINTF(3, 0)
static sz_status format_text(sz_machine *m, const char **ret_text, const char *fmt, va_list args) {
    char buf[1024];
    vsnprintf(buf, sizeof buf, fmt, args);
    *ret_text = sz_machine_text(m, buf);
    return *ret_text ? SZ_OK : sz_no_memory(m->ctx);
}

sz_status sz_machine_printf(sz_machine *m, const char **ret_text, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    sz_status status = format_text(m, ret_text, fmt, args);
    va_end(args);
    return status;
}

sz_status sz_machine_add_note(sz_machine *m, const char *fmt, ...) {
    const char *text = NULL;
    va_list args;
    va_start(args, fmt);
    sz_status status = format_text(m, &text, fmt, args);
    va_end(args);
    SZ_TRY(status);
    return sz_vec_push(m->ctx, &m->notes, text) ? SZ_OK : sz_no_memory(m->ctx);
}

sz_status sz_machine_add_gap(sz_machine *m, const char *what, const char *why) {
    sz_gap gap = {sz_machine_text(m, what), sz_machine_text(m, why)};
    if (!gap.what || !gap.why || !sz_vec_push(m->ctx, &m->gaps, gap)) return sz_no_memory(m->ctx);
    return SZ_OK;
}

sz_status sz_machine_add_level(sz_machine *m, const sz_level *level, sz_mem_level **ret_level) {
    sz_mem_level l = {.level = *level};
    if (!sz_vec_push(m->ctx, &m->levels, l)) return sz_no_memory(m->ctx);
    if (ret_level) *ret_level = &m->levels.items[m->levels.n - 1];
    return SZ_OK;
}

sz_status sz_machine_add_link(sz_machine *m, const sz_link *link) {
    const sz_full_link l = {.link = *link};
    return sz_vec_push(m->ctx, &m->links, l) ? SZ_OK : sz_no_memory(m->ctx);
}

sz_mem_level *sz_machine_find_level(sz_machine *m, const char *name) {
    for (size_t i = 0; i < m->levels.n; i++)
        if (strcmp(m->levels.items[i].level.name, name) == 0) return &m->levels.items[i];
    return NULL;
}

sz_status sz_machine_describe(sz_ctx *ctx, const char *root, sz_machine **ret_machine) {
    const sz_measure_options options = {.root = root};
    return sz_machine_describe_with(ctx, &options, ret_machine);
}

sz_status sz_machine_describe_with(sz_ctx *ctx, const sz_measure_options *options,
                                   sz_machine **ret_machine) {
    sz_machine *m = NULL;
    SZ_TRY(sz_machine_create(ctx, &m));
    sz_status status = sz_describe_all(m, options);
    if (status != SZ_OK) {
        sz_machine_destroy(m);
        return status;
    }
    *ret_machine = m;
    return SZ_OK;
}

// ---- facts -------------------------------------------------------------------------------------

sz_identity sz_machine_identity(const sz_machine *m) { return m->identity; }
sz_cpu_facts sz_machine_cpu(const sz_machine *m) { return m->cpu; }
size_t sz_machine_isa_count(const sz_machine *m) { return m->isa.n; }
const char *sz_machine_isa(const sz_machine *m, size_t i) { return m->isa.items[i]; }
size_t sz_machine_peak_count(const sz_machine *m) { return m->peaks.n; }
sz_peak sz_machine_peak(const sz_machine *m, size_t i) { return m->peaks.items[i]; }
size_t sz_machine_level_count(const sz_machine *m) { return m->levels.n; }
sz_level sz_machine_level(const sz_machine *m, size_t i) { return m->levels.items[i].level; }
size_t sz_machine_bandwidth_count(const sz_machine *m, size_t level) {
    return m->levels.items[level].bandwidths.n;
}
sz_bandwidth sz_machine_bandwidth(const sz_machine *m, size_t level, size_t i) {
    return m->levels.items[level].bandwidths.items[i];
}
size_t sz_machine_link_count(const sz_machine *m) { return m->links.n; }
sz_link sz_machine_link(const sz_machine *m, size_t i) { return m->links.items[i].link; }
size_t sz_machine_curve_count(const sz_machine *m) { return m->curve.n; }
sz_curve_point sz_machine_curve(const sz_machine *m, size_t i) { return m->curve.items[i]; }
sz_overhead sz_machine_overhead(const sz_machine *m) { return m->overhead; }
sz_power sz_machine_power(const sz_machine *m) { return m->power; }
size_t sz_machine_op_energy_count(const sz_machine *m) { return m->op_energy.n; }
sz_op_energy sz_machine_op_energy(const sz_machine *m, size_t i) { return m->op_energy.items[i]; }
size_t sz_machine_byte_energy_count(const sz_machine *m) { return m->byte_energy.n; }
sz_byte_energy sz_machine_byte_energy(const sz_machine *m, size_t i) {
    return m->byte_energy.items[i];
}
size_t sz_machine_operator_count(const sz_machine *m) { return m->operators.n; }
sz_operator sz_machine_operator(const sz_machine *m, size_t i) { return m->operators.items[i]; }
sz_coprocessor sz_machine_coprocessor(const sz_machine *m) { return m->coprocessor; }
sz_overlap sz_machine_overlap(const sz_machine *m) { return m->overlap; }
size_t sz_machine_citation_count(const sz_machine *m) { return m->citations.n; }
sz_citation sz_machine_citation(const sz_machine *m, size_t i) { return m->citations.items[i]; }
size_t sz_machine_roof_count(const sz_machine *m) { return m->roofs.n; }
sz_roof sz_machine_roof(const sz_machine *m, size_t i) { return m->roofs.items[i]; }
size_t sz_machine_gap_count(const sz_machine *m) { return m->gaps.n; }
sz_gap sz_machine_gap(const sz_machine *m, size_t i) { return m->gaps.items[i]; }
const sz_host *sz_machine_host(const sz_machine *m) { return m->has_host ? &m->host : NULL; }
size_t sz_machine_core_kind_count(const sz_machine *m) { return m->kinds.n; }
sz_core_kind sz_machine_core_kind(const sz_machine *m, size_t i) { return m->kinds.items[i]; }
size_t sz_machine_variable_count(const sz_machine *m) { return m->variables.n; }
sz_variable sz_machine_variable(const sz_machine *m, size_t i) { return m->variables.items[i]; }
size_t sz_machine_library_count(const sz_machine *m) { return m->libraries.n; }
sz_library_run sz_machine_library(const sz_machine *m, size_t i) { return m->libraries.items[i]; }
int sz_machine_ok(const sz_machine *m) { return m->ok; }
size_t sz_machine_note_count(const sz_machine *m) { return m->notes.n; }
const char *sz_machine_note(const sz_machine *m, size_t i) { return m->notes.items[i]; }

static const char *family_name(sz_kernel_family family) {
    switch (family) {
    case SZ_KERNEL_peak:
        return "peak";
    case SZ_KERNEL_load:
        return "load";
    case SZ_KERNEL_copy:
        return "copy";
    case SZ_KERNEL_copy_nt:
        return "copy_nt";
    case SZ_KERNEL_triad:
        return "triad";
    case SZ_KERNEL_chase:
        return "chase";
    case SZ_KERNEL_clock:
        return "clock";
    case SZ_KERNEL_store:
        return "store";
    case SZ_KERNEL_store_nt:
        return "store_nt";
    case SZ_KERNEL_copy_rep:
        return "copy_rep";
    case SZ_KERNEL_triad_nt:
        return "triad_nt";
    case SZ_KERNEL_update:
        return "update";
    case SZ_KERNEL_load_any:
        return "load_any";
    case SZ_KERNEL_load_four:
        return "load_four";
    case SZ_KERNEL_gather:
        return "gather";
    }
    return "";
}

int sz_list_kernel(size_t i, sz_kernel_row *ret_row) {
    const sz_kernel *k = sz_kernel_get(i);
    if (!k) return 0;
    *ret_row = (sz_kernel_row){.name = k->name,
                               .family = family_name(k->family),
                               .op = k->op,
                               .dtype = k->dtype,
                               .isa = k->isa,
                               .flops = sz_kernel_flops(k, 0),
                               .loads = k->loads,
                               .stores = k->stores,
                               .bytes = k->bytes,
                               .runs = sz_kernel_runs(k, sz_cpu_detect())};
    return 1;
}
