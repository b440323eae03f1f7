// SPDX-License-Identifier: Apache-2.0
// Tables of kernels of GPUs that others measured: rows in one form, whatever the file.
#ifndef SZ_BENCH_GPU_TABLES_H
#define SZ_BENCH_GPU_TABLES_H

#include "predict/tiles.h"

enum { GPU_MOST_ROWS = 20000, GPU_DEVICES = 6, GPU_SHAPES = 300 };

typedef struct gpu_row {
    int device;
    const char *op; // "product", or of an operator that streams: "add", "softmax" ...
    double element_bytes;
    sz_product p;        // of a product
    double flops, bytes; // compulsory
    double time_s;
} gpu_row;

typedef struct gpu_table {
    const char *title;
    gpu_row rows[GPU_MOST_ROWS];
    size_t n;
} gpu_table;

typedef struct gpu_device {
    const char *name, *sheet; // as the tables call it; the data sheet's name
    int chip;                 // devices with one number are alike, and not told by each other
    bool is_gpu;
    sz_card card;          // f32
    double f16_flop_per_s; // of its matrix units; 0 = none
} gpu_device;
extern gpu_device gpu_devices[GPU_DEVICES];

// Fill in the cards from the data sheets. The program ends where one can't be read.
void gpu_load_devices(sz_ctx *ctx);

// The tables that there are, by index; false = no more. Where the file is not there the table is
// empty, and the fact is printed.
bool gpu_read_table(const char *folder, int i, gpu_table *ret_table);

// The card as it computes a row; f16 by matrix units.
sz_card gpu_card(const gpu_row *r);
// Time of the data sheet's roofline.
double gpu_roof(const gpu_row *r);
// The same with tiles, waves and the limit of power.
double gpu_tiled(const gpu_row *r, const sz_tile_costs *costs);

// Errors of a prediction over rows: mean absolute relative error, its median, its 90 % quantile,
// and the share within 10 %.
typedef struct gpu_errors {
    double mean, median, p90, within10;
    size_t n;
} gpu_errors;
// Sorts `errors`.
gpu_errors gpu_judge(double *errors, size_t n);

// What the program prints: cards that calibrated (gpus.c), and cards never seen (gpu_unseen.c).
void gpu_unseen(sz_ctx *ctx, const char *folder);

#endif
