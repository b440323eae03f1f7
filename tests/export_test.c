// SPDX-License-Identifier: Apache-2.0
// A graph that is written as ONNX and read again is the same graph: the same text and the same
// costs. For the files of tests/models, for families of nets, and for every model file in the
// folders that are named. Usage: export_test TESTS [FOLDER...]
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/export/export.h"
#include "model/graph/model.h"
#include "os/folder.h"

#include <sizeup/cost.h>

static sz_ctx *ctx;
static const char *tests;
static int n_folders;
static char **folders;

static int set_up(void **state) {
    (void)state;
    ctx = sz_ctx_create(NULL);
    return ctx ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sz_ctx_clear(ctx);
    const size_t left = sz_ctx_memory_used(ctx);
    sz_ctx_destroy(ctx);
    return left == 0 ? 0 : -1;
}

// ---- both ways ---------------------------------------------------------------------------------

static const sz_load_options open_sizes = {.allow_symbols = 1};

// A model written and read again; the bytes stay alive as long as it.
static sz_status again(sz_model *m, sz_buf *buf, sz_model **ret_model) {
    sz_buf_init(buf, ctx);
    SZ_TRY(sz_model_write_onnx(m, buf));
    SZ_TRY(sz_buf_status(buf));
    return sz_model_load_memory(ctx, "again.onnx", buf->data, buf->size, &open_sizes, ret_model);
}

// The text without its first line, which tells the format, the producer and the path.
static const char *body(sz_model *m) {
    const char *text = sz_model_text(m);
    assert_non_null(text);
    const char *line = strchr(text, '\n');
    return line ? line : text;
}

static void first_difference(const char *name, const char *a, const char *b) {
    size_t line = 0, at = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '\n') line++, at = i + 1;
    fail_msg("%s: line %zu was '%.*s' and is '%.*s'", name, line, (int)strcspn(a + at, "\n"),
             a + at, (int)strcspn(b + at, "\n"), b + at);
}

static void same_costs(const char *name, sz_model *a, sz_model *b) {
    sz_costs *x, *y;
    if (sz_costs_create(ctx, a, NULL, &x) != SZ_OK) {
        sz_ctx_clear(ctx); // free dimensions
        return;
    }
    assert_int_equal(sz_costs_create(ctx, b, NULL, &y), SZ_OK);
    const sz_cost p = sz_costs_total(x), q = sz_costs_total(y);
    if (p.macs != q.macs || p.flops != q.flops || p.bytes_moved != q.bytes_moved)
        fail_msg("%s: the costs differ", name);
    sz_costs_destroy(y);
    sz_costs_destroy(x);
}

// Families state no types inside and none of their outputs: what comes back is compared with its
// own copy. *written: it was no case that ONNX can't say.
static void check(const char *name, const char *path, bool states_types, bool *ret_written) {
    sz_model *first, *second, *third;
    sz_buf one, two;
    *ret_written = false;
    if (sz_model_load(ctx, path, &open_sizes, &first) != SZ_OK) {
        sz_ctx_clear(ctx);
        return;
    }
    const sz_status status = again(first, &one, &second);
    if (status == SZ_ERR_UNAVAILABLE) {
        print_message("not written: %s: %s\n", name, sz_ctx_error(ctx));
        sz_ctx_clear(ctx);
    } else if (status != SZ_OK) {
        fail_msg("%s: %s", name, sz_ctx_error(ctx));
    } else {
        *ret_written = true;
        same_costs(name, first, second);
        assert_int_equal(again(second, &two, &third), SZ_OK);
        const bool as_written = states_types &&
                                !first->graph->order; // nodes come back in running order
        const char *a = body(as_written ? first : third), *b = body(second);
        if (strcmp(a, b) != 0) first_difference(name, a, b);
        sz_model_destroy(third);
        sz_buf_finish(&two);
        sz_model_destroy(second);
    }
    sz_buf_finish(&one);
    sz_model_destroy(first);
}

// ---- cases -------------------------------------------------------------------------------------

static void families_come_back(void **state) {
    (void)state;
    sz_net_row row;
    int n = 0;
    for (size_t i = 0; sz_list_net(i, &row); i++) {
        bool written;
        if (strcmp(row.name, "llama") == 0) continue; // see the smaller one below
        check(row.name, row.name, false, &written);
        n += written;
    }
    bool written;
    check("llama", "llama:layers=2,hidden=64,heads=4,kv_heads=2", false, &written);
    assert_true(written);
    assert_true(n > 25);
}

typedef struct walk {
    const char *folder;
    bool states_types;
    int n, written;
} walk;

static sz_status visit(void *user, const char *name) {
    walk *w = user;
    char path[2048];
    const size_t n = strlen(name);
    bool written;
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    if (n < 5 || strcmp(name + n - 5, ".onnx") != 0) {
        snprintf(path, sizeof path, "%s/%s/model.onnx", w->folder, name);
        if (name[0] == '.' || !sz_folder_has(path)) return SZ_OK;
    }
    check(path, path, w->states_types, &written);
    w->n++;
    w->written += written;
    return SZ_OK;
}

static void files_come_back(void **state) {
    (void)state;
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/models", tests);
    walk w = {.folder = folder, .states_types = true};
    assert_int_equal(sz_folder_list(ctx, folder, visit, &w), SZ_OK);
    assert_true(w.n > 40 && w.written == w.n);
}

static void named_folders_come_back(void **state) {
    (void)state;
    for (int i = 0; i < n_folders; i++) {
        walk w = {.folder = folders[i]};
        assert_int_equal(sz_folder_list(ctx, folders[i], visit, &w), SZ_OK);
        print_message("%d of %d files of %s were written\n", w.written, w.n, folders[i]);
        assert_true(w.written > w.n / 2);
    }
    if (n_folders == 0) skip();
}

int main(int argc, char **argv) {
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(families_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(named_folders_come_back, set_up, tear_down)};
    if (argc < 2) return 2;
    tests = argv[1], folders = argv + 2, n_folders = argc - 2;
    return cmocka_run_group_tests(all, NULL, NULL);
}
