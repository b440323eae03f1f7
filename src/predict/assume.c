// SPDX-License-Identifier: Apache-2.0
// What a prediction assumes, in words a reader can check.
#include "predict/predict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

SZ_PRINTF(4, 5)
static sz_status add(sz_estimate *e, const char *key, double number, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sz_assumption a = {key, sz_arena_strdup(&e->arena, text, strlen(text)), number};
    if (!a.text || !sz_vec_push(e->ctx, &e->assumptions, a)) return sz_no_memory(e->ctx);
    return SZ_OK;
}

// One fact per key: where there is a number it is the fact, and the text tells people what it is.
static sz_status assume_device(sz_estimate *e) {
    const sz_identity *id = &e->machine->identity;
    SZ_TRY(add(e, "source", SZ_NAN, "%s", id->source));
    if (e->options.dtype)
        SZ_TRY(add(e, "dtype", SZ_NAN,
                   "%s: floats are computed and stored so, whatever the file says",
                   e->options.dtype));
    else
        SZ_TRY(add(e, "dtype", SZ_NAN, "as each node's output says"));
    if (e->all_threads > 0)
        SZ_TRY(add(e, "streams", (double)e->options.streams,
                   "runs side by side, a batch in each: time_s is of a round of them; together "
                   "they move no more than main memory does for %lld threads, and share caches",
                   (long long)e->all_threads));
    return add(e, "threads", (double)e->threads,
               e->all_threads > 0 ? "threads of the roofs, of each stream"
               : e->threads > 0   ? "threads of the roofs"
                                  : "0 is the whole device");
}

static sz_status assume_memory(sz_estimate *e) {
    const sz_memory_rates *m = &e->memory;
    if (e->n_levels > 1)
        SZ_TRY(add(e, "memory", SZ_NAN,
                   "the net runs again and again; each node reads its inputs and weights from the "
                   "nearest of %zu levels that still holds them, and its outputs stay where their "
                   "reader finds them; rates below are of %s, the farthest",
                   e->n_levels, m->level));
    else
        SZ_TRY(add(
            e, "memory", SZ_NAN,
            "each node reads its inputs and weights from %s and writes its outputs there, once",
            m->level));
    SZ_TRY(
        add(e, "load_byte_per_s", m->load, "bytes that are read and not matched by written ones"));
    SZ_TRY(add(e, "copy_byte_per_s", m->copy,
               "bytes written, and as many of those read; measured copies have in them that a line "
               "is read before it is written"));
    if (m->store != m->copy)
        SZ_TRY(add(e, "store_byte_per_s", m->store,
                   "bytes that are written and not matched by read ones; lines are read first"));
    if (m->nearest_level == m->level)
        return add(e, "time_lo", SZ_NAN,
                   "max of all operations at their roofs and all bytes at the best %s bandwidth",
                   m->level);
    if (isinf(m->nearest))
        return add(e, "time_lo", SZ_NAN,
                   "all operations at their roofs; the model fits %s, whose bandwidth is not known",
                   m->nearest_level);
    return add(
        e, "time_lo", SZ_NAN,
        "max of all operations at their roofs and all bytes at the %s bandwidth, as the model "
        "fits %s",
        m->nearest_level, m->nearest_level);
}

static sz_status assume_overhead(sz_estimate *e) {
    if (e->dispatch_s + e->fork_join_s <= 0)
        return add(e, "overhead", SZ_NAN,
                   "the time to start each operator is not known and not added");
    if (e->dispatch_s > 0)
        SZ_TRY(add(e, "dispatch_s", e->dispatch_s, "to start one operator, as measured"));
    if (e->fork_join_s > 0)
        SZ_TRY(add(e, "fork_join_s", e->fork_join_s,
                   "to start and join all threads for one operator, straight after work"));
    if (strcmp(e->level, "bound") == 0)
        return add(e, "overhead", SZ_NAN,
                   "not in the bound: a program may do without; time_hi has it for each node");
    return add(e, "overhead", SZ_NAN,
               "each node that moves or computes something pays to be started; a runtime may pay "
               "more");
}

static sz_status assume_energy(sz_estimate *e) {
    const sz_power *p = &e->machine->power;
    const sz_predict_options *o = &e->options;
    if (p->tdp_w > 0)
        SZ_TRY(add(e, "tdp_w", p->tdp_w, "thermal design power of the device"));
    if (p->idle_w >= 0 && p->busy_w > p->idle_w) {
        SZ_TRY(add(e, "idle_w", p->idle_w, "power at rest, as measured"));
        SZ_TRY(add(e, "busy_w", p->busy_w, "power at full work, as measured"));
        SZ_TRY(add(e, "energy", SZ_NAN,
                   "power follows the utilisation of what is used most, arithmetic or memory"));
    } else if (p->tdp_w > 0) {
        SZ_TRY(
            add(e, "energy", SZ_NAN, "TDP x time: the most the device draws, not a measurement"));
    } else {
        SZ_TRY(add(e, "energy", SZ_NAN, "power of the machine is not known"));
    }
    if (!isnan(e->dynamic_j))
        SZ_TRY(add(e, "energy_lo", SZ_NAN,
                   "arithmetic and main memory alone, by energies per operation and per byte: "
                   "caches, control and leakage come on top"));
    if (o->price_per_h > 0)
        SZ_TRY(add(e, "price_per_h", o->price_per_h, "of the machine, as given"));
    if (o->pue > 0)
        SZ_TRY(add(e, "pue", o->pue, "energy of the whole facility over that of its machines"));
    if (o->carbon_g_per_kwh > 0)
        SZ_TRY(add(e, "carbon_g_per_kwh", o->carbon_g_per_kwh, "of the electricity, as given"));
    return SZ_OK;
}

static sz_status assume_calibration(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration;
    SZ_TRY(add(e, "backend", SZ_NAN, "%s %s, calibrated %s with %d threads over %zu nets",
               c->backend, c->version ? c->version : "", c->started_utc ? c->started_utc : "",
               c->threads, c->nets.n));
    SZ_TRY(add(e, "fixed_s", c->fixed_s, "of a run of a whole net, beside its kernels"));
    SZ_TRY(add(e, "factor", c->factor, "of the sum of the kernels, in a whole net"));
    SZ_TRY(add(e, "usual", c->usual,
               "factor of all times: what strangers on the host cost while it was calibrated; "
               "divide by it for a machine that nobody else uses"));
    const char *here = e->machine->identity.fingerprint;
    if (e->is_carried && (!here || strcmp(here, c->fingerprint) != 0))
        SZ_TRY(add(e, "carried_from", SZ_NAN,
                   "%s: shares of the roofs as there, never more than all; on a machine that was "
                   "not measured the interval is a guess, wider by twice%s",
                   c->machine->identity.name,
                   e->is_other_kind ? " and by what cards never seen are off" : ""));
    return add(e, "interval", SZ_NAN,
               "90 %%: so many of the nets that calibrated were as near, told without themselves");
}

// What holds a card below its roofs.
static sz_status assume_card(sz_estimate *e) {
    if (e->tiled > 0)
        SZ_TRY(add(e, "tiles", SZ_NAN,
                   "of %lld node%s: matrix products run in the tiles that fit them best, in waves "
                   "over %lld units; what tiles cost beside was fitted to f32 kernels of four "
                   "cards",
                   (long long)e->tiled, e->tiled == 1 ? "" : "s",
                   (long long)e->machine->cpu.cores));
    if (e->limited > 0)
        SZ_TRY(add(e, "power_limit_flop_per_s", e->limited_flop_per_s,
                   "of %s that the power of the card allows, by the energy of the whole chip per "
                   "operation: it holds back %lld node%s, and is not in time_lo",
                   e->limited_dtype, (long long)e->limited, e->limited == 1 ? "" : "s"));
    return SZ_OK;
}

sz_status sz_assume(sz_estimate *e) {
    SZ_TRY(assume_device(e));
    SZ_TRY(assume_memory(e));
    SZ_TRY(assume_card(e));
    if (e->options.calibration && strcmp(e->level, "calibrated") == 0) {
        SZ_TRY(assume_calibration(e));
    } else {
        SZ_TRY(
            add(e, "time_hi", SZ_NAN,
                "sum over the nodes of memory time, compute time and start: nothing overlaps. A "
                "real program can be slower"));
        SZ_TRY(assume_overhead(e));
    }
    if (e->machine->transfer_latency_s > 0)
        SZ_TRY(add(e, "latency_s", e->machine->transfer_latency_s,
                   "added to the transfer of each node that moves bytes"));
    SZ_TRY(
        add(e, "throughput", SZ_NAN,
            "runs of the whole graph, one after the other%s; a run holds the batch of the inputs",
            e->all_threads > 0 ? " in each stream" : ""));
    SZ_TRY(add(e, "fusion", SZ_NAN,
               sz_costs_is_optimized(e->costs)
                   ? "kernels of the optimized graph: what flows inside of one moves no bytes"
                   : "none: the graph as written, every result goes to memory"));
    if (e->options.samples <= 0 && e->total.samples > 0)
        SZ_TRY(add(e, "samples", (double)e->total.samples,
                   "the first axis of the first input is taken for the batch"));
    return assume_energy(e);
}
