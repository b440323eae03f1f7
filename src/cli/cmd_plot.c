// SPDX-License-Identifier: Apache-2.0
// `sizeup plot roofline [MODEL]`: pictures of what a machine can do and what a model asks of it.
// `sizeup plot memory MODEL`: bytes alive over time. The other words are in files of their own.
#include "cli/count.h"
#include "cli/machines.h"
#include "cli/memory_draw.h"
#include "cli/plots.h"
#include "cli/roofline.h"

#include <string.h>

#include <sizeup/bench.h>

static const cli_option options_table[] = {
    {"machine", 'm', CLI_WORDS, "NAME,...", NULL,
     "machines: here (the default), names of 'machine list', files",
     offsetof(plot_options, machines)},
    {"dtype", 'd', CLI_STRING, "NAME", NULL,
     "only roofs of this format; floats of the model are computed and stored so",
     offsetof(plot_options, dtype)},
    {"threads", 't', CLI_INT, "N", NULL, "roofs of N threads; 0: all that were measured",
     offsetof(plot_options, threads)},
    {"level", 'l', CLI_STRING, "LEVEL", NULL,
     "of predictions: bound, roofline, tiles, sum; of a run also calibrated",
     offsetof(plot_options, level)},
    {"linear", 0, CLI_FLAG, NULL, NULL, "roofline: linear axes", offsetof(plot_options, linear)},
    {"predicted", 0, CLI_FLAG, NULL, NULL, "layers of a run: what was predicted beside them",
     offsetof(plot_options, predicted)},
    {"model", 0, CLI_STRING, "FILE", NULL, "of --predicted: where the model's file is now",
     offsetof(plot_options, model)},
    {"trace", 0, CLI_STRING, "FILE", NULL,
     "layers: also write a trace for Perfetto or chrome://tracing",
     offsetof(plot_options, trace)},
    {"top", 0, CLI_INT, "N", NULL, "layers (20) or cases (40) that are shown at most",
     offsetof(plot_options, top)},
    {"x", 'x', CLI_STRING, "METRIC", NULL, "pareto: metric of the x axis",
     offsetof(plot_options, x)},
    {"y", 'y', CLI_STRING, "METRIC", NULL, "pareto: metric of the y axis",
     offsetof(plot_options, y)},
    {"z", 'z', CLI_STRING, "METRIC", NULL, "pareto: metric that the size of a mark shows",
     offsetof(plot_options, z)},
    {"labels", 0, CLI_INT, "N", "12", "pareto: points that are labelled",
     offsetof(plot_options, labels)},
    {"over", 0, CLI_STRING, "NAME", NULL, "oracle, staircase: the parameter of the x axis",
     offsetof(plot_options, over)},
    {"metric", 0, CLI_STRING, "METRIC", NULL, "oracle, staircase: what is drawn over it",
     offsetof(plot_options, metric)},
    {"higher", 0, CLI_WORDS, "METRIC,...", NULL, "metrics of which more is better",
     offsetof(plot_options, higher)},
    {"match", 0, CLI_CHOICE, "case|work", "case",
     "compare: same work, settings and machine; work: whatever the machine",
     offsetof(plot_options, match)},
    {"store", 0, CLI_STRING, "URL", NULL, "where runs are; usual: results.db in the data folder",
     offsetof(plot_options, store)},
    CLI_TRAINING_OPTIONS(plot_options),
    CLI_PICTURE_OPTIONS(plot_options),
    CLI_MODEL_OPTIONS(plot_options),
};

static const char notes[] =
    "roofline [MODEL]   roofs of the machine, its memories, ridge points; layers of the model\n"
    "layers MODEL|RUN   time of each layer: of a run with --layers, or predicted of a model\n"
    "memory MODEL       bytes alive over the nodes, or with --mode training over a training step\n"
    "pareto FILE        all settings of an exploration or of bench cases, and their front\n"
    "oracle FILE        the best for each value of a parameter, and the best fixed setting\n"
    "compare A B        ratios of the times of two runs, with their intervals\n"
    "staircase FILE     time over a size, and where it leaps\n"
    "FILE is JSON of 'explore' or 'bench', - standard input; a run of the store (3, last) will "
    "do.\n"
    "The picture goes where -o says: FILE.svg, FILE.png, FILE.pdf (the two need the library "
    "cairo);\n"
    "without -o it is drawn in text. --format json|csv gives its points.\n";

static const cli_schema_row schema[] = {
    {1, "plot", CLI_J_STRING, "roofline, layers, memory ...", NULL, false},
    {1, "model", CLI_J_STRING, "its path", NULL, true},
    {1, "source", CLI_J_STRING, "run or file", NULL, true},
    {1, "settings", CLI_J_INTEGER, "points of the file", NULL, true},
    {1, "layers", CLI_J_ARRAY, "in the order of the source", NULL, true},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "measured_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "predicted_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "predicted_lo_s", CLI_J_NUMBER, "90 % interval", NULL, false},
    {2, "predicted_hi_s", CLI_J_NUMBER, NULL, NULL, false},
    {1, "rows", CLI_J_ARRAY, "cases that both runs have", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_change_type, false},
    {1, "points", CLI_J_ARRAY, "nodes of the model on each machine", NULL, true},
    {2, "machine", CLI_J_STRING, NULL, NULL, false},
    {2, "node", CLI_J_STRING, NULL, NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "flops", CLI_J_NUMBER, NULL, NULL, false},
    {2, "intensity_flop_per_byte", CLI_J_NUMBER, NULL, NULL, false},
    {2, "flop_per_s", CLI_J_NUMBER, "at best, by the roofs", NULL, false},
    {2, "time_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "time_share", CLI_J_NUMBER, "of the time of all nodes", NULL, false},
    {2, "bound", CLI_J_STRING, "memory or compute", NULL, false},
    {2, "roof", CLI_J_STRING, NULL, NULL, false},
    {1, "ridges", CLI_J_ARRAY, "each roof with each memory and link", NULL, true},
    {2, "machine", CLI_J_STRING, NULL, NULL, false},
    {2, "roof", CLI_J_STRING, NULL, NULL, false},
    {2, "flop_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "memory", CLI_J_STRING, NULL, NULL, false},
    {2, "byte_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "ridge_flop_per_byte", CLI_J_NUMBER, "from this intensity on the roof limits", NULL, false},
    {2, "element_bytes", CLI_J_NUMBER, NULL, NULL, false},
    {2, "matmul_n", CLI_J_NUMBER, "side of the square matmul that meets the ridge", NULL, false},
    {1, "peak_bytes", CLI_J_INTEGER, "of a training step", NULL, true},
    {1, "peak_activation_bytes", CLI_J_INTEGER, "as written", NULL, true},
    {1, "in_place_peak_bytes", CLI_J_INTEGER, "with operators in place", NULL, true},
    {1, "arena_bytes", CLI_J_INTEGER, "of a plan with one arena", NULL, true},
    {1, "steps", CLI_J_ARRAY, "bytes alive, node by node", NULL, true},
    {2, "step", CLI_J_INTEGER, NULL, NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "live_bytes", CLI_J_INTEGER, NULL, NULL, true},
    {2, "output_bytes", CLI_J_INTEGER, "of this node", NULL, true},
    {2, "input_bytes", CLI_J_INTEGER, "of this node", NULL, true},
    {2, "waiting_bytes", CLI_J_INTEGER, "that later nodes read", NULL, true},
    {2, "in_place_bytes", CLI_J_INTEGER, NULL, NULL, true},
    {2, "phase", CLI_J_STRING, "of training", NULL, true},
    {2, "activation_bytes", CLI_J_INTEGER, "of training", NULL, true},
    {2, "data_gradient_bytes", CLI_J_INTEGER, "of training", NULL, true},
    {2, "weight_gradient_bytes", CLI_J_INTEGER, "of training", NULL, true},
    {1, "buffers", CLI_J_ARRAY, "alive at the in-place peak", NULL, true},
    {2, "buffer", CLI_J_STRING, NULL, NULL, false},
    {2, "made_by", CLI_J_STRING, NULL, NULL, false},
    {2, "bytes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "share", CLI_J_NUMBER, NULL, NULL, false},
    {2, "offset", CLI_J_INTEGER, "in the arena", NULL, false},
    {2, "first", CLI_J_INTEGER, "step", NULL, false},
    {2, "last", CLI_J_INTEGER, "step", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_plot_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(plot_options),
    .min_args = 1,
    .max_args = 3,
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
};

// What a run has at hand.
typedef struct plot_job {
    const plot_options *options;
    sz_model *model;
    sz_costs *costs;
    roofline r;
} plot_job;

static bool has_threads(const sz_machine *m, int64_t threads) {
    for (size_t i = 0; i < sz_machine_roof_count(m); i++)
        if (sz_machine_roof(m, i).threads == threads) return true;
    return false;
}

// As a prediction chooses: the whole device, else the most threads that were measured.
static int64_t choose_threads(const sz_machine *m, int64_t asked) {
    int64_t most = 0;
    if (asked > 0)
        return has_threads(m, asked) ? asked : asked == sz_machine_cpu(m).threads ? 0 : -1;
    for (size_t i = 0; !has_threads(m, 0) && i < sz_machine_roof_count(m); i++)
        if (sz_machine_roof(m, i).threads > most) most = sz_machine_roof(m, i).threads;
    return most;
}

static int load_machine(cli_app *app, plot_job *job, const char *name) {
    roofline *r = &job->r;
    if (r->n_machines == ROOFLINE_MACHINES)
        return cli_error(app, CLI_USAGE, "at most %d machines in one plot", ROOFLINE_MACHINES);
    sz_machine **m = &r->machines[r->n_machines];
    sz_status status = cli_machine_load(app, name, m);
    if (status != SZ_OK) return cli_fail(app, status);
    const int64_t threads = choose_threads(*m, job->options->threads);
    r->threads[r->n_machines++] = threads;
    if (threads < 0 || !has_threads(*m, threads))
        return cli_error(app, CLI_UNAVAILABLE, "machine '%s' has no peaks%s", name,
                         job->options->threads > 0 ? " for that many threads" : "");
    return CLI_DONE;
}

static int load_machines(cli_app *app, plot_job *job) {
    const cli_strings *names = &job->options->machines;
    int code = names->n == 0 ? load_machine(app, job, "here") : CLI_DONE;
    for (size_t i = 0; code == CLI_DONE && i < names->n; i++)
        code = load_machine(app, job, names->items[i]);
    return code;
}

static sz_status load_model(cli_app *app, plot_job *job) {
    const plot_options *o = job->options;
    const sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    sz_status status = sz_model_load(app->ctx, app->args[1], &load, &job->model);
    if (status == SZ_OK) status = sz_costs_create(app->ctx, job->model, NULL, &job->costs);
    job->r.costs = job->costs;
    job->r.model = app->args[1];
    for (int i = 0; status == SZ_OK && i < job->r.n_machines; i++) {
        const sz_predict_options how = {.dtype = o->dtype, .threads = (int)job->r.threads[i]};
        status = sz_estimate_create(app->ctx, job->costs, job->r.machines[i], &how,
                                    &job->r.estimates[i]);
    }
    return status;
}

static int draw(cli_app *app, plot_job *job) {
    sz_plot *plot = NULL;
    sz_doc *doc = NULL;
    int code = CLI_BUG;
    if (!roofline_collect(&job->r, job->options->dtype) ||
        sz_plot_create(app->out, &plot) != SZ_OK ||
        sz_doc_create(app->out, "sizeup.plot/1", &doc) != SZ_OK) {
        cli_error(app, CLI_BUG, "no memory for the output");
    } else if (job->r.n_roofs == 0) {
        code = cli_error(app, CLI_UNAVAILABLE, "the machine has no roof for '%s'",
                         job->options->dtype);
    } else {
        roofline_draw(&job->r, plot);
        roofline_fill_doc(app, &job->r, doc);
        const cli_picture picture = {plot, doc, &job->options->picture};
        code = cli_write_picture(app, &picture);
    }
    sz_doc_destroy(doc);
    sz_plot_destroy(plot);
    return code;
}

static int run_roofline(cli_app *app, const plot_options *options) {
    plot_job job = {.options = options, .r.linear = options->linear};
    if (options->threads > 100000) return cli_error(app, CLI_USAGE, "too many threads");
    int code = load_machines(app, &job);
    if (code == CLI_DONE && app->n_args > 1) {
        const sz_status status = load_model(app, &job);
        if (status != SZ_OK) code = cli_fail(app, status);
    }
    if (code == CLI_DONE) code = draw(app, &job);
    roofline_finish(&job.r);
    for (int i = 0; i < job.r.n_machines; i++) {
        sz_estimate_destroy(job.r.estimates[i]);
        sz_machine_destroy(job.r.machines[i]);
    }
    sz_costs_destroy(job.costs);
    sz_model_destroy(job.model);
    return code;
}

static int run_memory(cli_app *app, const plot_options *o) {
    const sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    const bool training = strcmp(o->mode, "training") == 0;
    const sz_cost_options how = {.training = training, .optimizer = o->optimizer,
                                 .precision = o->precision, .recompute = o->recompute};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    if (app->n_args < 2) return cli_error(app, CLI_USAGE, "plot memory needs a MODEL");
    sz_status status = sz_model_load(app->ctx, app->args[1], &load, &model);
    if (status == SZ_OK) status = sz_costs_create(app->ctx, model, &how, &costs);
    const bool with_steps = !cli_wants(app, "text") && !cli_wants(app, "md");
    const memory_job job = {model, costs, &how, training, with_steps};
    const int code = status == SZ_OK ? memory_write(app, &job, &o->picture)
                                     : cli_fail(app, status);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return code;
}

typedef struct plot_word {
    const char *name;
    int words; // after it, at most
    int (*run)(cli_app *app, const plot_options *options);
} plot_word;

int cli_plot(cli_app *app, const void *options) {
    static const plot_word words[] = {
        {"roofline", 1, run_roofline},    {"layers", 1, plot_layers},
        {"memory", 1, run_memory},        {"pareto", 1, plot_pareto},
        {"oracle", 1, plot_oracle},       {"compare", 2, plot_compare},
        {"staircase", 1, plot_staircase},
    };
    const char *names[CLI_COUNT(words) + 1] = {NULL};
    for (size_t i = 0; i < CLI_COUNT(words); i++) {
        names[i] = words[i].name;
        if (strcmp(app->args[0], words[i].name) != 0) continue;
        if (app->n_args - 1 > words[i].words)
            return cli_error(app, CLI_USAGE, "unexpected word '%s' after 'plot %s'",
                             app->args[words[i].words + 1], words[i].name);
        return words[i].run(app, options);
    }
    return cli_unknown(app, "plot", app->args[0], names);
}
