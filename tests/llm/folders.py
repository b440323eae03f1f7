#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Folders of config.json and safetensors, named as transformers 5 does, against closed forms.

    folders.py SIZEUP

Small nets of families that families.py does not have. Of each: parameters, and MACs of 8 tokens:
matrices of all blocks and the head, of experts those that are used, and what `beside` adds up:
attention by every key, convolutions by their taps, 1 MAC per state of a state space, 3 per element
of a head's state of a delta network. Every tensor has a place, but for those that are named."""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
TOKENS, H, WORDS, FFN = 8, 64, 96, 128
HEADS, KV, SIZE = 4, 2, 16
EXPERTS, USED, NARROW, SHARED = 4, 2, 32, 48
INNER, STATES, STEPS = 128, 16, 8  # of Mamba 2
K_HEADS, V_HEADS, K, V = 2, 4, 16, 24  # of a delta network
held = failures = 0

SCORES = 2 * HEADS * SIZE * TOKENS * TOKENS
SCAN = TOKENS * (INNER * STATES + 4 * (INNER + 2 * STATES))
DELTA = TOKENS * (3 * V_HEADS * K * V + 4 * (2 * K_HEADS * K + V_HEADS * V))
LLAMA = ("input_layernorm", "post_attention_layernorm")


def linear(p, **names):
    return {"%s%s.weight" % (p, name.replace("__", ".")): dims for name, dims in names.items()}


def net(table="model.embed_tokens", norm="model.norm", head="lm_head"):
    parts = {table + ".weight": (WORDS, H), norm + ".weight": (H,)}
    return {**parts, head + ".weight": (WORDS, H)} if head else parts


def attention(p, out="o_proj", q=HEADS * SIZE):
    return linear(p, q_proj=(q, H), k_proj=(KV * SIZE, H), v_proj=(KV * SIZE, H),
                  **{out: (H, HEADS * SIZE)})


def gated(p, gate="gate_proj", up="up_proj", down="down_proj", ffn=FFN):
    return linear(p, **{gate: (ffn, H), up: (ffn, H), down: (H, ffn)})


def experts(p, *names, ffn=NARROW):
    out = {}
    for e in range(EXPERTS):
        out.update(gated("%s%d." % (p, e), *names, ffn=ffn))
    return out


def norms(p, *names, size=H):
    return {p + n + ".weight": (size,) for n in names}


def mamba2(p):
    return {p + "in_proj.weight": (2 * INNER + 2 * STATES + STEPS, H),
            p + "conv1d.weight": (INNER + 2 * STATES, 1, 4), p + "A_log": (STEPS,),
            p + "conv1d.bias": (INNER + 2 * STATES,), p + "D": (STEPS,), p + "dt_bias": (STEPS,),
            p + "norm.weight": (INNER,), p + "out_proj.weight": (H, INNER)}


def lfm2():
    first, second = "model.layers.0.", "model.layers.1."
    t = net(norm="model.embedding_norm", head=None)
    t.update(linear(first + "conv.", in_proj=(3 * H, H), conv=(H, 1, 3), out_proj=(H, H)))
    t.update(attention(second + "self_attn.", "out_proj"))
    t.update(norms(second + "self_attn.", "q_layernorm", "k_layernorm", size=SIZE))
    for p in (first, second):
        t.update(norms(p, "operator_norm", "ffn_norm"))
        t.update(gated(p + "feed_forward.", "w1", "w3", "w2"))
    return t, SCORES + 3 * H * TOKENS, {"model_type": "lfm2"}


def granite():
    t = net(head=None)
    for i, p in enumerate(("model.layers.0.", "model.layers.1.")):
        t.update(attention(p + "self_attn.") if i else mamba2(p + "mamba."))
        t.update(norms(p, *LLAMA))
        t.update(linear(p, block_sparse_moe__input_linear=(EXPERTS, 2 * NARROW, H),
                        block_sparse_moe__output_linear=(EXPERTS, H, NARROW),
                        block_sparse_moe__router__layer=(EXPERTS, H),
                        shared_mlp__input_linear=(2 * SHARED, H),
                        shared_mlp__output_linear=(H, SHARED)))
    return t, SCORES + SCAN, {
        "model_type": "granitemoehybrid", "num_local_experts": EXPERTS, "mamba_n_groups": 1,
        "num_experts_per_tok": USED, "intermediate_size": NARROW, "mamba_d_state": STATES}


def falcon_h1():
    p = "model.layers.0."
    t = net(norm="model.final_layernorm")
    t.update({**mamba2(p + "mamba."), **attention(p + "self_attn."), **gated(p + "feed_forward."),
              **norms(p, "input_layernorm", "pre_ff_layernorm")})
    return t, SCORES + SCAN, {"model_type": "falcon_h1", "mamba_d_state": STATES,
                              "mamba_n_groups": 1, "tie_word_embeddings": False}


def nemotron_h():
    p = ["backbone.layers.%d." % i for i in range(3)]
    t = net("backbone.embeddings", "backbone.norm_f")
    t.update({**mamba2(p[0] + "mixer."), **attention(p[1] + "mixer."),
              **linear(p[2] + "mixer.", up_proj=(FFN, H), down_proj=(H, FFN))})
    for one in p:
        t.update(norms(one, "norm"))
    return t, SCORES + SCAN, {"model_type": "nemotron_h", "ssm_state_size": STATES, "n_groups": 1,
                              "tie_word_embeddings": False}


def qwen3_next():
    t, keys, values = net(), K_HEADS * K, V_HEADS * V
    p = "model.layers.0.linear_attn."
    t.update(linear(p, in_proj_qkvz=(2 * keys + 2 * values, H), in_proj_ba=(2 * V_HEADS, H),
                    conv1d=(2 * keys + values, 1, 4), norm=(V,), out_proj=(H, values)))
    t.update({p + "A_log": (V_HEADS,), p + "dt_bias": (V_HEADS,)})
    t.update(attention("model.layers.1.self_attn.", q=2 * HEADS * SIZE))
    t.update(norms("model.layers.1.self_attn.", "q_norm", "k_norm", size=SIZE))
    for p in ("model.layers.0.", "model.layers.1."):
        t.update({**norms(p, *LLAMA), **experts(p + "mlp.experts."),
                  **linear(p, mlp__gate=(EXPERTS, H), mlp__shared_expert_gate=(1, H)),
                  **gated(p + "mlp.shared_expert.", ffn=SHARED)})
    return t, SCORES + DELTA, {
        "model_type": "qwen3_next", "num_experts": EXPERTS, "num_experts_per_tok": USED,
        "moe_intermediate_size": NARROW, "linear_num_value_heads": V_HEADS,
        "linear_num_key_heads": K_HEADS, "linear_key_head_dim": K, "linear_value_head_dim": V,
        "shared_expert_intermediate_size": SHARED, "tie_word_embeddings": False}


def hunyuan():
    p = "model.layers.0."
    t = {**net(head=None), **attention(p + "self_attn."), **norms(p, *LLAMA),
         **norms(p + "self_attn.", "query_layernorm", "key_layernorm", size=SIZE),
         **linear(p, mlp__gate__wg=(EXPERTS, H)), **gated(p + "mlp.shared_mlp."),
         **experts(p + "mlp.experts.")}
    return t, SCORES, {"model_type": "hunyuan_v1_moe", "num_experts": EXPERTS, "moe_topk": USED}


def minimax():
    p = "model.layers.0."
    t = {**net(), **attention(p + "self_attn."), **norms(p, *LLAMA),
         **norms(p + "self_attn.", "q_norm", size=HEADS * SIZE),
         **norms(p + "self_attn.", "k_norm", size=KV * SIZE),
         **linear(p, block_sparse_moe__gate=(EXPERTS, H)),
         p + "block_sparse_moe.e_score_correction_bias": (EXPERTS,),
         **experts(p + "block_sparse_moe.experts.", "w1", "w3", "w2", ffn=FFN)}
    return t, SCORES, {"model_type": "minimax_m2", "num_local_experts": EXPERTS,
                       "num_experts_per_tok": USED, "tie_word_embeddings": False}


def ernie():
    p = "model.layers.0."
    t = {**net(), **attention(p + "self_attn."), **norms(p, *LLAMA),
         **linear(p, mlp__gate=(EXPERTS, H)), **gated(p + "mlp.shared_experts.", ffn=SHARED),
         p + "mlp.moe_statics.e_score_correction_bias": (1, EXPERTS),
         **experts(p + "mlp.experts.")}
    return t, SCORES, {"model_type": "ernie4_5_moe", "moe_num_experts": EXPERTS, "moe_k": USED,
                       "moe_intermediate_size": NARROW, "tie_word_embeddings": False}


def qwen():
    p = "transformer.h.0."
    t = {**net("transformer.wte", "transformer.ln_f"), **norms(p, "ln_1", "ln_2"),
         **linear(p, attn__c_attn=(3 * H, H), attn__c_proj=(H, H), mlp__w1=(FFN // 2, H),
                  mlp__w2=(FFN // 2, H), mlp__c_proj=(H, FFN // 2))}
    return t, SCORES, {"model_type": "qwen", "num_key_value_heads": None,
                       "tie_word_embeddings": False}


def chatglm():
    p = "transformer.encoder.layers.0."
    t = {**net("transformer.embedding.word_embeddings", "transformer.encoder.final_layernorm",
               "transformer.output_layer"), **norms(p, *LLAMA),
         **linear(p, self_attention__query_key_value=((HEADS + 2 * KV) * SIZE, H),
                  self_attention__dense=(H, H), mlp__dense_h_to_4h=(2 * FFN, H),
                  mlp__dense_4h_to_h=(H, FFN))}
    return t, SCORES, {"model_type": "chatglm", "multi_query_group_num": KV, "vocab_size": None,
                       "num_key_value_heads": None, "ffn_hidden_size": FFN,
                       "intermediate_size": None, "padded_vocab_size": WORDS}


def clip_text():
    p = "text_model.encoder.layers.0."
    t = {**net("text_model.embeddings.token_embedding", "text_model.final_layer_norm", None),
         "text_model.embeddings.position_embedding.weight": (17, H),
         **norms(p, "layer_norm1", "layer_norm2"),
         **linear(p + "self_attn.", q_proj=(H, H), k_proj=(H, H), v_proj=(H, H), out_proj=(H, H)),
         **linear(p, mlp__fc1=(FFN, H), mlp__fc2=(H, FFN))}
    return t, SCORES, {"model_type": "clip_text_model", "num_key_value_heads": None}


NETS = (lfm2, granite, falcon_h1, nemotron_h, qwen3_next, hunyuan, minimax, ernie, qwen, chatglm,
        clip_text)
NO_PRODUCT = ("embed", "wte", "conv1d", ".conv.conv", "position", "correction", "A_log")


def check(what, got, want):
    global held, failures
    held += 1
    if got != want:
        failures += 1
        print("%s: %s, not %s" % (what, got, want))


def products(parts, config):
    macs = 0
    for name, dims in parts.items():
        if len(dims) < 2 or any(w in name for w in NO_PRODUCT):
            continue
        is_expert = ".experts." in name or "moe.input" in name or "moe.output" in name
        macs += math.prod(dims) * USED // EXPERTS if is_expert else math.prod(dims)
    is_tied = not any("lm_head" in n or "output_layer" in n for n in parts)
    return macs + (WORDS * H if is_tied and "clip" not in config["model_type"] else 0)


def write(folder, parts, config):
    header, at = {}, 0
    for name, dims in parts.items():
        end = at + 2 * math.prod(dims)
        header[name] = {"dtype": "BF16", "shape": dims, "data_offsets": [at, end]}
        at = end
    head = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + bytes(at))
    usual = {"hidden_size": H, "num_attention_heads": HEADS, "num_key_value_heads": KV,
             "intermediate_size": FFN, "vocab_size": WORDS, "torch_dtype": "bfloat16"}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump({k: v for k, v in {**usual, **config}.items() if v is not None}, f)


def main():
    for one in NETS:
        parts, beside, config = one()
        with tempfile.TemporaryDirectory() as folder:
            write(folder, parts, config)
            done = subprocess.run([PROGRAM, "count", folder, "--format", "json", "--bind",
                                   "batch=1,seq=%d" % TOKENS], capture_output=True, text=True,
                                  check=False)
        name = one.__name__
        if done.returncode:
            check(name, done.stderr, "an answer")
            continue
        got = json.loads(done.stdout)
        check(name + ": parameters", got["total"]["params"], sum(map(math.prod, parts.values())))
        check(name + ": MACs", got["total"]["macs"], TOKENS * products(parts, config) + beside)
        check(name + ": unknown", got["coverage"]["unknown"], [])
        loose = [n["name"] for n in got["nodes"] if n["op"] == "Product"]
        check(name + ": by role alone", loose, [])
    print("%d of %d numbers are those of the closed forms" % (held - failures, held))
    sys.exit(bool(failures))


main()
