// SPDX-License-Identifier: Apache-2.0
// Moving elements: everything that only sends numbers from one place to another is axes with steps
// on both sides. Axes that lie together on both sides become one.
#include "run/backends/plain/plain.h"

enum { TILE = 16, TURNED = 64, BLOCK = 1 << 16 }; // elements of a tile's side, of a unit; bytes

typedef struct plan {
    sz_move m;
    int outer;            // axes that are walked
    int64_t unit, blocks; // elements of a unit along axis `outer`, units of it
    int64_t value;        // fill: the bits
} plan;

static char *from_place(const sz_plain_step *s, const sz_move *m, int set) {
    return (char *)sz_plain_data(s, set, m->from) + m->from_at * m->width;
}
static char *to_place(const sz_plain_step *s, const sz_move *m) {
    return (char *)s->call.out[m->to]->data + m->to_at * m->width;
}

static sz_walk walk_of(const plan *p, int64_t unit) {
    sz_walk w = {.rank = p->outer, .n = 2, .dims = p->m.dims};
    w.step[0] = p->m.from_step, w.step[1] = p->m.to_step;
    sz_walk_begin(&w, unit);
    return w;
}

// ---- rows --------------------------------------------------------------------------------------

#define STRIDED(T)                                                                                 \
    for (int64_t i = 0; i < n; i++) ((T *)to)[i * to_step] = ((const T *)from)[i * from_step]

static void copy_row(const char *from, int64_t from_step, char *to, int64_t to_step, int64_t n,
                     int width) {
    if (from_step == 1 && to_step == 1) {
        memcpy(to, from, (size_t)(n * width));
    } else if (width == 1) {
        STRIDED(uint8_t);
    } else if (width == 2) {
        STRIDED(uint16_t);
    } else if (width == 4) {
        STRIDED(uint32_t);
    } else {
        STRIDED(uint64_t);
    }
}

static bool run_rows(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_move *m = &p->m;
    const char *x = from_place(s, m, set);
    char *y = to_place(s, m);
    const int64_t n = m->dims[p->outer], a = m->from_step[p->outer], b = m->to_step[p->outer];
    sz_walk w = walk_of(p, from / p->blocks);
    for (int64_t u = from, block = from % p->blocks; u < to; u++) {
        const int64_t at = block * p->unit, len = n - at < p->unit ? n - at : p->unit;
        copy_row(x + (w.at[0] + at * a) * m->width, a, y + (w.at[1] + at * b) * m->width, b, len,
                 m->width);
        if (++block == p->blocks) {
            block = 0;
            sz_walk_next(&w);
        }
    }
    return true;
}

// ---- axes that change places -------------------------------------------------------------------

// y[r][c] = x[c][r] in tiles that stay in the cache: x's rows are `a` apart, y's are `b` apart.
#define TURN(T)                                                                                    \
    for (int64_t r0 = 0; r0 < rows; r0 += TILE)                                                    \
        for (int64_t c0 = 0; c0 < columns; c0 += TILE) {                                           \
            const int64_t r1 = r0 + TILE < rows ? r0 + TILE : rows;                                \
            const int64_t c1 = c0 + TILE < columns ? c0 + TILE : columns;                          \
            for (int64_t r = r0; r < r1; r++)                                                      \
                for (int64_t c = c0; c < c1; c++) ((T *)y)[r * b + c] = ((const T *)x)[c * a + r]; \
        }

static void turn(const char *x, int64_t a, char *y, int64_t b, int64_t rows, int64_t columns,
                 int width) {
    if (width == 1) {
        TURN(uint8_t)
    } else if (width == 2) {
        TURN(uint16_t)
    } else if (width == 4) {
        TURN(uint32_t)
    } else {
        TURN(uint64_t)
    }
}

// The last two axes: the first of them is dense in the input, the second in the output.
static bool run_turn(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_move *m = &p->m;
    const char *x = from_place(s, m, set);
    char *y = to_place(s, m);
    const int64_t rows = m->dims[p->outer], columns = m->dims[p->outer + 1];
    const int64_t a = m->from_step[p->outer + 1], b = m->to_step[p->outer];
    sz_walk w = walk_of(p, from / p->blocks);
    for (int64_t u = from, block = from % p->blocks; u < to; u++) {
        const int64_t at = block * p->unit, len = rows - at < p->unit ? rows - at : p->unit;
        turn(x + (w.at[0] + at) * m->width, a, y + (w.at[1] + at * b) * m->width, b, len, columns,
             m->width);
        if (++block == p->blocks) {
            block = 0;
            sz_walk_next(&w);
        }
    }
    return true;
}

// ---- planning ----------------------------------------------------------------------------------

// Drops axes of size 1 and joins those that lie together on both sides.
static void tidy(sz_move *m) {
    int r = 0;
    for (int d = 0; d < m->rank; d++) {
        if (m->dims[d] == 1) continue;
        if (r > 0 && m->from_step[r - 1] == m->from_step[d] * m->dims[d] &&
            m->to_step[r - 1] == m->to_step[d] * m->dims[d]) {
            m->dims[r - 1] *= m->dims[d];
            m->from_step[r - 1] = m->from_step[d], m->to_step[r - 1] = m->to_step[d];
            continue;
        }
        m->dims[r] = m->dims[d], m->from_step[r] = m->from_step[d], m->to_step[r] = m->to_step[d];
        r++;
    }
    if (r == 0) {
        m->dims[0] = 1, m->from_step[0] = 1, m->to_step[0] = 1;
        r = 1;
    }
    m->rank = r;
}

// The axis that is dense in the input, where it is not the last, comes before the last.
static bool bring_dense(sz_move *m) {
    const int last = m->rank - 1;
    int t = -1;
    if (last < 1 || m->to_step[last] != 1 || m->from_step[last] <= 1) return false;
    for (int d = 0; d < last; d++)
        if (m->from_step[d] == 1 && m->dims[d] >= 4) t = d;
    if (t < 0) return false;
    const int64_t dim = m->dims[t], from = m->from_step[t], to = m->to_step[t];
    for (int d = t; d < last - 1; d++) {
        m->dims[d] = m->dims[d + 1];
        m->from_step[d] = m->from_step[d + 1], m->to_step[d] = m->to_step[d + 1];
    }
    m->dims[last - 1] = dim, m->from_step[last - 1] = from, m->to_step[last - 1] = to;
    return true;
}

sz_status sz_plain_move(sz_plain_step *s, const sz_move *m) {
    for (int d = 0; d < m->rank; d++)
        if (m->dims[d] <= 0) return SZ_OK;
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    p->m = *m;
    tidy(&p->m);
    const bool turns = bring_dense(&p->m);
    p->outer = p->m.rank - (turns ? 2 : 1);
    p->unit = turns ? TURNED : BLOCK / p->m.width;
    p->blocks = (p->m.dims[p->outer] + p->unit - 1) / p->unit;
    int64_t units = p->blocks;
    for (int d = 0; d < p->outer; d++) units *= p->m.dims[d];
    int64_t bytes = p->m.dims[p->outer] < p->unit ? p->m.dims[p->outer] : p->unit;
    bytes *= 2 * (int64_t)p->m.width * (turns ? 2 * p->m.dims[p->outer + 1] : 1);
    return sz_plain_add(
        s, &(sz_plain_pass){
               .run = turns ? run_turn : run_rows, .plan = p, .units = units, .bytes = bytes + 16});
}

static bool run_fill(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    char *y = s->call.out[p->m.to]->data;
    (void)set;
    for (int64_t u = from; u < to; u++)
        copy_row((const char *)&p->value, 0, y + u * p->unit * p->m.width, 1,
                 p->m.dims[0] - u * p->unit < p->unit ? p->m.dims[0] - u * p->unit : p->unit,
                 p->m.width);
    return true;
}

sz_status sz_plain_fill(sz_plain_step *s, int output, const void *value, int width) {
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    p->m = (sz_move){.to = output, .width = width, .rank = 1};
    p->m.dims[0] = sz_plain_count(sz_plain_out_type(s, output));
    p->unit = BLOCK / width;
    memcpy(&p->value, value, (size_t)width);
    return sz_plain_add(s, &(sz_plain_pass){.run = run_fill,
                                            .plan = p,
                                            .units = (p->m.dims[0] + p->unit - 1) / p->unit,
                                            .bytes = BLOCK});
}

void sz_plain_steps(const sz_type *t, int64_t *ret_steps) {
    int64_t step = 1;
    for (int32_t d = t->rank - 1; d >= 0; d--) {
        ret_steps[d] = step;
        step *= t->dims[d] > 0 ? t->dims[d] : 1;
    }
}
