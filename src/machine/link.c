// SPDX-License-Identifier: Apache-2.0
// Links: TCP over the loopback, which is what two processes on this machine get without shared
// memory.
#include "machine/survey.h"

#include "os/clock.h"
#include "os/net.h"

enum { MAX_SAMPLES = 20000, MESSAGE = 8, CHUNK = 256 << 10, CHUNKS_PER_SAMPLE = 8 };
static const double LEAST_S = 0.03; // the connection must get into its stride

// Thread 0 sends, thread 1 answers or takes.
typedef struct talk {
    sz_net_pair ends;
    bool poll;
    double until;
    const volatile int *stop;
    unsigned char *out, *in; // CHUNK bytes each
    double *samples;         // MAX_SAMPLES of them
    size_t n;
} talk;

static bool goes_on(const talk *t) {
    return t->n < MAX_SAMPLES && sz_clock_s() < t->until && !(t->stop && *t->stop);
}

// ---- latency -----------------------------------------------------------------------------------

// Half the time there and back.
static void ping(talk *t) {
    while (goes_on(t)) {
        const double start = sz_clock_s();
        if (!sz_net_send(t->ends.a, t->out, MESSAGE, t->poll) ||
            !sz_net_receive(t->ends.a, t->out, MESSAGE, t->poll))
            break;
        t->samples[t->n++] = (sz_clock_s() - start) / 2;
    }
    sz_net_end(t->ends.a);
}

static void pong(talk *t) {
    while (sz_net_receive(t->ends.b, t->in, MESSAGE, t->poll))
        if (!sz_net_send(t->ends.b, t->in, MESSAGE, t->poll)) break;
}

static void run_latency(void *user, int thread, int64_t n) {
    (void)n;
    if (thread == 0)
        ping(user);
    else
        pong(user);
}

// ---- bandwidth ---------------------------------------------------------------------------------

static void push(talk *t) {
    while (sz_clock_s() < t->until && !(t->stop && *t->stop))
        if (!sz_net_send(t->ends.a, t->out, CHUNK, false)) break;
    sz_net_end(t->ends.a);
}

// Rates of whole samples, as seen where the bytes arrive. The first one warms up.
static void pull(talk *t) {
    double start = 0;
    for (int64_t chunks = 1; sz_net_receive(t->ends.b, t->in, CHUNK, false); chunks++) {
        if (chunks % CHUNKS_PER_SAMPLE != 0) continue;
        const double now = sz_clock_s();
        if (start > 0 && now > start && t->n < MAX_SAMPLES)
            t->samples[t->n++] = (double)CHUNK * CHUNKS_PER_SAMPLE / (now - start);
        start = now;
    }
}

static void run_bandwidth(void *user, int thread, int64_t n) {
    (void)n;
    if (thread == 0)
        push(user);
    else
        pull(user);
}

// ---- all ---------------------------------------------------------------------------------------

// Two threads, on two CPUs where there are two. The statistics of what they sampled; n = 0 when the
// connection broke.
static sz_status have_talk(sz_survey *s, talk *t, void (*run)(void *, int, int64_t), double seconds,
                           sz_stats *ret) {
    const int cpus[2] = {s->cpus[0], s->cpus[s->n_cpus > 1 ? 1 : 0]};
    const sz_watch both = {.cpus = cpus, .n_threads = 2};
    const sz_work work = {run, t, 1};
    *ret = (sz_stats){0};
    SZ_TRY(sz_survey_check(s));
    SZ_TRY(sz_net_open(s->ctx, &t->ends));
    t->n = 0;
    seconds *= s->scale;
    t->until = sz_clock_s() + (seconds > LEAST_S ? seconds : LEAST_S);
    const sz_status status = sz_watch_once(s->ctx, &both, &work);
    sz_net_close(&t->ends);
    if (t->n > 0) *ret = sz_stats_of(t->samples, t->n);
    return status;
}

static sz_status measure_tcp(sz_survey *s, talk *t) {
    sz_link blocking = {.name = "loopback TCP",
                        .method = "blocking sockets, two threads",
                        .latency_s = SZ_NAN,
                        .byte_per_s = SZ_NAN};
    sz_stats latency, rate, polling = {0};
    t->poll = false;
    SZ_TRY(have_talk(s, t, run_latency, 0.08, &latency));
    SZ_TRY(have_talk(s, t, run_bandwidth, 0.12, &rate));
    if (latency.n == 0 || rate.n == 0)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "nothing came back over the loopback");
    blocking.latency_s = latency.median, blocking.latency_n = latency.n;
    blocking.latency_spread = latency.spread;
    blocking.byte_per_s = rate.median, blocking.n = rate.n, blocking.spread = rate.spread;
    SZ_TRY(sz_machine_add_link(s->m, &blocking));
    if (s->n_cpus < 2) return SZ_OK; // each would wait for the other's time slice
    t->poll = true;
    SZ_TRY(have_talk(s, t, run_latency, 0.08, &polling));
    sz_link polled = blocking;
    polled.name = "loopback TCP, polling", polled.method = "sockets asked again and again";
    polled.latency_s = polling.median, polled.latency_n = polling.n;
    polled.latency_spread = polling.spread;
    if (polling.n == 0) return SZ_OK;
    return sz_machine_add_link(s->m, &polled);
}

sz_status sz_measure_links(sz_survey *s) {
    const size_t samples = MAX_SAMPLES * sizeof(double);
    talk t = {.stop = s->options->stop,
              .out = sz_alloc(s->ctx, CHUNK),
              .in = sz_alloc(s->ctx, CHUNK),
              .samples = sz_alloc(s->ctx, samples)};
    sz_status status = SZ_ERR_MEMORY;
    if (t.out && t.in && t.samples) {
        memset(t.out, 0x5a, CHUNK);
        status = measure_tcp(s, &t);
    } else {
        status = sz_no_memory(s->ctx);
    }
    sz_free(s->ctx, t.out, CHUNK);
    sz_free(s->ctx, t.in, CHUNK);
    sz_free(s->ctx, t.samples, samples);
    return status;
}
