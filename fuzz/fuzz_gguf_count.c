// SPDX-License-Identifier: Apache-2.0
// Fuzz target: from the bytes of a GGUF file to its costs.
#include "count.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_count(data, size, "gguf");
}
