// SPDX-License-Identifier: Apache-2.0
// What surrounds the CPU before and after, and what this program is made of.
#ifndef SZ_BENCH_ENV_H
#define SZ_BENCH_ENV_H

#include <jansson.h>

#include <sizeup/machine.h>

typedef struct sz_env {
    json_t *begin;       // all of it
    int64_t steal_ticks; // -1 = not known
    double start_s;
} sz_env;

// `m`: as it was described just now.
sz_status sz_env_begin(sz_ctx *ctx, const sz_machine *m, sz_env *env);
void sz_env_finish(sz_env *env); // zeroed is fine
// What is different now: the keys of `begin` that changed with their new values, and `steal_s`, CPU
// seconds that the hypervisor gave to others since. NULL = no memory.
json_t *sz_env_changed(sz_ctx *ctx, const sz_env *env, const char *const *environment);

// Key `software` of a record. `facts`: of the library, may be NULL.
json_t *sz_env_software(const char *backend, const json_t *facts);

#endif
