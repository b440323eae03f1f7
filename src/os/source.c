// SPDX-License-Identifier: Apache-2.0
#include "os/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// SZ_NO_OPENAT2 lets a test see what happens on older kernels.
#if defined(SYS_openat2) && __has_include(<linux/openat2.h>) && !defined(SZ_NO_OPENAT2)
#include <linux/openat2.h>
#define HAVE_OPENAT2 1
#else
#define HAVE_OPENAT2 0
#endif

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

// One file. The main file stays open; side files are opened when they are read, because a model may
// have thousands of them, and the last one read is kept open.
typedef struct file_source {
    sz_source base;
    int fd;                     // -1 = not open now
    dev_t device;               // to notice that another file took its place
    ino_t inode;
    size_t own_size;            // of this struct with the name behind it
    struct file_source *root;   // of a side file: the main file
    struct file_source *next;   // the side files, for closing
    // of the main file only
    int folder;                 // descriptor of its folder, -1 = not opened yet
    struct file_source *reading;// side file that is open
    sz_map names;               // side file name -> index in sides
    SZ_VEC(struct file_source *) sides;
    char name[];
} file_source;

// ---- failing -----------------------------------------------------------------------------------

static sz_status io_fail(sz_ctx *ctx, const char *what, const char *name) {
    return sz_fail(ctx, SZ_ERR_IO, "can't %s '%s': %s", what, sz_show(ctx, sz_str_c(name)),
                   strerror(errno));
}

// What the thing is when it is no regular file.
static const char *kind_of(mode_t mode) {
    static const struct {
        mode_t mode;
        const char *name;
    } kinds[] = {{S_IFDIR, "a folder"},        {S_IFIFO, "a named pipe"},
                 {S_IFCHR, "a device"},        {S_IFBLK, "a device"},
                 {S_IFSOCK, "a socket"},       {S_IFLNK, "a symbolic link"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((mode & S_IFMT) == kinds[i].mode) return kinds[i].name;
    return "none of the known kinds";
}

static sz_status check_regular(sz_ctx *ctx, const char *what, const char *name,
                               const struct stat *st) {
    if (S_ISREG(st->st_mode)) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "%s '%s' is %s, not a regular file", what,
                   sz_show(ctx, sz_str_c(name)), kind_of(st->st_mode));
}

// ---- opening -----------------------------------------------------------------------------------

static sz_status open_main(sz_ctx *ctx, const char *path, int *ret_fd, struct stat *ret_st) {
    if (stat(path, ret_st) != 0) return io_fail(ctx, "open", path);
    SZ_TRY(check_regular(ctx, "file", path, ret_st));
    int fd = open(path, OPEN_FLAGS);
    if (fd < 0) return io_fail(ctx, "open", path);
    // look again: between the two calls another thing may have taken the name
    sz_status status = fstat(fd, ret_st) == 0 ? check_regular(ctx, "file", path, ret_st)
                                              : io_fail(ctx, "look at", path);
    if (status != SZ_OK) {
        close(fd);
        return status;
    }
    *ret_fd = fd;
    return SZ_OK;
}

#if HAVE_OPENAT2
static int open_beneath_kernel(int folder, const char *name) {
    struct open_how how = {.flags = OPEN_FLAGS,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                      RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}
#else
static int open_beneath_kernel(int folder, const char *name) {
    (void)folder, (void)name;
    errno = ENOSYS;
    return -1;
}
#endif

// Where the kernel has no openat2: one component after the other, none of them a link. The name has
// passed sz_source_check_name(), so no component is "..".
static int open_beneath_steps(int folder, char *name) {
    int at = folder;
    for (char *slash; (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        if (slash == name) continue;
        *slash = '\0';
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int saved = errno;
        if (at != folder) close(at);
        errno = saved;
        if (next < 0) return -1;
        at = next;
    }
    int fd = openat(at, name, OPEN_FLAGS | O_NOFOLLOW);
    int saved = errno;
    if (at != folder) close(at);
    errno = saved;
    return fd;
}

static int open_beneath(int folder, const char *name) {
    int fd = open_beneath_kernel(folder, name);
    // EPERM: a sandbox that does not know the call
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    char copy[SZ_MAX_SIDE_NAME + 1];
    size_t len = strlen(name);
    memcpy(copy, name, len + 1);
    return open_beneath_steps(folder, copy);
}

// The folder of the main file; it is looked up once, so a rename later does not matter.
static sz_status open_folder(file_source *root, sz_ctx *ctx) {
    if (root->folder >= 0) return SZ_OK;
    const char *slash = strrchr(root->name, '/');
    size_t len = slash ? (size_t)(slash - root->name) + 1 : 0; // with the slash: "/" stays "/"
    char *path = sz_alloc(ctx, len + 2);
    if (!path) return sz_no_memory(ctx);
    if (slash) memcpy(path, root->name, len);
    else path[0] = '.';
    root->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    sz_status status = root->folder >= 0 ? SZ_OK : io_fail(ctx, "open the folder", path);
    sz_free(ctx, path, len + 2);
    return status;
}

// ---- reading -----------------------------------------------------------------------------------

// Open a side file again. It must still be the file that was looked at first.
static sz_status reopen(file_source *f, sz_ctx *ctx) {
    file_source *root = f->root;
    struct stat st;
    if (root->reading) {
        close(root->reading->fd);
        root->reading->fd = -1;
        root->reading = NULL;
    }
    int fd = open_beneath(root->folder, f->name);
    if (fd < 0) return io_fail(ctx, "open", f->name);
    if (fstat(fd, &st) != 0 || st.st_dev != f->device || st.st_ino != f->inode) {
        close(fd);
        return sz_fail(ctx, SZ_ERR_IO, "side file '%s' was replaced meanwhile",
                       sz_show(ctx, sz_str_c(f->name)));
    }
    f->fd = fd;
    root->reading = f;
    return SZ_OK;
}

static sz_status file_read(sz_source *s, sz_ctx *ctx, uint64_t offset, void *buf, size_t len) {
    file_source *f = (file_source *)s;
    if (!sz_in_range(offset, len, s->size))
        return sz_fail(ctx, SZ_ERR_INPUT, "read beyond the end of '%s'",
                       sz_show(ctx, sz_str_c(s->name)));
    if (f->fd < 0) SZ_TRY(reopen(f, ctx));
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(f->fd, (char *)buf + done, len - done, (off_t)(offset + done));
        if (n > 0) done += (size_t)n;
        else if (n == 0)
            return sz_fail(ctx, SZ_ERR_IO, "'%s' became shorter while it was read: @%" PRIu64
                           " is gone", sz_show(ctx, sz_str_c(s->name)), offset + done);
        else if (errno != EINTR) return io_fail(ctx, "read", s->name);
    }
    return SZ_OK;
}

// ---- life --------------------------------------------------------------------------------------

static void file_close_one(file_source *f, sz_ctx *ctx) {
    if (f->fd >= 0) close(f->fd);
    sz_free(ctx, f, f->own_size);
}

static void file_close(sz_source *s, sz_ctx *ctx) {
    file_source *f = (file_source *)s;
    if (f->root) return; // belongs to the main file
    for (size_t i = 0; i < f->sides.n; i++) file_close_one(f->sides.items[i], ctx);
    sz_vec_finish(ctx, &f->sides);
    sz_map_finish(&f->names);
    if (f->folder >= 0) close(f->folder);
    file_close_one(f, ctx);
}

static sz_status file_sibling(sz_source *s, sz_ctx *ctx, sz_str name, sz_source **ret_source);

static file_source *file_new(sz_ctx *ctx, sz_str name, const struct stat *st, int fd) {
    size_t own_size = sizeof(file_source) + name.len + 1;
    file_source *f = sz_alloc(ctx, own_size);
    if (!f) return NULL;
    memcpy(f->name, name.p, name.len);
    f->own_size = own_size;
    f->fd = fd;
    f->folder = -1;
    f->device = st->st_dev;
    f->inode = st->st_ino;
    f->base = (sz_source){f->name, (uint64_t)st->st_size, file_read, file_sibling, file_close};
    return f;
}

bool sz_source_exists(const char *path) { return access(path, F_OK) == 0; }

bool sz_source_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

sz_status sz_source_open(sz_ctx *ctx, const char *path, sz_source **ret_source) {
    struct stat st;
    int fd = -1;
    SZ_TRY(open_main(ctx, path, &fd, &st));
    // headers are islands among weights: read-ahead would fetch what is then skipped
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    file_source *f = file_new(ctx, sz_str_c(path), &st, fd);
    if (!f) {
        close(fd);
        return sz_no_memory(ctx);
    }
    sz_map_init(&f->names, ctx);
    *ret_source = &f->base;
    return SZ_OK;
}

// ---- side files --------------------------------------------------------------------------------

// "%2e%2e/x" stays literal, so such a file is nearly always absent; say so instead of taking it for
// a side file that was left at home.
static bool has_percent_path(sz_str name) {
    static const char *const codes[] = {"%2e", "%2E", "%2f", "%2F", "%5c", "%5C", "%00"};
    for (uint32_t i = 0; i + 3 <= name.len; i++)
        for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++)
            if (memcmp(name.p + i, codes[k], 3) == 0) return true;
    return false;
}

// Why the system refused. Absent is no refusal: SZ_OK.
static sz_status side_refused(sz_ctx *ctx, sz_str name) {
    int error = errno;
    if (error == ENOENT && has_percent_path(name))
        return sz_fail(ctx, SZ_ERR_INPUT,
                       "no side file '%s' (percent codes in its name stay as they are)",
                       sz_show(ctx, name));
    if (error == ENOENT) return SZ_OK;
    const char *why = error == ELOOP     ? "it is a symbolic link; put the file itself there"
                      : error == EXDEV   ? "it lies outside the folder of the model"
                      : error == ENOTDIR ? "its path goes through something that is no folder"
                      : error == ENXIO   ? "it is not a regular file"
                                         : strerror(error);
    sz_status status = error == EACCES || error == EIO ? SZ_ERR_IO : SZ_ERR_INPUT;
    return sz_fail(ctx, status, "side file '%s' is refused: %s", sz_show(ctx, name), why);
}

static sz_status check_side(sz_ctx *ctx, const char *name, int fd, struct stat *ret_st) {
    if (fstat(fd, ret_st) != 0) return io_fail(ctx, "look at", name);
    SZ_TRY(check_regular(ctx, "side file", name, ret_st));
    if (ret_st->st_nlink > 1)
        sz_warn(ctx, "side file '%s' has %ju hard links: it may be a file from elsewhere",
                sz_show(ctx, sz_str_c(name)), (uintmax_t)ret_st->st_nlink);
    return SZ_OK;
}

// Take the file into the list of the root, which then owns it.
static sz_status remember(file_source *root, sz_ctx *ctx, file_source *f) {
    if (!sz_vec_push(ctx, &root->sides, f)) {
        file_close_one(f, ctx);
        return sz_no_memory(ctx);
    }
    return sz_map_put(&root->names, sz_str_c(f->name), (int32_t)(root->sides.n - 1));
}

static sz_status file_sibling(sz_source *s, sz_ctx *ctx, sz_str name, sz_source **ret_source) {
    file_source *root = ((file_source *)s)->root ? ((file_source *)s)->root : (file_source *)s;
    char text[SZ_MAX_SIDE_NAME + 1];
    struct stat st;
    int32_t index;
    SZ_TRY(sz_source_check_name(ctx, name));
    if (sz_map_get(&root->names, name, &index)) {
        *ret_source = &root->sides.items[index]->base;
        return SZ_OK;
    }
    SZ_TRY(open_folder(root, ctx));
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    int fd = open_beneath(root->folder, text);
    if (fd < 0) {
        *ret_source = NULL;
        return side_refused(ctx, name);
    }
    sz_status status = check_side(ctx, text, fd, &st);
    close(fd);
    if (status != SZ_OK) return status;
    file_source *f = file_new(ctx, name, &st, -1);
    if (!f) return sz_no_memory(ctx);
    f->root = root;
    SZ_TRY(remember(root, ctx, f));
    *ret_source = &f->base;
    return SZ_OK;
}
