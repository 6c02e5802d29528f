# SPDX-License-Identifier: BSD-3-Clause
"""What tests of cells that run as many ranks share: real launchers, and that nothing is left of what they started."""

import contextlib
import glob
import os
import re
import shutil
import subprocess
import unittest
from typing import Iterator

from kernel import PYTHON, TREE, KernelCase
from measuring import needs_tracer
from processes import until

# By which processes that descend from this test are told from another's that runs at the same time.
RUN = f"SPK_TEST_RUN={os.getpid()}"
os.environ.update([RUN.split("=")])
DEFINITIONS = """
import ctypes, os, signal, subprocess, sys, time
def leaf(n):
    return n
def rank():
    return int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ.get("PMI_RANK") or os.environ["SLURM_PROCID"])
"""


def ranks(count: int, code: str, more: str = "") -> str:
    return f"%%execute_with_scorep --ranks {count} {more}\n{code}"


def mpi_score_p() -> str:
    """The directory of a scorep-config that was built with MPI, on PATH or where sites put it."""
    for path in [shutil.which("scorep-config"), *sorted(glob.glob("/opt/*/bin/scorep-config"))]:
        if path and subprocess.run([path, "--mpp=mpi", "--libs"], capture_output=True).returncode == 0:
            return os.path.dirname(path)
    raise unittest.SkipTest("there is no Score-P with MPI: no such scorep-config on PATH or in /opt/*/bin")


def has_mpi4py() -> bool:
    return subprocess.run([PYTHON, "-c", "import mpi4py"], capture_output=True).returncode == 0


def of_ranks() -> list:
    """The processes of this test's ranks that there are, by their commands."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(f"{path}/cmdline", encoding="utf-8", errors="replace") as file:
                command = file.read()
            with open(f"{path}/environ", encoding="utf-8", errors="replace") as file:
                mine = RUN in file.read().split("\0")
        except OSError:
            continue
        if mine and os.path.join(TREE, "lib", "scorepkernel", "scorepkernel-ranks") in command:
            found.append(command)
    return found


def ranks_of(label: str) -> list:
    """As numbers: "0-1,3" is 0, 1 and 3."""
    ends = [part.partition("-") for part in label.split(",")]
    return [rank for first, _, last in ends for rank in range(int(first), int(last or first) + 1)]


def said(outcome, name: str = "stdout") -> dict:
    """The lines of each rank: "[0-1,3] text" is said by 0, 1 and 3. Which of them said it at the same time is left open."""
    found: dict = {}
    for label, text in re.findall(r"^\[([\d,-]+)\] (.*)$", outcome.text(name), re.M):
        for rank in ranks_of(label):
            found.setdefault(rank, []).append(text)
    return found


class RanksCase(KernelCase):
    """A kernel for cells that run as ranks."""

    launcher = ""

    @classmethod
    def setUpClass(cls) -> None:
        needs_tracer()
        if not shutil.which("mpirun"):
            raise unittest.SkipTest("there is no MPI: mpirun is not on PATH (Debian: openmpi-bin)")
        super().setUpClass()

    def setUp(self) -> None:
        self.ok(DEFINITIONS)
        if self.launcher:
            self.ok(f"%%scorep_launcher {self.launcher}")

    def tearDown(self) -> None:
        until(lambda: not of_ranks(), "the end of all ranks")

    def needs_mpi(self) -> None:
        if not has_mpi4py():
            self.skipTest("mpi4py is not installed (Debian: python3-mpi4py)")

    def measured(self, count: int, code: str, more: str = ""):
        outcome = self.ok(ranks(count, code, more))
        self.assertRegex(outcome.report or "", f"as {count} ranks?, by ", outcome.messages)
        return outcome

    def value(self, code: str):
        return eval(self.ok(code).result)

    def wait_for(self, code: str, text: str) -> str:
        """A cell that runs, and has said the text: its request."""
        request = self.kc.execute(code, allow_stdin=False)
        self.wait_for_text(request, text)
        return request

    @contextlib.contextmanager
    def started_by(self, command: str) -> Iterator[None]:
        """This is the launcher, within the block."""
        self.ok(f"%%scorep_launcher {command}")
        try:
            yield
        finally:
            self.ok("%%scorep_launcher -")

    @contextlib.contextmanager
    def variable(self, name: str, value: str) -> Iterator[None]:
        """The session has this in its environment, within the block."""
        self.ok(f"os.environ[{name!r}] = {value!r}")
        try:
            yield
        finally:
            self.ok(f"del os.environ[{name!r}]")
