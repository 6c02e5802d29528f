# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""What was measured as a value: the tables, Hatchet's form, what is missing, and reports that are damaged."""

import importlib.util
import os
import pickle
import sys
import tempfile
import unittest
from typing import Any, Dict
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
import kept_report  # noqa: E402
import package  # noqa: E402

package.load()
from IPython.core.error import UsageError  # noqa: E402
from spk_worker.experiments import regions, results  # noqa: E402

HOSTILE = ("x" * 100_000, "a\nb\r\u2028;\"'<script>", "\ud800half", "\0", "")


def result(report: Dict[str, Any]) -> results.Result:
    return results.Result("/tmp/experiment", report)


def needs(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        raise unittest.SkipTest(f"this Python has no {name}")


class Literal(unittest.TestCase):
    def test_the_tree(self) -> None:
        cell, thread = result(kept_report.report()).literal()
        self.assertEqual(cell["frame"], {"name": "the cell", "type": "thread", "file": "", "line": 0})
        # The kernel's frame in between is left out, and what it took itself is the cell's.
        self.assertEqual((cell["metrics"]["time"], cell["metrics"]["time (inc)"]), (0.001, 0.261))
        (module,) = cell["children"]
        self.assertEqual(module["frame"], {"name": "<module>", "type": "function", "file": kept_report.CELL, "line": 2})
        self.assertEqual((module["metrics"]["waiting"], module["metrics"]["native (inc)"]), (0.05, 0.05))
        self.assertEqual([one["frame"]["name"] for one in module["children"]], ["work"])
        self.assertEqual(thread["frame"]["name"], "rank 3: thread 1")
        self.assertEqual(thread["children"][0]["metrics"]["gil"], 0.08)

    def test_what_is_damaged(self) -> None:
        """A sentence for the user, whatever a report holds that passed as one."""
        refused = 0
        for report in kept_report.wrong_reports():
            if regions.read(report) is None:
                continue
            try:
                result(report).literal()
            except UsageError as problem:
                self.assertRegex(str(problem), r"^[TA-Z].*\.$")
                refused += 1
        self.assertGreater(refused, 30)

    def test_as_a_variable(self) -> None:
        again = pickle.loads(pickle.dumps(result(kept_report.report())))
        self.assertEqual(again.literal(), result(kept_report.report()).literal())
        self.assertIn("/tmp/experiment", repr(again))


class Missing(unittest.TestCase):
    def test_modules(self) -> None:
        one = result(kept_report.report())
        absent = mock.patch.dict(sys.modules, {"pandas": None, "hatchet": None, "pipit": None})
        with absent, self.assertRaisesRegex(UsageError, "pip install pandas"):
            one.tree
        with absent, self.assertRaisesRegex(UsageError, "pip install pandas"):
            one.regions
        with absent, self.assertRaisesRegex(UsageError, "pip install llnl-hatchet"):
            one.hatchet()

    def test_the_trace(self) -> None:
        needs("pandas")
        with tempfile.TemporaryDirectory() as directory:
            with self.assertRaisesRegex(UsageError, "has no trace"):
                results.Result(directory, {}).events
            with open(os.path.join(directory, "traces.otf2"), "w") as file:
                file.write("no trace")
            absent = mock.patch.dict(sys.modules, {"otf2": None})
            with absent, self.assertRaisesRegex(UsageError, "apt-get install python3-otf2"):
                results.Result(directory, {}).events
            needs("otf2")
            with self.assertRaisesRegex(UsageError, "could not be read.*otf2-print"):
                results.Result(directory, {}).events


class Tables(unittest.TestCase):
    def setUp(self) -> None:
        needs("pandas")

    def test_the_tree(self) -> None:
        tree = result(kept_report.report()).tree
        self.assertEqual(list(tree.parent), [-1, 0, 1, 2, 3, -1, 5])
        self.assertEqual(list(tree.depth), [0, 1, 2, 3, 4, 0, 1])
        self.assertEqual(list(tree.kind), ["thread", "kernel", "cell", "user", "library", "thread", "user"])
        self.assertEqual(list(tree["rank"]), [-1] * 5 + [3, 3])
        self.assertEqual(list(tree.line), [0, 5, 2, 6, 8, 0, 6])
        self.assertEqual(list(tree.exclusive_s), [0, 0.001, 0.15, 0.08, 0.03, 0, 0.09])
        self.assertEqual(list(tree.inclusive_s), [0.261, 0.261, 0.26, 0.11, 0.03, 0.09, 0.09])
        self.assertEqual(tree.inclusive_gil_s.sum(), 0.16)
        self.assertEqual(tree.index.name, "node")

    def test_regions(self) -> None:
        report = kept_report.report()
        report["regions"].append(["m:f", "f.py", 1, 1, 9, 8, 5, 9, None, 0])
        table = result(report).regions
        self.assertEqual(list(table.name), ["__main__:work", "m:f"])
        self.assertEqual(list(table.least_ns), [200, 5])
        self.assertEqual(list(table.most_ns), [200, 9])
        self.assertEqual(list(table.kind), ["plain", "plain"])

    def test_names(self) -> None:
        for name in HOSTILE:
            one = result(kept_report.report(name))
            whole = name.encode("utf-8", "replace").decode()
            self.assertIn(whole, list(one.tree.name))
            self.assertEqual(list(one.regions.name), ["__main__:" + whole])
            str(one.tree), str(one.regions)

    def test_hatchet(self) -> None:
        needs("hatchet")
        for name in ("work", *HOSTILE):
            frame = result(kept_report.report(name)).hatchet()
            self.assertEqual(len(frame.dataframe), 6)
            self.assertEqual(frame.exc_metrics, ["time", "python", "native", "waiting", "gil"])
        deep = kept_report.report()
        nodes = deep["sampling"]["nodes"]
        for _ in range(5000):
            nodes.append([len(nodes) - 1, *nodes[-1][1:]])
        with self.assertRaisesRegex(UsageError, "setrecursionlimit"):
            result(deep).hatchet()


if __name__ == "__main__":
    unittest.main()
