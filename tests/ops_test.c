// SPDX-License-Identifier: Apache-2.0
// Runs the case files of the operator table: shapes in; shapes, numbers and cost out. The notation
// is in docs/graph-text.md. ops_test [--coverage] FILE...
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/cost/node_cost.h"
#include "model/graph/text.h"
#include "model/ops/ops.h"

enum { MAX_LINE = 4096, MAX_EXPECTS = 64, MAX_OPS = 1024, MAX_FILES = 64 };

// One "expect", "error" or "warning" line.
typedef struct claim {
    int line;
    char text[MAX_LINE];
} claim;

typedef struct test_case {
    const char *file;
    int line; // of the word "case"
    char title[MAX_LINE];
    SZ_VEC(char) body; // as graph text; claims are blank lines in it, so that lines still count
    claim claims[MAX_EXPECTS];
    int n_claims;
} test_case;

typedef struct runner {
    sz_ctx *ctx;
    int passed, failed;
    bool covered[MAX_OPS];
    bool wants_coverage;
} runner;

static runner the_runner;

// ---- saying what is wrong ----------------------------------------------------------------------

static bool complain(const test_case *c, int line, const char *fmt, ...) SZ_PRINTF(3, 4);
static bool complain(const test_case *c, int line, const char *fmt, ...) {
    va_list args;
    printf("%s:%d: %s: ", c->file, line, c->title);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
    return false;
}

// ---- claims ------------------------------------------------------------------------------------

// Is `got` what `want` says? Unstated insides of containers match anything.
static bool same_type(const sz_type *got, const sz_type *want, int depth) {
    if (got->kind != want->kind || got->dtype != want->dtype) return false;
    if (got->rank != want->rank) return false;
    for (int32_t i = 0; i < want->rank; i++)
        if (got->dims[i] != want->dims[i]) return false;
    if (want->n_items >= 0 && got->n_items != want->n_items) return false;
    for (int64_t i = 0; want->items && i < want->n_items; i++) {
        const sz_type *item = got->items ? got->items[i] : got->elem; // all alike: not listed
        if (!item || !same_type(item, want->items[i], depth - 1)) return false;
    }
    if (!want->elem || depth == 0) return true;
    return got->elem && same_type(got->elem, want->elem, depth - 1);
}

static bool near(double a, double b) {
    double size = b < 0 ? -b : b, gap = a < b ? b - a : a - b;
    if (a != a || b != b) return a != a && b != b;
    return a == b || gap <= 1e-6 * (size > 1e-3 ? size : 1e-3);
}

static bool same_number(const sz_tensor *got, const sz_tensor *want, int64_t k) {
    if (got->f && want->f) return near(got->f[k], want->f[k]);
    if (got->i && want->i) return got->i[k] == want->i[k];
    return got->s && want->s && sz_str_eq(got->s[k], want->s[k]);
}

static void show_number(char *text, size_t size, const sz_tensor *t, int64_t k) {
    if (t->f) snprintf(text, size, "%.9g", t->f[k]);
    else if (t->s) snprintf(text, size, "\"%.*s\"", (int)t->s[k].len, t->s[k].p);
    else if (t->i[k] == SZ_VALUE_UNKNOWN) snprintf(text, size, "?");
    else snprintf(text, size, "%lld", (long long)t->i[k]);
}

static bool check_numbers(const test_case *c, const claim *e, const char *name,
                          const sz_tensor *got, const sz_tensor *want) {
    char a[128], b[128];
    if (!got) return complain(c, e->line, "numbers of %s are not known", name);
    if (got->count != want->count)
        return complain(c, e->line, "%s: expected %lld numbers, got %lld", name,
                        (long long)want->count, (long long)got->count);
    for (int64_t k = 0; k < want->count; k++) {
        if (same_number(got, want, k)) continue;
        show_number(a, sizeof a, want, k), show_number(b, sizeof b, got, k);
        return complain(c, e->line, "%s[%lld]: expected %s, got %s", name, (long long)k, a, b);
    }
    return true;
}

// "NAME unknown": no numbers. "NAME TYPE", "NAME {..}", "NAME TYPE {..}".
static bool check_value(const test_case *c, const claim *e, sz_graph *g, sz_text *t) {
    sz_str name;
    sz_type want;
    const sz_tensor *numbers = NULL, *known = NULL;
    if (sz_text_name(t, &name, NULL) != SZ_OK) return complain(c, e->line, "expected a name");
    sz_value_id id = sz_graph_find(g, name);
    const char *shown = sz_show(g->ctx, name);
    if (id == SZ_NONE) return complain(c, e->line, "no value '%s'", shown);
    if (sz_graph_known(g, id, &known) != SZ_OK) return complain(c, e->line, "%s", shown);
    const sz_type *got = &sz_graph_value(g, id)->type;
    if (sz_text_take_word(t, "unknown"))
        return !known || complain(c, e->line, "numbers of %s are known", shown);
    if (sz_text_peek(t) == '{') {
        int64_t room = known ? known->count + 1 : 1;
        if (!known) return complain(c, e->line, "numbers of %s are not known", shown);
        if (sz_text_items(t, got->dtype, room, &numbers) != SZ_OK)
            return complain(c, e->line, "%s: %s", shown, sz_ctx_error(g->ctx));
        return check_numbers(c, e, shown, known, numbers);
    }
    if (sz_text_type(t, &want) != SZ_OK) return complain(c, e->line, "%s", sz_ctx_error(g->ctx));
    if (!same_type(got, &want, 4))
        return complain(c, e->line, "%s: expected %s, got %s", shown, sz_type_text(g, &want),
                        sz_type_text(g, got));
    if (sz_text_peek(t) == '{') {
        if (sz_text_numbers(t, &want, &numbers) != SZ_OK)
            return complain(c, e->line, "%s", sz_ctx_error(g->ctx));
        if (!check_numbers(c, e, shown, known, numbers)) return false;
    }
    return sz_text_done(t) || complain(c, e->line, "more than one claim in '%s'", e->text);
}

// What a case may say about the cost of its last node.
static const struct {
    const char *word;
    size_t offset;
} cost_words[] = {
    {"macs", offsetof(sz_work, macs)},         {"read", offsetof(sz_work, bytes_read)},
    {"written", offsetof(sz_work, bytes_written)}, {"epilogue", offsetof(sz_work, epilogue)},
    {"bias", offsetof(sz_work, bias)},         {"skipped", offsetof(sz_work, skipped_macs)},
    {"kernel", offsetof(sz_work, kernel)},     {"elementary", offsetof(sz_work, flops)},
};
enum { N_COST_WORDS = sizeof cost_words / sizeof *cost_words };

static bool cost_word(sz_str word, const sz_work *w, int64_t *ret) {
    *ret = w->flops + 2 * w->macs;
    if (sz_str_is(word, "flops")) return true;
    for (int i = 0; i < N_COST_WORDS; i++)
        if (sz_str_is(word, cost_words[i].word)) {
            memcpy(ret, (const char *)w + cost_words[i].offset, sizeof *ret);
            return true;
        }
    return false;
}

static bool check_cost(const test_case *c, const claim *e, sz_graph *g, sz_text *t) {
    sz_work work = {0};
    const char *unknown = NULL;
    bool ok = true;
    if (g->nodes.n == 0) return complain(c, e->line, "no node");
    if (sz_cost_node(g, (sz_node_id)g->nodes.n - 1, &work, &unknown) != SZ_OK)
        return complain(c, e->line, "cost: %s", sz_ctx_error(g->ctx));
    if (sz_text_take_word(t, "uncosted")) {
        sz_str part;
        if (!unknown) return complain(c, e->line, "expected no cost, got one");
        if (sz_text_done(t) || sz_text_string(t, &part) != SZ_OK) return true;
        char text[MAX_LINE];
        snprintf(text, sizeof text, "%.*s", (int)part.len, part.p);
        return strstr(unknown, text) || complain(c, e->line, "uncosted because: %s", unknown);
    }
    if (unknown) return complain(c, e->line, "not costed: %s", unknown);
    while (!sz_text_done(t)) {
        sz_str word = sz_text_word(t);
        int64_t got, want;
        if (!cost_word(word, &work, &got))
            return complain(c, e->line, "no such cost: '%.*s'", (int)word.len, word.p);
        t->at += word.len;
        if (sz_scan_int(t, &want) != SZ_OK) return complain(c, e->line, "%s", sz_ctx_error(g->ctx));
        if (got != want)
            ok = complain(c, e->line, "%.*s: expected %lld, got %lld", (int)word.len, word.p,
                          (long long)want, (long long)got);
    }
    return ok;
}

static bool is_cost_claim(sz_text *t) {
    sz_work none = {0};
    int64_t ignored;
    sz_str word = sz_text_word(t);
    char next = sz_text_after_word(t);
    if (sz_str_is(word, "uncosted")) return true;
    return cost_word(word, &none, &ignored) && next >= '0' && next <= '9';
}

static bool check_warning(const test_case *c, const claim *e, sz_graph *g, sz_text *t) {
    sz_str part;
    char text[MAX_LINE];
    if (sz_text_string(t, &part) != SZ_OK) return complain(c, e->line, "expected a string");
    snprintf(text, sizeof text, "%.*s", (int)part.len, part.p);
    for (size_t i = 0; i < sz_ctx_warning_count(g->ctx); i++)
        if (strstr(sz_ctx_warning(g->ctx, i), text)) return true;
    return complain(c, e->line, "no warning says '%s'", text);
}

static bool check_claims(const test_case *c, sz_graph *g) {
    bool ok = true;
    for (int i = 0; i < c->n_claims; i++) {
        const claim *e = &c->claims[i];
        sz_text t;
        sz_text_init(&t, g, e->text, strlen(e->text));
        if (sz_text_take_word(&t, "warning")) {
            ok &= check_warning(c, e, g, &t);
        } else if (sz_text_take_word(&t, "expect")) {
            ok &= is_cost_claim(&t) ? check_cost(c, e, g, &t) : check_value(c, e, g, &t);
        }
    }
    return ok;
}

// ---- one case ----------------------------------------------------------------------------------

// Values of the case that nothing consumes are its outputs, unless it states some.
static sz_status add_outputs(sz_graph *g) {
    const bool stated = g->outputs.n > 0;
    bool *used = sz_arena_array(g->arena, g->values.n + 1, sizeof *used);
    if (!used) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int32_t k = 0; k < g->nodes.items[i].n_inputs; k++)
            if (g->nodes.items[i].inputs[k] != SZ_NONE) used[g->nodes.items[i].inputs[k]] = true;
    for (size_t c = 0; c < g->children.n; c++) {
        const sz_graph *body = g->children.items[c];
        for (size_t i = 0; body->parent == g && i < body->values.n; i++)
            if (body->values.items[i].kind == SZ_VALUE_CAPTURED)
                used[body->values.items[i].outer] = true;
    }
    for (size_t i = 0; !stated && i < g->values.n; i++) {
        if (used[i] || g->values.items[i].kind != SZ_VALUE_NODE) continue;
        g->values.items[i].is_output = true;
        sz_value_id id = (sz_value_id)i;
        if (!sz_vec_push(g->ctx, &g->outputs, id)) return sz_no_memory(g->ctx);
    }
    return SZ_OK;
}

static sz_status cost_all(sz_graph *g) {
    for (size_t i = 0; i < g->nodes.n; i++) {
        sz_work work;
        const char *unknown = NULL;
        SZ_TRY(sz_cost_node(g, (sz_node_id)i, &work, &unknown));
    }
    return SZ_OK;
}

static sz_status run_steps(sz_graph *g) {
    SZ_TRY(add_outputs(g));
    SZ_TRY(sz_graph_verify(g));
    SZ_TRY(sz_ops_resolve(g));
    SZ_TRY(sz_ops_infer(g));
    return cost_all(g);
}

// Does the graph have the operator that the title names? Marks its row as covered.
static bool cover(runner *r, const test_case *c, const sz_graph *g) {
    size_t len = strcspn(c->title, " \t");
    for (size_t k = 0; k <= g->children.n; k++) {
        const sz_graph *body = k == 0 ? g : g->children.items[k - 1];
        for (size_t i = 0; i < body->nodes.n; i++) {
            const sz_node *n = &body->nodes.items[i];
            char full[256];
            snprintf(full, sizeof full, "%.*s.%.*s", (int)n->domain.len, n->domain.p,
                     (int)n->op.len, n->op.p);
            const char *name = strrchr(full, '.') + 1;
            bool is_short = strlen(name) == len && strncmp(name, c->title, len) == 0;
            bool is_full = strlen(full) == len && strncmp(full, c->title, len) == 0;
            if (!is_short && !is_full) continue;
            int32_t row = sz_op_find(n->domain, n->op);
            if (row != SZ_NONE && row < MAX_OPS) r->covered[row] = true;
            return true;
        }
    }
    return complain(c, c->line, "has no node of the operator that its title names");
}

static const claim *error_claim(const test_case *c) {
    for (int i = 0; i < c->n_claims; i++)
        if (strncmp(c->claims[i].text, "error", 5) == 0) return &c->claims[i];
    return NULL;
}

static bool check_error(const test_case *c, const claim *e, sz_status status, const char *message) {
    char text[MAX_LINE];
    const char *from = strchr(e->text, '"'), *to = strrchr(e->text, '"');
    if (!from || to == from) return complain(c, e->line, "expected error \"...\"");
    snprintf(text, sizeof text, "%.*s", (int)(to - from - 1), from + 1);
    if (status == SZ_OK) return complain(c, e->line, "expected the error '%s', got none", text);
    return strstr(message, text) ||
           complain(c, e->line, "expected the error '%s', got '%s'", text, message);
}

// The text form of the graph must read back to the same text.
static bool check_text(const test_case *c, sz_graph *g) {
    const char *once, *twice;
    sz_graph *copy = NULL;
    if (sz_graph_print(g, &once) != SZ_OK ||
        sz_graph_parse(g->ctx, once, strlen(once), &copy) != SZ_OK)
        return complain(c, c->line, "text form: %s", sz_ctx_error(g->ctx));
    bool ok = sz_graph_print(copy, &twice) == SZ_OK && strcmp(once, twice) == 0;
    if (!ok) complain(c, c->line, "text form changes:\n%s\n%s", once, twice);
    sz_graph_destroy(copy);
    return ok;
}

static bool run_case(runner *r, const test_case *c) {
    sz_graph *g = NULL;
    const claim *error = error_claim(c);
    sz_ctx_clear(r->ctx);
    sz_status status = sz_graph_parse(r->ctx, c->body.items, c->body.n, &g);
    bool ok = true;
    if (status == SZ_OK) {
        ok = cover(r, c, g) && check_text(c, g);
        status = run_steps(g);
    }
    if (error) ok &= check_error(c, error, status, sz_ctx_error(r->ctx));
    else if (status != SZ_OK) ok = complain(c, c->line, "%s", sz_ctx_error(r->ctx));
    if (status == SZ_OK) ok &= check_claims(c, g);
    sz_graph_destroy(g);
    if (ok) r->passed++;
    else r->failed++;
    return ok;
}

// ---- reading case files ------------------------------------------------------------------------

static void append(runner *r, test_case *c, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) assert_true(sz_vec_push(r->ctx, &c->body, s[i]));
}

// How much deeper in braces the line ends than it begins; quotes and comments don't count.
static int depth_change(const char *s) {
    int depth = 0;
    bool quoted = false;
    for (; *s; s++) {
        if (quoted && *s == '\\' && s[1]) s++;
        else if (*s == '"') quoted = !quoted;
        else if (!quoted && *s == '#') break;
        else if (!quoted && *s == '{') depth++;
        else if (!quoted && *s == '}') depth--;
    }
    return depth;
}

static bool begins(const char *s, const char *word) {
    size_t n = strlen(word);
    return strncmp(s, word, n) == 0 && (s[n] == ' ' || s[n] == '\t' || s[n] == 0);
}

// "expect ..." but not "expect = Relu(x)".
static bool is_claim(const char *s) {
    if (!begins(s, "expect") && !begins(s, "error") && !begins(s, "warning")) return false;
    s += strcspn(s, " \t");
    s += strspn(s, " \t");
    return *s != '=' && *s != ',' && *s != ':' && *s != 0;
}

// "x: f32[2,3]" or "x, y: f32[2]", not "x: f32[2] = ..." and not "x = ...".
static bool is_input(const char *s) {
    bool quoted = false, colon = false;
    for (; *s && (quoted || *s != '#'); s++) {
        if (quoted && *s == '\\' && s[1]) s++;
        else if (*s == '"') quoted = !quoted;
        else if (!quoted && *s == '=') return false;
        else if (!quoted && *s == ':' && (s[1] == ' ' || s[1] == '\t')) colon = true;
    }
    return colon;
}

static void begin_case(runner *r, test_case *c, int line, const char *title) {
    c->line = line;
    c->n_claims = 0;
    c->body.n = 0;
    snprintf(c->title, sizeof c->title, "%s", title);
    for (int i = 1; i < line; i++) append(r, c, "\n", 1); // so that messages name lines of the file
    append(r, c, "graph case", 10);
    for (const char *p = strstr(title, "opset"); p; p = strstr(p + 1, "opset")) {
        size_t n = strcspn(p, " \t");
        if (!memchr(p, '=', n) || (p > title && p[-1] != ' ')) continue;
        append(r, c, " ", 1);
        append(r, c, p, n);
    }
    append(r, c, " {\n", 3);
}

static void end_case(runner *r, test_case *c) {
    if (c->line == 0) return;
    append(r, c, "}\n", 2);
    run_case(r, c);
    c->line = 0;
}

// `s` is `raw` without what indents it.
static void add_line(runner *r, test_case *c, int line, const char *raw, const char *s, int depth) {
    if (depth == 0 && is_claim(s)) {
        assert_true(c->n_claims < MAX_EXPECTS && strlen(s) < MAX_LINE);
        c->claims[c->n_claims].line = line;
        snprintf(c->claims[c->n_claims++].text, MAX_LINE, "%s", s);
    } else {
        if (depth == 0 && is_input(s) && !begins(s, "input")) append(r, c, "input ", 6);
        append(r, c, raw, strlen(raw));
    }
    append(r, c, "\n", 1);
}

static void run_file(void **state) {
    const char *name = *state;
    static test_case c;
    char *buffer = NULL;
    size_t room = 0;
    runner *r = &the_runner;
    int before = r->failed, line = 0, depth = 0;
    FILE *f = fopen(name, "r");
    if (!f) fail_msg("can't open %s", name);
    c.file = name;
    while (getline(&buffer, &room, f) >= 0) {
        line++;
        buffer[strcspn(buffer, "\r\n")] = 0;
        const char *s = buffer + strspn(buffer, " \t");
        if (depth == 0 && begins(s, "case")) {
            end_case(r, &c);
            begin_case(r, &c, line, s + 4 + strspn(s + 4, " \t"));
        } else if (c.line > 0) {
            add_line(r, &c, line, buffer, s, depth);
            depth += depth_change(s);
            if (depth < 0) depth = 0;
        }
    }
    free(buffer);
    fclose(f);
    end_case(r, &c);
    sz_vec_finish(r->ctx, &c.body);
    assert_int_equal(r->failed - before, 0);
}

// ---- all ---------------------------------------------------------------------------------------

static void run_coverage(void **state) {
    runner *r = &the_runner;
    int missing = 0;
    (void)state;
    assert_true(sz_op_count() <= MAX_OPS);
    for (int32_t i = 0; i < sz_op_count(); i++) {
        if (r->covered[i]) continue;
        const sz_op *op = sz_op_get(i);
        printf("no case names %s%s%s\n", op->domain, *op->domain ? "." : "", op->name);
        missing++;
    }
    assert_int_equal(missing, 0);
}

int main(int argc, char **argv) {
    static struct CMUnitTest tests[MAX_FILES + 1];
    runner *r = &the_runner;
    size_t n = 0;
    for (int i = 1; i < argc && n < MAX_FILES; i++) {
        if (strcmp(argv[i], "--coverage") == 0) r->wants_coverage = true;
        else tests[n++] = (struct CMUnitTest){argv[i], run_file, NULL, NULL, argv[i]};
    }
    if (r->wants_coverage)
        tests[n++] = (struct CMUnitTest){.name = "coverage", .test_func = run_coverage};
    r->ctx = sz_ctx_create(NULL);
    if (!r->ctx) return 1;
    int failed = _cmocka_run_group_tests("ops", tests, n, NULL, NULL);
    printf("%d passed, %d failed\n", r->passed, r->failed);
    if (sz_ctx_memory_used(r->ctx) != 0) {
        sz_ctx_clear(r->ctx);
        if (sz_ctx_memory_used(r->ctx) != 0) {
            printf("%zu bytes were not freed\n", sz_ctx_memory_used(r->ctx));
            failed++;
        }
    }
    sz_ctx_destroy(r->ctx);
    return failed > 0;
}
