#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Sending variables asks the user's code (__reduce__ and the like) once for each object, whatever else is pickled more
than once, and whatever pickles it.

SPK_TREE: the build to test; without one, the sources."""

import os
import sys
import unittest
from typing import Any, Dict

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import package  # noqa: E402

package.load()
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from asking import Listed, Raising, Reduced, Stateful, asked  # noqa: E402


class UsersCode(unittest.TestCase):
    marshaller = "cloudpickle"

    def setUp(self) -> None:
        try:
            from spk_worker.persist import transfer
        except ImportError as problem:
            self.skipTest(f"{problem}: without cloudpickle (and dill) no variables travel")
        self.transfer = transfer
        self.file = os.memfd_create("variables")
        self.addCleanup(os.close, self.file)
        asked.clear()

    def send(self, **variables: Any) -> Any:
        return self.transfer.send(variables, self.file, marshaller=self.marshaller)

    def values(self) -> Dict[str, Any]:
        values, lost = self.transfer.values(self.file, {}, 0)
        self.assertEqual(lost, [])
        return values

    def test_shared_by_several_names(self) -> None:
        """Each by itself, then all in one."""
        one = Reduced()
        self.assertEqual(self.send(a=one, b=[one], c={"one": one}).lost, [])
        self.assertEqual(asked["reduce"], 1)
        values = self.values()
        self.assertIs(values["a"], values["b"][0])
        self.assertEqual(values["a"].state, [1])

    def test_state(self) -> None:
        one = Stateful()
        self.send(a=one, b=[one])
        self.assertEqual(asked["getstate"], 1)
        self.assertEqual(self.values()["b"][0].state, 1)

    def test_elements_of_a_list(self) -> None:
        one = Listed([1, 2])
        self.send(a=one, b=[one])
        self.assertEqual(asked["iter"], 1)
        self.assertEqual(list(self.values()["a"]), [1, 2])

    def test_one_that_raises(self) -> None:
        """Again with tolerance, to find where it is, and for what is left."""
        one = Raising()
        lost = sorted(self.send(a=[one], b=(one, 1), c=1).lost)
        self.assertEqual([(entry.name, entry.path, entry.reason) for entry in lost],
                         [("a", "a[0]", "TypeError: not this one"), ("b", "b[0]", "TypeError: not this one")])
        self.assertEqual(asked["raise"], 1)

    def test_each_time_that_variables_are_sent(self) -> None:
        one = Reduced()
        self.send(a=one)
        self.send(a=one)
        self.assertEqual(asked["reduce"], 2, "what it says may have changed")


class UsersCodeByPickle(UsersCode):
    marshaller = "pickle"


class UsersCodeByDill(UsersCode):
    marshaller = "dill"


if __name__ == "__main__":
    unittest.main()
