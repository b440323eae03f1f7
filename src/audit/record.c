// SPDX-License-Identifier: Apache-2.0
// From a record to the model that it is of, and to what was to be expected of it.
#include "audit/audit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <sizeup/optimize.h>

#include "store/value.h"

static double number(const json_t *root, const char *path) {
    const json_t *v = sz_value_at(root, path);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

// ---- what the record was measured with ---------------------------------------------------------

sz_audit_wants sz_audit_wants_of(const sz_bench_set *set, size_t record) {
    const sz_bench *b = sz_bench_set_get(set, record);
    const int64_t threads = b->ran_as.threads;
    return (sz_audit_wants){b->ran_as.backend, b->ran_as.dtype,
                            threads > 0 && threads < 100000 ? (int)threads : 1};
}

static sz_status check(const sz_audit *a) {
    const char *mode = sz_value_text(a->record, "settings.mode");
    const char *error = sz_value_text(a->record, "error");
    if (error)
        return sz_fail(a->ctx, SZ_ERR_UNAVAILABLE, "it was not measured: %s",
                       sz_show(a->ctx, sz_str_c(error)));
    if (mode && strcmp(mode, "inference") != 0)
        return sz_fail(a->ctx, SZ_ERR_UNAVAILABLE, "it is of %s, and inference alone is predicted",
                       sz_show(a->ctx, sz_str_c(mode)));
    if (number(a->record, "settings.streams") > 1)
        return sz_fail(a->ctx, SZ_ERR_UNAVAILABLE,
                       "its streams ran side by side: layers are compared for one stream");
    if (isnan(a->bench->layers_sum_s) && !a->options.whole)
        return sz_fail(a->ctx, SZ_ERR_UNAVAILABLE,
                       "it has no times of layers: 'sizeup bench ... --layers' measures them");
    return SZ_OK;
}

// ---- the model ---------------------------------------------------------------------------------

typedef struct loading {
    sz_audit *a;
    const json_t *spec;
    sz_load_options load;
    const char **binds, **inputs;
} loading;

static const char *keep(sz_audit *a, const char *text) {
    return sz_arena_strdup(&a->arena, text, strlen(text));
}

static void put_value(sz_buf *buf, const char *key, const json_t *v) {
    if (json_is_string(v))
        sz_buf_printf(buf, "%s=%s", key, json_string_value(v));
    else
        sz_buf_printf(buf, "%s=%lld", key, (long long)json_integer_value(v));
}

static const char *take(sz_audit *a, sz_buf *buf) {
    const char *text = sz_buf_status(buf) == SZ_OK
                           ? sz_arena_strdup(&a->arena, buf->data ? buf->data : "", buf->size)
                           : NULL;
    buf->size = 0;
    return text;
}

// "gemm:m=1,n=2" of {"kind":"gemm","m":1,"n":2}.
static const char *name_family(sz_audit *a, const json_t *spec, const char *kind) {
    const char *key;
    json_t *v;
    sz_buf buf;
    bool first = true;
    sz_buf_init(&buf, a->ctx);
    sz_buf_puts(&buf, kind);
    json_object_foreach((json_t *)(uintptr_t)spec, key, v) {
        if (strcmp(key, "kind") == 0) continue;
        sz_buf_putc(&buf, first ? ':' : ',');
        put_value(&buf, key, v);
        first = false;
    }
    const char *name = take(a, &buf);
    sz_buf_finish(&buf);
    return name;
}

// `batch` binds the free dimension that the inputs begin with, whatever its name.
static const char *name_batch(const sz_model *m) {
    const char *symbol;
    for (size_t s = 0; s < sz_model_symbol_count(m); s++)
        if (strcmp(sz_model_symbol(m, s, NULL), "batch") == 0) return "batch";
    for (size_t i = 0; i < sz_model_input_count(m); i++) {
        const sz_port p = sz_model_input(m, i);
        for (size_t s = 0; p.rank > 0 && p.dims[0] < 0 && s < sz_model_symbol_count(m); s++) {
            symbol = sz_model_symbol(m, s, NULL);
            const size_t n = strlen(symbol);
            if (strncmp(p.shape, symbol, n) == 0 && (p.shape[n] == 'x' || !p.shape[n]))
                return symbol;
        }
    }
    return "batch";
}

static sz_status add_bind(loading *l, const char *path, const char *key, const json_t *v) {
    sz_buf buf;
    sz_model *m = NULL;
    sz_buf_init(&buf, l->a->ctx);
    if (strcmp(key, "batch") == 0) {
        const sz_load_options o = {
            .inputs = l->load.inputs, .n_inputs = l->load.n_inputs, .allow_symbols = 1};
        SZ_TRY(sz_model_load(l->a->ctx, path, &o, &m));
        key = name_batch(m);
    }
    put_value(&buf, key, v);
    l->binds[l->load.n_binds] = take(l->a, &buf);
    const bool has = l->binds[l->load.n_binds++] != NULL;
    sz_model_destroy(m);
    sz_buf_finish(&buf);
    return has ? SZ_OK : sz_no_memory(l->a->ctx);
}

static sz_status read_inputs(loading *l) {
    const json_t *inputs = json_object_get(l->spec, "inputs");
    const size_t n = json_array_size(inputs);
    l->inputs = sz_arena_array(&l->a->arena, n + 1, sizeof *l->inputs);
    if (!l->inputs) return sz_no_memory(l->a->ctx);
    l->load.inputs = l->inputs;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(inputs, i));
        if (text) l->inputs[l->load.n_inputs++] = text;
    }
    return SZ_OK;
}

static sz_status read_binds(loading *l, const char *path) {
    const char *key;
    json_t *v;
    l->binds = sz_arena_array(&l->a->arena, json_object_size(l->spec) + 1, sizeof *l->binds);
    if (!l->binds) return sz_no_memory(l->a->ctx);
    json_object_foreach((json_t *)(uintptr_t)l->spec, key, v) {
        const bool is_what = strcmp(key, "kind") == 0 || strcmp(key, "model") == 0 ||
                             strcmp(key, "inputs") == 0;
        if (!is_what) SZ_TRY(add_bind(l, path, key, v));
    }
    l->load.binds = l->binds;
    return SZ_OK;
}

// A library that has a recipe runs nets as it says.
static const char *recipe_of(const sz_audit *a) {
    const char *backend = a->bench->ran_as.backend;
    sz_recipe_row row;
    if (a->options.calibration) return sz_calibration_about(a->options.calibration).recipe;
    for (size_t i = 0; backend && sz_list_recipe(i, &row); i++)
        if (strcmp(row.name, backend) == 0) return keep((sz_audit *)(uintptr_t)a, backend);
    return NULL;
}

static sz_status load_model(sz_audit *a, const sz_optimize_options *optimize) {
    loading l = {.a = a, .spec = json_object_get(a->record, "spec")};
    const char *kind = sz_value_text(a->record, "spec.kind");
    const bool is_file = kind && strcmp(kind, "model") == 0;
    const char *path = is_file ? sz_value_text(a->record, "spec.model")
                       : kind  ? name_family(a, l.spec, kind)
                               : NULL;
    if (is_file && a->options.model) path = a->options.model;
    if (!path)
        return sz_fail(a->ctx, SZ_ERR_INPUT, "it does not say what was run: 'spec' has no model");
    if (is_file) {
        SZ_TRY(read_inputs(&l));
        SZ_TRY(read_binds(&l, path));
    }
    l.load.optimize = optimize;
    return sz_model_load(a->ctx, path, &l.load, &a->model);
}

static sz_status load(sz_audit *a) {
    const sz_optimize_options optimize = {.recipe = recipe_of(a)};
    SZ_TRY(load_model(a, optimize.recipe ? &optimize : NULL));
    return sz_costs_create(a->ctx, a->model, NULL, &a->costs);
}

sz_status sz_audit_model(sz_ctx *ctx, const sz_bench_set *set, size_t record, const char *model,
                         const sz_optimize_options *optimize, sz_model **ret_model) {
    const char *text = sz_bench_set_text(set, record);
    sz_audit *a = sz_alloc(ctx, sizeof *a);
    if (!a) return sz_no_memory(ctx);
    a->ctx = ctx, a->set = set, a->index = record, a->options.model = model;
    a->bench = sz_bench_set_get(set, record);
    sz_arena_init(&a->arena, ctx);
    sz_status status = sz_value_parse(ctx, text, strlen(text), &a->record);
    if (status == SZ_OK) status = load_model(a, optimize);
    if (status == SZ_OK) *ret_model = a->model, a->model = NULL;
    sz_audit_destroy(a);
    return status;
}

// ---- the prediction ----------------------------------------------------------------------------

static sz_status copy_machine(sz_audit *a) {
    sz_buf text;
    sz_buf_init(&text, a->ctx);
    sz_status status = sz_machine_json(a->ctx, a->options.machine, &text);
    if (status == SZ_OK)
        status = sz_machine_parse(a->ctx, sz_machine_identity(a->options.machine).name, text.data,
                                  text.size, &a->machine);
    sz_buf_finish(&text);
    return status;
}

static void warn_other_machine(const sz_audit *a) {
    const char *there = sz_value_text(a->record, "machine.fingerprint");
    const sz_identity id = sz_machine_identity(a->machine);
    if (there && id.fingerprint && strcmp(there, id.fingerprint) != 0)
        sz_warn(a->ctx, "measured on another machine than '%s', for which it is predicted",
                id.name);
}

// A library that takes a net whole may have been asked for another format than the file's.
static const char *asked_format(const sz_audit *a) {
    static const char *const floats[] = {"f64", "f32", "f16", "bf16"};
    const char *ran = a->bench->ran_as.dtype;
    if (!ran || !sz_value_text(a->record, "settings.dtype")) return NULL;
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        if (strcmp(ran, floats[i]) == 0) return floats[i];
    return NULL;
}

sz_status sz_audit_predict(sz_audit *a) {
    const sz_audit_options *o = &a->options;
    const sz_predict_options how = {.level = o->level         ? o->level
                                             : o->calibration ? "calibrated"
                                                              : "roofline",
                                    .dtype = asked_format(a),
                                    .threads = sz_audit_wants_of(a->set, a->index).threads,
                                    .calibration = o->calibration,
                                    .other = o->other};
    SZ_TRY(check(a));
    SZ_TRY(copy_machine(a));
    SZ_TRY(load(a));
    warn_other_machine(a);
    return sz_estimate_create(a->ctx, a->costs, a->machine, &how, &a->estimate);
}
