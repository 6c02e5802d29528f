# SPDX-License-Identifier: BSD-3-Clause
"""The page that a report is handed on as: whole, without scripts, and the same whatever users' texts hold."""

import html.parser
import json
import os
import subprocess
import sys
import tempfile
import unittest
from typing import Any, Dict, List, Optional, Tuple
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
import kept_report  # noqa: E402
import package  # noqa: E402

package.load()
from spk_worker.base import places  # noqa: E402
from spk_worker.experiments import exports, kept, page, regions  # noqa: E402

HOSTILE = ("x" * 100_000, "a\nb\r\u2028;\"'<script>alert(1)</script>&amp;", "</code></pre><img src=x>", "\ud800half\u202e", "\0\x1b[1m", "")
VOID = ("meta", "br", "img")


class Elements(html.parser.HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.names: List[str] = []
        self.attributes: List[Tuple[str, Optional[str]]] = []
        self.open: List[str] = []
        self.text: Dict[str, str] = {}
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        for name in set(self.open):
            self.text[name] = self.text.get(name, "") + data


class Page(unittest.TestCase):
    def setUp(self) -> None:
        if not os.path.exists(places.HTML_PROGRAM):
            self.skipTest(f"{places.HTML_PROGRAM} has not been built")
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def made(self, report: Dict[str, Any], source: str = "work()", record: Optional[Dict[str, Any]] = None) -> bytes:
        with open(os.path.join(self.directory.name, "cell.py"), "w", encoding="utf-8", errors="replace") as file:
            file.write(source)
        made = exports.FORMATS["html"].make(kept.Experiment(self.directory.name, record or {}), report)
        self.assertTrue(made.startswith(page.BEGIN) and made.endswith(b"</html>\n"))
        return made

    def looked_at(self, content: bytes) -> Elements:
        elements = Elements(content)
        self.assertEqual(elements.open, [], "all is closed")
        self.assertFalse({"script", "img", "link", "iframe", "object", "svg"} & set(elements.names))
        self.assertFalse([name for name, _ in elements.attributes if name.startswith("on") or name in ("href", "src")])
        return elements

    def test_what_is_in_it(self) -> None:
        record = {"execution_count": 7, "notebook": "/home/me/heat.ipynb", "started": "2026-12-01T11:31:02+0000", "host": "node1",
                  "status": "error: ValueError"}
        elements = self.looked_at(self.made(kept_report.report(), "%%execute_with_scorep\nwork()", record))
        self.assertEqual(elements.text["title"], "Cell 7 of heat.ipynb")
        self.assertIn("2026-12-01 11:31:02 · on node1 · error: ValueError", elements.text["p"])
        self.assertEqual(elements.text["pre"], "%%execute_with_scorep\nwork()")
        self.assertIn("Flame graph", elements.text["body"])
        self.assertIn("/tmp/experiment", elements.text["body"])
        self.assertIn("prefers-color-scheme: dark", elements.text["style"])

    def test_users_texts(self) -> None:
        for text in HOSTILE:
            report = kept_report.report(text)
            report["directory"] = report["way"] = text
            record = dict.fromkeys(("execution_count", "notebook", "started", "host", "status"), text)
            elements = self.looked_at(self.made(report, text, record))
            seen = text.encode("utf-8", "replace").decode().replace("\r", "\n")
            if text.isprintable():
                self.assertEqual(elements.text.get("pre", ""), seen)
                self.assertEqual(elements.text["title"], f"Cell {text} of {os.path.basename(text)}" if text else "Measured cell")

    def test_what_is_damaged(self) -> None:
        """A page of what can be read, whatever the rest is."""
        places_seen = 0
        for number, report in enumerate(kept_report.wrong_reports()):
            if number % 23 == 0 and regions.read(report) is not None:
                self.looked_at(self.made(report))
                places_seen += 1
        self.assertGreater(places_seen, 30)
        for value in ({}, [], None, 1.5):
            self.looked_at(self.made(kept_report.report(), record=dict.fromkeys(("execution_count", "notebook", "status"), value)))

    def test_what_cannot_be_made(self) -> None:
        deep: Any = []
        for _ in range(700):
            deep = [deep]
        with self.assertRaisesRegex(page.NoPage, "not understood. Measure the cell again"):
            self.made({**kept_report.report(), "deep": deep})
        with mock.patch.object(places, "HTML_PROGRAM", "/nowhere/scorepkernel-html"):
            with self.assertRaisesRegex(page.NoPage, "is missing.* Install the kernel again"):
                self.made(kept_report.report())

    def test_the_program(self) -> None:
        """It says what is wrong, and its exit code does."""
        with open("/dev/full", "w") as full:
            done = subprocess.run([places.HTML_PROGRAM], input=json.dumps(kept_report.report()).encode(), stdout=full, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (1, b"No space left on device\n"))
        for given in (b"", b"{", b"\xff"):
            done = subprocess.run([places.HTML_PROGRAM], input=given, capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertEqual(done.stderr, b"the measurement is not understood\n")
        done = subprocess.run([places.HTML_PROGRAM, "--help"], capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"a part of the Score-P kernel", done.stderr)


if __name__ == "__main__":
    unittest.main()
