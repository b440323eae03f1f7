// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648, section 4, with padding): bytes in a text.
#ifndef SZ_BASE64_H
#define SZ_BASE64_H

#include "base/base.h"

// Characters that n bytes take.
static inline size_t sz_base64_size(size_t n) { return (n + 2) / 3 * 4; }
// All of them, no NUL behind.
void sz_base64_put(const void *bytes, size_t n, char *ret_text);
// Back; there must be room for n / 4 x 3 bytes. False: the text is none.
bool sz_base64_get(const char *text, size_t n, void *ret_bytes, size_t *ret_n);

#endif
