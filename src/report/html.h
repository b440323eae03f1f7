// SPDX-License-Identifier: Apache-2.0
// The parts of the HTML writer, and the style sheet and the script that a page carries.
#ifndef SZ_HTML_H
#define SZ_HTML_H

#include "report/report.h"

// A file of report/page: "style", "script"; "script-hash" is the SHA-256 of the script in base 64.
typedef struct sz_asset {
    const char *name, *text;
    size_t size;
} sz_asset;
extern const sz_asset sz_assets[];
extern const size_t sz_n_assets;

// Text of an element or of an attribute in double quotes.
void sz_html_text(const sz_writing *w, const char *text);
// `label`: what the table or figure is of, for who can't see it. `index`: of the block, unique.
void sz_html_table(const sz_writing *w, const sz_block *b, const char *label);
void sz_html_list(const sz_writing *w, const sz_block *b);
void sz_html_facts(const sz_writing *w, const sz_block *b);
void sz_html_figure(const sz_writing *w, const sz_block *b, size_t index);

#endif
