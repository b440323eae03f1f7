// SPDX-License-Identifier: Apache-2.0
/** @file
 * A document: headings, lines, facts and tables, filled in once and written in any format.
 *
 * The document keeps values, not text: a number stays a number until a writer formats it. Text and
 * Markdown show SI prefixes and units; CSV and JSON get plain SI numbers under the keys of the
 * columns. As HTML it is one page that needs no network: figures are drawn in it, tables can be
 * sorted and filtered. All strings are copied and may hold any byte; the writers escape them.
 *
 * Filling in never fails visibly: no memory is remembered and reported by sz_doc_write().
 */
#ifndef SIZEUP_DOC_H
#define SIZEUP_DOC_H

#include <sizeup/plot.h>
#include <sizeup/record.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sz_doc sz_doc;

/** A value: nothing, an integer, a number or text. */
typedef enum sz_cell_kind {
    SZ_CELL_NONE,
    SZ_CELL_I64,
    SZ_CELL_F64,
    SZ_CELL_TEXT,
    SZ_CELL_BOOL
} sz_cell_kind;
typedef struct sz_cell {
    sz_cell_kind kind;
    int64_t i;
    double f;
    const char *s;
} sz_cell;
SZ_API sz_cell sz_cell_none(void);
SZ_API sz_cell sz_cell_i64(int64_t v);
SZ_API sz_cell sz_cell_f64(double v);         /**< not finite: nothing */
SZ_API sz_cell sz_cell_text(const char *text); /**< NULL: nothing */
SZ_API sz_cell sz_cell_bool(int v);

enum {
    SZ_COLUMN_LEFT = 1,   /**< numbers flush left (text is anyhow) */
    SZ_COLUMN_SHRINK = 2, /**< text: may lose its middle when the table is too wide */
    SZ_COLUMN_WRAP = 16,  /**< text, last column only: goes on in the next line instead */
    SZ_COLUMN_DATA = 4,   /**< only in CSV and JSON */
    SZ_COLUMN_SHOW = 8,   /**< only in text, Markdown and HTML */
    SZ_COLUMN_PAGE = 32,  /**< not in text and Markdown, where there is no room for it */
    SZ_COLUMN_BAR = 64    /**< HTML: a bar beside the number; columns of the table with the same
                               format and unit share its scale */
};
typedef struct sz_column {
    const char *key;   /**< CSV head and JSON key, with unit: "time_s". Not needed with SHOW */
    const char *title; /**< head in text and Markdown. Not needed with DATA */
    const char *unit;  /**< "B", "s", "FLOP/s"; NULL = none. One or two letters follow each number,
                            longer ones stand in the head */
    sz_format format;
    unsigned flags;
} sz_column;

/** `schema`: value of the JSON key "schema", NULL = none. */
SZ_API sz_status sz_doc_create(sz_ctx *ctx, const char *schema, sz_doc **ret_doc) SZ_MUST_USE;
SZ_API void sz_doc_destroy(sz_doc *doc); /**< NULL is fine */

/** The title of the whole, and a line below it (NULL = none). */
SZ_API void sz_doc_title(sz_doc *doc, const char *title, const char *subtitle);
SZ_API void sz_doc_heading(sz_doc *doc, const char *text);
/** A line of text for people. May hold names from files: it is escaped as a whole. */
SZ_API void sz_doc_line(sz_doc *doc, const char *fmt, ...) SZ_PRINTF(2, 3);
/** A named value. Facts that follow each other line up. key NULL: for people only. title NULL: only
 * in JSON. With SZ_AS_SI, integers from 1000 on show all their digits, then the short form. */
SZ_API void sz_doc_fact(sz_doc *doc, const char *key, const char *title, sz_cell value,
                        sz_format format, const char *unit);
/** The same with a remark for people after the value. */
SZ_API void sz_doc_fact_note(sz_doc *doc, const char *key, const char *title, sz_cell value,
                             sz_format format, const char *unit, const char *note);

/** Begin a table; rows go to the last one begun. key: of the array in JSON, NULL = not there.
 * `columns` are copied, their strings are not: they must outlive the document. */
SZ_API void sz_doc_table(sz_doc *doc, const char *key, const sz_column *columns, size_t n_columns);
/** A row: one cell per column, in their order; cells left out are nothing. */
SZ_API void sz_doc_row(sz_doc *doc, const sz_cell *cells, size_t n_cells);
/** People see the table that was begun last as a list: of each row the first column as a sentence,
 * the second below it. */
SZ_API void sz_doc_as_list(sz_doc *doc);
/** A thin rule before the next row, in text. */
SZ_API void sz_doc_rule(sz_doc *doc);

/** A table with a column per field of a record, and a row of it. */
SZ_API void sz_doc_record_table(sz_doc *doc, const char *key, const sz_record_type *type);
SZ_API void sz_doc_record_row(sz_doc *doc, const sz_record_type *type, const void *record);

/** A plot under the name of a view: "DRAM", "logarithmic". */
typedef struct sz_doc_view {
    const char *name;
    sz_plot *plot;
} sz_doc_view;
/** A figure of n >= 1 views of the same thing; HTML lets people choose between them, text and
 * Markdown show the first. `alt` says in words what there is to see. The plots are the document's
 * from now on. JSON and CSV leave figures out: what they show stands in a table too. */
SZ_API void sz_doc_figure(sz_doc *doc, const char *caption, const char *alt,
                          const sz_doc_view *views, size_t n);

/** "warnings" of the JSON. Other formats leave them to standard error. */
SZ_API void sz_doc_warnings(sz_doc *doc, const sz_ctx *from);

typedef struct sz_write_options {
    const char *format; /**< name of a writer: "text", "json", "csv", "md", "html" */
    int width;          /**< columns of text, 0 = 100 */
    int color;          /**< bold heads in text */
} sz_write_options;

/** Write the document at the end of `buf`. CSV writes the first table, or the facts when there is
 * none. SZ_ERR_USAGE: no such writer, with the names of those there are. */
SZ_API sz_status sz_doc_write(sz_ctx *ctx, const sz_doc *doc, const sz_write_options *options,
                              sz_buf *buf) SZ_MUST_USE;

/** Rows of the writers table. `i` from 0; returns 0 past the end. */
typedef struct sz_writer_row {
    const char *name, *what;
} sz_writer_row;
SZ_API int sz_list_writer(size_t i, sz_writer_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
