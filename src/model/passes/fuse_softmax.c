// SPDX-License-Identifier: Apache-2.0
// Softmax and log-softmax that are written out: exponentials over their sum, with or without the
// maximum taken off. Found by what they compute: region.h.
//
// Needs: static shapes along the axis. Groups the nodes; they must have no other use.
#include "model/passes/region.h"

#include <math.h>

static double sum_of_exp(const double *x, double count) {
    double sum = 0;
    for (int k = 0; k < SZ_LANES; k++) sum += exp(x[k]);
    return sum / SZ_LANES * count;
}
static void softmax(const double *x, double *y, double count) {
    const double sum = sum_of_exp(x, count);
    for (int k = 0; k < SZ_LANES; k++) y[k] = exp(x[k]) / sum;
}
static void log_softmax(const double *x, double *y, double count) {
    const double sum = sum_of_exp(x, count);
    for (int k = 0; k < SZ_LANES; k++) y[k] = x[k] - log(sum);
}

static const sz_function functions[] = {{"softmax", softmax}, {"log-softmax", log_softmax}};
static const sz_function_set set = {.rows = functions,
                                    .n = sizeof functions / sizeof *functions,
                                    .reduces = true,
                                    .vectors = false};

sz_status sz_pass_fuse_softmax(sz_pass_job *job) {
    if (!sz_makes(job, SZ_FUSE_SOFTMAX)) return SZ_OK;
    sz_node_id previous;
    for (sz_node_id id = job->e->tail; id != SZ_NONE; id = previous) {
        previous = job->e->nodes.items[id].prev;
        sz_region r;
        if (!sz_is_op(job, id, "Div") && !sz_is_op(job, id, "Mul") && !sz_is_op(job, id, "Sub"))
            continue;
        sz_region_match(job, id, &set, &r);
        if (r.function) SZ_TRY(sz_try_group(job, SZ_GROUP_SOFTMAX, id, r.nodes, r.n, id, NULL));
    }
    return SZ_OK;
}
