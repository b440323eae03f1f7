// SPDX-License-Identifier: Apache-2.0
// Two machines side by side: what both have, and what only one has.
#include "machine/machine.h"

#include <math.h>
#include <stdio.h>

#include "base/gate.h"

struct sz_comparison {
    sz_ctx *ctx;
    sz_arena arena;
    SZ_VEC(sz_machine_difference) rows;
};

typedef enum wanted { MORE, LESS, EITHER } wanted; // which of two values is better

static bool same(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

// ---- rows --------------------------------------------------------------------------------------

static sz_machine_difference *find_row(sz_comparison *c, const char *kind, const char *name) {
    for (size_t i = 0; i < c->rows.n; i++)
        if (same(c->rows.items[i].kind, kind) && same(c->rows.items[i].name, name))
            return &c->rows.items[i];
    return NULL;
}

// Put a value of the first (side 0) or second machine. Two values of one name: the better stays, as
// of the vector and the matrix unit, or of several kernels.
static sz_status put(sz_comparison *c, int side, const char *kind, const char *unit, wanted best,
                     double v, const char *fmt, ...) SZ_PRINTF(7, 8);
static sz_status put(sz_comparison *c, int side, const char *kind, const char *unit, wanted best,
                     double v, const char *fmt, ...) {
    char name[256];
    va_list args;
    if (isnan(v) || v <= 0) return SZ_OK;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    sz_machine_difference *row = find_row(c, kind, name);
    if (!row) {
        const sz_machine_difference fresh = {
            .kind = kind,
            .unit = unit,
            .a = SZ_NAN,
            .b = SZ_NAN,
            .ratio = SZ_NAN,
            .name = sz_arena_strdup(&c->arena, name, strlen(name))};
        if (!fresh.name || !sz_vec_push(c->ctx, &c->rows, fresh)) return sz_no_memory(c->ctx);
        row = &c->rows.items[c->rows.n - 1];
    }
    double *at = side == 0 ? &row->a : &row->b;
    if (isnan(*at) || (best == LESS ? v < *at : v > *at)) *at = v;
    if (isnan(row->a) || isnan(row->b)) return SZ_OK;
    row->ratio = row->b / row->a;
    row->better = best == EITHER || row->a == row->b    ? NULL
                  : (row->a > row->b) == (best == MORE) ? "a"
                                                        : "b";
    return SZ_OK;
}

// Machines have different numbers of threads: what matters is one, or all that there are.
static const char *scope_of(const sz_machine *m, int64_t threads) {
    int64_t most = 0;
    for (size_t i = 0; i < m->peaks.n; i++) {
        if (m->peaks.items[i].threads == 0) return threads == 0 ? "all threads" : "1 thread";
        if (m->peaks.items[i].threads > most) most = m->peaks.items[i].threads;
    }
    return threads == 0 || (threads == most && most > 1) ? "all threads" : "1 thread";
}

// On a machine of one thread, one is all.
static sz_status put_scoped(sz_comparison *c, int side, const sz_machine *m, int64_t threads,
                            const char *kind, const char *unit, double v, const char *name) {
    const char *scope = scope_of(m, threads);
    SZ_TRY(put(c, side, kind, unit, MORE, v, "%s, %s", name, scope));
    if (m->cpu.threads != 1 || threads > 1) return SZ_OK;
    return put(c, side, kind, unit, MORE, v, "%s, %s", name,
               same(scope, "1 thread") ? "all threads" : "1 thread");
}

// ---- what is compared --------------------------------------------------------------------------

static sz_status put_facts(sz_comparison *c, int side, const sz_machine *m) {
    const sz_cpu_facts *f = &m->cpu;
    SZ_TRY(put(c, side, "cpu", "", EITHER, (double)f->cores, "cores"));
    SZ_TRY(put(c, side, "cpu", "", EITHER, (double)f->threads, "threads"));
    SZ_TRY(put(c, side, "cpu", "Hz", EITHER, f->clock_hz, "clock, 1 thread"));
    SZ_TRY(put(c, side, "cpu", "Hz", EITHER, f->clock_all_hz, "clock, all threads"));
    return put(c, side, "cpu", "B", EITHER, (double)f->memory_bytes, "memory");
}

static sz_status put_roofs(sz_comparison *c, int side, const sz_machine *m) {
    for (size_t i = 0; i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        char name[128];
        snprintf(name, sizeof name, "%s %s", r->dtype, r->op);
        SZ_TRY(put_scoped(c, side, m, r->threads, "roof", "FLOP/s", r->flop_per_s, name));
    }
    return SZ_OK;
}

// Work per cycle of what a core has for itself: what two runs on one machine must agree in, while
// its clock wanders. Only valid readings are held against each other.
static bool per_cycle_counts(double per_cycle, double disturbed, const char *verdict) {
    return per_cycle > 0 && disturbed >= 0 && same(verdict, "valid");
}

static sz_status put_cycles(sz_comparison *c, int side, const sz_machine *m) {
    for (size_t i = 0; i < m->peaks.n; i++) {
        const sz_peak *p = &m->peaks.items[i];
        // What a compiler makes of plain C is no property of the machine.
        if (!per_cycle_counts(p->flop_per_cycle, p->disturbed, p->verdict) || same(p->isa, "c"))
            continue;
        SZ_TRY(put(c, side, "per cycle", "FLOP", MORE, p->flop_per_cycle, "%s %s %s, %s", p->dtype,
                   p->op, p->isa, scope_of(m, p->threads)));
    }
    for (size_t l = 0; l < m->levels.n; l++)
        for (size_t i = 0; i < m->levels.items[l].bandwidths.n; i++) {
            const sz_bandwidth *b = &m->levels.items[l].bandwidths.items[i];
            if (!per_cycle_counts(b->byte_per_cycle, b->disturbed, b->verdict)) continue;
            SZ_TRY(put(c, side, "per cycle", "B", MORE, b->byte_per_cycle, "%s %s%s%s, %s",
                       m->levels.items[l].level.name, b->mix,
                       same(b->stores, "rep movsb") ? ", " : "",
                       same(b->stores, "rep movsb") ? b->stores : "", scope_of(m, b->threads)));
        }
    return SZ_OK;
}

static sz_status put_level(sz_comparison *c, int side, const sz_machine *m, const sz_mem_level *l) {
    for (size_t i = 0; i < l->bandwidths.n; i++) {
        const sz_bandwidth *b = &l->bandwidths.items[i];
        char name[160];
        snprintf(name, sizeof name, "%s %s", l->level.name, b->mix);
        SZ_TRY(put_scoped(c, side, m, b->threads, "bandwidth", "B/s", b->byte_per_s, name));
    }
    SZ_TRY(put(c, side, "latency", "s", LESS, l->level.latency_s, "%s latency", l->level.name));
    if (same(l->level.name, "DRAM")) return SZ_OK; // the memory stands among the facts
    return put(c, side, "size", "B", EITHER, (double)l->level.capacity_bytes, "%s size",
               l->level.name);
}

static sz_status put_ridges(sz_comparison *c, int side, const sz_machine *m) {
    const int dram = sz_main_memory(m);
    for (size_t i = 0; dram >= 0 && i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        if (!same(r->op, "fma") || same(r->unit, "scalar")) continue;
        SZ_TRY(put(c, side, "ridge", "FLOP/B", EITHER, sz_machine_ridge(m, i, (size_t)dram),
                   "%s ridge, %s", r->dtype, scope_of(m, r->threads)));
    }
    return SZ_OK;
}

static sz_status put_rest(sz_comparison *c, int side, const sz_machine *m) {
    for (size_t i = 0; i < m->links.n; i++) {
        const sz_link *l = &m->links.items[i].link;
        SZ_TRY(put(c, side, "link", "B/s", MORE, l->byte_per_s, "%s link", l->name));
        SZ_TRY(put(c, side, "link", "s", LESS, l->latency_s, "%s link latency", l->name));
    }
    SZ_TRY(put(c, side, "overhead", "s", LESS, m->overhead.dispatch_s, "dispatch"));
    SZ_TRY(put(c, side, "overhead", "s", LESS, m->overhead.fork_join_s, "fork and join"));
    SZ_TRY(put(c, side, "power", "W", LESS, m->power.idle_w, "idle power"));
    return put(c, side, "power", "W", LESS, m->power.tdp_w, "TDP");
}

static sz_status put_machine(sz_comparison *c, int side, const sz_machine *m) {
    SZ_TRY(put_facts(c, side, m));
    SZ_TRY(put_roofs(c, side, m));
    for (size_t i = 0; i < m->levels.n; i++) SZ_TRY(put_level(c, side, m, &m->levels.items[i]));
    SZ_TRY(put_ridges(c, side, m));
    SZ_TRY(put_cycles(c, side, m));
    return put_rest(c, side, m);
}

// ---- order -------------------------------------------------------------------------------------

static int rank_of(const char *kind) {
    static const char *const order[] = {"cpu",  "roof",  "bandwidth", "per cycle", "latency",
                                        "size", "ridge", "link",      "overhead"};
    const int n = sizeof order / sizeof order[0];
    int i = 0;
    while (i < n && !same(order[i], kind)) i++;
    return i;
}

// Kinds in a fixed order; within a kind as they came. An insertion sort keeps that order, and there
// are some dozens of rows.
static void sort_rows(sz_comparison *c) {
    for (size_t i = 1; i < c->rows.n; i++) {
        const sz_machine_difference row = c->rows.items[i];
        size_t k = i;
        for (; k > 0 && rank_of(c->rows.items[k - 1].kind) > rank_of(row.kind); k--)
            c->rows.items[k] = c->rows.items[k - 1];
        c->rows.items[k] = row;
    }
}

sz_status sz_machine_compare(sz_ctx *ctx, const sz_machine *a, const sz_machine *b,
                             sz_comparison **ret_comparison) {
    sz_comparison *c = sz_alloc(ctx, sizeof *c);
    if (!c) return sz_no_memory(ctx);
    c->ctx = ctx;
    sz_arena_init(&c->arena, ctx);
    sz_status status = put_machine(c, 0, a);
    if (status == SZ_OK) status = put_machine(c, 1, b);
    // Units and kinds are constants of this file; names are in the arena.
    if (status != SZ_OK) {
        sz_comparison_destroy(c);
        return status;
    }
    sort_rows(c);
    *ret_comparison = c;
    return SZ_OK;
}

void sz_comparison_destroy(sz_comparison *c) {
    if (!c) return;
    sz_ctx *ctx = c->ctx;
    sz_vec_finish(ctx, &c->rows);
    sz_arena_finish(&c->arena);
    sz_free(ctx, c, sizeof *c);
}

size_t sz_comparison_count(const sz_comparison *c) { return c->rows.n; }
sz_machine_difference sz_comparison_row(const sz_comparison *c, size_t i) {
    return c->rows.items[i];
}

// ---- gates -------------------------------------------------------------------------------------

// At the start of a word: "f16 fma" is not meant by "bf16 fma".
static bool holds(const char *text, sz_str part) {
    for (const char *at = text; strlen(at) >= part.len; at++)
        if ((at == text || at[-1] == ' ') && strncmp(at, part.p, part.len) == 0) return true;
    return false;
}

sz_status sz_comparison_gate(sz_ctx *ctx, const sz_comparison *c, const char *gate, int *broken) {
    sz_gate g;
    size_t met = 0;
    SZ_TRY(sz_gate_parse(ctx, gate, "'f32 fma:-3%' or 'DRAM latency:+10%'", &g));
    for (int exact = 1; exact >= 0 && met == 0; exact--)
        for (size_t i = 0; i < c->rows.n; i++) {
            const sz_machine_difference *row = &c->rows.items[i];
            if (isnan(row->ratio)) continue;
            if (exact ? !sz_str_is(g.name, row->name) : !holds(row->name, g.name)) continue;
            met++;
            if (sz_gate_breaks(&g, row->ratio)) broken[i] = 1;
        }
    if (met > 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE, "gate '%s' meets nothing that both machines have",
                   sz_show(ctx, sz_str_c(gate)));
}
