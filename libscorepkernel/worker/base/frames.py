# SPDX-License-Identifier: BSD-3-Clause
"""Frames as bytes: the Python side of libscorepkernel/wire/frame.h, which says what they look like and why."""

from __future__ import annotations

import base64
import json
import math
import socket
import struct
from typing import Any, Iterable, NamedTuple, Optional

HEADER = struct.Struct("<IHHQQ")
_U32 = struct.Struct("<I")
# What the library takes in one frame (FRAME_MAX_LEN), less some room for what stands around the outputs.
MAX_LEN = (128 << 20) - 65536
# In one frame (FRAME_MAX_FDS).
MAX_DESCRIPTORS = 8


class Frame(NamedTuple):
    """One message from the library."""

    kind: int
    request: int
    parts: list
    descriptors: int  # how many came with it


def u32(value: int) -> bytes:
    """A number, as a part of a frame."""
    return _U32.pack(value)


def _plain(value: Any) -> Any:
    """What JSON has no word for, in a form that it has: the last resort of json.dumps."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset, tuple)) or hasattr(value, "__iter__"):
        return list(value)
    return repr(value)


def _finite(value: Any) -> Any:
    """The same value with NaN and infinities as text: JSON has no numbers for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def dump(value: Any) -> bytes:
    """A value as JSON in UTF-8."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (ValueError, TypeError):
        text = json.dumps(_finite(value), ensure_ascii=False, default=_plain)
    return text.encode("utf-8", "replace")


def payload(parts: Iterable[bytes]) -> bytes:
    """What follows a frame's header: each part behind its length."""
    return b"".join(piece for part in parts for piece in (_U32.pack(len(part)), part))


def decode(data: bytearray) -> Optional[Frame]:
    """Take the first frame off data; None: it is not whole yet."""
    if len(data) < HEADER.size:
        return None
    length, kind, descriptors, request, _ = HEADER.unpack_from(data)
    end = HEADER.size + length
    if len(data) < end:
        return None
    parts, at = [], HEADER.size
    while at < end:
        (size,) = _U32.unpack_from(data, at)
        parts.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    del data[:end]
    return Frame(kind, request, parts, descriptors)


def receive_one(connection: socket.socket) -> Optional[Frame]:
    """Wait for one frame on a socket that is nobody's connection yet; None: it was closed."""
    data = bytearray()
    while (frame := decode(data)) is None:
        chunk = connection.recv(1 << 16)
        if not chunk:
            return None
        data += chunk
    return frame
