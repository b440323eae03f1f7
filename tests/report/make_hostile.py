#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model whose names try to be something else than text: make_hostile.py OUT.onnx"""
import sys

import onnx
from onnx import TensorProto, helper

NAMES = [
    '<script>document.title="owned"</script>',
    '"><img src=x onerror="document.title=\'owned\'">',
    "' onmouseover='document.title=1' x='",
    '</title></svg><script>document.title="owned"</script>',
    '</style><script>document.title="owned"</script>',
    '=HYPERLINK("file:///etc/passwd","x")',
    '@SUM(1+1)*cmd|\' /C calc\'!A0',
    'safe\x1b[31mred\x1b[0m\x07',
    'left\u202eright\u2066\u200b',
    '<!--', ']]>', '&lt;b&gt;&amp;', 'javascript:alert(1)', '\\x3cscript\\x3e',
]


def main(out):
    nodes, value = [], 'input<b>'
    for i, name in enumerate(NAMES):
        nodes.append(helper.make_node('Relu' if i % 2 else 'Exp', [value], [name + '#out'],
                                      name=name))
        value = name + '#out'
    graph = helper.make_graph(
        nodes, '<h1>graph</h1>',
        [helper.make_tensor_value_info('input<b>', TensorProto.FLOAT, [4, 1024])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, [4, 1024])])
    model = helper.make_model(graph, producer_name='<script>producer</script>',
                              opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.save(model, out)


if __name__ == '__main__':
    main(sys.argv[1])
