// SPDX-License-Identifier: Apache-2.0
// Memory on the chip that weights stay in from run to run. It is filled when the net is loaded, so
// it holds as much as fits, and the rest comes over a link in every run. Which weights stay is the
// compiler's choice: each row streams the same share of its own.
#include "predict/predict.h"

#include <math.h>

#include "model/cost/flow.h"

const sz_link *sz_find_link(const sz_machine *m, const char *name) {
    for (size_t i = 0; name && i < m->links.n; i++)
        if (strcmp(m->links.items[i].link.name, name) == 0) return &m->links.items[i].link;
    return NULL;
}

// Where tensors lie within a run: on the chip, whose bandwidth may not be known, or in main memory.
static void choose_near(sz_estimate *e, int64_t onchip_bytes) {
    e->chip.near = e->memory;
    if (onchip_bytes <= 0) return;
    e->chip.near = (sz_memory_rates){.level = "on chip", .best = SZ_NAN};
    for (size_t i = 0; i < e->machine->levels.n; i++) {
        const sz_mem_level *l = &e->machine->levels.items[i];
        const double rate = sz_best_bandwidth(e->machine, i, NULL, e->threads);
        if (l->level.capacity_bytes != onchip_bytes || isnan(rate)) continue;
        e->chip.near = (sz_memory_rates){
            .level = l->level.name, .best = rate, .load = rate, .copy = rate, .store = rate};
    }
}

static void sum_rows(sz_estimate *e, const sz_flows *flows, sz_chip_bytes *by_row) {
    for (size_t row = 0; row < flows->n_rows; row++) {
        const double scale = sz_byte_scale(e, &e->costs->nodes[row]);
        sz_chip_bytes *b = &by_row[row];
        if (e->only && !e->only[row]) continue;
        for (size_t k = flows->first[row]; k < flows->first[row + 1]; k++) {
            const sz_flow *f = &flows->items.items[k];
            double *to = f->is_written ? &b->written : f->is_weight ? &b->weights : &b->read;
            *to += scale * f->bytes;
        }
        e->chip.weights += b->weights;
    }
}

static void warn_activations(const sz_estimate *e, int64_t onchip_bytes) {
    const double bits = e->options.dtype ? sz_machine_dtype_bits(e->options.dtype) : 32;
    const double peak = (double)sz_costs_activations(e->costs).peak_bytes * bits / 32;
    if (e->is_trial || onchip_bytes <= 0 || e->chip.weights <= 0 || peak <= (double)onchip_bytes)
        return;
    sz_warn(e->ctx,
            "up to %.3g MB of tensors are alive at a time, more than the %.3g MB on the chip of "
            "'%s': what they add to the time is not in it",
            peak * 1e-6, (double)onchip_bytes * 1e-6, e->machine->identity.name);
}

sz_status sz_choose_chip(sz_estimate *e) {
    const sz_coprocessor *c = &e->machine->coprocessor;
    const sz_link *link = sz_find_link(e->machine, c->weights_link);
    sz_flows flows;
    if (c->onchip_bytes <= 0 && !link) return SZ_OK;
    SZ_TRY(sz_flows_find(e->ctx, e->costs, &flows));
    sz_chip_bytes *by_row = sz_arena_array(&e->arena, flows.n_rows + 1, sizeof *by_row);
    if (by_row) sum_rows(e, &flows, by_row);
    sz_flows_finish(e->ctx, &flows);
    if (!by_row) return sz_no_memory(e->ctx);
    e->chip.by_row = by_row;
    e->chip.link = link ? link->name : e->memory.level;
    e->chip.byte_per_s = link ? link->byte_per_s : e->memory.load;
    if (e->chip.share < 0)
        e->chip.share = e->chip.weights <= 0
                            ? 0
                            : fmax(0, 1 - (double)c->onchip_bytes / e->chip.weights);
    choose_near(e, c->onchip_bytes);
    warn_activations(e, c->onchip_bytes);
    return SZ_OK;
}
