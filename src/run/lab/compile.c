// SPDX-License-Identifier: Apache-2.0
// The classic functions foo and bar: counted as written and as executed by the passes of the
// optimizer, and timed operator by operator and as one kernel.
#include "machine/measure/walk.h"
#include "run/lab/lab.h"

#include <sizeup/cost.h>
#include <sizeup/optimize.h>
#include <sizeup/text.h>

enum { STEPS = 100, OPERATORS = 2 * STEPS };

// ---- what the counter says ---------------------------------------------------------------------

typedef void text_fn(sz_buf *text, int64_t n);

// t = max(t, x * c) for 100 constants c.
static void put_foo(sz_buf *text, int64_t n) {
    sz_buf_printf(text, "graph foo opset=21 { input x: f32[%lld]; \"t-1\" = const f32[] {0};\n",
                  (long long)n);
    for (int i = 0; i < STEPS; i++)
        sz_buf_printf(text,
                      "c%d = const f32[] {%d.5}; m%d = Mul(x, c%d); t%d = Max(\"t%d\", m%d)\n", i,
                      i, i, i, i, i - 1, i);
    sz_buf_printf(text, "output t%d }\n", STEPS - 1);
}

// s = s + x, 100 times.
static void put_bar(sz_buf *text, int64_t n) {
    sz_buf_printf(text, "graph bar opset=21 { input x: f32[%lld]; s0 = Add(x, x)\n", (long long)n);
    for (int i = 1; i < STEPS; i++) sz_buf_printf(text, "s%d = Add(s%d, x)\n", i, i - 1);
    sz_buf_printf(text, "output s%d }\n", STEPS - 1);
}

// Of the graph as written, or as the recipe's compiler would run it.
static sz_status count(sz_lab *lab, text_fn *put, int64_t n, const char *recipe, sz_cost *ret) {
    const sz_optimize_options optimize = {.recipe = recipe};
    const sz_load_options load = {.optimize = recipe ? &optimize : NULL};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    sz_buf text;
    sz_buf_init(&text, lab->ctx);
    put(&text, n);
    sz_buf_putc(&text, '\0');
    sz_status status = sz_buf_status(&text) == SZ_OK ? SZ_OK : sz_no_memory(lab->ctx);
    if (status == SZ_OK) status = sz_model_parse(lab->ctx, text.data, &load, &model);
    if (status == SZ_OK) status = sz_costs_create(lab->ctx, model, NULL, &costs);
    if (status == SZ_OK) *ret = sz_costs_total(costs);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    sz_buf_finish(&text);
    return status;
}

// ---- what is timed -----------------------------------------------------------------------------

typedef enum form { FOO_OPERATORS, FOO_KERNEL, BAR_OPERATORS, BAR_KERNEL, BAR_PRODUCT } form;

typedef struct work {
    const sz_lab_loops *loops;
    form form;
    const float *x;
    float *t, *m;  // result, product
    int64_t n, at; // floats, place; one unit is SZ_LAB_GRAIN floats of one operator
    int op;        // the operator whose turn it is
    float factors[STEPS];
} work;

static void one_grain(work *w, int64_t floats) {
    const float *x = w->x + w->at;
    float *t = w->t + w->at, *m = w->m + w->at;
    switch (w->form) {
    case FOO_OPERATORS:
        if (w->op % 2 == 0)
            w->loops->scale(m, w->factors[w->op / 2], x, floats);
        else
            w->loops->larger(t, t, m, floats);
        return;
    case FOO_KERNEL:
        w->loops->largest(t, x, floats, w->factors, STEPS);
        return;
    case BAR_OPERATORS:
        w->loops->add(t, w->op ? t : x, x, floats);
        return;
    case BAR_KERNEL:
        w->loops->adds(t, x, floats, STEPS);
        return;
    case BAR_PRODUCT:
        w->loops->scale(t, STEPS + 1, x, floats);
        return;
    }
}

static int operators_of(form f) {
    return f == FOO_OPERATORS ? OPERATORS : f == BAR_OPERATORS ? STEPS : 1;
}

static void run_work(void *user, int thread, int64_t n) {
    work *w = user;
    (void)thread;
    while (n > 0) {
        const int64_t left = (w->n - w->at) / SZ_LAB_GRAIN, units = n < left ? n : left;
        one_grain(w, units * SZ_LAB_GRAIN);
        w->at += units * SZ_LAB_GRAIN;
        n -= units;
        if (w->at < w->n) continue;
        w->at = 0;
        w->op = (w->op + 1) % operators_of(w->form);
    }
}

// All operators on the first grain, against plain code.
static bool holds(work *w) {
    const int64_t n = w->n;
    w->n = SZ_LAB_GRAIN;
    memset(w->t, 0, SZ_LAB_GRAIN * sizeof *w->t);
    run_work(w, 0, operators_of(w->form));
    w->n = n;
    for (int i = 0; i < SZ_LAB_GRAIN; i++) {
        double largest = 0;
        for (int j = 0; j < STEPS; j++)
            if (largest < (double)w->x[i] * w->factors[j])
                largest = (double)w->x[i] * w->factors[j];
        const double want = w->form <= FOO_KERNEL ? largest : (STEPS + 1) * (double)w->x[i];
        if (!sz_lab_near(w->t[i], want, 1e-4)) return false;
    }
    return true;
}

// ---- the experiment ----------------------------------------------------------------------------

static const struct {
    const char *what;
    text_fn *put;
    const char *recipe;
} cases[] = {
    [FOO_OPERATORS] = {"foo as written, operator by operator", put_foo, NULL},
    [FOO_KERNEL] = {"foo as executed, one kernel", put_foo, "generic"},
    [BAR_OPERATORS] = {"bar as written, operator by operator", put_bar, NULL},
    [BAR_KERNEL] = {"bar as XLA runs it, one kernel", put_bar, "xla"},
    [BAR_PRODUCT] = {"bar as executed, with algebra", put_bar, "generic"},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static sz_status add_case(sz_lab *lab, work *w, form f, sz_lab_case *ret_case) {
    const size_t next = sz_walk_apart(lab->size, 3);
    float *base = (float *)(void *)lab->bytes;
    sz_cost cost;
    *w = (work){.loops = lab->loops,
                .form = f,
                .x = base,
                .t = base + next / 4,
                .m = base + 2 * (next / 4),
                .n = (int64_t)(next / 4) / SZ_LAB_GRAIN * SZ_LAB_GRAIN};
    for (int i = 0; i < STEPS; i++) w->factors[i] = (float)i + 0.5f;
    SZ_TRY(count(lab, cases[f].put, w->n, cases[f].recipe, &cost));
    *ret_case = (sz_lab_case){
        .run = run_work,
        .user = w,
        .units = (double)operators_of(f) * (double)w->n / SZ_LAB_GRAIN,
        .row = {.x = SZ_NAN,
                .flops = (double)cost.flops,
                .elements = (double)w->n,
                .bytes_read = (double)cost.bytes_read,
                .bytes_written = (double)cost.bytes_written,
                .working_set_bytes = (f == FOO_OPERATORS ? 12.0 : 8.0) * (double)w->n,
                .verified = holds(w)}};
    ret_case->ops[f <= FOO_KERNEL ? SZ_STEP_MUL_MAX : SZ_LAB_ROOF_ADD] = (double)cost.flops;
    return sz_lab_name(lab, ret_case, "%s", cases[f].what);
}

static double per_element(const sz_lab_row *r, double amount) { return amount / r->elements; }

static sz_status conclude(sz_lab *lab, const sz_lab_case c[N_CASES]) {
    static const struct {
        const char *what;
        form a, b;
    } pairs[] = {{"foo: operator by operator / one kernel", FOO_OPERATORS, FOO_KERNEL},
                 {"bar: operator by operator / one kernel", BAR_OPERATORS, BAR_KERNEL},
                 {"bar: operator by operator / with algebra", BAR_OPERATORS, BAR_PRODUCT}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const sz_lab_row *a = &c[pairs[i].a].row, *b = &c[pairs[i].b].row;
        SZ_TRY(sz_lab_compare(lab, pairs[i].what, SZ_NAN, a->time_s / b->time_s,
                              a->predicted_s / b->predicted_s));
    }
    for (int i = 0; i < N_CASES; i++) {
        const sz_lab_row *r = &c[i].row;
        SZ_TRY(sz_lab_find(lab, "%s: %.0f FLOPs and %.0f bytes per element", cases[i].what,
                           per_element(r, r->flops),
                           per_element(r, r->bytes_read + r->bytes_written)));
    }
    return SZ_OK;
}

sz_status sz_lab_compile(sz_lab *lab) {
    const size_t wanted = lab->options->quick ? (size_t)48 << 20 : (size_t)768 << 20;
    sz_lab_case all[N_CASES];
    work state[N_CASES];
    SZ_TRY(sz_lab_buffer(lab, wanted, (size_t)12 << 20));
    for (int i = 0; i < N_CASES; i++) SZ_TRY(add_case(lab, &state[i], (form)i, &all[i]));
    SZ_TRY(sz_lab_measure(lab, all, N_CASES));
    return conclude(lab, all);
}
