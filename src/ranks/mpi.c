// SPDX-License-Identifier: Apache-2.0
// The plug-in: MPI behind sz_ranks_table. Not part of the library; built where an MPI is installed.
#include "ranks/plugin.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mpi.h>

enum { MOST_GROUPS = 16, MOST_WINDOW = 64 };

// The state that MPI has for the whole process anyway.
static MPI_Comm groups[MOST_GROUPS];
static int n_groups, own_code = MPI_ERR_OTHER;

static int start(int *ret_self, int *ret_count) {
    int code = MPI_Init(NULL, NULL);
    if (code != MPI_SUCCESS) return code;
    groups[SZ_ALL_RANKS] = MPI_COMM_WORLD;
    n_groups = 1;
    // Errors come back as codes; groups that are split off inherit that.
    code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (code == MPI_SUCCESS) code = MPI_Comm_rank(MPI_COMM_WORLD, ret_self);
    if (code == MPI_SUCCESS) code = MPI_Comm_size(MPI_COMM_WORLD, ret_count);
    return code;
}

// ---- messages on their way ---------------------------------------------------------------------

typedef struct posted {
    struct posted *next;
    MPI_Request request;
    char bytes[];
} posted;
static posted *on_their_way;

static int post(const void *bytes, size_t n, int to, int tag) {
    posted *p = n > INT_MAX ? NULL : malloc(sizeof *p + n);
    if (!p) return own_code;
    memcpy(p->bytes, bytes, n);
    const int code = MPI_Isend(p->bytes, (int)n, MPI_BYTE, to, tag, MPI_COMM_WORLD, &p->request);
    if (code != MPI_SUCCESS) {
        free(p);
        return code;
    }
    p->next = on_their_way;
    on_their_way = p;
    return MPI_SUCCESS;
}

static void let_go_of_arrived(void) {
    for (posted **at = &on_their_way; *at;) {
        posted *p = *at;
        int done = 0;
        if (MPI_Test(&p->request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !done) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free(p);
    }
}

// Who was lost takes nothing any more; others have until then what was sent before they stopped.
// MPI_Finalize waits for all, and for good where one is gone without the launcher having told.
static void stop(bool some_are_gone) {
    let_go_of_arrived();
    while (on_their_way) {
        posted *p = on_their_way;
        on_their_way = p->next;
        MPI_Cancel(&p->request);
        MPI_Request_free(&p->request);
    }
    if (!some_are_gone) MPI_Finalize();
}

static void abandon(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

static void text(int code, char *buf, size_t cap) {
    char words[MPI_MAX_ERROR_STRING] = "";
    int n = 0, ready = 0;
    MPI_Initialized(&ready);
    if (ready) MPI_Error_string(code, words, &n);
    snprintf(buf, cap, "%s", words[0] ? words : "no reason given");
}

// May be asked before start(). The name is up to the first comma: "Open MPI v4.1.4".
static void library(char *buf, size_t cap) {
    char words[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int n = 0;
    MPI_Get_library_version(words, &n);
    words[strcspn(words, ",\n")] = '\0';
    snprintf(buf, cap, "%s", words);
}

// ---- messages ----------------------------------------------------------------------------------

static int send(const void *bytes, size_t n, int to, int tag) {
    if (n > INT_MAX) return own_code;
    return MPI_Send(bytes, (int)n, MPI_BYTE, to, tag, MPI_COMM_WORLD);
}

static int receive(void *bytes, size_t cap, int from, int tag, size_t *ret_n) {
    MPI_Status status;
    int n = 0;
    if (cap > INT_MAX) cap = INT_MAX;
    int code = MPI_Recv(bytes, (int)cap, MPI_BYTE, from, tag, MPI_COMM_WORLD, &status);
    if (code == MPI_SUCCESS) code = MPI_Get_count(&status, MPI_BYTE, &n);
    *ret_n = (size_t)n;
    return code;
}

static int probe(int from, int tag, int *ret_from, size_t *ret_n) {
    MPI_Status status;
    int has = 0, n = 0;
    const int who = from == SZ_ANY_RANK ? MPI_ANY_SOURCE : from;
    if (on_their_way) let_go_of_arrived();
    int code = MPI_Iprobe(who, tag, MPI_COMM_WORLD, &has, &status);
    *ret_from = SZ_ANY_RANK;
    if (code != MPI_SUCCESS || !has) return code;
    code = MPI_Get_count(&status, MPI_BYTE, &n);
    *ret_from = status.MPI_SOURCE;
    *ret_n = (size_t)n;
    return code;
}

static int burst(bool sends, void *bytes, size_t n, int window, int peer, int tag) {
    MPI_Request open[MOST_WINDOW];
    char answer = 0;
    int code = MPI_SUCCESS, begun = 0;
    if (n > INT_MAX || window > MOST_WINDOW) return own_code;
    for (; begun < window && code == MPI_SUCCESS; begun++)
        code = sends ? MPI_Isend(bytes, (int)n, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &open[begun])
                     : MPI_Irecv(bytes, (int)n, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &open[begun]);
    if (code == MPI_SUCCESS) code = MPI_Waitall(begun, open, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS) return code;
    if (sends) return MPI_Recv(&answer, 1, MPI_BYTE, peer, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return MPI_Send(&answer, 1, MPI_BYTE, peer, tag, MPI_COMM_WORLD);
}

// ---- groups ------------------------------------------------------------------------------------

static int split(int colour, int *ret_group) {
    MPI_Comm made = MPI_COMM_NULL;
    int slot = 1;
    while (slot < n_groups && groups[slot] != MPI_COMM_NULL) slot++;
    if (slot == MOST_GROUPS) return own_code;
    const int code = MPI_Comm_split(MPI_COMM_WORLD, colour < 0 ? MPI_UNDEFINED : colour, 0, &made);
    *ret_group = -1;
    if (code != MPI_SUCCESS || made == MPI_COMM_NULL) return code;
    groups[slot] = made;
    if (slot == n_groups) n_groups++;
    *ret_group = slot;
    return MPI_SUCCESS;
}

static int leave(int group) {
    return group > SZ_ALL_RANKS ? MPI_Comm_free(&groups[group]) : MPI_SUCCESS;
}

static int barrier(int group) { return MPI_Barrier(groups[group]); }

static int most(int group, double *value) {
    return MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_DOUBLE, MPI_MAX, groups[group]);
}

static int agree(int group, void *bytes, size_t n) {
    return n > INT_MAX ? own_code : MPI_Bcast(bytes, (int)n, MPI_BYTE, 0, groups[group]);
}

// An MPI reads `in` only, but version 3 says so with a pointer that could write for a broadcast.
static int collective(int group, sz_collective what, const void *in, void *out, size_t bytes) {
    const MPI_Comm c = groups[group];
    int n = 1;
    if (bytes > INT_MAX) return own_code;
    MPI_Comm_size(c, &n);
    const int all = (int)bytes, each = all / n, floats = all / (int)sizeof(float);
    switch (what) {
    case SZ_ALL_REDUCE:
        return MPI_Allreduce(in, out, floats, MPI_FLOAT, MPI_SUM, c);
    case SZ_ALL_GATHER:
        return MPI_Allgather(in, each, MPI_BYTE, out, each, MPI_BYTE, c);
    case SZ_REDUCE_SCATTER:
        return MPI_Reduce_scatter_block(in, out, floats / n, MPI_FLOAT, MPI_SUM, c);
    case SZ_ALL_TO_ALL:
        return MPI_Alltoall(in, each, MPI_BYTE, out, each, MPI_BYTE, c);
    case SZ_BROADCAST:
        return MPI_Bcast((void *)(size_t)in, all, MPI_BYTE, 0, c);
    case SZ_SEND:
        break;
    }
    return own_code;
}

__attribute__((visibility("default"))) const sz_ranks_table *sz_ranks_plugin(void) {
    static const sz_ranks_table table = {
        SZ_RANKS_VERSION, start, stop,  abandon, text,  library, send, post,
        receive,          probe, burst, split,   leave, barrier, most, agree,
        collective};
    return &table;
}
