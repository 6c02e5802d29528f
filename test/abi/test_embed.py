# SPDX-License-Identifier: BSD-3-Clause
"""The example of a program that embeds the library, with a real Python: it defines fib, measures fib(15), and prints
what came back."""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

TREE = os.environ.get("SPK_TREE", "")
HOST = os.path.join(TREE, "..", "embed", "host")
LIBRARY = os.path.join(TREE, "lib", "libscorepkernel.so")
PYTHON = os.environ.get("PYTHON", sys.executable)


def suffix():
    code = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


class Embed(unittest.TestCase):
    def run_host(self):
        if not os.path.exists(HOST):
            self.skipTest("the embedding program is not built, or SPK_TREE does not name the tree")
        if subprocess.run([PYTHON, "-c", "import IPython"], capture_output=True, check=False).returncode:
            self.skipTest(f"{PYTHON} has no IPython")
        if not glob.glob(os.path.join(TREE, "lib/scorepkernel/worker/spk_worker/_tracer" + suffix())):
            self.skipTest(f"the built-in tracer is not built for {PYTHON}")
        with tempfile.TemporaryDirectory() as directory:
            programs = os.path.join(directory, "bin")
            os.mkdir(programs)
            # The program names no interpreter: the session takes the first python3 on PATH.
            os.symlink(os.path.realpath(PYTHON), os.path.join(programs, "python3"))
            environment = dict(os.environ, PATH=programs + os.pathsep + os.environ.get("PATH", ""), HOME=directory)
            if os.environ.get("SPK_PRELOAD"):
                environment["LD_PRELOAD"] = os.environ["SPK_PRELOAD"]
                # What Python leaves allocated at its end is not ours.
                environment["ASAN_OPTIONS"] = "detect_leaks=0"
            done = subprocess.run(
                [HOST, LIBRARY], capture_output=True, text=True, check=False, timeout=120, cwd=directory, env=environment
            )
            left = os.listdir(directory)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout, left

    def test_cells(self):
        said, left = self.run_host()
        self.assertIn("cell 1, stdout: defined fib\n", said)
        self.assertIn("cell 2, stdout: fib(15) is 610\n", said)
        results = re.findall(r"^result: (.*)$", said, re.M)
        self.assertEqual([json.loads(result)["data"]["text/plain"] for result in results], ["610"])
        replies = [json.loads(reply) for reply in re.findall(r"^reply: (.*)$", said, re.M)]
        self.assertEqual([(reply["status"], reply["execution_count"]) for reply in replies], [("ok", 1), ("ok", 2)])
        displays = re.findall(r"^display: (.*)$", said, re.M)
        self.assertEqual(len(displays), 1, said)
        data = json.loads(displays[0])["data"]
        # fib(15) makes 1973 calls, each of which is a visit of the region; the cell computes it twice.
        row = next(line for line in data["text/plain"].splitlines() if re.search(r"\bfib\b", line))
        self.assertRegex(row, r"\b3,946\s+fib\b")
        self.assertIn(">3,946<", data["text/html"])
        # The output comes before the reply, and the report before it, too.
        self.assertLess(said.index("fib(15) is 610"), said.index("display: "))
        self.assertLess(said.index("display: "), said.rindex("reply: "))
        self.assertTrue(any(name.startswith("scorep-") for name in left), left)


if __name__ == "__main__":
    unittest.main()
