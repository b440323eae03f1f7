// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. Each is one file with one function; it links with libFuzzer, or with
// replay_main.c, which runs it once per file of a corpus.
#ifndef SZ_FUZZ_H
#define SZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(int good, const char *what) {
    if (good) return;
    fprintf(stderr, "fuzz target: %s\n", what);
    abort();
}

#endif
