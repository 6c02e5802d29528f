#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What was measured is handed on to the user's own analysis: tables that agree with the trace, by both systems."""

from __future__ import annotations

import os
import subprocess
import unittest
from typing import Any, List

import ranked
from kernel import PYTHON, KernelCase, Trace
from measuring import ByScoreP, TracedCase

CODE = """%%execute_with_scorep
import threading, time
other = threading.Thread(target=busy, args=(0.1,))
other.start(); other.join()
busy(0.1)
time.sleep(0.1)
fib(10)"""
DEFINITIONS = """
def busy(seconds):
    import time
    end = time.perf_counter() + seconds
    while time.perf_counter() < end: pass
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)"""


def needs(*names: str) -> None:
    """The module is there, in the Python whose cells are measured."""
    for name in names:
        if subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True).returncode:
            raise unittest.SkipTest(f"{PYTHON} has no {name}")


class Results(TracedCase):
    def setUp(self) -> None:
        self.ok(DEFINITIONS)

    def measured(self) -> str:
        experiment = self.ok(CODE).experiment
        self.ok("result = %scorep_result")
        self.assertEqual(self.value("result.path"), experiment)
        return experiment

    def test_the_value(self) -> None:
        first = self.measured()
        self.assertIn(f"<experiment {first}: tree", self.ok("result").result or "")
        self.measured()
        self.ok(f"result = %scorep_result {os.path.basename(first)}")
        self.assertEqual(self.value("result.path"), first)
        names = self.value("[one['frame']['name'] for one in result.literal()]")
        self.assertEqual(sorted(names), ["the cell", "thread 1"])
        self.assertIn("no experiment nowhere", self.fails("%scorep_result nowhere", "UsageError").reply["evalue"])

    def test_the_page(self) -> None:
        """It holds what stands under the cell, byte for byte, and the cell."""
        outcome = self.ok(CODE)
        shown = next(content["data"]["text/html"] for content in outcome.of("display_data") if "text/html" in content["data"])
        path = os.path.join(self.work, "page.html")
        for _ in range(2):  # its own file is overwritten, as notebooks are run again
            self.assertEqual(self.ok("%scorep_export html --to page.html").text(), f"Written: {path}\n")
        with open(path, encoding="utf-8") as file:
            content = file.read()
        self.assertIn(shown, content)
        self.assertIn("<title>Cell ", content)
        self.assertIn("other.start(); other.join()\nbusy(0.1)", content)
        self.ok("open('page.html', 'w').write('<!DOCTYPE html>')")
        self.assertIn("exists", self.fails("%scorep_export html --to page.html", "UsageError").reply["evalue"])
        self.ok(f"%scorep_export {outcome.experiment} html")
        self.assertTrue(os.path.exists(os.path.join(self.work, os.path.basename(outcome.experiment) + ".html")))

    def test_without_samples(self) -> None:
        needs("pandas")
        self.ok("%env SCOREPKERNEL_SAMPLING=off")
        self.addCleanup(self.ok, "%env SCOREPKERNEL_SAMPLING=on")
        self.measured()
        self.assertIn("has no samples", self.fails("result.tree", "UsageError").reply["evalue"])
        self.assertGreater(self.value("len(result.regions)"), 1)

    def test_tables(self) -> None:
        needs("pandas")
        trace = Trace(self.measured())
        self.ok("tree, regions = result.tree, result.regions")
        busy = "tree[(tree.name == 'busy') & (tree.kind == 'user')]"
        self.assertLess(abs(self.value(f"float({busy}.exclusive_s.sum())") - 0.2), 0.05)
        self.assertEqual(self.value(f"sorted({busy}.thread.unique().tolist())"), [0, 1])
        waited = "tree[(tree.kind == 'cell') & (tree.line == 6)].inclusive_waiting_s"
        self.assertLess(abs(self.value(f"float({waited}.sum())") - 0.1), 0.03)
        self.assertEqual(self.value("int(regions[regions.name == '__main__:fib'].visits.iloc[0])"), trace.calls("fib"))
        self.assertEqual(self.value("regions[regions.name == '__main__:busy'].cell.iloc[0].isdecimal()"), True)

    def test_events(self) -> None:
        needs("pandas", "otf2")
        trace = Trace(self.measured())
        columns: List[Any] = self.value("list(result.events)")
        self.assertEqual(columns, ["Timestamp (ns)", "Event Type", "Name", "Thread", "Process"])
        counted = self.value("{(str(kind), str(name)): int(count) for (kind, name), count in "
                             "result.events.groupby(['Event Type', 'Name'], observed=True).size().items()}")
        expected = {("Enter", name): count for name, count in trace.enters.items()}
        expected.update((("Leave", name), count) for name, count in trace.leaves.items())
        self.assertEqual(counted, expected)
        times = "result.events['Timestamp (ns)']"
        self.assertEqual(self.value(f"bool({times}.is_monotonic_increasing), bool({times}.iloc[0] >= 0)"), (True, True))
        took = self.value(f"float({times}.iloc[-1] - {times}.iloc[0]) / 1e9")
        self.assertTrue(0.28 < took < 5, took)
        self.assertEqual(self.value("sorted(set(result.events.Thread)), set(result.events.Process)"), ([0, 1], {0}))
        self.assertEqual(Trace(self.measured()).calls("fib"), trace.calls("fib"), "the next measurement is not disturbed")


class ResultsByScoreP(ByScoreP, Results):
    pass


class Imports(TracedCase):
    def test_nothing_is_imported(self) -> None:
        """What the user has not asked for: pandas takes half a second."""
        self.ok("%%execute_with_scorep\nend = __import__('time').perf_counter() + 0.1\nwhile __import__('time').perf_counter() < end: pass")
        self.ok("result = %scorep_result\nresult.literal()")
        self.assertEqual(self.value("[name for name in ('pandas', 'hatchet', 'pipit', 'otf2') if name in __import__('sys').modules]"), [])
        self.ok("import sys; sys.modules['pandas'] = None")
        for table in ("tree", "regions", "events"):
            self.assertIn("pip install pandas", self.fails(f"result.{table}", "UsageError").reply["evalue"])


class Ranks(ranked.RanksCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}

    def test_results(self) -> None:
        needs("pandas", "otf2")
        self.measured(2, "for i in range(10 + rank()): leaf(i)\ntime.sleep(0.2)")
        self.ok("result = %scorep_result")
        self.assertEqual(self.value("sorted(set(result.tree['rank']))"), [0, 1])
        leaves = "result.events[(result.events.Name == '__main__:leaf') & (result.events['Event Type'] == 'Enter')]"
        self.assertEqual(self.value(f"{leaves}.groupby('Process').size().tolist()"), [10, 11])
        self.assertEqual(self.value("[one['frame']['name'] for one in result.literal()]"), ["rank 0: the cell", "rank 1: the cell"])


class WithoutTracing(KernelCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in", "SCOREP_ENABLE_TRACING": "false"}

    def test_it_is_said(self) -> None:
        needs("pandas")
        self.ok("%%execute_with_scorep\n1 + 1")
        self.ok("result = %scorep_result")
        self.assertIn("has no trace", self.fails("result.events", "UsageError").reply["evalue"])


if __name__ == "__main__":
    unittest.main()
