// SPDX-License-Identifier: Apache-2.0
// A stand-in for an MPI: the ranks are threads of the test, messages are copied. Everything else is
// the house's own code, so it can be looked at by sanitizers.
#ifndef SZ_TEST_RANKS_THREADS_H
#define SZ_TEST_RANKS_THREADS_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ranks/ranks.h"

enum { WORLD_MOST = 8, WORLD_GROUPS = 64 };

typedef struct mail {
    struct mail *next;
    int from, tag;
    size_t n;
    char bytes[];
} mail;

typedef struct world_group {
    int n, members[WORLD_MOST];
    pthread_barrier_t barrier;
    const void *in[WORLD_MOST];
    void *out[WORLD_MOST];
} world_group;

static struct {
    int n;
    pthread_mutex_t lock;
    pthread_cond_t came;
    mail *boxes[WORLD_MOST];
    int colours[WORLD_MOST], n_groups;
    world_group groups[WORLD_GROUPS];
    bool wrong_sums; // the stand-in adds up wrongly
} world;
static _Thread_local int me;

// ---- messages ----------------------------------------------------------------------------------

static int t_send(const void *bytes, size_t n, int to, int tag) {
    mail *m = malloc(sizeof *m + n);
    if (!m) return 1;
    *m = (mail){.from = me, .tag = tag, .n = n};
    if (n) memcpy(m->bytes, bytes, n);
    pthread_mutex_lock(&world.lock);
    mail **end = &world.boxes[to];
    while (*end) end = &(*end)->next;
    *end = m;
    pthread_cond_broadcast(&world.came);
    pthread_mutex_unlock(&world.lock);
    return 0;
}

static mail **find(int from, int tag) {
    mail **at = &world.boxes[me];
    while (*at && !((from == SZ_ANY_RANK || (*at)->from == from) && (*at)->tag == tag))
        at = &(*at)->next;
    return at;
}

static int t_receive(void *bytes, size_t cap, int from, int tag, size_t *ret_n) {
    pthread_mutex_lock(&world.lock);
    mail **at = find(from, tag);
    for (; !*at; at = find(from, tag)) pthread_cond_wait(&world.came, &world.lock);
    mail *m = *at;
    *at = m->next;
    pthread_mutex_unlock(&world.lock);
    const bool fits = m->n <= cap;
    if (fits && m->n) memcpy(bytes, m->bytes, m->n);
    *ret_n = m->n;
    free(m);
    return fits ? 0 : 1;
}

static int t_probe(int from, int tag, int *ret_from, size_t *ret_n) {
    pthread_mutex_lock(&world.lock);
    const mail *m = *find(from, tag);
    *ret_from = m ? m->from : SZ_ANY_RANK;
    if (m) *ret_n = m->n;
    pthread_mutex_unlock(&world.lock);
    return 0;
}

static int t_burst(bool sends, void *bytes, size_t n, int window, int peer, int tag) {
    char answer = 0;
    size_t got;
    int code = 0;
    for (int i = 0; i < window && code == 0; i++)
        code = sends ? t_send(bytes, n, peer, tag) : t_receive(bytes, n, peer, tag, &got);
    if (code) return code;
    return sends ? t_receive(&answer, 1, peer, tag, &got) : t_send(&answer, 1, peer, tag);
}

// ---- groups ------------------------------------------------------------------------------------

static void meet(int group) { pthread_barrier_wait(&world.groups[group].barrier); }

static void make_group(int group, int colour) {
    world_group *g = &world.groups[group];
    g->n = 0;
    for (int i = 0; i < world.n; i++)
        if (world.colours[i] == colour) g->members[g->n++] = i;
    pthread_barrier_init(&g->barrier, NULL, (unsigned)g->n);
}

// At most one colour that is a group: that is what the house asks for.
static int t_split(int colour, int *ret_group) {
    world.colours[me] = colour;
    meet(SZ_ALL_RANKS);
    if (me == 0) make_group(world.n_groups++, 0);
    meet(SZ_ALL_RANKS);
    *ret_group = colour < 0 ? -1 : world.n_groups - 1;
    meet(SZ_ALL_RANKS);
    return 0;
}

static int t_leave(int group) {
    (void)group;
    return 0;
}

static int t_barrier(int group) {
    meet(group);
    return 0;
}

static int place(const world_group *g) {
    for (int i = 0; i < g->n; i++)
        if (g->members[i] == me) return i;
    return -1;
}

static int t_most(int group, double *value) {
    world_group *g = &world.groups[group];
    double most = *value;
    g->in[place(g)] = value;
    meet(group);
    for (int i = 0; i < g->n; i++) {
        const double v = *(const double *)g->in[i];
        if (v > most) most = v;
    }
    meet(group);
    *value = most;
    meet(group);
    return 0;
}

static int t_agree(int group, void *bytes, size_t n) {
    world_group *g = &world.groups[group];
    g->in[place(g)] = bytes;
    meet(group);
    if (place(g) > 0) memcpy(bytes, g->in[0], n);
    meet(group);
    return 0;
}

static float at(const void *floats, size_t i) {
    float v;
    memcpy(&v, (const char *)floats + i * sizeof v, sizeof v);
    return v;
}

static void add_up(const world_group *g, size_t first, size_t n, void *out) {
    for (size_t i = 0; i < n; i++) {
        float sum = world.wrong_sums ? 1 : 0;
        for (int k = 0; k < g->n; k++) sum += at(g->in[k], first + i);
        memcpy((char *)out + i * sizeof sum, &sum, sizeof sum);
    }
}

static int t_collective(int group, sz_collective what, const void *in, void *out, size_t bytes) {
    world_group *g = &world.groups[group];
    const size_t self = (size_t)place(g), each = bytes / (size_t)g->n;
    g->in[self] = in;
    meet(group);
    switch (what) {
    case SZ_ALL_REDUCE:
        add_up(g, 0, bytes / 4, out);
        break;
    case SZ_REDUCE_SCATTER:
        add_up(g, self * each / 4, each / 4, out);
        break;
    case SZ_ALL_GATHER:
    case SZ_ALL_TO_ALL:
        for (size_t i = 0; i < (size_t)g->n; i++)
            memcpy((char *)out + i * each,
                   (const char *)g->in[i] + (what == SZ_ALL_TO_ALL ? self * each : 0), each);
        break;
    case SZ_BROADCAST:
        if (self > 0) memcpy((void *)(size_t)in, g->in[0], bytes);
        break;
    case SZ_SEND:
        break;
    }
    meet(group);
    return 0;
}

// ---- the table ---------------------------------------------------------------------------------

static int t_start(int *ret_self, int *ret_count) {
    *ret_self = me;
    *ret_count = world.n;
    return 0;
}
static void t_stop(bool some_are_gone) { (void)some_are_gone; }
static void t_abandon(int code) { exit(code); }
static void t_text(int code, char *buf, size_t cap) { snprintf(buf, cap, "code %d", code); }
static void t_library(char *buf, size_t cap) { snprintf(buf, cap, "threads"); }

static const sz_ranks_table threads_table = {
    SZ_RANKS_VERSION, t_start,   t_stop,    t_abandon, t_text,      t_library,
    t_send,           t_send,    t_receive, t_probe,   t_burst,     t_split,
    t_leave,          t_barrier, t_most,    t_agree,   t_collective};

// Run `work` as each of n ranks, this thread being rank 0.
typedef void world_work(sz_ranks *ranks, sz_ctx *ctx, void *user);
typedef struct world_thread {
    int rank;
    world_work *work;
    void *user;
} world_thread;

static void *run_rank(void *thread) {
    const world_thread *t = thread;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_ranks *ranks = NULL;
    me = t->rank;
    if (sz_ranks_begin(ctx, &threads_table, &ranks) == SZ_OK) t->work(ranks, ctx, t->user);
    sz_ranks_close(ranks);
    sz_ctx_destroy(ctx);
    return NULL;
}

static void world_run(int n, world_work *work, void *user) {
    pthread_t threads[WORLD_MOST];
    world_thread ranks[WORLD_MOST];
    world.n = n;
    world.n_groups = 0;
    pthread_mutex_init(&world.lock, NULL);
    pthread_cond_init(&world.came, NULL);
    memset(world.colours, 0, sizeof world.colours);
    make_group(world.n_groups++, 0);
    for (int i = 0; i < n; i++) ranks[i] = (world_thread){i, work, user};
    for (int i = 1; i < n; i++) pthread_create(&threads[i], NULL, run_rank, &ranks[i]);
    run_rank(&ranks[0]);
    for (int i = 1; i < n; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < n; i++)
        while (world.boxes[i]) {
            mail *m = world.boxes[i];
            world.boxes[i] = m->next;
            free(m);
        }
    for (int i = 0; i < world.n_groups; i++) pthread_barrier_destroy(&world.groups[i].barrier);
}

#endif
