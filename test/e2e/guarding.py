# SPDX-License-Identifier: BSD-3-Clause
"""What tests of guarded cells share."""

import json
import os

from kernel import Trace
from measuring import TracedCase

GUARDED = "%%execute_with_scorep --guard\n"
DEFINITIONS = """
import asyncio, ctypes, fcntl, os, random, signal, socket, subprocess, sys, threading, time
def leaf(n):
    return n
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


class GuardCase(TracedCase):
    def setUp(self) -> None:
        self.ok(DEFINITIONS)

    def measured(self, code: str, head: str = GUARDED):
        outcome = self.ok(head + code)
        return outcome, Trace(outcome.experiment)

    def record(self, outcome) -> dict:
        with open(os.path.join(outcome.experiment, "scorepkernel.json")) as file:
            return json.load(file)

    def restored(self, code: str, how: str = "", **options):
        outcome = self.fails(GUARDED + code, "SessionRestored", **options)
        self.assertIn(how, outcome.reply["evalue"])
        self.assertEqual([c["ename"] for c in outcome.of("error")], ["SessionRestored"])
        return outcome
