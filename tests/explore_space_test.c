// SPDX-License-Identifier: Apache-2.0
// Spaces: constraints, conditions, specifications, metrics of users, and what is wrong with them.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explore/explore.h"

static sz_ctx *ctx;
static void ok(sz_status status) {
    if (status != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
}

static sz_space *space_of(const char *text) {
    sz_space *s;
    ok(sz_space_read(ctx, "s", text, strlen(text), &s));
    ok(sz_space_ready(ctx, s));
    return s;
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
    {"parameters:\n  a: {valuse: 1}\n",
     "file 's': line 2: a parameter has no key 'valuse', did you mean 'values'?: there are "
     "values, when, change"},
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
        cmocka_unit_test(constraints_hold),     cmocka_unit_test(bad_constraints_say_why),
        cmocka_unit_test(deep_constraints),     cmocka_unit_test(conditions_leave_out),
        cmocka_unit_test(sweeps_by_cost),       cmocka_unit_test(models_have_words),
        cmocka_unit_test(bad_specs_say_where),  cmocka_unit_test(specs_mean_the_same),
        cmocka_unit_test(empty_spaces_say_why), cmocka_unit_test(metrics_join),
        cmocka_unit_test(bad_tables_say_where),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
