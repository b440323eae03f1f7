// SPDX-License-Identifier: Apache-2.0
// Matrix products: the right side is packed in panels as wide as a tile, once if it is known before
// the run; a unit packs a block of rows of the left side and multiplies it with some panels.
#include "run/backends/plain/products.h"

#include "model/ops/rule.h"

enum { COLUMNS_OF_UNIT = 512, LINE = 64 };

typedef struct side {
    int input;
    int64_t along,
        across; // distance of neighbours along k, and along rows or columns of the result
    int64_t step[SZ_MAX_RANK], matrices; // by axis of the batch, in matrices; how many there are
} side;

typedef struct plan {
    const sz_tile *tile;
    int64_t width; // bytes of a number
    int64_t m, n, k;
    side a, b;
    int rank; // axes of the batch
    int64_t dims[SZ_MAX_RANK];
    int64_t panels, row_blocks, column_blocks; // of a product
    char *packed;                              // all panels of all matrices of b
    double alpha, beta;
    int bias; // input, -1 = none
    int64_t bias_row, bias_column;
} plan;

static const char *at(const void *base, int64_t elements, int64_t width) {
    return (const char *)base + elements * width;
}

static char *panel(const plan *p, int64_t matrix, int64_t column_panel) {
    return p->packed + (matrix * p->panels + column_panel) * p->k * p->tile->columns * p->width;
}

// ---- packing -----------------------------------------------------------------------------------

static void pack_panel(const plan *p, const void *data, int64_t unit) {
    const int64_t matrix = unit / p->panels, c = unit % p->panels * p->tile->columns;
    const int64_t left = p->n - c < p->tile->columns ? p->n - c : p->tile->columns;
    p->tile->pack(p->k, left, p->tile->columns,
                  at(data, matrix * p->k * p->n + c * p->b.across, p->width), p->b.along,
                  p->b.across, panel(p, matrix, unit % p->panels));
}

static bool run_pack(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    for (int64_t u = from; u < to; u++) pack_panel(p, sz_plain_data(s, set, p->b.input), u);
    return true;
}

static void scale(char *x, int64_t n, int64_t width, double factor) {
    float *f = (float *)(void *)x;
    double *d = (double *)(void *)x;
    for (int64_t i = 0; i < n && width == 4; i++) f[i] *= (float)factor;
    for (int64_t i = 0; i < n && width == 8; i++) d[i] *= factor;
}

char *sz_tile_room(sz_plain_step *s, int64_t bytes) {
    char *room = sz_plain_new(s, (size_t)bytes + LINE);
    return room ? room + (LINE - (uintptr_t)room % LINE) % LINE : NULL;
}

void sz_tile_pack_rows(const sz_tile *t, int64_t width, int64_t rows, int64_t k, const void *from,
                       int64_t along, int64_t across, void *to) {
    for (int64_t r = 0; r < rows; r += t->rows) {
        const int64_t n = rows - r < t->rows ? rows - r : t->rows;
        t->pack(k, n, t->rows, at(from, r * across, width), along, across,
                (char *)to + r * k * width);
    }
}

// ---- multiplying -------------------------------------------------------------------------------

// A tile at the edge goes by way of a whole one.
static void run_edge(const sz_tile *t, int64_t width, int64_t k, const void *a, const void *b,
                     int64_t step, char *y, int64_t stride, int64_t rows, int64_t columns) {
    double whole[SZ_TILE_ROWS * SZ_TILE_COLUMNS];
    memset(whole, 0, (size_t)(t->rows * t->columns * width));
    t->run(k, a, b, step, whole, t->columns);
    for (int64_t r = 0; r < rows; r++) {
        const float *f = (const float *)(const void *)whole + r * t->columns;
        const double *d = whole + r * t->columns;
        float *yf = (float *)(void *)(y + r * stride * width);
        double *yd = (double *)(void *)(y + r * stride * width);
        for (int64_t c = 0; c < columns && width == 4; c++) yf[c] += f[c];
        for (int64_t c = 0; c < columns && width == 8; c++) yd[c] += d[c];
    }
}

void sz_tile_one(const sz_tile *t, int64_t width, int64_t k, const void *a, const void *b,
                 int64_t step, void *y, int64_t stride, int64_t rows, int64_t columns) {
    if (rows >= t->rows && columns >= t->columns)
        t->run(k, a, b, step, y, stride);
    else
        run_edge(t, width, k, a, b, step, y, stride, rows < t->rows ? rows : t->rows,
                 columns < t->columns ? columns : t->columns);
}

typedef struct block {
    int64_t matrix_a, matrix_b, matrix_y;
    int64_t row, rows, column, columns;
} block;

static block block_of(const plan *p, int64_t unit) {
    const int64_t height = sz_tile_rows(p->tile);
    const int64_t c = unit % p->column_blocks, r = unit / p->column_blocks % p->row_blocks;
    block b = {.matrix_y = unit / p->column_blocks / p->row_blocks,
               .row = r * height,
               .column = c * COLUMNS_OF_UNIT};
    sz_walk w = {.rank = p->rank, .n = 2, .dims = p->dims, .step = {p->a.step, p->b.step}};
    sz_walk_begin(&w, b.matrix_y);
    b.matrix_a = w.at[0], b.matrix_b = w.at[1];
    b.rows = p->m - b.row < height ? p->m - b.row : height;
    b.columns = p->n - b.column < COLUMNS_OF_UNIT ? p->n - b.column : COLUMNS_OF_UNIT;
    return b;
}

// Zero, or the bias times its factor.
static void begin_block(const sz_plain_step *s, const plan *p, int set, const block *b, char *y) {
    const void *bias = p->bias < 0 ? NULL : sz_plain_data(s, set, p->bias);
    for (int64_t r = 0; r < b->rows; r++) {
        float *f = (float *)(void *)(y + r * p->n * p->width);
        double *d = (double *)(void *)(y + r * p->n * p->width);
        if (!bias) memset(f, 0, (size_t)(b->columns * p->width));
        const int64_t from = (b->row + r) * p->bias_row + b->column * p->bias_column;
        for (int64_t c = 0; bias && c < b->columns && p->width == 4; c++)
            f[c] = (float)p->beta * ((const float *)bias)[from + c * p->bias_column];
        for (int64_t c = 0; bias && c < b->columns && p->width == 8; c++)
            d[c] = p->beta * ((const double *)bias)[from + c * p->bias_column];
    }
}

// Some of k, of all of a block: a panel of the right side stays in the first cache meanwhile.
static void multiply(const plan *p, const block *b, const char *left, int64_t from, int64_t k,
                     char *y) {
    const sz_tile *t = p->tile;
    for (int64_t c = 0; c < b->columns; c += t->columns) {
        const char *right = panel(p, b->matrix_b, (b->column + c) / t->columns) +
                            from * t->columns * p->width;
        for (int64_t r = 0; r < b->rows; r += t->rows)
            sz_tile_one(t, p->width, k, left + r * k * p->width, right, t->columns,
                        y + (r * p->n + c) * p->width, p->n, b->rows - r, b->columns - c);
    }
}

static bool run_blocks(const sz_plain_step *s, const void *user, int set, int64_t from,
                       int64_t to) {
    const plan *p = user;
    SZ_ROOM(double, left, SZ_TILE_BLOCK_ROWS *SZ_TILE_DEPTH);
    for (int64_t u = from; u < to; u++) {
        const block b = block_of(p, u);
        const char *a = at(sz_plain_data(s, set, p->a.input),
                           b.matrix_a * p->m * p->k + b.row * p->a.across, p->width);
        char *y = (char *)s->call.out[0]->data +
                  (b.matrix_y * p->m * p->n + b.row * p->n + b.column) * p->width;
        begin_block(s, p, set, &b, y);
        for (int64_t done = 0; done < p->k; done += SZ_TILE_DEPTH) {
            const int64_t k = p->k - done < SZ_TILE_DEPTH ? p->k - done : SZ_TILE_DEPTH;
            sz_tile_pack_rows(p->tile, p->width, b.rows, k, at(a, done * p->a.along, p->width),
                              p->a.along, p->a.across, left);
            if (p->alpha != 1)
                scale((char *)left, sz_tile_up(b.rows, p->tile->rows) * k, p->width, p->alpha);
            multiply(p, &b, (const char *)left, done, k, y);
        }
    }
    return true;
}

// ---- planning ----------------------------------------------------------------------------------

static sz_status choose_tile(sz_plain_step *s, const sz_tile **ret_tile, int64_t *ret_width) {
    const bool is_double = sz_plain_all(s, "f64");
    if (!is_double && !sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32 and f64");
    *ret_tile = is_double ? s->library->loops->tile_f64 : s->library->loops->tile_f32;
    *ret_width = is_double ? 8 : 4;
    s->sums = sz_plain_type(s, 0)->dtype;
    return SZ_OK;
}

// An operand as matrices: a vector is a row on the left and a column on the right.
static void read_side(side *e, const sz_type *t, bool is_left, bool is_turned, int64_t *ret_outer,
                      int64_t *ret_inner) {
    const int64_t last = t->dims[t->rank - 1], other = t->rank > 1 ? t->dims[t->rank - 2] : 1;
    const bool along_last = t->rank == 1 || is_left != is_turned; // k is the last axis
    *ret_inner = along_last ? last : other, *ret_outer = along_last ? other : last;
    e->along = along_last ? 1 : last, e->across = along_last ? last : 1;
    if (t->rank == 1) e->across = 1, *ret_outer = 1;
}

// Steps of the batch axes of `t` for each axis of the result's batch; those of size 1 serve all.
static void read_batch(const plan *p, side *e, const sz_type *t) {
    const int own = t->rank > 2 ? t->rank - 2 : 0;
    e->matrices = 1;
    for (int d = p->rank - 1; d >= 0; d--) {
        const int from = d - (p->rank - own);
        const int64_t size = from >= 0 ? t->dims[from] : 1;
        e->step[d] = size == 1 ? 0 : e->matrices;
        e->matrices *= size;
    }
}

// [.., m, k] x [k, n] is one product of all rows.
static void read_shape(plan *p, const sz_type *a, const sz_type *b, bool ta, bool tb) {
    int64_t k;
    read_side(&p->a, a, true, ta, &p->m, &p->k);
    read_side(&p->b, b, false, tb, &p->n, &k);
    const sz_type *deep = a->rank > b->rank ? a : b, *flat = a->rank > b->rank ? b : a;
    if (b->rank <= 2 && a->rank > 2 && !ta) {
        p->m = sz_plain_span(a, 0, a->rank - 1);
        p->a.matrices = p->b.matrices = 1;
        return;
    }
    p->rank = deep->rank > 2 ? deep->rank - 2 : 0;
    for (int d = 0; d < p->rank; d++) {
        const int other = d - (deep->rank - flat->rank);
        const int64_t size = other >= 0 && other < flat->rank - 2 ? flat->dims[other] : 1;
        p->dims[d] = deep->dims[d] == 1 ? size : deep->dims[d];
    }
    read_batch(p, &p->a, a), read_batch(p, &p->b, b);
}

static sz_status make_room(sz_plain_step *s, plan *p) {
    int64_t n = sz_tile_up(p->n, p->tile->columns);
    if (!sz_mul(n, p->k, &n) || !sz_mul(n, p->b.matrices, &n) || !sz_mul(n, p->width, &n))
        return sz_plain_refuse(s, "an operand is too large to be packed");
    p->packed = sz_tile_room(s, n);
    return p->packed ? SZ_OK : sz_no_memory(s->call.ctx);
}

static sz_status add_passes(sz_plain_step *s, plan *p) {
    const sz_buffer *known = sz_plain_known(s, p->b.input);
    const int64_t rows = p->m < sz_tile_rows(p->tile) ? p->m : sz_tile_rows(p->tile);
    const int64_t columns = p->n < COLUMNS_OF_UNIT ? p->n : COLUMNS_OF_UNIT;
    int64_t batch = 1;
    for (int d = 0; d < p->rank; d++) batch *= p->dims[d];
    p->panels = (p->n + p->tile->columns - 1) / p->tile->columns;
    p->row_blocks = (p->m + sz_tile_rows(p->tile) - 1) / sz_tile_rows(p->tile);
    p->column_blocks = (p->n + COLUMNS_OF_UNIT - 1) / COLUMNS_OF_UNIT;
    SZ_TRY(make_room(s, p));
    const sz_plain_pass pack = {.run = run_pack,
                                .plan = p,
                                .units = p->b.matrices * p->panels,
                                .bytes = 2 * p->k * p->tile->columns * p->width};
    for (int64_t u = 0; known && u < pack.units; u++) pack_panel(p, known->data, u);
    if (!known) SZ_TRY(sz_plain_add(s, &pack));
    return sz_plain_add(
        s, &(sz_plain_pass){.run = run_blocks,
                            .plan = p,
                            .units = batch * p->row_blocks * p->column_blocks,
                            .bytes = rows * columns * (p->k / SZ_TILE_MACS_OF_A_BYTE + 1)});
}

static sz_status new_plan(sz_plain_step *s, plan **ret_plan) {
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    *p = (plan){.a = {.input = 0}, .b = {.input = 1}, .alpha = 1, .beta = 1, .bias = -1};
    p->alpha = sz_attr_f(s->call.node, "alpha", 1);
    *ret_plan = p;
    return choose_tile(s, &p->tile, &p->width);
}

sz_status sz_plain_matmul(sz_plain_step *s) {
    const sz_node *n = s->call.node;
    plan *p;
    if (sz_attr_i(n, "transBatchA", 0) || sz_attr_i(n, "transBatchB", 0))
        return sz_plain_refuse(s, "axes of the batch that change places");
    SZ_TRY(new_plan(s, &p));
    read_shape(p, sz_plain_type(s, 0), sz_plain_type(s, 1), sz_attr_i(n, "transA", 0) != 0,
               sz_attr_i(n, "transB", 0) != 0);
    return add_passes(s, p);
}

sz_status sz_plain_gemm(sz_plain_step *s) {
    const sz_type *c = sz_plain_type(s, 2);
    plan *p;
    SZ_TRY(new_plan(s, &p));
    read_shape(p, sz_plain_type(s, 0), sz_plain_type(s, 1),
               sz_attr_i(s->call.node, "transA", 0) != 0,
               sz_attr_i(s->call.node, "transB", 0) != 0);
    p->beta = sz_attr_f(s->call.node, "beta", 1);
    if (!c || p->beta == 0) return add_passes(s, p);
    p->bias = 2;
    p->bias_column = c->rank > 0 && c->dims[c->rank - 1] > 1;
    p->bias_row = c->rank > 1 && c->dims[0] > 1 ? c->dims[1] : 0;
    return add_passes(s, p);
}
