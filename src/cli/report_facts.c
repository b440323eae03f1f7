// SPDX-License-Identifier: Apache-2.0
// What a report can say of a net on a machine, as numbers; and what changes would bring, by
// predicting them.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

report_text report_si(double v, const char *unit) {
    report_text t = {"-"};
    sz_buf buf;
    sz_ctx *ctx = sz_ctx_create(NULL);
    if (!ctx) return t;
    sz_buf_init(&buf, ctx);
    sz_buf_number(&buf, SZ_AS_SI, v, unit);
    if (sz_buf_status(&buf) == SZ_OK) snprintf(t.s, sizeof t.s, "%.*s", (int)buf.size, buf.data);
    sz_buf_finish(&buf);
    sz_ctx_destroy(ctx);
    return t;
}

report_text report_percent(double share) {
    report_text t;
    if (share == 0)
        snprintf(t.s, sizeof t.s, "0 %%");
    else if (share > 0 && share < 0.0005)
        snprintf(t.s, sizeof t.s, "under 0.1 %%");
    else
        snprintf(t.s, sizeof t.s, share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
    return t;
}

report_note report_spread(const sz_bench *b) {
    report_note t;
    const double confidence = b->time.confidence > 0 ? b->time.confidence : 0.95;
    if (isnan(b->time.ci_lo_s) || isnan(b->time.ci_hi_s))
        snprintf(t.s, sizeof t.s, "median, n = %lld", (long long)b->time.n);
    else
        snprintf(t.s, sizeof t.s, "median, n = %lld; %d %%: %.24s to %.24s", (long long)b->time.n,
                 (int)(100 * confidence + 0.5), report_si(b->time.ci_lo_s, "s").s,
                 report_si(b->time.ci_hi_s, "s").s);
    return t;
}

// ---- where the time goes -----------------------------------------------------------------------

typedef struct part {
    const char *name;
    double s;
    int64_t nodes;
} part;

static int longer_first(const void *a, const void *b) {
    const part *x = a, *y = b;
    return x->s < y->s ? 1 : x->s > y->s ? -1 : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const part *)a)->name, ((const part *)b)->name);
}

static void add_by_bound(report_facts *f, const sz_node_time *t) {
    const char *bound = t->bound ? t->bound : "";
    if (strcmp(bound, "memory") == 0) f->memory += t->time_s;
    if (strcmp(bound, "compute") == 0) f->compute += t->time_s;
    if (strcmp(bound, "overhead") == 0) f->overhead += t->time_s;
}

// How few nodes take half of the time; which one takes most.
static void find_half(report_facts *f, part *parts, size_t n) {
    double sum = 0;
    qsort(parts, n, sizeof *parts, longer_first);
    for (f->half = 0; f->half < n && sum < f->nodes_s / 2; f->half++) sum += parts[f->half].s;
    if (n == 0 || !(f->nodes_s > 0)) return;
    f->first = parts[0].name;
    f->first_share = parts[0].s / f->nodes_s;
}

static void find_operator(report_facts *f, part *parts, size_t n) {
    qsort(parts, n, sizeof *parts, by_name);
    for (size_t i = 0, k; i < n; i = k) {
        part sum = {parts[i].name, 0, 0};
        for (k = i; k < n && strcmp(parts[k].name, sum.name) == 0; k++)
            sum.s += parts[k].s, sum.nodes++;
        if (f->op && !(sum.s / f->nodes_s > f->op_share)) continue;
        f->op = sum.name, f->op_nodes = sum.nodes;
        f->op_share = f->nodes_s > 0 ? sum.s / f->nodes_s : 0;
    }
}

static bool find_parts(report_job *job) {
    report_facts *f = &job->facts;
    const size_t n = sz_estimate_node_count(job->estimate);
    part *parts = calloc(n + 1, sizeof *parts);
    if (!parts) return false;
    f->nodes = n;
    for (size_t i = 0; i < n; i++) {
        const sz_node_time t = sz_estimate_node(job->estimate, i);
        const sz_node_cost c = sz_costs_node(job->costs, sz_estimate_index(job->estimate, i));
        f->nodes_s += t.time_s;
        add_by_bound(f, &t);
        if (c.cost.flops == 0) f->idle_share += t.time_s, f->idle_nodes++;
        parts[i] = (part){c.name && *c.name ? c.name : t.op, t.time_s, 1};
    }
    find_half(f, parts, n);
    for (size_t i = 0; i < n; i++) {
        const sz_node_time t = sz_estimate_node(job->estimate, i);
        parts[i] = (part){t.op, t.time_s, 1};
    }
    find_operator(f, parts, n);
    free(parts);
    if (!(f->nodes_s > 0)) return true;
    f->memory /= f->nodes_s, f->compute /= f->nodes_s, f->overhead /= f->nodes_s;
    f->idle_share /= f->nodes_s;
    return true;
}

// ---- the machine -------------------------------------------------------------------------------

static void find_memories(report_job *job) {
    report_facts *f = &job->facts;
    f->memory_bytes = sz_machine_cpu(job->machine).memory_bytes;
    for (size_t i = 0; i < sz_machine_level_count(job->machine); i++) {
        const sz_level l = sz_machine_level(job->machine, i);
        const bool cache = l.name && l.name[0] == 'L' && l.capacity_bytes > 0;
        if (cache) f->last_cache = l.name, f->last_cache_bytes = l.capacity_bytes;
        if (l.name && strcmp(l.name, "DRAM") == 0 && l.capacity_bytes > 0)
            f->memory_bytes = l.capacity_bytes;
    }
}

// ---- what changes would bring ------------------------------------------------------------------

static sz_predict_options how_of(const report_job *job) {
    return (sz_predict_options){
        .level = job->paper_level,
        .dtype = job->o->dtype,
        .threads = job->threads,
        .overlap = SZ_OVERLAP_MEASURED,
    };
}

static void add_change(report_job *job, const char *name, const char *note, bool first,
                       const sz_prediction *t) {
    report_facts *f = &job->facts;
    if (f->n_changes == CLI_COUNT(f->changes) || !(t->time_s > 0)) return;
    const double samples = t->samples > 0 ? (double)t->samples : 1;
    f->changes[f->n_changes++] = (report_change){name, note, t->time_s, t->time_s / samples, first};
}

// In another format: only where the machine has a roof of just that format.
static bool add_format(report_job *job, const sz_costs *costs, const char *dtype, const char *name,
                       const char *note, bool first) {
    sz_predict_options how = how_of(job);
    sz_estimate *e = NULL;
    bool exact = false;
    how.dtype = dtype;
    if (sz_estimate_create(job->side, costs, job->machine, &how, &e) != SZ_OK) return false;
    for (size_t i = 0; i < sz_estimate_roof_count(e); i++) {
        const sz_roof_use use = sz_estimate_roof(e, i);
        if (strcmp(use.work, "multiply-accumulate") != 0) continue;
        exact = use.exact && strcmp(use.dtype, dtype) == 0;
        if (!exact) break;
    }
    const sz_prediction t = sz_estimate_total(e);
    if (exact) add_change(job, name, note, first, &t);
    sz_estimate_destroy(e);
    return exact;
}

static void add_threads(report_job *job) {
    sz_predict_options how = how_of(job);
    sz_estimate *e = NULL;
    if (how.threads == 0) return;
    how.threads = 0;
    if (sz_estimate_create(job->side, job->costs, job->machine, &how, &e) != SZ_OK) return;
    const sz_prediction t = sz_estimate_total(e);
    add_change(job, "use all threads", "of the processor, instead of those asked for", true, &t);
    sz_estimate_destroy(e);
}

// Of a family of nets: eight times as many samples in a run. The net is made anew.
static void add_batch(report_job *job) {
    const char *path = sz_model_path(job->model);
    const int64_t samples = sz_estimate_total(job->estimate).samples;
    const sz_predict_options how = how_of(job);
    char larger[512];
    sz_model *m = NULL;
    sz_costs *c = NULL;
    sz_estimate *e = NULL;
    if (strcmp(sz_model_format(job->model), "net") != 0 || samples <= 0 || strstr(path, "batch="))
        return;
    snprintf(larger, sizeof larger, "%s%cbatch=%lld", path, strchr(path, ':') ? ',' : ':',
             (long long)samples * 8);
    if (sz_model_load(job->side, larger, NULL, &m) == SZ_OK &&
        sz_costs_create(job->side, m, NULL, &c) == SZ_OK &&
        sz_estimate_create(job->side, c, job->machine, &how, &e) == SZ_OK) {
        const sz_prediction t = sz_estimate_total(e);
        add_change(job, "run eight times as many samples at once",
                   "weights are read once for all of them; each answer takes longer", true, &t);
    }
    sz_estimate_destroy(e);
    sz_costs_destroy(c);
    sz_model_destroy(m);
}

// Is the last change, but for a tenth, no better than change number `half`? SIZE_MAX: there is
// none.
static bool is_no_better(const report_facts *f, size_t half) {
    return half != SIZE_MAX && f->changes[f->n_changes - 1].time_s > 0.9 * f->changes[half].time_s;
}

static void add_formats(report_job *job) {
    size_t half = SIZE_MAX;
    static const struct {
        const char *dtype, *name, *both;
    } rows[] = {
        {"f16", "floats as f16", "as a compiler would, floats as f16"},
        {"bf16", "floats as bf16", "as a compiler would, floats as bf16"},
        {"int8", "floats as int8", "as a compiler would, floats as int8"},
    };
    for (size_t i = 0; i < CLI_COUNT(rows); i++) {
        if (job->o->dtype && strcmp(job->o->dtype, rows[i].dtype) == 0) continue;
        const bool has = add_format(job, job->costs, rows[i].dtype, rows[i].name,
                                    i < 2 ? "weights and activations of half the bytes"
                                          : "needs a net that was quantized with care",
                                    i < 2);
        if (has && i == 1 && is_no_better(&job->facts, half)) {
            job->facts.n_changes--; // one of two formats of 16 bits is enough
            continue;
        }
        if (has && i < 2) half = job->facts.n_changes - 1;
        if (has && i < 2 && job->lean_costs)
            add_format(job, job->lean_costs, rows[i].dtype, rows[i].both, "both together", false);
    }
}

static void find_changes(report_job *job) {
    report_facts *f = &job->facts;
    const sz_predict_options how = how_of(job);
    sz_estimate *e = NULL;
    if (sz_estimate_create(job->side, job->costs, job->machine, &how, &e) != SZ_OK) return;
    const sz_prediction t = sz_estimate_total(e);
    f->now_s = t.time_s;
    f->sample_s = t.time_s / (t.samples > 0 ? (double)t.samples : 1);
    sz_estimate_destroy(e);
    if (job->lean_estimate) {
        const sz_prediction lean = sz_estimate_total(job->lean_estimate);
        add_change(job, "run it as a compiler would", "fused and rewritten: section 'As executed'",
                   true, &lean);
    }
    add_formats(job);
    add_threads(job);
    add_batch(job);
    for (size_t i = 0; i < f->n_changes; i++) {
        const report_change *c = &f->changes[i];
        const bool saves = c->first && c->sample_s < 0.98 * f->sample_s;
        if (saves && (!f->best || c->sample_s < f->best->sample_s)) f->best = c;
    }
}

void report_find_facts(report_job *job) {
    const sz_cost total = sz_costs_total(job->costs);
    job->facts = (report_facts){.weight_share = NAN};
    if (total.bytes_moved > 0)
        job->facts.weight_share = (double)total.weight_bytes / (double)total.bytes_moved;
    if (job->machine) find_memories(job);
    if (!job->estimate || !find_parts(job)) return;
    find_changes(job);
}
