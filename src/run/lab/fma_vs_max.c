// SPDX-License-Identifier: Apache-2.0
// Fused multiply-add against operations that do not fuse: in registers alone, and as a product of
// matrices over other pairs of operations (max-times, max-plus).
#include "run/lab/product.h"

typedef struct registers {
    void (*loop)(float *state, float f, float t, int64_t n);
    float state[SZ_LAB_ACCUMULATORS * SZ_LAB_LONGEST];
    float f, t;
} registers;

static void run_registers(void *user, int thread, int64_t n) {
    registers *w = user;
    (void)thread;
    w->loop(w->state, w->f, w->t, n);
}

// From 3 each loop soon comes to rest: a * 0.5 + 1 at 2, max(a * 0.5, 1) at 1, max(a - 1, 0.5) at
// 0.5; a + 1 - 1 stays at 3. All exact in f32.
static const struct {
    const char *what;
    float f, t, rest;
    int flops; // of one step of one lane
} cases[SZ_N_STEPS + 1] = {
    [SZ_STEP_FMA] = {"registers: a * f + t, fused", 0.5f, 1, 2, 2},
    [SZ_STEP_MUL_MAX] = {"registers: max(a * f, t)", 0.5f, 1, 1, 2},
    [SZ_STEP_ADD_MAX] = {"registers: max(a + t, f)", 0.5f, -1, 0.5f, 2},
    [SZ_N_STEPS] = {"registers: a + t", 0, 1, 3, 1},
};

static bool at_rest(const registers *w, int lanes, float rest) {
    for (int i = 0; i < SZ_LAB_ACCUMULATORS * lanes; i++)
        if (w->state[i] != rest) return false;
    return true;
}

static sz_status add_registers(sz_lab *lab, registers *w, int which, sz_lab_case *ret_case) {
    const sz_lab_loops *l = lab->loops;
    const double steps = (double)SZ_LAB_ACCUMULATORS * SZ_LAB_PASSES * l->lanes, gflop = 1e9;
    *w = (registers){.loop = which == SZ_N_STEPS ? l->steps_add : l->step[which],
                     .f = cases[which].f,
                     .t = cases[which].t};
    for (size_t i = 0; i < sizeof w->state / sizeof w->state[0]; i++) w->state[i] = 3;
    run_registers(w, 0, 1000); // comes to rest long before
    *ret_case = (sz_lab_case){.run = run_registers,
                              .user = w,
                              .units = gflop / (steps * cases[which].flops),
                              .row = {.x = SZ_NAN,
                                      .flops = gflop,
                                      .elements = SZ_NAN,
                                      .verified = at_rest(w, l->lanes, cases[which].rest)}};
    ret_case->ops[which] = gflop;
    return sz_lab_name(lab, ret_case, "%s", cases[which].what);
}

// Each has its own C, so that its numbers stay its own.
static sz_status add_products(sz_lab *lab, int64_t n, sz_product p[SZ_N_STEPS],
                              sz_lab_case ret_cases[SZ_N_STEPS]) {
    static const char *const names[SZ_N_STEPS] = {"sum of a * b, fused", "max of a * b",
                                                  "max of a + b"};
    float *at = (float *)(void *)lab->bytes, *space = at + 2 * n * n;
    for (int s = 0; s < SZ_N_STEPS; s++, space += sz_product_floats(n)) {
        sz_product_init(&p[s], lab->loops, (sz_lab_step)s, n, at, at + n * n, space);
        ret_cases[s] = sz_product_case(&p[s]);
        SZ_TRY(sz_lab_name(lab, &ret_cases[s], "matrices, n = %lld: %s", (long long)n, names[s]));
    }
    return SZ_OK;
}

enum { REGISTERS = SZ_N_STEPS + 1, N_CASES = REGISTERS + SZ_N_STEPS };

static sz_status compare(sz_lab *lab, const char *what, double original, const sz_lab_case *a,
                         const sz_lab_case *b) {
    return sz_lab_compare(lab, what, original, a->row.time_s / b->row.time_s,
                          a->row.predicted_s / b->row.predicted_s);
}

static sz_status compare_all(sz_lab *lab, const sz_lab_case c[N_CASES]) {
    const sz_lab_case *m = c + REGISTERS;
    SZ_TRY(compare(lab, "registers: multiply, maximum / fused", 3.2, &c[SZ_STEP_MUL_MAX], c));
    SZ_TRY(compare(lab, "registers: add, maximum / fused", SZ_NAN, &c[SZ_STEP_ADD_MAX], c));
    SZ_TRY(compare(lab, "registers: as many additions / fused", SZ_NAN, &c[SZ_N_STEPS], c));
    SZ_TRY(compare(lab, "matrices: multiply, maximum / fused", 3.2, &m[SZ_STEP_MUL_MAX], m));
    return compare(lab, "matrices: add, maximum / fused", SZ_NAN, &m[SZ_STEP_ADD_MAX], m);
}

static sz_status conclude(sz_lab *lab, const sz_lab_case c[N_CASES]) {
    const double ratio = c[SZ_STEP_MUL_MAX].row.time_s / c[SZ_STEP_FMA].row.time_s;
    if (strcmp(lab->loops->isa, "sse2") == 0 || strcmp(lab->loops->isa, "c") == 0)
        SZ_TRY(sz_lab_find(lab, "this CPU, or the mask, has no fused multiply-add: 'fused' is two "
                                "instructions here"));
    return sz_lab_find(
        lab, ratio < 1.25  ? "multiply and maximum have pipes of their own here: both "
                             "together run as fast as the fused multiply-add"
             : ratio < 2.5 ? "multiply and maximum share the pipes of the multiply-add here: "
                             "two instructions where that needs one"
                           : "multiply and maximum lose more here than the second instruction");
}

sz_status sz_lab_fma_vs_max(sz_lab *lab) {
    const int64_t n = SZ_LAB_PRODUCT_N;
    const size_t needed = (size_t)(2 * n * n + SZ_N_STEPS * sz_product_floats(n)) * sizeof(float);
    sz_lab_case all[N_CASES];
    sz_product products[SZ_N_STEPS];
    registers state[REGISTERS];
    SZ_TRY(sz_lab_buffer(lab, needed, needed));
    sz_lab_tell(lab, "check the results");
    for (int k = 0; k < REGISTERS; k++) SZ_TRY(add_registers(lab, &state[k], k, &all[k]));
    SZ_TRY(add_products(lab, n, products, all + REGISTERS));
    SZ_TRY(sz_lab_measure(lab, all, N_CASES));
    SZ_TRY(compare_all(lab, all));
    return conclude(lab, all);
}
