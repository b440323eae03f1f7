// SPDX-License-Identifier: Apache-2.0
// The dtype table.
#include "model/graph/graph.h"

static const sz_dtype_info table[] = {
#define DTYPE(name, cls, bits, elements, bytes, onnx)                                              \
    {#name, SZ_CLASS_##cls, bits, elements, bytes, onnx},
#include "model/graph/dtypes.def"
#undef DTYPE
};

enum { N_DTYPES = sizeof table / sizeof *table };

int sz_dtype_count(void) { return N_DTYPES; }

const sz_dtype_info *sz_dtype_get(sz_dtype t) { return &table[t < N_DTYPES ? t : 0]; }

sz_dtype sz_dtype_by_name(const char *name) {
    for (int i = 1; i < N_DTYPES; i++)
        if (strcmp(table[i].name, name) == 0) return (sz_dtype)i;
    return 0;
}

sz_dtype sz_dtype_from_onnx(int64_t code) {
    for (int i = 1; i < N_DTYPES; i++)
        if (code >= 0 && table[i].onnx == code) return (sz_dtype)i; // -1: ONNX has none
    return 0;
}

int64_t sz_dtype_bytes(sz_dtype t, int64_t n) {
    const sz_dtype_info *d = sz_dtype_get(t);
    int64_t r;
    if (d->cls == SZ_CLASS_BLOCK) {
        int64_t blocks = n / d->block_elements + (n % d->block_elements != 0);
        return sz_mul(blocks, d->block_bytes, &r) ? r : -1;
    }
    if (d->bits % 8 == 0) return sz_mul(n, d->bits / 8, &r) ? r : -1;
    // n * bits / 8 rounded up, without forming n * bits
    return sz_mul(n / 8, d->bits, &r) && sz_add(r, (n % 8 * d->bits + 7) / 8, &r) ? r : -1;
}
