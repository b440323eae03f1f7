// SPDX-License-Identifier: Apache-2.0
// The table of conventions and the sum over their terms.
#include "model/cost/convention.h"

#include <sizeup/cost.h>

enum {
#define CONVENTION(id, name, unit, what) BY_##id,
#include "model/cost/conventions.def"
#undef CONVENTION
};

static const sz_convention table[] = {
#define CONVENTION(id, name, unit, what) {BY_##id, name, unit, what},
#include "model/cost/conventions.def"
#undef CONVENTION
};

const sz_convention *sz_convention_get(size_t i) {
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const sz_convention *sz_convention_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!name || strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

int sz_list_convention(size_t i, sz_convention_row *ret_row) {
    const sz_convention *c = sz_convention_get(i);
    if (!c) return 0;
    *ret_row = (sz_convention_row){c->name, c->unit, c->what};
    return 1;
}

// ---- bases -------------------------------------------------------------------------------------

typedef int64_t base_rule(const sz_counted *c);

static bool is_constant_in(const sz_counted *c, int i) {
    if (!sz_has_in(c->in, i)) return false;
    const sz_graph *g = c->in->graph;
    const sz_value *v = sz_graph_value(g, c->in->node->inputs[i]);
    while (v->kind == SZ_VALUE_CAPTURED) {
        g = g->parent;
        v = sz_graph_value(g, v->outer);
    }
    return v->constant != NULL;
}

static int64_t dim(const sz_type *t, int axis) {
    return axis < t->rank && t->dims[axis] > 0 ? t->dims[axis] : 0;
}

static int64_t base_NOTHING(const sz_counted *c) { return (void)c, 0; }
static int64_t base_MACS(const sz_counted *c) { return c->work->macs; }
static int64_t base_VALID_MACS(const sz_counted *c) { return c->work->macs - c->work->skipped_macs; }
static int64_t base_BIAS(const sz_counted *c) { return c->work->bias; }
static int64_t base_IN(const sz_counted *c) { return c->work->in_elements; }
static int64_t base_OUT(const sz_counted *c) { return c->work->out_elements; }
static int64_t base_OWN(const sz_counted *c) { return c->work->flops; }

// Products with a constant matrix: what a framework has as a layer.
static int64_t base_LAYER_MACS(const sz_counted *c) {
    return is_constant_in(c, 0) || is_constant_in(c, 1) ? c->work->macs : 0;
}

static int64_t product(int n, const int64_t *factors) {
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        if (!sz_mul(p, factors[i], &p)) return -1; // makes the sum fail
    return p;
}

static int64_t kernel(const sz_counted *c) {
    const sz_type *w = sz_in(c->in, 1);
    int64_t p = 1;
    for (int i = 2; i < w->rank; i++) p = product(2, (const int64_t[]){p, dim(w, i)});
    return p;
}

static int64_t base_WINDOW(const sz_counted *c) {
    return product(2, (const int64_t[]){c->work->out_elements, c->work->kernel});
}

// ConvTranspose, weights [Cin, Cout/group, ...]: output elements x Cin/group x kernel.
static int64_t base_OUT_MACS(const sz_counted *c) {
    int64_t group = sz_attr_i(c->in->node, "group", 1);
    return product(3, (const int64_t[]){c->work->out_elements,
                                        dim(sz_in(c->in, 1), 0) / (group > 0 ? group : 1), kernel(c)});
}

// ... and output elements x Cout/group x kernel.
static int64_t base_OUT_MACS_ONNX(const sz_counted *c) {
    return product(3,
                   (const int64_t[]){c->work->out_elements, dim(sz_in(c->in, 1), 1), kernel(c)});
}

// Recurrent operators: elements of the hidden state over all steps and directions.
static int64_t base_HIDDEN(const sz_counted *c) {
    const sz_type *x = sz_in(c->in, 0), *r = sz_in(c->in, 2);
    return product(4, (const int64_t[]){dim(x, 0), dim(x, 1), dim(r, 0), dim(r, 2)});
}

// Rows that are normalized: elements / size of the last normalized stretch (axis -1 by default).
static int64_t base_ROWS(const sz_counted *c) {
    const sz_type *t = sz_in(c->in, 0);
    int64_t axis = sz_attr_i(c->in->node, "axis", -1);
    if (axis < 0) axis += t->rank;
    int64_t size = axis >= 0 && axis < t->rank ? dim(t, (int)axis) : 0;
    return size ? c->work->in_elements / size : 0;
}

// Output elements x (operands - 1): a chain of binary operations.
static int64_t base_OPERANDS(const sz_counted *c) {
    int64_t n = c->in->node->n_inputs > 1 ? c->in->node->n_inputs - 1 : 1;
    return product(2, (const int64_t[]){c->work->out_elements, n});
}

// ---- terms -------------------------------------------------------------------------------------

typedef struct term {
    int32_t convention;
    const char *op;
    base_rule *base;
    int64_t weight;
    const char *why;
} term;

static const term terms[] = {
#define TERM(convention, op, base, weight, why) {BY_##convention, op, base_##base, weight, why},
#include "model/cost/terms.def"
#undef TERM
};

enum { N_TERMS = sizeof terms / sizeof *terms };

static bool is_for(const term *t, const sz_convention *by, sz_str key) {
    return t->convention == by->id && sz_str_is(key, t->op);
}

// The name under which the terms of a node stand: "Conv", "Resize:linear", else "@kind".
static sz_str key_of(const sz_convention *by, const sz_counted *c, char *buf, size_t size) {
    sz_str op = sz_str_c(c->in->op->name);
    size_t n = 0;
    if (sz_str_is(op, "Resize") || sz_str_is(op, "Upsample")) {
        sz_str mode = sz_attr_s(c->in->node, "mode", "nearest");
        memcpy(buf, "Resize:", 7);
        n = mode.len < size - 8 ? mode.len : 0;
        memcpy(buf + 7, mode.p, n);
        op = (sz_str){buf, (uint32_t)(7 + n)};
    }
    for (int i = 0; i < N_TERMS; i++)
        if (is_for(&terms[i], by, op)) return op;
    const char *kind = sz_kind_name(c->in->op->kind);
    buf[0] = '@';
    n = strlen(kind);
    memcpy(buf + 1, kind, n);
    return (sz_str){buf, (uint32_t)(n + 1)};
}

static sz_status count_terms(const sz_convention *by, const sz_counted *c, int64_t *ret_count,
                             const char **ret_why) {
    char buf[64];
    const sz_str key = key_of(by, c, buf, sizeof buf);
    int64_t sum = 0;
    *ret_why = "not counted";
    for (int i = 0; i < N_TERMS; i++) {
        if (!is_for(&terms[i], by, key)) continue;
        int64_t base = terms[i].base(c);
        *ret_why = terms[i].why;
        if (base < 0 || !sz_madd(&sum, base, terms[i].weight))
            return sz_op_fail(c->in, "operations exceed 2^63");
    }
    *ret_count = sum;
    return SZ_OK;
}

sz_status sz_convention_count(const sz_convention *by, const sz_counted *c, int64_t *ret_count,
                              const char **ret_why) {
    if (by->id != BY_sizeup) return count_terms(by, c, ret_count, ret_why);
    int64_t flops = c->work->flops;
    *ret_why = NULL;
    if (!sz_madd(&flops, c->work->macs, 2)) return sz_op_fail(c->in, "flops exceed 2^63");
    *ret_count = flops;
    return SZ_OK;
}
