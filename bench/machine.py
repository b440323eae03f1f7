#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the measurements of this machine stand up? Ratios from one run.

    machine.py SIZEUP [--peers FOLDER] [--rounds N]

Rounds run alternately: a full `sizeup machine measure`, then every kernel of the peers, and so on.
A ratio is the median over the rounds of (ours / best peer of the same round), with its range and n.
--peers needs likwid-bench and a C compiler; FOLDER takes the compiled loops in plain C. Without it
only what needs no peer is checked: the share of the theoretical peak, two runs against each other,
load on the other core, time. Bytes are those asked for, on both sides: a line that is read because
it is about to be written counts for nobody.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

MIXES = ("load", "store", "copy", "triad", "update")
# Our mix: likwid's names for it. Its triad reads three arrays; the one of STREAM is called stream.
LIKWID = {"load": ("load",), "store": ("store", "store_mem"), "copy": ("copy", "copy_mem"),
          "triad": ("stream", "stream_mem", "triad"), "update": ("update",)}
# likwid's peak: our operations, format and bits. A scalar is a vector of one.
PEAKS = {"peakflops_sp": ("f32", "scalar"), "peakflops": ("f64", "scalar"),
         "peakflops_sp_sse": ("f32", "sse2"), "peakflops_sse": ("f64", "sse2"),
         "peakflops_sp_avx": ("f32", "avx2"), "peakflops_avx": ("f64", "avx2"),
         "peakflops_sp_avx_fma": ("f32", "avx2"), "peakflops_avx_fma": ("f64", "avx2"),
         "peakflops_sp_avx512": ("f32", "avx512f"), "peakflops_avx512": ("f64", "avx512f"),
         "peakflops_sp_avx512_fma": ("f32", "avx512f"), "peakflops_avx512_fma": ("f64", "avx512f")}
RUN_S = 0.25  # of a peer's kernel
DRAM_BYTES = 128e6  # a peer fills its arrays at every start, which takes long in a guest


def measure(sizeup, *options):
    start = time.perf_counter()
    done = subprocess.run([sizeup, "machine", "measure", "--quiet", "--disk", "none", "--format",
                           "json", *options], capture_output=True, check=True, text=True)
    machine = json.loads(done.stdout)
    machine["seconds"] = time.perf_counter() - start
    return machine


def cpu_flags():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("flags"):
                return set(line.split(":")[1].split())
    return set()


# ---- peers -----------------------------------------------------------------------------------

class Likwid:
    """likwid-bench. It takes most of a second to start, and its own choice of iterations one more;
    so only the widest variants of this CPU are run, with iterations that follow from our rate."""

    def __init__(self, flags):
        listing = subprocess.run(["likwid-bench", "-a"], capture_output=True, text=True, check=True)
        self.names = re.findall(r"^(\w+) - ", listing.stdout, re.M)
        self.fma = "fma" in flags
        widths = (("avx512f", "avx512"), ("avx", "avx"), ("sse2", "sse"))
        self.widths = [name for flag, name in widths if flag in flags]

    def runs(self, name):
        parts = name.split("_")
        widths = [w for w in ("avx512", "avx", "sse") if w in parts]
        return all(w in self.widths for w in widths) and (self.fma or "fma" not in parts)

    def variants(self, mix, past_caches):
        found = []
        for base in LIKWID[mix]:
            if past_caches or not base.endswith("_mem"):
                found += [n for n in (base + "_" + self.widths[0],
                                      base + "_" + self.widths[0] + "_fma")
                          if n in self.names and self.runs(n)]
        return found

    def rate(self, name, size, threads, key, expected):
        """A rate in units per second, of which about `expected` bytes move in a second; 0 where the
        kernel cannot be had in this size."""
        iterations = max(10, int(RUN_S * expected / size))
        out = subprocess.run(["likwid-bench", "-t", name, "-W",
                              "N:%dkB:%d" % (max(size // 1000, threads), threads), "-i",
                              str(iterations)], capture_output=True, text=True, check=False).stdout
        found = re.search(r"^%s:\s+([-+.\deE]+)" % re.escape(key), out, re.M)
        return 1e6 * float(found.group(1)) if found else 0.0


class PlainC:
    """STREAM's loops as the compiler makes them."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "stream")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream.c")
        os.makedirs(folder, exist_ok=True)
        subprocess.run([os.environ.get("CC", "gcc"), "-O3", "-march=native", "-fopenmp", source,
                        "-o", self.path], check=True)

    def rate(self, mix, size, threads):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_PROC_BIND="true")
        out = subprocess.run([self.path, mix, str(size), str(1e3 * RUN_S)], env=env, check=True,
                             capture_output=True, text=True).stdout
        return float(out.split()[0])


# ---- ours ------------------------------------------------------------------------------------

def our_peak(machine, dtype, isa, threads):
    """The best multiply-add of one width: fused, or one after the other."""
    return max((p["flop_per_s"] for p in machine["peaks"]
                if p["op"] in ("fma", "mul+add") and p["dtype"] == dtype and
                p["threads"] == threads and isa in p["isa"] and
                ("scalar" in p["isa"]) == (isa == "scalar")), default=0.0)


def our_bandwidths(level, mix, threads):
    return [b for b in level["bandwidth"] if b["mix"] == mix and b["threads"] == threads and
            b["access"] == "sequential"]


class Bench:
    def __init__(self):
        self.ratios = {}
        self.missed = 0
        self.best = {}

    def add(self, key, ours, peers):
        name, best = max(peers.items(), key=lambda item: item[1])
        if ours > 0 and best > 0:
            self.ratios.setdefault(key, []).append((ours / best, ours, best))
            self.best.setdefault(key, []).append(name)

    def check(self, what, good, text):
        self.missed += not good
        print("%-44s %s  %s" % (what, text, "ok" if good else "MISSED"))

    def table(self, limits):
        for key, rows in self.ratios.items():
            ratios = sorted(r for r, _, _ in rows)
            middle = statistics.median(ratios)
            ours = statistics.median(o for _, o, _ in rows)
            best = statistics.median(b for _, _, b in rows)
            limit = limits[key[0]]
            names = statistics.mode(self.best[key])
            self.check(" ".join(str(k) for k in key), middle >= limit,
                       "%8.4g / %8.4g G  ratio %6.3f (%.3f-%.3f, n=%d)  limit %g  %s" % (
                           ours * 1e-9, best * 1e-9, middle, ratios[0], ratios[-1], len(ratios),
                           limit, names))


def peer_round(bench, machine, likwid, plain, counts):
    for threads in counts:
        scope = "%d thread%s" % (threads, "" if threads == 1 else "s")
        for name, (dtype, isa) in PEAKS.items():
            ours = our_peak(machine, dtype, isa, threads)
            if ours > 0 and likwid.runs(name):  # rows of one thread only are compared on one
                # Each load of likwid's goes with 30 operations on what it loaded.
                bytes_each = 4 if dtype == "f32" else 8
                bench.add(("peak", name, scope), ours, {"likwid": likwid.rate(
                    name, 16000 * threads, threads, "MFlops/s", ours / 15 * bytes_each / 2)})
        for level in machine["levels"]:
            for mix in MIXES:
                rows = our_bandwidths(level, mix, threads)
                if not rows:
                    continue
                size = rows[0]["working_set_bytes"]
                if level["name"] == "DRAM":
                    size = int(min(size, DRAM_BYTES))
                ours = max(b["byte_per_s"] for b in rows)
                peers = {name: likwid.rate(name, size, threads, "MByte/s", ours)
                         for name in likwid.variants(mix, level["name"] == "DRAM")}
                peers["plain C"] = plain.rate(mix, size, threads)
                bench.add(("bandwidth", level["name"], mix, scope), ours, peers)


# ---- what needs no peer ----------------------------------------------------------------------

def rows_per_cycle(machine):
    """Work per cycle of what a core has for itself, with the verdict."""
    rows = {}
    for p in machine["peaks"]:
        if p["isa"] != "c":
            key = (p["op"], p["dtype"], p["isa"], p["threads"])
            rows[key] = (p["flop_per_cycle"], p["verdict"])
    for level in machine["levels"][:-2]:
        for b in level["bandwidth"]:
            if b["stores"] != "past caches":
                rows[(level["name"], b["mix"], b["stores"], b["threads"])] = (b["byte_per_cycle"],
                                                                             b["verdict"])
    return rows


def bench_agreement(bench, a, b):
    first, second = rows_per_cycle(a), rows_per_cycle(b)
    both = [k for k in first if k in second and first[k][1] == second[k][1] == "valid"]
    off = [k for k in both if abs(second[k][0] / first[k][0] - 1) > 0.03]
    for k in off:
        print("  %s: %.4g and %.4g per cycle" % (k, first[k][0], second[k][0]))
    bench.check("two runs, per cycle, within 3 %", not off,
                "%d of %d; %d more were not valid in both" % (
                    len(both) - len(off), len(both), len(first) - len(both)))


def bench_theory(bench, machines):
    best = {}
    for machine in machines:
        for p in machine["peaks"]:
            key = (p["op"], p["dtype"], p["isa"], p["threads"])
            if p["fraction"] is not None:
                best.setdefault(key, []).append(p["fraction"])
    low = {k: statistics.median(v) for k, v in best.items() if statistics.median(v) < 0.98}
    for k, v in low.items():
        print("  %s: %.1f %% of clock x pipes x width" % (k, 100 * v))
    bench.check("peaks of at least 98 % of clock x pipes x width", not low,
                "%d of %d" % (len(best) - len(low), len(best)))


def bench_load(bench, sizeup, cpus):
    """A process that never rests on the last CPU: numbers stay, and the run is flagged."""
    if len(cpus) < 2:
        return print("load on the other core: skipped, there is one CPU")
    calm = measure(sizeup, "--quick")
    busy = subprocess.Popen([sys.executable, "-c", "import os\nos.sched_setaffinity(0, {%d})\n"
                             "while True: pass" % cpus[-1]])
    try:
        loaded = measure(sizeup, "--quick")
    finally:
        busy.kill()
        busy.wait()
    first, second = rows_per_cycle(calm), rows_per_cycle(loaded)
    moved = {k: abs(second[k][0] / first[k][0] - 1) for k in first
             if k in second and first[k][1] == second[k][1] == "valid" and k[3] == 1
             and k[1] not in MIXES}
    if not moved:
        return print("load on the other core: no peak was valid in both runs")
    worst = max(moved, key=moved.get)
    bench.check("load on the other core: peaks per cycle", moved[worst] < 0.03,
                "moves up to %.1f %% (%s), %d readings valid in both" % (
                    100 * moved[worst], " ".join(str(w) for w in worst), len(moved)))
    bench.check("load on the other core: is flagged", not loaded["verdict"]["ok"],
                "; ".join(n for n in loaded["verdict"]["notes"] if "else" in n or "other" in n))
    bench.check("quick measurement, seconds", calm["seconds"] < 10,
                "%.1f  limit 10" % calm["seconds"])
    return None


def bench_libraries(bench, sizeup):
    rows = measure(sizeup, "--quick", "--libraries").get("libraries") or []
    for r in rows:
        print("  %-9s %-34s %d threads  %5d: %5.1f %% of the roof%s" % (
            r["library"], r["setting"] or r["kernel"] or "", r["threads"], r["size"],
            100 * r["of_roof_per_cycle"] if r["of_roof_per_cycle"] else 100 * r["of_roof"],
            ", " + r["advice"] if r["advice"] else ""))
    above = [r for r in rows if r["of_roof_per_cycle"] and r["of_roof_per_cycle"] > 1.03]
    bench.check("matrix products above the roof, per cycle", not above,
                "%d of %d" % (len(above), len(rows)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizeup")
    parser.add_argument("--peers", help="folder for the compiled peer; likwid-bench is needed too")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    bench = Bench()
    peers = bool(args.peers) and shutil.which("likwid-bench") is not None
    print("peers of the machine: %s" % ("likwid-bench, plain C" if peers else
                                        "skipped (PEERS=1 make bench brings them)"))
    likwid = Likwid(cpu_flags()) if peers else None
    plain = PlainC(args.peers) if peers else None
    machines = []
    for i in range(args.rounds if peers else 2):
        machines.append(measure(args.sizeup))
        print("round %d: measured in %.0f s" % (i + 1, machines[-1]["seconds"]), flush=True)
        if peers:
            peer_round(bench, machines[-1], likwid, plain, sorted({1, len(cpus)}))
    bench.table({"peak": 1.0, "bandwidth": 0.97})
    bench_theory(bench, machines)
    if len(machines) > 1:
        bench_agreement(bench, machines[-2], machines[-1])
    seconds = max(m["seconds"] for m in machines)
    bench.check("full measurement, seconds", seconds < 90, "%.1f  limit 90" % seconds)
    bench_load(bench, args.sizeup, cpus)
    bench_libraries(bench, args.sizeup)
    sys.exit(bench.missed > 0)


if __name__ == "__main__":
    main()
