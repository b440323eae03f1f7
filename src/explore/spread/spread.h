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
    char space[72];   // hash of the words of the space
    char machine[72]; // fingerprint, where the evaluator asks for one
} sz_hello;
void sz_hello_of(const sz_space *space, const sz_evaluator *evaluator, sz_hello *ret);

// Bytes that an MPI sends at once: of more it first asks whether they are wanted, and a rank would
// wait, with a busy CPU, for rank 0, which may be at a measurement.
enum { SZ_AT_ONCE = 2048 };

// A part of a record: what is still to come, and bytes.
enum { SZ_RECORD_MOST = 1 << 24 };
typedef struct sz_record_part {
    int64_t left; // bytes after these
    char bytes[SZ_AT_ONCE];
} sz_record_part;

// Before the settings of a piece of work, and before the results of a part of it.
typedef struct sz_parcel {
    int64_t first;  // number of the first setting
    int32_t n;      // work: 0 = all is done
    int32_t status; // results: not SZ_OK = the evaluator failed, and a sentence follows. The end:
                    // not SZ_OK = a rank was lost
    double seconds; // results: that evaluating them took
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
