// SPDX-License-Identifier: Apache-2.0
// Captured machines against their descriptions: NAME.tree -> NAME.expected, one fact a line. With
// SIZEUP_UPDATE=1 the expectations are written again.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/machine.h"
#include "os/procfs.h"
#include "tree.h"

// ---- a description as text ---------------------------------------------------------------------

// Every field that is known: a new one appears here by itself.
static void put_record(sz_buf *buf, const char *name, const sz_record_type *type,
                       const void *record) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        const void *at = (const char *)record + f->offset;
        if (f->kind == SZ_FIELD_I64 && *(const int64_t *)at)
            sz_buf_printf(buf, "%s.%s %lld\n", name, f->name, (long long)*(const int64_t *)at);
        if (f->kind == SZ_FIELD_F64 && *(const double *)at > 0)
            sz_buf_printf(buf, "%s.%s %.6g\n", name, f->name, *(const double *)at);
        if (f->kind == SZ_FIELD_STR && *(const char *const *)at)
            sz_buf_printf(buf, "%s.%s %s\n", name, f->name, *(const char *const *)at);
    }
}

static void put_machine(sz_buf *buf, const sz_machine *m) {
    put_record(buf, "identity", sz_identity_type(), &m->identity);
    put_record(buf, "cpu", sz_cpu_facts_type(), &m->cpu);
    sz_buf_puts(buf, "isa");
    for (size_t i = 0; i < m->isa.n; i++) sz_buf_printf(buf, " %s", m->isa.items[i]);
    sz_buf_puts(buf, "\n");
    for (size_t i = 0; i < m->levels.n; i++)
        put_record(buf, "level", sz_level_type(), &m->levels.items[i].level);
    put_record(buf, "host", sz_host_type(), &m->host);
    for (size_t i = 0; i < m->kinds.n; i++)
        put_record(buf, "kind", sz_core_kind_type(), &m->kinds.items[i]);
    for (size_t i = 0; i < m->gaps.n; i++)
        sz_buf_printf(buf, "gap %s: %s\n", m->gaps.items[i].what, m->gaps.items[i].why);
}

static void check(sz_ctx *ctx, const char *name, sz_buf *buf) {
    char path[1024], *text;
    size_t size, allocated;
    snprintf(path, sizeof path, "%s/%s.expected", tree_folder, name);
    if (getenv("SIZEUP_UPDATE"))
        assert_int_equal(sz_folder_write(ctx, path, buf->data, buf->size), SZ_OK);
    assert_int_equal(sz_folder_read(ctx, path, 1 << 20, &text, &size, &allocated), SZ_OK);
    text[size] = '\0';
    sz_buf_putc(buf, '\0');
    assert_string_equal(buf->data, text);
    sz_free(ctx, text, allocated);
}

static void describes(void **state) {
    static const char *const names[] = {"intel-server", "epyc",         "graviton",  "laptop",
                                        "container",    "container-v1", "vm-no-pmu", "big-little",
                                        "two-sockets",  "rpi5",         "bare",         "no-sys"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char root[64];
        sz_machine *m = NULL;
        sz_buf buf;
        tree_unpack(*state, names[i], root, sizeof root);
        assert_int_equal(sz_machine_describe(*state, root, &m), SZ_OK);
        sz_buf_init(&buf, *state);
        put_machine(&buf, m);
        check(*state, names[i], &buf);
        sz_buf_finish(&buf);
        sz_machine_destroy(m);
        tree_remove(root);
    }
}

// ---- a description survives JSON ---------------------------------------------------------------

static void written_and_read_back(void **state) {
    static const char *const environment[] = {"PATH=/bin", "OMP_NUM_THREADS=2", "OPENBLAS_CORETYPE",
                                              "BLIS_ARCH_TYPE=", NULL};
    char root[64];
    sz_machine *a = NULL, *b = NULL;
    sz_buf first, second;
    tree_unpack(*state, "laptop", root, sizeof root);
    const sz_measure_options how = {
        .root = root, .environment = environment, .cpu_mask = "avx_vnni,fma", .name = "mine"};
    assert_int_equal(sz_machine_describe_with(*state, &how, &a), SZ_OK);
    tree_remove(root);
    assert_string_equal(a->identity.name, "mine");
    assert_int_equal(a->variables.n, 2); // a word without '=' is no variable
    assert_string_equal(a->variables.items[0].name, "OMP_NUM_THREADS");
    assert_string_equal(a->variables.items[0].value, "2");
    assert_string_equal(a->variables.items[1].value, "");
    for (size_t i = 0; i < a->isa.n; i++) assert_string_not_equal(a->isa.items[i], "fma");
    sz_buf_init(&first, *state);
    sz_buf_init(&second, *state);
    assert_int_equal(sz_machine_json(*state, a, &first), SZ_OK);
    assert_int_equal(sz_machine_parse(*state, "copy", first.data, first.size, &b), SZ_OK);
    assert_int_equal(sz_machine_json(*state, b, &second), SZ_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    assert_int_equal(b->kinds.n, 2);
    sz_buf_finish(&first);
    sz_buf_finish(&second);
    sz_machine_destroy(a);
    sz_machine_destroy(b);
}

// ---- limits ------------------------------------------------------------------------------------

static void limits(void **state) {
    static const struct {
        const char *tree;
        double quota;
        int64_t memory, throttled;
    } cases[] = {{"container", 0.5, 536870912, 321},
                 {"container-v1", 1.5, 268435456, -1},
                 {"intel-server", 0, 0, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char root[64];
        tree_unpack(*state, cases[i].tree, root, sizeof root);
        const double quota = sz_proc_quota_cpus(root);
        if (cases[i].quota > 0)
            assert_true(quota == cases[i].quota);
        else
            assert_false(quota == quota); // NaN: no limit
        assert_int_equal(sz_proc_memory_limit(root), cases[i].memory);
        assert_int_equal(sz_proc_throttled(root), cases[i].throttled);
        tree_remove(root);
    }
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

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {TEST(describes), TEST(written_and_read_back), TEST(limits)};
    tree_folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
