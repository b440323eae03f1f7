// SPDX-License-Identifier: Apache-2.0
// Machines described from captured trees, read from JSON, written and read back, measured.
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/machine.h"
#include "os/folder.h"
#include "os/pages.h"
#include "os/procfs.h"

#include "tree.h"

// ---- captured trees ----------------------------------------------------------------------------

// The description as text: one line per fact.
static void describe(sz_ctx *ctx, const char *name, char *text, size_t cap) {
    char root[64];
    sz_machine *m = NULL;
    tree_unpack(ctx, name, root, sizeof root);
    assert_int_equal(sz_machine_describe(ctx, root, &m), SZ_OK);
    size_t n = (size_t)snprintf(text, cap, "%s | %lld cores %lld threads | %lld B |", m->cpu.model,
                                (long long)m->cpu.cores, (long long)m->cpu.threads,
                                (long long)m->cpu.memory_bytes);
    for (size_t i = 0; i < m->isa.n; i++)
        n += (size_t)snprintf(text + n, cap - n, " %s", m->isa.items[i]);
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_level *l = &m->levels.items[i].level;
        n += (size_t)snprintf(text + n, cap - n, " | %s %lld x %lld", l->name,
                              (long long)l->instances, (long long)l->capacity_bytes);
    }
    snprintf(text + n, cap - n, " | %s", m->identity.fingerprint);
    sz_machine_destroy(m);
    tree_remove(root);
}

static void describes(void **state) {
    static const struct {
        const char *tree, *expected;
    } cases[] = {
        {"xeon-vm",
         "Intel(R) Xeon(R) Processor | 2 cores 2 threads | 25276502016 B | sse2 sse4_2 avx "
         "f16c fma avx2 avx_vnni avx512f avx512dq avx512bw avx512vl avx512_vnni "
         "avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 | L1 2 x 49152 | "
         "L2 2 x 2097152 | L3 1 x 503316480 | DRAM 1 x 25276502016 | ee26b1d6ae593f71"},
        {"rpi5",
         "Raspberry Pi 5 Model B Rev 1.0, CPU implementer 0x41 part 0xd0b | 4 cores 4 threads "
         "| 8452276224 B | neon neon_fp16 neon_dot | L1 4 x 65536 | L2 4 x 524288 | "
         "L3 1 x 2097152 | DRAM 1 x 8452276224 | a682725291a5836d"},
        {"two-sockets",
         "Test Processor @ 2.00GHz | 4 cores 7 threads | 16706650112 B | sse2 avx fma "
         "avx2 avx512f | L1 4 x 32768 | L2 4 x 1048576 | L3 2 x 23068672 | "
         "DRAM 1 x 16706650112 | 508fff3d321c71fd"},
        {"bare", "Bare Processor | 1 cores 1 threads | 0 B | sse2 | DRAM 1 x 0 | f12fd7995dd0cb2d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        describe(*state, cases[i].tree, text, sizeof text);
        assert_string_equal(text, cases[i].expected);
    }
}

static void no_machine_there(void **state) {
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_describe(*state, "/nonexistent", &m), SZ_ERR_IO);
    assert_string_equal(sz_ctx_error(*state), "cannot read '/nonexistent/proc/cpuinfo'");
}

static void cpu_lists(void **state) {
    static const struct {
        const char *list;
        int n, first, last;
    } cases[] = {{"0", 1, 0, 0},     {"0-3,8\n", 5, 0, 8},      {"", 0, -1, -1},
                 {"2,4-5", 3, 2, 5}, {"3-1", -1, -1, -1},       {"x", -1, -1, -1},
                 {"1-", -1, -1, -1}, {"0-99999999", -1, -1, -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int cpus[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
        const int n = sz_proc_cpus(cases[i].list, cpus, 8);
        assert_int_equal(n, cases[i].n);
        if (n <= 0) continue;
        assert_int_equal(cpus[0], cases[i].first);
        assert_int_equal(cpus[n - 1], cases[i].last);
    }
}

// ---- data sheets -------------------------------------------------------------------------------

static const sz_roof *roof(const sz_machine *m, const char *dtype) {
    for (size_t i = 0; i < m->roofs.n; i++)
        if (strcmp(m->roofs.items[i].dtype, dtype) == 0 && m->roofs.items[i].threads == 0)
            return &m->roofs.items[i];
    return NULL;
}

static void sheets_load(void **state) {
    for (size_t i = 0; sz_list_machine(i); i++) {
        sz_machine *m = NULL;
        assert_int_equal(sz_machine_load(*state, sz_list_machine(i), NULL, &m), SZ_OK);
        assert_string_equal(m->identity.name, sz_list_machine(i));
        assert_string_equal(m->identity.source, "datasheet");
        assert_non_null(m->identity.notes);
        assert_true(m->roofs.n > 0);
        const int dram = sz_main_memory(m);
        assert_true(dram >= 0 && sz_best_bandwidth(m, (size_t)dram, "load", 0) > 1e8);
        sz_machine_destroy(m);
    }
}

static void sheets_hold_facts(void **state) {
    static const struct {
        const char *name, *dtype;
        double flop_per_s, byte_per_s;
    } facts[] = {{"a100", "f16", 312e12, 2039e9},    {"a100", "f32", 19.5e12, 2039e9},
                 {"h100", "bf16", 989.4e12, 3350e9}, {"m2", "f32", 3.6e12, 100e9},
                 {"rpi5", "f32", 153.6e9, 17.1e9},   {"v100", "f16", 125e12, 900e9}};
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        sz_machine *m = NULL;
        assert_int_equal(sz_machine_load(*state, facts[i].name, NULL, &m), SZ_OK);
        const sz_roof *r = roof(m, facts[i].dtype);
        assert_non_null(r);
        assert_true(r->flop_per_s == facts[i].flop_per_s);
        const size_t dram = (size_t)sz_main_memory(m);
        assert_true(sz_best_bandwidth(m, dram, NULL, 0) == facts[i].byte_per_s);
        const double ridge = sz_machine_ridge(m, (size_t)(r - m->roofs.items), dram);
        assert_true(fabs(ridge / (facts[i].flop_per_s / facts[i].byte_per_s) - 1) < 1e-12);
        sz_machine_destroy(m);
    }
}

// ---- JSON --------------------------------------------------------------------------------------

static const char *to_json(sz_ctx *ctx, const sz_machine *m, sz_buf *buf) {
    sz_buf_init(buf, ctx);
    assert_int_equal(sz_machine_json(ctx, m, buf), SZ_OK);
    sz_buf_putc(buf, '\0');
    return buf->data;
}

static void written_and_read_back(void **state) {
    for (size_t i = 0; sz_list_machine(i); i++) {
        sz_machine *a = NULL, *b = NULL;
        sz_buf first, second;
        assert_int_equal(sz_machine_load(*state, sz_list_machine(i), NULL, &a), SZ_OK);
        const char *text = to_json(*state, a, &first);
        assert_int_equal(sz_machine_parse(*state, "copy", text, strlen(text), &b), SZ_OK);
        assert_string_equal(to_json(*state, b, &second), text);
        sz_buf_finish(&first);
        sz_buf_finish(&second);
        sz_machine_destroy(a);
        sz_machine_destroy(b);
    }
}

#define HEAD "{\"schema\":\"sizeup.machine/1\",\"name\":\"x\",\"source\":\"datasheet\""

static void bad_json(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "machine 'bad': line 1 column 0: not JSON: '[' or '{' expected near end of file"},
        {"[]", "machine 'bad': the document is not an object"},
        {"{}", "machine 'bad': 'schema' is missing: no machine description"},
        {"{\"schema\":\"a\\u001bb\"}", "machine 'bad': schema 'a\033b' is not 'sizeup.machine/1'"},
        {"{\"a\":1,\"a\":2}",
         "machine 'bad': line 1 column 10: not JSON: duplicate object key near "
         "'\"a\"'"},
        {"{\"schema\":\"sizeup.machine/1\"}", "machine 'bad': line 1: 'name' is missing"},
        {HEAD ",\"cpu\":3}", "machine 'bad': line 1: 'cpu' is not an object"},
        {HEAD ",\"cpu\":{\"cores\":-1}}",
         "machine 'bad': line 1: 'cpu.cores' is negative or out of range"},
        {HEAD ",\"cpu\":{\"cores\":1.5}}", "machine 'bad': line 1: 'cpu.cores' is not an integer"},
        {HEAD ",\"peaks\":{}}", "machine 'bad': line 1: 'peaks' is not an array"},
        {HEAD ",\"peaks\":[1]}", "machine 'bad': line 1: 'peaks[0]' is not an object"},
        {HEAD ",\"peaks\":[{\"op\":\"fma\"}]}",
         "machine 'bad': line 1: 'peaks[0].dtype' is missing"},
        {HEAD ",\"peaks\":[{\"op\":\"fma\",\"dtype\":\"f32\",\"flop_per_s\":0}]}",
         "machine 'bad': line 1: 'peaks[0].flop_per_s' is missing or 0"},
        {HEAD ",\"peaks\":[{\"op\":7}]}", "machine 'bad': line 1: 'peaks[0].op' is not a string"},
        {HEAD ",\"levels\":[{\"name\":\"DRAM\",\"bandwidth\":[{\"mix\":\"load\"}]}]}",
         "machine 'bad': line 1: 'levels[0].bandwidth[0].byte_per_s' is missing or 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sz_machine *m = NULL;
        sz_status status = sz_machine_parse(*state, "bad", cases[i].text, strlen(cases[i].text),
                                            &m);
        assert_int_equal(status, SZ_ERR_INPUT);
        assert_string_equal(sz_ctx_error(*state), cases[i].message);
        assert_null(m);
    }
}

// ---- store -------------------------------------------------------------------------------------

static void store(void **state) {
    char root[] = "/tmp/sizeup-store-XXXXXX", deep[64], **names;
    sz_machine *m = NULL, *again = NULL;
    assert_non_null(mkdtemp(root));
    snprintf(deep, sizeof deep, "%s/a/b", root);
    assert_int_equal(sz_machine_names(*state, deep, &names), SZ_OK); // no folder: no names
    assert_null(names[0]);
    sz_machine_names_free(*state, names);
    assert_int_equal(sz_machine_load(*state, "here", deep, &m), SZ_ERR_UNAVAILABLE);
    assert_int_equal(sz_machine_load(*state, "m2", deep, &m), SZ_OK);
    assert_int_equal(sz_machine_save(*state, m, deep, "m2"), SZ_ERR_USAGE);
    assert_int_equal(sz_machine_save(*state, m, deep, "../m2"), SZ_ERR_USAGE);
    assert_int_equal(sz_machine_save(*state, m, deep, ".hidden"), SZ_ERR_USAGE);
    assert_int_equal(sz_machine_save(*state, m, deep, "laptop"), SZ_OK);
    assert_int_equal(sz_machine_load(*state, "Laptop", deep, &again), SZ_OK);
    assert_string_equal(again->identity.name, "laptop");
    assert_int_equal(sz_machine_names(*state, deep, &names), SZ_OK);
    assert_string_equal(names[0], "laptop");
    assert_null(names[1]);
    sz_machine_names_free(*state, names);
    sz_machine_destroy(m);
    sz_machine_destroy(again);
    tree_remove(root);
}

// ---- measuring ---------------------------------------------------------------------------------

// On whatever machine this runs: relations, not constants.
static void measures(void **state) {
    const sz_measure_options quick = {.budget_s = 0.4, .threads = 2};
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_measure(*state, &quick, &m), SZ_OK);
    // A reading that can't be true is refused, and then said to be missing.
    assert_true(m->peaks.n + m->gaps.n >= 4 && m->roofs.n > 0 && m->gaps.n > 0);
    for (size_t i = 0; i < m->peaks.n; i++) {
        const sz_peak *p = &m->peaks.items[i];
        assert_true(p->n > 0 && p->flop_per_s > 1e6 && p->best >= p->flop_per_s);
        // Compared per cycle: under load the clock wanders between a batch and its chain.
        assert_true(isnan(p->theoretical_flop_per_s) ||
                    p->flop_per_cycle * p->clock_hz * (double)p->threads <
                        1.06 * p->theoretical_flop_per_s);
    }
    const int dram = sz_main_memory(m);
    assert_true(dram >= 0);
    for (size_t i = 0; i < m->levels.items[dram].bandwidths.n; i++)
        assert_true(m->levels.items[dram].bandwidths.items[i].byte_per_s > 1e6);
    sz_machine_destroy(m);
}

static void mask_leaves_c(void **state) {
    const sz_measure_options masked = {
        .budget_s = 0.2, .threads = 1, .cpu_mask = "sse2,avx2,avx512f,amx_tile,neon,sve"};
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_measure(*state, &masked, &m), SZ_OK);
    for (size_t i = 0; i < m->peaks.n; i++) assert_string_equal(m->peaks.items[i].isa, "c");
    sz_machine_destroy(m);
}

// ---- pages -------------------------------------------------------------------------------------

// Odd sizes: what is given back is what was taken, so neighbours survive.
static void pages(void **state) {
    static const size_t sizes[] = {1, 4096, 3200, 65537, (size_t)2 << 20, ((size_t)4 << 20) + 1};
    (void)state;
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *a = sz_pages_map(sizes[i]), *b = sz_pages_map(4096);
            assert_non_null(a);
            assert_non_null(b);
            assert_int_equal((uintptr_t)a % ((size_t)2 << 20), 0);
            a[0] = a[sizes[i] - 1] = b[0] = 1;
            sz_pages_unmap(a, sizes[i]);
            b[4095] = 1;
            sz_pages_unmap(b, 4096);
        }
    assert_null(sz_pages_map(0));
    assert_null(sz_pages_map(SIZE_MAX));
}

// ---- no memory ---------------------------------------------------------------------------------

typedef struct scarce {
    int left;     // allocations that still succeed
    size_t bytes; // in use
} scarce;

static void *scarce_realloc(void *user, void *old, size_t old_size, size_t new_size) {
    scarce *s = user;
    if (new_size == 0) {
        s->bytes -= old_size;
        free(old);
        return NULL;
    }
    if (s->left-- <= 0) return NULL;
    void *p = realloc(old, new_size);
    if (p) s->bytes += new_size - old_size;
    return p;
}

// Load, write, describe; whatever allocation fails, the status says so and nothing leaks.
static sz_status use_machine(sz_ctx *ctx) {
    sz_machine *m = NULL;
    sz_buf buf;
    sz_status status = sz_machine_load(ctx, "rpi5", NULL, &m);
    if (status != SZ_OK) return status;
    sz_buf_init(&buf, ctx);
    status = sz_machine_json(ctx, m, &buf);
    sz_buf_finish(&buf);
    sz_machine_destroy(m);
    if (status != SZ_OK) return status;
    status = sz_machine_describe(ctx, NULL, &m);
    if (status == SZ_OK) sz_machine_destroy(m);
    return status;
}

static void nth_allocation_fails(void **state) {
    (void)state;
    for (int n = 0; n < 500; n++) {
        scarce s = {.left = n};
        const sz_allocator allocator = {scarce_realloc, &s};
        sz_ctx *ctx = sz_ctx_create(&allocator);
        if (!ctx) continue;
        const sz_status status = use_machine(ctx);
        sz_ctx_destroy(ctx);
        assert_int_equal(s.bytes, 0);
        if (status == SZ_OK) return;
        assert_int_equal(status, SZ_ERR_MEMORY);
    }
    fail_msg("500 allocations are not enough");
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_ctx, drop_ctx)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(describes),
        TEST(no_machine_there),
        TEST(cpu_lists),
        TEST(sheets_load),
        TEST(sheets_hold_facts),
        TEST(written_and_read_back),
        TEST(bad_json),
        TEST(store),
        TEST(measures),
        TEST(mask_leaves_c),
        TEST(pages),
        TEST(nth_allocation_fails),
    };
    tree_folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
