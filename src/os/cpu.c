// SPDX-License-Identifier: Apache-2.0
#include "os/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

typedef struct feature {
    const char *name, *proc;
} feature;

static const feature features[SZ_CPU_FEATURES] = {
#define SZ_X86(name, leaf, sub, reg, bit, xcr0, proc) {#name, proc},
#define SZ_ARM(name, word, bit, proc) {#name, proc},
#include "os/features.def"
#undef SZ_X86
#undef SZ_ARM
};

const char *sz_cpu_name(int i) {
    return i >= 0 && i < SZ_CPU_FEATURES ? features[i].name : NULL;
}

#if defined(__x86_64__)

enum { EAX, EBX, ECX, EDX };

static uint32_t cpuid(uint32_t leaf, uint32_t sub, int reg) {
    uint32_t r[4] = {0};
    if ((uint32_t)__get_cpuid_max(0, NULL) < leaf) return 0;
    if (sub > 0) { // leaf 7 says in eax how many subleaves it has
        __cpuid_count(leaf, 0, r[EAX], r[EBX], r[ECX], r[EDX]);
        if (r[EAX] < sub) return 0;
    }
    __cpuid_count(leaf, sub, r[EAX], r[EBX], r[ECX], r[EDX]);
    return r[reg];
}

// Register states that the operating system saves: without them the wide instructions fault.
static uint64_t enabled_states(void) {
    uint32_t lo, hi;
    if (!(cpuid(1, 0, ECX) >> 27 & 1)) return 0; // OSXSAVE
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

#define REG_eax EAX
#define REG_ebx EBX
#define REG_ecx ECX
#define REG_edx EDX

sz_cpu_set sz_cpu_detect(void) {
    const uint64_t states = enabled_states();
    sz_cpu_set set = 0;
#define SZ_X86(name, leaf, sub, reg, bit, xcr0, proc)                                              \
    if ((cpuid(leaf, sub, REG_##reg) >> (bit)&1) && (states & (xcr0)) == (xcr0))                   \
        set |= SZ_CPU(name);
#define SZ_ARM(name, word, bit, proc)
#include "os/features.def"
#undef SZ_X86
#undef SZ_ARM
    return set;
}

// Leaf 0x40000000: Linux Documentation/virt/kvm/x86/cpuid.rst.
bool sz_cpu_hypervisor(char ret_text[13]) {
    uint32_t r[4] = {0};
    if (!(cpuid(1, 0, ECX) >> 31 & 1)) return false;
    __cpuid_count(0x40000000u, 0, r[EAX], r[EBX], r[ECX], r[EDX]);
    memcpy(ret_text, &r[EBX], 12);
    ret_text[12] = '\0';
    return ret_text[0] != '\0';
}

#elif defined(__aarch64__)

bool sz_cpu_hypervisor(char ret_text[13]) {
    ret_text[0] = '\0';
    return false;
}

sz_cpu_set sz_cpu_detect(void) {
    const unsigned long words[3] = {0, getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
    sz_cpu_set set = 0;
#define SZ_X86(name, leaf, sub, reg, bit, xcr0, proc)
#define SZ_ARM(name, word, bit, proc)                                                              \
    if (words[word] >> (bit)&1) set |= SZ_CPU(name);
#include "os/features.def"
#undef SZ_X86
#undef SZ_ARM
    return set;
}

#else

bool sz_cpu_hypervisor(char ret_text[13]) {
    ret_text[0] = '\0';
    return false;
}

sz_cpu_set sz_cpu_detect(void) { return 0; }

#endif

// Next word of *s between any of `seps`; false at the end.
static bool next_word(const char **s, const char *seps, sz_str *ret_word) {
    *s += strspn(*s, seps);
    ret_word->p = *s;
    ret_word->len = (uint32_t)strcspn(*s, seps);
    *s += ret_word->len;
    return ret_word->len > 0;
}

sz_cpu_set sz_cpu_from_words(const char *words) {
    sz_cpu_set set = 0;
    sz_str w;
    while (next_word(&words, " \t\n", &w))
        for (int i = 0; i < SZ_CPU_FEATURES; i++)
            if (sz_str_is(w, features[i].proc)) set |= (sz_cpu_set)1 << i;
    return set;
}

static int feature_by_name(sz_str name) {
    for (int i = 0; i < SZ_CPU_FEATURES; i++)
        if (sz_str_is(name, features[i].name)) return i;
    return -1;
}

sz_status sz_cpu_parse(sz_ctx *ctx, const char *list, sz_cpu_set *ret_set) {
    sz_cpu_set set = 0;
    sz_str w;
    const char *s = list ? list : "";
    while (next_word(&s, ", ", &w)) {
        int i = feature_by_name(w);
        if (i < 0) return sz_fail(ctx, SZ_ERR_USAGE, "unknown CPU feature '%s'", sz_show(ctx, w));
        set |= (sz_cpu_set)1 << i;
    }
    *ret_set = set;
    return SZ_OK;
}
