// SPDX-License-Identifier: Apache-2.0
// What this CPU can execute, asked at run time, and a mask that hides features by name.
#ifndef SZ_OS_CPU_H
#define SZ_OS_CPU_H

#include "base/base.h"

// One bit per row of features.def.
typedef uint64_t sz_cpu_set;

enum sz_cpu_feature {
#define SZ_X86(name, leaf, sub, reg, bit, xcr0, proc) SZ_CPU_BIT_##name,
#define SZ_ARM(name, word, bit, proc) SZ_CPU_BIT_##name,
#include "os/features.def"
#undef SZ_X86
#undef SZ_ARM
    SZ_CPU_FEATURES
};
#define SZ_CPU(name) ((sz_cpu_set)1 << SZ_CPU_BIT_##name)

// Features that the CPU has and the operating system has switched on.
sz_cpu_set sz_cpu_detect(void);

// Features named in a line of /proc/cpuinfo ("flags : ..." or "Features : ...").
sz_cpu_set sz_cpu_from_words(const char *words);

// The bits of "avx512f,fma". An unknown word is SZ_ERR_USAGE. NULL and "" are the empty set.
sz_status sz_cpu_parse(sz_ctx *ctx, const char *list, sz_cpu_set *ret_set);

// Signature of the hypervisor under this process ("KVMKVMKVM"); false when the CPU names none.
bool sz_cpu_hypervisor(char ret_text[13]);

// Name of feature `i`, NULL past the end.
const char *sz_cpu_name(int i);

#endif
