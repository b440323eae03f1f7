// SPDX-License-Identifier: Apache-2.0
// What would help, the net on other machines in several formats, and where energy goes.
#include "cli/report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/machines.h"

// ---- what would help ---------------------------------------------------------------------------

void report_put_changes(report_job *job) {
    static const sz_column columns[] = {
        {"change", "change", NULL, SZ_AS_TEXT, 0},
        {"sample_s", "a sample", "s", SZ_AS_SI, SZ_COLUMN_BAR},
        {"speedup", "times as fast", NULL, SZ_AS_NUMBER, 0},
        {"time_s", "a run", "s", SZ_AS_SI, SZ_COLUMN_PAGE},
        {"note", "note", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    const report_facts *f = &job->facts;
    sz_doc_heading(job->doc, "What would help");
    if (!job->estimate) {
        sz_doc_line(job->doc, "Not known: %s.", job->machine_why);
        return;
    }
    sz_doc_line(job->doc, "Each change by itself, on paper (level '%s'); a library may reach less.",
                job->paper_level);
    if (!(f->now_s > 0)) return;
    sz_doc_table(job->doc, "changes", columns, CLI_COUNT(columns));
    const sz_cell now[] = {sz_cell_text("as it is"), sz_cell_f64(f->sample_s), sz_cell_f64(1),
                           sz_cell_f64(f->now_s), sz_cell_none()};
    sz_doc_row(job->doc, now, CLI_COUNT(now));
    for (size_t i = 0; i < f->n_changes; i++) {
        const report_change *c = &f->changes[i];
        const sz_cell cells[] = {sz_cell_text(c->name), sz_cell_f64(c->sample_s),
                                 sz_cell_f64(f->sample_s / c->sample_s), sz_cell_f64(c->time_s),
                                 sz_cell_text(c->note)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
}

// ---- other machines ----------------------------------------------------------------------------

enum { MOST = 512, AS_WRITTEN = 0, F16, BF16, INT8, FORMATS };
static const char *const formats[FORMATS] = {[F16] = "f16", [BF16] = "bf16", [INT8] = "int8"};

typedef struct beside {
    sz_machine *machines[MOST];
    size_t n;
    sz_across *across[FORMATS];
} beside;

// A number of a format that the machine really has, else nothing.
static bool counts(const sz_across_row *r, int format) {
    if (!(r->time_s > 0)) return false;
    return format == 0 || !r->note || !strstr(r->note, "has no roof");
}

static double rate_of(const beside *b, size_t i, int format) {
    const sz_across_row r = sz_across_get(b->across[format], i);
    return counts(&r, format) ? r.samples_per_s : NAN;
}

static double per_joule_of(const beside *b, size_t i, int format) {
    const sz_across_row r = sz_across_get(b->across[format], i);
    return counts(&r, format) ? r.samples_per_s * r.time_s / r.energy_j : NAN;
}

// Of the two formats of 16 bits the better one. fmax leaves out what is none.
static sz_cell rate(const beside *b, size_t i, int format) {
    const double one = rate_of(b, i, format);
    return sz_cell_f64(format == F16 ? fmax(one, rate_of(b, i, BF16)) : one);
}

static sz_cell per_joule(const beside *b, size_t i, int format) {
    const double one = per_joule_of(b, i, format);
    return sz_cell_f64(format == F16 ? fmax(one, per_joule_of(b, i, BF16)) : one);
}

typedef struct place {
    size_t index;
    double rate;
} place;

static int faster_first(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->rate != y->rate) return x->rate < y->rate ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static const sz_column machine_columns[] = {
    {"machine", "machine", NULL, SZ_AS_TEXT, 0},
    {"kind", "kind", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
    {"samples_per_s", "as written", "1/s", SZ_AS_SI, SZ_COLUMN_BAR},
    {"samples_per_s_16_bits", "f16 or bf16", "1/s", SZ_AS_SI, SZ_COLUMN_BAR},
    {"samples_per_s_int8", "int8", "1/s", SZ_AS_SI, SZ_COLUMN_BAR},
    {"samples_per_j", "as written", "1/J", SZ_AS_SI, SZ_COLUMN_BAR},
    {"samples_per_j_16_bits", "f16 or bf16", "1/J", SZ_AS_SI, SZ_COLUMN_BAR},
    {"samples_per_j_int8", "int8", "1/J", SZ_AS_SI, SZ_COLUMN_BAR},
    {"bound", "limited by", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
    {"note", "note", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
};

static void put_machine(const report_job *job, const beside *b, size_t i) {
    const sz_across_row r = sz_across_get(b->across[0], i);
    const sz_cell cells[] = {sz_cell_text(r.machine), sz_cell_text(r.kind),
                             rate(b, i, AS_WRITTEN),  rate(b, i, F16),
                             rate(b, i, INT8),        per_joule(b, i, AS_WRITTEN),
                             per_joule(b, i, F16),    per_joule(b, i, INT8),
                             sz_cell_text(r.bound),   sz_cell_text(r.note)};
    sz_doc_row(job->doc, cells, CLI_COUNT(cells));
}

static void put_table(const report_job *job, const beside *b) {
    enum { SHOWN = 15 };
    place places[MOST];
    const size_t shown = report_for_people(job) && b->n > SHOWN ? SHOWN : b->n;
    for (size_t i = 0; i < b->n; i++) {
        const double rate = sz_across_get(b->across[0], i).samples_per_s;
        places[i] = (place){i, isnan(rate) ? -1 : rate};
    }
    qsort(places, b->n, sizeof *places, faster_first);
    sz_doc_line(job->doc, "Samples per second [1/s] and per joule [1/J], on paper, fastest first; "
                          "a dash: the machine does not have the format, or its power is not "
                          "known. Where only the thermal design power is known, energy is at most, "
                          "and samples per joule are at least.");
    sz_doc_table(job->doc, "machines", machine_columns, CLI_COUNT(machine_columns));
    for (size_t i = 0; i < shown; i++) put_machine(job, b, places[i].index);
    if (shown < b->n) sz_doc_line(job->doc, "The %zu fastest of %zu machines.", shown, b->n);
}

static sz_status load_machines(const report_job *job, beside *b) {
    const cli_strings *names = &job->o->machines;
    if (names->n <= 1) return cli_machines_load(job->app, "all", b->machines, MOST, &b->n);
    for (size_t i = 0; i < names->n && b->n < MOST; i++) {
        const sz_status status = cli_machine_load(job->app, names->items[i], &b->machines[b->n]);
        if (status != SZ_OK) return status;
        b->n++;
    }
    return SZ_OK;
}

int report_put_machines(report_job *job) {
    beside *b = calloc(1, sizeof *b);
    if (!b) return cli_error(job->app, CLI_BUG, "no memory for the output");
    sz_status status = load_machines(job, b);
    for (int f = 0; f < FORMATS && status == SZ_OK; f++) {
        const sz_predict_options how = {.dtype = formats[f], .overlap = SZ_OVERLAP_MEASURED};
        status = sz_across_create(job->app->ctx, job->costs, (const sz_machine *const *)b->machines,
                                  b->n, &how, NULL, &b->across[f]);
    }
    sz_doc_heading(job->doc, "Machines and formats");
    if (status == SZ_OK) put_table(job, b);
    for (int f = 0; f < FORMATS; f++) sz_across_destroy(b->across[f]);
    for (size_t i = 0; i < b->n; i++) sz_machine_destroy(b->machines[i]);
    free(b);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

// ---- energy ------------------------------------------------------------------------------------

static const sz_column energy_columns[] = {
    {"part", "part", NULL, SZ_AS_TEXT, 0},
    {"joule", "energy of a run", "J", SZ_AS_SI, SZ_COLUMN_BAR},
    {"share", "share", NULL, SZ_AS_PERCENT, 0},
    {"how", "how it is known", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
};

static void put_part(const report_job *job, const char *part, double joule, double all,
                     const char *how) {
    const sz_cell cells[] = {sz_cell_text(part), sz_cell_f64(joule), sz_cell_f64(joule / all),
                             sz_cell_text(how)};
    if (!isnan(joule)) sz_doc_row(job->doc, cells, CLI_COUNT(cells));
}

// Bottom up: operations and bytes x their energies. Where the record does not tell the energy of
// one there is no number.
static bool knows_a_part(const sz_estimate *e) {
    for (size_t i = 0; i < sz_estimate_energy_part_count(e); i++) {
        const sz_energy_part p = sz_estimate_energy_part(e, i);
        if (p.count > 0 && !isnan(p.joule)) return true;
    }
    return false;
}

static void put_bottom_up(const report_job *job, double all) {
    if (!knows_a_part(job->estimate)) return;
    for (size_t i = 0; i < sz_estimate_energy_part_count(job->estimate); i++) {
        const sz_energy_part p = sz_estimate_energy_part(job->estimate, i);
        char how[160];
        if (!(p.count > 0)) continue;
        if (isnan(p.joule))
            snprintf(how, sizeof how, "%s; what one takes is not known",
                     report_si(p.count, p.unit).s);
        else
            snprintf(how, sizeof how, "%s x %s", report_si(p.count, p.unit).s,
                     report_si(p.joule / p.count, "J").s);
        const sz_cell cells[] = {sz_cell_text(p.what), sz_cell_f64(p.joule),
                                 sz_cell_f64(p.joule / all), sz_cell_text(how)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
}

// At rest the machine takes its power too; what remains beyond that and the bottom-up part is the
// rest of the chip and, where only the most is known, doubt.
static void put_predicted(const report_job *job) {
    const sz_prediction t = sz_estimate_total(job->estimate);
    const sz_power p = sz_machine_power(job->machine);
    const double rest = p.idle_w * t.time_s;
    const double known = (isnan(rest) ? 0 : rest) + (isnan(t.energy_lo_j) ? 0 : t.energy_lo_j);
    if (isnan(t.energy_j) && isnan(t.energy_lo_j)) {
        sz_doc_line(job->doc, "On paper not known: the record of machine '%s' has no power.",
                    sz_machine_identity(job->machine).name);
        return;
    }
    sz_doc_line(job->doc, "On paper, machine '%s':", sz_machine_identity(job->machine).name);
    sz_doc_table(job->doc, "energy_predicted", energy_columns, CLI_COUNT(energy_columns));
    put_part(job, "all", t.energy_j, t.energy_j, t.energy_method);
    put_bottom_up(job, t.energy_j);
    put_part(job, "at rest", rest, t.energy_j, "idle power x time");
    if (known > 0 && t.energy_j > known)
        put_part(job, "not told apart", t.energy_j - known, t.energy_j,
                 "caches, control, leakage, and how far the power is below what was assumed");
    if (!knows_a_part(job->estimate))
        sz_doc_line(job->doc, "Its parts are not known: the record of the machine tells no energy "
                              "of an operation or of a byte.");
}

static void put_domains(const report_job *job) {
    json_t *record = json_loads(sz_bench_set_text(job->set, job->record), 0, NULL), *v;
    json_t *domains = json_object_get(json_object_get(record, "energy"), "domains");
    size_t i;
    json_array_foreach(domains, i, v) {
        const json_t *joule = json_object_get(v, "joule");
        const char *name = json_string_value(json_object_get(v, "name"));
        put_part(job, name ? name : "?", json_is_number(joule) ? json_number_value(joule) : NAN,
                 job->bench->energy.joule, "a channel of the sensor");
    }
    json_decref(record);
}

static void put_measured(const report_job *job) {
    const sz_bench *b = job->bench;
    if (!(b->energy.joule > 0)) {
        sz_doc_line(job->doc, "Not measured: %s.",
                    b->energy.why ? b->energy.why : "the run was not asked for energy (--energy)");
        return;
    }
    sz_doc_line(job->doc, "Measured, of one run:");
    sz_doc_table(job->doc, "energy_measured", energy_columns, CLI_COUNT(energy_columns));
    put_part(job, "all", b->energy.joule, b->energy.joule, b->energy.method);
    if (b->window.runs > 0)
        put_part(job, "above rest", b->window.above_idle_j, b->energy.joule,
                 "without what the machine takes at rest");
    put_domains(job);
}

void report_put_energy(report_job *job) {
    sz_doc_heading(job->doc, "Energy");
    if (job->bench) put_measured(job);
    if (job->estimate)
        put_predicted(job);
    else
        sz_doc_line(job->doc, "On paper not known: %s.", job->machine_why);
}
