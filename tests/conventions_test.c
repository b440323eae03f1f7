// SPDX-License-Identifier: Apache-2.0
// Counting conventions against the numbers that the tools themselves print, by the public API
// alone: every row of tests/conventions.tsv. Usage: conventions_test TESTS [MODEL]
#include <sizeup/cost.h>
#include <sizeup/model.h>

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_ROWS = 1024, MAX_INPUTS = 64, MAX_TEXT = 1024, MAX_GRAPH = 65536 };

typedef struct row {
    const char *folder;
    int line;
    char name[256];
    char model[64], convention[64], op[64]; // op "" = the whole model
    int64_t printed, lost;
} row;

// ---- the table ---------------------------------------------------------------------------------

static void refuse(int line, const char *why) {
    fprintf(stderr, "conventions.tsv:%d: %s\n", line, why);
    exit(1);
}

static int64_t whole_number(const char *text, int line) {
    char *end;
    const int64_t n = strtoll(text, &end, 10);
    if (end == text || (*end && *end != ' ')) refuse(line, "a whole number is needed");
    return n;
}

// "batchnorm=4 bias=-2" is 2.
static int64_t parts(char *text, int line) {
    int64_t sum = 0;
    for (char *part = strtok(text, " "); part; part = strtok(NULL, " ")) {
        const char *equals = strchr(part, '=');
        if (!equals || equals == part) refuse(line, "what is lost has no name");
        sum += whole_number(equals + 1, line);
    }
    return sum;
}

static void read_row(char *text, int line, row *r) {
    char *field[4] = {NULL};
    size_t n = 0;
    for (char *f = text; f && n < 4; n++) {
        field[n] = f;
        f = strchr(f, '\t');
        if (f) *f++ = '\0';
    }
    if (n < 3) refuse(line, "model, convention and number are needed");
    char *op = strchr(field[1], ':');
    if (op) *op++ = '\0';
    r->line = line;
    snprintf(r->model, sizeof r->model, "%s", field[0]);
    snprintf(r->convention, sizeof r->convention, "%s", field[1]);
    snprintf(r->op, sizeof r->op, "%s", op ? op : "");
    snprintf(r->name, sizeof r->name, "%s %s %s", r->model, r->convention, r->op);
    r->printed = whole_number(field[2], line);
    r->lost = n == 4 ? parts(field[3], line) : 0;
}

static size_t read_rows(const char *folder, const char *only, row *rows) {
    char path[MAX_TEXT], text[MAX_TEXT];
    snprintf(path, sizeof path, "%s/conventions.tsv", folder);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t n = 0;
    for (int line = 1; fgets(text, sizeof text, f); line++) {
        text[strcspn(text, "\n")] = '\0';
        if (*text == '#' || *text == '\0') continue;
        if (n == MAX_ROWS) refuse(line, "too many rows");
        read_row(text, line, &rows[n]);
        rows[n].folder = folder;
        if (!only || strcmp(only, rows[n].model) == 0) n++;
    }
    fclose(f);
    return n;
}

// ---- models ------------------------------------------------------------------------------------

static sz_status load_text(sz_ctx *ctx, const row *r, sz_model **ret_model) {
    static char text[MAX_GRAPH];
    char path[MAX_TEXT];
    snprintf(path, sizeof path, "%s/conventions/%s", r->folder, r->model);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    assert_true(feof(f));
    fclose(f);
    text[n] = '\0';
    return sz_model_parse(ctx, text, NULL, ret_model);
}

// Input shapes of a reference; those of the net's plain export where a variant has none.
static json_t *reference_inputs(const row *r) {
    for (size_t length = strlen(r->model) - strlen(".onnx"); length;) {
        char path[MAX_TEXT];
        snprintf(path, sizeof path, "%s/models/truth/%.*s.json", r->folder, (int)length, r->model);
        json_t *truth = json_load_file(path, 0, NULL);
        json_t *inputs = json_object_get(json_object_get(truth, "reference"), "inputs");
        json_incref(inputs);
        json_decref(truth);
        if (inputs) return inputs;
        do {
            length--;
        } while (length && r->model[length] != '.');
    }
    return NULL;
}

static sz_status load_onnx(sz_ctx *ctx, const row *r, sz_model **ret_model) {
    static char text[MAX_INPUTS][MAX_TEXT];
    const char *option[MAX_INPUTS], *name;
    size_t n = 0, i;
    json_t *inputs = reference_inputs(r), *dims, *size;
    json_object_foreach(inputs, name, dims) {
        assert_true(n < MAX_INPUTS);
        int used = snprintf(text[n], MAX_TEXT, "%s=", name);
        json_array_foreach(dims, i, size) {
            used += snprintf(text[n] + used, (size_t)(MAX_TEXT - used), "%s%" JSON_INTEGER_FORMAT,
                             i ? "x" : "", json_integer_value(size));
            assert_true(used < MAX_TEXT);
        }
        option[n] = text[n];
        n++;
    }
    char path[MAX_TEXT];
    snprintf(path, sizeof path, "%s/models/%s", r->folder, r->model);
    const sz_load_options options = {.inputs = option, .n_inputs = n};
    const sz_status status = sz_model_load(ctx, path, &options, ret_model);
    json_decref(inputs);
    return status;
}

static sz_status load(sz_ctx *ctx, const row *r, sz_model **ret_model) {
    const char *end = strrchr(r->model, '.');
    return end && strcmp(end, ".graph") == 0 ? load_text(ctx, r, ret_model)
                                             : load_onnx(ctx, r, ret_model);
}

// ---- tests -------------------------------------------------------------------------------------

static int64_t count_of(const row *r, const sz_costs *costs) {
    if (!*r->op) return sz_costs_total(costs).flops;
    for (size_t i = 0; i < sz_costs_op_count(costs); i++) {
        const sz_op_cost op = sz_costs_op(costs, i);
        if (strcmp(op.op, r->op) == 0) return op.cost.flops;
    }
    return -1;
}

// Operators that are unknown would count nothing, and so could agree by accident.
static void check_coverage(const row *r, const sz_costs *costs) {
    const int64_t nodes = (int64_t)sz_costs_node_count(costs), covered = sz_costs_covered(costs);
    if (covered != nodes)
        fail_msg("line %d: %s: %" PRId64 " of %" PRId64 " nodes costed", r->line, r->name, covered,
                 nodes);
}

static void test_row(void **state) {
    const row *r = *state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    const sz_cost_options options = {.convention = r->convention};
    assert_non_null(ctx);
    if (load(ctx, r, &model) != SZ_OK || sz_costs_create(ctx, model, &options, &costs) != SZ_OK)
        fail_msg("line %d: %s: %s", r->line, r->name, sz_ctx_error(ctx));
    check_coverage(r, costs);
    const int64_t want = r->printed - r->lost, got = count_of(r, costs);
    if (got != want)
        fail_msg("line %d: %s: want %" PRId64 " (printed %" PRId64 ", lost %" PRId64
                 "), got %" PRId64,
                 r->line, r->name, want, r->printed, r->lost, got);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
}

// Explanations add up: the differences by operator are the difference of the totals, and each has a
// reason.
static void check_explanation(const char *ours, const char *theirs, sz_ctx *ctx,
                              const sz_model *model) {
    sz_explanation *x = NULL;
    int64_t sum = 0, our_total, their_total;
    if (sz_explain(ctx, model, ours, theirs, &x) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    for (size_t i = 0; i < sz_explanation_count(x); i++) {
        const sz_difference d = sz_explanation_get(x, i);
        sum += d.theirs - d.ours;
        if (!d.why || !*d.why) fail_msg("%s against %s: no reason for %s", ours, theirs, d.op);
    }
    sz_explanation_totals(x, &our_total, &their_total);
    assert_int_equal(sum, their_total - our_total);
    sz_explanation_destroy(x);
}

static void test_explain(void **state) {
    const row *r = *state;
    sz_convention_row a, b;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    assert_non_null(ctx);
    if (load(ctx, r, &model) != SZ_OK) fail_msg("%s: %s", r->model, sz_ctx_error(ctx));
    for (size_t i = 0; sz_list_convention(i, &a); i++)
        for (size_t k = 0; sz_list_convention(k, &b); k++)
            check_explanation(a.name, b.name, ctx, model);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
    static row rows[MAX_ROWS];
    static row explained[] = {{.model = "resnet18.bn.onnx", .name = "explain resnet18.bn"},
                              {.model = "operators.graph", .name = "explain operators"},
                              {.model = "xla_loop.graph", .name = "explain loop"}};
    static struct CMUnitTest tests[MAX_ROWS + 3];
    if (argc < 2) {
        fprintf(stderr, "usage: conventions_test TESTS [MODEL]\n");
        return 2;
    }
    size_t n = read_rows(argv[1], argc > 2 ? argv[2] : NULL, rows);
    if (n == 0) {
        fprintf(stderr, "no rows in '%s/conventions.tsv'\n", argv[1]);
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name, .test_func = test_row,
                                       .initial_state = &rows[i]};
    for (size_t i = 0; argc == 2 && i < sizeof explained / sizeof *explained; i++) {
        explained[i].folder = argv[1];
        tests[n++] = (struct CMUnitTest){.name = explained[i].name, .test_func = test_explain,
                                         .initial_state = &explained[i]};
    }
    return _cmocka_run_group_tests("conventions", tests, n, NULL, NULL) != 0;
}
