# SPDX-License-Identifier: BSD-3-Clause
"""What users' classes do when they are pickled for a launched cell, or are made again after it, does not end the session."""

import unittest

from launching import ProcessCase, plain
from measuring import SCOREP, ByScoreP

CLASSES = """
import os, sys, ctypes
class Leaves:
    def __reduce__(self):
        os._exit(3)
class Crashes:
    def __getstate__(self):
        ctypes.string_at(0)
class Kept:
    def __getstate__(self):
        return dict(self.__dict__, seen=True)
class Node:
    pass
class Bad:
    wanted = None
    def __setstate__(self, state):
        if os.getpid() == self.wanted: os._exit(4)
        self.__dict__.update(state)
"""


class Launched(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.ok(CLASSES + "before = os.getpid(); fine = 1")

    def tearDown(self) -> None:
        self.ok("for name in ('x', 'y', 'chain', 'node', 'bad'): globals().pop(name, None)\nsys.setrecursionlimit(3000)")

    def runs_without(self, name: str, reason: str) -> None:
        outcome = self.ok(SCOREP + "fine += 1\nleaf(1)")
        self.assertRegex(outcome.report, rf"Warning: {name} \(.*\) was not taken to the process of the cell, where .*: .*{reason}")
        self.assertIn(name, self.fails(SCOREP + f"{name}.value", "VariableNotTransferred").reply["evalue"])
        self.assertEqual(self.value(f"fine, os.getpid() == before, {name!r} in globals()"), (2, True, True))

    def test_a_reduce_that_ends_its_process(self) -> None:
        self.ok("x = Leaves()")
        self.runs_without("x", "ended with exit code 3")

    def test_a_getstate_that_crashes(self) -> None:
        self.ok("x = {'inside': [Crashes()]}; y = Leaves()")
        self.runs_without("x", "was ended by SIGSEGV")

    def test_what_is_nested_too_deeply(self) -> None:
        self.ok("sys.setrecursionlimit(100_000); chain = None\nfor _ in range(20_000):\n    node = Node(); node.next = chain; chain = node")
        self.runs_without("chain", r"nested too deeply \(RecursionError\): the stack carries \d+ levels")

    def test_what_is_nested_too_deeply_there(self) -> None:
        self.ok("chain = 5")
        code = "sys.setrecursionlimit(100_000); chain = None\nfor _ in range(20_000):\n    node = Node(); node.next = chain; chain = node\nfine += 1"
        outcome = self.fails(SCOREP + code, "VariablesNotReturned")
        self.assertIn("chain (Node) did not come back", plain(outcome.reply["evalue"]))
        self.assertEqual(self.value("fine, os.getpid() == before, chain"), (2, True, 5))

    def test_classes_stay_what_they_are(self) -> None:
        self.ok("x = Kept(); x.n = 1; y = Node()")
        self.measured("assert x.seen; x.n += 1; y.here = type(y) is Node\nleaf(1)")
        self.assertEqual(self.value("x.n, type(x) is Kept, type(y) is Node, y.here, os.getpid() == before"), (2, True, True, True, True))

    def test_random_numbers(self) -> None:
        self.ok("import random; x = Kept(); random.seed(5); expected = random.random(); random.seed(5)")
        self.assertEqual(self.measured("random.random() == expected")[0].result, "True")
        self.ok("random.seed(5); random.random(); expected = random.random(); random.seed(5)")
        self.measured("random.random()")
        self.assertEqual(self.value("random.random() == expected"), True)

    def test_an_interrupt_while_it_is_pickled(self) -> None:
        self.ok("class Slow:\n    def __reduce__(self):\n        sys.stdout.write('begun\\n'); sys.stdout.flush()\n        while True: pass\nx = Slow()")
        request = self.kc.execute(SCOREP + "fine += 1", allow_stdin=False)
        self.wait_for_text(request, "begun")
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("fine, os.getpid() == before"), (1, True))

    def test_a_setstate_that_ends_the_session(self) -> None:
        self.ok("x = Bad(); x.n = 1; Bad.wanted = before; fine = 5")
        outcome = self.run_cell(SCOREP + "x.n += 1\nleaf(1)")
        self.assertEqual(outcome.reply["status"], "error")
        self.assertIn("exit code 4", plain(outcome.reply["evalue"]))
        self.assertEqual(self.value("fine, x.n, os.getpid() == before"), (5, 1, False))


class LaunchedByScoreP(ByScoreP, Launched):
    pass


if __name__ == "__main__":
    unittest.main()
