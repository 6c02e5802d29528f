# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""The tables that C, Python and the documents are made from: each row is whole, and what is made of them is current."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import make_tables  # noqa: E402 - from the directory above

SOURCES = os.path.join(ROOT, "libscorepkernel")
DIRECTIVES = os.path.join(SOURCES, "directives", "directives.def")
FRAMES = os.path.join(SOURCES, "wire", "frames.def")


class Tables(unittest.TestCase):
    def test_directives(self):
        kinds, names = set(), set()
        for row in make_tables.rows(DIRECTIVES):
            if row.macro == "OPTION":
                kind, name, _value, summary = row.values
                self.assertIn(kind, kinds, row)
                self.assertRegex(name, r"^--[a-z-]+$")
            else:
                kind, name, form, handler, text, _usage, summary = row.values
                self.assertEqual(kind in kinds, row.macro == "ALIAS", row)
                self.assertIn(form, ("CODE", "LINES", "NOTHING", "LINE", "LINE_1", "LINE_2"))
                self.assertRegex(handler, "^decide_")
                self.assertNotIn(name, names)
                self.assertRegex(summary, r"^[A-Z].*\.$")
                self.assertTrue(not text or make_tables.explanation(DIRECTIVES, text))
                kinds.add(kind)
                names.add(name)
            self.assertTrue(summary)

    def test_each_help_text_is_of_a_directive(self):
        used = {row.values[4] for row in make_tables.rows(DIRECTIVES) if row.macro != "OPTION"}
        there = {name[: -len(".txt")] for name in os.listdir(os.path.join(os.path.dirname(DIRECTIVES), "help"))}
        self.assertEqual(used - {""}, there)

    def test_frames(self):
        numbers = set()
        for row in make_tables.rows(FRAMES):
            self.assertNotIn((row.macro, row.values[1]), numbers)
            numbers.add((row.macro, row.values[1]))
            self.assertRegex(row.values[-1], r"\.$|\.\.\.$")

    def test_words_that_c_and_python_both_spell(self):
        for c, pattern, python, name in (
            ("directives/script_directive.c", r"kind_name\(enum.*?^}", "worker/script/marked_cells.py", "Kind"),
            ("directives/settings_directives.c", r'"asked", .*?;', "worker/directives/settings.py", "ASKED"),
        ):
            with open(os.path.join(SOURCES, c), encoding="utf-8") as file:
                found = re.search(pattern, file.read(), re.S | re.M)
            with open(os.path.join(SOURCES, python), encoding="utf-8") as file:
                theirs = re.search(rf"^class {name}\b.*?\n\n\n|^[^\n]*\b{name} = [^\n]*", file.read(), re.S | re.M)
            words = set(re.findall(r'"(\w+)"', found[0])) - {"asked"}
            self.assertEqual(words, set(re.findall(r'"(\w+)"', theirs[0])))
            self.assertGreater(len(words), 1)

    def test_the_reference_is_current(self):
        with open(os.path.join(ROOT, "docs", "DIRECTIVES.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), make_tables.reference(DIRECTIVES), "run `make reference`")

    def test_what_is_no_row_is_refused(self):
        for text in ("DIRECTIVE(", "nonsense", "1 + 1", "F(g(1))"):
            with tempfile.NamedTemporaryFile("w", suffix=".def") as file:
                file.write(text)
                file.flush()
                tool = [sys.executable, os.path.join(ROOT, "tools", "make_tables.py"), "frames", file.name]
                done = subprocess.run(tool, capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, text)
            self.assertTrue(re.match("make_tables: .", done.stderr), done.stderr)


if __name__ == "__main__":
    unittest.main()
