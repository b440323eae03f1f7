// SPDX-License-Identifier: Apache-2.0
// Scenarios with machines, plots and the lab.
#ifndef SZ_TEST_ALLOC_MACHINES_H
#define SZ_TEST_ALLOC_MACHINES_H

#include <stdlib.h>
#include <sys/stat.h>

#include <sizeup/lab.h>
#include <sizeup/machine.h>
#include <sizeup/chart.h>

#include "alloc/run.h"

// A machine as a line of text, written, read again, and held against another one.
static void compare_machines(run *r, const scenario *s) {
    sz_machine *a = NULL, *b = NULL;
    sz_comparison *c = NULL;
    sz_buf buf;
    sz_buf_init(&buf, r->ctx);
    if (succeeds(r, sz_machine_synthetic(r->ctx, s->model, &a)) &&
        succeeds(r, sz_machine_json(r->ctx, a, &buf)) &&
        succeeds(r, sz_machine_parse(r->ctx, "again", buf.data, buf.size, &b)) &&
        succeeds(r, sz_machine_compare(r->ctx, a, b, &c))) {
        put(r, buf.data, buf.size);
        for (size_t i = 0; i < sz_comparison_count(c); i++) {
            const sz_machine_difference d = sz_comparison_row(c, i);
            put(r, d.name, strlen(d.name));
            put(r, &d.ratio, sizeof d.ratio);
        }
    }
    sz_comparison_destroy(c);
    sz_machine_destroy(a);
    sz_machine_destroy(b);
    sz_buf_finish(&buf);
}

static void load_sheet(run *r, const scenario *s) {
    sz_machine *m = NULL;
    sz_buf buf;
    sz_buf_init(&buf, r->ctx);
    if (succeeds(r, sz_machine_load(r->ctx, s->model, NULL, &m)) &&
        succeeds(r, sz_machine_json(r->ctx, m, &buf)))
        put(r, buf.data, buf.size);
    sz_machine_destroy(m);
    sz_buf_finish(&buf);
}

// A system that tells next to nothing: what is not known must be said in any case.
static char little[] = "/tmp/sizeup-alloc-XXXXXX"; // holds proc/cpuinfo

static void make_little(void) {
    char path[64];
    assert_non_null(mkdtemp(little));
    snprintf(path, sizeof path, "%s/proc", little);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/proc/cpuinfo", little);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("processor : 0\nmodel name : odd one\n", f);
    fclose(f);
}

static void drop_little(void) {
    static const char *const names[] = {"/proc/cpuinfo", "/proc", ""};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s%s", little, names[i]);
        remove(path);
    }
}

static void describe_little(run *r, const scenario *s) {
    sz_machine *m = NULL;
    (void)s;
    if (!succeeds(r, sz_machine_describe(r->ctx, little, &m))) return;
    put_number(r, (int64_t)sz_machine_level_count(m));
    for (size_t i = 0; i < sz_machine_gap_count(m); i++)
        put(r, sz_machine_gap(m, i).what, strlen(sz_machine_gap(m, i).what));
    sz_machine_destroy(m);
}

static void draw(run *r, const scenario *s) {
    static const double x[] = {0.1, 9.6, 1000}, y[] = {2e11, 1.95e13, 1.95e13};
    const sz_plot_options options = {.format = s->option};
    sz_plot *plot = NULL;
    sz_buf buf;
    if (!succeeds(r, sz_plot_create(r->ctx, &plot))) return;
    sz_buf_init(&buf, r->ctx);
    sz_plot_title(plot, "a roof", "and what is under it");
    sz_plot_note(plot, "%d notes", 1);
    for (int axis = 0; axis < 2; axis++) {
        const sz_plot_axis a = {.label = axis ? "FLOP/s" : "FLOP per byte"};
        sz_plot_set_axis(plot, axis, &a);
    }
    const sz_plot_line line = {.x = x, .y = y, .n = 3, .label = "f32 fma"};
    sz_plot_add_line(plot, &line);
    for (int i = 0; i < 40; i++) {
        const sz_plot_point point = {.x = 1 + i, .y = 1e11 * (1 + i), .label = "layer"};
        sz_plot_add_point(plot, &point);
    }
    sz_plot_add_legend(plot, 1, "layers");
    const sz_status status = sz_plot_write(r->ctx, plot, &options, &buf);
    if (status == SZ_ERR_UNAVAILABLE) // no library that draws PNG
        put_number(r, status);
    else if (succeeds(r, status))
        put(r, buf.data, buf.size);
    sz_buf_finish(&buf);
    sz_plot_destroy(plot);
}

// A front, an oracle or a staircase of a document of three points.
static void draw_chart(run *r, const scenario *s) {
    static const char text[] =
        "{\"points\":[{\"parameters\":{\"batch\":1,\"who\":\"a\"},\"metrics\":{\"latency_s\":1,"
        "\"energy_j\":4},\"intervals\":{\"latency_s\":[0.9,1.1]}},{\"parameters\":{\"batch\":2,"
        "\"who\":\"a\"},\"metrics\":{\"latency_s\":3,\"energy_j\":2}},{\"parameters\":{\"batch\":2,"
        "\"who\":\"b\"},\"metrics\":{\"latency_s\":2.5,\"energy_j\":3}}]}";
    sz_chart_data *data = NULL;
    sz_plot *plot = NULL;
    sz_buf buf;
    sz_buf_init(&buf, r->ctx);
    sz_status status = sz_chart_data_create(r->ctx, &data);
    if (status == SZ_OK) status = sz_chart_data_read(r->ctx, data, text, sizeof text - 1);
    if (status == SZ_OK) status = sz_plot_create(r->ctx, &plot);
    if (status == SZ_OK && strcmp(s->option, "front") == 0)
        status = sz_chart_front(r->ctx, data, &(sz_chart_front_options){.labels = 3}, plot);
    if (status == SZ_OK && strcmp(s->option, "oracle") == 0)
        status = sz_chart_oracle(r->ctx, data, &(sz_chart_oracle_options){.parameter = "batch"},
                                 plot);
    if (status == SZ_OK && strcmp(s->option, "steps") == 0)
        status = sz_chart_steps(r->ctx, data, &(sz_chart_steps_options){.parameter = "batch"},
                                plot);
    if (status == SZ_OK)
        status = sz_plot_write(r->ctx, plot, &(sz_plot_options){.format = "svg"}, &buf);
    if (succeeds(r, status)) put(r, buf.data, buf.size);
    sz_buf_finish(&buf);
    sz_plot_destroy(plot);
    sz_chart_data_destroy(data);
}

// An experiment of the lab on a machine of two numbers. Times differ from run to run: not they, but
// what was timed is compared.
static void run_lab(run *r, const scenario *s) {
    static const char text[] =
        "{\"schema\":\"sizeup.machine/1\",\"name\":\"paper\",\"source\":\"measured\",\"peaks\":[{"
        "\"device\":\"cpu\",\"unit\":\"vector\",\"op\":\"fma\",\"dtype\":\"f32\",\"threads\":1,"
        "\"flop_per_s\":1e11}],\"levels\":[{\"name\":\"DRAM\",\"capacity_bytes\":1000000000,"
        "\"bandwidth\":[{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":1e10}]}]}";
    const sz_lab_options options = {.quick = 1, .case_s = 1e-3};
    sz_machine *m = NULL;
    sz_lab *lab = NULL;
    if (!succeeds(r, sz_machine_parse(r->ctx, "paper", text, sizeof text - 1, &m))) return;
    if (succeeds(r, sz_lab_run(r->ctx, s->option, m, &options, &lab)))
        for (size_t i = 0; i < sz_lab_row_count(lab); i++) {
            const sz_lab_row row = sz_lab_row_at(lab, i);
            put(r, row.what, strlen(row.what));
            put_number(r, (int64_t)row.bytes_with_write_allocate);
            put_number(r, row.verified);
        }
    put_number(r, lab ? (int64_t)sz_lab_ratio_count(lab) : 0);
    sz_lab_destroy(lab);
    sz_machine_destroy(m);
}

#endif
