// SPDX-License-Identifier: Apache-2.0
// What a query finds, as JSON, JSON lines or CSV.
#include "store/store.h"

#include <stdlib.h>

#include "store/value.h"

enum { MAX_DEPTH = 24, MAX_KEY = 1024, MAX_COLUMNS = 20000 };

typedef struct exporting {
    sz_ctx *ctx;
    sz_buf *buf;
    size_t n;
    // CSV: columns by name, in the order in which they were met; `row` holds a value per column.
    sz_map columns;
    SZ_VEC(char *) names;
    SZ_VEC(const json_t *) row;
} exporting;

// ---- JSON --------------------------------------------------------------------------------------

static sz_status put_document(exporting *e, const sz_stored *found, const char *before,
                              const char *after) {
    json_t *document;
    sz_json json;
    SZ_TRY(sz_value_parse(e->ctx, found->json, found->size, &document));
    sz_buf_puts(e->buf, before);
    sz_json_init(&json, e->buf, 0);
    sz_value_put(&json, document);
    json_decref(document);
    if (e->buf->size > 0 && e->buf->data[e->buf->size - 1] == '\n') e->buf->size--;
    sz_buf_puts(e->buf, after);
    e->n++;
    return sz_buf_status(e->buf);
}

static sz_status put_line(void *user, const sz_stored *found) {
    return put_document(user, found, "", "\n");
}

static sz_status put_member(void *user, const sz_stored *found) {
    const exporting *e = user;
    return put_document(user, found, e->n ? ",\n" : "\n", "");
}

// ---- CSV ---------------------------------------------------------------------------------------

typedef sz_status see_leaf(exporting *e, const char *name, const json_t *value);

// Call `see` for all that is not a filled object, with the keys on the way joined by points.
static sz_status walk(exporting *e, const json_t *root, see_leaf *see) {
    struct {
        json_t *object;
        void *at;
        size_t length; // of the name before
    } levels[MAX_DEPTH] = {{(json_t *)(uintptr_t)root, NULL, 0}};
    char name[MAX_KEY];
    for (int depth = 1; depth > 0;) {
        json_t *object = levels[depth - 1].object;
        void *at = levels[depth - 1].at;
        at = levels[depth - 1].at = at ? json_object_iter_next(object, at)
                                       : json_object_iter(object);
        if (!at) {
            depth--;
            continue;
        }
        const char *key = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        const size_t n = strlen(key), before = levels[depth - 1].length;
        if (before + n + 2 > sizeof name)
            return sz_fail(e->ctx, SZ_ERR_LIMIT, "a name of a column is longer than %d bytes",
                           MAX_KEY);
        memcpy(name + before, key, n + 1);
        if (json_object_size(value) == 0 || depth == MAX_DEPTH) {
            SZ_TRY(see(e, name, value));
            continue;
        }
        memcpy(name + before + n, ".", 2);
        levels[depth].object = value, levels[depth].at = NULL;
        levels[depth++].length = before + n + 1;
    }
    return SZ_OK;
}

static sz_status add_column(exporting *e, const char *name, const json_t *value) {
    const sz_str key = sz_str_c(name);
    (void)value;
    if (sz_map_get(&e->columns, key, NULL)) return SZ_OK;
    if (e->names.n >= MAX_COLUMNS)
        return sz_fail(e->ctx, SZ_ERR_LIMIT, "more than %d columns: export to jsonl", MAX_COLUMNS);
    char *copy = sz_alloc(e->ctx, key.len + 1);
    if (!copy) return sz_no_memory(e->ctx);
    memcpy(copy, name, key.len);
    if (!sz_vec_push(e->ctx, &e->names, copy)) {
        sz_free(e->ctx, copy, key.len + 1);
        return sz_no_memory(e->ctx);
    }
    if (!sz_vec_push(e->ctx, &e->row, NULL)) return sz_no_memory(e->ctx);
    return sz_map_put(&e->columns, (sz_str){copy, key.len}, (int32_t)e->names.n - 1);
}

static sz_status learn_columns(void *user, const sz_stored *found) {
    exporting *e = user;
    json_t *document;
    SZ_TRY(sz_value_parse(e->ctx, found->json, found->size, &document));
    sz_status status = walk(e, document, add_column);
    json_decref(document);
    return status;
}

static sz_status set_cell(exporting *e, const char *name, const json_t *value) {
    int32_t column;
    if (sz_map_get(&e->columns, sz_str_c(name), &column)) e->row.items[column] = value;
    return SZ_OK;
}

static sz_status put_cell(exporting *e, const json_t *v) {
    if (!v || json_is_null(v)) return SZ_OK;
    if (json_is_string(v)) {
        sz_escape(e->buf, SZ_SINK_CSV, json_string_value(v), json_string_length(v));
        return SZ_OK;
    }
    if (json_is_integer(v)) return sz_buf_i64(e->buf, json_integer_value(v)), SZ_OK;
    if (json_is_real(v)) return sz_buf_f64(e->buf, json_real_value(v)), SZ_OK;
    char *line = sz_value_line(v, false);
    if (!line) return sz_no_memory(e->ctx);
    sz_escape(e->buf, SZ_SINK_CSV, line, strlen(line));
    free(line);
    return SZ_OK;
}

static sz_status put_row(void *user, const sz_stored *found) {
    exporting *e = user;
    json_t *document;
    SZ_TRY(sz_value_parse(e->ctx, found->json, found->size, &document));
    memset(e->row.items, 0, e->row.n * sizeof *e->row.items);
    sz_status status = walk(e, document, set_cell);
    for (size_t i = 0; status == SZ_OK && i < e->row.n; i++) {
        if (i) sz_buf_putc(e->buf, ',');
        status = put_cell(e, e->row.items[i]);
    }
    sz_buf_putc(e->buf, '\n');
    json_decref(document);
    return status == SZ_OK ? sz_buf_status(e->buf) : status;
}

// Twice through the store: for the columns, then for the rows.
static sz_status put_csv(exporting *e, sz_store *s, const sz_store_query *query) {
    SZ_TRY(sz_store_each(e->ctx, s, query, learn_columns, e));
    for (size_t i = 0; i < e->names.n; i++) {
        if (i) sz_buf_putc(e->buf, ',');
        sz_escape(e->buf, SZ_SINK_CSV, e->names.items[i], strlen(e->names.items[i]));
    }
    if (e->names.n == 0) return SZ_OK;
    sz_buf_putc(e->buf, '\n');
    return sz_store_each(e->ctx, s, query, put_row, e);
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status put_json(exporting *e, sz_store *s, const sz_store_query *query) {
    sz_buf_putc(e->buf, '[');
    SZ_TRY(sz_store_each(e->ctx, s, query, put_member, e));
    sz_buf_puts(e->buf, e->n ? "\n]\n" : "]\n");
    return SZ_OK;
}

static sz_status put_jsonl(exporting *e, sz_store *s, const sz_store_query *query) {
    return sz_store_each(e->ctx, s, query, put_line, e);
}

sz_status sz_store_export(sz_ctx *ctx, sz_store *s, const sz_store_query *query, const char *format,
                          sz_buf *buf) {
    static const struct {
        const char *name;
        sz_status (*put)(exporting *e, sz_store *s, const sz_store_query *query);
    } formats[] = {{"jsonl", put_jsonl}, {"json", put_json}, {"csv", put_csv}};
    exporting e = {.ctx = ctx, .buf = buf};
    size_t i = 0;
    while (i < 3 && strcmp(formats[i].name, format) != 0) i++;
    if (i == 3)
        return sz_fail(ctx, SZ_ERR_USAGE, "results are exported as jsonl, json or csv, not '%s'",
                       sz_show(ctx, sz_str_c(format)));
    sz_map_init(&e.columns, ctx);
    sz_status status = formats[i].put(&e, s, query);
    if (status == SZ_OK) status = sz_buf_status(buf);
    for (i = 0; i < e.names.n; i++) sz_free(ctx, e.names.items[i], strlen(e.names.items[i]) + 1);
    sz_vec_finish(ctx, &e.names);
    sz_vec_finish(ctx, &e.row);
    sz_map_finish(&e.columns);
    return status;
}
