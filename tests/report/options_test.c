// SPDX-License-Identifier: Apache-2.0
// The parser of options against a table of its own.
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

// The parser reports errors through this; the rest of output.c is not needed here.
static char last_error[512];
int cli_error(const cli_app *app, int code, const char *fmt, ...) {
    (void)app;
    va_list args;
    va_start(args, fmt);
    vsnprintf(last_error, sizeof last_error, fmt, args);
    va_end(args);
    return code;
}

typedef struct options {
    bool strict;
    const char *name, *mode;
    int64_t top;
    double rate;
    cli_strings binds, inputs;
} options;

static const cli_option table[] = {
    {"strict", 's', CLI_FLAG, NULL, NULL, "", offsetof(options, strict)},
    {"name", 'n', CLI_STRING, "NAME", "none", "", offsetof(options, name)},
    {"mode", 0, CLI_CHOICE, "fast|slow", "fast", "", offsetof(options, mode)},
    {"top", 0, CLI_INT, "N", "-1", "", offsetof(options, top)},
    {"rate", 0, CLI_NUMBER, "X", "0.5", "", offsetof(options, rate)},
    {"bind", 0, CLI_WORDS, "K=V", NULL, "", offsetof(options, binds)},
    {"input", 0, CLI_LIST, "K=V", NULL, "", offsetof(options, inputs)},
};
static const cli_usage usage = {.options = table, .n_options = CLI_COUNT(table),
                                .size = sizeof(options), .max_args = -1};

// Parse the words (the last is NULL) after the name of a command.
static int parse(options *o, cli_common *common, int *first, char **argv) {
    static const cli_app app = {.command = "test"};
    int argc = 0;
    while (argv[argc]) argc++;
    *o = (options){0};
    *common = (cli_common){0};
    last_error[0] = 0;
    int code = cli_apply_initial(&app, &usage, o);
    return code ? code : cli_parse(&app, &usage, argc, argv, common, o, first);
}

// getopt wants words that it may move, not constants.
#define PARSE(...) parse(&o, &common, &first, (char *[]){(char[]){"test"}, __VA_ARGS__, NULL})
#define W(text) ((char[]){text})

static void values_reach_their_members(void **state) {
    (void)state;
    options o;
    cli_common common;
    int first;
    char *argv[] = {W("test"), W("file"), W("--strict"), W("-nx"), W("--mode=slow"), W("--top"),
                    W("3"), W("--rate=1e3"), W("-q"), W("-o"), W("out"), W("more"), NULL};
    assert_int_equal(parse(&o, &common, &first, argv), CLI_DONE);
    assert_true(o.strict);
    assert_string_equal(o.name, "x");
    assert_string_equal(o.mode, "slow");
    assert_int_equal(o.top, 3);
    assert_true(o.rate == 1000);
    assert_true(common.quiet);
    assert_string_equal(common.output, "out");
    assert_string_equal(argv[first], "file");
    assert_string_equal(argv[first + 1], "more");
    cli_release(&usage, &o);
}

static void initial_values_hold(void **state) {
    (void)state;
    options o;
    cli_common common;
    int first;
    assert_int_equal(PARSE(W("file")), CLI_DONE);
    assert_false(o.strict);
    assert_string_equal(o.name, "none");
    assert_string_equal(o.mode, "fast");
    assert_int_equal(o.top, -1);
    assert_true(o.rate == 0.5);
    assert_int_equal(o.binds.n, 0);
}

static void lists_grow_and_words_split(void **state) {
    (void)state;
    options o;
    cli_common common;
    int first;
    assert_int_equal(PARSE(W("--bind"), W("a=1,b=2"), W("--bind=c=3,"), W("--input=x=1,2"),
                           W("--input"), W("y=1x2")), CLI_DONE);
    assert_int_equal(o.binds.n, 3);
    assert_string_equal(o.binds.items[1], "b=2");
    assert_string_equal(o.binds.items[2], "c=3");
    assert_int_equal(o.inputs.n, 2);
    assert_string_equal(o.inputs.items[0], "x=1,2");
    cli_release(&usage, &o);
}

static void abbreviations_and_double_dash(void **state) {
    (void)state;
    options o;
    cli_common common;
    int first;
    char *argv[] = {W("test"), W("--str"), W("--"), W("--mode"), NULL};
    assert_int_equal(parse(&o, &common, &first, argv), CLI_DONE);
    assert_true(o.strict);
    assert_string_equal(argv[first], "--mode");
}

static void slips_are_named(void **state) {
    (void)state;
    options o;
    cli_common common;
    int first;
    static const struct {
        const char *word, *value, *error;
    } cases[] = {
        {"--stric=1", NULL, "option '--strict' takes no value"},
        {"--tpo", "3", "unknown option '--tpo': did you mean '--top'?"},
        {"--zzzzzzz", NULL, "unknown option '--zzzzzzz'; 'sizeup help test' lists them"},
        {"-z", NULL, "unknown option '-z'; 'sizeup help test' lists them"},
        {"--top", "-3", "option '--top' needs a whole number from 0 on, not '-3'"},
        {"--top", "3x", "option '--top' needs a whole number from 0 on, not '3x'"},
        {"--top", "", "option '--top' needs a whole number from 0 on, not ''"},
        {"--top", "99999999999999999999",
         "option '--top' needs a whole number from 0 on, not '99999999999999999999'"},
        {"--rate", "nan", "option '--rate' needs a number, not 'nan'"},
        {"--mode", "fas", "option '--mode' needs one of fast|slow, not 'fas'"},
        {"--mode", "", "option '--mode' needs one of fast|slow, not ''"},
        {"--name", NULL, "option '--name' needs NAME"},
        {"-n", NULL, "option '--name' needs NAME"},
    };
    for (size_t i = 0; i < CLI_COUNT(cases); i++) {
        char word[64], value[64];
        snprintf(word, sizeof word, "%s", cases[i].word);
        snprintf(value, sizeof value, "%s", cases[i].value ? cases[i].value : "");
        char *argv[] = {W("test"), word, cases[i].value ? value : NULL, NULL};
        assert_int_equal(parse(&o, &common, &first, argv), CLI_USAGE);
        assert_string_equal(last_error, cases[i].error);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_reach_their_members),
        cmocka_unit_test(initial_values_hold),
        cmocka_unit_test(lists_grow_and_words_split),
        cmocka_unit_test(abbreviations_and_double_dash),
        cmocka_unit_test(slips_are_named),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
