// SPDX-License-Identifier: Apache-2.0
// Products of pieces: exact where they can be, as exact as promised elsewhere, refused where a
// number can't be split. Held to products in 113 bits (64 where the compiler has no such format).
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/graph/model.h"
#include "run/backends/job.h"
#include "run/backends/ozaki.h"
#include "open_library.h"

#ifdef __SIZEOF_FLOAT128__
__extension__ typedef __float128 quad;
#else
typedef long double quad;
#endif

typedef struct fixture {
    sz_ctx *ctx;
    sz_model *model;
    sz_job *job;
    void *a, *b, *y; // of the first set
    int64_t m, n, k;
    bool is_double;
} fixture;

static sz_status begin(fixture *f, sz_ctx *ctx, const char *backend, void *library,
                       const char *spec) {
    *f = (fixture){.ctx = ctx};
    assert_int_equal(sz_model_load(ctx, spec, NULL, &f->model), SZ_OK);
    const sz_status status = sz_job_create(ctx, f->model->graph, sz_backend_find(backend), library,
                                           &(sz_run_how){.threads = 1, .seed = 3}, &f->job);
    if (status != SZ_OK) {
        sz_model_destroy(f->model);
        return status;
    }
    const sz_node *node = f->job->nodes.items[0].node;
    const sz_buffer *a = f->job->slots[0][node->inputs[0]], *b = f->job->slots[0][node->inputs[1]];
    f->m = a->dims[0], f->k = a->dims[1], f->n = b->dims[1];
    f->a = a->data, f->b = b->data, f->y = f->job->slots[0][node->outputs[0]]->data;
    f->is_double = a->dtype == sz_dtype_by_name("f64");
    return SZ_OK;
}

static void end(fixture *f) {
    sz_job_destroy(f->job);
    sz_model_destroy(f->model);
}

static double at(const fixture *f, const void *x, int64_t i) {
    return f->is_double ? ((const double *)x)[i] : (double)((const float *)x)[i];
}
static void put(const fixture *f, void *x, int64_t i, double v) {
    if (f->is_double)
        ((double *)x)[i] = v;
    else
        ((float *)x)[i] = (float)v;
}

// -log2 of the largest |error| / (|A| |B|); INFINITY = no error.
static double right_bits(const fixture *f) {
    quad worst = 0;
    for (int64_t i = 0; i < f->m; i++)
        for (int64_t j = 0; j < f->n; j++) {
            quad sum = 0, size = 0;
            for (int64_t p = 0; p < f->k; p++) {
                const quad term = (quad)at(f, f->a, i * f->k + p) * (quad)at(f, f->b, p * f->n + j);
                sum += term;
                size += term < 0 ? -term : term;
            }
            quad error = (quad)at(f, f->y, i * f->n + j) - sum;
            if (error < 0) error = -error;
            if (size > 0 && error / size > worst) worst = error / size;
            if (size == 0) assert_true(error == 0);
        }
    return worst > 0 ? -log2((double)worst) : INFINITY;
}

static const char *const all_backends[] = {"ref", "blas", "onednn"};
static const char *const all_pieces[] = {"i8", "f32", "bf16"};

// ---- widths ------------------------------------------------------------------------------------

// By hand: k 2^(2w-2) <= 2^24 in f32, <= 2^30 in i32; 7 and 9 are what i8 and bf16 have room for.
static void widths_keep_sums_exact(void **state) {
    (void)state;
    static const struct {
        const char *pieces;
        int64_t k;
        int width;
    } rows[] = {
        {"i8", 1, 7},
        {"i8", 1024, 7},
        {"i8", 262144, 7},
        {"i8", 262145, 6},
        {"i8", 1 << 20, 6},
        {"f32", 1, 12},
        {"f32", 16, 11},
        {"f32", 256, 9},
        {"f32", 1024, 8},
        {"f32", 1025, 7},
        {"f32", 4096, 7},
        {"bf16", 16, 9},
        {"bf16", 256, 9},
        {"bf16", 257, 8},
        {"bf16", 4096, 7},
        {"f32", 1 << 22, 2},
        {"f32", (int64_t)1 << 23, 0},
        {"i8", (int64_t)1 << 40, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_ozaki_width(rows[i].pieces, rows[i].k) != rows[i].width)
            fail_msg("%s, k = %lld: %d bits, not %d", rows[i].pieces, (long long)rows[i].k,
                     sz_ozaki_width(rows[i].pieces, rows[i].k), rows[i].width);
}

// ---- exact cases -------------------------------------------------------------------------------

// Whole numbers from -8 to 8 fit one piece of 5 bits and more, so one product is all it takes.
static void small_integers_have_no_error(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t b = 0; b < 3; b++) {
        void *library = NULL;
        if (!open_library(ctx, all_backends[b], &library)) continue;
        for (size_t p = 0; p < 6; p++) {
            char spec[128];
            fixture f;
            snprintf(spec, sizeof spec, "ozaki:m=9,n=13,k=67,count=1,pieces=%s,dtype=%s",
                     all_pieces[p / 2], p % 2 ? "f32" : "f64");
            if (begin(&f, ctx, all_backends[b], library, spec) != SZ_OK) {
                assert_string_not_equal(all_backends[b], "ref");
                print_message("not on %s: %s\n", all_backends[b], sz_ctx_error(ctx));
                sz_ctx_clear(ctx);
                continue;
            }
            for (int64_t i = 0; i < f.m * f.k; i++) put(&f, f.a, i, (double)(i * 7 % 17) - 8);
            for (int64_t i = 0; i < f.k * f.n; i++) put(&f, f.b, i, (double)(i * 5 % 17) - 8);
            assert_int_equal(sz_job_first(f.job), SZ_OK);
            assert_true(isinf(right_bits(&f)));
            sz_check c;
            assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
            assert_true(c.is_right && c.error == 0 && isinf(c.accuracy.bits));
            end(&f);
        }
    }
    sz_ctx_destroy(ctx);
}

// The largest pieces that there are: all of one sign, at the end of the width. A library that adds
// two products of bytes in 16 bits must not saturate.
static void largest_pieces_are_exact(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t b = 0; b < 3; b++) {
        void *library = NULL;
        if (!open_library(ctx, all_backends[b], &library)) continue;
        for (size_t p = 0; p < 2; p++) {
            char spec[128];
            fixture f;
            snprintf(spec, sizeof spec, "ozaki:m=5,n=7,k=256,count=1,pieces=%s", all_pieces[p]);
            if (begin(&f, ctx, all_backends[b], library, spec) != SZ_OK) {
                sz_ctx_clear(ctx);
                continue;
            }
            const double top = p == 0 ? 63 : 255; // below 2^(w-1), which would need one bit more
            for (int64_t i = 0; i < f.m * f.k; i++) put(&f, f.a, i, i / f.k % 2 ? -top : top);
            for (int64_t i = 0; i < f.k * f.n; i++) put(&f, f.b, i, i % f.n % 3 ? -top : top);
            assert_int_equal(sz_job_first(f.job), SZ_OK);
            assert_true(isinf(right_bits(&f)));
            assert_true(at(&f, f.y, 0) == 256 * top * top);
            end(&f);
        }
    }
    sz_ctx_destroy(ctx);
}

// ---- bits --------------------------------------------------------------------------------------

// Each piece adds as many bits as it is wide, until the format has no more; and the check of the
// library finds what 113 bits find.
static void pieces_add_bits(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t b = 0; b < 3; b++) {
        void *library = NULL;
        if (!open_library(ctx, all_backends[b], &library)) continue;
        for (size_t p = 0; p < 3; p++) {
            double before = 0;
            for (int count = 1; count <= 9; count++) {
                char spec[128];
                fixture f;
                sz_check c;
                snprintf(spec, sizeof spec, "ozaki:m=33,n=29,k=101,count=%d,pieces=%s", count,
                         all_pieces[p]);
                if (begin(&f, ctx, all_backends[b], library, spec) != SZ_OK) {
                    sz_ctx_clear(ctx);
                    break;
                }
                assert_int_equal(sz_job_first(f.job), SZ_OK);
                assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
                const double bits = right_bits(&f);
                const int width = sz_ozaki_width(all_pieces[p], 101);
                assert_true(c.is_right);
                assert_string_equal(c.how, "whole");
                assert_true(fabs(c.accuracy.bits - bits) < 0.01);
                assert_int_equal(c.accuracy.piece_bits, width);
                assert_int_equal(c.accuracy.products, count * (count + 1) / 2);
                if (count * width < 50)
                    assert_true(fabs(bits - before - width) < 2); // the rest is luck
                else
                    assert_true(bits > 48);
                if (count * width > 60) assert_true(bits > 53); // rounded once
                assert_true(c.accuracy.bits_plain > 48 && c.accuracy.bits_plain < 55);
                before = bits;
                end(&f);
            }
        }
    }
    sz_ctx_destroy(ctx);
}

static double bits_of(sz_ctx *ctx, const char *spec, double *ret_promised) {
    fixture f;
    sz_check c;
    assert_int_equal(begin(&f, ctx, "ref", NULL, spec), SZ_OK);
    assert_int_equal(sz_job_first(f.job), SZ_OK);
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_true(c.is_right);
    const double bits = right_bits(&f);
    if (ret_promised) *ret_promised = c.accuracy.bits_promised;
    end(&f);
    return bits;
}

// A spread of exponents costs bits; all products cost more work than the triangle and leave out
// nothing; f32 ends at 24 bits.
static void what_costs_bits(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    double promised;
    const double even = bits_of(ctx, "ozaki:m=31,n=17,k=64,count=5", &promised);
    const double spread = bits_of(ctx, "ozaki:m=31,n=17,k=64,count=5,phi=2", NULL);
    const double wide = bits_of(ctx, "ozaki:m=31,n=17,k=64,count=5,phi=4", NULL);
    const double all = bits_of(ctx, "ozaki:m=31,n=17,k=64,count=5,products=all", NULL);
    assert_true(fabs(promised - (5 * 7 - log2(2 + 4 / (1 - 0x1p-7)))) < 1e-6);
    assert_true(even > promised && spread < even && wide < spread && all > even);
    const double narrow = bits_of(ctx, "ozaki:m=31,n=17,k=64,count=6,dtype=f32", &promised);
    assert_true(narrow > 24 && narrow < 28 && promised == 24);
    // Not square, one row, one column, one term.
    assert_true(bits_of(ctx, "ozaki:m=1,n=1,k=1,count=9", NULL) > 53);
    assert_true(bits_of(ctx, "ozaki:m=1,n=50,k=3,count=9", NULL) > 53);
    assert_true(bits_of(ctx, "ozaki:m=50,n=1,k=1100,count=9", NULL) > 53);
    sz_ctx_destroy(ctx);
}

// Splitting the weight beforehand gives the same bits.
static void before_is_the_same(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t b = 0; b < 3; b++) {
        void *library = NULL;
        fixture f, g;
        if (!open_library(ctx, all_backends[b], &library)) continue;
        assert_int_equal(begin(&f, ctx, all_backends[b], library, "ozaki:m=8,n=24,k=70,pieces=f32"),
                         SZ_OK);
        assert_int_equal(
            begin(&g, ctx, all_backends[b], library, "ozaki:m=8,n=24,k=70,pieces=f32,split=before"),
            SZ_OK);
        assert_int_equal(sz_job_first(f.job), SZ_OK);
        assert_int_equal(sz_job_first(g.job), SZ_OK);
        assert_memory_equal(f.y, g.y, 8 * 24 * sizeof(double));
        end(&f);
        end(&g);
    }
    sz_ctx_destroy(ctx);
}

// ---- numbers at the edges ----------------------------------------------------------------------

static void strange_numbers_are_handled(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_check c;
    fixture f;
    assert_int_equal(begin(&f, ctx, "ref", NULL, "ozaki:m=6,n=5,k=16,count=9"), SZ_OK);
    double *a = f.a, *b = f.b;
    for (int p = 0; p < 16; p++) {
        a[p] = 0;                                  // a row of zeros
        b[p * 5] = 0;                              // and a column
        a[16 + p] = ldexp(a[16 + p], 1020);        // huge
        b[p * 5 + 1] = ldexp(b[p * 5 + 1], -1000); // tiny
        a[32 + p] = ldexp(a[32 + p], -1060);       // subnormal
        b[p * 5 + 2] = ldexp(b[p * 5 + 2], 900);
    }
    assert_int_equal(sz_job_first(f.job), SZ_OK);
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_true(c.is_right);
    const double *y = f.y;
    for (int j = 0; j < 5; j++) assert_true(y[j] == 0);
    for (int i = 0; i < 6; i++) assert_true(y[i * 5] == 0);
    quad huge = 0, tiny = 0;
    for (int p = 0; p < 16; p++) huge += (quad)a[16 + p] * (quad)b[p * 5 + 1];
    for (int p = 0; p < 16; p++) tiny += (quad)a[32 + p] * (quad)b[p * 5 + 2];
    assert_true(y[6] == (double)huge);
    assert_true(fabs(y[12] / (double)tiny - 1) < 1e-12);
    assert_true(isinf(y[7])); // 2^1020 x 2^900
    // What is not finite can't be split; the sentence says where it is.
    a[3 * 16 + 2] = NAN;
    assert_int_equal(sz_job_first(f.job), SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "row 3 of operand 0"));
    sz_ctx_clear(ctx);
    a[3 * 16 + 2] = 1, b[2 * 5 + 4] = -INFINITY;
    assert_int_equal(sz_job_first(f.job), SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "column 4 of operand 1"));
    sz_ctx_clear(ctx);
    end(&f);
    sz_ctx_destroy(ctx);
}

// Two units in the last place too much, or a number that is none, are seen.
static void wrong_products_are_seen(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_check c;
    fixture f;
    assert_int_equal(begin(&f, ctx, "ref", NULL, "ozaki:m=6,n=5,k=16,count=9"), SZ_OK);
    double *y = f.y;
    assert_int_equal(sz_job_first(f.job), SZ_OK);
    const double kept = y[7];
    y[7] *= 1 + 0x1p-49;
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_false(c.is_right);
    y[7] = NAN;
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_false(c.is_right);
    y[7] = kept;
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_true(c.is_right);
    end(&f);
    // One bit short of what three pieces promise.
    assert_int_equal(begin(&f, ctx, "ref", NULL, "ozaki:m=6,n=5,k=16,count=3"), SZ_OK);
    assert_int_equal(sz_job_first(f.job), SZ_OK);
    y = f.y;
    y[0] += 16 * 0x1p-17;
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_false(c.is_right);
    end(&f);
    sz_ctx_destroy(ctx);
}

// Large ones are looked at by spots, with the same bits to show for it.
static void large_ones_are_sampled(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library = NULL;
    sz_check c;
    fixture f;
    if (!open_library(ctx, "blas", &library)) {
        sz_ctx_destroy(ctx);
        skip();
    }
    assert_int_equal(begin(&f, ctx, "blas", library, "ozaki:m=300,n=300,k=300,pieces=f32,count=3"),
                     SZ_OK);
    assert_int_equal(sz_job_first(f.job), SZ_OK);
    assert_int_equal(sz_job_check(f.job, 1, &c), SZ_OK);
    assert_string_equal(c.how, "spots");
    assert_string_equal(c.accuracy.plain_by, "blas");
    assert_true(c.is_right && c.elements == 1024);
    assert_true(fabs(c.accuracy.bits_promised - (3 * 8 - log2(2 + 2 / (1 - 0x1p-8)))) < 1e-6);
    assert_true(c.accuracy.bits > c.accuracy.bits_promised && c.accuracy.bits < 30);
    end(&f);
    sz_ctx_destroy(ctx);
}

static void refuses_with_a_reason(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library = NULL;
    fixture f;
    if (open_library(ctx, "blas", &library)) {
        assert_int_equal(begin(&f, ctx, "blas", library, "ozaki:m=4,n=4,k=4,pieces=i8"),
                         SZ_ERR_UNAVAILABLE);
        assert_non_null(
            strstr(sz_ctx_error(ctx), "no product of its i8 pieces: only matrix products"));
    }
    // Nothing is allocated for it.
    sz_model *m;
    assert_int_equal(sz_model_load(ctx, "ozaki:m=1,n=1,k=16777216,pieces=f32", NULL, &m), SZ_OK);
    assert_string_equal(
        sz_node_refuses(&sz_backend_ref, NULL, m->graph, sz_graph_node(m->graph, 0)),
        "sums of that length are not exact with pieces of 2 bits");
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_keep_sums_exact),
        cmocka_unit_test(small_integers_have_no_error),
        cmocka_unit_test(largest_pieces_are_exact),
        cmocka_unit_test(pieces_add_bits),
        cmocka_unit_test(what_costs_bits),
        cmocka_unit_test(before_is_the_same),
        cmocka_unit_test(strange_numbers_are_handled),
        cmocka_unit_test(wrong_products_are_seen),
        cmocka_unit_test(large_ones_are_sampled),
        cmocka_unit_test(refuses_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
