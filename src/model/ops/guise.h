// SPDX-License-Identifier: Apache-2.0
// Operators of other formats that mean what one of ONNX means: a node is shown to the rules of that
// row in its dress, with other inputs and attributes where they stand elsewhere.
#ifndef SZ_GUISE_H
#define SZ_GUISE_H

#include "model/ops/rule.h"

enum { SZ_GUISE_ATTRS = 40, SZ_GUISE_INPUTS = 8 };

// Room for what the other row sees. Lives on the stack of a rule.
typedef struct sz_guise {
    sz_infer view; // the node as the row sees it
    sz_node node;
    sz_attr attrs[SZ_GUISE_ATTRS];       // its own ones in front, as many as fit
    sz_value_id inputs[SZ_GUISE_INPUTS]; // used once sz_guise_inputs was called
    int64_t ints[SZ_MAX_RANK];           // for an attribute
} sz_guise;

// The node, unchanged but for the row (and its newest opset).
void sz_guise_init(sz_guise *g, const sz_infer *n, int32_t row);
void sz_guise_int(sz_guise *g, const char *name, int64_t i);
void sz_guise_text(sz_guise *g, const char *name, sz_str s);
void sz_guise_ints(sz_guise *g, const char *name, int32_t n, const int64_t *ints); // not copied
// Input k of the row is input from[k] of the node; SZ_NONE = left out.
void sz_guise_inputs(sz_guise *g, const sz_infer *n, int32_t count, const int *from);

#endif
