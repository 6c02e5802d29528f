# SPDX-License-Identifier: BSD-3-Clause
"""How a kernel ends that has guarded cells, or a session that was restored: nothing is left of it."""

import os
import signal
import unittest
from typing import List

from guarding import GUARDED, KILL, GuardCase
from kernel import PATIENCE, EachItsKernel
from measuring import ByScoreP
from processes import family_of, until_gone


class GuardedEnd(EachItsKernel, GuardCase):
    def busy_and_guarded(self) -> List[int]:
        """A guarded cell runs now, in a kernel that has been restored. All of its processes."""
        self.restored(KILL)
        keeper = self.value("os.getppid()")
        self.begin(GUARDED + "p = subprocess.Popen(['sleep', '1000'])\nprint('on', flush=True)\nwhile True: time.sleep(1)")
        pids = family_of(keeper)
        self.assertEqual(len(pids), 4)  # itself, session, its spare, sleep
        return [self.km.provisioner.pid, *pids]

    def test_a_killed_host_leaves_nothing(self):
        pids = self.busy_and_guarded()
        os.kill(self.km.provisioner.pid, signal.SIGKILL)
        until_gone(pids)

    def test_shutdown_leaves_nothing(self):
        pids = self.busy_and_guarded()
        self.km.shutdown_kernel(now=False)
        until_gone(pids)

    def test_restart_leaves_nothing(self):
        pids = self.busy_and_guarded()
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        until_gone(pids)
        self.fails("leaf", "NameError")

    def test_what_is_to_be_done_at_exit_is_done_once(self):
        self.ok(
            "import atexit, tempfile\nkept = tempfile.TemporaryDirectory()\n"
            "def bye():\n    with open('bye', 'a') as file: file.write(str(os.getpid()) + '\\n')\natexit.register(bye)\n"
            "t = threading.Thread(target=time.sleep, args=(1000,)); t.start()"
        )
        kept = self.value("kept.name")
        self.measured("leaf(1)")
        self.assertTrue(os.path.isdir(kept))
        self.restored("t = None\n" + KILL)
        self.measured("leaf(1)")
        self.assertTrue(os.path.isdir(kept))
        worker, keeper = self.value("os.getpid(), os.getppid()")
        pids = family_of(keeper)
        self.km.shutdown_kernel(now=False)
        until_gone(pids)
        with open(os.path.join(self.work, "bye")) as file:
            self.assertEqual(file.read(), f"{worker}\n")
        self.assertFalse(os.path.isdir(kept))


class GuardedEndByScoreP(ByScoreP, GuardedEnd):
    pass


if __name__ == "__main__":
    unittest.main()
