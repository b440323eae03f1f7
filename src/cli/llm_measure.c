// SPDX-License-Identifier: Apache-2.0
// `sizeup llm --measure`: the prompt and a token as they really run, beside what was predicted.
#include "cli/llm.h"
#include "cli/interrupt.h"
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void tell(void *user, const char *what) {
    const cli_app *app = user;
    if (app->progress) fprintf(stderr, "%s\n", what);
}

// What a measurement has no say in.
static int check(const cli_app *app, const llm_options *o) {
    if (o->prefix_hit > 0 || o->draft_tokens > 0 || o->draft || o->arrivals)
        return cli_error(app, CLI_USAGE,
                         "--measure runs a prompt and the tokens behind it, nothing else: leave "
                         "out --prefix-hit, --draft, --draft-tokens and --arrivals");
    if (o->tp * o->pp * o->dp * o->ep != 1)
        return cli_error(app, CLI_USAGE, "--measure runs here, on one device");
    if (o->generate < 1)
        return cli_error(app, CLI_USAGE, "--measure needs --generate of 1 or more");
    return CLI_DONE;
}

// The net that is counted and the file that runs are two where the library has a format of its own:
// exporters put openvino_model.xml beside config.json.
static const char *file_of(const cli_app *app, const llm_options *o, char *buf, size_t cap) {
    if (o->run) return o->run;
    if (strcmp(o->backend, "openvino") != 0) return app->args[0];
    snprintf(buf, cap, "%s/openvino_model.xml", app->args[0]);
    return buf;
}

int llm_measure(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    char path[4096];
    if (!o->measure) return CLI_DONE;
    int code = check(app, o);
    if (code != CLI_DONE) return code;
    sz_llm_measure_options m = {.prompt = o->prompt,
                                .generate = o->generate,
                                .batch = o->batch,
                                .backend = o->backend,
                                .run = {.program = "/proc/self/exe",
                                        .environment = cli_environment(),
                                        .threads = (int)o->threads,
                                        .preheat_s = -1,
                                        .timeout_s = 600, // a long prompt on a slow machine
                                        .seed = (uint64_t)o->seed,
                                        .flash = !o->flash                ? 0
                                                 : strcmp(o->flash, "on") ? 2
                                                                          : 1,
                                        .kv_dtype = strcmp(o->kv_dtype, "f16") ? o->kv_dtype : NULL,
                                        .progress = tell,
                                        .user = app}};
    code = cli_read_time(app, "time-budget", o->budget, &m.run.budget_s);
    if (code != CLI_DONE) return code;
    m.run.stop = cli_catch_interrupts();
    const sz_status status = sz_llm_measure(app->ctx, file_of(app, o, path, sizeof path), &m,
                                            &job->measured);
    cli_release_interrupts();
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

// ---- JSON --------------------------------------------------------------------------------------

static double ratio(const llm_job *job, double measured, double predicted) {
    return job->machine ? measured / predicted : NAN;
}

static void put_step(sz_json *json, const char *key, const sz_llm_step *s, double of) {
    sz_json_key_object(json, key);
    sz_json_record(json, sz_llm_step_type(), s);
    sz_json_key_f64(json, "over_predicted", of);
    sz_json_end_object(json);
}

void llm_measured_json(sz_json *json, const llm_job *job) {
    const llm_options *o = job->options;
    const sz_llm_step prefill = sz_llm_measured_prefill(job->measured);
    const sz_llm_step decode = sz_llm_measured_decode(job->measured);
    sz_json_key_object(json, "measured");
    sz_json_key_str(json, "backend", o->backend);
    sz_json_key_str(json, "version", sz_llm_measured_version(job->measured));
    sz_json_key_i64(json, "threads", sz_llm_measured_threads(job->measured));
    sz_json_key_str(json, "how", sz_llm_measured_kernel(job->measured));
    sz_json_key_f64(json, "ttft_s", prefill.median_s);
    sz_json_key_f64(json, "tpot_s", decode.median_s);
    sz_json_key_f64(json, "tokens_per_s", (double)o->batch / decode.median_s);
    put_step(json, "prefill", &prefill, ratio(job, prefill.median_s, job->told.ttft_s));
    put_step(json, "decode", &decode, ratio(job, decode.median_s, job->told.tpot_s));
    sz_json_end_object(json);
}

// ---- text --------------------------------------------------------------------------------------

static void put_row(sz_doc *doc, const llm_job *job, const char *what, const sz_phase *told,
                    double predicted, const sz_llm_step *s) {
    const bool is_told = job->machine;
    const sz_cell cells[] = {sz_cell_text(what),
                             sz_cell_f64(is_told ? predicted : NAN),
                             sz_cell_f64(is_told ? told->time_lo_s : NAN),
                             sz_cell_f64(is_told ? told->time_hi_s : NAN),
                             sz_cell_f64(s->median_s),
                             sz_cell_f64(s->ci_lo_s),
                             sz_cell_f64(s->ci_hi_s),
                             sz_cell_i64(s->n),
                             sz_cell_f64(ratio(job, s->median_s, predicted)),
                             sz_cell_text(s->verdict)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

void llm_measured_doc(sz_doc *doc, const llm_job *job) {
    static const sz_column columns[] = {{"step", "step", NULL, SZ_AS_TEXT, 0},
                                        {"predicted_s", "predicted", "s", SZ_AS_SI, 0},
                                        {"predicted_lo_s", "from", "s", SZ_AS_SI, 0},
                                        {"predicted_hi_s", "to", "s", SZ_AS_SI, 0},
                                        {"measured_s", "measured", "s", SZ_AS_SI, 0},
                                        {"ci_lo_s", "from", "s", SZ_AS_SI, 0},
                                        {"ci_hi_s", "to", "s", SZ_AS_SI, 0},
                                        {"n", "n", NULL, SZ_AS_INT, 0},
                                        {"over_predicted", "ratio", NULL, SZ_AS_NUMBER, 0},
                                        {"verdict", "verdict", NULL, SZ_AS_TEXT, 0}};
    const sz_llm_step prefill = sz_llm_measured_prefill(job->measured);
    const sz_llm_step decode = sz_llm_measured_decode(job->measured);
    const char *next = decode.next_step && *decode.next_step ? decode.next_step : prefill.next_step;
    sz_doc_table(doc, "measured", columns, CLI_COUNT(columns));
    put_row(doc, job, "time to first token", &job->told.prefill, job->told.ttft_s, &prefill);
    put_row(doc, job, "time per token", &job->told.decode, job->told.tpot_s, &decode);
    sz_doc_line(doc, "measured: median and its 95 %% interval, %s %s, threads %d; %s",
                job->options->backend, sz_llm_measured_version(job->measured),
                sz_llm_measured_threads(job->measured), sz_llm_measured_kernel(job->measured));
    if (!isnan(prefill.load_s))
        sz_doc_line(doc, "reading the model took %.3g s, apart from these", prefill.load_s);
    if (next && *next) sz_doc_line(doc, "%s", next);
}
