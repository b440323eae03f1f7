// SPDX-License-Identifier: Apache-2.0
// Nodes that hand their input on as it is: Identity, Dropout at inference, casts to the same
// format, and moves that move nothing (a Transpose of dims of size 1, a Slice of everything, a Pad
// by nothing, a Concat of one).
//
// Needs: types and known numbers. Keeps: types; a value that is an output of the graph keeps its
// name. A node between a graph input and a graph output stays: something must make the output.
#include "model/passes/pass.h"

static bool is_filled_or_absent(const sz_pass_job *job, sz_node_id id, int i, double x) {
    const sz_value_id v = sz_edit_in(job->e, id, i);
    return v == SZ_NONE || sz_is_filled(job, v, x);
}

static bool ints_are(const sz_node *n, const char *name, int64_t x) {
    const int64_t *ints;
    const int32_t count = sz_attr_ints(n, name, &ints);
    for (int32_t i = 0; i < count; i++)
        if (ints[i] != x) return false;
    return true;
}

// Do the dims other than 1 stay in order?
static bool keeps_order(const sz_node *n, const sz_type *t) {
    const int64_t *perm;
    const int32_t count = sz_attr_ints(n, "perm", &perm);
    int64_t last = -1;
    for (int32_t i = 0; i < t->rank; i++) {
        const int64_t from = count == t->rank ? perm[i] : t->rank - 1 - i;
        if (from < 0 || from >= t->rank || t->dims[from] == 1) continue;
        if (from < last) return false;
        last = from;
    }
    return true;
}

typedef bool is_noop(const sz_pass_job *job, sz_node_id id);

static bool always(const sz_pass_job *job, sz_node_id id) {
    (void)job, (void)id;
    return true;
}
static bool noop_alone(const sz_pass_job *job, sz_node_id id) {
    return sz_input_count(job, id) == 1;
}
static bool noop_concat(const sz_pass_job *job, sz_node_id id) {
    return sz_input_count(job, id) == 1 && !sz_makes(job, SZ_FUSE_KEEP_MOVES);
}
static bool noop_dropout(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    const sz_value_id training = sz_edit_in(job->e, id, 2);
    const sz_value_id mask = sz_edit_out(job->e, id, 1);
    if (mask != SZ_NONE && sz_edit_use_count(job->e, mask)) return false;
    if (n->opset < 7 && !sz_attr_i(n, "is_test", 0)) return false; // trained unless told otherwise
    return training == SZ_NONE || sz_is_filled(job, training, 0);
}
static bool noop_transpose(const sz_pass_job *job, sz_node_id id) {
    return keeps_order(sz_edit_node_of(job->e, id), sz_type_of(job, sz_edit_in(job->e, id, 0)));
}
static bool noop_slice(const sz_pass_job *job, sz_node_id id) {
    return is_filled_or_absent(job, id, 4, 1);
}
static bool noop_pad(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    return !sz_makes(job, SZ_FUSE_KEEP_MOVES) && is_filled_or_absent(job, id, 1, 0) &&
           ints_are(n, "pads", 0) && ints_are(n, "paddings", 0);
}
static bool noop_clip(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    return sz_input_count(job, id) == 1 && !sz_attr_find(n, "min") && !sz_attr_find(n, "max");
}

// For each: the output has the type of the input, and this holds as well.
static const struct {
    const char *op;
    is_noop *holds;
} rows[] = {
    {"Identity", always},          {"Cast", always},      {"CastLike", always},
    {"Reshape", always},           {"Flatten", always},   {"Squeeze", always},
    {"Unsqueeze", always},         {"Expand", always},    {"Tile", always},
    {"Concat", noop_concat},       {"Sum", noop_alone},   {"Max", noop_alone},
    {"Min", noop_alone},           {"Mean", noop_alone},  {"Dropout", noop_dropout},
    {"Transpose", noop_transpose}, {"Slice", noop_slice}, {"Pad", noop_pad},
    {"Clip", noop_clip},
};

// Identity and Dropout hand on anything, sequences and unknown shapes too.
static bool may_differ(const sz_pass_job *job, sz_node_id id) {
    return sz_is_op(job, id, "Identity") || sz_is_op(job, id, "Dropout");
}

sz_status sz_pass_identity(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        const sz_value_id in = sz_edit_in(job->e, id, 0), out = sz_edit_out(job->e, id, 0);
        if (sz_edit_is_dead(job->e, id) || in == SZ_NONE || out == SZ_NONE) continue;
        const bool same = sz_same_type(sz_type_of(job, in), sz_type_of(job, out));
        if (!same && !may_differ(job, id)) continue;
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
            if (sz_is_op(job, id, rows[r].op) && rows[r].holds(job, id)) {
                SZ_TRY(sz_bypass(job, id, in));
                break;
            }
    }
    return SZ_OK;
}
