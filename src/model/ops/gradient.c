// SPDX-License-Identifier: Apache-2.0
// The table of backward passes and the rules of operators without MACs.
#include "model/ops/gradient.h"

#include <strings.h>

#define ONNX  ""
#define MS    "com.microsoft"
#define NCHWC "com.microsoft.nchwc"
#define LLM   "llm"

static const sz_gradient table[] = {
#define GRAD(domain, name, rule, inputs, keep, work, finish)                                       \
    {domain, #name, sz_gradient_##rule, inputs, keep, work, finish},
#define NO_GRAD(domain, name) {domain, #name, NULL, 0, SZ_KEEP_NONE, 0, 0},
#include "model/ops/gradients.def"
#undef GRAD
#undef NO_GRAD
};
enum { N_ROWS = sizeof table / sizeof *table };

const sz_gradient *sz_gradient_get(size_t i) { return i < N_ROWS ? &table[i] : NULL; }

const sz_gradient *sz_gradient_of(int32_t op_row) {
    if (op_row == SZ_NONE) return NULL;
    const sz_op *op = sz_op_get(op_row);
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(table[i].name, op->name) == 0 && strcmp(table[i].domain, op->domain) == 0)
            return &table[i];
    return NULL;
}

int64_t sz_activation_gradient_work(sz_str name) {
    for (size_t i = 0; i < N_ROWS; i++)
        if (table[i].rule == sz_gradient_each && strlen(table[i].name) == name.len &&
            strncasecmp(table[i].name, name.p, name.len) == 0)
            return (int64_t)table[i].work;
    return 0;
}

// ---- what rules use ----------------------------------------------------------------------------

bool sz_wants(const sz_grading *g, int i) {
    return i < g->cost.in.node->n_inputs && g->wants[i] != SZ_WANT_NONE;
}

static bool wants_any(const sz_grading *g) {
    for (int i = 0; i < g->cost.in.node->n_inputs; i++)
        if (sz_wants(g, i)) return true;
    return false;
}

sz_status sz_gradient_add(sz_grading *g, int i, int64_t elements, int64_t factor) {
    if (!sz_wants(g, i) || elements <= 0 || factor <= 0) return SZ_OK;
    sz_backward *b = g->wants[i] == SZ_WANT_WEIGHT ? &g->weight : &g->data;
    if (!sz_madd(&b->flops, elements, factor))
        return sz_op_fail(&g->cost.in, "operations of its backward pass exceed 2^63");
    return SZ_OK;
}

void sz_gradient_keep_in(sz_grading *g, int i) {
    if (sz_has_in(&g->cost.in, i)) g->keep_in[i] = 1;
}

void sz_gradient_keep_out(sz_grading *g, int o) {
    if (sz_has_out(&g->cost.in, o)) g->keep_out[o] = 1;
}

static int64_t work_of(const sz_grading *g) { return (int64_t)g->row->work; }
static int64_t finish_of(const sz_grading *g) { return (int64_t)g->row->finish; }
static int64_t in_of(const sz_grading *g, int i) { return sz_cost_in_elements(&g->cost, i); }
static int64_t out_of(const sz_grading *g) { return g->cost.work->out_elements; }

static sz_status save_bytes(sz_grading *g, int64_t elements, int64_t bytes) {
    if (!sz_madd(&g->saved_bytes, elements, bytes))
        return sz_op_fail(&g->cost.in, "kept bytes exceed 2^63");
    return SZ_OK;
}

// What the row says to keep. Rows of statistics need a rule that knows how many there are.
static sz_status keep_row(sz_grading *g) {
    const int32_t keep = g->row->keep;
    if (!wants_any(g)) return SZ_OK;
    if (keep & SZ_KEEP_X) sz_gradient_keep_in(g, 0);
    if (keep & SZ_KEEP_X1) sz_gradient_keep_in(g, 1);
    if (keep & SZ_KEEP_X2) sz_gradient_keep_in(g, 2);
    if (keep & SZ_KEEP_Y) sz_gradient_keep_out(g, 0);
    if (keep & SZ_KEEP_Y1) sz_gradient_keep_out(g, 1);
    if (keep & SZ_KEEP_MASK) SZ_TRY(save_bytes(g, out_of(g), 1));
    if (keep & SZ_KEEP_INDEX) SZ_TRY(save_bytes(g, out_of(g), 8));
    return SZ_OK;
}

// An operand that was broadcast to `out` elements sums its gradient: one addition for each element
// that the result has more.
static sz_status sum_up(sz_grading *g, int i, int64_t out) {
    return sz_gradient_add(g, i, out - in_of(g, i), 1);
}

// ---- element by element ------------------------------------------------------------------------

sz_status sz_gradient_each(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), work_of(g)));
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), finish_of(g)));
    return keep_row(g);
}

sz_status sz_gradient_sums(sz_grading *g) {
    for (int i = 0; i < g->cost.in.node->n_inputs; i++) {
        if (i > 0) SZ_TRY(sz_gradient_add(g, i, out_of(g), work_of(g)));
        SZ_TRY(sum_up(g, i, out_of(g)));
    }
    return keep_row(g);
}

sz_status sz_gradient_mean(sz_grading *g) {
    int first = 0;
    while (first < g->cost.in.node->n_inputs && !sz_wants(g, first)) first++;
    SZ_TRY(sz_gradient_add(g, first, out_of(g), work_of(g)));
    for (int i = 0; i < g->cost.in.node->n_inputs; i++) SZ_TRY(sum_up(g, i, out_of(g)));
    return SZ_OK;
}

sz_status sz_gradient_mul(sz_grading *g) {
    for (int i = 0; i < 2; i++) {
        SZ_TRY(sz_gradient_add(g, i, out_of(g), work_of(g)));
        SZ_TRY(sum_up(g, i, out_of(g)));
        if (sz_wants(g, i)) sz_gradient_keep_in(g, 1 - i);
    }
    return SZ_OK;
}

sz_status sz_gradient_div(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), work_of(g)));
    SZ_TRY(sz_gradient_add(g, 1, out_of(g), finish_of(g)));
    for (int i = 0; i < 2; i++) SZ_TRY(sum_up(g, i, out_of(g)));
    if (wants_any(g)) sz_gradient_keep_in(g, 1);
    if (sz_wants(g, 1)) sz_gradient_keep_out(g, 0);
    return SZ_OK;
}

// A known exponent spares the subtraction; the square is g 2 x.
sz_status sz_gradient_pow(sz_grading *g) {
    const sz_tensor *p = sz_in_value(&g->cost.in, 1);
    int64_t work = work_of(g);
    if (p) work -= 1;
    if (p && p->count == 1 && ((p->f && p->f[0] == 2) || (p->i && p->i[0] == 2))) work = 2;
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), work));
    SZ_TRY(sz_gradient_add(g, 1, out_of(g), finish_of(g)));
    for (int i = 0; i < 2; i++) SZ_TRY(sum_up(g, i, out_of(g)));
    if (wants_any(g)) sz_gradient_keep_in(g, 0), sz_gradient_keep_in(g, 1);
    if (sz_wants(g, 1)) sz_gradient_keep_out(g, 0);
    return SZ_OK;
}

sz_status sz_gradient_largest(sz_grading *g) {
    for (int i = 0; i < g->cost.in.node->n_inputs; i++) {
        SZ_TRY(sz_gradient_add(g, i, out_of(g), work_of(g)));
        SZ_TRY(sum_up(g, i, out_of(g)));
        if (sz_wants(g, i)) sz_gradient_keep_in(g, i), sz_gradient_keep_out(g, 0);
    }
    return SZ_OK;
}

sz_status sz_gradient_clip(sz_grading *g) {
    const int bounds = sz_has_in(&g->cost.in, 1) + sz_has_in(&g->cost.in, 2);
    const bool attributes = g->cost.in.opset < 11;
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), attributes ? 2 : bounds));
    return keep_row(g);
}

// g (P + x p), P = (1 + erf(x / sqrt 2)) / 2: div, erf, add, mul; p = c exp(-x x / 2): mul, mul,
// exp, mul; x p, +, g: 11. By tanh, u = k (x + c x x x): mul, mul, add, mul, mul, tanh = t;
// g ((1 + t) / 2 + x / 2 (1 - t t) k (1 + 3 c x x)): add, mul; mul, sub; mul, add, mul; mul, mul,
// mul; add, mul = 18.
sz_status sz_gradient_gelu(sz_grading *g) {
    const sz_str form = sz_attr_s(g->cost.in.node, "approximate", "none");
    const int64_t work = sz_str_is(form, "tanh") ? 18 : work_of(g);
    const int bias = g->cost.in.node->n_inputs > 1 ? 1 : 0;
    SZ_TRY(sz_gradient_add(g, sz_wants(g, 0) ? 0 : bias, out_of(g), work));
    if (bias) SZ_TRY(sum_up(g, 1, out_of(g)));
    if (bias && wants_any(g)) sz_gradient_keep_in(g, 1);
    return keep_row(g);
}

sz_status sz_gradient_prelu(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), work_of(g)));
    SZ_TRY(sz_gradient_add(g, 1, out_of(g), finish_of(g)));
    SZ_TRY(sum_up(g, 1, out_of(g)));
    if (sz_wants(g, 0)) sz_gradient_keep_in(g, 1);
    return keep_row(g);
}

// alpha other than 1 is one multiplication more.
sz_status sz_gradient_swish(sz_grading *g) {
    const int64_t more = sz_attr_f(g->cost.in.node, "alpha", 1) != 1;
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), work_of(g) + more));
    return keep_row(g);
}

// y = swish(a) b, s = sigmoid(a): 4. da = g b s (1 + a (1 - s)): mul, mul, sub, mul, add, mul;
// db = g a s: mul, mul.
sz_status sz_gradient_swiglu(sz_grading *g) {
    const int64_t more = sz_attr_f(g->cost.in.node, "alpha", 1) != 1;
    const int first = sz_wants(g, 0) ? 0 : 1;
    SZ_TRY(sz_gradient_add(g, first, out_of(g), 4 + more));
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), 6));
    SZ_TRY(sz_gradient_add(g, 1, out_of(g), 2));
    for (int i = 0; i < 2; i++) SZ_TRY(sum_up(g, i, out_of(g)));
    if (wants_any(g)) sz_gradient_keep_in(g, 0);
    if (sz_wants(g, 0)) sz_gradient_keep_in(g, 1);
    return SZ_OK;
}

// Softmax of the sum with a bias: what is given back to the bias is summed.
sz_status sz_gradient_bias_softmax(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, sz_wants(g, 0) ? 0 : 1, out_of(g), work_of(g)));
    SZ_TRY(sum_up(g, 1, out_of(g)));
    return keep_row(g);
}

// ---- movement ----------------------------------------------------------------------------------

sz_status sz_gradient_look_up(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), finish_of(g)));
    return keep_row(g);
}

sz_status sz_gradient_scatter(sz_grading *g) {
    const sz_str how = sz_attr_s(g->cost.in.node, "reduction", "none");
    if (!sz_str_is(how, "none") && !sz_str_is(how, "add"))
        return g->unknown = "the gradient of this reduction has no rule", SZ_OK;
    return keep_row(g);
}

// Exporters write models for inference, where dropout does nothing; in a training step it works
// unless its ratio is known to be 0. Its forward pass then takes `work` too.
sz_status sz_gradient_dropout(sz_grading *g) {
    const bool biased = strcmp(g->cost.in.op->name, "BiasDropout") == 0;
    const sz_tensor *ratio = sz_in_value(&g->cost.in, biased ? 3 : 1);
    const bool idle = ratio && ratio->f && ratio->count == 1 && ratio->f[0] == 0;
    for (int i = 1; biased && i < 3; i++) SZ_TRY(sum_up(g, i, out_of(g)));
    if (idle || sz_attr_f(g->cost.in.node, "ratio", 0.5) == 0) return SZ_OK;
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), work_of(g)));
    if (g->cost.work->flops == 0 && !sz_mul(out_of(g), work_of(g), &g->forward_extra))
        return sz_op_fail(&g->cost.in, "operations exceed 2^63");
    return keep_row(g);
}

sz_status sz_gradient_same(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, g->cost.work->flops, 1));
    return keep_row(g);
}

// ---- pools -------------------------------------------------------------------------------------

// Which element was the largest: the second output, or indices of its own.
sz_status sz_gradient_max_pool(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), finish_of(g)));
    if (sz_has_out(&g->cost.in, 1)) return sz_gradient_keep_out(g, 1), SZ_OK;
    return save_bytes(g, out_of(g), 8);
}

sz_status sz_gradient_average_pool(sz_grading *g) {
    int64_t each;
    if (!sz_add(g->cost.work->kernel, finish_of(g), &each))
        return sz_op_fail(&g->cost.in, "window exceeds 2^63");
    return sz_gradient_add(g, 0, out_of(g), each);
}

// Of the usual p = 2; other powers take other derivatives. Windows of a global pool do not overlap.
sz_status sz_gradient_lp_pool(sz_grading *g) {
    const bool global = strcmp(g->row->name, "GlobalLpPool") == 0;
    const int64_t window = global ? 0 : g->cost.work->kernel;
    int64_t touched;
    if (sz_attr_i(g->cost.in.node, "p", 2) != 2)
        return g->unknown = "the gradient of this power has no rule", SZ_OK;
    if (!sz_mul(out_of(g), window, &touched)) return sz_op_fail(&g->cost.in, "windows exceed 2^63");
    SZ_TRY(sz_gradient_add(g, 0, global ? in_of(g, 0) : touched, work_of(g)));
    SZ_TRY(sz_gradient_add(g, 0, out_of(g), finish_of(g)));
    return keep_row(g);
}

sz_status sz_gradient_grid_sample(sz_grading *g) {
    if (sz_wants(g, 1)) return g->unknown = "the gradient of the grid has no rule", SZ_OK;
    return sz_gradient_same(g);
}

// ---- norms -------------------------------------------------------------------------------------

static int64_t dims_product(const sz_grading *g, int from, int to) {
    int64_t p = 1;
    for (int d = from; d < to && d < sz_in_rank(&g->cost.in, 0); d++)
        if (!sz_mul(p, sz_in_dim(&g->cost.in, 0, d), &p)) return 0;
    return p;
}

// Rows that share statistics, as the forward rules count them (norm.c).
static int64_t rows_of(const sz_grading *g) {
    const sz_infer *n = &g->cost.in;
    const int32_t rank = sz_in_rank(n, 0);
    int64_t rows = dims_product(g, 0, 2);
    int64_t axis = sz_attr_i(n->node, "axis", -1);
    if (axis < 0) axis += rank;
    if (strcmp(n->op->name, "GroupNormalization") == 0) {
        if (!sz_mul(dims_product(g, 0, 1), sz_attr_i(n->node, "num_groups", 1), &rows)) rows = 0;
    } else if (strcmp(n->op->name, "MeanVarianceNormalization") == 0) { // 5 per element, 4 per row
        rows = (g->cost.work->flops - 5 * in_of(g, 0)) / 4;
    } else if (strcmp(n->op->name, "LpNormalization") == 0) {
        const int64_t line = axis >= 0 && axis < rank ? sz_in_dim(n, 0, (int)axis) : 0;
        rows = line > 0 ? in_of(g, 0) / line : 0;
    } else if (strcmp(n->op->name, "InstanceNormalization") != 0) {
        rows = dims_product(g, 0, (int)axis);
    }
    return rows;
}

// Statistics are kept as f32, whatever the format of the data is.
static sz_status keep_statistics(sz_grading *g, int64_t rows) {
    const int64_t each = g->row->keep & SZ_KEEP_ROWS2 ? 8 : g->row->keep & SZ_KEEP_ROWS1 ? 4 : 0;
    if (!wants_any(g)) return SZ_OK;
    if (!sz_madd(&g->statistic_bytes, rows, each))
        return sz_op_fail(&g->cost.in, "kept bytes exceed 2^63");
    return SZ_OK;
}

// Gradients of scale and bias: g n summed (2), g summed (1); n is recomputed (2, or 1 without a
// mean) when the data did not need it already.
static sz_status scale_and_bias(sz_grading *g, int scale, int bias, bool has_data) {
    const int64_t again = has_data ? 0 : g->row->keep & SZ_KEEP_ROWS2 ? 2 : 1;
    SZ_TRY(sz_gradient_add(g, scale, in_of(g, 0), 2 + again));
    return sz_gradient_add(g, bias, in_of(g, 0), 1);
}

sz_status sz_gradient_rows(sz_grading *g) {
    const int64_t rows = rows_of(g);
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), work_of(g)));
    SZ_TRY(sz_gradient_add(g, 0, rows, finish_of(g)));
    SZ_TRY(scale_and_bias(g, 1, 2, sz_wants(g, 0)));
    if (sz_wants(g, 0)) sz_gradient_keep_in(g, 1);
    SZ_TRY(keep_statistics(g, rows));
    return keep_row(g);
}

// The sum of input and skip is normalized; it is the fourth output or an array of its own.
sz_status sz_gradient_rows_skip(sz_grading *g) {
    const int64_t rows = rows_of(g);
    const int first = sz_wants(g, 0) ? 0 : 1;
    const bool simple = strcmp(g->row->name, "SkipSimplifiedLayerNormalization") == 0;
    SZ_TRY(sz_gradient_add(g, first, in_of(g, 0), work_of(g)));
    SZ_TRY(sz_gradient_add(g, first, rows, finish_of(g)));
    SZ_TRY(sum_up(g, 1, in_of(g, 0)));
    SZ_TRY(scale_and_bias(g, 2, simple ? SZ_MANY : 3, sz_wants(g, first)));
    SZ_TRY(sum_up(g, simple ? 3 : 4, in_of(g, 0)));
    SZ_TRY(keep_statistics(g, rows));
    if (!wants_any(g)) return SZ_OK;
    sz_gradient_keep_in(g, 2);
    if (sz_has_out(&g->cost.in, 3))
        sz_gradient_keep_out(g, 3);
    else
        g->saved_elements = in_of(g, 0);
    return SZ_OK;
}

// Three look-ups, their sum, a layer normalization: the tables get what their rows get.
sz_status sz_gradient_rows_embed(sz_grading *g) {
    const int64_t rows = in_of(g, 0), all = out_of(g);
    int first = 2;
    while (first < 4 && !sz_wants(g, first)) first++;
    SZ_TRY(sz_gradient_add(g, first, all, work_of(g)));
    SZ_TRY(sz_gradient_add(g, first, rows, finish_of(g)));
    for (int i = 2; i <= 4; i++) SZ_TRY(sz_gradient_add(g, i, all, 1));
    SZ_TRY(sz_gradient_add(g, 5, all, 2));
    SZ_TRY(sz_gradient_add(g, 6, all, 1));
    SZ_TRY(keep_statistics(g, rows));
    if (!wants_any(g)) return SZ_OK;
    g->saved_elements = all;
    for (int i = 0; i < 2; i++) sz_gradient_keep_in(g, i);
    return SZ_OK;
}

// In a training step statistics are those of the batch, whatever the file says: 7 per element and
// 10 per channel forward (norm.c).
sz_status sz_gradient_batch_norm(sz_grading *g) {
    const int64_t channels = dims_product(g, 1, 2), all = in_of(g, 0);
    int64_t forward = 0;
    SZ_TRY(sz_gradient_add(g, 0, all, work_of(g)));
    SZ_TRY(sz_gradient_add(g, 0, channels, finish_of(g)));
    const bool sums = sz_wants(g, 1) || sz_wants(g, 2);
    SZ_TRY(scale_and_bias(g, sums ? 1 : 0, sums ? 2 : 0, sz_wants(g, 0)));
    if (sz_wants(g, 0)) sz_gradient_keep_in(g, 1);
    if (!sz_madd(&forward, all, 7) || !sz_madd(&forward, channels, 10))
        return sz_op_fail(&g->cost.in, "operations exceed 2^63");
    if (wants_any(g) && forward > g->cost.work->flops)
        g->forward_extra = forward - g->cost.work->flops;
    SZ_TRY(keep_statistics(g, channels));
    return keep_row(g);
}

sz_status sz_gradient_lrn(sz_grading *g) {
    int64_t each;
    if (!sz_add(sz_attr_i(g->cost.in.node, "size", 1), work_of(g), &each))
        return sz_op_fail(&g->cost.in, "size exceeds 2^63");
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), each));
    if (sz_wants(g, 0)) g->saved_elements = in_of(g, 0); // s
    return keep_row(g);
}

// (exp(log_prob) - target) g / n: exp, mul per score, 1 subtraction per row. The logarithms of the
// probabilities are the second output, or an array of its own.
sz_status sz_gradient_cross_entropy(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), work_of(g)));
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 1), finish_of(g)));
    if (sz_has_out(&g->cost.in, 1))
        sz_gradient_keep_out(g, 1);
    else if (sz_wants(g, 0))
        g->saved_elements = in_of(g, 0);
    return keep_row(g);
}
