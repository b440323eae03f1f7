// SPDX-License-Identifier: Apache-2.0
// StableHLO text: modules, functions, aliases, and the walk over all.
#include "model/import/stablehlo.h"

// ---- aliases -----------------------------------------------------------------------------------

// "#name = ..." up to the end of the line. Places in sources ("loc") are of no use.
static sz_status read_alias(shlo *x, char mark) {
    sz_str name, text;
    SZ_TRY(shlo_expect(x, mark));
    SZ_TRY(shlo_word(x, &name));
    SZ_TRY(shlo_keep_long(x, name, &name));
    SZ_TRY(shlo_expect(x, '='));
    SZ_TRY(shlo_until(x, "\n", &text));
    if (text.len >= 4 && memcmp(text.p, "loc(", 4) == 0) return SZ_OK;
    SZ_TRY(shlo_keep_long(x, text, &text));
    if (!sz_vec_push(x->ctx, &x->alias_texts, text)) return sz_no_memory(x->ctx);
    return sz_map_put(&x->aliases, name, (int32_t)(x->alias_texts.n - 1));
}

// ---- functions ---------------------------------------------------------------------------------

static sz_status push_frame(shlo *x, shlo_frame f) {
    if (x->frames.n > SZ_MAX_BODIES) return shlo_fail(x, "nested deeper than %d", SZ_MAX_BODIES);
    return sz_vec_push(x->ctx, &x->frames, f) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status begin_function(shlo *x, sz_str name, int32_t *ret_index) {
    if (shlo_top(x)->kind != SHLO_MODULE) return shlo_fail(x, "a function inside of a function");
    SZ_TRY(shlo_function_of(x, name, ret_index));
    shlo_function *f = &x->functions.items[*ret_index];
    if (f->is_defined)
        return shlo_fail(x, "function '@%s' is defined twice", sz_show(x->ctx, name));
    f->is_defined = true;
    f->line = x->line, f->column = x->column;
    f->first_call = x->calls.n;
    return SZ_OK;
}

// "(%arg0: tensor<2xf32> {jax.buffer_donor = true}, ...)": behind the '('.
static sz_status parameters(shlo *x, sz_graph *g) {
    const size_t first = x->args.n;
    bool more, there;
    SZ_TRY(shlo_accept(x, ')', &there));
    for (more = !there; more;) {
        shlo_arg a;
        sz_str text;
        SZ_TRY(shlo_expect(x, '%'));
        SZ_TRY(shlo_word(x, &text));
        if (text.len == 0) return shlo_fail(x, "'%%' without a name");
        SZ_TRY(shlo_keep(x, text, &a.name));
        SZ_TRY(shlo_expect(x, ':'));
        SZ_TRY(shlo_type(x, &a.type));
        SZ_TRY(shlo_until(x, ",", &text));
        if (!sz_vec_push(x->ctx, &x->args, a)) return sz_no_memory(x->ctx);
        SZ_TRY(shlo_accept(x, ',', &more));
        if (!more) SZ_TRY(shlo_expect(x, ')'));
    }
    SZ_TRY(shlo_region_args(x, g, x->args.items + first, x->args.n - first, false, g == x->root));
    x->args.n = first;
    return SZ_OK;
}

// Behind the parameters: results and attributes, neither of which is needed, and the body.
static sz_status open_body(shlo *x, int32_t index) {
    shlo_op op = {.first_type = x->types.n};
    sz_str text;
    int c, next;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    SZ_TRY(shlo_peek(x, 1, &next));
    if (c == '-' && next == '>') {
        SZ_TRY(shlo_get(x, &c));
        SZ_TRY(shlo_get(x, &c));
        SZ_TRY(shlo_signature(x, &op));
        x->types.n = op.first_type;
    }
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_word(x, &text));
    if (sz_str_is(text, "attributes")) {
        SZ_TRY(shlo_expect(x, '{'));
        SZ_TRY(shlo_until(x, "", &text));
        SZ_TRY(shlo_expect(x, '}'));
    } else if (text.len) {
        return shlo_fail(x, "the body of a function is expected here");
    }
    SZ_TRY(shlo_expect(x, '{'));
    return push_frame(x, (shlo_frame){.kind = SHLO_FUNCTION,
                                      .function = index,
                                      .graph = x->functions.items[index].graph});
}

static sz_status read_function(shlo *x) {
    sz_str name;
    int32_t index;
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_word(x, &name));
    if (name.len) SZ_TRY(shlo_space(x)); // public, private, nested
    SZ_TRY(shlo_expect(x, '@'));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '"')
        SZ_TRY(shlo_quoted(x, &name));
    else
        SZ_TRY(shlo_word(x, &name));
    SZ_TRY(shlo_keep_long(x, name, &name));
    SZ_TRY(begin_function(x, name, &index));
    SZ_TRY(shlo_expect(x, '('));
    SZ_TRY(parameters(x, x->functions.items[index].graph));
    return open_body(x, index);
}

// "func.func"() <{sym_name = "main", ...}> ({
static sz_status read_generic(shlo *x, bool is_function) {
    sz_str text = sz_str_c("");
    bool there;
    int32_t index = SZ_NONE;
    SZ_TRY(shlo_expect(x, '('));
    SZ_TRY(shlo_expect(x, ')'));
    SZ_TRY(shlo_accept(x, '<', &there));
    if (there) {
        SZ_TRY(shlo_until(x, "", &text));
        SZ_TRY(shlo_expect(x, '>'));
    }
    shlo_frame f = {
        .kind = is_function ? SHLO_FUNCTION : SHLO_MODULE, .function = SZ_NONE, .in_parens = true};
    if (is_function) {
        static const char key[] = "sym_name = \"";
        uint32_t at = 0, end;
        while (at + sizeof key - 1 < text.len && memcmp(text.p + at, key, sizeof key - 1) != 0)
            at++;
        if (at + sizeof key - 1 >= text.len)
            return shlo_fail(x, "a function without a sym_name in '<{...}>' before its body");
        for (end = at += sizeof key - 1; end < text.len && text.p[end] != '"';) end++;
        SZ_TRY(begin_function(x, (sz_str){text.p + at, end - at}, &index));
        f.function = index;
        f.graph = x->functions.items[index].graph;
    }
    SZ_TRY(shlo_expect(x, '('));
    SZ_TRY(shlo_expect(x, '{'));
    return push_frame(x, f);
}

static sz_status read_module(shlo *x) {
    sz_str text;
    SZ_TRY(shlo_until(x, "{", &text));
    // "@name attributes {...} {": the dictionary is one balanced group
    if (text.len >= 10 && memcmp(text.p + text.len - 10, "attributes", 10) == 0) {
        SZ_TRY(shlo_expect(x, '{'));
        SZ_TRY(shlo_until(x, "", &text));
        SZ_TRY(shlo_expect(x, '}'));
    }
    SZ_TRY(shlo_expect(x, '{'));
    return push_frame(x, (shlo_frame){.kind = SHLO_MODULE, .function = SZ_NONE});
}

// ---- statements of a module --------------------------------------------------------------------

static sz_status skip_line(shlo *x) {
    sz_str text;
    return shlo_until(x, "\n", &text);
}

static sz_status module_statement(shlo *x, int c) {
    sz_str name;
    const bool generic = c == '"';
    if (c == '#' || c == '!') return read_alias(x, (char)c);
    if (generic)
        SZ_TRY(shlo_quoted(x, &name));
    else
        SZ_TRY(shlo_word(x, &name));
    const bool is_function = sz_str_is(name, "func.func") || sz_str_is(name, "func");
    const bool is_module = sz_str_is(name, "module") || sz_str_is(name, "builtin.module");
    if (!is_function && !is_module) {
        if (name.len == 0) return shlo_fail(x, "a function is expected here");
        return skip_line(x); // meshes of devices and the like
    }
    if (generic) return read_generic(x, is_function);
    return is_function ? read_function(x) : read_module(x);
}

// Behind the '}' of a frame.
static sz_status close_frame(shlo *x) {
    const shlo_frame f = *shlo_top(x);
    bool there;
    if (f.graph && !f.returned) return shlo_fail(x, "a region ends without a return");
    x->frames.n--;
    if (f.kind == SHLO_REGION) {
        if (!f.in_parens) return shlo_go_on(x);
        SZ_TRY(shlo_accept(x, ',', &there));
        if (!there) {
            SZ_TRY(shlo_expect(x, ')'));
            return shlo_go_on(x);
        }
        return shlo_next_region(x);
    }
    if (!f.in_parens) return SZ_OK;
    SZ_TRY(shlo_expect(x, ')'));
    return skip_line(x); // ": () -> ()"
}

static sz_status next(shlo *x, bool *ret_done) {
    bool there;
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    const shlo_frame *f = shlo_top(x);
    *ret_done = c == SHLO_EOF && x->frames.n == 1;
    if (*ret_done) return SZ_OK;
    if (c == '}' && x->frames.n > 1) {
        SZ_TRY(shlo_accept(x, '}', &there));
        return close_frame(x);
    }
    if (c == SHLO_EOF) return shlo_fail(x, "the file ends here (is it cut off?)");
    // "loc(...)" behind a function or module
    if (f->kind == SHLO_MODULE) return module_statement(x, c);
    return c == '^' ? shlo_block(x) : shlo_statement(x);
}

// ---- the file ----------------------------------------------------------------------------------

// Is there a function of that name? Looked for before all else, since the main function is the
// graph and the others are bodies of it.
static sz_status find_main(shlo *x) {
    static const char *const words[] = {"@main(", "\"main\""};
    enum { CHUNK = 4096, OVERLAP = 8 };
    char chunk[CHUNK];
    for (uint64_t at = 0; at < x->source->size && !x->has_main; at += CHUNK - OVERLAP) {
        const uint64_t left = x->source->size - at;
        const size_t len = left < CHUNK ? (size_t)left : CHUNK;
        SZ_TRY(x->source->read(x->source, x->ctx, at, chunk, len));
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (memmem(chunk, len, words[k], strlen(words[k]))) x->has_main = true;
    }
    return SZ_OK;
}

static sz_status check_main(shlo *x) {
    if (x->functions.n == 0) return shlo_fail(x, "the file has no function");
    for (size_t i = 0; i < x->functions.n; i++)
        if (x->functions.items[i].graph == x->root && x->functions.items[i].is_defined)
            return SZ_OK;
    return shlo_fail(x, "the file has no function '@main'");
}

static sz_status read_all(shlo *x) {
    bool done = false;
    SZ_TRY(find_main(x));
    SZ_TRY(push_frame(x, (shlo_frame){.kind = SHLO_MODULE, .function = SZ_NONE}));
    while (!done) SZ_TRY(next(x, &done));
    SZ_TRY(check_main(x));
    SZ_TRY(shlo_check_calls(x));
    if (x->root->nodes.n == 0) sz_warn(x->ctx, "the graph has no node: nothing is computed");
    return SZ_OK;
}

static void finish(shlo *x) {
    sz_map_finish(&x->function_names);
    sz_map_finish(&x->aliases);
    sz_vec_finish(x->ctx, &x->buf);
    sz_vec_finish(x->ctx, &x->frames);
    sz_vec_finish(x->ctx, &x->ops);
    sz_vec_finish(x->ctx, &x->results);
    sz_vec_finish(x->ctx, &x->operands);
    sz_vec_finish(x->ctx, &x->attrs);
    sz_vec_finish(x->ctx, &x->regions);
    sz_vec_finish(x->ctx, &x->types);
    sz_vec_finish(x->ctx, &x->args);
    sz_vec_finish(x->ctx, &x->functions);
    sz_vec_finish(x->ctx, &x->calls);
    sz_vec_finish(x->ctx, &x->alias_texts);
    sz_vec_finish(x->ctx, &x->out);
    sz_vec_finish(x->ctx, &x->ints);
    sz_free(x->ctx, x->window, SZ_SHLO_WINDOW);
    sz_arena_finish(&x->scratch);
}

sz_status sz_stablehlo_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph);
int sz_stablehlo_sniff(const unsigned char *head, size_t len);

sz_status sz_stablehlo_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    shlo x = {.ctx = ctx, .source = source};
    sz_arena_init(&x.scratch, ctx);
    sz_map_init(&x.function_names, ctx);
    sz_map_init(&x.aliases, ctx);
    sz_status status = shlo_scan_init(&x);
    if (status == SZ_OK) status = sz_graph_create(ctx, &x.root);
    if (status == SZ_OK) {
        x.root->format = sz_str_c("stablehlo");
        status = read_all(&x);
        x.root->header_bytes = shlo_header(&x);
    }
    finish(&x);
    if (status == SZ_OK)
        *ret_graph = x.root;
    else
        sz_graph_destroy(x.root);
    return status;
}

static bool has(const unsigned char *head, size_t len, const char *text) {
    const size_t n = strlen(text);
    for (size_t i = 0; i + n <= len; i++)
        if (memcmp(head + i, text, n) == 0) return true;
    return false;
}

// "module ... {", "#alias = ", "func.func": what MLIR begins with, and a word that says which.
int sz_stablehlo_sniff(const unsigned char *head, size_t len) {
    size_t i = 0;
    while (i < len && (strchr(" \t\r\n", head[i]) && head[i])) i++;
    if (i < len && memchr(head + i, 0, len - i)) return 0;
    const bool module = len - i > 7 && (memcmp(head + i, "module ", 7) == 0 ||
                                        memcmp(head + i, "module@", 7) == 0);
    const bool other = len - i > 9 && (memcmp(head + i, "func.func", 9) == 0 ||
                                       memcmp(head + i, "\"builtin.", 9) == 0);
    const bool alias = len - i > 4 && head[i] == '#' && has(head, len, "loc(");
    if (!module && !other && !alias && !(i < len && head[i] == '#' && has(head, len, "#stablehlo")))
        return 0;
    return has(head, len, "func.func") || has(head, len, "stablehlo") || has(head, len, "mhlo") ||
                   module
               ? 95
               : 60;
}
