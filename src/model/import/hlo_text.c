// SPDX-License-Identifier: Apache-2.0
// HLO text, as XLA prints it before and after optimization: module, computations, instructions.
#include "model/import/hlo_text.h"

#include "model/import/hlo_proto.h"
#include "model/import/import.h"

// ---- telling it --------------------------------------------------------------------------------

static bool is_text(const unsigned char *head, size_t len) {
    static const char word[] = "HloModule";
    size_t i = 0;
    for (;;) { // blanks, line ends and comments may stand before
        while (i < len && strchr(" \t\r\n", head[i]) && head[i]) i++;
        if (i + 1 >= len || head[i] != '/' || head[i + 1] != '/') break;
        while (i < len && head[i] != '\n') i++;
    }
    return sz_in_range(i, sizeof word - 1, len) && memcmp(head + i, word, sizeof word - 1) == 0;
}

int sz_hlo_sniff(const unsigned char *head, size_t len) {
    return is_text(head, len) ? 100 : hlo_proto_sniff(head, len);
}

// ---- instructions ------------------------------------------------------------------------------

static sz_status operands(hlo_text *t) {
    t->x.in.n = 0;
    while (!hlo_take(&t->s, ')')) {
        sz_value_id id;
        if (t->x.in.n > 0) SZ_TRY(hlo_expect(&t->s, ',', "an operand"));
        SZ_TRY(hlo_text_operand(t, &id));
        if (!sz_vec_push(t->ctx, &t->x.in, id)) return sz_no_memory(t->ctx);
    }
    return SZ_OK;
}

// Names go through the text of the scanner, so what has to last is copied.
static sz_status keep_text(hlo_text *t, sz_str s, sz_str *ret) {
    t->own.n = 0;
    for (uint32_t k = 0; k < s.len; k++)
        if (!sz_vec_push(t->ctx, &t->own, s.p[k])) return sz_no_memory(t->ctx);
    *ret = (sz_str){t->own.items, s.len};
    return SZ_OK;
}

static sz_status parameter(hlo_text *t, const hlo_instruction *i) {
    int64_t number;
    SZ_TRY(hlo_scan_int(&t->s, &number));
    sz_status status = hlo_add_param(&t->x, i, number);
    if (status != SZ_OK) return hlo_scan_place(&t->s, status);
    SZ_TRY(hlo_expect(&t->s, ')', "the number of a parameter"));
    return hlo_text_attrs(t, false);
}

static sz_status constant(hlo_text *t, const hlo_instruction *i) {
    const sz_tensor *numbers;
    sz_status status = SZ_OK;
    SZ_TRY(hlo_text_literal(t, i->type, &numbers));
    status = hlo_add_const(&t->x, i, numbers);
    return status == SZ_OK ? hlo_text_attrs(t, false) : hlo_scan_place(&t->s, status);
}

typedef struct place {
    uint64_t line, start, at;
} place;

static place here(const hlo_scan *s) { return (place){s->mark_line, s->mark_start, s->mark}; }
static void back_to(hlo_scan *s, place p) {
    s->mark_line = p.line, s->mark_start = p.start, s->mark = p.at;
}

static sz_status node(hlo_text *t, const hlo_instruction *i, place at) {
    t->x.attrs.n = 0;
    SZ_TRY(operands(t));
    SZ_TRY(hlo_text_attrs(t, true));
    sz_status status = hlo_add_node(&t->x, i);
    if (status == SZ_OK) return SZ_OK;
    back_to(&t->s, at);
    return hlo_scan_place(&t->s, status);
}

// The name is read; "= type opcode(...)" follows.
static sz_status instruction(hlo_text *t, hlo_instruction *i, place at) {
    sz_str word;
    i->at = at.at;
    SZ_TRY(hlo_expect(&t->s, '=', "the name of an instruction"));
    SZ_TRY(hlo_text_type(t, &i->type));
    SZ_TRY(hlo_layout(&t->x, i, t->n_layout, t->layout));
    SZ_TRY(hlo_scan_word(&t->s, &word));
    if (word.len == 0) return hlo_scan_fail(&t->s, "an opcode is expected after the type");
    SZ_TRY(hlo_word(&t->x, word, &i->opcode));
    SZ_TRY(hlo_expect(&t->s, '(', "the opcode"));
    if (sz_str_is(i->opcode, "parameter")) return parameter(t, i);
    if (sz_str_is(i->opcode, "constant")) return constant(t, i);
    return node(t, i, at);
}

// ---- computations ------------------------------------------------------------------------------

static sz_status instructions(hlo_text *t) {
    while (!hlo_take(&t->s, '}')) {
        hlo_instruction i = {0};
        sz_str word, name;
        const int c = hlo_peek(&t->s);
        place at = here(&t->s);
        if (c < 0)
            return hlo_scan_fail(&t->s, "the file ends inside of computation '%s'",
                                 sz_show(t->ctx, t->x.open.name));
        SZ_TRY(hlo_scan_word(&t->s, &word));
        if (c != '%' && sz_str_is(word, "ROOT") && hlo_peek(&t->s) != '=') {
            i.is_root = true;
            at = here(&t->s);
            SZ_TRY(hlo_scan_word(&t->s, &word));
        }
        if (word.len == 0) return hlo_scan_fail(&t->s, "the name of an instruction is expected");
        SZ_TRY(keep_text(t, word, &name));
        i.name = name;
        SZ_TRY(instruction(t, &i, at));
    }
    return SZ_OK;
}

// Behind the closing brace: ", execution_thread=..."
static sz_status computation(hlo_text *t, sz_str name, bool is_entry, place at) {
    sz_status status = hlo_comp_begin(&t->x, name, is_entry);
    if (status != SZ_OK) return hlo_scan_place(&t->s, status);
    SZ_TRY(hlo_expect(&t->s, '{', "the name of a computation"));
    SZ_TRY(instructions(t));
    status = hlo_comp_end(&t->x);
    if (status != SZ_OK) {
        back_to(&t->s, at);
        return hlo_scan_place(&t->s, status);
    }
    return hlo_text_attrs(t, false);
}

// "(x: f32[2]) -> f32[2]": the instructions say it again.
static sz_status skip_signature(hlo_text *t) {
    sz_str ignored;
    bool cut;
    const sz_type *type;
    if (hlo_peek(&t->s) != '(') return SZ_OK;
    hlo_next_raw(&t->s);
    for (;;) {
        SZ_TRY(hlo_scan_value(&t->s, false, &ignored, &cut));
        const int c = hlo_peek(&t->s);
        if (c == ')') break;
        if (c != ',') return hlo_scan_fail(&t->s, "the parameters of a computation are not closed");
        hlo_next_raw(&t->s);
    }
    hlo_next_raw(&t->s);
    if (hlo_peek(&t->s) != '-') return SZ_OK;
    hlo_next_raw(&t->s);
    SZ_TRY(hlo_expect(&t->s, '>', "'-'"));
    return hlo_text_type(t, &type);
}

// ---- the module --------------------------------------------------------------------------------

// "FileNames", "StackFrames" and what more there may come: a title and numbered lines.
static sz_status table_line(hlo_text *t) {
    sz_str ignored;
    bool cut;
    for (int c; (c = hlo_peek_line(&t->s)) >= 0 && c != '\n';) {
        SZ_TRY(hlo_scan_value(&t->s, false, &ignored, &cut));
        c = hlo_peek_raw(&t->s);
        if (c >= 0 && c != '\n') hlo_next_raw(&t->s);
    }
    return SZ_OK;
}

static sz_status top_level(hlo_text *t) {
    sz_str word, name;
    bool is_entry = false;
    const int c = hlo_peek(&t->s);
    const place at = here(&t->s);
    SZ_TRY(hlo_scan_word(&t->s, &word));
    if (word.len == 0)
        return hlo_scan_fail(&t->s, "a computation is expected, found byte 0x%02x", (unsigned)c);
    if (c >= '0' && c <= '9') return table_line(t);
    if (sz_str_is(word, "ENTRY")) {
        is_entry = true;
        SZ_TRY(hlo_scan_word(&t->s, &word));
        if (word.len == 0) return hlo_scan_fail(&t->s, "the name of the entry is expected");
    } else if (c != '%' && hlo_peek_line(&t->s) == '\n') {
        return SZ_OK; // the title of a table
    }
    SZ_TRY(keep_text(t, word, &name));
    SZ_TRY(skip_signature(t));
    return computation(t, name, is_entry, at);
}

static sz_status module(hlo_text *t) {
    sz_str word;
    SZ_TRY(hlo_scan_word(&t->s, &word));
    if (!sz_str_is(word, "HloModule")) return hlo_scan_fail(&t->s, "'HloModule' is expected");
    SZ_TRY(hlo_scan_word(&t->s, &word));
    SZ_TRY(hlo_word(&t->x, word, &t->x.root->name));
    SZ_TRY(hlo_text_attrs(t, false));
    while (hlo_peek(&t->s) >= 0) SZ_TRY(top_level(t));
    if (t->s.status != SZ_OK) return t->s.status;
    if (!t->x.has_entry)
        return hlo_scan_fail(&t->s, "the file ends without an ENTRY computation (is it cut off?)");
    return SZ_OK;
}

static sz_status start(hlo_text *t, sz_ctx *ctx, sz_source *source) {
    SZ_TRY(hlo_scan_init(&t->s, ctx, source));
    return hlo_init(&t->x, ctx);
}

static sz_status read_text(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    hlo_text t = {.ctx = ctx, .x = {.ctx = ctx}};
    sz_status status = start(&t, ctx, source);
    if (status == SZ_OK) status = module(&t);
    const uint64_t read = t.s.at + t.s.have;
    hlo_scan_finish(&t.s);
    sz_vec_finish(ctx, &t.name);
    sz_vec_finish(ctx, &t.own);
    sz_vec_finish(ctx, &t.items);
    sz_vec_finish(ctx, &t.floats);
    sz_vec_finish(ctx, &t.comps);
    return hlo_finish(&t.x, status, read, ret_graph);
}

int sz_hlo_sniff(const unsigned char *head, size_t len);

sz_status sz_hlo_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    unsigned char head[SZ_SNIFF_BYTES];
    const size_t n = source->size < sizeof head ? (size_t)source->size : sizeof head;
    SZ_TRY(source->read(source, ctx, 0, head, n));
    return is_text(head, n) || hlo_proto_sniff(head, n) == 0
               ? read_text(ctx, source, ret_graph)
               : hlo_proto_read(ctx, source, ret_graph);
}
