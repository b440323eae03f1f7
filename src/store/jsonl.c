// SPDX-License-Identifier: Apache-2.0
// The store as a file of JSON documents, one per line, each with the key "stored": {"run",
// "number"}. A document is one write() of a whole line followed by fdatasync(), under a lock of the
// file. What a crash left of a last line is no document: readers leave it out with a warning, the
// next writer cuts it off.
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/folder.h"
#include "store/value.h"

enum { LOCK_TRIES = 1000, LOCK_WAIT_NS = 10000000, CHUNK = 1 << 16 };

typedef struct journal {
    int fd;
    off_t seen;           // bytes that are known: whole lines
    sz_map ids;           // of all cases in them
    sz_arena names;       // keys of the map
    SZ_VEC(int64_t) last; // last[run - 1]: last number of the run, -1 = removed
    int64_t last_run;
    bool held; // lines are synchronised at the end of several
} journal;

static sz_status fail(sz_ctx *ctx, const sz_store *s, int error) {
    return sz_fail(ctx, SZ_ERR_IO, "cannot read or write store '%s': %s",
                   sz_show(ctx, sz_str_c(s->path)), strerror(error));
}

// ---- lines -------------------------------------------------------------------------------------

typedef sz_status see_line(void *user, json_t *document, size_t line);

// Read lines from offset `at` on and see each; *ret_end is where the last whole line ends.
typedef struct line_reader {
    sz_ctx *ctx;
    const sz_store *s;
    see_line *see;
    void *user;
    sz_buf line;
    size_t n; // lines seen
    off_t end;
} line_reader;

static sz_status see_text(line_reader *r) {
    json_t *document = NULL;
    r->n++;
    if (r->line.size == 0) return SZ_OK; // an empty line says nothing
    sz_status status = sz_value_parse(r->ctx, r->line.data, r->line.size, &document);
    if (status != SZ_OK || !json_is_object(document)) {
        json_decref(document);
        return sz_fail(r->ctx, SZ_ERR_INPUT, "store '%s': line %zu is no JSON object",
                       sz_show(r->ctx, sz_str_c(r->s->path)), r->n);
    }
    status = r->see(r->user, document, r->n);
    json_decref(document);
    return status;
}

static sz_status take_chunk(line_reader *r, const char *bytes, size_t n) {
    while (n > 0) {
        const char *newline = memchr(bytes, '\n', n);
        const size_t part = newline ? (size_t)(newline - bytes) : n;
        if (r->line.size + part > SZ_MAX_RECORD)
            return sz_fail(r->ctx, SZ_ERR_LIMIT, "store '%s': line %zu is too long",
                           sz_show(r->ctx, sz_str_c(r->s->path)), r->n + 1);
        sz_buf_put(&r->line, bytes, part);
        SZ_TRY(sz_buf_status(&r->line));
        if (!newline) return SZ_OK;
        r->end += (off_t)r->line.size + 1;
        SZ_TRY(see_text(r));
        r->line.size = 0;
        bytes += part + 1, n -= part + 1;
    }
    return SZ_OK;
}

static sz_status read_lines(line_reader *r, int fd, off_t at) {
    char *chunk = sz_alloc(r->ctx, CHUNK);
    sz_status status = chunk ? SZ_OK : sz_no_memory(r->ctx);
    r->end = at;
    while (status == SZ_OK) {
        const ssize_t got = pread(fd, chunk, CHUNK, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = fail(r->ctx, r->s, errno);
        if (got <= 0) break;
        at += got;
        status = take_chunk(r, chunk, (size_t)got);
    }
    sz_free(r->ctx, chunk, chunk ? CHUNK : 0);
    return status;
}

static const char opening[] = "{\"stored\":{\"run\":"; // of every line that we write

// A last line without its end: a whole document that only lost its newline (*ret_whole), or the
// beginning of one of ours. Anything else was not written by us, and is not touched.
static sz_status see_tail(line_reader *r, bool *ret_whole) {
    json_t *document = NULL;
    const size_t n = r->line.size < sizeof opening - 1 ? r->line.size : sizeof opening - 1;
    *ret_whole = false;
    if (sz_value_parse(r->ctx, r->line.data, r->line.size, &document) == SZ_OK &&
        json_is_object(document)) {
        sz_status status = r->see(r->user, document, r->n + 1);
        json_decref(document);
        *ret_whole = true;
        return status;
    }
    json_decref(document);
    if (memcmp(r->line.data, opening, n) != 0)
        return sz_fail(r->ctx, SZ_ERR_INPUT, "store '%s': line %zu is no JSON object",
                       sz_show(r->ctx, sz_str_c(r->s->path)), r->n + 1);
    sz_warn(r->ctx, "store '%s': the last line is torn: its %zu bytes are left out",
            sz_show(r->ctx, sz_str_c(r->s->path)), r->line.size);
    return SZ_OK;
}

// ---- where a document stands -------------------------------------------------------------------

static bool place_of(const json_t *document, int64_t *ret_run, int64_t *ret_number) {
    const json_t *run = sz_value_at(document, "stored.run");
    const json_t *number = sz_value_at(document, "stored.number");
    *ret_run = json_integer_value(run), *ret_number = json_integer_value(number);
    return json_is_integer(run) && *ret_run > 0 && json_is_integer(number) && *ret_number >= 0;
}

static sz_status bad_line(sz_ctx *ctx, const sz_store *s, size_t line, const char *what) {
    return sz_fail(ctx, SZ_ERR_INPUT, "store '%s': line %zu %s", sz_show(ctx, sz_str_c(s->path)),
                   line, what);
}

typedef struct knowing {
    sz_ctx *ctx;
    sz_store *s;
} knowing;

static sz_status know_id(sz_ctx *ctx, journal *j, const char *id) {
    const size_t n = strlen(id);
    const char *copy = sz_arena_strdup(&j->names, id, n);
    if (copy && sz_map_put(&j->ids, (sz_str){copy, (uint32_t)n}, 1) == SZ_OK) return SZ_OK;
    return sz_no_memory(ctx);
}

static sz_status know_run(const knowing *k, journal *j, int64_t run, size_t line) {
    if (run <= j->last_run) return bad_line(k->ctx, k->s, line, "begins a run that there is");
    j->last_run = run;
    return SZ_OK;
}

static sz_status know(void *user, json_t *document, size_t line) {
    const knowing *k = user;
    journal *j = k->s->inside;
    int64_t run, number;
    const char *id = sz_value_text(document, "id");
    if (!place_of(document, &run, &number))
        return bad_line(k->ctx, k->s, line, "does not say to which run it belongs ('stored')");
    if (number == 0) return know_run(k, j, run, line);
    if (run > j->last_run) return bad_line(k->ctx, k->s, line, "is of a run that was not begun");
    if (id) SZ_TRY(know_id(k->ctx, j, id));
    while ((int64_t)j->last.n < run && j->last.n < 10000000)
        if (!sz_vec_push(k->s->ctx, &j->last, 0)) return sz_no_memory(k->ctx);
    if (run > (int64_t)j->last.n) return bad_line(k->ctx, k->s, line, "has too large a run");
    if (number > j->last.items[run - 1]) j->last.items[run - 1] = number;
    return SZ_OK;
}

// Make the file end with a newline: give a whole last line its own, cut off a torn one.
static sz_status mend(sz_ctx *ctx, const sz_store *s, journal *j, const line_reader *r,
                      bool whole) {
    if (!whole) return ftruncate(j->fd, r->end) == 0 ? SZ_OK : fail(ctx, s, errno);
    if (pwrite(j->fd, "\n", 1, r->end + (off_t)r->line.size) != 1) return fail(ctx, s, errno);
    j->seen = r->end + (off_t)r->line.size + 1;
    return SZ_OK;
}

// Learn what other processes appended since.
static sz_status catch_up(sz_ctx *ctx, sz_store *s) {
    journal *j = s->inside;
    knowing k = {ctx, s};
    line_reader r = {.ctx = ctx, .s = s, .see = know, .user = &k};
    bool whole = false;
    sz_buf_init(&r.line, ctx);
    sz_status status = read_lines(&r, j->fd, j->seen);
    if (status == SZ_OK) j->seen = r.end;
    if (status == SZ_OK && r.line.size > 0) {
        status = see_tail(&r, &whole);
        if (status == SZ_OK && s->mode == SZ_STORE_WRITE) status = mend(ctx, s, j, &r, whole);
    }
    sz_buf_finish(&r.line);
    return status;
}

// ---- locking -----------------------------------------------------------------------------------

static sz_status lock(sz_ctx *ctx, const sz_store *s, int fd) {
    const struct timespec wait = {0, LOCK_WAIT_NS};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return SZ_OK;
        if (errno != EWOULDBLOCK && errno != EINTR) return fail(ctx, s, errno);
        nanosleep(&wait, NULL);
    }
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "store '%s' is being written by another process for more than 10 s",
                   sz_show(ctx, sz_str_c(s->path)));
}

static void forget(sz_store *s) {
    journal *j = s->inside;
    sz_map_finish(&j->ids);
    sz_map_init(&j->ids, s->ctx);
    sz_arena_finish(&j->names);
    sz_arena_init(&j->names, s->ctx);
    j->last.n = 0;
    j->seen = 0, j->last_run = 0;
}

static sz_status reopen(sz_ctx *ctx, sz_store *s) {
    journal *j = s->inside;
    const int flags = s->mode == SZ_STORE_WRITE ? O_RDWR | O_CREAT : O_RDONLY;
    if (j->fd >= 0) close(j->fd); // and its lock with it
    forget(s);
    j->fd = open(s->path, flags | O_CLOEXEC | O_NONBLOCK, 0666);
    return j->fd >= 0 ? SZ_OK : fail(ctx, s, errno);
}

// Is the open file still the one of that name? Removing puts a new file in its place.
static bool is_current(const sz_store *s, int fd) {
    struct stat open_file, named;
    return fstat(fd, &open_file) == 0 && stat(s->path, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

// Lock the file and know all of it.
static sz_status lock_current(sz_ctx *ctx, sz_store *s) {
    journal *j = s->inside;
    for (;;) {
        SZ_TRY(lock(ctx, s, j->fd));
        if (is_current(s, j->fd)) break;
        SZ_TRY(reopen(ctx, s));
    }
    sz_status status = catch_up(ctx, s);
    if (status != SZ_OK) flock(j->fd, LOCK_UN);
    return status;
}

// ---- writing -----------------------------------------------------------------------------------

static sz_status put_line(sz_buf *buf, int64_t run, int64_t number, const json_t *document) {
    char *line = sz_value_line(document, false);
    if (!line) return sz_no_memory(buf->ctx);
    sz_buf_printf(buf, "%s%lld,\"number\":%lld}%s%s\n", opening, (long long)run, (long long)number,
                  line[1] == '}' ? "" : ",", line + 1);
    free(line);
    return sz_buf_status(buf);
}

static int write_at(int fd, const char *bytes, size_t n, off_t at) {
    while (n > 0) {
        const ssize_t put = pwrite(fd, bytes, n, at);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        bytes += put, at += put, n -= (size_t)put;
    }
    return 0;
}

// The whole line, or the file as it was.
static sz_status write_line(sz_ctx *ctx, const sz_store *s, int64_t run, int64_t number,
                            const json_t *document) {
    journal *j = s->inside;
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_status status = put_line(&buf, run, number, document);
    if (status == SZ_OK) {
        int error = write_at(j->fd, buf.data, buf.size, j->seen);
        if (!error && !j->held && fdatasync(j->fd) != 0) error = errno;
        if (error) status = fail(ctx, s, error);
        if (error && ftruncate(j->fd, j->seen) != 0) status = fail(ctx, s, error);
        if (!error) j->seen += (off_t)buf.size;
    }
    sz_buf_finish(&buf);
    return status;
}

static sz_status jsonl_begin(sz_ctx *ctx, sz_store *s, json_t *header, int64_t *ret_run) {
    journal *j = s->inside;
    SZ_TRY(lock_current(ctx, s));
    sz_status status = write_line(ctx, s, j->last_run + 1, 0, header);
    if (status == SZ_OK) *ret_run = ++j->last_run;
    flock(j->fd, LOCK_UN);
    return status;
}

static sz_status append_locked(sz_ctx *ctx, sz_store *s, int64_t run, json_t *record,
                               int64_t *ret_number) {
    journal *j = s->inside;
    const char *id = sz_value_text(record, "id");
    *ret_number = 0;
    if (run < 1 || run > j->last_run) return sz_store_missing(ctx, run, 0);
    if (sz_map_get(&j->ids, sz_str_c(id), NULL)) return SZ_OK;
    while ((int64_t)j->last.n < run)
        if (!sz_vec_push(s->ctx, &j->last, 0)) return sz_no_memory(ctx);
    const int64_t number = j->last.items[run - 1] + 1;
    // Known first: with the line on the disk nothing can fail any more.
    SZ_TRY(know_id(ctx, j, id));
    const sz_status status = write_line(ctx, s, run, number, record);
    if (status != SZ_OK) return forget(s), status;
    j->last.items[run - 1] = *ret_number = number;
    return SZ_OK;
}

static sz_status jsonl_append(sz_ctx *ctx, sz_store *s, int64_t run, json_t *record,
                              int64_t *ret_number) {
    const journal *j = s->inside;
    int64_t number = 0;
    SZ_TRY(lock_current(ctx, s));
    sz_status status = append_locked(ctx, s, run, record, &number);
    flock(j->fd, LOCK_UN);
    if (status == SZ_OK) *ret_number = number;
    return status;
}

// ---- reading -----------------------------------------------------------------------------------

typedef struct giving {
    sz_emit *emit;
    void *user;
    bool runs; // headers, else cases
} giving;

static sz_status give(void *user, json_t *document, size_t line) {
    const giving *g = user;
    sz_document d = {.json = document};
    (void)line;
    if (!place_of(document, &d.run, &d.number) || (d.number == 0) != g->runs) return SZ_OK;
    if (json_is_true(sz_value_at(document, "stored.removed"))) return SZ_OK;
    json_object_del(document, "stored");
    return g->emit(g->user, &d);
}

static sz_status give_all(sz_ctx *ctx, sz_store *s, giving *g) {
    const journal *j = s->inside;
    line_reader r = {.ctx = ctx, .s = s, .see = give, .user = g};
    bool whole;
    sz_buf_init(&r.line, ctx);
    sz_status status = read_lines(&r, j->fd, 0);
    if (status == SZ_OK && r.line.size > 0) status = see_tail(&r, &whole);
    sz_buf_finish(&r.line);
    return status;
}

static sz_status jsonl_each_run(sz_ctx *ctx, sz_store *s, sz_emit *emit, void *user) {
    return give_all(ctx, s, &(giving){emit, user, true});
}

static sz_status jsonl_each(sz_ctx *ctx, sz_store *s, const sz_store_query *query,
                            const char *case_hash, sz_emit *emit, void *user) {
    (void)query, (void)case_hash;
    return give_all(ctx, s, &(giving){emit, user, false});
}

// ---- removing ----------------------------------------------------------------------------------

typedef struct keeping {
    sz_buf *buf;
    int64_t run, number, removed;
    bool found;
} keeping;

static sz_status keep_line(const keeping *k, const json_t *document) {
    char *line = sz_value_line(document, false); // "stored" is first in it, as it was
    if (!line) return sz_no_memory(k->buf->ctx);
    sz_buf_puts(k->buf, line);
    sz_buf_putc(k->buf, '\n');
    free(line);
    return sz_buf_status(k->buf);
}

static sz_status keep(void *user, json_t *document, size_t line) {
    keeping *k = user;
    int64_t run, number;
    (void)line;
    if (!place_of(document, &run, &number)) return SZ_OK;
    const bool gone = json_is_true(sz_value_at(document, "stored.removed"));
    if (gone || run != k->run || (k->number != 0 && number != k->number))
        return keep_line(k, document);
    k->found = true;
    k->removed += number > 0;
    if (number > 0) return SZ_OK;
    // What is left of a run keeps its number from being given again.
    sz_buf_printf(k->buf, "%s%lld,\"number\":0,\"removed\":true}}\n", opening, (long long)run);
    return sz_buf_status(k->buf);
}

// All other lines go into a new file, which takes the place of the old one.
static sz_status rewrite(sz_ctx *ctx, sz_store *s, keeping *k) {
    const journal *j = s->inside;
    line_reader r = {.ctx = ctx, .s = s, .see = keep, .user = k};
    sz_buf_init(&r.line, ctx);
    sz_status status = read_lines(&r, j->fd, 0);
    sz_buf_finish(&r.line);
    SZ_TRY(status);
    if (!k->found) return sz_store_missing(ctx, k->run, k->number);
    return sz_folder_write(ctx, s->path, k->buf->data, k->buf->size);
}

static sz_status jsonl_remove(sz_ctx *ctx, sz_store *s, int64_t run, int64_t number,
                              int64_t *ret_removed) {
    sz_buf buf;
    SZ_TRY(lock_current(ctx, s));
    sz_buf_init(&buf, ctx);
    keeping k = {.buf = &buf, .run = run, .number = number};
    sz_status status = rewrite(ctx, s, &k);
    sz_buf_finish(&buf);
    const sz_status opened = reopen(ctx, s);
    if (status == SZ_OK) status = opened;
    if (status == SZ_OK) *ret_removed = k.removed;
    return status;
}

// ---- opening -----------------------------------------------------------------------------------

static void jsonl_close(sz_store *s) {
    journal *j = s->inside;
    if (j->fd >= 0) close(j->fd);
    sz_map_finish(&j->ids);
    sz_arena_finish(&j->names);
    sz_vec_finish(s->ctx, &j->last);
    sz_free(s->ctx, j, sizeof *j);
}

static sz_status open_file(sz_ctx *ctx, sz_store *s) {
    const journal *j = s->inside;
    struct stat st;
    if (s->mode == SZ_STORE_WRITE)
        SZ_TRY(sz_folder_make_above(ctx, s->path));
    else if (stat(s->path, &st) != 0 && errno == ENOENT)
        return sz_fail(ctx, SZ_ERR_INPUT, "there is no store '%s' yet",
                       sz_show(ctx, sz_str_c(s->path)));
    SZ_TRY(reopen(ctx, s));
    if (fstat(j->fd, &st) != 0) return fail(ctx, s, errno);
    if (!S_ISREG(st.st_mode))
        return sz_fail(ctx, SZ_ERR_INPUT, "store '%s' is not a file",
                       sz_show(ctx, sz_str_c(s->path)));
    if (s->mode == SZ_STORE_READ) return catch_up(ctx, s);
    SZ_TRY(lock_current(ctx, s));
    flock(((journal *)s->inside)->fd, LOCK_UN);
    return SZ_OK;
}

static sz_status jsonl_open(sz_ctx *ctx, sz_store *s) {
    journal *j = sz_alloc(s->ctx, sizeof *j);
    if (!j) return sz_no_memory(ctx);
    j->fd = -1;
    sz_map_init(&j->ids, s->ctx);
    sz_arena_init(&j->names, s->ctx);
    s->inside = j;
    sz_status status = open_file(ctx, s);
    if (status != SZ_OK) jsonl_close(s);
    return status;
}

// Whatever is wrong with a line was said when the file was opened.
static sz_status jsonl_check(sz_ctx *ctx, sz_store *s) {
    forget(s);
    return catch_up(ctx, s);
}

static sz_status jsonl_hold(sz_ctx *ctx, sz_store *s, bool hold) {
    journal *j = s->inside;
    j->held = hold;
    return hold || fdatasync(j->fd) == 0 ? SZ_OK : fail(ctx, s, errno);
}

const sz_store_driver sz_store_jsonl = {
    jsonl_open, jsonl_close,  jsonl_begin, jsonl_append, jsonl_each_run,
    jsonl_each, jsonl_remove, jsonl_check, jsonl_hold,
};
