#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes small ONNX files, good and bad, for the test of the importer. Only the standard library:
the bytes are put together by hand, so that they can be wrong on purpose.

    make_models.py FOLDER
"""
import os
import struct
import sys

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, HALF = 1, 2, 3, 6, 7, 8, 9, 10
INT4, F6E2M3 = 22, 27


# ---- wire format ---------------------------------------------------------------------------------

def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def tag(field, kind):
    return varint(field << 3 | kind)


def num(field, n):
    return tag(field, 0) + varint(n)


def data(field, payload):
    if isinstance(payload, str):
        payload = payload.encode()
    return tag(field, 2) + varint(len(payload)) + payload


def fixed32(field, f):
    return tag(field, 5) + struct.pack("<f", f)


# ---- messages ------------------------------------------------------------------------------------

def attr(name, kind, payload):
    return data(5, data(1, name) + payload + num(20, kind))


def a_int(name, i):
    return attr(name, 2, num(3, i))


def a_ints(name, ints):
    return attr(name, 7, b"".join(num(8, i) for i in ints))


def a_tensor(name, t):
    return attr(name, 4, data(5, t))


def a_graph(name, g):
    return attr(name, 5, data(6, g))


def a_ref(name, ref, kind):
    return data(5, data(1, name) + data(21, ref) + num(20, kind))


def node(op, inputs, outputs, name="", domain="", attrs=b""):
    out = b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs)
    out += data(3, name) if name else b""
    return out + data(4, op) + attrs + (data(7, domain) if domain else b"")


def tensor(name, dims, kind, payload):
    return b"".join(num(1, d) for d in dims) + num(2, kind) + data(8, name) + payload


def raw(values, fmt="f"):
    return data(9, struct.pack("<%d%s" % (len(values), fmt), *values))


def external(location, offset=None, length=None, more=()):
    entries = [("location", location)]
    entries += [("offset", offset)] if offset is not None else []
    entries += [("length", length)] if length is not None else []
    out = b"".join(data(13, data(1, k) + data(2, str(v))) for k, v in entries + list(more))
    return out + num(14, 1)


def shape(dims):
    out = b""
    for d in dims:
        out += data(1, data(2, d) if isinstance(d, str) else b"" if d is None else num(1, d))
    return out


def tensor_type(kind, dims):
    return data(1, num(1, kind) + (data(2, shape(dims)) if dims is not None else b""))


def info(name, dims, kind=FLOAT):
    return data(1, name) + data(2, tensor_type(kind, dims))


def graph(nodes, inputs=(), outputs=(), inits=(), infos=(), name="g", more=b""):
    out = b"".join(data(1, n) for n in nodes) + data(2, name)
    out += b"".join(data(5, t) for t in inits)
    out += b"".join(data(11, v) for v in inputs) + b"".join(data(12, v) for v in outputs)
    return out + b"".join(data(13, v) for v in infos) + more


def opset(version=18, domain=""):
    return data(8, data(1, domain) + num(2, version))


def model(g, ir=9, opsets=None, functions=(), more=b""):
    out = num(1, ir) + data(2, "test") + data(3, "1.0") + data(7, g)
    out += opset() if opsets is None else b"".join(opsets)
    return out + b"".join(data(25, f) for f in functions) + more


def function(name, inputs, outputs, nodes, attrs=(), defaults=b"", domain="local", overload=""):
    out = data(1, name) + b"".join(data(4, i) for i in inputs)
    out += b"".join(data(5, o) for o in outputs) + b"".join(data(6, a) for a in attrs)
    out += b"".join(data(7, n) for n in nodes) + data(9, num(2, 18))
    out += data(9, data(1, "local") + num(2, 1)) + data(10, domain) + defaults
    return out + (data(13, overload) if overload else b"")


X23 = [info("x", [2, 3])]
Y23 = [info("y", [2, 3])]
LOCAL = [opset(), opset(1, "local")]


def relu(**kw):
    return model(graph([node("Relu", ["x"], ["y"], "r")], X23, Y23), **kw)


def with_init(t, dims=(4,), kind=FLOAT):
    """x + w, where the tensor w is the case."""
    return model(graph([node("Add", ["x", "w"], ["y"])], [info("x", dims, kind)],
                       [info("y", dims, kind)], [t]))


def calls(nodes, functions, inputs=X23, outputs=Y23):
    return model(graph(nodes, inputs, outputs), opsets=LOCAL, functions=functions)


# ---- cases ---------------------------------------------------------------------------------------

def good_models(add):
    add("relu", relu())
    add("weights", model(graph(
        [node("Gemm", ["x", "w", "b"], ["y"], "fc", attrs=a_int("transB", 1))], [info("x", [1, 3])],
        [info("y", [1, 2])], [tensor("w", [2, 3], FLOAT, raw([1, 2, 3, 4, 5, 6])),
                              tensor("b", [2], FLOAT, raw([0.5, -0.5]))])))
    add("initializer-is-input", model(graph(
        [node("Add", ["x", "w"], ["y"])], [info("x", [3]), info("w", [3])], [info("y", [3])],
        [tensor("w", [3], FLOAT, raw([1, 2, 3]))]), ir=3))
    add("symbols", model(graph(
        [node("Add", ["x", "z"], ["t"]), node("Relu", ["t"], ["y"])],
        [info("x", ["batch", 3, None, "?"]), info("z", ["batch", -1])], [info("y", ["out", 3])],
        infos=[info("t", ["batch", "unseen"])])))
    add("typed-data", model(graph(
        [node("Add", [n, n], ["o_" + n]) for n in ("f", "i", "h", "q", "s", "b")], [],
        [info("o_f", [2])], [
            tensor("f", [2], FLOAT, data(4, struct.pack("<2f", 1.5, -2.5))),
            tensor("i", [2], INT64, data(7, varint(-1) + varint(7))),
            tensor("h", [2], HALF, num(5, 0x3c00) + num(5, 0xc000)),
            tensor("q", [3], INT4, data(5, varint(0x71) + varint(0x0f))),
            tensor("s", [2], STRING, data(6, b"a\xff") + data(6, "")),
            tensor("b", [2], BOOL, data(5, b"\0\1"))])))
    add("constants", model(graph(
        [node("Constant", [], ["a"],
              attrs=a_tensor("value", tensor("", [2], INT64, raw([3, 4], "q")))),
         node("Constant", [], ["b"], attrs=a_ints("value_ints", [5, 6])),
         node("Constant", [], ["c"], attrs=attr("value_float", 1, fixed32(2, 0.25))),
         node("Constant", [], ["d"], attrs=attr("value_string", 3, data(4, "hi"))),
         node("Concat", ["a", "b"], ["y"], attrs=a_int("axis", 0))], [],
        [info("y", [4], INT64)])))
    branch = graph([node("Add", ["x", "k"], ["t"])], [], [info("t", [2, 3])],
                   [tensor("k", [], FLOAT, raw([2]))], name="then")
    inner = graph([node("If", ["c"], ["u"], attrs=a_graph("then_branch", branch) + a_graph(
        "else_branch", graph([node("Relu", ["x"], ["v"])], [], [info("v", [2, 3])])))], [],
        [info("u", [2, 3])], name="outer_else")
    add("bodies", model(graph(
        [node("If", ["c"], ["y"],
              attrs=a_graph("then_branch", branch) + a_graph("else_branch", inner))],
        X23 + [info("c", [], BOOL)], Y23)))
    add("sequence-type", model(graph(
        [node("SequenceAt", ["s", "i"], ["y"])],
        [data(1, "s") + data(2, data(4, data(1, tensor_type(FLOAT, [2, None])))),
         info("i", [], INT64)], [info("y", None)])))
    add("sparse", model(graph(
        [node("Add", ["x", "sp"], ["y"])], [info("x", [4])], [info("y", [4])],
        more=data(15, data(1, tensor("sp", [2], FLOAT, raw([1, 2])))
                  + data(2, tensor("", [2], INT64, raw([0, 3], "q"))) + num(3, 4)))))
    add("optional-input", model(graph([node("Clip", ["x", "", "m"], ["y"])], X23, Y23,
                                      [tensor("m", [], FLOAT, raw([6]))])))
    add("unknown-fields", num(1, 9) + data(2000, b"future") + relu()[2:] + tag(900, 3) + num(7, 1)
        + tag(900, 4))
    add("unsorted", model(graph([node("Relu", ["t"], ["y"]), node("Neg", ["x"], ["t"])], X23, Y23)))


def function_models(add):
    scale = function("Scale", ["v"], ["o"], [
        node("Constant", [], ["c"], attrs=a_ref("value_float", "alpha", 1)),
        node("Mul", ["v", "c"], ["o"], "mul")], attrs=["alpha"])
    add("function", calls([node("Scale", ["x"], ["y"], "s", "local",
                                attr("alpha", 1, fixed32(2, 0.5)))], [scale]))
    add("function-without-attribute", calls([node("Scale", ["x"], ["y"], "s", "local")], [scale]))
    default = function("Flat", ["v"], ["o"], [
        node("Flatten", ["v"], ["o"], attrs=a_ref("axis", "axis", 2))],
        defaults=data(11, data(1, "axis") + num(3, 0) + num(20, 2)))
    add("function-default", calls([node("Flat", ["x"], ["t"], "", "local"),
                                   node("Flat", ["t"], ["y"], "", "local", a_int("axis", 1))],
                                  [default]))
    twice = function("Twice", ["v"], ["o"], [node("Scale", ["v"], ["m"], "in", "local"),
                                             node("Scale", ["m"], ["o"], "", "local")])
    add("function-nested", calls([node("Twice", ["x"], ["t"], "call", "local"),
                                  node("Twice", ["t"], ["y"], "call", "local")], [twice, scale]))
    body = graph([node("Add", ["h", "v"], ["t"]), node("Scale", ["t"], ["u"], "", "local")], [],
                 [info("u", None)])
    cond = function("Cond", ["v", "c"], ["o"], [
        node("Neg", ["v"], ["h"]),
        node("If", ["c"], ["o"], "if", attrs=a_graph("then_branch", body)
             + a_graph("else_branch", graph([node("Relu", ["h"], ["t"])], [], [info("t", None)])))])
    add("function-with-bodies", calls([node("Cond", ["x", "c"], ["y"], "k", "local")],
                                      [cond, scale], X23 + [info("c", [], BOOL)]))
    same = function("Same", ["v", "w"], ["v", "o"], [node("Relu", ["w"], ["o"])])
    add("function-passes-input", calls([node("Same", ["x", "x"], ["p", "y"], "s", "local"),
                                        node("Same", ["p", "y"], ["", "z"], "", "local")], [same]))
    two = [function("F", ["v"], ["o"], [node(op, ["v"], ["o"])], overload=o)
           for op, o in (("Relu", "a"), ("Neg", "b"))]
    call = node("F", ["x"], ["y"], "f", "local") + data(8, "b")
    add("function-overload", calls([call], two))
    add("function-known-operator", calls([node("Relu", ["x"], ["y"])], [
        function("Relu", ["v"], ["o"], [node("Neg", ["v"], ["o"])], domain="")]))
    add("bad-function-recursion", calls([node("f", ["x"], ["y"], "", "local")], [
        function("f", ["x"], ["y"], [node("h", ["x"], ["y"], "", "local")]),
        function("h", ["x"], ["y"], [node("f", ["x"], ["y"], "", "local")])]))
    add("bad-function-output", calls([node("f", ["x"], ["y"], "", "local")], [
        function("f", ["v"], ["o"], [node("Relu", ["v"], ["p"])])]))
    add("bad-function-writes-input", calls([node("f", ["x"], ["y"], "", "local")], [
        function("f", ["v"], ["o"], [node("Relu", ["v"], ["v"])])]))
    add("bad-function-outputs", calls([node("f", ["x"], ["y", "z"], "", "local")], [
        function("f", ["v"], ["o"], [node("Relu", ["v"], ["o"])])]))
    add("bad-function-tensor", calls([node("Relu", ["x"], ["y"])], [
        function("never-called", ["v"], ["o"], [node("Constant", [], ["o"], attrs=a_tensor(
            "value", tensor("", [9], FLOAT, raw([1]))))])]))
    add("bad-reference", model(graph([node("Flatten", ["x"], ["y"],
                                           attrs=a_ref("axis", "axis", 2))], X23, Y23)))


def bad_models(add):
    add("bad-empty", b"")
    add("bad-lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".encode())
    add("bad-page", b"<!DOCTYPE html><html></html>")
    add("bad-field-0", b"\0\1" + relu())
    add("bad-wire-type", tag(30, 7) + relu())
    add("bad-varint", tag(1, 0) + b"\xff" * 40)
    add("bad-cut", relu()[:-9])
    add("bad-group", relu() + tag(40, 4))
    add("bad-two-graphs", relu() + data(7, graph([])))
    add("bad-no-opset", relu(opsets=[]))
    add("bad-opset", relu(opsets=[opset(0)]))
    add("bad-two-producers", model(graph([node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])],
                                         X23, Y23)))
    add("bad-no-producer", model(graph([node("Add", ["x", "lost"], ["y"], "a")], X23, Y23)))
    add("bad-no-producer-of-output", model(graph([node("Relu", ["x"], ["z"])], X23, Y23)))
    add("bad-cycle", model(graph([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])], X23,
                                 [info("b", [2, 3])])))
    add("bad-op-type", model(graph([node("", ["x"], ["y"], "n")], X23, Y23)))
    add("bad-dim", model(graph([node("Relu", ["x"], ["y"])], [info("x", [2, -7])], Y23)))
    for name, t in [
            ("type", tensor("w", [4], 99, raw([1] * 4))),
            ("raw-short", tensor("w", [4], FLOAT, raw([1]))),
            ("raw-long", tensor("w", [1], FLOAT, raw([1, 2]))),
            ("none", tensor("w", [4], FLOAT, b"")),
            ("dim", tensor("w", [-4], FLOAT, raw([1] * 4))),
            ("overflow", tensor("w", [1 << 40, 1 << 40, 0], FLOAT, b"")),
            ("count", tensor("w", [4], FLOAT, data(4, b"\0" * 12))),
            ("packed", tensor("w", [4], FLOAT, data(4, b"\0" * 13))),
            ("place", tensor("w", [1], INT64, num(5, 1))),
            ("int4", tensor("w", [5], INT4, data(9, b"\0" * 5))),
            ("strings", tensor("w", [1], STRING, raw([1])))]:
        add("bad-tensor-" + name, with_init(t))
    add("bad-sparse-index", model(graph(
        [node("Add", ["x", "sp"], ["y"])], [info("x", [2, 2])], [info("y", [2, 2])],
        more=data(15, data(1, tensor("sp", [1], FLOAT, raw([1])))
                  + data(2, tensor("", [1, 2], INT64, raw([1, 2], "q"))) + num(3, 2) + num(3, 2)))))


def warned_models(add):
    add("warn-ir-version", relu(ir=99))
    add("warn-opset-newer", relu(opsets=[opset(99)]))
    add("warn-opset-twice", relu(opsets=[opset(18), opset(11, "ai.onnx")]))
    add("warn-no-opset-of-domain", model(graph([node("Odd", ["x"], ["y"], domain="com.odd")], X23,
                                               Y23)))
    add("warn-attributes", model(graph([node(
        "Odd", ["x"], ["y"], attrs=attr("a", 2, num(8, 1) + num(8, 2)) + attr("b", 99, num(3, 4))
        + a_int("c", 1) + a_int("c", 2) + data(5, data(1, "d") + num(3, 5)) + attr("e", 2, b""))],
        X23, Y23)))
    add("warn-two-kinds-of-data", with_init(
        tensor("w", [1], FLOAT, raw([1]) + data(4, b"\0" * 4)), [1]))
    add("warn-initializer-shape", model(graph(
        [node("Add", ["x", "w"], ["y"])], [info("x", [3]), info("w", [9])], [info("y", [3])],
        [tensor("w", [3], FLOAT, raw([1, 2, 3]))])))
    add("warn-initializer-twice", model(graph(
        [node("Add", ["x", "w"], ["y"])], [info("x", [1])], [info("y", [1])],
        [tensor("w", [1], FLOAT, raw([1])), tensor("w", [1], FLOAT, raw([2]))])))
    add("warn-no-type", model(graph([node("Relu", ["x"], ["y"])], [data(1, "x")], [data(1, "y")])))
    add("warn-zero-dim", model(graph([node("Relu", ["x"], ["y"])], [info("x", [0, 2])], Y23)))


def side_file_models(add):
    side = {"w.bin": struct.pack("<8f", *range(8))}

    def ext(*args, **kw):
        return with_init(tensor("w", [4], FLOAT, external(*args, **kw)))
    add("side", ext("w.bin", 16, 16), side)
    add("side-inner-folder", ext("./sub/w.bin"), {"sub/w.bin": side["w.bin"]})
    add("warn-side-absent", ext("gone.bin", 1 << 40, 16))
    add("warn-side-key", ext("w.bin", 0, 16, [("basepath", "/etc")]), side)
    add("warn-side-shared", model(graph(
        [node("Add", ["a", "b"], ["t"]), node("Add", ["t", "c"], ["y"])], [], [info("y", [4])],
        [tensor(n, [4], FLOAT, external("w.bin", o, 16)) for n, o in
         (("a", 0), ("b", 0), ("c", 8))])), side)
    for name, args in [
            ("dotdot", ("../w.bin",)), ("inner-dotdot", ("sub/../../w.bin",)),
            ("absolute", ("/etc/hostname",)), ("backslash", ("..\\w.bin",)),
            ("percent", ("%2e%2e/w.bin",)), ("newline", ("w\n.bin",)), ("nul", ("w.bin\0x",)),
            ("empty", ("",)), ("memory", ("*/_ORT_MEM_ADDR_/*", 4096)), ("link", ("link.bin",)),
            ("folder", ("sub",)), ("pipe", ("pipe",)), ("past-end", ("w.bin", 24, 16)),
            ("wraps", ("w.bin", (1 << 64) - 8, 16)), ("negative", ("w.bin", -4, 16)),
            ("hex", ("w.bin", "0x10", 16)), ("length", ("w.bin", 0, 4)),
            ("blank", ("w.bin", 0, "16 "))]:
        add("bad-side-" + name, ext(*args), dict(side, **{"sub/x": b""}), special=True)
    add("bad-side-two-locations", ext("w.bin", 0, 16, [("location", "v.bin")]), side)
    add("bad-side-no-location", with_init(tensor("w", [4], FLOAT, num(14, 1))))


def nested(n):
    """n levels of If inside each other."""
    g = graph([node("Relu", ["x"], ["o"])], [], [info("o", None)])
    for _ in range(n):
        g = graph([node("If", ["c"], ["o"], attrs=a_graph("then_branch", g))], [],
                  [info("o", None)])
    return model(g[:-len(data(12, info("o", None)))] + data(11, info("c", [], BOOL))
                 + data(11, info("x", [2])) + data(12, info("o", None)))


def limit_models(add):
    """At the limit and one beyond it."""
    for n in (32, 33):
        add("limit-bodies-%d" % n, nested(n))
    for n in (31, 32):
        t = tensor_type(FLOAT, [2])
        for _ in range(n):
            t = data(4, data(1, t))
        add("limit-types-%d" % n, model(graph([node("Identity", ["x"], ["y"])],
                                              [data(1, "x") + data(2, t)], [data(1, "y")])))
    for n in (100, 101):
        add("limit-groups-%d" % n, relu() + tag(50, 3) * n + tag(50, 4) * n)
    for n in (64, 65):
        add("limit-rank-%d" % n, model(graph([node("Relu", ["x"], ["y"])], [info("x", [1] * n)],
                                             [info("y", None)])))
        chain = [function("f%d" % i, ["x"], ["y"],
                          [node("f%d" % (i + 1), ["x"], ["y"], "", "local")]) for i in range(n - 1)]
        chain += [function("f%d" % (n - 1), ["x"], ["y"], [node("Relu", ["x"], ["y"])])]
        add("limit-calls-%d" % n, calls([node("f0", ["x"], ["y"], "", "local")], chain))
    for n in (256, 257):
        add("limit-attributes-%d" % n, model(graph([node("Odd", ["x"], ["y"], attrs=b"".join(
            a_int("a%d" % i, i) for i in range(n)))], X23, Y23)))
    for n in (10000, 10001):
        add("limit-symbols-%d" % n, model(graph([node("Relu", ["x0"], ["y"])], [
            info("x%d" % i, [None] * 10) for i in range(n // 10)] + [info("z", [None] * (n % 10))],
            [info("y", None)])))
    bomb = [function("f%d" % i, ["x"], ["y"], [
        node("f%d" % (i + 1), ["x"], ["m"], "", "local"),
        node("f%d" % (i + 1), ["m"], ["y"], "", "local")]) for i in range(40)]
    bomb += [function("f40", ["x"], ["y"], [node("Relu", ["x"], ["y"])])]
    add("limit-function-bomb", calls([node("f0", ["x"], ["y"], "", "local")], bomb))
    add("limit-empty-nodes", model(graph([b""] * 200000)))
    add("limit-name", model(graph([node("Relu", ["x"], ["n" * (1 << 20)])], X23)))
    add("limit-name-longer", model(graph([node("Relu", ["x"], ["n" * ((1 << 20) + 1)])], X23)))


def main(folder):
    os.makedirs(folder)

    def add(name, blob, beside=None, special=False):
        place = os.path.join(folder, name)
        os.makedirs(place)
        with open(os.path.join(place, "model.onnx"), "wb") as f:
            f.write(blob)
        for path, content in (beside or {}).items():
            os.makedirs(os.path.dirname(os.path.join(place, path)), exist_ok=True)
            with open(os.path.join(place, path), "wb") as f:
                f.write(content)
        if special:
            os.symlink("w.bin", os.path.join(place, "link.bin"))
            os.mkfifo(os.path.join(place, "pipe"))
    for cases in (good_models, function_models, warned_models, bad_models, side_file_models,
                  limit_models):
        cases(add)


if __name__ == "__main__":
    main(sys.argv[1])
