// SPDX-License-Identifier: Apache-2.0
#include "explore/sobol.h"

// Primitive polynomial (degree, inner coefficients) and first direction numbers of dimensions 1 to
// 20; dimension 0 is van der Corput's.
static const struct {
    uint8_t degree, inner, first[7];
} rows[SZ_SOBOL_DIMENSIONS - 1] = {
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
};

// The next direction number by those before it (Bratley and Fox 1988, equation 2).
static uint32_t direction(const uint32_t *v, unsigned k, unsigned degree, unsigned inner) {
    uint32_t next = v[k - degree] ^ v[k - degree] >> degree;
    for (unsigned j = 1; j < degree; j++)
        if (inner >> (degree - 1 - j) & 1) next ^= v[k - j];
    return next;
}

uint32_t sz_sobol(size_t dimension, uint32_t i) {
    uint32_t v[32], x = 0;
    for (unsigned k = 0; k < 32 && i >> k; k++) {
        if (dimension == 0)
            v[k] = UINT32_C(1) << (31 - k);
        else if (k < rows[dimension - 1].degree)
            v[k] = (uint32_t)rows[dimension - 1].first[k] << (31 - k);
        else
            v[k] = direction(v, k, rows[dimension - 1].degree, rows[dimension - 1].inner);
        if (i >> k & 1) x ^= v[k];
    }
    return x;
}
