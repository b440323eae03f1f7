// SPDX-License-Identifier: Apache-2.0
// Overheads: what small pieces of work pay beside the work.
#include "machine/survey.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/pages.h"
#include "os/pin.h"

enum { MAX_SAMPLES = 400 };

// ---- calls -------------------------------------------------------------------------------------

static void run_timer(void *user, int thread, int64_t n) {
    double *sink = user;
    (void)thread;
    for (int64_t i = 0; i < n; i++) *sink += sz_clock_s();
}

static void run_syscall(void *user, int thread, int64_t n) {
    double *sink = user;
    (void)thread;
    for (int64_t i = 0; i < n; i++) *sink += (double)syscall(SYS_getppid);
}

// An operator as an interpreter of nets starts it: a kernel found through a pointer in a table.
typedef struct operator_row {
    int64_t (*run)(const struct operator_row *row, int64_t x);
    int64_t constant;
} operator_row;

static int64_t op_add(const operator_row *row, int64_t x) { return x + row->constant; }
static int64_t op_xor(const operator_row *row, int64_t x) { return x ^ row->constant; }
static int64_t op_sub(const operator_row *row, int64_t x) { return x - row->constant; }

static void run_dispatch(void *user, int thread, int64_t n) {
    static const operator_row rows[] = {{op_add, 1}, {op_xor, 5}, {op_add, 7}, {op_sub, 3},
                                        {op_xor, 9}, {op_sub, 2}, {op_add, 4}, {op_xor, 8}};
    const operator_row *volatile table = rows; // so that the compiler cannot see the functions
    double *sink = user;
    int64_t x = 1;
    (void)thread;
    for (int64_t i = 0; i < n; i++) {
        const operator_row *row = &table[i % 8];
        x = row->run(row, x);
    }
    *sink += (double)x;
}

static sz_status time_call(sz_survey *s, void (*run)(void *, int, int64_t), double *ret_s) {
    double sink = 0;
    const sz_watch watch = sz_survey_watch(s, false, 0.02, 0.04);
    const sz_work work = {run, &sink, 1};
    sz_reading r;
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    *ret_s = 1 / r.rate.median;
    return SZ_OK;
}

// ---- samples on one thread ---------------------------------------------------------------------

typedef struct series {
    sz_survey *survey;
    double samples[MAX_SAMPLES]; // seconds each
    size_t n;
    double until;
} series;

static void add_sample(series *t, double seconds) {
    if (t->n < MAX_SAMPLES) t->samples[t->n++] = seconds;
}

static bool goes_on(const series *t) {
    const volatile int *stop = t->survey->options->stop;
    return t->n < MAX_SAMPLES && sz_clock_s() < t->until && !(stop && *stop);
}

// The median of what `run` sampled on a pinned thread of its own; NaN when it sampled nothing.
static sz_status time_series(sz_survey *s, void (*run)(void *, int, int64_t), double seconds,
                             double *ret_s) {
    const sz_watch one = sz_survey_watch(s, false, 1, 1);
    series *t = sz_alloc(s->ctx, sizeof *t);
    const sz_work work = {run, t, 1};
    if (!t) return sz_no_memory(s->ctx);
    t->survey = s;
    t->until = sz_clock_s() + seconds * s->scale;
    sz_status status = sz_survey_check(s);
    if (status == SZ_OK) status = sz_watch_once(s->ctx, &one, &work);
    *ret_s = t->n > 0 ? sz_stats_of(t->samples, t->n).median : SZ_NAN;
    sz_free(s->ctx, t, sizeof *t);
    return status;
}

// ---- page faults -------------------------------------------------------------------------------

static void touch_small(void *user, int thread, int64_t n) {
    enum { PAGE = 4096, PAGES = 1024, EACH = 64 };
    series *t = user;
    (void)thread, (void)n;
    while (goes_on(t)) {
        volatile unsigned char *p = sz_pages_map_small((size_t)PAGE * PAGES);
        if (!p) return;
        for (int page = 0; page < PAGES; page += EACH) {
            const double start = sz_clock_s();
            for (int i = 0; i < EACH; i++) p[(size_t)(page + i) * PAGE] = 1;
            add_sample(t, (sz_clock_s() - start) / EACH);
        }
        sz_pages_unmap((void *)(uintptr_t)p, (size_t)PAGE * PAGES);
    }
}

static void touch_huge(void *user, int thread, int64_t n) {
    const size_t page = (size_t)2 << 20, pages = 8;
    series *t = user;
    (void)thread, (void)n;
    while (goes_on(t)) {
        const int64_t before = sz_pages_huge();
        volatile unsigned char *p = sz_pages_map(page * pages);
        if (!p) return;
        const size_t first = t->n;
        for (size_t i = 0; i < pages; i++) {
            const double start = sz_clock_s();
            p[i * page] = 1;
            add_sample(t, sz_clock_s() - start);
        }
        const bool huge = before >= 0 && sz_pages_huge() - before >= (int64_t)(page * pages);
        sz_pages_unmap((void *)(uintptr_t)p, page * pages);
        if (!huge) { // the system gave small pages
            t->n = first;
            return;
        }
    }
}

// ---- threads -----------------------------------------------------------------------------------

static void *nothing(void *arg) { return arg; }

static void create_and_join(void *user, int thread, int64_t n) {
    series *t = user;
    (void)thread, (void)n;
    while (goes_on(t)) {
        pthread_t made;
        const double start = sz_clock_s();
        if (pthread_create(&made, NULL, nothing, NULL) != 0) return;
        pthread_join(made, NULL);
        add_sample(t, sz_clock_s() - start);
    }
}

// Threads that wait for the next parallel piece of work: awake for a short while, then asleep. A
// thread that only ever spins would starve others where there are more threads than CPUs.
typedef struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_int turn, done, asleep;
    atomic_bool quit;
} pool;

typedef struct member {
    pool *pool;
    pthread_t thread;
    int cpu;
} member;

enum { SPINS = 2000 };

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void wait_for_turn(pool *p, int seen) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&p->turn) != seen) return;
        relax();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->asleep, 1);
    while (atomic_load(&p->turn) == seen) pthread_cond_wait(&p->changed, &p->mutex);
    atomic_fetch_sub(&p->asleep, 1);
    pthread_mutex_unlock(&p->mutex);
}

static void *member_main(void *arg) {
    member *m = arg;
    sz_pin_self(m->cpu);
    for (int seen = 0;; seen++) {
        wait_for_turn(m->pool, seen);
        if (atomic_load(&m->pool->quit)) return NULL;
        atomic_fetch_add(&m->pool->done, 1);
    }
}

// The turn changes before the sleepers are counted, and a member counts itself before it looks at
// the turn once more, so none sleeps through a turn.
static void next_turn(pool *p) {
    atomic_fetch_add(&p->turn, 1);
    if (atomic_load(&p->asleep) == 0) return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static double fork_and_join(pool *p, int members) {
    const double start = sz_clock_s();
    atomic_store(&p->done, 0);
    next_turn(p);
    for (int i = 0; atomic_load(&p->done) < members; i++)
        if (i < SPINS)
            relax();
        else
            sched_yield();
    return sz_clock_s() - start;
}

static void sample_hot(series *t, pool *p, int members) {
    enum { EACH = 8 };
    while (goes_on(t)) {
        double sum = 0;
        for (int i = 0; i < EACH; i++) sum += fork_and_join(p, members);
        add_sample(t, sum / EACH);
    }
}

static void sample_idle(series *t, pool *p, int members) {
    const struct timespec rest = {0, 20 * 1000 * 1000};
    while (goes_on(t)) {
        nanosleep(&rest, NULL);
        add_sample(t, fork_and_join(p, members));
    }
}

static void with_pool(series *t, void (*sample)(series *, pool *, int)) {
    sz_survey *s = t->survey;
    const size_t size = (size_t)s->n_cpus * sizeof(member);
    pool p = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    member *members = sz_alloc(s->ctx, size);
    int made = 0;
    if (!members) return;
    for (; made + 1 < s->n_cpus; made++) {
        members[made] = (member){.pool = &p, .cpu = s->cpus[made + 1]};
        if (pthread_create(&members[made].thread, NULL, member_main, &members[made]) != 0) break;
    }
    if (made + 1 == s->n_cpus) sample(t, &p, made);
    atomic_store(&p.quit, true);
    next_turn(&p);
    for (int i = 0; i < made; i++) pthread_join(members[i].thread, NULL);
    pthread_cond_destroy(&p.changed);
    pthread_mutex_destroy(&p.mutex);
    sz_free(s->ctx, members, size);
}

static void run_hot(void *user, int thread, int64_t n) {
    (void)thread, (void)n;
    with_pool(user, sample_hot);
}

static void run_idle(void *user, int thread, int64_t n) {
    (void)thread, (void)n;
    with_pool(user, sample_idle);
}

// ---- all ---------------------------------------------------------------------------------------

sz_status sz_measure_overheads(sz_survey *s) {
    sz_overhead *o = &s->m->overhead;
    SZ_TRY(time_call(s, run_timer, &o->timer_s));
    SZ_TRY(time_call(s, run_dispatch, &o->dispatch_s));
    SZ_TRY(time_call(s, run_syscall, &o->syscall_s));
    SZ_TRY(time_series(s, touch_small, 0.03, &o->page_fault_s));
    SZ_TRY(time_series(s, touch_huge, 0.05, &o->huge_page_fault_s));
    SZ_TRY(time_series(s, create_and_join, 0.02, &o->thread_s));
    if (s->n_cpus < 2)
        return sz_machine_add_gap(s->m, "fork and join",
                                  "there is one CPU to use: no second thread");
    SZ_TRY(time_series(s, run_hot, 0.03, &o->fork_join_s));
    return time_series(s, run_idle, 0.2, &o->fork_join_idle_s);
}
