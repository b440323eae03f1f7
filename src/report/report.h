// SPDX-License-Identifier: Apache-2.0
// The inside of a document, for its writers.
#ifndef SZ_REPORT_H
#define SZ_REPORT_H

#include "base/base.h"

#include <sizeup/doc.h>

typedef enum sz_block_kind {
    SZ_BLOCK_TITLE,
    SZ_BLOCK_HEADING,
    SZ_BLOCK_LINE,
    SZ_BLOCK_FACTS,
    SZ_BLOCK_TABLE,
    SZ_BLOCK_FIGURE
} sz_block_kind;

typedef struct sz_fact {
    const char *key, *title, *unit, *note; // NULL where there is none
    sz_format format;
    sz_cell value;
} sz_fact;

typedef struct sz_block {
    sz_block_kind kind;
    const char *text; // title, heading, line; key of a table; caption of a figure
    const char *more; // subtitle of a title; of a figure, what there is to see
    bool as_list;
    SZ_VEC(sz_doc_view) views;
    SZ_VEC(sz_fact) facts;
    const sz_column *columns;
    size_t n_columns;
    SZ_VEC(sz_cell) cells; // row by row, n_columns each
    SZ_VEC(size_t) rules;  // rows that have a rule before them, ascending
} sz_block;

struct sz_doc {
    sz_ctx *ctx;
    sz_arena arena;
    const char *schema;
    SZ_VEC(sz_block) blocks;
    SZ_VEC(const char *) warnings;
    bool has_warnings;
    bool failed; // something was lost for want of memory
};

typedef struct sz_writing {
    const sz_doc *doc;
    sz_buf *buf;
    size_t width;
    bool color;
} sz_writing;
typedef void sz_writer(const sz_writing *w);

#define WRITER(name, ident, what) sz_writer sz_write_##ident;
#include "report/writers.def"
#undef WRITER

// In text and Markdown, which have less room than a page.
static inline bool sz_is_shown(const sz_column *c) {
    return !(c->flags & (SZ_COLUMN_DATA | SZ_COLUMN_PAGE));
}
static inline bool sz_is_data(const sz_column *c) { return c->key && !(c->flags & SZ_COLUMN_SHOW); }
static inline size_t sz_block_rows(const sz_block *b) {
    return b->n_columns ? b->cells.n / b->n_columns : 0;
}

// A value for people, already escaped for `sink`.
void sz_cell_show(sz_buf *buf, sz_sink sink, const sz_cell *cell, sz_format format,
                  const char *unit);
// The first view of a figure, drawn as the options say; what fails stays in the buffer.
void sz_figure_show(const sz_writing *w, const sz_block *b, const sz_plot_options *options);
// Units of one or two letters follow each number of a column; longer ones stand in its head.
const char *sz_unit_in_cell(const char *unit);
void sz_head_show(sz_buf *buf, const sz_column *column);

#endif
