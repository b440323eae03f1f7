// SPDX-License-Identifier: Apache-2.0
// Collects what a roofline plot shows.
#include "cli/roofline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/network.h>

static bool same(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

// ---- roofs and slopes --------------------------------------------------------------------------

static bool is_used(const roofline *r, int machine, const char *name) {
    const sz_estimate *e = r->estimates[machine];
    for (size_t i = 0; e && i < sz_estimate_roof_count(e); i++)
        if (same(sz_estimate_roof(e, i).roof, name)) return true;
    return false;
}

static void collect_roofs(roofline *r, int machine, const char *dtype) {
    const sz_machine *m = r->machines[machine];
    for (size_t i = 0; i < sz_machine_roof_count(m); i++) {
        const sz_roof roof = sz_machine_roof(m, i);
        if (roof.threads != r->threads[machine] || !(roof.flop_per_s > 0)) continue;
        if (dtype && !same(roof.dtype, dtype) && !is_used(r, machine, roof.name)) continue;
        r->roofs[r->n_roofs++] = (roof_row){machine, i, roof};
    }
}

// Loads, the mix every model needs most, with as many threads as the roofs; else what there is.
static double level_rate(const sz_machine *m, size_t level, int64_t threads) {
    double best[3] = {NAN, NAN, NAN};
    for (size_t i = 0; i < sz_machine_bandwidth_count(m, level); i++) {
        const sz_bandwidth b = sz_machine_bandwidth(m, level, i);
        const int rank = b.threads != threads ? 2 : same(b.mix, "load") ? 0 : 1;
        if (b.byte_per_s > 0 && !(best[rank] >= b.byte_per_s)) best[rank] = b.byte_per_s;
    }
    return !isnan(best[0]) ? best[0] : !isnan(best[1]) ? best[1] : best[2];
}

static void add_slope(roofline *r, slope_row row, const char *name) {
    if (!(row.byte_per_s > 0)) return;
    snprintf(row.name, sizeof row.name, "%s", name ? name : "");
    r->slopes[r->n_slopes++] = row;
}

static void collect_slopes(roofline *r, int machine) {
    const sz_machine *m = r->machines[machine];
    for (size_t i = 0; i < sz_machine_level_count(m); i++)
        add_slope(r,
                  (slope_row){.machine = machine,
                              .level = i,
                              .byte_per_s = level_rate(m, i, r->threads[machine])},
                  sz_machine_level(m, i).name);
    for (size_t i = 0; i < sz_machine_link_count(m); i++) {
        const char *exchange = sz_machine_link_scope(m, i).exchange;
        if (exchange && !same(exchange, "send")) continue; // a collective is no way for bytes
        add_slope(r,
                  (slope_row){.machine = machine,
                              .link = true,
                              .byte_per_s = sz_machine_link(m, i).byte_per_s},
                  sz_machine_link(m, i).name);
    }
}

bool roofline_main_memory(const slope_row *slope) { return same(slope->name, "DRAM"); }

double roofline_ridge(const roof_row *roof, const slope_row *slope) {
    return roof->roof.flop_per_s / slope->byte_per_s;
}

int roofline_element_bytes(const char *dtype) {
    static const struct {
        const char *name;
        int bytes;
    } rows[] = {{"f64", 8},  {"f32", 4}, {"tf32", 4}, {"f16", 2},
                {"bf16", 2}, {"fp8", 1}, {"int8", 1}};
    for (size_t i = 0; dtype && i < CLI_COUNT(rows); i++)
        if (same(rows[i].name, dtype)) return rows[i].bytes;
    return 0;
}

// n x n x n: 2 n^3 FLOP over at least 3 n^2 elements of b bytes is 2 n / (3 b) FLOP/B, which is the
// ridge at n = 1.5 b ridge: 6 x ridge for f32, 3 x ridge for f16.
double roofline_matmul(const roof_row *roof, double ridge) {
    const int bytes = roofline_element_bytes(roof->roof.dtype);
    if (!same(roof->roof.op, "fma") || bytes == 0) return NAN;
    return 1.5 * bytes * ridge;
}

void roofline_roof_name(const roof_row *row, char *buf, size_t cap) {
    const sz_roof *r = &row->roof;
    const char *unit = same(r->unit, "vector") || !r->unit ? "" : r->unit;
    snprintf(buf, cap, "%s %s%s%s", r->dtype ? r->dtype : "", r->op ? r->op : "", *unit ? ", " : "",
             unit);
}

// ---- dots --------------------------------------------------------------------------------------

static void collect_dots(roofline *r, int machine) {
    const sz_estimate *e = r->estimates[machine];
    const size_t n = e ? sz_estimate_node_count(e) : 0;
    double all = 0;
    for (size_t i = 0; i < n; i++) all += sz_estimate_node(e, i).time_s;
    for (size_t i = 0; i < n; i++) {
        const sz_node_time t = sz_estimate_node(e, i);
        const sz_node_cost c = sz_costs_node(r->costs, sz_estimate_index(e, i));
        const double flops = (double)c.cost.flops, share = all > 0 ? t.time_s / all : 0;
        if (!(flops > 0) || !(t.time_s > 0) || !(t.intensity > 0)) {
            if (machine == 0) r->idle_share += share, r->idle_nodes++;
            continue;
        }
        r->dots[r->n_dots++] = (dot_row){.machine = machine,
                                         .time = t,
                                         .name = c.name,
                                         .flops = flops,
                                         .flop_per_s = flops / t.time_s,
                                         .share = share};
    }
}

typedef struct kind {
    const char *op;
    double share;
} kind;

static int larger_first(const void *a, const void *b) {
    const kind *x = a, *y = b;
    if (x->share != y->share) return x->share < y->share ? 1 : -1;
    return strcmp(x->op, y->op);
}

// Operators by their share of time; all but the first seven share the last colour.
static bool choose_colors(roofline *r) {
    kind *kinds = calloc(r->n_dots + 1, sizeof *kinds);
    size_t n = 0;
    if (!kinds) return false;
    for (size_t i = 0; i < r->n_dots; i++) {
        size_t k = 0;
        while (k < n && !same(kinds[k].op, r->dots[i].time.op)) k++;
        if (k == n) kinds[n++].op = r->dots[i].time.op;
        kinds[k].share += r->dots[i].share;
    }
    qsort(kinds, n, sizeof *kinds, larger_first);
    const size_t own = n <= SZ_PLOT_N_SERIES ? n : SZ_PLOT_N_SERIES - 1;
    for (size_t k = 0; k < own; k++) r->kinds[k] = kinds[k].op;
    if (own < n) r->kinds[own] = "other";
    for (size_t i = 0; i < r->n_dots; i++) {
        size_t k = 0;
        while (k < own && !same(kinds[k].op, r->dots[i].time.op)) k++;
        r->dots[i].color = SZ_PLOT_SERIES + (int)k;
    }
    free(kinds);
    return true;
}

// ---- all ---------------------------------------------------------------------------------------

bool roofline_collect(roofline *r, const char *dtype) {
    size_t roofs = 1, slopes = 1, dots = 1;
    for (int i = 0; i < r->n_machines; i++) {
        roofs += sz_machine_roof_count(r->machines[i]);
        slopes += sz_machine_level_count(r->machines[i]) + sz_machine_link_count(r->machines[i]);
        dots += r->estimates[i] ? sz_estimate_node_count(r->estimates[i]) : 0;
    }
    r->roofs = calloc(roofs, sizeof *r->roofs);
    r->slopes = calloc(slopes, sizeof *r->slopes);
    r->dots = calloc(dots, sizeof *r->dots);
    if (!r->roofs || !r->slopes || !r->dots) return false;
    for (int i = 0; i < r->n_machines; i++) {
        collect_roofs(r, i, dtype);
        collect_slopes(r, i);
        collect_dots(r, i);
    }
    return choose_colors(r);
}

void roofline_finish(roofline *r) {
    free(r->roofs);
    free(r->slopes);
    free(r->dots);
}
