#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The nine whole models inside the onnx wheel, whose weights ConstantOfShape makes.

    check_light.py SIZEUP

Expected: convolution and matrix product MACs and weight elements, counted by an independent script
and by onnxsim 0.8.1; equal to torchvision's published figures where the architecture is the same.
"""

import glob
import json
import os
import subprocess
import sys

import onnx

EXPECTED = {  # name: (MACs, parameters)
    "bvlc_alexnet": (654560384, 60965224),
    "densenet121": (2834161664, 8146152),
    "inception_v1": (1431556352, 6998552),
    "inception_v2": (2018851840, 11234792),
    "resnet50": (4089184256, 25610153),
    "shufflenet": (124664528, 1420152),
    "squeezenet": (349151936, 1235496),
    "vgg19": (19632062464, 143667240),
    "zfnet512": (1481727008, 87250537),
}


def main():
    sizeup = sys.argv[1]
    folder = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
    wrong = 0
    for name, (macs, params) in EXPECTED.items():
        path = glob.glob(os.path.join(folder, "light_%s.onnx" % name))[0]
        done = subprocess.run([sizeup, "count", "--quiet", "--format", "json", path],
                              capture_output=True, check=True)
        result = json.loads(done.stdout)
        total, coverage = result["total"], result["coverage"]
        got = (total["macs"], total["params"])
        if got != (macs, params) or coverage["costed"] != coverage["nodes"]:
            wrong += 1
            print("light_%s: expected %s, got %s, %d of %d nodes costed" % (
                name, (macs, params), got, coverage["costed"], coverage["nodes"]))
    print("%d of %d light models exact" % (len(EXPECTED) - wrong, len(EXPECTED)))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
