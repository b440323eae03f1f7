// SPDX-License-Identifier: Apache-2.0
// The table of operators.
#include "run/backends/onednn/onednn.h"

#define OP(domain, op, no, how)                                                                    \
    SZ_DNNL_REFUSES(no);                                                                           \
    SZ_DNNL_PLANS(how);
#include "run/backends/onednn/ops.def"
#undef OP

#define ONNX ""
#define MS   "com.microsoft"
#define STEP "sizeup.train"

static const sz_dnnl_op ops[] = {
#define OP(domain, op, no, how) {domain, #op, sz_dnnl_no_##no, sz_dnnl_plan_##how},
#include "run/backends/onednn/ops.def"
#undef OP
};

const sz_dnnl_op *sz_dnnl_find(const sz_node *n) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (sz_str_is(n->op, ops[i].op) && sz_str_is(n->domain, ops[i].domain)) return &ops[i];
    return NULL;
}
