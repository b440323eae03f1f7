// SPDX-License-Identifier: Apache-2.0
// Inference of language models: a machine of round numbers, worked out by hand; the pace of a
// server against the same steps one by one; two published terms of decoding.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <math.h>

#include <sizeup/inference.h>

// 4 layers of width 64, 4 heads that share 2 of keys, windows of 32 tokens in every layer.
static const char small[] =
    "{\"model_type\": \"mistral\", \"architectures\": [\"MistralForCausalLM\"],"
    "\"vocab_size\": 256, \"hidden_size\": 64, \"num_hidden_layers\": 4,"
    "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 128,"
    "\"sliding_window\": 32, \"max_position_embeddings\": 1024, \"torch_dtype\": \"float16\"}";

static const char mixture[] =
    "{\"model_type\": \"mixtral\", \"architectures\": [\"MixtralForCausalLM\"],"
    "\"vocab_size\": 256, \"hidden_size\": 64, \"num_hidden_layers\": 2,"
    "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 128,"
    "\"num_local_experts\": 8, \"num_experts_per_tok\": 2, \"max_position_embeddings\": 1024,"
    "\"torch_dtype\": \"float16\"}";

typedef struct fixture {
    sz_ctx *ctx;
    sz_model *model;
    sz_llm_form *form;
    sz_machine *machine;
} fixture;

static fixture begin(const char *config, const char *machine) {
    fixture f = {0};
    const sz_load_options any = {.allow_symbols = 1};
    f.ctx = sz_ctx_create(NULL);
    assert_non_null(f.ctx);
    assert_int_equal(
        sz_model_load_memory(f.ctx, "config.json", config, strlen(config), &any, &f.model), SZ_OK);
    assert_int_equal(sz_llm_form_create(f.ctx, f.model, &f.form), SZ_OK);
    assert_int_equal(sz_machine_synthetic(f.ctx, machine, &f.machine), SZ_OK);
    return f;
}

static void end(fixture *f) {
    sz_machine_destroy(f->machine);
    sz_llm_form_destroy(f->form);
    sz_model_destroy(f->model);
    sz_ctx_destroy(f->ctx);
}

static const char machine[] = "custom:flops=1e12,bandwidth=1e9,memory=1e9";

static double near_to(double a, double b) { return fabs(a / b - 1); }

// Query i meets 100 + i + 1 keys, or 32: half of the triangle where no window is.
static void test_half_attention(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    const sz_llm_counting half = {.half = 1}, full = {0};
    sz_llm_work a, b;
    // 4 layers, 4 heads x (16 + 16) per pair; 20 queries from the start: 210 pairs of 400
    assert_int_equal(sz_llm_form_work(f.form, &full, 1, 20, 0, &a), SZ_OK);
    assert_int_equal(sz_llm_form_work(f.form, &half, 1, 20, 0, &b), SZ_OK);
    assert_int_equal(a.macs - b.macs, 4 * 128 * (400 - 210));
    // behind 100 tokens each query meets 32 keys, not the 32 + 19 of the last chunk
    assert_int_equal(sz_llm_form_work(f.form, &full, 1, 20, 100, &a), SZ_OK);
    assert_int_equal(sz_llm_form_work(f.form, &half, 1, 20, 100, &b), SZ_OK);
    assert_int_equal(a.macs - b.macs, 4 * 128 * 20 * 19);
    assert_int_equal(a.bytes_read, b.bytes_read);
    end(&f);
}

// 4 layers x 2 heads x (16 + 16) numbers of a token.
static void test_pages(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    int64_t bytes;
    assert_int_equal(sz_llm_form_cache(f.form, sz_dtype_by_name("f16"), 17, 16, &bytes), SZ_OK);
    assert_int_equal(bytes, 4 * 64 * 2 * 32);
    assert_int_equal(sz_llm_form_cache(f.form, sz_dtype_by_name("f16"), 17, 1, &bytes), SZ_OK);
    assert_int_equal(bytes, 4 * 64 * 2 * 17);
    assert_int_equal(sz_llm_form_cache(f.form, sz_dtype_by_name("q8_0"), 1000, 1, &bytes), SZ_OK);
    assert_int_equal(bytes, 4 * 64 * 32 / 32 * 34); // a window of 32 tokens
    end(&f);
}

// The time per token is the mean over the steps, each of which is the longer of both.
static void test_steps(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    const sz_inference_options o = {.prompt = 10, .generate = 101, .batch = 3};
    sz_inference r;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &r), SZ_OK);
    double sum = 0;
    for (int64_t past = 10; past < 110; past++) {
        sz_llm_work w;
        assert_int_equal(sz_llm_form_work(f.form, &o.counting, 3, 1, past, &w), SZ_OK);
        sum += fmax((double)w.flops / 1e12, (double)(w.bytes_read + w.bytes_written) / 1e9);
    }
    assert_true(near_to(r.tpot_s, sum / 100) < 1e-9);
    assert_true(near_to(r.e2e_s, r.ttft_s + sum) < 1e-9);
    assert_string_equal(r.decode.level, "bound");
    assert_true(isnan(r.decode.time_hi_s));
    end(&f);
}

// A mixture reads 8 x (1 - (3/4)^n) experts for n tokens; each is 3 x 64 x 128 numbers of 2 bytes.
static void test_experts(void **state) {
    (void)state;
    fixture f = begin(mixture, machine);
    const sz_llm_counting how = {0};
    sz_llm_work at[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(sz_llm_form_work(f.form, &how, i + 1, 1, 0, &at[i]), SZ_OK);
    const double expert = 2 * 3 * 64 * 128 * 2; // both layers
    const double first = (double)(at[1].bytes_read - at[0].bytes_read);
    const double second = (double)(at[2].bytes_read - at[1].bytes_read);
    // what does not depend on experts is alike in both steps
    assert_true(fabs(first - second - expert * 8 * (0.25 * 0.75 - 0.25 * 0.75 * 0.75)) < 16);
    end(&f);
}

// A draft that costs nothing and is always right gives k + 1 tokens per step.
static void test_speculation(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    sz_inference_options o = {.prompt = 8, .generate = 9, .batch = 1, .draft_tokens = 3};
    sz_inference r;
    o.accept = 1;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &r), SZ_OK);
    assert_true(near_to(r.tokens_per_step, 4) < 1e-12);
    o.accept = 0.5; // 1 + 1/2 + 1/4 + 1/8
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &r), SZ_OK);
    assert_true(near_to(r.tokens_per_step, 1.875) < 1e-12);
    assert_true(near_to(r.tpot_s * 1.875, r.decode.time_s) < 1e-12);
    end(&f);
}

static void test_fit(void **state) {
    (void)state;
    fixture f = begin(small, "custom:flops=1e12,bandwidth=1e9,memory=1e6");
    sz_inference_options o = {.prompt = 10, .generate = 6, .batch = 1, .reserve_bytes = 1000};
    sz_inference r;
    o.activation_bytes_per_sequence = 5000;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &r), SZ_OK);
    const double per_sequence = 4 * 64 * 2 * 16 + 5000;
    const double left = 1e6 - 1000 - (double)sz_llm_form_shape(f.form).weight_bytes;
    assert_int_equal(r.memory.max_batch, (int64_t)(left / per_sequence));
    assert_int_equal(r.memory.max_context, INT32_MAX); // windows end the growth
    end(&f);
}

// The pace of one prompt, or of sequences alike, is the time of that step.
static void test_pace(void **state) {
    (void)state;
    static const char *const configs[] = {small, mixture};
    for (int c = 0; c < 2; c++) {
        fixture f = begin(configs[c], machine);
        const sz_inference_options o = {.prompt = 1, .generate = 1, .batch = 1};
        sz_llm_pace *pace;
        sz_inference r;
        sz_llm_work w;
        assert_int_equal(sz_llm_pace_create(f.ctx, f.form, f.machine, &o, &pace), SZ_OK);
        const sz_step_model m = sz_llm_step_model(pace);
        const sz_serving_step decode = {.decodes = 5, .cached_tokens = 5 * 20};
        assert_int_equal(sz_llm_form_work(f.form, &o.counting, 5, 1, 20, &w), SZ_OK);
        const double told = fmax((double)w.flops / 1e12,
                                 (double)(w.bytes_read + w.bytes_written) / 1e9);
        assert_true(near_to(m.seconds(m.self, &decode), told) < 1e-5);
        const sz_serving_step prompt = {.prompt_tokens = 16, .prompt_pairs = 256};
        const sz_inference_options p = {.prompt = 16, .generate = 1, .batch = 1};
        assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &p, &r), SZ_OK);
        // pairs of all keys are those of a chunk behind 8 tokens: the cache of these is read too
        assert_true(near_to(m.seconds(m.self, &prompt), r.ttft_s) < 0.02);
        sz_llm_pace_destroy(pace);
        end(&f);
    }
}

// 4 layers of width 64 over 2 x 2 x 2 devices; a start is 1 s, a byte takes 1 s.
static void test_devices(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    sz_llm_plan plan = {2, 2, 2, 1, {{{16, 1, 1, 1, "one"}}, 1}};
    sz_inference_options o = {.prompt = 10, .generate = 2, .batch = 3};
    sz_inference one, many;
    sz_llm_work w;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &one), SZ_OK);
    o.plan = &plan;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &many), SZ_OK);
    // 3 x 64 numbers of 2 bytes: 8 sums over 2 devices by doubling, 1 message to the next stage
    const double bytes = 3 * 64 * 2;
    assert_true(near_to(many.decode.network_s, 9 * (1 + bytes)) < 1e-9);
    assert_true(near_to(many.prefill.network_s, 9 * (1 + 10 * bytes)) < 1e-9);
    // both stages one after the other: half of the bytes, as heads of keys are split as well
    assert_int_equal(sz_llm_form_work(f.form, &o.counting, 3, 1, 10, &w), SZ_OK);
    const double work = (double)(w.bytes_read + w.bytes_written) / 2 / 1e9;
    assert_true(near_to(many.decode.memory_s, work) < 1e-9);
    assert_true(near_to(many.decode.time_s, work + many.decode.network_s) < 1e-9);
    assert_true(near_to(many.tokens_per_s, 2 * 3 / many.tpot_s) < 1e-9);
    assert_string_equal(many.decode.level, "mixed");
    assert_string_equal(many.decode.bound, "network");
    // half of the layers with half of the heads; the table of 256 x 64 stands in a stage alone
    assert_true(near_to(many.memory.cache, one.memory.cache / 4) < 1e-12);
    const double table = 256 * 64 * 2, all = (double)sz_llm_form_shape(f.form).weight_bytes;
    assert_true(near_to(many.memory.weights, ((all - 2 * table) / 2 + table) / 2) < 1e-12);
    // 4 tensor parallel devices and 2 heads of keys: every head is kept twice
    plan = (sz_llm_plan){4, 1, 1, 1, plan.net};
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &many), SZ_OK);
    assert_true(near_to(many.memory.cache, one.memory.cache / 2) < 1e-12);
    assert_true(near_to(many.memory.weights, all / 4) < 1e-12);
    end(&f);
}

// 8 experts, 2 of them for a token, over 4 devices of 4 replicas.
static void test_devices_of_experts(void **state) {
    (void)state;
    fixture f = begin(mixture, machine);
    const sz_llm_plan plan = {1, 1, 4, 4, {{{16, 1, 1, 1, "one"}}, 1}};
    sz_inference_options o = {.prompt = 10, .generate = 2, .batch = 3};
    sz_inference one, many;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &one), SZ_OK);
    o.plan = &plan;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &many), SZ_OK);
    // two layers send tokens away and get them back, 2 copies each, 3/4 of them to others
    const double bytes = 3 * 64 * 2 * 2;
    assert_true(near_to(many.decode.network_s, 2 * 2 * (3 + 0.75 * bytes)) < 1e-9);
    const double experts = 2.0 * 8 * 3 * 64 * 128 * 2; // bytes, both layers
    assert_true(near_to(one.memory.weights - many.memory.weights, 0.75 * experts) < 1e-12);
    // 12 tokens touch 1 - (3/4)^12 of a device's two experts, instead of 3 of all
    const double saved = experts * ((1 - pow(0.75, 3)) - (1 - pow(0.75, 12)) / 4);
    assert_true(near_to(one.decode.memory_s - many.decode.memory_s, saved / 1e9) < 1e-4);
    end(&f);
}

// Of 4 layers on 3 stages the fullest has 2, as on 2 stages.
static void test_uneven_stages(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    sz_llm_plan plan = {1, 2, 1, 1, {{{16, 1, 1, 1, "one"}}, 1}};
    sz_inference_options o = {.prompt = 10, .generate = 2, .batch = 3, .plan = &plan};
    sz_inference even, uneven;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &even), SZ_OK);
    plan.pipeline = 3;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &uneven), SZ_OK);
    assert_true(near_to(uneven.memory.weights, even.memory.weights) < 1e-12);
    assert_true(near_to(uneven.memory.cache, even.memory.cache) < 1e-12);
    assert_true(near_to(uneven.decode.memory_s, even.decode.memory_s) < 1e-12);
    plan.pipeline = 4;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &uneven), SZ_OK);
    assert_true(near_to(uneven.memory.cache, even.memory.cache / 2) < 1e-12);
    end(&f);
}

static void test_plans_refused(void **state) {
    (void)state;
    static const struct {
        sz_llm_plan plan;
        const char *says;
    } rows[] = {{{3, 1, 1, 1, {{{16, 1, 1, 1, "one"}}, 1}}, "the nearest is 2"},
                {{1, 5, 1, 1, {{{16, 1, 1, 1, "one"}}, 1}}, "4 layers can't be divided by 5"},
                {{1, 1, 2, 2, {{{16, 1, 1, 1, "one"}}, 1}}, "the nearest is 1"},
                {{2, 4, 4, 1, {{{16, 1, 1, 1, "one"}}, 1}}, "32 devices, the network 16"},
                {{0, 1, 1, 1, {{{16, 1, 1, 1, "one"}}, 1}}, "is 0: give 1 to"}};
    fixture f = begin(small, machine);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sz_llm_plan_check(f.ctx, f.form, &rows[i].plan), SZ_ERR_USAGE);
        if (!strstr(sz_ctx_error(f.ctx), rows[i].says)) fail_msg("%s", sz_ctx_error(f.ctx));
    }
    end(&f);
}

static void test_refused(void **state) {
    (void)state;
    fixture f = begin(small, machine);
    sz_inference_options o = {.prompt = 1000, .generate = 500, .batch = 1, .stack = "vlm"};
    sz_inference r;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &r), SZ_ERR_USAGE);
    assert_non_null(strstr(sz_ctx_error(f.ctx), "did you mean 'vllm'?"));
    o.stack = NULL;
    assert_int_equal(sz_inference_predict(f.ctx, f.form, f.machine, &o, &r), SZ_OK);
    bool warned = false;
    for (size_t i = 0; i < sz_ctx_warning_count(f.ctx); i++)
        warned = warned || strstr(sz_ctx_warning(f.ctx, i), "trained for 1024");
    assert_true(warned);
    sz_llm_work w;
    assert_int_equal(sz_llm_form_work(f.form, &o.counting, INT64_MAX, 2, 0, &w), SZ_ERR_LIMIT);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_attention), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_steps),          cmocka_unit_test(test_experts),
        cmocka_unit_test(test_speculation),    cmocka_unit_test(test_fit),
        cmocka_unit_test(test_pace),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_devices),        cmocka_unit_test(test_devices_of_experts),
        cmocka_unit_test(test_uneven_stages),
        cmocka_unit_test(test_plans_refused),
    };
    return cmocka_run_group_tests_name("inference", tests, NULL, NULL);
}
