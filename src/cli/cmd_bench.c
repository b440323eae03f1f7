// SPDX-License-Identifier: Apache-2.0
// `sizeup bench WHAT [NAME=RANGE...]`: run it on real libraries, and keep what comes out.
#include "cli/bench.h"
#include "cli/bench_store.h"
#include "cli/interrupt.h"
#include "cli/machines.h"
#include "cli/stores.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sizeup/run.h>

typedef struct bench_options {
    cli_strings backends, binds, inputs;
    int64_t seed, streams, top;
    const char *preheat, *cache, *budget, *timeout, *blas, *onednn, *store, *machine, *threads;
    const char *batch, *dtype, *mode, *root;
    const char *optimizer;
    bool layers, energy, counters, resume, progress;
    const char *kv_dtype, *flash; // of language models
    int64_t generate;
} bench_options;

static const cli_option options_table[] = {
    {"backend", 'b', CLI_WORDS, "NAME", NULL,
     "libraries ('list backends'): onednn (= executor), openvino, blas, ref",
     offsetof(bench_options, backends)},
    {"batch", 0, CLI_STRING, "RANGE", NULL,
     "the parameter, or the free first dimension of a file's inputs",
     offsetof(bench_options, batch)},
    {"dtype", 0, CLI_STRING, "RANGE", NULL,
     "the parameter; of a file: the format that the library is asked for",
     offsetof(bench_options, dtype)},
    {"mode", 0, CLI_CHOICE, "inference|training", "inference",
     "training: a whole step of it", offsetof(bench_options, mode)},
    {"optimizer", 0, CLI_CHOICE, "momentum|sgd|adam", "momentum", "of --mode training",
     offsetof(bench_options, optimizer)},
    {"bind", 0, CLI_WORDS, "SYMBOL=RANGE", NULL, "bind free dimensions, as words do",
     offsetof(bench_options, binds)},
    {"input", 0, CLI_LIST, "NAME=SHAPE", NULL, "shape of an input of a file; may be repeated",
     offsetof(bench_options, inputs)},
    {"threads", 't', CLI_STRING, "RANGE", "0",
     "threads of the library; 0: all CPUs it may use",
     offsetof(bench_options, threads)},
    {"streams", 0, CLI_INT, "N", "1", "batches at once; the time is that of all of them",
     offsetof(bench_options, streams)},
    {"layers", 0, CLI_FLAG, NULL, NULL, "time each layer too, apart from the whole",
     offsetof(bench_options, layers)},
    {"top", 0, CLI_INT, "N", "20", "layers to show, the slowest first; 0: all",
     offsetof(bench_options, top)},
    {"energy", 0, CLI_FLAG, NULL, NULL, "joules of a run, by what sensors there are",
     offsetof(bench_options, energy)},
    {"counters", 0, CLI_FLAG, NULL, NULL, "cycles, instructions, cache misses ... of a run",
     offsetof(bench_options, counters)},
    {"resume", 0, CLI_FLAG, NULL, NULL, "leave out cases whose results are in the store",
     offsetof(bench_options, resume)},
    {"cache", 0, CLI_CHOICE, "hot|cold", "hot", "cold: caches are emptied before each call",
     offsetof(bench_options, cache)},
    {"preheat", 0, CLI_STRING, "TIME", "1s", "most time to preheat a case: 500ms, 5s, 0s",
     offsetof(bench_options, preheat)},
    {"time-budget", 0, CLI_STRING, "TIME", "3s", "most time to time a case",
     offsetof(bench_options, budget)},
    {"timeout", 0, CLI_STRING, "TIME", "60s", "a library without a sign of life is ended",
     offsetof(bench_options, timeout)},
    {"progress", 0, CLI_FLAG, NULL, NULL,
     "say what is being done, a line each, on a terminal or not",
     offsetof(bench_options, progress)},
    {"seed", 0, CLI_INT, "N", "1", "of the inputs and of the order of the cases",
     offsetof(bench_options, seed)},
    {"blas", 0, CLI_STRING, "FILE", NULL, "the library that 'blas' opens; usual: OpenBLAS or BLIS",
     offsetof(bench_options, blas)},
    {"onednn", 0, CLI_STRING, "FILE", NULL, "the library that 'onednn' opens; usual: libdnnl.so.2",
     offsetof(bench_options, onednn)},
    {"generate", 0, CLI_INT, "N", "1",
     "language models, seq=1: tokens until the cache is cut back",
     offsetof(bench_options, generate)},
    {"kv-dtype", 0, CLI_STRING, "D", NULL, "language models: format of the cache; usual: f16",
     offsetof(bench_options, kv_dtype)},
    {"flash", 0, CLI_CHOICE, "on|off", NULL, "language models: attention in one kernel",
     offsetof(bench_options, flash)},
    {"machine", 'm', CLI_STRING, "NAME", "here", "the machine whose roofs are compared with",
     offsetof(bench_options, machine)},
    {"store", 0, CLI_STRING, "URL", NULL,
     "where results are kept; usual: results.db in the data folder",
     offsetof(bench_options, store)},
    {"root", 0, CLI_STRING, "FOLDER", NULL,
     "sensors of energy are those of proc/ and sys/ in FOLDER",
     offsetof(bench_options, root)},
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
    "--resume goes on with a sweep, whatever ended it. --store none keeps nothing.\n";

const cli_usage cli_bench_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(bench_options),
    .min_args = 1,
    .max_args = -1,
    .extra_format = "jsonl",
    .notes = notes,
    .schema = cli_bench_schema,
    .n_schema = &cli_bench_n_schema,
};

// ---- options -----------------------------------------------------------------------------------

static int read_options(const cli_app *app, const bench_options *o, sz_run_options *ret) {
    *ret = (sz_run_options){.backends = o->backends.items,
                            .n_backends = o->backends.n,
                            .blas = o->blas,
                            .onednn = o->onednn,
                            .program = "/proc/self/exe",
                            .environment = cli_environment(),
                            .threads_range = o->threads,
                            .inputs = o->inputs.items,
                            .n_inputs = o->inputs.n,
                            .training = strcmp(o->mode, "training") == 0,
                            .optimizer = strcmp(o->optimizer, "momentum") == 0 ? NULL
                                                                               : o->optimizer,
                            .generate = (int)o->generate,
                            .flash = !o->flash ? 0 : strcmp(o->flash, "on") == 0 ? 1 : 2,
                            .kv_dtype = o->kv_dtype,
                            .streams = (int)o->streams,
                            .layers = o->layers,
                            .energy = o->energy,
                            .counters = o->counters,
                            .root = o->root,
                            .cold = strcmp(o->cache, "cold") == 0,
                            .seed = (uint64_t)o->seed};
    if (o->streams < 1 || o->streams > 1000)
        return cli_error(app, CLI_USAGE, "option '--streams' needs a number from 1 to 1000");
    if (o->generate < 1 || o->generate > 1000000)
        return cli_error(app, CLI_USAGE, "option '--generate' needs a number from 1 to 1000000");
    if (o->resume && o->store && strcmp(o->store, "none") == 0)
        return cli_error(app, CLI_USAGE, "'--resume' needs the store that '--store none' does "
                                         "without");
    int code = cli_read_time(app, "preheat", o->preheat, &ret->preheat_s);
    if (code == CLI_DONE) code = cli_read_time(app, "time-budget", o->budget, &ret->budget_s);
    if (code == CLI_DONE) code = cli_read_time(app, "timeout", o->timeout, &ret->timeout_s);
    if (code == CLI_DONE && !(ret->budget_s > 0 && ret->timeout_s > 0))
        return cli_error(app, CLI_USAGE, "'--time-budget' and '--timeout' must be above 0");
    return code;
}

// ---- records -----------------------------------------------------------------------------------

typedef struct sink {
    cli_app *app;
    cli_bench_store kept;
    sz_bench_set *set; // for the table
    sz_buf all;        // for --format json, and jsonl with -o
    size_t n;
    unsigned wanted; // SZ_ASKED_...
    int64_t top;     // layers that are shown
    int code;
    bool lines; // what is being done, one a line
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

static sz_status show(sink *s, const char *record, size_t size) {
    sz_status status = sz_bench_set_add(s->app->ctx, s->set, record, size);
    if (status == SZ_OK) s->code = put_record(s, record, size);
    s->n++;
    return status == SZ_OK && s->code != CLI_DONE ? SZ_ERR_IO : status;
}

static sz_status emit(void *user, const char *record, size_t size) {
    sink *s = user;
    cli_bench_store_keep(&s->kept, record, size);
    return show(s, record, size);
}

// What the store has is shown again, and not run.
static sz_status known(void *user, const char *case_hash, int *ret_known) {
    sink *s = user;
    sz_buf record;
    bool found = false;
    sz_buf_init(&record, s->app->out);
    sz_status status = cli_bench_find(s->app, s->kept.store, case_hash, s->wanted, &record, &found);
    if (status == SZ_OK && found) status = show(s, record.data, record.size);
    sz_buf_finish(&record);
    *ret_known = found;
    return status;
}

static void progress(void *user, const char *what) {
    const sink *s = user;
    if (s->lines)
        fprintf(stderr, "measuring: %.300s\n", what);
    else if (s->app->progress)
        fprintf(stderr, "\r\033[Kmeasuring: %.80s", what);
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
    cli_bench_table(app, s->set, s->top, doc);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

// ---- run ---------------------------------------------------------------------------------------

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

// What is left, and how to go on.
static int interrupted(const cli_app *app, const sink *s, const sz_run_result *r, int64_t left) {
    char line[2048];
    const bool is_kept = s->kept.store && !s->kept.lost;
    cli_bench_again("--resume", line, sizeof line);
    return cli_error(app, CLI_NO, "interrupted: %lld of %lld cases were not measured%s%s",
                     (long long)left, (long long)r->cases,
                     is_kept ? "; to go on: " : "", is_kept ? line : "");
}

static int finish(cli_app *app, sink *s, const sz_run_result *r) {
    const int code = write_all(s);
    if (code != CLI_DONE) return code;
    cli_show_warnings(app);
    const int64_t left = r->cases - r->measured - r->failed - r->known;
    if (left > 0) return interrupted(app, s, r, left);
    if (r->measured + r->known == 0 && r->failed > 0)
        return cli_error(app, CLI_UNAVAILABLE, "no case could be measured");
    return s->kept.lost ? CLI_UNAVAILABLE : CLI_DONE;
}

static int run(cli_app *app, const bench_options *o, sz_run_options *how, sink *s) {
    sz_run_result result = {.cases = 0};
    cli_bench_words words;
    if (!cli_bench_words_make(app, o->batch, o->dtype, &o->binds, &words))
        return cli_error(app, CLI_BUG, "no memory for the words");
    sz_status status = cli_bench_store_open(app, o->store, &s->kept);
    if (status == SZ_OK) status = sz_bench_set_create(app->ctx, &s->set);
    how->emit = emit, how->progress = progress, how->user = s;
    how->known = o->resume ? known : NULL;
    how->stop = cli_catch_interrupts();
    if (status == SZ_OK)
        status = sz_bench_run(app->ctx, app->args[0], words.items, words.n, how, &result);
    cli_release_interrupts();
    cli_bench_words_release(&words);
    if (app->progress && !s->lines) fputs("\r\033[K", stderr);
    if (status == SZ_ERR_IO && s->code != CLI_DONE) return s->code;
    return status == SZ_OK ? finish(app, s, &result) : cli_fail(app, status);
}

// The child of a run: lines go to the parent at once.
static void put_line(void *user, const char *line, size_t size) {
    const int *fd = user;
    while (size > 0) {
        const ssize_t n = write(*fd, line, size);
        if (n <= 0) _exit(CLI_BUG); // nobody listens any more
        line += n;
        size -= (size_t)n;
    }
}

// What a library prints by itself goes where errors go, not in between our lines.
static int case_child(cli_app *app) {
    if (app->n_args != 2) return cli_error(app, CLI_USAGE, "a request is missing");
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3); // programs that the library starts have none
    if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return cli_error(app, CLI_UNAVAILABLE, "no descriptor for the lines");
    const sz_status status = sz_bench_child(app->ctx, app->args[1], put_line, &fd);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

int cli_bench(cli_app *app, const void *options) {
    const bench_options *o = options;
    sz_run_options how;
    sz_machine *machine = NULL;
    sink s = {.app = app,
              .top = o->top,
              .lines = o->progress,
              .wanted = (o->layers ? SZ_ASKED_LAYERS : 0u) | (o->energy ? SZ_ASKED_ENERGY : 0u) |
                        (o->counters ? SZ_ASKED_COUNTERS : 0u)};
    if (strcmp(app->args[0], "case-child") == 0) return case_child(app);
    int code = read_options(app, o, &how);
    if (code != CLI_DONE) return code;
    if (!cli_has_store(app, o->store)) return CLI_UNAVAILABLE;
    find_roofs(app, o, &how, &machine);
    sz_buf_init(&s.all, app->out);
    code = run(app, o, &how, &s);
    sz_buf_finish(&s.all);
    sz_bench_set_destroy(s.set);
    cli_bench_store_close(&s.kept);
    sz_machine_destroy(machine);
    return code;
}
