// SPDX-License-Identifier: Apache-2.0
// Resize, where the library's coordinates are those that the node asks for.
#include "run/backends/onednn/onednn.h"

#include <math.h>

typedef struct resizing {
    sz_str coordinates, rounding;
    bool nearest;
} resizing;

static resizing read(const sz_node *n) {
    return (resizing){.coordinates = sz_attr_s(n, "coordinate_transformation_mode", "half_pixel"),
                      .rounding = sz_attr_s(n, "nearest_mode", "round_prefer_floor"),
                      .nearest = sz_str_is(sz_attr_s(n, "mode", "nearest"), "nearest")};
}

// Place in the source of element `at` of the result, by ONNX; NaN = a mode that is not known here.
static double place(const resizing *r, int64_t at, int64_t in, int64_t out, double scale) {
    const double x = (double)at;
    if (sz_str_is(r->coordinates, "half_pixel")) return (x + 0.5) / scale - 0.5;
    if (sz_str_is(r->coordinates, "asymmetric")) return x / scale;
    if (sz_str_is(r->coordinates, "pytorch_half_pixel"))
        return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    if (sz_str_is(r->coordinates, "align_corners"))
        return out > 1 ? x * (double)(in - 1) / (double)(out - 1) : 0;
    return NAN;
}

static double rounded(const resizing *r, double x) {
    if (sz_str_is(r->rounding, "floor")) return floor(x);
    if (sz_str_is(r->rounding, "ceil")) return ceil(x);
    if (sz_str_is(r->rounding, "round_prefer_ceil")) return floor(x + 0.5);
    return ceil(x - 0.5);
}

static double clamped(double x, int64_t in) { return fmin(fmax(x, 0), (double)(in - 1)); }

// The library: pixels are squares, and the nearest is found in f32. A tie is no agreement.
static bool agrees(const resizing *r, int64_t in, int64_t out, double scale) {
    for (int64_t at = 0; at < out; at++) {
        const double onnx = place(r, at, in, out, scale);
        const double theirs = ((double)at + 0.5) * (double)in / (double)out - 0.5;
        if (isnan(onnx)) return false;
        if (r->nearest) {
            const double gap = fabs(theirs + 0.5 - round(theirs + 0.5)); // to where it jumps
            if (in != out && gap < 1e-4 && clamped(theirs, in) == theirs) return false;
            if (clamped(rounded(r, onnx), in) != clamped(floor(theirs + 0.5), in)) return false;
        } else if (fabs(clamped(onnx, in) - clamped(theirs, in)) > 1e-6) {
            return false;
        }
    }
    return true;
}

static double scale_of(const sz_tensor *scales, const sz_type *x, const sz_type *y, int32_t d) {
    const bool given = scales && scales->count == x->rank;
    return given ? sz_dnnl_number(scales, d) : (double)y->dims[d] / (double)x->dims[d];
}

SZ_DNNL_REFUSES(resize) {
    const sz_type *x = sz_node_type(g, n, 0), *y = &sz_graph_value(g, n->outputs[0])->type;
    const resizing r = read(n);
    const sz_tensor *scales = sz_dnnl_numbers(g, n, 2);
    const int64_t *axes;
    if (n->opset < 11) return "coordinates as they were before opset 11";
    if (x->rank < 3 || x->rank > 5) return "not 1, 2 or 3 axes that are resized";
    if (sz_node_type(g, n, 2) && !scales) return "factors that are not known before it runs";
    if (sz_attr_ints(n, "axes", &axes) > 0) return "axes of its own";
    if (sz_attr_i(n, "antialias", 0)) return "smoothing";
    if (!r.nearest && !sz_str_is(sz_attr_s(n, "mode", "nearest"), "linear")) return "cubic";
    for (int32_t d = 0; d < x->rank; d++) {
        if (d < 2 && x->dims[d] != y->dims[d]) return "batch or channels are resized";
        if (!agrees(&r, x->dims[d], y->dims[d], scale_of(scales, x, y, d)))
            return "coordinates that are not the library's";
    }
    return sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_PLANS(resize) {
    const resizing r = read(p->call->node);
    sz_dnnl_stage_add(p, SZ_DNNL_RESAMPLING, SZ_DNNL_INFERENCE,
                      r.nearest ? SZ_DNNL_NEAREST : SZ_DNNL_LINEAR);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}
