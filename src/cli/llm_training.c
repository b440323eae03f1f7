// SPDX-License-Identifier: Apache-2.0
// `sizeup llm MODEL --mode training`: one iteration on many devices, or the search of plans.
#include "cli/llm.h"
#include "cli/machines.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/scale.h>

// ---- schemas -----------------------------------------------------------------------------------

#define ASSUMED_SCHEMA                                                                               \
    {1, "fits", CLI_J_BOOL, "null: the machine does not say what memory it has", NULL, false},       \
        {1, "device_bytes", CLI_J_NUMBER, "memory of a device; null: not known", NULL, false},       \
        {1,    "flop_per_s", CLI_J_NUMBER, "of a device, of products with weights: its peak",        \
         NULL, false},                                                                               \
        {1, "memory_share", CLI_J_NUMBER, "of the memory's rate, that is assumed", NULL, false},     \
        {1, "network", CLI_J_ARRAY, "innermost level first", NULL, false},                           \
        {2, "level", CLI_J_STRING, "link, or between nodes", NULL, false},                           \
        {2, "devices", CLI_J_INTEGER, "within it", NULL, false},                                     \
        {2, "byte_per_s", CLI_J_NUMBER, "of a device, one direction", NULL, false},                  \
        {2, "efficiency", CLI_J_NUMBER, "share that collectives are assumed to reach", NULL, false}, \
        {2,                                                                                          \
         "latency_s",                                                                                \
         CLI_J_NUMBER,                                                                               \
         "of each step of a collective, assumed where the machine "                                  \
         "does not say it",                                                                          \
         NULL,                                                                                       \
         false},                                                                                     \
    {                                                                                                \
        1, "warnings", CLI_J_STRINGS, NULL, NULL, false                                              \
    }
#define F64_SCHEMA(key, doc)                                                                       \
    { 1, key, CLI_J_NUMBER, doc, NULL, false }

static const cli_schema_row training_schema[] = {
    {1, "devices", CLI_J_INTEGER, NULL, NULL, false},
    {1, "seq", CLI_J_INTEGER, "tokens of a sequence", NULL, false},
    {1, "global_batch", CLI_J_INTEGER, "sequences of an iteration", NULL, false},
    {1, "microbatch", CLI_J_INTEGER, "sequences of a device at a time", NULL, false},
    F64_SCHEMA("time_s", "of an iteration, the sum of the eight that follow"),
    F64_SCHEMA("compute_s", "layers and head, of the busiest device"),
    F64_SCHEMA("tensor_s", "tensor parallel"),
    F64_SCHEMA("context_s",
               "keys and values that go round, as far as attention does not hide them"),
    F64_SCHEMA("expert_s", "tokens to their experts and back"),
    F64_SCHEMA("pipeline_s", "from stage to stage"),
    F64_SCHEMA("bubble_s", "while the pipeline fills and empties"),
    F64_SCHEMA("data_s", "gradients"),
    F64_SCHEMA("optimizer_s", NULL),
    F64_SCHEMA("weight_bytes", "of the fullest device, as all bytes here"),
    F64_SCHEMA("gradient_bytes", NULL),
    F64_SCHEMA("optimizer_bytes", NULL),
    F64_SCHEMA("activation_bytes", NULL),
    F64_SCHEMA("total_bytes", NULL),
    F64_SCHEMA("model_flops", "of an iteration, all devices"),
    F64_SCHEMA("hardware_flops", "with what is computed again"),
    F64_SCHEMA("mfu", "model_flops of the peak"),
    F64_SCHEMA("hfu", "hardware_flops of the peak"),
    F64_SCHEMA("tokens_per_s", "of all devices"),
    {1, "days", CLI_J_NUMBER, "of the whole run, with --tokens", NULL, true},
    ASSUMED_SCHEMA,
};

static const cli_schema_row plans_schema[] = {
    {1, "tried", CLI_J_INTEGER, "plans whose degrees divide", NULL, false},
    {1, "fitting", CLI_J_INTEGER, "of them", NULL, false},
    {1, "plans", CLI_J_ARRAY, "fastest first; each needs less memory than the one before", NULL,
     false},
    {2, "time_s", CLI_J_NUMBER, "of an iteration", NULL, false},
    {2, "total_bytes", CLI_J_NUMBER, "of the fullest device", NULL, false},
    {2, "mfu", CLI_J_NUMBER, NULL, NULL, false},
    {2, "tp", CLI_J_INTEGER, NULL, NULL, false},
    {2, "pp", CLI_J_INTEGER, NULL, NULL, false},
    {2, "dp", CLI_J_INTEGER, NULL, NULL, false},
    {2, "microbatch", CLI_J_INTEGER, NULL, NULL, false},
    {2, "interleave", CLI_J_INTEGER, NULL, NULL, false},
    {2, "zero", CLI_J_INTEGER, NULL, NULL, false},
    {2, "recompute", CLI_J_STRING, NULL, NULL, false},
    {2, "sequence_parallel", CLI_J_INTEGER, "0 or 1", NULL, false},
    {2, "ep", CLI_J_INTEGER, "1: experts are split as the rest is", NULL, false},
    ASSUMED_SCHEMA,
};

const cli_word_schema llm_words[] = {{"training", training_schema, CLI_COUNT(training_schema)},
                                     {"plans", plans_schema, CLI_COUNT(plans_schema)},
                                     {"write", llm_write_schema, LLM_WRITE_ROWS},
                                     {NULL, NULL, 0}};

// ---- model and machine -------------------------------------------------------------------------

// The value of `key` in "gpt:layers=12,...". -1 where it is not there.
static int64_t size_in(const char *name, const char *key) {
    const size_t n = strlen(key);
    for (const char *at = strchr(name, ':'); at; at = strchr(at, ',')) {
        at++;
        if (strncmp(at, key, n) == 0 && at[n] == '=') return strtoll(at + n + 1, NULL, 10);
    }
    return -1;
}

static sz_status sizes(const char *name, sz_scale_model *ret) {
    static const char *const keys[] = {"layers", "hidden", "heads", "seq", "vocab"};
    int64_t v[5];
    if (strncmp(name, "gpt:", 4) != 0) return SZ_ERR_UNAVAILABLE;
    for (size_t i = 0; i < CLI_COUNT(keys); i++) {
        v[i] = size_in(name, keys[i]);
        if (v[i] < 1 || v[i] > INT32_MAX) return SZ_ERR_UNAVAILABLE;
    }
    *ret = sz_scale_gpt(v[0], v[1], v[2], v[3], v[4]);
    return SZ_OK;
}

// Parameters and operations are those of the net's graph. The formula of activations is for an MLP
// of four times the width: a net that differs has other operations, and is refused.
static int count_gpt(cli_app *app, sz_scale_model *m) {
    const sz_load_options options = {0};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    if (sizes(app->args[0], m) != SZ_OK)
        return cli_error(app, CLI_USAGE,
                         "training of a gpt needs its sizes: give "
                         "gpt:layers=L,hidden=H,heads=A,seq=S,vocab=V,positions=S");
    sz_status status = sz_model_load(app->ctx, app->args[0], &options, &model);
    if (status == SZ_OK) status = sz_costs_create(app->ctx, model, NULL, &costs);
    if (status != SZ_OK) {
        sz_model_destroy(model);
        return cli_fail(app, status);
    }
    const sz_cost c = sz_costs_total(costs);
    const double layers = (double)m->layers;
    const double flops = (2 * (double)c.macs - m->outer_flops) / layers;
    const double outer = (double)c.params - layers * m->layer_params;
    const bool fits = flops == m->layer_flops && outer > 0;
    m->outer_params = m->end_params = outer;
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return fits ? CLI_DONE
                : cli_error(app, CLI_UNAVAILABLE,
                            "training on many devices is known for blocks whose MLP is 4 times as "
                            "wide as the rows, and a batch of 1: leave out ffn, past and batch");
}

static int count_file(cli_app *app, const llm_options *o, sz_scale_model *m) {
    const sz_load_options options = {.allow_symbols = 1};
    sz_model *model = NULL;
    if (o->context < 1 || o->context > 1 << 20)
        return cli_error(app, CLI_USAGE,
                         "training needs the tokens of a sequence: give --context 4096, or another "
                         "number up to %d",
                         1 << 20);
    sz_status status = sz_model_load(app->ctx, app->args[0], &options, &model);
    if (status == SZ_OK) status = sz_scale_model_of(app->ctx, model, o->context, m);
    sz_model_destroy(model);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

// A causal query meets the keys up to its own: (s + 1) / 2 of s.
static void halve(sz_scale_model *m) {
    const double less = m->attention_flops * (1 - 1 / (double)m->seq) / 2;
    m->attention_flops -= less;
    m->layer_flops -= less;
}

static int count(cli_app *app, const llm_options *o, sz_scale_model *m) {
    const bool is_gpt = strncmp(app->args[0], "gpt:", 4) == 0;
    const int code = is_gpt ? count_gpt(app, m) : count_file(app, o, m);
    if (code == CLI_DONE && strcmp(o->attention, "half") == 0) halve(m);
    return code;
}

// The best peak of products of f16 and bf16, or of the format that was asked for.
static double peak_of(const sz_machine *machine, const char *dtype) {
    double best = 0;
    for (size_t i = 0; i < sz_machine_peak_count(machine); i++) {
        const sz_peak p = sz_machine_peak(machine, i);
        const bool fits = dtype ? strcmp(p.dtype, dtype) == 0
                                : strcmp(p.dtype, "bf16") == 0 || strcmp(p.dtype, "f16") == 0;
        if (fits && strcmp(p.op, "fma") == 0 && p.threads == 0) best = fmax(best, p.flop_per_s);
    }
    return best;
}

// Attention stays in 16 bits where products with weights go narrower.
static sz_scale_device device_of(const sz_machine *machine, const char *dtype) {
    sz_scale_device d = {.attention_flop_per_s = peak_of(machine, NULL),
                         .flop_per_s = peak_of(machine, dtype)};
    const size_t n = sz_machine_level_count(machine);
    if (n == 0 || sz_machine_bandwidth_count(machine, n - 1) == 0) return d;
    d.capacity_bytes = (double)sz_machine_level(machine, n - 1).capacity_bytes;
    d.byte_per_s = SZ_SCALE_MEMORY_SHARE * sz_machine_bandwidth(machine, n - 1, 0).byte_per_s;
    return d;
}

static const char *const recompute_words[] = {"none", "selective", "full"};

static sz_scale_plan plan_of(const llm_options *o) {
    sz_scale_plan p = {
        .tensor = o->tp, .pipeline = o->pp, .data = o->dp, .microbatch = o->microbatch};
    p.context = o->cp;
    p.experts = o->ep;
    p.batch = o->global_batch > 0 ? o->global_batch : 1;
    if (o->global_batch <= 0 && __builtin_mul_overflow(p.data, p.microbatch, &p.batch)) p.batch = 0;
    p.interleave = o->interleave;
    p.zero = (int)(o->zero < 100 ? o->zero : 100);
    p.sequence_parallel = strcmp(o->sequence_parallel, "yes") == 0;
    p.fused_attention = strcmp(o->fused_attention, "yes") == 0;
    for (int i = 0; i < 3; i++)
        if (strcmp(o->recompute, recompute_words[i]) == 0) p.recompute = (sz_recompute)i;
    return p;
}

static void put(sz_doc *doc, const char *key, const char *title, double v, const char *unit) {
    sz_doc_fact(doc, key, title, sz_cell_f64(v), SZ_AS_SI, unit);
}

static void put_training(sz_doc *doc, const sz_scale_training *r) {
    put(doc, "time_s", "iteration", r->time_s, "s");
    put(doc, "compute_s", "  layers and head", r->compute_s, "s");
    put(doc, "tensor_s", "  tensor parallel", r->tensor_s, "s");
    put(doc, "context_s", "  context parallel", r->context_s, "s");
    put(doc, "expert_s", "  expert parallel", r->expert_s, "s");
    put(doc, "pipeline_s", "  between stages", r->pipeline_s, "s");
    put(doc, "bubble_s", "  bubble", r->bubble_s, "s");
    put(doc, "data_s", "  gradients", r->data_s, "s");
    put(doc, "optimizer_s", "  optimizer", r->optimizer_s, "s");
    put(doc, "weight_bytes", "weights", r->weight_bytes, "B");
    put(doc, "gradient_bytes", "gradients", r->gradient_bytes, "B");
    put(doc, "optimizer_bytes", "states of the optimizer", r->optimizer_bytes, "B");
    put(doc, "activation_bytes", "activations", r->activation_bytes, "B");
    put(doc, "total_bytes", "memory of a device", r->total_bytes, "B");
    put(doc, "model_flops", "operations of the net", r->model_flops, "FLOP");
    put(doc, "hardware_flops", "with recomputation", r->hardware_flops, "FLOP");
    put(doc, "mfu", "MFU", r->mfu, "");
    put(doc, "hfu", "HFU", r->hfu, "");
}

// `total`: of the plan, or of the fastest of them.
static void put_assumptions(sz_doc *doc, const sz_scale_device *d, const sz_network *net,
                            double total) {
    static const sz_column columns[] = {{"level", "network", NULL, SZ_AS_TEXT, 0},
                                        {"devices", "devices", NULL, SZ_AS_INT, 0},
                                        {"byte_per_s", "rate", "B/s", SZ_AS_SI, 0},
                                        {"efficiency", "share reached", NULL, SZ_AS_SI, 0},
                                        {"latency_s", "start", "s", SZ_AS_SI, 0}};
    const bool is_known = d->capacity_bytes > 0;
    sz_doc_fact(doc, "fits", "fits",
                is_known ? sz_cell_bool(total <= d->capacity_bytes) : sz_cell_none(), SZ_AS_TEXT,
                NULL);
    put(doc, "device_bytes", "memory there is", is_known ? d->capacity_bytes : NAN, "B");
    put(doc, "flop_per_s", "products at the peak", d->flop_per_s, "FLOP/s");
    put(doc, "memory_share", "share of the memory's rate", SZ_SCALE_MEMORY_SHARE, NULL);
    sz_doc_table(doc, "network", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < net->n; i++) {
        const sz_link_level *l = &net->levels[i];
        const sz_cell cells[] = {sz_cell_text(l->name), sz_cell_i64(l->devices),
                                 sz_cell_f64(l->byte_per_s), sz_cell_f64(l->efficiency),
                                 sz_cell_f64(l->latency_s)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "Assumed: kernels start for nothing, nothing is hidden. Most published "
                     "iterations");
    sz_doc_line(doc, "took longer (docs/language-models.md).");
}

static int predict(cli_app *app, sz_doc *doc, const sz_scale_model *m, const sz_scale_device *d,
                   const sz_network *net, const llm_options *o) {
    const sz_scale_plan p = plan_of(o);
    sz_scale_training r;
    const sz_status status = sz_scale_plan_check(app->ctx, m, net, &p);
    if (status != SZ_OK) return cli_fail(app, status);
    const int64_t devices = sz_scale_devices(&p);
    const int code = cli_llm_check_devices(app, o, devices);
    if (code != CLI_DONE) return code;
    sz_training_predict(m, d, net, &p, &r);
    const double step = (double)p.batch * (double)m->seq;
    sz_doc_fact(doc, "devices", "devices", sz_cell_i64(devices), SZ_AS_SI, "");
    sz_doc_fact(doc, "seq", "tokens of a sequence", sz_cell_i64(m->seq), SZ_AS_SI, "");
    sz_doc_fact(doc, "global_batch", "sequences, all devices", sz_cell_i64(p.batch), SZ_AS_SI, "");
    sz_doc_fact(doc, "microbatch", "  of a device at a time", sz_cell_i64(p.microbatch), SZ_AS_SI,
                "");
    put_training(doc, &r);
    put(doc, "tokens_per_s", "tokens per second, all devices", step / r.time_s, "token/s");
    if (o->tokens > 0) put(doc, "days", "days", o->tokens / step * r.time_s / 86400, "");
    put_assumptions(doc, d, net, r.total_bytes);
    return CLI_DONE;
}

static int plans(cli_app *app, sz_doc *doc, const sz_scale_model *m, const sz_scale_device *d,
                 const sz_network *net, const llm_options *o) {
    static const sz_column columns[] = {{"time_s", "time", "s", SZ_AS_SI, 0},
                                        {"total_bytes", "memory", "B", SZ_AS_SI, 0},
                                        {"mfu", "MFU", NULL, SZ_AS_SI, 0},
                                        {"tp", "tp", NULL, SZ_AS_SI, 0},
                                        {"pp", "pp", NULL, SZ_AS_SI, 0},
                                        {"dp", "dp", NULL, SZ_AS_SI, 0},
                                        {"microbatch", "microbatch", NULL, SZ_AS_SI, 0},
                                        {"interleave", "interleave", NULL, SZ_AS_SI, 0},
                                        {"zero", "ZeRO", NULL, SZ_AS_SI, 0},
                                        {"recompute", "recompute", NULL, SZ_AS_TEXT, 0},
                                        {"sequence_parallel", "sequence", NULL, SZ_AS_SI, 0},
                                        {"ep", "ep", NULL, SZ_AS_SI, 0}};
    if (o->cp != 1)
        return cli_error(app, CLI_USAGE,
                         "plans are searched without context parallelism: leave out --cp");
    if (o->devices < 1 || o->devices > net->levels[net->n - 1].devices || o->global_batch < 1 ||
        o->global_batch > 1 << 20)
        return cli_error(app, CLI_USAGE, "--plans needs --devices and --global-batch of 1 to %d",
                         1 << 20);
    sz_scale_found *f = malloc(sizeof *f);
    if (!f) return cli_error(app, CLI_BUG, "no memory for the plans");
    sz_scale_search(m, d, net, o->devices, o->global_batch, f);
    sz_doc_fact(doc, "tried", "plans tried", sz_cell_i64(f->tried), SZ_AS_TEXT, "");
    sz_doc_fact(doc, "fitting", "that fit", sz_cell_i64(f->fitting), SZ_AS_TEXT, "");
    sz_doc_table(doc, "plans", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < f->n; i++) {
        const sz_scale_plan *p = &f->plans[i];
        const sz_scale_training *r = &f->results[i];
        const sz_cell cells[] = {sz_cell_f64(r->time_s),
                                 sz_cell_f64(r->total_bytes),
                                 sz_cell_f64(r->mfu),
                                 sz_cell_i64(p->tensor),
                                 sz_cell_i64(p->pipeline),
                                 sz_cell_i64(p->data),
                                 sz_cell_i64(p->microbatch),
                                 sz_cell_i64(p->interleave),
                                 sz_cell_i64(p->zero),
                                 sz_cell_text(recompute_words[p->recompute]),
                                 sz_cell_i64(p->sequence_parallel),
                                 sz_cell_i64(p->experts > 1 ? p->experts : 1)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    const bool is_none = f->n == 0;
    put_assumptions(doc, d, net, is_none ? INFINITY : f->results[0].total_bytes);
    free(f);
    return is_none ? cli_error(app, CLI_NO, "no plan fits: give more --devices") : CLI_DONE;
}

static int answer(cli_app *app, const sz_machine *machine, const sz_scale_model *m,
                  const llm_options *o) {
    const sz_scale_device d = device_of(machine, o->dtype);
    sz_network net;
    if (!(d.flop_per_s > 0) || !(d.byte_per_s > 0))
        return cli_error(app, CLI_UNAVAILABLE,
                         "machine '%s' says no rate of %s products or of its memory", o->machine,
                         o->dtype ? o->dtype : "16-bit");
    const sz_status status = sz_network_of_machine(app->ctx, machine, o->per_node, o->node_rate,
                                                   &net);
    if (status != SZ_OK) return cli_fail(app, status);
    sz_doc *doc;
    if (sz_doc_create(app->out, o->plans ? "sizeup.llm.plans/1" : "sizeup.llm.training/1", &doc) !=
        SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    int code = (o->plans ? plans : predict)(app, doc, m, &d, &net, o);
    if (code == CLI_DONE) code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int llm_training(cli_app *app, const llm_options *o) {
    sz_scale_model m;
    sz_machine *machine = NULL;
    if (!o->machine)
        return cli_error(app, CLI_USAGE, "training needs a device: give --machine a100 or another");
    if (o->per_node < 1 || !(o->node_rate > 0))
        return cli_error(app, CLI_USAGE, "--per-node and --node-rate are above 0");
    int code = count(app, o, &m);
    if (code != CLI_DONE) return code;
    const sz_status status = cli_machine_load(app, o->machine, &machine);
    code = status == SZ_OK ? answer(app, machine, &m, o) : cli_fail(app, status);
    sz_machine_destroy(machine);
    return code;
}
