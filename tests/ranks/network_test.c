// SPDX-License-Identifier: Apache-2.0
// Measuring a network whose ranks are threads: what is measured, what is kept, what is refused.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine/network/network.h"
#include "threads.h"

#include <sizeup/scale.h>

typedef struct outcome {
    sz_status status[WORLD_MOST];
    char error[1024];
    sz_ctx *ctx; // of the machine
    sz_machine *m;
    sz_network_options how;
} outcome;

static void measure(sz_ranks *r, sz_ctx *ctx, void *user) {
    outcome *o = user;
    const int self = sz_ranks_self(r);
    o->status[self] = sz_machine_measure_network(ctx, self == 0 ? o->m : NULL, r, &o->how);
    if (self == 0) snprintf(o->error, sizeof o->error, "%s", sz_ctx_error(ctx));
}

static void begin(outcome *o) {
    o->ctx = sz_ctx_create(NULL);
    assert_non_null(o->ctx);
    assert_int_equal(sz_machine_load(o->ctx, "a100", NULL, &o->m), SZ_OK);
    o->how = (sz_network_options){.budget_s = 0.6, .most_bytes = 4096};
}

static void end(outcome *o) {
    sz_machine_destroy(o->m);
    sz_ctx_destroy(o->ctx);
}

static void check_link(const sz_machine *m, size_t i, int ranks) {
    const sz_link l = sz_machine_link(m, i);
    const sz_link_scope scope = sz_machine_link_scope(m, i);
    const size_t n = sz_machine_message_count(m, i);
    assert_string_equal(scope.level, "node");
    assert_int_equal(scope.nodes, 1);
    assert_int_equal(scope.ranks, ranks);
    assert_int_equal(n, 10); // 8 bytes to 4 KiB, in multiples of 4 for each member
    assert_true(l.latency_s > 0 && l.byte_per_s > 0 && l.latency_n > 0 && l.n > 0);
    assert_true(sz_machine_segment_count(m, i) >= 1);
    for (size_t k = 0; k < n; k++) {
        const sz_message t = sz_machine_message(m, i, k);
        assert_int_equal(t.bytes % (4 * ranks), 0);
        assert_true(t.n > 0 && t.calls > 0 && t.median_s > 0 && t.min_s <= t.median_s);
        assert_true(t.ci_lo_s <= t.median_s && t.median_s <= t.ci_hi_s);
        assert_true(fabs(t.algorithm_byte_per_s * t.median_s / (double)t.bytes - 1) < 1e-9);
        assert_non_null(t.verdict);
    }
}

static void all_links(void **unused) {
    (void)unused;
    outcome o = {.ctx = NULL};
    begin(&o);
    const size_t before = sz_machine_link_count(o.m);
    world_run(3, measure, &o);
    for (int i = 0; i < 3; i++) assert_int_equal(o.status[i], SZ_OK);
    assert_int_equal(sz_machine_link_count(o.m), before + 7);
    for (size_t i = 0; i < before; i++) assert_null(sz_machine_link_scope(o.m, i).level);
    for (size_t i = 0; i < 7; i++) check_link(o.m, before + i, i < 2 ? 2 : 3);
    // again: they are replaced
    world_run(2, measure, &o);
    assert_int_equal(o.status[0], SZ_OK);
    assert_int_equal(sz_machine_link_count(o.m), before + 7);
    check_link(o.m, before + 2, 2);
    end(&o);
}

// All of it survives a file.
static void as_text(void **unused) {
    (void)unused;
    outcome o = {.ctx = NULL};
    sz_machine *read = NULL;
    sz_buf a, b;
    begin(&o);
    world_run(2, measure, &o);
    assert_int_equal(o.status[0], SZ_OK);
    sz_buf_init(&a, o.ctx), sz_buf_init(&b, o.ctx);
    assert_int_equal(sz_machine_json(o.ctx, o.m, &a), SZ_OK);
    assert_int_equal(sz_machine_parse(o.ctx, "again", a.data, a.size, &read), SZ_OK);
    assert_int_equal(sz_machine_json(o.ctx, read, &b), SZ_OK);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    sz_machine_destroy(read);
    sz_buf_finish(&a), sz_buf_finish(&b);
    end(&o);
}

static void wrong_sums(void **unused) {
    (void)unused;
    outcome o = {.ctx = NULL};
    begin(&o);
    world.wrong_sums = true;
    world_run(2, measure, &o);
    world.wrong_sums = false;
    assert_int_equal(o.status[0], SZ_ERR_UNAVAILABLE);
    assert_int_equal(o.status[1], SZ_ERR_UNAVAILABLE);
    assert_non_null(strstr(o.error, "threads: all_reduce of "));
    assert_non_null(strstr(o.error, "among all 2 ranks gives wrong numbers: nothing was timed"));
    end(&o);
}

static void refusals(void **unused) {
    (void)unused;
    outcome o = {.ctx = NULL};
    const volatile int stop = 1;
    begin(&o);
    world_run(1, measure, &o);
    assert_int_equal(o.status[0], SZ_ERR_UNAVAILABLE);
    assert_string_equal(o.error, "a network needs two ranks at least: start it with 'mpirun -n 2'");
    o.how.least_bytes = 8192;
    world_run(2, measure, &o);
    assert_int_equal(o.status[0], SZ_ERR_USAGE);
    o.how.least_bytes = 0;
    o.how.stop = &stop;
    world_run(2, measure, &o);
    assert_int_equal(o.status[0], SZ_ERR_UNAVAILABLE);
    assert_int_equal(o.status[1], SZ_ERR_UNAVAILABLE);
    assert_string_equal(o.error, "stopped");
    end(&o);
}

// ---- what predictions take from it -------------------------------------------------------------

#define LINK(name, exchange, ranks, latency, rate)                                                 \
    "{\"name\":\"" name "\",\"level\":\"network\",\"exchange\":\"" exchange "\",\"ranks\":" ranks  \
    ",\"nodes\":2,\"latency_s\":" latency ",\"byte_per_s\":" rate "}"
#define MACHINE(source, first)                                                                     \
    "{\"schema\":\"sizeup.machine/1\",\"name\":\"m\",\"source\":\"" source                         \
    "\",\"links\":[" first LINK("p", "send", "2", "2e-5", "1e9") "," LINK(                         \
        "a", "all_reduce", "4", "1e-4", "6e8") "," LINK("b", "all_reduce", "2", "9e-5",            \
                                                        "8e8") "]}"
#define INSIDE "{\"name\":\"NVLink3\",\"byte_per_s\":3e11},"

static sz_network network_of(const char *text) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_machine *m = NULL;
    sz_network net = {.n = 0};
    assert_int_equal(sz_machine_parse(ctx, "m", text, strlen(text), &m), SZ_OK);
    assert_int_equal(sz_network_of_machine(ctx, m, 8, 25e9, &net), SZ_OK);
    sz_machine_destroy(m);
    sz_ctx_destroy(ctx);
    return net;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-9 * fabs(b); }

// Of a data sheet: devices of a node by its own link, all of them share the measured one. Of a
// machine that was measured: it is a node, whatever its processes get over the loopback.
static void used(void **unused) {
    (void)unused;
    const sz_network sheet = network_of(MACHINE("datasheet", INSIDE));
    assert_int_equal(sheet.n, 2);
    assert_int_equal(sheet.levels[0].devices, 8);
    assert_true(near(sheet.levels[0].byte_per_s, 3e11));
    assert_true(near(sheet.levels[1].latency_s, 2e-5) && near(sheet.levels[1].byte_per_s, 1e9));
    assert_true(near(sheet.levels[1].efficiency, 0.6));
    const sz_network node = network_of(MACHINE("measured", "{\"name\":\"loopback TCP\","
                                                           "\"byte_per_s\":4e9},"));
    assert_int_equal(node.n, 1);
    assert_true(near(node.levels[0].byte_per_s, 1e9) && near(node.levels[0].efficiency, 0.8));
}

// Measured again, a machine keeps what it knows of the network, by itself.
static void kept(void **unused) {
    (void)unused;
    outcome o = {.ctx = NULL};
    sz_machine *again = NULL;
    sz_buf a, b;
    begin(&o);
    world_run(2, measure, &o);
    assert_int_equal(sz_machine_load(o.ctx, "a100", NULL, &again), SZ_OK);
    assert_int_equal(sz_machine_keep_network(o.ctx, again, o.m), SZ_OK);
    sz_buf_init(&a, o.ctx), sz_buf_init(&b, o.ctx);
    assert_int_equal(sz_machine_json(o.ctx, o.m, &a), SZ_OK);
    sz_machine_destroy(o.m);
    o.m = NULL;
    assert_int_equal(sz_machine_json(o.ctx, again, &b), SZ_OK);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    sz_machine_destroy(again);
    sz_buf_finish(&a), sz_buf_finish(&b);
    end(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_links),  cmocka_unit_test(as_text),
                                       cmocka_unit_test(wrong_sums), cmocka_unit_test(refusals),
                                       cmocka_unit_test(used),       cmocka_unit_test(kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
