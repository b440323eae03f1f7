// SPDX-License-Identifier: Apache-2.0
// Einsum. MACs of two and more operands: the product of the sizes of all labels x (operands - 1),
// the plain loop nest without an order of contraction that would save work. One operand multiplies
// nothing: sums count as flops, a permutation or a diagonal is free.
#include "model/ops/rules.h"

#include <ctype.h>

enum { LABELS = 52, MAX_ELLIPSIS = SZ_MAX_RANK };

typedef struct einsum {
    int64_t size[LABELS];       // by label; SZ_DIM_UNKNOWN until seen
    bool seen[LABELS];
    int uses[LABELS];           // in the inputs, for the implicit output
    int n_ellipsis;             // axes behind "..."
    bool ellipsis;              // some input has one
    bool rank_known;            // of every input with an ellipsis
    int64_t wide[MAX_ELLIPSIS]; // their sizes, right-aligned: [0] is the last axis
    sz_str left, right;
    bool has_right;
} einsum;

// Labels sort as their letters do: A..Z before a..z.
static int label_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    return -1;
}

// Copies the equation without blanks and splits it at "->".
static sz_status split(const sz_infer *n, einsum *e) {
    sz_str s = sz_attr_s(n->node, "equation", "");
    char *text;
    uint32_t len = 0, arrow;
    if (!sz_attr_find(n->node, "equation")) return sz_op_missing_attr(n, "equation");
    text = sz_op_alloc(n, (size_t)s.len + 1, 1);
    if (!text) return sz_no_memory(n->ctx);
    for (uint32_t i = 0; i < s.len; i++)
        if (!isspace((unsigned char)s.p[i])) text[len++] = s.p[i];
    for (arrow = 0; arrow + 1 < len; arrow++)
        if (text[arrow] == '-' && text[arrow + 1] == '>') break;
    e->has_right = arrow + 1 < len;
    e->left = (sz_str){text, e->has_right ? arrow : len};
    e->right = (sz_str){text + len, 0};
    if (e->has_right) e->right = (sz_str){text + arrow + 2, len - arrow - 2};
    return SZ_OK;
}

// One size for a label or for an ellipsis axis; 1 gives way to any other size.
static sz_status merge(const sz_infer *n, int64_t *size, bool seen, int64_t dim, const char *what) {
    if (!seen || (*size < 0 && dim > 1) || *size == 1) {
        *size = dim;
        return SZ_OK;
    }
    if (*size >= 0 && dim >= 0 && dim != 1 && *size != dim)
        return sz_op_fail(n, "label '%s' has size %lld and %lld", what, (long long)*size,
                          (long long)dim);
    if (*size < 0 && dim < 0 && *size != dim) *size = SZ_DIM_UNKNOWN;
    return SZ_OK;
}

// Labels of a term before and after its ellipsis.
static sz_status term_count(const sz_infer *n, sz_str term, int *ret_labels, bool *ret_ellipsis) {
    *ret_labels = 0;
    *ret_ellipsis = false;
    for (uint32_t i = 0; i < term.len; i++) {
        if (term.p[i] == '.') {
            if (*ret_ellipsis || i + 2 >= term.len || memcmp(term.p + i, "...", 3) != 0)
                return sz_op_fail(n, "a stray '.' in the equation");
            *ret_ellipsis = true;
            i += 2;
        } else if (label_of(term.p[i]) < 0) {
            return sz_op_fail(n, "'%s' is no label", sz_show(n->ctx, (sz_str){term.p + i, 1}));
        } else {
            ++*ret_labels;
        }
    }
    return SZ_OK;
}

static sz_status read_ellipsis(const sz_infer *n, einsum *e, int input, int first, int count) {
    for (int i = 0; i < count; i++) { // right to left
        int64_t dim = sz_in_dim(n, input, first + count - 1 - i);
        SZ_TRY(merge(n, &e->wide[i], i < e->n_ellipsis, dim, "..."));
    }
    if (count > e->n_ellipsis) e->n_ellipsis = count;
    return SZ_OK;
}

static sz_status read_term(const sz_infer *n, einsum *e, int input, sz_str term) {
    int rank = sz_in_rank(n, input), labels, axis = 0;
    bool ellipsis;
    SZ_TRY(term_count(n, term, &labels, &ellipsis));
    if (rank >= 0 && (ellipsis ? rank < labels : rank != labels))
        return sz_op_fail(n, "operand %d has %d dimensions, its term has %d labels", input, rank,
                          labels);
    if (ellipsis) {
        e->ellipsis = true;
        if (rank < 0) e->rank_known = false;
    }
    for (uint32_t i = 0; i < term.len; i++) {
        int l = label_of(term.p[i]);
        if (l < 0) {
            int count = rank < 0 ? 0 : rank - labels;
            SZ_TRY(read_ellipsis(n, e, input, axis, count));
            axis += count;
            i += 2;
            continue;
        }
        SZ_TRY(merge(n, &e->size[l], e->seen[l], rank < 0 ? SZ_DIM_UNKNOWN
                     : sz_in_dim(n, input, axis), (char[]){term.p[i], 0}));
        e->seen[l] = true;
        e->uses[l]++;
        axis++;
    }
    return SZ_OK;
}

static sz_status read_equation(const sz_infer *n, einsum *e) {
    uint32_t start = 0;
    int term = 0;
    memset(e, 0, sizeof *e);
    e->rank_known = true;
    for (int i = 0; i < LABELS; i++) e->size[i] = SZ_DIM_UNKNOWN;
    SZ_TRY(split(n, e));
    for (uint32_t i = 0; i <= e->left.len; i++) {
        if (i < e->left.len && e->left.p[i] != ',') continue;
        if (term >= n->node->n_inputs)
            return sz_op_fail(n, "the equation has more terms than the %d operands",
                              (int)n->node->n_inputs);
        SZ_TRY(read_term(n, e, term++, (sz_str){e->left.p + start, i - start}));
        start = i + 1;
    }
    if (term != n->node->n_inputs)
        return sz_op_fail(n, "the equation has %d terms for %d operands", term,
                          (int)n->node->n_inputs);
    return SZ_OK;
}

static sz_status push_ellipsis(const sz_infer *n, const einsum *e, int64_t *dims, int32_t *rank) {
    if (*rank + e->n_ellipsis > SZ_MAX_RANK)
        return sz_op_fail(n, "more than %d dimensions", SZ_MAX_RANK);
    for (int i = e->n_ellipsis - 1; i >= 0; i--) dims[(*rank)++] = e->wide[i];
    return SZ_OK;
}

static sz_status explicit_out(const sz_infer *n, const einsum *e, int64_t *dims, int32_t *rank) {
    int labels, l;
    bool ellipsis, used[LABELS] = {false};
    SZ_TRY(term_count(n, e->right, &labels, &ellipsis));
    if (ellipsis && !e->rank_known) return *rank = -1, SZ_OK;
    for (uint32_t i = 0; i < e->right.len; i++) {
        l = label_of(e->right.p[i]);
        if (l < 0) {
            SZ_TRY(push_ellipsis(n, e, dims, rank));
            i += 2;
            continue;
        }
        if (!e->seen[l] || used[l])
            return sz_op_fail(n, "output label '%c' is %s", e->right.p[i],
                              used[l] ? "used twice" : "in no operand");
        if (*rank >= SZ_MAX_RANK) return sz_op_fail(n, "more than %d dimensions", SZ_MAX_RANK);
        used[l] = true;
        dims[(*rank)++] = e->size[l];
    }
    return SZ_OK;
}

// No "->": the ellipsis, then the labels that occur once, in order of their letters.
static sz_status implicit_out(const sz_infer *n, const einsum *e, int64_t *dims, int32_t *rank) {
    if (e->ellipsis && !e->rank_known) return *rank = -1, SZ_OK;
    SZ_TRY(push_ellipsis(n, e, dims, rank));
    for (int l = 0; l < LABELS; l++) {
        if (e->uses[l] != 1) continue;
        if (*rank >= SZ_MAX_RANK) return sz_op_fail(n, "more than %d dimensions", SZ_MAX_RANK);
        dims[(*rank)++] = e->size[l];
    }
    return SZ_OK;
}

sz_status sz_shape_einsum(sz_infer *n) {
    einsum e;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    SZ_TRY(read_equation(n, &e));
    SZ_TRY(e.has_right ? explicit_out(n, &e, dims, &rank) : implicit_out(n, &e, dims, &rank));
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

sz_status sz_cost_einsum(sz_costing *c) {
    einsum e;
    int64_t factors[LABELS + MAX_ELLIPSIS + 1];
    int k = 0;
    SZ_TRY(read_equation(&c->in, &e));
    for (int l = 0; l < LABELS; l++)
        if (e.seen[l]) factors[k++] = e.size[l];
    for (int i = 0; i < e.n_ellipsis; i++) factors[k++] = e.wide[i];
    if (c->in.node->n_inputs > 1) {
        factors[k++] = c->in.node->n_inputs - 1;
        return sz_cost_add_macs(c, k, factors);
    }
    int64_t points = 1;
    for (int i = 0; i < k; i++)
        if (!sz_mul(points, factors[i], &points))
            return sz_op_fail(&c->in, "elements exceed 2^63");
    if (points <= c->work->out_elements) return SZ_OK;
    points -= c->work->out_elements; // one addition per element but the first of each sum
    return sz_cost_add_flops(c, 1, &points);
}
