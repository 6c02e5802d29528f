#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The times of lines, in programs whose truth is known: each line repeats what it does until a given time has passed,
so that its share is known whatever the machine is and does.

SPK_LINES_PYTHON: the Python of the session, whose IPython must be installed; by default that of the tests."""

from __future__ import annotations

import unittest
from typing import ClassVar, Dict, NamedTuple

from kernel import KernelCase
from measuring import ByScoreP, TracedCase

POINTS = 5  # of a hundred, by which a share may differ from the truth
DEFINITIONS = """
import asyncio, os, random, subprocess, tempfile, threading, time
def until(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield
def recurse(depth, seconds):
    if depth: return recurse(depth - 1, seconds)
    for _ in until(seconds): pass
async def waits(seconds):
    await asyncio.sleep(seconds)
numbers = [random.random() for _ in range(50_000)]
where = tempfile.mkdtemp()
"""


class Line(NamedTuple):
    """Shares of the whole time, in percent."""

    share: float
    python: float
    native: float
    waiting: float
    gil: float


def lines(report: str) -> Dict[int, Line]:
    """The lines of the cell itself, by their numbers."""
    found: Dict[int, Line] = {}
    table = report.split("\n      time  share  Python  native waiting     GIL  line  In [")[1]
    for row in table.split("\n")[1:]:
        if not row.strip():
            break
        total, *parts, number = [row[10:17], row[17:25], row[25:33], row[33:41], row[41:49], row[49:55]]
        shares = [float(part.replace("%", "").strip() or 0) for part in (total, *parts)]
        found[int(number)] = Line(*shares)
    return found


class Lines(TracedCase):
    def setUp(self) -> None:
        self.ok(DEFINITIONS)

    def shares(self, code: str) -> Dict[int, Line]:
        outcome = self.ok("%%execute_with_scorep\n" + code)
        assert outcome.report
        self.said = outcome.report
        return lines(outcome.report)

    def one(self, line: str, kind: str = "", prepare: str = "") -> None:
        """A line that takes 300 ms, one that runs Python code for 200 ms, and a sleep of 100 ms. kind: what most of the
        line's time is spent on. On a busy machine a thread may lose its processor for a tenth of a second, and nobody
        knows in which line: so the best of three counts."""
        if prepare:
            self.ok(prepare)
        for attempt in range(3):
            found = self.shares(f"{line}\nfor _ in until(0.2): pass\ntime.sleep(0.1)")
            away = max(abs(found[number].share - truth) for number, truth in ((2, 50), (3, 100 / 3), (4, 100 / 6)))
            away = max(away, abs(found[4].waiting - 100 / 6))
            if away <= POINTS and (not kind or getattr(found[2], kind) > 0.5 * found[2].share):
                return
        self.fail(f"{away} points off, or another kind of time: {self.said}")

    def test_python_loop(self) -> None:
        self.one("for _ in until(0.3): x = 1", "python")

    def test_comprehension(self) -> None:
        self.one("x = [i for i in until(0.3)]", "python")

    def test_generator_expression(self) -> None:
        self.one("x = sum(1 for i in until(0.3))", "python")

    def test_recursion(self) -> None:
        self.one("recurse(50, 0.3)", "python")

    def test_function_of_another_cell(self) -> None:
        self.ok("def elsewhere(seconds):\n    for _ in until(seconds): pass")
        self.one("elsewhere(0.3)", "python")

    def test_sort(self) -> None:
        self.one("for _ in until(0.3): sorted(numbers)", "native")

    def test_sleep(self) -> None:
        self.one("for _ in until(0.3): time.sleep(0.02)")

    def test_file(self) -> None:
        self.one("for _ in until(0.3): open(os.path.join(where, 'file'), 'wb').write(bytes(4_000_000))")

    def test_subprocess(self) -> None:
        self.one("subprocess.run(['sleep', '0.3'])", "waiting")

    def test_await(self) -> None:
        self.one("await asyncio.sleep(0.3)", "waiting")

    def test_tasks(self) -> None:
        self.one("await asyncio.gather(waits(0.3), waits(0.25))", "waiting")

    def test_waiting_for_a_thread(self) -> None:
        prepare = "def sleeper():\n    thread = threading.Thread(target=time.sleep, args=(0.3,))\n    thread.start()\n    thread.join()"
        self.one("sleeper()", "waiting", prepare)

    def test_two_threads(self) -> None:
        """Both want the GIL for the same half second: each gets it half of the time, and waits for the rest."""
        prepare = "def work():\n    for _ in until(0.5): pass"
        self.ok(prepare)
        found = self.shares("thread = threading.Thread(target=work); thread.start()\nwork()\nthread.join()\ntime.sleep(0.1)")
        self.assertGreater(found[3].gil, 20, self.said)
        self.assertLess(found[3].gil, 70, self.said)
        self.assertIn("for the GIL: only one of them runs", self.said)
        self.assertIn("\nthreads\n", self.said)

    def with_numpy(self) -> None:
        if self.run_cell("import numpy as np").reply["status"] != "ok":
            self.skipTest("this Python has no NumPy")
        self.ok("A = np.random.rand(300, 300); v = np.random.rand(300_000)")

    def test_operators_on_arrays(self) -> None:
        self.with_numpy()
        self.one("for _ in until(0.3): v * v + v", "native")

    def test_ufunc(self) -> None:
        self.with_numpy()
        self.one("for _ in until(0.3): np.tanh(v)", "native")

    def test_matrices(self) -> None:
        self.with_numpy()
        self.one("for _ in until(0.3): A @ A")

    def test_not_instrumented(self) -> None:
        """Without the events of functions the lines are the same."""
        self.ok("%%scorep_python_binding_arguments\n--noinstrumenter")
        try:
            self.one("for _ in until(0.3): x = 1", "python")
        finally:
            self.ok("%%scorep_python_binding_arguments -")

    def test_magics(self) -> None:
        self.one("get_ipython().run_cell('for _ in until(0.3): pass');")

    def test_value_that_takes_long_to_show(self) -> None:
        self.ok("class Slow:\n    def __repr__(self):\n        time.sleep(0.3)\n        return 'slow'")
        found = self.shares("for _ in until(0.2): pass\nSlow()")
        self.assertGreater(found[2].share, 80, self.said)
        self.assertRegex(self.said, r"IPython took 3\d\d ms more to show the cell's value")
        self.assertRegex(self.said, r"^Measured in (19\d|2\d\d) ms")

    def test_errors(self) -> None:
        """What there is is shown."""
        outcome = self.fails("%%execute_with_scorep\nfor _ in until(0.2): pass\n1 / 0", "ZeroDivisionError")
        self.assertGreater(lines(outcome.report)[2].share, 80, outcome.report)

    def test_children(self) -> None:
        """The sampling pauses for a fork: a thread that is there then is what Python from 3.12 on warns of. It may warn
        of IPython's all the same."""
        code = "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)\nfor _ in until(0.5): pass"
        unmeasured = self.ok(code).text("stderr")
        outcome = self.ok("%%execute_with_scorep\n" + code)
        self.assertEqual("Warning" in outcome.text("stderr"), "Warning" in unmeasured)
        self.assertGreater(lines(outcome.report)[6].share, 50, outcome.report)

    def test_threads_and_children(self) -> None:
        """A fork ends the sampling of nobody in the parent, and begins none in the child, which may fork, too."""
        self.ok("def work():\n    for _ in until(0.6): pass")
        code = (
            "thread = threading.Thread(target=work); thread.start()\npid = os.fork()\n"
            "if pid == 0:\n    if os.fork() == 0: os._exit(0)\n    os.wait()\n    os._exit(len(os.listdir('/proc/self/task')))\n"
            "print('threads:', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\nthread.join()"
        )
        outcome = self.ok("import os, threading\n" + code)
        outcome = self.ok("%%execute_with_scorep\n" + code)
        self.assertIn("threads: 1\n", outcome.text())
        self.assertRegex(outcome.report, r"(?m)^ +\d+ ms +([5-9]\d|1\d\d) % .*for _ in until\(0.6\): pass$")

    def test_many_threads(self) -> None:
        """More than are sampled at once: the cell's own thread is among those that are."""
        found = self.shares(
            "threads = [threading.Thread(target=time.sleep, args=(1,)) for _ in range(300)]\n"
            "for thread in threads: thread.start()\nfor _ in until(0.3): pass\nfor thread in threads: thread.join()"
        )
        self.assertGreater(found[4].share, 10, self.said)
        self.assertRegex(self.said, r"The times of lines lack those of \d+ threads")

    def test_short_threads(self) -> None:
        """One after the other: the last is sampled as the first is."""
        self.ok("def nap():\n    time.sleep(0.001)\ndef work():\n    for _ in until(0.2): pass")
        self.shares(
            "for _ in range(300):\n    thread = threading.Thread(target=nap); thread.start(); thread.join()\n"
            "thread = threading.Thread(target=work); thread.start(); thread.join()"
        )
        self.assertRegex(self.said, r"(?m)^ +[1-9]\d\d ms +\d+ % .*for _ in until\(0.2\): pass$")

    def test_deep_calls(self) -> None:
        self.ok("import sys; sys.setrecursionlimit(20_000)")
        found = self.shares("recurse(4000, 0.4)")
        self.assertGreater(found[2].share, 90, self.said)
        self.assertIn("samples calls were nested deeper than 1,024", self.said)

    def test_a_source_that_is_a_pipe(self) -> None:
        self.ok("os.mkfifo(os.path.join(where, 'pipe'))")
        code = "exec(compile('for _ in until(0.2): pass', os.path.join(where, 'pipe'), 'exec'), globals())"
        self.assertGreater(self.shares(code)[2].share, 90, self.said)

    def test_a_cell_that_closes_descriptors(self) -> None:
        """What it opens in their place stays its own."""
        self.shares(
            "for name in os.listdir('/proc/self/fd'):\n    try: link = os.readlink('/proc/self/fd/' + name)\n"
            "    except OSError: continue\n"
            "    if link.endswith(('/schedstat', '/syscall', '/statm')): os.close(int(name))\n"
            "files = [open(os.path.join(where, f'f{i}'), 'w') for i in range(8)]\nfor _ in until(0.2): pass"
        )
        self.ok("for file in files: file.write('x'); file.close()")

    def test_several_runs(self) -> None:
        outcome = self.ok("%%execute_with_scorep --repeat 2\nfor _ in until(0.2): pass")
        self.assertGreater(lines(outcome.report)[2].share, 80, outcome.report)

    def test_nothing_is_left(self) -> None:
        self.ok("%%execute_with_scorep\nx = 1")
        self.assertEqual(eval(self.ok("[open(f'/proc/self/task/{one}/comm').read().strip() for one in os.listdir('/proc/self/task')].count('scorep-sampler')").result or ""), 0)

    def test_a_launched_cell(self) -> None:
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        outcome = self.ok("%%execute_with_scorep\nfor _ in until(0.3): pass\ntime.sleep(0.1)")
        found = lines(outcome.report or "")
        self.said = outcome.report or ""
        self.assertLess(abs(found[2].share - 75), 2 * POINTS, self.said)
        self.assertLess(abs(found[3].waiting - 25), 2 * POINTS, self.said)


class LinesByScoreP(ByScoreP, Lines):
    """The same lines, whatever records the calls."""


class Off(KernelCase):
    environment: ClassVar[Dict[str, str]] = {"SCOREPKERNEL_SAMPLING": "off"}

    def test_no_lines(self) -> None:
        report = self.ok("%%execute_with_scorep\nimport time\ntime.sleep(0.2)").report or ""
        self.assertNotIn("Python  native waiting", report)


class Settings(TracedCase):
    def with_setting(self, name: str, value: str) -> None:
        self.ok(f"%env {name}={value}")
        self.addCleanup(self.ok, f"import os; del os.environ[{name!r}]")

    def test_short_report(self) -> None:
        self.with_setting("SCOREPKERNEL_REPORT", "short")
        report = self.ok("%%execute_with_scorep\nimport time\ntime.sleep(0.2)").report or ""
        self.assertRegex(report, r"^Measured in .*\nIt took .*\nExperiment: .*\nNote: In \[\d+\], line 3: waits.*\n$")

    def test_no_report(self) -> None:
        self.with_setting("SCOREPKERNEL_REPORT", "off")
        self.assertIsNone(self.ok("%%execute_with_scorep\nx = 1").report)
        self.assertIn("Measured in", self.ok("%scorep_report").report or "")

    def test_what_is_not_understood(self) -> None:
        for name in ("SCOREPKERNEL_REPORT", "SCOREPKERNEL_SAMPLING"):
            self.ok(f"%env {name}=perhaps")
            said = self.fails("%%execute_with_scorep\nx = 1", "NotMeasured").reply["evalue"]
            self.assertIn(f"{name} is 'perhaps', but must be ", said)
            self.ok(f"import os; del os.environ[{name!r}]")


if __name__ == "__main__":
    unittest.main()
