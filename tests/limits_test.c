// SPDX-License-Identifier: Apache-2.0
// Every row of the limits table at its limit, one below and one above: fine, fine, and what the row
// says. Models are made by hand, as ONNX bytes (limits/proto.h) or as the text of a graph.
#include <sizeup/cost.h>
#include <sizeup/limits.h>
#include <sizeup/model.h>

#include "limits/proto.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

// What became of a model.
typedef enum verdict {
    FINE,
    REFUSED, // for the reason that was expected
    SAID,    // answered, with the words that were expected in a warning
    UNKNOWN, // answered, but the size of the output is not known
    BROKEN   // refused for another reason
} verdict;

static const char *const verdict_names[] = {"fine", "refused", "said", "unknown", "broken"};

// ---- loading -----------------------------------------------------------------------------------

typedef struct answer {
    sz_ctx *ctx;
    sz_model *model;
    sz_status status;
} answer;

static char last_error[512]; // for the message of a test that fails

static int warns(const sz_ctx *ctx, const char *words) {
    for (size_t i = 0; i < sz_ctx_warning_count(ctx); i++)
        if (strstr(sz_ctx_warning(ctx, i), words)) return 1;
    return 0;
}

static verdict judge(answer *a, const char *words) {
    verdict v = FINE;
    if (a->status != SZ_OK) {
        v = words && strstr(sz_ctx_error(a->ctx), words) ? REFUSED : BROKEN;
        snprintf(last_error, sizeof last_error, "%s", sz_ctx_error(a->ctx));
    } else if (words && warns(a->ctx, words)) {
        v = SAID;
    } else {
        const sz_port out = sz_model_output(a->model, 0);
        for (int i = 0; i < out.rank; i++)
            if (out.dims[i] == -1) v = UNKNOWN;
        if (out.rank < 0) v = UNKNOWN;
    }
    sz_model_destroy(a->model);
    sz_ctx_destroy(a->ctx);
    return v;
}

// `words`: part of the error or of the warning that is to be expected beyond the limit.
static verdict load(bytes *file, const char *words) {
    const sz_load_options options = {.format = "onnx", .allow_symbols = 1};
    answer a = {.ctx = sz_ctx_create(NULL)};
    assert_non_null(a.ctx);
    a.status = sz_model_load_memory(a.ctx, "test", file->p, file->n, &options, &a.model);
    verdict v = judge(&a, words);
    bytes_free(file);
    return v;
}

static verdict parse(const char *text, const char *words) {
    const sz_load_options options = {.allow_symbols = 1};
    answer a = {.ctx = sz_ctx_create(NULL)};
    assert_non_null(a.ctx);
    a.status = sz_model_parse(a.ctx, text, &options, &a.model);
    return judge(&a, words);
}

// ---- pieces of models --------------------------------------------------------------------------

static void add_call(bytes *graph, uint32_t field, const char *function, const char *in,
                     const char *out) {
    const char *const inputs[] = {in, NULL}, *const outputs[] = {out, NULL};
    bytes node = make_node(function, "local", inputs, outputs);
    put_message(graph, field, &node);
}

// FunctionProto: x -> y by `n_relu` nodes and `n_calls` calls of `callee`.
static bytes make_function(const char *name, int64_t n_relu, int64_t n_calls, const char *callee) {
    bytes f = nothing, import = nothing;
    const int64_t all = n_relu + n_calls;
    put_text(&f, 1, name);
    put_text(&f, 4, "x");
    put_text(&f, 5, "y");
    put_number(&import, 2, 17);
    put_message(&f, 9, &import);
    put_text(&f, 10, "local");
    for (int64_t i = 0; i < all; i++) {
        const char *in = i ? numbered('v', i) : "x",
                   *out = i + 1 < all ? numbered('v', i + 1) : "y";
        const char *const inputs[] = {in, NULL}, *const outputs[] = {out, NULL};
        bytes node = i < n_calls ? make_node(callee, "local", inputs, outputs)
                                 : make_node("Relu", NULL, inputs, outputs);
        put_message(&f, 7, &node);
    }
    return f;
}

static bytes model_with_functions(bytes *graph, bytes *functions, size_t n) {
    bytes model = make_model(graph, 17, 8), import = nothing;
    put_text(&import, 1, "local");
    put_number(&import, 2, 1);
    put_message(&model, 8, &import);
    for (size_t i = 0; i < n; i++) put_message(&model, 25, &functions[i]);
    return model;
}

// The size of y is an element of the value `name`.
static void add_size_from(bytes *graph, const char *name) {
    bytes index = make_ones("index", 1, 0);
    put_message(graph, 5, &index);
    add_node(graph, "Gather", name, "index", "size");
    add_node(graph, "ConstantOfShape", "size", NULL, "y");
    add_output(graph, "y");
}

// ---- one function per limit --------------------------------------------------------------------

static verdict try_string(int64_t n) {
    bytes graph = nothing, node = nothing;
    add_input(&graph);
    put_text(&node, 1, "x");
    put_text(&node, 2, "y");
    put_fill(&node, 3, 'n', (size_t)n);
    put_text(&node, 4, "Relu");
    put_message(&graph, 1, &node);
    add_output(&graph, "y");
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "bytes, more than the");
}

static verdict try_groups(int64_t n) {
    bytes model = small_model();
    for (int64_t i = 0; i < n; i++) put_tag(&model, 99, 3);
    for (int64_t i = 0; i < n; i++) put_tag(&model, 99, 4);
    return load(&model, "groups are nested");
}

static void add_branch(bytes *node, const char *name, bytes *body) {
    bytes attr = nothing;
    put_text(&attr, 1, name);
    put_message(&attr, 6, body);
    put_number(&attr, 20, 5);
    put_message(node, 5, &attr);
}

// If in If in If
static verdict try_bodies(int64_t n) {
    const int64_t dims[] = {1};
    bytes graph = nothing;
    add_node(&graph, "Relu", "x", NULL, "r0");
    add_output(&graph, "r0");
    for (int64_t i = 1; i <= n; i++) {
        bytes node = nothing, other = nothing, outer = nothing;
        add_node(&other, "Neg", "x", NULL, numbered('e', i));
        add_output(&other, numbered('e', i));
        put_text(&node, 1, "c");
        put_text(&node, 2, i == n ? "y" : numbered('r', i));
        put_text(&node, 4, "If");
        add_branch(&node, "then_branch", &graph);
        add_branch(&node, "else_branch", &other);
        put_message(&outer, 1, &node);
        add_output(&outer, i == n ? "y" : numbered('r', i));
        graph = outer;
    }
    add_input(&graph);
    bytes info = make_info("c", 9, 1, dims);
    put_message(&graph, 11, &info);
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "bodies are nested");
}

static verdict try_types(int64_t n) {
    bytes tensor = nothing, type = nothing, info = nothing, graph = small_graph();
    put_number(&tensor, 1, 1);
    put_message(&type, 1, &tensor);
    for (int64_t i = 1; i < n; i++) {
        bytes sequence = nothing, outer = nothing;
        put_message(&sequence, 1, &type);
        put_message(&outer, 4, &sequence);
        type = outer;
    }
    put_text(&info, 1, "s");
    put_message(&info, 2, &type);
    put_message(&graph, 11, &info);
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "is nested more than");
}

static verdict try_rank(int64_t n) {
    int64_t dims[128];
    for (int i = 0; i < 128; i++) dims[i] = 1;
    bytes graph = nothing, info = make_info("x", 1, (int)n, dims);
    put_message(&graph, 11, &info);
    add_node(&graph, "Relu", "x", NULL, "y");
    add_output(&graph, "y");
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "dimensions");
}

static verdict try_attributes(int64_t n) {
    bytes graph = nothing, node = nothing;
    add_input(&graph);
    put_text(&node, 1, "x");
    put_text(&node, 2, "y");
    put_text(&node, 4, "Relu");
    for (int64_t i = 0; i < n; i++) {
        bytes attr = nothing;
        put_text(&attr, 1, numbered('a', i));
        put_number(&attr, 3, 1);
        put_number(&attr, 20, 2);
        put_message(&node, 5, &attr);
    }
    put_message(&graph, 1, &node);
    add_output(&graph, "y");
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "attributes");
}

static verdict try_calls(int64_t n) {
    bytes functions[128], graph = nothing;
    for (int64_t i = 0; i < n; i++)
        functions[i] = make_function(numbered('f', i), i == n - 1, i < n - 1, numbered('f', i + 1));
    add_input(&graph);
    add_call(&graph, 1, "f0", "x", "y");
    add_output(&graph, "y");
    bytes model = model_with_functions(&graph, functions, (size_t)n);
    return load(&model, "levels deep");
}

// One call that turns into n nodes. So many do not fit into the memory of a file as small as this.
static verdict try_expanded_nodes(int64_t n) {
    bytes functions[2] = {make_function("many", n % 1000, n / 1000, "some"),
                          make_function("some", 999, 0, NULL)};
    bytes graph = nothing;
    add_input(&graph);
    add_call(&graph, 1, "many", "x", "y");
    add_output(&graph, "y");
    bytes model = model_with_functions(&graph, functions, 2);
    verdict v = load(&model, "nodes");
    return v == BROKEN ? FINE : v;
}

// FunctionProto of exactly `size` bytes.
static bytes padded_function(const char *name, size_t size) {
    bytes f = make_function(name, 1, 0, NULL);
    put_fill(&f, 8, '.', size - f.n - 4); // tag and length of the text take 4
    assert_int_equal(f.n, size);
    return f;
}

static verdict try_expanded_bytes(int64_t n) {
    enum { PART = 1 << 20 };
    const int64_t calls = n / PART - 1;
    bytes functions[2] = {padded_function("a", PART),
                          padded_function("b", (size_t)(n - calls * PART))};
    bytes graph = nothing;
    add_input(&graph);
    for (int64_t i = 0; i <= calls; i++)
        add_call(&graph, 1, i < calls ? "a" : "b", i ? numbered('v', i) : "x",
                 i < calls ? numbered('v', i + 1) : "y");
    add_output(&graph, "y");
    bytes model = model_with_functions(&graph, functions, 2);
    return load(&model, "read more than");
}

static verdict try_domains(int64_t n) {
    bytes model = small_model();
    for (int64_t i = 1; i < n; i++) {
        bytes import = nothing;
        put_text(&import, 1, numbered('d', i));
        put_number(&import, 2, 1);
        put_message(&model, 8, &import);
    }
    return load(&model, "domains are imported");
}

static verdict try_symbols(int64_t n) {
    enum { RANK = 50 };
    bytes graph = small_graph();
    for (int64_t first = 0; first < n; first += RANK) {
        bytes shape = nothing, tensor = nothing, type = nothing, info = nothing;
        for (int64_t i = first; i < n && i < first + RANK; i++) {
            bytes dim = nothing;
            put_text(&dim, 2, numbered('s', i));
            put_message(&shape, 1, &dim);
        }
        put_number(&tensor, 1, 1);
        put_message(&tensor, 2, &shape);
        put_message(&type, 1, &tensor);
        put_text(&info, 1, numbered('i', first));
        put_message(&info, 2, &type);
        put_message(&graph, 11, &info);
    }
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "free dimensions");
}

static verdict try_ir(int64_t n) {
    bytes graph = small_graph(), model = make_model(&graph, 17, n);
    return load(&model, "ir_version");
}

static verdict try_opset(int64_t n) {
    bytes graph = small_graph(), model = make_model(&graph, n, 8);
    return load(&model, "is newer than");
}

static verdict try_side_name(int64_t n) {
    bytes graph = small_graph(), tensor = nothing, entry = nothing;
    put_number(&tensor, 1, 1);
    put_number(&tensor, 2, 1);
    put_text(&tensor, 8, "w");
    put_text(&entry, 1, "location");
    put_fill(&entry, 2, 'f', (size_t)n);
    put_message(&tensor, 13, &entry);
    put_number(&tensor, 14, 1);
    put_message(&graph, 5, &tensor);
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "name of a side file is longer");
}

static verdict try_constant(int64_t n, int as_field) {
    bytes graph = nothing, ones = make_ones("ones", n, as_field);
    put_message(&graph, 5, &ones);
    add_size_from(&graph, "ones");
    bytes model = make_model(&graph, 17, 8);
    return load(&model, NULL);
}

static verdict try_field_numbers(int64_t n) { return try_constant(n, 1); }
static verdict try_value(int64_t n) { return try_constant(n, 0); }

// Adds nodes that compute n elements together; the last one's value is "last".
static void compute(bytes *graph, int64_t n) {
    enum { MOST = 60000 };
    char from[32], to[32];
    bytes ones = make_ones("ones", MOST, 0), rest = make_ones("rest", n % MOST, 0);
    put_message(graph, 5, &ones);
    put_message(graph, 5, &rest);
    for (int64_t i = 0; i < n / MOST; i++) {
        snprintf(from, sizeof from, "%s", i ? numbered('v', i) : "ones");
        snprintf(to, sizeof to, "%s", numbered('v', i + 1));
        add_node(graph, "Abs", from, NULL, to);
    }
    add_node(graph, "Abs", "rest", NULL, "last");
}

static verdict try_values(int64_t n) {
    bytes graph = nothing;
    compute(&graph, n);
    add_size_from(&graph, "last");
    bytes model = make_model(&graph, 17, 8);
    return load(&model, NULL);
}

static int64_t limit(const char *name) {
    sz_limit_row row;
    for (size_t i = 0; sz_list_limit(i, &row); i++)
        if (strcmp(row.name, name) == 0) return row.value;
    fail_msg("no limit is called %s", name);
    return 0;
}

static verdict try_tiny(int64_t n) {
    bytes graph = nothing, few = make_ones("few", n, 0);
    compute(&graph, limit("values"));
    put_message(&graph, 5, &few);
    add_node(&graph, "Abs", "few", NULL, "more");
    add_size_from(&graph, "more");
    bytes model = make_model(&graph, 17, 8);
    return load(&model, NULL);
}

// A tensor that grows by one element in each trip.
static verdict try_loop_steps(int64_t n) {
    char text[1024];
    snprintf(text, sizeof text,
             "graph g opset=17 {\n"
             "  m = const i64[] {%" PRId64 "}\n  c = const bool[] {true}\n  s = const f32[1]\n"
             "  y = Loop(m, c, s) {body=graph {\n"
             "    input i: i64[], k: bool[], t: f32[?]\n"
             "    one = const f32[1]\n    k2 = Identity(k)\n    t2 = Concat(t, one) {axis=0}\n"
             "    output k2, t2 }}\n"
             "  output y\n}\n",
             n);
    return parse(text, NULL);
}

static verdict try_sequence_items(int64_t n) {
    static char text[1 << 16];
    int used = snprintf(text, sizeof text,
                        "graph g opset=17 {\n input a: f32[2], b: f32[3]\n"
                        "at = const i64[] {1}\n q = SequenceConstruct(");
    for (int64_t i = 0; i < n; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", i ? ", " : "",
                         i % 2 ? "b" : "a");
    snprintf(text + used, sizeof text - (size_t)used, ")\n y = SequenceAt(q, at)\n output y\n}\n");
    return parse(text, NULL);
}

static verdict try_elements(int64_t below) {
    char text[256], shape[64];
    // one above does not fit into an int64: 2^63 = 2^32 x 2^31
    if (below < 0)
        snprintf(shape, sizeof shape, "4294967296,2147483648");
    else
        snprintf(shape, sizeof shape, "%" PRId64 ",1", below);
    snprintf(text, sizeof text,
             "graph g opset=17 {\n input x: u8[%s]\n y = Size(x)\n output y\n}\n", shape);
    return parse(text, "more than 2^63 elements");
}

static verdict try_warnings(int64_t n) {
    bytes graph = small_graph();
    for (int64_t i = 0; i < n; i++) add_node(&graph, numbered('U', i), "x", NULL, numbered('u', i));
    bytes model = make_model(&graph, 17, 8);
    return load(&model, "more warnings not shown");
}

// A name in a message that is cut.
static verdict try_shown(int64_t n) {
    char text[1024], name[512];
    memset(name, 'n', sizeof name);
    name[n] = 0;
    snprintf(text, sizeof text, "graph g {\n y = Relu(%s)\n output y\n}\n", name);
    verdict v = parse(text, "n...' is not defined");
    return v == BROKEN ? FINE : v; // not defined in any case
}

// ---- all of them -------------------------------------------------------------------------------

typedef struct limit_test {
    const char *name;
    verdict (*try_it)(int64_t n);
    verdict beyond;
} limit_test;

static const limit_test limit_tests[] = {
    {"string", try_string, REFUSED},
    {"groups", try_groups, REFUSED},
    {"bodies", try_bodies, REFUSED},
    {"types", try_types, REFUSED},
    {"rank", try_rank, REFUSED},
    {"attributes", try_attributes, REFUSED},
    {"calls", try_calls, REFUSED},
    {"expanded-nodes", try_expanded_nodes, REFUSED},
    {"expanded-bytes", try_expanded_bytes, REFUSED},
    {"domains", try_domains, REFUSED},
    {"symbols", try_symbols, REFUSED},
    {"ir-version", try_ir, SAID},
    {"opset", try_opset, SAID},
    {"side-file-name", try_side_name, REFUSED},
    {"field-numbers", try_field_numbers, UNKNOWN},
    {"value", try_value, UNKNOWN},
    {"values", try_values, UNKNOWN},
    {"tiny-value", try_tiny, UNKNOWN},
    {"loop-steps", try_loop_steps, UNKNOWN},
    {"sequence-items", try_sequence_items, UNKNOWN},
    {"elements", try_elements, REFUSED},
    {"warnings", try_warnings, SAID},
    {"shown", try_shown, REFUSED},
};
enum { N_TESTS = sizeof limit_tests / sizeof *limit_tests };

static void test_limit(void **state) {
    const limit_test *t = *state;
    const uint64_t value = (uint64_t)limit(t->name);
    for (int d = -1; d <= 1; d++) {
        // one above the largest int64 is handed on as a negative number
        const verdict want = d > 0 ? t->beyond : FINE,
                      got = t->try_it((int64_t)(value + (uint64_t)d));
        if (want != got)
            fail_msg("%s at the limit %+d: %s, not %s (%s)", t->name, d, verdict_names[got],
                     verdict_names[want], last_error);
    }
}

// Every row of the table is tested here, in limits/memory_test.c, hlo_test.c or text_limits_test.c.
static void test_all_rows(void **state) {
    (void)state;
    static const char *const elsewhere[] = {
        "memory", "memory-per-byte", "header-reads", "looks",
        "hlo-name", "hlo-tuples", "hlo-brackets", "hlo-parameters", // these: hlo_test.c
        "hlo-attributes", "hlo-instructions",
        "xml-text", "xml-attributes", "xml-depth", "openvino-version", // these: text_limits_test.c
        "openvino-ports", "openvino-links", "openvino-symbols", "stablehlo-name",
        "stablehlo-attributes", "stablehlo-results", "stablehlo-symbols", "stablehlo-nodes"};
    sz_limit_row row;
    for (size_t i = 0; sz_list_limit(i, &row); i++) {
        int found = 0;
        for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
            found |= strcmp(elsewhere[k], row.name) == 0;
        for (size_t k = 0; k < N_TESTS; k++) found |= strcmp(limit_tests[k].name, row.name) == 0;
        if (!found) fail_msg("limit %s has no test", row.name);
        assert_true(row.value > 0 && *row.unit && *row.beyond);
    }
}

int main(void) {
    struct CMUnitTest tests[N_TESTS + 1] = {cmocka_unit_test(test_all_rows)};
    for (size_t i = 0; i < N_TESTS; i++)
        tests[1 + i] = (struct CMUnitTest){limit_tests[i].name, test_limit, NULL, NULL,
                                           (void *)(uintptr_t)&limit_tests[i]};
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
