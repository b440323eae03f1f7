// SPDX-License-Identifier: Apache-2.0
/** @file
 * What a model is as a compiler would run it: passes rewrite its graph and say which nodes run as
 * one kernel.
 *
 *     sz_model *model;              // loaded
 *     sz_costs *before, *after;
 *     sz_costs_create(ctx, model, NULL, &before);
 *     sz_costs_destroy(before);     // costs refer to the graph as it was
 *     sz_model_optimize(ctx, model, &(sz_optimize_options){.recipe = "onnxruntime"});
 *     sz_costs_create(ctx, model, NULL, &after);   // a row for each kernel
 */
#ifndef SIZEUP_OPTIMIZE_H
#define SIZEUP_OPTIMIZE_H

#include <sizeup/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to optimize. Zero-initialise; all strings stay the caller's. */
typedef struct sz_optimize_options {
    const char *recipe; /**< as sz_list_recipe() names it; NULL = "generic" */
    /** Names of passes, separated by commas or spaces, instead of those of the recipe; which
     * fusions they make, the recipe still says. NULL = all of the recipe. */
    const char *passes;
} sz_optimize_options;

/** Changes the model in place: its graph, its text and its costs are those of the optimized model
 * from now on. No costs of it may exist meanwhile. A model can be optimized once. After a failure
 * the model can only be destroyed. An unknown pass or recipe is SZ_ERR_USAGE and changes nothing.
 */
SZ_API sz_status sz_model_optimize(sz_ctx *ctx, sz_model *model,
                                   const sz_optimize_options *options) SZ_MUST_USE;

/** What each pass did, in the order in which they ran; none before sz_model_optimize(). */
typedef struct sz_pass_result {
    const char *name;
    int64_t changed; /**< nodes taken out, put in, or grouped; 0: it found nothing */
} sz_pass_result;
SZ_API size_t sz_model_pass_count(const sz_model *model);
SZ_API sz_pass_result sz_model_pass(const sz_model *model, size_t i);

/** Rows of the tables, for `sizeup list`. `i` from 0; return 0 (or NULL) past the end. */
typedef struct sz_pass_row {
    const char *name;
    const char *sort; /**< "rewrite": puts other nodes in their place; "fusion": groups them */
    const char *what;
} sz_pass_row;
SZ_API int sz_list_pass(size_t i, sz_pass_row *ret_row);
typedef struct sz_recipe_row {
    const char *name;
    const char *passes; /**< separated by spaces */
    const char *what, *source;
} sz_recipe_row;
SZ_API int sz_list_recipe(size_t i, sz_recipe_row *ret_row);
/** The i-th fusion that a recipe makes. */
SZ_API const char *sz_recipe_fusion(size_t recipe, size_t i);

#ifdef __cplusplus
}
#endif
#endif
