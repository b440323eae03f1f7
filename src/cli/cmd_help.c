// SPDX-License-Identifier: Apache-2.0
// `sizeup help`, --help and --version: all from the tables of commands and options.
#include "cli/cli.h"

#include <string.h>

const cli_usage cli_help_usage = {.max_args = 1};

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

static const char examples[] =
    "examples:\n"
    "  sizeup count model.onnx                        a line per layer, sums and peak memory\n"
    "  sizeup count model.onnx --bind batch=8,seq=128 give free dimensions a size\n"
    "  sizeup count model.onnx --format json -o c     the same for programs (or csv, md)\n"
    "  sizeup explain model.onnx --against fvcore     why another tool says another number\n"
    "  sizeup list ops                                every operator that is known\n";

static void describe_all(sz_buf *buf) {
    sz_buf_puts(buf, "usage: sizeup COMMAND [options] ...\n\n"
                     "Sizes up neural nets: what a net costs, what a machine can do.\n\n"
                     "commands:\n");
    size_t n;
    const cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) sz_buf_printf(buf, "  %-10s %s\n", all[i].name, all[i].summary);
    sz_buf_printf(buf, "\n%s\n'sizeup help COMMAND' tells the options of a command.\n", examples);
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

int cli_help(cli_app *app, const void *options) {
    (void)options;
    if (app->n_args == 0) return cli_print_help(app, NULL);
    const cli_command *c = cli_find_command(app->args[0]);
    if (c) return cli_print_help(app, c);
    const char *names[64] = {NULL};
    size_t n;
    const cli_command *all = cli_commands(&n);
    for (size_t i = 0; i < n && i < 63; i++) names[i] = all[i].name;
    return cli_unknown(app, "command", app->args[0], names);
}
