// SPDX-License-Identifier: Apache-2.0
// Finding and opening llama.cpp, by the library of our own on top of it, and what it says.
#include "run/backends/llama.h"

#include <stdio.h>

#include "os/dynlib.h"
#include "os/folder.h"

static sz_llama one; // a child opens one library

static const char file[] = "libsizeup_llama.so";

static sz_status open_at(sz_ctx *ctx, const char *path, void **ret_library) {
    const char *const names[] = {path, NULL};
    return sz_dynlib_open(ctx, names, ret_library);
}

// A file, or a folder as tools/get-llama makes it; beside the program where none is named.
static sz_status find(sz_ctx *ctx, const char *given, void **ret_library) {
    static const char *const below[] = {"", "/lib", "/llama/lib"};
    char folder[1024], path[1200];
    if (given && sz_folder_has(given)) return open_at(ctx, given, ret_library);
    if (given)
        snprintf(folder, sizeof folder, "%s", given);
    else if (!sz_folder_of_program(folder, sizeof folder))
        folder[0] = 0;
    for (size_t i = 0; folder[0] && i < sizeof below / sizeof *below; i++) {
        snprintf(path, sizeof path, "%s%s/%s", folder, below[i], file);
        if (sz_folder_has(path)) return open_at(ctx, path, ret_library);
    }
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "%s is not here: tools/get-llama builds llama.cpp beside the program (about 15 "
                   "minutes), SIZEUP_LLAMA=FOLDER names another place",
                   file);
}

static sz_status load_functions(sz_ctx *ctx, sz_llama *o) {
#define F(result, name, parameters)                                                                \
    if (!sz_dynlib_symbol(o->library, "sz_llama_" #name, &o->name))                                \
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,                                                    \
                       "the library has no sz_llama_" #name ": it is none of tools/get-llama");
    SZ_LLAMA_FUNCTIONS(F)
#undef F
    if (o->interface() == SZ_LLAMA_INTERFACE) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "%s was built for another sizeup (interface %d, %d is needed): run "
                   "tools/get-llama again",
                   file, o->interface(), SZ_LLAMA_INTERFACE);
}

static sz_status open_llama(sz_ctx *ctx, const char *path, void **ret_library) {
    sz_llama o = {.library = NULL};
    SZ_TRY(find(ctx, path, &o.library));
    SZ_TRY(load_functions(ctx, &o));
    one = o;
    *ret_library = &one;
    return SZ_OK;
}

// "CPU : SSE3 = 1 | AVX = 1 | AVX512 = 0 | ...": those that it uses, as far as there is room.
static void name_features(const char *text, char *buf, size_t cap) {
    buf[0] = 0;
    for (size_t at = 0; text && *text;) {
        const size_t n = strcspn(text, "|");
        const char *is = memchr(text, '=', n);
        const size_t skip = strspn(text, " ");
        const size_t name = is ? strcspn(text + skip, " =") : 0;
        if (is && strncmp(is, "= 1", 3) == 0 && name && strncmp(text + skip, "CPU", 3) != 0)
            at += (size_t)snprintf(buf + at, cap - at, "%s%.*s", at ? " " : "", (int)name,
                                   text + skip);
        if (at >= cap) return;
        text += n + (text[n] == '|');
    }
}

static void llama_facts(void *library, sz_backend_facts *f) {
    const sz_llama *o = library;
    *f = (sz_backend_facts){.advice = ""};
    sz_dynlib_path(o->library, "sz_llama_interface", f->path, sizeof f->path);
    snprintf(f->version, sizeof f->version, "%s", o->version());
    name_features(o->features(), f->kernels, sizeof f->kernels);
}

sz_status sz_llama_said(sz_ctx *ctx, const sz_llama *lib, const char *what) {
    const char *words = lib->why();
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "llama.cpp %s: %s", what,
                   words && *words ? sz_show(ctx, sz_str_c(words)) : "it gives no reason");
}

const sz_backend sz_backend_llama = {.name = "llama",
                                     .what = "llama.cpp: language models of GGUF files",
                                     .open = open_llama,
                                     .facts = llama_facts,
                                     .compile = sz_llama_compile};
