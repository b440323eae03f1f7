// SPDX-License-Identifier: Apache-2.0
// Charts: what is drawn is what follows by hand or by brute force, no label covers another or
// leaves the picture, and documents that are wrong are told about.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/chart_data.h"
#include "report/drawing.h"

#include <math.h>

#include "base/splitmix.h"

// fontconfig, below cairo, keeps what it made for fonts until the process ends.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libfontconfig"; }

static sz_ctx *ctx;

static const sz_look looks[] = {
    {.width = 900,
     .height = 560,
     .text = 12,
     .small = 11,
     .title = 17,
     .mark_least = 3.4,
     .mark_most = 15,
     .gap = 8},
    {.width = 480,
     .height = 320,
     .text = 12,
     .small = 11,
     .title = 17,
     .mark_least = 3.4,
     .mark_most = 15,
     .gap = 8},
    {.width = 800,
     .height = 512,
     .text = 16,
     .small = 16,
     .title = 16,
     .cell_w = 8,
     .cell_h = 16,
     .mark_least = 3,
     .mark_most = 3,
     .gap = 8},
};

// ---- geometry ----------------------------------------------------------------------------------

// The middle of a text that is turned around its anchor.
static sz_label_box box_of(const sz_look *look, const sz_shape *s) {
    const double w = sz_look_width(look, s->text, s->size), along = -s->anchor * w / 2;
    const double a = s->angle * 3.14159265358979323846 / 180;
    const double h = look->cell_h > 0 ? look->cell_h - 1 : s->size;
    const double y = look->cell_h > 0 ? (floor(s->y / look->cell_h) + 0.5) * look->cell_h : s->y;
    return (sz_label_box){s->x + along * cos(a), y + along * sin(a), w - 0.01, h, s->angle};
}

// No text covers another, and none leaves the picture.
static void check_geometry(const sz_plot *plot) {
    for (size_t k = 0; k < sizeof looks / sizeof looks[0]; k++) {
        sz_drawing d;
        sz_places p = {.ctx = ctx};
        assert_int_equal(sz_draw(ctx, plot, &looks[k], &d), SZ_OK);
        p.left = p.top = -0.5;
        p.right = d.width + 0.5, p.bottom = d.height + 0.5;
        for (size_t i = 0; i < d.shapes.n; i++) {
            const sz_shape *s = &d.shapes.items[i];
            if (s->kind != SZ_SHAPE_TEXT) continue;
            const sz_label_box box = box_of(&looks[k], s);
            if (sz_places_clash(&p, &box) != 0)
                print_message("look %zu: no free place: '%s' at %g, %g\n", k, s->text, s->x, s->y);
            assert_int_equal(sz_places_clash(&p, &box), 0);
            sz_places_take(&p, &box);
        }
        sz_places_finish(&p);
        sz_drawing_finish(&d);
    }
}

static sz_plot *new_plot(void) {
    sz_plot *plot;
    assert_int_equal(sz_plot_create(ctx, &plot), SZ_OK);
    return plot;
}

static bool has_note(const sz_plot *plot, const char *part) {
    for (size_t i = 0; i < plot->notes.n; i++)
        if (strstr(plot->notes.items[i], part)) return true;
    return false;
}

static const char *row_note(const sz_plot *plot, double at) {
    for (size_t i = 0; i < plot->row_notes.n; i++)
        if (plot->row_notes.items[i].at == at) return plot->row_notes.items[i].text;
    return "";
}

// ---- layers ------------------------------------------------------------------------------------

static void test_layers(void **state) {
    static const sz_chart_layer layers[] = {{"a", "Add", 1e-6, NAN, NAN, NAN},
                                            {"conv", "Conv", 6e-6, 5e-6, 4e-6, 7e-6},
                                            {"b", NULL, 2e-6, NAN, NAN, NAN},
                                            {"never", "Add", NAN, NAN, NAN, NAN},
                                            {"told", "Add", NAN, 1e-6, NAN, NAN}};
    (void)state;
    sz_plot *plot = new_plot();
    assert_int_equal(sz_chart_layers(ctx, layers, 5, &(sz_chart_layers_options){.top = 2}, plot),
                     SZ_OK);
    assert_int_equal(plot->names[1].n, 3); // two, and the rest: a and told
    assert_string_equal(plot->names[1].items[0], "conv (Conv)");
    assert_string_equal(plot->names[1].items[1], "b");
    assert_string_equal(plot->names[1].items[2], "2 others");
    assert_string_equal(row_note(plot, 0), "60.0 %  6 \xc2\xb5s");
    assert_string_equal(row_note(plot, 2), "20.0 %  2 \xc2\xb5s");
    assert_int_equal(plot->bars.n, 2);
    assert_true(plot->bars.items[0].to == 6e-6 && plot->points.items[0].x == 5e-6);
    assert_true(has_note(plot, "4 layers, 10 \xc2\xb5s"));
    check_geometry(plot);
    sz_plot_destroy(plot);
    plot = new_plot();
    assert_int_equal(
        sz_chart_layers(ctx, layers + 3, 1, &(sz_chart_layers_options){.top = 2}, plot),
        SZ_ERR_INPUT);
    sz_plot_destroy(plot);
}

static void test_long_names(void **state) {
    enum { N = 60 };
    static char names[N][240];
    sz_chart_layer layers[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        memset(names[i], 'a' + i % 26, sizeof names[i] - 1);
        if (i == 0) memcpy(names[i], "<script>\x1b[31m\xff", 14);
        layers[i] = (sz_chart_layer){names[i],       "Op",     1e-3 * (i + 1),
                                     1e-3 * (i + 2), 1e-3 * i, 2e-3 * (i + 3)};
    }
    sz_plot *plot = new_plot();
    const sz_chart_layers_options how = {names[1], names[2], 59};
    assert_int_equal(sz_chart_layers(ctx, layers, N, &how, plot), SZ_OK);
    check_geometry(plot);
    sz_plot_destroy(plot);
}

// ---- two runs ----------------------------------------------------------------------------------

static void test_changes(void **state) {
    static const sz_chart_change changes[] = {{"same", 1.0, 0.99, 1.01, 1, 1, 0},
                                              {"slow", 1.5, 1.4, 1.6, 1, 1.5, 1},
                                              {"fast", 0.5, 0.45, 0.55, 1, 0.5, -1},
                                              {"odd", -1, NAN, NAN, 1, 1, 0},
                                              {"once", 1.1, NAN, NAN, 1, 1.1, 2}};
    (void)state;
    sz_plot *plot = new_plot();
    assert_int_equal(
        sz_chart_changes(ctx, changes, 5, &(sz_chart_changes_options){.mean_ratio = 0.95}, plot),
        SZ_OK);
    assert_int_equal(plot->names[1].n, 4); // a ratio below 0 is none
    assert_string_equal(plot->names[1].items[0], "slow");
    assert_string_equal(plot->names[1].items[3], "fast");
    assert_string_equal(row_note(plot, 0), "+50.0 %  [+40.0, +60.0]");
    assert_string_equal(row_note(plot, 1), "+10.0 %");
    assert_true(plot->axes[0].lo < 0.45 && plot->axes[0].hi > 1.6);
    check_geometry(plot);
    sz_plot_destroy(plot);
}

// ---- settings ----------------------------------------------------------------------------------

static sz_chart_data *read_text(const char *text) {
    sz_chart_data *d;
    assert_int_equal(sz_chart_data_create(ctx, &d), SZ_OK);
    const sz_status status = sz_chart_data_read(ctx, d, text, strlen(text));
    if (status != SZ_OK) print_message("%s\n", sz_ctx_error(ctx));
    assert_int_equal(status, SZ_OK);
    return d;
}

// A million would do as well; the front is never thinned out.
static sz_chart_data *random_points(size_t n, uint64_t seed, bool coarse, double (*xy)[2]) {
    sz_buf buf;
    sz_buf_init(&buf, ctx);
    sz_buf_puts(&buf, "{\"points\":[");
    for (size_t i = 0; i < n; i++) {
        for (int a = 0; a < 2; a++) {
            const double u = (double)(sz_splitmix(&seed) >> 11) / 9007199254740992.0;
            xy[i][a] = coarse ? floor(u * 8) : u;
        }
        sz_buf_printf(&buf,
                      "%s{\"parameters\":{\"i\":%zu},\"metrics\":{\"latency_s\":", i ? "," : "", i);
        sz_buf_f64(&buf, xy[i][0]);
        sz_buf_puts(&buf, ",\"throughput_per_s\":");
        sz_buf_f64(&buf, xy[i][1]);
        sz_buf_puts(&buf, "}}");
    }
    sz_buf_puts(&buf, "]}");
    sz_buf_putc(&buf, '\0');
    assert_int_equal(sz_buf_status(&buf), SZ_OK);
    sz_chart_data *d = read_text(buf.data);
    sz_buf_finish(&buf);
    assert_int_equal(sz_chart_data_count(d), n);
    return d;
}

// Less latency is better, more throughput is.
static bool is_beaten(double (*xy)[2], size_t n, size_t i) {
    for (size_t k = 0; k < n; k++)
        if (xy[k][0] <= xy[i][0] && xy[k][1] >= xy[i][1] &&
            (xy[k][0] < xy[i][0] || xy[k][1] > xy[i][1]))
            return true;
    return false;
}

// Marks of the front are the points that brute force finds; of equal ones one stands for all.
static void test_front(void **state) {
    enum { N = 300 };
    static double xy[N][2];
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const size_t n = 1 + seed * 7;
        sz_chart_data *d = random_points(n, seed, seed % 2 == 0, xy);
        sz_plot *plot = new_plot();
        size_t want = 0;
        assert_int_equal(sz_chart_front(ctx, d, &(sz_chart_front_options){.labels = 12}, plot),
                         SZ_OK);
        for (size_t i = 0; i < n; i++) {
            bool first = !is_beaten(xy, n, i);
            for (size_t k = 0; k < i && first; k++)
                first = xy[k][0] != xy[i][0] || xy[k][1] != xy[i][1];
            want += first;
        }
        assert_int_equal(plot->points.n, want);
        for (size_t i = 0; i < plot->points.n; i++) {
            bool there = false;
            for (size_t k = 0; k < n; k++)
                there |= plot->points.items[i].x == xy[k][0] &&
                         plot->points.items[i].y == xy[k][1] && !is_beaten(xy, n, k);
            assert_true(there);
        }
        check_geometry(plot);
        sz_plot_destroy(plot);
        sz_chart_data_destroy(d);
    }
}

// The file of a picture does not grow with its faint points.
static void test_many_points(void **state) {
    enum { N = 60000 };
    double(*xy)[2] = malloc(N * sizeof *xy);
    sz_plot *plot = new_plot();
    sz_buf buf;
    (void)state;
    assert_non_null(xy);
    sz_chart_data *d = random_points(N, 7, false, xy);
    sz_buf_init(&buf, ctx);
    assert_int_equal(sz_chart_front(ctx, d, &(sz_chart_front_options){.labels = 0}, plot), SZ_OK);
    assert_int_equal(sz_plot_write(ctx, plot, &(sz_plot_options){.format = "svg"}, &buf), SZ_OK);
    assert_true(buf.size < 500000);
    sz_buf_finish(&buf);
    sz_plot_destroy(plot);
    sz_chart_data_destroy(d);
    free(xy);
}

// By hand: at batch 1 a takes 1 and b 2, at batch 2 a takes 6 and b 3. Fixed a loses 0 and 100 %,
// fixed b 100 % and 0; c is best of all at batch 2 but has no batch 1.
static void test_oracle(void **state) {
    static const char text[] =
        "{\"oracle_of\":\"batch\",\"best\":\"latency_s\",\"points\":["
        "{\"parameters\":{\"batch\":2,\"who\":\"a\"},\"metrics\":{\"latency_s\":6}},"
        "{\"parameters\":{\"batch\":1,\"who\":\"a\"},\"metrics\":{\"latency_s\":1}},"
        "{\"parameters\":{\"batch\":1,\"who\":\"b\"},\"metrics\":{\"latency_s\":2}},"
        "{\"parameters\":{\"batch\":2,\"who\":\"b\"},\"metrics\":{\"latency_s\":4}},"
        "{\"parameters\":{\"batch\":2,\"who\":\"c\"},\"metrics\":{\"latency_s\":3}}]}";
    (void)state;
    sz_chart_data *d = read_text(text);
    sz_plot *plot = new_plot();
    assert_int_equal(sz_chart_oracle(ctx, d, &(sz_chart_oracle_options){NULL, NULL, NULL}, plot),
                     SZ_OK);
    // a: (0 + 100 %) / 2 = 50 %; b: (100 % + 33.3 %) / 2 = 66.7 %.
    assert_true(has_note(plot, "50.0 % on average, 100.0 % at batch=2"));
    assert_int_equal(plot->points.n, 2);
    assert_true(plot->points.items[0].y == 1 && plot->points.items[1].y == 3);
    assert_string_equal(plot->points.items[0].label, "a");
    assert_string_equal(plot->points.items[1].label, "c");
    check_geometry(plot);
    sz_plot_destroy(plot);
    sz_chart_data_destroy(d);
}

// A loss is a share of the best, of a rate as well: at batch 2 a has 10 of 20, which is half.
static void test_oracle_of_rate(void **state) {
    static const char text[] =
        "{\"oracle_of\":\"batch\",\"best\":\"throughput_per_s\",\"points\":["
        "{\"parameters\":{\"batch\":1,\"who\":\"a\"},\"metrics\":{\"throughput_per_s\":10}},"
        "{\"parameters\":{\"batch\":2,\"who\":\"a\"},\"metrics\":{\"throughput_per_s\":10}},"
        "{\"parameters\":{\"batch\":1,\"who\":\"b\"},\"metrics\":{\"throughput_per_s\":4}},"
        "{\"parameters\":{\"batch\":2,\"who\":\"b\"},\"metrics\":{\"throughput_per_s\":20}}]}";
    (void)state;
    sz_chart_data *d = read_text(text);
    sz_plot *plot = new_plot();
    assert_int_equal(sz_chart_oracle(ctx, d, &(sz_chart_oracle_options){NULL, NULL, NULL}, plot),
                     SZ_OK);
    // a: (0 + 50 %) / 2 = 25 %; b: (60 % + 0) / 2 = 30 %.
    assert_true(has_note(plot, "25.0 % on average, 50.0 % at batch=2"));
    sz_plot_destroy(plot);
    sz_chart_data_destroy(d);
}

// Two tiles of 4: 5 costs twice what 4 does, though it is only a quarter more.
static void test_steps(void **state) {
    sz_buf buf;
    (void)state;
    sz_buf_init(&buf, ctx);
    for (int m = 1; m <= 8; m++)
        sz_buf_printf(&buf,
                      "{\"schema\":\"sizeup.bench/1\",\"spec\":{\"m\":%d,\"k\":64},\"settings\":"
                      "{},\"time\":{\"median_s\":%de-6,\"ci_lo_s\":%de-7,\"ci_hi_s\":%de-7}}\n",
                      m, 1 + (m > 4), 9 * (1 + (m > 4)), 11 * (1 + (m > 4)));
    sz_buf_putc(&buf, '\0');
    sz_chart_data *d = read_text(buf.data);
    sz_plot *plot = new_plot();
    assert_int_equal(sz_chart_steps(ctx, d, &(sz_chart_steps_options){NULL, NULL, NULL}, plot),
                     SZ_OK);
    assert_int_equal(plot->points.n, 1);
    assert_string_equal(plot->points.items[0].label, "5: +100 %");
    assert_true(plot->points.items[0].x == 5 && plot->points.items[0].y == 2e-6);
    check_geometry(plot);
    sz_plot_destroy(plot);
    sz_chart_data_destroy(d);
    sz_buf_finish(&buf);
}

// ---- bad documents -----------------------------------------------------------------------------

static void test_bad_documents(void **state) {
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "no JSON"},
        {"hello", "no JSON"},
        {"{}", "no 'points'"},
        {"{\"schema\":\"sizeup.count/1\"}", "no 'points'"},
        {"{\"schema\":\"sizeup.explore/2\",\"points\":[]}", "its schema is 'sizeup.explore/2'"},
        {"{\"points\":[{}]}", "neither a point"},
        {"{\"points\":[{\"parameters\":7}]}", "without 'parameters'"},
        {"{\"points\":[],\"points\":[]}", "there twice"},
        {"{\"points\":[{\"parameters\":{\"a\":1,\"a\":2}}]}", "duplicate"},
        {"{\"points\":[{\"parameters\":{\"a\":1},\"metrics\":{\"b\":NaN}}]}", "invalid token"},
        {"{\"points\":[{\"parameters\":{\"a\":1}}", "']' is missing"},
        {"{1:2}", "a key is missing"},
        {"{\"points\":[]} x", "more after the end"},
        {"[1]", "neither a point"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sz_chart_data *d;
        assert_int_equal(sz_chart_data_create(ctx, &d), SZ_OK);
        assert_int_equal(sz_chart_data_read(ctx, d, cases[i].text, strlen(cases[i].text)),
                         SZ_ERR_INPUT);
        if (!strstr(sz_ctx_error(ctx), cases[i].error))
            print_message("%s: %s\n", cases[i].text, sz_ctx_error(ctx));
        assert_non_null(strstr(sz_ctx_error(ctx), cases[i].error));
        sz_chart_data_destroy(d);
    }
}

// The third metric of a front is the size of its marks: params 1 is the smallest, 100 the largest,
// and 10 lies between them on a logarithmic scale.
static void test_third_metric(void **state) {
    static const char text[] =
        "{\"pareto\":{\"metrics\":[\"latency_s\",\"energy_j\",\"params\"]},\"points\":["
        "{\"parameters\":{\"a\":1},\"on_front\":true,"
        "\"metrics\":{\"latency_s\":1,\"energy_j\":9,\"params\":100}},"
        "{\"parameters\":{\"a\":2},\"on_front\":true,"
        "\"metrics\":{\"latency_s\":2,\"energy_j\":4,\"params\":10}},"
        "{\"parameters\":{\"a\":3},\"on_front\":true,"
        "\"metrics\":{\"latency_s\":3,\"energy_j\":5,\"params\":1}}]}";
    (void)state;
    sz_chart_data *d = read_text(text);
    sz_plot *plot = new_plot();
    assert_int_equal(sz_chart_front(ctx, d, &(sz_chart_front_options){.x = NULL}, plot), SZ_OK);
    assert_int_equal(plot->points.n, 3);
    const double large = plot->points.items[0].share, middle = plot->points.items[1].share,
                 small = plot->points.items[2].share;
    assert_true(small > 0 && fabs(middle - (small + large) / 2) < 1e-9 && small < middle);
    assert_non_null(strstr(plot->points.items[0].tip, "params 100"));
    assert_int_equal(plot->legend.n, 5); // the front, all others, three sizes
    for (size_t i = 0; i < 3; i++)
        assert_true(plot->legend.items[2 + i].share == plot->points.items[2 - i].share);
    assert_true(has_note(plot, "params (less is better) is the size of the marks"));
    check_geometry(plot);
    sz_plot_destroy(plot);
    plot = new_plot();
    const sz_chart_front_options twice = {.x = "latency", .y = "energy", .z = "energy"};
    assert_int_equal(sz_chart_front(ctx, d, &twice, plot), SZ_ERR_INPUT);
    sz_plot_destroy(plot);
    sz_chart_data_destroy(d);
}

// Metrics that are missing, null or text are not known; what lacks one is not drawn.
static void test_missing(void **state) {
    static const char text[] =
        "{\"points\":[{\"parameters\":{\"a\":1},\"metrics\":{\"latency_s\":null,\"energy_j\":1}},"
        "{\"parameters\":{\"a\":2},\"metrics\":{\"latency_s\":\"x\",\"energy_j\":2}},"
        "{\"parameters\":{\"a\":3},\"metrics\":{\"latency_s\":3,\"energy_j\":3}},"
        "{\"parameters\":{\"a\":4},\"why\":\"does not fit\"}]}";
    (void)state;
    sz_chart_data *d = read_text(text);
    sz_plot *plot = new_plot();
    const sz_chart_front_options how = {.x = "latency", .y = "energy"};
    assert_int_equal(sz_chart_front(ctx, d, &how, plot), SZ_OK);
    assert_int_equal(plot->points.n, 1);
    assert_true(has_note(plot, "3 settings without"));
    check_geometry(plot);
    sz_plot_destroy(plot);
    plot = new_plot();
    assert_int_equal(
        sz_chart_front(ctx, d, &(sz_chart_front_options){.x = "latency", .y = "latency"}, plot),
        SZ_ERR_INPUT);
    assert_int_equal(sz_chart_front(ctx, d, &(sz_chart_front_options){.x = "nothing"}, plot),
                     SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "there are"));
    sz_plot_destroy(plot);
    sz_chart_data_destroy(d);
}

// ---- formats -----------------------------------------------------------------------------------

static void test_formats(void **state) {
    static const sz_chart_layer layer = {"a <b>", "Add", 1e-6, 2e-6, 1e-6, 3e-6};
    static const char *const formats[] = {"svg", "png", "pdf", "text"};
    (void)state;
    sz_plot *plot = new_plot();
    assert_int_equal(
        sz_chart_layers(ctx, &layer, 1, &(sz_chart_layers_options){.title = "a\x01(b"}, plot),
        SZ_OK);
    for (int i = 0; i < 12; i++) {
        const sz_plot_options how = {.format = formats[i % 4], .theme = i / 4};
        sz_buf buf;
        sz_buf_init(&buf, ctx);
        const sz_status status = sz_plot_write(ctx, plot, &how, &buf);
        if (status == SZ_ERR_UNAVAILABLE) {
            assert_true(i % 4 == 1 || i % 4 == 2);
            assert_non_null(strstr(sz_ctx_error(ctx), "cairo")); // it is not here
        } else {
            assert_int_equal(status, SZ_OK);
            if (i % 4 == 2) assert_memory_equal(buf.data, "%PDF-", 5);
            sz_buf_putc(&buf, '\0');
            if (i % 4 == 0)
                assert_true((strstr(buf.data, "prefers-color-scheme") != NULL) == (i == 8));
        }
        sz_buf_finish(&buf);
    }
    sz_plot_destroy(plot);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),      cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_changes),     cmocka_unit_test(test_front),
        cmocka_unit_test(test_many_points), cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_oracle_of_rate),
        cmocka_unit_test(test_steps),       cmocka_unit_test(test_bad_documents),
        cmocka_unit_test(test_missing),     cmocka_unit_test(test_third_metric),
        cmocka_unit_test(test_formats),
    };
    ctx = sz_ctx_create(NULL);
    const int failed = ctx ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    sz_ctx_destroy(ctx);
    return failed;
}
