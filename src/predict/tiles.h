// SPDX-License-Identifier: Apache-2.0
// Matrix products on processors with many units, as vendors' libraries cut them.
//
// A library computes a product in tiles of a few sizes. A unit works on one tile at a time, so the
// units work in waves, and the last wave may be nearly empty; what juts out of the matrix is
// computed all the same; the depth may be split where there are too few tiles. Each tile starts
// with a prologue, and small tiles ask more of the caches. The product takes the longest of its
// waves, its bytes, and its energy at the power that the card may draw; of all tiles the library is
// taken to choose the best (NeuSight, Lee et al. 2025; the power limit is our own).
#ifndef SZ_TILES_H
#define SZ_TILES_H

#include "machine/machine.h"

typedef struct sz_card {
    double units;          // multiprocessors, compute units
    double flop_per_s;     // of all of them
    double byte_per_s;     // of main memory
    double watts;          // that the card may draw beside what it takes at rest; NaN = not known
    double joule_per_flop; // of the whole chip at full work; NaN = not known
    double joule_per_byte; // of main memory; NaN = not known
    double element_bytes;
    bool is_matrix; // tensor cores and their like: larger tiles too
} sz_card;

// `batch` products of [rows, depth] x [depth, columns].
typedef struct sz_product {
    double batch, rows, columns, depth;
} sz_product;

// What tiles cost beside their operations, the same on all cards.
typedef struct sz_tile_costs {
    double prologue; // steps of depth that a tile takes in addition
    double feed;     // time of a tile grows by feed x (1 / rows + 1 / columns - 1 / 64)
    double padding;  // share of the energy that is spent on what juts out of the matrix
    double apart;    // at a depth of APART_DEPTH: share of the tiles' reads that miss all caches,
                     // since the units drift apart; in proportion below
} sz_tile_costs;
// Fitted by bench/gpus.c, which prints them, to products in f32 that others measured on P100, P4,
// T4 and V100.
extern const sz_tile_costs sz_tile_costs_fitted;

typedef struct sz_tiled {
    double time_s;
    double compute_s, memory_s, power_s, apart_s; // the longest is time_s
    double waves;                                 // tiles over units
    int rows, columns, splits;
} sz_tiled;

sz_tiled sz_tile_product(const sz_card *card, const sz_product *product,
                         const sz_tile_costs *costs);

// Time that the energy takes at the power that the card may draw; 0 = not known.
double sz_power_time(const sz_card *card, double flops, double bytes);

// What the sheet says of the whole chip for a multiply-add of the format, over its two operations;
// NaN = nothing.
double sz_chip_energy(const sz_machine *m, const char *dtype);
// The same per byte of main memory.
double sz_byte_energy_of(const sz_machine *m);

#endif
