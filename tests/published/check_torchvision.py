#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Export torchvision's nets and compare `sizeup count --convention torchvision` with their _ops.

    check_torchvision.py SIZEUP [NAME...]

Needs torch, torchvision and onnx from PyPI (2 GB): not part of `make test`. Each net is exported
with random weights at the size of its published evaluation, counted, and thrown away. A net that
the exporter refuses is named as such. Exit 1 when a count differs in the third decimal.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings

import torch
import torchvision.models as tv

VIDEO_FRAMES = 16


def entries():
    """(name, weights entry) of every net with a published _ops; one entry per _ops value."""
    for name in tv.list_models():
        if name.startswith("quantized_"):
            continue
        seen = set()
        for weights in tv.get_model_weights(name):
            ops = weights.meta.get("_ops")
            if ops is not None and ops not in seen:
                seen.add(ops)
                yield name, weights


def example(name, weights):
    preset = weights.transforms()
    crop = getattr(preset, "crop_size", None)
    if "raft" in name:
        return (torch.randn(1, 3, 512, 512), torch.randn(1, 3, 512, 512))
    if crop is None:
        size = getattr(preset, "resize_size", [520])[0]
        return (torch.randn(1, 3, size, size),)
    height, width = (crop * 2)[:2] if len(crop) == 1 else crop
    if name.startswith(("r3d", "mc3", "r2plus1d", "mvit", "s3d", "swin3d")):
        return (torch.randn(1, 3, VIDEO_FRAMES, height, width),)
    return (torch.randn(1, 3, height, width),)


def export(name, args, path):
    extra = {"aux_loss": True} if name.startswith(("fcn", "deeplab")) else {}  # as published
    try:
        net = tv.get_model(name, weights=None, weights_backbone=None, **extra).eval()
    except TypeError:  # only nets on a backbone take the second
        net = tv.get_model(name, weights=None).eval()
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        torch.onnx.export(net, args, path, opset_version=17, dynamo=False)


def main():
    sizeup, names = sys.argv[1], sys.argv[2:]
    warnings.simplefilter("ignore")
    equal = different = refused = 0
    for name, weights in entries():
        if names and name not in names:
            continue
        if weights.meta.get("categories") and "box_map" in weights.meta.get("_metrics", {}).get(
                "COCO-val2017", {}):
            continue  # detection: the count depends on the boxes that random weights find
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "net.onnx")
            try:
                export(name, example(name, weights), path)
            except Exception as error:  # the exporter raises its own kinds, and plain ones too
                print("%-28s not exported: %s" % (name, str(error).splitlines()[0][:80]))
                refused += 1
                continue
            done = subprocess.run([sizeup, "count", "--quiet", "--format", "json", "--convention",
                                   "torchvision", path], capture_output=True, check=False)
        if done.returncode:
            print("%-28s exit %d: %s" % (name, done.returncode, done.stderr.decode()[:120]))
            different += 1
            continue
        giga = round(json.loads(done.stdout)["total"]["flops"] / 1e9, 3)
        same = giga == weights.meta["_ops"]
        equal, different = equal + same, different + (not same)
        print("%-28s %-22s %10.3f published %10.3f  %s" % (
            name, weights.name, giga, weights.meta["_ops"], "equal" if same else "DIFFERENT"),
            flush=True)
    print("%d equal, %d different, %d not exported" % (equal, different, refused))
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
