// SPDX-License-Identifier: Apache-2.0
// Synthetic machines, machines side by side, lines of errors in data sheets, and what is known of
// libraries.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "machine/libraries.h"
#include "machine/locate.h"
#include "machine/machine.h"

// ---- synthetic machines ------------------------------------------------------------------------

#define LINE "cpu:cores=8,clock=3e9,fma=32,dram=50e9,l2=1M"

static void synthetic(void **state) {
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_load(*state, LINE, NULL, &m), SZ_OK);
    assert_string_equal(m->identity.name, LINE);
    assert_true(m->cpu.cores == 8 && m->cpu.threads == 8 && m->cpu.clock_hz == 3e9);
    assert_true(m->roofs.n == 2 && m->roofs.items[0].flop_per_s == 768e9);
    assert_true(m->roofs.items[1].flop_per_s == 96e9 && m->roofs.items[1].threads == 1);
    assert_int_equal(m->levels.n, 2);
    assert_true(m->levels.items[0].level.capacity_bytes == 1 << 20);
    const size_t dram = (size_t)sz_main_memory(m);
    assert_true(sz_best_bandwidth(m, dram, "load", 0) == 50e9);
    assert_true(fabs(sz_machine_ridge(m, 0, dram) - 15.36) < 1e-12);
    sz_machine_destroy(m);
}

static void synthetic_with_all(void **state) {
    static const char line[] =
        "cpu:cores=4,threads=8,clock=2G,fma=16,fma_f64=8,fma_bf16=64,add=8,dram=20G,dram_one=12G,"
        "dram_latency=90e-9,memory=16G,l1=32K,l1_bw=64,l1_latency=1e-9,l2=512K,l3=8M,l3_bw=8,tdp="
        "15";
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_load(*state, line, NULL, &m), SZ_OK);
    assert_true(m->cpu.memory_bytes == (int64_t)16 << 30 && m->power.tdp_w == 15);
    assert_int_equal(m->levels.n, 4);
    assert_true(sz_best_bandwidth(m, 0, "load", 0) == 4 * 64 * 2e9);
    assert_true(sz_best_bandwidth(m, 0, "load", 1) == 64 * 2e9);
    assert_true(sz_best_bandwidth(m, 3, "load", 1) == 12e9);
    assert_true(m->levels.items[3].level.latency_s == 90e-9);
    assert_int_equal(m->levels.items[2].level.shared_by, 8);
    sz_machine_destroy(m);
}

// Two numbers: every format computes at the one rate, every mix of bytes moves at the other.
static void custom(void **state) {
    sz_machine *m = NULL;
    static const char line[] = "custom:flops=2T,bandwidth=1e11,latency=1e-6";
    assert_int_equal(sz_machine_load(*state, line, NULL, &m), SZ_OK);
    for (size_t i = 0; i < m->roofs.n; i++) assert_true(m->roofs.items[i].flop_per_s == 2e12);
    const size_t dram = (size_t)sz_main_memory(m);
    assert_true(sz_best_bandwidth(m, dram, "load", 0) == 1e11);
    assert_true(sz_best_bandwidth(m, dram, "copy", 0) == 1e11);
    assert_true(m->transfer_latency_s == 1e-6);
    sz_machine_destroy(m);
}

static void nonsense(void **state) {
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"cpu:", "'cores' is missing (physical cores); cores, clock, fma and dram must be given"},
        {"cpu:cores", "'cores' is not KEY=NUMBER"},
        {"cpu:cores=8,", "a key is missing after the last comma"},
        {"cpu:cores=8,,clock=1e9", "'' is not KEY=NUMBER"},
        {"cpu:cors=8", "unknown key 'cors': did you mean 'cores'?"},
        {"cpu:cores=8,cores=8", "'cores' is given twice"},
        {"cpu:cores=-8", "'cores' needs a whole number above 0, not '-8'"},
        {"cpu:cores=2.5", "'cores' needs a whole number above 0, not '2.5'"},
        {"cpu:cores=", "'cores' needs a whole number above 0, not ''"},
        {"cpu:cores=8,clock=fast", "'clock' needs a number above 0, not 'fast'"},
        {"cpu:cores=8,clock=nan", "'clock' needs a number above 0, not 'nan'"},
        {"cpu:cores=8,clock=1e999", "'clock' needs a number above 0, not '1e999'"},
        {"cpu:cores=8,clock=3GHz", "'clock' needs a number above 0, not '3GHz'"},
        {"cpu:cores=8,clock=3", "'clock=3' is not between 1e+06 and 1e+11 (clock in Hz)"},
        {"custom:",
         "'flops' is missing (operations per second, in FLOP/s); flops and bandwidth must be "
         "given"},
        {"custom:flops=1e12",
         "'bandwidth' is missing (bytes moved per second, in B/s); flops and bandwidth must be "
         "given"},
        {"custom:flops=0", "'flops' needs a number above 0, not '0'"},
        {"custom:flop=1", "unknown key 'flop': did you mean 'flops'?"},
        {"custom:flops=1,bandwidth=1,cores=4",
         "unknown key 'cores'; known are: flops bandwidth latency memory tdp"},
        {"custom:flops=1,bandwidth=1e30",
         "'bandwidth=1e30' is not between 1 and 1e+24 (bytes moved per second, in B/s)"},
        {LINE ",l1=2M", "'l1' (2.09715e+06) is more than 'l2' (1.04858e+06)"},
        {LINE ",l3_bw=8", "'l3_bw' is given, but 'l3' is not"},
        {LINE ",dram_one=90e9", "'dram_one' (9e+10) is more than 'dram' (5e+10)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[512];
        sz_machine *m = NULL;
        snprintf(expected, sizeof expected, "machine '%s': %s", cases[i].line, cases[i].message);
        assert_int_equal(sz_machine_load(*state, cases[i].line, NULL, &m), SZ_ERR_INPUT);
        assert_string_equal(sz_ctx_error(*state), expected);
        assert_null(m);
    }
}

// ---- side by side ------------------------------------------------------------------------------

static sz_comparison *compare(sz_ctx *ctx, const char *a, const char *b) {
    sz_machine *x = NULL, *y = NULL;
    sz_comparison *c = NULL;
    assert_int_equal(sz_machine_load(ctx, a, NULL, &x), SZ_OK);
    assert_int_equal(sz_machine_load(ctx, b, NULL, &y), SZ_OK);
    assert_int_equal(sz_machine_compare(ctx, x, y, &c), SZ_OK);
    sz_machine_destroy(x);
    sz_machine_destroy(y);
    return c;
}

static sz_machine_difference row(const sz_comparison *c, const char *name) {
    for (size_t i = 0; i < sz_comparison_count(c); i++)
        if (strcmp(sz_comparison_row(c, i).name, name) == 0) return sz_comparison_row(c, i);
    return (sz_machine_difference){.name = NULL};
}

static void compares(void **state) {
    sz_comparison *c = compare(*state, LINE,
                               "cpu:cores=4,clock=4e9,fma=64,dram=40e9,dram_latency=80e-9");
    sz_machine_difference d = row(c, "f32 fma, all threads");
    assert_true(d.a == 768e9 && d.b == 1024e9 && fabs(d.ratio - 4.0 / 3) < 1e-12);
    assert_string_equal(d.better, "b");
    d = row(c, "DRAM load, all threads");
    assert_true(d.ratio == 0.8);
    assert_string_equal(d.better, "a");
    d = row(c, "DRAM latency");
    assert_true(isnan(d.a) && d.b == 80e-9 && isnan(d.ratio) && !d.better);
    assert_true(row(c, "cores").ratio == 0.5 && !row(c, "cores").better);
    sz_comparison_destroy(c);
    sz_comparison_destroy(NULL);
}

static int broken(const sz_comparison *c, sz_ctx *ctx, const char *gate) {
    int rows[100] = {0}, n = 0;
    assert_true(sz_comparison_count(c) <= 100);
    assert_int_equal(sz_comparison_gate(ctx, c, gate, rows), SZ_OK);
    for (int i = 0; i < 100; i++) n += rows[i];
    return n;
}

static void gates(void **state) {
    sz_comparison *c = compare(*state, "cpu:cores=2,clock=1e9,fma=8,dram=10e9,dram_latency=1e-7",
                               "cpu:cores=2,clock=1e9,fma=8,dram=9.6e9,dram_latency=1.2e-7");
    assert_int_equal(broken(c, *state, "DRAM load, all threads:-3%"), 1);
    assert_int_equal(broken(c, *state, "DRAM load, all threads:-5%"), 0);
    assert_int_equal(broken(c, *state, "DRAM load:-3%"), 1); // part of the name
    assert_int_equal(broken(c, *state, "DRAM latency:+10%"), 1);
    assert_int_equal(broken(c, *state, "DRAM latency:-10%"), 0); // a rise is no fall
    assert_int_equal(broken(c, *state, "f32 fma:-0%"), 0);
    static const char *const bad[] = {"DRAM", "DRAM load:3%", "DRAM load:-3",
                                      ":-3%", "x:-%",         "L7 load:-3%"};
    int rows[100];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(sz_comparison_gate(*state, c, bad[i], rows), SZ_ERR_USAGE);
    assert_string_equal(sz_ctx_error(*state),
                        "gate 'L7 load:-3%' meets nothing that both machines have");
    sz_comparison_destroy(c);
}

// ---- lines of errors ---------------------------------------------------------------------------

static void lines(void **state) {
    static const char text[] = "{\n \"a\": {\"x\": \"]}\\\"\", \"n\":\n  -1},\n"
                               " \"list\": [1, [2,\n3], {\"k\": {}},\n {\"deep\":\n [7]}]\n}\n";
    static const struct {
        sz_step steps[3];
        size_t n;
        int line;
    } cases[] = {{{{"a", SIZE_MAX}}, 1, 2},
                 {{{"a", SIZE_MAX}, {"n", SIZE_MAX}}, 2, 3},
                 {{{"a", SIZE_MAX}, {"absent", SIZE_MAX}}, 2, 2}, // the object that lacks it
                 {{{"list", 0}}, 1, 4},
                 {{{"list", 3}}, 1, 6},
                 {{{"list", 3}, {"deep", 0}}, 2, 7},
                 {{{"list", 9}}, 1, 4},
                 {{{"nowhere", SIZE_MAX}}, 1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(sz_locate(text, sizeof text - 1, cases[i].steps, cases[i].n),
                         cases[i].line);
    // It must end on text that is no JSON, too.
    for (size_t size = 0; size < sizeof text; size++)
        assert_true(sz_locate(text, size, cases[5].steps, 2) >= 1);
}

#define HEAD "{\"schema\":\"sizeup.machine/1\",\n\"name\":\"x\",\n\"source\":\"datasheet\""

static void bad_sheets(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD ",\n\"cpu\": {\"cores\":\n-1}}", "line 5: 'cpu.cores' is negative or out of range"},
        {HEAD ",\n\"cpu\": {\"clock_hz\": \"fast\"}}", "line 4: 'cpu.clock_hz' is not a number"},
        {HEAD ",\n\"peaks\": [\n{\"op\":\"fma\",\"dtype\":\"f32\",\"flop_per_s\":1},\n"
              "{\"op\":\"fma\",\"dtype\":\"f64\"}]}",
         "line 6: 'peaks[1].flop_per_s' is missing or 0"},
        {HEAD ",\n\"levels\": [{\"name\":\"DRAM\",\n\"bandwidth\":[\n{\"mix\":7}]}]}",
         "line 6: 'levels[0].bandwidth[0].mix' is not a string"},
        {HEAD ",\n\"links\":\n3}", "line 5: 'links' is not an array"},
        {HEAD ",\n\"host\": {\"core_kinds\": [\n5]}}",
         "line 5: 'host.core_kinds[0]' is not an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[256];
        sz_machine *m = NULL;
        snprintf(expected, sizeof expected, "machine 'sheet.json': %s", cases[i].message);
        assert_int_equal(
            sz_machine_parse(*state, "sheet.json", cases[i].text, strlen(cases[i].text), &m),
            SZ_ERR_INPUT);
        assert_string_equal(sz_ctx_error(*state), expected);
    }
}

// ---- libraries ---------------------------------------------------------------------------------

static int three_names(void *user, const char *name) {
    (void)user;
    return strcmp(name, "skx") == 0 ? 0 : strcmp(name, "haswell") == 0 ? 3 : -1;
}

static void wrong_kernels(void **state) {
    static const struct {
        int id;
        const char *kernels;
        sz_width cpu;
        const char *setting; // NULL = what it chose is right
    } cases[] = {{SZ_OPENBLAS, "Haswell", SZ_WIDTH_AVX512, "OPENBLAS_CORETYPE=SkylakeX"},
                 {SZ_OPENBLAS, "SkylakeX", SZ_WIDTH_AVX512, NULL},
                 {SZ_OPENBLAS, "SapphireRapids", SZ_WIDTH_AVX512, NULL},
                 {SZ_OPENBLAS, "Prescott", SZ_WIDTH_AVX2, "OPENBLAS_CORETYPE=Haswell"},
                 {SZ_OPENBLAS, "Zen", SZ_WIDTH_AVX2, NULL},
                 {SZ_OPENBLAS, "armv8", SZ_WIDTH_SVE, "OPENBLAS_CORETYPE=NEOVERSEV1"},
                 {SZ_OPENBLAS, "a core of tomorrow", SZ_WIDTH_AVX512, NULL},
                 {SZ_BLIS, "generic", SZ_WIDTH_AVX512, "BLIS_ARCH_TYPE=0"},
                 {SZ_BLIS, "haswell", SZ_WIDTH_AVX512, "BLIS_ARCH_TYPE=0"},
                 {SZ_BLIS, "generic", SZ_WIDTH_AVX2, "BLIS_ARCH_TYPE=3"},
                 {SZ_BLIS, "generic", SZ_WIDTH_SVE, NULL}, // this BLIS has no such kernels
                 {SZ_BLIS, "zen3", SZ_WIDTH_AVX2, NULL},
                 {SZ_ONEDNN, "avx512_core_amx", SZ_WIDTH_AVX512, NULL},
                 {SZ_ONEDNN, "avx2", SZ_WIDTH_AVX512, NULL}}; // its choice is the user's
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64] = "";
        const sz_width chosen = sz_width_of_kernels(cases[i].id, cases[i].kernels);
        const bool has = sz_library_setting(cases[i].id, chosen, cases[i].cpu, three_names, NULL,
                                            text, sizeof text);
        assert_int_equal(has, cases[i].setting != NULL);
        if (has) assert_string_equal(text, cases[i].setting);
    }
    assert_int_equal(sz_library_by_name("openblas"), SZ_OPENBLAS);
    assert_int_equal(sz_library_by_name("mkl"), -1);
}

// A point above a roof is a bug of the roof, unless the clock rose meanwhile.
static void above_the_roof(void **state) {
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_load(*state, LINE, NULL, &m), SZ_OK);
    sz_library_run below = {
        .library = "X", .size = 512, .of_roof = 0.97, .of_roof_per_cycle = 0.97};
    sz_library_run rose = {.library = "X", .size = 512, .of_roof = 1.08, .of_roof_per_cycle = 0.95};
    sz_library_run above = {.library = "X", .size = 512, .of_roof = 1.3, .of_roof_per_cycle = 1.2};
    sz_library_run unknown = {
        .library = "X", .size = 512, .of_roof = 1.3, .of_roof_per_cycle = NAN};
    m->ok = true;
    assert_int_equal(sz_library_above_roof(m, &below), SZ_OK);
    assert_int_equal(sz_library_above_roof(m, &rose), SZ_OK);
    assert_null(below.advice);
    assert_non_null(strstr(rose.advice, "the clock was higher"));
    assert_true(m->ok && m->notes.n == 0);
    assert_int_equal(sz_library_above_roof(m, &above), SZ_OK);
    assert_non_null(strstr(above.advice, "a bug of sizeup"));
    assert_true(!m->ok && m->notes.n == 1);
    assert_int_equal(sz_library_above_roof(m, &unknown), SZ_OK);
    assert_int_equal(m->notes.n, 2);
    sz_machine_destroy(m);
}

static void unknown_library(void **state) {
    sz_buf buf;
    sz_buf_init(&buf, *state);
    assert_int_equal(sz_library_child(*state, "no such library", 1, &buf), SZ_ERR_USAGE);
    assert_int_equal(buf.size, 0);
    sz_buf_finish(&buf);
}

static int make_ctx(void **state) {
    *state = sz_ctx_create(NULL);
    return *state ? 0 : -1;
}

static int drop_ctx(void **state) {
    const size_t left = sz_ctx_memory_used(*state);
    sz_ctx_destroy(*state);
    return left == 0 ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_ctx, drop_ctx)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(synthetic),      TEST(synthetic_with_all),
        TEST(custom),
        TEST(nonsense),       TEST(compares),
        TEST(gates),          TEST(lines),
        TEST(bad_sheets),     TEST(wrong_kernels),
        TEST(above_the_roof), TEST(unknown_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
