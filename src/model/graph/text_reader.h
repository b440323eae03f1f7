// SPDX-License-Identifier: Apache-2.0
// Inside of the reader of the text form, shared by its files.
#ifndef SZ_TEXT_READER_H
#define SZ_TEXT_READER_H

#include "model/graph/plan.h"
#include "model/graph/text.h"

enum { SZ_TEXT_DEPTH = SZ_MAX_BODIES + 1, SZ_TEXT_DOMAINS = 64 };

typedef struct sz_text_opset {
    sz_str domain;
    int32_t version;
} sz_text_opset;

typedef struct sz_text_out_name {
    sz_str name;
    const sz_type *declared;
    bool left_out;
} sz_text_out_name;

// A value that is used before it is defined: nodes of a file may stand in any order.
typedef struct sz_text_pending {
    sz_value_id id;
    const char *from; // where it is used first
} sz_text_pending;

// A member of a group, by a value that it makes.
typedef struct sz_text_member {
    sz_value_id value;
    int32_t group; // number of its statement
    sz_group_kind kind;
    const char *from; // where it is named
} sz_text_member;

// One open graph.
typedef struct sz_text_frame {
    sz_graph *graph;
    bool has_node; // a node of it waits for its attributes
    sz_node node;
    SZ_VEC(sz_text_out_name) outs;
    SZ_VEC(sz_attr) attrs;
    bool in_list; // a list of graphs is being read
    SZ_VEC(sz_graph *) graphs;
    SZ_VEC(sz_text_pending) pending;
    SZ_VEC(sz_text_member) members; // of groups; the first of each is its anchor
    int32_t n_groups;
} sz_text_frame;

typedef struct sz_text_reader {
    sz_text t;
    sz_graph *root;
    sz_text_opset opsets[SZ_TEXT_DOMAINS];
    int n_opsets;
    sz_text_frame frames[SZ_TEXT_DEPTH];
    int depth;               // frames in use
    SZ_VEC(sz_value_id) ids; // operands or outputs of the node being read
} sz_text_reader;

static inline sz_text_frame *sz_text_top(sz_text_reader *r) { return &r->frames[r->depth - 1]; }

// The value of that name here or around; a new one that waits for its definition when there is
// none. `from` is where the name begins.
sz_status sz_text_value(sz_text_reader *r, sz_text_frame *f, const char *from, sz_str name,
                        sz_value_id *ret);

// Behind the word "group"; and at the end of a graph that has such statements.
sz_status sz_text_group(sz_text_reader *r);
sz_status sz_text_settle_groups(sz_text_reader *r);

#endif
