// SPDX-License-Identifier: Apache-2.0
#include "machine/libraries.h"

#include <stdio.h>
#include <strings.h>

// ---- the libraries -----------------------------------------------------------------------------

static const struct {
    const char *name;
    const char *files[4];
} libraries[SZ_LIBRARIES] = {
    [SZ_OPENBLAS] = {"OpenBLAS", {"libopenblas.so.0", "libopenblas.so"}},
    [SZ_BLIS] = {"BLIS", {"libblis.so.4", "libblis.so.5", "libblis.so"}},
    [SZ_ONEDNN] = {"oneDNN", {"libdnnl.so.2", "libdnnl.so.3", "libdnnl.so"}},
};

const char *sz_library_name(int id) {
    return id >= 0 && id < SZ_LIBRARIES ? libraries[id].name : NULL;
}

int sz_library_by_name(const char *name) {
    for (int i = 0; i < SZ_LIBRARIES; i++)
        if (strcasecmp(libraries[i].name, name) == 0) return i;
    return -1;
}

const char *const *sz_library_files(int id) { return libraries[id].files; }

// ---- widths ------------------------------------------------------------------------------------

static const char *const width_names[] = {NULL, "c", "sse", "avx", "avx2", "avx512", "neon", "sve"};

const char *sz_width_name(sz_width width) { return width_names[width]; }

sz_width sz_width_of_cpu(sz_cpu_set cpu) {
    if (cpu & SZ_CPU(avx512f)) return SZ_WIDTH_AVX512;
    if ((cpu & SZ_CPU(avx2)) && (cpu & SZ_CPU(fma))) return SZ_WIDTH_AVX2;
    if (cpu & SZ_CPU(avx)) return SZ_WIDTH_AVX;
    if (cpu & SZ_CPU(sse2)) return SZ_WIDTH_SSE;
    if (cpu & SZ_CPU(sve)) return SZ_WIDTH_SVE;
    return cpu & SZ_CPU(neon) ? SZ_WIDTH_NEON : SZ_WIDTH_UNKNOWN;
}

// Names as the libraries print them; where both use one, it means the same.
static const struct {
    const char *kernels;
    sz_width width;
} sets[] = {
    {"Prescott", SZ_WIDTH_SSE},       {"Core2", SZ_WIDTH_SSE},
    {"Penryn", SZ_WIDTH_SSE},         {"Dunnington", SZ_WIDTH_SSE},
    {"Nehalem", SZ_WIDTH_SSE},        {"Atom", SZ_WIDTH_SSE},
    {"Opteron", SZ_WIDTH_SSE},        {"Opteron_SSE3", SZ_WIDTH_SSE},
    {"Barcelona", SZ_WIDTH_SSE},      {"Bobcat", SZ_WIDTH_SSE},
    {"Sandybridge", SZ_WIDTH_AVX},    {"Bulldozer", SZ_WIDTH_AVX},
    {"Piledriver", SZ_WIDTH_AVX},     {"Steamroller", SZ_WIDTH_AVX},
    {"Excavator", SZ_WIDTH_AVX2},     {"Haswell", SZ_WIDTH_AVX2},
    {"Zen", SZ_WIDTH_AVX2},           {"Zen2", SZ_WIDTH_AVX2},
    {"Zen3", SZ_WIDTH_AVX2},          {"Zen4", SZ_WIDTH_AVX512},
    {"Zen5", SZ_WIDTH_AVX512},        {"SkylakeX", SZ_WIDTH_AVX512},
    {"skx", SZ_WIDTH_AVX512},         {"knl", SZ_WIDTH_AVX512},
    {"Cooperlake", SZ_WIDTH_AVX512},  {"SapphireRapids", SZ_WIDTH_AVX512},
    {"generic", SZ_WIDTH_C},          {"armv8", SZ_WIDTH_NEON},
    {"cortexa53", SZ_WIDTH_NEON},     {"cortexa57", SZ_WIDTH_NEON},
    {"cortexa72", SZ_WIDTH_NEON},     {"cortexa73", SZ_WIDTH_NEON},
    {"cortexa76", SZ_WIDTH_NEON},     {"neoversen1", SZ_WIDTH_NEON},
    {"thunderx2", SZ_WIDTH_NEON},     {"thunderx2t99", SZ_WIDTH_NEON},
    {"thunderx3t110", SZ_WIDTH_NEON}, {"firestorm", SZ_WIDTH_NEON},
    {"vortex", SZ_WIDTH_NEON},        {"altramax", SZ_WIDTH_NEON},
    {"armv8sve", SZ_WIDTH_SVE},       {"armsve", SZ_WIDTH_SVE},
    {"a64fx", SZ_WIDTH_SVE},          {"neoversev1", SZ_WIDTH_SVE},
    {"neoversen2", SZ_WIDTH_SVE},
};

// oneDNN names its instruction sets, not cores.
static sz_width width_of_isa(const char *name) {
    if (strncmp(name, "avx512", 6) == 0 || strncmp(name, "avx10", 5) == 0) return SZ_WIDTH_AVX512;
    if (strncmp(name, "avx2", 4) == 0) return SZ_WIDTH_AVX2;
    if (strcmp(name, "avx") == 0) return SZ_WIDTH_AVX;
    return strcmp(name, "sse41") == 0 ? SZ_WIDTH_SSE : SZ_WIDTH_UNKNOWN;
}

sz_width sz_width_of_kernels(int id, const char *kernels) {
    if (id == SZ_ONEDNN) return width_of_isa(kernels);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (strcasecmp(sets[i].kernels, kernels) == 0) return sets[i].width;
    return SZ_WIDTH_UNKNOWN;
}

// ---- settings ----------------------------------------------------------------------------------

// Which kernels to ask for on a CPU of a width. OpenBLAS wants the name, BLIS a number that differs
// between versions, so the library itself is asked for it.
static const struct {
    sz_width cpu;
    const char *openblas, *blis;
} remedies[] = {{SZ_WIDTH_AVX512, "SkylakeX", "skx"},
                {SZ_WIDTH_AVX2, "Haswell", "haswell"},
                {SZ_WIDTH_AVX, "Sandybridge", "sandybridge"},
                {SZ_WIDTH_SVE, "NEOVERSEV1", "armsve"},
                {SZ_WIDTH_NEON, "ARMV8", "cortexa57"}};

bool sz_library_setting(int id, sz_width chosen, sz_width cpu, sz_library_number *number_of,
                        void *user, char *buf, size_t cap) {
    if (chosen == SZ_WIDTH_UNKNOWN || chosen >= cpu) return false;
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (remedies[i].cpu != cpu) continue;
        if (id == SZ_OPENBLAS) {
            snprintf(buf, cap, "OPENBLAS_CORETYPE=%s", remedies[i].openblas);
            return true;
        }
        const int number = id == SZ_BLIS && number_of ? number_of(user, remedies[i].blis) : -1;
        if (number < 0) return false;
        snprintf(buf, cap, "BLIS_ARCH_TYPE=%d", number);
        return true;
    }
    return false;
}
