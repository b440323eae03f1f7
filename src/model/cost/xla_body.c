// SPDX-License-Identifier: Apache-2.0
// Instructions of XLA that call computations: what they cost is put together here. All is counted,
// loops as often as they run; what stays inside of a fusion crosses no memory.
#include "model/cost/xla_body.h"

#include "model/cost/body_cost.h"
#include "model/ops/xla.h"

#include <inttypes.h>
#include <stdio.h>

// ---- calls -------------------------------------------------------------------------------------

// Operations of `one`, `times` over; not its bytes.
static bool add_operations(sz_node_result *r, const sz_node_result *one, int64_t times) {
    sz_work w = one->work;
    w.bytes_read = w.bytes_written = 0;
    if (one->unknown && times > 0 && !r->unknown) r->unknown = one->unknown;
    return sz_work_add(&r->work, &w, times) && sz_madd(&r->counted, one->counted, times);
}

static sz_status too_much(const sz_infer *in) { return sz_op_fail(in, "costs exceed 2^63"); }

static sz_status body(const sz_infer *in, const sz_convention *by, const char *name,
                      sz_node_result *ret) {
    sz_graph *g = sz_xla_body(in->node, name);
    *ret = (sz_node_result){0};
    if (!g) return ret->unknown = "no computation", SZ_OK;
    return sz_cost_body(g, by, in->depth + 1, ret);
}

// call, async-start: as if the instructions stood here.
static sz_status cost_call(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    return body(in, by, sz_xla_body(in->node, "to_apply") ? "to_apply" : "calls", r);
}

// Operands that are named twice are read once.
static sz_status fusion_reads(const sz_infer *in, const sz_graph *g, const sz_users *u,
                              int64_t *sum) {
    for (int32_t k = 0; k < in->node->n_inputs && (size_t)k < g->inputs.n; k++) {
        int64_t bytes;
        if (sz_is_named_before(in->node, k)) continue;
        SZ_TRY(sz_fusion_reads(in, u, g->inputs.items[k], false, &bytes));
        if (!sz_add(*sum, bytes, sum)) return too_much(in);
    }
    return SZ_OK;
}

// Only operands and results cross memory, and of them what is read and written.
static sz_status cost_fusion(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    sz_graph *g = sz_xla_body(in->node, "calls");
    sz_users u;
    SZ_TRY(body(in, by, "calls", r));
    if (!g) return SZ_OK;
    r->work.bytes_read = 0;
    SZ_TRY(sz_fusion_writes(in, false, &r->work.bytes_written));
    sz_status status = sz_users_init(&u, g);
    if (status == SZ_OK) status = fusion_reads(in, g, &u, &r->work.bytes_read);
    sz_users_finish(&u);
    return status;
}

static sz_status cost_while(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    sz_node_result body_cost, test;
    int64_t trips, tests;
    SZ_TRY(body(in, by, "body", &body_cost));
    SZ_TRY(body(in, by, "condition", &test));
    if (!sz_xla_trips(in, &trips)) {
        r->unknown = "trip count is not known";
        return SZ_OK;
    }
    const int64_t counts = by->body_once && trips ? 1 : trips;
    *r = (sz_node_result){.unknown = trips ? body_cost.unknown : NULL};
    if (test.unknown && !r->unknown) r->unknown = test.unknown;
    if (!sz_add(trips, 1, &tests) || !sz_work_add(&r->work, &body_cost.work, trips) ||
        !sz_work_add(&r->work, &test.work, tests) ||
        !sz_madd(&r->counted, body_cost.counted, counts) ||
        !sz_madd(&r->counted, test.counted, by->body_once ? 1 : tests))
        return sz_op_fail(in, "costs of the body x %" PRId64 " trips exceed 2^63", trips);
    char text[64];
    snprintf(text, sizeof text, "body x %" PRId64 " trips", trips);
    return sz_result_note(in->graph, text, r);
}

static sz_status cost_conditional(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    const sz_attr *a = sz_attr_find(in->node, "branches");
    char text[256];
    int used = 0;
    if (!a || !a->graphs || a->n < 1) return r->unknown = "no branches", SZ_OK;
    for (int32_t k = 0; k < a->n; k++) {
        sz_node_result one;
        SZ_TRY(sz_cost_body(a->graphs[k], by, in->depth + 1, &one));
        if (k == 0 || sz_result_is_larger(&one, r)) *r = one;
        if (used < 180)
            used += snprintf(text + used, sizeof text - (size_t)used,
                             "%sbranch %d: %" PRId64 " MACs, %" PRId64 " operations", k ? "; " : "",
                             k, one.work.macs, one.counted);
    }
    snprintf(text + used, sizeof text - (size_t)used, "; the largest counts");
    return sz_result_note(in->graph, text, r);
}

// ---- computations that are applied to elements -------------------------------------------------

static sz_status plain_bytes(const sz_infer *in, sz_work *w) {
    return sz_cost_prefill(in->graph, in->node, w);
}

static sz_status apply(const sz_infer *in, const sz_convention *by, const char *name, int64_t times,
                       sz_node_result *r) {
    sz_node_result one;
    SZ_TRY(body(in, by, name, &one));
    return add_operations(r, &one, times) ? SZ_OK : too_much(in);
}

static sz_status cost_applied(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    int64_t times;
    SZ_TRY(plain_bytes(in, &r->work));
    SZ_TRY(sz_xla_applications(in, &times));
    return apply(in, by, "to_apply", times, r);
}

static sz_status size_of(const sz_infer *in, int i, int64_t *sum) {
    int64_t bytes;
    SZ_TRY(sz_type_bytes(in->ctx, sz_in(in, i), &bytes));
    return bytes <= 0 || sz_add(*sum, bytes, sum) ? SZ_OK : too_much(in);
}

// In place: indices and updates are read, and what is there already where the two are combined.
static sz_status cost_scatter(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    const int n = (in->node->n_inputs - 1) / 2;
    int64_t times, updates = 0;
    SZ_TRY(sz_xla_applications(in, &times));
    SZ_TRY(apply(in, by, "to_apply", times, r));
    for (int i = n + 1; i < in->node->n_inputs; i++) SZ_TRY(size_of(in, i, &updates));
    r->work.bytes_written = updates;
    r->work.bytes_read = updates;
    SZ_TRY(size_of(in, n, &r->work.bytes_read));
    const bool combines = r->work.flops > 0 || r->work.macs > 0;
    if (combines && !sz_add(r->work.bytes_read, updates, &r->work.bytes_read)) return too_much(in);
    return SZ_OK;
}

// In each window the largest (say) is chosen, and a number is added to where it was.
static sz_status cost_select_and_scatter(const sz_infer *in, const sz_convention *by,
                                         sz_node_result *r) {
    int64_t times, sources;
    SZ_TRY(plain_bytes(in, &r->work));
    SZ_TRY(sz_xla_applications(in, &times));
    SZ_TRY(apply(in, by, "select", times, r));
    SZ_TRY(sz_type_elements(in->ctx, sz_in(in, 1), &sources));
    return apply(in, by, "scatter", sources > 0 ? sources : 0, r);
}

// ---- all ---------------------------------------------------------------------------------------

typedef sz_status body_rule(const sz_infer *in, const sz_convention *by, sz_node_result *r);

static const struct {
    const char *op;
    body_rule *cost;
} rows[] = {
    {"async-start", cost_call},
    {"call", cost_call},
    {"conditional", cost_conditional},
    {"fusion", cost_fusion},
    {"map", cost_applied},
    {"reduce", cost_applied},
    {"reduce-window", cost_applied},
    {"scatter", cost_scatter},
    {"select-and-scatter", cost_select_and_scatter},
    {"sort", cost_applied},
    {"while", cost_while},
};

sz_status sz_xla_body_cost(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(in->node->op, rows[i].op)) return rows[i].cost(in, by, r);
    r->unknown = "no cost rule";
    return SZ_OK;
}
