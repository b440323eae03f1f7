// SPDX-License-Identifier: Apache-2.0
// `sizeup llm --arrivals`: a queue of requests before the model, simulated.
#include "cli/llm.h"

#include "cli/picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// ---- options -----------------------------------------------------------------------------------

// "ttft=S,tpot=S", either alone.
static bool read_slo(const char *text, sz_serve_options *o) {
    while (text && *text) {
        double *const to = strncmp(text, "ttft=", 5) == 0   ? &o->slo_ttft_s
                           : strncmp(text, "tpot=", 5) == 0 ? &o->slo_tpot_s
                                                            : NULL;
        char *end;
        if (!to || *to > 0) return false;
        *to = strtod(text + 5, &end);
        if (end == text + 5 || !(*to > 0) || !isfinite(*to) || (*end && *end != ',')) return false;
        if (*end == ',' && !end[1]) return false;
        text = *end ? end + 1 : end;
    }
    return true;
}

// What the memory of the machine leaves for caches. 0: not known.
static int cache_room(cli_app *app, const llm_job *job, int64_t *ret_tokens) {
    const sz_inference_memory *m = &job->told.memory;
    *ret_tokens = job->options->cache_tokens;
    if (*ret_tokens > 0 || job->cache_per_token <= 0) return CLI_DONE;
    if (isnan(m->machine)) {
        cli_warn(app, "the machine does not say what memory it has: the cache has no limit; "
                      "--cache-tokens N sets one");
        return CLI_DONE;
    }
    const double left = m->machine - m->weights - m->activations - m->reserve;
    const double tokens = floor(left / (double)job->cache_per_token);
    if (tokens < 1)
        return cli_error(app, CLI_NO,
                         "nothing can be served: %.4g GB are needed before any cache (weights "
                         "%.4g, activations %.4g, reserve %.4g) and the machine has %.4g GB: take "
                         "weights of fewer bits, a shorter --prompt or a larger machine",
                         1e-9 * (m->weights + m->activations + m->reserve), 1e-9 * m->weights,
                         1e-9 * m->activations, 1e-9 * m->reserve, 1e-9 * m->machine);
    *ret_tokens = tokens < 1e15 ? (int64_t)tokens : (int64_t)1e15;
    return CLI_DONE;
}

static int read_server(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    job->server = (sz_serve_options){
        .max_batch = o->max_batch,
        .page_tokens = o->page > 1 ? o->page : 16,
        .cache_byte_per_token = (double)job->cache_per_token,
        .swap_byte_per_s = o->swap,
        .link_byte_per_s = o->link,
        .prefix_hit = o->prefix_hit,
        .watts = isnan(job->told.power_w) ? 0 : job->told.power_w,
    };
    if (!read_slo(o->slo, &job->server))
        return cli_error(app, CLI_USAGE, "--slo '%s' is not ttft=SECONDS,tpot=SECONDS, or one",
                         o->slo);
    const sz_status status = sz_serve_policy(app->ctx, o->policy, &job->server);
    if (status != SZ_OK) return cli_fail(app, status);
    return cache_room(app, job, &job->server.cache_tokens);
}

// ---- run ---------------------------------------------------------------------------------------

static sz_status simulate(cli_app *app, llm_job *job, const sz_step_model *model) {
    const llm_options *o = job->options;
    char prompt[32], output[32];
    snprintf(prompt, sizeof prompt, "%" PRId64, o->prompt);
    snprintf(output, sizeof output, "%" PRId64, o->generate);
    const sz_traffic_options what = {.arrivals = o->arrivals,
                                     .prompt = o->prompts ? o->prompts : prompt,
                                     .output = o->outputs ? o->outputs : output,
                                     .requests = o->requests,
                                     .seed = (uint64_t)o->seed};
    sz_traffic *traffic = NULL;
    sz_status status = sz_traffic_create(app->ctx, &what, &traffic);
    if (status == SZ_OK)
        status = sz_serve_create(app->ctx, traffic, model, &job->server, &job->serving);
    if (status == SZ_OK && o->slo)
        status = sz_serve_best_rate(app->ctx, traffic, model, &job->server, o->slo_share,
                                    &job->best_rate_per_s);
    sz_traffic_destroy(traffic);
    return status;
}

int llm_serving_run(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    job->best_rate_per_s = NAN;
    if (!o->arrivals)
        return o->slo ? cli_error(app, CLI_USAGE, "--slo needs a queue: --arrivals poisson:1")
                      : CLI_DONE;
    if (!o->machine)
        return cli_error(app, CLI_USAGE, "a queue needs a machine that serves it: --machine NAME");
    if (o->draft_tokens > 0)
        return cli_error(app, CLI_USAGE, "a queue can't be simulated with --draft-tokens yet");
    if (job->how.plan)
        return cli_error(app, CLI_USAGE,
                         "a queue is simulated before one device only: leave out --tp, --pp, --dp "
                         "and --ep");
    const int code = read_server(app, job);
    if (code != CLI_DONE) return code;
    sz_llm_pace *pace = NULL;
    sz_status status = sz_llm_pace_create(app->ctx, job->form, job->machine, &job->how, &pace);
    if (status == SZ_OK) {
        const sz_step_model model = sz_llm_step_model(pace);
        status = simulate(app, job, &model);
    }
    sz_llm_pace_destroy(pace);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

void llm_serving_release(llm_job *job) { sz_serve_destroy(job->serving); }

// ---- writing -----------------------------------------------------------------------------------

static void write_spread(sz_json *json, const char *key, const sz_serve_spread *s) {
    const struct {
        const char *key;
        double value;
    } rows[] = {{"p50", s->p50}, {"p90", s->p90},   {"p95", s->p95},
                {"p99", s->p99}, {"mean", s->mean}, {"max", s->max}};
    sz_json_key_object(json, key);
    for (size_t i = 0; i < CLI_COUNT(rows); i++)
        sz_json_key_f64(json, rows[i].key, s->n ? rows[i].value : NAN);
    sz_json_end_object(json);
}

void llm_serving_json(sz_json *json, const llm_job *job) {
    const sz_serve_result r = sz_serve_summary(job->serving);
    const llm_options *o = job->options;
    sz_json_key_object(json, "serving");
    sz_json_key_str(json, "level", job->told.decode.level);
    sz_json_key_str(json, "arrivals", o->arrivals);
    sz_json_key_str(json, "policy", o->policy);
    sz_json_key_i64(json, "seed", o->seed);
    sz_json_key_i64(json, "requests", r.requests);
    sz_json_key_i64(json, "refused", r.refused);
    write_spread(json, "ttft_s", &r.ttft_s);
    write_spread(json, "tpot_s", &r.tpot_s);
    write_spread(json, "itl_s", &r.itl_s);
    write_spread(json, "e2e_s", &r.e2e_s);
    sz_json_key_f64(json, "tokens_per_s", r.tokens_per_s);
    sz_json_key_f64(json, "requests_per_s", r.requests_per_s);
    sz_json_key_f64(json, "goodput", o->slo ? r.goodput_per_s : NAN);
    sz_json_key_f64(json, "slo_share", o->slo ? r.slo_share : NAN);
    sz_json_key_f64(json, "best_rate_per_s", job->best_rate_per_s);
    sz_json_key_f64(json, "kv_occupancy", r.cache_mean);
    sz_json_key_f64(json, "kv_occupancy_peak", r.cache_peak);
    sz_json_key_f64(json, "queue_mean", r.queue_mean);
    sz_json_key_i64(json, "queue_peak", r.queue_peak);
    sz_json_key_f64(json, "busy", r.busy);
    sz_json_key_i64(json, "steps", r.steps);
    sz_json_key_i64(json, "preemptions", r.preemptions);
    sz_json_key_i64(json, "swaps", r.swaps);
    sz_json_key_f64(json, "makespan_s", r.makespan_s);
    sz_json_key_f64(json, "joule_per_token", r.joule_per_token);
    sz_json_end_object(json);
}

static void put_spread(sz_doc *doc, const char *title, const sz_serve_spread *s) {
    const sz_cell cells[] = {sz_cell_text(title), sz_cell_f64(s->p50), sz_cell_f64(s->p90),
                             sz_cell_f64(s->p95), sz_cell_f64(s->p99), sz_cell_f64(s->mean),
                             sz_cell_f64(s->max)};
    if (s->n) sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void put_rates(sz_doc *doc, const llm_job *job, const sz_serve_result *r) {
    const llm_options *o = job->options;
    const double best = job->best_rate_per_s;
    char note[96];
    sz_doc_fact(doc, NULL, "tokens per second, served", sz_cell_f64(r->tokens_per_s), SZ_AS_NUMBER,
                NULL);
    sz_doc_fact(doc, NULL, "requests per second", sz_cell_f64(r->requests_per_s), SZ_AS_NUMBER,
                NULL);
    if (!isnan(r->joule_per_token))
        sz_doc_fact_note(doc, NULL, "energy per token, served", sz_cell_f64(r->joule_per_token),
                         SZ_AS_SI, "J", "prompts too; time without work takes nothing");
    if (!o->slo) return;
    snprintf(note, sizeof note, "requests per second that keep the promise, %.4g %% of all",
             100 * r->slo_share);
    sz_doc_fact_note(doc, NULL, "goodput", sz_cell_f64(r->goodput_per_s), SZ_AS_NUMBER, NULL, note);
    snprintf(note, sizeof note, "requests per second, with %.4g %% of them kept",
             100 * o->slo_share);
    sz_doc_fact_note(doc, NULL, "highest rate",
                     isinf(best) ? sz_cell_text("no limit") : sz_cell_f64(best),
                     isinf(best) ? SZ_AS_TEXT : SZ_AS_NUMBER, NULL, note);
}

void llm_serving_doc(sz_doc *doc, const llm_job *job) {
    static const sz_column columns[] = {{"serving", "serving", NULL, SZ_AS_TEXT, 0},
                                        {"p50", "p50", "s", SZ_AS_SI, 0},
                                        {"p90", "p90", "s", SZ_AS_SI, 0},
                                        {"p95", "p95", "s", SZ_AS_SI, 0},
                                        {"p99", "p99", "s", SZ_AS_SI, 0},
                                        {"mean", "mean", "s", SZ_AS_SI, 0},
                                        {"max", "max", "s", SZ_AS_SI, 0}};
    const sz_serve_result r = sz_serve_summary(job->serving);
    char note[128];
    sz_doc_table(doc, "serving", columns, CLI_COUNT(columns));
    put_spread(doc, "time to first token", &r.ttft_s);
    put_spread(doc, "time per token", &r.tpot_s);
    put_spread(doc, "gap between tokens", &r.itl_s);
    put_spread(doc, "whole request", &r.e2e_s);
    const char *const level = job->told.decode.level;
    snprintf(note, sizeof note, "simulated, seed %" PRId64 "; %s", job->options->seed,
             strcmp(level, "bound") == 0   ? "steps are bounds: a real server is slower"
             : strcmp(level, "mixed") == 0 ? "steps are bounds in part: a real server is slower"
                                           : "steps are estimates");
    sz_doc_fact_note(doc, NULL, "requests", sz_cell_i64(r.requests), SZ_AS_INT, NULL, note);
    put_rates(doc, job, &r);
    if (!isnan(r.cache_mean)) {
        snprintf(note, sizeof note, "at most %.4g %%; %" PRId64 " preemptions", 100 * r.cache_peak,
                 r.preemptions);
        sz_doc_fact_note(doc, NULL, "cache in use", sz_cell_f64(r.cache_mean), SZ_AS_PERCENT, NULL,
                         note);
    }
    snprintf(note, sizeof note, "on average; at most %" PRId64, r.queue_peak);
    sz_doc_fact_note(doc, NULL, "requests that wait", sz_cell_f64(r.queue_mean), SZ_AS_NUMBER, NULL,
                     note);
    sz_doc_fact(doc, NULL, "time at work", sz_cell_f64(r.busy), SZ_AS_PERCENT, NULL);
}

// ---- picture -----------------------------------------------------------------------------------

bool llm_serving_draws(const cli_app *app, const llm_job *job) {
    sz_plot_format_row row;
    const size_t n = app->output ? strlen(app->output) : 0;
    for (size_t i = 0; job->serving && sz_list_plot_format(i, &row); i++) {
        const size_t m = strlen(row.extension);
        if (m > 0 && n > m && strcasecmp(app->output + n - m, row.extension) == 0) return true;
    }
    return false;
}

enum { BY_CACHE, BY_RUNNING, BY_WAITING };

static double value_of(const sz_serve_moment *m, int what) {
    return what == BY_CACHE ? m->cache_tokens : what == BY_RUNNING ? m->running : m->waiting;
}

// A line in percent of `whole`; of its own highest value where that is 0, which is returned.
static double add_line(const llm_job *job, sz_plot *plot, int what, double whole, double *xy) {
    const size_t n = sz_serve_moment_count(job->serving);
    double top = 0;
    for (size_t i = 0; i < n; i++) {
        const sz_serve_moment m = sz_serve_moment_at(job->serving, i);
        xy[i] = 0.5 * (m.from_s + m.to_s);
        xy[n + i] = value_of(&m, what);
        if (xy[n + i] > top) top = xy[n + i];
    }
    if (whole <= 0) whole = top > 0 ? top : 1;
    for (size_t i = 0; i < n; i++) xy[n + i] *= 100 / whole;
    const sz_plot_line line = {.x = xy, .y = xy + n, .n = n, .color = SZ_PLOT_SERIES + what};
    sz_plot_add_line(plot, &line);
    return whole;
}

static void add_lines(const llm_job *job, sz_plot *plot, double *xy) {
    const sz_serve_options *o = &job->server;
    const size_t n = sz_serve_moment_count(job->serving);
    const double devices = o->policy == SZ_SERVE_DISAGGREGATED
                               ? (double)(o->prefill_devices ? o->prefill_devices : 1) +
                                     (double)(o->decode_devices ? o->decode_devices : 1)
                               : 1;
    char text[3][96];
    const double whole[] = {add_line(job, plot, BY_CACHE, devices * (double)o->cache_tokens, xy),
                            add_line(job, plot, BY_RUNNING, devices * (double)o->max_batch, xy),
                            add_line(job, plot, BY_WAITING, 0, xy)};
    const sz_plot_axis x = {"time [s]", sz_serve_moment_at(job->serving, 0).from_s,
                            sz_serve_moment_at(job->serving, n - 1).to_s, 1};
    const sz_plot_axis y = {"share [%]", 0, 105, 1};
    sz_plot_set_axis(plot, 0, &x);
    sz_plot_set_axis(plot, 1, &y);
    snprintf(text[0], sizeof text[0], "cache, 100 %% = %.4g tokens", whole[0]);
    snprintf(text[1], sizeof text[1], "sequences served, 100 %% = %.4g", whole[1]);
    snprintf(text[2], sizeof text[2], "requests waiting, 100 %% = %.4g", whole[2]);
    for (int i = 0; i < 3; i++) sz_plot_add_legend(plot, SZ_PLOT_SERIES + i, text[i]);
}

int llm_serving_draw(cli_app *app, const llm_job *job) {
    const size_t n = sz_serve_moment_count(job->serving);
    double *xy = calloc(2 * n + 2, sizeof *xy);
    sz_plot *plot = NULL;
    char subtitle[200];
    int code = CLI_BUG;
    snprintf(subtitle, sizeof subtitle, "%s, %s, %" PRId64 " requests, seed %" PRId64,
             job->options->arrivals, job->options->policy, sz_serve_summary(job->serving).requests,
             job->options->seed);
    if (xy && n && sz_plot_create(app->out, &plot) == SZ_OK) {
        sz_plot_title(plot, "What is served and what waits", subtitle);
        add_lines(job, plot, xy);
        code = cli_write_picture(app, &(cli_picture){.plot = plot});
    } else {
        cli_error(app, CLI_BUG, n ? "no memory for the output" : "no time passed: nothing to draw");
    }
    sz_plot_destroy(plot);
    free(xy);
    return code;
}
