// SPDX-License-Identifier: Apache-2.0
// Installed libraries of linear algebra: how to open them, what they chose, what they should have
// chosen. Shared by the child that calls them (library_child.c) and its parent (libraries.c).
#ifndef SZ_LIBRARIES_H
#define SZ_LIBRARIES_H

#include "base/base.h"
#include "os/cpu.h"

typedef enum sz_library_id { SZ_OPENBLAS, SZ_BLIS, SZ_ONEDNN, SZ_LIBRARIES } sz_library_id;

// Name for people and for the child's command line; NULL past the end.
const char *sz_library_name(int id);
int sz_library_by_name(const char *name);    // -1 = none
const char *const *sz_library_files(int id); // NULL-ended, in the order to try

// How wide the vectors are that a set of kernels or a CPU uses for f32; of one family, more is
// wider.
typedef enum sz_width {
    SZ_WIDTH_UNKNOWN,
    SZ_WIDTH_C, // compiled C: "generic"
    SZ_WIDTH_SSE,
    SZ_WIDTH_AVX,
    SZ_WIDTH_AVX2,
    SZ_WIDTH_AVX512,
    SZ_WIDTH_NEON,
    SZ_WIDTH_SVE
} sz_width;
const char *sz_width_name(sz_width width); // "avx512"; NULL for unknown
sz_width sz_width_of_cpu(sz_cpu_set cpu);
// Of a set of kernels by the name that the library gives it.
sz_width sz_width_of_kernels(int id, const char *kernels);

// The setting that makes the library use kernels as wide as the CPU: "OPENBLAS_CORETYPE=SkylakeX".
// False when what it chose is wide enough, or when nothing is known to help. `number_of` tells the
// number that the library has for a name of kernels, -1 = none (BLIS wants numbers; NULL = no such
// function).
typedef int sz_library_number(void *user, const char *name);
bool sz_library_setting(int id, sz_width chosen, sz_width cpu, sz_library_number *number_of,
                        void *user, char *buf, size_t cap);

// What an open library says of itself (library_choice.c). BLIS aborts when it is asked before it
// has multiplied anything.
typedef struct sz_library_choice {
    char version[128], kernels[64], path[512];
    const char *(*blis_name)(int); // name of a number of kernels, NULL = not known
} sz_library_choice;
void sz_library_ask(int id, void *library, sz_library_choice *ret_choice);
// sz_library_setting() for this CPU.
bool sz_library_advice(int id, const sz_library_choice *choice, char *buf, size_t cap);

// The environment of a child that calls libraries: the user's variables, but for the number of
// threads and one more setting ("NAME=VALUE" or NULL).
enum { SZ_MAX_VARIABLES = 4096, SZ_THREAD_VARIABLES = 4 };
typedef struct sz_surroundings {
    char threads[SZ_THREAD_VARIABLES][48];
    const char *words[SZ_MAX_VARIABLES + SZ_THREAD_VARIABLES + 2]; // NULL-ended
} sz_surroundings;
void sz_library_surround(sz_surroundings *e, const char *const *environment, int threads,
                         const char *setting);

#endif
