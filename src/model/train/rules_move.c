// SPDX-License-Identifier: Apache-2.0
// Formats, views, copies and reductions: what was moved is moved back, what was copied is summed.
#include "model/train/tape.h"

// ---- formats and views -------------------------------------------------------------------------

void sz_back_identity(sz_tape *t, const sz_node *n) { sz_tape_give(t, n, 0, sz_tape_dy(t, n, 0)); }

static const struct {
    const char *name;
    int64_t code;
} onnx_floats[] = {{"f32", 1}, {"f16", 10}, {"f64", 11}, {"bf16", 16}};

void sz_back_cast(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    if (t->status != SZ_OK) return;
    const sz_dtype to = sz_tape_type(t, n->inputs[0])->dtype;
    int64_t code = 0;
    for (size_t i = 0; i < sizeof onnx_floats / sizeof *onnx_floats; i++)
        if (sz_dtype_by_name(onnx_floats[i].name) == to) code = onnx_floats[i].code;
    if (!code) {
        sz_tape_refuse(t, n, "gradients of this format are not made");
        return;
    }
    const sz_attr attr = sz_tape_i("to", code);
    sz_tape_give(t, n, 0, sz_tape_op(t, "Cast", g, SZ_NONE, SZ_NONE, 1, &attr));
}

void sz_back_view(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_tape_give(t, n, 0, sz_tape_reshape_like(t, g, n->inputs[0]));
}

void sz_back_transpose(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const int64_t *perm;
    int64_t back[SZ_MAX_RANK];
    if (t->status != SZ_OK) return;
    const int32_t rank = sz_tape_type(t, g)->rank, count = sz_attr_ints(n, "perm", &perm);
    for (int32_t d = 0; d < rank; d++) back[count == rank ? perm[d] : rank - 1 - d] = d;
    const sz_attr attr = sz_tape_list("perm", rank, back);
    sz_tape_give(t, n, 0, sz_tape_op(t, "Transpose", g, SZ_NONE, SZ_NONE, 1, &attr));
}

void sz_back_trilu(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const sz_attr upper = sz_tape_i("upper", sz_attr_i(n, "upper", 1));
    sz_tape_give(t, n, 0, sz_tape_op(t, "Trilu", g, sz_tape_in(n, 1), SZ_NONE, 1, &upper));
}

// ---- joining and cutting -----------------------------------------------------------------------

void sz_back_concat(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    if (t->status != SZ_OK) return;
    int64_t axis = sz_attr_i(n, "axis", 0);
    const int32_t rank = sz_tape_type(t, g)->rank;
    const size_t count = (size_t)n->n_inputs;
    int64_t *sizes = sz_arena_array(t->g->arena, count, sizeof *sizes);
    sz_value_id *parts = sz_arena_array(t->g->arena, count, sizeof *parts);
    if (!sizes || !parts) {
        t->status = sz_no_memory(t->ctx);
        return;
    }
    if (axis < 0) axis += rank;
    for (size_t i = 0; i < count; i++) sizes[i] = sz_tape_type(t, n->inputs[i])->dims[axis];
    const sz_value_id list = sz_tape_ints(t, n->n_inputs, sizes);
    const sz_attr attr = sz_tape_i("axis", axis);
    sz_tape_node(t, "Split", 2, (sz_value_id[]){g, list}, 1, &attr, (int)count, NULL, parts);
    for (int i = 0; i < n->n_inputs; i++)
        if (sz_tape_wants(t, n, i)) sz_tape_give(t, n, i, parts[i]);
}

// Parts that nobody used get zeros.
void sz_back_split(sz_tape *t, const sz_node *n) {
    sz_value_id *parts = sz_arena_array(t->g->arena, (size_t)n->n_outputs, sizeof *parts);
    if (!parts) {
        t->status = sz_no_memory(t->ctx);
        return;
    }
    for (int o = 0; o < n->n_outputs; o++) {
        parts[o] = sz_tape_dy(t, n, o);
        if (parts[o] == SZ_NONE && n->outputs[o] != SZ_NONE)
            parts[o] = sz_tape_zeros(t, "unused", n->outputs[o]);
        if (n->outputs[o] == SZ_NONE) sz_tape_refuse(t, n, "one of its outputs is left out");
    }
    const sz_attr axis = sz_tape_i("axis", sz_attr_i(n, "axis", 0));
    sz_value_id whole = SZ_NONE;
    if (t->status == SZ_OK)
        sz_tape_node(t, "Concat", n->n_outputs, parts, 1, &axis, 1, NULL, &whole);
    sz_tape_give(t, n, 0, whole);
}

// Zeros before and behind each axis; fewer than 0: cut off.
static sz_value_id pad(sz_tape *t, sz_value_id x, int32_t rank, const int64_t *pads) {
    bool any = false;
    for (int32_t d = 0; d < 2 * rank; d++) any |= pads[d] != 0;
    if (!any) return x;
    const sz_value_id list = sz_tape_ints(t, 2 * rank, pads);
    return sz_tape_op(t, "Pad", x, list, SZ_NONE, 0, NULL);
}

// step - 1 zeros behind each element of an axis.
static sz_value_id spread(sz_tape *t, sz_value_id x, int32_t axis, int64_t step) {
    int64_t dims[SZ_MAX_RANK + 1], pads[2 * SZ_MAX_RANK + 2] = {0};
    if (t->status != SZ_OK || step == 1) return x;
    const sz_type *type = sz_tape_type(t, x);
    const int32_t rank = type->rank;
    for (int32_t d = 0; d < rank; d++) dims[d + (d > axis)] = type->dims[d];
    dims[axis + 1] = 1;
    pads[rank + 1 + axis + 1] = step - 1;
    x = sz_tape_reshape(t, x, rank + 1, dims);
    x = pad(t, x, rank + 1, pads);
    if (!sz_mul(dims[axis], step, &dims[axis])) return SZ_NONE;
    for (int32_t d = axis + 1; d < rank; d++) dims[d] = dims[d + 1];
    return sz_tape_reshape(t, x, rank, dims);
}

typedef struct cut { // of a Slice
    int64_t start[SZ_MAX_RANK], step[SZ_MAX_RANK];
} cut;

// Operand `i`, from opset 10 on an input, before an attribute.
static bool operand(sz_tape *t, const sz_node *n, int i, const char *name, int32_t *ret_count,
                    const int64_t **ret) {
    const sz_tensor *known;
    *ret = NULL, *ret_count = 0;
    if (n->opset < 10) return *ret_count = sz_attr_ints(n, name, ret), true;
    if (sz_tape_in(n, i) == SZ_NONE) return true;
    if (!sz_tape_known(t, n, n->inputs[i], &known)) return false;
    return *ret_count = (int32_t)known->count, *ret = known->i, true;
}

// Where the elements of the result stood: start and step of each axis. Forward steps only.
static bool read_cut(sz_tape *t, const sz_node *n, cut *c) {
    const int64_t *starts, *axes, *steps;
    int32_t count, n_axes, n_steps;
    if (t->status != SZ_OK || !operand(t, n, 1, "starts", &count, &starts) ||
        !operand(t, n, 3, "axes", &n_axes, &axes) || !operand(t, n, 4, "steps", &n_steps, &steps))
        return false;
    const sz_type *x = sz_tape_type(t, n->inputs[0]);
    for (int32_t d = 0; d < x->rank; d++) c->start[d] = 0, c->step[d] = 1;
    for (int32_t k = 0; k < count; k++) {
        int64_t axis = axes ? axes[k] : k;
        if (axis < 0) axis += x->rank;
        int64_t start = starts[k];
        if (start < 0) start += x->dims[axis];
        if (start < 0) start = 0;
        c->start[axis] = start < x->dims[axis] ? start : x->dims[axis];
        if (steps) c->step[axis] = steps[k];
        if (c->step[axis] < 1) return sz_tape_refuse(t, n, "it steps backwards"), false;
    }
    return true;
}

void sz_back_slice(sz_tape *t, const sz_node *n) {
    sz_value_id g = sz_tape_dy(t, n, 0);
    int64_t pads[2 * SZ_MAX_RANK];
    cut c;
    if (!read_cut(t, n, &c)) return;
    const int32_t rank = sz_tape_type(t, n->inputs[0])->rank;
    for (int32_t d = 0; d < rank; d++) g = spread(t, g, d, c.step[d]);
    if (t->status != SZ_OK) return;
    for (int32_t d = 0; d < rank; d++) {
        const int64_t size = sz_tape_type(t, g)->dims[d];
        pads[d] = c.start[d];
        pads[rank + d] = sz_tape_type(t, n->inputs[0])->dims[d] - c.start[d] - size;
    }
    sz_tape_give(t, n, 0, pad(t, g, rank, pads));
}

void sz_back_pad(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const int64_t *pads;
    int64_t less[2 * SZ_MAX_RANK];
    const sz_tensor *known;
    if (!sz_str_is(sz_attr_s(n, "mode", "constant"), "constant")) {
        sz_tape_refuse(t, n, "only a pad with a constant has one here");
        return;
    }
    if (t->status != SZ_OK) return;
    const int32_t rank = sz_tape_type(t, g)->rank;
    if (sz_attr_ints(n, "pads", &pads) != 2 * rank) {
        if (sz_tape_in(n, 3) != SZ_NONE) {
            sz_tape_refuse(t, n, "it names axes");
            return;
        }
        if (!sz_tape_known(t, n, n->inputs[1], &known)) return;
        if (known->count != 2 * (int64_t)rank) {
            sz_tape_refuse(t, n, "it names axes");
            return;
        }
        pads = known->i;
    }
    for (int32_t d = 0; d < 2 * rank; d++) less[d] = -pads[d];
    sz_tape_give(t, n, 0, pad(t, g, rank, less));
}

// Copies lie behind each other: [r0, d0, r1, d1, ...], summed over the r.
void sz_back_tile(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    int64_t dims[2 * SZ_MAX_RANK], axes[SZ_MAX_RANK];
    if (t->status != SZ_OK) return;
    const sz_type *x = sz_tape_type(t, n->inputs[0]), *y = sz_tape_type(t, g);
    const int32_t rank = x->rank;
    if (2 * rank > SZ_MAX_RANK) {
        sz_tape_refuse(t, n, "it has too many axes");
        return;
    }
    for (int32_t d = 0; d < rank; d++) {
        dims[2 * d] = x->dims[d] > 0 ? y->dims[d] / x->dims[d] : 1;
        dims[2 * d + 1] = x->dims[d];
        axes[d] = 2 * d;
    }
    const sz_value_id apart = sz_tape_reshape(t, g, 2 * rank, dims);
    const sz_value_id sum = sz_tape_sum(t, apart, rank, axes);
    sz_tape_give(t, n, 0, sz_tape_reshape_like(t, sum, n->inputs[0]));
}

void sz_back_gather(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    if (t->status != SZ_OK) return;
    const sz_type *table = sz_tape_type(t, n->inputs[0]);
    const sz_attr attrs[] = {sz_tape_i("axis", sz_attr_i(n, "axis", 0)),
                             sz_tape_list("data_shape", table->rank, table->dims)};
    sz_tape_give(t, n, 0,
                 sz_tape_op(t, "sizeup.train.GatherGrad", n->inputs[1], g, SZ_NONE, 2, attrs));
}

// ---- reductions --------------------------------------------------------------------------------

// The gradient with a size of 1 where an axis was reduced. Which axes: told from the operand or
// the attribute, all when there is none.
static sz_value_id kept_axes(sz_tape *t, const sz_node *n, sz_value_id g) {
    const int64_t *axes;
    int64_t dims[SZ_MAX_RANK];
    const sz_tensor *known = NULL;
    if (t->status != SZ_OK) return SZ_NONE;
    const sz_type *x = sz_tape_type(t, n->inputs[0]);
    int32_t count = sz_attr_ints(n, "axes", &axes);
    const int32_t rank = x->rank;
    if (sz_tape_in(n, 1) != SZ_NONE) {
        if (!sz_tape_known(t, n, n->inputs[1], &known)) return SZ_NONE;
        axes = known->i, count = (int32_t)known->count;
    }
    if (count == 0 && sz_attr_i(n, "noop_with_empty_axes", 0)) return g;
    x = sz_tape_type(t, n->inputs[0]);
    for (int32_t d = 0; d < rank; d++) dims[d] = count ? x->dims[d] : 1;
    for (int32_t k = 0; k < count; k++) dims[axes[k] < 0 ? axes[k] + rank : axes[k]] = 1;
    bool same = sz_tape_type(t, g)->rank == rank;
    for (int32_t d = 0; same && d < rank; d++) same = sz_tape_type(t, g)->dims[d] == dims[d];
    return same ? g : sz_tape_reshape(t, g, rank, dims);
}

void sz_back_reduce_sum(sz_tape *t, const sz_node *n) {
    const sz_value_id g = kept_axes(t, n, sz_tape_dy(t, n, 0));
    sz_tape_give(t, n, 0, sz_tape_expand(t, g, n->inputs[0]));
}

void sz_back_reduce_mean(sz_tape *t, const sz_node *n) {
    const sz_value_id g = kept_axes(t, n, sz_tape_dy(t, n, 0));
    if (t->status != SZ_OK) return;
    const int64_t all = sz_tape_elements(t, n->inputs[0]), results = sz_tape_elements(t, g);
    const sz_value_id count = sz_tape_number(t, g, results ? (double)(all / results) : 1);
    const sz_value_id share = sz_tape_binary(t, "Div", g, count);
    sz_tape_give(t, n, 0, sz_tape_expand(t, share, n->inputs[0]));
}

// (2 g) x
void sz_back_reduce_sum_square(sz_tape *t, const sz_node *n) {
    const sz_value_id g = kept_axes(t, n, sz_tape_dy(t, n, 0)), two = sz_tape_number(t, g, 2);
    const sz_value_id twice = sz_tape_binary(t, "Mul", g, two);
    sz_tape_give(t, n, 0, sz_tape_binary(t, "Mul", n->inputs[0], twice));
}

// x (g / y)
void sz_back_reduce_l2(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const sz_value_id share = sz_tape_binary(t, "Div", g, n->outputs[0]);
    const sz_value_id kept = kept_axes(t, n, share);
    sz_tape_give(t, n, 0, sz_tape_binary(t, "Mul", n->inputs[0], kept));
}
