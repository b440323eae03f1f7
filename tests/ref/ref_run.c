// SPDX-License-Identifier: Apache-2.0
// Runs models by the reference executor and writes what comes out, for scripts that compare it with
// other runtimes.
//   ref_run MODEL FOLDER [--bind A=N] [--weights FILE] [--seed N] [NAME=FILE...]
//   ref_run --cases FOLDER [--backend NAME]
// Outputs are FOLDER/out_K.bin, inputs that were made up FOLDER/in_K.bin: a line with dtype and
// dims, then the elements. NAME=FILE gives an input in that form. --weights writes the weights that
// the model's missing side file would hold. --cases runs every *.onnx of a folder and writes
// NAME.K.out, or NAME.error with the sentence; with --backend each is a job on that backend, which
// has to run all of it.
#include "model/graph/model.h"
#include "run/backends/job.h"
#include "run/backends/plain/plain.h"
#include "run/backends/ref/ref.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64, MAX_PATH = 8192, MAX_NAME = 1024 };

typedef struct job {
    sz_ctx *ctx;
    const char *model, *folder, *weights;
    const sz_backend *backend;
    void *library;
    const char *binds[MAX_OPTIONS], *given[MAX_OPTIONS];
    size_t n_binds, n_given;
    sz_ref_options options;
} job;

static int failed(const job *j) {
    fprintf(stderr, "ref_run: %s\n", sz_ctx_error(j->ctx));
    return 1;
}

static void write_one(FILE *f, const sz_buffer *b) {
    fprintf(f, "%s", sz_dtype_get(b->dtype)->name);
    for (int32_t d = 0; d < b->rank; d++) fprintf(f, " %" PRId64, b->dims[d]);
    fprintf(f, "\n");
    fwrite(b->data, 1, b->bytes, f);
}

// A sequence is written element after element.
static int write_buffer(const char *path, const sz_buffer *b) {
    FILE *f = fopen(path, "wb");
    if (!f) return perror(path), 1;
    if (b->is_sequence) fprintf(f, "sequence %" PRId64 "\n", b->count);
    for (int64_t k = 0; b->is_sequence && k < b->count; k++) write_one(f, b->items[k]);
    if (!b->is_sequence) write_one(f, b);
    return fclose(f) != 0;
}

static sz_buffer *read_buffer(sz_ctx *ctx, const char *path) {
    char line[1024], *at = line;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    sz_buffer *b = NULL;
    FILE *f = fopen(path, "rb");
    if (!f || !fgets(line, sizeof line, f)) return perror(path), NULL;
    char *dtype = strsep(&at, " \n");
    for (char *word; (word = strsep(&at, " \n")) && rank < SZ_MAX_RANK;)
        if (*word) dims[rank++] = strtoll(word, NULL, 10);
    if (sz_buffer_create(ctx, sz_dtype_by_name(dtype), rank, dims, &b) == SZ_OK &&
        fread(b->data, 1, b->bytes, f) != b->bytes)
        fprintf(stderr, "%s: too short\n", path);
    fclose(f);
    return b;
}

// What --weights asks for: every constant that lies in a side file that is absent.
static int write_weights(const job *j, sz_graph *g, sz_ref *r) {
    FILE *f = fopen(j->weights, "wb");
    if (!f) return perror(j->weights), 1;
    for (size_t v = 0; v < g->values.n; v++) {
        const sz_constant *c = g->values.items[v].constant;
        sz_buffer *b;
        if (!c || c->form != SZ_CONST_NOWHERE || c->side == SZ_NONE) continue;
        if (sz_ref_source(r, (sz_value_id)v, &b) != SZ_OK) return failed(j);
        if (fseeko(f, (off_t)c->offset, SEEK_SET) == 0) fwrite(b->data, 1, b->bytes, f);
        sz_buffer_release(j->ctx, b);
    }
    return fclose(f) != 0;
}

static int give_inputs(const job *j, sz_graph *g, sz_ref *r) {
    char path[MAX_PATH];
    for (size_t k = 0; k < j->n_given; k++) {
        const char *eq = strchr(j->given[k], '=');
        const sz_str name = {j->given[k], (uint32_t)(eq - j->given[k])};
        const sz_value_id id = sz_graph_find(g, name);
        sz_buffer *b = read_buffer(j->ctx, eq + 1);
        if (!b || id == SZ_NONE) return fprintf(stderr, "no input: %s\n", j->given[k]), 1;
        sz_status status = sz_ref_give(r, id, b);
        sz_buffer_release(j->ctx, b);
        if (status != SZ_OK) return failed(j);
    }
    for (size_t k = 0; k < g->inputs.n; k++) {
        sz_buffer *b = NULL;
        if (sz_ref_source(r, g->inputs.items[k], &b) != SZ_OK) return failed(j);
        snprintf(path, sizeof path, "%s/in_%zu.bin", j->folder, k);
        const int bad = write_buffer(path, b);
        sz_buffer_release(j->ctx, b);
        if (bad) return 1;
    }
    return 0;
}

static int run(const job *j, sz_graph *g, sz_ref *r) {
    char path[MAX_PATH];
    if (j->weights && write_weights(j, g, r)) return 1;
    if (give_inputs(j, g, r)) return 1;
    if (sz_ref_run(r) != SZ_OK) return failed(j);
    for (size_t k = 0; k < g->outputs.n; k++) {
        snprintf(path, sizeof path, "%s/out_%zu.bin", j->folder, k);
        if (write_buffer(path, sz_ref_output(r, k))) return 1;
    }
    return 0;
}

static int run_model(const job *j) {
    const sz_load_options options = {.binds = j->binds, .n_binds = j->n_binds};
    sz_model *m = NULL;
    sz_ref *r = NULL;
    if (sz_model_load(j->ctx, j->model, &options, &m) != SZ_OK) return failed(j);
    int bad = sz_ref_create(j->ctx, m->graph, &j->options, &r) != SZ_OK ? failed(j)
                                                                        : run(j, m->graph, r);
    sz_ref_destroy(r);
    sz_model_destroy(m);
    return bad;
}

// ---- cases -------------------------------------------------------------------------------------

static void write_output(const job *j, const char *name, size_t k, const sz_buffer *b) {
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/%s.%zu.out", j->folder, name, k);
    write_buffer(path, b);
}

static sz_status by_reference(const job *j, const char *name, sz_graph *g) {
    sz_ref *r = NULL;
    sz_status status = sz_ref_create(j->ctx, g, &j->options, &r);
    if (status == SZ_OK) status = sz_ref_run(r);
    for (size_t k = 0; status == SZ_OK && k < g->outputs.n; k++)
        write_output(j, name, k, sz_ref_output(r, k));
    sz_ref_destroy(r);
    return status;
}

static sz_status by_backend(const job *j, const char *name, sz_graph *g) {
    const sz_run_how how = {.threads = 2};
    sz_job *made = NULL;
    sz_status status = sz_job_create(j->ctx, g, j->backend, j->library, &how, &made);
    if (status == SZ_OK) status = sz_job_first(made);
    for (size_t k = 0; status == SZ_OK && k < made->nodes.n; k++)
        if (made->nodes.items[k].why)
            status = sz_fail(j->ctx, SZ_ERR_UNAVAILABLE, "does not run here: %s",
                             made->nodes.items[k].why);
    for (size_t k = 0; status == SZ_OK && k < g->outputs.n; k++)
        write_output(j, name, k, made->slots[0][g->outputs.items[k]]);
    sz_job_destroy(made);
    return status;
}

static void run_case(const job *j, const char *name) {
    char path[MAX_PATH];
    const sz_load_options options = {.allow_symbols = 1};
    sz_model *m = NULL;
    sz_ctx_clear(j->ctx);
    snprintf(path, sizeof path, "%s/%s.onnx", j->folder, name);
    sz_status status = sz_model_load(j->ctx, path, &options, &m);
    if (status == SZ_OK) status = (j->backend ? by_backend : by_reference)(j, name, m->graph);
    if (status != SZ_OK) {
        snprintf(path, sizeof path, "%s/%s.error", j->folder, name);
        FILE *f = fopen(path, "wb");
        if (f) fprintf(f, "%s\n", sz_ctx_error(j->ctx));
        if (f) fclose(f);
    }
    sz_model_destroy(m);
}

static int run_cases(const job *j) {
    DIR *dir = opendir(j->folder);
    if (!dir) return perror(j->folder), 1;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char name[MAX_NAME];
        const size_t len = strlen(e->d_name);
        if (len < 6 || strcmp(e->d_name + len - 5, ".onnx") != 0) continue;
        if (len - 5 >= sizeof name) continue;
        memcpy(name, e->d_name, len - 5), name[len - 5] = 0;
        run_case(j, name);
    }
    return closedir(dir);
}

int main(int argc, char **argv) {
    job j = {.ctx = sz_ctx_create(NULL)};
    if (argc < 3 || !j.ctx) return fprintf(stderr, "ref_run MODEL FOLDER [options]\n"), 2;
    j.model = argv[1], j.folder = argv[2];
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--bind") == 0 && i + 1 < argc && j.n_binds < MAX_OPTIONS)
            j.binds[j.n_binds++] = argv[++i];
        else if (strcmp(argv[i], "--weights") == 0 && i + 1 < argc)
            j.weights = argv[++i];
        else if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc)
            j.backend = sz_backend_find(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            j.options.seed = strtoull(argv[++i], NULL, 10);
        else if (strchr(argv[i], '=') && j.n_given < MAX_OPTIONS)
            j.given[j.n_given++] = argv[i];
        else
            return fprintf(stderr, "ref_run: '%s' is not understood\n", argv[i]), 2;
    }
    if (j.backend && j.backend->open(j.ctx, NULL, &j.library) != SZ_OK) return failed(&j);
    const int bad = strcmp(j.model, "--cases") == 0 ? run_cases(&j) : run_model(&j);
    sz_ctx_clear(j.ctx);
    if (j.backend == &sz_backend_plain)
        sz_plain_close(j.library);
    else if (j.backend)
        return bad; // a library stays open until the process ends
    if (sz_ctx_memory_used(j.ctx)) fprintf(stderr, "ref_run: memory is left\n");
    const int leak = sz_ctx_memory_used(j.ctx) != 0;
    sz_ctx_destroy(j.ctx);
    return bad || leak;
}
