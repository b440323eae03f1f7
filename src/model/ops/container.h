// SPDX-License-Identifier: Apache-2.0
// Types of values that hold other values, and what two runs of the same graph have in common.
#ifndef SZ_CONTAINER_H
#define SZ_CONTAINER_H

#include "model/ops/rule.h"

// A sequence whose elements all have one static type needs no list: `items` is NULL and `elem` says
// it all. Others list the types of their elements up to this many.
enum { SZ_MAX_ITEMS = 1024 };

bool sz_type_equal(const sz_type *a, const sz_type *b);
// What holds for both: equal dims stay, different ones become unknown, and so on.
sz_status sz_type_merge(sz_graph *g, const sz_type *a, const sz_type *b, sz_type *ret);

// A sequence of elements of these types.
sz_status sz_seq_of(sz_graph *g, const sz_type *const *items, int64_t count, sz_type *ret);
// A sequence of `count` (-1 = not known) elements about which only `elem` is known.
sz_status sz_seq_like(sz_graph *g, const sz_type *elem, int64_t count, sz_type *ret);
// Type of element i, which must exist when the number of elements is known.
sz_type sz_seq_item(const sz_type *seq, int64_t i);
// One type that holds for every element; kind NONE when there is none known.
sz_type sz_seq_elem(const sz_type *seq);

bool sz_tensor_equal(const sz_tensor *a, const sz_tensor *b);

#endif
