// SPDX-License-Identifier: Apache-2.0
// What the tests of graphs share: a context that must give all its memory back, and small makers.
// Include after cmocka.h and the graph's own header.
#ifndef SZ_TEST_GRAPH_FIXTURE_H
#define SZ_TEST_GRAPH_FIXTURE_H

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

static sz_graph *new_graph(void) {
    sz_graph *g = NULL;
    assert_int_equal(sz_graph_create(ctx, &g), SZ_OK);
    g->name = sz_str_c("g");
    return g;
}

static sz_dtype dtype(const char *name) {
    sz_dtype t = sz_dtype_by_name(name);
    if (!t) fail_msg("no dtype %s", name);
    return t;
}

#endif
