# SPDX-License-Identifier: BSD-3-Clause
"""What whoever debugs the kernel sees of the frames between the library and its processes."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

from host_process import HOST
from kernel import KernelCase

CELL = r"-> worker EXECUTE \(2\), request \d+, bytes in parts: \d+, \d+, \d+$"
REPLY = r"<- worker REPLY \(76\), request \d+, barrier \d+, bytes in parts: 4, \d+"


class InTheLog(KernelCase):
    environment = {"SCOREPKERNEL_LOG": "frames"}

    def test_frames_are_told(self):
        self.ok("secret = 'not to be seen'")
        self.log.seek(0)
        log = self.log.read()
        self.assertRegex(log, re.compile(CELL, re.M))
        self.assertRegex(log, REPLY)
        self.assertRegex(log, r"<- worker READY \(65\)")
        self.assertNotIn("secret", log)


class InAFile(KernelCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix="scorepkernel-frames-")
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.kernel_arguments = ["--trace", os.path.join(directory, "frames")]
        super().setUpClass()

    def test_frames_are_told(self):
        self.ok("1")
        with open(self.kernel_arguments[1], encoding="utf-8") as file:
            text = file.read()
            self.assertEqual(stat.S_IMODE(os.fstat(file.fileno()).st_mode), 0o600)
        self.assertRegex(text, re.compile(r"^20\d\d-\d\d-\d\dT[\d:.]+Z " + CELL, re.M))
        self.assertRegex(text, REPLY)
        self.log.seek(0)
        self.assertNotIn("EXECUTE", self.log.read())


class Refused(unittest.TestCase):
    def test_a_file_that_cannot_be_written(self):
        connection = os.path.join(tempfile.mkdtemp(prefix="scorepkernel-frames-"), "kernel.json")
        self.addCleanup(os.rmdir, os.path.dirname(connection))
        self.addCleanup(os.remove, connection)
        with open(connection, "w", encoding="utf-8") as file:
            file.write(
                '{"shell_port": 0, "iopub_port": 0, "stdin_port": 0, "control_port": 0, "hb_port": 0, "ip": "127.0.0.1",'
                ' "key": "", "transport": "tcp", "signature_scheme": "hmac-sha256", "kernel_name": ""}'
            )
        done = subprocess.run([HOST, "-f", connection, "--trace", "/no/such/file"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("The trace of frames cannot be written to /no/such/file: No such file", done.stderr)
        self.assertIn("Give --trace another file", done.stderr)


if __name__ == "__main__":
    unittest.main()
