// SPDX-License-Identifier: Apache-2.0
#include "model/passes/region.h"

#include <math.h>

// ---- operators ---------------------------------------------------------------------------------

static double op_add(double a, double b) { return a + b; }
static double op_sub(double a, double b) { return a - b; }
static double op_mul(double a, double b) { return a * b; }
static double op_div(double a, double b) { return a / b; }
static double op_max(double a, double b) { return a > b ? a : b; }
static double op_min(double a, double b) { return a < b ? a : b; }
static double op_neg(double a) { return -a; }
static double op_reciprocal(double a) { return 1 / a; }
static double op_same(double a) { return a; }
static double op_sigmoid(double a) { return 1 / (1 + exp(-a)); }
static double op_softplus(double a) { return log1p(exp(a)); }
static double op_relu(double a) { return a > 0 ? a : 0; }

typedef enum reduce_kind { REDUCE_NONE, MEAN, SUM, MAXIMUM, SUM_SQUARE, NORM2 } reduce_kind;

typedef struct op_row {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
    reduce_kind reduce;
    bool special; // a region without any such node is no function of note
    bool view;    // a shape between reduced and whole rows
} op_row;

static const op_row ops[] = {
    {.name = "Add", .two = op_add},
    {.name = "Sub", .two = op_sub},
    {.name = "Mul", .two = op_mul},
    {.name = "Div", .two = op_div},
    {.name = "Pow", .two = pow},
    {.name = "Max", .two = op_max, .special = true},
    {.name = "Min", .two = op_min},
    {.name = "Neg", .one = op_neg},
    {.name = "Reciprocal", .one = op_reciprocal},
    {.name = "Sqrt", .one = sqrt},
    {.name = "Exp", .one = exp, .special = true},
    {.name = "Log", .one = log},
    {.name = "Erf", .one = erf, .special = true},
    {.name = "Tanh", .one = tanh, .special = true},
    {.name = "Abs", .one = fabs},
    {.name = "Cast", .one = op_same},
    {.name = "Sigmoid", .one = op_sigmoid, .special = true},
    {.name = "Softplus", .one = op_softplus, .special = true},
    {.name = "Relu", .one = op_relu, .special = true},
    {.name = "HardSigmoid", .special = true},
    {.name = "Clip", .special = true},
    {.name = "ReduceMean", .reduce = MEAN, .special = true},
    {.name = "ReduceSum", .reduce = SUM, .special = true},
    {.name = "ReduceMax", .reduce = MAXIMUM, .special = true},
    {.name = "ReduceSumSquare", .reduce = SUM_SQUARE, .special = true},
    {.name = "ReduceL2", .reduce = NORM2, .special = true},
    {.name = "Reshape", .one = op_same, .view = true},
    {.name = "Unsqueeze", .one = op_same, .view = true},
    {.name = "Expand", .one = op_same, .view = true},
};

static const op_row *row_of(const sz_pass_job *job, sz_node_id id) {
    if (id == SZ_NONE || sz_edit_is_dead(job->e, id)) return NULL;
    const sz_node *n = sz_edit_node_of(job->e, id);
    if (n->row == SZ_NONE || *sz_op_get(n->row)->domain || n->opset < 7) return NULL;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (sz_str_is(n->op, ops[i].name)) return &ops[i];
    return NULL;
}

bool sz_is_reduction(const sz_pass_job *job, sz_node_id id) {
    const op_row *row = row_of(job, id);
    return row && row->reduce;
}

// ---- axes --------------------------------------------------------------------------------------

// Axes of a reduction as a set; 0 = not known.
static uint64_t axes_of(const sz_pass_job *job, sz_node_id id, int32_t rank) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    const int64_t *axes = NULL;
    int64_t count = sz_attr_ints(n, "axes", &axes);
    if (sz_edit_in(job->e, id, 1) != SZ_NONE) {
        const sz_tensor *t = sz_numbers(job, sz_edit_in(job->e, id, 1));
        if (!t || !t->i) return 0;
        axes = t->i;
        count = t->count;
    }
    if (count == 0)
        return sz_attr_i(n, "noop_with_empty_axes", 0) || rank >= 64 ? 0
                                                                     : (UINT64_C(1) << rank) - 1;
    uint64_t set = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank || axis >= 64) return 0;
        set |= UINT64_C(1) << axis;
    }
    return set;
}

static double row_length(const sz_type *t, uint64_t axes) {
    double n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (axes >> i & 1) n *= (double)t->dims[i];
    return n;
}

// ---- running -----------------------------------------------------------------------------------

// What a value is in the region: lanes, or one number per row; flat: its axes are gone.
typedef struct lane_value {
    sz_value_id id;
    bool reduced, flat;
    double x[SZ_LANES];
} lane_value;

typedef struct run {
    const sz_pass_job *job;
    const sz_region *region;
    lane_value values[SZ_REGION_NODES + 1];
    int n;
    uint64_t axes; // of all reductions, 0 = none yet
    double count;  // elements of a real row
} run;

static const lane_value *find(const run *r, sz_value_id v) {
    for (int i = 0; i < r->n; i++)
        if (r->values[i].id == v) return &r->values[i];
    return NULL;
}

// What stands for a constant of many elements: scaled by 1, shifted by 0.
static bool neutral_of(const sz_pass_job *job, sz_node_id id, int i, double *ret) {
    const bool scales = sz_is_op(job, id, "Mul") || (sz_is_op(job, id, "Div") && i == 1);
    *ret = scales ? 1 : 0;
    return scales || sz_is_op(job, id, "Add") || (sz_is_op(job, id, "Sub") && i == 1);
}

// Input i: computed before, or a constant number.
static bool operand(const run *r, sz_node_id id, int i, lane_value *ret) {
    const sz_value_id v = sz_edit_in(r->job->e, id, i);
    const lane_value *known = v == SZ_NONE ? NULL : find(r, v);
    double number;
    if (known) {
        *ret = *known;
        return true;
    }
    *ret = (lane_value){.reduced = true};
    if (!sz_scalar(r->job, v, &number)) {
        if (!r->region->set->vectors || !sz_is_constant(r->job, v)) return false;
        if (!neutral_of(r->job, id, i, &number)) return false;
        ret->reduced = false;
    }
    for (int k = 0; k < SZ_LANES; k++) ret->x[k] = number;
    return true;
}

static bool is_number(const run *r, sz_node_id id, int i) {
    const sz_value_id v = sz_edit_in(r->job->e, id, i);
    return v == SZ_NONE || !find(r, v);
}

static bool run_reduce(run *r, sz_node_id id, reduce_kind kind, lane_value *y) {
    const sz_type *t = sz_type_of(r->job, sz_edit_in(r->job->e, id, 0));
    const sz_node *n = sz_edit_node_of(r->job->e, id);
    lane_value a;
    if (!operand(r, id, 0, &a) || a.reduced || !sz_type_is_static(t)) return false;
    const uint64_t axes = axes_of(r->job, id, t->rank);
    if (!axes || (r->axes && axes != r->axes)) return false;
    r->axes = axes;
    r->count = row_length(t, axes);
    double sum = 0, most = a.x[0];
    for (int k = 0; k < SZ_LANES; k++) {
        sum += kind == SUM_SQUARE || kind == NORM2 ? a.x[k] * a.x[k] : a.x[k];
        most = op_max(most, a.x[k]);
    }
    const double mean = sum / SZ_LANES, all = mean * r->count;
    const double result[] = {0, mean, all, most, all, sqrt(all)};
    y->reduced = true;
    y->flat = !sz_attr_i(n, "keepdims", 1);
    for (int k = 0; k < SZ_LANES; k++) y->x[k] = result[kind];
    return true;
}

static bool run_bounds(const run *r, sz_node_id id, double *ret_low, double *ret_high) {
    const sz_node *n = sz_edit_node_of(r->job->e, id);
    *ret_low = sz_attr_f(n, "min", -INFINITY);
    *ret_high = sz_attr_f(n, "max", INFINITY);
    if (sz_edit_in(r->job->e, id, 1) != SZ_NONE &&
        !sz_scalar(r->job, sz_edit_in(r->job->e, id, 1), ret_low))
        return false;
    return sz_edit_in(r->job->e, id, 2) == SZ_NONE ||
           sz_scalar(r->job, sz_edit_in(r->job->e, id, 2), ret_high);
}

static bool run_special(const run *r, sz_node_id id, const op_row *row, lane_value *y) {
    const sz_node *n = sz_edit_node_of(r->job->e, id);
    lane_value a;
    double low = 0, high = 1, alpha = 1, beta = 0;
    if (!operand(r, id, 0, &a)) return false;
    if (strcmp(row->name, "HardSigmoid") == 0) {
        alpha = sz_attr_f(n, "alpha", 0.2);
        beta = sz_attr_f(n, "beta", 0.5);
    } else if (!run_bounds(r, id, &low, &high))
        return false;
    y->reduced = a.reduced, y->flat = a.flat;
    for (int k = 0; k < SZ_LANES; k++) y->x[k] = op_min(op_max(alpha * a.x[k] + beta, low), high);
    return true;
}

// A whole row may be reshaped only into itself; a reduced one gets its axes back.
static bool run_view(const run *r, sz_node_id id, lane_value *y) {
    lane_value a;
    const sz_value_id in = sz_edit_in(r->job->e, id, 0), out = sz_edit_out(r->job->e, id, 0);
    if (!operand(r, id, 0, &a) || !a.reduced) return false;
    *y = a;
    const sz_type *s = sz_type_of(r->job, in), *t = sz_type_of(r->job, out);
    if (!a.flat) return sz_same_shape(s, t) || sz_is_op(r->job, id, "Expand");
    y->flat = s->rank >= t->rank;
    return !y->flat;
}

static bool run_node(run *r, sz_node_id id) {
    const op_row *row = row_of(r->job, id);
    lane_value a, b, y = {.id = sz_edit_out(r->job->e, id, 0)};
    if (!row || r->n > SZ_REGION_NODES) return false;
    if (row->reduce) {
        if (!run_reduce(r, id, row->reduce, &y)) return false;
    } else if (row->view) {
        if (!run_view(r, id, &y)) return false;
    } else if (row->one) {
        if (!operand(r, id, 0, &a)) return false;
        y.reduced = a.reduced, y.flat = a.flat;
        for (int k = 0; k < SZ_LANES; k++) y.x[k] = row->one(a.x[k]);
    } else if (row->two) {
        if (sz_edit_node_of(r->job->e, id)->n_inputs != 2) return false;
        if (!operand(r, id, 0, &a) || !operand(r, id, 1, &b)) return false;
        y.reduced = a.reduced && b.reduced, y.flat = a.flat || b.flat;
        if (y.flat && !((a.flat || is_number(r, id, 0)) && (b.flat || is_number(r, id, 1))))
            return false;
        for (int k = 0; k < SZ_LANES; k++) y.x[k] = row->two(a.x[k], b.x[k]);
    } else if (!run_special(r, id, row, &y)) {
        return false;
    }
    y.id = sz_edit_out(r->job->e, id, 0);
    r->values[r->n++] = y;
    return true;
}

// Nodes joined the region only after all who use them: the other way round each comes after what it
// needs.
static bool run_all(run *r) {
    for (int k = r->region->n; k-- > 0;)
        if (!run_node(r, r->region->nodes[k])) return false;
    return true;
}

// ---- comparing ---------------------------------------------------------------------------------

// Numbers of a row: of both signs, small and large, with a mean that is not 0.
static const double samples[2][SZ_LANES] = {
    {-0.31, 1.7, 0.05, -2.6, 3.3, 0.9, -1.2, 2.2, -4.4, 0.4, 7.1, -0.8},
    {2.9, -3.7, 1.1, 0.6, -0.15, -1.9, 4.2, -7.3, 0.25, 1.4, -0.55, 3.6},
};

static double gap(const double *a, const double *b) {
    double worst = 0;
    for (int k = 0; k < SZ_LANES; k++) {
        const double d = fabs(a[k] - b[k]) / (1 + fabs(b[k]));
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

// Constants of half precision are off by 1e-3 at most.
#define TOLERANCE 2e-3

// How far the region is from a function, on one set of samples.
static double distance(const lane_value *y, const sz_function *f, const double *x, double count) {
    double want[SZ_LANES], got[SZ_LANES], scale = 0;
    f->eval(x, want, count);
    for (int k = 0; k < SZ_LANES; k++) scale = op_max(scale, fabs(want[k]));
    if (scale >= 1) return gap(y->x, want);
    // small numbers (softmax over long rows) are compared by their ratio
    for (int k = 0; k < SZ_LANES; k++) got[k] = y->x[k] / scale, want[k] /= scale;
    return gap(got, want);
}

static const sz_function *compare(const sz_pass_job *job, const sz_region *region) {
    const sz_function_set *set = region->set;
    double worst[SZ_MAX_FUNCTIONS] = {0};
    const sz_function *best = NULL;
    for (int s = 0; s < 2; s++) {
        run r = {.job = job, .region = region, .n = 1, .count = 1};
        double best_gap = TOLERANCE;
        r.values[0].id = region->input;
        memcpy(r.values[0].x, samples[s], sizeof samples[s]);
        if (!run_all(&r)) return NULL;
        const lane_value *y = find(&r, sz_edit_out(job->e, region->nodes[0], 0));
        if (!y || y->flat) return NULL;
        best = NULL;
        for (int i = 0; i < set->n; i++) {
            if (worst[i] < TOLERANCE)
                worst[i] = op_max(worst[i], distance(y, &set->rows[i], samples[s], r.count));
            if (worst[i] < best_gap) best = &set->rows[i], best_gap = worst[i];
        }
        if (!best) return NULL;
    }
    return best;
}

// ---- growing -----------------------------------------------------------------------------------

typedef struct grower {
    sz_pass_job *job;
    sz_region region;
    sz_value_id inputs[SZ_REGION_NODES]; // not constant, made outside
    int n_inputs;
    bool special, reduces;
} grower;

static bool is_inside(const grower *w, sz_node_id id) {
    for (int i = 0; i < w->region.n; i++)
        if (w->region.nodes[i] == id) return true;
    return false;
}

static bool take(grower *w, sz_node_id id) {
    const op_row *row = row_of(w->job, id);
    const sz_node *n = sz_edit_node_of(w->job->e, id);
    w->region.nodes[w->region.n++] = id;
    w->special |= row->special;
    w->reduces |= row->reduce != REDUCE_NONE;
    const int32_t data = row->reduce || row->view ? 1 : n->n_inputs; // others are axes and shapes
    for (int32_t i = 0; i < data; i++) {
        const sz_value_id v = n->inputs[i];
        double number;
        bool seen = v == SZ_NONE || sz_scalar(w->job, v, &number) ||
                    (w->region.set->vectors && sz_is_constant(w->job, v));
        for (int k = 0; k < w->n_inputs; k++) seen |= w->inputs[k] == v;
        if (seen) continue;
        if (w->n_inputs == SZ_REGION_NODES) return false;
        w->inputs[w->n_inputs++] = v;
    }
    return true;
}

// May the node that makes the value join? All uses of the value must be inside.
static bool may_join(const grower *w, sz_value_id v) {
    const sz_edit *e = w->job->e;
    const sz_node_id maker = sz_edit_producer(e, v);
    if (maker == SZ_NONE || sz_edit_is_pinned(e, v) || !row_of(w->job, maker)) return false;
    if (e->values.items[v].n > SZ_REGION_NODES || !sz_has_one_output(w->job, maker)) return false;
    if (sz_edit_group_of(e, maker) != SZ_NONE || w->region.n == SZ_REGION_NODES) return false;
    for (int32_t u = e->values.items[v].first; u != SZ_NONE; u = e->uses.items[u].next)
        if (!is_inside(w, e->uses.items[u].node)) return false;
    return true;
}

// Lets one more node in; false when none may.
static bool grow(grower *w) {
    for (int i = 0; i < w->n_inputs; i++) {
        const sz_value_id v = w->inputs[i];
        if (!may_join(w, v)) continue;
        w->inputs[i] = w->inputs[--w->n_inputs];
        return take(w, sz_edit_producer(w->job->e, v));
    }
    return false;
}

// Nodes beyond what was recognized in which more may be; nodes of the longest function of one
// number, or from the end of a function of a row to its reduction.
enum { PATIENCE = 8, MAX_PLAIN = 14 };

static bool is_worth_more(const grower *w, const sz_region *found) {
    if (found->function && w->region.n >= found->n + PATIENCE) return false;
    if (w->reduces != w->region.set->reduces && (w->reduces || w->region.n >= MAX_PLAIN))
        return false;
    return w->region.set->reduces || w->region.n < MAX_PLAIN;
}

void sz_region_match(sz_pass_job *job, sz_node_id end, const sz_function_set *set,
                     sz_region *ret_region) {
    grower w = {.job = job, .region.set = set};
    ret_region->function = NULL;
    if (!row_of(job, end) || !sz_has_one_output(job, end)) return;
    if (sz_edit_group_of(job->e, end) != SZ_NONE) return;
    if (!sz_is_float_type(sz_type_of(job, sz_edit_out(job->e, end, 0)))) return;
    bool more = take(&w, end);
    while (more && is_worth_more(&w, ret_region)) {
        if (w.n_inputs == 1 && w.special && w.region.n > 1 && w.reduces == set->reduces) {
            w.region.input = w.inputs[0];
            w.region.function = compare(job, &w.region);
            if (w.region.function) *ret_region = w.region;
        }
        more = grow(&w);
    }
}
