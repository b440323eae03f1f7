// SPDX-License-Identifier: Apache-2.0
// The graph: types, order of nodes, captured values.
#include "model/graph/graph.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

#include "graph_fixture.h"

// ---- types -------------------------------------------------------------------------------------

static void test_elements(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {
        {2, 3, 4}, {2, -1, 4}, {0, 3, 4}, {1LL << 31, 1LL << 31, 2}, {0, 1LL << 62, 4}};
    static const int64_t want[] = {24, -1, 0};
    int64_t n;
    for (int i = 0; i < 3; i++) {
        sz_type t = sz_type_tensor(dtype("f32"), 3, shapes[i]);
        assert_int_equal(sz_type_elements(ctx, &t, &n), SZ_OK);
        assert_int_equal(n, want[i]);
    }
    for (int i = 3; i < 5; i++) { // a zero excuses nothing
        sz_type t = sz_type_tensor(dtype("f32"), 3, shapes[i]);
        assert_int_equal(sz_type_elements(ctx, &t, &n), SZ_ERR_INPUT);
    }
    sz_type scalar = sz_type_tensor(dtype("f32"), 0, NULL);
    assert_int_equal(sz_type_elements(ctx, &scalar, &n), SZ_OK);
    assert_int_equal(n, 1);
    sz_type unranked = sz_type_tensor(dtype("f32"), -1, NULL);
    assert_int_equal(sz_type_elements(ctx, &unranked, &n), SZ_OK);
    assert_int_equal(n, -1);
}

static void test_type_bytes(void **state) {
    (void)state;
    static const int64_t dims[] = {3}, many[] = {1LL << 61};
    const sz_type f32 = sz_type_tensor(dtype("f32"), 1, dims);
    const sz_type i4 = sz_type_tensor(dtype("i4"), 1, dims);
    const sz_type huge = sz_type_tensor(dtype("f64"), 1, many);
    const sz_type untyped = sz_type_tensor(0, 1, dims);
    const sz_type *const both[] = {&f32, &i4};
    const sz_type listed = {.kind = SZ_TYPE_SEQUENCE, .n_items = 2, .items = both};
    const sz_type alike = {.kind = SZ_TYPE_SEQUENCE, .n_items = 5, .elem = &f32};
    const sz_type open = {.kind = SZ_TYPE_SEQUENCE, .n_items = -1, .elem = &f32};
    const struct {
        const sz_type *type;
        int64_t bytes;
    } rows[] = {{&f32, 12}, {&i4, 2}, {&untyped, -1}, {&listed, 14}, {&alike, 60}, {&open, -1}};
    int64_t bytes;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(sz_type_bytes(ctx, rows[i].type, &bytes), SZ_OK);
        assert_int_equal(bytes, rows[i].bytes);
    }
    assert_int_equal(sz_type_bytes(ctx, &huge, &bytes), SZ_ERR_INPUT);
}

static void test_type_text(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    int64_t symbol;
    assert_int_equal(sz_graph_symbol(g, sz_str_c("batch"), &symbol), SZ_OK);
    int64_t again;
    assert_int_equal(sz_graph_symbol(g, sz_str_c("batch"), &again), SZ_OK);
    assert_int_equal(symbol, again);
    const int64_t dims[] = {symbol, 3, SZ_DIM_UNKNOWN, SZ_DIM_SYMBOL(7)};
    const sz_type tensor = sz_type_tensor(dtype("f32"), 4, dims);
    const sz_type scalar = sz_type_tensor(dtype("i64"), 0, NULL);
    const sz_type unranked = sz_type_tensor(dtype("bf16"), -1, NULL);
    const sz_type untyped = sz_type_tensor(0, 1, dims + 1);
    const sz_type seq = {.kind = SZ_TYPE_SEQUENCE, .elem = &scalar};
    const sz_type optional = {.kind = SZ_TYPE_OPTIONAL, .elem = &seq};
    const sz_type map = {.kind = SZ_TYPE_MAP, .dtype = dtype("i64")};
    const sz_type none = {.kind = SZ_TYPE_NONE};
    sz_type endless = {.kind = SZ_TYPE_SEQUENCE};
    endless.elem = &endless;
    const struct {
        const sz_type *type;
        const char *text;
    } rows[] = {
        {&tensor, "f32[batch,3,?,?]"},
        {&scalar, "i64[]"},
        {&unranked, "bf16[...]"},
        {&untyped, "?[3]"},
        {&seq, "seq(i64[])"},
        {&optional, "optional(seq(i64[]))"},
        {&map, "map(?)"},
        {&none, "?"},
        {&endless, "seq(seq(seq(seq(seq(seq(seq(seq(?))))))))"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(sz_type_text(g, rows[i].type), rows[i].text);
    sz_graph_destroy(g);
}

// A shape whose text does not fit is cut, not written past the end.
static void test_type_text_long(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    int64_t dims[SZ_MAX_RANK];
    for (int i = 0; i < SZ_MAX_RANK; i++) dims[i] = INT64_MAX;
    const sz_type t = sz_type_tensor(dtype("f32"), SZ_MAX_RANK, dims);
    assert_in_range(strlen(sz_type_text(g, &t)), 1000, 1023);
    sz_graph_destroy(g);
}

// ---- values and nodes --------------------------------------------------------------------------

static sz_value_id value(sz_graph *g, const char *name, sz_value_kind kind) {
    sz_value_id id = SZ_NONE;
    assert_int_equal(sz_graph_add_value(g, sz_str_c(name), kind, &id), SZ_OK);
    return id;
}

// A node "name" that makes `out` of `in`.
static sz_status link_values(sz_graph *g, const char *name, sz_value_id in, sz_value_id out) {
    sz_value_id *ids = sz_arena_array(g->arena, 2, sizeof *ids);
    ids[0] = in, ids[1] = out;
    const sz_node n = {.name = sz_str_c(name),
                       .op = sz_str_c("Op"),
                       .domain = sz_str_c(""),
                       .n_inputs = 1,
                       .n_outputs = 1,
                       .inputs = ids,
                       .outputs = ids + 1};
    return sz_graph_add_node(g, &n, NULL);
}

static void test_twice(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    sz_value_id id, x = value(g, "x", SZ_VALUE_INPUT), y = value(g, "y", SZ_VALUE_NODE);
    assert_int_equal(sz_graph_add_value(g, sz_str_c("x"), SZ_VALUE_NODE, &id), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx), "value 'x' is defined twice");
    assert_int_equal(link_values(g, "a", x, y), SZ_OK);
    assert_int_equal(link_values(g, "b", x, y), SZ_ERR_INPUT); // a second producer
    assert_int_equal(link_values(g, "c", y, x), SZ_ERR_INPUT); // a producer of an input
    assert_int_equal(sz_graph_find(g, sz_str_c("y")), y);
    assert_int_equal(sz_graph_find(g, sz_str_c("z")), SZ_NONE);
    sz_graph_destroy(g);
}

static void test_order(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    sz_value_id x = value(g, "x", SZ_VALUE_INPUT), v[4];
    for (int i = 0; i < 4; i++) v[i] = value(g, (char[]){(char)('a' + i), 0}, SZ_VALUE_NODE);
    assert_int_equal(link_values(g, "n0", v[2], v[3]), SZ_OK); // n3 n2 n1 n0 is how they can run
    assert_int_equal(link_values(g, "n1", v[1], v[2]), SZ_OK);
    assert_int_equal(link_values(g, "n2", v[0], v[1]), SZ_OK);
    assert_int_equal(link_values(g, "n3", x, v[0]), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_OK);
    for (size_t k = 0; k < 4; k++) assert_int_equal(sz_graph_nth(g, k), 3 - k);
    assert_int_equal(sz_ctx_warning_count(ctx), 1);
    sz_graph_destroy(g);
}

static void test_order_as_it_stands(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    sz_value_id x = value(g, "x", SZ_VALUE_INPUT), a = value(g, "a", SZ_VALUE_NODE);
    assert_int_equal(link_values(g, "n0", x, a), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_OK);
    assert_null(g->order);
    assert_int_equal(sz_ctx_warning_count(ctx), 0);
    sz_graph_destroy(g);
}

// A long chain that stands the wrong way round: no recursion.
static void test_order_deep(void **state) {
    (void)state;
    enum { N = 200000 };
    sz_graph *g = new_graph();
    sz_value_id after = value(g, "end", SZ_VALUE_NODE);
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", i);
        sz_value_id before = value(g, name, i + 1 < N ? SZ_VALUE_NODE : SZ_VALUE_INPUT);
        assert_int_equal(link_values(g, "n", before, after), SZ_OK);
        after = before;
    }
    assert_int_equal(sz_graph_verify(g), SZ_OK);
    for (size_t k = 0; k < N; k += 999) assert_int_equal(sz_graph_nth(g, k), N - 1 - k);
    sz_graph_destroy(g);
}

static void test_cycle(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    sz_value_id a = value(g, "a", SZ_VALUE_NODE), b = value(g, "b", SZ_VALUE_NODE);
    assert_int_equal(link_values(g, "first", b, a), SZ_OK);
    assert_int_equal(link_values(g, "second", a, b), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx), "node 'first' (Op) @0: depends on its own output (the "
                                           "graph has a cycle)");
    sz_graph_destroy(g);

    g = new_graph();
    a = value(g, "a", SZ_VALUE_NODE);
    assert_int_equal(link_values(g, "self", a, a), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_ERR_INPUT);
    sz_graph_destroy(g);
}

static void test_dangling(void **state) {
    (void)state;
    sz_graph *g = new_graph();
    sz_value_id a = value(g, "a", SZ_VALUE_NODE), b = value(g, "b", SZ_VALUE_NODE);
    assert_int_equal(link_values(g, "n", a, b), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx), "node 'n' (Op) @0: input 'a' is produced by nothing");
    sz_graph_destroy(g);

    g = new_graph();
    a = value(g, "a", SZ_VALUE_NODE);
    assert_true(sz_vec_push(ctx, &g->outputs, a));
    assert_int_equal(sz_graph_verify(g), SZ_ERR_INPUT);
    assert_string_equal(sz_ctx_error(ctx), "graph output 'a' is produced by nothing");
    sz_graph_destroy(g);
}

// ---- captured values ---------------------------------------------------------------------------

static void test_capture(void **state) {
    (void)state;
    static const int64_t dims[] = {2, 3};
    sz_graph *level[4] = {new_graph()};
    sz_value_id x = value(level[0], "x", SZ_VALUE_INPUT), id, again;
    sz_graph_value(level[0], x)->type = sz_type_tensor(dtype("f16"), 2, dims);
    for (int i = 1; i < 4; i++)
        assert_int_equal(sz_graph_create_body(level[i - 1], &level[i]), SZ_OK);
    assert_int_equal(sz_graph_capture(level[3], sz_str_c("x"), &id), SZ_OK);
    assert_int_equal(sz_graph_capture(level[3], sz_str_c("x"), &again), SZ_OK);
    assert_int_equal(id, again);
    for (int i = 3; i > 0; i--) { // a link per level, up to the input
        const sz_value *v = sz_graph_value(level[i], id);
        assert_int_equal(v->kind, SZ_VALUE_CAPTURED);
        assert_int_equal(v->type.rank, 2);
        assert_int_equal(level[i]->values.n, 1);
        id = v->outer;
    }
    assert_int_equal(id, x);
    assert_ptr_equal(sz_graph_root(level[3]), level[0]);
    assert_int_equal(sz_graph_capture(level[3], sz_str_c("nowhere"), &id), SZ_OK);
    assert_int_equal(id, SZ_NONE);
    assert_int_equal(sz_graph_capture(level[0], sz_str_c("x"), &id), SZ_OK);
    assert_int_equal(id, x);
    sz_graph_destroy(level[0]);
}

// A name of the body itself hides the one outside; one between is found before one further out.
static void test_capture_nearest(void **state) {
    (void)state;
    sz_graph *outer = new_graph(), *middle, *inner;
    sz_value_id id;
    assert_int_equal(sz_graph_create_body(outer, &middle), SZ_OK);
    assert_int_equal(sz_graph_create_body(middle, &inner), SZ_OK);
    value(outer, "x", SZ_VALUE_INPUT);
    sz_value_id between = value(middle, "x", SZ_VALUE_INPUT);
    assert_int_equal(sz_graph_capture(inner, sz_str_c("x"), &id), SZ_OK);
    assert_int_equal(sz_graph_value(inner, id)->outer, between);
    assert_int_equal(sz_graph_value(middle, between)->kind, SZ_VALUE_INPUT);
    sz_graph_destroy(outer);
}

// The numbers of a constant are known through all the levels.
static void test_capture_numbers(void **state) {
    (void)state;
    static const char text[] =
        "graph g {\n input c: bool[], x: f32[4]\n s = const i64[2] {2, -1}\n"
        "y = If(c) {then_branch=graph { a = If(c) {then_branch=graph { p = Reshape(x, s) output p }"
        ", else_branch=graph { q = Identity(x) output q }} output a }, "
        "else_branch=graph { r = Identity(x) output r }}\n output y\n}\n";
    sz_graph *g = NULL;
    assert_int_equal(sz_graph_parse(ctx, text, strlen(text), &g), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_OK);
    sz_graph *inner = NULL;
    sz_value_id id = SZ_NONE;
    for (size_t i = 0; i < g->children.n; i++)
        if (sz_graph_find(g->children.items[i], sz_str_c("p")) != SZ_NONE)
            inner = g->children.items[i];
    assert_non_null(inner);
    assert_ptr_not_equal(inner->parent, g);
    id = sz_graph_find(inner, sz_str_c("s"));
    assert_int_not_equal(id, SZ_NONE);
    const sz_tensor *t = NULL;
    assert_int_equal(sz_graph_known(inner, id, &t), SZ_OK);
    assert_non_null(t);
    assert_int_equal(t->i[1], -1);
    sz_graph_destroy(g);
}

// A captured value that the graph around makes later: the node with the body waits for it.
static void test_capture_order(void **state) {
    (void)state;
    sz_graph *g = new_graph(), *body;
    sz_value_id x = value(g, "x", SZ_VALUE_INPUT), late = value(g, "late", SZ_VALUE_NODE);
    sz_value_id y = value(g, "y", SZ_VALUE_NODE), id;
    assert_int_equal(sz_graph_create_body(g, &body), SZ_OK);
    assert_int_equal(sz_graph_capture(body, sz_str_c("late"), &id), SZ_OK);
    sz_graph *graphs[] = {body};
    const sz_attr attr = {
        .name = sz_str_c("body"), .kind = SZ_ATTR_GRAPH, .n = 1, .graphs = graphs};
    const sz_value_id ids[] = {x, y};
    const sz_node n = {.name = sz_str_c("with"),
                       .op = sz_str_c("Op"),
                       .domain = sz_str_c(""),
                       .n_inputs = 1,
                       .n_outputs = 1,
                       .n_attrs = 1,
                       .inputs = ids,
                       .outputs = ids + 1,
                       .attrs = &attr};
    assert_int_equal(sz_graph_add_node(g, &n, NULL), SZ_OK);
    assert_int_equal(link_values(g, "makes", x, late), SZ_OK);
    assert_int_equal(sz_graph_verify(g), SZ_OK);
    assert_int_equal(sz_graph_nth(g, 0), 1);
    assert_int_equal(sz_graph_nth(g, 1), 0);
    sz_graph_destroy(g);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_elements),           CASE(test_type_bytes),    CASE(test_type_text),
        CASE(test_type_text_long),     CASE(test_twice),         CASE(test_order),
        CASE(test_order_as_it_stands), CASE(test_order_deep),    CASE(test_cycle),
        CASE(test_dangling),           CASE(test_capture),       CASE(test_capture_nearest),
        CASE(test_capture_numbers),    CASE(test_capture_order),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
