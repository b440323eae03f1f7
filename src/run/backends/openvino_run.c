// SPDX-License-Identifier: Apache-2.0
// A net on OpenVINO: read, reshaped, compiled, run, checked.
#include "run/backends/openvino.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/pages.h"

static sz_status said(const sz_vino_net *net, sz_vino_status status, const char *what) {
    return sz_vino_said(net->ctx, net->lib, status, what);
}

// ---- inputs ------------------------------------------------------------------------------------

// No two buffers begin at the same place of a page; each at a line of the caches, so that the
// library reads it where it is.
static size_t skew(size_t i) { return 64 * (1 + i % 61); }

static sz_value_id input_named(const sz_graph *g, const char *name, size_t index) {
    for (size_t i = 0; i < g->inputs.n; i++)
        if (sz_str_is(sz_graph_value(g, g->inputs.items[i])->name, name)) return g->inputs.items[i];
    return index < g->inputs.n ? g->inputs.items[index] : SZ_NONE;
}

// Which input of the graph is input i of the model? By name; formats that have none, by place.
static sz_status match_input(sz_vino_net *net, size_t i) {
    const sz_vino *lib = net->lib;
    sz_vino_input *in = &net->inputs[i];
    void *port = NULL;
    char *name = NULL;
    SZ_TRY(said(net, lib->model_const_input_by_index(net->model, i, &port), "shows no input"));
    if (lib->port_get_any_name(port, &name) != 0) name = NULL;
    in->id = input_named(net->graph, name ? name : "", i);
    if (name) lib->free(name);
    const sz_vino_status status = lib->port_get_element_type(port, &in->element);
    lib->output_const_port_free(port);
    SZ_TRY(said(net, status, "tells no type of an input"));
    if (in->id == SZ_NONE)
        return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "OpenVINO sees more inputs than the net has");
    const sz_value *v = sz_graph_value(net->graph, in->id);
    if (v->type.kind != SZ_TYPE_TENSOR || sz_vino_dtype(in->element) != v->type.dtype ||
        sz_buffer_width(v->type.dtype) == 0 || sz_dtype_get(v->type.dtype)->bits < 8)
        return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE,
                       "input '%s' of type %s is not given to OpenVINO here",
                       sz_show(net->ctx, v->name), sz_type_text(net->graph, &v->type));
    return SZ_OK;
}

static sz_status match_inputs(sz_vino_net *net) {
    SZ_TRY(said(net, net->lib->model_inputs_size(net->model, &net->n_inputs), "has no inputs"));
    net->inputs = sz_arena_array(&net->arena, net->n_inputs + 1, sizeof *net->inputs);
    if (!net->inputs) return sz_no_memory(net->ctx);
    for (size_t i = 0; i < net->n_inputs; i++) SZ_TRY(match_input(net, i));
    return SZ_OK;
}

// All shapes are fixed before compiling: a free one would run with nothing in it.
static sz_status reshape(sz_vino_net *net) {
    const size_t n = net->n_inputs;
    size_t *ports = sz_arena_array(&net->arena, n + 1, sizeof *ports);
    sz_vino_partial_shape *shapes = sz_arena_array(&net->arena, n + 1, sizeof *shapes);
    if (!ports || !shapes) return sz_no_memory(net->ctx);
    for (size_t i = 0; i < n; i++) {
        const sz_type *t = &sz_graph_value(net->graph, net->inputs[i].id)->type;
        ports[i] = i;
        shapes[i].rank = (sz_vino_range){t->rank, t->rank};
        shapes[i].dims = sz_arena_array(&net->arena, (size_t)t->rank + 1, sizeof(sz_vino_range));
        if (!shapes[i].dims) return sz_no_memory(net->ctx);
        for (int32_t d = 0; d < t->rank; d++)
            shapes[i].dims[d] = (sz_vino_range){t->dims[d], t->dims[d]};
    }
    if (n == 0) return SZ_OK;
    return said(net, net->lib->model_reshape_by_port_indexes(net->model, ports, shapes, n),
                "does not take these shapes");
}

static sz_status fill_input(sz_vino_net *net, size_t i, int set) {
    sz_vino_input *in = &net->inputs[i];
    sz_buffer *b;
    SZ_TRY(sz_ref_source(net->numbers[set], in->id, &b));
    in->mapped[set] = b->bytes + 8192;
    in->pages[set] = sz_pages_map(in->mapped[set]);
    sz_status status = in->pages[set] ? SZ_OK : sz_no_memory(net->ctx);
    if (status == SZ_OK) {
        char *to = in->pages[set] + skew(i * SZ_INPUT_SETS + (size_t)set);
        const sz_vino_shape shape = {b->rank, b->dims};
        memcpy(to, b->data, b->bytes);
        status = said(
            net, net->lib->tensor_create_from_host_ptr(in->element, shape, to, &in->tensors[set]),
            "takes no numbers");
    }
    if (status == SZ_OK) status = sz_ref_give(net->numbers[set], in->id, b);
    sz_buffer_release(net->ctx, b);
    return status;
}

static sz_status fill_inputs(sz_vino_net *net) {
    for (size_t i = 0; i < net->n_inputs; i++)
        for (int set = 0; set < SZ_INPUT_SETS; set++) SZ_TRY(fill_input(net, i, set));
    return SZ_OK;
}

// ---- compiling ---------------------------------------------------------------------------------

// The precision is always asked for: left alone, f32 runs as bf16 where the CPU has it, and
// products with packed weights round what they are given to 8 bits where it has AVX-512 VNNI.
static const char *precision_of(const sz_vino_net *net) {
    const sz_graph *g = net->graph;
    sz_dtype lowest = net->how.precision;
    for (size_t i = 0; !lowest && i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        if (v->type.kind == SZ_TYPE_TENSOR && (v->constant || v->kind == SZ_VALUE_INPUT) &&
            sz_dtype_get(v->type.dtype)->cls == SZ_CLASS_FLOAT && v->type.rank > 1)
            lowest = v->type.dtype; // as the net is written: of its first matrix of floats
    }
    const char *name = sz_dtype_get(lowest)->name;
    return strcmp(name, "bf16") == 0 || strcmp(name, "f16") == 0 ? name : "f32";
}

static sz_status add_request(sz_vino_net *net, sz_vino_compiled *c, int set) {
    const sz_vino *lib = net->lib;
    void **request = &c->requests[c->n];
    SZ_TRY(
        said(net, lib->compiled_model_create_infer_request(c->model, request), "makes no request"));
    c->n++;
    for (size_t i = 0; i < net->n_inputs; i++)
        SZ_TRY(said(
            net,
            lib->infer_request_set_input_tensor_by_index(*request, i, net->inputs[i].tensors[set]),
            "does not take an input"));
    return SZ_OK;
}

static sz_status add_requests(sz_vino_net *net, int per_set, sz_vino_compiled *c) {
    c->requests = sz_arena_array(&net->arena, (size_t)per_set * SZ_INPUT_SETS, sizeof *c->requests);
    if (!c->requests) return sz_no_memory(net->ctx);
    for (int set = 0; set < SZ_INPUT_SETS; set++)
        for (int k = 0; k < per_set; k++) SZ_TRY(add_request(net, c, set));
    return SZ_OK;
}

sz_status sz_vino_compile(sz_vino_net *net, bool counting, sz_vino_compiled *c) {
    const int streams = counting || net->how.streams < 1 ? 1 : net->how.streams;
    char threads[16], n_streams[16];
    snprintf(threads, sizeof threads, "%d", net->how.threads);
    snprintf(n_streams, sizeof n_streams, "%d", streams);
    sz_vino_property properties[8] = {
        {"INFERENCE_PRECISION_HINT", precision_of(net)},
        {"DYNAMIC_QUANTIZATION_GROUP_SIZE", "0"},
        {"INFERENCE_NUM_THREADS", threads},
        {"NUM_STREAMS", n_streams},
        {"ENABLE_CPU_PINNING", "NO"}, // a thread that may not move waits for whoever is there
        {"PERF_COUNT", counting ? "YES" : "NO"},
    };
    size_t n = 6;
    if (net->cache) properties[n++] = (sz_vino_property){"KV_CACHE_PRECISION", net->cache};
    if (counting)
        properties[n++] =
            (sz_vino_property){"CACHE_ENCRYPTION_CALLBACKS", &sz_vino_map_callbacks};
    SZ_TRY(said(net,
                net->lib->core_compile_model_props(net->lib->core, net->model, "CPU", n, properties,
                                                   &c->model),
                "does not compile the net"));
    return add_requests(net, streams, c);
}

void sz_vino_compiled_finish(sz_vino_net *net, sz_vino_compiled *c) {
    for (int i = 0; i < c->n; i++) net->lib->infer_request_free(c->requests[i]);
    if (c->model) net->lib->compiled_model_free(c->model);
    *c = (sz_vino_compiled){NULL, NULL, 0};
}

// What it made of what it was asked for.
sz_status sz_vino_read_back(sz_vino_net *net) {
    const sz_vino *lib = net->lib;
    char *word = NULL;
    SZ_TRY(said(
        net, lib->compiled_model_get_property(net->timed.model, "INFERENCE_PRECISION_HINT", &word),
        "does not tell its precision"));
    net->precision = sz_vino_dtype_of_word(word);
    lib->free(word);
    SZ_TRY(said(net,
                lib->compiled_model_get_property(net->timed.model, "INFERENCE_NUM_THREADS", &word),
                "does not tell its threads"));
    net->threads = (int)strtol(word, NULL, 10);
    lib->free(word);
    if (net->precision) return SZ_OK;
    return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "OpenVINO does not tell its precision");
}

// ---- running -----------------------------------------------------------------------------------

// With streams, so many batches at once.
static sz_status run_set(sz_vino_net *net, int set) {
    const sz_vino *lib = net->lib;
    const int each = net->timed.n / SZ_INPUT_SETS;
    void *const *requests = net->timed.requests + (ptrdiff_t)set * each;
    if (each == 1) return said(net, lib->infer_request_infer(requests[0]), "does not run the net");
    for (int k = 0; k < each; k++)
        SZ_TRY(said(net, lib->infer_request_start_async(requests[k]), "does not run the net"));
    for (int k = 0; k < each; k++)
        SZ_TRY(said(net, lib->infer_request_wait(requests[k]), "does not run the net"));
    return SZ_OK;
}

static sz_status run_net(void *state) {
    sz_vino_net *net = state;
    const int set = net->next;
    net->next = set + 1 < SZ_INPUT_SETS ? set + 1 : 0;
    return run_set(net, set);
}

// ---- checking ----------------------------------------------------------------------------------

// Output o where the library left it, as a buffer.
static sz_status take_output(sz_vino_net *net, void *tensor, sz_buffer *b) {
    const sz_vino *lib = net->lib;
    sz_vino_shape shape = {0, NULL};
    int element = 0;
    SZ_TRY(said(net, lib->tensor_get_element_type(tensor, &element), "tells no type"));
    SZ_TRY(said(net, lib->tensor_data(tensor, &b->data), "gives no numbers"));
    SZ_TRY(said(net, lib->tensor_get_shape(tensor, &shape), "tells no shape"));
    b->dtype = sz_vino_dtype(element), b->rank = (int32_t)shape.rank, b->holders = 1, b->count = 1;
    bool fits = b->dtype && shape.rank <= SZ_MAX_RANK && sz_buffer_width(b->dtype) > 0;
    for (int64_t d = 0; fits && d < shape.rank; d++) {
        b->dims[d] = shape.dims[d];
        fits = sz_mul(b->count, shape.dims[d], &b->count);
    }
    lib->shape_free(&shape);
    b->bytes = (size_t)b->count * sz_buffer_width(b->dtype);
    return fits ? SZ_OK : sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "an output is no tensor of ours");
}

static sz_status take_outputs(sz_vino_net *net, const sz_buffer **outputs, void **tensors) {
    size_t n = 0;
    SZ_TRY(said(net, net->lib->model_outputs_size(net->model, &n), "has no outputs"));
    if (n != net->graph->outputs.n)
        return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "OpenVINO sees %zu outputs, the net has %zu",
                       n, net->graph->outputs.n);
    for (size_t o = 0; o < n; o++) {
        sz_buffer *b = sz_arena_alloc(&net->arena, sizeof *b);
        if (!b) return sz_no_memory(net->ctx);
        SZ_TRY(said(net,
                    net->lib->infer_request_get_output_tensor_by_index(net->timed.requests[0], o,
                                                                       &tensors[o]),
                    "gives no output"));
        SZ_TRY(take_output(net, tensors[o], b));
        outputs[o] = b;
    }
    return SZ_OK;
}

// The format that sets the error: that of the arithmetic, or a lower one that the net is written
// in, as the reference rounds to it.
static sz_dtype rounded_to(const sz_vino_net *net) {
    const sz_graph *g = net->graph;
    sz_dtype lowest = net->lowest;
    if (sz_dtype_get(lowest)->cls != SZ_CLASS_FLOAT) return lowest;
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_type *t = &g->values.items[i].type;
        if (t->kind == SZ_TYPE_TENSOR && sz_dtype_get(t->dtype)->cls == SZ_CLASS_FLOAT &&
            sz_dtype_get(t->dtype)->bits < sz_dtype_get(lowest)->bits)
            lowest = t->dtype;
    }
    return lowest;
}

// Layers of whole numbers with synthetic weights and scales may double any difference: after ten of
// them a single tie of rounding has changed every output. That is no error of the library.
static void excuse(const sz_vino_net *net, sz_check *c) {
    char why[200];
    if (c->is_right || sz_dtype_get(net->lowest)->cls == SZ_CLASS_FLOAT) return;
    if (sz_vino_has_weights(net->graph)) return;
    snprintf(why, sizeof why,
             "whole numbers round to either side of a tie, which synthetic weights and scales may "
             "amplify: off by %.2g of the largest number",
             c->error);
    sz_check_none(c, why);
}

static sz_status check_net(void *state, int64_t flops, sz_check *ret_check) {
    sz_vino_net *net = state;
    const size_t n = net->graph->outputs.n;
    const sz_buffer **outputs = sz_arena_array(&net->arena, n + 1, sizeof *outputs);
    void **tensors = sz_arena_array(&net->arena, n + 1, sizeof *tensors);
    if (!outputs || !tensors) return sz_no_memory(net->ctx);
    SZ_TRY(run_set(net, 0));
    sz_status status = take_outputs(net, outputs, tensors);
    if (status == SZ_OK) status = sz_vino_look(net);
    if (status == SZ_OK)
        status = sz_check_net(net->ctx, net->graph, net->numbers[0], outputs, rounded_to(net),
                              flops, ret_check);
    if (status == SZ_OK) excuse(net, ret_check);
    for (size_t o = 0; o < n; o++)
        if (tensors[o]) net->lib->tensor_free(tensors[o]);
    return status;
}

// ---- as a runner -------------------------------------------------------------------------------

static sz_status profile(void *state) { return sz_vino_profile_once(state); }
static size_t layer_count(void *state) { return ((const sz_vino_net *)state)->n_layers; }

static sz_run_layer layer(void *state, size_t i) {
    sz_vino_net *net = state;
    sz_run_layer l = net->layers[i].shown;
    sz_vino_layer_times(net, i, &l);
    return l;
}

static sz_dtype lowest(void *state) {
    const sz_vino_net *net = state;
    return net->lowest ? net->lowest : net->precision;
}
static int threads(void *state) { return ((const sz_vino_net *)state)->threads; }

static void finish(void *state) {
    sz_vino_net *net = state;
    sz_vino_compiled_finish(net, &net->looked_at);
    sz_vino_compiled_finish(net, &net->timed);
    for (size_t i = 0; i < net->n_inputs; i++)
        for (int s = 0; s < SZ_INPUT_SETS; s++) {
            const sz_vino_input *in = &net->inputs[i];
            if (in->tensors[s]) net->lib->tensor_free(in->tensors[s]);
            if (in->pages[s]) sz_pages_unmap(in->pages[s], in->mapped[s]);
        }
    if (net->model) net->lib->model_free(net->model);
    for (int s = 0; s < SZ_INPUT_SETS; s++) sz_ref_destroy(net->numbers[s]);
    sz_arena_finish(&net->arena);
    sz_free(net->ctx, net, sizeof *net);
}

static const sz_runner_type runner = {.run = run_net,
                                      .check = check_net,
                                      .profile = profile,
                                      .layer_count = layer_count,
                                      .layer = layer,
                                      .lowest = lowest,
                                      .threads = threads,
                                      .finish = finish};

static sz_status create(sz_vino_net *net) {
    if (net->how.training) return sz_fail(net->ctx, SZ_ERR_UNAVAILABLE, "OpenVINO does not train");
    for (int s = 0; s < SZ_INPUT_SETS; s++) {
        const sz_ref_options o = {.seed = net->how.seed + 1000003 * (uint64_t)s};
        SZ_TRY(sz_ref_create(net->ctx, net->graph, &o, &net->numbers[s]));
    }
    SZ_TRY(sz_vino_read(net));
    SZ_TRY(match_inputs(net));
    SZ_TRY(reshape(net));
    SZ_TRY(fill_inputs(net));
    SZ_TRY(sz_vino_compile(net, false, &net->timed));
    return sz_vino_read_back(net);
}

sz_status sz_vino_compile_net(sz_ctx *ctx, void *library, sz_graph *g, const sz_run_how *how,
                              sz_runner *ret_runner) {
    if (sz_vino_keeps_state(g)) return sz_vino_compile_decoder(ctx, library, g, how, ret_runner);
    sz_vino_net *net = sz_alloc(ctx, sizeof *net);
    if (!net) return sz_no_memory(ctx);
    net->ctx = ctx, net->graph = g, net->lib = library, net->how = *how;
    sz_arena_init(&net->arena, ctx);
    const sz_status status = create(net);
    if (status == SZ_OK)
        *ret_runner = (sz_runner){&runner, net};
    else
        finish(net);
    return status;
}
