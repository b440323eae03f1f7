// SPDX-License-Identifier: Apache-2.0
// ONNX: external_data, the weights in files beside the model. Nothing outside the model's folder is
// ever opened (base/source.h); a file that is absent costs no more than a warning.
#include "model/import/onnx.h"

// ---- side files --------------------------------------------------------------------------------

static sz_status add_side(onnx *x, sz_str name, int32_t *ret) {
    sz_graph *g = x->root;
    sz_source *file = NULL;
    char *copy = sz_arena_strdup(g->arena, name.p, name.len);
    if (!copy) return sz_no_memory(x->ctx);
    sz_side side = {.name = {copy, name.len}};
    SZ_TRY(x->source->sibling(x->source, x->ctx, side.name, &file));
    side.present = file != NULL;
    side.size = file ? file->size : 0;
    if (!file)
        sz_warn(x->ctx, "side file '%s' is absent: sizes are told from dims",
                sz_show(x->ctx, side.name));
    if (!sz_vec_push(x->ctx, &g->sides, side)) return sz_no_memory(x->ctx);
    *ret = (int32_t)(g->sides.n - 1);
    return sz_map_put(&x->sides, side.name, *ret);
}

static sz_status take_location(onnx *x, sz_str name, onnx_external *e) {
    // readers differ in which of two they take, so one that is checked may not be the one opened
    if (e->has_location)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "external_data has two locations");
    e->has_location = true;
    if (sz_map_get(&x->sides, name, &e->side)) return SZ_OK;
    return add_side(x, name, &e->side);
}

// ---- entries -----------------------------------------------------------------------------------

// Decimal digits and nothing else.
static sz_status take_number(onnx *x, const char *key, sz_str text, bool *has, uint64_t *ret) {
    uint64_t v = 0;
    if (*has) return sz_fail(x->ctx, SZ_ERR_INPUT, "external_data has two entries '%s'", key);
    bool good = text.len > 0;
    for (uint32_t i = 0; i < text.len && good; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.p[i] - '0';
        good = digit <= 9 && !__builtin_mul_overflow(v, 10u, &v) &&
               !__builtin_add_overflow(v, digit, &v);
    }
    if (!good)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "%s of external data is no number of bytes: '%s'", key,
                       sz_show(x->ctx, text));
    *has = true;
    *ret = v;
    return SZ_OK;
}

typedef enum entry_kind { LOCATION, OFFSET, LENGTH, CHECKSUM, UNKNOWN } entry_kind;

static entry_kind kind_of(sz_str key) {
    static const char *const names[] = {"location", "offset", "length", "checksum"};
    for (int i = 0; i < UNKNOWN; i++)
        if (sz_str_is(key, names[i])) return (entry_kind)i;
    return UNKNOWN;
}

// StringStringEntryProto. Key and value may come in any order, and the text of the one is gone when
// the other is read: so find both, then read.
sz_status onnx_external_entry(onnx *x, sz_span span, onnx_external *e) {
    sz_span key = {span.at, span.at}, value = {span.at, span.at};
    sz_str text;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) break;
        if (onnx_tag(&f) == ONNX_BYTES(ENTRY_KEY)) key = f.span;
        if (onnx_tag(&f) == ONNX_BYTES(ENTRY_VALUE)) value = f.span;
    }
    SZ_TRY(sz_wire_text(&x->wire, key, &text));
    entry_kind kind = kind_of(text);
    if (kind == CHECKSUM) return SZ_OK;
    if (kind == UNKNOWN) {
        sz_warn(x->ctx, "external_data has an unknown key '%s', which is ignored",
                sz_show(x->ctx, text));
        return SZ_OK;
    }
    SZ_TRY(sz_wire_text(&x->wire, value, &text));
    if (kind == LOCATION) return take_location(x, text, e);
    if (kind == OFFSET) return take_number(x, "offset", text, &e->has_offset, &e->offset);
    return take_number(x, "length", text, &e->has_length, &e->length);
}

// ---- checking ----------------------------------------------------------------------------------

static sz_status check_range(onnx *x, const onnx_external *e, uint64_t length) {
    const sz_side *side = &x->root->sides.items[e->side];
    if (side->present && !sz_in_range(e->offset, length, side->size))
        return sz_fail(x->ctx, SZ_ERR_INPUT, "bytes %" PRIu64 " + %" PRIu64
                       " lie beyond the end of side file '%s' (%" PRIu64 " bytes)", e->offset,
                       length, sz_show(x->ctx, side->name), side->size);
    if (!sz_in_range(e->offset, length, INT64_MAX))
        return sz_fail(x->ctx, SZ_ERR_INPUT, "bytes %" PRIu64 " + %" PRIu64 " of side file '%s' go "
                       "beyond 2^63", e->offset, length, sz_show(x->ctx, side->name));
    return SZ_OK;
}

sz_status onnx_external_check(onnx *x, const onnx_external *e, onnx_tensor *t) {
    if (!e->has_location)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "external data without a location");
    if (sz_dtype_get(t->dtype)->cls == SZ_CLASS_STRING)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "strings in external data");
    if (e->has_length && e->length != (uint64_t)t->bytes)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "external data has %" PRIu64
                       " bytes, dims and type ask for %" PRId64, e->length, t->bytes);
    SZ_TRY(check_range(x, e, (uint64_t)t->bytes));
    t->side = e->side;
    t->offset = e->offset;
    if (t->bytes == 0) return SZ_OK;
    onnx_range r = {e->side, e->offset, (uint64_t)t->bytes};
    return sz_vec_push(x->ctx, &x->ranges, r) ? SZ_OK : sz_no_memory(x->ctx);
}

// ---- overlaps ----------------------------------------------------------------------------------

static int compare(const onnx_range *a, const onnx_range *b) {
    if (a->side != b->side) return a->side < b->side ? -1 : 1;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return 0;
}

static void sift(onnx_range *r, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(&r[child], &r[child + 1]) < 0) child++;
        if (compare(&r[root], &r[child]) >= 0) return;
        onnx_range t = r[root];
        r[root] = r[child];
        r[child] = t;
    }
}

// Heapsort: the library's qsort takes memory behind the allocator's back and may be quadratic.
static void sort(onnx_range *r, size_t n) {
    for (size_t i = n / 2; i-- > 0;) sift(r, i, n);
    for (size_t end = n; end-- > 1;) {
        onnx_range t = r[0];
        r[0] = r[end];
        r[end] = t;
        sift(r, 0, end);
    }
}

// The very same range twice is a shared weight, which is fine.
void onnx_external_overlaps(onnx *x) {
    if (x->ranges.n < 2) return;
    onnx_range *r = x->ranges.items;
    sort(r, x->ranges.n);
    uint64_t end = 0; // of what lies before, in this side file
    for (size_t i = 0; i < x->ranges.n; i++) {
        bool first = i == 0 || r[i].side != r[i - 1].side;
        bool same = i > 0 && compare(&r[i], &r[i - 1]) == 0;
        if (!first && !same && r[i].offset < end)
            sz_warn(x->ctx, "tensors share bytes of side file '%s' without being the same range",
                    sz_show(x->ctx, x->root->sides.items[r[i].side].name));
        if (first || r[i].offset + r[i].length > end) end = r[i].offset + r[i].length;
    }
}
