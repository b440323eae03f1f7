// SPDX-License-Identifier: Apache-2.0
// Prototypes of every kernel that the table names, made from the table.
#ifndef SZ_REF_KERNELS_H
#define SZ_REF_KERNELS_H

#include "run/backends/ref/kernel.h"

#define REF(domain, name, function, form) sz_ref_kernel sz_ref_##function;
#include "run/backends/ref/kernels.def"
#undef REF

#endif
