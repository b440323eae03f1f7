// SPDX-License-Identifier: Apache-2.0
// Where two conventions differ on a model, by operator.
#include "model/cost/costs.h"
#include "model/cost/xla_body.h"
#include "model/graph/allowance.h"
#include "model/ops/xla.h"

#include <stdio.h>
#include <stdlib.h>

struct sz_explanation {
    sz_ctx *ctx;
    sz_arena arena;
    sz_difference *rows;
    size_t n;
    int64_t ours, theirs;
};

typedef struct side_by_side {
    sz_explanation *x;
    sz_graph *graph;
    const sz_convention *ours, *theirs;
    sz_map index; // operator -> row
} side_by_side;

static bool runs_bodies(const sz_node *n) {
    for (int32_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].kind == SZ_ATTR_GRAPH) return true;
    return false;
}

// What a convention counts of a node, one clause; NULL for sizeup, whose count needs no excuse.
static sz_status why_of(side_by_side *s, sz_node_id id, const sz_convention *by,
                        const sz_work *work, const char **ret_why) {
    const sz_node *n = sz_graph_node(s->graph, id);
    sz_infer in = {s->x->ctx, s->graph, id, n, sz_op_get(n->row), n->opset, 0, false};
    int64_t count;
    if (strcmp(in.op->domain, SZ_XLA_DOMAIN) == 0 && (by->counts_hlo || !by->has_terms)) {
        *ret_why = by->counts_hlo ? sz_xla_why(n->op) : NULL;
        return SZ_OK;
    }
    if (!runs_bodies(n)) return sz_convention_count(by, &(sz_counted){&in, work}, &count, ret_why);
    *ret_why = by->body_once ? "the body counts once, however often it runs"
                             : "the operators of the body differ";
    return SZ_OK;
}

// Of two tools both have their say: a reader knows sizeup's count, but neither of theirs.
static sz_status reason(side_by_side *s, const char *ours, const char *theirs, const char **ret) {
    const char *one = theirs ? theirs : ours ? ours : "";
    if (!ours || !theirs || strcmp(ours, theirs) == 0) {
        *ret = one;
        return SZ_OK;
    }
    const int n = snprintf(NULL, 0, "%s: %s; %s: %s", s->ours->name, ours, s->theirs->name, theirs);
    char *text = n < 0 ? NULL : sz_arena_alloc(&s->x->arena, (size_t)n + 1);
    if (!text) return sz_no_memory(s->x->ctx);
    snprintf(text, (size_t)n + 1, "%s: %s; %s: %s", s->ours->name, ours, s->theirs->name, theirs);
    *ret = text;
    return SZ_OK;
}

static sz_status row_of(side_by_side *s, const sz_node *n, sz_difference **ret_row) {
    int32_t k;
    sz_explanation *x = s->x;
    if (!sz_map_get(&s->index, n->op, &k)) {
        k = (int32_t)x->n++;
        const char *op = sz_arena_strdup(&x->arena, n->op.p, n->op.len);
        if (!op) return sz_no_memory(x->ctx);
        x->rows[k] = (sz_difference){.op = op, .why = ""};
        SZ_TRY(sz_map_put(&s->index, n->op, k));
    }
    *ret_row = &x->rows[k];
    return SZ_OK;
}

static sz_status add_node(side_by_side *s, sz_node_id id) {
    const sz_node *n = sz_graph_node(s->graph, id);
    sz_node_result ours, theirs;
    sz_difference *row = NULL;
    SZ_TRY(sz_cost_node_by(s->graph, id, s->ours, &ours));
    SZ_TRY(sz_cost_node_by(s->graph, id, s->theirs, &theirs));
    SZ_TRY(row_of(s, n, &row));
    if (!sz_add(row->ours, ours.counted, &row->ours) ||
        !sz_add(row->theirs, theirs.counted, &row->theirs) ||
        !sz_add(s->x->ours, ours.counted, &s->x->ours) ||
        !sz_add(s->x->theirs, theirs.counted, &s->x->theirs))
        return sz_fail(s->x->ctx, SZ_ERR_INPUT, "counts exceed 2^63");
    row->nodes++;
    if (ours.counted == theirs.counted || *row->why || n->row == SZ_NONE) return SZ_OK;
    const char *a = NULL, *b = NULL;
    SZ_TRY(why_of(s, id, s->ours, &ours.work, &a));
    SZ_TRY(why_of(s, id, s->theirs, &theirs.work, &b));
    return reason(s, a, b, &row->why);
}

static int64_t distance(const sz_difference *d) {
    return d->ours > d->theirs ? d->ours - d->theirs : d->theirs - d->ours;
}

static int compare(const void *a, const void *b) {
    int64_t x = distance(a), y = distance(b);
    if (x != y) return x < y ? 1 : -1;
    return strcmp(((const sz_difference *)a)->op, ((const sz_difference *)b)->op);
}

static void drop_equal(sz_explanation *x) {
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        if (distance(&x->rows[i])) x->rows[n++] = x->rows[i];
    x->n = n;
}

static sz_status fill(side_by_side *s) {
    size_t n = s->graph->nodes.n;
    s->x->rows = sz_arena_array(&s->x->arena, n ? n : 1, sizeof *s->x->rows);
    if (!s->x->rows) return sz_no_memory(s->x->ctx);
    for (size_t i = 0; i < n; i++) SZ_TRY(add_node(s, (sz_node_id)i));
    drop_equal(s->x);
    qsort(s->x->rows, s->x->n, sizeof *s->x->rows, compare);
    return SZ_OK;
}

static sz_status find(sz_ctx *ctx, const char *name, const sz_convention **ret) {
    *ret = sz_convention_find(name);
    if (*ret) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "convention '%s' is unknown; 'sizeup list conventions' shows all", name);
}

sz_status sz_explain(sz_ctx *ctx, const sz_model *model, const char *convention,
                     const char *against, sz_explanation **ret_explanation) {
    side_by_side s = {.graph = model->graph};
    SZ_TRY(find(ctx, convention, &s.ours));
    SZ_TRY(find(ctx, against, &s.theirs));
    s.x = sz_alloc(ctx, sizeof *s.x);
    if (!s.x) return sz_no_memory(ctx);
    s.x->ctx = ctx;
    sz_arena_init(&s.x->arena, ctx);
    sz_map_init(&s.index, ctx);
    const size_t limit = sz_allowance_begin(ctx, model);
    sz_status status = fill(&s);
    sz_ctx_set_job_limit(ctx, limit);
    sz_map_finish(&s.index);
    if (status != SZ_OK) {
        sz_explanation_destroy(s.x);
        return sz_place(ctx, status, "%s '%s'",
                        sz_str_is(model->graph->format, "net") ? "net" : "file",
                        sz_model_path(model));
    }
    *ret_explanation = s.x;
    return SZ_OK;
}

void sz_explanation_destroy(sz_explanation *x) {
    if (!x) return;
    sz_arena_finish(&x->arena);
    sz_free(x->ctx, x, sizeof *x);
}

size_t sz_explanation_count(const sz_explanation *x) { return x->n; }
sz_difference sz_explanation_get(const sz_explanation *x, size_t i) {
    return i < x->n ? x->rows[i] : (sz_difference){.op = "", .why = ""};
}
void sz_explanation_totals(const sz_explanation *x, int64_t *ret_ours, int64_t *ret_theirs) {
    *ret_ours = x->ours;
    *ret_theirs = x->theirs;
}
