// SPDX-License-Identifier: Apache-2.0
// From the sums over a model's layers to the mean layer that plans are made of.
#include <sizeup/scale.h>

#include "model/llm_train.h"

sz_status sz_scale_model_of(sz_ctx *ctx, sz_model *model, int64_t seq, sz_scale_model *ret) {
    sz_llm_layers s;
    SZ_TRY(sz_llm_gather_layers(ctx, model, seq, &s));
    const double n = (double)s.layers;
    *ret = (sz_scale_model){
        .layers = s.layers,
        .hidden = s.width,
        .heads = s.heads,
        .seq = seq,
        .vocab = s.vocab,
        .layer_params = (double)s.params / n,
        .outer_params = (double)s.outer_params,
        .layer_flops = 2 * (double)s.macs / n,
        .attention_flops = 2 * (double)s.attention_macs / n,
        .outer_flops = 2 * (double)s.outer_macs,
        .end_params = (double)s.largest_end,
        .whole_bytes = (double)s.whole_bytes / n,
        .split_bytes = (double)s.split_bytes / n,
        .score_bytes = (double)s.score_bytes / n,
        .kv_heads = s.kv_heads,
        .keys_width = (double)s.keys_width / n,
        .expert_params = (double)s.expert_params / n,
        .experts = s.experts,
        .experts_used = s.experts_used,
        .expert_layers = (double)s.expert_layers / n,
        .shared_layers = (double)s.shared_layers / n,
    };
    return SZ_OK;
}
