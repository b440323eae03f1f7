// SPDX-License-Identifier: Apache-2.0
/** @file
 * Processes that a launcher such as mpirun started together, and how they reach each other.
 *
 * The library itself is not linked to any MPI. A small plug-in that was built with one is opened at
 * run time, by whoever knows that a launcher is there.
 */
#ifndef SIZEUP_RANKS_H
#define SIZEUP_RANKS_H

#include <sizeup/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The processes, seen from one of them. */
typedef struct sz_ranks sz_ranks;

/** Open the plug-in and join the others; each of them does so once. SZ_ERR_UNAVAILABLE: no plug-in
 * there, none of this version, or the MPI behind it does not start. `*ret_ranks` is yours to close,
 * set only on success. */
SZ_API sz_status sz_ranks_open(sz_ctx *ctx, const char *plugin, sz_ranks **ret_ranks) SZ_MUST_USE;
/** Part from the others, who do so too. NULL is fine. */
SZ_API void sz_ranks_close(sz_ranks *ranks);

/** End all of them at once, wherever they are, with this exit status: for who failed while others
 * wait for it. Does not return. */
SZ_API void sz_ranks_abandon(sz_ranks *ranks, int code);

SZ_API int sz_ranks_self(const sz_ranks *ranks);            /**< which one this is, from 0 */
SZ_API int sz_ranks_count(const sz_ranks *ranks);           /**< of all */
SZ_API const char *sz_ranks_library(const sz_ranks *ranks); /**< "Open MPI 4.1.4" */

#ifdef __cplusplus
}
#endif
#endif
