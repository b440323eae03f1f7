// SPDX-License-Identifier: Apache-2.0
#include "predict/scale/collectives.h"

#include <math.h>
#include <stdbool.h>

// One level as a group sees it: so many members talk over it at a time.
typedef struct leg {
    double n, alpha, rate;
} leg;

static double steps_of(double n) { return ceil(log2(n)); }

// `bytes` of each device are summed for all. Latency counts once for each step of an algorithm.
static double reduce_flat(const leg *l, double bytes) {
    const double whole = bytes / l->rate, steps = steps_of(l->n);
    const double ring = 2 * (l->n - 1) * l->alpha + 2 * (l->n - 1) / l->n * whole;
    const double tree = 2 * steps * l->alpha + 2 * whole;
    const double doubling = steps * (l->alpha + whole);
    return fmin(ring, fmin(tree, doubling));
}

// All-gather of `bytes` in the end; reduce-scatter is its mirror. Halving needs a power of two.
static double gather_flat(const leg *l, double bytes) {
    const double share = (l->n - 1) / l->n * bytes / l->rate;
    const bool is_power = exp2(steps_of(l->n)) == l->n;
    return (is_power ? steps_of(l->n) : l->n - 1) * l->alpha + share;
}

// The levels that a group crosses, innermost first. False where the network is too small.
static bool legs_of(const sz_network *net, int64_t devices, int64_t stride, leg ret[4],
                    size_t *ret_n) {
    int64_t within = 1;
    size_t n = 0;
    for (size_t i = 0; i < net->n && i < 4 && within < devices; i++) {
        const sz_link_level *l = &net->levels[i];
        const int64_t fit = l->devices / stride;
        const int64_t now = fit < devices ? fit : devices;
        if (now <= within) continue;
        const double rate = l->byte_per_s * l->efficiency;
        if (!(rate > 0)) return false;
        const bool is_last = now == devices;
        // a group that does not fill whole nodes still takes one message for each begun node
        const double members = is_last ? ceil((double)now / (double)within)
                                       : (double)now / (double)within;
        ret[n++] = (leg){members, l->latency_s, rate};
        within = now;
    }
    *ret_n = n;
    return within >= devices;
}

// One ring or tree over all, at the pace of its slowest level.
static leg slowest(const leg *legs, size_t n, int64_t devices) {
    leg all = {(double)devices, 0, INFINITY};
    for (size_t i = 0; i < n; i++) {
        all.alpha = fmax(all.alpha, legs[i].alpha);
        all.rate = fmin(all.rate, legs[i].rate);
    }
    return all;
}

// Scatter inside, reduce across, gather inside: each level gets the share that the one below left.
static double reduce_levels(const leg *legs, size_t n, double bytes) {
    double sum = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        sum += 2 * gather_flat(&legs[i], bytes);
        bytes /= legs[i].n;
    }
    return sum + reduce_flat(&legs[n - 1], bytes);
}

static double gather_levels(const leg *legs, size_t n, double bytes) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += gather_flat(&legs[i], bytes);
        bytes /= legs[i].n;
    }
    return sum;
}

// Every device has a piece for every other; what goes over a level is for those beyond the one
// below. The levels are busy at the same time.
static double exchange(const leg *legs, size_t n, double devices, double bytes) {
    double starts = 0, longest = 0, within = 1;
    for (size_t i = 0; i < n; i++) {
        const double now = i + 1 == n ? devices : within * legs[i].n;
        starts += (now - within) * legs[i].alpha;
        longest = fmax(longest, (now - within) / devices * bytes / legs[i].rate);
        within = now;
    }
    return starts + longest;
}

// In pieces that follow each other down a tree, so that only its depth costs starts.
static double broadcast(const leg *legs, size_t n, double bytes) {
    double starts = 0, longest = 0;
    for (size_t i = 0; i < n; i++) {
        starts += steps_of(legs[i].n) * legs[i].alpha;
        longest = fmax(longest, bytes / legs[i].rate);
    }
    return starts + longest;
}

double sz_collective_s(const sz_network *net, sz_collective what, int64_t devices, int64_t stride,
                       double bytes) {
    leg legs[4];
    size_t n;
    if (devices <= 1) return 0;
    if (stride < 1 || !legs_of(net, devices, stride, legs, &n)) return INFINITY;
    const leg flat = slowest(legs, n, devices);
    switch (what) {
    case SZ_ALL_REDUCE:
        return fmin(reduce_flat(&flat, bytes), reduce_levels(legs, n, bytes));
    case SZ_ALL_GATHER:
    case SZ_REDUCE_SCATTER:
        return fmin(gather_flat(&flat, bytes), gather_levels(legs, n, bytes));
    case SZ_ALL_TO_ALL:
        return exchange(legs, n, (double)devices, bytes);
    case SZ_BROADCAST:
        return broadcast(legs, n, bytes);
    case SZ_SEND:
        return legs[n - 1].alpha + bytes / legs[n - 1].rate;
    }
    return INFINITY;
}
