# SPDX-License-Identifier: BSD-3-Clause
"""The file in which variables travel: a header, pickles, buffers that can be mapped, an index. It knows nothing of
what is in them, and opens no path: it is given a descriptor.

    header (64 bytes, written last, so that a torn file has none) | pickles | buffers, each aligned | index (JSON)"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import weakref
import zlib
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple

# The environment variable that names the directory in which others open it.
DIRECTORY = "SCOREP_JUPYTER_PERSISTENCE_DIR"
# Every buffer begins at a multiple of it.
ALIGNMENT = 4096

_HEADER = struct.Struct("<8sIIQQQ")  # magic, version, CRC-32 of the index, length of the file, index: offset, length
_HEADER_LEN = 64
_MAGIC = b"SPKVARS\n"
_VERSION = 1
# Linux writes no more than 2 GiB at a time; a smaller piece also lets an interrupt through.
_PIECE_LEN = 1 << 28
_CHUNK_LEN = 1 << 20
# What is smaller is copied out of a file that should not be kept for its sake.
_WORTH_MAPPING = 1 << 20
# In which buffers of variables lie: they belong to those variables, and to nobody else.
MAPPINGS: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()


class Package(NamedTuple):
    """What belongs together: one pickle with its buffers."""

    about: Dict[str, Any]  # for JSON
    data: bytes
    buffers: Sequence[memoryview]


class Unwritable(OSError):
    """The file could not be filled."""

    needed = 0  # bytes, about


def write(file_descriptor: int, index: Dict[str, Any], packages: Sequence[Package]) -> int:
    """Fill the file. Its length in bytes. Unwritable: it could not be filled, and is empty."""
    try:
        return _fill(file_descriptor, index, packages)
    except OSError as problem:
        os.ftruncate(file_descriptor, 0)
        failed = Unwritable(problem.errno, problem.strerror)
        failed.needed = _HEADER_LEN + sum(len(package.data) for package in packages)
        failed.needed += sum(buffer.nbytes + ALIGNMENT for package in packages for buffer in package.buffers)
        raise failed from None


def _fill(file_descriptor: int, index: Dict[str, Any], packages: Sequence[Package]) -> int:
    os.ftruncate(file_descriptor, 0)
    end = _HEADER_LEN
    described: List[Dict[str, Any]] = []
    for package in packages:
        described.append({"about": package.about, "pickle": [end, len(package.data)], "buffers": []})
        end = _write(file_descriptor, memoryview(package.data), end)
    for package, entry in zip(packages, described):
        for buffer in package.buffers:
            end = -(-end // ALIGNMENT) * ALIGNMENT
            entry["buffers"].append([end, buffer.nbytes])
            end = _write(file_descriptor, buffer, end)
    text = json.dumps({"index": index, "packages": described}).encode()
    total = _write(file_descriptor, memoryview(text), end)
    header = _HEADER.pack(_MAGIC, _VERSION, zlib.crc32(text), total, end, len(text))
    _write(file_descriptor, memoryview(header), 0)
    return total


def _write(file_descriptor: int, data: memoryview, offset: int) -> int:
    while data.nbytes:
        written = os.pwrite(file_descriptor, data[:_PIECE_LEN], offset)
        data, offset = data[written:], offset + written
    return offset


class Reader:
    """A file that was written, mapped privately: what is written to its buffers changes the file for nobody."""

    def __init__(self, file_descriptor: int, begin: int = 0) -> None:
        """begin: where it is, if it is not all of the file; a multiple of ALIGNMENT."""
        size = os.fstat(file_descriptor).st_size - begin
        magic, version, checksum, total, offset, length = _header(file_descriptor, begin)
        if magic != _MAGIC:
            raise ValueError("these are no variables of a notebook: the file does not begin as one, or is incomplete")
        if version != _VERSION:
            raise ValueError(f"these variables were written by another version ({version}, not {_VERSION})")
        if total > size or offset > total or length != total - offset:
            raise ValueError(f"the file of variables is damaged: it has {size} bytes, and should have {total}")
        # Before 3.13 a mapping always keeps a descriptor of its own, which lies where users' code may close it.
        untracked: Dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
        self._mapping = mmap.mmap(file_descriptor, total, access=mmap.ACCESS_COPY, offset=begin, **untracked)
        self._original = mmap.mmap(file_descriptor, total, access=mmap.ACCESS_READ, offset=begin, **untracked)
        MAPPINGS.add(self._mapping)
        self.view = memoryview(self._mapping)
        self.original = memoryview(self._original)
        text = self._original[offset:]
        if zlib.crc32(text) != checksum:
            raise ValueError("the file of variables is damaged: its index has another checksum")
        try:
            described = json.loads(text)
            self.index: Dict[str, Any] = described["index"]
            self._packages = [self._checked(entry, offset) for entry in described["packages"]]
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"the file of variables is damaged: its index lacks {problem}") from None
        except RecursionError:
            raise ValueError("the file of variables is damaged: its index is nested too deeply") from None

    def packages(self, keep: bool) -> Iterator[Package]:
        """What was written; keep: the file stays for as long as any of its buffers is used."""
        for about, (offset, length), buffers in self._packages:
            yield Package(about, self._original[offset : offset + length], [self._buffer(b, keep) for b in buffers])

    def _buffer(self, place: Tuple, keep: bool) -> memoryview:
        offset, length = place
        buffer = self.view[offset : offset + length]
        return buffer if keep or length >= _WORTH_MAPPING else memoryview(bytearray(buffer))

    def _checked(self, entry: Dict[str, Any], end: int) -> Tuple[Dict[str, Any], Tuple, List[Tuple]]:
        ranges = [entry["pickle"], *entry["buffers"]]
        for offset, length in ranges:
            if type(offset) is not int or type(length) is not int or not (_HEADER_LEN <= offset <= end and 0 <= length):
                raise ValueError("the file of variables is damaged: its index is not one")
            if length > end - offset:
                raise ValueError("the file of variables is damaged: something in it ends after it")
        return dict(entry["about"]), tuple(ranges[0]), [tuple(pair) for pair in ranges[1:]]

    def is_original(self, buffer: memoryview, offset: int) -> bool:
        """Whether a buffer is what the file has at offset."""
        # A bytearray compares with memcmp, and a chunk of it stays in the cache.
        scratch, length = bytearray(_CHUNK_LEN), buffer.nbytes
        for begin in range(0, length, _CHUNK_LEN):
            chunk = buffer[begin : begin + _CHUNK_LEN]
            if chunk.nbytes < _CHUNK_LEN:
                scratch = bytearray(chunk.nbytes)
            scratch[:] = self.original[offset + begin : offset + begin + chunk.nbytes]
            if scratch != chunk:
                return False
        return True


def _header(file_descriptor: int, begin: int) -> Tuple:
    data = os.pread(file_descriptor, _HEADER.size, begin)
    if len(data) < _HEADER.size:
        raise ValueError("these are no variables of a notebook: the file is too short")
    return _HEADER.unpack(data)
