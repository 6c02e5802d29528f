# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""The choice between measurement systems, and a system that is added to them: one class, and one row."""

import os
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import package  # noqa: E402

package.load()
from spk_worker.base.errors import NotMeasured, Unusable  # noqa: E402
from spk_worker.measure import measurement  # noqa: E402
from spk_worker.measure.cell import Cell  # noqa: E402
from spk_worker.measure.systems import selection  # noqa: E402
from spk_worker.measure.systems.system import System  # noqa: E402
from spk_worker.measure.wanted import Wanted  # noqa: E402


class Nothing(System):
    """A system that records nothing, as an example of one that is added."""

    key = "nothing"
    name = spoken = title = "nothing"
    is_automatic = False


class Preferred(Nothing):
    """One that is there, or is not, or cannot be used."""

    key = "preferred"
    title = spoken = "the preferred one"
    absent = "there is none. Install it."
    is_automatic = True
    state = "here"

    def is_here(self, only_once):
        if self.state == "unusable" and not only_once:
            raise Unusable("it is broken. Mend it.")
        return self.state != "absent"

    def needs_fork(self):
        return self.state == "unusable"


class Fallback(Nothing):
    key = "fallback"
    title = spoken = "the fallback"
    is_automatic = True


class Choice(unittest.TestCase):
    def setUp(self):
        rows = mock.patch.object(selection, "SYSTEMS", (Preferred, Fallback, Nothing))
        rows.start()
        self.addCleanup(rows.stop)
        variables = mock.patch.dict(os.environ)
        variables.start()
        self.addCleanup(variables.stop)
        os.environ.pop(selection.VARIABLE, None)

    def chosen(self, state="here", asked=None, once=False):
        """The key of the system, and the warnings."""
        if asked is not None:
            os.environ[selection.VARIABLE] = asked
        warnings = []
        with mock.patch.object(Preferred, "state", state):
            systems = selection.Selection()
            if once:
                systems.measure_once()
            return systems.choose(warnings).key, warnings

    def test_by_itself(self):
        self.assertEqual(self.chosen(), ("preferred", []))
        self.assertEqual(self.chosen("absent"), ("fallback", []))
        warning = "Measured by the fallback, as the preferred one cannot be used: it is broken. Mend it."
        self.assertEqual(self.chosen("unusable"), ("fallback", [warning]))
        self.assertEqual(self.chosen("unusable", once=True), ("preferred", []))

    def test_as_the_user_asks(self):
        self.assertEqual(self.chosen(asked="fallback"), ("fallback", []))
        self.assertEqual(self.chosen(asked="NOTHING"), ("nothing", []))
        self.assertEqual(self.chosen(asked="auto"), ("preferred", []))

    def test_what_the_user_asks_for_is_not_there(self):
        with self.assertRaisesRegex(NotMeasured, "is preferred, but there is none. Install it."):
            self.chosen("absent", "preferred")
        with self.assertRaisesRegex(NotMeasured, "^The cell was not run: it is broken. Mend it.$"):
            self.chosen("unusable", "preferred")

    def test_what_is_no_system(self):
        with self.assertRaisesRegex(NotMeasured, "'vtune', but must be auto, preferred, fallback or nothing"):
            self.chosen(asked="vtune")

    def test_the_process_decides(self):
        os.environ[selection.VARIABLE] = "preferred"
        systems = selection.Selection()
        systems.use("fallback")
        self.assertEqual(systems.choose([]).key, "fallback")

    def test_needs_a_fork(self):
        with mock.patch.object(Preferred, "state", "unusable"):
            self.assertTrue(selection.Selection().needs_fork())
            os.environ[selection.VARIABLE] = "fallback"
            self.assertFalse(selection.Selection().needs_fork())

    def test_one_object_for_all_cells(self):
        systems = selection.Selection()
        self.assertIs(systems.choose([]), systems.choose([]))


class Added(unittest.TestCase):
    """A cell is measured by a system of one class and one row, which has nothing of the tracer."""

    def test_a_cell(self):
        with tempfile.TemporaryDirectory() as directory, mock.patch.dict(os.environ):
            os.environ["SCOREP_EXPERIMENT_DIRECTORY"] = os.path.join(directory, "run")
            os.environ[selection.VARIABLE] = "nothing"
            with mock.patch.object(selection, "SYSTEMS", (*selection.SYSTEMS, Nothing)):
                system = selection.Selection().choose([])
            cell = Cell("x = 1", Wanted(text="%%execute_with_scorep"), {"execution_count": 1}, {}, {"version": "0"})
            shell = types.SimpleNamespace(measurement=None, last_error=None, compile=mock.Mock())
            shell.compile.get_code_name.return_value = "<ipython-input-1-0>"
            with measurement.measuring(cell, shell, system, "in the session", ["a note"]) as measured:
                with shell.measurement.recording("<ipython-input-1-0>"):
                    shell.measurement.statement_begins()
            report = measured.report()
            self.assertEqual(sorted(os.listdir(report["directory"])), ["cell.py", "scorepkernel.json"])
        self.assertEqual((report["measurement"], report["events"], report["regions"]), ("nothing", 0, []))
        self.assertIn("a note", report["warnings"])


if __name__ == "__main__":
    unittest.main()
