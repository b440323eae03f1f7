// SPDX-License-Identifier: Apache-2.0
// What a pass sees, and what passes share: asking about values, building constants and nodes.
//
// There are two sorts. A REWRITE puts other nodes in the place of some, and never changes what the
// graph computes (up to rounding, where it says so). A FUSION changes no node: it only says which
// ones a compiler would run as one kernel. Rewrites come before fusions.
#ifndef SZ_PASS_H
#define SZ_PASS_H

#include "model/graph/edit.h"
#include "model/ops/ops.h"

// ---- tables ------------------------------------------------------------------------------------

// Kinds of fusion that a recipe makes or does not make.
typedef enum sz_fusion {
#define FUSION(ident, name, what) SZ_FUSE_##ident,
#include "model/passes/fusions.def"
#undef FUSION
    SZ_N_FUSIONS
} sz_fusion;

typedef struct sz_recipe {
    const char *name, *passes, *what, *source;
    uint64_t fusions; // bit SZ_FUSE_x
} sz_recipe;

const sz_recipe *sz_recipe_get(int32_t i); // NULL past the end
const sz_recipe *sz_recipe_find(const char *name);

typedef struct sz_pass_job {
    sz_edit *e;
    sz_graph *g;
    const sz_recipe *recipe;
    int64_t changed; // what the pass has changed: nodes taken out, put in or grouped
} sz_pass_job;

typedef sz_status sz_pass_run(sz_pass_job *job);

typedef enum sz_pass_sort { SZ_PASS_REWRITE, SZ_PASS_FUSION } sz_pass_sort;

typedef struct sz_pass {
    const char *name;
    sz_pass_sort sort;
    sz_pass_run *run;
    const char *what;
} sz_pass;

#define PASS(name, sort, ident, what) sz_pass_run sz_pass_##ident;
#include "model/passes/passes.def"
#undef PASS

int32_t sz_pass_count(void);
const sz_pass *sz_pass_get(int32_t i);
int32_t sz_pass_find(sz_str name); // SZ_NONE when there is none

static inline bool sz_makes(const sz_pass_job *job, sz_fusion f) {
    return job->recipe->fusions >> f & 1;
}

// ---- asking ------------------------------------------------------------------------------------

// Is the node alive and the operator `op` of ai.onnx?
bool sz_is_op(const sz_pass_job *job, sz_node_id id, const char *op);
// Or one of a list? SZ_IS_ANY takes an array of names.
bool sz_is_any(const sz_pass_job *job, sz_node_id id, const char *const *list, size_t n);
#define SZ_IS_ANY(job, id, list) sz_is_any(job, id, list, sizeof list / sizeof *list)
sz_op_kind sz_kind_of(const sz_pass_job *job, sz_node_id id);     // SZ_KIND_COUNT when unknown
const sz_type *sz_type_of(const sz_pass_job *job, sz_value_id v); // SZ_NONE: of kind none
// Its numbers are fixed before the graph runs, here or around it.
bool sz_is_constant(const sz_pass_job *job, sz_value_id v);
// A constant or a value whose one element is known: *ret is it.
bool sz_scalar(const sz_pass_job *job, sz_value_id v, double *ret);
// All its known elements are `x`.
bool sz_is_filled(const sz_pass_job *job, sz_value_id v, double x);
// Numbers that are known, all of them; NULL otherwise.
const sz_tensor *sz_numbers(const sz_pass_job *job, sz_value_id v);
bool sz_same_shape(const sz_type *a, const sz_type *b);           // both static
bool sz_same_type(const sz_type *a, const sz_type *b);            // and of one element type
int64_t sz_count_elements(const sz_pass_job *job, sz_value_id v); // -1 when not known
// The other input of a node with two.
sz_value_id sz_other_input(const sz_pass_job *job, sz_node_id id, sz_value_id v);
// Inputs of a node that are there.
int sz_input_count(const sz_pass_job *job, sz_node_id id);
bool sz_is_float_type(const sz_type *t);
// Does no output but the first exist, and is that one there?
bool sz_has_one_output(const sz_pass_job *job, sz_node_id id);

// ---- building ----------------------------------------------------------------------------------

// A constant that is `op` of constants: a recipe, or the numbers where they are few. `like` gives
// the name. Attributes in the arena.
typedef struct sz_build {
    const char *op;
    sz_value_id inputs[3];
    int n_inputs;
    const sz_attr *attrs;
    int32_t n_attrs;
    sz_value_id like;
} sz_build;
sz_status sz_build_constant(sz_pass_job *job, const sz_build *b, sz_value_id *ret);
// A node with one output that runs just before `before`.
sz_status sz_build_node(sz_pass_job *job, const sz_build *b, sz_node_id before,
                        sz_value_id *ret_value, sz_node_id *ret_node);
// A scalar (rank 0) of a float or integer format.
sz_status sz_build_scalar(sz_pass_job *job, sz_dtype dtype, double x, sz_value_id like,
                          sz_value_id *ret);
sz_status sz_build_ints(sz_pass_job *job, const int64_t *v, int32_t n, sz_value_id like,
                        sz_value_id *ret);

// How many weights of the file are in a constant.
int64_t sz_weights_in(const sz_pass_job *job, sz_value_id v);

// Everyone who uses output 0 of `id` uses `v` instead, and `id` goes. What it stood for is added to
// the producer of `v`, or where there is none to the only reader. Counts as a change where it could
// be done.
sz_status sz_bypass(sz_pass_job *job, sz_node_id id, sz_value_id v);

// ---- grouping ----------------------------------------------------------------------------------

// Makes a group when it is closed around `last`; *ret_done may be NULL. Counts as a change.
sz_status sz_try_group(sz_pass_job *job, sz_group_kind kind, sz_node_id anchor,
                       const sz_node_id *nodes, int n, sz_node_id last, bool *ret_done);

#endif
