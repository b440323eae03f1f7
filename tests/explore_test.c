// SPDX-License-Identifier: Apache-2.0
// Spaces, fronts, oracles, sensitivities: held to brute force on random spaces, and to sums that
// are known.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/splitmix.h"
#include "explore/explore.h"

static sz_ctx *ctx;
static uint64_t seed = 1;

static uint32_t below(uint32_t n) { return (uint32_t)(sz_splitmix(&seed) % n); }

static void ok(sz_status status) {
    if (status != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
}

static sz_space *space_of(const char *text) {
    sz_space *s;
    ok(sz_space_read(ctx, "s", text, strlen(text), &s));
    ok(sz_space_ready(ctx, s));
    return s;
}

// ---- brute force -------------------------------------------------------------------------------

static void ends(const sz_space *s, const sz_points *p, size_t i, size_t m, sz_dominance how,
                 double *worse, double *better) {
    sz_metrics v;
    sz_points_metrics(p, i, &v);
    const bool has = how == SZ_DOMINANCE_SURE && !isnan(v.lo[m]);
    const double lo = has ? v.lo[m] : v.value[m], hi = has ? v.hi[m] : v.value[m];
    const bool higher = sz_space_metric(s, m).higher;
    *worse = higher ? -lo : hi;
    *better = higher ? -hi : lo;
}

static bool dominates(const sz_space *s, const sz_points *p, size_t a, size_t b,
                      const size_t *metrics, size_t n, sz_dominance how) {
    bool strictly = false;
    for (size_t k = 0; k < n; k++) {
        double worse, better, unused;
        ends(s, p, a, metrics[k], how, &worse, &unused);
        ends(s, p, b, metrics[k], how, &unused, &better);
        if (worse > better) return false;
        strictly = strictly || worse < better;
    }
    return strictly;
}

static bool knows(const sz_points *p, size_t i, const size_t *metrics, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (isnan(sz_points_value(p, i, metrics[k]))) return false;
    return !sz_points_why(p, i);
}

// Few different values, so that ties are common.
static sz_points *random_points(const sz_space *s, size_t n, uint32_t values, bool intervals) {
    sz_points *p;
    ok(sz_points_create(ctx, s, &p));
    for (size_t i = 0; i < n; i++) {
        uint32_t setting[SZ_SPACE_PARAMETERS];
        sz_metrics m;
        sz_metrics_clear(&m);
        for (size_t k = 0; k < sz_space_parameters(s); k++)
            setting[k] = below((uint32_t)sz_space_values(s, k));
        for (size_t k = 0; k < SZ_METRICS_OWN; k++) {
            if (below(20) == 0) continue; // not known
            m.value[k] = 1 + below(values);
            if (!intervals || below(3) == 0) continue;
            m.lo[k] = m.value[k] - 0.5 * below(4);
            m.hi[k] = m.value[k] + 0.5 * below(4);
        }
        ok(sz_points_add(ctx, p, setting, &m, below(25) == 0 ? "it can't be had" : ""));
    }
    return p;
}

static void check_front(const sz_space *s, const sz_points *p, size_t n_metrics, sz_dominance how) {
    size_t metrics[3];
    unsigned char on[512];
    sz_front front;
    const size_t n = sz_points_count(p);
    for (size_t k = 0; k < n_metrics; k++) metrics[k] = (below(3) + 3 * k) % SZ_METRICS_OWN;
    ok(sz_front_find(ctx, p, metrics, n_metrics, how, on, &front));
    size_t unknown = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        bool want = knows(p, i, metrics, n_metrics);
        unknown += !want;
        for (size_t k = 0; want && k < n; k++)
            if (k != i && knows(p, k, metrics, n_metrics))
                want = !dominates(s, p, k, i, metrics, n_metrics, how);
        if (want != on[i])
            fail_msg("point %zu of %zu: %d by brute force, not %d", i, n, want, on[i]);
        count += want;
    }
    assert_int_equal(front.n, count);
    assert_int_equal(front.unknown, unknown);
}

static void fronts_equal_brute_force(void **state) {
    (void)state;
    sz_space *s = space_of("parameters: {a: 1-6, b: 1-5, c: 1-4}");
    for (int round = 0; round < 400; round++) {
        const bool intervals = round % 2;
        sz_points *p = random_points(s, 1 + below(120), 2 + below(12), intervals);
        for (size_t n = 1; n <= 3; n++) {
            check_front(s, p, n, SZ_DOMINANCE_SURE);
            check_front(s, p, n, SZ_DOMINANCE_VALUE);
        }
        sz_points_destroy(p);
    }
    sz_space_destroy(s);
}

// ---- oracle ------------------------------------------------------------------------------------

static double loss(double own, double best) {
    return own == best ? 0 : fabs(own - best) / fabs(best);
}

// The point of a setting, -1 = none that is known.
static int64_t find_point(const sz_points *p, size_t metric, const uint32_t *setting, size_t n) {
    for (size_t i = 0; i < sz_points_count(p); i++)
        if (memcmp(sz_points_setting(p, i), setting, n * sizeof *setting) == 0 &&
            knows(p, i, &metric, 1))
            return (int64_t)i;
    return -1;
}

static double best_value(const sz_space *s, const sz_points *p, size_t parameter, uint32_t value,
                         size_t metric) {
    double best = NAN;
    for (size_t i = 0; i < sz_points_count(p); i++) {
        const double v = sz_points_value(p, i, metric);
        if (sz_points_setting(p, i)[parameter] != value || !knows(p, i, &metric, 1)) continue;
        if (isnan(best) || (sz_space_metric(s, metric).higher ? v > best : v < best)) best = v;
    }
    return best;
}

// Least mean regret over all settings of the others, by trying each point's.
static double least_regret(const sz_space *s, const sz_points *p, size_t parameter, size_t metric) {
    const size_t n = sz_space_parameters(s);
    double least = NAN;
    for (size_t i = 0; i < sz_points_count(p); i++) {
        uint32_t setting[SZ_SPACE_PARAMETERS];
        double sum = 0;
        int64_t rows = 0;
        memcpy(setting, sz_points_setting(p, i), n * sizeof *setting);
        for (uint32_t v = 0; v < sz_space_values(s, parameter) && !isnan(sum); v++) {
            const double best = best_value(s, p, parameter, v, metric);
            if (isnan(best)) continue;
            setting[parameter] = v;
            const int64_t at = find_point(p, metric, setting, n);
            rows++;
            sum += at < 0 ? NAN : loss(sz_points_value(p, (size_t)at, metric), best);
        }
        if (!isnan(sum) && rows > 0 && !(least <= sum / (double)rows)) least = sum / (double)rows;
    }
    return least;
}

static sz_points *random_grid(const sz_space *s, uint32_t values, uint32_t holes) {
    sz_points *p;
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0};
    ok(sz_points_create(ctx, s, &p));
    do {
        sz_metrics m;
        sz_metrics_clear(&m);
        for (size_t k = 0; k < SZ_METRICS_OWN; k++)
            if (below(holes) != 0) m.value[k] = 1 + below(values);
        if (sz_space_allows(s, digits)) ok(sz_points_add(ctx, p, digits, &m, ""));
    } while (sz_space_step(s, digits));
    ok(sz_points_sort(ctx, p));
    return p;
}

static void check_oracle(const sz_space *s, const sz_points *p) {
    const size_t parameter = below((uint32_t)sz_space_parameters(s)), metric = below(4);
    sz_oracle o;
    ok(sz_oracle_find(ctx, p, parameter, metric, &o));
    size_t at = 0;
    for (uint32_t v = 0; v < sz_space_values(s, parameter); v++) {
        const double best = best_value(s, p, parameter, v, metric);
        if (isnan(best)) continue;
        assert_true(at < o.n);
        assert_int_equal(o.rows[at].value, v);
        assert_true(o.rows[at].metric == best);
        assert_true(sz_points_value(p, (size_t)o.rows[at].best, metric) == best);
        at++;
    }
    assert_int_equal(at, o.n);
    const double least = least_regret(s, p, parameter, metric);
    if (isnan(least) != (o.best_fixed < 0)) fail_msg("a best fixed setting: %g", least);
    if (o.best_fixed >= 0) assert_true(fabs(o.mean_regret - least) < 1e-12);
    sz_oracle_finish(ctx, &o);
}

static void oracles_equal_brute_force(void **state) {
    (void)state;
    sz_space *s = space_of("parameters: {a: 1-4, b: 1-3, c: 1-5}\nconstraints: a*c <= 15\n");
    for (int round = 0; round < 60; round++) {
        sz_points *p = random_grid(s, 3 + below(40), round % 3 ? 30 : 1000000);
        check_oracle(s, p);
        sz_points_destroy(p);
    }
    sz_space_destroy(s);
}

// ---- sensitivity -------------------------------------------------------------------------------

// y = a + 2 b + c d on a grid: the shares follow from the variances of a, b, c d by hand.
// a, b in {1, 2, 3}: Var = 2/3. c, d in {-1, 1}: c d has no first order, Var(c d) = 1.
static void shares_of_variance(void **state) {
    (void)state;
    sz_space *s = space_of("parameters: {a: [1, 2, 3], b: [1, 2, 3], c: [-1, 1], d: [-1, 1]}");
    sz_points *p;
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0};
    sz_sensitivity r[SZ_SPACE_PARAMETERS];
    ok(sz_points_create(ctx, s, &p));
    do {
        double v[4];
        sz_metrics m;
        sz_metrics_clear(&m);
        for (size_t k = 0; k < 4; k++) v[k] = sz_space_number(s, k, digits[k]);
        m.value[0] = v[0] + 2 * v[1] + v[2] * v[3] - 5; // not positive throughout: no logarithm
        ok(sz_points_add(ctx, p, digits, &m, ""));
    } while (sz_space_step(s, digits));
    ok(sz_sensitivity_find(ctx, p, 0, r));
    const double all = 2.0 / 3 + 4 * 2.0 / 3 + 1;
    const double first[] = {2.0 / 3 / all, 8.0 / 3 / all, 0, 0};
    const double total[] = {2.0 / 3 / all, 8.0 / 3 / all, 1 / all, 1 / all};
    for (size_t k = 0; k < 4; k++) {
        assert_false(r[k].log);
        assert_true(fabs(r[k].first_order - first[k]) < 1e-12);
        assert_true(fabs(r[k].total - total[k]) < 1e-12);
    }
    sz_points_destroy(p);
    sz_space_destroy(s);
}

// ---- constraints -------------------------------------------------------------------------------

static const struct {
    const char *text;
    bool holds; // where batch = 8, seq = 128, dtype = f16, name = "a b"
} expressions[] = {
    {"batch*seq <= 1024", true},
    {"batch*seq < 1024", false},
    {"batch + seq * 2 = 264", true},
    {"(batch + seq) * 2 = 272", true},
    {"batch - 2 - 1 = 5", true},
    {"seq / batch / 2 = 8", true},
    {"seq % 100 == 28", true},
    {"-batch < -7", true},
    {"- - batch = 8", true},
    {"not batch = 8", false},
    {"not batch = 9 and seq = 128", true},
    {"batch = 9 or seq = 128 and dtype = f16", true},
    {"(batch = 8 or seq = 128) and dtype = f32", false},
    {"dtype != f32", true},
    {"dtype = 'f16'", true},
    {"name = 'a b'", true},
    {"name = \"a c\"", false},
    {"batch >= 8 and batch <= 8.0", true},
    {"1e1 > batch", true},
    {"dtype <= 5", false}, // no number: no comparison holds
    {"dtype > 5", false},
    {"seq/0 > 1e300", true},
};

static void constraints_hold(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        const uint32_t setting[4] = {0};
        sz_space *s;
        ok(sz_space_create(ctx, &s));
        ok(sz_space_add(ctx, s, "batch", "8"));
        ok(sz_space_add(ctx, s, "seq", "128"));
        ok(sz_space_add(ctx, s, "dtype", "f16"));
        ok(sz_space_add(ctx, s, "name", "a b"));
        ok(sz_space_constrain(ctx, s, expressions[i].text));
        ok(sz_space_ready(ctx, s));
        if (sz_space_allows(s, setting) != expressions[i].holds)
            fail_msg("'%s' is not %d", expressions[i].text, expressions[i].holds);
        sz_space_destroy(s);
    }
}

static const struct {
    const char *text, *error;
} bad_expressions[] = {
    {"batch", "at character 6: nothing is compared: write 'batch <= 8'"},
    {"batch <=", "at character 9: it ends too early"},
    {"batch <= 8)", "at character 11: ')' without '('"},
    {"(batch <= 8", "at character 12: ')' is missing"},
    {"batch 8", "at character 7: an operator is missing here: + - * / % < <= > >= = != and or"},
    {"batch and seq", "at character 14: and, or, not join comparisons, such as 'batch <= 8'"},
    {"batch < 8 < 9", "at character 14: a comparison is no number: join comparisons by and, or"},
    {"btach <= 8",
     "'btach' is no parameter: did you mean 'batch'?; other words only stand beside a parameter "
     "and = or !="},
    {"dtype = 'f16", "at character 9: a quote is open"},
    {"batch <= 8x", "at character 10: a name begins with a letter: write words in quotes"},
    {"batch <= *", "at character 10: an operand is missing here"},
};

static void bad_constraints_say_why(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_expressions / sizeof *bad_expressions; i++) {
        sz_space *s;
        char want[512];
        ok(sz_space_create(ctx, &s));
        ok(sz_space_add(ctx, s, "batch", "8"));
        ok(sz_space_add(ctx, s, "seq", "128"));
        ok(sz_space_add(ctx, s, "dtype", "f16"));
        ok(sz_space_constrain(ctx, s, bad_expressions[i].text));
        assert_int_equal(sz_space_ready(ctx, s), SZ_ERR_INPUT);
        snprintf(want, sizeof want, "constraint '%s': %s", bad_expressions[i].text,
                 bad_expressions[i].error);
        assert_string_equal(sz_ctx_error(ctx), want);
        sz_space_destroy(s);
    }
}

// However deep: no recursion, a sentence.
static void deep_constraints(void **state) {
    (void)state;
    static char text[100001];
    memset(text, '(', sizeof text - 1);
    sz_space *s;
    ok(sz_space_create(ctx, &s));
    ok(sz_space_add(ctx, s, "a", "1"));
    ok(sz_space_constrain(ctx, s, text));
    assert_int_equal(sz_space_ready(ctx, s), SZ_ERR_INPUT);
    sz_space_destroy(s);
}

// ---- spaces ------------------------------------------------------------------------------------

// All settings of the grid, one way and the other.
static void conditions_leave_out(void **state) {
    (void)state;
    sz_space *s = space_of("parameters:\n"
                           "  threads: {values: 1-4, when: backend=b}\n"
                           "  backend: [a, b]\n"
                           "  pin: {values: [yes, no], when: 'threads=2,4'}\n"
                           "  batch: 1,2\n");
    // a: 1; b: threads 1, 3 without pin, 2, 4 with two of it: 1 + 2 + 4 = 7, and two batches
    assert_int_equal(sz_space_size(s), 14);
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0};
    int64_t n = 0;
    do {
        uint32_t tidy[SZ_SPACE_PARAMETERS];
        memcpy(tidy, digits, sizeof tidy);
        sz_space_tidy(s, tidy);
        assert_memory_equal(tidy, digits, sizeof tidy);
        assert_true(sz_space_allows(s, digits));
        n++;
    } while (sz_space_step(s, digits));
    assert_int_equal(n, 14);
    char text[64];
    sz_space_text(s, (uint32_t[]){0, 0, 0, 1}, text, sizeof text);
    assert_string_equal(text, "backend=a,batch=2");
    sz_space_destroy(s);
}

// The dearest parameter changes least often.
static void sweeps_by_cost(void **state) {
    (void)state;
    sz_space *s = space_of("parameters:\n"
                           "  cheap: {values: 1-3, change: 1}\n"
                           "  dear: {values: 1-4, change: 100}\n"
                           "  middle: {values: 1-2, change: 10}\n");
    uint32_t digits[SZ_SPACE_PARAMETERS] = {0}, last[3] = {0};
    int changes[3] = {0};
    while (sz_space_step(s, digits))
        for (size_t k = 0; k < 3; k++) {
            changes[k] += digits[k] != last[k];
            last[k] = digits[k];
        }
    assert_int_equal(changes[0], 4 * 2 * 3 - 1);
    assert_int_equal(changes[2], 4 * 2 - 1);
    assert_int_equal(changes[1], 4 - 1);
    sz_space_destroy(s);
}

static void models_have_words(void **state) {
    (void)state;
    sz_space *s;
    size_t at;
    ok(sz_space_create(ctx, &s));
    ok(sz_space_add_model(ctx, s, "transformer:layers=2-8*2,heads=4,hidden=128,256"));
    assert_true(sz_space_find(s, "layers", &at));
    ok(sz_space_add_model(ctx, s, "resnet:depth=18,50"));
    ok(sz_space_ready(ctx, s));
    assert_false(sz_space_find(s, "layers", &at));
    assert_true(sz_space_find(s, "transformer.layers", &at));
    assert_string_equal(sz_space_condition(s, at), "model=transformer:heads=4");
    assert_true(sz_space_find(s, "resnet.depth", &at));
    assert_int_equal(sz_space_size(s), 3 * 2 + 2);
    sz_space_destroy(s);
}

static const struct {
    const char *text, *error;
} bad_specs[] = {
    {"", "file 's': line 1: there is nothing in it"},
    {"a", "file 's': line 1: a space needs keys, such as model: resnet:depth=18,50"},
    {"batch: 1-8\nbacth: 2\n",
     "file 's': line 2: a space has no key 'bacth', did you mean 'batch'?: there are model, "
     "machine, batch, parameters, constraints, metrics, higher, price, pareto, oracle, best, by, "
     "search, budget, dominance"},
    {"parameters:\n  a: []\n", "file 's': line 2: parameter 'a' has no values: give one or more"},
    {"parameters:\n  a: 8-1\n",
     "file 's': line 2: parameter 'a': range '8-1' ends before it begins: 8 and 1"},
    {"parameters:\n  a: {values: 1, cost: 2}\n",
     "file 's': line 2: a parameter has no key 'cost': there are values, when, change"},
    {"parameters:\n  a: {when: b=1}\n", "file 's': line 2: parameter 'a' has no key 'values'"},
    {"parameters: {a: {values: 1, change: -1}}",
     "file 's': line 1: parameter 'a': a cost of changing is 0 or more"},
    {"{\"batch\": 1,\n \"batch\": 2}",
     "file 's': line 2: key 'batch' is there twice, first in line 1"},
    {"{\"batch\": [1, 2}", "file 's': line 1: '}' where '[' is open"},
    {"{\"batch\": [1, 2", "file 's': line 1: '[' is open"},
    {"batch: 1\n\tmachine: a\n", "file 's': line 2: a tab: indent by spaces"},
    {"batch: &x 1\n",
     "file 's': line 1: '&' begins something of YAML that is not read here: put the word in "
     "quotes"},
    {"batch: \"1", "file 's': line 1: a quote is open"},
    {"parameters:\n  a: 1\n    b: 2\n",
     "file 's': line 3: key 'b' is indented unlike the keys before it"},
    {"batch: 1\n- 2\n", "file 's': line 2: a list item among keys: indent it below its key"},
    {"constraints:\n  a: b\n",
     "file 's': line 1: 'constraints' needs a list, such as - batch*seq <= 8192"},
};

static void bad_specs_say_where(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_specs / sizeof *bad_specs; i++) {
        sz_space *s = NULL;
        const char *t = bad_specs[i].text;
        if (sz_space_read(ctx, "s", t, strlen(t), &s) != SZ_ERR_INPUT) fail_msg("'%s' is read", t);
        assert_string_equal(sz_ctx_error(ctx), bad_specs[i].error);
    }
}

// The same space in block style, in flow style, and as JSON.
static void specs_mean_the_same(void **state) {
    (void)state;
    static const char *const texts[] = {
        "# a comment\n---\nmodel:\n  - resnet:depth=18,50   # two\n  - mlp\nmachine: [h100, a100]\n"
        "parameters:\n  dtype:\n    values:\n    - f32\n    - f16\n    change: 3\n  'threads': "
        "1-4\n"
        "constraints:\n- threads <= 4\n- dtype != \"x\"\npareto: latency,memory\n",
        "model: [\"resnet:depth=18,50\", mlp]\nmachine: h100,a100\n"
        "parameters: {dtype: {values: [f32, f16], change: 3},\n   threads: 1-4}\n"
        "constraints: [threads <= 4, dtype != \"x\"]\npareto: [latency, memory]",
        "{\"model\":[\"resnet:depth=18,50\",\"mlp\"],\"machine\":[\"h100\",\"a100\"],"
        "\"parameters\":{\"dtype\":{\"values\":[\"f32\",\"f16\"],\"change\":3},"
        "\"threads\":[1,2,3,4]},\"constraints\":[\"threads <= 4\",\"dtype != \\\"x\\\"\"],"
        "\"pareto\":\"latency,\\u006demory\"}",
    };
    for (size_t i = 0; i < 3; i++) {
        sz_space *s = space_of(texts[i]);
        assert_int_equal(sz_space_size(s), 3 * 2 * 2 * 4);
        assert_int_equal(sz_space_constraints(s), 2);
        assert_string_equal(sz_space_constraint(s, 1), "dtype != \"x\"");
        assert_string_equal(sz_space_wish(s, "pareto"), "latency,memory");
        assert_string_equal(sz_space_name(s, 0), "model");
        sz_space_destroy(s);
    }
}

// ---- empty spaces ------------------------------------------------------------------------------

static const struct {
    const char *constraints, *error; // of a, b, c from 1 to 3
} empty[] = {
    {"[a > 3]", "constraint 'a > 3' holds in none of the 27 settings: loosen it, or give other "
                "values"},
    {"[b > 1, a > 2, a < 2]",
     "constraints 'a > 2' and 'a < 2' contradict each other: each holds in some of the 27 "
     "settings, both in none"},
    {"[a > b, b > c, c > a]", "the 3 constraints together hold in none of the 27 settings, though "
                              "any two of them do in some"},
};

static void empty_spaces_say_why(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        char text[256];
        snprintf(text, sizeof text, "parameters: {a: 1-3, b: 1-3, c: 1-3}\nconstraints: %s\n",
                 empty[i].constraints);
        sz_space *s = space_of(text);
        assert_int_equal(sz_space_explain(ctx, s), SZ_ERR_INPUT);
        assert_string_equal(sz_ctx_error(ctx), empty[i].error);
        sz_space_destroy(s);
    }
}

// ---- a user's metrics --------------------------------------------------------------------------

static void metrics_join(void **state) {
    (void)state;
    static const char csv[] = "batch, \"accuracy\",dtype,perplexity\r\n"
                              "1,0.75,f32,12\r\n"
                              "2.0,nan,\"f32\",11\r\n"
                              "\r\n"
                              "1,0.5,f16,\r\n"
                              "64,0.1,f16,3\r\n";
    sz_space *s;
    sz_metrics m;
    size_t accuracy, perplexity;
    ok(sz_space_create(ctx, &s));
    ok(sz_space_add(ctx, s, "batch", "1,2"));
    ok(sz_space_add(ctx, s, "dtype", "f32,f16"));
    sz_ctx_clear(ctx);
    ok(sz_space_join(ctx, s, "m.csv", csv, sizeof csv - 1, "accuracy"));
    ok(sz_space_ready(ctx, s));
    assert_int_equal(sz_ctx_warning_count(ctx), 3);
    assert_string_equal(sz_ctx_warning(ctx, 0),
                        "file 'm.csv': row 3: 'accuracy' is 'nan', which is no number");
    assert_string_equal(sz_ctx_warning(ctx, 1), "file 'm.csv': row 5: 'perplexity' is missing");
    assert_string_equal(sz_ctx_warning(ctx, 2),
                        "file 'm.csv': 1 of 4 rows are of values that the space has not");
    ok(sz_space_find_metric(ctx, s, "accuracy", &accuracy));
    ok(sz_space_find_metric(ctx, s, "perplexity", &perplexity));
    assert_true(sz_space_metric(s, accuracy).higher);
    assert_false(sz_space_metric(s, perplexity).higher);
    sz_metrics_clear(&m);
    sz_space_fill(s, (uint32_t[]){0, 0}, &m);
    assert_true(m.value[accuracy] == 0.75 && m.value[perplexity] == 12);
    sz_space_fill(s, (uint32_t[]){1, 0}, &m);
    assert_true(isnan(m.value[accuracy]) && m.value[perplexity] == 11);
    sz_space_fill(s, (uint32_t[]){0, 1}, &m);
    assert_true(m.value[accuracy] == 0.5 && isnan(m.value[perplexity]));
    sz_space_destroy(s);
}

static const struct {
    const char *csv, *error;
} bad_tables[] = {
    {"x,y\n1,2\n", "file 'm': no column is called like a parameter: nothing to join by"},
    {"batch\n1\n", "file 'm': all columns are parameters: there is no metric in it"},
    {"batch,latency\n1,2\n", "file 'm': column 'latency' is called like a metric that there is: "
                             "call it otherwise"},
    {"batch,y,y\n1,2,3\n", "file 'm': two columns are called 'y'"},
    {"batch,y\n1,2,3\n", "file 'm': row 2: it has other columns than the head"},
    {"batch,y\n1,2\n1.0,3\n", "file 'm': row 3: a row before it is of the same values"},
    {"batch,y\n1,\"2\n", "file 'm': row 2: a quote is open"},
    {"batch,y\n1,\"2\"3\n", "file 'm': row 2: text stands behind a quote"},
    {"batch,y\n7,2\n", "file 'm': none of its 1 rows is of the space"},
    {"batch,\n1,2\n", "file 'm': row 1: a column has no name"},
};

static void bad_tables_say_where(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_tables / sizeof *bad_tables; i++) {
        const char *t = bad_tables[i].csv;
        sz_space *s;
        ok(sz_space_create(ctx, &s));
        ok(sz_space_add(ctx, s, "batch", "1,2"));
        assert_int_equal(sz_space_join(ctx, s, "m", t, strlen(t), NULL), SZ_ERR_INPUT);
        assert_string_equal(sz_ctx_error(ctx), bad_tables[i].error);
        sz_space_destroy(s);
    }
}

// ---- all ---------------------------------------------------------------------------------------

static int begin(void **state) {
    (void)state;
    ctx = sz_ctx_create(NULL);
    return ctx ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    const size_t left = sz_ctx_memory_used(ctx);
    sz_ctx_clear(ctx);
    sz_ctx_destroy(ctx);
    return left > 1 << 20; // warnings and a message may remain
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fronts_equal_brute_force),
        cmocka_unit_test(oracles_equal_brute_force),
        cmocka_unit_test(shares_of_variance),
        cmocka_unit_test(constraints_hold),
        cmocka_unit_test(bad_constraints_say_why),
        cmocka_unit_test(deep_constraints),
        cmocka_unit_test(conditions_leave_out),
        cmocka_unit_test(sweeps_by_cost),
        cmocka_unit_test(models_have_words),
        cmocka_unit_test(bad_specs_say_where),
        cmocka_unit_test(specs_mean_the_same),
        cmocka_unit_test(empty_spaces_say_why),
        cmocka_unit_test(metrics_join),
        cmocka_unit_test(bad_tables_say_where),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
