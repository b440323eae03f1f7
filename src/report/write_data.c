// SPDX-License-Identifier: Apache-2.0
// Writers for machines: JSON and CSV. Plain SI numbers, keys with units.
#include "report/report.h"

#include <sizeup/json.h>

// ---- JSON --------------------------------------------------------------------------------------

static void json_cell(sz_json *json, const sz_cell *cell) {
    switch (cell->kind) {
    case SZ_CELL_NONE: sz_json_null(json); return;
    case SZ_CELL_I64: sz_json_i64(json, cell->i); return;
    case SZ_CELL_F64: sz_json_f64(json, cell->f); return;
    case SZ_CELL_TEXT: sz_json_str(json, cell->s); return;
    case SZ_CELL_BOOL: sz_json_bool(json, cell->i != 0); return;
    }
}

static void json_table(sz_json *json, const sz_block *b) {
    sz_json_key_array(json, b->text);
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        sz_json_begin_object(json);
        for (size_t c = 0; c < b->n_columns; c++) {
            if (!sz_is_data(&b->columns[c])) continue;
            sz_json_key(json, b->columns[c].key);
            json_cell(json, &b->cells.items[row * b->n_columns + c]);
        }
        sz_json_end_object(json);
    }
    sz_json_end_array(json);
}

static void json_facts(sz_json *json, const sz_block *b) {
    for (size_t i = 0; i < b->facts.n; i++) {
        if (!b->facts.items[i].key) continue;
        sz_json_key(json, b->facts.items[i].key);
        json_cell(json, &b->facts.items[i].value);
    }
}

void sz_write_json(const sz_writing *w) {
    sz_json json;
    sz_json_init(&json, w->buf, 2);
    sz_json_begin_object(&json);
    if (w->doc->schema) sz_json_key_str(&json, "schema", w->doc->schema);
    for (size_t i = 0; i < w->doc->blocks.n; i++) {
        const sz_block *b = &w->doc->blocks.items[i];
        if (b->kind == SZ_BLOCK_FACTS) json_facts(&json, b);
        if (b->kind == SZ_BLOCK_TABLE && b->text) json_table(&json, b);
    }
    if (w->doc->has_warnings) {
        sz_json_key_array(&json, "warnings");
        for (size_t i = 0; i < w->doc->warnings.n; i++)
            sz_json_str(&json, w->doc->warnings.items[i]);
        sz_json_end_array(&json);
    }
    sz_json_end_object(&json);
}

// ---- CSV ---------------------------------------------------------------------------------------

static void csv_text(sz_buf *buf, const char *text) {
    sz_escape(buf, SZ_SINK_CSV, text, strlen(text));
}

static void csv_cell(sz_buf *buf, const sz_cell *cell) {
    switch (cell->kind) {
    case SZ_CELL_NONE: return;
    case SZ_CELL_I64: sz_buf_i64(buf, cell->i); return;
    case SZ_CELL_F64: sz_buf_f64(buf, cell->f); return;
    case SZ_CELL_TEXT: csv_text(buf, cell->s); return;
    case SZ_CELL_BOOL: sz_buf_puts(buf, cell->i ? "true" : "false"); return;
    }
}

static void csv_line(sz_buf *buf, const sz_block *b, const sz_cell *row) {
    bool first = true;
    for (size_t c = 0; c < b->n_columns; c++) {
        if (!sz_is_data(&b->columns[c])) continue;
        if (!first) sz_buf_putc(buf, ',');
        first = false;
        if (row) csv_cell(buf, &row[c]);
        else csv_text(buf, b->columns[c].key);
    }
    sz_buf_puts(buf, "\r\n");
}

static void csv_table(sz_buf *buf, const sz_block *b) {
    csv_line(buf, b, NULL);
    for (size_t row = 0; row < sz_block_rows(b); row++)
        csv_line(buf, b, &b->cells.items[row * b->n_columns]);
}

static void csv_facts(const sz_writing *w) {
    sz_buf_puts(w->buf, "name,value,unit\r\n");
    for (size_t i = 0; i < w->doc->blocks.n; i++) {
        const sz_block *b = &w->doc->blocks.items[i];
        for (size_t k = 0; k < b->facts.n; k++) {
            const sz_fact *fact = &b->facts.items[k];
            if (!fact->key) continue;
            csv_text(w->buf, fact->key);
            sz_buf_putc(w->buf, ',');
            csv_cell(w->buf, &fact->value);
            sz_buf_putc(w->buf, ',');
            csv_text(w->buf, fact->unit ? fact->unit : "");
            sz_buf_puts(w->buf, "\r\n");
        }
    }
}

void sz_write_csv(const sz_writing *w) {
    for (size_t i = 0; i < w->doc->blocks.n; i++) {
        const sz_block *b = &w->doc->blocks.items[i];
        if (b->kind != SZ_BLOCK_TABLE || !b->text) continue;
        csv_table(w->buf, b);
        return;
    }
    csv_facts(w);
}
