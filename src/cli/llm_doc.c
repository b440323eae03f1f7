// SPDX-License-Identifier: Apache-2.0
// `sizeup llm`: its answer as text, CSV and Markdown.
#include "cli/llm.h"

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
    put_row(doc, "prefill, MACs", job->prefill.macs);
    put_row(doc, "prefill, FLOPs", job->prefill.flops);
    put_row(doc, "prefill, moved, B", job->prefill.bytes_moved);
    put_row(doc, "decode, MACs per token", job->decode.macs / batch);
    put_row(doc, "decode, FLOPs per token", job->decode.flops / batch);
    put_row(doc, "decode, moved per token, B", job->decode.bytes_moved / batch);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}
