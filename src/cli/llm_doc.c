// SPDX-License-Identifier: Apache-2.0
// `sizeup llm`: its answer as text, CSV and Markdown.
#include "cli/llm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void llm_numbers(const llm_job *job, llm_number ret[LLM_NUMBERS]) {
    const sz_cost *c = &job->prefill;
    const int64_t active = c->params - job->facts.idle_params;
    const llm_number rows[LLM_NUMBERS] = {
        {"params", "parameters", c->params},
        {"active_params", "active per token", active},
        {"active_params_without_embedding", "active, without the embedding",
         active - job->facts.embedding_params},
        {"weight_bytes", "weights, B", c->weight_bytes},
        {"kv_cache_bytes_per_token", "cache per token, B", job->cache_per_token},
        {"kv_cache_bytes", "cache, B", job->cache},
        {"activation_bytes", "activations, peak, B", job->live.peak_bytes},
        {"total_bytes", "memory, B", job->total}};
    memcpy(ret, rows, sizeof rows);
}

static void put_row(sz_doc *doc, const char *title, int64_t value) {
    const sz_cell cells[] = {sz_cell_text(title), sz_cell_i64(value)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

// What all numbers are for.
static void put_asked(sz_doc *doc, const llm_job *job) {
    const llm_options *o = job->options;
    char text[64], note[128];
    snprintf(text, sizeof text, "batch %" PRId64, o->batch);
    snprintf(note, sizeof note,
             "prompt %" PRId64 ", then %" PRId64 " tokens; cache %s, room for %" PRId64 " each",
             o->prompt, o->generate, sz_dtype_get(job->kv_dtype)->name, job->context);
    sz_doc_fact_note(doc, NULL, "asked", sz_cell_text(text), SZ_AS_TEXT, NULL, note);
}

static void put_seconds(sz_doc *doc, const char *title, double s, const char *note) {
    sz_doc_fact_note(doc, NULL, title, sz_cell_f64(s), SZ_AS_SI, "s", note);
}

static void put_phase(sz_doc *doc, const char *title, const sz_phase *p) {
    char note[96];
    if (isnan(p->time_hi_s))
        snprintf(note, sizeof note, "%s, limited by %s", p->level, p->bound);
    else
        snprintf(note, sizeof note, "%s, limited by %s: %.3g to %.3g s", p->level, p->bound,
                 p->time_lo_s, p->time_hi_s);
    put_seconds(doc, title, p->time_s, note);
}

static void put_memory(sz_doc *doc, const sz_inference_memory *m) {
    const bool is_known = m->max_batch >= 0;
    char note[128];
    snprintf(note, sizeof note, "%.3g GB of it for the runtime itself", m->reserve * 1e-9);
    sz_doc_fact_note(doc, NULL, "needs", sz_cell_f64(m->total), SZ_AS_SI, "B", note);
    sz_doc_fact_note(doc, NULL, "fits",
                     sz_cell_text(!is_known                ? "not known"
                                  : m->total <= m->machine ? "yes"
                                                           : "no"),
                     SZ_AS_TEXT, NULL, NULL);
    if (!is_known) return;
    sz_doc_fact(doc, NULL, "memory there is", sz_cell_f64(m->machine), SZ_AS_SI, "B");
    sz_doc_fact_note(doc, NULL, "largest batch", sz_cell_i64(m->max_batch), SZ_AS_INT, NULL,
                     "sequences of this context, all logits of their prompts kept");
    sz_doc_fact_note(doc, NULL, "largest context", sz_cell_i64(m->max_context), SZ_AS_INT, NULL,
                     "tokens of each sequence of this batch");
}

static void put_plan(sz_doc *doc, const llm_job *job) {
    const sz_llm_plan *p = &job->plan;
    const sz_link_level *l = p->net.levels;
    char note[128];
    snprintf(note, sizeof note,
             "tp %" PRId64 " x pp %" PRId64 " x dp %" PRId64 ", ep %" PRId64
             "; the batch is of each replica",
             p->tensor, p->pipeline, p->data, p->experts);
    sz_doc_fact_note(doc, NULL, "devices", sz_cell_i64(p->tensor * p->pipeline * p->data),
                     SZ_AS_INT, NULL, note);
    const bool is_across = p->tensor * p->pipeline * p->data > l[0].devices;
    snprintf(note, sizeof note, is_across ? "%s x %g, between nodes %.3g GB/s x %g" : "%s x %g",
             l[0].name, l[0].efficiency, l[1].byte_per_s * 1e-9, l[1].efficiency);
    put_seconds(doc, "messages, of a prompt", job->told.prefill.network_s, note);
    put_seconds(doc, "messages, of a step", job->told.decode.network_s, NULL);
}

static void put_told(sz_doc *doc, const llm_job *job) {
    const sz_inference *t = &job->told;
    sz_doc_fact_note(doc, NULL, "machine", sz_cell_text(sz_machine_identity(job->machine).name),
                     SZ_AS_TEXT, NULL, t->roof);
    sz_doc_fact_note(doc, NULL, "stack", sz_cell_text(t->stack), SZ_AS_TEXT, NULL, t->source);
    if (job->how.plan) put_plan(doc, job);
    put_memory(doc, &t->memory);
    put_phase(doc, "time to first token", &t->prefill);
    put_phase(doc, "time of a step", &t->decode);
    put_seconds(doc, "time per token", t->tpot_s, "mean over all after the first");
    put_seconds(doc, "all tokens", t->e2e_s, NULL);
    sz_doc_fact_note(doc, NULL, "tokens per second", sz_cell_f64(t->tokens_per_s), SZ_AS_NUMBER,
                     NULL, "of all sequences, while they decode");
    if (isnan(t->tokens_per_j)) {
        sz_doc_fact_note(doc, NULL, "energy per token", sz_cell_text("not known"), SZ_AS_TEXT, NULL,
                         "the machine does not say what power it takes");
        return;
    }
    sz_doc_fact_note(doc, NULL, "tokens per joule", sz_cell_f64(t->tokens_per_j), SZ_AS_NUMBER,
                     NULL, t->energy_method);
    sz_doc_fact_note(doc, NULL, "energy per token", sz_cell_f64(1 / t->tokens_per_j), SZ_AS_SI, "J",
                     "while it decodes, without the prompt");
}

int llm_write_doc(cli_app *app, const llm_job *job) {
    llm_number rows[LLM_NUMBERS];
    static const sz_column columns[] = {{"what", "what", NULL, SZ_AS_TEXT, 0},
                                        {"value", "value", NULL, SZ_AS_SI, 0}};
    const int64_t batch = job->options->batch;
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.llm/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_table(doc, "llm", columns, CLI_COUNT(columns));
    llm_numbers(job, rows);
    for (size_t i = 0; i < LLM_NUMBERS; i++) put_row(doc, rows[i].title, rows[i].value);
    put_row(doc, "prefill, MACs", job->prompt.macs);
    put_row(doc, "prefill, FLOPs", job->prompt.flops);
    put_row(doc, "prefill, moved, B", job->prompt.bytes_read + job->prompt.bytes_written);
    put_row(doc, "decode, MACs per token", job->step.macs / batch);
    put_row(doc, "decode, FLOPs per token", job->step.flops / batch);
    put_row(doc, "decode, moved per token, B",
            (job->step.bytes_read + job->step.bytes_written) / batch);
    put_asked(doc, job);
    if (job->machine) put_told(doc, job);
    if (job->serving) llm_serving_doc(doc, job);
    if (job->measured) llm_measured_doc(doc, job);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}
