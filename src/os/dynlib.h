// SPDX-License-Identifier: Apache-2.0
// Shared libraries opened at run time, so that nothing links to them.
#ifndef SZ_OS_DYNLIB_H
#define SZ_OS_DYNLIB_H

#include "base/base.h"

// Open one of the names (NULL-ended, tried in order) with its symbols kept to itself.
// SZ_ERR_UNAVAILABLE in the loader's own words when there is none.
sz_status sz_dynlib_open(sz_ctx *ctx, const char *const *names, void **ret_library);

// Copy the address of a symbol into *ret, which is a pointer to a function; false when there is
// none.
bool sz_dynlib_symbol(void *library, const char *name, void *ret);

// File that a symbol of the library comes from; false when not known.
bool sz_dynlib_path(void *library, const char *symbol, char *buf, size_t cap);

#endif
