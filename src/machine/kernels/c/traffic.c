// SPDX-License-Identifier: Apache-2.0
// More memory kernels in C: stores, updates, walks over any length, many chases at a time.
#include "machine/kernels/kernels.h"

enum { WORDS = SZ_KERNEL_STEP / 8, CHASES = 16 };

// What lies at src, again and again: neither zeros nor a value that a compiler knows.
void sz_kernel_c_store(sz_kernel_job *job) {
    uint64_t value;
    memcpy(&value, job->src, sizeof value);
    for (int64_t i = 0; i < job->n; i++) {
        uint64_t *p = (uint64_t *)(void *)(job->dst + job->offset);
        for (int j = 0; j < WORDS; j++) p[j] = value;
        job->offset = (job->offset + SZ_KERNEL_STEP) & job->mask;
    }
}

void sz_kernel_c_update(sz_kernel_job *job) {
    for (int64_t i = 0; i < job->n; i++) {
        uint64_t *p = (uint64_t *)(void *)(job->dst + job->offset);
        for (int j = 0; j < WORDS; j++) p[j] ^= 0x0000000100000001u;
        job->offset = (job->offset + SZ_KERNEL_STEP) & job->mask;
    }
}

void sz_kernel_c_load_any(sz_kernel_job *job) {
    uint64_t sum[4] = {0};
    for (int64_t i = 0; i < job->n; i++) {
        const uint64_t *p = (const uint64_t *)(const void *)(job->src + job->offset);
        for (int j = 0; j < WORDS; j += 4)
            for (int k = 0; k < 4; k++) sum[k] ^= p[j + k];
        job->offset += SZ_KERNEL_STEP;
        if (job->offset >= job->mask) job->offset = 0;
    }
    job->sink ^= sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

void sz_kernel_c_load_four(sz_kernel_job *job) {
    uint64_t sum[4] = {0};
    for (int64_t i = 0; i < job->n; i++) {
        const unsigned char *p = job->src + job->offset;
        for (int line = 0; line < SZ_KERNEL_STEP; line += 64)
            for (int place = 0; place < 4; place++) {
                const uint64_t *words = (const uint64_t *)(const void *)(p + line);
                for (int k = 0; k < 8; k++)
                    sum[k % 4] ^= words[job->cursor / 8 * (uint64_t)place + (uint64_t)k];
            }
        job->offset = (job->offset + SZ_KERNEL_STEP) & job->mask;
    }
    job->sink ^= sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

// Each load waits for the one 16 before it, so up to 16 misses are under way at a time.
void sz_kernel_c_gather(sz_kernel_job *job) {
    const uint64_t *words = (const uint64_t *)(const void *)job->src;
    uint64_t at[CHASES];
    memcpy(at, job->dst, sizeof at);
    for (int64_t i = 0; i < job->n; i++)
        for (int j = 0; j < CHASES; j++) at[j] = words[at[j]];
    memcpy(job->dst, at, sizeof at);
}
