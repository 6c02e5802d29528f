# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Other programs that are asked for an answer: what they are given and print, their end, and their time."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import package  # noqa: E402

package.load()
from spk_worker.base import programs  # noqa: E402

BYTES = bytes(range(256)) * 20_000


class Programs(unittest.TestCase):
    def setUp(self) -> None:
        self.descriptors = os.listdir("/proc/self/fd")

    def tearDown(self) -> None:
        self.assertEqual(os.listdir("/proc/self/fd"), self.descriptors)

    def test_bytes(self) -> None:
        self.assertEqual(programs.run_filter(["cat"], 60, BYTES), (BYTES, ""))
        self.assertEqual(programs.run_filter(["cat"], 60, BYTES, most=1000), (BYTES[:1000], ""))
        self.assertEqual(programs.run_filter(["cat"], 60), (b"", ""))

    def test_text(self) -> None:
        self.assertEqual(programs.run(["printf", "a\\377b"]), ("a\ufffdb", ""))
        self.assertEqual(programs.run(["cat"]), ("", ""), "there is nothing to read")
        self.assertEqual(programs.run_python("print(6 * 7)"), ("42\n", ""))

    def test_problems(self) -> None:
        self.assertEqual(programs.run(["sh", "-c", "echo out; echo why >&2; exit 3"]).problem, "it ended with exit code 3 and said: why")
        self.assertEqual(programs.run(["sh", "-c", "echo out; exit 3"]).problem, "it ended with exit code 3 and said: out")
        self.assertEqual(programs.run(["sh", "-c", "kill -9 $$"]).problem, "it was ended by signal 9 and said: nothing")
        self.assertEqual(programs.run(["/nowhere"]), ("", "No such file or directory"))
        self.assertEqual(programs.run(["a\0b"]), ("", "embedded null byte"))
        self.assertEqual(programs.run(["sleep", "1000"], 0.1), ("", "it did not end within 0 s"))

    def test_what_is_left_behind(self) -> None:
        self.assertEqual(programs.run(["sh", "-c", "sleep 0.5 & echo on"]).output, "on\n")


if __name__ == "__main__":
    unittest.main()
