// SPDX-License-Identifier: Apache-2.0
#include "calibrate/choose.h"

#include <math.h>
#include <stdio.h>

#include "base/splitmix.h"

static int below(uint64_t *state, int n) { return (int)((sz_splitmix(state) >> 33) % (uint64_t)n); }

// Between least and most, as likely in each octave, a multiple of `step`.
static int size(uint64_t *state, double least, double most, int step) {
    const double u = (double)(sz_splitmix(state) >> 11) / 9007199254740992.0;
    const double x = least * pow(most / least, u);
    const int n = (int)(x / step + 0.5) * step;
    return n < step ? step : n;
}

// The same, but two thirds are multiples of 32 to 1024, as sizes that people choose. It matters:
// rows of a matrix that are 4 KiB apart fall into the same places of a cache.
static int rounded(uint64_t *r, double least, double most, int step) {
    const int n = size(r, least, most, step), unit = 32 << below(r, 6);
    return below(r, 3) == 0 || n < unit ? n : n / unit * unit;
}

static int batch(uint64_t *state) {
    static const int batches[] = {1, 1, 1, 1, 2, 4};
    return batches[below(state, 6)];
}

// ---- sorts -------------------------------------------------------------------------------------

static void images(uint64_t *r, char *buf, size_t cap) {
    const int seed = below(r, 1000000000), images = batch(r);
    snprintf(buf, cap, "probe:seed=%d,work=%d,batch=%d", seed, size(r, 40, 500, 10) / images,
             images);
}

// Sizes of a stack of equal layers.
typedef struct stack {
    int layers, heads, hidden, ffn, seq, batch;
} stack;

// Sizes of heads that nets use.
static int head_of(uint64_t *r, int hidden) {
    static const int widths[] = {32, 48, 64, 64, 64, 80, 96, 128};
    for (int tries = 0; tries < 16; tries++) {
        const int width = widths[below(r, 8)];
        if (hidden % width == 0) return width;
    }
    return hidden;
}

// As many layers as a run has time for: with few of them all weights stay in the caches, and a
// library is told to be quicker on deep nets than it is.
static stack stacked(uint64_t *r, int most_hidden, int most_seq) {
    static const double most_flops = 5e9;
    stack s = {.hidden = rounded(r, 128, most_hidden, 16)};
    s.heads = s.hidden / head_of(r, s.hidden);
    s.seq = size(r, 16, most_seq, below(r, 3) ? 8 : 1);
    s.ffn = below(r, 2) ? 4 * s.hidden : rounded(r, s.hidden, 4 * s.hidden, 16);
    s.batch = s.hidden * s.seq > 100000 ? 1 : batch(r);
    s.layers = size(r, 1, 12, 1);
    const double layer = 2.0 * s.hidden * s.seq * s.batch * (4.0 * s.hidden + 2.0 * s.ffn);
    if (s.layers * layer > most_flops) s.layers = (int)fmax(1, most_flops / layer);
    return s;
}

static const char *activation(uint64_t *r) {
    static const char *const acts[] = {"gelu", "gelu", "relu", "silu"};
    return acts[below(r, 4)];
}

static void tokens(uint64_t *r, char *buf, size_t cap) {
    const stack s = stacked(r, 1280, 512);
    snprintf(buf, cap, "transformer:layers=%d,heads=%d,hidden=%d,ffn=%d,seq=%d,batch=%d,act=%s",
             s.layers, s.heads, s.hidden, s.ffn, s.seq, s.batch, activation(r));
}

// With the tables of tokens before and, in every second, the product with all of them behind.
static void texts(uint64_t *r, char *buf, size_t cap) {
    const stack s = stacked(r, 1024, 256);
    snprintf(buf, cap, "%s:layers=%d,heads=%d,hidden=%d,ffn=%d,seq=%d,batch=%d,vocab=%d,act=%s",
             below(r, 2) ? "bert" : "gpt", s.layers, s.heads, s.hidden, s.ffn, s.seq, s.batch,
             size(r, 500, 32000, 100), activation(r));
}

static void patches(uint64_t *r, char *buf, size_t cap) {
    static const int sides[] = {8, 14, 16, 16, 32};
    const stack s = stacked(r, 1024, 200);
    const int patch = sides[below(r, 5)], side = (int)fmax(2, sqrt(s.seq));
    snprintf(buf, cap, "vit:layers=%d,heads=%d,hidden=%d,ffn=%d,image=%d,patch=%d,batch=%d",
             s.layers, s.heads, s.hidden, s.ffn, patch * side, patch, s.batch);
}

static void decoders(uint64_t *r, char *buf, size_t cap) {
    const int width = below(r, 2) ? 64 : 128, hidden = rounded(r, width, 1536, width);
    const int heads = hidden / width, groups = heads % 4 == 0 ? 4 : 1;
    const int seq = below(r, 2) ? 1 : size(r, 8, 256, 8);
    const int layers = (int)fmin(size(r, 1, 8, 1), fmax(1, 5e8 / hidden / hidden / seq));
    snprintf(buf, cap,
             "llama:layers=%d,heads=%d,kv_heads=%d,hidden=%d,ffn=%d,vocab=%d,seq=%d,past=%d",
             layers, heads, heads / groups, hidden, rounded(r, 2 * hidden, 4 * hidden, 16),
             size(r, 500, 16000, 100), seq, below(r, 2) ? 0 : size(r, 16, 1024, 16));
}

static void units(uint64_t *r, char *buf, size_t cap) {
    snprintf(buf, cap, "mlp:input=%d,layers=%d,width=%d,output=%d,batch=%d",
             rounded(r, 16, 16384, 8), 1 + below(r, 4), rounded(r, 16, 4096, 8),
             size(r, 2, 1000, 1), size(r, 1, 128, 1));
}

// One product alone, whose operands stay in the caches: people ask about those too.
static void product(uint64_t *r, char *buf, size_t cap) {
    static const double most_flops = 4e9;
    const int step = below(r, 3) ? 8 : 1; // a third has sizes that fill no vector
    // A single row is another kernel, and in nets it runs with all else out of the caches.
    const int rows = below(r, 6) ? size(r, 1, 1024, 1) : 1, depth = rounded(r, 16, 4096, step);
    const int most = (int)fmin(4096, most_flops / 2 / rows / depth);
    snprintf(buf, cap, "gemm:m=%d,n=%d,k=%d,bias=%d", rows, rounded(r, 16, most, step), depth,
             below(r, 2));
}

// One convolution alone, with what a library puts around it to turn its data.
static void convolution(uint64_t *r, char *buf, size_t cap) {
    static const int windows[] = {1, 1, 3, 3, 3, 5}, sides[] = {7, 14, 28, 56, 112};
    static const double most_flops = 4e9;
    const int window = windows[below(r, 6)];
    const int side = below(r, 2) ? sides[below(r, 5)] : size(r, 5, 128, 1);
    const int in = rounded(r, 3, 1024, below(r, 2) ? 8 : 1), images = batch(r);
    const int most = (int)fmin(1024, most_flops / 2 / images / side / side / window / window / in);
    snprintf(buf, cap,
             "conv2d:channels=%d,filters=%d,size=%d,kernel=%d,pad=%d,stride=%d,batch=%d", in,
             rounded(r, 8, fmax(8, most), below(r, 2) ? 8 : 1), side, window, window / 2,
             1 + !below(r, 4), images);
}

// Little but looking up.
static void tables(uint64_t *r, char *buf, size_t cap) {
    const int rows = size(r, 1000, 100000, 1);
    if (below(r, 2))
        snprintf(buf, cap, "ncf:users=%d,items=%d,factors=%d,width=%d,batch=%d", rows,
                 size(r, 1000, 100000, 1), size(r, 8, 128, 8), size(r, 32, 1024, 8),
                 size(r, 1, 256, 1));
    else
        snprintf(buf, cap, "dlrm:dense=%d,tables=%d,rows=%d,dim=%d,batch=%d", size(r, 4, 64, 1),
                 size(r, 2, 26, 1), rows, size(r, 8, 128, 8), size(r, 1, 128, 1));
}

static void sequences(uint64_t *r, char *buf, size_t cap) {
    static const char *const cells[] = {"lstm", "lstm", "gru", "gru", "rnn"};
    snprintf(buf, cap, "%s:input=%d,units=%d,steps=%d,layers=%d,batch=%d", cells[below(r, 5)],
             rounded(r, 16, 1024, 8), rounded(r, 16, 1024, 8), size(r, 4, 128, 1), 1 + below(r, 3),
             below(r, 2) ? 1 : size(r, 1, 32, 1));
}

static const struct {
    double share; // of the nets, while nothing is known about their errors
    void (*put)(uint64_t *r, char *buf, size_t cap);
} sorts[SZ_NET_SORTS] = {
    {36, images},  {20, tokens}, {6, texts},  {4, patches},
    {7, decoders}, {8, units},   {4, tables}, {15, sequences}, {16, product}, {16, convolution},
};

int sz_choose_net(uint64_t seed, uint64_t i, const double *errors, char *buf, size_t cap) {
    uint64_t state = seed * 0x2545f4914f6cdd1du + i;
    double sum = 0;
    for (int k = 0; k < SZ_NET_SORTS; k++) sum += sorts[k].share * (errors ? errors[k] : 1);
    double at = (double)(sz_splitmix(&state) >> 11) / 9007199254740992.0 * sum;
    int k = 0;
    for (; k < SZ_NET_SORTS - 1; k++) {
        at -= sorts[k].share * (errors ? errors[k] : 1);
        if (at < 0) break;
    }
    sorts[k].put(&state, buf, cap);
    return k;
}
