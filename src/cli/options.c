// SPDX-License-Identifier: Apache-2.0
// Parsing by table: the rows of a command and the common ones go to getopt_long, and each value
// into the struct member that its row names.
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 128, FIRST_CODE = 256 };

static const cli_option common_options[] = {
    {"format", 0, CLI_STRING, "FORMAT", "text", "text, json, csv, md or html",
     offsetof(cli_common, format)},
    {"output", 'o', CLI_STRING, "FILE", NULL, "write to FILE, whole or not at all",
     offsetof(cli_common, output)},
    {"quiet", 'q', CLI_FLAG, NULL, NULL, "no warnings on standard error",
     offsetof(cli_common, quiet)},
    {"no-color", 0, CLI_FLAG, NULL, NULL, "no colour (so does NO_COLOR)",
     offsetof(cli_common, no_color)},
    {"help", 'h', CLI_FLAG, NULL, NULL, "this help", offsetof(cli_common, help)},
    {"version", 0, CLI_FLAG, NULL, NULL, "the version", offsetof(cli_common, version)},
    {"limits", 0, CLI_FLAG, NULL, NULL, "what a model file may ask for ('list limits')",
     offsetof(cli_common, limits)},
};

const cli_option *cli_common_options(size_t *ret_n) {
    *ret_n = CLI_COUNT(common_options);
    return common_options;
}

// ---- values ------------------------------------------------------------------------------------

static bool is_choice(const char *words, const char *value) {
    size_t n = strlen(value);
    for (const char *p = words; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == 0)) return n > 0;
    return false;
}

static bool add_word(cli_strings *list, const char *word, size_t n) {
    const char **items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (!items) return false;
    list->items = items;
    char *copy = malloc(n + 1);
    if (!copy) return false;
    memcpy(copy, word, n);
    copy[n] = 0;
    items[list->n++] = copy;
    return true;
}

static bool add_words(cli_strings *list, const char *value) {
    for (;;) {
        size_t n = strcspn(value, ",");
        if (n && !add_word(list, value, n)) return false;
        if (!value[n]) return true;
        value += n + 1;
    }
}

static bool set_int(const char *value, int64_t least, int64_t *ret) {
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (errno || end == value || *end || v < least) return false;
    *ret = v;
    return true;
}

static bool set_number(const char *value, double *ret) {
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v)) return false;
    *ret = v;
    return true;
}

static int store(const cli_app *app, const cli_option *o, const char *value, void *target) {
    void *at = (char *)target + o->offset;
    bool room = true;
    switch (o->kind) {
    case CLI_FLAG: *(bool *)at = true; break;
    case CLI_STRING: *(const char **)at = value; break;
    case CLI_INT:
        if (set_int(value, value == o->initial ? INT64_MIN : 0, at)) break;
        return cli_error(app, CLI_USAGE, "option '--%s' needs a whole number from 0 on, not '%s'",
                         o->name, value);
    case CLI_NUMBER:
        if (set_number(value, at)) break;
        return cli_error(app, CLI_USAGE, "option '--%s' needs a number, not '%s'", o->name, value);
    case CLI_CHOICE:
        if (!is_choice(o->arg, value))
            return cli_error(app, CLI_USAGE, "option '--%s' needs one of %s, not '%s'", o->name,
                             o->arg, value);
        *(const char **)at = value;
        break;
    case CLI_LIST: room = add_word(at, value, strlen(value)); break;
    case CLI_WORDS: room = add_words(at, value); break;
    }
    return room ? CLI_DONE : cli_error(app, CLI_BUG, "no memory");
}

void cli_release(const cli_usage *usage, void *target) {
    for (size_t i = 0; i < usage->n_options; i++) {
        const cli_option *o = &usage->options[i];
        if (o->kind != CLI_LIST && o->kind != CLI_WORDS) continue;
        cli_strings *list = (cli_strings *)(void *)((char *)target + o->offset);
        for (size_t k = 0; k < list->n; k++) free((void *)(uintptr_t)list->items[k]);
        free(list->items);
        *list = (cli_strings){0};
    }
}

int cli_apply_initial(const cli_app *app, const cli_usage *usage, void *target) {
    for (size_t i = 0; i < usage->n_options; i++) {
        const cli_option *o = &usage->options[i];
        int code = o->initial ? store(app, o, o->initial, target) : CLI_DONE;
        if (code) return code;
    }
    return CLI_DONE;
}

// ---- parsing -----------------------------------------------------------------------------------

// What getopt sees: rows[code - FIRST_CODE] is the row of a code; common ones come first.
typedef struct grammar {
    const cli_option *rows[MAX_OPTIONS];
    struct option longs[MAX_OPTIONS + 1];
    char letters[2 * MAX_OPTIONS + 3];
    size_t n, n_common;
} grammar;

static void add_rows(grammar *g, const cli_option *rows, size_t n) {
    char *letter = g->letters + strlen(g->letters);
    for (size_t i = 0; i < n && g->n < MAX_OPTIONS; i++, g->n++) {
        bool takes = rows[i].kind != CLI_FLAG;
        int has_arg = takes ? required_argument : no_argument;
        g->rows[g->n] = &rows[i];
        g->longs[g->n] = (struct option){rows[i].name, has_arg, NULL, FIRST_CODE + (int)g->n};
        if (!rows[i].letter) continue;
        *letter++ = rows[i].letter;
        if (takes) *letter++ = ':';
    }
}

static const cli_option *row_of(const grammar *g, int code) {
    for (size_t i = 0; i < g->n; i++)
        if (FIRST_CODE + (int)i == code || (code && g->rows[i]->letter == code)) return g->rows[i];
    return NULL;
}

static int unknown_option(const cli_app *app, const grammar *g, const char *word) {
    if (optopt && optopt < FIRST_CODE)
        return cli_error(app, CLI_USAGE, "unknown option '-%c'; 'sizeup help%s%s' lists them",
                         optopt, app->command ? " " : "", app->command ? app->command : "");
    if (optopt)
        return cli_error(app, CLI_USAGE, "option '--%s' takes no value", row_of(g, optopt)->name);
    char name[64];
    const char *candidates[MAX_OPTIONS + 1] = {NULL};
    size_t n = strcspn(word + 2, "="), starts = 0; // getopt sends only long options here
    for (size_t i = 0; i < g->n; i++) {
        candidates[i] = g->rows[i]->name;
        starts += strncmp(candidates[i], word + 2, n) == 0;
    }
    if (starts > 1) return cli_error(app, CLI_USAGE, "option '%s' is short for several", word);
    if (n >= sizeof name) n = sizeof name - 1;
    memcpy(name, word + 2, n);
    name[n] = 0;
    const char *near = sz_text_nearest(name, candidates);
    if (near)
        return cli_error(app, CLI_USAGE, "unknown option '%s': did you mean '--%s'?", word, near);
    return cli_error(app, CLI_USAGE, "unknown option '%s'; 'sizeup help%s%s' lists them", word,
                     app->command ? " " : "", app->command ? app->command : "");
}

int cli_parse(const cli_app *app, const cli_usage *usage, int argc, char **argv, cli_common *common,
              void *target, int *ret_first) {
    grammar g = {.letters = {usage ? ':' : '+', usage ? 0 : ':'}};
    add_rows(&g, common_options, CLI_COUNT(common_options));
    g.n_common = g.n;
    if (usage) add_rows(&g, usage->options, usage->n_options);
    optind = 0; // 0, not 1: glibc then forgets what it knew of an earlier argv
    opterr = 0;
    for (;;) {
        int at = optind ? optind : 1;
        optopt = 0;
        int code = getopt_long(argc, argv, g.letters, g.longs, NULL);
        if (code == -1) break;
        if (code == '?') return unknown_option(app, &g, argv[optind > at ? optind - 1 : at]);
        const cli_option *o = row_of(&g, code == ':' ? optopt : code);
        if (!o) return cli_error(app, CLI_BUG, "option table and getopt disagree");
        if (code == ':')
            return cli_error(app, CLI_USAGE, "option '--%s' needs %s", o->name, o->arg);
        bool is_common = o >= common_options && o < common_options + CLI_COUNT(common_options);
        int result = store(app, o, optarg, is_common ? (void *)common : target);
        if (result) return result;
    }
    *ret_first = optind;
    return CLI_DONE;
}
