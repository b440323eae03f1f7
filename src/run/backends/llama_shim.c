// SPDX-License-Identifier: Apache-2.0
// No part of libsizeup: tools/get-llama makes a library of its own of this, against the header of
// the llama.cpp that it built.
#include "run/backends/llama_shim.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <llama.h>

#define EXPORT                      __attribute__((visibility("default")))
#define F(result, name, parameters) EXPORT result sz_llama_##name parameters;
SZ_LLAMA_FUNCTIONS(F)
#undef F

typedef struct state {
    struct llama_context *context;
    struct llama_batch batch;
    int32_t sequences;
    int32_t last; // tokens for each sequence of the last step
} state;

// ---- words -------------------------------------------------------------------------------------

static char words[512]; // of the last error; a child opens one library, on one thread

// Only what goes wrong first is kept, which says more than what follows; nothing is printed.
static void listen(enum ggml_log_level level, const char *text, void *user) {
    (void)user;
    if (level != GGML_LOG_LEVEL_ERROR || words[0]) return;
    snprintf(words, sizeof words, "%s", text);
    words[strcspn(words, "\n")] = 0;
}

static void say(const char *text) {
    if (!words[0]) snprintf(words, sizeof words, "%s", text);
}

int sz_llama_interface(void) { return SZ_LLAMA_INTERFACE; }

const char *sz_llama_version(void) {
    static char text[160];
    snprintf(text, sizeof text, "%s, ggml %s (" PACKAGE ")", llama_version(), ggml_version());
    return text;
}

const char *sz_llama_features(void) { return llama_print_system_info(); }
const char *sz_llama_why(void) { return words; }

// ---- a model -----------------------------------------------------------------------------------

void *sz_llama_load(const char *path) {
    static bool began;
    struct llama_model_params p = llama_model_default_params();
    words[0] = 0;
    llama_log_set(listen, NULL);
    if (!began) llama_backend_init();
    began = true;
    p.n_gpu_layers = 0;
    struct llama_model *model = llama_model_load_from_file(path, p);
    if (!model) say("it does not load the file");
    return model;
}

void sz_llama_unload(void *model) { llama_model_free(model); }

// ---- sequences ---------------------------------------------------------------------------------

static bool find_type(const char *name, enum ggml_type *ret) {
    for (int t = 0; t < GGML_TYPE_COUNT; t++) {
        const char *own = ggml_type_name((enum ggml_type)t);
        if (!own || strcmp(own, name) != 0) continue;
        *ret = (enum ggml_type)t;
        return true;
    }
    return false;
}

static void tell(void *model, struct llama_context *c, sz_llama_got *got) {
    got->threads = llama_n_threads(c), got->threads_batch = llama_n_threads_batch(c);
    got->tokens = (int32_t)llama_n_ctx_seq(c);
    got->at_once = (int32_t)llama_n_batch(c), got->piece = (int32_t)llama_n_ubatch(c);
    got->words = llama_vocab_n_tokens(llama_model_get_vocab(model));
    got->is_recurrent = llama_model_is_recurrent(model);
    got->params = (int64_t)llama_model_n_params(model);
    got->bytes = (int64_t)llama_model_size(model);
}

static struct llama_context *make_context(void *model, const sz_llama_asked *a) {
    struct llama_context_params p = llama_context_default_params();
    if (!find_type(a->cache, &p.type_k)) {
        say("it has no such format of the cache");
        return NULL;
    }
    p.type_v = p.type_k;
    p.n_ctx = (uint32_t)a->tokens * (uint32_t)a->sequences;
    p.n_batch = (uint32_t)a->at_once;
    if (p.n_ubatch > p.n_batch) p.n_ubatch = p.n_batch;
    p.n_seq_max = (uint32_t)a->sequences;
    p.n_threads = p.n_threads_batch = a->threads;
    p.flash_attn_type = a->flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    p.no_perf = true;
    return llama_init_from_model(model, p);
}

void *sz_llama_begin(void *model, const sz_llama_asked *asked, sz_llama_got *got) {
    words[0] = 0;
    if (asked->size != sizeof *asked || got->size != sizeof *got) {
        say("it was built for another sizeup");
        return NULL;
    }
    state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->context = make_context(model, asked);
    if (!s->context) {
        say("it makes no context");
        free(s);
        return NULL;
    }
    s->sequences = asked->sequences;
    s->batch = llama_batch_init(asked->at_once, 0, 1);
    tell(model, s->context, got);
    return s;
}

void sz_llama_end(void *handle) {
    state *s = handle;
    llama_batch_free(s->batch);
    llama_free(s->context);
    free(s);
}

int sz_llama_step(void *handle, const int32_t *tokens, int32_t n, int32_t past) {
    state *s = handle;
    struct llama_batch *b = &s->batch;
    words[0] = 0;
    b->n_tokens = n * s->sequences;
    for (int32_t k = 0; k < b->n_tokens; k++) {
        b->token[k] = tokens[k];
        b->pos[k] = past + k % n;
        b->n_seq_id[k] = 1;
        b->seq_id[k][0] = k / n;
        b->logits[k] = k % n == n - 1;
    }
    s->last = n;
    const int status = llama_decode(s->context, *b);
    if (status != 0) say("it finds no room for the tokens");
    llama_synchronize(s->context);
    return status;
}

int sz_llama_forget(void *handle, int32_t past) {
    state *s = handle;
    llama_memory_t memory = llama_get_memory(s->context);
    if (past == 0) {
        llama_memory_clear(memory, false);
        return 0;
    }
    for (int32_t i = 0; i < s->sequences; i++)
        if (!llama_memory_seq_rm(memory, i, past, -1)) return 1;
    return 0;
}

const float *sz_llama_logits(void *handle, int32_t sequence) {
    state *s = handle;
    return llama_get_logits_ith(s->context, sequence * s->last + s->last - 1);
}
