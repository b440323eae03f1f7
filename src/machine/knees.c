// SPDX-License-Identifier: Apache-2.0
// Caches from the curve of working sets: what hypervisors and data sheets claim is not what a
// program gets.
#include "machine/survey.h"

#include <math.h>

static const double LEAVES = 1.3; // a plateau ends where the latency is this much above it
static const double FLAT = 1.12;  // and the next begins where three points differ less than this
enum { FIRST = 4096, QUANTUM = 512, LASTS = 3 };

size_t sz_curve_sizes(int64_t most, int64_t *ret_sizes, size_t cap) {
    size_t n = 0;
    double size = FIRST;
    while (n < cap && size <= (double)most) {
        ret_sizes[n++] = (int64_t)(size + QUANTUM / 2) / QUANTUM * QUANTUM;
        size = size * 4 / 3;
    }
    if (n > 0 && ret_sizes[n - 1] > most) n--; // rounded up beyond it
    return n;
}

// ---- knees -------------------------------------------------------------------------------------

// Does the latency stay above `limit` from point i on? One disturbed point is no knee.
static bool stays_above(const sz_curve_point *p, size_t n, size_t i, double limit) {
    for (size_t j = i; j < i + LASTS; j++)
        if (j >= n || !(p[j].latency_s > limit)) return false;
    return true;
}

static bool is_flat(const sz_curve_point *p, size_t n, size_t i) {
    double least = p[i].latency_s, most = least;
    if (i + LASTS > n) return false;
    for (size_t j = i + 1; j < i + LASTS; j++) {
        if (p[j].latency_s < least) least = p[j].latency_s;
        if (p[j].latency_s > most) most = p[j].latency_s;
    }
    return most <= FLAT * least;
}

// The lowest of the points that make a plateau flat: disturbances only ever add.
static double plateau(const sz_curve_point *p, size_t i) {
    double least = p[i].latency_s;
    for (size_t j = i + 1; j < i + LASTS; j++)
        if (p[j].latency_s < least) least = p[j].latency_s;
    return least;
}

size_t sz_find_knees(const sz_curve_point *p, size_t n, int64_t ret_knees[SZ_MAX_KNEES]) {
    size_t found = 0;
    for (size_t i = 0; found < SZ_MAX_KNEES;) {
        while (i + LASTS <= n && !is_flat(p, n, i)) i++;
        if (i + LASTS > n) break;
        const double limit = plateau(p, i) * LEAVES;
        while (i < n && !stays_above(p, n, i, limit)) i++;
        if (i >= n) break;
        ret_knees[found++] = p[i - 1].bytes;
    }
    return found;
}

// ---- against what the system claims ------------------------------------------------------------

static double distance(const sz_level *l, int64_t knee) {
    return fabs(log2((double)knee / (double)l->capacity_bytes));
}

// Sizes are on a grid of 4/3, and a cache that is not strictly least-recently-used leaves its
// plateau somewhat before it is full.
static const double SAME = 0.9; // in powers of two

static sz_status differs(sz_machine *m, const sz_level *l) {
    const double claim = (double)l->capacity_bytes / 1024, found = (double)l->knee_bytes / 1024;
    return sz_machine_add_note(
        m, "%s: the system says %.0f KiB, but the working-set curve leaves it at %.0f KiB: %s",
        l->name, claim, found,
        found < claim ? "others share it, or a hypervisor shows the host's whole cache"
                      : "it is larger than described, or the next level is as fast");
}

// Caches and knees both come in order. Where there are as many of both they belong together; else
// what is nearest does, and what is left over (as of a TLB) belongs to none.
static sz_status match(sz_machine *m, size_t caches, const int64_t *knees, size_t n) {
    size_t level = 0;
    for (size_t i = 0; i < n && level < caches; i++) {
        const bool as_many = n - i >= caches - level;
        while (!as_many && level + 1 < caches &&
               distance(&m->levels.items[level + 1].level, knees[i]) <
                   distance(&m->levels.items[level].level, knees[i]))
            level++;
        sz_level *l = &m->levels.items[level].level;
        if (n - i > caches - level && distance(l, knees[i + 1]) < distance(l, knees[i])) continue;
        level++;
        l->knee_bytes = knees[i];
        if (distance(l, knees[i]) > SAME) SZ_TRY(differs(m, l));
    }
    for (size_t i = 0; i < caches; i++)
        if (m->levels.items[i].level.knee_bytes == 0)
            SZ_TRY(sz_machine_add_note(m, "%s: the working-set curve shows no end of it",
                                       m->levels.items[i].level.name));
    return SZ_OK;
}

// Caches nearer than the last one are a core's own on all machines we know of.
static sz_status invent(sz_machine *m, int n_cpus, const int64_t *knees, size_t n) {
    const sz_mem_level dram = m->levels.items[m->levels.n - 1];
    for (size_t i = 0; i < n; i++) {
        const bool own = i + 1 < n || n < 3;
        sz_level l = {.capacity_bytes = knees[i],
                      .knee_bytes = knees[i],
                      .line_bytes = 64,
                      .instances = own ? n_cpus : 1,
                      .shared_by = own ? 1 : n_cpus,
                      .latency_s = SZ_NAN,
                      .latency_spread = SZ_NAN,
                      .latency_small_pages_s = SZ_NAN};
        SZ_TRY(sz_machine_printf(m, &l.name, "L%zu", i + 1));
        SZ_TRY(sz_machine_add_level(m, &l, NULL));
        m->levels.items[m->levels.n - 2] = m->levels.items[m->levels.n - 1];
        m->levels.items[m->levels.n - 1] = dram;
    }
    if (n == 0) return SZ_OK;
    return sz_machine_add_note(m, "the %zu caches are those that the working-set curve shows", n);
}

sz_status sz_use_knees(sz_machine *m, int n_cpus, const int64_t *knees, size_t n) {
    const size_t caches = m->levels.n > 0 ? m->levels.n - 1 : 0; // the last one is main memory
    if (m->levels.n == 0) return SZ_OK;
    return caches == 0 ? invent(m, n_cpus, knees, n) : match(m, caches, knees, n);
}
