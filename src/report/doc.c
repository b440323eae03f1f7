// SPDX-License-Identifier: Apache-2.0
// Filling in a document. Whatever can't be kept for want of memory marks the document as failed.
#include "report/report.h"

#include <math.h>
#include <stdio.h>

sz_cell sz_cell_none(void) { return (sz_cell){.kind = SZ_CELL_NONE}; }
sz_cell sz_cell_i64(int64_t v) { return (sz_cell){.kind = SZ_CELL_I64, .i = v}; }
sz_cell sz_cell_bool(int v) { return (sz_cell){.kind = SZ_CELL_BOOL, .i = v != 0}; }
sz_cell sz_cell_f64(double v) {
    return isfinite(v) ? (sz_cell){.kind = SZ_CELL_F64, .f = v} : sz_cell_none();
}
sz_cell sz_cell_text(const char *text) {
    return text ? (sz_cell){.kind = SZ_CELL_TEXT, .s = text} : sz_cell_none();
}

sz_status sz_doc_create(sz_ctx *ctx, const char *schema, sz_doc **ret_doc) {
    sz_doc *doc = sz_alloc(ctx, sizeof *doc);
    if (!doc) return sz_no_memory(ctx);
    doc->ctx = ctx;
    doc->schema = schema;
    sz_arena_init(&doc->arena, ctx);
    *ret_doc = doc;
    return SZ_OK;
}

void sz_doc_destroy(sz_doc *doc) {
    if (!doc) return;
    for (size_t i = 0; i < doc->blocks.n; i++) {
        sz_block *b = &doc->blocks.items[i];
        for (size_t k = 0; k < b->views.n; k++) sz_plot_destroy(b->views.items[k].plot);
        sz_vec_finish(doc->ctx, &b->views);
        sz_vec_finish(doc->ctx, &b->facts);
        sz_vec_finish(doc->ctx, &b->cells);
        sz_vec_finish(doc->ctx, &b->rules);
    }
    sz_vec_finish(doc->ctx, &doc->blocks);
    sz_vec_finish(doc->ctx, &doc->warnings);
    sz_arena_finish(&doc->arena);
    sz_free(doc->ctx, doc, sizeof *doc);
}

static const char *keep(sz_doc *doc, const char *text) {
    if (!text) return NULL;
    const char *copy = sz_arena_strdup(&doc->arena, text, strlen(text));
    if (!copy) doc->failed = true;
    return copy;
}

static sz_cell keep_cell(sz_doc *doc, sz_cell cell) {
    if (cell.kind == SZ_CELL_TEXT) cell = sz_cell_text(keep(doc, cell.s));
    return cell;
}

static sz_block *add_block(sz_doc *doc, sz_block_kind kind, const char *text) {
    if (sz_vec_push(doc->ctx, &doc->blocks, ((sz_block){.kind = kind, .text = text})))
        return &doc->blocks.items[doc->blocks.n - 1];
    doc->failed = true;
    return NULL;
}

static sz_block *last_block(sz_doc *doc, sz_block_kind kind) {
    sz_block *b = doc->blocks.n ? &doc->blocks.items[doc->blocks.n - 1] : NULL;
    return b && b->kind == kind ? b : NULL;
}

// The last one begun, whatever was said behind it; NULL also when the memory of its columns was
// refused.
static sz_block *last_table(sz_doc *doc) {
    for (size_t i = doc->blocks.n; i-- > 0;) {
        sz_block *b = &doc->blocks.items[i];
        if (b->kind == SZ_BLOCK_TABLE) return b->n_columns > 0 ? b : NULL;
    }
    return NULL;
}

void sz_doc_title(sz_doc *doc, const char *title, const char *subtitle) {
    sz_block *b = add_block(doc, SZ_BLOCK_TITLE, keep(doc, title));
    if (b) b->more = keep(doc, subtitle);
}

void sz_doc_heading(sz_doc *doc, const char *text) {
    add_block(doc, SZ_BLOCK_HEADING, keep(doc, text));
}

void sz_doc_line(sz_doc *doc, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : sz_arena_alloc(&doc->arena, (size_t)n + 1);
    if (!text) {
        doc->failed = true;
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    add_block(doc, SZ_BLOCK_LINE, text);
}

void sz_doc_fact_note(sz_doc *doc, const char *key, const char *title, sz_cell value,
                      sz_format format, const char *unit, const char *note) {
    sz_block *b = last_block(doc, SZ_BLOCK_FACTS);
    if (!b) b = add_block(doc, SZ_BLOCK_FACTS, NULL);
    if (!b) return;
    sz_fact fact = {.key = keep(doc, key), .title = keep(doc, title), .unit = keep(doc, unit),
                    .note = keep(doc, note), .format = format, .value = keep_cell(doc, value)};
    if (!sz_vec_push(doc->ctx, &b->facts, fact)) doc->failed = true;
}

void sz_doc_fact(sz_doc *doc, const char *key, const char *title, sz_cell value, sz_format format,
                 const char *unit) {
    sz_doc_fact_note(doc, key, title, value, format, unit, NULL);
}

void sz_doc_table(sz_doc *doc, const char *key, const sz_column *columns, size_t n_columns) {
    sz_block *b = add_block(doc, SZ_BLOCK_TABLE, keep(doc, key));
    sz_column *copy = sz_arena_array(&doc->arena, n_columns, sizeof *copy);
    if (!b || !copy) {
        doc->failed = true;
        return;
    }
    memcpy(copy, columns, n_columns * sizeof *copy);
    b->columns = copy;
    b->n_columns = n_columns;
}

void sz_doc_row(sz_doc *doc, const sz_cell *cells, size_t n_cells) {
    sz_block *b = last_table(doc);
    if (!b) return;
    for (size_t i = 0; i < b->n_columns; i++) {
        sz_cell cell = i < n_cells ? keep_cell(doc, cells[i]) : sz_cell_none();
        if (sz_vec_push(doc->ctx, &b->cells, cell)) continue;
        doc->failed = true;
        b->cells.n -= b->cells.n % b->n_columns; // no half rows
        return;
    }
}

void sz_doc_as_list(sz_doc *doc) {
    sz_block *b = last_table(doc);
    if (b) b->as_list = true;
}

void sz_doc_figure(sz_doc *doc, const char *caption, const char *alt, const sz_doc_view *views,
                   size_t n) {
    sz_block *b = add_block(doc, SZ_BLOCK_FIGURE, keep(doc, caption));
    if (b) b->more = keep(doc, alt);
    for (size_t i = 0; i < n; i++) {
        const sz_doc_view view = {keep(doc, views[i].name), views[i].plot};
        if (b && sz_vec_push(doc->ctx, &b->views, view)) continue;
        sz_plot_destroy(views[i].plot);
        doc->failed = true;
    }
}

void sz_doc_rule(sz_doc *doc) {
    sz_block *b = last_table(doc);
    if (b && !sz_vec_push(doc->ctx, &b->rules, sz_block_rows(b))) doc->failed = true;
}

void sz_doc_warnings(sz_doc *doc, const sz_ctx *from) {
    doc->has_warnings = true;
    for (size_t i = 0; i < sz_ctx_warning_count(from); i++) {
        const char *text = keep(doc, sz_ctx_warning(from, i));
        if (!text || !sz_vec_push(doc->ctx, &doc->warnings, text)) doc->failed = true;
    }
}

// ---- records -----------------------------------------------------------------------------------

// Counts and amounts get prefixes, ratios do not.
static sz_format format_of(const sz_field *field) {
    if (field->kind == SZ_FIELD_I64) return SZ_AS_SI;
    if (field->kind != SZ_FIELD_F64) return SZ_AS_TEXT;
    return field->unit[0] && !strchr(field->unit, '/') ? SZ_AS_SI : SZ_AS_NUMBER;
}

void sz_doc_record_table(sz_doc *doc, const char *key, const sz_record_type *type) {
    sz_column *columns = sz_arena_array(&doc->arena, type->n_fields, sizeof *columns);
    if (!columns) {
        doc->failed = true;
        return;
    }
    for (size_t i = 0; i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        columns[i] = (sz_column){f->name, f->name, f->unit, format_of(f), 0};
    }
    sz_doc_table(doc, key, columns, type->n_fields);
}

static sz_cell cell_of(const sz_field *field, const char *at) {
    switch (field->kind) {
    case SZ_FIELD_I64: return sz_cell_i64(*(const int64_t *)(const void *)at);
    case SZ_FIELD_F64: return sz_cell_f64(*(const double *)(const void *)at);
    case SZ_FIELD_STR: return sz_cell_text(*(const char *const *)(const void *)at);
    case SZ_FIELD_BOOL: return sz_cell_bool(*(const int *)(const void *)at);
    }
    return sz_cell_none();
}

void sz_doc_record_row(sz_doc *doc, const sz_record_type *type, const void *record) {
    sz_cell *cells = sz_arena_array(&doc->arena, type->n_fields, sizeof *cells);
    if (!cells) {
        doc->failed = true;
        return;
    }
    for (size_t i = 0; i < type->n_fields; i++)
        cells[i] = cell_of(&type->fields[i], (const char *)record + type->fields[i].offset);
    sz_doc_row(doc, cells, type->n_fields);
}

// ---- writing -----------------------------------------------------------------------------------

typedef struct writer_row {
    const char *name;
    sz_writer *write;
    const char *what;
} writer_row;

static const writer_row writers[] = {
#define WRITER(name, ident, what) {name, sz_write_##ident, what},
#include "report/writers.def"
#undef WRITER
};
enum { N_WRITERS = sizeof writers / sizeof writers[0] };

int sz_list_writer(size_t i, sz_writer_row *ret_row) {
    if (i >= N_WRITERS) return 0;
    *ret_row = (sz_writer_row){writers[i].name, writers[i].what};
    return 1;
}

sz_status sz_doc_write(sz_ctx *ctx, const sz_doc *doc, const sz_write_options *options,
                       sz_buf *buf) {
    const char *name = options && options->format ? options->format : "text";
    for (size_t i = 0; i < N_WRITERS; i++) {
        if (strcmp(writers[i].name, name) != 0) continue;
        sz_writing w = {doc, buf, options && options->width > 0 ? (size_t)options->width : 100,
                        options && options->color};
        writers[i].write(&w);
        if (buf->failed == SZ_ERR_IO) return sz_fail(ctx, SZ_ERR_IO, "the output was refused");
        return doc->failed || buf->failed ? sz_no_memory(ctx) : SZ_OK;
    }
    return sz_fail(ctx, SZ_ERR_USAGE, "unknown format '%s': there are text, json, csv, md and html",
                   name);
}

// ---- shared by the writers ---------------------------------------------------------------------

void sz_cell_show(sz_buf *buf, sz_sink sink, const sz_cell *cell, sz_format format,
                  const char *unit) {
    switch (cell->kind) {
    case SZ_CELL_NONE: sz_buf_putc(buf, '-'); return;
    case SZ_CELL_BOOL: sz_buf_puts(buf, cell->i ? "yes" : "no"); return;
    case SZ_CELL_TEXT: sz_escape(buf, sink, cell->s, strlen(cell->s)); return;
    case SZ_CELL_F64: sz_buf_number(buf, format, cell->f, unit); return;
    case SZ_CELL_I64: break;
    }
    if (format == SZ_AS_SI || format == SZ_AS_PERCENT) {
        sz_buf_number(buf, format, (double)cell->i, unit);
        return;
    }
    sz_buf_grouped(buf, cell->i); // exact beyond 2^53
    if (unit && *unit) sz_buf_printf(buf, " %s", unit);
}

void sz_figure_show(const sz_writing *w, const sz_block *b, const sz_plot_options *options) {
    if (b->views.n == 0) return;
    const sz_status status = sz_plot_write(w->doc->ctx, b->views.items[0].plot, options, w->buf);
    if (status != SZ_OK && !w->buf->failed) w->buf->failed = (int)status;
}

const char *sz_unit_in_cell(const char *unit) { return unit && strlen(unit) <= 2 ? unit : NULL; }

void sz_head_show(sz_buf *buf, const sz_column *column) {
    sz_buf_puts(buf, column->title ? column->title : column->key ? column->key : "");
    if (column->unit && *column->unit && !sz_unit_in_cell(column->unit))
        sz_buf_printf(buf, " [%s]", column->unit);
}
