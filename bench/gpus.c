// SPDX-License-Identifier: Apache-2.0
// How well kernels of GPUs are predicted, from tables of measurements that others published.
//
//   gpus FOLDER     with deepbench_gemm.csv, neusight_{linear,bmm,vector_ops}.csv
//
// Here: a card of which 300 shapes, drawn at random, calibrate it; the rest is asked. Beside it
// stand the data sheet's roofline and one constant (the median share of the roof among what
// calibrates). gpu_unseen.c: cards of which nothing was seen.
#include "gpu_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "predict/process.h"

enum { AXES = 4 };

static gpu_table table;

static void axes_of(const gpu_row *r, double *x) {
    x[0] = log(r->p.batch), x[1] = log(r->p.rows), x[2] = log(r->p.columns), x[3] = log(r->p.depth);
}

// What is left beside the roofline, or beside the tiles.
static double base(const gpu_row *r, bool by_tiles) {
    return by_tiles ? gpu_tiled(r, &sz_tile_costs_fitted) : gpu_roof(r);
}

static void learn(sz_ctx *ctx, const size_t *known, size_t n, bool by_tiles, sz_process *l) {
    *l = (sz_process){.axes = AXES};
    for (size_t i = 0; i < n; i++) {
        const gpu_row *r = &table.rows[known[i]];
        sz_process_point one = {.y = log(r->time_s / base(r, by_tiles)), .group = (int32_t)i};
        axes_of(r, one.x);
        if (!sz_process_add(ctx, l, &one)) exit(1);
    }
    if (sz_process_settle(ctx, l) != SZ_OK) exit(1);
}

// Of the rows asked; l NULL: roofline x constant.
static gpu_errors judge(const size_t *asked, size_t n, const sz_process *l, bool by_tiles,
                        double constant) {
    static double errors[GPU_MOST_ROWS];
    for (size_t i = 0; i < n; i++) {
        const gpu_row *r = &table.rows[asked[i]];
        double x[AXES];
        axes_of(r, x);
        const double told = l ? base(r, by_tiles) * exp(sz_process_at(l, x).y)
                              : gpu_roof(r) * constant;
        errors[i] = fabs(told / r->time_s - 1);
    }
    return gpu_judge(errors, n);
}

static double median_share(const size_t *known, size_t n) {
    static double shares[GPU_MOST_ROWS];
    for (size_t i = 0; i < n; i++)
        shares[i] = table.rows[known[i]].time_s / gpu_roof(&table.rows[known[i]]);
    return gpu_judge(shares, n).median;
}

static void ask(sz_ctx *ctx, const char *device, const size_t *known, size_t n_known,
                const size_t *asked, size_t n) {
    sz_process plain, tiled;
    learn(ctx, known, n_known, false, &plain);
    learn(ctx, known, n_known, true, &tiled);
    const gpu_errors roof = judge(asked, n, NULL, false, 1);
    const gpu_errors constant = judge(asked, n, NULL, false, median_share(known, n_known));
    const gpu_errors by_roof = judge(asked, n, &plain, false, 1);
    const gpu_errors by_tiles = judge(asked, n, &tiled, true, 1);
    printf("%-8s %-21s %5zu %5zu %8.1f %8.1f %9.1f %8.1f %7.1f %7.1f %8.1f\n", table.title, device,
           n_known, n, 100 * roof.mean, 100 * constant.mean, 100 * by_roof.mean,
           100 * by_tiles.mean, 100 * by_tiles.median, 100 * by_tiles.p90, 100 * by_tiles.within10);
    sz_process_finish(ctx, &plain);
    sz_process_finish(ctx, &tiled);
}

// What no prediction by shape can know: the same product in a batch that is larger by up to 30 %,
// per operation of its tiles.
static void print_unrest(int device) {
    static double steps[GPU_MOST_ROWS];
    size_t n = 0;
    for (size_t i = 0; i < table.n; i++)
        for (size_t k = 0; table.rows[i].device == device && k < table.n; k++) {
            const gpu_row *a = &table.rows[i], *b = &table.rows[k];
            if (b->device != device || b->p.rows != a->p.rows || b->p.columns != a->p.columns ||
                b->p.depth != a->p.depth || b->p.batch <= a->p.batch ||
                b->p.batch > 1.3 * a->p.batch)
                continue;
            steps[n++] = fabs(log(b->time_s / base(b, true) / (a->time_s / base(a, true))));
            break;
        }
    const gpu_errors e = gpu_judge(steps, n);
    if (n > 0)
        printf(
            "  one shape, from a batch to the next: %.1f %% in the mean, %.1f in the median, n = "
            "%zu\n",
            100 * e.mean, 100 * e.median, n);
}

// In random order, the same in every run.
static void shuffle(size_t *items, size_t n) {
    uint64_t random = 1;
    for (size_t i = n; i > 1; i--) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const size_t k = (random >> 33) % i, swap = items[i - 1];
        items[i - 1] = items[k];
        items[k] = swap;
    }
}

static void ask_device(sz_ctx *ctx, int device) {
    static size_t own[GPU_MOST_ROWS];
    size_t n = 0;
    for (size_t i = 0; i < table.n; i++)
        if (table.rows[i].device == device && strcmp(table.rows[i].op, "product") == 0)
            own[n++] = i;
    if (n == 0) return;
    shuffle(own, n);
    const size_t known = n > 2 * GPU_SHAPES ? GPU_SHAPES : n / 2;
    ask(ctx, gpu_devices[device].name, own, known, own + known, n - known);
    print_unrest(device);
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: gpus FOLDER\n"), 2;
    sz_ctx *ctx = sz_ctx_create(NULL);
    gpu_load_devices(ctx);
    printf("cards that calibrated, mean absolute error in %%; known: shapes that calibrate, n: "
           "shapes asked\n");
    printf("%-8s %-21s %5s %5s %8s %8s %9s %8s %7s %7s %8s\n", "table", "card", "known", "n",
           "roofline", "constant", "no tiles", "sizeup", "median", "90 %", "in 10 %");
    for (int t = 0; gpu_read_table(argv[1], t, &table); t++)
        for (int d = 0; d < GPU_DEVICES; d++) ask_device(ctx, d);
    gpu_unseen(ctx, argv[1]);
    sz_ctx_destroy(ctx);
    return 0;
}
