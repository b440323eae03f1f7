// SPDX-License-Identifier: Apache-2.0
// What ran, and how long: the times are those of a second compilation that counts them, so that
// the timed one has no counters in it.
#include "run/backends/openvino.h"

#include <math.h>
#include <stdlib.h>

#include "os/clock.h"

// ---- formats -----------------------------------------------------------------------------------

// Layers whose arithmetic is in the format that their kernel is named after, whole numbers too.
bool sz_vino_multiplies(const char *type) {
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
    if ((is_float || sz_vino_multiplies(type)) && is_lower(t, net->lowest)) net->lowest = t;
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

static sz_status add_layer(sz_vino_net *net, const sz_vino_profiles *all, size_t at) {
    const sz_vino_profile *p = &all->items[at];
    sz_vino_layer *l = &net->layers[net->n_layers++];
    l->at = at;
    const sz_dtype t = dtype_of(p->exec_type);
    l->shown = (sz_run_layer){.name = keep(net, p->name),
                              .op = keep(net, p->type),
                              .kernel = keep(net, p->exec_type).p,
                              .backend = sz_backend_openvino.name,
                              .dtype = t ? sz_dtype_get(t)->name : NULL,
                              .turned = SZ_NONE,
                              .time_s = NAN,
                              .quick_s = NAN};
    lower_to(net, t, p->type);
    return SZ_OK;
}

static sz_status add_layers(sz_vino_net *net, const sz_vino_profiles *p) {
    net->layers = sz_arena_array(&net->arena, count_executed(p) + 1, sizeof *net->layers);
    if (!net->layers) return sz_no_memory(net->ctx);
    SZ_TRY(sz_profiles_init(net->ctx, &net->arena, count_executed(p), &net->profiles));
    net->n_layers = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].state == SZ_VINO_EXECUTED) SZ_TRY(add_layer(net, p, i));
    return SZ_OK;
}

// ---- times -------------------------------------------------------------------------------------

// The library gives the mean over all runs so far, the cold first one too, cut to whole
// microseconds: run k took k times this mean less (k - 1) times the one before. A layer whose mean
// falls below a microsecond is told not to have run any more: its place in the list stays the same,
// its state does not.
static void add_times(sz_vino_net *net, const sz_vino_profiles *p, double run_s) {
    const int64_t k = net->profiled + 1; // runs, this one included
    for (size_t i = 0; i < net->n_layers; i++) {
        sz_vino_layer *l = &net->layers[i];
        int64_t total = 0;
        if (l->at >= p->n || !sz_mul(p->items[l->at].real_us, k, &total)) continue;
        if (k == 1)
            l->first_us = total;
        else
            sz_profiles_put(&net->profiles, i, (double)(total - l->total_us) * 1e-6);
        l->total_us = total;
    }
    if (k > 1) sz_profiles_end(&net->profiles, run_s);
    net->profiled = k;
}

sz_status sz_vino_take_profile(sz_vino_net *net, const sz_vino_profiles *p, double run_s) {
    if (!net->layers) SZ_TRY(add_layers(net, p));
    add_times(net, p, run_s);
    return SZ_OK;
}

// A mean that is cut to whole microseconds blurs run k by k of them. Where that is much of a layer,
// the mean of all runs but the cold one is closer; half a microsecond is what was cut off. A mean
// below one tells no more than that: layers of no time at all would be missing among the short ones
// by which a calibration tells others.
void sz_vino_layer_times(sz_vino_net *net, size_t i, sz_run_layer *ret_layer) {
    const sz_vino_layer *l = &net->layers[i];
    const double warm = (double)(net->profiled - 1), runs = (double)net->profiled;
    if (warm < 1) return;
    const double cut = 0.5, seen = (double)(l->total_us - l->first_us) / warm;
    const double mean = (l->total_us > 0 ? fmax(0, seen + cut) : cut) * 1e-6;
    if (mean < 20e-6 * runs) {
        ret_layer->time_s = mean;
        ret_layer->quick_s = mean * sz_profiles_quickness(&net->profiles);
        return;
    }
    ret_layer->time_s = sz_profiles_usual(&net->profiles, i);
    ret_layer->quick_s = sz_profiles_quick(&net->profiles, i);
}

// ---- looking -----------------------------------------------------------------------------------

static sz_status run_counted(sz_vino_net *net, sz_vino_profiles *ret_profiles, double *ret_s) {
    const sz_vino *lib = net->lib;
    const sz_vino_compiled *c = &net->looked_at;
    void *request = c->requests[net->profiled % c->n];
    const double start = sz_clock_s();
    SZ_TRY(sz_vino_said(net->ctx, lib, lib->infer_request_infer(request), "does not run the net"));
    *ret_s = sz_clock_s() - start;
    return sz_vino_said(net->ctx, lib, lib->infer_request_get_profiling_info(request, ret_profiles),
                        "does not tell what ran");
}

sz_status sz_vino_look(sz_vino_net *net) {
    sz_vino_profiles p = {NULL, 0};
    double run_s;
    if (net->looked_at.model) return SZ_OK;
    net->profiled = 0;
    SZ_TRY(sz_vino_compile(net, true, &net->looked_at));
    SZ_TRY(run_counted(net, &p, &run_s));
    sz_status status = sz_vino_take_profile(net, &p, run_s);
    net->lib->profiling_info_list_free(&p);
    if (status == SZ_OK && !net->is_joined) status = sz_vino_join(net);
    net->is_joined = true;
    if (!net->how.layers) sz_vino_compiled_finish(net, &net->looked_at);
    return status;
}

sz_status sz_vino_profile_once(sz_vino_net *net) {
    sz_vino_profiles p = {NULL, 0};
    double run_s;
    net->how.layers = true; // it is wanted after all
    SZ_TRY(sz_vino_look(net));
    SZ_TRY(run_counted(net, &p, &run_s));
    const sz_status status = sz_vino_take_profile(net, &p, run_s);
    net->lib->profiling_info_list_free(&p);
    return status;
}
