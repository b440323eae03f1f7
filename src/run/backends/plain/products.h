// SPDX-License-Identifier: Apache-2.0
// Tiles put together: what matrix products and convolutions share.
#ifndef SZ_PRODUCTS_H
#define SZ_PRODUCTS_H

#include "run/backends/plain/plain.h"

// Of k that are multiplied at a time, and of rows that are packed for it: both sides stay in
// caches.
enum { SZ_TILE_DEPTH = 256, SZ_TILE_BLOCK_ROWS = 96 };
enum { SZ_TILE_MACS_OF_A_BYTE = 4 }; // multiply-accumulates that take as long as to move a byte

// Room of a function that is not cleared first: it is written before it is read.
#if defined __has_attribute
#if __has_attribute(uninitialized)
#define SZ_NOT_CLEARED __attribute__((uninitialized))
#endif
#endif
#ifndef SZ_NOT_CLEARED
#define SZ_NOT_CLEARED
#endif
#define SZ_ROOM(T, name, n) SZ_NOT_CLEARED T name[n]

static inline int64_t sz_tile_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Rows of a block: as many whole tiles as fit.
static inline int64_t sz_tile_rows(const sz_tile *t) {
    return SZ_TILE_BLOCK_ROWS / t->rows * t->rows;
}

// Room for panels in the arena of the step, at the begin of a cache line; NULL = no memory.
char *sz_tile_room(sz_plain_step *s, int64_t bytes);
// Rows by k in panels of a tile's height; `width`: bytes of a number.
void sz_tile_pack_rows(const sz_tile *t, int64_t width, int64_t rows, int64_t k, const void *from,
                       int64_t along, int64_t across, void *to);
// y += a x b in the rows and columns of a tile that are there. `step`: see sz_tile.
void sz_tile_one(const sz_tile *t, int64_t width, int64_t k, const void *a, const void *b,
                 int64_t step, void *y, int64_t stride, int64_t rows, int64_t columns);

#endif
