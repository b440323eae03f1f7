# SPDX-License-Identifier: Apache-2.0
"""The few protobuf messages of ONNX that the benchmark models need, standard library only."""


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def data(field, payload):
    if isinstance(payload, str):
        payload = payload.encode()
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def node(op, inputs, outputs, name):
    body = b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs)
    return body + data(3, name) + data(4, op)


def value(name, dims):
    shape = b"".join(data(1, number(1, d)) for d in dims)
    return data(1, name) + data(2, data(1, number(1, 1) + data(2, shape)))


def tensor_head(name, dims):
    return b"".join(number(1, d) for d in dims) + number(2, 1) + data(8, name)


def external_tensor(name, dims, location, offset, length):
    entries = b"".join(
        data(13, data(1, key) + data(2, text))
        for key, text in (("location", location), ("offset", str(offset)), ("length", str(length))))
    return tensor_head(name, dims) + entries + number(14, 1)


def model(graph):
    return number(1, 8) + data(7, graph) + data(8, number(2, 17))


def chain(n_nodes):
    """Relu, Add, Relu, Add ... of n_nodes nodes on a 1x64x8x8 tensor."""
    parts = []
    last = "x"
    for i in range(n_nodes):
        out = "v%d" % i
        inputs = [last] if i % 2 == 0 else [last, "x"]
        parts.append(data(1, node("Relu" if i % 2 == 0 else "Add", inputs, [out], "n%d" % i)))
        last = out
    return model(b"".join(parts) + data(2, "chain") + data(11, value("x", [1, 64, 8, 8])) +
                 data(12, value(last, [1, 64, 8, 8])))


def write_mlp(path, layers, width, inline):
    """`layers` matrix products of width x width; weights inline (random-like bytes) or absent."""
    size = 4 * width * width
    nodes, tensors, last = [], [], "x"
    for i in range(layers):
        weight = "w%d" % i
        if inline:
            block = bytes((i * 37 + k * 11) % 251 for k in range(4096))
            raw = (block * (size // 4096 + 1))[:size]
            tensors.append(tensor_head(weight, [width, width]) + data(9, raw))
        else:
            tensors.append(
                external_tensor(weight, [width, width], "weights.absent", i * size, size))
        nodes.append(data(1, node("MatMul", [last, weight], ["h%d" % i], "fc%d" % i)))
        last = "h%d" % i
    graph = b"".join(nodes) + data(2, "mlp") + b"".join(data(5, t) for t in tensors)
    graph += data(11, value("x", [1, width])) + data(12, value(last, [1, width]))
    with open(path, "wb") as f:
        f.write(model(graph))
