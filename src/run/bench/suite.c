// SPDX-License-Identifier: Apache-2.0
// Reading suites.
#include "run/bench/suite.h"

#include <inttypes.h>

#include <sizeup/run.h>

#include "os/folder.h"

enum { MAX_FILE = 16 << 20, MAX_WORDS = 64, MAX_LINES = 10000 };
static const char file_prefix[] = "suite:", text_prefix[] = "lines:";

static bool begins(const char *what, const char *prefix) {
    return strncmp(what, prefix, strlen(prefix)) == 0;
}

// The whole name, or the words before one of its dashes.
static bool is_part_of(const char *what, const sz_suite *s) {
    const size_t len = strlen(what);
    return len > 0 && strncmp(s->name, what, len) == 0 && (!s->name[len] || s->name[len] == '-');
}

bool sz_suite_is(const char *what) {
    for (size_t i = 0; i < sz_n_suites; i++)
        if (is_part_of(what, &sz_suites[i])) return true;
    return begins(what, file_prefix) || begins(what, text_prefix);
}

// ---- lines -------------------------------------------------------------------------------------

typedef struct reader {
    sz_ctx *ctx;
    sz_arena *arena;
    const char *from;
    int64_t number;
    sz_suite_lines *lines;
} reader;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static sz_status add_line(reader *r, size_t n, const char *const *words) {
    const char **copy = sz_arena_array(r->arena, n, sizeof *copy);
    if (!copy) return sz_no_memory(r->ctx);
    memcpy(copy, words, n * sizeof *copy);
    if (r->lines->lines.n == MAX_LINES)
        return sz_fail(r->ctx, SZ_ERR_LIMIT, "more than %d workloads", MAX_LINES);
    const sz_suite_line line = {
        .from = r->from, .number = r->number, .what = copy[0], .words = copy + 1, .n_words = n - 1};
    return sz_vec_push(r->ctx, &r->lines->lines, line) ? SZ_OK : sz_no_memory(r->ctx);
}

// A tab ends the workload too: what stands behind it is a second column.
static const char *end_of_work(const char *p, const char *end) {
    while (p < end && is_blank(*p)) p++;
    while (p < end && *p != '#' && *p != '\t') p++;
    return p;
}

static sz_status read_line(reader *r, const char *p, const char *end) {
    const char *words[MAX_WORDS];
    size_t n = 0;
    for (const char *c = p; c < end; c++)
        if ((unsigned char)*c < 0x20 && !is_blank(*c))
            return sz_fail(r->ctx, SZ_ERR_INPUT, "a control byte: this is no list of workloads");
    for (end = end_of_work(p, end);;) {
        while (p < end && is_blank(*p)) p++;
        if (p == end) break;
        const char *first = p;
        while (p < end && !is_blank(*p)) p++;
        if (n == MAX_WORDS) return sz_fail(r->ctx, SZ_ERR_INPUT, "more than %d words", MAX_WORDS);
        words[n] = sz_arena_strdup(r->arena, first, (size_t)(p - first));
        if (!words[n++]) return sz_no_memory(r->ctx);
    }
    return n ? add_line(r, n, words) : SZ_OK;
}

static sz_status read_text(reader *r, const char *text, size_t size) {
    const char *end = text + size;
    for (const char *p = text; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        r->number++;
        const sz_status status = read_line(r, p, stop);
        if (status != SZ_OK)
            return sz_place(r->ctx, status, "suite '%s' line %" PRId64,
                            sz_show(r->ctx, sz_str_c(r->from)), r->number);
        p = stop + 1;
    }
    return SZ_OK;
}

static sz_status read_file(reader *r, const char *path) {
    char *text;
    size_t size, cap;
    if (!*path) return sz_fail(r->ctx, SZ_ERR_USAGE, "'suite:' needs a file: suite:FILE");
    r->from = path;
    sz_status status = sz_folder_read(r->ctx, path, MAX_FILE, &text, &size, &cap);
    if (status != SZ_OK) return sz_place(r->ctx, status, "suite");
    status = read_text(r, text, size);
    sz_free(r->ctx, text, cap);
    if (status == SZ_OK && r->lines->lines.n == 0)
        return sz_fail(r->ctx, SZ_ERR_INPUT, "suite '%s' has no workload in it",
                       sz_show(r->ctx, sz_str_c(path)));
    return status;
}

// The title is line 2 of the file, behind its license.
static sz_status read_embedded(reader *r, const char *what) {
    for (size_t i = 0; i < sz_n_suites; i++) {
        if (!is_part_of(what, &sz_suites[i])) continue;
        r->from = sz_suites[i].name;
        r->number = 1;
        SZ_TRY(read_text(r, sz_suites[i].text, sz_suites[i].size));
    }
    return SZ_OK;
}

sz_status sz_suite_read(sz_ctx *ctx, sz_arena *arena, const char *what, sz_suite_lines *lines) {
    reader r = {.ctx = ctx, .arena = arena, .lines = lines};
    *lines = (sz_suite_lines){.lines = {NULL, 0, 0}};
    sz_status status;
    if (begins(what, text_prefix)) {
        r.from = "lines";
        status = read_text(&r, what + strlen(text_prefix), strlen(what) - strlen(text_prefix));
    } else {
        status = begins(what, file_prefix) ? read_file(&r, what + strlen(file_prefix))
                                           : read_embedded(&r, what);
    }
    if (status != SZ_OK) sz_suite_finish(ctx, lines);
    return status;
}

void sz_suite_finish(sz_ctx *ctx, sz_suite_lines *lines) { sz_vec_finish(ctx, &lines->lines); }

// ---- the table ---------------------------------------------------------------------------------

static int64_t count_lines(const sz_suite *s) {
    int64_t n = 0;
    for (size_t i = 0; i < s->size; i++)
        n += (i == 0 || s->text[i - 1] == '\n') && s->text[i] != '#' && s->text[i] != '\n';
    return n;
}

int sz_list_suite(size_t i, sz_suite_row *ret_row) {
    if (i >= sz_n_suites) return 0;
    const sz_suite *s = &sz_suites[i];
    *ret_row = (sz_suite_row){.name = s->name, .workloads = count_lines(s)};
    size_t len = 0; // the title: "# ..."
    for (size_t k = 2; k < s->size && s->text[k] != '\n' && len + 1 < sizeof ret_row->what; k++)
        ret_row->what[len++] = s->text[k];
    ret_row->what[len] = '\0';
    return 1;
}
