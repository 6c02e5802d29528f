# SPDX-License-Identifier: BSD-3-Clause
"""What tests of measured cells share: the directive, definitions to call, and by what it is measured."""

import os
import shutil
import subprocess
import unittest

from kernel import PYTHON, TREE, KernelCase

SCOREP = "%%execute_with_scorep\n"
UNGUARDED = "%%execute_with_scorep --no-guard\n"
DEFINITIONS = """
def leaf(n):
    return n

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def numbers(n):
    for i in range(n):
        yield leaf(i)

def fails():
    raise ValueError("x")

class Thing:
    def method(self):
        return leaf(1)
    def __repr__(self):
        return f"<thing {leaf(2)}>"
"""


def needs_tracer() -> None:
    done = subprocess.run(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"], capture_output=True, text=True
    )
    directory = os.path.join(TREE, "lib", "scorepkernel", "worker", "spk_worker")
    names = [n for n in os.listdir(directory) if n in ("_tracer" + done.stdout.strip(), "_tracer.abi3.so")]
    if not names:
        raise unittest.SkipTest(f"the built-in tracer was not built for {PYTHON}")


def needs_scorep() -> None:
    if not shutil.which("scorep-config"):
        raise unittest.SkipTest("there is no Score-P: no scorep-config on PATH")


class TracedCase(KernelCase):
    """By the built-in tracer."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}

    @classmethod
    def setUpClass(cls) -> None:
        needs_tracer()
        super().setUpClass()


class ByScoreP:
    """First among a test class's bases: the same tests, under the real Score-P."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep"}

    @classmethod
    def setUpClass(cls) -> None:
        needs_scorep()
        super().setUpClass()
