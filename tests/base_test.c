// SPDX-License-Identifier: Apache-2.0
// The base: arenas, maps, growing arrays, messages and warnings, checked arithmetic.
#include "base/base64.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

static sz_ctx *ctx;

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

// ---- memory ------------------------------------------------------------------------------------

static int all_zero(const unsigned char *p, size_t n) {
    while (n > 0 && p[n - 1] == 0) n--;
    return n == 0;
}

static void test_alloc(void **state) {
    (void)state;
    char *p = sz_alloc(ctx, 100), *none = sz_alloc(ctx, 0);
    assert_non_null(p);
    assert_non_null(none);
    assert_int_equal(sz_ctx_memory_used(ctx), 101);
    p = sz_realloc(ctx, p, 100, 50);
    assert_int_equal(sz_ctx_memory_used(ctx), 51);
    assert_int_equal(sz_ctx_memory_peak(ctx), 101);
    sz_free(ctx, p, 50);
    sz_free(ctx, none, 0);
    sz_free(ctx, NULL, 10);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
}

static void test_alloc_limit(void **state) {
    (void)state;
    sz_ctx_set_memory_limit(ctx, 100);
    char *p = sz_alloc(ctx, 100);
    assert_non_null(p);
    assert_null(sz_alloc(ctx, 1));
    assert_null(sz_realloc(ctx, p, 100, 101));
    assert_null(sz_realloc(ctx, p, 100, SIZE_MAX));
    assert_int_equal(sz_ctx_refused(ctx), 3);
    assert_int_equal(sz_no_memory(ctx), SZ_ERR_MEMORY);
    assert_string_equal(sz_ctx_error(ctx), "out of memory: the limit is 100 bytes, 100 are in use");
    sz_free(ctx, p, 100);
}

static void test_arena(void **state) {
    (void)state;
    sz_arena a;
    sz_arena_init(&a, ctx);
    unsigned char *before = NULL;
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = sz_arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_true(all_zero(p, size));
        assert_ptr_not_equal(p, before);
        memset(p, 0xff, size); // whoever comes next must not see it
        before = p;
    }
    sz_arena_finish(&a);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_arena_finish(&a);
}

// A large request gets a block of its own, and the block that was being filled goes on.
static void test_arena_own_block(void **state) {
    (void)state;
    sz_arena a;
    sz_arena_init(&a, ctx);
    char *first = sz_arena_alloc(&a, 16);
    unsigned char *large = sz_arena_alloc(&a, (size_t)10 << 20);
    char *second = sz_arena_alloc(&a, 16);
    assert_non_null(large);
    assert_true(all_zero(large, (size_t)10 << 20));
    assert_ptr_equal(second, first + 16);
    sz_arena_finish(&a);

    sz_arena_init(&a, ctx); // the large one comes first
    large = sz_arena_alloc(&a, (size_t)3 << 20);
    first = sz_arena_alloc(&a, 16);
    assert_non_null(large);
    assert_non_null(first);
    memset(large, 0xff, (size_t)3 << 20);
    assert_true(all_zero((unsigned char *)first, 16));
    sz_arena_finish(&a);
}

static void test_arena_limits(void **state) {
    (void)state;
    sz_arena a;
    sz_arena_init(&a, ctx);
    assert_null(sz_arena_alloc(&a, SIZE_MAX));
    assert_null(sz_arena_alloc(&a, SIZE_MAX - 8)); // would wrap when it is rounded up
    assert_null(sz_arena_array(&a, SIZE_MAX / 4, 8));
    assert_null(sz_arena_array(&a, SIZE_MAX, SIZE_MAX));
    sz_ctx_set_memory_limit(ctx, 8192);
    assert_null(sz_arena_alloc(&a, 8192));
    assert_non_null(sz_arena_alloc(&a, 1000)); // a refusal spoils nothing
    sz_arena_finish(&a);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
}

static void test_arena_strdup(void **state) {
    (void)state;
    sz_arena a;
    sz_arena_init(&a, ctx);
    const char *copy = sz_arena_strdup(&a, "a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(sz_arena_strdup(&a, NULL, 0), "");
    sz_arena_finish(&a);
}

static void test_vec(void **state) {
    (void)state;
    SZ_VEC(int) v = {0};
    for (int i = 0; i < 100000; i++) assert_true(sz_vec_push(ctx, &v, i));
    assert_int_equal(v.n, 100000);
    for (int i = 0; i < 100000; i++) assert_int_equal(v.items[i], i);
    assert_true(v.cap < 200000);
    sz_vec_finish(ctx, &v);
    assert_null(v.items);
    assert_int_equal(v.cap, 0);
    sz_vec_finish(ctx, &v);
}

static void test_vec_limit(void **state) {
    (void)state;
    SZ_VEC(int64_t) v = {0};
    sz_ctx_set_memory_limit(ctx, 1000);
    int64_t n = 0;
    while (sz_vec_push(ctx, &v, n)) n++;
    assert_true(n >= 8 && n * 8 <= 1000);
    for (int64_t i = 0; i < n; i++) assert_int_equal(v.items[i], i); // all is still there
    sz_vec_finish(ctx, &v);

    void *items = NULL; // a capacity that wraps
    size_t cap = SIZE_MAX / 2;
    assert_false(sz_vec_grow(ctx, &items, &cap, 8));
    cap = SIZE_MAX;
    assert_false(sz_vec_grow(ctx, &items, &cap, 1));
}

// ---- maps --------------------------------------------------------------------------------------

static void test_map(void **state) {
    (void)state;
    enum { N = 20000 };
    static char names[N][8];
    sz_map m;
    int32_t value = 7;
    sz_map_init(&m, ctx);
    assert_false(sz_map_get(&m, sz_str_c("x"), &value)); // an empty map
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "v%d", i);
        assert_int_equal(sz_map_put(&m, sz_str_c(names[i]), i), SZ_OK);
    }
    assert_int_equal(m.n, N);
    for (int i = 0; i < N; i++) { // many of them collide
        assert_true(sz_map_get(&m, sz_str_c(names[i]), &value));
        assert_int_equal(value, i);
    }
    value = 7;
    assert_false(sz_map_get(&m, sz_str_c("v20000"), &value));
    assert_int_equal(value, 7);
    assert_true(sz_map_get(&m, sz_str_c("v1"), NULL));
    sz_map_finish(&m);
    assert_false(sz_map_get(&m, sz_str_c("v1"), NULL));
    sz_map_finish(&m);
}

static void test_map_replaces(void **state) {
    (void)state;
    sz_map m;
    int32_t value;
    char key[] = "key";
    sz_map_init(&m, ctx);
    assert_int_equal(sz_map_put(&m, sz_str_c(key), 1), SZ_OK);
    assert_int_equal(sz_map_put(&m, sz_str_c("key"), -2), SZ_OK);
    assert_int_equal(m.n, 1);
    assert_true(sz_map_get(&m, sz_str_c("key"), &value));
    assert_int_equal(value, -2);
    sz_map_finish(&m);
}

static void test_map_odd_keys(void **state) {
    (void)state;
    static const sz_str keys[] = {{NULL, 0},   {"a", 1},  {"a\0", 2},  {"a\0b", 3},
                                  {"a\0c", 3}, {"\0", 1}, {"\0\0", 2}, {"\xff", 1}};
    enum { N = sizeof keys / sizeof *keys };
    sz_map m;
    sz_map_init(&m, ctx);
    for (int i = 0; i < N; i++) assert_int_equal(sz_map_put(&m, keys[i], i), SZ_OK);
    assert_int_equal(m.n, N);
    for (int i = 0; i < N; i++) {
        int32_t value = -1;
        assert_true(sz_map_get(&m, keys[i], &value));
        assert_int_equal(value, i);
    }
    int32_t value = -1;
    assert_true(sz_map_get(&m, sz_str_c(""), &value)); // "" and nothing are the same key
    assert_int_equal(value, 0);
    sz_map_finish(&m);
}

static void test_map_limit(void **state) {
    (void)state;
    static char names[1000][8];
    sz_map m;
    sz_map_init(&m, ctx);
    sz_ctx_set_memory_limit(ctx, 8192);
    int n = 0;
    for (; n < 1000; n++) {
        snprintf(names[n], sizeof names[n], "v%d", n);
        if (sz_map_put(&m, sz_str_c(names[n]), n) != SZ_OK) break;
    }
    assert_in_range(n, 40, 999);
    for (int i = 0; i < n; i++) assert_true(sz_map_get(&m, sz_str_c(names[i]), NULL));
    assert_false(sz_map_get(&m, sz_str_c(names[n]), NULL));
    sz_map_finish(&m);
}

// ---- messages ----------------------------------------------------------------------------------

static sz_str repeated(const char *unit, size_t times) {
    static char text[4096];
    size_t n = strlen(unit);
    for (size_t i = 0; i < times; i++) memcpy(text + i * n, unit, n);
    return (sz_str){text, (uint32_t)(n * times)};
}

static void test_show(void **state) {
    (void)state;
    assert_string_equal(sz_show(ctx, sz_str_c("name")), "name");
    assert_string_equal(sz_show(ctx, (sz_str){NULL, 0}), "");
    assert_string_equal(sz_show(ctx, (sz_str){"a\0b", 3}), "a\\x00b");
    const char *whole = sz_show(ctx, repeated("n", SZ_MAX_SHOWN));
    assert_int_equal(strlen(whole), SZ_MAX_SHOWN);
    const char *cut = sz_show(ctx, repeated("n", SZ_MAX_SHOWN + 1));
    assert_int_equal(strlen(cut), SZ_MAX_SHOWN + 3);
    assert_string_equal(cut + SZ_MAX_SHOWN, "...");
}

// A cut never goes through a character: 3 bytes each do not divide 200, 4 do, one more before.
static void test_show_cuts_utf8(void **state) {
    (void)state;
    static const struct {
        const char *unit;
        size_t kept;
    } rows[] = {{"\xc3\xa9", 200}, {"\xe2\x82\xac", 198}, {"\xf0\x9f\x98\x80", 200}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *shown = sz_show(ctx, repeated(rows[i].unit, 300));
        assert_int_equal(strlen(shown), rows[i].kept + 3);
    }
    char shifted[302] = "x";
    memcpy(shifted + 1, repeated("\xf0\x9f\x98\x80", 75).p, 300);
    assert_int_equal(strlen(sz_show(ctx, (sz_str){shifted, 301})), 1 + 4 * 49 + 3);
    // bytes that are no UTF-8 at all are not searched for a better place without end
    assert_int_equal(strlen(sz_show(ctx, repeated("\x80", 300))), 196 + 3);
}

// NULs take four bytes each when they are shown; what does not fit is said to be missing.
static void test_show_nul(void **state) {
    (void)state;
    static const char zeros[300];
    const char *shown = sz_show(ctx, (sz_str){zeros, 300});
    assert_in_range(strlen(shown), 100, SZ_MAX_SHOWN + 16);
    assert_string_equal(shown + strlen(shown) - 7, "\\x00...");
    shown = sz_show(ctx, (sz_str){zeros, 60});
    assert_string_equal(shown + strlen(shown) - 7, "\\x00...");
}

static void test_show_ring(void **state) {
    (void)state;
    const char *shown[8];
    char name[2] = "a";
    for (int i = 0; i < 8; i++) {
        name[0] = (char)('a' + i);
        shown[i] = sz_show(ctx, sz_str_c(name));
    }
    for (int i = 0; i < 8; i++) assert_int_equal(shown[i][0], 'a' + i);
}

static void test_place(void **state) {
    (void)state;
    assert_string_equal(sz_ctx_error(ctx), "");
    assert_int_equal(sz_fail(ctx, SZ_ERR_INPUT, "sizes differ: %d and %d", 16, 17), SZ_ERR_INPUT);
    assert_int_equal(sz_place(ctx, SZ_ERR_INPUT, "node '%s' @%d", "fc1", 987), SZ_ERR_INPUT);
    assert_int_equal(sz_place(ctx, SZ_ERR_INPUT, "file '%s'", "net.onnx"), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx),
                        "file 'net.onnx': node 'fc1' @987: sizes differ: 16 and 17");
    sz_ctx_clear(ctx);
    assert_string_equal(sz_ctx_error(ctx), "");
}

// A chain of places that is too long loses its end, never its beginning, and stays a text.
static void test_place_long(void **state) {
    (void)state;
    char name[1001];
    memset(name, 'n', 1000);
    name[1000] = 0;
    sz_fail(ctx, SZ_ERR_INPUT, "the reason");
    for (int i = 0; i < 5; i++) sz_place(ctx, SZ_ERR_INPUT, "place %d %s", i, name);
    const char *error = sz_ctx_error(ctx);
    assert_in_range(strlen(error), 2000, 2047);
    assert_int_equal(strncmp(error, "place 4 nnn", 11), 0);
    assert_non_null(strstr(error, ": place 3 nnn"));
    sz_fail(ctx, SZ_ERR_INPUT, "%s%s%s", name, name, name); // one message too long
    assert_int_equal(strlen(sz_ctx_error(ctx)), 2047);
    sz_place(ctx, SZ_ERR_INPUT, "%s%s%s", name, name, name);
    assert_int_equal(strlen(sz_ctx_error(ctx)), 2047);
}

static void test_warn_once(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) sz_warn(ctx, "the same %d", 1);
    sz_warn(ctx, "another");
    assert_int_equal(sz_ctx_warning_count(ctx), 2);
    assert_string_equal(sz_ctx_warning(ctx, 0), "the same 1");
    assert_string_equal(sz_ctx_warning(ctx, 1), "another");
    assert_string_equal(sz_ctx_warning(ctx, 2), "");
    assert_string_equal(sz_ctx_warning(ctx, SIZE_MAX), "");
    sz_ctx_clear(ctx);
    assert_int_equal(sz_ctx_warning_count(ctx), 0);
}

static void test_warn_many(void **state) {
    (void)state;
    for (int i = 0; i < SZ_MAX_WARNINGS; i++) sz_warn(ctx, "warning %d", i);
    assert_int_equal(sz_ctx_warning_count(ctx), SZ_MAX_WARNINGS);
    sz_warn(ctx, "warning 5"); // known: counts nothing
    assert_int_equal(sz_ctx_warning_count(ctx), SZ_MAX_WARNINGS);
    for (int i = 0; i < 3; i++) sz_warn(ctx, "one more %d", i);
    assert_int_equal(sz_ctx_warning_count(ctx), SZ_MAX_WARNINGS + 1);
    assert_string_equal(sz_ctx_warning(ctx, SZ_MAX_WARNINGS), "3 more warnings not shown");
    assert_string_equal(sz_ctx_warning(ctx, SZ_MAX_WARNINGS - 1), "warning 99");
    sz_ctx_clear(ctx);
    sz_warn(ctx, "after");
    assert_int_equal(sz_ctx_warning_count(ctx), 1);
}

static void test_warn_without_memory(void **state) {
    (void)state;
    sz_warn(ctx, "kept");
    sz_ctx_set_memory_limit(ctx, sz_ctx_memory_used(ctx));
    sz_warn(ctx, "there is no room for this one");
    assert_int_equal(sz_ctx_warning_count(ctx), 2);
    assert_string_equal(sz_ctx_warning(ctx, 0), "kept");
    assert_string_equal(sz_ctx_warning(ctx, 1), "1 more warnings not shown");
}

// ---- arithmetic --------------------------------------------------------------------------------

static void test_arithmetic(void **state) {
    (void)state;
    int64_t r = 7;
    assert_true(sz_add(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    assert_false(sz_add(INT64_MAX, 1, &(int64_t){0}));
    assert_false(sz_add(INT64_MIN, -1, &(int64_t){0}));
    assert_true(sz_sub(INT64_MIN + 1, 1, &r) && r == INT64_MIN);
    assert_false(sz_sub(INT64_MIN, 1, &(int64_t){0}));
    assert_true(sz_mul(1LL << 31, 1LL << 31, &r) && r == 1LL << 62);
    assert_false(sz_mul(1LL << 32, 1LL << 31, &(int64_t){0}));
    assert_false(sz_mul(INT64_MIN, -1, &(int64_t){0}));
    r = 5;
    assert_true(sz_madd(&r, 3, 4) && r == 17);
    assert_false(sz_madd(&r, 1LL << 62, 2));
    assert_int_equal(r, 17); // left alone
    r = INT64_MAX - 5;
    assert_false(sz_madd(&r, 2, 3));
    assert_true(r == INT64_MAX - 5);
}

static void test_range(void **state) {
    (void)state;
    assert_true(sz_in_range(0, 10, 10));
    assert_true(sz_in_range(10, 0, 10));
    assert_false(sz_in_range(11, 0, 10));
    assert_false(sz_in_range(1, 10, 10));
    assert_false(sz_in_range(UINT64_MAX, 2, 10)); // the sum wraps to 1
    assert_false(sz_in_range(2, UINT64_MAX, 10));
    assert_true(sz_in_range(0, UINT64_MAX, UINT64_MAX));
}

static void test_strings(void **state) {
    (void)state;
    assert_true(sz_str_is(sz_str_c(""), ""));
    assert_true(sz_str_eq((sz_str){NULL, 0}, sz_str_c("")));
    assert_false(sz_str_eq((sz_str){"a\0b", 3}, (sz_str){"a\0c", 3}));
    assert_false(sz_str_is((sz_str){"a\0", 2}, "a"));
}

// The vectors of RFC 4648, section 10, and bytes of all values.
static void test_base64(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},         {"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    static const char *const none[] = {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm9v Zm9", "=AAA"};
    char text[512];
    unsigned char all[256], back[512];
    size_t n;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const size_t size = strlen(pairs[i][0]);
        assert_int_equal(sz_base64_size(size), strlen(pairs[i][1]));
        sz_base64_put(pairs[i][0], size, text);
        assert_memory_equal(text, pairs[i][1], strlen(pairs[i][1]));
        assert_true(sz_base64_get(pairs[i][1], strlen(pairs[i][1]), back, &n));
        assert_int_equal(n, size);
        assert_memory_equal(back, pairs[i][0], n);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(sz_base64_get(none[i], strlen(none[i]), back, &n));
    for (int i = 0; i < 256; i++) all[i] = (unsigned char)i;
    sz_base64_put(all, sizeof all, text);
    assert_true(sz_base64_get(text, sz_base64_size(sizeof all), back, &n));
    assert_int_equal(n, sizeof all);
    assert_memory_equal(back, all, n);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_alloc),
        CASE(test_alloc_limit),
        CASE(test_arena),
        CASE(test_arena_own_block),
        CASE(test_arena_limits),
        CASE(test_arena_strdup),
        CASE(test_vec),
        CASE(test_vec_limit),
        CASE(test_map),
        CASE(test_map_replaces),
        CASE(test_map_odd_keys),
        CASE(test_map_limit),
        CASE(test_show),
        CASE(test_show_cuts_utf8),
        CASE(test_show_nul),
        CASE(test_show_ring),
        CASE(test_place),
        CASE(test_place_long),
        CASE(test_warn_once),
        CASE(test_warn_many),
        CASE(test_warn_without_memory),
        CASE(test_arithmetic),
        CASE(test_range),
        CASE(test_strings),
        CASE(test_base64),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
