#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""While a measured cell runs, a display shows how far it has come; the report takes its place."""

from __future__ import annotations

import re
import unittest
from typing import List

from measuring import SCOREP, UNGUARDED, ByScoreP, TracedCase

SLOW = """
import time
def called(): pass
def calls(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: called()
calls(3.5)
"""
BUSY = "Being measured: "
WHOLE = (
    r"(?:Being measured|Measured, and being written): (\d+) s, ([\d,]+) events, about \d+ MB of trace; "
    r"hottest so far is line (\d+) \(\d+ %\): (.*)"
)


class ProgressCase(TracedCase):
    def setUp(self) -> None:
        self.outcome = self.ok("pass")

    def run_measured(self, code: str, directive: str = UNGUARDED) -> List[str]:
        """The texts of the display, in their order."""
        self.outcome = self.ok(directive + code)
        return [m["content"]["data"]["text/plain"] for m in self.displays()]

    def displays(self) -> List[dict]:
        return [m for m in self.outcome.messages if "display_id" in m["content"].get("transient", ())]

    def with_variable(self, name: str, value: str) -> None:
        self.ok(f"import os; os.environ[{name!r}] = {value!r}")
        self.addCleanup(self.ok, f"del os.environ[{name!r}]")


class WhatIsShown(ProgressCase):
    def test_follows_the_cell_and_makes_room(self) -> None:
        texts = self.run_measured(SLOW)
        first, *updates = self.displays()
        self.assertEqual(first["msg_type"], "display_data")
        self.assertTrue(updates and all(m["msg_type"] == "update_display_data" for m in updates))
        self.assertEqual(len({m["content"]["transient"]["display_id"] for m in self.displays()}), 1)
        self.assertEqual((texts[-1], updates[-1]["content"]["data"]["text/html"]), ("", ""))
        self.assertLess(self.outcome.messages.index(updates[-1]), self.place_of_report())
        for text in texts[:-1]:
            found = re.match(WHOLE, text)
            assert found, text
            self.assertGreater(int(found[1]), 1)
            self.assertGreater(int(found[2].replace(",", "")), 1000)
            self.assertEqual((found[3], found[4]), ("8", "calls(3.5)"))

    def place_of_report(self) -> int:
        return next(i for i, m in enumerate(self.outcome.messages) if "Experiment: " in str(m["content"].get("data")))

    def test_guarded_cell(self) -> None:
        texts = self.run_measured(SLOW, "%%execute_with_scorep --guard\n")
        self.assertIn("calls(3.5)", texts[0])

    def test_launched_cell(self) -> None:
        self.ok("%%marshalling_settings PROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings PROCESS=auto")
        texts = self.run_measured(SLOW, SCOREP)
        self.assertRegex(texts[0], BUSY + r"\d s$")
        self.assertEqual(texts[-1], "")


class Progress(ProgressCase):
    def test_short_cells_have_none(self) -> None:
        self.assertEqual(self.run_measured("import time; time.sleep(1)"), [])

    def test_cells_that_are_not_measured_have_none(self) -> None:
        self.outcome = self.ok("import time; time.sleep(2.5)")
        self.assertEqual(self.displays(), [])

    def test_nothing_comes_into_a_line(self) -> None:
        self.run_measured("import time\nprint('10 %', end='')\ntime.sleep(2.5)\nprint(' 100 %')\ntime.sleep(2)")
        self.assertEqual(self.outcome.text(), "10 % 100 %\n")
        self.assertEqual(len({m["content"]["text"] for m in self.outcome.messages if m["msg_type"] == "stream"}), 2)
        kinds = [m["msg_type"] for m in self.outcome.messages]
        self.assertEqual(kinds[:3], ["execute_input", "stream", "stream"])
        self.assertTrue(self.displays())

    def test_output_that_is_cleared(self) -> None:
        """It takes the display along, which comes again; one that is to be cleared by the next output is not by ours."""
        code = "import time\nfrom IPython.display import clear_output\ntime.sleep(2.3)\nclear_output()\ntime.sleep(2)"
        self.run_measured(code)
        kinds = [m["msg_type"] for m in self.outcome.messages]
        self.assertIn("display_data", kinds[: kinds.index("clear_output")])
        self.assertIn("display_id", str(self.outcome.messages[kinds.index("clear_output") + 1]["content"]))
        self.assertEqual(kinds[kinds.index("clear_output") + 1], "display_data")
        self.run_measured(code.replace("clear_output()", "clear_output(wait=True)"))
        kinds = [m["msg_type"] for m in self.outcome.messages]
        after = self.outcome.messages[kinds.index("clear_output") + 1 :]
        self.assertEqual([m for m in after if m["content"].get("transient")], [])

    def test_an_error_and_an_interrupt(self) -> None:
        request = self.kc.execute(UNGUARDED + "import time\nprint('on')\ntime.sleep(60)", allow_stdin=False)
        self.wait_for_text(request, "on")
        while not self.displays():
            self.outcome.messages.append(self.next_message("iopub"))
        self.km.interrupt_kernel()
        self.outcome.messages += self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.displays()[-1]["content"]["data"]["text/plain"], "")

    def test_a_cell_that_ends_its_process(self) -> None:
        self.outcome = self.run_cell(UNGUARDED + "import time, os\ntime.sleep(2.5)\nos.abort()")
        self.assertEqual(self.outcome.reply["status"], "error")
        self.assertEqual([m["content"]["data"]["text/plain"] for m in self.displays()][-1], "")
        self.assertEqual(len(self.displays()), 2)

    def test_settings(self) -> None:
        for name, value in (
            ("SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS", "1"),
            ("SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS", "True"),
            ("SCOREPKERNEL_REPORT", "off"),
        ):
            with self.subTest(name=name, value=value):
                self.with_variable(name, value)
                self.assertEqual(self.run_measured("import time; time.sleep(2.5)"), [])
                self.doCleanups()

    def test_without_samples(self) -> None:
        self.with_variable("SCOREPKERNEL_SAMPLING", "off")
        self.assertRegex(self.run_measured(SLOW)[0], BUSY + r"2 s$")

    def test_without_a_trace(self) -> None:
        self.with_variable("SCOREP_ENABLE_TRACING", "false")
        text = self.run_measured(SLOW)[0]
        self.assertIn(" events; hottest", text)


class WhatIsShownByScoreP(ByScoreP, WhatIsShown):
    pass


if __name__ == "__main__":
    unittest.main()
