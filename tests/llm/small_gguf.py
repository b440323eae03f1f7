# SPDX-License-Identifier: Apache-2.0
"""Small GGUF files: keys, names and dimensions as given, and zeros for numbers."""
import math
import struct

F32, F16 = 0, 1
U16, U32, BOOL, STRING, ARRAY = 2, 4, 7, 8, 9
FORMATS = {U16: "<IH", U32: "<II", BOOL: "<IB"}


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def key(name, value, kind=U32):
    """A string as text; of an array all that follows its kind."""
    if kind == STRING:
        return text(name) + struct.pack("<I", STRING) + text(value)
    if kind == ARRAY:
        return text(name) + struct.pack("<I", ARRAY) + value
    return text(name) + struct.pack(FORMATS[kind], kind, value)


def gguf(head, parts, counts=None):
    """Keys and {name: dimensions}, those from the innermost one; all tensors are f16."""
    info, at = b"", 0
    for name, dims in parts.items():
        info += text(name) + struct.pack("<I", len(dims)) + struct.pack("<%dQ" % len(dims), *dims)
        info += struct.pack("<IQ", F16, at)
        at += -(-2 * math.prod(dims) // 32) * 32
    n = counts or (len(parts), len(head))
    out = b"GGUF" + struct.pack("<IQQ", 3, *n) + b"".join(head) + info
    return out + bytes(-len(out) % 32) + bytes(at)
