// SPDX-License-Identifier: Apache-2.0
// Costs as polynomials: interpolation on a grid, exact in integers.
//
// With x = start + step k, the forward differences at k = 0 are integers, and
// p(k) = sum_d delta_d binomial(k, d) (Newton). Each axis of the grid is turned into monomials of x
// with one common denominator D = (3!)^n step^(3n), so every coefficient is an integer over D. Peak
// memory is left out: it is the maximum of many polynomials.
#include "base/base.h"

#include <sizeup/formula.h>

#include <inttypes.h>
#include <stdio.h>

enum {
    DEGREE = 3,
    POINTS = DEGREE + 1,
    MAX_SYMBOLS = 4,
    MAX_GRID = 256,
    N_CHECKS = 3,
    N_METRICS = 5
};

__extension__ typedef __int128 wide; // gcc and clang both have it

typedef struct metric {
    const char *name;
    wide grid[MAX_GRID];
    int64_t check[N_CHECKS];
    const char *text, *why;
} metric;

struct sz_formula {
    sz_ctx *ctx;
    sz_arena arena;
    const char *symbols[MAX_SYMBOLS];
    int n_symbols;
    int64_t start, step;
    int64_t check_at[N_CHECKS];
    metric metrics[N_METRICS];
};

typedef struct job {
    const char *path;
    const sz_load_options *options;
    const sz_cost_options *cost;
} job;

// Where the polynomials are checked, in steps from the start. The last is far out, where another
// branch of a maximum would show; nets with a largest size (position tables) take a nearer one.
static const int64_t check_near[N_CHECKS - 1] = {5, 11};
static const int64_t check_far[] = {600, 100, 13};

// ---- sampling ----------------------------------------------------------------------------------

static sz_status cost_at(sz_formula *f, const job *j, const int64_t *sizes, int64_t *ret_values) {
    char text[MAX_SYMBOLS][320];
    size_t n_given = j->options ? j->options->n_binds : 0, n = n_given + (size_t)f->n_symbols;
    const char **binds = sz_alloc(f->ctx, (n + 1) * sizeof *binds);
    if (!binds) return sz_no_memory(f->ctx);
    sz_load_options o = j->options ? *j->options : (sz_load_options){0};
    for (size_t i = 0; i < n_given; i++) binds[i] = o.binds[i];
    for (int s = 0; s < f->n_symbols; s++) {
        snprintf(text[s], sizeof text[s], "%s=%" PRId64, f->symbols[s], sizes[s]);
        binds[n_given + (size_t)s] = text[s];
    }
    o.binds = binds;
    o.n_binds = n;
    sz_model *m = NULL;
    sz_costs *c = NULL;
    sz_status status = sz_model_load(f->ctx, j->path, &o, &m);
    if (status == SZ_OK) status = sz_costs_create(f->ctx, m, j->cost, &c);
    if (status == SZ_OK) {
        sz_cost t = sz_costs_total(c);
        const int64_t all[N_METRICS] = {t.macs, t.flops, t.bytes_read, t.bytes_written,
                                        t.bytes_moved};
        memcpy(ret_values, all, sizeof all);
    }
    sz_costs_destroy(c);
    sz_model_destroy(m);
    sz_free(f->ctx, binds, (n + 1) * sizeof *binds);
    return status;
}

static int grid_size(const sz_formula *f) {
    int n = 1;
    for (int s = 0; s < f->n_symbols; s++) n *= POINTS;
    return n;
}

// Index of a grid point along symbol s.
static int digit(int point, int s) {
    while (s-- > 0) point /= POINTS;
    return point % POINTS;
}

// Cost off the grid, at a place that differs along each symbol.
static sz_status check(sz_formula *f, const job *j, int k, int64_t at) {
    int64_t sizes[MAX_SYMBOLS], values[N_METRICS];
    for (int s = 0; s < f->n_symbols; s++) sizes[s] = f->start + f->step * (at + s);
    SZ_TRY(cost_at(f, j, sizes, values));
    for (int m = 0; m < N_METRICS; m++) f->metrics[m].check[k] = values[m];
    f->check_at[k] = at;
    return SZ_OK;
}

static sz_status sample(sz_formula *f, const job *j) {
    int64_t sizes[MAX_SYMBOLS], values[N_METRICS];
    for (int p = 0; p < grid_size(f); p++) {
        for (int s = 0; s < f->n_symbols; s++) sizes[s] = f->start + f->step * digit(p, s);
        SZ_TRY(cost_at(f, j, sizes, values));
        for (int m = 0; m < N_METRICS; m++) f->metrics[m].grid[p] = values[m];
    }
    for (int k = 0; k < N_CHECKS - 1; k++) SZ_TRY(check(f, j, k, check_near[k]));
    sz_status status = SZ_ERR_INPUT;
    for (size_t i = 0; i < sizeof check_far / sizeof *check_far && status == SZ_ERR_INPUT; i++)
        status = check(f, j, N_CHECKS - 1, check_far[i]);
    return status;
}

// ---- interpolation -----------------------------------------------------------------------------

static int stride_of(int s) {
    int n = 1;
    while (s-- > 0) n *= POINTS;
    return n;
}

// Values at k = 0..3 -> coefficients of x^0..x^3, times 3! step^3, along one line of the grid.
static void line_to_monomials(const sz_formula *f, wide *v, int stride) {
    wide d[POINTS], out[POINTS] = {0};
    for (int i = 0; i < POINTS; i++) d[i] = v[i * stride];
    for (int order = 1; order < POINTS; order++)
        for (int i = POINTS - 1; i >= order; i--) d[i] -= d[i - 1];
    // basis = product of (x - start - step i), i < order; weight = 3!/order! step^(3 - order)
    wide basis[POINTS] = {1};
    const wide h = f->step;
    const wide weight[POINTS] = {6 * h * h * h, 6 * h * h, 3 * h, 1};
    for (int order = 0; order < POINTS; order++) {
        for (int i = 0; i <= order; i++) out[i] += d[order] * weight[order] * basis[i];
        const wide root = f->start + f->step * order;
        for (int i = POINTS - 1; i > 0; i--) basis[i] = basis[i - 1] - root * basis[i];
        basis[0] *= -root;
    }
    for (int i = 0; i < POINTS; i++) v[i * stride] = out[i];
}

static void to_monomials(const sz_formula *f, wide *grid) {
    for (int s = 0; s < f->n_symbols; s++)
        for (int p = 0; p < grid_size(f); p++)
            if (digit(p, s) == 0) line_to_monomials(f, grid + p, stride_of(s));
}

static wide denominator(const sz_formula *f) {
    wide d = 1;
    for (int s = 0; s < f->n_symbols; s++) d *= 6 * (wide)f->step * f->step * f->step;
    return d;
}

// Does the polynomial give what was costed at the check sizes?
static bool holds(const sz_formula *f, const metric *m) {
    for (int k = 0; k < N_CHECKS; k++) {
        wide sum = 0;
        for (int p = 0; p < grid_size(f); p++) {
            wide term = m->grid[p];
            for (int s = 0; s < f->n_symbols; s++)
                for (int e = 0; e < digit(p, s); e++)
                    term *= f->start + f->step * (f->check_at[k] + s);
            sum += term;
        }
        if (sum != m->check[k] * denominator(f)) return false;
    }
    return true;
}

// Products above stay inside 128 bits: values below 2^62, weights 6 h^3, basis below 2^24 per
// symbol.
static bool is_small(const sz_formula *f, const metric *m) {
    const wide limit = (wide)1 << (f->n_symbols > 2 ? 50 : 62);
    for (int p = 0; p < grid_size(f); p++)
        if (m->grid[p] >= limit) return false;
    return true;
}

// ---- text --------------------------------------------------------------------------------------

typedef struct line {
    char text[2048];
    size_t n;
    bool full;
} line;

static void add(line *l, const char *fmt, ...) SZ_PRINTF(2, 3);
static void add(line *l, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(l->text + l->n, sizeof l->text - l->n, fmt, args);
    va_end(args);
    if (n >= 0 && l->n + (size_t)n < sizeof l->text)
        l->n += (size_t)n;
    else
        l->full = true;
}

static wide gcd(wide a, wide b) {
    while (b) {
        wide t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

static void add_term(line *l, const sz_formula *f, int p, wide value) {
    const wide d = denominator(f), g = gcd(value, d);
    const wide top = (value < 0 ? -value : value) / g, below = d / g;
    add(l, "%s", value < 0 ? (l->n ? " - " : "-") : (l->n ? " + " : ""));
    bool number = top != 1 || below != 1 || p == 0;
    if (number) add(l, "%lld", (long long)top);
    if (below != 1) add(l, "/%lld", (long long)below);
    for (int s = 0; s < f->n_symbols; s++) {
        int e = digit(p, s);
        if (!e) continue;
        add(l, "%s%s", number ? "*" : "", f->symbols[s]);
        if (e > 1) add(l, "^%d", e);
        number = true;
    }
}

static sz_status write_text(sz_formula *f, metric *m) {
    line l = {.n = 0};
    for (int p = grid_size(f) - 1; p >= 0; p--)
        if (m->grid[p]) add_term(&l, f, p, m->grid[p]);
    if (!l.n) add(&l, "0");
    if (l.full) {
        m->why = "too long to print";
        return SZ_OK;
    }
    m->text = sz_arena_strdup(&f->arena, l.text, l.n);
    return m->text ? SZ_OK : sz_no_memory(f->ctx);
}

// All polynomials on the grid as it is now; *ret_all false when one does not hold.
static sz_status interpolate(sz_formula *f, bool *ret_all) {
    *ret_all = true;
    for (int i = 0; i < N_METRICS; i++) {
        metric *m = &f->metrics[i];
        m->text = m->why = NULL;
        if (!is_small(f, m)) {
            m->why = "numbers too large";
            continue;
        }
        to_monomials(f, m->grid);
        if (holds(f, m)) {
            SZ_TRY(write_text(f, m));
        } else {
            m->why = "not a polynomial of degree 3 or less in these dimensions";
            *ret_all = false;
        }
    }
    return SZ_OK;
}

// ---- creating ----------------------------------------------------------------------------------

static sz_status find_symbols(sz_formula *f, const job *j) {
    sz_load_options o = j->options ? *j->options : (sz_load_options){0};
    sz_model *m;
    o.allow_symbols = 1;
    SZ_TRY(sz_model_load(f->ctx, j->path, &o, &m));
    size_t n = sz_model_symbol_count(m);
    sz_status status = SZ_OK;
    if (n > MAX_SYMBOLS)
        status = sz_fail(f->ctx, SZ_ERR_INPUT,
                         "file '%s' has %zu free dimensions, a formula takes at most %d; bind some",
                         j->path, n, (int)MAX_SYMBOLS);
    for (size_t i = 0; i < n && status == SZ_OK; i++) {
        const char *name = sz_model_symbol(m, i, NULL);
        f->symbols[i] = sz_arena_strdup(&f->arena, name, strlen(name));
        if (!f->symbols[i]) status = sz_no_memory(f->ctx);
    }
    f->n_symbols = status == SZ_OK ? (int)n : 0;
    sz_model_destroy(m);
    return status;
}

static sz_status fill(sz_formula *f, const job *j) {
    static const char *const names[N_METRICS] = {"macs", "flops", "bytes_read", "bytes_written",
                                                 "bytes_moved"};
    // Sizes that every net takes first; nets that halve their images need multiples of 32, and nets
    // on sound longer inputs.
    static const int64_t tries[][2] = {{2, 1}, {32, 32}, {4096, 1024}};
    SZ_TRY(find_symbols(f, j));
    for (int i = 0; i < N_METRICS; i++) f->metrics[i].name = names[i];
    sz_status status = SZ_OK;
    bool all = false;
    for (size_t t = 0; t < sizeof tries / sizeof *tries && !all; t++) {
        f->start = tries[t][0];
        f->step = tries[t][1];
        status = sample(f, j);
        if (status == SZ_OK) status = interpolate(f, &all);
    }
    return status;
}

sz_status sz_formula_create(sz_ctx *ctx, const char *path, const sz_load_options *options,
                            const sz_cost_options *cost, sz_formula **ret_formula) {
    sz_formula *f = sz_alloc(ctx, sizeof *f);
    if (!f) return sz_no_memory(ctx);
    f->ctx = ctx;
    sz_arena_init(&f->arena, ctx);
    sz_status status = fill(f, &(job){path, options, cost});
    if (status != SZ_OK) {
        sz_formula_destroy(f);
        return status;
    }
    *ret_formula = f;
    return SZ_OK;
}

void sz_formula_destroy(sz_formula *f) {
    if (!f) return;
    sz_arena_finish(&f->arena);
    sz_free(f->ctx, f, sizeof *f);
}

size_t sz_formula_symbol_count(const sz_formula *f) { return (size_t)f->n_symbols; }
const char *sz_formula_symbol(const sz_formula *f, size_t i) {
    return i < (size_t)f->n_symbols ? f->symbols[i] : "";
}
int64_t sz_formula_multiple(const sz_formula *f) { return f->step; }
size_t sz_formula_count(const sz_formula *f) { return (void)f, N_METRICS; }
sz_formula_row sz_formula_get(const sz_formula *f, size_t i) {
    if (i >= N_METRICS) return (sz_formula_row){"", NULL, "no such metric"};
    return (sz_formula_row){f->metrics[i].name, f->metrics[i].text, f->metrics[i].why};
}
