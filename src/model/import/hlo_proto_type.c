// SPDX-License-Identifier: Apache-2.0
// HLO protobuf: shapes, literals, windows, the axes of products and convolutions.
#include "model/import/hlo_proto.h"

#include <inttypes.h>

sz_status hlo_proto_ints(hlo_proto *p, const sz_field *f) {
    sz_elements e;
    uint64_t value;
    if (!sz_elements_start(&e, f, SZ_WIRE_VARINT)) return SZ_OK;
    for (bool more;;) {
        SZ_TRY(sz_elements_next(&p->wire, &e, SZ_WIRE_VARINT, &value, &more));
        if (!more) return SZ_OK;
        if (!sz_vec_push(p->ctx, &p->numbers, (int64_t)value)) return sz_no_memory(p->ctx);
    }
}

// ---- shapes ------------------------------------------------------------------------------------

// PrimitiveType by number, as HLO text calls it.
static const char *const primitive[] = {
    NULL,         "pred",       "s8",   "s16",    "s32",      "s64",    "u8",     "u16",
    "u32",        "u64",        "f16",  "f32",    "f64",      "tuple",  "opaque", "c64",
    "bf16",       "token",      "c128", "f8e5m2", "f8e4m3fn", "s4",     "u4",     "f8e4m3b11fnuz",
    "f8e5m2fnuz", "f8e4m3fnuz", "s2",   "u2",     "f8e4m3",   "f8e3m4", "s1",     "u1",
    "f4e2m1fn",   "f8e8m0fnu"};
enum { TUPLE = 13, N_PRIMITIVE = sizeof primitive / sizeof *primitive };

// One ShapeProto without its members: they follow as spans.
typedef struct shape {
    sz_span rest; // of the message
    uint64_t element_type, at;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank;
    int64_t layout[SZ_MAX_RANK];
    int32_t n_layout;
    size_t first; // of the items of a tuple
} shape;

static sz_status take_dims(hlo_proto *p, shape *s, const sz_field *f) {
    p->numbers.n = 0;
    SZ_TRY(hlo_proto_ints(p, f));
    for (size_t k = 0; k < p->numbers.n; k++) {
        int64_t dim = p->numbers.items[k];
        if (s->rank == SZ_MAX_RANK)
            return hlo_proto_fail(p, f->at, "more than %d dimensions", SZ_MAX_RANK);
        if (dim == INT64_MIN)
            dim = SZ_DIM_UNKNOWN; // a size without a bound
        else if (dim < 0)
            return hlo_proto_fail(p, f->at, "a dimension is negative");
        s->dims[s->rank++] = dim;
    }
    return SZ_OK;
}

static sz_status take_layout(hlo_proto *p, shape *s, sz_span span) {
    sz_field f;
    p->numbers.n = 0;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) break;
        if (f.number == 1) SZ_TRY(hlo_proto_ints(p, &f));
    }
    s->n_layout = p->numbers.n <= SZ_MAX_RANK ? (int32_t)p->numbers.n : 0;
    for (int32_t k = 0; k < s->n_layout; k++) s->layout[k] = p->numbers.items[k];
    return SZ_OK;
}

// Up to the next member of a tuple: *ret_member is it, or nothing is left.
static sz_status read_shape(hlo_proto *p, shape *s, sz_span *ret_member, bool *ret_more) {
    sz_field f;
    for (;;) {
        SZ_TRY(sz_wire_next(&p->wire, &s->rest, &f, ret_more));
        if (!*ret_more) return SZ_OK;
        if (f.number == 3) SZ_TRY(take_dims(p, s, &f));
        switch (hlo_tag(&f)) {
        case HLO_VARINT(2):
            s->element_type = f.value;
            break;
        case HLO_BYTES(5):
            SZ_TRY(take_layout(p, s, f.span));
            break;
        case HLO_BYTES(4):
            *ret_member = f.span;
            return SZ_OK;
        default:
            break;
        }
    }
}

static sz_status finish_shape(hlo_proto *p, const shape *s, const sz_type **ret) {
    const char *name = s->element_type < N_PRIMITIVE ? primitive[s->element_type] : NULL;
    sz_dtype dtype;
    bool other;
    int64_t elements;
    if (s->element_type == TUPLE) {
        *ret = hlo_tuple(&p->x, p->items.n - s->first, p->items.items + s->first);
        p->items.n = s->first;
        return *ret ? SZ_OK : sz_no_memory(p->ctx);
    }
    if (!name || !hlo_dtype(sz_str_c(name), &dtype, &other))
        return hlo_proto_fail(p, s->at, "element type %" PRIu64 " is not known", s->element_type);
    *ret = other ? hlo_tuple(&p->x, 0, NULL) : hlo_tensor(&p->x, dtype, s->rank, s->dims);
    if (!*ret) return sz_no_memory(p->ctx);
    return hlo_proto_place(p, sz_type_elements(p->ctx, *ret, &elements), s->at);
}

sz_status hlo_proto_shape(hlo_proto *p, sz_span span, hlo_instruction *i) {
    shape open[SZ_HLO_MAX_TUPLES + 1];
    int depth = 1;
    p->items.n = 0;
    open[0] = (shape){.rest = span, .at = span.at};
    while (depth > 0) {
        shape *s = &open[depth - 1];
        sz_span member;
        bool more;
        SZ_TRY(read_shape(p, s, &member, &more));
        if (more && depth > SZ_HLO_MAX_TUPLES)
            return hlo_proto_fail(p, s->at, "tuples nest more than %d levels deep",
                                  SZ_HLO_MAX_TUPLES);
        if (more) {
            open[depth++] = (shape){.rest = member, .at = member.at, .first = p->items.n};
            continue;
        }
        const sz_type *type = NULL;
        SZ_TRY(finish_shape(p, s, &type));
        if (--depth > 0 && !sz_vec_push(p->ctx, &p->items, type)) return sz_no_memory(p->ctx);
        i->type = type;
    }
    return hlo_layout(&p->x, i, open[0].n_layout, open[0].layout);
}

// ---- literals ----------------------------------------------------------------------------------

// Packed varints of these fields are whole numbers: s32s, s64s, u32s, u64s. The bytes of `preds`
// (2) and all floats are left where they are.
static bool holds_integers(uint32_t number) { return number >= 4 && number <= 7; }

sz_status hlo_proto_literal(hlo_proto *p, sz_span span, const sz_type *type,
                            const sz_tensor **ret) {
    int64_t count = -1;
    sz_field f;
    *ret = NULL;
    p->numbers.n = 0;
    const sz_dtype_info *d = sz_dtype_get(type->dtype);
    if (type->kind == SZ_TYPE_TENSOR) SZ_TRY(sz_type_elements(p->ctx, type, &count));
    const bool wanted = d->cls == SZ_CLASS_INT || d->cls == SZ_CLASS_UINT;
    if (!wanted || d->bits < 32 || count < 0 || count > SZ_HLO_MAX_NUMBERS) return SZ_OK;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) break;
        // ten bytes are the longest varint
        if (holds_integers(f.number) &&
            (f.type != SZ_WIRE_BYTES || sz_span_len(f.span) <= 10 * SZ_HLO_MAX_NUMBERS))
            SZ_TRY(hlo_proto_ints(p, &f));
    }
    if ((int64_t)p->numbers.n != count) return SZ_OK;
    sz_tensor *v = sz_tensor_new(p->x.root, type->dtype, type->rank, type->dims, count);
    if (!v || !v->i) return sz_no_memory(p->ctx);
    for (int64_t k = 0; k < count; k++) v->i[k] = p->numbers.items[k];
    *ret = v;
    return SZ_OK;
}

// ---- windows -----------------------------------------------------------------------------------

enum { SIZE, STRIDE, LOW, HIGH, RHS_DILATE, LHS_DILATE, REVERSAL, N_WINDOW };

static sz_status window_dimension(hlo_proto *p, sz_span span, int64_t *part) {
    sz_field f;
    memset(part, 0, N_WINDOW * sizeof *part);
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (f.type == SZ_WIRE_VARINT && f.number >= 1 && f.number <= N_WINDOW)
            part[f.number - 1] = (int64_t)f.value;
    }
}

// One list out of the dimensions in p->more, N_WINDOW numbers each.
static sz_status window_list(hlo_proto *p, const char *name, int part, int other) {
    p->numbers.n = 0;
    for (size_t k = 0; k + N_WINDOW <= p->more.n; k += N_WINDOW) {
        if (!sz_vec_push(p->ctx, &p->numbers, p->more.items[k + (size_t)part]))
            return sz_no_memory(p->ctx);
        if (other >= 0 && !sz_vec_push(p->ctx, &p->numbers, p->more.items[k + (size_t)other]))
            return sz_no_memory(p->ctx);
    }
    return hlo_attr_ints(&p->x, name, p->numbers.n, p->numbers.items);
}

sz_status hlo_proto_window(hlo_proto *p, sz_span span) {
    sz_field f;
    p->more.n = 0;
    for (bool more;;) {
        int64_t part[N_WINDOW];
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) break;
        if (hlo_tag(&f) != HLO_BYTES(1)) continue;
        SZ_TRY(window_dimension(p, f.span, part));
        for (int k = 0; k < N_WINDOW; k++)
            if (!sz_vec_push(p->ctx, &p->more, part[k])) return sz_no_memory(p->ctx);
    }
    if (p->more.n == 0) return SZ_OK;
    SZ_TRY(window_list(p, "window_size", SIZE, -1));
    SZ_TRY(window_list(p, "window_stride", STRIDE, -1));
    SZ_TRY(window_list(p, "window_pad", LOW, HIGH));
    SZ_TRY(window_list(p, "window_lhs_dilate", LHS_DILATE, -1));
    return window_list(p, "window_rhs_dilate", RHS_DILATE, -1);
}

// ---- axes --------------------------------------------------------------------------------------

sz_status hlo_proto_dot(hlo_proto *p, sz_span span) {
    static const char *const names[] = {"lhs_contracting_dims", "rhs_contracting_dims",
                                        "lhs_batch_dims", "rhs_batch_dims"};
    for (uint32_t k = 0; k < 4; k++) {
        sz_span rest = span;
        sz_field f;
        p->numbers.n = 0;
        for (bool more;;) {
            SZ_TRY(sz_wire_next(&p->wire, &rest, &f, &more));
            if (!more) break;
            if (f.number == k + 1) SZ_TRY(hlo_proto_ints(p, &f));
        }
        if (p->numbers.n > 0)
            SZ_TRY(hlo_attr_ints(&p->x, names[k], p->numbers.n, p->numbers.items));
    }
    return SZ_OK;
}

// Where each letter of one part of dim_labels stands.
typedef struct part {
    uint32_t first, second, spatial; // fields
    char letters[2];
    char text[SZ_MAX_RANK + 1];
    uint32_t length;
} part;

static bool put_letter(part *t, int64_t axis, char letter) {
    if (axis < 0 || axis >= SZ_MAX_RANK) return false;
    while (t->length <= (uint32_t)axis) t->text[t->length++] = '?';
    t->text[axis] = letter;
    return true;
}

static sz_status read_part(hlo_proto *p, sz_span span, part *t) {
    sz_field f;
    bool good = true;
    p->numbers.n = 0;
    int64_t axis[2] = {0, 0}; // the number 0 may be left out
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&p->wire, &span, &f, &more));
        if (!more) break;
        if (f.number == t->spatial) SZ_TRY(hlo_proto_ints(p, &f));
        if (f.type != SZ_WIRE_VARINT) continue;
        if (f.number == t->first) axis[0] = (int64_t)f.value;
        if (f.number == t->second) axis[1] = (int64_t)f.value;
    }
    for (int k = 0; k < 2; k++) good = put_letter(t, axis[k], t->letters[k]) && good;
    for (size_t k = 0; k < p->numbers.n; k++)
        good = k < 10 && put_letter(t, p->numbers.items[k], (char)('0' + k)) && good;
    return good ? SZ_OK : hlo_proto_fail(p, span.at, "axes of a convolution are out of range");
}

// ConvolutionDimensionNumbers as text says them: "b01f_01io->b01f".
sz_status hlo_proto_labels(hlo_proto *p, sz_span span) {
    part parts[3] = {{7, 8, 11, "bf", "", 0}, {3, 4, 6, "io", "", 0}, {9, 10, 12, "bf", "", 0}};
    char text[3 * SZ_MAX_RANK + 4];
    uint32_t n = 0;
    for (int k = 0; k < 3; k++) {
        SZ_TRY(read_part(p, span, &parts[k]));
        memcpy(text + n, parts[k].text, parts[k].length);
        n += parts[k].length;
        if (k == 0) text[n++] = '_';
        if (k == 1) text[n++] = '-', text[n++] = '>';
    }
    return hlo_attr_text(&p->x, sz_str_c("dim_labels"), (sz_str){text, n});
}
