#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run `sizeup count` on the corpus of malformed files and hold it to the contract of the manifest,
and the other commands that read models to what they must do with a file that is refused.

    check.py SIZEUP GENERATOR FORMAT... [--sanitized]

GENERATOR is make_bad_inputs.py; it writes the corpus into a scratch folder. Every file must end as
its manifest entry says (refused, or answered with a warning), with one sentence that names the file
and a position, without a signal, within 10 s and 256 MiB + 4 x its size, without reading outside
its folder, and without passing a control byte on.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

# The one valid model that has a free dimension: counting needs its size.
BINDS = {"onnx/valid.dynamic-batch.onnx": ["--bind", "N=1"]}

# Refused or answered by content, not by name: MLIR is StableHLO whatever its file is called.
BY_CONTENT = ("hlo/text.mlir.hlo",)

# Commands beside `count`; llm is for files of weights.
OTHERS = (["optimize"], ["explain", "--against", "fvcore"])
WEIGHTS = ("gguf", "safetensors", "config")

# Formats of weights have no dimensions of their own: that they were left to us says nothing of a
# file.
USUAL = re.compile(r"weights alone have no sizes: taken as --bind ")


class Done:
    """A finished process: exit code, output, seconds and peak memory."""

    def __init__(self, argv):
        start = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
                (os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
            _, status, usage = os.wait4(pid, 0)
            self.seconds = time.monotonic() - start
            self.bytes = usage.ru_maxrss * 1024
            self.code = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            self.out = out.read().decode("utf-8", "replace")
            self.err = err.read().decode("utf-8", "replace")


def broken_contract(done, entry, canary, sanitized):
    text = done.out + done.err
    if done.code < 0 or done.code not in (0, 1, 3, 4) or "Sanitizer" in done.err or \
            "runtime error" in done.err:
        return "exit %d: %s" % (done.code, done.err[-400:])
    if done.seconds > 10:
        return "took %.1f s" % done.seconds
    if not sanitized and done.bytes > (256 << 20) + 4 * entry["bytes"]:
        return "took %d bytes of memory" % done.bytes
    if canary in text:
        return "read outside its folder"
    if any((ord(c) < 32 and c not in "\n\t") or ord(c) == 127 for c in text):
        return "a control byte came through"
    return None


def wrong_end(done, entry):
    expected = entry["expectation"]
    if entry["file"] in BY_CONTENT:
        expected = "not-silent"
    if done.code == 0:
        warnings = [w for w in json.loads(done.out)["warnings"] if not USUAL.match(w)]
        if expected == "error":
            return "accepted"
        if expected in ("ok-with-warning", "not-silent") and not warnings:
            return "accepted in silence"
        return None
    if expected in ("ok", "ok-with-warning"):
        return "refused: " + done.err[-300:]
    return wrong_sentence(done)


def wrong_sentence(done):
    errors = [line for line in done.err.splitlines() if line.startswith("sizeup: ")]
    if len(errors) != 1 or done.out:
        return "%d error lines, %d bytes of output" % (len(errors), len(done.out))
    if "file '" not in errors[0] or not ("@" in errors[0] or "line " in errors[0]):
        return "no file or position: " + errors[0][:300]
    return None


def wrong_elsewhere(done, entry):
    """No other command makes an answer of what `count` must refuse."""
    if done.code != 3:
        refused = entry["expectation"] == "error" and entry["file"] not in BY_CONTENT
        return "accepted" if refused else None
    return wrong_sentence(done)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizeup")
    parser.add_argument("generator")
    parser.add_argument("formats", nargs="+")
    parser.add_argument("--sanitized", action="store_true")
    args = parser.parse_args()
    wrong, total = [], 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-W", "ignore", args.generator, folder], check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
            manifest = json.load(f)
        for entry in manifest["files"]:
            if entry["format"] not in args.formats:
                continue
            total += 1
            done = Done([args.sizeup, "count", "--format", "json",
                         os.path.join(folder, entry["open"])] + BINDS.get(entry["file"], []))
            why = broken_contract(done, entry, manifest["canary"], args.sanitized) or \
                wrong_end(done, entry)
            if why:
                wrong.append("%s (%s): %s" % (entry["file"], entry["expectation"], why))
            others = OTHERS + ((["llm"],) if entry["format"] in WEIGHTS else ())
            for command, *more in others if not args.sanitized else ():
                done = Done([args.sizeup, command, os.path.join(folder, entry["open"]), *more,
                             "--format", "json"] + BINDS.get(entry["file"], []))
                why = broken_contract(done, entry, manifest["canary"], False) or \
                    wrong_elsewhere(done, entry)
                if why:
                    wrong.append("%s, %s: %s" % (command, entry["file"], why))
    for line in wrong:
        print(line)
    print("%d of %d malformed files end as they should" % (total - len(wrong), total))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
