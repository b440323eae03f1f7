// SPDX-License-Identifier: Apache-2.0
// `sizeup machine measure|describe|show|compare|list`: what a machine can do.
#include "cli/interrupt.h"
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sizeup/lab.h>
#include <sizeup/network.h>

typedef struct machine_options {
    bool quick, libraries;
    cli_strings fail;
    const char *root, *save, *cpu_mask, *disk, *explain;
    int64_t threads, message;
} machine_options;

static const cli_option options_table[] = {
    {"quick", 0, CLI_FLAG, NULL, NULL, "measure, network: in less than 10 seconds",
     offsetof(machine_options, quick)},
    {"save", 's', CLI_STRING, "NAME", NULL,
     "measure, network: save under this name too, besides 'here'",
     offsetof(machine_options, save)},
    {"threads", 't', CLI_INT, "N", NULL, "measure: use at most N threads; 0: all",
     offsetof(machine_options, threads)},
    {"libraries", 0, CLI_FLAG, NULL, NULL,
     "measure: also what the installed BLAS and oneDNN reach of the roof",
     offsetof(machine_options, libraries)},
    {"explain", 0, CLI_STRING, "OP", NULL,
     "measure: only this: speed of fma, max, max+mul ... against independent chains, and why",
     offsetof(machine_options, explain)},
    {"root", 0, CLI_STRING, "FOLDER", NULL,
     "describe: the machine whose proc/ and sys/ are in FOLDER", offsetof(machine_options, root)},
    {"fail", 0, CLI_LIST, "NAME:-3%", NULL,
     "compare: exit 1 when NAME falls by more (+: rises); may be repeated",
     offsetof(machine_options, fail)},
    {"cpu-mask", 0, CLI_STRING, "LIST", NULL, "measure: do without these CPU features: avx512f,fma",
     offsetof(machine_options, cpu_mask)},
    {"disk", 0, CLI_STRING, "DIR", NULL,
     "measure: the disk that DIR is on; 'none': no disk (usual: that of the data; --quick: none)",
     offsetof(machine_options, disk)},
    {"message", 0, CLI_INT, "BYTES", "4194304", "network: the longest message",
     offsetof(machine_options, message)},
};

static const char notes[] =
    "measure        measure this machine and save the result as 'here'\n"
    "show [NAME]    show a machine: here, a saved name, a data sheet, a JSON file, or a what-if\n"
    "               line such as cpu:cores=8,clock=3e9,fma=32,dram=50e9,l2=1M,\n"
    "               or of two numbers: custom:flops=1e12,bandwidth=1e11[,latency=1e-6]\n"
    "describe       what the system tells about this machine, without measuring\n"
    "compare A B    two machines side by side: roofs, levels, ratios\n"
    "list           saved machines and data sheets\n"
    "network [NAME] by 'mpirun -n N sizeup machine network': the network between the ranks,\n"
    "               kept with the machine NAME (without: with 'here')\n"
    "Measurements are saved in $XDG_DATA_HOME/sizeup/machines (or ~/.local/share/...).\n";

static const cli_schema_row schema[] = {
    {1, NULL, CLI_J_RECORD, NULL, sz_identity_type, false},
    {1, "sources", CLI_J_ARRAY, "of a data sheet: where the numbers come from", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_citation_type, false},
    {1, "cpu", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_cpu_facts_type, false},
    {2, "isa", CLI_J_STRINGS, "instruction sets", NULL, false},
    {1, "host", CLI_J_OBJECT, "what surrounds the CPU, where it was described", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_host_type, false},
    {2, "core_kinds", CLI_J_ARRAY, "empty when all cores are alike", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_core_kind_type, false},
    {2, "environment", CLI_J_ARRAY, "variables that change libraries", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_variable_type, false},
    {1, "peaks", CLI_J_ARRAY, "rates of computation", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_peak_type, false},
    {1, "levels", CLI_J_ARRAY, "memory, nearest to the core first", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_level_type, false},
    {2, "bandwidth", CLI_J_ARRAY, NULL, NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_bandwidth_type, false},
    {1, "curve", CLI_J_ARRAY, "working sets of one thread, smallest first", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_curve_point_type, false},
    {1, "links", CLI_J_ARRAY, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_link_type, false},
    {2, "level", CLI_J_STRING, "farthest ends, where it was measured between ranks", NULL, true},
    {2, "exchange", CLI_J_STRING, "send, stream, all_reduce, ...", NULL, true},
    {2, "ranks", CLI_J_INTEGER, "that took part", NULL, true},
    {2, "nodes", CLI_J_INTEGER, "that they were on", NULL, true},
    {2, "segments", CLI_J_ARRAY, "lines through the times of messages", NULL, true},
    {3, NULL, CLI_J_RECORD, NULL, sz_segment_type, false},
    {2, "messages", CLI_J_ARRAY, "times by size", NULL, true},
    {3, NULL, CLI_J_RECORD, NULL, sz_message_type, false},
    {1, "overhead", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_overhead_type, false},
    {1, "power", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_power_type, false},
    {1, "energy", CLI_J_OBJECT, "where it is known", NULL, true},
    {2, "per_op", CLI_J_ARRAY, "operations", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_op_energy_type, false},
    {2, "per_byte", CLI_J_ARRAY, "bytes of memory", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_byte_energy_type, false},
    {1, "operators", CLI_J_ARRAY, "that it runs, where it does not run all", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_operator_type, false},
    {1, "coprocessor", CLI_J_OBJECT, "how it works for a host, where it does", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_coprocessor_type, false},
    {1, "overlap", CLI_J_OBJECT, "of memory and compute, where it was measured", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_overlap_type, false},
    {1, "roofs", CLI_J_ARRAY, "best peak of each kind of work", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_roof_type, false},
    {2, "ridge_flop_per_byte", CLI_J_OBJECT, "by level: from this intensity on the roof limits",
     NULL, false},
    {1, "libraries", CLI_J_ARRAY, "with --libraries: f32 matrix products against the roof", NULL,
     true},
    {2, NULL, CLI_J_RECORD, NULL, sz_library_run_type, false},
    {1, "unavailable", CLI_J_ARRAY, "what is not known, and why", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_gap_type, false},
    {1, "verdict", CLI_J_OBJECT, "can the measurement be trusted", NULL, false},
    {2, "ok", CLI_J_BOOL, "nothing disturbed it", NULL, false},
    {2, "notes", CLI_J_STRINGS, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

static const cli_schema_row compare_schema[] = {
    {1, "a", CLI_J_STRING, "name of the first machine", NULL, false},
    {1, "b", CLI_J_STRING, "name of the second machine", NULL, false},
    {1, "rows", CLI_J_ARRAY, "what either of them has", NULL, false},
    {2, "kind", CLI_J_STRING, "cpu, roof, bandwidth, per cycle, latency, ...", NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "unit", CLI_J_STRING, NULL, NULL, false},
    {2, "a", CLI_J_NUMBER, NULL, NULL, false},
    {2, "b", CLI_J_NUMBER, NULL, NULL, false},
    {2, "ratio", CLI_J_NUMBER, "b / a", NULL, false},
    {2, "better", CLI_J_STRING, "a or b, where one is", NULL, false},
    {2, "broken", CLI_J_BOOL, "a gate of --fail is broken", NULL, false},
    {1, "passed", CLI_J_BOOL, "no gate is broken", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

static const cli_schema_row explain_schema[] = {
    {1, "chains", CLI_J_ARRAY, "speed against the number of independent chains", NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "isa", CLI_J_STRING, NULL, NULL, false},
    {2, "chains", CLI_J_INTEGER, NULL, NULL, false},
    {2, "flop_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "flop_per_cycle", CLI_J_NUMBER, NULL, NULL, false},
    {2, "step_per_cycle", CLI_J_NUMBER, "links of a chain", NULL, false},
    {1, "summary", CLI_J_ARRAY, "what follows for each operation", NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "dtype", CLI_J_STRING, NULL, NULL, false},
    {2, "isa", CLI_J_STRING, NULL, NULL, false},
    {2, "lanes", CLI_J_INTEGER, "of a register", NULL, false},
    {2, "registers", CLI_J_INTEGER, "that the instruction set has", NULL, false},
    {2, "instructions", CLI_J_INTEGER, "of a link", NULL, false},
    {2, "latency_cycles", CLI_J_NUMBER, "of a link", NULL, false},
    {2, "step_per_cycle", CLI_J_NUMBER, "with enough chains", NULL, false},
    {2, "pipes", CLI_J_NUMBER, NULL, NULL, false},
    {2, "chains_needed", CLI_J_INTEGER, "for that speed", NULL, false},
    {2, "flop_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "flop_per_cycle", CLI_J_NUMBER, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

static const cli_schema_row list_schema[] = {
    {1, "machines", CLI_J_ARRAY, "saved measurements first, then data sheets", NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "source", CLI_J_STRING, "measured, datasheet, or that it cannot be read", NULL, false},
    {2, "kind", CLI_J_STRING, "gpu, accelerator, cpu, soc or mcu", NULL, false},
    {2, "model", CLI_J_STRING, "processor or device", NULL, false},
    {2, "f32_flop_per_s", CLI_J_NUMBER, "best roof", NULL, false},
    {2, "f16_flop_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "bf16_flop_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "int8_op_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "byte_per_s", CLI_J_NUMBER, "of main memory", NULL, false},
    {2, "tdp_w", CLI_J_NUMBER, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

static const cli_word_schema words_schemas[] = {
    {"list", list_schema, CLI_COUNT(list_schema)},
    {"compare", compare_schema, CLI_COUNT(compare_schema)},
    {"explain", explain_schema, CLI_COUNT(explain_schema)},
    {NULL, NULL, 0},
};

const cli_usage cli_machine_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(machine_options),
    .min_args = 1,
    .max_args = 3,
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
    .words = words_schemas,
};

bool cli_machine_folder(char *buf, size_t cap) { return cli_data_place("machines", buf, cap); }

// ---- text --------------------------------------------------------------------------------------

// A sentence of any length as lines of at most WIDTH columns; all but the first are indented.
void cli_put_wrapped(sz_doc *doc, const char *first, const char *indent, const char *text) {
    enum { WIDTH = 98 };
    while (*text) {
        const size_t left = strlen(text), room = WIDTH - strlen(first);
        size_t n = left < room ? left : room;
        if (n < left)
            while (n > 1 && text[n] != ' ') n--;
        sz_doc_line(doc, "%s%.*s", first, (int)n, text);
        for (text += n; *text == ' ';) text++;
        first = indent;
    }
}

static void put_text(sz_doc *doc, const char *key, const char *title, const char *text) {
    if (text && *text) sz_doc_fact(doc, key, title, sz_cell_text(text), SZ_AS_TEXT, NULL);
}

static void put_number(sz_doc *doc, const char *title, double v, const char *unit) {
    if (!isnan(v) && v > 0) sz_doc_fact(doc, NULL, title, sz_cell_f64(v), SZ_AS_SI, unit);
}

static void put_header(sz_doc *doc, const sz_machine *m) {
    const sz_identity id = sz_machine_identity(m);
    const sz_cpu_facts cpu = sz_machine_cpu(m);
    const sz_power power = sz_machine_power(m);
    char text[256];
    sz_doc_heading(doc, id.name);
    put_text(doc, NULL, strcmp(id.source, "measured") == 0 ? "processor" : "device", cpu.model);
    if (cpu.cores > 0 && cpu.threads > 0) {
        cli_cores_text(&cpu, text, sizeof text);
        put_text(doc, NULL, "cores", text);
    }
    put_number(doc, "clock", cpu.clock_hz, "Hz");
    put_number(doc, "memory", (double)cpu.memory_bytes, "B");
    put_number(doc, "TDP", power.tdp_w, "W");
    put_number(doc, "power at rest", power.idle_w, "W");
    put_number(doc, "power at work", power.busy_w, "W");
    put_number(doc, "energy", power.joule_per_flop, "J/FLOP");
    cli_put_host(doc, m);
    snprintf(text, sizeof text, "%s%s%s", id.source, id.measured_utc ? ", " : "",
             id.measured_utc ? id.measured_utc : "");
    put_text(doc, NULL, "source", text);
    if (strcmp(id.source, "measured") != 0 && id.notes) cli_put_wrapped(doc, "", "", id.notes);
    cli_put_citations(doc, m);
}

// The peak that a roof was taken from.
static sz_peak peak_of(const sz_machine *m, const sz_roof *r) {
    for (size_t i = 0; i < sz_machine_peak_count(m); i++) {
        const sz_peak p = sz_machine_peak(m, i);
        if (p.flop_per_s == r->flop_per_s && p.threads == r->threads &&
            strcmp(p.dtype, r->dtype) == 0 && strcmp(p.unit, r->unit) == 0)
            return p;
    }
    return (sz_peak){0};
}

static int dram_of(const sz_machine *m) {
    for (size_t i = 0; i < sz_machine_level_count(m); i++)
        if (strcmp(sz_machine_level(m, i).name, "DRAM") == 0) return (int)i;
    return -1;
}

static sz_cell measured_count(int64_t n) { return n ? sz_cell_i64(n) : sz_cell_none(); }
static sz_cell measured_spread(int64_t n, double spread) {
    return n ? sz_cell_f64(spread) : sz_cell_none();
}

static void put_roofs(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"name", "roof", NULL, SZ_AS_TEXT, 0},
        {"isa", "isa", NULL, SZ_AS_TEXT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"flop_per_cycle", "per cycle", NULL, SZ_AS_NUMBER, 0},
        {"fraction", "of theory", NULL, SZ_AS_PERCENT, 0},
        {"ridge_flop_per_byte", "ridge", NULL, SZ_AS_NUMBER, 0},
        {"n", "batches", NULL, SZ_AS_INT, 0},
        {"spread", "spread", NULL, SZ_AS_PERCENT, 0},
    };
    const int dram = dram_of(m);
    sz_doc_table(doc, "roofs", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_roof_count(m); i++) {
        const sz_roof r = sz_machine_roof(m, i);
        const sz_peak p = peak_of(m, &r);
        const sz_cell cells[] = {sz_cell_text(r.name),
                                 sz_cell_text(p.isa),
                                 sz_cell_f64(r.flop_per_s),
                                 sz_cell_f64(p.n ? p.flop_per_cycle : NAN),
                                 sz_cell_f64(p.n ? p.fraction : NAN),
                                 sz_cell_f64(dram < 0 ? NAN : sz_machine_ridge(m, i, (size_t)dram)),
                                 measured_count(p.n),
                                 measured_spread(p.n, p.spread)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "per cycle: FLOP of a core in a cycle of its clock. of theory: of pipes x "
                     "lanes x clock.");
    sz_doc_line(doc, "ridge: FLOP/B from which on main memory is fast enough for the roof.");
}

static void put_level(sz_doc *doc, const sz_machine *m, size_t level) {
    const sz_level l = sz_machine_level(m, level);
    const size_t n = sz_machine_bandwidth_count(m, level);
    const sz_cell name = sz_cell_text(l.name);
    const sz_cell size = l.capacity_bytes ? sz_cell_i64(l.capacity_bytes) : sz_cell_none();
    const sz_cell latency = sz_cell_f64(l.latency_s);
    const double on_small = l.latency_small_pages_s;
    const sz_cell small = on_small > 0 ? sz_cell_f64(on_small) : sz_cell_none();
    for (size_t i = 0; i < (n ? n : 1); i++) {
        const sz_bandwidth b = n ? sz_machine_bandwidth(m, level, i) : (sz_bandwidth){0};
        char mix[64];
        const bool how = b.stores && strcmp(b.stores, "plain") != 0;
        const bool other = b.access && strcmp(b.access, "sequential") != 0;
        snprintf(mix, sizeof mix, "%s%s%s%s%s", b.mix ? b.mix : "", how ? ", " : "",
                 how ? b.stores : "", other ? ", " : "", other ? b.access : "");
        const sz_cell cells[] = {i ? sz_cell_text("") : name,
                                 i ? sz_cell_none() : size,
                                 i ? sz_cell_none() : latency,
                                 i ? sz_cell_none() : small,
                                 sz_cell_text(mix),
                                 b.threads ? sz_cell_i64(b.threads) : sz_cell_text(n ? "all" : ""),
                                 n ? sz_cell_f64(b.byte_per_s) : sz_cell_none(),
                                 n ? sz_cell_f64(b.with_write_allocate_byte_per_s) : sz_cell_none(),
                                 measured_count(b.n),
                                 measured_spread(b.n, b.spread)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_levels(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"level", "memory", NULL, SZ_AS_TEXT, 0},
        {"capacity_bytes", "size", "B", SZ_AS_SI, 0},
        {"latency_s", "latency", "s", SZ_AS_SI, 0},
        {"latency_small_pages_s", "4 KiB", "s", SZ_AS_SI, 0},
        {"mix", "what", NULL, SZ_AS_TEXT, 0},
        {"threads", "threads", NULL, SZ_AS_INT, 0},
        {"byte_per_s", "B/s", NULL, SZ_AS_SI, 0},
        {"with_write_allocate_byte_per_s", "with RFO", NULL, SZ_AS_SI, 0},
        {"n", "batches", NULL, SZ_AS_INT, 0},
        {"spread", "spread", NULL, SZ_AS_PERCENT, 0},
    };
    sz_doc_table(doc, "bandwidths", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_level_count(m); i++) put_level(doc, m, i);
    sz_doc_line(doc, "4 KiB: latency on pages of that size. with RFO: with the lines that are read "
                     "because");
    sz_doc_line(doc, "they will be written.");
}

static void put_verdict(sz_doc *doc, const sz_machine *m) {
    const bool measured = strcmp(sz_machine_identity(m).source, "measured") == 0;
    if (measured)
        cli_put_wrapped(doc, "", "",
                        "Peaks and a core's own caches: the undisturbed level (98th percentile); "
                        "shared memory: the median. Spread = (95th - 5th percentile) / median.");
    if (measured && sz_machine_ok(m))
        sz_doc_line(doc, "Nothing disturbed the measurement.");
    else if (!sz_machine_ok(m))
        sz_doc_line(doc, "Something disturbed the measurement:");
    for (size_t i = 0; i < sz_machine_note_count(m); i++)
        cli_put_wrapped(doc, "- ", "  ", sz_machine_note(m, i));
    if (sz_machine_gap_count(m)) sz_doc_line(doc, "Not known:");
    for (size_t i = 0; i < sz_machine_gap_count(m); i++) {
        const sz_gap gap = sz_machine_gap(m, i);
        char line[1024];
        snprintf(line, sizeof line, "%s: %s", gap.what, gap.why ? gap.why : "no reason given");
        cli_put_wrapped(doc, "- ", "  ", line);
    }
}

int cli_machine_write_json(cli_app *app, const sz_machine *m) {
    sz_buf buf;
    sz_buf_init(&buf, app->out);
    sz_status status = sz_machine_json(app->ctx, m, &buf);
    int code = status == SZ_OK ? cli_write(app, &buf) : cli_fail(app, status);
    sz_buf_finish(&buf);
    return code;
}

static int write_machine(cli_app *app, const sz_machine *m, const char *saved) {
    sz_doc *doc;
    if (cli_wants(app, "json")) return cli_machine_write_json(app, m);
    if (sz_doc_create(app->out, "sizeup.machine/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    put_header(doc, m);
    put_roofs(doc, m);
    put_levels(doc, m);
    cli_put_overlap(doc, m);
    cli_put_operators(doc, m);
    cli_put_costs(doc, m);
    cli_put_energy(doc, m);
    cli_put_libraries(doc, m);
    put_verdict(doc, m);
    if (saved) sz_doc_line(doc, "Saved in %s", saved);
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

// ---- measure -----------------------------------------------------------------------------------

static void tell(void *user, const char *what) {
    const cli_app *app = user;
    if (app->progress) fprintf(stderr, "\r\033[Kmeasuring: %s", what);
}

static sz_status save(cli_app *app, const machine_options *o, const sz_machine *m,
                      const char *folder) {
    sz_status status = sz_machine_save(app->ctx, m, folder, "here");
    if (status == SZ_OK && o->save) status = sz_machine_save(app->ctx, m, folder, o->save);
    return status;
}

// Where the disk is measured: as asked for; else, in a full measurement, the data folder or the
// nearest folder above it that is there. NULL = not.
static const char *disk_folder(const machine_options *o, const char *data, char *buf, size_t cap) {
    if (o->disk) return strcmp(o->disk, "none") == 0 ? NULL : o->disk;
    if (o->quick || !data || strlen(data) >= cap) return NULL;
    memcpy(buf, data, strlen(data) + 1);
    while (access(buf, F_OK) != 0) {
        char *slash = strrchr(buf, '/');
        if (!slash || slash == buf) return "/";
        *slash = '\0';
    }
    return buf;
}

// After the rates, by loops of the lab.
static sz_status measure_overlap(cli_app *app, const machine_options *o, sz_machine *m) {
    const sz_lab_options how = {.cpu_mask = o->cpu_mask, .progress = tell, .user = app};
    if (o->quick) return SZ_OK;
    return sz_machine_measure_overlap(app->ctx, m, &how);
}

// The network between ranks is measured by another command: what 'here' knows of it stays.
static sz_status keep_network(cli_app *app, sz_machine *m, const char *folder) {
    sz_machine *before = NULL;
    sz_ctx *quiet = sz_ctx_create(NULL);
    if (!quiet) return SZ_OK;
    sz_status status = SZ_OK;
    if (sz_machine_load(quiet, "here", folder, &before) == SZ_OK) {
        const char *a = sz_machine_identity(before).fingerprint;
        const char *b = sz_machine_identity(m).fingerprint;
        if (a && b && strcmp(a, b) == 0) status = sz_machine_keep_network(app->ctx, m, before);
    }
    sz_machine_destroy(before);
    sz_ctx_destroy(quiet);
    return status;
}

static int measure(cli_app *app, const machine_options *o) {
    char folder[4096];
    sz_machine *m = NULL;
    if (app->n_args > 1) return cli_error(app, CLI_USAGE, "unexpected word '%s'", app->args[1]);
    if (o->threads > 100000) return cli_error(app, CLI_USAGE, "too many threads");
    if (o->explain) return cli_machine_explain(app, o->explain, o->cpu_mask);
    sz_measure_options how = {.cpu_mask = o->cpu_mask,
                              .threads = (int)o->threads,
                              .budget_s = o->quick ? 8 : 24,
                              .progress = tell,
                              .user = app,
                              .environment = cli_environment(),
                              .program = o->libraries ? "/proc/self/exe" : NULL};
    char disk[4096];
    const bool has_folder = cli_machine_folder(folder, sizeof folder);
    how.thorough = !o->quick;
    how.disk = disk_folder(o, has_folder ? folder : NULL, disk, sizeof disk);
    how.stop = cli_catch_interrupts();
    sz_status status = sz_machine_measure(app->ctx, &how, &m);
    if (status == SZ_OK) status = measure_overlap(app, o, m);
    if (status == SZ_OK && has_folder) status = keep_network(app, m, folder);
    if (app->progress) fputs("\r\033[K", stderr);
    const sz_status saved = status == SZ_OK && has_folder ? save(app, o, m, folder) : SZ_OK;
    cli_release_interrupts();
    // What was measured is shown also where it cannot be kept.
    char why[1024];
    snprintf(why, sizeof why, "%s", saved == SZ_OK ? "" : sz_ctx_error(app->ctx));
    int code = status == SZ_OK ? write_machine(app, m, has_folder && saved == SZ_OK ? folder : NULL)
                               : cli_fail(app, status);
    sz_machine_destroy(m);
    if (code == CLI_DONE && !has_folder)
        return cli_error(app, CLI_UNAVAILABLE,
                         "not saved: neither XDG_DATA_HOME nor HOME is an absolute path");
    if (code == CLI_DONE && saved != SZ_OK)
        return cli_error(app, CLI_UNAVAILABLE, "not saved, only shown: %s", why);
    return code;
}

// ---- show --------------------------------------------------------------------------------------

static int show(cli_app *app) {
    sz_machine *m = NULL;
    sz_status status = cli_machine_load(app, app->n_args > 1 ? app->args[1] : "here", &m);
    int code = status == SZ_OK ? write_machine(app, m, NULL) : cli_fail(app, status);
    sz_machine_destroy(m);
    return code;
}

static int network(cli_app *app, const machine_options *o) {
    const cli_network how = {.machine = app->n_args > 1 ? app->args[1] : NULL,
                             .save = o->save,
                             .budget_s = o->quick ? 5 : 0,
                             .most_bytes = o->message};
    return cli_machine_network(app, &how);
}

sz_status cli_machine_load(cli_app *app, const char *name, sz_machine **ret_machine) {
    char folder[4096];
    const bool has_folder = cli_machine_folder(folder, sizeof folder);
    return sz_machine_load(app->ctx, name, has_folder ? folder : NULL, ret_machine);
}

int cli_machine(cli_app *app, const void *options) {
    static const char *const words[] = {"measure", "describe", "show", "compare", "list",
                                        "network", NULL};
    const machine_options *o = options;
    const char *word = app->args[0];
    if (strcmp(word, "compare") == 0 && app->n_args < 3)
        return cli_error(app, CLI_USAGE, "'machine compare' needs two machines");
    if (strcmp(word, "compare") == 0)
        return cli_machine_compare(app, app->args[1], app->args[2], &o->fail);
    if (strcmp(word, "library-child") == 0) return cli_library_child(app);
    if (app->n_args > 2) return cli_error(app, CLI_USAGE, "unexpected word '%s'", app->args[2]);
    if (strcmp(word, "describe") == 0) return cli_machine_describe(app, o->root, o->cpu_mask);
    if (strcmp(word, "measure") == 0) return measure(app, options);
    if (strcmp(word, "show") == 0) return show(app);
    if (strcmp(word, "network") == 0) return network(app, o);
    if (strcmp(word, "list") == 0) return cli_machine_list(app);
    return cli_unknown(app, "action", word, words);
}
