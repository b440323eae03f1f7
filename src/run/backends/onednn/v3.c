// SPDX-License-Identifier: Apache-2.0
// oneDNN 3: descriptions of memory are handles, and a primitive is made by one call of its kind.
#include "run/backends/onednn/onednn.h"

#include "os/dynlib.h"

typedef const void *desc; // of memory, or of a primitive
typedef const int64_t *dims;

#define ELEVEN desc, desc, desc, desc, desc, desc, desc, desc, desc, desc, desc

// F(name, arguments). A result comes first, then the engine; attributes come last.
#define CALLS(F)                                                                                   \
    F(memory_desc_create_with_strides, (void **, int, dims, int, dims))                            \
    F(memory_desc_create_with_tag, (void **, int, dims, int, int))                                 \
    F(memory_desc_destroy, (void *))                                                               \
    F(post_ops_append_eltwise, (void *, int, float, float))                                        \
    F(matmul_primitive_desc_create, (void **, void *, desc, desc, desc, desc, desc))               \
    F(convolution_forward_primitive_desc_create,                                                   \
      (void **, void *, int, int, desc, desc, desc, desc, dims, dims, dims, dims, desc))           \
    F(convolution_backward_data_primitive_desc_create,                                             \
      (void **, void *, int, desc, desc, desc, dims, dims, dims, dims, desc, desc))                \
    F(convolution_backward_weights_primitive_desc_create,                                          \
      (void **, void *, int, desc, desc, desc, desc, dims, dims, dims, dims, desc, desc))          \
    F(deconvolution_forward_primitive_desc_create,                                                 \
      (void **, void *, int, int, desc, desc, desc, desc, dims, dims, dims, dims, desc))           \
    F(pooling_forward_primitive_desc_create,                                                       \
      (void **, void *, int, int, desc, desc, dims, dims, dims, dims, dims, desc))                 \
    F(pooling_backward_primitive_desc_create,                                                      \
      (void **, void *, int, desc, desc, dims, dims, dims, dims, dims, desc, desc))                \
    F(softmax_forward_primitive_desc_create, (void **, void *, int, int, desc, desc, int, desc))   \
    F(softmax_backward_primitive_desc_create,                                                      \
      (void **, void *, int, desc, desc, desc, int, desc, desc))                                   \
    F(layer_normalization_forward_primitive_desc_create,                                           \
      (void **, void *, int, desc, desc, desc, float, unsigned, desc))                             \
    F(layer_normalization_backward_primitive_desc_create,                                          \
      (void **, void *, int, desc, desc, desc, desc, float, unsigned, desc, desc))                 \
    F(batch_normalization_forward_primitive_desc_create,                                           \
      (void **, void *, int, desc, desc, float, unsigned, desc))                                   \
    F(batch_normalization_backward_primitive_desc_create,                                          \
      (void **, void *, int, desc, desc, desc, float, unsigned, desc, desc))                       \
    F(eltwise_forward_primitive_desc_create,                                                       \
      (void **, void *, int, int, desc, desc, float, float, desc))                                 \
    F(eltwise_backward_primitive_desc_create,                                                      \
      (void **, void *, int, desc, desc, desc, float, float, desc, desc))                          \
    F(binary_primitive_desc_create, (void **, void *, int, desc, desc, desc, desc))                \
    F(reduction_primitive_desc_create, (void **, void *, int, desc, desc, float, float, desc))     \
    F(resampling_forward_primitive_desc_create,                                                    \
      (void **, void *, int, int, const float *, desc, desc, desc))                                \
    F(prelu_forward_primitive_desc_create, (void **, void *, int, desc, desc, desc, desc))         \
    F(lstm_forward_primitive_desc_create,                                                          \
      (void **, void *, int, int, desc, desc, desc, desc, desc, desc, desc, desc, desc, desc,      \
       desc, unsigned, desc))                                                                      \
    F(gru_forward_primitive_desc_create,                                                           \
      (void **, void *, int, int, desc, desc, desc, desc, desc, desc, desc, unsigned, desc))       \
    F(lbr_gru_forward_primitive_desc_create,                                                       \
      (void **, void *, int, int, desc, desc, desc, desc, desc, desc, desc, unsigned, desc))       \
    F(vanilla_rnn_forward_primitive_desc_create,                                                   \
      (void **, void *, int, int, int, desc, desc, desc, desc, desc, desc, desc, unsigned, float,  \
       float, desc))                                                                               \
    F(lstm_backward_primitive_desc_create,                                                         \
      (void **, void *, int, int, ELEVEN, ELEVEN, unsigned, desc, desc))                           \
    F(gru_backward_primitive_desc_create, (void **, void *, int, int, ELEVEN, desc, desc, desc,    \
                                           unsigned, desc, desc))                                  \
    F(lbr_gru_backward_primitive_desc_create, (void **, void *, int, int, ELEVEN, desc, desc,      \
                                               desc, unsigned, desc, desc))                        \
    F(vanilla_rnn_backward_primitive_desc_create, (void **, void *, int, int, int, ELEVEN, desc,   \
                                                   desc, desc, unsigned, float, float, desc,       \
                                                   desc))                                          \
    F(concat_primitive_desc_create, (void **, void *, desc, int, int, const desc *, desc))         \
    F(sum_primitive_desc_create, (void **, void *, desc, int, const float *, const desc *, desc))

static struct {
#define F(name, arguments) int(*name) arguments;
    CALLS(F)
#undef F
} v3; // a child opens one library

static const char *load(void *library) {
#define F(name, arguments)                                                                         \
    if (!sz_dynlib_symbol(library, "dnnl_" #name, &v3.name)) return "dnnl_" #name;
    CALLS(F)
#undef F
    return NULL;
}

static int describe(sz_dnnl_plan *p, int rank, const int64_t *sizes, int type,
                    const int64_t *strides, void **ret_desc) {
    (void)p;
    if (strides) return v3.memory_desc_create_with_strides(ret_desc, rank, sizes, type, strides);
    return v3.memory_desc_create_with_tag(ret_desc, rank, sizes, type, SZ_DNNL_ANY);
}

static void forget(void *d) { v3.memory_desc_destroy(d); }

static int eltwise_of(int algorithm) {
    static const int numbers[] = {
        0,
#define ELTWISE(name, second, third) third,
#include "run/backends/onednn/eltwise.def"
#undef ELTWISE
    };
    return numbers[algorithm];
}

static int scale(void *post_ops, float factor) {
    return v3.post_ops_append_eltwise(post_ops, eltwise_of(SZ_DNNL_AFFINE), factor, 0);
}

// ---- one function for each kind ----------------------------------------------------------------

#define ASKED(role)   sz_dnnl_asked(s, SZ_DNNL_##role)
#define DIFF(role)    sz_dnnl_asked(s, SZ_DNNL_DIFF + SZ_DNNL_##role)
#define FORWARD(role) sz_dnnl_forward(s, SZ_DNNL_##role)

typedef struct making {
    void *engine;
    int direction;
    desc hint, attr;
} making;

typedef int maker(void **ret, const sz_dnnl_stage *s, const making *m);

static int matmul(void **ret, const sz_dnnl_stage *s, const making *m) {
    return v3.matmul_primitive_desc_create(ret, m->engine, ASKED(SRC), ASKED(WEIGHTS), ASKED(BIAS),
                                           ASKED(DST), m->attr);
}

static int conv(void **ret, const sz_dnnl_stage *s, const making *m) {
    const sz_dnnl_window *w = &s->window;
    if (m->direction == SZ_DNNL_BACKWARD_DATA)
        return v3.convolution_backward_data_primitive_desc_create(
            ret, m->engine, s->algorithm, DIFF(SRC), ASKED(WEIGHTS), DIFF(DST), w->stride,
            w->dilation, w->left, w->right, m->hint, m->attr);
    if (m->direction == SZ_DNNL_BACKWARD_WEIGHTS)
        return v3.convolution_backward_weights_primitive_desc_create(
            ret, m->engine, s->algorithm, ASKED(SRC), DIFF(WEIGHTS), DIFF(BIAS), DIFF(DST),
            w->stride, w->dilation, w->left, w->right, m->hint, m->attr);
    return v3.convolution_forward_primitive_desc_create(
        ret, m->engine, m->direction, s->algorithm, FORWARD(SRC), FORWARD(WEIGHTS), FORWARD(BIAS),
        FORWARD(DST), w->stride, w->dilation, w->left, w->right, m->attr);
}

static int deconv(void **ret, const sz_dnnl_stage *s, const making *m) {
    const sz_dnnl_window *w = &s->window;
    return v3.deconvolution_forward_primitive_desc_create(
        ret, m->engine, m->direction, s->algorithm, ASKED(SRC), ASKED(WEIGHTS), ASKED(BIAS),
        ASKED(DST), w->stride, w->dilation, w->left, w->right, m->attr);
}

static int pool(void **ret, const sz_dnnl_stage *s, const making *m) {
    const sz_dnnl_window *w = &s->window;
    if (sz_dnnl_is_back(m->direction))
        return v3.pooling_backward_primitive_desc_create(
            ret, m->engine, s->algorithm, DIFF(SRC), DIFF(DST), w->stride, w->kernel, w->dilation,
            w->left, w->right, m->hint, m->attr);
    return v3.pooling_forward_primitive_desc_create(
        ret, m->engine, m->direction, s->algorithm, FORWARD(SRC), FORWARD(DST), w->stride,
        w->kernel, w->dilation, w->left, w->right, m->attr);
}

static int softmax(void **ret, const sz_dnnl_stage *s, const making *m) {
    if (sz_dnnl_is_back(m->direction))
        return v3.softmax_backward_primitive_desc_create(ret, m->engine, s->algorithm, DIFF(SRC),
                                                         DIFF(DST), ASKED(DST), s->axis, m->hint,
                                                         m->attr);
    return v3.softmax_forward_primitive_desc_create(ret, m->engine, m->direction, s->algorithm,
                                                    FORWARD(SRC), FORWARD(DST), s->axis, m->attr);
}

static int layer_norm(void **ret, const sz_dnnl_stage *s, const making *m) {
    if (sz_dnnl_is_back(m->direction))
        return v3.layer_normalization_backward_primitive_desc_create(
            ret, m->engine, m->direction, DIFF(SRC), DIFF(DST), ASKED(SRC), ASKED(MEAN), s->epsilon,
            s->flags, m->hint, m->attr);
    return v3.layer_normalization_forward_primitive_desc_create(
        ret, m->engine, m->direction, ASKED(SRC), FORWARD(DST), ASKED(MEAN), s->epsilon, s->flags,
        m->attr);
}

static int batch_norm(void **ret, const sz_dnnl_stage *s, const making *m) {
    if (sz_dnnl_is_back(m->direction))
        return v3.batch_normalization_backward_primitive_desc_create(
            ret, m->engine, m->direction, DIFF(SRC), DIFF(DST), ASKED(SRC), s->epsilon, s->flags,
            m->hint, m->attr);
    return v3.batch_normalization_forward_primitive_desc_create(
        ret, m->engine, m->direction, ASKED(SRC), FORWARD(DST), s->epsilon, s->flags, m->attr);
}

static int eltwise(void **ret, const sz_dnnl_stage *s, const making *m) {
    const void *data = ASKED(SRC) ? ASKED(SRC) : ASKED(DST);
    const int algorithm = eltwise_of(s->algorithm);
    if (sz_dnnl_is_back(m->direction))
        return v3.eltwise_backward_primitive_desc_create(ret, m->engine, algorithm, DIFF(SRC),
                                                         DIFF(DST), data, s->alpha, s->beta,
                                                         m->hint, m->attr);
    return v3.eltwise_forward_primitive_desc_create(ret, m->engine, m->direction, algorithm, data,
                                                    FORWARD(DST), s->alpha, s->beta, m->attr);
}

static int binary(void **ret, const sz_dnnl_stage *s, const making *m) {
    return v3.binary_primitive_desc_create(ret, m->engine, s->algorithm, ASKED(SRC), ASKED(SRC_1),
                                           ASKED(DST), m->attr);
}

static int reduction(void **ret, const sz_dnnl_stage *s, const making *m) {
    return v3.reduction_primitive_desc_create(ret, m->engine, s->algorithm, ASKED(SRC), ASKED(DST),
                                              s->alpha, s->beta, m->attr);
}

static int resampling(void **ret, const sz_dnnl_stage *s, const making *m) {
    return v3.resampling_forward_primitive_desc_create(ret, m->engine, m->direction, s->algorithm,
                                                       NULL, ASKED(SRC), ASKED(DST), m->attr);
}

static int prelu(void **ret, const sz_dnnl_stage *s, const making *m) {
    return v3.prelu_forward_primitive_desc_create(ret, m->engine, m->direction, ASKED(SRC),
                                                  ASKED(WEIGHTS), ASKED(DST), m->attr);
}

// What a gradient is told beside the forward operands, in order.
#define BACK_STATE                                                                                 \
    ASKED(SRC), ASKED(SRC_ITER), ASKED(WEIGHTS), ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST),     \
        ASKED(DST_ITER), DIFF(SRC), DIFF(SRC_ITER), DIFF(WEIGHTS), DIFF(WEIGHTS_ITER), DIFF(BIAS), \
        DIFF(DST), DIFF(DST_ITER), 0

static int rnn_back(void **ret, const sz_dnnl_stage *s, const making *m) {
    if (s->algorithm == SZ_DNNL_LSTM)
        return v3.lstm_backward_primitive_desc_create(
            ret, m->engine, m->direction, s->way + 1, ASKED(SRC), ASKED(SRC_ITER),
            ASKED(SRC_ITER_C), ASKED(WEIGHTS), ASKED(WEIGHTS_ITER), NULL, NULL, ASKED(BIAS),
            ASKED(DST), ASKED(DST_ITER), ASKED(DST_ITER_C), DIFF(SRC), DIFF(SRC_ITER),
            DIFF(SRC_ITER_C), DIFF(WEIGHTS), DIFF(WEIGHTS_ITER), NULL, NULL, DIFF(BIAS), DIFF(DST),
            DIFF(DST_ITER), DIFF(DST_ITER_C), 0, m->hint, m->attr);
    if (s->algorithm == SZ_DNNL_RNN_VANILLA)
        return v3.vanilla_rnn_backward_primitive_desc_create(
            ret, m->engine, m->direction, eltwise_of(s->activation), s->way + 1, BACK_STATE,
            s->alpha, s->beta, m->hint, m->attr);
    if (s->algorithm == SZ_DNNL_GRU_LINEAR)
        return v3.lbr_gru_backward_primitive_desc_create(ret, m->engine, m->direction, s->way + 1,
                                                         BACK_STATE, m->hint, m->attr);
    return v3.gru_backward_primitive_desc_create(ret, m->engine, m->direction, s->way + 1,
                                                 BACK_STATE, m->hint, m->attr);
}

// Directions through time begin with 1, after "undefined".
static int lstm(void **ret, const sz_dnnl_stage *s, const making *m) {
    return v3.lstm_forward_primitive_desc_create(
        ret, m->engine, m->direction, s->way + 1, ASKED(SRC), ASKED(SRC_ITER), ASKED(SRC_ITER_C),
        ASKED(WEIGHTS), ASKED(WEIGHTS_ITER), NULL, NULL, ASKED(BIAS), ASKED(DST), ASKED(DST_ITER),
        ASKED(DST_ITER_C), 0, m->attr);
}

static int rnn(void **ret, const sz_dnnl_stage *s, const making *m) {
    if (sz_dnnl_is_back(m->direction)) return rnn_back(ret, s, m);
    if (s->algorithm == SZ_DNNL_LSTM) return lstm(ret, s, m);
    if (s->algorithm == SZ_DNNL_RNN_VANILLA)
        return v3.vanilla_rnn_forward_primitive_desc_create(
            ret, m->engine, m->direction, eltwise_of(s->activation), s->way + 1, ASKED(SRC),
            ASKED(SRC_ITER), ASKED(WEIGHTS), ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST),
            ASKED(DST_ITER), 0, s->alpha, s->beta, m->attr);
    const bool linear = s->algorithm == SZ_DNNL_GRU_LINEAR;
    return (linear ? v3.lbr_gru_forward_primitive_desc_create
                   : v3.gru_forward_primitive_desc_create)(
        ret, m->engine, m->direction, s->way + 1, ASKED(SRC), ASKED(SRC_ITER), ASKED(WEIGHTS),
        ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST), ASKED(DST_ITER), 0, m->attr);
}

// Several sources: an array of handles.
static int joined(void **ret, const sz_dnnl_stage *s, const making *m) {
    desc sources[SZ_DNNL_OPERANDS];
    float ones[SZ_DNNL_OPERANDS];
    const int n = s->n - 1;
    for (int i = 0; i < n; i++) {
        sources[i] = sz_dnnl_asked(s, SZ_DNNL_MULTIPLE + i);
        ones[i] = 1;
    }
    if (s->kind == SZ_DNNL_CONCAT)
        return v3.concat_primitive_desc_create(ret, m->engine, ASKED(DST), n, s->axis, sources,
                                               m->attr);
    return v3.sum_primitive_desc_create(ret, m->engine, ASKED(DST), n, ones, sources, m->attr);
}

static maker *const makers[SZ_DNNL_PRIMITIVES] = {
    [SZ_DNNL_MATMUL] = matmul,
    [SZ_DNNL_CONV] = conv,
    [SZ_DNNL_DECONV] = deconv,
    [SZ_DNNL_POOL] = pool,
    [SZ_DNNL_SOFTMAX_KIND] = softmax,
    [SZ_DNNL_LAYER_NORM] = layer_norm,
    [SZ_DNNL_BATCH_NORM] = batch_norm,
    [SZ_DNNL_ELTWISE] = eltwise,
    [SZ_DNNL_BINARY] = binary,
    [SZ_DNNL_REDUCTION] = reduction,
    [SZ_DNNL_RESAMPLING] = resampling,
    [SZ_DNNL_PRELU] = prelu,
    [SZ_DNNL_RNN] = rnn,
    [SZ_DNNL_CONCAT] = joined,
    [SZ_DNNL_SUM] = joined,
};

static int primitive(sz_dnnl_plan *p, const sz_dnnl_stage *s, const void *attr, void **ret_desc) {
    making m = {.engine = p->lib->engine, .direction = SZ_DNNL_TRAINING};
    void *hint = NULL;
    int status = SZ_DNNL_SUCCESS;
    if (sz_dnnl_is_back(s->direction)) status = makers[s->kind](&hint, s, &m);
    m.direction = (int)s->direction, m.hint = hint, m.attr = attr;
    if (status == SZ_DNNL_SUCCESS) status = makers[s->kind](ret_desc, s, &m);
    if (hint) p->lib->primitive_desc_destroy(hint);
    return status;
}

const sz_dnnl_version sz_dnnl_v3 = {3, 0, false, load, describe, forget, primitive, scale};
