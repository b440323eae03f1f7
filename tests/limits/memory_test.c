// SPDX-License-Identifier: Apache-2.0
// The promise about memory, 64 MiB plus 4 bytes for each byte of header; and the one about time, as
// far as it hangs on a count that no small file can bring to its limit exactly.
#include <sizeup/cost.h>
#include <sizeup/limits.h>
#include <sizeup/model.h>

#include "model/graph/allowance.h"
#include "model/ops/rule.h"
#include "proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

static size_t limit(const char *name) {
    sz_limit_row row;
    for (size_t i = 0; sz_list_limit(i, &row); i++)
        if (strcmp(row.name, name) == 0) return (size_t)row.value;
    fail_msg("no limit is called %s", name);
    return 0;
}

static void test_job_limit(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    enum { SIZE = 1000 };
    void *p = sz_alloc(ctx, SIZE);
    assert_non_null(p);
    assert_int_equal(sz_ctx_set_job_limit(ctx, 2 * SIZE), 0);
    assert_null(sz_alloc(ctx, SIZE + 1));
    void *q = sz_alloc(ctx, SIZE);
    assert_non_null(q);
    assert_null(sz_realloc(ctx, q, SIZE, SIZE + 1));
    sz_free(ctx, q, SIZE);
    sz_ctx_set_memory_limit(ctx, SIZE + 10); // of two limits the tighter one counts
    assert_null(sz_alloc(ctx, 11));
    assert_int_equal(sz_ctx_set_job_limit(ctx, 0), 2 * SIZE);
    assert_null(sz_alloc(ctx, 11));
    q = sz_alloc(ctx, 10);
    assert_non_null(q);
    sz_free(ctx, q, 10);
    sz_free(ctx, p, SIZE);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

static void test_allowance(void **state) {
    (void)state;
    const size_t floor = limit("memory"), factor = limit("memory-per-byte");
    assert_int_equal(sz_allowance(0), floor);
    assert_int_equal(sz_allowance(1), floor + factor);
    assert_true(sz_allowance(UINT64_MAX) > (size_t)1 << 60); // and did not wrap
}

// A file full of the smallest nodes there are. It ends within its memory, whichever way.
static void test_many_nodes(void **state) {
    (void)state;
    enum { N = 250000 };
    bytes graph = nothing;
    add_input(&graph);
    for (int64_t i = 0; i < N; i++)
        add_node(&graph, "Abs", i ? numbered('v', i) : "x", NULL,
                 i + 1 < N ? numbered('v', i + 1) : "y");
    add_output(&graph, "y");
    bytes model = make_model(&graph, 17, 8);
    const size_t most = limit("memory") +
                        limit("memory-per-byte") * limit("header-reads") * model.n;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = NULL;
    sz_costs *costs = NULL;
    sz_status status = sz_model_load_memory(ctx, "many", model.p, model.n, NULL, &m);
    if (status == SZ_OK) status = sz_costs_create(ctx, m, NULL, &costs);
    assert_true(status == SZ_OK || status == SZ_ERR_MEMORY);
    if (status != SZ_OK) assert_non_null(strstr(sz_ctx_error(ctx), "out of memory"));
    assert_in_range(sz_ctx_memory_peak(ctx), 1, most);
    sz_costs_destroy(costs);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
    bytes_free(&model);
}

// The limit is gone once the model is there, and the caller's own one has not been touched.
static void test_limit_ends(void **state) {
    (void)state;
    bytes file = small_model();
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = NULL;
    sz_costs *costs = NULL;
    const size_t size = (size_t)100 << 20;
    sz_ctx_set_memory_limit(ctx, 2 * size);
    assert_int_equal(sz_model_load_memory(ctx, "m", file.p, file.n, NULL, &m), SZ_OK);
    assert_int_equal(sz_costs_create(ctx, m, NULL, &costs), SZ_OK);
    void *p = sz_alloc(ctx, size);
    assert_non_null(p);
    assert_null(sz_alloc(ctx, 2 * size));
    sz_free(ctx, p, size);
    sz_costs_destroy(costs);
    sz_model_destroy(m);
    m = NULL;
    assert_int_equal(sz_model_load_memory(ctx, "m", file.p, file.n - 1, NULL, &m), SZ_ERR_INPUT);
    p = sz_alloc(ctx, size);
    assert_non_null(p);
    sz_free(ctx, p, size);
    sz_ctx_destroy(ctx);
    bytes_free(&file);
}

// Looks at large values are counted; when they are used up, the numbers are as good as unknown.
static void test_looks(void **state) {
    (void)state;
    static const char text[] = "graph g {\n w = const i64[129] {%s}\n t = const i64[1] {5}\n"
                               " y = Add(w, t)\n output y\n}\n";
    char numbers[1024] = "", all[2048];
    for (int i = 0; i < 129; i++) strcat(numbers, i ? ",1" : "1");
    snprintf(all, sizeof all, text, numbers);
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_graph *g = NULL;
    assert_int_equal(sz_graph_parse(ctx, all, strlen(all), &g), SZ_OK);
    sz_infer n = {.ctx = ctx, .graph = g, .node = sz_graph_node(g, 0)};
    const int64_t most = (int64_t)limit("looks");
    for (int d = -1; d <= 1; d++) {
        g->looked_elements = most - 129 + d;
        sz_op_begin(&n);
        for (int k = 0; k < 2; k++) assert_int_equal(sz_in_value(&n, 0) != NULL, d <= 0);
        assert_non_null(sz_in_value(&n, 1)); // tiny ones are free
    }
    sz_graph_destroy(g);
    sz_ctx_destroy(ctx);
}

// So a file of a megabyte whose nodes each add up a large value ends in time.
static void test_many_looks(void **state) {
    (void)state;
    bytes graph = nothing, ones = make_ones("w", SZ_MAX_VALUE_ELEMENTS, 0);
    put_message(&graph, 5, &ones);
    for (int64_t i = 0; i < 20000; i++) add_node(&graph, "ReduceSum", "w", NULL, numbered('v', i));
    add_output(&graph, "v19999");
    bytes file = make_model(&graph, 13, 8);
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = NULL;
    const clock_t start = clock();
    assert_int_equal(sz_model_load_memory(ctx, "m", file.p, file.n, NULL, &m), SZ_OK);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5); // 20 with sanitizers, without it
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
    bytes_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job_limit),  cmocka_unit_test(test_allowance),
        cmocka_unit_test(test_many_nodes), cmocka_unit_test(test_limit_ends),
        cmocka_unit_test(test_looks),      cmocka_unit_test(test_many_looks),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
