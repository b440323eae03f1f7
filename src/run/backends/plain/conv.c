// SPDX-License-Identifier: Apache-2.0
// Convolutions of one to three axes. A group of several filters is a product: of its weights,
// packed once, and of the windows of a strip of positions, which are laid out as a tile wants them
// when they are needed. Groups of few filters, as depthwise ones, are done tap by tap instead.
#include "run/backends/plain/products.h"

// STRIP: a multiple of any tile's columns. ROOM: numbers of a padded part of an image.
enum { STRIP = 96, FEW = 4, BLOCKS_OF_A_THREAD = 4, ROOM = 1 << 13 };
enum { MARGIN = 32 }; // read beyond a part, and not used

typedef struct plan {
    sz_windows w;
    const sz_tile *tile;
    const sz_tap *taps;
    int64_t images, groups, channels, filters; // of a group
    int64_t k;                                 // weights of a filter
    int64_t strips, blocks, block;             // filters of a block
    bool is_pointwise;                         // a window is an element of the image
    float *packed;
    const int64_t *at;   // of few filters: where the taps lie in a padded part; NULL = tap by tap
    int64_t wide, lines; // of such a part: its padded width, lines of the result
} plan;

// Positions of a strip that follow each other on one line of the image.
typedef struct piece {
    int64_t o, q, at, n;
} piece;

typedef struct strip {
    int64_t first, n;
    int pieces;
    piece piece[STRIP];
} strip;

static float *panels_of(const plan *p, int64_t group) {
    return p->packed + group * sz_tile_up(p->filters, p->tile->rows) * p->k;
}

static void pack_weights(const plan *p, const float *weights, int64_t group) {
    sz_tile_pack_rows(p->tile, sizeof *weights, p->filters, p->k,
                      weights + group * p->filters * p->k, 1, p->k, panels_of(p, group));
}

static bool run_pack(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    for (int64_t g = from; g < to; g++) pack_weights(user, sz_plain_data(s, set, 1), g);
    return true;
}

// ---- windows of a strip ------------------------------------------------------------------------

static void cut_strip(const plan *p, int64_t first, strip *t) {
    const int64_t line = p->w.out[2];
    t->first = first, t->pieces = 0;
    t->n = p->w.out_size - first < STRIP ? p->w.out_size - first : STRIP;
    for (int64_t done = 0; done < t->n;) {
        const int64_t at = (first + done) % line, row = (first + done) / line;
        const int64_t n = line - at < t->n - done ? line - at : t->n - done;
        t->piece[t->pieces++] = (piece){row / p->w.out[1], row % p->w.out[1], at, n};
        done += n;
    }
}

// What a tap meets in one channel, at each position of a piece; 0 on padding.
static void lay_piece(const sz_loop_rows *l, int64_t stride, const sz_tap *t, const float *x,
                      const piece *e, float *y) {
    int64_t from = e->at, to = e->at;
    if (e->o >= t->from[0] && e->o < t->to[0] && e->q >= t->from[1] && e->q < t->to[1]) {
        from = e->at > t->from[2] ? e->at : t->from[2];
        to = e->at + e->n < t->to[2] ? e->at + e->n : t->to[2];
    }
    if (from >= to) {
        memset(y, 0, (size_t)e->n * sizeof *y);
        return;
    }
    const float *line = x + t->at + e->o * t->step[0] + e->q * t->step[1] + from * t->step[2];
    for (int64_t i = e->at; i < from; i++) y[i - e->at] = 0;
    if (stride == 1)
        memcpy(y + from - e->at, line, (size_t)(to - from) * sizeof *y);
    else
        l->pick(y + from - e->at, line, to - from, stride);
    for (int64_t i = to; i < e->at + e->n; i++) y[i - e->at] = 0;
}

// So many of the numbers of each window, from the one given on: a row for each, of all positions.
static void lay_out(const plan *p, const sz_loop_rows *l, const strip *t, const float *x,
                    int64_t from, int64_t k, float *rows) {
    const int64_t taps = p->w.taps;
    for (int64_t r = from; r < from + k; r++, rows += STRIP) {
        const float *channel = x + r / taps * p->w.in_size;
        float *to = rows;
        if (p->is_pointwise)
            memcpy(to, channel + t->first, (size_t)t->n * sizeof *to);
        else
            for (int e = 0; e < t->pieces; to += t->piece[e++].n)
                lay_piece(l, p->w.stride[2], &p->taps[r % taps], channel, &t->piece[e], to);
        memset(rows + t->n, 0, (size_t)(STRIP - t->n) * sizeof *to);
    }
}

// ---- as products -------------------------------------------------------------------------------

// Filters from..to of a group, at the positions of a strip.
static void run_strip(const plan *p, const sz_loop_rows *l, const float *x, int64_t group,
                      int64_t from, int64_t to, const strip *t, float *y) {
    const sz_tile *tile = p->tile;
    SZ_ROOM(float, rows, STRIP *SZ_TILE_DEPTH);
    for (int64_t done = 0; done < p->k; done += SZ_TILE_DEPTH) {
        const int64_t k = p->k - done < SZ_TILE_DEPTH ? p->k - done : SZ_TILE_DEPTH;
        lay_out(p, l, t, x, done, k, rows);
        for (int64_t r = from; r < to; r += tile->rows)
            for (int64_t c = 0; c < t->n; c += tile->columns)
                sz_tile_one(tile, sizeof *y, k, panels_of(p, group) + r * p->k + done * tile->rows,
                            rows + c, STRIP, y + (r - from) * p->w.out_size + c, p->w.out_size,
                            to - r, t->n - c);
    }
}

static bool run_strips(const sz_plain_step *s, const void *user, int set, int64_t from,
                       int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    const float *bias = sz_plain_type(s, 2) ? sz_plain_data(s, set, 2) : NULL;
    for (int64_t u = from; u < to; u++) {
        const int64_t first = u % p->strips * STRIP, b = u / p->strips % p->blocks * p->block;
        const int64_t g = u / p->strips / p->blocks, filter = g % p->groups * p->filters + b;
        const int64_t end = b + p->block < p->filters ? b + p->block : p->filters;
        const float *x = (const float *)sz_plain_data(s, set, 0) + g * p->channels * p->w.in_size;
        float *y = (float *)s->call.out[0]->data + (g * p->filters + b) * p->w.out_size + first;
        SZ_NOT_CLEARED strip t;
        cut_strip(p, first, &t);
        for (int64_t r = 0; r < end - b; r++)
            l->fill(y + r * p->w.out_size, t.n, bias ? bias[filter + r] : 0);
        run_strip(p, l, x, g % p->groups, b, end, &t, y);
    }
    return true;
}

// ---- few filters -------------------------------------------------------------------------------

static void add_tap(const sz_loop_rows *l, const sz_windows *w, const sz_tap *t, const float *x,
                    float weight, float *y) {
    const int64_t n = t->to[2] - t->from[2];
    for (int64_t o = t->from[0]; o < t->to[0]; o++)
        for (int64_t q = t->from[1]; q < t->to[1] && n > 0; q++)
            l->axpy_step(y + (o * w->out[1] + q) * w->out[2] + t->from[2],
                         x + t->at + o * t->step[0] + q * t->step[1] + t->from[2] * t->step[2], n,
                         weight, w->stride[2]);
}

// The lines of an image that some lines of the result need, with zeros around.
static void pad_lines(const plan *p, const float *x, int64_t first, int64_t lines, float *room) {
    const int64_t before = p->w.before[2], in = p->w.in[2];
    for (int64_t r = 0; r < lines; r++, room += p->wide) {
        const int64_t line = first + r - p->w.before[1];
        memset(room, 0, (size_t)p->wide * sizeof *room);
        if (line >= 0 && line < p->w.in[1])
            memcpy(room + before, x + line * in, (size_t)in * sizeof *room);
    }
}

// Lines of windows that move by one element lie in one row, with some between lines that nobody
// asked for: a long row is faster than several short ones.
static void add_row(const plan *p, const sz_loop_rows *l, const float *room, const float *weights,
                    int64_t lines, float *y) {
    const sz_windows *w = &p->w;
    const int64_t n = sz_tile_up((lines - 1) * p->wide + w->out[2], MARGIN);
    SZ_ROOM(float, sums, ROOM + MARGIN);
    memset(sums, 0, (size_t)n * sizeof *sums);
    l->windows(sums, room, n, 1, w->taps, p->at, weights);
    for (int64_t r = 0; r < lines; r++)
        l->fold_into[SZ_FOLD_sum](y + r * w->out[2], sums + r * p->wide, w->out[2]);
}

// A channel of one image, all taps of a line at once.
static void add_lines(const plan *p, const sz_loop_rows *l, const float *x, const float *weights,
                      float *y) {
    const sz_windows *w = &p->w;
    SZ_ROOM(float, room, ROOM + MARGIN);
    memset(room + ROOM, 0, MARGIN * sizeof *room);
    for (int64_t q = 0; q < w->out[1]; q += p->lines) {
        const int64_t lines = w->out[1] - q < p->lines ? w->out[1] - q : p->lines;
        const int64_t deep = (w->kernel[1] - 1) * w->dilation[1] + 1;
        pad_lines(p, x, q * w->stride[1], (lines - 1) * w->stride[1] + deep, room);
        if (w->stride[1] == 1 && w->stride[2] == 1) {
            add_row(p, l, room, weights, lines, y + q * w->out[2]);
            continue;
        }
        for (int64_t r = 0; r < lines; r++)
            l->windows(y + (q + r) * w->out[2], room + r * w->stride[1] * p->wide, w->out[2],
                       w->stride[2], w->taps, p->at, weights);
    }
}

static bool run_few(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    const float *bias = sz_plain_type(s, 2) ? sz_plain_data(s, set, 2) : NULL;
    const int64_t all = p->groups * p->filters;
    for (int64_t u = from; u < to; u++) { // a filter on an image
        const int64_t filter = u % all, group = filter / p->filters;
        const float *weights = (const float *)sz_plain_data(s, set, 1) + filter * p->k;
        const float *x = (const float *)sz_plain_data(s, set, 0) +
                         (u / all * p->groups + group) * p->channels * p->w.in_size;
        float *y = (float *)s->call.out[0]->data + u * p->w.out_size;
        l->fill(y, p->w.out_size, bias ? bias[filter] : 0);
        for (int64_t c = 0; p->at && c < p->channels; c++)
            add_lines(p, l, x + c * p->w.in_size, weights + c * p->w.taps, y);
        for (int64_t i = 0; !p->at && i < p->k; i++)
            add_tap(l, &p->w, &p->taps[i % p->w.taps], x + i / p->w.taps * p->w.in_size, weights[i],
                    y);
    }
    return true;
}

// ---- planning ----------------------------------------------------------------------------------

static sz_status list_taps(sz_plain_step *s, plan *p) {
    const int64_t *kernel = p->w.kernel;
    sz_tap *taps = sz_arena_array(&s->arena, (size_t)p->w.taps + 1, sizeof *taps);
    if (!taps) return sz_no_memory(s->call.ctx);
    for (int64_t i = 0; i < p->w.taps; i++)
        (void)sz_windows_tap(&p->w, i / kernel[2] / kernel[1], i / kernel[2] % kernel[1],
                             i % kernel[2], &taps[i]);
    p->taps = taps;
    return SZ_OK;
}

static bool is_pointwise(const sz_windows *w) {
    bool all = w->taps == 1;
    for (int d = 0; d < SZ_WINDOW_AXES; d++)
        all &= w->stride[d] == 1 && w->before[d] == 0 && w->in[d] == w->out[d];
    return all;
}

// Filters are cut in blocks where there are few strips, so that all threads have work.
static void cut_filters(plan *p, int threads) {
    const int64_t units = p->images * p->groups * p->strips, height = p->tile->rows;
    int64_t blocks = 1, most = (p->filters + FEW * height - 1) / (FEW * height);
    if (threads > 1 && units > 0 && units < BLOCKS_OF_A_THREAD * threads)
        blocks = (BLOCKS_OF_A_THREAD * threads + units - 1) / units;
    if (blocks > most) blocks = most;
    p->block = sz_tile_up((p->filters + blocks - 1) / blocks, height);
    p->blocks = (p->filters + p->block - 1) / p->block;
}

static sz_status plan_products(sz_plain_step *s, plan *p) {
    const sz_buffer *known = sz_plain_known(s, 1);
    int64_t bytes = sz_tile_up(p->filters, p->tile->rows) * (int64_t)sizeof(float);
    if (!sz_mul(bytes, p->k, &bytes) || !sz_mul(bytes, p->groups, &bytes))
        return sz_plain_refuse(s, "weights that are too large to be packed");
    p->packed = (float *)(void *)sz_tile_room(s, bytes);
    if (!p->packed) return sz_no_memory(s->call.ctx);
    for (int64_t g = 0; known && g < p->groups; g++) pack_weights(p, known->data, g);
    if (!known)
        SZ_TRY(sz_plain_add(s, &(sz_plain_pass){.run = run_pack,
                                                .plan = p,
                                                .units = p->groups,
                                                .bytes = 8 * p->filters * p->k}));
    p->strips = (p->w.out_size + STRIP - 1) / STRIP;
    cut_filters(p, s->call.threads);
    return sz_plain_add(
        s, &(sz_plain_pass){.run = run_strips,
                            .plan = p,
                            .units = p->images * p->groups * p->blocks * p->strips,
                            .bytes = p->block * p->k * STRIP / SZ_TILE_MACS_OF_A_BYTE});
}

// Of at most two axes, whose lines leave room for some in a part.
static sz_status plan_lines(sz_plain_step *s, plan *p) {
    const sz_windows *w = &p->w;
    const int64_t deep = (w->kernel[1] - 1) * w->dilation[1] + 1;
    int64_t need = (w->out[2] - 1) * w->stride[2] + (w->kernel[2] - 1) * w->dilation[2] + 1;
    if (need < w->before[2] + w->in[2]) need = w->before[2] + w->in[2];
    if (w->kernel[0] > 1 || w->in[0] > 1 || w->out[0] > 1 || need > ROOM / deep) return SZ_OK;
    int64_t *at = sz_arena_array(&s->arena, (size_t)w->taps + 1, sizeof *at);
    if (!at) return sz_no_memory(s->call.ctx);
    for (int64_t t = 0; t < w->taps; t++)
        at[t] = t / w->kernel[2] * w->dilation[1] * need + t % w->kernel[2] * w->dilation[2];
    p->at = at, p->wide = need;
    p->lines = (ROOM / need - deep) / w->stride[1] + 1;
    return SZ_OK;
}

static sz_status plan_few(sz_plain_step *s, plan *p) {
    SZ_TRY(plan_lines(s, p));
    return sz_plain_add(s, &(sz_plain_pass){.run = run_few,
                                            .plan = p,
                                            .units = p->images * p->groups * p->filters,
                                            .bytes = p->k * p->w.out_size + 4 * p->w.in_size});
}

sz_status sz_plain_conv(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *w = sz_plain_type(s, 1), *y = sz_plain_out_type(s, 0);
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    if (!sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32");
    SZ_TRY(sz_plain_windows(s, x, w->dims + 2, y, &p->w));
    p->tile = s->library->loops->tile_f32;
    s->sums = x->dtype;
    p->images = x->dims[0];
    p->groups = sz_attr_i(s->call.node, "group", 1);
    p->channels = w->dims[1], p->filters = w->dims[0] / p->groups;
    p->k = p->channels * p->w.taps;
    p->is_pointwise = is_pointwise(&p->w);
    SZ_TRY(list_taps(s, p));
    return p->filters >= FEW ? plan_products(s, p) : plan_few(s, p);
}
