// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention of ai.onnx and com.microsoft, and rotary positions.
#include "run/backends/ref/attention.h"

#include "model/ops/numbers.h"

#include <math.h>

// ---- the core ----------------------------------------------------------------------------------

static double *heads(double *x, int64_t head, int64_t length, int64_t size) {
    return x + head * length * size;
}

// Offset of score [b][h][i][j] in a mask of up to four axes that is broadcast.
static int64_t mask_at(const sz_mask *m, int64_t b, int64_t h, int64_t i, int64_t j) {
    const int64_t index[4] = {b, h, i, j};
    int64_t at = 0;
    for (int d = 0; d < 4; d++) at = at * m->dims[d] + (m->dims[d] == 1 ? 0 : index[d]);
    return at;
}

// What is added to the score; -inf = not seen.
static double bias_of(const sz_attend *a, int64_t b, int64_t h, int64_t i, int64_t j) {
    const int64_t valid = a->valid ? a->valid[b] : a->total;
    const int64_t front = a->fronts ? a->fronts[b] : a->front;
    double bias = 0;
    if (j >= valid) return -INFINITY;
    if (a->causal && j > i + front) return a->hidden;
    if (a->left >= 0 && i + front - j > a->left) return -INFINITY;
    if (a->right >= 0 && j - i - front > a->right) return -INFINITY;
    for (int k = 0; k < 2; k++) {
        const sz_mask *m = &a->mask[k];
        if (!m->at) continue;
        if (m->dims[3] != 1 && j >= m->dims[3]) return -INFINITY; // a short mask ends early
        bias += m->at[mask_at(m, b, h, i, j)];
    }
    return bias;
}

// One row of scores to weights. A row that sees nothing gives 0.
static void soften(const sz_attend *a, int64_t b, int64_t h, int64_t i, double *row, double *seen) {
    bool any = false;
    if (seen && a->stage == 0) memcpy(seen, row, (size_t)a->total * sizeof *row);
    for (int64_t j = 0; a->softcap > 0 && j < a->total; j++)
        row[j] = a->softcap * tanh(row[j] / a->softcap);
    if (seen && a->stage == 1) memcpy(seen, row, (size_t)a->total * sizeof *row);
    for (int64_t j = 0; j < a->total; j++) {
        const double bias = bias_of(a, b, h, i, j);
        row[j] = bias == -INFINITY ? bias : row[j] + bias;
        any = any || bias != -INFINITY;
    }
    if (seen && a->stage == 2) memcpy(seen, row, (size_t)a->total * sizeof *row);
    if (any)
        sz_ref_softmax(row, a->total, 1);
    else
        memset(row, 0, (size_t)a->total * sizeof *row);
    if (seen && a->stage == 3) memcpy(seen, row, (size_t)a->total * sizeof *row);
}

sz_status sz_ref_check_sizes(const sz_ref_call *c, const sz_attend *a, int64_t length) {
    const int64_t most_heads = a->heads > a->kv_heads ? a->heads : a->kv_heads;
    const int64_t most_size = a->k_size > a->v_size ? a->k_size : a->v_size;
    const int64_t factors[] = {a->batch, most_heads, a->queries, length, most_size};
    int64_t all = 1;
    for (int k = 0; k < 5; k++)
        if (factors[k] < 0 || !sz_mul(all, factors[k] + 1, &all))
            return sz_op_fail(c->n, "sizes of the attention exceed 2^63");
    if (a->kv_heads < 1 || a->heads % a->kv_heads != 0)
        return sz_op_fail(c->n, "query heads do not share key heads evenly");
    return SZ_OK;
}

sz_status sz_ref_attend(const sz_ref_call *c, const sz_attend *a) {
    double *scores;
    SZ_TRY(sz_ref_array(c, a->queries * a->total, &scores));
    const int64_t share = a->heads / a->kv_heads;
    for (int64_t g = 0; g < a->batch * a->heads; g++) {
        const int64_t b = g / a->heads, h = g % a->heads, kv = b * a->kv_heads + h / share;
        const sz_matrix q = {heads(a->q, g, a->queries, a->k_size), a->k_size, 1};
        const sz_matrix k = {heads(a->k, kv, a->total, a->k_size), 1, a->k_size};
        const sz_matrix v = {heads(a->v, kv, a->total, a->v_size), a->v_size, 1};
        memset(scores, 0, (size_t)(a->queries * a->total) * sizeof *scores);
        SZ_TRY(sz_ref_product(c, a->queries, a->total, a->k_size, q, k, scores, a->total));
        for (int64_t i = 0; i < a->queries; i++) {
            double *row = scores + i * a->total;
            for (int64_t j = 0; j < a->total; j++) row[j] *= a->scale;
            soften(a, b, h, i, row, a->seen ? a->seen + (g * a->queries + i) * a->total : NULL);
        }
        const sz_matrix w = {scores, a->total, 1};
        SZ_TRY(sz_ref_product(c, a->queries, a->v_size, a->total, w, v,
                              heads(a->y, g, a->queries, a->v_size), a->v_size));
    }
    return SZ_OK;
}

sz_status sz_ref_split_heads(const sz_ref_call *c, const double *x, const double *bias,
                             int64_t batch, int64_t length, int64_t n_heads, int64_t size,
                             int64_t width, int64_t from, double **ret) {
    SZ_TRY(sz_ref_array(c, batch * length * n_heads * size, ret));
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < n_heads; h++)
            for (int64_t l = 0; l < length; l++)
                for (int64_t d = 0; d < size; d++) {
                    const int64_t column = from + h * size + d;
                    (*ret)[((b * n_heads + h) * length + l) * size + d] =
                        x[(b * length + l) * width + column] + (bias ? bias[column] : 0);
                }
    return SZ_OK;
}

void sz_ref_merge_heads(const double *x, int64_t batch, int64_t n_heads, int64_t length,
                        int64_t size, double *y) {
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < n_heads; h++)
            for (int64_t l = 0; l < length; l++)
                memcpy(y + ((b * length + l) * n_heads + h) * size,
                       x + ((b * n_heads + h) * length + l) * size, (size_t)size * sizeof *y);
}

sz_status sz_ref_append(const sz_ref_call *c, const double *past, const double *x, int64_t groups,
                        int64_t before, int64_t length, int64_t size, double **ret) {
    const int64_t total = before + length;
    SZ_TRY(sz_ref_array(c, groups * total * size, ret));
    for (int64_t g = 0; g < groups; g++) {
        double *to = *ret + g * total * size;
        if (before) memcpy(to, past + g * before * size, (size_t)(before * size) * sizeof *to);
        if (length)
            memcpy(to + before * size, x + g * length * size, (size_t)(length * size) * sizeof *to);
    }
    return SZ_OK;
}

sz_status sz_ref_mask(const sz_ref_call *c, int i, sz_mask *ret) {
    double *x;
    *ret = (sz_mask){0};
    SZ_TRY(sz_ref_in(c, i, &x));
    if (!x) return SZ_OK;
    const sz_buffer *b = c->in[i];
    if (b->rank > 4) return sz_op_fail(c->n, "the mask has %d axes", (int)b->rank);
    for (int d = 0; d < 4; d++) {
        const int own = d - (4 - b->rank);
        ret->dims[d] = own < 0 ? 1 : b->dims[own];
    }
    if (!sz_is_float(b->dtype)) // true: seen
        for (int64_t k = 0; k < b->count; k++) x[k] = x[k] != 0 ? 0 : -INFINITY;
    ret->at = x;
    return SZ_OK;
}

sz_status sz_ref_expect(const sz_ref_call *c, int i, int64_t elements) {
    if (!sz_ref_has(c, i) || c->in[i]->count == elements) return SZ_OK;
    return sz_op_fail(c->n, "input %d has %lld elements, %lld are needed", i,
                      (long long)c->in[i]->count, (long long)elements);
}

sz_status sz_ref_copy_out(sz_ref_call *c, int o, const double *x, int64_t count) {
    double *y;
    SZ_TRY(sz_ref_room(c, o, &y));
    if (y && c->out[o]->count != count) return sz_op_fail(c->n, "output %d does not fit", o);
    if (y && count) memcpy(y, x, (size_t)count * sizeof *y);
    return SZ_OK;
}

// Masks must broadcast to the scores; a last axis may be short.
sz_status sz_ref_check_mask(const sz_ref_call *c, const sz_attend *a, const sz_mask *m) {
    const int64_t need[4] = {a->batch, a->heads, a->queries, a->total};
    for (int d = 0; m->at && d < 4; d++)
        if (m->dims[d] != 1 && m->dims[d] != need[d] && !(d == 3 && m->dims[d] < need[d]))
            return sz_op_fail(c->n, "a mask does not broadcast to the scores");
    return SZ_OK;
}

// ---- ai.onnx Attention -------------------------------------------------------------------------

// One of Q, K, V as [batch, heads, length, size].
static sz_status operand(const sz_ref_call *c, int i, const char *attr, int64_t *ret_heads,
                         int64_t *ret_length, int64_t *ret_size, double **ret) {
    const sz_buffer *b = c->in[i];
    SZ_TRY(sz_ref_in(c, i, ret));
    if (b->rank == 4) {
        *ret_heads = b->dims[1], *ret_length = b->dims[2], *ret_size = b->dims[3];
        return SZ_OK;
    }
    *ret_heads = sz_attr_i(c->n->node, attr, 1), *ret_length = b->dims[1];
    if (*ret_heads < 1 || b->dims[2] % *ret_heads != 0)
        return sz_op_fail(c->n, "input %d does not divide into heads", i);
    *ret_size = b->dims[2] / *ret_heads;
    return sz_ref_split_heads(c, *ret, NULL, b->dims[0], *ret_length, *ret_heads, *ret_size,
                              b->dims[2], 0, ret);
}

// Lengths of the valid keys per batch (input 6), and where the queries stand then.
static sz_status read_lengths(const sz_ref_call *c, sz_attend *a) {
    if (!sz_ref_has(c, 6)) return SZ_OK;
    if (c->in[6]->count != a->batch) return sz_op_fail(c->n, "one length per batch is needed");
    a->valid = sz_arena_array(c->n->graph->arena, (size_t)a->batch + 1, sizeof *a->valid);
    a->fronts = sz_arena_array(c->n->graph->arena, (size_t)a->batch + 1, sizeof *a->fronts);
    if (!a->valid || !a->fronts) return sz_no_memory(c->ctx);
    sz_buffer_integers(c->in[6], 0, a->batch, a->valid);
    for (int64_t b = 0; b < a->batch; b++) a->fronts[b] = a->valid[b] - a->queries;
    return SZ_OK;
}

// Put the result where output 0 wants it: [batch, heads, length, size] or merged.
static sz_status finish(sz_ref_call *c, const sz_attend *a, bool merged) {
    double *y;
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    if (c->out[0]->count != a->batch * a->heads * a->queries * a->v_size)
        return sz_op_fail(c->n, "output 0 does not fit");
    if (merged)
        sz_ref_merge_heads(a->y, a->batch, a->heads, a->queries, a->v_size, y);
    else
        memcpy(y, a->y, (size_t)c->out[0]->count * sizeof *y);
    return SZ_OK;
}

sz_status sz_ref_attention(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    int64_t length, v_length, k_size, v_heads, past = 0;
    double *pk, *pv;
    sz_attend a = {.batch = c->in[0]->dims[0], .hidden = -INFINITY, .left = -1, .right = -1};
    SZ_TRY(operand(c, 0, "q_num_heads", &a.heads, &a.queries, &a.k_size, &a.q));
    SZ_TRY(operand(c, 1, "kv_num_heads", &a.kv_heads, &length, &k_size, &a.k));
    SZ_TRY(operand(c, 2, "kv_num_heads", &v_heads, &v_length, &a.v_size, &a.v));
    if (k_size != a.k_size || v_heads != a.kv_heads || v_length != length)
        return sz_op_fail(c->n, "heads or lengths of the operands differ");
    SZ_TRY(sz_ref_in(c, 4, &pk));
    SZ_TRY(sz_ref_in(c, 5, &pv));
    if (pk && pv) past = c->in[4]->dims[2];
    SZ_TRY(sz_ref_check_sizes(c, &a, past + length));
    const int64_t groups = a.batch * a.kv_heads;
    SZ_TRY(sz_ref_expect(c, 0, a.batch * a.heads * a.queries * a.k_size));
    SZ_TRY(sz_ref_expect(c, 1, groups * length * a.k_size));
    SZ_TRY(sz_ref_expect(c, 2, groups * length * a.v_size));
    SZ_TRY(sz_ref_expect(c, 4, groups * past * a.k_size));
    SZ_TRY(sz_ref_expect(c, 5, groups * past * a.v_size));
    a.total = past + length, a.front = past;
    SZ_TRY(sz_ref_append(c, pk, a.k, a.batch * a.kv_heads, past, length, a.k_size, &a.k));
    SZ_TRY(sz_ref_append(c, pv, a.v, a.batch * a.kv_heads, past, length, a.v_size, &a.v));
    a.causal = sz_attr_i(node, "is_causal", 0) != 0;
    a.scale = sz_attr_f(node, "scale", 1 / sqrt((double)a.k_size));
    a.softcap = sz_attr_f(node, "softcap", 0);
    a.stage = (int)sz_attr_i(node, "qk_matmul_output_mode", 0);
    a.left = sz_attr_i(node, "left_window_size", -1);
    a.right = sz_attr_i(node, "right_window_size", -1);
    SZ_TRY(read_lengths(c, &a));
    SZ_TRY(sz_ref_mask(c, 3, &a.mask[0]));
    SZ_TRY(sz_ref_check_mask(c, &a, &a.mask[0]));
    SZ_TRY(sz_ref_array(c, a.batch * a.heads * a.queries * a.v_size, &a.y));
    SZ_TRY(sz_ref_room(c, 3, &a.seen));
    SZ_TRY(sz_ref_attend(c, &a));
    SZ_TRY(sz_ref_copy_out(c, 1, a.k, groups * a.total * a.k_size));
    SZ_TRY(sz_ref_copy_out(c, 2, a.v, groups * a.total * a.v_size));
    return finish(c, &a, c->in[0]->rank == 3);
}

// ---- rotary positions --------------------------------------------------------------------------

void sz_ref_rotate(double *x, const double *cosines, const double *sines, int64_t half,
                   bool interleaved) {
    for (int64_t k = 0; k < half; k++) {
        const int64_t i = interleaved ? 2 * k : k, j = interleaved ? 2 * k + 1 : half + k;
        const double a = x[i], b = x[j];
        x[i] = cosines[k] * a - sines[k] * b;
        x[j] = sines[k] * a + cosines[k] * b;
    }
}

// Inputs: x, then caches and positions in the order of the operator.
static sz_status rotary(sz_ref_call *c, int cos_in, int sin_in, int ids) {
    const sz_node *node = c->n->node;
    const sz_buffer *b = c->in[0], *table = c->in[cos_in];
    double *x, *y, *cosines, *sines, *at;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, cos_in, &cosines));
    SZ_TRY(sz_ref_in(c, sin_in, &sines));
    SZ_TRY(sz_ref_in(c, ids, &at));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y || b->count == 0 || (b->rank != 3 && b->rank != 4)) return SZ_OK;
    const int64_t length = b->dims[b->rank - 2];
    const int64_t half = sz_ref_dim(table, -1), rows = half ? table->count / half : 0;
    const int64_t turned = sz_attr_i(node, "rotary_embedding_dim", 0);
    int64_t n_heads = b->rank == 4 ? b->dims[1] : sz_attr_i(node, "num_heads", 0);
    int64_t size = b->rank == 4  ? b->dims[3]
                   : n_heads > 0 ? b->dims[2] / n_heads
                   : turned      ? turned
                                 : 2 * half;
    if (b->rank == 3 && size > 0) n_heads = b->dims[2] / size;
    if (half < 1 || 2 * half > size || n_heads * size * length * b->dims[0] != b->count ||
        (turned && turned != 2 * half) || c->in[sin_in]->count != table->count)
        return sz_op_fail(c->n, "sizes of the positions do not fit");
    memcpy(y, x, (size_t)b->count * sizeof *y);
    for (int64_t k = 0; k < b->count / size; k++) { // [b][h][l] or [b][l][h]
        const int64_t l = b->rank == 4 ? k % length : k / n_heads % length;
        const int64_t batch = k / (n_heads * length);
        int64_t row = at ? 0 : table->rank == 3 ? batch * length + l : l;
        if (at && c->in[ids]->count == 1)
            row = (int64_t)at[0] + l;
        else if (at && batch * length + l < c->in[ids]->count)
            row = (int64_t)at[batch * length + l];
        if (row < 0 || row >= rows) return sz_op_fail(c->n, "a position lies outside of its table");
        sz_ref_rotate(y + k * size, cosines + row * half, sines + row * half, half,
                      sz_attr_i(node, "interleaved", 0) != 0);
    }
    return SZ_OK;
}

sz_status sz_ref_rotary(sz_ref_call *c) { return rotary(c, 1, 2, 3); }
sz_status sz_ref_ms_rotary(sz_ref_call *c) { return rotary(c, 2, 3, 1); }
