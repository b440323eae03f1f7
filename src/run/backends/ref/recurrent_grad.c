// SPDX-License-Identifier: Apache-2.0
// Gradients of RNN, GRU and LSTM: back through time. The forward pass runs once more and keeps what
// the gates were; then each step hands the gradient of its state to the one before. The derivatives
// are written out with the rules of model/ops/gradient_layer.c.
#include "run/backends/ref/kernel.h"

#include <math.h>

enum { MAX_STATES = 2 };

typedef struct cell {
    int gates, states;
    int64_t steps, batch, inputs, hidden, directions;
    bool reset_after;        // linear_before_reset
    double (*f)(double);     // of RNN
    double (*slope)(double); // its derivative, from its result
    const double *x, *w, *r, *b, *first[MAX_STATES], *dy, *dlast[MAX_STATES]; // NULL where absent
    double *dx, *dw, *dr, *db, *dfirst[MAX_STATES];
    // Of one sequence in one direction: gates after their functions [steps][gates x hidden]; states
    // [steps + 1][hidden], the first is the initial one; of a GRU R h + b of its third gate.
    double *gate, *h, *c, *linear;
    double *dgate, *drec, *dh, *dc; // gradients of a step: of the sums of gates, by X and by h
} cell;

static double tanh_slope(double y) { return 1 - y * y; }
static double sigmoid_slope(double y) { return y * (1 - y); }
static double relu(double x) { return x > 0 ? x : 0; }
static double relu_slope(double y) { return y > 0 ? 1 : 0; }

// ---- forward -----------------------------------------------------------------------------------

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void lstm_forward(const cell *k, double *g, const double *c, double *h, double *c_new) {
    const int64_t n = k->hidden;
    for (int64_t j = 0; j < n; j++) {
        double *i = &g[j], *o = &g[n + j], *f = &g[2 * n + j], *m = &g[3 * n + j];
        *i = sz_sigmoid(*i), *o = sz_sigmoid(*o), *f = sz_sigmoid(*f), *m = tanh(*m);
        c_new[j] = *f * c[j] + *i * *m;
        h[n + j] = *o * tanh(c_new[j]);
    }
}

// h: the state before; the new one lies behind it. What the third gate adds up of the state is
// kept.
static void gru_forward(const cell *k, int64_t d, double *g, double *h, double *linear) {
    const int64_t n = k->hidden;
    const double *r = k->r + d * 3 * n * n, *b = k->b ? k->b + d * 6 * n + 5 * n : NULL;
    for (int64_t j = 0; j < 2 * n; j++) g[j] = sz_sigmoid(g[j]);
    for (int64_t j = 0; j < n; j++) {
        double s = b ? b[j] : 0;
        for (int64_t i = 0; i < n; i++)
            s += r[(2 * n + j) * n + i] * (k->reset_after ? h[i] : g[n + i] * h[i]);
        linear[j] = s;
    }
    for (int64_t j = 0; j < n; j++) {
        const double s = k->reset_after ? g[n + j] * linear[j] : linear[j];
        g[2 * n + j] = tanh(g[2 * n + j] + s);
        h[n + j] = (1 - g[j]) * g[2 * n + j] + g[j] * h[j];
    }
}

// Step number s of the direction, which is time t.
static void forward(const cell *k, int64_t d, int64_t s, const double *x) {
    const int64_t n = k->hidden, all = k->gates * n, own = k->gates == 3 ? 2 * n : all;
    double *g = k->gate + s * all, *h = k->h + s * n;
    const double *w = k->w + d * all * k->inputs, *r = k->r + d * all * n;
    const double *b = k->b ? k->b + d * 2 * all : NULL;
    for (int64_t j = 0; j < all; j++) {
        g[j] = dot(w + j * k->inputs, x, k->inputs) + (b ? b[j] : 0);
        if (j < own) g[j] += dot(r + j * n, h, n) + (b ? b[all + j] : 0);
    }
    if (k->gates == 4)
        lstm_forward(k, g, k->c + s * n, h, k->c + (s + 1) * n);
    else if (k->gates == 3)
        gru_forward(k, d, g, h, k->linear + s * n);
    else
        for (int64_t j = 0; j < n; j++) h[n + j] = g[j] = k->f(g[j]);
}

// ---- backward ----------------------------------------------------------------------------------

// Gradients of what goes into the functions of the gates, from those of state and memory; dh and dc
// become the parts that reach the step before without a product.
static void lstm_backward(const cell *k, int64_t s) {
    const int64_t n = k->hidden;
    const double *g = k->gate + s * 4 * n, *c = k->c + s * n;
    for (int64_t j = 0; j < n; j++) {
        const double i = g[j], o = g[n + j], f = g[2 * n + j], m = g[3 * n + j];
        const double t = tanh(c[n + j]), dc = k->dc[j] + k->dh[j] * o * (1 - t * t);
        k->dgate[j] = dc * m * sigmoid_slope(i);
        k->dgate[n + j] = k->dh[j] * t * sigmoid_slope(o);
        k->dgate[2 * n + j] = dc * c[j] * sigmoid_slope(f);
        k->dgate[3 * n + j] = dc * i * tanh_slope(m);
        k->dc[j] = dc * f, k->dh[j] = 0;
    }
    memcpy(k->drec, k->dgate, (size_t)(4 * n) * sizeof *k->drec);
}

// The third gate sees the state through the reset gate: before the product or behind it.
static void gru_backward(const cell *k, int64_t d, int64_t s) {
    const int64_t n = k->hidden;
    const double *g = k->gate + s * 3 * n, *h = k->h + s * n, *linear = k->linear + s * n;
    const double *r = k->r + d * 3 * n * n + 2 * n * n;
    double *dz = k->dgate, *dr = dz + n, *dn = dr + n;
    for (int64_t j = 0; j < n; j++) {
        const double z = g[j], m = g[2 * n + j];
        dn[j] = k->dh[j] * (1 - z) * tanh_slope(m);
        dz[j] = k->dh[j] * (h[j] - m) * sigmoid_slope(z);
        k->dh[j] *= z;
        dr[j] = k->reset_after ? dn[j] * linear[j] : 0;
    }
    for (int64_t j = 0; !k->reset_after && j < n; j++)
        for (int64_t i = 0; i < n; i++) dr[i] += dn[j] * r[j * n + i]; // of r h, so far
    for (int64_t j = 0; j < n; j++) {
        if (!k->reset_after) k->dh[j] += dr[j] * g[n + j], dr[j] *= h[j];
        dr[j] *= sigmoid_slope(g[n + j]);
    }
    memcpy(k->drec, k->dgate, (size_t)(3 * n) * sizeof *k->drec);
    for (int64_t j = 0; k->reset_after && j < n; j++) k->drec[2 * n + j] *= g[n + j];
}

static void rnn_backward(const cell *k, int64_t s) {
    for (int64_t j = 0; j < k->hidden; j++) {
        k->drec[j] = k->dgate[j] = k->dh[j] * k->slope(k->gate[s * k->hidden + j]);
        k->dh[j] = 0;
    }
}

// Gate j of the step to everything that it was a sum of. `h`: what its row of R was multiplied
// with.
static void spread(const cell *k, int64_t d, int64_t j, const double *x, const double *h,
                   double *dx, bool through) {
    const int64_t n = k->hidden, all = k->gates * n, row = d * all + j;
    const double g = k->dgate[j], rec = k->drec[j];
    for (int64_t i = 0; dx && i < k->inputs; i++) dx[i] += g * k->w[row * k->inputs + i];
    for (int64_t i = 0; k->dw && i < k->inputs; i++) k->dw[row * k->inputs + i] += g * x[i];
    for (int64_t i = 0; through && i < n; i++) k->dh[i] += rec * k->r[row * n + i];
    for (int64_t i = 0; k->dr && i < n; i++) k->dr[row * n + i] += rec * h[i];
    if (!k->db) return;
    k->db[d * 2 * all + j] += g;
    k->db[d * 2 * all + all + j] += rec;
}

static void backward(const cell *k, int64_t d, int64_t s, const double *x, double *dx) {
    const int64_t n = k->hidden, all = k->gates * n;
    const double *h = k->h + s * n;
    double *reset = k->linear + k->steps * n; // r h
    const bool inside = k->gates == 3 && !k->reset_after;
    if (k->gates == 4)
        lstm_backward(k, s);
    else if (k->gates == 3)
        gru_backward(k, d, s);
    else
        rnn_backward(k, s);
    for (int64_t i = 0; inside && i < n; i++) reset[i] = k->gate[s * all + n + i] * h[i];
    for (int64_t j = 0; j < all; j++) {
        const bool third = inside && j >= 2 * n; // went to the state in gru_backward
        spread(k, d, j, x, third ? reset : h, dx, !third);
    }
}

// ---- a sequence --------------------------------------------------------------------------------

static void begin(const cell *k, int64_t at) {
    const size_t size = (size_t)k->hidden * sizeof(double);
    double *to[MAX_STATES] = {k->h, k->c};
    for (int s = 0; s < k->states; s++) {
        memset(to[s], 0, size);
        if (k->first[s]) memcpy(to[s], k->first[s] + at, size);
    }
}

static void add(double *to, const double *from, int64_t n) {
    for (int64_t i = 0; from && i < n; i++) to[i] += from[i];
}

static void sequence(const cell *k, int64_t d, bool backwards, int64_t b) {
    const int64_t n = k->hidden, state = (d * k->batch + b) * n;
    double *carry[MAX_STATES] = {k->dh, k->dc};
    begin(k, state);
    for (int64_t s = 0; s < k->steps; s++) {
        const int64_t t = backwards ? k->steps - 1 - s : s;
        forward(k, d, s, k->x + (t * k->batch + b) * k->inputs);
    }
    for (int i = 0; i < k->states; i++) {
        memset(carry[i], 0, (size_t)n * sizeof(double));
        add(carry[i], k->dlast[i] ? k->dlast[i] + state : NULL, n);
    }
    for (int64_t s = k->steps; s-- > 0;) {
        const int64_t t = backwards ? k->steps - 1 - s : s, at = t * k->batch + b;
        add(k->dh, k->dy ? k->dy + ((t * k->directions + d) * k->batch + b) * n : NULL, n);
        backward(k, d, s, k->x + at * k->inputs, k->dx ? k->dx + at * k->inputs : NULL);
    }
    for (int i = 0; i < k->states; i++)
        if (k->dfirst[i]) memcpy(k->dfirst[i] + state, carry[i], (size_t)n * sizeof(double));
}

// ---- the kernel --------------------------------------------------------------------------------

static sz_status read_function(const sz_ref_call *c, cell *k) {
    static const struct {
        const char *name;
        double (*f)(double), (*slope)(double);
    } rows[] = {{"Tanh", tanh, tanh_slope},
                {"Relu", relu, relu_slope},
                {"Sigmoid", sz_sigmoid, sigmoid_slope}};
    const sz_attr *a = sz_attr_find(c->n->node, "activations");
    const bool given = a && a->kind == SZ_ATTR_STRINGS && a->n > 0;
    k->f = rows[0].f, k->slope = rows[0].slope;
    if (!given || k->gates > 1) return SZ_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!sz_str_is(a->strings[0], rows[i].name)) continue;
        k->f = rows[i].f, k->slope = rows[i].slope;
        return SZ_OK;
    }
    return sz_op_fail(c->n, "no reference for the gradient of '%s'",
                      sz_show(c->ctx, a->strings[0]));
}

static sz_status read_sizes(sz_ref_call *c, cell *k) {
    const sz_buffer *x = c->in[0], *r = c->in[2];
    const sz_str direction = sz_attr_s(c->n->node, "direction", "forward");
    k->directions = sz_str_is(direction, "bidirectional") ? 2 : 1;
    k->reset_after = sz_attr_i(c->n->node, "linear_before_reset", 0) != 0;
    k->steps = x->dims[0], k->batch = x->dims[1], k->inputs = x->dims[2], k->hidden = r->dims[2];
    if (k->hidden > INT32_MAX || k->inputs > INT32_MAX)
        return sz_op_fail(c->n, "no reference for sizes above 2^31");
    const int64_t all = k->gates * k->hidden;
    SZ_TRY(sz_ref_charge(c, k->steps * k->batch + 1, 3 * k->directions * all + 1,
                         k->inputs + k->hidden + 1));
    SZ_TRY(sz_ref_array(c, k->steps * all, &k->gate));
    SZ_TRY(sz_ref_array(c, (k->steps + 1) * k->hidden, &k->h));
    SZ_TRY(sz_ref_array(c, (k->steps + 1) * k->hidden, &k->c));
    SZ_TRY(sz_ref_array(c, (k->steps + 1) * k->hidden, &k->linear));
    SZ_TRY(sz_ref_array(c, all, &k->dgate));
    SZ_TRY(sz_ref_array(c, all, &k->drec));
    SZ_TRY(sz_ref_array(c, k->hidden, &k->dh));
    SZ_TRY(sz_ref_array(c, k->hidden, &k->dc));
    return read_function(c, k);
}

static sz_status recurrent(sz_ref_call *c, int gates) {
    cell k = {.gates = gates, .states = gates == 4 ? 2 : 1};
    const int result = 4 + k.states, gradient = result + 1 + k.states;
    double *in[12] = {NULL}, *out[6] = {NULL};
    for (int i = 0; i <= gradient + k.states; i++) SZ_TRY(sz_ref_in(c, i, &in[i]));
    for (int o = 0; o < 4 + k.states; o++) SZ_TRY(sz_ref_room(c, o, &out[o]));
    k.x = in[0], k.w = in[1], k.r = in[2], k.b = in[3], k.dy = in[gradient];
    k.dx = out[0], k.dw = out[1], k.dr = out[2], k.db = out[3];
    for (int s = 0; s < k.states; s++) {
        k.first[s] = in[4 + s], k.dlast[s] = in[gradient + 1 + s];
        k.dfirst[s] = out[4 + s];
    }
    SZ_TRY(read_sizes(c, &k));
    const bool reverse = sz_str_is(sz_attr_s(c->n->node, "direction", "forward"), "reverse");
    for (int64_t d = 0; d < k.directions; d++)
        for (int64_t b = 0; b < k.batch; b++) sequence(&k, d, d == 1 || reverse, b);
    return SZ_OK;
}

sz_status sz_ref_rnn_grad(sz_ref_call *c) { return recurrent(c, 1); }
sz_status sz_ref_gru_grad(sz_ref_call *c) { return recurrent(c, 3); }
sz_status sz_ref_lstm_grad(sz_ref_call *c) { return recurrent(c, 4); }
