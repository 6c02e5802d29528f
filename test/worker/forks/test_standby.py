# SPDX-License-Identifier: BSD-3-Clause
"""A copy of the session that does not come to stand by: nobody waits for it without end, and its descriptors are closed."""

import errno
import os
import socket
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import package  # noqa: E402

package.load()
from spk_worker.forks import standby  # noqa: E402


class Introduced(unittest.TestCase):
    def setUp(self):
        ours, self.theirs = socket.socketpair()
        self.addCleanup(self.theirs.close)
        self.copy = standby.Copy(ours, [os.open(os.devnull, os.O_RDONLY) for _ in range(2)], {})
        self.connection = mock.Mock()

    def refused(self, number: int) -> str:
        with self.assertRaises(OSError) as caught:
            standby.introduce(self.connection, self.copy, 1, 2, None)
        self.assertEqual(caught.exception.errno, number)
        self.connection.send_with_descriptors.assert_not_called()
        self.assertEqual(self.copy.socket.fileno(), -1)
        for read in self.copy.pipes:
            self.assertRaises(OSError, os.fstat, read)
        return caught.exception.strerror

    def test_one_that_says_nothing(self):
        with mock.patch.object(standby, "_COPY_SECONDS", 0.05):
            self.assertIn("not ready within 0.05 s", self.refused(errno.ETIMEDOUT))

    def test_one_that_has_ended(self):
        self.theirs.close()
        self.assertIn("ended at once", self.refused(errno.ECHILD))

    def test_one_that_ended_while_it_spoke(self):
        self.theirs.send(b"12")
        self.theirs.close()
        self.assertIn("ended at once", self.refused(errno.ECHILD))

    def test_one_that_is_ready(self):
        self.theirs.send((4711).to_bytes(4, "little"))
        number = self.copy.socket.fileno()
        standby.introduce(self.connection, self.copy, 1, 2, None, b"more")
        ends = [number, *self.copy.pipes]
        self.connection.send_with_descriptors.assert_called_once_with(ends, 1, 2, (4711).to_bytes(4, "little"), b"more")


if __name__ == "__main__":
    unittest.main()
