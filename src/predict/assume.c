// SPDX-License-Identifier: Apache-2.0
// What a prediction assumes, in words a reader can check.
#include "predict/split.h"

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

// Memory of its own on the chip.
static sz_status assume_chip(sz_estimate *e) {
    const sz_chip *c = &e->chip;
    const int64_t onchip = e->machine->coprocessor.onchip_bytes;
    if (onchip > 0)
        SZ_TRY(add(e, "onchip_bytes", (double)onchip,
                   "on the chip hold weights from run to run, as many as fit; tensors within a run "
                   "stay there too%s",
                   c->near.best > 0 ? "" : ", in no time: its bandwidth is not known"));
    SZ_TRY(add(e, "streamed_bytes", c->share * c->weights,
               "of weights come over '%s' in each run, every node's the same share", c->link));
    return add(e, "stream_byte_per_s", c->byte_per_s, "of that link");
}

static sz_status assume_memory(sz_estimate *e) {
    const sz_memory_rates *m = &e->memory;
    if (e->chip.by_row) {
        SZ_TRY(assume_chip(e));
        if (e->machine->coprocessor.onchip_bytes > 0) return SZ_OK;
    }
    if (e->n_levels > 1)
        SZ_TRY(add(e, "memory", SZ_NAN,
                   "the net runs again and again; each node reads its inputs and weights from the "
                   "nearest of %zu levels that still holds them, and its outputs stay where their "
                   "reader finds them; rates below are of %s, the farthest",
                   e->n_levels, m->level));
    else
        SZ_TRY(
            add(e, "memory", SZ_NAN,
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
    if (e->part[SZ_PART_HOST]) return SZ_OK; // time_lo is of both
    // An interval of measured times begins where it does, but never below the roofs.
    const char *never = strcmp(e->level, "calibrated") == 0 ? "never below: " : "";
    if (m->nearest_level == m->level)
        return add(e, "time_lo", SZ_NAN,
                   "%smax of all operations at their roofs and all bytes at the best %s bandwidth",
                   never, m->level);
    if (isinf(m->nearest))
        return add(e, "time_lo", SZ_NAN,
                   "%sall operations at their roofs; the model fits %s, whose bandwidth is not "
                   "known",
                   never, m->nearest_level);
    return add(e, "time_lo", SZ_NAN,
               "%smax of all operations at their roofs and all bytes at the %s bandwidth, as the "
               "model fits %s",
               never, m->nearest_level, m->nearest_level);
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

static sz_status assume_link(sz_estimate *e) {
    const sz_machine *m = e->machine;
    const char *name = m->coprocessor.link;
    if (!name) return add(e, "link", SZ_NAN, "none: both see the same memory, nothing is copied");
    SZ_TRY(add(e, "link", SZ_NAN, "%s", name));
    const sz_link *l = sz_find_link(m, name);
    SZ_TRY(add(e, "link_byte_per_s", l->byte_per_s, "between the two"));
    if (!(l->latency_s > 0)) return add(e, "link_latency", SZ_NAN, "not known and not added");
    return add(e, "link_latency_s", l->latency_s, "for each tensor that crosses");
}

// Of a net on two processors.
static sz_status assume_split(sz_estimate *e) {
    const sz_estimate *h = e->part[SZ_PART_HOST];
    const bool is_bound = strcmp(e->level, "bound") == 0;
    SZ_TRY(add(e, "host", SZ_NAN, "%s (%s): runs what %s does not", h->machine->identity.name,
               h->machine->identity.source, e->machine->identity.name));
    SZ_TRY(add(e, "host_load_byte_per_s", h->memory.load, "of the host's %s", h->memory.level));
    SZ_TRY(assume_link(e));
    if (e->machine->coprocessor.sync_s > 0)
        SZ_TRY(add(e, "sync_s", e->machine->coprocessor.sync_s,
                   "to hand over, for each tensor that crosses"));
    else
        SZ_TRY(add(e, "sync", SZ_NAN, "the time to hand over is not known and not added"));
    SZ_TRY(add(e, "boundary_s", e->crossing.inputs_s,
               "inputs and outputs of the net, from the host and back; part of transfer_s"));
    SZ_TRY(add(e, "crossing_bytes", e->crossing.bytes, "cross the link in a run"));
    SZ_TRY(add(e, "split", SZ_NAN, "%s%s; a tensor crosses once, weights never",
               sz_takes_all(e) ? "all that the machine can run runs there, as its compiler does"
                               : "the one of least time",
               e->machine->coprocessor.one_part
                   ? "; the compiler cuts once, so what follows a node of the host is the host's"
                   : ""));
    SZ_TRY(add(e, "time_lo", SZ_NAN,
               "of this split: the longest of what either processor and the link have to do"));
    return add(e, "time", SZ_NAN, "%s",
               is_bound ? "of this split: the longest of what either processor has to do and what "
                          "the link has to carry, all at once"
                        : "one processor works at a time, and neither while a tensor crosses");
}

static sz_status assume_overlap(sz_estimate *e) {
    if (strcmp(e->level, "roofline") != 0) return SZ_OK;
    if (isinf(e->overlap_p))
        return add(e, "overlap", SZ_NAN,
                   "perfect: a node takes the longer of its memory and compute time");
    return add(e, "overlap_p", e->overlap_p,
               "a node takes the p-norm of its memory and compute time%s",
               e->options.overlap > 0 ? ", as given" : ", p as measured");
}

// Is it stored narrower than the machine computes?
static bool is_widened(const sz_served *s) {
    const int bits = sz_machine_dtype_bits(s->machine_dtype);
    return !s->exact && !s->elementary && s->roof && bits > 0 &&
           bits < sz_machine_dtype_bits(s->roof->dtype);
}

// A format that the machine does not compute in is stored as asked and widened on the way.
static sz_status assume_formats(sz_estimate *e) {
    char text[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < e->served.n && n < sizeof text; i++) {
        const sz_served *s = &e->served.items[i];
        if (is_widened(s))
            n += (size_t)snprintf(
                text + n, sizeof text - n, "%s%s (%d bit%s an element) as %s", n ? ", " : "",
                s->machine_dtype, sz_machine_dtype_bits(s->machine_dtype),
                sz_machine_dtype_bits(s->machine_dtype) == 1 ? "" : "s", s->roof->dtype);
    }
    if (n == 0) return SZ_OK;
    return add(e, "widened", SZ_NAN,
               "moved as stored and computed in the next format that the machine has: %s; the "
               "work to widen is not in the time",
               text);
}

static sz_status assume_energy(sz_estimate *e) {
    const sz_power *p = &e->machine->power;
    const sz_predict_options *o = &e->options;
    if (p->tdp_w > 0) SZ_TRY(add(e, "tdp_w", p->tdp_w, "thermal design power of the device"));
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
    SZ_TRY(add(e, "usual", e->usual,
               "factor of all times: what strangers on the host cost nets that take about as long, "
               "while it was calibrated; divide by it for a machine that nobody else uses"));
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
    if (e->part[SZ_PART_HOST]) SZ_TRY(assume_split(e));
    SZ_TRY(assume_memory(e));
    SZ_TRY(assume_card(e));
    SZ_TRY(assume_overlap(e));
    SZ_TRY(assume_formats(e));
    if (e->options.calibration && strcmp(e->level, "calibrated") == 0) {
        SZ_TRY(assume_calibration(e));
    } else {
        SZ_TRY(add(e, "time_hi", SZ_NAN,
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
