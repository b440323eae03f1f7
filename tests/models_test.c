// SPDX-License-Identifier: Apache-2.0
// Golden counts of real exports: every tests/models/truth/NAME.json with a reference against the
// count of tests/models/NAME.onnx, and the same in tests/models/extra, by the public API alone.
// Usage: models_test TESTS [NAME...]
//
// The reference took each intermediate's shape from a real run, so it owes nothing to shape
// inference. All mismatches of a model are printed, not only the first.
#include <sizeup/cost.h>
#include <sizeup/model.h>

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_MODELS = 256, MAX_INPUTS = 64, MAX_TEXT = 1024 };

typedef struct model_case {
    char folder[MAX_TEXT], name[256];
    json_t *truth;
    int mismatches;
} model_case;

static void mismatch(model_case *c, const char *what, int64_t want, int64_t got) {
    print_error("%s: %s: want %" PRId64 ", got %" PRId64 "\n", c->name, what, want, got);
    c->mismatches++;
}

static int64_t number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

// "name=1x3x224x224" for an input of the reference; "name=" for a scalar.
static void shape_option(const char *name, const json_t *dims, char *ret_text) {
    int used = snprintf(ret_text, MAX_TEXT, "%s=", name);
    size_t i;
    json_t *dim;
    json_array_foreach(dims, i, dim) {
        used += snprintf(ret_text + used, (size_t)(MAX_TEXT - used), "%s%" JSON_INTEGER_FORMAT,
                         i ? "x" : "", json_integer_value(dim));
        assert_true(used < MAX_TEXT);
    }
}

static sz_status load(sz_ctx *ctx, const model_case *c, const json_t *inputs,
                      sz_model **ret_model) {
    static char text[MAX_INPUTS][MAX_TEXT];
    const char *option[MAX_INPUTS];
    size_t n = 0;
    const char *name;
    json_t *dims;
    json_object_foreach((json_t *)inputs, name, dims) {
        assert_true(n < MAX_INPUTS);
        shape_option(name, dims, text[n]);
        option[n] = text[n];
        n++;
    }
    char path[2 * MAX_TEXT];
    snprintf(path, sizeof path, "%s/%s.onnx", c->folder, c->name);
    const sz_load_options options = {.inputs = option, .n_inputs = n};
    return sz_model_load(ctx, path, &options, ret_model);
}

// Parameters are comparable where all weights are floats: the reference counts only those, the
// program also counts quantized ones. Integers of shape operands are no weights for either.
static int weights_are_float(const json_t *reference) {
    static const char *const quantized[] = {"INT8", "UINT8", "INT4", "UINT4", "INT32"};
    const json_t *by_type = json_object_get(reference, "initializer_elems_by_type");
    for (size_t i = 0; i < sizeof quantized / sizeof *quantized; i++)
        if (json_object_get(by_type, quantized[i])) return 0;
    return 1;
}

// The node of a name in the reference: its own, or that of its first output where it has none.
static int find_node(const sz_costs *costs, const char *name, sz_node_cost *ret_node) {
    for (int by_output = 0; by_output < 2; by_output++)
        for (size_t i = 0; i < sz_costs_node_count(costs); i++) {
            const sz_node_cost node = sz_costs_node(costs, i);
            const char *candidate = node.name;
            if (by_output)
                candidate = node.n_outputs ? sz_costs_node_output(costs, i, 0).name : NULL;
            if (!candidate || strcmp(candidate, name) != 0) continue;
            *ret_node = node;
            return 1;
        }
    return 0;
}

static int is_shape(const sz_port *port, const json_t *dims) {
    if (port->rank < 0 || (size_t)port->rank != json_array_size(dims)) return 0;
    for (int i = 0; i < port->rank; i++)
        if (port->dims[i] != json_integer_value(json_array_get(dims, (size_t)i))) return 0;
    return 1;
}

static void check_shape(model_case *c, const sz_port *port, const json_t *dims) {
    if (is_shape(port, dims)) return;
    char *want = json_dumps(dims, JSON_COMPACT | JSON_ENCODE_ANY);
    print_error("%s: shape of '%s': want %s, got %s\n", c->name, port->name, want, port->shape);
    free(want);
    c->mismatches++;
}

// "shapes" of the reference: those of all values that nodes make, by name.
static void check_shapes(model_case *c, const json_t *reference, const sz_costs *costs) {
    const json_t *shapes = json_object_get(reference, "shapes");
    size_t found = 0;
    for (size_t i = 0; shapes && i < sz_costs_node_count(costs); i++)
        for (size_t o = 0; o < sz_costs_node(costs, i).n_outputs; o++) {
            const sz_port port = sz_costs_node_output(costs, i, o);
            const json_t *dims = json_object_get(shapes, port.name);
            if (!dims) continue;
            check_shape(c, &port, dims);
            found++;
        }
    if (found != json_object_size(shapes))
        mismatch(c, "values with a shape", (int64_t)json_object_size(shapes), (int64_t)found);
}

// [name, op, macs, [shape of output 0]] against the node of that name.
static void check_node(model_case *c, const sz_costs *costs, const json_t *row) {
    const char *name = json_string_value(json_array_get(row, 0));
    const int64_t want = json_integer_value(json_array_get(row, 2));
    if (!name || !*name) return;
    sz_node_cost node;
    char what[MAX_TEXT];
    snprintf(what, sizeof what, "macs of node '%s' (%s)", name,
             json_string_value(json_array_get(row, 1)));
    if (!find_node(costs, name, &node)) {
        print_error("%s: %s: no such node\n", c->name, what);
        c->mismatches++;
    } else if (node.cost.macs != want) {
        mismatch(c, what, want, node.cost.macs);
    }
}

static void check_costs(model_case *c, const json_t *reference, const sz_costs *costs) {
    const sz_cost total = sz_costs_total(costs);
    const int64_t macs = number(reference, "macs");
    const int64_t params = number(reference, "float_elems_incl_constants");
    const int64_t peak = number(reference, "peak_activation_bytes");
    const int64_t got_peak = sz_costs_activations(costs).peak_bytes;
    if (total.macs != macs) mismatch(c, "macs", macs, total.macs);
    if (weights_are_float(reference) && total.params != params)
        mismatch(c, "params", params, total.params);
    const json_t *quantized = json_object_get(reference, "params"); // quantized weights too
    if (quantized && total.params != json_integer_value(quantized))
        mismatch(c, "params", json_integer_value(quantized), total.params);
    if (got_peak != peak) mismatch(c, "peak_activation_bytes", peak, got_peak);
    const json_t *rows = json_object_get(reference, "macs_per_node");
    const size_t listed = json_array_size(rows);
    for (size_t i = 0; i < listed; i++) check_node(c, costs, json_array_get(rows, i));
    // Whatever has MACs in the program must be in the reference's list too: sums could hide it.
    size_t with_macs = 0;
    for (size_t i = 0; i < sz_costs_node_count(costs); i++)
        with_macs += sz_costs_node(costs, i).cost.macs != 0;
    if (with_macs != listed)
        mismatch(c, "nodes with macs", (int64_t)listed, (int64_t)with_macs);
}

static void test_model(void **state) {
    model_case *c = *state;
    const json_t *reference = json_object_get(c->truth, "reference");
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    assert_non_null(ctx);
    if (load(ctx, c, json_object_get(reference, "inputs"), &model) != SZ_OK ||
        sz_costs_create(ctx, model, NULL, &costs) != SZ_OK) {
        print_error("%s: %s\n", c->name, sz_ctx_error(ctx));
        c->mismatches++;
    } else {
        check_costs(c, reference, costs);
        check_shapes(c, reference, costs);
    }
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    sz_ctx_clear(ctx); // warnings are kept until then
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
    assert_int_equal(c->mismatches, 0);
}

static int wanted(const char *name, char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return 1;
    return n == 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const model_case *)a)->name, ((const model_case *)b)->name);
}

// Adds the truths with a reference below TESTS/models/`below` to `cases`; how many there are now.
static size_t read_cases(const char *below, const char *tests, char *const *names, int n_names,
                         model_case *cases, size_t n) {
    char folder[MAX_TEXT], path[2 * MAX_TEXT];
    snprintf(folder, sizeof folder, "%s/models%s", tests, below);
    snprintf(path, sizeof path, "%s/truth", folder);
    DIR *dir = opendir(path);
    if (!dir) return n;
    for (struct dirent *entry; n < MAX_MODELS && (entry = readdir(dir));) {
        const size_t length = strlen(entry->d_name);
        if (length < 6 || strcmp(entry->d_name + length - 5, ".json") != 0) continue;
        model_case *c = &cases[n];
        snprintf(c->folder, sizeof c->folder, "%s", folder);
        snprintf(c->name, sizeof c->name, "%.*s", (int)(length - 5), entry->d_name);
        if (!wanted(c->name, names, n_names)) continue;
        snprintf(path, sizeof path, "%s/truth/%s", folder, entry->d_name);
        json_error_t error;
        c->truth = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
        if (!c->truth) {
            fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
            exit(1);
        }
        if (json_is_object(json_object_get(c->truth, "reference"))) n++;
        else json_decref(c->truth);
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv) {
    static model_case cases[MAX_MODELS];
    static struct CMUnitTest tests[MAX_MODELS];
    if (argc < 2) {
        fprintf(stderr, "usage: models_test TESTS [NAME...]\n");
        return 2;
    }
    size_t n = read_cases("", argv[1], argv + 2, argc - 2, cases, 0);
    n = read_cases("/extra", argv[1], argv + 2, argc - 2, cases, n);
    qsort(cases, n, sizeof *cases, by_name);
    if (n == 0) {
        fprintf(stderr, "no models with a reference below '%s'\n", argv[1]);
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name, .test_func = test_model,
                                       .initial_state = &cases[i]};
    const int failed = _cmocka_run_group_tests("models", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++) json_decref(cases[i].truth);
    return failed != 0;
}
