// SPDX-License-Identifier: Apache-2.0
// In a child process: open a library, time its f32 matrix product, and say what it chose.
#include "machine/libraries.h"

#include <math.h>
#include <stdio.h>

#include <sizeup/json.h>
#include <sizeup/machine.h>

#include "machine/measure/stopwatch.h"
#include "os/clock.h"
#include "os/dynlib.h"
#include "os/pages.h"

enum { MAX_RUNS = 400, MIN_RUNS = 3, CHECKS = 8 };
static const double BUDGET_S = 0.3, TOO_LONG_S = 2;

typedef struct gemm gemm;
struct gemm {
    int id, n;
    const float *a, *b;
    float *c;
    // CBLAS: row-major 101, not transposed 111. BLAS Technical Forum standard, annex B.
    void (*cblas)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                  float, float *, int);
    int (*dnnl)(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *,
                int64_t, float, float *, int64_t);
};

static void multiply(const gemm *g) {
    const int n = g->n;
    if (g->dnnl)
        g->dnnl('N', 'N', n, n, n, 1, g->a, n, g->b, n, 0, g->c, n);
    else
        g->cblas(101, 111, 111, n, n, n, 1, g->a, n, g->b, n, 0, g->c, n);
}

// ---- numbers -----------------------------------------------------------------------------------

static void fill_random(float *to, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u; // Numerical Recipes, 2nd ed., section 7.1
        to[i] = (float)(int32_t)seed * 0x1p-31f;
    }
}

// A few elements against sums in double. The rounding of n products of size up to 1 stays far below
// the bound; a product that was not computed does not.
static bool is_right(const gemm *g) {
    const size_t n = (size_t)g->n;
    for (size_t i = 0; i < CHECKS; i++) {
        const size_t row = (i * 2654435761u) % n, column = (i * 40503u + 7) % n;
        double sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += (double)g->a[row * n + k] * (double)g->b[k * n + column];
        if (!(fabs(sum - (double)g->c[row * n + column]) < 1e-5 * (double)n)) return false;
    }
    return true;
}

// ---- timing ------------------------------------------------------------------------------------

typedef struct timing {
    sz_stats rate;
    double clock_hz, busy_cpus;
} timing;

static timing time_product(const gemm *g, const sz_kernel *chain, double *rates, double *clocks) {
    const double flop = 2.0 * g->n * g->n * g->n;
    const double first = sz_clock_s(), cpu = sz_clock_process_s();
    double seconds = 0;
    size_t n = 0;
    for (; n < MAX_RUNS && (n < MIN_RUNS || sz_clock_s() < first + BUDGET_S); n++) {
        const double before = chain ? sz_watch_clock(chain) : SZ_UNKNOWN;
        const double start = sz_clock_s();
        multiply(g);
        const double took = sz_clock_s() - start;
        rates[n] = flop / took;
        clocks[n] = chain ? (before + sz_watch_clock(chain)) / 2 : SZ_UNKNOWN;
        seconds += took;
    }
    timing t = {.rate = sz_stats_of(rates, n), .clock_hz = SZ_UNKNOWN};
    if (chain) t.clock_hz = sz_stats_of(clocks, n).median;
    t.busy_cpus = seconds > 0 ? (sz_clock_process_s() - cpu) / (sz_clock_s() - first) : 0;
    return t;
}

static void put_run(sz_json *j, int size, const timing *t, bool right) {
    sz_json_begin_object(j);
    sz_json_key_i64(j, "size", size);
    sz_json_key_bool(j, "right", right);
    sz_json_key_f64(j, "flop_per_s", t->rate.median);
    sz_json_key_f64(j, "best_flop_per_s", t->rate.best);
    sz_json_key_f64(j, "spread", t->rate.spread);
    sz_json_key_f64(j, "modes", t->rate.modes);
    sz_json_key_i64(j, "n", t->rate.n);
    sz_json_key_f64(j, "clock_hz", t->clock_hz);
    sz_json_key_f64(j, "busy_cpus", t->busy_cpus);
    sz_json_end_object(j);
}

// The clock of the first call holds the library's own preparation, so one product goes before.
static void time_sizes(sz_json *j, gemm *g) {
    static const int sizes[] = {512, 1024, 2048};
    double rates[MAX_RUNS], clocks[MAX_RUNS];
    const sz_kernel *chain = sz_watch_chain();
    double rate = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        g->n = sizes[i];
        if (rate > 0 && 2.0 * g->n * g->n * g->n / rate > TOO_LONG_S) break;
        multiply(g);
        const bool right = is_right(g);
        const timing t = time_product(g, chain, rates, clocks);
        rate = t.rate.median;
        put_run(j, g->n, &t, right);
    }
}

// ---- all ---------------------------------------------------------------------------------------

static void put_choice(sz_json *j, int id, const sz_library_choice *c) {
    const sz_width chosen = sz_width_of_kernels(id, c->kernels);
    const sz_width cpu = sz_width_of_cpu(sz_cpu_detect());
    char setting[64];
    sz_json_key_str(j, "version", c->version[0] ? c->version : NULL);
    sz_json_key_str(j, "path", c->path[0] ? c->path : NULL);
    sz_json_key_str(j, "kernel", c->kernels[0] ? c->kernels : NULL);
    sz_json_key_str(j, "isa", sz_width_name(chosen));
    sz_json_key_str(j, "cpu_isa", sz_width_name(cpu));
    if (sz_library_advice(id, c, setting, sizeof setting)) sz_json_key_str(j, "suggest", setting);
}

static sz_status measure(sz_ctx *ctx, sz_json *j, int id, void *library) {
    enum { MOST = 2048 * 2048 };
    const size_t bytes = 3 * (size_t)MOST * sizeof(float);
    gemm g = {.id = id};
    sz_library_choice c;
    const bool callable = id == SZ_ONEDNN ? sz_dynlib_symbol(library, "dnnl_sgemm", &g.dnnl)
                                          : sz_dynlib_symbol(library, "cblas_sgemm", &g.cblas);
    if (!callable) {
        sz_json_key_str(j, "absent", "it has no f32 matrix product under a known name");
        return SZ_OK;
    }
    float *memory = sz_pages_map(bytes);
    if (!memory) return sz_no_memory(ctx);
    fill_random(memory, 2 * (size_t)MOST, 1);
    g.a = memory, g.b = memory + MOST, g.c = memory + 2 * (size_t)MOST;
    g.n = 16;
    multiply(&g); // BLIS aborts when it is asked before it has set itself up
    sz_library_ask(id, library, &c);
    put_choice(j, id, &c);
    sz_json_key_array(j, "runs");
    time_sizes(j, &g);
    sz_json_end_array(j);
    sz_pages_unmap(memory, bytes);
    return SZ_OK;
}

sz_status sz_library_child(sz_ctx *ctx, const char *name, int threads, sz_buf *buf) {
    const int id = sz_library_by_name(name);
    void *library = NULL;
    sz_json j;
    if (id < 0)
        return sz_fail(ctx, SZ_ERR_USAGE, "unknown library '%s'", sz_show(ctx, sz_str_c(name)));
    sz_json_init(&j, buf, 0);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "library", sz_library_name(id));
    sz_json_key_i64(&j, "threads", threads);
    sz_status status = SZ_OK;
    if (sz_dynlib_open(ctx, sz_library_files(id), &library) != SZ_OK)
        sz_json_key_str(&j, "absent", sz_ctx_error(ctx));
    else
        status = measure(ctx, &j, id, library);
    // It stays open: unloading a library with threads of its own is asking for trouble.
    sz_json_end_object(&j);
    sz_buf_putc(buf, '\n');
    return status;
}
