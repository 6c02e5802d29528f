#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""The file of variables, damaged in some thousand ways: it is refused with a ValueError, or is read to its end, and
costs no more memory than it has bytes.

SPK_TREE: the build to test; without one, the sources."""

import importlib.util
import json
import os
import random
import struct
import sys
import tempfile
import tracemalloc
import unittest
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from package import folder  # noqa: E402

HEADER = struct.Struct("<8sIIQQQ")
SEED, ROUNDS = 20261130, 6000
NUMBERS = (0, 1, 63, 64, 4095, 4096, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
# In place of something in the index, as JSON.
VALUES = ("null", "-1", "1e400", "[]", "{}", '""', '"\\ud800"', "[[1,2],[3]]", "1.0", "true", "9" * 400, "[" * 2000 + "]" * 2000)


def _module():
    path = os.path.join(folder(), "persist", "variables_file.py")
    spec = importlib.util.spec_from_file_location("variables_file", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


variables_file = _module()


def _written():
    """A file as there are: pickles, buffers that are copied and mapped, an index."""
    buffers = [memoryview(bytes(range(256)) * 20), memoryview(bytearray(b"\0" * (1 << 20))), memoryview(b"")]
    packages = [
        variables_file.Package({"names": ["x", "y"], "how": "pickle"}, b"pickle of x and y", buffers),
        variables_file.Package({"names": []}, b"", []),
    ]
    with tempfile.TemporaryFile() as file:
        length = variables_file.write(file.fileno(), {"cell": "x = 1", "depth": [1, [2, [3]]]}, packages)
        return os.pread(file.fileno(), length, 0)


class Damaged(unittest.TestCase):
    def setUp(self) -> None:
        self.good = _written()
        self.random = random.Random(SEED)
        self.file = tempfile.TemporaryFile()
        self.addCleanup(self.file.close)

    def read(self, data):
        """What comes of these bytes: everything that a reader of the file looks at, or None, when they are refused."""
        descriptor = self.file.fileno()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, data, 0)
        try:
            reader = variables_file.Reader(descriptor)
        except ValueError as problem:
            self.assertTrue(str(problem))
            return None
        found = []
        for package in reader.packages(self.random.random() < 0.5):
            self.assertLessEqual(len(package.data) + sum(buffer.nbytes for buffer in package.buffers), 4 * len(data))
            found.append((package.about, bytes(package.data), [bytes(buffer) for buffer in package.buffers]))
            for buffer in package.buffers:
                reader.is_original(buffer, 0)
        return reader.index, found

    def refused(self, data, what):
        self.assertTrue(self.read(data) is None, f"{what} was not refused")

    def refit(self, text, body):
        """A file with that index, which its header knows as its own."""
        return HEADER.pack(b"SPKVARS\n", 1, zlib.crc32(text), len(body) + len(text), len(body), len(text)) + body[HEADER.size :] + text

    def test_the_good_one(self):
        index, found = self.read(self.good)
        self.assertEqual(index["cell"], "x = 1")
        self.assertEqual([bytes(data) for _, data, _ in found], [b"pickle of x and y", b""])
        self.assertEqual([len(buffer) for buffer in found[0][2]], [5120, 1 << 20, 0])

    def test_flipped_bits(self):
        header, index_at = HEADER.size, HEADER.unpack_from(self.good)[4]
        for _ in range(ROUNDS // 2):
            data = bytearray(self.good)
            for _ in range(self.random.randint(1, 4)):
                where = self.random.choice((range(header), range(index_at, len(data)), range(len(data))))
                data[self.random.choice(where)] ^= 1 << self.random.randrange(8)
            self.read(bytes(data))

    def test_cut_off(self):
        ends = {*range(80), *(self.random.randrange(len(self.good)) for _ in range(500)), len(self.good) - 1}
        for end in sorted(ends):
            self.refused(self.good[:end], end)

    def test_numbers_of_the_header(self):
        fields = HEADER.unpack_from(self.good)
        for which in range(1, 6):
            for number in NUMBERS:
                changed = list(fields)
                changed[which] = number & (0xFFFFFFFF if which < 3 else 2**64 - 1)
                if changed != list(fields):
                    self.refused(HEADER.pack(*changed) + self.good[HEADER.size :], (which, number))

    def test_another_index_with_its_checksum(self):
        *_, offset, length = HEADER.unpack_from(self.good)
        body, text = self.good[:offset], self.good[offset:]
        for _ in range(ROUNDS // 2):
            changed = bytearray(text)
            for _ in range(self.random.randint(1, 3)):
                at = self.random.randrange(len(changed))
                upto = at + self.random.randint(0, 12)
                other = self.random.choice((*VALUES, *map(str, NUMBERS), chr(self.random.randrange(256))))
                changed[at:upto] = other.encode("utf-8", "surrogatepass")
            self.read(self.refit(bytes(changed), body))

    def test_places_that_are_none(self):
        *_, offset, length = HEADER.unpack_from(self.good)
        body, described = self.good[:offset], json.loads(self.good[offset:])
        for value in (None, True, 1.0, "1", [], -1, 63, 2**63, 2**64, 10**400, offset + 1):
            for which in range(2):
                if (value, which) == (63, 1):
                    continue  # a length like others
                changed = json.loads(json.dumps(described))
                changed["packages"][0]["buffers"][0][which] = value
                self.refused(self.refit(json.dumps(changed).encode(), body), (value, which))
        for packages in (None, 1, "text", {"a": 1}, [1], [[]], [{}], [{"pickle": [64, 1]}], [{"about": 1, "pickle": [64, 1], "buffers": []}]):
            changed = dict(described, packages=packages)
            self.refused(self.refit(json.dumps(changed).encode(), body), packages)
        for text in (b"", b"null", b"[]", b"5", b'{"index": 1}', b"\xff", b"[" * 100000, b'{"packages":[],"index":' + b"[" * 100000):
            self.refused(self.refit(text, body), text[:40])

    def test_memory(self):
        """A header that promises much has nothing allocated for it."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for total in NUMBERS:
            self.read(HEADER.pack(b"SPKVARS\n", 1, 0, total, 64, max(total - 64, 0)) + bytes(100))
        self.assertLess(tracemalloc.get_traced_memory()[1], 1 << 20)


if __name__ == "__main__":
    unittest.main()
