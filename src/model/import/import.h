// SPDX-License-Identifier: Apache-2.0
// Importers: bytes in, graph out. One row each in importers.def, one file or family of files each.
// An importer never opens files: it reads a source (base/source.h), so tests can hand it memory.
#ifndef SZ_IMPORT_H
#define SZ_IMPORT_H

#include "base/source.h"
#include "model/graph/graph.h"

// The first bytes of a file, as many as there are up to SZ_SNIFF_BYTES.
enum { SZ_SNIFF_BYTES = 512 };

// A score above this one is not doubted: the bytes are not held against those of foreign files.
enum { SZ_SNIFF_SURE = 90 };

typedef struct sz_importer {
    const char *name;       // "onnx", as --format-in takes it
    const char *extensions; // "onnx", several with a blank between
    const char *what;       // one clause for lists
    // How sure are these bytes of the format? 0 = surely not, 100 = surely.
    int (*sniff)(const unsigned char *head, size_t len);
    // Builds the graph: nodes, values, types as the file states them. Not verified, not resolved,
    // not inferred. Side files come from source->sibling(). Does not take the source. On failure
    // nothing is left behind; the message has the place inside the file, not the file's name.
    sz_status (*read)(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph);
} sz_importer;

int32_t sz_importer_count(void);
const sz_importer *sz_importer_get(int32_t i);

// Read with the importer named `format`, or, when that is NULL, with the one that fits the bytes
// best. Takes the source in every case: the graph owns it (graph->source) on success, on failure it
// is closed. Messages begin with "file 'NAME': ". Sets the job limit of ctx (graph/allowance.h) and
// leaves it set for what is still to be done with the graph: the caller takes it away.
sz_status sz_import(sz_ctx *ctx, sz_source *source, const char *format, sz_graph **ret_graph);

#endif
