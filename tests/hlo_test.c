// SPDX-License-Identifier: Apache-2.0
// HLO modules, as text and as protobuf: costs against what XLA printed (tests/hlo/counts.tsv), the
// text form, messages for what is no HLO, and files that were damaged. Usage: hlo_test TESTS
#include <sizeup/cost.h>
#include <sizeup/limits.h>
#include <sizeup/model.h>

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_TEXT = 1024, MAX_FILE = 1 << 20 };

static const char *folder;

// ---- files -------------------------------------------------------------------------------------

static char *read_file(const char *name, size_t *ret_size) {
    char path[MAX_TEXT];
    snprintf(path, sizeof path, "%s/hlo/%s", folder, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = malloc(MAX_FILE);
    assert_non_null(bytes);
    *ret_size = fread(bytes, 1, MAX_FILE, f);
    assert_true(*ret_size < MAX_FILE);
    bytes[*ret_size] = '\0';
    fclose(f);
    return bytes;
}

static bool ends_in(const char *name, const char *tail) {
    const size_t n = strlen(name), m = strlen(tail);
    return n >= m && strcmp(name + n - m, tail) == 0;
}

// Calls `use` for each file of the folder with one of the two endings.
static void for_files(void (*use)(const char *name)) {
    char path[MAX_TEXT];
    int n = 0;
    snprintf(path, sizeof path, "%s/hlo", folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (!ends_in(e->d_name, ".txt") && !ends_in(e->d_name, ".pb")) continue;
        use(e->d_name);
        n++;
    }
    closedir(d);
    assert_true(n > 40);
}

// ---- counts ------------------------------------------------------------------------------------

typedef struct counts {
    int64_t flops, second, bytes; // second: transcendentals, or MACs
} counts;

static counts count_model(sz_ctx *ctx, const sz_model *model, const char *convention) {
    sz_cost_options options = {.convention = convention};
    sz_costs *costs = NULL;
    sz_xla_totals xla = {0, 0};
    if (sz_costs_create(ctx, model, &options, &costs) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    const sz_cost total = sz_costs_total(costs);
    counts c = {total.flops, total.macs, total.bytes_moved};
    if (sz_costs_xla(costs, &xla)) c.second = xla.transcendentals, c.bytes = xla.bytes_accessed;
    sz_costs_destroy(costs);
    return c;
}

static counts count_file(const char *name, const char *convention) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    size_t size;
    char *bytes = read_file(name, &size);
    if (sz_model_load_memory(ctx, name, bytes, size, NULL, &model) != SZ_OK)
        fail_msg("%s", sz_ctx_error(ctx));
    assert_string_equal(sz_model_format(model), "hlo");
    const counts c = count_model(ctx, model, convention);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
    free(bytes);
    return c;
}

static bool is_near(const char *want, int64_t got) {
    if (strcmp(want, "-") == 0) return true;
    const double w = (double)strtoll(want, NULL, 10), gap = w - (double)got;
    return (gap < 0 ? -gap : gap) <= 1e-6 * (w < 0 ? -w : w);
}

// A fifth column is there for people.
static int check_row(char *row) {
    char *field[5] = {NULL}, *rest = row;
    int n = 0;
    for (char *f; n < 5 && (f = strsep(&rest, "\t")); n++) field[n] = f;
    assert_true(n >= 5);
    field[4][strcspn(field[4], "\n")] = '\0';
    const counts c = count_file(field[0], field[1]);
    if (is_near(field[2], c.flops) && is_near(field[3], c.second) && is_near(field[4], c.bytes))
        return 0;
    print_error("%s by %s: want %s %s %s, got %" PRId64 " %" PRId64 " %" PRId64 "\n", field[0],
                field[1], field[2], field[3], field[4], c.flops, c.second, c.bytes);
    return 1;
}

static void test_counts(void **state) {
    char path[MAX_TEXT], row[MAX_TEXT];
    int wrong = 0, rows = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/hlo/counts.tsv", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(row, sizeof row, f)) {
        if (*row == '#' || *row == '\n') continue;
        wrong += check_row(row);
        rows++;
    }
    fclose(f);
    assert_true(rows > 60);
    assert_int_equal(wrong, 0);
}

// The same module, as text and as protobuf, by both conventions.
static void same_as_text(const char *name) {
    static const char *const conventions[] = {"xla", "sizeup"};
    char text[MAX_TEXT];
    if (!ends_in(name, ".pb")) return;
    snprintf(text, sizeof text, "%.*s.txt", (int)(strlen(name) - 3), name);
    for (int k = 0; k < 2; k++) {
        const counts a = count_file(name, conventions[k]), b = count_file(text, conventions[k]);
        if (memcmp(&a, &b, sizeof a) != 0)
            fail_msg("%s by %s: %" PRId64 " %" PRId64 " %" PRId64 ", text: %" PRId64 " %" PRId64
                     " %" PRId64,
                     name, conventions[k], a.flops, a.second, a.bytes, b.flops, b.second, b.bytes);
    }
}

static void test_protobuf(void **state) {
    (void)state;
    for_files(same_as_text);
}

// ---- the text form of graphs -------------------------------------------------------------------

static void survives(const char *name) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL, *copy = NULL;
    size_t size;
    char *bytes = read_file(name, &size);
    assert_int_equal(sz_model_load_memory(ctx, name, bytes, size, NULL, &model), SZ_OK);
    const char *text = sz_model_text(model);
    assert_non_null(text);
    if (sz_model_parse(ctx, text, NULL, &copy) != SZ_OK)
        fail_msg("%s: %s", name, sz_ctx_error(ctx));
    assert_string_equal(text, sz_model_text(copy));
    const counts a = count_model(ctx, model, "xla"), b = count_model(ctx, copy, "xla");
    assert_memory_equal(&a, &b, sizeof a);
    sz_model_destroy(copy);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
    free(bytes);
}

static void test_text_form(void **state) {
    (void)state;
    for_files(survives);
}

// ---- what text may look like -------------------------------------------------------------------

#define HEAD "HloModule m\n\n"
#define ONE  HEAD "ENTRY e {\n  p = f32[4] parameter(0)\n  ROOT r = "

typedef struct sample {
    const char *text, *message; // NULL: fine
    int64_t flops;
} sample;

static const sample samples[] = {
    {ONE "f32[4] add(p, p)\n}\n", NULL, 4},
    {ONE
     "f32[4]{0} add(f32[4]{0} %p, f32[4]{0:T(8,128)(2,1)S(1)} %p), metadata={op_name=\"a}b\"}\n}\n",
     NULL, 4},
    {"// a comment\n" ONE "f32[4] add(p, /*index=1*/p), sharding={replicated}\n}\n", NULL, 4},
    {HEAD "ENTRY e {\n  p = f32[<=4] parameter(0)\n  ROOT r = f32[<=4] add(p, p)\n}\n", NULL, 4},
    {HEAD "FileNames\n1 \"x.py\"\n\nStackFrames\n1 {file_location_id=1 parent_frame_id=1}\n\n"
          "%c (a: f32[4], b: (f32[], s32[])) -> f32[4] {\n  %a = f32[4] parameter(0)\n"
          "  %b = (f32[], s32[]) parameter(1)\n  ROOT %n = f32[4] negate(%a)\n}, "
          "execution_thread=\"main\"\n"
          "ENTRY %e (p: f32[4], q: (f32[], s32[])) -> f32[4] {\n  %p = f32[4] parameter(0)\n"
          "  %q = (f32[], s32[]) parameter(1)\n  ROOT %r = f32[4] call(%p, %q), to_apply=%c\n}\n",
     NULL, 4},
    {HEAD "c {\n  a = f32[4] parameter(0)\n  ROOT n = f32[4] negate(a)\n}\n"
          "t {\n  a = f32[4] parameter(0)\n  ROOT n = pred[] constant(true)\n}\n"
          "ENTRY e {\n  p = f32[4] parameter(0)\n  ROOT r = f32[4] while(p), condition=t, body=c, "
          "backend_config=\"{\\\"known_trip_count\\\":{\\\"n\\\":\\\"7\\\"}}\"\n}\n",
     NULL, 28},
    {HEAD "ENTRY e {\n  a = f32[2,3] parameter(0)\n  b = f32[3,5] parameter(1)\n"
          "  ROOT r = (f32[2,5], s8[9]) custom-call(a, b), custom_call_target=\"__cublas$gemm\", "
          "backend_config={\"gemm_backend_config\":{\"dot_dimension_numbers\":"
          "{\"lhs_contracting_dimensions\":[\"1\"],\"rhs_contracting_dimensions\":[\"0\"]}}}\n}\n",
     NULL, 60},
    {HEAD "ENTRY e {\n  c = f32[100,100] constant({...})\n  t = token[] after-all()\n"
          "  d = (f32[2], s32[]) constant(({1, 2}, 3))\n  z = c64[2] constant({(1, 2), (3, 4)})\n"
          "  ROOT r = f32[100,100] tanh(c)\n}\n",
     NULL, 10000},
    {ONE "f32[4] frobnicate(p, p), shape={1,2}\n}\n", NULL, 0}, // unknown, not refused

    {HEAD, "line 3:1: the file ends without an ENTRY computation (is it cut off?)", 0},
    {"HloModule", "line 1:10: the file ends without an ENTRY computation (is it cut off?)", 0},
    {ONE, "line 5:12: a type is expected, '' is none", 0},
    {ONE "f32[4] add(p, q)\n}\n", "line 5:26: operand 'q' is not defined above in this computation",
     0},
    {ONE "f32[4] add(r, p)\n}\n", "line 5:23: operand 'r' is not defined above in this computation",
     0},
    {ONE "f32[4] add(p, p)\n", "line 6:1: the file ends inside of computation 'e'", 0},
    {ONE "f33[4] add(p, p)\n}\n", "line 5:12: a type is expected, 'f33' is none", 0},
    {ONE "f32[4] call(p), to_apply=c\n}\n", "line 5:37: computation 'c' is not defined above", 0},
    {ONE "f32[4] call(p), to_apply=e\n}\n", "line 5:37: computation 'e' is not defined above", 0},
    {ONE "f32[-4] add(p, p)\n}\n", "line 5:16: a dimension is negative", 0},
    {ONE "f32[9999999999999999999] add(p, p)\n}\n", "line 5:16: a number exceeds 2^63", 0},
    {ONE "f32[4294967296,4294967296] add(p, p)\n}\n",
     "line 5:37: tensor has more than 2^63 elements", 0},
    {ONE "f32[4] add(p, p), metadata={{{\n}\n", "line 5:39: a bracket is never closed", 0},
    {ONE "f32[4] add(p, p), metadata={\"x\n}\n", "line 5:39: the file ends inside of a string", 0},
    {HEAD "ENTRY e {\n  p = f32[4] parameter(0)\n  p = f32[4] parameter(1)\n}\n",
     "line 5:24: value 'p' is defined twice", 0},
    {HEAD "ENTRY e {\n  p = f32[4] parameter(1)\n}\n",
     "line 3:1: computation 'e' has no parameter(0)", 0},
    {HEAD "ENTRY e {\n  p = f32[4] parameter(99999999)\n}\n",
     "line 4:24: parameter(99999999) is out of range (0 to 999999)", 0},
    {HEAD "ENTRY e {\n}\n", "line 3:1: computation 'e' is empty", 0},
    {HEAD "ENTRY e {\n  ROOT p = f32[4] parameter(0)\n  ROOT q = f32[4] tanh(p)\n}\n",
     "line 5:8: computation 'e' has two roots", 0},
    {ONE "((((((((((f32[]))))))))))) tanh(p)\n}\n",
     "line 5:20: tuples nest more than 8 levels deep", 0},
    {ONE "f32[4] tanh(p), index=1, index=2\n}\n", "line 5:43: attribute 'index' is given twice", 0},
    {ONE "f32[4] tanh(p), window={size=3 colour=2}\n}\n",
     "line 5:35: 'colour' is no part of a window", 0},
    {HEAD "c {\n  ROOT p = f32[] parameter(0)\n}\nc {\n  ROOT p = f32[] parameter(0)\n}\n",
     "line 6:3: computation 'c' is defined twice", 0},
    {ONE "f32[4] add(p)\n}\n", "needs at least 2 inputs, input 1 is missing", 0},
    {HEAD "ENTRY e {\n  p = f32[4] parameter(0)\n  q = f32[3] parameter(1)\n"
          "  ROOT r = f32[4] add(p, q)\n}\n",
     "operand 1 is f32[3], the result f32[4]", 0},
};

static void check_sample(const sample *s) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    sz_status status = sz_model_load_memory(ctx, "m", s->text, strlen(s->text), NULL, &model);
    if (!s->message) {
        if (status != SZ_OK) fail_msg("%s\n%s", s->text, sz_ctx_error(ctx));
        assert_int_equal(count_model(ctx, model, "sizeup").flops, s->flops);
    } else if (status == SZ_OK || !strstr(sz_ctx_error(ctx), s->message)) {
        fail_msg("%s\nwant %s\ngot  %s", s->text, s->message,
                 status == SZ_OK ? "no error" : sz_ctx_error(ctx));
    }
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
}

static void test_samples(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) check_sample(&samples[i]);
}

// ---- limits ------------------------------------------------------------------------------------

// n computations, each of which calls the one before twice: 2^n instructions.
static sz_status load_calls(int n, int calls, char *ret_message) {
    static char text[MAX_FILE];
    size_t used = (size_t)snprintf(text, sizeof text,
                                   HEAD "c0 {\n  ROOT p = f32[] parameter(0)\n}\n");
    for (int i = 1; i <= n; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "c%d {\n  p = f32[] parameter(0)\n", i);
        for (int k = 0; k < calls; k++)
            used += (size_t)snprintf(text + used, sizeof text - used,
                                     "  x%d = f32[] call(p), to_apply=c%d\n", k, i - 1);
        used += (size_t)snprintf(text + used, sizeof text - used, "}\n");
    }
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "ENTRY e {\n  p = f32[] parameter(0)\n"
                             "  ROOT r = f32[] call(p), to_apply=c%d\n}\n",
                             n);
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    sz_status status = sz_model_load_memory(ctx, "m", text, used, NULL, &model);
    snprintf(ret_message, MAX_TEXT, "%s", status == SZ_OK ? "" : sz_ctx_error(ctx));
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
    return status;
}

static void test_calls(void **state) {
    char message[MAX_TEXT];
    (void)state;
    assert_int_equal(load_calls(30, 1, message), SZ_OK);
    assert_int_equal(load_calls(32, 1, message), SZ_ERR_LIMIT);
    assert_non_null(strstr(message, "computations call each other more than 32 levels deep"));
    assert_int_equal(load_calls(15, 2, message), SZ_OK);
    assert_int_equal(load_calls(30, 2, message), SZ_ERR_LIMIT);
    assert_non_null(strstr(message, "that they stand for more than 4000000 instructions"));
}

// Texts that reach a limit. Written to `text`; returns the length.
typedef size_t make_text(int64_t n, char *text, size_t size);

static size_t repeat(char *text, size_t size, const char *before, const char *part, int64_t n,
                     const char *after) {
    size_t used = (size_t)snprintf(text, size, "%s", before);
    const size_t len = strlen(part);
    for (int64_t i = 0; i < n; i++, used += len) memcpy(text + used, part, len);
    return used + (size_t)snprintf(text + used, size - used, "%s", after);
}

static size_t make_name(int64_t n, char *text, size_t size) {
    return repeat(text, size, HEAD "ENTRY e {\n  ROOT ", "n", n, " = f32[] parameter(0)\n}\n");
}

static size_t make_tuples(int64_t n, char *text, size_t size) {
    const size_t used = repeat(text, size, HEAD "ENTRY e {\n  ROOT p = ", "(", n, "f32[]");
    return used + repeat(text + used, size - used, "", ")", n, " parameter(0)\n}\n");
}

static size_t make_brackets(int64_t n, char *text, size_t size) {
    const size_t used = repeat(text, size, ONE "f32[4] tanh(p), metadata=", "{", n, "");
    return used + repeat(text + used, size - used, "", "}", n, "\n}\n");
}

// n parameters: the last of them has the number n - 1; the others are missing, which is said later.
static size_t make_params(int64_t n, char *text, size_t size) {
    return (size_t)snprintf(text, size, HEAD "ENTRY e {\n  p = f32[] parameter(%" PRId64 ")\n}\n",
                            n - 1);
}

static size_t make_attrs(int64_t n, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, ONE "f32[4] tanh(p)");
    for (int64_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, size - used, ", a%" PRId64 "=1", i);
    return used + (size_t)snprintf(text + used, size - used, "\n}\n");
}

// One computation counts itself, its instructions and what they call: two calls and up to one more
// instruction make any number out of about half of it.
static size_t make_instructions(int64_t n, char *text, size_t size) {
    int64_t sizes[64];
    int depth = 0;
    for (sizes[0] = n; sizes[depth] > 4; depth++) sizes[depth + 1] = (sizes[depth] - 3) / 2;
    size_t used = (size_t)snprintf(text, size, HEAD);
    for (int k = depth; k >= 0; k--) {
        const int64_t rest = k == depth ? sizes[k] - 1 : (sizes[k] - 3) % 2;
        used += (size_t)snprintf(text + used, size - used, "%sc%d {\n  p = f32[] parameter(0)\n",
                                 k ? "" : "ENTRY ", k);
        for (int i = 0; k < depth && i < 2; i++)
            used += (size_t)snprintf(text + used, size - used,
                                     "  x%d = f32[] call(p), to_apply=c%d\n", i, k + 1);
        for (int64_t i = 0; i < rest; i++)
            used += (size_t)snprintf(text + used, size - used, "  t%d = f32[] tanh(p)\n", (int)i);
        used += (size_t)snprintf(text + used, size - used, "}\n");
    }
    return used;
}

static const struct {
    const char *name, *words; // of the message beyond
    make_text *make;
} limit_tests[] = {
    {"hlo-name", "a name of more than", make_name},
    {"hlo-tuples", "tuples nest more than", make_tuples},
    {"hlo-brackets", "brackets nest more than", make_brackets},
    {"hlo-parameters", "is out of range (0 to", make_params},
    {"hlo-attributes", "more than 64 attributes", make_attrs},
    {"hlo-instructions", "instructions", make_instructions},
};

// Is the module refused with these words? Other reasons are not looked at: at its limit, a module
// may be refused for what the test leaves out.
static bool is_beyond(const char *text, size_t size, const char *words) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    const sz_status status = sz_model_load_memory(ctx, "m", text, size, NULL, &model);
    const bool found = status != SZ_OK && strstr(sz_ctx_error(ctx), words);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
    return found;
}

static void test_limits(void **state) {
    static char text[MAX_FILE];
    (void)state;
    for (size_t k = 0; k < sizeof limit_tests / sizeof *limit_tests; k++) {
        sz_limit_row row = {0};
        for (size_t i = 0; sz_list_limit(i, &row) && strcmp(row.name, limit_tests[k].name); i++) {
        }
        assert_string_equal(row.name, limit_tests[k].name);
        for (int d = -1; d <= 1; d++) {
            const size_t n = limit_tests[k].make((int64_t)row.value + d, text, sizeof text);
            assert_true(n < sizeof text);
            if (is_beyond(text, n, limit_tests[k].words) != (d > 0))
                fail_msg("%s at the limit %+d", row.name, d);
        }
    }
}

// ---- damage ------------------------------------------------------------------------------------

static uint32_t seed = 1;
static uint32_t random_number(void) { return seed = seed * 1664525u + 1013904223u; }

static void try_bytes(const char *bytes, size_t size) {
    static const char *const conventions[] = {"sizeup", "xla"};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    sz_status status = sz_model_load_memory(ctx, "m", bytes, size, NULL, &model);
    assert_true(status != SZ_ERR_INTERNAL);
    assert_true(status == SZ_OK || *sz_ctx_error(ctx));
    for (int k = 0; k < 2 && status == SZ_OK; k++) {
        sz_cost_options options = {.convention = conventions[k]};
        sz_costs *costs = NULL;
        status = sz_costs_create(ctx, model, &options, &costs);
        assert_true(status == SZ_OK || *sz_ctx_error(ctx));
        if (k == 0 && costs) assert_true(sz_costs_total(costs).bytes_moved >= 0);
        sz_costs_destroy(costs);
    }
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
}

// Cut at every 50th byte; and with a few bytes that are others.
static void damage(const char *name) {
    size_t size;
    char *bytes = read_file(name, &size);
    const size_t step = size > 12000 ? 500 : 50;
    for (size_t n = 0; n < size; n += step) try_bytes(bytes, n);
    for (int k = 0; k < 40; k++) {
        char *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        for (int i = 0; i < 3; i++) copy[random_number() % size] = (char)(random_number() >> 24);
        try_bytes(copy, size);
        free(copy);
    }
    free(bytes);
}

static void test_damage(void **state) {
    (void)state;
    for_files(damage);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_protobuf),
        cmocka_unit_test(test_text_form), cmocka_unit_test(test_samples),
        cmocka_unit_test(test_calls),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_damage),
    };
    if (argc < 2) return 1;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
