// SPDX-License-Identifier: Apache-2.0
// Convolutions: plain, quantized, fused, channels-last, blocked, transposed and deformable. MACs:
// output elements x input channels per group x kernel; transposed: input elements x output channels
// per group x kernel. Multiplications with padding zeros are in; work->skipped_macs has them.
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// Where an operator of the family has its parts.
typedef struct conv_form {
    int x, w, bias, add;  // inputs; SZ_NONE: it has none
    int dtype_of;         // the output has the dtype of this input; SZ_NONE: i32
    bool transposed;
    bool last;            // channels last
    bool maybe_last;      // attribute channels_last decides
    bool blocked;         // channels may be padded to whole blocks
    bool quantized;       // the result is scaled back to 8 bits
    bool deformed;
    bool grouped;         // the weights have the group as their first dimension
    int shape;            // input with the spatial size of the output; 0: it has none
} conv_form_t;

typedef struct conv_shape_t {
    int rank;
    int64_t batch, in_channels, weights_in, weights_out, group;
    sz_space space;
} conv_shape_t;

static bool is_last(const sz_infer *n, const conv_form_t *f) {
    return f->last || (f->maybe_last && sz_attr_i(n->node, "channels_last", 0) != 0);
}

// Some channels-last weights are [M, k..., C/group] instead of [M, C/group, k...].
static bool weights_last(const sz_infer *n, const conv_form_t *f, int64_t channels, int64_t group) {
    const int64_t *shape;
    int32_t k = sz_attr_ints(n->node, "kernel_shape", &shape);
    int rank = sz_in_rank(n, f->w);
    bool plain = true;
    if (!f->last || rank < 3) return false;
    for (int i = 0; k == rank - 2 && i < k; i++)
        if (sz_in_dim(n, f->w, 2 + i) != shape[i]) plain = false;
    if (channels >= 0 && sz_in_dim(n, f->w, 1) != channels / group) plain = false;
    return !plain && (channels < 0 || sz_in_dim(n, f->w, rank - 1) == channels / group);
}

static sz_status read_sizes(const sz_infer *n, const conv_form_t *f, conv_shape_t *s) {
    bool last = is_last(n, f);
    int64_t spatial[SZ_MAX_RANK];
    int wr = sz_in_rank(n, f->w), first;
    const int lead = f->grouped;
    s->batch = sz_in_dim(n, f->x, 0);
    s->in_channels = sz_in_rank(n, f->x) < 0 ? SZ_DIM_UNKNOWN
                                             : sz_in_dim(n, f->x, last ? s->rank - 1 : 1);
    first = weights_last(n, f, s->in_channels, s->group) ? 1 : 2 + lead;
    s->weights_out = s->weights_in = SZ_DIM_UNKNOWN;
    for (int i = 0; i < s->rank - 2; i++)
        spatial[i] = wr < 0 ? SZ_DIM_UNKNOWN : sz_in_dim(n, f->w, first + i);
    if (wr >= 0) {
        s->weights_out = sz_in_dim(n, f->w, lead);
        s->weights_in = sz_in_dim(n, f->w, first == 1 ? wr - 1 : 1 + lead);
    }
    if (lead) SZ_TRY(sz_dim_mul(n, s->weights_out, sz_in_dim(n, f->w, 0), &s->weights_out));
    SZ_TRY(sz_spatial_read(n, s->rank - 2, &s->space));
    SZ_TRY(sz_space_kernel(n, &s->space, spatial));
    if (sz_in_rank(n, f->x) < 0) return SZ_OK;
    for (int i = 0; i < s->rank - 2; i++)
        s->space.axis[i].in = sz_in_dim(n, f->x, (last ? 1 : 2) + i);
    return SZ_OK;
}

static sz_status check_channels(const sz_infer *n, const conv_form_t *f, const conv_shape_t *s) {
    int64_t need;
    if (f->transposed) {
        if (s->in_channels >= 0 && s->weights_out >= 0 && s->in_channels != s->weights_out)
            return sz_op_fail(n, "input has %lld channels but the weights take %lld",
                              (long long)s->in_channels, (long long)s->weights_out);
        if (s->in_channels >= 0 && s->in_channels % s->group != 0)
            return sz_op_fail(n, "%lld input channels do not divide into %lld groups",
                              (long long)s->in_channels, (long long)s->group);
        return SZ_OK;
    }
    if (s->weights_out >= 0 && s->weights_out % s->group != 0)
        return sz_op_fail(n, "%lld output channels do not divide into %lld groups",
                          (long long)s->weights_out, (long long)s->group);
    if (f->blocked || s->weights_in < 0 || s->in_channels < 0) return SZ_OK;
    if (!sz_mul(s->weights_in, s->group, &need) || need != s->in_channels)
        return sz_op_fail(n, "input has %lld channels but the weights take %lld x group %lld",
                          (long long)s->in_channels, (long long)s->weights_in,
                          (long long)s->group);
    return SZ_OK;
}

static sz_status check_bias(const sz_infer *n, const conv_form_t *f, int64_t channels) {
    int64_t have;
    if (f->bias < 0 || sz_in_rank(n, f->bias) < 0) return SZ_OK;
    if (sz_in_rank(n, f->bias) != 1)
        return sz_op_fail(n, "bias has %d dimensions, 1 is needed", (int)sz_in_rank(n, f->bias));
    have = sz_in_dim(n, f->bias, 0);
    if (have >= 0 && channels >= 0 && have != channels)
        return sz_op_fail(n, "bias has %lld elements for %lld output channels", (long long)have,
                          (long long)channels);
    return SZ_OK;
}

// Everything about one node; rank -1 when neither input nor weights have a known rank.
static sz_status conv_read(const sz_infer *n, const conv_form_t *f, conv_shape_t *s) {
    int xr = sz_in_rank(n, f->x), wr = sz_in_rank(n, f->w);
    s->group = f->grouped ? sz_in_dim(n, f->w, 0) : sz_attr_i(n->node, "group", 1);
    if (f->grouped && s->group == SZ_DIM_UNKNOWN) return s->rank = -1, SZ_OK;
    if (f->grouped && wr > 0) wr--;
    s->rank = xr >= 0 ? xr : wr;
    if (s->group < 1)
        return sz_op_fail(n, "group is %lld, at least 1 is needed", (long long)s->group);
    if (s->rank < 0) return SZ_OK;
    if (xr >= 0 && wr >= 0 && xr != wr)
        return sz_op_fail(n, "input has %d dimensions but the weights have %d", xr, wr);
    if (s->rank < 3)
        return sz_op_fail(n, "input has %d dimensions, at least 3 are needed", s->rank);
    SZ_TRY(read_sizes(n, f, s));
    SZ_TRY(check_channels(n, f, s));
    return f->transposed ? sz_space_out_transposed(n, &s->space) : sz_space_out(n, &s->space);
}

// The spatial size of the output is an operand.
static sz_status take_shape(const sz_infer *n, const conv_form_t *f, const conv_shape_t *s,
                            int64_t *dims) {
    const sz_tensor *t = sz_in_value(n, f->shape);
    if (t && (!t->i || t->count != s->space.n))
        return sz_op_fail(n, "output_shape has %lld values, %d are needed", (long long)t->count,
                          s->space.n);
    for (int i = 0; i < s->space.n; i++) {
        const bool known = t && t->i[i] != SZ_VALUE_UNKNOWN;
        if (known && t->i[i] < 0)
            return sz_op_fail(n, "output_shape is %lld on axis %d", (long long)t->i[i], i);
        dims[2 + i] = known ? t->i[i] : SZ_DIM_UNKNOWN;
    }
    return SZ_OK;
}

static sz_status conv_shape(sz_infer *n, const conv_form_t *f) {
    conv_shape_t s;
    int64_t dims[SZ_MAX_RANK], channels;
    bool last = is_last(n, f);
    sz_dtype dtype = f->dtype_of < 0 ? sz_dtype_by_name("i32") : sz_in_dtype(n, f->dtype_of);
    SZ_TRY(conv_read(n, f, &s));
    if (s.rank < 0) return sz_out_rank(n, 0, dtype, -1);
    channels = s.weights_out;
    if (f->transposed) SZ_TRY(sz_dim_mul(n, s.weights_in, s.group, &channels));
    SZ_TRY(check_bias(n, f, channels));
    dims[0] = s.batch;
    dims[last ? s.rank - 1 : 1] = channels;
    for (int i = 0; i < s.space.n; i++) dims[(last ? 1 : 2) + i] = s.space.axis[i].out;
    if (f->shape && sz_has_in(n, f->shape)) SZ_TRY(take_shape(n, f, &s, dims));
    return sz_out(n, 0, dtype, s.rank, dims);
}

// ---- cost --------------------------------------------------------------------------------------

// MACs that multiply no padding zero (transposed: whose product is not cropped away); -1 = unknown.
static sz_status useful_macs(sz_costing *c, const conv_form_t *f, const conv_shape_t *s,
                             int64_t *ret) {
    int64_t useful = s->batch, channels;
    channels = f->transposed ? s->weights_in : s->in_channels / s->group;
    if (f->blocked) channels = s->weights_in;
    if (!sz_mul(useful, s->weights_out, &useful) || !sz_mul(useful, channels, &useful))
        return sz_op_fail(&c->in, "macs exceed 2^63");
    for (int i = 0; i < s->space.n; i++) {
        const sz_axis *a = &s->space.axis[i];
        int64_t taps = f->transposed ? sz_axis_taps(a, a->in, a->out)
                                     : sz_axis_taps(a, a->out, a->in);
        if (taps < 0) return *ret = -1, SZ_OK;
        if (!sz_mul(useful, taps, &useful)) return sz_op_fail(&c->in, "macs exceed 2^63");
    }
    return *ret = useful, SZ_OK;
}

static sz_status conv_epilogue(sz_costing *c, const conv_form_t *f) {
    int64_t out = c->work->out_elements;
    if (f->bias >= 0 && sz_has_in(&c->in, f->bias)) SZ_TRY(sz_epilogue_bias(c, out));
    if (f->add >= 0 && sz_has_in(&c->in, f->add)) SZ_TRY(sz_epilogue(c, 1));
    if (f->quantized) SZ_TRY(sz_epilogue(c, 3)); // scale, add the zero point, clamp
    return sz_epilogue(c, sz_activation_work(sz_attr_s(c->in.node, "activation", "")));
}

// Sampling between pixels: 2^axes products and as many sums less one, and the mask.
static sz_status deform_epilogue(sz_costing *c, const conv_shape_t *s) {
    int64_t corners = s->space.n < 32 ? (int64_t)1 << s->space.n : INT32_MAX;
    int64_t f[SZ_MAX_RANK * 2 + 4];
    int k = 0;
    f[k++] = s->batch;
    f[k++] = s->in_channels;
    f[k++] = 2 * corners - 1 + (sz_has_in(&c->in, 4) ? 1 : 0);
    for (int i = 0; i < s->space.n; i++) {
        f[k++] = s->space.axis[i].out;
        f[k++] = s->space.axis[i].kernel;
    }
    return sz_cost_add_epilogue(c, k, f);
}

static sz_status conv_cost(sz_costing *c, const conv_form_t *f) {
    conv_shape_t s;
    int64_t factors[SZ_MAX_RANK + 1], useful = -1;
    const sz_type *w = sz_in(&c->in, f->w);
    int k = 0;
    SZ_TRY(conv_read(&c->in, f, &s));
    if (s.rank < 0) return sz_cost_unknown(c, "the rank of its input is not known");
    factors[k++] = f->transposed ? sz_cost_in_elements(c, f->x) : c->work->out_elements;
    for (int i = 1 + f->grouped; i < w->rank; i++) factors[k++] = w->dims[i];
    SZ_TRY(sz_cost_add_macs(c, k, factors));
    c->work->kernel = 1;
    for (int i = 0; i < s.space.n; i++)
        if (!sz_mul(c->work->kernel, s.space.axis[i].kernel, &c->work->kernel))
            return sz_op_fail(&c->in, "kernel exceeds 2^63");
    SZ_TRY(conv_epilogue(c, f));
    if (f->deformed) return deform_epilogue(c, &s);
    SZ_TRY(useful_macs(c, f, &s, &useful));
    if (useful >= 0) c->work->skipped_macs = c->work->macs - useful;
    return SZ_OK;
}

// ---- the family --------------------------------------------------------------------------------

#define CONV_RULES(rule, ...)                                                                      \
    static const conv_form_t rule##_form = {__VA_ARGS__};                                            \
    sz_status sz_shape_##rule(sz_infer *n) { return conv_shape(n, &rule##_form); }                 \
    sz_status sz_cost_##rule(sz_costing *c) { return conv_cost(c, &rule##_form); }

CONV_RULES(conv, .x = 0, .w = 1, .bias = 2, .add = SZ_NONE)
CONV_RULES(conv_integer, .x = 0, .w = 1, .bias = SZ_NONE, .add = SZ_NONE, .dtype_of = SZ_NONE)
CONV_RULES(conv_qlinear, .x = 0, .w = 3, .bias = 8, .add = SZ_NONE, .dtype_of = 7,
           .maybe_last = true, .quantized = true)
CONV_RULES(conv_fused, .x = 0, .w = 1, .bias = 2, .add = 3)
CONV_RULES(conv_nhwc, .x = 0, .w = 1, .bias = 2, .add = 3, .last = true)
CONV_RULES(conv_blocked, .x = 0, .w = 1, .bias = 2, .add = 3, .blocked = true)
CONV_RULES(conv_transpose, .x = 0, .w = 1, .bias = 2, .add = SZ_NONE, .transposed = true)
CONV_RULES(ov_conv_group, .x = 0, .w = 1, .bias = SZ_NONE, .add = SZ_NONE, .grouped = true)
CONV_RULES(ov_conv_back, .x = 0, .w = 1, .bias = SZ_NONE, .add = SZ_NONE, .transposed = true,
           .shape = 2)
CONV_RULES(ov_conv_group_back, .x = 0, .w = 1, .bias = SZ_NONE, .add = SZ_NONE,
           .transposed = true, .grouped = true, .shape = 2)
CONV_RULES(conv_deform, .x = 0, .w = 1, .bias = 3, .add = SZ_NONE, .deformed = true)

// com.microsoft.ConvTransposeWithDynamicPads: the pads are input 2, so the output size is known
// only when they are; the MACs do not depend on them.
sz_status sz_shape_conv_transpose_pads(sz_infer *n) {
    static const conv_form_t f = {.x = 0, .w = 1, .bias = 3, .add = SZ_NONE, .transposed = true};
    const sz_tensor *pads = sz_in_value(n, 2);
    conv_shape_t s;
    int64_t dims[SZ_MAX_RANK];
    SZ_TRY(conv_read(n, &f, &s));
    if (s.rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (pads && (!pads->i || pads->count != 2 * (int64_t)s.space.n))
        return sz_op_fail(n, "pads has %lld values, %d are needed", (long long)pads->count,
                          2 * s.space.n);
    dims[0] = s.batch;
    SZ_TRY(sz_dim_mul(n, s.weights_in, s.group, &dims[1]));
    for (int i = 0; i < s.space.n; i++) {
        int64_t out = s.space.axis[i].out, a, b;
        dims[2 + i] = sz_has_in(n, 2) ? SZ_DIM_UNKNOWN : out;
        if (!pads || out < 0) continue;
        a = pads->i[i];
        b = pads->i[s.space.n + i];
        if (a == SZ_VALUE_UNKNOWN || b == SZ_VALUE_UNKNOWN) continue;
        if (!sz_sub(out, a, &out) || !sz_sub(out, b, &out) || out < 0)
            return sz_op_fail(n, "pads larger than the output on axis %d", i);
        dims[2 + i] = out;
    }
    return sz_out(n, 0, sz_in_dtype(n, 0), s.rank, dims);
}

sz_status sz_cost_conv_transpose_pads(sz_costing *c) {
    const sz_type *w = sz_in(&c->in, 1);
    int64_t factors[SZ_MAX_RANK + 1];
    int k = 0;
    factors[k++] = sz_cost_in_elements(c, 0);
    for (int i = 1; i < w->rank; i++) factors[k++] = w->dims[i];
    SZ_TRY(sz_cost_add_macs(c, k, factors));
    return sz_has_in(&c->in, 3) ? sz_epilogue_bias(c, c->work->out_elements) : SZ_OK;
}
