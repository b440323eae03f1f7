// SPDX-License-Identifier: Apache-2.0
// What ran, and how long: the times are those of a second compilation that counts them, so that
// the timed one has no counters in it.
#include "run/backends/openvino.h"

#include <math.h>
#include <stdlib.h>

// ---- formats -----------------------------------------------------------------------------------

// Layers whose arithmetic is in the format that their kernel is named after, whole numbers too.
static bool multiplies(const char *type) {
    static const char *const types[] = {
        "Convolution", "Deconvolution",    "FullyConnected",
        "MatMul",      "RNNSeq",           "RNNCell",
        "MHA",         "GroupConvolution", "ScaledDotProductAttention"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0) return true;
    return false;
}

// "brgconv_avx2_f32", "jit_avx2_1x1_I8": what stands behind the last line.
static sz_dtype dtype_of(const char *exec_type) {
    const char *word = strrchr(exec_type, '_');
    return word ? sz_vino_dtype_of_word(word + 1) : 0;
}

static bool is_lower(sz_dtype a, sz_dtype b) {
    return !b || sz_dtype_get(a)->bits < sz_dtype_get(b)->bits;
}

// The format of fewest bits that arithmetic touched; tables and masks of few bits do not count.
static void lower_to(sz_vino_net *net, sz_dtype t, const char *type) {
    if (!t) return;
    const bool is_float = sz_dtype_get(t)->cls == SZ_CLASS_FLOAT;
    if ((is_float || multiplies(type)) && is_lower(t, net->lowest)) net->lowest = t;
}

// ---- layers ------------------------------------------------------------------------------------

static sz_str keep(sz_vino_net *net, const char *text) {
    const char *own = text ? sz_arena_strdup(&net->arena, text, strlen(text)) : NULL;
    return own ? sz_str_c(own) : sz_str_c("");
}

static size_t count_executed(const sz_vino_profiles *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) n += p->items[i].state == SZ_VINO_EXECUTED;
    return n;
}

static sz_status add_layer(sz_vino_net *net, const sz_vino_profile *p) {
    sz_vino_layer *l = &net->layers[net->n_layers++];
    const sz_dtype t = dtype_of(p->exec_type);
    l->times_s = sz_arena_array(&net->arena, SZ_VINO_RUNS, sizeof *l->times_s);
    if (!l->times_s) return sz_no_memory(net->ctx);
    l->shown = (sz_run_layer){.name = keep(net, p->name),
                              .op = keep(net, p->type),
                              .kernel = keep(net, p->exec_type).p,
                              .backend = sz_backend_openvino.name,
                              .dtype = t ? sz_dtype_get(t)->name : NULL,
                              .time_s = NAN};
    lower_to(net, t, p->type);
    return SZ_OK;
}

static sz_status add_layers(sz_vino_net *net, const sz_vino_profiles *p) {
    net->layers = sz_arena_array(&net->arena, count_executed(p) + 1, sizeof *net->layers);
    if (!net->layers) return sz_no_memory(net->ctx);
    net->n_layers = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].state == SZ_VINO_EXECUTED) SZ_TRY(add_layer(net, &p->items[i]));
    return SZ_OK;
}

// ---- times -------------------------------------------------------------------------------------

// The library gives the mean over all runs so far, the cold first one too, in whole microseconds:
// run k took k times this mean less (k - 1) times the one before.
static void add_times(sz_vino_net *net, const sz_vino_profiles *p) {
    const int64_t k = net->profiled + 1; // runs, this one included
    size_t n = 0;
    for (size_t i = 0; i < p->n && n < net->n_layers; i++) {
        if (p->items[i].state != SZ_VINO_EXECUTED) continue;
        sz_vino_layer *l = &net->layers[n++];
        int64_t total;
        if (!sz_mul(p->items[i].real_us, k, &total)) continue;
        if (k == 1)
            l->first_us = total;
        else
            l->times_s[(k - 2) % SZ_VINO_RUNS] = (double)(total - l->total_us) * 1e-6;
        l->total_us = total;
    }
    net->profiled = k;
}

static int by_sum(const void *a, const void *b) {
    const sz_vino_sum *x = a, *y = b;
    return x->time_s < y->time_s ? -1 : x->time_s > y->time_s;
}

// The middle third of the profiled runs, by the sums of their layers. Medians of single layers
// would leave out what disturbs each run at another place, and add up to less than any run took.
static int find_middle(sz_vino_net *net) {
    const int64_t warm = net->profiled - 1;
    const int n = (int)(warm < SZ_VINO_RUNS ? warm : SZ_VINO_RUNS);
    for (int r = 0; r < n; r++) {
        net->sums[r] = (sz_vino_sum){0, r};
        for (size_t i = 0; i < net->n_layers; i++) net->sums[r].time_s += net->layers[i].times_s[r];
    }
    qsort(net->sums, (size_t)n, sizeof *net->sums, by_sum);
    return n;
}

// A mean of whole microseconds blurs run k by k of them. Where that is much of a layer, the mean of
// all runs but the cold one is closer.
double sz_vino_layer_time(sz_vino_net *net, const sz_vino_layer *l) {
    const int64_t warm = net->profiled - 1;
    double sum = 0;
    if (warm < 1) return NAN;
    const double mean = (double)(l->total_us - l->first_us) * 1e-6 / (double)warm;
    if (mean < 20e-6 * (double)net->profiled) return mean > 0 ? mean : 0;
    if (net->summed != net->profiled) net->n_sums = find_middle(net);
    net->summed = net->profiled;
    const int from = net->n_sums / 3, to = net->n_sums - from;
    for (int r = from; r < to; r++) sum += l->times_s[net->sums[r].run];
    return sum / (to - from);
}

// ---- looking -----------------------------------------------------------------------------------

static sz_status run_counted(sz_vino_net *net, sz_vino_profiles *ret_profiles) {
    const sz_vino *lib = net->lib;
    const sz_vino_compiled *c = &net->looked_at;
    void *request = c->requests[net->profiled % c->n];
    SZ_TRY(sz_vino_said(net->ctx, lib, lib->infer_request_infer(request), "does not run the net"));
    return sz_vino_said(net->ctx, lib, lib->infer_request_get_profiling_info(request, ret_profiles),
                        "does not tell what ran");
}

sz_status sz_vino_look(sz_vino_net *net) {
    sz_vino_profiles p = {NULL, 0};
    if (net->looked_at.model) return SZ_OK;
    net->profiled = 0;
    SZ_TRY(sz_vino_compile(net, true, &net->looked_at));
    SZ_TRY(run_counted(net, &p));
    sz_status status = net->layers ? SZ_OK : add_layers(net, &p);
    if (status == SZ_OK) add_times(net, &p);
    net->lib->profiling_info_list_free(&p);
    if (status == SZ_OK && !net->is_joined) status = sz_vino_join(net);
    net->is_joined = true;
    if (!net->how.layers) sz_vino_compiled_finish(net, &net->looked_at);
    return status;
}

sz_status sz_vino_profile_once(sz_vino_net *net) {
    sz_vino_profiles p = {NULL, 0};
    net->how.layers = true; // it is wanted after all
    SZ_TRY(sz_vino_look(net));
    SZ_TRY(run_counted(net, &p));
    add_times(net, &p);
    net->lib->profiling_info_list_free(&p);
    return SZ_OK;
}
