// SPDX-License-Identifier: Apache-2.0
// Reader of the text form (docs/graph-text.md). One pass, no recursion: the graphs that are open at
// one time stand on a stack of their own, each with the node whose attributes are being read.
#include "model/graph/text_reader.h"

#include <stdio.h>

enum { NEWEST_ONNX = 28, NEWEST_ML = 5 };

// What a scratch vector holds, in the arena; NULL = no memory.
static void *keep(sz_text_reader *r, const void *items, size_t n, size_t size) {
    void *copy = sz_arena_array(r->root->arena, n ? n : 1, size);
    if (copy && n) memcpy(copy, items, n * size);
    return copy;
}

// ---- header ------------------------------------------------------------------------------------

static int32_t opset_of(const sz_text_reader *r, sz_str domain) {
    for (int i = 0; i < r->n_opsets; i++)
        if (sz_str_eq(r->opsets[i].domain, domain)) return r->opsets[i].version;
    if (domain.len == 0) return NEWEST_ONNX;
    return sz_str_is(domain, "ai.onnx.ml") ? NEWEST_ML : 1;
}

// "opset=17", "opset.com.microsoft=1", "opset."odd domain"=1"
static sz_status header_opset(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_str word = sz_text_word(t), domain = {"", 0};
    int64_t version;
    t->at += word.len;
    if (word.len > 6) {
        char *copy = sz_arena_strdup(r->root->arena, word.p + 6, word.len - 6);
        if (!copy) return sz_no_memory(t->ctx);
        domain = (sz_str){copy, word.len - 6};
    } else if (word.len == 6) {
        SZ_TRY(sz_text_string(t, &domain));
    }
    SZ_TRY(sz_text_expect(t, '='));
    SZ_TRY(sz_scan_int(t, &version));
    if (version < 0 || version > INT32_MAX) return sz_text_fail(t, "opset out of range");
    if (r->n_opsets == SZ_TEXT_DOMAINS)
        return sz_text_fail(t, "more than %d opsets", SZ_TEXT_DOMAINS);
    r->opsets[r->n_opsets++] = (sz_text_opset){domain, (int32_t)version};
    return SZ_OK;
}

static bool at_opset(sz_text *t) {
    sz_str w = sz_text_word(t);
    if (w.len < 5 || memcmp(w.p, "opset", 5) != 0) return false;
    char next = sz_text_after_word(t);
    return (w.len == 5 || w.p[5] == '.') && (next == '=' || (w.len == 6 && next == '"'));
}

// From behind the word "graph" to the opening brace; makes the graph the top of the stack.
static sz_status open_graph(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_graph *g = r->root;
    if (r->depth == SZ_TEXT_DEPTH)
        return sz_text_fail(t, "bodies nested more than %d deep", SZ_MAX_BODIES);
    if (r->depth > 0) SZ_TRY(sz_graph_create_body(sz_text_top(r)->graph, &g));
    if (sz_text_peek(t) != '{' && !at_opset(t)) SZ_TRY(sz_text_name(t, &g->name, NULL));
    while (at_opset(t)) {
        if (r->depth > 0) return sz_text_fail(t, "only the outermost graph states opsets");
        SZ_TRY(header_opset(r));
    }
    SZ_TRY(sz_text_expect(t, '{'));
    sz_text_frame *f = &r->frames[r->depth++];
    f->graph = g;
    f->has_node = f->in_list = false;
    f->n_groups = 0;
    return SZ_OK;
}

// ---- values ------------------------------------------------------------------------------------

// Is it used already and defined nowhere yet?
static bool is_pending(const sz_value *v) {
    return v->kind == SZ_VALUE_NODE && v->producer == SZ_NONE;
}

static sz_status new_value(sz_text_reader *r, sz_str name, sz_value_kind kind, sz_value_id *ret) {
    sz_graph *g = sz_text_top(r)->graph;
    *ret = sz_graph_find(g, name);
    if (*ret != SZ_NONE && is_pending(sz_graph_value(g, *ret))) {
        sz_graph_value(g, *ret)->kind = (uint8_t)kind;
        return SZ_OK;
    }
    sz_status status = sz_graph_add_value(g, name, kind, ret);
    return status == SZ_OK ? SZ_OK : sz_text_place(&r->t, status);
}

sz_status sz_text_value(sz_text_reader *r, sz_text_frame *f, const char *from, sz_str name,
                        sz_value_id *ret) {
    sz_status status = sz_graph_capture(f->graph, name, ret);
    if (status == SZ_OK && *ret == SZ_NONE) {
        status = sz_graph_add_value(f->graph, name, SZ_VALUE_NODE, ret);
        const sz_text_pending p = {*ret, from};
        if (status == SZ_OK && !sz_vec_push(r->t.ctx, &f->pending, p))
            return sz_no_memory(r->t.ctx);
    }
    return status == SZ_OK ? SZ_OK : sz_text_place(&r->t, status);
}

// At the end of a graph: what is still not defined comes from around it, if it comes at all.
static sz_status settle_pending(sz_text_reader *r) {
    sz_text_frame *f = sz_text_top(r);
    for (size_t i = 0; i < f->pending.n; i++) {
        const sz_text_pending p = f->pending.items[i];
        sz_value *v = sz_graph_value(f->graph, p.id);
        sz_value_id outer;
        if (!is_pending(v)) continue;
        if (r->depth == 1) {
            r->t.at = p.from;
            return sz_text_fail(&r->t, "value '%s' is not defined", sz_show(r->t.ctx, v->name));
        }
        SZ_TRY(sz_text_value(r, f - 1, p.from, v->name, &outer));
        v->kind = SZ_VALUE_CAPTURED;
        v->outer = outer;
        v->type = sz_graph_value(f[-1].graph, outer)->type;
    }
    f->pending.n = 0;
    return SZ_OK;
}

static sz_status left_out_or_name(sz_text_reader *r, sz_str *ret, bool *ret_left_out) {
    bool quoted;
    SZ_TRY(sz_text_name(&r->t, ret, &quoted));
    *ret_left_out = !quoted && sz_str_is(*ret, "_");
    return SZ_OK;
}

// The symbols that this input is the first to show.
static void note_symbols(sz_graph *root, sz_value_id id) {
    const sz_type *type = &sz_graph_value(root, id)->type;
    for (int32_t axis = 0; type->kind == SZ_TYPE_TENSOR && axis < type->rank; axis++) {
        if (type->dims[axis] > SZ_DIM_SYMBOL(0)) continue;
        sz_symbol *s = &root->symbols.items[SZ_SYMBOL_OF(type->dims[axis])];
        if (s->input == SZ_NONE) s->input = id, s->axis = axis;
    }
}

static sz_status read_inputs(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_graph *g = sz_text_top(r)->graph;
    do {
        sz_str name;
        sz_value_id id;
        sz_type type = {.rank = -1, .n_items = -1};
        SZ_TRY(sz_text_name(t, &name, NULL));
        if (sz_text_take(t, ':')) SZ_TRY(sz_text_type(t, &type));
        SZ_TRY(new_value(r, name, SZ_VALUE_INPUT, &id));
        sz_graph_value(g, id)->type = type;
        if (!sz_vec_push(t->ctx, &g->inputs, id)) return sz_no_memory(t->ctx);
        if (g == r->root) note_symbols(g, id);
    } while (sz_text_take(t, ','));
    return SZ_OK;
}

static sz_status declared_type(sz_text_reader *r, const sz_type **ret) {
    sz_type type;
    *ret = NULL;
    if (!sz_text_take(&r->t, ':')) return SZ_OK;
    SZ_TRY(sz_text_type(&r->t, &type));
    *ret = keep(r, &type, 1, sizeof type);
    return *ret ? SZ_OK : sz_no_memory(r->t.ctx);
}

static sz_status read_outputs(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_graph *g = sz_text_top(r)->graph;
    do {
        sz_str name;
        sz_value_id id;
        const sz_type *declared;
        const char *from = (sz_text_peek(t), t->at);
        SZ_TRY(sz_text_name(t, &name, NULL));
        SZ_TRY(sz_text_value(r, sz_text_top(r), from, name, &id));
        SZ_TRY(declared_type(r, &declared));
        sz_value *v = sz_graph_value(g, id);
        v->is_output = true;
        if (declared) v->declared = declared;
        if (!sz_vec_push(t->ctx, &g->outputs, id)) return sz_no_memory(t->ctx);
    } while (sz_text_take(t, ','));
    return SZ_OK;
}

// ---- constants ---------------------------------------------------------------------------------

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Behind the word "const": TYPE [made_of N] [{numbers}] [sparse N]
static sz_status read_const(sz_text_reader *r, sz_type *ret_type, const sz_constant **ret) {
    sz_text *t = &r->t;
    sz_constant c = {.form = SZ_CONST_NOWHERE, .side = SZ_NONE};
    int64_t elements;
    SZ_TRY(sz_text_type(t, ret_type));
    if (ret_type->kind == SZ_TYPE_TENSOR && !sz_type_is_static(ret_type))
        return sz_text_fail(t, "a constant needs a type with all dimensions known");
    sz_status status = sz_type_elements(t->ctx, ret_type, &elements);
    if (status != SZ_OK) return sz_text_place(t, status);
    if (sz_str_is(sz_text_word(t), "made_of") && is_digit(sz_text_after_word(t))) {
        sz_text_take_word(t, "made_of");
        SZ_TRY(sz_scan_int(t, &c.made_of));
        c.is_folded = true;
    }
    if (sz_text_peek(t) == '{') {
        SZ_TRY(sz_text_numbers(t, ret_type, &c.tensor));
        c.form = SZ_CONST_VALUE;
    } else if (sz_str_is(sz_text_word(t), "sparse") && is_digit(sz_text_after_word(t))) {
        sz_text_take_word(t, "sparse");
        SZ_TRY(sz_scan_int(t, &c.sparse_values));
        int64_t bytes = sz_dtype_bytes(ret_type->dtype, c.sparse_values);
        if (bytes < 0 || !sz_madd(&bytes, c.sparse_values, (int64_t)sizeof(int64_t)))
            return sz_text_fail(t, "too many stored values");
        c.form = SZ_CONST_SPARSE, c.length = (uint64_t)bytes;
    }
    *ret = keep(r, &c, 1, sizeof c);
    return *ret ? SZ_OK : sz_no_memory(t->ctx);
}

static sz_status const_statement(sz_text_reader *r) {
    const sz_text_frame *f = sz_text_top(r);
    sz_type type;
    const sz_constant *constant;
    sz_value_id id;
    if (f->outs.n != 1 || f->outs.items[0].left_out)
        return sz_text_fail(&r->t, "a constant has exactly one name");
    const sz_text_out_name *out = &f->outs.items[0];
    SZ_TRY(read_const(r, &type, &constant));
    SZ_TRY(new_value(r, out->name, SZ_VALUE_CONST, &id));
    sz_value *v = sz_graph_value(f->graph, id);
    v->type = type, v->constant = constant, v->declared = out->declared;
    return SZ_OK;
}

// A tensor attribute is a constant of its own; it needs a name that nobody else has.
static sz_status attr_const(sz_text_reader *r, sz_attr *attr) {
    sz_graph *g = sz_text_top(r)->graph;
    char name[128];
    int64_t tries = 0;
    sz_type type;
    const sz_constant *constant;
    SZ_TRY(read_const(r, &type, &constant));
    do {
        const char *node = sz_show(g->ctx, sz_text_top(r)->node.name);
        snprintf(name, sizeof name, "%.80s#%lld", node, (long long)(g->values.n + (size_t)tries++));
    } while (sz_graph_find(g, sz_str_c(name)) != SZ_NONE);
    SZ_TRY(new_value(r, sz_str_c(name), SZ_VALUE_CONST, &attr->tensor));
    sz_value *v = sz_graph_value(g, attr->tensor);
    v->type = type, v->constant = constant;
    attr->kind = SZ_ATTR_TENSOR;
    return SZ_OK;
}

// ---- attributes --------------------------------------------------------------------------------

static sz_status reference_attr(sz_text_reader *r, sz_attr *a) {
    sz_str name;
    SZ_TRY(sz_text_name(&r->t, &name, NULL));
    a->tensor = sz_graph_find(sz_text_top(r)->graph, name);
    if (a->tensor == SZ_NONE ||
        sz_graph_value(sz_text_top(r)->graph, a->tensor)->kind != SZ_VALUE_CONST)
        return sz_text_fail(&r->t, "'%s' is no constant of this graph", sz_show(r->t.ctx, name));
    a->kind = SZ_ATTR_TENSOR;
    return SZ_OK;
}

// Everything but graphs.
static sz_status plain_attr(sz_text_reader *r, sz_attr *a) {
    if (sz_text_take(&r->t, '&')) return reference_attr(r, a);
    if (sz_text_take_word(&r->t, "const")) return attr_const(r, a);
    return sz_text_attr(&r->t, a);
}

static bool at_graph(sz_text *t) { return sz_str_is(sz_text_word(t), "graph"); }

static sz_status push_attr(sz_text_reader *r, const sz_attr *a) {
    sz_text_frame *f = sz_text_top(r);
    if (f->attrs.n >= INT32_MAX) return sz_text_fail(&r->t, "too many attributes");
    return sz_vec_push(r->t.ctx, &f->attrs, *a) ? SZ_OK : sz_no_memory(r->t.ctx);
}

// One "name=value". A graph is only opened: its end comes back to close_graph.
static sz_status read_attr(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_attr a = {.n = 1, .tensor = SZ_NONE};
    SZ_TRY(sz_text_name(t, &a.name, NULL));
    SZ_TRY(sz_text_expect(t, '='));
    sz_text_frame *f = sz_text_top(r);
    bool one = at_graph(t), list = false;
    const char *from = t->at;
    if (sz_text_take_word(t, "graphs")) {
        SZ_TRY(sz_text_expect(t, '['));
        list = true;
    } else if (sz_text_take(t, '[')) {
        list = at_graph(t);
        if (!list) t->at = from;
    }
    if (!one && !list) {
        SZ_TRY(plain_attr(r, &a));
        return push_attr(r, &a);
    }
    a.kind = one ? SZ_ATTR_GRAPH : SZ_ATTR_GRAPHS;
    SZ_TRY(push_attr(r, &a));
    f->graphs.n = 0;
    f->in_list = true;
    if (!one && !at_graph(t)) return SZ_OK; // an empty list
    sz_text_take_word(t, "graph");
    return open_graph(r);
}

static sz_status end_graph_attr(sz_text_reader *r) {
    sz_text_frame *f = sz_text_top(r);
    sz_attr *a = &f->attrs.items[f->attrs.n - 1];
    a->n = (int32_t)f->graphs.n;
    f->in_list = false;
    a->graphs = keep(r, f->graphs.items, f->graphs.n, sizeof *f->graphs.items);
    return a->graphs ? SZ_OK : sz_no_memory(r->t.ctx);
}

// ---- nodes -------------------------------------------------------------------------------------

static sz_status op_name(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_node *n = &sz_text_top(r)->node;
    bool quoted;
    sz_str s;
    SZ_TRY(sz_text_name(t, &s, &quoted));
    n->domain = (sz_str){"", 0};
    if (quoted ? sz_text_take(t, '.') : s.p[s.len - 1] == '.') {
        n->domain = quoted ? s : (sz_str){s.p, s.len - 1};
        SZ_TRY(sz_text_name(t, &n->op, NULL));
    } else {
        const char *dot = quoted ? NULL : memrchr(s.p, '.', s.len);
        if (dot) n->domain = (sz_str){s.p, (uint32_t)(dot - s.p)};
        n->op = dot ? (sz_str){dot + 1, (uint32_t)(s.p + s.len - dot - 1)} : s;
    }
    if (sz_str_is(n->domain, "ai.onnx")) n->domain = (sz_str){"", 0};
    n->opset = opset_of(r, n->domain);
    if (sz_text_take(t, '@')) {
        int64_t version;
        SZ_TRY(sz_scan_int(t, &version));
        if (version < 0 || version > INT32_MAX) return sz_text_fail(t, "opset out of range");
        n->opset = (int32_t)version;
    }
    return SZ_OK;
}

static sz_status operands(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_node *n = &sz_text_top(r)->node;
    SZ_TRY(sz_text_expect(t, '('));
    r->ids.n = 0;
    while (!sz_text_take(t, ')')) {
        sz_str name;
        bool left_out;
        sz_value_id id = SZ_NONE;
        if (r->ids.n > 0) SZ_TRY(sz_text_expect(t, ','));
        const char *from = (sz_text_peek(t), t->at);
        SZ_TRY(left_out_or_name(r, &name, &left_out));
        if (!left_out) SZ_TRY(sz_text_value(r, sz_text_top(r), from, name, &id));
        if (r->ids.n >= INT32_MAX) return sz_text_fail(t, "too many inputs");
        if (!sz_vec_push(t->ctx, &r->ids, id)) return sz_no_memory(t->ctx);
    }
    n->n_inputs = (int32_t)r->ids.n;
    n->inputs = keep(r, r->ids.items, r->ids.n, sizeof *r->ids.items);
    return n->inputs ? SZ_OK : sz_no_memory(t->ctx);
}

// "a, b: f32[2] =" into the names of the node to come
static sz_status left_side(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_text_frame *f = sz_text_top(r);
    f->outs.n = 0;
    if (sz_text_take(t, '=')) return SZ_OK; // a node without outputs
    do {
        sz_text_out_name out;
        SZ_TRY(left_out_or_name(r, &out.name, &out.left_out));
        SZ_TRY(declared_type(r, &out.declared));
        if (f->outs.n >= INT32_MAX) return sz_text_fail(t, "too many outputs");
        if (!sz_vec_push(t->ctx, &f->outs, out)) return sz_no_memory(t->ctx);
    } while (sz_text_take(t, ','));
    return sz_text_expect(t, '=');
}

static sz_status begin_node(sz_text_reader *r) {
    sz_text_frame *f = sz_text_top(r);
    f->node = (sz_node){.row = SZ_NONE};
    f->node.name = (sz_str){"", 0};
    for (size_t i = f->outs.n; i-- > 0;)
        if (!f->outs.items[i].left_out) f->node.name = f->outs.items[i].name;
    SZ_TRY(op_name(r));
    SZ_TRY(operands(r));
    f->attrs.n = 0;
    f->has_node = true;
    return SZ_OK;
}

static sz_status node_outputs(sz_text_reader *r) {
    sz_text_frame *f = sz_text_top(r);
    r->ids.n = 0;
    for (size_t i = 0; i < f->outs.n; i++) {
        const sz_text_out_name *out = &f->outs.items[i];
        sz_value_id id = SZ_NONE;
        if (!out->left_out) {
            SZ_TRY(new_value(r, out->name, SZ_VALUE_NODE, &id));
            if (out->declared) sz_graph_value(f->graph, id)->declared = out->declared;
        }
        if (!sz_vec_push(r->t.ctx, &r->ids, id)) return sz_no_memory(r->t.ctx);
    }
    f->node.n_outputs = (int32_t)r->ids.n;
    f->node.outputs = keep(r, r->ids.items, r->ids.n, sizeof *r->ids.items);
    return f->node.outputs ? SZ_OK : sz_no_memory(r->t.ctx);
}

// Everything of the node has been read but `as "name"`.
static sz_status end_node(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_text_frame *f = sz_text_top(r);
    sz_node_id id;
    if (sz_str_is(sz_text_word(t), "as") && sz_text_after_word(t) == '"') {
        sz_text_take_word(t, "as");
        SZ_TRY(sz_text_string(t, &f->node.name));
    }
    SZ_TRY(node_outputs(r));
    f->node.n_attrs = (int32_t)f->attrs.n;
    f->node.attrs = keep(r, f->attrs.items, f->attrs.n, sizeof *f->attrs.items);
    if (!f->node.attrs) return sz_no_memory(t->ctx);
    f->has_node = false;
    sz_status status = sz_graph_add_node(f->graph, &f->node, &id);
    return status == SZ_OK ? SZ_OK : sz_text_place(t, status);
}

// ---- statements --------------------------------------------------------------------------------

// Is this word a keyword here, or the name of a value?
static bool at_keyword(sz_text *t, const char *word) {
    if (!sz_str_is(sz_text_word(t), word)) return false;
    char c = sz_text_after_word(t);
    return c != '=' && c != ',' && c != ':';
}

static sz_status close_graph(sz_text_reader *r) {
    sz_graph *done = sz_text_top(r)->graph;
    SZ_TRY(settle_pending(r));
    if (sz_text_top(r)->n_groups) SZ_TRY(sz_text_settle_groups(r));
    r->depth--;
    if (r->depth == 0) return SZ_OK;
    return sz_vec_push(r->t.ctx, &sz_text_top(r)->graphs, done) ? SZ_OK : sz_no_memory(r->t.ctx);
}

static sz_status statement(sz_text_reader *r) {
    sz_text *t = &r->t;
    if (sz_text_take(t, ';')) return SZ_OK;
    if (sz_text_take(t, '}')) return close_graph(r);
    if (sz_text_done(t)) return sz_text_fail(t, "expected '}', found the end");
    if (at_keyword(t, "input")) return sz_text_take_word(t, "input"), read_inputs(r);
    if (at_keyword(t, "group")) return sz_text_take_word(t, "group"), sz_text_group(r);
    if (at_keyword(t, "output")) return sz_text_take_word(t, "output"), read_outputs(r);
    SZ_TRY(left_side(r));
    if (sz_str_is(sz_text_word(t), "const") && sz_text_after_word(t) != '(') {
        sz_text_take_word(t, "const");
        return const_statement(r);
    }
    SZ_TRY(begin_node(r));
    return sz_text_take(t, '{') ? SZ_OK : end_node(r);
}

// One step inside the braces of attributes.
static sz_status attribute(sz_text_reader *r) {
    sz_text *t = &r->t;
    sz_text_frame *f = sz_text_top(r);
    if (f->in_list) { // a graph has just ended
        bool one = f->attrs.items[f->attrs.n - 1].kind == SZ_ATTR_GRAPH;
        if (!one && f->graphs.n > 0 && sz_text_take(t, ',')) {
            if (!sz_text_take_word(t, "graph")) return sz_text_fail(t, "expected 'graph'");
            return open_graph(r);
        }
        if (!one) SZ_TRY(sz_text_expect(t, ']'));
        SZ_TRY(end_graph_attr(r));
    } else if (!sz_text_take(t, '}')) {
        if (f->attrs.n > 0) SZ_TRY(sz_text_expect(t, ','));
        return read_attr(r);
    } else {
        return end_node(r);
    }
    return SZ_OK;
}

static sz_status read_all(sz_text_reader *r) {
    sz_text *t = &r->t;
    if (!sz_text_take_word(t, "graph")) return sz_text_fail(t, "expected 'graph'");
    SZ_TRY(open_graph(r));
    while (r->depth > 0) SZ_TRY(sz_text_top(r)->has_node ? attribute(r) : statement(r));
    if (sz_text_done(t)) return SZ_OK;
    return sz_text_fail(t, "expected nothing after the graph");
}

static void finish(sz_text_reader *r) {
    sz_ctx *ctx = r->t.ctx;
    for (int i = 0; i < SZ_TEXT_DEPTH; i++) {
        sz_vec_finish(ctx, &r->frames[i].outs);
        sz_vec_finish(ctx, &r->frames[i].attrs);
        sz_vec_finish(ctx, &r->frames[i].graphs);
        sz_vec_finish(ctx, &r->frames[i].pending);
        sz_vec_finish(ctx, &r->frames[i].members);
    }
    sz_vec_finish(ctx, &r->ids);
}

sz_status sz_graph_parse(sz_ctx *ctx, const char *text, size_t len, sz_graph **ret_graph) {
    sz_text_reader *r = sz_alloc(ctx, sizeof *r);
    if (!r) return sz_no_memory(ctx);
    sz_status status = sz_graph_create(ctx, &r->root);
    if (status == SZ_OK) {
        r->root->name = r->root->producer = (sz_str){"", 0};
        r->root->format = sz_str_c("text");
        sz_text_init(&r->t, r->root, text, len);
        status = read_all(r);
        finish(r);
    }
    if (status == SZ_OK)
        *ret_graph = r->root;
    else
        sz_graph_destroy(r->root);
    sz_free(ctx, r, sizeof *r);
    return status;
}
