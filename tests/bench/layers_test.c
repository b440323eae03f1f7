// SPDX-License-Identifier: Apache-2.0
// Layers: how long they are looked at, what the nodes of a layer are worth, and which roof holds a
// layer down, all on made-up runs of small nets whose counts are worked out by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/backends/profiles.h"
#include "run/bench/layers.h"

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= 1e-9 * fabs(b))

// A run whose layers are what the test says.
typedef struct fake {
    sz_run_layer layers[4];
    size_t n;
    double now, each_s, settle; // the medians shrink by `settle` with each profile
    double whole_s;             // of a run that is not looked at; half of it after another such
    bool again;
    int64_t profiles, wholes;
} fake;

static sz_status fake_run(void *state) {
    fake *f = state;
    f->wholes++;
    f->now += f->again ? f->whole_s / 2 : f->whole_s;
    f->again = true;
    return SZ_OK;
}

static sz_status fake_profile(void *state) {
    fake *f = state;
    f->again = false;
    f->profiles++;
    f->now += f->each_s;
    for (size_t i = 0; i < f->n; i++) f->layers[i].time_s *= 1 - f->settle;
    return SZ_OK;
}
static size_t fake_count(void *state) { return ((const fake *)state)->n; }
static sz_run_layer fake_layer(void *state, size_t i) { return ((const fake *)state)->layers[i]; }
static double fake_clock(void *user) { return ((const fake *)user)->now; }

static const sz_runner_type fake_type = {
    .run = fake_run, .profile = fake_profile, .layer_count = fake_count, .layer = fake_layer};

static sz_str str(const char *s) { return (sz_str){s, strlen(s)}; }

// ---- how long ----------------------------------------------------------------------------------

static sz_profiling profile_of(fake *f, const sz_runner *r, double budget_s) {
    sz_profiling p = {.r = r, .clock = fake_clock, .clock_user = f, .budget_s = budget_s};
    while (!p.is_done) assert_int_equal(sz_profile_turn(&p), SZ_OK);
    assert_int_equal(p.runs, f->profiles);
    return p;
}

static void ends_when_times_stand_still(void **state) {
    (void)state;
    fake still = {.layers = {{.time_s = 1e-3}}, .n = 1, .each_s = 1e-3, .whole_s = 1.9e-3};
    fake moving = {.layers = {{.time_s = 1e-3}}, .n = 1, .each_s = 1e-3, .settle = 0.01};
    fake slow = {.layers = {{.time_s = 1}}, .n = 1, .each_s = 1, .whole_s = 1};
    const sz_runner a = {&fake_type, &still}, b = {&fake_type, &moving}, c = {&fake_type, &slow};
    // one and one, 2.9 ms, then blocks of 10 and 10, since the slowest took 1.9 of 20 ms; 20.45 ms
    // each: a tenth of a second is over at the fifth
    assert_int_equal(profile_of(&still, &a, 10).runs, 1 + 5 * 10);
    assert_int_equal(profile_of(&moving, &b, 10).runs, SZ_MAX_PROFILES);
    assert_int_equal(profile_of(&slow, &c, 0.5).runs, SZ_MIN_PROFILES); // five even beyond the time
}

// The first run of a block finds the caches as the profiled ones left them.
static void whole_runs_take_turns(void **state) {
    (void)state;
    fake quick = {.layers = {{.time_s = 1e-3}}, .n = 1, .each_s = 1e-3, .whole_s = 1.9e-3};
    fake slow = {.layers = {{.time_s = 1}}, .n = 1, .each_s = 1, .whole_s = 2};
    const sz_runner a = {&fake_type, &quick}, b = {&fake_type, &slow};
    sz_profiling p = profile_of(&quick, &a, 10);
    assert_int_equal(quick.wholes, 1 + 5 * 10);
    assert_int_equal(p.whole_runs, 1 + 5 * 9);
    const sz_profile_whole whole = sz_profile_end(&p);
    assert_near(whole.median_s, 0.95e-3);
    assert_near(whole.quick_s, 0.95e-3); // twelve of the 46
    p = profile_of(&slow, &b, 0.5);
    assert_int_equal(p.whole_runs, SZ_MIN_PROFILES); // one and one
    assert_near(sz_profile_end(&p).median_s, 2.0);
}

static void needs_a_library_that_tells(void **state) {
    (void)state;
    static const sz_runner_type silent = {.layer_count = fake_count, .layer = fake_layer};
    fake f = {.n = 0};
    const sz_runner r = {&silent, &f};
    sz_profiling p = profile_of(&f, &r, 1);
    assert_int_equal(p.runs, 0);
    assert_true(isnan(sz_profile_end(&p).median_s));
}

// Eight runs of two layers: the layers of a run rise and fall together, in tenths; the quickest two
// are runs 3 and 6, the middle third those of 1.2 to 1.5.
static void believes_whole_runs(void **state) {
    (void)state;
    static const double pace[] = {1.2, 1.3, 2.0, 1.0, 1.5, 1.4, 1.0, 1.9};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_arena arena;
    sz_profiles p;
    sz_arena_init(&arena, ctx);
    assert_int_equal(sz_profiles_init(ctx, &arena, 2, &p), SZ_OK);
    assert_true(isnan(sz_profiles_usual(&p, 0)));
    assert_near(sz_profiles_quickness(&p), 1.0);
    for (int r = 0; r < 8; r++) {
        sz_profiles_put(&p, 0, pace[r] * 1e-3);
        sz_profiles_put(&p, 1, pace[r] * 2e-3);
        sz_profiles_end(&p, pace[r] * 4e-3); // and what lies between layers
    }
    assert_near(sz_profiles_quick(&p, 0), 1e-3);
    assert_near(sz_profiles_quick(&p, 1), 2e-3);
    assert_near(sz_profiles_usual(&p, 1), (1.2 + 1.3 + 1.4 + 1.5) / 4 * 2e-3);
    assert_near(sz_profiles_quickness(&p), 8 / (1.2 + 1.3 + 2 + 1 + 1.5 + 1.4 + 1 + 1.9));
    sz_arena_finish(&arena);
    sz_ctx_destroy(ctx);
}

// ---- counts ------------------------------------------------------------------------------------

static json_t *layers_of(sz_ctx *ctx, sz_model *m, const char *backend, fake *f) {
    const sz_runner r = {&fake_type, f};
    sz_buf buf;
    sz_json j;
    sz_buf_init(&buf, ctx);
    sz_json_init(&j, &buf, 0);
    sz_json_begin_object(&j);
    assert_int_equal(sz_layers_put(ctx, &j, m, backend, &r, true), SZ_OK);
    sz_json_end_object(&j);
    json_t *whole = json_loadb(buf.data, buf.size, 0, NULL);
    json_t *layers = json_incref(json_object_get(whole, "layers"));
    json_decref(whole);
    sz_buf_finish(&buf);
    assert_non_null(layers);
    return layers;
}

static json_int_t whole_at(const json_t *layers, size_t i, const char *key) {
    const json_t *v = json_object_get(json_array_get(layers, i), key);
    return v ? json_integer_value(v) : -1;
}

static double number_at(const json_t *layers, size_t i, const char *key) {
    return json_number_value(json_object_get(json_array_get(layers, i), key));
}

// One hidden layer of 8: MatMul [2,4]x[4,8], Add, Relu; MatMul [2,8]x[8,3], Add.
static sz_model *small_mlp(sz_ctx *ctx) {
    sz_model *m;
    assert_int_equal(sz_model_load(ctx, "mlp:layers=1,input=4,width=8,output=3,batch=2", NULL, &m),
                     SZ_OK);
    assert_true(m->graph->nodes.n >= 4);
    return m;
}

// The product and what follows it in one kernel: the product's result never reaches memory.
static void counts_a_fusion_at_its_border(void **state) {
    (void)state;
    static const sz_node_id fused[] = {0, 1, 2}, rest[] = {3};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = small_mlp(ctx);
    fake f = {.layers = {{.name = str("fused"), .sources = fused, .n_sources = 3, .time_s = 1e-6},
                         {.name = str("rest"), .sources = rest, .n_sources = 1, .time_s = 3e-6},
                         {.name = str("put in"), .time_s = 1e-6}},
              .n = 3};
    json_t *layers = layers_of(ctx, m, NULL, &f);
    assert_int_equal(whole_at(layers, 0, "macs"), 2 * 4 * 8);
    assert_int_equal(whole_at(layers, 0, "flops"), 2 * 2 * 4 * 8 + 2 * 8 + 2 * 8);
    // input, weights, bias in; the activations out
    assert_int_equal(whole_at(layers, 0, "bytes_moved"), 4 * (2 * 4 + 4 * 8 + 8 + 2 * 8));
    assert_int_equal(whole_at(layers, 1, "macs"), 2 * 8 * 3);
    assert_int_equal(whole_at(layers, 1, "bytes_moved"), 4 * (2 * 8 + 8 * 3 + 2 * 3));
    assert_int_equal(whole_at(layers, 2, "flops"), -1); // no node of the net
    json_decref(layers);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// A stride that the library gives to the layer before: it computes a quarter of the places.
static void counts_strides_where_they_ran(void **state) {
    (void)state;
    static const char text[] = "graph g opset=17 {\n"
                               "  input x: f32[1,3,8,8]\n"
                               "  w = const f32[4,3,3,3]\n"
                               "  p = const f32[5,4,1,1]\n"
                               "  h = Conv(x, w) {pads=[1,1,1,1]}\n"
                               "  y = Conv(h, p) {strides=[2,2]}\n"
                               "  output y\n"
                               "}\n";
    static const sz_node_id first[] = {0}, second[] = {1};
    static const char *const backends[] = {"onednn", "openvino"};
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (int k = 0; k < 2; k++) {
        sz_model *m = NULL;
        if (sz_model_parse(ctx, text, NULL, &m) != SZ_OK)
            fail_msg("%s", sz_ctx_error(ctx));
        fake f = {.layers = {{.name = str("a"), .sources = first, .n_sources = 1, .time_s = 1e-6},
                             {.name = str("b"), .sources = second, .n_sources = 1, .time_s = 1e-6}},
                  .n = 2};
        json_t *layers = layers_of(ctx, m, backends[k], &f);
        const int places = k == 0 ? 64 : 16;
        assert_int_equal(whole_at(layers, 0, "macs"), places * 4 * 27);
        assert_int_equal(whole_at(layers, 1, "macs"), 16 * 5 * 4);
        json_decref(layers);
        sz_model_destroy(m);
    }
    sz_ctx_destroy(ctx);
}

// Two layers share a node: neither can be given its counts.
static void tells_no_counts_of_a_split_node(void **state) {
    (void)state;
    static const sz_node_id both[] = {0}, other[] = {1};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = small_mlp(ctx);
    fake f = {.layers = {{.name = str("a"), .sources = both, .n_sources = 1, .time_s = 1e-6},
                         {.name = str("b"), .sources = both, .n_sources = 1, .time_s = 1e-6},
                         {.name = str("c"), .sources = other, .n_sources = 1, .time_s = 1e-6}},
              .n = 3};
    json_t *layers = layers_of(ctx, m, NULL, &f);
    assert_int_equal(whole_at(layers, 0, "flops"), -1);
    assert_int_equal(whole_at(layers, 1, "flops"), -1);
    assert_int_equal(whole_at(layers, 2, "flops"), 2 * 8);
    json_decref(layers);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// One of the two takes nearly all of the time: it is what does the node.
static void gives_a_split_node_to_the_longer(void **state) {
    (void)state;
    static const sz_node_id both[] = {0};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m = small_mlp(ctx);
    fake f = {.layers = {{.name = str("a"), .sources = both, .n_sources = 1, .time_s = 1e-6},
                         {.name = str("b"), .sources = both, .n_sources = 1, .time_s = 4e-6}},
              .n = 2};
    json_t *layers = layers_of(ctx, m, NULL, &f);
    assert_int_equal(whole_at(layers, 0, "flops"), -1);
    assert_int_equal(whole_at(layers, 1, "macs"), 2 * 4 * 8);
    json_decref(layers);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// ---- roofs -------------------------------------------------------------------------------------

// 1 core of 1 GHz and 16 multiply-adds a cycle: 32 GFLOP/s; 10 GB/s from memory.
static void names_the_roof(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_machine *m;
    assert_int_equal(sz_machine_synthetic(ctx, "cpu:cores=1,clock=1e9,fma=32,dram=10e9", &m),
                     SZ_OK);
    const double roof = sz_roof_for(m, "f32", 1);
    assert_false(isnan(roof));
    json_t *layers = json_pack(
        "[{s:s, s:s, s:f, s:i, s:i}, {s:s, s:s, s:f, s:i, s:i}, {s:s, s:s, s:f}, {s:s}]", //
        "backend", "onednn", "dtype", "f32", "time_s", 2 * 1e6 / roof, "flops", 1000000,
        "bytes_moved", 100, // half the roof of arithmetic
        "backend", "onednn", "dtype", "f32", "time_s", 1e-3, "flops", 1000, "bytes_moved",
        2500000, // a quarter of the bandwidth
        "backend", "onednn", "dtype", "f32", "time_s", 5e-4, "name", "not timed");
    const double sum = sz_layers_rate(layers, m, 1);
    assert_near(sum, 2 * 1e6 / roof + 1e-3 + 5e-4);
    assert_near(number_at(layers, 0, "of_roof"), 0.5);
    assert_string_equal(json_string_value(json_object_get(json_array_get(layers, 0), "roof")),
                        "compute");
    assert_near(number_at(layers, 1, "of_roof"), 0.25);
    assert_string_equal(json_string_value(json_object_get(json_array_get(layers, 1), "roof")),
                        "DRAM");
    assert_near(number_at(layers, 1, "byte_per_s"), 2.5e9);
    assert_near(number_at(layers, 2, "share"), 5e-4 / sum);
    assert_null(json_object_get(json_array_get(layers, 2), "of_roof"));
    assert_null(json_object_get(json_array_get(layers, 3), "share"));
    json_decref(layers);
    sz_machine_destroy(m);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_when_times_stand_still),
        cmocka_unit_test(whole_runs_take_turns),
        cmocka_unit_test(needs_a_library_that_tells),
        cmocka_unit_test(believes_whole_runs),
        cmocka_unit_test(counts_a_fusion_at_its_border),
        cmocka_unit_test(counts_strides_where_they_ran),
        cmocka_unit_test(tells_no_counts_of_a_split_node),
        cmocka_unit_test(gives_a_split_node_to_the_longer),
        cmocka_unit_test(names_the_roof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
