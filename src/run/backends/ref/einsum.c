// SPDX-License-Identifier: Apache-2.0
// Einsum as one loop over all labels: those of the output, then those that are summed. The shape
// rule has checked the equation.
#include "run/backends/ref/kernel.h"

#include <ctype.h>

enum { VARIABLES = 2 * SZ_MAX_RANK + 52, MAX_OPERANDS = 8 };

typedef struct loops {
    int n, n_out;          // variables; the first n_out are the output's axes
    char label[VARIABLES]; // '.' for an axis of the ellipsis
    int wide[VARIABLES];   // which axis of the ellipsis, from the right
    int64_t size[VARIABLES];
    int64_t step[MAX_OPERANDS][VARIABLES];
    int operands;
} loops;

static int find(const loops *l, char label, int wide) {
    for (int k = 0; k < l->n; k++)
        if (l->label[k] == label && (label != '.' || l->wide[k] == wide)) return k;
    return -1;
}

static int add(loops *l, char label, int wide) {
    int k = find(l, label, wide);
    if (k >= 0 || l->n == VARIABLES) return k;
    l->label[l->n] = label, l->wide[l->n] = wide, l->size[l->n] = 1;
    return l->n++;
}

// Letters of a term without blanks; an ellipsis becomes `wide` dots.
static int letters(const char *s, size_t len, int rank, char *to) {
    int n = 0, labels = 0;
    for (size_t i = 0; i < len; i++) labels += isalpha((unsigned char)s[i]) != 0;
    for (size_t i = 0; i < len; i++) {
        if (isspace((unsigned char)s[i])) continue;
        if (s[i] != '.') {
            if (n < VARIABLES) to[n++] = s[i];
            continue;
        }
        for (int k = 0; k < rank - labels && n < VARIABLES; k++) to[n++] = '.';
        i += 2;
    }
    return n;
}

static sz_status add_term(const sz_ref_call *c, loops *l, int operand, const char *s, size_t len) {
    const sz_buffer *b = c->in[operand];
    char term[VARIABLES];
    int64_t stride = 1;
    int wide = 0;
    if (letters(s, len, b->rank, term) != b->rank) return sz_op_fail(c->n, "the term does not fit");
    for (int d = b->rank - 1; d >= 0; d--) {
        const int k = add(l, term[d], term[d] == '.' ? wide++ : 0);
        if (k < 0) return sz_op_fail(c->n, "too many labels");
        if (l->size[k] == 1) l->size[k] = b->dims[d];
        if (b->dims[d] != 1) l->step[operand][k] += stride; // repeated labels walk the diagonal
        stride *= b->dims[d];
    }
    return SZ_OK;
}

// Variables of the output come first, so it needs no strides.
static void add_output(loops *l, const char *left, size_t n_left, const char *right, size_t n_right,
                       bool has_right, int rank) {
    char term[VARIABLES];
    if (has_right) {
        const int n = letters(right, n_right, rank, term);
        int dots = 0, wide = 0;
        for (int k = 0; k < n; k++) dots += term[k] == '.';
        for (int k = 0; k < n; k++) add(l, term[k], term[k] == '.' ? dots - 1 - wide++ : 0);
        l->n_out = l->n;
        return;
    }
    int singles = 0; // in alphabetical order, behind the ellipsis
    for (int c = 'A'; c <= 'z'; c++) {
        int uses = 0;
        for (size_t i = 0; i < n_left; i++) uses += left[i] == c;
        singles += isalpha(c) && uses == 1;
    }
    for (int k = rank - singles - 1; k >= 0; k--) add(l, '.', k);
    for (int c = 'A'; c <= 'z'; c++) {
        int uses = 0;
        for (size_t i = 0; i < n_left; i++) uses += left[i] == c;
        if (isalpha(c) && uses == 1) add(l, (char)c, 0);
    }
    l->n_out = l->n;
}

static sz_status plan(const sz_ref_call *c, loops *l) {
    const sz_str e = sz_attr_s(c->n->node, "equation", "");
    size_t arrow = 0, start = 0;
    while (arrow < e.len && !(e.p[arrow] == '-' && arrow + 1 < e.len && e.p[arrow + 1] == '>'))
        arrow++;
    const bool has_right = arrow < e.len;
    const char *right = has_right ? e.p + arrow + 2 : e.p;
    add_output(l, e.p, arrow, right, has_right ? e.len - arrow - 2 : 0, has_right, c->out[0]->rank);
    for (size_t i = 0; i <= arrow; i++) {
        if (i < arrow && e.p[i] != ',') continue;
        if (l->operands == MAX_OPERANDS || l->operands == c->n_in)
            return sz_op_fail(c->n, "no reference for more than %d operands", MAX_OPERANDS);
        SZ_TRY(add_term(c, l, l->operands, e.p + start, i - start));
        l->operands++;
        start = i + 1;
    }
    return SZ_OK;
}

sz_status sz_ref_einsum(sz_ref_call *c) {
    loops *l = sz_arena_alloc(c->n->graph->arena, sizeof *l);
    double *x[MAX_OPERANDS] = {NULL}, *y;
    int64_t index[VARIABLES] = {0}, at[MAX_OPERANDS] = {0}, inner = 1, total;
    if (!l) return sz_no_memory(c->ctx);
    SZ_TRY(plan(c, l));
    for (int o = 0; o < l->operands; o++) SZ_TRY(sz_ref_in(c, o, &x[o]));
    SZ_TRY(sz_ref_room(c, 0, &y));
    for (int k = l->n_out; k < l->n; k++)
        if (!sz_mul(inner, l->size[k], &inner)) return sz_op_fail(c->n, "the sum is too long");
    SZ_TRY(sz_ref_charge(c, c->out[0]->count, inner, l->operands));
    if (!y || !sz_mul(c->out[0]->count, inner, &total)) return SZ_OK;
    for (int64_t n = 0; n < total; n++) {
        double product = x[0][at[0]];
        for (int o = 1; o < l->operands; o++) product *= x[o][at[o]];
        y[n / inner] += product;
        for (int k = l->n - 1; k >= 0; k--) { // count up like an odometer
            const bool carry = ++index[k] == l->size[k];
            for (int o = 0; o < l->operands; o++)
                at[o] += carry ? -(l->size[k] - 1) * l->step[o][k] : l->step[o][k];
            if (!carry) break;
            index[k] = 0;
        }
    }
    return SZ_OK;
}
