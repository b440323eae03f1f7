// SPDX-License-Identifier: Apache-2.0
// Cards that were never seen: each is told by the others alone.
//
// Products: the data sheet's roofline with the tiles, the waves and the power of the card. What
// tiles cost beside is fitted to the other cards, each of which counts the same. Operators that
// stream: the share of the bandwidth by local regression over what the same operator reached on
// the other cards. Beside it stand the roofline, the roofline x the median share of the others, and
// the same shape on the card whose data sheet is nearest.
#include "gpu_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "predict/process.h"

enum { MOST_TABLES = 8, CONSTANTS = 4, ALL = GPU_MOST_ROWS };

static gpu_table tables[MOST_TABLES];
static int n_tables;
static double errors[ALL], spread[ALL * 2], products[ALL];
static size_t n_spread, n_products;

static bool is_product(const gpu_table *t) {
    return t->n > 0 && strcmp(t->rows[0].op, "product") == 0;
}
static bool is_f32(const gpu_table *t) { return t->n > 0 && t->rows[0].element_bytes == 4; }
static int chip_of(const gpu_row *r) { return gpu_devices[r->device].chip; }
static bool is_known(const gpu_row *r, int without) {
    return gpu_devices[r->device].is_gpu && chip_of(r) != without;
}

// ---- what tiles cost ---------------------------------------------------------------------------

// Mean over the chips of the mean error in logarithms, over all products in f32.
static double cost_error(const sz_tile_costs *c, int without) {
    double sums[GPU_DEVICES] = {0}, counts[GPU_DEVICES] = {0}, error = 0, chips = 0;
    for (int t = 0; t < n_tables; t++)
        for (size_t i = 0; is_product(&tables[t]) && is_f32(&tables[t]) && i < tables[t].n; i++) {
            const gpu_row *r = &tables[t].rows[i];
            if (!is_known(r, without)) continue;
            sums[chip_of(r)] += fabs(log(gpu_tiled(r, c) / r->time_s));
            counts[chip_of(r)]++;
        }
    for (int d = 0; d < GPU_DEVICES; d++)
        if (counts[d] > 0) error += sums[d] / counts[d], chips++;
    return chips > 0 ? error / chips : NAN;
}

// One constant after the other, on a grid, until none tells more.
static sz_tile_costs fit_costs(int without) {
    static const double grid[CONSTANTS][5] = {
        {0, 8, 16, 32, 48}, {0, 4, 8, 16, 24}, {0, 0.25, 0.5, 0.75, 1}, {0, 0.5, 1, 2, 4}};
    sz_tile_costs best = {.prologue = 16, .feed = 4, .padding = 0.5, .apart = 1};
    double least = cost_error(&best, without);
    for (int round = 0; round < 3; round++)
        for (int c = 0; c < CONSTANTS; c++)
            for (int g = 0; g < 5; g++) {
                sz_tile_costs tried = best;
                double *const members[] = {&tried.prologue, &tried.feed, &tried.padding,
                                           &tried.apart};
                *members[c] = grid[c][g];
                const double error = cost_error(&tried, without);
                if (error >= least) continue;
                least = error;
                best = tried;
            }
    return best;
}

// ---- baselines ---------------------------------------------------------------------------------

static double median_share(const gpu_table *t, int without, int device) {
    static double shares[ALL];
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const gpu_row *r = &t->rows[i];
        if (is_known(r, without) && (device < 0 || r->device == device))
            shares[n++] = r->time_s / gpu_roof(r);
    }
    return n ? gpu_judge(shares, n).median : NAN;
}

// Of the cards of the table, the one with the most similar peaks and power.
static int nearest_card(const gpu_table *t, int device) {
    int nearest = -1;
    double least = INFINITY;
    for (size_t i = 0; i < t->n; i++) {
        const int d = t->rows[i].device;
        const sz_card *a = &gpu_devices[device].card, *b = &gpu_devices[d].card;
        const double far = fabs(log(a->flop_per_s / b->flop_per_s)) +
                           fabs(log(a->byte_per_s / b->byte_per_s)) +
                           fabs(log(a->watts / b->watts));
        if (!is_known(&t->rows[i], gpu_devices[device].chip) || far >= least) continue;
        least = far;
        nearest = d;
    }
    return nearest;
}

static const gpu_row *find_shape(const gpu_table *t, const gpu_row *like, int device) {
    for (size_t i = 0; i < t->n; i++) {
        const gpu_row *r = &t->rows[i];
        if (r->device == device && strcmp(r->op, like->op) == 0 && r->p.batch == like->p.batch &&
            r->p.rows == like->p.rows && r->p.columns == like->p.columns &&
            r->p.depth == like->p.depth)
            return r;
    }
    return NULL;
}

// ---- operators that stream ---------------------------------------------------------------------

static void stream_axes(const gpu_row *r, double *x) {
    x[0] = log(gpu_roof(r)), x[1] = 0.3 * log(r->p.columns);
}

static void learn_stream(sz_ctx *ctx, const gpu_table *t, const char *op, int without,
                         sz_process *l) {
    *l = (sz_process){.axes = 2};
    for (size_t i = 0; i < t->n; i++) {
        const gpu_row *r = &t->rows[i];
        sz_process_point one = {.y = log(r->time_s / gpu_roof(r)), .group = chip_of(r)};
        if (!is_known(r, without) || strcmp(r->op, op) != 0) continue;
        stream_axes(r, one.x);
        if (!sz_process_add(ctx, l, &one)) exit(1);
    }
    if (sz_process_settle(ctx, l) != SZ_OK) exit(1);
}

// Rows of one operator stand together in the table.
static void tell_streams(sz_ctx *ctx, const gpu_table *t, int device, double *told) {
    const char *op = "";
    sz_process l = {.axes = 2};
    for (size_t i = 0; i < t->n; i++) {
        const gpu_row *r = &t->rows[i];
        double x[SZ_PROCESS_AXES];
        if (r->device != device) continue;
        if (strcmp(op, r->op) != 0) {
            sz_process_finish(ctx, &l);
            learn_stream(ctx, t, r->op, gpu_devices[device].chip, &l);
            op = r->op;
        }
        stream_axes(r, x);
        told[i] = gpu_roof(r) * exp(fmax(0, sz_process_at(&l, x).y)); // never above the roof
    }
    sz_process_finish(ctx, &l);
}

// ---- one card ----------------------------------------------------------------------------------

static size_t of_device(const gpu_table *t, int device, const double *told, double *ret_errors) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i].device == device) ret_errors[n++] = fabs(told[i] / t->rows[i].time_s - 1);
    return n;
}

static double mean_error(const gpu_table *t, int device, const double *told) {
    return gpu_judge(errors, of_device(t, device, told, errors)).mean;
}

static void tell_baseline(const gpu_table *t, int device, int nearest, double constant,
                          double *told) {
    for (size_t i = 0; i < t->n; i++) {
        const gpu_row *r = &t->rows[i];
        if (r->device != device) continue;
        const gpu_row *like = nearest >= 0 ? find_shape(t, r, nearest) : NULL;
        told[i] = gpu_roof(r) * (like ? like->time_s / gpu_roof(like) : constant);
    }
}

static void keep_spread(const gpu_table *t, int device, const double *told) {
    for (size_t i = 0; i < t->n && n_spread < sizeof spread / sizeof *spread; i++)
        if (t->rows[i].device == device)
            spread[n_spread++] = fabs(log(told[i] / t->rows[i].time_s));
}

static void print_errors(const char *title, const char *card, const double *baselines,
                         const gpu_errors *e) {
    printf("%-8s %-10s %5zu", title, card, e->n);
    for (int b = 0; b < 3; b++)
        if (isnan(baselines[b]))
            printf(" %8s", "-");
        else
            printf(" %8.1f", 100 * baselines[b]);
    printf(" %8.1f %7.1f %7.1f %8.1f\n", 100 * e->mean, 100 * e->median, 100 * e->p90,
           100 * e->within10);
}

static void ask(sz_ctx *ctx, const gpu_table *t, int device, const sz_tile_costs *costs) {
    static double told[ALL];
    const int chip = gpu_devices[device].chip, nearest = nearest_card(t, device);
    double baselines[3] = {NAN, NAN, NAN};
    tell_baseline(t, device, -1, 1, told);
    baselines[0] = mean_error(t, device, told);
    if (nearest >= 0) {
        tell_baseline(t, device, -1, median_share(t, chip, -1), told);
        baselines[1] = mean_error(t, device, told);
        tell_baseline(t, device, nearest, median_share(t, chip, nearest), told);
        baselines[2] = mean_error(t, device, told);
    }
    if (is_product(t))
        for (size_t i = 0; i < t->n; i++) told[i] = gpu_tiled(&t->rows[i], costs);
    else
        tell_streams(ctx, t, device, told);
    const gpu_errors e = gpu_judge(errors, of_device(t, device, told, errors));
    if (e.n == 0) return;
    for (size_t i = 0; is_product(t) && is_f32(t) && i < e.n && n_products < ALL; i++)
        products[n_products++] = errors[i];
    keep_spread(t, device, told);
    print_errors(t->title, gpu_devices[device].sheet, baselines, &e);
}

// ---- all ---------------------------------------------------------------------------------------

static void print_costs(const char *without, const sz_tile_costs *c, int chip) {
    printf("  without %-10s prologue %2.0f, feed %2.0f, padding %.2f, apart %.1f; |log| %.3f\n",
           without, c->prologue, c->feed, c->padding, c->apart, cost_error(c, chip));
}

void gpu_unseen(sz_ctx *ctx, const char *folder) {
    sz_tile_costs costs[GPU_DEVICES];
    while (n_tables < MOST_TABLES && gpu_read_table(folder, n_tables, &tables[n_tables]))
        n_tables++;
    printf("\ncards that were not seen, told by the others: mean absolute error in %%, of sizeup "
           "also median and 90 %% quantile\n");
    for (int d = 0; d < GPU_DEVICES; d++) {
        if (!gpu_devices[d].is_gpu) continue;
        costs[d] = fit_costs(gpu_devices[d].chip);
        print_costs(gpu_devices[d].sheet, &costs[d], gpu_devices[d].chip);
    }
    const sz_tile_costs all = fit_costs(-1);
    print_costs("none", &all, -1);
    printf("%-8s %-10s %5s %8s %8s %8s %8s %7s %7s %8s\n", "table", "card", "n", "roofline",
           "constant", "nearest", "sizeup", "median", "90 %", "in 10 %");
    for (int t = 0; t < n_tables; t++)
        for (int d = 0; d < GPU_DEVICES; d++)
            if (gpu_devices[d].is_gpu) ask(ctx, &tables[t], d, &costs[d]);
    const gpu_errors whole = gpu_judge(products, n_products);
    print_errors("f32", "products", (double[]){NAN, NAN, NAN}, &whole);
    if (n_spread > 0)
        printf("nine in ten of all %zu lie within a factor of %.2f, half within %.2f\n", n_spread,
               exp(gpu_judge(spread, n_spread).p90), exp(gpu_judge(spread, n_spread).median));
}
