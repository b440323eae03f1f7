// SPDX-License-Identifier: Apache-2.0
// OpenVINO through its C interface, private to src/run/backends/openvino*.c.
//
// The library is opened at run time and its header is not needed: what is called of it is declared
// here as openvino/c/*.h of 2026.4 has it. It takes a net whole: openvino_net.c makes a model that
// it can read, openvino_run.c compiles and runs it, openvino_layers.c asks what ran.
#ifndef SZ_BACKEND_OPENVINO_H
#define SZ_BACKEND_OPENVINO_H

#include "run/backends/profiles.h"
#include "run/backends/runner.h"

typedef int sz_vino_status; // 0 = right

typedef struct sz_vino_version {
    const char *build, *what;
} sz_vino_version;
typedef struct sz_vino_shape {
    int64_t rank, *dims;
} sz_vino_shape;
typedef struct sz_vino_range {
    int64_t min, max;
} sz_vino_range;
typedef struct sz_vino_partial_shape {
    sz_vino_range rank, *dims;
} sz_vino_partial_shape;
typedef struct sz_vino_property {
    const char *key;
    const void *value;
} sz_vino_property;
typedef struct sz_vino_profile {
    int state; // SZ_VINO_EXECUTED, or less
    int64_t real_us, cpu_us;
    const char *name, *exec_type, *type;
} sz_vino_profile;
typedef struct sz_vino_profiles {
    sz_vino_profile *items;
    size_t n;
} sz_vino_profiles;
enum { SZ_VINO_EXECUTED = 2 };
// Called twice: with NULL for the size, then to fill.
typedef void sz_vino_crypt(const char *in, size_t n, char *out, size_t *ret_n);
typedef struct sz_vino_crypts {
    sz_vino_crypt *encrypt, *decrypt;
} sz_vino_crypts;

// F(result, name without ov_, parameters). Handles are void *: the library has a type for each.
#define SZ_VINO_FUNCTIONS(F)                                                                       \
    F(sz_vino_status, get_openvino_version, (sz_vino_version *))                                   \
    F(void, version_free, (sz_vino_version *))                                                     \
    F(const char *, get_last_err_msg, (void))                                                      \
    F(void, free, (const char *))                                                                  \
    F(sz_vino_status, core_create, (void **))                                                      \
    F(sz_vino_status, core_read_model, (void *, const char *, const char *, void **))              \
    F(sz_vino_status, core_read_model_from_memory_buffer,                                          \
      (void *, const char *, size_t, void *, void **))                                             \
    F(sz_vino_status, core_compile_model_props,                                                    \
      (void *, void *, const char *, size_t, const sz_vino_property *, void **))                   \
    F(void, model_free, (void *))                                                                  \
    F(sz_vino_status, model_inputs_size, (void *, size_t *))                                       \
    F(sz_vino_status, model_outputs_size, (void *, size_t *))                                      \
    F(sz_vino_status, model_const_input_by_index, (void *, size_t, void **))                       \
    F(sz_vino_status, model_reshape_by_port_indexes,                                               \
      (void *, const size_t *, const sz_vino_partial_shape *, size_t))                             \
    F(sz_vino_status, port_get_any_name, (void *, char **))                                        \
    F(sz_vino_status, port_get_element_type, (void *, int *))                                      \
    F(void, output_const_port_free, (void *))                                                      \
    F(sz_vino_status, compiled_model_get_property, (void *, const char *, char **))                \
    F(sz_vino_status, compiled_model_create_infer_request, (void *, void **))                      \
    F(sz_vino_status, compiled_model_export_model, (void *, const char *))                         \
    F(void, compiled_model_free, (void *))                                                         \
    F(sz_vino_status, infer_request_set_input_tensor_by_index, (void *, size_t, void *))           \
    F(sz_vino_status, infer_request_get_output_tensor_by_index, (void *, size_t, void **))         \
    F(sz_vino_status, infer_request_infer, (void *))                                               \
    F(sz_vino_status, infer_request_start_async, (void *))                                         \
    F(sz_vino_status, infer_request_wait, (void *))                                                \
    F(sz_vino_status, infer_request_get_profiling_info, (void *, sz_vino_profiles *))              \
    F(void, infer_request_free, (void *))                                                          \
    F(void, profiling_info_list_free, (sz_vino_profiles *))                                        \
    F(sz_vino_status, tensor_create_from_host_ptr, (int, sz_vino_shape, void *, void **))          \
    F(sz_vino_status, tensor_get_shape, (void *, sz_vino_shape *))                                 \
    F(sz_vino_status, tensor_get_element_type, (void *, int *))                                    \
    F(sz_vino_status, tensor_data, (void *, void **))                                              \
    F(void, tensor_free, (void *))                                                                 \
    F(sz_vino_status, shape_free, (sz_vino_shape *))

typedef struct sz_vino {
    void *library, *core;
    char version[96];
#define F(result, name, parameters) result(*name) parameters;
    SZ_VINO_FUNCTIONS(F)
#undef F
} sz_vino;

// SZ_ERR_UNAVAILABLE: "OpenVINO WHAT: its own words, on one line". OK when `status` is right.
sz_status sz_vino_said(sz_ctx *ctx, const sz_vino *lib, sz_vino_status status, const char *what);

// ov_element_type_e and our formats; -1 and 0 where the other has none.
int sz_vino_element(sz_dtype t);
sz_dtype sz_vino_dtype(int element);
// Of a word of the library: "bf16", "I8"; 0 = none.
sz_dtype sz_vino_dtype_of_word(const char *word);

// ---- a net -------------------------------------------------------------------------------------

typedef struct sz_vino_input {
    sz_value_id id;
    int element;
    size_t mapped[SZ_INPUT_SETS];
    char *pages[SZ_INPUT_SETS]; // the numbers begin SZ_VINO_SKEW bytes later, by input
    void *tensors[SZ_INPUT_SETS];
} sz_vino_input;

// A compiled model with its requests: of each, the inputs are bound once.
typedef struct sz_vino_compiled {
    void *model;
    void **requests;
    int n;
} sz_vino_compiled;

typedef struct sz_vino_layer {
    sz_run_layer shown;
    size_t at;                  // in the library's list, which is the same for each run
    int64_t total_us, first_us; // of all runs, of the first
} sz_vino_layer;

typedef struct sz_vino_net {
    sz_ctx *ctx;
    sz_graph *graph;
    const sz_vino *lib;
    sz_run_how how;
    const char *cache; // format of a decoder's state, in the library's words; NULL = it has none
    sz_arena arena;
    sz_ref *numbers[SZ_INPUT_SETS];
    void *model;      // as read and reshaped
    bool is_numbered; // node k of the graph is called "k" in it
    bool is_joined;   // layers have their sources
    sz_vino_input *inputs;
    size_t n_inputs;
    sz_vino_compiled timed, looked_at; // the second one counts its layers' times
    sz_vino_layer *layers;
    size_t n_layers;
    sz_profiles profiles; // runs of `looked_at` without the cold first one
    int64_t profiled;     // its runs so far, the cold one too
    int threads, next;
    sz_dtype precision, lowest; // read back; of what ran
} sz_vino_net;

// Reads a model of the graph into net->model (openvino_net.c).
sz_status sz_vino_read(sz_vino_net *net);
bool sz_vino_has_weights(const sz_graph *g); // in its files
// Compiles it; counting: times of layers are kept.
sz_status sz_vino_compile(sz_vino_net *net, bool counting, sz_vino_compiled *ret_compiled);
sz_status sz_vino_read_back(sz_vino_net *net); // what it made of precision and threads
void sz_vino_compiled_finish(sz_vino_net *net, sz_vino_compiled *c);
// Makes the library show the net as it is after its passes (openvino_join.c).
extern const sz_vino_crypts sz_vino_map_callbacks;
// Which layers ran, and what each does (openvino_layers.c). Runs it once.
sz_status sz_vino_look(sz_vino_net *net);
sz_status sz_vino_profile_once(sz_vino_net *net);
// What the library says after a run that took run_s: of the first one the layers, of all the times.
sz_status sz_vino_take_profile(sz_vino_net *net, const sz_vino_profiles *p, double run_s);
// Gives each layer its nodes (openvino_join.c).
sz_status sz_vino_join(sz_vino_net *net);
// A type of layers that multiplies: "Convolution", "MatMul", ...
bool sz_vino_multiplies(const char *type);
// Sets time_s and quick_s of layer i.
void sz_vino_layer_times(sz_vino_net *net, size_t i, sz_run_layer *l);

// A decoder that keeps its cache as a state (openvino_state.c).
bool sz_vino_keeps_state(const sz_graph *g);
sz_status sz_vino_compile_decoder(sz_ctx *ctx, void *library, sz_graph *g, const sz_run_how *how,
                                  sz_runner *ret_runner);

sz_status sz_vino_compile_net(sz_ctx *ctx, void *library, sz_graph *g, const sz_run_how *how,
                              sz_runner *ret_runner);

#endif
