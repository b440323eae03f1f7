// SPDX-License-Identifier: Apache-2.0
// Which chain of operations tells the clock. A chain is only as good as what is
// believed of its latency, so several of different operations must tell the
// same.
#include "machine/survey.h"

#include <math.h>
#include <stdio.h>

enum { MAX_CHAINS = 8, CLOCKS = 200 };

// In turn: the clock may change meanwhile, and all shall see the same. An interruption makes a
// clock too low, so what counts is near the best of many, but not the very best.
static void best_clocks(const sz_kernel *const *chains, int n, double *ret_hz) {
    double hz[MAX_CHAINS][CLOCKS];
    for (int round = 0; round < CLOCKS; round++)
        for (int i = 0; i < n; i++) hz[i][round] = sz_watch_clock(chains[i]);
    for (int i = 0; i < n; i++) ret_hz[i] = sz_stats_of(hz[i], CLOCKS).p95;
}

int sz_pick_clock(const double *hz, int n) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (i != j && sz_clocks_agree(hz[i], hz[j])) return i;
    return n == 1 ? 0 : -1;
}

// "imul 3.50, crc32 3.51, xor 3.50"
static void list_clocks(char *text, size_t cap, const sz_kernel *const *chains, const double *hz,
                        int n) {
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < n && at < cap; i++)
        at += (size_t)snprintf(text + at, cap - at, "%s%s %.2f", i ? ", " : "", chains[i]->op,
                               hz[i] * 1e-9);
}

static sz_status use_chain(sz_survey *s, const sz_kernel *const *chains, const double *hz, int n) {
    const int chosen = sz_pick_clock(hz, n);
    char text[256];
    int others = 0;
    list_clocks(text, sizeof text, chains, hz, n);
    if (chosen < 0) {
        s->wide_chain = NULL;
        return sz_disturbed(s, "the ways to tell the clock disagree (GHz: %s): it is not known",
                            text);
    }
    s->chain = chains[chosen];
    // The wide chain is the first one with other work beside it.
    if (chosen > 0) s->wide_chain = NULL;
    for (int i = 0; i < n; i++) others += !sz_clocks_agree(hz[i], hz[chosen]);
    if (others == 0) return SZ_OK;
    return sz_machine_add_note(s->m, "the ways to tell the clock differ (GHz: %s): %s is used",
                               text, chains[chosen]->op);
}

sz_status sz_choose_clock(sz_survey *s) {
    const sz_kernel *chains[MAX_CHAINS], *k;
    double hz[MAX_CHAINS];
    int n = 0;
    for (size_t i = 0; n < MAX_CHAINS && (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_clock || !sz_kernel_runs(k, s->cpu)) continue;
        if (k->bits > 64)
            s->wide_chain = s->wide_chain ? s->wide_chain : k;
        else
            chains[n++] = k;
    }
    best_clocks(chains, n, hz);
    if (n > 0) return use_chain(s, chains, hz, n);
    return sz_machine_add_gap(s->m, "clock", "no chain of operations of known latency is built in");
}

// Integer additions are light work, for which no core is known to lower its clock.
const sz_kernel *sz_clock_beside(const sz_survey *s, const sz_kernel *work) {
    const sz_kernel *best = s->chain, *k;
    if (!s->chain || !s->wide_chain || strcmp(work->dtype, "int32") == 0) return s->chain;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (k->family == SZ_KERNEL_clock && k->bits > best->bits && k->bits > 64 &&
            k->bits <= sz_kernel_bits(work) && sz_kernel_runs(k, s->cpu))
            best = k;
    return best;
}
