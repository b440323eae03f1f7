#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX's own node tests, with their numbers: check_nodes.py REF_RUN [--at-least PERCENT] [--list]
[--backend NAME]

Every case of onnx.backend.test whose inputs are tensors is run by the reference executor and
compared with the recorded outputs, within the tolerance that the case states. Cases that meet an
operator without a reference are counted apart; the others must be right for PERCENT of the cases
of the default domain. --list names those that are not, and why.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import warnings

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "onnx_node"))
import make_cases  # noqa: E402

DTYPES = {
    "f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": ml_dtypes.bfloat16,
    "i64": np.int64, "i32": np.int32, "i16": np.int16, "i8": np.int8, "u64": np.uint64,
    "u32": np.uint32, "u16": np.uint16, "u8": np.uint8, "bool": np.bool_,
    "i4": np.int8, "u4": np.uint8, "i2": np.int8, "u2": np.uint8,
    "f8e4m3fn": ml_dtypes.float8_e4m3fn, "f8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "f8e5m2": ml_dtypes.float8_e5m2, "f8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "f8e8m0": ml_dtypes.float8_e8m0fnu, "f4e2m1": np.uint8,
}
SIGNED = {"i4": 4, "i2": 2}
FOUR_BITS = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


def read_one(f):
    words = f.readline().decode().split()
    if words[0] == "sequence":
        return [read_one(f) for _ in range(int(words[1]))]
    shape = [int(w) for w in words[1:]]
    dtype = np.dtype(DTYPES[words[0]])
    count = int(np.prod(shape, dtype=np.int64))
    values = np.frombuffer(f.read(count * dtype.itemsize), dtype).reshape(shape)
    if words[0] in SIGNED:  # one element per byte, without the sign
        bits = SIGNED[words[0]]
        values = ((values.astype(np.int16) & (2 ** bits - 1)) ^ 2 ** (bits - 1)) - 2 ** (bits - 1)
    return FOUR_BITS[values] if words[0] == "f4e2m1" else values


def as_array(value):
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value)


def plain(array):
    """Formats that numpy does not know by itself, as floats or integers."""
    if array.dtype.kind == "V" or str(array.dtype).startswith(("float8", "float4", "bfloat")):
        return array.astype(np.float32)
    if str(array.dtype) in ("int4", "uint4", "int2", "uint2"):
        return array.astype(np.int32)
    return array


def difference(got, want, rtol, atol):
    """None when they agree, else what differs."""
    if isinstance(want, (list, tuple)):
        if not isinstance(got, list) or len(got) != len(want):
            return "a sequence of another length"
        for one, other in zip(got, want):
            found = difference(one, other, rtol, atol)
            if found:
                return found
        return None
    got, want = plain(got), plain(as_array(want))
    if got.shape != want.shape:
        return "shape %s, expected %s" % (got.shape, want.shape)
    if want.dtype.kind in "fc":
        good = np.allclose(got.astype(np.float64), want.astype(np.float64), rtol=rtol, atol=atol,
                           equal_nan=True)
    else:
        good = np.array_equal(got, want)
    if good:
        return None
    off = np.abs(got.astype(np.float64) - want.astype(np.float64))
    return "off by up to %g" % np.nanmax(off) if off.size else "differs"


def prepare(folder):
    cases = {}
    for case in collect_testcases(None):
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        inputs, outputs = case.data_sets[0]
        kinds = [i.type.WhichOneof("value") for i in model.graph.input]
        if any(k != "tensor_type" for k in kinds):
            continue
        if any(v is None for v in inputs):
            continue
        make_cases.feed(model, inputs)
        for output in model.graph.output:
            make_cases.without_shape(output)
        with open(os.path.join(folder, case.name + ".onnx"), "wb") as f:
            f.write(model.SerializeToString())
        domains = {node.domain for node in model.graph.node}
        cases[case.name] = (outputs, case.rtol, case.atol, domains)
    return cases


def judge(folder, name, outputs, rtol, atol):
    """None when it is right, else why not."""
    error = os.path.join(folder, name + ".error")
    if os.path.exists(error):
        with open(error, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    for k, want in enumerate(outputs):
        path = os.path.join(folder, "%s.%d.out" % (name, k))
        if not os.path.exists(path):
            return "no output %d" % k
        with open(path, "rb") as f:
            found = difference(read_one(f), want, rtol, atol)
        if found:
            return "output %d: %s" % (k, found)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ref_run")
    parser.add_argument("--at-least", type=float, default=90)
    parser.add_argument("--backend", help="instead of the reference; must run all of a case")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        cases = prepare(folder)
        command = [args.ref_run, "--cases", folder]
        if args.backend:
            command += ["--backend", args.backend]
        done = subprocess.run(command, check=False)
        right = total = without = 0
        without_kernel = ["no reference for operator"]
        if args.backend:
            without_kernel += ["not run", "runs no node", "no reference for numbers",
                               "known before it runs", "is not known before"]
        for name in sorted(cases):
            outputs, rtol, atol, domains = cases[name]
            why = judge(folder, name, outputs, rtol, atol)
            if why and any(words in why for words in without_kernel):
                without += 1
                continue
            if domains <= {"", "ai.onnx"}:
                total += 1
                right += why is None
            if why and args.list:
                print("%s: %s" % (name, why.split(".onnx': ")[-1]))
    percent = 100.0 * right / total
    print("%d of %d node tests of operators with a reference give the recorded numbers (%.1f %%, "
          "at least %g %% asked); %d cases need an operator that has none"
          % (right, total, percent, args.at_least, without))
    sys.exit(done.returncode != 0 or percent < args.at_least)


if __name__ == "__main__":
    main()
