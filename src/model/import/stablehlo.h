// SPDX-License-Identifier: Apache-2.0
// StableHLO text (MLIR): what the files of this importer share.
//
// The main function becomes the graph, every other function one body that all its calls share,
// every region a body of its operator. Operators get the names and attributes of HLO (ops/xla.h),
// so that both forms of a program are counted alike: several results are a tuple and what is taken
// out of it, and a loop carries a tuple.
//
// One pass over the text, no tree of it: an operator that is being read waits on a stack while its
// regions are read. What stands between the operands (`dims = [0, 1]`, dictionaries) is kept as
// text until the operator is complete.
#ifndef SZ_STABLEHLO_H
#define SZ_STABLEHLO_H

#include "base/source.h"
#include "model/graph/graph.h"
#include "model/import/limits.h"

typedef struct shlo_pair {
    sz_str name, value;
} shlo_pair; // texts in the scratch arena

typedef struct shlo_result {
    sz_str name;   // without the '%'
    int64_t count; // "%0:2"
} shlo_result;

// An operator that is being read.
typedef struct shlo_op {
    sz_str name; // "stablehlo.add", "call" ...
    bool is_generic;
    int64_t line, column;
    uint64_t offset;
    size_t first_result, first_operand, first_attr, first_region, first_type; // in the lists below
    sz_str callee;                                                            // @name
    sz_str applies;            // "applies stablehlo.add"
    bool has_types, has_arrow; // its type was read; it has a "->"
    size_t arrow;              // types before the "->"
    size_t n_args;             // arguments that its regions share (`while`), at the end of x->args
} shlo_op;

typedef enum shlo_kind { SHLO_MODULE, SHLO_FUNCTION, SHLO_REGION } shlo_kind;

typedef struct shlo_arg {
    sz_str name;
    const sz_type *type;
} shlo_arg;

// A region that is being read: statements up to its '}'.
typedef struct shlo_frame {
    shlo_kind kind;
    sz_graph *graph;  // NULL in a module
    int32_t function; // index, SZ_NONE in a module
    bool returned;
    bool in_parens; // "({ ... })"
} shlo_frame;

typedef struct shlo_function {
    sz_str name;
    sz_graph *graph;
    bool is_defined, is_public;
    int64_t line, column;       // where it was named first
    int64_t nodes;              // of its own, regions included
    size_t first_call, n_calls; // in x->calls
    int64_t expanded;           // nodes with those of the functions it calls, as often
    int32_t depth;
    uint8_t state; // of the walk over calls: 0 new, 1 open, 2 done
    size_t next;
} shlo_function;

typedef struct shlo {
    sz_ctx *ctx;
    sz_source *source;
    sz_graph *root;
    sz_arena scratch; // texts of the operators that are open; emptied between statements
    // the text
    size_t memory_base;
    unsigned char *window;
    uint64_t at;
    size_t have, next;
    int64_t line, column;
    SZ_VEC(char) buf; // a name or text at hand
    bool has_main;    // a function is called main; else the first one is the graph
    // what is open
    SZ_VEC(shlo_frame) frames;
    SZ_VEC(shlo_op) ops;
    SZ_VEC(shlo_result) results;
    SZ_VEC(sz_value_id) operands;
    SZ_VEC(shlo_pair) attrs;
    SZ_VEC(sz_graph *) regions;
    SZ_VEC(const sz_type *) types;
    SZ_VEC(shlo_arg) args;
    // all
    SZ_VEC(shlo_function) functions;
    sz_map function_names;
    SZ_VEC(int32_t) calls;
    sz_map aliases; // "#name", "!name" -> index in alias_texts
    SZ_VEC(sz_str) alias_texts;
    SZ_VEC(sz_attr) out; // attributes of the node at hand
    SZ_VEC(int64_t) ints;
} shlo;

static inline shlo_frame *shlo_top(shlo *x) { return &x->frames.items[x->frames.n - 1]; }
static inline shlo_op *shlo_open(shlo *x) { return &x->ops.items[x->ops.n - 1]; }

// ---- stablehlo_scan.c: characters and texts ----------------------------------------------------

enum { SHLO_EOF = -1 };
sz_status shlo_scan_init(shlo *x);
uint64_t shlo_header(const shlo *x);
sz_status shlo_fail(shlo *x, const char *fmt, ...) SZ_PRINTF(2, 3); // "line L:C: ..." of now
// The byte `ahead` bytes on, SHLO_EOF behind the end; at most SHLO_AHEAD.
enum { SHLO_AHEAD = 512 };
sz_status shlo_peek(shlo *x, size_t ahead, int *ret_byte);
sz_status shlo_get(shlo *x, int *ret_byte);
sz_status shlo_space(shlo *x);                           // white space and comments
sz_status shlo_accept(shlo *x, char c, bool *ret_there); // behind white space
sz_status shlo_expect(shlo *x, char c);
bool shlo_is_word(int c);
sz_status shlo_word(shlo *x, sz_str *ret_word);   // in x->buf, perhaps empty
sz_status shlo_quoted(shlo *x, sz_str *ret_text); // "..." in x->buf
// Everything up to a byte of `stops` outside of all brackets; in the scratch arena.
sz_status shlo_until(shlo *x, const char *stops, sz_str *ret_text);
sz_status shlo_keep(shlo *x, sz_str text, sz_str *ret_copy);      // in the scratch arena
sz_status shlo_keep_long(shlo *x, sz_str text, sz_str *ret_copy); // in the arena of the graph

// ---- stablehlo_type.c --------------------------------------------------------------------------

sz_status shlo_type(shlo *x, const sz_type **ret_type);
// "(a, b) -> c", "a, b", "a -> b": into x->types and the operator.
sz_status shlo_signature(shlo *x, shlo_op *op);
const sz_type *shlo_tuple(shlo *x, size_t n, const sz_type *const *items); // NULL = no memory
sz_dtype shlo_dtype(sz_str name);

// ---- stablehlo_attr.c --------------------------------------------------------------------------

// Attributes of the open operator as those of the instruction, into x->out.
sz_status shlo_attrs(shlo *x, const shlo_op *op, sz_str opcode);
sz_status shlo_out_graph(shlo *x, const char *name, size_t n, sz_graph *const *graphs);
sz_status shlo_out_int(shlo *x, const char *name, int64_t i);
const sz_str *shlo_find(const shlo *x, const shlo_op *op, const char *name); // NULL = absent
// Integers anywhere in the text, into x->ints.
sz_status shlo_ints(shlo *x, sz_str text);

// ---- stablehlo_build.c -------------------------------------------------------------------------

sz_status shlo_lookup(shlo *x, sz_str name, sz_value_id *ret_id);
sz_status shlo_value(shlo *x, sz_graph *g, sz_str name, sz_value_kind kind, const sz_type *type,
                     sz_value_id *ret_id);
// Arguments of a region or function; a loop's are a tuple.
sz_status shlo_region_args(shlo *x, sz_graph *g, const shlo_arg *args, size_t n, bool as_tuple,
                           bool is_main);
// The open operator is complete.
sz_status shlo_build(shlo *x, shlo_op *op);
sz_status shlo_return(shlo *x, const shlo_op *op);
sz_status shlo_function_of(shlo *x, sz_str name, int32_t *ret_index);
// A region that holds one instruction: "applies stablehlo.add".
sz_status shlo_apply(shlo *x, sz_str name, const sz_type *type, size_t n_pairs,
                     sz_graph **ret_graph);

// ---- stablehlo_const.c -------------------------------------------------------------------------

// "dense<[1, 2]>" as numbers of the type; NULL when they are many, or of no use.
sz_status shlo_numbers(shlo *x, sz_str text, const sz_type *type, const sz_tensor **ret_numbers);

// ---- stablehlo_op.c ----------------------------------------------------------------------------

// Begins the statement at hand.
sz_status shlo_statement(shlo *x);
// Goes on reading the open operator, up to a region or its end.
sz_status shlo_go_on(shlo *x);
sz_status shlo_next_region(shlo *x); // "({ ... }, { ... })": behind the comma
sz_status shlo_block(shlo *x);       // "^bb0(%a: T):"

// ---- stablehlo_calls.c -------------------------------------------------------------------------

// All functions are there, call each other without a cycle, and not too often.
sz_status shlo_check_calls(shlo *x);

#endif
