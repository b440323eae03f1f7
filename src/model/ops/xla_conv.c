// SPDX-License-Identifier: Apache-2.0
// Convolutions of XLA, as instructions and as calls of libraries, with any dilation on both sides.
#include "model/ops/rules.h"
#include "model/ops/xla.h"

#include <inttypes.h>

enum { MAX_SPATIAL = SZ_MAX_RANK, MAX_TAPS = 1 << 20 };

// ---- dim_labels --------------------------------------------------------------------------------

// "b01f_01io->b01f": where batch and features of the input, the kernel and the output stand, and
// where each spatial axis does.
typedef struct labels {
    int spatial;
    int batch, feature;          // of the input
    int in_feature, out_feature; // of the kernel
    int input[MAX_SPATIAL], kernel[MAX_SPATIAL], output[MAX_SPATIAL];
} labels;

typedef struct part {
    const char *p;
    uint32_t len;
    char first, second; // what the two axes that are not spatial are called
} part;

static bool read_part(const part *s, int *ret_first, int *ret_second, int *axes, int *ret_spatial) {
    *ret_first = *ret_second = -1;
    *ret_spatial = 0;
    if (s->len > MAX_SPATIAL) return false;
    for (int k = 0; k < MAX_SPATIAL; k++) axes[k] = -1;
    for (uint32_t i = 0; i < s->len; i++) {
        const char ch = s->p[i];
        if (ch == s->first && *ret_first < 0) {
            *ret_first = (int)i;
        } else if (ch == s->second && *ret_second < 0) {
            *ret_second = (int)i;
        } else if (ch >= '0' && ch <= '9' && axes[ch - '0'] < 0) {
            axes[ch - '0'] = (int)i;
            ++*ret_spatial;
        } else if (ch != '?') {
            return false;
        }
    }
    for (int k = 0; k < *ret_spatial; k++)
        if (axes[k] < 0) return false;
    return *ret_first >= 0 && *ret_second >= 0;
}

static bool read_labels(sz_str s, labels *ret) {
    const char *bar = s.len ? memchr(s.p, '_', s.len) : NULL;
    if (!bar) return false;
    const uint32_t left = (uint32_t)(bar - s.p);
    const char *arrow = memchr(bar, '-', s.len - left);
    if (!arrow || arrow + 2 > s.p + s.len || arrow[1] != '>') return false;
    const uint32_t kernel = (uint32_t)(arrow - bar) - 1, right = s.len - left - kernel - 3;
    int b, f, n_kernel, n_out;
    return read_part(&(part){s.p, left, 'b', 'f'}, &ret->batch, &ret->feature, ret->input,
                     &ret->spatial) &&
           read_part(&(part){bar + 1, kernel, 'i', 'o'}, &ret->in_feature, &ret->out_feature,
                     ret->kernel, &n_kernel) &&
           read_part(&(part){arrow + 2, right, 'b', 'f'}, &b, &f, ret->output, &n_out) &&
           n_kernel == ret->spatial && n_out == ret->spatial;
}

// ---- taps --------------------------------------------------------------------------------------

// One spatial axis: position p of the output and element k of the kernel meet element
// (p * stride - low + k * dilation) / base of the input, where that is whole.
typedef struct axis {
    int64_t in, out, kernel, stride, low, dilation, base;
} axis;

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

// Smallest p >= 0 with p * stride + shift divisible by base; -1 when there is none. Positions
// repeat with `*ret_period`.
static int64_t first_position(int64_t stride, int64_t base, int64_t shift, int64_t *ret_period) {
    int64_t a = stride % base, m = base, x = 1, y = 0; // x * stride = a (mod base)
    while (a != 0) {
        const int64_t q = m / a, r = m % a, z = y - q * x;
        m = a, a = r, y = x, x = z;
    }
    // here m = gcd, y * stride = m (mod base)
    const int64_t period = base / m, need = ((-shift) % base + base) % base;
    *ret_period = period;
    if (need % m) return -1;
    y = (y % period + period) % period;
    int64_t product;
    if (!sz_mul(need / m % period, y, &product)) return -2;
    return product % period;
}

// How many of first, first + period ... lie in [from, to].
static int64_t in_steps(int64_t first, int64_t period, int64_t from, int64_t to) {
    if (to < from) return 0;
    const int64_t upto = to < first ? 0 : (to - first) / period + 1;
    const int64_t before = from - 1 < first ? 0 : (from - 1 - first) / period + 1;
    return upto - before;
}

static bool taps_of(const axis *a, int64_t k, sz_xla_taps *sum) {
    int64_t shift, last, period;
    if (!sz_mul(k, a->dilation, &shift) || !sz_sub(shift, a->low, &shift)) return false;
    if (a->in < 1 || !sz_mul(a->in - 1, a->base, &last)) return a->in < 1;
    if (!sz_sub(last, shift, &last) || shift == INT64_MIN) return false;
    const int64_t first = first_position(a->stride, a->base, shift, &period);
    if (first == -2) return false;
    if (first < 0) return true;
    int64_t from = -floor_div(shift, a->stride), to = floor_div(last, a->stride);
    if (from < 0) from = 0;
    if (to > a->out - 1) to = a->out - 1;
    return sz_add(sum->all, in_steps(first, period, 0, a->out - 1), &sum->all) &&
           sz_add(sum->inside, in_steps(first, period, from, to), &sum->inside);
}

static bool count_taps(const axis *a, sz_xla_taps *ret) {
    *ret = (sz_xla_taps){0, 0};
    if (a->kernel > MAX_TAPS) return false;
    for (int64_t k = 0; k < a->kernel; k++)
        if (!taps_of(a, k, ret)) return false;
    return true;
}

// ---- convolution -------------------------------------------------------------------------------

static int64_t listed(const sz_node *n, const char *name, int32_t i, int64_t def) {
    const int64_t *list;
    const int32_t count = sz_attr_ints(n, name, &list);
    return i < count ? list[i] : def;
}

static sz_status read_axis(const sz_infer *n, const labels *l, int k, axis *ret) {
    const sz_node *node = n->node;
    *ret = (axis){.in = sz_in_dim(n, 0, l->input[k]),
                  .kernel = sz_in_dim(n, 1, l->kernel[k]),
                  .stride = listed(node, "window_stride", k, 1),
                  .low = listed(node, "window_pad", 2 * k, 0),
                  .dilation = listed(node, "window_rhs_dilate", k, 1),
                  .base = listed(node, "window_lhs_dilate", k, 1)};
    const sz_type *y = sz_xla_item(sz_out_get(n, 0), 0);
    ret->out = y && l->output[k] < y->rank ? y->dims[l->output[k]] : -1;
    if (ret->stride < 1 || ret->dilation < 1 || ret->base < 1 || ret->in < 0 || ret->out < 0 ||
        ret->kernel < 0)
        return sz_op_fail(n, "the window of spatial axis %d is out of range", k);
    if (listed(node, "window_size", k, ret->kernel) != ret->kernel)
        return sz_op_fail(n,
                          "the window has size %" PRId64 " on spatial axis %d, the kernel %" PRId64,
                          listed(node, "window_size", k, 0), k, ret->kernel);
    return SZ_OK;
}

// Output elements that do not differ by spatial position, times the products that each is a sum of.
static sz_status per_position(const sz_infer *n, const labels *l, int64_t *ret) {
    const int64_t groups = sz_attr_i(n->node, "feature_group_count", 1);
    const int64_t batches = sz_attr_i(n->node, "batch_group_count", 1);
    const int64_t in = sz_in_dim(n, 0, l->feature), batch = sz_in_dim(n, 0, l->batch);
    const int64_t out = sz_in_dim(n, 1, l->out_feature);
    if (groups < 1 || batches < 1 || in < 0 || batch < 0 || out < 0 || in % groups)
        return sz_op_fail(n, "%" PRId64 " features do not make %" PRId64 " groups", in, groups);
    if (sz_in_dim(n, 1, l->in_feature) != in / groups)
        return sz_op_fail(n,
                          "the kernel takes %" PRId64 " features, the input has %" PRId64
                          " in %" PRId64 " groups",
                          sz_in_dim(n, 1, l->in_feature), in, groups);
    *ret = in / groups;
    return sz_mul(*ret, out, ret) && sz_mul(*ret, batch / batches, ret)
               ? SZ_OK
               : sz_op_fail(n, "macs exceed 2^63");
}

sz_status sz_xla_conv_count(sz_costing *c, sz_xla_conv *ret) {
    const sz_infer *n = &c->in;
    labels l;
    if (!read_labels(sz_attr_s(n->node, "dim_labels", ""), &l))
        return sz_op_fail(n, "dim_labels is missing or makes no sense");
    if (sz_in_rank(n, 0) != l.spatial + 2 || sz_in_rank(n, 1) != l.spatial + 2)
        return sz_op_fail(n, "dim_labels names %d axes, the operands have %d and %d", l.spatial + 2,
                          sz_in_rank(n, 0), sz_in_rank(n, 1));
    SZ_TRY(per_position(n, &l, &ret->macs));
    ret->inside = ret->macs, ret->kernel = 1;
    for (int k = 0; k < l.spatial; k++) {
        axis a;
        sz_xla_taps taps;
        SZ_TRY(read_axis(n, &l, k, &a));
        if (!count_taps(&a, &taps))
            return sz_cost_unknown(c, "its window is too large to be counted");
        if (!sz_mul(ret->macs, taps.all, &ret->macs) ||
            !sz_mul(ret->inside, taps.inside, &ret->inside) ||
            !sz_mul(ret->kernel, a.kernel, &ret->kernel))
            return sz_op_fail(n, "macs exceed 2^63");
    }
    return SZ_OK;
}

sz_status sz_cost_xla_convolution(sz_costing *c) {
    sz_xla_conv conv;
    SZ_TRY(sz_xla_conv_count(c, &conv));
    if (c->unknown) return SZ_OK;
    c->work->skipped_macs = conv.macs - conv.inside;
    c->work->kernel = conv.kernel;
    return sz_cost_add_macs(c, 1, &conv.macs);
}

// ---- calls of libraries ------------------------------------------------------------------------

// Targets by what they do. A product or convolution states its axes like the instruction itself;
// the importer takes those of a product out of backend_config.
typedef enum target { TARGET_DOT, TARGET_CONV, TARGET_FREE } target;

static const struct {
    const char *name;
    target does;
} targets[] = {
    {"__cublas$gemm", TARGET_DOT},
    {"__cublas$lt$matmul", TARGET_DOT},
    {"__cublas$lt$matmul$f8", TARGET_DOT},
    {"__onednn$matmul", TARGET_DOT},
    {"__onednn$matmul_reorder", TARGET_DOT},
    {"__cudnn$convForward", TARGET_CONV},
    {"__cudnn$convBiasActivationForward", TARGET_CONV},
    {"__onednn$convolution", TARGET_CONV},
    {"Sharding", TARGET_FREE},
    {"SPMDFullToShardShape", TARGET_FREE},
    {"SPMDShardToFullShape", TARGET_FREE},
    {"annotate_device_placement", TARGET_FREE},
};

// The result of a product is the first item of the tuple; the second is scratch memory.
static sz_status called_dot(sz_costing *c) {
    const int64_t *axes;
    if (sz_attr_ints(c->in.node, "lhs_contracting_dims", &axes) == 0)
        return sz_cost_unknown(c, "its backend_config does not name the contracted axes");
    const sz_type *y = sz_xla_item(sz_out_get(&c->in, 0), 0);
    int64_t n = -1;
    if (y) SZ_TRY(sz_type_elements(c->in.ctx, y, &n));
    if (n < 0) return sz_cost_unknown(c, "the shape of its result is not known");
    c->work->out_elements = n;
    return sz_cost_xla_dot(c);
}

sz_status sz_cost_xla_custom_call(sz_costing *c) {
    const sz_str name = sz_attr_s(c->in.node, "custom_call_target", "");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        if (!sz_str_is(name, targets[i].name)) continue;
        if (targets[i].does == TARGET_DOT) return called_dot(c);
        return targets[i].does == TARGET_CONV ? sz_cost_xla_convolution(c) : sz_cost_free(c);
    }
    return sz_cost_unknown(c, "code outside of the module (custom_call_target)");
}
