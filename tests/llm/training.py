#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training of language models on many devices: operations and activations of several families
against closed forms by hand and against the backward pass of the graph; what experts and context
cost."""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
H, A, K, F, L, V, S = 256, 8, 2, 640, 4, 1000, 128
D = H // A
BASE = {"hidden_size": H, "num_attention_heads": A, "num_key_value_heads": K, "vocab_size": V,
        "intermediate_size": F, "num_hidden_layers": L, "torch_dtype": "bfloat16",
        "max_position_embeddings": 4096, "tie_word_embeddings": False}
E, USED, EF = 8, 2, 96
failures = 0


def check(what, got, want, relative=1e-12):
    global failures
    if abs(got - want) <= relative * max(abs(want), 1):
        return
    failures += 1
    print(f"{what}: {got!r}, not {want!r}")


def run(*args):
    p = subprocess.run([PROGRAM, *args], capture_output=True, text=True)
    if p.returncode != 0:
        sys.exit(f"{' '.join(args)}: {p.stderr}")
    return json.loads(p.stdout)


def fails(config, sentence, *args):
    global failures
    p = subprocess.run([PROGRAM, "llm", write(config), "--mode", "training", "--machine", "a100",
                        *args], capture_output=True, text=True)
    if p.returncode == 0 or sentence not in p.stderr:
        failures += 1
        print(f"{args}: '{p.stderr.strip()}', not '{sentence}'")


FOLDER = tempfile.TemporaryDirectory()


def write(config):
    path = os.path.join(FOLDER.name, "config.json")
    with open(path, "w") as f:
        json.dump(config, f)
    return path


def training(config, *args):
    return run("llm", write(config), "--mode", "training", "--machine", "a100", "--context", str(S),
               "--format", "json", *args)


def graph(config, *args):
    return run("count", write(config), "--mode", "training", "--precision", "mixed", "--bind",
               f"batch=1,seq={S},past=0", "--format", "json", *args)["total"]


# Bytes of a token and layer, and of all scores of a layer, by hand. Whole: what sums and norms of
# the whole width work on. Split: what tensor parallel devices share. All in 16 bits.
Q_AND_KEYS = 2 * (A * D + 2 * K * D) + 2 * A * D  # queries, keys, values; what attention gives
SCORES = 2 * A * S * S                            # probabilities
FAMILIES = {
    # two norms: input and output each; gate, gate's activation, up, product of both
    "llama": ({"model_type": "llama"}, 8 * H, Q_AND_KEYS + 8 * F),
    # queries and keys before their norms as well
    "qwen3": ({"model_type": "qwen3", "head_dim": D}, 8 * H,
              Q_AND_KEYS + 8 * F + 2 * (A * D + K * D)),
    # two more norms, behind both layers: their inputs
    "gemma2": ({"model_type": "gemma2", "head_dim": D}, 12 * H, Q_AND_KEYS + 8 * F),
    # probabilities of all experts, those of the chosen; tokens sent to experts, their four arrays,
    # what they give
    "mixtral": ({"model_type": "mixtral", "num_local_experts": E, "num_experts_per_tok": USED},
                8 * H + 2 * E + 2 * USED,
                Q_AND_KEYS + USED * (2 * H + 8 * F + 2 * H)),
    # Korthikanti et al., table 2, less what dropout keeps: 2 of 34, and 3 of 5 bytes per score
    "gpt2": ({"model_type": "gpt2", "n_embd": H, "n_head": A, "n_layer": L, "n_positions": 4096,
              "num_key_value_heads": A, "intermediate_size": 4 * H}, 8 * H, 24 * H),
}


def families():
    for name, (extra, whole, split) in FAMILIES.items():
        config = dict(BASE, **extra)
        t, g = training(config), graph(config)
        macs, back = g["macs"], g["training"]["backward_macs"]
        check(f"{name}: model_flops", t["model_flops"], 2 * (macs + back))
        check(f"{name}: backward", back, 2 * macs)
        check(f"{name}: states", t["weight_bytes"] + t["gradient_bytes"] + t["optimizer_bytes"],
              18 * g["params"])
        check(f"{name}: activations", t["activation_bytes"],
              L * (S * (whole + split) + SCORES))
        # the graph has input and output of the last norm and the tokens' numbers on top, and sends
        # no tokens to experts
        sent = L * S * USED * 2 * H if name == "mixtral" else 0
        head = 4 * S * H + 8 * S + (8 * S if name == "gpt2" else 0)
        check(f"{name}: graph", g["training"]["stored_activation_bytes"] - head,
              t["activation_bytes"] - sent)
        some = training(config, "--recompute", "selective")
        check(f"{name}: selective", some["activation_bytes"], L * S * (whole + split))
        check(f"{name}: attention again", some["hardware_flops"] - some["model_flops"],
              L * 2 * 2 * A * D * S * S)
        full = training(config, "--recompute", "full")
        check(f"{name}: full", full["activation_bytes"], L * S * 2 * H)
        two = training(config, "--tp", "2")
        check(f"{name}: tensor", two["activation_bytes"],
              L * (S * (whole + split / 2) + SCORES / 2))
        both = training(config, "--tp", "2", "--sequence-parallel", "yes")
        check(f"{name}: sequence", both["activation_bytes"],
              L * (S * (whole + split) + SCORES) / 2)
        half = training(config, "--cp", "2")
        check(f"{name}: context", half["activation_bytes"],
              L * (S * (whole + split) + SCORES) / 2)


# Mixtral by hand: who holds what when experts stand whole on devices.
def experts():
    config = dict(BASE, **FAMILIES["mixtral"][0])
    ex, attention = L * E * 3 * H * F, L * (2 * H * H + 2 * H * K * D + E * H + 2 * H)
    outer = 2 * V * H + H
    t = training(config, "--dp", "4", "--ep", "4")
    check("ep: weights", t["weight_bytes"], 2 * (attention + outer + ex / 4))
    t = training(config, "--dp", "8", "--ep", "4", "--zero", "1")
    check("ep: states", t["optimizer_bytes"], 12 * ((attention + outer) / 8 + ex / 4 / 2))
    t = training(config, "--dp", "4", "--ep", "4")
    # 3 starts and three quarters of the bytes: there and back, forward and backward
    sent = 4 * L * (3 * 38e-6 / 6 + 0.75 * S * USED * 2 * H / (300e9 * 0.53))
    check("ep: tokens sent", t["expert_s"], sent, 1e-9)
    check("ep: nothing sent", training(config, "--dp", "4")["expert_s"], 0)
    stages = training(config, "--pp", "2")
    check("pp: the fuller end", stages["weight_bytes"],
          2 * ((attention + ex) / 2 + V * H + H))
    fails(config, "8 experts do not divide by expert parallelism 3: the nearest that does is 2",
          "--context", "128", "--dp", "3", "--ep", "3")
    fails(config, "--sequence-parallel yes", "--context", "128", "--tp", "2", "--ep", "2")


# Keys and values of half a sequence go to the neighbour: 3 times, less what attention hides.
def context():
    config = dict(BASE, model_type="llama")
    t = training(config, "--cp", "2")
    send = 38e-6 / 6 + 2 * S / 2 * 2 * K * D / (300e9 * 0.53)
    work = 2 * 2 * A * D * S * S / 4 / 312e12
    check("cp: ring", t["context_s"], 3 * L * (send - work), 1e-9)
    check("cp: none", training(config)["context_s"], 0)
    fails(config, "128 tokens of a sequence do not divide by context parallelism 3",
          "--context", "128", "--cp", "3")
    fails(config, "--cp", "--context", "128", "--cp", "2", "--plans", "--devices", "4",
          "--global-batch", "4")
    fails(config, "--context 4096")
    fails({"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 100,
           "state_size": 16, "intermediate_size": 128, "conv_kernel": 4, "time_step_rank": 4},
          "recurrence", "--context", "128")
    fails(dict(BASE, model_type="gpt2"), "no experts: leave out --ep", "--context", "128", "--dp",
          "2", "--ep", "2")


# A search over a model with experts finds plans that put them on devices whole.
def plans():
    config = dict(BASE, **FAMILIES["mixtral"][0])
    found = training(config, "--plans", "--devices", "4", "--global-batch", "8")
    check("plans with experts", any(p["ep"] > 1 for p in found["plans"]), True)
    best = found["plans"][0]
    words = {"tp": "--tp", "pp": "--pp", "dp": "--dp", "microbatch": "--microbatch",
             "interleave": "--interleave", "zero": "--zero", "recompute": "--recompute",
             "ep": "--ep"}
    args = [w for key, option in words.items() for w in (option, str(best[key]))]
    args += ["--sequence-parallel", "yes" if best["sequence_parallel"] else "no"]
    t = training(config, "--global-batch", "8", *args)
    check("plans: time", t["time_s"], best["time_s"])
    check("plans: memory", t["total_bytes"], best["total_bytes"])


families()
experts()
context()
plans()
if failures:
    sys.exit(f"{failures} numbers differ")
print("training: all numbers as by hand")
