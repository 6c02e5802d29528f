# SPDX-License-Identifier: BSD-3-Clause
"""The Jupyter project's own test of kernels, against ours."""

import os
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

from kernel import PYTHON, SANITIZER, TREE

try:
    import jupyter_kernel_test as suite
except ImportError:
    suite = None


class Conformance(suite.KernelTests if suite else unittest.TestCase):
    def test_the_suite_is_there(self) -> None:
        if suite is None:
            self.skipTest("jupyter_kernel_test is not installed (python3-jupyter-kernel-test)")

    kernel_name = "scorep-python"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise"
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('1'))", "mime": "text/latex"},
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search", "range")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    @classmethod
    def setUpClass(cls) -> None:
        if suite is None:
            return
        cls.prefix = tempfile.mkdtemp(prefix="scorepkernel-test-")
        program = os.path.join(TREE, "bin", "scorepkernel")
        subprocess.run(
            [program, "install", "--prefix", cls.prefix, "--python", PYTHON], check=True, stdout=subprocess.DEVNULL
        )
        found = {
            "JUPYTER_PATH": os.path.join(cls.prefix, "share", "jupyter"),
            "IPYTHONDIR": os.path.join(cls.prefix, "ipython"),
            **SANITIZER,
        }
        with mock.patch.dict(os.environ, found):
            super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        if suite is None:
            return
        super().tearDownClass()
        shutil.rmtree(cls.prefix, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
