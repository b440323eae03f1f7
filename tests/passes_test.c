// SPDX-License-Identifier: Apache-2.0
// Runs the case files of the passes, tests/passes/*.txt: a graph before, passes, the graph after.
// The notation is in docs/how-to/add-a-pass.md.
#include "model/passes/run.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_LINE = 1024, MAX_TEXT = 64 * 1024, MAX_FILES = 64, MIN_CASES = 3 };

typedef struct test_case {
    const char *file;
    int line;
    char passes[MAX_LINE], recipe[64], title[MAX_LINE];
    char before[MAX_TEXT], after[MAX_TEXT], sources[MAX_TEXT];
    bool same; // the graph must not change
} test_case;

typedef struct runner {
    sz_ctx *ctx;
    int passed, failed;
    int cases[SZ_MAX_PASSES], refusals[SZ_MAX_PASSES]; // per pass
} runner;

static runner the_runner;

static bool complain(const test_case *c, const char *what, const char *text) {
    printf("%s:%d: %s: %s%s\n", c->file, c->line, c->title, what, text);
    return false;
}

// ---- graphs ------------------------------------------------------------------------------------

static sz_status read_graph(sz_ctx *ctx, const char *statements, bool infer, sz_graph **ret) {
    static char text[MAX_TEXT + 64];
    snprintf(text, sizeof text, "graph case opset=17 {\n%s}\n", statements);
    *ret = NULL;
    SZ_TRY(sz_graph_parse(ctx, text, strlen(text), ret));
    SZ_TRY(sz_graph_verify(*ret));
    SZ_TRY(sz_ops_resolve(*ret));
    return infer ? sz_ops_infer(*ret) : SZ_OK;
}

// The text of a graph without what is only a comment: printed, read back and printed again.
static sz_status plain_text(sz_graph *g, char *ret_text) {
    const char *once, *twice;
    sz_graph *copy = NULL;
    SZ_TRY(sz_graph_print(g, &once));
    sz_status status = sz_graph_parse(g->ctx, once, strlen(once), &copy);
    if (status != SZ_OK) return status;
    status = sz_graph_print(copy, &twice);
    if (status == SZ_OK) snprintf(ret_text, MAX_TEXT, "%s", twice);
    sz_graph_destroy(copy);
    return status;
}

static sz_status run_passes(const test_case *c, sz_graph *g) {
    sz_pass_list list;
    const sz_recipe *recipe = sz_recipe_find(*c->recipe ? c->recipe : NULL);
    if (!recipe) return sz_fail(g->ctx, SZ_ERR_USAGE, "no recipe '%s'", c->recipe);
    SZ_TRY(sz_pass_list_read(g->ctx, c->passes, &list));
    for (int i = 0; i < list.n; i++) {
        const int32_t pass = sz_pass_find(sz_str_c(list.passes[i]->name));
        the_runner.cases[pass]++;
        the_runner.refusals[pass] += c->same;
    }
    return sz_passes_run(g, recipe, &list);
}

// Lines "sources y: a b c": the origins of the node that makes y.
static bool check_sources(const test_case *c, const sz_graph *g) {
    char name[256], want[MAX_LINE], got[MAX_LINE];
    for (const char *at = c->sources; *at; at += strcspn(at, "\n") + 1) {
        if (sscanf(at, " sources %255[^:]: %1000[^\n]", name, want) != 2)
            return complain(c, "expected 'sources NAME: a b c' instead of ", at);
        const sz_value_id v = sz_graph_find(g, sz_str_c(name));
        if (v == SZ_NONE || sz_graph_value(g, v)->producer == SZ_NONE)
            return complain(c, "no node makes ", name);
        size_t len = 0;
        got[0] = '\0';
        for (const sz_origin *o = g->plan->origins[sz_graph_value(g, v)->producer]; o; o = o->next)
            len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", len ? " " : "",
                                    (int)o->name.len, o->name.p);
        if (strcmp(got, want) != 0) return complain(c, "sources are: ", got);
    }
    return true;
}

static bool compare(const test_case *c, sz_graph *g) {
    static char got[MAX_TEXT], want[MAX_TEXT];
    sz_graph *after = NULL;
    sz_status status = read_graph(g->ctx, c->same ? c->before : c->after, false, &after);
    if (status == SZ_OK) status = plain_text(after, want);
    if (status == SZ_OK) status = plain_text(g, got);
    sz_graph_destroy(after);
    if (status != SZ_OK) return complain(c, "", sz_ctx_error(g->ctx));
    if (strcmp(got, want) == 0) return check_sources(c, g);
    printf("%s:%d: %s: expected\n%s\ngot\n%s\n", c->file, c->line, c->title, want, got);
    return false;
}

static void run_case(const test_case *c) {
    sz_graph *g = NULL;
    sz_ctx *ctx = the_runner.ctx;
    sz_ctx_clear(ctx);
    sz_status status = read_graph(ctx, c->before, true, &g);
    if (status == SZ_OK) status = run_passes(c, g);
    const bool ok = status == SZ_OK ? compare(c, g) : complain(c, "", sz_ctx_error(ctx));
    sz_graph_destroy(g);
    if (ok)
        the_runner.passed++;
    else
        the_runner.failed++;
}

// ---- files -------------------------------------------------------------------------------------

static bool begins(const char *s, const char *word) {
    const size_t n = strlen(word);
    return strncmp(s, word, n) == 0 && strchr(" \t\n", s[n]);
}

// "case PASS,PASS [for RECIPE]: title"
static void begin_case(test_case *c, int line, const char *head) {
    memset(c->before, 0, 1), memset(c->after, 0, 1), memset(c->sources, 0, 1);
    c->line = line;
    c->same = false;
    c->recipe[0] = '\0';
    if (sscanf(head, "case %1000[^: ] for %63[^:]: %1000[^\n]", c->passes, c->recipe, c->title) ==
        3)
        return;
    c->recipe[0] = '\0';
    if (sscanf(head, "case %1000[^: ]: %1000[^\n]", c->passes, c->title) != 2)
        fail_msg("%s:%d: expected 'case PASSES: title'", c->file, line);
}

static void add(char *text, const char *line) {
    const size_t len = strlen(text);
    assert_true(len + strlen(line) + 1 < MAX_TEXT);
    memcpy(text + len, line, strlen(line) + 1);
}

static void run_file(void **state) {
    static test_case c;
    char line[MAX_LINE], *part = NULL;
    const int failed = the_runner.failed;
    FILE *f = fopen(*state, "r");
    if (!f) fail_msg("can't open %s", (const char *)*state);
    c = (test_case){.file = *state};
    for (int n = 1; fgets(line, sizeof line, f); n++) {
        const char *s = line + strspn(line, " \t");
        if (begins(s, "case")) {
            if (c.line) run_case(&c);
            begin_case(&c, n, s);
            part = c.before;
        } else if (begins(s, "after"))
            part = c.after;
        else if (begins(s, "unchanged"))
            c.same = true;
        else if (begins(s, "sources"))
            add(c.sources, line);
        else if (part && *s != '#')
            add(part, line);
    }
    if (c.line) run_case(&c);
    fclose(f);
    assert_int_equal(the_runner.failed, failed);
}

// Every pass: three cases at least, one of them in which it must not apply.
static void run_coverage(void **state) {
    int missing = 0;
    (void)state;
    for (int32_t i = 0; i < sz_pass_count(); i++) {
        if (the_runner.cases[i] >= MIN_CASES && the_runner.refusals[i] > 0) continue;
        printf("pass %s: %d cases, %d of them unchanged\n", sz_pass_get(i)->name,
               the_runner.cases[i], the_runner.refusals[i]);
        missing++;
    }
    assert_int_equal(missing, 0);
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

int main(int argc, char **argv) {
    static struct CMUnitTest tests[MAX_FILES + 1];
    static char paths[MAX_FILES][512];
    char folder[512];
    size_t n = 0;
    snprintf(folder, sizeof folder, "%s/passes", argc > 1 ? argv[1] : "tests");
    DIR *dir = opendir(folder);
    if (!dir) return 1;
    for (struct dirent *entry; (entry = readdir(dir)) && n < MAX_FILES;)
        if (strstr(entry->d_name, ".txt"))
            snprintf(paths[n++], sizeof paths[0], "%.255s/%.240s", folder, entry->d_name);
    closedir(dir);
    qsort(paths, n, sizeof paths[0], by_name);
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){paths[i], run_file, NULL, NULL, paths[i]};
    tests[n++] = (struct CMUnitTest){.name = "coverage", .test_func = run_coverage};
    the_runner.ctx = sz_ctx_create(NULL);
    if (!the_runner.ctx) return 1;
    int failed = _cmocka_run_group_tests("passes", tests, n, NULL, NULL);
    printf("%d passed, %d failed\n", the_runner.passed, the_runner.failed);
    sz_ctx_clear(the_runner.ctx);
    if (sz_ctx_memory_used(the_runner.ctx) != 0) {
        printf("%zu bytes were not freed\n", sz_ctx_memory_used(the_runner.ctx));
        failed++;
    }
    sz_ctx_destroy(the_runner.ctx);
    return failed > 0;
}
