// SPDX-License-Identifier: Apache-2.0
// Random graphs in the text form: elementwise chains with broadcasting, convolutions and matrix
// products with what stands behind them, views, duplicates, neutral elements, constants, and the
// ways in which exporters write norms, softmax and activations. The same numbers give the same
// graph. Include after the headers of the C library.
#ifndef SZ_TEST_RANDOM_GRAPH_H
#define SZ_TEST_RANDOM_GRAPH_H

enum { RG_TEXT = 1 << 16, RG_VALUES = 160, RG_RANK = 4 };

typedef struct rg_value {
    char name[16];
    int rank;
    int dims[RG_RANK];
} rg_value;

typedef struct rg {
    const uint8_t *choices; // where choices come from, when not NULL; then all are 0
    size_t n_choices;
    uint64_t state;
    char text[RG_TEXT];
    size_t len;
    rg_value values[RG_VALUES];
    int n, names;
} rg;

// A number in [0, n).
static int rg_pick(rg *g, int n) {
    if (g->choices) {
        if (!g->n_choices) return 0;
        g->n_choices--;
        return *g->choices++ % n;
    }
    g->state += UINT64_C(0x9e3779b97f4a7c15); // splitmix64
    uint64_t z = g->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static void rg_put(rg *g, const char *fmt, ...) SZ_PRINTF(2, 3);
static void rg_put(rg *g, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(g->text + g->len, RG_TEXT - g->len, fmt, args);
    va_end(args);
    if (n > 0 && g->len + (size_t)n < RG_TEXT)
        g->len += (size_t)n;
    else
        g->text[g->len] = '\0'; // what does not fit is left out as a whole
}

static void rg_dims(rg *g, int rank, const int *dims) {
    for (int d = 0; d < rank; d++) rg_put(g, "%s%d", d ? "," : "", dims[d]);
}

static rg_value *rg_new(rg *g, int rank, const int *dims) {
    rg_value *v = &g->values[g->n < RG_VALUES ? g->n++ : RG_VALUES - 1];
    *v = (rg_value){.rank = rank};
    snprintf(v->name, sizeof v->name, "v%d", g->names++);
    for (int d = 0; d < rank; d++) v->dims[d] = dims[d];
    return v;
}

static const rg_value *rg_any(rg *g) { return &g->values[rg_pick(g, g->n)]; }

// A value of that rank, or the first input of it.
static rg_value rg_of_rank(rg *g, int rank) {
    for (int tries = 0; tries < 8; tries++) {
        rg_value *v = &g->values[rg_pick(g, g->n)];
        if (v->rank == rank) return *v;
    }
    for (int k = g->n - 1; k > 0; k--)
        if (g->values[k].rank == rank) return g->values[k];
    return g->values[0];
}

// A new constant without numbers; its name in `name`.
static void rg_weight(rg *g, char name[16], int rank, const int *dims) {
    snprintf(name, 16, "w%d", g->names++);
    rg_put(g, "  %s = const f32[", name);
    rg_dims(g, rank, dims);
    rg_put(g, "]\n");
}

static void rg_scalar(rg *g, char name[16], const char *number) {
    snprintf(name, 16, "c%d", g->names++);
    rg_put(g, "  %s = const f32%s {%s}\n", name, rg_pick(g, 2) ? "[]" : "[1]", number);
}

static void rg_ints(rg *g, char name[16], int n, const int *v) {
    snprintf(name, 16, "i%d", g->names++);
    rg_put(g, "  %s = const i64[%d] {", name, n);
    for (int k = 0; k < n; k++) rg_put(g, "%s%d", k ? ", " : "", v[k]);
    rg_put(g, "}\n");
}

// y = Op(x) {attrs}, of the shape of x.
static rg_value rg_map(rg *g, const rg_value *x, const char *op, const char *attrs) {
    rg_value *y = rg_new(g, x->rank, x->dims);
    rg_put(g, "  %s = %s(%s)%s%s\n", y->name, op, x->name, *attrs ? " " : "", attrs);
    return *y;
}

static rg_value rg_two(rg *g, const char *op, const rg_value *like, const char *a, const char *b) {
    rg_value *y = rg_new(g, like->rank, like->dims);
    rg_put(g, "  %s = %s(%s, %s)\n", y->name, op, a, b);
    return *y;
}

// ---- motifs ------------------------------------------------------------------------------------

static void rg_unary(rg *g) {
    static const char *const ops[] = {"Relu",    "Neg",      "Abs",       "Tanh",
                                      "Sigmoid", "Sin",      "Identity",  "Dropout",
                                      "Erf",     "Softplus", "HardSwish", "Floor"};
    const rg_value x = *rg_any(g);
    rg_map(g, &x, ops[rg_pick(g, (int)(sizeof ops / sizeof *ops))], "");
}

// With another value of the same shape, a vector along the last axis, or a small constant.
static void rg_binary(rg *g) {
    static const char *const ops[] = {"Add", "Sub", "Mul", "Max", "Min"};
    const char *op = ops[rg_pick(g, 5)];
    const rg_value x = *rg_any(g);
    char w[16];
    if (rg_pick(g, 2)) {
        for (int k = 0; k < g->n; k++) {
            const rg_value *o = &g->values[(k + rg_pick(g, g->n)) % g->n];
            if (o->rank != x.rank || memcmp(o->dims, x.dims, sizeof x.dims)) continue;
            rg_two(g, op, &x, x.name, o->name);
            return;
        }
    }
    int dims[RG_RANK];
    for (int d = 0; d < x.rank; d++) dims[d] = rg_pick(g, 2) ? 1 : x.dims[d];
    const int skip = x.rank ? rg_pick(g, x.rank) : 0;
    rg_weight(g, w, x.rank - skip, dims + skip);
    if (rg_pick(g, 2))
        rg_two(g, op, &x, x.name, w);
    else
        rg_two(g, op, &x, w, x.name);
}

static void rg_neutral(rg *g) {
    static const struct {
        const char *op, *number;
    } rows[] = {
        {"Add", "0.0"},  {"Mul", "1.0"},  {"Sub", "0.0"},  {"Div", "1.0"}, {"Pow", "1.0"},
        {"Add", "-0.0"}, {"Mul", "-1.0"}, {"Max", "-inf"}, {"Min", "inf"}, {"Mul", "2.0"},
        {"Pow", "2.0"},  {"Div", "2.0"},  {"Add", "1.0"},
    };
    const int k = rg_pick(g, (int)(sizeof rows / sizeof *rows));
    const rg_value x = *rg_any(g);
    char c[16];
    rg_scalar(g, c, rows[k].number);
    if (x.rank == 0) return;
    const bool turned = rg_pick(g, 3) == 0 && rows[k].op[0] != 'P' && rows[k].op[0] != 'D';
    rg_two(g, rows[k].op, &x, turned ? c : x.name, turned ? x.name : c);
}

static void rg_sums(rg *g) {
    const rg_value x = *rg_any(g);
    const int n = 1 + rg_pick(g, 6);
    rg_value y = x;
    for (int k = 0; k < n; k++)
        y = rg_two(g, "Add", &x, k % 2 ? x.name : y.name, k % 2 ? y.name : x.name);
    if (rg_pick(g, 3) == 0) rg_two(g, rg_pick(g, 2) ? "Max" : "Min", &x, y.name, y.name);
    if (rg_pick(g, 3) == 0) rg_two(g, "Sub", &x, y.name, x.name);
}

// The same, or nearly the same, twice.
static void rg_twins(rg *g) {
    const rg_value x = rg_of_rank(g, 2);
    const int way = rg_pick(g, 4);
    rg_value a = x, b = x;
    if (way == 0)
        a = rg_map(g, &x, "Tanh", ""), b = rg_map(g, &x, "Tanh", "");
    else if (way == 1)
        a = rg_map(g, &x, "LeakyRelu", "{alpha=0.1}"),
        b = rg_map(g, &x, "LeakyRelu", "{alpha=0.2}");
    else if (way == 2)
        a = rg_map(g, &x, "Softmax", "{axis=1}"), b = rg_map(g, &x, "Softmax", "{axis=0}");
    else
        a = rg_map(g, &x, "Softmax", "{axis=1}"), b = rg_map(g, &x, "Softmax", "{axis=-1}");
    rg_two(g, "Sub", &x, a.name, b.name);
}

static rg_value rg_transpose(rg *g, const rg_value *x, const int *perm) {
    int dims[RG_RANK];
    for (int d = 0; d < x->rank; d++) dims[d] = x->dims[perm[d]];
    rg_value *y = rg_new(g, x->rank, dims);
    rg_put(g, "  %s = Transpose(%s) {perm=[", y->name, x->name);
    rg_dims(g, x->rank, perm);
    rg_put(g, "]}\n");
    return *y;
}

static void rg_transposes(rg *g) {
    static const int perms[][4] = {
        {1, 0, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}, {0, 2, 3, 1}, {3, 2, 1, 0}};
    const rg_value x = rg_of_rank(g, rg_pick(g, 2) ? 4 : 2);
    if (x.rank == 4) {
        const rg_value t = rg_transpose(g, &x, perms[rg_pick(g, 5)]);
        if (rg_pick(g, 2)) rg_transpose(g, &t, perms[rg_pick(g, 5)]);
    } else if (x.rank == 2) {
        const rg_value t = rg_transpose(g, &x, perms[0]);
        if (rg_pick(g, 2)) rg_transpose(g, &t, perms[0]);
    }
}

static int rg_count(const rg_value *x) {
    int n = 1;
    for (int d = 0; d < x->rank; d++) n *= x->dims[d];
    return n;
}

static rg_value rg_reshape(rg *g, const rg_value *x, int rank, const int *dims) {
    char s[16];
    rg_ints(g, s, rank, dims);
    rg_value *y = rg_new(g, rank, dims);
    rg_put(g, "  %s = Reshape(%s, %s)\n", y->name, x->name, s);
    return *y;
}

static void rg_views(rg *g) {
    const rg_value x = *rg_any(g);
    const int n = rg_count(&x), even = n % 2 == 0;
    const int flat[] = {n}, pair[] = {even ? 2 : 1, even ? n / 2 : n};
    char axes[16];
    if (x.rank < 1) return;
    const bool two = rg_pick(g, 2);
    const rg_value y = rg_reshape(g, &x, two ? 2 : 1, two ? pair : flat);
    const int way = rg_pick(g, 4);
    if (way == 0) {
        rg_reshape(g, &y, x.rank, x.dims);
    } else if (way == 1) { // through the shape of another value
        char s[16];
        snprintf(s, sizeof s, "i%d", g->names++);
        rg_put(g, "  %s = Shape(%s)\n", s, x.name);
        rg_value *z = rg_new(g, x.rank, x.dims);
        rg_put(g, "  %s = Reshape(%s, %s)\n", z->name, y.name, s);
    } else if (way == 2 && y.rank < RG_RANK) {
        const int zero[] = {0};
        int dims[RG_RANK] = {1};
        for (int d = 0; d < y.rank; d++) dims[d + 1] = y.dims[d];
        rg_ints(g, axes, 1, zero);
        rg_value *u = rg_new(g, y.rank + 1, dims);
        rg_put(g, "  %s = Unsqueeze(%s, %s)\n", u->name, y.name, axes);
        const rg_value held = *u;
        rg_value *s = rg_new(g, y.rank, y.dims);
        if (rg_pick(g, 2))
            rg_put(g, "  %s = Squeeze(%s, %s)\n", s->name, held.name, axes);
        else
            g->n--;
    }
}

static void rg_cut(rg *g) {
    const rg_value x = rg_of_rank(g, 2);
    if (x.rank != 2 || x.dims[1] < 2) return;
    const int left = x.dims[1] / 2, sizes[] = {left, x.dims[1] - left};
    char s[16];
    rg_ints(g, s, 2, sizes);
    rg_value a = *rg_new(g, 2, (int[]){x.dims[0], sizes[0]});
    rg_value b = *rg_new(g, 2, (int[]){x.dims[0], sizes[1]});
    rg_put(g, "  %s, %s = Split(%s, %s) {axis=1}\n", a.name, b.name, x.name, s);
    if (rg_pick(g, 2)) a = rg_map(g, &a, "Relu", "");
    const bool turned = rg_pick(g, 2);
    rg_value *y = rg_new(g, 2, x.dims);
    rg_put(g, "  %s = Concat(%s, %s) {axis=1}\n", y->name, turned ? b.name : a.name,
           turned ? a.name : b.name);
}

static void rg_casts(rg *g) {
    static const char *const to[] = {"1", "10", "11", "16", "6", "7", "9"};
    const rg_value x = *rg_any(g);
    const char *first = to[rg_pick(g, 7)];
    const int middle = g->names++;
    rg_put(g, "  t%d = Cast(%s) {to=%s}\n", middle, x.name, first);
    rg_value *y = rg_new(g, x.rank, x.dims);
    if (rg_pick(g, 2)) {
        rg_put(g, "  u%d = Cast(t%d) {to=%s}\n", middle, middle, to[rg_pick(g, 3)]);
        rg_put(g, "  %s = Cast(u%d) {to=1}\n", y->name, middle);
    } else {
        rg_put(g, "  %s = Cast(t%d) {to=1}\n", y->name, middle);
    }
}

// Arithmetic on constants, then used.
static void rg_constants(rg *g) {
    const rg_value x = rg_of_rank(g, 2);
    char a[16], b[16];
    if (x.rank != 2) return;
    rg_weight(g, a, 2, x.dims);
    rg_weight(g, b, 2, (int[]){1, x.dims[1]});
    const int k = g->names++;
    rg_put(g, "  k%d = %s(%s, %s)\n", k, rg_pick(g, 2) ? "Add" : "Mul", a, b);
    const int way = rg_pick(g, 3);
    if (way == 0) {
        rg_put(g, "  l%d = Transpose(k%d) {perm=[1,0]}\n", k, k);
        rg_put(g, "  m%d = Transpose(l%d) {perm=[1,0]}\n", k, k);
    } else if (way == 1) {
        rg_put(g, "  l%d = Neg(k%d)\n  m%d = Tanh(l%d)\n", k, k, k, k);
    } else {
        rg_put(g, "  m%d = Relu(k%d)\n", k, k);
    }
    char m[16];
    snprintf(m, sizeof m, "m%d", k);
    rg_two(g, "Add", &x, x.name, m);
}

// ---- contractions ------------------------------------------------------------------------------

static void rg_affine(rg *g, rg_value *y, int channels, bool channel_first) {
    char w[16];
    const int one = rg_pick(g, 4) ? channels : 1; // or one number for all
    const int first[] = {one, 1, 1}, last[] = {one};
    rg_weight(g, w, channel_first ? 3 : 1, channel_first ? first : last);
    *y = rg_two(g, rg_pick(g, 3) ? "Mul" : "Div", y, y->name, w);
    rg_weight(g, w, channel_first ? 3 : 1, channel_first ? first : last);
    *y = rg_two(g, rg_pick(g, 3) ? "Add" : "Sub", y, y->name, w);
}

// A convolution of one place that leaves places out; two of them read the same now and then.
static void rg_thin(rg *g, const rg_value *y) {
    const int a = 1 + rg_pick(g, 3), b = 1 + rg_pick(g, 3), readers = 1 + rg_pick(g, 2);
    for (int k = 0; k < readers; k++) {
        const int out = 1 + rg_pick(g, 3);
        char w[16];
        rg_weight(g, w, 4, (int[]){out, y->dims[1], 1, 1});
        const int dims[] = {y->dims[0], out, (y->dims[2] - 1) / a + 1, (y->dims[3] - 1) / b + 1};
        const rg_value z = *rg_new(g, 4, dims);
        rg_put(g, "  %s = Conv(%s, %s) {strides=[%d,%d]}\n", z.name, y->name, w, a, b);
    }
}

static void rg_conv(rg *g) {
    const rg_value x = rg_of_rank(g, 4);
    if (x.rank != 4 || x.dims[2] < 1 || x.dims[3] < 1) return;
    const int out = 1 + rg_pick(g, 4), kernel = rg_pick(g, 2) ? 1 : 3;
    const int group = x.dims[1] > 1 && rg_pick(g, 3) == 0 ? x.dims[1] : 1,
              m = group > 1 ? group : out;
    char w[16], b[16], p[4][16];
    rg_weight(g, w, 4, (int[]){m, x.dims[1] / group, kernel, kernel});
    const bool bias = rg_pick(g, 2);
    if (bias) rg_weight(g, b, 1, &m);
    rg_value y = *rg_new(g, 4, (int[]){x.dims[0], m, x.dims[2], x.dims[3]});
    rg_put(g, "  %s = Conv(%s, %s%s%s) {group=%d, pads=[%d,%d,%d,%d]}\n", y.name, x.name, w,
           bias ? ", " : "", bias ? b : "", group, kernel / 2, kernel / 2, kernel / 2, kernel / 2);
    const int way = rg_pick(g, 4);
    if (way <= 1) {
        for (int k = 0; k < 4; k++) rg_weight(g, p[k], 1, &m);
        const rg_value z = *rg_new(g, 4, y.dims);
        rg_put(g, "  %s = BatchNormalization(%s, %s, %s, %s, %s)\n", z.name, y.name, p[0], p[1],
               p[2], p[3]);
        y = z;
    } else if (way == 2) {
        rg_affine(g, &y, m, true);
    }
    if (rg_pick(g, 2)) y = rg_map(g, &y, "Relu", "");
    if (rg_pick(g, 3) == 0 && m == x.dims[1]) y = rg_two(g, "Add", &y, y.name, x.name);
    if (rg_pick(g, 3) == 0) rg_thin(g, &y);
}

static void rg_matmul(rg *g) {
    const rg_value x = rg_of_rank(g, 2);
    if (x.rank != 2) return;
    const int n = 1 + rg_pick(g, 6);
    char w[16], b[16];
    rg_value y = *rg_new(g, 2, (int[]){x.dims[0], n});
    if (rg_pick(g, 3) == 0) {
        rg_weight(g, w, 2, (int[]){n, x.dims[1]});
        rg_weight(g, b, 1, &n);
        rg_put(g, "  %s = Gemm(%s, %s, %s) {transB=1, alpha=%s}\n", y.name, x.name, w, b,
               rg_pick(g, 2) ? "1.0" : "0.5");
    } else {
        rg_weight(g, w, 2, (int[]){x.dims[1], n});
        rg_put(g, "  %s = MatMul(%s, %s)\n", y.name, x.name, w);
    }
    const int way = rg_pick(g, 4);
    if (way == 0)
        rg_affine(g, &y, n, false);
    else if (way == 1)
        rg_weight(g, b, 1, &n), y = rg_two(g, "Add", &y, y.name, b);
    else if (way == 2)
        rg_scalar(g, b, "0.25"), y = rg_two(g, "Mul", &y, y.name, b);
    if (rg_pick(g, 2)) rg_map(g, &y, "Relu", "");
}

// ---- patterns of exporters ---------------------------------------------------------------------

static void rg_softmax(rg *g) {
    const rg_value x = rg_of_rank(g, 2);
    char axes[16];
    if (x.rank != 2) return;
    if (rg_pick(g, 2)) {
        rg_map(g, &x, rg_pick(g, 2) ? "Softmax" : "LogSoftmax", "{axis=-1}");
        return;
    }
    rg_ints(g, axes, 1, (int[]){-1});
    const int k = g->names++;
    rg_put(g, "  a%d = ReduceMax(%s, %s)\n  b%d = Sub(%s, a%d)\n  e%d = Exp(b%d)\n", k, x.name,
           axes, k, x.name, k, k, k);
    rg_put(g, "  s%d = ReduceSum(e%d, %s)\n", k, k, axes);
    rg_value *y = rg_new(g, 2, x.dims);
    rg_put(g, "  %s = Div(e%d, s%d)\n", y->name, k, k);
}

static void rg_gelu(rg *g) {
    const rg_value x = *rg_any(g);
    const int k = g->names++, way = rg_pick(g, 3);
    char half[16], one[16], root[16];
    if (x.rank < 1) return;
    if (way == 0) { // SiLU
        rg_value s = rg_map(g, &x, "Sigmoid", "");
        rg_two(g, "Mul", &x, x.name, s.name);
        return;
    }
    rg_scalar(g, half, "0.5");
    rg_scalar(g, one, "1.0");
    if (way == 1) {
        rg_scalar(g, root, "1.4142135");
        rg_put(g, "  a%d = Div(%s, %s)\n  b%d = Erf(a%d)\n", k, x.name, root, k, k);
    } else {
        char cubic[16], scale[16];
        rg_scalar(g, cubic, "0.044715");
        rg_scalar(g, scale, "0.7978846");
        rg_put(g, "  p%d = Mul(%s, %s)\n  q%d = Mul(p%d, %s)\n  r%d = Mul(q%d, %s)\n", k, x.name,
               x.name, k, k, x.name, k, k, cubic);
        rg_put(g, "  f%d = Add(%s, r%d)\n  h%d = Mul(f%d, %s)\n  b%d = Tanh(h%d)\n", k, x.name, k,
               k, k, scale, k, k);
    }
    rg_put(g, "  d%d = Add(b%d, %s)\n  e%d = Mul(%s, d%d)\n", k, k, one, k, x.name, k);
    rg_value *y = rg_new(g, x.rank, x.dims);
    rg_put(g, "  %s = Mul(e%d, %s)\n", y->name, k, half);
}

static void rg_norm(rg *g) {
    const rg_value x = rg_of_rank(g, 2);
    char axes[16], eps[16], two[16], w[16];
    if (x.rank != 2) return;
    const int k = g->names++;
    rg_ints(g, axes, 1, (int[]){-1});
    rg_scalar(g, eps, "1e-5");
    rg_scalar(g, two, "2.0");
    rg_weight(g, w, 1, &x.dims[1]);
    const bool centred = rg_pick(g, 2);
    if (centred)
        rg_put(g, "  a%d = ReduceMean(%s, %s)\n  b%d = Sub(%s, a%d)\n", k, x.name, axes, k, x.name,
               k);
    else
        rg_put(g, "  b%d = Identity(%s)\n", k, x.name);
    rg_put(g, "  d%d = Pow(b%d, %s)\n  e%d = ReduceMean(d%d, %s)\n", k, k, two, k, k, axes);
    rg_put(g, "  f%d = Add(e%d, %s)\n  h%d = Sqrt(f%d)\n", k, k, eps, k, k);
    rg_put(g, "  l%d = Div(b%d, h%d)\n", k, k, k);
    rg_value *y = rg_new(g, 2, x.dims);
    rg_put(g, "  %s = Mul(l%d, %s)\n", y->name, k, w);
}

static void rg_reduce(rg *g) {
    static const char *const ops[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2"};
    const rg_value x = *rg_any(g);
    char axes[16];
    if (x.rank < 1) return;
    const int axis = rg_pick(g, x.rank), keep = rg_pick(g, 2);
    int dims[RG_RANK], rank = 0;
    for (int d = 0; d < x.rank; d++)
        if (d != axis || keep) dims[rank++] = d == axis ? 1 : x.dims[d];
    rg_ints(g, axes, 1, &axis);
    rg_value *y = rg_new(g, rank, dims);
    rg_put(g, "  %s = %s(%s, %s) {keepdims=%d}\n", y->name, ops[rg_pick(g, 4)], x.name, axes, keep);
}

static void rg_quantize(rg *g) {
    const rg_value x = *rg_any(g);
    const int k = g->names++;
    rg_put(g, "  s%d = const f32[] {0.03125}\n  z%d = const u8[] {128}\n", k, k);
    rg_put(g, "  q%d = QuantizeLinear(%s, s%d, z%d)\n", k, x.name, k, k);
    rg_value a = *rg_new(g, x.rank, x.dims);
    rg_put(g, "  %s = DequantizeLinear(q%d, s%d, z%d)\n", a.name, k, k, k);
    if (rg_pick(g, 2)) {
        rg_value *b = rg_new(g, x.rank, x.dims);
        rg_put(g, "  %s = DequantizeLinear(q%d, s%d, z%d)\n", b->name, k, k, k);
    }
}

static void rg_where(rg *g) {
    const rg_value x = *rg_any(g);
    const int k = g->names++;
    char zero[16];
    if (x.rank < 1) return;
    rg_scalar(g, zero, "0.0");
    rg_put(g, "  a%d = Greater(%s, %s)\n", k, x.name, zero);
    if (rg_pick(g, 2))
        rg_put(g, "  b%d = Not(a%d)\n  d%d = Not(b%d)\n", k, k, k, k);
    else
        rg_put(g, "  d%d = Identity(a%d)\n", k, k);
    rg_value *y = rg_new(g, x.rank, x.dims);
    rg_put(g, "  %s = Where(d%d, %s, %s)\n", y->name, k, x.name, zero);
}

static void rg_branch(rg *g) {
    const rg_value x = *rg_any(g), z = *rg_any(g);
    const int k = g->names++;
    rg_put(g, "  n%d = const bool[] {%s}\n", k, rg_pick(g, 2) ? "true" : "false");
    rg_value *y = rg_new(g, x.rank, x.dims);
    rg_put(g,
           "  %s = If(n%d) {then_branch=graph { t%d = Relu(%s) o%d = Identity(t%d) output o%d }, "
           "else_branch=graph { t%d = Neg(%s) p%d = Neg(t%d) output p%d }}\n",
           y->name, k, k, x.name, k, k, k, k, x.name, k, k, k);
    (void)z;
}

// ---- the graph ---------------------------------------------------------------------------------

static void rg_step(rg *g) {
    static void (*const motifs[])(rg *) = {
        rg_unary, rg_unary,      rg_binary,   rg_binary, rg_neutral, rg_neutral,   rg_sums,
        rg_twins, rg_transposes, rg_views,    rg_cut,    rg_casts,   rg_constants, rg_conv,
        rg_conv,  rg_conv,       rg_conv,     rg_matmul, rg_matmul,  rg_softmax,   rg_gelu,
        rg_norm,  rg_reduce,     rg_quantize, rg_where,  rg_branch,
    };
    motifs[rg_pick(g, (int)(sizeof motifs / sizeof *motifs))](g);
}

// Does a node read it? Its name then stands somewhere as an operand.
static bool rg_is_read(const rg *g, const rg_value *v) {
    const size_t len = strlen(v->name);
    for (const char *at = g->text; (at = strstr(at, v->name)) != NULL; at += len)
        if ((at[-1] == '(' || at[-1] == ' ') &&
            (at[len] == ')' || (at[len] == ',' && at[-1] == '(')))
            return true;
        else if (at[-1] == ' ' && at[len] == ',' && at[-2] == ',')
            return true;
    return false;
}

static void rg_graph(rg *g, int steps) {
    g->len = 0, g->n = 0, g->names = 0;
    rg_value x = *rg_new(g, 4, (int[]){1 + rg_pick(g, 2), 1 + rg_pick(g, 3), 4, 4});
    rg_put(g, "graph g opset=18 {\n  input %s: f32[", x.name);
    rg_dims(g, 4, x.dims);
    x = *rg_new(g, 2, (int[]){1 + rg_pick(g, 4), 2 + rg_pick(g, 6)});
    rg_put(g, "]\n  input %s: f32[", x.name);
    rg_dims(g, 2, x.dims);
    rg_put(g, "]\n");
    for (int k = 0; k < steps && g->n < RG_VALUES - 8; k++) rg_step(g);
    rg_put(g, "  output %s", g->values[g->n - 1].name);
    for (int k = 2; k < g->n - 1; k++) { // what nobody reads, and some that are read too
        const bool leaf = !rg_is_read(g, &g->values[k]) && rg_pick(g, 16);
        if (leaf || rg_pick(g, 16) == 0) rg_put(g, ", %s", g->values[k].name);
    }
    rg_put(g, "\n}\n");
}

#endif
