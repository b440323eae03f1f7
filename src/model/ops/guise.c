// SPDX-License-Identifier: Apache-2.0
#include "model/ops/guise.h"

enum { NEWEST = 28 };

void sz_guise_init(sz_guise *g, const sz_infer *n, int32_t row) {
    const int32_t kept = n->node->n_attrs < SZ_GUISE_ATTRS / 2 ? n->node->n_attrs
                                                               : SZ_GUISE_ATTRS / 2;
    g->view = *n;
    g->node = *n->node;
    g->view.node = &g->node;
    g->view.op = sz_op_get(row);
    g->view.opset = NEWEST;
    if (kept) memcpy(g->attrs, n->node->attrs, (size_t)kept * sizeof *g->attrs);
    g->node.attrs = g->attrs;
    g->node.n_attrs = kept;
}

// In place of one of the same name, else behind the others.
static sz_attr *place(sz_guise *g, const char *name, sz_attr_kind kind) {
    int32_t k = 0;
    while (k < g->node.n_attrs && !sz_str_is(g->attrs[k].name, name)) k++;
    if (k == SZ_GUISE_ATTRS) k--; // half of the room is free: never
    if (k == g->node.n_attrs) g->node.n_attrs++;
    g->attrs[k] = (sz_attr){.name = sz_str_c(name), .kind = (uint8_t)kind, .n = 1};
    return &g->attrs[k];
}

void sz_guise_int(sz_guise *g, const char *name, int64_t i) { place(g, name, SZ_ATTR_INT)->i = i; }

void sz_guise_text(sz_guise *g, const char *name, sz_str s) {
    place(g, name, SZ_ATTR_STRING)->s = s;
}

void sz_guise_ints(sz_guise *g, const char *name, int32_t n, const int64_t *ints) {
    sz_attr *a = place(g, name, SZ_ATTR_INTS);
    a->n = n;
    a->ints = ints;
}

void sz_guise_inputs(sz_guise *g, const sz_infer *n, int32_t count, const int *from) {
    g->node.n_inputs = count;
    g->node.inputs = g->inputs;
    for (int32_t k = 0; k < count; k++)
        g->inputs[k] = sz_has_in(n, from[k]) ? n->node->inputs[from[k]] : SZ_NONE;
    while (g->node.n_inputs > 0 && g->inputs[g->node.n_inputs - 1] == SZ_NONE) g->node.n_inputs--;
}
