// SPDX-License-Identifier: Apache-2.0
#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool sz_folder_stamp(const char *path, int64_t *ret_bytes, int64_t *ret_changed_s) {
    struct stat s;
    if (stat(path, &s) != 0) return false;
    *ret_bytes = (int64_t)s.st_size;
    *ret_changed_s = (int64_t)s.st_mtime;
    return true;
}

bool sz_folder_has(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, R_OK) == 0;
}

// ---- reading -----------------------------------------------------------------------------------

static sz_status refuse(sz_ctx *ctx, const char *path, int error) {
    return sz_fail(ctx, SZ_ERR_INPUT, "cannot read '%s': %s", sz_show(ctx, sz_str_c(path)),
                   strerror(error));
}

static sz_status read_all(sz_ctx *ctx, int fd, const char *path, char *text, size_t cap,
                          size_t *ret_size) {
    size_t n = 0;
    while (n < cap) {
        ssize_t got = read(fd, text + n, cap - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return refuse(ctx, path, errno);
        if (got == 0) break;
        n += (size_t)got;
    }
    *ret_size = n;
    return SZ_OK;
}

static sz_status read_open(sz_ctx *ctx, int fd, const char *path, size_t limit, char **ret_text,
                           size_t *ret_size, size_t *ret_cap) {
    struct stat st;
    if (fstat(fd, &st) != 0) return refuse(ctx, path, errno);
    if (!S_ISREG(st.st_mode))
        return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is not a file", sz_show(ctx, sz_str_c(path)));
    if ((uint64_t)st.st_size > limit)
        return sz_fail(ctx, SZ_ERR_LIMIT, "file '%s' is longer than %zu bytes",
                       sz_show(ctx, sz_str_c(path)), limit);
    const size_t cap = (size_t)st.st_size + 1;
    char *text = sz_alloc(ctx, cap);
    if (!text) return sz_no_memory(ctx);
    sz_status status = read_all(ctx, fd, path, text, cap - 1, ret_size);
    if (status != SZ_OK) return sz_free(ctx, text, cap), status;
    *ret_text = text;
    *ret_cap = cap;
    return SZ_OK;
}

sz_status sz_folder_read(sz_ctx *ctx, const char *path, size_t limit, char **ret_text,
                         size_t *ret_size, size_t *ret_cap) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return refuse(ctx, path, errno);
    sz_status status = read_open(ctx, fd, path, limit, ret_text, ret_size, ret_cap);
    close(fd);
    return status;
}

// ---- writing -----------------------------------------------------------------------------------

static sz_status cannot(sz_ctx *ctx, const char *path) {
    return sz_fail(ctx, SZ_ERR_IO, "cannot write '%s': %s", sz_show(ctx, sz_str_c(path)),
                   strerror(errno));
}

// Make every folder above the last '/'.
static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777); // what is wrong shows when the file is opened
        *slash = '/';
    }
}

sz_status sz_folder_make_above(sz_ctx *ctx, const char *path) {
    char full[PATH_MAX];
    int len = snprintf(full, sizeof full, "%s", path);
    if (len < 0 || (size_t)len >= sizeof full)
        return sz_fail(ctx, SZ_ERR_LIMIT, "path '%.100s...' is too long", path);
    if (len > 0) make_folders(full);
    return SZ_OK;
}

static bool write_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t put = write(fd, text, size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        text += put, size -= (size_t)put;
    }
    return true;
}

// Written beside and renamed: a reader sees the old file or the new one, never half of it.
sz_status sz_folder_write(sz_ctx *ctx, const char *path, const char *text, size_t size) {
    char temporary[PATH_MAX + 16];
    SZ_TRY(sz_folder_make_above(ctx, path));
    snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return cannot(ctx, path);
    bool good = write_all(fd, text, size) && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (good && rename(temporary, path) == 0) return SZ_OK;
    sz_status status = cannot(ctx, path);
    unlink(temporary);
    return status;
}

// ---- listing -----------------------------------------------------------------------------------

sz_status sz_folder_list(sz_ctx *ctx, const char *folder,
                         sz_status (*visit)(void *user, const char *name), void *user) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    sz_status status = SZ_OK;
    if (!dir && errno == ENOENT) return SZ_OK;
    if (!dir) return refuse(ctx, folder, errno);
    while (status == SZ_OK && (entry = readdir(dir))) status = visit(user, entry->d_name);
    closedir(dir);
    return status;
}

bool sz_folder_of_program(char *buf, size_t cap) {
    const ssize_t n = buf && cap > 0 ? readlink("/proc/self/exe", buf, cap) : -1;
    if (n <= 0 || (size_t)n >= cap) return false;
    buf[n] = '\0';
    char *slash = strrchr(buf, '/');
    if (slash) *slash = '\0';
    return slash != NULL;
}
