#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Imports files with each allocation failing once: run_files.py PROGRAM FILE...

The program names each file, and says what is wrong below it: nothing may be.
"""
import subprocess
import sys

program, files = sys.argv[1], sys.argv[2:]
done = subprocess.run([program, "--alloc"] + files, stdout=subprocess.PIPE, check=True)
text = done.stdout.decode("utf-8", "backslashreplace")
wanted = "".join("== %s\n" % f for f in files)
if text != wanted:
    print(text)
print("%d files, %s" % (len(files), "as expected" if text == wanted else "different"))
sys.exit(text != wanted)
