// SPDX-License-Identifier: Apache-2.0
// A step of training as a graph, by automatic differentiation of an inference graph.
//
// The graph that is given becomes the graph of one step: the forward pass in the forms that keep
// what the backward pass needs, a loss for each output, the backward pass node by node from the
// last to the first, and one node of the optimizer per weight. docs/training.md tells what is
// differentiated and how; which constants are weights is the law of `count --mode training`.
//
// The outputs of the step are the loss and the new weights and states. A step is run again with
// these in place of the old ones: that is what the pairs say. All nodes that read an old one stand
// before the node that makes the new one, but for that node itself, so that both can share memory.
#ifndef SZ_TRAIN_H
#define SZ_TRAIN_H

#include "model/graph/graph.h"

typedef struct sz_train_options {
    const char *optimizer; // row of rules "sgd", "momentum", "adam"; NULL = momentum
    double rate;           // of learning; 0 = 0.001
} sz_train_options;

typedef enum sz_train_what {
    SZ_TRAIN_WEIGHT,
    SZ_TRAIN_STATE, // of the optimizer, linear or quadratic in the gradient
    SZ_TRAIN_COUNT  // number of updates
} sz_train_what;

typedef struct sz_train_pair {
    sz_value_id updated, constant; // the output of a node, and the constant that it replaces
    sz_train_what what;
} sz_train_pair;

// Lives in the arena of the graph.
typedef struct sz_train_step {
    const char *optimizer;
    double rate;
    sz_value_id loss; // a scalar; also the first output of the graph
    const sz_train_pair *pairs;
    size_t n_pairs, n_weights;
    size_t n_forward, n_backward; // nodes of the net and of the loss; then of the backward pass
} sz_train_step;

// `g` is verified, resolved, inferred, and all its types are known; on failure it is only fit for
// destruction. SZ_ERR_UNAVAILABLE with the node and its operator: it has no rule; there are no
// weights to train.
sz_status sz_train_graph(sz_ctx *ctx, sz_graph *g, const sz_train_options *options,
                         sz_train_step *ret_step);

#endif
