// SPDX-License-Identifier: Apache-2.0
// Plots: ticks, places of labels, and the three writers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/drawing.h"

#include <sizeup/text.h>

// fontconfig, below cairo, keeps what it made for fonts until the process ends.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libfontconfig"; }

static const char *folder; // of this file
static sz_ctx *ctx;

static const sz_look picture = {.width = 900,
                                .height = 560,
                                .text = 12,
                                .small = 11,
                                .title = 17,
                                .mark_least = 3.4,
                                .mark_most = 15,
                                .gap = 8};
static const sz_look terminal = {.width = 800,
                                 .height = 512,
                                 .text = 16,
                                 .small = 16,
                                 .title = 16,
                                 .cell_w = 8,
                                 .cell_h = 16,
                                 .mark_least = 3,
                                 .mark_most = 3,
                                 .gap = 8};

static void test_tick_text(void **state) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},      {1, "1"},      {0.5, "0.5"},    {0.01, "0.01"},
                 {20, "20"},    {1000, "1 k"}, {2e9, "2 G"},    {1e12, "1 T"},
                 {1e15, "1 P"}, {-5, "-5"},    {2.5e6, "2.5 M"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        sz_tick_text(cases[i].value, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_ticks(void **state) {
    sz_tick ticks[SZ_MAX_TICKS];
    const sz_scale decades = {.lo = 0.9, .hi = 1100};
    size_t labelled = 0;
    (void)state;
    const size_t n = sz_scale_ticks(&decades, ticks);
    for (size_t i = 0; i < n; i++) {
        assert_true(ticks[i].value >= 0.9 && ticks[i].value <= 1100);
        labelled += ticks[i].labelled;
    }
    assert_int_equal(labelled, 4); // 1, 10, 100, 1000
    const sz_scale far = {.lo = 1e-150, .hi = 1e150}, line = {.lo = 0, .hi = 7, .linear = true};
    assert_true(sz_scale_ticks(&far, ticks) <= SZ_MAX_TICKS);
    const size_t m = sz_scale_ticks(&line, ticks);
    assert_true(m >= 4 && m <= 9 && ticks[0].value == 0);
}

static void test_spread(void **state) {
    double at[] = {10, 11, 12, 13, 50, 51, 99, 100, 101};
    enum { N = sizeof at / sizeof at[0] };
    (void)state;
    sz_spread(at, N, 10, 5, 105);
    for (size_t i = 0; i < N; i++) {
        assert_true(at[i] >= 5 - 1e-9 && at[i] <= 105 + 1e-9);
        if (i) assert_true(at[i] >= at[i - 1] + 10 - 1e-6);
    }
    double free_ones[] = {10, 30, 60};
    sz_spread(free_ones, 3, 10, 0, 100);
    assert_true(free_ones[0] == 10 && free_ones[1] == 30 && free_ones[2] == 60);
}

static void test_clash(void **state) {
    sz_places p = {.ctx = ctx, .left = 0, .top = 0, .right = 100, .bottom = 100};
    const sz_label_box taken = {50, 50, 20, 10, 45}, beside = {50, 70, 20, 10, 0};
    const sz_label_box over = {52, 50, 20, 10, 0}, outside = {99, 50, 20, 10, 0};
    (void)state;
    sz_places_take(&p, &taken);
    assert_int_equal(sz_places_clash(&p, &beside), 0);
    assert_int_equal(sz_places_clash(&p, &over), 2);
    assert_int_equal(sz_places_clash(&p, &outside), 2);
    sz_places_line(&p, (sz_xy){0, 70}, (sz_xy){100, 70});
    assert_int_equal(sz_places_clash(&p, &beside), 1);
    sz_places_finish(&p);
}

// ---- a roofline with everything close together -------------------------------------------------

static sz_plot *crowded(void) {
    static const double slopes[] = {480e9, 236e9, 100e9, 36e9};
    sz_plot *plot;
    char label[64];
    assert_int_equal(sz_plot_create(ctx, &plot), SZ_OK);
    sz_plot_title(plot, "Roofline of everything", "with labels that want the same places");
    const sz_plot_axis x = {"FLOP/B", 0.05, 500, 0}, y = {"FLOP/s", 1e9, 2e12, 0};
    sz_plot_set_axis(plot, 0, &x);
    sz_plot_set_axis(plot, 1, &y);
    for (int i = 0; i < 4; i++) {
        const double xs[2] = {1e-3, 1000e9 / slopes[i]}, ys[2] = {1e-3 * slopes[i], 1000e9};
        snprintf(label, sizeof label, "L%d %.0f GB/s", i + 1, slopes[i] / 1e9);
        const sz_plot_line line = {xs, ys, 2, label, SZ_PLOT_MEMORY, SZ_PLOT_ALONG};
        sz_plot_add_line(plot, &line);
    }
    for (int i = 0; i < 24; i++) {
        const double rate = 1000e9 / (1 + 0.1 * i), xs[2] = {rate / 480e9, 1e9};
        const double ys[2] = {rate, rate};
        snprintf(label, sizeof label, "f32 kind %d, vector %.0f GFLOP/s", i, rate / 1e9);
        const sz_plot_line line = {xs, ys, 2, label, SZ_PLOT_ROOF, i ? 0 : SZ_PLOT_BOLD};
        sz_plot_add_line(plot, &line);
        snprintf(label, sizeof label, "%.1f", rate / 36e9);
        const sz_plot_point ring = {
            .x = rate / 36e9, .y = rate, .label = label, .color = SZ_PLOT_ROOF};
        sz_plot_add_point(plot, &ring);
    }
    for (int i = 0; i < 40; i++) {
        const sz_plot_point dot = {.x = 0.1 * (i + 1),
                                   .y = 3.6e9 * (i + 1),
                                   .share = i / 40.0,
                                   .tip = "a layer",
                                   .color = SZ_PLOT_SERIES + i % 8};
        sz_plot_add_point(plot, &dot);
    }
    for (int i = 0; i < 8; i++) sz_plot_add_legend(plot, SZ_PLOT_SERIES + i, "LayerNormalization");
    sz_plot_note(plot, "A note of %d words or so that ends up below the picture.", 11);
    return plot;
}

// No text covers another, and none leaves the picture.
static void check_texts(const sz_look *look) {
    sz_plot *plot = crowded();
    sz_drawing d;
    sz_places p = {.ctx = ctx};
    int labels = 0;
    assert_int_equal(sz_draw(ctx, plot, look, &d), SZ_OK);
    p.right = d.width, p.bottom = d.height;
    for (size_t i = 0; i < d.shapes.n; i++) {
        const sz_shape *s = &d.shapes.items[i];
        if (s->kind != SZ_SHAPE_TEXT) continue;
        const double w = sz_look_width(look, s->text, s->size);
        const double h = look->cell_h > 0 ? look->cell_h - 1 : s->size;
        const double y = look->cell_h > 0 ? ((int)(s->y / look->cell_h) + 0.5) * look->cell_h
                                          : s->y;
        const sz_label_box box = {s->x - s->anchor * w / 2, y, w - 0.01, h, s->angle};
        if (sz_places_clash(&p, &box) != 0) print_message("no free place: %s\n", s->text);
        assert_int_equal(sz_places_clash(&p, &box), 0);
        sz_places_take(&p, &box);
        labels += strstr(s->text, "GFLOP/s") != NULL;
    }
    assert_int_equal(labels, 24); // every roof has its name
    sz_places_finish(&p);
    sz_drawing_finish(&d);
    sz_plot_destroy(plot);
}

static void test_no_overlap(void **state) {
    (void)state;
    check_texts(&picture);
    check_texts(&terminal);
}

// ---- writers -----------------------------------------------------------------------------------

static sz_plot *small(const char *name) {
    static const double x[2] = {1, 100}, y[2] = {1e9, 1e11};
    sz_plot *plot;
    assert_int_equal(sz_plot_create(ctx, &plot), SZ_OK);
    sz_plot_title(plot, name, NULL);
    const sz_plot_axis ax = {"x", 0, 0, 0}, ay = {"y", 0, 0, 0};
    sz_plot_set_axis(plot, 0, &ax);
    sz_plot_set_axis(plot, 1, &ay);
    const sz_plot_line line = {x, y, 2, name, SZ_PLOT_ROOF, SZ_PLOT_BOLD};
    sz_plot_add_line(plot, &line);
    for (int i = 0; i < 8; i++) {
        const sz_plot_point p = {
            .x = 2 + 8 * i, .y = 4e10, .share = 0.5, .tip = name, .color = SZ_PLOT_SERIES + i};
        sz_plot_add_point(plot, &p);
    }
    sz_plot_add_legend(plot, SZ_PLOT_SERIES, name);
    return plot;
}

static sz_status write_plot(const char *name, const sz_plot_options *options, sz_buf *buf) {
    sz_plot *plot = small(name);
    sz_buf_init(buf, ctx);
    const sz_status status = sz_plot_write(ctx, plot, options, buf);
    sz_plot_destroy(plot);
    return status;
}

// SIZEUP_UPDATE=1 rewrites the expectation; the diff is the review.
static void test_svg_golden(void **state) {
    char path[4096];
    static char want[1 << 16];
    sz_buf buf;
    (void)state;
    snprintf(path, sizeof path, "%s/plot.svg", folder);
    assert_int_equal(write_plot("a < b & \"c\"", &(sz_plot_options){.format = "svg"}, &buf), SZ_OK);
    FILE *file = fopen(path, getenv("SIZEUP_UPDATE") ? "w+" : "r");
    assert_non_null(file);
    if (getenv("SIZEUP_UPDATE")) {
        assert_int_equal(fwrite(buf.data, 1, buf.size, file), buf.size);
        rewind(file);
    }
    const size_t n = fread(want, 1, sizeof want, file);
    fclose(file);
    assert_int_equal(n, buf.size);
    assert_memory_equal(want, buf.data, n);
    sz_buf_finish(&buf);
}

// A name from a file must never act on the sink.
static void test_hostile_names(void **state) {
    static const char name[] = "<script>\x1b[31m\xff</svg>\n";
    static const char *const formats[] = {"svg", "text"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sz_buf buf;
        assert_int_equal(write_plot(name, &(sz_plot_options){.format = formats[i]}, &buf), SZ_OK);
        sz_buf_putc(&buf, '\0');
        assert_int_equal(sz_buf_status(&buf), SZ_OK);
        assert_null(strstr(buf.data, i == 0 ? "<script" : "\x1b"));
        assert_null(strchr(buf.data, '\x1b'));
        assert_null(strchr(buf.data, '\xff'));
        sz_buf_finish(&buf);
    }
}

static void test_terminal(void **state) {
    (void)state;
    for (int width = 40; width <= 120; width += 20) {
        sz_buf buf;
        const sz_plot_options options = {.format = "text", .width = width, .ascii = width == 60};
        assert_int_equal(write_plot("plain", &options, &buf), SZ_OK);
        size_t start = 0;
        for (size_t i = 0; i < buf.size; i++) {
            if (options.ascii) assert_true((unsigned char)buf.data[i] < 0x80);
            if (buf.data[i] != '\n') continue;
            assert_true(sz_text_width(buf.data + start, i - start) <= (size_t)width);
            start = i + 1;
        }
        assert_true(start == buf.size && start > 0);
        sz_buf_finish(&buf);
    }
}

static void test_png(void **state) {
    sz_buf buf;
    (void)state;
    const sz_status status = write_plot("png", &(sz_plot_options){.format = "png"}, &buf);
    if (status == SZ_OK)
        assert_memory_equal(buf.data, "\x89PNG\r\n\x1a\n", 8);
    else {
        assert_int_equal(status, SZ_ERR_UNAVAILABLE); // no cairo here
        assert_non_null(strstr(sz_ctx_error(ctx), "cairo"));
    }
    sz_buf_finish(&buf);
}

static void test_odd_plots(void **state) {
    static const double odd[4] = {0, -1, 1.0 / 0.0, 5};
    sz_plot *plot;
    sz_buf buf;
    (void)state;
    sz_buf_init(&buf, ctx);
    assert_int_equal(sz_plot_create(ctx, &plot), SZ_OK);
    assert_int_equal(sz_plot_write(ctx, plot, &(sz_plot_options){.format = "svg"}, &buf), SZ_OK);
    const sz_plot_line line = {odd, odd, 4, "odd", 999, SZ_PLOT_MARKED};
    sz_plot_add_line(plot, &line);
    assert_int_equal(sz_plot_write(ctx, plot, &(sz_plot_options){.format = "text"}, &buf), SZ_OK);
    assert_int_equal(sz_plot_write(ctx, plot, &(sz_plot_options){.format = "gif"}, &buf),
                     SZ_ERR_USAGE);
    sz_plot_destroy(plot);
    sz_buf_finish(&buf);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tick_text),     cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_spread),        cmocka_unit_test(test_clash),
        cmocka_unit_test(test_no_overlap),    cmocka_unit_test(test_svg_golden),
        cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_png),           cmocka_unit_test(test_odd_plots),
    };
    folder = argc > 1 ? argv[1] : ".";
    ctx = sz_ctx_create(NULL);
    const int failed = ctx ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    sz_ctx_destroy(ctx);
    return failed;
}
