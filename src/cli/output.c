// SPDX-License-Identifier: Apache-2.0
// Where a command's bytes go: standard output, a file that appears whole or not at all, and one
// escaped line each for errors and warnings on standard error.
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// All of it, or errno.
static int write_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        bytes += done;
        n -= (size_t)done;
    }
    return 0;
}

// ---- standard error ----------------------------------------------------------------------------

// One line; only here does a message become bytes on a terminal.
static void show_line(const cli_app *app, const char *before, const char *color, const char *text) {
    sz_buf line;
    sz_buf_init(&line, app->out);
    if (app->error_color) sz_buf_puts(&line, color);
    sz_buf_puts(&line, before);
    if (app->error_color) sz_buf_puts(&line, "\x1b[0m");
    sz_escape(&line, SZ_SINK_TERMINAL, text, strlen(text));
    sz_buf_putc(&line, '\n');
    static const char lost[] = "sizeup: no memory for a message\n";
    // When standard error itself fails there is nobody left to tell.
    if (sz_buf_status(&line) == SZ_OK) (void)write_all(STDERR_FILENO, line.data, line.size);
    else (void)write_all(STDERR_FILENO, lost, sizeof lost - 1);
    sz_buf_finish(&line);
}

static void show_error(const cli_app *app, const char *text) {
    show_line(app, "sizeup: ", "\x1b[1;31m", text);
}

void cli_show_warnings(cli_app *app) {
    for (size_t n = sz_ctx_warning_count(app->ctx); !app->quiet && app->warned < n; app->warned++)
        show_line(app, "warning: ", "\x1b[1;33m", sz_ctx_warning(app->ctx, app->warned));
}

void cli_warn(cli_app *app, const char *fmt, ...) {
    char text[2048];
    va_list args;
    if (app->quiet) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    show_line(app, "warning: ", "\x1b[1;33m", text);
}

int cli_error(const cli_app *app, int code, const char *fmt, ...) {
    char text[2048]; // longer sentences are cut
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    show_error(app, text);
    return code;
}

int cli_fail(cli_app *app, sz_status status) {
    static const int codes[] = {
        [SZ_OK] = CLI_BUG, // not a failure
        [SZ_ERR_USAGE] = CLI_USAGE,
        [SZ_ERR_INPUT] = CLI_INPUT,
        [SZ_ERR_UNAVAILABLE] = CLI_UNAVAILABLE,
        [SZ_ERR_MEMORY] = CLI_INPUT, // the input asked for more than its limit
        [SZ_ERR_LIMIT] = CLI_INPUT,
        [SZ_ERR_IO] = CLI_INPUT,
        [SZ_ERR_INTERNAL] = CLI_BUG,
    };
    cli_show_warnings(app);
    const char *text = sz_ctx_error(app->ctx);
    show_error(app, *text ? text : "failed without a reason; please report this");
    return (size_t)status < CLI_COUNT(codes) ? codes[status] : CLI_BUG;
}

int cli_unknown(const cli_app *app, const char *kind, const char *word,
                const char *const *candidates) {
    const char *near = sz_text_nearest(word, candidates);
    if (near)
        return cli_error(app, CLI_USAGE, "unknown %s '%s': did you mean '%s'?", kind, word, near);
    sz_buf all;
    sz_buf_init(&all, app->out);
    for (size_t i = 0; candidates[i]; i++)
        sz_buf_printf(&all, "%s%s", i ? ", " : "", candidates[i]);
    int code = cli_error(app, CLI_USAGE, "unknown %s '%s'; there are %.*s", kind, word,
                         (int)all.size, all.data ? all.data : "");
    sz_buf_finish(&all);
    return code;
}

// ---- output ------------------------------------------------------------------------------------

static int drain(void *user, const char *bytes, size_t n) {
    cli_app *app = user;
    app->stream_error = write_all(STDOUT_FILENO, bytes, n);
    return app->stream_error;
}

void cli_stream(cli_app *app, sz_buf *ret_buf) {
    sz_buf_init(ret_buf, app->out);
    cli_show_warnings(app);
    if (app->output) return; // a file appears whole or not at all
    ret_buf->drain = drain;
    ret_buf->user = app;
}

static int write_stdout(const cli_app *app, const sz_buf *buf) {
    int error = app->stream_error;
    if (error == 0) error = write_all(STDOUT_FILENO, buf->data, buf->size);
    if (error == 0) return CLI_DONE;
    if (error == EPIPE) return CLI_INPUT; // the reader has seen enough: nothing to say
    return cli_error(app, CLI_INPUT, "can't write to standard output: %s", strerror(error));
}

// A device or a pipe can't be replaced by a rename: write into it.
static int write_into(const cli_app *app, const char *path, const sz_buf *buf) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int error = fd < 0 ? errno : write_all(fd, buf->data, buf->size);
    if (fd >= 0 && close(fd) != 0 && !error) error = errno;
    if (error) return cli_error(app, CLI_INPUT, "can't write '%s': %s", path, strerror(error));
    return CLI_DONE;
}

// Puts what a file is to hold; errno or 0, or TOLD where who asked knows what is wrong.
enum { TOLD = -1 };
typedef int filler(int fd, void *user);

static int fill_with(int fd, void *user) {
    const sz_buf *buf = user;
    return write_all(fd, buf->data, buf->size);
}

// Fill `fd`, a new file, and give it `mode`; errno or 0.
static int fill(int fd, filler *put, void *user, mode_t mode) {
    int error = put(fd, user);
    if (!error && fchmod(fd, mode) != 0) error = errno;
    if (!error && fsync(fd) != 0) error = errno;
    if (close(fd) != 0 && !error) error = errno;
    return error;
}

// A temporary beside `path`, then a rename: whoever reads sees the old file or the whole new one.
static int replace(const cli_app *app, const char *path, filler *put, void *user, mode_t mode) {
    size_t n = strlen(path);
    char *temporary = malloc(n + 8);
    if (!temporary) return cli_error(app, CLI_BUG, "no memory");
    memcpy(temporary, path, n);
    memcpy(temporary + n, ".XXXXXX", 8);
    int fd = mkostemp(temporary, O_CLOEXEC);
    int error = fd < 0 ? errno : fill(fd, put, user, mode);
    if (!error && rename(temporary, path) != 0) error = errno;
    if (error && fd >= 0) unlink(temporary);
    free(temporary);
    if (error == TOLD) return CLI_BUG;
    if (error) return cli_error(app, CLI_INPUT, "can't write '%s': %s", path, strerror(error));
    return CLI_DONE;
}

static int replace_file(const cli_app *app, const char *path, filler *put, void *user) {
    struct stat st;
    if (stat(path, &st) != 0) {
        mode_t mask = umask(0);
        umask(mask);
        return replace(app, path, put, user, 0666 & ~mask);
    }
    char *real = realpath(path, NULL); // a link stays a link
    if (!real) return cli_error(app, CLI_INPUT, "can't write '%s': %s", path, strerror(errno));
    int code = replace(app, real, put, user, st.st_mode & 07777);
    free(real);
    return code;
}

static int write_file(const cli_app *app, const char *path, const sz_buf *buf) {
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) return write_into(app, path, buf);
    return replace_file(app, path, fill_with, (void *)(uintptr_t)buf);
}

// ---- large files -------------------------------------------------------------------------------

enum { HOLE = 4096 }; // zeros that are left out come in pieces of so many

typedef struct large {
    int fd, error;
    off_t size;
    sz_ctx *ctx;
    sz_status (*make)(void *user, sz_buf *buf);
    void *user;
    sz_status status;
} large;

static bool is_zero(const char *bytes, size_t n) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

// Bytes up to the next piece of nothing but zeros, or those of such pieces.
static size_t run_of(const char *bytes, size_t n, bool zeros) {
    size_t k = 0;
    while (n - k >= HOLE && is_zero(bytes + k, HOLE) == zeros) k += HOLE;
    return zeros || n - k >= HOLE ? k : n;
}

static int drain_large(void *user, const char *bytes, size_t n) {
    large *l = user;
    while (n > 0 && !l->error) {
        // Pieces begin where those of the file do.
        const size_t lead = (size_t)(-l->size & (HOLE - 1));
        if (lead) {
            const size_t some = lead < n ? lead : n;
            l->error = write_all(l->fd, bytes, some);
            bytes += some, n -= some, l->size += (off_t)some;
            continue;
        }
        const size_t hole = run_of(bytes, n, true);
        const size_t some = run_of(bytes + hole, n - hole, false);
        if (lseek(l->fd, (off_t)hole, SEEK_CUR) < 0) l->error = errno;
        if (!l->error) l->error = write_all(l->fd, bytes + hole, some);
        bytes += hole + some, n -= hole + some, l->size += (off_t)(hole + some);
    }
    return l->error;
}

static int fill_large(int fd, void *user) {
    large *l = user;
    sz_buf buf;
    l->fd = fd;
    sz_buf_init(&buf, l->ctx);
    buf.drain = drain_large, buf.user = l;
    l->status = l->make(l->user, &buf);
    if (l->status == SZ_OK) l->status = sz_buf_status(&buf);
    if (l->status == SZ_OK && drain_large(l, buf.data, buf.size) == 0 &&
        ftruncate(fd, l->size) != 0)
        l->error = errno;
    sz_buf_finish(&buf);
    return l->error ? l->error : l->status == SZ_OK ? 0 : TOLD;
}

int cli_write_large(cli_app *app, const char *path, sz_status (*make)(void *user, sz_buf *buf),
                    void *user) {
    large l = {.ctx = app->ctx, .make = make, .user = user, .status = SZ_OK};
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return cli_error(app, CLI_USAGE, "'%s' is no file: this needs one to write to", path);
    const int code = replace_file(app, path, fill_large, &l);
    return l.status == SZ_OK || l.error ? code : cli_fail(app, l.status);
}

int cli_write(cli_app *app, const sz_buf *buf) {
    cli_show_warnings(app);
    if (sz_buf_status(buf) != SZ_OK && !app->stream_error)
        return cli_error(app, CLI_BUG, "no memory for the output");
    return app->output ? write_file(app, app->output, buf) : write_stdout(app, buf);
}

int cli_write_doc(cli_app *app, sz_doc *doc) {
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    sz_doc_warnings(doc, app->ctx);
    sz_write_options options = {.format = app->format, .color = app->color && !app->output};
    sz_status status = sz_doc_write(app->out, doc, &options, &buf);
    int code = status == SZ_OK ? cli_write(app, &buf)
                               : cli_error(app, CLI_BUG, "%s", sz_ctx_error(app->out));
    sz_buf_finish(&buf);
    return code;
}

static int write_json(cli_app *app, const cli_answer *answer, const void *what) {
    sz_buf buf;
    sz_json json;
    cli_stream(app, &buf);
    sz_json_init(&json, &buf, 2);
    sz_json_begin_object(&json);
    sz_json_key_str(&json, "schema", answer->schema);
    answer->put_json(&json, what);
    sz_json_warnings(&json, app->ctx);
    sz_json_end_object(&json);
    int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

int cli_write_answer(cli_app *app, const cli_answer *answer, const void *what) {
    if (cli_wants(app, "json")) return write_json(app, answer, what);
    sz_doc *doc;
    if (sz_doc_create(app->out, answer->schema, &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    answer->fill_doc(doc, what);
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

bool cli_wants(const cli_app *app, const char *format) { return strcmp(app->format, format) == 0; }
