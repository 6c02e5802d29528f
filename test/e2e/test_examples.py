# SPDX-License-Identifier: BSD-3-Clause
"""The example notebooks, executed by nbconvert: with Score-P where there is one, and by the built-in tracer."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from kernel import SANITIZER, TREE
from measuring import needs_scorep, needs_tracer
from ranked import has_mpi4py

EXAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "examples")


class Examples(unittest.TestCase):
    def setUp(self):
        needs_tracer()
        if importlib.util.find_spec("nbconvert") is None:
            self.skipTest("nbconvert is not installed (python3-nbconvert)")

    def execute(self, name, measurement):
        """What the notebook's cells showed, by their ids."""
        output = tempfile.mkdtemp(prefix="scorepkernel-test-")
        self.addCleanup(shutil.rmtree, output)
        environment = {**os.environ, "SCOREPKERNEL_MEASUREMENT": measurement, **SANITIZER}
        if SANITIZER:
            environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # nbconvert's leaks are not ours
        demo = [sys.executable, os.path.join(EXAMPLES, "demo.py"), TREE, os.path.join(EXAMPLES, name), output]
        done = subprocess.run(demo, env=environment, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(output, name), encoding="utf-8") as file:
            cells = json.load(file)["cells"]
        shown = {}
        for cell in cells:
            items = [
                item.get("text", item.get("evalue", item.get("data", {}).get("text/plain", "")))
                for item in cell.get("outputs", ())
            ]
            shown[cell["id"]] = "".join("".join(item) for item in items)
        return shown, sorted(os.listdir(output))

    def check_directives(self, measurement, by):
        shown, files = self.execute("directives.ipynb", measurement)
        self.assertIn("1161 takes 181 steps.", shown["guarded"])
        self.assertIn("guarded (as asked)", shown["guarded"])
        self.assertIn("the median of 5", shown["repeated"])
        self.assertIn("Ran launched", shown["launched"])
        self.assertEqual(shown["came-back"], "499 143\n")
        self.assertIn("cell 2: # even numbers", shown["measure-marked"])
        for cell in ("guarded", "repeated", "launched", "measure-marked"):
            self.assertIn(f"by {by}", shown[cell])
        ran = self.look_at_ranks(shown["ranks"], measurement)
        self.assertTrue({"collatz.py", "collatz.sh"} <= set(files))
        self.assertEqual(sum(name.startswith("scorep-2") for name in files), 1 + 5 + 1 + 1 + 1 + ran)

    def look_at_ranks(self, shown, measurement):
        """How many experiments they left: a machine may lack what they need, which the cell says then."""
        config = ["scorep-config", "--mpp=mpi", "--libs"]
        if not shutil.which("mpirun"):
            self.assertIn("openmpi-bin", shown)
        elif measurement == "scorep" and subprocess.run(config, capture_output=True).returncode:
            self.assertIn("has no MPI", shown)
        elif not has_mpi4py():
            self.assertIn("mpi4py", shown)
            return 1
        else:
            self.assertIn("[0-1] 8392 steps in all", shown)
            self.assertIn("in 2 locations", shown)
            return 1
        return 0

    def test_directives_by_the_tracer(self):
        self.check_directives("built-in", "the built-in tracer")

    def test_directives_by_score_p(self):
        needs_scorep()
        self.check_directives("scorep", "Score-P")

    def test_heat(self):
        if importlib.util.find_spec("matplotlib") is None:
            self.skipTest("matplotlib is not installed (python3-matplotlib)")
        shown, _ = self.execute("heat.ipynb", "auto")
        self.assertIn("temperature", shown["slow"])
        self.assertIn("The largest difference", shown["same"])


if __name__ == "__main__":
    unittest.main()
