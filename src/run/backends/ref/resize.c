// SPDX-License-Identifier: Apache-2.0
// Resize and Upsample: axis by axis, as interpolation is separable.
#include "run/backends/ref/kernel.h"

#include "model/ops/numbers.h"

#include <math.h>

enum { MAX_TAPS = 4096 };

typedef struct line { // one axis
    int64_t in, out;
    double scale, start, end; // part of the axis that tf_crop_and_resize takes
} line;

typedef struct taps { // the elements that one position of the output is made of
    int64_t first;
    int n;
    bool outside; // takes the extrapolation value
    double weight[MAX_TAPS];
} taps;

typedef struct mode {
    sz_str coordinates, nearest;
    char kind; // n, l, c
    bool antialias, exclude_outside;
    double cubic, extrapolation;
} mode;

// Where position y of the output lies in the input.
static double source_of(const mode *m, const line *l, int64_t y, bool *ret_outside) {
    const double in = (double)l->in, width = l->scale * in, x = (double)y;
    *ret_outside = false;
    if (sz_str_is(m->coordinates, "align_corners"))
        return width == 1 ? 0 : x * (in - 1) / (width - 1);
    if (sz_str_is(m->coordinates, "asymmetric")) return x / l->scale;
    if (sz_str_is(m->coordinates, "pytorch_half_pixel") && l->out == 1) return 0;
    if (sz_str_is(m->coordinates, "tf_half_pixel_for_nn")) return (x + 0.5) / l->scale;
    if (sz_str_is(m->coordinates, "tf_crop_and_resize")) {
        const double part = (l->end - l->start) * (in - 1);
        const double at = l->start * (in - 1) +
                          (l->out == 1 ? part / 2 : x * part / (double)(l->out - 1));
        *ret_outside = at < 0 || at > in - 1;
        return at;
    }
    double offset = 0;
    if (sz_str_is(m->coordinates, "half_pixel_symmetric"))
        offset = in / 2 * (1 - (double)l->out / width);
    return offset + (x + 0.5) / l->scale - 0.5;
}

static double cubic(double x, double a) { // Keys 1981
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static int64_t nearest(const mode *m, double at) {
    if (sz_str_is(m->nearest, "floor")) return (int64_t)floor(at);
    if (sz_str_is(m->nearest, "ceil")) return (int64_t)ceil(at);
    if (sz_str_is(m->nearest, "round_prefer_ceil")) return (int64_t)floor(at + 0.5);
    return (int64_t)ceil(at - 0.5);
}

// The window of a filter of `reach` around `at`; it grows with antialias where the axis shrinks.
static bool fill_taps(const mode *m, const line *l, double at, taps *t) {
    const double shrink = m->antialias && l->scale < 1 ? l->scale : 1;
    const double reach = (m->kind == 'l' ? 1 : 2) / shrink;
    double sum = 0;
    t->first = (int64_t)floor(at - reach) + 1;
    t->n = 0;
    for (int64_t k = t->first; (double)k < at + reach || t->n == 0; k++) {
        if (t->n == MAX_TAPS) return false;
        const double x = ((double)k - at) * shrink;
        double w = m->kind == 'l' ? fmax(0, 1 - fabs(x)) : cubic(x, m->cubic);
        if (m->exclude_outside && (k < 0 || k >= l->in)) w = 0;
        t->weight[t->n++] = w;
        sum += w;
    }
    for (int k = 0; k < t->n && sum != 0 && (shrink < 1 || m->exclude_outside); k++)
        t->weight[k] /= sum;
    return true;
}

static bool plan(const mode *m, const line *l, int64_t y, taps *t) {
    const double at = source_of(m, l, y, &t->outside);
    if (!(fabs(at) < 0x1p52)) return false;
    if (m->kind != 'n') return fill_taps(m, l, at, t);
    t->first = nearest(m, at), t->n = 1, t->weight[0] = 1;
    return true;
}

// x [outer, in, inner] -> y [outer, out, inner]
static sz_status along(const sz_ref_call *c, const mode *m, const line *l, int64_t outer,
                       int64_t inner, const double *x, double *y) {
    taps *t = sz_arena_alloc(c->n->graph->arena, sizeof *t);
    if (!t) return sz_no_memory(c->ctx);
    for (int64_t k = 0; k < l->out; k++) {
        if (!plan(m, l, k, t)) return sz_op_fail(c->n, "the scale is too extreme");
        SZ_TRY(sz_ref_charge(c, t->n, outer, inner));
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) {
                double sum = 0;
                for (int p = 0; p < t->n; p++) {
                    int64_t e = t->first + p;
                    e = e < 0 ? 0 : e >= l->in ? l->in - 1 : e;
                    sum += t->weight[p] * x[(o * l->in + e) * inner + i];
                }
                y[(o * l->out + k) * inner + i] = t->outside ? m->extrapolation : sum;
            }
    }
    return SZ_OK;
}

// ---- attributes --------------------------------------------------------------------------------

static sz_status read_mode(const sz_ref_call *c, mode *m) {
    const sz_node *node = c->n->node;
    const bool resize = strcmp(c->n->op->name, "Resize") == 0;
    const bool old = !resize || c->n->opset < 11; // Upsample, and Resize as it was before
    sz_str kind = sz_attr_s(node, "mode", "nearest");
    *m = (mode){.kind = 'n', .cubic = sz_attr_f(node, "cubic_coeff_a", -0.75)};
    m->coordinates = sz_attr_s(node, "coordinate_transformation_mode",
                               old ? "asymmetric" : "half_pixel");
    m->nearest = sz_attr_s(node, "nearest_mode", old ? "floor" : "round_prefer_floor");
    m->antialias = sz_attr_i(node, "antialias", 0) != 0;
    m->exclude_outside = sz_attr_i(node, "exclude_outside", 0) != 0;
    m->extrapolation = sz_attr_f(node, "extrapolation_value", 0);
    if (sz_str_is(kind, "linear") || sz_str_is(kind, "bilinear"))
        m->kind = 'l';
    else if (sz_str_is(kind, "cubic"))
        m->kind = 'c';
    else if (!sz_str_is(kind, "nearest"))
        return sz_op_fail(c->n, "no reference for mode '%s'", sz_show(c->ctx, kind));
    return SZ_OK;
}

// Number `k` of the operand or attribute that belongs to axis `d`; -1: this axis is not named.
static int entry_of(const sz_ref_call *c, int d) {
    const int64_t *axes;
    const int32_t count = sz_attr_ints(c->n->node, "axes", &axes);
    if (count == 0) return d;
    for (int k = 0; k < count; k++)
        if (axes[k] == d || axes[k] + c->in[0]->rank == d) return k;
    return -1;
}

static double number(const sz_ref_call *c, int i, int k, double def) {
    if (!sz_ref_has(c, i) || k < 0 || k >= c->in[i]->count) return def;
    sz_buffer_doubles(c->in[i], k, 1, &def);
    return def;
}

// One scale for all axes that keep_aspect_ratio_policy asks for; 0: each its own.
static double common_scale(const sz_ref_call *c) {
    const sz_str policy = sz_attr_s(c->n->node, "keep_aspect_ratio_policy", "stretch");
    const bool larger = sz_str_is(policy, "not_smaller");
    double scale = 0;
    if ((!larger && !sz_str_is(policy, "not_larger")) || !sz_ref_has(c, 3)) return 0;
    for (int d = 0; d < c->in[0]->rank; d++) {
        const int k = entry_of(c, d);
        if (k < 0 || c->in[0]->dims[d] == 0) continue;
        const double s = number(c, 3, k, 1) / (double)c->in[0]->dims[d];
        if (scale == 0 || (larger ? s > scale : s < scale)) scale = s;
    }
    return scale;
}

static line read_line(const sz_ref_call *c, int d) {
    const int at_scales = c->n->opset < 11 || c->n->op->name[0] == 'U' ? 1 : 2, k = entry_of(c, d);
    line l = {c->in[0]->dims[d], c->out[0]->dims[d], 1, 0, 1};
    l.scale = l.in ? (double)l.out / (double)l.in : 1;
    if (k < 0) return l;
    const bool by_sizes = at_scales == 2 && sz_ref_has(c, 3) && c->in[3]->count > 0;
    const sz_attr *list = sz_attr_find(c->n->node, "scales");
    if (by_sizes && common_scale(c) > 0)
        l.scale = common_scale(c);
    else if (!by_sizes)
        l.scale = number(c, at_scales, k, l.scale);
    if (list && list->kind == SZ_ATTR_FLOATS && k < list->n) l.scale = list->floats[k];
    const int64_t regions = at_scales == 2 && sz_ref_has(c, 1) ? c->in[1]->count / 2 : 0;
    if (k < regions) {
        l.start = number(c, 1, k, 0);
        l.end = number(c, 1, (int)regions + k, 1);
    }
    return l;
}

sz_status sz_ref_resize(sz_ref_call *c) {
    const sz_buffer *in = c->in[0], *out = c->out[0];
    double *x, *y;
    mode m;
    SZ_TRY(read_mode(c, &m));
    SZ_TRY(sz_ref_in(c, 0, &x));
    if (out->count == 0) return SZ_OK;
    int64_t outer = 1, inner = in->count;
    for (int d = 0; d < in->rank; d++) { // axes before d have their new sizes already
        const line l = read_line(c, d);
        inner /= l.in;
        const bool whole = !sz_str_is(m.coordinates, "tf_crop_and_resize") ||
                           (l.start == 0 && l.end == 1);
        if (l.in != l.out || l.scale != 1 || !whole) {
            SZ_TRY(sz_ref_array(c, outer * l.out * inner, &y));
            SZ_TRY(along(c, &m, &l, outer, inner, x, y));
            x = y;
        }
        outer *= l.out;
    }
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!sz_is_float(out->dtype)) // integers are rounded, and kept in their range
        for (int64_t k = 0; k < out->count; k++) {
            const int bits = sz_dtype_get(out->dtype)->bits;
            const double low = sz_is_unsigned(out->dtype) ? 0 : -ldexp(1, bits - 1);
            const double high = ldexp(1, bits - !sz_is_unsigned(out->dtype)) - 1;
            x[k] = fmax(low, fmin(high, trunc(x[k])));
        }
    memcpy(y, x, (size_t)out->count * sizeof *y);
    return SZ_OK;
}
