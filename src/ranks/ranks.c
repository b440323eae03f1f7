// SPDX-License-Identifier: Apache-2.0
#include "ranks/ranks.h"

#include <stdio.h>
#include <time.h>

#include "os/dynlib.h"

// Whoever waits for long sleeps for longer: others may be measuring on this machine.
static long nap_ns(int64_t naps) { return naps < 50 ? 200000 : naps < 1000 ? 1000000 : 10000000; }

// ---- life --------------------------------------------------------------------------------------

sz_status sz_ranks_begin(sz_ctx *ctx, const sz_ranks_table *table, sz_ranks **ret_ranks) {
    sz_ranks *r = sz_alloc(ctx, sizeof *r);
    if (!r) return sz_no_memory(ctx);
    *r = (sz_ranks){.ctx = ctx, .call = table};
    table->library(r->library, sizeof r->library);
    const sz_status status = sz_ranks_said(r, table->start(&r->self, &r->count), "start");
    if (status != SZ_OK) {
        sz_free(ctx, r, sizeof *r);
        return status;
    }
    *ret_ranks = r;
    return SZ_OK;
}

static sz_status table_of(sz_ctx *ctx, void *plugin, const char *path,
                          const sz_ranks_table **ret_table) {
    sz_ranks_plugin_fn *give = NULL;
    const bool has = sz_dynlib_symbol(plugin, SZ_RANKS_SYMBOL, &give);
    const sz_ranks_table *table = has ? give() : NULL;
    if (!table || table->version != SZ_RANKS_VERSION)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "'%s' is no plug-in of this version of sizeup",
                       sz_show(ctx, sz_str_c(path)));
    *ret_table = table;
    return SZ_OK;
}

// A plug-in stays open for the life of the process: an MPI cannot be taken out again.
sz_status sz_ranks_open(sz_ctx *ctx, const char *plugin, sz_ranks **ret_ranks) {
    const char *const names[] = {plugin, NULL};
    const sz_ranks_table *table = NULL;
    void *library = NULL;
    if (sz_dynlib_open(ctx, names, &library) != SZ_OK) {
        char why[512];
        snprintf(why, sizeof why, "%s", sz_ctx_error(ctx));
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "the plug-in for MPI can't be opened (%s): install the MPI that it was "
                       "built with (Open MPI: package openmpi-bin), or start 'sizeup' alone",
                       why);
    }
    SZ_TRY(table_of(ctx, library, plugin, &table));
    SZ_TRY(sz_ranks_begin(ctx, table, ret_ranks));
    (*ret_ranks)->plugin = library;
    return SZ_OK;
}

void sz_ranks_close(sz_ranks *r) {
    if (!r) return;
    r->call->stop(r->some_are_gone);
    sz_free(r->ctx, r, sizeof *r);
}

void sz_ranks_abandon(sz_ranks *r, int code) { r->call->abandon(code); }

int sz_ranks_self(const sz_ranks *r) { return r->self; }
int sz_ranks_count(const sz_ranks *r) { return r->count; }
const char *sz_ranks_library(const sz_ranks *r) { return r->library; }

// ---- talk --------------------------------------------------------------------------------------

sz_status sz_ranks_said(const sz_ranks *r, int code, const char *what) {
    char why[256];
    if (code == 0) return SZ_OK;
    r->call->text(code, why, sizeof why);
    return sz_fail(r->ctx, SZ_ERR_UNAVAILABLE, "%s: %s failed: %s", r->library, what, why);
}

static void nap(long ns) {
    const struct timespec t = {0, ns};
    nanosleep(&t, NULL);
}

void sz_ranks_rest(void) { nap(nap_ns(0)); }

sz_status sz_ranks_wait(const sz_ranks *r, void *bytes, size_t cap, int from, int tag,
                        const volatile int *stop, int *ret_from, size_t *ret_n) {
    int who = SZ_ANY_RANK;
    size_t n = 0;
    for (int64_t naps = 0;; naps++) {
        SZ_TRY(sz_ranks_said(r, r->call->probe(from, tag, &who, &n), "looking for a message"));
        if (who != SZ_ANY_RANK) break;
        if (stop && *stop) return sz_fail(r->ctx, SZ_ERR_UNAVAILABLE, "stopped");
        nap(nap_ns(naps));
    }
    if (n > cap)
        return sz_fail(r->ctx, SZ_ERR_LIMIT, "rank %d sent %zu bytes where %zu have room", who, n,
                       cap);
    SZ_TRY(sz_ranks_said(r, r->call->receive(bytes, cap, who, tag, &n), "receiving"));
    if (ret_from) *ret_from = who;
    if (ret_n) *ret_n = n;
    return SZ_OK;
}

static sz_status send(const sz_ranks *r, const void *bytes, size_t n, int to, int tag) {
    return sz_ranks_said(r, r->call->send(bytes, n, to, tag), "sending");
}

sz_status sz_ranks_meet(const sz_ranks *r, bool *all_go_on) {
    char go = *all_go_on;
    if (r->self > 0) {
        SZ_TRY(send(r, &go, 1, 0, SZ_TAG_MEET));
        SZ_TRY(sz_ranks_wait(r, &go, 1, 0, SZ_TAG_GO, NULL, NULL, NULL));
        *all_go_on = go;
        return SZ_OK;
    }
    for (int i = 1; i < r->count; i++) {
        char theirs = 0;
        SZ_TRY(sz_ranks_wait(r, &theirs, 1, i, SZ_TAG_MEET, NULL, NULL, NULL));
        go = go && theirs;
    }
    for (int i = 1; i < r->count; i++) SZ_TRY(send(r, &go, 1, i, SZ_TAG_GO));
    *all_go_on = go;
    return SZ_OK;
}

sz_status sz_ranks_gather(const sz_ranks *r, const void *mine, size_t n, void *ret_all) {
    char *all = ret_all;
    memcpy(all + (size_t)r->self * n, mine, n);
    if (r->self > 0) {
        SZ_TRY(send(r, mine, n, 0, SZ_TAG_GATHER));
        return sz_ranks_wait(r, all, n * (size_t)r->count, 0, SZ_TAG_GO, NULL, NULL, NULL);
    }
    for (int i = 1; i < r->count; i++)
        SZ_TRY(sz_ranks_wait(r, all + (size_t)i * n, n, i, SZ_TAG_GATHER, NULL, NULL, NULL));
    for (int i = 1; i < r->count; i++) SZ_TRY(send(r, all, n * (size_t)r->count, i, SZ_TAG_GO));
    return SZ_OK;
}
