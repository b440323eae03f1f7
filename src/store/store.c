// SPDX-License-Identifier: Apache-2.0
// The store in front of its drivers: URLs, documents that are checked before they go in, queries.
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/value.h"

enum { MAX_SCHEME = 32 };

typedef struct driver_row {
    const char *scheme, *what, *off;
    const sz_store_driver *driver;
} driver_row;
static const driver_row drivers[] = {
#define DRIVER(scheme, ident, what)   {scheme, what, NULL, &sz_store_##ident},
#define DRIVER_OFF(scheme, what, why) {scheme, what, why, NULL},
#include "store/drivers.def"
#undef DRIVER
#undef DRIVER_OFF
};
enum { N_DRIVERS = sizeof drivers / sizeof *drivers };

int sz_list_store_driver(size_t i, sz_store_driver_row *ret_row) {
    if (i >= N_DRIVERS) return 0;
    *ret_row = (sz_store_driver_row){drivers[i].scheme, drivers[i].what, drivers[i].off};
    return 1;
}

sz_status sz_store_missing(sz_ctx *ctx, int64_t run, int64_t number) {
    if (number == 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "there is no run %lld in the store", (long long)run);
    return sz_fail(ctx, SZ_ERR_INPUT, "there is no case %lld.%lld in the store", (long long)run,
                   (long long)number);
}

sz_status sz_store_emit_text(sz_ctx *ctx, const char *store, const sz_document *document,
                             sz_emit *emit, void *user) {
    sz_document d = *document;
    sz_status status = sz_value_parse(ctx, d.text, d.size, &d.json);
    if (status != SZ_OK)
        return sz_place(ctx, status, "store '%s': run %lld, case %lld",
                        sz_show(ctx, sz_str_c(store)), (long long)d.run, (long long)d.number);
    status = emit(user, &d);
    json_decref(d.json);
    return status;
}

// ---- opening -----------------------------------------------------------------------------------

static sz_status unknown_scheme(sz_ctx *ctx, const char *scheme) {
    char known[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < N_DRIVERS && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s:", i ? ", " : "",
                              drivers[i].scheme);
    return sz_fail(ctx, SZ_ERR_USAGE, "unknown kind of store '%s:'; there are %s and plain paths",
                   sz_show(ctx, sz_str_c(scheme)), known);
}

// A scheme is a word of letters before the first colon; anything else is a path.
static sz_status find_driver(sz_ctx *ctx, const char *url, const driver_row **ret_row,
                             const char **ret_path) {
    const size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyz");
    char scheme[MAX_SCHEME];
    *ret_row = &drivers[0];
    *ret_path = url;
    if (n == 0 || n >= sizeof scheme || url[n] != ':') return SZ_OK;
    memcpy(scheme, url, n);
    scheme[n] = '\0';
    *ret_path = url + n + 1;
    for (size_t i = 0; i < N_DRIVERS; i++)
        if (strcmp(drivers[i].scheme, scheme) == 0) return *ret_row = &drivers[i], SZ_OK;
    return unknown_scheme(ctx, scheme);
}

static void release(sz_store *s) {
    sz_ctx *ctx = s->ctx;
    sz_free(ctx, s->path, s->path_size);
    sz_free(ctx, s, sizeof *s);
}

// A path that SQLite would take for something else (":memory:", "file:...") is one below ".".
static sz_status set_path(sz_ctx *ctx, sz_store *s, const char *path) {
    const char *before = *path == '/' || *path == '.' ? "" : "./";
    s->path_size = strlen(before) + strlen(path) + 1;
    s->path = sz_alloc(ctx, s->path_size);
    if (!s->path) return sz_no_memory(ctx);
    snprintf(s->path, s->path_size, "%s%s", before, path);
    return SZ_OK;
}

sz_status sz_store_open(sz_ctx *ctx, const char *url, sz_store_mode mode, sz_store **ret_store) {
    const driver_row *row;
    const char *path;
    SZ_TRY(find_driver(ctx, url, &row, &path));
    if (row->off)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "store '%s:' is %s", row->scheme, row->off);
    if (!*path) return sz_fail(ctx, SZ_ERR_USAGE, "store '%s' names no file", url);
    sz_store *s = sz_alloc(ctx, sizeof *s);
    if (!s) return sz_no_memory(ctx);
    *s = (sz_store){.ctx = ctx, .driver = row->driver, .mode = mode};
    sz_status status = set_path(ctx, s, path);
    if (status == SZ_OK) status = s->driver->open(ctx, s);
    if (status != SZ_OK) return release(s), status;
    *ret_store = s;
    return SZ_OK;
}

void sz_store_close(sz_store *s) {
    if (!s) return;
    s->driver->close(s);
    release(s);
}

const char *sz_store_path(const sz_store *s) { return s->path; }

// ---- writing -----------------------------------------------------------------------------------

static sz_status parse_object(sz_ctx *ctx, const char *text, size_t size, json_t **ret_object) {
    if (size > SZ_MAX_RECORD / 2)
        return sz_fail(ctx, SZ_ERR_LIMIT, "a document of %zu bytes is too long for a store", size);
    SZ_TRY(sz_value_parse(ctx, text, size, ret_object));
    if (json_is_object(*ret_object)) return SZ_OK;
    json_decref(*ret_object);
    return sz_fail(ctx, SZ_ERR_INPUT, "a store keeps JSON objects only");
}

static sz_status check_mode(sz_ctx *ctx, const sz_store *s) {
    if (s->mode == SZ_STORE_WRITE) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE, "store '%s' was opened for reading", s->path);
}

sz_status sz_store_begin(sz_ctx *ctx, sz_store *s, const char *header, size_t size,
                         int64_t *ret_run) {
    json_t *object;
    SZ_TRY(check_mode(ctx, s));
    SZ_TRY(parse_object(ctx, header, size, &object));
    sz_status status = s->driver->begin(ctx, s, object, ret_run);
    json_decref(object);
    return status;
}

sz_status sz_store_append(sz_ctx *ctx, sz_store *s, int64_t run, const char *record, size_t size,
                          int64_t *ret_number) {
    json_t *object;
    SZ_TRY(check_mode(ctx, s));
    SZ_TRY(parse_object(ctx, record, size, &object));
    sz_status status = sz_value_give_id(ctx, object);
    if (status == SZ_OK) status = s->driver->append(ctx, s, run, object, ret_number);
    json_decref(object);
    return status;
}

sz_status sz_store_remove(sz_ctx *ctx, sz_store *s, int64_t run, int64_t number,
                          int64_t *ret_removed) {
    SZ_TRY(check_mode(ctx, s));
    return s->driver->remove(ctx, s, run, number, ret_removed);
}

sz_status sz_store_hold(sz_ctx *ctx, sz_store *s) {
    SZ_TRY(check_mode(ctx, s));
    return s->driver->hold(ctx, s, true);
}
sz_status sz_store_release(sz_ctx *ctx, sz_store *s) { return s->driver->hold(ctx, s, false); }

sz_status sz_store_check(sz_ctx *ctx, sz_store *s) { return s->driver->check(ctx, s); }

// ---- reading -----------------------------------------------------------------------------------

typedef struct reading {
    sz_ctx *ctx;
    const sz_store_query *query; // NULL = all
    sz_store_visit *visit;
    void *user;
    const char *case_hash; // when only counted
    int64_t n;
} reading;

static sz_status pass_on(void *user, const sz_document *d) {
    const reading *r = user;
    if (r->query && r->query->run && d->run != r->query->run) return SZ_OK;
    if (r->query && r->query->number && d->number != r->query->number) return SZ_OK;
    if (r->query && !sz_query_matches(r->query, d->json)) return SZ_OK;
    sz_stored found = {.run = d->run, .number = d->number, .json = d->text, .size = d->size};
    found.started_utc = sz_value_text(d->json, "started_utc");
    found.command = sz_value_text(d->json, "command");
    if (d->text) return r->visit(r->user, &found);
    char *line = sz_value_line(d->json, false);
    if (!line) return sz_no_memory(r->ctx);
    found.json = line, found.size = strlen(line);
    sz_status status = r->visit(r->user, &found);
    free(line);
    return status;
}

sz_status sz_store_each_run(sz_ctx *ctx, sz_store *s, sz_store_visit *visit, void *user) {
    reading r = {.ctx = ctx, .visit = visit, .user = user};
    return s->driver->each_run(ctx, s, pass_on, &r);
}

sz_status sz_store_each(sz_ctx *ctx, sz_store *s, const sz_store_query *query,
                        sz_store_visit *visit, void *user) {
    static const sz_store_query everything;
    reading r = {.ctx = ctx, .query = query ? query : &everything, .visit = visit, .user = user};
    for (size_t i = 0; i < r.query->n_where; i++)
        if (!strchr(r.query->where[i], '=') || r.query->where[i][0] == '=')
            return sz_fail(ctx, SZ_ERR_USAGE, "'%s' is no condition such as 'm=1024'",
                           sz_show(ctx, sz_str_c(r.query->where[i])));
    return s->driver->each(ctx, s, r.query, NULL, pass_on, &r);
}

static sz_status count_one(void *user, const sz_document *d) {
    reading *r = user;
    const char *hash = sz_value_text(d->json, "case_hash");
    r->n += hash && strcmp(hash, r->case_hash) == 0;
    return SZ_OK;
}

sz_status sz_store_count(sz_ctx *ctx, sz_store *s, const char *case_hash, int64_t *ret_n) {
    static const sz_store_query everything;
    reading r = {.ctx = ctx, .case_hash = case_hash};
    SZ_TRY(s->driver->each(ctx, s, &everything, case_hash, count_one, &r));
    *ret_n = r.n;
    return SZ_OK;
}

// ---- copying -----------------------------------------------------------------------------------

typedef struct copying {
    sz_ctx *ctx;
    sz_store *from, *to;
    int64_t run; // in `to`; 0 = not begun
    const sz_stored *header;
    sz_copied done;
} copying;

// A run is begun with its first case.
static sz_status copy_case(void *user, const sz_stored *found) {
    copying *c = user;
    int64_t number = 0;
    if (c->run == 0) {
        SZ_TRY(sz_store_begin(c->ctx, c->to, c->header->json, c->header->size, &c->run));
        c->done.runs++;
    }
    SZ_TRY(sz_store_append(c->ctx, c->to, c->run, found->json, found->size, &number));
    if (number > 0)
        c->done.cases++;
    else
        c->done.known++;
    return SZ_OK;
}

static sz_status copy_run(void *user, const sz_stored *header) {
    copying *c = user;
    const int64_t before = c->done.cases;
    int64_t removed;
    c->run = 0;
    c->header = header;
    const sz_store_query query = {.run = header->run};
    SZ_TRY(sz_store_each(c->ctx, c->from, &query, copy_case, c));
    if (c->run == 0 || c->done.cases > before) return SZ_OK;
    c->done.runs--; // all of its cases were there
    return sz_store_remove(c->ctx, c->to, c->run, 0, &removed);
}

sz_status sz_store_copy(sz_ctx *ctx, sz_store *from, sz_store *to, sz_copied *ret_copied) {
    copying c = {.ctx = ctx, .from = from, .to = to};
    SZ_TRY(sz_store_hold(ctx, to));
    const sz_status status = sz_store_each_run(ctx, from, copy_run, &c);
    if (status != SZ_OK) to->driver->hold(to->ctx, to, false); // what was copied stays
    SZ_TRY(status);
    SZ_TRY(sz_store_release(ctx, to));
    *ret_copied = c.done;
    return SZ_OK;
}
