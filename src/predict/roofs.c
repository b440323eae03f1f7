// SPDX-License-Identifier: Apache-2.0
// Which roof of a machine serves the work of which numeric format.
#include "predict/predict.h"

#include <stdio.h>

typedef struct format {
    const char *name;
    int bits;
    const char *graph_names, *served_by; // words
} format;

static const format formats[] = {
#define SERVED(name, bits, graph_names, served_by) {name, bits, graph_names, served_by},
#include "predict/dtypes.def"
#undef SERVED
};
// The last two rows are no formats that a net could be computed in.
enum {
    N_FORMATS = sizeof formats / sizeof formats[0],
    OTHER = N_FORMATS - 1,
    INTEGERS = OTHER - 1
};

bool sz_has_word(const char *words, const char *word) {
    const size_t n = strlen(word);
    for (const char *p = words; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (n > 0 && strcspn(p, " ") == n && memcmp(p, word, n) == 0) return true;
    return false;
}

const char *sz_machine_dtype(const char *dtype) {
    for (int i = 0; dtype && i < N_FORMATS; i++)
        if (sz_has_word(formats[i].graph_names, dtype)) return formats[i].name;
    return formats[OTHER].name;
}

int sz_machine_dtype_bits(const char *machine_dtype) {
    for (int i = 0; i < INTEGERS; i++)
        if (strcmp(formats[i].name, machine_dtype) == 0) return formats[i].bits;
    return 0;
}

bool sz_is_machine_dtype(sz_str word) {
    for (int i = 0; i < OTHER; i++)
        if (sz_str_is(word, formats[i].name)) return true;
    return false;
}

sz_status sz_machine_dtype_unknown(sz_ctx *ctx, const char *dtype) {
    char known[256] = "";
    size_t n = 0;
    for (int i = 0; i < INTEGERS && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, " %s", formats[i].name);
    return sz_fail(ctx, SZ_ERR_USAGE, "unknown dtype '%s'; known are:%s",
                   sz_show(ctx, sz_str_c(dtype)), known);
}

// ---- search ------------------------------------------------------------------------------------

// Best roof for a format: multiply-accumulates may use any unit, elementary work only vector units,
// because matrix units do nothing but multiply-accumulate.
static const sz_roof *best_roof(const sz_estimate *e, sz_str dtype, const char *op, bool matrix) {
    const sz_roof *best = NULL;
    for (size_t i = 0; i < e->machine->roofs.n; i++) {
        const sz_roof *r = &e->machine->roofs.items[i];
        if (r->threads != e->threads || !sz_str_is(dtype, r->dtype)) continue;
        if (strcmp(r->op, op) != 0 || (!matrix && strcmp(r->unit, "matrix") == 0)) continue;
        if (!best || r->flop_per_s > best->flop_per_s) best = r;
    }
    return best;
}

// An elementary operation is one FLOP per lane and instruction; a fused multiply-add is two.
static void look(const sz_estimate *e, sz_str dtype, sz_served *s) {
    if (!s->elementary) {
        s->roof = best_roof(e, dtype, "fma", true);
        if (s->roof) s->flop_per_s = s->roof->flop_per_s;
        return;
    }
    s->roof = best_roof(e, dtype, "add", false);
    if (s->roof) {
        s->flop_per_s = s->roof->flop_per_s;
        return;
    }
    s->roof = best_roof(e, dtype, "fma", false);
    if (s->roof) s->flop_per_s = s->roof->flop_per_s / 2;
}

static void search(const sz_estimate *e, const char *served_by, sz_served *s) {
    bool first = true;
    for (const char *p = served_by; *p && !s->roof; p += strcspn(p, " "), p += strspn(p, " ")) {
        look(e, (sz_str){p, (uint32_t)strcspn(p, " ")}, s);
        s->exact = first && s->roof;
        first = false;
    }
}

// Sheets of accelerators may know only one narrow format: then even a narrower roof is better than
// no answer, and the warning names it.
static void search_any(const sz_estimate *e, sz_served *s) {
    for (size_t i = 0; i < e->machine->roofs.n; i++) {
        const sz_roof *r = &e->machine->roofs.items[i];
        if (r->threads != e->threads || strcmp(r->op, "fma") != 0) continue;
        if (s->roof && r->flop_per_s >= s->roof->flop_per_s) continue;
        s->roof = r;
        s->flop_per_s = s->elementary ? r->flop_per_s / 2 : r->flop_per_s;
    }
}

static void warn_other_roof(const sz_estimate *e, const sz_served *s) {
    if (s->exact || s->elementary || !s->roof || e->is_trial) return; // elementary: assumed
    sz_warn(e->ctx, "machine '%s' has no roof for %s: %s is used for its multiply-accumulates",
            e->machine->identity.name, s->machine_dtype, s->roof->dtype);
}

sz_status sz_serve(sz_estimate *e, const char *machine_dtype, bool elementary,
                   sz_served **ret_served) {
    for (size_t i = 0; i < e->served.n; i++) {
        sz_served *s = &e->served.items[i];
        if (s->elementary != elementary || strcmp(s->machine_dtype, machine_dtype) != 0) continue;
        *ret_served = s;
        return SZ_OK;
    }
    sz_served s = {.machine_dtype = machine_dtype, .elementary = elementary};
    for (int i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, machine_dtype) == 0) search(e, formats[i].served_by, &s);
    if (!s.roof) search_any(e, &s);
    warn_other_roof(e, &s);
    if (!sz_vec_push(e->ctx, &e->served, s)) return sz_no_memory(e->ctx);
    *ret_served = &e->served.items[e->served.n - 1];
    return SZ_OK;
}

bool sz_is_narrower(const sz_estimate *e, bool all) {
    for (size_t i = 0; i < e->served.n; i++) {
        const sz_served *s = &e->served.items[i];
        if (!s->roof || s->exact || (s->elementary && !all)) continue;
        if (sz_machine_dtype_bits(s->roof->dtype) < sz_machine_dtype_bits(s->machine_dtype))
            return true;
    }
    return false;
}

// ---- threads -----------------------------------------------------------------------------------

static bool has_threads(const sz_machine *m, int64_t threads) {
    for (size_t i = 0; i < m->roofs.n; i++)
        if (m->roofs.items[i].threads == threads) return true;
    return false;
}

static sz_status no_such_threads(const sz_estimate *e, int asked) {
    const sz_machine *m = e->machine;
    char have[120] = "";
    for (size_t i = 0, n = 0; i < m->roofs.n && n + 24 < sizeof have; i++) {
        const int64_t threads = m->roofs.items[i].threads;
        bool known = false;
        for (size_t k = 0; k < i; k++) known |= m->roofs.items[k].threads == threads;
        if (known) continue;
        const int more = threads > 0 ? snprintf(have + n, sizeof have - n, "%s%lld", n ? ", " : "",
                                                (long long)threads)
                                     : snprintf(have + n, sizeof have - n, "%sthe whole device",
                                                n ? ", " : "");
        n += more > 0 ? (size_t)more : 0;
    }
    return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE,
                   "machine '%s' has no peaks for %d thread%s: it has them for %s",
                   m->identity.name, asked, asked == 1 ? "" : "s", have);
}

// All: the whole device, else the most threads that were measured.
sz_status sz_choose_threads(sz_estimate *e) {
    const sz_machine *m = e->machine;
    const int asked = e->options.threads;
    if (m->roofs.n == 0)
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE, "machine '%s' has no peaks", m->identity.name);
    if (asked > 0) {
        if (!has_threads(m, asked) && !(asked == m->cpu.threads && has_threads(m, 0)))
            return no_such_threads(e, asked);
        e->threads = has_threads(m, asked) ? asked : 0;
        return SZ_OK;
    }
    e->threads = 0;
    if (has_threads(m, 0)) return SZ_OK;
    for (size_t i = 0; i < m->roofs.n; i++)
        if (m->roofs.items[i].threads > e->threads) e->threads = m->roofs.items[i].threads;
    return SZ_OK;
}
