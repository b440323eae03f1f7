// SPDX-License-Identifier: Apache-2.0
// The command `sizeup`: finds the command's row, parses its options by table and runs it.
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command commands[] = {
#define COMMAND(name, ident, synopsis, summary)                                                    \
    {name, synopsis, summary, cli_##ident, &cli_##ident##_usage},
#include "cli/commands.def"
#undef COMMAND
};

const cli_command *cli_commands(size_t *ret_n) {
    *ret_n = CLI_COUNT(commands);
    return commands;
}

const cli_command *cli_find_command(const char *name) {
    for (size_t i = 0; i < CLI_COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int unknown_command(const cli_app *app, const char *name) {
    const char *names[CLI_COUNT(commands) + 1] = {NULL};
    for (size_t i = 0; i < CLI_COUNT(commands); i++) names[i] = commands[i].name;
    return cli_unknown(app, "command", name, names);
}

// A file that we open must never get the number of a closed standard stream: output would go into
// it.
static void guard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        // Open only for the other direction, so that using the stream still fails.
        int guard = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        if (guard < 0) _exit(CLI_BUG);
    }
}

// The only place that reads the environment.
static void set_terminal(cli_app *app, const cli_common *common) {
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool wanted = !common->no_color && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
    bool error_terminal = isatty(STDERR_FILENO) == 1;
    app->color = wanted && isatty(STDOUT_FILENO) == 1;
    app->error_color = wanted && error_terminal;
    app->progress = error_terminal && !common->quiet;
}

static int apply_common(cli_app *app, const cli_usage *usage, const cli_common *common) {
    const char *names[16] = {NULL};
    sz_writer_row row;
    set_terminal(app, common);
    app->quiet = common->quiet;
    app->output = common->output;
    app->format = common->format ? common->format : "text";
    if (usage && usage->extra_format && strcmp(usage->extra_format, app->format) == 0)
        return CLI_DONE;
    for (size_t i = 0; i < 15 && sz_list_writer(i, &row); i++) {
        if (strcmp(row.name, app->format) == 0) return CLI_DONE;
        names[i] = row.name;
        if (usage) names[i + 1] = usage->extra_format;
    }
    return cli_unknown(app, "format", app->format, names);
}

// A parameter that stands apart from what it belongs to: a family of nets, or a file.
static int parameter_apart(const cli_app *app, const cli_command *c, const char *word) {
    const char *of = app->args[0];
    if (strpbrk(of, "./"))
        return cli_error(
            app, CLI_USAGE,
            "unexpected word '%s': free dimensions of a file are bound by '--bind %s'; "
            "see 'sizeup help %s'",
            word, word, c->name);
    return cli_error(app, CLI_USAGE,
                     "unexpected word '%s': did you mean '%s%c%s'? See 'sizeup help %s'", word, of,
                     strchr(of, ':') ? ',' : ':', word, c->name);
}

static int check_words(const cli_app *app, const cli_command *c) {
    if (app->n_args < c->usage->min_args)
        return cli_error(app, CLI_USAGE, "'%s' needs %s; see 'sizeup help %s'", c->name,
                         c->synopsis, c->name);
    if (c->usage->max_args < 0 || app->n_args <= c->usage->max_args) return CLI_DONE;
    const char *word = app->args[c->usage->max_args];
    if (strstr(c->synopsis, "MODEL") && strchr(word, '='))
        return parameter_apart(app, c, word);
    return cli_error(app, CLI_USAGE, "unexpected word '%s'; see 'sizeup help %s'", word, c->name);
}

static int run_parsed(cli_app *app, const cli_command *c, const cli_common *common,
                      const void *options) {
    int code = apply_common(app, c->usage, common);
    if (code) return code;
    if (common->help) return cli_print_help(app, c);
    if (common->version) return cli_print_version(app);
    if (common->limits) return cli_print_limits(app);
    code = check_words(app, c);
    return code ? code : c->run(app, options);
}

static int run_command(cli_app *app, const cli_command *c, cli_common *common, int argc,
                       char **argv) {
    void *options = calloc(1, c->usage->size ? c->usage->size : 1);
    if (!options) return cli_error(app, CLI_BUG, "no memory");
    int first = 0;
    app->command = c->name;
    int code = cli_apply_initial(app, c->usage, options);
    if (!code) code = cli_parse(app, c->usage, argc, argv, common, options, &first);
    if (!code) {
        app->args = (const char *const *)(argv + first);
        app->n_args = argc - first;
        code = run_parsed(app, c, common, options);
    }
    cli_release(c->usage, options);
    free(options);
    return code;
}

static int run(cli_app *app, int argc, char **argv) {
    cli_common common = {0};
    int first = 0;
    int code = cli_parse(app, NULL, argc, argv, &common, NULL, &first);
    if (code) return code;
    if (first < argc && !common.help && !common.version && !common.limits) {
        const cli_command *c = cli_find_command(argv[first]);
        if (c) return run_command(app, c, &common, argc - first, argv + first);
        return unknown_command(app, argv[first]);
    }
    code = apply_common(app, NULL, &common);
    if (code) return code;
    if (common.limits) return cli_print_limits(app);
    return common.version ? cli_print_version(app) : cli_print_help(app, NULL);
}

int main(int argc, char **argv) {
    guard_streams();
    signal(SIGXFSZ, SIG_IGN); // a limit of file sizes is an error of the write, which says so
    cli_app app = {.ctx = sz_ctx_create(NULL), .out = sz_ctx_create(NULL), .format = "text"};
    int code = app.ctx && app.out ? run(&app, argc, argv) : CLI_BUG;
    sz_ctx_destroy(app.ctx);
    sz_ctx_destroy(app.out);
    return code;
}
