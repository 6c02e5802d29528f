# SPDX-License-Identifier: BSD-3-Clause
"""What the tests share that run others' public test suites against this kernel. Nothing of these suites is kept here: a
variable of the environment names a checkout, and a test that finds none is skipped."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))


def checkout(variable: str, inside: str, where: str) -> str:
    """The directory of a checkout of that suite."""
    path = os.environ.get(variable, "")
    if not os.path.isdir(os.path.join(path, inside)) or not path:
        raise unittest.SkipTest(f"{variable} does not name a checkout of {where}")
    return os.path.abspath(path)
