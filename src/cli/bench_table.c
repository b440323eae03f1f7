// SPDX-License-Identifier: Apache-2.0
// What `bench` shows to people.
#include "cli/bench.h"
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- the table ---------------------------------------------------------------------------------

static void put_row(sz_doc *doc, const sz_bench *b, bool threads) {
    char interval[32] = "";
    const double half = (b->time.ci_hi_s - b->time.ci_lo_s) / 2 / b->time.median_s;
    if (isfinite(half)) snprintf(interval, sizeof interval, "%.1f%%", 100 * half);
    const bool ran = b->time.n > 0;
    const sz_cell cells[] = {sz_cell_text(b->case_name),
                             sz_cell_text(b->ran_as.backend),
                             ran ? sz_cell_text(b->ran_as.dtype) : sz_cell_none(),
                             ran ? sz_cell_text(b->ran_as.kernel) : sz_cell_none(),
                             sz_cell_f64(b->time.median_s),
                             ran ? sz_cell_text(interval) : sz_cell_none(),
                             sz_cell_f64(b->rate.flop_per_s),
                             sz_cell_f64(b->rate.of_roof),
                             sz_cell_text(ran ? b->verdict : "not run")};
    const sz_cell count = ran ? sz_cell_i64(b->ran_as.threads) : sz_cell_none();
    sz_cell with[CLI_COUNT(cells) + 1] = {cells[0], cells[1], count};
    memcpy(with + 3, cells + 2, (CLI_COUNT(cells) - 2) * sizeof *cells);
    sz_doc_row(doc, threads ? with : cells, CLI_COUNT(cells) + (threads ? 1 : 0));
}

// Are there cases with different numbers of threads?
static bool threads_differ(const sz_bench_set *set) {
    int64_t first = 0;
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        const int64_t n = sz_bench_set_get(set, i)->ran_as.threads;
        if (n && first && n != first) return true;
        if (n) first = n;
    }
    return false;
}

static bool has_advice(const sz_bench *b) {
    return b->verdict && b->next_step && strcmp(b->verdict, "valid") != 0;
}

// Cases of the same verdict and step, from `at` on, that no case before has.
static size_t count_alike(const sz_bench_set *set, size_t at) {
    const sz_bench *one = sz_bench_set_get(set, at);
    size_t n = 0;
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        const sz_bench *b = sz_bench_set_get(set, i);
        if (!has_advice(b) || strcmp(b->verdict, one->verdict) != 0 ||
            strcmp(b->next_step, one->next_step) != 0)
            continue;
        if (i < at) return 0;
        n++;
    }
    return n;
}

// Each piece of advice once.
static void put_advice(const sz_bench_set *set, sz_doc *doc) {
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        const sz_bench *b = sz_bench_set_get(set, i);
        char text[1024];
        const size_t n = has_advice(b) ? count_alike(set, i) : 0;
        if (n == 0) continue;
        if (n == 1)
            snprintf(text, sizeof text, "%s on %s is %s: %s", b->case_name, b->ran_as.backend,
                     b->verdict, b->next_step);
        else
            snprintf(text, sizeof text, "%zu cases are %s: %s", n, b->verdict, b->next_step);
        cli_put_wrapped(doc, "", "  ", text);
    }
}

// The product that came out of pieces: how exact, and how fast for what it is worth.
static void put_accuracy(sz_doc *doc, const sz_bench *b) {
    const sz_bench_accuracy *a = &b->accuracy;
    char text[512], own[32], plain[32];
    if (!a->pieces || b->time.n == 0) return;
    snprintf(own, sizeof own, isfinite(a->bits) ? "%.1f" : "all", a->bits);
    snprintf(plain, sizeof plain, isfinite(a->bits_plain) ? "%.1f" : "all", a->bits_plain);
    snprintf(text, sizeof text,
             "%s on %s: %s bits are right, of a plain %s product (%s) %s; %.3g GFLOP/s as a "
             "product in %s",
             b->case_name, b->ran_as.backend, own, a->format, a->plain_by, plain,
             a->useful_flop_per_s / 1e9, a->format);
    cli_put_wrapped(doc, "", "  ", text);
}

// Cases that were not run again.
static void put_known(const sz_bench_set *set, sz_doc *doc) {
    const char *oldest = NULL;
    size_t n = 0;
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        const sz_bench *b = sz_bench_set_get(set, i);
        if (!b->from_store) continue;
        n++;
        if (b->started_utc && (!oldest || strcmp(b->started_utc, oldest) < 0))
            oldest = b->started_utc;
    }
    if (n)
        sz_doc_line(doc, "%zu of %zu cases were in the store, the oldest from %s.", n,
                    sz_bench_set_count(set), oldest ? oldest : "an unknown day");
}

// ---- energy ------------------------------------------------------------------------------------

static void put_energy(const cli_app *app, sz_doc *doc, const sz_bench *b) {
    const sz_bench_energy *e = &b->energy;
    char text[1024];
    sz_buf joule;
    if (!(b->asked & SZ_ASKED_ENERGY) || b->time.n == 0) return;
    if (isnan(e->joule)) {
        snprintf(text, sizeof text, "%s: energy is not known: %s", b->case_name,
                 e->why ? e->why : "no reason is given");
        cli_put_wrapped(doc, "", "  ", text);
        return;
    }
    sz_buf_init(&joule, app->out);
    sz_buf_number(&joule, SZ_AS_SI, e->joule, "J");
    snprintf(text, sizeof text,
             "%s: %.*s +- %.1f%% a run, %.4g samples/J, by %s; %lld runs in %.2f s, %lld ticks%s%s",
             b->case_name, (int)joule.size, joule.data ? joule.data : "",
             100 * b->window.uncertainty_j / e->joule, e->samples_per_j, e->method ? e->method : "",
             (long long)b->window.runs, b->window.window_s, (long long)b->window.ticks,
             e->why ? ": " : "", e->why ? e->why : "");
    sz_buf_finish(&joule);
    cli_put_wrapped(doc, "", "  ", text);
}

// ---- counters ----------------------------------------------------------------------------------

static void put_count(sz_buf *buf, double v, const char *what) {
    if (isnan(v)) return;
    if (buf->size) sz_buf_puts(buf, ", ");
    sz_buf_number(buf, SZ_AS_SI, v, NULL);
    sz_buf_printf(buf, " %s", what);
}

static void put_counters(const cli_app *app, const sz_bench_set *set, size_t i, sz_doc *doc) {
    const sz_bench *b = sz_bench_set_get(set, i);
    const sz_bench_counters c = sz_bench_set_counters(set, i);
    sz_buf buf;
    if (!(b->asked & SZ_ASKED_COUNTERS) || b->time.n == 0) return;
    sz_buf_init(&buf, app->out);
    put_count(&buf, c.cycles, "cycles");
    put_count(&buf, c.instructions, "instructions");
    put_count(&buf, c.instructions / c.cycles, "of them in a cycle");
    put_count(&buf, c.flops, "FLOP executed");
    put_count(&buf, 100 * c.counted_over_executed, "% of that by count");
    put_count(&buf, c.cache_misses, "misses of the last cache");
    put_count(&buf, c.branch_misses, "wrong guesses");
    put_count(&buf, c.page_faults, "page faults");
    put_count(&buf, c.context_switches, "context switches");
    sz_buf_putc(&buf, '\0');
    char text[1024];
    snprintf(text, sizeof text, "%s: a run has %s%s%s", b->case_name,
             buf.size > 1 && !buf.failed ? buf.data : "nothing that is counted here",
             isnan(c.cycles) ? "; cycles are not counted here" : "",
             c.running_share < 1 ? "; counters took turns" : "");
    sz_buf_finish(&buf);
    cli_put_wrapped(doc, "", "  ", text);
}

// ---- layers ------------------------------------------------------------------------------------

// Index of layers, the slowest first; an insertion keeps equal ones in the order of the run.
static void sort_layers(const sz_bench_set *set, size_t i, size_t *order, size_t n) {
    double *times = malloc((n + 1) * sizeof *times);
    for (size_t k = 0; k < n; k++) order[k] = k;
    if (!times) return;
    for (size_t k = 0; k < n; k++) {
        const double t = sz_bench_set_layer(set, i, k).time_s;
        size_t at = k;
        for (; at > 0 && !(times[at - 1] >= t) && !isnan(t); at--) {
            times[at] = times[at - 1];
            order[at] = order[at - 1];
        }
        times[at] = t, order[at] = k;
    }
    free(times);
}

static void put_layer(sz_doc *doc, const sz_bench_layer *l) {
    const sz_cell cells[] = {sz_cell_text(l->name),      sz_cell_text(l->op),
                             sz_cell_text(l->kernel),    sz_cell_text(l->dtype),
                             sz_cell_f64(l->time_s),     sz_cell_f64(l->share),
                             sz_cell_f64(l->flop_per_s), sz_cell_f64(l->byte_per_s),
                             sz_cell_f64(l->of_roof),    sz_cell_text(l->roof)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void put_layers(const sz_bench_set *set, size_t i, int64_t top, sz_doc *doc) {
    static const sz_column columns[] = {
        {"name", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"op", "op", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"kernel", "kernel", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"dtype", "as", NULL, SZ_AS_TEXT, 0},
        {"time_s", "time", "s", SZ_AS_SI, 0},
        {"share", "share", NULL, SZ_AS_PERCENT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"byte_per_s", "B/s", NULL, SZ_AS_SI, 0},
        {"of_roof", "of roof", NULL, SZ_AS_PERCENT, 0},
        {"roof", "roof", NULL, SZ_AS_TEXT, 0},
    };
    const sz_bench *b = sz_bench_set_get(set, i);
    const size_t n = sz_bench_set_layer_count(set, i);
    const size_t shown = top > 0 && (uint64_t)top < n ? (size_t)top : n;
    if (!(b->asked & SZ_ASKED_LAYERS) || isnan(b->layers_sum_s) || n == 0) return;
    size_t *order = malloc(n * sizeof *order);
    if (!order) return;
    sort_layers(set, i, order, n);
    sz_doc_heading(doc, b->case_name);
    sz_doc_table(doc, NULL, columns, CLI_COUNT(columns));
    for (size_t k = 0; k < shown; k++) {
        const sz_bench_layer l = sz_bench_set_layer(set, i, order[k]);
        put_layer(doc, &l);
    }
    free(order);
    if (shown < n) sz_doc_line(doc, "%zu of %zu layers; --top 0 shows all.", shown, n);
    if (!isnan(b->layers_whole_s))
        sz_doc_line(doc, "Layers add up to %.1f %% of the whole, which took turns with them.",
                    100 * b->layers_sum_s / b->layers_whole_s);
    else
        sz_doc_line(doc, "Layers add up to %.1f %% of the whole, which was timed before.",
                    100 * b->layers_sum_s / b->time.median_s);
}

void cli_bench_table(const cli_app *app, const sz_bench_set *set, int64_t top, sz_doc *doc) {
    static const sz_column columns[] = {
        {"case", "case", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"backend", "on", NULL, SZ_AS_TEXT, 0},
        {"dtype", "ran as", NULL, SZ_AS_TEXT, 0},
        {"kernel", "kernel", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"median_s", "median", "s", SZ_AS_SI, 0},
        {"interval", "+-", NULL, SZ_AS_TEXT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"of_roof", "roof", NULL, SZ_AS_PERCENT, 0},
        {"verdict", "verdict", NULL, SZ_AS_TEXT, 0},
    };
    static const sz_column count = {"threads", "thr", NULL, SZ_AS_INT, 0};
    const bool threads = threads_differ(set);
    sz_column with[CLI_COUNT(columns) + 1] = {columns[0], columns[1], count};
    memcpy(with + 3, columns + 2, sizeof columns - 2 * sizeof *columns);
    sz_doc_table(doc, "cases", threads ? with : columns, CLI_COUNT(columns) + (threads ? 1 : 0));
    for (size_t i = 0; i < sz_bench_set_count(set); i++)
        put_row(doc, sz_bench_set_get(set, i), threads);
    for (size_t i = 0; i < sz_bench_set_count(set); i++)
        put_accuracy(doc, sz_bench_set_get(set, i));
    put_advice(set, doc);
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        put_energy(app, doc, sz_bench_set_get(set, i));
        put_counters(app, set, i, doc);
    }
    for (size_t i = 0; i < sz_bench_set_count(set); i++) put_layers(set, i, top, doc);
    put_known(set, doc);
}
