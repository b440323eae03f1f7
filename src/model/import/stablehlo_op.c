// SPDX-License-Identifier: Apache-2.0
// StableHLO text: operators. The pretty forms differ from operator to operator; what they have in
// common is read here: operands, words, `name = value`, dictionaries, regions, and a type at the
// end.
#include "model/import/stablehlo.h"

static sz_status push_attr(shlo *x, sz_str name, sz_str value) {
    const shlo_pair p = {name, value};
    if (x->attrs.n - shlo_open(x)->first_attr >= SZ_SHLO_MAX_ATTRS)
        return shlo_fail(x, "more than %d attributes", SZ_SHLO_MAX_ATTRS);
    return sz_vec_push(x->ctx, &x->attrs, p) ? SZ_OK : sz_no_memory(x->ctx);
}

// After '%': a name, perhaps with "#2" behind.
static sz_status value_name(shlo *x, sz_str *ret_name) {
    sz_str word;
    int c;
    SZ_TRY(shlo_word(x, &word));
    if (word.len == 0) return shlo_fail(x, "'%%' without a name");
    SZ_TRY(shlo_peek(x, 0, &c));
    while (c == '#' || (c >= '0' && c <= '9')) { // "0#1"
        if (x->buf.n >= SZ_SHLO_MAX_TEXT) return shlo_fail(x, "a name is too long");
        if (!sz_vec_push(x->ctx, &x->buf, (char)c)) return sz_no_memory(x->ctx);
        SZ_TRY(shlo_get(x, &c));
        SZ_TRY(shlo_peek(x, 0, &c));
    }
    return shlo_keep(x, (sz_str){x->buf.items, (uint32_t)x->buf.n}, ret_name);
}

// ---- dictionaries ------------------------------------------------------------------------------

// A name: a word or a string. Empty when neither stands there.
static sz_status key(shlo *x, sz_str *ret_name) {
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '"')
        SZ_TRY(shlo_quoted(x, ret_name));
    else
        SZ_TRY(shlo_word(x, ret_name));
    return shlo_keep(x, *ret_name, ret_name);
}

// After '{': `name = value, flag`, and the '}'.
static sz_status dictionary(shlo *x) {
    bool more, there;
    SZ_TRY(shlo_accept(x, '}', &there));
    for (more = !there; more;) {
        sz_str name, value = sz_str_c("");
        SZ_TRY(key(x, &name));
        if (name.len == 0) return shlo_fail(x, "the name of an attribute is expected here");
        SZ_TRY(shlo_accept(x, '=', &there));
        if (there) SZ_TRY(shlo_until(x, ",", &value));
        SZ_TRY(push_attr(x, name, value));
        SZ_TRY(shlo_accept(x, ',', &more));
        if (!more) SZ_TRY(shlo_expect(x, '}'));
    }
    return SZ_OK;
}

// A bracket with all that is in it, as text.
static sz_status group(shlo *x, char open, char close, sz_str *ret_text) {
    SZ_TRY(shlo_expect(x, open));
    SZ_TRY(shlo_until(x, "", ret_text));
    return shlo_expect(x, close);
}

// Does '{' open a region? Its first statement begins with '%', '^' or '"', or is a word that no
// '=', ',' or '}' follows.
static sz_status is_region(shlo *x, bool *ret_region) {
    size_t at = 1;
    int c;
    SZ_TRY(shlo_peek(x, at, &c));
    while ((c == ' ' || c == '\n' || c == '\r' || c == '\t') && at < SHLO_AHEAD)
        SZ_TRY(shlo_peek(x, ++at, &c));
    *ret_region = c == '%' || c == '^';
    if (!shlo_is_word(c)) return SZ_OK;
    while (shlo_is_word(c) && at < SHLO_AHEAD) SZ_TRY(shlo_peek(x, ++at, &c));
    while ((c == ' ' || c == '\n') && at < SHLO_AHEAD) SZ_TRY(shlo_peek(x, ++at, &c));
    *ret_region = c != '=' && c != ',' && c != '}';
    return SZ_OK;
}

// ---- regions -----------------------------------------------------------------------------------

static sz_status push_region(shlo *x, bool in_parens) {
    const shlo_frame *outer = shlo_top(x);
    shlo_frame f = {.kind = SHLO_REGION, .function = outer->function, .in_parens = in_parens};
    if (!outer->graph) return shlo_fail(x, "a region outside of a function");
    if (x->frames.n > SZ_MAX_BODIES)
        return shlo_fail(x, "regions are nested deeper than %d", SZ_MAX_BODIES);
    SZ_TRY(sz_graph_create_body(outer->graph, &f.graph));
    if (!sz_vec_push(x->ctx, &x->regions, f.graph)) return sz_no_memory(x->ctx);
    return sz_vec_push(x->ctx, &x->frames, f) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status shlo_next_region(shlo *x) {
    SZ_TRY(shlo_expect(x, '{'));
    return push_region(x, true);
}

static bool ends_in(sz_str s, const char *tail) {
    const size_t n = strlen(tail);
    return s.len >= n && memcmp(s.p + s.len - n, tail, n) == 0;
}

static bool is_loop(const shlo_op *op) { return ends_in(op->name, ".while"); }

// Regions of `while` in its pretty form: the arguments stand before, their types behind the ':'.
static sz_status loop_region(shlo *x, shlo_op *op) {
    const size_t n = op->n_args, types = x->types.n - op->first_type;
    shlo_arg *args = x->args.items + (x->args.n - n);
    if (types != n) return shlo_fail(x, "a loop of %zu values has %zu types", n, types);
    for (size_t k = 0; k < n; k++) args[k].type = x->types.items[op->first_type + k];
    SZ_TRY(shlo_expect(x, '{'));
    SZ_TRY(push_region(x, false));
    return shlo_region_args(x, shlo_top(x)->graph, args, n, true, false);
}

// "(%a: T, %b: T loc(...))" behind the '('; into x->args from *ret_first on.
static sz_status arguments(shlo *x) {
    bool more, there;
    sz_str text;
    SZ_TRY(shlo_accept(x, ')', &there));
    for (more = !there; more;) {
        shlo_arg a;
        SZ_TRY(shlo_expect(x, '%'));
        SZ_TRY(value_name(x, &a.name));
        SZ_TRY(shlo_expect(x, ':'));
        SZ_TRY(shlo_type(x, &a.type));
        SZ_TRY(shlo_until(x, ",", &text)); // where it stood, attributes
        if (!sz_vec_push(x->ctx, &x->args, a)) return sz_no_memory(x->ctx);
        SZ_TRY(shlo_accept(x, ',', &more));
        if (!more) SZ_TRY(shlo_expect(x, ')'));
    }
    return SZ_OK;
}

// "reducer(%a: T, %b: T) (%c: T, %d: T) {"
static sz_status reducer(shlo *x) {
    const size_t first = x->args.n;
    bool there;
    SZ_TRY(shlo_accept(x, '(', &there));
    while (there) {
        SZ_TRY(arguments(x));
        SZ_TRY(shlo_accept(x, '(', &there));
    }
    SZ_TRY(shlo_expect(x, '{'));
    SZ_TRY(push_region(x, false));
    SZ_TRY(shlo_region_args(x, shlo_top(x)->graph, x->args.items + first, x->args.n - first, false,
                            false));
    x->args.n = first;
    return SZ_OK;
}

// "^bb0(%a: T, %b: T):" of the region at hand.
sz_status shlo_block(shlo *x) {
    const size_t first = x->args.n;
    shlo_frame *f = shlo_top(x);
    bool there;
    sz_str word;
    SZ_TRY(shlo_expect(x, '^'));
    SZ_TRY(shlo_word(x, &word));
    SZ_TRY(shlo_accept(x, '(', &there));
    if (there) SZ_TRY(arguments(x));
    SZ_TRY(shlo_expect(x, ':'));
    f = shlo_top(x);
    if (!f->graph || f->graph->inputs.n || f->graph->nodes.n)
        return shlo_fail(x, "a second block, which structured programs don't have");
    const bool loop = f->kind == SHLO_REGION && x->ops.n && is_loop(shlo_open(x));
    SZ_TRY(shlo_region_args(x, f->graph, x->args.items + first, x->args.n - first, loop,
                            f->graph == x->root));
    x->args.n = first;
    return SZ_OK;
}

// ---- the parts of an operator ------------------------------------------------------------------

// "%name", or "%name = %value" that names what a loop carries.
static sz_status operand(shlo *x) {
    bool names = false;
    sz_str name;
    sz_value_id id;
    int c, next;
    SZ_TRY(shlo_get(x, &c));
    SZ_TRY(value_name(x, &name));
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    SZ_TRY(shlo_peek(x, 1, &next));
    names = c == '=' && next != '=';
    if (names) {
        const shlo_arg a = {name, NULL};
        shlo_open(x)->n_args++;
        return sz_vec_push(x->ctx, &x->args, a) ? SZ_OK : sz_no_memory(x->ctx);
    }
    SZ_TRY(shlo_lookup(x, name, &id));
    return sz_vec_push(x->ctx, &x->operands, id) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status symbol(shlo *x) {
    sz_str name;
    int c;
    SZ_TRY(shlo_get(x, &c));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '"')
        SZ_TRY(shlo_quoted(x, &name));
    else
        SZ_TRY(shlo_word(x, &name));
    SZ_TRY(shlo_keep(x, name, &name));
    if (shlo_open(x)->callee.len == 0) shlo_open(x)->callee = name;
    return SZ_OK;
}

// The value of `name = ...` in a pretty form. A dictionary may follow it.
static sz_status pretty_value(shlo *x, sz_str name) {
    sz_str value;
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '{')
        SZ_TRY(group(x, '{', '}', &value));
    else
        SZ_TRY(shlo_until(x, ",:{", &value));
    return push_attr(x, name, value);
}

static sz_status word(shlo *x) {
    sz_str w, value;
    bool there;
    int c;
    SZ_TRY(shlo_word(x, &w));
    SZ_TRY(shlo_keep(x, w, &w));
    if (sz_str_is(w, "init")) return shlo_expect(x, ':');
    if (sz_str_is(w, "reducer")) return reducer(x);
    if ((sz_str_is(w, "cond") || sz_str_is(w, "do")) && is_loop(shlo_open(x)))
        return loop_region(x, shlo_open(x));
    if (sz_str_is(w, "applies")) {
        SZ_TRY(shlo_space(x));
        SZ_TRY(shlo_word(x, &w));
        return shlo_keep(x, w, &shlo_open(x)->applies);
    }
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '(' && sz_str_is(w, "loc")) return group(x, '(', ')', &value);
    if (c == '<') { // dense<...>, array<...>
        SZ_TRY(group(x, '<', '>', &value));
        char *joined = sz_arena_alloc(&x->scratch, value.len + 3);
        if (!joined) return sz_no_memory(x->ctx);
        joined[0] = '<', joined[value.len + 1] = '>';
        memcpy(joined + 1, value.p, value.len);
        return push_attr(x, sz_str_c(""), (sz_str){joined, value.len + 2});
    }
    SZ_TRY(shlo_accept(x, '=', &there));
    return there ? pretty_value(x, w) : push_attr(x, sz_str_c(""), w);
}

// '{': a region or a dictionary.
static sz_status brace(shlo *x) {
    bool region, there;
    SZ_TRY(is_region(x, &region));
    SZ_TRY(shlo_accept(x, '{', &there));
    return region ? push_region(x, false) : dictionary(x);
}

// '(': "({ ... })" holds regions, "(%a, %b)" operands.
static sz_status paren(shlo *x) {
    bool there;
    SZ_TRY(shlo_expect(x, '('));
    SZ_TRY(shlo_accept(x, '{', &there));
    return there ? push_region(x, true) : SZ_OK;
}

// '<': "<{...}>" holds attributes; others are of no use here.
static sz_status angle(shlo *x) {
    sz_str text;
    bool there;
    SZ_TRY(shlo_expect(x, '<'));
    SZ_TRY(shlo_accept(x, '{', &there));
    if (there)
        SZ_TRY(dictionary(x));
    else
        SZ_TRY(shlo_until(x, "", &text));
    return shlo_expect(x, '>');
}

static sz_status square(shlo *x) {
    sz_str text;
    SZ_TRY(group(x, '[', ']', &text));
    return push_attr(x, sz_str_c("[]"), text);
}

// ---- the whole ---------------------------------------------------------------------------------

static void pop(shlo *x) {
    const shlo_op *op = shlo_open(x);
    x->args.n -= op->n_args;
    x->results.n = op->first_result;
    x->operands.n = op->first_operand;
    x->attrs.n = op->first_attr;
    x->regions.n = op->first_region;
    x->types.n = op->first_type;
    x->ops.n--;
    if (x->ops.n == 0 && x->args.n == 0) { // nothing is open: the texts are done with
        sz_arena_finish(&x->scratch);
        sz_arena_init(&x->scratch, x->ctx);
    }
}

static sz_status finish(shlo *x) {
    shlo_op *op = shlo_open(x);
    const bool returns = ends_in(op->name, ".return") || sz_str_is(op->name, "return");
    const int64_t line = x->line, column = x->column;
    x->line = op->line, x->column = op->column; // what is wrong now is wrong with the whole
    SZ_TRY(returns ? shlo_return(x, op) : shlo_build(x, op));
    x->line = line, x->column = column;
    pop(x);
    return SZ_OK;
}

static sz_status follows(shlo *x, const char *text, bool *ret) {
    int c;
    *ret = true;
    for (size_t i = 0; text[i] && *ret; i++) {
        SZ_TRY(shlo_peek(x, i, &c));
        *ret = c == text[i];
    }
    return SZ_OK;
}

// Behind the type only a few words go on with the operator.
static sz_status goes_on(shlo *x, bool *ret) {
    static const char *const words[] = {"cond", "do", "reducer", "attributes", "loc("};
    *ret = false;
    SZ_TRY(shlo_space(x));
    for (size_t i = 0; i < sizeof words / sizeof *words && !*ret; i++)
        SZ_TRY(follows(x, words[i], ret));
    return SZ_OK;
}

static sz_status part(shlo *x, int c) {
    switch (c) {
    case '%':
        return operand(x);
    case '@':
        return symbol(x);
    case '{':
        return brace(x);
    case '(':
        return paren(x);
    case '<':
        return angle(x);
    case '[':
        return square(x);
    case ':':
        SZ_TRY(shlo_get(x, &c));
        return shlo_signature(x, shlo_open(x));
    case '"': {
        sz_str text;
        return shlo_quoted(x, &text);
    }
    default:
        break;
    }
    if (shlo_is_word(c)) return word(x);
    return shlo_get(x, &c); // ',', ')', '=', '#', '-' ...
}

// Does the operator end before `c`? Those without a type end with their region.
static sz_status at_end(shlo *x, int c, bool *ret) {
    *ret = c == SHLO_EOF || c == '}';
    if (*ret || !shlo_open(x)->has_types) return SZ_OK;
    SZ_TRY(goes_on(x, ret));
    *ret = !*ret;
    return SZ_OK;
}

sz_status shlo_go_on(shlo *x) {
    const size_t frames = x->frames.n;
    while (x->frames.n == frames) {
        bool done;
        int c;
        SZ_TRY(shlo_space(x));
        SZ_TRY(shlo_peek(x, 0, &c));
        SZ_TRY(at_end(x, c, &done));
        if (done) return finish(x);
        SZ_TRY(part(x, c));
    }
    return SZ_OK;
}

// "%0, %1:2 =", perhaps nothing.
static sz_status read_results(shlo *x) {
    bool more;
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c != '%') return SZ_OK;
    for (more = true; more;) {
        shlo_result r = {.count = 1};
        bool counted;
        sz_str number;
        SZ_TRY(shlo_expect(x, '%'));
        SZ_TRY(value_name(x, &r.name));
        SZ_TRY(shlo_accept(x, ':', &counted));
        if (counted) {
            SZ_TRY(shlo_word(x, &number));
            SZ_TRY(shlo_ints(x, number));
            if (x->ints.n != 1 || x->ints.items[0] < 1 || x->ints.items[0] > SZ_SHLO_MAX_RESULTS)
                return shlo_fail(x, "'%s' is no number of results", sz_show(x->ctx, number));
            r.count = x->ints.items[0];
        }
        if (!sz_vec_push(x->ctx, &x->results, r)) return sz_no_memory(x->ctx);
        SZ_TRY(shlo_accept(x, ',', &more));
    }
    return shlo_expect(x, '=');
}

sz_status shlo_statement(shlo *x) {
    shlo_op op = {.first_result = x->results.n,
                  .first_operand = x->operands.n,
                  .first_attr = x->attrs.n,
                  .first_region = x->regions.n,
                  .first_type = x->types.n};
    int c;
    SZ_TRY(read_results(x));
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    op.line = x->line, op.column = x->column, op.offset = x->at + x->next;
    op.is_generic = c == '"';
    if (op.is_generic)
        SZ_TRY(shlo_quoted(x, &op.name));
    else
        SZ_TRY(shlo_word(x, &op.name));
    if (op.name.len == 0) return shlo_fail(x, "an operator is expected here");
    SZ_TRY(shlo_keep(x, op.name, &op.name));
    if (!sz_vec_push(x->ctx, &x->ops, op)) return sz_no_memory(x->ctx);
    return shlo_go_on(x);
}
