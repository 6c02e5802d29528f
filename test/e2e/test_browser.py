#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""The report as Chromium shows it: in JupyterLab 4, notebook 7 and nbconvert's HTML, light and dark, trusted and not.
SPK_PICTURES names a directory where pictures of all of them are left to be looked at."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import tempfile
import unittest
from typing import Any

from applications import Jupyter, find_program, what_lacks
from browser import Browser, find_browser
from kernel import TREE
from measuring import needs_tracer

WIDE, NARROW, HEIGHT = 1000, 500, 1400
HOT = "most = work(seconds)  # the line that takes longest"
DEFINITIONS = """\
import threading, time

def work(seconds):
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        count += sum(range(1000))
    return count

def multiply(seconds):
    try:
        import numpy
    except ImportError:
        return None
    matrix, end = numpy.ones((400, 400)), time.monotonic() + seconds
    while time.monotonic() < end:
        matrix @ matrix

seconds, pause = 1.4, 0.7"""
MEASURED = f"""\
%%execute_with_scorep --no-guard
label = "<i>this is no markup</i>"
threads = [threading.Thread(target=work, args=(0.5,)) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
multiply(0.4)
time.sleep(pause)
{HOT}"""
CHANGED = "seconds, pause = 0.5, 1.2"
COMPARED = """\
import glob
get_ipython().run_line_magic("scorep_compare", " ".join(sorted(glob.glob("scorep-2*"))[-2:]))"""
# Pictures are taken out of what is not trusted: by it is told whether this notebook is.
PROBE = "from IPython.display import HTML; HTML('<p class=\"probe\">{}<svg width=\"9\" height=\"9\"></svg></p>')"

MARKUP = r"</?(?:[bi]|br|code|details|div|pre|small|span|summary|t[dhr]|table|tbody|thead)[ >]|&[a-z#0-9]+;|style="
CONTRAST = 4.5  # WCAG 2's level AA
SCREEN = 900

with open(os.path.join(os.path.dirname(__file__), "in_page.js"), encoding="utf-8") as script:
    IN_PAGE = script.read()


def write_notebook(path: str, mark: str) -> None:
    cells = [
        {"cell_type": "code", "id": f"cell{i}", "metadata": {}, "source": code, "outputs": [], "execution_count": None}
        for i, code in enumerate((DEFINITIONS, PROBE.format(mark), MEASURED, CHANGED, MEASURED, COMPARED))
    ]
    kernel = {"name": "scorep-python", "display_name": "scorep-python", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(notebook, file)


jupyter: Jupyter
browser: Browser


def setUpModule() -> None:
    """Measures the cell, once for all, and starts the browser."""
    global browser, jupyter
    program = find_browser()
    if not program:
        raise unittest.SkipTest("there is no Chromium: no chromium, chromium-browser or google-chrome on PATH")
    # The pages of nbconvert 6 let outputs become wider than the window, and scroll all of them.
    if what_lacks("jupyter-nbconvert", "7"):
        raise unittest.SkipTest(what_lacks("jupyter-nbconvert", "7"))
    if not os.path.exists(os.path.join(TREE, "bin", "scorepkernel")):
        raise unittest.SkipTest(f"{TREE} has not been built")
    needs_tracer()
    directory = os.path.realpath(tempfile.mkdtemp(prefix="scorepkernel-test-"))
    unittest.addModuleCleanup(shutil.rmtree, directory)
    jupyter = Jupyter(directory)
    unittest.addModuleCleanup(jupyter.close)
    execute_notebooks()
    browser = Browser(program, directory)
    unittest.addModuleCleanup(browser.close)


def execute_notebooks() -> None:
    """Two that differ: a signature is one of the content, whatever the file is called."""
    names = ["trusted.ipynb", "untrusted.ipynb"]
    for name in names:
        write_notebook(os.path.join(jupyter.notebooks, name), name)
    jupyter.run("jupyter-nbconvert", "--to", "notebook", "--execute", "--inplace", *names)
    if find_program("jupyter-trust"):
        jupyter.run("jupyter-trust", "trusted.ipynb")


class Shown(unittest.TestCase):
    """One way of showing the report; the classes at the end of this file say which there are."""

    application = ""
    theme = "light"
    is_trusted = True

    @classmethod
    def setUpClass(cls) -> None:
        if not cls.application:
            raise unittest.SkipTest("this class is the base of others")
        cls.page = browser.open_page(WIDE, HEIGHT)
        cls.addClassCleanup(cls.page.close)
        cls.page.go_to(cls.address())
        cls.ask("rendered()")
        cls.ask(f"themed({json.dumps(cls.theme == 'dark')})")

    @classmethod
    def address(cls) -> str:
        raise NotImplementedError

    @classmethod
    def notebook(cls) -> str:
        return "trusted" if cls.is_trusted else "untrusted"

    @classmethod
    def ask(cls, question: str) -> Any:
        return cls.page.value(f"({IN_PAGE}).{question}")

    def setUp(self) -> None:
        self.show(WIDE, False)

    def show(self, width: int, is_open: bool) -> None:
        self.page.resize(width, HEIGHT)
        self.ask(f"open({json.dumps(is_open)})")

    def keep_picture(self, what: str) -> None:
        directory = os.environ.get("SPK_PICTURES")
        picture = self.page.picture()
        self.assertTrue(picture.startswith(b"\x89PNG"))
        if directory:
            os.makedirs(directory, exist_ok=True)
            name = f"{self.application}-{self.theme}-{self.notebook()}-{what}.png"
            pathlib.Path(directory, name).write_bytes(picture)

    def test_trust(self) -> None:
        """That the other tests look at what they say they do."""
        self.assertEqual(self.ask("isTrusted()"), self.is_trusted)

    def test_text(self) -> None:
        text = self.ask("text()")
        self.assertRegex(text, r"^\d\.\d+ s · \d\.\d\d of one processor · \d+ % waiting")
        self.assertIn(HOT, text)
        self.assertIn("events in 3 locations, measured by the built-in tracer", text)
        self.assertIn("Experiment: ", text)
        self.show(WIDE, True)
        text = self.ask("text()")
        for part in ("(the cell itself)", "work", "the cell\n", "thread 1\n", "inclusive"):
            self.assertIn(part, text)

    def test_markup_is_not_seen(self) -> None:
        self.show(WIDE, True)
        text = self.ask("text()")
        self.assertIn('label = "<i>this is no markup</i>"', text)
        self.assertEqual(self.ask("elements('i')"), 0)
        self.assertNotRegex(text.replace("<i>this is no markup</i>", ""), MARKUP)

    def test_comparison(self) -> None:
        text = self.ask("comparison()")
        self.assertRegex(text, r"s before, \d\.\d\d s now")
        self.assertRegex(text, r"times faster\s+8\s+most = work")
        self.assertRegex(text, r"times slower\s+7\s+time.sleep")

    def test_height(self) -> None:
        self.keep_picture("closed")
        self.assertLess(self.ask("height()"), SCREEN)

    def test_opened(self) -> None:
        closed = self.ask("height()")
        self.assertEqual(self.ask("elements('details')"), 4)
        self.show(WIDE, True)
        self.keep_picture("opened")
        self.ask("show_comparison()")
        self.keep_picture("compared")
        self.assertGreater(self.ask("height()"), closed + 200)
        self.assertLessEqual(self.ask("widest()"), self.ask("right()") + 0.5)

    def test_bars(self) -> None:
        self.assertGreaterEqual(self.ask("bars()"), 4 + 4, "those of the lines, and the legend")

    def test_narrow(self) -> None:
        self.show(NARROW, False)
        self.keep_picture("narrow")
        source = self.ask(f"source({json.dumps(HOT)})")
        self.assertLessEqual(source["right"], NARROW)
        self.assertGreaterEqual(source["right"] - source["left"], min(source["whole"], 100))
        self.assertLessEqual(self.ask("widest()"), NARROW)
        self.show(NARROW, True)
        self.keep_picture("narrow-opened")
        self.assertLessEqual(self.ask("widest()"), NARROW)

    def test_contrast(self) -> None:
        self.show(WIDE, True)
        ratio, text = self.ask("faintest()")
        self.assertGreaterEqual(ratio, CONTRAST, text)

    def test_emptied_progress(self) -> None:
        height = self.ask("emptied()")
        self.assertGreaterEqual(height, 0, "the cell was too fast to have a display of its progress")
        self.assertLess(height, 40)


class Served(Shown):
    """By a Jupyter server, with a kernel behind the notebook."""

    program, version = "jupyter-lab", "4"

    @classmethod
    def setUpClass(cls) -> None:
        if cls.application:
            for program, version in (("jupyter-lab", "4"), ("jupyter-trust", ""), (cls.program, cls.version)):
                if what_lacks(program, version):
                    raise unittest.SkipTest(what_lacks(program, version))
            if not jupyter.server:
                jupyter.serve()
            jupyter.choose_theme(cls.theme)
        super().setUpClass()

    @classmethod
    def address(cls) -> str:
        return jupyter.address(cls.application, cls.notebook() + ".ipynb")


class Converted(Shown):
    """By nbconvert, which shows all notebooks as they are."""

    @classmethod
    def address(cls) -> str:
        name = f"{cls.theme}.html"
        form = ["--to", "html", "--template", "lab", "--theme", cls.theme, "--output", name]
        jupyter.run("jupyter-nbconvert", *form, cls.notebook() + ".ipynb")
        return pathlib.Path(jupyter.notebooks, name).as_uri()


class Lab(Served):
    application = "lab"


class LabDark(Lab):
    theme = "dark"


class LabUntrusted(Lab):
    is_trusted = False


class LabUntrustedDark(LabDark, LabUntrusted):
    pass


class Notebook(Served):
    application = "notebook"
    program, version = "jupyter-notebook", "7"


class NotebookDark(Notebook):
    theme = "dark"


class NotebookUntrusted(Notebook):
    is_trusted = False


class NotebookUntrustedDark(NotebookDark, NotebookUntrusted):
    pass


class Html(Converted):
    application = "nbconvert"


class HtmlDark(Html):
    theme = "dark"


def load_tests(loader: unittest.TestLoader, found: unittest.TestSuite, pattern: Any) -> unittest.TestSuite:
    """The classes that say which application they look at."""
    return unittest.TestSuite(suite for suite in found if all(test.application for test in suite))


if __name__ == "__main__":
    unittest.main()
