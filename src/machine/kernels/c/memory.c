// SPDX-License-Identifier: Apache-2.0
// Memory kernels in C.
#include "machine/kernels/kernels.h"

enum { WORDS = SZ_KERNEL_STEP / 8, FLOATS = SZ_KERNEL_STEP / 4 };

// Exclusive-or of all words: cheap, and needs every one of them.
void sz_kernel_c_load(sz_kernel_job *job) {
    uint64_t sum[4] = {0};
    for (int64_t i = 0; i < job->n; i++) {
        const uint64_t *p = (const uint64_t *)(const void *)(job->src + job->offset);
        for (int j = 0; j < WORDS; j += 4)
            for (int k = 0; k < 4; k++) sum[k] ^= p[j + k];
        job->offset = (job->offset + SZ_KERNEL_STEP) & job->mask;
    }
    job->sink ^= sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

void sz_kernel_c_copy(sz_kernel_job *job) {
    for (int64_t i = 0; i < job->n; i++) {
        memcpy(job->dst + job->offset, job->src + job->offset, SZ_KERNEL_STEP);
        job->offset = (job->offset + SZ_KERNEL_STEP) & job->mask;
    }
}

// dst = src + 0.5 src2 on f32, the triad of McCalpin's STREAM.
void sz_kernel_c_triad(sz_kernel_job *job) {
    for (int64_t i = 0; i < job->n; i++) {
        const float *b = (const float *)(const void *)(job->src + job->offset);
        const float *c = (const float *)(const void *)(job->src2 + job->offset);
        float *restrict a = (float *)(void *)(job->dst + job->offset);
        for (int j = 0; j < FLOATS; j++) a[j] = b[j] + 0.5f * c[j];
        job->offset = (job->offset + SZ_KERNEL_STEP) & job->mask;
    }
}

// Each word holds the place of the next one.
void sz_kernel_c_chase(sz_kernel_job *job) {
    const uint64_t *words = (const uint64_t *)(const void *)job->src;
    uint64_t at = job->cursor;
    for (int64_t i = 0; i < job->n; i++) at = words[at];
    job->cursor = at;
}
