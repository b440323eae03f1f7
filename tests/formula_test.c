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
    // 196 patches x 768 x 768; 12 layers of 197 tokens: 7,077,888 weights each and 2 products of
    // 768
    // per pair; 768 x 1000. A fixed picture leaves only N free.
    {"vit_b_16.dyn", "17563828224*N", 1},
    // 4 layers. 2 attention products of 8 heads x 32 per pair of a new token and one of the past
    // and
    // new: 2 x 256 x 4 = 2048. Per new token 4 x (2 x 256 x 256 + 2 x 256 x 64 + 3 x 256 x 688) +
    // 256 x 4096 = 3,817,472. `total`, the length of the mask, has no part in it.
    {"llama_tiny.dyn", "2048*batch*seq*past + 2048*batch*seq^2 + 3817472*batch*seq", 1},
    // Two bidirectional layers of 4 gates (128 + 256 and 512 + 256 inputs, 256 states), then 512
    // x 10.
    {"lstm.dyn", "2364416*N*T", 1},
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
        assert_int_equal(row.multiple, cases[i].multiple);
        sz_formula_destroy(f);
        sz_ctx_destroy(ctx);
    }
}

static const char *text_of(const sz_formula *f, const char *metric, const char **ret_why) {
    for (size_t i = 0; i < sz_formula_count(f); i++) {
        const sz_formula_row row = sz_formula_get(f, i);
        if (strcmp(row.metric, metric) != 0) continue;
        if (ret_why) *ret_why = row.why;
        return row.text;
    }
    return NULL;
}

typedef struct metric_case {
    const char *model, *metric, *text;
} metric_case;

static const metric_case metrics[] = {
    // The file's 3,475,078 numbers, 4 bytes each but for a few 8-byte shapes.
    {"mobilenet_v2.dyn", "params", "3475078"},
    // At the last concatenation: 2 x 32 channels in, 64 out, 4 bytes each, at every pixel; two
    // biases of 32 numbers, which the file copies, wait.
    {"unet.dyn", "peak_activation_bytes", "512*N*H*W + 256"},
    // At the first ReLU6 of features.2: 96 channels of 112 x 112 in and out; 51,104 bytes of copied
    // biases.
    {"mobilenet_v2.dyn", "peak_activation_bytes", "9633792*N + 51104"},
    // Of training alone.
    {"bert_base.dyn", "stored_statistic_bytes", NULL},
};

static void other_metrics(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        char path[1024];
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_formula *f = NULL;
        snprintf(path, sizeof path, "%s/models/%s.onnx", folder, metrics[i].model);
        assert_int_equal(sz_formula_create(ctx, path, NULL, NULL, &f), SZ_OK);
        const char *text = text_of(f, metrics[i].metric, NULL);
        if (metrics[i].text)
            assert_string_equal(text, metrics[i].text);
        else
            assert_null(text); // of training, which was not asked for
        sz_formula_destroy(f);
        sz_ctx_destroy(ctx);
    }
}

// With a training step: all of it is linear in the images.
static void of_training(void **state) {
    (void)state;
    char path[1024];
    const sz_cost_options how = {.training = 1};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_formula *f = NULL;
    snprintf(path, sizeof path, "%s/models/mobilenet_v2.dyn.onnx", folder);
    assert_int_equal(sz_formula_create(ctx, path, NULL, &how, &f), SZ_OK);
    // Every conv output is one image's: nothing is shared between images but the weights.
    const char *stored = text_of(f, "stored_activation_bytes", NULL);
    assert_non_null(stored);
    assert_non_null(strstr(stored, "*N"));
    assert_null(strstr(stored, "N^2"));
    assert_non_null(text_of(f, "backward_flops", NULL));
    sz_formula_destroy(f);
    sz_ctx_destroy(ctx);
}

// Four symbols on steps of 1024 do not fit 128 bits: no formula rather than a wrong one. The mask's
// length is free here, so a look-up in it reads the smaller of two sizes.
static void never_wrong(void **state) {
    (void)state;
    char path[1024];
    const char *why = NULL;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_formula *f = NULL;
    snprintf(path, sizeof path, "%s/models/llama_tiny.dyn.onnx", folder);
    assert_int_equal(sz_formula_create(ctx, path, NULL, NULL, &f), SZ_OK);
    assert_null(text_of(f, "bytes_read", &why));
    assert_non_null(why);
    // The peak moves to another node when sizes grow: said so.
    assert_non_null(text_of(f, "peak_activation_bytes", &why));
    assert_non_null(strstr(why, "another formula"));
    sz_formula_destroy(f);
    sz_ctx_destroy(ctx);
}

// A dimension that is the sum of others is none of the free ones. Held against a count at sizes off
// the grid: 16,081,149 bytes read by batch 1, 3 new tokens and 5 of the past, by hand from the
// text.
static void sums_of_dimensions(void **state) {
    (void)state;
    static const char *const binds[] = {"total=past+seq"};
    static const char *const sizes[] = {"total=past+seq", "past=5", "seq=3", "batch=1"};
    const sz_load_options free = {.binds = binds, .n_binds = 1};
    const sz_load_options fixed = {.binds = sizes, .n_binds = 4};
    char path[1024];
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_formula *f = NULL;
    sz_model *m = NULL;
    sz_costs *c = NULL;
    snprintf(path, sizeof path, "%s/models/llama_tiny.dyn.onnx", folder);
    assert_int_equal(sz_formula_create(ctx, path, &free, NULL, &f), SZ_OK);
    assert_int_equal(sz_formula_symbol_count(f), 3);
    assert_string_equal(text_of(f, "bytes_read", NULL),
                        "786*batch*seq*past + 3*seq*past + 16659*batch*past + 16*past + "
                        "786*batch*seq^2 + 3*seq^2 + 228523*batch*seq + 2932*seq + 16*batch + "
                        "15284457");
    assert_int_equal(sz_model_load(ctx, path, &fixed, &m), SZ_OK);
    assert_int_equal(sz_costs_create(ctx, m, NULL, &c), SZ_OK);
    assert_int_equal(sz_costs_total(c).bytes_read, 786 * 15 + 3 * 15 + 16659 * 5 + 16 * 5 +
                                                       786 * 9 + 3 * 9 + 228523 * 3 + 2932 * 3 +
                                                       16 + 15284457);
    sz_costs_destroy(c);
    sz_model_destroy(m);
    sz_formula_destroy(f);
    sz_ctx_destroy(ctx);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),       cmocka_unit_test(other_metrics),
        cmocka_unit_test(of_training),        cmocka_unit_test(never_wrong),
        cmocka_unit_test(sums_of_dimensions), cmocka_unit_test(says_when_there_is_none)};
    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
