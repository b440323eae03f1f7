// SPDX-License-Identifier: Apache-2.0
#include "os/dynlib.h"

#include <dlfcn.h>
#include <stdio.h>

sz_status sz_dynlib_open(sz_ctx *ctx, const char *const *names, void **ret_library) {
    char why[256] = "no name to try";
    for (size_t i = 0; names[i]; i++) {
        // The symbols stay local: OpenBLAS and BLIS export the same names.
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library) {
            *ret_library = library;
            return SZ_OK;
        }
        const char *words = dlerror();
        if (i == 0) snprintf(why, sizeof why, "%s", words ? words : "no reason given");
    }
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "%s", why);
}

bool sz_dynlib_symbol(void *library, const char *name, void *ret) {
    void *p = dlsym(library, name);
    // POSIX promises that the bits of such a pointer are those of a function pointer.
    if (p) memcpy(ret, &p, sizeof p);
    return p != NULL;
}

bool sz_dynlib_path(void *library, const char *symbol, char *buf, size_t cap) {
    Dl_info info;
    void *p = dlsym(library, symbol);
    if (!p || dladdr(p, &info) == 0 || !info.dli_fname) return false;
    snprintf(buf, cap, "%s", info.dli_fname);
    return true;
}
