#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files of language models that contradict themselves, or would take for ever.

    strange.py SIZEUP

Each case is a small Llama or Mixtral with one thing wrong, the parameters that its tensors add up
to, or None where it must be refused, and words of the sentence that has to say so. A refusal is one
line that names the file and a position; where nothing is wrong, nothing is said."""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

from small_gguf import ARRAY, STRING, U16, gguf, key

PROGRAM = sys.argv[1]
USUAL = "weights alone have no sizes"
held = failures = 0


def keys(arch="llama", **other):
    values = {"block_count": 1, "embedding_length": 64, "feed_forward_length": 128,
              "attention.head_count": 4, "attention.head_count_kv": 2}
    values.update(other)
    return [key("general.architecture", arch, STRING)] + [
        key("llama." + k, v) for k, v in values.items() if v is not None]


BLOCK = {"attn_norm": [64], "attn_q": [64, 64], "attn_k": [64, 32], "attn_v": [64, 32],
         "attn_output": [64, 64], "ffn_norm": [64], "ffn_gate": [64, 128], "ffn_up": [64, 128],
         "ffn_down": [128, 64]}
EXPERTS = {"ffn_gate_inp": [64, 4], "ffn_gate_exps": [64, 128, 4], "ffn_up_exps": [64, 128, 4],
           "ffn_down_exps": [128, 64, 4]}


def tensors(blocks=(0,), without=(), **other):
    """Dimensions from the innermost one, as the format has them."""
    all_ = {"token_embd.weight": [64, 32]}
    for b in blocks:
        block = {k: v for k, v in {**BLOCK, **other}.items() if k not in without and v is not None}
        all_.update({"blk.%d.%s.weight" % (b, k): v for k, v in block.items()})
    return {**all_, "output_norm.weight": [64], "output.weight": [64, 32]}


def mixture(**other):
    return tensors(without=("ffn_gate", "ffn_up", "ffn_down"), **{**EXPERTS, **other})


def sums(parts):
    return sum(math.prod(d) for d in parts.values())


def shard(no, count, parts, head=()):
    return gguf([*head, key("split.no", no, U16), key("split.count", count, U16)], parts)


# ---- safetensors -------------------------------------------------------------------------------

NAMES = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
ENDS = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight"}


def named(parts):
    out = {}
    for name, dims in parts.items():
        if name in ENDS:
            out[ENDS[name]] = dims[::-1]
        else:
            _, block, role, _ = name.split(".")
            out["model.layers.%s.%s.weight" % (block, NAMES[role])] = dims[::-1]
    return out


def mixtral(experts, lost=()):
    parts = named(tensors(without=("ffn_gate", "ffn_up", "ffn_down")))
    base = "model.layers.0.block_sparse_moe."
    parts[base + "gate.weight"] = [experts, 64]
    for e in range(experts):
        for w, shape in (("w1", [128, 64]), ("w2", [64, 128]), ("w3", [128, 64])):
            if (e, w) not in lost:
                parts["%sexperts.%d.%s.weight" % (base, e, w)] = shape
    return parts


def packed(zeros):
    """The Llama with its query in 4 bits, as GPTQ packs them."""
    parts = dict(LLAMA)
    base = "model.layers.0.self_attn.q_proj."
    del parts[base + "weight"]
    parts[base + "qweight"] = ("I32", [64 * 4 // 32, 64])
    parts[base + "scales"] = [1, 64]
    parts[base + ("qzeros" if zeros else "g_idx")] = ("I32", [1, 8] if zeros else [64])
    return parts


def safetensors(parts):
    header, at = {}, 0
    for name, shape in parts.items():
        dtype, shape = shape if isinstance(shape, tuple) else ("BF16", shape)
        end = at + (4 if dtype == "I32" else 2) * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + bytes(at)


def config(**other):
    values = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
              "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
              "intermediate_size": 128, "vocab_size": 32, "torch_dtype": "bfloat16"}
    return json.dumps({k: v for k, v in {**values, **other}.items() if v is not None})


MOE = {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 4,
       "num_experts_per_tok": 2}


def folder(parts, **other):
    files = {"config.json": config(**other)}
    if parts is not None:
        files["model.safetensors"] = safetensors(parts)
    return files


# ---- the cases ---------------------------------------------------------------------------------

def one(head, parts, params, *words):
    return {"m.gguf": gguf(head, parts)}, params, words


def both(parts, params, *words, **other):
    return folder(parts, **other), params, words


def split(second_no, second_count, params, *words):
    parts = list(tensors().items())
    first, second = dict(parts[:5]), dict(parts[5:])
    return {"m-00001-of-00002.gguf": shard(0, 2, first, keys()),
            "m-00002-of-00002.gguf": shard(second_no, second_count, second)}, params, words


def old_experts():
    """As Mixtral was written until 2024: one tensor for each expert."""
    parts = tensors(without=("ffn_gate", "ffn_up", "ffn_down"), ffn_gate_inp=[64, 4])
    for e in range(4):
        parts.update({"blk.0.ffn_gate.%d.weight" % e: [64, 128],
                      "blk.0.ffn_up.%d.weight" % e: [64, 128],
                      "blk.0.ffn_down.%d.weight" % e: [128, 64]})
    return parts


def endless(of):
    """The head of an array of 2^32 strings or arrays; the rest of the file is a hole."""
    array = struct.pack("<IQ", of, 1 << 32)
    return gguf(keys() + [key("x.y", array, ARRAY)], {}, counts=(0, 7))


PLAIN = sums(tensors())
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 64}
LLAMA = named(tensors())
CASES = {
    "right": one(keys(), tensors(), PLAIN),
    "right, experts": one(keys(expert_count=4, expert_used_count=2), mixture(), sums(mixture())),
    "right, experts one by one": one(keys(expert_count=4, expert_used_count=2), old_experts(),
                                     sums(old_experts())),
    "blocks": one(keys(block_count=5), tensors((0, 1)), sums(tensors((0, 1))),
                  "'block_count' is 5, but the weights say 2"),
    "no blocks": one(keys(), tensors(()), sums(tensors(())), "there are no weights of blocks"),
    "a gap": one(keys(block_count=8), tensors((0, 7)), sums(tensors((0, 7))),
                 "only 2 of the blocks up to 'blk.7' have weights"),
    "width": one(keys(embedding_length=128), tensors(), PLAIN,
                 "'embedding_length' is 128, but the weights say 64"),
    "hidden layer": one(keys(feed_forward_length=999), tensors(), PLAIN,
                        "'feed_forward_length' is 999, but the weights say 128"),
    "heads": one(keys(**{"attention.head_count": 7}), tensors(), None,
                 "queries of 64 and keys of 32 numbers do not divide into 7 and 2 heads"),
    "heads of keys": one(keys(**{"attention.head_count_kv": 4}), tensors(), PLAIN,
                         "4 heads of keys, but keys of 32 numbers are 2"),
    "no values": one(keys(), tensors(without=("attn_v",)), PLAIN - 64 * 32,
                     "no 'attn_v.weight' beside it"),
    "no output": one(keys(), tensors(without=("attn_output",)), PLAIN - 64 * 64,
                     "no 'attn_output.weight' beside it"),
    "nothing in it": one(keys(), {}, 0, "has no tensors"),
    "no queries": one(keys(), tensors(attn_q=[64, 0]), None, "queries of 0"),
    "empty table": one(keys(), {**tensors(), "token_embd.weight": [64, 0]}, PLAIN - 64 * 32,
                       "'token_embd.weight' has a dimension of 0"),
    "experts said": one(keys(expert_count=8, expert_used_count=2), tensors(), PLAIN,
                        "there are no weights of experts"),
    "experts not said": one(keys(), mixture(), sums(mixture()), "1 of 4 experts is a guess"),
    "other experts": one(keys(expert_count=8, expert_used_count=2), mixture(), sums(mixture()),
                         "'expert_count' is 8, but the weights say 4"),
    "uneven experts": one(keys(expert_count=4, expert_used_count=2),
                          mixture(ffn_down_exps=[128, 64, 3]),
                          sums(mixture(ffn_down_exps=[128, 64, 3])),
                          "has 3 experts, but 'blk.0.ffn_gate_inp.weight' chooses among 4"),
    "NUL in a name": one([key("general.architecture", "llama\0x", STRING), *keys()[1:]], tensors(),
                         PLAIN, "'general.architecture' is no name"),
    "right, shards": split(1, 2, PLAIN),
    "the same shard": split(0, 2, None, "split.no is not 1"),
    "shard of another": split(1, 3, None, "split.count is not 2"),
    "too many shards": one([*keys(), key("split.count", 65535, U16)], tensors(), None,
                           "split.count is 65535, the limit is"),
    "shards of no number": one([*keys(), key("split.count", "2", STRING)], tensors(), None,
                               "split.count or split.no is no whole number"),
    "cut off": ({"m.gguf": gguf(keys(), tensors())[:-100]}, None, ("is the file cut off?",)),
    "cut off, folder": ({"config.json": config(), "model.safetensors": safetensors(LLAMA)[:-9]},
                        None, ("is it cut off?",)),
    "endless strings": ({"m.gguf": endless(STRING)}, None, ("the header goes on",)),
    "endless arrays": ({"m.gguf": endless(ARRAY)}, None, ("the header goes on",)),
    "right, folder": both(LLAMA, PLAIN),
    "right, experts in a folder": both(mixtral(4), sums(mixtral(4)), **MOE),
    "layers": both(LLAMA, PLAIN, "'num_hidden_layers' is 5, but the weights say 1",
                   num_hidden_layers=5),
    "intermediate": both(LLAMA, PLAIN, "'intermediate_size' is 999, but the weights say 128",
                         intermediate_size=999),
    "key heads": both(LLAMA, PLAIN, "4 heads of keys, but keys of 32 numbers are 2",
                      num_key_value_heads=4),
    "tied, but a head": both(LLAMA, PLAIN, "but a head is stored", tie_word_embeddings=True),
    "a head, but none": both({k: v for k, v in LLAMA.items() if k != "lm_head.weight"},
                             PLAIN - 64 * 32, "none is stored", tie_word_embeddings=False),
    "tied or not": both(LLAMA, PLAIN, "neither true nor false", tie_word_embeddings="yes"),
    "8 experts": both(mixtral(4), sums(mixtral(4)), "'num_experts' is 8, but the weights say 4",
                      **{**MOE, "num_local_experts": 8}),
    "an expert lacks a matrix": both(mixtral(4, ((2, "w1"),)), sums(mixtral(4, ((2, "w1"),))),
                                     "has 3 experts", **MOE),
    "experts of a token": both(mixtral(4), sums(mixtral(4)), "1 of 4 experts is a guess",
                               **{**MOE, "num_experts_per_tok": None}),
    "4 bits": both(packed(True), PLAIN, quantization_config=GPTQ),
    "8 bits said": both(packed(True), PLAIN, "weights of 8 bits, the tensors have 4",
                        quantization_config={**GPTQ, "bits": 8}),
    "8 bits said, by order": both(packed(False), PLAIN, "weights of 8 bits, the tensors have 4",
                                  quantization_config={**GPTQ, "bits": 8}),
    "no tensors": both({}, 0, "has no tensors"),
    "no width": both(None, None, "needs hidden_size, which is missing", hidden_size=None),
    "no heads": both(None, None, "needs num_attention_heads", num_attention_heads=None,
                     num_key_value_heads=None),
    "no layers": both(None, None, "needs num_hidden_layers", num_hidden_layers=None),
    "no hidden layer": both(None, PLAIN + 3 * 64 * 128, "4 x 64 is a guess",
                            intermediate_size=None),
    "too wide": both(None, None, "more than 2^63", hidden_size=1 << 40),
}
HOLES = {"endless strings": 1 << 42, "endless arrays": 1 << 42}


def check(name, ok, what):
    global held, failures
    held += 1
    if not ok:
        failures += 1
        print("%s: %s" % (name, what))


def judge(name, done, params, words):
    said = done.stderr
    if params is None:
        lines = [line for line in said.splitlines() if line.startswith("sizeup: ")]
        check(name, done.returncode == 3 and len(lines) == 1 and not done.stdout,
              "exit %d, %s" % (done.returncode, said))
        check(name, lines and "file '" in lines[0] and "@" in lines[0], "no place: " + said)
    elif done.returncode:
        check(name, False, "refused: " + said)
    else:
        got = json.loads(done.stdout)
        warnings = [w for w in got["warnings"] if not w.startswith(USUAL)]
        check(name, got["total"]["params"] == params,
              "%d parameters, not %d" % (got["total"]["params"], params))
        check(name, bool(words) or not warnings, "nothing is wrong, but: %s" % warnings)
    for word in words:
        check(name, word in said, "no word of '%s' in: %s" % (word, said))


def judge_llm(name, done, params):
    """Refuses what `count` does, and a net without a weight; the file is named once."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("sizeup: ")]
    ok = not lines if params else len(lines) == 1 and lines[0].count("file '") == 1
    check(name, ok and done.returncode == (0 if params else 3), "llm: " + done.stderr)


def main():
    for name, (files, params, words) in CASES.items():
        with tempfile.TemporaryDirectory() as at:
            for file, data in files.items():
                with open(os.path.join(at, file), "wb") as f:
                    f.write(data if isinstance(data, bytes) else data.encode())
                if name in HOLES:
                    os.truncate(os.path.join(at, file), HOLES[name])
            first = sorted(files)[0] if "config.json" not in files else ""
            done = subprocess.run([PROGRAM, "count", os.path.join(at, first), "--format", "json"],
                                  capture_output=True, text=True, check=False)
            judge(name, done, params, words)
            done = subprocess.run([PROGRAM, "llm", os.path.join(at, first)], capture_output=True,
                                  text=True, check=False)
            judge_llm(name, done, params)
    print("%d cases, %d of %d facts hold" % (len(CASES), held - failures, held))
    sys.exit(bool(failures))


main()
