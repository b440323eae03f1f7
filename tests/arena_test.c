// SPDX-License-Identifier: Apache-2.0
// Memory of an inference: views, in-place operators, and buffers in an arena.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

#include <sizeup/cost.h>

static const char *folder; // of this file

typedef struct loaded {
    sz_ctx *ctx;
    sz_model *model;
    sz_costs *costs;
} loaded;

static loaded finish(sz_ctx *ctx, sz_status status, sz_model *model) {
    loaded l = {ctx, model, NULL};
    if (status == SZ_OK) status = sz_costs_create(ctx, model, NULL, &l.costs);
    if (status != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    return l;
}

static loaded parse(const char *text) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    const sz_status status = sz_model_parse(ctx, text, NULL, &model);
    return finish(ctx, status, model);
}

static loaded load(const char *name) {
    char path[1024];
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    snprintf(path, sizeof path, "%s/models/%s.onnx", folder, name);
    const sz_status status = sz_model_load(ctx, path, NULL, &model);
    return finish(ctx, status, model);
}

static void done(loaded *l) {
    sz_costs_destroy(l->costs);
    sz_model_destroy(l->model);
    sz_ctx_destroy(l->ctx);
}

// Bytes of 8 f32 numbers: 32. As written / with sharing / in an arena, worked out by hand.
typedef struct case_by_hand {
    const char *text;
    int64_t written, in_place, arena, buffers, in_place_nodes;
} case_by_hand;

static const case_by_hand cases[] = {
    // a may not write over the input; b may not write over a, which c reads; c writes over a.
    // Written: a, b and c at the end. In place: x, a; a, b; a = c, b.
    {"input x: f32[8]; a = Relu(x); b = Relu(a); c = Add(a, b); output c", 96, 64, 64, 3, 1},
    // x, a; then all in the place of a. c is an output: nothing writes over it, but it may be
    // written where b was.
    {"input x: f32[8]; a = Relu(x); b = Neg(a); c = Exp(b); output c", 64, 64, 64, 2, 2},
    // r shows a: softmax reads it, and does not work in place. x, a; a = r, s.
    {"input x: f32[8]; n = const i64[2] {2,4}; a = Relu(x); r = Reshape(a, n); s = Softmax(r)"
     " output s",
     64, 64, 64, 3, 0},
    // The view keeps a alive until c: b must not write over it.
    {"input x: f32[8]; n = const i64[2] {2,4}; a = Relu(x); r = Reshape(a, n); b = Neg(a)"
     " m = Reshape(b, n); c = Add(r, m); output c",
     96, 64, 64, 3, 1},
    // Sizes differ: sums of rows cannot take the place of what they add up.
    {"input x: f32[2,4]; a = Relu(x); s = ReduceSum@11(a) {axes=[1]}; c = Add(a, s); output c", 72,
     64, 64, 3, 1},
    // Outputs stay to the end.
    {"input x: f32[8]; a = Relu(x); b = Neg(a); output a, b", 64, 64, 64, 3, 0},
    // Products: x 16, a 64 numbers, b 16, c 64: while c is made, b 64 bytes + c 256; a and b 320.
    // x goes between: largest first a at 0, c at 0 (never alive with a), x and b at 256.
    {"input x: f32[4,4]; v = const f32[4,16]; w = const f32[16,4]; a = MatMul(x, v)"
     " b = MatMul(a, w); c = MatMul(b, v); output c",
     320, 320, 320, 4, 0},
};

static void by_hand(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const case_by_hand *c = &cases[i];
        char text[1024];
        snprintf(text, sizeof text, "graph g opset=17 { %s }", c->text);
        loaded l = parse(text);
        const sz_memory m = sz_costs_memory(l.costs);
        const int64_t written = sz_costs_activations(l.costs).peak_bytes;
        if (written != c->written || m.in_place_peak_bytes != c->in_place ||
            m.arena_bytes != c->arena || m.buffers != c->buffers ||
            m.in_place_nodes != c->in_place_nodes)
            fail_msg("%s: %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, c->text,
                     written, m.in_place_peak_bytes, m.arena_bytes, m.buffers, m.in_place_nodes);
        done(&l);
    }
}

// Buffers alive in one step do not overlap; the arena holds them all, and is no smaller than what
// is alive at one time, which sharing only lowers.
static void check_places(const sz_costs *c, const char *name) {
    const sz_memory m = sz_costs_memory(c);
    const size_t n = sz_costs_buffer_count(c);
    int64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        const sz_arena_buffer a = sz_costs_buffer(c, i);
        if (a.offset + a.bytes > end) end = a.offset + a.bytes;
        assert_true(a.offset >= 0 && a.first <= a.last);
        for (size_t k = 0; k < i; k++) {
            const sz_arena_buffer b = sz_costs_buffer(c, k);
            if (a.first <= b.last && b.first <= a.last && a.offset < b.offset + b.bytes &&
                b.offset < a.offset + a.bytes)
                fail_msg("%s: '%s' and '%s' overlap", name, a.name, b.name);
        }
    }
    assert_int_equal(end, m.arena_bytes);
    assert_true(m.arena_bytes >= m.in_place_peak_bytes);
    assert_true(m.in_place_peak_bytes <= sz_costs_activations(c).peak_bytes);
}

static void check_steps(const sz_costs *c) {
    int64_t most = 0, in_place = 0;
    for (size_t i = 0; i < sz_costs_node_count(c); i++) {
        const sz_memory_step s = sz_costs_memory_step(c, i);
        assert_int_equal(s.live_bytes, s.output_bytes + s.input_bytes + s.waiting_bytes);
        if (s.live_bytes > most) most = s.live_bytes;
        if (s.in_place_bytes > in_place) in_place = s.in_place_bytes;
    }
    assert_int_equal(most, sz_costs_activations(c).peak_bytes);
    assert_int_equal(in_place, sz_costs_memory(c).in_place_peak_bytes);
}

static void real_models(void **state) {
    (void)state;
    static const char *const names[] = {
        "bert_base",       "resnet50",    "densenet121", "mobilenet_v2",
        "vit_b_16",        "unet",        "gpt2",        "llama_tiny",
        "swin_t.dynamo",   "ssdlite",     "lstm",        "bert_base.fused",
        "efficientnet_b0", "mixtral_tiny"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        loaded l = load(names[i]);
        const sz_memory m = sz_costs_memory(l.costs);
        check_places(l.costs, names[i]);
        check_steps(l.costs);
        // What greedy by size is known for: within a fifth of the least possible.
        assert_true(m.arena_bytes <= m.in_place_peak_bytes + m.in_place_peak_bytes / 5);
        done(&l);
    }
}

// Random nets: every node reads one or two earlier values, sizes differ.
static char *random_net(int n, unsigned seed) {
    const size_t cap = (size_t)n * 120 + 400;
    char *text = malloc(cap);
    size_t at = 0;
    assert_non_null(text);
    at += (size_t)snprintf(text, cap,
                           "graph g { input x0: f32[4,4]; w4 = const f32[4,4]\n"
                           "w8 = const f32[4,8]; v4 = const f32[8,4]\n");
    for (int i = 1; i <= n; i++) {
        seed = seed * 1664525u + 1013904223u;
        const int back = (int)(seed >> 16) % (i < 40 ? i : 40), from = i - 1 - back;
        char *to = text + at;
        const size_t room = cap - at;
        switch (seed >> 8 & 3) {
        case 0:
            at += (size_t)snprintf(to, room, "x%d = Relu(x%d)\n", i, from);
            break;
        case 1:
            at += (size_t)snprintf(to, room, "x%d = MatMul(x%d, w4)\n", i, from);
            break;
        case 2:
            at += (size_t)snprintf(to, room, "x%d = Add(x%d, x%d)\n", i, from, i - 1);
            break;
        default:
            at += (size_t)snprintf(to, room, "y%d = MatMul(x%d, w8); x%d = MatMul(y%d, v4)\n", i,
                                   from, i, i);
        }
    }
    snprintf(text + at, cap - at, "output x%d }", n);
    return text;
}

static void random_nets(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        char *text = random_net(5 + (int)seed * 5, seed);
        loaded l = parse(text);
        check_places(l.costs, "random");
        check_steps(l.costs);
        done(&l);
        free(text);
    }
}

// Many buffers with short lives are no trouble.
static void many_buffers(void **state) {
    (void)state;
    char *text = random_net(14000, 7);
    loaded l = parse(text);
    const sz_memory m = sz_costs_memory(l.costs);
    assert_true(m.buffers > 8192);
    assert_string_equal(m.method, "greedy by size");
    check_places(l.costs, "many");
    assert_true(m.arena_bytes < m.in_place_peak_bytes + m.in_place_peak_bytes / 5);
    done(&l);
    free(text);
}

// All of them alive at once: stacked. The input, dead by then, is below.
static void all_at_once(void **state) {
    (void)state;
    enum { N = 13000 };
    char *text = malloc(N * 60);
    size_t at = (size_t)sprintf(text, "graph g { input x: f32[2]; a = Relu(x)\n");
    for (int i = 0; i < N; i++) at += (size_t)sprintf(text + at, "b%d = Relu(a)\n", i);
    at += (size_t)sprintf(text + at, "y = Sum(b0");
    for (int i = 1; i < N; i++) at += (size_t)sprintf(text + at, ",b%d", i);
    sprintf(text + at, ") output y }");
    loaded l = parse(text);
    const sz_memory m = sz_costs_memory(l.costs);
    assert_string_equal(m.method, "stacked");
    check_places(l.costs, "all");
    assert_int_equal(m.arena_bytes, m.in_place_peak_bytes + 8);
    done(&l);
    free(text);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),     cmocka_unit_test(real_models),
        cmocka_unit_test(random_nets), cmocka_unit_test(many_buffers),
        cmocka_unit_test(all_at_once),
    };
    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
