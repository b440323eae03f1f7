// SPDX-License-Identifier: Apache-2.0
// The schema of the data sheets: every file under data/machines, and files that are wrong.
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/machine.h"

enum { FEWEST_SHEETS = 60, MOST_SHEETS = 1000 };

static const char *folder; // of this test
static char at_fault[256]; // the sheet that is being checked

// ---- every sheet -------------------------------------------------------------------------------

static bool one_of(const char *word, const char *const *words) {
    for (; *words; words++)
        if (word && strcmp(word, *words) == 0) return true;
    return false;
}

static bool within(double v, double lo, double hi) { return v >= lo && v <= hi; }

static void check_identity(const sz_machine *m, const char *name) {
    static const char *const kinds[] = {"gpu", "cpu", "soc", "accelerator", "mcu", NULL};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    assert_string_equal(m->identity.name, name);
    assert_int_equal(strspn(name, letters), strlen(name));
    assert_string_equal(m->identity.source, "datasheet");
    assert_true(one_of(m->identity.kind, kinds));
    assert_true(m->identity.notes && strlen(m->identity.notes) > 10);
    assert_non_null(m->cpu.model);
    assert_true(isnan(m->cpu.clock_hz) || within(m->cpu.clock_hz, 1e6, 1e10));
    assert_true(isnan(m->overhead.dispatch_s) && isnan(m->overhead.fork_join_s));
    assert_true(isnan(m->power.tdp_w) || within(m->power.tdp_w, 0.01, 1e4));
    assert_non_null(m->power.method);
}

// Each states a source, and how far it was checked.
static void check_citations(const sz_machine *m) {
    assert_true(m->citations.n > 0);
    for (size_t i = 0; i < m->citations.n; i++) {
        const sz_citation *c = &m->citations.items[i];
        assert_true(c->what[0] && strlen(c->source) > 3);
        assert_true(c->check && c->check[0]);
    }
}

static void check_peaks(const sz_machine *m) {
    static const char *const dtypes[] = {"f64", "f32",  "tf32", "f16", "bf16",
                                         "fp8", "int8", "fp4",  NULL};
    static const char *const units[] = {"scalar", "vector", "matrix", NULL};
    assert_true(m->peaks.n > 0 && m->roofs.n == m->peaks.n); // no kind of work twice
    for (size_t i = 0; i < m->peaks.n; i++) {
        const sz_peak *p = &m->peaks.items[i];
        assert_true(one_of(p->dtype, dtypes) && one_of(p->unit, units));
        assert_string_equal(p->op, "fma");
        assert_non_null(p->device);
        assert_true(within(p->flop_per_s, 1e6, 1e17));
        assert_true(p->theoretical_flop_per_s == p->flop_per_s);
        assert_true(p->threads >= 0 && p->n == 0);
    }
}

static void check_levels(const sz_machine *m) {
    const int dram = sz_main_memory(m);
    assert_true(dram >= 0 && (size_t)dram == m->levels.n - 1);
    assert_int_equal(m->levels.items[dram].bandwidths.n, 1);
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_mem_level *l = &m->levels.items[i];
        assert_true(l->level.capacity_bytes >= 0 && l->level.instances >= 1);
        assert_true(isnan(l->level.latency_s));
        for (size_t k = 0; k < l->bandwidths.n; k++)
            assert_true(within(l->bandwidths.items[k].byte_per_s, 1e6, 1e14));
    }
    for (size_t i = 0; i < m->links.n; i++)
        assert_true(within(m->links.items[i].link.byte_per_s, 1e6, 1e14));
}

static void check_ridges(const sz_machine *m) {
    const size_t dram = (size_t)sz_main_memory(m);
    const double bandwidth = m->levels.items[dram].bandwidths.items[0].byte_per_s;
    for (size_t i = 0; i < m->roofs.n; i++) {
        const double want = m->roofs.items[i].flop_per_s / bandwidth;
        const double ridge = sz_machine_ridge(m, i, dram);
        if (m->roofs.items[i].threads == 0) assert_true(fabs(ridge / want - 1) < 1e-12);
    }
}

// A level of the sheet, or a piece of memory that is not one.
static bool is_level(const sz_machine *m, const char *name) {
    for (size_t i = 0; i < m->levels.n; i++)
        if (strcmp(m->levels.items[i].level.name, name) == 0) return true;
    return strncmp(name, "SRAM ", 5) == 0;
}

// Units x lanes x 2 x clock is the peak of f32, with 64 or 128 lanes: two numbers of the sheet hold
// the third.
static void check_units(const sz_machine *m) {
    double peak = 0;
    if (strcmp(m->identity.kind, "gpu") != 0) return;
    assert_true(m->cpu.cores > 0);
    for (size_t i = 0; i < m->peaks.n; i++)
        if (strcmp(m->peaks.items[i].dtype, "f32") == 0 &&
            strcmp(m->peaks.items[i].unit, "vector") == 0)
            peak = m->peaks.items[i].flop_per_s;
    const double lanes = peak / 2 / (double)m->cpu.cores / m->cpu.clock_hz;
    assert_true(within(lanes, 64 * 0.96, 64 * 1.04) || within(lanes, 128 * 0.96, 128 * 1.04));
}

static void check_energy(const sz_machine *m) {
    for (size_t i = 0; i < m->op_energy.n; i++) {
        const sz_op_energy *e = &m->op_energy.items[i];
        assert_true(within(e->joule, 1e-16, 1e-8));
        assert_true(e->source && e->source[0]);
    }
    for (size_t i = 0; i < m->byte_energy.n; i++) {
        const sz_byte_energy *e = &m->byte_energy.items[i];
        assert_true(is_level(m, e->level) && within(e->joule, 1e-14, 1e-8));
        assert_true(e->source && e->source[0]);
    }
}

static bool is_built_in(const char *name) {
    for (size_t i = 0; sz_list_machine(i); i++)
        if (strcmp(sz_list_machine(i), name) == 0) return true;
    return false;
}

static void check_sheet(sz_ctx *ctx, const char *path, const char *name) {
    sz_machine *m = NULL;
    snprintf(at_fault, sizeof at_fault, "%s", name);
    if (sz_machine_load(ctx, path, NULL, &m) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    check_identity(m, name);
    check_citations(m);
    check_peaks(m);
    check_levels(m);
    check_ridges(m);
    check_energy(m);
    check_units(m);
    assert_true(is_built_in(name)); // no: reconfigure the build
    sz_machine_destroy(m);
}

static void every_sheet(void **state) {
    char path[4096], name[256];
    int n = 0, built_in = 0;
    snprintf(path, sizeof path, "%s/../../data/machines", folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) && n < MOST_SHEETS;) {
        const size_t len = strlen(e->d_name);
        if (len < 6 || strcmp(e->d_name + len - 5, ".json") != 0) continue;
        snprintf(name, sizeof name, "%.*s", (int)len - 5, e->d_name);
        snprintf(path, sizeof path, "%s/../../data/machines/%s", folder, e->d_name);
        check_sheet(*state, path, name);
        n++;
    }
    closedir(dir);
    at_fault[0] = '\0';
    while (sz_list_machine((size_t)built_in)) built_in++;
    assert_int_equal(n, built_in);
    assert_true(n >= FEWEST_SHEETS);
}

// ---- numbers that must not move ----------------------------------------------------------------

static double rate(const sz_machine *m, const char *unit, const char *dtype) {
    for (size_t i = 0; i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        if (r->threads == 0 && strcmp(r->unit, unit) == 0 && strcmp(r->dtype, dtype) == 0)
            return r->flop_per_s;
    }
    return NAN;
}

// Dense figures: twice these would be those with sparsity.
static void known_numbers(void **state) {
    static const struct {
        const char *name, *unit, *dtype;
        double flop_per_s, byte_per_s, tdp_w;
    } facts[] = {
        {"a100", "matrix", "f16", 312e12, 2039e9, 400},
        {"a100", "vector", "f32", 19.5e12, 2039e9, 400},
        {"h100", "matrix", "bf16", 989.4e12, 3350e9, 700},
        {"h200", "matrix", "fp8", 1978.9e12, 4800e9, 700},
        {"b200", "matrix", "fp4", 9000e12, 7700e9, 1000},
        {"mi300x", "matrix", "f16", 1307.4e12, 5325e9, 750},
        {"gaudi3", "matrix", "bf16", 1835e12, 3670e9, 900},
        {"rtx4090", "matrix", "f16", 165.2e12, 1008e9, 450},
        {"tpu-v5e", "matrix", "bf16", 197e12, 819e9, NAN},
        {"m4", "vector", "f32", 3.8e12, 120e9, NAN},
        {"rpi5", "vector", "f32", 153.6e9, 17.1e9, 12},
        {"rpi4", "vector", "f32", 48e9, 12.8e9, 7.5},
        {"stm32h7", "scalar", "f32", 960e6, 1.92e9, 0.7},
        {"coral", "matrix", "int8", 4e12, 0.5e9, 2},
        {"orin-agx", "matrix", "int8", 85.5e12, 204.8e9, 60},
        {"i7-12700h", "vector", "f32", (6 * 2.3e9 * 32) + (8 * 1.7e9 * 16), 76.8e9, 45},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        sz_machine *m = NULL;
        assert_int_equal(sz_machine_load(*state, facts[i].name, NULL, &m), SZ_OK);
        assert_true(rate(m, facts[i].unit, facts[i].dtype) == facts[i].flop_per_s);
        const size_t dram = (size_t)sz_main_memory(m);
        assert_true(sz_best_bandwidth(m, dram, "load", 0) == facts[i].byte_per_s);
        if (isnan(facts[i].tdp_w))
            assert_true(isnan(m->power.tdp_w));
        else
            assert_true(m->power.tdp_w == facts[i].tdp_w);
        sz_machine_destroy(m);
    }
}

static void energies(void **state) {
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_load(*state, "a100", NULL, &m), SZ_OK);
    assert_int_equal(sz_machine_op_energy_count(m), 7);
    assert_int_equal(sz_machine_byte_energy_count(m), 4);
    const sz_op_energy mul = sz_machine_op_energy(m, 6);
    assert_string_equal(mul.op, "mul");
    assert_string_equal(mul.dtype, "f32");
    assert_true(mul.joule == 1.31e-12);
    const sz_byte_energy dram = sz_machine_byte_energy(m, 3);
    assert_string_equal(dram.level, "DRAM");
    assert_true(fabs(dram.joule / (350e-12 / 8) - 1) < 1e-12); // HBM2: 350 pJ for 8 bytes
    sz_machine_destroy(m);
}

// ---- sheets that are wrong ---------------------------------------------------------------------

#define HEAD                                                                                       \
    "{\n"                                                                                          \
    " \"schema\": \"sizeup.machine/1\",\n"                                                         \
    " \"name\": \"x\", \"source\": \"datasheet\",\n"

// A file of our own: one sentence, with the file and the line.
static void expect(sz_ctx *ctx, const char *text, size_t size, const char *message) {
    char path[] = "/tmp/sizeup-sheet-XXXXXX.json", want[512];
    const int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), (ssize_t)size);
    close(fd);
    sz_machine *m = NULL;
    const sz_status status = sz_machine_load(ctx, path, NULL, &m);
    unlink(path);
    assert_true(status == SZ_ERR_INPUT || status == SZ_ERR_LIMIT);
    assert_null(m);
    snprintf(want, sizeof want, "machine '%s': %s", path, message);
    assert_string_equal(sz_ctx_error(ctx), want);
}

static void wrong_sheets(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        // a number is missing, negative, zero, of the wrong type, too large
        {HEAD " \"peaks\": [\n  {\"op\": \"fma\", \"dtype\": \"f32\"}\n ]\n}",
         "line 5: 'peaks[0].flop_per_s' is missing or 0"},
        {HEAD " \"peaks\": [\n  {\"op\": \"fma\", \"dtype\": \"f32\",\n   \"flop_per_s\": -1}]\n}",
         "line 6: 'peaks[0].flop_per_s' is negative or out of range"},
        {HEAD
         " \"peaks\": [\n  {\"op\": \"fma\", \"dtype\": \"f32\",\n   \"flop_per_s\": null}]\n}",
         "line 6: 'peaks[0].flop_per_s' is missing or 0"},
        {HEAD " \"peaks\": [{\"op\": \"fma\", \"dtype\": \"f32\", \"flop_per_s\": \"19.5e12\"}]}",
         "line 4: 'peaks[0].flop_per_s' is not a number"},
        {HEAD " \"peaks\": [\n\n  {\"op\": \"fma\", \"flop_per_s\": 1}]}",
         "line 6: 'peaks[0].dtype' is missing"},
        {HEAD " \"levels\": [{\"name\": \"L2\"},\n  {\"name\": \"DRAM\", \"bandwidth\":\n"
              "   [{\"mix\": \"load\"}]}]}",
         "line 6: 'levels[1].bandwidth[0].byte_per_s' is missing or 0"},
        {HEAD " \"levels\": [{\"name\": \"L2\", \"capacity_bytes\": 1.5}]}",
         "line 4: 'levels[0].capacity_bytes' is not an integer"},
        {HEAD " \"power\":\n {\"tdp_w\": -400}}",
         "line 5: 'power.tdp_w' is negative or out of range"},
        {HEAD " \"energy\": []}", "line 4: 'energy' is not an object"},
        {HEAD " \"energy\": {\"per_op\":\n [{\"op\": \"add\", \"dtype\": \"f32\"}]}}",
         "line 5: 'energy.per_op[0].joule' is missing or 0"},
        {HEAD " \"energy\": {\"per_op\": 1}}", "line 4: 'energy.per_op' is not an array"},
        {HEAD " \"energy\": {\"per_byte\":\n [{\"level\": \"DRAM\", \"joule\": -1}]}}",
         "line 5: 'energy.per_byte[0].joule' is negative or out of range"},
        {HEAD " \"sources\": [{\"what\": \"peaks\"}]}", "line 4: 'sources[0].source' is missing"},
        {HEAD " \"sources\": [{\"what\": 7}]}", "line 4: 'sources[0].what' is not a string"},
        // not the JSON that it should be
        {HEAD " \"name\": \"y\"}",
         "line 4 column 7: not JSON: duplicate object key near '\"name\"'"},
        {HEAD " \"power\": {\"tdp_w\": 1e999}}",
         "line 4 column 25: not JSON: real number overflow near '1e999'"},
        {HEAD " \"power\": {\"tdp_w\": NaN}}",
         "line 4 column 23: not JSON: invalid token near 'NaN'"},
        {HEAD, "line 4 column 0: not JSON: string or '}' expected near end of file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(*state, cases[i].text, strlen(cases[i].text), cases[i].message);
}

// HEAD, then `before`, `n` times `filling`, and `after`.
static char *monster(const char *before, char filling, size_t n, const char *after, size_t *size) {
    const size_t head = strlen(HEAD), left = strlen(before), right = strlen(after);
    char *text = malloc(head + left + n + right);
    assert_non_null(text);
    memcpy(text, HEAD, head);
    memcpy(text + head, before, left);
    memset(text + head + left, filling, n);
    memcpy(text + head + left + n, after, right);
    *size = head + left + n + right;
    return text;
}

static void monsters(void **state) {
    static const struct {
        const char *before, *after, *message;
        size_t n;
        char filling;
    } cases[] = {
        {" \"power\": {\"tdp_w\": ", "}}", "line 4 column 10020: not JSON: too big integer", 10000,
         '9'},
        {" \"power\": {\"tdp_w\": ", ".5}}", "line 4 column 10022: not JSON: real number overflow",
         10000, '9'},
        {" \"peaks\": ", "}",
         "line 4 column 2058: not JSON: maximum parsing depth reached near '['", 100000, '['},
        {" \"notes\": \"", "\"}", "line 4: 'notes' is too long", 10000, 'x'},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size;
        char *text = monster(cases[i].before, cases[i].filling, cases[i].n, cases[i].after, &size);
        expect(*state, text, size, cases[i].message);
        free(text);
    }
}

static void too_long(void **state) {
    char path[] = "/tmp/sizeup-sheet-XXXXXX.json", want[512];
    const int fd = mkstemps(path, 5);
    sz_machine *m = NULL;
    assert_true(fd >= 0 && ftruncate(fd, 5 << 20) == 0);
    close(fd);
    assert_int_equal(sz_machine_load(*state, path, NULL, &m), SZ_ERR_LIMIT);
    unlink(path);
    snprintf(want, sizeof want, "file '%s' is longer than 1048576 bytes", path);
    assert_string_equal(sz_ctx_error(*state), want);
}

static int open_ctx(void **state) {
    *state = sz_ctx_create(NULL);
    return *state ? 0 : -1;
}

static int close_ctx(void **state) {
    if (at_fault[0]) print_error("in data sheet '%s'\n", at_fault);
    at_fault[0] = '\0';
    sz_ctx_destroy(*state);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_sheet, open_ctx, close_ctx),
        cmocka_unit_test_setup_teardown(known_numbers, open_ctx, close_ctx),
        cmocka_unit_test_setup_teardown(energies, open_ctx, close_ctx),
        cmocka_unit_test_setup_teardown(wrong_sheets, open_ctx, close_ctx),
        cmocka_unit_test_setup_teardown(monsters, open_ctx, close_ctx),
        cmocka_unit_test_setup_teardown(too_long, open_ctx, close_ctx),
    };
    if (argc != 2) return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
