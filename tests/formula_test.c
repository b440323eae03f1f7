// SPDX-License-Identifier: Apache-2.0
// Formulas of the free dimensions against closed forms worked out by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sizeup/formula.h>

static const char *folder; // of this file

typedef struct formula_case {
    const char *model, *macs;
    int64_t multiple;
} formula_case;

static const formula_case cases[] = {
    // 12 layers: 2 attention products of 768 per pair of tokens; 12 x 7,077,888 weights per token;
    // the pooler's 768 x 768 once per sequence.
    {"bert_base.dyn", "18432*batch*seq^2 + 84934656*batch*seq + 589824*batch", 1},
    // All work is per image.
    {"mobilenet_v2.dyn", "300774272*N", 1},
    // Two bidirectional layers of 4 gates (128 + 256 and 512 + 256 inputs, 256 states), then 512
    // x 10.
    {"lstm.dyn", "2364416*N*T", 32},
    // 9,221,177,344 MACs at 256 x 256 pixels; sizes halve three times and more.
    {"unet.dyn", "140704*N*H*W", 32},
};

static void closed_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[1024];
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_formula *f = NULL;
        assert_non_null(ctx);
        snprintf(path, sizeof path, "%s/models/%s.onnx", folder, cases[i].model);
        assert_int_equal(sz_formula_create(ctx, path, NULL, NULL, &f), SZ_OK);
        const sz_formula_row row = sz_formula_get(f, 0);
        assert_string_equal(row.metric, "macs");
        assert_non_null(row.text);
        assert_string_equal(row.text, cases[i].macs);
        assert_int_equal(sz_formula_multiple(f), cases[i].multiple);
        sz_formula_destroy(f);
        sz_ctx_destroy(ctx);
    }
}

// A convolution over sound drops a remainder at each stride: no polynomial, and it is said so.
static void says_when_there_is_none(void **state) {
    (void)state;
    char path[1024];
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_formula *f = NULL;
    snprintf(path, sizeof path, "%s/models/conv1d.dyn.onnx", folder);
    assert_int_equal(sz_formula_create(ctx, path, NULL, NULL, &f), SZ_OK);
    assert_null(sz_formula_get(f, 0).text);
    assert_non_null(sz_formula_get(f, 0).why);
    sz_formula_destroy(f);
    sz_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(closed_forms),
                                       cmocka_unit_test(says_when_there_is_none)};
    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
