// SPDX-License-Identifier: Apache-2.0
// A few threads that share the pieces of one job at a time. The caller works too, and never waits
// for a thread that has not begun: another library's threads may hold the CPU.
#ifndef SZ_CREW_H
#define SZ_CREW_H

#include "base/base.h"

typedef struct sz_crew sz_crew;

sz_status sz_crew_create(sz_ctx *ctx, sz_crew **ret_crew); // of the caller alone
void sz_crew_destroy(sz_crew *c);                          // NULL is fine
// So many threads or more, with the caller. Fewer when the system has none left.
void sz_crew_grow(sz_crew *c, int threads);
// work(user, from, to) over 0..units in pieces of `grain`, by at most `threads`; false when one of
// them gave false. Not to be called from inside.
bool sz_crew_run(sz_crew *c, int threads, int64_t units, int64_t grain,
                 bool (*work)(const void *user, int64_t from, int64_t to), const void *user);

#endif
