// SPDX-License-Identifier: Apache-2.0
// How well kernels of GPUs are predicted, from tables of measurements that others published.
//
//   gpus FOLDER     with deepbench_gemm.csv, neusight_linear.csv, neusight_bmm.csv
//
// Seen device: 300 of its shapes, drawn at random, calibrate it and the rest is asked. Device not
// seen: all shapes of the other devices of the same table, as shares of their roofs. Beside it
// stand the data sheet's roofline and one constant (the median share of the roof among what
// calibrates).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "machine/machine.h"
#include "predict/local.h"

enum { SHAPES = 300, MOST = 20000, AXES = 4 };

typedef struct row {
    int device;
    double batch, m, n, k, time_s;
} row;

typedef struct table {
    const char *file, *title;
    const char *columns[7]; // device, batch (NULL = 1), m, n, k, time in ms, precision (NULL = f32)
} table;

static const table tables[] = {
    {"neusight_linear.csv", "linear", {"device", "B", "M", "N", "K", "latency_ms", NULL}},
    {"neusight_bmm.csv", "batched", {"device", "B", "M", "N", "K", "latency_ms", NULL}},
    {"deepbench_gemm.csv", "gemm", {"device", NULL, "M", "N", "K", "time_ms", "precision"}},
};

// How the tables call a device, and its data sheet.
static const struct {
    const char *name, *sheet;
} devices[] = {
    {"Tesla P100-PCIE-16GB", "p100-pcie"}, {"Tesla P4", "p4"},  {"Tesla T4", "t4"},
    {"Tesla V100-PCIE-32GB", "v100-pcie"}, {"NV_V100", "v100"}, {"IA_KNL7250", "xeonphi7250"},
};
enum { DEVICES = sizeof devices / sizeof *devices };

static double peak[DEVICES], bandwidth[DEVICES];
static row rows[MOST];
static size_t n_rows;
static sz_ctx *ctx;

// ---- reading -----------------------------------------------------------------------------------

static void load_devices(void) {
    for (int d = 0; d < DEVICES; d++) {
        sz_machine *m;
        if (sz_machine_load(ctx, devices[d].sheet, NULL, &m) != SZ_OK) {
            fprintf(stderr, "%s\n", sz_ctx_error(ctx));
            exit(1);
        }
        for (size_t i = 0; i < m->roofs.n; i++)
            if (strcmp(m->roofs.items[i].dtype, "f32") == 0)
                peak[d] = fmax(peak[d], m->roofs.items[i].flop_per_s);
        bandwidth[d] = sz_best_bandwidth(m, (size_t)sz_main_memory(m), NULL, 0);
        sz_machine_destroy(m);
    }
}

static int split(char *line, char **cells, int most) {
    int n = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *p = line; p && n < most; n++) {
        cells[n] = p;
        p = strchr(p, ',');
        if (p) *p++ = 0;
    }
    return n;
}

static void add_line(const table *t, char **cells, const int *at, int n) {
    row r = {.device = -1, .batch = 1};
    if (n_rows == MOST) return;
    for (int c = 0; c < 7; c++)
        if (at[c] >= n) return;
    for (int d = 0; d < DEVICES; d++)
        if (strcmp(cells[at[0]], devices[d].name) == 0) r.device = d;
    if (r.device < 0 || (t->columns[6] && strcmp(cells[at[6]], "Float") != 0)) return;
    if (t->columns[1]) r.batch = atof(cells[at[1]]);
    r.m = atof(cells[at[2]]), r.n = atof(cells[at[3]]), r.k = atof(cells[at[4]]);
    r.time_s = atof(cells[at[5]]) * 1e-3;
    if (r.time_s > 0 && r.m > 0 && r.n > 0 && r.k > 0) rows[n_rows++] = r;
}

static int read_table(const char *folder, const table *t) {
    char path[4096], line[4096], *cells[32];
    int at[7] = {0};
    snprintf(path, sizeof path, "%s/%s", folder, t->file);
    FILE *f = fopen(path, "r");
    n_rows = 0;
    if (!f) {
        printf("%-8s skipped: %s is not in the folder of data\n", t->title, t->file);
        return 0;
    }
    const int n = fgets(line, sizeof line, f) ? split(line, cells, 32) : 0;
    for (int c = 0; c < 7; c++)
        for (int i = 0; i < n; i++)
            if (t->columns[c] && strcmp(t->columns[c], cells[i]) == 0) at[c] = i;
    while (fgets(line, sizeof line, f)) add_line(t, cells, at, split(line, cells, 32));
    fclose(f);
    return 1;
}

// ---- predicting --------------------------------------------------------------------------------

static double roof(const row *r) {
    const double flops = 2 * r->batch * r->m * r->n * r->k;
    const double bytes = 4 * r->batch * (r->m * r->k + r->k * r->n + r->m * r->n);
    return fmax(flops / peak[r->device], bytes / bandwidth[r->device]);
}

static void axes_of(const row *r, double *x) {
    x[0] = log(r->batch), x[1] = log(r->m), x[2] = log(r->n), x[3] = log(r->k);
}

typedef struct score {
    double roof, constant, local, within10;
    int n;
} score;

static int up(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static score judge(const size_t *known, size_t n_known, const size_t *asked, size_t n_asked) {
    static double shares[MOST];
    sz_local l = {.axes = AXES};
    score s = {.n = (int)n_asked};
    double x[AXES];
    for (size_t i = 0; i < n_known; i++) {
        const row *r = &rows[known[i]];
        shares[i] = r->time_s / roof(r);
        axes_of(r, x);
        if (!sz_local_add(ctx, &l, x, log(shares[i]), (int32_t)i)) exit(1);
    }
    if (sz_local_settle(ctx, &l) != SZ_OK) exit(1);
    qsort(shares, n_known, sizeof *shares, up);
    for (size_t i = 0; i < n_asked; i++) {
        const row *r = &rows[asked[i]];
        axes_of(r, x);
        const double local = fabs(roof(r) * exp(sz_local_at(&l, x, -1).y) / r->time_s - 1);
        s.roof += fabs(roof(r) / r->time_s - 1) / s.n;
        s.constant += fabs(roof(r) * shares[n_known / 2] / r->time_s - 1) / s.n;
        s.local += local / s.n;
        s.within10 += (local < 0.1) / (double)s.n;
    }
    sz_local_finish(ctx, &l);
    return s;
}

static void print(const char *what, const char *device, size_t known, score s) {
    printf("%-8s %-22s %6zu %6d %8.1f %9.1f %7.1f %8.1f\n", what, device, known, s.n, 100 * s.roof,
           100 * s.constant, 100 * s.local, 100 * s.within10);
}

static void ask_device(const table *t, int device) {
    static size_t own[MOST], others[MOST];
    size_t n_own = 0, n_others = 0;
    uint64_t random = 1;
    char title[32];
    for (size_t i = 0; i < n_rows; i++) {
        if (rows[i].device == device)
            own[n_own++] = i;
        else
            others[n_others++] = i;
    }
    if (n_own == 0) return;
    for (size_t i = n_own; i > 1; i--) { // in random order, the same in every run
        random = random * 6364136223846793005u + 1442695040888963407u;
        const size_t k = (random >> 33) % i, swap = own[i - 1];
        own[i - 1] = own[k];
        own[k] = swap;
    }
    const size_t known = n_own > 2 * SHAPES ? SHAPES : n_own / 2;
    print(t->title, devices[device].name, known, judge(own, known, own + known, n_own - known));
    snprintf(title, sizeof title, "%s not seen", devices[device].sheet);
    if (n_others > 1) print("", title, n_others, judge(others, n_others, own, n_own));
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: gpus FOLDER\n"), 2;
    ctx = sz_ctx_create(NULL);
    load_devices();
    printf("mean absolute error in %%; known: shapes that calibrate, n: shapes asked\n");
    printf("%-8s %-22s %6s %6s %8s %9s %7s %8s\n", "table", "device", "known", "n", "roofline",
           "constant", "sizeup", "in 10 %");
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        if (read_table(argv[1], &tables[t]))
            for (int d = 0; d < DEVICES; d++) ask_device(&tables[t], d);
    sz_ctx_destroy(ctx);
    return 0;
}
