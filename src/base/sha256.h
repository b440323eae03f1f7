// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for names that follow from content: the same text has the same name on
// every machine, and no two texts that anyone will meet share one.
#ifndef SZ_SHA256_H
#define SZ_SHA256_H

#include "base/base.h"

typedef struct sz_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
} sz_sha256;

void sz_sha256_init(sz_sha256 *h);
void sz_sha256_add(sz_sha256 *h, const void *bytes, size_t n);
// The first `digits` (at most 64) hexadecimal digits and a NUL.
void sz_sha256_hex(sz_sha256 *h, size_t digits, char *ret_text);

#endif
