// SPDX-License-Identifier: Apache-2.0
// The cut of least cost against all choices there are, on random small problems, and against
// shortest paths on chains.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/base.h"

#include "predict/cut.h"

enum { MOST_TASKS = 9, MOST_TENSORS = 14, MOST_READERS = 4, PROBLEMS = 3000 };

typedef struct small {
    double device[MOST_TASKS], host[MOST_TASKS];
    int32_t readers[MOST_TENSORS][MOST_READERS];
    sz_cut_tensor tensors[MOST_TENSORS];
    sz_cut_problem problem;
} small;

static uint64_t seed = 88172645463325252u;
static uint32_t roll(uint32_t n) { // xorshift64
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % n;
}

// A task can't run on the device in one case of four, on the host in one of sixteen.
static void make_tasks(small *s) {
    s->problem.n_tasks = 1 + roll(MOST_TASKS);
    for (size_t i = 0; i < s->problem.n_tasks; i++) {
        const bool on_device = roll(4) > 0;
        s->device[i] = on_device ? roll(100) : INFINITY;
        s->host[i] = on_device && roll(16) == 0 ? INFINITY : roll(300);
    }
}

// Tasks read what tasks before them made; the world reads and makes too.
static void make_tensor(small *s, sz_cut_tensor *t, int32_t *readers) {
    const int32_t n = (int32_t)s->problem.n_tasks;
    t->maker = (int32_t)roll((uint32_t)n + 1) - 1;
    t->n_readers = 1 + roll(MOST_READERS);
    t->readers = readers;
    t->cost = roll(80);
    for (size_t i = 0; i < t->n_readers; i++) {
        const int32_t left = n - (t->maker + 1);
        readers[i] = left > 0 && roll(8) > 0 ? t->maker + 1 + (int32_t)roll((uint32_t)left)
                                             : (int32_t)SZ_CUT_HOST;
    }
}

static void make(small *s) {
    s->problem = (sz_cut_problem){.device = s->device, .host = s->host, .tensors = s->tensors};
    make_tasks(s);
    s->problem.n_tensors = roll(MOST_TENSORS + 1);
    s->problem.one_part = roll(4) == 0;
    for (size_t i = 0; i < s->problem.n_tensors; i++) make_tensor(s, &s->tensors[i], s->readers[i]);
}

static double try_all(const small *s) {
    double best = INFINITY;
    for (uint32_t choice = 0; choice < 1u << s->problem.n_tasks; choice++) {
        bool on_host[MOST_TASKS] = {false};
        for (size_t i = 0; i < s->problem.n_tasks; i++) on_host[i] = choice >> i & 1;
        best = fmin(best, sz_cut_cost(&s->problem, on_host));
    }
    return best;
}

static void all_choices(void **state) {
    sz_ctx *ctx = *state;
    int impossible = 0, mixed = 0;
    for (int k = 0; k < PROBLEMS; k++) {
        small s;
        bool on_host[MOST_TASKS] = {false};
        double cost = NAN;
        make(&s);
        const double want = try_all(&s);
        const sz_status status = sz_cut_solve(ctx, &s.problem, on_host, &cost);
        impossible += isinf(want);
        assert_int_equal(status, isinf(want) ? SZ_ERR_UNAVAILABLE : SZ_OK);
        if (status != SZ_OK) continue;
        if (!(fabs(cost - want) <= 1e-9 * (1 + want)))
            fail_msg("problem %d: %g, and %g is possible", k, cost, want);
        for (size_t i = 1; i < s.problem.n_tasks; i++)
            if (on_host[i] != on_host[0]) {
                mixed++;
                break;
            }
    }
    // The test has to meet what it is about.
    assert_true(impossible > 20 && mixed > PROBLEMS / 4);
}

// A tensor that many read crosses once: three readers on the host, one crossing of 10.
static void crosses_once(void **state) {
    static const double device[] = {1, INFINITY, INFINITY, INFINITY}, host[] = {50, 1, 1, 1};
    static const int32_t readers[] = {1, 2, 3};
    static const sz_cut_tensor t = {0, readers, 3, 10};
    const sz_cut_problem p = {4, device, host, 1, &t, false};
    bool on_host[4];
    double cost = NAN;
    assert_int_equal(sz_cut_solve(*state, &p, on_host, &cost), SZ_OK);
    assert_true(cost == 1 + 3 + 10 && !on_host[0] && on_host[1] && on_host[2] && on_host[3]);
}

// Between two tasks of the host stands one that the device does in 1 and the host in 15. Going
// there and back takes 20: it is drawn to the host. At 4 it is not.
static void drawn_to_the_host(void **state) {
    static const double device[] = {INFINITY, 1, INFINITY}, host[] = {1, 15, 1};
    static const int32_t one[] = {1}, two[] = {2};
    bool on_host[3];
    double cost = NAN;
    for (int far = 0; far < 2; far++) {
        const sz_cut_tensor t[] = {{0, one, 1, far ? 10 : 2}, {1, two, 1, far ? 10 : 2}};
        const sz_cut_problem p = {3, device, host, 2, t, false};
        assert_int_equal(sz_cut_solve(*state, &p, on_host, &cost), SZ_OK);
        assert_true(on_host[1] == (far == 1) && cost == (far ? 17 : 7));
    }
}

// A compiler that cuts once: what follows a task of the host stays there.
static void one_part(void **state) {
    static const double device[] = {1, INFINITY, 1}, host[] = {100, 1, 100};
    static const int32_t one[] = {1}, two[] = {2};
    static const sz_cut_tensor t[] = {{0, one, 1, 1}, {1, two, 1, 1}};
    sz_cut_problem p = {3, device, host, 2, t, false};
    bool on_host[3];
    double cost = NAN;
    assert_int_equal(sz_cut_solve(*state, &p, on_host, &cost), SZ_OK);
    assert_true(cost == 5 && !on_host[2]);
    p.one_part = true;
    assert_int_equal(sz_cut_solve(*state, &p, on_host, &cost), SZ_OK);
    assert_true(cost == 1 + 1 + 1 + 100 && !on_host[0] && on_host[2]);
}

// ---- chains: the shortest path through two rows of states --------------------------------------

enum { CHAIN = 20000 };

static double shortest_path(const double *device, const double *host, const sz_cut_tensor *t) {
    double on_device = device[0], on_host = host[0];
    for (size_t i = 1; i < CHAIN; i++) {
        const double d = fmin(on_device, on_host + t[i - 1].cost) + device[i];
        on_host = fmin(on_host, on_device + t[i - 1].cost) + host[i];
        on_device = d;
    }
    return fmin(on_device, on_host);
}

static void chains(void **state) {
    static double device[CHAIN], host[CHAIN];
    static int32_t next[CHAIN];
    static sz_cut_tensor t[CHAIN];
    static bool on_host[CHAIN];
    double cost = NAN;
    for (int32_t i = 0; i < CHAIN; i++) {
        device[i] = roll(5) == 0 ? INFINITY : roll(1000), host[i] = roll(2000);
        next[i] = i + 1;
        t[i] = (sz_cut_tensor){i, &next[i], 1, roll(800)};
    }
    const sz_cut_problem p = {CHAIN, device, host, CHAIN - 1, t, false};
    const clock_t start = clock();
    assert_int_equal(sz_cut_solve(*state, &p, on_host, &cost), SZ_OK);
    const double s = (double)(clock() - start) / CLOCKS_PER_SEC;
    const double want = shortest_path(device, host, t);
    print_message("a chain of %d nodes is cut in %.3f s\n", CHAIN, s);
    if (!(fabs(cost - want) <= 1e-9 * want)) fail_msg("%.9g, not %.9g", cost, want);
    assert_true(s < 10);
}

static int open_ctx(void **state) {
    *state = sz_ctx_create(NULL);
    return *state ? 0 : -1;
}

static int close_ctx(void **state) {
    sz_ctx_clear(*state);
    const size_t left = sz_ctx_memory_used(*state);
    sz_ctx_destroy(*state);
    return left == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_choices), cmocka_unit_test(crosses_once),
        cmocka_unit_test(drawn_to_the_host), cmocka_unit_test(one_part), cmocka_unit_test(chains)};
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}
