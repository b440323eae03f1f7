// SPDX-License-Identifier: Apache-2.0
// In a child process: open a library, prepare cases, check their results, time them together.
//
// The parent reads lines: {"facts"}, {"at": case, "doing": what} before work on one begins, so that
// it knows whose fault it was when no more comes, and {"case": ...} with what came out.
#include <sizeup/run.h>

#include <math.h>
#include <stdio.h>

#include <jansson.h>
#include <sizeup/json.h>

#include "machine/measure/stopwatch.h"
#include "model/graph/model.h"
#include "model/train/train.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/pages.h"
#include "run/backends/runner.h"
#include "run/bench/counted.h"
#include "run/bench/energy.h"
#include "run/bench/layers.h"
#include "run/bench/protocol.h"

typedef struct child child;

typedef struct child_case {
    child *owner;
    const json_t *request;
    sz_model *model;
    sz_train_step step;
    sz_runner runner;
    sz_check check;
    double compile_s;
    sz_counted counted;
    sz_profiling profiling;
    bool is_done; // its line is out
} child_case;

struct child {
    sz_ctx *ctx;
    void (*put)(void *user, const char *line, size_t size);
    void *user;
    json_t *request;
    const sz_backend *backend;
    void *library;
    child_case *cases;
    size_t n;
    unsigned char *evict; // walked through to empty the caches; NULL = hot
    size_t evict_bytes;
    unsigned sum;
    sz_joules joules;
    sz_counters counters;
    bool counts;       // counters are open
    bool looks_closer; // at layers or energy, when all times are known
};

static double number(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}
static int64_t whole(const json_t *o, const char *key) {
    return json_integer_value(json_object_get(o, key));
}

static bool is_true(const json_t *o, const char *key) {
    return json_is_true(json_object_get(o, key));
}

// ---- lines -------------------------------------------------------------------------------------

// The writer ended it with a newline.
static sz_status send(child *c, sz_buf *buf) {
    const sz_status status = sz_buf_status(buf);
    if (status == SZ_OK) c->put(c->user, buf->data, buf->size);
    sz_buf_finish(buf);
    return status;
}

static void begin(child *c, sz_buf *buf, sz_json *j) {
    sz_buf_init(buf, c->ctx);
    sz_json_init(j, buf, 0);
    sz_json_begin_object(j);
}

static void tell_at(child *c, size_t i, const char *doing) {
    sz_buf buf;
    sz_json j;
    begin(c, &buf, &j);
    sz_json_key_i64(&j, "at", (int64_t)i);
    sz_json_key_str(&j, "doing", doing);
    sz_json_end_object(&j);
    (void)send(c, &buf); // what is lost is a sign of life
}

static sz_status send_facts(child *c, const char *absent) {
    sz_backend_facts f = {.version = ""};
    sz_buf buf;
    sz_json j;
    begin(c, &buf, &j);
    sz_json_key_object(&j, "facts");
    if (absent)
        sz_json_key_str(&j, "absent", absent);
    else
        c->backend->facts(c->library, &f);
    sz_json_key_str(&j, "version", f.version);
    sz_json_key_str(&j, "kernels", f.kernels);
    sz_json_key_str(&j, "path", f.path);
    sz_json_key_str(&j, "advice", f.advice);
    sz_json_end_object(&j);
    sz_json_end_object(&j);
    return send(c, &buf);
}

static void put_check(sz_json *j, const sz_check *k) {
    sz_json_key_object(j, "check");
    sz_json_key_str(j, "how", k->how);
    if (k->why[0]) sz_json_key_str(j, "why", k->why);
    sz_json_key_f64(j, "error", k->error);
    sz_json_key_f64(j, "allowed", k->allowed);
    sz_json_key_i64(j, "elements", k->elements);
    sz_json_end_object(j);
}

static sz_status send_error(child *c, size_t i, const char *why) {
    child_case *one = &c->cases[i];
    sz_buf buf;
    sz_json j;
    one->is_done = true;
    begin(c, &buf, &j);
    sz_json_key_i64(&j, "case", (int64_t)i);
    sz_json_key_str(&j, "error", why);
    if (one->check.how) put_check(&j, &one->check);
    sz_json_end_object(&j);
    return send(c, &buf);
}

// ---- preparing ---------------------------------------------------------------------------------

static size_t words_of(const json_t *array, const char *words[64]) {
    const size_t n = json_array_size(array);
    for (size_t i = 0; i < n && i < 64; i++) words[i] = json_string_value(json_array_get(array, i));
    return n < 64 ? n : 64;
}

static sz_status load(child *c, child_case *one) {
    const char *binds[64], *inputs[64];
    const sz_load_options o = {
        .binds = binds,
        .n_binds = words_of(json_object_get(one->request, "binds"), binds),
        .inputs = inputs,
        .n_inputs = words_of(json_object_get(one->request, "inputs"), inputs)};
    const char *model = json_string_value(json_object_get(one->request, "model"));
    return sz_model_load(c->ctx, model ? model : "", &o, &one->model);
}

static sz_status prepare(child *c, child_case *one) {
    const char *dtype = json_string_value(json_object_get(one->request, "dtype"));
    const bool training = is_true(c->request, "training");
    SZ_TRY(load(c, one));
    const sz_train_options o = {
        .optimizer = json_string_value(json_object_get(c->request, "optimizer"))};
    if (training) SZ_TRY(sz_train_graph(c->ctx, one->model->graph, &o, &one->step));
    const sz_run_how how = {
        .training = training,
        .step = training ? &one->step : NULL,
        .threads = (int)whole(c->request, "threads"),
        .seed = (uint64_t)whole(c->request, "seed"),
        .precision = dtype ? sz_dtype_by_name(dtype) : 0,
        .streams = (int)whole(c->request, "streams"),
        .layers = is_true(c->request, "layers"),
        .path = json_string_value(json_object_get(one->request, "file")),
        .generate = (int)whole(c->request, "generate"),
        .flash = (int)whole(c->request, "flash"),
        .cache = json_string_value(json_object_get(c->request, "kv_dtype")),
    };
    const double start = sz_clock_s();
    SZ_TRY(sz_runner_create(c->ctx, one->model->graph, c->backend, c->library, &how, &one->runner));
    one->compile_s = sz_clock_s() - start;
    if (is_true(c->request, "unchecked")) {
        sz_check_none(&one->check, "an earlier run of it was compared");
        return SZ_OK;
    }
    tell_at(c, (size_t)(one - c->cases), "checking its result");
    return one->runner.type->check(one->runner.state, whole(one->request, "flops"), &one->check);
}

// What goes wrong with a case is its own line; the others go on.
static sz_status prepare_all(child *c) {
    for (size_t i = 0; i < c->n; i++) {
        child_case *one = &c->cases[i];
        char why[256];
        tell_at(c, i, "preparing it");
        const sz_status status = prepare(c, one);
        if (status != SZ_OK) {
            SZ_TRY(send_error(c, i, sz_ctx_error(c->ctx)));
            sz_ctx_clear(c->ctx);
        } else if (!one->check.is_right) {
            snprintf(why, sizeof why,
                     "its result is wrong: off by %.2g of the largest number, "
                     "%.2g is allowed; it was not timed",
                     one->check.error, one->check.allowed);
            SZ_TRY(send_error(c, i, why));
        }
    }
    return SZ_OK;
}

// ---- timing ------------------------------------------------------------------------------------

static sz_status run_case(void *user, int64_t n) {
    const child_case *one = user;
    const sz_runner *r = &one->runner;
    for (int64_t i = 0; i < n; i++) SZ_TRY(r->type->run(r->state));
    return SZ_OK;
}

// A byte of each line is read and written, so that no level keeps anything else.
static void evict(void *user) {
    const child_case *one = user;
    child *c = one->owner;
    for (size_t i = 0; i < c->evict_bytes; i += 64) c->sum += c->evict[i]++;
}

static void before_case(void *user) {
    const child_case *one = user;
    if (one->owner->evict) evict(user);
    if (one->runner.type->before) one->runner.type->before(one->runner.state);
}

static double wall(void *user) {
    (void)user;
    return sz_clock_s();
}

static sz_status start_eviction(child *c) {
    c->evict_bytes = (size_t)whole(c->request, "evict_bytes");
    if (c->evict_bytes == 0) return SZ_OK;
    c->evict = sz_pages_map(c->evict_bytes);
    return c->evict ? SZ_OK : sz_no_memory(c->ctx);
}

// Why something can't be known of a case alone.
static void put_why(sz_json *j, const char *key, const char *why) {
    sz_json_key_object(j, key);
    sz_json_key_str(j, "why", why);
    sz_json_end_object(j);
}

static sz_status put_asked(child *c, child_case *one, const sz_timing *t, sz_json *j) {
    static const char cold[] = "with cold caches, emptying them would be measured too";
    const sz_joules_case work = {run_case, one, t->calls, number(c->request, "budget_s")};
    if (is_true(c->request, "counters")) {
        if (c->evict)
            put_why(j, "counters", cold);
        else
            sz_counted_put(&one->counted, &c->counters, whole(one->request, "flops"), j);
    }
    if (!is_true(c->request, "energy")) return SZ_OK;
    if (one->runner.type->before) {
        put_why(j, "energy", "what is done between runs would be measured too");
        return SZ_OK;
    }
    if (!c->evict) return sz_joules_put(c->ctx, &c->joules, &work, j);
    put_why(j, "energy", cold);
    return SZ_OK;
}

static void put_training(sz_json *j, const sz_runner *r, const sz_train_step *step) {
    sz_trained t;
    if (!step->optimizer || !r->type->trained) return;
    r->type->trained(r->state, &t);
    sz_json_key_object(j, "training");
    sz_json_key_str(j, "optimizer", step->optimizer);
    sz_json_key_f64(j, "rate", step->rate);
    sz_json_key_f64(j, "loss_first", t.loss_first);
    sz_json_key_f64(j, "loss_last", t.loss_last);
    sz_json_key_i64(j, "steps", t.steps);
    sz_json_end_object(j);
}

static sz_status send_timing(child *c, size_t i, const sz_timing *t, double clock_change) {
    child_case *one = &c->cases[i];
    const sz_runner *r = &one->runner;
    sz_verdict verdict;
    sz_buf buf;
    sz_json j;
    SZ_TRY(sz_timing_judge(c->ctx, t, (int)whole(c->request, "threads"), clock_change, &verdict));
    begin(c, &buf, &j);
    sz_json_key_i64(&j, "case", (int64_t)i);
    sz_json_key_str(&j, "dtype", sz_dtype_get(r->type->lowest(r->state))->name);
    const sz_dtype sums = r->type->sums ? r->type->sums(r->state) : 0;
    if (sums) sz_json_key_str(&j, "sums", sz_dtype_get(sums)->name);
    sz_json_key_i64(&j, "threads", r->type->threads(r->state));
    sz_json_key_str(&j, "verdict", sz_verdict_name(verdict));
    sz_json_key_str(&j, "next_step", sz_timing_next_step(t, verdict));
    sz_json_key_str(&j, "stopped_by", t->stopped);
    sz_json_key_i64(&j, "calls_per_sample", t->calls);
    sz_json_key_f64(&j, "warmup_s", t->warmup_s);
    sz_json_key_bool(&j, "steady", t->is_steady);
    sz_json_key_f64(&j, "compile_s", one->compile_s);
    if (r->type->load_s) sz_json_key_f64(&j, "load_s", r->type->load_s(r->state));
    put_check(&j, &one->check);
    if (one->check.accuracy.pieces) {
        sz_json_key_object(&j, "accuracy");
        sz_json_record(&j, sz_bench_accuracy_type(), &one->check.accuracy);
        sz_json_end_object(&j);
    }
    put_training(&j, r, &one->step);
    tell_at(c, i, is_true(c->request, "energy") ? "measuring its energy" : "measuring it");
    SZ_TRY(put_asked(c, one, t, &j));
    if (is_true(c->request, "layers")) {
        const sz_profile_whole whole = sz_profile_end(&one->profiling);
        sz_json_key_i64(&j, "layers_runs", one->profiling.runs);
        sz_json_key_i64(&j, "layers_whole_runs", one->profiling.whole_runs);
        sz_json_key_f64(&j, "layers_whole_s", whole.median_s);
        sz_json_key_f64(&j, "layers_quick_s", whole.quick_s);
    }
    SZ_TRY(sz_layers_put(c->ctx, &j, one->model, c->backend->name, r,
                         one->profiling.runs > 0));
    sz_json_key_array(&j, "samples_s");
    for (size_t k = 0; k < t->samples.n; k++) sz_json_f64(&j, t->samples.items[k]);
    sz_json_end_array(&j);
    sz_json_end_object(&j);
    one->is_done = true;
    return send(c, &buf);
}

typedef struct measuring {
    sz_timed timed[32];
    sz_timing timings[32];
    size_t which[32], n; // case of each
    child *owner;
    const sz_kernel *chain; // tells the clock of the core; NULL = there is none
    double clock_before;
} measuring;

static void tell_measured(void *user, size_t i) {
    const measuring *m = user;
    tell_at(m->owner, m->which[i], "measuring it");
}

static sz_status time_layers(child *c, size_t i) {
    sz_profiling *p = &c->cases[i].profiling;
    if (p->is_done) return SZ_OK;
    tell_at(c, i, "timing its layers");
    return sz_profile_turn(p);
}

// Around the timed runs of a case in a round. After them its layers are looked at, so that these
// see the machine at as many times as the whole does.
static sz_status around(void *user, size_t i, int64_t runs) {
    measuring *m = user;
    child *c = m->owner;
    child_case *one = &c->cases[m->which[i]];
    if (c->counts && runs) sz_counted_add(&one->counted, &c->counters, runs);
    if (c->counts && !runs) sz_counters_begin(&c->counters);
    return runs && is_true(c->request, "layers") ? time_layers(c, m->which[i]) : SZ_OK;
}

// What is left to look at, again in turns.
static sz_status look_closer(child *c, const measuring *m) {
    bool more = is_true(c->request, "layers");
    while (more) {
        more = false;
        for (size_t k = 0; k < m->n; k++) {
            SZ_TRY(time_layers(c, m->which[k]));
            more |= !c->cases[m->which[k]].profiling.is_done;
        }
    }
    return SZ_OK;
}

static double clock_now(const measuring *m) {
    return m->chain ? sz_watch_clock(m->chain) : SZ_UNKNOWN;
}

static sz_status report(measuring *m, size_t k) {
    return send_timing(m->owner, m->which[k], &m->timings[k], clock_now(m) / m->clock_before - 1);
}

// A case is told of as soon as it is finished: whatever ends the child then does not take it along.
// What is measured beside the times would hold up the others, and comes after them.
static sz_status finished(void *user, size_t k) {
    measuring *m = user;
    return m->owner->looks_closer ? SZ_OK : report(m, k);
}

static sz_status time_all(child *c, measuring *m) {
    sz_protocol p = {.clock = wall,
                     .preheat_s = number(c->request, "preheat_s"),
                     .budget_s = number(c->request, "budget_s"),
                     .seed = (uint64_t)whole(c->request, "seed"),
                     .one_call = c->evict != NULL,
                     .tell = tell_measured,
                     .tell_user = m,
                     .around = around,
                     .around_user = m,
                     .finished = finished,
                     .finished_user = m};
    for (size_t i = 0; i < c->n; i++) {
        if (c->cases[i].is_done) continue;
        m->which[m->n] = i;
        const bool prepares = c->cases[i].runner.type->before;
        m->timed[m->n++] = (sz_timed){run_case, c->evict || prepares ? before_case : NULL,
                                      &c->cases[i]};
        p.one_call |= prepares;
        c->cases[i].profiling = (sz_profiling){.r = &c->cases[i].runner,
                                               .clock = wall,
                                               .budget_s = number(c->request, "budget_s"),
                                               .before = c->evict ? evict : NULL,
                                               .user = &c->cases[i]};
    }
    if (m->n == 0) return SZ_OK;
    m->chain = sz_watch_chain();
    m->clock_before = clock_now(m);
    SZ_TRY(sz_protocol_run(c->ctx, &p, m->timed, m->n, m->timings));
    if (!c->looks_closer) return SZ_OK;
    SZ_TRY(look_closer(c, m));
    for (size_t k = 0; k < m->n; k++) SZ_TRY(report(m, k));
    return SZ_OK;
}

static sz_status measure(child *c) {
    measuring *m = sz_alloc(c->ctx, sizeof *m);
    if (!m) return sz_no_memory(c->ctx);
    m->owner = c;
    const sz_status status = time_all(c, m);
    for (size_t k = 0; k < m->n; k++) sz_timing_finish(c->ctx, &m->timings[k]);
    sz_free(c->ctx, m, sizeof *m);
    return status;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status open_library(child *c, bool *ret_there) {
    const char *name = json_string_value(json_object_get(c->request, "backend"));
    const char *path = json_string_value(json_object_get(c->request, "path"));
    c->backend = name ? sz_backend_find(name) : NULL;
    if (!c->backend) return sz_fail(c->ctx, SZ_ERR_USAGE, "no such backend");
    const sz_status status = c->backend->open(c->ctx, path, &c->library);
    *ret_there = status == SZ_OK;
    if (status == SZ_OK) return send_facts(c, NULL);
    const sz_status sent = send_facts(c, sz_ctx_error(c->ctx));
    sz_ctx_clear(c->ctx);
    return sent;
}

// Before the library is there: it is quiet then, and the threads that it starts are counted.
static sz_status open_meters(child *c) {
    const sz_sensor_options options = {
        .root = json_string_value(json_object_get(c->request, "root"))};
    c->counts = is_true(c->request, "counters") && whole(c->request, "evict_bytes") == 0;
    if (c->counts) sz_counters_open_heirs(&c->counters, NULL, options.root);
    if (!is_true(c->request, "energy")) return SZ_OK;
    return sz_joules_begin(c->ctx, &options, NULL, NULL, &c->joules);
}

static sz_status work(child *c) {
    bool there = false;
    const json_t *cases = json_object_get(c->request, "cases");
    c->n = json_array_size(cases);
    if (c->n) SZ_TRY(open_meters(c));
    SZ_TRY(open_library(c, &there));
    if (!there || c->n == 0) return SZ_OK;
    c->looks_closer = is_true(c->request, "layers") || is_true(c->request, "energy");
    if (c->n > 32) return sz_fail(c->ctx, SZ_ERR_USAGE, "too many cases for a child");
    c->cases = sz_alloc(c->ctx, c->n * sizeof *c->cases);
    if (!c->cases) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < c->n; i++) {
        c->cases[i] = (child_case){.owner = c, .request = json_array_get(cases, i)};
        sz_counted_init(&c->cases[i].counted);
    }
    SZ_TRY(start_eviction(c));
    SZ_TRY(prepare_all(c));
    return measure(c);
}

sz_status sz_bench_child(sz_ctx *ctx, const char *request,
                         void (*put)(void *user, const char *line, size_t size), void *user) {
    child c = {.ctx = ctx, .put = put, .user = user};
    sz_child_follow_parent();
    c.request = json_loads(request, 0, NULL);
    if (!c.request) return sz_fail(ctx, SZ_ERR_USAGE, "the request is no JSON");
    const sz_status status = work(&c);
    for (size_t i = 0; c.cases && i < c.n; i++) {
        sz_runner_finish(&c.cases[i].runner);
        sz_model_destroy(c.cases[i].model);
    }
    sz_free(ctx, c.cases, c.n * sizeof *c.cases);
    if (c.evict) sz_pages_unmap(c.evict, c.evict_bytes);
    if (c.counts) sz_counters_close(&c.counters);
    sz_joules_finish(ctx, &c.joules);
    json_decref(c.request);
    // The library stays open: unloading one with threads of its own is asking for trouble.
    return status;
}
