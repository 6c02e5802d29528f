#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Reading traces: those of a real Score-P against its own profile of the same run, and archives that are none."""

from __future__ import annotations

import csv
import os
import shutil
import unittest
from typing import Any, Dict, List

from support import ROOT, Case

FIXTURES = os.path.join(ROOT, "test", "fixtures")


def trace_of(name: str) -> str:
    return os.path.join(FIXTURES, f"scorep-{name}", "traces.otf2")


class Fixtures(Case):
    def read(self, name: str, apart: str = "together") -> Dict[str, Any]:
        driver = f"report(tracer.read_trace({trace_of(name)!r}, {apart!r}, lambda done, whole: True))"
        return self.drive(driver)[0]

    def test_regions_are_those_of_the_profile(self) -> None:
        for name in ("single", "threads", "ranks"):
            found = {row[0]: row for row in self.read(name)["regions"]}
            with open(os.path.join(FIXTURES, f"scorep-{name}", "profile.csv"), newline="") as file:
                for region, visits, exclusive, inclusive in list(csv.reader(file))[1:]:
                    if region.startswith("python3"):
                        continue  # the whole program, which a trace does not have as a region
                    with self.subTest(name=name, region=region):
                        row = found.pop(region)
                        self.assertEqual(row[3], int(visits))
                        self.assertAlmostEqual(row[4] / 1e9, float(inclusive), delta=2e-5 * float(inclusive) + 3e-9)
                        self.assertAlmostEqual(row[5] / 1e9, float(exclusive), delta=2e-5 * float(exclusive) + 3e-9)
            self.assertEqual(found, {})

    def paths(self, found: Dict[str, Any]) -> Dict[tuple, int]:
        """How often each chain of calls was met."""
        chains: List[tuple] = []
        visits = {}
        for parent, function, thread, count, *_ in found["nodes"]:
            chain = (thread,) if parent < 0 else (*chains[parent], found["functions"][function][0])
            chains.append(chain)
            visits[chain] = count
        return visits

    def test_calls_are_the_programs(self) -> None:
        found = self.read("single")
        self.assertEqual((found["partial"], found["full"], found["unpaired"], found["locations"]), (False, False, 0, 1))
        paths = self.paths(found)
        steps = (0, "__main__:main", "__main__.Rod:run", "__main__:step")
        self.assertEqual((paths[steps], paths[(*steps, "__main__:neighbours")]), (10, 180))
        self.assertEqual(sum(count for chain, count in paths.items() if chain[-1] == "__main__:fib"), 67)

    def test_threads_and_ranks_apart(self) -> None:
        found = self.read("threads", "threads")
        self.assertEqual(len(found["threads"]), 3)
        self.assertEqual(found["threads"][0][0], "Master thread")
        fibs = [0, 0, 0]
        for chain, count in self.paths(found).items():
            fibs[chain[0]] += count if chain[-1] == "__main__:fib" else 0
        self.assertEqual(sorted(fibs), [25, 25, 67])
        found = self.read("ranks", "ranks")
        self.assertEqual([rank for _, rank in found["threads"]], [0, 1])
        self.assertEqual(sum(row[3] for row in found["regions"] if row[0] == "MPI_Send"), 2)

    def test_it_can_be_ended(self) -> None:
        path = trace_of("threads")
        driver = f"""
asked = []
report(tracer.read_trace({path!r}, "together", lambda done, whole: asked.append((done, whole)))["partial"])
report(len(asked))
try:
    tracer.read_trace({path!r}, "together", lambda done, whole: 1 / 0)
except ZeroDivisionError:
    report("raised")
"""
        self.assertEqual(self.drive(driver), [True, 1, "raised"])

    def test_arguments(self) -> None:
        path = trace_of("single")
        driver = f"""
for arguments in (({path!r}, "cores", print), ({path!r},), ("/nowhere/traces.otf2", "together", print), (1, 2, 3)):
    try:
        tracer.read_trace(*arguments)
    except (OSError, TypeError, ValueError) as problem:
        report(type(problem).__name__)
"""
        self.assertEqual(self.drive(driver), ["ValueError", "TypeError", "FileNotFoundError", "TypeError"])


class Damaged(Case):
    """In processes of their own, as users' archives are read: OTF2's reader may end them."""

    def setUp(self) -> None:
        super().setUp()
        self.archive = os.path.join(self.directory, "archive")
        shutil.copytree(os.path.join(FIXTURES, "scorep-threads"), self.archive)

    def result(self) -> str:
        """The kind of what is raised; empty: something was read."""
        driver = f"""
try:
    tracer.read_trace({os.path.join(self.archive, "traces.otf2")!r}, "threads", lambda done, whole: True)
    report("")
except (OSError, ValueError) as problem:
    report(type(problem).__name__)
"""
        return self.drive(driver)[0]

    def events(self) -> List[str]:
        return [
            os.path.join(parent, name)
            for parent, _, names in os.walk(self.archive)
            for name in names
            if name.endswith(".evt")
        ]

    def test_whole(self) -> None:
        self.assertEqual(self.result(), "")

    def test_without_events(self) -> None:
        for path in self.events():
            os.unlink(path)
        self.assertEqual(self.result(), "")

    def test_without_definitions(self) -> None:
        os.unlink(os.path.join(self.archive, "traces.def"))
        self.assertEqual(self.result(), "FileNotFoundError")

    def test_events_that_are_cut_off(self) -> None:
        for path in self.events():
            os.truncate(path, os.path.getsize(path) // 2)
        self.assertEqual(self.result(), "")

    def test_anchors_that_are_none(self) -> None:
        for content in (b"", b"\0" * 100, b"x" * 500, b"OTF2"):
            with open(os.path.join(self.archive, "traces.otf2"), "wb") as file:
                file.write(content)
            self.assertEqual(self.result(), "ValueError")


if __name__ == "__main__":
    unittest.main()
