// SPDX-License-Identifier: Apache-2.0
// The cases of tests/ops/*.txt (docs/graph-text.md) as graphs, without their claims.
#ifndef SZ_TEST_CASES_H
#define SZ_TEST_CASES_H

#include <stdint.h>

#include <sizeup/ctx.h>

// Calls `each` for every case of every file of the folder; returns how many there were.
int alloc_cases_read(const char *folder,
                     void (*each)(void *user, const char *title, const char *text), void *user);

// Reads, verifies, infers and costs the graph; adds what comes out to *digest. An error that is
// due to the graph is a result like any other: only SZ_OK and SZ_ERR_MEMORY are returned.
sz_status alloc_case_run(sz_ctx *ctx, uint64_t *digest, const char *text);

// Requests for memory that only creating a context and reading the text take.
long alloc_case_requests(const char *text);

#endif
