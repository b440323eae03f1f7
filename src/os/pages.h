// SPDX-License-Identifier: Apache-2.0
// Whole pages from the system, for buffers that are measured.
#ifndef SZ_OS_PAGES_H
#define SZ_OS_PAGES_H

#include "base/base.h"

// Map `size` bytes, aligned to 2 MiB when they are that long, and ask for large pages. The pages
// come into being where they are first written, so let the thread that will use them do that. NULL
// when the system refuses. Not from the context's allocator: this memory is measured, not used.
void *sz_pages_map(size_t size);
// The same on pages of the smallest size.
void *sz_pages_map_small(size_t size);
void sz_pages_unmap(void *p, size_t size);

// Bytes of this process on large pages, -1 = not known.
int64_t sz_pages_huge(void);

// Memory that can be had without swapping, by /proc/meminfo and the limit of the control group;
// 0 = not known.
int64_t sz_pages_available(const char *root);

#endif
