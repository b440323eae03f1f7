// SPDX-License-Identifier: Apache-2.0
// `sizeup explore --model SPEC --machine A,B --batch 1-64*2`: the map from parameters to metrics.
#include "cli/explore.h"

#include "cli/calibrations.h"
#include "cli/explore_search.h"
#include "cli/interrupt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options_table[] = {
    {"model", 0, CLI_LIST, "SPEC", NULL,
     "a file, or a family whose words may be ranges; several times",
     offsetof(explore_options, models)},
    {"machine", 'm', CLI_LIST, "NAME,...", NULL, "of 'machine list', files, or all; else here",
     offsetof(explore_options, machines)},
    {"batch", 0, CLI_STRING, "RANGE", NULL, "samples of a run: 1-64*2",
     offsetof(explore_options, batch)},
    {"spec", 0, CLI_STRING, "FILE", NULL, "a space in JSON or YAML; the command line overrides it",
     offsetof(explore_options, spec)},
    {"constraint", 'c', CLI_LIST, "TEXT", NULL, "that a setting must meet: 'batch*seq <= 8192'",
     offsetof(explore_options, constraints)},
    {"by", 0, CLI_STRING, "predict|bench", NULL, "on paper, or for real; else predict",
     offsetof(explore_options, by)},
    {"pareto", 0, CLI_STRING, "X,Y[,Z]", NULL, "metrics of the front; else latency,throughput",
     offsetof(explore_options, pareto)},
    {"oracle", 0, CLI_STRING, "PARAM", NULL, "for each of its values the best of all others",
     offsetof(explore_options, oracle)},
    {"best", 0, CLI_STRING, "METRIC", NULL, "what is best; else the first of the front",
     offsetof(explore_options, best)},
    {"dominance", 0, CLI_STRING, "sure|value", NULL,
     "sure: a point must win beyond the intervals that are known",
     offsetof(explore_options, dominance)},
    {"metrics", 0, CLI_STRING, "FILE", NULL, "CSV with metrics of your own, by parameter columns",
     offsetof(explore_options, metrics)},
    {"higher", 0, CLI_STRING, "NAME,...", NULL, "of its metrics those of which more is better",
     offsetof(explore_options, higher)},
    {"price", 0, CLI_STRING, "N", NULL, "of the machines per hour: N, or A=N,B=N",
     offsetof(explore_options, price)},
    {"search", 0, CLI_STRING, "NAME", NULL, "how settings are chosen ('list searches'); else grid",
     offsetof(explore_options, search)},
    {"points", 0, CLI_INT, "N", "0", "most settings that a search tries",
     offsetof(explore_options, points)},
    {"seed", 0, CLI_INT, "N", "1", "of a search's random numbers", offsetof(explore_options, seed)},
    {"budget", 0, CLI_STRING, "TIME", NULL, "no setting is begun later: 30s, 10min",
     offsetof(explore_options, budget)},
    {"top", 0, CLI_INT, "N", "20", "rows of a table in text; 0: all of them",
     offsetof(explore_options, top)},
    {"show", 0, CLI_CHOICE, "all|front", "all", "points in JSON and CSV",
     offsetof(explore_options, show)},
    {"per-node", 0, CLI_INT, "N", "8", "devices of a node, of a language model on several",
     offsetof(explore_options, per_node)},
    {"node-rate", 0, CLI_NUMBER, "B/S", "25e9", "between nodes, of each device",
     offsetof(explore_options, node_rate)},
    // Of --by bench.
    {"time-budget", 0, CLI_STRING, "TIME", "3s", "by bench: most time to time a setting",
     offsetof(explore_options, time_budget)},
    {"preheat", 0, CLI_STRING, "TIME", "1s", "by bench: most time to preheat it",
     offsetof(explore_options, preheat)},
    {"timeout", 0, CLI_STRING, "TIME", "60s", "by bench: a library without a sign of life is ended",
     offsetof(explore_options, timeout)},
    {"mode", 0, CLI_CHOICE, "inference|training", "inference", "by bench: a whole step of training",
     offsetof(explore_options, mode)},
    {"energy", 0, CLI_FLAG, NULL, NULL, "by bench: joules too, by what sensors there are",
     offsetof(explore_options, energy)},
    {"store", 0, CLI_STRING, "URL", NULL, "by bench: where records are kept; none: nowhere",
     offsetof(explore_options, store)},
    {"resume", 0, CLI_FLAG, NULL, NULL, "by bench: what the store has is not measured again",
     offsetof(explore_options, resume)},
    {"blas", 0, CLI_STRING, "FILE", NULL, "by bench: the library that backend 'blas' opens",
     offsetof(explore_options, blas)},
    {"onednn", 0, CLI_STRING, "FILE", NULL, "by bench: the library that backend 'onednn' opens",
     offsetof(explore_options, onednn)},
};

static const char notes[] =
    "NAME=RANGE adds a parameter: a word of the model's family, a free dimension of its file, or\n"
    "one of 'list space' (dtype, threads, level, prompt, tp ...). Ranges: 1,2,8, 1-8+1, "
    "1-64*2.\n"
    "--by bench measures settings as 'bench' does, eight in turn; --search guided measures only\n"
    "those that no prediction, corrected by what was measured, sees beaten.\n"
    "A sweep visits every setting that the constraints allow. The front are the settings that no\n"
    "other beats in one of the metrics without losing in another.\n";

const cli_usage cli_explore_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(explore_options),
    .min_args = 0,
    .max_args = -1,
    .notes = notes,
    .schema = explore_schema,
    .n_schema = &explore_schema_n,
};

const char *explore_wish(const explore_job *job, const char *option, const char *key,
                         const char *usual) {
    const char *wish = option ? option : sz_space_wish(job->space, key);
    return wish ? wish : usual;
}

// ---- what is asked -----------------------------------------------------------------------------

static int read_front(explore_job *job) {
    const char *asked = explore_wish(job, job->options->pareto, "pareto", NULL);
    char word[128];
    job->asked_front = asked != NULL;
    for (const char *p = asked ? asked : "latency,throughput";; p++) {
        const size_t len = strcspn(p, ",");
        if (job->n_front_metrics == EXPLORE_FRONT)
            return cli_error(job->app, CLI_USAGE, "a front is of at most %d metrics: '%s'",
                             EXPLORE_FRONT, asked);
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), p);
        const sz_status status = sz_space_find_metric(job->app->ctx, job->space, word,
                                                      &job->front_metrics[job->n_front_metrics]);
        if (status != SZ_OK) return cli_fail(job->app, status);
        for (size_t i = 0; i < job->n_front_metrics; i++)
            if (job->front_metrics[i] == job->front_metrics[job->n_front_metrics])
                return cli_error(job->app, CLI_USAGE, "the front names '%s' twice", word);
        job->n_front_metrics++;
        p += len;
        if (!*p) return CLI_DONE;
    }
}

static int read_oracle(explore_job *job) {
    const char *parameter = explore_wish(job, job->options->oracle, "oracle", NULL);
    const char *best = explore_wish(job, job->options->best, "best", NULL);
    job->best = job->front_metrics[0];
    if (best) {
        const sz_status status = sz_space_find_metric(job->app->ctx, job->space, best, &job->best);
        if (status != SZ_OK) return cli_fail(job->app, status);
    }
    job->asked_oracle = parameter != NULL;
    if (parameter && !sz_space_find(job->space, parameter, &job->oracle_parameter)) {
        const char *names[SZ_SPACE_PARAMETERS + 1] = {NULL};
        for (size_t i = 0; i < sz_space_parameters(job->space); i++)
            names[i] = sz_space_name(job->space, i);
        return cli_unknown(job->app, "parameter of --oracle", parameter, names);
    }
    return CLI_DONE;
}

static int read_dominance(explore_job *job) {
    const char *word = explore_wish(job, job->options->dominance, "dominance", "sure");
    job->dominance = strcmp(word, "value") == 0 ? SZ_DOMINANCE_VALUE : SZ_DOMINANCE_SURE;
    if (job->dominance == SZ_DOMINANCE_VALUE || strcmp(word, "sure") == 0) return CLI_DONE;
    return cli_error(job->app, CLI_USAGE, "dominance is sure or value, not '%s'", word);
}

static int read_wishes(explore_job *job) {
    int code = read_front(job);
    if (code == CLI_DONE) code = read_oracle(job);
    return code == CLI_DONE ? read_dominance(job) : code;
}

// ---- the run -----------------------------------------------------------------------------------

static int make_evaluator(explore_job *job) {
    job->by = explore_wish(job, job->options->by, "by", "predict");
    const bool is_measured = strcmp(job->by, "bench") == 0;
    if (!is_measured && strcmp(job->by, "predict") != 0)
        return cli_error(job->app, CLI_USAGE,
                         "settings are evaluated by 'predict' or by 'bench', not by '%s'", job->by);
    const bool has_folder = cli_calibration_folder(job->calibrations, sizeof job->calibrations);
    const sz_predict_setup setup = {
        .machines = (const sz_machine *const *)job->machines,
        .price_per_h = job->prices,
        .n_machines = job->n_machines,
        .calibrations = has_folder ? job->calibrations : NULL,
        .per_node = job->options->per_node,
        .node_rate = job->options->node_rate,
    };
    const sz_status status =
        sz_evaluator_predict(job->app->ctx, job->space, &setup, &job->evaluator);
    if (status != SZ_OK) return cli_fail(job->app, status);
    return is_measured ? explore_measure(job) : CLI_DONE;
}

static int make_proposer(explore_job *job) {
    job->search = explore_wish(job, job->options->search, "search", "grid");
    const sz_search_options how = {.seed = (uint64_t)job->options->seed,
                                   .points = job->options->points,
                                   .metrics = job->front_metrics,
                                   .n_metrics = job->n_front_metrics,
                                   .paper = job->measured ? &job->measured->paper : NULL};
    const sz_status status =
        sz_search_create(job->app->ctx, job->search, job->space, &how, &job->proposer);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

static int stop(void *user) { return **(const volatile int **)user; }

static void progress(void *user, int64_t done) {
    (void)user;
    if (done % 4096 == 0 && done > 0) fprintf(stderr, "\r\033[K%" PRId64 " settings", done);
}

static int sweep(explore_job *job) {
    const volatile int *interrupted = cli_catch_interrupts();
    sz_explore_options how = {.stop = stop, .user = &interrupted};
    if (job->app->progress) how.progress = progress;
    explore_measure_until(job, interrupted);
    int code = CLI_DONE;
    const char *budget = explore_wish(job, job->options->budget, "budget", NULL);
    if (budget) code = cli_read_time(job->app, "budget", budget, &how.seconds);
    sz_status status = SZ_OK;
    if (code == CLI_DONE)
        status = explore_ranks_run(job, NULL, 0, &how);
    cli_release_interrupts();
    if (job->app->progress) fputs("\r\033[K", stderr);
    if (status == SZ_OK) status = explore_add_skipped(job);
    if (status != SZ_OK) return cli_fail(job->app, status);
    if (job->done.stopped && !job->measured)
        cli_warn(job->app, "the space is not done: %" PRId64 " settings were evaluated",
                 job->done.proposed);
    return code;
}

// ---- what was found ----------------------------------------------------------------------------

static void find_known(explore_job *job) {
    for (size_t m = 0; m < sz_space_metrics(job->space); m++)
        job->known[m] = sz_points_know(job->points, m) != 0;
}

// Nothing could be had: the first reason is as good as any.
static int check_any(explore_job *job) {
    const size_t n = sz_points_count(job->points);
    if (n == 0) {
        const sz_status status = sz_space_explain(job->app->ctx, job->space);
        if (status != SZ_OK) return cli_fail(job->app, status);
        return cli_error(job->app, CLI_INPUT, "no setting was evaluated");
    }
    if (job->done.refused + job->skipped < (int64_t)n) return CLI_DONE;
    return cli_error(job->app, CLI_INPUT, "none of the %zu settings can be had; the first: %s", n,
                     sz_points_why(job->points, 0));
}

static int analyse(explore_job *job) {
    sz_ctx *ctx = job->app->ctx;
    int code = check_any(job);
    if (code != CLI_DONE) return code;
    find_known(job);
    for (size_t i = 0; i < job->n_front_metrics; i++) {
        const size_t m = job->front_metrics[i];
        if (!job->known[m]) cli_show_warnings(job->app); // of its file: they may say why
        if (!job->known[m])
            return cli_error(
                job->app, CLI_UNAVAILABLE, "no setting has the metric '%s' of the front%s",
                sz_space_metric(job->space, m).word,
                m == SZ_METRIC_COST || m == SZ_METRIC_THROUGHPUT_PER_COST ? ": give --price" : "");
    }
    sz_status status = sz_points_sort(ctx, job->points);
    job->on_front = malloc(sz_points_count(job->points) + 1);
    if (!job->on_front) return cli_error(job->app, CLI_UNAVAILABLE, "out of memory");
    if (status == SZ_OK)
        status = sz_front_find(ctx, job->points, job->front_metrics, job->n_front_metrics,
                               job->dominance, job->on_front, &job->front);
    if (status == SZ_OK && job->asked_oracle)
        status = sz_oracle_find(ctx, job->points, job->oracle_parameter, job->best, &job->oracle);
    if (status == SZ_OK)
        status = sz_sensitivity_find(ctx, job->points, job->best, job->sensitivity);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

// ---- all ---------------------------------------------------------------------------------------

static int run(explore_job *job) {
    int code = explore_ranks_open(job);
    if (code == CLI_DONE) code = explore_space_make(job);
    if (code == CLI_DONE) code = read_wishes(job);
    if (code == CLI_DONE) code = make_evaluator(job);
    if (code == CLI_DONE && explore_ranks_serves(job)) return explore_ranks_serve(job);
    if (code == CLI_DONE) code = make_proposer(job);
    if (code == CLI_DONE) {
        const sz_status status = sz_points_create(job->app->ctx, job->space, &job->points);
        if (status != SZ_OK) code = cli_fail(job->app, status);
    }
    if (code == CLI_DONE) code = sweep(job);
    if (code == CLI_DONE) code = analyse(job);
    if (code != CLI_DONE) return code;
    code = cli_wants(job->app, "json") ? explore_write_json(job) : explore_write_doc(job);
    return code == CLI_DONE && job->measured ? explore_measure_end(job) : code;
}

int cli_explore(cli_app *app, const void *options) {
    explore_job *job = calloc(1, sizeof *job);
    if (!job) return cli_error(app, CLI_UNAVAILABLE, "out of memory");
    job->app = app, job->options = options;
    int code = run(job);
    sz_oracle_finish(app->ctx, &job->oracle);
    sz_points_destroy(job->points);
    sz_proposer_release(&job->proposer);
    sz_evaluator_release(&job->evaluator);
    explore_measure_finish(job);
    sz_space_destroy(job->space);
    for (size_t i = 0; i < job->n_machines; i++) sz_machine_destroy(job->machines[i]);
    free(job->on_front);
    code = explore_ranks_end(job, code);
    free(job);
    return code;
}
