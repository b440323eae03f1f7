// SPDX-License-Identifier: Apache-2.0
// StableHLO text: numbers of constants.
#include "model/import/stablehlo.h"

#include <stdlib.h>

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The bits of a float as a number, for the formats that constants of loops and limits have.
static bool float_of_bits(const sz_dtype_info *d, uint64_t bits, double *ret) {
    if (d->bits == 64) {
        memcpy(ret, &bits, sizeof *ret);
        return true;
    }
    uint32_t word = (uint32_t)bits;
    float f;
    if (strcmp(d->name, "bf16") == 0)
        word <<= 16;
    else if (d->bits != 32)
        return false;
    memcpy(&f, &word, sizeof f);
    *ret = (double)f;
    return true;
}

static bool set_bits(sz_tensor *t, int64_t k, uint64_t bits) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    if (t->f) return float_of_bits(d, bits, &t->f[k]);
    const uint64_t sign = d->bits < 64 ? 1ull << (d->bits - 1) : 0;
    t->i[k] = d->cls == SZ_CLASS_INT && sign ? (int64_t)((bits ^ sign) - sign) : (int64_t)bits;
    return true;
}

// One number of the list; *p moves behind it.
static bool read_number(const char **p, const char *end, sz_tensor *t, int64_t k) {
    char buf[64];
    size_t n = 0;
    while (*p < end && n + 1 < sizeof buf &&
           (shlo_is_word((unsigned char)**p) || **p == '-' || **p == '+'))
        buf[n++] = *(*p)++;
    buf[n] = '\0';
    char *stop = buf;
    if (n == 0) return false;
    if (strcmp(buf, "true") == 0 || strcmp(buf, "false") == 0) {
        if (t->i) t->i[k] = buf[0] == 't';
        return t->i != NULL;
    }
    if (n > 2 && buf[0] == '0' && buf[1] == 'x') {
        const uint64_t bits = strtoull(buf + 2, &stop, 16);
        return *stop == '\0' && n <= 18 && set_bits(t, k, bits);
    }
    if (t->f)
        t->f[k] = strtod(buf, &stop);
    else
        t->i[k] = strtoll(buf, &stop, 10);
    return *stop == '\0';
}

// "0x..." in quotes: the elements as they lie in memory.
static bool read_blob(const char *p, const char *end, sz_tensor *t, int64_t *ret_n) {
    const int bytes = sz_dtype_get(t->dtype)->bits / 8;
    *ret_n = 0;
    if (end - p < 2 || p[0] != '0' || p[1] != 'x' || bytes == 0) return false;
    for (p += 2; end - p >= 2 * bytes && *ret_n < t->count; ++*ret_n) {
        uint64_t bits = 0;
        for (int b = 0; b < bytes; b++, p += 2) {
            if (hex(p[0]) < 0 || hex(p[1]) < 0) return false;
            bits |= (uint64_t)(hex(p[0]) * 16 + hex(p[1])) << (8 * b);
        }
        if (!set_bits(t, *ret_n, bits)) return false;
    }
    return p == end;
}

static bool read_list(const char *p, const char *end, sz_tensor *t, int64_t *ret_n) {
    for (*ret_n = 0; p < end;) {
        if (strchr("[], \n\t", *p)) {
            p++;
            continue;
        }
        if (*ret_n == t->count || !read_number(&p, end, t, *ret_n)) return false;
        ++*ret_n;
    }
    return true;
}

// One number stands for all.
static bool fill(sz_tensor *t, int64_t have) {
    if (have == t->count) return true;
    if (have != 1) return false;
    for (int64_t k = 1; k < t->count; k++) {
        if (t->f) t->f[k] = t->f[0];
        if (t->i) t->i[k] = t->i[0];
    }
    return true;
}

sz_status shlo_numbers(shlo *x, sz_str text, const sz_type *type, const sz_tensor **ret_numbers) {
    const sz_dtype_class cls = sz_dtype_get(type->dtype)->cls;
    const char *open = text.len ? memchr(text.p, '<', text.len) : NULL;
    int64_t count = -1, have = 0;
    *ret_numbers = NULL;
    if (cls != SZ_CLASS_FLOAT && cls != SZ_CLASS_INT && cls != SZ_CLASS_UINT &&
        cls != SZ_CLASS_BOOL)
        return SZ_OK;
    if (type->kind != SZ_TYPE_TENSOR || sz_type_elements(x->ctx, type, &count) != SZ_OK)
        return shlo_fail(x, "a constant of more than 2^63 elements");
    if (!open || count < 1 || count > SZ_SHLO_MAX_NUMBERS) return SZ_OK;
    const char *p = open + 1, *end = text.p + text.len;
    while (end > p && *end != '>') end--; // a type may follow
    for (const char *q = p; q < end; q++)
        if (*q == '>') end = q;
    sz_tensor *t = sz_tensor_new(x->root, type->dtype, type->rank, type->dims, count);
    if (!t) return sz_no_memory(x->ctx);
    const bool blob = end - p >= 2 && p[0] == '"' && end[-1] == '"';
    const bool good = blob ? read_blob(p + 1, end - 1, t, &have) : read_list(p, end, t, &have);
    if (good && fill(t, have)) *ret_numbers = t;
    return SZ_OK;
}
