// SPDX-License-Identifier: Apache-2.0
// A decoder on OpenVINO that keeps its cache as a state (ReadValue, Assign), as exporters of
// language models write them. A run is one step: `seq` new tokens behind `past` ones. The library
// has no call that cuts a state back, so a sequence that is done gives way to a new request, whose
// state is filled before the clock starts.
#include "run/backends/openvino.h"

#include <math.h>
#include <stdio.h>

typedef enum role { TOKENS, MASK, POSITIONS, BEAM, ROLES } role;

static const char *const names[ROLES] = {"input_ids", "attention_mask", "position_ids", "beam_idx"};

typedef struct decoder {
    sz_vino_net net; // what all nets on OpenVINO have; it owns the model
    int64_t batch, seq, past, steps;
    int64_t at; // steps that the state has seen
    role roles[ROLES];
    int elements[ROLES];
    size_t n_inputs;
    unsigned char *room[ROLES]; // of each input, for the longest step
    int64_t *tokens;            // batch x longest step
    void *request;
    sz_status failed; // of what ran before the clock started
    sz_run_layer layer;
    char kernel[48];
} decoder;

static sz_status said(const decoder *d, sz_vino_status status, const char *what) {
    return sz_vino_said(d->net.ctx, d->net.lib, status, what);
}

bool sz_vino_keeps_state(const sz_graph *g) {
    for (size_t i = 0; i < g->nodes.n; i++)
        if (sz_str_is(g->nodes.items[i].op, "ReadValue")) return true;
    return false;
}

// ---- inputs ------------------------------------------------------------------------------------

static int64_t longest(const decoder *d) { return d->past > d->seq ? d->past : d->seq; }
static int64_t end_of(const decoder *d) { return d->past + d->seq * d->steps; }

static sz_status match_input(decoder *d, size_t i) {
    const sz_vino *lib = d->net.lib;
    void *port = NULL;
    char *name = NULL;
    SZ_TRY(said(d, lib->model_const_input_by_index(d->net.model, i, &port), "shows no input"));
    if (lib->port_get_any_name(port, &name) != 0) name = NULL;
    const sz_vino_status status = lib->port_get_element_type(port, &d->elements[i]);
    lib->output_const_port_free(port);
    d->roles[i] = ROLES;
    for (int r = 0; r < ROLES && name; r++)
        if (strcmp(name, names[r]) == 0) d->roles[i] = (role)r;
    const char *shown = sz_show(d->net.ctx, sz_str_c(name ? name : ""));
    if (name) lib->free(name);
    SZ_TRY(said(d, status, "tells no type of an input"));
    const char *type = sz_dtype_get(sz_vino_dtype(d->elements[i]))->name;
    if (d->roles[i] < ROLES && (strcmp(type, "i64") == 0 || strcmp(type, "i32") == 0)) return SZ_OK;
    return sz_fail(d->net.ctx, SZ_ERR_UNAVAILABLE,
                   "input '%s' of type %s of a net with a state is not known here: input_ids, "
                   "attention_mask, position_ids and beam_idx of whole numbers are",
                   shown, type);
}

static sz_status match_inputs(decoder *d) {
    SZ_TRY(said(d, d->net.lib->model_inputs_size(d->net.model, &d->n_inputs), "has no inputs"));
    if (d->n_inputs > ROLES)
        return sz_fail(d->net.ctx, SZ_ERR_UNAVAILABLE,
                       "a net with a state has %zu inputs, %d can be", d->n_inputs, (int)ROLES);
    for (size_t i = 0; i < d->n_inputs; i++) SZ_TRY(match_input(d, i));
    for (size_t i = 0; i < d->n_inputs; i++) {
        int64_t numbers;
        if (!sz_mul(d->batch, end_of(d) + longest(d), &numbers) || numbers > INT32_MAX)
            return sz_fail(d->net.ctx, SZ_ERR_LIMIT, "more than 2^31 tokens");
        d->room[i] = sz_arena_array(&d->net.arena, (size_t)numbers, sizeof(int64_t));
        if (!d->room[i]) return sz_no_memory(d->net.ctx);
    }
    return SZ_OK;
}

// Words that the net knows: those of the graph's input, again and again.
static sz_status draw_tokens(decoder *d, sz_value_id ids) {
    const size_t n = (size_t)(d->batch * longest(d));
    sz_buffer *b;
    d->tokens = sz_arena_array(&d->net.arena, n, sizeof *d->tokens);
    if (!d->tokens) return sz_no_memory(d->net.ctx);
    SZ_TRY(sz_ref_source(d->net.numbers[0], ids, &b));
    const bool is_wide = b->bytes == (size_t)b->count * sizeof(int64_t);
    for (size_t i = 0; i < n && b->count > 0; i++) {
        const size_t k = i % (size_t)b->count;
        d->tokens[i] = is_wide ? ((const int64_t *)b->data)[k] : ((const int32_t *)b->data)[k];
    }
    sz_buffer_release(d->net.ctx, b);
    return SZ_OK;
}

// ---- a step ------------------------------------------------------------------------------------

static int64_t number_of(const decoder *d, role r, int64_t i, int64_t n, int64_t past) {
    return r == TOKENS ? d->tokens[i] : r == MASK ? 1 : r == POSITIONS ? past + i % n : i;
}

static sz_status set_input(decoder *d, size_t i, int64_t n, int64_t past, void **ret_tensor) {
    const role r = d->roles[i];
    int64_t dims[2] = {d->batch, r == MASK ? past + n : n};
    const sz_vino_shape shape = {r == BEAM ? 1 : 2, dims};
    const int64_t count = r == BEAM ? d->batch : dims[0] * dims[1];
    const bool is_wide = strcmp(sz_dtype_get(sz_vino_dtype(d->elements[i]))->name, "i64") == 0;
    for (int64_t k = 0; k < count; k++) {
        const int64_t v = number_of(d, r, k, n, past);
        if (is_wide)
            ((int64_t *)(void *)d->room[i])[k] = v;
        else
            ((int32_t *)(void *)d->room[i])[k] = (int32_t)v;
    }
    SZ_TRY(said(
        d, d->net.lib->tensor_create_from_host_ptr(d->elements[i], shape, d->room[i], ret_tensor),
        "takes no numbers"));
    return said(d, d->net.lib->infer_request_set_input_tensor_by_index(d->request, i, *ret_tensor),
                "does not take an input");
}

static sz_status step(decoder *d, int64_t n, int64_t past) {
    void *tensors[ROLES] = {NULL};
    sz_status status = SZ_OK;
    for (size_t i = 0; i < d->n_inputs && status == SZ_OK; i++)
        status = set_input(d, i, n, past, &tensors[i]);
    if (status == SZ_OK)
        status = said(d, d->net.lib->infer_request_infer(d->request), "does not run the net");
    for (size_t i = 0; i < d->n_inputs; i++)
        if (tensors[i]) d->net.lib->tensor_free(tensors[i]);
    return status;
}

static sz_status start_again(decoder *d) {
    if (d->request) d->net.lib->infer_request_free(d->request);
    d->request = NULL, d->at = 0;
    SZ_TRY(said(d, d->net.lib->compiled_model_create_infer_request(d->net.timed.model, &d->request),
                "makes no request"));
    return d->past > 0 ? step(d, d->past, 0) : SZ_OK;
}

// Not timed.
static void before(void *state) {
    decoder *d = state;
    if (d->failed == SZ_OK && (!d->request || d->at >= d->steps)) d->failed = start_again(d);
}

static sz_status run_net(void *state) {
    decoder *d = state;
    SZ_TRY(d->failed);
    const int64_t past = d->past + d->seq * d->at++;
    return step(d, d->seq, past);
}

// ---- checking ----------------------------------------------------------------------------------

static sz_status look(decoder *d, void *tensor) {
    sz_vino_shape shape = {0, NULL};
    void *data = NULL;
    int element = 0;
    int64_t n = 1;
    bool finite = true, differ = false;
    SZ_TRY(said(d, d->net.lib->tensor_get_element_type(tensor, &element), "tells no type"));
    SZ_TRY(said(d, d->net.lib->tensor_data(tensor, &data), "gives no numbers"));
    SZ_TRY(said(d, d->net.lib->tensor_get_shape(tensor, &shape), "tells no shape"));
    for (int64_t i = 0; i < shape.rank; i++) n *= shape.dims[i];
    d->net.lib->shape_free(&shape);
    if (strcmp(sz_dtype_get(sz_vino_dtype(element))->name, "f32") != 0) return SZ_OK;
    for (int64_t i = 0; i < n; i++) {
        finite &= isfinite(((const float *)data)[i]) != 0;
        differ |= ((const float *)data)[i] != ((const float *)data)[0];
    }
    if (!finite)
        return sz_fail(d->net.ctx, SZ_ERR_UNAVAILABLE, "OpenVINO gives logits that are no numbers");
    if (differ || n < 2) return SZ_OK;
    return sz_fail(d->net.ctx, SZ_ERR_UNAVAILABLE,
                   "OpenVINO gives the same number for every logit");
}

static sz_status check_net(void *state, int64_t flops, sz_check *ret_check) {
    decoder *d = state;
    void *tensor = NULL;
    (void)flops;
    before(d);
    SZ_TRY(run_net(d));
    SZ_TRY(said(d, d->net.lib->infer_request_get_output_tensor_by_index(d->request, 0, &tensor),
                "gives no output"));
    const sz_status status = look(d, tensor);
    d->net.lib->tensor_free(tensor);
    sz_check_none(ret_check, "the reference keeps no state; outputs are finite and differ");
    return status;
}

// ---- as a runner -------------------------------------------------------------------------------

static size_t layer_count(void *state) {
    (void)state;
    return 1;
}
static sz_run_layer layer(void *state, size_t i) {
    (void)i;
    return ((const decoder *)state)->layer;
}
static sz_dtype lowest(void *state) { return ((const decoder *)state)->net.precision; }
static int threads(void *state) { return ((const decoder *)state)->net.threads; }

static void finish(void *state) {
    decoder *d = state;
    sz_vino_net *net = &d->net;
    if (d->request) net->lib->infer_request_free(d->request);
    sz_vino_compiled_finish(net, &net->timed);
    if (net->model) net->lib->model_free(net->model);
    for (int s = 0; s < SZ_INPUT_SETS; s++) sz_ref_destroy(net->numbers[s]);
    sz_arena_finish(&net->arena);
    sz_free(net->ctx, d, sizeof *d);
}

static const sz_runner_type runner = {.run = run_net,
                                      .before = before,
                                      .check = check_net,
                                      .layer_count = layer_count,
                                      .layer = layer,
                                      .lowest = lowest,
                                      .threads = threads,
                                      .finish = finish};

// Tokens are [batch, seq]; what the state holds before is the second but last axis of what a
// ReadValue gives, [batch, heads, past, size].
static sz_status read_sizes(decoder *d, sz_value_id *ret_ids) {
    const sz_graph *g = d->net.graph;
    d->batch = d->seq = d->past = -1;
    for (size_t i = 0; i < g->inputs.n; i++) {
        const sz_value *v = sz_graph_value(g, g->inputs.items[i]);
        if (!sz_str_is(v->name, names[TOKENS]) || v->type.rank != 2) continue;
        *ret_ids = g->inputs.items[i];
        d->batch = v->type.dims[0], d->seq = v->type.dims[1];
    }
    for (size_t i = 0; i < g->nodes.n && d->past < 0; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (!sz_str_is(n->op, "ReadValue") || n->n_outputs < 1) continue;
        const sz_type *t = &sz_graph_value(g, n->outputs[0])->type;
        if (t->rank == 4) d->past = t->dims[2];
    }
    if (d->batch > 0 && d->seq > 0 && d->past >= 0) {
        d->steps = d->seq == 1 && d->net.how.generate > 1 ? d->net.how.generate : 1;
        return SZ_OK;
    }
    return sz_fail(d->net.ctx, SZ_ERR_UNAVAILABLE,
                   "of a net with a state, input_ids of [batch, seq] and states of [batch, heads, "
                   "past, size] are needed: bind all three");
}

// Left alone, the library keeps keys and values in 8 bits.
static sz_status choose_cache(decoder *d) {
    static const char *const formats[] = {"f16", "f32", "bf16", "u8"};
    const char *asked = d->net.how.cache ? d->net.how.cache : formats[0];
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(asked, formats[i]) == 0) d->net.cache = formats[i];
    if (d->net.cache) return SZ_OK;
    return sz_fail(d->net.ctx, SZ_ERR_UNAVAILABLE,
                   "OpenVINO keeps a cache in f16, f32, bf16 or u8, not in %s", asked);
}

// What it made of what it was asked for.
static sz_status name_cache(decoder *d) {
    char *word = NULL;
    SZ_TRY(said(d,
                d->net.lib->compiled_model_get_property(d->net.timed.model, "KV_CACHE_PRECISION",
                                                        &word),
                "does not tell the format of its state"));
    snprintf(d->kernel, sizeof d->kernel, "with its state in %.8s, shapes free", word);
    d->net.lib->free(word);
    return SZ_OK;
}

static sz_status create(decoder *d) {
    sz_vino_net *net = &d->net;
    sz_value_id ids = SZ_NONE;
    const sz_ref_options o = {.seed = net->how.seed};
    if (net->how.streams > 1)
        return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "a net with a state runs one batch at a time");
    SZ_TRY(choose_cache(d));
    SZ_TRY(read_sizes(d, &ids));
    SZ_TRY(sz_ref_create(net->ctx, net->graph, &o, &net->numbers[0]));
    SZ_TRY(sz_vino_read(net));
    SZ_TRY(match_inputs(d));
    SZ_TRY(draw_tokens(d, ids));
    SZ_TRY(sz_vino_compile(net, false, &net->timed));
    SZ_TRY(sz_vino_read_back(net));
    SZ_TRY(name_cache(d));
    d->layer = (sz_run_layer){.name = sz_str_c("step"),
                              .turned = SZ_NONE,
                              .op = sz_str_c("infer"),
                              .kernel = d->kernel,
                              .backend = "openvino",
                              .time_s = NAN,
                              .quick_s = NAN};
    return start_again(d);
}

sz_status sz_vino_compile_decoder(sz_ctx *ctx, void *library, sz_graph *g, const sz_run_how *how,
                                  sz_runner *ret_runner) {
    decoder *d = sz_alloc(ctx, sizeof *d);
    if (!d) return sz_no_memory(ctx);
    d->net.ctx = ctx, d->net.graph = g, d->net.lib = library, d->net.how = *how;
    sz_arena_init(&d->net.arena, ctx);
    const sz_status status = create(d);
    if (status == SZ_OK)
        *ret_runner = (sz_runner){&runner, d};
    else
        finish(d);
    return status;
}
