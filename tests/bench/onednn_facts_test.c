// SPDX-License-Identifier: Apache-2.0
// What run/backends/onednn declares by itself, against the header of the library, where one is
// installed: sizes, numbers, and that functions take what they are given.
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

#include "run/backends/onednn/onednn.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)

SAME(SZ_DNNL_SUCCESS, dnnl_success);
SAME(SZ_DNNL_INVALID, dnnl_invalid_arguments);
SAME(SZ_DNNL_UNIMPLEMENTED, dnnl_unimplemented);
SAME(SZ_DNNL_CPU, dnnl_cpu);
SAME(SZ_DNNL_STREAM, dnnl_stream_default_flags);
SAME(SZ_DNNL_ANY, dnnl_format_tag_any);
SAME(SZ_DNNL_IMPL_INFO, dnnl_query_impl_info_str);
SAME(SZ_DNNL_EXEC_ARG, dnnl_query_exec_arg_md);
SAME(SZ_DNNL_F16, dnnl_f16);
SAME(SZ_DNNL_BF16, dnnl_bf16);
SAME(SZ_DNNL_F32, dnnl_f32);
SAME(SZ_DNNL_S32, dnnl_s32);
SAME(SZ_DNNL_S8, dnnl_s8);
SAME(SZ_DNNL_U8, dnnl_u8);
SAME(SZ_DNNL_TRAINING, dnnl_forward_training);
SAME(SZ_DNNL_INFERENCE, dnnl_forward_inference);
SAME(SZ_DNNL_BACKWARD, dnnl_backward);
SAME(SZ_DNNL_BACKWARD_DATA, dnnl_backward_data);
SAME(SZ_DNNL_BACKWARD_WEIGHTS, dnnl_backward_weights);
SAME(SZ_DNNL_SRC, DNNL_ARG_SRC);
SAME(SZ_DNNL_SRC, DNNL_ARG_FROM);
SAME(SZ_DNNL_SRC_1, DNNL_ARG_SRC_1);
SAME(SZ_DNNL_SRC_ITER, DNNL_ARG_SRC_ITER);
SAME(SZ_DNNL_SRC_ITER_C, DNNL_ARG_SRC_ITER_C);
SAME(SZ_DNNL_DST, DNNL_ARG_DST);
SAME(SZ_DNNL_DST, DNNL_ARG_TO);
SAME(SZ_DNNL_DST_ITER, DNNL_ARG_DST_ITER);
SAME(SZ_DNNL_DST_ITER_C, DNNL_ARG_DST_ITER_C);
SAME(SZ_DNNL_WEIGHTS, DNNL_ARG_WEIGHTS);
SAME(SZ_DNNL_WEIGHTS_ITER, DNNL_ARG_WEIGHTS_ITER);
SAME(SZ_DNNL_BIAS, DNNL_ARG_BIAS);
SAME(SZ_DNNL_MEAN, DNNL_ARG_MEAN);
SAME(SZ_DNNL_VARIANCE, DNNL_ARG_VARIANCE);
SAME(SZ_DNNL_SCALE, DNNL_ARG_SCALE);
SAME(SZ_DNNL_SHIFT, DNNL_ARG_SHIFT);
SAME(SZ_DNNL_WORKSPACE, DNNL_ARG_WORKSPACE);
SAME(SZ_DNNL_DIFF + SZ_DNNL_SRC, DNNL_ARG_DIFF_SRC);
SAME(SZ_DNNL_DIFF + SZ_DNNL_SRC_ITER, DNNL_ARG_DIFF_SRC_ITER);
SAME(SZ_DNNL_DIFF + SZ_DNNL_SRC_ITER_C, DNNL_ARG_DIFF_SRC_ITER_C);
SAME(SZ_DNNL_DIFF + SZ_DNNL_DST, DNNL_ARG_DIFF_DST);
SAME(SZ_DNNL_DIFF + SZ_DNNL_DST_ITER, DNNL_ARG_DIFF_DST_ITER);
SAME(SZ_DNNL_DIFF + SZ_DNNL_DST_ITER_C, DNNL_ARG_DIFF_DST_ITER_C);
SAME(SZ_DNNL_DIFF + SZ_DNNL_WEIGHTS, DNNL_ARG_DIFF_WEIGHTS);
SAME(SZ_DNNL_DIFF + SZ_DNNL_WEIGHTS_ITER, DNNL_ARG_DIFF_WEIGHTS_ITER);
SAME(SZ_DNNL_DIFF + SZ_DNNL_BIAS, DNNL_ARG_DIFF_BIAS);
SAME(SZ_DNNL_DIFF_SCALE, DNNL_ARG_DIFF_SCALE);
SAME(SZ_DNNL_DIFF_SHIFT, DNNL_ARG_DIFF_SHIFT);
SAME(SZ_DNNL_MULTIPLE, DNNL_ARG_MULTIPLE_SRC);
SAME(SZ_DNNL_CONV_DIRECT, dnnl_convolution_direct);
SAME(SZ_DNNL_DECONV_DIRECT, dnnl_deconvolution_direct);
SAME(SZ_DNNL_POOL_MAX, dnnl_pooling_max);
SAME(SZ_DNNL_POOL_AVG_PADDED, dnnl_pooling_avg_include_padding);
SAME(SZ_DNNL_POOL_AVG, dnnl_pooling_avg_exclude_padding);
SAME(SZ_DNNL_RNN_VANILLA, dnnl_vanilla_rnn);
SAME(SZ_DNNL_LSTM, dnnl_vanilla_lstm);
SAME(SZ_DNNL_GRU, dnnl_vanilla_gru);
SAME(SZ_DNNL_GRU_LINEAR, dnnl_lbr_gru);
SAME(SZ_DNNL_BINARY_ADD, dnnl_binary_add);
SAME(SZ_DNNL_BINARY_MUL, dnnl_binary_mul);
SAME(SZ_DNNL_BINARY_MAX, dnnl_binary_max);
SAME(SZ_DNNL_BINARY_MIN, dnnl_binary_min);
SAME(SZ_DNNL_BINARY_DIV, dnnl_binary_div);
SAME(SZ_DNNL_BINARY_SUB, dnnl_binary_sub);
SAME(SZ_DNNL_NEAREST, dnnl_resampling_nearest);
SAME(SZ_DNNL_LINEAR, dnnl_resampling_linear);
SAME(SZ_DNNL_REDUCE_MAX, dnnl_reduction_max);
SAME(SZ_DNNL_REDUCE_MIN, dnnl_reduction_min);
SAME(SZ_DNNL_REDUCE_SUM, dnnl_reduction_sum);
SAME(SZ_DNNL_REDUCE_MUL, dnnl_reduction_mul);
SAME(SZ_DNNL_REDUCE_MEAN, dnnl_reduction_mean);
SAME(SZ_DNNL_REDUCE_NORM, dnnl_reduction_norm_lp_sum);
SAME(SZ_DNNL_REDUCE_POWER_SUM, dnnl_reduction_norm_lp_power_p_sum);
SAME(SZ_DNNL_SOFTMAX, dnnl_softmax_accurate);
SAME(SZ_DNNL_LOG_SOFTMAX, dnnl_softmax_log);
_Static_assert(sizeof(sz_dnnl_exec) == sizeof(dnnl_exec_arg_t), "dnnl_exec_arg_t");
_Static_assert(offsetof(sz_dnnl_exec, memory) == offsetof(dnnl_exec_arg_t, memory), "memory");
_Static_assert(offsetof(dnnl_version_t, patch) == 2 * sizeof(int), "dnnl_version_t");
_Static_assert(sizeof(dnnl_dim_t) == sizeof(int64_t), "dnnl_dim_t");

// Element-wise algorithms, directions and flags differ between the versions.
#if DNNL_VERSION_MAJOR == 2
#define NUMBER(second, third) second
_Static_assert(SZ_DNNL_V2_MEMORY_DESC == sizeof(dnnl_memory_desc_t), "dnnl_memory_desc_t");
_Static_assert(SZ_DNNL_V2_PRIMITIVE_DESC >= sizeof(dnnl_rnn_desc_t), "dnnl_rnn_desc_t");
_Static_assert(SZ_DNNL_V2_PRIMITIVE_DESC >= sizeof(dnnl_convolution_desc_t), "convolution");
SAME(8, dnnl_use_scale);
SAME(16, dnnl_use_shift);
SAME(SZ_DNNL_FORWARDS, dnnl_unidirectional_left2right);
SAME(SZ_DNNL_REVERSED, dnnl_unidirectional_right2left);
SAME(SZ_DNNL_BOTH_WAYS, dnnl_bidirectional_concat);
#else
#define NUMBER(second, third) third
SAME(SZ_DNNL_WITH_SCALE, dnnl_use_scale);
SAME(SZ_DNNL_WITH_SHIFT, dnnl_use_shift);
SAME(SZ_DNNL_FORWARDS + 1, dnnl_unidirectional_left2right);
SAME(SZ_DNNL_REVERSED + 1, dnnl_unidirectional_right2left);
SAME(SZ_DNNL_BOTH_WAYS + 1, dnnl_bidirectional_concat);
#endif
SAME(SZ_DNNL_GIVEN_STATS, dnnl_use_global_stats);

static const struct {
    const char *name;
    int ours, theirs;
} eltwise[] = {
#define THEIRS_RELU                  dnnl_eltwise_relu
#define THEIRS_TANH                  dnnl_eltwise_tanh
#define THEIRS_ELU                   dnnl_eltwise_elu
#define THEIRS_SQUARE                dnnl_eltwise_square
#define THEIRS_ABS                   dnnl_eltwise_abs
#define THEIRS_SQRT                  dnnl_eltwise_sqrt
#define THEIRS_AFFINE                dnnl_eltwise_linear
#define THEIRS_SOFT_RELU             dnnl_eltwise_soft_relu
#define THEIRS_LOGISTIC              dnnl_eltwise_logistic
#define THEIRS_EXP                   dnnl_eltwise_exp
#define THEIRS_GELU_TANH             dnnl_eltwise_gelu_tanh
#define THEIRS_SWISH                 dnnl_eltwise_swish
#define THEIRS_LOG                   dnnl_eltwise_log
#define THEIRS_CLIP                  dnnl_eltwise_clip
#define THEIRS_POW                   dnnl_eltwise_pow
#define THEIRS_GELU_ERF              dnnl_eltwise_gelu_erf
#define THEIRS_ROUND                 dnnl_eltwise_round
#define THEIRS_MISH                  dnnl_eltwise_mish
#define THEIRS_HARDSWISH             dnnl_eltwise_hardswish
#define THEIRS_RELU_OF_RESULT        dnnl_eltwise_relu_use_dst_for_bwd
#define THEIRS_TANH_OF_RESULT        dnnl_eltwise_tanh_use_dst_for_bwd
#define THEIRS_LOGISTIC_OF_RESULT    dnnl_eltwise_logistic_use_dst_for_bwd
#define ELTWISE(name, second, third) {#name, NUMBER(second, third), THEIRS_##name},
#include "run/backends/onednn/eltwise.def"
#undef ELTWISE
};

int main(void) {
    int failed = 0;
    for (size_t i = 0; i < sizeof eltwise / sizeof *eltwise; i++) {
        if (eltwise[i].ours == eltwise[i].theirs) continue;
        printf("%s is %d here, %d in the header\n", eltwise[i].name, eltwise[i].ours,
               eltwise[i].theirs);
        failed = 1;
    }
    return failed;
}
