#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""scorepkernel install: where the kernelspec goes, what is in it, and what is refused."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import unittest
from typing import Dict

from host_process import HOST, HostCase

PYTHON = os.environ.get("PYTHON", sys.executable)


class Install(HostCase):
    def install(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        environment.setdefault("HOME", self.directory)
        environment.setdefault("JUPYTER_DATA_DIR", "")
        environment.setdefault("XDG_DATA_HOME", "")
        return self.command("install", *arguments, **environment)

    def spec(self, *place: str) -> Dict:
        with open(os.path.join(self.directory, *place, "kernel.json")) as file:
            return json.load(file)

    def refused(self, *arguments: str, **environment: str) -> str:
        done = self.install(*arguments, **environment)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_prefix(self) -> None:
        prefix = os.path.join(self.directory, "a b'c")
        done = self.install("--prefix", prefix, "--python", PYTHON)
        self.assertEqual(done.returncode, 0, done.stderr)
        place = os.path.join(prefix, "share", "jupyter", "kernels", "scorep-python")
        self.assertEqual(
            self.spec(place),
            {
                "argv": [HOST, "-f", "{connection_file}", "--python", PYTHON],
                "display_name": "Python (Score-P)",
                "language": "python",
                "interrupt_mode": "message",
                "metadata": {"debugger": False},
            },
        )
        self.assertEqual(os.listdir(os.path.dirname(place)), ["scorep-python"], "nothing else is left there")
        self.assertTrue(os.stat(place).st_mode & stat.S_IRUSR)
        removal = re.search(r"^  (rm -r .*)$", done.stdout, re.M)
        assert removal, done.stdout
        subprocess.run(removal.group(1), shell=True, check=True)
        self.assertFalse(os.path.exists(place))

    def test_jupyter_finds_it(self) -> None:
        from jupyter_client.kernelspec import KernelSpecManager

        self.install("--prefix", self.directory, "--name", "my.kernel-1", "--display-name", 'A "name" ü')
        kernels = os.path.join(self.directory, "share", "jupyter", "kernels")
        spec = KernelSpecManager(kernel_dirs=[kernels]).get_kernel_spec("my.kernel-1")
        self.assertEqual((spec.display_name, spec.interrupt_mode), ('A "name" ü', "message"))
        self.assertEqual(spec.argv, [HOST, "-f", "{connection_file}"], "python3 is looked up at each start")

    def test_logos(self) -> None:
        logos = os.path.join(os.path.dirname(HOST), "..", "lib", "scorepkernel", "kernelspec")
        if not os.path.isdir(logos):
            self.skipTest(f"{logos} has not been built")
        self.install("--prefix", self.directory)
        place = os.path.join(self.directory, "share", "jupyter", "kernels", "scorep-python")
        self.assertEqual(sorted(os.listdir(place)), ["kernel.json", *sorted(os.listdir(logos))])

    def test_user(self) -> None:
        data = os.path.join(self.directory, "data")
        self.install("--user", JUPYTER_DATA_DIR=data)
        self.spec("data", "kernels", "scorep-python")
        self.install("--user", XDG_DATA_HOME=data)
        self.spec("data", "jupyter", "kernels", "scorep-python")
        self.install("--user")
        self.spec(".local", "share", "jupyter", "kernels", "scorep-python")
        self.assertIn("HOME", self.refused("--user", HOME=""))

    def test_sys_prefix_and_a_venv(self) -> None:
        subprocess.run(
            [PYTHON, "-m", "venv", "--without-pip", "--system-site-packages", "env"], cwd=self.directory, check=True
        )
        python = os.path.join(self.directory, "env", "bin", "python")
        done = self.install("--sys-prefix", "--python", "env/bin/python")
        self.assertEqual(done.returncode, 0, done.stderr)
        argv = self.spec("env", "share", "jupyter", "kernels", "scorep-python")["argv"]
        self.assertEqual(argv[-1], python, "absolute, and the venv's link is kept")
        self.install("--prefix", self.directory, "--python", "python", PATH=os.path.dirname(python))
        self.assertEqual(self.spec("share", "jupyter", "kernels", "scorep-python")["argv"][-1], python)

    def test_replaces_its_own_alone(self) -> None:
        place = os.path.join(self.directory, "share", "jupyter", "kernels", "scorep-python")
        for text in ("one", "two"):
            self.install("--prefix", self.directory, "--display-name", text)
            self.assertEqual(self.spec(place)["display_name"], text)
        self.assertEqual(os.listdir(os.path.dirname(place)), ["scorep-python"])
        with open(os.path.join(place, "kernel.json"), "w") as file:
            json.dump({"argv": ["/usr/bin/python3", "-m", "ipykernel"]}, file)
        self.assertIn("--name", self.refused("--prefix", self.directory))
        self.assertEqual(self.spec(place)["argv"][0], "/usr/bin/python3")

    def test_names(self) -> None:
        for name in ("", ".", "..", "a/b", "ü", "a b", "-x", "x" * 65):
            self.assertIn("cannot name a kernel", self.refused("--prefix", self.directory, f"--name={name}"))
        self.assertEqual([n for n in os.listdir(self.directory) if n != "log"], [])

    def script(self, text: str) -> str:
        path = os.path.join(self.directory, "python")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def test_pythons_that_will_not_do(self) -> None:
        for python, expected in (
            ("/no/such/python", "--python PATH"),
            (self.directory, "--python PATH"),
            (__file__ + "x", "--python PATH"),
            ("no-such-python", "on PATH"),
            ("/bin/true", "does not answer"),
        ):
            self.assertIn(expected, self.refused("--prefix", self.directory, "--python", python))
        old = self.script("echo; echo @version=3.8.10; echo @prefix=/usr; echo @ipython=7.1\n")
        self.assertIn("3.9 or later", self.refused("--prefix", self.directory, "--python", old))
        bare = self.script("echo; echo @version=3.12.0; echo @prefix=/usr\n")
        self.assertIn(
            f"{bare} -m pip install ipython", self.refused("--prefix", self.directory, "--python", bare)
        )
        self.assertFalse(os.path.exists(os.path.join(self.directory, "share")), "nothing was written")

    def test_a_place_that_cannot_be_written(self) -> None:
        self.assertIn("cannot be made", self.refused("--prefix", "/dev/null"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
