// SPDX-License-Identifier: Apache-2.0
// Records: written, read back, and made of other tools' files (../results).
#include "store_fixture.h"

#include <jansson.h>

#include <sizeup/bench.h>

static const char *results;

static void assert_near(double got, double want, double tolerance) {
    if (fabs(got - want) > tolerance * fabs(want)) fail_msg("%.17g, expected %.17g", got, want);
}

static sz_bench_set *load(fixture *f, const char *file, const char *format, size_t n) {
    char path[4096];
    const char *got = "";
    sz_bench_set *set;
    snprintf(path, sizeof path, "%s/%s", results, file);
    assert_ok(f, sz_bench_set_create(f->ctx, &set));
    assert_ok(f, sz_bench_set_load(f->ctx, set, path, &got));
    assert_string_equal(got, format);
    assert_int_equal(sz_bench_set_count(set), n);
    return set;
}

static json_t *text_of(const sz_bench_set *set, size_t i) {
    json_t *record = json_loads(sz_bench_set_text(set, i), 0, NULL);
    assert_non_null(record);
    return record;
}

static json_t *file_of(const char *file) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", results, file);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

static json_t *original_of(const json_t *record) {
    return json_object_get(json_object_get(record, "imported"), "original");
}

// ---- foreign files -----------------------------------------------------------------------------

static void test_hyperfine(void **state) {
    fixture *f = *state;
    sz_bench_set *set = load(f, "hyperfine.json", "hyperfine", 2);
    json_t *file = file_of("hyperfine.json"), *record = text_of(set, 0);
    const json_t *first = json_array_get(json_object_get(file, "results"), 0);
    const sz_bench *b = sz_bench_set_get(set, 0);
    assert_string_equal(b->case_name, "sleep 0.011");
    assert_int_equal(b->n_samples, 12);
    assert_true(b->samples_s[0] == 0.013073133); // seconds are seconds
    assert_near(b->time.median_s, json_number_value(json_object_get(first, "median")), 1e-14);
    assert_near(b->time.stddev_s, json_number_value(json_object_get(first, "stddev")), 1e-12);
    assert_true(json_equal(original_of(record), first)); // nothing is lost
    assert_string_not_equal(b->case_hash, sz_bench_set_get(set, 1)->case_hash);
    json_decref(file);
    json_decref(record);
    sz_bench_set_destroy(set);
}

static void test_google(void **state) {
    fixture *f = *state;
    sz_bench_set *set = load(f, "google-benchmark.json", "google-benchmark", 3);
    const sz_bench *b = sz_bench_set_get(set, 0), *failed = sz_bench_set_get(set, 2);
    assert_string_equal(b->case_name, "copy/4096/repeats:9");
    assert_int_equal(b->n_samples, 9);
    assert_near(b->time.median_s, 2.3231461891161187e-06, 1e-14); // was 2.32... us
    assert_near(b->time.mean_s, 2.3210642973714055e-06, 1e-14);
    assert_near(b->time.stddev_s, 4.3169223689818750e-08, 1e-12);
    assert_true(isnan(failed->time.median_s) && failed->n_samples == 0);
    assert_int_equal(sz_ctx_warning_count(f->ctx), 1);
    assert_string_equal(sz_ctx_warning(f->ctx, 0), "google-benchmark: 'bad' failed: not here");
    json_t *record = text_of(set, 0);
    // All rows of the benchmark: nine repetitions, mean, median, stddev, cv.
    assert_int_equal(json_array_size(json_object_get(original_of(record), "benchmarks")), 13);
    json_decref(record);
    sz_bench_set_destroy(set);
}

static void test_llama(void **state) {
    static const char *const files[] = {"llama-bench.json", "llama-bench.jsonl"};
    fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        sz_bench_set *set = load(f, files[i], "llama-bench", 2);
        const sz_bench *b = sz_bench_set_get(set, 0), *g = sz_bench_set_get(set, 1);
        json_t *record = text_of(set, 0), *file = file_of("llama-bench.json");
        assert_string_equal(b->case_name, "qwen2 7B Q4_K - Medium pp512");
        assert_string_equal(g->case_name, "qwen2 7B Q4_K - Medium tg128");
        assert_near(b->time.mean_s, 72135640e-9, 1e-12); // its own mean and deviation, in ns
        assert_near(b->time.stddev_s, 1453752e-9, 1e-6);
        assert_near(g->time.mean_s, 1076767880e-9, 1e-12);
        assert_near(g->time.stddev_s, 9449585e-9, 1e-6);
        assert_near(b->samples_s[0], 0.0746019, 1e-15);
        assert_string_equal(b->started_utc, "2025-04-24T11:58:50Z");
        assert_string_equal(b->ran_as.backend, "llama.cpp");
        assert_int_equal(b->ran_as.threads, 8);
        const json_t *rate = json_object_get(record, "rate");
        assert_near(json_number_value(json_object_get(rate, "tokens_per_s")), 7100.002165, 1e-15);
        assert_true(isnan(b->rate.samples_per_s));
        assert_true(json_equal(original_of(record), json_array_get(file, 0)));
        json_decref(record);
        json_decref(file);
        sz_bench_set_destroy(set);
    }
}

static void test_benchmarker(void **state) {
    fixture *f = *state;
    sz_bench_set *set = load(f, "benchmarker-2021.json", "benchmarker", 1);
    const sz_bench *b = sz_bench_set_get(set, 0);
    assert_string_equal(b->case_name, "pytorch bert training batch 32");
    assert_near(b->time.mean_s, 6.264230015967041 / 4, 1e-15); // 4 batches to an epoch
    assert_int_equal(b->time.n, 40);
    assert_true(isnan(b->time.median_s));
    assert_near(b->rate.samples_per_s, 20.433477007347722, 1e-15);
    assert_near(b->rate.samples_per_s, 32 / b->time.mean_s, 1e-12); // the file agrees with itself
    assert_near(b->rate.flop_per_s, 456.6320540345641e9, 1e-15);
    assert_near(b->count.flops, 28604.482191360003e9 / 40, 1e-12);
    assert_true(isnan(b->energy.joule)); // never 0 J
    assert_string_equal(b->energy.why, "the file says 0 J: no sensor was read");
    assert_string_equal(b->ran_as.dtype, "FP32");
    json_t *record = text_of(set, 0), *file = file_of("benchmarker-2021.json");
    assert_true(json_equal(original_of(record), file));
    json_decref(record);
    json_decref(file);
    sz_bench_set_destroy(set);

    set = load(f, "benchmarker-2018.json", "benchmarker", 1);
    b = sz_bench_set_get(set, 0);
    assert_near(b->time.mean_s, 24.31149594327435 / 32, 1e-15);
    assert_near(b->rate.samples_per_s, 1024 / 24.31149594327435, 1e-12);
    sz_bench_set_destroy(set);
}

// ---- our own -----------------------------------------------------------------------------------

static void fill(sz_bench *b) {
    static const double times[] = {0.011, 0.010, 0.012, 0.0105, 0.1};
    sz_bench_init(b);
    b->case_name = "gemm m=4";
    b->spec_json = "{\"kind\": \"gemm\", \"m\": 4}";
    b->settings_json = "{\"threads\": 2}";
    b->machine_json = "{\"name\": \"here\", \"fingerprint\": \"f00\"}";
    b->samples_s = times;
    b->n_samples = 5;
    b->ran_as.backend = "onednn";
    b->count.flops = 128;
    b->verdict = "noisy";
    b->started_utc = "2026-11-28T12:00:00Z";
}

static void test_own(void **state) {
    fixture *f = *state;
    sz_bench b;
    sz_buf buf;
    sz_bench_set *set;
    fill(&b);
    b.time.warmup_s = 0.5;
    assert_ok(f, sz_bench_summarize(f->ctx, b.samples_s, b.n_samples, &b.time));
    assert_true(b.time.warmup_s == 0.5 && b.time.median_s == 0.011 && b.time.outliers_severe == 1);
    sz_buf_init(&buf, f->ctx);
    sz_buf_putc(&buf, '[');
    assert_ok(f, sz_bench_json(f->ctx, &b, &buf));
    sz_buf_putc(&buf, ',');
    b.machine_json = "{\"name\": \"there\", \"fingerprint\": \"f01\"}";
    assert_ok(f, sz_bench_json(f->ctx, &b, &buf));
    sz_buf_putc(&buf, ']');
    assert_ok(f, sz_bench_set_create(f->ctx, &set));
    assert_ok(f, sz_bench_set_read(f->ctx, set, buf.data, buf.size, NULL));
    const sz_bench *one = sz_bench_set_get(set, 0), *two = sz_bench_set_get(set, 1);
    assert_memory_equal(&one->time, &b.time, sizeof b.time);
    assert_int_equal(one->n_samples, 5);
    assert_true(one->samples_s[4] == 0.1 && one->count.flops == 128 && isnan(one->count.macs));
    assert_string_equal(one->ran_as.backend, "onednn");
    assert_string_equal(one->verdict, "noisy");
    assert_int_equal(strlen(one->id), 16);
    assert_string_not_equal(one->id, two->id);
    // The same work on another machine is another case.
    assert_string_equal(one->work_hash, two->work_hash);
    assert_string_not_equal(one->case_hash, two->case_hash);
    assert_int_equal(strlen(one->case_hash), 32);
    sz_bench_set_destroy(set);
    sz_buf_finish(&buf);
}

// The hash of SHA-256 over the canonical text, worked out with sha256sum:
// printf '{"settings":{"threads":2},"spec":{"kind":"gemm","m":4}}' | sha256sum
// and the same with "machine":"f00" in front.
static void test_hashes(void **state) {
    fixture *f = *state;
    static const char *const same[] = {
        "{\"schema\":\"sizeup.bench/1\",\"spec\":{\"kind\":\"gemm\",\"m\":4},"
        "\"settings\":{\"threads\":2},\"machine\":{\"fingerprint\":\"f00\",\"name\":\"x\"}}",
        "{\"schema\":\"sizeup.bench/1\",\"machine\":{\"fingerprint\":\"f00\"},"
        "\"settings\":{\"threads\":2},\"spec\":{\"m\":4,\"kind\":\"gemm\"},\"case\":\"other\"}",
    };
    for (int i = 0; i < 2; i++) {
        sz_bench_set *set;
        assert_ok(f, sz_bench_set_create(f->ctx, &set));
        assert_ok(f, sz_bench_set_add(f->ctx, set, same[i], strlen(same[i])));
        assert_string_equal(sz_bench_set_get(set, 0)->work_hash,
                            "2ca734894ec31b3ac1b0687b307fba29");
        assert_string_equal(sz_bench_set_get(set, 0)->case_hash,
                            "9cba24718d8ffebcd73520bbfd2af29b");
        sz_bench_set_destroy(set);
    }
}

static void test_bad(void **state) {
#define OWN "{\"schema\":\"sizeup.bench/1\","
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", "line 1"},
        {"nonsense", "line 1, column"},
        {"{}", "no results that are known; known are sizeup, hyperfine, google-benchmark"},
        {"[]", "no results that are known"},
        {"{\"schema\":\"sizeup.bench/2\"}", "newer sizeup"},
        {OWN "\"time\":3}", "'time' is not an object"},
        {OWN "\"time\":{\"n\":1.5}}", "'time.n' is not a whole number"},
        {OWN "\"time\":{\"median_s\":\"1\"}}", "'time.median_s' is not a number"},
        {OWN "\"time\":{\"median_s\":-1}}", "'time.median_s' is below 0"},
        {OWN "\"time\":{\"samples_s\":[1,0]}}", "element 2 is not a number above 0"},
        {OWN "\"time\":{\"samples_s\":{}}}", "'time.samples_s' is not an array"},
        {OWN "\"case\":7}", "'case' is not a string"},
        {OWN "\"spec\":[]}", "'spec' is not an object"},
        {OWN "\"a\":1}\n{]\n", "JSON line 2: line 1, column"},
        {"[" OWN "\"a\":1},3]", "record 2: no record of schema"},
        {"{\"results\":[{\"command\":\"x\",\"times\":[1,\"2\"]}]}", "result 1: 'times': element 2"},
        {"{\"context\":{},\"benchmarks\":[{\"name\":\"x\",\"real_time\":1,\"time_unit\":\"h\"}]}",
         "benchmark 1: 'time_unit' is not ns"},
        {"{\"context\":{},\"benchmarks\":[3]}", "benchmark 1: 'name' is not a string"},
        {"[{\"build_commit\":\"x\",\"n_prompt\":1,\"avg_ns\":1,\"samples_ns\":[-1]}]",
         "test 1: 'samples_ns': element 1"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sz_bench_set *set;
        sz_ctx_clear(f->ctx);
        assert_ok(f, sz_bench_set_create(f->ctx, &set));
        const size_t n = strlen(bad[i].text);
        assert_int_equal(sz_bench_set_read(f->ctx, set, bad[i].text, n, NULL), SZ_ERR_INPUT);
        assert_sentence(f, bad[i].words);
        sz_bench_set_destroy(set);
    }
}

static void test_deep(void **state) {
    fixture *f = *state;
    char text[256] = OWN "\"a\":";
    sz_bench_set *set;
    assert_ok(f, sz_bench_set_create(f->ctx, &set));
    memset(text + strlen(text), '[', 30);
    memset(text + strlen(text), ']', 30);
    text[strlen(text)] = '}';
    assert_int_equal(sz_bench_set_read(f->ctx, set, text, strlen(text), NULL), SZ_ERR_LIMIT);
    assert_sentence(f, "nested deeper than 24 levels");
    sz_bench_set_destroy(set);
}

static void test_torn(void **state) {
    static const char lines[] = OWN "\"case\":\"a\"}\n" OWN "\"case\":\"b\"}\n" OWN "\"cas";
    fixture *f = *state;
    sz_bench_set *set;
    assert_ok(f, sz_bench_set_create(f->ctx, &set));
    assert_ok(f, sz_bench_set_read(f->ctx, set, lines, sizeof lines - 1, NULL));
    assert_int_equal(sz_bench_set_count(set), 2);
    assert_string_equal(sz_ctx_warning(f->ctx, 0), "line 3 is torn and left out");
    sz_bench_set_destroy(set);
}

// A store of lines is a file of records too, its headers and places left out.
static void test_lines_of_a_store(void **state) {
    fixture *f = *state;
    sz_bench_set *set;
    fixture_paths(f, "jsonl", "s");
    sz_store *s = open_store(f, SZ_STORE_WRITE);
    begin(f, s);
    append(f, s, 1, 0), append(f, s, 1, 1);
    sz_store_close(s);
    assert_ok(f, sz_bench_set_create(f->ctx, &set));
    assert_ok(f, sz_bench_set_load(f->ctx, set, f->path, NULL));
    assert_int_equal(sz_bench_set_count(set), 2);
    char want[1024];
    record_text(want, sizeof want, 0);
    assert_null(strstr(sz_bench_set_text(set, 0), "stored"));
    assert_string_equal(sz_bench_set_get(set, 0)->case_hash, "hash0"); // as it was stored
    sz_bench_set_destroy(set);
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_hyperfine), TEST(test_google),           TEST(test_llama), TEST(test_benchmarker),
        TEST(test_own),       TEST(test_hashes),           TEST(test_bad),   TEST(test_deep),
        TEST(test_torn),      TEST(test_lines_of_a_store),
    };
    results = argc > 1 ? argv[1] : "tests/results";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
