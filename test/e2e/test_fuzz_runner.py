# SPDX-License-Identifier: BSD-3-Clause
"""`make fuzz` runs all targets, whatever one of them finds, and names those with a finding at its end."""

import os
import subprocess
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fuzz", "run.sh")
TARGET = """#!/bin/sh
echo "searched with $*"
for option; do case $option in -artifact_prefix=*) echo input > "${option#*=}crash-1" ;; esac; done
exit %d
"""


class Runner(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.directory = folder.name

    def run_targets(self, jobs, **targets):
        for name, status in targets.items():
            path = os.path.join(self.directory, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(TARGET % status)
            os.chmod(path, 0o755)
        paths = [os.path.join(self.directory, name) for name in targets]
        command = [SCRIPT, "7", str(jobs), *paths]
        return subprocess.run(command, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def searched(self):
        logs = os.path.join(self.directory, "build", "fuzz", "found")
        return sorted(name[:-4] for name in os.listdir(logs) if name.endswith(".log"))

    def test_all_run_and_findings_are_named(self):
        for jobs in (1, 2):
            done = self.run_targets(jobs, fuzz_a=1, fuzz_b=0, fuzz_c=77)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(self.searched(), ["fuzz_a", "fuzz_b", "fuzz_c"])
            named = [line.split(":")[0].strip() for line in done.stderr.splitlines()]
            self.assertEqual(named, ["Fuzz targets with a finding", "fuzz_a", "fuzz_c"])
            self.assertIn("searched with -max_total_time=7 ", done.stdout)

    def test_no_finding(self):
        done = self.run_targets(2, fuzz_a=0, fuzz_b=0)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.searched(), ["fuzz_a", "fuzz_b"])

    def test_findings_of_before_are_forgotten(self):
        self.run_targets(1, fuzz_a=1)
        self.assertEqual(self.run_targets(1, fuzz_a=0).returncode, 0)


if __name__ == "__main__":
    unittest.main()
