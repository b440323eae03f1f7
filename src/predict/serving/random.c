// SPDX-License-Identifier: Apache-2.0
#include "predict/serving/random.h"

#include <math.h>
#include <string.h>

#include "base/splitmix.h"

// ln 2 in two parts: the first has zeros at its end, so products with small integers are exact.
static const double ln2_hi = 0x1.62e42fefa0000p-1, ln2_lo = 0x1.cf79abc9e3b3ap-40;

uint64_t sz_random_bits(sz_random *r) { return sz_splitmix(&r->state); }

double sz_random_uniform(sz_random *r) {
    return ((double)(sz_random_bits(r) >> 12) + 0.5) * 0x1p-52;
}

// x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m + 1)), a series in z^2
// with z^2 < 0.03.
double sz_exact_log(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | ((uint64_t)1023 << 52);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) m /= 2, e++;
    const double z = (m - 1) / (m + 1), z2 = z * z;
    double sum = 0;
    for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * z2;
    return e * ln2_hi + (e * ln2_lo + 2 * z * sum + 2 * z);
}

// e^x = 2^k e^r with |r| <= ln 2 / 2, by Taylor.
double sz_exact_exp(double x) {
    if (x > 700) x = 700;
    if (x < -700) x = -700;
    const double scaled = x / (ln2_hi + ln2_lo);
    const int k = (int)(scaled + (scaled < 0 ? -0.5 : 0.5));
    const double r = (x - k * ln2_hi) - k * ln2_lo;
    double sum = 1;
    for (int i = 17; i >= 1; i--) sum = 1 + sum * r / i;
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

double sz_random_exponential(sz_random *r) { return -sz_exact_log(sz_random_uniform(r)); }

// Marsaglia's polar method.
double sz_random_normal(sz_random *r) {
    double u, v, s;
    do {
        u = 2 * sz_random_uniform(r) - 1;
        v = 2 * sz_random_uniform(r) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s < 1e-300);
    return u * sqrt(-2 * sz_exact_log(s) / s);
}

// Marsaglia and Tsang 2000; below 1 by gamma(shape + 1) u^(1 / shape).
double sz_random_gamma(sz_random *r, double shape) {
    double boost = 1;
    if (shape < 1) {
        boost = sz_exact_exp(sz_exact_log(sz_random_uniform(r)) / shape);
        shape += 1;
    }
    const double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = sz_random_normal(r), t = 1 + c * x, v = t * t * t;
        if (v <= 0) continue;
        if (sz_exact_log(sz_random_uniform(r)) < 0.5 * x * x + d - d * v + d * sz_exact_log(v))
            return boost * d * v;
    }
}
