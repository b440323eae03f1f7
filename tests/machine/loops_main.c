// SPDX-License-Identifier: Apache-2.0
// Every loop of the lab against plain C in double, for each set that this CPU runs; without a test
// library, so that tests/machine/arm.sh can build it for another architecture and run it in an
// emulator. Prints the sets that it ran.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/lab/loops.h"

enum { MOST = 8 * SZ_LAB_GRAIN, STRIDE = 1040 };

static _Alignas(64) float a[MOST], b[MOST], c[MOST], d[MOST];

static void fill(float *p, int n, unsigned seed) {
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = 0.5f + (float)(seed >> 9) / 16777216.0f; // [0.5, 1)
    }
}

static int near(double x, double y) { return fabs(x - y) <= 1e-4 * (fabs(y) + 1); }

// ---- in registers ------------------------------------------------------------------------------

static int check_steps(const sz_lab_loops *l) {
    static const struct {
        float f, t, rest;
    } laws[SZ_N_STEPS] = {{0.5f, 1, 2}, {0.5f, 1, 1}, {0.5f, -1, 0.5f}};
    float state[SZ_LAB_ACCUMULATORS * SZ_LAB_LONGEST];
    for (int s = 0; s <= SZ_N_STEPS; s++) {
        const int n = SZ_LAB_ACCUMULATORS * l->lanes;
        for (int i = 0; i < n; i++) state[i] = 3;
        if (s == SZ_N_STEPS)
            l->steps_add(state, 0, 1, 100);
        else
            l->step[s](state, laws[s].f, laws[s].t, 100);
        for (int i = 0; i < n; i++)
            if (state[i] != (s == SZ_N_STEPS ? 3 : laws[s].rest)) return 0;
    }
    return 1;
}

static double step(int s, double sum, double x, double y) {
    if (s == SZ_STEP_FMA) return sum + x * y;
    return fmax(sum, s == SZ_STEP_MUL_MAX ? x * y : x + y);
}

// A panel of A, packed by the loop, with a panel of B; into a C that holds something.
static int check_block(const sz_lab_loops *l) {
    static float left[16 * 2 * SZ_LAB_DEPTH], packed[16 * SZ_LAB_DEPTH], right[32 * SZ_LAB_DEPTH];
    static float out[16 * STRIDE];
    const int rows = l->rows, cols = l->cols;
    fill(left, 16 * 2 * SZ_LAB_DEPTH, 1);
    fill(right, 32 * SZ_LAB_DEPTH, 2);
    l->pack(packed, left, SZ_LAB_DEPTH);
    for (int s = 0; s < SZ_N_STEPS; s++) {
        for (int i = 0; i < 16 * STRIDE; i++) out[i] = 0.25f;
        l->block[s](packed, right, out, STRIDE, right);
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < cols; j++) {
                double sum = 0.25;
                for (int k = 0; k < SZ_LAB_DEPTH; k++)
                    sum = step(s, sum, left[i * SZ_LAB_DEPTH + k], right[k * cols + j]);
                if (!near(out[i * STRIDE + j], sum)) return 0;
            }
        if (out[cols] != 0.25f) return 0;
    }
    return 1;
}

// ---- in memory ---------------------------------------------------------------------------------

// Rows of any length; nothing beyond them is touched.
static int check_rows(const sz_lab_loops *l, int n) {
    float dots[SZ_LAB_ROWS], sums[SZ_LAB_ROWS];
    fill(a, MOST, 3), fill(b, MOST, 4), fill(c, MOST, 5);
    memcpy(d, c, sizeof d);
    l->dots(dots, a, STRIDE, b, n);
    l->sums(sums, a, STRIDE, n);
    l->accumulate(c, a, STRIDE, n);
    for (int r = 0; r < SZ_LAB_ROWS; r++) {
        double dot = 0, sum = 0;
        for (int k = 0; k < n; k++)
            dot += (double)a[r * STRIDE + k] * b[k], sum += a[r * STRIDE + k];
        if (!near(dots[r], dot) || !near(sums[r], sum)) return 0;
    }
    for (int k = 0; k < MOST; k++) {
        double sum = d[k];
        for (int r = 0; k < n && r < SZ_LAB_ROWS; r++) sum += a[r * STRIDE + k];
        if (!near(c[k], sum) || (k >= n && c[k] != d[k])) return 0;
    }
    l->scale(c, 0.75f, b, n);
    for (int k = 0; k < MOST; k++)
        if (c[k] != (k < n ? 0.75f * b[k] : d[k])) return 0;
    return 1;
}

// Arrays of whole grains.
static int check_arrays(const sz_lab_loops *l, int n) {
    double dot = 0, poly = 0;
    fill(a, MOST, 6), fill(b, MOST, 7), memset(c, 0, sizeof c);
    l->add(c, a, b, n);
    for (int i = 0; i < MOST; i++)
        if (c[i] != (i < n ? a[i] + b[i] : 0)) return 0;
    for (int i = 0; i < n; i++) {
        double x = a[i];
        for (int k = 0; k < 5; k++) x = x * 0.5 + 1;
        dot += (double)a[i] * b[i], poly += x;
    }
    return near(l->dot(a, b, n), dot) && near(l->poly(a, n, 5, 0.5f, 1), poly);
}

static int check_bits(const sz_lab_loops *l, int bytes) {
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    unsigned char *to = (unsigned char *)c;
    long differ = 0;
    fill(a, MOST, 8), fill(b, MOST, 9), memset(c, 0, sizeof c);
    for (int i = 0; i < bytes; i++) differ += __builtin_popcount(x[i] ^ y[i]);
    if (l->differ(a, b, bytes) != differ) return 0;
    l->copy(to, x, bytes);
    if (memcmp(to, x, (size_t)bytes) != 0 || to[bytes] != 0) return 0;
    l->shift(to, x, bytes);
    for (int i = 0; i < bytes * 8; i++)
        if ((to[i >> 3] >> (i & 7) & 1) != (x[(i + 1) >> 3] >> ((i + 1) & 7) & 1)) return 0;
    return to[bytes] == 0;
}

static const char *check(const sz_lab_loops *l) {
    static const int lengths[] = {1, 7, 16, 37, 64, 1000, 1023};
    if (SZ_LAB_BLOCK % l->rows != 0) return "rows do not divide a block";
    if (!check_steps(l)) return "steps in registers";
    if (!check_block(l)) return "block of a product";
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        if (!check_rows(l, lengths[i])) return "rows";
    for (int n = 1; n <= 4; n++) {
        if (!check_arrays(l, n * SZ_LAB_GRAIN)) return "arrays";
        if (!check_bits(l, n * SZ_LAB_GRAIN * 4)) return "bits";
    }
    return NULL;
}

int main(int argc, char **argv) {
    const sz_lab_loops *last = NULL;
    sz_cpu_set cpu = sz_cpu_detect();
    for (;;) { // the widest set, then the next one ...
        const sz_lab_loops *l = sz_lab_loops_for(cpu);
        if (l == last) break;
        const char *wrong = check(l);
        printf("%s: %s%s\n", l->isa, wrong ? "wrong: " : "right", wrong ? wrong : "");
        if (wrong) return 1;
        if (!last && argc > 1 && strcmp(argv[1], l->isa) != 0)
            return printf("the widest set is not %s\n", argv[1]), 1;
        last = l;
        cpu &= ~(l->needs ? l->needs : ~(sz_cpu_set)0);
    }
    return 0;
}
