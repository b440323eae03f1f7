// SPDX-License-Identifier: Apache-2.0
// Printer of the text form (docs/graph-text.md). Like the reader it keeps the graphs that are open
// on a stack of its own.
#include "model/graph/plan.h"
#include "model/graph/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_DEPTH = SZ_MAX_BODIES + 1, MAX_SHOWN_NUMBERS = 64, MAX_WRAPPERS = 8 };
enum { NEWEST_ONNX = 28, NEWEST_ML = 5 };

// One open graph: what of it has been printed.
typedef struct frame {
    sz_graph *graph;
    const bool *in_attr; // per value: a constant that an attribute holds, printed there
    size_t node;         // next node
    int32_t attr, item;  // of that node: next attribute and, in a list of graphs, next graph
} frame;

typedef struct opset {
    sz_str domain;
    int32_t version;
} opset;

typedef struct printer {
    sz_graph *root;
    SZ_VEC(char) out;
    SZ_VEC(opset) opsets;
    frame frames[MAX_DEPTH];
    int depth;
} printer;

// ---- characters --------------------------------------------------------------------------------

static sz_status put_n(printer *p, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!sz_vec_push(p->root->ctx, &p->out, s[i])) return sz_no_memory(p->root->ctx);
    return SZ_OK;
}

static sz_status put(printer *p, const char *s) { return put_n(p, s, strlen(s)); }

static sz_status put_i(printer *p, int64_t i) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, i);
    return put(p, text);
}

static sz_status indent(printer *p) {
    for (int i = 0; i < p->depth; i++) SZ_TRY(put(p, "  "));
    return SZ_OK;
}

static sz_status put_quoted(printer *p, sz_str s) {
    SZ_TRY(put(p, "\""));
    for (uint32_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char text[8];
        if (c == '"' || c == '\\')
            snprintf(text, sizeof text, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            snprintf(text, sizeof text, "\\x%02x", c);
        else
            snprintf(text, sizeof text, "%c", c);
        SZ_TRY(put(p, text));
    }
    return put(p, "\"");
}

static sz_status put_name(printer *p, sz_str s) {
    return sz_text_is_bare(s) ? put_n(p, s.p, s.len) : put_quoted(p, s);
}

// The shortest digits that read back as the same number; see sz_scan_number for the suffix.
static sz_status put_f(printer *p, double f) {
    char text[40];
    const bool wide = isfinite(f) && (double)(float)f != f;
    if (isnan(f)) return put(p, "nan");
    if (isinf(f)) return put(p, f < 0 ? "-inf" : "inf");
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, f);
        double back = strtod(text, NULL);
        if (wide ? back == f : (double)(float)back == f) break;
    }
    bool is_float = false;
    for (char *c = text; *c; c++) {
        if (*c == 'e') is_float = true;
        if (strchr("0123456789+-e", *c)) continue;
        *c = '.'; // the decimal point, whatever the locale calls it
        is_float = true;
    }
    SZ_TRY(put(p, text));
    if (!is_float) SZ_TRY(put(p, ".0"));
    return wide ? put(p, "d") : SZ_OK;
}

// ---- types -------------------------------------------------------------------------------------

static sz_status put_dim(printer *p, int64_t dim) {
    if (dim >= 0) return put_i(p, dim);
    if (dim > SZ_DIM_SYMBOL(0) || (size_t)SZ_SYMBOL_OF(dim) >= p->root->symbols.n)
        return put(p, "?");
    return put_name(p, p->root->symbols.items[SZ_SYMBOL_OF(dim)].name);
}

static sz_status put_tensor_type(printer *p, const sz_type *t) {
    if (t->kind == SZ_TYPE_NONE) return put(p, "?");
    SZ_TRY(put(p, t->dtype ? sz_dtype_get(t->dtype)->name : "?"));
    if (t->rank < 0) return put(p, "[...]");
    SZ_TRY(put(p, "["));
    for (int32_t i = 0; i < t->rank; i++) {
        if (i > 0) SZ_TRY(put(p, ","));
        SZ_TRY(put_dim(p, t->dims[i]));
    }
    return put(p, "]");
}

// A container that is open: the item that is next, -1 while its element type is.
typedef struct open_type {
    const sz_type *type;
    int64_t next;
} open_type;

static sz_status open_container(printer *p, const sz_type *t) {
    static const char *const words[] = {[SZ_TYPE_SPARSE] = "sparse(",
                                        [SZ_TYPE_SEQUENCE] = "seq(",
                                        [SZ_TYPE_OPTIONAL] = "optional(",
                                        [SZ_TYPE_MAP] = "map("};
    SZ_TRY(put(p, words[t->kind]));
    if (t->kind != SZ_TYPE_MAP) return SZ_OK;
    SZ_TRY(put(p, t->dtype ? sz_dtype_get(t->dtype)->name : "?"));
    return put(p, ", ");
}

// What stands before the next item or the closing parenthesis. *ret_item NULL: it closes.
static sz_status next_item(printer *p, open_type *o, const sz_type **ret_item) {
    const sz_type *t = o->type;
    *ret_item = NULL;
    if (t->kind == SZ_TYPE_MAP || t->kind == SZ_TYPE_SPARSE || t->n_items < 0) return SZ_OK;
    if (!t->items || t->n_items == 0) {
        SZ_TRY(put(p, "; "));
        return put_i(p, t->n_items);
    }
    if (++o->next == t->n_items) return SZ_OK;
    *ret_item = t->items[o->next];
    return put(p, o->next == 0 ? "; " : ", ");
}

static sz_status put_type(printer *p, const sz_type *t) {
    open_type open[MAX_WRAPPERS];
    int depth = 0;
    for (;;) {
        if (t && t->kind > SZ_TYPE_TENSOR && depth < MAX_WRAPPERS) {
            SZ_TRY(open_container(p, t));
            open[depth++] = (open_type){t, -1};
            if (t->kind != SZ_TYPE_SPARSE) {
                t = t->elem;
                continue;
            }
        }
        SZ_TRY(t ? put_tensor_type(p, t) : put(p, "?"));
        for (t = NULL; depth > 0 && !t;) {
            SZ_TRY(next_item(p, &open[depth - 1], &t));
            if (!t) SZ_TRY(put(p, ")"));
            if (!t) depth--;
        }
        if (!t) return SZ_OK;
    }
}

// ---- constants ---------------------------------------------------------------------------------

static sz_status put_number(printer *p, const sz_tensor *v, int64_t k) {
    if (v->f) return put_f(p, v->f[k]);
    if (v->s) return put_quoted(p, v->s[k]);
    if (v->i[k] == SZ_VALUE_UNKNOWN) return put(p, "?");
    if (sz_dtype_get(v->dtype)->cls == SZ_CLASS_BOOL) return put(p, v->i[k] ? "true" : "false");
    return put_i(p, v->i[k]);
}

static sz_status put_operands(printer *p, const sz_graph *g, const sz_value_id *ids, int32_t n,
                              bool declared);

static sz_status put_const(printer *p, sz_graph *g, sz_value_id id) {
    const sz_tensor *numbers = NULL;
    SZ_TRY(put(p, "const "));
    SZ_TRY(put_type(p, &sz_graph_value(g, id)->type));
    const sz_constant *c = sz_graph_value(g, id)->constant;
    if (c && c->form == SZ_CONST_SPARSE) {
        SZ_TRY(put(p, " sparse "));
        return put_i(p, c->sparse_values);
    }
    int64_t elements = 0;
    if (c && c->is_folded)
        SZ_TRY(sz_type_elements(g->ctx, &sz_graph_value(g, id)->type, &elements));
    if (c && c->is_folded && c->made_of < elements) {
        SZ_TRY(put(p, " made_of "));
        SZ_TRY(put_i(p, c->made_of));
    }
    SZ_TRY(sz_graph_known(g, id, &numbers));
    if (!numbers || numbers->count > MAX_SHOWN_NUMBERS) return SZ_OK;
    if (sz_dtype_get(numbers->dtype)->cls == SZ_CLASS_COMPLEX) return SZ_OK;
    SZ_TRY(put(p, " {"));
    for (int64_t k = 0; k < numbers->count; k++) {
        if (k > 0) SZ_TRY(put(p, ", "));
        SZ_TRY(put_number(p, numbers, k));
    }
    return put(p, "}");
}

// How a constant was folded, as a comment.
static sz_status put_recipe(printer *p, const sz_graph *g, const sz_constant *c) {
    if (!c || !c->recipe) return SZ_OK;
    SZ_TRY(put(p, "  # "));
    SZ_TRY(put_name(p, c->recipe->op));
    SZ_TRY(put(p, "("));
    SZ_TRY(put_operands(p, g, c->recipe->inputs, c->recipe->n_inputs, false));
    return put(p, ")");
}

// Constants that only attributes use are printed there and not as statements.
static sz_status find_attr_consts(sz_graph *g, const bool **ret) {
    bool *in_attr = sz_arena_array(g->arena, g->values.n + 1, sizeof *in_attr);
    if (!in_attr) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        for (int32_t a = 0; a < n->n_attrs; a++)
            if (n->attrs[a].kind == SZ_ATTR_TENSOR && n->attrs[a].tensor != SZ_NONE)
                in_attr[n->attrs[a].tensor] = true;
    }
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        for (int32_t k = 0; k < n->n_inputs; k++)
            if (n->inputs[k] != SZ_NONE) in_attr[n->inputs[k]] = false;
    }
    for (size_t i = 0; i < g->outputs.n; i++) in_attr[g->outputs.items[i]] = false;
    const sz_graph *root = sz_graph_root(g);
    for (size_t c = 0; c < root->children.n; c++) {
        const sz_graph *body = root->children.items[c];
        for (size_t i = 0; body->parent == g && i < body->values.n; i++)
            if (body->values.items[i].kind == SZ_VALUE_CAPTURED)
                in_attr[body->values.items[i].outer] = false;
    }
    *ret = in_attr;
    return SZ_OK;
}

// ---- attributes --------------------------------------------------------------------------------

static sz_status put_list(printer *p, const sz_attr *a) {
    const char *kind = a->kind == SZ_ATTR_FLOATS ? "floats" : "strings";
    if (a->n == 0 && a->kind != SZ_ATTR_INTS) SZ_TRY(put(p, kind));
    SZ_TRY(put(p, "["));
    for (int32_t i = 0; i < a->n; i++) {
        if (i > 0) SZ_TRY(put(p, ", "));
        if (a->kind == SZ_ATTR_INTS)
            SZ_TRY(put_i(p, a->ints[i]));
        else if (a->kind == SZ_ATTR_FLOATS)
            SZ_TRY(put_f(p, a->floats[i]));
        else
            SZ_TRY(put_quoted(p, a->strings[i]));
    }
    return put(p, "]");
}

static sz_status put_tensor_attr(printer *p, const frame *f, sz_value_id id) {
    if (id == SZ_NONE) return put(p, "other");
    if (f->in_attr[id]) return put_const(p, f->graph, id);
    SZ_TRY(put(p, "&"));
    return put_name(p, sz_graph_value(f->graph, id)->name);
}

// Everything but graphs.
static sz_status put_attr(printer *p, const frame *f, const sz_attr *a) {
    switch (a->kind) {
    case SZ_ATTR_INT:
        return put_i(p, a->i);
    case SZ_ATTR_FLOAT:
        return put_f(p, a->f);
    case SZ_ATTR_STRING:
        return put_quoted(p, a->s);
    case SZ_ATTR_INTS:
    case SZ_ATTR_FLOATS:
    case SZ_ATTR_STRINGS:
        return put_list(p, a);
    case SZ_ATTR_TENSOR:
        return put_tensor_attr(p, f, a->tensor);
    case SZ_ATTR_TYPE:
        SZ_TRY(put(p, "type "));
        return put_type(p, a->type);
    default:
        return put(p, "other");
    }
}

static bool is_graph_attr(const sz_attr *a) {
    return a->kind == SZ_ATTR_GRAPH || a->kind == SZ_ATTR_GRAPHS;
}

// ---- nodes -------------------------------------------------------------------------------------

static int32_t default_opset(sz_str domain) {
    if (domain.len == 0) return NEWEST_ONNX;
    return sz_str_is(domain, "ai.onnx.ml") ? NEWEST_ML : 1;
}

static int32_t header_opset(const printer *p, sz_str domain) {
    for (size_t i = 0; i < p->opsets.n; i++)
        if (sz_str_eq(p->opsets.items[i].domain, domain)) return p->opsets.items[i].version;
    return default_opset(domain);
}

static sz_status put_op(printer *p, const sz_node *n) {
    const bool plain = sz_text_is_bare(n->op) && !memchr(n->op.p, '.', n->op.len);
    if (n->domain.len > 0) {
        SZ_TRY(put_name(p, n->domain));
        SZ_TRY(put(p, "."));
    }
    SZ_TRY(plain ? put_n(p, n->op.p, n->op.len) : put_quoted(p, n->op));
    if (n->opset == header_opset(p, n->domain)) return SZ_OK;
    SZ_TRY(put(p, "@"));
    return put_i(p, n->opset);
}

static sz_status put_operands(printer *p, const sz_graph *g, const sz_value_id *ids, int32_t n,
                              bool declared) {
    for (int32_t i = 0; i < n; i++) {
        if (i > 0) SZ_TRY(put(p, ", "));
        if (ids[i] == SZ_NONE) {
            SZ_TRY(put(p, "_"));
            continue;
        }
        const sz_value *v = sz_graph_value(g, ids[i]);
        SZ_TRY(put_name(p, v->name));
        if (!declared || !v->declared) continue;
        SZ_TRY(put(p, ": "));
        SZ_TRY(put_type(p, v->declared));
    }
    return SZ_OK;
}

static sz_status begin_node(printer *p, const sz_graph *g, const sz_node *n) {
    SZ_TRY(indent(p));
    SZ_TRY(put_operands(p, g, n->outputs, n->n_outputs, true));
    SZ_TRY(put(p, n->n_outputs > 0 ? " = " : "= "));
    SZ_TRY(put_op(p, n));
    SZ_TRY(put(p, "("));
    SZ_TRY(put_operands(p, g, n->inputs, n->n_inputs, false));
    return put(p, ")");
}

// What inference found, as a comment.
static sz_status put_inferred(printer *p, const sz_graph *g, const sz_node *n) {
    bool any = false;
    for (int32_t o = 0; o < n->n_outputs; o++)
        any |= n->outputs[o] != SZ_NONE && sz_graph_value(g, n->outputs[o])->type.kind;
    for (int32_t o = 0; any && o < n->n_outputs; o++) {
        SZ_TRY(put(p, o > 0 ? ", " : "  # "));
        SZ_TRY(n->outputs[o] == SZ_NONE ? put(p, "_")
                                        : put_type(p, &sz_graph_value(g, n->outputs[o])->type));
    }
    return SZ_OK;
}

static sz_status end_node(printer *p, const sz_graph *g, const sz_node *n) {
    sz_str usual = {"", 0};
    for (int32_t o = n->n_outputs; o-- > 0;)
        if (n->outputs[o] != SZ_NONE) usual = sz_graph_value(g, n->outputs[o])->name;
    if (!sz_str_eq(usual, n->name)) {
        SZ_TRY(put(p, " as "));
        SZ_TRY(put_quoted(p, n->name));
    }
    SZ_TRY(put_inferred(p, g, n));
    return put(p, "\n");
}

// ---- graphs ------------------------------------------------------------------------------------

static sz_status collect_opsets(printer *p, const sz_graph *g) {
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        bool seen = false;
        for (size_t k = 0; k < p->opsets.n && !seen; k++)
            seen = sz_str_eq(p->opsets.items[k].domain, n->domain);
        const opset row = {n->domain, n->opset};
        if (!seen && !sz_vec_push(p->root->ctx, &p->opsets, row)) return sz_no_memory(p->root->ctx);
    }
    return SZ_OK;
}

static sz_status put_opsets(printer *p) {
    SZ_TRY(collect_opsets(p, p->root));
    for (size_t i = 0; i < p->root->children.n; i++)
        SZ_TRY(collect_opsets(p, p->root->children.items[i]));
    for (size_t i = 0; i < p->opsets.n; i++) {
        const opset *o = &p->opsets.items[i];
        SZ_TRY(put(p, o->domain.len > 0 ? " opset." : " opset"));
        if (o->domain.len > 0) SZ_TRY(put_name(p, o->domain));
        SZ_TRY(put(p, "="));
        SZ_TRY(put_i(p, o->version));
    }
    return SZ_OK;
}

static sz_status put_inputs(printer *p, const sz_graph *g) {
    for (size_t i = 0; i < g->inputs.n; i++) {
        const sz_value *v = sz_graph_value(g, g->inputs.items[i]);
        if (v->kind != SZ_VALUE_INPUT) continue; // an input with an initializer is a constant
        SZ_TRY(indent(p));
        SZ_TRY(put(p, "input "));
        SZ_TRY(put_name(p, v->name));
        SZ_TRY(put(p, ": "));
        SZ_TRY(put_type(p, &v->type));
        SZ_TRY(put(p, "\n"));
    }
    return SZ_OK;
}

static sz_status put_consts(printer *p, const frame *f) {
    for (size_t i = 0; i < f->graph->values.n; i++) {
        const sz_value *v = &f->graph->values.items[i];
        if (v->kind != SZ_VALUE_CONST || v->is_retired || f->in_attr[i]) continue;
        SZ_TRY(indent(p));
        SZ_TRY(put_name(p, v->name));
        SZ_TRY(put(p, " = "));
        SZ_TRY(put_const(p, f->graph, (sz_value_id)i));
        SZ_TRY(put_recipe(p, f->graph, v->constant));
        SZ_TRY(put(p, "\n"));
    }
    return SZ_OK;
}

static sz_status begin_graph(printer *p, sz_graph *g) {
    if (p->depth == MAX_DEPTH)
        return sz_fail(g->ctx, SZ_ERR_LIMIT, "bodies nested more than %d deep", SZ_MAX_BODIES);
    frame f = {.graph = g, .attr = -1};
    SZ_TRY(find_attr_consts(g, &f.in_attr));
    SZ_TRY(put(p, "graph"));
    if (g->name.len > 0) {
        SZ_TRY(put(p, " "));
        SZ_TRY(put_name(p, g->name));
    }
    if (p->depth == 0) SZ_TRY(put_opsets(p));
    SZ_TRY(put(p, " {\n"));
    p->frames[p->depth++] = f;
    SZ_TRY(put_inputs(p, g));
    return put_consts(p, &f);
}

// The member of a group by its first output; the anchor stands in front.
static sz_status put_member(printer *p, const sz_graph *g, sz_node_id id, bool first) {
    const sz_node *n = sz_graph_node(g, id);
    for (int32_t o = 0; o < n->n_outputs; o++) {
        if (n->outputs[o] == SZ_NONE) continue;
        if (!first) SZ_TRY(put(p, ", "));
        return put_name(p, sz_graph_value(g, n->outputs[o])->name);
    }
    return SZ_OK;
}

static sz_status put_groups(printer *p, const sz_graph *g) {
    for (int32_t k = 0; g->plan && k < g->plan->n_groups; k++) {
        const sz_group *group = &g->plan->groups[k];
        SZ_TRY(indent(p));
        SZ_TRY(put(p, "group "));
        SZ_TRY(put(p, sz_group_name((sz_group_kind)group->kind)));
        SZ_TRY(put(p, " "));
        SZ_TRY(put_member(p, g, group->anchor, true));
        for (int32_t i = 0; i < group->n_nodes; i++)
            if (group->nodes[i] != group->anchor)
                SZ_TRY(put_member(p, g, group->nodes[i], false));
        SZ_TRY(put(p, "\n"));
    }
    return SZ_OK;
}

static sz_status end_graph(printer *p, const sz_graph *g) {
    SZ_TRY(put_groups(p, g));
    if (g->outputs.n > 0) {
        SZ_TRY(indent(p));
        SZ_TRY(put(p, "output "));
        SZ_TRY(put_operands(p, g, g->outputs.items, (int32_t)g->outputs.n, false));
        SZ_TRY(put(p, "\n"));
    }
    p->depth--;
    SZ_TRY(indent(p));
    return put(p, "}");
}

// A graph attribute: opens the next graph, or ends the attribute.
static sz_status step_graph_attr(printer *p, frame *f, const sz_attr *a) {
    const bool list = a->kind == SZ_ATTR_GRAPHS;
    if (f->item < a->n) {
        if (f->item > 0)
            SZ_TRY(put(p, ", "));
        else if (list)
            SZ_TRY(put(p, "graphs["));
        return begin_graph(p, a->graphs[f->item++]);
    }
    if (list) SZ_TRY(put(p, a->n > 0 ? "]" : "graphs[]"));
    f->attr++;
    f->item = 0;
    return SZ_OK;
}

static sz_status step_attr(printer *p, frame *f, const sz_node *n) {
    const sz_attr *a = &n->attrs[f->attr];
    if (f->item == 0) { // not in the middle of a list of graphs
        SZ_TRY(put(p, f->attr > 0 ? ", " : " {"));
        SZ_TRY(put_name(p, a->name));
        SZ_TRY(put(p, "="));
    }
    if (is_graph_attr(a)) return step_graph_attr(p, f, a);
    f->attr++;
    return put_attr(p, f, a);
}

// The next piece of the innermost open graph.
static sz_status step(printer *p) {
    frame *f = &p->frames[p->depth - 1];
    if (f->node == f->graph->nodes.n) return end_graph(p, f->graph);
    const sz_node *n = sz_graph_node(f->graph, (sz_node_id)f->node);
    if (f->attr < 0) {
        f->attr = 0;
        return begin_node(p, f->graph, n);
    }
    if (f->attr < n->n_attrs) return step_attr(p, f, n);
    if (n->n_attrs > 0) SZ_TRY(put(p, "}"));
    f->node++;
    f->attr = -1;
    return end_node(p, f->graph, n);
}

static sz_status print_all(printer *p, const char **ret_text) {
    SZ_TRY(begin_graph(p, p->root));
    while (p->depth > 0) SZ_TRY(step(p));
    SZ_TRY(put(p, "\n"));
    char *text = sz_arena_strdup(p->root->arena, p->out.items, p->out.n);
    if (!text) return sz_no_memory(p->root->ctx);
    *ret_text = text;
    return SZ_OK;
}

sz_status sz_graph_print(sz_graph *g, const char **ret_text) {
    printer p = {.root = sz_graph_root(g)};
    sz_status status = print_all(&p, ret_text);
    sz_vec_finish(g->ctx, &p.out);
    sz_vec_finish(g->ctx, &p.opsets);
    return status;
}
