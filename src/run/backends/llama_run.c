// SPDX-License-Identifier: Apache-2.0
// A language model on llama.cpp. A run is one step of the net: `seq` new tokens for each of `batch`
// sequences, behind `past` tokens that are in the cache before the clock starts. A step of one
// token may go on for a while, token by token, before the cache is cut back to `past`: that is how
// a text is generated, and the contexts it meets.
#include "run/backends/llama.h"

#include <math.h>
#include <stdio.h>

#include "base/splitmix.h"
#include "os/clock.h"

typedef struct net {
    sz_ctx *ctx;
    const sz_graph *graph;
    sz_llama *lib;
    sz_run_how how;
    int64_t batch, seq, past, steps; // steps: until the cache is cut back
    sz_llama_got got;
    void *state;
    int32_t *tokens[SZ_INPUT_SETS]; // of the step
    int64_t n_tokens, at;           // at: steps since the cache was cut back
    int next;
    sz_run_layer layer;
    char kernel[96];
} net;

// ---- the model ---------------------------------------------------------------------------------

static void drop_model(sz_llama *lib) {
    if (lib->model) lib->unload(lib->model);
    lib->model = NULL, lib->users = 0, lib->path[0] = 0;
}

// Cases of one file share it; another one takes its place once nobody uses it any more.
static sz_status take_model(sz_ctx *ctx, sz_llama *lib, const char *path) {
    if (!lib->model || strcmp(lib->path, path) != 0) {
        if (lib->users > 0)
            return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "llama.cpp holds another model: '%s'",
                           sz_show(ctx, sz_str_c(lib->path)));
        drop_model(lib);
        const double start = sz_clock_s();
        lib->model = lib->load(path);
        lib->load_s = sz_clock_s() - start;
        if (!lib->model) return sz_llama_said(ctx, lib, "does not take the file");
        snprintf(lib->path, sizeof lib->path, "%s", path);
    }
    lib->users++;
    return SZ_OK;
}

static void give_model(sz_llama *lib) {
    if (--lib->users <= 0) drop_model(lib);
}

// ---- sizes -------------------------------------------------------------------------------------

static const sz_type *input_type(const sz_graph *g, size_t i) {
    return i < g->inputs.n ? &sz_graph_value(g, g->inputs.items[i])->type : NULL;
}

// The net of a checkpoint begins with its tokens, [batch, seq], and has the positions that are in
// the cache as an input, [past].
static sz_status read_sizes(net *n, const sz_graph *g) {
    const sz_type *ids = input_type(g, 0);
    if (!ids || ids->rank != 2)
        return sz_fail(n->ctx, SZ_ERR_UNAVAILABLE,
                       "llama.cpp is asked for nets that begin with tokens");
    n->batch = ids->dims[0], n->seq = ids->dims[1], n->past = 0;
    for (size_t i = 1; i < g->inputs.n; i++) {
        const sz_value *v = sz_graph_value(g, g->inputs.items[i]);
        if (sz_str_is(v->name, "past_positions") && v->type.rank == 1) n->past = v->type.dims[0];
    }
    n->steps = n->seq == 1 && n->how.generate > 1 ? n->how.generate : 1;
    if (sz_mul(n->batch, n->seq, &n->n_tokens) && n->n_tokens < 1 << 24 && n->batch <= 256 &&
        n->past < 1 << 24 && n->batch * (n->past + n->seq + n->steps) < 1 << 28)
        return SZ_OK;
    return sz_fail(n->ctx, SZ_ERR_UNAVAILABLE,
                   "llama.cpp takes up to 256 sequences, and 2^24 tokens of each");
}

static sz_status draw_tokens(net *n) {
    uint64_t state = n->how.seed;
    for (int set = 0; set < SZ_INPUT_SETS; set++) {
        n->tokens[set] = sz_alloc(n->ctx, (size_t)n->n_tokens * sizeof(int32_t));
        if (!n->tokens[set]) return sz_no_memory(n->ctx);
        for (int64_t i = 0; i < n->n_tokens; i++)
            n->tokens[set][i] = (int32_t)(sz_splitmix(&state) % (uint64_t)n->got.words);
    }
    return SZ_OK;
}

// ---- running -----------------------------------------------------------------------------------

static sz_status said(const net *n, bool right, const char *what) {
    return right ? SZ_OK : sz_llama_said(n->ctx, n->lib, what);
}

// The tokens before the step, in pieces that the library takes at once.
static sz_status fill_cache(net *n) {
    const int64_t most = n->got.at_once / n->batch;
    uint64_t state = n->how.seed + 1;
    int32_t *tokens = sz_alloc(n->ctx, (size_t)(most * n->batch) * sizeof *tokens);
    sz_status status = tokens ? SZ_OK : sz_no_memory(n->ctx);
    for (int64_t at = 0; at < n->past && status == SZ_OK; at += most) {
        const int64_t some = n->past - at < most ? n->past - at : most;
        for (int64_t i = 0; i < some * n->batch; i++)
            tokens[i] = (int32_t)(sz_splitmix(&state) % (uint64_t)n->got.words);
        status = said(n, n->lib->step(n->state, tokens, (int32_t)some, (int32_t)at) == 0,
                      "fills no cache");
    }
    sz_free(n->ctx, tokens, (size_t)(most * n->batch) * sizeof *tokens);
    return status;
}

static sz_status step(net *n, int set) {
    // A recurrent state has no past that could be cut: it goes on, and its steps are all alike.
    if (n->at == n->steps && !(n->got.is_recurrent && n->past > 0)) {
        n->at = 0;
        SZ_TRY(said(n, n->lib->forget(n->state, (int32_t)n->past) == 0, "can't shorten its cache"));
    }
    SZ_TRY(said(n,
                n->lib->step(n->state, n->tokens[set], (int32_t)n->seq,
                             (int32_t)(n->past + n->at * n->seq)) == 0,
                "does not run"));
    n->at++;
    return SZ_OK;
}

static sz_status run_net(void *state) {
    net *n = state;
    const int set = n->next;
    n->next = (set + 1) % SZ_INPUT_SETS;
    return step(n, set);
}

// The reference has no operators of these nets: logits must be finite, and not all the same.
static sz_status check_net(void *state, int64_t flops, sz_check *ret_check) {
    net *n = state;
    (void)flops;
    SZ_TRY(step(n, 0));
    for (int64_t b = 0; b < n->batch; b++) {
        const float *logits = n->lib->logits(n->state, (int32_t)b);
        SZ_TRY(said(n, logits != NULL, "gives no logits"));
        bool differ = false;
        for (int32_t i = 0; i < n->got.words; i++) {
            if (!isfinite(logits[i]))
                return sz_fail(n->ctx, SZ_ERR_UNAVAILABLE,
                               "llama.cpp gives logits that are no numbers");
            differ |= logits[i] != logits[0];
        }
        if (!differ && n->got.words > 1)
            return sz_fail(n->ctx, SZ_ERR_UNAVAILABLE,
                           "llama.cpp gives the same logit for every token: are all weights 0?");
    }
    sz_check_none(ret_check, "the reference has no operators of this net; logits are finite and "
                             "differ");
    return SZ_OK;
}

// ---- as a runner -------------------------------------------------------------------------------

static size_t layer_count(void *state) {
    (void)state;
    return 1;
}
static sz_run_layer layer(void *state, size_t i) {
    (void)i;
    return ((const net *)state)->layer;
}

// The format of fewest bits that a matrix has: products are done in it, or with it.
static sz_dtype lowest(void *state) {
    const net *n = state;
    sz_dtype lowest = sz_dtype_by_name("f32");
    for (size_t i = 0; i < n->graph->values.n; i++) {
        const sz_value *v = &n->graph->values.items[i];
        if (!v->constant || v->type.kind != SZ_TYPE_TENSOR || v->type.rank < 2) continue;
        if (sz_dtype_get(v->type.dtype)->bits < sz_dtype_get(lowest)->bits) lowest = v->type.dtype;
    }
    return lowest;
}
static double load_s(void *state) { return ((const net *)state)->lib->load_s; }
static int threads(void *state) { return ((const net *)state)->got.threads; }

static void finish(void *state) {
    net *n = state;
    if (n->state) n->lib->end(n->state);
    for (int set = 0; set < SZ_INPUT_SETS; set++)
        if (n->tokens[set]) sz_free(n->ctx, n->tokens[set], (size_t)n->n_tokens * sizeof(int32_t));
    if (n->lib->model) give_model(n->lib);
    sz_free(n->ctx, n, sizeof *n);
}

static const sz_runner_type runner = {.run = run_net,
                                      .check = check_net,
                                      .layer_count = layer_count,
                                      .layer = layer,
                                      .lowest = lowest,
                                      .threads = threads,
                                      .load_s = load_s,
                                      .finish = finish};

static sz_status begin(net *n) {
    enum { AT_ONCE = 2048 }; // as many as its own programs give it, or a whole prompt
    const int64_t least = n->n_tokens > n->batch ? n->n_tokens : n->batch;
    const sz_llama_asked asked = {.size = sizeof asked,
                                  .threads = n->how.threads,
                                  .sequences = (int32_t)n->batch,
                                  .tokens = (int32_t)(n->past + n->seq + n->steps),
                                  .at_once = (int32_t)(least > AT_ONCE ? least : AT_ONCE),
                                  .flash = n->how.flash != 2,
                                  .cache = n->how.cache ? n->how.cache : "f16"};
    n->got.size = sizeof n->got;
    n->state = n->lib->begin(n->lib->model, &asked, &n->got);
    SZ_TRY(said(n, n->state != NULL, "does not take the sizes"));
    if (n->got.words < 1) return said(n, false, "knows no words of the model");
    snprintf(n->kernel, sizeof n->kernel, "cache %s, %s attention, pieces of %d tokens",
             asked.cache, asked.flash ? "flash" : "plain", n->got.piece);
    n->layer = (sz_run_layer){.name = sz_str_c("step"),
                              .turned = SZ_NONE,
                              .op = sz_str_c("llama_decode"),
                              .kernel = n->kernel,
                              .backend = "llama",
                              .time_s = NAN,
                              .quick_s = NAN};
    return SZ_OK;
}

static sz_status create(net *n, const sz_graph *g) {
    if (!n->how.path || !sz_str_is(g->format, "gguf"))
        return sz_fail(n->ctx, SZ_ERR_UNAVAILABLE,
                       "llama.cpp runs GGUF files and nothing else ('llm write' makes one)");
    if (n->how.precision || n->how.streams > 1)
        return sz_fail(n->ctx, SZ_ERR_UNAVAILABLE,
                       "llama.cpp runs a file in the formats that it is written in, one batch at a "
                       "time: leave out --dtype and --streams");
    SZ_TRY(read_sizes(n, g));
    SZ_TRY(take_model(n->ctx, n->lib, n->how.path));
    SZ_TRY(begin(n));
    SZ_TRY(draw_tokens(n));
    return n->past > 0 ? fill_cache(n) : SZ_OK;
}

sz_status sz_llama_compile(sz_ctx *ctx, void *library, sz_graph *g, const sz_run_how *how,
                           sz_runner *ret_runner) {
    net *n = sz_alloc(ctx, sizeof *n);
    if (!n) return sz_no_memory(ctx);
    n->ctx = ctx, n->lib = library, n->how = *how, n->graph = g;
    const sz_status status = create(n, g);
    if (status == SZ_OK)
        *ret_runner = (sz_runner){&runner, n};
    else
        finish(n);
    return status;
}
