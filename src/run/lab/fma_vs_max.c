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

static sz_status time_registers(sz_lab *lab, int which, double *ret_measured,
                                double *ret_expected) {
    const sz_lab_loops *l = lab->loops;
    const double roof = which == SZ_N_STEPS ? sz_lab_roof_add(lab->machine)
                                            : sz_lab_roof(lab->machine, (sz_lab_step)which);
    const double steps = (double)SZ_LAB_ACCUMULATORS * SZ_LAB_PASSES * l->lanes;
    const double gflop = 1e9;
    registers w = {.loop = which == SZ_N_STEPS ? l->steps_add : l->step[which],
                   .f = cases[which].f,
                   .t = cases[which].t};
    sz_reading r;
    for (size_t i = 0; i < sizeof w.state / sizeof w.state[0]; i++) w.state[i] = 3;
    SZ_TRY(sz_lab_time(lab, run_registers, &w, &r));
    sz_lab_row row = {.x = SZ_NAN,
                      .flops = gflop,
                      .elements = SZ_NAN,
                      .verified = at_rest(&w, l->lanes, cases[which].rest)};
    sz_lab_take(&row, &r, gflop / (steps * cases[which].flops));
    sz_lab_predict(lab->machine, &row, gflop / roof);
    row.level = "registers";
    *ret_measured = row.time_s;
    *ret_expected = row.predicted_s;
    return sz_lab_add(lab, &row, "%s", cases[which].what);
}

static sz_status time_products(sz_lab *lab, int64_t n, double *ret_measured, double *ret_expected) {
    static const char *const names[SZ_N_STEPS] = {"sum of a * b, fused", "max of a * b",
                                                  "max of a + b"};
    float *at = (float *)(void *)lab->bytes;
    const double nn = (double)n * (double)n;
    for (int s = 0; s < SZ_N_STEPS; s++) {
        sz_product p;
        sz_product_init(&p, lab->loops, (sz_lab_step)s, n, at, at + n * n, at + 2 * n * n);
        sz_lab_row row = {.x = SZ_NAN,
                          .flops = 2 * nn * (double)n,
                          .elements = nn,
                          .bytes_read = 8 * nn,
                          .bytes_written = 4 * nn,
                          .working_set_bytes = 12 * nn,
                          .verified = sz_product_holds(&p)};
        SZ_TRY(sz_product_time(lab, &p, &row));
        sz_lab_predict(lab->machine, &row, row.flops / sz_lab_roof(lab->machine, (sz_lab_step)s));
        ret_measured[s] = row.time_s;
        ret_expected[s] = row.predicted_s;
        SZ_TRY(sz_lab_add(lab, &row, "matrices, n = %lld: %s", (long long)n, names[s]));
    }
    return SZ_OK;
}

sz_status sz_lab_fma_vs_max(sz_lab *lab) {
    enum { KINDS = SZ_N_STEPS + 1 };
    const int64_t n = lab->options->quick ? 256 : 768;
    const size_t needed = (size_t)(2 * n * n + sz_product_floats(lab->loops, n)) * sizeof(float);
    double took[KINDS], expected[KINDS], product[SZ_N_STEPS], product_expected[SZ_N_STEPS];
    SZ_TRY(sz_lab_buffer(lab, needed, needed));
    sz_lab_tell(lab, "loops in registers");
    for (int k = 0; k < KINDS; k++) SZ_TRY(time_registers(lab, k, &took[k], &expected[k]));
    sz_lab_tell(lab, "matrices");
    SZ_TRY(time_products(lab, n, product, product_expected));
    for (int k = 1; k < SZ_N_STEPS; k++)
        SZ_TRY(sz_lab_compare(lab,
                              k == SZ_STEP_MUL_MAX ? "registers: multiply, maximum / fused"
                                                   : "registers: add, maximum / fused",
                              k == SZ_STEP_MUL_MAX ? 3.2 : SZ_NAN, took[k] / took[0],
                              expected[k] / expected[0]));
    SZ_TRY(sz_lab_compare(lab, "registers: as many additions / fused", SZ_NAN,
                          took[SZ_N_STEPS] / took[0], expected[SZ_N_STEPS] / expected[0]));
    for (int k = 1; k < SZ_N_STEPS; k++)
        SZ_TRY(sz_lab_compare(lab,
                              k == SZ_STEP_MUL_MAX ? "matrices: multiply, maximum / fused"
                                                   : "matrices: add, maximum / fused",
                              k == SZ_STEP_MUL_MAX ? 3.2 : SZ_NAN, product[k] / product[0],
                              product_expected[k] / product_expected[0]));
    const double ratio = took[SZ_STEP_MUL_MAX] / took[SZ_STEP_FMA];
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
