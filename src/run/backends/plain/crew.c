// SPDX-License-Identifier: Apache-2.0
#include "run/backends/plain/crew.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST = 256 };

struct sz_crew {
    sz_ctx *ctx;
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    pthread_t threads[MOST];
    int n, wanted; // threads beside the caller; how many of them the job may have
    int busy;      // threads in the job
    bool open, ends;
    uint64_t turn; // grows with each job
    // the job
    bool (*work)(const void *user, int64_t from, int64_t to);
    const void *user;
    int64_t units, grain;
    atomic_int_fast64_t next;
    atomic_bool failed;
};

static void take_pieces(sz_crew *c) {
    for (;;) {
        const int64_t from = atomic_fetch_add(&c->next, c->grain);
        if (from >= c->units) return;
        const int64_t to = from + c->grain < c->units ? from + c->grain : c->units;
        if (!c->work(c->user, from, to)) atomic_store(&c->failed, true);
    }
}

static void *member(void *user) {
    sz_crew *c = user;
    uint64_t seen = 0;
    pthread_mutex_lock(&c->lock);
    while (!c->ends) {
        if (!c->open || seen == c->turn || c->busy >= c->wanted) {
            pthread_cond_wait(&c->wake, &c->lock);
            continue;
        }
        seen = c->turn;
        c->busy++;
        pthread_mutex_unlock(&c->lock);
        take_pieces(c);
        pthread_mutex_lock(&c->lock);
        if (--c->busy == 0) pthread_cond_signal(&c->idle);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

sz_status sz_crew_create(sz_ctx *ctx, sz_crew **ret_crew) {
    sz_crew *c = sz_alloc(ctx, sizeof *c);
    if (!c) return sz_no_memory(ctx);
    c->ctx = ctx;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    pthread_cond_init(&c->idle, NULL);
    *ret_crew = c;
    return SZ_OK;
}

void sz_crew_destroy(sz_crew *c) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->ends = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    for (int i = 0; i < c->n; i++) pthread_join(c->threads[i], NULL);
    pthread_cond_destroy(&c->wake);
    pthread_cond_destroy(&c->idle);
    pthread_mutex_destroy(&c->lock);
    sz_free(c->ctx, c, sizeof *c);
}

void sz_crew_grow(sz_crew *c, int threads) {
    while (c->n < threads - 1 && c->n < MOST) {
        if (pthread_create(&c->threads[c->n], NULL, member, c) != 0) return;
        c->n++;
    }
}

bool sz_crew_run(sz_crew *c, int threads, int64_t units, int64_t grain,
                 bool (*work)(const void *user, int64_t from, int64_t to), const void *user) {
    if (units <= 0) return true;
    if (threads < 2 || c->n == 0 || grain >= units) return work(user, 0, units);
    pthread_mutex_lock(&c->lock);
    c->work = work, c->user = user, c->units = units, c->grain = grain;
    c->wanted = threads - 1;
    atomic_store(&c->next, 0);
    atomic_store(&c->failed, false);
    c->turn++;
    c->open = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    take_pieces(c);
    pthread_mutex_lock(&c->lock);
    c->open = false;
    while (c->busy > 0) pthread_cond_wait(&c->idle, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return !atomic_load(&c->failed);
}
