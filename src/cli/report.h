// SPDX-License-Identifier: Apache-2.0
// The parts of `sizeup report`: what is known, the sentences that follow from it, and the sections.
#ifndef SZ_CLI_REPORT_H
#define SZ_CLI_REPORT_H

#include "cli/cli.h"

#include <sizeup/audit.h>
#include <sizeup/bench.h>
#include <sizeup/optimize.h>
#include <sizeup/predict.h>

typedef struct report_options {
    cli_strings machines, binds, inputs;
    const char *dtype, *level, *backend, *recipe, *explore, *store, *model;
    int64_t threads;
} report_options;

enum { REPORT_WHY = 512, REPORT_SAYS = 640 };

// A change of the net or of how it runs, and the time that it would take on paper.
typedef struct report_change {
    const char *name, *note; // "run it as a compiler would"
    double time_s;           // of a run
    double sample_s;         // of a sample
    bool first;              // may be advised first: one change that keeps the results
} report_change;

// What the sentences are made of. A number that is not known is NaN.
typedef struct report_facts {
    double nodes_s;                   // sum over the nodes
    double memory, compute, overhead; // shares of it by what limits the node
    size_t nodes, half;               // nodes with a time; fewest that take half of it
    const char *first;                // the slowest node
    double first_share;
    const char *op; // operator that takes most
    double op_share;
    int64_t op_nodes;
    double idle_share; // nodes without arithmetic, of the time
    int64_t idle_nodes;
    double weight_share; // weight bytes of all bytes moved
    int64_t last_cache_bytes, memory_bytes;
    const char *last_cache;
    report_change changes[8];
    size_t n_changes;
    const report_change *best; // with the least time for a sample; NULL = none saves 2 %
    double sample_s, now_s;    // of a sample and of a run as it is, by the level of the changes
} report_facts;

typedef struct report_job {
    cli_app *app;
    const report_options *o;
    sz_bench_set *set; // of a run, or NULL
    size_t record;
    const sz_bench *bench; // the case that the page is about, or NULL
    sz_audit *audit;       // NULL: why
    char audit_why[REPORT_WHY];
    sz_calibration *calibration, *other;               // of the times on paper
    sz_calibration *run_calibration, *run_other;       // of the run
    char level_why[REPORT_WHY], paper_why[REPORT_WHY]; // another level than was asked for
    const char *paper_level; // of changes, and as executed: no calibration knows those
    int threads;             // of times on paper: those asked for, else those of the run
    sz_machine *machine;     // NULL: why
    char machine_why[REPORT_WHY];
    sz_model *model, *lean; // as written; as executed, NULL: why
    char lean_why[REPORT_WHY];
    const char *recipe;
    sz_costs *costs, *lean_costs;
    sz_estimate *estimate, *lean_estimate; // NULL without a machine
    void *explored; // what columns of the document point to: names in the file of --explore
    sz_ctx *side;                          // for what may fail without harm
    report_facts facts;
    sz_doc *doc;
} report_job;

// "1.81 GB" and its like.
typedef struct report_text {
    char s[48];
} report_text;
typedef struct report_note {
    char s[128];
} report_note;
report_text report_si(double v, const char *unit);
report_text report_percent(double share);
report_note report_spread(const sz_bench *bench); // "median, n = 30; 95 %: 1.0 ms to 1.1 ms"
bool report_for_people(const report_job *job);    // in text, where there is little room

void report_find_facts(report_job *job); // report_facts.c

// Each puts a section, or nothing where there is nothing to say.
void report_put_sentences(report_job *job); // report_rules.c
void report_put_totals(report_job *job);    // report_layers.c
void report_put_layers(report_job *job);
void report_put_lean(report_job *job);
bool report_put_roofline(report_job *job); // report_figures.c; false: no memory
bool report_put_memory(report_job *job);
bool report_put_slowest(report_job *job);
void report_put_changes(report_job *job); // report_machines.c
int report_put_machines(report_job *job); // gives the exit code
void report_put_energy(report_job *job);
bool report_put_measured(report_job *job); // report_run.c
void report_put_environment(report_job *job);
int report_put_explore(report_job *job); // report_explore.c
void report_explore_finish(report_job *job);

extern const cli_schema_row report_schema[];
extern const size_t report_schema_n;

#endif
