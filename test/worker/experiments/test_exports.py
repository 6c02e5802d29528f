# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Files for other viewers, made of a report as experiments keep it: what is in them, and that a report which is damaged is
refused with a sentence."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import shutil
import unittest
from typing import Any, Dict, List, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
import kept_report  # noqa: E402
import package  # noqa: E402

package.load()
from spk_worker.experiments import exports, kept, regions  # noqa: E402

HOSTILE = ("x" * 100_000, "a\nb\r\u2028;\"'<script>", "\ud800half", "\0", "")


def exported(form: str, report: Dict[str, Any]) -> bytes:
    return exports.FORMATS[form].make(kept.Experiment("/tmp/experiment", {}), report)


def fields(data: bytes) -> List[Tuple[int, Any]]:
    """What a protocol buffer holds: numbers, and bytes."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        value: Any = varint()
        if key & 7 == 2:
            assert at + value <= len(data)
            value, at = data[at : at + value], at + value
        found.append((key >> 3, value))
    return found


def packed(data: bytes) -> List[int]:
    return [value for _, value in fields(b"".join(b"\x08" + piece for piece in _varints(data)))]


def _varints(data: bytes) -> List[bytes]:
    pieces, begin = [], 0
    for at, byte in enumerate(data):
        if byte < 128:
            pieces.append(data[begin : at + 1])
            begin = at + 1
    return pieces


class Profile:
    """A pprof file, with the numbers of texts, functions and locations looked up."""

    def __init__(self, content: bytes) -> None:
        everything = fields(gzip.decompress(content))
        self.texts = [value.decode() for number, value in everything if number == 6]
        functions = {dict(one)[1]: dict(one) for one in self._all(everything, 5)}
        self.functions = {
            number: (self.texts[one.get(2, 0)], self.texts[one.get(4, 0)], one.get(5, 0)) for number, one in functions.items()
        }
        self.locations: Dict[int, Tuple[str, int]] = {}
        for one in map(dict, self._all(everything, 4)):
            line = dict(fields(one[4]))
            self.locations[one[1]] = self.functions[line[1]][0], line[2]
        self.types = [tuple(self.texts[index] for _, index in one) for one in self._all(everything, 1)]
        self.samples = [self._sample(one) for one in self._all(everything, 2)]

    @staticmethod
    def _all(everything: List[Tuple[int, Any]], wanted: int) -> List[List[Tuple[int, Any]]]:
        return [fields(value) for number, value in everything if number == wanted]

    def _sample(self, one: List[Tuple[int, Any]]) -> Tuple[Any, Any, Any]:
        labels = [dict(fields(value)) for number, value in one if number == 3]
        stack = [self.locations[location] for location in packed(dict(one)[1])]
        named = {self.texts[label[1]]: self.texts[label[2]] if 2 in label else label[3] for label in labels}
        return stack, packed(dict(one)[2]), named


class Pprof(unittest.TestCase):
    def test_what_is_in_it(self) -> None:
        made = exported("pprof", kept_report.report())
        profile = Profile(made)
        self.assertEqual(profile.texts[0], "")
        self.assertEqual(profile.types[:3], [("samples", "count"), ("wall", "nanoseconds"), ("python", "nanoseconds")])
        self.assertIn(("work", "In [7]", 5), profile.functions.values())
        self.assertIn(("apply", "/lib/pandas/frame.py", 7), profile.functions.values())
        ms, cell, thread = 10**6, {"thread": "the cell"}, {"thread": "rank 3: thread 1", "rank": 3}
        self.assertEqual(
            profile.samples,
            [
                ([("<module>", 2)], [100, 150 * ms, 100 * ms, 0, 50 * ms, 0], cell),
                # What was ready is divided as what is known: three quarters are Python's.
                ([("work", 6), ("<module>", 2)], [100, 80 * ms, 60 * ms, 20 * ms, 0, 0], cell),
                # Of which nothing is known: it stood at one place for longer, so it was native.
                ([("apply", 8), ("work", 6), ("<module>", 2)], [100, 30 * ms, 0, 30 * ms, 0, 0], cell),
                ([("work", 6)], [90, 90 * ms, 10 * ms, 0, 0, 80 * ms], thread),
            ],
        )
        self.assertEqual(made, exported("pprof", kept_report.report()), "it holds no time of its making")

    def test_names(self) -> None:
        for name in HOSTILE:
            profile = Profile(exported("pprof", kept_report.report(name)))
            self.assertIn(name.encode("utf-8", "replace").decode(), profile.texts)

    def test_pprof_itself(self) -> None:
        program = shutil.which("pprof")
        if not program:
            self.skipTest("there is no pprof on PATH")
        for name in ("work", *HOSTILE):
            with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
                file.write(exported("pprof", kept_report.report(name)))
                file.flush()
                done = subprocess.run([program, "-top", "-sample_index=gil", file.name], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("of 80ms total", done.stdout)


class Formats(unittest.TestCase):
    def test_names(self) -> None:
        """None breaks the lines of a format, its JSON, or UTF-8."""
        for name in HOSTILE:
            report = kept_report.report(name)
            folded = exported("folded", report).decode()
            self.assertEqual([line.rpartition(" ")[2] for line in folded[:-1].split("\n")], ["150000", "80000", "30000", "90000"])
            scope = json.loads(exported("speedscope", report))
            self.assertEqual([one["name"] for one in scope["profiles"]], ["the cell", "rank 3: thread 1"])
            self.assertEqual([one["endValue"] for one in scope["profiles"]], [260_000_000, 90_000_000])
            self.assertEqual(len(json.loads(exported("chrome", report))["traceEvents"]), 7)

    def test_what_is_damaged(self) -> None:
        """Nothing but these errors, whatever a report holds that passed as one."""
        refused = 0
        for report in kept_report.wrong_reports():
            for form in set(exports.FORMATS) - {"html"}:
                try:
                    self.assertIsInstance(exported(form, {**report, "directory": "/tmp/experiment"}), bytes)
                except exports.PROBLEMS as problem:
                    self.assertRegex(str(problem), r"^[TA-Z].*\.$")
                    refused += 1
        self.assertGreater(refused, 100)

    def test_regions_that_are_damaged(self) -> None:
        self.assertIsNotNone(regions.read(kept_report.report()))
        rows = [regions.read(report) for report in kept_report.wrong_reports()]
        self.assertGreater(rows.count(None), 50)
        for row in (row for one in rows if one for row in one):
            self.assertEqual([type(value) for value in row[:6]], [str, str, int, int, int, int])


if __name__ == "__main__":
    unittest.main()
