// SPDX-License-Identifier: Apache-2.0
// Two models side by side.
#include "model/cost/costs.h"

#include <math.h>

#include "base/gate.h"

#define FIELD(ctype, name, kind, unit, doc)                                                        \
    {#name, unit, doc, kind, offsetof(sz_count_change, name)},
static const sz_field fields[] = {SZ_COUNT_CHANGE_FIELDS(FIELD)};
#undef FIELD

const sz_record_type *sz_count_change_type(void) {
    static const sz_record_type type = {"count_change", fields, sizeof fields / sizeof *fields};
    return &type;
}

enum { PEAK = 1, NODES = 2 }; // rows beside those of sz_cost

size_t sz_count_change_count(void) { return sz_cost_type()->n_fields + NODES; }

static double value_of(const sz_cost *cost, const sz_field *f) {
    const char *at = (const char *)cost + f->offset;
    int64_t whole;
    double number;
    if (f->kind == SZ_FIELD_F64) return memcpy(&number, at, sizeof number), number;
    return memcpy(&whole, at, sizeof whole), (double)whole;
}

static double ratio(double a, double b) { return a == b ? 1 : a != 0 ? b / a : NAN; }

sz_count_change sz_costs_change(const sz_costs *a, const sz_costs *b, size_t i) {
    const sz_record_type *type = sz_cost_type();
    sz_count_change c = {.name = "nodes",
                         .unit = "",
                         .a = (double)sz_costs_node_count(a),
                         .b = (double)sz_costs_node_count(b)};
    if (i < type->n_fields) {
        const sz_cost one = sz_costs_total(a), other = sz_costs_total(b);
        c.name = type->fields[i].name, c.unit = type->fields[i].unit;
        c.a = value_of(&one, &type->fields[i]), c.b = value_of(&other, &type->fields[i]);
    } else if (i + 1 - PEAK == type->n_fields) {
        c.name = "peak_activation_bytes", c.unit = "B";
        c.a = (double)sz_costs_activations(a).peak_bytes;
        c.b = (double)sz_costs_activations(b).peak_bytes;
    }
    c.ratio = ratio(c.a, c.b);
    return c;
}

static bool is_meant(sz_str gate, const char *name) {
    static const char *const aliases[][2] = {{"bytes", "bytes_moved"},
                                             {"weights", "weight_bytes"},
                                             {"peak", "peak_activation_bytes"},
                                             {"intensity", "arithmetic_intensity"}};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (sz_str_is(gate, aliases[i][0])) return strcmp(name, aliases[i][1]) == 0;
    return sz_str_is(gate, name);
}

// From nothing to something is a rise without a ratio.
static bool breaks(const sz_gate *g, const sz_count_change *c) {
    return isnan(c->ratio) ? (c->b > c->a) != g->falling : sz_gate_breaks(g, c->ratio);
}

sz_status sz_costs_gate(sz_ctx *ctx, const sz_costs *a, const sz_costs *b, const char *gate,
                        int *broken) {
    sz_gate g;
    SZ_TRY(sz_gate_parse(ctx, gate, "'macs:+0%' or 'bytes:+5%'", &g));
    for (size_t i = 0; i < sz_count_change_count(); i++) {
        const sz_count_change c = sz_costs_change(a, b, i);
        if (!is_meant(g.name, c.name)) continue;
        broken[i] |= breaks(&g, &c);
        return SZ_OK;
    }
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "gate '%s' names no count of a model: macs, flops, params, bytes, peak ...",
                   sz_show(ctx, sz_str_c(gate)));
}
