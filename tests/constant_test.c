// SPDX-License-Identifier: Apache-2.0
// Numeric formats, and the numbers of constants in each of them.
#include "base/source.h"
#include "model/graph/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

#include "graph_fixture.h"

// ---- the dtype table ---------------------------------------------------------------------------

static void test_dtypes(void **state) {
    (void)state;
    assert_int_equal(sz_dtype_by_name("undefined"), 0);
    assert_int_equal(sz_dtype_by_name("f33"), 0);
    assert_int_equal(sz_dtype_from_onnx(-1), 0); // formats that ONNX lacks have this code
    assert_int_equal(sz_dtype_from_onnx(0), 0);
    assert_int_equal(sz_dtype_from_onnx(99), 0);
    assert_int_equal(sz_dtype_from_onnx((int64_t)1 << 32 | 1), 0);
    assert_string_equal(sz_dtype_get(255)->name, "undefined");
    for (int i = 1; i < sz_dtype_count(); i++) {
        const sz_dtype_info *d = sz_dtype_get((sz_dtype)i);
        assert_int_equal(sz_dtype_by_name(d->name), i);
        if (d->onnx >= 0) assert_int_equal(sz_dtype_from_onnx(d->onnx), i);
        assert_true(d->block_elements >= 1);
        if (d->cls != SZ_CLASS_STRING) assert_true(d->bits > 0);
        if (d->cls != SZ_CLASS_BLOCK && d->bits % 8 == 0)
            assert_int_equal(d->block_bytes, d->bits / 8);
    }
    for (int code = 1; code <= 28; code++) assert_int_not_equal(sz_dtype_from_onnx(code), 0);
}

static void test_dtype_bytes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t n, bytes;
    } rows[] = {
        {"f32", 0, 0},
        {"f32", 3, 12},
        {"c128", 2, 32},
        {"bool", 5, 5},
        {"i4", 0, 0},
        {"i4", 1, 1},
        {"i4", 2, 1},
        {"i4", 3, 2},
        {"u2", 1, 1},
        {"u2", 4, 1},
        {"u2", 5, 2},
        {"i2", 9, 3},
        {"f6e2m3", 1, 1},
        {"f6e2m3", 2, 2},
        {"f6e2m3", 4, 3},
        {"f6e3m2", 5, 4},
        {"f4e2m1", 7, 4},
        {"string", 100, 0},
        {"f64", INT64_MAX / 8, INT64_MAX - 7},
        {"f64", INT64_MAX / 8 + 1, -1},
        {"u8", INT64_MAX, INT64_MAX},
        {"f16", INT64_MAX, -1},
        {"i4", INT64_MAX, INT64_MAX / 2 + 1},
        {"f6e2m3", INT64_MAX, INT64_MAX / 8 * 6 + 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(sz_dtype_bytes(dtype(rows[i].name), rows[i].n), rows[i].bytes);
}

// ---- numbers of constants ----------------------------------------------------------------------

// The numbers of a constant of n elements whose bytes are these.
static const sz_tensor *decoded(sz_graph *g, const char *name, const void *bytes, size_t size,
                                int64_t n) {
    sz_constant *c = sz_arena_alloc(g->arena, sizeof *c);
    int64_t *dims = sz_graph_dims(g, 1);
    sz_value_id id;
    const sz_tensor *t = NULL;
    *c = (sz_constant){.form = SZ_CONST_RAW, .side = SZ_NONE, .length = size};
    dims[0] = n;
    assert_int_equal(sz_source_from_memory(ctx, "bytes", bytes, size, &g->source), SZ_OK);
    assert_int_equal(sz_graph_add_value(g, sz_str_c("w"), SZ_VALUE_CONST, &id), SZ_OK);
    sz_graph_value(g, id)->type = sz_type_tensor(dtype(name), 1, dims);
    sz_graph_value(g, id)->constant = c;
    assert_int_equal(sz_graph_known(g, id, &t), SZ_OK);
    return t;
}

// The one float of these little-endian bytes.
static double one_float(const char *name, uint64_t bits) {
    unsigned char bytes[8];
    sz_graph *g = new_graph();
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(bits >> (8 * i));
    const size_t size = (size_t)sz_dtype_bytes(dtype(name), 1);
    const sz_tensor *t = decoded(g, name, bytes, size, 1);
    assert_non_null(t);
    assert_non_null(t->f);
    const double f = t->f[0];
    sz_graph_destroy(g);
    return f;
}

// Worked by hand from the layouts: IEEE 754-2019; bfloat16 is the upper half of a float; OCP 8-bit
// Floating Point 1.0 (E4M3: bias 7, S.1111.111 is NaN; E5M2: bias 15, as IEEE); OCP Microscaling
// Formats 1.0 (E2M1, E2M3: bias 1, E3M2: bias 3, no specials; E8M0: bias 127, 0xff is NaN); the
// fnuz forms as ONNX documents them (bias one more, 0x80 is NaN).
static const struct {
    const char *name;
    uint64_t bits;
    double value;
} floats[] = {
    {"f32", 0x3f800000, 1},
    {"f32", 0xc0490fdb, -3.1415927410125732},
    {"f32", 0x00000001, 0x1p-149},
    {"f32", 0x7f800000, INFINITY},
    {"f32", 0x7fc00000, NAN},
    {"f64", 0x3ff0000000000000, 1},
    {"f64", 0xc000000000000001, -0x1.0000000000001p+1},
    {"f64", 0x0000000000000001, 0x1p-1074},
    {"f16", 0x3c00, 1},
    {"f16", 0x7bff, 65504},
    {"f16", 0x0001, 0x1p-24},
    {"f16", 0x03ff, 0x3ffp-24},
    {"f16", 0x0400, 0x1p-14},
    {"f16", 0xc000, -2},
    {"f16", 0x7c00, INFINITY},
    {"f16", 0xfc00, -INFINITY},
    {"f16", 0x7e00, NAN},
    {"f16", 0x8000, -0.0},
    {"bf16", 0x3f80, 1},
    {"bf16", 0x4049, 3.140625},
    {"bf16", 0xc000, -2},
    {"bf16", 0x0001, 0x1p-133},
    {"bf16", 0x0080, 0x1p-126},
    {"bf16", 0x7f7f, 0xffp+120},
    {"bf16", 0x7f80, INFINITY},
    {"bf16", 0x7fc0, NAN},
    {"f8e4m3fn", 0x00, 0},
    {"f8e4m3fn", 0x80, -0.0},
    {"f8e4m3fn", 0x01, 0x1p-9},
    {"f8e4m3fn", 0x07, 0.875 * 0x1p-6},
    {"f8e4m3fn", 0x08, 0x1p-6},
    {"f8e4m3fn", 0x38, 1},
    {"f8e4m3fn", 0x7e, 448},
    {"f8e4m3fn", 0xfe, -448},
    {"f8e4m3fn", 0x7f, NAN},
    {"f8e4m3fn", 0xff, NAN},
    {"f8e4m3fnuz", 0x01, 0x1p-10},
    {"f8e4m3fnuz", 0x40, 1},
    {"f8e4m3fnuz", 0x7f, 240},
    {"f8e4m3fnuz", 0xff, -240},
    {"f8e4m3fnuz", 0x80, NAN},
    {"f8e5m2", 0x01, 0x1p-16},
    {"f8e5m2", 0x04, 0x1p-14},
    {"f8e5m2", 0x3c, 1},
    {"f8e5m2", 0x7b, 57344},
    {"f8e5m2", 0x7c, INFINITY},
    {"f8e5m2", 0xfc, -INFINITY},
    {"f8e5m2", 0x7d, NAN},
    {"f8e5m2", 0xff, NAN},
    {"f8e5m2fnuz", 0x01, 0x1p-17},
    {"f8e5m2fnuz", 0x40, 1},
    {"f8e5m2fnuz", 0x7f, 57344},
    {"f8e5m2fnuz", 0x80, NAN},
    {"f8e8m0", 0x00, 0x1p-127},
    {"f8e8m0", 0x7f, 1},
    {"f8e8m0", 0xfe, 0x1p+127},
    {"f8e8m0", 0xff, NAN},
    {"f4e2m1", 0x0, 0},
    {"f4e2m1", 0x1, 0.5},
    {"f4e2m1", 0x2, 1},
    {"f4e2m1", 0x3, 1.5},
    {"f4e2m1", 0x7, 6},
    {"f4e2m1", 0xf, -6},
    {"f6e2m3", 0x01, 0.125},
    {"f6e2m3", 0x07, 0.875},
    {"f6e2m3", 0x08, 1},
    {"f6e2m3", 0x1f, 7.5},
    {"f6e2m3", 0x3f, -7.5},
    {"f6e3m2", 0x01, 0.0625},
    {"f6e3m2", 0x0c, 1},
    {"f6e3m2", 0x1f, 28},
    {"f6e3m2", 0x20, -0.0},
    {"f6e3m2", 0x3f, -28},
};

static void test_floats(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        const double want = floats[i].value, got = one_float(floats[i].name, floats[i].bits);
        const int same = isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want);
        if (!same)
            fail_msg("%s 0x%llx: %g, not %g", floats[i].name, (unsigned long long)floats[i].bits,
                     got, want);
    }
}

// Integers of each width, packed from the low bits of each byte on.
static const struct {
    const char *name;
    unsigned char bytes[16];
    int64_t n, values[8];
} integers[] = {
    {"i8", {0x7f, 0x80, 0xff}, 3, {127, -128, -1}},
    {"u8", {0x7f, 0x80, 0xff}, 3, {127, 128, 255}},
    {"i16", {0xff, 0x7f, 0x00, 0x80}, 2, {32767, -32768}},
    {"u16", {0xff, 0x7f, 0x00, 0x80}, 2, {32767, 32768}},
    {"i32", {0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xff}, 2, {0x04030201, -1}},
    {"u32", {0xff, 0xff, 0xff, 0xff}, 1, {4294967295}},
    {"i64", {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 2, {-2, 1}},
    {"u64", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 1, {INT64_MAX}},
    {"bool", {0, 1, 2}, 3, {0, 1, 1}},
    {"i4", {0x8f, 0x70, 0x01}, 5, {-1, -8, 0, 7, 1}},
    {"u4", {0x8f, 0x70, 0x01}, 5, {15, 8, 0, 7, 1}},
    {"i2", {0xe4, 0x02}, 5, {0, 1, -2, -1, -2}},
    {"u2", {0xe4, 0x02}, 5, {0, 1, 2, 3, 2}},
};

static void test_integers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        sz_graph *g = new_graph();
        const size_t size = (size_t)sz_dtype_bytes(dtype(integers[i].name), integers[i].n);
        const sz_tensor *t = decoded(g, integers[i].name, integers[i].bytes, size, integers[i].n);
        assert_non_null(t);
        assert_non_null(t->i);
        for (int64_t k = 0; k < integers[i].n; k++)
            if (t->i[k] != integers[i].values[k])
                fail_msg("%s [%d]: %lld", integers[i].name, (int)k, (long long)t->i[k]);
        sz_graph_destroy(g);
    }
}

// Four numbers of 6 bits in three bytes: 1, 7.5, -0.125, 0.25 are 0x08, 0x1f, 0x21, 0x02.
static void test_six_bits(void **state) {
    (void)state;
    static const double want[] = {1, 7.5, -0.125, 0.25, 1};
    const unsigned x[] = {0x08, 0x1f, 0x21, 0x02};
    const unsigned char bytes[] = {(unsigned char)(x[0] | (x[1] & 3) << 6),
                                   (unsigned char)(x[1] >> 2 | (x[2] & 15) << 4),
                                   (unsigned char)(x[2] >> 4 | x[3] << 2), 0x08};
    sz_graph *g = new_graph();
    const sz_tensor *t = decoded(g, "f6e2m3", bytes, sizeof bytes, 5);
    assert_non_null(t);
    for (int k = 0; k < 5; k++) assert_true(t->f[k] == want[k]);
    sz_graph_destroy(g);
}

// Numbers that can't be had are not known, which is no error; bytes that are gone are one.
static void test_unknown_numbers(void **state) {
    (void)state;
    static const unsigned char bytes[64];
    sz_graph *g = new_graph();
    assert_null(decoded(g, "f32", bytes, 4, 2)); // fewer bytes than elements
    sz_graph_destroy(g);
    g = new_graph();
    assert_null(decoded(g, "c64", bytes, 64, 2));
    sz_graph_destroy(g);
    g = new_graph();
    assert_null(decoded(g, "u8", bytes, 64, SZ_MAX_VALUE_ELEMENTS + 1));
    sz_graph_destroy(g);
    g = new_graph();
    assert_non_null(decoded(g, "u8", bytes, 0, 0)); // no elements are all known
    sz_value_id id;
    const sz_tensor *t;
    sz_constant beyond = {.form = SZ_CONST_RAW, .side = SZ_NONE, .offset = 60, .length = 8};
    static const int64_t dims[] = {8};
    assert_int_equal(sz_graph_add_value(g, sz_str_c("b"), SZ_VALUE_CONST, &id), SZ_OK);
    sz_graph_value(g, id)->type = sz_type_tensor(dtype("u8"), 1, dims);
    sz_graph_value(g, id)->constant = &beyond;
    assert_int_equal(sz_graph_known(g, id, &t), SZ_ERR_INPUT);
    sz_graph_destroy(g);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_dtypes),   CASE(test_dtype_bytes), CASE(test_floats),
        CASE(test_integers), CASE(test_six_bits),    CASE(test_unknown_numbers),
    };
    return cmocka_run_group_tests_name("constant", tests, NULL, NULL);
}
