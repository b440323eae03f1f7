// SPDX-License-Identifier: Apache-2.0
// Machines that are a line of text, "KEY=NUMBER,KEY=NUMBER": reading it by a table of keys.
#ifndef SZ_MACHINE_LINE_H
#define SZ_MACHINE_LINE_H

#include "machine/machine.h"

typedef enum sz_line_kind {
    SZ_LINE_COUNT, // a whole number
    SZ_LINE_NUMBER,
    SZ_LINE_BYTES // K, M, G are powers of 1024
} sz_line_kind;

// Numbers outside of low..high are slips of the unit, such as a clock of 3.
typedef struct sz_line_key {
    const char *name;
    sz_line_kind kind;
    bool required;
    double low, high;
    const char *help;
} sz_line_key;

// ret_values[k] of each key, NaN where the line does not say it.
sz_status sz_line_read(sz_ctx *ctx, const sz_line_key *keys, int n, const char *line,
                       double *ret_values);

// How machines of one kind are made: check says what no machine can be though each number could
// (NULL = nothing), fill makes it.
typedef struct sz_line {
    const char *prefix;
    const sz_line_key *keys;
    int n;
    sz_status (*check)(sz_ctx *ctx, const double *values);
    sz_status (*fill)(sz_machine *m, const char *text, const double *values);
} sz_line;

// `values`: room for n numbers. Messages name the machine by its line.
sz_status sz_line_machine(sz_ctx *ctx, const char *text, const sz_line *how, double *values,
                          sz_machine **ret_machine);

// "custom:flops=1e12,bandwidth=1e11" (custom.c).
sz_status sz_machine_custom(sz_ctx *ctx, const char *text, sz_machine **ret_machine);

#endif
