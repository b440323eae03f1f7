// SPDX-License-Identifier: Apache-2.0
// Any library with the C interface of BLAS: matrix products in f32 and f64.
#include "run/backends/backend.h"

#include <stdio.h>

#include "machine/libraries.h"
#include "model/ops/rule.h"
#include "os/dynlib.h"

typedef void sgemm(int, int, int, int, int, int, float, const float *, int, const float *, int,
                   float, float *, int);
typedef void dgemm(int, int, int, int, int, int, double, const double *, int, const double *, int,
                   double, double *, int);

typedef struct blas {
    void *library;
    int id; // SZ_OPENBLAS, SZ_BLIS, or -1
    sgemm *f32;
    dgemm *f64;
} blas;

static blas one; // a child opens one library

enum { ROW_MAJOR = 101, PLAIN = 111, TURNED = 112 }; // BLAS Technical Forum standard, annex B

static int identify(void *library) {
    void (*f)(void);
    if (sz_dynlib_symbol(library, "openblas_get_config", &f)) return SZ_OPENBLAS;
    if (sz_dynlib_symbol(library, "bli_info_get_version_str", &f)) return SZ_BLIS;
    return -1;
}

static sz_status open_blas(sz_ctx *ctx, const char *path, void **ret_library) {
    const char *const named[] = {path, NULL};
    blas b = {.id = -1};
    if (path) {
        SZ_TRY(sz_dynlib_open(ctx, named, &b.library));
    } else if (sz_dynlib_open(ctx, sz_library_files(SZ_OPENBLAS), &b.library) != SZ_OK) {
        char why[256]; // of the usual one: it is the one to install
        snprintf(why, sizeof why, "%s", sz_ctx_error(ctx));
        if (sz_dynlib_open(ctx, sz_library_files(SZ_BLIS), &b.library) != SZ_OK)
            return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "%s", why);
        sz_ctx_clear(ctx);
    }
    if (!sz_dynlib_symbol(b.library, "cblas_sgemm", &b.f32) ||
        !sz_dynlib_symbol(b.library, "cblas_dgemm", &b.f64))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "'%s' has no cblas_sgemm or no cblas_dgemm",
                       path ? path : "the library");
    b.id = identify(b.library);
    one = b;
    *ret_library = &one;
    return SZ_OK;
}

static void blas_facts(void *library, sz_backend_facts *f) {
    const blas *b = library;
    const float a[1] = {1};
    float c[1] = {0};
    sz_library_choice choice;
    *f = (sz_backend_facts){.version = ""};
    sz_dynlib_path(b->library, "cblas_sgemm", f->path, sizeof f->path);
    if (b->id < 0) return;
    b->f32(ROW_MAJOR, PLAIN, PLAIN, 1, 1, 1, 1, a, 1, a, 1, 0, c, 1); // BLIS must be set up first
    sz_library_ask(b->id, b->library, &choice);
    snprintf(f->version, sizeof f->version, "%s%s", b->id == SZ_BLIS ? "BLIS " : "",
             choice.version);
    snprintf(f->kernels, sizeof f->kernels, "%s", choice.kernels);
    sz_library_advice(b->id, &choice, f->advice, sizeof f->advice);
}

// ---- products ----------------------------------------------------------------------------------

typedef struct product {
    const blas *library;
    sz_node_call call;
    bool is_double;
    int m, n, k, turn_a, turn_b, lda, ldb;
    int64_t batch, step_a, step_b;
} product;

static bool is_matrix(const sz_type *t) { return t && t->kind == SZ_TYPE_TENSOR && t->rank >= 2; }

static const char *blas_refuses(void *library, const sz_graph *g, const sz_node *n) {
    (void)library;
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    const bool gemm = sz_node_is(n, "Gemm");
    if (!gemm && !sz_node_is(n, "MatMul")) return "only matrix products";
    if (!is_matrix(a) || !is_matrix(b)) return "an operand is a vector";
    const char *dtype = sz_dtype_get(a->dtype)->name;
    if (strcmp(dtype, "f32") != 0 && strcmp(dtype, "f64") != 0) return "only f32 and f64";
    if (gemm && (sz_node_type(g, n, 2) || sz_attr_f(n, "alpha", 1) != 1))
        return "Gemm with a bias or a factor";
    if (b->rank > 2 && b->rank != a->rank) return "batches of different ranks";
    for (int32_t d = 0; b->rank > 2 && d < a->rank - 2; d++)
        if (a->dims[d] != b->dims[d]) return "a broadcast batch";
    for (const sz_type *t = a; t; t = t == a ? b : NULL)
        for (int32_t d = 0; d < t->rank; d++)
            if (t->dims[d] < 1 || t->dims[d] > INT32_MAX) return "a size that is no int";
    return NULL;
}

static sz_status run_product(void *state, int set) {
    const product *p = state;
    sz_buffer *const *in = p->call.in[set];
    for (int64_t i = 0; i < p->batch; i++) {
        if (p->is_double)
            p->library->f64(ROW_MAJOR, p->turn_a, p->turn_b, p->m, p->n, p->k, 1,
                            (const double *)in[0]->data + i * p->step_a, p->lda,
                            (const double *)in[1]->data + i * p->step_b, p->ldb, 0,
                            (double *)p->call.out[0]->data + i * p->m * p->n, p->n);
        else
            p->library->f32(ROW_MAJOR, p->turn_a, p->turn_b, p->m, p->n, p->k, 1,
                            (const float *)in[0]->data + i * p->step_a, p->lda,
                            (const float *)in[1]->data + i * p->step_b, p->ldb, 0,
                            (float *)p->call.out[0]->data + i * p->m * p->n, p->n);
    }
    return SZ_OK;
}

static void finish_product(sz_ctx *ctx, void *state) { sz_free(ctx, state, sizeof(product)); }

// [.., m, k] x [k, n] is one product of all rows; with a batch on both sides it is one for each.
static void shape_product(product *p, const sz_node *n, const sz_type *a, const sz_type *b) {
    const bool ta = sz_attr_i(n, "transA", 0) != 0, tb = sz_attr_i(n, "transB", 0) != 0;
    int64_t rows = a->dims[a->rank - 2], outer = 1;
    for (int32_t d = 0; d < a->rank - 2; d++) outer *= a->dims[d];
    const int64_t columns = a->dims[a->rank - 1];
    if (b->rank == 2) rows *= outer, outer = 1;
    p->batch = outer;
    p->m = (int)(ta ? columns : rows), p->k = (int)(ta ? rows : columns);
    p->n = (int)b->dims[b->rank - (tb ? 2 : 1)];
    p->turn_a = ta ? TURNED : PLAIN, p->turn_b = tb ? TURNED : PLAIN;
    p->lda = ta ? p->m : p->k, p->ldb = tb ? p->k : p->n;
    p->step_a = (int64_t)p->m * p->k, p->step_b = b->rank == 2 ? 0 : (int64_t)p->k * p->n;
}

static sz_status prepare_product(void *library, const sz_node_call *call, sz_step *step) {
    product *p = sz_alloc(call->ctx, sizeof *p);
    const sz_type *a = sz_node_type(call->graph, call->node, 0);
    if (!p) return sz_no_memory(call->ctx);
    *p = (product){.library = library, .call = *call};
    p->is_double = strcmp(sz_dtype_get(a->dtype)->name, "f64") == 0;
    shape_product(p, call->node, a, sz_node_type(call->graph, call->node, 1));
    *step = (sz_step){.state = p, .run = run_product, .finish = finish_product};
    step->ran_as = step->sums = a->dtype;
    snprintf(step->kernel, sizeof step->kernel, "cblas_%cgemm", p->is_double ? 'd' : 's');
    return SZ_OK;
}

const sz_backend sz_backend_blas = {.name = "blas",
                                    .what = "OpenBLAS, BLIS or another CBLAS: matrix products",
                                    .open = open_blas,
                                    .facts = blas_facts,
                                    .refuses = blas_refuses,
                                    .prepare = prepare_product};
