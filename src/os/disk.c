// SPDX-License-Identifier: Apache-2.0
#include "os/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

// ---- making it ---------------------------------------------------------------------------------

// Without a name from the start where the file system can do that; else the name lives for an
// instant.
static int open_nameless(const char *folder) {
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    const int len = snprintf(path, sizeof path, "%s/.sizeup-XXXXXX", folder);
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

static bool in_memory(int fd) {
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0) return false;
    return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

static sz_status examine(sz_ctx *ctx, const char *folder, sz_disk_file *f) {
    struct statvfs fs;
    if (in_memory(f->fd))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "'%s' is kept in memory, not on a disk", folder);
    const int flags = fcntl(f->fd, F_GETFL);
    if (flags < 0 || fcntl(f->fd, F_SETFL, flags | O_DIRECT) != 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "the file system of '%s' gives no direct access to the disk", folder);
    if (fstatvfs(f->fd, &fs) != 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "free space of '%s' is not known: %s", folder,
                       strerror(errno));
    if (!sz_mul((int64_t)fs.f_bavail, (int64_t)fs.f_frsize, &f->free_bytes) ||
        !sz_mul((int64_t)fs.f_blocks, (int64_t)fs.f_frsize, &f->disk_bytes))
        f->free_bytes = f->disk_bytes = INT64_MAX;
    return SZ_OK;
}

sz_status sz_disk_open(sz_ctx *ctx, const char *folder, sz_disk_file *ret_file) {
    sz_disk_file f = {.fd = open_nameless(folder)};
    if (f.fd < 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "cannot make a file in '%s': %s", folder,
                       strerror(errno));
    const sz_status status = examine(ctx, folder, &f);
    if (status == SZ_OK)
        *ret_file = f;
    else
        sz_disk_close(&f);
    return status;
}

void sz_disk_close(sz_disk_file *file) {
    if (file->fd >= 0) close(file->fd);
    file->fd = -1;
}

// ---- using it ----------------------------------------------------------------------------------

int sz_disk_write(const sz_disk_file *file, int64_t at, const void *bytes, size_t n) {
    const char *p = bytes;
    while (n > 0) {
        const ssize_t done = pwrite(file->fd, p, n, at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return done < 0 ? errno : ENOSPC;
        p += done, at += done, n -= (size_t)done;
    }
    return 0;
}

int sz_disk_read(const sz_disk_file *file, int64_t at, void *bytes, size_t n) {
    char *p = bytes;
    while (n > 0) {
        const ssize_t done = pread(file->fd, p, n, at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return done < 0 ? errno : EIO;
        p += done, at += done, n -= (size_t)done;
    }
    return 0;
}

int sz_disk_sync(const sz_disk_file *file) {
    while (fsync(file->fd) != 0)
        if (errno != EINTR) return errno;
    return 0;
}

// ---- extents -----------------------------------------------------------------------------------

bool sz_disk_written(const sz_disk_file *file, int64_t size) {
    enum { EXTENTS = 32 };
    _Alignas(struct fiemap) unsigned char
        room[sizeof(struct fiemap) + EXTENTS * sizeof(struct fiemap_extent)];
    const uint32_t not_on_disk = FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DELALLOC |
                                 FIEMAP_EXTENT_UNKNOWN;
    struct fiemap *map = (struct fiemap *)(void *)room;
    for (uint64_t at = 0; at < (uint64_t)size;) {
        memset(room, 0, sizeof room);
        map->fm_start = at, map->fm_length = (uint64_t)size - at, map->fm_extent_count = EXTENTS;
        if (ioctl(file->fd, FS_IOC_FIEMAP, map) != 0)
            return lseek(file->fd, (off_t)at, SEEK_HOLE) >= size || errno == EINVAL;
        if (map->fm_mapped_extents == 0) return false; // the rest is a hole
        for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
            const struct fiemap_extent *e = &map->fm_extents[i];
            if (e->fe_logical > at || (e->fe_flags & not_on_disk)) return false;
            at = e->fe_logical + e->fe_length;
        }
    }
    return true;
}
