// SPDX-License-Identifier: Apache-2.0
// The summary of a report. A rule looks at numbers and, where they are so, puts a sentence and the
// numbers that made it true; a sentence without its numbers can't be written here.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/count.h"

typedef struct sentence {
    char says[REPORT_SAYS], because[REPORT_SAYS];
} sentence;

#define SAYS(s, ...)    snprintf((s)->says, sizeof(s)->says, __VA_ARGS__)
#define BECAUSE(s, ...) snprintf((s)->because, sizeof(s)->because, __VA_ARGS__)

static const char *plural(int64_t n) { return n == 1 ? "" : "s"; }

static bool rule_first_step(const report_job *job, sentence *s) {
    const report_facts *f = &job->facts;
    if (!f->best) return false;
    SAYS(s, "The first thing to do: %s. It saves %s of the time of a sample, on paper.",
         f->best->name, report_percent(1 - f->best->sample_s / f->sample_s).s);
    BECAUSE(s, "%s instead of %s a sample; %s. Other changes: section 'What would help'.",
            report_si(f->best->sample_s, "s").s, report_si(f->sample_s, "s").s, f->best->note);
    return true;
}

static bool rule_measured(const report_job *job, sentence *s) {
    const sz_bench *b = job->bench;
    if (!b || !(b->time.median_s > 0)) return false;
    SAYS(s, "It took %s on %s%s%s.", report_si(b->time.median_s, "s").s,
         b->ran_as.backend ? b->ran_as.backend : "an unnamed library",
         b->ran_as.dtype ? " in " : "", b->ran_as.dtype ? b->ran_as.dtype : "");
    BECAUSE(s, "%s%s%s", report_spread(b).s, b->verdict ? "; verdict: " : "",
            b->verdict ? b->verdict : "");
    return true;
}

static bool rule_told(const report_job *job, sentence *s) {
    if (!job->audit) return false;
    const sz_audit_sums a = sz_audit_summed(job->audit);
    if (!(a.ratio > 0)) return false;
    SAYS(s, "Measured it takes %.2f times what was predicted%s.", a.ratio,
         isnan(a.lo_s)   ? ""
         : a.in_interval ? ", within the 90 % interval"
                         : ", outside of the 90 % interval");
    char layers[120] = "no layer was timed by itself";
    if (a.matched > 0)
        snprintf(layers, sizeof layers,
                 "of %lld row%s of one layer and one kernel the median error is %.1f %%",
                 (long long)a.matched, a.matched == 1 ? "" : "s", 100 * a.median_error);
    else if (a.rows > 0)
        snprintf(layers, sizeof layers, "no layer was predicted as one kernel");
    BECAUSE(s, "%s measured, %s predicted (%s); %s", report_si(a.measured_s, "s").s,
            report_si(a.predicted_s, "s").s, sz_estimate_level(sz_audit_estimate(job->audit)),
            layers);
    return true;
}

static bool rule_bound(const report_job *job, sentence *s) {
    const report_facts *f = &job->facts;
    static const char *const words[] = {"Memory-bound", "Compute-bound", "Bound by overhead"};
    static const char *const does[] = {"moves bytes", "is arithmetic", "starts nodes"};
    const double shares[] = {f->memory, f->compute, f->overhead};
    int k = 0;
    if (!(f->nodes_s > 0)) return false;
    for (int i = 1; i < 3; i++)
        if (shares[i] > shares[k]) k = i;
    SAYS(s, "%s: %s of the time %s.", words[k], report_percent(shares[k]).s, does[k]);
    BECAUSE(s,
            "of %s in %zu node%s: %s in nodes limited by memory, %s by arithmetic, %s by overhead",
            report_si(f->nodes_s, "s").s, f->nodes, f->nodes == 1 ? "" : "s",
            report_percent(f->memory).s,
            report_percent(f->compute).s, report_percent(f->overhead).s);
    return true;
}

static bool rule_few(const report_job *job, sentence *s) {
    const report_facts *f = &job->facts;
    if (!f->first || f->half == 0 || 3 * f->half >= f->nodes) return false;
    SAYS(s, "%zu of %zu nodes take%s half of the time: look at %s first.", f->half, f->nodes,
         f->half == 1 ? "s" : "", f->half == 1 ? "it" : "them");
    BECAUSE(s, "the slowest is %.120s with %s; the table of layers sorts by time", f->first,
            report_percent(f->first_share).s);
    return true;
}

static bool rule_operator(const report_job *job, sentence *s) {
    const report_facts *f = &job->facts;
    if (!f->op || f->op_share < 0.5) return false;
    SAYS(s, "%.80s takes %s of the time.", f->op, report_percent(f->op_share).s);
    BECAUSE(s, "%lld node%s of %zu", (long long)f->op_nodes, plural(f->op_nodes), f->nodes);
    return true;
}

static bool rule_idle(const report_job *job, sentence *s) {
    const report_facts *f = &job->facts;
    if (!(f->idle_share >= 0.05)) return false;
    SAYS(s, "%s of the time goes to nodes that calculate nothing: they move data.",
         report_percent(f->idle_share).s);
    BECAUSE(s, "%lld node%s with 0 FLOP, %s together", (long long)f->idle_nodes,
            plural(f->idle_nodes), report_si(f->idle_share * f->nodes_s, "s").s);
    return true;
}

static bool rule_weights(const report_job *job, sentence *s) {
    const report_facts *f = &job->facts;
    const sz_cost t = sz_costs_total(job->costs);
    const bool too_large = f->last_cache && t.weight_bytes > f->last_cache_bytes;
    const bool many = f->weight_share >= 0.5;
    if (!many && !too_large) return false;
    if (many)
        SAYS(s,
             "Weights are %s of the bytes moved: more samples in a run, or a smaller format of "
             "the weights, make each sample cheaper.",
             report_percent(f->weight_share).s);
    else
        SAYS(s, "The weights do not fit into %s: each run reads them from memory again.",
             f->last_cache);
    BECAUSE(s, "weights %s of %s moved%s%s%s%s", report_si((double)t.weight_bytes, "B").s,
            report_si((double)t.bytes_moved, "B").s, f->last_cache ? "; " : "",
            f->last_cache ? f->last_cache : "", f->last_cache ? " holds " : "",
            f->last_cache ? report_si((double)f->last_cache_bytes, "B").s : "");
    return true;
}

static bool rule_fusion(const report_job *job, sentence *s) {
    if (!job->lean_costs) return false;
    const double before = (double)sz_costs_total(job->costs).bytes_moved;
    const double after = (double)sz_costs_total(job->lean_costs).bytes_moved;
    if (!(before > 0) || after > 0.95 * before) return false;
    SAYS(s, "A compiler that fuses as '%s' does moves %s fewer bytes.", job->recipe,
         report_percent(1 - after / before).s);
    const size_t kernels = sz_costs_node_count(job->lean_costs);
    BECAUSE(s, "%s in %zu kernel%s instead of %s in %zu nodes", report_si(after, "B").s, kernels,
            kernels == 1 ? "" : "s", report_si(before, "B").s, sz_costs_node_count(job->costs));
    return true;
}

static bool rule_memory(const report_job *job, sentence *s) {
    const sz_activations a = sz_costs_activations(job->costs);
    const sz_memory m = sz_costs_memory(job->costs);
    if (a.peak_node < 0 || a.peak_bytes == 0) return false;
    const sz_node_cost n = sz_costs_node(job->costs, (size_t)a.peak_node);
    SAYS(s, "Activations need %s at most, at %.100s.", report_si((double)a.peak_bytes, "B").s,
         count_layer_name(job->costs, (size_t)a.peak_node, &n));
    BECAUSE(s, "with views and in-place operators %s; one block for all of them takes %s (%s)",
            report_si((double)m.in_place_peak_bytes, "B").s,
            report_si((double)m.arena_bytes, "B").s, m.method);
    return true;
}

static bool rule_room(const report_job *job, sentence *s) {
    const double need = (double)sz_costs_total(job->costs).weight_bytes +
                        (double)sz_costs_memory(job->costs).arena_bytes;
    const double has = (double)job->facts.memory_bytes;
    if (!(has > 0)) return false;
    if (need > has)
        SAYS(s, "It does not fit into the memory of '%s'.", sz_machine_identity(job->machine).name);
    else
        SAYS(s, "Weights and activations take %s of the memory of '%s'.",
             report_percent(need / has).s, sz_machine_identity(job->machine).name);
    BECAUSE(s, "%s of %s", report_si(need, "B").s, report_si(has, "B").s);
    return true;
}

static bool rule_energy(const report_job *job, sentence *s) {
    const sz_bench *b = job->bench;
    if (b && b->energy.joule > 0 && b->energy.samples_per_j > 0) {
        SAYS(s, "A joule pays for %s samples, measured.", report_si(b->energy.samples_per_j, "").s);
        BECAUSE(s, "%s a run: %s", report_si(b->energy.joule, "J").s,
                b->energy.method ? b->energy.method : "method not known");
        return true;
    }
    if (!job->estimate) return false;
    const sz_prediction t = sz_estimate_total(job->estimate);
    if (!(t.energy_per_sample_j > 0)) return false;
    SAYS(s, "A joule pays for %s samples, on paper.", report_si(1 / t.energy_per_sample_j, "").s);
    BECAUSE(s, "%s a sample: %s", report_si(t.energy_per_sample_j, "J").s,
            t.energy_method ? t.energy_method : "method not known");
    return true;
}

static bool rule_verdict(const report_job *job, sentence *s) {
    const sz_bench *b = job->bench;
    if (!b || !b->verdict || strcmp(b->verdict, "valid") == 0) return false;
    SAYS(s, "The measurement was %s: take its times with care.", b->verdict);
    BECAUSE(s, "%s", b->next_step ? b->next_step : "the record does not say what to do");
    return true;
}

static bool rule_unknown(const report_job *job, sentence *s) {
    const int64_t all = (int64_t)sz_costs_node_count(job->costs);
    const int64_t missing = all - sz_costs_covered(job->costs);
    if (missing <= 0) return false;
    SAYS(s, "%lld node%s not costed: all sums are without them.", (long long)missing,
         missing == 1 ? " is" : "s are");
    BECAUSE(s, "of %lld; the table of layers says why for each", (long long)all);
    return true;
}

static bool rule_fallback(const report_job *job, sentence *s) {
    const int64_t n = job->estimate ? (int64_t)sz_estimate_fallback_count(job->estimate) : 0;
    if (n == 0) return false;
    const sz_fallback first = sz_estimate_fallback(job->estimate, 0);
    SAYS(s, "%lld node%s on the host '%s': the machine does not run them.", (long long)n,
         n == 1 ? " runs" : "s run", first.device ? first.device : "?");
    BECAUSE(s, "the first is %.100s (%s): %s", first.node, first.op, first.why ? first.why : "?");
    return true;
}

static const struct {
    const char *name;
    bool (*holds)(const report_job *job, sentence *ret_sentence);
} rules[] = {
#define RULE(name, when) {#name, rule_##name},
#include "cli/report_rules.def"
#undef RULE
};

void report_put_sentences(report_job *job) {
    static const sz_column columns[] = {
        {"says", "what follows", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
        {"because", "from", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
        {"rule", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    };
    sz_doc_heading(job->doc, "Summary");
    sz_doc_table(job->doc, "findings", columns, CLI_COUNT(columns));
    sz_doc_as_list(job->doc);
    for (size_t i = 0; i < CLI_COUNT(rules); i++) {
        sentence s = {"", ""};
        if (!rules[i].holds(job, &s)) continue;
        const sz_cell cells[] = {sz_cell_text(s.says), sz_cell_text(s.because),
                                 sz_cell_text(rules[i].name)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
    if (!job->machine) sz_doc_line(job->doc, "No times: %s.", job->machine_why);
}
