// SPDX-License-Identifier: Apache-2.0
// `sizeup bench WHAT [NAME=RANGE...]`: run it on real libraries, and keep what comes out.
#include "cli/interrupt.h"
#include "cli/machines.h"
#include "cli/stores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sizeup/run.h>

typedef struct bench_options {
    cli_strings backends;
    int64_t threads, seed;
    const char *preheat, *cache, *budget, *timeout, *blas, *store, *machine;
} bench_options;

static const cli_option options_table[] = {
    {"backend", 'b', CLI_WORDS, "NAME", NULL,
     "libraries: onednn, blas, ref ('list backends'); usual: onednn",
     offsetof(bench_options, backends)},
    {"threads", 't', CLI_INT, "N", NULL, "threads of the library; 0: all CPUs it may use",
     offsetof(bench_options, threads)},
    {"cache", 0, CLI_CHOICE, "hot|cold", "hot", "cold: caches are emptied before each call",
     offsetof(bench_options, cache)},
    {"preheat", 0, CLI_STRING, "TIME", "1s", "most time to preheat a case: 500ms, 5s, 0s",
     offsetof(bench_options, preheat)},
    {"time-budget", 0, CLI_STRING, "TIME", "3s", "most time to time a case",
     offsetof(bench_options, budget)},
    {"timeout", 0, CLI_STRING, "TIME", "60s", "a library without a sign of life is ended",
     offsetof(bench_options, timeout)},
    {"seed", 0, CLI_INT, "N", "1", "of the inputs and of the order of the cases",
     offsetof(bench_options, seed)},
    {"blas", 0, CLI_STRING, "FILE", NULL, "the library that 'blas' opens; usual: OpenBLAS or BLIS",
     offsetof(bench_options, blas)},
    {"machine", 'm', CLI_STRING, "NAME", "here", "the machine whose roofs are compared with",
     offsetof(bench_options, machine)},
    {"store", 0, CLI_STRING, "URL", NULL,
     "where results are kept; usual: results.db in the data folder",
     offsetof(bench_options, store)},
};

static const char notes[] =
    "WHAT is a workload ('sizeup list models') with its parameters as words, or a model file "
    "whose\n"
    "free dimensions the words bind. Ranges: 1,2,8  1-8+1  1-64*2. All combinations are run:\n"
    "  sizeup bench gemm m=512,1024 n=1024 k=1024 dtype=f32,bf16 --backend onednn,blas\n"
    "WHAT may be a suite, a list of workloads ('sizeup list suites', or suite:FILE with one a "
    "line);\n"
    "then the words stand in place of its own:\n"
    "  sizeup bench deepbench-gemm-inference dtype=bf16\n"
    "--format json gives an array of records, jsonl one per line as each is finished.\n"
    "Each library runs in a process of its own: one that crashes or hangs costs one case.\n"
    "--store none keeps nothing.\n";

static const cli_schema_row schema[] = {
    {1, "id", CLI_J_STRING, NULL, NULL, true},
    {1, "case", CLI_J_STRING, "for people", NULL, false},
    {1, "case_hash", CLI_J_STRING, "of spec, settings and machine", NULL, false},
    {1, "work_hash", CLI_J_STRING, "of spec and settings", NULL, false},
    {1, "spec", CLI_J_OBJECT, "the work: `kind` and all its parameters", NULL, false},
    {1, "settings", CLI_J_OBJECT, "how it was to be measured", NULL, false},
    {1, "ran_as", CLI_J_OBJECT, "what really ran", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_ran_as_type, false},
    {1, "count", CLI_J_OBJECT, "of one run", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_bench_count_type, false},
    {1, "time", CLI_J_OBJECT, "of one run; samples_s: all times in their order", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_bench_time_type, false},
    {1, "rate", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_bench_rate_type, false},
    {2, "of_roof_why", CLI_J_STRING, "why of_roof is not known", NULL, true},
    {1, "energy", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_bench_energy_type, false},
    {1, "counters", CLI_J_OBJECT, NULL, NULL, false},
    {1, "layers", CLI_J_ARRAY, "nodes, in the order in which they ran", NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "sources", CLI_J_ARRAY, "names of the nodes that it does", NULL, false},
    {2, "kernel", CLI_J_STRING, "that ran", NULL, false},
    {2, "backend", CLI_J_STRING, "that ran it", NULL, false},
    {2, "why", CLI_J_STRING, "why the library did not", NULL, true},
    {2, "dtype", CLI_J_STRING, "that the arithmetic touched", NULL, true},
    {2, "time_s", CLI_J_NUMBER, "median, where layers were timed", NULL, true},
    {1, "machine", CLI_J_OBJECT, NULL, NULL, false},
    {1, "env", CLI_J_OBJECT, "what surrounds the CPU", NULL, false},
    {1, "software", CLI_J_OBJECT, "versions; library: path, kernels, advice", NULL, false},
    {1, "verdict", CLI_J_STRING, "valid, noisy, throttled, contended or unsteady", NULL, false},
    {1, "next_step", CLI_J_STRING, NULL, NULL, false},
    {1, "started_utc", CLI_J_STRING, NULL, NULL, false},
    {1, "reproducer", CLI_J_STRING, "the command line for this case alone", NULL, false},
    {1, "error", CLI_J_STRING, "why there is no measurement", NULL, true},
    {1, "check", CLI_J_OBJECT, "the result against the reference", NULL, true},
    {2, "how", CLI_J_STRING, "whole, spots or none", NULL, false},
    {2, "why", CLI_J_STRING, "none: why not", NULL, true},
    {2, "error", CLI_J_NUMBER, "largest, as a share of the largest number", NULL, false},
    {2, "allowed", CLI_J_NUMBER, NULL, NULL, false},
    {2, "elements", CLI_J_INTEGER, "compared", NULL, false},
    {1, "stopped_by", CLI_J_STRING, "interval, time, samples or interrupted", NULL, true},
    {1, "steady", CLI_J_BOOL, "preheating ended because it was", NULL, true},
    {1, "calls_per_sample", CLI_J_INTEGER, NULL, NULL, true},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_bench_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(bench_options),
    .min_args = 1,
    .max_args = -1,
    .extra_format = "jsonl",
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
};

// ---- options -----------------------------------------------------------------------------------

// "500ms", "5s", "10min".
static int read_time(const cli_app *app, const char *option, const char *text, double *ret_s) {
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"ms", 1e-3}, {"s", 1}, {"min", 60}};
    char *end;
    const double v = strtod(text, &end);
    for (size_t i = 0; end != text && i < CLI_COUNT(units); i++)
        if (strcmp(end, units[i].unit) == 0 && v >= 0 && v <= 1e6) {
            *ret_s = v * units[i].s;
            return CLI_DONE;
        }
    return cli_error(app, CLI_USAGE,
                     "option '--%s' needs a time such as 500ms, 5s or 10min, not "
                     "'%s'",
                     option, text);
}

static int read_options(const cli_app *app, const bench_options *o, sz_run_options *ret) {
    *ret = (sz_run_options){.backends = o->backends.items,
                            .n_backends = o->backends.n,
                            .blas = o->blas,
                            .program = "/proc/self/exe",
                            .environment = cli_environment(),
                            .threads = (int)o->threads,
                            .cold = strcmp(o->cache, "cold") == 0,
                            .seed = (uint64_t)o->seed};
    if (o->threads > 100000) return cli_error(app, CLI_USAGE, "too many threads");
    int code = read_time(app, "preheat", o->preheat, &ret->preheat_s);
    if (code == CLI_DONE) code = read_time(app, "time-budget", o->budget, &ret->budget_s);
    if (code == CLI_DONE) code = read_time(app, "timeout", o->timeout, &ret->timeout_s);
    if (code == CLI_DONE && !(ret->budget_s > 0 && ret->timeout_s > 0))
        return cli_error(app, CLI_USAGE, "'--time-budget' and '--timeout' must be above 0");
    return code;
}

// ---- records -----------------------------------------------------------------------------------

typedef struct sink {
    cli_app *app;
    sz_store *store; // NULL = results are not kept
    int64_t run;
    sz_bench_set *set; // for the table
    sz_buf all;        // for --format json, and jsonl with -o
    size_t n;
    int code;
} sink;

static int put_record(sink *s, const char *record, size_t size) {
    const bool lines = cli_wants(s->app, "jsonl");
    if (lines && !s->app->output) {
        sz_buf one;
        sz_buf_init(&one, s->app->out);
        sz_buf_put(&one, record, size);
        const int code = cli_write(s->app, &one);
        sz_buf_finish(&one);
        return code;
    }
    if (!lines) sz_buf_puts(&s->all, s->n ? ",\n" : "[");
    sz_buf_put(&s->all, record, lines ? size : size - 1); // an array has its own line ends
    return CLI_DONE;
}

static sz_status emit(void *user, const char *record, size_t size) {
    sink *s = user;
    int64_t number;
    sz_status status = SZ_OK;
    if (s->store) status = sz_store_append(s->app->ctx, s->store, s->run, record, size, &number);
    if (status == SZ_OK) status = sz_bench_set_add(s->app->ctx, s->set, record, size);
    if (status == SZ_OK) s->code = put_record(s, record, size);
    s->n++;
    return status == SZ_OK && s->code != CLI_DONE ? SZ_ERR_IO : status;
}

static void progress(void *user, const char *what) {
    const sink *s = user;
    if (s->app->progress) fprintf(stderr, "\r\033[Kmeasuring: %.80s", what);
}

// ---- the table ---------------------------------------------------------------------------------

static void put_row(sz_doc *doc, const sz_bench *b) {
    char interval[32] = "";
    const double half = (b->time.ci_hi_s - b->time.ci_lo_s) / 2 / b->time.median_s;
    if (isfinite(half)) snprintf(interval, sizeof interval, "%.1f%%", 100 * half);
    const bool ran = b->time.n > 0;
    const sz_cell cells[] = {sz_cell_text(b->case_name),
                             sz_cell_text(b->ran_as.backend),
                             ran ? sz_cell_text(b->ran_as.dtype) : sz_cell_none(),
                             ran ? sz_cell_text(b->ran_as.kernel) : sz_cell_none(),
                             sz_cell_f64(b->time.median_s),
                             ran ? sz_cell_text(interval) : sz_cell_none(),
                             sz_cell_f64(b->rate.flop_per_s),
                             sz_cell_f64(b->rate.of_roof),
                             sz_cell_text(ran ? b->verdict : "not run")};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void fill_doc(const sz_bench_set *set, sz_doc *doc) {
    static const sz_column columns[] = {
        {"case", "case", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"backend", "on", NULL, SZ_AS_TEXT, 0},
        {"dtype", "ran as", NULL, SZ_AS_TEXT, 0},
        {"kernel", "kernel", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"median_s", "median", "s", SZ_AS_SI, 0},
        {"interval", "+-", NULL, SZ_AS_TEXT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"of_roof", "roof", NULL, SZ_AS_PERCENT, 0},
        {"verdict", "verdict", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "cases", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_bench_set_count(set); i++) put_row(doc, sz_bench_set_get(set, i));
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        const sz_bench *b = sz_bench_set_get(set, i);
        char text[1024];
        if (!b->verdict || strcmp(b->verdict, "valid") == 0 || !b->next_step) continue;
        snprintf(text, sizeof text, "%s on %s is %s: %s", b->case_name, b->ran_as.backend,
                 b->verdict, b->next_step);
        cli_put_wrapped(doc, "", "  ", text);
    }
}

static int write_all(sink *s) {
    cli_app *app = s->app;
    sz_doc *doc;
    if (cli_wants(app, "jsonl")) return app->output ? cli_write(app, &s->all) : CLI_DONE;
    if (cli_wants(app, "json")) {
        sz_buf_puts(&s->all, s->n ? "]\n" : "[]\n");
        return cli_write(app, &s->all);
    }
    if (sz_doc_create(app->out, "sizeup.bench.table/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    fill_doc(s->set, doc);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

// ---- run ---------------------------------------------------------------------------------------

static sz_status open_store(sink *s, const bench_options *o) {
    sz_buf header;
    sz_json j;
    if (o->store && strcmp(o->store, "none") == 0) return SZ_OK;
    sz_status status = cli_store_open(s->app, o->store, SZ_STORE_WRITE, &s->store);
    if (status != SZ_OK) return status;
    sz_buf_init(&header, s->app->out);
    sz_json_init(&j, &header, 0);
    sz_json_begin_object(&j);
    sz_json_key(&j, "command");
    sz_buf line;
    sz_buf_init(&line, s->app->out);
    sz_buf_puts(&line, "sizeup bench");
    for (int i = 0; i < s->app->n_args; i++) sz_buf_printf(&line, " %s", s->app->args[i]);
    sz_json_str_n(&j, line.data, line.size);
    sz_buf_finish(&line);
    sz_json_end_object(&j);
    status = sz_buf_status(&header);
    if (status == SZ_OK)
        status = sz_store_begin(s->app->ctx, s->store, header.data, header.size, &s->run);
    sz_buf_finish(&header);
    return status;
}

// A machine that was not measured has no roofs; that is no reason not to run.
static void find_roofs(cli_app *app, const bench_options *o, sz_run_options *how,
                       sz_machine **ret_machine) {
    if (cli_machine_load(app, o->machine, ret_machine) == SZ_OK) {
        how->roofs = *ret_machine;
        return;
    }
    how->no_roofs = "this machine was not measured ('sizeup machine measure')";
    sz_ctx_clear(app->ctx);
}

static int run(cli_app *app, const bench_options *o, sz_run_options *how, sink *s) {
    sz_run_result result = {0, 0, 0};
    sz_status status = open_store(s, o);
    if (status == SZ_OK) status = sz_bench_set_create(app->ctx, &s->set);
    how->emit = emit, how->progress = progress, how->user = s;
    how->stop = cli_catch_interrupts();
    if (status == SZ_OK)
        status = sz_bench_run(app->ctx, app->args[0], app->args + 1, (size_t)app->n_args - 1, how,
                              &result);
    cli_release_interrupts();
    if (app->progress) fputs("\r\033[K", stderr);
    if (status == SZ_ERR_IO && s->code != CLI_DONE) return s->code;
    if (status != SZ_OK) return cli_fail(app, status);
    const int code = write_all(s);
    if (code != CLI_DONE) return code;
    cli_show_warnings(app);
    if (result.measured == 0 && result.failed > 0)
        return cli_error(app, CLI_UNAVAILABLE, "no case could be measured");
    const int64_t left = result.cases - result.measured - result.failed;
    if (left > 0)
        return cli_error(app, CLI_NO, "interrupted: %lld of %lld cases were not measured",
                         (long long)left, (long long)result.cases);
    return CLI_DONE;
}

// The child of a run: lines go to standard output at once.
static void put_line(void *user, const char *line, size_t size) {
    (void)user;
    while (size > 0) {
        const ssize_t n = write(STDOUT_FILENO, line, size);
        if (n <= 0) _exit(CLI_BUG); // nobody listens any more
        line += n;
        size -= (size_t)n;
    }
}

static int case_child(cli_app *app) {
    if (app->n_args != 2) return cli_error(app, CLI_USAGE, "a request is missing");
    const sz_status status = sz_bench_child(app->ctx, app->args[1], put_line, NULL);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

int cli_bench(cli_app *app, const void *options) {
    const bench_options *o = options;
    sz_run_options how;
    sz_machine *machine = NULL;
    sink s = {.app = app};
    if (strcmp(app->args[0], "case-child") == 0) return case_child(app);
    int code = read_options(app, o, &how);
    if (code != CLI_DONE) return code;
    find_roofs(app, o, &how, &machine);
    sz_buf_init(&s.all, app->out);
    code = run(app, o, &how, &s);
    sz_buf_finish(&s.all);
    sz_bench_set_destroy(s.set);
    sz_store_close(s.store);
    sz_machine_destroy(machine);
    return code;
}
