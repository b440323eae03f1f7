// SPDX-License-Identifier: Apache-2.0
// Element by element: inputs that are broadcast have a step of 0 along the axes they lack. Axes
// that all inputs have alike become one, so that the inner loop is as long as it can be.
#include "run/backends/plain/plain.h"

enum { BLOCK = 8192 }; // elements of a unit

static bool joins(const sz_nest *n, int to, int from) {
    for (int i = 0; i < n->n_in; i++)
        if (n->step[i][to] != n->step[i][from] * n->dims[from]) return false;
    return true;
}

static void tidy(sz_nest *n) {
    int r = 0;
    for (int d = 0; d < n->rank; d++) {
        if (n->dims[d] == 1) continue;
        const bool join = r > 0 && joins(n, r - 1, d);
        const int to = join ? r - 1 : r;
        n->dims[to] = join ? n->dims[to] * n->dims[d] : n->dims[d];
        for (int i = 0; i < n->n_in; i++) n->step[i][to] = n->step[i][d];
        r = to + 1;
    }
    if (r == 0) {
        n->dims[0] = 1;
        for (int i = 0; i < n->n_in; i++) n->step[i][0] = 0;
        r = 1;
    }
    n->rank = r;
}

static bool run_nest(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const sz_nest *n = user;
    const int64_t len = n->dims[n->rank - 1];
    char *y = s->call.out[n->out]->data;
    const void *in[SZ_NEST_INPUTS];
    int64_t step[SZ_NEST_INPUTS];
    sz_walk w = {.rank = n->rank - 1, .n = n->n_in, .dims = n->dims};
    for (int i = 0; i < n->n_in; i++) w.step[i] = n->step[i], step[i] = n->step[i][n->rank - 1];
    sz_walk_begin(&w, from / n->blocks);
    int64_t row = from / n->blocks, block = from % n->blocks;
    for (int64_t u = from; u < to; u++) {
        const int64_t at = block * n->block;
        for (int i = 0; i < n->n_in; i++)
            in[i] = (const char *)sz_plain_data(s, set, n->in[i]) +
                    (w.at[i] + at * step[i]) * n->width[i];
        n->loop(in, step, y + (row * len + at) * n->out_width,
                len - at < n->block ? len - at : n->block, n->numbers);
        if (++block < n->blocks) continue;
        block = 0, row++;
        sz_walk_next(&w);
    }
    return true;
}

static const sz_type *type_of(const sz_plain_step *s, int input) {
    return input < 0 ? sz_plain_out_type(s, -1 - input) : sz_plain_type(s, input);
}

sz_status sz_plain_nest(sz_plain_step *s, sz_loop *loop, int out, int n_in, const int *in,
                        sz_nest *n) {
    const sz_type *y = sz_plain_out_type(s, out);
    int64_t steps[SZ_MAX_RANK];
    if (!loop) return sz_plain_refuse(s, "no own kernel for this format");
    memset(n, 0, sizeof *n);
    n->loop = loop, n->n_in = n_in, n->out = out, n->rank = y->rank;
    n->out_width = (int)sz_buffer_width(y->dtype);
    for (int32_t d = 0; d < y->rank; d++) n->dims[d] = y->dims[d];
    for (int i = 0; i < n_in; i++) {
        const sz_type *t = type_of(s, in[i]);
        if (t->rank > y->rank)
            return sz_plain_refuse(s, "an operand has more axes than the result");
        n->in[i] = in[i], n->width[i] = (int)sz_buffer_width(t->dtype);
        sz_plain_steps(t, steps);
        for (int32_t d = 0; d < t->rank; d++) {
            const int32_t at = y->rank - t->rank + d;
            if (t->dims[d] != 1 && t->dims[d] != y->dims[at])
                return sz_plain_refuse(s, "operands do not fit the result");
            n->step[i][at] = t->dims[d] == 1 ? 0 : steps[d];
        }
    }
    return SZ_OK;
}

sz_status sz_plain_add_nest(sz_plain_step *s, const sz_nest *from) {
    sz_nest *n = sz_plain_new(s, sizeof *n);
    int64_t units = 1, width = from->out_width;
    if (!n) return sz_no_memory(s->call.ctx);
    *n = *from;
    for (int d = 0; d < n->rank; d++)
        if (n->dims[d] == 0) return SZ_OK;
    tidy(n);
    const int64_t len = n->dims[n->rank - 1];
    n->block = len < BLOCK ? len : BLOCK;
    n->blocks = (len + n->block - 1) / n->block;
    for (int d = 0; d < n->rank - 1; d++) units *= n->dims[d];
    for (int i = 0; i < n->n_in; i++) width += n->width[i];
    return sz_plain_add(s, &(sz_plain_pass){.run = run_nest,
                                            .plan = n,
                                            .units = units * n->blocks,
                                            .bytes = n->block * width + 16});
}
