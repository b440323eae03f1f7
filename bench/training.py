#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Iterations of training beside published ones: bench/training.py SIZEUP. The rows are tables of
mosaicml/llm-foundry (scripts/train/benchmarking/README.md: H100 80GB BF16, A100 80GB): GPT nets
(vocabulary 50368, learned positions, flash attention), weights sharded over all devices (ZeRO 3).
Nothing of the prediction is fitted to them. Naive: a constant share of the peak, the median that
the rows of the other machine reach."""
import csv
import json
import os
import statistics
import subprocess
import sys

SIZES = {"125m": (12, 768, 12), "350m": (24, 1024, 16), "760m": (24, 1536, 12),
         "1b": (24, 2048, 16), "3b": (32, 2560, 20), "7b": (32, 4096, 32), "13b": (40, 5120, 40),
         "30b": (48, 7168, 56), "70b": (80, 8192, 64)}


def predict(sizeup, row):
    layers, hidden, heads = SIZES[row["model"]]
    devices, seq = int(row["devices"]), int(row["seq"])
    batch = devices * int(row["microbatch"]) * int(row["accumulation"])
    net = (f"gpt:layers={layers},hidden={hidden},heads={heads},seq={seq},vocab=50368,"
           f"positions={seq}")
    p = subprocess.run(
        [sizeup, "llm", "--mode", "training", "--machine", row["machine"], "--dp", str(devices),
         "--zero", "3", "--microbatch", row["microbatch"], "--global-batch", str(batch),
         "--recompute", row["recompute"], "--fused-attention", "yes", "--format", "json", net],
        capture_output=True, text=True)
    if p.returncode != 0:
        sys.exit(p.stderr)
    return json.loads(p.stdout)


def main():
    sizeup, here = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "published", "mpt_training.csv")) as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        t = predict(sizeup, row)
        row["rate"] = float(row["tokens_per_s_per_device"])
        row["told"] = t["tokens_per_s"] / int(row["devices"])
        row["bound"] = row["told"] / t["mfu"]
        row["share"] = row["rate"] / row["bound"]
    print("training beside published iterations (llm-foundry), tokens per second and device")
    for machine, other in (("h100", "a100"), ("a100", "h100")):
        mine = [r for r in rows if r["machine"] == machine]
        share = statistics.median(r["share"] for r in rows if r["machine"] == other)
        error = [abs(r["rate"] / r["told"] - 1) for r in mine]
        naive = [abs(r["rate"] / (share * r["bound"]) - 1) for r in mine]
        ratios = sorted(r["told"] / r["rate"] for r in mine)
        print(f"  {machine}: n {len(mine)}, MAPE of the time {100 * statistics.mean(error):.1f} %, "
              f"of a constant share {share:.2f} {100 * statistics.mean(naive):.1f} %; told / "
              f"published {statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}")
    if "-v" in sys.argv:
        for r in rows:
            print(r["machine"], r["model"], r["seq"], r["devices"], r["recompute"],
                  f"{r['rate']:.0f} {r['told']:.0f} {r['told'] / r['rate']:.2f}")


main()
