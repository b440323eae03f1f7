// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sz_base64_put(const void *bytes, size_t n, char *ret_text) {
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i;
        const uint32_t word = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                              (left > 2 ? b[i + 2] : 0);
        *ret_text++ = digits[word >> 18];
        *ret_text++ = digits[word >> 12 & 63];
        *ret_text++ = left > 1 ? digits[word >> 6 & 63] : '=';
        *ret_text++ = left > 2 ? digits[word & 63] : '=';
    }
}

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Padding ends the text, and the bits that it leaves over are 0: one text for the same bytes.
bool sz_base64_get(const char *text, size_t n, void *ret_bytes, size_t *ret_n) {
    unsigned char *to = ret_bytes;
    if (n % 4) return false;
    const size_t pad = n == 0 || text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
    for (size_t i = 0; i < n; i += 4) {
        const size_t missing = i + 4 == n ? pad : 0;
        uint32_t word = 0;
        for (size_t k = 0; k < 4; k++) {
            const int v = k >= 4 - missing ? 0 : value_of(text[i + k]);
            if (v < 0) return false;
            word = word << 6 | (uint32_t)v;
        }
        if (missing && word & ((UINT32_C(1) << 8 * missing) - 1)) return false;
        for (size_t k = 0; k < 3 - missing; k++) *to++ = (unsigned char)(word >> (16 - 8 * k));
    }
    *ret_n = n / 4 * 3 - pad;
    return true;
}
