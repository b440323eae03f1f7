#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judge `sizeup count` by the cases of make_cases.py.

    check.py SIZEUP FOLDER [--at-least N] [--list]

A case is right when every recorded tensor output has exactly the recorded shape. A case that is
ended by a signal, or by exit 70, fails the whole run. --list names the cases that are not right.
"""

import argparse
import json
import os
import subprocess
import sys


def expectations(folder):
    cases = {}
    with open(os.path.join(folder, "expected.tsv"), encoding="utf-8") as f:
        for line in f:
            name, index, dims = line.rstrip("\n").split("\t")
            shape = [int(d) for d in dims.split("x")] if dims else []
            cases.setdefault(name, {})[int(index)] = shape
    return cases


def run(sizeup, path):
    return subprocess.run([sizeup, "count", "--format", "json", "--by", "total", path],
                          capture_output=True, timeout=30, check=False)


def judge(sizeup, folder, name, expected):
    """(is right, was ended by a bug, what came out)"""
    done = run(sizeup, os.path.join(folder, name + ".onnx"))
    if done.returncode < 0 or done.returncode == 70 or done.returncode > 100:
        return False, True, "exit %d" % done.returncode
    if done.returncode != 0:
        return False, False, done.stderr.decode("utf-8", "replace").strip()
    outputs = json.loads(done.stdout)["model"]["outputs"]
    for index, shape in expected.items():
        got = outputs[index]["shape"] if index < len(outputs) else None
        if got != shape:
            return False, False, "output %d: expected %s, got %s" % (index, shape, got)
    return True, False, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizeup")
    parser.add_argument("folder")
    parser.add_argument("--at-least", type=int, default=1750)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    cases = expectations(args.folder)
    right, bugs = 0, []
    for name in sorted(cases):
        good, bug, text = judge(args.sizeup, args.folder, name, cases[name])
        right += good
        if bug:
            bugs.append("%s: %s" % (name, text))
        if args.list and not good:
            print("%s: %s" % (name, text))
    # Cases without tensor outputs only must not be ended by a bug.
    for file in sorted(os.listdir(args.folder)):
        name = file[:-5]
        if file.endswith(".onnx") and name not in cases:
            _, bug, text = judge(args.sizeup, args.folder, name, {})
            if bug:
                bugs.append("%s: %s" % (name, text))
    for bug in bugs:
        print("ended by a bug:", bug)
    print("%d of %d cases with tensor outputs have exactly the recorded shapes (at least %d asked)"
          % (right, len(cases), args.at_least))
    sys.exit(bool(bugs) or right < args.at_least)


if __name__ == "__main__":
    main()
