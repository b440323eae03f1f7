// SPDX-License-Identifier: Apache-2.0
// Suites: lists of workloads by name, data/suites/NAME.tsv, embedded by tools/embed.py; and lists
// in files of a user's own.
//
// A line is a workload as on the command line ("gemm m=1760 n=16 k=1760"). What follows a tab or a
// '#' is for people, and empty lines are nothing. The first line of an embedded one is its title.
#ifndef SZ_SUITE_H
#define SZ_SUITE_H

#include "base/base.h"

typedef struct sz_suite {
    const char *name, *text;
    size_t size;
} sz_suite;

extern const sz_suite sz_suites[];
extern const size_t sz_n_suites;

typedef struct sz_suite_line {
    const char *from; // name of the suite, or the file
    int64_t number;   // of the line in it, from 1
    const char *what;
    const char *const *words; // n_words of them
    size_t n_words;
} sz_suite_line;

typedef struct sz_suite_lines {
    SZ_VEC(sz_suite_line) lines;
} sz_suite_lines;

// Is it "suite:FILE", "lines:TEXT" (the text itself), the name of a suite, or what the names of
// several begin with: "deepbench", "deepbench-gemm"? Only whole words of a name count.
bool sz_suite_is(const char *what);

// Its lines, in memory of the arena; of several suites one after the other. Fails with the place.
sz_status sz_suite_read(sz_ctx *ctx, sz_arena *arena, const char *what, sz_suite_lines *ret_lines);
void sz_suite_finish(sz_ctx *ctx, sz_suite_lines *lines);

#endif
