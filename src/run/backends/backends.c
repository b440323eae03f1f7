// SPDX-License-Identifier: Apache-2.0
#include "run/backends/backend.h"

#include <sizeup/run.h>

static const sz_backend *const backends[] = {
#define BACKEND(name) &sz_backend_##name,
#include "run/backends/backends.def"
#undef BACKEND
};

const char *sz_backend_name(const char *name) {
    const sz_backend *b = sz_backend_find(name);
    return b ? b->name : name;
}

const sz_backend *sz_backend_get(size_t i) {
    return i < sizeof backends / sizeof *backends ? backends[i] : NULL;
}

// Other names of the same.
static const struct {
    const char *name, *same;
} aliases[] = {{"executor", "onednn"}}; // the house's own, that walks a net on that library

const sz_backend *sz_backend_find(const char *name) {
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].name, name) == 0) name = aliases[i].same;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}
