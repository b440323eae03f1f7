// SPDX-License-Identifier: Apache-2.0
// The inside of an audit.
#ifndef SZ_AUDIT_INSIDE_H
#define SZ_AUDIT_INSIDE_H

#include "base/base.h"

#include <jansson.h>
#include <sizeup/audit.h>

// A node of the net in the list of a row.
typedef struct sz_audit_name {
    const char *text;
    struct sz_audit_name *next;
} sz_audit_name;

// A row with what its cause is found by.
typedef struct sz_joint {
    sz_audit_row row;
    double compute_s;    // of its kernels, at the roofs
    int64_t outside;     // kernels that nothing near was calibrated for
    const char *refused; // why the library did not run a layer, or NULL
    const char *ran_by;  // who did
    bool is_new_kernel;  // no net of the calibration ran it
    double longest_layer_s, longest_kernel_s;
    sz_audit_name *first, *last; // nodes that it does
} sz_joint;

struct sz_audit {
    sz_ctx *ctx;
    sz_arena arena;
    json_t *record;
    const sz_bench_set *set;
    size_t index;
    const sz_bench *bench;
    sz_audit_options options;
    sz_machine *machine; // a copy
    sz_model *model;
    sz_costs *costs;
    sz_estimate *estimate;
    SZ_VEC(sz_joint) rows;
    SZ_VEC(sz_audit_cause) causes;
    sz_audit_sums sums;
};

// ---- record.c: the model of the record again, and its prediction -------------------------------

sz_status sz_audit_predict(sz_audit *a);

// ---- join.c: rows, not yet with a cause --------------------------------------------------------

sz_status sz_audit_join(sz_audit *a);

// ---- causes.c: causes, sums, order -------------------------------------------------------------

sz_status sz_audit_explain(sz_audit *a);

#endif
