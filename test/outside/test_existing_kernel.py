# SPDX-License-Identifier: BSD-3-Clause
"""The notebooks of the existing Score-P kernel's test suite, cell by cell, as they are: each cell must end well, and print
what their authors' code prints. Sentences of that kernel's own are not compared.

SPK_EXISTING_KERNEL: a checkout of github.com/score-p/scorep_jupyter_kernel_python.
"""

import glob
import json
import os
import re
import unittest

from outside import checkout

from kernel import KernelCase  # noqa: E402
from measuring import needs_tracer

# How the existing kernel's own sentences begin.
_SENTENCES = re.compile(
    r"(Kernel uses|Instrumentation results|Score-P (Python )?bind|Multicell mode|Cell marked|Executing cell|Started conv"
    r"|Writefile mode|Finished conv|Python commands|\$\{PWD\}/|env: |-+$)"
)
_COLOURS = re.compile("\x1b.*?m")


def lines_of(outputs):
    """What the author's code printed, and showed as its result."""
    found = []
    for output in outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain") or ""
        found += [line.strip() for line in _COLOURS.sub("", "".join(text)).split("\n")]
    return [line for line in found if line and not _SENTENCES.match(line)]


class Notebooks(KernelCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in", "SCOREP_EXPERIMENT_DIRECTORY": "test_kernel_tmp/scorep-traces"}
    process = ""

    @classmethod
    def setUpClass(cls):
        cls.suite = checkout("SPK_EXISTING_KERNEL", "tests/kernel", "score-p/scorep_jupyter_kernel_python")
        needs_tracer()
        super().setUpClass()

    def setUp(self):
        self.ok("import os, shutil; shutil.rmtree('test_kernel_tmp', ignore_errors=True); os.makedirs('test_kernel_tmp/scorep-traces')")
        self.ok(f"os.environ['SCOREP_EXPERIMENT_DIRECTORY'] = {self.environment['SCOREP_EXPERIMENT_DIRECTORY']!r}")

    def test_all(self):
        paths = sorted(glob.glob(os.path.join(self.suite, "tests", "kernel", "*.ipynb")))
        self.assertGreaterEqual(len(paths), 6)
        cells = 0
        for path in paths:
            self.km.restart_kernel(now=False)
            self.kc.wait_for_ready(timeout=60)
            self.setUp()
            if self.process:
                self.ok(f"%%marshalling_settings PROCESS={self.process}")
            with open(path, encoding="utf-8") as file:
                cells += self.run_notebook(os.path.basename(path), json.load(file))
        self.assertGreaterEqual(cells, 40)

    def run_notebook(self, name, notebook):
        sources, count = set(), 0
        for number, cell in enumerate(notebook["cells"], 1):
            if cell["cell_type"] != "code":
                continue
            count += 1
            source = "".join(cell["source"])
            sources.update(line.strip() for line in source.split("\n"))
            with self.subTest(name, cell=number, source=source[:80]):
                outcome = self.run_cell(source)
                self.assertEqual(outcome.reply["status"], "ok", outcome.reply)
                said = [_COLOURS.sub("", line).strip() for line in (outcome.text() + "\n" + (outcome.result or "")).split("\n")]
                # The existing kernel shows the cells of multi-cell mode as it runs them.
                expected = [line for line in lines_of(cell["outputs"]) if line not in sources]
                self.assertEqual([line for line in expected if line not in said], [], outcome.text())
                if "execute_with_scorep" in source and outcome.report:
                    self.assertTrue(os.path.exists(os.path.join(outcome.experiment, "traces.otf2")))
        return count


class NotebooksByScoreP(Notebooks):
    environment = {**Notebooks.environment, "SCOREPKERNEL_MEASUREMENT": "auto"}


class NotebooksLaunched(Notebooks):
    process = "launch"


del KernelCase

if __name__ == "__main__":
    unittest.main()
