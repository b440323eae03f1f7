// SPDX-License-Identifier: Apache-2.0
// What may stand at the end of a command line, for the completions of shells. It comes from the
// same tables as parsing and help, when a shell asks, so that no script ages.
//
// The answer's first line is "words", "files" or "folders", a tab, and the bytes of the word that
// stay: the shell adds names of files to them. Then come the words, whole, one a line, each with a
// tab and what it is. After one that ends in : = or , the word goes on.
#include "cli/complete.h"
#include "cli/machines.h"

#include <stdio.h>
#include <string.h>

#include <sizeup/bench.h>
#include <sizeup/cost.h>
#include <sizeup/dtype.h>
#include <sizeup/explore.h>
#include <sizeup/inference.h>
#include <sizeup/lab.h>
#include <sizeup/llm_write.h>
#include <sizeup/model.h>
#include <sizeup/optimize.h>
#include <sizeup/results.h>
#include <sizeup/run.h>

enum { MAX_SHOWN = 128 }; // options of a command, as in options.c

typedef struct place {
    cli_app *app;
    sz_buf words;
    const char *word;           // that ends the line, all of it
    size_t keep;                // its first bytes stay as they are: "--machine=a100,"
    const cli_command *command; // NULL: not yet named
    const char *args[8];        // words before it that are no options, after the command's name
    int n_args;
    bool given[MAX_SHOWN];      // options that stand there already
    const char *files;          // "files", "folders"; NULL: no names of files
} place;

static bool starts(const char *text, const char *with, size_t n) {
    return strncmp(text, with, n) == 0;
}

static bool same(const char *text, const char *word, size_t n) {
    return strlen(text) == n && starts(text, word, n);
}

// Offer `name` with `end` behind it, if it goes on from what was typed.
static void offer_n(place *p, const char *name, size_t n, const char *end, const char *what) {
    const char *typed = p->word + p->keep;
    const size_t length = strlen(typed), head = length < n ? length : n;
    if (!starts(name, typed, head) || !starts(end, typed + head, length - head)) return;
    sz_escape(&p->words, SZ_SINK_TERMINAL, p->word, p->keep);
    sz_escape(&p->words, SZ_SINK_TERMINAL, name, n);
    sz_buf_puts(&p->words, end);
    sz_buf_putc(&p->words, '\t');
    if (what) sz_escape(&p->words, SZ_SINK_TERMINAL, what, strlen(what));
    sz_buf_putc(&p->words, '\n');
}

static void offer(place *p, const char *name, const char *what) {
    offer_n(p, name, strlen(name), "", what);
}

// Each of "a|b|c"; end: what may follow at once.
static void offer_choices(place *p, const char *words, const char *end) {
    for (;;) {
        const size_t n = strcspn(words, "|");
        offer_n(p, words, n, end, NULL);
        if (!words[n]) return;
        words += n + 1;
    }
}

// Only what stands behind the last of `mark` is completed.
static void go_behind(place *p, char mark) {
    const char *last = strrchr(p->word + p->keep, mark);
    if (last) p->keep = (size_t)(last + 1 - p->word);
}

// ---- sources -----------------------------------------------------------------------------------

static void offer_files(place *p) { p->files = "files"; }

static void offer_formats(place *p) {
    sz_writer_row row;
    for (size_t i = 0; sz_list_writer(i, &row); i++) offer(p, row.name, row.what);
    if (p->command && p->command->usage->extra_format)
        offer(p, p->command->usage->extra_format, NULL);
}

static void offer_machines(place *p) {
    char folder[4096], **saved = NULL;
    const char *name;
    offer(p, "here", "the last measurement of this machine");
    for (size_t i = 0; (name = sz_list_machine(i)); i++) offer(p, name, "data sheet");
    if (cli_machine_folder(folder, sizeof folder) &&
        sz_machine_names(p->app->ctx, folder, &saved) == SZ_OK) {
        for (size_t i = 0; saved[i]; i++)
            if (strcmp(saved[i], "here") != 0) offer(p, saved[i], "measured");
        sz_machine_names_free(p->app->ctx, saved);
    }
    offer_files(p);
}

static void offer_backends(place *p) {
    sz_backend_row row;
    for (size_t i = 0; sz_list_backend(i, &row); i++) offer(p, row.name, row.what);
}

static void offer_conventions(place *p) {
    sz_convention_row row;
    for (size_t i = 0; sz_list_convention(i, &row); i++) offer(p, row.name, row.what);
}

static void offer_recipes(place *p) {
    sz_recipe_row row;
    for (size_t i = 0; sz_list_recipe(i, &row); i++) offer(p, row.name, row.what);
}

static void offer_passes(place *p) {
    sz_pass_row row;
    for (size_t i = 0; sz_list_pass(i, &row); i++) offer(p, row.name, row.what);
}

static void offer_stacks(place *p) {
    sz_stack s;
    offer(p, "none", "a bound, no estimate");
    for (size_t i = 0; sz_list_stack(i, &s); i++) offer(p, s.name, s.on);
}

static void offer_dtypes(place *p) {
    for (int i = 1; i < sz_dtype_count(); i++) offer(p, sz_dtype_get((sz_dtype)i)->name, NULL);
}

static void offer_levels(place *p) {
    offer_choices(p, "bound|roofline|tiles|sum|calibrated", "");
}

static void offer_stores(place *p) {
    sz_store_driver_row row;
    if (!strchr(p->word + p->keep, ':'))
        for (size_t i = 0; sz_list_store_driver(i, &row); i++)
            offer_n(p, row.scheme, strlen(row.scheme), ":", row.what);
    go_behind(p, ':');
    offer_files(p);
}

static void offer_metrics(place *p) {
    sz_metric row;
    for (size_t i = 0; sz_list_metric(i, &row); i++) offer(p, row.word, row.doc);
}

static void offer_searches(place *p) {
    sz_search_row row;
    for (size_t i = 0; sz_list_search(i, &row); i++) offer(p, row.name, row.what);
}

// Parameters of 'explore'; end: what stands behind each of them.
static void offer_space_with(place *p, const char *end) {
    sz_explore_parameter_row row;
    for (size_t i = 0; sz_list_explore_parameter(i, &row); i++)
        offer_n(p, row.name, strlen(row.name), end, row.what);
}

static void offer_space(place *p) { offer_space_with(p, ""); }

static void offer_architectures(place *p) {
    const char *name;
    for (size_t i = 0; (name = sz_list_llm_writable(i)); i++) offer(p, name, NULL);
}

static void offer_runs(place *p) { offer(p, "last", "the newest run of the store"); }
static void offer_policies(place *p) {
    offer_choices(p, "continuous|disaggregated", "");
    offer_choices(p, "static|chunked", ":");
}
static void offer_lengths(place *p) { offer_choices(p, "uniform|lognormal", ":"); }
static void offer_promises(place *p) { offer_choices(p, "ttft|tpot", "="); }

static void offer_arrivals(place *p) {
    if (starts(p->word + p->keep, "trace:", 6)) {
        go_behind(p, ':');
        offer_files(p);
    } else offer_choices(p, "poisson|gamma|uniform|constant|trace", ":");
}

static void offer_experiments(place *p) {
    sz_lab_info info;
    for (size_t i = 0; sz_list_lab(i, &info); i++) offer(p, info.name, info.what);
}

static void offer_tables(place *p) {
    const char *what, *name;
    for (size_t i = 0; (name = cli_listing(i, &what)); i++) offer(p, name, what);
}

static void offer_commands(place *p) {
    char name[64];
    size_t n;
    const cli_command *all = cli_commands(&n);
    if (p->command && p->command->run == cli_schema)
        for (size_t i = 0; cli_schema_name(i, name, sizeof name); i++) offer(p, name, NULL);
    else
        for (size_t i = 0; i < n; i++) offer(p, all[i].name, all[i].summary);
}

// ---- nets --------------------------------------------------------------------------------------

// The family that the first bytes of a word name; false: none.
static bool find_net(const char *word, size_t n, size_t *ret_i) {
    sz_net_row row;
    for (size_t i = 0; sz_list_net(i, &row); i++)
        if (same(row.name, word, n)) return *ret_i = i, true;
    return false;
}

// Is the parameter among "depth=50,batch=8"?
static bool is_set(const char *words, size_t n, const char *name) {
    const size_t length = strlen(name);
    for (size_t at = 0; at + length < n; at++)
        if ((at == 0 || words[at - 1] == ',') && starts(words + at, name, length) &&
            words[at + length] == '=')
            return true;
    return false;
}

// Values of a parameter, where they are few.
static void offer_values(place *p, const sz_net_param_row *row) {
    enum { FEW = 9 };
    p->keep = (size_t)(strchr(p->word + p->keep, '=') + 1 - p->word);
    if (row->words) offer_choices(p, row->words, "");
    for (int64_t v = row->min; !row->words && row->max - row->min < FEW && v <= row->max; v++) {
        char text[24];
        snprintf(text, sizeof text, "%lld", (long long)v);
        offer(p, text, NULL);
    }
}

// "NAME=" of a family's parameters, or what may follow it; `set`: those that are there already.
static void offer_params(place *p, size_t net, const char *set, size_t n_set) {
    const char *typed = p->word + p->keep;
    const char *equals = strchr(typed, '=');
    sz_net_param_row row;
    for (size_t k = 0; sz_list_net_param(net, k, &row); k++) {
        if (equals && same(row.name, typed, (size_t)(equals - typed))) {
            offer_values(p, &row);
            return;
        }
        if (!equals && !is_set(set, n_set, row.name))
            offer_n(p, row.name, strlen(row.name), "=", row.what);
    }
}

// A family with its parameters, or a file.
static void offer_models(place *p) {
    const char *typed = p->word + p->keep;
    const size_t n = strcspn(typed, ":");
    sz_net_row row;
    size_t net;
    if (typed[n] == ':' && find_net(typed, n, &net)) {
        p->keep += n + 1;
        go_behind(p, ',');
        offer_params(p, net, typed + n + 1, (size_t)(p->word + p->keep - typed) - n - 1);
        return;
    }
    for (size_t i = 0; sz_list_net(i, &row); i++) offer(p, row.name, row.what);
    offer_files(p);
}

static void offer_workloads(place *p) {
    sz_suite_row row;
    if (starts(p->word + p->keep, "suite:", 6)) {
        p->keep += 6;
        offer_files(p);
        return;
    }
    for (size_t i = 0; sz_list_suite(i, &row); i++) offer(p, row.name, row.what);
    offer_n(p, "suite", 5, ":", "a list of workloads of your own");
    offer_models(p);
}

// Words NAME=RANGE behind a workload.
static void offer_parameters(place *p) {
    size_t net;
    if (p->command->run == cli_explore) offer_space_with(p, "=");
    if (p->n_args == 0 || !find_net(p->args[0], strlen(p->args[0]), &net)) return;
    offer_params(p, net, "", 0);
}

static void offer_compared(place *p) {
    offer_runs(p);
    offer_models(p);
}

// ---- options -----------------------------------------------------------------------------------

typedef struct source {
    const char *name;
    void (*offer)(place *p);
    bool many;
} source;

static const source values[] = {
#define VALUE(option, ident, many) {option, offer_##ident, many},
#define PLACE(word, ident)
#include "cli/values.def"
#undef VALUE
#undef PLACE
};

static const source places[] = {
#define VALUE(option, ident, many)
#define PLACE(word, ident) {word, offer_##ident, false},
#include "cli/values.def"
#undef VALUE
#undef PLACE
};

static const source *find_source(const source *all, size_t n_all, const char *name, size_t n) {
    for (size_t i = 0; i < n_all; i++)
        if (same(all[i].name, name, n)) return &all[i];
    return NULL;
}

static bool is_small(char c) { return c >= 'a' && c <= 'z'; }

// Words "a|b" as they are, "MODEL|RUN" by their sources.
static void offer_place(place *p, const char *words, size_t n) {
    while (n > 0) {
        size_t length = 0;
        while (length < n && words[length] != '|') length++;
        const source *s = find_source(places, CLI_COUNT(places), words, length);
        if (is_small(words[0])) offer_n(p, words, length, "", NULL);
        else if (s) s->offer(p);
        const size_t step = length < n ? length + 1 : n;
        words += step, n -= step;
    }
}

static void offer_value(place *p, const cli_option *o) {
    const source *s = find_source(values, CLI_COUNT(values), o->name, strlen(o->name));
    if (o->kind == CLI_CHOICE || (is_small(o->arg[0]) && strchr(o->arg, '|'))) {
        offer_choices(p, o->arg, "");
    } else if (strcmp(o->arg, "FILE") == 0) {
        offer_files(p);
    } else if (s) {
        if (s->many) go_behind(p, ',');
        s->offer(p);
    } else if (strcmp(o->arg, "FOLDER") == 0 || strcmp(o->arg, "DIR") == 0) p->files = "folders";
}

// The i-th option: common ones first.
static const cli_option *option_at(const place *p, size_t i) {
    size_t n_common;
    const cli_option *common = cli_common_options(&n_common);
    if (i < n_common) return &common[i];
    const cli_usage *u = p->command ? p->command->usage : NULL;
    return u && i - n_common < u->n_options ? &u->options[i - n_common] : NULL;
}

// By its long name or the begin of it, as getopt_long takes it, or by its letter.
static const cli_option *find_option(const place *p, const char *name, size_t n, char letter,
                                     size_t *ret_i) {
    const cli_option *found = NULL, *o;
    size_t begins = 0;
    for (size_t i = 0; (o = option_at(p, i)); i++) {
        if (letter ? o->letter != letter : !starts(o->name, name, n)) continue;
        found = o, *ret_i = i, begins++;
        if (letter || same(o->name, name, n)) return o;
    }
    return begins == 1 ? found : NULL;
}

static void offer_options(place *p) {
    const cli_option *o;
    char name[80];
    for (size_t i = 0; (o = option_at(p, i)); i++) {
        const bool again = o->kind == CLI_LIST || o->kind == CLI_WORDS;
        if (i < MAX_SHOWN && p->given[i] && !again) continue;
        snprintf(name, sizeof name, "--%s", o->name);
        offer(p, name, o->help);
    }
}

// ---- the line ----------------------------------------------------------------------------------

// The word of a synopsis that the next argument stands for: "A [B]", "WHAT [NAME=RANGE...]".
static void offer_argument(place *p) {
    const char *text = p->command->synopsis, *word = NULL;
    const int most = p->command->usage->max_args;
    size_t n = 0;
    if (most >= 0 && p->n_args >= most) return;
    for (int i = 0; i <= p->n_args; i++) {
        text += strspn(text, " [");
        if (!*text) break; // the last one stands for all that follow
        word = text;
        n = strcspn(text, " [].");
        text += strcspn(text, " ");
    }
    if (word) offer_place(p, word, n);
}

static void mark_given(place *p, size_t i) {
    if (i < MAX_SHOWN) p->given[i] = true;
}

// The option that the word leaves without its value; NULL: none.
static const cli_option *read_option(place *p, const char *word) {
    const cli_option *o = NULL;
    size_t i = 0;
    if (word[1] == '-') {
        const size_t n = strcspn(word + 2, "=");
        o = find_option(p, word + 2, n, 0, &i);
        if (o) mark_given(p, i);
        return o && o->kind != CLI_FLAG && word[2 + n] != '=' ? o : NULL;
    }
    for (word++; *word; word++) {
        o = find_option(p, NULL, 0, *word, &i);
        if (!o) return NULL;
        mark_given(p, i);
        if (o->kind != CLI_FLAG) return word[1] ? NULL : o;
    }
    return NULL;
}

// All words but the last. *ret_option: it waits for its value; *ret_plain: "--" stood before.
static void read_words(place *p, const char *const *words, int n, const cli_option **ret_option,
                       bool *ret_plain) {
    *ret_option = NULL, *ret_plain = false;
    for (int i = 0; i < n; i++) {
        const char *word = words[i];
        if (*ret_option) *ret_option = NULL;
        else if (!*ret_plain && strcmp(word, "--") == 0) *ret_plain = true;
        else if (!*ret_plain && word[0] == '-' && word[1]) *ret_option = read_option(p, word);
        else if (!p->command) {
            p->command = cli_find_command(word);
            if (!p->command) p->n_args = -1;
        } else if (p->n_args < (int)CLI_COUNT(p->args)) p->args[p->n_args++] = word;
        if (p->n_args < 0) return;
    }
}

static void offer_last(place *p, const cli_option *option, bool plain) {
    const char *equals = strchr(p->word, '=');
    size_t i;
    if (option) offer_value(p, option);
    else if (!plain && starts(p->word, "--", 2) && equals) {
        option = find_option(p, p->word + 2, (size_t)(equals - p->word) - 2, 0, &i);
        p->keep = (size_t)(equals + 1 - p->word);
        if (option && option->kind != CLI_FLAG) offer_value(p, option);
    } else if (!plain && p->word[0] == '-') offer_options(p);
    else if (p->command) offer_argument(p);
    else offer_commands(p);
}

int cli_complete(cli_app *app, const char *const *words, int n) {
    place p = {.app = app, .word = n > 0 ? words[n - 1] : ""};
    const cli_option *option;
    bool plain;
    sz_buf all;
    sz_buf_init(&p.words, app->out);
    read_words(&p, words, n > 0 ? n - 1 : 0, &option, &plain);
    if (p.n_args >= 0) offer_last(&p, option, plain); // else there is no such command
    sz_buf_init(&all, app->out);
    sz_buf_printf(&all, "%s\t", p.files ? p.files : "words");
    sz_escape(&all, SZ_SINK_TERMINAL, p.word, p.keep);
    sz_buf_putc(&all, '\n');
    sz_buf_put(&all, p.words.data, p.words.size);
    int code = sz_buf_status(&p.words) == SZ_OK ? cli_write(app, &all)
                                                : cli_error(app, CLI_BUG, "no memory");
    sz_buf_finish(&all);
    sz_buf_finish(&p.words);
    return code;
}
