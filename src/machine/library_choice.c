// SPDX-License-Identifier: Apache-2.0
// What an open library says of itself: version, file, and which set of kernels it chose.
#include "machine/libraries.h"

#include <stdio.h>

#include "os/dynlib.h"

// The last name is "generic"; nothing may be asked for beyond it.
static int blis_number(void *user, const char *name) {
    const sz_library_choice *c = user;
    for (int i = 0; c->blis_name && i < 64; i++) {
        const char *s = c->blis_name(i);
        if (!s || strcmp(s, "generic") == 0) return -1;
        if (strcmp(s, name) == 0) return i;
    }
    return -1;
}

static void ask_openblas(void *library, sz_library_choice *c) {
    const char *(*text)(void);
    if (sz_dynlib_symbol(library, "openblas_get_config", &text))
        snprintf(c->version, sizeof c->version, "%s", text());
    if (sz_dynlib_symbol(library, "openblas_get_corename", &text))
        snprintf(c->kernels, sizeof c->kernels, "%s", text());
}

static void ask_blis(void *library, sz_library_choice *c) {
    const char *(*text)(void);
    int (*id)(void);
    if (sz_dynlib_symbol(library, "bli_info_get_version_str", &text))
        snprintf(c->version, sizeof c->version, "%s", text());
    if (sz_dynlib_symbol(library, "bli_arch_query_id", &id) &&
        sz_dynlib_symbol(library, "bli_arch_string", &c->blis_name))
        snprintf(c->kernels, sizeof c->kernels, "%s", c->blis_name(id()));
}

// dnnl_cpu_isa_t, oneDNN 2.6 and 3.x, dnnl_types.h: bits that grow with each set.
static const char *dnnl_isa_name(unsigned isa, int major) {
    static const struct {
        unsigned isa;
        int major; // 0 = any
        const char *name;
    } names[] = {{0x1, 0, "sse41"},
                 {0x3, 0, "avx"},
                 {0x7, 0, "avx2"},
                 {0x407, 2, "avx2_vnni"},
                 {0xf, 3, "avx2_vnni"},
                 {0x1f, 3, "avx2_vnni_2"},
                 {0x27, 0, "avx512_core"},
                 {0x67, 0, "avx512_core_vnni"},
                 {0xe7, 0, "avx512_core_bf16"},
                 {0x1ef, 3, "avx512_core_fp16"},
                 {0x3e7, 2, "avx512_core_amx"},
                 {0xfef, 3, "avx512_core_amx"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].isa == isa && (names[i].major == 0 || names[i].major == major))
            return names[i].name;
    return (isa & 0x27) == 0x27 ? "avx512_core and more" : "unknown";
}

static void ask_onednn(void *library, sz_library_choice *c) {
    struct version { // dnnl_version_t
        int major, minor, patch;
        const char *hash;
    };
    const struct version *(*version)(void);
    int (*isa)(void);
    int major = 0;
    if (sz_dynlib_symbol(library, "dnnl_version", &version)) {
        const struct version *v = version();
        major = v->major;
        snprintf(c->version, sizeof c->version, "%d.%d.%d", v->major, v->minor, v->patch);
    }
    if (sz_dynlib_symbol(library, "dnnl_get_effective_cpu_isa", &isa))
        snprintf(c->kernels, sizeof c->kernels, "%s", dnnl_isa_name((unsigned)isa(), major));
}

void sz_library_ask(int id, void *library, sz_library_choice *c) {
    *c = (sz_library_choice){.blis_name = NULL};
    static void (*const asks[SZ_LIBRARIES])(void *, sz_library_choice *) = {
        [SZ_OPENBLAS] = ask_openblas, [SZ_BLIS] = ask_blis, [SZ_ONEDNN] = ask_onednn};
    asks[id](library, c);
    sz_dynlib_path(library, id == SZ_ONEDNN ? "dnnl_sgemm" : "cblas_sgemm", c->path,
                   sizeof c->path);
}

bool sz_library_advice(int id, const sz_library_choice *c, char *buf, size_t cap) {
    sz_library_choice copy = *c; // its address is what the number is asked with
    return sz_library_setting(id, sz_width_of_kernels(id, c->kernels),
                              sz_width_of_cpu(sz_cpu_detect()), blis_number, &copy, buf, cap);
}
