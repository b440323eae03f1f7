// SPDX-License-Identifier: Apache-2.0
// What the shape and the value rules of the element-by-element operators share.
#ifndef SZ_ELEMENTWISE_H
#define SZ_ELEMENTWISE_H

#include "model/ops/rule.h"

// Type of input 1 of a binary operator with its dims aligned as the `broadcast` and `axis`
// attributes of opsets 1 to 6 ask; `dims` is the caller's room for SZ_MAX_RANK dims.
sz_type sz_legacy_operand(const sz_infer *n, int64_t *dims);

// Dropout in training mode, as far as the file says so.
bool sz_dropout_trains(const sz_infer *n);

#endif
