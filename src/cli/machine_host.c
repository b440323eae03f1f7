// SPDX-License-Identifier: Apache-2.0
// What surrounds a machine, for people; and the libraries that were timed on it.
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- host --------------------------------------------------------------------------------------

static void put_text(sz_doc *doc, const char *title, const char *text) {
    if (text && *text) sz_doc_fact(doc, NULL, title, sz_cell_text(text), SZ_AS_TEXT, NULL);
}

static void put_si(sz_doc *doc, const char *title, double v, const char *unit) {
    if (v > 0) sz_doc_fact(doc, NULL, title, sz_cell_f64(v), SZ_AS_SI, unit);
}

static void put_kinds(sz_doc *doc, const sz_machine *m) {
    for (size_t i = 0; i < sz_machine_core_kind_count(m); i++) {
        const sz_core_kind k = sz_machine_core_kind(m, i);
        char title[64], text[256];
        snprintf(title, sizeof title, "%s cores", k.name);
        snprintf(text, sizeof text, "%lld, with %lld threads (CPUs %s)", (long long)k.cores,
                 (long long)k.threads, k.cpus);
        put_text(doc, title, text);
    }
}

void cli_cores_text(const sz_cpu_facts *cpu, char *buf, size_t cap) {
    snprintf(buf, cap, "%lld, with %lld thread%s", (long long)cpu->cores, (long long)cpu->threads,
             cpu->threads == 1 ? "" : "s");
}

void cli_put_host(sz_doc *doc, const sz_machine *m) {
    const sz_host *h = sz_machine_host(m);
    char text[64];
    if (!h) return;
    put_kinds(doc, m);
    snprintf(text, sizeof text, "%lld, with %lld memory node%s", (long long)h->sockets,
             (long long)h->nodes, h->nodes == 1 ? "" : "s");
    put_text(doc, "sockets", text);
    put_text(doc, "hypervisor", h->hypervisor);
    put_si(doc, "highest clock", h->clock_max_hz, "Hz");
    put_text(doc, "governor", h->governor);
    put_text(doc, "turbo", h->turbo);
    put_text(doc, "SMT", h->smt);
    put_text(doc, "huge pages", h->huge_pages);
    if (h->quota_cpus > 0)
        sz_doc_fact(doc, NULL, "CPU quota", sz_cell_f64(h->quota_cpus), SZ_AS_NUMBER, "CPUs");
    put_si(doc, "memory limit", (double)h->memory_limit_bytes, "B");
    if (h->load >= 0) sz_doc_fact(doc, NULL, "load", sz_cell_f64(h->load), SZ_AS_NUMBER, NULL);
    if (h->steal > 0.001)
        sz_doc_fact(doc, NULL, "stolen time", sz_cell_f64(h->steal), SZ_AS_PERCENT, NULL);
    for (size_t i = 0; i < sz_machine_variable_count(m); i++) {
        const sz_variable v = sz_machine_variable(m, i);
        put_text(doc, v.name, v.value[0] ? v.value : "(empty)");
    }
}

// The caches alone: what a description knows of the levels.
static void put_caches(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"level", "memory", NULL, SZ_AS_TEXT, 0},
        {"capacity_bytes", "size", "B", SZ_AS_SI, 0},
        {"instances", "instances", NULL, SZ_AS_INT, 0},
        {"shared_by", "CPUs to each", NULL, SZ_AS_INT, 0},
        {"line_bytes", "line", "B", SZ_AS_INT, 0},
    };
    sz_doc_table(doc, "levels", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_level_count(m); i++) {
        const sz_level l = sz_machine_level(m, i);
        const sz_cell cells[] = {sz_cell_text(l.name), sz_cell_i64(l.capacity_bytes),
                                 sz_cell_i64(l.instances), sz_cell_i64(l.shared_by),
                                 sz_cell_i64(l.line_bytes)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_isa(sz_doc *doc, const sz_machine *m) {
    char line[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < sz_machine_isa_count(m) && n < sizeof line; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", i ? " " : "",
                              sz_machine_isa(m, i));
    if (n) cli_put_wrapped(doc, "instruction sets: ", "  ", line);
}

static int write_description(cli_app *app, const sz_machine *m) {
    sz_doc *doc;
    const sz_cpu_facts cpu = sz_machine_cpu(m);
    char text[64];
    if (sz_doc_create(app->out, "sizeup.machine/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_heading(doc, sz_machine_identity(m).name);
    put_text(doc, "processor", cpu.model);
    cli_cores_text(&cpu, text, sizeof text);
    put_text(doc, "cores", text);
    put_si(doc, "memory", (double)cpu.memory_bytes, "B");
    cli_put_host(doc, m);
    put_text(doc, "fingerprint", sz_machine_identity(m).fingerprint);
    put_isa(doc, m);
    put_caches(doc, m);
    for (size_t i = 0; i < sz_machine_gap_count(m); i++) {
        const sz_gap gap = sz_machine_gap(m, i);
        sz_doc_line(doc, "Not known: %s: %s", gap.what, gap.why);
    }
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

extern char **environ;

const char *const *cli_environment(void) { return (const char *const *)environ; }

int cli_machine_describe(cli_app *app, const char *root, const char *cpu_mask) {
    sz_machine *m = NULL;
    // The variables of this process say nothing about the machine of a captured tree.
    const sz_measure_options how = {
        .root = root, .cpu_mask = cpu_mask, .environment = root ? NULL : cli_environment()};
    if (app->n_args > 1) return cli_error(app, CLI_USAGE, "unexpected word '%s'", app->args[1]);
    sz_status status = sz_machine_describe_with(app->ctx, &how, &m);
    int code = status != SZ_OK          ? cli_fail(app, status)
               : cli_wants(app, "json") ? cli_machine_write_json(app, m)
                                        : write_description(app, m);
    sz_machine_destroy(m);
    return code;
}

// ---- libraries ---------------------------------------------------------------------------------

void cli_put_libraries(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"library", "library", NULL, SZ_AS_TEXT, 0}, {"kernel", "its kernels", NULL, SZ_AS_TEXT, 0},
        {"isa", "isa", NULL, SZ_AS_TEXT, 0},         {"setting", "with", NULL, SZ_AS_TEXT, 0},
        {"threads", "threads", NULL, SZ_AS_INT, 0},  {"size", "size", NULL, SZ_AS_INT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0}, {"of_roof", "of roof", NULL, SZ_AS_PERCENT, 0},
        {"verdict", "verdict", NULL, SZ_AS_TEXT, 0},
    };
    const size_t n = sz_machine_library_count(m);
    if (n == 0) return;
    sz_doc_table(doc, "libraries", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < n; i++) {
        const sz_library_run r = sz_machine_library(m, i);
        if (i > 0 && strcmp(sz_machine_library(m, i - 1).library, r.library) != 0) sz_doc_rule(doc);
        const sz_cell cells[] = {
            sz_cell_text(r.library),   sz_cell_text(r.kernel), sz_cell_text(r.isa),
            sz_cell_text(r.setting),   sz_cell_i64(r.threads), sz_cell_i64(r.size),
            sz_cell_f64(r.flop_per_s), sz_cell_f64(r.of_roof), sz_cell_text(r.verdict)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    for (size_t i = 0; i < n; i++) {
        const sz_library_run r = sz_machine_library(m, i);
        if (r.advice)
            sz_doc_line(doc, "%s, %lld thread%s, %lld: %s", r.library, (long long)r.threads,
                        r.threads == 1 ? "" : "s", (long long)r.size, r.advice);
    }
}

int cli_library_child(cli_app *app) {
    char *end;
    sz_buf buf;
    if (app->n_args < 3) return cli_error(app, CLI_USAGE, "a library and a number are missing");
    const long threads = strtol(app->args[2], &end, 10);
    if (*end || threads < 1 || threads > 100000)
        return cli_error(app, CLI_USAGE, "'%s' is no number of threads", app->args[2]);
    sz_buf_init(&buf, app->out);
    sz_status status = sz_library_child(app->ctx, app->args[1], (int)threads, &buf);
    int code = status == SZ_OK ? cli_write(app, &buf) : cli_fail(app, status);
    sz_buf_finish(&buf);
    return code;
}
