// SPDX-License-Identifier: Apache-2.0
#include "os/pages.h"

#include <stdio.h>
#include <sys/mman.h>

#include "os/procfs.h"

static const size_t HUGE_PAGE = (size_t)2 << 20;

// No system has larger small pages; a multiple of all of them.
static const size_t PAGE = (size_t)64 << 10;

static size_t whole_pages(size_t size) { return (size + PAGE - 1) / PAGE * PAGE; }

static void *map_advised(size_t size, int advice) {
    if (size == 0 || size > SIZE_MAX / 2) return NULL;
    const size_t kept = whole_pages(size), mapped = kept + HUGE_PAGE;
    unsigned char *p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                            0);
    if (p == MAP_FAILED) return NULL;
    // Give back what lies before and after the aligned part.
    const size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0) munmap(p, before);
    munmap(p + before + kept, mapped - before - kept);
    madvise(p + before, kept, advice); // may be refused: then pages are as the system likes
    return p + before;
}

void *sz_pages_map(size_t size) { return map_advised(size, MADV_HUGEPAGE); }
void *sz_pages_map_small(size_t size) { return map_advised(size, MADV_NOHUGEPAGE); }

void sz_pages_unmap(void *p, size_t size) {
    if (p) munmap(p, whole_pages(size));
}

int64_t sz_pages_huge(void) {
    char text[4096], value[64];
    long long kib = -1;
    if (sz_proc_read("", "/proc/self/smaps_rollup", text, sizeof text) <= 0) return -1;
    if (!sz_proc_value(text, "AnonHugePages", value, sizeof value)) return -1;
    return sscanf(value, "%lld", &kib) == 1 && kib >= 0 ? kib * 1024 : -1;
}

int64_t sz_pages_available(const char *root) {
    char text[4096], value[64];
    long long kib = 0;
    if (sz_proc_read(root, "/proc/meminfo", text, sizeof text) > 0 &&
        sz_proc_value(text, "MemAvailable", value, sizeof value))
        sscanf(value, "%lld", &kib);
    int64_t bytes = kib > 0 && kib < INT64_MAX / 1024 ? kib * 1024 : 0;
    const int64_t limit = sz_proc_memory_limit(root);
    return limit > 0 && (bytes == 0 || limit < bytes) ? limit : bytes;
}
