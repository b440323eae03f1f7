// SPDX-License-Identifier: Apache-2.0
/** @file
 * Costs as polynomials in the free dimensions of a model: "12*batch*seq^2 + 85054464*batch*seq".
 */
#ifndef SIZEUP_FORMULA_H
#define SIZEUP_FORMULA_H

#include <sizeup/cost.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sz_formula sz_formula;

/** One cost as text. */
typedef struct sz_formula_row {
    const char *metric; /**< name of the cost: "macs", "flops", "bytes_moved", ...; with training
                             also "backward_flops", "stored_activation_bytes", ... */
    const char *text;   /**< the polynomial, exact; NULL when there is none */
    const char *why;    /**< when text is NULL: why not; else how far it holds, NULL = no limit */
    int64_t multiple;   /**< it holds for sizes that are multiples of this */
} sz_formula_row;

/** Find the formulas of a model file. The model is costed on a grid of sizes; a polynomial of
 * degree up to 3 in each of at most 4 symbols is interpolated exactly and checked at further sizes,
 * so a text is never a fit. Symbols that `options` binds are numbers. Fails with SZ_ERR_INPUT when
 * the model can't be costed at the sizes tried. `*ret_formula` is yours to destroy. */
SZ_API sz_status sz_formula_create(sz_ctx *ctx, const char *path, const sz_load_options *options,
                                   const sz_cost_options *cost,
                                   sz_formula **ret_formula) SZ_MUST_USE;
SZ_API void sz_formula_destroy(sz_formula *formula);

SZ_API size_t sz_formula_symbol_count(const sz_formula *formula);
SZ_API const char *sz_formula_symbol(const sz_formula *formula, size_t i);
/** The largest `multiple` of all rows: 1, 32 for nets that halve images, 1024 for sound. */
SZ_API int64_t sz_formula_multiple(const sz_formula *formula);
SZ_API size_t sz_formula_count(const sz_formula *formula);
SZ_API sz_formula_row sz_formula_get(const sz_formula *formula, size_t i);

#ifdef __cplusplus
}
#endif
#endif
