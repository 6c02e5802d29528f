# SPDX-License-Identifier: BSD-3-Clause
"""All of the tracer's tests with other Pythons. SPK_PYTHONS names the interpreters, separated by spaces; the tracer
is built for each of them first."""

import glob
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import HERE, ROOT, TREE  # noqa: E402

PYTHONS = os.environ.get("SPK_PYTHONS", "").split()
BUILT = os.path.join(ROOT, "build") + os.sep


@unittest.skipUnless(PYTHONS, "SPK_PYTHONS names no interpreters")
class OtherPythons(unittest.TestCase):
    def test_each(self):
        if not TREE.startswith(BUILT):
            self.skipTest("the tree under test is an installation: nothing is built into it")
        variant = os.path.relpath(TREE, BUILT).split(os.sep)[0]
        sanitize = "" if variant == "release" else variant.replace("-", ",")
        build = ["make", "-s", "-C", ROOT, "tracer", "SANITIZE=" + sanitize, "PYTHONS=" + " ".join(PYTHONS)]
        self.run_quietly(build, dict(os.environ, MAKEFLAGS=""))
        tests = sorted(set(glob.glob(os.path.join(HERE, "test_*.py"))) - {os.path.join(HERE, "test_versions.py")})
        for python in PYTHONS:
            for test in tests:
                with self.subTest(python=python, test=os.path.basename(test)):
                    self.run_quietly([sys.executable, test], dict(os.environ, SPK_TRACER_PYTHON=python))

    def run_quietly(self, command, environment):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
