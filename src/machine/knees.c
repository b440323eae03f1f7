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

// Of several sweeps over the same working sets the median of each: a stranger who puts lines out of
// a shared cache, or slows the core, is there in some sweeps and not in others.
double sz_settle(double *seconds, size_t n) {
    return n > 0 ? sz_stats_of(seconds, n).median : SZ_NAN;
}

// A larger working set is never faster. So a point is at most as slow as the fastest one after it,
// and what disturbed only some points is gone.
static size_t smooth(const sz_curve_point *p, size_t n, sz_curve_point *ret_points) {
    if (n > SZ_CURVE_POINTS) n = SZ_CURVE_POINTS;
    for (size_t i = n; i-- > 0;) {
        ret_points[i] = p[i];
        if (i + 1 < n && ret_points[i + 1].latency_s < p[i].latency_s)
            ret_points[i].latency_s = ret_points[i + 1].latency_s;
    }
    return n;
}

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

size_t sz_find_knees(const sz_curve_point *raw, size_t n, int64_t ret_knees[SZ_MAX_KNEES]) {
    sz_curve_point p[SZ_CURVE_POINTS];
    size_t found = 0;
    n = smooth(raw, n, p);
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

// What it costs to take a knee for the end of a cache: how far it is from the claim, in powers of
// two. The last cache may well be found smaller, because strangers use it, or because a hypervisor
// shows that of the whole host; no other one may.
static double cost_of(const sz_level *l, int64_t knee, bool last) {
    static const double SHARED = 0.25;
    const double far = distance(l, knee);
    return last && knee < l->capacity_bytes ? SHARED * far : far;
}

enum { MOST_CACHES = 8 };

// Caches and knees both come in order, and some have no partner: a cache whose end does not show,
// the knee of a TLB. Of all ways to pair them the cheapest, by the recurrence of edit distances
// (Wagner and Fischer, J. ACM 21(1), 1974). partner[i] = knee of cache i, -1 = none.
static void pair(const sz_machine *m, size_t caches, const int64_t *knees, size_t n,
                 int partner[MOST_CACHES]) {
    static const double NO_KNEE = 1.5, NO_CACHE = 0.5;
    double cost[MOST_CACHES + 1][SZ_MAX_KNEES + 1];
    for (size_t i = 0; i <= caches; i++)
        for (size_t k = 0; k <= n; k++) {
            const double skip_cache = i > 0 ? cost[i - 1][k] + NO_KNEE : INFINITY;
            const double skip_knee = k > 0 ? cost[i][k - 1] + NO_CACHE : INFINITY;
            const double both = i > 0 && k > 0
                                    ? cost[i - 1][k - 1] + cost_of(&m->levels.items[i - 1].level,
                                                                   knees[k - 1], i == caches)
                                    : INFINITY;
            cost[i][k] = i + k == 0 ? 0 : fmin(both, fmin(skip_cache, skip_knee));
        }
    for (size_t i = caches, k = n; i > 0;) {
        if (k > 0 && cost[i][k] == cost[i][k - 1] + NO_CACHE) {
            k--;
            continue;
        }
        i--;
        partner[i] = cost[i + 1][k] == cost[i][k] + NO_KNEE ? -1 : (int)--k;
    }
}

static sz_status match(sz_machine *m, size_t caches, const int64_t *knees, size_t n) {
    int partner[MOST_CACHES];
    if (caches > MOST_CACHES) caches = MOST_CACHES;
    pair(m, caches, knees, n, partner);
    for (size_t i = 0; i < caches; i++) {
        sz_level *l = &m->levels.items[i].level;
        l->knee_bytes = partner[i] < 0 ? 0 : knees[partner[i]];
        if (partner[i] < 0)
            SZ_TRY(sz_machine_add_note(m, "%s: the working-set curve shows no end of it", l->name));
        else if (distance(l, l->knee_bytes) > SAME)
            SZ_TRY(differs(m, l));
    }
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
