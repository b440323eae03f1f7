// SPDX-License-Identifier: Apache-2.0
// Which node and socket ranks are on, and which of them exchange.
#include "machine/network/network.h"

#include <stdio.h>
#include <unistd.h>

#include "os/pin.h"
#include "os/procfs.h"

enum { MOST_CPUS = 1024 };

static int package_of(const char *root, int cpu) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
    return (int)sz_proc_int(root, path, -1);
}

// Has the machine several packages? Where it has one, "same socket" would say nothing.
static bool has_sockets(const char *root) {
    char online[256];
    int cpus[MOST_CPUS];
    if (!sz_proc_line(root, "/sys/devices/system/cpu/online", online, sizeof online)) return false;
    const int n = sz_proc_cpus(online, cpus, MOST_CPUS);
    for (int i = 1; i < n && i < MOST_CPUS; i++)
        if (package_of(root, cpus[i]) != package_of(root, cpus[0])) return true;
    return false;
}

void sz_end_of_self(const char *root, sz_end *ret) {
    int cpus[MOST_CPUS];
    const int n = sz_pin_allowed(cpus, MOST_CPUS);
    *ret = (sz_end){.package = -1, .cpus = n, .first = n > 0 ? cpus[0] : -1};
    if (gethostname(ret->host, sizeof ret->host - 1) != 0) snprintf(ret->host, 2, "?");
    if (n < 1 || !has_sockets(root)) return;
    const int package = package_of(root, cpus[0]);
    for (int i = 1; i < n; i++)
        if (package_of(root, cpus[i]) != package) return;
    ret->package = package;
}

sz_reach sz_reach_of(const sz_end *a, const sz_end *b) {
    if (strcmp(a->host, b->host) != 0) return SZ_ACROSS;
    return a->package >= 0 && a->package == b->package ? SZ_SAME_SOCKET : SZ_SAME_NODE;
}

const char *sz_reach_name(sz_reach reach) {
    static const char *const names[] = {"socket", "node", "network"};
    return names[reach];
}

// ---- teams -------------------------------------------------------------------------------------

static bool is_first_of_node(const sz_end *ends, int rank) {
    for (int i = 0; i < rank; i++)
        if (sz_reach_of(&ends[i], &ends[rank]) != SZ_ACROSS) return false;
    return true;
}

// Ranks of a node against the CPUs that they have together. Masks that overlap in part are rare:
// the CPUs of ranks with the same lowest one count once.
static bool is_crowded(const sz_end *ends, const sz_team *t, const sz_end *node) {
    int ranks = 0, cpus = 0;
    for (int i = 0; i < t->n; i++) {
        const sz_end *e = &ends[t->members[i]];
        bool seen = false;
        if (strcmp(e->host, node->host) != 0) continue;
        for (int k = 0; k < i && !seen; k++) {
            const sz_end *other = &ends[t->members[k]];
            seen = strcmp(e->host, other->host) == 0 && e->first == other->first;
        }
        ranks++;
        if (!seen) cpus += e->cpus;
    }
    return ranks > cpus;
}

static void look_at(const sz_end *ends, sz_team *t) {
    t->nodes = 0;
    t->crowded = false;
    t->reach = SZ_SAME_SOCKET;
    for (int i = 0; i < t->n; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++) {
            const sz_reach r = sz_reach_of(&ends[t->members[k]], &ends[t->members[i]]);
            if (r > t->reach) t->reach = r;
            seen = seen || r != SZ_ACROSS;
        }
        if (seen) continue;
        t->nodes++;
        t->crowded = t->crowded || is_crowded(ends, t, &ends[t->members[i]]);
    }
}

bool sz_team_pair(const sz_end *ends, int n, sz_reach reach, sz_team *ret) {
    for (int a = 0; a < n; a++)
        for (int b = a + 1; b < n; b++) {
            if (sz_reach_of(&ends[a], &ends[b]) != reach) continue;
            ret->n = 2;
            ret->members[0] = a, ret->members[1] = b;
            snprintf(ret->what, sizeof ret->what, "ranks %d and %d", a, b);
            look_at(ends, ret);
            return true;
        }
    return false;
}

// A node that has several ranks; -1 = none.
static int shared_node(const sz_end *ends, int n) {
    for (int a = 0; a < n; a++)
        for (int b = a + 1; b < n; b++)
            if (sz_reach_of(&ends[a], &ends[b]) != SZ_ACROSS) return a;
    return -1;
}

static bool is_chosen(const sz_end *ends, int rank, sz_choice choice, int node) {
    if (choice == SZ_EVERY_RANK) return true;
    if (choice == SZ_ONE_OF_EACH_NODE) return is_first_of_node(ends, rank);
    return node >= 0 && sz_reach_of(&ends[node], &ends[rank]) != SZ_ACROSS;
}

bool sz_team_choose(const sz_end *ends, int n, sz_choice choice, sz_team *ret) {
    const int node = shared_node(ends, n);
    ret->n = 0;
    for (int i = 0; i < n && i < SZ_MOST_RANKS; i++)
        if (is_chosen(ends, i, choice, node)) ret->members[ret->n++] = i;
    if (ret->n < 2 || (choice != SZ_EVERY_RANK && ret->n == n)) return false;
    switch (choice) {
    case SZ_ONE_NODE:
        snprintf(ret->what, sizeof ret->what, "the %d ranks of a node", ret->n);
        break;
    case SZ_ONE_OF_EACH_NODE:
        snprintf(ret->what, sizeof ret->what, "a rank of each of %d nodes", ret->n);
        break;
    default:
        snprintf(ret->what, sizeof ret->what, "all %d ranks", ret->n);
    }
    look_at(ends, ret);
    return true;
}

int sz_team_index(const sz_team *team, int rank) {
    for (int i = 0; i < team->n; i++)
        if (team->members[i] == rank) return i;
    return -1;
}
