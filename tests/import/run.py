#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the ONNX importer: small models, good and bad, to their text form or their message.

    run.py PROGRAM           compare with expected.txt
    run.py PROGRAM --rewrite write expected.txt anew; the diff is for you to review
    run.py PROGRAM --alloc   let each allocation fail once
"""
import difflib
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import make_models  # noqa: E402

SLOW = "limit-"  # not worth thousands of runs


def main(program, mode):
    here = os.path.dirname(os.path.abspath(__file__))
    golden = os.path.join(here, "expected.txt")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_models.main("m")
        names = [n for n in sorted(os.listdir("m")) if mode != "--alloc" or not n.startswith(SLOW)]
        files = [os.path.join("m", n, "model.onnx") for n in names]
        args = [os.path.abspath(program)] + (["--alloc"] if mode == "--alloc" else [])
        run = subprocess.run(args + files, stdout=subprocess.PIPE, check=True)
        text = run.stdout.decode("utf-8", "backslashreplace")
    if mode == "--rewrite":
        with open(golden, "w", encoding="utf-8") as f:
            f.write(text)
        return 0
    wanted = "".join("== %s\n" % f for f in files)
    if mode != "--alloc":
        with open(golden, encoding="utf-8") as f:
            wanted = f.read()
    lines = list(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "expected", "printed",
                                      lineterm=""))
    print("\n".join(lines))
    print("%d models, %s" % (len(files), "different" if lines else "as expected"))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(os.path.realpath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
