// SPDX-License-Identifier: Apache-2.0
// Files as sources: what is refused, what happens when they change meanwhile, and side files where
// the kernel has no openat2 (tests/import has them where it has).
#define SZ_NO_OPENAT2
#include "os/source.c" // a copy of its own, with the other way to open side files

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char folder[] = "/tmp/sizeup-source-XXXXXX";
static sz_ctx *ctx;

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
    write_file("model", "0123456789");
    write_file("side", "abcdef");
    if (mkdir("sub", 0700) != 0 || mkfifo("pipe", 0600) != 0) return 1;
    write_file("sub/deep", "deep");
    if (symlink("side", "link") != 0 || symlink("sub", "linked") != 0) return 1;
    if (link("side", "hard") != 0) return 1;
    ctx = sz_ctx_create(NULL);
    return ctx ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    sz_ctx_clear(ctx);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
    const char *const names[] = {"model", "side", "sub/deep", "link", "linked", "hard", "pipe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)remove(names[i]);
    return rmdir("sub") == 0 && chdir("/") == 0 && rmdir(folder) == 0 ? 0 : 1;
}

static sz_source *open_model(void) {
    sz_source *s = NULL;
    sz_ctx_clear(ctx);
    assert_int_equal(sz_source_open(ctx, "model", &s), SZ_OK);
    return s;
}

static void test_refused(void **state) {
    (void)state;
    sz_source *s;
    assert_int_equal(sz_source_open(ctx, "absent", &s), SZ_ERR_IO);
    assert_string_equal(sz_ctx_error(ctx), "can't open 'absent': No such file or directory");
    assert_int_equal(sz_source_open(ctx, "sub", &s), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx), "file 'sub' is a folder, not a regular file");
    assert_int_equal(sz_source_open(ctx, "pipe", &s), SZ_ERR_INPUT);
    assert_int_equal(sz_source_open(ctx, "/dev/zero", &s), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx), "file '/dev/zero' is a device, not a regular file");
}

static void test_shrinks(void **state) {
    (void)state;
    char buf[8];
    sz_source *s = open_model();
    assert_int_equal(s->read(s, ctx, 4, buf, 6), SZ_OK);
    assert_memory_equal(buf, "456789", 6);
    assert_int_equal(s->read(s, ctx, 5, buf, 6), SZ_ERR_INPUT);
    assert_int_equal(s->read(s, ctx, UINT64_MAX, buf, 6), SZ_ERR_INPUT);
    assert_int_equal(truncate("model", 7), 0);
    assert_int_equal(s->read(s, ctx, 4, buf, 6), SZ_ERR_IO);
    assert_string_equal(sz_ctx_error(ctx), "'model' became shorter while it was read: @7 is gone");
    sz_source_close(s, ctx);
    write_file("model", "0123456789");
}

static sz_status sibling(sz_source *s, const char *name, sz_source **ret) {
    *ret = NULL;
    return s->sibling(s, ctx, sz_str_c(name), ret);
}

static void test_siblings(void **state) {
    (void)state;
    char buf[8];
    sz_source *s = open_model(), *side, *deep, *again;
    assert_int_equal(sibling(s, "side", &side), SZ_OK);
    assert_int_equal(sibling(s, "./sub//deep", &deep), SZ_OK);
    assert_int_equal(sibling(deep, "side", &again), SZ_OK);
    assert_ptr_equal(side, again);
    assert_int_equal(side->size, 6);
    for (int i = 0; i < 2; i++) { // one is closed when the other is opened
        assert_int_equal(side->read(side, ctx, 2, buf, 4), SZ_OK);
        assert_memory_equal(buf, "cdef", 4);
        assert_int_equal(deep->read(deep, ctx, 0, buf, 4), SZ_OK);
        assert_memory_equal(buf, "deep", 4);
    }
    assert_int_equal(sibling(s, "gone", &side), SZ_OK);
    assert_null(side);
    assert_int_equal(sibling(s, "gone/too", &side), SZ_OK);
    assert_null(side);
    sz_source_close(s, ctx);
}

static void test_siblings_refused(void **state) {
    (void)state;
    static const char *const names[] = {"link", "linked/deep", "pipe", "sub", "side/x",
                                        "../model", "sub/../side", "/etc/hostname", "", "a\\b",
                                        "a\nb", "%2e%2e/x", "*/_ORT_MEM_ADDR_/*"};
    sz_source *s = open_model(), *side;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(sibling(s, names[i], &side), SZ_ERR_INPUT);
    assert_int_equal(sz_ctx_warning_count(ctx), 0);
    assert_int_equal(sibling(s, "hard", &side), SZ_OK);
    assert_non_null(side);
    assert_int_equal(sz_ctx_warning_count(ctx), 1);
    sz_source_close(s, ctx);
}

static void test_side_replaced(void **state) {
    (void)state;
    char buf[8];
    sz_source *s = open_model(), *deep;
    assert_int_equal(sibling(s, "sub/deep", &deep), SZ_OK);
    write_file("sub/new", "peed");
    assert_int_equal(rename("sub/new", "sub/deep"), 0);
    assert_int_equal(deep->read(deep, ctx, 0, buf, 4), SZ_ERR_IO);
    assert_string_equal(sz_ctx_error(ctx), "side file 'sub/deep' was replaced meanwhile");
    sz_source_close(s, ctx);
}

static void test_memory(void **state) {
    (void)state;
    char buf[4];
    sz_source *s = NULL, *side;
    assert_int_equal(sz_source_from_memory(ctx, "m", "abcd", 4, &s), SZ_OK);
    assert_int_equal(s->read(s, ctx, 1, buf, 3), SZ_OK);
    assert_memory_equal(buf, "bcd", 3);
    assert_int_equal(s->read(s, ctx, 2, buf, 3), SZ_ERR_INPUT);
    assert_int_equal(s->read(s, ctx, 4, buf, 0), SZ_OK);
    assert_int_equal(sibling(s, "side", &side), SZ_OK);
    assert_null(side);
    assert_int_equal(sibling(s, "../side", &side), SZ_ERR_INPUT);
    sz_source_close(s, ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_shrinks),
        cmocka_unit_test(test_siblings),        cmocka_unit_test(test_siblings_refused),
        cmocka_unit_test(test_side_replaced),   cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests_name("source", tests, set_up, tear_down);
}
