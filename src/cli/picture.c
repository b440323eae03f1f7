// SPDX-License-Identifier: Apache-2.0
// Where a plot goes.
#include "cli/picture.h"

#include <string.h>
#include <strings.h>

// The row of the format that the ending of `path` names; false: none does.
static bool format_of(const char *path, sz_plot_format_row *ret_row) {
    const size_t n = path ? strlen(path) : 0;
    for (size_t i = 0; sz_list_plot_format(i, ret_row); i++) {
        const size_t m = strlen(ret_row->extension);
        if (m > 0 && n > m && strcasecmp(path + n - m, ret_row->extension) == 0) return true;
    }
    return false;
}

static int draw(cli_app *app, const cli_picture *p, const char *format, sz_buf *buf) {
    const sz_plot_options options = {.format = format,
                                     .width = (int)(p->width > 10000 ? 10000 : p->width),
                                     .ascii = p->ascii,
                                     .color = app->color && !app->output};
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

int cli_write_picture(cli_app *app, const cli_picture *p) {
    sz_plot_format_row row;
    if (format_of(app->output, &row)) {
        if (!cli_wants(app, "text"))
            return cli_error(app, CLI_USAGE, "'%s' is a picture: --format %s needs another name",
                             app->output, app->format);
        return write_file(app, p, row.name);
    }
    return cli_wants(app, "text") ? write_text(app, p) : cli_write_doc(app, p->doc);
}
