// SPDX-License-Identifier: Apache-2.0
// Which rows a machine runs that does not run every operator.
#include "predict/split.h"

#include <stdio.h>

#include <sizeup/text.h>

#include "model/cost/costs.h"
#include "model/ops/rule.h"

typedef struct check {
    const sz_estimate *e;
    const bool *fixed;  // by value
    const char *format; // that the row is computed in
    char *why;          // what stands against it
    size_t size;
} check;

SZ_PRINTF(2, 3)
static bool refuse(const check *c, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->why, c->size, fmt, args);
    va_end(args);
    return false;
}

// ---- names -------------------------------------------------------------------------------------

enum { MAX_NAME = 96 };

// "Conv", or "com.microsoft.QLinearAdd".
static void full_name(sz_str domain, sz_str op, char name[MAX_NAME]) {
    snprintf(name, MAX_NAME, "%.*s%s%.*s", (int)domain.len, domain.p ? domain.p : "",
             domain.len ? "." : "", (int)op.len, op.p ? op.p : "");
}

static const sz_operator *find(const sz_machine *m, const sz_node *n) {
    char name[MAX_NAME];
    full_name(n->domain, n->op, name);
    for (size_t i = 0; i < m->operators.n; i++)
        if (strcmp(m->operators.items[i].op, name) == 0) return &m->operators.items[i];
    return NULL;
}

static bool is_known(const char *name) {
    const char *dot = strrchr(name, '.');
    const sz_str domain = {name, dot ? (uint32_t)(dot - name) : 0};
    return sz_op_find(domain, sz_str_c(dot ? dot + 1 : name)) != SZ_NONE;
}

static sz_status unknown_name(sz_ctx *ctx, const sz_machine *m, const char *name) {
    const int32_t n = sz_op_count();
    char(*names)[MAX_NAME] = sz_alloc(ctx, (size_t)n * sizeof *names);
    const char **list = sz_alloc(ctx, ((size_t)n + 1) * sizeof *list);
    const char *near = NULL;
    for (int32_t i = 0; names && list && i < n; i++) {
        full_name(sz_str_c(sz_op_get(i)->domain), sz_str_c(sz_op_get(i)->name), names[i]);
        list[i] = names[i];
    }
    if (names && list) near = sz_text_nearest(name, list);
    const sz_status status = sz_fail(
        ctx, SZ_ERR_INPUT, "machine '%s': its list of operators has '%s', which is none%s%s%s",
        m->identity.name, sz_show(ctx, sz_str_c(name)), near ? ": did you mean '" : "",
        near ? near : " ('sizeup list ops' shows all)", near ? "'?" : "");
    sz_free(ctx, list, ((size_t)n + 1) * sizeof *list);
    sz_free(ctx, names, (size_t)n * sizeof *names);
    return status;
}

static sz_status check_formats(sz_ctx *ctx, const sz_machine *m, const sz_operator *o) {
    char word[32];
    for (const char *p = o->dtypes; p && *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        const size_t n = strcspn(p, " ");
        if (sz_is_machine_dtype((sz_str){p, (uint32_t)n})) continue;
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), p);
        (void)sz_machine_dtype_unknown(ctx, word);
        return sz_place(ctx, SZ_ERR_INPUT, "machine '%s': operator '%s'", m->identity.name,
                        sz_show(ctx, sz_str_c(o->op)));
    }
    return SZ_OK;
}

sz_status sz_check_operators(sz_ctx *ctx, const sz_machine *m) {
    for (size_t i = 0; i < m->operators.n; i++) {
        const sz_operator *o = &m->operators.items[i];
        if (!is_known(o->op)) return unknown_name(ctx, m, o->op);
        SZ_TRY(check_formats(ctx, m, o));
    }
    return SZ_OK;
}

// ---- limits ------------------------------------------------------------------------------------

static int64_t long_axes(const sz_type *t) {
    int64_t n = 0;
    for (int32_t i = 0; t->kind == SZ_TYPE_TENSOR && i < t->rank; i++) n += t->dims[i] != 1;
    return n;
}

static int64_t most_axes(const check *c, const sz_graph *g, const sz_node *n) {
    int64_t most = 0;
    for (int32_t i = 0; i < n->n_inputs + n->n_outputs; i++) {
        const sz_value_id v = i < n->n_inputs ? n->inputs[i] : n->outputs[i - n->n_inputs];
        if (v == SZ_NONE || c->fixed[v]) continue;
        const int64_t axes = long_axes(&sz_graph_value(g, v)->type);
        if (axes > most) most = axes;
    }
    return most;
}

static int64_t largest(const int64_t *ints, int32_t n) {
    int64_t most = 0;
    for (int32_t i = 0; i < n; i++)
        if (ints[i] > most) most = ints[i];
    return most;
}

// By the attribute, else by the shape of the weights.
static int64_t window_of(const sz_graph *g, const sz_node *n) {
    const int64_t *ints = NULL;
    const int32_t count = sz_attr_ints(n, "kernel_shape", &ints);
    if (count > 0) return largest(ints, count);
    if (n->n_inputs < 2 || n->inputs[1] == SZ_NONE) return 0;
    const sz_type *w = &sz_graph_value(g, n->inputs[1])->type;
    return w->kind == SZ_TYPE_TENSOR && w->rank > 2 ? largest(w->dims + 2, w->rank - 2) : 0;
}

static bool fits_window(const check *c, const sz_graph *g, const sz_node *n, const sz_operator *o) {
    const int64_t *ints = NULL;
    const int64_t window = o->max_kernel ? window_of(g, n) : 0;
    const int32_t axes = sz_attr_ints(n, "strides", &ints);
    const int64_t step = o->max_stride ? largest(ints, axes) : 0;
    if (window > o->max_kernel)
        return refuse(c, "a window of %lld is longer than %lld", (long long)window,
                      (long long)o->max_kernel);
    if (step > o->max_stride)
        return refuse(c, "a stride of %lld is longer than %lld", (long long)step,
                      (long long)o->max_stride);
    return true;
}

static bool has_constants(const check *c, const sz_node *n) {
    for (int32_t i = 1; i < n->n_inputs; i++) {
        if (n->inputs[i] == SZ_NONE) continue;
        if (!c->fixed[n->inputs[i]]) return refuse(c, "operand %d is no constant", i + 1);
    }
    return true;
}

static bool fits_limits(const check *c, const sz_graph *g, const sz_node *n, const sz_operator *o) {
    const int64_t axes = o->max_rank ? most_axes(c, g, n) : 0;
    if (axes > o->max_rank)
        return refuse(c, "a tensor has %lld axes longer than 1, not at most %lld", (long long)axes,
                      (long long)o->max_rank);
    const sz_type *out = n->n_outputs > 0 && n->outputs[0] != SZ_NONE
                             ? &sz_graph_value(g, n->outputs[0])->type
                             : NULL;
    if (o->max_batch && out && out->kind == SZ_TYPE_TENSOR && out->rank > 1 &&
        out->dims[0] > o->max_batch)
        return refuse(c, "a batch of %lld is more than %lld", (long long)out->dims[0],
                      (long long)o->max_batch);
    if (o->constant_weights && !has_constants(c, n)) return false;
    return fits_window(c, g, n, o);
}

// ---- rows --------------------------------------------------------------------------------------

static bool makes_fixed(const sz_node *n, const bool *fixed) {
    const sz_op_kind kind = n->row == SZ_NONE ? SZ_KIND_OTHER : sz_op_get(n->row)->kind;
    if (n->n_inputs == 0 || kind == SZ_KIND_RANDOM || kind == SZ_KIND_CONTROL) return false;
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE && !fixed[n->inputs[i]]) return false;
    return true;
}

void sz_find_fixed(const sz_graph *g, bool *fixed) {
    for (size_t v = 0; v < g->values.n; v++) {
        const sz_value *value = sz_graph_value(g, (sz_value_id)v);
        fixed[v] = value->constant || value->known;
    }
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = sz_graph_node(g, sz_graph_nth(g, k));
        const bool is_fixed = makes_fixed(n, fixed);
        for (int32_t o = 0; is_fixed && o < n->n_outputs; o++)
            if (n->outputs[o] != SZ_NONE) fixed[n->outputs[o]] = true;
    }
}

// A view is no work, and what is worked out while a net is compiled is none at run time.
static bool is_free(const check *c, const sz_node *n) {
    if (n->row != SZ_NONE && sz_op_get(n->row)->kind == SZ_KIND_VIEW) return true;
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE && !c->fixed[n->outputs[o]]) return false;
    return true;
}

static bool runs_node(const check *c, const sz_graph *g, const sz_node *n) {
    char name[MAX_NAME];
    if (is_free(c, n)) return true;
    const sz_operator *o = find(c->e->machine, n);
    full_name(n->domain, n->op, name);
    if (!o) return refuse(c, "does not run %s", name);
    if (o->dtypes && !sz_has_word(o->dtypes, c->format))
        return refuse(c, "runs %s in %s, not in %s", name, o->dtypes, c->format);
    return fits_limits(c, g, n, o);
}

// In a kernel of a quantized net these say only in what format its numbers are.
static bool is_format_mark(const sz_node *n) {
    return n->domain.len == 0 &&
           (sz_str_is(n->op, "DequantizeLinear") || sz_str_is(n->op, "QuantizeLinear"));
}

bool sz_runs_row(const sz_estimate *e, const bool *fixed, size_t row, char *why, size_t size) {
    const sz_costs *costs = e->costs;
    const sz_group *group = sz_costs_group_of(costs, row);
    const sz_node_id id = costs->row_nodes ? costs->row_nodes[row] : (sz_node_id)row;
    const sz_node_id *nodes = group ? group->nodes : &id;
    const int32_t n = group ? group->n_nodes : 1;
    const sz_node_cost cost = sz_costs_node(costs, row);
    const check c = {e, fixed, sz_format_of(e, &cost), why, size};
    why[0] = '\0';
    for (int32_t k = 0; e->machine->operators.n > 0 && k < n; k++) {
        const sz_node *node = sz_graph_node(costs->graph, nodes[k]);
        if (group && is_format_mark(node)) continue;
        if (!runs_node(&c, costs->graph, node)) return false;
    }
    return true;
}
