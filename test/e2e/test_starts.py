# SPDX-License-Identifier: BSD-3-Clause
"""Sessions that do not start, or end again and again: the user learns why, and nothing runs without end."""

import os
import unittest

from kernel import EachItsKernel, KernelCase
from processes import until

# Ends each worker a moment after it has its shell, as long as there is a file of that name beside the notebook.
DIES = """
import os, sys, threading, time
if os.environ.get("SPK_STARTS") and os.path.exists("dies"):
    def end():
        while not getattr(getattr(sys.modules.get("IPython.core.interactiveshell"), "InteractiveShell", None), "_instance", None):
            time.sleep(0.02)
        time.sleep(0.5)
        with open("ended", "a") as file:
            file.write(".")
        os._exit(9)
    threading.Thread(target=end, daemon=True).start()
"""


class Starts(EachItsKernel, KernelCase):
    def restarted(self, **variables: str) -> None:
        self.km.restart_kernel(env={**self.kernel_environment(), **variables})
        self.kc.wait_for_ready(timeout=60)

    def log_says(self, text: str) -> bool:
        with open(os.path.join(self.directory, "log")) as file:
            return text in file.read()

    def test_a_start_that_fails_says_why(self) -> None:
        self.restarted(IPYTHONDIR="/proc/x")
        said = self.fails("1", "NoSession").reply["evalue"]
        self.assertIn("/proc/x", said)

    def test_one_that_ends_again_and_again(self) -> None:
        library = os.path.join(self.directory, "library")
        os.mkdir(library)
        with open(os.path.join(library, "sitecustomize.py"), "w") as file:
            file.write(DIES)
        dies, ended = (os.path.join(self.work, name) for name in ("dies", "ended"))
        with open(dies, "w"):
            pass
        self.restarted(PYTHONPATH=library, SPK_STARTS="1")
        until(lambda: self.log_says("nothing else does"), "the last start")
        self.assertTrue(self.log_says("exit code 9"))
        self.assertEqual(os.path.getsize(ended), 3)
        # A cell has it started; and one that is good again stays.
        os.unlink(dies)
        self.assertEqual(self.ok("1 + 1").result, "2")
        self.assertEqual(os.path.getsize(ended), 3)


if __name__ == "__main__":
    unittest.main()
