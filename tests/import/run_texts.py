#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the importers of text formats: small files, good and bad, to their text form or message.

    run_texts.py PROGRAM CASES             compare with CASES.expected
    run_texts.py PROGRAM CASES --rewrite   write that anew; the diff is for you to review
    run_texts.py PROGRAM CASES --alloc     let each allocation fail once

A file of cases has sections: a line "== NAME" and the bytes of the file; "== NAME 24" is a file of
24 zero bytes, which stands beside the one of the same name.
"""
import difflib
import os
import subprocess
import sys
import tempfile

SLOW = ("bad-deep", "bad-billion", "bad-bodies-deep", "bad-regions-deep")  # thousands of runs


def write_files(cases, folder):
    """Writes every section; the names of those that are models, in order."""
    names, out = [], None
    with open(cases, "rb") as f:
        for line in f:
            if not line.startswith(b"== "):
                if out:
                    out.write(line)
                continue
            words = line.decode().split()
            out = open(os.path.join(folder, words[1]), "wb")
            if len(words) > 2:
                out.write(bytes(int(words[2])))
                out = None
            else:
                names.append(words[1])
    return names


def main(program, cases, mode):
    golden = cases + ".expected"
    with tempfile.TemporaryDirectory() as folder:
        names = write_files(cases, folder)
        if mode == "--alloc":
            names = [n for n in names if not n.startswith(SLOW)]
        args = [program] + (["--alloc"] if mode == "--alloc" else [])
        run = subprocess.run(args + names, stdout=subprocess.PIPE, check=True, cwd=folder)
        text = run.stdout.decode("utf-8", "backslashreplace")
    if mode == "--rewrite":
        with open(golden, "w", encoding="utf-8") as f:
            f.write(text)
        return 0
    wanted = "".join("== %s\n" % n for n in names)
    if mode != "--alloc":
        with open(golden, encoding="utf-8") as f:
            wanted = f.read()
    lines = list(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "expected", "printed",
                                      lineterm=""))
    print("\n".join(lines))
    print("%d files, %s" % (len(names), "different" if lines else "as expected"))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2]),
                  sys.argv[3] if len(sys.argv) > 3 else ""))
