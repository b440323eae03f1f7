// SPDX-License-Identifier: Apache-2.0
// Ranges: what they stand for, how they combine, what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/bench/range.h"

static const struct {
    const char *range, *values;
} good[] = {
    {"1,2,8", "1 2 8"},
    {"1-8+1", "1 2 3 4 5 6 7 8"},
    {"1-8", "1 2 3 4 5 6 7 8"},
    {"1-64*2", "1 2 4 8 16 32 64"},
    {"3-20*3", "3 9"},
    {"1-8+3", "1 4 7"},
    {"7-7+100", "7"},
    {"f32,bf16", "f32 bf16"},
    {"1-4,4,2,16", "1 2 3 4 16"}, // each once
    {"0-2", "0 1 2"},
    {"f16-x", "f16-x"}, // no range of numbers: a word
    {"1-2-3", "1-2-3"}, // nor this
    {"100000000000000000-100000000000000001", "100000000000000000 100000000000000001"},
};

static void join(const char *const *values, int64_t n, char *buf, size_t cap) {
    size_t at = 0;
    buf[0] = '\0';
    for (int64_t i = 0; i < n; i++)
        at += (size_t)snprintf(buf + at, cap - at, "%s%s", i ? " " : "", values[i]);
}

static void reads_ranges(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        sz_arena arena;
        const char **values;
        char buf[512];
        int64_t n;
        sz_arena_init(&arena, ctx);
        if (sz_range_read(ctx, &arena, good[i].range, &values, &n) != SZ_OK)
            fail_msg("%s: %s", good[i].range, sz_ctx_error(ctx));
        join(values, n, buf, sizeof buf);
        assert_string_equal(buf, good[i].values);
        sz_arena_finish(&arena);
    }
    sz_ctx_destroy(ctx);
}

static const struct {
    const char *axis, *message;
} bad[] = {
    {"m=", "'m': range '' has nothing in it"},
    {"m=1,,2", "'m': range '1,,2' has nothing between two commas"},
    {"m=8-1", "'m': range '8-1' ends before it begins: 8 and 1"},
    {"m=1-8+0", "'m': range '1-8+0' never grows: its step is 0"},
    {"m=1-8*1", "'m': range '1-8*1' never grows: a factor is at least 2 and begins at 1 or more"},
    {"m=0-8*2", "'m': range '0-8*2' never grows: a factor is at least 2 and begins at 1 or more"},
    {"m=1-1000000", "'m': range '1-1000000' has more than 100000 values"},
    {"m", "'m' is not NAME=VALUE or NAME=RANGE"},
    {"=3", "'=3' is not NAME=VALUE or NAME=RANGE"},
};

static void refuses_with_a_sentence(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sz_arena arena;
        sz_axis axis;
        sz_arena_init(&arena, ctx);
        assert_int_not_equal(sz_axis_read(ctx, &arena, bad[i].axis, &axis), SZ_OK);
        assert_string_equal(sz_ctx_error(ctx), bad[i].message);
        sz_arena_finish(&arena);
    }
    sz_ctx_destroy(ctx);
}

static void combines(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_arena arena;
    sz_axis axes[SZ_MAX_AXES];
    size_t n = 0;
    int64_t points;
    char seen[512] = "";
    sz_arena_init(&arena, ctx);
    assert_int_equal(sz_axes_of_spec(ctx, &arena, "batch=1-4*2,dtype=f32,bf16,seq=128", axes, &n),
                     SZ_OK);
    assert_int_equal(n, 3);
    assert_int_equal(sz_sweep_size(ctx, axes, n, &points), SZ_OK);
    assert_int_equal(points, 6);
    for (int64_t p = 0; p < points; p++)
        for (size_t a = 0; a < n; a++) {
            strcat(seen, sz_sweep_value(axes, n, p, a));
            strcat(seen, a + 1 < n ? "/" : " ");
        }
    assert_string_equal(seen, "1/f32/128 1/bf16/128 2/f32/128 2/bf16/128 4/f32/128 4/bf16/128 ");
    n = 0;
    assert_int_equal(sz_axes_of_spec(ctx, &arena, "m=1,m=2", axes, &n), SZ_ERR_USAGE);
    assert_string_equal(sz_ctx_error(ctx), "'m' is given twice");
    n = 0;
    assert_int_equal(sz_axes_of_spec(ctx, &arena, "a=1-9999,b=1-9999", axes, &n), SZ_OK);
    assert_int_equal(sz_sweep_size(ctx, axes, n, &points), SZ_ERR_LIMIT);
    n = 0;
    assert_int_equal(sz_axes_of_spec(ctx, &arena, "", axes, &n), SZ_OK);
    assert_int_equal(sz_sweep_size(ctx, axes, n, &points), SZ_OK);
    assert_int_equal(points, 1); // nothing to vary: one point
    sz_arena_finish(&arena);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_ranges),
        cmocka_unit_test(refuses_with_a_sentence),
        cmocka_unit_test(combines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
