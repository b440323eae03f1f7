// SPDX-License-Identifier: Apache-2.0
#include "predict/tiles.h"

#include <math.h>

static const double APART_DEPTH = 16384, LEAST_SPLIT_DEPTH = 256, ACCUMULATOR_BYTES = 4;

const sz_tile_costs sz_tile_costs_fitted = {
    .prologue = 32, .feed = 24, .padding = 0.25, .apart = 2};

// The tiles that the names of cuBLAS kernels tell. Those of the first row take a matrix unit.
static const struct {
    int rows, columns;
    bool of_matrix;
} tiles[] = {
    {256, 128, true}, {128, 256, true}, {128, 128, false}, {128, 64, false}, {64, 128, false},
    {128, 32, false}, {32, 128, false}, {64, 64, false},   {64, 32, false},  {32, 64, false},
};
enum { MOST_SPLITS = 8 };

// ---- power -------------------------------------------------------------------------------------

double sz_power_time(const sz_card *card, double flops, double bytes) {
    const double moved = isnan(card->joule_per_byte) ? 0 : bytes * card->joule_per_byte;
    if (!(card->watts > 0) || !(card->joule_per_flop > 0)) return 0;
    return (flops * card->joule_per_flop + moved) / card->watts;
}

double sz_chip_energy(const sz_machine *m, const char *dtype) {
    for (size_t i = 0; i < m->op_energy.n; i++) {
        const sz_op_energy *e = &m->op_energy.items[i];
        if (e->op && e->dtype && strcmp(e->op, "chip fma") == 0 && strcmp(e->dtype, dtype) == 0)
            return e->joule / 2;
    }
    return SZ_NAN;
}

double sz_byte_energy_of(const sz_machine *m) {
    for (size_t i = 0; i < m->byte_energy.n; i++) {
        const sz_byte_energy *e = &m->byte_energy.items[i];
        if (e->level && strcmp(e->level, "DRAM") == 0) return e->joule;
    }
    return SZ_NAN;
}

// ---- one way to cut ----------------------------------------------------------------------------

static double operand_bytes(const sz_card *card, const sz_product *p) {
    return card->element_bytes * p->batch *
           (p->rows * p->depth + p->depth * p->columns + p->rows * p->columns);
}

static sz_tiled cut(const sz_card *card, const sz_product *p, const sz_tile_costs *c, size_t tile,
                    int splits) {
    const double rows = tiles[tile].rows, columns = tiles[tile].columns;
    const double depth = p->depth / splits;
    const double n = p->batch * ceil(p->rows / rows) * ceil(p->columns / columns) * splits;
    const double each = 2 * rows * columns * (depth + c->prologue);
    const double slower = 1 + c->feed * fmax(0, 1 / rows + 1 / columns - 1.0 / 64);
    const double flops = 2 * p->batch * p->rows * p->columns * p->depth;
    // Parts of a split product are written and read again.
    const double parts = splits > 1
                             ? 2 * splits * p->batch * p->rows * p->columns * ACCUMULATOR_BYTES
                             : 0;
    const double bytes = operand_bytes(card, p) + parts;
    const double reads = n * (rows + columns) * depth * card->element_bytes;
    sz_tiled t = {.rows = tiles[tile].rows, .columns = tiles[tile].columns, .splits = splits};
    t.waves = n / card->units;
    t.compute_s = ceil(t.waves) * card->units * each * slower / card->flop_per_s;
    t.memory_s = bytes / card->byte_per_s;
    t.power_s = sz_power_time(card, (1 - c->padding) * flops + c->padding * n * each, bytes);
    t.apart_s = c->apart * fmin(1, p->depth / APART_DEPTH) * reads / card->byte_per_s;
    t.time_s = fmax(fmax(t.compute_s, t.memory_s), fmax(t.power_s, t.apart_s));
    return t;
}

// ---- the best ----------------------------------------------------------------------------------

// A product with a vector is no work for tiles: it streams.
static sz_tiled stream(const sz_card *card, const sz_product *p) {
    const double flops = 2 * p->batch * p->rows * p->columns * p->depth;
    const double bytes = operand_bytes(card, p);
    sz_tiled t = {.splits = 1};
    t.compute_s = flops / card->flop_per_s;
    t.memory_s = bytes / card->byte_per_s;
    t.power_s = sz_power_time(card, flops, bytes);
    t.time_s = fmax(fmax(t.compute_s, t.memory_s), t.power_s);
    return t;
}

sz_tiled sz_tile_product(const sz_card *card, const sz_product *p, const sz_tile_costs *costs) {
    sz_tiled best = stream(card, p);
    if (p->rows <= 1 || p->columns <= 1) return best;
    best.time_s = INFINITY;
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
        for (int splits = 1; splits <= MOST_SPLITS; splits *= 2) {
            if (tiles[i].of_matrix && !card->is_matrix) continue;
            if (splits > 1 && p->depth / splits < LEAST_SPLIT_DEPTH) continue;
            const sz_tiled t = cut(card, p, costs, i, splits);
            if (t.time_s < best.time_s) best = t;
        }
    return best;
}
