// SPDX-License-Identifier: Apache-2.0
// Rows of the limits table that are of XML, OpenVINO IR and StableHLO text: one below, at and one
// above. The texts are refused for other reasons too; looked at is whether it is for the row's.
#include <sizeup/limits.h>
#include <sizeup/model.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_FILE = 4 << 20, MAX_PART = 512 };

// A text that grows.
typedef struct text {
    char *bytes;
    size_t size;
} text;

static void put(text *t, const char *part) {
    const size_t n = strlen(part);
    assert_true(t->size + n < MAX_FILE);
    memcpy(t->bytes + t->size, part, n + 1);
    t->size += n;
}

// n times, with its number where `part` says %d.
static void repeat(text *t, int64_t n, const char *part) {
    const char *mark = strstr(part, "%d");
    const int before = mark ? (int)(mark - part) : (int)strlen(part);
    char one[MAX_PART];
    for (int64_t i = 0; i < n; i++) {
        if (mark)
            snprintf(one, sizeof one, "%.*s%lld%s", before, part, (long long)i, mark + 2);
        else
            snprintf(one, sizeof one, "%s", part);
        put(t, one);
    }
}

static void around(text *t, const char *head, int64_t n, const char *part, const char *tail) {
    put(t, head);
    repeat(t, n, part);
    put(t, tail);
}

// ---- XML and OpenVINO IR -----------------------------------------------------------------------

#define NET "<net name=\"n\" version=\"11\">"

static void make_text(text *t, int64_t n) { around(t, NET "<a>", n, "t", "</a></net>"); }
static void make_attributes(text *t, int64_t n) {
    around(t, "<net name=\"n\" version=\"11\"", n - 2, " a%d=\"\"", "></net>");
}
static void make_depth(text *t, int64_t n) { around(t, NET, n - 1, "<a>", ""); }

static void make_version(text *t, int64_t n) {
    char head[64];
    snprintf(head, sizeof head, "<net name=\"n\" version=\"%lld\"></net>", (long long)n);
    put(t, head);
}

static void make_ports(text *t, int64_t n) {
    around(t, NET "<layers><layer id=\"0\" name=\"a\" type=\"Concat\" version=\"opset1\"><input>",
           n, "<port id=\"1\"><dim>1</dim></port>", "</input></layer></layers></net>");
}

static void make_links(text *t, int64_t n) {
    around(t,
           NET "<layers><layer id=\"0\" name=\"a\" type=\"TensorIterator\" version=\"opset1\">"
               "<port_map>",
           n, "<input external_port_id=\"0\" internal_layer_id=\"%d\"/>",
           "</port_map><body><layers></layers></body></layer></layers></net>");
}

static void make_symbols(text *t, int64_t n) {
    around(t, NET "<layers>", n,
           "<layer id=\"%d\" name=\"x\" type=\"Parameter\" version=\"opset1\"><data shape=\"?\" "
           "element_type=\"f32\"/><output><port id=\"0\" precision=\"FP32\"><dim>-1</dim></port>"
           "</output></layer>",
           "</layers><edges></edges></net>");
}

// ---- StableHLO ---------------------------------------------------------------------------------

#define MAIN "module @m {\n  func.func public @main("
#define ARG  "%a: tensor<f32>) -> tensor<f32> {\n"

static void make_name(text *t, int64_t n) {
    around(t, MAIN ARG "    %", n, "n", " = stablehlo.abs %a : tensor<f32>\n  }\n}\n");
}
static void make_dictionary(text *t, int64_t n) {
    around(t, MAIN ARG "    %b = \"stablehlo.abs\"(%a) {", n - 1, "a%d = 1 : i64, ",
           "z = 1 : i64} : (tensor<f32>) -> tensor<f32>\n    return %b : tensor<f32>\n  }\n}\n");
}
static void make_results(text *t, int64_t n) {
    char line[96];
    snprintf(line, sizeof line, "    %%b:%lld = stablehlo.abs %%a : tensor<f32>\n  }\n}\n",
             (long long)n);
    put(t, MAIN ARG);
    put(t, line);
}
static void make_dims(text *t, int64_t n) {
    around(t, MAIN, n - 1, "%x%d: tensor<?xf32>, ",
           "%last: tensor<?xf32>) -> tensor<?xf32> {\n    return %last : tensor<?xf32>\n  }\n}\n");
}

// A function counts itself, its nodes and what they call: two calls and up to one more node make
// any number out of about half of it.
static void make_nodes(text *t, int64_t n) {
    int64_t sizes[64];
    int depth = 0;
    char line[160];
    for (sizes[0] = n; sizes[depth] > 4; depth++) sizes[depth + 1] = (sizes[depth] - 3) / 2;
    put(t, "module @m {\n");
    for (int k = 0; k <= depth; k++) {
        const int64_t rest = k == depth ? sizes[k] - 1 : (sizes[k] - 3) % 2;
        snprintf(line, sizeof line, "  func.func %s @%s%d(", k ? "private" : "public",
                 k ? "f" : "main", k);
        put(t, line);
        put(t, ARG);
        for (int i = 0; k < depth && i < 2; i++) {
            snprintf(line, sizeof line,
                     "    %%c%d = call @f%d(%%a) : (tensor<f32>) -> tensor<f32>\n", i, k + 1);
            put(t, line);
        }
        repeat(t, rest, "    %t%d = stablehlo.abs %a : tensor<f32>\n");
        put(t, "    return %a : tensor<f32>\n  }\n");
    }
    put(t, "}\n");
}

// ---- at the limits -----------------------------------------------------------------------------

static const struct {
    const char *name, *words; // of the message, or of a warning
    void (*make)(text *t, int64_t n);
} limit_tests[] = {
    {"xml-text", "a tag or text is longer than", make_text},
    {"xml-attributes", "attributes in a tag", make_attributes},
    {"xml-depth", "elements are nested deeper than", make_depth},
    {"openvino-version", "is newer than", make_version},
    {"openvino-ports", "ports with ids that do not rise", make_ports},
    {"openvino-links", "a port map of", make_links},
    {"openvino-symbols", "free dimensions", make_symbols},
    {"stablehlo-name", "a name is too long", make_name},
    {"stablehlo-attributes", "attributes", make_dictionary},
    {"stablehlo-results", "is no number of results", make_results},
    {"stablehlo-symbols", "free dimensions", make_dims},
    {"stablehlo-nodes", "nodes would run", make_nodes},
};

static bool is_said(const text *t, const char *words, char *ret_error, size_t cap) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    const sz_status status = sz_model_load_memory(ctx, "m", t->bytes, t->size, NULL, &model);
    bool found = status != SZ_OK && strstr(sz_ctx_error(ctx), words);
    for (size_t i = 0; i < sz_ctx_warning_count(ctx); i++)
        found |= strstr(sz_ctx_warning(ctx, i), words) != NULL;
    snprintf(ret_error, cap, "%s", status == SZ_OK ? "fine" : sz_ctx_error(ctx));
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
    return found;
}

static void test_limits(void **state) {
    char error[512];
    text t = {malloc(MAX_FILE), 0};
    (void)state;
    assert_non_null(t.bytes);
    for (size_t k = 0; k < sizeof limit_tests / sizeof *limit_tests; k++) {
        sz_limit_row row = {0};
        for (size_t i = 0; sz_list_limit(i, &row) && strcmp(row.name, limit_tests[k].name); i++) {
        }
        assert_string_equal(row.name, limit_tests[k].name);
        for (int d = -1; d <= 1; d++) {
            t.size = 0;
            limit_tests[k].make(&t, (int64_t)row.value + d);
            if (is_said(&t, limit_tests[k].words, error, sizeof error) != (d > 0))
                fail_msg("%s at the limit %+d: %s", row.name, d, error);
        }
    }
    free(t.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests_name("text limits", tests, NULL, NULL);
}
