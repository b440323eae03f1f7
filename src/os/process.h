// SPDX-License-Identifier: Apache-2.0
// Other processes of this machine: are they still there?
#ifndef SZ_OS_PROCESS_H
#define SZ_OS_PROCESS_H

#include "base/base.h"

// A process as others know it. Numbers mean something only within one space of process numbers, on
// one machine that was not started again since.
typedef struct sz_process {
    int64_t number;
    uint64_t space;
    char boot[40]; // of this run of the kernel
} sz_process;

void sz_process_self(sz_process *ret);

// May `p` be asked about here?
bool sz_process_is_near(const sz_process *p);
// Is it there, and not only waiting to be taken note of? Only of near ones.
bool sz_process_lives(const sz_process *p);

#endif
