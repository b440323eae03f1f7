// SPDX-License-Identifier: Apache-2.0
// What the rules of gradients build with: nodes behind the graph, typed at once, and the gradients
// that have been given to each value. The first failure sticks: after it every call does nothing
// and gives SZ_NONE, so rules have no checks of their own. Never two calls that build in the
// arguments of one: C leaves their order open.
#ifndef SZ_TAPE_H
#define SZ_TAPE_H

#include "model/ops/rule.h"
#include "model/train/train.h"

typedef struct sz_share { // a gradient that one reader gave to a value
    sz_value_id gradient;
    struct sz_share *next;
} sz_share;

typedef struct sz_loss {                      // of one output
    sz_value_id output, scores, target, kept; // scores: SZ_NONE = a mean square
} sz_loss;

typedef struct sz_tape {
    sz_ctx *ctx;
    sz_graph *g;
    sz_status status;
    sz_str at;         // name of the node that is differentiated
    size_t n_values;   // of the graph before the step was made
    bool *depends;     // on a weight
    bool *reaches;     // an output
    bool *trained;     // a weight
    sz_share **shares; // by value
    sz_loss *losses;
    size_t n_losses;
    int64_t names;
} sz_tape;

// ---- of the node that is differentiated --------------------------------------------------------

// Can a gradient flow to input i at all?
bool sz_tape_can(const sz_graph *g, const sz_node *n, int i);
// Does input i want a gradient?
bool sz_tape_wants(const sz_tape *t, const sz_node *n, int i);
// The gradient of output o, all shares summed; SZ_NONE: nothing came.
sz_value_id sz_tape_dy(sz_tape *t, const sz_node *n, int o);
// Gives input i its share. `gradient` has its shape, or one that its shape was broadcast to: then
// it is summed down.
void sz_tape_give(sz_tape *t, const sz_node *n, int i, sz_value_id gradient);
sz_value_id sz_tape_sum_shares(sz_tape *t, sz_value_id value);
void sz_tape_add_share(sz_tape *t, sz_value_id value, sz_value_id gradient);
// "node 'a': the gradient of operator 'B' has no rule: WHY".
void sz_tape_refuse(sz_tape *t, const sz_node *n, const char *why);
static inline sz_value_id sz_tape_in(const sz_node *n, int i) {
    return i < n->n_inputs ? n->inputs[i] : SZ_NONE;
}
static inline sz_value_id sz_tape_out(const sz_node *n, int o) {
    return o < n->n_outputs ? n->outputs[o] : SZ_NONE;
}

// ---- building ----------------------------------------------------------------------------------

// A node; the domain stands before the last dot of `op`. `inputs` and `attrs` are copied.
void sz_tape_node(sz_tape *t, const char *op, int n_in, const sz_value_id *in, int n_attrs,
                  const sz_attr *attrs, int n_out, const bool *made, sz_value_id *ret);
// With one output, of up to three inputs (SZ_NONE at the end: fewer).
sz_value_id sz_tape_op(sz_tape *t, const char *op, sz_value_id a, sz_value_id b, sz_value_id c,
                       int n_attrs, const sz_attr *attrs);
sz_value_id sz_tape_unary(sz_tape *t, const char *op, sz_value_id a);
sz_value_id sz_tape_binary(sz_tape *t, const char *op, sz_value_id a, sz_value_id b);
// int64 numbers as a constant vector.
sz_value_id sz_tape_ints(sz_tape *t, int32_t count, const int64_t *x);
// A scalar of the format of value `like`.
sz_value_id sz_tape_number(sz_tape *t, sz_value_id like, double x);
// A scalar of a format.
sz_value_id sz_tape_scalar(sz_tape *t, const char *name, sz_dtype dtype, double x);
// A constant full of zeros of the type of `like`, made when it is needed (a recipe).
sz_value_id sz_tape_zeros(sz_tape *t, const char *name, sz_value_id like);
void sz_tape_output(sz_tape *t, sz_value_id v);
sz_value_id sz_tape_input(sz_tape *t, const char *name, sz_dtype dtype, int32_t rank,
                          const int64_t *dims);

const sz_type *sz_tape_type(const sz_tape *t, sz_value_id v); // invalid after the next node
int64_t sz_tape_elements(const sz_tape *t, sz_value_id v);
int64_t sz_tape_span(const sz_tape *t, sz_value_id v, int32_t from, int32_t to);
bool sz_tape_same_shape(const sz_tape *t, sz_value_id a, sz_value_id b);
// Integers of a constant operand; false: they are not known, and the node is refused.
bool sz_tape_known(sz_tape *t, const sz_node *n, sz_value_id v, const sz_tensor **ret);

sz_value_id sz_tape_reshape(sz_tape *t, sz_value_id x, int32_t rank, const int64_t *dims);
sz_value_id sz_tape_reshape_like(sz_tape *t, sz_value_id x, sz_value_id like);
// Sum over the axes along which `like` was broadcast to the shape of x.
sz_value_id sz_tape_sum_to(sz_tape *t, sz_value_id x, sz_value_id like);
// Sum over axes, which keep a size of 1.
sz_value_id sz_tape_sum(sz_tape *t, sz_value_id x, int32_t count, const int64_t *axes);
sz_value_id sz_tape_mean(sz_tape *t, sz_value_id x, int32_t count, const int64_t *axes);
// Repeats x to the shape of `like`.
sz_value_id sz_tape_expand(sz_tape *t, sz_value_id x, sz_value_id like);

// Attributes.
sz_attr sz_tape_i(const char *name, int64_t x);
sz_attr sz_tape_f(const char *name, double x);
sz_attr sz_tape_list(const char *name, int32_t count, const int64_t *x);
// Copies the attributes of a node that are named in `names` (up to NULL) to `to`; how many.
int sz_tape_copy_attrs(const sz_node *n, const char *const *names, sz_attr *to);

// ---- rules -------------------------------------------------------------------------------------

typedef void sz_rule(sz_tape *t, const sz_node *n);

typedef struct sz_rule_row {
    const char *domain, *op;
    sz_rule *rule;
} sz_rule_row;

const sz_rule_row *sz_rule_of(const sz_node *n); // NULL = none

#define RULE(domain, op, function) sz_rule sz_back_##function;
#include "model/train/rules.def"
#undef RULE

#endif
