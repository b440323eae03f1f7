// SPDX-License-Identifier: Apache-2.0
// The table of kernels, and what kernels ask for.
#include "run/backends/ref/kernel.h"
#include "run/backends/ref/kernels.h"
#include "run/backends/ref/session.h"

#include <math.h>

#include "base/knuth.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#define ONNX   ""
#define MS     "com.microsoft"
#define NCHWC  "com.microsoft.nchwc"
#define TRAIN  "ai.onnx.preview.training"
#define STEP   "sizeup.train"
#define SIZEUP "sizeup"

static const sz_ref_row rows[] = {
#define REF(domain, name, function, form) {domain, #name, sz_ref_##function, SZ_REF_##form},
#include "run/backends/ref/kernels.def"
#undef REF
};

static const sz_ref_row by_value = {"", "", NULL, SZ_REF_VALUE};

const sz_ref_row *sz_ref_find(const sz_node *node) {
    if (node->row == SZ_NONE) return NULL;
    const sz_op *op = sz_op_get(node->row);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].op, op->name) == 0 && strcmp(rows[i].domain, op->domain) == 0)
            return &rows[i];
    return op->value != sz_value_none ? &by_value : NULL;
}

// Never called: the value rule does the work.
sz_status sz_ref_value(sz_ref_call *c) { return sz_op_fail(c->n, "the value rule was not used"); }

// ---- numbers -----------------------------------------------------------------------------------

sz_status sz_ref_array(const sz_ref_call *c, int64_t count, double **ret) {
    if (count < 0) return sz_op_fail(c->n, "an array exceeds 2^63 elements");
    *ret = sz_arena_array(c->n->graph->arena, count ? (size_t)count : 1, sizeof **ret);
    return *ret ? SZ_OK : sz_no_memory(c->ctx);
}

// Monte Carlo arithmetic (Parker 1997): numbers as good as those that rounding left.
static void add_noise(sz_ref *r, int64_t n, double *x) {
    const double size = r->options.noise * ldexp(1, -24);
    if (!r->noise) r->noise = 0x9e3779b97f4a7c15u;
    for (int64_t k = 0; k < n; k++) {
        const double high = (double)(sz_knuth(&r->noise) >> 11);
        x[k] *= 1 + size * (ldexp(high, -52) - 1);
    }
}

sz_status sz_ref_in(const sz_ref_call *c, int i, double **ret) {
    *ret = NULL;
    if (!sz_ref_has(c, i)) return SZ_OK;
    if (c->in[i]->is_sequence) return sz_op_fail(c->n, "input %d is a sequence", i);
    SZ_TRY(sz_ref_array(c, c->in[i]->count, ret));
    sz_buffer_doubles(c->in[i], 0, c->in[i]->count, *ret);
    if (c->ref->options.noise > 0 && sz_is_float(c->in[i]->dtype))
        add_noise(c->ref, c->in[i]->count, *ret);
    return SZ_OK;
}

sz_status sz_ref_room(sz_ref_call *c, int o, double **ret) {
    *ret = NULL;
    if (!sz_ref_wants(c, o)) return SZ_OK;
    if (!c->room[o]) SZ_TRY(sz_ref_array(c, c->out[o]->count, &c->room[o]));
    *ret = c->room[o];
    return SZ_OK;
}

double sz_ref_scalar(const sz_ref_call *c, int i, double def) {
    if (!sz_ref_has(c, i) || c->in[i]->is_sequence || c->in[i]->count < 1) return def;
    sz_buffer_doubles(c->in[i], 0, 1, &def);
    return def;
}

int64_t sz_ref_span(const sz_buffer *b, int32_t from, int32_t to) {
    int64_t p = 1;
    for (int32_t d = from; d < to; d++) {
        if (b->dims[d] == 0) return 0;
        p *= b->dims[d]; // a buffer's product was checked when it was made
    }
    return p;
}

sz_status sz_ref_charge(const sz_ref_call *c, int64_t a, int64_t b, int64_t d) {
    int64_t work = 0;
    if (!sz_mul(a, b, &work) || !sz_mul(work, d, &work) || !sz_ref_spend(c->ref, work))
        return sz_op_fail(c->n, "the run takes more work than its limit allows");
    return SZ_OK;
}
