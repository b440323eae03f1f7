// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM with all options: directions, lengths per sequence, clipping, peepholes.
#include "run/backends/ref/kernel.h"

#include <math.h>

enum { MAX_GATES = 4, MAX_CALLS = 6 };

typedef struct cell {
    int gates;
    int64_t steps, batch, inputs, hidden, directions;
    bool batch_first, couple, reset_after; // layout 1; input_forget; linear_before_reset
    bool quantized;                        // inputs of the products have 8 bits
    double clip;
    sz_activation f[MAX_CALLS];                  // of all directions
    double *x, *w, *r, *b, *h, *c, *p, *lengths; // inputs; NULL where absent
    double *y, *y_h, *y_c;
    double *gate, *state, *memory; // [batch][gates x hidden], [batch][hidden]
} cell;

static double clipped(const cell *k, double x) {
    return k->clip <= 0 ? x : fmax(-k->clip, fmin(k->clip, x));
}

static double call(const cell *k, int which, double x) {
    const sz_activation *a = &k->f[which];
    return a->f(x, a->alpha, a->beta);
}

// Offset of [t][b] in x or of [t][d][b] in y, of [d][b] in states.
static int64_t at_x(const cell *k, int64_t t, int64_t b) {
    return (k->batch_first ? b * k->steps + t : t * k->batch + b) * k->inputs;
}
static int64_t at_y(const cell *k, int64_t t, int64_t d, int64_t b) {
    return (k->batch_first ? (b * k->steps + t) * k->directions + d
                           : (t * k->directions + d) * k->batch + b) *
           k->hidden;
}
static int64_t at_state(const cell *k, int64_t d, int64_t b) {
    return (k->batch_first ? b * k->directions + d : d * k->batch + b) * k->hidden;
}

// sums[j] for rows from..to of a weight matrix [.., n] with vector v, plus their two biases.
static void add_rows(const double *w, const double *v, int64_t n, int64_t from, int64_t to,
                     double *sums) {
    for (int64_t j = from; j < to; j++) {
        double s = 0;
        for (int64_t i = 0; i < n; i++) s += w[j * n + i] * v[i];
        sums[j] += s;
    }
}

static void lstm_step(const cell *k, int d, double *g, double *h, double *m) {
    const int64_t n = k->hidden;
    const double *p = k->p ? k->p + d * 3 * n : NULL; // input, output, forget
    for (int64_t j = 0; j < n; j++) {
        const double i = call(k, d * 3, clipped(k, g[j] + (p ? p[j] * m[j] : 0)));
        const double f = k->couple ? 1 - i
                                   : call(k, d * 3,
                                          clipped(k, g[2 * n + j] + (p ? p[2 * n + j] * m[j] : 0)));
        m[j] = f * m[j] + i * call(k, d * 3 + 1, clipped(k, g[3 * n + j]));
        const double o = call(k, d * 3, clipped(k, g[n + j] + (p ? p[n + j] * m[j] : 0)));
        h[j] = o * call(k, d * 3 + 2, m[j]);
    }
}

// Gates z, r, h. The part of the hidden gate that comes from the state is summed here.
static void gru_step(const cell *k, int d, double *g, double *h, double *spare) {
    const int64_t n = k->hidden;
    const double *r = k->r + d * 3 * n * n, *b = k->b ? k->b + d * 6 * n + 5 * n : NULL;
    for (int64_t j = 0; j < 2 * n; j++) g[j] = call(k, d * 2, clipped(k, g[j]));
    for (int64_t j = 0; j < n; j++) {
        double s = 0;
        for (int64_t i = 0; i < n; i++)
            s += r[(2 * n + j) * n + i] * (k->reset_after ? h[i] : g[n + i] * h[i]);
        if (b) s += b[j];
        spare[j] = call(k, d * 2 + 1,
                        clipped(k, g[2 * n + j] + (k->reset_after ? g[n + j] * s : s)));
    }
    for (int64_t j = 0; j < n; j++) h[j] = (1 - g[j]) * spare[j] + g[j] * h[j];
}

// Numbers through DynamicQuantizeLinear and back: what the product of 8 bits sees.
static void through_8_bits(double *x, int64_t n) {
    double low = 0, high = 0;
    for (int64_t k = 0; k < n; k++) low = fmin(low, x[k]), high = fmax(high, x[k]);
    const double scale = (double)(float)((high - low) / 255);
    if (!(scale > 0)) return;
    const double zero = fmax(0, fmin(255, nearbyint(-low / scale)));
    for (int64_t k = 0; k < n; k++)
        x[k] = (fmax(0, fmin(255, nearbyint(x[k] / scale) + zero)) - zero) * scale;
}

static void step(const cell *k, int d, int64_t t, int64_t b) {
    const int64_t n = k->hidden, all = k->gates * n;
    double *g = k->gate, *h = k->state + b * n, *m = k->memory + b * n;
    const double *bias = k->b ? k->b + d * 2 * all : NULL;
    const int64_t own = k->gates == 3 ? 2 * n : all; // GRU sums its third gate itself
    for (int64_t j = 0; j < all; j++) g[j] = bias ? bias[j] + (j < own ? bias[all + j] : 0) : 0;
    add_rows(k->w + d * all * k->inputs, k->x + at_x(k, t, b), k->inputs, 0, all, g);
    double *seen = h;
    if (k->quantized) {
        seen = memcpy(k->gate + all, h, (size_t)n * sizeof *h);
        through_8_bits(seen, n);
    }
    add_rows(k->r + d * all * n, seen, n, 0, own, g);
    if (k->gates == 4)
        lstm_step(k, d, g, h, m);
    else if (k->gates == 3)
        gru_step(k, d, g, h, k->gate + all);
    else
        for (int64_t j = 0; j < n; j++) h[j] = call(k, d, clipped(k, g[j]));
}

static void run_direction(const cell *k, int d, bool backwards) {
    const int64_t n = k->hidden;
    const size_t size = (size_t)n * sizeof(double);
    for (int64_t b = 0; b < k->batch; b++) {
        double *h = k->state + b * n, *m = k->memory + b * n;
        int64_t length = k->lengths ? (int64_t)k->lengths[b] : k->steps;
        if (length > k->steps || length < 0) length = k->steps;
        memset(h, 0, size), memset(m, 0, size);
        if (k->h) memcpy(h, k->h + at_state(k, d, b), size);
        if (k->c) memcpy(m, k->c + at_state(k, d, b), size);
        for (int64_t s = 0; s < length; s++) { // what lies behind the length stays 0
            const int64_t t = backwards ? length - 1 - s : s;
            step(k, d, t, b);
            if (k->y) memcpy(k->y + at_y(k, t, d, b), h, size);
        }
        if (k->y_h) memcpy(k->y_h + at_state(k, d, b), h, size);
        if (k->y_c) memcpy(k->y_c + at_state(k, d, b), m, size);
    }
}

// ---- attributes --------------------------------------------------------------------------------

// As many functions as a direction needs, for each direction; parameters are handed out in order
// to the functions that take them.
static sz_status read_functions(const sz_ref_call *c, cell *k) {
    const int per = k->gates == 4 ? 3 : k->gates == 3 ? 2 : 1;
    const sz_attr *names = sz_attr_find(c->n->node, "activations");
    const sz_attr *alphas = sz_attr_find(c->n->node, "activation_alpha");
    const sz_attr *betas = sz_attr_find(c->n->node, "activation_beta");
    const bool given = names && names->kind == SZ_ATTR_STRINGS && names->n > 0;
    if (given && names->n < per * k->directions)
        return sz_op_fail(c->n, "%d activations are too few", (int)names->n);
    for (int i = 0; i < per * (int)k->directions; i++) {
        const char *word = per == 1 || i % per ? "Tanh" : "Sigmoid";
        const sz_str name = given ? names->strings[i] : sz_str_c(word);
        if (!sz_ref_activation(name, &k->f[i]))
            return sz_op_fail(c->n, "no reference for activation '%s'", sz_show(c->ctx, name));
        if (alphas && alphas->kind == SZ_ATTR_FLOATS && i < alphas->n)
            k->f[i].alpha = alphas->floats[i];
        if (betas && betas->kind == SZ_ATTR_FLOATS && i < betas->n) k->f[i].beta = betas->floats[i];
    }
    return SZ_OK;
}

static sz_status expect(const sz_ref_call *c, int i, int64_t count) {
    if (!sz_ref_has(c, i) || c->in[i]->count == count) return SZ_OK;
    return sz_op_fail(c->n, "input %d has %lld elements, %lld are needed", i,
                      (long long)c->in[i]->count, (long long)count);
}

static sz_status read_sizes(const sz_ref_call *c, cell *k) {
    const sz_node *node = c->n->node;
    const sz_buffer *x = c->in[0], *r = c->in[2];
    const sz_str direction = sz_attr_s(node, "direction", "forward");
    k->batch_first = sz_attr_i(node, "layout", 0) != 0;
    k->couple = sz_attr_i(node, "input_forget", 0) != 0;
    k->reset_after = sz_attr_i(node, "linear_before_reset", 0) != 0;
    k->clip = sz_attr_f(node, "clip", 0);
    k->directions = sz_str_is(direction, "bidirectional") ? 2 : 1;
    k->steps = x->dims[k->batch_first], k->batch = x->dims[!k->batch_first];
    k->inputs = x->dims[2];
    k->hidden = sz_ref_dim(r, k->quantized ? 1 : 2);
    if (k->hidden > INT32_MAX || k->inputs > INT32_MAX)
        return sz_op_fail(c->n, "no reference for sizes above 2^31");
    const int64_t d = k->directions, all = k->gates * k->hidden;
    SZ_TRY(expect(c, 1, d * all * k->inputs));
    SZ_TRY(expect(c, 2, d * all * k->hidden));
    SZ_TRY(expect(c, 3, d * 2 * all));
    SZ_TRY(expect(c, 4, k->batch));
    SZ_TRY(expect(c, 5, d * k->batch * k->hidden));
    if (k->gates == 4) SZ_TRY(expect(c, 6, d * k->batch * k->hidden));
    if (k->gates == 4) SZ_TRY(expect(c, 7, d * 3 * k->hidden));
    SZ_TRY(sz_ref_charge(c, k->steps * k->batch + 1, d * all + 1, k->inputs + k->hidden + 1));
    return read_functions(c, k);
}

static sz_status run_cell(sz_ref_call *c, cell *k) {
    SZ_TRY(sz_ref_in(c, 0, &k->x));
    if (!k->w) SZ_TRY(sz_ref_in(c, 1, &k->w));
    if (!k->r) SZ_TRY(sz_ref_in(c, 2, &k->r));
    if (k->quantized) through_8_bits(k->x, c->in[0]->count); // all steps at once
    SZ_TRY(sz_ref_in(c, 3, &k->b));
    SZ_TRY(sz_ref_in(c, 4, &k->lengths));
    SZ_TRY(sz_ref_in(c, 5, &k->h));
    if (k->gates == 4) SZ_TRY(sz_ref_in(c, 6, &k->c));
    if (k->gates == 4) SZ_TRY(sz_ref_in(c, 7, &k->p));
    SZ_TRY(sz_ref_room(c, 0, &k->y));
    SZ_TRY(sz_ref_room(c, 1, &k->y_h));
    SZ_TRY(sz_ref_room(c, 2, &k->y_c));
    SZ_TRY(sz_ref_array(c, (MAX_GATES + 1) * k->hidden, &k->gate));
    SZ_TRY(sz_ref_array(c, k->batch * k->hidden, &k->state));
    SZ_TRY(sz_ref_array(c, k->batch * k->hidden, &k->memory));
    const bool reverse = sz_str_is(sz_attr_s(c->n->node, "direction", "forward"), "reverse");
    for (int d = 0; d < (int)k->directions; d++) run_direction(k, d, d == 1 || reverse);
    return SZ_OK;
}

static sz_status recurrent(sz_ref_call *c, int gates) {
    cell k = {.gates = gates};
    SZ_TRY(read_sizes(c, &k));
    return run_cell(c, &k);
}

sz_status sz_ref_rnn(sz_ref_call *c) { return recurrent(c, 1); }
sz_status sz_ref_gru(sz_ref_call *c) { return recurrent(c, 3); }
sz_status sz_ref_lstm(sz_ref_call *c) { return recurrent(c, 4); }

// ---- with weights of 8 bits --------------------------------------------------------------------

// Weights stand as [directions, inputs, 4 x hidden] and are turned; a scale per direction or per
// column.
static sz_status turned(const sz_ref_call *c, int i, int scale, int zero, double **ret) {
    double *q, *s, *z;
    const sz_buffer *b = c->in[i];
    SZ_TRY(sz_ref_in(c, i, &q));
    SZ_TRY(sz_ref_in(c, scale, &s));
    SZ_TRY(sz_ref_in(c, zero, &z));
    SZ_TRY(sz_ref_array(c, b->count, ret));
    const int64_t d = b->dims[0], n = b->dims[1], m = b->dims[2], scales = c->in[scale]->count;
    if (!s || !z || (scales != d && scales != d * m) || c->in[zero]->count != scales)
        return sz_op_fail(c->n, "scales do not fit");
    for (int64_t k = 0; k < b->count; k++) {
        const int64_t dir = k / (n * m), row = k / m % n, column = k % m;
        const int64_t at = scales == d ? dir : dir * m + column;
        (*ret)[(dir * m + column) * n + row] = (q[k] - z[at]) * s[at];
    }
    return SZ_OK;
}

// W and R with scales and zero points in inputs 8 to 11. The state is quantized step by step; with
// several sequences the range of one would depend on the others.
sz_status sz_ref_lstm_dynamic(sz_ref_call *c) {
    cell k = {.gates = 4, .quantized = true};
    SZ_TRY(read_sizes(c, &k));
    if (k.batch != 1) return sz_op_fail(c->n, "no reference for more than one sequence");
    SZ_TRY(turned(c, 1, 8, 9, &k.w));
    SZ_TRY(turned(c, 2, 10, 11, &k.r));
    return run_cell(c, &k);
}
