#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small random models of many families, as transformers 5.24 makes them: their parameters against
torch's own sum, their operations (1 and 16 tokens) against torch 2.15's FlopCounterMode with plain
attention and plain experts. The file holds config.json and names and shapes of the tensors. From
the hyper-parameters alone a family is counted to the last parameter, or refused.

Of DeepSeek-V3 and GLM-4-MoE the biases that steer the choice of experts are among the parameters,
as their authors count them; in transformers they are buffers. Of Mamba and Jamba torch counts the
convolution for taps - 1 positions more than there are tokens, whose results are dropped: these are
taken off. No operations are held of Llama 4 (torch's runs all experts), Mamba 2 (scans in chunks),
Whisper and ViT (their convolutions have no place in our net)."""
import json
import lzma
import os
import struct
import subprocess
import sys
import tempfile

PROGRAM, HERE = sys.argv[1], sys.argv[2]
PAIRS = ("t5", "t5_gated", "bart")
ENCODERS = ("bert", "roberta", "distilbert", "electra", "modernbert", "vit")
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}
held = failures = 0


def check(what, got, want):
    global held, failures
    held += 1
    if got != want:
        failures += 1
        print(f"{what}: {got}, not {want}")


def write(folder, model):
    at, header = 0, {}
    for name, (dtype, shape) in model["tensors"].items():
        size = BYTES[dtype]
        for dim in shape:
            size *= dim
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)


def config(folder, model):
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(model["config"], f)


def count(path, *args):
    p = subprocess.run([PROGRAM, "count", path, "--convention", "torch", "--format", "json", *args],
                       capture_output=True, text=True)
    return json.loads(p.stdout)["total"] if p.returncode == 0 else p.stderr.strip()


def binding(name, tokens):
    if name in PAIRS:
        return f"batch=1,seq={tokens},decoder_seq={tokens},past=0"
    return f"batch=1,seq={tokens}" + ("" if name in ENCODERS else ",past=0")


def main():
    alone = 0
    with lzma.open(os.path.join(HERE, "families.json.xz")) as f:
        models = json.load(f)
    for name, model in models.items():
        with tempfile.TemporaryDirectory() as folder:
            config(folder, model)
            t = count(os.path.join(folder, "config.json"))
            if isinstance(t, dict):
                check(f"{name}: parameters by hyper-parameters", t["params"], model["params"])
                alone += 1
            elif "not known from its hyper-parameters" not in t:
                check(f"{name}: hyper-parameters", t, "refused with a sentence")
            write(folder, model)
            t = count(folder)
            check(f"{name}: parameters", t["params"] if isinstance(t, dict) else t, model["params"])
            for tokens, flops in model["flops"].items():
                t = count(folder, "--bind", binding(name, tokens))
                check(f"{name}: operations of {tokens} tokens",
                      t["flops"] if isinstance(t, dict) else t, flops)
    if failures:
        sys.exit(f"{failures} of {held} numbers are not those of torch")
    print(f"{len(models)} families, {alone} also by their hyper-parameters: {held} of {held} "
          "numbers are those of torch")


main()
