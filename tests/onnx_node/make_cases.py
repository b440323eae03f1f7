#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write ONNX's own backend node tests as files that a shape engine can be judged by.

    make_cases.py FOLDER

Each case of onnx.backend.test becomes FOLDER/NAME.onnx: the recorded inputs are given as
initializers (inputs that are no tensors stay inputs), and the shapes that the model declares for
its outputs are taken away. FOLDER/expected.tsv lists, per tensor output, the recorded shape:
case, output index, dims joined by "x" ("" for a scalar).
"""

import os
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases


def without_shape(output):
    """Keep name and element type; a rank of unknown dims would be a hint, so no shape at all."""
    kind = output.type.WhichOneof("value")
    if kind == "tensor_type":
        output.type.tensor_type.ClearField("shape")
    elif kind is not None:
        bare = onnx.TypeProto()
        output.type.CopyFrom(bare)


def as_tensor(name, value):
    if isinstance(value, onnx.TensorProto):
        tensor = onnx.TensorProto()
        tensor.CopyFrom(value)
        tensor.name = name
        return tensor
    if isinstance(value, (np.ndarray, np.generic)):
        return numpy_helper.from_array(np.asarray(value), name)
    return None


def shape_of(value):
    if isinstance(value, onnx.TensorProto):
        return tuple(value.dims)
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value).shape
    return None


def feed(model, inputs):
    """Turn tensor inputs into initializers."""
    graph = model.graph
    keep = []
    for info, value in zip(graph.input, inputs):
        tensor = as_tensor(info.name, value)
        if tensor is None or info.type.WhichOneof("value") != "tensor_type":
            keep.append(info)
        else:
            graph.initializer.append(tensor)
    keep = [onnx.ValueInfoProto.FromString(info.SerializeToString()) for info in keep]
    del graph.input[:]
    graph.input.extend(keep)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    warnings.simplefilter("ignore")
    lines = []
    for case in collect_testcases(None):
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        inputs, outputs = case.data_sets[0]
        feed(model, inputs)
        for output in model.graph.output:
            without_shape(output)
        for k, value in enumerate(outputs):
            shape = shape_of(value)
            if shape is not None:
                lines.append("%s\t%d\t%s" % (case.name, k, "x".join(map(str, shape))))
        with open(os.path.join(folder, case.name + ".onnx"), "wb") as f:
            f.write(model.SerializeToString())
    with open(os.path.join(folder, "expected.tsv"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
