// SPDX-License-Identifier: Apache-2.0
// In a child process: open a library, prepare cases, check their results, time them together.
//
// The parent reads lines: {"facts"}, {"at": case} before work on one begins, so that it knows whose
// fault it was when no more comes, and {"case": ...} with what came out.
#include <sizeup/run.h>

#include <math.h>
#include <stdio.h>

#include <jansson.h>
#include <sizeup/json.h>

#include "machine/measure/stopwatch.h"
#include "model/graph/model.h"
#include "os/clock.h"
#include "os/pages.h"
#include "run/backends/runner.h"
#include "run/bench/protocol.h"

typedef struct child child;

typedef struct child_case {
    child *owner;
    const json_t *request;
    sz_model *model;
    sz_runner runner;
    sz_check check;
    double compile_s;
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
};

static double number(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}
static int64_t whole(const json_t *o, const char *key) {
    return json_integer_value(json_object_get(o, key));
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

static void tell_at(void *user, size_t i) {
    child *c = user;
    sz_buf buf;
    sz_json j;
    begin(c, &buf, &j);
    sz_json_key_i64(&j, "at", (int64_t)i);
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

static sz_status load(child *c, child_case *one) {
    const json_t *binds = json_object_get(one->request, "binds");
    const char *words[64] = {NULL};
    const size_t n = json_array_size(binds);
    for (size_t i = 0; i < n && i < 64; i++) words[i] = json_string_value(json_array_get(binds, i));
    const sz_load_options o = {.binds = words, .n_binds = n < 64 ? n : 64};
    const char *model = json_string_value(json_object_get(one->request, "model"));
    return sz_model_load(c->ctx, model ? model : "", &o, &one->model);
}

static sz_status prepare(child *c, child_case *one) {
    SZ_TRY(load(c, one));
    const sz_run_how how = {
        .threads = (int)whole(c->request, "threads"),
        .seed = (uint64_t)whole(c->request, "seed"),
        .path = json_string_value(json_object_get(one->request, "file")),
    };
    const double start = sz_clock_s();
    SZ_TRY(sz_runner_create(c->ctx, one->model->graph, c->backend, c->library, &how, &one->runner));
    one->compile_s = sz_clock_s() - start;
    return one->runner.type->check(one->runner.state, whole(one->request, "flops"), &one->check);
}

// What goes wrong with a case is its own line; the others go on.
static sz_status prepare_all(child *c) {
    for (size_t i = 0; i < c->n; i++) {
        child_case *one = &c->cases[i];
        char why[256];
        tell_at(c, i);
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

static void put_str(sz_json *j, const char *key, sz_str s) {
    sz_json_key(j, key);
    sz_json_str_n(j, s.p ? s.p : "", s.len);
}

static void put_layer(sz_json *j, const sz_graph *g, const sz_run_layer *l) {
    sz_json_begin_object(j);
    put_str(j, "name", l->name);
    put_str(j, "op", l->op);
    sz_json_key_array(j, "sources");
    for (int32_t i = 0; i < l->n_sources; i++) {
        const sz_str name = sz_graph_node(g, l->sources[i])->name;
        sz_json_str_n(j, name.p ? name.p : "", name.len);
    }
    sz_json_end_array(j);
    sz_json_key_str(j, "kernel", l->kernel);
    sz_json_key_str(j, "backend", l->backend);
    if (l->why) sz_json_key_str(j, "why", l->why);
    if (l->dtype) sz_json_key_str(j, "dtype", l->dtype);
    if (l->sums) sz_json_key_str(j, "accumulation", l->sums);
    if (!isnan(l->time_s)) sz_json_key_f64(j, "time_s", l->time_s);
    sz_json_end_object(j);
}

static void put_layers(sz_json *j, const child_case *one) {
    const sz_runner *r = &one->runner;
    sz_json_key_array(j, "layers");
    for (size_t k = 0; k < r->type->layer_count(r->state); k++) {
        const sz_run_layer l = r->type->layer(r->state, k);
        put_layer(j, one->model->graph, &l);
    }
    sz_json_end_array(j);
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
    put_check(&j, &one->check);
    if (one->check.accuracy.pieces) {
        sz_json_key_object(&j, "accuracy");
        sz_json_record(&j, sz_bench_accuracy_type(), &one->check.accuracy);
        sz_json_end_object(&j);
    }
    put_layers(&j, one);
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
} measuring;

static void tell_measured(void *user, size_t i) {
    const measuring *m = user;
    tell_at(m->owner, m->which[i]);
}

static sz_status time_all(child *c, measuring *m) {
    const sz_kernel *chain = sz_watch_chain();
    const double before = chain ? sz_watch_clock(chain) : SZ_UNKNOWN;
    const sz_protocol p = {.clock = wall,
                           .preheat_s = number(c->request, "preheat_s"),
                           .budget_s = number(c->request, "budget_s"),
                           .seed = (uint64_t)whole(c->request, "seed"),
                           .one_call = c->evict != NULL,
                           .tell = tell_measured,
                           .tell_user = m};
    for (size_t i = 0; i < c->n; i++) {
        if (c->cases[i].is_done) continue;
        m->which[m->n] = i;
        m->timed[m->n++] = (sz_timed){run_case, c->evict ? evict : NULL, &c->cases[i]};
    }
    if (m->n == 0) return SZ_OK;
    SZ_TRY(sz_protocol_run(c->ctx, &p, m->timed, m->n, m->timings));
    const double after = chain ? sz_watch_clock(chain) : SZ_UNKNOWN;
    for (size_t k = 0; k < m->n; k++)
        SZ_TRY(send_timing(c, m->which[k], &m->timings[k], after / before - 1));
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

static sz_status work(child *c) {
    bool there = false;
    const json_t *cases = json_object_get(c->request, "cases");
    SZ_TRY(open_library(c, &there));
    c->n = json_array_size(cases);
    if (!there || c->n == 0) return SZ_OK;
    if (c->n > 32) return sz_fail(c->ctx, SZ_ERR_USAGE, "too many cases for a child");
    c->cases = sz_alloc(c->ctx, c->n * sizeof *c->cases);
    if (!c->cases) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < c->n; i++)
        c->cases[i] = (child_case){.owner = c, .request = json_array_get(cases, i)};
    SZ_TRY(start_eviction(c));
    SZ_TRY(prepare_all(c));
    return measure(c);
}

sz_status sz_bench_child(sz_ctx *ctx, const char *request,
                         void (*put)(void *user, const char *line, size_t size), void *user) {
    child c = {.ctx = ctx, .put = put, .user = user};
    c.request = json_loads(request, 0, NULL);
    if (!c.request) return sz_fail(ctx, SZ_ERR_USAGE, "the request is no JSON");
    const sz_status status = work(&c);
    for (size_t i = 0; c.cases && i < c.n; i++) {
        sz_runner_finish(&c.cases[i].runner);
        sz_model_destroy(c.cases[i].model);
    }
    sz_free(ctx, c.cases, c.n * sizeof *c.cases);
    if (c.evict) sz_pages_unmap(c.evict, c.evict_bytes);
    json_decref(c.request);
    // The library stays open: unloading one with threads of its own is asking for trouble.
    return status;
}
