// SPDX-License-Identifier: Apache-2.0
// Costs as polynomials: interpolation on a grid, exact in integers.
//
// With x = start + step k, the forward differences at k = 0 are integers, and
// p(k) = sum_d delta_d binomial(k, d) (Newton). Each axis of the grid is turned into monomials of x
// with one common denominator D = (3!)^n step^(3n), so every coefficient is an integer over D.
// Differences up to k need the points up to k alone, so with many symbols the points whose indices
// add up to more than MAX_TOTAL are left out: such products do not occur, and the checks would
// tell.
#include "base/base.h"

#include <sizeup/formula.h>

#include <inttypes.h>
#include <stdio.h>

enum {
    DEGREE = 3,
    POINTS = DEGREE + 1,
    MAX_SYMBOLS = 4,
    MAX_GRID = 256,
    MAX_TOTAL = 4, // of four symbols; fewer may have all products
    N_CHECKS = 5,
    N_NEAR = 3 // of them, those that every polynomial must pass
};

__extension__ typedef __int128 wide; // gcc and clang both have it

// What is told of a model as a formula. Peaks are the largest of many polynomials: they have a
// formula where one of them is the largest at all sizes.
#define METRICS(X)                                                                                 \
    X("macs", false, total.macs)                                                                   \
    X("flops", false, total.flops)                                                                 \
    X("bytes_read", false, total.bytes_read)                                                       \
    X("bytes_written", false, total.bytes_written)                                                 \
    X("bytes_moved", false, total.bytes_moved)                                                     \
    X("params", false, total.params)                                                               \
    X("weight_bytes", false, total.weight_bytes)                                                   \
    X("activation_bytes", false, activations.total_bytes)                                          \
    X("peak_activation_bytes", false, activations.peak_bytes)                                      \
    X("communication_bytes", false, demand.communication_bytes)                                    \
    X("forward_flops", true, training.forward_flops)                                               \
    X("backward_flops", true, training.backward_flops)                                             \
    X("stored_activation_bytes", true, training.stored_activation_bytes)                           \
    X("training_peak_bytes", true, training.peak_bytes)

static const struct {
    const char *name;
    bool of_training;
} metric_rows[] = {
#define ROW(name, of_training, value) {name, of_training},
    METRICS(ROW)
#undef ROW
};
enum { N_METRICS = sizeof metric_rows / sizeof *metric_rows };

typedef struct metric {
    wide grid[MAX_GRID];
    int64_t check[N_CHECKS];
    const char *text, *why;
    int64_t multiple;
} metric;

struct sz_formula {
    sz_ctx *ctx;
    sz_arena arena;
    const char *symbols[MAX_SYMBOLS];
    int n_symbols;
    int64_t start, step;
    int64_t check_at[N_CHECKS];
    int n_checks; // that could be costed
    int n_shown;  // metrics
    metric metrics[N_METRICS];
};

typedef struct job {
    const char *path;
    const sz_load_options *options;
    const sz_cost_options *cost;
} job;

// Where the polynomials are checked, in steps from the start. The far ones are where another branch
// of a minimum or maximum would show; a polynomial that fails there holds up to the last it passes.
// Nets with a largest size (position tables) have no far ones.
static const int64_t check_steps[N_CHECKS] = {5, 11, 13, 100, 600};

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
        const sz_cost total = sz_costs_total(c);
        const sz_activations activations = sz_costs_activations(c);
        const sz_demand demand = sz_costs_demand(c);
        const sz_training training = sz_costs_training(c);
        const int64_t all[N_METRICS] = {
#define VALUE(name, of_training, value) value,
            METRICS(VALUE)
#undef VALUE
        };
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

// Is the point one of those that are costed?
static bool is_sampled(const sz_formula *f, int point) {
    int total = 0;
    for (int s = 0; s < f->n_symbols; s++) total += digit(point, s);
    return f->n_symbols < MAX_SYMBOLS || total <= MAX_TOTAL;
}

// Cost off the grid, at a place that differs along each symbol.
static sz_status check(sz_formula *f, const job *j, int k) {
    int64_t sizes[MAX_SYMBOLS], values[N_METRICS];
    f->check_at[k] = check_steps[k];
    for (int s = 0; s < f->n_symbols; s++) sizes[s] = f->start + f->step * (check_steps[k] + s);
    SZ_TRY(cost_at(f, j, sizes, values));
    for (int m = 0; m < f->n_shown; m++) f->metrics[m].check[k] = values[m];
    f->n_checks = k + 1;
    return SZ_OK;
}

static sz_status sample(sz_formula *f, const job *j) {
    int64_t sizes[MAX_SYMBOLS], values[N_METRICS];
    for (int p = 0; p < grid_size(f); p++) {
        if (!is_sampled(f, p)) continue;
        for (int s = 0; s < f->n_symbols; s++) sizes[s] = f->start + f->step * digit(p, s);
        SZ_TRY(cost_at(f, j, sizes, values));
        for (int m = 0; m < f->n_shown; m++) f->metrics[m].grid[p] = values[m];
    }
    for (int k = 0; k < N_NEAR; k++) SZ_TRY(check(f, j, k));
    for (int k = N_NEAR; k < N_CHECKS; k++) {
        const sz_status status = check(f, j, k);
        if (status == SZ_ERR_INPUT) break;
        SZ_TRY(status);
    }
    return SZ_OK;
}

// ---- interpolation -----------------------------------------------------------------------------

static int stride_of(int s) {
    int n = 1;
    while (s-- > 0) n *= POINTS;
    return n;
}

// acc += a b; false when 128 bits do not hold it.
static bool add_product(wide *acc, wide a, wide b) {
    wide t;
    return !__builtin_mul_overflow(a, b, &t) && !__builtin_add_overflow(*acc, t, acc);
}

// Values at k = 0..3 along one line of the grid -> forward differences at 0.
static void line_to_differences(wide *v, int stride) {
    for (int order = 1; order < POINTS; order++)
        for (int i = POINTS - 1; i >= order; i--) v[i * stride] -= v[(i - 1) * stride];
}

// Forward differences -> coefficients of x^0..x^3, times 3! step^3.
static bool line_to_monomials(const sz_formula *f, wide *v, int stride) {
    wide out[POINTS] = {0};
    // basis = product of (x - start - step i), i < order; weight = 3!/order! step^(3 - order)
    wide basis[POINTS] = {1};
    const wide h = f->step;
    const wide weight[POINTS] = {6 * h * h * h, 6 * h * h, 3 * h, 1};
    for (int order = 0; order < POINTS; order++) {
        for (int i = 0; i <= order; i++)
            if (!add_product(&out[i], v[order * stride], weight[order] * basis[i])) return false;
        const wide root = f->start + f->step * order;
        for (int i = POINTS - 1; i > 0; i--) basis[i] = basis[i - 1] - root * basis[i];
        basis[0] *= -root;
    }
    for (int i = 0; i < POINTS; i++) v[i * stride] = out[i];
    return true;
}

static bool to_monomials(const sz_formula *f, wide *grid) {
    for (int s = 0; s < f->n_symbols; s++)
        for (int p = 0; p < grid_size(f); p++)
            if (digit(p, s) == 0) line_to_differences(grid + p, stride_of(s));
    for (int p = 0; p < grid_size(f); p++)
        if (!is_sampled(f, p)) grid[p] = 0;
    for (int s = 0; s < f->n_symbols; s++)
        for (int p = 0; p < grid_size(f); p++)
            if (digit(p, s) == 0 && !line_to_monomials(f, grid + p, stride_of(s))) return false;
    return true;
}

static bool denominator(const sz_formula *f, wide *ret) {
    *ret = 1;
    for (int s = 0; s < f->n_symbols; s++)
        if (__builtin_mul_overflow(*ret, 6 * (wide)f->step * f->step * f->step, ret)) return false;
    return true;
}

// Does the polynomial give what was costed at check size k? Overflow is no.
static bool holds_at(const sz_formula *f, const metric *m, wide d, int k) {
    wide sum = 0, want = 0;
    for (int p = 0; p < grid_size(f); p++) {
        wide term = m->grid[p];
        for (int s = 0; s < f->n_symbols; s++)
            for (int e = 0; e < digit(p, s); e++)
                if (__builtin_mul_overflow(term, f->start + f->step * (f->check_at[k] + s), &term))
                    return false;
        if (__builtin_add_overflow(sum, term, &sum)) return false;
    }
    return add_product(&want, m->check[k], d) && sum == want;
}

// How many of the checks it passes before one fails.
static int checks_passed(const sz_formula *f, const metric *m, wide d) {
    int k = 0;
    while (k < f->n_checks && holds_at(f, m, d, k)) k++;
    return k;
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

static void add_term(line *l, const sz_formula *f, int p, wide value, wide d) {
    const wide g = gcd(value, d);
    const wide top = (value < 0 ? -value : value) / g, below = d / g;
    if (top > INT64_MAX || below > INT64_MAX) l->full = true;
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

static sz_status write_text(sz_formula *f, metric *m, wide d) {
    line l = {.n = 0};
    for (int p = grid_size(f) - 1; p >= 0; p--)
        if (m->grid[p]) add_term(&l, f, p, m->grid[p], d);
    if (!l.n) add(&l, "0");
    if (l.full) {
        m->why = "too long to print";
        return SZ_OK;
    }
    m->multiple = f->step;
    m->text = sz_arena_strdup(&f->arena, l.text, l.n);
    return m->text ? SZ_OK : sz_no_memory(f->ctx);
}

static sz_status say_how_far(sz_formula *f, metric *m, int passed) {
    char text[160];
    const int64_t largest = f->start + f->step * f->check_at[passed - 1];
    const int n = snprintf(text, sizeof text,
                           "checked up to sizes of %" PRId64 "; at %" PRId64
                           " another formula holds",
                           largest, f->start + f->step * f->check_at[passed]);
    m->why = sz_arena_strdup(&f->arena, text, (size_t)n);
    return m->why ? SZ_OK : sz_no_memory(f->ctx);
}

// The first try, on the smallest sizes, says best why there is none.
static sz_status none(metric *m, const char *why) {
    if (!m->why) m->why = why;
    return SZ_OK;
}

static sz_status interpolate_one(sz_formula *f, metric *m) {
    wide d = 1;
    if (!denominator(f, &d) || !to_monomials(f, m->grid)) return none(m, "numbers too large");
    const int passed = checks_passed(f, m, d);
    if (passed < N_NEAR) return none(m, "not a polynomial of degree 3 or less in these dimensions");
    m->why = NULL;
    SZ_TRY(write_text(f, m, d));
    return m->text && passed < f->n_checks ? say_how_far(f, m, passed) : SZ_OK;
}

// The polynomials that are not known yet, on the grid as it is now; *ret_all false when one is
// still missing.
static sz_status interpolate(sz_formula *f, bool *ret_all) {
    *ret_all = true;
    for (int i = 0; i < f->n_shown; i++) {
        if (!f->metrics[i].text) SZ_TRY(interpolate_one(f, &f->metrics[i]));
        *ret_all = *ret_all && f->metrics[i].text;
    }
    return SZ_OK;
}

// ---- creating ----------------------------------------------------------------------------------

// Does an option give the dimension, be it as a sum of others ("total=past+seq")?
static bool is_given(const sz_load_options *o, const char *name) {
    const size_t n = strlen(name);
    for (size_t i = 0; i < o->n_binds; i++)
        if (strncmp(o->binds[i], name, n) == 0 && o->binds[i][n] == '=') return true;
    return false;
}

static sz_status find_symbols(sz_formula *f, const job *j) {
    sz_load_options o = j->options ? *j->options : (sz_load_options){0};
    sz_model *m;
    o.allow_symbols = 1;
    SZ_TRY(sz_model_load(f->ctx, j->path, &o, &m));
    const size_t n_all = sz_model_symbol_count(m);
    size_t n = 0;
    sz_status status = SZ_OK;
    for (size_t i = 0; i < n_all; i++) n += !is_given(&o, sz_model_symbol(m, i, NULL));
    if (n > MAX_SYMBOLS)
        status = sz_fail(f->ctx, SZ_ERR_INPUT,
                         "file '%s' has %zu free dimensions, a formula takes at most %d; bind some",
                         j->path, n, (int)MAX_SYMBOLS);
    for (size_t i = 0, k = 0; i < n_all && status == SZ_OK; i++) {
        const char *name = sz_model_symbol(m, i, NULL);
        if (is_given(&o, name)) continue;
        f->symbols[k] = sz_arena_strdup(&f->arena, name, strlen(name));
        if (!f->symbols[k++]) status = sz_no_memory(f->ctx);
    }
    f->n_symbols = status == SZ_OK ? (int)n : 0;
    sz_model_destroy(m);
    return status;
}

static bool any_text(const sz_formula *f) {
    for (int i = 0; i < f->n_shown; i++)
        if (f->metrics[i].text) return true;
    return false;
}

// Sizes that every net takes first; nets that halve their images need multiples of 32, and nets on
// sound longer inputs. A later try that fails takes nothing away from what an earlier one found.
static sz_status fill(sz_formula *f, const job *j) {
    static const int64_t tries[][2] = {{2, 1}, {32, 32}, {4096, 1024}};
    SZ_TRY(find_symbols(f, j));
    for (int i = 0; i < N_METRICS; i++) // those of training are the last
        f->n_shown += !metric_rows[i].of_training || (j->cost && j->cost->training);
    sz_status status = SZ_OK;
    bool all = false;
    for (size_t t = 0; t < sizeof tries / sizeof *tries && !all; t++) {
        f->start = tries[t][0];
        f->step = tries[t][1];
        status = sample(f, j);
        if (status == SZ_OK) status = interpolate(f, &all);
        if (status != SZ_OK && status != SZ_ERR_INPUT) return status;
    }
    return any_text(f) ? SZ_OK : status;
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
int64_t sz_formula_multiple(const sz_formula *f) {
    int64_t most = 1;
    for (int i = 0; i < f->n_shown; i++)
        if (f->metrics[i].text && f->metrics[i].multiple > most) most = f->metrics[i].multiple;
    return most;
}
size_t sz_formula_count(const sz_formula *f) { return (size_t)f->n_shown; }
sz_formula_row sz_formula_get(const sz_formula *f, size_t i) {
    if (i >= (size_t)f->n_shown) return (sz_formula_row){"", NULL, "no such metric", 1};
    const metric *m = &f->metrics[i];
    return (sz_formula_row){metric_rows[i].name, m->text, m->why, m->text ? m->multiple : 1};
}
