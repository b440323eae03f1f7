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

static int batch(uint64_t *state) {
    static const int batches[] = {1, 1, 1, 1, 2, 4};
    return batches[below(state, 6)];
}

// ---- sorts -------------------------------------------------------------------------------------

static void images(uint64_t *r, char *buf, size_t cap) {
    snprintf(buf, cap, "probe:seed=%d,work=%d,batch=%d", below(r, 1000000000), size(r, 20, 400, 10),
             batch(r));
}

// Sizes of heads that nets use; two thirds have a hidden size that is a multiple of 64.
static void tokens(uint64_t *r, char *buf, size_t cap) {
    static const int widths[] = {32, 48, 64, 64, 64, 80, 96, 128};
    const int width = widths[below(r, 8)];
    const int most = 1280 / width, heads = 1 + below(r, most);
    const int seq = size(r, 8, 512, below(r, 3) ? 8 : 1), hidden = heads * width;
    const int ffn = below(r, 2) ? 4 * hidden : size(r, hidden, 4 * hidden, 16);
    static const char *const acts[] = {"gelu", "gelu", "relu", "silu"};
    snprintf(buf, cap, "transformer:layers=%d,heads=%d,hidden=%d,ffn=%d,seq=%d,batch=%d,act=%s",
             1 + below(r, 2), heads, hidden, ffn, seq, hidden * seq > 100000 ? 1 : batch(r),
             acts[below(r, 4)]);
}

static void decoders(uint64_t *r, char *buf, size_t cap) {
    const int width = below(r, 2) ? 64 : 128, heads = 1 + below(r, 1024 / width);
    const int hidden = heads * width, groups = heads % 4 == 0 ? 4 : 1;
    snprintf(buf, cap,
             "llama:layers=1,heads=%d,kv_heads=%d,hidden=%d,ffn=%d,vocab=%d,seq=%d,past=%d", heads,
             heads / groups, hidden, size(r, 2 * hidden, 4 * hidden, 16), size(r, 500, 8000, 100),
             below(r, 2) ? 1 : size(r, 8, 256, 8), below(r, 2) ? 0 : size(r, 16, 1024, 16));
}

static void units(uint64_t *r, char *buf, size_t cap) {
    snprintf(buf, cap, "mlp:input=%d,layers=%d,width=%d,output=%d,batch=%d", size(r, 16, 4096, 8),
             1 + below(r, 4), size(r, 16, 4096, 8), size(r, 2, 1000, 1), size(r, 1, 128, 1));
}

static void sequences(uint64_t *r, char *buf, size_t cap) {
    snprintf(buf, cap, "%s:input=%d,units=%d,steps=%d,layers=%d,batch=%d",
             below(r, 2) ? "lstm" : "gru", size(r, 16, 1024, 8), size(r, 16, 1024, 8),
             size(r, 4, 128, 1), 1 + below(r, 2), below(r, 2) ? 1 : size(r, 1, 32, 1));
}

// In a hundred.
static const struct {
    int share;
    void (*put)(uint64_t *r, char *buf, size_t cap);
} sorts[] = {{45, images}, {25, tokens}, {6, decoders}, {10, units}, {14, sequences}};

void sz_choose_net(uint64_t seed, uint64_t i, char *buf, size_t cap) {
    uint64_t state = seed * 0x2545f4914f6cdd1du + i;
    int which = below(&state, 100);
    size_t k = 0;
    while (which >= sorts[k].share) which -= sorts[k++].share;
    sorts[k].put(&state, buf, cap);
}
