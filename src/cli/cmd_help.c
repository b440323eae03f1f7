// SPDX-License-Identifier: Apache-2.0
// `sizeup help`, --help and --version: all from the tables of commands and options.
#include "cli/complete.h"

#include <string.h>

typedef struct help_options {
    bool man, complete;
    const char *shell;
} help_options;

static const cli_option options_table[] = {
    {"man", 0, CLI_FLAG, NULL, NULL, "the manual page, as source: help --man count | man -l -",
     offsetof(help_options, man)},
    {"completions", 0, CLI_CHOICE, "bash|zsh|fish", NULL,
     "a script that completes command lines of 'sizeup' in this shell",
     offsetof(help_options, shell)},
    {"complete", 0, CLI_FLAG, NULL, NULL,
     "what may end the line -- WORD...: such a script asks this", offsetof(help_options, complete)},
};

static const char notes[] =
    "To have completions now: source <(sizeup help --completions bash). An installed sizeup\n"
    "has them where bash, zsh and fish look for them.\n";

const cli_usage cli_help_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(help_options),
    .max_args = -1, // of --complete; else one
    .notes = notes,
};

enum { INDENT = 30 }; // column where the descriptions begin

static void describe_option(sz_buf *buf, const cli_option *o) {
    size_t start = buf->size;
    if (o->letter) sz_buf_printf(buf, "  -%c, --%s", o->letter, o->name);
    else sz_buf_printf(buf, "      --%s", o->name);
    if (o->arg) sz_buf_printf(buf, " %s", o->arg);
    size_t width = buf->size - start;
    if (width + 2 > INDENT) sz_buf_putc(buf, '\n'), width = 0;
    sz_buf_pad(buf, ' ', INDENT - width);
    sz_buf_puts(buf, o->help);
    if (o->initial && *o->initial != '-') sz_buf_printf(buf, " (%s unless given)", o->initial);
    sz_buf_putc(buf, '\n');
}

static void describe_options(sz_buf *buf, const char *head, const cli_option *options, size_t n) {
    if (n == 0) return;
    sz_buf_printf(buf, "\n%s:\n", head);
    for (size_t i = 0; i < n; i++) describe_option(buf, &options[i]);
}

static void describe_command(sz_buf *buf, const cli_command *c) {
    sz_buf_printf(buf, "usage: sizeup %s [options] %s\n\n%s\n", c->name, c->synopsis, c->summary);
    describe_options(buf, "options", c->usage->options, c->usage->n_options);
    size_t n;
    const cli_option *common = cli_common_options(&n);
    describe_options(buf, "common options", common, n);
    if (c->usage->notes) sz_buf_printf(buf, "\n%s", c->usage->notes);
}

static void describe_all(sz_buf *buf) {
    sz_buf_puts(buf, "usage: sizeup COMMAND [options] ...\n\n"
                     "Sizes up neural nets: what a net costs, what a machine can do.\n\n"
                     "commands:\n");
    size_t n;
    const cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) sz_buf_printf(buf, "  %-10s %s\n", all[i].name, all[i].summary);
    sz_buf_putc(buf, '\n');
    cli_put_examples(buf);
    sz_buf_puts(buf, "\n'sizeup help COMMAND' tells the options of a command.\n");
}

int cli_print_help(cli_app *app, const cli_command *command) {
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    if (command) describe_command(&buf, command);
    else describe_all(&buf);
    int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

int cli_print_version(cli_app *app) {
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    sz_buf_printf(&buf, "sizeup %s\n", sz_version());
    int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

static int print_about(cli_app *app, const cli_command *command, bool man) {
    return man ? cli_print_man(app, command) : cli_print_help(app, command);
}

static int print_script(cli_app *app, const char *shell) {
    size_t i = 0;
    while (i < cli_n_scripts && strcmp(cli_scripts[i].shell, shell) != 0) i++;
    if (i == cli_n_scripts) return cli_error(app, CLI_BUG, "the script for %s is missing", shell);
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    sz_buf_put(&buf, cli_scripts[i].text, cli_scripts[i].size);
    int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

int cli_help(cli_app *app, const void *options) {
    const help_options *o = options;
    if (o->complete) return cli_complete(app, app->args, app->n_args);
    if (app->n_args > (o->shell ? 0 : 1))
        return cli_error(app, CLI_USAGE, "unexpected word '%s'; see 'sizeup help help'",
                         app->args[o->shell ? 0 : 1]);
    if (o->shell) return print_script(app, o->shell);
    if (app->n_args == 0) return print_about(app, NULL, o->man);
    const cli_command *c = cli_find_command(app->args[0]);
    if (c) return print_about(app, c, o->man);
    const char *names[64] = {NULL};
    size_t n;
    const cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n && i < 63; i++) names[i] = all[i].name;
    return cli_unknown(app, "command", app->args[0], names);
}
