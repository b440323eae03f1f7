// SPDX-License-Identifier: Apache-2.0
// A pass never changes what a graph computes: random graphs, the cases of tests/rewrites/ and small
// real nets are run by the reference executor before and after each pass and each recipe.
// Usage: rewrite_test TESTS [FIRST-SEED N-SEEDS]
#include "model/graph/model.h"
#include "model/passes/pass.h"
#include "run/backends/ref/ref.h"

#include <sizeup/optimize.h>

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

#include "random_graph.h"

enum { SEEDS = 150, STEPS = 14, MAX_PATH = 4096, MAX_SHOWN = 12 };

static const char *tests_folder = ".";
static uint64_t first_seed = 1;
static int n_seeds = SEEDS, shown;
static int64_t changed[64]; // by pass, in the random graphs

// ---- one comparison ----------------------------------------------------------------------------

// The largest difference over the largest number; NaN and infinities must be the same.
static double difference(const sz_buffer *a, const sz_buffer *b) {
    double most = 0, scale = 0;
    if (a->dtype != b->dtype || a->rank != b->rank || a->count != b->count) return INFINITY;
    for (int32_t d = 0; d < a->rank; d++)
        if (a->dims[d] != b->dims[d]) return INFINITY;
    for (int64_t k = 0; k < a->count; k++) {
        double x, y;
        sz_buffer_doubles(a, k, 1, &x);
        sz_buffer_doubles(b, k, 1, &y);
        if (isnan(x) && isnan(y)) continue;
        if (x == y) {
            if (isfinite(x)) scale = fmax(scale, fabs(x));
            continue;
        }
        if (!isfinite(x) || !isfinite(y)) return INFINITY;
        most = fmax(most, fabs(x - y));
        scale = fmax(scale, fabs(x));
    }
    return most > 0 ? most / fmax(scale, 0.1) : 0; // where much cancels, what is left is rounding
}

// Rewrites that change the order or the number of roundings.
static bool rounds(const char *passes) {
    return strstr(passes, "fold-norms") || strstr(passes, "sums") || strstr(passes, "expand") ||
           strchr(passes, ' ');
}

typedef struct subject {
    sz_ctx *ctx;
    const char *name;        // of the case
    const char *text, *path; // one of them
    const sz_load_options *options;
    sz_model *plain;
    sz_ref *before;
} subject;

static sz_status load(subject *s, sz_model **ret) {
    if (s->text) return sz_model_parse(s->ctx, s->text, s->options, ret);
    return sz_model_load(s->ctx, s->path, s->options, ret);
}

static void report(const subject *s, const char *passes, const char *why) {
    if (shown++ >= MAX_SHOWN) return;
    fprintf(stderr, "%s, %s: %s\n", s->name, passes, why);
    if (s->text && shown <= 3) fprintf(stderr, "%s\n", s->text);
}

// How far the outputs are after the passes; -1 when something failed.
static double run_after(subject *s, sz_model *m, const sz_optimize_options *o, char *why,
                        size_t size) {
    sz_ref *after = NULL;
    double most = -1;
    const int32_t pass = o->passes ? sz_pass_find(sz_str_c(o->passes)) : SZ_NONE;
    if (sz_model_optimize(s->ctx, m, o) == SZ_OK &&
        sz_ref_create(s->ctx, m->graph, NULL, &after) == SZ_OK &&
        sz_ref_take_weights(after, s->before) == SZ_OK && sz_ref_run(after) == SZ_OK) {
        most = 0;
        for (size_t k = 0; k < m->graph->outputs.n; k++) {
            const double d = difference(sz_ref_output(s->before, k), sz_ref_output(after, k));
            if (d <= most) continue;
            most = d;
            const sz_value *v = sz_graph_value(m->graph, m->graph->outputs.items[k]);
            snprintf(why, size, "output '%.*s' is off by %g", (int)v->name.len, v->name.p, d);
        }
    } else {
        snprintf(why, size, "%s", sz_ctx_error(s->ctx));
    }
    if (most >= 0 && pass != SZ_NONE) changed[pass] += sz_model_pass(m, 0).changed;
    sz_ref_destroy(after);
    return most;
}

// false, with a report, when the outputs differ.
static bool holds(subject *s, const char *recipe, const char *passes) {
    const sz_optimize_options o = {.recipe = recipe, .passes = passes};
    char why[1024] = "";
    sz_model *m = NULL;
    double off = -1;
    if (load(s, &m) == SZ_OK) off = run_after(s, m, &o, why, sizeof why);
    const bool good = off >= 0 && off <= (!passes || rounds(passes) ? 2e-5 : 0);
    if (!good) report(s, passes ? passes : recipe, why);
    sz_model_destroy(m);
    return good;
}

// All rewrites one by one (real nets: not), then all recipes. Fusions change no node; recipes have
// them too.
static int check_all(subject *s) {
    int bad = 0;
    sz_recipe_row recipe;
    for (int32_t i = 0; s->text && i < sz_pass_count(); i++)
        if (sz_pass_get(i)->sort == SZ_PASS_REWRITE) bad += !holds(s, NULL, sz_pass_get(i)->name);
    for (size_t i = 0; sz_list_recipe(i, &recipe); i++) bad += !holds(s, recipe.name, NULL);
    return bad;
}

// Runs the plain graph; false when it can't be run.
static int check(sz_ctx *ctx, const char *name, const char *text, const char *path,
                 const sz_load_options *options) {
    subject s = {.ctx = ctx, .name = name, .text = text, .path = path, .options = options};
    int bad = 1;
    if (load(&s, &s.plain) == SZ_OK &&
        sz_ref_create(ctx, s.plain->graph, NULL, &s.before) == SZ_OK &&
        sz_ref_take_weights(s.before, s.before) == SZ_OK && // made once, for all runs
        sz_ref_run(s.before) == SZ_OK)
        bad = check_all(&s);
    else
        report(&s, "as it is", sz_ctx_error(ctx));
    sz_ref_destroy(s.before);
    sz_model_destroy(s.plain);
    sz_ctx_clear(ctx);
    return bad;
}

// ---- random graphs -----------------------------------------------------------------------------

static void test_random_graphs(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    rg *g = calloc(1, sizeof *g);
    int bad = 0;
    assert_non_null(ctx);
    assert_non_null(g);
    for (int k = 0; k < n_seeds; k++) {
        char name[64];
        g->state = first_seed + (uint64_t)k;
        rg_graph(g, STEPS);
        snprintf(name, sizeof name, "seed %" PRIu64, first_seed + (uint64_t)k);
        bad += check(ctx, name, g->text, NULL, NULL);
    }
    free(g);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
    assert_int_equal(bad, 0);
    for (int32_t i = 0; i < sz_pass_count(); i++) { // a pass that finds nothing proves nothing
        const sz_pass *p = sz_pass_get(i);
        if (p->sort != SZ_PASS_REWRITE) continue;
        printf("%-16s changed %" PRId64 "\n", p->name, changed[i]);
        if (n_seeds >= SEEDS && changed[i] == 0)
            fail_msg("pass '%s' never found anything", p->name);
    }
}

// ---- files -------------------------------------------------------------------------------------

static char *read_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = calloc(1, 1 << 20);
    if (text) text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void test_cases(void **state) {
    (void)state;
    char folder[MAX_PATH], path[MAX_PATH + 512];
    sz_ctx *ctx = sz_ctx_create(NULL);
    int bad = 0, n = 0;
    snprintf(folder, sizeof folder, "%s/rewrites", tests_folder);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!strstr(e->d_name, ".txt")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        char *text = read_file(path);
        assert_non_null(text);
        bad += check(ctx, e->d_name, text, NULL, NULL);
        free(text);
        n++;
    }
    closedir(dir);
    assert_true(n > 0);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
    assert_int_equal(bad, 0);
}

static void test_nets(void **state) {
    (void)state;
    static const struct {
        const char *name, *binds[4];
        size_t n;
    } nets[] = {
        {"mlp", {0}, 0},
        {"mlp.int8dyn", {0}, 0},
        {"einsum", {0}, 0},
        {"dcgan", {0}, 0},
        {"llama_tiny", {0}, 0},
    };
    char path[MAX_PATH];
    sz_ctx *ctx = sz_ctx_create(NULL);
    int bad = 0;
    for (size_t k = 0; k < sizeof nets / sizeof *nets; k++) {
        const sz_load_options options = {.binds = nets[k].binds, .n_binds = nets[k].n};
        snprintf(path, sizeof path, "%s/models/%s.onnx", tests_folder, nets[k].name);
        bad += check(ctx, nets[k].name, NULL, path, &options);
    }
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv) {
    if (argc > 1) tests_folder = argv[1];
    if (argc > 3)
        first_seed = strtoull(argv[2], NULL, 10), n_seeds = (int)strtol(argv[3], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_nets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
