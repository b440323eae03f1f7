// SPDX-License-Identifier: Apache-2.0
// Points that differ in one parameter only.
#ifndef SZ_EXPLORE_GROUPS_H
#define SZ_EXPLORE_GROUPS_H

#include "explore/explore.h"

enum { SZ_NO_GROUP = UINT32_MAX };
typedef struct sz_groups {
    uint32_t *of; // by point; SZ_NO_GROUP: the metric is not known there
    size_t n_points;
    uint32_t n; // groups, numbered as they come up
} sz_groups;

// Points that know `metric`, by the values of all parameters but `parameter`.
sz_status sz_groups_find(sz_ctx *ctx, const sz_points *points, size_t parameter, size_t metric,
                         sz_groups *ret_groups);
void sz_groups_finish(sz_ctx *ctx, sz_groups *groups);

#endif
