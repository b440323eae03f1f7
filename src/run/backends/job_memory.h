// SPDX-License-Identifier: Apache-2.0
// Where the numbers of a job lie: values that share a buffer, and buffers that serve in turn.
#ifndef SZ_JOB_MEMORY_H
#define SZ_JOB_MEMORY_H

#include "run/backends/job.h"

// Which values are another one's numbers under another shape: root[v] is v for all others. A view
// of a graph's input that is an output is none: somebody has to write it. Needs `constant`.
sz_status sz_job_find_roots(sz_job *j);
// Is the node such a view, and nothing to run?
bool sz_job_is_view(const sz_job *j, const sz_node *n);

// Memory for a value, asked for in the order of the run: that of one that is no longer read, where
// there is one that fits. `keep`: its numbers are there before the run, so nobody else lies there.
sz_status sz_job_take(sz_job *j, size_t bytes, bool keep, char **ret_data);
// The block of these numbers may serve again.
void sz_job_return(sz_job *j, const char *data);
void sz_job_unmap(sz_job *j); // all of it

#endif
