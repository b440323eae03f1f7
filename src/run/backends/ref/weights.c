// SPDX-License-Identifier: Apache-2.0
// Where constants get their numbers from: the file, the graph, or a generator.
//
// Synthetic numbers depend on the seed, the name of the value and the role in which the first node
// of the graph takes it, so the same net gets the same weights on every machine, and again after
// it was rewritten. Their scale keeps activations sane: He et al. 2015 for weights (a normal
// distribution of variance 2 / fan-in), scales and variances around 1, small biases.
#include "run/backends/ref/session.h"

#include "base/splitmix.h"
#include "model/graph/format.h"
#include "model/ops/numbers.h"
#include "model/ops/ozaki.h"

#include <math.h>

// ---- from the file -----------------------------------------------------------------------------

static void unpack(sz_buffer *b, const unsigned char *raw) {
    const int bits = sz_dtype_get(b->dtype)->bits;
    const uint16_t one = 1;
    const bool same = bits >= 8 && *(const unsigned char *)&one == 1; // little-endian, whole bytes
    if (same) {
        memcpy(b->data, raw, b->bytes);
        return;
    }
    for (int64_t k = 0; k < b->count; k++)
        sz_buffer_put_bits(b, k, sz_format_element(b->dtype, raw, k));
}

static sz_status from_file(sz_ref *r, sz_graph *g, const sz_constant *c, sz_buffer *b,
                           bool *ret_is_there) {
    const int64_t packed = sz_dtype_bytes(b->dtype, b->count);
    const size_t need = packed > 0 ? (size_t)packed : 0;
    if (need == 0) {
        *ret_is_there = true;
        return SZ_OK;
    }
    unsigned char *raw = sz_alloc(r->ctx, need);
    if (!raw) return sz_no_memory(r->ctx);
    sz_status status = sz_graph_read_raw(g, c, need, raw, ret_is_there);
    if (status == SZ_OK && *ret_is_there) unpack(b, raw);
    sz_free(r->ctx, raw, need);
    return status;
}

// ---- synthetic ---------------------------------------------------------------------------------

typedef struct random {
    uint64_t state;
} random_t;

static uint64_t next(random_t *r) { return sz_splitmix(&r->state); }

static double uniform(random_t *r) { return (double)(next(r) >> 11) * 0x1p-53; }

// Four sums of uniform numbers come close enough to a normal distribution, with no libm in it, so
// that every machine gives the same bits. Variance 1.
static double normal(random_t *r) {
    double sum = 0;
    for (int k = 0; k < 4; k++) sum += uniform(r);
    return (sum - 2) * 1.7320508075688772; // variance of the sum is 4 / 12
}

static random_t start(uint64_t seed, sz_str name) { // FNV-1a over the name
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed * UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t k = 0; k < name.len; k++)
        h = (h ^ (unsigned char)name.p[k]) * UINT64_C(0x100000001b3);
    return (random_t){h};
}

// The role of a value: the first node that takes it, and as which input. Exporters share weights
// through Identity: what reads its output counts.
static const sz_node *first_reader(const sz_graph *g, sz_value_id id, int32_t *ret_input) {
    for (size_t k = 0; k < g->nodes.n; k++) { // in file order, so chains are followed too
        const sz_node *n = &g->nodes.items[k];
        for (int32_t i = 0; i < n->n_inputs; i++) {
            if (n->inputs[i] != id) continue;
            if (!sz_str_is(n->op, "Identity") || n->n_outputs != 1 || n->outputs[0] == SZ_NONE)
                return *ret_input = i, n;
            id = n->outputs[0];
            break;
        }
    }
    return NULL;
}

static bool is_op(const sz_node *n, const char *const *names) {
    for (; n && *names; names++)
        if (sz_str_is(n->op, *names)) return true;
    return false;
}

// What a float constant of one axis is.
typedef enum role { WEIGHT, AROUND_ONE, POSITIVE, SMALL, QUANTUM } role;

static role role_of(const sz_node *n, int32_t input, int32_t rank) {
    static const char *const norms[] = {"BatchNormalization",
                                        "LayerNormalization",
                                        "InstanceNormalization",
                                        "GroupNormalization",
                                        "SimplifiedLayerNormalization",
                                        "RMSNormalization",
                                        NULL};
    static const char *const skips[] = {"SkipLayerNormalization",
                                        "SkipSimplifiedLayerNormalization", NULL};
    static const char *const linear[] = {"QuantizeLinear", "DequantizeLinear", NULL};
    static const char *const packed[] = {
        "MatMulNBits", "QLinearConv",           "QLinearMatMul",        "QLinearAdd",
        "QLinearMul",  "DynamicQuantizeMatMul", "MatMulIntegerToFloat", NULL};
    if (is_op(n, linear)) return input == 1 ? QUANTUM : WEIGHT;
    if (is_op(n, packed)) return rank <= 2 && input > 0 ? QUANTUM : WEIGHT;
    if (is_op(n, norms)) return input == 1 ? AROUND_ONE : input == 4 ? POSITIVE : SMALL;
    if (is_op(n, skips)) return rank == 1 && input == 2 ? AROUND_ONE : rank == 1 ? SMALL : WEIGHT;
    return rank <= 1 ? (n && sz_str_is(n->op, "Mul") ? AROUND_ONE : SMALL) : WEIGHT;
}

// Terms of the sum that one output takes from a weight.
static double fan_in(const sz_node *n, int32_t input, const sz_buffer *b) {
    const int32_t rank = b->rank;
    if (rank < 2) return 1;
    double all = 1;
    for (int32_t d = 1; d < rank; d++) all *= (double)b->dims[d];
    if (n && sz_str_is(n->op, "ConvTranspose")) return (double)b->dims[0];
    if (rank > 2 && (!n || !sz_str_is(n->op, "MatMul"))) return all;
    const bool turned = n && sz_str_is(n->op, "Gemm") && sz_attr_i(n, "transB", 0) && input == 1;
    return (double)(turned ? b->dims[rank - 1] : b->dims[rank - 2]);
}

static double draw(random_t *r, role what, double deviation) {
    switch (what) {
    case AROUND_ONE:
        return 1 + 0.1 * normal(r);
    case POSITIVE:
        return 0.5 + uniform(r);
    case SMALL:
        return 0.1 * normal(r);
    case QUANTUM:
        return 0.01 * (0.5 + uniform(r));
    case WEIGHT:
        break;
    }
    return deviation * normal(r);
}

static void fill_floats(sz_buffer *b, random_t *r, role what, double deviation) {
    for (int64_t k = 0; k < b->count; k++) {
        const double x = draw(r, what, deviation);
        sz_buffer_put_doubles(b, k, 1, &x);
    }
}

// e^x by its series, so that every machine gives the same bits.
static double exponential(double x) {
    const double turns = floor(x * 1.4426950408889634 + 0.5);
    const double rest = x - turns * 0.6931471805599453; // up to 0.35
    double sum = 1;
    for (int k = 14; k > 0; k--) sum = 1 + sum * rest / k;
    return ldexp(sum, (int)turns);
}

// (u - 0.5) e^(phi z) with u uniform and z normal: the numbers on which papers compare ways to
// split (Ozaki et al. 2012 and after), as the spread of exponents is what makes it hard.
static void fill_spread(sz_buffer *b, random_t *r, double phi) {
    for (int64_t k = 0; k < b->count; k++) {
        const double u = uniform(r) - 0.5, x = u * exponential(phi * normal(r));
        sz_buffer_put_doubles(b, k, 1, &x);
    }
}

// For operands of an operator that says how far they spread.
static bool is_spread(const sz_graph *g, sz_value_id id, double *ret_phi) {
    int32_t input = 0;
    const sz_node *n = first_reader(g, id, &input);
    if (!n || !sz_is_ozaki(n)) return false;
    *ret_phi = sz_attr_f(n, "phi", 0);
    return true;
}

// Integers in [low, high].
static void fill_integers(sz_buffer *b, random_t *r, int64_t low, int64_t high) {
    for (int64_t k = 0; k < b->count; k++) {
        const int64_t x = low + (int64_t)(next(r) % (uint64_t)(high - low + 1));
        sz_buffer_put_integers(b, k, 1, &x);
    }
}

static void fill_weights(const sz_graph *g, sz_value_id id, sz_buffer *b, random_t *r) {
    int32_t input = 0;
    double phi;
    const sz_node *n = first_reader(g, id, &input);
    const sz_dtype_info *d = sz_dtype_get(b->dtype);
    if (is_spread(g, id, &phi)) {
        fill_spread(b, r, phi);
    } else if (sz_is_float(b->dtype)) {
        const double fan = fan_in(n, input, b);
        fill_floats(b, r, role_of(n, input, b->rank), sqrt(2 / (fan > 1 ? fan : 1)));
    } else if (d->bits <= 8 && d->cls == SZ_CLASS_INT) {
        // 7 of 8 bits: runtimes add two products in 16 bits where the machine has no better way
        const int64_t most = (INT64_C(1) << (d->bits < 8 ? d->bits - 1 : 6)) - 1;
        fill_integers(b, r, -most, most);
    } else if (d->bits <= 8 && d->cls == SZ_CLASS_UINT) {
        fill_integers(b, r, 0, (INT64_C(1) << d->bits) - 1);
    } else {
        fill_integers(b, r, 0, 1);
    }
}

static sz_status new_buffer(sz_ref *r, const sz_value *v, sz_buffer **ret) {
    const sz_type *t = &v->type;
    if (t->kind != SZ_TYPE_TENSOR || !sz_type_is_static(t) || !t->dtype)
        return sz_fail(r->ctx, SZ_ERR_INPUT, "value '%s' has no fixed type: %s",
                       sz_show(r->ctx, v->name), sz_type_text(r->graph, t));
    sz_status status = sz_buffer_create(r->ctx, t->dtype, t->rank, t->dims, ret);
    if (status == SZ_OK) return SZ_OK;
    return sz_place(r->ctx, status, "value '%s'", sz_show(r->ctx, v->name));
}

// Two names for the same bytes of a side file are one weight: the first of them.
static sz_value_id first_of_range(const sz_graph *g, sz_value_id id) {
    const sz_constant *own = g->values.items[id].constant;
    if (!own || own->side == SZ_NONE) return id;
    for (sz_value_id k = 0; k < id; k++) {
        const sz_constant *c = g->values.items[k].constant;
        if (c && c->side == own->side && c->offset == own->offset && c->length == own->length)
            return k;
    }
    return id;
}

static sz_status fill_constant(sz_ref *r, sz_graph *g, sz_value_id id, sz_buffer *b) {
    const sz_value *v = sz_graph_value(g, id);
    const sz_constant *c = v->constant;
    bool is_there = false;
    const sz_tensor *t = c && c->form == SZ_CONST_VALUE ? c->tensor : c ? NULL : v->known;
    if (t && t->count == b->count && (t->f || t->i)) {
        if (t->f) sz_buffer_put_doubles(b, 0, t->count, t->f);
        if (t->i) sz_buffer_put_integers(b, 0, t->count, t->i);
        return SZ_OK;
    }
    const bool unread = c && c->form == SZ_CONST_NOWHERE && c->side == SZ_NONE && c->length > 0;
    if (unread && sz_graph_root(g)->source)
        return sz_fail(r->ctx, SZ_ERR_UNAVAILABLE,
                       "no reference for constant '%s': its numbers are "
                       "not kept as raw data in the file",
                       sz_show(r->ctx, v->name));
    if (c && c->form == SZ_CONST_SPARSE)
        return sz_fail(r->ctx, SZ_ERR_UNAVAILABLE, "no reference for sparse constants: '%s'",
                       sz_show(r->ctx, v->name));
    if (c && c->form == SZ_CONST_RAW) SZ_TRY(from_file(r, g, c, b, &is_there));
    id = first_of_range(g, id);
    random_t random = start(r->options.seed, sz_graph_value(g, id)->name);
    if (!is_there) fill_weights(g, id, b, &random);
    return SZ_OK;
}

sz_status sz_ref_constant(sz_ref *r, sz_graph *g, sz_value_id id, sz_buffer **ret_buffer) {
    sz_buffer *b;
    SZ_TRY(new_buffer(r, sz_graph_value(g, id), &b));
    sz_status status = fill_constant(r, g, id, b);
    if (status == SZ_OK)
        *ret_buffer = b;
    else
        sz_buffer_release(r->ctx, b);
    return status;
}

// ---- inputs ------------------------------------------------------------------------------------

static bool has_word(sz_str name, const char *word) {
    const size_t len = strlen(word);
    for (size_t k = 0; k + len <= name.len; k++)
        if (memcmp(name.p + k, word, len) == 0) return true;
    return false;
}

// Zipf's law, about: of [0, n) each octave of ranks comes as often, so a rank comes about as often
// as one over it. Whole numbers only, so that every machine draws the same.
static int64_t draw_zipf(random_t *r, int64_t n) {
    uint64_t octaves = 0;
    while (octaves < 62 && (INT64_C(1) << octaves) <= n) octaves++; // ranks 1 ... n
    const int64_t first = INT64_C(1) << next(r) % octaves;
    const int64_t past = first <= n / 2 ? 2 * first : n + 1;
    return first - 1 + (int64_t)(next(r) % (uint64_t)(past - first));
}

static void fill_indices(sz_buffer *b, random_t *r, int64_t low, int64_t high, bool zipf) {
    if (!zipf || low != 0) {
        fill_integers(b, r, low, high);
        return;
    }
    for (int64_t k = 0; k < b->count; k++) {
        const int64_t x = draw_zipf(r, high + 1);
        sz_buffer_put_integers(b, k, 1, &x);
    }
}

// Indices stay inside the table that they look into; masks let everything through.
static void integer_range(const sz_graph *g, sz_value_id id, int64_t *ret_low, int64_t *ret_high) {
    int32_t input = 0;
    const sz_node *n = first_reader(g, id, &input);
    *ret_low = 0, *ret_high = 1;
    if (has_word(sz_graph_value(g, id)->name, "mask")) *ret_low = 1;
    if (!n || input != 1 || n->inputs[0] == SZ_NONE) return;
    if (sz_str_is(n->op, "SoftmaxCrossEntropyLoss")) { // labels are classes
        const sz_type *scores = &sz_graph_value(g, n->inputs[0])->type;
        if (scores->rank > 1 && scores->dims[1] > 0) *ret_high = scores->dims[1] - 1;
    }
    const sz_type *own = &sz_graph_value(g, id)->type; // a last axis of 1: rows of a table
    const bool rows = sz_str_is(n->op, "ScatterND") && own->dims[own->rank - 1] == 1;
    if (!rows && !sz_str_is(n->op, "Gather")) return;
    const sz_type *table = &sz_graph_value(g, n->inputs[0])->type;
    const int64_t axis = sz_attr_i(n, "axis", 0);
    if (axis >= 0 && axis < table->rank && table->dims[axis] > 0) *ret_high = table->dims[axis] - 1;
}

sz_status sz_ref_sample(sz_ref *r, sz_graph *g, sz_value_id id, sz_buffer **ret_buffer) {
    const sz_value *v = sz_graph_value(g, id);
    const sz_dtype_info *d;
    sz_buffer *b;
    int64_t low, high;
    double phi;
    SZ_TRY(new_buffer(r, v, &b));
    random_t random = start(r->options.seed + 1, v->name);
    d = sz_dtype_get(b->dtype);
    if (is_spread(g, id, &phi)) {
        fill_spread(b, &random, phi);
    } else if (sz_is_float(b->dtype)) {
        fill_floats(b, &random, WEIGHT, 1);
    } else if (d->bits <= 8 && d->cls != SZ_CLASS_BOOL) {
        low = d->cls == SZ_CLASS_INT ? -(INT64_C(1) << (d->bits - 1)) : 0;
        fill_integers(b, &random, low, low + (INT64_C(1) << d->bits) - 1);
    } else {
        integer_range(g, id, &low, &high);
        fill_indices(b, &random, low, high, has_word(v->name, "zipf"));
    }
    *ret_buffer = b;
    return SZ_OK;
}
