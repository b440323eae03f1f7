// SPDX-License-Identifier: Apache-2.0
// A net on a machine that does not run all of it, and on its host: who runs which row, and what
// that takes.
//
// One of the two works at a time. A row costs what it takes there; a tensor that is made on one
// side and read on the other crosses once and costs a latency, a hand-over and its bytes over the
// rate of the link. Inputs come from the host and outputs go back there; weights lie where they are
// read. The split of least cost is a cut (cut.h). How large a share of the weights streams depends
// on the split itself: it is first taken as if all that the machine can run ran there, then as the
// split says, and the better of the splits counts.
#include "predict/split.h"

#include <math.h>
#include <stdio.h>

#include "model/cost/flow.h"
#include "predict/cut.h"

enum { MAX_WHY = 256, ROUNDS = 3 };
enum { NO_MAKER = -2 }; // beside rows and SZ_CUT_HOST: nothing that could cross

typedef struct split {
    sz_estimate *e;
    const sz_machine *host;
    size_t n;    // rows
    bool *fixed; // by value
    bool *runs, *on_host, *best;
    const char **why;          // by row: why the machine does not run it; NULL = it does
    double *device_s, *host_s; // by row
    double *transfer_s;        // by row of the host: of what crosses for it
    SZ_VEC(sz_cut_tensor) tensors;
    SZ_VEC(double) bytes; // of each tensor
    double device_alone_s, host_alone_s, least_s;
    double share; // of the weights that streams; -1: as the rows at hand need
} split;

bool sz_is_split(const sz_estimate *e) {
    return e->machine->operators.n > 0 || e->machine->coprocessor.host;
}

// ---- the two machines --------------------------------------------------------------------------

// Only built-in sheets: a description can't make us read files.
static sz_status find_host(split *s) {
    sz_estimate *e = s->e;
    const char *name = e->machine->coprocessor.host;
    s->host = e->options.host;
    if (s->host) return SZ_OK;
    if (!name)
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE,
                       "machine '%s' does not run every operator and names no host: give one with "
                       "--host",
                       e->machine->identity.name);
    const sz_status status = sz_machine_load(e->ctx, name, NULL, &e->own_host);
    if (status != SZ_OK)
        return sz_place(e->ctx, status, "host of machine '%s'", e->machine->identity.name);
    s->host = e->own_host;
    return SZ_OK;
}

// --threads are the host's: the machine itself is used whole.
static sz_status estimate_part(const split *s, int part, const bool *only, bool is_trial,
                               sz_estimate **ret_estimate) {
    sz_predict_options options = s->e->options;
    const bool is_host = part == SZ_PART_HOST;
    options.host = NULL;
    if (!is_host) options.threads = 0;
    sz_estimate *e = sz_estimate_begin(s->e->ctx, s->e->costs, is_host ? s->host : s->e->machine,
                                       &options);
    if (!e) return sz_no_memory(s->e->ctx);
    e->only = only, e->is_trial = is_trial, e->chip.share = s->share;
    const sz_status status = sz_fill_one(e);
    if (status == SZ_OK)
        *ret_estimate = e;
    else
        sz_estimate_destroy(e);
    return status;
}

static void take_times(const sz_estimate *part, double *by_row) {
    for (size_t i = 0; i < part->nodes.n; i++)
        by_row[part->nodes.items[i].index] = part->nodes.items[i].time.time_s;
}

// ---- what can run where ------------------------------------------------------------------------

static sz_status find_runs(split *s) {
    char why[MAX_WHY];
    sz_find_fixed(s->e->costs->graph, s->fixed);
    for (size_t i = 0; i < s->n; i++) {
        s->runs[i] = sz_runs_row(s->e, s->fixed, i, why, sizeof why);
        if (s->runs[i]) continue;
        s->why[i] = sz_arena_strdup(&s->e->arena, why, strlen(why));
        if (!s->why[i]) return sz_no_memory(s->e->ctx);
    }
    return SZ_OK;
}

// What each would take alone. A machine that has only a narrower format would run another net.
static sz_status estimate_alone(split *s) {
    sz_estimate *host = NULL, *device = NULL;
    SZ_TRY(estimate_part(s, SZ_PART_HOST, NULL, true, &host));
    take_times(host, s->host_s);
    s->host_alone_s = host->total.time_s;
    s->e->options.dtype = host->options.dtype; // as machines call it
    sz_estimate_destroy(host);
    SZ_TRY(estimate_part(s, SZ_PART_DEVICE, NULL, true, &device));
    s->device_alone_s = sz_is_narrower(device, false) ? SZ_NAN : device->total.time_s;
    sz_estimate_destroy(device);
    return SZ_OK;
}

// ---- what may cross ----------------------------------------------------------------------------

typedef struct tensors {
    const sz_graph *g;
    const sz_flows *flows;
    const bool *fixed;
    sz_value_id *root;
    int32_t *maker; // by value: row, SZ_CUT_HOST or NO_MAKER
    size_t *first;  // by value: its readers in `readers`
    int32_t *readers;
    size_t n_values;
} tensors;

static void find_makers(tensors *t) {
    for (size_t v = 0; v < t->n_values; v++)
        t->maker[v] = t->fixed[v] ? (int32_t)NO_MAKER : (int32_t)SZ_CUT_HOST;
    for (size_t row = 0; row < t->flows->n_rows; row++)
        for (size_t k = t->flows->first[row]; k < t->flows->first[row + 1]; k++) {
            const sz_flow *f = &t->flows->items.items[k];
            if (f->is_written && t->maker[f->value] != NO_MAKER) t->maker[f->value] = (int32_t)row;
        }
}

static void add_reader(const tensors *t, sz_value_id v, int32_t row, size_t *at) {
    if (t->maker[v] == NO_MAKER) return;
    if (t->readers) t->readers[at[v]] = row;
    at[v]++;
}

// Counts them, or, where there is room for them, puts them in place.
static void each_reader(const tensors *t, size_t *at) {
    for (size_t row = 0; row < t->flows->n_rows; row++)
        for (size_t k = t->flows->first[row]; k < t->flows->first[row + 1]; k++) {
            const sz_flow *f = &t->flows->items.items[k];
            if (!f->is_written) add_reader(t, f->value, (int32_t)row, at);
        }
    for (size_t i = 0; i < t->g->outputs.n; i++)
        add_reader(t, t->root[t->g->outputs.items[i]], SZ_CUT_HOST, at);
}

static sz_status find_readers(split *s, tensors *t) {
    size_t *at = sz_arena_array(&s->e->arena, t->n_values + 1, sizeof *at);
    t->first = sz_arena_array(&s->e->arena, t->n_values + 1, sizeof *t->first);
    if (!at || !t->first) return sz_no_memory(s->e->ctx);
    each_reader(t, at);
    for (size_t v = 0; v < t->n_values; v++) t->first[v + 1] = t->first[v] + at[v];
    t->readers = sz_arena_array(&s->e->arena, t->first[t->n_values] + 1, sizeof *t->readers);
    if (!t->readers) return sz_no_memory(s->e->ctx);
    memcpy(at, t->first, t->n_values * sizeof *at);
    each_reader(t, at);
    return SZ_OK;
}

// As stored: floats by --dtype.
static double value_bytes(const sz_estimate *e, const sz_type *type) {
    int64_t bytes = 0;
    if (sz_type_bytes(e->ctx, type, &bytes) != SZ_OK || bytes <= 0) return 0;
    const sz_dtype_info *info = sz_dtype_get(type->dtype);
    const bool is_scaled = e->options.dtype && info->cls == SZ_CLASS_FLOAT && info->bits > 0;
    return (double)bytes *
           (is_scaled ? (double)sz_machine_dtype_bits(e->options.dtype) / info->bits : 1);
}

static double crossing_time(const sz_machine *m, double bytes) {
    const sz_link *link = sz_find_link(m, m->coprocessor.link);
    const double sync_s = m->coprocessor.sync_s > 0 ? m->coprocessor.sync_s : 0;
    if (!link) return sync_s;
    return sync_s + (link->latency_s > 0 ? link->latency_s : 0) + bytes / link->byte_per_s;
}

static sz_status add_tensors(split *s, const tensors *t) {
    for (size_t v = 0; v < t->n_values; v++) {
        const size_t n = t->first[v + 1] - t->first[v];
        if (n == 0) continue;
        const double bytes = value_bytes(s->e, &sz_graph_value(t->g, (sz_value_id)v)->type);
        const sz_cut_tensor one = {t->maker[v], t->readers + t->first[v], n,
                                   crossing_time(s->e->machine, bytes)};
        if (!sz_vec_push(s->e->ctx, &s->tensors, one) || !sz_vec_push(s->e->ctx, &s->bytes, bytes))
            return sz_no_memory(s->e->ctx);
    }
    return SZ_OK;
}

static sz_status find_tensors(split *s) {
    sz_flows flows;
    tensors t = {.g = s->e->costs->graph, .n_values = s->e->costs->graph->values.n};
    SZ_TRY(sz_flows_find(s->e->ctx, s->e->costs, &flows));
    t.flows = &flows, t.fixed = s->fixed;
    t.root = sz_arena_array(&s->e->arena, t.n_values + 1, sizeof *t.root);
    t.maker = sz_arena_array(&s->e->arena, t.n_values + 1, sizeof *t.maker);
    sz_status status = t.root && t.maker ? SZ_OK : sz_no_memory(s->e->ctx);
    if (status == SZ_OK) {
        sz_flow_roots(t.g, t.root);
        find_makers(&t);
        status = find_readers(s, &t);
    }
    if (status == SZ_OK) status = add_tensors(s, &t);
    sz_flows_finish(s->e->ctx, &flows);
    return status;
}

// ---- the choice --------------------------------------------------------------------------------

static void set_device_times(split *s, const sz_estimate *device) {
    for (size_t i = 0; i < s->n; i++) s->device_s[i] = s->runs[i] ? 0 : INFINITY;
    for (size_t i = 0; i < device->nodes.n; i++) {
        const size_t row = device->nodes.items[i].index;
        if (s->runs[row]) s->device_s[row] = device->nodes.items[i].time.time_s;
    }
}

// The times of all rows that can run there, when the weights of `on_device` have to share the chip.
static sz_status time_device(split *s, const bool *on_device) {
    sz_estimate *device = NULL;
    s->share = -1;
    SZ_TRY(estimate_part(s, SZ_PART_DEVICE, on_device, true, &device));
    s->share = device->chip.share;
    sz_estimate_destroy(device);
    SZ_TRY(estimate_part(s, SZ_PART_DEVICE, s->runs, true, &device));
    s->share = -1;
    set_device_times(s, device);
    sz_estimate_destroy(device);
    return SZ_OK;
}

static sz_cut_problem problem_of(const split *s) {
    return (sz_cut_problem){.n_tasks = s->n,
                            .device = s->device_s,
                            .host = s->host_s,
                            .n_tensors = s->tensors.n,
                            .tensors = s->tensors.items,
                            .one_part = s->e->machine->coprocessor.one_part};
}

// As a compiler does that gives the machine all it can run: the fewest rows on the host.
static sz_status choose_most(split *s) {
    sz_cut_problem p = problem_of(s);
    double *device = sz_arena_array(&s->e->arena, s->n + 1, sizeof *device);
    double *host = sz_arena_array(&s->e->arena, s->n + 1, sizeof *host), rows = 0;
    sz_cut_tensor *free_ones = sz_arena_array(&s->e->arena, s->tensors.n + 1, sizeof *free_ones);
    if (!device || !host || !free_ones) return sz_no_memory(s->e->ctx);
    for (size_t i = 0; i < s->n; i++) device[i] = s->runs[i] ? 0 : INFINITY, host[i] = 1;
    for (size_t i = 0; i < s->tensors.n; i++) {
        free_ones[i] = s->tensors.items[i];
        free_ones[i].cost = 0;
    }
    p.device = device, p.host = host, p.tensors = free_ones;
    return sz_cut_solve(s->e->ctx, &p, s->best, &rows);
}

static sz_status check_split(const sz_estimate *e) {
    const char *word = e->options.split;
    if (!word || strcmp(word, "best") == 0 || strcmp(word, "most") == 0) return SZ_OK;
    return sz_fail(e->ctx, SZ_ERR_USAGE, "unknown split '%s'; known are: best most",
                   sz_show(e->ctx, sz_str_c(word)));
}

bool sz_takes_all(const sz_estimate *e) {
    if (e->options.split) return strcmp(e->options.split, "most") == 0;
    return e->machine->coprocessor.takes_all;
}

static sz_status choose(split *s) {
    bool *device = sz_arena_array(&s->e->arena, s->n + 1, sizeof *device);
    if (!device) return sz_no_memory(s->e->ctx);
    s->least_s = INFINITY;
    SZ_TRY(time_device(s, s->runs));
    for (int round = 0; round < ROUNDS; round++) {
        const sz_cut_problem p = problem_of(s);
        double cost = 0;
        SZ_TRY(sz_cut_solve(s->e->ctx, &p, s->on_host, &cost));
        for (size_t i = 0; i < s->n; i++) device[i] = !s->on_host[i];
        SZ_TRY(time_device(s, device));
        cost = sz_cut_cost(&p, s->on_host); // with the times that this split gives
        if (!(cost < s->least_s)) break;
        s->least_s = cost;
        memcpy(s->best, s->on_host, s->n * sizeof *s->best);
        if (!s->e->machine->coprocessor.onchip_bytes) break;
    }
    return SZ_OK;
}

// ---- the result --------------------------------------------------------------------------------

static int32_t first_on_host(const sz_cut_tensor *t, const bool *on_host) {
    for (size_t i = 0; i < t->n_readers; i++) {
        if (t->readers[i] == SZ_CUT_HOST) return SZ_CUT_HOST;
    }
    for (size_t i = 0; i < t->n_readers; i++)
        if (on_host[t->readers[i]]) return t->readers[i];
    return SZ_CUT_HOST;
}

// Inputs and outputs of the net would cross without any fallback too; what else crosses is charged
// to the row of the host that makes it, or to the first that reads it.
static void charge_crossings(split *s) {
    sz_crossing *c = &s->e->crossing;
    for (size_t i = 0; i < s->tensors.n; i++) {
        const sz_cut_tensor *t = &s->tensors.items[i];
        if (!sz_cut_crosses(t, s->best)) continue;
        const bool from_host = t->maker == SZ_CUT_HOST || s->best[t->maker];
        const int32_t row = from_host ? t->maker : first_on_host(t, s->best);
        c->total_s += t->cost;
        c->bytes += s->e->machine->coprocessor.link ? s->bytes.items[i] : 0;
        if (row == SZ_CUT_HOST)
            c->inputs_s += t->cost;
        else
            s->transfer_s[row] += t->cost;
    }
}

// Of a net that the machine would run alone: inputs and outputs still cross.
static double boundary_time(const split *s) {
    double sum = 0;
    for (size_t i = 0; i < s->tensors.n; i++) {
        const sz_cut_tensor *t = &s->tensors.items[i];
        bool outside = t->maker == SZ_CUT_HOST, inside = !outside;
        for (size_t k = 0; k < t->n_readers; k++) {
            outside |= t->readers[k] == SZ_CUT_HOST;
            inside |= t->readers[k] != SZ_CUT_HOST;
        }
        if (outside && inside) sum += t->cost;
    }
    return sum;
}

static sz_status add_fallback(split *s, const sz_node_estimate *n) {
    const sz_node_time *t = &n->time;
    sz_fallback f = {
        t->name,  t->op, s->why[n->index], s->host->identity.name, s->transfer_s[n->index],
        t->time_s};
    if (s->runs[n->index] && sz_takes_all(s->e)) {
        f.why = "cut off: a node before it runs on the host";
    } else if (s->runs[n->index]) {
        f.why = "cheaper here, could run there too";
    }
    return f.why && sz_vec_push(s->e->ctx, &s->e->fallbacks, f) ? SZ_OK : sz_no_memory(s->e->ctx);
}

// In file order.
static sz_status merge_nodes(split *s) {
    sz_estimate *const *part = s->e->part;
    size_t at[SZ_PARTS] = {0, 0};
    for (;;) {
        const sz_node_estimate *next[SZ_PARTS];
        for (int i = 0; i < SZ_PARTS; i++)
            next[i] = at[i] < part[i]->nodes.n ? &part[i]->nodes.items[at[i]] : NULL;
        if (!next[0] && !next[1]) return SZ_OK;
        const int k = !next[0] || (next[1] && next[1]->index < next[0]->index);
        if (!sz_vec_push(s->e->ctx, &s->e->nodes, *next[k])) return sz_no_memory(s->e->ctx);
        if (k == SZ_PART_HOST) SZ_TRY(add_fallback(s, next[k]));
        at[k]++;
    }
}

static sz_status merge_served(sz_estimate *e) {
    for (int k = 0; k < SZ_PARTS; k++)
        for (size_t i = 0; i < e->part[k]->served.n; i++)
            if (!sz_vec_push(e->ctx, &e->served, e->part[k]->served.items[i]))
                return sz_no_memory(e->ctx);
    return SZ_OK;
}

// Facts about memory and threads are those of the machine itself; the host's stand beside them.
static void take_facts(sz_estimate *e) {
    const sz_estimate *d = e->part[SZ_PART_DEVICE], *h = e->part[SZ_PART_HOST];
    e->level = d->level, e->threads = d->threads;
    e->options.dtype = d->options.dtype;
    e->memory = d->memory, e->n_levels = d->n_levels;
    e->dispatch_s = d->dispatch_s, e->fork_join_s = d->fork_join_s;
    e->overlap_p = d->overlap_p, e->chip = d->chip;
    e->overhead_s = d->overhead_s + h->overhead_s;
    e->dynamic_j = d->dynamic_j + h->dynamic_j;
    e->macs = d->macs + h->macs, e->macs_j = d->macs_j + h->macs_j;
    e->elementary = d->elementary + h->elementary;
    e->elementary_j = d->elementary_j + h->elementary_j;
    e->far_bytes = d->far_bytes + h->far_bytes, e->far_j = d->far_j + h->far_j;
    e->bytes = d->bytes + h->bytes, e->far_s = d->far_s + h->far_s;
}

// At level bound all overlap: either processor and the link. Else one thing happens at a time.
static double total_of(const sz_estimate *e, double device_s, double host_s, double transfer_s) {
    if (strcmp(e->level, "bound") == 0) return fmax(fmax(device_s, host_s), transfer_s);
    return device_s + host_s + transfer_s;
}

static const char *largest(const sz_prediction *t, double overhead_s) {
    if (overhead_s > fmax(t->communication_s, t->computation_s)) return "overhead";
    return t->computation_s > t->communication_s ? "compute" : "memory";
}

static void add_up(split *s) {
    sz_estimate *e = s->e;
    const sz_prediction *d = &e->part[SZ_PART_DEVICE]->total, *h = &e->part[SZ_PART_HOST]->total;
    const double transfer_s = e->crossing.total_s;
    sz_prediction *t = &e->total;
    t->transfer_s = transfer_s;
    t->computation_s = d->computation_s + h->computation_s;
    t->communication_s = d->communication_s + h->communication_s + transfer_s;
    t->time_s = total_of(e, d->time_s, h->time_s, transfer_s);
    t->time_lo_s = fmin(t->time_s, fmax(fmax(d->time_lo_s, h->time_lo_s), transfer_s));
    t->time_hi_s = fmax(t->time_s, d->time_hi_s + h->time_hi_s + transfer_s);
    t->throughput_per_s = t->time_s > 0 ? 1 / t->time_s : SZ_NAN;
    t->device_alone_s = total_of(e, s->device_alone_s, 0, boundary_time(s));
    if (isnan(s->device_alone_s)) t->device_alone_s = SZ_NAN;
    t->host_alone_s = s->host_alone_s;
    t->best_split_s = strcmp(e->level, "bound") == 0 ? SZ_NAN : s->least_s;
    t->bound = largest(t, strcmp(e->level, "bound") == 0 ? 0 : e->overhead_s);
    sz_sum_energy(e);
}

static void warn_idle(const split *s) {
    const sz_estimate *e = s->e, *d = e->part[SZ_PART_DEVICE];
    const bool is_told = e->options.dtype != NULL;
    if (d->total.computation_s > 0 || e->part[SZ_PART_HOST]->total.computation_s <= 0) return;
    sz_warn(e->ctx, "machine '%s' runs nothing of this net, '%s' all of it%s",
            e->machine->identity.name, s->host->identity.name,
            is_told ? "" : "; --dtype predicts it in a format that it has");
}

static sz_status estimate_both(split *s) {
    sz_estimate *e = s->e;
    bool *device = sz_arena_array(&e->arena, s->n + 1, sizeof *device);
    if (!device) return sz_no_memory(e->ctx);
    for (size_t i = 0; i < s->n; i++) device[i] = !s->best[i];
    SZ_TRY(estimate_part(s, SZ_PART_DEVICE, device, false, &e->part[SZ_PART_DEVICE]));
    SZ_TRY(estimate_part(s, SZ_PART_HOST, s->best, false, &e->part[SZ_PART_HOST]));
    take_facts(e);
    charge_crossings(s);
    SZ_TRY(merge_nodes(s));
    SZ_TRY(merge_served(e));
    add_up(s);
    if (e->nodes.n < s->n)
        sz_warn(e->ctx, "%zu of %zu nodes are not costed and not in the time", s->n - e->nodes.n,
                s->n);
    warn_idle(s);
    return SZ_OK;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status make_room(split *s) {
    sz_arena *a = &s->e->arena;
    s->fixed = sz_arena_array(a, s->e->costs->graph->values.n + 1, sizeof *s->fixed);
    s->runs = sz_arena_array(a, s->n + 1, sizeof *s->runs);
    s->on_host = sz_arena_array(a, s->n + 1, sizeof *s->on_host);
    s->best = sz_arena_array(a, s->n + 1, sizeof *s->best);
    s->why = sz_arena_array(a, s->n + 1, sizeof *s->why);
    s->device_s = sz_arena_array(a, s->n + 1, sizeof *s->device_s);
    s->host_s = sz_arena_array(a, s->n + 1, sizeof *s->host_s);
    s->transfer_s = sz_arena_array(a, s->n + 1, sizeof *s->transfer_s);
    return s->fixed && s->runs && s->on_host && s->best && s->why && s->device_s && s->host_s &&
                   s->transfer_s
               ? SZ_OK
               : sz_no_memory(s->e->ctx);
}

// Nobody calibrates two machines together: the next best level serves, and says so.
static void choose_level(sz_estimate *e) {
    const char *level = e->options.level;
    if (!level || strcmp(level, "calibrated") != 0) return;
    sz_warn(e->ctx,
            "'%s' and its host are not calibrated together; level 'roofline' is shown "
            "instead",
            e->machine->identity.name);
    e->options.level = "roofline";
    e->options.calibration = NULL;
}

static sz_status run_steps(split *s) {
    SZ_TRY(check_split(s->e));
    SZ_TRY(find_host(s));
    SZ_TRY(make_room(s));
    SZ_TRY(estimate_alone(s));
    SZ_TRY(find_runs(s));
    SZ_TRY(find_tensors(s));
    SZ_TRY(choose(s));
    if (sz_takes_all(s->e)) SZ_TRY(choose_most(s));
    return estimate_both(s);
}

sz_status sz_split(sz_estimate *e) {
    split s = {.e = e, .n = sz_costs_node_count(e->costs), .share = -1};
    choose_level(e);
    SZ_TRY(sz_check_operators(e->ctx, e->machine));
    const sz_status status = run_steps(&s);
    sz_vec_finish(e->ctx, &s.tensors);
    sz_vec_finish(e->ctx, &s.bytes);
    return status;
}
