// SPDX-License-Identifier: Apache-2.0
/** @file
 * Serving language models: one step of a server, and how long it takes.
 */
#ifndef SIZEUP_SERVING_H
#define SIZEUP_SERVING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a server does in one pass over the weights. */
typedef struct sz_serving_step {
    int64_t prompt_tokens; /**< of prompts, in this step */
    double prompt_pairs;   /**< sum over them of the tokens that each attends to */
    int64_t decodes;       /**< sequences that get one token */
    int64_t cached_tokens; /**< that those sequences attend to, in all */
} sz_serving_step;

/** Seconds that a step takes. */
typedef struct sz_step_model {
    const void *self;
    double (*seconds)(const void *self, const sz_serving_step *step);
} sz_step_model;

#ifdef __cplusplus
}
#endif
#endif
