// SPDX-License-Identifier: Apache-2.0
#include "run/bench/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include <sizeup/cost.h>
#include <sizeup/json.h>

#include "model/graph/model.h"
#include "model/nets/nets.h"
#include "model/train/train.h"
#include "os/source.h"
#include "run/backends/job.h"
#include "run/bench/range.h"
#include "run/bench/suite.h"

typedef struct request {
    sz_ctx *ctx;
    sz_bench_plan *plan;
    const char *base;            // family or file
    const sz_net_family *family; // NULL = a file
    sz_axis axes[SZ_MAX_AXES];
    size_t n_axes;
    sz_plan_how how;
    const char *batch; // symbol that `batch` binds; NULL = itself
    sz_map *seen;         // specs that are planned; NULL = no two can be the same
    size_t unread;        // cases whose model could not be read
    sz_status why_unread; // of the last of them
} request;

// ---- what is asked for -------------------------------------------------------------------------

static const sz_net_family *find_family(const char *name) {
    static const char *const aliases[][2] = {{"conv", "conv2d"}, {"matmul", "gemm"}};
    const sz_net_family *f;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i][0], name) == 0) name = aliases[i][1];
    for (size_t i = 0; (f = sz_net_family_get(i)); i++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

static sz_status unknown(sz_ctx *ctx, const char *name) {
    const char *names[128] = {NULL};
    const sz_net_family *f;
    size_t n = 0;
    for (; n < 96 && (f = sz_net_family_get(n)); n++) names[n] = f->name;
    for (size_t i = 0; n + 1 < 128 && i < sz_n_suites; i++) names[n++] = sz_suites[i].name;
    const char *near = sz_text_nearest(name, names);
    const char *shown = sz_show(ctx, sz_str_c(name));
    if (near)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "no file and no workload is called '%s': did you mean "
                       "'%s'?",
                       shown, near);
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "no file and no workload is called '%s'; 'sizeup list models' shows the "
                   "workloads, 'list suites' lists of them",
                   shown);
}

static sz_status read_words(request *r, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sz_axis axis;
        SZ_TRY(sz_axis_read(r->ctx, &r->plan->arena, words[i], &axis));
        for (size_t k = 0; k < r->n_axes; k++)
            if (strcmp(r->axes[k].name, axis.name) == 0)
                return sz_fail(r->ctx, SZ_ERR_USAGE, "'%s' is given twice",
                               sz_show(r->ctx, sz_str_c(axis.name)));
        if (r->n_axes == SZ_MAX_AXES)
            return sz_fail(r->ctx, SZ_ERR_USAGE, "more than %d parameters", SZ_MAX_AXES);
        r->axes[r->n_axes++] = axis;
    }
    return SZ_OK;
}

// A file goes before a family of its name, as everywhere.
static sz_status read_what(request *r, const char *what) {
    const char *colon = strchr(what, ':');
    const size_t len = colon ? (size_t)(colon - what) : strlen(what);
    const bool file = sz_source_exists(what);
    r->base = sz_arena_strdup(&r->plan->arena, what, file ? strlen(what) : len);
    if (!r->base) return sz_no_memory(r->ctx);
    if (file) return SZ_OK;
    r->family = find_family(r->base);
    if (!r->family) return unknown(r->ctx, r->base);
    r->base = r->family->name;
    if (!colon || !colon[1]) return SZ_OK;
    return sz_axes_of_spec(r->ctx, &r->plan->arena, colon + 1, r->axes, &r->n_axes);
}

static bool is_axis(const request *r, size_t k, const char *name) {
    return strcmp(r->axes[k].name, name) == 0;
}

// ---- words of a file ---------------------------------------------------------------------------

static sz_status check_formats(const request *r, const sz_axis *axis) {
    for (int64_t i = 0; i < axis->n; i++) {
        const sz_dtype_class cls = sz_dtype_get(sz_dtype_by_name(axis->values[i]))->cls;
        if (cls != SZ_CLASS_FLOAT && cls != SZ_CLASS_INT && cls != SZ_CLASS_UINT)
            return sz_fail(r->ctx, SZ_ERR_USAGE,
                           "'%s' is no format that a library can be asked for: f32, f16, bf16, "
                           "i8 ...",
                           sz_show(r->ctx, sz_str_c(axis->values[i])));
    }
    return SZ_OK;
}

static bool has_shape(const request *r, const char *input) {
    const size_t n = strlen(input);
    for (size_t i = 0; i < r->how.n_inputs; i++)
        if (strncmp(r->how.inputs[i], input, n) == 0 && r->how.inputs[i][n] == '=') return true;
    return false;
}

// The one free dimension that inputs begin with; those with a fixed one, or a shape that is given,
// do not count.
static sz_status first_dimension(request *r, const sz_model *m, const sz_symbol **ret_symbol) {
    const sz_graph *g = m->graph;
    const sz_symbol *found = NULL;
    for (size_t i = 0; i < g->inputs.n; i++) {
        const sz_type *t = &sz_graph_value(g, g->inputs.items[i])->type;
        const sz_port port = sz_model_input(m, i);
        if (t->kind != SZ_TYPE_TENSOR || t->rank < 1 || has_shape(r, port.name)) continue;
        if (t->dims[0] > SZ_DIM_SYMBOL(0)) continue;
        const sz_symbol *s = &g->symbols.items[SZ_SYMBOL_OF(t->dims[0])];
        if (found && found != s)
            return sz_fail(r->ctx, SZ_ERR_USAGE,
                           "inputs begin with different free dimensions, '%s' and '%s': bind each "
                           "by its name instead of 'batch'",
                           sz_show(r->ctx, found->name), sz_show(r->ctx, s->name));
        found = s;
    }
    *ret_symbol = found;
    return SZ_OK;
}

static sz_status no_batch(const request *r, const sz_model *m) {
    if (sz_model_input_count(m) == 0)
        return sz_fail(r->ctx, SZ_ERR_USAGE, "'%s' has no inputs, so it has no batch",
                       sz_show(r->ctx, sz_str_c(r->base)));
    const sz_port in = sz_model_input(m, 0);
    return sz_fail(r->ctx, SZ_ERR_USAGE,
                   "the batch of '%s' can't be chosen: its input '%s' is %s, and no input begins "
                   "with a free dimension; export it with one, or give the whole shape: --input "
                   "%s=SHAPE",
                   sz_show(r->ctx, sz_str_c(r->base)), sz_show(r->ctx, sz_str_c(in.name)),
                   in.shape, sz_show(r->ctx, sz_str_c(in.name)));
}

static sz_status find_batch(request *r, const sz_model *m) {
    const sz_symbol *symbol = NULL;
    for (size_t i = 0; i < sz_model_symbol_count(m); i++)
        if (strcmp(sz_model_symbol(m, i, NULL), "batch") == 0) return SZ_OK; // it says so itself
    SZ_TRY(first_dimension(r, m, &symbol));
    if (!symbol) return no_batch(r, m);
    r->batch = sz_arena_strdup(&r->plan->arena, symbol->name.p, symbol->name.len);
    return r->batch ? SZ_OK : sz_no_memory(r->ctx);
}

static sz_status read_file_words(request *r) {
    const sz_load_options o = {.inputs = r->how.inputs,
                               .n_inputs = r->how.n_inputs,
                               .allow_symbols = 1};
    for (size_t k = 0; k < r->n_axes; k++) {
        sz_model *m;
        if (is_axis(r, k, "dtype")) SZ_TRY(check_formats(r, &r->axes[k]));
        if (!is_axis(r, k, "batch")) continue;
        if (sz_model_load(r->ctx, r->base, &o, &m) != SZ_OK) { // the cases will say why
            sz_ctx_clear(r->ctx);
            continue;
        }
        const sz_status status = find_batch(r, m);
        sz_model_destroy(m);
        SZ_TRY(status);
    }
    return SZ_OK;
}

// ---- a case ------------------------------------------------------------------------------------

static const char *keep(request *r, sz_buf *buf) {
    const char *text = sz_buf_status(buf) == SZ_OK
                           ? sz_arena_strdup(&r->plan->arena, buf->data ? buf->data : "", buf->size)
                           : NULL;
    buf->size = 0;
    return text;
}

static const char *value_of(const request *r, int64_t point, const char *name) {
    for (size_t k = 0; k < r->n_axes; k++)
        if (strcmp(r->axes[k].name, name) == 0) return sz_sweep_value(r->axes, r->n_axes, point, k);
    return NULL;
}

static void put_value(sz_json *j, const char *name, const char *value) {
    char *end;
    const long long number = strtoll(value, &end, 10);
    if (*end)
        sz_json_key_str(j, name, value);
    else
        sz_json_key_i64(j, name, number);
}

// All parameters, also those that have their usual value: then the same work has the same spec.
static const char *spec_of(request *r, int64_t point, sz_buf *buf) {
    sz_json j;
    const sz_net_param *p;
    char usual[32];
    sz_json_init(&j, buf, 0);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "kind", r->family ? r->family->name : "model");
    if (!r->family) sz_json_key_str(&j, "model", r->base);
    for (size_t i = 0; r->family && (p = sz_net_param_get(r->family, i)); i++) {
        const char *given = value_of(r, point, p->name);
        put_value(&j, p->name, given ? given : sz_net_param_default(p, usual, sizeof usual));
    }
    for (size_t k = 0; !r->family && k < r->n_axes; k++)
        if (!is_axis(r, k, "dtype")) // how it is run, not what
            put_value(&j, r->axes[k].name, sz_sweep_value(r->axes, r->n_axes, point, k));
    if (r->how.n_inputs) sz_json_key_array(&j, "inputs");
    for (size_t i = 0; i < r->how.n_inputs; i++) sz_json_str(&j, r->how.inputs[i]);
    if (r->how.n_inputs) sz_json_end_array(&j);
    sz_json_end_object(&j);
    buf->size -= buf->size > 0; // the newline that the writer ends with
    return keep(r, buf);
}

// "gemm:m=1,n=2" or "gemm m=1 n=2".
static const char *join(request *r, int64_t point, const char *first, const char *between,
                        sz_buf *buf) {
    sz_buf_puts(buf, r->base);
    for (size_t k = 0; k < r->n_axes; k++)
        sz_buf_printf(buf, "%s%s=%s", k ? between : first, r->axes[k].name,
                      sz_sweep_value(r->axes, r->n_axes, point, k));
    return keep(r, buf);
}

static const char *join_words(request *r, int64_t point, sz_buf *buf) {
    const char *words = join(r, point, " ", " ", buf);
    if (!words || r->how.n_inputs == 0) return words;
    sz_buf_puts(buf, words);
    for (size_t i = 0; i < r->how.n_inputs; i++)
        sz_buf_printf(buf, " --input %s", r->how.inputs[i]);
    return keep(r, buf);
}

// What the words of a file mean: dimensions are bound, a format is asked for.
static sz_status set_binds(request *r, int64_t point, sz_case *c) {
    const char **binds = sz_arena_array(&r->plan->arena, r->n_axes + 1, sizeof *binds);
    sz_buf buf;
    if (!binds) return sz_no_memory(r->ctx);
    sz_buf_init(&buf, r->ctx);
    for (size_t k = 0; k < r->n_axes; k++) {
        const char *value = sz_sweep_value(r->axes, r->n_axes, point, k);
        const char *symbol = is_axis(r, k, "batch") && r->batch ? r->batch : r->axes[k].name;
        if (is_axis(r, k, "dtype")) {
            c->precision = c->asked = value;
            continue;
        }
        sz_buf_printf(&buf, "%s=%s", symbol, value);
        binds[c->n_binds++] = keep(r, &buf);
    }
    sz_buf_finish(&buf);
    c->binds = binds;
    c->inputs = r->how.inputs, c->n_inputs = r->how.n_inputs;
    return SZ_OK;
}

// A workload says its format, or has its usual one.
static sz_status set_asked(request *r, int64_t point, sz_case *c) {
    const sz_net_param *p;
    char usual[32];
    const char *given = value_of(r, point, "dtype");
    for (size_t i = 0; !given && (p = sz_net_param_get(r->family, i)); i++)
        if (strcmp(p->name, "dtype") == 0) given = sz_net_param_default(p, usual, sizeof usual);
    c->asked = given ? sz_arena_strdup(&r->plan->arena, given, strlen(given)) : NULL;
    return !given || c->asked ? SZ_OK : sz_no_memory(r->ctx);
}

static sz_status name_case(request *r, int64_t point, sz_case *c) {
    sz_buf buf;
    sz_buf_init(&buf, r->ctx);
    c->name = join(r, point, ":", ",", &buf);
    c->words = join_words(r, point, &buf);
    c->spec = spec_of(r, point, &buf);
    sz_buf_finish(&buf);
    c->model = r->family ? c->name : r->base;
    c->file = r->family ? NULL : r->base;
    if (!c->name || !c->words || !c->spec) return sz_no_memory(r->ctx);
    return r->family ? set_asked(r, point, c) : set_binds(r, point, c);
}

// Of the first input: its first axis is the batch of a net; a workload says `batch` itself.
static void count_samples(const request *r, int64_t point, const sz_model *m, sz_case *c) {
    const char *batch = value_of(r, point, "batch");
    c->samples = batch ? strtoll(batch, NULL, 10) : 1;
    if (r->family || sz_model_input_count(m) == 0) return;
    const sz_port in = sz_model_input(m, 0);
    if (in.rank > 0 && in.dims[0] > 0) c->samples = in.dims[0];
}

// Blocks of packed numbers are no buffers of ours: only a library runs them, from their file. It
// needs the weights, twice where it puts them in another order, and what is alive meanwhile.
static sz_status memory_of(request *r, sz_model *m, const sz_costs *costs, int64_t *ret_bytes) {
    const int64_t weights = sz_costs_total(costs).weight_bytes;
    const int64_t live = sz_costs_activations(costs).peak_bytes;
    if (!sz_str_is(m->graph->format, "gguf")) return sz_job_bytes(r->ctx, m->graph, ret_bytes);
    if (sz_mul(weights, 2, ret_bytes) && sz_add(*ret_bytes, live, ret_bytes)) return SZ_OK;
    return sz_fail(r->ctx, SZ_ERR_LIMIT, "its weights exceed 2^62 bytes");
}

static sz_status weigh(request *r, int64_t point, sz_case *c) {
    const sz_load_options o = {.binds = c->binds,
                               .n_binds = c->n_binds,
                               .inputs = c->inputs,
                               .n_inputs = c->n_inputs};
    sz_model *m;
    sz_costs *costs;
    sz_train_step step;
    sz_status status = sz_model_load(r->ctx, c->model, &o, &m);
    if (status != SZ_OK) {
        r->unread++, r->why_unread = status;
        return status;
    }
    count_samples(r, point, m, c);
    const sz_train_options how = {.optimizer = r->how.optimizer};
    if (r->how.training) status = sz_train_graph(r->ctx, m->graph, &how, &step);
    if (status == SZ_OK) status = sz_costs_create(r->ctx, m, NULL, &costs);
    if (status == SZ_OK) {
        const sz_cost total = sz_costs_total(costs);
        c->macs = total.macs, c->flops = total.flops, c->bytes_moved = total.bytes_moved;
        if (sz_costs_covered(costs) < (int64_t)sz_costs_node_count(costs))
            c->macs = c->flops = c->bytes_moved = -1;
        status = memory_of(r, m, costs, &c->memory);
        sz_costs_destroy(costs);
    }
    if (status == SZ_OK && sz_model_input_count(m)) {
        const char *dtype = sz_model_input(m, 0).dtype;
        c->dtype = sz_arena_strdup(&r->plan->arena, dtype, strlen(dtype));
    }
    sz_model_destroy(m);
    return status;
}

static sz_status check_memory(const request *r, const sz_case *c) {
    if (r->how.available <= 0 || c->memory <= r->how.available / 10 * 9) return SZ_OK;
    return sz_fail(r->ctx, SZ_ERR_LIMIT, "it needs %.3g GB of memory, %.3g GB are free",
                   (double)c->memory / 1e9, (double)r->how.available / 1e9);
}

// Two lines of a suite may ask for the same work in the same format.
static sz_status is_planned(request *r, const sz_case *c, bool *ret_is) {
    *ret_is = false;
    if (!r->seen) return SZ_OK;
    sz_buf buf;
    sz_buf_init(&buf, r->ctx);
    sz_buf_printf(&buf, "%s %s", c->spec, c->precision ? c->precision : "");
    const char *key = keep(r, &buf); // the map does not copy it
    sz_buf_finish(&buf);
    if (!key) return sz_no_memory(r->ctx);
    *ret_is = sz_map_get(r->seen, sz_str_c(key), NULL);
    return *ret_is ? SZ_OK : sz_map_put(r->seen, sz_str_c(key), 0);
}

static sz_status add_case(request *r, int64_t point) {
    sz_case c = {.samples = 1};
    const size_t unread = r->unread;
    bool planned;
    SZ_TRY(name_case(r, point, &c));
    sz_status status = weigh(r, point, &c); // also sees to it that there are such parameters
    if (status == SZ_OK) status = check_memory(r, &c);
    if (status == SZ_ERR_USAGE || status == SZ_ERR_MEMORY || status == SZ_ERR_INTERNAL)
        return status;
    SZ_TRY(is_planned(r, &c, &planned));
    if (planned) {
        if (status != SZ_OK) sz_ctx_clear(r->ctx);
        r->unread = unread; // it counts once
        return SZ_OK;
    }
    if (status != SZ_OK) {
        const char *why = sz_ctx_error(r->ctx);
        c.error = sz_arena_strdup(&r->plan->arena, why, strlen(why));
        if (!c.error) return sz_no_memory(r->ctx);
        sz_ctx_clear(r->ctx);
    }
    return sz_vec_push(r->ctx, &r->plan->cases, c) ? SZ_OK : sz_no_memory(r->ctx);
}

static sz_status add_points(request *r) {
    int64_t points;
    if (r->family && r->how.n_inputs)
        return sz_fail(r->ctx, SZ_ERR_USAGE,
                       "the shapes of '%s' follow from its parameters: --input is for files",
                       r->base);
    if (!r->family) SZ_TRY(read_file_words(r));
    SZ_TRY(sz_sweep_size(r->ctx, r->axes, r->n_axes, &points));
    points += (int64_t)r->plan->cases.n;
    if (points > SZ_MAX_CASES)
        return sz_fail(r->ctx, SZ_ERR_USAGE, "these are %lld cases; the most at once are %d",
                       (long long)points, SZ_MAX_CASES);
    points -= (int64_t)r->plan->cases.n;
    for (int64_t i = 0; i < points; i++) SZ_TRY(add_case(r, i));
    return SZ_OK;
}

// ---- suites ------------------------------------------------------------------------------------

// Words behind the name of a suite.
typedef struct overrides {
    sz_axis axes[SZ_MAX_AXES];
    bool used[SZ_MAX_AXES];
    size_t n;
} overrides;

static bool has_param(const request *r, const char *name) {
    const sz_net_param *p;
    for (size_t i = 0; r->family && (p = sz_net_param_get(r->family, i)); i++)
        if (strcmp(p->name, name) == 0) return true;
    return !r->family; // which free dimensions a file has shows when it is read
}

// In place of what the line says, or behind it.
static sz_status override(request *r, const sz_axis *axis) {
    for (size_t k = 0; k < r->n_axes; k++)
        if (strcmp(r->axes[k].name, axis->name) == 0) {
            r->axes[k] = *axis;
            return SZ_OK;
        }
    if (r->n_axes == SZ_MAX_AXES)
        return sz_fail(r->ctx, SZ_ERR_USAGE, "more than %d parameters", SZ_MAX_AXES);
    r->axes[r->n_axes++] = *axis;
    return SZ_OK;
}

static sz_status make_line(request *r, const sz_suite_line *line, overrides *over) {
    r->n_axes = 0, r->family = NULL, r->batch = NULL;
    SZ_TRY(read_what(r, line->what));
    SZ_TRY(read_words(r, line->words, line->n_words));
    for (size_t k = 0; k < over->n; k++) {
        if (!has_param(r, over->axes[k].name)) continue;
        over->used[k] = true;
        SZ_TRY(override(r, &over->axes[k]));
    }
    return add_points(r);
}

static sz_status make_lines(request *r, const sz_suite_lines *lines, overrides *over) {
    for (size_t i = 0; i < lines->lines.n; i++) {
        const sz_suite_line *line = &lines->lines.items[i];
        const sz_status status = make_line(r, line, over);
        if (status != SZ_OK)
            return sz_place(r->ctx, status, "suite '%s' line %lld",
                            sz_show(r->ctx, sz_str_c(line->from)), (long long)line->number);
    }
    for (size_t k = 0; k < over->n; k++)
        if (!over->used[k])
            return sz_fail(r->ctx, SZ_ERR_USAGE, "no workload of it has a parameter '%s'",
                           sz_show(r->ctx, sz_str_c(over->axes[k].name)));
    return SZ_OK;
}

static sz_status make_suite(request *r, const char *what, overrides *over) {
    sz_suite_lines lines;
    sz_map seen;
    SZ_TRY(sz_suite_read(r->ctx, &r->plan->arena, what, &lines));
    sz_map_init(&seen, r->ctx);
    r->seen = &seen;
    const sz_status status = make_lines(r, &lines, over);
    sz_map_finish(&seen);
    sz_suite_finish(r->ctx, &lines);
    return status;
}

static sz_status suite_with_words(request *r, const char *what, const char *const *words,
                                  size_t n) {
    overrides *over = sz_alloc(r->ctx, sizeof *over);
    if (!over) return sz_no_memory(r->ctx);
    sz_status status = read_words(r, words, n);
    memcpy(over->axes, r->axes, r->n_axes * sizeof *over->axes);
    over->n = r->n_axes;
    if (status == SZ_OK) status = make_suite(r, what, over);
    sz_free(r->ctx, over, sizeof *over);
    return status;
}

// ---- the plan ----------------------------------------------------------------------------------

// A file that is broken, or a size that goes with no other, is the fault of who asks: nothing runs.
static sz_status check_any(const request *r) {
    const sz_bench_plan *p = r->plan;
    if (p->cases.n == 0 || r->unread < p->cases.n) return SZ_OK;
    return sz_fail(r->ctx, r->why_unread, "%s", p->cases.items[0].error);
}

static sz_status make_all(request *r, const char *what, const char *const *words, size_t n) {
    const bool known = sz_source_exists(what) || find_family(what); // those go before a suite
    if (!known && sz_suite_is(what)) return suite_with_words(r, what, words, n);
    SZ_TRY(read_what(r, what));
    SZ_TRY(read_words(r, words, n));
    return add_points(r);
}

static sz_status make(request *r, const char *what, const char *const *words, size_t n) {
    SZ_TRY(make_all(r, what, words, n));
    return check_any(r);
}

sz_status sz_bench_plan_make(sz_ctx *ctx, const char *what, const char *const *words,
                             size_t n_words, const sz_plan_how *how, sz_bench_plan *plan) {
    *plan = (sz_bench_plan){.cases = {NULL, 0, 0}};
    sz_arena_init(&plan->arena, ctx);
    request *r = sz_alloc(ctx, sizeof *r);
    if (!r) return sz_no_memory(ctx);
    r->ctx = ctx, r->plan = plan;
    if (how) r->how = *how;
    const sz_status status = make(r, what, words, n_words);
    sz_free(ctx, r, sizeof *r);
    if (status != SZ_OK) sz_bench_plan_finish(ctx, plan);
    return status;
}

void sz_bench_plan_finish(sz_ctx *ctx, sz_bench_plan *plan) {
    sz_vec_finish(ctx, &plan->cases);
    sz_arena_finish(&plan->arena);
}
