#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes malformed (and some valid) model files for testing a parser of untrusted files.

    python3 make_bad_inputs.py FOLDER [--seed N]

FOLDER/manifest.json lists every case: file, open (the path to give to the tool), format,
class, expectation, note, ref, bytes, sha256, beside.  Expectations: "ok", "ok-with-warning", "error", "not-silent"
(refusal or warning, both fine) and "any" (random damage: every clean outcome is fine).
The manifest also states the contract that holds for every file, whatever the outcome:
no crash, bounded time and memory, nothing read outside the folder of the model, no
control bytes passed to the terminal.

Formats: onnx, gguf, safetensors, config (HF config.json), hlo (text), and a few pt2
archives and result stores.  Only the standard library is used; all binary formats are
written by hand below.  The same seed gives the same bytes.
"""

import argparse
import hashlib
import io
import json
import os
import random
import struct
import sys
import zipfile

# ======================================================================
# Part 1. The writer: where files go and what the manifest says of each.
# ======================================================================

OK = "ok"                       # valid: must be accepted, no warning asked for
WARN = "ok-with-warning"        # a result is printed, and a warning names the problem
ERROR = "error"                 # refused: one clear message, non-zero exit, no result
NOT_SILENT = "not-silent"       # ERROR or WARN are both fine; silence is not
ANY = "any"                     # every clean outcome is fine (random damage)

EXTENSION = {"onnx": ".onnx", "gguf": ".gguf", "safetensors": ".safetensors",
             "config": ".json", "hlo": ".hlo", "pt2": ".pt2", "store": ".sqlite"}


class Corpus:
    """Collects the files of one corpus below one folder and its manifest."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.seed = seed
        self.entries = []
        self.seen = set()
        os.makedirs(folder, exist_ok=True)

    def write(self, path, data):
        full = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)

    def add(self, fmt, cls, name, data, expectation, note, ref="", beside=None, links=None, opens=None):
        """One case.  `beside` = {file name: bytes} written next to the model,
        `links` = [(kind, file name, target)] with kind symlink, hardlink, fifo or dir.
        A case with company gets a folder of its own; `opens` names the file of it that
        is given to the tool when that is not the model."""
        if isinstance(data, str):
            data = data.encode("utf-8")
        stem = cls + "." + name if name else cls
        key = (fmt, stem)
        if key in self.seen:
            raise SystemExit("two cases are called %s/%s" % key)
        self.seen.add(key)
        ext = EXTENSION[fmt]
        if beside or links:
            base = fmt + "/" + stem
            path = base + ("/config.json" if fmt == "config" else "/model" + ext)
        elif fmt == "config":
            base = fmt + "/" + stem
            path = base + "/config.json"
        else:
            base = fmt
            path = fmt + "/" + stem + ext
        self.write(path, data)
        company = []
        for fname, blob in (beside or {}).items():
            self.write(base + "/" + fname, blob)
            company.append(fname)
        for kind, fname, target in (links or []):
            full = os.path.join(self.folder, base, fname)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if os.path.lexists(full):
                os.remove(full)
            try:
                if kind == "symlink":
                    os.symlink(target, full)
                elif kind == "hardlink":
                    os.link(os.path.join(self.folder, target), full)
                elif kind == "fifo":
                    os.mkfifo(full)
                elif kind == "dir":
                    os.mkdir(full)
            except OSError as e:
                print("skipped %s in %s: %s" % (kind, path, e), file=sys.stderr)
                continue
            company.append("%s (%s)" % (fname, kind))
        self.entries.append({
            "file": path, "open": base + "/" + opens if opens else path, "format": fmt, "class": cls, "expectation": expectation,
            "note": note, "ref": ref, "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(), "beside": company})

    def finish(self, generator):
        count = {}
        for e in self.entries:
            k = e["format"] + " " + e["expectation"]
            count[k] = count.get(k, 0) + 1
        manifest = {
            "generator": generator, "seed": self.seed,
            "canary": CANARY.decode(),
            "contract": [
                "never ended by a signal, sanitizer report or failed assertion",
                "at most 10 s of wall time and 256 MiB + 4 x file size of memory",
                "opens no file outside the folder of the model; the canary text never appears in any output",
                "prints no raw control byte (other than newline and tab) taken from the file",
                "error: non-zero exit, no result, one message with file name and byte offset or JSON/text position",
                "ok-with-warning: exit 0, a result, and a warning; a machine-readable report carries it too"],
            "expectations": {
                OK: "valid file", WARN: "result and warning", ERROR: "refusal",
                NOT_SILENT: "refusal or result with warning", ANY: "only the contract applies"},
            "counts": count, "files": self.entries}
        with open(os.path.join(self.folder, "manifest.json"), "w") as f:
            json.dump(manifest, f, indent=1, ensure_ascii=True)
        print("%d files in %s" % (len(self.entries), self.folder))
        for k in sorted(count):
            print("  %-32s %5d" % (k, count[k]))


CANARY = b"CANARY-5f2a-THIS-TEXT-LIES-OUTSIDE-THE-MODEL-FOLDER"
HTML = "<img src=x onerror=alert(1)><script>alert(2)</script>"
ESC = "\x1b]0;owned\x07\x1b[2J\x1b[31mred"
LFS = (b"version https://git-lfs.github.com/spec/v1\n"
       b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 17432\n")


def truncations(corpus, fmt, data, offsets, what, fine=()):
    """One file for every offset: the valid file cut there.
    `fine` = offsets where the remaining bytes are still a valid (other) file."""
    for n in sorted(set(offsets)):
        if 0 <= n < len(data):
            want = NOT_SILENT if n in fine else ERROR
            corpus.add(fmt, "truncated", "%s-%05d" % (what, n), data[:n], want,
                       "%s cut after byte %d of %d" % (what, n, len(data)))


def flips(corpus, fmt, data, how_many, seed, what):
    """Random damage with a fixed seed: one to four bytes replaced, a bit flipped,
    a run removed or repeated."""
    rng = random.Random("%s-%s-%d" % (fmt, what, seed))
    made = set()
    i = 0
    while i < how_many:
        b = bytearray(data)
        kind = rng.randrange(6)
        if kind <= 1:
            p = rng.randrange(len(b))
            b[p] ^= 1 << rng.randrange(8)
            did = "bit flipped at %d" % p
        elif kind <= 3:
            k = rng.randrange(1, 5)
            ps = [rng.randrange(len(b)) for _ in range(k)]
            for p in ps:
                b[p] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
            did = "bytes replaced at %s" % sorted(ps)
        elif kind == 4:
            p = rng.randrange(len(b))
            k = rng.randrange(1, 17)
            del b[p:p + k]
            did = "%d bytes removed at %d" % (k, p)
        else:
            p = rng.randrange(len(b))
            k = rng.randrange(1, 17)
            b[p:p] = b[p:p + k]
            did = "%d bytes repeated at %d" % (k, p)
        b = bytes(b)
        if b in made or b == data:
            continue
        made.add(b)
        corpus.add(fmt, "flipped", "%s-%03d" % (what, i), b, ANY, did)
        i += 1


# ======================================================================
# Part 2. ONNX: a hand-made protobuf encoder.
# ======================================================================

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def tag(field, wire):
    return varint(field << 3 | wire)


def vi(field, n):
    """A varint field (int64, int32, enum)."""
    return tag(field, 0) + varint(n)


def ld(field, data):
    """A length-delimited field (string, bytes, message, packed)."""
    if isinstance(data, str):
        data = data.encode("utf-8")
    return tag(field, 2) + varint(len(data)) + data


def f32(field, x):
    return tag(field, 5) + struct.pack("<f", x)


FLOAT, INT64 = 1, 7
A_FLOAT, A_INT, A_STRING, A_TENSOR, A_GRAPH, A_INTS = 1, 2, 3, 4, 5, 7


def a_int(name, n):
    return ld(1, name) + vi(3, n) + vi(20, A_INT)


def a_ints(name, ns):
    return ld(1, name) + b"".join(vi(8, n) for n in ns) + vi(20, A_INTS)


def a_float(name, x):
    return ld(1, name) + f32(2, x) + vi(20, A_FLOAT)


def a_string(name, s):
    return ld(1, name) + ld(4, s) + vi(20, A_STRING)


def a_tensor(name, t):
    return ld(1, name) + ld(5, t) + vi(20, A_TENSOR)


def a_graph(name, g):
    return ld(1, name) + ld(6, g) + vi(20, A_GRAPH)


def node(op, ins, outs, name="", attrs=(), domain=""):
    b = b"".join(ld(1, x) for x in ins) + b"".join(ld(2, x) for x in outs)
    if name:
        b += ld(3, name)
    b += ld(4, op)
    b += b"".join(ld(5, a) for a in attrs)
    if domain:
        b += ld(7, domain)
    return b


def dims_of(shape):
    b = b""
    for d in shape:
        b += ld(1, ld(2, d) if isinstance(d, str) else vi(1, d))
    return b


def tensor_type(elem, shape):
    return ld(1, vi(1, elem) + ld(2, dims_of(shape)))


def value(name, shape, elem=FLOAT):
    return ld(1, name) + ld(2, tensor_type(elem, shape))


def tensor(name, shape, elem=FLOAT, raw=None, extra=b""):
    b = b"".join(vi(1, d) for d in shape) + vi(2, elem) + ld(8, name)
    if raw is not None:
        b += ld(9, raw)
    return b + extra


def weights(n, start=1):
    return b"".join(struct.pack("<f", ((i * 37 + start) % 19 - 9) / 16.0) for i in range(n))


def ints64(ns):
    return b"".join(struct.pack("<q", n) for n in ns)


def external(location, offset=None, length=None, more=()):
    b = b""
    for k, v in [("location", location), ("offset", offset), ("length", length)] + list(more):
        if v is not None:
            b += ld(13, ld(1, k) + ld(2, v if isinstance(v, (str, bytes)) else str(v)))
    return b + vi(14, 1)


def graph(nodes, inputs=(), outputs=(), inits=(), name="g", infos=(), extra=b""):
    return (b"".join(ld(1, n) for n in nodes) + ld(2, name)
            + b"".join(ld(5, t) for t in inits)
            + b"".join(ld(11, v) for v in inputs) + b"".join(ld(12, v) for v in outputs)
            + b"".join(ld(13, v) for v in infos) + extra)


def opset(version=17, domain=""):
    return (ld(1, domain) if domain else b"") + vi(2, version)


def model(g, opsets=(opset(),), ir=8, extra=b"", producer="hand"):
    return (vi(1, ir) + ld(2, producer) + ld(7, g)
            + b"".join(ld(8, o) for o in opsets) + extra)


def wire_offsets(data, path=()):
    """Every offset of a valid ONNX file where a tag, a length or a value begins
    or ends, at every message level that this file really nests."""
    nested = {(): {7, 8}, (7,): {1, 5, 11, 12, 13}, (7, 1): {5}, (7, 5): set(), (8,): set(),
              (7, 11): {2}, (7, 12): {2}, (7, 13): {2}, (7, 11, 2): {1}, (7, 12, 2): {1},
              (7, 11, 2, 1): {2}, (7, 12, 2, 1): {2}, (7, 11, 2, 1, 2): {1}, (7, 1, 5): {5, 6},
              (7, 1, 5, 6): {1, 5, 11, 12}}
    found, i = set(), 0
    while i < len(data):
        found.add(i)
        t, j = 0, 0
        while True:
            c = data[i]
            t |= (c & 0x7F) << j
            i, j = i + 1, j + 7
            if c < 0x80:
                break
        found.add(i)
        if t & 7 == 0:
            while data[i] >= 0x80:
                i += 1
            i += 1
        elif t & 7 == 5:
            i += 4
        elif t & 7 == 1:
            i += 8
        else:
            n, j = 0, 0
            while True:
                c = data[i]
                n |= (c & 0x7F) << j
                i, j = i + 1, j + 7
                if c < 0x80:
                    break
            found.add(i)
            if (t >> 3) in nested.get(path, ()):
                inner = wire_offsets(data[i:i + n], path + (t >> 3,))
                found |= {i + k for k in inner}
            elif n > 2:
                found.add(i + n // 2)
            i += n
        found.add(i)
    return found


# ======================================================================
# Part 3. GGUF: a hand-made writer.
# ======================================================================

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
SCALAR = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f",
          BOOL: "<B", U64: "<Q", I64: "<q", F64: "<d"}


def u32(n):
    return struct.pack("<I", n & 0xFFFFFFFF)


def u64(n):
    return struct.pack("<Q", n & (1 << 64) - 1)


def gstr(s):
    if isinstance(s, str):
        s = s.encode("utf-8")
    return u64(len(s)) + s


def gval(kind, v):
    if kind == STR:
        return gstr(v)
    if kind == ARR:
        sub, items = v
        return u32(sub) + u64(len(items)) + b"".join(gval(sub, x) for x in items)
    return struct.pack(SCALAR[kind], v)


def kv(key, kind, v):
    return gstr(key) + u32(kind) + gval(kind, v)


def ginfo(name, dims, kind, offset, n_dims=None):
    return (gstr(name) + u32(len(dims) if n_dims is None else n_dims)
            + b"".join(u64(d) for d in dims) + u32(kind) + u64(offset))


def gguf(kvs, infos, data=b"", version=3, n_tensors=None, n_kv=None, magic=b"GGUF",
         align=32, marks=None):
    """`marks`, when a set is given, receives the structural offsets."""
    b = magic + u32(version) + u64(len(infos) if n_tensors is None else n_tensors)
    b += u64(len(kvs) if n_kv is None else n_kv)
    here = marks if marks is not None else set()
    here.update({0, 1, 4, 6, 8, 12, 16, 20, 24})
    for k in kvs:
        n = struct.unpack("<Q", k[:8])[0]
        here.update({len(b), len(b) + 4, len(b) + 8, len(b) + 8 + n // 2, len(b) + 8 + n,
                     len(b) + 12 + n, len(b) + len(k) - 1})
        b += k
    for t in infos:
        n = struct.unpack("<Q", t[:8])[0]
        here.update({len(b), len(b) + 8, len(b) + 8 + n, len(b) + 12 + n, len(b) + 20 + n,
                     len(b) + len(t) - 12, len(b) + len(t) - 8, len(b) + len(t) - 4})
        b += t
    here.add(len(b))
    if infos:
        b += b"\0" * (-len(b) % align)
        here.add(len(b))
    here.update({len(b) + len(data) // 2, len(b) + len(data) - 1})
    return b + data


def llama_kv(**change):
    """The keys of a tiny llama; change={key: (kind, value)} or None to drop one."""
    base = {
        "general.architecture": (STR, "llama"), "general.name": (STR, "tiny"),
        "llama.block_count": (U32, 1), "llama.context_length": (U32, 64),
        "llama.embedding_length": (U32, 32), "llama.feed_forward_length": (U32, 64),
        "llama.attention.head_count": (U32, 4), "llama.attention.head_count_kv": (U32, 2),
        "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
        "llama.rope.dimension_count": (U32, 8), "llama.vocab_size": (U32, 8),
        "tokenizer.ggml.model": (STR, "llama"),
        "tokenizer.ggml.tokens": (ARR, (STR, ["<unk>", "<s>", "</s>", "a", "b", "c", "d", "e"])),
        "tokenizer.ggml.scores": (ARR, (F32, [0.0] * 8)),
        "tokenizer.ggml.token_type": (ARR, (I32, [2, 3, 3, 1, 1, 1, 1, 1]))}
    for k, v in change.items():
        k = k.replace("__", ".")
        if v is None:
            base.pop(k, None)
        else:
            base[k] = v
    return [kv(k, t, v) for k, (t, v) in base.items()]


LLAMA_TENSORS = [("token_embd.weight", [32, 8]), ("output_norm.weight", [32]),
                 ("output.weight", [32, 8]), ("blk.0.attn_norm.weight", [32]),
                 ("blk.0.attn_q.weight", [32, 32]), ("blk.0.attn_k.weight", [32, 16]),
                 ("blk.0.attn_v.weight", [32, 16]), ("blk.0.attn_output.weight", [32, 32]),
                 ("blk.0.ffn_norm.weight", [32]), ("blk.0.ffn_gate.weight", [32, 64]),
                 ("blk.0.ffn_up.weight", [32, 64]), ("blk.0.ffn_down.weight", [64, 32])]


def llama_infos(q8=("blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.0.ffn_down.weight"), align=32):
    infos, at = [], 0
    for name, dims in LLAMA_TENSORS:
        n = 1
        for d in dims:
            n *= d
        kind, size = (8, n // 32 * 34) if name in q8 else (0, n * 4)
        infos.append(ginfo(name, dims, kind, at))
        at += size + -size % align
    return infos, bytes(i * 7 & 0x3F for i in range(at))


def llama(marks=None, **change):
    infos, data = llama_infos()
    return gguf(llama_kv(**change), infos, data, marks=marks)


def one_tensor(info, data=b"\0" * 4096, **change):
    """A small GGUF of one tensor, the one in question."""
    return gguf(llama_kv(**change), [info], data)


# ======================================================================
# Part 4. safetensors.
# ======================================================================

def st(header, data=b"", size=None):
    if not isinstance(header, (bytes, bytearray)):
        header = (header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))).encode("utf-8")
    return struct.pack("<Q", len(header) if size is None else size & (1 << 64) - 1) + bytes(header) + data


def entry(dtype="F32", shape=(2, 2), begin=0, end=16):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def text_offsets(text, marks):
    """Offsets of a text just before and after each of the given characters."""
    found = {0, 1}
    for i, c in enumerate(text):
        if c in marks:
            found |= {i, i + 1}
    return found


# ======================================================================
# Part 5. The valid files that everything else is a damaged form of.
# ======================================================================

def conv_model(nodes=None, conv=None, x=(1, 3, 8, 8), w=(4, 3, 3, 3), inits=None, g_extra=b"",
               outputs=None, inputs=None, tail=True, infos=(), **kw):
    """X -> Conv -> Relu -> GlobalAveragePool -> Flatten -> Gemm -> Y."""
    n_w = 1
    for d in w:
        n_w *= d
    if conv is None:
        conv = [a_ints("kernel_shape", [3, 3]), a_ints("pads", [1, 1, 1, 1]),
                a_ints("strides", [1, 1]), a_int("group", 1)]
    if nodes is None:
        nodes = [node("Conv", ["X", "W", "B"], ["c"], "conv1", conv)]
        if tail:
            nodes += [node("Relu", ["c"], ["r"], "relu1"),
                      node("GlobalAveragePool", ["r"], ["p"], "pool1"),
                      node("Flatten", ["p"], ["f"], "flat1", [a_int("axis", 1)]),
                      node("Gemm", ["f", "W2", "B2"], ["Y"], "fc1", [a_int("transB", 1)])]
    if inits is None:
        inits = [tensor("W", w, raw=weights(n_w)), tensor("B", [4], raw=weights(4)),
                 tensor("W2", [10, 4], raw=weights(40)), tensor("B2", [10], raw=weights(10))]
    if outputs is None:
        outputs = [value("Y", [1, 10])] if tail else [value("c", ["n", 4, "h", "w"])]
    if inputs is None:
        inputs = [value("X", x)]
    return model(graph(nodes, inputs, outputs, inits, extra=g_extra, infos=infos), **kw)


def one_op(op, in_shapes, out_rank=2, attrs=(), inits=(), elem=FLOAT, domain="", n_out=1, **kw):
    """A model of one node whose inputs have these shapes."""
    names = ["x%d" % i for i in range(len(in_shapes))]
    extra = [t for _, t in inits]
    outs = ["y%d" % i for i in range(n_out)]
    g = graph([node(op, names + [n for n, _ in inits], outs, "n0", attrs, domain)],
              [value(n, s, elem) for n, s in zip(names, in_shapes)],
              [value(o, ["d%d_%d" % (j, i) for i in range(out_rank)], elem) for j, o in enumerate(outs)], extra)
    return model(g, **kw)


HLO = """HloModule tiny, entry_computation_layout={(f32[4,8]{1,0}, f32[8,16]{1,0})->f32[4]{0}}

add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT s = f32[] add(a, b)
}

ENTRY main {
  x = f32[4,8]{1,0} parameter(0)
  w = f32[8,16]{1,0} parameter(1)
  d = f32[4,16]{1,0} dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  zero = f32[] constant(0)
  zeros = f32[4,16]{1,0} broadcast(zero), dimensions={}
  r = f32[4,16]{1,0} maximum(d, zeros), metadata={op_type="relu" op_name="layer/relu" source_file="m.py" source_line=3}
  ROOT sum = f32[4]{0} reduce(r, zero), dimensions={1}, to_apply=add
}
"""


def hlo(body, head="HloModule t", more=""):
    """A module with one ENTRY computation of these lines."""
    return head + "\n" + more + "\nENTRY main {\n  " + "\n  ".join(body) + "\n}\n"


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "tie_word_embeddings": False,
    "hidden_act": "silu", "torch_dtype": "bfloat16"}


def config(**change):
    c = dict(CONFIG)
    for k, v in change.items():
        if v is None:
            c.pop(k, None)
        else:
            c[k] = v
    return json.dumps(c, indent=2)


def raw_config(key, text):
    """The valid config with the value of one key written as this very text."""
    lines = []
    for k, v in CONFIG.items():
        lines.append('  "%s": %s' % (k, text if k == key else json.dumps(v)))
    if key not in CONFIG:
        lines.append('  "%s": %s' % (key, text))
    return "{\n" + ",\n".join(lines) + "\n}\n"


ST_VALID = st({"__metadata__": {"format": "pt"}, "a.weight": entry("F32", (2, 2), 0, 16),
               "a.bias": entry("F16", (3,), 16, 22), "b": entry("I64", (), 22, 30),
               "none": entry("F32", (0, 5), 30, 30)}, bytes(range(30)))


# ======================================================================
# Part 6. ONNX cases.
# ======================================================================

def onnx_cases(c):
    valid = conv_model()

    def add(cls, name, data, want, note, ref="", **kw):
        c.add("onnx", cls, name, data, want, note, ref, **kw)

    # -- valid ones: a tool that refuses these fails too
    add("valid", "conv", valid, OK, "small convolutional model")
    add("valid", "dynamic-batch", conv_model(x=("N", 3, 8, 8), outputs=[value("Y", ["N", 10])]), OK, "symbolic batch")
    add("valid", "unknown-fields", vi(1, 8) + ld(2047, b"future") + ld(7, graph(
        [node("Relu", ["x"], ["y"]) + ld(900, b"\1\2") + vi(901, 3)], [value("x", [2])], [value("y", [2])],
        extra=tag(902, 1) + b"\0" * 8 + f32(903, 1.0))) + ld(8, opset()), OK, "unknown fields of every wire type are skipped")
    add("valid", "packed-dims", model(graph([node("Add", ["x", "w"], ["y"])], [value("x", [2, 2])], [value("y", [2, 2])],
        [ld(1, varint(2) + varint(2)) + vi(2, 1) + ld(8, "w") + ld(9, b"\0" * 16)])), OK,
        "repeated int64 written packed although the schema says unpacked: parsers must take both")
    add("valid", "long-varint", tag(1, 0) + b"\x88\x80\x80\x80\x00" + valid[2:], OK, "varint of 8 padded to five bytes is legal")
    add("valid", "external", conv_model(inits=[tensor("W", [4, 3, 3, 3], extra=external("weights.bin", 0, 432)),
        tensor("B", [4], extra=external("weights.bin", 432, 16)), tensor("W2", [10, 4], raw=weights(40)),
        tensor("B2", [10], raw=weights(10))]), OK, "external data in one side file", beside={"weights.bin": weights(112)})

    truncations(c, "onnx", valid, wire_offsets(valid), "conv")
    flips(c, "onnx", valid, 200, c.seed, "conv")

    # -- not an ONNX file at all
    add("not-a-model", "empty", b"", ERROR, "0 bytes is a valid empty protobuf message: still no model")
    add("not-a-model", "lfs-pointer", LFS, ERROR, "git-lfs pointer instead of the file; the message should say so", "18% of failures in a scan of 2,500 hub repositories")
    add("not-a-model", "html", b"<!DOCTYPE html><html><head><title>404</title></head></html>", ERROR, "saved error page")
    add("not-a-model", "zeros", b"\0" * 4096, ERROR, "field number 0")
    add("not-a-model", "text", b"the quick brown fox jumps over the lazy dog\n" * 8, ERROR, "plain text")

    # -- wire format
    add("wire-varint-too-long", "11-bytes", tag(1, 0) + b"\x80" * 10 + b"\x01" + valid[2:], ERROR, "varint of 11 bytes")
    add("wire-varint-too-long", "endless", tag(1, 0) + b"\xff" * 300, ERROR, "varint that never ends")
    add("wire-varint-too-long", "tenth-byte", tag(1, 0) + b"\xff" * 9 + b"\x7f" + valid[2:], NOT_SILENT, "tenth byte carries bits beyond 64: most parsers drop them, none may be confused")
    add("wire-field-zero", "", b"\x00\x01" + valid, ERROR, "field number 0 is illegal")
    add("wire-reserved-type", "6", tag(30, 6) + valid, ERROR, "wire type 6")
    add("wire-reserved-type", "7", tag(30, 7) + valid, ERROR, "wire type 7")
    add("wire-group", "end-without-start", valid + tag(40, 4), ERROR, "end-group without start-group")
    add("wire-group", "deep-100000", valid + tag(40, 3) * 100000 + tag(40, 4) * 100000, ERROR, "100,000 nested unknown groups", "CVE-2024-7254")
    for n, what in [(1 << 31, "2g"), ((1 << 63) - 1, "max-int64"), ((1 << 64) - 1, "minus-1"), (len(valid) * 2, "past-end"), ((1 << 64) - 8, "wraps")]:
        add("wire-length", what, vi(1, 8) + tag(7, 2) + varint(n) + valid[20:], ERROR, "graph says it is %d bytes long" % n)
    add("wire-length", "inner-past-outer", vi(1, 8) + ld(7, tag(1, 2) + varint(500) + b"\x22\x04Relu") + ld(8, opset()) + b" " * 0, ERROR, "node longer than the graph that holds it")
    add("wire-type-mismatch", "graph-as-varint", vi(1, 8) + vi(7, 5) + ld(8, opset()), ERROR, "the graph field is an integer: an unknown field, hence no graph")
    add("wire-duplicate", "graph-twice", vi(1, 8) + ld(7, graph([node("Relu", ["x"], ["y"])], [value("x", [2])], [value("y", [2])])) * 2 + ld(8, opset()),
        NOT_SILENT, "the same singular message twice: protobuf merges, other readers keep the last (two tools see two models)")
    add("wire-packed", "float-data-6-bytes", conv_model(inits=[vi(1, 4) + vi(2, 1) + ld(4, b"\0" * 6) + ld(8, "B"), tensor("W", [4, 3, 3, 3], raw=weights(108)),
        tensor("W2", [10, 4], raw=weights(40)), tensor("B2", [10], raw=weights(10))]), ERROR, "packed floats whose length is no multiple of 4")
    add("wire-amplification", "million-empty-nodes", vi(1, 8) + ld(7, ld(1, b"") * 1000000) + ld(8, opset()), ERROR,
        "2 MB of empty nodes: memory must stay in proportion", "class of CVE-2026-55407")
    add("wire-amplification", "million-empty-dims", model(graph([node("Relu", ["x"], ["y"])], [ld(1, "x") + ld(2, ld(1, vi(1, 1) + ld(2, ld(1, b"") * 1000000)))], [value("y", [2])])),
        NOT_SILENT, "tensor of rank 1,000,000")

    deep = b""
    for _ in range(3000):
        deep = node("If", ["c"], ["o"], attrs=[a_graph("then_branch", ld(1, deep) if deep else b"")])
    add("nest-subgraph", "3000", model(ld(1, deep)), ERROR, "If inside If, 3000 levels", "protobuf stops at 100 levels")
    t = tensor_type(1, [2])
    for _ in range(5000):
        t = ld(4, ld(1, t))
    add("nest-type", "sequence-5000", model(graph([node("Identity", ["x"], ["y"])], [ld(1, "x") + ld(2, t)], [ld(1, "y") + ld(2, t)])), ERROR, "sequence of sequence of ... 5000 levels")

    # -- model level
    add("model-no-graph", "", vi(1, 8) + ld(8, opset()), ERROR, "no graph")
    add("model-no-opset", "", model(graph([node("Relu", ["x"], ["y"])], [value("x", [2])], [value("y", [2])]), opsets=()), ERROR, "no opset_import: the meaning of every operator is open")
    add("model-ir-version", "zero", conv_model(ir=0), NOT_SILENT, "ir_version 0")
    add("model-ir-version", "negative", conv_model(ir=-1), NOT_SILENT, "ir_version -1")
    add("model-ir-version", "future", conv_model(ir=1 << 40), NOT_SILENT, "ir_version 2^40")
    add("model-opset", "future", conv_model(opsets=[opset(9999)]), NOT_SILENT, "opset 9999: operators may mean something else")
    add("model-opset", "twice", conv_model(opsets=[opset(17), opset(7)]), NOT_SILENT, "the default domain imported twice with two versions")
    add("op-unknown", "domain", one_op("Frobnicate", [[2, 3]], domain="com.example.x", opsets=[opset(), opset(1, "com.example.x")]), WARN, "operator of an unknown domain: count the rest, name this one")
    add("op-unknown", "default-domain", one_op("Frobnicate", [[2, 3]]), NOT_SILENT, "operator that no ONNX version has")
    add("op-empty-type", "", one_op("", [[2, 3]]), ERROR, "empty op_type")

    # -- graph level
    add("graph-cycle", "two-nodes", model(graph([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"])], [value("x", [2])], [value("b", [2])])), ERROR, "a needs b needs a")
    add("graph-cycle", "self-loop", model(graph([node("Add", ["x", "a"], ["a"])], [value("x", [2])], [value("a", [2])])), ERROR, "node reads its own output")
    add("graph-dangling-input", "", model(graph([node("Add", ["x", "nowhere"], ["y"])], [value("x", [2])], [value("y", [2])])), ERROR, "input that nothing produces")
    add("graph-duplicate-output", "", model(graph([node("Relu", ["x"], ["y"]), node("Sigmoid", ["x"], ["y"])], [value("x", [2])], [value("y", [2])])), ERROR, "two nodes write y (single assignment)")
    add("graph-missing-output", "", model(graph([node("Relu", ["x"], ["z"])], [value("x", [2])], [value("y", [2])])), ERROR, "graph output that nothing produces")
    add("graph-unsorted", "", model(graph([node("Relu", ["a"], ["y"]), node("Sigmoid", ["x"], ["a"])], [value("x", [2])], [value("y", [2])])), NOT_SILENT, "nodes not in topological order (the standard demands it)")
    add("graph-initializer-shape", "", conv_model(inputs=[value("X", [1, 3, 8, 8]), value("W", [9, 9])]), NOT_SILENT, "initializer W is 4x3x3x3, the input of the same name 9x9")
    add("graph-initializer-twice", "", conv_model(inits=[tensor("W", [4, 3, 3, 3], raw=weights(108)), tensor("W", [4, 3, 3, 3], raw=weights(108, 2)),
        tensor("B", [4], raw=weights(4)), tensor("W2", [10, 4], raw=weights(40)), tensor("B2", [10], raw=weights(10))]), NOT_SILENT, "two initializers of one name")
    add("subgraph-missing-branch", "", model(graph([node("If", ["c"], ["y"], attrs=[a_graph("then_branch", graph([node("Relu", ["x"], ["t"])], [], [value("t", [2])]))])],
        [value("c", [], 9), value("x", [2])], [value("y", [2])])), NOT_SILENT, "If without else_branch")
    add("attr-type", "ints-say-int", conv_model(conv=[ld(1, "kernel_shape") + vi(8, 3) + vi(8, 3) + vi(20, A_INT)]), NOT_SILENT, "attribute type says INT, the data is INTS")
    add("attr-type", "99", conv_model(conv=[ld(1, "kernel_shape") + vi(8, 3) + vi(8, 3) + vi(20, 99)]), NOT_SILENT, "attribute type 99")

    # -- model-local functions
    def fun(name, nodes):
        return ld(25, ld(1, name) + ld(4, "x") + ld(5, "y") + b"".join(ld(7, n) for n in nodes)
                  + ld(9, opset()) + ld(9, opset(1, "local")) + ld(10, "local"))

    def fun_model(funs):
        return model(graph([node("f0", ["x"], ["y"], domain="local")], [value("x", [2, 2])], [value("y", [2, 2])]),
                     opsets=[opset(), opset(1, "local")], extra=b"".join(funs))
    add("function-recursion", "self", fun_model([fun("f0", [node("f0", ["x"], ["y"], domain="local")])]), ERROR, "function calls itself", "onnxruntime PR 28187")
    add("function-bomb", "2^40", fun_model([fun("f%d" % i, [node("f%d" % (i + 1), ["x"], ["m"], domain="local"), node("f%d" % (i + 1), ["m"], ["y"], domain="local")]) for i in range(40)]
        + [fun("f40", [node("Relu", ["x"], ["y"])])]), NOT_SILENT, "40 functions, each calls the next one twice: 2^40 nodes if inlined")

    # -- shapes and operator attributes
    add("shape-negative", "minus-5", conv_model(x=(1, 3, -5, 8)), NOT_SILENT, "input dimension -5")
    add("shape-overflow", "product-2^66", conv_model(x=(1 << 22, 3, 1 << 22, 1 << 22)), NOT_SILENT, "element count beyond 64 bits must not be printed wrapped")
    add("shape-overflow", "wraps-to-small", one_op("Relu", [[4194305, 4194305, 211106198978564]], 3), NOT_SILENT, "product wraps to 4 in 64 bits", "llama.cpp issue 25378")
    add("shape-overflow", "max-int64", one_op("MatMul", [[(1 << 63) - 1, 2], [2, (1 << 63) - 1]]), NOT_SILENT, "MACs of about 2^127")
    add("shape-zero", "", conv_model(x=(0, 3, 8, 8), outputs=[value("Y", [0, 10])]), WARN, "batch 0 is legal: a count of 0, and no division by it")
    add("attr-divisor-zero", "stride", conv_model(conv=[a_ints("kernel_shape", [3, 3]), a_ints("strides", [0, 1])]), ERROR, "Conv stride 0", "class of TFLite CVE-2021-29587")
    add("attr-divisor-zero", "group", conv_model(conv=[a_ints("kernel_shape", [3, 3]), a_int("group", 0)]), ERROR, "Conv group 0")
    add("attr-negative", "kernel", conv_model(conv=[a_ints("kernel_shape", [-3, 3])]), ERROR, "kernel of -3")
    add("attr-huge", "dilation", conv_model(conv=[a_ints("kernel_shape", [3, 3]), a_ints("dilations", [1 << 62, 1 << 62])]), ERROR, "dilation x kernel overflows")
    add("attr-huge", "pads", conv_model(conv=[a_ints("kernel_shape", [3, 3]), a_ints("pads", [1 << 62] * 4)]), NOT_SILENT, "pads 2^62 on both sides overflow")
    add("attr-length", "pads-3", conv_model(conv=[a_ints("kernel_shape", [3, 3]), a_ints("pads", [1, 1, 1])]), ERROR, "three pads for two axes")
    add("attr-kernel-vs-weights", "", conv_model(conv=[a_ints("kernel_shape", [5, 5])]), ERROR, "kernel_shape 5x5, weights 3x3")
    add("shape-mismatch", "conv-channels", conv_model(x=(1, 7, 8, 8)), ERROR, "7 input channels, weights for 3")
    add("shape-mismatch", "kernel-larger-than-input", conv_model(x=(1, 3, 1, 1), conv=[a_ints("kernel_shape", [3, 3])], tail=False), ERROR, "output size is negative")
    add("shape-mismatch", "reshape", one_op("Reshape", [[2, 3]], inits=[("s", tensor("s", [2], INT64, raw=ints64([4, 4])))]), ERROR, "6 elements into 16")
    add("shape-mismatch", "reshape-two-minus-1", one_op("Reshape", [[2, 3]], inits=[("s", tensor("s", [2], INT64, raw=ints64([-1, -1])))]), ERROR, "two -1")
    add("attr-axis", "transpose", one_op("Transpose", [[2, 3]], attrs=[a_ints("perm", [0, 5])]), ERROR, "perm out of range")
    add("attr-axis", "transpose-twice", one_op("Transpose", [[2, 3]], attrs=[a_ints("perm", [1, 1])]), ERROR, "perm names an axis twice")
    add("attr-axis", "concat", one_op("Concat", [[2, 3], [2, 3]], attrs=[a_int("axis", 7)]), ERROR, "axis 7 of rank 2")
    add("fold-bomb", "constant-of-shape", model(graph([node("ConstantOfShape", ["s"], ["y"])], [], [value("y", ["a", "b", "c"])], [tensor("s", [3], INT64, raw=ints64([1 << 20] * 3))])), NOT_SILENT,
        "2^60 elements if folded: only the size may be computed")
    add("fold-bomb", "range", model(graph([node("Range", ["a", "b", "d"], ["y"])], [], [value("y", ["n"], INT64)], [tensor("a", [], INT64, raw=ints64([0])), tensor("b", [], INT64, raw=ints64([1 << 62])), tensor("d", [], INT64, raw=ints64([1]))])),
        NOT_SILENT, "Range(0, 2^62, 1)")
    add("fold-bomb", "range-step-0", model(graph([node("Range", ["a", "b", "d"], ["y"])], [], [value("y", ["n"], INT64)], [tensor("a", [], INT64, raw=ints64([0])), tensor("b", [], INT64, raw=ints64([10])), tensor("d", [], INT64, raw=ints64([0]))])),
        ERROR, "Range with step 0")

    # -- tensors
    def with_b(t):
        return conv_model(inits=[t, tensor("W", [4, 3, 3, 3], raw=weights(108)), tensor("W2", [10, 4], raw=weights(40)), tensor("B2", [10], raw=weights(10))])
    add("tensor-type", "undefined", with_b(tensor("B", [4], 0, raw=weights(4))), ERROR, "data_type 0")
    add("tensor-type", "99", with_b(tensor("B", [4], 99, raw=weights(4))), ERROR, "data_type 99")
    add("tensor-type", "negative", with_b(tensor("B", [4], -7, raw=weights(4))), ERROR, "data_type -7")
    add("tensor-raw-size", "short", with_b(tensor("B", [1000000], raw=b"\0" * 4)), ERROR, "1,000,000 floats in 4 bytes of raw_data; onnx.checker 1.21 accepted this")
    add("tensor-raw-size", "long", with_b(tensor("B", [4], raw=b"\0" * 20)), ERROR, "16 bytes expected, 20 there")
    add("tensor-data-count", "", with_b(vi(1, 4) + vi(2, 1) + ld(8, "B") + ld(4, weights(3))), ERROR, "3 of 4 floats in float_data")
    add("tensor-two-data", "", with_b(tensor("B", [4], raw=weights(4), extra=ld(4, weights(4)))), NOT_SILENT, "raw_data and float_data")
    add("tensor-dims", "negative", with_b(tensor("B", [-4], raw=weights(4))), ERROR, "dimension -4")
    add("tensor-dims", "overflow", with_b(tensor("B", [1 << 32, 1 << 32, 4], raw=weights(4))), ERROR, "2^66 elements; the byte count wraps to 0")
    add("tensor-no-data", "", with_b(tensor("B", [4])), ERROR, "dims without any data")

    # -- external data: nothing outside the folder may ever be opened
    def ext(e, name="B", shape=(4,)):
        return with_b(tensor(name, shape, extra=e))
    side = {"weights.bin": weights(64)}
    add("ext-traversal", "dotdot", ext(external("../outside/canary.txt", 0, 16)), ERROR, "..", "CVE-2022-25882", beside=side)
    add("ext-traversal", "inner", ext(external("sub/../../outside/canary.txt", 0, 16)), ERROR, ".. after a folder", "CVE-2024-27318", beside=dict(side, **{"sub/x": b""}))
    add("ext-traversal", "absolute", ext(external("/etc/hostname", 0, 4)), ERROR, "absolute path", "CVE-2022-25882", beside=side)
    add("ext-link", "symlink", ext(external("weights.bin", 0, 16)), ERROR, "symbolic link out of the folder", "CVE-2026-27489", links=[("symlink", "weights.bin", "../../outside/canary.txt")])
    add("ext-link", "hardlink", ext(external("weights.bin", 0, 16)), NOT_SILENT, "hard link to a file outside", "GHSA-cmw6-hcpp-c6jp", links=[("hardlink", "weights.bin", "outside/canary.txt")])
    add("ext-special", "directory", ext(external("weights.bin", 0, 16)), ERROR, "a folder", links=[("dir", "weights.bin", "")])
    add("ext-special", "fifo", ext(external("weights.bin", 0, 16)), ERROR, "a named pipe: opening it for reading would wait forever", links=[("fifo", "weights.bin", "")])
    add("ext-range", "past-end", ext(external("weights.bin", 250, 16)), ERROR, "offset + length beyond the file", beside=side)
    add("ext-range", "wraps", ext(external("weights.bin", (1 << 64) - 8, 16)), ERROR, "offset + length wraps in 64 bits", "OpenVINO PR 34070", beside=side)
    add("ext-range", "negative", ext(external("weights.bin", -4, 16)), ERROR, "offset -4", beside=side)
    add("ext-range", "length-vs-dims", ext(external("weights.bin", 0, 4)), ERROR, "4 bytes for 4 floats: shorter than dims say; onnx.checker 1.21 accepted this", beside=side)
    add("ext-number", "text", ext(external("weights.bin", "zero", 16)), ERROR, "offset is a word", beside=side)
    add("ext-number", "trailing", ext(external("weights.bin", "0x10", "16 ")), ERROR, "offset in hex, length with a blank", beside=side)
    add("ext-location", "missing", ext(ld(13, ld(1, "offset") + ld(2, "0")) + vi(14, 1)), ERROR, "no location", beside=side)
    add("ext-location", "empty", ext(external("", 0, 16)), ERROR, "empty location", beside=side)
    add("ext-location", "absent-file", ext(external("gone.bin", 0, 16)), NOT_SILENT, "the side file is not there: sizes may still be told from dims", beside=side)
    add("ext-location", "nul", ext(external(b"weights.bin\0/../../outside/canary.txt", 0, 16)), ERROR, "NUL inside the path", beside=side)
    add("ext-keys", "twice", ext(external("weights.bin", 0, 16, [("location", "../outside/canary.txt")])), ERROR, "two locations, the second one outside", beside=side)
    add("ext-keys", "unknown", ext(external("weights.bin", 0, 16, [("__class__", "x"), ("basepath", "/etc")])), NOT_SILENT, "unknown keys", "CVE-2026-34445", beside=side)
    add("ext-marker", "ort-memory", ext(external("*/_ORT_MEM_ADDR_/*", 4096, 16)), ERROR, "marker with which onnxruntime means a raw memory address", "onnxruntime issue 28617, PR 29011", beside=side)
    add("ext-both", "", with_b(tensor("B", [4], raw=weights(4), extra=external("weights.bin", 0, 16))), NOT_SILENT, "raw_data and external data", beside=side)

    # -- names as weapons: the numbers are fine, the output must be
    add("name-poison", "html", conv_model(nodes=[node("Relu", ["X"], [HTML], HTML)], inputs=[value("X", [2])], outputs=[value(HTML, [2])], inits=[], producer=HTML), ANY, "HTML in names: escaped in every report", "Netron 7.8.4; MLflow CVE-2024-27132")
    add("name-poison", "terminal", conv_model(nodes=[node("Relu", ["X"], [ESC], ESC)], inputs=[value("X", [2])], outputs=[value(ESC, [2])], inits=[], producer=ESC), ANY, "terminal control sequences", "CWE-150")
    add("name-poison", "csv", conv_model(nodes=[node("Relu", ["X"], ["=cmd|' /C calc'!A0"], "=1+1")], inputs=[value("X", [2])], outputs=[value("=cmd|' /C calc'!A0", [2])], inits=[]), ANY, "spreadsheet formula", "CWE-1236")
    add("name-bytes", "invalid-utf8", conv_model(nodes=[node("Relu", ["X"], ["Y"]) + ld(3, b"\xff\xfe\xc3\x28")], inputs=[value("X", [2])], outputs=[value("Y", [2])], inits=[]), ANY, "name that is not UTF-8")
    add("name-bytes", "nul", conv_model(nodes=[node("Relu", ["X"], ["a\0b"]), node("Relu", ["a\0c"], ["Y"])], inputs=[value("X", [2])], outputs=[value("Y", [2])], inits=[]), ERROR, "names equal up to a NUL byte are two names: a\\0c is produced by nothing")

    # -- more of the same kinds
    def relu(name="Y", **kw):
        return model(graph([node("Relu", ["X"], [name], "relu")], [value("X", [2, 3])], [value(name, [2, 3])]), **kw)

    def g(nodes, ins=None, outs=None, inits=()):
        return model(graph(nodes, ins or [value("X", [2, 3])], outs or [value("Y", [2, 3])], inits))

    def s(name, v):
        return name, tensor(name, [len(v)], INT64, raw=ints64(v))

    def with_t(t, n="B", shape=(4,)):
        return model(graph([node("Add", ["X", n], ["Y"])], [value("X", list(shape))], [value("Y", list(shape))], [t]))

    def sparse(values, idx, n, dims=(4,)):
        return model(graph([node("Add", ["X", "sp"], ["Y"])], [value("X", [4])], [value("Y", [4])],
            extra=ld(15, ld(1, values) + ld(2, tensor("i", [n], INT64, raw=ints64(idx))) + b"".join(vi(3, k) for k in dims))))
    add("not-a-model", "zip", b"PK\x03\x04" + b"\0" * 200, ERROR, "a zip archive")
    add("not-a-model", "gzip", b"\x1f\x8b\x08\0" + b"\0" * 60, ERROR, "gzip: say so instead of a wire type")
    add("not-a-model", "pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94." + b"\0" * 40, ERROR, "a pickle")
    add("not-a-model", "one-byte", b"\x08", ERROR, "one byte")
    add("wire-tag", "field-2^29", varint((1 << 29) << 3) + b"\1" + valid, ERROR, "field number 2^29 is beyond the largest one")
    add("wire-fixed", "fixed64-short", valid + tag(60, 1) + b"\0" * 5, ERROR, "fixed64 of 5 bytes")
    add("wire-fixed", "fixed32-short", valid + tag(60, 5) + b"\0" * 2, ERROR, "fixed32 of 2 bytes")
    add("wire-duplicate", "op-type-twice", model(graph([node("Relu", ["X"], ["Y"]) + ld(4, "Sigmoid")], [value("X", [2])], [value("Y", [2])])), NOT_SILENT, "op_type twice: the last one counts")
    add("wire-packed", "double-7-bytes", model(graph([node("Add", ["X", "w"], ["Y"])], [value("X", [1])], [value("Y", [1])], [vi(1, 1) + vi(2, 11) + ld(8, "w") + ld(10, b"\0" * 7)])), ERROR, "packed doubles, 7 bytes")
    add("wire-length", "string-past-end", vi(1, 8) + tag(2, 2) + varint(1 << 32) + b"abc", ERROR, "producer_name of 4 GiB")
    add("model-opset", "zero", relu(opsets=[opset(0)]), NOT_SILENT, "opset 0")
    add("model-opset", "negative", relu(opsets=[opset(-3)]), NOT_SILENT, "opset -3")
    add("model-opset", "other-domain-only", relu(opsets=[opset(1, "com.x")]), NOT_SILENT, "no version for the default domain")
    add("function-recursion", "mutual", fun_model([fun("f0", [node("f1", ["x"], ["y"], domain="local")]), fun("f1", [node("f0", ["x"], ["y"], domain="local")])]), ERROR, "f0 calls f1 calls f0", "onnxruntime PR 28187")
    add("function-twice", "", fun_model([fun("f0", [node("Relu", ["x"], ["y"])]), fun("f0", [node("MatMul", ["x", "x"], ["y"])])]), NOT_SILENT, "two functions of one name")
    add("function-missing", "", model(graph([node("gone", ["x"], ["y"], domain="local")], [value("x", [2])], [value("y", [2])]), opsets=[opset(), opset(1, "local")]), NOT_SILENT, "call of a function that is not there")
    add("graph-inputs-twice", "", g([node("Relu", ["X"], ["Y"])], [value("X", [2, 3]), value("X", [4, 5])]), NOT_SILENT, "two graph inputs of one name")
    add("graph-no-nodes", "", g([]), NOT_SILENT, "no node at all")
    add("graph-missing-input", "conv", g([node("Conv", ["X"], ["Y"])]), ERROR, "Conv with one input")
    add("graph-too-many-inputs", "relu", g([node("Relu", ["X", "X", "X"], ["Y"])]), NOT_SILENT, "Relu with three inputs")
    add("shape-none", "", g([node("Relu", ["X"], ["Y"])], [ld(1, "X")], [ld(1, "Y")]), NOT_SILENT, "no type at all")
    add("shape-elem", "99", g([node("Relu", ["X"], ["Y"])], [value("X", [2, 3], 99)], [value("Y", [2, 3], 99)]), NOT_SILENT, "element type 99")
    add("shape-contradiction", "", model(graph([node("Relu", ["X"], ["m"]), node("Relu", ["m"], ["Y"])], [value("X", [2, 3])], [value("Y", [2, 3])], infos=[value("m", [70, 80])])), NOT_SILENT, "value_info says 70x80, inference says 2x3")
    add("shape-mismatch", "gemm-k", one_op("Gemm", [[4, 8], [9, 2]]), ERROR, "Gemm 8 against 9")
    add("shape-mismatch", "split-sum", one_op("Split", [[7, 2]], attrs=[a_int("axis", 0)], inits=[s("sp", [3, 3])], n_out=2), ERROR, "3 + 3 is not 7")
    add("attr-step", "slice-0", one_op("Slice", [[7, 2]], inits=[s("st", [0]), s("en", [5]), s("ax", [0]), s("sp", [0])]), ERROR, "Slice with step 0")
    add("attr-axis", "softmax", one_op("Softmax", [[2, 3]], attrs=[a_int("axis", -3)]), ERROR, "axis -3 of rank 2")
    add("attr-axis", "gather", one_op("Gather", [[2, 3]], attrs=[a_int("axis", 1 << 40)], inits=[s("ix", [0])]), ERROR, "axis 2^40")
    add("fold-bomb", "tile", one_op("Tile", [[2, 3]], inits=[s("rp", [1 << 40, 1 << 40])]), NOT_SILENT, "Tile to 2^80 elements")
    add("attr-divisor-zero", "depth-to-space", one_op("DepthToSpace", [[1, 4, 2, 2]], 4, [a_int("blocksize", 0)]), ERROR, "block size 0")
    add("attr-divisor-zero", "pool", one_op("MaxPool", [[1, 4, 8, 8]], 4, [a_ints("kernel_shape", [2, 2]), a_ints("strides", [0, 0])]), ERROR, "pool stride 0")
    add("attr-text", "auto-pad", one_op("Conv", [[1, 3, 8, 8], [4, 3, 3, 3]], 4, [a_string("auto_pad", "SAME_SIDEWAYS")]), NOT_SILENT, "unknown auto_pad")
    add("attr-twice", "", one_op("Transpose", [[2, 3]], attrs=[a_ints("perm", [0, 1]), a_ints("perm", [1, 0])]), NOT_SILENT, "one attribute twice")
    add("attr-missing", "concat-axis", one_op("Concat", [[2, 3], [2, 3]]), ERROR, "Concat without its required axis")
    add("tensor-string", "raw", with_t(tensor("B", [4], 8, raw=b"abcd")), ERROR, "strings in raw_data")
    add("tensor-int4", "bytes", with_t(vi(1, 5) + vi(2, 22) + ld(8, "B") + ld(9, b"\1\2\3\4\5"), shape=(5,)), ERROR, "5 bytes for 5 INT4 (3 needed)")
    add("tensor-sparse", "index", sparse(tensor("sp", [1], raw=weights(1)), [77], 1), ERROR, "index 77 of 4")
    add("ext-link", "parent-folder", ext(external("sub/canary.txt", 0, 16)), ERROR, "the folder in the path is a symbolic link", "onnx security notes", links=[("symlink", "sub", "../../outside")])
    add("ext-traversal", "backslash", ext(external("..\\outside\\canary.txt", 0, 16)), ERROR, "Windows separators", beside=side)
    add("ext-traversal", "percent", ext(external("%2e%2e/outside/canary.txt", 0, 16)), ERROR, "percent encoding must stay literal: no such file", beside=side)
    add("ext-special", "dev-zero", ext(external("/dev/zero", 0, 16)), ERROR, "device", beside=side)
    add("ext-location", "5000-chars", ext(external("a/" * 2500, 0, 16)), ERROR, "path of 5000 characters", beside=side)
    add("ext-location", "newline", ext(external("weights\n.bin", 0, 16)), ERROR, "newline in the path", beside=side)
    add("ext-number", "fraction", ext(external("weights.bin", "4.5", 16)), ERROR, "offset 4.5", beside=side)
    add("ext-range", "length-0", ext(external("weights.bin", 0, 0)), ERROR, "length 0 for 16 bytes", beside=side)
    add("ext-overlap", "", model(graph([node("Add", ["X", "A"], ["t"]), node("Add", ["t", "B"], ["Y"])], [value("X", [4])], [value("Y", [4])],
        [tensor("A", [4], extra=external("weights.bin", 0, 16)), tensor("B", [4], extra=external("weights.bin", 8, 16))])), WARN, "two tensors share bytes of the side file", beside=side)
    for what, s_ in [("attribute-quote", '" onmouseover="alert(1)'), ("script-end", '</script><script>alert(1)</script>'), ("newline", "x\nERROR: disk full\r\nok"),
                     ("format", "%s%s%n%p%99999999d"), ("json", 'a","params":0,"x":"\\'), ("path", "../../../../tmp/evil"), ("megabyte", "n" * 1000000)]:
        add("name-poison", what, relu(s_), ANY, "tensor name made for %s" % what, "CWE-79, CWE-117, CWE-134")


# ======================================================================
# Part 7. GGUF cases.
# ======================================================================

def gguf_cases(c):
    marks = set()
    valid = llama(marks)

    def add(cls, name, data, want, note, ref="", **kw):
        c.add("gguf", cls, name, data, want, note, ref, **kw)

    add("valid", "llama", valid, OK, "tiny llama, F32 and Q8_0")
    add("valid", "v2", b"GGUF" + u32(2) + valid[8:], OK, "version 2 has the same layout")
    truncations(c, "gguf", valid, marks, "llama")
    flips(c, "gguf", valid, 60, c.seed, "llama-anywhere")
    # most bytes are weights, so aim the rest at the header
    end = max(m for m in marks if m < len(valid) // 2)
    rng = random.Random(c.seed)
    for i in range(140):
        b = bytearray(valid)
        p = rng.randrange(end)
        b[p] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, b[p] ^ (1 << rng.randrange(8))])
        if b[p] == valid[p]:
            b[p] ^= 0x10
        add("flipped", "llama-header-%03d" % i, bytes(b), ANY, "byte %d changed" % p)

    add("not-a-model", "empty", b"", ERROR, "0 bytes")
    add("not-a-model", "lfs-pointer", LFS, ERROR, "git-lfs pointer instead of the file")
    add("header-magic", "wrong", b"FUGG" + valid[4:], ERROR, "wrong magic")
    add("header-magic", "old-ggjt", b"tjgg" + u32(3) + valid[8:200], ERROR, "the format before GGUF: say which one it is")
    for v in (0, 1, 4, 0x03000000, 0xFFFFFFFF):
        add("header-version", "%x" % v, b"GGUF" + u32(v) + valid[8:], ERROR, "version %d%s" % (v, " (3 in big endian)" if v == 0x03000000 else ""))
    for what, n in [("2^64-1", -1), ("2^63", 1 << 63), ("2^61", 1 << 61), ("2^40", 1 << 40), ("one-more", 13)]:
        infos, data = llama_infos()
        add("count-tensors", what, gguf(llama_kv(), infos, data, n_tensors=n), ERROR, "n_tensors lies", "CVE-2024-23496 family (TALOS-2024-1912..1916)")
    for what, n in [("2^64-1", -1), ("2^61", 1 << 61), ("one-more", 16), ("one-less", 14)]:
        infos, data = llama_infos()
        add("count-kv", what, gguf(llama_kv(), infos, data, n_kv=n), ERROR, "n_kv lies", "CVE-2024-21836, CVE-2024-23605 family")
    one = [ginfo("t", [32], 0, 0)]
    d128 = b"\0" * 128
    for what, n in [("0", 0), ("2^63", 1 << 63), ("2^64-1", -1), ("past-end", 5000), ("70000", None)]:
        if n is None:
            k = gstr("k" * 70000) + u32(U32) + u32(1)
        elif n == 0:
            k = gstr("") + u32(U32) + u32(1)
        else:
            k = u64(n) + b"some.key" + u32(U32) + u32(1)
        add("key-length", what, gguf(llama_kv() + [k], one, d128), NOT_SILENT if n is None else ERROR, "key length " + what, "CVE-2024-21825, CVE-2024-21802 family")
    add("key-duplicate", "same-value", gguf(llama_kv() + [kv("llama.block_count", U32, 1)], one, d128), NOT_SILENT, "one key twice")
    add("key-duplicate", "other-value", gguf(llama_kv() + [kv("llama.block_count", U32, 99)], one, d128), ERROR, "one key twice with two values: readers that keep the first and readers that keep the last disagree")
    for t in (13, 0xFFFFFFFF, 0x80000000):
        add("value-type", "%x" % t, gguf(llama_kv() + [gstr("some.key") + u32(t) + u64(0)], one, d128), ERROR, "value type %d" % t)
    for what, n in [("2^63", 1 << 63), ("2^64-1", -1), ("past-end", 99999), ("2^31", 1 << 31)]:
        add("string-length", what, gguf(llama_kv() + [gstr("some.key") + u32(STR) + u64(n) + b"abc"], one, d128), ERROR, "string length " + what, "CVE-2024-21825 family")
    for what, t, n in [("u8-2^63", U8, 1 << 63), ("u64-wraps", U64, (1 << 61) + 1), ("f32-2^62", F32, 1 << 62), ("str-2^63", STR, 1 << 63), ("u32-past-end", U32, 100000), ("type-77", 77, 1), ("bool-2^40", BOOL, 1 << 40)]:
        add("array-length", what, gguf(llama_kv() + [gstr("some.key") + u32(ARR) + u32(t) + u64(n) + b"\0" * 32], one, d128), ERROR, "array " + what,
            "llama.cpp PR 27188: 43 bytes hang the Python reader and eat memory")
    nest = b"".join(u32(ARR) + u64(1) for _ in range(100000)) + u32(U8) + u64(1) + b"\1"
    add("array-nested", "100000", gguf(llama_kv() + [gstr("some.key") + u32(ARR) + nest], one, d128), ERROR, "array in array, 100,000 levels", "llama.cpp PR 28880")
    add("value-bool", "2", gguf(llama_kv() + [gstr("some.key") + u32(BOOL) + b"\2"], one, d128), NOT_SILENT, "bool 2: the standard calls the file invalid")
    for what, t, v in [("0", U32, 0), ("3", U32, 3), ("13", U32, 13), ("2^31", U32, 1 << 31), ("int32", I32, 32), ("string", STR, "32"), ("u64", U64, 32)]:
        add("alignment", what, one_tensor(ginfo("t", [32], 0, 0), general__alignment=(t, v)), ERROR, "general.alignment %s" % what, "llama.cpp PR 26318, test-gguf BAD_ALIGN and WRONG_TYPE_ALIGN")

    add("tensor-name", "empty", one_tensor(ginfo("", [32], 0, 0)), NOT_SILENT, "empty tensor name")
    add("tensor-name", "twice", gguf(llama_kv(), [ginfo("t", [32], 0, 0), ginfo("t", [32], 0, 128)], b"\0" * 256), ERROR, "two tensors of one name")
    add("tensor-name", "length-2^63", gguf(llama_kv(), [u64(1 << 63) + b"t" + u32(1) + u64(32) + u32(0) + u64(0)], d128), ERROR, "name length 2^63")
    for n in (5, 0xFFFFFFFF, 1000000):
        add("tensor-n-dims", "%d" % n, one_tensor(ginfo("t", [32], 0, 0, n_dims=n)), ERROR, "n_dims %d" % n, "llama.cpp issue 25378")
    add("tensor-dim", "zero", one_tensor(ginfo("t", [32, 0], 0, 0)), ANY, "a dimension of 0 must not be divided by (llama.cpp accepts it)", "llama.cpp PR 24263 (SIGFPE)")
    add("tensor-dim", "2^63", one_tensor(ginfo("t", [1 << 63], 0, 0)), ERROR, "dimension 2^63 (negative as int64)")
    add("tensor-dim", "product-wraps", one_tensor(ginfo("t", [4194305, 4194305, 211106198978564], 0, 0)), ERROR, "element count wraps to 4", "llama.cpp issue 25378")
    add("tensor-dim", "bytes-wrap", one_tensor(ginfo("t", [1024, (1 << 42) + 1], 8, 0)), ERROR, "byte count wraps", "CVE-2026-33298, llama.cpp PR 18674")
    add("tensor-sum", "wraps", gguf(llama_kv(), [ginfo("a", [(1 << 63) - 64], 24, 0), ginfo("b", [(1 << 63) - 64], 24, (1 << 63) - 64)], d128), ERROR, "two sizes whose sum wraps", "CVE-2025-53630, CVE-2026-27940")
    for t in (4, 31, 36, 255, 0xFFFFFFFF, 0x80000000):
        add("tensor-type", "%x" % t, one_tensor(ginfo("t", [32], t, 0)), ERROR, "ggml type %d (removed, unknown or negative)" % t)
    add("tensor-block", "33-of-q8", one_tensor(ginfo("t", [33], 8, 0)), ERROR, "33 elements in blocks of 32")
    add("tensor-offset", "unaligned", gguf(llama_kv(), [ginfo("a", [8], 0, 0), ginfo("b", [8], 0, 33)], d128), ERROR, "offset 33 with alignment 32")
    add("tensor-offset", "overlap", gguf(llama_kv(), [ginfo("a", [64], 0, 0), ginfo("b", [64], 0, 32)], b"\0" * 512), NOT_SILENT, "two tensors share bytes")
    add("tensor-offset", "past-end", one_tensor(ginfo("t", [32], 0, 1 << 20)), ERROR, "data beyond the end of the file", "Ollama CVE-2026-7482")
    add("tensor-offset", "wraps", one_tensor(ginfo("t", [32], 0, (1 << 64) - 64)), ERROR, "offset + size wraps")
    add("tensor-larger-than-file", "", gguf(llama_kv(), [ginfo("t", [1 << 20, 1 << 20], 0, 0)], d128), ERROR, "4 TiB of data in 128 bytes", "Ollama CVE-2026-7482")

    # -- keys that the cost model will read
    infos, data = llama_infos()

    def arch(cls, name, want, note, ref="", **change):
        add(cls, name, gguf(llama_kv(**change), infos, data), want, note, ref)
    arch("arch", "missing", WARN, "no general.architecture: tensors can still be counted", general__architecture=None)
    arch("arch", "number", NOT_SILENT, "general.architecture is a number", general__architecture=(U32, 7))
    arch("arch", "unknown", WARN, "architecture nobody knows", general__architecture=(STR, "frobnicator"))
    arch("hparam", "heads-0", NOT_SILENT, "head_count 0 would be divided by", **{"llama.attention.head_count": (U32, 0)})
    arch("hparam", "kv-heads-0", NOT_SILENT, "head_count_kv 0", **{"llama.attention.head_count_kv": (U32, 0)})
    arch("hparam", "heads-7", NOT_SILENT, "32 is no multiple of 7 heads", **{"llama.attention.head_count": (U32, 7)})
    arch("hparam", "blocks-2^32-1", NOT_SILENT, "4 billion layers: no loop, no allocation of that length", "llama.cpp PR 25821", **{"llama.block_count": (U32, 0xFFFFFFFF)})
    arch("hparam", "context-2^63", NOT_SILENT, "KV cache size overflows", **{"llama.context_length": (U64, 1 << 63)})
    arch("hparam", "embedding-string", NOT_SILENT, "embedding_length is text", **{"llama.embedding_length": (STR, "32")})
    arch("hparam", "eps-nan", NOT_SILENT, "epsilon is not a number", **{"llama.attention.layer_norm_rms_epsilon": (F32, float("nan"))})
    arch("hparam", "missing-embedding", WARN, "no embedding_length", **{"llama.embedding_length": None})
    arch("hparam-vs-tensors", "blocks-5", WARN, "5 blocks declared, tensors for 1", **{"llama.block_count": (U32, 5)})
    arch("hparam-vs-tensors", "embedding-64", WARN, "embedding_length 64, tensors say 32", **{"llama.embedding_length": (U32, 64)})
    arch("vocab", "scores-u8", NOT_SILENT, "scores as bytes where floats are due", "llama.cpp PR 26690", **{"tokenizer.ggml.scores": (ARR, (U8, [0] * 8))})
    arch("vocab", "lengths", NOT_SILENT, "8 tokens, 3 scores", **{"tokenizer.ggml.scores": (ARR, (F32, [0.0] * 3))})
    arch("split", "no-beyond-count", NOT_SILENT, "shard 9 of 2", **{"split.no": (U16, 9), "split.count": (U16, 2)})
    arch("split", "missing-shards", WARN, "first of 3 shards, the others are not there: totals are partial", **{"split.no": (U16, 0), "split.count": (U16, 3), "split.tensors.count": (I32, 36)})
    arch("name-poison", "html", ANY, "HTML in general.name", "", general__name=(STR, HTML))
    arch("name-poison", "terminal", ANY, "terminal control in general.name", "CWE-150", general__name=(STR, ESC))
    arch("template", "jinja", ANY, "chat template with code: shown at most, never run", "CVE-2024-34359", **{"tokenizer.chat_template": (STR, "{{ ''.__class__.__mro__[1].__subclasses__() }}")})
    add("data", "trailing", valid + b"\0" * 999, NOT_SILENT, "999 bytes after the last tensor")

    # -- more of the same kinds
    add("not-a-model", "zip", b"PK\3\4" + b"\0" * 100, ERROR, "zip")
    add("not-a-model", "magic-only", b"GGUF", ERROR, "4 bytes")
    add("tensor-offset", "hole", gguf(llama_kv(), [ginfo("a", [8], 0, 0), ginfo("b", [8], 0, 96)], d128), NOT_SILENT, "64 bytes nobody owns")
    add("tensor-offset", "same", gguf(llama_kv(), [ginfo("a", [8], 0, 0), ginfo("b", [8], 0, 0)], d128), NOT_SILENT, "two tensors at one place")
    infos, data = llama_infos()
    add("count-tensors", "2^32", gguf(llama_kv(), infos, data, n_tensors=1 << 32), ERROR, "n_tensors 2^32")
    add("count-kv", "2^32", gguf(llama_kv(), infos, data, n_kv=1 << 32), ERROR, "n_kv 2^32")
    for what, k in [("not-ascii", "\u00e9.x"), ("blank", "a b"), ("newline", "a\nb")]:
        add("key-text", what, gguf(llama_kv() + [kv(k, U32, 1)], one, d128), ANY if what == "blank" else NOT_SILENT, "key with %s: against the naming rule" % what)
    add("value-type", "100", gguf(llama_kv() + [gstr("some.key") + u32(100) + u64(0)], one, d128), ERROR, "value type 100")
    add("array-length", "str-2^32", gguf(llama_kv() + [gstr("some.key") + u32(ARR) + u32(STR) + u64(1 << 32) + b"\0" * 32], one, d128), ERROR, "array of 2^32 strings")
    for t in (32, 37, 1000):
        add("tensor-type", "%x" % t, one_tensor(ginfo("t", [256], t, 0)), ERROR, "ggml type %d" % t)
    for what, t, v in [("bool", BOOL, 1), ("float", F32, 32.0)]:
        add("alignment", what, one_tensor(ginfo("t", [32], 0, 0), general__alignment=(t, v)), ERROR, "general.alignment as %s" % what)
    arch("hparam", "experts", NOT_SILENT, "8 of 2 experts used", **{"llama.expert_count": (U32, 2), "llama.expert_used_count": (U32, 8)})
    arch("hparam", "head-array-short", NOT_SILENT, "head_count as an array of 3 for 1 block", **{"llama.attention.head_count": (ARR, (U32, [4, 4, 4]))})
    arch("hparam", "blocks-negative", NOT_SILENT, "block_count -1 as int32", **{"llama.block_count": (I32, -1)})
    arch("hparam", "blocks-0", NOT_SILENT, "block_count 0", **{"llama.block_count": (U32, 0)})
    arch("hparam", "embedding-0", NOT_SILENT, "embedding_length 0", **{"llama.embedding_length": (U32, 0)})
    arch("hparam", "context-0", NOT_SILENT, "context_length 0", **{"llama.context_length": (U32, 0)})
    arch("hparam", "ff-2^64-1", NOT_SILENT, "feed_forward_length 2^64-1", **{"llama.feed_forward_length": (U64, (1 << 64) - 1)})
    arch("vocab", "size", WARN, "vocab_size 9999, 8 tokens", **{"llama.vocab_size": (U32, 9999)})
    arch("split", "count-0", NOT_SILENT, "split.count 0", **{"split.no": (U16, 0), "split.count": (U16, 0)})
    arch("arch", "array", NOT_SILENT, "architecture is an array", general__architecture=(ARR, (STR, ["llama"])))
    arch("name-poison", "script-end", ANY, "end of script", **{"general.description": (STR, "</script><script>alert(1)</script>")})


# ======================================================================
# Part 8. safetensors cases.
# ======================================================================

def safetensors_cases(c):
    def add(cls, name, data, want, note, ref="", **kw):
        c.add("safetensors", cls, name, data, want, note, ref, **kw)
    n = struct.unpack("<Q", ST_VALID[:8])[0]
    head = ST_VALID[8:8 + n].decode()
    add("valid", "small", ST_VALID, OK, "four tensors, one scalar, one empty")
    add("valid", "padded", st(head + "  ", bytes(range(30))), OK, "header padded with blanks")
    add("valid", "empty-map", st("{}"), OK, "no tensors at all")
    add("valid", "subnormal-numbers", st('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0\0\xc0\x7f"), OK, "values may be NaN")
    offsets = {8 + o for o in text_offsets(head, '{}[]:,"')} | set(range(9)) | {8 + n + k for k in (0, 1, 15, 16, 17, 21, 22, 29)}
    truncations(c, "safetensors", ST_VALID, offsets, "small")
    flips(c, "safetensors", ST_VALID, 200, c.seed, "small")

    for what, k in [("0", 0), ("1", 1), ("2^63", 1 << 63), ("2^64-1", -1), ("past-end", 4096), ("100mb-plus", 100000001), ("wraps", -8)]:
        add("header-size", what, st(head, bytes(30), size=k), ERROR, "header size " + what, "limit 100,000,000")
    add("header-text", "lfs-pointer", LFS, ERROR, "git-lfs pointer: its first 8 bytes read as a size")
    add("header-text", "not-utf8", st(b'{"a\xff\xfe":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4), ERROR, "not UTF-8")
    add("header-text", "bom", st(b"\xef\xbb\xbf" + head.encode(), bytes(30)), ERROR, "byte order mark before {")
    add("header-text", "leading-blank", st(" " + head, bytes(30)), ERROR, "header must start with {")
    add("header-text", "array", st('[{"dtype":"F32","shape":[1],"data_offsets":[0,4]}]', b"\0" * 4), ERROR, "array at the top")
    add("header-text", "null", st("null"), ERROR, "null at the top")
    add("header-text", "trailing", st(head + ",{}", bytes(30)), ERROR, "something after the closing brace")
    add("header-text", "two-objects", st(head + head, bytes(30)), ERROR, "two objects")
    add("header-text", "comment", st(head[:1] + "/*x*/" + head[1:], bytes(30)), ERROR, "comment")
    add("header-text", "trailing-comma", st(head[:-1] + ",}", bytes(30)), ERROR, "comma before }")
    add("header-text", "deep", st('{"a":' + "[" * 200000 + "]" * 200000 + "}"), ERROR, "200,000 nested arrays")
    add("header-text", "control-char", st('{"a\nb":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4), ERROR, "raw newline inside a string")
    add("duplicate", "tensor", st('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', b"\0" * 8), ERROR, "one tensor name twice: the format forbids it, JSON readers keep the last", "format notes; found by the 2023 audit as parser difference")
    add("duplicate", "dtype", st('{"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,8]}}', b"\0" * 8), ERROR, "one key twice inside a tensor")
    for k in ("dtype", "shape", "data_offsets"):
        e = entry("F32", (1,), 0, 4)
        del e[k]
        add("entry-missing", k, st({"a": e}, b"\0" * 4), ERROR, "no " + k)
    add("entry-unknown", "", st({"a": dict(entry("F32", (1,), 0, 4), color="red")}, b"\0" * 4), NOT_SILENT, "unknown key inside a tensor")
    for what, d in [("unknown", "F31"), ("lower", "f32"), ("number", 7), ("null", None)]:
        add("dtype", what, st({"a": entry(d, (1,), 0, 4)}, b"\0" * 4), ERROR, "dtype %s" % what)
    for what, text in [("negative", "[-1]"), ("float", "[1.0]"), ("exponent", "[1e0]"), ("string", '["1"]'), ("null", "null"), ("number", "1"), ("nested", "[[1]]"), ("bool", "[true]"),
                       ("2^64", "[18446744073709551616]"), ("product-wraps", "[4294967296,4294967296,4294967296,4294967296,1]"), ("bytes-wrap", "[4611686018427387905]")]:
        add("shape", what, st('{"a":{"dtype":"F32","shape":%s,"data_offsets":[0,4]}}' % text, b"\0" * 4), ERROR, "shape " + text)
    for what, text in [("one", "[0]"), ("three", "[0,4,4]"), ("reversed", "[4,0]"), ("negative", "[-4,0]"), ("float", "[0,4.0]"), ("past-end", "[0,400]"), ("2^64-1", "[18446744073709551612,18446744073709551615]"), ("size", "[0,3]")]:
        add("offsets", what, st('{"a":{"dtype":"F32","shape":[1],"data_offsets":%s}}' % text, b"\0" * 4), ERROR, "offsets " + text)
    add("layout", "hole", st({"a": entry("F32", (1,), 0, 4), "b": entry("F32", (1,), 8, 12)}, b"\0" * 12), ERROR, "4 bytes that belong to nobody")
    add("layout", "overlap", st({"a": entry("F32", (2,), 0, 8), "b": entry("F32", (2,), 4, 12)}, b"\0" * 12), ERROR, "two tensors share bytes")
    add("layout", "trailing", ST_VALID + b"PK\5\6" + b"\0" * 18, ERROR, "bytes after the last tensor (a zip end record: a file of two formats)", "2023 audit: polyglot files")
    add("metadata", "not-a-map", st({"__metadata__": [1], "a": entry("F32", (1,), 0, 4)}, b"\0" * 4), ERROR, "__metadata__ is an array")
    add("metadata", "number", st({"__metadata__": {"k": 1}, "a": entry("F32", (1,), 0, 4)}, b"\0" * 4), ERROR, "__metadata__ value is a number")
    add("name-poison", "html", st({HTML: entry("F32", (1,), 0, 4)}, b"\0" * 4), ANY, "HTML as a tensor name")
    add("name-poison", "path", st({"../../../../tmp/x": entry("F32", (1,), 0, 4)}, b"\0" * 4), ANY, "path as a tensor name: never a file name")
    add("many", "200000-tensors", st({"t%d" % i: entry("F32", (0,), 0, 0) for i in range(200000)}), ANY, "200,000 empty tensors: linear time")
    shard = st({"a": entry("F32", (1,), 0, 4)}, b"\0" * 4)

    def index(cls, name, want, note, weight_map, files=None, total=4, ref=""):
        body = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map})
        c.add("safetensors", cls, name, shard, want, note, ref, opens="model.safetensors.index.json",
              beside=dict({"model.safetensors.index.json": body.encode()}, **(files or {})))
    index("index", "traversal", ERROR, "shard path leaves the folder", {"a": "../outside/canary.txt"})
    index("index", "absolute", ERROR, "absolute shard path", {"a": "/etc/hostname"})
    index("index", "missing-shard", NOT_SILENT, "a shard is not there", {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"})
    index("index", "wrong-tensor", NOT_SILENT, "the index names a tensor that the shard lacks", {"a": "model.safetensors", "zz": "model.safetensors"})
    index("index", "total-size", WARN, "total_size is not the sum", {"a": "model.safetensors"}, total=999)

    # -- more of the same kinds
    add("header-text", "zip", b"PK\3\4" + b"\0" * 100, ERROR, "torch archive called .safetensors")
    add("header-text", "pickle", b"\x80\x02}q\x00." + b"\0" * 100, ERROR, "pickle")
    add("header-text", "blanks", st(" " * 64, b""), ERROR, "only blanks")
    add("header-text", "number", st("17", b""), ERROR, "a number")
    add("header-text", "extra-brace", st(head.rstrip() + "}", bytes(37)), ERROR, "one brace too many")
    add("header-text", "bad-escape", st('{"a\\q":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4), ERROR, "unknown escape")
    add("header-text", "nan", st('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', b"\0" * 4), ERROR, "NaN")
    add("dtype", "f4-odd", st('{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}', b"\0"), ERROR, "three 4-bit numbers do not fill bytes")
    add("layout", "starts-late", st({"a": entry("F32", (1,), 4, 8)}, b"\0" * 8), ERROR, "first byte belongs to nobody")
    add("layout", "one-short", st({"a": entry("F32", (1,), 0, 4)}, b"\0" * 3), ERROR, "one byte is missing")
    add("layout", "one-long", st({"a": entry("F32", (1,), 0, 4)}, b"\0" * 5), ERROR, "one byte too many")
    add("metadata", "nested", st('{"__metadata__":{"a":{"b":"c"}}}'), ERROR, "map in a map")
    for what, k in [("2^32", 1 << 32), ("one-more", n + 31)]:
        add("header-size", what, st(head, bytes(30), size=k), ERROR, "header size %d" % k)
    for what, e in [("null", "null"), ("string", '"F32"'), ("empty", "{}")]:
        add("entry-kind", what, st('{"a":%s}' % e, b"\0" * 4), ERROR, "tensor entry is %s" % what)
    for what, d in [("empty", '""'), ("blank", '"F32 "')]:
        add("dtype", what, st('{"a":{"dtype":%s,"shape":[1],"data_offsets":[0,4]}}' % d, b"\0" * 4), ERROR, "dtype " + what)
    for what, text in [("leading-0", "[01]"), ("plus", "[+1]")]:
        add("shape", what, st('{"a":{"dtype":"F32","shape":%s,"data_offsets":[0,4]}}' % text, b"\0" * 4), ERROR, "shape " + text)
    for what, text in [("string", '["0","4"]'), ("null", "[null,4]"), ("empty", "[]")]:
        add("offsets", what, st('{"a":{"dtype":"F32","shape":[1],"data_offsets":%s}}' % text, b"\0" * 4), ERROR, "offsets " + text)
    for what, s in [("empty", ""), ("newline", "a\nb")]:
        add("name-poison", what, st({s: entry("F32", (1,), 0, 4)}, b"\0" * 4), ANY, "tensor name made for %s" % what)


# ======================================================================
# Part 9. config.json cases.
# ======================================================================

def config_cases(c):
    def add(cls, name, data, want, note, ref="", **kw):
        c.add("config", cls, name, data, want, note, ref, **kw)
    valid = config()
    add("valid", "llama", valid, OK, "tiny llama")
    add("valid", "crlf", valid.replace("\n", "\r\n"), OK, "CRLF line ends")
    add("valid", "unknown-keys", config(zz_future={"a": [1, 2, {"b": None}]}), OK, "unknown keys are skipped")
    truncations(c, "config", valid.encode(), text_offsets(valid, '{}[]:,"'), "llama")
    flips(c, "config", valid.encode(), 200, c.seed, "llama")

    for what, text in [("empty", ""), ("null", "null"), ("array", "[]"), ("string", '"llama"'), ("blank", "  \n"), ("lfs-pointer", LFS.decode()), ("html", "<html>404</html>")]:
        add("root", what, text, ERROR, "not an object")
    add("json", "trailing-comma", valid[:-2] + ",\n}", ERROR, "comma before }")
    add("json", "comment", "// llama\n" + valid, ERROR, "comment")
    add("json", "single-quotes", valid.replace('"', "'"), ERROR, "single quotes")
    add("json", "two-objects", valid + valid, ERROR, "two objects")
    add("json", "deep-100000", '{"a":' * 100000 + "1" + "}" * 100000, ERROR, "100,000 levels")
    add("json", "latin1", valid.replace("llama", "ll\u00e4ma").encode("latin-1"), ERROR, "Latin-1 bytes")
    add("json", "utf16", valid.encode("utf-16"), ERROR, "UTF-16")
    add("json", "nan", raw_config("rope_theta", "NaN"), ERROR, "NaN is not JSON; Python reads it")
    add("json", "infinity", raw_config("rope_theta", "-Infinity"), ERROR, "-Infinity is not JSON")
    add("json", "bad-escape", raw_config("hidden_act", '"si\\xlu"'), ERROR, "unknown escape")
    add("json", "lone-surrogate", raw_config("hidden_act", '"\\ud800"'), NOT_SILENT, "half of a surrogate pair")
    add("duplicate", "hidden-size", valid.replace('"hidden_size": 64,', '"hidden_size": 64,\n  "hidden_size": 4096,'), NOT_SILENT, "one key twice with two values")
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
        add("number-kind", key + "-string", config(**{key: "64"}), NOT_SILENT, key + " is text")
        add("number-kind", key + "-fraction", config(**{key: 64.5}), NOT_SILENT, key + " is 64.5")
        add("number-range", key + "-zero", config(**{key: 0}), NOT_SILENT, key + " is 0")
        add("number-range", key + "-negative", config(**{key: -2}), NOT_SILENT, key + " is -2")
    add("number-range", "layers-2^31", config(num_hidden_layers=1 << 31), NOT_SILENT, "2^31 layers: closed form, no loop, no array")
    add("number-range", "layers-1e18", raw_config("num_hidden_layers", "1e18"), NOT_SILENT, "1e18 layers")
    add("number-range", "vocab-2^62", config(vocab_size=1 << 62), NOT_SILENT, "parameter count overflows 64 bits")
    add("number-range", "2^64", raw_config("hidden_size", "18446744073709551616"), NOT_SILENT, "2^64 wraps to 0")
    add("number-range", "10000-digits", raw_config("hidden_size", "9" * 10000), ERROR, "10,000 digits", "CVE-2020-10735 class")
    add("number-range", "1e400", raw_config("rope_theta", "1e400"), NOT_SILENT, "beyond double")
    add("number-kind", "null", raw_config("hidden_size", "null"), NOT_SILENT, "hidden_size null")
    add("number-kind", "object", raw_config("hidden_size", '{"a":1}'), NOT_SILENT, "hidden_size is an object")
    add("heads", "not-dividing", config(num_attention_heads=7), NOT_SILENT, "64 is no multiple of 7")
    add("heads", "kv-more-than-q", config(num_key_value_heads=8), NOT_SILENT, "more KV heads than heads")
    add("missing", "model-type", config(model_type=None, architectures=None), NOT_SILENT, "nothing says what model this is")
    add("missing", "hidden-size", config(hidden_size=None), NOT_SILENT, "no hidden_size: a default must be named as one")
    add("model-type", "unknown", config(model_type="frobnicator", architectures=["FrobnicatorModel"]), NOT_SILENT, "unknown model type")
    add("model-type", "number", raw_config("model_type", "7"), ERROR, "model_type is a number")
    add("quantization", "group-0", config(quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 0}), NOT_SILENT, "group size 0 would be divided by")
    add("quantization", "bits-0", config(quantization_config={"quant_method": "gptq", "bits": 0, "group_size": 128}), NOT_SILENT, "0 bits per weight")
    add("code", "auto-map", config(auto_map={"AutoModel": "evil--modeling.Evil"}), WARN, "asks for code of the repository: never fetched, never run; the plain keys are counted", "trust_remote_code")
    add("code", "attn-internal", config(_attn_implementation_internal="attacker/kernels"), NOT_SILENT, "field that made transformers run code", "CVE-2026-4372")
    add("string-poison", "html", config(model_type="llama", _name_or_path=HTML), ANY, "HTML in a name")
    add("string-poison", "sql", config(_name_or_path="x'); DROP TABLE runs; --"), ANY, "SQL in a name: bound parameters only")
    add("vs-weights", "hidden-size", config(), WARN, "config says 64, the weights next to it say 32 (read both)",
        beside={"model.safetensors": st({"model.embed_tokens.weight": entry("F32", (256, 32), 0, 32768)}, bytes(32768))})

    # -- more of the same kinds
    vision = {"architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": 48, "num_hidden_layers": 2,
              "num_attention_heads": 4, "intermediate_size": 96, "image_size": 32, "patch_size": 8, "num_channels": 3}
    add("root", "number", "42", ERROR, "not an object")
    add("root", "true", "true", ERROR, "not an object")
    add("json", "raw-newline", valid.replace("silu", "si\nlu"), ERROR, "newline in a string")
    add("json", "missing-comma", valid.replace(",", "", 1), ERROR, "comma missing")
    add("json", "missing-colon", valid.replace(":", " ", 1), ERROR, "colon missing")
    add("json", "python-none", valid.replace("false", "False"), ERROR, "Python literal")
    add("heads", "kv-not-dividing", config(num_key_value_heads=3), NOT_SILENT, "4 is no multiple of 3")
    add("experts", "more-used", config(model_type="mixtral", architectures=["MixtralForCausalLM"], num_local_experts=4, num_experts_per_tok=9), NOT_SILENT, "9 of 4 experts")
    add("layer-list", "length", config(layer_types=["full_attention"] * 99), NOT_SILENT, "99 layer types for 2 layers")
    add("rope", "factor-0", config(rope_scaling={"rope_type": "linear", "factor": 0}), NOT_SILENT, "factor 0")
    add("dtype", "unknown", config(torch_dtype="float7"), NOT_SILENT, "unknown dtype: bytes cannot be told")
    add("sub-config", "null", json.dumps({"model_type": "llava", "text_config": None, "vision_config": vision}), NOT_SILENT, "text_config null")
    add("vision", "patch-0", json.dumps(dict(vision, patch_size=0)), NOT_SILENT, "patch size 0 would be divided by")
    for what, text in [("hex", "0x10"), ("plus", "+1"), ("dot", ".5"), ("underscore", "1_000"), ("minus", "-")]:
        add("json-number", what, raw_config("hidden_size", text), ERROR, "number %s" % text)
    for key in ("num_key_value_heads", "intermediate_size", "max_position_embeddings"):
        add("number-range", key + "-0", config(**{key: 0}), NOT_SILENT, key + " 0")
        add("number-kind", key + "-true", config(**{key: True}), NOT_SILENT, key + " true")
        add("number-range", key + "-2^63", config(**{key: 1 << 63}), NOT_SILENT, key + " 2^63")


# ======================================================================
# Part 10. HLO text cases.
# ======================================================================

def hlo_cases(c):
    def add(cls, name, data, want, note, ref="", **kw):
        c.add("hlo", cls, name, data, want, note, ref, **kw)
    add("valid", "tiny", HLO, OK, "dot, maximum, reduce")
    add("valid", "percent-names", HLO.replace(" x = ", " %x = ").replace("dot(x,", "dot(%x,"), OK, "names with and without percent sign")
    first = HLO.index("}\n\nENTRY")           # after the first computation: whole, but no ENTRY
    truncations(c, "hlo", HLO.encode(), text_offsets(HLO, "{}()[]=,\n\"") - {len(HLO) - 1}, "tiny",
                fine={first + 1, first + 2, first + 3})
    flips(c, "hlo", HLO.encode(), 200, c.seed, "tiny")

    add("text", "empty", "", ERROR, "0 bytes")
    add("text", "mlir", "module @m {\n  func.func public @main(%arg0: tensor<2xf32>) -> tensor<2xf32> {\n    return %arg0 : tensor<2xf32>\n  }\n}\n", ERROR, "StableHLO text: another language, say so")
    add("text", "binary", conv_model()[:200], ERROR, "binary data")
    add("text", "nul", HLO.replace("relu", "re\0lu"), ERROR, "NUL byte inside a string")
    add("text", "utf16", HLO.encode("utf-16"), ERROR, "UTF-16")
    add("text", "no-header", HLO.split("\n", 1)[1], NOT_SILENT, "no HloModule line")
    add("text", "no-entry", HLO.replace("ENTRY main", "main2"), NOT_SILENT, "no ENTRY")
    add("text", "two-entries", HLO + HLO[HLO.index("ENTRY"):].replace("main", "main3"), ERROR, "two ENTRY computations")
    add("text", "open-string", HLO.replace('"layer/relu"', '"layer/relu'), ERROR, "string without end")
    add("text", "open-comment", HLO.replace("ENTRY", "/* ENTRY"), ERROR, "comment without end")
    add("text", "4mb-line", "HloModule " + "a" * 4000000 + "\n" + HLO.split("\n", 1)[1], ANY, "a name of 4 MB")
    add("opcode", "unknown", hlo(["x = f32[2] parameter(0)", "ROOT y = f32[2] frobnicate(x)"]), NOT_SILENT, "unknown opcode")
    add("dtype", "f33", hlo(["x = f33[2] parameter(0)", "ROOT y = f33[2] negate(x)"]), ERROR, "unknown element type")
    add("ref", "undefined", hlo(["x = f32[2] parameter(0)", "ROOT y = f32[2] add(x, nowhere)"]), ERROR, "operand that is not defined")
    add("ref", "self", hlo(["x = f32[2] parameter(0)", "ROOT y = f32[2] add(x, y)"]), ERROR, "instruction reads itself")
    add("ref", "twice", hlo(["x = f32[2] parameter(0)", "x = f32[2] negate(x)", "ROOT y = f32[2] negate(x)"]), ERROR, "one name twice")
    add("ref", "to-apply-missing", hlo(["x = f32[4] parameter(0)", "z = f32[] constant(0)", "ROOT y = f32[] reduce(x, z), dimensions={0}, to_apply=nope"]), ERROR, "computation that is not there")
    add("ref", "to-apply-set-missing", hlo(["call-start = ((), (), s32[]) call-start(), to_apply={%nope}", "ROOT call-done = s32[] call-done(call-start)"]), ERROR, "same, in braces", "openxla/xla issue 49227 (SIGSEGV)")
    loop = "\n".join("f%d {\n  p = f32[2] parameter(0)\n  ROOT r = f32[2] call(p), to_apply=f%d\n}\n" % (i, 1 - i) for i in (0, 1))
    add("call-cycle", "two", hlo(["x = f32[2] parameter(0)", "ROOT y = f32[2] call(x), to_apply=f0"], more=loop), ERROR, "f0 calls f1 calls f0")
    bomb = "f40 {\n  p = f32[2] parameter(0)\n  ROOT r = f32[2] negate(p)\n}\n" + "".join(
        "f%d {\n  p = f32[2] parameter(0)\n  q = f32[2] call(p), to_apply=f%d\n  ROOT r = f32[2] call(q), to_apply=f%d\n}\n" % (i, i + 1, i + 1) for i in range(39, -1, -1))
    add("call-bomb", "2^40", hlo(["x = f32[2] parameter(0)", "ROOT y = f32[2] call(x), to_apply=f0"], more=bomb), ANY, "2^40 negates: count with memory of what is known, in no time")
    add("shape", "reshape-count", hlo(["a = f32[4,8] parameter(0)", "ROOT r = f32[31] reshape(a)"]), ERROR, "32 elements into 31", "openxla/xla issue 46955 (abort)")
    add("shape", "2^63", hlo(["a = f32[9223372036854775808] parameter(0)", "ROOT r = f32[9223372036854775808] negate(a)"]), ERROR, "dimension 2^63")
    add("shape", "20-digits", hlo(["a = f32[99999999999999999999] parameter(0)", "ROOT r = f32[99999999999999999999] negate(a)"]), ERROR, "dimension of 20 digits")
    add("shape", "product", hlo(["a = f32[4294967296,4294967296,4] parameter(0)", "ROOT r = f32[4294967296,4294967296,4] negate(a)"]), NOT_SILENT, "2^66 elements")
    add("shape", "negative", hlo(["a = f32[-4] parameter(0)", "ROOT r = f32[-4] negate(a)"]), ERROR, "dimension -4")
    add("shape", "deep-tuple", hlo(["ROOT a = " + "(" * 50000 + "f32[2]" + ")" * 50000 + " parameter(0)"]), ERROR, "tuple in tuple, 50,000 levels", "openxla/xla 59282 class")
    add("layout", "not-a-permutation", hlo(["a = f32[4,8]{1,1} parameter(0)", "ROOT r = f32[4,8]{1,1} negate(a)"]), ERROR, "layout {1,1}")
    add("dot", "contracting-out-of-range", hlo(["a = f32[4,8] parameter(0)", "b = f32[8,2] parameter(1)", "ROOT r = f32[4,2] dot(a, b), lhs_contracting_dims={7}, rhs_contracting_dims={0}"]), ERROR, "contracting dimension 7 of rank 2")
    add("dot", "contracting-mismatch", hlo(["a = f32[4,8] parameter(0)", "b = f32[9,2] parameter(1)", "ROOT r = f32[4,2] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}"]), ERROR, "8 against 9")
    add("operands", "conditional-none", hlo(["ROOT c = f32[] conditional()"]), ERROR, "conditional without operands", "openxla/xla PR 45871")
    add("operands", "reduce-window-none", hlo(["ROOT c = f32[] reduce-window(), to_apply=add"], more=HLO[HLO.index("add {"):HLO.index("ENTRY")]), ERROR, "reduce-window without operands", "openxla/xla PR 45871")
    add("attribute", "empty-dimensions", hlo(["a = f32[4] parameter(0)", "ROOT s = s32[] get-dimension-size(a), dimensions={}"]), ERROR, "dimensions={}", "openxla/xla PR 45821")
    add("attribute", "sharding-overflow", hlo(["a = f32[4] parameter(0), sharding={devices=[2,2]0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31}", "ROOT r = f32[4] negate(a)"]), ERROR, "4 places, 32 devices", "openxla/xla PR 45561 (heap overflow)")
    add("attribute", "trip-count", hlo(["x = f32[2] parameter(0)", 'ROOT y = f32[2] while(x), condition=cond, body=body, backend_config={"known_trip_count":{"n":"9223372036854775807"}}'],
        more="cond {\n  p = f32[2] parameter(0)\n  ROOT c = pred[] constant(true)\n}\n\nbody {\n  p = f32[2] parameter(0)\n  ROOT r = f32[2] negate(p)\n}\n"), NOT_SILENT, "2^63-1 trips: multiplied, not run; the product overflows")
    add("conv", "window-size-0", hlo(["a = f32[1,8,8,3] parameter(0)", "b = f32[3,3,3,4] parameter(1)", "ROOT r = f32[1,6,6,4] convolution(a, b), window={size=0x3 stride=0x1}, dim_labels=b01f_01io->b01f"]), ERROR, "window of size and stride 0")
    add("conv", "groups-0", hlo(["a = f32[1,8,8,3] parameter(0)", "b = f32[3,3,3,4] parameter(1)", "ROOT r = f32[1,6,6,4] convolution(a, b), window={size=3x3}, dim_labels=b01f_01io->b01f, feature_group_count=0"]), ERROR, "feature_group_count 0")
    add("literal", "nested", hlo(["ROOT a = f32[2] constant(" + "{" * 100000 + "1" + "}" * 100000 + ")"]), ERROR, "100,000 braces")
    add("literal", "count", hlo(["ROOT a = f32[2] constant({1, 2, 3})"]), ERROR, "three values for two")
    add("tuple", "index", hlo(["a = (f32[2], f32[2]) parameter(0)", "ROOT r = f32[2] get-tuple-element(a), index=7"]), ERROR, "element 7 of 2")
    add("parameter", "twice", hlo(["a = f32[2] parameter(0)", "b = f32[2] parameter(0)", "ROOT r = f32[2] add(a, b)"]), ERROR, "parameter 0 twice")
    add("parameter", "2^31", hlo(["a = f32[2] parameter(2147483647)", "ROOT r = f32[2] negate(a)"]), ERROR, "parameter number 2^31-1")
    add("name-poison", "html", HLO.replace("layer/relu", "<script>alert(1)</script>"), ANY, "HTML in op_name")
    add("name-poison", "terminal", HLO.replace("layer/relu", "\x1b[2J\x1b]0;x\x07"), ANY, "terminal control in op_name")

    # -- more of the same kinds
    add("text", "extra-brace", HLO + "}\n", ERROR, "one brace too many")
    add("ref", "later", hlo(["ROOT y = f32[2] negate(x)", "x = f32[2] parameter(0)"]), ERROR, "used before it is defined")
    add("operands", "concatenate-none", hlo(["ROOT r = f32[4] concatenate(), dimensions={0}"]), ERROR, "nothing to concatenate")
    add("operands", "dot-three", hlo(["a = f32[2,2] parameter(0)", "ROOT r = f32[2,2] dot(a, a, a), lhs_contracting_dims={1}, rhs_contracting_dims={0}"]), ERROR, "dot of three")
    add("attribute", "missing", hlo(["a = f32[4,2] parameter(0)", "ROOT r = f32[2,4] transpose(a)"]), ERROR, "transpose without dimensions")
    add("shape", "transpose-twice", hlo(["a = f32[4,2] parameter(0)", "ROOT r = f32[4,4] transpose(a), dimensions={0,0}"]), ERROR, "a dimension twice")
    add("shape", "slice-past-end", hlo(["a = f32[4] parameter(0)", "ROOT r = f32[9] slice(a), slice={[0:9]}"]), ERROR, "slice 0:9 of 4")
    add("shape", "pad-negative", hlo(["a = f32[4] parameter(0)", "z = f32[] constant(0)", "ROOT r = f32[1] pad(a, z), padding=-9_0"]), ERROR, "padded to less than nothing")
    add("shape", "concat-sum", hlo(["a = f32[4] parameter(0)", "ROOT r = f32[9] concatenate(a, a), dimensions={0}"]), ERROR, "4 + 4 is not 9")
    add("shape", "elementwise", hlo(["a = f32[4] parameter(0)", "b = f32[5] parameter(1)", "ROOT r = f32[4] add(a, b)"]), ERROR, "4 and 5")
    add("conv", "labels", hlo(["a = f32[1,8,8,3] parameter(0)", "b = f32[3,3,3,4] parameter(1)", "ROOT r = f32[1,6,6,4] convolution(a, b), window={size=3x3}, dim_labels=b01f_01io->b01q"]), ERROR, "dimension label q")
    add("literal", "overflow", hlo(["ROOT a = s8[] constant(99999)"]), ERROR, "99999 in 8 bits")
    add("literal", "text", hlo(["ROOT a = f32[] constant(seven)"]), ERROR, "a word")
    add("tuple", "index-negative", hlo(["a = (f32[2], f32[2]) parameter(0)", "ROOT r = f32[2] get-tuple-element(a), index=-1"]), ERROR, "element -1")
    add("parameter", "gap", hlo(["a = f32[2] parameter(0)", "b = f32[2] parameter(2)", "ROOT r = f32[2] add(a, b)"]), ERROR, "parameters 0 and 2")
    add("root", "two", hlo(["a = f32[2] parameter(0)", "ROOT b = f32[2] negate(a)", "ROOT r = f32[2] negate(b)"]), ERROR, "two roots")


# ======================================================================
# Part 11. Archives (torch .pt2) and result stores.
# ======================================================================

def pt2_cases(c):
    def add(cls, name, data, want, note, ref=""):
        c.add("pt2", cls, name, data, want, note, ref)

    def archive(files, compress=zipfile.ZIP_STORED):
        buf = io.BytesIO()
        with zipfile.ZipFile(buf, "w", compress) as z:
            for n, b in files:
                z.writestr(zipfile.ZipInfo(n, (2020, 1, 1, 0, 0, 0)), b, compress)
        return buf.getvalue()
    good = archive([("m/archive_format", "pt2"), ("m/version", "1"), ("m/models/model.json", "{}"), ("m/data/weights/weight_0", b"\0" * 64)])
    for k in (0, 1, 4, 26, 30, 40, len(good) - 23, len(good) - 22, len(good) - 10, len(good) - 1):
        add("truncated", "%05d" % k, good[:k], ERROR, "archive cut after byte %d of %d" % (k, len(good)))
    add("zip", "traversal", archive([("m/archive_format", "pt2"), ("../../../tmp/evil", "x")]), ERROR, "member name leaves the folder: nothing is ever written anyway", "zip slip")
    add("zip", "bomb", archive([("m/archive_format", "pt2"), ("m/models/model.json", b" " * 100000000)], zipfile.ZIP_DEFLATED), ERROR, "100 MB of blanks in 97 kB: stop at a ratio or a size", "Fifield, A better zip bomb")
    add("zip", "twice", archive([("m/archive_format", "pt2"), ("m/models/model.json", "{}"), ("m/models/model.json", '{"other":1}')]), NOT_SILENT, "one member name twice: first and last differ")
    b = bytearray(good)
    p = b.rindex(b"PK\1\2")
    b[p + 24:p + 28] = b"\xff\xff\xff\x7f"
    add("zip", "size-lies", bytes(b), ERROR, "central directory says 2 GiB for 64 bytes", "pytorch issue 185440")
    b = bytearray(good)
    p = b.rindex(b"PK\5\6")
    b[p + 16:p + 20] = b"\xff\xff\xff\xff"
    add("zip", "directory-offset", bytes(b), ERROR, "offset of the directory is 2^32-1 and there is no zip64 record", "pytorch issue 74798")
    add("pickle", "data-pkl", archive([("m/data.pkl", b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03."), ("m/version", "3")]), ERROR, "a pickle: refused by name, never read", "torch.load")


def store_cases(c):
    import sqlite3
    path = os.path.join(c.folder, "tmp.sqlite")

    def build(sql):
        if os.path.exists(path):
            os.remove(path)
        db = sqlite3.connect(path)
        db.executescript(sql)
        db.commit()
        db.close()
        with open(path, "rb") as f:
            b = f.read()
        os.remove(path)
        return b
    good = build("PRAGMA page_size=4096; CREATE TABLE runs(id INTEGER PRIMARY KEY, model TEXT, ms REAL); INSERT INTO runs VALUES(1,'m',1.5);")

    def add(cls, name, data, want, note, ref=""):
        c.add("store", cls, name, data, want, note, ref)
    add("not-a-store", "text", b"hello\n" * 1000, ERROR, "not a database; it must not be overwritten")
    add("not-a-store", "foreign", good, ERROR, "a database of somebody else (no application_id of ours): must not be migrated")
    add("damaged", "half", good[:4096 + 2000], ERROR, "second page cut")
    b = bytearray(good)
    b[100:140] = b"\xff" * 40
    add("damaged", "root-page", bytes(b), ERROR, "first b-tree page overwritten: quick_check finds it")
    add("schema", "trigger", build("CREATE TABLE runs(id INTEGER PRIMARY KEY, model TEXT); CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END;"), ERROR, "trigger that throws results away: trusted_schema=OFF, schema compared", "sqlite.org/security.html")
    add("schema", "future", build("PRAGMA user_version=2147483647; CREATE TABLE runs(id INTEGER PRIMARY KEY);"), ERROR, "schema version of the future: refused, untouched")


# ======================================================================

def main():
    p = argparse.ArgumentParser(description="Write malformed model files and a manifest.")
    p.add_argument("folder")
    p.add_argument("--seed", type=int, default=20240)
    args = p.parse_args()
    c = Corpus(args.folder, args.seed)
    for fmt in EXTENSION:                      # links lead out of the model folder to here
        c.write(fmt + "/outside/canary.txt", CANARY + b"\n" + b"x" * 64)
    c.write("outside/canary.txt", CANARY + b"\n" + b"x" * 64)
    onnx_cases(c)
    gguf_cases(c)
    safetensors_cases(c)
    config_cases(c)
    hlo_cases(c)
    pt2_cases(c)
    store_cases(c)
    c.finish(os.path.basename(__file__))


if __name__ == "__main__":
    main()
