#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near predictions come to measurements, on nets that no calibration has seen.

    bench/predict.py BUILD/sizeup [--backend onednn,openvino] [--threads 1,2] [--budget 10min]

Calibrates each backend where that was not done, then measures every net and predicts it: by the
calibration, by the roofline, by the roofline times one constant (the median over these nets), by a
compute roof alone, and by a fit of three coefficients to these very nets (a FLOPs + b bytes + c).
"""
import argparse
import json
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


TOGETHER = 8  # nets that take turns, so that each sees the machine at several times
ROUNDS = 3  # all nets again: strangers on a host stay for seconds to minutes


def run(sizeup, *words):
    return subprocess.run([sizeup, *words], capture_output=True, text=True)


def measured_once(sizeup, backend, threads, nets):
    """Records by net."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as suite:
        suite.write("\n".join(nets) + "\n")
        suite.flush()
        out = run(sizeup, "bench", f"suite:{suite.name}", "--backend", backend, "--threads",
                  str(threads), "--store", "none", "--format", "json", "--layers",
                  "--time-budget", "2s", "--preheat", "500ms")
    try:
        got = json.loads(out.stdout)
    except ValueError:
        print(f"  {out.stderr.strip()}")
        return {}
    return {r["case"]: r for r in got if r["time"]["median_s"]}


def measured(sizeup, backend, threads):
    """Records by net. The median of all runs is what a person gets; the mean of the quickest
    quarter is what the net takes when nobody else disturbs. Of several rounds: the median of the
    one, the least of the other; "rounds" has the medians."""
    rounds = {}
    for _ in range(ROUNDS):
        for first in range(0, len(NETS), TOGETHER):
            nets = NETS[first:first + TOGETHER]
            for net, r in measured_once(sizeup, backend, threads, nets).items():
                rounds.setdefault(net, []).append(r)
    records = {}
    for net, rs in rounds.items():
        r = records[net] = rs[-1]
        r["rounds"] = sorted(x["time"]["median_s"] for x in rs)
        r["time"]["median_s"] = statistics.median(r["rounds"])
        quick = [x["layers_quick_s"] for x in rs if x.get("layers_quick_s")]
        if quick:
            r["layers_quick_s"] = min(quick)
    return records


def predicted(sizeup, net, backend, threads, level):
    out = run(sizeup, "predict", net, "--level", level, "--backend", backend, "--threads",
              str(threads), "--format", "json")
    answer = json.loads(out.stdout)
    if answer["level"] != level:
        return None
    return {**answer["total"], "usual": answer["assumptions"].get("usual", 1)}


def is_calibrated(sizeup, backend, threads):
    return predicted(sizeup, "mlp", backend, threads, "calibrated") is not None


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


def line(name, e):
    p90 = e[min(len(e) - 1, int(0.9 * len(e)))]
    within = sum(x <= 0.15 for x in e) / len(e)
    print(f"  {name:<24} median {100 * statistics.median(e):6.1f} %   nine in ten "
          f"{100 * p90:6.1f} %   within 15 % {100 * within:5.0f} %")


def judge(sizeup, backend, threads):
    rows = []
    print(f"{backend}, {threads} threads")
    records = measured(sizeup, backend, threads)
    for net in NETS:
        record = records.get(net)
        if record is None:
            print(f"  {net:<52} not measured")
            continue
        told = predicted(sizeup, net, backend, threads, "calibrated")
        roof = predicted(sizeup, net, backend, threads, "roofline")
        t = record["time"]["median_s"]
        held = told["time_lo_s"] <= t <= told["time_hi_s"]
        quick = record.get("layers_quick_s") or t
        rows.append({"t": t, "quick": quick, "told": told["time_s"], "usual": told["usual"],
                     "roof": roof["time_s"],
                     "compute": roof["computation_s"], "held": held,
                     "flops": record["count"]["flops"], "bytes": record["count"]["bytes_moved"]})
        print(f"  {net:<52} {t * 1e3:9.3f} ms  told {told['time_s'] * 1e3:9.3f} ms "
              f"{100 * (told['time_s'] / t - 1):+6.1f} %  rounds "
              f"{record['rounds'][0] * 1e3:.3f} to {record['rounds'][-1] * 1e3:.3f}, the last one "
              f"n={record['time']['n']} {record['verdict']}"
              f"{'' if held else '  outside its interval'}")
    if len(rows) < 3:
        return
    constant = statistics.median(r["t"] / r["roof"] for r in rows)
    print(f"  errors, n = {len(rows)}; 90 % intervals hold {sum(r['held'] for r in rows)}")
    line("calibrated", errors([r["told"] for r in rows], rows))
    line("  of undisturbed times",
         sorted(abs(r["told"] / r["usual"] / r["quick"] - 1) for r in rows))
    line("roofline x constant", errors([r["roof"] * constant for r in rows], rows))
    line("three coefficients", errors(fit_three(rows), rows))
    line("roofline", errors([r["roof"] for r in rows], rows))
    line("compute roof alone", errors([r["compute"] for r in rows], rows))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("sizeup")
    p.add_argument("--backend", default="onednn,openvino")
    p.add_argument("--threads", default="1")
    p.add_argument("--budget", default="10min")
    o = p.parse_args()
    for backend in o.backend.split(","):
        for threads in (int(t) for t in o.threads.split(",")):
            if not is_calibrated(o.sizeup, backend, threads):
                print(f"calibrating {backend} with {threads} threads ({o.budget})", flush=True)
                out = run(o.sizeup, "calibrate", "--backend", backend, "--threads", str(threads),
                          "--budget", o.budget)
                if out.returncode:
                    print(f"  {out.stderr.strip()}")
                    continue
            judge(o.sizeup, backend, threads)


if __name__ == "__main__":
    sys.exit(main())
