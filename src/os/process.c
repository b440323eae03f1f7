// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/procfs.h"

void sz_process_self(sz_process *ret) {
    struct stat st;
    *ret = (sz_process){.number = getpid()};
    if (stat("/proc/self/ns/pid", &st) == 0) ret->space = (uint64_t)st.st_ino;
    if (!sz_proc_line("", "/proc/sys/kernel/random/boot_id", ret->boot, sizeof ret->boot))
        ret->boot[0] = '\0';
}

bool sz_process_is_near(const sz_process *p) {
    sz_process self;
    sz_process_self(&self);
    return self.boot[0] && self.space && p->space == self.space && strcmp(p->boot, self.boot) == 0;
}

// The state stands behind the name, which is in brackets and may hold any byte.
bool sz_process_lives(const sz_process *p) {
    char path[64], stat[512];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)p->number);
    if (sz_proc_read("", path, stat, sizeof stat) <= 0) return false;
    const char *end = strrchr(stat, ')');
    return end && end[1] == ' ' && end[2] != 'Z' && end[2] != 'X';
}
