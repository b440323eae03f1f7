// SPDX-License-Identifier: Apache-2.0
// The JSON writer.
#include "base/base.h"

#include <sizeup/json.h>

#include <math.h>

void sz_json_init(sz_json *json, sz_buf *buf, int lines) {
    *json = (sz_json){.buf = buf, .lines = lines};
}

static void new_line(sz_json *json) {
    sz_buf_putc(json->buf, '\n');
    sz_buf_pad(json->buf, ' ', (size_t)json->depth * 2);
}

// Comma, line break and indent before a key or an array's value.
static void separate(sz_json *json) {
    if (json->after_key) {
        json->after_key = 0;
        return;
    }
    if (json->depth == 0) return;
    uint32_t bit = 1u << (json->depth - 1);
    if (json->filled & bit) sz_buf_putc(json->buf, ',');
    if (json->depth <= json->lines) new_line(json);
    else if (json->filled & bit) sz_buf_putc(json->buf, ' ');
    json->filled |= bit;
}

static void begin(sz_json *json, char c) {
    separate(json);
    sz_buf_putc(json->buf, c);
    // A bug of the caller, never of data: no container is opened by what a file holds.
    if (json->depth == SZ_JSON_MAX_DEPTH) json->buf->failed = SZ_ERR_INTERNAL;
    else json->filled &= ~(1u << json->depth++);
}

static void end(sz_json *json, char c) {
    if (json->depth == 0) {
        json->buf->failed = SZ_ERR_INTERNAL;
        return;
    }
    bool filled = json->filled >> (json->depth - 1) & 1;
    json->depth--;
    if (filled && json->depth < json->lines) new_line(json);
    sz_buf_putc(json->buf, c);
    if (json->depth == 0) sz_buf_putc(json->buf, '\n');
}

void sz_json_begin_object(sz_json *json) { begin(json, '{'); }
void sz_json_end_object(sz_json *json) { end(json, '}'); }
void sz_json_begin_array(sz_json *json) { begin(json, '['); }
void sz_json_end_array(sz_json *json) { end(json, ']'); }

static void put_string(sz_json *json, const char *bytes, size_t n) {
    sz_buf_putc(json->buf, '"');
    sz_escape(json->buf, SZ_SINK_JSON, bytes, n);
    sz_buf_putc(json->buf, '"');
}

void sz_json_key(sz_json *json, const char *key) {
    separate(json);
    put_string(json, key, strlen(key));
    sz_buf_put(json->buf, ": ", 2);
    json->after_key = 1;
}

void sz_json_i64(sz_json *json, int64_t v) {
    separate(json);
    sz_buf_i64(json->buf, v);
}

void sz_json_f64(sz_json *json, double v) {
    separate(json);
    sz_buf_f64(json->buf, v);
}

void sz_json_bool(sz_json *json, int v) {
    separate(json);
    sz_buf_puts(json->buf, v ? "true" : "false");
}

void sz_json_null(sz_json *json) {
    separate(json);
    sz_buf_puts(json->buf, "null");
}

void sz_json_str(sz_json *json, const char *text) {
    if (text) sz_json_str_n(json, text, strlen(text));
    else sz_json_null(json);
}

void sz_json_str_n(sz_json *json, const char *bytes, size_t n) {
    separate(json);
    put_string(json, bytes, n);
}

void sz_json_key_i64(sz_json *json, const char *key, int64_t v) {
    sz_json_key(json, key);
    sz_json_i64(json, v);
}

void sz_json_key_f64(sz_json *json, const char *key, double v) {
    sz_json_key(json, key);
    sz_json_f64(json, v);
}

void sz_json_key_bool(sz_json *json, const char *key, int v) {
    sz_json_key(json, key);
    sz_json_bool(json, v);
}

void sz_json_key_str(sz_json *json, const char *key, const char *text) {
    sz_json_key(json, key);
    sz_json_str(json, text);
}

void sz_json_key_object(sz_json *json, const char *key) {
    sz_json_key(json, key);
    sz_json_begin_object(json);
}

void sz_json_key_array(sz_json *json, const char *key) {
    sz_json_key(json, key);
    sz_json_begin_array(json);
}

static void put_field(sz_json *json, const sz_field *field, const char *at) {
    switch (field->kind) {
    case SZ_FIELD_I64: sz_json_i64(json, *(const int64_t *)(const void *)at); return;
    case SZ_FIELD_F64: sz_json_f64(json, *(const double *)(const void *)at); return;
    case SZ_FIELD_STR: sz_json_str(json, *(const char *const *)(const void *)at); return;
    case SZ_FIELD_BOOL: sz_json_bool(json, *(const int *)(const void *)at); return;
    }
}

void sz_json_record(sz_json *json, const sz_record_type *type, const void *record) {
    for (size_t i = 0; i < type->n_fields; i++) {
        sz_json_key(json, type->fields[i].name);
        put_field(json, &type->fields[i], (const char *)record + type->fields[i].offset);
    }
}

void sz_json_warnings(sz_json *json, const sz_ctx *ctx) {
    sz_json_key_array(json, "warnings");
    for (size_t i = 0; i < sz_ctx_warning_count(ctx); i++)
        sz_json_str(json, sz_ctx_warning(ctx, i));
    sz_json_end_array(json);
}
