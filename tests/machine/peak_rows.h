// SPDX-License-Identifier: Apache-2.0
// Does a peak kernel do what its row says? Used by the test of this machine's rows and by the one
// that runs the rows of another machine under an emulator.
#ifndef SZ_PEAK_ROWS_H
#define SZ_PEAK_ROWS_H

#include <math.h>

#include "machine/kernels/kernels.h"

static bool is_op(const sz_kernel *k, const char *op) { return strcmp(k->op, op) == 0; }

// Operations on one lane of one accumulator in a pass, by op and format. For fma+add: of both
// kinds.
static int flops_each(const sz_kernel *k) {
    static const struct {
        const char *op, *dtype, *isa;
        int flops;
    } rows[] = {{"fma", NULL, NULL, 2},     {"mul+add", NULL, NULL, 2}, {"add", NULL, NULL, 1},
                {"mul", NULL, NULL, 1},     {"max", NULL, NULL, 1},     {"max+mul", NULL, NULL, 2},
                {"add+max", NULL, NULL, 2}, {"div", NULL, NULL, 1},     {"sqrt", NULL, NULL, 1},
                {"exp", NULL, NULL, 1},     {"dot", "bf16", "amx", 64}, {"dot", "int8", "amx", 128},
                {"dot", "bf16", NULL, 4},   {"dot", "int8", NULL, 8},   {"dot3", "int8", NULL, 8}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_op(k, rows[i].op) && (!rows[i].dtype || strcmp(k->dtype, rows[i].dtype) == 0) &&
            (!rows[i].isa || strcmp(k->isa, rows[i].isa) == 0))
            return rows[i].flops;
    return 0;
}

static const char *check_cost(const sz_kernel *k) {
    const int fused = (k->chains + 1) / 2, mixed = 2 * fused + k->chains - fused;
    const int want = is_op(k, "fma+add") ? mixed : flops_each(k) * k->chains;
    if (want == 0 || k->lane_flops != want) return "declares other work than its op is";
    if (k->lane_work < k->chains || k->bytes != 0 || k->pipes < 1) return "declares nonsense";
    if (k->bits == 0) return NULL;
    return sz_kernel_flops(k, 0) == k->passes * want * sz_kernel_lanes(k) ? NULL : "sums up wrong";
}

static void run_row(const sz_kernel *k, sz_kernel_state *state, int64_t n) {
    sz_kernel_job job = {.n = n, .state = state};
    k->run(&job);
}

// The law after one, two and many iterations, in one call and in two; and not after one less. Where
// values have settled, many iterations are not told from less.
static const char *check_law(const sz_kernel *k, int chains) {
    sz_kernel_state state;
    sz_kernel_state_init(k, &state);
    state.chains = chains;
    if (sz_kernel_state_holds(k, &state, 1)) return "an empty kernel is not found out";
    run_row(k, &state, 1);
    if (!sz_kernel_state_holds(k, &state, 1)) return "computes wrong";
    run_row(k, &state, 1);
    if (!sz_kernel_state_holds(k, &state, 2)) return "does not go on where it was";
    const bool settled = is_op(k, "max") && chains <= k->passes;
    if (!settled && sz_kernel_state_holds(k, &state, 1)) return "2 is not told from 1";
    run_row(k, &state, 148);
    if (!sz_kernel_state_holds(k, &state, 150)) return "computes wrong in 150 iterations";
    return sz_kernel_state_normal(k, &state) ? NULL : "leaves numbers that are not normal";
}

static const char *check_chains(const sz_kernel *k) {
    const char *why = check_law(k, k->chains);
    for (int chains = 1; !why && k->vary && chains < k->chains; chains++)
        if (chains <= 12 || chains == 14 || chains == 16 || chains == 20)
            why = check_law(k, chains);
    return why;
}

// The row of c/ that does the same steps.
static const sz_kernel *reference_of(const sz_kernel *k) {
    const bool fused_sum = strcmp(k->isa, "neon") == 0 || strcmp(k->isa, "sve") == 0;
    const char *op = is_op(k, "fma") ? "mul+add" : is_op(k, "dot3") ? "dot" : k->op;
    const sz_kernel *c;
    if (strcmp(k->isa, "amx") == 0 || (is_op(k, "fma") && fused_sum)) return NULL;
    if (strstr(k->isa, "arm64 scalar") && is_op(k, "fma")) return NULL;
    for (size_t i = 0; (c = sz_kernel_get(i)); i++)
        if (c->portable && c->family == SZ_KERNEL_peak && is_op(c, op) &&
            strcmp(c->dtype, k->dtype) == 0)
            return c;
    return NULL;
}

// One iteration against the C row, number by number, in the accumulators that both have and in
// which max has not met the last one. Equal where each step rounds alike.
static const char *check_reference(const sz_kernel *k) {
    const sz_kernel *c = reference_of(k);
    const bool rounds = is_op(k, "fma") || is_op(k, "exp") || strcmp(k->dtype, "bf16") == 0;
    sz_kernel_state have, want;
    if (!c) return NULL;
    sz_kernel_state_init(k, &have);
    sz_kernel_state_init(c, &want);
    run_row(k, &have, 1);
    run_row(c, &want, 1);
    for (int acc = 0; acc < 8; acc++)
        for (int lane = 0; lane < sz_kernel_lanes(k) && lane < sz_kernel_lanes(c); lane++) {
            const double x = sz_kernel_value(k, &have, acc, lane);
            const double y = sz_kernel_value(c, &want, acc, lane);
            if (fabs(x - y) > (rounds ? 5e-7 * fabs(y) : 0)) return "differs from the C row";
        }
    return NULL;
}

// e^-a over all that gives normal numbers: within two units of the last place.
static const char *check_exp(const sz_kernel *k) {
    const bool wide = strcmp(k->dtype, "f64") == 0;
    const double reach = wide ? 700 : 86, allowed = 2 * (wide ? 0x1p-52 : 0x1p-23);
    const int lanes = sz_kernel_lanes(k), each = k->chains * lanes;
    sz_kernel_state state;
    double worst = 0;
    for (int part = 0; part < 200; part++) {
        sz_kernel_state before;
        sz_kernel_state_init(k, &state);
        for (int i = 0; i < each; i++)
            sz_kernel_set_value(k, &state, i / lanes, i % lanes,
                                reach * (2.0 * (part * each + i) / (200 * each) - 1));
        before = state;
        run_row(k, &state, 1);
        for (int i = 0; i < each; i++) {
            const double want = exp(-sz_kernel_value(k, &before, i / lanes, i % lanes));
            const double have = sz_kernel_value(k, &state, i / lanes, i % lanes);
            worst = fmax(worst, fabs(have - want) / want);
        }
    }
    return worst <= allowed ? NULL : "is not as exact as it says";
}

// NULL, or what is wrong.
static const char *check_peak_row(const sz_kernel *k) {
    const char *why = check_cost(k);
    if (!why) why = check_chains(k);
    if (!why) why = check_reference(k);
    if (!why && is_op(k, "exp")) why = check_exp(k);
    return why;
}

#endif
