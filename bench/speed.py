#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long sweeps on paper and a report take: bench/speed.py BUILD/sizeup [--repeats N]

Time of the CPU of a whole process on one core, as the median of some runs with the smallest and the
largest; two ranks of an MPI against one process by the clock, in pairs that follow each other. Exit
1 where a median is beyond its limit.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from onnx_writer import chain

LLAMA = os.path.join(os.path.dirname(__file__), "..", "tests", "explore", "llama-8b")
SETTINGS = ["--model", LLAMA, "--machine", "h100,a100", "--batch", "1-625+1",
            "prompt=128-2048*2", "tp=1-8*2", "pp=1,2,4,8,16", "stack=vllm,tensorrt-llm",
            "kv_dtype=f16,i8", "generate=32,64"]
NETS = ["--model", "resnet:depth=18,34,50,101,152", "--model", "mobilenet", "--model",
        "bert:layers=2-12+2", "--machine", "h100,a100,v100,t4", "--batch", "1-36+1",
        "dtype=f32,f16", "level=bound,roofline,tiles"]
ALL = ["--pareto", "latency,throughput,memory", "--oracle", "batch", "--format", "json", "--show",
       "front"]
SWEEPS = [("settings of a language model", 1000000, SETTINGS, 20.0),
          ("settings of whole nets", 10368, NETS, 60.0)]
REPORT_S, REPORT_BYTES = 0.5, 2e6


def run(words, out):
    """Seconds of the CPU and by the clock."""
    with open(out, "wb") as sink, open(os.devnull, "rb") as nothing:
        began = time.perf_counter()
        child = subprocess.Popen(words, stdout=sink, stderr=subprocess.PIPE, stdin=nothing)
        why = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"  bench: {why.decode(errors='replace').strip()[-400:]}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began


def spread(values, digits=2):
    return (f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to "
            f"{max(values):.{digits}f}, n={len(values)})")


def sweep(sizeup, folder, what, limit_s, repeats):
    name, settings, words, _ = what
    out = os.path.join(folder, "sweep.json")
    times = [run([sizeup, "explore", *words, *ALL], out)[0] for _ in range(repeats)]
    with open(out, encoding="utf-8") as f:
        done = json.load(f)
    if done["evaluated"] != settings:
        raise SystemExit(f"  bench: {done['evaluated']} {name}, not {settings}")
    good = statistics.median(times) <= limit_s
    front = done["pareto"]["points"]
    print(f"  {settings} {name}, front of {front}: {spread(times)} s of the CPU, "
          f"at most {limit_s:.0f}{'' if good else ': too slow'}")
    return good


def report(sizeup, folder, repeats):
    model, page = os.path.join(folder, "chain.onnx"), os.path.join(folder, "chain.html")
    with open(model, "wb") as f:
        f.write(chain(1000))
    words = [sizeup, "report", model, "--machine", "a100", "-o", page]
    times = [run(words, os.devnull)[0] for _ in range(repeats)]
    size = os.path.getsize(page)
    good = statistics.median(times) <= REPORT_S and size <= REPORT_BYTES
    print(f"  report of a net of 1000 nodes: {spread(times, 3)} s of the CPU, {size / 1e6:.2f} MB; "
          f"at most {REPORT_S} s, {REPORT_BYTES / 1e6:.0f} MB{'' if good else ': too much'}")
    return good


def at_once(words, n, out):
    """Seconds by the clock until n processes are done that begin together, on a CPU each."""
    cpus = sorted(os.sched_getaffinity(0))
    began = time.perf_counter()
    with open(out, "wb") as sink, open(os.devnull, "rb") as nothing:
        children = [subprocess.Popen(words, stdout=sink, stderr=subprocess.DEVNULL,
                                     stdin=nothing) for _ in range(n)]
        for child, cpu in zip(children, cpus):
            os.sched_setaffinity(child.pid, {cpu})
        for child in children:
            child.wait()
    return time.perf_counter() - began


def swept_s(out):
    """Seconds of the sweep alone, which the text says."""
    with open(out, encoding="utf-8") as f:
        said = re.search(r", in ([0-9.e+]+) s", f.read())
    if not said:
        raise SystemExit("  bench: the sweep does not say how long it took")
    return float(said.group(1))


def ranks(sizeup, folder, repeats):
    """By how much two ranks are faster than one process, for the sweep and for the whole command,
    and how much two CPUs could give: two processes of their own, which do twice as much, slow each
    other by what the CPUs share. Front, oracle and output are rank 0's alone."""
    if len(os.sched_getaffinity(0)) < 2 or not shutil.which("mpirun"):
        print("  two ranks: not asked (they need two CPUs and mpirun)")
        return
    out = os.path.join(folder, "ranks.txt")
    words = [sizeup, "explore", *SETTINGS, *ALL, "--format", "text"]
    one, two, both, start, one_sweeps, two_sweep = [], [], [], [], [], []
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    for _ in range(repeats):
        one.append(run(words, out)[1])
        one_sweeps.append(swept_s(out))
        two.append(run(["mpirun", "-n", "2", *words], out)[1])
        two_sweep.append(swept_s(out))
        both.append(at_once(words, 2, os.devnull))
        start.append(run(["mpirun", "-n", "2", sizeup, "explore", "--model", "mlp", "--machine",
                          "a100", "--format", "json"], out)[1])
    sweeps = [a / b for a, b in zip(one_sweeps, two_sweep)]
    ratios = [a / b for a, b in zip(one, two)]
    most = [2 * a / b for a, b in zip(one, both)]
    print(f"  1000000 settings by the clock: one process sweeps in {spread(one_sweeps)} s and is "
          f"done in {spread(one)} s, two ranks {spread(two_sweep)} and {spread(two)} s: "
          f"{spread(sweeps)} and {spread(ratios)} times as fast. Two processes that know nothing "
          f"of each other do {spread(most)} times the work of one; to start two ranks and end "
          f"them takes {spread(start)} s")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("sizeup")
    args.add_argument("--repeats", type=int, default=3)
    args.add_argument("--only", choices=["sweeps", "report", "ranks"])
    given = args.parse_args()
    good = True
    sys.stdout.reconfigure(line_buffering=True)
    print("Sweeps on paper, and a report")
    with tempfile.TemporaryDirectory() as folder:
        if given.only in (None, "sweeps"):
            for what in SWEEPS:
                good &= sweep(given.sizeup, folder, what, what[3], given.repeats)
        if given.only in (None, "report"):
            good &= report(given.sizeup, folder, 3 * given.repeats)
        if given.only in (None, "ranks"):
            ranks(given.sizeup, folder, given.repeats)
    return 0 if good else 1


sys.exit(main())
