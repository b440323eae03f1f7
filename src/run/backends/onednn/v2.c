// SPDX-License-Identifier: Apache-2.0
// oneDNN 2.6 and later of version 2: a primitive is filled into a structure by a function of its
// kind, then made from it. The structures are room to us; the library fills them in.
#include "run/backends/onednn/onednn.h"

#include "os/dynlib.h"

enum { MEMORY_DESC = SZ_DNNL_V2_MEMORY_DESC, PRIMITIVE_DESC = SZ_DNNL_V2_PRIMITIVE_DESC };

// Descriptions of memory.
#define FIVE const void *, const void *, const void *, const void *, const void *
#define NINE FIVE, const void *, const void *, const void *, const void *

// F(name, arguments after the structure)
#define CALLS(F)                                                                                   \
    F(memory_desc_init_by_strides, (void *, int, const int64_t *, int, const int64_t *))           \
    F(memory_desc_init_by_tag, (void *, int, const int64_t *, int, int))                           \
    F(primitive_desc_create, (void **, const void *, const void *, void *, const void *))          \
    F(post_ops_append_eltwise, (void *, float, int, float, float))                                 \
    F(matmul_desc_init, (void *, const void *, const void *, const void *, const void *))          \
    F(dilated_convolution_forward_desc_init,                                                       \
      (void *, int, int, const void *, const void *, const void *, const void *, const int64_t *,  \
       const int64_t *, const int64_t *, const int64_t *))                                         \
    F(dilated_convolution_backward_data_desc_init,                                                 \
      (void *, int, const void *, const void *, const void *, const int64_t *, const int64_t *,    \
       const int64_t *, const int64_t *))                                                          \
    F(dilated_convolution_backward_weights_desc_init,                                              \
      (void *, int, const void *, const void *, const void *, const void *, const int64_t *,       \
       const int64_t *, const int64_t *, const int64_t *))                                         \
    F(dilated_deconvolution_forward_desc_init,                                                     \
      (void *, int, int, const void *, const void *, const void *, const void *, const int64_t *,  \
       const int64_t *, const int64_t *, const int64_t *))                                         \
    F(pooling_v2_forward_desc_init,                                                                \
      (void *, int, int, const void *, const void *, const int64_t *, const int64_t *,             \
       const int64_t *, const int64_t *, const int64_t *))                                         \
    F(pooling_v2_backward_desc_init,                                                               \
      (void *, int, const void *, const void *, const int64_t *, const int64_t *, const int64_t *, \
       const int64_t *, const int64_t *))                                                          \
    F(softmax_v2_forward_desc_init, (void *, int, int, const void *, const void *, int))           \
    F(softmax_v2_backward_desc_init, (void *, int, const void *, const void *, const void *, int)) \
    F(layer_normalization_forward_desc_init,                                                       \
      (void *, int, const void *, const void *, float, unsigned))                                  \
    F(layer_normalization_backward_desc_init,                                                      \
      (void *, int, const void *, const void *, const void *, float, unsigned))                    \
    F(batch_normalization_forward_desc_init, (void *, int, const void *, float, unsigned))         \
    F(batch_normalization_backward_desc_init,                                                      \
      (void *, int, const void *, const void *, float, unsigned))                                  \
    F(eltwise_forward_desc_init, (void *, int, int, const void *, float, float))                   \
    F(eltwise_backward_desc_init, (void *, int, const void *, const void *, float, float))         \
    F(binary_desc_init, (void *, int, const void *, const void *, const void *))                   \
    F(reduction_desc_init, (void *, int, const void *, const void *, float, float))                \
    F(resampling_forward_desc_init, (void *, int, int, const float *, const void *, const void *)) \
    F(prelu_forward_desc_init, (void *, int, const void *, const void *))                          \
    F(lstm_forward_desc_init,                                                                      \
      (void *, int, int, const void *, const void *, const void *, const void *, const void *,     \
       const void *, const void *, const void *, const void *, unsigned))                          \
    F(gru_forward_desc_init, (void *, int, int, const void *, const void *, const void *,          \
                              const void *, const void *, const void *, const void *, unsigned))   \
    F(lbr_gru_forward_desc_init,                                                                   \
      (void *, int, int, const void *, const void *, const void *, const void *, const void *,     \
       const void *, const void *, unsigned))                                                      \
    F(vanilla_rnn_forward_desc_init,                                                               \
      (void *, int, int, int, const void *, const void *, const void *, const void *,              \
       const void *, const void *, const void *, unsigned, float, float))                          \
    F(lstm_backward_desc_init,                                                                     \
      (void *, int, int, NINE, NINE, unsigned))                                                    \
    F(gru_backward_desc_init,                                                                      \
      (void *, int, int, NINE, FIVE, unsigned))                                                    \
    F(lbr_gru_backward_desc_init,                                                                  \
      (void *, int, int, NINE, FIVE, unsigned))                                                    \
    F(vanilla_rnn_backward_desc_init,                                                              \
      (void *, int, int, int, NINE, FIVE, unsigned, float, float))                                 \
    F(concat_primitive_desc_create,                                                                \
      (void **, const void *, int, int, const void *, const void *, void *))                       \
    F(sum_primitive_desc_create,                                                                   \
      (void **, const void *, int, const float *, const void *, const void *, void *))

static struct {
#define F(name, arguments) int(*name) arguments;
    CALLS(F)
#undef F
} v2; // a child opens one library

static const char *load(void *library) {
#define F(name, arguments)                                                                         \
    if (!sz_dynlib_symbol(library, "dnnl_" #name, &v2.name)) return "dnnl_" #name;
    CALLS(F)
#undef F
    return NULL;
}

static int describe(sz_dnnl_plan *p, int rank, const int64_t *dims, int type,
                    const int64_t *strides, void **ret_desc) {
    void *desc = sz_arena_alloc(&p->arena, MEMORY_DESC);
    *ret_desc = desc;
    if (!desc) return SZ_DNNL_INVALID;
    if (strides) return v2.memory_desc_init_by_strides(desc, rank, dims, type, strides);
    return v2.memory_desc_init_by_tag(desc, rank, dims, type, SZ_DNNL_ANY);
}

static int eltwise_of(int algorithm) {
    static const int numbers[] = {
        0,
#define ELTWISE(name, second, third) second,
#include "run/backends/onednn/eltwise.def"
#undef ELTWISE
    };
    return numbers[algorithm];
}

static int scale(void *post_ops, float factor) {
    return v2.post_ops_append_eltwise(post_ops, 1, eltwise_of(SZ_DNNL_AFFINE), factor, 0);
}

// The same meanings have other bits.
static unsigned flags_of(const sz_dnnl_stage *s) {
    return (s->flags & SZ_DNNL_GIVEN_STATS) | (s->flags & SZ_DNNL_WITH_SCALE ? 8u : 0) |
           (s->flags & SZ_DNNL_WITH_SHIFT ? 16u : 0);
}

// ---- one function for each kind ----------------------------------------------------------------

#define ASKED(role)   sz_dnnl_asked(s, SZ_DNNL_##role)
#define DIFF(role)    sz_dnnl_asked(s, SZ_DNNL_DIFF + SZ_DNNL_##role)
#define FORWARD(role) sz_dnnl_forward(s, SZ_DNNL_##role)

typedef int describer(void *d, const sz_dnnl_stage *s, int direction);

static int matmul(void *d, const sz_dnnl_stage *s, int direction) {
    (void)direction;
    return v2.matmul_desc_init(d, ASKED(SRC), ASKED(WEIGHTS), ASKED(BIAS), ASKED(DST));
}

static int conv(void *d, const sz_dnnl_stage *s, int direction) {
    const sz_dnnl_window *w = &s->window;
    if (direction == SZ_DNNL_BACKWARD_DATA)
        return v2.dilated_convolution_backward_data_desc_init(d, s->algorithm, DIFF(SRC),
                                                              ASKED(WEIGHTS), DIFF(DST), w->stride,
                                                              w->dilation, w->left, w->right);
    if (direction == SZ_DNNL_BACKWARD_WEIGHTS)
        return v2.dilated_convolution_backward_weights_desc_init(
            d, s->algorithm, ASKED(SRC), DIFF(WEIGHTS), DIFF(BIAS), DIFF(DST), w->stride,
            w->dilation, w->left, w->right);
    return v2.dilated_convolution_forward_desc_init(d, direction, s->algorithm, FORWARD(SRC),
                                                    FORWARD(WEIGHTS), FORWARD(BIAS), FORWARD(DST),
                                                    w->stride, w->dilation, w->left, w->right);
}

static int deconv(void *d, const sz_dnnl_stage *s, int direction) {
    const sz_dnnl_window *w = &s->window;
    return v2.dilated_deconvolution_forward_desc_init(d, direction, s->algorithm, ASKED(SRC),
                                                      ASKED(WEIGHTS), ASKED(BIAS), ASKED(DST),
                                                      w->stride, w->dilation, w->left, w->right);
}

static int pool(void *d, const sz_dnnl_stage *s, int direction) {
    const sz_dnnl_window *w = &s->window;
    if (sz_dnnl_is_back(direction))
        return v2.pooling_v2_backward_desc_init(d, s->algorithm, DIFF(SRC), DIFF(DST), w->stride,
                                                w->kernel, w->dilation, w->left, w->right);
    return v2.pooling_v2_forward_desc_init(d, direction, s->algorithm, FORWARD(SRC), FORWARD(DST),
                                           w->stride, w->kernel, w->dilation, w->left, w->right);
}

static int softmax(void *d, const sz_dnnl_stage *s, int direction) {
    if (sz_dnnl_is_back(direction))
        return v2.softmax_v2_backward_desc_init(d, s->algorithm, DIFF(SRC), DIFF(DST), ASKED(DST),
                                                s->axis);
    return v2.softmax_v2_forward_desc_init(d, direction, s->algorithm, FORWARD(SRC), FORWARD(DST),
                                           s->axis);
}

static int layer_norm(void *d, const sz_dnnl_stage *s, int direction) {
    if (sz_dnnl_is_back(direction))
        return v2.layer_normalization_backward_desc_init(d, direction, DIFF(SRC), ASKED(SRC),
                                                         ASKED(MEAN), s->epsilon, flags_of(s));
    return v2.layer_normalization_forward_desc_init(d, direction, ASKED(SRC), ASKED(MEAN),
                                                    s->epsilon, flags_of(s));
}

static int batch_norm(void *d, const sz_dnnl_stage *s, int direction) {
    if (sz_dnnl_is_back(direction))
        return v2.batch_normalization_backward_desc_init(d, direction, DIFF(SRC), ASKED(SRC),
                                                         s->epsilon, flags_of(s));
    return v2.batch_normalization_forward_desc_init(d, direction, ASKED(SRC), s->epsilon,
                                                    flags_of(s));
}

static int eltwise(void *d, const sz_dnnl_stage *s, int direction) {
    const void *data = ASKED(SRC) ? ASKED(SRC) : ASKED(DST);
    const int algorithm = eltwise_of(s->algorithm);
    if (sz_dnnl_is_back(direction))
        return v2.eltwise_backward_desc_init(d, algorithm, DIFF(SRC), data, s->alpha, s->beta);
    return v2.eltwise_forward_desc_init(d, direction, algorithm, data, s->alpha, s->beta);
}

static int binary(void *d, const sz_dnnl_stage *s, int direction) {
    (void)direction;
    return v2.binary_desc_init(d, s->algorithm, ASKED(SRC), ASKED(SRC_1), ASKED(DST));
}

static int reduction(void *d, const sz_dnnl_stage *s, int direction) {
    (void)direction;
    return v2.reduction_desc_init(d, s->algorithm, ASKED(SRC), ASKED(DST), s->alpha, s->beta);
}

static int resampling(void *d, const sz_dnnl_stage *s, int direction) {
    return v2.resampling_forward_desc_init(d, direction, s->algorithm, NULL, ASKED(SRC),
                                           ASKED(DST));
}

static int prelu(void *d, const sz_dnnl_stage *s, int direction) {
    return v2.prelu_forward_desc_init(d, direction, ASKED(SRC), ASKED(WEIGHTS));
}

// What a gradient is told beside the forward operands, in order.
#define BACK_STATE                                                                           \
    ASKED(SRC), ASKED(SRC_ITER), ASKED(WEIGHTS), ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST),     \
        ASKED(DST_ITER), DIFF(SRC), DIFF(SRC_ITER), DIFF(WEIGHTS), DIFF(WEIGHTS_ITER), DIFF(BIAS), \
        DIFF(DST), DIFF(DST_ITER), 0

static int rnn_back(void *d, const sz_dnnl_stage *s, int direction) {
    if (s->algorithm == SZ_DNNL_LSTM)
        return v2.lstm_backward_desc_init(
            d, direction, s->way, ASKED(SRC), ASKED(SRC_ITER), ASKED(SRC_ITER_C), ASKED(WEIGHTS),
            ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST), ASKED(DST_ITER), ASKED(DST_ITER_C),
            DIFF(SRC), DIFF(SRC_ITER), DIFF(SRC_ITER_C), DIFF(WEIGHTS), DIFF(WEIGHTS_ITER),
            DIFF(BIAS), DIFF(DST), DIFF(DST_ITER), DIFF(DST_ITER_C), 0);
    if (s->algorithm == SZ_DNNL_RNN_VANILLA)
        return v2.vanilla_rnn_backward_desc_init(d, direction, eltwise_of(s->activation), s->way,
                                                 BACK_STATE, s->alpha, s->beta);
    if (s->algorithm == SZ_DNNL_GRU_LINEAR)
        return v2.lbr_gru_backward_desc_init(d, direction, s->way, BACK_STATE);
    return v2.gru_backward_desc_init(d, direction, s->way, BACK_STATE);
}

static int lstm(void *d, const sz_dnnl_stage *s, int direction) {
    return v2.lstm_forward_desc_init(
        d, direction, s->way, ASKED(SRC), ASKED(SRC_ITER), ASKED(SRC_ITER_C), ASKED(WEIGHTS),
        ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST), ASKED(DST_ITER), ASKED(DST_ITER_C), 0);
}

static int rnn(void *d, const sz_dnnl_stage *s, int direction) {
    if (sz_dnnl_is_back(direction)) return rnn_back(d, s, direction);
    if (s->algorithm == SZ_DNNL_LSTM) return lstm(d, s, direction);
    if (s->algorithm == SZ_DNNL_RNN_VANILLA)
        return v2.vanilla_rnn_forward_desc_init(d, direction, eltwise_of(s->activation), s->way,
                                                ASKED(SRC), ASKED(SRC_ITER), ASKED(WEIGHTS),
                                                ASKED(WEIGHTS_ITER), ASKED(BIAS), ASKED(DST),
                                                ASKED(DST_ITER), 0, s->alpha, s->beta);
    const bool linear = s->algorithm == SZ_DNNL_GRU_LINEAR;
    return (linear ? v2.lbr_gru_forward_desc_init : v2.gru_forward_desc_init)(
        d, direction, s->way, ASKED(SRC), ASKED(SRC_ITER), ASKED(WEIGHTS), ASKED(WEIGHTS_ITER),
        ASKED(BIAS), ASKED(DST), ASKED(DST_ITER), 0);
}

static describer *const describers[SZ_DNNL_WITH_DESC] = {
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
};

// ---- making ------------------------------------------------------------------------------------

// Several sources: their descriptions lie one after the other.
static int joined(sz_dnnl_plan *p, const sz_dnnl_stage *s, const void *attr, void **ret_desc) {
    const int n = s->n - 1;
    char *sources = sz_arena_array(&p->arena, (size_t)n, MEMORY_DESC);
    float ones[SZ_DNNL_OPERANDS];
    if (!sources) return SZ_DNNL_INVALID;
    for (int i = 0; i < n; i++) {
        memcpy(sources + (size_t)i * MEMORY_DESC, sz_dnnl_asked(s, SZ_DNNL_MULTIPLE + i),
               MEMORY_DESC);
        ones[i] = 1;
    }
    if (s->kind == SZ_DNNL_CONCAT)
        return v2.concat_primitive_desc_create(ret_desc, ASKED(DST), n, s->axis, sources, attr,
                                               p->lib->engine);
    return v2.sum_primitive_desc_create(ret_desc, ASKED(DST), n, ones, sources, attr,
                                        p->lib->engine);
}

static int primitive(sz_dnnl_plan *p, const sz_dnnl_stage *s, const void *attr, void **ret_desc) {
    const sz_dnnl *lib = p->lib;
    void *hint = NULL;
    if (s->kind >= SZ_DNNL_WITH_DESC) return joined(p, s, attr, ret_desc);
    void *desc = sz_arena_alloc(&p->arena, PRIMITIVE_DESC);
    int status = desc ? SZ_DNNL_SUCCESS : SZ_DNNL_INVALID;
    if (status == SZ_DNNL_SUCCESS && sz_dnnl_is_back(s->direction)) {
        status = describers[s->kind](desc, s, SZ_DNNL_TRAINING);
        if (status == SZ_DNNL_SUCCESS)
            status = v2.primitive_desc_create(&hint, desc, NULL, lib->engine, NULL);
    }
    if (status == SZ_DNNL_SUCCESS) status = describers[s->kind](desc, s, (int)s->direction);
    if (status == SZ_DNNL_SUCCESS)
        status = v2.primitive_desc_create(ret_desc, desc, attr, lib->engine, hint);
    if (hint) lib->primitive_desc_destroy(hint);
    return status;
}

static void forget(void *desc) { (void)desc; }

const sz_dnnl_version sz_dnnl_v2 = {2, 6, true, load, describe, forget, primitive, scale};
