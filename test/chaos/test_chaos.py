# SPDX-License-Identifier: BSD-3-Clause
"""Some rounds of chaos, always the same ones: `make chaos` draws others."""

import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]

import chaos  # noqa: E402
from measuring import needs_tracer  # noqa: E402

ROUNDS = 25


class Chaos(unittest.TestCase):
    def test_some_rounds(self) -> None:
        needs_tracer()
        if not os.path.exists(os.path.join(chaos.TREE, "bin", "scorepkernel")):
            self.skipTest("the kernel has not been built")
        seed = int(os.environ.get("SEED") or 1)
        system = "scorep" if shutil.which("scorep-config") and seed % 2 else "built-in"
        rounds = chaos.Chaos(seed, system, bool(os.environ.get("VERBOSE")))
        self.addCleanup(rounds.clean)
        rounds.run(0, ROUNDS)
        self.assertEqual(rounds.findings, [], f"SEED={seed}")


if __name__ == "__main__":
    unittest.main()
