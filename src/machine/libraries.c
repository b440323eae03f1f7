// SPDX-License-Identifier: Apache-2.0
// The installed libraries against the machine: what share of the roof their matrix product reaches.
// Each runs in a child of its own: libraries of this kind export the same names, read the
// environment when they are loaded, and may crash.
#include "machine/libraries.h"
#include "machine/machine.h"

#include <math.h>
#include <stdio.h>

#include <jansson.h>

#include "machine/measure/verdict.h"
#include "os/child.h"

static const double LIMIT_S = 60, ABOVE = 1.03, ABOVE_PER_CYCLE = 1.02, WORTH_IT = 1.05;

// ---- the child's environment -------------------------------------------------------------------

// What each library reads to know its number of threads; oneDNN and BLIS are built for OpenMP.
static const char *const thread_variables[SZ_THREAD_VARIABLES] = {
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "GOTO_NUM_THREADS"};

static bool same_variable(const char *a, const char *b) {
    const size_t n = strcspn(a, "=");
    return strncmp(a, b, n) == 0 && (b[n] == '=' || b[n] == '\0');
}

void sz_library_surround(sz_surroundings *e, const char *const *environment, int threads,
                         const char *setting) {
    size_t n = 0;
    for (size_t i = 0; i < SZ_THREAD_VARIABLES; i++) {
        snprintf(e->threads[i], sizeof e->threads[i], "%s=%d", thread_variables[i], threads);
        e->words[n++] = e->threads[i];
    }
    if (setting) e->words[n++] = setting;
    const size_t own = n;
    for (size_t i = 0; environment && environment[i] && i < SZ_MAX_VARIABLES; i++) {
        bool replaced = false;
        for (size_t k = 0; k < own; k++) replaced |= same_variable(e->words[k], environment[i]);
        if (!replaced) e->words[n++] = environment[i];
    }
    e->words[n] = NULL;
}

// ---- asking a child ----------------------------------------------------------------------------

// The last line that starts like our object: a library may print too.
static json_t *parse_answer(const sz_buf *buf) {
    json_t *answer = NULL;
    for (size_t at = 0; at < buf->size;) {
        const char *end = memchr(buf->data + at, '\n', buf->size - at);
        const size_t n = end ? (size_t)(end - buf->data) - at : buf->size - at;
        json_t *line = buf->data[at] == '{' ? json_loadb(buf->data + at, n, 0, NULL) : NULL;
        if (line && json_object_get(line, "library")) {
            json_decref(answer);
            answer = line;
        } else {
            json_decref(line);
        }
        at += n + 1;
    }
    return answer;
}

// SZ_ERR_UNAVAILABLE with the reason when no answer came.
static sz_status ask_child(sz_ctx *ctx, const sz_measure_options *o, int id, int threads,
                           const char *setting, json_t **ret_answer) {
    char number[16];
    sz_buf buf;
    int code = 0;
    sz_surroundings *e = sz_alloc(ctx, sizeof *e);
    if (!e) return sz_no_memory(ctx);
    snprintf(number, sizeof number, "%d", threads);
    const char *const argv[] = {o->program,          "machine", "library-child",
                                sz_library_name(id), number,    NULL};
    sz_library_surround(e, o->environment, threads, setting);
    sz_buf_init(&buf, ctx);
    sz_status status = sz_child_run(ctx, argv, e->words, LIMIT_S, &buf, &code);
    json_t *answer = status == SZ_OK ? parse_answer(&buf) : NULL;
    sz_buf_finish(&buf);
    sz_free(ctx, e, sizeof *e);
    SZ_TRY(status);
    if (answer) {
        *ret_answer = answer;
        return SZ_OK;
    }
    if (code < 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "it crashed the child (signal %d)", -code);
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the child gave no answer (exit %d)", code);
}

// ---- judging -----------------------------------------------------------------------------------

static const sz_peak *roof_peak(const sz_machine *m, int threads) {
    const sz_peak *best = NULL;
    for (size_t i = 0; i < m->peaks.n; i++) {
        const sz_peak *p = &m->peaks.items[i];
        if (p->threads != threads || strcmp(p->dtype, "f32") != 0) continue;
        if (strcmp(p->op, "fma") != 0 && strcmp(p->op, "mul+add") != 0) continue;
        if (!best || p->flop_per_s > best->flop_per_s) best = p;
    }
    return best;
}

static sz_verdict judge_run(const sz_library_run *r, double spread, double modes) {
    const sz_evidence e = {.batches = r->n,
                           .pinned = true,
                           .cpu_share = r->busy_cpus / (double)r->threads,
                           .window_share = SZ_UNKNOWN,
                           .spread = spread,
                           .modes = modes,
                           .cycle_spread = SZ_UNKNOWN,
                           .noisy = 0.1};
    return sz_verdict_of(&e);
}

sz_status sz_library_above_roof(sz_machine *m, sz_library_run *r) {
    if (!(r->of_roof > ABOVE)) return SZ_OK;
    if (r->of_roof_per_cycle <= ABOVE_PER_CYCLE) {
        r->advice = "above the roof because the clock was higher than when the roof was measured";
        return SZ_OK;
    }
    r->advice = "above the roof: the roof is wrong, which is a bug of sizeup; please report it";
    m->ok = false;
    return sz_machine_add_note(m,
                               "%s reaches %.0f %% of the f32 fma roof at %lld: the roof is "
                               "wrong, which is a bug of sizeup",
                               r->library, 100 * r->of_roof, (long long)r->size);
}

static const char *text_of(sz_machine *m, const json_t *object, const char *key) {
    return sz_machine_text(m, json_string_value(json_object_get(object, key)));
}

static double number_of(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : SZ_NAN;
}

// One size of the answer as a record.
static sz_status add_run(sz_machine *m, const json_t *answer, const json_t *run, int threads,
                         const char *setting) {
    const sz_peak *peak = roof_peak(m, threads);
    sz_library_run r = {.library = text_of(m, answer, "library"),
                        .version = text_of(m, answer, "version"),
                        .setting = setting,
                        .kernel = text_of(m, answer, "kernel"),
                        .isa = text_of(m, answer, "isa"),
                        .cpu_isa = text_of(m, answer, "cpu_isa"),
                        .threads = threads,
                        .size = (int64_t)number_of(run, "size"),
                        .flop_per_s = number_of(run, "flop_per_s"),
                        .best_flop_per_s = number_of(run, "best_flop_per_s"),
                        .clock_hz = number_of(run, "clock_hz"),
                        .busy_cpus = number_of(run, "busy_cpus"),
                        .n = (int64_t)number_of(run, "n"),
                        .of_roof = SZ_NAN,
                        .of_roof_per_cycle = SZ_NAN};
    if (!r.library) return sz_no_memory(m->ctx);
    if (!json_is_true(json_object_get(run, "right")))
        return sz_machine_add_gap(m, r.library, "its product was wrong: not trusted");
    r.verdict = sz_verdict_name(judge_run(&r, number_of(run, "spread"), number_of(run, "modes")));
    if (peak) {
        r.of_roof = r.flop_per_s / peak->flop_per_s;
        r.of_roof_per_cycle = r.flop_per_s / (r.clock_hz * threads) / peak->flop_per_cycle;
        SZ_TRY(sz_library_above_roof(m, &r));
    }
    return sz_vec_push(m->ctx, &m->libraries, r) ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status add_answer(sz_machine *m, const json_t *answer, int threads, const char *setting) {
    const json_t *runs = json_object_get(answer, "runs");
    for (size_t i = 0; i < json_array_size(runs); i++)
        SZ_TRY(add_run(m, answer, json_array_get(runs, i), threads, setting));
    return SZ_OK;
}

// ---- one library -------------------------------------------------------------------------------

// With the better setting measured too, the advice can say what it is worth.
static sz_status advise(sz_machine *m, size_t first) {
    for (size_t i = first; i < m->libraries.n; i++) {
        sz_library_run *plain = &m->libraries.items[i];
        for (size_t k = first; !plain->setting && k < m->libraries.n; k++) {
            const sz_library_run *set = &m->libraries.items[k];
            if (!set->setting || set->size != plain->size || set->threads != plain->threads)
                continue;
            const double gain = set->flop_per_s / plain->flop_per_s;
            if (gain > WORTH_IT)
                SZ_TRY(sz_machine_printf(m, &plain->advice, "set %s: %.1f times as fast",
                                         set->setting, gain));
            else
                SZ_TRY(sz_machine_printf(m, &plain->advice, "%s was tried and gains nothing",
                                         set->setting));
        }
    }
    return SZ_OK;
}

// All thread counts with one setting. *ret_suggested is what the first answer suggests, or NULL;
// *ret_absent: the library is not there, and the gap is noted.
static sz_status measure_setting(sz_machine *m, const sz_measure_options *o, int id, int threads,
                                 const char *setting, const char **ret_suggested,
                                 bool *ret_absent) {
    const int counts[] = {1, threads};
    for (int i = 0; i < (threads > 1 ? 2 : 1); i++) {
        json_t *answer = NULL;
        sz_status status = ask_child(m->ctx, o, id, counts[i], setting, &answer);
        if (status == SZ_ERR_UNAVAILABLE) {
            char what[96];
            snprintf(what, sizeof what, "%s%s%s", sz_library_name(id), setting ? " with " : "",
                     setting ? setting : "");
            *ret_absent = i == 0;
            return sz_machine_add_gap(m, what, sz_ctx_error(m->ctx));
        }
        SZ_TRY(status);
        const char *absent = json_string_value(json_object_get(answer, "absent"));
        const char *suggested = json_string_value(json_object_get(answer, "suggest"));
        if (absent)
            status = sz_machine_add_gap(m, sz_library_name(id), absent);
        else
            status = add_answer(m, answer, counts[i], setting);
        if (i == 0 && suggested && !setting) *ret_suggested = sz_machine_text(m, suggested);
        *ret_absent = absent != NULL;
        json_decref(answer);
        if (status != SZ_OK || *ret_absent) return status;
    }
    return SZ_OK;
}

static sz_status measure_library(sz_machine *m, const sz_measure_options *o, int id, int threads) {
    const size_t first = m->libraries.n;
    const char *suggested = NULL, *none = NULL;
    bool absent = false;
    SZ_TRY(measure_setting(m, o, id, threads, NULL, &suggested, &absent));
    if (absent || !suggested) return SZ_OK;
    SZ_TRY(measure_setting(m, o, id, threads, suggested, &none, &absent));
    return advise(m, first);
}

sz_status sz_measure_libraries(sz_machine *m, const sz_measure_options *o, int threads) {
    for (int id = 0; id < SZ_LIBRARIES; id++) {
        if (o->progress) o->progress(o->user, sz_library_name(id));
        SZ_TRY(measure_library(m, o, id, threads));
    }
    return SZ_OK;
}
