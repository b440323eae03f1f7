// SPDX-License-Identifier: Apache-2.0
/** @file
 * Text for a sink: a growing buffer, one encoder per sink, and numbers as people read them.
 *
 * Names, error sentences and warnings may hold any byte of a file. Whoever puts them on a sink
 * sends them through sz_escape() for that sink, exactly once, at the sink.
 */
#ifndef SIZEUP_TEXT_H
#define SIZEUP_TEXT_H

#include <sizeup/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that grow. The first failure is remembered and later puts do nothing, so only the end
 * needs a check: sz_buf_status(). There is no NUL at the end. Zeroed but for `ctx` is empty. */
typedef struct sz_buf {
    sz_ctx *ctx;
    char *data;
    size_t size, capacity;
    int failed;
    /** When set: takes bytes off the front once there are many, so that a long output needs little
     * memory. Returns 0, or anything else to end the writing. */
    int (*drain)(void *user, const char *bytes, size_t n);
    void *user;
} sz_buf;

SZ_API void sz_buf_init(sz_buf *buf, sz_ctx *ctx);
SZ_API void sz_buf_finish(sz_buf *buf);
SZ_API void sz_buf_put(sz_buf *buf, const char *bytes, size_t n);
SZ_API void sz_buf_puts(sz_buf *buf, const char *text);
SZ_API void sz_buf_putc(sz_buf *buf, char c);
SZ_API void sz_buf_pad(sz_buf *buf, char c, size_t n); /**< n times c */
SZ_API void sz_buf_i64(sz_buf *buf, int64_t v);
/** A decimal that reads back as v, 15 to 17 digits at most, with a point whatever the locale; not
 * finite: "null". */
SZ_API void sz_buf_f64(sz_buf *buf, double v);
SZ_API void sz_buf_printf(sz_buf *buf, const char *fmt, ...) SZ_PRINTF(2, 3);
/** SZ_ERR_MEMORY when something was lost, SZ_ERR_IO when the drain refused. */
SZ_API sz_status sz_buf_status(const sz_buf *buf) SZ_MUST_USE;

/** Where text goes. Whatever the bytes, what comes out is valid UTF-8 without control bytes: on the
 * terminal, in Markdown and in CSV a control character, a bidi or invisible control, or a byte that
 * is not UTF-8 is shown as \n, \t, \x1b or \u202e. The form is for people: it can't be read
 * back. */
typedef enum sz_sink {
    SZ_SINK_TERMINAL,
    SZ_SINK_MARKDOWN, /**< also what Markdown or HTML would act on; fit for a table cell */
    SZ_SINK_CSV,      /**< quoted where needed; a start that spreadsheets run gets a leading ' */
    SZ_SINK_JSON,     /**< inside of a JSON string, without its quotes. Characters can be read back;
                           a byte that is not UTF-8 becomes the four characters \xff */
    SZ_SINK_XML       /**< text or a double-quoted attribute of XML, SVG, HTML */
} sz_sink;
SZ_API void sz_escape(sz_buf *buf, sz_sink sink, const char *text, size_t n);

/** Columns that n bytes of escaped text take on a terminal: wide characters 2, combining ones 0. */
SZ_API size_t sz_text_width(const char *text, size_t n);
/** Escaped text with its middle replaced by "…" so that it takes at most `width` columns. */
SZ_API void sz_text_shorten(sz_buf *buf, const char *text, size_t n, size_t width);

/** How a number is shown to people. */
typedef enum sz_format {
    SZ_AS_TEXT,
    SZ_AS_INT,     /**< all digits in groups of three: 1,814,073,344 */
    SZ_AS_SI,      /**< three digits and a prefix: 1.81 G */
    SZ_AS_NUMBER,  /**< four digits: 18.32 */
    SZ_AS_PERCENT, /**< 0.25 as 25.0% */
    SZ_AS_COMMAND  /**< text that is typed */
} sz_format;
/** Put v as `format` says, with the unit after the prefix (NULL or "" = none): "1.81 GB". */
SZ_API void sz_buf_number(sz_buf *buf, sz_format format, double v, const char *unit);
/** All digits of an integer in groups of three. */
SZ_API void sz_buf_grouped(sz_buf *buf, int64_t v);

/** Name of `candidates` (NULL-ended) nearest to `word` by edit distance; NULL when none is near. */
SZ_API const char *sz_text_nearest(const char *word, const char *const *candidates);

#ifdef __cplusplus
}
#endif
#endif
