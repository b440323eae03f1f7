// SPDX-License-Identifier: Apache-2.0
// A space over ranks that are threads: the points are those of one process, in the same order,
// whatever becomes of the ranks.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/splitmix.h"
#include "explore/spread/spread.h"
#include "threads.h"

// ---- a made-up space and what is evaluated -----------------------------------------------------

typedef struct job {
    const char *batch, *depth;        // ranges
    int ranks, dies, dies_too, fails; // ranks that hang or fail, -1 = none
    bool lingers;                     // rank 0, for a millisecond at each setting
    int64_t at;                       // at the setting of this number
    int64_t crashes_at; // evaluates the setting of this number, in a copy of the process; -1 = none
    bool listens, measures;
    const char *others; // fingerprint of the ranks but rank 0, where that matters
    size_t together;
    double seconds, silence_s;
    volatile int over;
    pid_t process;
    // what came of it
    sz_status status;
    char error[512], text[1 << 16];
    size_t n_text, most_together;
    int by_rank[WORLD_MOST], records[1000];
    sz_explored done;
    sz_spread spread;
} job;

static sz_space *make_space(sz_ctx *ctx, const job *j, int rank) {
    sz_space *space;
    assert_int_equal(sz_space_create(ctx, &space), SZ_OK);
    assert_int_equal(sz_space_add(ctx, space, "batch", j->batch), SZ_OK);
    const char *depth = rank == 3 && j->fails == 99 ? "1" : j->depth;
    assert_int_equal(sz_space_add(ctx, space, "depth", depth), SZ_OK);
    assert_int_equal(sz_space_constrain(ctx, space, "batch*depth <= 6000"), SZ_OK);
    assert_int_equal(sz_space_ready(ctx, space), SZ_OK);
    return space;
}

static int64_t number_of(const sz_space *space, const uint32_t *setting) {
    return (int64_t)setting[0] * sz_space_values(space, 1) + setting[1];
}

static void nap_ms(long ms) {
    const struct timespec t = {0, ms * 1000000};
    nanosleep(&t, NULL);
}

static _Thread_local int my_rank;

// Numbers that follow from the setting alone; every seventh can't be had.
static sz_status evaluate(sz_ctx *ctx, void *self, const sz_space *space, const uint32_t *setting,
                          sz_metrics *m, char *why, size_t cap) {
    job *j = self;
    uint64_t seed = (uint64_t)number_of(space, setting);
    const bool here = (int64_t)seed == j->at;
    if (j->lingers && my_rank == 0) nap_ms(1);
    if ((int64_t)seed == j->crashes_at && getpid() != j->process) raise(SIGKILL);
    if (here && j->fails == my_rank) return sz_fail(ctx, SZ_ERR_INPUT, "it can't be read");
    if (here && (j->dies == my_rank || j->dies_too == my_rank)) {
        while (!j->over) nap_ms(5);
        return sz_fail(ctx, SZ_ERR_INPUT, "heard by no one");
    }
    if (seed % 7 == 3) {
        snprintf(why, cap, "no room for %llu", (unsigned long long)(seed % 3));
        return SZ_OK;
    }
    m->value[SZ_METRIC_LATENCY] = (double)(sz_splitmix(&seed) % 1000) / 7;
    m->lo[SZ_METRIC_LATENCY] = m->value[SZ_METRIC_LATENCY] - 1;
    m->value[SZ_METRIC_MEMORY] = (double)(sz_splitmix(&seed) % 1000);
    return SZ_OK;
}

// What is measured sends a record; one that is longer than a message now and then.
static _Thread_local sz_ranks *my_ranks;
static sz_status tell_record(sz_ctx *ctx, job *j, int64_t number, const char *record, size_t size) {
    if (my_rank > 0) return sz_explore_send_record(my_ranks, record, size);
    j->records[number]++;
    (void)ctx;
    return SZ_OK;
}

static sz_status keep(void *user, const char *record, size_t size) {
    job *j = user;
    long number = 0;
    int at = 0;
    assert_int_equal(sscanf(record, "%ld%n", &number, &at), 1);
    for (size_t i = (size_t)at; i < size; i++) assert_int_equal(record[i], 'x');
    assert_int_equal(size, (size_t)at + (number % 5 == 0 ? 9000 : 9));
    j->records[number]++;
    return SZ_OK;
}

static sz_status evaluate_some(sz_ctx *ctx, void *self, const sz_space *space, const uint32_t *rows,
                               size_t n, sz_metrics *m, char *whys) {
    job *j = self;
    char record[9100];
    if (n > j->most_together) j->most_together = n; // racy, but each only writes more
    j->by_rank[my_rank] += (int)n;
    for (size_t i = 0; i < n; i++) {
        const uint32_t *row = rows + i * sz_space_parameters(space);
        const int64_t number = number_of(space, row);
        const int head = snprintf(record, sizeof record, "%d", (int)number);
        const size_t tail = number % 5 == 0 ? 9000 : 9;
        memset(record + head, 'x', tail);
        assert_int_equal(tell_record(ctx, j, number, record, (size_t)head + tail), SZ_OK);
        assert_int_equal(evaluate(ctx, self, space, row, &m[i], whys + i * SZ_WHY_SIZE,
                                  SZ_WHY_SIZE),
                         SZ_OK);
    }
    return SZ_OK;
}

static sz_evaluator evaluator_of(job *j) {
    sz_evaluator e = {j, evaluate, NULL};
    if (j->together) e.evaluate_some = evaluate_some, e.together = j->together;
    if (j->measures) e.machine = my_rank == 0 ? "this" : j->others;
    return e;
}

// ---- what came of it, as text ------------------------------------------------------------------

static sz_status note(sz_ctx *ctx, void *self, const sz_space *space, const uint32_t *setting,
                      const sz_metrics *m, const char *why) {
    job *j = self;
    char words[128];
    (void)ctx;
    sz_space_text(space, setting, words, sizeof words);
    const int n = snprintf(j->text + j->n_text, sizeof j->text - j->n_text, "%s %a %a %a %a %s\n",
                           words, m->value[SZ_METRIC_LATENCY], m->lo[SZ_METRIC_LATENCY],
                           m->hi[SZ_METRIC_LATENCY], m->value[SZ_METRIC_MEMORY], why);
    if (n > 0 && j->n_text + (size_t)n < sizeof j->text) j->n_text += (size_t)n;
    return SZ_OK;
}

// A search that listens: goes on where the last value that it heard of sends it.
typedef struct listener {
    const sz_space *space;
    uint64_t state;
    int left;
} listener;

static int listen_next(void *self, uint32_t *ret) {
    listener *l = self;
    while (l->left > 0) {
        for (size_t i = 0; i < 2; i++)
            ret[i] = (uint32_t)(sz_splitmix(&l->state) % (uint64_t)sz_space_values(l->space, i));
        l->left--;
        if (sz_space_allows(l->space, ret)) return 1;
    }
    return 0;
}

static void listen_told(void *self, const uint32_t *setting, const sz_metrics *m) {
    listener *l = self;
    const double bytes = m->value[SZ_METRIC_MEMORY]; // not a number where it could not be had
    l->state ^= (bytes >= 0 ? (uint64_t)bytes : 7) * 31 + setting[0];
}

static void run_alone(job *j) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_space *space = make_space(ctx, j, 0);
    const sz_point_sink sink = {j, note};
    listener ear = {space, 1, 300};
    sz_proposer p = {&ear, listen_next, listen_told, NULL};
    my_rank = 0;
    const sz_evaluator e = evaluator_of(j);
    if (!j->listens) assert_int_equal(sz_search_create(ctx, "grid", space, NULL, &p), SZ_OK);
    assert_int_equal(sz_explore_run(ctx, space, &e, &p, &sink, 1, NULL, NULL, &j->done), SZ_OK);
    sz_proposer_release(&p);
    sz_space_destroy(space);
    sz_ctx_destroy(ctx);
}

static void lead(sz_ranks *r, sz_ctx *ctx, const sz_space *space, job *j) {
    listener ear = {space, 1, 300};
    sz_proposer p = {&ear, listen_next, listen_told, NULL};
    const sz_evaluator e = evaluator_of(j);
    const sz_point_sink sink = {j, note};
    const sz_explore_options o = {.seconds = j->seconds};
    const sz_spread_options how = {.silence_s = j->silence_s, .record = keep, .user = j};
    if (!j->listens) assert_int_equal(sz_search_create(ctx, "grid", space, NULL, &p), SZ_OK);
    j->status = sz_explore_spread(ctx, r, space, &e, &p, &sink, 1, &o, &how, NULL, &j->done,
                                  &j->spread);
    snprintf(j->error, sizeof j->error, "%s", sz_ctx_error(ctx));
    j->over = 1;
    sz_proposer_release(&p);
}

static void on_rank(sz_ranks *r, sz_ctx *ctx, void *user) {
    job *j = user;
    my_rank = sz_ranks_self(r);
    sz_space *space = make_space(ctx, j, my_rank);
    my_ranks = r;
    const sz_evaluator e = evaluator_of(j);
    if (my_rank == 0)
        lead(r, ctx, space, j);
    else if (sz_explore_serve(ctx, r, space, &e) != SZ_OK)
        fail_msg("rank %d: %s", my_rank, sz_ctx_error(ctx));
    sz_space_destroy(space);
}

static job *start(void) {
    job *j = calloc(1, sizeof *j);
    assert_non_null(j);
    j->batch = "1-40+1", j->depth = "1-20+1";
    j->dies = j->dies_too = j->fails = -1;
    j->at = j->crashes_at = -1;
    j->others = "this";
    j->process = getpid();
    return j;
}

static void same(const job *a, const job *b) {
    assert_int_equal(a->n_text, b->n_text);
    assert_memory_equal(a->text, b->text, a->n_text);
    assert_int_equal(a->done.proposed, b->done.proposed);
    assert_int_equal(a->done.refused, b->done.refused);
}

// ---- tests -------------------------------------------------------------------------------------

static void as_one_process(void **unused) {
    (void)unused;
    for (int n = 1; n <= 4; n++) {
        job *one = start(), *many = start();
        run_alone(one);
        assert_int_equal(one->done.proposed, 800);
        world_run(n, on_rank, many);
        assert_int_equal(many->status, SZ_OK);
        assert_int_equal(many->spread.ranks, n);
        assert_int_equal(many->spread.lost + many->spread.again, 0);
        assert_true(n == 1 || many->spread.own < 800);
        same(one, many);
        free(one), free(many);
    }
}

// More settings than the ring holds.
static void round_the_ring(void **unused) {
    (void)unused;
    job *one = start(), *many = start();
    one->batch = many->batch = "1-400+1";
    one->depth = many->depth = "1-100+1";
    run_alone(one);
    world_run(3, on_rank, many);
    assert_int_equal(many->status, SZ_OK);
    assert_true(one->done.proposed > 16384);
    same(one, many);
    free(one), free(many);
}

// It hears of each in order, so it proposes the same however the ranks race.
static void listeners_are_steady(void **unused) {
    (void)unused;
    job *a = start();
    a->listens = true;
    world_run(3, on_rank, a);
    assert_int_equal(a->status, SZ_OK);
    for (int i = 0; i < 5; i++) {
        job *b = start();
        b->listens = true;
        world_run(3, on_rank, b);
        same(a, b);
        free(b);
    }
    free(a);
}

static void lost_rank(void **unused) {
    (void)unused;
    job *one = start(), *many = start();
    run_alone(one);
    many->dies = 1, many->at = 57;
    many->silence_s = 0.3;
    world_run(3, on_rank, many);
    assert_int_equal(many->status, SZ_OK);
    assert_true(many->spread.lost <= 1);
    if (many->spread.lost) assert_true(many->spread.again > 0); // else another rank had setting 57
    same(one, many);
    free(one), free(many);
}

// No other rank is left: rank 0 does it all, what may have been the end of the rank in a copy. The
// first setting always goes to rank 1.
static void lost_all(void **unused) {
    (void)unused;
    job *one = start(), *many = start();
    run_alone(one);
    many->dies = 1, many->at = 0;
    many->silence_s = 0.3;
    world_run(2, on_rank, many);
    assert_int_equal(many->status, SZ_OK);
    assert_int_equal(many->spread.lost, 1);
    assert_int_equal(many->spread.again, 2); // a rank has two pieces, of one setting each at first
    same(one, many);
    free(one), free(many);
}

// The copy is lost as well, and with it the one setting that it was at.
static void lost_copy(void **unused) {
    static const char lost[] = "a rank and then a process were lost while they evaluated it\n";
    (void)unused;
    job *many = start();
    many->dies = 1, many->at = many->crashes_at = 0;
    many->silence_s = 0.3;
    world_run(2, on_rank, many);
    assert_int_equal(many->status, SZ_OK);
    assert_int_equal(many->done.proposed, 800);
    const char *first = strstr(many->text, lost);
    assert_non_null(first);
    assert_ptr_equal(first + strlen(lost), strchr(many->text, '\n') + 1); // of the first line
    assert_null(strstr(first + strlen(lost), "lost"));
    free(many);
}

// Several at once, with their records, each of which comes once.
static void together(void **unused) {
    (void)unused;
    for (int listens = 0; listens < 2; listens++) {
        job *one = start(), *many = start();
        many->together = 8;
        many->listens = listens;
        world_run(3, on_rank, many);
        assert_int_equal(many->status, SZ_OK);
        assert_int_equal(many->most_together, 8);
        assert_true(many->by_rank[1] > 0 && many->by_rank[2] > 0);
        for (int i = 0; i < 800 && !listens; i++) assert_int_equal(many->records[i], 1);
        run_alone(one);
        if (!listens) same(one, many);
        free(one), free(many);
    }
}

// Threads are on one machine: only rank 0 measures, as one process does. The others must be of its
// kind.
static void measured_alone(void **unused) {
    (void)unused;
    for (int listens = 0; listens < 2; listens++) {
        job *one = start(), *many = start();
        one->listens = many->listens = listens;
        one->together = many->together = 4;
        many->measures = true;
        run_alone(one);
        world_run(4, on_rank, many);
        assert_int_equal(many->status, SZ_OK);
        assert_int_equal(many->spread.idle, 3);
        assert_int_equal(many->spread.ranks, 1);
        assert_int_equal(many->by_rank[0], one->by_rank[0]);
        assert_int_equal(many->spread.own, many->by_rank[0]);
        same(one, many);
        free(one), free(many);
    }
    job *j = start();
    j->measures = true, j->others = "another";
    world_run(2, on_rank, j);
    assert_int_equal(j->status, SZ_ERR_INPUT);
    assert_string_equal(j->error, "rank 1 is on another machine than rank 0 (fingerprints another "
                                  "and this), and what both measure can't be compared: start ranks "
                                  "on machines of one kind");
    free(j);
}

// All but rank 0 hang at the same setting: it can't be had, the others come.
static void fatal_setting(void **unused) {
    (void)unused;
    for (int tries = 0; tries < 20; tries++) {
        job *many = start();
        many->dies = 1, many->dies_too = 2, many->at = 200; // the first ones rank 0 takes
        many->silence_s = 0.3;
        many->lingers = tries >= 10; // in case the others never come first by themselves
        world_run(3, on_rank, many);
        assert_int_equal(many->status, SZ_OK);
        assert_int_equal(many->done.proposed, 800);
        const bool was_lost = many->spread.lost == 2;
        if (was_lost) assert_non_null(strstr(many->text, "two ranks were lost while they"));
        free(many);
        if (was_lost) return;
    }
    fail_msg("rank 0 always came first");
}

static void failures(void **unused) {
    (void)unused;
    for (int rank = 0; rank < 2; rank++) {
        job *j = start();
        j->batch = "2,3", j->depth = "5";
        j->fails = rank, j->at = rank; // rank 0 and 1 get one each, as there are two
        world_run(2, on_rank, j);
        if (j->status != SZ_OK) {
            assert_int_equal(j->status, SZ_ERR_INPUT);
            assert_non_null(strstr(j->error, "setting 'batch="));
            assert_non_null(strstr(j->error, "it can't be read"));
        }
        free(j);
    }
    job *j = start();
    j->fails = 99;
    world_run(4, on_rank, j);
    assert_int_equal(j->status, SZ_ERR_INPUT);
    assert_string_equal(j->error, "rank 3 reads another space than rank 0: give all of them the "
                                  "same words and files");
    free(j);
}

// A result in parts: what is cut off is told.
static void results(void **unused) {
    (void)unused;
    char bytes[SZ_RESULT_BYTES], why[SZ_WHY_SIZE];
    sz_metrics m, back;
    sz_metrics_clear(&m);
    m.value[0] = 1.5, m.hi[SZ_METRICS_MAX - 1] = -0.0, m.lo[3] = INFINITY;
    const size_t n = sz_result_pack(bytes, &m, "why not");
    assert_int_equal(n, 2 + SZ_RESULT_MASK + 3 * 8 + 7);
    assert_int_equal(sz_result_unpack(bytes, n, &back, why), n);
    assert_string_equal(why, "why not");
    assert_true(back.value[0] == 1.5 && isinf(back.lo[3]) && signbit(back.hi[SZ_METRICS_MAX - 1]));
    assert_true(isnan(back.value[1]));
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(sz_result_unpack(bytes, cut, &back, why), 0);
    for (size_t i = 0; i < SZ_METRICS_MAX; i++) m.value[i] = m.lo[i] = m.hi[i] = (double)i;
    char longest[2 * SZ_WHY_SIZE] = "";
    memset(longest, 0x78, sizeof longest - 1);
    assert_true(sz_result_pack(bytes, &m, longest) <= SZ_RESULT_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_one_process),
                                       cmocka_unit_test(round_the_ring),
                                       cmocka_unit_test(listeners_are_steady),
                                       cmocka_unit_test(lost_rank),
                                       cmocka_unit_test(lost_all),
                                       cmocka_unit_test(lost_copy),
                                       cmocka_unit_test(together),
                                       cmocka_unit_test(measured_alone),
                                       cmocka_unit_test(fatal_setting),
                                       cmocka_unit_test(failures),
                                       cmocka_unit_test(results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
