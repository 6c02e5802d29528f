# SPDX-License-Identifier: BSD-3-Clause
"""The copy of the session that pickles variables whose pickling runs users' code: what becomes of it where it fails."""

import errno
import os
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import package  # noqa: E402

package.load()
from spk_worker.persist import separately  # noqa: E402


class RunsCode:
    def __reduce__(self):
        return (dict, ())


class Copies(unittest.TestCase):
    def setUp(self):
        self.file = os.memfd_create("variables")
        self.addCleanup(os.close, self.file)

    def send(self) -> separately.transfer.Sent:
        return separately.send({"x": RunsCode(), "y": 5}, self.file, (), "cloudpickle")

    def test_one_that_pickles(self):
        before = os.listdir("/proc/self/fd")
        self.assertEqual(self.send().lost, [])
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_none_can_be_made(self):
        before = os.listdir("/proc/self/fd")
        problem = OSError(errno.EAGAIN, "Resource temporarily unavailable")
        with mock.patch.object(separately.os, "fork", side_effect=problem), self.assertRaises(separately.Ended) as caught:
            self.send()
        self.assertRegex(str(caught.exception), "no copy of the session .* temporarily unavailable.*run the cell again$")
        self.assertEqual(os.listdir("/proc/self/fd"), before)


if __name__ == "__main__":
    unittest.main()
