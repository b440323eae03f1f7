// SPDX-License-Identifier: Apache-2.0
// A source: bytes with a name, and the files beside them. Importers read only through a source, so
// a test or a fuzzer can hand them memory. The file kind lives in os/source.h.
#ifndef SZ_BASE_SOURCE_H
#define SZ_BASE_SOURCE_H

#include "base/base.h"

typedef struct sz_source {
    const char *name; // for messages, and no more than that; lives as long as the source
    uint64_t size;    // bytes, as found when it was opened

    // Exactly `len` bytes at `offset`, or an error that names the file (it shrank, the disk failed,
    // the range lies outside). Reads straight through: no window, no counting.
    sz_status (*read)(struct sz_source *s, sz_ctx *ctx, uint64_t offset, void *buf, size_t len);

    // The file `name` beside this one; never one outside the folder. *ret_source = NULL when it is
    // absent (SZ_OK). A name that tries to leave the folder, or that is no regular file, is an
    // error. The sibling belongs to this source, which closes it and returns the same one again
    // for the same name.
    sz_status (*sibling)(struct sz_source *s, sz_ctx *ctx, sz_str name,
                         struct sz_source **ret_source);

    // Frees the source and its siblings.
    void (*close)(struct sz_source *s, sz_ctx *ctx);
} sz_source;

// NULL is fine.
void sz_source_close(sz_source *s, sz_ctx *ctx);

// `bytes` must stay alive as long as the source; `name` is copied. Siblings are always absent, but
// names that no side file may have are refused as for a file.
sz_status sz_source_from_memory(sz_ctx *ctx, const char *name, const void *bytes, uint64_t size,
                                sz_source **ret_source);

// May a side file be called so? Fails with a sentence for anything but a plain relative path that
// stays inside the folder: absolute, "..", backslash, control bytes, empty, too long, and the
// marker by which ONNX Runtime means an address in its own memory.
sz_status sz_source_check_name(sz_ctx *ctx, sz_str name);

enum { SZ_MAX_SIDE_NAME = 4096 };

#endif
