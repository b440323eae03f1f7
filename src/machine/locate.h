// SPDX-License-Identifier: Apache-2.0
// Lines of JSON text, for messages: the JSON library forgets them once the text is read.
#ifndef SZ_LOCATE_H
#define SZ_LOCATE_H

#include "base/base.h"

// A step down: the member `key` of an object, and when index != SIZE_MAX that element of it.
typedef struct sz_step {
    const char *key;
    size_t index;
} sz_step;

// Line, from 1 on, where the value at the end of the steps begins. Where the way ends before, that
// of the last value that is there. `text` is well-formed JSON.
int sz_locate(const char *text, size_t size, const sz_step *steps, size_t n);

#endif
