// SPDX-License-Identifier: Apache-2.0
// The network of a machine's record: its own link inside of a node, another across.
#include <string.h>

#include <sizeup/machine.h>
#include <sizeup/network.h>
#include <sizeup/scale.h>

#include "base/base.h"

// What collectives reach of a link. Fits to published tables of collectives on 8 devices (Vidur's
// profiles): A100 38 us and 152 to 174 GB/s of 300, H100 28 us and 340 to 365 of 450. A tree over 8
// takes 6 steps, so that is a sixth of the start each.
typedef struct seed {
    const char *link;
    double latency_s, efficiency;
} seed;
static const seed seeds[] = {{"NVLink4", 28e-6 / 6, 0.78}, {"NVLink3", 38e-6 / 6, 0.53}};

// Across nodes: 16 A100 on two nodes reach 17.5 GB/s for each device (the same tables); that this
// is of a port of 200 Gbit/s for each is an assumption.
enum { MOST_DEVICES = 1 << 20 };
static const double across_efficiency = 0.7;

// Links that are not known: the slower of those that are.
static const seed *seed_of(const char *link) {
    const size_t n = sizeof seeds / sizeof seeds[0];
    for (size_t i = 0; i < n; i++)
        if (strcmp(seeds[i].link, link) == 0) return &seeds[i];
    return &seeds[n - 1];
}

// ---- measured between ranks --------------------------------------------------------------------

// A machine that was measured is a node as a whole; one of a data sheet is one of several in it.
static bool is_node(const sz_machine *machine) {
    return strcmp(sz_machine_identity(machine).source, "measured") == 0;
}

// The link across nodes of that exchange; of several the one of a rank for each node, or else that
// of most ranks. -1 = none.
static int64_t across(const sz_machine *machine, const char *exchange) {
    const bool alone = is_node(machine);
    int64_t best = -1, ranks = 0;
    for (size_t i = 0; i < sz_machine_link_count(machine); i++) {
        const sz_link_scope s = sz_machine_link_scope(machine, i);
        if (!s.level || strcmp(s.level, "network") != 0 || strcmp(s.exchange, exchange) != 0)
            continue;
        if (!(sz_machine_link(machine, i).byte_per_s > 0)) continue;
        const bool better = best < 0 || (alone ? s.ranks < ranks : s.ranks > ranks);
        if (better) best = (int64_t)i, ranks = s.ranks;
    }
    return best;
}

// Start and rate of a message, and the share of that rate that sums over all reach: so the rate of
// large collectives is the one that was measured.
static bool measured_across(const sz_machine *machine, sz_link_level *ret) {
    const int64_t send = across(machine, "send"), sums = across(machine, "all_reduce");
    if (send < 0) return false;
    const sz_link one = sz_machine_link(machine, (size_t)send);
    const double all = sums < 0 ? 0 : sz_machine_link(machine, (size_t)sums).byte_per_s;
    *ret = (sz_link_level){MOST_DEVICES, one.latency_s, one.byte_per_s,
                           all > 0 ? all / one.byte_per_s : across_efficiency,
                           "between nodes, measured"};
    return true;
}

sz_status sz_network_of_machine(sz_ctx *ctx, const sz_machine *machine, int64_t devices_per_node,
                                double node_byte_per_s, sz_network *ret) {
    sz_link_level between = {0};
    const bool is_measured = measured_across(machine, &between);
    if (is_measured && is_node(machine)) {
        *ret = (sz_network){{between}, 1};
        return SZ_OK;
    }
    for (size_t i = 0; i < sz_machine_link_count(machine); i++) {
        const sz_link link = sz_machine_link(machine, i);
        if (sz_machine_link_scope(machine, i).level) continue;
        if (!link.name || strcmp(link.name, "host") == 0 || !(link.byte_per_s > 0)) continue;
        const seed *s = seed_of(link.name);
        const double start = link.latency_s > 0 ? link.latency_s : s->latency_s;
        if (!is_measured)
            between = (sz_link_level){MOST_DEVICES, start, node_byte_per_s, across_efficiency,
                                      "between nodes"};
        *ret = (sz_network){
            {{devices_per_node, start, link.byte_per_s, s->efficiency, link.name}, between}, 2};
        return SZ_OK;
    }
    return sz_fail(ctx, SZ_ERR_INPUT,
                   "machine '%s' has no link to others of its kind: choose one that has, as a100, "
                   "or measure the network between nodes (sizeup machine network)",
                   sz_machine_identity(machine).name);
}
