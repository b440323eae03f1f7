// SPDX-License-Identifier: Apache-2.0
// Names of what is compiled once per instruction set: SZ_ISA says which.
#ifndef SZ_ISA_H
#define SZ_ISA_H

#include "run/backends/plain/loops/loops.h"

#define SZ_GLUE_(a, b) a##b
#define SZ_GLUE(a, b)  SZ_GLUE_(a, b)
#define SZ_WORD_(a)    #a
#define SZ_WORD(a)     SZ_WORD_(a)

extern const sz_loop_row SZ_GLUE(sz_elements_, SZ_ISA)[];
extern const sz_loop_rows SZ_GLUE(sz_rows_, SZ_ISA);

#endif
