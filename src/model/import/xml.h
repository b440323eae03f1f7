// SPDX-License-Identifier: Apache-2.0
// A pull reader for XML, as far as model files use it: elements, attributes, text, comments, CDATA,
// the five named entities and character references. No DTD: a DOCTYPE is refused, so no entity can
// be defined and none can expand. Memory: one window of the file, one tag, the names of the open
// elements; all of it from the allocator of the context, which is why this is no library (expat's
// allocator has no user pointer, and it keeps every attribute name of a file).
#ifndef SZ_XML_H
#define SZ_XML_H

#include "base/source.h"

typedef enum sz_xml_kind { SZ_XML_START, SZ_XML_END, SZ_XML_TEXT, SZ_XML_EOF } sz_xml_kind;

typedef struct sz_xml_attr {
    sz_str name, value; // entities replaced; valid until the next event
} sz_xml_attr;

typedef struct sz_xml {
    sz_ctx *ctx;
    sz_source *source;
    // the event
    sz_xml_kind kind;
    sz_str name;               // of the element that starts or ends
    sz_str text;               // SZ_XML_TEXT: never only white space; CDATA comes as its own event
    int64_t line, column;      // where the event began, from 1; columns count bytes
    uint64_t offset;           // the same in bytes
    SZ_VEC(sz_xml_attr) attrs; // SZ_XML_START
    int depth;                 // open elements, the one that starts included, the one that ends not
    // inside
    size_t memory_base;
    unsigned char *window;
    uint64_t at;       // of the window in the file
    size_t have, next; // bytes in the window; the next one
    int64_t now_line, now_column;
    SZ_VEC(char) buf;        // the tag or the text at hand
    SZ_VEC(char) names;      // of the open elements, one after the other
    SZ_VEC(uint32_t) starts; // where each begins in `names`
    bool is_empty_tag;       // <a/>: the end is still to be told
    bool had_root;
} sz_xml;

// Sets the job limit of ctx by the bytes read, and leaves it (model/graph/allowance.h).
sz_status sz_xml_init(sz_xml *x, sz_ctx *ctx, sz_source *source);
void sz_xml_finish(sz_xml *x);
sz_status sz_xml_next(sz_xml *x);
// After a start: go on to the end of this element, whatever is in it. The event is that end.
sz_status sz_xml_skip(sz_xml *x);
// Attribute of the element that started; false (and *ret_value "") when it has none.
bool sz_xml_attribute(const sz_xml *x, const char *name, sz_str *ret_value);
// Fails with "line L:C: ..." of the event.
sz_status sz_xml_fail(sz_xml *x, const char *fmt, ...) SZ_PRINTF(2, 3);
uint64_t sz_xml_header(const sz_xml *x); // bytes read so far

#endif
