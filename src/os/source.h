// SPDX-License-Identifier: Apache-2.0
// A model file on disk as a source (base/source.h), read by windowed pread: a file that shrinks
// meanwhile is an error, never a signal.
#ifndef SZ_OS_SOURCE_H
#define SZ_OS_SOURCE_H

#include "base/source.h"

// Regular files only: a folder, pipe, socket or device is refused before it is opened, so nothing
// can make the open wait. Side files are opened inside the folder of `path` only, never through a
// symbolic link; one with several hard links gives a warning. At most two files are open at a time.
sz_status sz_source_open(sz_ctx *ctx, const char *path, sz_source **ret_source);

// Is there anything of that name?
bool sz_source_exists(const char *path);
bool sz_source_is_folder(const char *path);

#endif
