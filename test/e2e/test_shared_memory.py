# SPDX-License-Identifier: BSD-3-Clause
"""What cells put into shared memory, and pools for them: nothing of it is left, however the session ends."""

import os
import signal
import unittest

from kernel import EachItsKernel, KernelCase
from processes import until

POOL = "import joblib\ndef f(n): return n * n\njoblib.Parallel(n_jobs=2)(joblib.delayed(f)(i) for i in range(4))"
SEGMENT = "from multiprocessing.shared_memory import SharedMemory\nkept = SharedMemory(create=True, size=10)"


class SharedMemory(EachItsKernel, KernelCase):
    def used(self) -> set:
        """What is there of such kinds."""
        return {name for name in os.listdir("/dev/shm") if name.startswith(("sem.loky", "psm_", "joblib_"))}

    def begin_with(self, code: str) -> int:
        """The process of the session, which has something there."""
        before = self.used()  # by other programs of the machine
        if self.run_cell(code).reply["status"] != "ok":
            self.skipTest("joblib is not installed (Debian: python3-joblib)")
        self.there = self.used() - before
        self.assertTrue(self.there)
        return int(self.ok("__import__('os').getpid()").result or "")

    def is_left_clean(self) -> None:
        until(lambda: not self.there & self.used(), f"the end of {self.there}")

    def test_an_orderly_end(self) -> None:
        for code in (POOL, SEGMENT):
            with self.subTest(code):
                self.begin_with(code)
                self.km.restart_kernel()
                self.kc.wait_for_ready(timeout=60)
                self.is_left_clean()

    def test_the_session_is_killed(self) -> None:
        for code in (POOL, SEGMENT):
            with self.subTest(code):
                os.kill(self.begin_with(code), signal.SIGKILL)
                self.is_left_clean()
                self.assertEqual(self.ok("1").result, "1")

    def test_the_host_is_killed(self) -> None:
        for code in (POOL, SEGMENT):
            with self.subTest(code):
                self.begin_with(code)
                os.kill(self.km.provisioner.pid, signal.SIGKILL)
                self.is_left_clean()
                self.km.restart_kernel(now=True)
                self.kc.wait_for_ready(timeout=60)


if __name__ == "__main__":
    unittest.main()
