// SPDX-License-Identifier: Apache-2.0
// What this program was built from. The two functions are in files that the build makes.
#ifndef SZ_BENCH_BUILD_H
#define SZ_BENCH_BUILD_H

// Revision of the sources by git, with "-dirty" where they were changed; "unknown" outside of git.
const char *sz_revision(void);
// "release", "debugoptimized", ...; with the sanitizers, if any.
const char *sz_build_type(void);

#endif
