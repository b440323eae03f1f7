// SPDX-License-Identifier: Apache-2.0
// What descriptions of operators are put together from.
#include "run/backends/onednn/onednn.h"

// ---- formats -----------------------------------------------------------------------------------

static const struct {
    const char *name;
    sz_dnnl_type type;
    size_t width;
} formats[] = {{"f32", SZ_DNNL_F32, 4}, {"bf16", SZ_DNNL_BF16, 2}, {"f16", SZ_DNNL_F16, 2},
               {"i8", SZ_DNNL_S8, 1},   {"u8", SZ_DNNL_U8, 1},     {"i32", SZ_DNNL_S32, 4}};

sz_dnnl_type sz_dnnl_type_of(sz_dtype t) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(sz_dtype_get(t)->name, formats[i].name) == 0) return formats[i].type;
    return SZ_DNNL_NO_TYPE;
}

size_t sz_dnnl_width(sz_dnnl_type t) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].type == t) return formats[i].width;
    return 0;
}

bool sz_dnnl_is(const sz_graph *g, const sz_node *n, int i, const char *dtype) {
    const sz_type *t = sz_node_type(g, n, i);
    return t && strcmp(sz_dtype_get(t->dtype)->name, dtype) == 0;
}

const char *sz_dnnl_f32_or_bf16(const sz_graph *g, const sz_node *n) {
    return sz_dnnl_is(g, n, 0, "f32") || sz_dnnl_is(g, n, 0, "bf16") ? NULL : "only f32 and bf16";
}

const char *sz_dnnl_only_f32(const sz_graph *g, const sz_node *n) {
    return sz_dnnl_is(g, n, 0, "f32") ? NULL : "only f32";
}

// ---- constants ---------------------------------------------------------------------------------

// Reading a constant keeps its numbers in the graph, which changes nothing that anybody sees.
const sz_tensor *sz_dnnl_numbers(const sz_graph *g, const sz_node *n, int i) {
    const sz_tensor *t = NULL;
    if (i >= n->n_inputs || n->inputs[i] == SZ_NONE) return NULL;
    if (sz_graph_known((sz_graph *)(uintptr_t)g, n->inputs[i], &t) == SZ_OK) return t;
    sz_ctx_clear(g->ctx);
    return NULL;
}

double sz_dnnl_number(const sz_tensor *t, int64_t k) { return t->f ? t->f[k] : (double)t->i[k]; }

// ---- views -------------------------------------------------------------------------------------

// 0 axes make one of size 1.
sz_dnnl_view sz_dnnl_dense(int rank, const int64_t *dims) {
    sz_dnnl_view v = {.rank = rank ? rank : 1, .dims = {1}, .strides = {1}};
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        v.dims[d] = dims[d], v.strides[d] = stride;
        stride *= dims[d];
    }
    return v;
}

sz_dnnl_view sz_dnnl_view_of(const sz_type *t) { return sz_dnnl_dense(t->rank, t->dims); }

sz_dnnl_view sz_dnnl_aligned(const sz_type *t, int rank) {
    int64_t dims[SZ_DNNL_AXES];
    for (int d = 0; d < rank; d++) {
        const int from = d - (rank - t->rank);
        dims[d] = from < 0 ? 1 : t->dims[from];
    }
    return sz_dnnl_dense(rank, dims);
}

void sz_dnnl_exchange(sz_dnnl_view *v, int a, int b) {
    const int64_t size = v->dims[a], stride = v->strides[a];
    v->dims[a] = v->dims[b], v->strides[a] = v->strides[b];
    v->dims[b] = size, v->strides[b] = stride;
}

int64_t sz_dnnl_product(const int64_t *dims, int from, int to) {
    int64_t product = 1;
    for (int d = from; d < to; d++) product *= dims[d];
    return product;
}

bool sz_dnnl_same_dims(const sz_type *a, const sz_type *b) {
    if (a->rank != b->rank) return false;
    for (int32_t d = 0; d < a->rank; d++)
        if (a->dims[d] != b->dims[d]) return false;
    return true;
}

// ---- stages ------------------------------------------------------------------------------------

const sz_type *sz_dnnl_in_type(const sz_dnnl_plan *p, int i) {
    return sz_node_type(p->call->graph, p->call->node, i);
}

const sz_type *sz_dnnl_out_type(const sz_dnnl_plan *p, int o) {
    return &sz_graph_value(p->call->graph, p->call->node->outputs[o])->type;
}

sz_dnnl_stage *sz_dnnl_stage_add(sz_dnnl_plan *p, sz_dnnl_kind kind, sz_dnnl_direction direction,
                                 int algorithm) {
    sz_dnnl_stage *s = &p->stages[p->n++];
    *s = (sz_dnnl_stage){.kind = kind, .direction = direction, .algorithm = algorithm, .factor = 1};
    return s;
}

static sz_dnnl_operand *add(sz_dnnl_plan *p, const sz_dnnl_operand *o) {
    sz_dnnl_stage *s = &p->stages[p->n - 1];
    s->operands[s->n] = *o;
    return &s->operands[s->n++];
}

sz_dnnl_operand *sz_dnnl_in(sz_dnnl_plan *p, int role, int i, const sz_dnnl_view *view) {
    const sz_type *t = sz_dnnl_in_type(p, i);
    return add(p, &(sz_dnnl_operand){.role = role,
                                     .place = SZ_DNNL_IN,
                                     .which = i,
                                     .type = sz_dnnl_type_of(t->dtype),
                                     .view = view ? *view : sz_dnnl_view_of(t)});
}

sz_dnnl_operand *sz_dnnl_out(sz_dnnl_plan *p, int role, int o, const sz_dnnl_view *view) {
    const sz_type *t = sz_dnnl_out_type(p, o);
    return add(p, &(sz_dnnl_operand){.role = role,
                                     .place = SZ_DNNL_OUT,
                                     .which = o,
                                     .is_written = true,
                                     .type = sz_dnnl_type_of(t->dtype),
                                     .view = view ? *view : sz_dnnl_view_of(t)});
}

sz_dnnl_operand *sz_dnnl_temp(sz_dnnl_plan *p, int role, int temp, bool is_written,
                              sz_dnnl_type type, const sz_dnnl_view *view) {
    return add(p, &(sz_dnnl_operand){.role = role,
                                     .place = SZ_DNNL_TEMP,
                                     .which = temp,
                                     .is_written = is_written,
                                     .type = type,
                                     .view = *view});
}

// Memory of an arena is zero.
sz_dnnl_operand *sz_dnnl_zeros(sz_dnnl_plan *p, int role, const sz_dnnl_view *view) {
    return sz_dnnl_temp(p, role, sz_dnnl_new_temp(p), false, SZ_DNNL_F32, view);
}

sz_dnnl_operand *sz_dnnl_hidden(sz_dnnl_plan *p, int role, int temp, bool is_written) {
    return add(p, &(sz_dnnl_operand){.role = role,
                                     .place = SZ_DNNL_TEMP,
                                     .which = temp,
                                     .is_written = is_written,
                                     .is_hidden = true});
}

int sz_dnnl_new_temp(sz_dnnl_plan *p) { return p->temps++; }

sz_dnnl_stage *sz_dnnl_eltwise_add(sz_dnnl_plan *p, int algorithm, float alpha, float beta) {
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_ELTWISE, SZ_DNNL_INFERENCE, algorithm);
    s->alpha = alpha, s->beta = beta;
    return s;
}

// ---- what is asked for -------------------------------------------------------------------------

const void *sz_dnnl_asked(const sz_dnnl_stage *s, int role) {
    for (int i = 0; i < s->n; i++)
        if (s->operands[i].role == role) return s->operands[i].asked;
    return NULL;
}

const void *sz_dnnl_forward(const sz_dnnl_stage *s, int role) {
    const void *asked = sz_dnnl_asked(s, role);
    return asked ? asked : sz_dnnl_asked(s, SZ_DNNL_DIFF + role);
}
