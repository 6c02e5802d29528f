# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""Files for other viewers, made of a report as experiments keep it: what is in them, and that a report which is damaged is
refused with a sentence."""

import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
import kept_report  # noqa: E402
import package  # noqa: E402

package.load()
from spk_worker.experiments import exports, regions, samples  # noqa: E402

HOSTILE = ("x" * 100_000, "a\nb\r\u2028;\"'<script>", "\ud800half", "\0", "")


class Formats(unittest.TestCase):
    def test_names(self) -> None:
        """None breaks the lines of a format, its JSON, or UTF-8."""
        for name in HOSTILE:
            report = kept_report.report(name)
            folded = exports.FORMATS["folded"].make(report).decode()
            self.assertEqual([line.rpartition(" ")[2] for line in folded[:-1].split("\n")], ["150000", "80000", "30000", "90000"])
            scope = json.loads(exports.FORMATS["speedscope"].make(report))
            self.assertEqual([one["name"] for one in scope["profiles"]], ["the cell", "rank 3: thread 1"])
            self.assertEqual([one["endValue"] for one in scope["profiles"]], [260_000_000, 90_000_000])
            self.assertEqual(len(json.loads(exports.FORMATS["chrome"].make(report))["traceEvents"]), 7)

    def test_what_is_damaged(self) -> None:
        """Nothing but these errors, whatever a report holds that passed as one."""
        refused = 0
        for report in kept_report.wrong_reports():
            for form in exports.FORMATS.values():
                try:
                    self.assertIsInstance(form.make({**report, "directory": "/tmp/experiment"}), bytes)
                except (samples.NothingSampled, samples.NotUnderstood) as problem:
                    self.assertRegex(str(problem), r"^[TA-Z].*\.$")
                    refused += 1
        self.assertGreater(refused, 100)

    def test_regions_that_are_damaged(self) -> None:
        self.assertIsNotNone(regions.read(kept_report.report()))
        rows = [regions.read(report) for report in kept_report.wrong_reports()]
        self.assertGreater(rows.count(None), 50)
        for row in (row for one in rows if one for row in one):
            self.assertEqual([type(value) for value in row[:6]], [str, str, int, int, int, int])


if __name__ == "__main__":
    unittest.main()
