#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near predictions come to measurements, on nets that no calibration has seen.

    bench/predict.py BUILD/sizeup [--backend onednn,openvino] [--threads 1,2] [--budget 10min]

Calibrates each backend where that was not done, then measures every net and predicts it: by the
calibration, by the roofline, by the roofline times one constant (the median over these nets), by a
compute roof alone, and by a fit of three coefficients to these very nets (a FLOPs + b bytes + c).
Then the layers of these nets, where the library tells their times, and products and convolutions of
random sizes, each a net of its own.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

NETS = [
    "resnet:depth=18", "resnet:depth=34", "resnet:depth=50", "resnet:depth=101",
    "vgg:depth=11", "vgg:depth=16", "unet:image=128", "cnn:image=64,blocks=5",
    "bert:layers=12,seq=128", "bert:layers=4,hidden=512,heads=8,seq=64",
    "gpt:layers=6,seq=64", "gpt:layers=12,seq=128", "vit", "vit:layers=6,image=160",
    "transformer:layers=6,hidden=512,heads=8,seq=128",
    "llama:layers=4,hidden=1024,heads=16,ffn=2816,vocab=8000,seq=64",
    "lstm:input=256,units=512,steps=64,layers=2", "lstm:input=64,units=128,steps=100,layers=3",
    "gru:input=256,units=512,steps=64", "mlp:layers=4,width=2048,batch=16", "mlp:batch=64", "ncf",
]


KERNELS = 24  # of a sort
MOST_FLOPS = 4e9  # of a kernel

TOGETHER = 8  # nets that take turns, so that each sees the machine at several times
ROUNDS = 3  # all nets again: strangers on a host stay for seconds to minutes


def run(sizeup, *words):
    return subprocess.run([sizeup, *words], capture_output=True, text=True)


def rounded(r, least, most):
    """As likely in each octave; two thirds are multiples of 64, as sizes that people choose."""
    n = round(least * (most / least) ** r.random())
    return max(64, n // 64 * 64) if n >= 64 and r.random() < 2 / 3 else n


def products(r):
    while True:
        m, n, k = rounded(r, 1, 1024), rounded(r, 16, 4096), rounded(r, 16, 4096)
        if 2 * m * n * k <= MOST_FLOPS:
            return f"gemm:m={m},n={n},k={k}"


def convolutions(r):
    while True:
        size, kernel = r.choice([7, 14, 28, 56, 112]), r.choice([1, 3, 3, 5])
        channels, filters, stride = rounded(r, 8, 512), rounded(r, 8, 512), r.choice([1, 1, 1, 2])
        flops = 2 * channels * filters * (size * kernel // stride) ** 2
        if flops <= MOST_FLOPS:
            return (f"conv2d:channels={channels},filters={filters},size={size},kernel={kernel},"
                    f"pad={kernel // 2},stride={stride}")


def bench(o, backend, threads, nets, path):
    """What the program prints of these nets; the run goes into the store `path`.db."""
    with open(f"{path}.tsv", "w", encoding="utf-8") as f:
        f.write("\n".join(nets) + "\n")
    out = run(o.sizeup, "bench", f"suite:{path}.tsv", "--backend", backend, "--threads",
              str(threads), "--store", f"{path}.db", "--format", "json", "--layers",
              "--time-budget", "2s", "--preheat", "500ms")
    if out.stdout:
        with open(f"{path}.json", "w", encoding="utf-8") as f:
            f.write(out.stdout)
    else:
        print(f"  {out.stderr.strip()}")


def measured_once(o, backend, threads, nets, path, layers):
    """Records by net; what became of their layers is added to `layers`. A run that was kept at
    `path` is told again and not measured again."""
    if not os.path.exists(f"{path}.json"):
        bench(o, backend, threads, nets, path)
    if not os.path.exists(f"{path}.json"):
        return {}
    with open(f"{path}.json", encoding="utf-8") as f:
        got = json.load(f)
    beside = run(o.sizeup, "compare", "last", "--predicted", "--top", "0", "--store", f"{path}.db",
                 "--format", "json")
    if beside.returncode == 0:
        layers += [row for case in json.loads(beside.stdout)["cases"]
                   if case["level"] == "calibrated" for row in case["layers"]]
    return {r["case"]: r for r in got if r["time"]["median_s"]}


def measured(o, backend, threads, what, nets):
    """Records by net, and the layers of all rounds beside what is told of them. The median of all
    runs is what a person gets; the mean of the quickest quarter is what the net takes when nobody
    else disturbs. Of several rounds: the median of the one, the least of the other; "rounds" has
    the medians."""
    rounds, layers = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(o.rounds):
            for first in range(0, len(nets), TOGETHER):
                some = nets[first:first + TOGETHER]
                path = os.path.join(o.keep or folder, f"{backend}-t{threads}-{what}-{k}-{first}")
                for net, r in measured_once(o, backend, threads, some, path, layers).items():
                    rounds.setdefault(net, []).append(r)
    records = {}
    for net, rs in rounds.items():
        r = records[net] = rs[-1]
        r["rounds"] = sorted(x["time"]["median_s"] for x in rs)
        r["time"]["median_s"] = statistics.median(r["rounds"])
        quick = [x["layers_quick_s"] for x in rs if x.get("layers_quick_s")]
        if quick:
            r["layers_quick_s"] = min(quick)
    return records, layers


def predicted(sizeup, net, backend, threads, level):
    out = run(sizeup, "predict", net, "--level", level, "--backend", backend, "--threads",
              str(threads), "--format", "json")
    answer = json.loads(out.stdout)
    if answer["level"] != level:
        return None
    return {**answer["total"], "usual": answer["assumptions"].get("usual", 1)}


def is_calibrated(sizeup, backend, threads):
    return predicted(sizeup, "mlp", backend, threads, "calibrated") is not None


def is_measured(sizeup):
    """Calibrations stand on the roofs of this machine."""
    if run(sizeup, "machine", "show", "here", "--format", "json").returncode == 0:
        return True
    print("measuring the machine", flush=True)
    out = run(sizeup, "machine", "measure")
    if out.returncode:
        print(f"  {out.stderr.strip()}")
    return out.returncode == 0


def fit_three(rows):
    """Least squares of relative errors, by the normal equations."""
    a = [[0.0] * 4 for _ in range(3)]
    for r in rows:
        x = [r["flops"] / r["t"], r["bytes"] / r["t"], 1 / r["t"]]
        for i in range(3):
            for k in range(3):
                a[i][k] += x[i] * x[k]
            a[i][3] += x[i]
    for c in range(3):
        p = max(range(c, 3), key=lambda i: abs(a[i][c]))
        a[c], a[p] = a[p], a[c]
        for i in range(3):
            if i != c and a[c][c]:
                f = a[i][c] / a[c][c]
                a[i] = [u - f * v for u, v in zip(a[i], a[c])]
    w = [a[i][3] / a[i][i] if a[i][i] else 0 for i in range(3)]
    return [w[0] * r["flops"] + w[1] * r["bytes"] + w[2] for r in rows]


def errors(guess, rows):
    return sorted(abs(g / r["t"] - 1) for g, r in zip(guess, rows))


def line(name, e, within):
    p90 = e[min(len(e) - 1, int(0.9 * len(e)))]
    share = sum(x <= within for x in e) / len(e)
    print(f"  {name:<24} median {100 * statistics.median(e):6.1f} %   nine in ten "
          f"{100 * p90:6.1f} %   within {100 * within:.0f} % {100 * share:5.0f} %")


def one(o, backend, threads, net, record):
    """What is told of a net and what it took, on a line of its own."""
    told = predicted(o.sizeup, net, backend, threads, "calibrated")
    roof = predicted(o.sizeup, net, backend, threads, "roofline")
    t = record["time"]["median_s"]
    held = told["time_lo_s"] <= t <= told["time_hi_s"]
    print(f"  {net:<52} {t * 1e3:9.3f} ms  told {told['time_s'] * 1e3:9.3f} ms "
          f"{100 * (told['time_s'] / t - 1):+6.1f} %  rounds "
          f"{record['rounds'][0] * 1e3:.3f} to {record['rounds'][-1] * 1e3:.3f}, the last one "
          f"n={record['time']['n']} {record['verdict']}"
          f"{'' if held else '  outside its interval'}")
    return {"t": t, "quick": record.get("layers_quick_s") or t, "told": told["time_s"],
            "usual": told["usual"], "roof": roof["time_s"], "compute": roof["computation_s"],
            "held": held, "flops": record["count"]["flops"],
            "bytes": record["count"]["bytes_moved"]}


def show_layers(layers):
    """Of rows of one layer and one kernel, as compare does; rows of all rounds."""
    pairs = [(r["measured_s"], r["predicted_s"]) for r in layers
             if r["layers"] == 1 and r["kernels"] == 1 and r["measured_s"] and r["predicted_s"]]
    if not pairs:
        print("  layers: the library does not tell their times")
        return
    whole = sum(t for t, _ in pairs)
    off = sum(abs(told - t) for t, told in pairs)
    print(f"  layers, n = {len(pairs)} of {len(layers)} rows; errors are {100 * off / whole:.1f} % "
          "of their time")
    line("  layers", sorted(abs(told / t - 1) for t, told in pairs), 0.15)
    large = sorted(abs(told / t - 1) for t, told in pairs if t >= 50e-6)
    if large:
        line(f"  of 50 us and more, {len(large)}", large, 0.15)


def rows_of(o, backend, threads, what, nets):
    records, layers = measured(o, backend, threads, what, nets)
    for net in nets:
        if net not in records:
            print(f"  {net:<52} not measured")
    return [one(o, backend, threads, n, records[n]) for n in nets if n in records], layers


def show(rows, within, others=()):
    """Errors of what is told, and of the baselines; `others` are more of them."""
    constant = statistics.median(r["t"] / r["roof"] for r in rows)
    line("calibrated", errors([r["told"] for r in rows], rows), within)
    line("  of undisturbed times",
         sorted(abs(r["told"] / r["usual"] / r["quick"] - 1) for r in rows), within)
    line("roofline x constant", errors([r["roof"] * constant for r in rows], rows), within)
    for name, guess in others:
        line(name, errors(guess, rows), within)
    line("roofline", errors([r["roof"] for r in rows], rows), within)


def judge_nets(o, backend, threads):
    rows, layers = rows_of(o, backend, threads, "nets", NETS)
    if len(rows) < 3:
        return
    print(f"  errors, n = {len(rows)}; 90 % intervals hold {sum(r['held'] for r in rows)}")
    show(rows, 0.15, [("three coefficients", fit_three(rows))])
    line("compute roof alone", errors([r["compute"] for r in rows], rows), 0.15)
    show_layers(layers)


def judge_kernels(o, backend, threads, name, draw):
    r = random.Random(o.seed)
    nets = list(dict.fromkeys(draw(r) for _ in range(KERNELS)))
    rows, _ = rows_of(o, backend, threads, name, nets)
    if not rows:
        return
    print(f"  {name} alone, n = {len(rows)}; 90 % intervals hold {sum(x['held'] for x in rows)}")
    show(rows, 0.1)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("sizeup")
    p.add_argument("--backend", default="onednn,openvino")
    p.add_argument("--threads", default="1")
    p.add_argument("--budget", default="10min")
    p.add_argument("--rounds", type=int, default=ROUNDS)
    p.add_argument("--seed", type=int, default=1, help="of the sizes of kernels")
    p.add_argument("--keep", metavar="FOLDER", help="for runs, which are then not measured again")
    o = p.parse_args()
    if o.keep:
        os.makedirs(o.keep, exist_ok=True)
    if not is_measured(o.sizeup):
        return 1
    for backend in o.backend.split(","):
        for threads in (int(t) for t in o.threads.split(",")):
            if not is_calibrated(o.sizeup, backend, threads):
                print(f"calibrating {backend} with {threads} threads ({o.budget})", flush=True)
                out = run(o.sizeup, "calibrate", "--backend", backend, "--threads", str(threads),
                          "--budget", o.budget)
                if out.returncode:
                    print(f"  {out.stderr.strip()}")
                    continue
            print(f"{backend}, {threads} threads")
            judge_nets(o, backend, threads)
            judge_kernels(o, backend, threads, "products", products)
            judge_kernels(o, backend, threads, "convolutions", convolutions)


if __name__ == "__main__":
    sys.exit(main())
