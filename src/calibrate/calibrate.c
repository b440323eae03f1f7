// SPDX-License-Identifier: Apache-2.0
// Nets are measured by the benchmark like any other, some at a time, until the time is up.
#include <sizeup/calibrate.h>
#include <sizeup/run.h>

#include <math.h>
#include <stdio.h>

#include "calibrate/choose.h"
#include "calibrate/observe.h"
#include "calibrate/turn.h"
#include "machine/machine.h"
#include "machine/measure/stats.h"
#include "os/clock.h"
#include "os/folder.h"

// Nets are timed some at a time, in turn, so that each sees the machine at several times. What
// strangers do on the host lasts for seconds: so each turn comes at least twice, with others
// between, and the quickest visit counts. One net is in every turn: by how much slower it runs than
// in the quickest quarter of its visits tells what strangers take. A turn that they slowed comes
// again, some times; if that does not help its nets are left out, as long as there are others. (On
// a restless host single visits of seven nets lay within 10 % of their median in 58 % of 25, the
// quicker of two in 88 %, the quickest of three in 96 %.)
enum { FEWEST = 8, ENOUGH = 40, TURNS = 3, VISITS = 2, MOST_VISITS = 4 };
static const char REFERENCE[] = "mlp:input=512,layers=3,width=512,output=512,batch=96";

// Times of one net: short, because there are many, and the next net tells more than the next run.
static const double PREHEAT_S = 0.03, BUDGET_S = 0.08;

typedef struct calibrator {
    sz_ctx *ctx;
    const sz_calibrate_options *o;
    sz_calibration *c;
    sz_turn turns[TURNS];
    sz_turn *at;   // that is being measured
    char why[512]; // the last net that was not measured
    int64_t failed;
    uint64_t next;
    SZ_VEC(int) sorts; // of the nets that were measured, as in c->nets
    SZ_VEC(json_t *) slowed; // records of turns that strangers slowed
    SZ_VEC(double) reference_s; // of all visits so far
    double errors[SZ_NET_SORTS];
    bool knows_errors;
    double settle_s; // that it took to settle in the middle
} calibrator;

static const char *text_at(const json_t *o, const char *part, const char *key) {
    const char *s = json_string_value(json_object_get(json_object_get(o, part), key));
    return s && *s ? s : NULL;
}

// The file of the library is noted too: as long as it is the same, so is the version.
static sz_status keep_library(calibrator *k, const json_t *record) {
    sz_calibration *c = k->c;
    const json_t *software = json_object_get(record, "software");
    const char *path = text_at(software, "library", "path");
    if (!path || !sz_folder_stamp(path, &c->library_bytes, &c->library_changed_s)) return SZ_OK;
    c->library = sz_arena_strdup(&c->arena, path, strlen(path));
    return c->library ? SZ_OK : sz_no_memory(k->ctx);
}

static sz_status keep_facts(calibrator *k, const json_t *record) {
    sz_calibration *c = k->c;
    const char *version = text_at(record, "ran_as", "version");
    if (c->version || !version) return SZ_OK;
    c->version = sz_arena_strdup(&c->arena, version, strlen(version));
    return c->version ? keep_library(k, record) : sz_no_memory(k->ctx);
}

// The first contraction that the library refused, NULL = none.
static const json_t *refused(const json_t *record) {
    const json_t *layers = json_object_get(record, "layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        if (json_integer_value(json_object_get(layer, "macs")) > 0 &&
            json_string_value(json_object_get(layer, "why")))
            return layer;
    }
    return NULL;
}

// Did it run in the format that is calibrated? Libraries fall back to another one in silence.
static bool ran_otherwise(calibrator *k, const json_t *record) {
    const char *ran = text_at(record, "ran_as", "dtype");
    const json_t *layer = refused(record);
    if (strcmp(k->c->dtype, "f32") == 0) return false;
    if (layer)
        snprintf(k->why, sizeof k->why, "it refused '%.80s': %.300s",
                 json_string_value(json_object_get(layer, "op")),
                 json_string_value(json_object_get(layer, "why")));
    else if (ran && strcmp(ran, k->c->dtype) != 0)
        snprintf(k->why, sizeof k->why, "asked for %s, it ran as %s", k->c->dtype, ran);
    else
        return false;
    k->failed++;
    return true;
}

// A record of what was not measured, and one whose times are of little worth, are left out.
static sz_status take(void *user, const char *line, size_t size) {
    calibrator *k = user;
    json_t *record = json_loadb(line, size, 0, NULL);
    const char *error = json_string_value(json_object_get(record, "error"));
    if (error) {
        k->failed++;
        snprintf(k->why, sizeof k->why, "%s", error);
    } else if (record && !ran_otherwise(k, record)) {
        sz_turn_take(k->at, record);
    }
    json_decref(record);
    return SZ_OK;
}

static sz_status end_visit(calibrator *k, sz_turn *t) {
    if (isfinite(t->reference_now_s) && !sz_vec_push(k->ctx, &k->reference_s, t->reference_now_s))
        return sz_no_memory(k->ctx);
    sz_turn_end_visit(t);
    return SZ_OK;
}

static sz_status observe(calibrator *k, const json_t *record, int sort) {
    const size_t nets = k->c->nets.n;
    SZ_TRY(keep_facts(k, record));
    SZ_TRY(sz_observe(k->c, record));
    if (k->c->nets.n > nets && !sz_vec_push(k->ctx, &k->sorts, sort)) return sz_no_memory(k->ctx);
    return SZ_OK;
}

// Infinite = it was never timed.
static double usual_reference(calibrator *k) {
    const size_t n = k->reference_s.n;
    sz_sort_values(k->reference_s.items, n);
    return n ? sz_quantile(k->reference_s.items, n, 0.25) : INFINITY;
}

// What was held of a turn goes into the calibration, or aside.
static sz_status observe_turn(calibrator *k, sz_turn *t) {
    sz_status status = SZ_OK;
    const double usual_s = usual_reference(k);
    for (int i = 0; i < SZ_TURN_NETS; i++) {
        const bool slowed = sz_turn_met_strangers(t, i, usual_s);
        json_t *record = sz_turn_give(t, i);
        if (!record) continue;
        if (status == SZ_OK && !slowed) status = observe(k, record, t->sort_of[i]);
        if (!slowed || !sz_vec_push(k->ctx, &k->slowed, record)) json_decref(record);
    }
    return status;
}

// Where too few were left undisturbed the others serve too.
static sz_status observe_slowed(calibrator *k) {
    for (size_t i = 0; i < k->slowed.n && k->c->nets.n < ENOUGH; i++)
        SZ_TRY(observe(k, k->slowed.items[i], 0));
    return SZ_OK;
}

// Results of the first turns are compared with the reference, which takes as long as the times: a
// library that is right there is taken to be right.
static sz_status measure_turn(calibrator *k, sz_turn *t, int visit) {
    const sz_calibrate_options *o = k->o;
    const char *const backends[] = {k->c->backend};
    const sz_run_options how = {.backends = backends,
                                .n_backends = 1,
                                .program = o->program,
                                .environment = o->environment,
                                .threads = k->c->threads,
                                .preheat_s = PREHEAT_S,
                                .budget_s = BUDGET_S,
                                .layers = 1,
                                .unchecked = visit > 0 || k->next > TURNS * SZ_TURN_NETS,
                                .seed = o->seed,
                                .stop = o->stop,
                                .emit = take,
                                .user = k};
    sz_run_result result;
    k->at = t;
    sz_turn_begin_visit(t);
    const sz_status status = sz_bench_run(k->ctx, t->lines, NULL, 0, &how, &result);
    const sz_status last = end_visit(k, t);
    return status == SZ_OK ? last : status;
}

static void choose_turn(calibrator *k, sz_turn *t) {
    size_t at = (size_t)snprintf(t->lines, sizeof t->lines, "lines:%s,dtype=%.8s\n", REFERENCE,
                                 k->c->dtype);
    for (int i = 0; i < SZ_TURN_NETS; i++) {
        char spec[240];
        t->sort_of[i] = sz_choose_net(k->o->seed, k->next++, k->knows_errors ? k->errors : NULL,
                                      spec, sizeof spec);
        at += (size_t)snprintf(t->lines + at, sizeof t->lines - at, "%s,dtype=%.8s\n", spec,
                               k->c->dtype);
    }
}

// The mean error of each sort when its nets are told by the others; of a sort with few nets it is
// taken to be that of all.
static sz_status learn_errors(calibrator *k) {
    enum { FEW = 3 };
    double sums[SZ_NET_SORTS] = {0}, all = 0;
    int counts[SZ_NET_SORTS] = {0}, n = 0;
    const double start = sz_clock_s();
    SZ_TRY(sz_calibration_settle(k->c));
    k->settle_s = sz_clock_s() - start;
    for (size_t i = 0; i < k->c->nets.n && i < k->sorts.n; i++) {
        const double error = sz_calibration_net_error(k->c, i);
        if (isnan(error)) continue;
        sums[k->sorts.items[i]] += error, counts[k->sorts.items[i]]++;
        all += error, n++;
    }
    for (int s = 0; n > 0 && s < SZ_NET_SORTS; s++)
        k->errors[s] = counts[s] >= FEW ? sums[s] / counts[s] : all / n;
    k->knows_errors = n > 0 && all > 0;
    return SZ_OK;
}

static void tell(const calibrator *k, const sz_turn *t, double done) {
    char first[240];
    const char *spec = strchr(t->lines, '\n') + 1; // behind the reference
    if (!k->o->progress) return;
    snprintf(first, sizeof first, "%.*s", (int)strcspn(spec, "\n"), spec);
    k->o->progress(k->o->user, first, done);
}

// One small net tells in a moment whether the format can be had.
static sz_status try_dtype(calibrator *k) {
    const size_t nets = k->c->nets.n;
    sz_turn *t = &k->turns[0];
    if (strcmp(k->c->dtype, "f32") == 0) return SZ_OK;
    snprintf(t->lines, sizeof t->lines,
             "lines:%s,dtype=%.8s\nmlp:input=64,width=64,layers=1,output=64,batch=16,dtype=%.8s\n",
             REFERENCE, k->c->dtype, k->c->dtype);
    SZ_TRY(measure_turn(k, t, 0));
    SZ_TRY(observe_turn(k, t));
    if (k->failed == 0 && k->c->nets.n > nets) return SZ_OK;
    return sz_fail(k->ctx, SZ_ERR_UNAVAILABLE, "backend '%s' can't be calibrated in %s here: %s",
                   k->c->backend, k->c->dtype, k->why[0] ? k->why : "nothing could be measured");
}

// Settling at the end is part of the time, and takes longer than in the middle: it is by twice as
// many kernels.
static bool has_time(const calibrator *k, double spent, double budget) {
    static const double longer = 2.5;
    return spent + longer * k->settle_s < budget && !(k->o->stop && *k->o->stop);
}

static sz_status measure_all(calibrator *k) {
    const double start = sz_clock_s(), budget = k->o->budget_s > 0 ? k->o->budget_s : 600;
    double spent = 0;
    while (has_time(k, spent, budget)) {
        if (k->failed >= FEWEST && k->c->nets.n == 0) return SZ_OK; // it will not get better
        if (!k->knows_errors && spent >= budget / 2) SZ_TRY(learn_errors(k));
        for (int i = 0; i < TURNS; i++) choose_turn(k, &k->turns[i]);
        for (int i = 0; i < MOST_VISITS * TURNS && has_time(k, spent, budget); i++) {
            sz_turn *t = &k->turns[i % TURNS];
            if (i >= VISITS * TURNS && !sz_turn_is_slowed(t, usual_reference(k))) continue;
            tell(k, t, spent / budget);
            SZ_TRY(measure_turn(k, t, i / TURNS));
            spent = sz_clock_s() - start;
        }
        for (int i = 0; i < TURNS; i++) SZ_TRY(observe_turn(k, &k->turns[i]));
    }
    return observe_slowed(k);
}

static sz_status copy_machine(calibrator *k) {
    sz_buf text;
    sz_buf_init(&text, k->ctx);
    sz_status status = sz_machine_json(k->ctx, k->o->machine, &text);
    if (status == SZ_OK)
        status = sz_machine_parse(k->ctx, "here", text.data, text.size, &k->c->machine);
    sz_buf_finish(&text);
    return status;
}

static sz_status choose_dtype(calibrator *k) {
    static const char *const formats[] = {"f32", "bf16", "f16"};
    const char *asked = k->o->dtype ? k->o->dtype : formats[0];
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(asked, formats[i]) == 0) {
            k->c->dtype = formats[i];
            return SZ_OK;
        }
    return sz_fail(k->ctx, SZ_ERR_USAGE,
                   "nets to calibrate with can be made in f32, bf16 and f16, not in '%s'",
                   sz_show(k->ctx, sz_str_c(asked)));
}

static sz_status begin(calibrator *k) {
    char now[21];
    sz_calibration *c = k->c;
    const char *backend = sz_backend_name(k->o->backend ? k->o->backend : "onednn");
    const char *fingerprint = sz_machine_identity(k->o->machine).fingerprint;
    sz_clock_utc(now);
    c->threads = k->o->threads > 0 ? k->o->threads : 1;
    c->backend = sz_arena_strdup(&c->arena, backend, strlen(backend));
    SZ_TRY(choose_dtype(k));
    c->recipe = strcmp(backend, "openvino") == 0 ? "openvino" : NULL;
    c->fingerprint = sz_arena_strdup(&c->arena, fingerprint, strlen(fingerprint));
    c->started_utc = sz_arena_strdup(&c->arena, now, strlen(now));
    if (!c->backend || !c->fingerprint || !c->started_utc) return sz_no_memory(k->ctx);
    return copy_machine(k);
}

static sz_status run(calibrator *k) {
    SZ_TRY(begin(k));
    SZ_TRY(try_dtype(k));
    SZ_TRY(measure_all(k));
    if (k->c->nets.n < FEWEST)
        return sz_fail(k->ctx, SZ_ERR_UNAVAILABLE,
                       "%zu nets could be measured, %d at least are needed%s%s", k->c->nets.n,
                       FEWEST, k->why[0] ? "; the last that could not: " : "", k->why);
    return sz_calibration_settle(k->c);
}

sz_status sz_calibrate(sz_ctx *ctx, const sz_calibrate_options *options,
                       sz_calibration **ret_calibration) {
    calibrator k = {.ctx = ctx, .o = options};
    SZ_TRY(sz_calibration_create(ctx, &k.c));
    const sz_status status = run(&k);
    if (status == SZ_OK)
        *ret_calibration = k.c;
    else
        sz_calibration_destroy(k.c);
    for (int i = 0; i < TURNS; i++) sz_turn_finish(&k.turns[i]);
    for (size_t i = 0; i < k.slowed.n; i++) json_decref(k.slowed.items[i]);
    sz_vec_finish(ctx, &k.slowed);
    sz_vec_finish(ctx, &k.reference_s);
    sz_vec_finish(ctx, &k.sorts);
    return status;
}
