// SPDX-License-Identifier: Apache-2.0
// Tiles, waves and power, worked out by hand: a card of which one unit takes a second for a tile.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "predict/tiles.h"

#include <sizeup/predict.h>

static void near_to(double have, double want) {
    if (!(fabs(have - want) <= 1e-9 * fabs(want))) fail_msg("%.12g is not %.12g", have, want);
}

// Ten units, each of which computes 128 x 128 at a depth of 100 in a second. Bytes cost nothing.
static const sz_card card = {.units = 10,
                             .flop_per_s = 10 * 2 * 128.0 * 128 * 100,
                             .byte_per_s = INFINITY,
                             .watts = NAN,
                             .joule_per_flop = NAN,
                             .joule_per_byte = NAN,
                             .element_bytes = 4};
static const sz_tile_costs nothing = {0, 0, 0, 0};

static void one_wave(void **state) {
    const sz_product p = {1, 1280, 128, 100};
    const sz_tiled t = sz_tile_product(&card, &p, &nothing);
    (void)state;
    near_to(t.time_s, 1);
    near_to(t.waves, 1);
}

// Eleven tiles are two waves. Tiles of 64 x 32 are 88, 9 waves of an eighth of a second each.
static void last_wave(void **state) {
    const sz_product p = {1, 1408, 128, 100}, batched = {11, 128, 128, 100};
    const sz_tiled t = sz_tile_product(&card, &p, &nothing);
    (void)state;
    near_to(t.time_s, 1.125);
    assert_int_equal(t.rows * t.columns, 64 * 32);
    near_to(t.waves, 8.8);
    near_to(sz_tile_product(&card, &batched, &nothing).time_s, 1.125);
    // Where small tiles are slow: 2 waves of 128 x 128 against 3 of 128 x 64 at 1.5 of its time.
    const sz_tile_costs feed = {.feed = 64};
    const sz_tiled large = sz_tile_product(&card, &p, &feed);
    near_to(large.time_s, 2);
    assert_int_equal(large.rows * large.columns, 128 * 128);
}

// 96 columns fill three tiles of 32; nothing fills 100 but 128.
static void padding(void **state) {
    const sz_product fits = {1, 1280, 96, 100}, juts = {1, 1280, 100, 100};
    (void)state;
    near_to(sz_tile_product(&card, &fits, &nothing).time_s, 0.75);
    near_to(sz_tile_product(&card, &juts, &nothing).time_s, 1);
}

static void prologue(void **state) {
    const sz_product p = {1, 1280, 128, 100};
    const sz_tile_costs costs = {.prologue = 100};
    (void)state;
    near_to(sz_tile_product(&card, &p, &costs).time_s, 2);
}

// One tile of 128 x 128 and four units: its depth is split in four, of at least 256 each.
static void split(void **state) {
    sz_card four = card;
    const sz_tile_costs only_large = {.feed = 1e6};
    const sz_product deep = {1, 128, 128, 1024}, shallow = {1, 128, 128, 500};
    (void)state;
    four.units = 4;
    four.flop_per_s = 4 * 2 * 128.0 * 128 * 1024;
    const sz_tiled t = sz_tile_product(&four, &deep, &only_large);
    near_to(t.time_s, 0.25);
    assert_int_equal(t.splits, 4);
    const sz_tiled whole = sz_tile_product(&four, &shallow, &only_large);
    near_to(whole.time_s, 500.0 / 1024);
    assert_int_equal(whole.splits, 1);
    // 4 parts of 64 KiB, written and read, and the operands: 4 x 16384 x 4 x 2 + 4 x (2 x 128 x
    // 1024
    // + 16384) bytes. At so few bytes per second that this is longest, it is not split.
    four.byte_per_s = 4 * (2 * 128.0 * 1024 + 16384);
    const sz_tiled slow = sz_tile_product(&four, &deep, &only_large);
    near_to(slow.time_s, 1);
    assert_int_equal(slow.splits, 1);
}

// A product with a vector streams: roofline, without tiles.
static void vector(void **state) {
    const sz_product p = {1, 1000, 1, 100};
    sz_card slow = card;
    (void)state;
    near_to(sz_tile_product(&card, &p, &nothing).time_s, 2 * 1000 * 100 / card.flop_per_s);
    slow.byte_per_s = 4;
    near_to(sz_tile_product(&slow, &p, &nothing).time_s, 1000 * 100 + 100 + 1000);
}

// 1280 x 128 x 100 multiply-adds at 2 J over 16 W, the bytes at 1 J.
static void power(void **state) {
    const sz_product p = {1, 1280, 128, 100};
    sz_card limited = card;
    (void)state;
    limited.watts = 16, limited.joule_per_flop = 1, limited.joule_per_byte = NAN;
    near_to(sz_power_time(&limited, 32, 100), 2);
    limited.joule_per_byte = 1;
    near_to(sz_power_time(&limited, 32, 16), 3);
    near_to(sz_power_time(&card, 32, 16), 0);
    limited.joule_per_byte = NAN;
    near_to(sz_tile_product(&limited, &p, &nothing).time_s, 2 * 1280 * 128 * 100 / 16.0);
    // A quarter of the energy of what juts out is spent: 100 of 128 columns are asked for.
    const sz_product juts = {1, 1280, 100, 100};
    const sz_tile_costs quarter = {.padding = 0.25, .feed = 1e9};
    near_to(sz_tile_product(&limited, &juts, &quarter).power_s,
            2 * 1280 * 100 * (0.75 * 100 + 0.25 * 128) / 16);
}

// A depth at which the units drift apart: all reads of the tiles come from memory.
static void apart(void **state) {
    const sz_product p = {1, 128, 128, 16384}, half = {1, 128, 128, 8192};
    const sz_tile_costs costs = {.apart = 2, .feed = 1e9};
    sz_card slow = card;
    (void)state;
    slow.flop_per_s = INFINITY, slow.byte_per_s = 4;
    near_to(sz_tile_product(&slow, &p, &costs).apart_s, 2 * (128 + 128) * 16384.0);
    near_to(sz_tile_product(&slow, &half, &costs).apart_s, (128 + 128) * 8192.0);
}

// ---- data sheets -------------------------------------------------------------------------------

static sz_prediction predict(sz_ctx *ctx, const char *net, const char *machine, const char *level,
                             const char **ret_level) {
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    sz_machine *m = NULL;
    sz_estimate *e = NULL;
    const sz_predict_options options = {.level = level};
    if (sz_model_parse(ctx, net, NULL, &model) != SZ_OK ||
        sz_costs_create(ctx, model, NULL, &costs) != SZ_OK ||
        sz_machine_load(ctx, machine, NULL, &m) != SZ_OK ||
        sz_estimate_create(ctx, costs, m, &options, &e) != SZ_OK)
        fail_msg("%s", sz_ctx_error(ctx));
    const sz_prediction t = sz_estimate_total(e);
    *ret_level = strcmp(sz_estimate_level(e), "tiles") == 0 ? "tiles" : "roofline";
    sz_estimate_destroy(e);
    sz_machine_destroy(m);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return t;
}

#define GRAPH(body) "graph net opset=17 {" body " output y }"
static const char product_net[] = GRAPH("input x: f32[12,512,64] input w: f32[12,64,512] "
                                        "y = MatMul(x, w)");
static const char convolution_net[] = GRAPH("input x: f32[8,64,56,56] w = const f32[64,64,3,3] "
                                            "y = Conv(x, w) {pads=[1,1,1,1]}");

// A net of one product takes what its tiles take, and no less than the roofline says.
static void of_nets(void **state) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    const struct {
        const char *net;
        sz_product p;
    } cases[] = {{product_net, {12, 512, 512, 64}}, {convolution_net, {1, 8 * 56 * 56, 64, 576}}};
    const sz_card v100 = {.units = 80,
                          .flop_per_s = 14e12,
                          .byte_per_s = 900e9,
                          .watts = 250,
                          .joule_per_flop = NAN,
                          .joule_per_byte = NAN,
                          .element_bytes = 4};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *level;
        const sz_tiled want = sz_tile_product(&v100, &cases[i].p, &sz_tile_costs_fitted);
        const sz_prediction t = predict(ctx, cases[i].net, "v100-pcie", "tiles", &level);
        const sz_prediction roof = predict(ctx, cases[i].net, "v100-pcie", "roofline", &level);
        near_to(t.computation_s, fmax(want.compute_s, want.apart_s));
        assert_true(t.time_s >= roof.time_s && t.time_s < 2 * roof.time_s);
        near_to(t.time_lo_s, roof.time_lo_s); // a library may cut better
    }
    sz_ctx_destroy(ctx);
}

// A CPU has no tiles that we know: the next best level is given, and named.
static void of_others(void **state) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *level = NULL;
    (void)state;
    const sz_prediction t = predict(ctx, product_net, "xeon8380", "tiles", &level);
    assert_string_equal(level, "roofline");
    assert_true(t.time_s > 0);
    assert_int_equal(sz_ctx_warning_count(ctx), 1);
    assert_non_null(strstr(sz_ctx_warning(ctx, 0), "the roofline is given"));
    sz_ctx_destroy(ctx);
}

// 70 W over 250 W / 14 TFLOP/s is 3.92 TFLOP/s, half of what the sheet of the T4 says. What was
// measured of it (NeuSight) is 0.48 of the peak in the median of 1,040 products.
static void of_a_small_card(void **state) {
    static const char large[] = GRAPH("input x: f32[8192,1024] w = const f32[1024,8192] "
                                      "y = MatMul(x, w)");
    const double flops = 2 * 8192.0 * 8192 * 1024;
    const double bytes = 4 * (2 * 8192.0 * 1024 + 8192.0 * 8192);
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *level;
    (void)state;
    const sz_prediction t = predict(ctx, large, "t4", "roofline", &level);
    const sz_prediction bound = predict(ctx, large, "t4", "bound", &level);
    near_to(t.time_s, (flops * 3.5714e-11 / 2 + bytes * 5.1875e-11) / 70);
    near_to(bound.time_s, flops / 8.1e12);
    near_to(t.time_lo_s, flops / 8.1e12);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wave),  cmocka_unit_test(last_wave),      cmocka_unit_test(padding),
        cmocka_unit_test(prologue),  cmocka_unit_test(split),          cmocka_unit_test(vector),
        cmocka_unit_test(power),     cmocka_unit_test(apart),          cmocka_unit_test(of_nets),
        cmocka_unit_test(of_others), cmocka_unit_test(of_a_small_card)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
