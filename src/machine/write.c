// SPDX-License-Identifier: Apache-2.0
// A machine as JSON: the keys of schema sizeup.machine/1.
#include "machine/machine.h"

#include <math.h>

#include <sizeup/json.h>

static void put_isa(sz_json *j, const sz_machine *m) {
    sz_json_key_array(j, "isa");
    for (size_t i = 0; i < m->isa.n; i++) sz_json_str(j, m->isa.items[i]);
    sz_json_end_array(j);
}

static void put_cpu(sz_json *j, const sz_machine *m) {
    sz_json_key_object(j, "cpu");
    sz_json_record(j, sz_cpu_facts_type(), &m->cpu);
    put_isa(j, m);
    sz_json_end_object(j);
}

static void put_record(sz_json *j, const char *key, const sz_record_type *type,
                       const void *record) {
    sz_json_key_object(j, key);
    sz_json_record(j, type, record);
    sz_json_end_object(j);
}

static void put_items(sz_json *j, const char *key, const sz_record_type *type, const void *items,
                      size_t n, size_t size) {
    sz_json_key_array(j, key);
    for (size_t i = 0; i < n; i++) {
        sz_json_begin_object(j);
        sz_json_record(j, type, (const char *)items + i * size);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}
#define PUT_ITEMS(j, key, type, vec)                                                               \
    put_items(j, key, type, (vec).items, (vec).n, sizeof *(vec).items)

static void put_levels(sz_json *j, const sz_machine *m) {
    sz_json_key_array(j, "levels");
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_mem_level *l = &m->levels.items[i];
        sz_json_begin_object(j);
        sz_json_record(j, sz_level_type(), &l->level);
        PUT_ITEMS(j, "bandwidth", sz_bandwidth_type(), l->bandwidths);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

// What was measured between ranks has more than the record.
static void put_links(sz_json *j, const sz_machine *m) {
    sz_json_key_array(j, "links");
    for (size_t i = 0; i < m->links.n; i++) {
        const sz_full_link *l = &m->links.items[i];
        sz_json_begin_object(j);
        sz_json_record(j, sz_link_type(), &l->link);
        if (l->scope.level) {
            sz_json_record(j, sz_link_scope_type(), &l->scope);
            PUT_ITEMS(j, "segments", sz_segment_type(), l->segments);
            PUT_ITEMS(j, "messages", sz_message_type(), l->messages);
        }
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

// Only of machines that were described here: a data sheet has none.
static void put_host(sz_json *j, const sz_machine *m) {
    if (!m->has_host) return;
    sz_json_key_object(j, "host");
    sz_json_record(j, sz_host_type(), &m->host);
    PUT_ITEMS(j, "core_kinds", sz_core_kind_type(), m->kinds);
    PUT_ITEMS(j, "environment", sz_variable_type(), m->variables);
    sz_json_end_object(j);
}

// Measured machines have neither.
static void put_sources(sz_json *j, const sz_machine *m) {
    if (m->citations.n) PUT_ITEMS(j, "sources", sz_citation_type(), m->citations);
}

static void put_energy(sz_json *j, const sz_machine *m) {
    if (!m->op_energy.n && !m->byte_energy.n) return;
    sz_json_key_object(j, "energy");
    PUT_ITEMS(j, "per_op", sz_op_energy_type(), m->op_energy);
    PUT_ITEMS(j, "per_byte", sz_byte_energy_type(), m->byte_energy);
    sz_json_end_object(j);
}

// Only of machines that do not run every operator, or work for a host.
static void put_operators(sz_json *j, const sz_machine *m) {
    if (m->operators.n) PUT_ITEMS(j, "operators", sz_operator_type(), m->operators);
    if (m->coprocessor.host) put_record(j, "coprocessor", sz_coprocessor_type(), &m->coprocessor);
}

static void put_roof(sz_json *j, const sz_machine *m, size_t i) {
    sz_json_begin_object(j);
    sz_json_record(j, sz_roof_type(), &m->roofs.items[i]);
    sz_json_key_object(j, "ridge_flop_per_byte");
    for (size_t level = 0; level < m->levels.n; level++) {
        double ridge = sz_machine_ridge(m, i, level);
        if (!isnan(ridge)) sz_json_key_f64(j, m->levels.items[level].level.name, ridge);
    }
    sz_json_end_object(j);
    sz_json_end_object(j);
}

static void put_roofs(sz_json *j, const sz_machine *m) {
    sz_json_key_array(j, "roofs");
    for (size_t i = 0; i < m->roofs.n; i++) put_roof(j, m, i);
    sz_json_end_array(j);
}

static void put_verdict(sz_json *j, const sz_machine *m) {
    sz_json_key_object(j, "verdict");
    sz_json_key_bool(j, "ok", m->ok);
    sz_json_key_array(j, "notes");
    for (size_t i = 0; i < m->notes.n; i++) sz_json_str(j, m->notes.items[i]);
    sz_json_end_array(j);
    sz_json_end_object(j);
}

sz_status sz_machine_json(sz_ctx *ctx, const sz_machine *m, sz_buf *buf) {
    sz_json j;
    sz_json_init(&j, buf, 2);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "schema", "sizeup.machine/1");
    sz_json_record(&j, sz_identity_type(), &m->identity);
    put_sources(&j, m);
    put_cpu(&j, m);
    put_host(&j, m);
    PUT_ITEMS(&j, "peaks", sz_peak_type(), m->peaks);
    put_levels(&j, m);
    PUT_ITEMS(&j, "curve", sz_curve_point_type(), m->curve);
    put_links(&j, m);
    put_record(&j, "overhead", sz_overhead_type(), &m->overhead);
    put_record(&j, "power", sz_power_type(), &m->power);
    put_energy(&j, m);
    put_operators(&j, m);
    if (m->overlap.n > 0) put_record(&j, "overlap", sz_overlap_type(), &m->overlap);
    put_roofs(&j, m);
    if (m->libraries.n) PUT_ITEMS(&j, "libraries", sz_library_run_type(), m->libraries);
    PUT_ITEMS(&j, "unavailable", sz_gap_type(), m->gaps);
    put_verdict(&j, m);
    sz_json_warnings(&j, ctx);
    sz_json_end_object(&j);
    sz_buf_putc(buf, '\n');
    return sz_buf_status(buf) == SZ_OK ? SZ_OK : sz_no_memory(ctx);
}
