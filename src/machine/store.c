// SPDX-License-Identifier: Apache-2.0
// Find machines by name: saved measurements in a folder, and the data sheets that are built in.
#include "machine/machine.h"

#include <stdio.h>
#include <stdlib.h>

#include "machine/datasheets.h"
#include "os/folder.h"

enum { MAX_NAME = 64, MAX_FILE_BYTES = 1 << 20, MAX_PATH_BYTES = 4096 };

// A name that can be a file name anywhere and can hide nothing.
static bool is_name(const char *name) {
    const size_t n = strlen(name);
    return n > 0 && n <= MAX_NAME && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static bool is_file_word(const char *word) {
    const size_t n = strlen(word);
    return strchr(word, '/') || (n > 5 && strcmp(word + n - 5, ".json") == 0);
}

static sz_status store_path(sz_ctx *ctx, const char *store, const char *name, char *path) {
    int len = snprintf(path, MAX_PATH_BYTES, "%s/%s.json", store, name);
    if (len < 0 || len >= MAX_PATH_BYTES)
        return sz_fail(ctx, SZ_ERR_LIMIT, "path '%.100s...' is too long", store);
    return SZ_OK;
}

// ---- data sheets -------------------------------------------------------------------------------

const char *sz_list_machine(size_t i) {
    return i < sz_n_datasheets ? sz_datasheets[i].name : NULL;
}

static const sz_datasheet *find_sheet(const char *name) {
    for (size_t i = 0; i < sz_n_datasheets; i++)
        if (strcmp(sz_datasheets[i].name, name) == 0) return &sz_datasheets[i];
    return NULL;
}

static sz_status unknown(sz_ctx *ctx, const char *name) {
    char known[2048] = "";
    size_t n = 0;
    for (size_t i = 0; i < sz_n_datasheets && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, " %s", sz_datasheets[i].name);
    return sz_fail(ctx, SZ_ERR_INPUT, "unknown machine '%s'; known are: here%s",
                   sz_show(ctx, sz_str_c(name)), known);
}

// ---- loading -----------------------------------------------------------------------------------

static sz_status load_file(sz_ctx *ctx, const char *path, sz_machine **ret_machine) {
    char *text;
    size_t size, cap;
    SZ_TRY(sz_folder_read(ctx, path, MAX_FILE_BYTES, &text, &size, &cap));
    sz_status status = sz_machine_parse(ctx, path, text, size, ret_machine);
    sz_free(ctx, text, cap);
    return status;
}

// A home folder may be shared by many machines.
static void warn_if_elsewhere(sz_ctx *ctx, const sz_machine *saved) {
    sz_machine *now = NULL;
    if (sz_machine_describe(ctx, NULL, &now) != SZ_OK) return;
    const char *a = saved->identity.fingerprint, *b = now->identity.fingerprint;
    if (a && b && strcmp(a, b) != 0)
        sz_warn(ctx, "'here' was measured on another machine (%s): measure again",
                saved->cpu.model ? saved->cpu.model : "unknown");
    sz_machine_destroy(now);
}

// Names are lower case, whatever was typed. Not by tolower(): that asks the locale.
static void lower(char *to, const char *from, size_t cap) {
    size_t i = 0;
    for (; from[i] && i + 1 < cap; i++)
        to[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] - 'A' + 'a') : from[i];
    to[i] = '\0';
}

sz_status sz_machine_load(sz_ctx *ctx, const char *name_or_file, const char *store,
                          sz_machine **ret_machine) {
    char path[MAX_PATH_BYTES], name[MAX_NAME + 2];
    if (strncmp(name_or_file, "cpu:", 4) == 0 || strncmp(name_or_file, "custom:", 7) == 0)
        return sz_machine_synthetic(ctx, name_or_file, ret_machine);
    if (is_file_word(name_or_file)) return load_file(ctx, name_or_file, ret_machine);
    lower(name, name_or_file, sizeof name);
    if (!is_name(name)) return unknown(ctx, name_or_file);
    const bool here = strcmp(name, "here") == 0;
    if (store) {
        SZ_TRY(store_path(ctx, store, name, path));
        if (sz_folder_has(path)) {
            SZ_TRY(load_file(ctx, path, ret_machine));
            if (here) warn_if_elsewhere(ctx, *ret_machine);
            return SZ_OK;
        }
    }
    if (here)
        return sz_fail(
            ctx, SZ_ERR_UNAVAILABLE,
            "this machine was never measured: run 'sizeup machine measure --quick' first");
    const sz_datasheet *sheet = find_sheet(name);
    if (!sheet) return unknown(ctx, name);
    return sz_machine_parse(ctx, name, sheet->text, sheet->size, ret_machine);
}

// ---- saving ------------------------------------------------------------------------------------

sz_status sz_machine_save(sz_ctx *ctx, const sz_machine *machine, const char *store,
                          const char *name) {
    char path[MAX_PATH_BYTES];
    sz_buf buf;
    if (!is_name(name))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "machine name '%s' is not made of lower-case letters, digits, '.', '_', '-'",
                       sz_show(ctx, sz_str_c(name)));
    if (find_sheet(name))
        return sz_fail(ctx, SZ_ERR_USAGE, "machine name '%s' belongs to a data sheet", name);
    SZ_TRY(store_path(ctx, store, name, path));
    sz_machine named = *machine;
    named.identity.name = name;
    sz_buf_init(&buf, ctx);
    sz_status status = sz_machine_json(ctx, &named, &buf);
    if (status == SZ_OK) status = sz_folder_write(ctx, path, buf.data, buf.size);
    sz_buf_finish(&buf);
    return status;
}

// ---- listing -----------------------------------------------------------------------------------

typedef struct names {
    sz_ctx *ctx;
    SZ_VEC(char *) list;
} names;

static sz_status add_name(void *user, const char *file) {
    names *v = user;
    char name[MAX_NAME + 8];
    const size_t n = strlen(file);
    if (n < 6 || n - 5 > MAX_NAME || strcmp(file + n - 5, ".json") != 0) return SZ_OK;
    memcpy(name, file, n - 5);
    name[n - 5] = '\0';
    if (!is_name(name)) return SZ_OK;
    char *copy = sz_alloc(v->ctx, MAX_NAME + 1);
    if (!copy) return sz_no_memory(v->ctx);
    memcpy(copy, name, n - 4);
    if (sz_vec_push(v->ctx, &v->list, copy)) return SZ_OK;
    sz_free(v->ctx, copy, MAX_NAME + 1);
    return sz_no_memory(v->ctx);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sz_machine_names_free(sz_ctx *ctx, char **list) {
    size_t n = 0;
    if (!list) return;
    for (; list[n]; n++) sz_free(ctx, list[n], MAX_NAME + 1);
    sz_free(ctx, list, (n + 1) * sizeof *list);
}

// The list grows by doubling; what is given out has just the room for its NULL.
static sz_status give_names(names *v, char ***ret_names) {
    char **list = sz_alloc(v->ctx, (v->list.n + 1) * sizeof *list);
    if (!list) return sz_no_memory(v->ctx);
    if (v->list.n) memcpy(list, v->list.items, v->list.n * sizeof *list);
    if (v->list.n) qsort(list, v->list.n, sizeof *list, compare_names);
    *ret_names = list;
    return SZ_OK;
}

sz_status sz_machine_names(sz_ctx *ctx, const char *store, char ***ret_names) {
    names v = {.ctx = ctx};
    sz_status status = sz_folder_list(ctx, store, add_name, &v);
    if (status == SZ_OK) status = give_names(&v, ret_names);
    if (status != SZ_OK)
        for (size_t i = 0; i < v.list.n; i++) sz_free(ctx, v.list.items[i], MAX_NAME + 1);
    sz_vec_finish(ctx, &v.list);
    return status;
}
