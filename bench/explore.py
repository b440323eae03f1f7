#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many measurements predictions save, and what is lost by it: bench/explore.py BUILD/sizeup

A whole space is measured once. Then the guided search chooses from it, with what was measured taken
from the store, so that both know the same numbers. What is lost is the share of the hypervolume of
the whole space's front (logarithms of latency and throughput, below the worst of all settings).
"""
import json
import math
import os
import subprocess
import sys
import tempfile

SPACES = [
    ("a transformer's layer", ["--model", "transformer:layers=1,hidden=64,heads=4,seq=16",
                               "--batch", "1-16", "backend=onednn,plain"]),
    ("perceptrons", ["--model", "mlp:layers=1,2,width=64,128,256", "--batch", "1,4,16,64",
                     "backend=onednn,plain"]),
]
HOW = ["threads=1", "--by", "bench", "--preheat", "10ms", "--time-budget", "40ms", "--format",
       "json"]


def explore(sizeup, words):
    out = subprocess.run([sizeup, "explore", *words, *HOW], capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(f"  bench: {out.stderr.strip()}")
    return json.loads(out.stdout)


def places(points):
    """Both to be small."""
    known = [p["metrics"] for p in points if p["metrics"]["latency_s"]]
    return [(math.log(m["latency_s"]), -math.log(m["throughput_per_s"])) for m in known]


def volume(points, ref):
    area, low = 0.0, ref[1]
    points = sorted(p for p in points if p[0] < ref[0] and p[1] < ref[1])
    for here, after in zip(points, points[1:] + [ref]):
        low = min(low, here[1])
        area += (after[0] - here[0]) * (ref[1] - low)
    return area


def main():
    sizeup = sys.argv[1]
    print("Choosing what to measure by predictions (latency and throughput, f32)")
    for name, words in SPACES:
        with tempfile.TemporaryDirectory() as folder:
            store = ["--store", os.path.join(folder, "all.db")]
            whole = explore(sizeup, words + store)
            guided = explore(sizeup, words + store + ["--resume", "--search", "guided"])
        if not any(p["metrics"]["memory_bytes"] for p in whole["points"]):
            print("  not asked: this machine was never measured ('sizeup machine measure')")
            return
        everything, some = places(whole["points"]), places(guided["points"])
        ref = tuple(max(p[k] for p in everything) for k in (0, 1))
        all_of_it = volume(everything, ref)
        lost = max(0, 1 - volume(some, ref) / all_of_it) if all_of_it else 0
        fronts = [{json.dumps(p["parameters"]) for p in d["points"] if p["on_front"]}
                  for d in (whole, guided)]
        print(f"  {name}: {len(some)} of {len(everything)} settings were measured "
              f"({100 * len(some) / len(everything):.0f} %), {100 * lost:.2f} % of the hypervolume "
              f"is missing; {len(fronts[0] & fronts[1])} of {len(fronts[0])} on the front found")


main()
