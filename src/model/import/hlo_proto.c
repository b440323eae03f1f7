// SPDX-License-Identifier: Apache-2.0
// HLO protobuf: module, computations, instructions. Each computation is walked twice: what names it
// stands behind its instructions.
#include "model/import/hlo_proto.h"

#include <inttypes.h>
#include <stdio.h>

sz_status hlo_proto_place(hlo_proto *p, sz_status status, uint64_t at) {
    return status == SZ_OK ? SZ_OK : sz_place(p->ctx, status, "@%" PRIu64, at);
}

sz_status hlo_proto_fail(hlo_proto *p, uint64_t at, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hlo_proto_place(p, sz_fail(p->ctx, SZ_ERR_INPUT, "%s", text), at);
}

// ---- ids ---------------------------------------------------------------------------------------

static sz_str id_key(const uint64_t *id) { return (sz_str){(const char *)id, sizeof *id}; }

static sz_status put_id(hlo_proto *p, sz_map *map, uint64_t id, int32_t value, uint64_t at) {
    uint64_t *key = sz_arena_alloc(p->x.root->arena, sizeof *key);
    if (!key) return sz_no_memory(p->ctx);
    *key = id;
    if (sz_map_get(map, id_key(key), NULL))
        return hlo_proto_fail(p, at, "id %" PRIu64 " is given twice", id);
    return sz_map_put(map, id_key(key), value);
}

// ---- instructions ------------------------------------------------------------------------------

// An HloInstructionProto: where its parts are.
typedef struct parts {
    uint64_t at, id;
    hlo_instruction i;
    sz_span name, opcode, shape, literal, window, labels, dot, target, config, kind, direction;
    uint64_t parameter, index, features, batches, fft_type;
    bool unit_diagonal;
    SZ_VEC(int64_t) lists[6]; // see list_fields
} parts;

enum { OPERANDS, CALLED, DIMENSIONS, FFT_LENGTH, SLICE_SIZES, GATHER_SIZES, N_LISTS };
static const uint32_t list_fields[N_LISTS] = {36, 38, 14, 32, 20, 34};

static sz_status take_list(hlo_proto *p, parts *a, int list, const sz_field *f) {
    p->numbers.n = 0;
    SZ_TRY(hlo_proto_ints(p, f));
    for (size_t k = 0; k < p->numbers.n; k++)
        if (!sz_vec_push(p->ctx, &a->lists[list], p->numbers.items[k])) return sz_no_memory(p->ctx);
    return SZ_OK;
}

// TriangularSolveOptions: unit_diagonal is field 3.
static sz_status take_solve(hlo_proto *p, parts *a, sz_span span) {
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (hlo_tag(&f) == HLO_VARINT(3)) a->unit_diagonal = f.value != 0;
    }
}

static sz_status take_field(hlo_proto *p, parts *a, const sz_field *f) {
    for (int k = 0; k < N_LISTS; k++)
        if (f->number == list_fields[k]) return take_list(p, a, k, f);
    switch (hlo_tag(f)) {
    case HLO_BYTES(1):
        a->name = f->span;
        break;
    case HLO_BYTES(2):
        a->opcode = f->span;
        break;
    case HLO_BYTES(3):
        a->shape = f->span;
        break;
    case HLO_BYTES(8):
        a->literal = f->span;
        break;
    case HLO_VARINT(9):
        a->parameter = f->value;
        break;
    case HLO_BYTES(11):
        a->kind = f->span;
        break;
    case HLO_VARINT(13):
        a->index = f->value;
        break;
    case HLO_BYTES(15):
        a->window = f->span;
        break;
    case HLO_BYTES(16):
        a->labels = f->span;
        break;
    case HLO_BYTES(28):
        a->target = f->span;
        break;
    case HLO_BYTES(30):
        a->dot = f->span;
        break;
    case HLO_VARINT(31):
        a->fft_type = f->value;
        break;
    case HLO_VARINT(35):
        a->id = f->value;
        break;
    case HLO_BYTES(43):
        a->config = f->span;
        break;
    case HLO_VARINT(50):
        a->features = f->value;
        break;
    case HLO_VARINT(58):
        a->batches = f->value;
        break;
    case HLO_BYTES(59):
        return take_solve(p, a, f->span);
    case HLO_BYTES(63):
        a->direction = f->span;
        break;
    default:
        break;
    }
    return SZ_OK;
}

static sz_status text_attr(hlo_proto *p, const char *name, sz_span span) {
    sz_str text;
    if (sz_span_len(span) == 0) return SZ_OK;
    SZ_TRY(sz_wire_text(&p->wire, span, &text));
    return hlo_attr_text(&p->x, sz_str_c(name), text);
}

static sz_status list_attr(hlo_proto *p, const parts *a, int list, const char *name) {
    if (a->lists[list].n == 0) return SZ_OK;
    return hlo_attr_ints(&p->x, name, a->lists[list].n, a->lists[list].items);
}

// ---- called computations -----------------------------------------------------------------------

// What the computations of an opcode are called, in their order; the last row is for all others.
static const struct {
    const char *opcode, *names[2];
} callers[] = {
    {"while", {"body", "condition"}},
    {"fusion", {"calls", NULL}},
    {"async-start", {"calls", NULL}},
    {"select-and-scatter", {"select", "scatter"}},
    {"custom-call", {"called_computations", NULL}},
    {NULL, {"to_apply", NULL}},
};

static sz_status called_indexes(hlo_proto *p, const parts *a) {
    p->more.n = 0;
    for (size_t k = 0; k < a->lists[CALLED].n; k++) {
        const uint64_t id = (uint64_t)a->lists[CALLED].items[k];
        int32_t index;
        if (!sz_map_get(&p->comp_ids, id_key(&id), &index))
            return hlo_proto_fail(p, a->at,
                                  "computation %" PRIu64 " does not stand before its call", id);
        if (!sz_vec_push(p->ctx, &p->more, index)) return sz_no_memory(p->ctx);
    }
    return SZ_OK;
}

static sz_status called_attrs(hlo_proto *p, const parts *a) {
    size_t row = 0;
    SZ_TRY(called_indexes(p, a));
    if (p->more.n == 0 || sz_str_is(a->i.opcode, "async-done") ||
        sz_str_is(a->i.opcode, "async-update"))
        return SZ_OK;
    if (sz_str_is(a->i.opcode, "conditional"))
        return hlo_attr_comps(&p->x, "branches", p->more.n, p->more.items);
    while (callers[row].opcode && !sz_str_is(a->i.opcode, callers[row].opcode)) row++;
    for (size_t k = 0; k < 2 && k < p->more.n && callers[row].names[k]; k++)
        SZ_TRY(hlo_attr_comps(&p->x, callers[row].names[k], 1, p->more.items + k));
    return SZ_OK;
}

// ---- attributes --------------------------------------------------------------------------------

static sz_status plain_attrs(hlo_proto *p, const parts *a) {
    static const char *const fft[] = {"FFT", "IFFT", "RFFT", "IRFFT"};
    SZ_TRY(list_attr(p, a, DIMENSIONS, "dimensions"));
    SZ_TRY(list_attr(p, a, FFT_LENGTH, "fft_length"));
    SZ_TRY(list_attr(p, a, SLICE_SIZES, "dynamic_slice_sizes"));
    SZ_TRY(list_attr(p, a, GATHER_SIZES, "slice_sizes"));
    SZ_TRY(text_attr(p, "kind", a->kind));
    SZ_TRY(text_attr(p, "direction", a->direction));
    SZ_TRY(text_attr(p, "custom_call_target", a->target));
    if (a->lists[FFT_LENGTH].n > 0 && a->fft_type < 4)
        SZ_TRY(hlo_attr_text(&p->x, sz_str_c("fft_type"), sz_str_c(fft[a->fft_type])));
    if (sz_str_is(a->i.opcode, "get-tuple-element"))
        SZ_TRY(hlo_attr_int(&p->x, "index", (int64_t)a->index));
    if (a->unit_diagonal) SZ_TRY(hlo_attr_int(&p->x, "unit_diagonal", 1));
    return SZ_OK;
}

static sz_status attrs(hlo_proto *p, const parts *a) {
    p->x.attrs.n = 0;
    SZ_TRY(plain_attrs(p, a));
    if (sz_span_len(a->window) > 0) SZ_TRY(hlo_proto_window(p, a->window));
    if (sz_span_len(a->dot) > 0) SZ_TRY(hlo_proto_dot(p, a->dot));
    if (sz_span_len(a->labels) > 0) {
        SZ_TRY(hlo_proto_labels(p, a->labels));
        if (a->features > 1)
            SZ_TRY(hlo_attr_int(&p->x, "feature_group_count", (int64_t)a->features));
        if (a->batches > 1) SZ_TRY(hlo_attr_int(&p->x, "batch_group_count", (int64_t)a->batches));
    }
    if (sz_span_len(a->config) > 0 && sz_span_len(a->config) <= SZ_WIRE_MAX_TEXT) {
        sz_str json;
        SZ_TRY(sz_wire_text(&p->wire, a->config, &json));
        SZ_TRY(hlo_backend_config(&p->x, json));
    }
    return called_attrs(p, a);
}

// ---- one instruction ---------------------------------------------------------------------------

static sz_status operands(hlo_proto *p, const parts *a) {
    p->x.in.n = 0;
    for (size_t k = 0; k < a->lists[OPERANDS].n; k++) {
        const uint64_t id = (uint64_t)a->lists[OPERANDS].items[k];
        int32_t value;
        if (!sz_map_get(&p->ids, id_key(&id), &value))
            return hlo_proto_fail(
                p, a->at, "operand %" PRIu64 " is not defined before it in this computation", id);
        if (!sz_vec_push(p->ctx, &p->x.in, value)) return sz_no_memory(p->ctx);
    }
    return SZ_OK;
}

static sz_status add_instruction(hlo_proto *p, parts *a) {
    const sz_tensor *numbers = NULL;
    if (sz_str_is(a->i.opcode, "parameter")) {
        if (a->parameter > INT64_MAX) a->parameter = INT64_MAX;
        return hlo_add_param(&p->x, &a->i, (int64_t)a->parameter);
    }
    if (sz_str_is(a->i.opcode, "constant")) {
        if (sz_span_len(a->literal) > 0)
            SZ_TRY(hlo_proto_literal(p, a->literal, a->i.type, &numbers));
        return hlo_add_const(&p->x, &a->i, numbers);
    }
    SZ_TRY(operands(p, a));
    SZ_TRY(attrs(p, a));
    return hlo_add_node(&p->x, &a->i);
}

// A name that lasts while the instruction is read; made of the id where there is none.
static sz_status take_name(hlo_proto *p, parts *a) {
    char made[32];
    sz_str name;
    SZ_TRY(sz_wire_text(&p->wire, a->name, &name));
    if (name.len == 0) {
        const int n = snprintf(made, sizeof made, "instruction.%" PRIu64, a->id);
        name = (sz_str){made, (uint32_t)n};
    }
    p->name.n = 0;
    for (uint32_t k = 0; k < name.len; k++)
        if (!sz_vec_push(p->ctx, &p->name, name.p[k])) return sz_no_memory(p->ctx);
    a->i.name = (sz_str){p->name.items, (uint32_t)p->name.n};
    return SZ_OK;
}

// Errors that come with a place keep it.
static sz_status placed(hlo_proto *p, sz_status status, uint64_t at) {
    if (status == SZ_OK || *sz_ctx_error(p->ctx) == '@') return status;
    return hlo_proto_place(p, status, at);
}

static sz_status read_parts(hlo_proto *p, sz_span span, uint64_t root, parts *a) {
    sz_field f;
    sz_str opcode;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) break;
        SZ_TRY(take_field(p, a, &f));
    }
    SZ_TRY(sz_wire_text(&p->wire, a->opcode, &opcode));
    if (opcode.len == 0) return hlo_proto_fail(p, a->at, "an instruction has no opcode");
    SZ_TRY(hlo_word(&p->x, opcode, &a->i.opcode));
    if (sz_span_len(a->shape) == 0) return hlo_proto_fail(p, a->at, "an instruction has no shape");
    SZ_TRY(hlo_proto_shape(p, a->shape, &a->i));
    SZ_TRY(take_name(p, a));
    a->i.is_root = a->id == root;
    a->i.at = a->at;
    SZ_TRY(placed(p, add_instruction(p, a), a->at));
    return put_id(p, &p->ids, a->id, p->x.last, a->at);
}

static sz_status instruction(hlo_proto *p, sz_span span, uint64_t root) {
    parts a = {.at = span.at};
    sz_status status = read_parts(p, span, root, &a);
    for (int k = 0; k < N_LISTS; k++) sz_vec_finish(p->ctx, &a.lists[k]);
    return status;
}

// ---- computations ------------------------------------------------------------------------------

typedef struct comp {
    sz_span span, name;
    uint64_t id, root;
} comp;

static sz_status comp_head(hlo_proto *p, comp *c) {
    sz_span rest = c->span;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &rest, &f, &more));
        if (!more) return SZ_OK;
        if (hlo_tag(&f) == HLO_BYTES(1)) c->name = f.span;
        if (hlo_tag(&f) == HLO_VARINT(5)) c->id = f.value;
        if (hlo_tag(&f) == HLO_VARINT(6)) c->root = f.value;
    }
}

static sz_status computation(hlo_proto *p, const comp *c, bool is_entry) {
    sz_span rest = c->span;
    sz_str name;
    sz_field f;
    SZ_TRY(sz_wire_text(&p->wire, c->name, &name));
    SZ_TRY(hlo_proto_place(p, hlo_comp_begin(&p->x, name, is_entry), c->span.at));
    sz_map_finish(&p->ids);
    sz_map_init(&p->ids, p->ctx);
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &rest, &f, &more));
        if (!more) break;
        if (hlo_tag(&f) == HLO_BYTES(2)) SZ_TRY(instruction(p, f.span, c->root));
    }
    SZ_TRY(hlo_proto_place(p, hlo_comp_end(&p->x), c->span.at));
    return put_id(p, &p->comp_ids, c->id, (int32_t)(p->x.comps.n - 1), c->span.at);
}

// ---- the module --------------------------------------------------------------------------------

typedef struct module {
    sz_span span, name, entry_name;
    uint64_t entry_id;
    bool has_entry;
} module;

static sz_status module_head(hlo_proto *p, module *m) {
    sz_span rest = m->span;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &rest, &f, &more));
        if (!more) return SZ_OK;
        if (hlo_tag(&f) == HLO_BYTES(1)) m->name = f.span;
        if (hlo_tag(&f) == HLO_BYTES(2)) m->entry_name = f.span;
        if (hlo_tag(&f) == HLO_VARINT(6)) m->entry_id = f.value, m->has_entry = true;
    }
}

static sz_status is_entry(hlo_proto *p, const module *m, const comp *c, bool *ret) {
    sz_str name;
    char own[256];
    *ret = c->id == m->entry_id;
    if (m->has_entry || sz_span_len(m->entry_name) >= sizeof own) return SZ_OK;
    SZ_TRY(sz_wire_text(&p->wire, m->entry_name, &name));
    memcpy(own, name.p, name.len);
    const sz_str entry = {own, name.len};
    SZ_TRY(sz_wire_text(&p->wire, c->name, &name));
    *ret = sz_str_eq(entry, name);
    return SZ_OK;
}

static sz_status read_module(hlo_proto *p, sz_span span) {
    module m = {.span = span};
    sz_str name;
    sz_field f;
    SZ_TRY(module_head(p, &m));
    SZ_TRY(sz_wire_text(&p->wire, m.name, &name));
    SZ_TRY(hlo_word(&p->x, name, &p->x.root->name));
    for (bool more;;) {
        bool entry;
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) break;
        if (hlo_tag(&f) != HLO_BYTES(3)) continue;
        comp c = {.span = f.span};
        SZ_TRY(comp_head(p, &c));
        SZ_TRY(is_entry(p, &m, &c, &entry));
        SZ_TRY(computation(p, &c, entry));
    }
    if (p->x.has_entry) return SZ_OK;
    return hlo_proto_fail(p, m.span.end, "the module ends without its entry computation");
}

// ---- telling it --------------------------------------------------------------------------------

static bool is_name(const unsigned char *p, size_t len) {
    for (size_t k = 0; k < len; k++)
        if (p[k] <= 0x20 || p[k] >= 0x7f) return false;
    return len > 0;
}

// "\x0a", its length, a name, "\x12", its length, a name: how every module begins.
static bool begins_module(const unsigned char *head, size_t len) {
    if (len < 6 || head[0] != 0x0a || head[1] >= 0x80) return false;
    const size_t at = 2 + (size_t)head[1];
    if (at + 2 > len || !is_name(head + 2, head[1]) || head[at] != 0x12 || head[at + 1] >= 0x80)
        return false;
    const size_t rest = len - at - 2, want = head[at + 1];
    return is_name(head + at + 2, want < rest ? want : rest);
}

// Behind the tag and the length of the module in an HloProto; 0 when it is none.
static size_t inside(const unsigned char *head, size_t len) {
    size_t k = 1;
    if (len < 2 || head[0] != 0x0a) return 0;
    while (k < len && k < 11 && head[k] >= 0x80) k++;
    return k + 1 < len ? k + 1 : 0;
}

int hlo_proto_sniff(const unsigned char *head, size_t len) {
    if (begins_module(head, len)) return 95;
    const size_t at = inside(head, len);
    return at > 0 && begins_module(head + at, len - at) ? 95 : 0;
}

// ---- reading -----------------------------------------------------------------------------------

static sz_status read_file(hlo_proto *p, sz_source *source) {
    unsigned char head[512];
    const size_t n = source->size < sizeof head ? (size_t)source->size : sizeof head;
    sz_span span = {0, source->size};
    sz_field f;
    bool more;
    SZ_TRY(source->read(source, p->ctx, 0, head, n));
    if (begins_module(head, n)) return read_module(p, span);
    do {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (more && hlo_tag(&f) == HLO_BYTES(1)) return read_module(p, f.span);
    } while (more);
    return hlo_proto_fail(p, source->size, "the file ends without a module");
}

static sz_status start(hlo_proto *p, sz_ctx *ctx, sz_source *source) {
    sz_map_init(&p->comp_ids, ctx);
    sz_map_init(&p->ids, ctx);
    SZ_TRY(sz_wire_init(&p->wire, ctx, source));
    return hlo_init(&p->x, ctx);
}

sz_status hlo_proto_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    hlo_proto p = {.ctx = ctx, .x = {.ctx = ctx}};
    sz_status status = start(&p, ctx, source);
    if (status == SZ_OK) status = read_file(&p, source);
    const uint64_t read = p.wire.source ? sz_wire_header(&p.wire) : 0;
    sz_wire_finish(&p.wire);
    sz_map_finish(&p.comp_ids);
    sz_map_finish(&p.ids);
    sz_vec_finish(ctx, &p.items);
    sz_vec_finish(ctx, &p.numbers);
    sz_vec_finish(ctx, &p.more);
    sz_vec_finish(ctx, &p.name);
    return hlo_finish(&p.x, status, read, ret_graph);
}
