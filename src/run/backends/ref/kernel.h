// SPDX-License-Identifier: Apache-2.0
// What a reference kernel sees. It gets the numbers of its inputs and room for its outputs as
// doubles, and the accessors of model/ops/rule.h for attributes and types, which are those of this
// very call: every size is known.
#ifndef SZ_REF_KERNEL_H
#define SZ_REF_KERNEL_H

#include "model/ops/rule.h"
#include "run/backends/ref/ref.h"

typedef struct sz_ref_call {
    sz_ctx *ctx;
    sz_infer *n; // node of a scratch graph; for control flow the node itself
    sz_ref *ref;
    const struct sz_frame *frame; // for control flow
    int n_in, n_out;
    sz_buffer **in;  // NULL where an input is left out
    sz_buffer **out; // made before the kernel runs, but for kernels that do it themselves
    double **room;   // of the outputs that sz_ref_room was asked for
} sz_ref_call;

typedef sz_status sz_ref_kernel(sz_ref_call *c);

typedef enum sz_ref_form {
    SZ_REF_FILLS, // outputs are made from the shape rule, the kernel fills them
    SZ_REF_VALUE, // the value rule works out the outputs
    SZ_REF_OWN    // the kernel makes its outputs
} sz_ref_form;

typedef struct sz_ref_row {
    const char *domain, *op;
    sz_ref_kernel *run;
    sz_ref_form form;
} sz_ref_row;

// NULL: no reference.
const sz_ref_row *sz_ref_find(const sz_node *node);

// Input i as doubles in the memory of the call; *ret NULL when it is left out.
sz_status sz_ref_in(const sz_ref_call *c, int i, double **ret);
// Room for the numbers of output o, stored when the kernel is done; *ret NULL when left out.
sz_status sz_ref_room(sz_ref_call *c, int o, double **ret);
// Zeroed memory of the call.
sz_status sz_ref_array(const sz_ref_call *c, int64_t count, double **ret);
// Counts work against the limit of the run, before it is done.
sz_status sz_ref_charge(const sz_ref_call *c, int64_t a, int64_t b, int64_t d);
// The first element of input i as a double, `def` when it is left out.
double sz_ref_scalar(const sz_ref_call *c, int i, double def);
static inline bool sz_ref_has(const sz_ref_call *c, int i) { return i < c->n_in && c->in[i]; }
static inline bool sz_ref_wants(const sz_ref_call *c, int o) { return o < c->n_out && c->out[o]; }
static inline int64_t sz_ref_dim(const sz_buffer *b, int32_t axis) {
    return b->dims[axis < 0 ? b->rank + axis : axis];
}
// Product of dims[from..to).
int64_t sz_ref_span(const sz_buffer *b, int32_t from, int32_t to);

// Runs a body with so many inputs; gives its outputs, each with a holder for the caller.
sz_status sz_ref_body(const sz_ref_call *c, sz_graph *body, int n_in, sz_buffer **in,
                      sz_buffer **ret_out);

// ---- products (product.c) ----------------------------------------------------------------------

// A matrix with any strides.
typedef struct sz_matrix {
    const double *at;
    int64_t row, column;
} sz_matrix;
// y[m, n] (dense rows of `stride`) += a[m, k] x b[k, n]. Charges the work.
sz_status sz_ref_product(const sz_ref_call *c, int64_t m, int64_t n, int64_t k, sz_matrix a,
                         sz_matrix b, double *y, int64_t stride);

// ---- activations (activation.c) ----------------------------------------------------------------

typedef struct sz_activation {
    double (*f)(double x, double alpha, double beta);
    double alpha, beta;
} sz_activation;
// By name in any case; false when it has no reference. Parameters take the defaults of the name.
bool sz_ref_activation(sz_str name, sz_activation *ret);
double sz_gelu(double x);
double sz_gelu_tanh(double x);
double sz_sigmoid(double x);
// Softmax over n elements `step` apart.
void sz_ref_softmax(double *x, int64_t n, int64_t step);

#endif
