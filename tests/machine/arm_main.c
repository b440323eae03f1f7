// SPDX-License-Identifier: Apache-2.0
// Runs every kernel that this CPU has, without a test library: tests/machine/arm.sh builds it for
// another architecture and runs it in an emulator. Usage: arm_main [ISA ...]; each ISA that is
// named must have had rows. Prints what it ran.
#include <stdio.h>

#include "peak_rows.h"

static int run_isa(const char *isa, sz_cpu_set cpu) {
    const sz_kernel *k;
    int ran = 0;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak || strcmp(k->isa, isa) != 0) continue;
        if (!sz_kernel_runs(k, cpu)) continue;
        const char *why = check_peak_row(k);
        if (why) {
            printf("%s %s\n", k->name, why);
            return -1;
        }
        ran++;
    }
    return ran;
}

// A chain of known length must take its time in instructions; here only that it ends.
static int run_clocks(sz_cpu_set cpu) {
    const sz_kernel *k;
    int ran = 0;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        sz_kernel_job job = {.n = 10};
        if (k->family != SZ_KERNEL_clock || !sz_kernel_runs(k, cpu)) continue;
        k->run(&job);
        ran++;
    }
    return ran;
}

static int run_memory(sz_cpu_set cpu) {
    static _Alignas(64) unsigned char from[8 * SZ_KERNEL_STEP], to[sizeof from];
    const sz_kernel *k;
    int ran = 0;
    for (size_t i = 0; i < sizeof from; i++) from[i] = (unsigned char)(i * 7 + 1);
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        sz_kernel_job job = {.n = 8, .src = from, .dst = to, .mask = sizeof from - 1};
        if (k->family != SZ_KERNEL_copy || !sz_kernel_runs(k, cpu)) continue;
        memset(to, 0, sizeof to);
        k->run(&job);
        if (memcmp(from, to, sizeof from) != 0) return printf("%s copies wrong\n", k->name), -1;
        ran++;
    }
    return ran;
}

int main(int argc, char **argv) {
    const sz_cpu_set cpu = sz_cpu_detect();
    for (int i = 1; i < argc; i++) {
        const int ran = run_isa(argv[i], cpu);
        if (ran <= 0) return printf("%s: no row ran\n", argv[i]), 1;
        printf("%s: %d rows\n", argv[i], ran);
    }
    const int clocks = run_clocks(cpu), copies = run_memory(cpu);
    if (clocks < 0 || copies <= 0) return 1;
    printf("%d clock chains, %d copies, %d bytes of SVE\n", clocks, copies, sz_kernel_sve_bytes());
    return 0;
}
