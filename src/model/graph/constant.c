// SPDX-License-Identifier: Apache-2.0
// Reading the numbers of small constants, on demand.
#include "base/source.h"
#include "model/graph/graph.h"

#include <math.h>

sz_tensor *sz_tensor_new(sz_graph *g, sz_dtype dtype, int32_t rank, const int64_t *dims,
                         int64_t count) {
    if (count < 0 || count > SZ_MAX_VALUE_ELEMENTS) return NULL;
    sz_tensor *t = sz_arena_alloc(g->arena, sizeof *t);
    int64_t *own = sz_graph_dims(g, rank);
    size_t n = count ? (size_t)count : 1;
    if (!t || !own) return NULL;
    if (rank > 0) memcpy(own, dims, (size_t)rank * sizeof *own);
    *t = (sz_tensor){.dtype = dtype, .rank = rank, .dims = own, .count = count};
    switch (sz_dtype_get(dtype)->cls) {
    case SZ_CLASS_FLOAT:
        t->f = sz_arena_array(g->arena, n, sizeof *t->f);
        break;
    case SZ_CLASS_STRING:
        t->s = sz_arena_array(g->arena, n, sizeof *t->s);
        break;
    default:
        t->i = sz_arena_array(g->arena, n, sizeof *t->i);
        break;
    }
    return t->f || t->s || t->i ? t : NULL;
}

// ---- decoding ----------------------------------------------------------------------------------

static uint64_t little(const unsigned char *p, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

// How a format says "not a number".
typedef enum special {
    IEEE,       // the largest exponent: infinity and NaN
    ALL_ONES,   // exponent and mantissa all ones: NaN; no infinity
    MINUS_ZERO, // the pattern of -0: NaN; no infinity, no -0
    NEVER       // all patterns are numbers
} special;

typedef struct float_form {
    const char *name;
    int exp, man, bias;
    special special;
} float_form;

// Layouts: IEEE 754; bfloat16; OCP OFP8 and MX formats (fnuz: bias + 1, as ONNX documents it).
static const float_form forms[] = {
    {"f16", 5, 10, 15, IEEE},        {"bf16", 8, 7, 127, IEEE},
    {"f8e4m3fn", 4, 3, 7, ALL_ONES}, {"f8e4m3fnuz", 4, 3, 8, MINUS_ZERO},
    {"f8e5m2", 5, 2, 15, IEEE},      {"f8e5m2fnuz", 5, 2, 16, MINUS_ZERO},
    {"f4e2m1", 2, 1, 1, NEVER},      {"f6e2m3", 2, 3, 1, NEVER},
    {"f6e3m2", 3, 2, 3, NEVER},
};

static bool is_nan(const float_form *form, uint32_t v) {
    const uint32_t all = (1u << (form->exp + form->man)) - 1, last = ((1u << form->exp) - 1);
    const uint32_t e = v >> form->man & last, m = v & ((1u << form->man) - 1);
    switch (form->special) {
    case IEEE:
        return e == last && m;
    case ALL_ONES:
        return (v & all) == all;
    case MINUS_ZERO:
        return v == all + 1;
    case NEVER:
        break;
    }
    return false;
}

static double small_float(const float_form *form, uint32_t v) {
    const int exp = form->exp, man = form->man, bias = form->bias;
    const uint32_t last = (1u << exp) - 1, e = v >> man & last, m = v & ((1u << man) - 1);
    const double sign = v >> (exp + man) & 1 ? -1.0 : 1.0;
    if (is_nan(form, v)) return NAN;
    if (form->special == IEEE && e == last) return sign * INFINITY;
    if (e == 0) return sign * ldexp((double)m, 1 - bias - man);
    return sign * ldexp((double)(m | 1u << man), (int)e - bias - man);
}

static double decode_float(const sz_dtype_info *d, uint64_t v) {
    if (d->bits == 32) {
        uint32_t u = (uint32_t)v;
        float f;
        memcpy(&f, &u, sizeof f);
        return (double)f;
    }
    if (d->bits == 64) {
        double f;
        memcpy(&f, &v, sizeof f);
        return f;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, d->name) == 0) return small_float(&forms[i], (uint32_t)v);
    return v == 0xff ? (double)NAN : ldexp(1.0, (int)v - 127); // f8e8m0: a power of two
}

static int64_t decode_int(const sz_dtype_info *d, uint64_t v) {
    if (d->cls == SZ_CLASS_BOOL) return v != 0;
    if (d->cls != SZ_CLASS_INT || d->bits == 64) return (int64_t)v;
    uint64_t sign = 1ull << (d->bits - 1);
    return (int64_t)((v ^ sign) - sign);
}

static void decode(sz_tensor *t, const unsigned char *raw) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    const uint64_t mask = d->bits >= 64 ? UINT64_MAX : (1ull << d->bits) - 1;
    for (int64_t k = 0; k < t->count; k++) {
        uint64_t v;
        if (d->bits % 8 == 0) {
            v = little(raw + k * (d->bits / 8), d->bits / 8);
        } else { // packed from the low bits up; an element may straddle two bytes (6-bit formats)
            int64_t bit = k * d->bits;
            v = raw[bit / 8];
            if (bit % 8 + d->bits > 8) v |= (uint64_t)raw[bit / 8 + 1] << 8;
            v = v >> (bit % 8) & mask;
        }
        if (t->f)
            t->f[k] = decode_float(d, v);
        else
            t->i[k] = decode_int(d, v);
    }
}

// The formats that no decoder stands for here have no code in ONNX.
static bool is_readable(const sz_dtype_info *d) {
    if (d->onnx < 0) return false;
    return d->cls == SZ_CLASS_FLOAT || d->cls == SZ_CLASS_INT || d->cls == SZ_CLASS_UINT ||
           d->cls == SZ_CLASS_BOOL;
}

static sz_status source_of(sz_graph *root, const sz_constant *c, sz_source **ret_source) {
    *ret_source = root->source;
    if (!root->source || c->side == SZ_NONE) return SZ_OK;
    return root->source->sibling(root->source, root->ctx, root->sides.items[c->side].name,
                                 ret_source);
}

// Reads a raw constant; *ret_tensor stays NULL where the numbers can't be had.
static sz_status read_raw(sz_graph *g, const sz_value *v, const sz_constant *c,
                          const sz_tensor **ret_tensor) {
    sz_graph *root = sz_graph_root(g);
    const sz_dtype_info *d = sz_dtype_get(v->type.dtype);
    sz_source *source;
    int64_t n;
    SZ_TRY(sz_type_elements(g->ctx, &v->type, &n));
    if (n < 0 || n > SZ_MAX_VALUE_ELEMENTS || !is_readable(d)) return SZ_OK;
    uint64_t need = (uint64_t)sz_dtype_bytes(v->type.dtype, n);
    SZ_TRY(source_of(root, c, &source));
    if (!source || need > c->length) return SZ_OK;
    unsigned char *raw = sz_alloc(g->ctx, need);
    if (!raw) return sz_no_memory(g->ctx);
    sz_status status = source->read(source, g->ctx, c->offset, raw, need);
    sz_tensor *t = NULL;
    if (status == SZ_OK) {
        t = sz_tensor_new(g, v->type.dtype, v->type.rank, v->type.dims, n);
        if (!t) status = sz_no_memory(g->ctx);
    }
    if (status == SZ_OK) decode(t, raw);
    sz_free(g->ctx, raw, need);
    *ret_tensor = status == SZ_OK ? t : NULL;
    return status;
}

sz_status sz_graph_known(sz_graph *g, sz_value_id id, const sz_tensor **ret_tensor) {
    sz_value *v = sz_graph_value(g, id);
    *ret_tensor = v->known;
    if (v->kind == SZ_VALUE_CAPTURED) { // depth of bodies is limited: walk up without recursion
        while (v->kind == SZ_VALUE_CAPTURED) {
            g = g->parent;
            v = sz_graph_value(g, v->outer);
            id = (sz_value_id)(v - g->values.items);
        }
        *ret_tensor = v->known;
    }
    if (v->known || v->known_tried || !v->constant) return SZ_OK;
    v->known_tried = true;
    const sz_tensor *t = NULL;
    if (v->constant->form == SZ_CONST_VALUE)
        t = v->constant->tensor;
    else if (v->constant->form == SZ_CONST_RAW)
        SZ_TRY(read_raw(g, v, v->constant, &t));
    sz_graph_value(g, id)->known = t;
    *ret_tensor = t;
    return SZ_OK;
}
