# SPDX-License-Identifier: BSD-3-Clause
"""What tests of cells that run in a process of their own share."""

import re

from kernel import Trace
from measuring import SCOREP, TracedCase

DEFINITIONS = """
import asyncio, ctypes, gc, inspect, os, random, signal, subprocess, sys, threading, time
def leaf(n):
    return n
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def fails():
    raise ValueError("x")  # on purpose
class Thing:
    made = 0
    def method(self):
        return leaf(1)
    def __getstate__(self):
        return dict(self.__dict__)
"""


def plain(text: str) -> str:
    """Without colours."""
    return re.sub("\x1b.*?m", "", text)


class ProcessCase(TracedCase):
    """A kernel whose measured cells run in a process of their own."""

    process = "launch"
    way = r"launched \(PROCESS=launch\)"

    def setUp(self) -> None:
        self.ok(DEFINITIONS)
        self.ok(f"%%marshalling_settings PROCESS={self.process} MODE=memory")

    def measured(self, code: str, status: str = "ok"):
        outcome = self.run_cell(SCOREP + code)
        self.assertEqual(outcome.reply["status"], status, outcome.reply)
        self.assertRegex(outcome.report, self.way)
        self.assertNotIn("Warning", outcome.report)
        return outcome, Trace(outcome.experiment)


class ForkedCase(ProcessCase):
    process = "forked"
    way = r"in a forked copy of the session \(PROCESS=forked\)"
