// SPDX-License-Identifier: Apache-2.0
// Data sheets built into the library: data/machines/*.json, embedded by tools/embed.py.
#ifndef SZ_DATASHEETS_H
#define SZ_DATASHEETS_H

#include <stddef.h>

typedef struct sz_datasheet {
    const char *name, *text;
    size_t size;
} sz_datasheet;

extern const sz_datasheet sz_datasheets[];
extern const size_t sz_n_datasheets;

#endif
