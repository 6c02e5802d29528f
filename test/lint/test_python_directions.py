# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""The rule of the worker's folders (python_directions.py), on packages that keep it and that break it."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest

import python_directions

HERE = os.path.dirname(os.path.abspath(__file__))
WORKER = os.path.join(HERE, "..", "..", "libscorepkernel", "worker")
FOLDERS = {f"{folder}/__init__.py": "" for folder in python_directions.MAY_IMPORT}
FOLDERS["__init__.py"] = FOLDERS.pop("/__init__.py")


class Directions(unittest.TestCase):
    def problems(self, **changed):
        """Of a package with these files; in a name, two underscores stand for a slash."""
        with tempfile.TemporaryDirectory() as root:
            files = {**FOLDERS, **{name.replace("__", "/") + ".py": text for name, text in changed.items()}}
            for name, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w") as file:
                    file.write(text)
            return [text.replace(root + os.sep, "") for text in python_directions.problems(root)]

    def test_the_worker(self):
        self.assertEqual(python_directions.problems(WORKER), [])

    def test_what_is_allowed(self):
        self.assertEqual(self.problems(base__a="import os", base__b="from . import a", measure__c="from ..base import a"), [])
        self.assertEqual(self.problems(measure__systems__a="from ...base import b", base__b="", measure__c="from .systems import a"), [])
        self.assertEqual(self.problems(server="from .launch import plan", launch__plan="from ..measure.cell import x", measure__cell=""), [])
        self.assertEqual(self.problems(base__tracer="from .. import _tracer"), [])

    def test_against_the_direction(self):
        for text in (
            "from ..measure import cell",
            "from ..measure.cell import x",
            "def f():\n    from ..measure import cell",
            "import spk_worker.measure.cell",
            "from spk_worker.measure import cell",
            "if True:\n    from ..measure import cell as x, other",
        ):
            with self.subTest(text=text):
                line = text.count("\n") + 1
                found = self.problems(base__a=text, measure__cell="x = 1")
                self.assertIn(f"base/a.py:{line}: base may not import from measure (measure.cell)", found)

    def test_nobody_imports_the_doctor_or_the_top(self):
        self.assertIn("doctor", " ".join(self.problems(server="from .doctor import command", doctor__command="")))
        self.assertIn("the top", " ".join(self.problems(server="", launch__a="from .. import server")))
        self.assertIn("the top", " ".join(self.problems(launch__a="import spk_worker")))

    def test_circles(self):
        found = self.problems(base__a="from . import b", base__b="def f():\n    from .c import x", base__c="from . import a\nx = 1")
        self.assertEqual(found, ["modules that need each other: base.a, base.b, base.c"])
        self.assertEqual(self.problems(base__a="from . import b, c", base__b="from . import c", base__c=""), [])

    def test_many_sources(self):
        some = {f"base__m{number}": "" for number in range(python_directions.MOST_SOURCES)}
        self.assertIn("16 sources are more than 15", " ".join(self.problems(**some)))
        some.pop("base__m0")
        self.assertEqual(self.problems(**some), [])

    def test_a_folder_that_the_table_lacks(self):
        self.assertIn("the folder new is not in MAY_IMPORT", " ".join(self.problems(new__a="")))

    def test_the_extension(self):
        self.assertIn("only base.tracer imports _tracer", " ".join(self.problems(measure__a="from .. import _tracer")))

    def test_as_a_program(self):
        program = os.path.join(HERE, "python_directions.py")
        self.assertEqual(subprocess.run([sys.executable, program, WORKER]).returncode, 0)
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stderr(io.StringIO()):
            os.mkdir(os.path.join(root, "new"))
            open(os.path.join(root, "new", "a.py"), "w").close()
            done = subprocess.run([sys.executable, program, root], stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("new is not in MAY_IMPORT", done.stderr)


if __name__ == "__main__":
    unittest.main()
