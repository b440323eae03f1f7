// SPDX-License-Identifier: Apache-2.0
/** @file
 * A model: load a file of any known format into a graph with all shapes known.
 */
#ifndef SIZEUP_MODEL_H
#define SIZEUP_MODEL_H

#include <sizeup/ctx.h>
#include <sizeup/dtype.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A loaded model. Immutable after sz_model_load(). */
typedef struct sz_model sz_model;

/** How to load. Zero-initialise; all strings stay the caller's. */
typedef struct sz_load_options {
    /** "NAME=SIZE" for free dimensions by symbol name, e.g. "batch=8"; the size may be a sum with
     * other names, "total=past+seq". */
    const char *const *binds;
    size_t n_binds;
    /** "NAME=1x3x224x224" for the whole shape of a graph input. */
    const char *const *inputs;
    size_t n_inputs;
    /** Keep unbound symbols instead of failing; the model can then be shown but not costed. */
    int allow_symbols;
    /** Format name to read as; NULL = found by content. */
    const char *format;
    /** Optimize it as soon as it is loaded (optimize.h); NULL = leave it as written. */
    const struct sz_optimize_options *optimize;
} sz_load_options;

/** Load `path`: a file or folder, or, where there is none of that name, a family of nets with its
 * parameters ("resnet:depth=50,batch=8"; see sz_list_net()). Fails with
 * SZ_ERR_INPUT naming file, place and cure, or SZ_ERR_USAGE for a parameter; a symbol that is not
 * bound fails and names the symbol, the input that has it and the option. `*ret_model` is yours to
 * destroy, set only on success. `options` may be NULL. */
SZ_API sz_status sz_model_load(sz_ctx *ctx, const char *path, const sz_load_options *options,
                               sz_model **ret_model) SZ_MUST_USE;

/** The same from memory; `name` stands for the file in messages. Side files are absent. The bytes
 * must stay alive as long as the model. */
SZ_API sz_status sz_model_load_memory(sz_ctx *ctx, const char *name, const void *bytes, size_t size,
                                      const sz_load_options *options,
                                      sz_model **ret_model) SZ_MUST_USE;

/** Read the text form of a graph (docs/graph-text.md). */
SZ_API sz_status sz_model_parse(sz_ctx *ctx, const char *text, const sz_load_options *options,
                                sz_model **ret_model) SZ_MUST_USE;

/** The text form of the model. Owned by the model. NULL when there is no memory. */
SZ_API const char *sz_model_text(sz_model *model);

struct sz_buf;
/** The model as an ONNX file, at the end of `buf` (text.h). Numbers that no file has, of families
 * and of files whose weights are not there, are told to be in a file `weights.absent` beside it.
 * SZ_ERR_UNAVAILABLE when ONNX can't say it, SZ_ERR_LIMIT beyond its 2 GB. */
SZ_API sz_status sz_model_write_onnx(sz_model *model, struct sz_buf *buf) SZ_MUST_USE;

/** NULL is fine. */
SZ_API void sz_model_destroy(sz_model *model);

/** Facts. Strings are owned by the model and may hold any byte but NUL (NUL is shown as \x00). */
SZ_API const char *sz_model_path(const sz_model *model);
SZ_API const char *sz_model_format(const sz_model *model);
SZ_API const char *sz_model_producer(const sz_model *model);
SZ_API int64_t sz_model_node_count(const sz_model *model);

/** A named tensor of the model. `shape` is text: "1x3x224x224", "" for a scalar, "?" when unknown.
 */
typedef struct sz_port {
    const char *name, *dtype, *shape;
    int rank;            /**< -1 when not known or not a tensor */
    const int64_t *dims; /**< < 0 where not known */
} sz_port;

SZ_API size_t sz_model_input_count(const sz_model *model);
SZ_API sz_port sz_model_input(const sz_model *model, size_t i);
SZ_API size_t sz_model_output_count(const sz_model *model);
SZ_API sz_port sz_model_output(const sz_model *model, size_t i);
/** Free dimensions that are not bound: name and the input that shows it first. */
SZ_API size_t sz_model_symbol_count(const sz_model *model);
SZ_API const char *sz_model_symbol(const sz_model *model, size_t i, const char **ret_input);

/** Rows of the tables, for `sizeup list`. `i` from 0; returns 0 past the end. */
typedef struct sz_op_row {
    const char *domain, *name, *kind;
    int since;
    int costed; /**< has a cost rule */
} sz_op_row;
SZ_API int sz_list_op(size_t i, sz_op_row *ret_row);
typedef struct sz_format_row {
    const char *name, *extensions, *what;
} sz_format_row;
SZ_API int sz_list_format(size_t i, sz_format_row *ret_row);
/** A family of nets. */
typedef struct sz_net_row {
    const char *name, *what;
    int is_net; /**< many layers; 0 = one operator */
} sz_net_row;
SZ_API int sz_list_net(size_t i, sz_net_row *ret_row);
/** A parameter of a family: a whole number from `min` to `max`, several of them ("5x20"), or one of
 * `words`. */
typedef struct sz_net_param_row {
    const char *name;
    char usual[32];    /**< value when it is not given */
    int64_t min, max;  /**< of a number */
    const char *words; /**< "relu|gelu"; NULL for a number */
    int many;          /**< may be several numbers with x between, one for each axis */
    const char *what;
} sz_net_param_row;
/** Parameter `k` of family `i`; the ones that all families have come last. */
SZ_API int sz_list_net_param(size_t i, size_t k, sz_net_param_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
