// SPDX-License-Identifier: Apache-2.0
// Collectives by a start and a rate beside measured ones: bench_collectives vidur_collectives.csv
// (microsoft/vidur, data/profiling, A100). Start and share of the rate are fitted on every second
// size of a group and asked about the others; and fitted on one group, asked about groups of other
// numbers of devices. Naive: the same without a start, one share of the rate.
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "predict/scale/collectives.h"

enum { MAX_ROWS = 20000, STEPS = 64 };

typedef struct row {
    char system[32];
    sz_collective what;
    int workers, per_node;
    double bytes, time_s;
} row;

static row rows[MAX_ROWS];
static int n_rows;

static bool read_rows(const char *path) {
    char line[256], what[32];
    FILE *f = fopen(path, "r");
    if (!f) return false;
    for (int first = 1; fgets(line, sizeof line, f); first = 0) {
        row *r = &rows[n_rows];
        double ms;
        if (first || n_rows == MAX_ROWS) continue;
        if (sscanf(line, "%31[^,],%31[^,],%d,%d,%lf,%lf", r->system, what, &r->workers,
                   &r->per_node, &r->bytes, &ms) != 6 ||
            !(ms > 0))
            continue;
        r->what = strcmp(what, "send_recv") == 0 ? SZ_SEND : SZ_ALL_REDUCE;
        r->time_s = ms / 1e3;
        n_rows++;
    }
    fclose(f);
    return n_rows > 0;
}

// A link of a node, or between nodes where each of the group's devices is in one of its own.
static double told(const row *r, double start_s, double share) {
    const bool is_inside = r->workers <= r->per_node;
    const sz_network net = {{{64, start_s, is_inside ? 300e9 : 25e9, share, "link"}}, 1};
    return sz_collective_s(&net, r->what, r->workers, 1, r->bytes);
}

static bool is_of(const row *r, const row *group) {
    return strcmp(r->system, group->system) == 0 && r->what == group->what &&
           r->workers == group->workers && r->per_node == group->per_node;
}

typedef struct fit {
    double start_s, share, constant;
} fit;

// `part`: 0 and 1, every second row of the group; 2: all.
static bool in_part(int k, int part) { return part == 2 || k % 2 == part; }

static double error_of(const row *group, int part, double start_s, double share, int *ret_n) {
    double sum = 0;
    int n = 0, k = 0;
    for (int i = 0; i < n_rows; i++) {
        if (!is_of(&rows[i], group) || !in_part(k++, part)) continue;
        sum += fabs(told(&rows[i], start_s, share) / rows[i].time_s - 1);
        n++;
    }
    *ret_n = n;
    return n ? sum / n : INFINITY;
}

static fit fit_to(const row *group, int part) {
    double best = INFINITY, alone = INFINITY;
    fit f = {0};
    int n;
    for (int i = 0; i <= STEPS; i++)
        for (int k = 0; k <= STEPS; k++) {
            const double start = i == 0 ? 0 : 1e-7 * pow(5000, (double)i / STEPS);
            const double share = pow(200, (double)k / STEPS - 1);
            const double e = error_of(group, part, start, share, &n);
            if (e < best) best = e, f.start_s = start, f.share = share;
            if (i == 0 && e < alone) alone = e, f.constant = share;
        }
    return f;
}

static void score(const row *group, const row *from, int fitted, int asked) {
    const fit f = fit_to(from, fitted);
    int n;
    const double e = error_of(group, asked, f.start_s, f.share, &n);
    const double naive = error_of(group, asked, 0, f.constant, &n);
    printf("  %-21s %-10s %2d devices, %d to a node", group->system,
           group->what == SZ_SEND ? "send" : "all-reduce", group->workers, group->per_node);
    if (group != from) printf(", told by %d", from->workers);
    printf(": n %d, MAPE %.1f %%, of a rate alone %.1f %%; %.1f us, %.2f of the rate\n", n, 100 * e,
           100 * naive, 1e6 * f.start_s, f.share);
}

// The group of the same kind with most devices, of those inside of a node or of those across.
static const row *largest(const row *of) {
    const row *best = of;
    for (int i = 0; i < n_rows; i++) {
        const row *r = &rows[i];
        if (strcmp(r->system, of->system) == 0 && r->what == of->what &&
            (r->workers <= r->per_node) == (of->workers <= of->per_node) &&
            r->workers > best->workers)
            best = r;
    }
    return best;
}

int main(int argc, char **argv) {
    if (argc != 2 || !read_rows(argv[1])) {
        fprintf(stderr, "usage: bench_collectives vidur_collectives.csv\n");
        return 2;
    }
    printf("collectives beside measured ones (vidur), %d rows\n", n_rows);
    for (int across = 0; across < 2; across++)
        for (int i = 0; i < n_rows; i++) {
            bool is_first = true;
            for (int k = 0; k < i && is_first; k++) is_first = !is_of(&rows[k], &rows[i]);
            if (!is_first) continue;
            const row *from = largest(&rows[i]);
            if (!across)
                score(&rows[i], &rows[i], 0, 1);
            else if (!is_of(from, &rows[i]))
                score(&rows[i], from, 2, 2);
        }
    return 0;
}
