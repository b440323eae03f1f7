#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decoding at batch 1 on Apple chips beside what llama.cpp was seen to reach: bench/decoding.py
SIZEUP. Rows: the README of XiongjieDai/GPU-Benchmarks-on-LLM-Inference (GPU; Dec 2023, the prompt
is taken as 300 tokens; May 2024, llama-bench) and issue 1 there (M2 Pro, mean ms per token). Files
of more than 70 % of a machine's memory are left out, as a GPU there may use no more, and 8B in
Q4_K_M, of which there is no header here. The stack's constants are those of
src/predict/llm/stacks.def; none is fitted here. Naive: the bytes over the bandwidth, and that times
the one factor that is the median over all rows."""
import csv
import json
import lzma
import os
import statistics
import struct
import subprocess
import sys
import tempfile

NETS = {"llama2-7b": (32, 4096, 32, 32, 11008, 32000),
        "llama2-70b": (80, 8192, 64, 8, 28672, 32000),
        "llama3-8b": (32, 4096, 32, 8, 14336, 128256),
        "llama3-70b": (80, 8192, 64, 8, 28672, 128256)}
F32, F16, Q4_0, Q6_K = (0, 4, 1), (1, 2, 1), (2, 18, 32), (14, 210, 256)  # code, bytes, block


def string(s):
    return struct.pack("<Q", len(s)) + s.encode()


def write(path, net, quant):
    """A GGUF file of header and hole. llama.cpp keeps the head of a Q4_0 file in Q6_K."""
    layers, h, heads, kv, ffn, vocab = NETS[net]
    wide = Q4_0 if quant == "q4_0" else F16
    keys = {"block_count": layers, "embedding_length": h, "feed_forward_length": ffn,
            "attention.head_count": heads, "attention.head_count_kv": kv, "context_length": 8192}
    tensors = [("token_embd.weight", (vocab, h), wide)]
    for i in range(layers):
        for name, shape in (("attn_q", (h, h)), ("attn_k", (h // heads * kv, h)),
                            ("attn_v", (h // heads * kv, h)), ("attn_output", (h, h)),
                            ("ffn_gate", (ffn, h)), ("ffn_up", (ffn, h)), ("ffn_down", (h, ffn))):
            tensors.append((f"blk.{i}.{name}.weight", shape, wide))
        tensors += [(f"blk.{i}.{name}.weight", (h,), F32) for name in ("attn_norm", "ffn_norm")]
    tensors += [("output_norm.weight", (h,), F32),
                ("output.weight", (vocab, h), Q6_K if wide is Q4_0 else F16)]
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys) + 1)
    out += string("general.architecture") + struct.pack("<I", 8) + string("llama")
    for key, v in keys.items():
        out += string("llama." + key) + struct.pack("<II", 4, v)
    at = 0
    for name, shape, (code, size, block) in tensors:
        out += string(name) + struct.pack("<I", len(shape))
        for dim in reversed(shape):
            out += struct.pack("<Q", dim)
        out += struct.pack("<IQ", code, at)
        elements = shape[0] * (shape[1] if len(shape) > 1 else 1)
        at += (elements // block * size + 31) // 32 * 32
    out += b"\0" * (-len(out) % 32)
    with open(path, "wb") as f:
        f.write(out)
        f.truncate(len(out) + at)


def head_of_70b(path, tests):
    folder = os.path.join(tests, "llm", "gguf")
    with open(os.path.join(folder, "truth.json"), encoding="utf-8") as f:
        size = json.load(f)["llama-3-70b-q4_k_m.head.gguf"]["full_file_bytes"]
    with lzma.open(os.path.join(folder, "llama-3-70b-q4_k_m.head.gguf.xz")) as f, \
            open(path, "wb") as to:
        to.write(f.read())
        to.truncate(size)


def main():
    sizeup, here = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
    told = []
    with open(os.path.join(here, "published", "llama_cpp_decoding.csv"), encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            path = os.path.join(folder, row["model"] + ".gguf")
            net, quant = row["model"].rsplit("-", 1)
            if not os.path.exists(path) and quant == "q4_k_m":
                head_of_70b(path, os.path.join(here, "..", "tests"))
            elif not os.path.exists(path):
                write(path, net, quant)
            p = subprocess.run([sizeup, "llm", path, "--machine", row["machine"], "--stack",
                                "llama.cpp-apple", "--prompt", row["prompt"], "--generate",
                                row["generate"], "--quiet", "--format", "json"],
                               capture_output=True, text=True)
            if p.returncode != 0:
                sys.exit(p.stderr)
            bound = subprocess.run([sizeup, "llm", path, "--machine", row["machine"], "--prompt",
                                    row["prompt"], "--generate", row["generate"], "--quiet",
                                    "--format", "json"], capture_output=True, text=True)
            told.append((row, json.loads(p.stdout), json.loads(bound.stdout)))
    def tpot(d):
        return d["tpot_s"] if "tpot_s" in d else d["prediction"]["tpot_s"]
    ours = [tpot(t) * float(r["tokens_per_s"]) for r, t, _ in told]  # told / measured time
    naive = [tpot(b) * float(r["tokens_per_s"]) for r, _, b in told]
    factor = 1 / statistics.median(naive)
    if "-v" in sys.argv:
        for (r, _, _), a, b in zip(told, ours, naive):
            print(f"    {r['machine']:9} {r['model']:18} {r['generate']:>5} {a:.2f} {b:.2f}")
    def mape(ratios):
        return 100 * statistics.mean(abs(x - 1) for x in ratios)
    print(f"decoding on Apple chips beside llama.cpp: n {len(ours)}, MAPE {mape(ours):.1f} %, "
          f"bytes over the bandwidth {mape(naive):.1f} %, that times {factor:.2f} "
          f"{mape([x * factor for x in naive]):.1f} %; told / measured {min(ours):.2f} to "
          f"{max(ours):.2f}")


if __name__ == "__main__":
    main()
