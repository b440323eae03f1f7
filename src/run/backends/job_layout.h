// SPDX-License-Identifier: Apache-2.0
// Which values of a job may lie in a layout of the library's own, and how a check sees them.
#ifndef SZ_JOB_LAYOUT_H
#define SZ_JOB_LAYOUT_H

#include "run/backends/job.h"

// Fills job->loose: by value, that only nodes which the library takes read it, none under another
// shape, and that job->wants_dense has it not. Needs roots and constants.
sz_status sz_job_find_loose(sz_job *j, const sz_backend *backend, void *library);
// The library took the node and then has no kernel for it: what it reads has to be dense, and the
// job is mistaken where some of that is not.
void sz_job_ask_for_dense(sz_job *j, const sz_node *n);

// In a check, after the node ran: its first result, dense, in the place of the slot of set 0, where
// it lies otherwise. What the steps read and write does not change.
sz_status sz_job_show(sz_job *j, const sz_job_node *n);
// The copies of values that nobody reads after this node are freed.
void sz_job_unshow(sz_job *j, const sz_job_node *n);
// All of them; slots are as they were.
void sz_job_unshow_all(sz_job *j);

#endif
