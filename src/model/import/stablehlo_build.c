// SPDX-License-Identifier: Apache-2.0
// StableHLO text: from operators to values and nodes.
#include "model/import/stablehlo.h"

#include "model/ops/rule.h"

#include <inttypes.h>

#define XLA "xla"

// ---- values ------------------------------------------------------------------------------------

// A region sees what stands around it, up to its function.
sz_status shlo_lookup(shlo *x, sz_str name, sz_value_id *ret_id) {
    const shlo_frame *top = shlo_top(x);
    for (size_t i = x->frames.n; i-- > 0 && x->frames.items[i].function == top->function;) {
        if (sz_graph_find(x->frames.items[i].graph, name) == SZ_NONE) continue;
        return sz_graph_capture(top->graph, name, ret_id);
    }
    return shlo_fail(x, "value '%%%s' is not defined", sz_show(x->ctx, name));
}

sz_status shlo_value(shlo *x, sz_graph *g, sz_str name, sz_value_kind kind, const sz_type *type,
                     sz_value_id *ret_id) {
    if (sz_graph_find(g, name) != SZ_NONE)
        return shlo_fail(x, "value '%%%s' is defined twice", sz_show(x->ctx, name));
    SZ_TRY(sz_graph_add_value(g, name, kind, ret_id));
    sz_value *v = sz_graph_value(g, *ret_id);
    v->type = *type;
    if (kind == SZ_VALUE_NODE) v->declared = type;
    return SZ_OK;
}

// "name" and a number behind, with a character that no name of the file holds.
static sz_status numbered(shlo *x, sz_str name, char mark, int64_t number, sz_str *ret) {
    char digits[SZ_DIGITS_SIZE];
    const size_t n = sz_digits(digits, number);
    char *joined = sz_arena_alloc(x->root->arena, name.len + n + 1);
    if (!joined) return sz_no_memory(x->ctx);
    memcpy(joined, name.p, name.len);
    joined[name.len] = mark;
    memcpy(joined + name.len + 1, digits, n);
    *ret = (sz_str){joined, name.len + 1 + (uint32_t)n};
    return SZ_OK;
}

// "name" and words behind that no name of the file holds.
static sz_status suffixed(shlo *x, sz_str name, const char *tail, sz_str *ret) {
    const size_t n = strlen(tail);
    char *joined = sz_arena_alloc(x->root->arena, name.len + n + 1);
    if (!joined) return sz_no_memory(x->ctx);
    memcpy(joined, name.p, name.len);
    memcpy(joined + name.len, tail, n);
    *ret = (sz_str){joined, name.len + (uint32_t)n};
    return SZ_OK;
}

// ---- nodes -------------------------------------------------------------------------------------

typedef struct draft {
    sz_str op, domain;
    size_t n_in;
    const sz_value_id *in;
    sz_str name; // of its output
    const sz_type *type;
    uint64_t offset;
} draft;

// Attributes are those in x->out, which is emptied.
static sz_status add_node(shlo *x, sz_graph *g, const draft *d, sz_value_id *ret_id) {
    sz_value_id *in = sz_arena_array(x->root->arena, d->n_in ? d->n_in : 1, sizeof *in);
    sz_value_id *out = sz_arena_array(x->root->arena, 1, sizeof *out);
    sz_attr *attrs = sz_arena_array(x->root->arena, x->out.n ? x->out.n : 1, sizeof *attrs);
    if (!in || !out || !attrs || d->n_in > INT32_MAX) return sz_no_memory(x->ctx);
    SZ_TRY(shlo_value(x, g, d->name, SZ_VALUE_NODE, d->type, ret_id));
    if (d->n_in) memcpy(in, d->in, d->n_in * sizeof *in);
    if (x->out.n) memcpy(attrs, x->out.items, x->out.n * sizeof *attrs);
    out[0] = *ret_id;
    const sz_node node = {.name = sz_graph_value(g, *ret_id)->name,
                          .op = d->op,
                          .domain = d->domain,
                          .opset = 1,
                          .inputs = in,
                          .outputs = out,
                          .attrs = attrs,
                          .n_inputs = (int32_t)d->n_in,
                          .n_outputs = 1,
                          .n_attrs = (int32_t)x->out.n,
                          .offset = d->offset};
    x->out.n = 0;
    x->functions.items[shlo_top(x)->function].nodes++;
    return sz_graph_add_node(g, &node, NULL);
}

static sz_status add_item(shlo *x, sz_graph *g, sz_value_id tuple, int64_t k, sz_str name,
                          const sz_type *type, uint64_t offset) {
    sz_value_id id;
    x->out.n = 0;
    SZ_TRY(shlo_out_int(x, "index", k));
    const draft d = {.op = sz_str_c("get-tuple-element"),
                     .domain = sz_str_c(XLA),
                     .n_in = 1,
                     .in = &tuple,
                     .name = name,
                     .type = type,
                     .offset = offset};
    return add_node(x, g, &d, &id);
}

// ---- regions -----------------------------------------------------------------------------------

static sz_status free_dims(shlo *x, sz_value_id id) {
    sz_value *v = sz_graph_value(x->root, id);
    sz_type t = v->type;
    int64_t *dims = sz_graph_dims(x->root, t.rank);
    if (!dims) return sz_no_memory(x->ctx);
    for (int32_t k = 0; k < t.rank; k++) {
        dims[k] = t.dims[k];
        if (dims[k] >= 0) continue;
        sz_str name;
        if (x->root->symbols.n >= SZ_SHLO_MAX_SYMBOLS)
            return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d free dimensions",
                           SZ_SHLO_MAX_SYMBOLS);
        SZ_TRY(numbered(x, v->name, '.', k, &name));
        SZ_TRY(sz_graph_symbol(x->root, name, &dims[k]));
        sz_symbol *s = &x->root->symbols.items[SZ_SYMBOL_OF(dims[k])];
        if (s->input == SZ_NONE) s->input = id, s->axis = k;
    }
    t.dims = dims;
    v->type = t;
    return SZ_OK;
}

static sz_status plain_args(shlo *x, sz_graph *g, const shlo_arg *args, size_t n, bool is_main) {
    for (size_t k = 0; k < n; k++) {
        sz_value_id id;
        SZ_TRY(shlo_value(x, g, args[k].name, SZ_VALUE_INPUT, args[k].type, &id));
        if (is_main && args[k].type->rank > 0) SZ_TRY(free_dims(x, id));
        if (!sz_vec_push(x->ctx, &g->inputs, id)) return sz_no_memory(x->ctx);
    }
    return SZ_OK;
}

sz_status shlo_region_args(shlo *x, sz_graph *g, const shlo_arg *args, size_t n, bool as_tuple,
                           bool is_main) {
    if (!as_tuple || n == 1) return plain_args(x, g, args, n, is_main);
    const sz_type **items = sz_arena_array(&x->scratch, n ? n : 1, sizeof *items);
    if (!items) return sz_no_memory(x->ctx);
    for (size_t k = 0; k < n; k++) items[k] = args[k].type;
    const sz_type *tuple = shlo_tuple(x, n, items);
    sz_value_id id;
    if (!tuple) return sz_no_memory(x->ctx);
    SZ_TRY(shlo_value(x, g, sz_str_c("carried#"), SZ_VALUE_INPUT, tuple, &id));
    if (!sz_vec_push(x->ctx, &g->inputs, id)) return sz_no_memory(x->ctx);
    for (size_t k = 0; k < n; k++)
        SZ_TRY(add_item(x, g, id, (int64_t)k, args[k].name, args[k].type, 0));
    return SZ_OK;
}

static sz_status tuple_of(shlo *x, sz_graph *g, size_t n, const sz_value_id *ids, sz_str name,
                          uint64_t offset, sz_value_id *ret_id) {
    const sz_type **items = sz_arena_array(&x->scratch, n ? n : 1, sizeof *items);
    if (!items) return sz_no_memory(x->ctx);
    for (size_t k = 0; k < n; k++) {
        sz_type *copy = sz_arena_alloc(x->root->arena, sizeof *copy);
        if (!copy) return sz_no_memory(x->ctx);
        *copy = sz_graph_value(g, ids[k])->type;
        const sz_type *declared = sz_graph_value(g, ids[k])->declared;
        items[k] = declared ? declared : copy;
    }
    const sz_type *type = shlo_tuple(x, n, items);
    if (!type) return sz_no_memory(x->ctx);
    x->out.n = 0;
    const draft d = {.op = sz_str_c("tuple"),
                     .domain = sz_str_c(XLA),
                     .n_in = n,
                     .in = ids,
                     .name = name,
                     .type = type,
                     .offset = offset};
    return add_node(x, g, &d, ret_id);
}

static sz_status add_output(shlo *x, sz_graph *g, sz_value_id id) {
    if (g == x->root && sz_graph_value(g, id)->is_output) return SZ_OK;
    sz_graph_value(g, id)->is_output = true;
    return sz_vec_push(x->ctx, &g->outputs, id) ? SZ_OK : sz_no_memory(x->ctx);
}

// The main function gives its results one by one; all others one value or a tuple.
sz_status shlo_return(shlo *x, const shlo_op *op) {
    shlo_frame *f = shlo_top(x);
    const size_t n = x->operands.n - op->first_operand;
    const sz_value_id *ids = x->operands.items + op->first_operand;
    if (f->returned) return shlo_fail(x, "a region returns twice");
    f->returned = true;
    if (f->graph == x->root) {
        for (size_t k = 0; k < n; k++) SZ_TRY(add_output(x, f->graph, ids[k]));
        return SZ_OK;
    }
    sz_value_id id;
    if (n == 1) return add_output(x, f->graph, ids[0]);
    SZ_TRY(tuple_of(x, f->graph, n, ids, sz_str_c("returned#"), op->offset, &id));
    return add_output(x, f->graph, id);
}

// ---- opcodes -----------------------------------------------------------------------------------

static bool is_dialect(sz_str d) {
    static const char *const known[] = {"stablehlo", "mhlo", "chlo", "vhlo"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (sz_str_is(d, known[i])) return true;
    return false;
}

// Opcodes of HLO are those of StableHLO with '-' for '_', but for these.
static const struct {
    const char *name, *opcode;
} renamed[] = {
    {"broadcast_in_dim", "broadcast"},
    {"dynamic_broadcast_in_dim", "broadcast"},
    {"dot_general", "dot"},
    {"case", "conditional"},
    {"if", "conditional"},
    {"real_dynamic_slice", "dynamic-slice"},
    {"dynamic_gather", "gather"},
    {"dynamic_pad", "pad"},
    {"dynamic_iota", "iota"},
    {"create_token", "after-all"},
    {"dynamic_conv", "convolution"},
    {"top_k", "topk"},
    {"composite", "call"},
};

// "stablehlo.dot_general" -> domain "xla", opcode "dot"; other dialects stay what they are.
static sz_status opcode_of(shlo *x, const shlo_op *op, sz_str *ret_op, sz_str *ret_domain) {
    const char *dot = op->name.len ? memchr(op->name.p, '.', op->name.len) : NULL;
    const uint32_t at = dot ? (uint32_t)(dot - op->name.p) : 0;
    const sz_str dialect = {op->name.p, at};
    sz_str name = dot ? (sz_str){dot + 1, op->name.len - at - 1} : op->name;
    *ret_domain = sz_str_c(XLA);
    const bool calls = (!dot || sz_str_is(dialect, "func")) && sz_str_is(name, "call");
    if (sz_str_is(op->name, "sdy.sharding_constraint")) {
        *ret_op = sz_str_c("domain"); // says where it lies
        return SZ_OK;
    }
    if (!calls && !is_dialect(dialect)) SZ_TRY(shlo_keep_long(x, dialect, ret_domain));
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (sz_str_is(name, renamed[i].name)) return *ret_op = sz_str_c(renamed[i].opcode), SZ_OK;
    SZ_TRY(shlo_keep_long(x, name, ret_op));
    for (uint32_t i = 0; i < ret_op->len; i++)
        if (ret_op->p[i] == '_') ((char *)ret_op->p)[i] = '-'; // own memory
    // what XLA has no opcode for (ops/chlo.def)
    if (sz_str_is(dialect, "chlo") && sz_op_find(sz_str_c(XLA), *ret_op) == SZ_NONE)
        *ret_domain = sz_str_c("chlo");
    return SZ_OK;
}

// ---- constants ---------------------------------------------------------------------------------

static sz_status constant(shlo *x, const shlo_op *op, const sz_type *type) {
    const sz_str *text = shlo_find(x, op, "value");
    sz_graph *g = shlo_top(x)->graph;
    const sz_tensor *numbers = NULL;
    sz_value_id id;
    if (!text) text = shlo_find(x, op, "");
    if (text) SZ_TRY(shlo_numbers(x, *text, type, &numbers));
    sz_constant *c = sz_arena_alloc(x->root->arena, sizeof *c);
    if (!c) return sz_no_memory(x->ctx);
    *c = (sz_constant){
        .form = numbers ? SZ_CONST_VALUE : SZ_CONST_NOWHERE, .side = SZ_NONE, .tensor = numbers};
    SZ_TRY(shlo_value(x, g, x->results.items[op->first_result].name, SZ_VALUE_CONST, type, &id));
    sz_graph_value(g, id)->constant = c;
    return SZ_OK;
}

// ---- results -----------------------------------------------------------------------------------

static int64_t count_results(const shlo *x, const shlo_op *op) {
    int64_t n = 0;
    for (size_t i = op->first_result; i < x->results.n; i++) n += x->results.items[i].count;
    return n;
}

// Behind the arrow; without one the last types of the list ("select ... : tensor<i1>,
// tensor<f32>").
static sz_status result_types(shlo *x, const shlo_op *op, int64_t n, const sz_type *const **ret) {
    const size_t all = x->types.n, from = op->has_arrow ? op->arrow : op->first_type;
    const bool fits = op->has_arrow ? all - from == (size_t)n : all - from >= (size_t)n;
    if (!op->has_types || !fits)
        return shlo_fail(x, "'%s' has %lld results and %zu types", sz_show(x->ctx, op->name),
                         (long long)n, op->has_types ? all - from : 0);
    *ret = x->types.items + (all - (size_t)n);
    return SZ_OK;
}

// Takes a tuple apart under the names of the file.
static sz_status spread(shlo *x, const shlo_op *op, sz_value_id tuple,
                        const sz_type *const *types) {
    sz_graph *g = shlo_top(x)->graph;
    int64_t k = 0;
    for (size_t i = op->first_result; i < x->results.n; i++) {
        const shlo_result r = x->results.items[i];
        for (int64_t j = 0; j < r.count; j++, k++) {
            sz_str name = r.name;
            if (r.count > 1) SZ_TRY(numbered(x, r.name, '#', j, &name));
            SZ_TRY(add_item(x, g, tuple, k, name, types[k], op->offset));
        }
    }
    return SZ_OK;
}

static bool is_static(const sz_type *t) {
    return t->kind != SZ_TYPE_TENSOR || sz_type_is_static(t);
}

// One result: the node's own. Several, or a name with a count: a tuple.
static sz_status with_results(shlo *x, const shlo_op *op, draft *d) {
    sz_graph *g = shlo_top(x)->graph;
    const int64_t n = count_results(x, op);
    const sz_type *const *types = NULL;
    sz_value_id id;
    if (n == 0) {
        d->type = shlo_tuple(x, 0, NULL);
        if (!d->type) return sz_no_memory(x->ctx);
        SZ_TRY(numbered(x, d->op, '@', (int64_t)op->offset, &d->name));
        return add_node(x, g, d, &id);
    }
    SZ_TRY(result_types(x, op, n, &types));
    d->name = x->results.items[op->first_result].name;
    if (n == 1) {
        d->type = types[0];
        SZ_TRY(add_node(x, g, d, &id));
        // what is open here may be told from the operands
        if (!is_static(d->type)) sz_graph_value(g, id)->declared = NULL;
        return SZ_OK;
    }
    d->type = shlo_tuple(x, (size_t)n, types);
    if (!d->type) return sz_no_memory(x->ctx);
    SZ_TRY(suffixed(x, d->name, "#all", &d->name));
    SZ_TRY(add_node(x, g, d, &id));
    return spread(x, op, id, types);
}

// ---- bodies ------------------------------------------------------------------------------------

sz_status shlo_function_of(shlo *x, sz_str name, int32_t *ret_index) {
    shlo_function f = {.line = x->line, .column = x->column};
    if (sz_map_get(&x->function_names, name, ret_index)) return SZ_OK;
    SZ_TRY(shlo_keep_long(x, name, &f.name));
    if (x->has_main ? sz_str_is(name, "main") : x->functions.n == 0)
        f.graph = x->root;
    else
        SZ_TRY(sz_graph_create_body(x->root, &f.graph));
    f.graph->name = f.name;
    if (!sz_vec_push(x->ctx, &x->functions, f)) return sz_no_memory(x->ctx);
    *ret_index = (int32_t)x->functions.n - 1;
    return sz_map_put(&x->function_names, f.name, *ret_index);
}

// A call belongs to the function that is open: its calls stand together, since functions do not
// nest.
static sz_status call(shlo *x, const shlo_op *op) {
    sz_str name = op->callee;
    const sz_str *decomposition = shlo_find(x, op, "decomposition");
    int32_t index;
    if (decomposition && decomposition->len > 1)
        name = (sz_str){decomposition->p + 1, decomposition->len - 1};
    if (name.len == 0) {
        const sz_str *callee = shlo_find(x, op, "callee");
        if (callee && callee->len > 1) name = (sz_str){callee->p + 1, callee->len - 1};
    }
    if (name.len == 0) return shlo_fail(x, "a call of no function");
    SZ_TRY(shlo_function_of(x, name, &index));
    if (x->functions.items[index].graph == x->root)
        return shlo_fail(x, "the main function is called");
    if (!sz_vec_push(x->ctx, &x->calls, index)) return sz_no_memory(x->ctx);
    x->functions.items[shlo_top(x)->function].n_calls++;
    return shlo_out_graph(x, "to_apply", 1, &x->functions.items[index].graph);
}

sz_status shlo_apply(shlo *x, sz_str name, const sz_type *type, size_t n_pairs,
                     sz_graph **ret_graph) {
    const shlo_op op = {.name = name};
    sz_type *scalar = sz_arena_alloc(x->root->arena, sizeof *scalar);
    sz_value_id in[2], id;
    draft d = {.n_in = 2, .in = in, .name = sz_str_c("applied#"), .type = scalar};
    if (!scalar) return sz_no_memory(x->ctx);
    *scalar = sz_type_tensor(type->dtype, 0, NULL);
    (void)n_pairs;
    SZ_TRY(sz_graph_create_body(shlo_top(x)->graph, ret_graph));
    const shlo_arg args[2] = {{sz_str_c("a#"), scalar}, {sz_str_c("b#"), scalar}};
    SZ_TRY(shlo_region_args(x, *ret_graph, args, 2, false, false));
    in[0] = (*ret_graph)->inputs.items[0], in[1] = (*ret_graph)->inputs.items[1];
    SZ_TRY(opcode_of(x, &op, &d.op, &d.domain));
    x->out.n = 0;
    SZ_TRY(add_node(x, *ret_graph, &d, &id));
    return add_output(x, *ret_graph, id);
}

static sz_status add_bodies(shlo *x, const shlo_op *op, sz_str opcode) {
    sz_graph *const *regions = x->regions.items + op->first_region;
    const size_t n = x->regions.n - op->first_region;
    if (sz_str_is(opcode, "call")) return call(x, op);
    if (n == 0) return SZ_OK;
    if (sz_str_is(opcode, "while") || sz_str_is(opcode, "select-and-scatter")) {
        const bool loop = sz_str_is(opcode, "while");
        if (n != 2) return shlo_fail(x, "'%s' has %zu regions, not 2", sz_show(x->ctx, opcode), n);
        SZ_TRY(shlo_out_graph(x, loop ? "condition" : "select", 1, &regions[0]));
        return shlo_out_graph(x, loop ? "body" : "scatter", 1, &regions[1]);
    }
    if (sz_str_is(opcode, "conditional")) return shlo_out_graph(x, "branches", n, regions);
    return shlo_out_graph(x, n == 1 ? "to_apply" : "branches", n, regions);
}

sz_status shlo_build(shlo *x, shlo_op *op) {
    sz_graph *g = shlo_top(x)->graph;
    draft d = {.offset = op->offset};
    if (!g) return shlo_fail(x, "'%s' stands outside of a function", sz_show(x->ctx, op->name));
    SZ_TRY(opcode_of(x, op, &d.op, &d.domain));
    if (sz_str_is(d.op, "constant") && count_results(x, op) == 1) {
        const sz_type *const *types;
        SZ_TRY(result_types(x, op, 1, &types));
        return constant(x, op, types[0]);
    }
    d.n_in = x->operands.n - op->first_operand;
    d.in = x->operands.items + op->first_operand;
    if (op->applies.len && d.n_in) {
        sz_graph *body;
        SZ_TRY(shlo_apply(x, op->applies, &sz_graph_value(g, d.in[0])->type, 1, &body));
        if (!sz_vec_push(x->ctx, &x->regions, body)) return sz_no_memory(x->ctx);
    }
    sz_value_id carried;
    if (sz_str_is(op->name, "chlo.square") && d.n_in == 1) { // as XLA writes it
        d.op = sz_str_c("multiply");
        d.domain = sz_str_c(XLA);
        if (!sz_vec_push(x->ctx, &x->operands, d.in[0])) return sz_no_memory(x->ctx);
        d.in = x->operands.items + op->first_operand, d.n_in = 2;
    }
    if (sz_str_is(d.op, "while") && d.n_in > 1) {
        sz_str name = x->results.n > op->first_result ? x->results.items[op->first_result].name
                                                      : d.op;
        SZ_TRY(suffixed(x, name, "#in", &name));
        SZ_TRY(tuple_of(x, g, d.n_in, d.in, name, op->offset, &carried));
        d.n_in = 1, d.in = &carried;
    }
    x->out.n = 0;
    SZ_TRY(shlo_attrs(x, op, d.op));
    if (sz_str_is(d.op, "get-tuple-element")) {
        const sz_str *at = shlo_find(x, op, "[]");
        if (!at) at = shlo_find(x, op, "index");
        if (at) SZ_TRY(shlo_ints(x, *at));
        if (at && x->ints.n == 1) SZ_TRY(shlo_out_int(x, "index", x->ints.items[0]));
    }
    SZ_TRY(add_bodies(x, op, d.op));
    return with_results(x, op, &d);
}
