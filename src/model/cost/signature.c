// SPDX-License-Identifier: Apache-2.0
#include "model/cost/signature.h"

typedef struct line {
    char text[512];
    size_t n;
} line;

static void add_bytes(line *l, const char *bytes, size_t n) {
    if (n > sizeof l->text - l->n) n = sizeof l->text - l->n;
    memcpy(l->text + l->n, bytes, n);
    l->n += n;
}

static void add(line *l, const char *text) { add_bytes(l, text, strlen(text)); }

static void add_number(line *l, int64_t v) {
    char digits[SZ_DIGITS_SIZE];
    add_bytes(l, digits, sz_digits(digits, v));
}

static void add_shape(line *l, const sz_type *t) {
    if (t->rank < 0) add(l, "?");
    if (t->rank == 0) add(l, "scalar");
    for (int32_t i = 0; i < t->rank; i++) {
        if (i) add(l, "x");
        if (t->dims[i] >= 0)
            add_number(l, t->dims[i]);
        else
            add(l, "?");
    }
}

static void add_inputs(line *l, sz_graph *g, const sz_node *n) {
    for (int32_t i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i] == SZ_NONE) continue;
        const sz_value *v = sz_graph_value(g, n->inputs[i]);
        add(l, v->constant ? " w" : " ");
        add_shape(l, &v->type);
    }
}

// No list that stands for an axis each is longer; and a function may hand one long list to many
// nodes.
static bool all_same(const sz_attr *a) {
    if (a->n > 2 * SZ_MAX_RANK) return false;
    for (int32_t i = 1; i < a->n; i++)
        if (a->ints[i] != a->ints[0]) return false;
    return a->n > 0;
}

static void add_ints(line *l, const char *name, const sz_attr *a) {
    add(l, " ");
    add(l, name);
    int32_t n = all_same(a) ? 1 : a->n;
    for (int32_t i = 0; i < n && i < 16; i++) {
        if (i) add(l, ",");
        add_number(l, a->ints[i]);
    }
}

// Short forms of the attributes that everyone writes; others by their name. Default values that
// exporters write out are left out, so that they do not split what is the same work.
static void add_attr(line *l, sz_ctx *ctx, const sz_attr *a) {
    static const char *const ints[][2] = {{"strides", "s"}, {"pads", "p"}, {"dilations", "d"}};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        if (sz_str_is(a->name, ints[i][0]) && a->kind == SZ_ATTR_INTS) {
            bool is_default = all_same(a) && a->ints[0] == (i == 1 ? 0 : 1);
            if (!is_default) add_ints(l, ints[i][1], a);
            return;
        }
    if (a->kind == SZ_ATTR_INTS) add_ints(l, sz_show(ctx, a->name), a);
    if (a->kind != SZ_ATTR_INT && a->kind != SZ_ATTR_STRING) return;
    if (sz_str_is(a->name, "group") && a->i == 1) return;
    add(l, " ");
    add(l, sz_show(ctx, a->name));
    add(l, "=");
    if (a->kind == SZ_ATTR_INT)
        add_number(l, a->i);
    else
        add(l, sz_show(ctx, a->s));
}

const char *sz_signature(sz_graph *g, sz_node_id id) {
    const sz_node *n = sz_graph_node(g, id);
    line l;
    l.n = 0;
    const char *dtype = "";
    for (int32_t i = 0; i < n->n_inputs && !*dtype; i++)
        if (n->inputs[i] != SZ_NONE)
            dtype = sz_dtype_get(sz_graph_value(g, n->inputs[i])->type.dtype)->name;
    add(&l, sz_show(g->ctx, n->op));
    add(&l, " ");
    add(&l, dtype);
    add_inputs(&l, g, n);
    for (int32_t a = 0; a < n->n_attrs; a++) add_attr(&l, g->ctx, &n->attrs[a]);
    const char *copy = sz_arena_strdup(g->arena, l.text, l.n);
    return copy ? copy : "";
}
