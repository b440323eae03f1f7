// SPDX-License-Identifier: Apache-2.0
// The talk between rank 0 and the others: work goes out as settings, results come back as the
// numbers that are known. Ranks are the same program on machines of one kind, so numbers travel as
// they lie in memory; the first message of each rank tells whether that holds.
#ifndef SZ_EXPLORE_SPREAD_H
#define SZ_EXPLORE_SPREAD_H

#include "explore/explore.h"
#include "os/process.h"
#include "ranks/ranks.h"

#include <sizeup/spread.h>

enum { SZ_CHUNK_MOST = 1024 }; // settings of a piece of work

// Who is there; the first message of a rank, and the answer to it.
typedef struct sz_hello {
    sz_process process;
    char space[72]; // hash of the words of the space
} sz_hello;
void sz_hello_of(const sz_space *space, sz_hello *ret);

// Before the settings of a piece of work, and before the results of a part of it.
typedef struct sz_parcel {
    int64_t first;  // number of the first setting
    int32_t n;      // work: 0 = all is done
    int32_t status; // results: not SZ_OK = the evaluator failed, and a sentence follows
} sz_parcel;

// Bytes of one result at most: length of the reason, mask of known numbers, numbers, reason.
enum {
    SZ_RESULT_NUMBERS = 3 * SZ_METRICS_MAX,
    SZ_RESULT_MASK = (SZ_RESULT_NUMBERS + 7) / 8,
    SZ_RESULT_BYTES = 2 + SZ_RESULT_MASK + 8 * SZ_RESULT_NUMBERS + SZ_WHY_SIZE
};
size_t sz_result_pack(char *to, const sz_metrics *metrics, const char *why);
// Bytes taken from `from`; 0 = they are no result.
size_t sz_result_unpack(const char *from, size_t left, sz_metrics *ret_metrics,
                        char ret_why[SZ_WHY_SIZE]);

#endif
