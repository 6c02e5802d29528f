# SPDX-License-Identifier: BSD-3-Clause
"""How a kernel ends whose cells run in processes of their own, while one waits or runs: nothing is left of them."""

import os
import signal
import unittest
from typing import List

from kernel import PATIENCE, EachItsKernel
from measuring import SCOREP, TracedCase
from processes import children_of, family_of, until, until_gone


class LaunchedEnd(EachItsKernel, TracedCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "auto"}

    def setUp(self) -> None:
        super().setUp()
        self.ok("import os, time, subprocess\ndef leaf(n): return n")
        self.ok("%%marshalling_settings PROCESS=launch")
        self.ok(SCOREP + "leaf(1)")
        self.worker, self.keeper = self.value("os.getpid(), os.getppid()")

    def waiting(self) -> List[int]:
        """All processes, when one waits for its cell."""
        until(lambda: len(children_of(self.keeper)) == 2, "a process that waits")
        return [self.km.provisioner.pid, *family_of(self.keeper)]

    def busy(self) -> List[int]:
        """All processes, while a launched cell runs."""
        code = "p = subprocess.Popen(['sleep', '1000'])\nprint('on', flush=True)\nwhile True: time.sleep(1)"
        self.begin(SCOREP + code)
        pids = family_of(self.keeper)
        self.assertEqual(len(pids), 4)  # itself, session, the cell's process, sleep
        return [self.km.provisioner.pid, *pids]

    def test_shutdown_while_one_waits(self):
        pids = self.waiting()
        self.km.shutdown_kernel(now=False)
        until_gone(pids)

    def test_shutdown_while_one_runs(self):
        pids = self.busy()
        self.km.shutdown_kernel(now=False)
        until_gone(pids)

    def test_a_killed_host_leaves_nothing_that_waits(self):
        pids = self.waiting()
        os.kill(self.km.provisioner.pid, signal.SIGKILL)
        until_gone(pids)

    def test_a_killed_host_leaves_nothing_that_runs(self):
        pids = self.busy()
        os.kill(self.km.provisioner.pid, signal.SIGKILL)
        until_gone(pids)

    def test_restart(self):
        pids = self.busy()
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        until_gone(pids)
        self.ok("def leaf(n): return n")
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)  # settings are a session's


if __name__ == "__main__":
    unittest.main()
