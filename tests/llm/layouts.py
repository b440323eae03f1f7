#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Layers of architectures that only GGUF files of today have, against closed forms.

    layouts.py SIZEUP

Names of tensors are those that gguf-py 0.19 lists for each architecture. Held are
parameters, MACs of 8 tokens (matrices of all blocks, of experts those that are used; attention by
every key; a delta network 3 per element of a head's state; a convolution its taps per channel) and
bytes of cache."""
import json
import math
import os
import subprocess
import sys
import tempfile

from small_gguf import BOOL, STRING, gguf, key

PROGRAM = sys.argv[1]
TOKENS, HIDDEN, WORDS, FFN = 8, 64, 96, 128
HEADS, KV, SIZE = 4, 2, 16  # of attention
EXPERTS, USED = 4, 2
K_HEADS, V_HEADS, K, V = 2, 4, 16, 24  # of a delta network
KEYS, VALUES = K_HEADS * K, V_HEADS * V
held = failures = 0

ATTENTION = {"attn_norm": [HIDDEN], "attn_q": [HIDDEN, HEADS * SIZE], "attn_k": [HIDDEN, KV * SIZE],
             "attn_v": [HIDDEN, KV * SIZE], "attn_output": [HEADS * SIZE, HIDDEN]}
GATED = {"ffn_norm": [HIDDEN], "ffn_gate": [HIDDEN, FFN], "ffn_up": [HIDDEN, FFN],
         "ffn_down": [FFN, HIDDEN]}
PLAIN = {k: v for k, v in GATED.items() if k != "ffn_gate"}
SCORES = 2 * HEADS * SIZE * TOKENS * TOKENS
CACHE = 2 * KV * SIZE * 2  # f16
DELTA = 3 * V_HEADS * K * V * TOKENS


def delta(**products):
    return {"attn_norm": [HIDDEN], "ssm_conv1d": [4, 2 * KEYS + VALUES], "ssm_a": [V_HEADS],
            "ssm_dt.bias": [V_HEADS], "ssm_norm": [V], "ssm_out": [VALUES, HIDDEN], **products}


QWEN35 = delta(attn_qkv=[HIDDEN, 2 * KEYS + VALUES], attn_gate=[HIDDEN, VALUES],
               ssm_beta=[HIDDEN, V_HEADS], ssm_alpha=[HIDDEN, V_HEADS])
QWEN3NEXT = delta(ssm_in=[HIDDEN, 2 * KEYS + 2 * VALUES], ssm_ba=[HIDDEN, 2 * V_HEADS])
STATE = {"ssm.state_size": K, "ssm.group_count": K_HEADS, "ssm.time_step_rank": V_HEADS,
         "ssm.inner_size": VALUES, "ssm.conv_kernel": 4}
CONV = 4 * (2 * KEYS + VALUES) * TOKENS

WIDE = HEADS * SIZE
KIMI = {"attn_norm": [HIDDEN], "attn_q": [HIDDEN, WIDE], "attn_k": [HIDDEN, WIDE],
        "attn_v": [HIDDEN, WIDE], "ssm_conv1d_q": [4, WIDE], "ssm_conv1d_k": [4, WIDE],
        "ssm_conv1d_v": [4, WIDE], "ssm_f_a": [HIDDEN, SIZE], "ssm_f_b": [SIZE, WIDE],
        "ssm_g_a": [HIDDEN, SIZE], "ssm_g_b": [SIZE, WIDE], "ssm_beta": [HIDDEN, HEADS],
        "ssm_a": [1, HEADS], "ssm_norm": [SIZE], "attn_output": [WIDE, HIDDEN]}
SHORT = {"attn_norm": [HIDDEN], "shortconv.in_proj": [HIDDEN, 3 * HIDDEN],
         "shortconv.conv": [3, HIDDEN], "shortconv.out_proj": [HIDDEN, HIDDEN]}
SHARED = {"ffn_gate_inp": [HIDDEN, EXPERTS], "ffn_up_exps": [HIDDEN, 32, EXPERTS],
          "ffn_down_exps": [32, HIDDEN, EXPERTS], "ffn_up_shexp": [HIDDEN, 48],
          "ffn_down_shexp": [48, HIDDEN]}
OLD = {"ffn_gate_inp": [HIDDEN, EXPERTS]}
for E in range(EXPERTS):
    OLD.update({"ffn_gate.%d" % E: [HIDDEN, 32], "ffn_up.%d" % E: [HIDDEN, 32],
                "ffn_down.%d" % E: [32, HIDDEN]})

T5 = {"attn_norm": [HIDDEN], "attn_q": [HIDDEN, HIDDEN], "attn_k": [HIDDEN, HIDDEN],
      "attn_v": [HIDDEN, HIDDEN], "attn_o": [HIDDEN, HIDDEN]}
CROSS = {"cross_" + k: v for k, v in T5.items()}
PAIRS = {"t5": ({**T5, **PLAIN}, {**T5, **CROSS, **PLAIN}), "t5encoder": ({**T5, **PLAIN}, None)}

# architecture: blocks, MACs beside products, cache per token, other keys, a head of its own
NETS = {
    "qwen35": ([{**QWEN35, **GATED}, {**ATTENTION, **GATED, "attn_q": [HIDDEN, 2 * WIDE]}],
               SCORES + DELTA + CONV, CACHE, STATE),
    "qwen3next": ([{**QWEN3NEXT, **GATED}, {**ATTENTION, **GATED, "attn_q": [HIDDEN, 2 * WIDE]}],
                  SCORES + DELTA + CONV, CACHE, STATE),
    "kimi-linear": ([{**KIMI, **GATED}], 3 * HEADS * SIZE * SIZE * TOKENS + 3 * 4 * WIDE * TOKENS,
                    0, {}),
    "lfm2": ([{**SHORT, **GATED}, {**ATTENTION, **GATED}], SCORES + 3 * HIDDEN * TOKENS, CACHE, {}),
    "afmoe": ([{**ATTENTION, **GATED, "attn_gate": [HIDDEN, WIDE]}], SCORES, CACHE, {}),
    "nemotron_h_moe": ([{**ATTENTION, **SHARED}], SCORES, CACHE,
                       {"expert_count": EXPERTS, "expert_used_count": USED}),
    "llama": ([{**ATTENTION, **OLD, "ffn_norm": [HIDDEN]}], SCORES, CACHE,
              {"expert_count": EXPERTS, "expert_used_count": USED}),
    "dream": ([{**ATTENTION, **GATED}], SCORES, 0, {}),
    "jina-bert-v3": ([{**ATTENTION, **PLAIN}], SCORES, 0, {}),
    "arctic": ([{**ATTENTION, **GATED, **SHARED, "ffn_norm_exps": [HIDDEN]}], SCORES, CACHE,
               {"expert_count": EXPERTS, "expert_used_count": USED}),
    "t5": ([], 3 * SCORES, 2 * HIDDEN * 2, {"attention.head_count_kv": HEADS}),
    "t5encoder": ([], SCORES, 0, {"attention.head_count_kv": HEADS}),
    "not-known-yet": ([{**ATTENTION, **PLAIN}], SCORES, 0, {"attention.causal": False}),
}
HEADLESS = ("jina-bert-v3", "not-known-yet", "t5encoder")


def check(what, got, want):
    global held, failures
    held += 1
    if got != want:
        failures += 1
        print("%s: %s, not %s" % (what, got, want))


def is_matrix(name, dims):
    plain = ("conv1d", ".conv.", "token_embd")
    return len(dims) > 1 and not name.endswith("ssm_a") and not any(w in name for w in plain)


def used(name, dims):
    one_by_one = name.startswith("blk") and name.split(".")[-2].isdigit()
    n = math.prod(dims)
    return n * USED // EXPERTS if "_exps" in name or one_by_one else n


def tensors(arch, blocks):
    parts = {"token_embd.weight": [HIDDEN, WORDS], "output_norm.weight": [HIDDEN]}
    for i, block in enumerate(blocks):
        for name, dims in block.items():
            end = "" if name == "ssm_a" or "bias" in name else ".weight"
            parts["blk.%d.%s%s" % (i, name, end)] = dims
    for stack, block in zip(("enc", "dec"), PAIRS.get(arch, ())):
        for name, dims in (block or {}).items():
            parts["%s.blk.0.%s.weight" % (stack, name)] = dims
            parts["%s.output_norm.weight" % stack] = [HIDDEN]
    if arch in PAIRS:
        del parts["output_norm.weight"]
    if arch not in HEADLESS:
        parts["output.weight"] = [HIDDEN, WORDS]
    return parts


def head(arch, blocks, more):
    values = {"block_count": len(blocks), "embedding_length": HIDDEN, "feed_forward_length": FFN,
              "attention.head_count": HEADS, "context_length": 64,
              "attention.head_count_kv": HEADS if arch == "kimi-linear" else KV, **more}
    return [key("general.architecture", arch, STRING)] + [
        key("%s.%s" % (arch, k), v, BOOL if isinstance(v, bool) else 4) for k, v in values.items()]


def run(*args):
    done = subprocess.run([PROGRAM, *args, "--format", "json"], capture_output=True, text=True,
                          check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def judge(arch, path, parts, extra, cache):
    more = ",decoder_seq=%d" % TOKENS if arch == "t5" else ""
    got = run("count", path, "--bind", "batch=1,seq=%d%s" % (TOKENS, more))
    if isinstance(got, str):
        return check(arch, got, "an answer")
    products = TOKENS * sum(used(n, d) for n, d in parts.items() if is_matrix(n, d))
    check(arch + ": parameters", got["total"]["params"], sum(math.prod(d) for d in parts.values()))
    check(arch + ": MACs", got["total"]["macs"], products + extra)
    check(arch + ": unknown", got["coverage"]["unknown"], [])
    by_role = [n["op"] for n in got["nodes"] if n["op"] == "Product"]
    check(arch + ": by role alone", by_role, [])
    llm = run("llm", path)
    kept = llm["kv_cache_bytes_per_token"] if isinstance(llm, dict) else llm
    check(arch + ": cache", kept, cache)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for arch, (blocks, extra, cache, more) in NETS.items():
            path = os.path.join(folder, "m.gguf")
            parts = tensors(arch, blocks)
            with open(path, "wb") as f:
                f.write(gguf(head(arch, blocks, more), parts))
            judge(arch, path, parts, extra, cache)
    print("%d of %d numbers are those of the closed forms" % (held - failures, held))
    sys.exit(bool(failures))


main()
