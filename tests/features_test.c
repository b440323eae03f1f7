// SPDX-License-Identifier: Apache-2.0
// What of its work a kernel really does, and how often it starts, worked out by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sizeup/model.h>

#include "predict/features.h"

static void near_to(double have, double want) {
    if (!(fabs(have - want) <= 1e-12 * fabs(want))) fail_msg("%.12g is not %.12g", have, want);
}

static sz_features first_of(sz_ctx *ctx, sz_model *m) {
    sz_costs *costs = NULL;
    sz_features f;
    assert_int_equal(sz_costs_create(ctx, m, NULL, &costs), SZ_OK);
    assert_true(sz_features_of(costs, 0, &f));
    sz_costs_destroy(costs);
    return f;
}

// A window of 3 x 3 over 16 x 16. Taps 12 apart: those beside the middle meet 4 of 16 rows, so rows
// are (4 + 16 + 4) / 48; each meets some columns. Taps 24 apart: the middle alone meets anything.
static void convolutions(void **state) {
    static const struct {
        int out;
        const char *how;
        double worked;
    } cases[] = {
        {64, "pads=[1,1,1,1]", 1},
        {24, "pads=[1,1,1,1]", 32.0 / 24},
        {64, "pads=[12,12,12,12], dilations=[12,12]", 0.5},
        {64, "pads=[24,24,24,24], dilations=[24,24]", 1.0 / 9},
        {64, "auto_pad=\"SAME_UPPER\", dilations=[12,12]", 0.5},
        {64, "auto_pad=\"SAME_LOWER\", dilations=[24,24]", 1.0 / 9},
        {64, "pads=[12,1,12,1], dilations=[12,1], strides=[2,2]", 0.5}, // 2, 8 and 2 of 8
        {24, "pads=[24,24,24,24], dilations=[24,24]", 32.0 / 24 / 9},
    };
    sz_ctx *ctx = sz_ctx_create(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        sz_model *m = NULL;
        snprintf(text, sizeof text,
                 "graph g opset=17 {\n  input x: f32[1,8,16,16]\n  w = const f32[%d,8,3,3]\n"
                 "  y = Conv(x, w) {%s}\n  output y\n}\n",
                 cases[i].out, cases[i].how);
        if (sz_model_parse(ctx, text, NULL, &m) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
        const sz_features f = first_of(ctx, m);
        assert_string_equal(f.kind, "convolution");
        near_to(f.worked, cases[i].worked);
        near_to(f.starts, 1);
        sz_model_destroy(m);
    }
    sz_ctx_destroy(ctx);
}

// Of how many tensors the rows end within a line of 16 numbers. All channels of the groups together
// are a row.
static void ragged_rows(void **state) {
    static const struct {
        const char *spec;
        int axis;
        double tensors;
    } cases[] = {
        {"gemm:m=4,n=32,k=48", 5, 0},
        {"gemm:m=4,n=33,k=48", 5, 1},
        {"gemm:m=4,n=33,k=47", 5, 2},
        {"gemm:m=4,n=4096,k=8", 5, 1},
        {"conv2d:channels=16,filters=32,size=8,kernel=3,pad=1", 8, 0},
        {"conv2d:channels=3,filters=32,size=8,kernel=3,pad=1", 8, 1},
        {"conv2d:channels=24,filters=63,size=8,kernel=1,pad=0", 8, 2},
        {"conv2d:channels=64,filters=64,groups=64,size=8,kernel=3,pad=1", 8, 0},
        {"conv2d:channels=24,filters=24,groups=24,size=8,kernel=3,pad=1", 8, 2},
    };
    sz_ctx *ctx = sz_ctx_create(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sz_model *m = NULL;
        if (sz_model_load(ctx, cases[i].spec, NULL, &m) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
        near_to(first_of(ctx, m).x[cases[i].axis], log(1 + cases[i].tensors));
        sz_model_destroy(m);
    }
    sz_ctx_destroy(ctx);
}

// Blocks of 64 rows and columns among two threads: one has more of them, by this factor more than
// an equal share.
static void uneven_threads(void **state) {
    static const struct {
        const char *spec;
        double alone, together;
    } cases[] = {
        {"gemm:m=21,n=128,k=256", 1, 1},         // 1 x 2
        {"gemm:m=21,n=268,k=256", 1, 6.0 / 5},   // 1 x 5: three and two
        {"gemm:m=30,n=19,k=20", 1, 2},           // one: the other thread is idle
        {"gemm:m=65,n=448,k=192", 1, 1},         // 2 x 7
        {"gemm:m=130,n=130,k=192", 1, 10.0 / 9}, // 3 x 3
    };
    sz_ctx *ctx = sz_ctx_create(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int threads = 1; threads <= 2; threads++) {
            sz_model *m = NULL;
            if (sz_model_load(ctx, cases[i].spec, NULL, &m) != SZ_OK)
                fail_msg("%s", sz_ctx_error(ctx));
            sz_features f = first_of(ctx, m);
            const int n = f.n;
            sz_features_put_around(&f, 2e-6, 3e-6, (sz_fetch){0}, &(sz_around){1e6, 0, threads});
            assert_int_equal(f.n, n + 3);
            near_to(exp(f.x[n]), threads == 1 ? cases[i].alone : cases[i].together);
            near_to(exp(f.x[n + 1]), 3e-6);
            near_to(exp(f.x[n + 2]), 1e6);
            sz_model_destroy(m);
        }
    sz_ctx_destroy(ctx);
}

static void recurrent(void **state) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = NULL;
    (void)state;
    assert_int_equal(sz_model_load(ctx, "gru:input=8,units=16,steps=11", NULL, &m), SZ_OK);
    const sz_features f = first_of(ctx, m);
    assert_string_equal(f.kind, "GRU");
    near_to(f.starts, 11);
    near_to(f.worked, 1);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions), cmocka_unit_test(ragged_rows),
        cmocka_unit_test(uneven_threads), cmocka_unit_test(recurrent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
