// SPDX-License-Identifier: Apache-2.0
// The evaluator by measurement: settings become cases of a benchmark, some of which are timed in
// turn; what their records say are the metrics.
#include "explore/explore.h"
#include "run/bench/plan.h"

#include <sizeup/bench.h>
#include <sizeup/run.h>

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

enum { TOGETHER = 8, // at most SZ_TOGETHER_MOST
       LINE = 1024 };

// A parameter that says how a case is run, not what.
typedef enum role { WORD, MODEL, BACKEND, THREADS, STREAMS, NOTHING } role;

// One setting of those that are evaluated together.
typedef struct job {
    const uint32_t *setting;
    char line[LINE]; // of a list of workloads; "" = it can't be run
    char *name;      // of its case
    const char *backend;
    int64_t threads, streams;
    bool is_done;
    sz_metrics *ret;
    char *why;
} job;

typedef struct measurer {
    sz_ctx *ctx;
    const sz_space *space;
    sz_measure_setup setup;
    role roles[SZ_SPACE_PARAMETERS];
    job jobs[TOGETHER];
    size_t n;
    char machine[64]; // fingerprint
    const job *like; // the first of those that are run now: they share backend, threads, streams
} measurer;

// ---- a setting as a workload -------------------------------------------------------------------

static const char *value_of(const measurer *m, const job *j, role which, const char *usual) {
    for (size_t p = 0; p < m->space->n_parameters; p++)
        if (m->roles[p] == which && sz_space_exists(m->space, j->setting, p))
            return sz_space_value(m->space, p, j->setting[p]);
    return usual;
}

static sz_status whole_of(const measurer *m, const job *j, role which, const char *name,
                          int64_t usual, int64_t *ret) {
    const char *word = value_of(m, j, which, NULL);
    char *end;
    *ret = usual;
    if (!word) return SZ_OK;
    *ret = strtoll(word, &end, 10);
    if (*word && !*end && *ret >= 0 && *ret <= 100000) return SZ_OK;
    return sz_fail(m->ctx, SZ_ERR_USAGE, "'%s' is no number of %s", sz_show(m->ctx, sz_str_c(word)),
                   name);
}

// A list of workloads is cut at blanks, and knows no way around that.
static bool is_one_word(const char *text) { return !text[strcspn(text, " \t\n\r#")]; }

static void make_line(const measurer *m, job *j) {
    const char *model = value_of(m, j, MODEL, "");
    size_t n = (size_t)snprintf(j->line, LINE, "%s", model);
    bool fits = is_one_word(model);
    for (size_t p = 0; p < m->space->n_parameters && n < LINE; p++) {
        if (m->roles[p] != WORD || !sz_space_exists(m->space, j->setting, p)) continue;
        const char *value = sz_space_value(m->space, p, j->setting[p]);
        fits = fits && is_one_word(value);
        n += (size_t)snprintf(j->line + n, LINE - n, " %s=%s", m->space->parameters[p].bare, value);
    }
    if (n < LINE && fits) return;
    j->line[0] = '\0';
    snprintf(j->why, SZ_WHY_SIZE,
             n < LINE ? "a name with a blank or # in it can't be measured in a list"
                      : "its words are longer than a line of %d bytes",
             LINE);
}

// The benchmark names the case, and says whether it can be run at all.
static sz_status name_case(measurer *m, job *j) {
    const sz_run_options *o = m->setup.run;
    const sz_plan_how how = {.training = o->training != 0,
                             .optimizer = o->optimizer,
                             .inputs = o->inputs,
                             .n_inputs = o->n_inputs};
    char what[LINE + 8];
    sz_bench_plan plan;
    snprintf(what, sizeof what, "lines:%s", j->line);
    const sz_status status = sz_bench_plan_make(m->ctx, what, NULL, 0, &how, &plan);
    if (status != SZ_OK && status != SZ_ERR_INPUT && status != SZ_ERR_LIMIT) return status;
    const sz_case *c = status == SZ_OK && plan.cases.n > 0 ? &plan.cases.items[0] : NULL;
    const char *why = c ? c->error : sz_ctx_error(m->ctx);
    if (why) snprintf(j->why, SZ_WHY_SIZE, "%s", why);
    j->is_done = why != NULL;
    const size_t size = c ? strlen(c->name) + 1 : 0;
    if (c && !why && (j->name = sz_alloc(m->ctx, size))) memcpy(j->name, c->name, size);
    if (status == SZ_OK) sz_bench_plan_finish(m->ctx, &plan);
    return why || j->name ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status prepare(measurer *m, job *j) {
    const sz_run_options *o = m->setup.run;
    j->backend = value_of(m, j, BACKEND, o->n_backends ? o->backends[0] : NULL);
    SZ_TRY(whole_of(m, j, THREADS, "threads", o->threads, &j->threads));
    SZ_TRY(whole_of(m, j, STREAMS, "streams", o->streams > 0 ? o->streams : 1, &j->streams));
    make_line(m, j);
    j->is_done = !j->line[0];
    return j->is_done ? SZ_OK : name_case(m, j);
}

// ---- a record as metrics -----------------------------------------------------------------------

static void put(sz_metrics *ret, size_t metric, double value, double lo, double hi) {
    ret->value[metric] = value;
    if (!isfinite(lo) || !isfinite(hi)) return;
    ret->lo[metric] = lo, ret->hi[metric] = hi;
}

static void put_all(const sz_bench *b, sz_metrics *ret) {
    const sz_bench_time *t = &b->time;
    const double rate = b->rate.samples_per_s, samples = rate * t->median_s;
    const double joule = b->energy.joule, off = b->window.runs > 0 ? b->window.uncertainty_j : NAN;
    put(ret, SZ_METRIC_LATENCY, t->median_s, t->ci_lo_s, t->ci_hi_s);
    put(ret, SZ_METRIC_THROUGHPUT, rate, samples / t->ci_hi_s, samples / t->ci_lo_s);
    put(ret, SZ_METRIC_THROUGHPUT_PER_DEVICE, rate, samples / t->ci_hi_s, samples / t->ci_lo_s);
    if (!(joule > 0)) return;
    put(ret, SZ_METRIC_ENERGY, joule, joule - off, joule + off);
    put(ret, SZ_METRIC_THROUGHPUT_PER_JOULE, samples / joule, samples / (joule + off),
        joule > off ? samples / (joule - off) : NAN);
}

static bool is_alike(const job *a, const job *b) {
    const bool same = a->backend == b->backend ||
                      (a->backend && b->backend && strcmp(a->backend, b->backend) == 0);
    return same && a->threads == b->threads && a->streams == b->streams;
}

// Several settings may be the same work; all get what came of it.
static void settle(measurer *m, const sz_bench *b, const char *error) {
    for (size_t i = 0; i < m->n; i++) {
        job *j = &m->jobs[i];
        if (!j->name || !is_alike(j, m->like) || strcmp(j->name, b->case_name) != 0) continue;
        j->is_done = true;
        if (error || b->time.n <= 0)
            snprintf(j->why, SZ_WHY_SIZE, "%s", error ? error : "nothing was timed");
        else
            put_all(b, j->ret);
    }
}

static sz_status read_record(measurer *m, const char *record, size_t size) {
    json_t *json = json_loadb(record, size, 0, NULL);
    sz_bench_set *set;
    sz_status status = sz_bench_set_create(m->ctx, &set);
    if (status == SZ_OK) {
        status = sz_bench_set_add(m->ctx, set, record, size);
        if (status == SZ_OK)
            settle(m, sz_bench_set_get(set, 0), json_string_value(json_object_get(json, "error")));
        sz_bench_set_destroy(set);
    }
    json_decref(json);
    return status;
}

static sz_status emit(void *user, const char *record, size_t size) {
    measurer *m = user;
    const sz_run_options *o = m->setup.run;
    if (o->emit) SZ_TRY(o->emit(o->user, record, size)); // kept before anything can go wrong
    return read_record(m, record, size);
}

static sz_status known(void *user, const char *case_hash, int *ret_known) {
    measurer *m = user;
    sz_buf record;
    sz_buf_init(&record, m->ctx);
    sz_status status = m->setup.find(m->setup.run->user, case_hash, &record, ret_known);
    if (status == SZ_OK && *ret_known) status = read_record(m, record.data, record.size);
    sz_buf_finish(&record);
    return status;
}

static void progress(void *user, const char *what) {
    const measurer *m = user;
    m->setup.run->progress(m->setup.run->user, what);
}

// ---- running -----------------------------------------------------------------------------------

static sz_status run_lines(measurer *m, const char *lines) {
    const char *const backends[] = {m->like->backend};
    sz_run_options how = *m->setup.run;
    sz_run_result result;
    how.backends = backends, how.n_backends = m->like->backend ? 1 : 0;
    how.threads = (int)m->like->threads, how.threads_range = NULL;
    how.streams = (int)m->like->streams;
    how.emit = emit, how.user = m;
    how.known = m->setup.find ? known : NULL;
    how.progress = how.progress ? progress : NULL;
    return sz_bench_run(m->ctx, lines, NULL, 0, &how, &result);
}

// Those that share a library and its threads go together, in one child.
static sz_status run_alike(measurer *m, size_t first) {
    sz_buf lines;
    sz_buf_init(&lines, m->ctx);
    sz_buf_puts(&lines, "lines:");
    m->like = &m->jobs[first];
    for (size_t i = first; i < m->n; i++)
        if (!m->jobs[i].is_done && is_alike(&m->jobs[i], m->like))
            sz_buf_printf(&lines, "%s\n", m->jobs[i].line);
    sz_status status = sz_buf_status(&lines);
    if (status == SZ_OK) status = run_lines(m, lines.data);
    sz_buf_finish(&lines);
    for (size_t i = first; i < m->n && status == SZ_OK; i++) {
        job *j = &m->jobs[i];
        if (j->is_done || !is_alike(j, m->like)) continue;
        j->is_done = true;
        snprintf(j->why, SZ_WHY_SIZE, "it was not measured: the run ended before");
    }
    return status;
}

// What is counted is the same on paper. A setting that paper refuses is measured all the same.
static sz_status count(const measurer *m, const job *j) {
    const sz_evaluator *paper = m->setup.paper;
    sz_metrics told;
    char why[SZ_WHY_SIZE];
    if (!paper) return SZ_OK;
    SZ_TRY(paper->evaluate(m->ctx, paper->self, m->space, j->setting, &told, why, sizeof why));
    j->ret->value[SZ_METRIC_MEMORY] = told.value[SZ_METRIC_MEMORY];
    j->ret->value[SZ_METRIC_PARAMS] = told.value[SZ_METRIC_PARAMS];
    return SZ_OK;
}

static sz_status evaluate_jobs(measurer *m) {
    for (size_t i = 0; i < m->n; i++) {
        SZ_TRY(prepare(m, &m->jobs[i]));
        SZ_TRY(count(m, &m->jobs[i]));
    }
    for (size_t i = 0; i < m->n; i++)
        if (!m->jobs[i].is_done) SZ_TRY(run_alike(m, i));
    return SZ_OK;
}

static sz_status evaluate_some(sz_ctx *ctx, void *self, const sz_space *space,
                               const uint32_t *settings, size_t n, sz_metrics *ret, char *whys) {
    measurer *m = self;
    (void)ctx;
    m->n = n;
    for (size_t i = 0; i < n; i++) {
        sz_metrics_clear(&ret[i]);
        m->jobs[i] = (job){.setting = settings + i * space->n_parameters,
                           .ret = &ret[i],
                           .why = whys + i * SZ_WHY_SIZE};
        m->jobs[i].why[0] = '\0';
    }
    const sz_status status = evaluate_jobs(m);
    for (size_t i = 0; i < n; i++)
        if (m->jobs[i].name) sz_free(m->ctx, m->jobs[i].name, strlen(m->jobs[i].name) + 1);
    return status;
}

static sz_status evaluate(sz_ctx *ctx, void *self, const sz_space *space, const uint32_t *setting,
                          sz_metrics *ret, char *why, size_t cap) {
    char whole[SZ_WHY_SIZE];
    SZ_TRY(evaluate_some(ctx, self, space, setting, 1, ret, whole));
    snprintf(why, cap, "%s", whole);
    return SZ_OK;
}

// ---- parameters --------------------------------------------------------------------------------

static sz_status check_machine(sz_ctx *ctx, const sz_parameter *p) {
    for (uint32_t v = 0; v < p->n; v++)
        if (strcmp(p->values[v], "here") != 0)
            return sz_fail(ctx, SZ_ERR_USAGE,
                           "only this machine can be measured: '--by bench' takes --machine here, "
                           "not '%s'",
                           sz_show(ctx, sz_str_c(p->values[v])));
    return SZ_OK;
}

static sz_status find_role(sz_ctx *ctx, const sz_parameter *p, role *ret) {
    static const struct {
        const char *name;
        role is;
    } rows[] = {{"model", MODEL},     {"backend", BACKEND}, {"threads", THREADS},
                {"streams", STREAMS}, {"machine", NOTHING}, {"batch", WORD},
                {"dtype", WORD}};
    *ret = WORD;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, p->name) == 0) {
            *ret = rows[i].is;
            return *ret == NOTHING ? check_machine(ctx, p) : SZ_OK;
        }
    if (sz_known_parameter_find(p->name) < 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "parameter '%s' is of predictions: nothing of a run that is measured would "
                   "change with it",
                   p->name);
}

// Of this machine, as its records have it.
static sz_status find_fingerprint(measurer *m) {
    const sz_measure_options how = {.environment = m->setup.run->environment};
    sz_machine *here;
    SZ_TRY(sz_machine_describe_with(m->ctx, &how, &here));
    const sz_identity id = sz_machine_identity(here);
    snprintf(m->machine, sizeof m->machine, "%s", id.fingerprint);
    sz_machine_destroy(here);
    return SZ_OK;
}

static void release(void *self) {
    measurer *m = self;
    sz_free(m->ctx, m, sizeof *m);
}

sz_status sz_evaluator_measure(sz_ctx *ctx, const sz_space *space, const sz_measure_setup *setup,
                               sz_evaluator *ret_evaluator) {
    measurer *m = sz_alloc(ctx, sizeof *m);
    size_t model;
    sz_status status = SZ_OK;
    if (!m) return sz_no_memory(ctx);
    *m = (measurer){.ctx = ctx, .space = space, .setup = *setup};
    for (size_t p = 0; p < space->n_parameters && status == SZ_OK; p++)
        status = find_role(ctx, &space->parameters[p], &m->roles[p]);
    if (status == SZ_OK && !sz_space_find(space, "model", &model))
        status = sz_fail(ctx, SZ_ERR_USAGE, "there is nothing to measure: give a model");
    if (status == SZ_OK) status = find_fingerprint(m);
    if (status != SZ_OK) {
        release(m);
        return status;
    }
    *ret_evaluator = (sz_evaluator){.self = m,
                                    .evaluate = evaluate,
                                    .release = release,
                                    .together = TOGETHER,
                                    .evaluate_some = evaluate_some,
                                    .machine = m->machine};
    return SZ_OK;
}
