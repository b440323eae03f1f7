// SPDX-License-Identifier: Apache-2.0
#include "run/backends/plain/loops/loops.h"

extern const sz_loops sz_loops_base;
#ifdef __x86_64__
extern const sz_loops sz_loops_avx2, sz_loops_avx512;
#endif

static const struct {
    const sz_loops *loops;
    sz_cpu_set needs;
} built[] = { // the widest first
#ifdef __x86_64__
    {&sz_loops_avx512,
     SZ_CPU(avx512f) | SZ_CPU(avx512bw) | SZ_CPU(avx512dq) | SZ_CPU(avx512vl) | SZ_CPU(fma)},
    {&sz_loops_avx2, SZ_CPU(avx2) | SZ_CPU(fma)},
#endif
    {&sz_loops_base, 0}};

enum { BUILT = sizeof built / sizeof *built };

const sz_loops *sz_loops_get(size_t i) { return i < BUILT ? built[i].loops : NULL; }

bool sz_loops_run(const sz_loops *l, sz_cpu_set cpu) {
    for (size_t i = 0; i < BUILT; i++)
        if (built[i].loops == l) return (built[i].needs & ~cpu) == 0;
    return false;
}

const sz_loops *sz_loops_for(sz_cpu_set cpu) {
    size_t i = 0;
    while (!sz_loops_run(built[i].loops, cpu)) i++; // the last runs everywhere
    return built[i].loops;
}

sz_loop *sz_loops_find(const sz_loops *l, const char *op, const char *from, const char *to) {
    for (const sz_loop_row *r = l->rows; r->op; r++)
        if (strcmp(r->op, op) == 0 && strcmp(r->from, from) == 0 && (!to || strcmp(r->to, to) == 0))
            return r->run;
    return NULL;
}
