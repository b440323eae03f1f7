// SPDX-License-Identifier: Apache-2.0
// Two sets side by side: what is found, what is not, and the same both ways.
#include "store_fixture.h"

#include <sizeup/bench.h>

#define SAMPLE(name, ...) static const double name[] = {__VA_ARGS__};
#define SUMMARY(...)
#define SHIFT(...)
#define HOLM(...)
#include "../statistics_peers.def"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static sz_bench_set *new_set(fixture *f) {
    sz_bench_set *set;
    assert_ok(f, sz_bench_set_create(f->ctx, &set));
    return set;
}

// A case by name, with times or, n = 0, a summary.
static void add_case(fixture *f, sz_bench_set *set, const char *name, const char *machine,
                     const double *times, size_t n, const sz_bench_time *summary) {
    sz_bench b;
    sz_buf buf;
    char spec[256], where[256];
    sz_bench_init(&b);
    snprintf(spec, sizeof spec, "{\"name\":\"%s\"}", name);
    snprintf(where, sizeof where, "{\"name\":\"%s\"}", machine);
    b.case_name = name;
    b.spec_json = spec;
    b.machine_json = where;
    b.samples_s = times, b.n_samples = n;
    if (n)
        assert_ok(f, sz_bench_summarize(f->ctx, times, n, &b.time));
    else if (summary)
        b.time = *summary;
    sz_buf_init(&buf, f->ctx);
    assert_ok(f, sz_bench_json(f->ctx, &b, &buf));
    assert_ok(f, sz_bench_set_add(f->ctx, set, buf.data, buf.size));
    sz_buf_finish(&buf);
}

static sz_bench_comparison *compare(fixture *f, const sz_bench_set *a, const sz_bench_set *b,
                                    int any_machine) {
    const sz_compare_options options = {.any_machine = any_machine};
    sz_bench_comparison *c;
    assert_ok(f, sz_bench_compare(f->ctx, a, b, &options, &c));
    return c;
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance * fabs(want))) fail_msg("%.17g, expected %.17g", got, want);
}

// The p is scipy's for the same two samples (statistics_peers.def): ranks know no logarithm. Holm:
// with two cases the smaller p doubles.
static void test_found(void **state) {
    fixture *f = *state;
    sz_bench_set *a = new_set(f), *b = new_set(f);
    add_case(f, a, "slow", "m", sleep_11, COUNT(sleep_11), NULL);
    add_case(f, b, "slow", "m", sleep_12, COUNT(sleep_12), NULL);
    add_case(f, a, "same", "m", sleep_11, COUNT(sleep_11), NULL);
    add_case(f, b, "same", "m", sleep_11, COUNT(sleep_11), NULL);
    add_case(f, a, "gone", "m", five, COUNT(five), NULL);
    add_case(f, b, "new", "m", five, COUNT(five), NULL);
    sz_bench_comparison *c = compare(f, a, b, 0), *back = compare(f, b, a, 0);
    assert_int_equal(sz_bench_comparison_count(c), 2);
    const sz_change slow = sz_bench_comparison_row(c, 0), fast = sz_bench_comparison_row(back, 0);
    const sz_change same = sz_bench_comparison_row(c, 1);
    assert_string_equal(slow.name, "slow");
    assert_string_equal(slow.finding, "slower");
    assert_near(slow.p, 0.0002743924536898019, 1e-9);
    assert_near(slow.p_corrected, 2 * 0.0002743924536898019, 1e-9);
    assert_near(slow.ratio, 0.014034912500000002 / 0.0130608305, 1e-12);
    assert_true(slow.shift_lo > 1.05 && slow.shift_lo < slow.shift && slow.shift < slow.shift_hi);
    assert_string_equal(same.finding, "no difference");
    assert_true(same.ratio == 1 && same.shift == 1);
    // The other way round: the same with ratios turned over.
    assert_string_equal(fast.finding, "faster");
    assert_near(fast.p_corrected, slow.p_corrected, 1e-12);
    assert_near(fast.shift, 1 / slow.shift, 1e-12);
    assert_near(fast.shift_lo, 1 / slow.shift_hi, 1e-12);
    assert_near(fast.ratio, 1 / slow.ratio, 1e-12);
    const sz_changes sums = sz_bench_comparison_sums(c);
    assert_true(sums.compared == 2 && sums.tested == 2 && sums.slower == 1 && sums.faster == 0);
    assert_near(sums.mean_ratio, sqrt(slow.ratio), 1e-12);
    assert_string_equal(sz_bench_comparison_only(c, 0, 0), "gone");
    assert_string_equal(sz_bench_comparison_only(c, 1, 0), "new");
    assert_null(sz_bench_comparison_only(c, 1, 1));
    sz_bench_comparison_destroy(c);
    sz_bench_comparison_destroy(back);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
}

static int64_t broken(fixture *f, const sz_bench_set *a, const sz_bench_set *b, const char *gate) {
    sz_bench_comparison *c = compare(f, a, b, 0);
    assert_ok(f, sz_bench_comparison_gate(f->ctx, c, gate));
    const int64_t n = sz_bench_comparison_sums(c).broken;
    sz_bench_comparison_destroy(c);
    return n;
}

static void test_gates(void **state) {
    fixture *f = *state;
    sz_bench_set *a = new_set(f), *b = new_set(f);
    double noisy[12];
    for (int i = 0; i < 12; i++) noisy[i] = sleep_11[i] * (i % 2 ? 1.3 : 0.9);
    add_case(f, a, "slow", "m", sleep_11, COUNT(sleep_11), NULL);
    add_case(f, b, "slow", "m", sleep_12, COUNT(sleep_12), NULL); // 7.5 % slower
    add_case(f, a, "noisy", "m", sleep_11, COUNT(sleep_11), NULL);
    add_case(f, b, "noisy", "m", noisy, 12, NULL); // median up by more than 3 %, but it is luck
    assert_int_equal(broken(f, a, b, "median:+3%"), 1);
    assert_int_equal(broken(f, a, b, "median_s:+8%"), 0);
    assert_int_equal(broken(f, b, a, "median:+3%"), 0);
    assert_int_equal(broken(f, b, a, "median:-3%"), 1);
    assert_int_equal(broken(f, a, b, "min:+3%"), 1); // not tested: the number alone counts
    sz_bench_comparison *c = compare(f, a, b, 0);
    assert_int_equal(sz_bench_comparison_gate(f->ctx, c, "median:3%"), SZ_ERR_USAGE);
    assert_sentence(f, "is no gate such as 'median:+3%'");
    assert_int_equal(sz_bench_comparison_gate(f->ctx, c, "speed:+3%"), SZ_ERR_USAGE);
    assert_sentence(f, "'speed' is no number of a record");
    assert_int_equal(sz_bench_comparison_gate(f->ctx, c, "joule:+3%"), SZ_ERR_INPUT);
    assert_sentence(f, "no case has that number on both sides");
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
}

// Three times against three can't be told apart at 5 %, however far they are: the gate then goes by
// the number, and the case is not said to be tested.
static void test_few(void **state) {
    static const double one[] = {1, 1.1, 1.2}, two[] = {2, 2.1, 2.2};
    fixture *f = *state;
    sz_bench_set *a = new_set(f), *b = new_set(f);
    add_case(f, a, "few", "m", one, 3, NULL);
    add_case(f, b, "few", "m", two, 3, NULL);
    sz_bench_comparison *c = compare(f, a, b, 0);
    const sz_change r = sz_bench_comparison_row(c, 0);
    assert_string_equal(r.finding, "not tested");
    assert_string_equal(r.note, "too few times for a test");
    assert_true(isnan(r.p));
    assert_int_equal(broken(f, a, b, "median:+50%"), 1);
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
}

// Summaries only: log(1.1 / 1) over the error of both intervals, each of +- 2 %: 0.0953 /
// (sqrt(2) x 0.02 / 1.96) = 6.60 standard errors. Without intervals nothing is tested.
static void test_summaries(void **state) {
    fixture *f = *state;
    sz_bench none;
    sz_bench_set *a = new_set(f), *b = new_set(f);
    sz_bench_init(&none);
    sz_bench_time t = none.time;
    t.median_s = 1, t.ci_lo_s = exp(-0.02), t.ci_hi_s = exp(0.02), t.confidence = 0.95, t.n = 30;
    t.effective_n = 30, t.modes = 0;
    add_case(f, a, "known", "m", NULL, 0, &t);
    t.median_s = 1.1, t.ci_lo_s *= 1.1, t.ci_hi_s *= 1.1;
    add_case(f, b, "known", "m", NULL, 0, &t);
    t = none.time;
    t.mean_s = 1;
    add_case(f, a, "mean", "m", NULL, 0, &t);
    t.mean_s = 2;
    add_case(f, b, "mean", "m", NULL, 0, &t);
    sz_bench_comparison *c = compare(f, a, b, 0);
    const sz_change known = sz_bench_comparison_row(c, 0), mean = sz_bench_comparison_row(c, 1);
    assert_string_equal(known.method, "intervals");
    assert_near(known.p, erfc(log(1.1) / (sqrt(2) * 0.02 / 1.959963984540054) / sqrt(2)), 1e-9);
    assert_string_equal(known.finding, "slower");
    assert_string_equal(mean.method, "none");
    assert_string_equal(mean.finding, "not tested");
    assert_true(mean.ratio == 2);
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
}

static void test_machines(void **state) {
    fixture *f = *state;
    sz_bench_set *a = new_set(f), *b = new_set(f);
    add_case(f, a, "x", "here", sleep_11, COUNT(sleep_11), NULL);
    add_case(f, b, "x", "there", sleep_12, COUNT(sleep_12), NULL);
    sz_bench_comparison *c = compare(f, a, b, 0);
    assert_int_equal(sz_bench_comparison_count(c), 0);
    assert_int_equal(sz_bench_comparison_sums(c).other_machine, 1);
    sz_bench_comparison_destroy(c);
    c = compare(f, a, b, 1);
    assert_int_equal(sz_bench_comparison_count(c), 1);
    assert_string_equal(sz_bench_comparison_row(c, 0).finding, "slower");
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
}

// Records of one case are joined: 6 + 6 times are the 12 of one record.
static void test_joined(void **state) {
    fixture *f = *state;
    sz_bench_set *a = new_set(f), *b = new_set(f), *whole = new_set(f);
    add_case(f, a, "x", "m", sleep_11, 6, NULL);
    add_case(f, a, "x", "m", sleep_11 + 6, 6, NULL);
    add_case(f, whole, "x", "m", sleep_11, 12, NULL);
    add_case(f, b, "x", "m", sleep_12, 12, NULL);
    sz_bench_comparison *c = compare(f, a, b, 0), *d = compare(f, whole, b, 0);
    const sz_change x = sz_bench_comparison_row(c, 0), y = sz_bench_comparison_row(d, 0);
    assert_int_equal(x.n_a, 12);
    assert_true(x.p == y.p && x.shift == y.shift);
    assert_near(x.ratio, y.ratio, 1e-4); // of logarithms, halfway between two values
    sz_bench_comparison_destroy(c);
    sz_bench_comparison_destroy(d);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
    sz_bench_set_destroy(whole);
}

// 200 pairs of samples of one distribution: with the correction hardly ever a single alarm. Without
// it some 10 would be found.
static void test_many(void **state) {
    fixture *f = *state;
    sz_bench_set *a = new_set(f), *b = new_set(f);
    uint64_t random = 99;
    for (int i = 0; i < 400; i++) {
        char name[32];
        double times[20];
        for (int k = 0; k < 20; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            times[k] = 1 + (double)(random >> 40) / (1 << 24);
        }
        snprintf(name, sizeof name, "case %d", i / 2);
        add_case(f, i % 2 ? b : a, name, "m", times, 20, NULL);
    }
    sz_bench_comparison *c = compare(f, a, b, 0);
    int raw = 0;
    for (size_t i = 0; i < 200; i++) raw += sz_bench_comparison_row(c, i).p < 0.05;
    const sz_changes sums = sz_bench_comparison_sums(c);
    assert_int_equal(sums.tested, 200);
    assert_int_equal(sums.slower + sums.faster, 0);
    assert_true(raw > 2 && raw < 22);
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_found),    TEST(test_gates),  TEST(test_few),  TEST(test_summaries),
        TEST(test_machines), TEST(test_joined), TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
