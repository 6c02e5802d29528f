# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""A directive, a view of the report and a measurement system are each added by one new file and one row: in a copy of the
source tree, which is built, and whose kernel then has them. docs/CONTRIBUTING.md says the same in words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from typing import ClassVar

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COPY = tempfile.mkdtemp(prefix="scorepkernel-registries-")
BUILT = "build/release/tree"
os.environ["SPK_TREE"] = os.path.join(COPY, BUILT)
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))

from kernel import KernelCase  # noqa: E402 - it looks for the tree when it is imported

DIRECTIVE = r"""
#include "directives/handlers.h"

int decide_demo(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    (void)cell;
    return decision_done(decision, "The demo was given%.*s.\n", (int)directive->body.len, directive->body.data);
}
"""
VIEW = r"""
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

static void text(struct buffer *out, const struct findings *findings)
{
    print_text(out, "\nThe demo's view of %s.\n", draw_member(findings->measured, "measurement", "?"));
}

static void html(struct buffer *out, const struct findings *findings)
{
    print_text(out, "<p>The demo's view of ");
    print_html(out, draw_member(findings->measured, "measurement", "?"));
    print_text(out, ".</p>");
}

const struct report_view view_demo = {"demo", text, html};
"""
SYSTEM = '''
from .system import System


class Demo(System):
    """Measures nothing."""

    key = "demo"
    is_automatic = False
    title = name = spoken = "the demo system"
'''


def write(path: str, text: str) -> None:
    with open(os.path.join(COPY, path), "w", encoding="utf-8") as file:
        file.write(text)


def add_row(path: str, before: str, row: str) -> None:
    """Put a row before the first line that begins with that text."""
    with open(os.path.join(COPY, path), encoding="utf-8") as file:
        text = file.read()
    assert text.count(before) == 1, (path, before)
    write(path, text.replace(before, row + before))


def copy_tree() -> None:
    """The sources, and what was built of them, so that only what changes is built anew."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split("\n") if listed.returncode == 0 else []
    if "Makefile" not in names:
        raise unittest.SkipTest("the sources are not a Git checkout, which says what belongs to them")
    for name in filter(None, names):
        if os.path.exists(os.path.join(ROOT, name)):
            os.makedirs(os.path.join(COPY, os.path.dirname(name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(COPY, name))
    for part in ("obj", "tree", ".ready"):
        subprocess.run(["cp", "-a", os.path.join(ROOT, "build/release", part), os.path.join(COPY, "build/release/")], check=True)


class Registries(KernelCase):
    environment: ClassVar[dict] = {"SCOREPKERNEL_MEASUREMENT": "demo"}

    @classmethod
    def setUpClass(cls) -> None:
        cls.addClassCleanup(shutil.rmtree, COPY, ignore_errors=True)
        if os.environ.get("SPK_SANITIZE"):
            raise unittest.SkipTest("the release build shows this")
        os.makedirs(os.path.join(COPY, "build/release"))
        copy_tree()
        write("libscorepkernel/directives/demo.c", DIRECTIVE)
        add_row(
            "libscorepkernel/directives/directives.def",
            'DIRECTIVE(ENV, "scorep_env"',
            'DIRECTIVE(DEMO, "scorep_demo", NOTHING, decide_demo, "", "[WORDS]", "Show that one row is enough.")\n',
        )
        write("libscorepkernel/report/views/view_demo.c", VIEW)
        add_row("libscorepkernel/report/views.def", "VIEW(regions)", "VIEW(demo)\n")
        write("libscorepkernel/worker/measure/systems/demo.py", SYSTEM)
        cls.add_system()
        done = subprocess.run(["make", "-C", COPY, "all"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        super().setUpClass()

    @classmethod
    def add_system(cls) -> None:
        selection = "libscorepkernel/worker/measure/systems/selection.py"
        add_row(selection, "from .score_p import ScoreP\n", "from .demo import Demo\n")
        add_row(selection, "ScoreP, BuiltIn", "Demo, ")

    def test_directive(self) -> None:
        self.assertEqual(self.ok("%%scorep_demo two words").text(), "The demo was given two words.\n")
        self.fails("x = 1\n%%scorep_demo", "UsageError")

    def test_help_of_the_directive(self) -> None:
        request = self.kc.inspect("%%scorep_demo", 5)
        shown = self.reply_of(request)["data"]["text/plain"]
        self.assertIn("Show that one row is enough.", shown)
        self.assertIn("%%scorep_demo [WORDS]", shown)

    def test_completion_of_the_directive(self) -> None:
        request = self.kc.complete("%%scorep_de")
        self.assertIn("%%scorep_demo", self.reply_of(request)["matches"])

    def test_a_system_that_does_not_measure_ranks(self) -> None:
        outcome = self.fails("%%execute_with_scorep --ranks 2\nx = 1", "NotMeasured")
        self.assertIn("SCOREPKERNEL_MEASUREMENT is demo, which does not measure ranks", outcome.reply["evalue"])

    def test_view_and_system(self) -> None:
        outcome = self.ok("%%execute_with_scorep\nx = 1")
        self.assertIn("The demo's view of the demo system.", outcome.report)
        self.assertEqual(self.value("x"), 1)


if __name__ == "__main__":
    unittest.main()
