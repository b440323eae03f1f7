#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Language models: counts against references that are not our own.

    check.py SIZEUP FOLDER

FOLDER/gguf: headers of GGUF files with what gguf-py says of them (truth.json); FOLDER/safetensors:
headers of checkpoints with parameters and torch's FLOP counts on the meta device; published.json:
hyper-parameters with parameter counts of model cards and closed forms of MACs. Headers are made as
long as the whole files, without a byte of weights.
"""

import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time

wrong = []
checked = 0
ENCODERS = ("bert",)  # no cache, so no tokens before


def check(what, is_, want):
    global checked
    checked += 1
    if is_ != want:
        wrong.append("%s: %s, not %s" % (what, is_, want))


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        wrong.append("%s: %s" % (" ".join(argv[1:]), done.stderr.strip()))
        return None
    return json.loads(done.stdout)


def count(path, seq, convention="sizeup", more=()):
    binds = ["--bind", "batch=1", "--bind", "seq=%d" % seq]
    return run(sizeup, "count", "--format", "json", "--convention", convention, path, *binds, *more)


def check_gguf(folder, scratch):
    with open(os.path.join(folder, "truth.json"), encoding="utf-8") as f:
        truth = json.load(f)
    for name, t in truth.items():
        path = os.path.join(scratch, name)
        with lzma.open(os.path.join(folder, name + ".xz")) as packed, open(path, "wb") as f:
            f.write(packed.read())
        if "full_file_bytes" in t:
            os.truncate(path, t["full_file_bytes"])
        if "params" not in t:
            check_types(path, t)
            continue
        for seq in (1, 128, 1024):
            got = count(path, seq, more=("--bind", "past=0"))
            if not got:
                continue
            total = got["total"]
            attention = 1
            for factor in t["attention_macs_per_token_at_context_T"].split("*")[:-1]:
                attention *= int(factor)
            check(name + " params", total["params"], t["params"])
            check(name + " bytes", total["weight_bytes"], t["weight_bytes"])
            check(name + " macs %d" % seq, total["macs"],
                  seq * (t["matmul_macs_per_token_excl_attention"] + attention * seq))
            check(name + " coverage", got["coverage"]["unknown"], [])
        check_form(name, path)
        got = run(sizeup, "llm", "--format", "json", path)
        check(name + " active", got["active_params"], t["active_params"])
        check(name + " cache", got["kv_cache_bytes_per_token"], t["kv_cache_bytes_per_token_f16"])
        check(name + " bits", round(got["bits_per_weight"], 4), t["bits_per_weight"])
        check(name + " arch", got["arch"], t["arch"])


def check_types(path, t):
    """One tensor per type: each by itself, by the node that it is the weight of."""
    got = count_plain(path)
    check("types", sorted(n["weight_bytes"] for n in got["nodes"]), sorted(weights_of(t)))


def weights_of(t):
    """Integers wider than a byte are no parameters of a vector: they have no weight bytes."""
    return [0 if k in ("I16", "I32", "I64") else b for k, b in t["bytes_by_type"].items()]


def count_plain(path):
    return run(sizeup, "count", "--format", "json", path)


def check_safetensors(folder, scratch):
    with open(os.path.join(folder, "truth.json"), encoding="utf-8") as f:
        truth = json.load(f)
    for name, t in truth.items():
        path = shutil.copytree(os.path.join(folder, name), os.path.join(scratch, name))
        for file, size in t["full_bytes"].items():
            os.chmod(os.path.join(path, file), 0o644)
            os.truncate(os.path.join(path, file), size)
        if name not in ("vit-base", "whisper-tiny"):
            check_form(name, path)
        for seq in (1, 128, 1024):
            flops = t.get("flops_prefill_%d" % seq)
            got = count(path, seq, "torch") if isinstance(flops, int) or seq == 1 else None
            if got:
                check(name + " params", got["total"]["params"],
                      t.get("params", t.get("logical_params")))
            if got and isinstance(flops, int):
                check(name + " flops %d" % seq, got["total"]["flops"], flops)
                check(name + " coverage", got["coverage"]["unknown"], [])


def check_published(path, scratch):
    with open(path, encoding="utf-8") as f:
        models = json.load(f)
    config = os.path.join(scratch, "config.json")
    for m in models:
        with open(config, "w", encoding="utf-8") as f:
            json.dump(m["config"], f)
        got = run(sizeup, "llm", "--format", "json", config)
        if not got:
            continue
        check(m["name"] + " params", got["params"], m["params"])
        check_form(m["name"], config)
        if "active" in m:
            check(m["name"] + " active", got["active_params"], m["active"])
        if "active_without_embedding" in m:
            check(m["name"] + " active", got["active_params_without_embedding"],
                  m["active_without_embedding"])
        for seq, macs in m.get("macs", {}).items():
            got = count(config, int(seq))
            check(m["name"] + " macs " + seq, got["total"]["macs"], macs + m.get("pooler_macs", 0))


def check_form(name, path):
    """What a closed form says of a step is what counting the graph of that size says."""
    for batch, prompt, generate in ((1, 1, 0), (3, 200, 22), (2, 700, 9000)):
        got = run(sizeup, "llm", "--format", "json", "--batch", str(batch), "--prompt",
                  str(prompt), "--generate", str(generate), path)
        if not got:
            continue
        for step, seq, past in (("prefill", prompt, 0), ("decode", 1, prompt + generate // 2)):
            binds = ["--bind", "batch=%d" % batch]
            if got["arch"] not in ENCODERS:
                binds += ["--bind", "past=%d" % past]
            elif step == "decode":
                continue
            graph = run(sizeup, "count", "--format", "json", "--by", "total", path, "--bind",
                        "seq=%d" % seq, *binds)
            if not graph:
                continue
            over = 1 if step == "prefill" else batch
            for key in ("macs", "flops"):
                mine = got[step][key if over == 1 and step == "prefill" else key + "_per_token"]
                check("%s %s %s %d,%d" % (name, step, key, batch, seq), mine,
                      graph["total"][key] // over)
            mine = got[step]["bytes_moved" if step == "prefill" else "bytes_per_token"]
            check("%s %s bytes %d,%d,%d" % (name, step, batch, seq, past), mine,
                  graph["total"]["bytes_moved"] // over)


def check_size(scratch):
    """A file of 40 GB: its header alone is read, in little time and memory."""
    path = os.path.join(scratch, "llama-3-70b-q4_k_m.head.gguf")
    best = min(timed(path) for _ in range(5))
    print("a GGUF of %.1f GB: %.1f ms" % (os.path.getsize(path) / 1e9, best[0] * 1e3),
          "and %.1f MB" % (best[1] / 1e6))
    check("memory below 32 MB", best[1] < 32e6 or sanitized, True)


# A small process of its own: a child's peak memory starts with what its parent has.
MEASURE = """
import os, sys, time
start = time.monotonic()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss * 1024)
"""


def timed(path):
    # what fills all memory at once also touches what is never used
    environ = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
    argv = [sizeup, "count", "--by", "total", "--quiet", "-o", os.devnull, path]
    done = subprocess.run([sys.executable, "-I", "-c", MEASURE] + argv, env=environ,
                          capture_output=True, text=True, check=True)
    code, seconds, peak = done.stdout.split()
    check("exit", int(code), 0)
    return float(seconds), int(peak)


sizeup, root = sys.argv[1:3]
sanitized = "--sanitized" in sys.argv
with tempfile.TemporaryDirectory() as where:
    check_gguf(os.path.join(root, "gguf"), where)
    check_safetensors(os.path.join(root, "safetensors"), where)
    check_published(os.path.join(root, "published.json"), where)
    check_size(where)
for line in wrong:
    print(line)
print("%d of %d numbers are those of the references" % (checked - len(wrong), checked))
sys.exit(bool(wrong))
