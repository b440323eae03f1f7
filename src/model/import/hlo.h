// SPDX-License-Identifier: Apache-2.0
// The readers of XLA's HLO, private to src/model/import/hlo*.c: text and protobuf give the same
// graph.
//
// Each computation becomes one graph: the entry the main graph, the others bodies of it, which
// every instruction that calls them shares (they take nothing from outside). Computations stand
// before those that call them, so one pass is enough, nothing recurses and no cycle can be written
// down. Parameters become inputs, constants constants, all else nodes of the domain "xla"
// (ops/xla.def).
#ifndef SZ_HLO_H
#define SZ_HLO_H

#include "base/source.h"
#include "model/graph/graph.h"
#include "model/import/limits.h"

typedef struct hlo_comp {
    sz_str name;
    sz_graph *graph;
    int64_t expanded; // instructions, with those of the computations that it calls, as often
    int32_t depth;    // levels of computations below, itself included
} hlo_comp;

typedef struct hlo {
    sz_ctx *ctx;
    sz_graph *root;
    SZ_VEC(hlo_comp) comps;
    sz_map comp_names; // of `comps`
    bool has_entry;
    sz_map words; // opcodes and names of attributes, kept once
    SZ_VEC(sz_str) word_list;
    const sz_type *last_tensor; // types are shared, they never change
    // the computation that is being read
    hlo_comp open;
    SZ_VEC(const int64_t *) layouts; // by value, NULL = the usual one
    SZ_VEC(sz_value_id) params;      // by number, SZ_NONE = not met yet
    sz_value_id result, last;
    // the instruction that is being read
    SZ_VEC(sz_value_id) in;
    SZ_VEC(sz_attr) attrs;
    SZ_VEC(int64_t) ints;
} hlo;

// An instruction, but for operands (x->in) and attributes (x->attrs).
typedef struct hlo_instruction {
    sz_str name, opcode;
    const sz_type *type;   // in the arena
    const int64_t *layout; // axes, innermost first; NULL = the last axis is innermost, and so on
    bool is_root;
    uint64_t at; // place in the file
} hlo_instruction;

sz_status hlo_init(hlo *x, sz_ctx *ctx);
// After success: the main graph; x->root is no longer x's.
sz_status hlo_finish(hlo *x, sz_status status, uint64_t header_bytes, sz_graph **ret_graph);

// Sets i->layout; i->type is set already.
sz_status hlo_layout(hlo *x, hlo_instruction *i, int32_t n, const int64_t *axes);

// Errors of these lack the place.
sz_status hlo_comp_begin(hlo *x, sz_str name, bool is_entry);
sz_status hlo_comp_end(hlo *x);
sz_status hlo_add_param(hlo *x, const hlo_instruction *i, int64_t number);
// `numbers` NULL: only the type is known.
sz_status hlo_add_const(hlo *x, const hlo_instruction *i, const sz_tensor *numbers);
sz_status hlo_add_node(hlo *x, const hlo_instruction *i);

// Attributes of the instruction that is being read.
sz_status hlo_attr_int(hlo *x, const char *name, int64_t value);
sz_status hlo_attr_ints(hlo *x, const char *name, size_t n, const int64_t *values); // copied
sz_status hlo_attr_text(hlo *x, sz_str name, sz_str value);                         // copied
sz_status hlo_attr_comps(hlo *x, const char *name, size_t n, const int64_t *comps); // by index
// What backend_config says: trips of a loop, axes of a product.
sz_status hlo_backend_config(hlo *x, sz_str json);

// A name kept once, in the arena.
sz_status hlo_word(hlo *x, sz_str s, sz_str *ret);
// The format that HLO calls `name`; `*ret_other`: a thing that is no tensor (token, opaque).
bool hlo_dtype(sz_str name, sz_dtype *ret, bool *ret_other);
// A tensor type, a tuple, a token, in the arena; NULL = no memory.
const sz_type *hlo_tensor(hlo *x, sz_dtype dtype, int32_t rank, const int64_t *dims);
const sz_type *hlo_tuple(hlo *x, size_t n, const sz_type *const *items);

#endif
