// SPDX-License-Identifier: Apache-2.0
// Captured machines for tests: NAME.tree holds files of /proc and /sys one after the other, each
// after a line "== /path". Only files that are read are in it, so that it stays small.
#ifndef SZ_TEST_TREE_H
#define SZ_TEST_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/folder.h"

static const char *tree_folder; // of the trees

// Unpack into a folder of its own, which is given back in `root`.
static inline void tree_unpack(sz_ctx *ctx, const char *name, char *root, size_t cap) {
    char path[1024], *text;
    size_t size, allocated;
    snprintf(root, cap, "%s", "/tmp/sizeup-machine-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/%s.tree", tree_folder, name);
    assert_int_equal(sz_folder_read(ctx, path, 1 << 20, &text, &size, &allocated), SZ_OK);
    text[size] = '\0'; // the room that is allocated has one byte more
    for (char *at = text; at && strncmp(at, "== ", 3) == 0;) {
        const size_t len = strcspn(at + 3, "\n");
        const char *body = at + 3 + len + 1;
        char *next = strstr(body, "\n== ");
        snprintf(path, sizeof path, "%s%.*s", root, (int)len, at + 3);
        const size_t n = next ? (size_t)(next + 1 - body) : strlen(body);
        assert_int_equal(sz_folder_write(ctx, path, body, n), SZ_OK);
        at = next ? next + 1 : NULL;
    }
    sz_free(ctx, text, allocated);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int flag,
                                  struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void tree_remove(const char *root) {
    nftw(root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
