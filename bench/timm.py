#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole nets for images on a card that was not measured, against a table that others measured.

    bench/timm.py BUILD/sizeup FOLDER      with timm_infer_rtx3090.csv (mixed precision, batches)

Only nets of the table that are families of sizeup are asked, and only where parameters and
multiply-adds agree with the table's within 3 %. Beside the levels stand two that know nothing of
layers: the roofline times one constant (the median share among the other nets that are joined), and
a MACs + b activations + c per batch, fitted to all nets of the table but those of the same family.
"""
import csv
import json
import os
import statistics
import subprocess
import sys

VIT = "vit:hidden=%d,heads=%d,layers=%d,patch=%d"
SPECS = {
    "resnet18": "resnet:depth=18", "resnet34": "resnet:depth=34", "resnet50": "resnet:depth=50",
    "resnet101": "resnet:depth=101", "resnet152": "resnet:depth=152",
    "vgg11": "vgg:depth=11", "vgg13": "vgg:depth=13", "vgg16": "vgg:depth=16",
    "vgg19": "vgg:depth=19", "mobilenetv2_100": "mobilenet",
    "vit_tiny_patch16_224": VIT % (192, 3, 12, 16), "vit_tiny_patch16_384": VIT % (192, 3, 12, 16),
    "vit_small_patch16_224": VIT % (384, 6, 12, 16),
    "vit_small_patch16_384": VIT % (384, 6, 12, 16),
    "vit_small_patch32_224": VIT % (384, 6, 12, 32),
    "vit_small_patch32_384": VIT % (384, 6, 12, 32),
    "vit_base_patch16_224": VIT % (768, 12, 12, 16),
    "vit_base_patch16_384": VIT % (768, 12, 12, 16),
    "vit_base_patch32_224": VIT % (768, 12, 12, 32),
    "vit_base_patch32_384": VIT % (768, 12, 12, 32),
    "vit_base_patch8_224": VIT % (768, 12, 12, 8),
    "vit_large_patch16_224": VIT % (1024, 16, 24, 16),
    "vit_large_patch16_384": VIT % (1024, 16, 24, 16),
    "vit_large_patch32_384": VIT % (1024, 16, 24, 32),
}
LEVELS = ["bound", "roofline", "tiles", "sum"]
NEAR = 0.03


def ask(sizeup, *words):
    out = subprocess.run([sizeup, *words, "--format", "json"], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"timm: {' '.join(words)}: {out.stderr.strip()}")
    return json.loads(out.stdout)["total"]


def read(folder):
    rows = []
    with open(os.path.join(folder, "timm_infer_rtx3090.csv"), newline="") as f:
        for r in csv.DictReader(f):
            batch = float(r["infer_batch_size"])
            row = {"model": r["model"].split(".")[0], "image": int(r["infer_img_size"]),
                   "batch": int(batch), "s": batch / float(r["infer_samples_per_sec"]),
                   "params": float(r["param_count"]) * 1e6}
            if not r["infer_gmacs"] or not r["infer_macts"]:
                continue
            row["macs"] = float(r["infer_gmacs"]) * 1e9
            row["x"] = [row["macs"] * batch, float(r["infer_macts"]) * 1e6 * batch, 1.0]
            rows.append(row)
    return rows


def solve(m):
    """Gauss-Jordan on three equations."""
    for c in range(3):
        pivot = max(range(c, 3), key=lambda r: abs(m[r][c]))
        m[c], m[pivot] = m[pivot], m[c]
        m[c] = [v / m[c][c] for v in m[c]]
        for r in range(3):
            if r != c:
                m[r] = [v - m[r][c] * w for v, w in zip(m[r], m[c])]
    return [row[3] for row in m]


def fit(rows):
    """Least squares of relative errors of the seconds of a batch."""
    m = [[0.0] * 4 for _ in range(3)]
    for r in rows:
        x = [v / r["s"] for v in r["x"]]
        for i in range(3):
            for k in range(3):
                m[i][k] += x[i] * x[k]
            m[i][3] += x[i]
    return solve(m)


def family(model):
    return model.rstrip("0123456789").split("_")[0].rstrip("0123456789")


def join(sizeup, rows):
    joined, apart = [], []
    for r in rows:
        if r["model"] not in SPECS:
            continue
        spec = SPECS[r["model"]] + f",image={r['image']}"
        spec = spec if ":" in spec else spec.replace(",", ":", 1)
        one = ask(sizeup, "count", spec)
        off = max(abs(one["params"] / r["params"] - 1), abs(one["macs"] / r["macs"] - 1))
        if off > NEAR:
            apart.append(f"{r['model']} at {r['image']} ({100 * off:.0f} %)")
            continue
        r["told"] = {}
        for level in LEVELS:
            for optimized in ("no", "yes"):
                t = ask(sizeup, "predict", f"{spec},batch={r['batch']}", "--machine", "rtx3090",
                        "--dtype", "f16", "--level", level, "--optimized", optimized)
                r["told"][level, optimized] = t["time_s"]
        joined.append(r)
    return joined, apart


def row(name, errors):
    errors = sorted(errors)
    n = len(errors)
    p90 = errors[min(n - 1, -(-9 * n // 10) - 1)]
    print(f"{name:44} {n:3} {100 * sum(errors) / n:7.1f} {100 * statistics.median(errors):7.1f} "
          f"{100 * p90:7.1f} {100 * sum(e <= 0.2 for e in errors) / n:7.0f}")


def constant_errors(joined, key):
    """Each net by the median share of the nets of other families."""
    errors = []
    for r in joined:
        shares = [o["s"] / o["told"][key] for o in joined
                  if family(o["model"]) != family(r["model"])]
        errors.append(abs(r["told"][key] * statistics.median(shares) / r["s"] - 1))
    return errors


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: bench/timm.py BUILD/sizeup FOLDER")
    rows = read(sys.argv[2])
    joined, apart = join(sys.argv[1], rows)
    if not joined:
        sys.exit("timm: none of the table's nets could be joined")
    print(f"nets for images, RTX 3090, mixed precision: {len(joined)} of {len(rows)} rows joined"
          + (f"; counts apart: {', '.join(apart)}" if apart else ""))
    print(f"{'told by':44} {'n':>3} {'mean %':>7} {'median':>7} {'90 %':>7} {'in 20 %':>7}")
    for level, optimized in joined[0]["told"]:
        what = level + (", fused" if optimized == "yes" else ", as written")
        row(what, [abs(r["told"][level, optimized] / r["s"] - 1) for r in joined])
        if level != "bound":
            row(f"  x one constant of other families",
                constant_errors(joined, (level, optimized)))
    errors = []
    for r in joined:
        a = fit([o for o in rows if family(o["model"]) != family(r["model"])])
        errors.append(abs(sum(v * c for v, c in zip(r["x"], a)) / r["s"] - 1))
    row("three coefficients of other families", errors)


if __name__ == "__main__":
    main()
