// SPDX-License-Identifier: Apache-2.0
#include "gpu_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { COLUMNS = 8, CELLS = 32 };

// NULL = there is no such column: a batch of 1, f32, a product.
typedef struct layout {
    const char *file, *title;
    const char *columns[COLUMNS]; // device, batch, m, n, k, time in ms, precision, operator
    const char *precision;        // rows of others are left out
    double element_bytes;
} layout;

// NeuSight calls the depth of a product N; what is symmetric does not care, tiles do.
static const layout layouts[] = {
    {"neusight_linear.csv",
     "linear",
     {"device", "B", "M", "K", "N", "latency_ms", NULL, NULL},
     NULL,
     4},
    {"neusight_bmm.csv",
     "batched",
     {"device", "B", "M", "K", "N", "latency_ms", NULL, NULL},
     NULL,
     4},
    {"deepbench_gemm.csv",
     "gemm",
     {"device", NULL, "M", "N", "K", "time_ms", "precision", NULL},
     "Float",
     4},
    {"deepbench_gemm.csv",
     "gemm f16",
     {"device", NULL, "M", "N", "K", "time_ms", "precision", NULL},
     "16 bit inputs",
     2},
    {"neusight_vector_ops.csv",
     "vector",
     {"device", NULL, "B", "H", NULL, "latency_ms", NULL, "op"},
     NULL,
     4},
};

// PCIe and SXM2 are one chip: what was measured on the one is no stranger to the other.
gpu_device gpu_devices[GPU_DEVICES] = {
    {.name = "Tesla P100-PCIE-16GB", .sheet = "p100-pcie", .chip = 0, .is_gpu = true},
    {.name = "Tesla P4", .sheet = "p4", .chip = 1, .is_gpu = true},
    {.name = "Tesla T4", .sheet = "t4", .chip = 2, .is_gpu = true},
    {.name = "Tesla V100-PCIE-32GB", .sheet = "v100-pcie", .chip = 3, .is_gpu = true},
    {.name = "NV_V100", .sheet = "v100", .chip = 3, .is_gpu = true},
    {.name = "IA_KNL7250", .sheet = "xeonphi7250", .chip = 4, .is_gpu = false},
};

// Tensors that an operator reads for one that it writes.
static const struct {
    const char *op;
    int reads;
} streams[] = {{"add", 2}, {"mul", 2}, {"div", 2}, {"pow", 2}};

// ---- devices -----------------------------------------------------------------------------------

static double best_peak(const sz_machine *m, const char *dtype, const char *unit) {
    double best = 0;
    for (size_t i = 0; i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        if (strcmp(r->dtype, dtype) != 0 || (unit && strcmp(r->unit, unit) != 0)) continue;
        best = fmax(best, r->flop_per_s);
    }
    return best;
}

void gpu_load_devices(sz_ctx *ctx) {
    for (int d = 0; d < GPU_DEVICES; d++) {
        gpu_device *g = &gpu_devices[d];
        sz_machine *m;
        if (sz_machine_load(ctx, g->sheet, NULL, &m) != SZ_OK) {
            fprintf(stderr, "%s\n", sz_ctx_error(ctx));
            exit(1);
        }
        g->card = (sz_card){.units = (double)m->cpu.cores,
                            .flop_per_s = best_peak(m, "f32", NULL),
                            .byte_per_s = sz_best_bandwidth(m, (size_t)sz_main_memory(m), NULL, 0),
                            .watts = m->power.tdp_w,
                            .joule_per_flop = sz_chip_energy(m, "f32"),
                            .joule_per_byte = sz_byte_energy_of(m)};
        g->f16_flop_per_s = best_peak(m, "f16", "matrix");
        sz_machine_destroy(m);
    }
}

// ---- reading -----------------------------------------------------------------------------------

// Cells of a line, in place; a comma in quotes parts nothing.
static int split(char *line, char **cells, int most) {
    int n = 0;
    bool is_quoted = false;
    line[strcspn(line, "\r\n")] = 0;
    cells[n++] = line;
    for (char *p = line; *p && n < most; p++) {
        if (*p == '"') is_quoted = !is_quoted;
        if (*p != ',' || is_quoted) continue;
        *p = 0;
        cells[n++] = p + 1;
    }
    return n;
}

static const char *keep_op(const char *op) {
    static char names[64][16];
    static int n;
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], op) == 0) return names[i];
    if (n == 64) return "other";
    snprintf(names[n], sizeof names[n], "%.15s", op);
    return names[n++];
}

// An exponential, a square root and a division are not counted: such operators move bytes.
static void fill_stream(gpu_row *r) {
    int reads = 1;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        if (strcmp(streams[i].op, r->op) == 0) reads = streams[i].reads;
    r->bytes = r->element_bytes * r->p.rows * r->p.columns * (reads + 1);
    r->flops = 0;
}

static void fill_product(gpu_row *r) {
    const sz_product *p = &r->p;
    r->flops = 2 * p->batch * p->rows * p->columns * p->depth;
    r->bytes = r->element_bytes * p->batch *
               (p->rows * p->depth + p->depth * p->columns + p->rows * p->columns);
}

static void add_line(const layout *l, char **cells, const int *at, int n, gpu_table *t) {
    gpu_row r = {.device = -1, .element_bytes = l->element_bytes, .op = "product"};
    double size[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        if (at[c] >= n) return;
        size[c] = at[c] >= 0 ? atof(cells[at[c]]) : 1;
    }
    for (int d = 0; d < GPU_DEVICES; d++)
        if (strcmp(cells[at[0]], gpu_devices[d].name) == 0) r.device = d;
    if (r.device < 0 || t->n == GPU_MOST_ROWS) return;
    if (l->precision && !strstr(cells[at[6]], l->precision)) return;
    if (at[7] >= 0) r.op = keep_op(cells[at[7]]);
    r.p = (sz_product){size[1], size[2], size[3], size[4]};
    r.time_s = size[5] * 1e-3;
    if (!(r.time_s > 0) || !(r.p.rows > 0) || !(r.p.columns > 0) || !(r.p.depth > 0)) return;
    if (at[7] >= 0)
        fill_stream(&r);
    else
        fill_product(&r);
    t->rows[t->n++] = r;
}

static void find_columns(const layout *l, char **cells, int n, int *at) {
    for (int c = 0; c < COLUMNS; c++) {
        at[c] = -1;
        for (int i = 0; i < n; i++)
            if (l->columns[c] && strcmp(l->columns[c], cells[i]) == 0) at[c] = i;
        if (l->columns[c] && at[c] < 0) {
            fprintf(stderr, "%s has no column %s\n", l->file, l->columns[c]);
            exit(1);
        }
    }
}

bool gpu_read_table(const char *folder, int i, gpu_table *t) {
    char path[4096], line[4096], *cells[CELLS];
    int at[COLUMNS];
    if (i >= (int)(sizeof layouts / sizeof *layouts)) return false;
    const layout *l = &layouts[i];
    t->title = l->title, t->n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, l->file);
    FILE *f = fopen(path, "r");
    if (!f) {
        printf("%-8s skipped: %s is not in the folder of data\n", l->title, l->file);
        return true;
    }
    if (fgets(line, sizeof line, f)) find_columns(l, cells, split(line, cells, CELLS), at);
    while (fgets(line, sizeof line, f)) add_line(l, cells, at, split(line, cells, CELLS), t);
    fclose(f);
    return true;
}

// ---- on paper ----------------------------------------------------------------------------------

// Nothing is known of the energy of its matrix units: no limit then.
sz_card gpu_card(const gpu_row *r) {
    const gpu_device *d = &gpu_devices[r->device];
    sz_card card = d->card;
    card.element_bytes = r->element_bytes;
    if (r->element_bytes < 4 && d->f16_flop_per_s > 0) {
        card.flop_per_s = d->f16_flop_per_s;
        card.joule_per_flop = NAN;
        card.is_matrix = true;
    }
    return card;
}

double gpu_roof(const gpu_row *r) {
    const sz_card card = gpu_card(r);
    return fmax(r->flops / card.flop_per_s, r->bytes / card.byte_per_s);
}

double gpu_tiled(const gpu_row *r, const sz_tile_costs *costs) {
    const sz_card card = gpu_card(r);
    if (strcmp(r->op, "product") != 0 || !gpu_devices[r->device].is_gpu) return gpu_roof(r);
    return sz_tile_product(&card, &r->p, costs).time_s;
}

// ---- errors ------------------------------------------------------------------------------------

static int up(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

gpu_errors gpu_judge(double *errors, size_t n) {
    gpu_errors e = {.n = n};
    if (n == 0) return e;
    qsort(errors, n, sizeof *errors, up);
    for (size_t i = 0; i < n; i++) {
        e.mean += errors[i] / (double)n;
        e.within10 += (errors[i] <= 0.1) / (double)n;
    }
    e.median = errors[n / 2];
    e.p90 = errors[(size_t)ceil(0.9 * (double)n) - 1];
    return e;
}
