// SPDX-License-Identifier: Apache-2.0
#include "model/ops/spatial.h"


// ---- attributes --------------------------------------------------------------------------------

static sz_status read_auto_pad(const sz_infer *n, sz_auto_pad *ret) {
    static const struct { const char *text; sz_auto_pad pad; } words[] = {
        {"NOTSET", SZ_PAD_NOTSET}, {"", SZ_PAD_NOTSET}, {"VALID", SZ_PAD_VALID},
        {"SAME_UPPER", SZ_PAD_UPPER}, {"SAME_LOWER", SZ_PAD_LOWER},
    };
    sz_str s = sz_attr_s(n->node, "auto_pad", "NOTSET");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sz_str_is(s, words[i].text)) {
            *ret = words[i].pad;
            return SZ_OK;
        }
    sz_warn(n->ctx, "node '%s': auto_pad '%s' is not known and taken as NOTSET",
            sz_show(n->ctx, n->node->name), sz_show(n->ctx, s));
    *ret = SZ_PAD_NOTSET;
    return SZ_OK;
}

// Ints of an attribute, one per axis, each at least `least`; absent leaves *ret_ints NULL.
static sz_status read_per_axis(const sz_infer *n, const char *name, int count, int64_t least,
                               const int64_t **ret_ints) {
    int32_t have = sz_attr_ints(n->node, name, ret_ints);
    if (have == 0) {
        *ret_ints = NULL;
        return SZ_OK;
    }
    if (have != count)
        return sz_op_fail(n, "%s has %d values, %d are needed", name, (int)have, count);
    for (int i = 0; i < count; i++)
        if ((*ret_ints)[i] < least)
            return sz_op_fail(n, "%s is %lld on axis %d, at least %lld is needed", name,
                              (long long)(*ret_ints)[i], i, (long long)least);
    return SZ_OK;
}

sz_status sz_spatial_read(const sz_infer *n, int axes, sz_space *ret_space) {
    const int64_t *strides, *dilations, *pads;
    if (axes < 0 || axes > SZ_MAX_RANK) return sz_op_fail(n, "%d spatial axes", axes);
    SZ_TRY(read_per_axis(n, "strides", axes, 1, &strides));
    SZ_TRY(read_per_axis(n, "dilations", axes, 1, &dilations));
    SZ_TRY(read_per_axis(n, "pads", 2 * axes, INT64_MIN, &pads));
    SZ_TRY(read_auto_pad(n, &ret_space->pad));
    if (ret_space->pad != SZ_PAD_NOTSET) pads = NULL;
    ret_space->n = axes;
    ret_space->ceil = sz_attr_i(n->node, "ceil_mode", 0) != 0;
    for (int i = 0; i < axes; i++)
        ret_space->axis[i] = (sz_axis){
            .in = SZ_DIM_UNKNOWN, .kernel = SZ_DIM_UNKNOWN, .out = SZ_DIM_UNKNOWN,
            .stride = strides ? strides[i] : 1, .dilation = dilations ? dilations[i] : 1,
            .before = pads ? pads[i] : 0, .after = pads ? pads[axes + i] : 0,
        };
    return SZ_OK;
}

sz_status sz_space_kernel(const sz_infer *n, sz_space *s, const int64_t *dims) {
    const int64_t *shape;
    SZ_TRY(read_per_axis(n, "kernel_shape", s->n, 1, &shape));
    for (int i = 0; i < s->n; i++) {
        int64_t k = shape ? shape[i] : SZ_DIM_UNKNOWN;
        int64_t w = dims && dims[i] >= 0 ? dims[i] : SZ_DIM_UNKNOWN;
        if (k >= 0 && w >= 0 && k != w)
            return sz_op_fail(n, "kernel_shape is %lld on axis %d but the weights have %lld",
                              (long long)k, i, (long long)w);
        s->axis[i].kernel = k >= 0 ? k : w;
    }
    return SZ_OK;
}

// ---- output sizes ------------------------------------------------------------------------------

static sz_status overflow(const sz_infer *n, int axis) {
    return sz_op_fail(n, "the window of axis %d exceeds 2^63", axis);
}

// Elements that a dilated kernel spans: (kernel - 1) * dilation + 1.
static bool kernel_span(const sz_axis *a, int64_t *ret_span) {
    int64_t span = 1;
    if (a->kernel == 0) return *ret_span = 0, true;
    return sz_madd(&span, a->kernel - 1, a->dilation) && (*ret_span = span, true);
}

static void split_pad(sz_axis *a, sz_auto_pad pad, int64_t total) {
    int64_t half = total / 2;
    a->before = pad == SZ_PAD_UPPER ? half : total - half;
    a->after = total - a->before;
}

// SAME: output = ceil(input / stride); as many zeros as the last window then needs.
static sz_status same_out(const sz_infer *n, sz_space *s, int i) {
    sz_axis *a = &s->axis[i];
    int64_t span, need;
    a->out = a->in / a->stride + (a->in % a->stride != 0);
    if (a->kernel < 0) return SZ_OK;
    if (!kernel_span(a, &span)) return overflow(n, i);
    if (a->out == 0) return SZ_OK;
    need = span;
    if (!sz_madd(&need, a->out - 1, a->stride)) return overflow(n, i);
    split_pad(a, s->pad, need > a->in ? need - a->in : 0);
    return SZ_OK;
}

static sz_status axis_out(const sz_infer *n, sz_space *s, int i) {
    sz_axis *a = &s->axis[i];
    bool same = s->pad == SZ_PAD_UPPER || s->pad == SZ_PAD_LOWER;
    int64_t span = 0, pads, padded, room;
    if (a->kernel >= 0 && !kernel_span(a, &span)) return overflow(n, i);
    if (!sz_add(a->before, a->after, &pads)) return overflow(n, i);
    if (a->in < 0) { // a symbol passes through a window that keeps the size
        bool keeps = a->stride == 1 && (same || (a->kernel >= 0 && pads == span - 1));
        a->out = keeps ? a->in : SZ_DIM_UNKNOWN;
        return SZ_OK;
    }
    if (same) return same_out(n, s, i);
    if (a->kernel < 0) return SZ_OK;
    if (!sz_add(a->in, pads, &padded) || !sz_sub(padded, span, &room)) return overflow(n, i);
    if (room < 0 && !(a->in == 0 && room == -1 && !s->ceil))
        return sz_op_fail(n, "kernel larger than padded input on axis %d: %lld and %lld", i,
                          (long long)span, (long long)padded);
    if (room < 0) return a->out = 0, SZ_OK; // nothing in, nothing out
    a->out = room / a->stride + 1;
    // A window that would start behind the input and its left pad is dropped again.
    if (s->ceil && room % a->stride != 0) {
        int64_t start, end;
        if (!sz_mul(a->out, a->stride, &start) || !sz_add(a->in, a->before, &end))
            return overflow(n, i);
        if (start < end) a->out++;
    }
    return SZ_OK;
}

sz_status sz_space_out(const sz_infer *n, sz_space *s) {
    for (int i = 0; i < s->n; i++) SZ_TRY(axis_out(n, s, i));
    return SZ_OK;
}

// stride * (in - 1) + output_padding + span, before any cropping.
static bool transposed_full(const sz_axis *a, int64_t extra, int64_t *ret_full) {
    int64_t span, full;
    if (!kernel_span(a, &span) || !sz_add(span, extra, &full)) return false;
    return sz_madd(&full, a->in - 1, a->stride) && (*ret_full = full, true);
}

static sz_status transposed_axis(const sz_infer *n, sz_space *s, int i, int64_t extra,
                                 int64_t want) {
    sz_axis *a = &s->axis[i];
    int64_t full, total;
    a->out = want;
    if (a->in == 0 && want < 0) return a->out = 0, SZ_OK;
    if (a->in < 0 || a->kernel < 0) return SZ_OK;
    if (!transposed_full(a, extra, &full)) return overflow(n, i);
    if (want < 0 && (s->pad == SZ_PAD_UPPER || s->pad == SZ_PAD_LOWER)) {
        if (!sz_mul(a->in, a->stride, &want)) return overflow(n, i);
        if (want > full) want = full;
    }
    if (want >= 0) { // the pads follow from the wanted size
        total = full > want ? full - want : 0;
        split_pad(a, s->pad == SZ_PAD_UPPER ? SZ_PAD_UPPER : SZ_PAD_LOWER, total);
        a->out = want;
        return SZ_OK;
    }
    if (!sz_add(a->before, a->after, &total) || !sz_sub(full, total, &a->out))
        return overflow(n, i);
    if (a->out < 0)
        return sz_op_fail(n, "pads %lld larger than the output on axis %d: %lld",
                          (long long)total, i, (long long)full);
    return SZ_OK;
}

sz_status sz_space_out_transposed(const sz_infer *n, sz_space *s) {
    const int64_t *extra, *shape;
    int32_t have = sz_attr_ints(n->node, "output_shape", &shape);
    SZ_TRY(read_per_axis(n, "output_padding", s->n, 0, &extra));
    // Some exporters write batch and channels too.
    if (have == s->n + 2) shape += 2;
    else if (have != 0 && have != s->n)
        return sz_op_fail(n, "output_shape has %d values, %d are needed", (int)have, s->n);
    for (int i = 0; i < s->n; i++) {
        const sz_axis *a = &s->axis[i];
        int64_t most = a->stride > a->dilation ? a->stride : a->dilation;
        if (have && shape[i] < 0)
            return sz_op_fail(n, "output_shape is %lld on axis %d", (long long)shape[i], i);
        if (extra && extra[i] >= most)
            return sz_op_fail(n, "output_padding is %lld on axis %d, less than stride or dilation "
                              "(%lld) is needed", (long long)extra[i], i, (long long)most);
        SZ_TRY(transposed_axis(n, s, i, extra ? extra[i] : 0, have ? shape[i] : SZ_DIM_UNKNOWN));
    }
    return SZ_OK;
}

// ---- taps --------------------------------------------------------------------------------------

// How many x of [0, count) have 0 <= x * step + shift < limit; step >= 1.
static int64_t inside(int64_t count, int64_t step, int64_t shift, int64_t limit) {
    int64_t first = shift >= 0 ? 0 : -shift / step + (-shift % step != 0);
    int64_t end = limit <= shift ? 0 : (limit - shift) / step + ((limit - shift) % step != 0);
    if (end > count) end = count;
    return end > first ? end - first : 0;
}

int64_t sz_axis_taps(const sz_axis *a, int64_t positions, int64_t limit) {
    enum { MAX_STEPS = 1 << 12 };
    bool by_tap = a->kernel <= positions;
    int64_t loops = by_tap ? a->kernel : positions, others = by_tap ? positions : a->kernel;
    int64_t step = by_tap ? a->dilation : a->stride, across = by_tap ? a->stride : a->dilation;
    const int64_t huge = INT64_MAX / 4; // keeps the differences below from wrapping
    int64_t total = 0, shift, all;
    if (loops > MAX_STEPS || a->before > huge || a->before < -huge || limit > huge) return -1;
    shift = -a->before;
    if (!sz_mul(a->kernel, positions, &all)) return -1;
    for (int64_t i = 0; i < loops; i++) {
        total += inside(others, across, shift, limit);
        if (!sz_add(shift, step, &shift)) break;
    }
    return total;
}

sz_status sz_need_rank(const sz_infer *n, int i, int rank) {
    int32_t have = sz_in_rank(n, i);
    if (have < 0 || have == rank) return SZ_OK;
    return sz_op_fail(n, "input %d has %d dimensions, %d are needed", i, (int)have, rank);
}

// ---- epilogues ---------------------------------------------------------------------------------

int64_t sz_activation_work(sz_str name) {
    static const struct { const char *name; int64_t work; } rows[] = {
        {"relu", 1}, {"leakyrelu", 2}, {"clip", 2}, {"sigmoid", 4}, {"tanh", 1}, {"elu", 4},
        {"hardsigmoid", 4}, {"softplus", 3}, {"softsign", 3}, {"gelu", 5}, {"fastgelu", 8},
        {"silu", 5}, {"swish", 5}, {"swiglu", 6}, {"hardswish", 5}, {"affine", 2},
        {"thresholdedrelu", 1}, {"scaledtanh", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is_word(name, rows[i].name)) return rows[i].work;
    return 0;
}

sz_status sz_epilogue(sz_costing *c, int64_t work) {
    return sz_cost_add_epilogue(c, 2, (int64_t[]){c->work->out_elements, work});
}

sz_status sz_epilogue_bias(sz_costing *c, int64_t elements) {
    if (!sz_add(c->work->bias, elements, &c->work->bias))
        return sz_op_fail(&c->in, "bias additions exceed 2^63");
    return sz_cost_add_epilogue(c, 1, &elements);
}

sz_status sz_read_rows(sz_costing *c, int i, int64_t rows, int64_t all) {
    const sz_type *t = sz_in(&c->in, i);
    int64_t bytes, row, part;
    if (rows >= all || all <= 0 || !sz_has_in(&c->in, i)) return SZ_OK;
    for (int k = 0; k < i; k++) // a value that is two operands is in the traffic once
        if (c->in.node->inputs[k] == c->in.node->inputs[i]) return SZ_OK;
    SZ_TRY(sz_type_bytes(c->in.ctx, t, &bytes));
    row = bytes / all; // tables are whole bytes per row but for odd sub-byte widths
    if (bytes < 0 || !sz_mul(row, rows, &part)) return SZ_OK;
    if (bytes % all && rows > 0) part += bytes % all * rows / all;
    c->work->bytes_read -= bytes - part;
    return SZ_OK;
}
