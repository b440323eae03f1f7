// SPDX-License-Identifier: Apache-2.0
#include "explore/spread/spread.h"

#include <math.h>
#include <stdio.h>

#include "base/sha256.h"

static double *number_of(sz_metrics *m, size_t i) {
    double *const lists[] = {m->value, m->lo, m->hi};
    return &lists[i / SZ_METRICS_MAX][i % SZ_METRICS_MAX];
}

size_t sz_result_pack(char *to, const sz_metrics *metrics, const char *why) {
    sz_metrics m = *metrics;
    unsigned char mask[SZ_RESULT_MASK] = {0};
    const uint16_t length = (uint16_t)strnlen(why, SZ_WHY_SIZE - 1);
    size_t n = sizeof length + sizeof mask;
    memcpy(to, &length, sizeof length);
    for (size_t i = 0; i < SZ_RESULT_NUMBERS; i++) {
        const double v = *number_of(&m, i);
        if (isnan(v)) continue;
        mask[i / 8] = (unsigned char)(mask[i / 8] | 1u << i % 8);
        memcpy(to + n, &v, sizeof v);
        n += sizeof v;
    }
    memcpy(to + sizeof length, mask, sizeof mask);
    memcpy(to + n, why, length);
    return n + length;
}

size_t sz_result_unpack(const char *from, size_t left, sz_metrics *ret_metrics,
                        char ret_why[SZ_WHY_SIZE]) {
    unsigned char mask[SZ_RESULT_MASK];
    uint16_t length;
    size_t n = sizeof length + sizeof mask;
    if (left < n) return 0;
    memcpy(&length, from, sizeof length);
    memcpy(mask, from + sizeof length, sizeof mask);
    sz_metrics_clear(ret_metrics);
    for (size_t i = 0; i < SZ_RESULT_NUMBERS; i++) {
        if (!(mask[i / 8] >> i % 8 & 1)) continue;
        if (left - n < sizeof(double)) return 0;
        memcpy(number_of(ret_metrics, i), from + n, sizeof(double));
        n += sizeof(double);
    }
    if (length >= SZ_WHY_SIZE || left - n < length) return 0;
    memcpy(ret_why, from + n, length);
    ret_why[length] = '\0';
    return n + length;
}

static void hash_word(sz_sha256 *h, const char *word) { sz_sha256_add(h, word, strlen(word) + 1); }

// Names and values of all parameters, in order, and the constraints.
void sz_hello_of(const sz_space *space, const sz_evaluator *evaluator, sz_hello *ret) {
    sz_sha256 h;
    memset(ret, 0, sizeof *ret);
    sz_process_self(&ret->process);
    if (evaluator->machine) snprintf(ret->machine, sizeof ret->machine, "%s", evaluator->machine);
    sz_sha256_init(&h);
    for (size_t i = 0; i < sz_space_parameters(space); i++) {
        hash_word(&h, sz_space_name(space, i));
        for (int64_t v = 0; v < sz_space_values(space, i); v++)
            hash_word(&h, sz_space_value(space, i, (uint32_t)v));
        hash_word(&h, "");
    }
    for (size_t i = 0; i < sz_space_constraints(space); i++)
        hash_word(&h, sz_space_constraint(space, i));
    sz_sha256_hex(&h, 64, ret->space);
}
