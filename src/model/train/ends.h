// SPDX-License-Identifier: Apache-2.0
// Where the backward pass begins and ends: losses and optimizers.
#ifndef SZ_TRAIN_ENDS_H
#define SZ_TRAIN_ENDS_H

#include "model/train/tape.h"

// A new value that node `id` makes.
sz_value_id sz_tape_made(sz_tape *t, const char *name, sz_node_id id, sz_dtype dtype, int32_t rank,
                         const int64_t *dims);

// A loss for each output that depends on a weight, and their sum in step->loss. The outputs of the
// graph are the loss alone from then on.
void sz_train_losses(sz_tape *t, sz_train_step *step);
// The gradients of the losses: the first nodes of the backward pass.
void sz_train_start(sz_tape *t, sz_train_step *step);
// One node of the optimizer per weight that has a gradient; fills in the pairs.
void sz_train_update(sz_tape *t, const sz_train_options *o, sz_train_step *step);

#endif
