// SPDX-License-Identifier: Apache-2.0
/** @file
 * sz_explore_run() over ranks: rank 0 hands out settings, all evaluate, the points come back in the
 * order in which they were proposed.
 */
#ifndef SIZEUP_SPREAD_H
#define SIZEUP_SPREAD_H

#include <sizeup/explore.h>
#include <sizeup/ranks.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the work was spread. */
#define SZ_SPREAD_OUT_FIELDS(F)                                                                    \
    F(int64_t, ranks, SZ_FIELD_I64, "", "that worked, this one included")                          \
    F(int64_t, idle, SZ_FIELD_I64, "", "others that stood by: one of their machine was enough")    \
    F(int64_t, lost, SZ_FIELD_I64, "", "ranks that were lost on the way")                          \
    F(int64_t, chunks, SZ_FIELD_I64, "", "pieces of work that were handed out")                    \
    F(int64_t, own, SZ_FIELD_I64, "", "settings that rank 0 evaluated itself")                     \
    F(int64_t, again, SZ_FIELD_I64, "", "settings that went to another rank, the first being lost")
typedef struct sz_spread {
    SZ_SPREAD_OUT_FIELDS(SZ_FIELD_MEMBER)
} sz_spread;
SZ_API const sz_record_type *sz_spread_type(void);

/** Zero-initialise. */
typedef struct sz_spread_options {
    /** A rank that has work and says nothing for so long is given up; 0 = 600. One on this machine
     * is given up as soon as its process is gone. */
    double silence_s;
    /** Is handed what other ranks sent by sz_explore_send_record(); NULL = nobody wants it. A
     * failure ends the run. */
    sz_status (*record)(void *user, const char *record, size_t size);
    void *user;
} sz_spread_options;

/** The loop of rank 0; the others call sz_explore_serve() meanwhile, with a space of the same
 * words. What is evaluated, told, handed to the sinks and kept is the same as in one process, in
 * the same order, but for proposers that listen: these propose up to two settings for each rank
 * before they hear of the first.
 *
 * What a lost rank had not sent goes to others. A setting at which two ranks were lost can't be
 * had, and says so. Where no other is left, this process evaluates it in a copy of itself, which
 * may be lost alone. */
SZ_API sz_status sz_explore_spread(sz_ctx *ctx, sz_ranks *ranks, const sz_space *space,
                                   const sz_evaluator *evaluator, const sz_proposer *proposer,
                                   const sz_point_sink *sinks, size_t n_sinks,
                                   const sz_explore_options *options, const sz_spread_options *how,
                                   sz_points *points, sz_explored *ret_explored,
                                   sz_spread *ret_spread) SZ_MUST_USE;
/** In the other ranks: evaluate what rank 0 sends until it says that all is done. */
SZ_API sz_status sz_explore_serve(sz_ctx *ctx, sz_ranks *ranks, const sz_space *space,
                                  const sz_evaluator *evaluator) SZ_MUST_USE;
/** From an evaluator of such a rank: a record for rank 0 to keep, which has it when
 * sz_explore_spread() ends. Does not wait for it. */
SZ_API sz_status sz_explore_send_record(sz_ranks *ranks, const char *record,
                                        size_t size) SZ_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
