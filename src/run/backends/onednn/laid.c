// SPDX-License-Identifier: Apache-2.0
// Results that lie as the library likes it. Convolutions want channels together, or in blocks, and
// graphs have planes. A result that only steps of the library read stays as its primitive wrote it,
// and the next one takes it so where it can, as programs that are made of the library do.
#include "run/backends/onednn/onednn.h"

// ---- how an operand lies -----------------------------------------------------------------------

static const sz_dnnl_left *find(const sz_dnnl_plan *p, int input) {
    const sz_node_call *c = p->call;
    const sz_value_id id = c->node->inputs[input];
    for (const sz_dnnl_left *l = p->lib->laid; l; l = l->next)
        if (l->graph == c->graph && l->value == id && l->data == c->in[0][input]->data) return l;
    return NULL;
}

static const void *desc_of(const sz_dnnl_plan *p, const sz_dnnl_left *l) {
    const void *desc = NULL;
    if (p->lib->memory_get_memory_desc(l->memory, &desc) != SZ_DNNL_SUCCESS) return NULL;
    return desc;
}

static bool same_view(const sz_dnnl_view *a, const sz_dnnl_view *b) {
    if (a->rank != b->rank) return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dims[d] != b->dims[d] || a->strides[d] != b->strides[d]) return false;
    return true;
}

static bool is_read(const sz_dnnl_operand *o) {
    return o->place == SZ_DNNL_IN && !o->is_written && !o->is_hidden;
}

static bool is_laid(const sz_dnnl_operand *o) { return o->lies != o->dense; }

// ---- operands that are seen otherwise ----------------------------------------------------------

// Does a stage see the input as another shape, or in another order?
static bool is_seen_otherwise(const sz_dnnl_plan *p, int input) {
    const sz_dnnl_view own = sz_dnnl_view_of(sz_dnnl_in_type(p, input));
    for (int k = 0; k < p->n; k++)
        for (int i = 0; i < p->stages[k].n; i++) {
            const sz_dnnl_operand *o = &p->stages[k].operands[i];
            const bool blocks = p->stages[k].kind == SZ_DNNL_BLOCKS; // these know no layouts
            if (is_read(o) && o->which == input && (blocks || !same_view(&o->view, &own)))
                return true;
        }
    return false;
}

static void read_from(sz_dnnl_plan *p, int input, int temp) {
    for (int k = 0; k < p->n; k++)
        for (int i = 0; i < p->stages[k].n; i++) {
            sz_dnnl_operand *o = &p->stages[k].operands[i];
            if (is_read(o) && o->which == input) o->place = SZ_DNNL_TEMP, o->which = temp;
        }
}

// A stage in front of all others: the input goes into a buffer in between.
static void put_in_front(sz_dnnl_plan *p, int input, int temp) {
    const sz_type *t = sz_dnnl_in_type(p, input);
    const sz_dnnl_view own = sz_dnnl_view_of(t);
    sz_dnnl_stage_add(p, SZ_DNNL_REORDER, SZ_DNNL_INFERENCE, 0);
    sz_dnnl_in(p, SZ_DNNL_SRC, input, NULL);
    sz_dnnl_temp(p, SZ_DNNL_DST, temp, true, sz_dnnl_type_of(t->dtype), &own);
    const sz_dnnl_stage made = p->stages[p->n - 1];
    memmove(&p->stages[1], &p->stages[0], (size_t)(p->n - 1) * sizeof *p->stages);
    p->stages[0] = made;
}

bool sz_dnnl_make_dense(sz_dnnl_plan *p) {
    for (int i = 0; i < p->call->node->n_inputs; i++) {
        const bool laid = p->call->node->inputs[i] != SZ_NONE && find(p, i);
        if (!laid || !is_seen_otherwise(p, i)) continue;
        if (p->n == SZ_DNNL_STAGES || p->temps == SZ_DNNL_TEMPS) return false;
        const int temp = sz_dnnl_new_temp(p);
        read_from(p, i, temp);
        put_in_front(p, i, temp);
    }
    return true;
}

// ---- descriptions ------------------------------------------------------------------------------

static int describe_open(sz_dnnl_plan *p, sz_dnnl_operand *o) {
    const sz_dnnl_view *v = &o->view;
    if (o->open) return SZ_DNNL_SUCCESS;
    return p->lib->by->describe(p, v->rank, v->dims, (int)o->type, NULL, &o->open);
}

int sz_dnnl_describe(sz_dnnl_plan *p, sz_dnnl_stage *stage) {
    int status = SZ_DNNL_SUCCESS;
    for (int i = 0; i < stage->n && status == SZ_DNNL_SUCCESS; i++) {
        sz_dnnl_operand *o = &stage->operands[i];
        const sz_dnnl_view *v = &o->view;
        if (o->is_hidden) continue;
        status = p->lib->by->describe(p, v->rank, v->dims, (int)o->type, v->strides, &o->dense);
        if (status == SZ_DNNL_SUCCESS && o->any) status = describe_open(p, o);
        const sz_dnnl_left *laid = is_read(o) ? find(p, o->which) : NULL;
        o->lies = laid ? desc_of(p, laid) : o->dense;
        if (!o->lies) return SZ_DNNL_INVALID;
        // a copy takes anything, the others are told what they want
        const bool copies = stage->kind == SZ_DNNL_REORDER;
        o->asked = o->any ? o->open : copies ? o->lies : o->dense;
    }
    return status;
}

void sz_dnnl_forget(sz_dnnl_plan *p) {
    for (int k = 0; k < p->n; k++)
        for (int i = 0; i < p->stages[k].n; i++) {
            sz_dnnl_operand *o = &p->stages[k].operands[i];
            if (o->open) p->lib->by->forget(o->open);
            if (o->dense) p->lib->by->forget(o->dense);
        }
}

// ---- operands as they lie ----------------------------------------------------------------------

// All operands of the result's shape as the first of them lies that is not dense; the broadcast one
// as it lies.
static bool ask_alike(sz_dnnl_stage *s, const sz_dnnl_operand *result) {
    const void *layout = NULL;
    bool any = false;
    for (int i = 0; i < s->n; i++) {
        const sz_dnnl_operand *o = &s->operands[i];
        if (!is_read(o) || !is_laid(o)) continue;
        any = true;
        if (!layout && same_view(&o->view, &result->view)) layout = o->lies;
    }
    for (int i = 0; any && i < s->n; i++) {
        sz_dnnl_operand *o = &s->operands[i];
        if (o->is_written || o->is_hidden) continue;
        o->asked = layout && same_view(&o->view, &result->view) ? layout : o->lies;
    }
    return any;
}

// The channels of a place together: axis 1 is the innermost.
static int describe_channels_last(sz_dnnl_plan *p, sz_dnnl_operand *o) {
    sz_dnnl_view v = o->view;
    int64_t stride = v.dims[1];
    v.strides[1] = 1;
    for (int d = v.rank - 1; d >= 0; d--) {
        if (d == 1) continue;
        v.strides[d] = stride;
        stride *= v.dims[d];
    }
    return p->lib->by->describe(p, v.rank, v.dims, (int)o->type, v.strides, &o->open);
}

// Each source as it lies, since they are copied one by one; the result as most convolutions want
// it.
static bool ask_each(sz_dnnl_plan *p, sz_dnnl_stage *s, sz_dnnl_operand *result) {
    bool any = false;
    for (int i = 0; i < s->n; i++) any |= is_read(&s->operands[i]) && is_laid(&s->operands[i]);
    if (!any || result->view.rank < 3) return false;
    if (describe_channels_last(p, result) != SZ_DNNL_SUCCESS) return false;
    for (int i = 0; i < s->n; i++)
        if (!s->operands[i].is_written) s->operands[i].asked = s->operands[i].lies;
    return true;
}

static bool ask_source(sz_dnnl_stage *s) {
    for (int i = 0; i < s->n; i++) {
        sz_dnnl_operand *o = &s->operands[i];
        if (o->role != SZ_DNNL_SRC || !is_read(o) || !is_laid(o)) continue;
        o->asked = o->lies;
        return true;
    }
    return false;
}

bool sz_dnnl_keep_layouts(sz_dnnl_plan *p, sz_dnnl_stage *s) {
    sz_dnnl_operand *result = NULL;
    bool kept = false;
    if (s->direction != SZ_DNNL_INFERENCE) return false;
    for (int i = 0; i < s->n; i++)
        if (s->operands[i].role == SZ_DNNL_DST) result = &s->operands[i];
    if (!result) return false;
    switch (s->kind) {
    case SZ_DNNL_BINARY:
    case SZ_DNNL_SUM:
        kept = ask_alike(s, result);
        break;
    case SZ_DNNL_CONCAT:
        kept = ask_each(p, s, result);
        break;
    case SZ_DNNL_ELTWISE:
    case SZ_DNNL_POOL:
    case SZ_DNNL_BATCH_NORM:
    case SZ_DNNL_RESAMPLING:
        kept = ask_source(s);
        break;
    default:
        break;
    }
    if (!kept) return false;
    if (describe_open(p, result) != SZ_DNNL_SUCCESS) {
        sz_dnnl_drop_layouts(s);
        return false;
    }
    result->asked = result->open;
    return true;
}

void sz_dnnl_drop_layouts(sz_dnnl_stage *s) {
    for (int i = 0; i < s->n; i++)
        if (!s->operands[i].is_hidden && !s->operands[i].any)
            s->operands[i].asked = s->operands[i].dense;
}

// ---- a copy that is dense ----------------------------------------------------------------------

int sz_dnnl_copy_dense(sz_dnnl_plan *p, void *from, const sz_type *type, void *to) {
    const sz_dnnl *d = p->lib;
    const sz_dnnl_view v = sz_dnnl_view_of(type);
    const int number = (int)sz_dnnl_type_of(type->dtype);
    const void *laid = NULL;
    void *dense = NULL, *memory = NULL, *desc = NULL, *primitive = NULL;
    int status = d->memory_get_memory_desc(from, &laid);
    if (status == SZ_DNNL_SUCCESS)
        status = d->by->describe(p, v.rank, v.dims, number, v.strides, &dense);
    if (status == SZ_DNNL_SUCCESS) status = d->memory_create(&memory, dense, d->engine, to);
    if (status == SZ_DNNL_SUCCESS)
        status = d->reorder_primitive_desc_create(&desc, laid, d->engine, dense, d->engine, NULL);
    if (status == SZ_DNNL_SUCCESS) status = d->primitive_create(&primitive, desc);
    if (status == SZ_DNNL_SUCCESS) {
        const sz_dnnl_exec args[] = {{SZ_DNNL_SRC, from}, {SZ_DNNL_DST, memory}};
        status = d->primitive_execute(primitive, d->stream, 2, args);
    }
    if (status == SZ_DNNL_SUCCESS) status = d->stream_wait(d->stream);
    if (primitive) d->primitive_destroy(primitive);
    if (desc) d->primitive_desc_destroy(desc);
    if (memory) d->memory_destroy(memory);
    if (dense) d->by->forget(dense);
    return status;
}
