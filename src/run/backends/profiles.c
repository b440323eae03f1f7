// SPDX-License-Identifier: Apache-2.0
#include "run/backends/profiles.h"

#include <math.h>
#include <stdlib.h>

sz_status sz_profiles_init(sz_ctx *ctx, sz_arena *arena, size_t n_layers, sz_profiles *p) {
    *p = (sz_profiles){.n_layers = n_layers, .sorted = -1};
    p->times_s = sz_arena_array(arena, n_layers + 1, SZ_PROFILES * sizeof *p->times_s);
    return p->times_s ? SZ_OK : sz_no_memory(ctx);
}

void sz_profiles_put(sz_profiles *p, size_t layer, double time_s) {
    p->times_s[layer * SZ_PROFILES + (size_t)(p->runs % SZ_PROFILES)] = time_s;
}

void sz_profiles_end(sz_profiles *p, double run_s) {
    p->run_s[p->runs % SZ_PROFILES] = run_s;
    p->runs++;
}

static int by_time(const void *a, const void *b) {
    const sz_profiled_run *x = a, *y = b;
    return x->time_s < y->time_s ? -1 : x->time_s > y->time_s;
}

static void sort(sz_profiles *p) {
    if (p->sorted == p->runs) return;
    p->sorted = p->runs;
    p->n = (int)(p->runs < SZ_PROFILES ? p->runs : SZ_PROFILES);
    for (int r = 0; r < p->n; r++) p->order[r] = (sz_profiled_run){p->run_s[r], r};
    qsort(p->order, (size_t)p->n, sizeof *p->order, by_time);
}

static double mean_of(const sz_profiles *p, size_t layer, int from, int to) {
    double sum = 0;
    for (int r = from; r < to; r++) sum += p->times_s[layer * SZ_PROFILES + (size_t)p->order[r].at];
    return to > from ? sum / (to - from) : NAN;
}

static int quarter(int n) { return (n + 3) / 4; }

double sz_profiles_usual(sz_profiles *p, size_t layer) {
    sort(p);
    return mean_of(p, layer, p->n / 3, p->n - p->n / 3);
}

double sz_profiles_quick(sz_profiles *p, size_t layer) {
    sort(p);
    return mean_of(p, layer, 0, quarter(p->n));
}

double sz_profiles_quickness(sz_profiles *p) {
    double quick = 0, all = 0;
    sort(p);
    for (int r = 0; r < p->n; r++) {
        all += p->order[r].time_s / p->n;
        if (r < quarter(p->n)) quick += p->order[r].time_s / quarter(p->n);
    }
    return all > 0 ? quick / all : 1;
}
