// SPDX-License-Identifier: Apache-2.0
// The parent: plans the cases, hands them to children in groups, and turns what comes back into
// records. A child that crashes, hangs or is killed costs the case that it was at; the rest go to a
// new one.
#include "run/bench/inside.h"

#include <stdio.h>
#include <stdlib.h>

#include "machine/libraries.h"
#include "machine/machine.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/pages.h"
#include "os/pin.h"
#include "run/backends/backend.h"
#include "run/bench/env.h"
#include "run/bench/range.h"
#include "store/value.h"

enum { GROUP = 8 }; // cases that are timed together

typedef struct group {
    const sz_bench_sweep *run;
    const sz_backend *backend;
    const sz_case *cases[GROUP];
    bool done[GROUP];
    size_t sent[GROUP]; // case of each that the child has
    size_t n, n_sent;
    int64_t at;             // of `sent`, -1 = none yet
    char doing[32];         // with it
    double since_s, told_s; // when it began to, when that was told last
    json_t *facts;          // of the library
    const char *absent;
    char started[21];
    sz_buf line;
    sz_status status;
    int64_t measured, failed, known;
} group;

// ---- the child's lines -------------------------------------------------------------------------

static sz_status finish_case(group *g, size_t i, const json_t *answer, const char *error) {
    const sz_case *c = g->cases[i];
    char other[128];
    g->done[i] = true;
    if (!error && sz_bench_other_format(c, answer, other, sizeof other))
        sz_warn(g->run->ctx, "%s on %s: %s", sz_show(g->run->ctx, sz_str_c(c->name)),
                g->backend->name, other);
    if (error)
        g->failed++;
    else
        g->measured++;
    if (error)
        sz_warn(g->run->ctx, "%s on %s: %s", sz_show(g->run->ctx, sz_str_c(c->name)),
                g->backend->name, error);
    return sz_bench_emit(g->run, c, g->backend->name, answer, g->facts, g->started, error);
}

// What the child is at now, and since when: in the middle of it no more lines come.
static void set_phase(group *g, int64_t at, const char *doing) {
    if (at == g->at && doing && strcmp(doing, g->doing) == 0) return;
    g->at = at;
    g->since_s = g->told_s = sz_clock_s();
    snprintf(g->doing, sizeof g->doing, "%s", doing ? doing : "");
}

// A sign of life where something takes long.
static void wait_on(void *user) {
    static const double FIRST_S = 2, AGAIN_S = 10;
    group *g = user;
    const sz_run_options *o = g->run->options;
    const double now = sz_clock_s();
    char what[320];
    if (!o->progress || now - g->told_s < (g->told_s > g->since_s ? AGAIN_S : FIRST_S)) return;
    g->told_s = now;
    const char *name = g->cases[g->at < 0 ? g->sent[0] : g->sent[g->at]]->name;
    snprintf(what, sizeof what, "%.200s on %s: %s for %.0f s", name, g->backend->name, g->doing,
             now - g->since_s);
    o->progress(o->user, what);
}

static void take_line(group *g) {
    json_t *line = json_loadb(g->line.data, g->line.size, 0, NULL);
    const json_t *facts = json_object_get(line, "facts"), *at = json_object_get(line, "at");
    const json_t *number = json_object_get(line, "case");
    const int64_t i = json_integer_value(number ? number : at);
    const bool fits = i >= 0 && (size_t)i < g->n_sent;
    if (facts && !g->facts) {
        g->facts = json_deep_copy(facts);
        g->absent = json_string_value(json_object_get(g->facts, "absent"));
        const char *advice = json_string_value(json_object_get(g->facts, "advice"));
        if (advice && *advice)
            sz_warn(g->run->ctx, "%s chose slower kernels than this CPU allows: set %s",
                    g->backend->name, advice);
    }
    if (json_is_integer(at) && fits)
        set_phase(g, i, json_string_value(json_object_get(line, "doing")));
    const char *error = json_string_value(json_object_get(line, "error"));
    const bool tells = error || json_array_size(json_object_get(line, "samples_s")) > 0;
    if (json_is_integer(number) && fits && tells && !g->done[g->sent[i]] && g->status == SZ_OK)
        g->status = finish_case(g, g->sent[i], line, error);
    json_decref(line);
}

// A library may print too: only lines that begin like ours are looked at.
static bool take(void *user, const char *bytes, size_t n) {
    group *g = user;
    for (size_t k = 0; k < n; k++) {
        if (bytes[k] != '\n') {
            sz_buf_putc(&g->line, bytes[k]);
            continue;
        }
        if (g->line.size && g->line.data[0] == '{') take_line(g);
        g->line.size = 0;
    }
    return g->status == SZ_OK && g->line.size < (size_t)(4 << 20);
}

// ---- one child ---------------------------------------------------------------------------------

// A file or folder that the user names instead of the usual place of a library.
static const char *path_of(const sz_bench_sweep *r, const sz_backend *backend) {
    static const struct {
        const char *backend, *variable;
    } rows[] = {{"openvino", "SIZEUP_OPENVINO="}, {"llama", "SIZEUP_LLAMA="}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t n = strlen(rows[i].variable);
        if (strcmp(backend->name, rows[i].backend) != 0) continue;
        for (const char *const *e = r->options->environment; e && *e; e++)
            if (strncmp(*e, rows[i].variable, n) == 0 && (*e)[n]) return *e + n;
        return NULL;
    }
    return sz_bench_library(r->options, backend->name);
}

static json_t *request_of(const sz_bench_sweep *r, const sz_backend *backend) {
    const sz_run_options *o = r->options;
    return json_pack(
        "{s:s, s:s*, s:i, s:I, s:f, s:f, s:I, s:b, s:i, s:b, s:b, s:b, s:s*, s:s*, s:i, s:i, s:s*, "
        "s:b, s:[]}",
        "backend", backend->name, "path", path_of(r, backend), "threads", r->threads, "seed",
        (json_int_t)o->seed, "preheat_s", r->preheat_s, "budget_s", r->budget_s, "evict_bytes",
        (json_int_t)r->evict_bytes, "training", o->training, "streams", o->streams, "layers",
        o->layers, "energy", o->energy, "counters", o->counters, "root", o->root, "optimizer",
        o->optimizer, "generate", o->generate, "flash", o->flash, "kv_dtype", o->kv_dtype,
        "unchecked", o->unchecked, "cases");
}

static json_t *list(const char *const *words, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(array, json_string(words[i]));
    return array;
}

static void add_to_request(json_t *request, const sz_case *c) {
    json_array_append_new(json_object_get(request, "cases"),
                          json_pack("{s:s, s:s*, s:I, s:s*, s:o, s:o}", "model", c->model, "file",
                                    c->file, "flops", (json_int_t)c->flops, "dtype", c->precision,
                                    "binds", list(c->binds, c->n_binds), "inputs",
                                    list(c->inputs, c->n_inputs)));
}

static sz_status start_child(const sz_bench_sweep *r, const char *request, int threads,
                             const sz_child_watch *watch, bool *ret_whole, int *ret_code) {
    sz_surroundings *e = sz_alloc(r->ctx, sizeof *e);
    if (!e) return sz_no_memory(r->ctx);
    const char *const argv[] = {r->options->program, "bench", "case-child", request, NULL};
    sz_library_surround(e, r->options->environment, threads, NULL);
    const sz_status status = sz_child_watch_run(r->ctx, argv, e->words, watch, ret_whole, ret_code);
    sz_free(r->ctx, e, sizeof *e);
    return status;
}

// All cases that are not done yet, in one child.
static sz_status run_child(group *g, bool *ret_whole, int *ret_code) {
    json_t *request = request_of(g->run, g->backend);
    const sz_child_watch watch = {.idle_s = g->run->timeout_s,
                                  .stop = g->run->options->stop,
                                  .take = take,
                                  .wait = wait_on,
                                  .user = g};
    if (!request) return sz_no_memory(g->run->ctx);
    g->n_sent = 0, g->line.size = 0;
    set_phase(g, -1, "opening the library");
    for (size_t i = 0; i < g->n; i++) {
        if (g->done[i]) continue;
        g->sent[g->n_sent++] = i;
        add_to_request(request, g->cases[i]);
    }
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (!text) return sz_no_memory(g->run->ctx);
    const sz_status status = start_child(g->run, text, g->run->threads, &watch, ret_whole,
                                         ret_code);
    free(text);
    return status == SZ_OK ? g->status : status;
}

// Why the child ended before it was through.
static void explain(const group *g, bool whole, int code, char *buf, size_t cap) {
    if (!whole)
        snprintf(buf, cap, "no sign of life for %g s while %s: the child was ended (--timeout)",
                 g->run->timeout_s, g->doing);
    else if (code == -9)
        snprintf(buf, cap, "the child was killed, as the system does when memory runs out");
    else if (code < 0)
        snprintf(buf, cap, "the library crashed (signal %d)", -code);
    else
        snprintf(buf, cap, "the child ended early (exit %d)", code);
}

static size_t left(const group *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) n += !g->done[i];
    return n;
}

static sz_status give_up(group *g, const char *why) {
    for (size_t i = 0; i < g->n; i++)
        if (!g->done[i]) SZ_TRY(finish_case(g, i, NULL, why));
    return SZ_OK;
}

// Nobody asked for this library, and it is not here: own kernels are better than nothing.
static bool is_usual(const group *g) {
    const sz_run_options *o = g->run->options;
    return o->n_backends == 0 && !o->onednn && strcmp(g->backend->name, "plain") != 0;
}

static sz_status is_known(const sz_bench_sweep *r, const sz_case *c, const char *backend,
                          bool *ret_known) {
    char hash[SZ_HASH_DIGITS + 1];
    int known = 0;
    *ret_known = false;
    if (!r->options->known) return SZ_OK;
    SZ_TRY(sz_bench_hash(r, c, backend, hash));
    SZ_TRY(r->options->known(r->options->user, hash, &known));
    *ret_known = known;
    return SZ_OK;
}

// What they have measured before counts as theirs.
static sz_status use_own_kernels(group *g) {
    sz_warn(g->run->ctx, "%s is not here (%s): own kernels run instead", g->backend->name,
            g->absent);
    json_decref(g->facts);
    g->facts = NULL, g->absent = NULL;
    g->backend = &sz_backend_plain;
    for (size_t i = 0; i < g->n; i++) {
        bool known;
        if (g->done[i]) continue;
        SZ_TRY(is_known(g->run, g->cases[i], g->backend->name, &known));
        g->done[i] = known;
        g->known += known;
    }
    return SZ_OK;
}

static sz_status run_children(group *g) {
    while (left(g) > 0) {
        char why[256];
        bool whole = false;
        int code = 0;
        SZ_TRY(run_child(g, &whole, &code));
        if (g->run->options->stop && *g->run->options->stop) return SZ_OK;
        if (g->absent && is_usual(g)) {
            SZ_TRY(use_own_kernels(g));
            continue;
        }
        if (g->absent) return give_up(g, g->absent);
        if (left(g) == 0) return SZ_OK;
        explain(g, whole, code, why, sizeof why);
        if (g->at < 0) return give_up(g, why); // it was not at a case yet
        const size_t guilty = g->sent[g->at];
        if (g->done[guilty]) return give_up(g, why);
        SZ_TRY(finish_case(g, guilty, NULL, why));
    }
    return SZ_OK;
}

// ---- groups ------------------------------------------------------------------------------------

// The surroundings of the cases that are run next.
static sz_status look_around(const sz_bench_sweep *r) {
    const sz_measure_options how = {.environment = r->options->environment};
    sz_machine *now;
    SZ_TRY(sz_machine_describe_with(r->ctx, &how, &now));
    const sz_status status = sz_env_begin(r->ctx, now, r->env);
    sz_machine_destroy(now);
    return status;
}

static sz_status run_group(const sz_bench_sweep *r, const sz_backend *backend,
                           const sz_case *const *cases, size_t n, sz_run_result *result) {
    group g = {.run = r, .backend = backend, .n = n};
    SZ_TRY(look_around(r));
    memcpy(g.cases, cases, n * sizeof *cases);
    sz_clock_utc(g.started);
    sz_buf_init(&g.line, r->ctx);
    if (r->options->progress) {
        char what[256];
        snprintf(what, sizeof what, "%s on %s%s", cases[0]->name, backend->name,
                 n > 1 ? " and others" : "");
        r->options->progress(r->options->user, what);
    }
    const sz_status status = run_children(&g);
    sz_buf_finish(&g.line);
    json_decref(g.facts);
    result->measured += g.measured;
    result->failed += g.failed;
    result->known += g.known;
    return status;
}

// Cases go together as long as their memory takes a quarter of what is free.
static sz_status run_backend(const sz_bench_sweep *r, const sz_backend *backend,
                             const sz_bench_plan *plan, int64_t available, sz_run_result *result) {
    const sz_case *cases[GROUP];
    size_t n = 0;
    int64_t memory = 0;
    bool known;
    for (size_t i = 0; i <= plan->cases.n; i++) {
        const sz_case *c = i < plan->cases.n ? &plan->cases.items[i] : NULL;
        const bool full = n == GROUP || (c && available > 0 && memory + c->memory > available / 4);
        if (n > 0 && (!c || full)) {
            SZ_TRY(run_group(r, backend, cases, n, result));
            n = 0, memory = 0;
        }
        if (r->options->stop && *r->options->stop) return SZ_OK;
        if (!c || c->error) continue;
        SZ_TRY(is_known(r, c, backend->name, &known));
        result->known += known;
        if (known) continue;
        cases[n++] = c;
        memory += c->memory;
    }
    return SZ_OK;
}

// Cases that were refused before anything was allocated.
static sz_status emit_refused(const sz_bench_sweep *r, const sz_bench_plan *plan,
                              const char *backend, sz_run_result *result) {
    char now[21];
    sz_clock_utc(now);
    for (size_t i = 0; i < plan->cases.n; i++) {
        const sz_case *c = &plan->cases.items[i];
        if (!c->error) continue;
        result->failed++;
        sz_warn(r->ctx, "%s: %s", sz_show(r->ctx, sz_str_c(c->name)), c->error);
        SZ_TRY(sz_bench_emit(r, c, backend, NULL, NULL, now, c->error));
    }
    return SZ_OK;
}

// ---- options -----------------------------------------------------------------------------------

static const char *const usual_backends[] = {"onednn"};

static sz_status check_backends(sz_ctx *ctx, const char *const *names, size_t n) {
    const char *all[16] = {NULL};
    for (size_t i = 0; i < 15 && sz_backend_get(i); i++) all[i] = sz_backend_get(i)->name;
    for (size_t k = 0; k < n; k++) {
        if (sz_backend_find(names[k])) continue;
        const char *near = sz_text_nearest(names[k], all);
        const char *shown = sz_show(ctx, sz_str_c(names[k]));
        if (near)
            return sz_fail(ctx, SZ_ERR_USAGE, "unknown backend '%s': did you mean '%s'?", shown,
                           near);
        return sz_fail(ctx, SZ_ERR_USAGE, "unknown backend '%s'; 'sizeup list backends' shows them",
                       shown);
    }
    return SZ_OK;
}

// Twice the caches that all cores together have, so that nothing of a case stays in any.
static int64_t cache_bytes(const sz_machine *m) {
    int64_t sum = 0;
    for (size_t i = 0; i < sz_machine_level_count(m); i++) {
        const sz_level l = sz_machine_level(m, i);
        if (strcmp(l.name, "DRAM") != 0 && l.capacity_bytes > 0)
            sum += l.capacity_bytes * (l.instances > 0 ? l.instances : 1);
    }
    return sum > 0 ? 2 * sum : (int64_t)256 << 20;
}

static int all_threads(void) {
    int cpus[1024];
    const int n = sz_pin_allowed(cpus, 1024);
    return n > 0 ? n : 1;
}

static sz_status describe(sz_bench_sweep *r) {
    const sz_measure_options how = {.environment = r->options->environment};
    SZ_TRY(sz_machine_describe_with(r->ctx, &how, &r->here));
    const sz_identity id = sz_machine_identity(r->here);
    const sz_cpu_facts cpu = sz_machine_cpu(r->here);
    r->machine = json_pack("{s:s*, s:s*, s:s*, s:I, s:I, s:I}", "name", id.name, "fingerprint",
                           id.fingerprint, "cpu", cpu.model, "cores", (json_int_t)cpu.cores,
                           "threads", (json_int_t)cpu.threads, "memory_bytes",
                           (json_int_t)cpu.memory_bytes);
    if (!r->machine) return sz_no_memory(r->ctx);
    r->evict_bytes = r->options->cold ? cache_bytes(r->here) : 0;
    return sz_env_begin(r->ctx, r->here, r->env);
}

static bool is_repeat(const char *const *names, size_t k) {
    for (size_t i = 0; i < k; i++)
        if (sz_backend_find(names[i]) == sz_backend_find(names[k])) return true;
    return false;
}

static sz_status run_plan(sz_bench_sweep *r, const sz_bench_plan *plan, int64_t available,
                          const char *const *names, size_t n, sz_run_result *result) {
    SZ_TRY(describe(r));
    for (size_t k = 0; k < n; k++) {
        if (is_repeat(names, k)) continue;
        const sz_backend *b = sz_backend_find(names[k]);
        // The reference has one thread, whatever is asked for.
        const size_t times = strcmp(b->name, "ref") == 0 ? 1 : r->n_thread_counts;
        for (size_t t = 0; t < times; t++) {
            r->threads = r->thread_counts[t];
            result->cases += (int64_t)plan->cases.n;
            SZ_TRY(emit_refused(r, plan, b->name, result));
            SZ_TRY(run_backend(r, b, plan, available, result));
        }
    }
    return SZ_OK;
}

// "1,2,4", or one number; 0 = all CPUs that may be used.
static sz_status read_threads(sz_bench_sweep *r) {
    char usual[16];
    sz_arena arena;
    const char **values;
    int64_t n = 0;
    snprintf(usual, sizeof usual, "%d", r->options->threads);
    sz_arena_init(&arena, r->ctx);
    sz_status status = sz_range_read(
        r->ctx, &arena, r->options->threads_range ? r->options->threads_range : usual, &values, &n);
    for (int64_t i = 0; status == SZ_OK && i < n; i++) {
        char *end;
        const long threads = strtol(values[i], &end, 10);
        if (*end || end == values[i] || threads < 0 || threads > 100000)
            status = sz_fail(r->ctx, SZ_ERR_USAGE, "'%s' is no number of threads",
                             sz_show(r->ctx, sz_str_c(values[i])));
        else if (r->n_thread_counts == MAX_THREAD_COUNTS)
            status = sz_fail(r->ctx, SZ_ERR_USAGE, "more than %d numbers of threads",
                             MAX_THREAD_COUNTS);
        else
            r->thread_counts[r->n_thread_counts++] = threads ? (int)threads : all_threads();
        if (status == SZ_OK && threads > all_threads())
            sz_warn(r->ctx,
                    "%ld threads are more than the %d CPUs that may be used: they take turns",
                    threads, all_threads());
    }
    sz_arena_finish(&arena);
    return status;
}

sz_status sz_bench_run(sz_ctx *ctx, const char *what, const char *const *words, size_t n_words,
                       const sz_run_options *o, sz_run_result *result) {
    const char *const *names = o->n_backends ? o->backends : usual_backends;
    const size_t n = o->n_backends ? o->n_backends : 1;
    const sz_plan_how how = {.training = o->training != 0,
                             .optimizer = o->optimizer,
                             .available = sz_pages_available(""),
                             .inputs = o->inputs,
                             .n_inputs = o->n_inputs};
    sz_env env = {NULL, -1, 0};
    sz_bench_sweep r = {.ctx = ctx, .options = o, .env = &env};
    sz_bench_plan plan;
    *result = (sz_run_result){.cases = 0};
    r.preheat_s = o->preheat_s < 0 ? 1 : o->preheat_s;
    r.budget_s = o->budget_s > 0 ? o->budget_s : 3;
    r.timeout_s = o->timeout_s > 0 ? o->timeout_s : 60;
    SZ_TRY(check_backends(ctx, names, n));
    SZ_TRY(read_threads(&r));
    SZ_TRY(sz_bench_plan_make(ctx, what, words, n_words, &how, &plan));
    const sz_status status = run_plan(&r, &plan, how.available, names, n, result);
    json_decref(r.machine);
    sz_env_finish(&env);
    sz_machine_destroy(r.here);
    sz_bench_plan_finish(ctx, &plan);
    return status;
}

// ---- the table ---------------------------------------------------------------------------------

int sz_list_backend(size_t i, sz_backend_row *ret_row) {
    const sz_backend *b = sz_backend_get(i);
    if (!b) return 0;
    *ret_row = (sz_backend_row){b->name, b->what};
    return 1;
}

static void copy_fact(const json_t *facts, const char *key, char *buf, size_t cap) {
    const char *text = json_string_value(json_object_get(facts, key));
    snprintf(buf, cap, "%s", text ? text : "");
}

sz_status sz_backend_ask(sz_ctx *ctx, size_t i, const char *program, const char *const *environment,
                         sz_backend_state *s) {
    const sz_run_options o = {.program = program, .environment = environment};
    const sz_bench_sweep r = {.ctx = ctx, .options = &o, .threads = 1, .timeout_s = 20};
    group g = {.run = &r, .backend = sz_backend_get(i)};
    bool whole = false;
    int code = 0;
    if (!g.backend) return sz_fail(ctx, SZ_ERR_USAGE, "no such backend");
    *s = (sz_backend_state){.off = ""};
    sz_buf_init(&g.line, ctx);
    const sz_status status = run_child(&g, &whole, &code);
    sz_buf_finish(&g.line);
    copy_fact(g.facts, "version", s->version, sizeof s->version);
    copy_fact(g.facts, "kernels", s->kernels, sizeof s->kernels);
    copy_fact(g.facts, "path", s->path, sizeof s->path);
    copy_fact(g.facts, "advice", s->advice, sizeof s->advice);
    copy_fact(g.facts, "absent", s->off, sizeof s->off);
    if (!g.facts) explain(&g, whole, code, s->off, sizeof s->off);
    json_decref(g.facts);
    return status;
}
