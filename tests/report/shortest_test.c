// SPDX-License-Identifier: Apache-2.0
// The shortest digits of a double, beside those that the C library finds.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/splitmix.h"
#include "report/shortest.h"

// What the C library gives, in the "C" locale that this test runs in.
static void shortest_as_by_printf(double v) {
    char text[64], want[64] = "";
    const size_t n = sz_shortest(v, text);
    if (n == 0) fail_msg("%.17g: no digits", v);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(want, sizeof want, "%.*g", digits, v);
        if (strtod(want, NULL) == v) break;
    }
    text[n] = '\0';
    assert_string_equal(text, want);
}

static void shortest_digits(void **state) {
    (void)state;
    char text[SZ_SHORTEST_SIZE];
    uint64_t seed = 1;
    for (int power = -13; power < 50; power++) { // powers of two, and what stands next to them
        const double v = ldexp(1, power);
        shortest_as_by_printf(v);
        shortest_as_by_printf(nextafter(v, 0));
        shortest_as_by_printf(-nextafter(v, 2 * v));
    }
    for (double ten = 1e-3; ten < 2e15; ten *= 10) shortest_as_by_printf(nextafter(ten, 0));
    shortest_as_by_printf(1e-4);
    shortest_as_by_printf(5e14 + 0.5);
    for (int round = 0; round < 200000; round++) {
        const uint64_t bits = sz_splitmix(&seed);
        const double v = ldexp(1 + (double)(bits >> 12) / 0x1p52, (int)(bits % 62) - 13);
        if (v < 1e15) shortest_as_by_printf(v);
    }
    assert_int_equal(sz_shortest(0, text), 0);
    assert_int_equal(sz_shortest(1e15, text), 0);
    assert_int_equal(sz_shortest(nextafter(1e-4, 0), text), 0);
    assert_int_equal(sz_shortest(NAN, text), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shortest_digits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
