// SPDX-License-Identifier: Apache-2.0
// Lines through times of messages whose alpha and beta are known, and who is where.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/splitmix.h"
#include "machine/network/network.h"

enum { SIZES = 20 };

static bool within(double a, double b, double share) { return fabs(a - b) <= share * fabs(b); }

// 8 bytes to 4 MiB, as they are measured.
static void sizes(double bytes[SIZES]) {
    for (int i = 0; i < SIZES; i++) bytes[i] = ldexp(8, i);
}

// Uniform in 1 - share .. 1 + share.
static double noise(uint64_t *seed, double share) {
    return 1 + share * (2 * (double)(sz_splitmix(seed) >> 11) / 9007199254740992.0 - 1);
}

static void one_line(void **unused) {
    (void)unused;
    double bytes[SIZES], seconds[SIZES];
    sz_segment s[SZ_MOST_SEGMENTS];
    sizes(bytes);
    for (int i = 0; i < SIZES; i++) seconds[i] = 25e-6 + bytes[i] / 1.25e9;
    assert_int_equal(sz_fit_segments(bytes, seconds, SIZES, s), 1);
    assert_true(within(s[0].latency_s, 25e-6, 1e-9) && within(s[0].byte_per_s, 1.25e9, 1e-9));
    assert_int_equal(s[0].from_bytes, 8);
    assert_int_equal(s[0].to_bytes, 4 << 20);
    assert_int_equal(s[0].points, SIZES);
    assert_true(s[0].error < 1e-9);
    assert_true(within(sz_segments_s(s, 1, 1e6), 25e-6 + 1e6 / 1.25e9, 1e-9));
}

// Up to 4 KiB at once; then with a handshake, that is later but faster.
static double two(double bytes) { return bytes <= 4096 ? 1e-6 + bytes / 2e9 : 6e-6 + bytes / 9e9; }

static void two_lines(void **unused) {
    (void)unused;
    double bytes[SIZES], seconds[SIZES];
    sz_segment s[SZ_MOST_SEGMENTS];
    sizes(bytes);
    for (int i = 0; i < SIZES; i++) seconds[i] = two(bytes[i]);
    assert_int_equal(sz_fit_segments(bytes, seconds, SIZES, s), 2);
    assert_int_equal(s[0].to_bytes, 4096);
    assert_int_equal(s[1].from_bytes, 8192);
    assert_true(within(s[0].latency_s, 1e-6, 1e-6) && within(s[0].byte_per_s, 2e9, 1e-6));
    assert_true(within(s[1].latency_s, 6e-6, 1e-6) && within(s[1].byte_per_s, 9e9, 1e-6));
    assert_true(within(sz_segments_s(s, 2, 100), two(100), 1e-6));
    assert_true(within(sz_segments_s(s, 2, 1e8), two(1e8), 1e-6));
}

// 3 % of noise: the numbers come back within 5 %, and noise makes no lines of its own.
static void noisy_lines(void **unused) {
    (void)unused;
    double bytes[SIZES], seconds[SIZES];
    sz_segment s[SZ_MOST_SEGMENTS];
    int more = 0;
    sizes(bytes);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t state = seed;
        for (int i = 0; i < SIZES; i++) seconds[i] = two(bytes[i]) * noise(&state, 0.03);
        const size_t n = sz_fit_segments(bytes, seconds, SIZES, s);
        assert_true(n >= 2);
        more += n > 2;
        assert_true(within(s[0].latency_s, 1e-6, 0.05));
        assert_true(within(s[n - 1].byte_per_s, 9e9, 0.05));
        for (size_t k = 0; k < n; k++) assert_true(s[k].error < 0.07);
    }
    assert_true(more <= 5);
}

static void few_points(void **unused) {
    (void)unused;
    const double bytes[] = {8, 1024}, seconds[] = {2e-6, 3e-6}, flat[] = {3e-6, 2e-6};
    sz_segment s[SZ_MOST_SEGMENTS];
    assert_int_equal(sz_fit_segments(bytes, seconds, 2, s), 1);
    assert_true(within(s[0].byte_per_s, 1016e6, 1e-9));
    // a time that falls with the size: a start, and no cost of bytes
    assert_int_equal(sz_fit_segments(bytes, flat, 2, s), 1);
    assert_true(isnan(s[0].byte_per_s) && s[0].latency_s > 2e-6 && s[0].latency_s < 3e-6);
    assert_int_equal(sz_fit_segments(bytes, seconds, 1, s), 1);
    assert_true(within(s[0].latency_s, 2e-6, 1e-9));
}

// ---- ends --------------------------------------------------------------------------------------

// Two nodes of two sockets; the last rank may use both of its node.
static const sz_end ends[] = {
    {"a", 0, 2, 0}, {"a", 0, 2, 0}, {"a", 1, 2, 2}, {"b", 0, 1, 0}, {"b", -1, 4, 0}};

static void reaches(void **unused) {
    (void)unused;
    assert_int_equal(sz_reach_of(&ends[0], &ends[1]), SZ_SAME_SOCKET);
    assert_int_equal(sz_reach_of(&ends[0], &ends[2]), SZ_SAME_NODE);
    assert_int_equal(sz_reach_of(&ends[0], &ends[3]), SZ_ACROSS);
    assert_int_equal(sz_reach_of(&ends[3], &ends[4]), SZ_SAME_NODE);
}

static void teams(void **unused) {
    (void)unused;
    sz_team *t = malloc(sizeof *t);
    assert_non_null(t);
    assert_true(sz_team_pair(ends, 5, SZ_SAME_NODE, t));
    assert_int_equal(t->members[0], 0);
    assert_int_equal(t->members[1], 2);
    assert_false(t->crowded);
    assert_true(sz_team_pair(ends, 5, SZ_ACROSS, t));
    assert_int_equal(t->members[1], 3);
    assert_int_equal(t->nodes, 2);
    assert_false(sz_team_pair(ends + 3, 2, SZ_SAME_SOCKET, t));
    assert_true(sz_team_choose(ends, 5, SZ_EVERY_RANK, t));
    assert_int_equal(t->n, 5);
    assert_int_equal(t->nodes, 2);
    assert_true(sz_team_choose(ends, 5, SZ_ONE_NODE, t));
    assert_int_equal(t->n, 3);
    assert_string_equal(t->what, "the 3 ranks of a node");
    assert_true(sz_team_choose(ends, 5, SZ_ONE_OF_EACH_NODE, t));
    assert_int_equal(t->n, 2);
    assert_int_equal(t->members[1], 3);
    // all on one node: the node is all there is
    assert_false(sz_team_choose(ends, 3, SZ_ONE_NODE, t));
    assert_false(sz_team_choose(ends, 3, SZ_ONE_OF_EACH_NODE, t));
    free(t);
}

static void crowds(void **unused) {
    (void)unused;
    const sz_end one_cpu[] = {{"a", -1, 1, 0}, {"a", -1, 1, 0}, {"a", -1, 1, 1}};
    sz_team *t = malloc(sizeof *t);
    assert_non_null(t);
    assert_true(sz_team_pair(one_cpu, 3, SZ_SAME_NODE, t)); // 0 and 1, on the same CPU
    assert_true(t->crowded);
    assert_true(sz_team_pair(one_cpu + 1, 2, SZ_SAME_NODE, t));
    assert_false(t->crowded);
    free(t);
}

// The factors of nccl-tests' PERFORMANCE.md.
static void factors(void **unused) {
    (void)unused;
    const double want[] = {1, 1, 1.75, 0.875, 0.875, 0.875, 1};
    assert_int_equal(sz_n_exchanges, 7);
    for (size_t i = 0; i < 7; i++)
        assert_true(within(sz_exchange_factor(&sz_exchanges[i], 8), want[i], 1e-12));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_line),    cmocka_unit_test(two_lines),
                                       cmocka_unit_test(noisy_lines), cmocka_unit_test(few_points),
                                       cmocka_unit_test(reaches),     cmocka_unit_test(teams),
                                       cmocka_unit_test(crowds),      cmocka_unit_test(factors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
