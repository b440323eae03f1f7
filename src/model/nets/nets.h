// SPDX-License-Identifier: Apache-2.0
// Families of nets as functions of hyper-parameters: "resnet:depth=50,batch=8" in, a graph out.
//
// One row each in nets.def, one function per family. A family of one operator ("gemm", "conv2d")
// is a workload for benchmarks; a family of many layers is a net. Weights are constants of which
// only the shape is known.
#ifndef SZ_NETS_H
#define SZ_NETS_H

#include "model/graph/graph.h"

typedef struct sz_net sz_net; // build.h

// A parameter is a whole number, or one of a few words: then `words` lists them with '|' between,
// `def` is the index of the usual one, the value is the index of the word given, and `min` and
// `max` mean nothing. With `words` = sz_net_numbers it is one or several whole numbers, each from
// `min` to `max`: "3", "5x20".
extern const char sz_net_numbers[];
typedef struct sz_net_param {
    const char *name;
    int64_t def, min, max;
    const char *words; // NULL = a number
    const char *doc;
} sz_net_param;

typedef struct sz_net_family {
    const char *name, *what;
    bool is_net;                // many layers, not one operator
    const sz_net_param *params; // ends with a row without a name; "batch" and "dtype" are added
    void (*build)(sz_net *n);
} sz_net_family;

const sz_net_family *sz_net_family_get(size_t i); // NULL past the end
// Parameter `i` of a family, the common ones last; NULL past the end.
const sz_net_param *sz_net_param_get(const sz_net_family *family, size_t i);
// The usual value as text ("128", "gelu"), in `buf`.
const char *sz_net_param_default(const sz_net_param *param, char *buf, size_t cap);

// Does the text name a family, alone or before a colon?
bool sz_net_is_spec(const char *spec);

// Graph of "FAMILY" or "FAMILY:NAME=VALUE,...": values and nodes with names, types of inputs and
// constants; not verified, resolved or inferred. Fails with SZ_ERR_USAGE naming what is wrong and
// what there is.
sz_status sz_net_build(sz_ctx *ctx, const char *spec, sz_graph **ret_graph);

#endif
