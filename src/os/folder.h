// SPDX-License-Identifier: Apache-2.0
// A folder of small files that sizeup keeps: list, read, write whole.
#ifndef SZ_OS_FOLDER_H
#define SZ_OS_FOLDER_H

#include "base/base.h"

// Read a whole file of at most `limit` bytes into memory of ctx; *ret_size bytes, no NUL at the
// end, and *ret_cap bytes allocated. SZ_ERR_INPUT with the reason when there is none.
sz_status sz_folder_read(sz_ctx *ctx, const char *path, size_t limit, char **ret_text,
                         size_t *ret_size, size_t *ret_cap);

// Write a file so that it is complete or not there, making its folders.
sz_status sz_folder_write(sz_ctx *ctx, const char *path, const char *text, size_t size);

// Make the folders above a file. What goes wrong shows when the file is opened.
sz_status sz_folder_make_above(sz_ctx *ctx, const char *path);

// Size and last change of a file, by which a changed one is told; false when there is none.
bool sz_folder_stamp(const char *path, int64_t *ret_bytes, int64_t *ret_changed_s);

bool sz_folder_has(const char *path); // is a regular file that can be read

// Call `visit` for the name of every entry; stops at an error. A folder that is not there is empty.
sz_status sz_folder_list(sz_ctx *ctx, const char *folder,
                         sz_status (*visit)(void *user, const char *name), void *user);

// The folder that the running program lies in, with no slash at its end; false when not known.
bool sz_folder_of_program(char *buf, size_t cap);

#endif
