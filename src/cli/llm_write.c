// SPDX-License-Identifier: Apache-2.0
// `sizeup llm write --arch A NAME=NUMBER... -o FILE.gguf`: a language model with random weights.
#include "cli/llm.h"

#include <stdio.h>
#include <string.h>

#include <sizeup/llm_write.h>

const cli_schema_row llm_write_schema[LLM_WRITE_ROWS] = {
    {1, "file", CLI_J_STRING, "that was written", NULL, false},
    {1, NULL, CLI_J_RECORD, NULL, sz_llm_written_type, false},
    {1, "seed", CLI_J_INTEGER, "of its numbers", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

typedef struct write_job {
    cli_app *app;
    sz_llm_design design;
    sz_llm_written written;
} write_job;

static sz_status make(void *user, sz_buf *buf) {
    write_job *job = user;
    return sz_llm_write(job->app->ctx, &job->design, buf, &job->written);
}

static void show(sz_doc *doc, const write_job *job, const char *file) {
    const sz_llm_written *w = &job->written;
    sz_doc_fact(doc, "file", "file", sz_cell_text(file), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "arch", "architecture", sz_cell_text(w->arch), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "type", "matrices in", sz_cell_text(w->type), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "tensors", "tensors", sz_cell_i64(w->tensors), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "params", "parameters", sz_cell_i64(w->params), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "weight_bytes", "weights", sz_cell_i64(w->weight_bytes), SZ_AS_SI, "B");
    sz_doc_fact(doc, "seed", "seed", sz_cell_i64((int64_t)job->design.seed), SZ_AS_INT, NULL);
}

int llm_write(cli_app *app, const llm_options *o) {
    write_job job = {.app = app,
                     .design = {.arch = o->arch,
                                .words = app->args + 1,
                                .n_words = (size_t)app->n_args - 1,
                                .type = o->type,
                                .seed = (uint64_t)o->seed,
                                .zeros = o->zeros}};
    cli_app to = *app; // -o is the model; what is told of it goes to standard output
    sz_doc *doc;
    if (!o->arch)
        return cli_error(app, CLI_USAGE,
                         "which net? --arch llama or another ('list words' has all)");
    if (!app->output) return cli_error(app, CLI_USAGE, "where to? -o FILE.gguf");
    to.output = NULL;
    const int code = cli_write_large(app, app->output, make, &job);
    if (code != CLI_DONE) return code;
    if (sz_doc_create(app->out, "sizeup.llm.write/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    show(doc, &job, app->output);
    const int shown = cli_write_doc(&to, doc);
    sz_doc_destroy(doc);
    return shown;
}
