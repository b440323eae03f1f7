// SPDX-License-Identifier: Apache-2.0
// One element of a product in double, straight from its definition.
#include "model/ops/rule.h"
#include "run/backends/check.h"

enum { AXES = 3 };

static double number(const sz_buffer *b, int64_t i) {
    double x;
    sz_buffer_doubles(b, i, 1, &x);
    return x;
}

static const sz_buffer *input(const sz_job *j, const sz_node *n, int i) {
    return i < n->n_inputs && n->inputs[i] != SZ_NONE ? j->slots[0][n->inputs[i]] : NULL;
}

// ---- matrices ----------------------------------------------------------------------------------

typedef struct matrix {
    const sz_buffer *b;
    int64_t rows, columns, step_row, step_column, at;
} matrix;

// The matrix of a batch, by the place in the batch axes of the result.
static matrix matrix_of(const sz_buffer *b, bool turned, bool is_right, const sz_buffer *y,
                        int n_batch, int64_t batch) {
    matrix m = {.b = b, .rows = 1, .columns = 1};
    const int32_t r = b->rank;
    if (r == 1) {
        *(is_right ? &m.rows : &m.columns) = b->dims[0];
        *(is_right ? &m.step_row : &m.step_column) = 1;
        return m;
    }
    m.rows = b->dims[r - 2], m.columns = b->dims[r - 1];
    m.step_row = m.columns, m.step_column = 1;
    int64_t step = m.rows * m.columns;
    for (int32_t d = r - 3, at = n_batch - 1; d >= 0; d--, at--) {
        const int64_t index = batch % y->dims[at];
        batch /= y->dims[at];
        if (b->dims[d] != 1) m.at += index * step;
        step *= b->dims[d];
    }
    if (turned) {
        const matrix t = m;
        m.rows = t.columns, m.columns = t.rows;
        m.step_row = t.step_column, m.step_column = t.step_row;
    }
    return m;
}

static double product(const sz_job *j, const sz_node *n, int64_t at, bool *known) {
    const bool whole = sz_str_is(n->op, "MatMulInteger");
    const sz_buffer *a = input(j, n, 0), *b = input(j, n, 1), *y = j->slots[0][n->outputs[0]];
    const sz_buffer *za = whole ? input(j, n, 2) : NULL, *zb = whole ? input(j, n, 3) : NULL;
    const bool ta = sz_attr_i(n, "transA", 0) != 0, tb = sz_attr_i(n, "transB", 0) != 0;
    if (a->rank < 1 || b->rank < 1 || (za && za->count != 1) || (zb && zb->count != 1))
        *known = false;
    if (sz_attr_i(n, "transBatchA", 0) || sz_attr_i(n, "transBatchB", 0)) *known = false;
    if (!*known) return 0;
    const int64_t columns = b->rank == 1 ? 1 : y->dims[y->rank - 1];
    const int64_t rows = a->rank == 1 ? 1 : y->dims[y->rank - (b->rank == 1 ? 1 : 2)];
    const int n_batch = y->rank - (a->rank > 1) - (b->rank > 1);
    const int64_t batch = at / (rows * columns), row = at / columns % rows, column = at % columns;
    const matrix m = matrix_of(a, ta, false, y, n_batch, batch);
    const matrix w = matrix_of(b, tb, true, y, n_batch, batch);
    const double zero_a = za ? number(za, 0) : 0, zero_b = zb ? number(zb, 0) : 0;
    double sum = 0;
    for (int64_t k = 0; k < m.columns; k++)
        sum += (number(a, m.at + row * m.step_row + k * m.step_column) - zero_a) *
               (number(b, w.at + k * w.step_row + column * w.step_column) - zero_b);
    sum *= sz_attr_f(n, "alpha", 1);
    const sz_buffer *c = sz_str_is(n->op, "Gemm") ? input(j, n, 2) : NULL;
    if (!c) return sum;
    const int64_t c_columns = c->rank > 0 ? c->dims[c->rank - 1] : 1;
    const int64_t c_rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
    const int64_t place = (c_rows > 1 ? row : 0) * c_columns + (c_columns > 1 ? column : 0);
    return sum + sz_attr_f(n, "beta", 1) * number(c, place);
}

// ---- windows -----------------------------------------------------------------------------------

typedef struct window {
    int axes;
    int64_t stride[AXES], dilation[AXES], before[AXES], kernel[AXES];
    int64_t image[AXES], map[AXES]; // sizes of the side that is wide, and of that of windows
    int64_t n_kernel, n_image, n_map;
} window;

static void read_axes(const sz_node *n, const char *name, int count, int64_t def, int64_t *ret) {
    const int64_t *given = NULL;
    const int32_t have = sz_attr_ints(n, name, &given);
    for (int d = 0; d < count; d++) ret[d] = d < have ? given[d] : def;
}

// `wide` is the image, `narrow` has an element per window.
static bool read_window(const sz_node *n, const sz_buffer *wide, const sz_buffer *narrow,
                        const sz_buffer *weights, window *w) {
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    const bool upper = sz_str_is(pad, "SAME_UPPER"), lower = sz_str_is(pad, "SAME_LOWER");
    *w = (window){.axes = wide->rank - 2, .n_kernel = 1, .n_image = 1, .n_map = 1};
    if (w->axes < 1 || w->axes > AXES || sz_attr_find(n, "output_shape")) return false;
    read_axes(n, "strides", w->axes, 1, w->stride);
    read_axes(n, "dilations", w->axes, 1, w->dilation);
    read_axes(n, "pads", w->axes, 0, w->before);
    for (int d = 0; d < w->axes; d++) {
        w->image[d] = wide->dims[d + 2], w->map[d] = narrow->dims[d + 2];
        w->kernel[d] = weights->dims[d + 2];
        w->n_image *= w->image[d], w->n_map *= w->map[d], w->n_kernel *= w->kernel[d];
        if (!upper && !lower) continue;
        const int64_t reach = (w->map[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d];
        const int64_t pads = reach + 1 > w->image[d] ? reach + 1 - w->image[d] : 0;
        w->before[d] = lower ? (pads + 1) / 2 : pads / 2;
    }
    return true;
}

// Element of the image under element `k` of the kernel at place `o` of the map; -1 = padding.
static int64_t under(const window *w, int64_t o, int64_t k) {
    int64_t at = 0, step = 1;
    for (int d = w->axes - 1; d >= 0; d--) {
        const int64_t i = o % w->map[d] * w->stride[d] + k % w->kernel[d] * w->dilation[d] -
                          w->before[d];
        if (i < 0 || i >= w->image[d]) return -1;
        at += i * step, step *= w->image[d];
        o /= w->map[d], k /= w->kernel[d];
    }
    return at;
}

// The place of the map whose element `k` of the kernel lies on element `i` of the image, or -1.
static int64_t over(const window *w, int64_t i, int64_t k) {
    int64_t at = 0, step = 1;
    for (int d = w->axes - 1; d >= 0; d--) {
        const int64_t o = i % w->image[d] + w->before[d] - k % w->kernel[d] * w->dilation[d];
        if (o < 0 || o % w->stride[d] || o / w->stride[d] >= w->map[d]) return -1;
        at += o / w->stride[d] * step, step *= w->map[d];
        i /= w->image[d], k /= w->kernel[d];
    }
    return at;
}

static double convolution(const sz_job *j, const sz_node *n, int64_t at, bool *known) {
    const sz_buffer *x = input(j, n, 0), *weights = input(j, n, 1), *bias = input(j, n, 2);
    const sz_buffer *y = j->slots[0][n->outputs[0]];
    window w;
    if (!(*known = read_window(n, x, y, weights, &w))) return 0;
    const int64_t groups = sz_attr_i(n, "group", 1), outs = y->dims[1], ins = x->dims[1];
    const int64_t per = ins / groups, channel = at / w.n_map % outs;
    const int64_t image = at / w.n_map / outs, first = channel / (outs / groups) * per;
    double sum = bias ? number(bias, channel) : 0;
    for (int64_t k = 0; k < w.n_kernel; k++) {
        const int64_t place = under(&w, at % w.n_map, k);
        for (int64_t c = 0; place >= 0 && c < per; c++)
            sum += number(x, (image * ins + first + c) * w.n_image + place) *
                   number(weights, (channel * per + c) * w.n_kernel + k);
    }
    return sum;
}

// ConvTranspose, and the gradient of Conv by its input: each element gathers what it was spread to.
static double transposed(const sz_job *j, const sz_node *n, int64_t at, bool *known) {
    const bool is_grad = sz_str_is(n->op, "ConvDataGrad");
    const sz_buffer *x = input(j, n, 0), *weights = input(j, n, 1);
    const sz_buffer *bias = is_grad ? NULL : input(j, n, 2), *y = j->slots[0][n->outputs[0]];
    window w;
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    if (!is_grad && !sz_str_is(pad, "NOTSET") && !sz_str_is(pad, "")) *known = false;
    if (!*known || !(*known = read_window(n, y, x, weights, &w))) return 0;
    const int64_t groups = sz_attr_i(n, "group", 1), outs = y->dims[1], ins = x->dims[1];
    const int64_t per = ins / groups, per_out = outs / groups, channel = at / w.n_image % outs;
    const int64_t image = at / w.n_image / outs, group = channel / per_out;
    double sum = bias ? number(bias, channel) : 0;
    for (int64_t k = 0; k < w.n_kernel; k++) {
        const int64_t place = over(&w, at % w.n_image, k);
        for (int64_t c = group * per; place >= 0 && c < (group + 1) * per; c++)
            sum += number(x, (image * ins + c) * w.n_map + place) *
                   number(weights, (c * per_out + channel % per_out) * w.n_kernel + k);
    }
    return sum;
}

static double weight_grad(const sz_job *j, const sz_node *n, int o, int64_t at, bool *known) {
    const sz_buffer *x = input(j, n, 0), *dy = input(j, n, 1);
    const sz_buffer *dw = j->slots[0][n->outputs[0]];
    window w;
    if (!(*known = dw && read_window(n, x, dy, dw, &w))) return 0;
    const int64_t groups = sz_attr_i(n, "group", 1), outs = dy->dims[1], ins = x->dims[1];
    const int64_t per = ins / groups, channel = o == 0 ? at / w.n_kernel / per : at;
    const int64_t c = channel / (outs / groups) * per + at / w.n_kernel % per;
    double sum = 0;
    for (int64_t b = 0; b < x->dims[0]; b++)
        for (int64_t m = 0; m < w.n_map; m++) {
            const int64_t place = o == 0 ? under(&w, m, at % w.n_kernel) : 0;
            if (place < 0) continue;
            const double d = number(dy, (b * outs + channel) * w.n_map + m);
            sum += o == 0 ? d * number(x, (b * ins + c) * w.n_image + place) : d;
        }
    return sum;
}

double sz_spot(const sz_job *j, const sz_node *n, int o, int64_t at, bool *ret_is_known) {
    static const char *const products[] = {"MatMul", "Gemm", "MatMulInteger", "FusedMatMul"};
    *ret_is_known = true;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++)
        if (sz_str_is(n->op, products[i])) return product(j, n, at, ret_is_known);
    if (sz_str_is(n->op, "Conv")) return convolution(j, n, at, ret_is_known);
    if (sz_str_is(n->op, "ConvTranspose") || sz_str_is(n->op, "ConvDataGrad"))
        return transposed(j, n, at, ret_is_known);
    if (sz_str_is(n->op, "ConvWeightGrad")) return weight_grad(j, n, o, at, ret_is_known);
    *ret_is_known = false;
    return 0;
}
