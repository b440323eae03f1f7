// SPDX-License-Identifier: Apache-2.0
// Where a plot goes.
#include "cli/picture.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *cli_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

// The row of the format that the ending of `path` names; false: none does.
static bool format_of(const char *path, sz_plot_format_row *ret_row) {
    const size_t n = path ? strlen(path) : 0;
    for (size_t i = 0; sz_list_plot_format(i, ret_row); i++) {
        const size_t m = strlen(ret_row->extension);
        if (m > 0 && n > m && strcasecmp(path + n - m, ret_row->extension) == 0) return true;
    }
    return false;
}

static const cli_picture_options *options_of(const cli_picture *p) {
    static const cli_picture_options usual;
    return p->options ? p->options : &usual;
}

static int theme_of(const cli_picture_options *o) {
    if (o->theme && strcmp(o->theme, "dark") == 0) return SZ_PLOT_DARK;
    return o->theme && strcmp(o->theme, "auto") == 0 ? SZ_PLOT_AUTO : SZ_PLOT_LIGHT;
}

static int draw(cli_app *app, const cli_picture *p, const char *format, sz_buf *buf) {
    const cli_picture_options *o = options_of(p);
    const sz_plot_options options = {.format = format,
                                     .width = (int)(o->width > 10000 ? 10000 : o->width),
                                     .ascii = o->ascii,
                                     .color = app->color && !app->output,
                                     .theme = theme_of(o)};
    const sz_status status = sz_plot_write(app->ctx, p->plot, &options, buf);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

static int write_file(cli_app *app, const cli_picture *p, const char *format) {
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    int code = draw(app, p, format, &buf);
    if (code == CLI_DONE) code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

static int write_text(cli_app *app, const cli_picture *p) {
    const sz_write_options options = {.format = "text", .color = app->color && !app->output};
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    int code = draw(app, p, "text", &buf);
    if (code == CLI_DONE) {
        sz_buf_putc(&buf, '\n');
        const sz_status status = sz_doc_write(app->out, p->doc, &options, &buf);
        code = status == SZ_OK ? cli_write(app, &buf)
                               : cli_error(app, CLI_BUG, "%s", sz_ctx_error(app->out));
    }
    sz_buf_finish(&buf);
    return code;
}

// The format that an option asks for, else the one that the file's name does; NULL: none.
static int choose_format(const cli_app *app, const cli_picture *p, const char **ret_format) {
    const cli_picture_options *o = options_of(p);
    sz_plot_format_row row;
    *ret_format = NULL;
    if (o->svg + o->png + o->pdf + o->terminal > 1)
        return cli_error(app, CLI_USAGE, "one of --svg, --png, --pdf and --terminal");
    if (o->svg || o->png || o->pdf || o->terminal)
        *ret_format = o->svg ? "svg" : o->png ? "png" : o->pdf ? "pdf" : "text";
    else if (format_of(app->output, &row))
        *ret_format = row.name;
    if (*ret_format && (o->png || o->pdf) && !app->output && isatty(STDOUT_FILENO))
        return cli_error(app, CLI_USAGE, "a terminal shows no %s: name a file with -o",
                         o->png ? "PNG" : "PDF");
    return CLI_DONE;
}

int cli_write_picture(cli_app *app, const cli_picture *p) {
    const char *format = NULL;
    const int code = choose_format(app, p, &format);
    if (code != CLI_DONE) return code;
    if (format && !cli_wants(app, "text") && app->output)
        return cli_error(app, CLI_USAGE, "'%s' is a picture: --format %s needs another name",
                         app->output, app->format);
    if (format && !cli_wants(app, "text"))
        return cli_error(app, CLI_USAGE, "a picture or --format %s, not both", app->format);
    if (format) return write_file(app, p, format);
    return cli_wants(app, "text") ? write_text(app, p) : cli_write_doc(app, p->doc);
}
