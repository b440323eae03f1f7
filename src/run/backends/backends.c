// SPDX-License-Identifier: Apache-2.0
#include "run/backends/backend.h"

static const sz_backend *const backends[] = {
#define BACKEND(name) &sz_backend_##name,
#include "run/backends/backends.def"
#undef BACKEND
};

const sz_backend *sz_backend_get(size_t i) {
    return i < sizeof backends / sizeof *backends ? backends[i] : NULL;
}

const sz_backend *sz_backend_find(const char *name) {
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}
