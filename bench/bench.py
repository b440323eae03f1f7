#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast `sizeup count` is, as ratios of whole processes measured in one run.

    bench.py SIZEUP MODELS [--peers PYTHON] [--repeats N]

Pairs run alternately, so that a disturbance hits both sides; a ratio is the median of the ratios of
the pairs, with the range of their middle half. --peers names a Python that has onnx, onnx-tool and
onnxsim; without it the peers are skipped, and the output says so.
"""

import argparse
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from decoding import head_of_70b
from onnx_writer import chain, write_mlp

PEERS = {
    "onnx-tool": "import onnx_tool; onnx_tool.model_profile({path!r})",
    "onnxsim": "import onnx, onnxsim; m = onnx.load({path!r}); "
               "from onnxsim import model_info; model_info.ModelInfo(m)",
}


def run(argv):
    """Wall seconds of a process; its output goes to /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
        (os.POSIX_SPAWN_DUP2, null, 2)])
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - start
    os.close(null)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise RuntimeError("%s: exit %d" % (" ".join(argv)[:120], code))
    return seconds


# A child starts out with the memory of the process that made it, and the kernel remembers the
# larger of the two. So memory is read below a bare interpreter of 8 MB.
LAUNCHER = """
import posix, sys
null = posix.open("/dev/null", posix.O_RDWR)
pid = posix.posix_spawn(sys.argv[1], sys.argv[1:], posix.environ,
                        file_actions=[(posix.POSIX_SPAWN_DUP2, null, k) for k in (0, 1, 2)])
_, status, usage = posix.wait4(pid, 0)
print(usage.ru_maxrss * 1024)
sys.exit(status != 0)
"""


def resident_bytes(argv):
    """Peak resident bytes of a process, at least those of a bare interpreter."""
    path = argv[0] if os.path.sep in argv[0] else shutil.which(argv[0])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, path] + argv[1:],
                          capture_output=True, check=True)
    return int(done.stdout)


def compare(first, second, repeats):
    """Run both alternately; returns medians and the ratio first/second with its middle half."""
    run(first), run(second)
    a, b = [], []
    for _ in range(repeats):
        a.append(run(first))
        b.append(run(second))
    ratios = sorted(x / y for x, y in zip(a, b))
    quarter = len(ratios) // 4
    return {"first_s": statistics.median(a), "second_s": statistics.median(b),
            "first_bytes": resident_bytes(first), "second_bytes": resident_bytes(second),
            "ratio": statistics.median(ratios), "low": ratios[quarter],
            "high": ratios[-1 - quarter]}


class Report:
    def __init__(self, repeats):
        self.repeats = repeats
        self.missed = 0

    def line(self, what, result, limit):
        good = result["ratio"] <= limit
        self.missed += not good
        print("%-58s ratio %8.4f (%.4f-%.4f, n=%d)  limit %g  %s" % (
            what, result["ratio"], result["low"], result["high"], self.repeats, limit,
            "ok" if good else "MISSED"))
        print("%-58s %.2f ms against %.2f ms, %.1f MB against %.1f MB" % (
            "", 1e3 * result["first_s"], 1e3 * result["second_s"], result["first_bytes"] / 1e6,
            result["second_bytes"] / 1e6))

    def memory(self, what, found, limit):
        good = found <= limit
        self.missed += not good
        print("%-58s %.1f MB  limit %.1f MB  %s" % (what, found / 1e6, limit / 1e6,
                                                    "ok" if good else "MISSED"))


def bench_start(report, count, models):
    for name, extra in (("resnet50", []), ("gpt2", [])):
        path = os.path.join(models, name + ".onnx")
        if not os.path.exists(path):
            print("%s: no %s in %s: skipped" % (name, path, models))
            continue
        result = compare(count(path) + extra, [sys.executable, "-c", "pass"], report.repeats)
        report.line("count %s against `python3 -c pass`" % name, result, 0.5)


def bench_predict(report, sizeup):
    """A net of 1002 nodes, the start of the process included."""
    predict = [sizeup, "predict", "--quiet", "--machine", "a100", "--format", "json",
               "bert:layers=31"]
    result = compare(predict, [sys.executable, "-c", "pass"], report.repeats)
    report.line("predict bert:layers=31 against `python3 -c pass`", result, 1.0)


def bench_weights(report, count, folder):
    inline, stripped = os.path.join(folder, "inline.onnx"), os.path.join(folder, "stripped.onnx")
    write_mlp(inline, 25, 2048, True)
    write_mlp(stripped, 25, 2048, False)
    print("weights inline: %.0f MB file" % (os.path.getsize(inline) / 1e6))
    result = compare(count(inline), count(stripped), report.repeats)
    report.line("count, weights inline against stripped", result, 2.0)
    report.memory("resident memory with weights inline", result["first_bytes"], 10e6)
    os.remove(inline)


def bench_growth(report, count, folder):
    paths = {}
    for n in (10000, 100000):
        paths[n] = os.path.join(folder, "chain%d.onnx" % n)
        with open(paths[n], "wb") as f:
            f.write(chain(n))
    result = compare(count(paths[100000]), count(paths[10000]), max(5, report.repeats // 3))
    report.line("100,000 nodes against 10,000 nodes", result, 12.0)


def bench_passes(report, optimize, models, python, folder):
    """All passes: linear in nodes, and against reading the largest file with the onnx package."""
    paths = {}
    for n in (10000, 100000):
        paths[n] = os.path.join(folder, "chain%d.onnx" % n)
        with open(paths[n], "wb") as f:
            f.write(chain(n))
    result = compare(optimize(paths[100000]), optimize(paths[10000]), max(5, report.repeats // 3))
    report.line("optimize, 100,000 nodes against 10,000 nodes", result, 12.0)
    if not python:
        return
    path = os.path.join(models, "ssdlite.onnx")
    peer = [python, "-c", "import onnx; onnx.load(%r, load_external_data=False)" % path]
    result = compare(optimize(path), peer, max(5, report.repeats // 3))
    report.line("optimize ssdlite, all of it, against onnx.load", result, 0.1)


def bench_peers(report, count, models, python, folder):
    """The peers load all weights, so the model gets its weights back: a sparse file of zeros."""
    path = os.path.join(folder, "gpt2.onnx")
    shutil.copy(os.path.join(models, "gpt2.onnx"), path)
    with open(os.path.join(models, "truth", "gpt2.json"), encoding="utf-8") as f:
        size = json.load(f)["weights_absent_bytes"]
    with open(os.path.join(folder, "weights.absent"), "wb") as f:
        f.truncate(size)
    for name, code in PEERS.items():
        peer = [python, "-c", code.format(path=path)]
        try:
            result = compare(count(path), peer, 5)
        except RuntimeError as error:
            print("%s: skipped, it did not run: %s" % (name, error))
            continue
        report.line("count gpt2 against %s" % name, result, 1.0)
        report.memory("its memory", result["first_bytes"], result["second_bytes"])


def bench_llm(report, sizeup, folder):
    """A model of 80 layers on a machine, a queue before it, and the search of plans."""
    path = os.path.join(folder, "config.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
                   "vocab_size": 32000, "hidden_size": 8192, "num_hidden_layers": 80,
                   "num_attention_heads": 64, "num_key_value_heads": 8,
                   "intermediate_size": 28672, "torch_dtype": "float16"}, f)
    llm = [sizeup, "llm", "--quiet", "--format", "json", "--machine", "h100"]
    gpt = "gpt:layers=96,hidden=12288,heads=96,seq=2048,vocab=51200,positions=2048"
    rows = (("llm, a prompt on a machine", [path], 0.5),
            ("llm, 1,000 requests served", [
                "--stack", "vllm", "--arrivals", "poisson:2", "--cache-tokens", "100000", path], 1),
            ("llm, all plans of 512 devices", [
                "--mode", "training", "--plans", "--devices", "512", "--global-batch", "1536",
                gpt], 1))
    for what, args, limit in rows:
        result = compare(llm + args, [sys.executable, "-c", "pass"], max(5, report.repeats // 3))
        report.line("%s against `python3 -c pass`" % what, result, limit)


def write_mixtral(folder):
    """Mixtral 8x7B in 19 shards of 93 GB together: headers, and holes for the weights."""
    os.makedirs(folder)
    block = {"self_attn.q_proj": (4096, 4096), "self_attn.k_proj": (1024, 4096),
             "self_attn.v_proj": (1024, 4096), "self_attn.o_proj": (4096, 4096),
             "block_sparse_moe.gate": (8, 4096), "input_layernorm": (4096,),
             "post_attention_layernorm": (4096,)}
    for expert in range(8):
        for name, shape in (("w1", (14336, 4096)), ("w2", (4096, 14336)), ("w3", (14336, 4096))):
            block["block_sparse_moe.experts.%d.%s" % (expert, name)] = shape
    tensors = [("model.embed_tokens.weight", (32000, 4096))]
    for layer in range(32):
        tensors += [("model.layers.%d.%s.weight" % (layer, n), s) for n, s in block.items()]
    tensors += [("model.norm.weight", (4096,)), ("lm_head.weight", (32000, 4096))]
    places = {}
    for k in range(19):
        file = "model-%05d-of-00019.safetensors" % (k + 1)
        header, at = {}, 0
        for name, shape in tensors[k * len(tensors) // 19:(k + 1) * len(tensors) // 19]:
            size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
            header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
            places[name], at = file, at + size
        text = json.dumps(header).encode()
        with open(os.path.join(folder, file), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            f.truncate(8 + len(text) + at)
    for name, content in (("model.safetensors.index.json", {"weight_map": places}),
                          ("config.json", {
                              "model_type": "mixtral", "architectures": ["MixtralForCausalLM"],
                              "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
                              "num_attention_heads": 32, "num_key_value_heads": 8,
                              "intermediate_size": 14336, "num_local_experts": 8,
                              "num_experts_per_tok": 2, "torch_dtype": "bfloat16"})):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            json.dump(content, f)


def bench_large(report, sizeup, models, folder):
    """Files of 42 and 93 GB, of which only headers are there and read."""
    mixtral, path = os.path.join(folder, "mixtral"), os.path.join(folder, "70b.gguf")
    write_mixtral(mixtral)
    head_of_70b(path, os.path.dirname(os.path.abspath(models)))
    for what, file in (("llm of a 70B Q4_K_M GGUF", path), ("llm of Mixtral, 19 shards", mixtral)):
        result = compare([sizeup, "llm", "--quiet", "--format", "json", file],
                         [sys.executable, "-c", "pass"], report.repeats)
        report.line("%s against `python3 -c pass`" % what, result, 0.5)
        report.memory("its memory", result["first_bytes"], 15e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizeup")
    parser.add_argument("models")
    parser.add_argument("--peers", help="a Python with onnx, onnx-tool and onnxsim")
    parser.add_argument("--repeats", type=int, default=25)
    args = parser.parse_args()
    report = Report(args.repeats)

    def count(path):
        return [args.sizeup, "count", "--quiet", "--format", "json", path]

    def optimize(path):
        return [args.sizeup, "optimize", "--quiet", "--format", "json", path]

    with tempfile.TemporaryDirectory() as folder:
        bench_start(report, count, args.models)
        bench_predict(report, args.sizeup)
        bench_weights(report, count, folder)
        bench_growth(report, count, folder)
        bench_llm(report, args.sizeup, folder)
        bench_large(report, args.sizeup, args.models, folder)
        bench_passes(report, optimize, args.models, args.peers, folder)
        if args.peers:
            bench_peers(report, count, args.models, args.peers, folder)
        else:
            print("peers: skipped (PEERS=1 make bench brings them)")
    sys.exit(report.missed > 0)


if __name__ == "__main__":
    main()
