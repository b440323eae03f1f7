// SPDX-License-Identifier: Apache-2.0
/** @file
 * What a model file may ask of sizeup, and what happens beyond.
 */
#ifndef SIZEUP_LIMITS_H
#define SIZEUP_LIMITS_H

#include <sizeup/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Rows of the limits table (src/model/limits.def). */
typedef struct sz_limit_row {
    const char *name;
    int64_t value;      /**< the largest number that is still fine */
    const char *unit;   /**< what is counted: "B", "levels", "elements" ... */
    const char *beyond; /**< what happens with more, one clause */
} sz_limit_row;
/** `i` from 0; returns 0 past the end. */
SZ_API int sz_list_limit(size_t i, sz_limit_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
