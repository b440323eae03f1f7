// SPDX-License-Identifier: Apache-2.0
// Loading a model: import, bind free dimensions, verify, resolve, infer.
#include "model/bind.h"
#include "model/export/export.h"
#include "model/graph/allowance.h"
#include "model/import/import.h"
#include "model/nets/nets.h"
#include "model/ops/ops.h"
#include "os/source.h"

#include <sizeup/optimize.h>

#include <stdio.h>

static const sz_load_options no_options;

static sz_status prepare(sz_graph *g, const sz_load_options *options) {
    SZ_TRY(sz_bind(g, options));
    SZ_TRY(sz_graph_verify(g));
    SZ_TRY(sz_ops_resolve(g));
    return sz_ops_infer(g);
}

// Takes the graph over, also on failure. `used` bytes were in use before it.
static sz_status finish(sz_ctx *ctx, sz_graph *g, const sz_load_options *options, size_t used,
                        sz_model **ret_model) {
    sz_status status = prepare(g, options ? options : &no_options);
    sz_model *m = status == SZ_OK ? sz_alloc(ctx, sizeof *m) : NULL;
    if (status == SZ_OK && !m) status = sz_no_memory(ctx);
    if (status != SZ_OK) {
        sz_graph_destroy(g);
        return status;
    }
    *m = (sz_model){.ctx = ctx, .graph = g, .memory = sz_ctx_memory_used(ctx) - used};
    *ret_model = m;
    return SZ_OK;
}

// The same with the name that was asked for; the rest is placed under it, as a `kind`.
static sz_status finish_named(sz_ctx *ctx, sz_graph *g, const char *kind, const char *name,
                              const sz_load_options *options, size_t used, sz_model **ret_model) {
    g->path = sz_arena_strdup(g->arena, name, strlen(name));
    if (!g->path) {
        sz_graph_destroy(g);
        return sz_no_memory(ctx);
    }
    sz_status status = finish(ctx, g, options, used, ret_model);
    return status == SZ_OK ? SZ_OK : sz_place(ctx, status, "%s '%s'", kind, name);
}

// `source` is taken over. The importer names the file in its messages. The limit that it sets holds
// until the model is ready.
static sz_status read_source(sz_ctx *ctx, sz_source *source, const char *name,
                             const sz_load_options *options, sz_model **ret_model) {
    const size_t used = sz_ctx_memory_used(ctx);
    sz_graph *g = NULL;
    SZ_TRY(sz_import(ctx, source, options ? options->format : NULL, &g));
    return finish_named(ctx, g, "file", name, options, used, ret_model);
}

// As the options ask for. A model that can't be optimized is none.
static sz_status optimize(sz_ctx *ctx, const sz_load_options *options, sz_model **model) {
    if (!options || !options->optimize) return SZ_OK;
    sz_status status = sz_model_optimize(ctx, *model, options->optimize);
    if (status == SZ_OK) return SZ_OK;
    sz_model_destroy(*model);
    *model = NULL;
    return status;
}

static sz_status load(sz_ctx *ctx, sz_source *source, const char *name,
                      const sz_load_options *options, sz_model **ret_model) {
    sz_status status = read_source(ctx, source, name, options, ret_model);
    sz_ctx_set_job_limit(ctx, 0);
    return status == SZ_OK ? optimize(ctx, options, ret_model) : status;
}

// A net by its hyper-parameters: no file, and so no limit by the size of one.
static sz_status load_net(sz_ctx *ctx, const char *spec, const sz_load_options *options,
                          sz_model **ret_model) {
    const size_t used = sz_ctx_memory_used(ctx);
    sz_graph *g = NULL;
    SZ_TRY(sz_net_build(ctx, spec, &g));
    SZ_TRY(finish_named(ctx, g, "net", spec, options, used, ret_model));
    return optimize(ctx, options, ret_model);
}

// A folder stands for the model in it, by the names that such files have.
static sz_status load_folder(sz_ctx *ctx, const char *path, const sz_load_options *options,
                             sz_model **ret_model) {
    static const char *const names[] = {"model.safetensors.index.json", "model.safetensors",
                                        "config.json"};
    const size_t size = strlen(path) + 64;
    sz_source *source = NULL;
    char *name = sz_alloc(ctx, size);
    if (!name) return sz_no_memory(ctx);
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) {
        snprintf(name, size, "%s/%s", path, names[i]);
        found = sz_source_exists(name);
    }
    const bool is_net = !found && sz_net_is_spec(path); // a folder of any things, named as a family
    sz_status status = SZ_OK;
    // Of a folder as such it says what that is.
    if (!is_net) status = sz_source_open(ctx, found ? name : path, &source);
    if (status == SZ_OK)
        status = is_net ? load_net(ctx, path, options, ret_model)
                        : load(ctx, source, name, options, ret_model);
    sz_free(ctx, name, size);
    return status;
}

sz_status sz_model_load(sz_ctx *ctx, const char *path, const sz_load_options *options,
                        sz_model **ret_model) {
    sz_source *source;
    if (sz_net_is_spec(path) && !sz_source_exists(path))
        return load_net(ctx, path, options, ret_model);
    if (sz_source_is_folder(path)) return load_folder(ctx, path, options, ret_model);
    SZ_TRY(sz_source_open(ctx, path, &source));
    return load(ctx, source, path, options, ret_model);
}

sz_status sz_model_load_memory(sz_ctx *ctx, const char *name, const void *bytes, size_t size,
                               const sz_load_options *options, sz_model **ret_model) {
    sz_source *source;
    SZ_TRY(sz_source_from_memory(ctx, name, bytes, size, &source));
    return load(ctx, source, name, options, ret_model);
}

sz_status sz_model_parse(sz_ctx *ctx, const char *text, const sz_load_options *options,
                         sz_model **ret_model) {
    const size_t used = sz_ctx_memory_used(ctx), len = strlen(text);
    sz_graph *g;
    sz_ctx_set_job_limit(ctx, used + sz_allowance(len));
    sz_status status = sz_graph_parse(ctx, text, len, &g);
    if (status == SZ_OK) {
        g->header_bytes = len;
        status = finish(ctx, g, options, used, ret_model);
    }
    sz_ctx_set_job_limit(ctx, 0);
    return status == SZ_OK ? optimize(ctx, options, ret_model) : status;
}

void sz_model_destroy(sz_model *model) {
    if (!model) return;
    sz_graph_destroy(model->graph);
    sz_free(model->ctx, model, sizeof *model);
}

const char *sz_model_text(sz_model *model) {
    if (!model->text && sz_graph_print(model->graph, &model->text) != SZ_OK) return NULL;
    return model->text;
}

// ---- facts -------------------------------------------------------------------------------------

static const char *text_of(const sz_model *m, sz_str s) {
    const char *shown = s.p ? sz_show(m->ctx, s) : "";
    const char *copy = sz_arena_strdup(m->graph->arena, shown, strlen(shown));
    return copy ? copy : "";
}

const char *sz_model_path(const sz_model *m) { return m->graph->path ? m->graph->path : ""; }
const char *sz_model_format(const sz_model *m) { return text_of(m, m->graph->format); }
const char *sz_model_producer(const sz_model *m) { return text_of(m, m->graph->producer); }
int64_t sz_model_node_count(const sz_model *m) { return (int64_t)m->graph->nodes.n; }

size_t sz_model_input_count(const sz_model *m) { return m->graph->inputs.n; }
sz_port sz_model_input(const sz_model *m, size_t i) {
    return sz_graph_port(m->graph, m->graph->inputs.items[i]);
}
size_t sz_model_output_count(const sz_model *m) { return m->graph->outputs.n; }
sz_port sz_model_output(const sz_model *m, size_t i) {
    return sz_graph_port(m->graph, m->graph->outputs.items[i]);
}

// The i-th symbol that is free.
static const sz_symbol *free_symbol(const sz_model *m, size_t i) {
    for (size_t k = 0; k < m->graph->symbols.n; k++) {
        const sz_symbol *s = &m->graph->symbols.items[k];
        if (s->bound < 0 && s->input != SZ_NONE && i-- == 0) return s;
    }
    return NULL;
}

size_t sz_model_symbol_count(const sz_model *m) {
    size_t n = 0;
    while (free_symbol(m, n)) n++;
    return n;
}

const char *sz_model_symbol(const sz_model *m, size_t i, const char **ret_input) {
    const sz_symbol *s = free_symbol(m, i);
    if (ret_input) *ret_input = s ? text_of(m, sz_graph_value(m->graph, s->input)->name) : "";
    return s ? text_of(m, s->name) : "";
}

// ---- tables ------------------------------------------------------------------------------------

int sz_list_format(size_t i, sz_format_row *ret_row) {
    if (i >= (size_t)sz_importer_count()) return 0;
    const sz_importer *m = sz_importer_get((int32_t)i);
    *ret_row = (sz_format_row){m->name, m->extensions, m->what};
    return 1;
}

int sz_list_op(size_t i, sz_op_row *ret_row) {
    if (i >= (size_t)sz_op_count()) return 0;
    const sz_op *op = sz_op_get((int32_t)i);
    *ret_row = (sz_op_row){*op->domain ? op->domain : "ai.onnx", op->name, sz_kind_name(op->kind),
                           op->since, sz_op_is_costed(op)};
    return 1;
}

int sz_list_net(size_t i, sz_net_row *ret_row) {
    const sz_net_family *f = sz_net_family_get(i);
    if (!f) return 0;
    *ret_row = (sz_net_row){f->name, f->what, f->is_net};
    return 1;
}

int sz_list_net_param(size_t i, size_t k, sz_net_param_row *ret_row) {
    const sz_net_family *f = sz_net_family_get(i);
    const sz_net_param *p = f ? sz_net_param_get(f, k) : NULL;
    if (!p) return 0;
    const bool many = p->words == sz_net_numbers;
    *ret_row = (sz_net_param_row){.name = p->name,
                                  .min = p->min,
                                  .max = p->max,
                                  .words = many ? NULL : p->words,
                                  .many = many,
                                  .what = p->doc};
    sz_net_param_default(p, ret_row->usual, sizeof ret_row->usual);
    return 1;
}

sz_status sz_model_write_onnx(sz_model *m, sz_buf *buf) {
    return sz_export_onnx(m->graph, NULL, buf);
}
