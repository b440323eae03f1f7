// SPDX-License-Identifier: Apache-2.0
// Can a reading be trusted? Statistics on samples made up, verdicts on evidence made up, and every
// way to fool a measurement that is known to us, with readings put in by hand or made to go wrong.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/machine.h"
#include "machine/measure/stopwatch.h"
#include "machine/measure/traps.h"
#include "machine/measure/verdict.h"
#include "machine/survey.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/pin.h"
#include "os/procfs.h"
#include "tree.h"

// ---- statistics --------------------------------------------------------------------------------

static uint64_t state_of_random = 0x9e3779b97f4a7c15u;

static double uniform(void) { // xorshift64*: Vigna, ACM TOMS 42(4), 2016
    uint64_t x = state_of_random;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    state_of_random = x;
    return (double)((x * 0x2545f4914f6cdd1du) >> 11) * 0x1p-53;
}

static double normal(void) { // Box and Muller, 1958
    return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

static void known_numbers(void **state) {
    double samples[] = {5, 1, 4, 2, 3};
    (void)state;
    const sz_stats s = sz_stats_of(samples, 5);
    assert_true(s.n == 5 && s.median == 3 && s.best == 5);
    assert_true(fabs(s.p5 - 1.2) < 1e-12 && fabs(s.p95 - 4.8) < 1e-12);
    assert_true(fabs(s.spread - 1.2) < 1e-12 && s.modes == 0);
    assert_true(sz_stats_error(&s) == 1); // too few to say
    double one[] = {7};
    const sz_stats t = sz_stats_of(one, 1);
    assert_true(t.median == 7 && t.p5 == 7 && t.p95 == 7 && t.ci_lo == 7 && t.spread == 0);
    const sz_stats sum = sz_stats_sum(s, t);
    assert_true(sum.n == 6 && sum.median == 10 && sum.best == 12);
}

// A quarter of the batches interrupted: the median stays, the mean does not.
static void median_survives_interruptions(void **state) {
    double samples[1000], mean = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        samples[i] = 100 * (1 + 0.002 * normal()) / (i % 4 == 0 ? 1 + 5 * uniform() : 1);
        mean += samples[i] / 1000;
    }
    const sz_stats s = sz_stats_of(samples, 1000);
    assert_true(fabs(s.median / 100 - 1) < 0.005);
    assert_true(mean < 90);
}

// The interval holds the true median as often as it says.
static void interval_covers(void **state) {
    int inside = 0;
    (void)state;
    for (int trial = 0; trial < 1000; trial++) {
        double samples[60];
        for (int i = 0; i < 60; i++) samples[i] = exp(0.3 * normal()); // skewed; its median is 1
        const sz_stats s = sz_stats_of(samples, 60);
        inside += s.ci_lo <= 1 && s.ci_hi >= 1;
    }
    assert_in_range(inside, 925, 985);
}

static void two_speeds_are_seen(void **state) {
    double samples[400];
    (void)state;
    // One load series stood at 103 bytes a cycle for minutes and at 126 for the rest.
    for (int i = 0; i < 400; i++) samples[i] = (i % 3 ? 126 : 103) * (1 + 0.005 * normal());
    assert_true(fabs(sz_stats_of(samples, 400).modes - 0.18) < 0.03);
    for (int i = 0; i < 400; i++) samples[i] = 126 * (1 + 0.05 * normal());
    assert_true(sz_stats_of(samples, 400).modes == 0); // wide, but one
    for (int i = 0; i < 400; i++) samples[i] = 100 + 20 * uniform();
    assert_true(sz_stats_of(samples, 400).modes == 0);
    for (int i = 0; i < 400; i++) samples[i] = i < 10 ? 50 : 100 * (1 + 0.001 * normal());
    assert_true(sz_stats_of(samples, 400).modes == 0); // a few outliers are no second speed
    for (int i = 0; i < 400; i++) samples[i] = i % 2 ? 100 : 101;
    assert_true(sz_stats_of(samples, 400).modes == 0); // two, but too near to matter
    for (int i = 0; i < 400; i++) samples[i] = 3e11;   // and all the same
    assert_true(sz_stats_of(samples, 400).modes == 0);
}

// ---- verdicts ----------------------------------------------------------------------------------

static sz_evidence quiet(void) {
    return (sz_evidence){.batches = 100,
                         .pinned = true,
                         .cpu_share = 0.999,
                         .window_share = 0.97,
                         .spread = 0.02,
                         .cycle_spread = 0.01,
                         .error = 0.002};
}

static void assert_verdict(sz_evidence e, sz_verdict expected) {
    assert_string_equal(sz_verdict_name(sz_verdict_of(&e)), sz_verdict_name(expected));
    assert_true((expected == SZ_VALID) == (sz_verdict_next_step(expected)[0] == '\0'));
}

#define WITH(field, value, verdict)                                                                \
    do {                                                                                           \
        sz_evidence e_ = quiet();                                                                  \
        e_.field = (value);                                                                        \
        assert_verdict(e_, verdict);                                                               \
    } while (0)

static void verdicts(void **state) {
    (void)state;
    assert_verdict(quiet(), SZ_VALID);
    WITH(pinned, false, SZ_CONTENDED);
    WITH(shared_cpu, true, SZ_CONTENDED);
    WITH(cpu_share, 0.5, SZ_CONTENDED);    // a neighbour on the same CPU
    WITH(cpu_share, SZ_UNKNOWN, SZ_VALID); // what is not known accuses nobody
    WITH(window_share, 0.6, SZ_CONTENDED); // steal: the thread believes that it ran
    WITH(window_share, SZ_UNKNOWN, SZ_VALID);
    WITH(involuntary, 3, SZ_VALID); // short tasks of the system, that took no time
    sz_evidence i = quiet();
    i.involuntary = 3, i.cpu_share = 0.95; // and such that took some
    assert_verdict(i, SZ_CONTENDED);
    i.cpu_share = SZ_UNKNOWN; // how much is not known
    assert_verdict(i, SZ_CONTENDED);
    i.involuntary = 2; // the timer tick
    assert_verdict(i, SZ_VALID);
    WITH(clock_change, -0.08, SZ_THROTTLED);
    WITH(clock_change, 0.08, SZ_UNSTEADY);
    WITH(modes, 0.18, SZ_UNSTEADY);
    WITH(drift, -0.05, SZ_UNSTEADY);
    WITH(error, 0.04, SZ_NOISY);
    sz_evidence e = quiet();
    e.spread = 0.12, e.cycle_spread = 0.01; // the rate moves and the work per cycle does not
    assert_verdict(e, SZ_THROTTLED);
    e.cycle_spread = 0.11;
    assert_verdict(e, SZ_NOISY);
    e.noisy = 0.2; // main memory
    assert_verdict(e, SZ_VALID);
    e.modes = 0.3, e.cpu_share = 0.4; // the cause comes before what it causes
    assert_verdict(e, SZ_CONTENDED);
}

// What a core has for itself: once its level was met, twice and by many, what happened to the other
// batches matters no more.
static void level_of_own_work(void **state) {
    (void)state;
    sz_evidence e = quiet();
    e.own = true, e.reached = 2, e.tail = 0.002;
    e.cpu_share = 0.5, e.window_share = 0.4, e.spread = 0.8, e.involuntary = 40, e.modes = 0.3;
    assert_verdict(e, SZ_VALID);
    e.own = false; // shared memory is read at its median, which they move
    assert_verdict(e, SZ_CONTENDED);
    e.own = true, e.reached = 1; // by accident, perhaps
    assert_verdict(e, SZ_CONTENDED);
    e.reached = 3, e.tail = 0.03; // no two batches alike: a neighbour let some through
    assert_verdict(e, SZ_CONTENDED);
    e.tail = 0.002, e.shared_cpu = true; // the threads disturbed each other
    assert_verdict(e, SZ_CONTENDED);
    e.shared_cpu = false, e.clock_change = -0.08;
    assert_verdict(e, SZ_THROTTLED);
}

// Most batches slowed by a stranger on the same core, whom nothing shows: the top stays where it
// is, and is a plateau; without one it is none.
static void top_survives_strangers(void **state) {
    double samples[800];
    (void)state;
    for (int i = 0; i < 800; i++)
        samples[i] = 32 * (i % 10 == 0 ? 1 + 0.001 * normal() : 0.7 + 0.2 * uniform());
    const sz_stats s = sz_stats_of(samples, 800);
    assert_true(fabs(s.top / 32 - 1) < 0.005 && s.tail < 0.005);
    assert_true(s.median < 28);
    for (int i = 0; i < 800; i++) samples[i] = 32 * (0.7 + 0.2 * uniform() * uniform());
    assert_true(sz_stats_of(samples, 800).tail > 0.01);
}

// ---- traps 1 to 3: work that was not done ------------------------------------------------------

static void hoisted(void *user, int thread, int64_t n) { (void)user, (void)thread, (void)n; }

static void spin(void *user, int thread, int64_t n) {
    volatile uint64_t *sum = user;
    uint64_t x = (uint64_t)thread;
    for (int64_t i = 0; i < n; i++) x = x * 6364136223846793005u + 1442695040888963407u;
    *sum = x;
}

static int first_cpu(void) {
    int cpu = 0;
    sz_pin_allowed(&cpu, 1);
    return cpu;
}

static void hoisted_call_is_no_record(void **state) {
    const int cpu = first_cpu();
    const sz_watch watch = {.cpus = &cpu, .n_threads = 1, .round_s = 0.01, .budget_s = 0.5};
    const sz_work work = {hoisted, NULL, 32};
    sz_reading r;
    assert_int_equal(sz_watch_time(*state, &watch, &work, &r), SZ_OK);
    assert_non_null(r.why_not);
    uint64_t sum = 0;
    const sz_work real = {spin, &sum, 1};
    assert_int_equal(sz_watch_time(*state, &watch, &real, &r), SZ_OK);
    assert_null(r.why_not);
    assert_true(r.rate.median > 1e7 && r.rate.median < 1e11);
}

static void faster_than_the_ports(void **state) {
    (void)state;
    assert_true(sz_trap_too_fast(126, 64)); // a tool with half the clock
    assert_true(sz_trap_too_fast(1600 * 64, 64));
    assert_false(sz_trap_too_fast(63.9, 64));
    assert_false(sz_trap_too_fast(66, 64)); // the clock is known to a few per cent
}

// ---- trap 4: data that is none -----------------------------------------------------------------

static void zeros_are_no_data(void **state) {
    enum { SIZE = 1 << 20 };
    uint64_t *words = sz_pages_map(SIZE);
    (void)state;
    assert_non_null(words);
    assert_true(sz_trap_constant(words, SIZE)); // pages that nobody has written
    for (size_t i = 0; i < SIZE / 8; i++) words[i] = 0x3f8000003f800000u;
    assert_true(sz_trap_constant(words, SIZE)); // ones are no better
    for (size_t i = 0; i < SIZE / 8; i++) words[i] = (uint64_t)(uniform() * 1e18);
    assert_false(sz_trap_constant(words, SIZE));
    assert_true(sz_trap_constant(words, 8)); // too little to say
    sz_pages_unmap(words, SIZE);
}

// ---- traps 5 and 7: threads on one CPU ---------------------------------------------------------

// Two threads bound to one CPU: a spinning barrier would cost a time slice for each meeting. Ours
// sleeps, and the verdict says what is wrong.
static void both_threads_on_one_cpu(void **state) {
    const int cpu = first_cpu(), cpus[2] = {cpu, cpu};
    const sz_watch watch = {.cpus = cpus, .n_threads = 2, .round_s = 0.02, .budget_s = 0.1};
    uint64_t sum = 0;
    const sz_work work = {spin, &sum, 1};
    sz_reading r;
    const double start = sz_clock_s();
    sz_status status = sz_watch_time(*state, &watch, &work, &r);
    assert_true(sz_clock_s() - start < 5);
    // On so short a time the two may never have been at work together: that is no reading either.
    if (status == SZ_OK)
        assert_int_equal(r.verdict, SZ_CONTENDED);
    else
        assert_int_equal(status, SZ_ERR_UNAVAILABLE);
}

static void shared_cores(void **state) {
    (void)state;
    assert_true(sz_trap_shared_cores(250e9, 252e9, 2)); // SMT siblings
    assert_false(sz_trap_shared_cores(250e9, 498e9, 2));
    assert_false(sz_trap_shared_cores(250e9, 200e9, 1));
}

// ---- trap 8: a wrong clock ---------------------------------------------------------------------

static void wrong_clocks(void **state) {
    (void)state;
    assert_false(sz_clocks_agree(3.88e9, 1.94e9));  // an addition that takes 2 cycles
    assert_false(sz_clocks_agree(3.88e9, 2.596e9)); // the time-stamp counter
    assert_true(sz_clocks_agree(3.87e9, 3.93e9));
}

// ---- trap 9: caches by hearsay -----------------------------------------------------------------

// What the system says stays beside what was found, and a note says that they differ.
static void hypervisor_lies_about_caches(void **state) {
    static const int64_t honest[] = {42 << 10, 1 << 20, 24 << 20},
                         lie[] = {42 << 10, 1 << 20, 4 << 20};
    char root[64];
    sz_machine *m = NULL;
    tree_unpack(*state, "vm-no-pmu", root, sizeof root); // L3 32 MiB, it says
    assert_int_equal(sz_machine_describe(*state, root, &m), SZ_OK);
    tree_remove(root);
    assert_int_equal(sz_use_knees(m, 2, honest, 3), SZ_OK);
    assert_int_equal(m->notes.n, 0);
    assert_int_equal(sz_use_knees(m, 2, lie, 3), SZ_OK);
    assert_int_equal(m->notes.n, 1);
    assert_non_null(strstr(m->notes.items[0], "L3: the system says 32768 KiB"));
    assert_int_equal(m->levels.items[2].level.capacity_bytes, 32 << 20);
    assert_int_equal(m->levels.items[2].level.knee_bytes, 4 << 20);
    sz_machine_destroy(m);
}

// ---- trap 10: time that others got -------------------------------------------------------------

static void stolen_time(void **state) {
    char root[64];
    assert_true(sz_was_stolen(20, 100, 10)); // 0.2 s of 10
    assert_false(sz_was_stolen(5, 100, 10));
    assert_false(sz_was_stolen(-3, 100, 10)); // not known
    assert_false(sz_was_stolen(0, 100, 10));
    tree_unpack(*state, "vm-no-pmu", root, sizeof root);
    assert_int_equal(sz_proc_steal_ticks(root), 5687);
    assert_true(fabs(sz_proc_steal_share(root) - 0.00773) < 1e-4);
    tree_remove(root);
    assert_int_equal(sz_proc_steal_ticks("/nonexistent"), -1);
}

// ---- trap 11: taking turns ---------------------------------------------------------------------

typedef struct turn_log {
    char order[64];
    size_t n;
    uint64_t sum;
} turn_log;

typedef struct turn {
    turn_log *log;
    char name;
} turn;

static void logged_spin(void *user, int thread, int64_t n) {
    turn *t = user;
    turn_log *l = t->log;
    if (l->n == 0 || l->order[l->n - 1] != t->name)
        if (l->n + 1 < sizeof l->order) l->order[l->n++] = t->name;
    spin(&l->sum, thread, n);
}

// A round of each in turn: a disturbance of a second meets all of them, not one.
static void works_take_turns(void **state) {
    const int cpu = first_cpu();
    turn_log log = {.n = 0};
    turn a = {&log, 'a'}, b = {&log, 'b'};
    const sz_watch watch = {.cpus = &cpu, .n_threads = 1, .round_s = 0.004, .budget_s = 0.5};
    const sz_watch watches[] = {watch, watch};
    const sz_work works[] = {{logged_spin, &a, 1}, {logged_spin, &b, 1}};
    sz_reading r[2];
    assert_int_equal(sz_watch_interleave(*state, watches, works, 2, r), SZ_OK);
    assert_true(log.n >= 4);
    for (size_t i = 0; i < log.n; i++) assert_int_equal(log.order[i], i % 2 ? 'b' : 'a');
    assert_true(r[0].rate.n > 0 && r[1].rate.n > 0);
}

static int make_ctx(void **state) {
    *state = sz_ctx_create(NULL);
    return *state ? 0 : -1;
}

static int drop_ctx(void **state) {
    const size_t left = sz_ctx_memory_used(*state);
    sz_ctx_destroy(*state);
    return left == 0 ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_ctx, drop_ctx)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(known_numbers),
        TEST(median_survives_interruptions),
        TEST(interval_covers),
        TEST(two_speeds_are_seen),
        TEST(level_of_own_work),
        TEST(top_survives_strangers),
        TEST(verdicts),
        TEST(hoisted_call_is_no_record),
        TEST(faster_than_the_ports),
        TEST(zeros_are_no_data),
        TEST(both_threads_on_one_cpu),
        TEST(shared_cores),
        TEST(wrong_clocks),
        TEST(hypervisor_lies_about_caches),
        TEST(stolen_time),
        TEST(works_take_turns),
    };
    tree_folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
