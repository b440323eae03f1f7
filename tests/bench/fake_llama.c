// SPDX-License-Identifier: Apache-2.0
// A library that stands for llama.cpp: its steps take known times, and it holds whoever calls it to
// the rules: tokens begin where the cache ends, there is room for them, and they are words.
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "run/backends/llama_shim.h"

#define EXPORT __attribute__((visibility("default")))
#ifdef FAKE_LACKS
#define sz_llama_logits hidden_logits
#endif
#define F(result, name, parameters) EXPORT result sz_llama_##name parameters;
SZ_LLAMA_FUNCTIONS(F)
#undef F

enum { WORDS = 100, STEP_US = 2000, TOKEN_US = 100 };

typedef struct state {
    sz_llama_asked asked;
    int32_t length;
    float logits[WORDS];
} state;

static const char *words = "";
static int models;

int sz_llama_interface(void) {
#ifdef FAKE_OLD
    return SZ_LLAMA_INTERFACE + 98;
#else
    return SZ_LLAMA_INTERFACE;
#endif
}
const char *sz_llama_version(void) { return "0.0.1-fake"; }
const char *sz_llama_features(void) { return "CPU : SSE3 = 1 | AVX2 = 1 | AVX512 = 0 | "; }
const char *sz_llama_why(void) { return words; }

void *sz_llama_load(const char *path) {
    (void)path;
#ifdef FAKE_REFUSES
    words = "unknown model architecture: 'fake'";
    return NULL;
#endif
    return ++models == 1 ? &models : NULL; // cases of one file share a model
}
void sz_llama_unload(void *model) {
    (void)model;
    models--;
}

void *sz_llama_begin(void *model, const sz_llama_asked *asked, sz_llama_got *got) {
    state *s = calloc(1, sizeof *s);
    if (!s || model != &models) return NULL;
    s->asked = *asked;
    *got = (sz_llama_got){.size = sizeof *got,
                          .threads = asked->threads,
                          .threads_batch = asked->threads,
                          .tokens = asked->tokens,
                          .at_once = asked->at_once,
                          .piece = 512,
                          .words = WORDS};
#ifdef FAKE_RECURRENT
    got->is_recurrent = 1;
#endif
    for (int i = 0; i < WORDS; i++) s->logits[i] = (float)i;
#ifdef FAKE_SAME
    for (int i = 0; i < WORDS; i++) s->logits[i] = 1;
#endif
#ifdef FAKE_NAN
    s->logits[WORDS - 1] = NAN;
#endif
    return s;
}
void sz_llama_end(void *handle) { free(handle); }

static void spend(long us) {
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 < us);
}

int sz_llama_step(void *handle, const int32_t *tokens, int32_t n, int32_t past) {
    state *s = handle;
#ifdef FAKE_CRASHES
    abort();
#endif
    words = "";
    if (past != s->length) words = "tokens do not begin where the cache ends";
#ifndef FAKE_RECURRENT
    if (past + n > s->asked.tokens) words = "there is no room for the tokens";
#endif
    if (n * s->asked.sequences > s->asked.at_once) words = "more tokens than were told";
    for (int32_t i = 0; i < n * s->asked.sequences; i++)
        if (tokens[i] < 0 || tokens[i] >= WORDS) words = "a token is no word";
    s->length = past + n;
    spend(STEP_US + (long)TOKEN_US * (n - 1));
    return *words ? 1 : 0;
}

int sz_llama_forget(void *handle, int32_t past) {
    state *s = handle;
#ifdef FAKE_RECURRENT
    if (past > 0) return 1;
#endif
    if (past > s->length) return 1;
    s->length = past;
    return 0;
}

const float *sz_llama_logits(void *handle, int32_t sequence) {
    state *s = handle;
    return sequence < s->asked.sequences ? s->logits : NULL;
}
