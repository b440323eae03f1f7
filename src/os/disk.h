// SPDX-License-Identifier: Apache-2.0
// A file without a name on a disk, read and written past the system's caches. It is gone when the
// process ends, in whatever way.
#ifndef SZ_OS_DISK_H
#define SZ_OS_DISK_H

#include "base/base.h"

typedef struct sz_disk_file {
    int fd;
    int64_t free_bytes; // of the file system, for a user without privileges
    int64_t disk_bytes; // size of the file system
} sz_disk_file;

// Make the file in a folder. SZ_ERR_UNAVAILABLE with the reason: no such folder, read-only, a file
// system in memory, no direct access.
sz_status sz_disk_open(sz_ctx *ctx, const char *folder, sz_disk_file *ret_file);
void sz_disk_close(sz_disk_file *file);

// Whole blocks at multiples of 4096 from memory that is aligned likewise. 0, or the errno.
int sz_disk_write(const sz_disk_file *file, int64_t at, const void *bytes, size_t n);
int sz_disk_read(const sz_disk_file *file, int64_t at, void *bytes, size_t n);
int sz_disk_sync(const sz_disk_file *file);

// Does every byte of [0, size) lie on the disk? A block that was allocated but not written would be
// read without touching the disk. True when the file system does not tell.
bool sz_disk_written(const sz_disk_file *file, int64_t size);

#endif
