// SPDX-License-Identifier: Apache-2.0
// The characters of HLO text: read through a window, one pass, with the line and the column.
#ifndef SZ_HLO_SCAN_H
#define SZ_HLO_SCAN_H

#include "base/source.h"

typedef struct hlo_scan {
    sz_ctx *ctx;
    sz_source *source;
    unsigned char *window;
    uint64_t at; // place of window[0] in the file
    size_t have, pos;
    uint64_t line, start;                 // present line, from 1, and where it starts in the file
    uint64_t mark_line, mark_start, mark; // where the present token starts
    sz_status status;                     // of reading; the end of the file is no error
    size_t memory_base;
    SZ_VEC(char) text; // the last word, string or raw value
} hlo_scan;

sz_status hlo_scan_init(hlo_scan *s, sz_ctx *ctx, sz_source *source);
void hlo_scan_finish(hlo_scan *s);

// Fail with "line L:C: <message>" for the token that was marked last.
sz_status hlo_scan_fail(const hlo_scan *s, const char *fmt, ...) SZ_PRINTF(2, 3);
// Put that place before an error that somebody else set.
sz_status hlo_scan_place(const hlo_scan *s, sz_status status);

int hlo_peek_raw(hlo_scan *s);  // next byte, -1 at the end (or when reading failed)
void hlo_next_raw(hlo_scan *s); // over it
// The next byte behind blanks, line ends and comments; marks it.
int hlo_peek(hlo_scan *s);
// The same, but stays on the line: '\n' at its end.
int hlo_peek_line(hlo_scan *s);
bool hlo_take(hlo_scan *s, char c);
sz_status hlo_expect(hlo_scan *s, char c, const char *after);

// Letters, digits and _ . - $ : behind an optional %; empty when there is none. A name may be
// quoted. The text is good until the next call.
sz_status hlo_scan_word(hlo_scan *s, sz_str *ret);
sz_status hlo_scan_string(hlo_scan *s, sz_str *ret); // "quoted", escapes resolved
sz_status hlo_scan_int(hlo_scan *s, int64_t *ret);
// What stands between here and the next comma, line end or closing bracket outside of brackets
// and strings, comments left out. Kept up to SZ_WIRE_MAX_TEXT bytes, else empty with *ret_cut.
sz_status hlo_scan_value(hlo_scan *s, bool keep, sz_str *ret, bool *ret_cut);
// Behind the bracket that closes one that is open already.
sz_status hlo_skip_to_brace(hlo_scan *s);

#endif
